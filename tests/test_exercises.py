"""Exercises: untouched stubs fail, right answers pass, common mistakes get a hint of their own.

That the solutions in the pages are right, and the stubs are not, is checked whenever a page runs
(``book/tools/run_notebooks.py``).
"""

import importlib
import itertools
import math

import numpy as np
import pytest
import pywt
import torch
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn
from torch.nn import functional as F

from ecgkit import (
    InputError,
    aami,
    exercises,
    heartbeats,
    metrics,
    models,
    published,
    records,
    splits,
    tables,
    training,
)

EXERCISES = [
    f"{page}.{number}"
    for page, module in exercises.PAGES.items()
    for number in importlib.import_module(f"ecgkit.exercises.{module}").CHECKS
]


@pytest.fixture
def matrix():
    return np.array(published.run(published.find()["name"])["confusion_matrix"])


def says(exercise, answer):
    verdict = exercises.check(exercise, answer)
    return verdict.right, verdict.text


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_untouched_stub_is_not_right(exercise):
    right, text = says(exercise, ...)
    assert not right
    assert "three dots" in text


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_answer_of_any_kind_gets_a_verdict(exercise, monkeypatch):
    monkeypatch.setenv("ECGKIT_SOURCE", "synthetic")
    for answer in (None, "?", -1, {"a": 1}, lambda: None, lambda *_: None, lambda *_: 1 / 0):
        right, text = says(exercise, answer)
        assert not right
        assert len(text) > 20


def test_an_exercise_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"Page 00 has the exercises 1, 2, 3, not '9'"):
        exercises.check("00.9", 1)
    with pytest.raises(InputError, match=r"no exercise '77\.1'"):
        exercises.check("77.1", 1)


def test_always_n(matrix):
    n, total = matrix[0].sum(), matrix.sum()
    assert says("00.1", n / total)[0]
    assert "per cent" in says("00.1", 100 * n / total)[1]
    assert "column" in says("00.1", matrix[:, 0].sum() / total)[1]
    assert "got wrong" in says("00.1", matrix[0, 0] / total)[1]


def test_ppv_of_v(matrix):
    v = 2
    assert says("00.2", matrix[v, v] / sum(matrix[i, v] for i in range(4)))[0]
    assert "sensitivity" in says("00.2", matrix[v, v] / sum(matrix[v, i] for i in range(4)))[1]


def surest(among):
    """A function that looks for the surest beat among right ones, wrong ones or all."""

    def answer(probabilities, labels):
        wrong = probabilities.argmax(axis=1) != labels
        rows = np.flatnonzero({"wrong": wrong, "all": np.ones_like(wrong)}[among])
        return rows[probabilities[rows].max(axis=1).argmax()] if len(rows) else None

    return answer


def test_surest_mistake():
    assert says("00.3", surest("wrong"))[0]
    assert "a right one" in says("00.3", surest("all"))[1]
    assert "least" in says("00.3", lambda p, y: 1)[1]
    assert "None" in says("00.3", lambda p, y: 2)[1]


def test_literature_classes():
    # N + j A ~ V / F e: + and ~ are no beats; j and e are N in the literature's mapping.
    assert says("01.1", ["N", "N", "S", "V", "Q", "F", "N"])[0]
    assert says("01.1", "NNSVQFN")[0]
    assert "EC57" in says("01.1", ["N", "S", "S", "V", "Q", "F", "S"])[1]
    assert "nine symbols" in says("01.1", ["N", "?", "N", "S", "?", "V", "Q", "F", "N"])[1]
    assert "annotators' symbols" in says("01.1", ["N", "j", "A", "V", "/", "F", "e"])[1]


def test_not_mlii_first_on_synthetic_records(monkeypatch):
    monkeypatch.setenv("ECGKIT_SOURCE", "synthetic")
    assert says("01.2", [])[0]  # all synthetic records have MLII first
    assert "*is* MLII" in says("01.2", list(records.find().records))[1]


def test_not_mlii_first_on_mitdb(mitdb, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(mitdb.directory))
    assert says("01.2", ["114"])[0]
    assert "pacemaker" in says("01.2", ["102", "104", "114"])[1]


def test_rr_before():
    assert says("01.3", lambda r, fs: [math.nan, *(np.diff(r) / fs)])[0]
    assert "first beat needs a nan" in says("01.3", lambda r, fs: np.diff(r) / fs)[1]
    assert "samples" in says("01.3", lambda r, fs: [math.nan, *np.diff(r)])[1]
    assert "milliseconds" in says("01.3", lambda r, fs: [math.nan, *(1000 * np.diff(r) / fs)])[1]
    assert "after" in says("01.3", lambda r, fs: [*(np.diff(r) / fs), math.nan])[1]


