"""The benchmark compares like with like; what it counts agrees with counting by hand.

No figure is held to a goal here: how fast a machine is, is no property of the program.
"""

import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from ecgkit import bench, heartbeats, inference, published, readers, records, training
from ecgkit.bench import gpu, networks, recordings, report, timing
from ecgkit.fast import Fast
from ecgkit.models import build
from ecgkit.training import Recipe

BOTH = pytest.mark.parametrize("name", ["tcn", "resnet-tcn"])


@pytest.fixture
def tiny(monkeypatch):
    """Each contender has its turn once, with small matrices, and no process is started."""
    monkeypatch.setattr(timing, "LEAST_S", 0.0)
    monkeypatch.setattr(networks, "MATRIX", 64)

    def here(function, *arguments):
        return timing._watched(torch.get_num_threads(), function, arguments)

    monkeypatch.setattr(timing, "in_fresh_process", here)


@pytest.fixture(scope="module")
def two_records(synthetic_source):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(synthetic_source.directory.parents[1]))
        return records.find("synthetic", ["syn01", "syn05"])


def numbers(figures):
    """All numbers in nested dictionaries and lists."""
    if isinstance(figures, dict | list):
        parts = figures.values() if isinstance(figures, dict) else figures
        return [number for part in parts for number in numbers(part)]
    return [figures] if isinstance(figures, int | float) else []


def assert_sound(part, figures, *promised):
    """All figures are there, finite and positive; the table shows each of its rows."""
    assert set(promised) <= set(figures)
    assert all(math.isfinite(number) and number > 0 for number in numbers(figures))
    lines = report.table(part, figures).splitlines()
    for row in report.ROWS[part]:
        if row.key in figures:
            assert any(line.strip().startswith(row.words.strip()) for line in lines), row.words
        else:
            assert "bfloat16" in row.key


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


# The clock


def test_contenders_take_turns(monkeypatch):
    monkeypatch.setattr(timing, "LEAST_S", 0.0)
    calls = []
    contenders = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    found = timing.interleaved(contenders, rounds=3)
    assert "".join(calls) == "ab" + "ababab"  # once each to warm up
    assert {name: seconds.shape for name, seconds in found.items()} == {"a": (3,), "b": (3,)}


def test_short_calls_are_repeated_until_they_fill_the_least_time(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(timing, "LEAST_S", 5.0)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(clock)))
    calls = []
    found = timing.interleaved({"a": lambda: calls.append(1)}, rounds=2)
    # By this clock every stretch takes a second: two calls to warm up, then five in each turn.
    assert len(calls) == 2 + 2 * 5
    assert found["a"].tolist() == [0.2, 0.2]


def test_a_ratio_is_the_median_of_the_rounds_ratios():
    # 2, 3 and 4 times; the clock slowing down from round to round does not matter.
    ours, theirs = np.array([1.0, 2.0, 4.0]), np.array([2.0, 6.0, 16.0])
    assert timing.times_as_fast(ours, theirs) == 3
    assert timing.milliseconds(ours) == 2000


# Memory


def fill(n):
    """Have n numbers of eight bytes in memory at once; return their sum and the threads."""
    return int(np.ones(n).sum()), torch.get_num_threads()


def test_a_fresh_process_has_its_own_memory_and_this_ones_threads():
    mine = np.ones(37_500_000)  # 300 MB
    result, memory = timing.in_fresh_process(fill, 25_000_000)  # 200 MB
    assert result == (25_000_000, torch.get_num_threads())
    assert memory["peak_mb"] - memory["baseline_mb"] == pytest.approx(200, abs=30)
    assert memory["baseline_mb"] < timing.peak_mb() - mine.nbytes / 1e6 + 100


# Work


def test_operations_of_the_tcn_agree_with_counting_by_hand():
    # Positions, channels in, channels out, coefficients; the cone of DESIGN: 181 -> 175 -> 85 ...
    first = [(175, 1, 32, 7), (85, 1, 32, 1)]
    later = [
        *[(85, 32, 32, 7)],
        *[(79, 32, 64, 7), (37, 64, 64, 7), (37, 32, 64, 1)],
        *[(31, 64, 128, 7), (13, 128, 128, 7), (13, 64, 128, 1)],
        *[(7, 128, 256, 7), (1, 256, 256, 7), (1, 128, 256, 1)],
        *[(1, 256, 16, 1), (1, 16, 256, 1), (1, 256, 4, 1)],  # squeeze-and-excitation, linear layer
    ]
    once, twice = (sum(math.prod(layer) for layer in layers) for layers in (first, later))
    forward, whole = timing.flop_per_beat(build("tcn"))
    assert forward == 2 * (once + twice)
    assert whole == 2 * (2 * once + 3 * twice)  # no gradient of the beat itself


