"""Checks of page 08, the ResNet."""

import torch
from torch import nn

from ecgbook.exercises import Function, expect, given
from ecgbook.page import Verdict, right, wrong

output_length = expect(
    (180 + 2 * 6 - 7) // 4 + 1,
    [
        (47.25, "A filter stands at whole positions: round down."),
        (48, "That rounds up: the last place would reach beyond the padded signal."),
        (46, "That counts the steps: add the place where the filter begins."),
        (180 // 4, "Dividing by the stride is right only if the padding makes up for the width."),
        ((180 - 7) // 4 + 1, "That is without padding: six zeros stand at *each* end."),
    ],
    praise="The filter fits at 47 positions; for one more, three samples are missing.",
    otherwise="At how many positions does a filter of 7 fit on 180 + 6 + 6 samples, 4 apart?",
)


def plain_module(answer: Function) -> Verdict:
    """A residual module without its edge."""
    torch.manual_seed(0)
    for c_out, stride in ((8, 1), (12, 2)):
        module, x = answer(8, c_out, stride), torch.randn(4, 8, 20)
        y = given(module(x))
        if y.shape != (4, c_out, 20 // stride):
            return wrong(f"PlainModule(8, {c_out}, {stride}) makes {tuple(y.shape)} of {x.shape}.")
        if y.min() < 0:
            return wrong("Negative values come out: a ReLU follows the second batch norm, too.")
        y.square().sum().backward()
        if idle := [name for name, p in module.named_parameters() if p.grad is None]:
            return wrong(f"{idle[0]} gets no gradient: delete what is of the edge, use the rest.")
    module = answer(8, 8).eval()
    if all(hasattr(module, name) for name in ("conv1", "norm1", "conv2", "norm2")):
        x = torch.randn(4, 8, 20)
        h = module.norm2(module.conv2(module.norm1(module.conv1(x))))
        if torch.allclose(module(x), h.relu(), atol=1e-6):
            return wrong("The first ReLU is missing: it follows the first batch norm.")
    for conv in (part for part in module.modules() if isinstance(part, nn.Conv1d)):
        nn.init.zeros_(conv.weight)
    if module(torch.randn(4, 8, 20)).std(dim=(0, 2)).max() > 1e-6:
        return wrong("With kernels of zero the output still depends on the input: an edge is left.")
    return right("With kernels of zero its output is constant: the input has no other way through.")


def pooled(answer: Function) -> Verdict:
    """A ResNet that returns the mean of each channel."""
    torch.manual_seed(0)
    network, x = answer().eval(), torch.randn(6, 180)
    features = given(network(x))
    maps = network.layers(network.stem(x[:, None]))  # (6, 64, 45)
    if features.shape == (6, 45):
        return wrong("That is the mean over the channels: average over the 45 positions.")
    if features.shape != (6, 64):
        return wrong(f"Six beats should give (6, 64) features, not {tuple(features.shape)}.")
    if torch.allclose(features, maps.amax(dim=2)):
        return wrong("That is the largest value of each channel: take the mean.")
    if not torch.allclose(features, maps.mean(dim=2), atol=1e-5):
        return wrong("The shape is right, but these are not the means over the last 45 positions.")
    return right("64 means, the same for any order of the positions. Compare the sensitivities.")


CHECKS = {"1": output_length, "2": plain_module, "3": pooled}
