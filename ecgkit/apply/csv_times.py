"""Columns of times and sample numbers: the sampling rate, and the samples that are lost."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

_TIME = re.compile(
    r"(elapsed|phone|sensor|unix|uhr|system|local|date)?[\s_]*(time(?!out)|zeit|temps|tiempo|tempo|"
    r"date|datum|sample|index|idx|seconds|frame|nseq|counter|unnamed|(t|s|ms)(?=\W|_|$))(?![a-z]).*"
    r"|.*(time ?stamp|timestamp).*",
    re.I,
)
_COUNTS = re.compile(r".*(sample|index|idx|frame|n?seq|counter|unnamed|row).*", re.I)
_UNIT = re.compile(r"(?:.*[^a-z])?(?:(m|milli|u|micro|n|nano)?s(?:ecs?|econds?)?|(min))\W*", re.I)
_CLOCK = r"(?:(\d+):)?(\d+):(\d+)(?:[.,:](\d+))?"  # h:mm:ss.fff or m:ss.fff
HALF_DAY = 43_200.0  # s, after which a clock of 12 hours begins again
_WINDOW = 256  # samples; a jump of the times lasts longer, the times of a packet do not


def as_numbers(cells: pd.Series, decimal: str = ".") -> NDArray[np.float64]:
    """Return the numbers or the clock times, in seconds, of some cells; NaN for other cells."""
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(float)
    text = cells.astype(str).str.strip(" \"'\0\x1a")
    numbers = pd.to_numeric(text.str.replace(decimal, "."), errors="coerce").to_numpy(float)
    if not np.isfinite(numbers).any():
        parts = text.str.extract(_CLOCK)
        parts[3] = "0." + parts[3].fillna("0")
        h, m, s, fraction = parts.fillna({0: "0"}).astype(float).to_numpy().T
        numbers = np.unwrap(3600 * h + 60 * m + s + fraction, period=HALF_DAY)
    return numbers


def is_time(name: str, cells: pd.Series, numbers: NDArray[np.float64]) -> bool:
    """Whether a column holds times or counts samples: its name says so, or it rises steadily."""
    text = not pd.api.types.is_numeric_dtype(cells) and cells.astype(str).str.contains(":")
    named = _TIME.fullmatch(name.strip()) and not re.search("ecg|ekg", name, re.I)
    if named or np.mean(text) > 0.5:
        return True
    steps = np.diff(numbers[np.isfinite(numbers)])
    if len(steps) < 10:
        return False
    step = float(np.median(steps))
    counter = (
        step != 0 and np.isclose(steps, step, rtol=0.01, atol=0).mean() > 0.8
    )  # it may begin again at 0
    return bool(counter or ((steps >= 0).mean() > 0.98 and (steps > 0).mean() > 0.25))


def find_step(numbers: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return how much times rise per sample, without what is lost, and the relative error of that.

    None if they do not rise, or are rounded so that more than ten samples share one.

    >>> step, error = find_step(np.round(np.arange(1000) / 360, 3))
    >>> round(360 * step, 3), round(error, 4)
    (1.0, 0.0007)
    """
    values = numbers[np.isfinite(numbers)]
    n = len(values)
    if n < 2:
        return None
    lag = min(n - 1, 100)
    step, rises = float(np.median(values[lag:] - values[:-lag])) / lag, np.diff(values)
    if not 0 < step < np.inf or (least := float(np.min(rises[rises > 0]))) > 10 * step:
        return None
    _, sizes = find_jumps(lateness(values, step))
    span, steps = float(values[-1] - values[0]), n - 1 + float(sizes.sum())
    return (span / steps, least / span) if 0 < span < np.inf and steps > 0 else None


def find_rate(name: str, unit: str, step: float, error: float) -> float | None:
    """Return the sampling rate in Hz of times that rise by `step`; None of sample numbers.

    The unit is in the name, or the one that makes 20 to 20,000 Hz of it.
    """
    found = _UNIT.fullmatch(unit) or _UNIT.fullmatch(name)
    if found:
        scale = (
            60.0
            if found[2]
            else {"m": 1e-3, "u": 1e-6, "n": 1e-9}.get(
                (found[1] or "").lower().replace("micro", "u")[:1], 1.0
            )
        )
    elif _COUNTS.fullmatch(name.strip()) or step == 1:
        return None
    else:
        scale = next((s for s in (1, 1e-3, 1e-6, 1e-9) if 20 <= 1 / (step * s) < 20_000), 1.0)
    rate = 1 / (step * scale)
    near = round(rate) if rate < np.inf else 0
    return float(near) if abs(rate - near) <= rate * min(error, 0.002) else rate


def lateness(
    numbers: NDArray[np.float64], step: float, first: float | None = None, at: int = 0
) -> NDArray[np.float32]:
    """Return by how many samples times are later than those of sample `at` and what follows."""
    first = numbers[0] if first is None else first
    return ((numbers - first) / step - np.arange(at, at + len(numbers))).astype(np.float32)


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