def test_steps_of_the_paper():
    # 4 x 44,920 = 179,680 draws; / 128 = 1,403.75, so 1,404 steps; x 50.
    assert says("08.1", 70_200)[0]
    assert "one epoch" in says("08.1", 1_404)[1]
    assert "smaller batch" in says("08.1", 1_403 * 50)[1]
    assert "balancing" in says("08.1", 50 * -(-50_338 // 128))[1]
    assert "over an epoch's end" in says("08.1", 179_680 * 50 // 128)[1]


def test_straight_fall():
    def triangle(step, steps, low=0.04, fall=0.9):
        done = step / (steps - 1)
        return low + (1 - low) * done / 0.1 if done < 0.1 else 1 - (done - 0.1) / fall

    assert says("08.2", triangle)[0]
    assert "does not end at zero" in says("08.2", lambda s, n: triangle(s, n, fall=1.0))[1]
    assert "Keep the rise" in says("08.2", lambda s, n: triangle(s, n, low=0.5))[1]

    def cosine(step, steps):
        return training.learning_rate(
            training.Recipe(learning_rate=1.0, schedule="one-cycle"), step, steps
        )

    assert "still the cosine" in says("08.2", cosine)[1]


def accumulated(weigh, clear=True, each=False):
    def step(model, optimizer, batches):
        total = sum(len(y) for _, y in batches)
        if clear:
            optimizer.zero_grad()
        for x, y in batches:
            loss = torch.nn.functional.cross_entropy(model(x), y)
            (loss * weigh(len(y), total, len(batches))).backward()
            if each:
                optimizer.step()
                optimizer.zero_grad()
        if not each:
            optimizer.step()

    return step


def test_accumulate():
    assert says("08.3", accumulated(lambda n, total, k: n / total))[0]
    assert "fewer beats" in says("08.3", accumulated(lambda n, total, k: 1 / k))[1]
    assert "three times" in says("08.3", accumulated(lambda n, total, k: 1))[1]
    assert "earlier step" in says("08.3", accumulated(lambda n, t, k: n / t, clear=False))[1]
    assert "step once" in says("08.3", accumulated(lambda n, total, k: 1, each=True))[1]
    assert "not moved" in says("08.3", lambda model, optimizer, batches: None)[1]


def test_mains_bands():
    # 250 Hz: D1 62.5 to 125, D2 31.25 to 62.5. 500 Hz: D1 125 to 250, D2 62.5 to 125, D3 to 62.5.
    assert says("02.1", ["D2", "D3"])[0]
    assert says("02.1", ("d2", "d3"))[0]
    assert "order" in says("02.1", ["D3", "D2"])[1]
    assert "half" in says("02.1", ["D1", "D2"])[1]
    assert "360 Hz" in says("02.1", ["D2", "D2"])[1]
    assert "two names" in says("02.1", ["D2"])[1]


def low_pass_share(omega):
    """Share of power that db6's low-pass takes: Daubechies (1988), |m0|^2 = c^6 P(1 - c)."""
    c = math.cos(omega / 2) ** 2
    return c**6 * sum(math.comb(5 + k, k) * (1 - c) ** k for k in range(6))


def test_mains_in_europe():
    omega = 2 * math.pi * 50 / 360
    left = low_pass_share(omega) * low_pass_share(2 * omega)  # what D1 and D2 do not get
    db = 10 * math.log10(left)
    assert says("02.2", db)[0]
    assert "negative" in says("02.2", -db)[1]
    assert "factor is 10" in says("02.2", 20 * math.log10(left))[1]
    assert "60 Hz" in says("02.2", -14.8)[1]
    assert "share" in says("02.2", left)[1]
    assert "removed" in says("02.2", 10 * math.log10(1 - left))[1]


def test_white_noise():
    # Kept of 180 Hz: 90 without A9's 0.35, and 22.5 without it.
    keep_d2, drop_d3 = (90 - 0.3515625) / 180, (22.5 - 0.3515625) / 180
    assert says("02.3", [keep_d2, drop_d3])[0]
    assert says("02.3", [0.5, 0.125])[0]  # A9 is hardly anything
    assert "order" in says("02.3", [drop_d3, keep_d2])[1]
    assert "per cent" in says("02.3", [100 * keep_d2, 100 * drop_d3])[1]
    assert "removed" in says("02.3", [1 - keep_d2, 1 - drop_d3])[1]
    assert "equally wide" in says("02.3", [0.8, 0.6])[1]
    assert "two shares" in says("02.3", [0.5])[1]


def undone(a, d, h, g, first=10, place=0, back=-1, detail=1):
    """The way back by hand, with one step left out or wrong at will."""
    spread = np.zeros((2, 2 * len(a)))
    spread[0, place::2], spread[1, place::2] = a, detail * d
    full = np.convolve(spread[0], h[::back]) + np.convolve(spread[1], g[::back])
    return full[first : first + 2 * len(a) - 10]


def test_undo_level():
    assert says("02.4", undone)[0]
    assert says("02.4", lambda a, d, h, g: pywt.idwt(a, d, "db6", "symmetric"))[0]
    assert "wrong way" in says("02.4", lambda *x: undone(*x, back=1))[1]
    assert "detail" in says("02.4", lambda *x: undone(*x, detail=0))[1]
    assert "one sample" in says("02.4", lambda *x: undone(*x, place=1))[1]
    assert "behind each number" in says("02.4", lambda a, d, h, g: a + d)[1]
    assert "longer" in says("02.4", lambda a, d, h, g: pywt.upcoef("a", a, "db6"))[1]


def test_blind_to_f():
    # 44,920 N, 1513 S, 3504 V, 401 F: 49,937 of 50,338 right. F1 of N is 89,840 / 90,241.
    right = (0.992034, 0.748889)
    assert says("03.1", right)[0]
    assert says("03.1", np.array(right))[0]
    assert "other order" in says("03.1", right[::-1])[1]
    assert "per cent" in says("03.1", (99.2034, 74.8889))[1]
    assert "cost N" in says("03.1", (0.992034, 0.75))[1]
    assert "four classes" in says("03.1", (0.992034, 0.998519))[1]  # F left out of the mean
    assert "Divide by all" in says("03.1", (0.75, 0.748889))[1]
    assert "class by class" in says("03.1", (0.992034, 0.9))[1]
    assert "two numbers" in says("03.1", 0.99)[1]


def crowded(before_s, after_s, count=np.count_nonzero):
    """Count beats of the source in use that have an R peak so near, edges excluded."""
    beats = heartbeats.prepare(records.find()).without_q()
    return count(beats.rr_before_s < before_s), count(beats.rr_after_s < after_s)


def test_crowded_windows_on_synthetic_records(monkeypatch):
    monkeypatch.setenv("ECGKIT_SOURCE", "synthetic")
    # Counted from the annotations, record by record, without the table's RR columns.
    expected = 0
    source = records.find()
    for name in source.records:
        record = source.read(name)
        classified = (record.symbols != "Q") & heartbeats.kept(record.r_peaks, len(record.signals))
        for r in record.r_peaks[classified]:
            window = set(range(r - 180, r + 180)) - {r}
            expected += bool(window & set(record.r_peaks.tolist()))
    assert says("03.2", expected)[0]
    before, after = crowded(0.5001, 0.5)
    assert "beat before alone" in says("03.2", before)[1]
    assert "beat after alone" in says("03.2", after)[1]
    assert "twice" in says("03.2", before + after)[1]
    assert "window in use" in says("03.2", 0)[1]  # no synthetic beat has a neighbour in 0.25 s
    assert "share" in says("03.2", 0.1)[1]
    assert "rr_before_s" in says("03.2", 3)[1]


def by_groups(groups, give_up=True):
    """A split by groups of records that tries seeds until every class is on both sides."""

    def answer(names, labels):
        for seed in range(100):
            folds = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
            train, test = next(folds.split(labels, labels, groups(names)))
            if set(labels[train]) == set(labels[test]):
                return splits.Split(train, test)
        if give_up:
            raise InputError("one person")
        return splits.Split(train, test)

    return answer


def persons(names):
    return ["201" if name == "202" else name for name in names]


def by_records(chosen):
    """A split that trains on the records named."""
    return lambda names, labels: splits.Split(
        np.flatnonzero(np.isin(names, chosen)), np.flatnonzero(~np.isin(names, chosen))
    )


def test_split_by_person():
    assert says("03.3", by_groups(persons))[0]
    assert "records, not beats" in says("03.3", lambda names, y: splits.random_split(y, 0))[1]
    assert "SAME_PERSON" in says("03.3", by_records(["100", "103", "201", "208", "223"]))[1]
    assert "one side only" in says("03.3", by_records(["100", "103", "208", "213", "223"]))[1]
    assert "quarter" in says("03.3", by_records(["232", "208"]))[1]
    # 201 and 202 taken for two people: fails where F is theirs alone, if not before
    assert not says("03.3", by_groups(list))[0]
    assert "(record 208)" in says("03.3", by_groups(persons, give_up=False))[1]
    some = splits.Split(np.array([0]), np.array([1]))
    assert "rows of the table are missing" in says("03.3", lambda *_: some)[1]
    assert "splits.Split" in says("03.3", lambda *_: (np.array([0]), np.array([1])))[1]


def test_receptive_field():
    assert says("05.1", 57)[0]  # 1 + 2 * 4 * (1 + 2 + 4)
    assert "has two" in says("05.1", 29)[1]  # 1 + 4 * 7
    assert "at the end" in says("05.1", 56)[1]
    assert "k - 1" in says("05.1", 71)[1]  # 1 + 2 * 5 * 7
    assert "without dilation" in says("05.1", 25)[1]  # 1 + 2 * 4 * 3
    assert "four blocks" in says("05.1", 121)[1]  # 1 + 2 * 4 * 15


def causal_by_change(at, compared):
    """A function that changes one sample and compares those outputs."""

    def is_causal(layer):
        x = torch.randn(1, 1, 100)
        changed = x.clone()
        changed[..., at] += 1
        with torch.no_grad():
            return torch.equal(layer(x)[..., compared], layer(changed)[..., compared])

    return is_causal


def test_is_causal():
    assert says("05.2", causal_by_change(80, slice(80)))[0]
    assert "*before* s" in says("05.2", causal_by_change(80, slice(81)))[1]
    assert "every layer" in says("05.2", lambda layer: True)[1]
    assert "every layer" in says("05.2", causal_by_change(80, slice(None)))[1]
    assert "30 samples ahead" in says("05.2", causal_by_change(20, slice(20)))[1]
    assert "single sample" in says("05.2", causal_by_change(80, slice(79)))[1]
    assert "nothing yet" in says("05.2", lambda layer: None)[1]


def two_blocks(
    first, second, x, *, crop=37, edge=(slice(12, None, 2), slice(12, None)), strides=(1, 2, 1, 1),
    add=True, last_relu=True,
):  # fmt: skip
    """The cone of two blocks, k = 7, written out; the settings put a mistake in."""
    x = x[..., -crop:] if crop else x
    for block, where, pair in zip((first, second), edge, (strides[:2], strides[2:]), strict=True):
        h = x
        for conv, stride in zip((block.conv1, block.conv2), pair, strict=True):
            h = F.relu(F.conv1d(h, conv.conv.weight, conv.conv.bias, stride))
        h = h + block.edge(x[..., where]) if add else h
        x = F.relu(h) if last_relu else h
    return x[..., -1]


def padded(first, second, x, crop=None, strides=(1, 2)):
    """The same with zeros padded before each convolution."""
    x = x if crop is None else x[..., -crop:]
    for block, pair in ((first, strides), (second, (1, 1))):
        h = x
        for conv, stride in zip((block.conv1, block.conv2), pair, strict=True):
            h = F.relu(F.conv1d(F.pad(h, (6, 0)), conv.conv.weight, conv.conv.bias, stride))
        x = F.relu(h + block.edge(x[..., :: pair[0] * pair[1]]))
    return x[..., -1]


def test_the_cone_of_two_blocks():
    right, text = says("05.3", two_blocks)
    assert right
    # A beat: 31 and 13 positions from 2 and 6 channels to 6, width 7, and the edge; then 7 and 1.
    assert f"{7 * 6 * (31 * 2 + 13 * 6 + 7 * 6 + 6) + 13 * 2 * 6:,}" in text
    assert says("05.3", lambda a, b, x: b.decimated(a.decimated(x[..., -37:], 2), 1)[..., 0])[0]


@pytest.mark.parametrize(
    ("hint", "settings"),
    [
        ("one position too early", {"edge": (slice(11, None, 2), slice(11, None))}),
        ("one position too early", {"edge": (slice(11, None, 2), slice(11, 12))}),
        ("residual edge has another length", {"edge": (slice(13, None, 2), slice(12, None))}),
        ("where they end", {"edge": (slice(0, 26, 2), slice(0, 1))}),
        ("neighbouring samples", {"edge": (slice(-13, None), slice(12, None))}),
        ("edge is missing", {"add": False}),
        ("ReLU after the sum", {"last_relu": False}),
        ("not for 60", {"crop": None, "edge": (slice(12, None, 2), slice(12, None))}),
        (
            "stride on a first convolution",
            {"strides": (2, 1, 1, 1), "edge": 2 * [slice(-10, None)]},
        ),
    ],
)
def test_mistakes_in_the_cone_of_two_blocks(hint, settings):
    right, text = says("05.3", lambda first, second, x: two_blocks(first, second, x, **settings))
    assert not right
    assert hint in text


def test_padding_or_computing_everything_in_the_cone_of_two_blocks():
    assert "not for 60" in says("05.3", padded)[1]
    assert "multiplications" in says("05.3", lambda a, b, x: padded(a, b, x, crop=37))[1]
    assert "multiplications" in says("05.3", lambda a, b, x: b(a(x))[..., -1])[1]
    assert "stride stands on" in says("05.3", lambda a, b, x: padded(a, b, x, 37, (2, 1)))[1]
    assert "(b, c, 1)" in says("05.3", lambda a, b, x: b(a(x))[..., -1:])[1]
    assert "shape (3, 6, 37)" in says("05.3", lambda a, b, x: b(a(x)))[1]
    assert "nothing yet" in says("05.3", lambda a, b, x: None)[1]


def test_copies():
    # Geometric means with 900: sqrt(900 x 36) = 180, sqrt(900 x 100) = 300, sqrt(900 x 4) = 60.
    assert says("04.1", [0, 180 - 36, 300 - 100, 60 - 4])[0]
    assert "originals" in says("04.1", [900, 180, 300, 60])[1]
    assert "balance 1" in says("04.1", [0, 864, 800, 896])[1]
    assert "geometric" in says("04.1", [0, 468 - 36, 500 - 100, 452 - 4])[1]
    assert "four numbers" in says("04.1", [144, 200, 56])[1]


def test_shortest_crop():
    # 100 ms stay at or below 120 ms if (180 - 1)/(length - 1) <= 1.2: length >= 150.2, so 151.
    assert says("04.2", 151 / 180)[0]
    assert says("04.2", 0.84)[0]
    assert "gaps" in says("04.2", 1 / 1.2)[1]  # 150 samples: 179/149 = 1.2013
    assert "1 - 0.2" in says("04.2", 0.8)[1]
    assert "share" in says("04.2", 151)[1]
    assert "shorter" in says("04.2", 0.9)[1]
    assert "ms" in says("04.2", 0.75)[1]


def test_resize_one():
    def resized(beat, start, last, n):
        return np.interp(np.linspace(start, last, n), np.arange(len(beat)), beat)

    assert says("04.3", lambda b, s, m: resized(b, s, s + m - 1, len(b)))[0]
    assert "one sample beyond" in says("04.3", lambda b, s, m: resized(b, s, s + m, len(b)))[1]
    assert "back to the beat's length" in says("04.3", lambda b, s, m: b[s : s + m])[1]
    assert "start" in says("04.3", lambda b, s, m: resized(b, 0, m - 1, len(b)))[1]
    nearest = lambda b, s, m: b[np.linspace(s, s + m - 1, len(b)).round().astype(int)]  # noqa: E731
    assert "nearest" in says("04.3", nearest)[1]


def test_always_n_in_three_figures():
    # 44,921 of 50,339 right; the 5,418 others are FP of N and FN of S, V, F, over four classes.
    share, binary = 44_921 / 50_339, 1 - (5_418 + 5_418) / (4 * 50_339)
    assert says("09.1", (share, binary, 0.25))[0]
    assert "three numbers" in says("09.1", 0.25)[1]
    assert "per cent" in says("09.1", (89.24, 94.62, 25))[1]
    assert "Of the accuracy" in says("09.1", (0.25, binary, share))[1]
    assert "not S as right" in says("09.1", (share, share, 0.25))[1]
    assert "missed (FN)" in says("09.1", (share, 1 - 5_418 / (4 * 50_339), 0.25))[1]
    assert "each of the four" in says("09.1", (share, 0.9, 0.25))[1]
    assert "weighs classes equally" in says("09.1", (share, binary, share))[1]
    assert "Add up" in says("09.1", (share, binary, 1))[1]


def test_s_pooled_with_n():
    m = published.runs("resnet-tcn", "paper")[0]["confusion_matrix"]
    total = sum(map(sum, m))
    diagonal = (m[0][0] + m[0][1] + m[1][0] + m[1][1], m[2][2], m[3][3])
    rows = (sum(m[0]) + sum(m[1]), sum(m[2]), sum(m[3]))
    columns = [sum(row[0] + row[1] for row in m), *(sum(row[c] for row in m) for c in (2, 3))]
    f1 = [2 * d / (r + c) for d, r, c in zip(diagonal, rows, columns, strict=True)]
    accuracy = sum(diagonal) / total
    assert says("09.2", (accuracy, sum(f1) / 3))[0]
    assert "two numbers" in says("09.2", accuracy)[1]
    assert "per cent" in says("09.2", (100 * accuracy, 90))[1]
    assert "three classes" in says("09.2", (accuracy, sum(f1) / 4))[1]
    se = sum(d / r for d, r in zip(diagonal, rows, strict=True)) / 3
    p = sum(d / c for d, c in zip(diagonal, columns, strict=True)) / 3
    assert "F1 of means" in says("09.2", (accuracy, 2 * se * p / (se + p)))[1]
    assert "no longer an error" in says("09.2", (sum(m[i][i] for i in range(4)) / total, 0.9))[1]
    kept = [m[i][j] for i in (0, 2, 3) for j in (0, 2, 3)]
    out = (kept[0] + kept[4] + kept[8]) / sum(kept)
    assert "leaves the S beats out" in says("09.2", (out, 0.9))[1]
    assert "3 by 3" in says("09.2", (0.5, 0.9))[1]
    assert "metrics.class_f1" in says("09.2", (accuracy, 0.5))[1]


def resampled(
    draw=lambda names, rng: rng.choice(np.unique(names), len(np.unique(names))),
    figure=lambda y, p: np.nanmean(metrics.class_f1(metrics.confusion_matrix(y, p))),
    rows=lambda names, picks: np.concatenate([np.flatnonzero(names == name) for name in picks]),
):
    """A bootstrap over the rows of the records drawn; the settings put a mistake in."""

    def bootstrap(labels, predicted, names, draws, rng):
        found = []
        for _ in range(draws):
            chosen = rows(names, draw(names, rng))
            found.append(figure(labels[chosen], predicted[chosen]))
        return np.array(found)

    return bootstrap


def test_bootstrap_of_records():
    def matrix(y, p):
        return metrics.confusion_matrix(y, p)

    def of_means(y, p):
        m = matrix(y, p)
        return metrics.f1(metrics.sensitivity(m).mean(), metrics.ppv(m).mean())

    assert says("09.3", resampled())[0]
    beats = resampled(lambda names, rng: rng.integers(len(names), size=len(names)),
                      rows=lambda names, picks: picks)  # fmt: skip
    assert "are beats drawn" in says("09.3", beats)[1]
    once = resampled(rows=lambda names, picks: np.flatnonzero(np.isin(names, picks)))
    assert "np.isin" in says("09.3", once)[1]
    assert "same figure" in says("09.3", resampled(lambda names, rng: np.unique(names)))[1]
    one = resampled(lambda names, rng: rng.choice(np.unique(names), 1))
    assert "as many records" in says("09.3", one)[1]
    assert "same chance" in says("09.3", resampled(lambda names, rng: rng.choice(
        np.unique(names), 3, p=[0.6, 0.2, 0.2])))[1]  # fmt: skip
    fresh = resampled(lambda names, rng: np.random.default_rng().choice(np.unique(names), 3))
    assert "rng handed over" in says("09.3", fresh)[1]
    assert "accuracies" in says("09.3", resampled(
        figure=lambda y, p: metrics.accuracy(matrix(y, p))))[1]  # fmt: skip
    assert "F1s of the means" in says("09.3", resampled(figure=of_means))[1]
    plain = resampled(figure=lambda y, p: np.mean(metrics.class_f1(matrix(y, p))))
    assert "np.nanmean" in says("09.3", plain)[1]
    assert "shape (400,)" in says("09.3", lambda *_: 0.9)[1]
    assert "nothing yet" in says("09.3", lambda *_: None)[1]


def test_output_length():
    # 180 + 6 + 6 samples; the filter of 7 begins at 0, 4, ..., 184: 47 places, 191 being the last.
    assert says("06.1", len(range(0, 180 + 12 - 7 + 1, 4)))[0]
    assert "whole places" in says("06.1", 47.25)[1]
    assert "rounds up" in says("06.1", 48)[1]
    assert "counts the steps" in says("06.1", 46)[1]
    assert "Dividing by the stride" in says("06.1", 45)[1]
    assert "without padding" in says("06.1", 44)[1]


def wide(width=25, padding=12, channels=8):
    resnet = models.ResNet()
    resnet.stem.conv5 = nn.Conv1d(1, channels, width, padding=padding)
    return resnet


def test_wide_stem():
    assert says("06.2", wide())[0]
    assert "still 5 wide" in says("06.2", models.ResNet())[1]
    assert "should be 25" in says("06.2", wide(15, 7))[1]
    assert "same length" in says("06.2", wide(padding=2))[1]
    assert "both ends" in says("06.2", wide(padding=24))[1]
    assert "counts on 8" in says("06.2", wide(channels=32))[1]
    assert "whole network" in says("06.2", wide().stem)[1]


class Residual(nn.Module):
    """A residual module in several variants, right and wrong."""

    def __init__(self, channels, variant):
        super().__init__()
        self.variant = variant
        self.norm1, self.norm2 = nn.BatchNorm1d(channels), nn.BatchNorm1d(channels)
        self.conv1 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        h = self.conv1(self.norm1(x).relu())
        h = self.conv2(self.norm2(h).relu())
        if self.variant == "no edge":
            return h
        if self.variant == "post":
            h = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
            return (h + x).relu()
        if self.variant == "unused":
            return x + self.conv1(self.norm1(x).relu())
        return x + h.relu() if self.variant == "relu in F" else x + h


def test_pre_activation():
    def said(variant):
        return says("06.3", lambda channels: Residual(channels, variant))

    assert said("right")[0]
    assert "where is the residual edge" in said("no edge")[1]
    assert "behind the addition" in said("post")[1]
    assert "not used" in said("unused")[1]
    assert "never subtracts" in said("relu in F")[1]


def test_linear_parameters():
    assert says("07.1", nn.Linear(3136, 4).weight.numel() + 4)[0]
    assert "bias" in says("07.1", 4 * 3136)[1]
    assert "one branch" in says("07.1", 4 * 2881)[1]
    assert "each class" in says("07.1", 3136)[1]


def test_stride_multiplications():
    # 3 coefficients x 32 channels in x 48 out, at 90 places
    assert says("07.2", 414_720)[0]
    assert "Twice" in says("07.2", 829_440)[1]
    assert "weights" in says("07.2", 4608)[1]
    assert "each* input channel" in says("07.2", 12_960)[1]


class Additive(nn.Module):
    """A classifier that adds its branches in several variants, right and wrong."""

    def __init__(self, variant):
        super().__init__()
        self.variant = variant
        self.resnet, self.tcn = models.ResNet(), models.TCN()
        self.from_resnet, self.from_tcn = nn.Linear(2880, 64), nn.Linear(256, 64)
        self.linear = nn.Linear(128 if variant == "concatenated" else 64, 4)

    def forward(self, beats):
        r, t = self.from_resnet(self.resnet(beats)), self.from_tcn(self.tcn(beats))
        if self.variant == "concatenated":
            return self.linear(torch.cat([r, t], dim=1))
        if self.variant == "in forward":
            return nn.Linear(64, 4)(r + t)
        logits = self.linear((r if self.variant == "one branch" else r + t).relu())
        return logits.softmax(dim=1) if self.variant == "softmax" else logits


def test_additive():
    def said(variant):
        return says("07.3", lambda: Additive(variant))

    assert said("right")[0]
    assert "side by side" in said("concatenated")[1]
    assert "no gradient" in said("one branch")[1]
    assert "Return logits" in said("softmax")[1]
    assert "(6, 4)" in says("07.3", models.TCN)[1]


def test_chance_of_an_accuracy():
    # sqrt(.9836 x .0164 / 50,338): .01613104 / 50,338 = 3.20455e-7, root 5.66087e-4
    assert says("10.1", 0.0566)[0]
    assert "a share" in says("10.1", 5.66e-4)[1]
    assert "95 % interval" in says("10.1", 0.111)[1]
    assert "variance" in says("10.1", 3.2e-5)[1]
    assert "single beat" in says("10.1", 12.7)[1]
    assert "only the test half" in says("10.1", 0.04)[1]
    assert "*wrong*" in says("10.1", 0.442)[1]  # sqrt(.9836 / 50,338) = .00442


def test_seeds_for_a_sign_test():
    # All alike: 2 / 2**5 = .0625, 2 / 2**6 = .03125.
    assert says("10.2", 6)[0]
    assert "*either*" in says("10.2", 5)[1]
    assert "two sides" in says("10.2", 4)[1]
    assert "Fewer" in says("10.2", 8)[1]


def ranked(average=np.mean, best_first=True, key=None):
    def answer(runs, figure):
        of = {}
        for run in runs:
            of.setdefault(run["model"], []).append(tables.figures(run)[key or figure])
        return sorted(of, key=lambda name: average(of[name]), reverse=best_first)

    return answer


def test_ranking():
    assert says("10.3", ranked())[0]
    assert "worst to best" in says("10.3", ranked(best_first=False))[1]
    assert "not the best" in says("10.3", ranked(max))[1]
    assert "not the best" in says("10.3", ranked(sum))[1]  # the model with most seeds wins
    assert "order by accuracy" in says("10.3", ranked(key="accuracy"))[1]
    assert "wrong for accuracy" in says("10.3", ranked(key="mean_f1"))[1]
    assert "each model once" in says("10.3", lambda runs, f: [r["model"] for r in runs])[1]


def flipped(count, tolerance=1e-12):
    """A sign-flip test that counts patterns in a way of its own."""

    def answer(d):
        signs = np.array(list(itertools.product([1, -1], repeat=len(d))))
        return count((signs * d).mean(axis=1), np.mean(d), tolerance)

    return answer


def test_sign_flip():
    two_sided = flipped(lambda means, m, e: np.mean(np.abs(means) >= abs(m) - e))
    assert says("10.4", two_sided)[0]
    assert "one-sided" in says("10.4", flipped(lambda means, m, e: np.mean(means >= m - e)))[1]
    strict = flipped(lambda means, m, e: np.mean(np.abs(means) > abs(m) + e))
    assert "not `>`" in says("10.4", strict)[1]
    sign_test = flipped(lambda means, m, e: 2 / len(means))
    assert "last bit" in says("10.4", sign_test)[1]
    assert "try all" in says("10.4", lambda d: 0.058)[1]


def test_noise_gain():
    # S / N = 1.2² / 8 / 0.3² = 2; a² = 2 / 10^1.2 = 0.1262.
    assert says("12.1", 0.3552)[0]
    assert "square of a" in says("12.1", 0.1262)[1]
    assert "mind the sign" in says("12.1", (2 * 10**1.2) ** 0.5)[1]
    assert "20 log10" in says("12.1", 2**0.5 / 10**1.2)[1]
    assert "over 8" in says("12.1", (16 / 10**1.2) ** 0.5)[1]
    assert "peak to peak" in says("12.1", (8 / 10**1.2) ** 0.5)[1]


def answered(confidence=lambda p: p.max(axis=1), last=True, scale=10.0, sign=-1.0):
    """Coverage of the surest beats, counted one by one."""

    def answer(p, labels, accuracy):
        order = np.argsort(sign * confidence(p), kind="stable")
        good, coverage = 0, 0
        for n, row in enumerate(order, 1):
            good += p[row].argmax() == labels[row]
            if good / n >= accuracy:
                coverage = n
            elif not last:
                break
        return coverage / scale

    return answer


def test_look_ahead_of_six_levels():
    # 11 x (1 + 2 + 4 + 8 + 16 + 32) = 693 samples, 1.925 s
    assert says("13.1", 1.925)[0]
    assert "samples" in says("13.1", 693)[1]
    assert "eleven intervals" in says("13.1", 2.1)[1]  # 12 x 63 / 360
    assert "less than 64" in says("13.1", 704 / 360)[1]
    assert "sixth level alone" in says("13.1", 352 / 360)[1]
    assert "double" in says("13.1", 66 / 360)[1]
    assert "the past" in says("13.1", 3.85)[1]
    assert "nine levels" in says("13.1", 15.61)[1]
    assert "Add up" in says("13.1", 5)[1]


def test_days_of_a_coin_cell():
    # .225 Ah x 3 V = .675 Wh = 2430 J; 1e5 x 1e7 x 4.6e-12 J = 4.6 J a day: 528.26 days
    assert says("13.2", 528.26)[0]
    assert "0.9 pJ more" in says("13.2", 2430 / 3.7)[1]
    assert "not of operations" in says("13.2", 264.1)[1]
    assert "Watt-hours" in says("13.2", 0.1467)[1]
    assert "charge" in says("13.2", 810 / 4.6)[1]
    assert "0.225 Ah" in says("13.2", 528_261)[1]
    assert "other way round" in says("13.2", 4.6 / 2430)[1]
    assert "hours" in says("13.2", 528.26 * 24)[1]


def voted(together=lambda each: each.mean(axis=0), sign=1):
    """Probabilities of beats cut at several places; the settings put a mistake in."""

    def answer(predict, signal, r_peaks, shifts):
        cuts = [heartbeats.cut(signal, r_peaks + sign * shift) for shift in shifts]
        return together(np.array([predict(beats) for beats in cuts]))

    return answer


def test_the_other_mapping_of_one_answer():
    # 1,470 of 1,837 + 213 S beats found, 1,470 of 1,960 called S right.
    assert says("11.1", (0.71707, 0.75))[0]
    assert "more S beats to be found" in says("11.1", (0.80022, 0.75))[1]
    assert "not found" in says("11.1", (0.82098, 0.75))[1]
    assert "*called* S" in says("11.1", (0.71707, 0.67648))[1]
    assert "other order" in says("11.1", (0.75, 0.71707))[1]
    assert "per cent" in says("11.1", (71.7, 75))[1]


def test_veb_as_ec57_counts_it():
    # +P 3000 / (3000 + 120 + 60); FPR 180 / 42,320, of N, S and F less the 180 Fv.
    assert says("11.2", (0.943396, 0.0042533))[0]
    assert "EC57 does not" in says("11.2", (3000 / 3360, 0.0042533))[1]
    assert "still counts Fv" in says("11.2", (0.943396, 360 / 42_500))[1]
    assert "no TN either" in says("11.2", (0.943396, 180 / 42_500))[1]
    assert "no 1 - P+" in says("11.2", (0.943396, 1 - 0.943396))[1]


def past_ratio(mean, empty=1.0):
    """A function that divides each interval by a mean of some of them."""

    def answer(rr, width):
        found = [x / mean(rr, i, width) if i or mean is whole else empty for i, x in enumerate(rr)]
        return np.array(found)

    return answer


def test_coverage_for():
    assert says("12.2", answered())[0]
    assert "first fall" in says("12.2", answered(last=False))[1]
    assert "number of beats" in says("12.2", answered(scale=1))[1]
    assert "per cent" in says("12.2", answered(scale=0.1))[1]
    assert "turn the order" in says("12.2", answered(sign=1.0))[1]
    assert "not of class N" in says("12.2", answered(lambda p: p[:, 0]))[1]
    assert "in no order" in says("12.2", answered(lambda p: np.zeros(len(p))))[1]

    def at_least_one(p, labels, accuracy):
        return max(answered()(p, labels, accuracy), 0.1)

    assert "return 0" in says("12.2", at_least_one)[1]


def walked(way=True, at=lambda k, n: (k + 0.5) / n, mean=True, zero=False, times=None):
    """Integrated gradients from the baseline to the beat, or something near it."""

    def answer(F, beat, baseline, steps):
        start = 0 * baseline if zero else baseline
        total = torch.zeros_like(beat)
        for k in range(steps):
            x = (start + at(k, steps) * (beat - start)).requires_grad_()
            total += torch.autograd.grad(F(x[None]).sum(), x)[0]
        factor = {None: beat - start, "beat": beat, "one": 1.0}[times]
        return factor * total / (steps if mean else 1)

    return answer


def test_vote_over_shifts():
    assert says("13.3", voted())[0]
    assert "cut at r_peaks + shift" in says("13.3", voted(lambda each: each[1]))[1]
    assert "wrong sign" in says("13.3", voted(sign=-1))[1]
    assert "divide" in says("13.3", voted(lambda each: each.sum(axis=0)))[1]
    assert "largest" in says("13.3", voted(lambda each: each.max(axis=0)))[1]
    assert "(3, 4), not (3,)" in says("13.3", voted(lambda each: each.mean(axis=0).argmax(1)))[1]
    votes = voted(lambda each: np.eye(4)[each.argmax(axis=2)].mean(axis=0))
    assert "counts of votes" in says("13.3", votes)[1]

    def of_the_mean_beat(predict, signal, r_peaks, shifts):
        return predict(np.mean([heartbeats.cut(signal, r_peaks + s) for s in shifts], axis=0))

    assert "not the beats" in says("13.3", of_the_mean_beat)[1]


def fir(keep, turn=False, longest=None):
    """A streaming filter; the settings put a mistake in."""

    def answer(chunks, h):
        before = np.zeros(len(h) - 1)
        for chunk in chunks:
            joined = np.concatenate([before, chunk])
            filtered = np.convolve(joined, h[::-1] if turn else h, mode="valid")
            yield filtered[: longest or len(chunk)]
            before = keep(joined, chunk, len(h) - 1)

    return answer


def test_integrated_gradients():
    right, text = says("12.3", walked())
    assert right
    assert "completeness" in text
    right, text = says("12.3", walked(at=lambda k, n: (k + 1) / n))
    assert right
    assert "middle of each step" in text
    assert "at the beat alone" in says("12.3", walked(at=lambda k, n: 1.0))[1]
    assert "at the beat alone" in says("12.3", walked(at=lambda k, n: 1.0, times="beat"))[1]
    assert "the mean slope" in says("12.3", walked(times="one"))[1]
    assert "beat less baseline" in says("12.3", walked(times="beat"))[1]
    assert "begins at zero" in says("12.3", walked(zero=True))[1]
    assert "divide" in says("12.3", walked(mean=False))[1]
    assert "add up to" in says("12.3", walked(at=lambda k, n: 0.0))[1]


def test_streaming_fir():
    assert says("13.4", fir(lambda joined, _chunk, k: joined[-k:]))[0]
    swapped = fir(lambda joined, _chunk, k: joined[-k:], longest=100)
    assert "an empty one has no output" in says("13.4", swapped)[1]
    assert "the chunk before" in says("13.4", fir(lambda _j, _c, k: np.zeros(k)))[1]
    assert "turned round" in says("13.4", fir(lambda j, _c, k: j[-k:], turn=True))[1]
    pushed = fir(lambda _j, chunk, k: np.concatenate([np.zeros(k), chunk])[-k:])
    assert "short" in says("13.4", pushed)[1]
    full = lambda chunks, h: [np.convolve(c, h) for c in chunks]  # noqa: E731
    assert "np.convolve adds" in says("13.4", full)[1]
    valid = lambda chunks, h: [np.convolve(c, h, "valid") for c in chunks]  # noqa: E731
    assert "come out where" in says("13.4", valid)[1]
    same = lambda chunks, h: [np.convolve(np.concatenate([*chunks]), h, "same")]  # noqa: E731
    assert "too early" in says("13.4", same)[1]
    assert "nothing yet" in says("13.4", lambda *_: None)[1]


def whole(rr, i, width):
    return rr.mean()


def test_ratio_to_ones_own_past():
    last = past_ratio(lambda rr, i, width: rr[max(i - width, 0) : i].mean())
    assert says("11.3", last)[0]
    assert "no past" in says("11.3", past_ratio(lambda rr, i, w: rr[:i].mean(), math.nan))[1]
    assert "holds the future" in says("11.3", past_ratio(whole))[1]
    itself = past_ratio(lambda rr, i, width: rr[max(i + 1 - width, 0) : i + 1].mean())
    assert "Leave it out" in says("11.3", itself)[1]
    fixed = past_ratio(lambda rr, i, width: rr[max(i - width, 0) : i].sum() / width)
    assert "how many there were" in says("11.3", fixed)[1]
    assert "not of the last" in says("11.3", past_ratio(lambda rr, i, w: rr[:i].mean()))[1]
    assert "logarithms" in says("11.3", lambda rr, w: np.log(last(rr, w)))[1]
    assert "Upside down" in says("11.3", lambda rr, w: 1 / last(rr, w))[1]
    assert "5 ratios" in says("11.3", lambda rr, w: last(rr, w)[1:])[1]


def test_profile_is_full_only_with_a_gpu_or_on_demand(monkeypatch):
    monkeypatch.delenv("ECGKIT_PROFILE", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert exercises.profile() == "quick"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert exercises.profile() == "full"
    monkeypatch.setenv("ECGKIT_PROFILE", "quick")
    assert exercises.profile() == "quick"
    monkeypatch.setenv("ECGKIT_PROFILE", "fast")
    with pytest.raises(InputError, match="quick or full"):
        exercises.profile()


def test_a_page_that_does_not_say_its_data_cannot_be_stamped():
    with pytest.raises(InputError, match=r"page\.uses"):
        exercises.Page("00_quickstart").stamp("a figure")


def test_every_symbol_of_the_first_exercise_is_known():
    assert [aami.is_beat(s) for s in "N+jA~V/Fe"].count(False) == 2
