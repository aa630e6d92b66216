"""ECG on ECG paper, and beats laid over each other."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError, aami
from ecgkit.heartbeats import BEFORE, Heartbeats
from ecgkit.plots.style import TRACE, WIDTH_IN, finish

PAPER = {"face": "#FFFBF8", "small": "#F7DAD3", "large": "#E8AFA3"}


def ecg_paper(axes: Axes) -> None:
    """Rule an axes as ECG paper: 0.04 s x 0.1 mV small squares, 0.2 s x 0.5 mV large ones.

    Parameters
    ----------
    axes
        With seconds on x and millivolts on y.
    """
    axes.set_facecolor(PAPER["face"])
    for axis, small, large in ((axes.xaxis, 0.04, 0.2), (axes.yaxis, 0.1, 0.5)):
        axis.set_minor_locator(MultipleLocator(small))
        axis.set_major_locator(MultipleLocator(large))
    axes.grid(which="minor", color=PAPER["small"], linewidth=0.4)
    axes.grid(which="major", color=PAPER["large"], linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.set_axisbelow(True)


def ecg_strip(
    signals: Mapping[str, NDArray[np.floating]],
    fs: float,
    start_s: float,
    seconds: float,
    r_peaks: NDArray[np.integer],
    marks: Mapping[str, ArrayLike],
    title: str,
    synthetic: bool = False,
) -> Figure:
    """Draw a stretch of a recording on ECG paper, with a letter over each beat.

    Parameters
    ----------
    signals
        Lead name -> shape (samples,), in mV; one panel each.
    fs
        Sampling rate in Hz.
    start_s, seconds
        Where the strip begins, and how long it is.
    r_peaks
        Integer, shape (beats,): sample numbers.
    marks
        Row name -> one letter a beat, such as ``{"annotator": symbols, "model": classes}``; drawn
        over the first panel in rows, in the colour of the class where the letter is one.
    title
        Said over the strip.
    synthetic
        Mark the figure as computer-made.

    Raises
    ------
    InputError
        If the stretch lies outside the recording.
    """
    a, b = round(start_s * fs), round((start_s + seconds) * fs)
    if not 0 <= a < b <= min(map(len, signals.values())):
        raise InputError(
            f"{start_s:g} to {start_s + seconds:g} s is not within the recording: choose a stretch "
            f"between 0 and {min(map(len, signals.values())) / fs:.1f} s."
        )
    inside = np.flatnonzero((r_peaks >= a) & (r_peaks < b))
    height = 2.2 * len(signals) + 0.3 * len(marks) + 0.7
    figure, panels = plt.subplots(
        len(signals),
        1,
        figsize=(WIDTH_IN, height),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    time_s = np.arange(a, b) / fs
    for axes, (lead, signal) in zip(panels[:, 0], signals.items(), strict=True):
        ecg_paper(axes)
        axes.plot(time_s, signal[a:b], color=TRACE, linewidth=1.0)
        axes.set_ylabel(f"{lead} (mV)")
        axes.set_xlim(start_s, start_s + seconds)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}" if abs(x - round(x)) < 1e-6 else "")
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:.0f}" if abs(y - round(y)) < 1e-6 else "")
    top = panels[0, 0]
    said = []
    for row, (who, given) in enumerate(marks.items()):
        letters = np.asarray(given, dtype=str)
        said.append(f"{who} {' '.join(letters[inside])}")
        y = 1.03 + 0.12 * row
        top.text(-0.01, y, who, transform=top.transAxes, ha="right", size=10)
        for i in inside:
            letter = letters[i]
            color = aami.COLORS.get(letter, TRACE)
            weight = "normal" if letter == "N" else "bold"
            place = ((r_peaks[i] - a) / (b - a), y)
            top.text(
                *place, letter, transform=top.transAxes, ha="center", color=color, weight=weight
            )
    panels[-1, 0].set_xlabel("time (s)")
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. {seconds:g} s of ECG on ECG paper, lead {' and '.join(signals)}, "
        f"{len(inside)} beats, marked in order: {'; '.join(said)}."
    )
    return finish(figure, alt, synthetic)


def beats_by_class(beats: Heartbeats, title: str, fs: float = 360.0) -> Figure:
    """Draw each class's median beat, and the band that holds the middle four fifths.

    Parameters
    ----------
    beats
        Table of beats.
    title
        Said over the figure.
    fs
        Sampling rate in Hz.
    """
    present = [c for c in range(len(aami.CLASSES)) if (beats.labels == c).any()]
    rows = (len(present) + 1) // 2
    figure, grid = plt.subplots(
        rows, 2, figsize=(WIDTH_IN, 2.6 * rows), sharex=True, sharey=True, layout="constrained"
    )
    time_s = (np.arange(beats.signals.shape[1]) - BEFORE) / fs
    for axes, c in zip(grid.flat, present, strict=False):
        name = aami.CLASSES[c]
        low, middle, high = np.percentile(beats.signals[beats.labels == c], [10, 50, 90], axis=0)
        ecg_paper(axes)
        axes.fill_between(time_s, low, high, color=aami.COLORS[name], alpha=0.3, linewidth=0)
        axes.plot(time_s, middle, color=aami.COLORS[name], linewidth=1.8)
        axes.set_title(f"{name}: {int((beats.labels == c).sum()):,} beats")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.1f}")
    for axes in grid.flat[len(present) :]:
        axes.set_visible(False)
    figure.supxlabel("time from the R peak (s)", size=12)
    figure.supylabel("mV", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    counts = {aami.CLASSES[c]: int((beats.labels == c).sum()) for c in present}
    names = ", ".join(f"{name} ({n:,} beats)" for name, n in counts.items())
    alt = f"{title}. One panel for each class, {names}: median beat and 10 to 90 % band over 0.5 s."
    return finish(figure, alt, beats.source == "synthetic")
