"""Training learns, repeats to the bit, survives being cut off, and refuses what it cannot use."""

import errno
import math
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
from numpy.testing import assert_array_equal
from safetensors.torch import save_file
from torch import nn

from ecgkit import InputError, checkpoints, experiments, models, training
from ecgkit.checkpoints import CHECKPOINT
from ecgkit.models import TCN, HeartbeatClassifier, ResNet
from ecgkit.training import Recipe, fit, learning_rate, pick_device, predict

CPU = torch.device("cpu")

SCHEDULES = {
    "paper": Recipe(epochs=4, batch=32),
    "one-cycle": Recipe(
        epochs=4,
        batch=24,
        learning_rate=2e-3,
        schedule="one-cycle",
        weight_decay=0.01,
        label_smoothing=0.05,
        balance=0.5,
        cropped_originals=0.3,
        gain=0.1,
        noise_mv=0.05,
        each_branch=0.5,
    ),
}


def make_network(seed=0):
    """Batch norm, weight norm, dropout and both branches, but small."""
    torch.manual_seed(seed)
    return HeartbeatClassifier(resnet=ResNet(), tcn=TCN((4, 8)))


def make_beats(counts=(24, 6, 9, 5), seed=0):
    """Beats whose classes a bump's place tells apart."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int8)
    bumps = np.exp(-(((np.arange(180) - 30 - 40 * labels[:, None]) / 8) ** 2))
    return (bumps + 0.1 * rng.normal(size=bumps.shape)).astype(np.float32), labels


def train(network, recipe, *, beats=None, **options):
    x, y = make_beats() if beats is None else beats
    return fit(network, x, y, recipe, **{"device": "cpu", "progress": False, **options})


def weights(network):
    return {k: v.detach().clone() for k, v in network.state_dict().items()}


def assert_same_weights(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def losses(curve):
    return [entry["loss"] for entry in curve]


# Learning


def test_the_loss_falls_and_the_classes_are_learnt():
    network = make_network()
    curve = train(network, Recipe(epochs=15, batch=16, learning_rate=3e-3))
    found = losses(curve)
    assert np.mean(found[-5:]) < 0.3 * found[0]  # dropout makes a single epoch jump
    x, y = make_beats(seed=1)  # other beats of the same kind
    assert (predict(network, x).argmax(axis=1) == y).mean() > 0.95


def test_the_first_loss_of_a_network_that_knows_nothing_is_ln_4():
    network = nn.Linear(180, 4)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    (entry,) = train(network, Recipe(epochs=1, batch=1000))
    assert entry["loss"] == pytest.approx(math.log(4), abs=1e-6)


def test_each_branch_that_knows_nothing_adds_its_own_ln_4():
    network = HeartbeatClassifier(resnet=ResNet(), tcn=TCN(channels=(4, 8)))
    nn.init.zeros_(network.linear.weight)
    nn.init.zeros_(network.linear.bias)
    (entry,) = train(network, Recipe(epochs=1, batch=1000, each_branch=0.5))
    assert entry["loss"] == pytest.approx(2 * math.log(4), abs=1e-5)  # 1 + 0.5 + 0.5 times


def batches(recipe, counts=(40, 30, 20, 10)):
    """What the network is given in one epoch, in one batch, beside the beats it was drawn from."""
    seen = []

    class Recorder(nn.Linear):
        def forward(self, x):
            seen.append(x.clone())
            return super().forward(x)

    x, y = make_beats(counts=counts)
    train(Recorder(180, 4), recipe, beats=(x, y))
    (given,) = seen
    return given.numpy(), x


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 4000), (0.25, 1000)])
def test_a_share_of_the_originals_is_cropped_too(share, expected):
    recipe = Recipe(epochs=1, batch=10_000, balance=0.0, cropped_originals=share)
    given, beats = batches(recipe, counts=(1000, 1000, 1000, 1000))
    whole = {beat.tobytes() for beat in beats}
    cropped = sum(beat.tobytes() not in whole for beat in given)
    chance = math.sqrt(4000 * share * (1 - share))  # and 1 crop in 46 keeps all 180 samples
    assert expected * 45 / 46 - 5 * chance - 50 * share <= cropped <= expected + 5 * chance


def test_originals_and_copies_are_disturbed_when_asked_for():
    given, beats = batches(Recipe(epochs=1, batch=10_000, noise_mv=0.1))
    assert not {beat.tobytes() for beat in beats} & {beat.tobytes() for beat in given}
    assert len(given) == 160


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_one_step_is_adams(weight_decay):
    # After one step the two moments are the gradient and its square: Adam moves every weight by
    # the learning rate, against the gradient's sign; decoupled decay shrinks the weight first.
    network = make_network().branches["tcn"]
    network = nn.Sequential(network, nn.Linear(8, 4))
    before = weights(network[1])
    recipe = Recipe(epochs=1, batch=10_000, learning_rate=1e-4, weight_decay=weight_decay)
    train(network, recipe)
    for name, old in before.items():
        moved = weights(network[1])[name] - old * (1 - 1e-4 * weight_decay)
        used = moved != 0
        assert used.any()
        np.testing.assert_allclose(moved[used].abs(), 1e-4, rtol=0.02)


def test_an_entry_of_the_curve_is_the_epoch_its_loss_its_seconds_and_what_evaluate_said():
    calls = []

    def evaluate(network):
        calls.append(network)
        return {"accuracy": 0.1 * len(calls)}

    network = make_network()
    curve = train(network, Recipe(epochs=3, batch=64), evaluate=evaluate)
    assert [entry["epoch"] for entry in curve] == [1, 2, 3]
    assert [entry["accuracy"] for entry in curve] == pytest.approx([0.1, 0.2, 0.3])
    assert all(entry.keys() == {"epoch", "loss", "seconds", "accuracy"} for entry in curve)
    assert calls == 3 * [network]


def test_the_last_epochs_weights_are_the_result_even_where_an_earlier_one_was_better(tmp_path):
    accuracies, after = [0.9, 0.5, 0.1], []

    def evaluate(network):
        after.append(weights(network))
        return {"accuracy": accuracies[len(after) - 1]}

    network = make_network()
    train(network, Recipe(epochs=3, batch=32), evaluate=evaluate, out=tmp_path)
    assert_same_weights(weights(network), after[-1])
    assert not torch.equal(after[0]["linear.weight"], after[-1]["linear.weight"])
    with safetensors.safe_open(tmp_path / CHECKPOINT, "pt") as file:
        assert torch.equal(file.get_tensor("model/linear.weight"), after[-1]["linear.weight"])


def test_looking_at_the_model_between_epochs_does_not_change_the_run():
    x, _ = make_beats(seed=1)
    watched, alone = make_network(), make_network()
    train(watched, SCHEDULES["paper"], evaluate=lambda n: {"p": float(predict(n, x)[0, 0])})
    train(alone, SCHEDULES["paper"])
    assert_same_weights(weights(watched), weights(alone))


# What an epoch is made of


class Recorder(nn.Module):
    """Keeps the batches it is given."""

    def __init__(self):
        super().__init__()
        self.linear, self.batches = nn.Linear(180, 4), []

    def forward(self, x):
        self.batches.append(x.numpy().copy())
        return self.linear(x)


def test_each_epoch_holds_every_beat_unchanged_and_fresh_crops_of_the_rare_ones():
    x, y = make_beats(counts=(24, 6, 9, 5))
    recorder = Recorder()
    train(recorder, Recipe(epochs=2, batch=20), beats=(x, y))
    # 4 x 24 draws an epoch in batches of 20: 4 whole ones and 16 left over
    assert [len(batch) for batch in recorder.batches] == 2 * [20, 20, 20, 20, 16]
    epochs = np.concatenate(recorder.batches).reshape(2, 96, 180)
    originals = {beat.tobytes() for beat in x}
    drawn = [[beat.tobytes() for beat in epoch] for epoch in epochs]
    for epoch in drawn:
        kept = [beat for beat in epoch if beat in originals]
        assert set(kept) == originals
        assert len(kept) <= 44 + 5  # a crop is now and then the whole beat: 1 in 46
    assert drawn[0] != drawn[1]
    crops = [set(epoch) - originals for epoch in drawn]
    assert min(map(len, crops)) > 40  # of 52 copies
    assert not crops[0] & crops[1]


# Repeating


def test_a_run_repeats_bit_for_bit():
    (a, b) = (make_network(), make_network())
    first, second = train(a, SCHEDULES["paper"]), train(b, SCHEDULES["paper"])
    assert losses(first) == losses(second)
    assert_same_weights(weights(a), weights(b))


def test_another_seed_is_another_run():
    (a, b) = (make_network(), make_network())
    first, second = train(a, Recipe(epochs=1), seed=0), train(b, Recipe(epochs=1), seed=1)
    assert losses(first) != losses(second)
    assert not torch.equal(a.linear.weight, b.linear.weight)


def test_what_was_drawn_before_a_run_does_not_change_it():
    (a, b) = (make_network(), make_network())
    train(a, Recipe(epochs=1))
    torch.manual_seed(12345)
    np.random.seed(1)  # noqa: NPY002 - the old global state, on purpose
    train(b, Recipe(epochs=1))
    assert_same_weights(weights(a), weights(b))


def test_the_seed_of_a_run_decides_the_first_weights(synthetic_beats, monkeypatch):
    class Stopped(Exception):
        pass

    first = []

    def stop(network, *_, **__):
        first.append(weights(network)["linear.weight"])
        raise Stopped

    monkeypatch.setattr(training, "fit", stop)
    for seed in (0, 0, 1):
        with pytest.raises(Stopped):
            experiments.train(synthetic_beats, "tcn", "paper", Recipe(), seed=seed)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


# Checkpoints and resuming


class CutOff(Exception):
    pass


def cut_off_after(epochs, out, recipe, **options):
    """Start a run that dies once it has saved so many epochs."""
    done = []

    def evaluate(_):
        done.append(1)
        if len(done) > epochs:
            raise CutOff
        return {}

    with pytest.raises(CutOff):
        train(make_network(), recipe, out=out, evaluate=evaluate, **options)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_run_cut_off_and_resumed_ends_like_one_left_alone(tmp_path, schedule, epochs):
    recipe = SCHEDULES[schedule]
    alone = make_network()
    expected = train(alone, recipe, seed=7)
    cut_off_after(epochs, tmp_path, recipe, seed=7)
    resumed = make_network(seed=99)  # its own first weights do not matter
    curve = train(resumed, recipe, seed=7, out=tmp_path, resume=True)
    assert losses(curve) == losses(expected)
    assert_same_weights(weights(resumed), weights(alone))


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    network, again = make_network(), make_network(seed=1)
    curve = train(network, Recipe(epochs=2, batch=64), out=tmp_path)
    assert train(again, Recipe(epochs=2, batch=64), out=tmp_path, resume=True) == curve
    assert_same_weights(weights(again), weights(network))


def test_resuming_where_there_is_no_checkpoint_starts_from_the_beginning(tmp_path):
    fresh, resumed = make_network(), make_network()
    train(fresh, Recipe(epochs=1))
    train(resumed, Recipe(epochs=1), out=tmp_path / "new", resume=True)
    assert_same_weights(weights(fresh), weights(resumed))


def test_without_out_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(make_network(), Recipe(epochs=1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": Recipe(epochs=3, batch=64)},
        {"recipe": Recipe(epochs=2, batch=32)},
        {"recipe": Recipe(epochs=2, batch=64, learning_rate=2e-4)},
        {"recipe": Recipe(epochs=2, batch=64, balance=0.9)},
        {"seed": 1},
        {"precision": "bfloat16" if training.pick_precision(CPU) == torch.float32 else "float32"},
        {"beats": make_beats(counts=(23, 6, 9, 5))},
        {"beats": make_beats(seed=5)},  # as many, but others
        {"beats": (make_beats()[0], make_beats()[1][::-1].copy())},
    ],
    ids=[
        "epochs",
        "batch",
        "rate",
        "balance",
        "seed",
        "precision",
        "fewer",
        "others",
        "relabelled",
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, other):
    recipe = Recipe(epochs=2, batch=64)
    cut_off_after(1, tmp_path, recipe)
    settings = {"recipe": recipe, "out": tmp_path, "resume": True, **other}
    with pytest.raises(InputError, match="belongs to another run"):
        train(make_network(), **settings)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    recipe = Recipe(epochs=2, batch=64)
    cut_off_after(1, tmp_path, recipe)
    other = HeartbeatClassifier(resnet=ResNet())
    with pytest.raises(InputError, match="holds another model"):
        train(other, recipe, out=tmp_path, resume=True)


class Trap:
    """Leaves a mark when unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("damage", ["cut short", "empty", "text", "pickle", "header alone"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    recipe, path, mark = Recipe(epochs=2, batch=64), tmp_path / CHECKPOINT, tmp_path / "mark"
    cut_off_after(1, tmp_path, recipe)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    path.write_bytes(
        {
            "cut short": whole[:-1000],
            "empty": b"",
            "text": b"no checkpoint at all\n" * 50,
            "pickle": pickle.dumps(Trap(mark)),
            "header alone": whole[:header],
        }[damage]
    )
    with pytest.raises(InputError, match="is no checkpoint, or a damaged one"):
        train(make_network(), recipe, out=tmp_path, resume=True)
    assert not mark.exists()


def test_a_safetensors_file_that_is_no_checkpoint_is_refused(tmp_path):
    save_file(make_network().state_dict(), tmp_path / CHECKPOINT)
    with pytest.raises(InputError, match="belongs to another run"):
        train(make_network(), Recipe(epochs=2), out=tmp_path, resume=True)


def test_nothing_is_pickled_and_a_checkpoint_opens_with_safetensors(tmp_path, monkeypatch):
    for module, names in ((torch, ("save", "load")), (pickle, ("dump", "dumps", "load", "loads"))):
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("pickle in use"))
    recipe = Recipe(epochs=2, batch=64)
    cut_off_after(1, tmp_path, recipe)
    network = make_network()
    train(network, recipe, out=tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    with safetensors.safe_open(tmp_path / CHECKPOINT, "pt") as file:
        names = {name for name in file.keys() if name.startswith("model/")}  # noqa: SIM118
    assert names == {f"model/{name}" for name in network.state_dict()}


@pytest.mark.parametrize("fails", ["save_file", "replace"])
def test_a_write_that_breaks_off_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch, fails):
    recipe = Recipe(epochs=3, batch=64)
    cut_off_after(1, tmp_path, recipe)
    before = (tmp_path / CHECKPOINT).read_bytes()

    def full_disk(tensors, path, about):
        path.write_bytes(b"half of a check")
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_replace(source, target):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        if fails == "save_file":
            patch.setattr(checkpoints, "save_file", full_disk)
        else:
            patch.setattr(os, "replace", no_replace)
            patch.setattr(Path, "replace", no_replace)
        with pytest.raises(InputError, match=r"cannot be written: (No space|Input/output)"):
            train(make_network(), recipe, out=tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]  # no draft is left either
    assert (tmp_path / CHECKPOINT).read_bytes() == before

    alone, resumed = make_network(), make_network(seed=3)
    train(alone, recipe)
    train(resumed, recipe, out=tmp_path, resume=True)
    assert_same_weights(weights(resumed), weights(alone))


# The learning rate


def test_the_papers_learning_rate_is_one_ten_thousandth_throughout():
    assert [learning_rate(Recipe(), step, 100) for step in (0, 50, 99)] == 3 * [1e-4]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.04),  # the start: a twenty-fifth
        (1, 0.52),  # half way up: (0.04 + 1) / 2
        (2, 1.0),  # the peak, after a tenth
        (5, (1 + math.sqrt(3) / 2) / 2),  # a sixth of the way down: cos 30 degrees
        (8, 0.75),  # a third: cos 60 degrees = 1/2
        (11, 0.5),  # half: cos 90 degrees = 0
        (14, 0.25),  # two thirds: cos 120 degrees = -1/2
        (20, 0.0),  # the end
    ],
)
def test_the_one_cycle_schedule_worked_by_hand(step, expected):
    recipe = Recipe(learning_rate=2e-3, schedule="one-cycle")
    assert learning_rate(recipe, step, 21) == pytest.approx(2e-3 * expected, abs=1e-15)


