"""CSV files: how one is laid out, and one of its columns read piece by piece."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgkit import InputError

CHUNK = 65_536
"""Samples read at a time."""

_TIME = re.compile(r"(elapsed )?(time|sample|index|timestamp|seconds|t|s|ms)\b.*", re.I)
_NAME_AND_UNIT = re.compile(r"(.*?)(?:[\s_]+([muµμ]V)|\s*[\[(]([muµμ]?V)[\])])", re.I)


class Table(NamedTuple):
    """How a CSV file is laid out."""

    separator: str
    decimal: str
    header_lines: int
    names: list[str]  # of the columns, units taken off
    units: list[str]  # "" where none is said


def layout(path: Path) -> Table:
    """Find out how a CSV file is laid out from its first lines.

    Parameters
    ----------
    path
        A text file of numbers between commas, semicolons, tabs or blanks, with a point or a comma
        before the decimals. Up to two lines may stand above: names (``MLII (uV)`` tells the unit,
        too), then units.

    Raises
    ------
    InputError
        If the first lines are not of that kind, or several columns have no names.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            raw = [line for _ in range(20) if (line := file.readline(CHUNK))]
    except (OSError, ValueError) as error:
        _refuse(path, error)
    lines = [line.strip() for line in raw if line.strip()]
    separators = [mark for mark in ";\t," if lines and mark in lines[-1]]
    separator = r"\s+" if lines and len(lines[-1].split()) > 1 else ","
    separator = separators[0] if separators else separator
    rows = [re.split(separator, line) for line in lines]
    rows = [[cell.strip(" \"'") for cell in row] for row in rows]
    decimal = "," if separator != "," and rows and any("," in cell for cell in rows[-1]) else "."
    heads = list(itertools.takewhile(lambda r: not any(_is_number(c, decimal) for c in r), rows))
    if len(heads) == len(rows) or len(heads) > 2:
        raise InputError(f"{path} holds no ECG: there are no numbers in its first lines.")
    width = len(rows[-1])
    if width > 1 and not heads:
        raise InputError(
            f"{path} has {width} columns and no line that names them: write one at its top, such "
            "as time,MLII,V5."
        )
    if heads and {len(row) for row in heads} != {width}:
        raise InputError(f"{path} names {len(heads[0])} columns but has {width}: name each.")
    titles = heads[0] if heads else [""]
    found = [_NAME_AND_UNIT.fullmatch(title) for title in titles]
    names = [m[1] if m else title for m, title in zip(found, titles, strict=True)]
    said = [m[2] or m[3] if m else "" for m in found]
    if len(heads) == 2:  # as PhysioNet's tools write it: names, then units
        said = heads[1]
    skipped = raw.index(next(line for line in raw if line.strip() == lines[len(heads)]))
    return Table(separator, decimal, skipped, names, said)


def _is_number(cell: str, decimal: str) -> bool:
    """Say whether a cell holds a number, or the lack of one."""
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return True


def chunks(
    path: Path, table: Table, column: int, factor: float = 1.0
) -> Iterator[NDArray[np.float64]]:
    """Read a column, times ``factor``; arrays of shape (samples,), empty cells NaN.

    Raises
    ------
    InputError
        If a line below does not go on as the first lines began.
    """
    try:
        with pd.read_csv(
            path,
            sep=table.separator,
            decimal=table.decimal,
            skiprows=table.header_lines,
            header=None,
            dtype={column: np.float64},  # all are read, so that a line too long is noticed
            chunksize=CHUNK,
            skipinitialspace=True,
            encoding="utf-8-sig",
        ) as reader:
            for frame in reader:
                yield frame[column].to_numpy() * factor
    except (OSError, ValueError, LookupError, pd.errors.ParserError) as error:
        _refuse(path, error)


def _refuse(path: Path, error: Exception) -> NoReturn:
    found = " ".join(str(error).split())[:200]
    raise InputError(f"{path} is no table of numbers ({found}): correct it there.") from error


def is_time(name: str) -> bool:
    """Say whether a column is named as one of times or sample numbers.

    Examples
    --------
    >>> is_time("Time (s)"), is_time("sample #"), is_time("V5")
    (True, True, False)
    """
    return _TIME.fullmatch(name) is not None
