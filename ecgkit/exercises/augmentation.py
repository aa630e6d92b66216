"""Checks of page 04, crop-and-resize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ecgkit import augmentation
from ecgkit.exercises import Verdict, right, wrong

COUNTS = torch.tensor([900, 36, 100, 4])
"""Beats of N, S, V and F in the first exercise."""

N_SAMPLES = 180


def copies(answer: Any) -> Verdict:
    """Copies of each class in an epoch of ``COUNTS`` with balance 0.5."""
    draws = augmentation.target_counts(COUNTS, 0.5)
    expected = (draws - COUNTS).tolist()
    given = [round(float(number)) for number in answer]
    if given == expected:
        return right("The rarer the class, the more copies a beat, but the classes stay unequal.")
    if given == draws.tolist():
        return wrong("Those are all draws of an epoch: take the originals off, they come once.")
    if given == (augmentation.target_counts(COUNTS, 1.0) - COUNTS).tolist():
        return wrong("That is balance 1, which raises every class to the 900 of N.")
    means = (COUNTS.max() + COUNTS) // 2
    if given in (means.tolist(), (means - COUNTS).tolist()):
        return wrong("That is half-way by the arithmetic mean: 0.5 goes to the geometric mean.")
    if len(given) != 4:
        return wrong("Give four numbers, one each for N, S, V and F.")
    return wrong(
        "A class of n beats goes to the square root of 900 n draws; n of them are no copy."
    )


def shortest_crop(answer: Any) -> Verdict:
    """Smallest ``shortest`` that keeps a QRS of 100 ms at or below 120 ms."""
    given = float(answer)
    if not 0 < given <= 1:
        return wrong("Give the share of the beat that is kept: a number between 0 and 1.")
    length = round(given * N_SAMPLES)
    width_ms = 100 * (N_SAMPLES - 1) / (length - 1) if length > 1 else np.inf
    if length == 151:
        return right(f"151 samples: 100 ms become at most {width_ms:.1f} ms.")
    if length == 150:
        return wrong(
            f"150 samples give {width_ms:.1f} ms, just beyond: 180 samples have 179 gaps, and it "
            "is gaps that are stretched."
        )
    if length == 144:
        return wrong(
            f"1 - 0.2 = 0.8 would do if widths grew by what is cut off. They are divided by what "
            f"is left: {width_ms:.1f} ms."
        )
    if width_ms > 120:
        return wrong(f"The shortest crop, {length} samples, makes {width_ms:.1f} ms of 100 ms.")
    return wrong(f"Safe: at most {width_ms:.1f} ms. But crops may be shorter than that.")


def resize_one(answer: Callable[..., Any]) -> Verdict:
    """Crop-and-resize of one beat with ``numpy.interp``, against the library's."""
    beat = np.random.default_rng(0).normal(size=N_SAMPLES)
    for start, length in ((0, 180), (0, 135), (45, 135), (20, 150), (178, 2)):
        expected = _library(beat, start, length)
        returned = answer(beat.copy(), start, length)
        if returned is None or returned is ...:
            return wrong("The function returns nothing yet.")
        got = np.asarray(returned, dtype=float)
        case = f"start {start}, length {length}"
        if got.shape == (length,) != expected.shape:
            return wrong(f"{case}: that is the crop itself. Bring it back to the beat's length.")
        if got.shape != expected.shape:
            return wrong(f"{case}: shape {got.shape} instead of {expected.shape}.")
        if np.allclose(got, expected, atol=1e-6):
            continue
        columns = np.arange(N_SAMPLES)
        beyond = np.interp(np.linspace(start, start + length, N_SAMPLES), columns, beat)
        if np.allclose(got, beyond):
            return wrong(f"{case}: it reaches one sample beyond the crop. The last is start + "
                         "length - 1.")  # fmt: skip
        if np.allclose(got, _library(beat, 0, length)):
            return wrong(f"{case}: that is the crop from sample 0. Where does start come in?")
        if np.isin(got, beat).all():
            return wrong(f"{case}: every value is a sample, so you took the nearest one. Go along "
                         "the straight line between two.")  # fmt: skip
        return wrong(f"{case}: not the library's values. Where in the beat does column j read?")
    return right("The library does the same for all beats of a batch at once.")


def _library(beat: NDArray[np.float64], start: int, length: int) -> NDArray[np.float64]:
    """Crop one beat with the library."""
    where = torch.tensor([start]), torch.tensor([length])
    return augmentation.crop_and_resize(torch.from_numpy(beat)[None], *where)[0].numpy()


CHECKS = {"1": copies, "2": shortest_crop, "3": resize_one}
