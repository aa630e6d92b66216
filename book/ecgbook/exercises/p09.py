"""Checks of page 09, the joint ResNet-TCN."""

import torch
from torch import nn

from ecgbook.exercises import Function, expect, expect_function, given
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

draw = torch.Generator().manual_seed(0)
fair = expect_function(
    lambda v, s, b: v + s.mean(axis=0) + b,  # vote, silenced, bias
    [tuple(1 + torch.randn(n, generator=draw) for n in ((5, 4), (5, 4), 4))],
    [
        (lambda v, s, b: v + b, "That sets the silenced vote to zero."),
        (lambda v, s, b: v + s + b, "Nobody is silenced: average first."),
        (lambda v, s, b: v + s.mean(axis=0), "The bias is missing."),
        (lambda v, s, b: v + s.mean(axis=1)[:, None] + b, "Average over beats, not over classes."),
        (lambda v, s, b: v.mean(axis=0) + s + b, "Average `silenced`: you silence the other one."),
    ],
    praise="The constant part of the silenced vote stays, and what varies is gone.",
    otherwise="Add three things: the vote, one row of four means, and the bias.",
)


def normed(answer: Function) -> Verdict:
    """A joint network with batch norm between the branches' features and the linear layer."""
    torch.manual_seed(0)
    network = answer(ResNet(), TCN())
    beats = torch.randn(16, 180)
    features = given(network.features(beats))
    if features.shape != (16, 3136):
        return wrong(f"16 beats should give features of (16, 3136), not {tuple(features.shape)}.")
    mean, spread = features.mean(dim=0).abs().max(), features.std(dim=0)[-256:].median()
    norms = (m for m in network.modules() if isinstance(m, nn.BatchNorm1d))
    if mean > 1e-3 and any(norm.num_features == 3136 for norm in norms):
        return wrong("The norm is not in `features`, which `votes` reads: put it there.")
    if mean > 1e-3 and features.mean(dim=1).abs().max() < 1e-3:
        return wrong("Each beat is normalised on its own: normalise each feature over the batch.")
    if mean > 1e-3:
        return wrong("A feature's mean over the batch is not 0: is batch norm behind *both* parts?")
    if not 0.9 < spread < 1.1:
        return wrong("The TCN's features differ in size from one: nn.BatchNorm1d scales them.")
    if network(beats).shape != (16, 4):
        return wrong("The linear layer should still make four logits of the 3,136 features.")
    return right("Every feature varies by one. Compare how the TCN's vote varies after training.")


CHECKS = {"1": linear_parameters, "2": fair, "3": normed}
