"""Inside networks: feature maps and attributions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ecgbook.figures.beats import BEFORE, Signal, beat_time_s
from ecgkit.data import aami
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.plots import TRACE, ecg_paper, finish, panel_grid

MAP_STYLE: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "cmap": "cividis"}


def feature_maps(
    beat: Signal, maps: Mapping[str, ArrayLike], title: str, *, value: str, synthetic: bool = False
) -> Figure:
    """Draw a beat, (n,) in mV, and below it the outputs of groups of channels over the same time.

    ``maps`` maps the name of a group to values (channels, m), a column for n / m samples, whose
    name is ``value``.
    """
    n = len(beat)
    edges = -BEFORE / SAMPLING_RATE, (n - BEFORE) / SAMPLING_RATE
    groups = {name: np.asarray(values, dtype=float) for name, values in maps.items()}
    low = min(values.min() for values in groups.values())
    high = max(values.max() for values in groups.values())
    tall = any(len(values) > 1 for values in groups.values())
    ratios = [1.8] + [1.0 if tall else 0.5] * len(groups)
    figure, grid = panel_grid(sum(ratios) + 1.2, len(ratios), sharex=True, height_ratios=ratios)
    panels = grid[:, 0]
    panels[0].plot(beat_time_s(n), beat, color=TRACE, linewidth=1.4)
    panels[0].set(ylabel="mV", xlim=edges)
    seen = []
    for axes, (name, values) in zip(panels[1:], groups.items(), strict=True):
        extent = (*edges, 0, len(values))
        image = axes.imshow(values, vmin=low, vmax=high, extent=extent, **MAP_STYLE)
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        column = values.max(axis=0).argmax() + 0.5
        peak = edges[0] + column * n / values.shape[1] / SAMPLING_RATE
        seen.append(f"{name} at {peak:+.2f} s")
    figure.colorbar(image, ax=panels[1:].tolist(), label=value, fraction=0.05)
    panels[-1].set_xlabel("time from the R peak (s)")
    sns.despine(ax=panels[0])
    alt = f"A beat, and below it maps of {value}, which is largest in {', '.join(seen)}."
    return finish(figure, title, alt, synthetic)


def mean_attributions(
    classes: Mapping[str, tuple[Signal, Signal]], title: str, *, value: str, synthetic: bool = False
) -> Figure:
    """Draw the mean beat of each class, and below it the attributions of its samples.

    ``classes`` maps a class to its beats, (n, samples) in mV, and to their attributions, whose name
    is ``value``.
    """
    figure, grid = panel_grid(4.2, 2, len(classes), sharex=True, sharey="row")
    seen = []
    for (top, bottom), (name, (beats, weights)) in zip(grid.T, classes.items(), strict=True):
        time_s, color = beat_time_s(beats.shape[1]), aami.COLORS[name]
        ecg_paper(top, label_every=(0.2, 1))
        top.plot(time_s, beats.mean(axis=0), color=color, linewidth=1.6)
        top.set_title(f"{name}: {len(beats)} beats", size=11)
        low, middle, high = np.percentile(weights, [25, 50, 75], axis=0)
        bottom.axhline(0, color=TRACE, linewidth=0.8)
        bottom.fill_between(time_s, low, high, color=color, alpha=0.3, linewidth=0)
        bottom.plot(time_s, middle, color=color, linewidth=1.6)
        sns.despine(ax=bottom)
        seen.append(f"{name} at {time_s[middle.argmax()]:+.2f} s")
    grid[0, 0].set_ylabel("mean (mV)")
    grid[1, 0].set_ylabel(value)
    figure.supxlabel("time from the R peak (s)", size=12)
    alt = f"Mean beats, and below them the median {value}, highest for {', '.join(seen)}."
    return finish(figure, title, alt, synthetic)