def test_operations_of_the_joint_model_are_those_of_its_branches():
    # The Inception stem's four kernels read the beat: 180 positions, 8 channels each, 1+3+5+1 wide.
    stem = 180 * 8 * 10
    modules = 180 * 32 * 32 * 3 * 4  # two modules of two convolutions
    modules += 90 * 3 * (32 * 48 + 3 * 48 * 48) + 90 * 32 * 48
    modules += 45 * 3 * (48 * 64 + 3 * 64 * 64) + 45 * 48 * 64
    linear = 2880 * 4
    tcn = timing.flop_per_beat(build("tcn"))
    forward, whole = timing.flop_per_beat(build("resnet-tcn"))
    assert forward - tcn[0] == 2 * (stem + modules + linear)
    assert whole - tcn[1] == 2 * (2 * stem + 3 * (modules + linear))


def test_traffic_counts_what_operations_touch_and_no_views():
    x = torch.ones(10, 100)  # 4,000 bytes
    with timing.Traffic() as traffic:
        x.t()[:50].reshape(50, 10)[None].detach()
        assert traffic.bytes == 0
        torch.mm(x, x.t())  # reads 2 x 4,000, writes 400
        assert traffic.bytes == 8400
        x.to(torch.bfloat16)  # reads 4,000, writes 2,000
    assert traffic.bytes == 14_400


# Train and infer


@BOTH
def test_the_dense_form_and_the_fast_one_learn_the_same(name):
    fast, dense = (without_dropout(model.double()) for model in networks.pair(name))
    beats, labels = networks.random_batch(8)
    steps = [
        networks.training_step(network, beats.double(), labels) for network in (Fast(fast), dense)
    ]
    for _ in range(3):
        ours, theirs = (step().item() for step in steps)
        assert ours == pytest.approx(theirs, rel=1e-9)


@BOTH
def test_the_dense_form_computes_every_position(name):
    _, dense = networks.pair(name)
    seen = []
    tcn = dense.branches["tcn"]
    tcn.blocks[3].register_forward_hook(lambda _m, _x, y: seen.append(y.shape))
    for network in (dense.train(), dense.eval()):
        network(networks.random_batch(2)[0])
    assert seen == [(2, 256, 180)] * 2


def test_a_step_here_is_a_step_of_fit():
    # Two beats of each class: an epoch is one batch that holds each of them once, uncropped.
    torch.manual_seed(0)
    model = without_dropout(build("tcn"))
    twin, before = copy.deepcopy(model), copy.deepcopy(model)
    beats, labels = networks.random_batch(8)[0], torch.arange(8) % 4
    recipe = Recipe(epochs=1, batch=8)
    how = {"device": "cpu", "precision": "float32", "progress": False}
    curve = training.fit(model, beats.numpy(), labels.numpy(), recipe, **how)
    loss = networks.training_step(Fast(twin), beats, labels)()
    assert loss.item() == pytest.approx(curve[0]["loss"], rel=1e-5)
    moved = 0.0
    for ours, fits, old in zip(*(m.parameters() for m in (twin, model, before)), strict=True):
        # Adam's first step is the learning rate, whatever the gradient's size, unless that is 0.
        torch.testing.assert_close(ours, fits, rtol=0, atol=2e-6)
        moved = max(moved, (fits - old).abs().max().item())
    assert moved == pytest.approx(1e-4, rel=0.01)


TRAIN_KEYS = ("tcn_vs_dense", "model_vs_dense", "float32_vs_matmul", "best_vs_float32_matmul")


@pytest.mark.parametrize("native", [False, True])
def test_train_has_what_is_promised(tiny, monkeypatch, native):
    monkeypatch.setattr(training, "has_bfloat16", lambda: native)
    found = networks.train(batches=(4, 6), rounds=2)
    for figures in (found, found["batch_6"]):
        assert_sound("train", figures, *TRAIN_KEYS, "beats_per_s", "peak_mb")
        assert (figures["best_vs_float32_matmul"] is not None) == native
        assert ("model_bfloat16_ms" in figures) == native
    assert found["gflop_per_step"] * 6 == pytest.approx(found["batch_6"]["gflop_per_step"] * 4)
    best = found["model_bfloat16_ms" if native else "model_ms"]
    assert found["beats_per_s"] == pytest.approx(4 / (best / 1000))
    # 50 epochs of 4 x 44,920 beats
    assert found["paper_minutes"] == pytest.approx(8_984_000 / found["beats_per_s"] / 60)


