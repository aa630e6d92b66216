"""CSV files and their relatives: one column of numbers per lead."""

from __future__ import annotations

import itertools
import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgkit import InputError
from ecgkit.apply.signal_file import BLOCK, Channel, Signal, SignalFile, unreadable

_TIME = re.compile(r"(elapsed )?(time|sample|index|timestamp|seconds|t|s|ms)\b.*", re.I)
_NAME_AND_UNIT = re.compile(r"(.*?)(?:[\s_]+([muµμ]V)|\s*[\[(]([muµμ]?V)[\])])", re.I)
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.I)


class _Layout(NamedTuple):
    separator: str
    decimal: str
    n_header_lines: int
    titles: list[str]  # one per column, "" without a header
    units: list[str]  # the second header line, "" without one


def read_csv(path: Path) -> SignalFile:
    """List the columns of a CSV file; InputError if its first lines are no table of numbers.

    Cells stand between commas, semicolons, tabs or blanks, decimals behind a point or a comma. Up
    to two lines stand above the numbers: names (``MLII (uV)`` states the unit, too), then units, as
    PhysioNet's tools write them. Columns named as times or sample numbers are not leads.
    """
    layout = _find_layout(path)
    channels = []
    for column, title in enumerate(layout.titles):
        found = _NAME_AND_UNIT.fullmatch(title)
        name, unit = (found[1], found[2] or found[3]) if found else (title, "")
        read = partial(_read_column, path, layout, column)
        channels.append(Channel(name, layout.units[column] or unit or None, None, read))
    leads = [channel for channel in channels if not _TIME.fullmatch(channel.lead)]
    return SignalFile(path.stem, leads or channels)


def _find_layout(path: Path) -> _Layout:
    try:
        with path.open(encoding="utf-8-sig") as file:
            raw = [line for _ in range(20) if (line := file.readline(65_536))]
    except (OSError, ValueError) as error:
        raise unreadable(path, "table of numbers", error) from error
    lines = [line.strip() for line in raw if line.strip()]
    if not lines:
        raise InputError(f"{path} is empty: there are no numbers in it.")
    # pandas' own sniffing splits a single column named MLII at its letters, and 0,5 at its comma.
    blank = r"\s+" if len(lines[-1].split()) > 1 else ","
    separator = next((mark for mark in ";\t," if mark in lines[-1]), blank)
    rows = [[cell.strip(" \"'") for cell in re.split(separator, line)] for line in lines]
    decimal = "," if separator != "," and any("," in cell for cell in rows[-1]) else "."
    head = list(itertools.takewhile(lambda row: not any(map(_NUMBER.fullmatch, row)), rows))
    width = len(rows[-1])
    if len(head) == len(rows) or len(head) > 2:
        raise InputError(f"{path} is not an ECG: there are no numbers in its first lines.")
    if not head and width > 1:
        raise InputError(
            f"{path} has {width} columns and no line that names them: write one at its top, such "
            "as time,MLII,V5."
        )
    if any(len(row) != width for row in head):
        raise InputError(f"{path} names {len(head[0])} columns but has {width}: name each column.")
    n_header_lines = raw.index(next(line for line in raw if line.strip() == lines[len(head)]))
    titles, units = [*head, [""] * width, [""] * width][:2]
    return _Layout(separator, decimal, n_header_lines, titles, units)


def _read_column(path: Path, layout: _Layout, column: int) -> Signal:
    """Read one column; empty cells are NaN."""
    try:
        with pd.read_csv(
            path,
            sep=layout.separator,
            decimal=layout.decimal,
            skiprows=layout.n_header_lines,
            header=None,
            dtype={column: np.float32},  # no usecols: it would accept a line with too many cells
            chunksize=BLOCK,  # the other columns of a day are not held
            low_memory=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        ) as reader:
            return np.concatenate([frame[column].to_numpy() for frame in reader])
    except (OSError, ValueError, LookupError, pd.errors.ParserError) as error:
        raise unreadable(path, "table of numbers", error) from error
