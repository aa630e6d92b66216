"""Crops of a beat, what they do to its measures, what an epoch draws, and methods side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgkit import aami, augmentation, metrics
from ecgkit.heartbeats import BEFORE
from ecgkit.plots.ecg import ecg_paper
from ecgkit.plots.style import TRACE, WIDTH_IN, finish


def crops(
    beat: NDArray[np.floating],
    starts: Sequence[int],
    lengths: Sequence[int],
    title: str,
    fs: float = 360.0,
    synthetic: bool = False,
) -> Figure:
    """Draw crops of a beat: left what is cut out, right what the network gets.

    Both sides are ruled in the patient's time. On the right the paper is stretched with the beat,
    and a dashed line marks the middle column, where R peaks are in beats that are not cropped.

    Parameters
    ----------
    beat
        Shape (n,), in mV, R peak at column 90.
    starts, lengths
        First sample and number of samples of each crop.
    title
        Said over the figure.
    fs
        Sampling rate in Hz.
    synthetic
        Mark the figure as computer-made.
    """
    n, rows = len(beat), len(starts)
    whole = torch.tensor(np.asarray(beat, dtype=np.float64)).expand(rows, n)
    resized = augmentation.crop_and_resize(whole, torch.tensor(starts), torch.tensor(lengths))
    figure, grid = plt.subplots(
        rows, 2, figsize=(WIDTH_IN, 2.2 * rows + 0.6), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    time_s = (np.arange(n) - BEFORE) / fs
    said = []
    for (cut, got), a, m, row in zip(grid, starts, lengths, resized.numpy(), strict=True):
        columns = np.linspace(a, a + m - 1, n)  # in the beat, of each column of the crop
        stretch, r_column = (n - 1) / (m - 1), (BEFORE - a) * (n - 1) / (m - 1)
        cut.plot(time_s, beat, color=TRACE, linewidth=0.8, linestyle=":")
        cut.plot(time_s[a : a + m], beat[a : a + m], color=TRACE, linewidth=1.8)
        for left, right in ((time_s[0], time_s[a]), (time_s[a + m - 1], time_s[-1])):
            cut.axvspan(left, right, facecolor="0.6", alpha=0.4, linewidth=0)
        cut.set_title(f"keep {m} of {n}, from {a}", loc="left")
        got.plot((columns - BEFORE) / fs, row, color=TRACE, linewidth=1.8)
        got.axvline((columns[n // 2] - BEFORE) / fs, color="#0072B2", linestyle="--", linewidth=1.2)
        got.set_title(f"{stretch:.2f} times as wide", loc="left")
        for axes, low, high in (
            (cut, time_s[0], time_s[-1]),
            (got, time_s[a], time_s[a + m - 1]),
        ):
            ecg_paper(axes)
            axes.set_xlim(low, high)
            axes.xaxis.set_major_formatter(_within(low, high))
            axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
        said.append(
            f"samples {a} to {a + m - 1} drawn {stretch:.2f} times as wide, R peak at column "
            f"{r_column:.0f}"
        )
    grid[0, 0].set_ylim(0.5 * np.floor(2 * beat.min()), 0.5 * np.ceil(2 * beat.max()))
    figure.supxlabel("patient's time from the R peak (s)", size=12)
    figure.supylabel("mV", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. On ECG paper, left the whole beat with what is cut out, right the crop at full "
        f"width, where the squares of the paper are wider: {'; '.join(said)}; a dashed line marks "
        f"the middle, column {n // 2}."
    )
    return finish(figure, alt, synthetic)


def _within(low: float, high: float) -> Callable[[float, int], str]:
    """Write ticks with one decimal, and none beyond the limits."""
    return lambda x, _: f"{x:.1f}" if low <= x <= high else ""


def spreads(
    groups: Mapping[str, Mapping[str, ArrayLike]],
    title: str,
    xlabel: str,
    limit: tuple[float, str] | None = None,
    synthetic: bool = False,
) -> Figure:
    """Draw the median and the middle four fifths of a measure, for each class as cut and copied.

    Parameters
    ----------
    groups
        Class -> series, at most two -> values, such as ``{"S": {"as cut": ..., "copies": ...}}``.
    title, xlabel
        Said over the figure; the measure and its unit.
    limit
        A value to mark by a line, and what it is called.
    synthetic
        Mark the figure as computer-made.
    """
    lines = [
        (name, series, values)
        for name, of_class in groups.items()
        for series, values in of_class.items()
    ]
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 0.42 * len(lines) + 1.4), layout="constrained")
    looks = dict(
        zip(dict.fromkeys(s for _, s, _ in lines), (("-", "o"), ("--", "s")), strict=False)
    )
    said = []
    for y, (name, series, values) in enumerate(lines):
        low, middle, high = np.percentile(np.asarray(values, float), [10, 50, 90])
        style, marker = looks[series]
        face = aami.COLORS[name] if marker == "o" else "white"
        axes.plot([low, high], [y, y], color=aami.COLORS[name], linewidth=2.5, linestyle=style)
        axes.plot(middle, y, marker, color=aami.COLORS[name], markersize=8, markerfacecolor=face)
        said.append(f"{name} {series} {middle:.0f} ({low:.0f} to {high:.0f})")
    if limit:
        axes.axvline(limit[0], color=TRACE, linestyle=":", linewidth=1.2)
        axes.set_title(f"dotted: {limit[1]}", size=11, loc="right")
    axes.set_xlim(*axes.get_xticks()[[0, -1]])
    axes.set_yticks(range(len(lines)), [f"{name}, {series}" for name, series, _ in lines])
    axes.invert_yaxis()
    axes.set_xlabel(xlabel)
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    mark = f" A dotted line marks {limit[1]}." if limit else ""
    alt = f"{title}. {xlabel}, median (10 to 90 %): {'; '.join(said)}.{mark}"
    return finish(figure, alt, synthetic)


def epoch_draws(
    counts: ArrayLike, balances: Sequence[float], title: str, synthetic: bool = False
) -> Figure:
    """Draw how many beats of each class an epoch holds, originals and copies, for some balances.

    Parameters
    ----------
    counts
        Integer, shape (4,): beats of each class in the training half.
    balances
        See :func:`ecgkit.augmentation.target_counts`; one panel each.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    originals = np.asarray(counts)
    colors = [aami.COLORS[name] for name in metrics.CLASSES]
    figure, panels = plt.subplots(
        len(balances), 1, figsize=(WIDTH_IN, 1.75 * len(balances) + 0.5), sharex=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    said = []
    for axes, balance in zip(panels[:, 0], balances, strict=True):
        draws = augmentation.target_counts(torch.tensor(originals), balance).numpy()
        axes.barh(metrics.CLASSES, originals, color=colors)
        axes.barh(
            metrics.CLASSES, draws - originals, left=originals, color="white", edgecolor=colors,
            hatch="///",
        )  # fmt: skip
        for y, (n, of) in enumerate(zip(draws, originals, strict=True)):
            axes.text(n, y, f" {n:,} ({n / of:.3g} a beat)", va="center", size=11)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.45 * originals.max())
        axes.set_title(f"balance {balance:g}: {draws.sum():,} draws", loc="left")
        pairs = zip(metrics.CLASSES, originals, draws - originals, strict=True)
        each = ", ".join(f"{name} {n:,} and {more:,} copies" for name, n, more in pairs)
        said.append(f"balance {balance:g}: {each}")
    panels[-1, 0].xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    panels[-1, 0].set_xlabel("draws an epoch; filled: originals, hatched: copies")
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    return finish(figure, f"{title}. Bars of originals and copies, {'; '.join(said)}.", synthetic)


