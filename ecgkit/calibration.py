"""Do probabilities mean what they say? Reliability, temperature, and answering only when sure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from ecgkit import InputError

Shares = NDArray[np.float64]

_LOWEST, _HIGHEST = 0.05, 20.0
"""Temperatures looked at."""


class Reliability(NamedTuple):
    """Confidence beside accuracy, of beats sorted into bins by their confidence.

    Attributes
    ----------
    edges
        Shape (bins + 1,), from 0 to 1.
    counts
        Shape (bins,): beats of each bin.
    confidence, accuracy
        Shape (bins,): mean probability of the answer, and share of right answers; NaN where a bin
        is empty.
    """

    edges: Shares
    counts: NDArray[np.int64]
    confidence: Shares
    accuracy: Shares

    @property
    def ece(self) -> float:
        """Expected calibration error: mean of |accuracy - confidence|, weighted by the counts."""
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float(gaps @ self.counts / self.counts.sum())


def reliability(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> Reliability:
    """Sort beats by the probability of their answer and count how many are right.

    Parameters
    ----------
    probabilities
        Shape (n, classes).
    labels
        Integer, shape (n,).
    bins
        Number of bins, equally wide.

    Raises
    ------
    InputError
        If the two do not fit together, or there is no beat.

    Source: Guo et al. 2017 (arXiv 1706.04599), section 2.

    Examples
    --------
    >>> half = reliability([[0.75, 0.25], [0.25, 0.75]], [0, 0], bins=2)
    >>> half.accuracy.tolist(), half.confidence.tolist(), half.ece
    ([nan, 0.5], [nan, 0.75], 0.25)
    """
    p, y = np.asarray(probabilities, dtype=float), np.asarray(labels)
    if p.ndim != 2 or y.shape != (len(p),) or not len(p):
        raise InputError(f"Probabilities of shape {p.shape} do not go with labels of {y.shape}.")
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.clip(np.digitize(sure, edges[1:-1], right=True), 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    some = np.where(counts > 0, counts, np.nan)
    confidence = np.bincount(bin_of, weights=sure, minlength=bins) / some
    accuracy = np.bincount(bin_of, weights=right, minlength=bins) / some
    return Reliability(edges, counts, confidence, accuracy)


def nll(logits: ArrayLike, labels: ArrayLike, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood, which is the cross-entropy, of logits over a temperature.

    Examples
    --------
    >>> round(nll([[0.0, 0.0]], [1]), 4)                    # two classes, no idea: ln 2
    0.6931
    """
    z = log_softmax(np.asarray(logits, dtype=float) / temperature, axis=1)
    return float(-z[np.arange(len(z)), np.asarray(labels)].mean())


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Find the temperature T with which ``softmax(logits / T)`` fits the labels best.

    Parameters
    ----------
    logits
        Shape (n, classes), of beats that were neither trained on nor are reported on.
    labels
        Integer, shape (n,).

    Returns
    -------
    The T between 0.05 and 20 of the lowest :func:`nll`. Above 1 the network was too sure, below 1
    not sure enough; its answers, the largest logits, stay whatever T is.

    Source: Guo et al. 2017, section 4.2.

    Examples
    --------
    >>> two = [[2.0, 0.0]] * 4                              # right three times in four
    >>> T = fit_temperature(two, [0, 0, 0, 1])              # 2 / T = ln 3
    >>> bool(abs(2 / T - np.log(3)) < 1e-4)
    True
    """
    found = minimize_scalar(
        lambda log_t: nll(logits, labels, np.exp(log_t)),
        bounds=(np.log(_LOWEST), np.log(_HIGHEST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def tempered(logits: ArrayLike, temperature: float) -> Shares:
    """Turn logits into probabilities at a temperature, ``softmax(logits / T)``, shape kept.

    Examples
    --------
    >>> tempered([[np.log(4), 0.0]], 2).round(4).tolist()   # odds of 4 become odds of 2
    [[0.6667, 0.3333]]
    """
    return softmax(np.asarray(logits, dtype=float) / temperature, axis=1)


def accuracy_by_coverage(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Shares, Shares]:
    """Answer the surest beats only: which share is answered, and how many of these are right?

    Parameters
    ----------
    probabilities
        Shape (n, classes).
    labels
        Integer, shape (n,).

    Returns
    -------
    Coverage and accuracy, both of shape (n,): of the surest beat alone, of the two surest, ..., of
    all. Beats equally sure keep their order.

    Source: El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification".

    Examples
    --------
    >>> coverage, accuracy = accuracy_by_coverage([[0.6, 0.4], [0.9, 0.1]], [1, 0])
    >>> coverage.tolist(), accuracy.tolist()
    ([0.5, 1.0], [1.0, 0.5])
    """
    p, y = np.asarray(probabilities, dtype=float), np.asarray(labels)
    order = np.argsort(-p.max(axis=1), kind="stable")
    right = (p.argmax(axis=1) == y)[order]
    answered = np.arange(1, len(y) + 1)
    return answered / len(y), np.cumsum(right) / answered
