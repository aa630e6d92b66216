"""Single beats: among their neighbours, cropped, as points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgbook.figures.palette import COLORS
from ecgkit.data.preparation import SAMPLING_RATE, Preparation
from ecgkit.plots import TRACE, ecg_paper, finish, panel_grid, write_symbols

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

    signal: NDArray[np.floating]  # of one lead, in mV, at 360 Hz
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


def crops(
    beat: NDArray[np.floating],
    starts: Sequence[int],
    lengths: Sequence[int],
    title: str,
    *,
    synthetic: bool = False,
) -> Figure:
    """Draw crops of a beat: left the part that is kept, right what the network receives.

    Both sides are ruled in the patient's time: on the right the paper is stretched with the beat. A
    dashed line marks the middle column, where the R peaks of uncropped beats are. ``beat`` is in
    mV; ``starts`` and ``lengths`` are the crops' first samples and numbers of samples.
    """
    n, k = len(beat), len(starts)
    figure, grid = panel_grid(2.2 * k + 0.6, k, 2, sharey=True)
    time_s, seen = beat_time_s(n), []
    for (left, right), a, m in zip(grid, starts, lengths, strict=True):
        first, last = time_s[a], time_s[a + m - 1]
        received_s = np.linspace(first, last, n)  # as crop_and_resize interpolates
        for axes, limits in ((left, (time_s[0], time_s[-1])), (right, (first, last))):
            ecg_paper(axes, label_every=(0.2, 0.5))
            axes.set_xlim(*limits)
        left.plot(time_s, beat, color=TRACE, linewidth=0.8, linestyle=":")
        left.plot(time_s[a : a + m], beat[a : a + m], color=TRACE, linewidth=1.8)
        for outside in ((time_s[0], first), (last, time_s[-1])):
            left.axvspan(*outside, facecolor="0.6", alpha=0.4, linewidth=0)
        right.plot(received_s, np.interp(received_s, time_s, beat), color=TRACE, linewidth=1.8)
        right.axvline(received_s[n // 2], color=COLORS[0], linestyle="--", linewidth=1.2)
        stretch = f"{(n - 1) / (m - 1):.2f} times as wide"
        left.set_title(f"keep {m} of {n}, from {a}", loc="left")
        right.set_title(stretch, loc="left")
        seen.append(f"samples {a} to {a + m - 1}, {stretch}")
    grid[0, 0].set_ylim(0.5 * np.floor(2 * beat.min()), 0.5 * np.ceil(2 * beat.max()))
    figure.supxlabel("patient's time from the R peak (s)", size=12)
    figure.supylabel("mV", size=12)
    alt = f"Left the part that is kept, right that part at full width: {'; '.join(seen)}."
    return finish(figure, title, alt, synthetic)
