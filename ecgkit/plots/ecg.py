"""ECG on ECG paper, and the median beat of each class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError
from ecgkit.data import aami
from ecgkit.data.beats import Beats
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.plots.style import TRACE, finish, panel_grid


def ecg_paper(axes: Axes, label_every: tuple[float, float] = (1, 1)) -> None:
    """Rule axes as ECG paper (0.04 s by 0.1 mV, 0.2 s by 0.5 mV); number every ``label_every``."""
    axes.set_facecolor("#FFFBF8")
    squares = (axes.xaxis, 0.04, 0.2), (axes.yaxis, 0.1, 0.5)
    for (axis, small, large), every in zip(squares, label_every, strict=True):
        axis.set_minor_locator(MultipleLocator(small))
        axis.set_major_locator(MultipleLocator(large))

        def label(value: float, _: int, every: float = every) -> str:
            return f"{value:g}" if abs(value / every - round(value / every)) < 1e-6 else ""

        axis.set_major_formatter(FuncFormatter(label))
    axes.grid(which="minor", color="#F7DAD3", linewidth=0.4)
    axes.grid(which="major", color="#E8AFA3", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.set_axisbelow(True)


def write_symbols(axes: Axes, places: ArrayLike, rows: Mapping[str, NDArray[np.str_]]) -> str:
    """Write rows of letters above axes, at places from 0 to 1; return them as text."""
    for y, (name, letters) in enumerate(rows.items()):
        height = 1.03 + 0.15 * y
        axes.text(-0.02, height, name, transform=axes.transAxes, ha="right", size=10)
        for x, letter in zip(np.asarray(places), letters, strict=True):
            text = axes.text(x, height, letter, transform=axes.transAxes, ha="center")
            weight = "normal" if letter == "N" else "bold"
            text.set(color=aami.COLORS.get(str(letter), TRACE), weight=weight)
    return "; ".join(f"{name} {' '.join(map(str, given))}" for name, given in rows.items())


def ecg_strip(
    signals: Mapping[str, NDArray[np.floating]],
    fs: float,
    title: str,
    *,
    start_s: float = 0.0,
    seconds: float = 6.0,
    r_peaks: ArrayLike = (),
    marks: Mapping[str, ArrayLike] | None = None,
    synthetic: bool = False,
) -> Figure:
    """Draw a stretch of a recording on ECG paper, with a letter over each beat.

    Each lead of ``signals``, in mV at ``fs`` Hz, gets a panel. ``r_peaks`` are sample numbers, and
    ``marks`` rows of one letter per beat, such as ``{"annotator": symbols, "model": classes}``.
    InputError if the stretch is not in the recording.
    """
    a, b = round(start_s * fs), round((start_s + seconds) * fs)
    length = min(map(len, signals.values()))
    if not 0 <= a < b <= length:
        raise InputError(f"{a / fs:g} to {b / fs:g} s is not within the {length / fs:.1f} s there.")
    marks, peaks = marks or {}, np.asarray(r_peaks, dtype=int)
    inside = np.flatnonzero((peaks >= a) & (peaks < b))
    height = 2.2 * len(signals) + 0.3 * len(marks) + 0.7
    figure, panels = panel_grid(height, len(signals), sharex=True)
    for axes, (lead, signal) in zip(panels[:, 0], signals.items(), strict=True):
        ecg_paper(axes)
        axes.plot(np.arange(a, b) / fs, signal[a:b], color=TRACE, linewidth=1.0)
        axes.set(ylabel=f"{lead} (mV)", xlim=(start_s, start_s + seconds))
    panels[-1, 0].set_xlabel("time (s)")
    letters = {name: np.asarray(given, str)[inside] for name, given in marks.items()}
    said = write_symbols(panels[0, 0], (peaks[inside] - a) / (b - a), letters)
    seen = f"{seconds:g} s of ECG, lead {' and '.join(signals)}, {len(inside)} beats. {said}"
    return finish(figure, title, seen, synthetic)


def beats_by_class(beats: Beats, title: str) -> Figure:
    """Draw the median beat of each class, and the band between its 10th and 90th percentiles."""
    counts = {name: n for name, n in aami.counts(beats.labels).items() if n}
    n_rows = (len(counts) + 1) // 2
    figure, grid = panel_grid(2.6 * n_rows, n_rows, 2, sharex=True, sharey=True)
    p = beats.preparation
    time_s = np.arange(-p.before, p.after) * p.step / SAMPLING_RATE
    for axes, (name, n) in zip(grid.flat, counts.items(), strict=False):
        signals = beats.signals[beats.labels == aami.CLASSES.index(name)]
        low, middle, high = np.percentile(signals, [10, 50, 90], axis=0)
        ecg_paper(axes, label_every=(0.2, 0.5))
        axes.fill_between(time_s, low, high, color=aami.COLORS[name], alpha=0.3, linewidth=0)
        axes.plot(time_s, middle, color=aami.COLORS[name], linewidth=1.8)
        axes.set_title(f"{name}: {n:,} beats", loc="left")
    for axes in grid.flat[len(counts) :]:
        axes.remove()
    figure.supxlabel("time from the R peak (s)", size=12)
    figure.supylabel("mV", size=12)
    names = ", ".join(f"{name} ({n:,})" for name, n in counts.items())
    seen = f"Median beat and 10 to 90 % band; beats: {names}"
    return finish(figure, title, seen, beats.source == "synthetic")
