"""EDF and BDF files: a header of ASCII fields of fixed width, then integers of 16 or 24 bits.

Read here, because no library reads what devices write. Of edfio, pyedflib and MNE none keeps the
gaps of an interrupted recording (EDF+D) or accepts a range with decimal commas; pyedflib refuses a
file that breaks the standard anywhere, and edfio holds all channels of a BDF file in memory. The
tests compare this reader with edfio.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.signal_file import BLOCK, Channel, Signal, unreadable

FIELDS = {"label": 16, "transducer": 80, "unit": 8, "low": 8, "high": 8}  # bytes per signal
FIELDS |= {"digital_low": 8, "digital_high": 8, "filters": 80, "n_samples": 8}
CLOCKS = ("EDF Annotations", "BDF Annotations")  # say when a data record begins; no signals
LARGEST = 1 << 28  # samples that gaps may have: 12 days at 256 Hz
ROUNDING_S = 0.01  # the clocks of devices are not exact
_ONSET = re.compile(rb"\+?(-?\d{1,9}(?:\.\d{0,9})?)[\x14\x15]")


def read_edf(path: Path) -> list[Channel]:
    """List the channels of an EDF or BDF file; InputError if its header is damaged.

    Only the part of the header that describes the channel to be read has to be right. Of a file
    that is cut short what is complete is read, with a warning.
    """
    try:
        return _list_channels(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, "EDF file", error) from error


def _list_channels(path: Path) -> list[Channel]:
    with path.open("rb") as file:
        head = file.read(256)
        n_signals = _number(head[252:256]) if head[:1] in (b"0", b"\xff") else 0
        start = 256 * (n_signals + 1)
        if not 0 < n_signals < 10_000 or abs(_number(head[184:192]) - start) > 0:  # NaN: blank
            raise ValueError("its header does not begin as one")
        columns = [np.fromfile(file, f"S{size}", int(n_signals)) for size in FIELDS.values()]
    signals = [dict(zip(FIELDS, cells, strict=True)) for cells in zip(*columns, strict=True)]
    lengths, seconds = [_number(s["n_samples"]) for s in signals], _number(head[244:252])
    if not all(0 <= n < 1e9 and n % 1 == 0 for n in lengths) or not 0 <= seconds < 1e9:
        raise ValueError("its header does not say how long a data record is")
    width = 3 if head.startswith(b"\xff") else 2  # bytes of a sample
    layout = np.dtype([(f"{i}", "u1", (int(n) * width,)) for i, n in enumerate(lengths)])
    n_records, rest = divmod(path.stat().st_size - int(start), layout.itemsize or math.inf)
    stated = _number(head[236:244])  # maybe -1, of a recording that was not ended
    if n_records < 1:
        raise ValueError("it ends before its first data record does")
    if stated != n_records and (rest or stated >= 0):
        said = f"{n_records} whole data records of {seconds:g} s; its header says {stated:g}"
        warnings.warn(f"{path} has {said}: what is there is read.", stacklevel=4)
    blocks = partial(_read_blocks, path, int(start), int(n_records), layout)
    gaps, labels = np.zeros(int(n_records)), [_text(signal["label"]) for signal in signals]
    if head[195:197] == b"+D":  # of EDF+D or BDF+D
        clocks = [i for i, label in enumerate(labels) if label in CLOCKS]
        if not clocks or not seconds:
            raise ValueError("it has gaps, and does not say where")
        gaps = _find_gaps(path, blocks(clocks[0]), seconds)
    channels = []
    for i, (label, n, signal) in enumerate(zip(labels, lengths, signals, strict=True)):
        if n and label not in CLOCKS:
            unit, fs = _text(signal["unit"]), n / seconds if seconds else None
            read = partial(_read_samples, path, partial(blocks, i), gaps, fs or 0.0, int(n), signal)
            raw = not unit and signal["low"] == signal["digital_low"]  # uncalibrated
            channels.append(Channel(label, unit or None, fs, read, raw))
    return channels


def _text(field: bytes) -> str:
    """Decode a field; the standard has it ASCII, devices write UTF-8 or Latin-1."""
    field = field.strip(b" \0")
    try:
        return field.decode("utf-8")
    except UnicodeDecodeError:
        return field.decode("latin-1")


def _number(field: bytes) -> float:
    """Return a field's number, maybe with a decimal comma; NaN if it holds none."""
    try:
        return float(_text(field).replace(",", "."))
    except ValueError:
        return math.nan


def _read_blocks(
    path: Path, start: int, n_records: int, layout: np.dtype[Any], signal: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of a signal block by block, shape (some of the data records, bytes)."""
    rows = max(1, BLOCK // layout.itemsize)
    with path.open("rb") as file:
        file.seek(start)
        for first in range(0, n_records, rows):
            yield np.fromfile(file, layout, min(rows, n_records - first))[f"{signal}"]


def _read_samples(
    path: Path,
    blocks: Callable[[], Iterator[NDArray[np.uint8]]],
    gaps: NDArray[np.float64],
    fs: float,
    n: int,
    header: dict[str, bytes],
) -> Signal:
    """Read the n samples of each data record to where it begins, after gaps in seconds: NaN."""
    low, high = _number(header["low"]), _number(header["high"])
    digital_low, digital_high = _number(header["digital_low"]), _number(header["digital_high"])
    if not 0 < abs((high - low) * (digital_high - digital_low)) < math.inf:
        found = f"Lead {_text(header['label'])} of {path} has no range of values"
        raise InputError(f"{found}, so its steps are not known in mV: export it with its range.")
    step, first = (high - low) / (digital_high - digital_low), 0
    begins = np.arange(len(gaps)) * n + np.rint(gaps * fs).astype(np.int64)
    try:
        if begins[-1] > len(begins) * n + LARGEST:
            raise ValueError("its parts lie too far apart: export each as a file of its own")
        signal = np.full(int(begins[-1]) + n, np.nan, np.float32)
        for block in blocks():
            width = block.shape[1] // n
            integers = np.zeros((len(block), n, 4), np.uint8)  # the lower bytes remain 0
            integers[..., 4 - width :] = block.reshape(len(block), n, width)
            digital = integers.view("<i4")[..., 0] >> 8 * (4 - width)
            samples = begins[first : first + len(block), None] + np.arange(n)
            signal[samples] = (digital - digital_low) * step + low
            first += len(block)
    except (OSError, ValueError) as error:
        raise unreadable(path, "EDF file", error) from error
    return signal


def _find_gaps(
    path: Path, clock: Iterator[NDArray[np.uint8]], seconds: float
) -> NDArray[np.float64]:
    """Return the seconds of gaps before each data record, shape (records,)."""
    fields = (field.tobytes() for block in clock for field in block)
    onsets = np.array([float(match[1] if (match := _ONSET.match(f)) else "nan") for f in fields])
    late = onsets - np.arange(len(onsets)) * seconds
    late -= late[np.isfinite(late)][:1].sum()  # the first that is known has no gap before it
    gap, gaps = 0.0, np.zeros(len(late))
    for i, found in enumerate(late):
        gap = gaps[i] = found if found > gap + ROUNDING_S else gap
    if odd := int((~(late >= gaps - ROUNDING_S)).sum()):
        fault = f"{path} does not say, or wrongly, when {odd} of its {len(gaps)} data records begin"
        warnings.warn(f"{fault}: no gap before them is known.", stacklevel=4)
    return gaps
