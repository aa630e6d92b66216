"""The paper's Figs 1 to 4 as schematic drawings, made anew from its text and our code.

The paper's own pictures are not reproduced. Channels, dilations and lengths are read from the
networks of :mod:`ecgkit.models`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import cast

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

from ecgkit import aami
from ecgkit.layers import Inception, ResidualModule, TemporalBlock
from ecgkit.models import BEAT_LENGTH, TCN, ResNet, build
from ecgkit.plots.style import TRACE, WIDTH_IN, finish

FILL = {"plain": "#F2F2F2", "resnet": "#D6E8F5", "tcn": "#FCEBCB"}
CONE, FAINT = "#0072B2", "#B8B8B8"
SUM = {"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": TRACE}
SIZE = 13
GAP = 0.36  # inches between boxes, for the arrow

Point = tuple[float, float]


def _canvas(height: float, title: str) -> tuple[Figure, Axes]:
    """Make a drawing area measured in inches, y up, with a title."""
    figure = plt.figure(figsize=(WIDTH_IN, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH_IN), ylim=(0, height))
    axes.axis("off")
    axes.text(0.1, height - 0.1, title, va="top", size=13, weight="bold")
    return figure, axes


def _box(axes: Axes, center: Point, width: float, lines: int, text: str, kind: str) -> None:
    """Draw a box with text, as high as its number of lines asks."""
    (x, y), height = center, _height(lines)
    style = f"round,pad=0,rounding_size={0.08 if kind == 'plain' else 0.02}"
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, style, facecolor=FILL[kind], ec=TRACE
        )
    )
    axes.text(x, y, text, ha="center", va="center", size=SIZE, linespacing=1.25)


def _height(lines: int) -> float:
    """Inches a box of so many lines of text takes."""
    return 0.14 + 0.22 * lines


def _arrow(axes: Axes, *points: Point, head: bool = True) -> None:
    """Draw a line through points, with an arrow's head at the last."""
    xs, ys = zip(*points, strict=True)
    axes.plot(xs, ys, color=TRACE, linewidth=1.2, solid_joinstyle="miter", zorder=0.5)
    if head:
        axes.annotate(
            "", points[-1], points[-2], arrowprops={"arrowstyle": "-|>", "color": TRACE, "lw": 1.2}
        )


def _column(
    axes: Axes, x: float, top: float, width: float, boxes: Sequence[tuple[str, str, str]]
) -> float:
    """Draw boxes below one another, joined by arrows; return the lower edge of the last.

    Parameters
    ----------
    axes
        Where.
    x, top, width
        Middle, upper edge and width of the column, inches.
    boxes
        Text, kind, and what stands beside the arrow that leads to it, of each.
    """
    for i, (text, kind, beside) in enumerate(boxes):
        lines = text.count("\n") + 1
        if i:
            _arrow(axes, (x, top), (x, top - GAP))
            _say(axes, x + 0.12, top - GAP / 2, beside)
            top -= GAP
        _box(axes, (x, top - _height(lines) / 2), width, lines, text, kind)
        top -= _height(lines)
    return top


def _say(axes: Axes, x: float, y: float, text: str, side: str = "left") -> None:
    """Write text beside or, centred, at a point."""
    axes.text(x, y, text, ha=side, va="center", size=SIZE)


def _shape(x: Tensor) -> str:
    """Channels and samples of a tensor (b, c, n), in words."""
    return f"{x.shape[1]} × {x.shape[2]}"


