"""Checks of page 08, the ResNet."""

from typing import Any

import torch
from torch import nn

from ecgbook.exercises import Function, expect, given
from ecgbook.page import Verdict, right, wrong
from ecgkit.nn.models import ResNet

output_length = expect(
    (180 + 2 * 6 - 7) // 4 + 1,
    [
        (47.25, "A filter stands at whole places: round down."),
        (48, "That rounds up: the last place would reach beyond the padded signal."),
        (46, "That counts the steps: add the place where the filter begins."),
        (180 // 4, "Dividing by the stride is right only if the padding makes up for the width."),
        ((180 - 7) // 4 + 1, "That is without padding: six zeros stand at *each* end."),
    ],
    praise="The filter fits at 47 places; for one more, three samples are missing.",
    otherwise="At how many places does a filter of 7 fit on 180 + 6 + 6 samples, 4 apart?",
)


def wide_stem(answer: Any) -> Verdict:
    """A ResNet whose stem has a kernel of 25 samples in place of 5."""
    if not isinstance(answer, ResNet):
        return wrong("Give the whole network, a ResNet with its stem changed.")
    conv: Any = answer.stem.conv5
    if conv.kernel_size != (25,):
        return wrong(f"The stem's conv5 is {conv.kernel_size[0]} wide: it should be 25.")
    if conv.out_channels != 8:
        return wrong(f"conv5 gives {conv.out_channels} channels: batch norm expects 8.")
    if conv.padding != (12,):
        return wrong("A width of 25 loses 24 samples, and the padding stands at both ends.")
    if answer(torch.zeros(2, 180)).shape != (2, answer.n_features):
        return wrong(f"Two beats should give features of shape (2, {answer.n_features}).")
    return right("One line is enough because each branch keeps the length; 25 samples are 69 ms.")


def pre_activation(answer: Function) -> Verdict:
    """A residual module whose batch norm and ReLU come before each convolution."""
    torch.manual_seed(0)
    module = answer(8)
    if not isinstance(module, nn.Module):
        return wrong("PreActivation(8) should make an nn.Module.")
    x = torch.randn(4, 8, 20)
    y = given(module(x))
    if y.shape != x.shape:
        return wrong(f"{tuple(x.shape)} should stay {tuple(x.shape)}, not become {tuple(y.shape)}.")
    convs = [part for part in module.modules() if isinstance(part, nn.Conv1d)]
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d)]
    if len(convs) != 2 or len(norms) != 2:
        return wrong(f"It has {len(convs)} convolutions and {len(norms)} batch norms: two of each.")
    y.sum().backward()
    if any(p.grad is None for p in module.parameters()):
        return wrong("A layer gets no gradient: forward does not use its output.")
    if (y - x).min() >= 0:
        return wrong("What is added to x is never negative: end with a convolution, not a ReLU.")
    with torch.no_grad():
        for p in (p for conv in convs for p in conv.parameters()):
            p.zero_()
        rest = module(x)  # of a module whose convolutions give zero
    if torch.equal(rest, x):
        return right("With kernels of zero it returns x unchanged: nothing is in the way of x.")
    if not rest.any():
        return wrong("With kernels of zero the output is zero: the residual edge is missing.")
    if torch.equal(rest, x.relu()):
        return wrong("There is still a ReLU after the addition: it cuts off the negative part.")
    return wrong("With kernels of zero the output should be x itself.")


CHECKS = {"1": output_length, "2": wide_stem, "3": pre_activation}