def test_the_schedule_runs_over_the_steps_of_all_epochs(monkeypatch):
    asked = []

    def spy(recipe, step, steps):
        asked.append((step, steps))
        return learning_rate(recipe, step, steps)

    monkeypatch.setattr(training, "learning_rate", spy)
    train(nn.Linear(180, 4), Recipe(epochs=3, batch=20))  # 5 steps an epoch: 96 draws
    assert asked == [(step, 15) for step in range(15)]


def test_a_step_of_learning_rate_zero_changes_nothing(monkeypatch):
    monkeypatch.setattr(training, "learning_rate", lambda *_: 0.0)
    network = nn.Linear(180, 4)
    before = weights(network)
    train(network, Recipe(epochs=1))
    assert_same_weights(weights(network), before)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(InputError, match="No schedule 'cosine': use constant or one-cycle"):
        learning_rate(Recipe(schedule="cosine"), 0, 10)


# Refusals


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_beats_that_are_no_numbers_are_refused(bad):
    x, y = make_beats()
    x[7, 100] = bad
    with pytest.raises(InputError, match="has beats with NaN: find and leave them out"):
        train(make_network(), Recipe(epochs=1), beats=(x, y))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x, y: (x, y[:-1]),
        lambda x, y: (x[0], y),
        lambda x, y: (x, y[:, None]),
        lambda x, y: (x[:0], y[:0]),
    ],
    ids=["a label short", "one beat", "labels in a column", "nothing"],
)
def test_beats_and_labels_that_do_not_fit_together_are_refused(spoil):
    with pytest.raises(InputError, match=r"do not make a training half: it takes \(n, 180\)"):
        train(make_network(), Recipe(epochs=1), beats=spoil(*make_beats()))