def dilated_convolution() -> Figure:
    """Draw stacked causal convolutions with growing dilation, and one output's cone (Fig. 1).

    One layer for each dilation of the TCN, with kernel size 2 instead of 7 so that the lines can be
    told apart.
    """
    with torch.device("meta"):
        dilations = [block.conv1.conv.dilation[0] for block in _blocks(TCN())]
    k, n = 2, 20
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 4.2), layout="constrained")
    cone = [{0}]  # of each layer from the last down: samples before the last one
    for d in reversed(dilations):
        cone.insert(0, {s + d * i for s in cone[0] for i in range(k)})
    for layer, d in enumerate(dilations, 1):
        for s in range(n):
            for end in (s + d * i for i in range(k) if s + d * i < n):
                color, width = (CONE, 2.2) if s in cone[layer] else (FAINT, 1.5)
                axes.plot(
                    [-end, -s], [layer - 1, layer], color=color, linewidth=width, zorder=width
                )
    for layer, inside in enumerate(cone):
        rest = sorted(set(range(n)) - inside)
        y = [layer] * n
        axes.scatter([-s for s in rest], y[: len(rest)], 28, "white", edgecolors=FAINT, zorder=3)
        axes.scatter([-s for s in sorted(inside)], y[: len(inside)], 62, CONE, zorder=4)
    axes.set_yticks(range(len(cone)), ["input", *(f"$d$ = {d}" for d in dilations)])
    axes.set_xticks([-15, -10, -5, 0])
    axes.tick_params(length=0)
    axes.set_xlabel("time, in samples from the last")
    axes.spines[:].set_visible(False)
    axes.set_title("Each output looks back only; its view doubles", loc="left", weight="bold")
    reads = len(cone[0])
    alt = (
        f"Dots in {len(cone)} rows, one for the input and one for each dilation d = "
        f"{', '.join(map(str, dilations))}; time runs to the right. Lines join each dot with the "
        f"{k} dots of the row below that it reads: the one beneath it and the one d samples "
        f"earlier. Large filled dots and thick lines mark what the last output depends on: "
        f"{', '.join(str(len(layer)) for layer in reversed(cone))} dots from the last row down to "
        f"the input, where it has read all of the last {reads} samples and none to their left. "
        "Kernel size 2 is for the drawing; the book's TCN has 7."
    )
    return finish(figure, alt, synthetic=False)


def framework() -> Figure:
    """Draw the way from a recording to a class (Fig. 2)."""
    with torch.device("meta"):
        model = build("resnet-tcn")
    resnet, tcn = cast(ResNet, model.branches["resnet"]), cast(TCN, model.branches["tcn"])
    joined, n_classes = model.linear.in_features, model.linear.out_features
    modules, blocks = len(resnet.layers), len(tcn.blocks)
    classes = " ".join(aami.CLASSES[:n_classes])
    figure, axes = _canvas(6.65, "From a recording to a class")
    middle = WIDTH_IN / 2
    steps = [
        ("recording: one lead, 360 Hz", "plain", ""),
        ("denoising: some wavelet bands set to zero", "plain", "mV"),
        ("beats: cut around each R peak", "plain", "mV"),
        ("augmentation: crop and resize, in training only", "plain", f"{BEAT_LENGTH} samples"),
    ]
    bottom = _column(axes, middle, 6.2, 5.2, steps)
    top = bottom - 0.55
    low = top - _height(3) - 0.6
    _say(axes, middle + 0.12, bottom - 0.13, f"{BEAT_LENGTH} samples")
    for side, kind, text, features in (
        (-1, "resnet", f"ResNet\nInception stem,\n{modules} residual modules", resnet.n_features),
        (1, "tcn", f"TCN\n{blocks} temporal blocks,\nlast step, SE gates", tcn.n_features),
    ):
        x = middle + 1.65 * side
        _arrow(axes, (middle, bottom), (middle, bottom - 0.27), (x, bottom - 0.27), (x, top))
        _column(axes, x, top, 2.7, [(text, kind, "")])
        _arrow(axes, (x, top - _height(3)), (x, low), (middle + 0.95 * side, low))
        _say(
            axes, x + 0.12 * side, low + 0.3, f"{features:,} features", ["left", "right"][side < 0]
        )
    last = [
        ("concatenation", "plain", ""),
        ("linear layer", "plain", f"{joined:,} features"),
        (f"class: {classes}", "plain", f"{n_classes} logits"),
    ]
    _column(axes, middle, low + _height(1) / 2, 1.9, last)
    alt = (
        "Flow from top to bottom: a recording of one lead at 360 Hz; denoising by wavelets; beats "
        f"of {BEAT_LENGTH} samples cut around each R peak; augmentation, in training only. Then "
        f"two branches side by side: the ResNet, an Inception stem and {modules} residual modules, "
        f"gives {resnet.n_features:,} features; the TCN, {blocks} temporal blocks whose last step "
        f"passes squeeze-and-excitation gates, gives {tcn.n_features:,}. They are concatenated to "
        f"{joined:,} features, and a linear layer makes {n_classes} logits of them, one a class: "
        f"{classes}."
    )
    return finish(figure, alt, synthetic=False)


