"""Checks of page 05, the TCN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ecgkit.exercises import Verdict, right, wrong
from ecgkit.layers import CausalConv1d, TemporalBlock

KERNEL_SIZE = 7
CONE = 1 + 2 * (KERNEL_SIZE - 1) * (1 + 2)  # samples that the last step of two blocks reads


def receptive_field(answer: Any) -> Verdict:
    """Receptive field of three blocks with kernel size 5."""
    k, dilations = 5, (1, 2, 4)
    given = int(answer)
    if given == 1 + 2 * (k - 1) * sum(dilations):
        return right("57 samples are 0.16 s: a QRS complex, and little around it.")
    if given == 1 + (k - 1) * sum(dilations):
        return wrong("That counts one convolution a block: a temporal block has two.")
    if given == 2 * (k - 1) * sum(dilations):
        return wrong("That is how far back it looks. The sample at the end is seen, too.")
    if given == 1 + 2 * k * sum(dilations):
        return wrong("A filter with k coefficients looks back over k - 1 distances, not k.")
    if given == 1 + 2 * (k - 1) * len(dilations):
        return wrong("That is without dilation: block i looks back 2 to the i times as far.")
    if given == 1 + 2 * (k - 1) * 15:
        return wrong("That is for four blocks, dilations 1, 2, 4 and 8. Here there are three.")
    return wrong("Each block adds 2 (k - 1) d; add them up for d = 1, 2, 4, and the sample itself.")


class _Shifted(nn.Module):
    """Hands on each sample ``ahead`` steps early, doubled, with a constant added."""

    def __init__(self, ahead: int) -> None:
        super().__init__()
        self.ahead = ahead

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[-1]
        early = F.pad(x, (max(-self.ahead, 0), max(self.ahead, 0)))
        return 2 * early[..., max(self.ahead, 0) :][..., :n] + 1


def is_causal(answer: Callable[..., Any]) -> Verdict:
    """Tell layers that look ahead from those that do not."""
    layers: list[tuple[nn.Module, bool, str]] = [
        (CausalConv1d(1, 4, 7, dilation=4), True, "CausalConv1d(1, 4, 7, dilation=4)"),
        (nn.Conv1d(1, 4, 1), True, "nn.Conv1d(1, 4, 1), which reads nothing but the present"),
        (_Shifted(-3), True, "a layer that delays its input by three samples"),
        (nn.Conv1d(1, 4, 7, padding="same"), False, "nn.Conv1d(1, 4, 7, padding='same')"),
        (_Shifted(1), False, "a layer that looks a single sample ahead"),
        (_Shifted(30), False, "a layer that looks 30 samples ahead, and nowhere else"),
    ]
    said = [answer(layer) for layer, *_ in layers]
    if any(verdict is None or verdict is ... for verdict in said):
        return wrong("The function returns nothing yet.")
    verdicts = [bool(verdict) for verdict in said]
    if verdicts == [truth for _, truth, _ in layers]:
        return right("Three causal layers and three that look ahead, told apart.")
    if len(set(verdicts)) == 1:
        return wrong(
            f"It says {verdicts[0]} of every layer, causal or not. Which outputs may move when "
            "sample s does, and which may not?"
        )
    if not verdicts[0] or not verdicts[1]:
        return wrong(
            "It finds fault with a causal layer. Output s itself may depend on sample s: only the "
            "outputs *before* s must stay."
        )
    for (_, truth, name), verdict in zip(layers, verdicts, strict=True):
        if verdict != truth:
            return wrong(f"It is mistaken about {name}.")
    raise AssertionError  # one of them was wrong


def _blocks() -> list[TemporalBlock]:
    """Two blocks in float64, their biases such that most units are alive; one edge is a 1x1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        blocks = [TemporalBlock(c, 6, KERNEL_SIZE, d, 0.3).double() for c, d in ((2, 1), (6, 2))]
        for block in blocks:
            for conv in (block.conv1, block.conv2):
                nn.init.uniform_(conv.conv.bias, 0.2, 0.8)
    return [block.eval() for block in blocks]


Positions = Callable[[int, int, int], Tensor]
"""Where the first filter ends, outputs, stride of a block -> samples its residual edge takes."""


def _ends(first: int, m: int, stride: int) -> Tensor:
    """Where the filters end."""
    return first + stride * torch.arange(m)


def _variant(
    first: TemporalBlock,
    second: TemporalBlock,
    x: Tensor,
    crop: bool = True,
    positions: tuple[Positions, Positions] = (_ends, _ends),
    stride_first: bool = False,
    pad: bool = False,
    edge: bool = True,
    relu: bool = True,
) -> Tensor:
    """Compute the cone with one of the usual mistakes in it; with none it is right."""
    x = x[..., -CONE:] if crop else x
    for block, stride, taken in ((first, 2, positions[0]), (second, 1, positions[1])):
        strides = (stride, 1) if stride_first else (1, stride)
        h = x
        for conv, step in zip((block.conv1, block.conv2), strides, strict=True):
            h = F.pad(h, (KERNEL_SIZE - 1, 0)) if pad else h
            h = F.relu(F.conv1d(h, conv.conv.weight, conv.conv.bias, stride=step))
        start = 0 if pad else 2 * (KERNEL_SIZE - 1)
        y = h + block.edge(x[..., taken(start, h.shape[-1], stride)]) if edge else h
        x = F.relu(y) if relu else y
    return x[..., -1]


