"""How certain a score is, and how probabilities are calibrated."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

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
