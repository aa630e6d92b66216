"""CSV files and their relatives: one column of numbers per lead."""

from __future__ import annotations

import itertools
import re
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.csv_layout import Table, find_table
from ecgkit.apply.csv_times import (
    HALF_DAY,
    as_numbers,
    find_jumps,
    find_rate,
    find_step,
    is_time,
    lateness,
)
from ecgkit.apply.leads import is_ecg
from ecgkit.apply.signal_file import BLOCK, Channel, Signal, unreadable


class _Clock(NamedTuple):
    column: int
    step: float  # how much it rises per sample
    fs: float | None  # None where it counts samples


_RAW = re.compile(r"raw|adc|no units", re.I).fullmatch


def read_csv(path: Path) -> list[Channel]:
    """List the columns of a text file that can be leads; InputError if it holds no table.

    Cells stand between commas, semicolons, tabs or blanks, decimals behind a point or a comma. Any
    lines may stand above the numbers, and state names, units and the sampling rate. Columns that
    rise steadily are times or sample numbers, no leads: times give the sampling rate, and show
    which samples were lost; these are read as NaN, with a warning.
    """
    table = find_table(path)
    decimal, n = table.options["decimal"], len(table.head)
    times: list[tuple[bool, float, _Clock]] = []
    leads: list[int] = []
    flat: list[int] = []
    for i, (name, unit) in enumerate(zip(table.names, table.units, strict=True)):
        numbers = as_numbers(table.head[i], decimal)
        values = numbers[np.isfinite(numbers)]
        if is_time(name, table.head[i], numbers):
            if rises := find_step(numbers):
                found = _Clock(i, rises[0], find_rate(name, unit, *rises))
                uneven = float(np.nanstd(np.diff(numbers))) / found.step
                if found.fs or not (np.diff(numbers) < 0).any():  # a counter may begin again at 0
                    times.append((found.fs is None, uneven, found))
        elif len(values) >= table.head[i].count() / 2 and (len(values) or name):
            varies = len(np.unique(values)) > 2 or n < 10
            (leads if varies or is_ecg(name) else flat).append(i)
    clock = min(times)[2] if times else None
    rate = clock.fs if clock else None
    if rate and table.fs and abs(rate / table.fs - 1) > 0.01:
        raise InputError(f"{path} states {table.fs:g} Hz, but its times say {rate:g} Hz: mend one.")
    channels = []
    for i in leads or flat:
        unit, values = table.units[i], as_numbers(table.head[i], decimal)
        values = values[np.isfinite(values)]
        whole = len(np.unique(values)) > 2 and (values == np.round(values)).all()
        raw = bool(_RAW(unit) or (whole and not unit))
        read = partial(_read_column, path, table, i, clock)
        name = table.names[i] or (f"column {i + 1}" if table.head.shape[1] > 1 else "")
        channels.append(Channel(name, None if raw else unit or None, table.fs or rate, read, raw))
    if not channels:
        raise InputError(f"{path} holds times, counts or text, but no column that can be an ECG.")
    return channels


def _read_column(path: Path, table: Table, column: int, clock: _Clock | None) -> Signal:
    """Read one column; empty cells and lost samples are NaN."""
    # Without usecols, which would accept a line with too many cells; in chunks, so that the other
    # columns of a day are not held.
    parts, late, bad, n, first = [], [], [], 0, None
    decimal = table.options["decimal"]
    wanted = [column] if clock is None else [column, clock.column]
    try:
        with pd.read_csv(path, chunksize=BLOCK, **table.options) as file:
            for frame in file:
                read = {i: as_numbers(frame[i], decimal) for i in wanted}
                for i, numbers in read.items():
                    if not pd.api.types.is_numeric_dtype(frame[i]):
                        wrong = np.isnan(numbers) & frame[i].notna().to_numpy()
                        bad += (n + np.flatnonzero(wrong)[:1]).tolist()
                parts.append(read[column].astype(np.float32))
                if clock is not None:  # a number of 32 bits per sample, as of the signal
                    first = read[clock.column][0] if first is None else first
                    late.append(lateness(read[clock.column], clock.step, first, n))
                n += len(frame)
    except (OSError, ValueError, LookupError, pd.errors.ParserError) as error:
        raise unreadable(path, "table of numbers", error) from error
    signal, last = np.concatenate(parts), frame.iloc[-1]
    if bad and min(bad) < n - 1:
        number, line = _find_line(path, table, min(bad))
        raise InputError(f"Line {number} of {path} has no number there, but {line!r}: mend it.")
    if frame.shape[1] == 1 and not bad:
        return signal[: n - np.isfinite(signal)[::-1].argmax()]  # empty lines at the end
    if np.isnan(signal[-1]) and n > 1:
        if "".join(last.dropna().astype(str)).strip("\0\x1a "):
            warnings.warn(f"{path}: its last line is incomplete, and left out.", stacklevel=4)
        signal, n = signal[:-1], n - 1
    if clock is None:
        return signal
    wraps = HALF_DAY if not pd.api.types.is_numeric_dtype(table.head[clock.column]) else None
    return _mark_lost(path, signal, np.concatenate(late)[:n], clock, wraps)


def _find_line(path: Path, table: Table, row: int) -> tuple[int, str]:
    """Return the number (from 1) and the text of the line that holds a row of the table."""
    skip, blank = table.options["skiprows"], not table.options["skip_blank_lines"]
    with path.open(encoding=table.options["encoding"], errors="replace") as file:
        lines = ((i, line) for i, line in enumerate(file, 1) if i > skip)
        lines = (pair for pair in lines if blank or pair[1].strip("\r\n"))
        number, line = next(itertools.islice(lines, row, None), (row, ""))
    return number, line.strip()[:60]


def _mark_lost(
    path: Path, signal: Signal, late: NDArray[np.float32], clock: _Clock, wraps: float | None
) -> Signal:
    """Put NaN where the times say that samples are lost; warn, or refuse what is in disorder."""
    if not np.isfinite(late).all():
        late = pd.Series(late).replace([np.inf, -np.inf], np.nan).ffill().bfill().to_numpy()
    if wraps:
        late = np.unwrap(late, period=wraps / clock.step)
    at, sizes = find_jumps(late)
    if not len(at):
        return signal
    rate, lost = clock.fs or np.inf, sizes.clip(0)
    where = [f"at sample {i} (by {size:+} samples)" for i, size in zip(at, sizes, strict=True)]
    if -sizes.min() > rate or lost.sum() > 10 * len(signal):
        worst = where[int(np.abs(sizes).argmax())]
        raise InputError(f"The times in {path} jump {worst}: split the file there, or sort it.")
    for which, fault in (
        (lost > 0, f"{lost.sum()} samples are missing by its times, and read as gaps"),
        (sizes < 0, f"its times or sample numbers go back {(sizes < 0).sum()} x, as if joined"),
    ):
        if which.any():
            warnings.warn(f"{path}: {fault}; the first {where[which.argmax()]}.", stacklevel=5)
    return np.insert(signal, np.repeat(at, lost), np.nan)
