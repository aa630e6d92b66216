"""Counts of beats, confusion matrices, figures of several models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgkit import aami, metrics
from ecgkit.plots.style import TRACE, WIDTH_IN, finish


def class_counts(counts: Mapping[str, int], title: str, synthetic: bool = False) -> Figure:
    """Draw the number of beats of each class, on a logarithmic scale.

    Parameters
    ----------
    counts
        Class -> beats, as :func:`ecgkit.aami.counts` gives them.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.2), layout="constrained")
    names, numbers = list(counts), list(counts.values())
    total = sum(numbers)
    bars = axes.barh(names, numbers, color=[aami.COLORS[name] for name in names], log=True)
    said = [f"{n:,} ({100 * n / total:.2f} %)" for n in numbers]
    axes.bar_label(bars, said, padding=4)
    axes.set_xlim(1, 10 ** np.ceil(np.log10(60 * max(numbers))))
    axes.invert_yaxis()
    axes.set_xlabel("beats (logarithmic)")
    axes.set_title(title, loc="left")
    sns.despine(figure)
    pairs = ", ".join(f"{name} {text}" for name, text in zip(names, said, strict=True))
    return finish(figure, f"{title}. Bars: {pairs}.", synthetic)


def counts_by_record(
    records: NDArray[np.str_], labels: NDArray[np.int8], title: str, synthetic: bool = False
) -> Figure:
    """Draw how the beats of S, V and F are spread over the records.

    Parameters
    ----------
    records, labels
        Shape (n,): record name and class number of each beat.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    names = np.unique(records)
    figure, panels = plt.subplots(3, 1, figsize=(WIDTH_IN, 5.6), sharex=True, layout="constrained")
    said = []
    for axes, name in zip(panels, "SVF", strict=True):
        of_class = records[labels == aami.CLASSES.index(name)]
        counts = np.array([(of_class == record).sum() for record in names])
        axes.bar(names, counts, color=aami.COLORS[name])
        first, second = np.argsort(-counts)[:2] if len(names) > 1 else (0, 0)
        top = [first] if counts[second] == 0 or first == second else [first, second]
        share = counts[top].sum() / max(counts.sum(), 1)
        top_two = f"{100 * share:.0f} % in {' and '.join(names[top])}"
        axes.set_title(f"{name}: {counts.sum():,} beats, {top_two}", loc="left", size=11)
        said.append(f"{name} {top_two}")
        sns.despine(ax=axes)
    panels[-1].tick_params(axis="x", rotation=90, labelsize=9)
    panels[-1].set_xlabel("record")
    panels[1].set_ylabel("beats")
    figure.suptitle(title, x=0.01, ha="left")
    return finish(figure, f"{title}. Bars a record: {'; '.join(said)}.", synthetic)


def confusion_matrix(matrix: ArrayLike, title: str, synthetic: bool = False) -> Figure:
    """Draw a confusion matrix: counts, coloured by the share of the row.

    Parameters
    ----------
    matrix
        Integer, shape (4, 4): rows reference, columns predicted, N S V F.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(6.2, 5.2), layout="constrained")
    said = _heat_map(axes, matrix, alone=True)
    axes.set_xlabel("model")
    axes.set_ylabel("annotators")
    axes.set_title(title, loc="left")
    return finish(figure, f"{title}. Confusion matrix, {said}.", synthetic)


