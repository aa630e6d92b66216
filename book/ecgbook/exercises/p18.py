"""Checks of page 18, R peaks and streaming."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ecgbook.exercises import Array, Function, compare, expect, expect_function, given
from ecgbook.page import Verdict

look_ahead = expect(
    11 * 63 / 360,
    [
        (11 * 63, "Those are samples: divide by 360 per second."),
        (12 * 63 / 360, "Twelve coefficients span eleven intervals."),
        (11 * 64 / 360, "1 + 2 + 4 + ... + 32 is one less than 64."),
        (11 * 32 / 360, "That is the sixth level alone: it reads the output of the others."),
        (6 * 11 / 360, "The steps double from level to level."),
        (2 * 11 * 63 / 360, "That is both sides: samples of the past are there already."),
    ],
    praise="Under two seconds instead of sixteen, but everything below 2.8 Hz is lost.",
    otherwise="Add up 11 x 1, 11 x 2, 11 x 4, ..., one term per level, and divide by 360.",
    within=0,
    relative=4e-3,
)

_joules, _operations = 0.225 * 3 * 3600, 100_000 * 10e6 * 1e-12
_days = _joules / (_operations * (3.7 + 0.9))
coin_cell = expect(
    _days,
    [
        (_joules / (_operations * 3.7), "An addition follows each multiplication: 0.9 pJ more."),
        (_days / 2, "The exercise counts multiplications, not operations."),
        (_days / 3600, "Watt-hours are not joules: an hour has 3,600 seconds."),
        (_days / 3, "Milliampere-hours are charge: times 3 V they are energy."),
        (1000 * _days, "225 mAh are 0.225 Ah."),
    ],
    praise="More than a year for the arithmetic alone, without reading any weight.",
    otherwise="Energy of the cell in joules, over 100,000 beats times the energy per beat.",
    within=0,
    relative=0.01,
)


def _predict(beats: Array) -> Array:
    """Return probabilities that depend on four samples, (n, 180) -> (n, 4)."""
    e = np.exp(3 * np.tanh(np.asarray(beats, float)[:, [60, 85, 90, 95]]))
    return e / e.sum(axis=1, keepdims=True)


def voted(answer: Function) -> Verdict:
    """Mean of the probabilities of a beat cut at several places."""
    signal = np.random.default_rng(3).normal(size=1000).cumsum() / 5
    r_peaks, shifts = np.array([200, 480, 700]), (-3, 0, 2)
    starts = r_peaks + np.array(shifts)[:, None] - 90
    cuts = signal[starts[..., None] + np.arange(180)]  # (shifts, beats, 180)
    each = np.array([_predict(beats) for beats in cuts])
    mistakes = [
        (each[1], "That is without a shift: cut at r_peaks + shift."),
        (_predict(cuts.mean(axis=0)), "Average the probabilities, not the beats."),
        (each.sum(axis=0), "Those are sums: divide by the number of shifts."),
    ]
    return compare(
        answer(_predict, signal.copy(), r_peaks.copy(), shifts),
        each.mean(axis=0),
        mistakes,
        praise="It takes as many times the work as there are shifts.",
        otherwise="For each shift cut all beats at r_peaks + shift and predict; then the mean.",
        within=1e-5,
    )


def _filter(chunks: Iterable[Array], h: Array, keep: str = "all", cut: bool = True) -> Any:
    """Filter chunk by chunk; the keywords put a mistake in."""
    k = len(h) - 1
    before = np.zeros(k)
    for chunk in chunks:
        joined = np.concatenate([before, chunk])
        yield np.convolve(joined, h, mode="valid")[: len(chunk) if cut else None]
        kept = {"all": joined, "chunk": np.r_[np.zeros(k), chunk], "none": np.zeros(k)}[keep]
        before = kept[len(kept) - k :]


def fir(answer: Function) -> Verdict:
    """A causal filter that carries its state from chunk to chunk."""
    x, h = np.random.default_rng(13).normal(size=60), np.array([1.0, -0.5, 0.25, 2.0, -1.0])

    def joined(function: Function, **keywords: Any) -> Callable[[list[int]], Any]:
        def of_chunks(ends: list[int]) -> Any:
            found = given(function(iter(np.split(x.copy(), ends)), h.copy(), **keywords))
            return np.concatenate(list(found))

        return of_chunks

    check = expect_function(
        lambda ends: np.convolve(x, h)[: len(x)],
        [([20, 40],), ([7, 8, 10, 11, 12, 15],), ([10, 10, 35],)],  # long, short, one empty
        [
            (joined(_filter, keep="none"), "Keep the len(h) - 1 samples before each chunk."),
            (joined(_filter, keep="chunk"), "A chunk may be shorter than h: keep older samples."),
            (joined(_filter, cut=False), "An empty chunk has no output: yield len(chunk) samples."),
            (joined(lambda c, h: _filter(c, h[::-1])), "h[0] belongs to the newest sample."),
        ],
        praise="The same numbers for any chunks; the filter remembers len(h) - 1 samples.",
        otherwise="Compare with np.convolve(x, h)[:len(x)], first for a single chunk.",
    )
    return check(joined(answer))


CHECKS = {"1": look_ahead, "2": coin_cell, "3": voted, "4": fir}