def tcn() -> Figure:
    """Draw a temporal block, and the TCN with its shapes (Fig. 3)."""
    with torch.device("meta"):  # shapes alone: nothing is computed, no random number drawn
        network, x = TCN(), torch.zeros(1, 1, BEAT_LENGTH)
    blocks = _blocks(network)
    k, rate = network.kernel_size, blocks[0].dropout.p
    figure, axes = _canvas(6.2, "The TCN")
    left, right, top = 2.0, 5.35, 5.3
    _say(axes, left, top + 0.45, "a temporal block", "center")
    _say(axes, right, top + 0.45, "the network", "center")

    conv = (f"causal convolution\n$k$ = {k}, dilation $d$\nweight norm", "tcn", "")
    rest = (f"ReLU\ndropout {rate}", "tcn", "")
    _arrow(axes, (left, top + 0.25), (left, top))
    bottom = _column(axes, left, top, 2.1, [conv, rest, conv, rest])
    plus = bottom - GAP - 0.12
    _arrow(axes, (left, bottom), (left, plus + 0.12))
    axes.text(left, plus, "+", ha="center", va="center", size=15, bbox=SUM)
    _arrow(axes, (left, plus - 0.12), (left, plus - 0.12 - GAP / 2))
    bottom = _column(axes, left, plus - 0.12 - GAP / 2, 2.1, [("ReLU", "tcn", "")])
    _arrow(axes, (left, bottom), (left, bottom - 0.25))
    edge = 0.42
    _arrow(axes, (left, top + 0.18), (edge, top + 0.18), (edge, plus), (left - 0.14, plus))
    _box(axes, (edge, (top + plus) / 2), 0.64, 2, "1 × 1\nconv", "tcn")

    shapes, dilations = [_shape(x)], []
    for block in blocks:
        x = block(x)
        shapes.append(_shape(x))
        dilations.append(block.conv1.conv.dilation[0])
    steps = [
        (f"temporal block, $d$ = {d}", "tcn", shape)
        for d, shape in zip(dilations, ["", *shapes[1:]], strict=False)
    ]
    steps += [
        ("last step only", "plain", shapes[-1]),
        ("squeeze-and-excitation\ngates", "plain", f"{network.n_features}"),
    ]
    _arrow(axes, (right, top + 0.25), (right, top))
    bottom = _column(axes, right, top, 2.6, steps)
    _say(axes, right + 0.12, top + 0.14, shapes[0])
    _arrow(axes, (right, bottom), (right, bottom - 0.35))
    _say(axes, right + 0.12, bottom - 0.2, f"{network.n_features} features")
    alt = (
        "Left, a temporal block: twice a causal convolution of kernel size "
        f"{k} and dilation d with weight norm, then ReLU and dropout {rate}; a residual edge with "
        "a 1 × 1 convolution leads from the block's input around both and is added before a last "
        "ReLU. Right, the network, channels × samples: "
        f"{shapes[0]} in, then blocks of dilation {_list(dilations)} that give "
        f"{_list(shapes[1:])}; only the last step, {network.n_features} numbers, goes on, through "
        f"squeeze-and-excitation gates, as the {network.n_features} features."
    )
    return finish(figure, alt, synthetic=False)


