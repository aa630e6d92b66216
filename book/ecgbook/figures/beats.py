"""Single beats: among their neighbours, changed, as points."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgkit.data.preparation import SAMPLING_RATE, Preparation
from ecgkit.plots import TRACE, ecg_paper, finish, panel_grid, write_symbols

Signal = NDArray[np.floating]  # (n,) in mV
BEFORE, AFTER = Preparation().before, Preparation().after


def beat_time_s(n: int = BEFORE + AFTER) -> NDArray[np.float64]:
    """Time of the n samples of a beat from its R peak, in seconds."""
    return (np.arange(n) - BEFORE) / SAMPLING_RATE


@dataclass(frozen=True)
class BeatInRecord:
    """A beat among its neighbours, for :func:`beats_in_context`.

    ``marks`` maps the name of a row to one letter per R peak, or an empty text. Without rows,
    triangles mark the R peaks.
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
    window = -BEFORE / SAMPLING_RATE, AFTER / SAMPLING_RATE
    axes.axvspan(*window, color="#56B4E9", alpha=0.3, lw=0)
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
