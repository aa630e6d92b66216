"""Confusion matrices and the scores computed from them.

A matrix has the reference in its rows and the prediction in its columns, both in the order N S V F.
Scores lie between 0 and 1. A score that would divide by zero is NaN, never 0 and never 1.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError

CLASSES = ("N", "S", "V", "F")  #: The classes that are predicted: the AAMI classes without Q.
Matrix = NDArray[np.int64]
Floats = NDArray[np.float64]


def confusion_matrix(reference: ArrayLike, predicted: ArrayLike) -> Matrix:
    """Count beats by reference (row) and prediction (column), labels from 0 (N) to 3 (F).

    >>> confusion_matrix([0, 0, 2], [0, 2, 2]).tolist()
    [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    """
    n, y, p = len(CLASSES), np.asarray(reference), np.asarray(predicted)
    if y.shape != p.shape or y.ndim != 1:
        raise InputError(f"Labels of shapes {y.shape} and {p.shape}: give two lists of one length.")
    if not np.isin([y, p], range(n)).all():
        raise InputError(f"A label is not one of 0 to {n - 1}: remove the beats of class Q first.")
    return np.bincount((n * y + p).astype(np.int64), minlength=n * n).reshape(n, n)


def _divide(part: ArrayLike, whole: ArrayLike) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(part, float) / np.asarray(whole, float)


def sensitivity(matrix: ArrayLike) -> Floats:
    """Se = TP / (TP + FN) of each class, shape (classes,); equation (4) of the paper."""
    return _divide(np.diag(matrix), np.sum(matrix, axis=1))


def ppv(matrix: ArrayLike) -> Floats:
    """Positive predictive value TP / (TP + FP) of each class; equation (5) of the paper."""
    return _divide(np.diag(matrix), np.sum(matrix, axis=0))


def f1(se: ArrayLike, ppv: ArrayLike) -> Floats:
    """Harmonic mean of sensitivity and positive predictive value."""
    se, ppv = np.asarray(se, float), np.asarray(ppv, float)
    return _divide(2 * se * ppv, se + ppv)


def class_f1(matrix: ArrayLike) -> Floats:
    """F1 = 2 TP / (2 TP + FN + FP) of each class; 0 where no beat of a class is found."""
    return _divide(2 * np.diag(matrix), np.sum(matrix, axis=1) + np.sum(matrix, axis=0))


def accuracy(matrix: ArrayLike) -> float:
    """Fraction of all beats that are classified correctly: trace over total."""
    return float(_divide(np.trace(matrix), np.sum(matrix)))


def binary_accuracy(matrix: ArrayLike) -> Floats:
    """(TP + TN) / (TP + TN + FP + FN) of each class against the rest; equation (6) of the paper.

    The mean of more than two exceeds :func:`accuracy`: an error counts against two classes only.
    """
    m = np.asarray(matrix)
    errors = m.sum(axis=1) + m.sum(axis=0) - 2 * np.diag(m)
    return 1 - _divide(errors, m.sum())


def kappa(matrix: ArrayLike) -> float:
    """Cohen's kappa: agreement beyond what the row and column sums alone would give."""
    m = np.asarray(matrix, float)
    chance = _divide(m.sum(axis=0) @ m.sum(axis=1), m.sum() ** 2)
    return float(_divide(accuracy(m) - chance, 1 - chance))


def j_kappa(matrix: ArrayLike) -> float:
    """Compute kappa / 2 + j / 8 of a (4, 4) matrix, where j is the sum of Se and P+ of S and V.

    j runs from 0 to 4, so each term contributes at most one half (Mar et al. 2011,
    doi:10.1109/TBME.2011.2113395; Mondejar-Guerra et al. 2019, doi:10.1016/j.bspc.2018.08.007).
    """
    ectopic = [CLASSES.index("S"), CLASSES.index("V")]
    j = sensitivity(matrix)[ectopic].sum() + ppv(matrix)[ectopic].sum()
    return float(kappa(matrix) / 2 + j / 8)


@dataclass(frozen=True)
class ClassScores:
    """Sensitivity, positive predictive value and F1 of one class."""

    se: float
    ppv: float
    f1: float


@dataclass(frozen=True)
class MacroScores:
    """Means over the classes. Papers call either of the last two macro F1, and they differ."""

    se: float
    ppv: float
    f1_of_means: float  #: Harmonic mean of ``se`` and ``ppv``, as in the paper's Table II.
    mean_f1: float


@dataclass(frozen=True)
class Report:
    """All scores of a confusion matrix; NaN where a score is not defined."""

    accuracy: float
    confusion_matrix: Matrix
    classes: dict[str, ClassScores]
    macro: MacroScores

    def to_dict(self) -> dict[str, Any]:
        return none_if_nan(asdict(self) | {"confusion_matrix": self.confusion_matrix.tolist()})

    def scores(self) -> dict[str, float]:
        """All scores under flat names such as ``accuracy``, ``mean_f1`` and ``se_S``."""
        m = self.confusion_matrix
        found = {"accuracy": self.accuracy, "binary_accuracy": float(binary_accuracy(m).mean())}
        found |= {"kappa": kappa(m), "j_kappa": j_kappa(m), **asdict(self.macro)}
        for name, row in self.classes.items():
            found |= {f"{key}_{name}": value for key, value in asdict(row).items()}
        return found


def report(matrix: ArrayLike) -> Report:
    """Compute all scores of a confusion matrix of shape (4, 4).

    >>> found = report([[90, 0, 10, 0], [0, 5, 5, 0], [0, 0, 40, 0], [0, 0, 0, 5]])
    >>> round(found.accuracy, 3), found.classes["S"].se, round(found.macro.mean_f1, 3)
    (0.903, 0.5, 0.864)
    """
    m = np.asarray(matrix)
    if m.shape != (len(CLASSES), len(CLASSES)):
        raise InputError(f"The matrix has shape {m.shape}: give one of shape (4, 4), N S V F.")
    by_class = np.stack([sensitivity(m), ppv(m), class_f1(m)])
    se, positive, mean_f1 = by_class.mean(axis=1).tolist()
    classes = {c: ClassScores(*by_class[:, i].tolist()) for i, c in enumerate(CLASSES)}
    macro = MacroScores(se, positive, float(f1(se, positive)), mean_f1)
    return Report(accuracy(m), m.astype(np.int64), classes, macro)


def by_record(
    records: NDArray[np.str_], reference: NDArray[np.integer], predicted: NDArray[np.integer]
) -> dict[str, list[list[int]]]:
    """Compute the confusion matrix of each record from arrays of shape (n,), as lists for JSON."""
    rows = {str(name): records == name for name in np.unique(records)}
    return {k: confusion_matrix(reference[of], predicted[of]).tolist() for k, of in rows.items()}


def none_if_nan(value: Any) -> Any:
    """Turn NaN into None, in the values of a dict as well, because JSON has no NaN."""
    if isinstance(value, dict):
        return {key: none_if_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
