"""Checks of page 06, the ResNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ecgkit.exercises import Verdict, right, wrong
from ecgkit.models import ResNet

N, K, STRIDE, PADDING = 180, 7, 4, 6
"""The convolution of the first exercise."""


def output_length(answer: Any) -> Verdict:
    """Length that a convolution of width 7, stride 4, padding 6 makes of 180 samples."""
    places = (N + 2 * PADDING - K) / STRIDE + 1  # 47.25
    given = float(answer)
    if given == int(places):
        return right("The filter fits at 47 places; for one more, three samples are missing.")
    if abs(given - places) < 0.01:
        return wrong("A filter stands at whole places: what is left over is no place.")
    if given == int(places) + 1:
        return wrong("That rounds up: the last place would reach beyond the padded signal.")
    if given == int(places) - 1:
        return wrong("That counts the steps: the place where the filter begins is one more.")
    if given == N // STRIDE:
        return wrong("Dividing by the stride is right only where padding makes up for the width.")
    if given == (N - K) // STRIDE + 1:
        return wrong("That is without padding: six zeros stand at *each* end.")
    return wrong("At how many places does a filter of 7 fit on 180 + 6 + 6 samples, in steps of 4?")


def wide_stem(answer: Any) -> Verdict:
    """A ResNet whose stem has a kernel of 25 samples in the place of 5."""
    if not isinstance(answer, ResNet):
        return wrong("Give the whole network, an object of models.ResNet, its stem changed.")
    kernel = getattr(answer.stem, "conv5", None)
    if not isinstance(kernel, nn.Conv1d):
        return wrong("Its stem has no convolution named conv5: begin with models.ResNet().")
    if kernel.kernel_size == (5,):
        return wrong("The stem's conv5 is still 5 wide: put another nn.Conv1d in its place.")
    if kernel.kernel_size != (25,):
        return wrong(f"The kernel is {kernel.kernel_size[0]} wide: it should be 25.")
    if kernel.out_channels != 8:
        return wrong(f"The kernel gives {kernel.out_channels} channels: batch norm counts on 8.")
    if kernel.padding == (24,):
        return wrong("Padding stands at both ends: 24 each is twice what is lost.")
    if kernel.padding != (12,):
        return wrong("The four branches no longer have the same length: a width of 25 loses 24.")
    if answer(torch.zeros(2, N)).shape != (2, answer.n_features):
        return wrong(f"Two beats should give features of shape (2, {answer.n_features}).")
    return right("One line, because each branch keeps the length; it now sees 69 ms at once.")


def pre_activation(answer: Callable[..., Any]) -> Verdict:
    """A residual module whose batch norm and ReLU come before each convolution."""
    module = answer(8)
    if not isinstance(module, nn.Module):
        return wrong("PreActivation(8) should make an nn.Module.")
    torch.manual_seed(0)
    x = torch.randn(4, 8, 20, requires_grad=True)
    y = module(x)
    if y is None or y is ...:
        return wrong("The module's forward returns nothing yet.")
    if y.shape != x.shape:
        return wrong(f"{tuple(x.shape)} should stay {tuple(x.shape)}, not become {tuple(y.shape)}.")
    convs = [part for part in module.modules() if isinstance(part, nn.Conv1d)]
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d)]
    if len(convs) != 2 or len(norms) != 2:
        return wrong(f"It has {len(convs)} convolutions and {len(norms)} batch norms: two of each.")
    y.sum().backward()
    if any(p.grad is None for p in module.parameters()):
        return wrong("A layer is made but its output is not used: it gets no gradient.")
    if (y - x).min() >= 0:
        return wrong("F never subtracts: its last step is a ReLU, and should be a convolution.")
    with torch.no_grad():
        for conv in convs:
            for p in conv.parameters():
                p.zero_()
        silent = module(x)
    if torch.equal(silent, x):
        return right("With silent convolutions it hands x on untouched: the edge is clear.")
    if not silent.any():
        return wrong("With all kernels zero nothing comes through: where is the residual edge?")
    if torch.equal(silent, x.relu()):
        return wrong("The ReLU behind the addition is still there: it cuts what the edge carries.")
    return wrong("With all kernels zero the output should be x itself: leave the edge clear.")


CHECKS = {"1": output_length, "2": wide_stem, "3": pre_activation}
