"""Checks of page 05, the first network."""

from functools import partial

import numpy as np
import torch
from torch import nn

from ecgbook.exercises import ANY, Array, expect, expect_function, given
from ecgbook.page import Verdict, right, wrong


def _loss(logits: Array, labels: Array, *, axis: int = 1, sign: int = -1) -> Array:
    z = logits - logits.max(axis=axis, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return sign * log_p[np.arange(len(labels)), labels].mean()


_logits = np.array([[2.0, 0, 1, -1], [0.5, 3, -2, 0], [0, 0, 0, 0]])
_labels = np.array([2, 1, 3])
loss = expect_function(
    _loss,
    [(_logits, _labels), (_logits * np.array([500, 1, 1, 1]), np.array([0, 1, 2]))],
    [
        (
            lambda z, y: ANY if z.max() > 99 else _loss(z, y),
            "A logit of 1000 overflows: subtract each row's largest.",
        ),
        (
            lambda z, y: np.array([_loss(z[[i]], y[[i]]) for i in range(len(y))]),
            "One loss per beat: take their mean.",
        ),
        (partial(_loss, axis=0), "Softmax over the wrong axis: a beat's four classes are axis 1."),
        (lambda z, y: _loss(z, y, sign=1), "The sign: the loss is minus the logarithm."),
        (lambda z, y: _loss(z, y) * len(y), "That is the sum over the beats: take the mean."),
    ],
    praise="e^(z - m) = e^z / e^m: the factor cancels, and no exponential exceeds 1.",
    otherwise="Subtract each row's largest logit; then the mean of -log(softmax) at the labels.",
)

sizes = expect(
    (11_844, 787),
    [
        ((11_776, ANY), "Each layer has a bias as well: 64 and 4 numbers."),
        ((ANY, 786), "The last, smaller batch is a step, too."),
    ],
    praise="The first layer alone has 11,584 of the 11,844 numbers.",
    otherwise=(
        "A layer from a to b numbers has a x b weights and b biases.",
        "Divide the beats by the batch size and round up.",
    ),
)


def deeper(answer: nn.Module) -> Verdict:
    """A network with three convolutions or more, from beats to logits."""
    if isinstance(given(answer), type):
        return wrong("That is the class: give a network, such as `Deeper()`.")
    n = sum(isinstance(layer, nn.Conv1d) for layer in answer.modules())
    beats = torch.randn(5, 180, generator=torch.Generator().manual_seed(0))
    answer.eval()
    with torch.no_grad():
        logits, alone = answer(beats), answer(beats[:1])
    if tuple(logits.shape) != (5, 4):
        return wrong(f"Five beats give shape {tuple(logits.shape)}: expected (5, 4).")
    if torch.allclose(logits.sum(dim=1), torch.ones(5)) and (logits >= 0).all():
        return wrong("These are probabilities: cross_entropy takes logits, leave softmax out.")
    if not torch.allclose(logits[:1], alone, atol=1e-4):
        return wrong("The answer for a beat depends on the other beats: check the axes.")
    unused = torch.autograd.grad(answer(beats).sum(), [*answer.parameters()], allow_unused=True)
    if n >= 3 and any(gradient is None for gradient in unused):
        return wrong("A layer has no part in the logits: does forward use all three?")
    if n < 3:
        return wrong(f"It has {n} convolutions: expected three.")
    return right("From beats to logits, with three convolutions. Now train it.")


CHECKS = {"1": loss, "2": sizes, "3": deeper}
