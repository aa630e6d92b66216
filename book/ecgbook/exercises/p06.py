"""Checks of page 06, augmentation."""

from functools import partial
from typing import Any

import numpy as np

from ecgbook.exercises import Array, compare, expect, expect_function
from ecgbook.page import Verdict

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
    length = round(float(answer) * 180)
    width = f"A crop of {length} samples makes {17_900 / max(length - 1, 1):.1f} ms of 100 ms"
    mistakes = [
        (151 * 180, "Give the share of the beat that is kept: a number from 0 to 1."),
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


def _resize(beat: Array, start: int, length: int, beyond: int = 0) -> Array:
    position = np.linspace(start, start + length - 1 + beyond, len(beat))
    return np.interp(position, np.arange(len(beat)), beat)


_beat = np.random.default_rng(0).normal(size=180)
resize_one = expect_function(
    _resize,
    [(_beat, 0, 180), (_beat, 0, 135), (_beat, 45, 135), (_beat, 20, 150), (_beat, 178, 2)],
    [
        (lambda b, s, m: b[s : s + m], "That is the crop: resize it to the beat's length."),
        (partial(_resize, beyond=1), "The last sample of the crop is start + length - 1."),
        (lambda b, s, m: _resize(b, 0, m), "Every crop begins at sample 0: use start."),
    ],
    praise="The library does the same for all beats of a batch at once.",
    otherwise="Column j of n reads position start + j (length - 1) / (n - 1) of the beat.",
    within=1e-6,
)

CHECKS = {"1": copies, "2": shortest_crop, "3": resize_one}
