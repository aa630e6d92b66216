"""The checks behind the book's exercises, and the stamp that closes a page.

``check("01.2", answer)`` says *Right*, or names the mistake it recognises. The checks of a page
stand in the module of its number. Nothing here is needed to use the library.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ecgkit import InputError, experiments, records
from ecgkit.records import Source

PAGES = {
    "00": "quickstart",
    "01": "data",
    "02": "denoising",
    "03": "heartbeats",
    "04": "augmentation",
    "05": "tcn",
    "06": "resnet",
    "07": "resnet_tcn",
    "08": "training",
    "09": "evaluation",
    "10": "ablation",
    "11": "new_patients",
    "12": "inside",
    "13": "bedside",
}
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
        return f"{'✓ **Right.**' if self.right else '✗ **Not yet.**'} {self.text}"

    def __repr__(self) -> str:
        """Show the verdict elsewhere."""
        return f"{'Right.' if self.right else 'Not yet.'} {self.text}"


def close(answer: Any, value: Any, within: float = 5e-4) -> bool:
    """Whether one number, or each of several, is right to what a reader writes down of it."""
    return bool(np.allclose(np.asarray(answer, dtype=float), value, rtol=0, atol=within))


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


def show_code(thing: Any) -> None:
    """Display the source of a function or class of the library, its docstrings left out.

    Parameters
    ----------
    thing
        The function or class; the prose around it stands in for the docstrings.
    """
    source = textwrap.dedent(inspect.getsource(thing))
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            text = node.body[0]
            end = text.end_lineno or text.lineno
            blank = end < len(lines) and not lines[end].strip()
            for number in range(text.lineno - 1, end + blank):
                lines[number] = "\0"
    code = "\n".join(line for line in lines if line != "\0")
    _display(f"```python\n{code}\n```")


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
    _source: Source | None = None

    def uses(self, source: Source) -> None:
        """Note the page's data; where they are synthetic, say so in a banner."""
        self._source = source
        if source.is_synthetic:
            _display(f"> ⚠️ **{records.SYNTHETIC_BANNER}**")

    def stamp(self, key_figure: str) -> None:
        """Close the page: say on what data and machine its figures were made.

        Parameters
        ----------
        key_figure
            The one figure a reader would compare, in words.

        Raises
        ------
        InputError
            If the page has not said which data it uses.
        """
        if self._source is None:
            raise InputError("Say which data the page uses with page.uses(source), then stamp it.")
        device = experiments.describe_device(
            torch.device("cuda" if torch.cuda.is_available() else "cpu")
        )
        record = {
            "page": self.name,
            "source": self._source.name,
            "fingerprint": self._source.fingerprint,
            "profile": profile(),
            "device": device,
            "versions": experiments.versions(),
            "seconds": round(time.perf_counter() - self._start, 1),
            "key_figure": key_figure,
        }
        synthetic = self._source.is_synthetic
        data = "**synthetic records, no patient**" if synthetic else "MIT-BIH 1.0.0"
        versions = ", ".join(f"{name} {number}" for name, number in experiments.versions().items())
        _display(
            f"**{key_figure}**\n\n"
            f"Data: {data} (fingerprint `{self._source.fingerprint}`). Device: {device}. "
            f"Profile: {profile()}. {record['seconds']} s. Versions: {versions}.",
            {"application/vnd.ecgkit.stamp+json": record},
        )


def _display(text: str, data: dict[str, Any] | None = None) -> None:
    """Display Markdown in a notebook, with data beside it for the notebook runner."""
    from IPython.display import display  # a notebook has it; the library needs it only here

    display({"text/markdown": text, "text/plain": text, **(data or {})}, raw=True)