def test_shares_of_the_limit_are_operations_over_seconds_on_both_sides(tiny, monkeypatch):
    # A product of 64 x 64 matrices, 2 x 64^3 operations, takes 1 s in float32 and 0.5 s in
    # bfloat16; a step 4 s and 2 s.
    seconds = {"matmul": 1.0, "matmul_bfloat16": 0.5, "model": 4.0, "model_bfloat16": 2.0}

    def timed(contenders, rounds, _title):
        return {name: np.full(rounds, seconds.get(name, 1.0)) for name in contenders}

    monkeypatch.setattr(timing, "interleaved", timed)
    monkeypatch.setattr(training, "has_bfloat16", lambda: True)
    found = networks.train(batches=(4,), rounds=3)
    products = 4 * timing.flop_per_beat(build("resnet-tcn"))[1] / (2 * 64**3)
    assert found["float32_vs_matmul"] == pytest.approx(products / 4)
    assert found["best_vs_float32_matmul"] == pytest.approx(products / 2)
    assert found["bfloat16_vs_matmul"] == pytest.approx(products / 2 * 0.5)
    assert found["matmul_gflop_s"] == pytest.approx(2 * 64**3 / 1e9)
    products = 4 * timing.flop_per_beat(build("resnet-tcn"))[0] / (2 * 64**3)
    assert networks.infer(4, 3)["float32_vs_matmul"] == pytest.approx(products / 4)


def test_infer_has_what_is_promised(tiny):
    found = networks.infer(batch=4, rounds=2)
    assert_sound("infer", found, "tcn_vs_dense", "model_vs_dense", "latency_ms", "beats_per_s")
    assert "peak_mb" in found


# Prepare


def test_the_plain_loop_finds_the_same_beats(two_records):
    beats = heartbeats.prepare(two_records, cached=False)
    assert (recordings.plain_loop(two_records) == beats.signals).all()


def test_prepare_has_what_is_promised_and_leaves_the_users_cache_alone(tiny, two_records, cache):
    before = sorted(cache.rglob("*"))
    found = recordings.prepare(two_records, rounds=2)
    assert_sound("prepare", found, "cold_s", "cached_s", "plain_over_cold", "peak_mb")
    assert (found["source"], found["records"]) == ("synthetic", 2)
    assert found["beats"] == len(heartbeats.prepare(two_records, cached=False))
    assert sorted(cache.rglob("*")) == before


# Day


def test_a_long_recording_is_the_records_end_to_end(synthetic_source, tmp_path):
    recordings.write_holter(tmp_path / "holter", synthetic_source, 0.3)
    long = readers.open_recording(tmp_path / "holter")
    assert (long.r_peaks, long.lead, long.fs, long.synthetic) == (None, "MLII", 360, True)
    signal = np.concatenate(list(long.chunks()))  # the checksum is compared at its end
    parts = [synthetic_source.read(name).lead("MLII") for name in synthetic_source.records[:3]]
    assert (signal == np.concatenate(parts)).all()


def test_a_day_is_longer_than_there_are_records(synthetic_source, tmp_path):
    recordings.write_holter(tmp_path / "holter", synthetic_source, 1.3)
    long = readers.open_recording(tmp_path / "holter")
    assert long.n_samples == 13 * 129_600
    twelve, thirteenth = 12 * 129_600, 129_600
    first = long.stretch(0, thirteenth)
    assert (long.stretch(twelve, twelve + thirteenth) == first).all()


def test_day_has_what_is_promised(synthetic_source, monkeypatch):
    monkeypatch.setattr(records, "find", lambda _name: synthetic_source)
    found = recordings.day(hours=(0.1,))
    assert_sound("day", found, "seconds", "peak_mb", "growth")
    assert found["synthetic"] is True
    assert [stage["hours"] for stage in found["growth"]] == [0.1]
    recording = readers.open_recording(synthetic_source.directory / "syn01")
    here = inference.classify(recording, published.load()[0], detected=True, device="cpu")
    assert found["beats"] == len(here.samples)
    # A sample number of eight bytes and four probabilities of four for each beat.
    assert found["returned_mb"] == pytest.approx(24 * len(here.samples) / 1e6)
    assert found["baseline_mb"] < found["peak_mb"]


# GPU


