"""Checks of page 13, to the bedside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import heartbeats
from ecgkit.exercises import Verdict, right, wrong

MULTIPLICATIONS = 10_000_000
"""Of the exercise's network for one beat: round, so that nobody needs a machine."""


def look_ahead_of_six_levels(answer: Any) -> Verdict:
    """Seconds that six levels of db6 look ahead at 360 Hz."""
    given = float(answer)

    def near(value: float) -> bool:
        return abs(given - value) < 0.004 * abs(value)

    if near(11 * 63 / 360):
        return right("Under two seconds instead of sixteen; the price is all that is below 2.8 Hz.")
    if near(11 * 63):
        return wrong("Those are samples: divide by 360 a second.")
    if near(12 * 63 / 360):
        return wrong("Twelve coefficients span eleven intervals.")
    if near(11 * 64 / 360):
        return wrong("1 + 2 + 4 + ... + 32 is one less than 64.")
    if near(11 * 32 / 360):
        return wrong("That is the sixth level alone: it reads what the five before it made.")
    if near(6 * 11 / 360):
        return wrong("The steps double from level to level; they are not all one sample long.")
    if near(2 * 11 * 63 / 360):
        return wrong("That is both sides: nobody has to wait for the past.")
    if near(11 * 511 / 360):
        return wrong("That is for nine levels.")
    return wrong("Add up 11 x 1, 11 x 2, 11 x 4, ..., one term a level, and divide by 360.")


def days_of_a_coin_cell(answer: Any) -> Verdict:
    """Days that a coin cell of 225 mAh at 3 V lasts for the arithmetic of 100,000 beats a day."""
    given = float(answer)
    joules, a_day = 0.225 * 3 * 3600, 100_000 * MULTIPLICATIONS * 1e-12

    def near(value: float) -> bool:
        return abs(given - value) < 0.01 * value

    if near(joules / (a_day * 4.6)):
        return right("Well over a year, for arithmetic alone: nothing yet has fetched a weight.")
    if near(joules / (a_day * 3.7)):
        return wrong("Each multiplication is followed by an addition: 0.9 pJ more.")
    if near(joules / (a_day * 2 * 4.6)) or near(joules / (a_day * 2 * 3.7)):
        return wrong("Twice too much: the number given is of multiplications, not of operations.")
    if near(joules / 3600 / (a_day * 4.6)):
        return wrong("Watt-hours are not joules: an hour has 3,600 seconds.")
    if near(joules / 3 / (a_day * 4.6)):
        return wrong("Milliampere-hours are charge: times 3 V they are energy.")
    if near(1000 * joules / (a_day * 4.6)):
        return wrong("225 mAh are 0.225 Ah.")
    if near(a_day * 4.6 / joules):
        return wrong("The other way round: how often does a day's energy go into the cell's?")
    if near(24 * joules / (a_day * 4.6)):
        return wrong("Those are hours: give days.")
    return wrong("Energy of the cell in joules, over 100,000 beats times energy of a beat.")