def test_a_training_half_without_a_class_is_refused_by_name():
    x, y = make_beats()
    with pytest.raises(InputError, match="no beat of class V: it cannot be balanced"):
        train(make_network(), Recipe(epochs=1), beats=(x[y != 2], y[y != 2]))


@pytest.mark.parametrize("label", [4, -1])
def test_a_label_that_is_none_of_the_four_classes_is_refused(label):
    x, y = make_beats()
    y[3] = label
    with pytest.raises(InputError, match=r"not in 0 \(N\) to 3 \(F\): leave class Q out"):
        train(make_network(), Recipe(epochs=1), beats=(x, y))


def test_a_loss_that_is_no_number_ends_the_run_with_advice():
    with pytest.raises(InputError, match=r"no longer a number in epoch 1: lower the learning rate"):
        train(nn.Linear(180, 4), Recipe(epochs=2, batch=8, learning_rate=1e37))


# Devices and number formats


@pytest.mark.parametrize("name", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(InputError, match=rf"'{name}' is not to be had here .* Use cpu, or auto"):
        pick_device(name)


def test_cuda_is_picked_where_it_is_and_refused_where_it_is_not():
    if torch.cuda.is_available():
        assert pick_device("auto").type == pick_device("cuda").type == "cuda"
    else:
        assert pick_device("auto").type == "cpu"
        with pytest.raises(InputError, match="'cuda' is not to be had here"):
            train(make_network(), Recipe(epochs=1), device="cuda")


@pytest.mark.parametrize("native", [True, False])
def test_a_cpu_takes_bfloat16_where_it_multiplies_it_and_never_float16(native, monkeypatch):
    monkeypatch.setattr(training, "has_bfloat16", lambda: native)
    expected = torch.bfloat16 if native else torch.float32
    assert training.pick_precision(CPU) == expected
    assert training.pick_precision(CPU, "bfloat16") == torch.bfloat16
    assert training.pick_precision(CPU, "float32") == torch.float32
    for name in ("float16", "float8"):
        with pytest.raises(InputError, match=f"No precision '{name}' on cpu: use auto, float32"):
            training.pick_precision(CPU, name)


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux lists the CPU's instructions.")
def test_whether_the_cpu_multiplies_bfloat16_is_what_the_kernel_says():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    words = {word for line in lines if line.startswith("flags") for word in line.split()}
    assert training.has_bfloat16() == bool({"avx512_bf16", "amx_bf16", "amx_tile"} & words)


def test_each_process_and_epoch_drops_other_activations():
    # On a CPU two seeds that agree in their lower 32 bits draw the same numbers.
    drawn = set()
    for rank in range(4):
        for epoch in range(3):
            torch.manual_seed(training._dropout_seed(0, epoch, rank))
            drawn.add(tuple(torch.rand(4).tolist()))
    assert len(drawn) == 12


def test_bfloat16_trains_on_a_cpu_and_keeps_weights_in_float32():
    network = make_network()
    recipe = Recipe(epochs=3, batch=16, learning_rate=1e-3)
    found = losses(train(network, recipe, precision="bfloat16"))
    assert found != losses(train(make_network(), recipe, precision="float32"))  # it was in use
    assert all(map(math.isfinite, found))
    assert found[-1] < found[0]
    assert {p.dtype for p in network.parameters()} == {torch.float32}


# Predicting


@pytest.fixture(scope="module")
def trained():
    network = make_network()
    train(network, Recipe(epochs=1, batch=16))
    return network


def test_probabilities_are_one_row_a_beat_and_add_up_to_1(trained):
    x, _ = make_beats()
    p = predict(trained, x)
    assert p.shape == (len(x), 4)
    assert p.dtype == np.float32
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 7, 44, 1000])
def test_predictions_do_not_depend_on_the_batch_size(trained, batch):
    x, _ = make_beats()
    np.testing.assert_allclose(predict(trained, x, batch), predict(trained, x), atol=1e-6)


