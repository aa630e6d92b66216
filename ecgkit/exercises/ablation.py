"""Checks of page 10, the ablation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ecgkit import comparison
from ecgkit.exercises import Verdict, right, wrong

SHARE, BEATS = 0.9836, 50_338
"""Accuracy of the paper's TCN (Table II), and half of its beats."""


def chance_of_an_accuracy(answer: Any) -> Verdict:
    """Standard error of 98.36 % on 50,338 beats, in points of per cent."""
    share, points = comparison.standard_error(SHARE, BEATS), float(answer)

    def near(value: float) -> bool:
        return abs(points - value) < 0.02 * value

    if near(100 * share):
        return right("A twentieth of a point: differences of that size mean nothing.")
    if near(share):
        return wrong("That is a share: give points of per cent.")
    if near(196 * share):
        return wrong("That is half the width of a 95 % interval: give one standard error.")
    if near(100 * share**2) or near(share**2):
        return wrong("That is the variance: take its root.")
    if near(100 * math.sqrt(SHARE * (1 - SHARE))):
        return wrong("That is for a single beat: divide by the number of beats, under the root.")
    if near(100 * comparison.standard_error(SHARE, 2 * BEATS)):
        return wrong("That counts all beats: only the test half is tested on.")
    if near(100 * math.sqrt(SHARE / BEATS)):
        return wrong("The share that is *wrong*, 1 - p, belongs under the root, too.")
    return wrong("Put p = 0.9836 and n = 50,338 into the formula, and turn the share into points.")


def seeds_for_a_sign_test(answer: Any) -> Verdict:
    """Fewest seeds with which a two-sided sign test can fall below 0.05."""
    given = float(answer)
    if given == 6:
        return right("2 / 64 = 0.031. With five seeds the best there is, 2 / 32, is above 0.05.")
    if given == 5:
        return wrong("Five alike have 1/32 on one side: how likely is *either* all up or all down?")
    if given == 4:
        return wrong("1/16 is above 0.05 already, and there are two sides.")
    if given > 6:
        return wrong("Fewer will do: write down 2 / 2**n for n = 1, 2, 3, ...")
    return wrong("How likely is it that n fair coins all fall alike, heads or tails?")


def _runs() -> list[dict[str, Any]]:
    """Runs by hand, in which accuracy and mean class F1 put the models into different orders."""
    matrices = {
        # accuracy of seed 0: (990 + 60) / 1150 = .913 against (900 + 141) / 1150 = .905;
        # F1 of S: 40 / (40 + 30 + 4) = .54 against 94 / (94 + 3 + 34) = .72
        ("careful", 0): [[990, 4, 3, 3], [30, 20, 0, 0], [30, 0, 20, 0], [30, 0, 0, 20]],
        ("careful", 1): [[990, 4, 3, 3], [28, 22, 0, 0], [28, 0, 22, 0], [28, 0, 0, 22]],
        ("even", 0): [[900, 34, 33, 33], [3, 47, 0, 0], [3, 0, 47, 0], [3, 0, 0, 47]],
        ("even", 1): [[901, 33, 33, 33], [3, 47, 0, 0], [3, 0, 47, 0], [3, 0, 0, 47]],
        ("lucky", 0): [[998, 1, 1, 0], [2, 48, 0, 0], [2, 0, 48, 0], [2, 0, 0, 48]],
        ("lucky", 1): [[880, 40, 40, 40], [40, 10, 0, 0], [40, 0, 10, 0], [40, 0, 0, 10]],
        ("lucky", 2): [[880, 40, 40, 40], [40, 10, 0, 0], [40, 0, 10, 0], [40, 0, 0, 10]],
    }
    return [
        {"model": model, "seed": seed, "confusion_matrix": matrix}
        for (model, seed), matrix in matrices.items()
    ]


def ranking(answer: Callable[..., Any]) -> Verdict:
    """Models from best to worst by the mean over the seeds of a figure."""
    returned = answer(_runs(), "mean_f1")
    if returned is None or returned is ...:
        return wrong("The function returns nothing yet.")
    got = [str(name) for name in returned]
    if len(got) != 3:
        return wrong("The runs are of three models, with two or three seeds: name each model once.")
    by_accuracy = [str(name) for name in answer(_runs(), "accuracy")]
    if got == ["even", "careful", "lucky"]:
        if by_accuracy == ["careful", "even", "lucky"]:
            return right(
                "In the check's own runs the two figures name different models: say which you use."
            )
        return wrong("Right for mean_f1, wrong for accuracy: use the figure that is asked for.")
    if got == ["lucky", "careful", "even"]:
        return wrong("That is from worst to best.")
    if got[0] == "lucky":
        return wrong(
            "One model has a single lucky seed. Take the mean over its seeds, not the best."
        )
    if got == ["careful", "even", "lucky"]:
        return wrong("That is the order by accuracy: take the figure that is asked for.")
    return wrong("Collect each model's figures from tables.figures, average, and sort.")


def sign_flip(answer: Callable[..., Any]) -> Verdict:
    """Exact two-sided p of the mean of paired differences, under flipped signs."""
    mixed = [0.3, -0.1, 0.2]  # |sum| .4; of the 8 sums ±.6 ±.4 ±.2 0 0, four are as large
    alike = [0.11, 0.2, 0.3, 0.16, 0.25]
    returned = answer(np.array(alike))
    if returned is None or returned is ...:
        return wrong("The function returns nothing yet.")
    got = [float(returned), float(answer(np.array(mixed)))]
    if np.allclose(got, [2 / 32, 4 / 8]):
        down = float(answer(-np.array(alike)))
        if not np.isclose(down, 2 / 32):
            return wrong(
                "Turned round, the same differences give another p: compare sizes, |mean|."
            )
        return right(
            "The same 1/16 as the sign test here; with mixed signs it uses the sizes, too."
        )
    if np.isclose(got[0], 1 / 32):
        return wrong("That is one-sided: a mean as large in the *other* direction counts as well.")
    if np.isclose(got[0], 0):
        return wrong("The observed signs are one of the patterns: count `>=`, not `>`.")
    if np.isclose(got[0], 2 / 32):
        return wrong(
            "Right where all signs agree, wrong where they do not: flip signs of the differences "
            "as they are, and mind that sums that should be equal can differ in the last bit."
        )
    if 0.03 < got[0] < 0.1:
        return wrong(
            "Close, as a random sample of patterns would be: there are just 2**n, try all."
        )
    return wrong("Go through all 2**n patterns of +1 and -1 and compare each |mean| with the real.")


CHECKS = {
    "1": chance_of_an_accuracy,
    "2": seeds_for_a_sign_test,
    "3": ranking,
    "4": sign_flip,
}
