"""Checks of page 12, the ablation."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from ecgbook import studies
from ecgbook.exercises import Array, Function, compare_names, expect, expect_function
from ecgbook.page import Verdict, wrong
from ecgkit.evaluate.runs import Run

_p, _n = 0.9836, 50_338
_error = np.sqrt(_p * (1 - _p) / _n)
standard_error = expect(
    100 * _error,
    [
        (_error, "That is a share: give percentage points."),
        (196 * _error, "That is half the width of a 95 % interval: give one standard error."),
        (100 * _error**2, "That is the variance: take its square root."),
        (100 * np.sqrt(_p * (1 - _p)), "That is for one beat: divide by n, under the root."),
        (100 * _error / np.sqrt(2), "That counts all beats: only one half is the test half."),
        (100 * np.sqrt(_p / _n), "The share of *wrong* beats, 1 - p, belongs under the root."),
    ],
    praise="Differences of a twentieth of a point may be chance.",
    otherwise="Put p = 0.9836 and n = 50,338 into the formula, then times 100.",
    within=0,
    relative=0.02,
)

seeds_for_a_sign_test = expect(
    6,
    [
        (5, "Five alike have 1/32 on one side: how likely is *either* all up or all down?"),
        (4, "1/16 is above 0.05 already, and there are two sides."),
        (7, "Fewer will do: write down 2 / 2**n for n = 1, 2, ..."),
    ],
    praise="2 / 64 = 0.031. With five seeds the smallest p, 2 / 32, is above 0.05.",
    otherwise="How likely is it that n fair coins all fall alike, heads or tails?",
)

MATRICES = {
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
"""Model and seed -> a matrix; accuracy and mean F1 put the models into different orders."""


def _runs() -> list[Run]:
    run = studies.results("reproduction", "resnet-tcn-ours")[0]
    return [
        replace(run, model=model, seed=seed, confusion_matrix=matrix)
        for (model, seed), matrix in MATRICES.items()
    ]


def ranking(answer: Function) -> Verdict:
    """Models from best to worst by the mean over the seeds of a score."""
    by_accuracy = ["careful", "even", "lucky"]
    verdict = compare_names(
        answer(_runs(), "mean_f1"),
        ["even", "careful", "lucky"],
        [
            (by_accuracy, "That is the order by accuracy: use the score that is asked for."),
            (["lucky", "even", "careful"], "Take the mean over the seeds, not the best seed."),
        ],
        praise="In these runs the two scores rank the models differently: say which you use.",
        otherwise="Collect each model's scores, take their mean, and sort; name each model once.",
    )
    if verdict.right and list(answer(_runs(), "accuracy")) != by_accuracy:
        return wrong("Right for mean_f1, wrong for accuracy: use the score that is asked for.")
    return verdict


def _share(test: Function) -> Function:
    """Return the share of the means under all patterns of signs that pass a test."""

    def share(d: Array) -> Any:
        patterns = np.array(list(itertools.product([1, -1], repeat=len(d))))
        return np.mean(test((patterns * d).mean(axis=1), d.mean()))

    return share


_alike = np.array([0.11, 0.2, 0.3, 0.16, 0.25])  # p = 2 / 32
_mixed = np.array([0.3, -0.1, 0.2])  # sums ±.6 ±.4 ±.2 0 0, four of eight as large as .4
sign_flip = expect_function(
    _share(lambda means, mean: abs(means) >= abs(mean) - 1e-12),
    [(_alike,), (_mixed,), (-_alike,)],
    [
        (_share(lambda means, mean: means >= mean - 1e-12), "That is one-sided: compare |mean|."),
        (_share(lambda means, mean: abs(means) > abs(mean) + 1e-12), "Use `>=`, not `>`."),
        (lambda d: 2 / 2 ** len(d), "Right only if all signs agree: flip the given differences."),
    ],
    praise="With equal signs it is the sign test's 1/16; with mixed signs it uses the sizes.",
    otherwise="Go through all 2**n patterns of +1 and -1; compare |mean| with the observed.",
    within=1e-9,
)

CHECKS = {"1": standard_error, "2": seeds_for_a_sign_test, "3": ranking, "4": sign_flip}
