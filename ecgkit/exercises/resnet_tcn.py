"""Checks of page 07, the joint ResNet-TCN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ecgkit.exercises import Verdict, right, wrong
from ecgkit.models import N_CLASSES, TCN, ResNet

WIDTH = 64
"""Of the sum in the third exercise."""


def linear_parameters(answer: Any) -> Verdict:
    """Parameters of the linear layer on 2880 + 256 features."""
    given = float(answer)
    if given == (2880 + 256 + 1) * 4:
        return right("A weight for each feature and class, and a bias for each class.")
    if given == (2880 + 256) * 4:
        return wrong("Those are the weights: each class has a bias, too.")
    if given in (2880 * 4, 2881 * 4, 256 * 4, 257 * 4):
        return wrong("That is on one branch: the linear layer sees both.")
    if given == 2880 + 256:
        return wrong("Those are the features: each has one weight *for each class*.")
    if given == (2880 + 256) * 4 + 2880 + 256:
        return wrong("Biases belong to what comes out, not to what goes in.")
    return wrong("So many features go in, four numbers come out: count weights, then biases.")


def stride_multiplications(answer: Any) -> Verdict:
    """Multiplications, for one beat, of the first convolution with stride 2."""
    k, c_in, c_out, n_in, n_out = 3, 32, 48, 180, 90
    given = float(answer)
    if given == k * c_in * c_out * n_out:
        return right("Every weight once at each of the 90 places: stride 2 halves the work.")
    if given == k * c_in * c_out * n_in:
        return wrong(
            "Twice too many. Places are counted in the *output*; and a multiplication with its "
            "addition is one here, not two."
        )
    if given == k * c_in * c_out:
        return wrong("Those are its weights: each is used at every place of the output.")
    if given in (k * c_out * n_out, k * c_in * n_out):
        return wrong("Each output channel has a filter for *each* input channel.")
    if given == k * c_out * c_out * n_out:
        return wrong("That is the convolution after it, which already has 48 channels coming in.")
    return wrong("Multiply: filter width, channels in, channels out, places of the output.")


def additive(answer: Callable[..., Any]) -> Verdict:
    """A classifier that adds what its two branches say, each brought to 64 numbers."""
    torch.manual_seed(0)
    model = answer()
    if not isinstance(model, nn.Module):
        return wrong("AdditiveClassifier() should make an nn.Module.")
    beats = torch.randn(6, 180)
    logits = model(beats)
    if logits is None or logits is ...:
        return wrong("The module's forward returns nothing yet.")
    if logits.shape != (6, N_CLASSES):
        return wrong(f"Six beats should give logits of shape (6, 4), not {tuple(logits.shape)}.")
    if torch.allclose(logits.sum(dim=1), torch.ones(6), atol=1e-4):
        return wrong(
            "Those are probabilities. Return logits: cross-entropy has its softmax inside."
        )
    kinds = [type(part) for part in model.modules()]
    if ResNet not in kinds or TCN not in kinds:
        return wrong(
            "It should hold a models.ResNet and a models.TCN, as attributes of the module."
        )
    parameters = sum(p.numel() for p in model.parameters())
    branches = sum(p.numel() for kind in (ResNet, TCN) for p in kind().parameters())
    projections, linear = (2880 + 1) * WIDTH + (256 + 1) * WIDTH, (WIDTH + 1) * N_CLASSES
    expected = projections + linear
    if parameters - branches == projections + (2 * WIDTH + 1) * N_CLASSES:
        return wrong("The two are put side by side: add them, and 64 numbers go on.")
    if parameters - branches != expected:
        return wrong(
            f"Beside the branches it has {parameters - branches:,} parameters, not the "
            f"{expected:,} of three linear layers. Are all made in __init__, none in forward?"
        )
    F.cross_entropy(logits, torch.tensor([0, 1, 2, 3, 0, 1])).backward()
    for name, p in model.named_parameters():
        if p.grad is None:
            return wrong(f"{name} gets no gradient: is its branch used, and not detached?")
    return right("Shape right, and the gradient reaches every weight of both branches.")


CHECKS = {"1": linear_parameters, "2": stride_multiplications, "3": additive}
