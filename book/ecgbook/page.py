"""The frame of a page: its data, its exercises, and the stamp that closes it."""

import importlib.util
import os
import re
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from ecgkit import InputError
from ecgkit.data.sources import DATABASES, SYNTHETIC_BANNER, Source
from ecgkit.train.device import describe_device, versions

NUMBER = re.compile(r"(?<!\w)[-−]?\d[\d,]*(\.\d+)?")  # the 1 of "F1" is none


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and one or two sentences for the reader."""

    right: bool
    text: str

    def _repr_markdown_(self) -> str:
        return f"{'✓ **Right.**' if self.right else '✗ **Not yet.**'} {self.text}"

    def __repr__(self) -> str:
        return f"{'Right.' if self.right else 'Not yet.'} {self.text}"


right, wrong = partial(Verdict, True), partial(Verdict, False)
"""Verdicts on a right answer, and on a wrong one: what is wrong, without the solution."""


class NothingReturnedError(Exception):
    """A function of the reader is still a stub."""


def check(exercise: str, answer: Any) -> Verdict:
    """Check the answer to an exercise, given by page and number; ``...`` is the untouched stub.

    >>> check("00.1", ...)
    Not yet. Put your answer where the three dots are.
    """
    page, _, number = exercise.partition(".")
    module = f"ecgbook.exercises.p{page}"
    if not page.isdigit() or importlib.util.find_spec(module) is None:
        raise InputError(f"There is no page {page!r} with exercises: use a number such as '01.2'.")
    checks = importlib.import_module(module).CHECKS
    if number not in checks:
        raise InputError(f"Page {page} has the exercises {', '.join(checks)}, not {number!r}.")
    if answer is ...:
        return wrong("Put your answer where the three dots are.")
    try:
        return checks[number](answer)
    except NothingReturnedError:
        return wrong("The function returns nothing yet.")
    except Exception as error:  # an answer may be any object
        reason = f"{type(error).__name__}: {error}"
        return wrong(f"The answer could not be checked ({reason}). Is it what is asked for?")


def profile() -> str:
    """Return how much a page should compute: ``"quick"`` or ``"full"``.

    The variable ``ECGKIT_PROFILE`` decides. Without it, a machine with a CUDA GPU runs in full.
    """
    name = os.environ.get("ECGKIT_PROFILE") or ("full" if torch.cuda.is_available() else "quick")
    if name not in ("quick", "full"):
        raise InputError(f"ECGKIT_PROFILE is {name!r}: set it to quick or full, or unset it.")
    return name


@dataclass
class Page:
    """A running page of the book, from its first cell to its stamp."""

    name: str  # of the notebook's file, without extension
    _start: float = field(default_factory=time.perf_counter, repr=False)
    _source: Source | None = field(default=None, repr=False)
    _statements: list[tuple[str, float, float]] = field(default_factory=list, repr=False)

    def uses(self, source: Source) -> None:
        """Record the page's data; display a banner if they are synthetic."""
        self._source = source
        if source.is_synthetic:
            _display(f"> ⚠️ **{SYNTHETIC_BANNER}**")

    def states(self, text: str, value: ArrayLike, within: ArrayLike) -> None:
        """Tie a number in the page's text, such as ``"98.4 %"``, to the value that it rests on.

        Several values are those of the text's first numbers, in order. A page is stored, and a
        test passes, only if the text stands in it and its numbers differ from the values by at
        most ``within``. A reader's own run is free to differ.
        """
        pairs = np.broadcast(np.ravel(value), within)
        starts = [found.start() for found in NUMBER.finditer(text)]
        if len(starts) < pairs.size:
            raise InputError(f"{text!r} has {len(starts)} numbers for {pairs.size} values.")
        for start, (each, limit) in zip([0, *starts[1:]], pairs, strict=False):
            self._statements.append((text[start:], float(each), float(limit)))

    def stamp(self, key_figure: str) -> None:
        """Close the page: display its key figure, its data and the machine it ran on."""
        if self._source is None:
            raise InputError("The page has no data: call page.uses(source) before page.stamp().")
        device = describe_device(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        record = {
            "page": self.name,
            "source": self._source.name,
            "fingerprint": self._source.fingerprint,
            "profile": profile(),
            "device": device,
            "versions": versions(),
            "seconds": round(time.perf_counter() - self._start, 1),
            "key_figure": key_figure,
            "statements": self._statements,
        }
        data = "**synthetic records, no patient**"
        if database := DATABASES.get(self._source.name):
            data = f"{database.title} {database.version}"
        numbers = ", ".join(f"{name} {number}" for name, number in versions().items())
        _display(
            f"**{key_figure}**\n\n"
            f"Data: {data} (fingerprint `{self._source.fingerprint}`). Device: {device}. "
            f"Profile: {profile()}. {record['seconds']} s. Versions: {numbers}.",
            {"application/vnd.ecgkit.stamp+json": record},
        )


def _display(text: str, data: dict[str, Any] | None = None) -> None:
    """Display Markdown in a notebook, with data beside it for the notebook runner."""
    from IPython.display import display  # only a notebook needs it

    display({"text/markdown": text, "text/plain": text, **(data or {})}, raw=True)
