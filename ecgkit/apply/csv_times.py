"""Columns of times and sample numbers: the sampling rate, and the samples that are lost."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ecgkit import InputError
from ecgkit.apply.signal_file import Signal

_NAME = re.compile(
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
    step: float  # how much it rises per sample
    fs: float | None  # None where it counts samples
    day: float | None  # after how many samples it begins again
    jitter: float  # standard deviation of its steps, in samples

    def lateness(self, numbers: NDArray[np.float64], first: float, at: int) -> NDArray[np.float32]:
        """Return by how many samples the times of sample `at` and what follows are late."""
        late = (numbers - first) / self.step - np.arange(at, at + len(numbers))
        if self.day:
            late -= self.day * np.round(late / self.day)
        return late.astype(np.float32)


def as_numbers(cells: pd.Series, decimal: str) -> NDArray[np.float64]:
    """Return the numbers or the clock times, in seconds, of some cells; NaN for other cells."""
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(float)
    text = cells.astype(str).str.strip(" \"'\0\x1a").str.replace(decimal, ".")
    numbers = pd.to_numeric(text, errors="coerce").to_numpy(float)
    if np.isfinite(numbers).any():
        return numbers
    h, m, s = text.str.replace(",", ".").str.extract(_CLOCK).fillna({0: 0}).to_numpy(float).T
    return 3600 * h + 60 * m + s


def is_time(name: str, cells: pd.Series, numbers: NDArray[np.float64]) -> bool:
    """Whether a column holds times or counts samples: its name says so, or it rises steadily."""
    named = _NAME(name) and not re.search("ecg|ekg", name, re.I)
    if named or np.mean(cells.astype(str).str.contains(":")) > 0.5:
        return True
    steps = np.diff(numbers[np.isfinite(numbers)])
    return len(steps) >= 10 and bool((steps >= 0).mean() > 0.98 and (steps > 0).mean() > 0.25)


def find_clock(column: int, name: str, unit: str, cells: pd.Series, decimal: str) -> Clock | None:
    """Return the step and the rate of a column of times from its first cells.

    None if they do not rise, or are rounded so that more than ten samples share one. The unit is
    stated, or the one that makes 20 to 20,000 Hz.
    """
    numbers = as_numbers(cells, decimal)
    values = numbers[np.isfinite(numbers)]
    lag, rises = min(len(values) - 1, 100), np.diff(values)
    step = float(np.median(values[lag:] - values[:-lag])) / lag if lag > 0 else 0.0
    if not 0 < step < np.inf or (least := float(np.min(rises[rises > 0]))) > 10 * step:
        return None
    late = ((values - values[0]) / step - np.arange(len(values))).astype(np.float32)
    span, steps = float(values[-1] - values[0]), len(rises) + float(find_jumps(late)[1].sum())
    step = span / steps if steps > 0 else 0.0
    if not 0 < step < np.inf:
        return None
    stated, named, rate = _UNIT(unit) or _UNIT(name), _NAME(name), None
    if stated or not (step == 1 or (named and named[1])):
        likely = [x for x in (1, 1e-3, 1e-6, 1e-9) if 20 <= 1 / (step * x) < 20_000]
        rate = 1 / (step * (_SECONDS[stated[1].lower()] if stated else [*likely, 1][0]))
        near = float(round(rate)) if rate < np.inf else 0.0
        rate = near if abs(rate - near) <= rate * min(least / span, 0.002) else rate
    elif (rises < 0).any():
        return None  # a counter that begins again at 0
    day = None if pd.api.types.is_numeric_dtype(cells) else 86_400 / step
    return Clock(column, step, rate, day, float(np.std(rises)) / step)


def find_jumps(late: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return before which samples times jump for good, and by how many samples (+ or -)."""
    jumps = np.zeros(len(late), bool)
    window = {"size": _WINDOW, "mode": "nearest"}
    for sign in (1, -1):
        if (sign * np.diff(late) > 0.5).any():
            least = ndimage.minimum_filter1d(sign * late, origin=-_WINDOW // 2, **window)
            most = ndimage.maximum_filter1d(sign * late, origin=_WINDOW // 2 - 1, **window)
            jumps[1:] |= least[1:] - most[:-1] > 0.5
    at = np.flatnonzero(jumps)
    edges = [0, *at.tolist(), len(late)]
    sizes = [
        late[i : min(b, i + 20)].mean() - late[max(a, i - 20) : i].mean()
        for a, i, b in zip(edges[:-2], edges[1:-1], edges[2:], strict=True)
    ]
    return at, np.rint(np.clip(np.array(sizes), -1e15, 1e15)).astype(np.int64)


def mark_lost(path: Path, signal: Signal, late: NDArray[np.float32], fs: float | None) -> Signal:
    """Put NaN where the times say that samples are lost; warn, or refuse what is in disorder."""
    if not np.isfinite(late).all():
        late = pd.Series(late).replace([np.inf, -np.inf], np.nan).ffill().bfill().to_numpy()
    at, sizes = find_jumps(late)
    if not len(at):
        return signal
    lost, worst = sizes.clip(0), int(np.abs(sizes).argmax())
    where = f"at sample {at[worst]} by {sizes[worst]:+} samples"
    if -sizes.min() > (fs or np.inf) or lost.sum() > 10 * len(signal):
        raise InputError(f"The times in {path} jump {where}: split the file there, or sort it.")
    warnings.warn(
        f"{path}: its times jump {len(at)} x, the most {where}; {lost.sum()} missing samples are "
        "read as gaps.",
        stacklevel=5,
    )
    return np.insert(signal, np.repeat(at, lost), np.nan)
