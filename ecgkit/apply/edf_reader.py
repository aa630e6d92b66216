"""EDF and BDF files: a header of ASCII fields of fixed width, then integers of 16 or 24 bits.

Of edfio, pyedflib and MNE none reads what devices write: gaps of an interrupted recording (EDF+D),
decimal commas, faults outside the channel to be read. The tests compare this reader with edfio.
"""

import math
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit.apply.leads import RAW, Channel, Signal
from ecgkit.data.wfdb_io import BLOCK

FIELDS = {"label": 16, "transducer": 80, "unit": 8, "low": 8, "high": 8}  # bytes per signal
FIELDS |= {"digital_low": 8, "digital_high": 8, "filters": 80, "n_samples": 8}
CLOCKS = ("EDF Annotations", "BDF Annotations")  # say when a data record begins; no signals
LARGEST = 1 << 28  # samples that gaps may have: 12 days at 256 Hz
ROUNDING_S = 0.01  # the clocks of devices are not exact
Blocks = Iterator[NDArray[np.uint8]]  # shape of each: (some data records, samples, bytes)
_ONSET = re.compile(rb"\+?(-?\d{1,9}(?:\.\d{0,9})?)[\x14\x15]")


def read_edf(path: Path) -> list[Channel]:
    """List the channels of an EDF or BDF file; ValueError if its header is damaged.

    Only the part of the header that describes the channel to be read has to be right. Of a file
    that is cut short what is complete is read, with a warning.
    """
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
    layout = np.dtype([(f"{i}", "u1", (int(n), width)) for i, n in enumerate(lengths)])
    n_records, rest = divmod(path.stat().st_size - int(start), layout.itemsize or math.inf)
    stated = _number(head[236:244])  # maybe -1, of a recording that was not ended
    if n_records < 1:
        raise ValueError("it ends before its first data record does")
    if stated != n_records and (rest or stated >= 0):
        said = f"{n_records} whole data records of {seconds:g} s; its header says {stated:g}"
        warnings.warn(f"{path} has {said}: what is there is read.", stacklevel=3)
    blocks = [partial(_read_blocks, path, int(start), layout, f"{i}") for i in range(len(signals))]
    gaps, labels = np.zeros(int(n_records)), [_text(signal["label"]) for signal in signals]
    if head[195:197] == b"+D":  # of EDF+D or BDF+D
        clocks = [read for read, label in zip(blocks, labels, strict=True) if label in CLOCKS]
        if not clocks or not seconds:
            raise ValueError("it has gaps, and does not say where")
        gaps = _find_gaps(path, clocks[0](), seconds)
    channels = []
    for i, (label, n, signal) in enumerate(zip(labels, lengths, signals, strict=True)):
        if n and label not in CLOCKS:
            fs = n / seconds if seconds else None
            unit = RAW if signal["low"] == signal["digital_low"] else None  # uncalibrated
            read = partial(_read_samples, blocks[i], gaps * (fs or 0.0), signal)
            channels.append(Channel(label, _text(signal["unit"]) or unit, fs, read))
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


def _read_blocks(path: Path, start: int, layout: np.dtype[Any], name: str) -> Blocks:
    """Yield the bytes of a signal."""
    rows = max(1, BLOCK // layout.itemsize)
    for offset in range(start, path.stat().st_size - layout.itemsize + 1, rows * layout.itemsize):
        yield np.fromfile(path, layout, rows, offset=offset)[name]


def _read_samples(
    blocks: Callable[[], Blocks], gaps: NDArray[np.float64], header: dict[str, bytes]
) -> Signal:
    """Read a signal, NaN in the gaps, which are given in samples before each data record."""
    _, _, _, low, high, bottom, top, _, n = map(_number, header.values())
    if not 0 < abs((high - low) * (top - bottom)) < math.inf:
        raise ValueError(f"lead {_text(header['label'])} has no range of values, so no known steps")
    if gaps[-1] > LARGEST:
        raise ValueError("its parts lie too far apart: export each as a file of its own")
    step, first = (high - low) / (top - bottom), 0
    begins = np.arange(len(gaps)) * int(n) + np.rint(gaps).astype(np.int64)
    signal = np.full(int(begins[-1] + n), np.nan, np.float32)
    for block in blocks():
        integers = np.zeros((*block.shape[:2], 4), np.uint8)  # the lower bytes remain 0
        integers[..., -block.shape[2] :] = block
        digital = integers.view("<i4")[..., 0] >> 8 * (4 - block.shape[2])
        samples = begins[first : first + len(block), None] + np.arange(block.shape[1])
        signal[samples] = (digital - bottom) * step + low
        first += len(block)
    return signal


def _find_gaps(path: Path, clock: Blocks, seconds: float) -> NDArray[np.float64]:
    """Return the seconds of gaps before each data record, shape (records,)."""
    matches = [_ONSET.match(field.tobytes()) for block in clock for field in block]
    onsets = np.array([float(match[1]) if match else np.nan for match in matches])
    late = onsets - np.arange(len(onsets)) * seconds
    late -= late[np.isfinite(late)][:1].sum()  # the first that is known has no gap before it
    gap, gaps = 0.0, np.zeros(len(late))
    for i, found in enumerate(late):
        gap = gaps[i] = found if found > gap + ROUNDING_S else gap
    if odd := int((~(late >= gaps - ROUNDING_S)).sum()):
        fault = f"{path} does not say, or wrongly, when {odd} of its {len(gaps)} data records begin"
        warnings.warn(f"{fault}: no gap before them is known.", stacklevel=3)
    return gaps
