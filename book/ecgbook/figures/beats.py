"""Single beats: among their neighbours, changed, as points, and inside networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgkit.data import aami
from ecgkit.data.preparation import SAMPLING_RATE, Preparation
from ecgkit.plots import TRACE, ecg_paper, finish, panel_grid, write_symbols

Signal = NDArray[np.floating]  # (n,) in mV
BEFORE, AFTER = Preparation().before, Preparation().after
MAP_STYLE: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "cmap": "cividis"}


def beat_time_s(n: int = BEFORE + AFTER) -> NDArray[np.float64]:
    """Time of the n samples of a beat from its R peak, in seconds."""
    return (np.arange(n) - BEFORE) / SAMPLING_RATE


@dataclass(frozen=True)
class BeatInRecord:
    """A beat among its neighbours, for :func:`beats_in_context`.

    ``marks``: one letter or empty text per R peak by row; without any, triangles mark the R peaks.
    """

    signal: Signal  # of one lead, in mV, at 360 Hz
    r_peaks: NDArray[np.integer]  # sample numbers
    middle: int  # sample number of the R peak of the beat itself
    marks: Mapping[str, ArrayLike] = field(default_factory=dict)


def beats_in_context(
    beats: Mapping[str, BeatInRecord], title: str, *, synthetic: bool = False
) -> Figure:
    """Draw beats among their neighbours on ECG paper, the window of 180 samples shaded.

    ``beats`` maps the title of a panel to the beat in its middle.
    """
    n_marks = max(len(beat.marks) for beat in beats.values())
    height = (1.55 + 0.2 * n_marks) * len(beats) + 0.7
    figure, panels = panel_grid(height, len(beats), sharex=True)
    seen = []
    for axes, (name, beat) in zip(panels[:, 0], beats.items(), strict=True):
        above = 1.04 + 0.15 * len(beat.marks)
        axes.text(0, above, name, transform=axes.transAxes, size=11, weight="bold")
        seen.append(f"{name}: {_draw_context(axes, beat)}")
    panels[-1, 0].set_xlabel("time from the R peak (s)")
    figure.supylabel("mV", size=12)
    alt = f"ECG on ECG paper, one panel per beat, its window shaded. {'. '.join(seen)}."
    return finish(figure, title, alt, synthetic)


def _draw_context(axes: Axes, beat: BeatInRecord, reach: int = round(1.2 * SAMPLING_RATE)) -> str:
    """Draw one beat and ``reach`` samples to either side; return what is marked."""
    a, b = max(beat.middle - reach, 0), min(beat.middle + reach, len(beat.signal))
    part = np.asarray(beat.signal[a:b])
    ecg_paper(axes, label_every=(0.4, 1))
    axes.axvspan(-BEFORE / SAMPLING_RATE, AFTER / SAMPLING_RATE, color="#56B4E9", alpha=0.3, lw=0)
    axes.plot((np.arange(a, b) - beat.middle) / SAMPLING_RATE, part, color=TRACE, linewidth=1.1)
    low, swing = part.min(), np.ptp(part)
    axes.set_xlim(-reach / SAMPLING_RATE, reach / SAMPLING_RATE)
    near = np.flatnonzero((beat.r_peaks >= a) & (beat.r_peaks < b))
    offsets = beat.r_peaks[near] - beat.middle
    if beat.marks:
        axes.set_ylim(low - 0.1 * swing, low + 1.1 * swing)
        rows = {name: np.asarray(given, dtype=str)[near] for name, given in beat.marks.items()}
        return write_symbols(axes, (offsets + reach) / (2 * reach), rows)
    axes.set_ylim(low - 0.15 * swing, low + 1.45 * swing)
    for offset in offsets:
        face = TRACE if offset == 0 else "white"
        place = offset / SAMPLING_RATE, low + 1.25 * swing
        axes.plot(*place, "v", color=TRACE, markersize=7, markerfacecolor=face)
    times = [f"{offset / SAMPLING_RATE:+.2f} s" for offset in offsets if offset]
    return f"other R peaks at {', '.join(times)}" if times else "no other R peak"


def beat_changes(
    beat: Signal, changes: Mapping[str, Signal], title: str, *, synthetic: bool = False
) -> Figure:
    """Draw changes of a beat, in mV, by their names: each over the dotted original."""
    figure, panels = panel_grid(0.9 + 2 * len(changes) / 2, -(-len(changes) // 2), 2, sharey=True)
    time_s = beat_time_s(len(beat))
    for axes, (name, changed) in zip(panels.flat, changes.items(), strict=False):
        ecg_paper(axes, label_every=(0.2, 1))
        axes.plot(time_s, beat, color="0.4", linewidth=1, linestyle=":")
        axes.plot(time_s, changed, color=TRACE, linewidth=1.8)
        axes.set_title(name, loc="left")
    figure.supxlabel("time from the middle of the window (s)", size=12)
    figure.supylabel("mV", size=12)
    alt = f"On ECG paper, each over the dotted original: {', '.join(changes)}."
    return finish(figure, title, alt, synthetic)


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