def _heat_map(axes: Axes, matrix: ArrayLike, alone: bool) -> str:
    """Draw counts coloured by the share of the row, and return them in words.

    Alone in its figure it has room for the shares as numbers and for a colour bar; beside others
    the counts alone are large enough to be read on a telephone.
    """
    m = np.asarray(matrix)
    share = m / np.maximum(m.sum(axis=1, keepdims=True), 1)
    words = [
        [f"{n:,}" + f"\n{100 * s:.2f} %" * alone for n, s in zip(*row, strict=True)]
        for row in zip(m, share, strict=True)
    ]
    sns.heatmap(
        share,
        annot=np.array(words),
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        square=True,
        xticklabels=metrics.CLASSES,
        yticklabels=metrics.CLASSES,
        cbar=alone,
        cbar_kws={"label": "share of the row"} if alone else None,
        annot_kws={"size": 11 if alone else 13},
        ax=axes,
    )
    for text, of_row in zip(axes.texts, share.ravel(), strict=True):
        text.set_color("white" if of_row > 0.67 else TRACE)  # which stands out more
    axes.tick_params(axis="y", rotation=0)
    rows = []
    for name, row in zip(metrics.CLASSES, m.tolist(), strict=True):
        cells = [f"{n:,} as {k}" for k, n in zip(metrics.CLASSES, row, strict=True)]
        rows.append(f"{name} row: {', '.join(cells)}")
    return "; ".join(rows)


def confusion_matrices(
    matrices: Mapping[str, ArrayLike], title: str, note: str, synthetic: bool = False
) -> Figure:
    """Draw up to four confusion matrices, such as those of the paper's Fig. 6.

    Parameters
    ----------
    matrices
        Model -> integers of shape (4, 4): rows reference, columns predicted, N S V F.
    title, note
        Said over and under the figure.
    synthetic
        Mark it as computer-made.
    """
    rows = (len(matrices) + 1) // 2
    figure, grid = plt.subplots(
        rows, 2, figsize=(WIDTH_IN, 3.3 * rows + 0.7), squeeze=False, layout="constrained"
    )
    said = []
    for axes, letter, (model, matrix) in zip(grid.flat, "abcd", matrices.items(), strict=False):
        said.append(f"({letter}) {model}, {_heat_map(axes, matrix, alone=False)}")
        axes.set_title(f"({letter}) {model}", loc="left")
    for axes in grid.flat[len(matrices) :]:
        axes.set_visible(False)
    figure.supxlabel(f"model; each cell's colour is its share of the row\n{note}", size=9)
    figure.supylabel("annotators", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    return finish(figure, f"{title}. {note} Confusion matrices: {'. '.join(said)}.", synthetic)


def accuracy_bars(
    pairs: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
    note: str,
    synthetic: bool = False,
) -> Figure:
    """Draw mean accuracies as bars, each run as a point, such as for the paper's Fig. 5.

    Parameters
    ----------
    pairs
        Panel -> model -> accuracy of each run, shares between 0 and 1.
    title, note
        Said over and under the figure.
    synthetic
        Mark it as computer-made.
    """
    everything = [a for panel in pairs.values() for values in panel.values() for a in values]
    low, high = 100 * min(everything), 100 * max(everything)
    room = max(high - low, 0.1)
    figure, panels = plt.subplots(
        1, len(pairs), figsize=(WIDTH_IN, 3.8), sharey=True, squeeze=False, layout="constrained"
    )
    said = []
    for axes, letter, (part, models) in zip(panels[0], "abcd", pairs.items(), strict=False):
        for i, (model, values) in enumerate(models.items()):
            percent, color = 100 * np.array(values), list(aami.COLORS.values())[i]
            axes.bar(i, percent.mean(), 0.6, color=color, alpha=0.5, hatch=["", "//"][i % 2])
            axes.plot(np.full(len(percent), i), percent, "o", color=TRACE, markersize=4)
            axes.text(i, percent.max() + 0.1 * room, f"{percent.mean():.2f}", ha="center")
            said.append(f"{model} {percent.mean():.2f} % (n = {len(percent)})")
        axes.set_xticks(range(len(models)), [name.replace("-no", "\nno") for name in models])
        axes.set_title(f"({letter}) {part}", loc="left")
    panels[0, 0].set_ylim(max(low - 0.5 * room, 0), high + 0.5 * room)
    panels[0, 0].set_ylabel("accuracy (%); axis cut")
    figure.supxlabel(f"bars: mean; points: the seeds\n{note}", size=9)
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    return finish(figure, f"{title}. {note} Mean accuracies: {', '.join(said)}.", synthetic)
