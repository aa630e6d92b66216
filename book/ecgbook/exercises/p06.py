"""Checks of page 06, augmentation."""

from typing import Any

import numpy as np
import torch

from ecgbook.exercises import Function, compare, expect, given
from ecgbook.page import Verdict, right, wrong

_counts = np.array([900, 36, 100, 4])
_draws = np.sqrt(900 * _counts)
copies = expect(
    _draws - _counts,
    [
        (_draws, "Those are all draws of an epoch: subtract the originals, drawn once each."),
        (900 - _counts, "That is balance 1, which raises every class to the 900 of N."),
        ((900 - _counts) / 2, "That is the arithmetic mean: 0.5 goes to the geometric mean."),
    ],
    praise="The rarer the class, the more copies per beat, but the classes stay unequal.",
    otherwise="A class of n beats gets sqrt(900 n) draws, n of which are the originals.",
    within=0.5,
)


def shortest_crop(answer: Any) -> Verdict:
    """Smallest ``shortest`` that keeps a QRS complex of 100 ms at or below 120 ms."""
    if float(answer) > 1:
        return wrong("Give the share of the beat that is kept: a number from 0 to 1.")
    length = round(float(answer) * 180)
    width = f"A crop of {length} samples makes {17_900 / max(length - 1, 1):.1f} ms of 100 ms"
    mistakes = [
        (150, f"{width}: 180 samples have 179 gaps, and the gaps are stretched."),
        (144, f"{width}: widths are divided by the share that is left, 1 - 0.2 = 0.8."),
    ]
    return compare(
        length,
        151,
        mistakes,
        praise="The shortest crop has 151 samples: 100 ms become at most 119.3 ms.",
        otherwise=f"{width}. Look for the shortest crop with at most 120 ms.",
    )


def fair_crops(answer: Function) -> Verdict:
    """An augmentation that crops originals as often as copies."""
    generator = torch.Generator().manual_seed(0)
    beats = torch.randn(2000, 180, generator=generator)
    is_copy = torch.rand(2000, generator=generator) < 0.7
    found = given(answer(beats.clone(), is_copy, generator))
    if tuple(found.shape) != (2000, 180):
        return wrong(f"2,000 beats give shape {tuple(found.shape)}: expected (2000, 180).")
    low, high = beats.amin(dim=1, keepdim=True), beats.amax(dim=1, keepdim=True)
    if ((found < low - 1e-5) | (found > high + 1e-5)).any():
        return wrong("Some rows leave the range of their beat: a crop of it cannot.")
    changed = (found != beats).any(dim=1).float()
    if not changed.any():
        return wrong("No beat is changed: these are exact copies.")
    copies, originals = 100 * changed[is_copy].mean(), 100 * changed[~is_copy].mean()
    shares = f"{copies:.0f} % of the copies and {originals:.0f} % of the originals are changed"
    if abs(copies - originals) > 10:
        return wrong(f"{shares}: the crop still tells them apart.")
    return right(f"{shares}. The crop no longer gives the class away. Now retrain.")


CHECKS = {"1": shortest_crop, "2": copies, "3": fair_crops}