def _early(first: int, m: int, stride: int) -> Tensor:
    return _ends(first, m, stride) - 1


def _starts(first: int, m: int, stride: int) -> Tensor:
    return _ends(0, m, stride)


def _neighbours(first: int, m: int, stride: int) -> Tensor:
    return _ends(first + (m - 1) * (stride - 1), m, 1)


_ONE_EARLY = (
    "The residual edge takes its samples one position too early: the first output stands where "
    "both filters end, 2 (k - 1) samples into the sequence."
)
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"positions": (_early, _early)}, _ONE_EARLY),
    ({"positions": (_early, _ends)}, _ONE_EARLY),
    (
        {"positions": (_starts, _starts)},
        "The residual edge takes its samples from the start of the sequence, where the filters "
        "begin. It belongs where they end.",
    ),
    (
        {"positions": (_neighbours, _ends)},
        "The residual edge takes neighbouring samples; the block's output holds every second.",
    ),
    ({"edge": False}, "The residual edge is missing: a block adds block.edge(x), then rectifies."),
    ({"relu": False}, "The ReLU after the sum is missing."),
    (
        {"crop": False},
        f"Right for {CONE} samples, not for {CONE + 23}: every second position counted from the "
        f"start misses the end where their number is even. First keep the last {CONE} samples.",
    ),
    (
        {"stride_first": True, "pad": True},
        "The stride stands on the first convolution. The second one reads the first one's output "
        "at *every* position; only what the block hands on is every second.",
    ),
]
"""Settings of :func:`_variant`, and what to say of an answer that gives the same numbers."""


def cone(answer: Callable[..., Any]) -> Verdict:
    """The last step of two temporal blocks, computing nothing that it does not read."""
    first, second = _blocks()
    generator = torch.Generator().manual_seed(5)
    inputs = [
        torch.randn(3, 2, n, dtype=torch.float64, generator=generator) for n in (CONE, CONE + 23)
    ]
    outputs = []
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        for x in inputs:
            before = counter.get_total_flops()
            try:
                outputs.append(answer(first, second, x.clone()))
            except RuntimeError as error:
                return wrong(_explain(str(error), x.shape[-1]))
            work = counter.get_total_flops() - before
    for got, x in zip(outputs, inputs, strict=True):
        if got is None or got is ...:
            return wrong("The function returns nothing yet.")
        if tuple(got.shape) == (3, 6, 1):
            return wrong("Nearly: the result has shape (b, c, 1). Take its last step, (b, c).")
        if tuple(got.shape) != (3, 6):
            return wrong(
                f"For x of shape {tuple(x.shape)} the result has shape {tuple(got.shape)}: it "
                "should be (3, 6), one number a channel."
            )
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        dense = [second(first(x))[..., -1] for x in inputs]
        limit = counter.get_total_flops()
        _variant(first, second, inputs[1])
        needed = counter.get_total_flops() - limit
    errors = [float((a - b).abs().max()) for a, b in zip(outputs, dense, strict=True)]
    if max(errors) < 1e-12:
        if work > needed:
            return wrong(
                f"The numbers are right, but made with {work // 6:,} multiplications a beat where "
                f"the cone needs {needed // 6:,}. Nothing has to be padded, and nothing computed "
                "that the last step does not read."
            )
        return right(
            f"Equal to the dense form to {max(errors):.0e} in float64, with {needed // 6:,} "
            "multiplications a beat and not one more than needed."
        )
    with torch.no_grad():
        for settings, hint in MISTAKES:
            same = [_variant(first, second, x, **settings) for x in inputs]
            if all(torch.allclose(a, b, atol=1e-9) for a, b in zip(outputs, same, strict=True)):
                return wrong(hint)
    return wrong(
        f"The numbers differ from the dense form's by up to {max(errors):.2g}. Do the lengths run "
        f"{CONE}, {CONE - 6}, 13, 7, 1, and is there a ReLU after each convolution?"
    )


def _explain(error: str, n: int) -> str:
    """Say in words why torch refused a convolution or a sum."""
    if "Kernel size can't be greater" in error:
        return (
            f"With {n} samples a convolution has fewer left than its kernel: the lengths should "
            f"run {CONE}, {CONE - 6}, 13, 7, 1. Is a stride on a first convolution, or a dilation "
            "on a sequence that is already decimated?"
        )
    if "must match the size" in error:
        return (
            f"With {n} samples the residual edge has another length than what it is added to: take "
            "x at the positions of the block's output only, where both filters end."
        )
    return f"Torch refused: {error.splitlines()[0]}"


CHECKS = {"1": receptive_field, "2": is_causal, "3": cone}
