"""The checks behind the book's exercises, and the stamp that closes a page.

``check("01.2", answer)`` says *Right*, or names the mistake it recognises. The checks of a page
stand in the module of its number. Nothing here is needed to use the library.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from ecgkit import InputError, experiments

PAGES = {"00": "quickstart", "01": "data"}
"""Page number -> module of its checks."""


@dataclass(frozen=True)
class Verdict:
    """What a check says of an answer.

    Attributes
    ----------
    right
        Whether the answer is right.
    text
        One or two sentences for the reader.
    """

    right: bool
    text: str

    def _repr_markdown_(self) -> str:
        """Show the verdict in a notebook."""
        return f"{'✅ **Right.**' if self.right else '❌ **Not yet.**'} {self.text}"

    def __str__(self) -> str:
        """Show the verdict elsewhere."""
        return f"{'Right.' if self.right else 'Not yet.'} {self.text}"


def right(text: str) -> Verdict:
    """Say that an answer is right, and why it matters."""
    return Verdict(True, text)


def wrong(text: str) -> Verdict:
    """Say what is wrong with an answer, without giving the right one away."""
    return Verdict(False, text)


def check(exercise: str, answer: Any) -> Verdict:
    """Check the answer to an exercise.

    Parameters
    ----------
    exercise
        Page and number, such as ``"01.2"``.
    answer
        Whatever the exercise asks for; ``...`` is the untouched stub.

    Raises
    ------
    InputError
        If there is no such exercise.

    Examples
    --------
    >>> print(check("00.1", ...))
    Not yet. Put your answer where the three dots are.
    """
    page, _, number = exercise.partition(".")
    if page not in PAGES:
        raise InputError(f"There is no exercise {exercise!r}: pages are {', '.join(PAGES)}.")
    module = importlib.import_module(f"ecgkit.exercises.{PAGES[page]}")
    checks: dict[str, Callable[[Any], Verdict]] = module.CHECKS
    if number not in checks:
        raise InputError(f"Page {page} has the exercises {', '.join(checks)}, not {number!r}.")
    if answer is ...:
        return wrong("Put your answer where the three dots are.")
    try:
        return checks[number](answer)
    except Exception as error:  # an answer may be anything
        return wrong(
            f"The answer could not be checked ({type(error).__name__}: {error}). Is it what was "
            "asked for?"
        )


def profile() -> str:
    """Say how much a page should compute: ``"quick"`` or ``"full"``.

    ``ECGKIT_PROFILE`` decides; unset, a machine with a CUDA GPU runs in full.

    Raises
    ------
    InputError
        If the variable holds another word.
    """
    name = os.environ.get("ECGKIT_PROFILE") or ("full" if torch.cuda.is_available() else "quick")
    if name not in ("quick", "full"):
        raise InputError(f"ECGKIT_PROFILE is {name!r}: set it to quick or full, or unset it.")
    return name


@dataclass
class Page:
    """A page of the book being run, from its first cell to its stamp.

    Attributes
    ----------
    name
        File name of the notebook without extension.
    """

    name: str
    _start: float = field(default_factory=time.perf_counter)

    def stamp(self, source: str, fingerprint: str, key_figure: str) -> None:
        """Close the page: say on what data and machine its figures were made.

        Parameters
        ----------
        source, fingerprint
            Of the data; see :class:`ecgkit.records.Source`.
        key_figure
            The one figure a reader would compare, in words.
        """
        from IPython.display import display

        device = experiments.describe_device(
            torch.device("cuda" if torch.cuda.is_available() else "cpu")
        )
        record = {
            "page": self.name,
            "source": source,
            "fingerprint": fingerprint,
            "profile": profile(),
            "device": device,
            "versions": experiments.versions(),
            "seconds": round(time.perf_counter() - self._start, 1),
            "key_figure": key_figure,
        }
        data = "MIT-BIH 1.0.0" if source == "mitdb" else "**synthetic records, no patient**"
        versions = ", ".join(f"{name} {number}" for name, number in experiments.versions().items())
        text = (
            f"**{key_figure}**\n\n"
            f"Data: {data} (fingerprint `{fingerprint}`). Device: {device}. "
            f"Profile: {record['profile']}. {record['seconds']} s. Versions: {versions}."
        )
        bundle = {
            "application/vnd.ecgkit.stamp+json": record,
            "text/markdown": text,
            "text/plain": text,
        }
        display(bundle, raw=True)
