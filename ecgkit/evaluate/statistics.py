"""How certain a score is, and whether probabilities are calibrated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
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
