"""Where the table of numbers begins in a text file, and what the lines above it say."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ecgkit import InputError
from ecgkit.apply.signal_file import unreadable

HEAD = 1 << 18  # bytes, in which the table has to begin
_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\d+,\d+|[.,]\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.I | re.ASCII
).fullmatch
_UNITS = (
    r"(?:[mu]|milli|micro)?v(?:olts?)?|(?:[mun]|milli|micro|nano)?s(?:ecs?|econds?)?|min|h+:mm\S*|g"
    r"|m/\(?s\S*|d(?:eg|ps)\S*|c|k?ohms?|n\.?u|no units|raw|cal|adc|%|bpm|hz|mmhg"
)
_UNIT = re.compile(rf"[\W_]*({_UNITS})\W*", re.I).fullmatch
_NAME_AND_UNIT = re.compile(
    rf"(.*?)(?:[\s_,./:-]+([mu]?V)|\s*[\[(]\W*({_UNITS})\W*[\])])\s*", re.I
).fullmatch
_COUNT = re.compile(r"\d+ channels?", re.I).fullmatch
_N = r"(\d+(?:[.,]\d+)?)"
_RATE = re.compile(
    rf"(?:sampl\w*[\W_]*(?:rate|freq\w*)|abtast(?:rate|frequenz)|\bfs\b)\D{{0,20}}?{_N}\s*(k?)"
    rf"|{_N}\s*()(?:samples?\s*(?:/|per)\s*s|sps\b)",
    re.I,
)
_INTERVAL = re.compile(rf"interval\W*{_N}\s*([mu]?)s|{_N}\s*([mu]?)s(?:ec\w*)?\s*/\s*sample", re.I)


class Table(NamedTuple):
    """A table of numbers in a text file: one column per lead, time or other thing."""

    names: list[str]  # "" where a column has none
    units: list[str]  # likewise
    head: pd.DataFrame  # its first rows
    fs: float | None  # the sampling rate in Hz that the lines above it state
    options: dict[str, Any]  # of pandas.read_csv


def find_table(path: Path) -> Table:
    """Find the table of numbers; InputError if none begins in the first 256 KB."""
    try:
        with path.open("rb") as file:
            raw = file.read(HEAD)
        encoding = _encoding(raw)
        text = raw.decode(encoding, "replace").replace("µ", "u").replace("μ", "u")
        lines = re.split(r"\r\n?|\n", text)[: -1 if len(raw) == HEAD else None]
        return _find_table(path, lines, encoding)
    except InputError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise unreadable(path, "table of numbers", error) from error


def _encoding(raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for at, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if raw[at:200:2].count(0) > 70:
            return name
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        if error.start < len(raw) - 4:  # not a letter that the end of the head cuts
            return "cp1252"
    return "utf-8-sig"


def _find_table(path: Path, raw_lines: list[str], encoding: str) -> Table:
    lines = [(i, line) for i, line in enumerate(raw_lines) if line.strip(" \t\0\x1a")]
    if not lines:
        raise InputError(f"{path} is not an ECG: there are no numbers in its first lines.")
    # A line from well within the table tells its layout; the last line may be cut.
    sample = lines[-1 if len(lines) < 4 else (len(lines) - 1) * 3 // 4][1]
    separator = _separator([line for _, line in lines], sample)
    pattern = [bool(_NUMBER(cell)) for cell in _cells(sample, separator)]
    rows = [(i, _cells(line, separator)) for i, line in lines]
    start = next((k for k, (_, row) in enumerate(rows) if _fits(row, pattern)), None)
    if start is None:
        raise InputError(f"{path} is not an ECG: there are no numbers in its first lines.")
    counted = any(_COUNT(row[0]) for _, row in rows[:start] if row)
    if counted and start < len(rows) - 1 and all(cell.isdigit() for cell in rows[start][1]):
        start += 1  # AcqKnowledge states the number of samples there
    if start >= len(rows) - 1 and len(pattern) > 50:
        raise InputError(f"{path} has all its numbers in one line: write one sample per line.")
    comma = any("," in cell and _NUMBER(cell) for _, row in rows[start:] for cell in row)
    after = raw_lines[rows[start][0] + 1 :]
    options = {
        "sep": separator,
        "decimal": "," if comma else ".",
        "skiprows": rows[start][0],
        # An empty line is an empty cell of a single column, unless every other line is empty.
        "skip_blank_lines": len(pattern) > 1 or not any(line.strip() for line in after[::2]),
        "header": None,
        "skipinitialspace": True,
        "low_memory": False,
        "encoding": encoding,
        "encoding_errors": "replace",
    }
    below = io.StringIO("\n".join(line for _, line in lines[start:]))
    head = pd.read_csv(below, **(options | {"skiprows": 0, "on_bad_lines": "skip"}))
    above = [_cells(line.lstrip("#% "), separator) for _, line in lines[:start]]
    if separator == r"\s+":  # a title may have two words
        wide = [re.split(r"\s{2,}", line.strip("#% \t")) for _, line in lines[:start]]
        above = [b if len(b) == len(pattern) else a for a, b in zip(above, wide, strict=True)]
    names, units = _find_names(path, above, head)
    rate = _stated_rate("\n".join(line for _, line in lines[:start]))
    return Table(names, units, head, rate, options)


def _separator(lines: list[str], sample: str) -> str:
    """Return what stands between the cells, as pandas takes it."""
    for line in lines[:5]:
        if stated := re.match(r"\W*sep=(\\t|.)", line):
            return "\t" if stated[1] == r"\t" else stated[1]
    for mark in "\t;|":
        if mark in sample:
            return mark
    words = sample.split()
    if len(words) > 1 and ("," not in sample or all(map(_NUMBER, words))):
        return r"\s+"
    if "," not in sample:
        return ";"  # a single column, which has none
    # 0,512 is one number or two. No integer is written -0, 05 or 1e-3; one title names one column.
    single = [re.fullmatch(r"\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*", line, re.I) for line in lines]
    first = next((i for i, found in enumerate(single) if found), len(lines))
    if all(single[first:-1]) and first <= max(1, len(lines) - 3):
        title = lines[first - 1] if first else ","
        if "," not in title or any(re.search("-0,|,0\\d|e", x, re.I) for x in lines[first:]):
            return ";"
    return ","


def _cells(line: str, separator: str) -> list[str]:
    if separator == r"\s+":
        return line.split()
    cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [cell.strip(" \"'") for cell in cells]


def _fits(row: list[str], pattern: list[bool]) -> bool:
    """Whether a row has numbers in all the columns where another row has them."""
    same = len(row) == len(pattern) and any(pattern)
    return same and all(_NUMBER(cell) for cell, known in zip(row, pattern, strict=True) if known)


def _stated_rate(text: str) -> float | None:
    """Return the sampling rate in Hz that some lines state."""
    found = _RATE.search(text) or _INTERVAL.search(text)
    number = float((found[1] or found[3]).replace(",", ".")) if found else 0.0
    if not found or not number:
        return None
    scale = {"": 1.0, "k": 1e3, "m": 1e3, "u": 1e6}[(found[2] or found[4] or "").lower()]
    return number * scale if found.re is _RATE else scale / number


def _find_names(
    path: Path, rows: list[list[str]], head: pd.DataFrame
) -> tuple[list[str], list[str]]:
    """Return the columns' names and units, "" where there are none, from the lines above them."""
    width, units = head.shape[1], []
    said = {row[0].strip("= ").lower(): row for row in rows if len(row) > 1}
    empty = int(head.isna().all()[::-1].cumprod().sum())  # a separator may end each line
    counted = [i for i, row in enumerate(rows) if row and _COUNT(row[0])]
    if names := _open_signals(rows):
        pass
    elif "channeltitle" in said:  # LabChart
        names = said["channeltitle"]
        units = [cell.split(" ")[-1] for cell in said.get("range", [])]
    elif counted:  # AcqKnowledge: below, a line for each channel's name, then one for its unit
        n = int(rows[counted[0]][0].split()[0])
        listed = [(row or [""])[0] for row in rows[counted[0] + 1 :][: 2 * n]]
        before = _read_titles(path, rows, width, empty)[0][: width - empty - n]  # of the time
        names, units = before + listed[::2], [""] * len(before) + listed[1::2]
    elif width == 1:
        lines = [",".join(row) for row in rows]
        pairs = [re.split(r"[,;:=\t]+\s*", line, maxsplit=1) for line in lines]
        told = {pair[0].lower(): pair[1] for pair in pairs if len(pair) == 2}
        title = next(
            (x for x in lines[-1:] if not re.match(r"units?\W|lead\W|.*[:=]", x, re.I)), ""
        )
        names = [told.get("lead") or told.get("channeltitle") or title]
        unit = told.get("unit") or told.get("units") or told.get("range") or ""
        units = [unit.split(" ")[-1]]
    else:
        names, units = _read_titles(path, rows, width, empty)
    names, units = ((cells + [""] * width)[:width] for cells in (names, units))
    for i, name in enumerate(names):
        if found := _NAME_AND_UNIT(name):
            names[i], units[i] = found[1], units[i] or found[2] or found[3]
        elif _UNIT(name) and name != "V":  # a lead
            units[i] = units[i] or name
    return names, units


