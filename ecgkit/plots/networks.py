"""What happens in a network: curves, filters, feature maps, and where the work goes."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError, aami
from ecgkit.heartbeats import BEFORE
from ecgkit.plots.style import TRACE, WIDTH_IN, finish

_COLORS = sns.color_palette("colorblind")
_STYLES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))


def line_panels(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    x: ArrayLike,
    x_label: str,
    y_label: str,
    title: str,
    log: bool = False,
    synthetic: bool = False,
) -> Figure:
    """Draw lines over a common x, one panel beside the other.

    Parameters
    ----------
    panels
        Panel -> line -> values of shape (n,); at most four lines a panel. A zero has no place on a
        logarithmic axis and is left out there.
    x
        Shape (n,).
    x_label, y_label
        Names and units of the axes.
    title
        Said over the figure.
    log
        Make both axes logarithmic.
    synthetic
        Mark the figure as computer-made.
    """
    figure, row = plt.subplots(
        1, len(panels), figsize=(WIDTH_IN, 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    at = np.asarray(x, dtype=float)
    step = max(len(at) // 6, 1)
    said = []
    for axes, (name, lines) in zip(row[0], panels.items(), strict=True):
        ends = []
        for (line, values), color, (style, marker) in zip(
            lines.items(), _COLORS, _STYLES, strict=False
        ):
            y = np.asarray(values, dtype=float)
            y = np.where(y > 0, y, np.nan) if log else y
            color = aami.COLORS.get(line, color)
            axes.plot(
                at, y, style, color=color, marker=marker, markevery=step, markersize=5, label=line
            )
            ends.append(f"{line} from {_number(values, 0)} to {_number(values, -1)}")
        axes.set_title(name, loc="left")
        axes.legend(frameon=False, fontsize=10)
        if log:
            axes.set(xscale="log", yscale="log")
        if len(at) <= 8:
            axes.set_xticks(at, [f"{value:g}" for value in at])
            axes.minorticks_off()
        sns.despine(ax=axes)
        said.append(f"{name}: {', '.join(ends)}")
    row[0, 0].set_ylabel(y_label)
    figure.supxlabel(x_label, size=12)
    figure.suptitle(title, x=0.01, ha="left")
    range_ = " to ".join(f"{value:g}" for value in at[[0, -1]].round(3))
    alt = f"{title}. {y_label} over {x_label}, {range_}. {'; '.join(said)}."
    return finish(figure, alt, synthetic)


def _number(values: ArrayLike, place: int) -> str:
    """Write one value with two significant digits."""
    return f"{np.asarray(values, dtype=float)[place]:.2g}"


def filters(groups: Mapping[str, ArrayLike], title: str, synthetic: bool = False) -> Figure:
    """Draw the coefficients of filters of one input channel as bars.

    Parameters
    ----------
    groups
        Name -> weights of shape (filters, width), as many filters in each group; a row each.
    title, synthetic
        Said over the figure; mark it as computer-made.

    Raises
    ------
    InputError
        If the groups differ in their number of filters.
    """
    weights = {name: np.asarray(w, dtype=float) for name, w in groups.items()}
    numbers = {len(w) for w in weights.values()}
    if len(numbers) != 1:
        raise InputError(f"Groups of {sorted(numbers)} filters make no grid: give as many in each.")
    columns = numbers.pop()
    largest = max(np.abs(w).max() for w in weights.values())
    figure, grid = plt.subplots(
        len(weights),
        columns,
        figsize=(WIDTH_IN, 1.05 * len(weights) + 0.9),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    half = max(w.shape[1] for w in weights.values()) / 2
    for row, (name, w) in zip(grid, weights.items(), strict=True):
        place = np.arange(w.shape[1]) - (w.shape[1] - 1) / 2
        for axes, values in zip(row, w, strict=True):
            axes.axhline(0, color=TRACE, linewidth=0.8)
            colors = [_COLORS[0] if value >= 0 else _COLORS[3] for value in values]
            axes.bar(place, values, 0.8, color=colors)
            axes.set(xlim=(-half, half), ylim=(-1.1 * largest, 1.1 * largest), xticks=[], yticks=[])
            sns.despine(ax=axes, left=True, bottom=True)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.supxlabel(f"filters 1 to {columns}; time runs to the right within each", size=10)
    figure.suptitle(title, x=0.01, ha="left")
    said = [f"{name}, {columns} filters of width {w.shape[1]}" for name, w in weights.items()]
    alt = f"{title}. Bars up for positive and down for negative coefficients: {'; '.join(said)}."
    return finish(figure, f"{alt} The largest is {largest:.2f}.", synthetic)


def feature_maps(
    beat: NDArray[np.floating],
    maps: Mapping[str, ArrayLike],
    title: str,
    value: str = "activation",
    fs: float = 360.0,
    synthetic: bool = False,
) -> Figure:
    """Draw a beat, and under it what groups of channels make of it, over the same time.

    Parameters
    ----------
    beat
        Shape (n,), in mV, R peak in the middle.
    maps
        Group -> values of shape (channels, m), one row a channel; m may be smaller than n, each
        column then stands for n / m samples.
    title
        Said over the figure.
    value
        What the colours show.
    fs
        Sampling rate in Hz.
    synthetic
        Mark the figure as computer-made.
    """
    n = len(beat)
    edges = -BEFORE / fs, (n - BEFORE) / fs
    groups = {name: np.asarray(values, dtype=float) for name, values in maps.items()}
    low = min(values.min() for values in groups.values())
    high = max(values.max() for values in groups.values())
    tall = max(len(values) for values in groups.values()) > 1
    ratios = [1.8] + [1.0 if tall else 0.5] * len(groups)
    figure, panels = plt.subplots(
        1 + len(groups),
        1,
        figsize=(WIDTH_IN, 1.0 * sum(ratios) + 1.2),
        sharex=True,
        gridspec_kw={"height_ratios": ratios},
        layout="constrained",
    )
    panels[0].plot((np.arange(n) - BEFORE) / fs, beat, color=TRACE, linewidth=1.4)
    panels[0].set_ylabel("mV")
    panels[0].set_xlim(edges)
    sns.despine(ax=panels[0])
    said = []
    for axes, (name, values) in zip(panels[1:], groups.items(), strict=True):
        image = axes.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap="cividis",
            vmin=low,
            vmax=high,
            extent=(*edges, 0, len(values)),
        )
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        peak = edges[0] + (values.max(axis=0).argmax() + 0.5) / values.shape[1] * (n / fs)
        said.append(f"{name} ({len(values)} by {values.shape[1]}) at {peak:+.2f} s")
    figure.colorbar(image, ax=panels[1:].tolist(), label=value, fraction=0.05)
    panels[-1].set_xlabel("time from the R peak (s)")
    figure.suptitle(title, x=0.01, ha="left")
    alt = f"{title}. A beat, and under it maps of {value} over time; largest in {', '.join(said)}."
    return finish(figure, alt, synthetic)


def shares(
    quantities: Mapping[str, Mapping[str, float]], title: str, synthetic: bool = False
) -> Figure:
    """Draw which part of a whole takes which share, one panel a quantity.

    Parameters
    ----------
    quantities
        Quantity -> part -> amount; the same parts in each.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, panels = plt.subplots(
        len(quantities), 1, figsize=(WIDTH_IN, 1.55 * len(quantities) + 0.6), squeeze=False,
        sharex=True, layout="constrained",
    )  # fmt: skip
    said = []
    for axes, (quantity, parts) in zip(panels[:, 0], quantities.items(), strict=True):
        percent = 100 * np.array(list(parts.values())) / sum(parts.values())
        bars = axes.barh(list(parts), percent, color=_COLORS[: len(parts)])
        for bar, hatch in zip(bars, ("", "//", "..", "xx"), strict=False):
            bar.set_hatch(hatch)
        words = [f"{n:,.0f} ({p:.1f} %)" for n, p in zip(parts.values(), percent, strict=True)]
        axes.bar_label(bars, words, padding=4, size=10)
        axes.set_xlim(0, 135)
        axes.set_xticks([0, 25, 50, 75, 100])
        axes.invert_yaxis()
        axes.set_title(quantity, loc="left")
        sns.despine(ax=axes)
        pairs = ", ".join(f"{part} {word}" for part, word in zip(parts, words, strict=True))
        said.append(f"{quantity}: {pairs}")
    panels[-1, 0].set_xlabel("share of the whole (%)")
    figure.suptitle(title, x=0.01, ha="left")
    return finish(figure, f"{title}. Bars. {'; '.join(said)}.", synthetic)
