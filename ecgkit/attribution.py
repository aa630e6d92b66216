"""Which samples of a beat does an answer hang on? Three ways to ask a trained network.

The answer that is explained is the logit of a class less the mean of the four: adding the same
number to all logits changes no probability, and so must not count. All functions take beats as
float32 (b, 180) in mV and return as many numbers, positive where a sample speaks for the class.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecgkit.fast import Fast

Beats = NDArray[np.float32]


def score(network: nn.Module, beats: Tensor, classes: Tensor) -> Tensor:
    """Logit of a class less the mean logit, (b, 180) and integers (b,) -> (b,)."""
    logits = network(beats)  # (b, 4)
    return logits.gather(1, classes[:, None])[:, 0] - logits.mean(dim=1)


def _prepared(
    network: nn.Module, beats: Beats, classes: NDArray[np.integer]
) -> tuple[Tensor, Tensor]:
    """Put beats and classes beside the network, which is set to answer and not to train."""
    network.eval()
    place = next(network.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(beats, dtype=np.float32)).to(place)
    return x, torch.from_numpy(np.asarray(classes, dtype=np.int64)).to(place)


def _gradient(network: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """Gradient of each beat's score with respect to its samples, (b, 180) -> (b, 180)."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(score(network, x, classes).sum(), x)[0]


def gradient_times_input(network: nn.Module, beats: Beats, classes: NDArray[np.integer]) -> Beats:
    """Slope of the score at the beat, times the beat.

    Exact for a linear score, else a guess from one point: where the network is flat it is zero,
    however much the samples matter.

    Parameters
    ----------
    network
        Turns (b, 180) beats into (b, 4) logits.
    beats
        Float32, shape (b, 180), in mV.
    classes
        Integer, shape (b,): the class explained of each beat.

    Returns
    -------
    Float32, shape (b, 180).
    """
    x, c = _prepared(network, beats, classes)
    return (_gradient(network, x, c) * x).numpy(force=True)


def integrated_gradients(
    network: nn.Module, beats: Beats, classes: NDArray[np.integer], steps: int = 64
) -> Beats:
    """Mean slope of the score on the straight way from the zero line to the beat, times the beat.

    ``IG_i = x_i * integral over alpha from 0 to 1 of dF(alpha x) / dx_i``, by the midpoint rule.
    The numbers of a beat add up to F(x) - F(0), but for the error of the rule (*completeness*).

    Parameters
    ----------
    network, beats, classes
        See :func:`gradient_times_input`.
    steps
        Points on the way.

    Returns
    -------
    Float32, shape (b, 180).

    Source: Sundararajan, Taly and Yan 2017 (arXiv 1703.01365), equations (1) and (3).
    """
    x, c = _prepared(network, beats, classes)
    total = torch.zeros_like(x)
    for k in range(steps):
        alpha = (k + 0.5) / steps
        total += _gradient(network, alpha * x, c)
    return (x * total / steps).numpy(force=True)


@torch.inference_mode()
def occlusion(
    network: nn.Module,
    beats: Beats,
    classes: NDArray[np.integer],
    width: int = 18,
    stride: int = 6,
) -> Beats:
    """How far the score falls when a stretch is hidden, meaned over the stretches of a sample.

    A stretch is hidden by a straight line between the samples beside it, which a beat could have;
    zeros would add two edges that it has not.

    Parameters
    ----------
    network, beats, classes
        See :func:`gradient_times_input`.
    width
        Samples hidden at a time; 18 are 50 ms.
    stride
        Samples from one stretch to the next.

    Returns
    -------
    Float32, shape (b, 180).

    Source: Zeiler and Fergus 2014 (arXiv 1311.2901), section 4.2, on pictures.
    """
    x, c = _prepared(network, beats, classes)
    n, fast = x.shape[1], Fast(network)
    whole = score(fast, x, c)
    falls, times = torch.zeros_like(x), torch.zeros(n, device=x.device)
    ramp = torch.linspace(0, 1, width + 2, device=x.device)[1:-1]
    for start in [*range(0, n - width, stride), n - width]:
        left = x[:, max(start - 1, 0), None]
        right = x[:, min(start + width, n - 1), None]
        hidden = x.clone()
        hidden[:, start : start + width] = torch.lerp(left, right, ramp)
        falls[:, start : start + width] += (whole - score(fast, hidden, c))[:, None]
        times[start : start + width] += 1
    return (falls / times).numpy(force=True)
