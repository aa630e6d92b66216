"""Figures of the book: ECG on ECG paper, beats, counts, confusion matrices.

Every function returns a Matplotlib figure whose label is its alt text: what a reader who does not
see the picture is told. :func:`show` displays a figure with it. Colours are told apart with every
common colour blindness, and each class has its letter as a second cue.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MultipleLocator
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError, aami, files, metrics
from ecgkit.heartbeats import BEFORE, Heartbeats

DPI = 100
WIDTH_IN = 7.0
"""Of every figure: as wide as the book's column, and still legible on a telephone."""

plt.rcParams.update({"font.size": 12, "axes.titlesize": 12, "figure.titlesize": 12})

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


def save(figure: Figure, path: Path) -> str:
    """Write a figure to a PNG file that carries its alt text, close it, and return that text."""
    alt = str(figure.get_label())
    with files.whole(path) as draft:
        about = {"Software": None, "Description": alt}
        figure.savefig(draft, format="png", dpi=DPI, facecolor="white", metadata=about)
    plt.close(figure)
    return alt


def _finish(figure: Figure, alt: str, synthetic: bool) -> Figure:
    """Give a figure its alt text, and the mark of synthetic data where it is due."""
    if synthetic:
        engine = figure.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.set(rect=(0, 0, 0.93, 1))  # the right edge is the mark's
        mark = figure.text(0.995, 0.5, SYNTHETIC_MARK, color="#B00020", size=10, weight="bold")
        mark.set(rotation=90, ha="right", va="center")
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
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.2), layout="constrained")
    names, numbers = list(counts), list(counts.values())
    total = sum(numbers)
    bars = axes.barh(names, numbers, color=[aami.COLORS[name] for name in names], log=True)
    said = [f"{n:,} ({100 * n / total:.2f} %)" for n in numbers]
    axes.bar_label(bars, said, padding=4)
    axes.set_xlim(1, 10 ** np.ceil(np.log10(60 * max(numbers))))
    axes.invert_yaxis()
    axes.set_xlabel("beats (logarithmic)")
    axes.set_title(title, loc="left")
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
    return _finish(figure, alt, beats.source == "synthetic")


def counts_by_record(
    records: NDArray[np.str_], labels: NDArray[np.int8], title: str, synthetic: bool = False
) -> Figure:
    """Draw how the beats of S, V and F are spread over the records.

    Parameters
    ----------
    records, labels
        Shape (n,): record name and class number of each beat.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    names = np.unique(records)
    figure, panels = plt.subplots(3, 1, figsize=(WIDTH_IN, 5.6), sharex=True, layout="constrained")
    said = []
    for axes, name in zip(panels, "SVF", strict=True):
        of_class = records[labels == aami.CLASSES.index(name)]
        counts = np.array([(of_class == record).sum() for record in names])
        axes.bar(names, counts, color=aami.COLORS[name])
        first, second = np.argsort(-counts)[:2] if len(names) > 1 else (0, 0)
        top = [first] if counts[second] == 0 or first == second else [first, second]
        share = counts[top].sum() / max(counts.sum(), 1)
        top_two = f"{100 * share:.0f} % in {' and '.join(names[top])}"
        axes.set_title(f"{name}: {counts.sum():,} beats, {top_two}", loc="left", size=11)
        said.append(f"{name} {top_two}")
        sns.despine(ax=axes)
    panels[-1].tick_params(axis="x", rotation=90, labelsize=9)
    panels[-1].set_xlabel("record")
    panels[1].set_ylabel("beats")
    figure.suptitle(title, x=0.01, ha="left")
    return _finish(figure, f"{title}. Bars a record: {'; '.join(said)}.", synthetic)


def confusion_matrix(matrix: ArrayLike, title: str, synthetic: bool = False) -> Figure:
    """Draw a confusion matrix: counts, coloured by the share of the row.

    Parameters
    ----------
    matrix
        Integer, shape (4, 4): rows reference, columns predicted, N S V F.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(6.2, 5.2), layout="constrained")
    said = _heat_map(axes, matrix, size=11, bar=True)
    axes.set_xlabel("model")
    axes.set_ylabel("annotators")
    axes.set_title(title, loc="left")
    return _finish(figure, f"{title}. Confusion matrix, {said}.", synthetic)


