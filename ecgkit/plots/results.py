"""Learning curves and confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from ecgkit.data import aami
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.plots.style import TRACE, finish, panel_grid


def learning_curves(
    losses: Mapping[str, Sequence[float]],
    title: str,
    *,
    accuracies: Mapping[str, Sequence[float]] | None = None,
    log: bool = False,
    synthetic: bool = False,
) -> Figure:
    """Draw training loss and, if known, validation accuracy of at most four runs, over epochs.

    ``log`` makes the axis of the loss logarithmic.
    """
    percent = {name: [100 * a for a in curve] for name, curve in (accuracies or {}).items()}
    drawn = [("training loss", losses), ("validation accuracy (%)", percent)]
    drawn = drawn[: 1 + any(percent.values())]
    figure, panels = panel_grid(3.2, columns=len(drawn))
    looks = zip(losses, ("-", "--", ":", "-."), aami.COLORS.values(), strict=False)
    look_of = {name: {"linestyle": dash, "color": color} for name, dash, color in looks}
    seen = []
    for axes, (label, curves) in zip(panels[0], drawn, strict=True):
        for name, curve in ((name, curve) for name, curve in curves.items() if len(curve)):
            epochs, look = range(1, len(curve) + 1), look_of[name]
            axes.plot(epochs, curve, marker="o", markersize=3, label=name, **look)
            seen.append(f"{name}: {label} {curve[0]:.3g} to {curve[-1]:.3g}")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log:
        panels[0, 0].set(yscale="log", ylabel="training loss (logarithmic)")
    if len(losses) > 1:
        panels[0, 0].legend(frameon=False)
    sns.despine(figure)
    return finish(figure, title, f"Curves over epochs. {'; '.join(seen)}.", synthetic)


def confusion_matrix(matrix: ArrayLike, title: str, *, synthetic: bool = False) -> Figure:
    """Draw a (4, 4) confusion matrix: counts, and colours for the percentages of the row."""
    figure, axes = plt.subplots(figsize=(6.2, 5.2), layout="constrained")
    rows = _heat_map(axes, matrix, alone=True)
    axes.set(xlabel="model", ylabel="annotators")
    return finish(figure, title, f"Confusion matrix, rows by annotators: {rows}.", synthetic)


def confusion_matrices(
    matrices: Mapping[str, ArrayLike], title: str, *, note: str = "", synthetic: bool = False
) -> Figure:
    """Draw (4, 4) confusion matrices by name in two columns, and a note under them."""
    n_rows = (len(matrices) + 1) // 2
    figure, grid = panel_grid(3.3 * n_rows + 0.7, n_rows, 2)
    seen = []
    for axes, (name, matrix) in zip(grid.flat, matrices.items(), strict=False):
        seen.append(f"{name}: {_heat_map(axes, matrix, alone=False)}")
        axes.set_title(name, loc="left")
    for axes in grid.flat[len(matrices) :]:
        axes.remove()
    figure.supxlabel(f"model; colour: percentage of the row\n{note}".strip(), size=10)
    figure.supylabel("annotators", size=12)
    alt = f"Confusion matrices, rows by annotators. {'. '.join(seen)}. {note}"
    return finish(figure, title, alt, synthetic)


def _heat_map(axes: Axes, matrix: ArrayLike, alone: bool) -> str:
    """Draw one matrix and return its rows as text; percentages and colour bar only if alone."""
    counts = np.asarray(matrix)
    fraction = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for (row, column), part in np.ndenumerate(fraction):
        text = f"{counts[row, column]:,}" + (f"\n{100 * part:.2f} %" if alone else "")
        color = "white" if part > 0.67 else TRACE
        axes.text(column, row, text, color=color, ha="center", va="center", size=12)
    if alone:
        axes.figure.colorbar(image, ax=axes, label="fraction of the row")
    axes.set_xticks(range(4), CLASSES)
    axes.set_yticks(range(4), CLASSES)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    pairs = zip(CLASSES, counts.tolist(), strict=True)
    return "; ".join(f"{name} {' '.join(map(str, row))}" for name, row in pairs)
