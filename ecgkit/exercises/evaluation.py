"""Checks of page 09, evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import metrics, published
from ecgkit.exercises import Verdict, close, right, wrong

COUNTS = (44_921, 1_513, 3_504, 401)


def always_n(answer: Any) -> Verdict:
    """Accuracy, mean of equation (6) and mean sensitivity of calling every beat N."""
    given = np.asarray(answer, dtype=float)
    if given.shape != (3,):
        return wrong("Give three numbers: accuracy, mean of equation (6), mean sensitivity.")
    share = COUNTS[0] / sum(COUNTS)
    binary = 1 - (1 - share) / 2
    if close(given, (share, binary, 1 / 4)):
        return right("Same answers, three figures: 89 %, 95 % and 25 %. Read which one is meant.")
    if (given > 1).any():
        return wrong("That is in per cent: give shares between 0 and 1.")
    if not close(given[0], share):
        return wrong("Of the accuracy: which beats are right if the answer is always N?")
    if close(given[1], share):
        return wrong("Equation (6) of S counts every beat that is not S as right. Start there.")
    if close(given[1], (share + 3) / 4):
        return wrong("Equation (6): S, V and F are never called, but their beats are missed (FN).")
    if not close(given[1], binary):
        return wrong(
            "Equation (6): write TP, TN, FP and FN of each of the four classes, then mean."
        )
    if close(given[2], share):
        return wrong("The mean sensitivity weighs classes equally, whatever their size.")
    return wrong("Mean sensitivity: all of N is found, and of S, V and F? Add up, divide by four.")


def pooled(answer: Any) -> Verdict:
    """Accuracy and mean F1 of the paper's run, once S and N are one class."""
    m = np.array(published.runs("resnet-tcn", "paper")[0]["confusion_matrix"])
    pool = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    three = pool @ m @ pool.T
    accuracy, f1 = metrics.accuracy(three), metrics.class_f1(three)
    given = np.asarray(answer, dtype=float)
    if given.shape != (2,):
        return wrong("Give two numbers: accuracy, mean F1.")
    if close(given, (accuracy, f1.mean()), 1e-5):
        return right("Not a beat is classified otherwise: a figure depends on what one asks.")
    if (given > 1).any():
        return wrong("That is in per cent: give shares between 0 and 1.")
    left_out = np.delete(np.delete(m, 1, axis=0), 1, axis=1)
    if close(given[0], metrics.accuracy(left_out), 1e-5):
        return wrong(
            "That leaves the S beats out. Pool them: add their row to N's, and the column."
        )
    if close(given[0], metrics.accuracy(m), 1e-5):
        return wrong("That is the accuracy of four classes: S called N is no longer an error.")
    if not close(given[0], accuracy, 1e-5):
        return wrong("Add the row of S to that of N, then the column of S to that of N: 3 by 3.")
    means = metrics.f1(metrics.sensitivity(three).mean(), metrics.ppv(three).mean())
    if close(given[1], f1.sum() / 4, 1e-5):
        return wrong("The accuracy is right. The mean F1 is now over three classes, not four.")
    if close(given[1], means, 1e-5):
        return wrong("The accuracy is right; the other is the F1 of means, not the mean F1.")
    return wrong(
        "The accuracy is right. The mean F1 is the mean of metrics.class_f1 of the 3 by 3."
    )


def _toy(f_everywhere: bool) -> tuple[NDArray, NDArray, NDArray]:
    """Labels, predictions and record names of three records, in a mixed order."""
    matrices = {
        "a": [[9, 0, 0, 0], [0, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 2]],
        "b": [[5, 3, 0, 0], [2, 1, 0, 0], [0, 0, 4, 1], [1, 0, 0, 1]],
        "c": [[7, 0, 2, 0], [1, 4, 0, 0], [3, 0, 1, 0], [0, 0, 2, 3]],
    }
    rows = [
        (label, called, name)
        for name, matrix in matrices.items()
        for label in range(4)
        for called in range(4)
        for _ in range(matrix[label][called])
        if f_everywhere or name == "c" or 3 not in (label, called)
    ]
    order = np.random.default_rng(3).permutation(len(rows))
    labels, called, names = (np.array(column)[order] for column in zip(*rows, strict=True))
    return labels, called, names


