"""CSV files and their relatives: one column of numbers per lead."""

from __future__ import annotations

import re
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ecgkit import InputError
from ecgkit.apply.csv_layout import Table, find_table
from ecgkit.apply.csv_times import Clock, as_numbers, find_clock, is_time, mark_lost
from ecgkit.apply.signal_file import BLOCK, Channel, Signal


def read_csv(path: Path) -> list[Channel]:
    """List the columns of a text file that can be leads; InputError if it holds no table.

    Cells stand between commas, semicolons, tabs or blanks, decimals behind a point or a comma. Any
    lines may stand above the numbers, and state names, units and the sampling rate. Columns that
    rise steadily are times or sample numbers, no leads: times give the sampling rate, and show
    which samples were lost; these are read as NaN, with a warning.
    """
    table = find_table(path)
    decimal, columns = table.options["decimal"], range(len(table.names))
    numbers = [as_numbers(table.head[i], decimal) for i in columns]
    times = [i for i in columns if is_time(table.names[i], table.head[i], numbers[i])]
    found = [find_clock(i, table.names[i], table.units[i], table.head[i], decimal) for i in times]
    rising = [clock for clock in found if clock]
    clock = min(rising, key=lambda clock: (clock.fs is None, clock.jitter), default=None)
    rate = clock.fs if clock else None
    if rate and table.fs and abs(rate / table.fs - 1) > 0.01:
        raise InputError(f"{path} states {table.fs:g} Hz, but its times say {rate:g} Hz: mend one.")
    channels: list[Channel] = []
    for i, name, unit in zip(columns, table.names, table.units, strict=True):
        values = numbers[i][np.isfinite(numbers[i])]
        if i not in times and len(values) >= table.head[i].count() / 2 and (len(values) or name):
            whole = len(np.unique(values)) > 2 and not unit and (values == np.round(values)).all()
            raw = bool(whole or re.fullmatch("raw|adc|no units", unit, re.I))
            read = partial(_read_column, path, table, i, clock)
            name = name or (f"column {i + 1}" if len(columns) > 1 else "")
            channels.append(
                Channel(name, None if raw else unit or None, table.fs or rate, read, raw)
            )
    if not channels:
        raise InputError(f"{path} holds times, counts or text, but no column that can be an ECG.")
    return channels


def _read_column(path: Path, table: Table, column: int, clock: Clock | None) -> Signal:
    """Read one column; empty cells and lost samples are NaN."""
    # Without usecols, which would accept a line with too many cells; in chunks, so that the other
    # columns of a day are not held.
    parts, late, bad, n, first = [], [], [], 0, None
    wanted = {column, clock.column} if clock else {column}
    with pd.read_csv(path, chunksize=BLOCK, **table.options) as file:
        for frame in file:
            read = {i: as_numbers(frame[i], table.options["decimal"]) for i in wanted}
            for i, numbers in read.items():
                wrong = np.flatnonzero(np.isnan(numbers) & frame[i].notna().to_numpy())[:1]
                bad += [(n + k, str(frame[i].iloc[k])[:60]) for k in wrong]
            parts.append(read[column].astype(np.float32))
            if clock:  # a number of 32 bits per sample, as of the signal
                first = read[clock.column][0] if first is None else first
                late.append(clock.lateness(read[clock.column], first, n))
            n += len(frame)
    signal = np.concatenate(parts)
    if bad and min(bad)[0] < n - 1:
        row, cell = min(bad)
        line = table.options["skiprows"] + row + 1
        raise InputError(f"Line {line} of {path} has no number there, but {cell!r}: mend it.")
    end = n - int(np.isfinite(signal)[::-1].argmax())
    if end < n and frame.iloc[-1].notna().any():
        warnings.warn(f"{path}: its last line has no value, and is left out.", stacklevel=4)
    signal = signal[:end]
    return mark_lost(path, signal, np.concatenate(late)[:end], clock.fs) if clock else signal
