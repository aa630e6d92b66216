"""What the reader of every file format returns: channels, read once a lead is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError

Signal = NDArray[np.float32]  # (samples,)

BLOCK = 1 << 20
"""Samples converted at a time: the libraries return float64 or int64, too much for a day."""


@dataclass(frozen=True)
class Channel:
    """One signal of a file. Unit and sampling rate (Hz) are None where the format has neither."""

    lead: str
    unit: str | None
    fs: float | None
    read: Callable[[], Signal]  # the whole signal, in its unit; InputError if it is damaged


@dataclass(frozen=True)
class SignalFile:
    """The channels of a recording, and the annotated beats where there are any."""

    name: str
    channels: list[Channel]
    r_peaks: NDArray[np.int64] | None = None
    symbols: NDArray[np.str_] | None = None
    synthetic: bool = False


def read_blocks(n_samples: int, read: Callable[[int, int], NDArray]) -> Signal:
    """Fill one array block by block with what ``read(start, stop)`` returns."""
    signal = np.empty(n_samples, np.float32)
    for start in range(0, n_samples, BLOCK):
        stop = min(start + BLOCK, n_samples)
        signal[start:stop] = read(start, stop)
    return signal


def unreadable(path: Path, kind: str, error: Exception) -> InputError:
    """Describe in one sentence why a file could not be read."""
    found = " ".join(str(error).split())[:200]
    return InputError(f"{path} is not a complete {kind} ({found}): export or copy it again.")
