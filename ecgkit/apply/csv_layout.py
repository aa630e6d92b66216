"""Where the table of numbers begins in a text file, and what the lines above it say."""

import csv
import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ecgkit import InputError

HEAD = 1 << 18  # bytes, in which the table has to begin
_NUMBER = re.compile(r"(?ai)[+-]?(\d+\.|\d*[.,]?\d+)(e[+-]?\d+)?|[+-]?inf|nan").fullmatch
_GROUPED = re.compile(r"[+-]?[1-9]\d?\d?([.,])\d{3}").fullmatch
_COMMA = re.compile(r"\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*", re.I).fullmatch  # a number, or two
_UNITS = r"(?:[mu]|milli|micro)?v(?:olts?)?|[mun]?s(?:ecs?|econds?)?|min|no units|raw|adc"
_UNIT = re.compile(rf"[\W_]*({_UNITS})\W*", re.I).fullmatch
_NAME_AND_UNIT = re.compile(
    rf"(.*?)(?:[\s_,./:-]+([mu]V)|\s*[\[(]\W*({_UNITS})\W*[\])])\s*", re.I
).fullmatch
_CHANNELS = re.compile(r"(\d+) channels?\W*", re.I).fullmatch
_RATE = re.compile(
    r"(?:(?:sampl\w*[\W_]*(?:rate|freq\w*)|\bfs\b|(?:^|sampl\w*[\W_]*)(?:interval|period))"
    r"(?:\W*(k)Hz|\W*\(([mu]?)s\w*\))?\D{0,20}?|^(?=\S+ \w+/sample))"
    r"(?=0*[.,]?0*[1-9])(\d+(?:[.,]\d+)?)\s*(?:(k)|([mu]?)s(?:ec\w*)?\b)?",
    re.I | re.M,
).finditer


class Table(NamedTuple):
    """A table of numbers in a text file: one column per lead, time or other thing."""

    names: list[str]  # "" where a column has none
    units: list[str]  # likewise
    head: pd.DataFrame  # its first rows
    fs: float | None  # the sampling rate in Hz that the lines above it state
    options: dict[str, Any]  # of pandas.read_csv


