"""Checks of page 09, the joint ResNet-TCN."""

import torch
from torch import nn
from torch.nn import functional as F

from ecgbook.exercises import Function, expect, given
from ecgbook.page import Verdict, right, wrong
from ecgkit.nn.models import TCN, ResNet

linear_parameters = expect(
    (2880 + 256 + 1) * 4,
    [
        ((2880 + 256) * 4, "Those are the weights: each class has a bias, too."),
        ((2880 + 1) * 4, "That is on the ResNet's features: the linear layer reads both branches."),
        (2880 + 256, "Those are the features: each has one weight *per class*."),
    ],
    praise="One weight per feature and class, and one bias per class.",
    otherwise="3136 features go in, four numbers come out: count weights, then biases.",
)

stride_multiplications = expect(
    3 * 32 * 48 * 90,
    [
        (3 * 32 * 48 * 180, "Count places of the *output*; a multiply-add is one multiplication."),
        (3 * 32 * 48, "Those are its weights: each is used at every place of the output."),
        (3 * 48 * 90, "Each output channel has a filter for *each* input channel."),
    ],
    praise="Each weight is used once at each of 90 places: stride 2 halves the work.",
    otherwise="Multiply filter width, input channels, output channels, output places.",
)


def additive(answer: Function) -> Verdict:
    """A classifier that adds the features of two branches, each mapped to 64 numbers."""
    torch.manual_seed(0)
    model = answer()
    if not isinstance(model, nn.Module):
        return wrong("AdditiveClassifier() should make an nn.Module.")
    logits = given(model(torch.randn(6, 180)))
    if logits.shape != (6, 4):
        return wrong(f"Six beats should give logits of shape (6, 4), not {tuple(logits.shape)}.")
    if torch.allclose(logits.sum(dim=1), torch.ones(6), atol=1e-4):
        return wrong("Those are probabilities: return logits, as cross-entropy has a softmax.")
    parts = list(model.modules())
    if not any(isinstance(p, ResNet) for p in parts) or not any(isinstance(p, TCN) for p in parts):
        return wrong("It should hold a ResNet and a TCN, as attributes of the module.")
    branches = sum(p.numel() for branch in (ResNet(), TCN()) for p in branch.parameters())
    own = sum(p.numel() for p in model.parameters()) - branches
    projections = (2880 + 1) * 64 + (256 + 1) * 64
    if own == projections + (2 * 64 + 1) * 4:
        return wrong("The two are concatenated: add them, so that the last layer reads 64 numbers.")
    if own != projections + (64 + 1) * 4:
        return wrong(
            f"Beside the branches it has {own:,} parameters, not the {projections + 260:,} of "
            "three linear layers. Are all made in __init__, none in forward?"
        )
    F.cross_entropy(logits, torch.tensor([0, 1, 2, 3, 0, 1])).backward()
    for name, p in model.named_parameters():
        if p.grad is None:
            return wrong(f"{name} gets no gradient: is its branch used, and not detached?")
    return right("The shapes are right, and the gradient reaches every weight of both branches.")


CHECKS = {"1": linear_parameters, "2": stride_multiplications, "3": additive}
