"""Signals: on ECG paper, split into wavelet bands, and over frequency."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from ecgkit.plots.ecg import ecg_paper
from ecgkit.plots.style import TRACE, WIDTH_IN, finish

LINES = ((TRACE, "-"), ("#D55E00", "--"), ("#0072B2", "-."), ("#009E73", ":"))
"""Colour and line style of the first, second, ... line of a panel."""

Array = NDArray[np.floating]


def paper_panels(
    panels: Mapping[str, Mapping[str, Array]],
    fs: float,
    title: str,
    seen: str,
    synthetic: bool = False,
) -> Figure:
    """Draw stretches of ECG under each other on ECG paper, all to one scale.

    Parameters
    ----------
    panels
        Name of a panel -> name of a line -> shape (samples,), in mV. All lines are equally long,
        and a panel holds at most four.
    fs
        Sampling rate in Hz.
    title
        Said over the figure.
    seen
        A sentence for the alt text: what a reader sees in the lines.
    synthetic
        Mark the figure as computer-made.
    """
    figure, rows = plt.subplots(
        len(panels),
        1,
        figsize=(WIDTH_IN, 2.2 * len(panels) + 0.9),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (name, lines) in zip(rows[:, 0], panels.items(), strict=True):
        ecg_paper(axes)
        for (line, signal), (color, style) in zip(lines.items(), LINES, strict=False):
            time_s = np.arange(len(signal)) / fs
            axes.plot(time_s, signal, style, color=color, linewidth=1.2, label=line)
            axes.set_xlim(0, len(signal) / fs)
        axes.set_title(name, loc="left")
        if len(lines) > 1:
            axes.legend(loc="upper right", fontsize=10, framealpha=0.9)
        every = 1 if time_s[-1] > 2.5 else 0.2  # a label at each large square, or at each second
        axes.xaxis.set_major_formatter(
            lambda x, _, every=every: f"{x:g}" if abs(x / every - round(x / every)) < 1e-6 else ""
        )
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    figure.supylabel("mV", size=12)
    rows[-1, 0].set_xlabel("time (s)")
    figure.suptitle(title, x=0.01, ha="left")
    names = "; ".join(f"{name}: {', '.join(lines)}" for name, lines in panels.items())
    return finish(figure, f"{title}. ECG paper, {names}. {seen}", synthetic)


def band_signals(
    split: Mapping[str, Array], fs: float, title: str, synthetic: bool = False
) -> Figure:
    """Draw the bands of a stretch of signal, each to its own scale, lowest frequency on top.

    Parameters
    ----------
    split
        Band -> shape (samples,), in mV, as :func:`ecgkit.denoising.bands` gives them.
    fs
        Sampling rate in Hz.
    title
        Said over the figure.
    synthetic
        Mark it as computer-made.
    """
    figure, rows = plt.subplots(
        len(split),
        1,
        figsize=(WIDTH_IN, max(0.72 * len(split) + 0.9, 3.0)),
        sharex=True,
        layout="constrained",
    )
    said = []
    for axes, (name, band) in zip(rows, split.items(), strict=True):
        axes.plot(np.arange(len(band)) / fs, band, color=TRACE, linewidth=0.9)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        height = f"{np.ptp(band):.2f} mV"
        axes.text(1.01, 0.5, height, transform=axes.transAxes, va="center", size=10)
        axes.set_yticks([])
        sns.despine(ax=axes, left=True)
        said.append(f"{name} {height}")
    rows[-1].set_xlim(0, len(band) / fs)
    rows[-1].set_xlabel("time (s); on the right, from lowest to highest point")
    figure.suptitle(title, x=0.01, ha="left")
    alt = (
        f"{title}. A panel for each band, heights from lowest to highest point: {', '.join(said)}."
    )
    return finish(figure, alt, synthetic)


def band_responses(
    hz: Array, shares: Mapping[str, Array], title: str, synthetic: bool = False
) -> Figure:
    """Draw the share of a tone's power that each band gets, over the tone's frequency.

    Parameters
    ----------
    hz
        Shape (n,), rising, in Hz.
    shares
        Band -> shape (n,), between 0 and 1.
    title
        Said over the figure.
    synthetic
        Mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.6), layout="constrained")
    said = []
    for i, (name, share) in enumerate(shares.items()):
        color, style = LINES[i % len(LINES)]
        half = hz[share >= 0.5]
        axes.plot(hz, share, style, color=color, linewidth=1.6)
        middle = np.sqrt(half[0] * half[-1])
        axes.text(middle, 1.03, name, color=color, ha="center", size=11)
        said.append(f"{name} {half[0]:.3g} to {half[-1]:.3g} Hz")
    _frequency_axis(figure, hz)
    axes.set_ylim(0, 1.15)
    axes.set_ylabel("share of the tone's power")
    figure.suptitle(title, x=0.01, ha="left")
    alt = f"{title}. A hump for each band, each overlapping its neighbours; above one half: "
    return finish(figure, f"{alt}{', '.join(said)}.", synthetic)


def over_frequency(
    hz: Array,
    curves: Mapping[str, Array],
    title: str,
    y_name: str,
    seen: str,
    marks: Mapping[str, float],
    synthetic: bool = False,
) -> Figure:
    """Draw curves over frequency: power spectra, or what filters let through.

    Parameters
    ----------
    hz
        Shape (n,), above 0 and rising, in Hz.
    curves
        Name -> shape (n,), in dB or whatever ``y_name`` says.
    title
        Said over the figure.
    y_name
        Name and unit of the vertical axis.
    seen
        A sentence for the alt text: what a reader sees in the curves.
    marks
        What is said at a vertical line -> its frequency in Hz.
    synthetic
        Mark the figure as computer-made.
    """
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 4.0), layout="constrained")
    for (name, curve), (color, style) in zip(curves.items(), LINES, strict=False):
        axes.plot(hz, curve, style, color=color, linewidth=1.5, label=name)
    for said, at in marks.items():
        axes.axvline(at, color="#777777", linewidth=1, linestyle=(0, (1, 2)))
        axes.text(
            at, 1.02, said, transform=axes.get_xaxis_transform(), rotation=40, ha="left", size=9
        )
    if len(curves) > 1:
        axes.legend(fontsize=10, framealpha=0.9)
    axes.grid(alpha=0.3)
    _frequency_axis(figure, hz)
    axes.set_ylabel(y_name)
    figure.suptitle(title, x=0.01, ha="left")
    lines = ", ".join(f"{said} at {at:.3g} Hz" for said, at in marks.items())
    alt = f"{title}. {y_name} of {', '.join(curves)}; marked: {lines}. {seen}"
    return finish(figure, alt, synthetic)


def _frequency_axis(figure: Figure, hz: Array) -> None:
    """Give the figure's one axes a logarithmic frequency axis with plain numbers."""
    (axes,) = figure.axes
    axes.set_xscale("log")
    axes.set_xlim(hz[0], hz[-1])
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if hz[0] <= tick <= hz[-1]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_xlabel("frequency (Hz), logarithmic")
    sns.despine(figure)