def find_table(path: Path) -> Table:
    """Find the table of numbers; InputError if none begins in the first 256 KB."""
    with path.open("rb") as file:
        raw = file.read(HEAD)
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = re.sub("[µμ\ufffd]", "u", raw.decode(encoding, "replace"))  # or the µ of Windows
    # A title in quotes may have two lines, which pandas takes for one, too.
    text = re.sub(r'"[^"\r\n]*"|"[^",;\t]*"', lambda x: re.sub(r"[\r\n]+", " ", x[0]), text)
    every = re.split(r"\r\n?|\n", text)[: -1 if len(raw) == HEAD else None]
    at = [i for i, line in enumerate(every) if line.strip(" \t\0\x1a")]
    lines = [every[i] for i in at]
    # A line from well within the table tells its layout; the last line may be cut.
    sample = lines[-1 if len(lines) < 4 else (len(lines) - 1) * 3 // 4] if lines else ""
    separator = _separator(lines, sample)
    rows = [_cells(line, separator) for line in lines]
    layout = _cells(sample, separator)
    numbers = [i for i, cell in enumerate(layout) if _NUMBER(cell)]
    alike = (len(row) == len(layout) and all(_NUMBER(row[i]) for i in numbers) for row in rows)
    start = next((k for k, found in enumerate(alike) if found), None)
    if start is None or not numbers:
        raise InputError(f"{path} is not an ECG: there are no numbers in its first lines.")
    first = numbers[0]  # in lines above, other columns may be empty
    while start > 1 and len(rows[start - 1]) == len(layout) and _NUMBER(rows[start - 1][first]):
        start -= 1
    if any(map(_CHANNELS, lines[:start])) and "".join(rows[start]).isdigit():
        start = min(start + 1, len(rows) - 1)  # AcqKnowledge states the number of samples there
    comma = any("," in cell and _NUMBER(cell) for row in rows[start:] for cell in row)
    columns = zip(*rows[start:-1], strict=False)
    thousands = next(filter(None, map(_thousands, columns)), None)
    options = {
        "sep": separator,
        "decimal": "," if comma and thousands != "," else ".",
        "thousands": thousands,
        "skiprows": at[start],
        "skip_blank_lines": len(layout) > 1,  # in a single column one is an empty cell
        "header": None,
        "skipinitialspace": True,
        "low_memory": False,
        "encoding": encoding,
        "encoding_errors": "replace",
    }
    head = pd.read_csv(path, nrows=10_000, **options)
    above = [line.lstrip("#% ") for line in lines[:start]]
    names, units = _find_names(path, above, separator, head)
    return Table(names, units, head, _stated_rate("\n".join(above)), options)


def _separator(lines: list[str], sample: str) -> str:
    """Return what stands between the cells, as pandas takes it; ";" of a single column."""
    if stated := re.match(r"\W*sep=(.)", lines[0] if lines else ""):
        return stated[1]
    if mark := re.search(r"[\t;|]", sample):
        return mark[0]
    words = sample.split()
    if len(words) > 1 and ("," not in sample or all(map(_NUMBER, words))):
        return r"\s+"
    # 0,512 is one number or two. No integer is written -0 or 05; one title names one column.
    first = next((i for i, line in enumerate(lines) if _COMMA(line)), 0)
    title, below = lines[first - 1] if first else ",", lines[first:-1] or lines
    single = "," not in title or any(re.search(r"-0,|,0\d", line) for line in below)
    return ";" if "," not in sample or (single and all(map(_COMMA, below))) else ","


def _cells(line: str, separator: str) -> list[str]:
    if separator == r"\s+":
        return line.split()
    cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [cell.strip(" \"'") for cell in cells]


def _thousands(column: tuple[str, ...]) -> str | None:
    """Return the mark of thousands: 1,296 is an integer beside many like 296, not beside 0,296."""
    marks = [found[1] for cell in column if (found := _GROUPED(cell))]
    plain = sum(bool(re.fullmatch(r"-?\d{1,3}", cell)) for cell in column)
    return marks[0] if marks and len(column) / 50 < plain == len(column) - len(marks) else None


def _stated_rate(text: str) -> float | None:
    """Return the one sampling rate in Hz that lines state as such or as an interval.

    Of several that differ, the only one in a line that names an ECG; None if there is none such.
    """
    rates: dict[float, str] = {}  # and the lines that state each
    for found in _RATE(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 :].partition("\n")[0]
        number = float(found[3].replace(",", "."))
        unit = found[5] if found[2] is None else found[2]
        if unit is None and re.search("interval|period", found[0], re.I):
            number, unit = (number, "") if number < 0.05 else (0.0, None)
        if unit is None:
            grouped = re.fullmatch(r"[1-9]\d?[.,]\d{3}", found[3])  # 1,000 Hz
            number *= 1e3 if found[1] or found[4] or grouped else 1
        elif number:
            number = {"": 1, "m": 1e3, "u": 1e6}[unit.lower()] / number
        rates[number] = f"{rates.get(number, '')} {line}"
    told = [x for x, lines in rates.items() if re.search("ecg|ekg", lines, re.I)] or [*rates]
    return told[0] or None if len(told) == 1 else None


def _find_names(
    path: Path, lines: list[str], separator: str, head: pd.DataFrame
) -> tuple[list[str], list[str]]:
    """Return the columns' names and units, "" where there are none, from the lines above them."""
    width = head.shape[1]
    filled = width - bool(head[width - 1].isna().all())  # a separator may end each line
    block = _rows_above(path, lines, separator, width, filled)
    marked = [row for row in block if any(_UNIT(cell) and cell != "V" for cell in row)]
    titles = [row for row in block if row not in marked]
    units = marked[0] if titles and marked else []
    names = max(titles or marked, key=lambda row: len(set(row)), default=[])
    pairs = [re.split(r"\W*[,;:=\t]\s*", line, maxsplit=1) for line in lines]
    told = {x[0].lower(): [x[0], *_cells(x[1], separator)][-width:] for x in pairs if len(x) == 2}
    if "channeltitle" in told or (width == 1 and "lead" in told):  # LabChart; Apple Watch
        names = told.get("channeltitle") or told["lead"]
        units = told.get("range") or told.get("unit") or []
    json = re.findall(r'"(column|label|sensor)": *\[(.*?)\]', "\n".join(lines))
    if lists := {key: re.findall(r'"(.*?)"', cells) for key, cells in json}:  # OpenSignals
        sensors = dict(zip(lists.get("label", []), lists.get("sensor", []), strict=False))
        names = [f"{sensors.get(x, '')} {x}".strip() for x in lists.get("column", [])]
    for i, line in enumerate(lines, 1):
        if found := _CHANNELS(line):  # AcqKnowledge: a line for each name, then one for its unit
            first, listed = max(filled - int(found[1]), 0), lines[i : i + 2 * int(found[1])]
            names = (names + [""] * first)[:first] + listed[::2]
            units = [""] * first + listed[1::2]
    names, units = ((x + [""] * width)[:width] for x in (names, units))
    for i, name in enumerate(names):
        units[i] = units[i].split(" ")[-1]  # without the number of a range
        if found := _NAME_AND_UNIT(name):
            names[i], units[i] = found[1], units[i] or found[2] or found[3]
        elif _UNIT(name) and name != "V":  # a lead
            units[i] = units[i] or name
    return names, units


def _rows_above(
    path: Path, lines: list[str], separator: str, width: int, filled: int
) -> list[list[str]]:
    """Return the rows of words right above a table, the nearest first."""
    block: list[list[str]] = []
    for line in reversed(lines):
        row, wide = _cells(line, separator), re.split(r"\s{2,}", line.strip())
        if separator == r"\s+" and len(wide) == width:
            row = wide  # a title may have two words
        row = row if any(row[width:]) else row[:width]
        if not filled <= len(row) <= width:
            if not block and len(row) > 1 and not re.search("[:={]", line):
                raise InputError(f"{path} has {width} columns, but {len(row)} names: name each.")
            break
        if not any(map(_NUMBER, row)):  # AcqKnowledge counts the samples there
            block.append(row + [""] * (width - len(row)))
    return block