def _pretended(beats: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities that depend on four samples of a beat, (n, 180) -> (n, 4)."""
    e = np.exp(3 * np.tanh(np.asarray(beats, float)[:, [60, 85, 90, 95]]))
    return e / e.sum(axis=1, keepdims=True)


def vote_over_shifts(answer: Callable[..., Any]) -> Verdict:
    """Mean of the probabilities of a beat cut at several places."""
    signal = np.random.default_rng(3).normal(size=1000).cumsum() / 5
    r_peaks, shifts = np.array([200, 480, 700]), (-3, 0, 2)
    cuts = [heartbeats.cut(signal, r_peaks + shift) for shift in shifts]
    each = np.array([_pretended(beats) for beats in cuts])  # (shifts, beats, 4)
    returned = answer(_pretended, signal.copy(), r_peaks.copy(), shifts)
    if returned is None or returned is ...:
        return wrong("The function returns nothing yet.")
    got = np.asarray(returned, float)
    if got.shape != (3, 4):
        return wrong(f"Three beats need probabilities of shape (3, 4), not {got.shape}.")
    if np.allclose(got, each.mean(axis=0)):
        return right("Several looks, one answer: it costs as many times the work.")
    turned = [_pretended(heartbeats.cut(signal, r_peaks - shift)) for shift in shifts]
    mistakes = {
        "That is the answer at the place itself: cut at r_peaks + shift, too.": each[1],
        "That is the network's answer to the mean beat, whose R peak is smeared: average the "
        "probabilities, not the beats.": _pretended(np.mean(cuts, axis=0)),
        "Those are sums: divide by the number of shifts.": each.sum(axis=0),
        "The shifts have the wrong sign.": np.mean(turned, axis=0),
        "Those are counts of votes: average the probabilities, so that a sure answer weighs "
        "more.": np.eye(4)[each.argmax(axis=2)].mean(axis=0),
        "That is the largest probability over the shifts: take their mean.": each.max(axis=0),
    }
    for hint, values in mistakes.items():
        if np.allclose(got, values):
            return wrong(hint)
    return wrong("For each shift cut all beats at r_peaks + shift and predict; then the mean.")


def _chunks(x: NDArray[np.float64], sizes: list[int]) -> Iterator[NDArray[np.float64]]:
    """Cut x into chunks of these sizes, in turn, and what is left."""
    ends = np.minimum(np.cumsum(sizes), len(x))
    for a, b in zip([0, *ends], [*ends, len(x)], strict=False):
        yield x[a:b].copy()


_SEAMS = {
    "short": "one shorter than the filter must not push out samples that are still needed.",
    "empty": 'an empty one has no output: np.convolve(..., mode="valid") makes some, for it swaps '
    "its arguments when the second is longer.",
}


def streaming_fir(answer: Callable[..., Any]) -> Verdict:
    """A causal filter that carries its state from chunk to chunk."""
    rng = np.random.default_rng(13)
    x, h = rng.normal(size=60), np.array([1.0, -0.5, 0.25, 2.0, -1.0])
    expected = np.convolve(x, h)[: len(x)]
    plans = {"long": [20, 20], "short": [7, 1, 2, 1, 1, 3], "empty": [10, 0, 25]}

    def output(sizes: list[int]) -> NDArray[np.float64]:
        parts = [np.asarray(part, float) for part in answer(_chunks(x, sizes), h.copy())]
        return np.concatenate(parts) if parts else np.empty(0)

    returned = answer(_chunks(x, plans["long"]), h.copy())
    if returned is None or returned is ...:
        return wrong("The function returns nothing yet.")
    got = output(plans["long"])
    if len(got) > len(x):
        return wrong(
            f"{len(got)} samples come out where {len(x)} go in: np.convolve adds len(h) - 1 at the "
            "end of each chunk. They belong to what is still to come."
        )
    if len(got) < len(x):
        return wrong(
            f"{len(got)} samples come out where {len(x)} go in: the first outputs read zeros where "
            'nothing was before. Is it mode="valid" without the samples kept?'
        )
    forgetful = np.concatenate([np.convolve(c, h)[: len(c)] for c in _chunks(x, [20, 20])])
    if np.allclose(got, forgetful):
        return wrong(
            "Right but for the first samples of each chunk: there the filter reads samples of the "
            "chunk before. Keep the last len(h) - 1."
        )
    if np.allclose(got, np.convolve(x, h[::-1])[: len(x)]):
        return wrong("The filter is turned round: h[0] belongs to the newest sample.")
    if np.allclose(got, np.convolve(x, h)[len(h) - 1 :][: len(x)]) or np.allclose(
        got, np.convolve(x, h, mode="same")
    ):
        return wrong("The output comes too early: at time n it may read x[n], x[n-1], ..., only.")
    if not np.allclose(got, expected):
        return wrong("Compare with np.convolve(x, h)[:len(x)], first for a single chunk.")
    for name in ("short", "empty"):
        found = output(plans[name])
        if found.shape != expected.shape or not np.allclose(found, expected):
            return wrong(f"Right for long chunks, but {_SEAMS[name]}")
    return right("The same numbers for any chunks, and len(h) - 1 samples are all it remembers.")


CHECKS = {
    "1": look_ahead_of_six_levels,
    "2": days_of_a_coin_cell,
    "3": vote_over_shifts,
    "4": streaming_fir,
}
