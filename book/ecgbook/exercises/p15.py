"""Checks of page 15, inside the model."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ecgbook.exercises import Array, Function, compare, expect, expect_function
from ecgbook.page import Verdict

_ratio, _fall = 1.2**2 / 8 / 0.3**2, 10 ** (-12 / 10)  # S / N of the two, and N a² / S wanted
noise_gain = expect(
    (_ratio * _fall) ** 0.5,
    [
        (_ratio * _fall, "That is a²: the noise is multiplied by a, its power by a²."),
        ((_ratio / _fall) ** 0.5, "At 12 dB the noise is weaker than the signal: mind the sign."),
        (_ratio**0.5 * _fall, "10 log10 is of powers; of amplitudes 12 dB are 20 log10."),
        ((8 * _ratio * _fall) ** 0.5, "Divide 1.2² by 8: it is the amplitude of a sinusoid."),
        ((4 * _ratio * _fall) ** 0.5, "1.2 mV is from peak to peak: S = 1.2² / 8."),
    ],
    praise="12 dB: a sixteenth of the signal's power, a quarter of its amplitude.",
    otherwise="Write 12 = 10 log10(S / (N a²)) with S = 1.2² / 8 and N = 0.3²; solve for a.",
    within=0,
    relative=5e-3,
)


def _coverage(p: Array, labels: Array, accuracy: float, by: Any = None, first: bool = False) -> Any:
    """Return the largest coverage with an accuracy; the keywords put a mistake in."""
    confidence = by(p) if by else p.max(axis=1)
    good = (p.argmax(axis=1) == labels)[np.argsort(-confidence, kind="stable")]
    reached = np.cumsum(good) / np.arange(1, len(p) + 1) >= accuracy
    enough = np.flatnonzero(np.cumprod(reached) if first else reached)
    return (enough.max() + 1) / len(p) if len(enough) else 0.0


def _ten_beats() -> tuple[Array, Array]:
    """Probabilities and labels; accuracies 1, 1, .67, .75, .8, .83, .86, .88, .89, .8."""
    good = np.array([1, 1, 0, 1, 1, 1, 1, 1, 1, 0])
    highest, answers = np.linspace(0.97, 0.52, 10), np.array([0, 2, 1, 0, 3, 2, 0, 1, 0, 2])
    p = np.repeat(((1 - highest) / 3)[:, None], 4, axis=1)
    p[np.arange(10), answers] = highest
    order = np.random.default_rng(6).permutation(10)
    return p[order], np.where(good == 1, answers, (answers + 1) % 4)[order]


_p, _labels = _ten_beats()
coverage_for = expect_function(
    _coverage,
    [(_p, _labels, 0.85), (_p, (_p.argmax(axis=1) + 1) % 4, 0.85)],  # the second: none is right
    [
        (partial(_coverage, first=True), "Do not stop at the first fall: look further."),
        (lambda p, y, a: len(p) * _coverage(p, y, a), "That is a number of beats: give a share."),
        (partial(_coverage, by=lambda p: p[:, 0]), "Confidence is the answer's probability."),
        (partial(_coverage, by=lambda p: 0 * p[:, 0]), "Sort the beats by confidence."),
    ],
    praise="Now look at the table above it: of which class are the beats left to the ward?",
    otherwise="Sort by the highest probability, cumulate right answers, take the last hit.",
    within=1e-9,
)


def integrated(answer: Function) -> Verdict:
    """Integrated gradients of F = w x³, which are w (x³ - baseline³)."""
    w = torch.tensor([1.0, -2.0, 0.5, 3.0])
    beat, baseline = torch.tensor([2.0, 1.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 1.0, 0.5])
    found = answer(lambda x: (w * x**3).sum(dim=-1), beat.clone(), baseline.clone(), 200)
    way, slope = beat - baseline, 3 * w * beat**2
    mean_slope = w * (beat**2 + beat * baseline + baseline**2)
    mistakes = [
        (slope * way, "That is the slope at the beat only: take the mean along the way."),
        (mean_slope, "That is the mean slope: multiply it by beat - baseline."),
        (mean_slope * beat, "Multiply by beat - baseline, not by the beat."),
        (w * beat**3, "That way begins at zero: begin at the baseline."),
        (200 * way * mean_slope, "That is the sum over the steps: divide by their number."),
    ]
    return compare(
        found.detach() if isinstance(found, Tensor) else found,
        way * mean_slope,
        mistakes,
        praise="The numbers add up to F(beat) - F(baseline) for any network: completeness.",
        otherwise="Go from the baseline to the beat; the sum has to be F(beat) - F(baseline).",
        within=5e-2,
    )


CHECKS = {"1": noise_gain, "2": coverage_for, "3": integrated}
