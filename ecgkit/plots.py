"""Figures of the book: ECG on ECG paper, beats, counts, confusion matrices.

Every function returns a Matplotlib figure whose label is its alt text: what a reader who does not
see the picture is told. :func:`show` displays a figure with it. Colours are told apart with every
common colour blindness, and each class has a marker as a second cue.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError, aami, metrics
from ecgkit.heartbeats import BEFORE, Heartbeats

DPI = 100
PAPER = {"face": "#FFFBF8", "small": "#F7DAD3", "large": "#E8AFA3"}
TRACE = "#1A1A1A"
SYNTHETIC_MARK = "SYNTHETIC RECORD - no patient"


def show(figure: Figure) -> None:
    """Display a figure in a notebook as a PNG with its alt text, and close it.

    Raises
    ------
    InputError
        If the figure has no alt text.
    """
    from IPython.display import Image, display  # a notebook has it; the library needs it only here

    alt = str(figure.get_label())
    if not alt:
        raise InputError("The figure has no alt text: say what is seen with figure.set_label(...).")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    plt.close(figure)
    display(Image(png.getvalue(), alt=alt))


def _finish(figure: Figure, alt: str, synthetic: bool) -> Figure:
    """Give a figure its alt text, and the mark of synthetic data where it is due."""
    if synthetic:
        figure.text(0.995, 0.995, SYNTHETIC_MARK, ha="right", va="top", color="#B00020", size=8)
        alt = f"Synthetic data, computer-made. {alt}"
    figure.set_label(alt)
    return figure


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
    marks: Mapping[str, Sequence[str]],
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
    height = 2.3 * len(signals) + 0.35 * len(marks) + 0.6
    figure, panels = plt.subplots(
        len(signals), 1, figsize=(10, height), sharex=True, squeeze=False, layout="constrained"
    )
    time_s = np.arange(a, b) / fs
    for axes, (lead, signal) in zip(panels[:, 0], signals.items(), strict=True):
        ecg_paper(axes)
        axes.plot(time_s, signal[a:b], color=TRACE, linewidth=0.9)
        axes.set_ylabel(f"{lead} (mV)")
        axes.set_xlim(start_s, start_s + seconds)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}" if abs(x - round(x)) < 1e-6 else "")
    top = panels[0, 0]
    for row, (who, letters) in enumerate(marks.items()):
        y = 1.03 + 0.1 * row
        top.text(0, y, f"{who}:", transform=top.transAxes, ha="left", size=8, color="#444444")
        for i in inside:
            place = ((r_peaks[i] - a) / (b - a), y)
            color = aami.COLORS.get(str(letters[i]), TRACE)
            weight = "bold" if str(letters[i]) not in "N" else "normal"
            top.text(
                *place,
                str(letters[i]),
                transform=top.transAxes,
                ha="center",
                color=color,
                weight=weight,
            )
    panels[-1, 0].set_xlabel("time (s)")
    top.set_title(title, loc="left", pad=8 + 22 * len(marks), size=11)
    said = "; ".join(
        f"{who} {' '.join(map(str, np.asarray(m)[inside]))}" for who, m in marks.items()
    )
    alt = (
        f"{title}. {seconds:g} s of ECG on ECG paper, lead {' and '.join(signals)}, "
        f"{len(inside)} beats, marked in order: {said}."
    )
    return _finish(figure, alt, synthetic)


def class_counts(counts: Mapping[str, int], title: str, synthetic: bool = False) -> Figure:
    """Draw the number of beats of each class, on a logarithmic scale.

    Parameters
    ----------
    counts
        Class -> beats, as :func:`ecgkit.aami.counts` gives them.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(7, 2.9), layout="constrained")
    names, numbers = list(counts), list(counts.values())
    total = sum(numbers)
    bars = axes.barh(names, numbers, color=[aami.COLORS[name] for name in names], log=True)
    said = [f"{n:,} ({100 * n / total:.2f} %)" for n in numbers]
    axes.bar_label(bars, said, padding=4)
    axes.set_xlim(1, 12 * max(numbers))
    axes.invert_yaxis()
    axes.set_xlabel("beats (logarithmic)")
    axes.set_title(title, loc="left", size=11)
    sns.despine(figure)
    pairs = ", ".join(f"{name} {text}" for name, text in zip(names, said, strict=True))
    return _finish(figure, f"{title}. Bars: {pairs}.", synthetic)


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
    figure, panels = plt.subplots(
        1, len(present), figsize=(10, 3.2), sharey=True, squeeze=False, layout="constrained"
    )
    time_s = (np.arange(beats.signals.shape[1]) - BEFORE) / fs
    for axes, c in zip(panels[0], present, strict=True):
        name = aami.CLASSES[c]
        low, middle, high = np.percentile(beats.signals[beats.labels == c], [10, 50, 90], axis=0)
        ecg_paper(axes)
        axes.fill_between(time_s, low, high, color=aami.COLORS[name], alpha=0.3, linewidth=0)
        axes.plot(time_s, middle, color=aami.COLORS[name], linewidth=1.8)
        axes.set_title(f"{name}: {int((beats.labels == c).sum()):,} beats", size=10)
        axes.set_xlabel("time from R (s)")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.1f}")
    panels[0, 0].set_ylabel("mV")
    figure.suptitle(title, x=0.01, ha="left", size=11)
    names = ", ".join(aami.CLASSES[c] for c in present)
    alt = f"{title}. One panel for each class, {names}: median beat and 10 to 90 % band over 0.5 s."
    return _finish(figure, alt, beats.source == "synthetic")


def confusion_matrix(matrix: ArrayLike, title: str, synthetic: bool = False) -> Figure:
    """Draw a confusion matrix: counts, coloured by the share of the row.

    Parameters
    ----------
    matrix
        Integer, shape (4, 4): rows reference, columns predicted, N S V F.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    m = np.asarray(matrix)
    share = m / np.maximum(m.sum(axis=1, keepdims=True), 1)
    words = [
        [f"{n:,}\n{100 * s:.2f} %" for n, s in zip(*row, strict=True)]
        for row in zip(m, share, strict=True)
    ]
    figure, axes = plt.subplots(figsize=(5.4, 4.6), layout="constrained")
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
        cbar_kws={"label": "share of the row"},
        annot_kws={"size": 9},
        ax=axes,
    )
    axes.set_xlabel("model")
    axes.set_ylabel("annotators")
    axes.tick_params(axis="y", rotation=0)
    axes.set_title(title, loc="left", size=11)
    rows = "; ".join(
        f"{name} row: {', '.join(f'{n:,} as {k}' for k, n in zip(metrics.CLASSES, row, strict=True))}"
        for name, row in zip(metrics.CLASSES, m.tolist(), strict=True)
    )
    return _finish(figure, f"{title}. Confusion matrix, {rows}.", synthetic)