def test_without_cuda_there_are_no_figures(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.train() is None
    assert report.table("gpu", None) == "gpu: no CUDA device on this machine\n"


def test_what_runs_on_a_gpu_runs_here_in_small(tiny):
    size = {"rounds": 1, "loader_steps": 1, "matrix": 32, "copied": 1024}
    found = gpu.train("cpu", batches=(4, 8), counts=(6, 2, 3, 1), **size)
    assert found.pop("loader_workers") == 0
    assert_sound("gpu", found, "matmul_tflop_s", "copy_gb_s", "batch_4", "batch_8")
    assert found["beats_per_epoch"] == 24
    promised = {"epoch_s", "paper_s", "beats_per_s", "vs_matmul", "vs_bandwidth", "vs_dataloader"}
    for batch in (4, 8):
        figures = found[f"batch_{batch}"]
        assert set(figures) == promised | {"peak_mb"}
        assert figures["paper_s"] == pytest.approx(50 * figures["epoch_s"])
        assert figures["beats_per_s"] == pytest.approx(24 / figures["epoch_s"])
    assert "<=" not in report.table("gpu", found)
    of_paper = {**found, "batch_128": found["batch_8"]}  # the paper's batch size has a goal
    assert "<=     30" in report.table("gpu", of_paper)


def test_the_plain_loops_beats_are_cropped_in_the_rare_classes_alone():
    beats = np.arange(360, dtype=np.float32).reshape(2, 180)
    of_n = gpu.PlainBeats(beats, np.array([0, 0]))
    assert (of_n[1][0] == beats[1]).all()
    of_v = gpu.PlainBeats(beats, np.array([2, 2]))
    crops = [of_v[0] for _ in range(50)]
    for crop, label in crops:
        # A ramp stays a ramp, between two of its samples that are 134 to 179 apart.
        assert (crop.shape, crop.dtype, label) == ((180,), np.float32, 2)
        assert crop[0] % 1 == 0
        assert 134 <= crop[-1] - crop[0] <= 179
        assert np.diff(crop, 2) == pytest.approx(0, abs=1e-4)
    assert len({float(crop[-1] - crop[0]) for crop, _ in crops}) > 5


# The command


@pytest.fixture
def measured(monkeypatch):
    """What the parts find, without measuring."""
    figures = {
        "train": {"batch": 128, "tcn_vs_dense": 15.5, "model_vs_dense": 9.87654, "peak_mb": 512.0},
        "infer": {"batch": 1024, "latency_ms": 1.23456789, "nested": [{"x": 2.0}]},
        "prepare": {"records": 44, "source": "mitdb", "cold_s": 2.1, "cached_s": 0.1},
        "day": {"hours": 24, "beats": 103_000, "seconds": 25.0, "peak_mb": 1600.0, "growth": []},
        "gpu": None,
    }
    for part, found in figures.items():
        monkeypatch.setitem(bench.PARTS, part, lambda found=found: found)
    return figures


def test_json_is_one_object_and_nothing_else(run, measured):
    status, output, errors = run("bench", "--json")
    assert (status, errors, output.count("\n")) == (0, "", 1)
    found = json.loads(output)
    assert list(found) == ["train", "infer", "prepare", "day", "gpu", "machine"]
    assert found["gpu"] is None
    assert found["train"]["model_vs_dense"] == 9.877  # four digits
    assert found["infer"] == {"batch": 1024, "latency_ms": 1.235, "nested": [{"x": 2.0}]}
    assert found["machine"]["threads"] == 1
    assert found["machine"]["cpu"]
    assert {"python", "torch", "ecgkit"} <= set(found["machine"]["versions"])


def test_a_single_part(run, measured):
    found = json.loads(run("bench", "--json", "--only", "day")[1])
    assert list(found) == ["day", "machine"]


def test_tables_say_which_goals_are_met(run, measured):
    status, output, _ = run("bench")
    assert status == 0
    lines = output.splitlines()

    def line(words):
        return next(line for line in lines if words in line).split()

    assert line("TCN against its dense form")[-4:] == ["times", ">=", "15", "met"]
    assert line("whole model against")[-4:] == ["times", ">=", "10", "missed"]
    assert line("no cache")[-4:] == ["s", "<=", "2", "missed"]
    assert line("from the cache")[-4:] == ["s", "<=", "0.2", "met"]
    assert line("from file to labels")[-4:] == ["s", "<=", "30", "met"]
    assert [words for words in lines if "peak memory" in words][-1].endswith("<=  1,500  missed")
    assert "SYNTHETIC" in " ".join(line("day:"))
    assert "no CUDA device" in output
    assert lines[-1].startswith("ecgkit ")


def test_few_synthetic_records_are_not_held_to_the_goals_for_mit_bih(measured):
    figures = {**measured["prepare"], "source": "synthetic", "records": 12}
    said = report.table("prepare", figures)
    assert "12 records of synthetic" in said
    assert "met" not in said
    assert "missed" not in said


def test_an_unknown_part_is_refused_in_a_sentence(run):
    status, output, errors = run("bench", "--only", "nonsense", "--json")
    assert (status, output, errors.count("\n")) == (2, "", 1)
    for word in ("'nonsense'", "train", "infer", "prepare", "day", "gpu"):
        assert word in errors