def _heat_map(axes: Axes, matrix: ArrayLike, size: int, bar: bool) -> str:
    """Draw counts coloured by the share of the row, and return them in words."""
    m = np.asarray(matrix)
    share = m / np.maximum(m.sum(axis=1, keepdims=True), 1)
    words = [
        [f"{n:,}\n{100 * s:.2f} %" for n, s in zip(*row, strict=True)]
        for row in zip(m, share, strict=True)
    ]
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
        cbar=bar,
        cbar_kws={"label": "share of the row"} if bar else None,
        annot_kws={"size": size},
        ax=axes,
    )
    axes.tick_params(axis="y", rotation=0)
    rows = []
    for name, row in zip(metrics.CLASSES, m.tolist(), strict=True):
        cells = [f"{n:,} as {k}" for k, n in zip(metrics.CLASSES, row, strict=True)]
        rows.append(f"{name} row: {', '.join(cells)}")
    return "; ".join(rows)


def confusion_matrices(
    matrices: Mapping[str, ArrayLike], title: str, note: str, synthetic: bool = False
) -> Figure:
    """Draw up to four confusion matrices, such as those of the paper's Fig. 6.

    Parameters
    ----------
    matrices
        Model -> integers of shape (4, 4): rows reference, columns predicted, N S V F.
    title, note
        Said over and under the figure.
    synthetic
        Mark it as computer-made.
    """
    rows = (len(matrices) + 1) // 2
    figure, grid = plt.subplots(
        rows, 2, figsize=(WIDTH_IN, 3.3 * rows + 0.7), squeeze=False, layout="constrained"
    )
    said = []
    for axes, letter, (model, matrix) in zip(grid.flat, "abcd", matrices.items(), strict=False):
        said.append(f"({letter}) {model}, {_heat_map(axes, matrix, size=8, bar=False)}")
        axes.set_title(f"({letter}) {model}", loc="left")
    for axes in grid.flat[len(matrices) :]:
        axes.set_visible(False)
    figure.supxlabel(f"model; each cell's colour is its share of the row\n{note}", size=9)
    figure.supylabel("annotators", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    return _finish(figure, f"{title}. {note} Confusion matrices: {'. '.join(said)}.", synthetic)


def accuracy_bars(
    pairs: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
    note: str,
    synthetic: bool = False,
) -> Figure:
    """Draw mean accuracies as bars, each run as a point, such as for the paper's Fig. 5.

    Parameters
    ----------
    pairs
        Panel -> model -> accuracy of each run, shares between 0 and 1.
    title, note
        Said over and under the figure.
    synthetic
        Mark it as computer-made.
    """
    everything = [a for panel in pairs.values() for values in panel.values() for a in values]
    low, high = 100 * min(everything), 100 * max(everything)
    room = max(high - low, 0.1)
    figure, panels = plt.subplots(
        1, len(pairs), figsize=(WIDTH_IN, 3.8), sharey=True, squeeze=False, layout="constrained"
    )
    said = []
    for axes, letter, (part, models) in zip(panels[0], "abcd", pairs.items(), strict=False):
        for i, (model, values) in enumerate(models.items()):
            percent, color = 100 * np.array(values), list(aami.COLORS.values())[i]
            axes.bar(i, percent.mean(), 0.6, color=color, alpha=0.5, hatch=["", "//"][i % 2])
            axes.plot(np.full(len(percent), i), percent, "o", color=TRACE, markersize=4)
            axes.text(i, high + 0.15 * room, f"{percent.mean():.2f}", ha="center")
            said.append(f"{model} {percent.mean():.2f} % (n = {len(percent)})")
        axes.set_xticks(range(len(models)), [name.replace("-no", "\nno") for name in models])
        axes.set_title(f"({letter}) {part}", loc="left")
    panels[0, 0].set_ylim(max(low - 0.5 * room, 0), high + 0.5 * room)
    panels[0, 0].set_ylabel("accuracy (%); axis cut")
    figure.supxlabel(f"bars: mean; points: the seeds\n{note}", size=9)
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    return _finish(figure, f"{title}. {note} Mean accuracies: {', '.join(said)}.", synthetic)
