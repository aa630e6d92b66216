"""Scores as points: with intervals, with one point per training run, against confidence."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from sklearn.metrics import precision_recall_curve

from ecgbook.figures.palette import COLORS
from ecgkit.data import aami
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.plots import TRACE, finish, panel_grid


def score_rows(
    series: Mapping[str, Mapping[str, ArrayLike]],
    x_label: str,
    title: str,
    *,
    line: tuple[float, str] | None = None,
    synthetic: bool = False,
) -> Figure:
    """Draw values as points, one row per name, with whiskers where they have bounds.

    ``series`` maps the names of up to four series to their rows, and these to a value, or to value,
    lower and upper bound. ``line`` is a value to mark and its name.
    """
    rows = list(dict.fromkeys(row for values in series.values() for row in values))
    figure, ((axes,),) = panel_grid(max(1.8 + 0.36 * len(rows), 3.0))
    seen = []
    for i, (name, of_row) in enumerate(series.items()):
        values = [np.ravel(value) for value in of_row.values()]
        y = np.array([rows.index(row) for row in of_row]) + 0.3 * (i - (len(series) - 1) / 2)
        bounds = [abs(v[1:] - v[0]) if len(v) > 1 else np.zeros(2) for v in values]
        style = {"color": (TRACE, *COLORS)[i], "fmt": "oDs^"[i], "ms": 6, "label": name}
        style["capsize"] = 4 * any(len(v) > 1 for v in values)
        axes.errorbar([v[0] for v in values], y, xerr=np.transpose(bounds), **style)
        pairs = zip(of_row, values, strict=True)
        seen.append(f"{name}: " + ", ".join(f"{row} {_interval(value)}" for row, value in pairs))
    if line is not None:
        axes.axvline(line[0], linestyle=":", color=TRACE, label=line[1])
        seen.append(f"dotted line, {line[1]}: {line[0]:.4g}")
    axes.set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
    axes.set_xlabel(x_label)
    for row in range(0, len(rows), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F2F2F2", zorder=0)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=11)
    sns.despine(figure)
    return finish(figure, title, f"Points of {x_label}. {'; '.join(seen)}.", synthetic)


def run_points(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    x_label: str,
    title: str,
    *,
    synthetic: bool = False,
) -> Figure:
    """Draw one point per training run, and the mean of each row.

    ``panels`` maps the title of a panel, maybe empty, to the same rows, and these to runs' values.
    """
    columns = min(len(panels), 2)
    n_rows = -(-len(panels) // columns)
    height = n_rows * (0.36 * max(map(len, panels.values())) + 0.9) + 0.7
    figure, grid = panel_grid(height, n_rows, columns, sharey=True)
    seen = []
    for axes, (panel, rows) in zip(grid.flat, panels.items(), strict=False):
        for y, (row, values) in enumerate(rows.items()):
            mean, color = float(np.mean(values)), aami.COLORS.get(panel, COLORS[0])
            axes.plot(values, np.full(len(values), y), "o", color=TRACE, markersize=4)
            axes.plot([mean] * 2, [y - 0.3, y + 0.3], color=color, linewidth=3)
            seen.append(f"{panel} {row} mean {mean:.2f} of {len(values)}".strip())
        axes.set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
        axes.grid(axis="x", color="0.9")
        axes.set_title(panel, loc="left")
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    figure.supxlabel(f"{x_label}\npoints: runs; bars: means", size=11)
    sns.despine(figure)
    return finish(figure, title, f"Points of {x_label}. {'; '.join(seen)}.", synthetic)


def reliability_diagram(
    found: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray, float]],
    title: str,
    *,
    synthetic: bool = False,
) -> Figure:
    """Draw accuracy over confidence, and below it the number of beats of each confidence.

    ``found`` maps the title of a panel to the counts, the accuracies and the mean confidences of
    equal bins of the confidence, and the expected calibration error.
    """
    style = {"sharex": True, "sharey": "row", "height_ratios": [2.4, 1]}
    figure, grid = panel_grid(4.8, 2, len(found), **style)
    seen = []
    for (top, bottom), (name, bins) in zip(grid.T, found.items(), strict=True):
        counts, accuracy, confidence, ece = bins
        top.plot([0, 1], [0, 1], ":", color=TRACE, label="perfect calibration")
        top.plot(confidence, accuracy, "o-", color=COLORS[0], ms=5, label="accuracy of a bin")
        top.set(xlim=(0, 1), ylim=(0, 1.02))
        seen.append(f"{name}: ECE {100 * ece:.2f} %")
        top.set_title(seen[-1], loc="left", size=11)
        edges = np.linspace(0, 1, len(counts), endpoint=False)
        bottom.bar(edges, counts, 0.92 / len(counts), align="edge", color=COLORS[0])
        bottom.set_yscale("symlog", linthresh=1)
        bottom.set_ylim(0)
        bottom.minorticks_off()
    grid[0, 0].set_ylabel("accuracy")
    grid[0, 0].legend(frameon=False, fontsize=10)
    grid[1, 0].set_ylabel("beats (logarithmic)")
    figure.supxlabel("confidence: probability of the predicted class", size=12)
    sns.despine(figure)
    alt = f"Accuracy over confidence beside the diagonal. {'; '.join(seen)}."
    return finish(figure, title, alt, synthetic)


def confusion_matrix(matrix: ArrayLike, title: str, *, synthetic: bool = False) -> Figure:
    """Draw a (4, 4) confusion matrix: counts, and colours for the percentages of the row."""
    figure, axes = plt.subplots(figsize=(6.2, 5.2), layout="constrained")
    rows = _heat_map(axes, matrix, alone=True)
    axes.set(xlabel="model", ylabel="annotators")
    return finish(figure, title, f"Confusion matrix, rows by annotators: {rows}.", synthetic)


def confusion_matrices(
    matrices: Mapping[str, ArrayLike], title: str, *, synthetic: bool = False
) -> Figure:
    """Draw (4, 4) confusion matrices by name in two columns."""
    n_rows = (len(matrices) + 1) // 2
    figure, grid = panel_grid(3.3 * n_rows + 0.7, n_rows, 2)
    seen = []
    for axes, (name, matrix) in zip(grid.flat, matrices.items(), strict=False):
        seen.append(f"{name}: {_heat_map(axes, matrix, alone=False)}")
        axes.set_title(name, loc="left")
    for axes in grid.flat[len(matrices) :]:
        axes.remove()
    figure.supxlabel("model; colour: percentage of the row", size=10)
    figure.supylabel("annotators", size=12)
    alt = f"Confusion matrices, rows by annotators. {'. '.join(seen)}."
    return finish(figure, title, alt, synthetic)


def _heat_map(axes: Axes, matrix: ArrayLike, alone: bool) -> str:
    """Draw one matrix and return its rows as text; percentages and colour bar only if alone."""
    counts = pd.DataFrame(matrix, CLASSES, CLASSES)
    percent = 100 * counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    texts = counts.map("{:,}".format) + percent.map("\n{:.2f} %".format if alone else "".format)
    how = {"annot": texts, "fmt": "", "cmap": "Blues", "vmin": 0, "vmax": 100}
    sns.heatmap(percent, ax=axes, cbar=alone, cbar_kws={"label": "percentage of the row"}, **how)
    axes.tick_params(length=0, rotation=0)
    return "; ".join(f"{name} {' '.join(map(str, row))}" for name, *row in counts.itertuples())


def precision_recall(
    found: Mapping[str, tuple[np.ndarray, np.ndarray]],
    threshold: float,
    title: str,
    *,
    synthetic: bool = False,
) -> Figure:
    """Draw positive predictive value over sensitivity of a class, and one threshold as dots.

    ``found`` maps the name of a curve to whether each beat is of the class, and its probability.
    """
    figure, ((axes,),) = panel_grid(4.2)
    seen, looks = [], zip((TRACE, *COLORS), ("-", "--", ":", "-."), strict=False)
    for (name, beats), (color, style) in zip(found.items(), looks, strict=False):
        ppv, se, cuts = precision_recall_curve(*beats)
        at = min(np.searchsorted(cuts, threshold), len(cuts) - 1)
        seen.append(f"{name}: Se {100 * se[at]:.0f}, P⁺ {100 * ppv[at]:.0f}")
        axes.plot(100 * se, 100 * ppv, style, color=color, label=seen[-1])
        axes.plot(100 * se[at], 100 * ppv[at], "o", color=color)
    axes.set(xlabel="Se (%)", ylabel="P⁺ (%)", xlim=(0, 100), ylim=(0, 101))
    axes.legend(frameon=False)
    sns.despine(figure)
    alt = f"Precision-recall curves; dots at threshold {threshold:.2f}, %: {'; '.join(seen)}."
    return finish(figure, title, alt, synthetic)


def _interval(value: np.ndarray) -> str:
    return f"{value[0]:.4g}" + (f" ({value[1]:.4g} to {value[2]:.4g})" if len(value) > 1 else "")