def method_points(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
    xlabel: str,
    synthetic: bool = False,
) -> Figure:
    """Draw a figure of several methods, each run as a point and their mean as a line.

    Parameters
    ----------
    panels
        Panel, such as a class -> method -> figure of each run, shares between 0 and 1.
    title, xlabel
        Said over the figure; what is drawn, in per cent.
    synthetic
        Mark the figure as computer-made.
    """
    rows, methods = (len(panels) + 1) // 2, list(next(iter(panels.values())))
    figure, grid = plt.subplots(
        rows, 2, figsize=(WIDTH_IN, rows * (0.32 * len(methods) + 0.8) + 0.6), sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    said = []
    for axes, (panel, of_method) in zip(grid.flat, panels.items(), strict=False):
        color = aami.COLORS.get(panel, TRACE)
        for y, values in enumerate(of_method.values()):
            percent = 100 * np.asarray(values, float)
            axes.plot([percent.mean()] * 2, [y - 0.3, y + 0.3], color=color, linewidth=3)
            axes.plot(percent, np.full(len(percent), y), "o", color=TRACE, markersize=4)
        axes.set_yticks(range(len(methods)), methods)
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.set_xlim(*axes.get_xticks()[[0, -1]])
        axes.grid(axis="x", color="0.9")
        axes.set_title(panel, loc="left")
        means = (f"{m} {100 * np.mean(v):.1f} %" for m, v in of_method.items())
        said.append(f"{panel}: {', '.join(means)}")
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel(f"{xlabel}; points: runs, lines: means", size=11)
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    return finish(figure, f"{title}. {xlabel}, means of the runs. {'; '.join(said)}.", synthetic)
