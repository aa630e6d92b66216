"""The benchmark compares like with like. No number is held to a goal here."""

import math
from itertools import groupby

import pandas as pd
import pytest
import torch

from ecgbook import bench
from ecgbook.bench import networks, recordings, timing


def test_contenders_take_turns(monkeypatch):
    monkeypatch.setattr(timing, "SHORTEST_S", 0.0)
    calls = []
    contenders = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    assert timing.interleaved(contenders, rounds=3)["a"].shape == (3,)
    assert [name for name, _ in groupby(calls)] == list("ababab")


@pytest.mark.parametrize("name", ["tcn", "resnet-tcn"])
def test_the_dense_form_is_the_same_function(name):
    model, dense = networks.pair(name)
    beats, _ = networks.random_batch(4)
    ours, theirs = networks.inference(model, beats)(), networks.inference(dense, beats, True)()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_every_part_measures_finite_positive_numbers(monkeypatch, synthetic_source):
    monkeypatch.setattr(timing, "SHORTEST_S", 0.0)
    monkeypatch.setattr(networks, "MATRIX", 64)
    monkeypatch.setattr(timing, "in_fresh_process", lambda f, *a: timing._measured(1, f, a))
    monkeypatch.setattr(recordings, "find_source", lambda *_, **__: synthetic_source)
    parts = {
        "train": networks.train(4, rounds=1),
        "infer": networks.infer(4, rounds=1),
        "prepare": recordings.prepare(rounds=1),
        "day": recordings.day(0.1),
        "gpu": networks.train_on_gpu("cpu", batches=(128,), counts=(6, 2, 3, 1)),
    }
    for part, measured in parts.items():
        flat = pd.json_normalize(measured).iloc[0]
        for key, value in flat.items():
            if isinstance(value, float) and not key.endswith("loss_change"):  # 0 without a graph
                assert 0 < value < math.inf, (part, key)
        missing = {key for of, key in bench.GOALS if of == part} - {*flat.index}
        assert missing == ({"batch_512.paper_s", "batch_2048.paper_s"} if part == "gpu" else set())
        assert bench.table(part, measured).startswith(part)
    assert bench.table("gpu", None) == "gpu: no CUDA device"
