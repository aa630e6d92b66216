"""What a beat's window holds, which side of a split it lies on, and which beat it resembles."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgkit import aami
from ecgkit.heartbeats import AFTER, BEFORE, Heartbeats
from ecgkit.plots.ecg import ecg_paper
from ecgkit.plots.style import TRACE, WIDTH_IN, finish
from ecgkit.splits import Split

WINDOW = "#56B4E9"


def beat_windows(
    places: Mapping[str, tuple[NDArray[np.floating], NDArray[np.integer], int]],
    title: str,
    fs: float = 360.0,
    reach_s: float = 1.2,
    synthetic: bool = False,
) -> Figure:
    """Draw beats on ECG paper with the window of 180 samples over each, and their neighbours.

    Parameters
    ----------
    places
        Panel's title -> signal, shape (samples,), in mV; sample numbers of its R peaks, shape
        (beats,); and the sample number of the R peak in the middle of the panel, one of them.
    title
        Said over the figure.
    fs
        Sampling rate in Hz.
    reach_s
        Seconds drawn to either side.
    synthetic
        Mark the figure as computer-made.
    """
    figure, panels = plt.subplots(
        len(places),
        1,
        figsize=(WIDTH_IN, 1.55 * len(places) + 0.6),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    said = []
    for axes, (name, (signal, r_peaks, middle)) in zip(panels[:, 0], places.items(), strict=True):
        a, b = (round(middle + side * reach_s * fs) for side in (-1, 1))
        a, b = max(a, 0), min(b, len(signal))
        ecg_paper(axes)
        axes.axvspan(-BEFORE / fs, AFTER / fs, color=WINDOW, alpha=0.3, linewidth=0)
        for edge in (-BEFORE / fs, AFTER / fs):
            axes.axvline(edge, color=TRACE, linewidth=1, linestyle="--")
        axes.plot((np.arange(a, b) - middle) / fs, signal[a:b], color=TRACE, linewidth=1.1)
        low, high = signal[a:b].min(), signal[a:b].max()
        axes.set_ylim(low - 0.15 * (high - low), high + 0.45 * (high - low))
        near = r_peaks[(r_peaks >= a) & (r_peaks < b)]
        others_s = (near[near != middle] - middle) / fs
        marks_at = dict(color=TRACE, linestyle="", markersize=7)
        y = high + 0.25 * (high - low)
        axes.plot(others_s, np.full(len(others_s), y), "v", markerfacecolor="white", **marks_at)
        axes.plot([0], [y], "v", **marks_at)
        axes.set_title(name, loc="left", size=11)
        axes.set_xlim(-reach_s, reach_s)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.1f}" if round(5 * x) % 2 == 0 else "")
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:.0f}" if abs(y - round(y)) < 1e-6 else "")
        at = ", ".join(f"{t:+.2f} s" for t in others_s)
        said.append(f"{name}, {f'other R peaks at {at}' if at else 'no other R peak in sight'}")
    panels[-1, 0].set_xlabel("time from the R peak (s)")
    figure.supylabel("MLII (mV)", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    window = f"{-BEFORE / fs:.2f} to {AFTER / fs:+.2f} s"
    alt = (
        f"{title}. ECG on ECG paper, one panel a beat, the window from {window} around its R peak "
        f"shaded. {'; '.join(said)}."
    )
    return finish(figure, alt, synthetic)


def halves_by_record(
    records: NDArray[np.str_], halves: Mapping[str, Split], title: str, synthetic: bool = False
) -> Figure:
    """Draw which share of each record's beats a split trains on and which it tests on.

    Parameters
    ----------
    records
        Shape (n,): record name of each beat of the table.
    halves
        Panel's title -> split of that table.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    names, of_record = np.unique(records, return_inverse=True)
    figure, panels = plt.subplots(
        len(halves),
        1,
        figsize=(WIDTH_IN, 1.6 * len(halves) + 1.2),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    said = []
    for axes, (name, split) in zip(panels[:, 0], halves.items(), strict=True):
        n = np.bincount(of_record, minlength=len(names))
        train = np.bincount(of_record[split.train], minlength=len(names)) / n
        test = np.bincount(of_record[split.test], minlength=len(names)) / n
        axes.bar(names, train, color="#4D4D4D", label="training half")
        style = dict(color="white", edgecolor="#4D4D4D", hatch="////", linewidth=0.6)
        axes.bar(names, test, bottom=train, label="test half", **style)
        both = int(((train > 0) & (test > 0)).sum())
        axes.set_title(f"{name}: {both} of {len(names)} records on both sides", loc="left", size=11)
        axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        axes.margins(x=0.01)
        sns.despine(ax=axes)
        said.append(f"{name}: {both} of {len(names)} records have beats on both sides")
    panels[-1, 0].tick_params(axis="x", rotation=90, labelsize=9)
    panels[-1, 0].set_xlabel("record")
    figure.supylabel("share of the record's beats", size=11)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=10, frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    return finish(figure, f"{title}. Stacked bars, one a record. {'; '.join(said)}.", synthetic)


def nearest_beats(
    beats: Heartbeats,
    rows: NDArray[np.integer],
    found: Mapping[str, NDArray[np.integer]],
    title: str,
    fs: float = 360.0,
) -> Figure:
    """Draw test beats, and over each the training beat found to be nearest to it.

    Parameters
    ----------
    beats
        Table of beats.
    rows
        Shape (k,): the test beats, one row of panels each.
    found
        Column's title -> shape (k,): row number of the training beat nearest to each.
    title
        Said over the figure.
    fs
        Sampling rate in Hz.
    """
    figure, grid = plt.subplots(
        len(rows),
        len(found),
        figsize=(WIDTH_IN, 1.5 * len(rows) + 0.8),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    letters, names = np.array(aami.CLASSES)[beats.labels], beats.records
    time_s = (np.arange(beats.signals.shape[1]) - BEFORE) / fs
    said = []
    for column, (how, nearest) in enumerate(found.items()):
        for axes, row, other in zip(grid[:, column], rows, nearest, strict=True):
            ecg_paper(axes)
            axes.plot(time_s, beats.signals[row], color=TRACE, linewidth=1.6)
            style = dict(color=aami.COLORS[letters[other]], linewidth=1.8, linestyle="--")
            axes.plot(time_s, beats.signals[other], **style)
            pair = f"{letters[row]} of {names[row]}, nearest {letters[other]} of {names[other]}"
            axes.set_title(pair, loc="left", size=10)
            axes.xaxis.set_major_formatter(lambda x, _: f"{x:.1f}")
            axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y == round(y) else "")
            said.append(f"{how}: {pair}")
        top = grid[0, column]
        top.text(0.5, 1.2, how, transform=top.transAxes, ha="center", weight="bold")
        grid[-1, column].set_xlabel("time from the R peak (s)")
    figure.supylabel("mV", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. Each panel: a test beat, solid, and the nearest training beat, dashed, over "
        f"0.5 s. {'; '.join(said)}."
    )
    return finish(figure, alt, beats.source == "synthetic")
