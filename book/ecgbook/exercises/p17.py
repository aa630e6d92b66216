"""Checks of page 17, noise in decibels."""

import numpy as np

from ecgbook.exercises import Function, expect, expect_names, given
from ecgbook.page import Verdict, right, wrong

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
    relative=5e-3,
)

_clean = {"none": 97.3, 24: 97.4, 12: 97.25, 6: 97.0, 0: 96.6}
_noisy = {"none": 93.0, 24: 94.8, 12: 95.9, 6: 96.2, 0: 96.0}


def choose(answer: Function) -> Verdict:
    """Choose with 0.1, 0.3 and no points to lose."""
    found = [given(answer(dict(_clean), dict(_noisy), most)) for most in (0.1, 0.3, 0.0)]
    check = expect_names(
        ["12", "6", "24"],
        [
            (["6", "6", "6"], "That ignores most_lost: leave out doses that cost too much first."),
            (["24", "24", "24"], "Among the allowed doses, take the best one *with* noise."),
            (["12", "12", "24"], "An accuracy may fall by most_lost itself, here 0.3 points."),
        ],
        praise="The rule stands before the test, and the test beats have no part in it.",
        otherwise="Keep doses with clean >= clean['none'] - most_lost; of these the best noisy.",
    )
    return check(found)


def doses(answer: Function) -> Verdict:
    """Draw 10,000 doses from 6 to 18 dB, and check mean and spread."""
    found = np.asarray(given(answer(10_000, 6, 18, np.random.default_rng(0))), dtype=float)
    if found.shape != (10_000,):
        return wrong(f"Return n doses, shape (10000,), not {found.shape}.")
    if found.min() < 6 or found.max() > 18:
        return wrong("Some doses are outside of low to high.")
    if not np.allclose(np.quantile(found, [0.25, 0.5, 0.75]), [9, 12, 15], atol=0.4):
        return wrong("Not evenly drawn in decibels: a quarter belongs below 9, half below 12.")
    if len(np.unique(found)) < 1000:
        return wrong("Draw real numbers, not whole ones.")
    again, other = (answer(10_000, 6, 18, np.random.default_rng(seed)) for seed in (0, 1))
    if not np.array_equal(found, again) or np.array_equal(found, other):
        return wrong("Draw with the argument rng: one rng, one result; another rng, another.")
    return right("Each copy gets a dose of its own.")


CHECKS = {"1": noise_gain, "2": choose, "3": doses}
