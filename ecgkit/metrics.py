"""Confusion matrix and what is computed from it.

Matrices have the reference in rows and the prediction in columns, in the order N S V F. Figures are
shares between 0 and 1; one that would divide by zero is NaN, never 0 and never 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix as _sklearn_matrix

from ecgkit import InputError, aami
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


def _or_none(value: float) -> float | None:
    """Turn NaN into None: JSON has no NaN."""
    return None if np.isnan(value) else float(value)
