"""Confusion matrix and what is computed from it.

Matrices have the reference in rows and the prediction in columns, in the order N S V F. Figures are
shares between 0 and 1; one that would divide by zero is NaN, never 0 and never 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix as _sklearn_matrix

from ecgkit import InputError, aami, matching
from ecgkit import ec57 as _ec57
from ecgkit.ec57 import ec57 as ec57  # shown as metrics.ec57, too; beats of two annotators

CLASSES = aami.CLASSES[:4]
"""The classes that are classified."""

Matrix = NDArray[np.int64]
Shares = NDArray[np.float64]


def confusion_matrix(reference: ArrayLike, predicted: ArrayLike, n_classes: int = 4) -> Matrix:
    """Count beats by reference (row) and prediction (column).

    Parameters
    ----------
    reference, predicted
        Integers from 0 to ``n_classes - 1``, shape (n,).
    n_classes
        Number of classes; those without a beat keep their row and column.

    Returns
    -------
    Int64, shape (n_classes, n_classes).

    Raises
    ------
    InputError
        If the two differ in length or hold another number.

    Examples
    --------
    >>> confusion_matrix([0, 0, 2], [0, 2, 2]).tolist()
    [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    """
    pair = [np.asarray(reference), np.asarray(predicted)]
    if pair[0].shape != pair[1].shape or pair[0].ndim != 1:
        raise InputError(f"{pair[0].shape} reference labels but {pair[1].shape} predictions.")
    for labels in pair:
        if len(labels) and not np.isin(labels, range(n_classes)).all():
            raise InputError(f"A label is not in 0 to {n_classes - 1}: leave class Q out.")
    if not len(pair[0]):
        return np.zeros((n_classes, n_classes), np.int64)
    return _sklearn_matrix(*pair, labels=range(n_classes)).astype(np.int64)


def _ratio(part: ArrayLike, whole: ArrayLike) -> Shares:
    """Divide; NaN where the whole is zero."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def sensitivity(matrix: ArrayLike) -> Shares:
    """Se = TP / (TP + FN) of each class, shape (classes,) (paper, equation (4)).

    Examples
    --------
    >>> sensitivity([[8, 2], [1, 4]]).tolist()
    [0.8, 0.8]
    """
    m = np.asarray(matrix)
    return _ratio(np.diag(m), m.sum(axis=1))


def ppv(matrix: ArrayLike) -> Shares:
    """P+ = TP / (TP + FP) of each class, shape (classes,) (paper, equation (5)).

    Examples
    --------
    >>> ppv([[8, 2], [2, 6]]).tolist()
    [0.8, 0.75]
    """
    m = np.asarray(matrix)
    return _ratio(np.diag(m), m.sum(axis=0))


def f1(se: ArrayLike, precision: ArrayLike) -> Shares:
    """Harmonic mean of sensitivity and positive predictive value.

    Examples
    --------
    >>> float(f1(0.5, 1.0))
    0.6666666666666666
    """
    se, precision = np.asarray(se, float), np.asarray(precision, float)
    return _ratio(2 * se * precision, se + precision)


def class_f1(matrix: ArrayLike) -> Shares:
    """F1 = 2 TP / (2 TP + FN + FP) of each class; 0 where no beat of a class is found.

    Examples
    --------
    >>> class_f1([[0, 2], [0, 6]]).round(3).tolist()
    [0.0, 0.857]
    """
    m = np.asarray(matrix)
    return _ratio(2 * np.diag(m), m.sum(axis=1) + m.sum(axis=0))


def accuracy(matrix: ArrayLike) -> float:
    """Share of all beats that are classified correctly: trace over total.

    Examples
    --------
    >>> accuracy([[8, 2], [1, 9]])
    0.85
    """
    m = np.asarray(matrix)
    return float(_ratio(np.trace(m), m.sum()))


def binary_accuracy(matrix: ArrayLike) -> Shares:
    """Acc = (TP + TN) / (TP + TN + FP + FN) of each class against the rest (paper, equation (6)).

    With more than two classes this is higher than :func:`accuracy`: the mean over four classes
    counts each mistake in two of them only.

    Examples
    --------
    >>> binary_accuracy([[8, 1, 1], [0, 5, 0], [0, 0, 5]]).tolist()
    [0.9, 0.95, 0.95]
    """
    m = np.asarray(matrix)
    wrong = m.sum(axis=1) + m.sum(axis=0) - 2 * np.diag(m)
    return 1 - _ratio(wrong, m.sum())


def report(matrix: ArrayLike) -> dict[str, Any]:
    """Compute all figures of a confusion matrix, ready for JSON.

    Two figures go by the name of macro F1 and differ: ``f1_of_means``, the harmonic mean of mean
    Se and mean P+ (what the paper's Table II holds), and ``mean_f1``, the mean of the classes' F1.

    Parameters
    ----------
    matrix
        Integer, shape (4, 4).

    Returns
    -------
    ``{"accuracy", "confusion_matrix", "classes": {C: {"se", "ppv", "f1"}}, "macro": {"se", "ppv",
    "f1_of_means", "mean_f1"}}``; a figure that is not defined is None.

    Raises
    ------
    InputError
        If the matrix has another shape.
    """
    m = np.asarray(matrix)
    if m.shape != (len(CLASSES), len(CLASSES)):
        raise InputError(f"A report takes a matrix of shape (4, 4), N S V F, not {m.shape}.")
    columns = {"se": sensitivity(m), "ppv": ppv(m), "f1": class_f1(m)}
    classes = {
        name: {key: _or_none(values[i]) for key, values in columns.items()}
        for i, name in enumerate(CLASSES)
    }
    se, p = float(np.mean(columns["se"])), float(np.mean(columns["ppv"]))
    mean_f1 = float(np.mean(columns["f1"]))
    macro = {"se": se, "ppv": p, "f1_of_means": float(f1(se, p)), "mean_f1": mean_f1}
    return {
        "accuracy": _or_none(accuracy(m)),
        "confusion_matrix": m.tolist(),
        "classes": classes,
        "macro": {key: _or_none(value) for key, value in macro.items()},
    }


def kappa(matrix: ArrayLike) -> float:
    """Cohen's kappa: agreement beyond what the row and column sums alone would give.

    Examples
    --------
    >>> round(kappa([[45, 5], [5, 45]]), 6)  # agreement 0.9, by chance 0.5
    0.8
    """
    m = np.asarray(matrix, float)
    total = m.sum()
    chance = float((m.sum(axis=0) * m.sum(axis=1)).sum() / total**2) if total else np.nan
    return float(_ratio(accuracy(m) - chance, 1 - chance))


def j_kappa(matrix: ArrayLike) -> float:
    """One figure for tests between patients: kappa / 2 + j / 8, j the sum of Se and P+ of S and V.

    j runs from 0 to 4, so that each term weighs at most one half. NaN if S or V is never called,
    or has no beat.

    Parameters
    ----------
    matrix
        Integer, shape (4, 4): rows reference, columns predicted, N S V F.

    Source: Mar et al. 2011, doi:10.1109/TBME.2011.2113395, as Mondejar-Guerra et al. 2019,
    doi:10.1016/j.bspc.2018.08.007, use it.

    Examples
    --------
    >>> j_kappa(np.diag([90, 5, 4, 1]))
    1.0
    """
    ectopic = [CLASSES.index("S"), CLASSES.index("V")]
    j = sensitivity(matrix)[ectopic].sum() + ppv(matrix)[ectopic].sum()
    return float(0.5 * kappa(matrix) + 0.125 * j)


def by_record(
    records: NDArray[np.str_], reference: NDArray[np.integer], predicted: NDArray[np.integer]
) -> dict[str, list[list[int]]]:
    """Confusion matrix of each record, ready for JSON.

    Parameters
    ----------
    records, reference, predicted
        Shape (n,): record's name, class and predicted class of each beat.

    Examples
    --------
    >>> names = np.array(["b", "a", "b"])
    >>> by_record(names, np.array([0, 2, 2]), np.array([0, 2, 0]))["b"]
    [[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    """
    return {
        str(name): confusion_matrix(reference[rows], predicted[rows]).tolist()
        for name in np.unique(records)
        for rows in [records == name]
    }


def ec57_of_classes(matrices: Mapping[str, ArrayLike]) -> _ec57.Report:
    """EC57's report where R peaks were given: no beat is missed or extra, and Q is left out.

    Beats of the first five minutes count here, which the standard leaves out.

    Parameters
    ----------
    matrices
        Record -> integer, shape (4, 4), as :func:`by_record` gives it.

    Examples
    --------
    >>> called_v = [[90, 0, 2, 0], [0, 0, 0, 0], [2, 0, 8, 0], [0, 0, 5, 0]]
    >>> report = ec57_of_classes({"one": called_v})
    >>> report.gross["veb_se"], report.gross["veb_ppv"]  # F called V is forgiven: 8 of 10
    (0.8, 0.8)
    """
    wide = len(matching.ROWS)
    padded = {
        name: np.pad(np.asarray(matrix, dtype=np.int64), (0, wide - len(CLASSES)))
        for name, matrix in matrices.items()
    }
    settings = {"start_s": 0.0, "end_s": None, "window_s": 0.15, "sveb": True}
    return _ec57.Report(padded, (), settings, ("annotators", "model"))


def patient_bootstrap(
    matrices: ArrayLike, figure: Callable[[Matrix], ArrayLike], draws: int = 1000, seed: int = 0
) -> Shares:
    """Draw patients anew, with replacement: what other patients might have given.

    Beats of one heart are alike, so whole patients are drawn, as many as there are, each with all
    beats. All seeds are given the same patients, and their figures' mean is what is returned.

    Parameters
    ----------
    matrices
        Integer, shape (seeds, patients, c, c).
    figure
        Turns a (c, c) matrix into one number or several; NaN where a draw lacks what it needs.
    draws, seed
        How many, and of the random numbers.

    Returns
    -------
    Float64, shape (draws,) or (draws, numbers). An interval of one number is
    ``np.nanpercentile(found, [2.5, 97.5])``.

    Examples
    --------
    >>> alike = np.tile([[9, 1], [0, 2]], (1, 3, 1, 1))
    >>> np.unique(patient_bootstrap(alike, accuracy, 5).round(4)).tolist()
    [0.9167]
    """
    m = np.asarray(matrices)
    rng = np.random.default_rng(seed)
    picks = rng.integers(m.shape[1], size=(draws, m.shape[1]))
    drawn = [[figure(of.sum(axis=0)) for of in m[:, pick]] for pick in picks]
    return np.array(drawn, dtype=float).mean(axis=1)


def _or_none(value: float) -> float | None:
    """Turn NaN into None: JSON has no NaN."""
    return None if np.isnan(value) else float(value)
