"""What the reader of every file format lists: channels, read once a lead is chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError

Signal = NDArray[np.float32]  # (samples,)
BLOCK = 1 << 20  # samples converted at a time: a day as float64 or int64 would be too much


class Channel(NamedTuple):
    """One signal of a file. Unit and sampling rate (Hz) are None where the format has neither."""

    lead: str
    unit: str | None
    fs: float | None
    read: Callable[[], Signal]  # the whole signal, in its unit; InputError if it is damaged
    raw: bool = False  # integers of a converter whose gain the file does not state


def read_blocks(n_samples: int, read: Callable[[int, int], NDArray]) -> Signal:
    """Fill one array block by block with what ``read(start, stop)`` returns."""
    signal = np.empty(n_samples, np.float32)
    for start in range(0, n_samples, BLOCK):
        signal[start : start + BLOCK] = read(start, min(start + BLOCK, n_samples))
    return signal


def unreadable(path: Path, kind: str, error: Exception) -> InputError:
    """Describe in one sentence why a file could not be read."""
    found = " ".join(str(error).split())[:200]
    return InputError(f"{path} is not a complete {kind} ({found}): export or copy it again.")
