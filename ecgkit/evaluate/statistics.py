"""How certain a score is, whether two models differ, and whether probabilities are calibrated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ecgkit import InputError

Floats = NDArray[np.float64]


def patient_bootstrap(
    matrices: ArrayLike, score: Callable[..., ArrayLike], draws: int = 1000, seed: int = 0
) -> Floats:
    """Draw whole patients, the same for all seeds, and average each draw's score over the seeds.

    Matrices have shape (seeds, patients, c, c); ``score`` turns one of (c, c) into one number or
    several. ``np.nanpercentile(scores, [2.5, 97.5])`` is their interval.
    """
    m = np.asarray(matrices)
    picks = np.random.default_rng(seed).integers(m.shape[1], size=(draws, m.shape[1]))
    scores = [[score(total) for total in m[:, pick].sum(axis=1)] for pick in picks]
    return np.array(scores, dtype=float).mean(axis=1)


class PairedDifference(NamedTuple):
    """Mean difference between two models over n seeds, and how certain it is."""

    n: int
    mean: float
    sd: float  #: Standard deviation (n - 1). Like the interval, NaN with a single seed.
    low: float  #: Lower end of Student's 95 % interval of the mean.
    high: float


def paired_difference(differences: ArrayLike) -> PairedDifference:
    """Summarize the differences between two models, a finite number per seed."""
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InputError(f"The differences are {differences!r}: give one finite number per seed.")
    n, mean = len(values), float(values.mean())
    sd = float(values.std(ddof=1)) if n > 1 else math.nan
    half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return PairedDifference(n, mean, sd, mean - half, mean + half)


class McNemar(NamedTuple):
    """Beats that only one of two models classifies correctly, and the p of the test."""

    only_first: int
    only_second: int
    p: float


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """Compare two models on the same beats (McNemar 1947, doi:10.1007/BF02295996).

    The arguments, shape (n,), say which beats each classifies correctly. The test is exact.
    """
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape:
        raise InputError(f"The shapes {first.shape} and {second.shape} differ: use the same beats.")
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    return McNemar(b, c, float(stats.binomtest(b, max(b + c, 1)).pvalue))


class Reliability(NamedTuple):
    """Beats binned by confidence, the probability of the predicted class."""

    edges: Floats  #: Shape (bins + 1,), from 0 to 1. A bin includes its upper edge.
    counts: NDArray[np.int64]  #: Beats per bin.
    confidence: Floats  #: Mean confidence per bin, NaN in an empty bin.
    accuracy: Floats  #: Fraction of correct predictions per bin, NaN in an empty bin.
    ece: float  #: Expected calibration error: mean of abs(accuracy - confidence) over the beats.


def reliability(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> Reliability:
    """Bin beats by confidence and take the accuracy per bin (Guo et al. 2017, arXiv:1706.04599)."""
    p, y = np.asarray(probabilities, dtype=float), np.asarray(labels)
    if p.ndim != 2 or y.shape != (len(p),):
        raise InputError(f"The shapes are {p.shape} and {y.shape}: give one row per label.")
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], sure)
    counts = np.bincount(bin_of, minlength=bins)
    some = np.where(counts > 0, counts, np.nan)
    confidence, accuracy = (np.bincount(bin_of, of, minlength=bins) / some for of in (sure, right))
    gaps = np.nan_to_num(np.abs(accuracy - confidence))
    return Reliability(edges, counts, confidence, accuracy, float(gaps @ counts / counts.sum()))


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Find the temperature T from 0.05 to 20 with which ``softmax(logits / T)`` fits labels best.

    Above 1 the network was overconfident. Use beats neither trained nor tested on (Guo et al. 2017,
    arXiv:1706.04599, section 4.2).
    """

    z, rows = np.asarray(logits, dtype=float), np.arange(len(np.asarray(labels)))

    def loss(log_t: float) -> float:  # mean negative log-likelihood
        return -float(log_softmax(z / math.exp(log_t), axis=1)[rows, labels].mean())

    bounds = math.log(0.05), math.log(20)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x)


def accuracy_by_coverage(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    """Coverage and accuracy, shape (n,), of classifying only the most confident 1, 2, ... n beats.

    Beats of equal confidence keep their order (El-Yaniv and Wiener 2010).
    """
    p, y = np.asarray(probabilities, dtype=float), np.asarray(labels)
    right = (p.argmax(axis=1) == y)[np.argsort(-p.max(axis=1), kind="stable")]
    answered = np.arange(1, len(y) + 1)
    return answered / len(y), np.cumsum(right) / answered
