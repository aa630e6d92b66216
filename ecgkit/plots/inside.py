"""What a trained network looks at, how sure it is, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgkit import aami, metrics
from ecgkit.calibration import Reliability
from ecgkit.heartbeats import AFTER, BEFORE
from ecgkit.plots.beats import WINDOW
from ecgkit.plots.ecg import ecg_paper
from ecgkit.plots.style import TRACE, WIDTH_IN, finish

_FOR, _AGAINST = "#D55E00", "#0072B2"
_MARKERS = dict(zip(metrics.CLASSES, "osv^", strict=True))


class Place(NamedTuple):
    """A beat in its recording, for :func:`error_gallery`.

    Attributes
    ----------
    signal
        Shape (samples,), one lead, in mV.
    r_peaks
        Integer, shape (beats,): sample numbers.
    middle
        Sample number of the beat in the middle of the panel, one of ``r_peaks``.
    marks
        Row name -> one letter a beat; an empty letter is not drawn.
    """

    signal: NDArray[np.floating]
    r_peaks: NDArray[np.integer]
    middle: int
    marks: Mapping[str, ArrayLike]


def attributions(
    beats: Mapping[str, NDArray[np.floating]],
    methods: Mapping[str, NDArray[np.floating]],
    title: str,
    fs: float = 360.0,
    synthetic: bool = False,
) -> Figure:
    """Draw which samples of a beat speak for an answer and which against it.

    Parameters
    ----------
    beats
        Row name -> shape (n,), in mV, R peak at sample 90.
    methods
        Column name -> shape (rows, n): positive where a sample speaks for the answer. Each panel
        has a scale of its own: what differs within a beat is shown.
    title
        Said over the figure.
    fs
        Sampling rate in Hz.
    synthetic
        Mark the figure as computer-made.
    """
    figure, grid = plt.subplots(
        len(beats), len(methods), figsize=(WIDTH_IN, 1.75 * len(beats) + 1.3),
        sharex=True, sharey="row", squeeze=False, layout="constrained",
    )  # fmt: skip
    said = []
    for i, (row, beat) in enumerate(beats.items()):
        time_s = (np.arange(len(beat)) - BEFORE) / fs
        for axes, (method, values) in zip(grid[i], methods.items(), strict=True):
            share = values[i] / max(np.abs(values[i]).max(), 1e-12)
            ecg_paper(axes)
            axes.plot(time_s, beat, color=TRACE, linewidth=0.9)
            for side, color, marker in ((share, _FOR, "o"), (-share, _AGAINST, "s")):
                on = np.flatnonzero(side > 0.05)
                face = color if side is share else "none"
                axes.scatter(
                    time_s[on], beat[on], 45 * side[on], facecolor=face, edgecolor=color,
                    marker=marker, linewidth=0.8, zorder=3,
                )  # fmt: skip
            axes.xaxis.set_major_formatter(lambda x, _: f"{x:.1f}" if abs(x) < 0.3 else "")
            axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y == round(y) else "")
            peak = time_s[np.abs(share).argmax()]
            said.append(f"{row}, {method}: largest at {peak:+.2f} s")
            if i == 0:
                axes.set_title(method, size=11)
        grid[i, 0].set_ylabel(row, rotation=0, ha="right", va="center")
    for color, marker, face, what in (
        (_FOR, "o", _FOR, "speaks for the answer"),
        (_AGAINST, "s", "none", "speaks against it"),
    ):
        grid[0, 0].plot([], [], marker, color=color, markerfacecolor=face, label=what)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=11)
    middle = grid[-1, len(methods) // 2]
    middle.set_xlabel("time from the R peak (s); large squares 0.2 s by 0.5 mV")
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. Beats on ECG paper, a row each, with dots that are larger where a sample "
        f"weighs more, one column a method. {'; '.join(said)}."
    )
    return finish(figure, alt, synthetic)


def mean_attributions(
    classes: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
    title: str,
    value: str,
    fs: float = 360.0,
    synthetic: bool = False,
) -> Figure:
    """Draw the mean beat of each class, and over the same time what its samples weigh.

    Parameters
    ----------
    classes
        Class -> beats in mV and their attributions, both of shape (n, samples).
    title
        Said over the figure.
    value
        Name of the attribution.
    fs
        Sampling rate in Hz.
    synthetic
        Mark the figure as computer-made.
    """
    figure, grid = plt.subplots(
        2, len(classes), figsize=(WIDTH_IN, 4.2), sharex=True, sharey="row", squeeze=False,
        layout="constrained",
    )  # fmt: skip
    said = []
    for (top, bottom), (name, (beats, weights)) in zip(grid.T, classes.items(), strict=True):
        time_s = (np.arange(beats.shape[1]) - BEFORE) / fs
        ecg_paper(top)
        top.plot(time_s, beats.mean(axis=0), color=aami.COLORS[name], linewidth=1.6)
        top.set_title(f"{name}: {len(beats)} beats", size=11)
        low, middle, high = np.percentile(weights, [25, 50, 75], axis=0)
        bottom.axhline(0, color=TRACE, linewidth=0.8)
        bottom.fill_between(time_s, low, high, color=aami.COLORS[name], alpha=0.3, linewidth=0)
        bottom.plot(time_s, middle, color=aami.COLORS[name], linewidth=1.6)
        bottom.set_xticks([-0.2, 0, 0.2])
        top.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y == round(y) else "")
        sns.despine(ax=bottom)
        said.append(f"{name} highest at {time_s[middle.argmax()]:+.2f} s")
    grid[0, 0].set_ylabel("mean (mV)")
    grid[1, 0].set_ylabel(value)
    figure.supxlabel("time from the R peak (s)", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. Above the mean beat of each class, below the {value} of its samples, median and "
        f"middle half: {', '.join(said)}."
    )
    return finish(figure, alt, synthetic)


def gate_map(gates: Mapping[str, ArrayLike], title: str, synthetic: bool = False) -> Figure:
    """Draw the mean gate of each channel, a row for each class, channels in order of the first.

    Parameters
    ----------
    gates
        Class -> gates between 0 and 1, shape (n, channels).
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    mean = np.array([np.asarray(values, dtype=float).mean(axis=0) for values in gates.values()])
    mean = mean[:, np.argsort(mean[0], kind="stable")]
    figure, axes = plt.subplots(
        figsize=(WIDTH_IN, max(0.42 * len(mean) + 1.6, 3.0)), layout="constrained"
    )
    image = axes.imshow(
        mean, aspect="auto", interpolation="nearest", cmap="cividis", vmin=0, vmax=1
    )
    axes.set_yticks(range(len(gates)), list(gates))
    axes.set_ylabel("class")
    axes.set_xlabel(f"channels, in the order of their mean gate for {next(iter(gates))}")
    figure.colorbar(image, ax=axes, label="mean gate")
    axes.set_title(title, loc="left")
    said = [
        f"{name} {row.min():.2f} to {row.max():.2f}, mean {row.mean():.2f}"
        for name, row in zip(gates, mean, strict=True)
    ]
    return finish(figure, f"{title}. A map of mean gates: {'; '.join(said)}.", synthetic)


