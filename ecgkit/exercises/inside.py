"""Checks of page 12, inside the model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ecgkit.exercises import Verdict, right, wrong

_A_MV, _RMS, _SNR_DB = 1.2, 0.3, 12


def noise_gain(answer: Any) -> Verdict:
    """Factor of a noise of RMS 0.3 for 12 dB under QRS complexes of 1.2 mV."""
    given = float(answer)
    power = _A_MV**2 / 8 / _RMS**2  # S / N
    fall = 10 ** (-_SNR_DB / 10)

    def close(value: float) -> bool:
        return math.isclose(given, value, rel_tol=5e-3)

    if close(math.sqrt(power * fall)):
        return right("12 dB: a sixteenth of the signal's power, a quarter of its amplitude.")
    if close(power * fall):
        return wrong("That is the square of a: noise is multiplied by a, its power by a².")
    if close(math.sqrt(power / fall)):
        return wrong("With 12 dB the noise is weaker than the signal: mind the sign.")
    if close(math.sqrt(power) * fall):
        return wrong("10 log10 is of powers; of amplitudes 12 dB are 20 log10.")
    if close(math.sqrt(8 * power * fall)):
        return wrong("S is the amplitude's square over 8: a sinusoid of that height has it.")
    if close(math.sqrt(2 * power * fall)) or close(math.sqrt(4 * power * fall)):
        return wrong("1.2 mV is from peak to peak: a sinusoid's power is that, squared, over 8.")
    return wrong("Write 12 = 10 log10(S / (N a²)) with S = 1.2² / 8 and N = 0.3²; solve for a.")


# Ten beats; the surer, the earlier. Right answers: 1 1 0 1 1 1 1 1 1 0 in the order of confidence.
# Accuracies: 1, 1, .667, .75, .8, .833, .857, .875, .889, .8: at least .85 up to 2, and again 7-9.
_RIGHT = np.array([1, 1, 0, 1, 1, 1, 1, 1, 1, 0])
_TARGET = 0.85


def _beats() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (10, 4) and labels of beats in a mixed order; answers of several classes."""
    sure = np.linspace(0.97, 0.52, 10)
    answers = np.array([0, 2, 1, 0, 3, 2, 0, 1, 0, 2])
    p = np.repeat(((1 - sure) / 3)[:, None], 4, axis=1)
    p[np.arange(10), answers] = sure
    labels = np.where(_RIGHT == 1, answers, (answers + 1) % 4)
    order = np.random.default_rng(6).permutation(10)
    return p[order], labels[order]


def _reached(right_in_order: np.ndarray, first: bool = False) -> float:
    """Largest coverage that reaches the target, or the last before the first fall below it."""
    accuracy = np.cumsum(right_in_order) / np.arange(1, 11)
    enough = np.flatnonzero(accuracy >= _TARGET)
    if first:
        enough = np.flatnonzero(np.cumprod(accuracy >= _TARGET))
    return (enough.max() + 1) / 10 if len(enough) else 0.0


def coverage_for(answer: Callable[..., Any]) -> Verdict:
    """Largest coverage that reaches an accuracy."""
    p, labels = _beats()
    got = answer(p.copy(), labels.copy(), _TARGET)
    if got is None or got is ...:
        return wrong("The function returns nothing yet.")
    value = float(got)
    if not math.isclose(value, _reached(_RIGHT), abs_tol=1e-9):
        return _mistake(value, p, labels)
    if float(answer(p.copy(), (p.argmax(axis=1) + 1) % 4, _TARGET)) != 0:
        return wrong("Where no answer is right no coverage reaches the accuracy: return 0.")
    return right("Now read the table above it again: of which class are the beats declined?")


def _mistake(value: float, p: np.ndarray, labels: np.ndarray) -> Verdict:
    """Name a mistake in a coverage."""

    def is_(other: float) -> bool:
        return math.isclose(value, other, abs_tol=1e-9)

    good = p.argmax(axis=1) == labels
    if is_(_reached(_RIGHT, first=True)):
        return wrong("That stops at the first fall. Further on the accuracy is reached again.")
    if is_(10 * _reached(_RIGHT)):
        return wrong("That is a number of beats: give a share of all of them.")
    if is_(100 * _reached(_RIGHT)):
        return wrong("That is in per cent: give a share between 0 and 1.")
    if is_(_reached(_RIGHT[::-1])):
        return wrong("That answers the *least* sure beats first: turn the order round.")
    if is_(_reached(good[np.argsort(-p[:, 0], kind="stable")])):
        return wrong("The confidence is the probability of the answer, not of class N.")
    if is_(_reached(good)):
        return wrong("These beats come in no order: sort them by confidence first.")
    return wrong("Sort by the largest probability, cumulate the right answers, take the last hit.")


def integrated(answer: Callable[..., Any]) -> Verdict:
    """Integrated gradients of a score whose right answer is known."""
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0])
    beat, baseline = torch.tensor([2.0, 1.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 1.0, 0.5])

    def score(x: Tensor) -> Tensor:  # of w x³; its integrated gradients are w (x³ - baseline³)
        return (weights * x**3).sum(dim=-1)

    got = answer(score, beat.clone(), baseline.clone(), 200)
    if got is None or got is ...:
        return wrong("The function returns nothing yet.")
    values = torch.as_tensor(got).detach().float().reshape(-1)
    if values.shape != beat.shape:
        return wrong(f"Return one number a sample, shape (4,), not {tuple(values.shape)}.")
    way, slope = beat - baseline, 3 * weights * beat**2
    expected = weights * (beat**3 - baseline**3)

    def is_(other: Tensor, within: float = 5e-2) -> bool:
        return torch.allclose(values, other, atol=within)

    mean_slope = weights * (beat**2 + beat * baseline + baseline**2)
    if is_(slope * beat) or is_(slope * way):
        return wrong("That is the slope at the beat alone: take the mean over the whole way.")
    if is_(mean_slope):
        return wrong("That is the mean slope. It still has to be multiplied by the way.")
    if is_(mean_slope * beat):
        return wrong("Multiplied by the beat, where the way, beat less baseline, is meant.")
    if is_(weights * beat**3):
        return wrong("That way begins at zero. Let it begin at the baseline that is given.")
    if is_(200 * expected, within=10):
        return wrong("That is the sum over the steps: divide by their number.")
    if not is_(expected):
        return wrong(
            f"The numbers add up to {values.sum():.2f}; F(beat) - F(baseline) is "
            f"{expected.sum():.2f}. Walk from the baseline to the beat."
        )
    few = torch.as_tensor(answer(score, beat.clone(), baseline.clone(), 4)).detach().float()
    if (few - expected).abs().max() > 0.5:  # middles are off by 0.06 at most, ends by 1.1
        return right("With few steps it is rough: take the middle of each step, not its end.")
    return right("And the numbers add up, whatever the network: that is completeness.")


CHECKS = {"1": noise_gain, "2": coverage_for, "3": integrated}
