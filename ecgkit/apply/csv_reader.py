"""CSV files and their relatives: one column of numbers per lead."""

from __future__ import annotations

import itertools
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgkit import InputError
from ecgkit.apply.signal_file import BLOCK, Channel, Signal, unreadable

_TIME = re.compile(r"(elapsed )?(time|sample|index|timestamp|seconds|t|s|ms)\b.*", re.I)
_NAME_AND_UNIT = re.compile(r"(.*?)(?:[\s_]+([muµμ]V)|\s*[\[(]([muµμ]?V)[\])])", re.I)
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.I)


def read_csv(path: Path) -> list[Channel]:
    """List the columns of a CSV file; InputError if its first lines are no table of numbers.

    Cells stand between commas, semicolons, tabs or blanks, decimals behind a point or a comma. Up
    to two lines stand above the numbers: names (``MLII (uV)`` states the unit, too), then units, as
    PhysioNet's tools write them. Columns named as times or sample numbers are not leads.
    """
    titles, units, layout = _find_layout(path)
    channels = []
    for column, title in enumerate(titles):
        found = _NAME_AND_UNIT.fullmatch(title)
        name, unit = (found[1], found[2] or found[3]) if found else (title, "")
        read = partial(_read_column, path, column, layout)
        channels.append(Channel(name, units[column] or unit or None, None, read))
    return [channel for channel in channels if not _TIME.fullmatch(channel.lead)] or channels


def _find_layout(path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return the columns' names and units, "" where there are none, and pandas' options."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            raw = [file.readline(65_536).strip() for _ in range(20)]
    except (OSError, ValueError) as error:
        raise unreadable(path, "table of numbers", error) from error
    lines = [line for line in raw if line] or [""]
    # pandas' own sniffing splits a single column named MLII at its letters, and 0,5 at its comma.
    blank = r"\s+" if len(lines[-1].split()) > 1 else ","
    separator = next((mark for mark in ";\t," if mark in lines[-1]), blank)
    rows = [[cell.strip(" \"'") for cell in re.split(separator, line)] for line in lines]
    head = list(itertools.takewhile(lambda row: not any(map(_NUMBER.fullmatch, row)), rows))
    if len(head) == len(rows) or len(head) > 2:
        raise InputError(f"{path} is not an ECG: there are no numbers in its first lines.")
    decimal = "," if separator != "," and any("," in cell for cell in rows[-1]) else "."
    layout = {"sep": separator, "decimal": decimal, "skiprows": raw.index(lines[len(head)])}
    width = len(rows[-1])
    head = head or [[""] if width == 1 else []]  # a single column needs no name
    if any(len(row) != width for row in head):
        raise InputError(
            f"{path} has {width} columns, and {len(head[0])} columns have names: write a line that "
            "names each at its top, such as time,MLII,V5."
        )
    return head[0], [*head, [""] * width][1], layout


def _read_column(path: Path, column: int, layout: dict[str, Any]) -> Signal:
    """Read one column; empty cells are NaN."""
    # Without usecols, which would accept a line with too many cells; in chunks, so that the other
    # columns of a day are not held.
    how = {"header": None, "skipinitialspace": True, "encoding": "utf-8-sig", "low_memory": False}
    try:
        with pd.read_csv(
            path, dtype={column: np.float32}, chunksize=BLOCK, **how, **layout
        ) as file:
            return np.concatenate([frame[column].to_numpy() for frame in file])
    except (OSError, ValueError, LookupError, pd.errors.ParserError) as error:
        raise unreadable(path, "table of numbers", error) from error