def embedding(
    places: Mapping[str, ArrayLike],
    labels: NDArray[np.integer],
    title: str,
    axis: str,
    synthetic: bool = False,
) -> Figure:
    """Draw beats as points in the plane, with colour and marker of their class.

    Parameters
    ----------
    places
        Panel -> shape (n, 2).
    labels
        Integer, shape (n,): class number of each beat.
    title
        Said over the figure.
    axis
        Name of the axes, to which a number is added.
    synthetic
        Mark the figure as computer-made.
    """
    figure, panels = plt.subplots(
        1, len(places), figsize=(WIDTH_IN, 3.3), squeeze=False, layout="constrained"
    )
    for axes, (name, points) in zip(panels[0], places.items(), strict=True):
        xy = np.asarray(points, dtype=float)
        for c, letter in enumerate(metrics.CLASSES):
            mine = labels == c
            axes.scatter(
                *xy[mine].T, 9, marker=_MARKERS[letter], color=aami.COLORS[letter], alpha=0.55,
                linewidth=0, label=letter,
            )  # fmt: skip
        axes.set(title=name, xticks=[], yticks=[], xlabel=f"{axis} 1")
        sns.despine(ax=axes)
    panels[0, 0].set_ylabel(f"{axis} 2")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=4, frameon=False, markerscale=2.5
    )
    figure.suptitle(title, x=0.01, ha="left")
    counts = ", ".join(f"{k} {(labels == c).sum()}" for c, k in enumerate(metrics.CLASSES))
    alt = (
        f"{title}. Clouds of points, one a beat ({counts}), over {axis} 1 and 2, in panels "
        f"{', '.join(places)}."
    )
    return finish(figure, alt, synthetic)


