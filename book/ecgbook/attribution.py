"""Which samples of a beat does an answer rest on? Three ways to ask a trained network.

What is explained is the *score* of a class: its logit less the mean of the four logits, since
adding the same number to all logits changes no probability. Each method returns a number per
sample, positive where the sample speaks for the class.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Signals = NDArray[np.float32]
Classes = NDArray[np.integer]


def score(network: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """Logit of a class less the mean logit, (n, 180) and int64 (n,) -> (n,).

    Examples
    --------
    >>> score(nn.Identity(), torch.tensor([[1.0, 0, 0, 3]]), torch.tensor([3]))
    tensor([2.])
    """
    logits = network(x)  # (n, 4)
    return logits.gather(1, classes[:, None])[:, 0] - logits.mean(dim=1)


def gradient_times_input(network: nn.Module, signals: Signals, classes: Classes) -> Signals:
    """Gradient of the score at the beat, times the beat.

    Exact for a linear score. Otherwise a guess from one point: where the score is flat it is zero,
    however much the samples matter. All three methods set the network, (n, 180) -> (n, 4), to
    evaluation mode, take beats in mV and the class of each to explain, (n,), and give (n, 180).
    """
    x, c = _to_network(network, signals, classes)
    return (_gradient(network, x, c) * x).numpy(force=True)


def integrated_gradients(
    network: nn.Module, signals: Signals, classes: Classes, steps: int = 64
) -> Signals:
    """Mean gradient of the score on the straight line from zero to the beat, times the beat.

    The numbers of a beat add up to ``score(x) - score(0)``, up to the error of the midpoint rule
    with ``steps`` points (*completeness*; Sundararajan, Taly and Yan 2017, arXiv 1703.01365,
    equations (1) and (3)).
    """
    x, c = _to_network(network, signals, classes)
    total = torch.zeros_like(x)
    for k in range(steps):
        total += _gradient(network, (k + 0.5) / steps * x, c)
    return (x * total / steps).numpy(force=True)


@torch.inference_mode()
def occlusion(
    network: nn.Module, signals: Signals, classes: Classes, width: int = 18, stride: int = 6
) -> Signals:
    """Fall of the score when a segment is hidden, averaged over the segments around a sample.

    A straight line between its neighbours hides a segment: zeros would add two edges. A segment is
    ``width`` samples long (18 are 50 ms); the next begins ``stride`` samples later. After Zeiler
    and Fergus 2014 (arXiv 1311.2901), section 4.2, on pictures.
    """
    x, c = _to_network(network, signals, classes)
    n = x.shape[1]
    whole = score(network, x, c)
    falls, counts = torch.zeros_like(x), torch.zeros(n, device=x.device)
    ramp = torch.linspace(0, 1, width + 2, device=x.device)[1:-1]
    for start in [*range(0, n - width, stride), n - width]:
        segment = slice(start, start + width)
        left, right = x[:, max(start - 1, 0), None], x[:, min(start + width, n - 1), None]
        hidden = x.clone()
        hidden[:, segment] = torch.lerp(left, right, ramp)
        falls[:, segment] += (whole - score(network, hidden, c))[:, None]
        counts[segment] += 1
    return (falls / counts).numpy(force=True)


def _to_network(network: nn.Module, signals: Signals, classes: Classes) -> tuple[Tensor, Tensor]:
    """Put the network in evaluation mode, and the data on its device."""
    device = next(network.eval().parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(signals, dtype=np.float32)).to(device)
    return x, torch.from_numpy(np.asarray(classes, dtype=np.int64)).to(device)


def _gradient(network: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(score(network, x, classes).sum(), x)[0]
