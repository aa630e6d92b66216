"""ECG on paper, and what all figures share.

Every function returns a Matplotlib figure whose label is its alt text; ``synthetic`` marks it as
one of synthetic records. Colours can be told apart by the colour-blind; each class has its letter.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image  # a dependency of Matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError, files
from ecgkit.data import aami

WIDTH_IN = 7.0  # of every figure: the book's column, still legible on a telephone
DPI = 200  # of the files: twice as many pixels as a page shows, for sharp screens
TRACE = "#1A1A1A"
SYNTHETIC_MARK = "SYNTHETIC RECORD - no patient"

plt.rcParams.update({"font.size": 12, "axes.titlesize": 12, "figure.titlesize": 12})


def panel_grid(
    height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, NDArray]:
    """Make ``rows`` by ``columns`` panels, ``height`` inches high and as wide as the column."""
    options = {"squeeze": False, "layout": "constrained", **options}
    return plt.subplots(rows, columns, figsize=(WIDTH_IN, height), **options)


def finish(figure: Figure, title: str, seen: str = "", synthetic: bool = False) -> Figure:
    """Add title, alt text (the title and what is ``seen``) and mark of synthetic data."""
    figure.suptitle(title, x=0.01, ha="left")
    alt = f"{title}. {seen}".replace("\n", " ").rstrip(". ") + "."
    if synthetic:
        figure.set_layout_engine("constrained", rect=(0, 0, 0.93, 1))  # the mark is at the right
        mark = figure.text(0.995, 0.5, SYNTHETIC_MARK, color="#B00020", size=10, weight="bold")
        mark.set(rotation=90, ha="right", va="center")
        alt = f"Synthetic data. {alt}"
    figure.set_label(alt)
    return figure


def show(figure: Figure) -> None:
    """Display a figure in a notebook as a PNG with its alt text, and close it."""
    from IPython.display import Image, display  # only notebooks have it

    alt = str(figure.get_label())
    if not alt:
        raise InputError("The figure has no alt text: describe it with figure.set_label(...).")
    full, png = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    plt.close(figure)
    # A palette takes a fourth of the bytes; the difference is not visible.
    palette = PIL.Image.open(full).convert("RGB").quantize(48, dither=PIL.Image.Dither.NONE)
    palette.save(png, format="png", optimize=True)
    display(Image(png.getvalue(), alt=alt, width=round(figure.get_figwidth() * DPI / 2)))


def save(figure: Figure, path: Path) -> str:
    """Write a figure to a PNG file that carries its alt text, close it, and return the text."""
    alt = str(figure.get_label())
    about = {"Software": None, "Description": alt}
    with files.atomic_write(path) as draft:
        figure.savefig(draft, format="png", dpi=DPI, facecolor="white", metadata=about)
    plt.close(figure)
    return alt


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
    n = min(map(len, signals.values()))
    if not 0 <= a < b <= n:
        raise InputError(f"{a / fs:g} to {b / fs:g} s is not within the recording's {n / fs:g} s.")
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