def _figures(
    data: tuple[NDArray, NDArray, NDArray],
    choices: Iterable[tuple[str, ...]],
    figure: Callable[[NDArray], float],
) -> NDArray:
    """A figure of each choice of records."""
    labels, called, names = data
    each = {n: metrics.confusion_matrix(labels[names == n], called[names == n]) for n in "abc"}
    return np.array([figure(np.sum([each[n] for n in choice], axis=0)) for choice in choices])


def _mean_f1(matrix: NDArray) -> float:
    return float(np.nanmean(metrics.class_f1(matrix)))


def _among(values: NDArray, expected: NDArray) -> bool:
    return bool((abs(values[:, None] - expected).min(axis=1) < 1e-9).all())


def bootstrap(answer: Callable[..., Any]) -> Verdict:
    """Mean F1 of resamples that draw records."""
    draws, data = 400, _toy(f_everywhere=True)

    def drawn(data: tuple[NDArray, NDArray, NDArray]) -> Any:
        return answer(*(column.copy() for column in data), draws, np.random.default_rng(0))

    got = drawn(data)
    if got is None or got is ...:
        return wrong("The function returns nothing yet.")
    values = np.asarray(got, dtype=float)
    if values.shape != (draws,):
        return wrong(f"{draws} resamples need shape ({draws},), not {values.shape}.")
    choices: list[tuple[str, ...]] = list(combinations_with_replacement("abc", 3))  # ten
    expected = _figures(data, choices, _mean_f1)
    if np.ptp(values) < 1e-12:
        return wrong(
            "All resamples give the same figure: draw with replacement, and anew each time."
        )
    if not _among(values, expected):
        return _mistake(values, data, choices)
    times = [int((abs(values - value) < 1e-9).sum()) for value in expected]
    if min(times) == 0:
        return wrong("Not every choice of records occurs: draw as many records as there are.")
    ways = {1: 1, 2: 3, 3: 6}  # to draw a choice, by the number of different records in it
    chance = np.array([ways[len(set(choice))] for choice in choices]) / 27
    if (abs(np.array(times) / draws - chance) > 0.08).any():  # four standard deviations
        return wrong("Each record has the same chance in each draw, however many beats it has.")
    if not np.array_equal(values, np.asarray(drawn(data), dtype=float)):
        return wrong("The same rng gives other values each time: draw with the rng handed over.")
    rare = _toy(f_everywhere=False)
    if not _among(np.asarray(drawn(rare), dtype=float), _figures(rare, choices, _mean_f1)):
        return wrong("A resample without F: its F1 is not defined and stays out, see np.nanmean.")
    return right("Now compare the widths: the news of a record is not that of its beats.")


def _mistake(
    values: NDArray, data: tuple[NDArray, NDArray, NDArray], choices: list[tuple[str, ...]]
) -> Verdict:
    """Name a mistake in values that no resample of records has as its mean F1."""
    sets = [choice for size in (1, 2, 3) for choice in combinations("abc", size)]
    if _among(values, _figures(data, sets, _mean_f1)):
        return wrong("A record drawn twice has to count twice; np.isin takes it once.")
    if _among(values, _figures(data, choices, metrics.accuracy)):
        return wrong("Those are accuracies: the mean F1 is wanted.")

    def of_means(matrix: NDArray) -> float:
        return float(metrics.f1(metrics.sensitivity(matrix).mean(), metrics.ppv(matrix).mean()))

    if _among(values, _figures(data, choices, of_means)):
        return wrong("Those are F1s of the means: the mean of the classes' F1 is wanted.")
    return wrong("These values come from no choice of whole records: are beats drawn, not records?")


CHECKS = {"1": always_n, "2": pooled, "3": bootstrap}
