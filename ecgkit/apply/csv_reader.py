"""CSV files and their relatives: one column of numbers per lead, and maybe columns of times."""

import re
import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ecgkit import InputError
from ecgkit.apply.csv_layout import Table, find_table
from ecgkit.apply.leads import RAW, STANDARD, Channel, Signal, plain_lead
from ecgkit.data.wfdb_io import BLOCK

_TIME = re.compile(
    r"(?<![a-z])(?:(sample|index|idx|frame|n?seq|counter|unnamed|row)|(?:date|uhr)?(?:zeit|time"
    r"(?:stamp)?)|temps|tiempo|date|seconds|t|m?s)(?![a-z])",
    re.I,
).search  # its group is the name of a counter
_UNIT = re.compile(r"(?<![a-z])([mun]?s|min)(?:ec(?:ond)?s?)?\W*$", re.I).search
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0}
_CLOCK = r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)"  # h:mm:ss.fff or m:ss.fff
_WINDOW = 256  # samples; a jump of the times lasts longer, the times of a packet do not


class Clock(NamedTuple):
    """A column of times or sample numbers."""

    column: int
    first: float
    step: float  # how much it rises per sample
    fs: float | None = None  # None where it counts samples
    day: float | None = None  # after how many samples it begins again
    jitter: float = 0.0  # standard deviation of its steps, in samples

    def lateness(self, numbers: NDArray[np.float64], at: int = 0) -> NDArray[np.float32]:
        """Return by how many samples the times of sample `at` and what follows are late."""
        late = (numbers - self.first) / self.step - np.arange(at, at + len(numbers))
        if self.day:
            late -= self.day * np.round(late / self.day)
        return late.astype(np.float32)


def read_csv(path: Path) -> list[Channel]:
    """List the columns of a text file that can be leads; InputError if it holds no table.

    Columns that rise steadily are times or sample numbers, no leads: times give the sampling rate
    where no line above does, and show which samples were lost: NaN in the lead, with a warning.
    """
    table = find_table(path)
    clocks, leads = [], []
    for i, (name, unit) in enumerate(zip(table.names, table.units, strict=True)):
        cells = table.head[i]
        numbers = _as_numbers(cells, table.options["decimal"])
        numbers = numbers[np.isfinite(numbers)]
        if _is_time(name, cells, numbers):
            if len(numbers) > 10 and (np.diff(numbers) < 0).mean() > 0.98:
                raise InputError(f"The times in {path} fall: sort its lines, the earliest first.")
            clocks.append(_find_clock(i, name, unit, cells, numbers))
        elif len(numbers) >= cells.count() / 2 and (len(numbers) or name):
            whole = len(np.unique(numbers)) > 2 and not unit and (numbers % 1 == 0).all()
            raw = whole or re.fullmatch("raw|adc|no units", unit, re.I)
            name = name or (f"column {i + 1}" if len(table.names) > 1 else "")
            leads.append((i, name, RAW if raw else unit or None))
        else:
            listed = [x for x in cells.dropna().astype(str).unique() if STANDARD(plain_lead(x))]
            if len(listed) > 1:
                below = f"{path} has leads below each other ({', '.join(listed)})"
                raise InputError(f"{below}: give each a column of its own.")
    clock = min(filter(None, clocks), key=lambda x: (x.fs is None, x.jitter), default=None)
    rate = clock.fs if clock else None
    if rate and table.fs and abs(rate / table.fs - 1) > 0.01:
        raise InputError(f"{path} states {table.fs:g} Hz, but its times say {rate:g} Hz: mend one.")
    if (n := len(leads)) > 500:
        raise InputError(f"{path} has {n} columns of numbers: write each lead as one column.")
    if not leads:
        raise InputError(f"{path} holds times, counts or text, but no column that can be an ECG.")
    return [
        Channel(name, unit, table.fs or rate, partial(_read_column, path, table, i, clock))
        for i, name, unit in leads
    ]


def _as_numbers(cells: pd.Series, decimal: str) -> NDArray[np.float64]:
    """Return the numbers or the clock times, in seconds, of some cells; NaN for other cells."""
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(float)
    text = cells.astype(str).str.strip(" \"'\0\x1a").str.replace(decimal, ".")
    numbers = pd.to_numeric(text, errors="coerce").to_numpy(float)
    if np.isfinite(numbers).any():
        return numbers
    h, m, s = text.str.replace(",", ".").str.extract(_CLOCK).fillna({0: "0"}).to_numpy(float).T
    return 3600 * h + 60 * m + s


def _is_time(name: str, cells: pd.Series, numbers: NDArray[np.float64]) -> bool:
    """Whether a column holds times or counts samples: its name says so, or it rises steadily."""
    named = _TIME(name) and not re.search("ecg|ekg", name, re.I)
    if named or np.mean(cells.astype(str).str.contains(":")) > 0.5:
        return True
    steps = np.diff(numbers)
    return len(steps) >= 10 and bool((steps >= 0).mean() > 0.98 and (steps > 0).mean() > 0.25)


