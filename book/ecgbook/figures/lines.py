"""Lines over a common x, stretches of ECG, wavelet bands, and how values are distributed."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from ecgbook.figures.beats import Signal
from ecgbook.figures.palette import COLORS, LINE_STYLES, MARKERS
from ecgkit.data import aami
from ecgkit.plots import TRACE, ecg_paper, finish, panel_grid

Lines = Mapping[str, ArrayLike]
Signals = Mapping[str, Signal]


def line_panels(
    panels: Mapping[str, Lines],
    x: ArrayLike,
    x_label: str,
    y_label: str,
    title: str,
    *,
    log: str = "",
    seen: str = "",
    synthetic: bool = False,
) -> Figure:
    """Draw lines over a common ``x``, one panel beside the other.

    ``panels`` maps the title of a panel, which may be empty, to its lines; more than four are named
    above their peaks instead of in a legend. ``log`` names the logarithmic axes, "", "x", "y" or
    "xy"; on a logarithmic y, values of zero or less are left out.
    """
    at = np.asarray(x, dtype=float)
    figure, grid = panel_grid(3.8, columns=len(panels), sharey=True)
    said = []
    for axes, (name, lines) in zip(grid[0], panels.items(), strict=True):
        _draw_panel(axes, at, lines, log)
        axes.set_title(name, loc="left")
        said.append(f"{name or y_label}: {', '.join(lines)}")
    grid[0, 0].set_ylabel(y_label)
    figure.supxlabel(x_label + " (logarithmic)" * ("x" in log), size=12)
    sns.despine(figure)
    alt = f"Lines of {y_label} over {x_label}. {'; '.join(said)}. {seen}"
    return finish(figure, title, alt, synthetic)


def _draw_panel(axes: Axes, x: NDArray[np.floating], lines: Lines, log: str) -> None:
    """Draw and name lines, with markers where points are few; plain numbers at the ticks of x."""
    looks = itertools.cycle(zip(COLORS, LINE_STYLES, MARKERS, strict=False))
    direct = len(lines) > len(LINE_STYLES)
    for (name, values), (color, style, marker) in zip(lines.items(), looks, strict=False):
        y = np.asarray(values, dtype=float)
        y = np.where(y > 0, y, np.nan) if "y" in log else y
        color, marker = aami.COLORS.get(name, color), marker if len(x) <= 25 else ""
        axes.plot(x, y, style, color=color, marker=marker, markersize=5, label=name)
        if direct:
            high = x[y >= np.nanmax(y) / 2]
            middle = np.sqrt(high[0] * high[-1]) if "x" in log else (high[0] + high[-1]) / 2
            above: Any = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
            axes.annotate(name, (middle, np.nanmax(y)), color=color, size=10, **above)
    if len(lines) > 1 and not direct:
        axes.legend(frameon=False, fontsize=10)
    if "y" in log:
        axes.set_yscale("log")
    if "x" in log:
        axes.set_xscale("log")
        subs = (1, 2, 5) if np.log10(x.max() / x.min()) < 4 else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if len(x) <= 8:
        axes.set_xticks(x, [f"{value:g}" for value in x])
    elif len(x) > 25:
        axes.set_xlim(x.min(), x.max())


def ecg_panels(
    panels: Mapping[str, Signals], fs: float, title: str, *, seen: str = "", synthetic: bool = False
) -> Figure:
    """Draw stretches of ECG below each other on ECG paper, all to one scale.

    ``panels`` maps panels' titles to up to four signals of one length by name, in mV at ``fs`` Hz.
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


def band_signals(bands: Signals, fs: float, title: str, *, synthetic: bool = False) -> Figure:
    """Draw the wavelet bands of a signal, each to its own scale, lowest frequency on top.

    ``bands`` maps their names to signals in mV; ``fs`` is in Hz.
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


def steepness_panels(
    x: Signal,
    steepness: Signal,
    marks: Mapping[str, NDArray[np.int64]],
    start: int,
    title: str,
    *,
    synthetic: bool = False,
) -> Figure:
    """Draw six seconds of a lead at 360 Hz from sample ``start`` on, and its steepness below it.

    ``marks`` maps two texts to samples: those marked on the lead, then those on the steepness.
    """
    figure, panels = panel_grid(4.6, 2, sharex=True)
    ecg_paper(panels[0, 0])
    shown, seen = np.arange(start, start + 6 * 360), []
    rows = zip(panels[:, 0], (x, steepness), marks.items(), ("v", "o"), strict=True)
    for axes, values, (name, samples), marker in rows:
        axes.plot(shown / 360, values[shown], color=TRACE, linewidth=1.1)
        at = samples[(samples >= start) & (samples <= shown[-1])]
        axes.plot(at / 360, values[at], marker, color=COLORS[1], markersize=6, label=name)
        axes.legend(loc="upper right", fontsize=10)
        seen.append(f"{len(at)} {name}")
    panels[0, 0].set_ylabel("MLII (mV)")
    panels[1, 0].set(ylabel="steepness\n(µV per sample)", xlabel="time (s)", ylim=0)
    return finish(figure, title, f"A lead and its steepness; {', '.join(seen)}.", synthetic)
