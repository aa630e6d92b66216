"""What all figures share: size, alt text, the mark of synthetic data, and how they are shown."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.pyplot as plt
import PIL.Image  # Matplotlib brings it
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ecgkit import InputError, files

DPI = 100
WIDTH_IN = 7.0
"""Of every figure: as wide as the book's column, and still legible on a telephone."""

plt.rcParams.update({"font.size": 12, "axes.titlesize": 12, "figure.titlesize": 12})

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
    full, png = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    plt.close(figure)
    # 256 colours of the figure's own choice: a third of the bytes, and no eye sees the difference.
    palette = PIL.Image.open(full).convert("RGB").quantize(256, dither=PIL.Image.Dither.NONE)
    palette.save(png, format="png", optimize=True)
    display(Image(png.getvalue(), alt=alt))


def save(figure: Figure, path: Path) -> str:
    """Write a figure to a PNG file that carries its alt text, close it, and return that text."""
    alt = str(figure.get_label())
    with files.whole(path) as draft:
        about = {"Software": None, "Description": alt}
        figure.savefig(draft, format="png", dpi=DPI, facecolor="white", metadata=about)
    plt.close(figure)
    return alt


def finish(figure: Figure, alt: str, synthetic: bool) -> Figure:
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