def test_predictions_are_the_softmax_of_the_models_output_without_dropout(trained):
    x, _ = make_beats()
    trained.train()  # predict has to leave training mode by itself
    found = predict(trained, x)
    with torch.inference_mode():
        z = trained.eval()(torch.from_numpy(x)).double().numpy()
    e = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(found, e / e.sum(axis=1, keepdims=True), atol=1e-6)


def test_no_beats_have_no_predictions(trained):
    p = predict(trained, np.empty((0, 180), np.float32))
    assert p.shape == (0, 4)
    assert p.dtype == np.float32


def test_every_second_beat_of_a_table_can_be_predicted(trained):
    x, _ = make_beats()
    assert_array_equal(predict(trained, x[::2]), predict(trained, x[::2].copy()))


@pytest.mark.parametrize("name", models.MODELS)
def test_each_of_the_five_models_trains(name):
    torch.manual_seed(0)
    x, y = make_beats(counts=(4, 4, 4, 4))
    (entry,) = train(models.build(name), Recipe(epochs=1, batch=8), beats=(x, y))
    assert 0.5 < entry["loss"] < 3  # about ln 4


# Weights of beats, and columns behind the samples


def test_class_weights_keep_the_mean_factor_at_one():
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor([800, 100, 80, 20]))
    how = Recipe(balance=0.0, class_weights=0.5)
    factors = training.class_weights(labels, how)
    assert factors.tolist() == pytest.approx(factors[0] * torch.tensor([1, 8, 10, 40]) ** 0.5)
    assert factors[labels].mean() == pytest.approx(1)
    assert training.class_weights(labels, Recipe()) is None
    filled = training.class_weights(labels, Recipe(balance=1.0, class_weights=1.0))
    assert filled.tolist() == pytest.approx(4 * [1.0])  # all classes are as frequent already


