"""Checks of page 14, another hospital."""

import numpy as np

from ecgbook.exercises import ANY, Array, expect, expect_function
from ecgkit.evaluate import metrics

_sensitivities = np.array([0.64, 0.11, 0.75, 0])
_there = float(_sensitivities @ [0.90, 0.05, 0.05, 0])
_at_home = float(_sensitivities @ [0.89, 0.03, 0.07, 0.01])
mixtures = expect(
    (_there, _at_home),
    [
        ((_sensitivities.mean(), ANY), "That mean weighs a rare class like N: use the shares."),
        ((_sensitivities[:3].mean(), ANY), "Weigh the three classes by their shares."),
        ((_there, _at_home / 0.99), "Beats of F are beats: missing them all counts."),
    ],
    praise="Less than a point of difference: the mixture of classes is not the cause.",
    otherwise=(
        "There: sum of share times sensitivity over the classes.",
        "The same sensitivities, with the shares of MIT-BIH; F is never found.",
    ),
)


def _gain(a: Array, b: Array) -> float:
    return float(metrics.class_f1(b)[1] - metrics.class_f1(a)[1])


def _gains(a: Array, b: Array) -> list[float]:
    """F1 of S of b minus that of a, without each person in turn."""
    return [_gain(a.sum(axis=0) - m, b.sum(axis=0) - n) for m, n in zip(a, b, strict=True)]


def _people(*found_and_false: tuple[int, int]) -> Array:
    """People with 100 N and 20 S each, of which some are found, and some N called S."""
    m = np.array([[[100 - false, false], [20 - s, s]] for s, false in found_and_false])
    return np.pad(m, ((0, 0), (0, 2), (0, 2)))


_first, _second = _people((10, 10), (4, 12), (6, 2)), _people((9, 11), (18, 2), (7, 2))
smallest_gain = expect_function(
    lambda a, b: min(_gains(a, b)),
    [(_first, _second), (_second, _first[[2, 0, 1]])],
    [
        (lambda a, b: max(_gains(a, b)), "That is the largest gain: who spoils it?"),
        (lambda a, b: np.mean(_gains(a, b)), "Return the smallest gain, not the mean."),
        (lambda a, b: min(_gains(b, a)), "The gain is b minus a."),
        (lambda a, b: _gain(a.sum(axis=0), b.sum(axis=0)), "Leave each person out in turn."),
        (lambda a, b: min(map(_gain, a, b)), "Those are gains in one person: add up the others."),
    ],
    praise="If it is near zero or below while the whole gain is large, one person made it.",
    otherwise="np.delete(a, i, axis=0).sum(axis=0), the same of b, then metrics.class_f1(...)[1].",
    within=1e-9,
)

_home, _away = np.arange(30), np.arange(100, 130)
half_and_half = expect_function(
    lambda home, away, n: np.concatenate([home[: n // 2], away[: n // 2]]),
    [(_home, _away, 22), (_away, _home, 22)],
    [
        (lambda home, away, n: [home[: n // 2], away[: n // 2]], "Join the two to one array."),
        (lambda home, away, n: np.concatenate([home, away])[:n], "Those are of one hospital."),
        (lambda home, away, n: np.concatenate([home[:n], away[:n]]), "Twice as many people."),
    ],
    praise="As many people, of two hospitals: train on them and on `home[:n]`.",
    otherwise="np.concatenate of the first n // 2 names of `home` and of `away`.",
)

CHECKS = {"1": mixtures, "2": smallest_gain, "3": half_and_half}
