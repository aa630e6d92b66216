"""Checks of page 11, confusion matrices and scores."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

from ecgbook.exercises import ANY, Array, Function, expect, expect_function, given
from ecgbook.page import Verdict, right, wrong
from ecgkit.evaluate import metrics

_share = 44_921 / (44_921 + 1513 + 3504 + 401)
_binary = 1 - (1 - _share) / 2
always_n = expect(
    (_share, _binary, 1 / 4),
    [
        ((_share, _share, ANY), "Equation (6) of S counts every beat that is not S as right."),
        ((_share, (_share + 3) / 4, ANY), "Equation (6): all beats of S, V and F are missed (FN)."),
        ((_share, _binary, _share), "The mean sensitivity weights all classes equally."),
    ],
    praise="Same answers, three scores: 89 %, 95 % and 25 %. See which one a paper means.",
    otherwise=(
        "Accuracy: which beats are right if the answer is always N?",
        "Equation (6): write TP, TN, FP and FN of each of the four classes, then the mean.",
        "Mean sensitivity: all of N is found, and of S, V and F? Add up, divide by four.",
    ),
)


def _best(score: Callable[[Array], float], column: int = 1) -> Function:
    """Return a function that finds the weight of a class with the highest score."""

    def best(p: Array, labels: Array, weights: Sequence[float]) -> float:
        scaled = [p * np.where(np.arange(4) == column, w, 1) for w in weights]
        made = [metrics.confusion_matrix(labels, x.argmax(axis=1)) for x in scaled]
        return weights[int(np.argmax([score(matrix) for matrix in made]))]

    return best


def _examples() -> list[tuple[Array, Array, list[float]]]:
    rng, found = np.random.default_rng(0), []
    for raised in (0.25, 2):  # S with too high and too low a probability
        labels = rng.choice(4, 2000, p=[0.8, 0.1, 0.06, 0.04])
        p = np.exp(2 * (np.eye(4)[labels] + rng.normal(0, 0.9, (2000, 4))))
        p[:, 1] /= raised
        found.append((p / p.sum(axis=1, keepdims=True), labels, [0.1, 0.2, 0.5, 1, 2, 5, 10]))
    return found


def _f1_of_s(matrix: Array) -> float:
    return float(metrics.class_f1(matrix)[1])


best_weight = expect_function(
    _best(_f1_of_s),
    _examples(),
    [
        (_best(metrics.accuracy), "That weight has the highest accuracy: compare the F1 of S."),
        (_best(lambda m: metrics.sensitivity(m)[1]), "The highest sensitivity ignores P+: use F1."),
        (_best(_f1_of_s, column=0), "That changes the column of N: S is column 1."),
    ],
    praise="Chosen on some beats, scored on others: see how much is left.",
    otherwise="Multiply column 1 by w, take argmax, compute class_f1; keep the best w.",
)

MATRICES = np.array(
    [
        [[9, 0, 0, 0], [0, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 2]],
        [[5, 3, 0, 0], [2, 1, 0, 0], [0, 0, 4, 1], [1, 0, 0, 1]],
        [[7, 0, 2, 0], [1, 4, 0, 0], [3, 0, 1, 0], [0, 0, 2, 3]],
    ]
)
"""Of the three records that the bootstrap is tried on."""


def _mean_f1(matrix: Array) -> float:
    return float(np.nanmean(metrics.class_f1(matrix)))


def _scores(
    matrices: Array, choices: Iterable[Sequence[int]], score: Callable[[Array], float] = _mean_f1
) -> Array:
    """Return the score of each choice of records."""
    return np.array([score(matrices[list(choice)].sum(axis=0)) for choice in choices])


def _all_among(values: Array, expected: Array) -> bool:
    return bool((abs(values[:, None] - expected).min(axis=1) < 1e-9).all())


def bootstrap(answer: Function) -> Verdict:
    """Mean F1 of resamples that draw records."""
    draws, choices = 400, list(combinations_with_replacement(range(3), 3))

    def resample(matrices: Array) -> Any:
        cells = np.indices(matrices.shape).reshape(3, -1).repeat(matrices.ravel(), axis=1)
        names, labels, predicted = np.random.default_rng(3).permutation(cells, axis=1)
        rng = np.random.default_rng(0)
        return answer(labels, predicted, np.array(list("abc"))[names], draws, rng)

    values = np.asarray(given(resample(MATRICES)), dtype=float)
    if values.shape != (draws,):
        return wrong(f"{draws} resamples need shape ({draws},), not {values.shape}.")
    if np.ptp(values) < 1e-12:
        return wrong("All resamples have the same score: draw with replacement, anew each time.")
    expected = _scores(MATRICES, choices)
    if not _all_among(values, expected):
        once = [c for size in (1, 2, 3) for c in combinations(range(3), size)]
        if _all_among(values, _scores(MATRICES, once)):
            return wrong("A record drawn twice has to count twice; np.isin takes it once.")
        if _all_among(values / 100, expected):
            return wrong("That is in per cent: give shares between 0 and 1.")
        means = [np.mean([_mean_f1(MATRICES[i]) for i in choice]) for choice in choices]
        if _all_among(values, np.array(means)):
            return wrong("Those are means of the records' F1: join the beats drawn, then one F1.")
        if _all_among(values, _scores(MATRICES, choices, metrics.accuracy)):
            return wrong("Those are accuracies: the exercise asks for the mean F1.")
        return wrong("These values come from no choice of whole records: draw records, not beats.")
    if not _all_among(expected, values):
        return wrong("Not every choice of records occurs: draw as many records as there are.")
    if not np.array_equal(values, resample(MATRICES)):
        return wrong("The same rng gives other values each time: draw with the argument rng.")
    rare = MATRICES.copy()  # F in one record only
    rare[:2, 3] = rare[:2, :, 3] = 0
    if not _all_among(np.asarray(resample(rare), dtype=float), _scores(rare, choices)):
        return wrong("In a resample without F, its F1 is not defined: use np.nanmean.")
    return right("Patients are drawn, not beats: see how wide the interval is.")


CHECKS = {"1": always_n, "2": best_weight, "3": bootstrap}