def _read_titles(
    path: Path, rows: list[list[str]], width: int, empty: int
) -> tuple[list[str], list[str]]:
    """Take the rows right above a table for names, units, and kinds such as RAW."""
    block: list[list[str]] = []
    for row in reversed(rows):
        if len(row) > width and not any(row[width:]):
            row = row[:width]
        if len(row) == width - 1:  # a separator ends the other lines, or R numbers them
            row = [*row, ""] if empty else ["", *row]
        if len(row) != width:
            if not block and len(row) > 1 and not re.search("[:={]", "".join(row)):
                raise InputError(
                    f"{path} has {width} columns, and {len(row)} columns have names: write a line "
                    "that names each at its top, such as time,MLII,V5."
                )
            break
        if not any(map(_NUMBER, row)):  # AcqKnowledge counts the samples there
            block.append(row)
    united = [row for row in block if all(_UNIT(cell) or not cell for cell in row)]
    titles = [row for row in block if row not in united] or united or [[]]
    units = [
        next((cell for cell in column if (found := _UNIT(cell)) and found[1].lower() != "cal"), "")
        for column in zip(*united, strict=True)
    ]
    return max(titles, key=lambda row: len(set(row))), units


def _open_signals(rows: list[list[str]]) -> list[str]:
    """Return the columns' names from the JSON in the head of a file of OpenSignals (BITalino)."""
    for row in rows:
        try:
            device = next(iter(json.loads(row[0]).values()))
            sensors = dict(zip(device["label"], device["sensor"], strict=True))
            return [f"{sensors.get(name, '')} {name}".strip() for name in device["column"]]
        except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
            continue
    return []
