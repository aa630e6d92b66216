"""Figures with their uncertainty, and where the errors are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ecgkit import aami, metrics
from ecgkit.plots.style import TRACE, WIDTH_IN, finish

_COLORS = (TRACE, *(aami.COLORS[name] for name in "VNF"))
_GREY = "#595959"
_HATCHES = ("", "//", "..", "xx")


def value_rows(
    series: Mapping[str, Mapping[str, Sequence[float]]],
    x_label: str,
    title: str,
    letters: Collection[str] = (),
    line: tuple[float, str] | None = None,
    synthetic: bool = False,
) -> Figure:
    """Draw values as points along x, a row for each name, with whiskers where they have bounds.

    Parameters
    ----------
    series
        Series -> row -> (value,) or (value, lowest, highest); up to four series, and ``letters``.
    x_label
        Name and unit of the values.
    title
        Said over the figure.
    letters
        Series without bounds, drawn as the first letter of their name, above the points of a row.
    line
        A value to mark by a vertical line, and its name.
    synthetic
        Mark the figure as computer-made.
    """
    rows = list(dict.fromkeys(row for values in series.values() for row in values))
    height = max(1.8 + (0.5 if letters else 0.36) * len(rows), 3.0)
    figure, axes = plt.subplots(figsize=(WIDTH_IN, height), layout="constrained")
    points = [name for name in series if name not in letters]
    for name, values in series.items():
        x = np.array([value[0] for value in values.values()])
        y = np.array([rows.index(row) for row in values], dtype=float)
        if name in letters:
            y -= (0.34, 0.14)[list(letters).index(name) % 2]  # neighbours stay legible
            marker = rf"$\mathrm{{{name[0]}}}$"
            axes.plot(x, y, marker=marker, linestyle="", color=_GREY, ms=8, label=name)
            continue
        i = points.index(name)
        y += 0.08 + 0.14 * i if letters else 0.3 * (i - (len(points) - 1) / 2)
        whiskers = np.array([(v[0] - v[1], v[2] - v[0]) if v[1:] else (0, 0) for v in
                             values.values()])  # fmt: skip
        axes.errorbar(
            x, y, xerr=whiskers.T, fmt="oDs^"[i],
            color=_COLORS[i], ms=6, capsize=4 * bool(whiskers.any()), label=name,
        )  # fmt: skip
    said = [f"{name}: {_pairs(values)}" for name, values in series.items()]
    if line is not None:
        axes.axvline(line[0], linestyle=":", color=TRACE, label=line[1])
        said.append(f"dotted line: {line[1]}, {line[0]:.2f}")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for row in range(0, len(rows), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F2F2F2", zorder=0)
    axes.set_xlabel(x_label)
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=11)
    sns.despine(figure)
    return finish(figure, f"{title}. Points, {x_label}. {'; '.join(said)}.", synthetic)


def _pairs(values: Mapping[str, Sequence[float]]) -> str:
    """Write each row's value, and its bounds where it has them."""
    return ", ".join(
        f"{row} {v[0]:.2f}" + (f" ({v[1]:.2f} to {v[2]:.2f})" if v[1:] else "")
        for row, v in values.items()
    )


def errors_by_record(
    records: NDArray[np.str_],
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    title: str,
    top: int = 12,
    synthetic: bool = False,
) -> Figure:
    """Draw in which records the wrongly classified beats are, by the annotators' class.

    Parameters
    ----------
    records, labels, predicted
        Shape (n,): record name, class number and predicted class number of each beat.
    title
        Said over the figure.
    top
        Records with a bar of their own, those with most errors; the rest share one.
    synthetic
        Mark the figure as computer-made.
    """
    wrong = labels != predicted
    names, counts = np.unique(records[wrong], return_counts=True)
    first = names[np.argsort(-counts, kind="stable")[:top]].tolist()
    others = len(np.unique(records)) - len(first)
    bars = [*first, *([f"{others} others"] if others else [])]
    figure, axes = plt.subplots(
        figsize=(WIDTH_IN, max(1.6 + 0.3 * len(bars), 3.0)), layout="constrained"
    )
    start = np.zeros(len(bars), dtype=int)
    for c, (name, hatch) in enumerate(zip(metrics.CLASSES, _HATCHES, strict=True)):
        of_class = records[wrong & (labels == c)]
        width = [int((of_class == record).sum()) for record in first]
        if others:
            width.append(len(of_class) - sum(width))
        axes.barh(
            bars, width, left=start, color=aami.COLORS[name], hatch=hatch, edgecolor="white",
            label=f"{name} called something else",
        )  # fmt: skip
        start = start + width
    for i, number in enumerate(start):
        axes.text(number, i, f" {number}", va="center", size=11)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(start.max(), 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("record")
    axes.set_xlabel("beats classified wrongly")
    axes.set_title(title, loc="left")
    axes.legend(frameon=False, fontsize=11)
    sns.despine(figure)
    said = ", ".join(f"{name} {n}" for name, n in zip(bars, start, strict=True))
    return finish(figure, f"{title}. Bars of wrongly classified beats: {said}.", synthetic)
