"""How large a difference is beside what chance alone makes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import scipy.stats
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ecgkit import aami, comparison
from ecgkit.plots.style import TRACE, WIDTH_IN, finish

_COLORS = sns.color_palette("colorblind")
_PLACES = 500
"""Of a hill's outline."""


def hills(
    samples: Mapping[str, ArrayLike], x_label: str, title: str, synthetic: bool = False
) -> Figure:
    """Draw how values are spread, one hill a row over a common axis, with the middle 95 %.

    A hill is a smoothed histogram, brought to the height of the others.

    Parameters
    ----------
    samples
        Row -> values, shape (n,).
    x_label
        Name and unit of the values.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    rows = {name: np.asarray(values, dtype=float) for name, values in samples.items()}
    low, high = min(v.min() for v in rows.values()), max(v.max() for v in rows.values())
    height = 0.85 * len(rows) + 1.0
    figure, grid = plt.subplots(
        len(rows), 1, figsize=(WIDTH_IN, height), sharex=True, squeeze=False, layout="constrained"
    )
    said = []
    for axes, (name, values), color in zip(
        grid[:, 0], rows.items(), itertools.cycle(_COLORS), strict=False
    ):
        color = aami.COLORS.get(name, color)
        if np.ptp(values) > 0:
            x = np.linspace(values.min(), values.max(), _PLACES)
            y = scipy.stats.gaussian_kde(values)(x)
            axes.fill_between(x, y / y.max(), color=color, alpha=0.35, linewidth=0)
            axes.plot(x, y / y.max(), color=color)
        a, middle, b = np.quantile(values, [0.025, 0.5, 0.975])
        axes.plot([a, b], [-0.12, -0.12], color=TRACE, linewidth=3, solid_capstyle="butt")
        axes.plot(middle, -0.12, "D", color=TRACE, markersize=5)
        axes.set_xmargin(0.09)
        axes.set_ylim(-0.3, 1.1)
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        if low < 0 < high:
            axes.axvline(0, color=TRACE, linestyle=":", linewidth=1)
        sns.despine(ax=axes, left=True, bottom=axes is not grid[-1, 0])
        axes.tick_params(bottom=axes is grid[-1, 0])
        said.append(f"{name}: {a:.2f} to {b:.2f}, median {middle:.2f}")
    grid[-1, 0].set_xlabel(f"{x_label}\nbar: the middle 95 %; diamond: median")
    figure.suptitle(title, x=0.01, ha="left")
    alt = f"{title}. Hills over {x_label}, with the middle 95 %. {'; '.join(said)}."
    return finish(figure, alt, synthetic)


def differences(
    ours: Mapping[str, Sequence[float]],
    papers: Mapping[str, float],
    x_label: str,
    title: str,
    synthetic: bool = False,
) -> Figure:
    """Draw paired differences: each seed, mean and 95 % interval, and the paper's where known.

    Parameters
    ----------
    ours
        Row -> one difference a seed; an empty row says that there is no run yet.
    papers
        Row -> the paper's difference; rows may be missing.
    x_label
        Name and unit of the differences.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 0.85 * len(ours) + 1.9), layout="constrained")
    axes.axvline(0, color=TRACE, linestyle=":", linewidth=1)
    for y in range(1, len(ours)):
        axes.axhline(y - 0.5, color="0.85", linewidth=0.8)
    said = []
    for y, (name, values) in enumerate(ours.items()):
        words = [f"{name}: no run yet"]
        if len(values):
            found = comparison.compare(values)
            axes.plot(values, np.full(len(values), y), "o", color=_COLORS[0], markersize=5)
            axes.plot(found.mean, y + 0.2, "s", color=_COLORS[0], markersize=8)
            words = [f"{name}: mean {found.mean:+.2f} (n = {found.n})"]
            if found.low is not None and found.high is not None:
                axes.plot([found.low, found.high], 2 * [y + 0.2], color=_COLORS[0], linewidth=2)
                words += [f"interval {found.low:+.2f} to {found.high:+.2f}"]
        if name in papers:
            axes.plot(papers[name], y - 0.22, "D", color=_COLORS[1], markersize=8)
            words += [f"paper {papers[name]:+.2f}"]
        said.append(", ".join(words))
    axes.plot([], [], "o", color=_COLORS[0], markersize=5, label="a seed")
    axes.plot([], [], "s-", color=_COLORS[0], markersize=8, label="mean, 95 % interval")
    axes.plot([], [], "D", color=_COLORS[1], markersize=8, label="the paper")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    axes.set_yticks(range(len(ours)), list(ours))
    axes.set_ylim(len(ours) - 0.5, -0.5)
    axes.set_xlabel(x_label)
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    return finish(figure, f"{title}. {x_label}. {'; '.join(said)}.", synthetic)
