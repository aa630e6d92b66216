"""Is a difference between two models larger than luck? Of test beats, and of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError

CONFIDENCE = 0.95


def standard_error(share: float, n: int) -> float:
    """Standard deviation of a share counted on n independent beats: sqrt(p (1 - p) / n).

    Parameters
    ----------
    share
        Accuracy or sensitivity, between 0 and 1.
    n
        Beats that it is counted on.

    Examples
    --------
    >>> standard_error(0.5, 100), round(100 * standard_error(0.9884, 50_338), 3)
    (0.05, 0.048)
    """
    return math.sqrt(share * (1 - share) / n)


def redraw(matrix: ArrayLike, times: int, seed: int = 0) -> NDArray[np.int64]:
    """Deal the beats of a confusion matrix anew: what other test beats might have given.

    A parametric bootstrap: as many beats of each class as before, each classified with the shares
    of its row, independently of the others.

    Parameters
    ----------
    matrix
        Integer, shape (c, c): rows reference, columns predicted.
    times
        How many matrices are drawn.
    seed
        Of the random numbers.

    Returns
    -------
    Int64, shape (times, c, c).

    Examples
    --------
    >>> redraw([[5, 0], [0, 3]], times=1).tolist()
    [[[5, 0], [0, 3]]]
    """
    m = np.asarray(matrix)
    rng = np.random.default_rng(seed)
    totals = m.sum(axis=1)
    shares = m / np.maximum(totals, 1)[:, None]
    rows = [
        rng.multinomial(total, share, size=times) if total else np.zeros((times, len(m)), np.int64)
        for total, share in zip(totals, shares, strict=True)
    ]
    return np.stack(rows, axis=1).astype(np.int64)


@dataclass(frozen=True)
class Comparison:
    """What differences, one a seed, say together.

    Attributes
    ----------
    n
        Number of seeds.
    mean
        Of the differences, in their unit.
    sd
        Their standard deviation (n - 1); None with one seed.
    low, high
        Student's 95 % interval of the mean; None with one seed.
    p_sign
        Two-sided p of the sign test: how often a coin would fall so unevenly, or more so.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    p_sign: float

    @property
    def larger(self) -> bool | None:
        """Whether the interval leaves out zero; None with one seed, which cannot say."""
        return None if self.low is None or self.high is None else self.low > 0 or self.high < 0

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.larger is None:
            return "one seed: no verdict"
        return "larger than its spread" if self.larger else "not larger than its spread"


def compare(differences: Sequence[float] | NDArray[np.floating]) -> Comparison:
    """Bring paired differences together: their mean, Student's interval, and the sign test.

    Parameters
    ----------
    differences
        Shape (n,), one a seed.

    Raises
    ------
    InputError
        If there is none, or one is not a number.

    Examples
    --------
    >>> found = compare([1.0, 2.0, 3.0])
    >>> found.mean, found.sd, found.p_sign, found.verdict
    (2.0, 1.0, 0.25, 'not larger than its spread')
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InputError(f"Differences are one number a seed, one at least, not {differences}.")
    n, mean = len(values), float(values.mean())
    moved = values[values != 0]  # a tie is for neither side
    p_sign = 1.0
    if len(moved):
        p_sign = float(scipy.stats.binomtest(int((moved > 0).sum()), len(moved)).pvalue)
    if n == 1:
        return Comparison(n, mean, None, None, None, p_sign)
    sd = float(values.std(ddof=1))
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    return Comparison(n, mean, sd, mean - half, mean + half, p_sign)


@dataclass(frozen=True)
class Disagreement:
    """Beats on which just one of two models is right, and McNemar's test of them.

    Attributes
    ----------
    only_first, only_second
        Beats that only the first, and only the second model classifies correctly.
    n
        Beats in all.
    p
        Two-sided and exact: how often a coin would deal the beats so unevenly, or more so.
    """

    only_first: int
    only_second: int
    n: int
    p: float

    @property
    def difference(self) -> float:
        """Accuracy of the second model less that of the first."""
        return (self.only_second - self.only_first) / self.n

    @property
    def standard_error(self) -> float:
        """Of :attr:`difference`, for independent beats."""
        b, c = self.only_first, self.only_second
        return math.sqrt(b + c - (b - c) ** 2 / self.n) / self.n


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> Disagreement:
    """Compare two models on the same beats (McNemar 1947, doi:10.1007/BF02295996).

    Parameters
    ----------
    first_right, second_right
        Bool, shape (n,): which beats each model classifies correctly.

    Raises
    ------
    InputError
        If the two are not about the same number of beats, or there is none.

    Examples
    --------
    >>> mcnemar([1, 1, 1, 0, 1], [0, 0, 0, 1, 1])
    Disagreement(only_first=3, only_second=1, n=5, p=0.625)
    """
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise InputError(f"Two models on the same beats, not on {first.shape} and {second.shape}.")
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(scipy.stats.binomtest(b, b + c).pvalue) if b + c else 1.0
    return Disagreement(b, c, len(first), p)
