"""Stretches of ECG on ECG paper, and their wavelet bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgbook.figures.palette import COLORS, LINE_STYLES
from ecgkit.plots.ecg import ecg_paper
from ecgkit.plots.style import TRACE, finish, panel_grid

Signal = NDArray[np.floating]


def ecg_panels(
    panels: Mapping[str, Mapping[str, Signal]],
    fs: float,
    title: str,
    *,
    seen: str = "",
    synthetic: bool = False,
) -> Figure:
    """Draw stretches of ECG below each other on ECG paper, all to one scale.

    Parameters
    ----------
    panels : dict of str to dict of str to array, shape (samples,)
        Title of a panel -> name of a line -> signal in mV; at most four equally long ones per panel.
    fs : float
        Sampling rate in Hz.
    """
    figure, rows = panel_grid(2.2 * len(panels) + 0.9, len(panels), sharex=True, sharey=True)
    for axes, (name, lines) in zip(rows[:, 0], panels.items(), strict=True):
        looks = zip((TRACE, COLORS[3], COLORS[0], COLORS[2]), LINE_STYLES, strict=True)
        for (line, signal), (color, style) in zip(lines.items(), looks, strict=False):
            time_s = np.arange(len(signal)) / fs
            axes.plot(time_s, signal, style, color=color, linewidth=1.2, label=line)
            axes.set_xlim(0, len(signal) / fs)
        ecg_paper(axes, label_every=(1 if time_s[-1] > 2.5 else 0.2, 0.5))
        axes.set_title(name, loc="left")
        if len(lines) > 1:
            axes.legend(loc="upper right", fontsize=10, framealpha=0.9)
    figure.supylabel("mV", size=12)
    rows[-1, 0].set_xlabel("time (s)")
    names = "; ".join(f"{name}: {', '.join(lines)}" for name, lines in panels.items())
    return finish(figure, title, f"ECG on ECG paper, {names}. {seen}", synthetic)


def band_signals(
    bands: Mapping[str, Signal], fs: float, title: str, *, synthetic: bool = False
) -> Figure:
    """Draw the wavelet bands of a signal, each to its own scale, lowest frequency on top.

    Parameters
    ----------
    bands, fs : dict of str to array, shape (samples,), and float
        Result of :func:`ecgkit.data.denoising.bands`, in mV; sampling rate in Hz.
    """
    figure, rows = panel_grid(max(0.72 * len(bands) + 0.9, 3.0), len(bands), sharex=True)
    seen = []
    for axes, (name, band) in zip(rows[:, 0], bands.items(), strict=True):
        axes.plot(np.arange(len(band)) / fs, band, color=TRACE, linewidth=0.9)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        height = f"{np.ptp(band):.2f} mV"
        axes.text(1.01, 0.5, height, transform=axes.transAxes, va="center", size=10)
        axes.set(yticks=[], xlim=(0, len(band) / fs))
        seen.append(f"{name} {height}")
    rows[-1, 0].set_xlabel("time (s); on the right, peak to peak")
    sns.despine(figure, left=True)
    return finish(figure, title, f"Bands, peak to peak: {', '.join(seen)}.", synthetic)
