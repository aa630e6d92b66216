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
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.signal_file import BLOCK, Channel, Signal, unreadable

FIELDS = {"label": 16, "transducer": 80, "unit": 8, "low": 8, "high": 8}  # bytes per signal
FIELDS |= {"digital_low": 8, "digital_high": 8, "filters": 80, "n_samples": 8}
CLOCKS = ("EDF Annotations", "BDF Annotations")  # say when a data record begins; no signals
LARGEST = 1 << 28  # samples of an interrupted recording, its gaps included: 12 days at 256 Hz
_ONSET = re.compile(rb"\+?(-?\d{1,9}(?:\.\d{0,9})?)[\x14\x15]")


class _Records(NamedTuple):
    """The data records of a file; each holds some samples of every signal, one after the other."""

    path: Path
    start: int  # byte of the file
    n: int  # complete ones
    layout: np.dtype[Any]  # of one: the bytes of each signal, by its number
    seconds: float  # that one lasts; 0 where the header does not say
    clock: str | None  # the signal that says when each begins, where there may be gaps

    def read(self, signal: str) -> Iterator[NDArray[np.uint8]]:
        """Yield the bytes of a signal block by block, shape (some of the records, bytes)."""
        rows = max(1, BLOCK // self.layout.itemsize)
        with self.path.open("rb") as file:
            file.seek(self.start)
            for first in range(0, self.n, rows):
                yield np.fromfile(file, self.layout, min(rows, self.n - first))[signal]


def read_edf(path: Path) -> list[Channel]:
    """List the channels of an EDF or BDF file; InputError if its header is damaged.

    Only the part of the header that describes the channel to be read has to be right. Of a file
    that is cut short what is complete is read, with a warning.
    """
    try:
        records, signals = _read_header(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, "EDF file", error) from error
    channels = []
    for i, signal in enumerate(signals):
        label, unit, n = _text(signal["label"]), _text(signal["unit"]), _number(signal["n_samples"])
        if n and label not in CLOCKS:
            read = partial(_read_samples, records, f"{i}", int(n), signal)
            raw = not unit and signal["low"] == signal["digital_low"]  # uncalibrated
            fs = n / records.seconds if records.seconds else None
            channels.append(Channel(label, unit or None, fs, read, raw))
    return channels


def _read_header(path: Path) -> tuple[_Records, list[dict[str, bytes]]]:
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
    n, rest = divmod(path.stat().st_size - int(start), layout.itemsize or math.inf)
    stated = _number(head[236:244])  # maybe -1, of a recording that was not ended
    if n < 1:
        raise ValueError("it ends before its first data record does")
    if stated != n and (rest or stated >= 0):
        said = f"{n} whole data records of {seconds:g} s; its header says {stated:g}"
        warnings.warn(f"{path} has {said}: what is there is read.", stacklevel=4)
    clocks = [f"{i}" for i, s in enumerate(signals) if _text(s["label"]) in CLOCKS]
    interrupted = head[195:197] == b"+D"  # of EDF+D or BDF+D
    if interrupted and not (clocks and seconds):
        raise ValueError("it has gaps, and does not say where")
    clock = clocks[0] if interrupted else None
    return _Records(path, int(start), int(n), layout, seconds, clock), signals


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


def _read_samples(records: _Records, name: str, n: int, header: dict[str, bytes]) -> Signal:
    low, high = _number(header["low"]), _number(header["high"])
    digital_low, digital_high = _number(header["digital_low"]), _number(header["digital_high"])
    if not 0 < abs((high - low) * (digital_high - digital_low)) < math.inf:
        found = f"Lead {_text(header['label'])} of {records.path} has no range of values"
        raise InputError(f"{found}, so its steps are not known in mV: export it with its range.")
    step = (high - low) / (digital_high - digital_low)
    try:
        begins = _find_begins(records, n)
        signal, first = np.full(int(begins[-1]) + n, np.nan, np.float32), 0
        for block in records.read(name):
            width = block.shape[1] // n
            integers = np.zeros((len(block), n, 4), np.uint8)  # the lower bytes remain 0
            integers[..., 4 - width :] = block.reshape(len(block), n, width)
            digital = integers.view("<i4")[..., 0] >> 8 * (4 - width)
            samples = begins[first : first + len(block), None] + np.arange(n)
            signal[samples] = (digital - digital_low) * step + low
            first += len(block)
    except (OSError, ValueError) as error:
        raise unreadable(records.path, "EDF file", error) from error
    return signal


def _find_begins(records: _Records, n: int) -> NDArray[np.int64]:
    """Return the sample at which each data record of n samples begins, shape (records,)."""
    begins = np.arange(records.n) * n
    if records.clock is None:
        return begins
    fields = (field.tobytes() for block in records.read(records.clock) for field in block)
    onsets = np.array([float(match[1] if (match := _ONSET.match(f)) else "nan") for f in fields])
    fs = n / records.seconds
    late = onsets * fs - begins  # samples without the gaps, from when the first is known
    late -= late[np.isfinite(late)][:1].sum()
    rounding = max(1, 0.01 * fs)  # samples: the clocks of devices are not exact
    gap, gaps = 0, []
    for samples in late:
        gap = round(samples) if samples > gap + rounding else gap
        gaps.append(gap)
    if gap > LARGEST:
        raise ValueError("its parts lie too far apart: export each as a file of its own")
    if odd := int((~(late >= np.array(gaps) - rounding)).sum()):
        which = f"when {odd} of its {records.n} data records begin"
        fault = f"{records.path} does not say, or wrongly, {which}"
        warnings.warn(f"{fault}: no gap before them is known.", stacklevel=4)
    return begins + gaps