def _find_clock(
    column: int, name: str, unit: str, cells: pd.Series, numbers: NDArray[np.float64]
) -> Clock | None:
    """Find step and rate of a column of times; None if its cells do not rise, or too coarsely."""
    lag, rises = min(len(numbers) - 1, 100), np.diff(numbers)
    step = float(np.median(numbers[lag:] - numbers[:-lag])) / lag if lag > 0 else 0.0
    if not 0 < step < np.inf or (least := float(np.min(rises[rises > 0]))) > 10 * step:
        return None
    span, late = float(numbers[-1] - numbers[0]), Clock(column, numbers[0], step).lateness(numbers)
    steps = len(rises) + float(find_jumps(late)[1].sum())
    step = span / steps if steps > 0 else 0.0
    if not 0 < step < np.inf:
        return None
    stated, named, rate = _UNIT(unit) or _UNIT(name), _TIME(name), None
    if stated or not (step == 1 or (named and named[1])):
        likely = [x for x in (1, 1e-3, 1e-6, 1e-9, 86_400) if 20 <= 1 / (step * x) < 20_000]
        rate = 1 / (step * (_SECONDS[stated[1].lower()] if stated else [*likely, 1][0]))
        near = float(round(rate)) if rate < np.inf else 0.0
        rate = near if abs(rate - near) <= rate * min(least / span, 0.002) else rate
    elif (rises < 0).any():
        return None  # a counter that begins again at 0
    day = None if pd.api.types.is_numeric_dtype(cells) else 86_400 / step
    return Clock(column, float(numbers[0]), step, rate, day, float(np.std(rises)) / step)


def _read_column(path: Path, table: Table, column: int, clock: Clock | None) -> Signal:
    """Read one column; empty cells and lost samples are NaN."""
    # Without usecols, which accepts lines with too many cells; in chunks, to hold one column alone.
    parts, late, bad = [], [], dict[int, object]()
    with pd.read_csv(path, chunksize=BLOCK, **table.options) as file:
        for frame in file:
            for i in {column, clock.column} if clock else {column}:
                numbers = _as_numbers(frame[i], table.options["decimal"])
                wrong = frame[i][np.isnan(numbers) & frame[i].notna()]
                bad |= wrong[:1].to_dict()
                if i == column:
                    parts.append(numbers.astype(np.float32))
                elif clock:  # a number of 32 bits per sample, as of the signal
                    late.append(clock.lateness(numbers, frame.index[0]))
    signal = np.concatenate(parts)
    if bad and (row := min(bad)) < len(signal) - 1:
        line = table.options["skiprows"] + row + 1
        fault = f"Line {line} of {path} has no number there, but {str(bad[row])[:60]!r}"
        raise InputError(f"{fault}: mend it.")
    end = len(signal) - int(np.isfinite(signal)[::-1].argmax())
    if end < len(signal) and frame.iloc[-1].notna().any():
        warnings.warn(f"{path}: its last line has no value, and is left out.", stacklevel=4)
    signal = signal[:end]
    return _mark_lost(path, signal, np.concatenate(late)[:end], clock.fs) if clock else signal


def find_jumps(late: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return before which samples times jump for good, and by how many samples (+ or -)."""
    least = partial(ndimage.minimum_filter1d, late, _WINDOW, mode="nearest")
    most = partial(ndimage.maximum_filter1d, late, _WINDOW, mode="nearest")
    before, after = _WINDOW // 2 - 1, -_WINDOW // 2  # origins
    up = least(origin=after)[1:] - most(origin=before)[:-1]
    down = least(origin=before)[:-1] - most(origin=after)[1:]
    at = 1 + np.flatnonzero(np.maximum(up, down) > 0.5)
    pieces = np.split(late, at)
    sizes = [after[:20].mean() - before[-20:].mean() for before, after in pairwise(pieces)]
    return at, np.rint(np.clip(np.array(sizes), -1e15, 1e15)).astype(np.int64)


def _mark_lost(path: Path, signal: Signal, late: NDArray[np.float32], fs: float | None) -> Signal:
    """Put NaN where the times say that samples are lost; warn, or refuse what is in disorder."""
    if not np.isfinite(late).all():
        late = pd.Series(late).replace([np.inf, -np.inf], np.nan).ffill().bfill().to_numpy()
    if len(falls := 1 + np.flatnonzero(np.diff(late) < -1.5)):
        found = f"{path}: its times fall {len(falls)} x, the first at sample {falls[0]}"
        warnings.warn(f"{found}: sort its lines, and leave out what is there twice.", stacklevel=5)
    at, sizes = find_jumps(late)
    if not len(at):
        return signal
    lost, worst = sizes.clip(0), int(np.abs(sizes).argmax())
    where = f"at sample {at[worst]} by {sizes[worst]:+} samples"
    if -sizes.min() > (fs or np.inf) or lost.sum() > 10 * len(signal):
        raise InputError(f"The times in {path} jump {where}: split the file there, or sort it.")
    jumps = f"{path}: its times jump {len(at)} x, the most {where}"
    warnings.warn(f"{jumps}; {lost.sum()} missing samples are read as gaps.", stacklevel=5)
    return np.insert(signal, np.repeat(at, lost), np.nan)
