"""Training learns, repeats to the bit, survives being killed, and refuses what it cannot use."""

import math
import pickle
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ecgkit import InputError
from ecgkit.nn.models import TCN, ResNet, ResNetTCN
from ecgkit.train import fit
from ecgkit.train.checkpoints import CHECKPOINT
from ecgkit.train.device import pick_device, pick_precision
from ecgkit.train.fit import predict
from ecgkit.train.recipe import RECIPES, Recipe, class_weights, learning_rate, loss

CPU = torch.device("cpu")
PAPER = Recipe(epochs=4, batch=32)
OURS = replace(RECIPES["ours"], epochs=4, batch=24)


def make_network(seed=0, n_features=0):
    """Batch norm, weight norm, dropout and all branches, but small."""
    torch.manual_seed(seed)
    return ResNetTCN(ResNet(), TCN((4, 16)), n_features)


def make_beats(counts=(24, 6, 9, 5), seed=0):
    """Beats whose classes a bump's place tells apart."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int8)
    bumps = np.exp(-(((np.arange(180) - 30 - 40 * labels[:, None]) / 8) ** 2))
    return (bumps + 0.1 * rng.normal(size=bumps.shape)).astype(np.float32), labels


def train(network, recipe, *, beats=None, **options):
    x, y = make_beats() if beats is None else beats
    return fit.fit(network, x, y, recipe, **{"device": "cpu", **options})


def losses(curve):
    return [entry.loss for entry in curve]


def weights(network):
    return {k: v.detach().clone() for k, v in network.state_dict().items()}


def assert_same_weights(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=0)


# Learning


def test_features_are_learnt_from_and_left_alone_by_augmentation():
    labels = np.random.default_rng(0).integers(4, size=200).astype(np.int8)
    beats, features = np.zeros((200, 180), np.float32), np.eye(6, dtype=np.float32)[labels]
    network, seen = make_network(n_features=6), []
    network.branches["features"].register_forward_pre_hook(lambda _, x: seen.append(x[0].clone()))
    recipe = Recipe(epochs=4, batch=20, learning_rate=3e-3, gain=0.3, noise_mv=0.05)
    train(network, recipe, beats=(beats, labels), features=features)
    assert torch.cat(seen).unique(dim=0).tolist() == torch.eye(6)[:4].flip(0).tolist()
    assert (predict(network, beats, features).argmax(axis=1) == labels).mean() > 0.95


@pytest.mark.parametrize(("each_branch", "times"), [(0.0, 1), (0.5, 2)])
def test_a_network_that_knows_nothing_has_a_loss_of_ln_4(each_branch, times):
    network = make_network()
    nn.init.zeros_(network.linear.weight)
    nn.init.zeros_(network.linear.bias)
    (entry,) = train(network, Recipe(epochs=1, batch=1000, each_branch=each_branch))
    assert entry.loss == pytest.approx(times * math.log(4), abs=1e-5)  # 1 + 0.5 + 0.5 times


def test_the_curve_has_what_evaluate_returned_and_the_last_epochs_weights_stay():
    scores, after = [0.9, 0.5, 0.1], []

    def evaluate(network):
        after.append(weights(network))
        return {"accuracy": scores[len(after) - 1]}

    network = make_network()
    curve = train(network, Recipe(epochs=3, batch=32), evaluate=evaluate)
    assert [entry.epoch for entry in curve] == [1, 2, 3]
    assert [entry.scores["accuracy"] for entry in curve] == scores
    assert_same_weights(weights(network), after[-1])
    assert not torch.equal(after[0]["linear.weight"], after[-1]["linear.weight"])


# What an epoch is made of


class Recorder(nn.Linear):
    """Keeps the batches it is given."""

    def forward(self, x):
        self.seen = [*getattr(self, "seen", []), x.numpy().copy()]
        return super().forward(x)


def test_each_epoch_holds_every_beat_unchanged_and_fresh_crops_of_the_rare_ones():
    x, y = make_beats(counts=(24, 6, 9, 5))
    recorder = Recorder(180, 4)
    train(recorder, Recipe(epochs=2, batch=20), beats=(x, y))
    # 4 x 24 draws per epoch in batches of 20: 4 whole ones and 16 left over
    assert [len(batch) for batch in recorder.seen] == 2 * [20, 20, 20, 20, 16]
    originals = {beat.tobytes() for beat in x}
    drawn = [[b.tobytes() for b in e] for e in np.concatenate(recorder.seen).reshape(2, 96, 180)]
    for epoch in drawn:
        kept = [beat for beat in epoch if beat in originals]
        assert set(kept) == originals
        assert len(kept) <= 44 + 5  # a crop is now and then the whole beat: 1 in 46
    crops = [set(epoch) - originals for epoch in drawn]
    assert not crops[0] & crops[1]
    for change, unchanged in (({"noise_mv": 0.1}, 0), ({"cropped_originals": 1.0}, 0.1)):
        recorder = Recorder(180, 4)
        train(recorder, Recipe(epochs=1, batch=96, **change), beats=(x, y))
        assert np.mean([b.tobytes() in originals for b in recorder.seen[0]]) <= unchanged


# Repeating, checkpoints and resuming


def test_a_run_repeats_to_the_bit_whatever_was_drawn_before_or_looked_at_between():
    a, b, c = make_network(), make_network(), make_network()
    first = train(a, PAPER)
    torch.manual_seed(12345)
    x, _ = make_beats(seed=1)
    second = train(b, PAPER, evaluate=lambda n: {"p": float(predict(n, x)[0, 0])})
    assert losses(first) == losses(second)
    assert_same_weights(weights(a), weights(b))
    assert losses(train(c, PAPER, seed=1)) != losses(first)


def cut_off_after(epochs, out, recipe, **options):
    """Start a run that is interrupted once it has saved so many epochs."""
    evaluate = Mock(side_effect=[*epochs * [{}], KeyboardInterrupt])
    with pytest.raises(KeyboardInterrupt):
        train(make_network(), recipe, out=out, evaluate=evaluate, **options)


@pytest.mark.parametrize("recipe", [PAPER, OURS], ids=["paper", "ours"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_run_cut_off_and_resumed_ends_like_one_left_alone(tmp_path, recipe, epochs):
    alone, resumed = make_network(), make_network(seed=99)  # whose weights do not matter
    expected = train(alone, recipe, seed=7)
    cut_off_after(epochs, tmp_path, recipe, seed=7)
    curve = train(resumed, recipe, seed=7, out=tmp_path, resume=True)
    assert losses(curve) == losses(expected)
    assert_same_weights(weights(resumed), weights(alone))
    again = make_network(seed=1)  # a finished run is read back
    assert train(again, recipe, seed=7, out=tmp_path, resume=True) == curve
    assert_same_weights(weights(again), weights(alone))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from ecgkit.train import checkpoints, fit
from test_training import OURS, make_network, train

torch.set_num_threads(1)
point, at, calls = sys.argv[3], int(sys.argv[4]), 0
module = {"random_crops": fit, "save_file": checkpoints, "replace": os}[point]
real = getattr(module, point)

def call(*given):
    global calls
    calls += 1
    result = None if calls == at and point == "random_crops" else real(*given)
    if calls == at:
        if point == "save_file":
            os.truncate(given[1], Path(given[1]).stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(module, point, call)
train(make_network(), OURS, seed=7, out=Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("point", "at"),
    [
        ("random_crops", 7),  # within the second epoch, which has 5 steps or so
        ("save_file", 2),  # with half of the second draft written
        pytest.param("random_crops", 1, marks=pytest.mark.slow),
        pytest.param("save_file", 1, marks=pytest.mark.slow),
        pytest.param("replace", 2, marks=pytest.mark.slow),  # just after a checkpoint
    ],
)
def test_a_killed_process_resumes_to_identical_weights(tmp_path, point, at):
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path), point, at]
    killed = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / CHECKPOINT).exists() == (at > 1)
    alone, resumed = make_network(), make_network(seed=99 * (at > 1))
    expected = train(alone, OURS, seed=7)
    assert losses(train(resumed, OURS, seed=7, out=tmp_path, resume=True)) == losses(expected)
    assert_same_weights(weights(resumed), weights(alone))


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": Recipe(epochs=3, batch=64)},
        {"recipe": Recipe(epochs=2, batch=64, balance=0.9)},
        {"seed": 1},
        {"precision": "bfloat16" if pick_precision(CPU) == torch.float32 else "float32"},
        {"beats": make_beats(seed=5)},  # as many, but others
        {"beats": (make_beats()[0], make_beats()[1][::-1].copy())},
        {"features": np.zeros((44, 6), np.float32)},
        {"network": ResNetTCN(ResNet())},
        {"network": ResNetTCN(ResNet(), TCN((4, 17)))},
        {"network": ResNetTCN(ResNet(), TCN((4, 16), squeeze="time"))},  # of the same weights
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, other):
    recipe = Recipe(epochs=2, batch=64)
    cut_off_after(1, tmp_path, recipe)
    settings = {"network": make_network(), "recipe": recipe, **other}
    with pytest.raises(InputError, match="differ"):
        train(**settings, out=tmp_path, resume=True)


class Trap:
    """Leaves a mark when unpickled."""

    def __reduce__(self):
        return open, ("mark", "w")


@pytest.mark.parametrize("damage", ["cut short", "empty", "pickle", "header", "moment"])
def test_a_damaged_checkpoint_is_refused(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    recipe, path = Recipe(epochs=2, batch=64), Path(CHECKPOINT)
    cut_off_after(1, tmp_path, recipe)
    if damage == "moment":
        with safetensors.safe_open(path, "pt") as file:
            about = file.metadata()
        kept = {k: v for k, v in load_file(path).items() if k != "optimizer/3/exp_avg"}
        save_file(kept, path, about)
    else:
        whole = path.read_bytes()
        header = whole[: 8 + int.from_bytes(whole[:8], "little")]
        others = {"empty": b"", "pickle": pickle.dumps(Trap()), "header": header}
        path.write_bytes(others.get(damage, whole[:-1000]))
    with pytest.raises(InputError):
        train(make_network(), recipe, out=tmp_path, resume=True)
    assert not Path("mark").exists()


# Recipes


def test_the_papers_recipe_is_the_papers():
    paper = RECIPES["paper"]
    # Section III-A: 50 iterations, Adam at 0.0001, cross-entropy; classes raised to N's number.
    assert (paper.epochs, paper.learning_rate, paper.schedule) == (50, 1e-4, "constant")
    others = {k: v for k, v in asdict(paper).items() if k not in ("epochs", "learning_rate")}
    assert [k for k, v in others.items() if v] == ["batch", "schedule", "balance", "shortest_crop"]
    assert (paper.batch, paper.balance, paper.shortest_crop) == (128, 1, 0.75)


@pytest.mark.parametrize("bad", [{"batch": 0}, {"epochs": -1}, {"schedule": "cosine"}])
def test_a_recipe_that_cannot_be_followed_is_refused(bad):
    with pytest.raises(InputError):
        Recipe(**bad)


def test_the_learning_rate_over_the_steps_of_all_epochs(monkeypatch):
    assert [learning_rate(Recipe(), step, 100) for step in (0, 50, 99)] == 3 * [1e-4]
    cycle = Recipe(learning_rate=2e-3, schedule="one-cycle")
    expected = {
        **{0: 0.04, 1: 0.52, 2: 1.0},  # a twenty-fifth; half way up, (0.04 + 1) / 2; the peak
        **{5: (1 + math.sqrt(3) / 2) / 2, 8: 0.75},  # cos 30, 60 degrees
        **{11: 0.5, 14: 0.25, 20: 0.0},  # cos 90, 120, 180 degrees
    }
    for step, factor in expected.items():
        assert learning_rate(cycle, step, 21) == pytest.approx(2e-3 * factor, abs=1e-15)
    asked = []
    monkeypatch.setattr(fit, "learning_rate", lambda _, *at: asked.append(at) or 0.0)
    network = nn.Linear(180, 4)
    before = weights(network)
    train(network, Recipe(epochs=3, batch=20))  # 96 draws: 5 steps per epoch
    assert asked == [(step, 15) for step in range(15)]
    assert_same_weights(weights(network), before)  # steps of size 0


def test_class_weights_and_focal_factors_by_their_formulas():
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor([800, 100, 80, 20]))
    factors = class_weights(labels, Recipe(balance=0.0, class_weights=0.5))
    assert factors.tolist() == pytest.approx(factors[0] * torch.tensor([1, 8, 10, 40]) ** 0.5)
    assert factors[labels].mean() == pytest.approx(1)
    assert class_weights(labels, Recipe()) is None
    balanced = class_weights(labels, Recipe(balance=1.0, class_weights=1.0))
    assert balanced.tolist() == pytest.approx(4 * [1.0])  # all classes are as frequent already
    logits, labels = torch.randn(50, 4), torch.randint(4, (50,))
    p, each = logits.softmax(dim=1)[torch.arange(50), labels], torch.tensor([0.5, 1.0, 2.0, 4.0])
    torch.testing.assert_close(loss(logits, labels, Recipe()), -p.log().sum())
    expected = (-((1 - p) ** 2) * p.log()).sum()
    torch.testing.assert_close(loss(logits, labels, Recipe(focal=2.0)), expected)
    expected = -(each[labels] * (1 - p) * p.log()).sum()
    torch.testing.assert_close(loss(logits, labels, Recipe(focal=1.0), each), expected)


# Refusals


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x, y: (np.where(x == x.max(), np.nan, x), y),
        lambda x, y: (np.where(x == x.max(), np.inf, x), y),
        *(lambda x, y: (x, y[:-1]), lambda x, y: (x[0], y), lambda x, y: (x, y[:, None])),
        *(lambda x, y: (x[:0], y[:0]), lambda x, y: (x[y != 2], y[y != 2])),  # no V
        *(lambda x, y: (x, y + 1), lambda x, y: (x, y - 1)),  # class Q, class -1
    ],
)
def test_a_training_half_that_cannot_be_used_is_refused(spoil):
    with pytest.raises(InputError):
        train(make_network(), Recipe(epochs=1), beats=spoil(*make_beats()))


@pytest.mark.parametrize("bad", [np.full((44, 6), np.nan), np.zeros((43, 6)), np.zeros(44)])
def test_features_that_do_not_belong_to_the_beats_are_refused(bad):
    with pytest.raises(InputError):
        train(make_network(n_features=6), Recipe(epochs=1), features=bad.astype(np.float32))


def test_a_loss_that_is_infinite_ends_the_run_with_advice():
    with pytest.raises(InputError, match="learning rate"):
        train(nn.Linear(180, 4), Recipe(epochs=2, batch=8, learning_rate=1e37))


# Devices and number formats


@pytest.mark.parametrize("name", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(InputError, match=name):
        pick_device(name)
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("amx", [True, False])
def test_auto_is_bfloat16_on_a_cpu_only_with_amx(amx, monkeypatch):
    # AVX-512 BF16 without AMX is slower than float32.
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert pick_precision(CPU) == (torch.bfloat16 if amx else torch.float32)
    assert pick_precision(CPU, "bfloat16") == torch.bfloat16
    assert pick_precision(CPU, "float32") == torch.float32
    for name in ("float16", "float8"):
        with pytest.raises(InputError, match=name):
            pick_precision(CPU, name)


def test_bfloat16_trains_on_a_cpu_and_keeps_weights_in_float32():
    network, recipe = make_network(), Recipe(epochs=3, batch=16, learning_rate=1e-3)
    found = losses(train(network, recipe, precision="bfloat16"))
    assert found != losses(train(make_network(), recipe, precision="float32"))  # it was in use
    assert found[-1] < found[0] < math.inf
    assert {p.dtype for p in network.parameters()} == {torch.float32}


# Predicting


@pytest.mark.parametrize("n", [0, 44, 300])  # more than 256 beats are worth folding norms
@pytest.mark.parametrize("n_features", [0, 6])
def test_probabilities_are_the_softmax_of_the_plain_networks_logits(n, n_features):
    network = make_network(n_features=n_features)
    x, y = make_beats(counts=(100, 90, 60, 50))
    z = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32) if n_features else None
    train(network, Recipe(epochs=1, batch=50), beats=(x, y), features=z)
    given = [part[:n] for part in (x, z) if part is not None]
    network.train()  # predict has to leave training mode by itself
    found = predict(network, *given)
    with torch.inference_mode():
        logits = network.eval().double()(*(torch.from_numpy(part).double() for part in given))
    e = np.exp(logits.numpy() - logits.numpy().max(axis=1, keepdims=True))
    assert (found.shape, found.dtype) == ((n, 4), np.float32)
    np.testing.assert_allclose(found, e / e.sum(axis=1, keepdims=True), atol=1e-5)
    network.float()
    for batch in (7, 1000):
        np.testing.assert_allclose(predict(network, *given, batch=batch), found, atol=1e-6)


def test_a_faster_branch_moves_ten_times_as_far():
    """Adam's first step is as long as the learning rate, whatever the gradient."""
    import branches  # of book/tools; processes that other tests start lack its folder

    network = branches.Joined(factor=10)
    faster = network.branches["tcn"]
    before = {name: 10 * p.detach() for name, p in faster.branch.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-20)
    network(torch.randn(8, 180)).square().sum().backward()
    optimizer.step()
    for name, parameter in faster.branch.named_parameters():
        moved = (10 * parameter.detach() - before[name]).abs()
        torch.testing.assert_close(moved.max(), torch.tensor(1e-2), atol=1e-5, rtol=0)