def resnet() -> Figure:
    """Draw the ResNet with its Inception stem and its shapes (Fig. 4)."""
    with torch.device("meta"):
        network, x = ResNet(), torch.zeros(2, 1, BEAT_LENGTH)
    stem = cast(Inception, network.stem)
    modules = cast(list[ResidualModule], list(network.layers))
    beat = _shape(x)
    figure, axes = _canvas(6.6, "The ResNet")
    middle, top = WIDTH_IN / 2, 5.6
    _say(axes, middle + 0.12, top + 0.45, beat)
    branches = [
        *(f"conv {conv.kernel_size[0]}" for conv in (stem.conv1, stem.conv3, stem.conv5)),
        f"max-pool {stem.pool.kernel_size},\nconv {stem.conv_pool.kernel_size[0]}",
    ]
    quarter = stem.conv1.out_channels
    fork, low = top + 0.25, top - _height(2) - 0.5
    for x_at, text in zip((0.95, 2.65, 4.35, 6.05), branches, strict=True):
        _arrow(axes, (middle, fork + 0.35), (middle, fork), (x_at, fork), (x_at, top))
        _box(axes, (x_at, top - _height(2) / 2), 1.4, 2, text, "resnet")
        _arrow(
            axes, (x_at, top - _height(2)), (x_at, low + 0.2), (middle, low + 0.2), (middle, low)
        )
        _say(axes, x_at + 0.1, low + 0.35, f"{quarter}")
    x = stem(x)
    lines = f"concatenation, batch norm, ReLU: {len(branches)} × {quarter} channels"
    below = _column(axes, middle, low, 5.4, [(lines, "resnet", "")])

    right, top = 5.15, below - 0.55
    shapes = [_shape(x)]
    layers: list[tuple[str, str, str]] = []
    for kernels, layer in groupby(modules, lambda module: module.conv1.out_channels):
        first, *others = layer
        for module in (first, *others):
            x = module(x)
        stride = first.conv1.stride[0]
        text = f"{1 + len(others)} modules, {kernels} kernels"
        text += f"\nfirst with stride {stride}" * (stride > 1)
        layers.append((text, "resnet", shapes[-1] if layers else ""))
        shapes.append(_shape(x))
    _arrow(axes, (right, below), (right, top))
    _say(axes, right + 0.12, top + 0.3, shapes[0])
    bottom = _column(axes, right, top, 2.8, [*layers, ("flatten", "plain", shapes[-1])])
    _arrow(axes, (right, bottom), (right, bottom - 0.35))
    _say(axes, right + 0.12, bottom - 0.2, f"{network.n_features:,} features")

    left, edge, k = 2.05, 0.48, modules[0].conv1.kernel_size[0]
    _say(axes, left, top + 0.27, "a residual module", "center")
    entry = top - 0.1
    _arrow(axes, (left, entry + 0.1), (left, entry - 0.25))
    halves = [
        (f"conv {k}, batch norm\nReLU", "resnet", ""),
        (f"conv {k}, batch norm", "resnet", ""),
    ]
    bottom = _column(axes, left, entry - 0.25, 2.0, halves)
    plus = bottom - GAP - 0.1
    _arrow(axes, (left, bottom), (left, plus + 0.12))
    axes.text(left, plus, "+", ha="center", va="center", size=15, bbox=SUM)
    _arrow(axes, (left, plus - 0.12), (left, plus - 0.4))
    bottom = _column(axes, left, plus - 0.4, 2.0, [("ReLU", "resnet", "")])
    _arrow(axes, (left, bottom), (left, bottom - 0.25))
    _arrow(axes, (left, entry), (edge, entry), (edge, plus), (left - 0.14, plus))
    _box(axes, (edge, (entry + plus) / 2), 0.64, 2, "1 × 1\nconv", "resnet")
    alt = (
        f"Top, the Inception stem: {beat} goes into branches side by side, "
        f"{_list([b.replace(chr(10), ' ') for b in branches])}, each of {quarter} channels, which "
        "are concatenated, with batch norm and ReLU. Right, the layers, channels × samples: "
        f"{shapes[0]} goes through "
        + "; ".join(
            f"{text.replace(chr(10), ', ')}, to {shape}"
            for (text, *_), shape in zip(layers, shapes[1:], strict=True)
        )
        + f"; flattened, {network.n_features:,} features. Left, a residual module: convolution of "
        f"width {k}, batch norm, ReLU, a second one with batch norm; a residual edge, with a 1 × 1 "
        "convolution and batch norm where the shape changes, is added before a last ReLU."
    )
    return finish(figure, alt, synthetic=False)


def _blocks(network: TCN) -> list[TemporalBlock]:
    """Temporal blocks of a TCN, first to last."""
    return cast(list[TemporalBlock], list(network.blocks))


def _list(things: Sequence[object]) -> str:
    """Things in a row, in words.

    Examples
    --------
    >>> _list([1, 2, 4])
    '1, 2 and 4'
    """
    *most, last = map(str, things)
    return f"{', '.join(most)} and {last}"
