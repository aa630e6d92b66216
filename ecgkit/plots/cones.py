"""What reaches one output of the TCN: its cone of positions, and numbers along the samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ecgkit.layers import TemporalBlock
from ecgkit.models import TCN
from ecgkit.plots.style import WIDTH_IN, finish

READ, UNREAD = "#0072B2", "#D0D0D0"
LINES = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#1A1A1A", ":"))


def cone(tcn: TCN, n: int, title: str) -> Figure:
    """Draw which positions of each layer the TCN's last step reads, out of all n.

    Parameters
    ----------
    tcn
        Its blocks' kernel size and dilations are drawn.
    n
        Samples of the input.
    title
        Said over the figure.
    """
    taps = np.arange(tcn.kernel_size)
    names, layers = [], [np.zeros(1, int)]  # from the last down: samples before the last one
    for i, block in reversed(list(enumerate(cast(list[TemporalBlock], list(tcn.blocks)), 1))):
        d = block.conv1.conv.dilation[0]
        for name in (f"block {i}", f"$h_1$, block {i}"):
            names.append(name)
            layers.append(np.unique(layers[-1][:, None] + d * taps))
    names.append("input")
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 4.6), layout="constrained")
    for y, read in enumerate(reversed(layers)):
        axes.vlines(-np.arange(n), y - 0.13, y + 0.13, UNREAD, linewidth=1.0)
        axes.vlines(-read, y - 0.34, y + 0.34, READ, linewidth=1.3)
    start = -max(n, len(layers[-1]))
    ticks = np.asarray(MaxNLocator(integer=True).tick_values(start, 0))
    axes.set_xticks(ticks[(ticks >= start) & (ticks <= 0)])
    rows = range(len(layers))
    axes.set_yticks(rows, names[::-1])
    counts = axes.secondary_yaxis("right")
    counts.set_yticks(rows, [str(len(read)) for read in reversed(layers)])
    for side in (axes, counts):
        side.tick_params(axis="y", length=0)
        side.spines[:].set_visible(False)
    axes.set_xlabel("time, in samples from the last")
    counts.set_ylabel("positions read")
    axes.set_title(title, loc="left")
    pairs = zip(reversed(names), reversed(layers), strict=True)
    said = ", ".join(f"{name} {len(read)}" for name, read in pairs).replace("$h_1$,", "inside")
    alt = (
        f"{title}. A row for each layer from the input up, with a short grey stroke for each of "
        f"{n} positions and a tall blue one for those that the last step reads: {said}. They thin "
        "out by two from block to block, and from row to row their stretch shrinks towards the end."
    )
    return finish(figure, alt, synthetic=False)


def along_samples(
    curves: Mapping[str, NDArray[np.floating]],
    first: int,
    mark: int,
    ylabel: str,
    title: str,
    synthetic: bool = False,
) -> Figure:
    """Draw positive numbers along the samples of a sequence, on a logarithmic scale.

    Zeros are left out, so that where a curve begins or ends is exact.

    Parameters
    ----------
    curves
        Name -> shape (n,), at most four.
    first
        Number of the first sample.
    mark
        Sample at which a vertical line is drawn.
    ylabel, title
        Said beside and over the figure.
    synthetic
        Mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.6), layout="constrained")
    said = []
    for (name, y), (color, style) in zip(curves.items(), LINES, strict=False):
        x = np.arange(first, first + len(y))
        axes.plot(x, np.where(y > 0, y, np.nan), color=color, linestyle=style, label=name)
        there = x[y > 0]
        said.append(f"{name} is above zero from sample {there.min()} to {there.max()} only")
    axes.axvline(mark, color="#7F7F7F", linewidth=1.0)
    axes.text(
        mark, 1.0, f" {mark}", transform=axes.get_xaxis_transform(), va="top", color="#555555"
    )
    axes.set(xlim=(first, first + len(y) - 1), yscale="log", xlabel="sample", ylabel=ylabel)
    axes.set_title(title, loc="left")
    if len(curves) > 1:
        axes.legend(frameon=False)
    alt = f"{title}. {ylabel} over samples, logarithmic: {'; '.join(said)}. A line marks {mark}."
    return finish(figure, alt, synthetic)