def test_the_focal_loss_is_a_factor_on_the_cross_entropy():
    logits, labels = torch.randn(50, 4), torch.randint(4, (50,))
    p = logits.softmax(dim=1)[torch.arange(50), labels]
    expected = (-((1 - p) ** 2) * p.log()).sum()
    torch.testing.assert_close(training.loss(logits, labels, Recipe(focal=2.0)), expected)
    plain = training.loss(logits, labels, Recipe())
    torch.testing.assert_close(plain, -p.log().sum())


def test_weights_and_focal_loss_act_on_each_beat_together():
    logits, labels = torch.randn(50, 4), torch.randint(4, (50,))
    weights = torch.tensor([0.5, 1.0, 2.0, 4.0])
    p = logits.softmax(dim=1)[torch.arange(50), labels]
    expected = -(weights[labels] * (1 - p) * p.log()).sum()
    found = training.loss(logits, labels, Recipe(focal=1.0), weights)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("change", [{"class_weights": 1.0}, {"focal": 2.0}])
def test_a_network_learns_with_weighted_beats(change):
    how = Recipe(epochs=3, batch=16, learning_rate=1e-3, balance=0.0, **change)
    curve = train(make_network(), how)
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_augmentation_leaves_the_columns_behind_the_samples_alone():
    x, y = make_beats()
    columns = np.arange(len(x) * 3, dtype=np.float32).reshape(-1, 3)
    wide = torch.from_numpy(np.hstack([x, columns]))
    how = Recipe(batch=8, gain=0.3, noise_mv=0.05, cropped_originals=1.0)
    batches = list(training._batches(wide, torch.from_numpy(y).long(), how, 0, 0, n_columns=3))
    seen = torch.cat([beats for beats, _ in batches])
    plain = training._batches(wide[:, :-3].contiguous(), torch.from_numpy(y).long(), how, 0, 0)
    torch.testing.assert_close(seen[:, :-3], torch.cat([beats for beats, _ in plain]))
    rows = {tuple(row) for row in columns.tolist()}
    assert {tuple(row) for row in seen[:, -3:].tolist()} == rows


def test_a_network_learns_from_the_columns_what_the_samples_do_not_hold():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200).astype(np.int8)
    columns = np.eye(6, dtype=np.float32)[labels]
    beats = np.hstack([np.zeros((200, 180), np.float32), columns])
    torch.manual_seed(0)
    network = models.build("resnet-tcn-rr")
    train(network, Recipe(epochs=4, batch=20, learning_rate=3e-3), beats=(beats, labels))
    assert (predict(network, beats).argmax(axis=1) == labels).mean() > 0.95
