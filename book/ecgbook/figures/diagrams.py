"""Schematic drawings of the networks, after the text of the paper (its Figs 1 to 4) and our code.

The paper's own figures are not reproduced. Channels, dilations and lengths are read from
:mod:`ecgkit.nn.models`.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch
from matplotlib.path import Path as MplPath
from torch import Tensor

from ecgbook.figures.beats import Signal
from ecgbook.figures.palette import COLORS
from ecgkit.data import aami
from ecgkit.nn.models import BEAT_LENGTH, N_CLASSES, TCN, ResNet
from ecgkit.plots import TRACE, WIDTH_IN, ecg_paper, finish, panel_grid

FILL = {"plain": "#F2F2F2", "resnet": "#D6E8F5", "tcn": "#FCEBCB"}
ROUND = "round,pad=0,rounding_size=0.05"
SIZE = 13
GAP = 0.36  # inches between two boxes, for the arrow

Point = tuple[float, float]
Box = tuple[str, str, str]  # text, kind (a key of FILL), what stands beside the arrow to the box


class _Canvas:
    """A drawing area measured in inches, y up."""

    def __init__(self, height: float) -> None:
        self.figure = plt.figure(figsize=(WIDTH_IN, height))
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH_IN), ylim=(0, height))
        self.axes.axis("off")

    def box(self, center: Point, width: float, text: str, kind: str, lines: int = 0) -> None:
        """Draw a box as high as its text, or as ``lines`` lines."""
        (x, y), height = center, _height("\n" * (lines - 1) if lines else text)
        patch = FancyBboxPatch((x - width / 2, y - height / 2), width, height, ROUND)
        patch.set(facecolor=FILL[kind], edgecolor=TRACE)
        self.axes.add_patch(patch)
        self.axes.text(x, y, text, ha="center", va="center", size=SIZE, linespacing=1.25)

    def arrow(self, *points: Point) -> None:
        """Draw a line through points, with an arrowhead at the last."""
        xs, ys = zip(*points, strict=True)
        self.axes.plot(xs, ys, color=TRACE, linewidth=1.2, solid_joinstyle="miter", zorder=0.5)
        style = {"arrowstyle": "-|>", "color": TRACE, "lw": 1.2}
        self.axes.annotate("", points[-1], points[-2], arrowprops=style)

    def write(self, x: float, y: float, text: str, ha: str = "left") -> None:
        """Write text beside a point."""
        self.axes.text(x, y, text, ha=ha, va="center", size=SIZE)

    def column(self, x: float, top: float, width: float, boxes: Sequence[Box]) -> float:
        """Draw boxes below one another, joined by arrows; return the lower edge of the last."""
        for i, (text, kind, beside) in enumerate(boxes):
            if i:
                self.arrow((x, top), (x, top - GAP))
                self.write(x + 0.12, top - GAP / 2, beside)
                top -= GAP
            self.box((x, top - _height(text) / 2), width, text, kind)
            top -= _height(text)
        return top

    def network(self, top: Point, entry: float, boxes: Sequence[Box], n_features: int) -> None:
        """Draw a column with an arrow of ``entry`` inches into it and one to its features."""
        x, y = top
        self.arrow((x, y + entry), top)
        self.write(x + 0.12, y + 0.55 * entry, boxes[0][2])
        bottom = self.column(x, y, 2.8, boxes)
        self.arrow((x, bottom), (x, bottom - 0.35))
        self.write(x + 0.12, bottom - 0.2, f"{n_features:,} features")

    def residual(self, x: float, top: float, width: float, boxes: Sequence[Box]) -> None:
        """Draw a column with a residual edge around it, a sum and a ReLU below it."""
        kind, edge, entry = boxes[0][1], 0.46, top + 0.18
        self.arrow((x, top + 0.25), (x, top))
        bottom = self.column(x, top, width, boxes)
        plus = bottom - GAP - 0.12
        self.arrow((x, bottom), (x, plus + 0.12))
        circle = {"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": TRACE}
        self.axes.text(x, plus, "+", ha="center", va="center", size=15, bbox=circle)
        self.arrow((x, plus - 0.12), (x, plus - 0.4))
        bottom = self.column(x, plus - 0.4, width, [("ReLU", kind, "")])
        self.arrow((x, bottom), (x, bottom - 0.25))
        self.arrow((x, entry), (edge, entry), (edge, plus), (x - 0.14, plus))
        self.box((edge, (entry + plus) / 2), 0.64, "1 × 1\nconv", kind)


def _height(text: str) -> float:
    """Height of the box around a text, in inches."""
    return 0.14 + 0.22 * (text.count("\n") + 1)


def _shape(x: Tensor) -> str:
    """Channels and samples of a tensor (b, c, n)."""
    return f"{x.shape[1]} × {x.shape[2]}"


def dilated_convolution() -> Figure:
    """Draw causal convolutions with the TCN's dilations, and what one output depends on (Fig. 1).

    The kernel size is 2 instead of 7, so that the lines can be told apart.
    """
    with torch.device("meta"):  # shapes only: no memory, no random number
        blocks: Any = TCN().blocks
    dilations = [block.conv1.conv.dilation[0] for block in blocks]
    n = 20
    cone = [{0}]  # per layer, the input first: samples before the last one
    for d in reversed(dilations):
        cone.insert(0, {s + i for s in cone[0] for i in (0, d)})
    figure, ((axes,),) = panel_grid(4.2)
    for layer, d in enumerate(dilations, 1):
        for s in range(n):
            inside = s in cone[layer]
            color, width = (COLORS[0], 2.2) if inside else ("#B8B8B8", 1.5)
            for end in range(s, min(s + d + 1, n), d):
                axes.plot([-end, -s], [layer - 1, layer], color, lw=width, zorder=1 + inside)
    for layer, read in enumerate(cone):
        rest = sorted(set(range(n)) - read)
        style = {"c": "white", "edgecolors": "#B8B8B8", "zorder": 3}
        axes.scatter([-s for s in rest], [layer] * len(rest), 28, **style)
        axes.scatter([-s for s in sorted(read)], [layer] * len(read), 62, COLORS[0], zorder=4)
    axes.set_yticks(range(len(cone)), ["input", *(f"$d$ = {d}" for d in dilations)])
    axes.set_xticks([-15, -10, -5, 0])
    axes.tick_params(length=0)
    axes.set_xlabel("time, in samples from the last")
    axes.spines[:].set_visible(False)
    alt = (
        f"Rows of dots, the input and one row for each dilation {dilations}. Lines join each dot "
        "with the one below it and the one d samples earlier. Filled dots mark what the last "
        f"output depends on: {', '.join(str(len(read)) for read in reversed(cone))}, top first."
    )
    return finish(figure, "An output depends on earlier samples; each layer doubles its view", alt)


def framework_diagram() -> Figure:
    """Draw the way from a recording to a class (Fig. 2)."""
    with torch.device("meta"):
        resnet, tcn = ResNet(), TCN()
    joined = f"{resnet.n_features + tcn.n_features:,} features"
    canvas, middle = _Canvas(6.65), WIDTH_IN / 2
    steps = [
        ("recording: one lead, 360 Hz", "plain", ""),
        ("denoising: some wavelet bands set to zero", "plain", "mV"),
        ("beats: cut around each R peak", "plain", "mV"),
        ("augmentation: crop and resize, in training only", "plain", f"{BEAT_LENGTH} samples"),
    ]
    bottom = canvas.column(middle, 6.2, 5.2, steps)
    top = bottom - 0.55
    canvas.write(middle + 0.12, bottom - 0.13, f"{BEAT_LENGTH} samples")
    modules = f"ResNet\nInception stem,\n{len(resnet.layers)} residual modules"
    blocks = f"TCN\n{len(tcn.blocks)} temporal blocks,\nlast step, SE gates"
    branches = ((-1, "resnet", modules, resnet.n_features), (1, "tcn", blocks, tcn.n_features))
    low = top - _height("\n\n") - 0.6
    for side, kind, text, features in branches:
        x = middle + 1.65 * side
        canvas.arrow((middle, bottom), (middle, bottom - 0.27), (x, bottom - 0.27), (x, top))
        end = canvas.column(x, top, 2.7, [(text, kind, "")])
        canvas.arrow((x, end), (x, low), (middle + 0.95 * side, low))
        ha = "right" if side < 0 else "left"
        canvas.write(x + 0.12 * side, low + 0.3, f"{features:,} features", ha)
    classes = " ".join(aami.CLASSES[:N_CLASSES])
    last = [("concatenation", "plain", ""), ("linear layer", "plain", joined)]
    last.append((f"class: {classes}", "plain", f"{N_CLASSES} logits"))
    canvas.column(middle, low + _height("") / 2, 1.9, last)
    alt = (
        "From top to bottom: recording, denoising, beats, augmentation in training; then side by "
        f"side the ResNet with {resnet.n_features:,} features and the TCN with {tcn.n_features}; "
        f"concatenation to {joined}, a linear layer, and {N_CLASSES} logits for {classes}."
    )
    return finish(canvas.figure, "From a recording to a class", alt)


def tcn_diagram() -> Figure:
    """Draw a temporal block, and the TCN with its shapes (Fig. 3)."""
    with torch.device("meta"):
        network, x = TCN(), torch.zeros(1, 1, BEAT_LENGTH)
    blocks: Any = network.blocks
    canvas, left, right, top = _Canvas(6.5), 2.0, 5.35, 5.55
    canvas.write(left, top + 0.45, "a temporal block", "center")
    canvas.write(right, top + 0.45, "the network", "center")
    conv = f"causal convolution\n$k$ = {network.kernel_size}, dilation $d$\nweight norm"
    rest = f"ReLU\ndropout {blocks[0].dropout.p}"
    canvas.residual(left, top, 2.1, [(conv, "tcn", ""), (rest, "tcn", "")] * 2)

    steps = []
    for block in blocks:
        steps.append((f"temporal block, $d$ = {block.conv1.conv.dilation[0]}", "tcn", _shape(x)))
        x = block(x)
    steps.append(("last step only", "plain", _shape(x)))
    shapes = ", ".join(shape for *_, shape in steps)
    steps.append(("squeeze-and-excitation\ngates", "plain", f"{network.n_features}"))
    canvas.network((right, top), 0.25, steps, network.n_features)
    alt = (
        "Left, a temporal block: twice a causal convolution, ReLU and dropout, with a residual "
        f"edge around both. Right, the network, channels × samples: {shapes}; then the "
        f"last step only, squeeze-and-excitation gates, {network.n_features} features."
    )
    return finish(canvas.figure, "The TCN", alt)


def resnet_diagram() -> Figure:
    """Draw the ResNet with its Inception stem and its shapes (Fig. 4)."""
    with torch.device("meta"):
        network, x = ResNet(), torch.zeros(2, 1, BEAT_LENGTH)
    stem: Any = network.stem
    modules: Any = network.layers
    canvas, middle, top = _Canvas(6.6), WIDTH_IN / 2, 5.6
    canvas.write(middle + 0.12, top + 0.45, _shape(x))
    branches = [f"conv {conv.kernel_size[0]}" for conv in (stem.conv1, stem.conv3, stem.conv5)]
    branches.append(f"max-pool {stem.pool.kernel_size},\nconv {stem.conv_pool.kernel_size[0]}")
    quarter = stem.conv1.out_channels
    fork, bottom = top + 0.25, top - _height("\n")
    low = bottom - 0.5
    for at, text in zip((0.95, 2.65, 4.35, 6.05), branches, strict=True):
        canvas.arrow((middle, fork + 0.35), (middle, fork), (at, fork), (at, top))
        canvas.box((at, (top + bottom) / 2), 1.4, text, "resnet", 2)
        canvas.arrow((at, bottom), (at, low + 0.2), (middle, low + 0.2), (middle, low))
        canvas.write(at + 0.1, low + 0.35, f"{quarter}")
    x = stem(x)
    text = f"concatenation, batch norm, ReLU: {len(branches)} × {quarter} channels"
    below = canvas.column(middle, low, 5.4, [(text, "resnet", "")])

    right, top, layers = 5.15, below - 0.55, []
    for kernels, layer in groupby(modules, lambda module: module.conv1.out_channels):
        of_layer = list(layer)
        stride = of_layer[0].conv1.stride[0]
        text = f"{len(of_layer)} modules, {kernels} kernels"
        text += f"\nfirst with stride {stride}" * (stride > 1)
        layers.append((text, "resnet", _shape(x)))
        for module in of_layer:
            x = module(x)
    layers.append(("flatten", "plain", _shape(x)))
    shapes = ", ".join(shape for *_, shape in layers)
    canvas.network((right, top), below - top, layers, network.n_features)

    canvas.write(2.05, top + 0.27, "a residual module", "center")
    k = modules[0].conv1.kernel_size[0]
    halves = (f"conv {k}, batch norm\nReLU", f"conv {k}, batch norm")
    canvas.residual(2.05, top - 0.35, 2.0, [(text, "resnet", "") for text in halves])
    alt = (
        f"Top, the Inception stem: {len(branches)} branches side by side, concatenated. Right, the "
        f"layers of residual modules, channels × samples: {shapes}; flattened, "
        f"{network.n_features:,} features. Left, a residual module: two convolutions with batch "
        "norm and a residual edge around them."
    )
    return finish(canvas.figure, "The ResNet", alt)


def conduction(time_s: Signal, beat_mv: Signal, title: str, *, synthetic: bool = False) -> Figure:
    """Draw the heart's conduction system beside a beat, each wave in the colour of its cause.

    ``time_s`` counts from the R peak; a wave is named at its peak within the times usual at rest.
    """
    figure, ((heart, axes),) = panel_grid(3.6, columns=2, width_ratios=(1, 1.35))
    atria, wait, ventricles, recovery = COLORS[0], COLORS[7], COLORS[3], COLORS[2]
    heart.set(xlim=(-1, 11), ylim=(-3, 11), aspect="equal")
    heart.axis("off")
    for x in (3.2, 6.8):
        heart.add_patch(Ellipse((x, 8.2), 4.2, 3.4, facecolor=atria, alpha=0.35, edgecolor=TRACE))
    wall = [(1.0, 6.6), (0.4, 3.4), (4.0, 1.4), (6.6, 0.4), (9.4, 2.2), (9.6, 4.6), (9.0, 6.6)]
    shape = MplPath([*wall, wall[0]], [MplPath.MOVETO, *[MplPath.CURVE4] * 6, MplPath.CLOSEPOLY])
    heart.add_patch(PathPatch(shape, facecolor=ventricles, alpha=0.35, edgecolor=TRACE))
    heart.plot([5, 5], [6.6, 9.2], color=TRACE, linewidth=1)
    bundle: list[list[Point]] = [[(5, 6.8), (5, 5.4)]]
    bundle += [[(5, 5.4), (4.3, 2.8), (2.6, 3.0)], [(5, 5.4), (6.4, 2.0), (8.2, 3.6)]]
    for line in bundle:
        heart.plot(*zip(*line, strict=True), color=ventricles, linewidth=2.5)
    heart.annotate("", (4.8, 7.1), (2.6, 9.0), arrowprops={"arrowstyle": "-|>", "color": atria})
    for number, (place, color, text) in enumerate(
        [((2.2, 9.2), atria, "sinus node"), ((5, 6.9), wait, "AV node"),
         ((5, 4.9), ventricles, "bundle branches")], 1):  # fmt: skip
        heart.plot(*place, "o", color=color, markersize=14, markeredgecolor=TRACE)
        heart.text(*place, str(number), ha="center", va="center", color="white", weight="bold")
        heart.text(1, -1.1 * number + 0.8, f"{number} {text}", va="center", size=10)
    heart.text(8.9, 10.3, "atria", ha="right", size=10)
    heart.text(8.2, 1.4, "ventricles", va="top", size=10)
    ecg_paper(axes, label_every=(0.2, 0.5))
    axes.plot(time_s, beat_mv, color=TRACE, linewidth=1.6)
    named = {"P": (-0.24, -0.1), "Q": (-0.06, 0), "R": (-0.02, 0.02)}
    named |= {"S": (0, 0.08), "T": (0.14, 0.4)}
    places = []
    for letter, (start, stop) in named.items():
        inside = np.flatnonzero((time_s >= start) & (time_s <= stop))
        up = letter in "PRT"
        row = inside[beat_mv[inside].argmax() if up else beat_mv[inside].argmin()]
        where = {"ha": "center", "va": "bottom" if up else "top", "weight": "bold"}
        axes.text(time_s[row], beat_mv[row] + (0.05 if up else -0.05), letter, **where)
        places.append(f"{letter} at {time_s[row]:+.2f} s")
    spans = ((-0.22, -0.1), atria), ((-0.1, -0.05), wait), ((-0.05, 0.06), ventricles)
    for span, color in (*spans, ((0.14, 0.38), recovery)):
        axes.axvspan(*span, color=color, alpha=0.3, linewidth=0)
    axes.set(xlabel="time from the R peak (s)", ylabel="mV")
    axes.margins(x=0, y=0.15)
    alt = f"Heart with sinus node, AV node and bundle branches; one beat: {', '.join(places)}."
    return finish(figure, title, alt, synthetic)
