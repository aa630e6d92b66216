"""What all figures share: size, title, alt text, the mark of synthetic data, display and saving."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import PIL.Image  # a dependency of Matplotlib
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgkit import InputError, files

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
