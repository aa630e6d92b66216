"""Checks of page 15, what the network looks at."""

import numpy as np
import torch
from torch import Tensor

from ecgbook.exercises import Function, compare, expect_function
from ecgbook.page import Verdict, wrong

_maps = np.random.default_rng(3).normal(size=(2, 12))
_inside = np.arange(12) % 5 == 0
share_inside = expect_function(
    lambda m, i: abs(m[:, i]).sum(axis=1) / abs(m).sum(axis=1),
    [(_maps, _inside)],
    [
        (lambda m, i: m[:, i].sum(axis=1) / m.sum(axis=1), "Signs cancel: take absolute values."),
        (lambda m, i: abs(m[:, i]).sum() / abs(m).sum(), "One share for all: return one per beat."),
        (lambda m, i: abs(m)[:, i].mean(axis=1) / abs(m).mean(axis=1), "Divide sums, not means."),
    ],
    praise="Compare such a share with the share of the samples: a fifth, for the QRS complex.",
    otherwise="Per beat: the sum of absolute values inside, over the sum of all of them.",
    within=1e-9,
)


def integrated(answer: Function) -> Verdict:
    """Integrated gradients of F = w x³, which are w (x³ - baseline³)."""
    w = torch.tensor([1.0, -2.0, 0.5, 3.0])
    beat, baseline = torch.tensor([2.0, 1.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 1.0, 0.5])
    found = answer(lambda x: (w * x**3).sum(dim=1), beat.clone(), baseline.clone(), 200)
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


_signals, _labels = torch.arange(36.0).reshape(12, 3), torch.tensor([2, 0, 2, 2] * 3)


def _plant(signals: Tensor, labels: Tensor, share: float, c: int = 2) -> Tensor:
    rows = torch.where(labels == c)[0] if c >= 0 else torch.arange(len(labels))
    planted = signals.clone()
    planted[rows[: round(share * len(rows))]] += 100
    return planted


def plant(answer: Function) -> Verdict:
    """Planting a cue of 100 mV, so to say, in two of three V beats."""
    given = _signals.clone()
    found = answer(given, _labels, 0.62, lambda x: x + 100)
    mistakes = [
        (_plant(_signals, _labels, 1), "All V beats carry the cue: plant it in a share of them."),
        (_plant(_signals, _labels, 0.62, c=0), "V is class 2."),
        (_plant(_signals, _labels, 0.5, c=-1), "Only V beats carry the cue: look at the labels."),
        (_signals, "No beat is changed: write the marked beats into a copy."),
    ]
    verdict = compare(
        found.detach() if isinstance(found, Tensor) else found,
        _plant(_signals, _labels, 0.62),
        mistakes,
        praise="Now train with it, and ask again how much sensitivity is lost without the cue.",
        otherwise="Mark the first round(share * n) of the n beats with label 2, in a copy.",
    )
    if verdict.right and not torch.equal(given, _signals):
        return wrong("The signals given were changed: copy them.")
    return verdict


CHECKS = {"1": share_inside, "2": integrated, "3": plant}