def reliability_diagram(
    found: Mapping[str, Reliability], title: str, synthetic: bool = False
) -> Figure:
    """Draw accuracy over confidence, and under it how many beats have that confidence.

    Parameters
    ----------
    found
        Panel -> from :func:`ecgkit.calibration.reliability`.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, grid = plt.subplots(
        2, len(found), figsize=(WIDTH_IN, 4.8), sharex=True, sharey="row", squeeze=False,
        gridspec_kw={"height_ratios": [2.4, 1]}, layout="constrained",
    )  # fmt: skip
    said = []
    for (top, bottom), (name, bins) in zip(grid.T, found.items(), strict=True):
        top.plot([0, 1], [0, 1], ":", color=TRACE, label="as it should be")
        top.plot(bins.confidence, bins.accuracy, "o-", color=_AGAINST, ms=5, label="beats of a bin")
        top.set(xlim=(0, 1), ylim=(0, 1.02))
        top.set_title(f"{name}: ECE {100 * bins.ece:.2f} %", loc="left", size=11)
        width = np.diff(bins.edges)
        bottom.bar(bins.edges[:-1], bins.counts, 0.92 * width, align="edge", color=_AGAINST)
        bottom.set_yscale("symlog", linthresh=1)
        bottom.set_ylim(0)
        bottom.minorticks_off()
        sns.despine(ax=top)
        sns.despine(ax=bottom)
        full = bins.counts > 0
        gap = (bins.accuracy - bins.confidence)[full]
        said.append(
            f"{name}: ECE {100 * bins.ece:.2f} %, accuracy less confidence from {gap.min():+.2f} "
            f"to {gap.max():+.2f}"
        )
    grid[0, 0].set_ylabel("accuracy")
    grid[0, 0].legend(frameon=False, fontsize=10)
    grid[1, 0].set_ylabel("beats (log)")
    figure.supxlabel("confidence: probability of the answer", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. Above accuracy over confidence beside the diagonal, below the number of beats. "
        f"{'; '.join(said)}."
    )
    return finish(figure, alt, synthetic)


def error_gallery(
    places: Mapping[str, Place],
    title: str,
    fs: float = 360.0,
    reach_s: float = 1.3,
    synthetic: bool = False,
) -> Figure:
    """Draw beats among their neighbours on ECG paper, with letters over each.

    Parameters
    ----------
    places
        Panel's title -> :class:`Place`.
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
        len(places), 1, figsize=(WIDTH_IN, 1.9 * len(places) + 0.7), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    said = []
    for axes, (name, place) in zip(panels[:, 0], places.items(), strict=True):
        a = max(place.middle - round(reach_s * fs), 0)
        b = min(place.middle + round(reach_s * fs), len(place.signal))
        ecg_paper(axes)
        axes.axvspan(-BEFORE / fs, AFTER / fs, color=WINDOW, alpha=0.3, linewidth=0)
        part = np.asarray(place.signal[a:b])
        axes.plot((np.arange(a, b) - place.middle) / fs, part, color=TRACE, linewidth=1.1)
        low, high = part.min(), part.max()
        axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
        axes.set_xlim(-reach_s, reach_s)
        seen = np.flatnonzero((place.r_peaks >= a) & (place.r_peaks < b))
        words = _letters(axes, place, seen, fs, reach_s)
        axes.text(
            0, 1.06 + 0.15 * len(place.marks), name, transform=axes.transAxes, size=11,
            weight="bold",
        )  # fmt: skip
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.1f}" if round(5 * x) % 5 == 0 else "")
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y == round(y) else "")
        said.append(f"{name}, {'; '.join(words)}")
    panels[-1, 0].set_xlabel("time from the R peak (s)")
    figure.supylabel("MLII (mV)", size=12)
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. ECG on ECG paper, one panel a beat, its window of half a second shaded, letters "
        f"over the beats in order. {' | '.join(said)}."
    )
    return finish(figure, alt, synthetic)


def _letters(
    axes: plt.Axes, place: Place, seen: Sequence[int] | NDArray[np.integer], fs: float, reach: float
) -> list[str]:
    """Write the rows of letters over a panel, and return them in words."""
    words = []
    for row, (who, given) in enumerate(reversed(list(place.marks.items()))):
        letters = np.asarray(given, dtype=str)
        y = 1.04 + 0.15 * row
        axes.text(-0.01, y, who, transform=axes.transAxes, ha="right", size=9)
        for i in seen:
            at = ((place.r_peaks[i] - place.middle) / fs + reach) / (2 * reach)
            color = aami.COLORS.get(letters[i], TRACE)
            bold = "bold" if place.r_peaks[i] == place.middle else "normal"
            axes.text(
                at, y, letters[i], transform=axes.transAxes, ha="center", color=color,
                weight=bold, size=11,
            )  # fmt: skip
        words.append(f"{who} {' '.join(letters[i] or '-' for i in seen)}")
    return words[::-1]
