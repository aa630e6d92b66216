"""Checks of page 20, the cone."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn import init
from torch.utils.flop_counter import FlopCounterMode

from ecgbook.exercises import Array, Function, compare, expect, expect_function, given
from ecgbook.page import Verdict, wrong
from ecgkit.nn.layers import TemporalBlock

lengths = expect(
    [57, 53, 25, 21, 9, 5, 1],
    [
        ([57, 53, 49, 45, 41, 37, 33], "Each block hands on every second position only."),
        ([57, 27, 23, 10, 6, 1, 1], "A block's second convolution has the stride, not the first."),
        ([57, 53, 24, 20, 8, 4, 1], "Stride 2 on 49 positions, from first to last, leaves 25."),
    ],
    praise="The last step needs 9 of the second block's positions, and 25 of the first's.",
    otherwise="Each convolution removes 4; the second of blocks 1 and 2 keeps every second one.",
)


def _last_step(*inputs: Any, crop: bool = True, edge: int = 12, add: bool = True) -> Tensor:
    """Compute the last step of two blocks; the keywords put a mistake in."""
    first, second, x = inputs
    x = x[..., -37:] if crop else x
    for block, stride in ((first, 2), (second, 1)):
        h = x
        for conv, step in ((block.conv1, 1), (block.conv2, stride)):
            h = F.relu(F.conv1d(h, conv.conv.weight, conv.conv.bias, stride=step))
        if add:
            h = h + block.edge(x[..., edge::stride][..., : h.shape[-1]])
        x = F.relu(h)
    return x[..., -1]  # (b, 6)


def cone(answer: Function) -> Verdict:
    """The last step of two temporal blocks, without computing what it does not read."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        blocks = [TemporalBlock(c, 6, 7, d, 0.3).double().eval() for c, d in ((2, 1), (6, 2))]
        for block in blocks:
            for conv in (block.conv1, block.conv2):  # biases that keep most units active
                init.uniform_(conv.conv.bias, 0.2, 0.8)
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn(3, 2, n, dtype=torch.float64, generator=generator) for n in (37, 60)]

    def outputs(function: Function, **keywords: Any) -> tuple[Array, int]:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            found = [given(function(*blocks, x.clone(), **keywords)) for x in inputs]
        return torch.stack(found).numpy(), counter.get_total_flops() // 12  # per beat, of 6

    try:
        found, work = outputs(answer)
    except RuntimeError as error:
        return wrong(
            f"Torch reports: {str(error).splitlines()[0]}. The lengths should run 37, 31, 13, 7, "
            "1; block.edge reads x only at the positions of the block's output."
        )
    if found.shape != (2, 3, 6):
        return wrong(f"The shape is {found.shape[1:]}: it should be (b, c'), here (3, 6).")
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"edge": 11}, "The residual edge reads one position too early."),
        ({"edge": 0}, "The residual edge should read where both filters end, not begin."),
        ({"add": False}, "The residual edge is missing: add block.edge(x), then the ReLU."),
        ({"crop": False}, "Right for 37 samples only: first keep the last 37 of x."),
    ]
    needed = outputs(_last_step)[1]
    verdict = compare(
        found,
        outputs(lambda a, b, x: b(a(x))[..., -1])[0],
        [(outputs(_last_step, **keywords)[0], hint) for keywords, hint in mistakes],
        praise=f"Equal to the dense form, with {needed:,} multiplications per beat.",
        otherwise="The numbers differ from the dense form's. Do the lengths run 37, 31, 13, 7, 1?",
        within=1e-9,
    )
    if verdict.right and work > needed:
        return wrong(f"Right, but with {work:,} multiplications per beat; {needed:,} are enough.")
    return verdict


_generator = torch.Generator().manual_seed(5)
as_matrix = expect_function(
    lambda x, weight, bias: F.linear(x.flatten(1), weight.flatten(1), bias),
    [tuple(torch.randn(shape, generator=_generator) for shape in ((3, 4, 7), (5, 4, 7), (5,)))],
    [
        (lambda x, w, b: F.linear(x.mT.flatten(1), w.flatten(1), b), "Flatten both in one order."),
        (lambda x, w, b: F.linear(x.flatten(1), w.flatten(1)), "The bias is missing."),
        (F.conv1d, "The values are right; the shape should be (b, c_out), without a time axis."),
    ],
    praise="One matrix product of (b, 28) with (28, 5), and no loop over positions.",
    otherwise="Flatten channels and positions of x and of the weights to one axis; add the bias.",
    within=1e-5,
)

CHECKS = {"1": lengths, "2": cone, "3": as_matrix}
