"""Learning curves, and where the time of a training step goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from ecgkit import aami
from ecgkit.plots.style import WIDTH_IN, finish

DASHES = ("-", "--", ":", "-.")


def learning_curves(
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    title: str,
    synthetic: bool = False,
    log: bool = False,
) -> Figure:
    """Draw loss by epoch, and validation accuracy where the runs have it.

    Parameters
    ----------
    curves
        Run -> its curve as :func:`ecgkit.training.fit` returns it; up to four.
    title, synthetic
        Said over the figure; mark it as computer-made.
    log
        Make the axis of the loss logarithmic.
    """
    watched = any("accuracy" in entry for curve in curves.values() for entry in curve)
    figure, panels = plt.subplots(
        1, 1 + watched, figsize=(WIDTH_IN, 3.2), squeeze=False, layout="constrained"
    )
    colors, said = list(aami.COLORS.values()), []
    for (run, curve), dash, color in zip(curves.items(), DASHES, colors, strict=False):
        style = {"linestyle": dash, "color": color, "marker": "o", "markersize": 3}
        epochs = [entry["epoch"] for entry in curve]
        losses = [entry["loss"] for entry in curve]
        panels[0, 0].plot(epochs, losses, label=run, **style)
        said.append(f"{run}: loss {losses[0]:.3f} in epoch 1, {losses[-1]:.3f} in {epochs[-1]}")
        if watched:
            accuracy = [100 * entry.get("accuracy", float("nan")) for entry in curve]
            panels[0, 1].plot(epochs, accuracy, label=run, **style)
            said[-1] += f", validation accuracy {accuracy[-1]:.2f} %"
    panels[0, 0].set_ylabel("training loss (logarithmic)" if log else "training loss")
    panels[0, 0].set_yscale("log" if log else "linear")
    if watched:
        panels[0, 1].set_ylabel("validation accuracy (%)")
    for axes in panels[0]:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    if len(curves) > 1:
        panels[0, 0].legend(frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    return finish(figure, f"{title}. Learning curves; {'; '.join(said)}.", synthetic)


def step_times(times_ms: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Draw the time of a step as bars made of its parts.

    Parameters
    ----------
    times_ms
        Bar -> part -> milliseconds; every bar with the same parts, up to five.
    title
        Said over the figure.
    """
    parts = list(next(iter(times_ms.values())))
    figure, axes = plt.subplots(
        figsize=(WIDTH_IN, 1.3 + 0.55 * len(times_ms)), layout="constrained"
    )
    hatches, colors = ("", "//", "..", "xx", "--"), list(aami.COLORS.values())
    start = dict.fromkeys(times_ms, 0.0)
    for part, color, hatch in zip(parts, colors, hatches, strict=False):
        widths = [bar[part] for bar in times_ms.values()]
        bars = axes.barh(list(times_ms), widths, left=list(start.values()), label=part)
        for bar in bars:
            bar.set(facecolor=color, hatch=hatch, edgecolor="white")
        start = {name: start[name] + times_ms[name][part] for name in times_ms}
    for i, total in enumerate(start.values()):
        axes.text(total, i, f" {total:.0f}", va="center")
    axes.margins(x=0.1)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a step")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    sns.despine(figure)
    said = "; ".join(
        f"{name}: {sum(bar.values()):.0f} ms, of which "
        + ", ".join(f"{part} {bar[part]:.0f}" for part in parts)
        for name, bar in times_ms.items()
    )
    return finish(figure, f"{title}. Bars of milliseconds a step; {said}.", synthetic=False)
