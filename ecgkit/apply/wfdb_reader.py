"""WFDB records: a header and the signal files that it names."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.signal_file import Channel, Signal, read_blocks
from ecgkit.data import wfdb_io


def read_wfdb(path: Path) -> list[Channel]:
    """List the channels of a WFDB record, given without extension."""
    header = wfdb_io.read_header(path)
    if hasattr(header, "seg_name"):
        raise InputError(f"{path} consists of several records: give one of them.")
    if not header.sig_len:
        raise InputError(f"{path}.hea does not state the number of samples: write it in line 1.")
    return [
        Channel(lead or "", header.units[i], float(header.fs), partial(_read_wfdb, path, header, i))
        for i, lead in enumerate(header.sig_name or ())
    ]


def _read_wfdb(path: Path, header: Any, i: int) -> Signal:
    """Read a channel in its own unit; compare the sum of its samples with the header's."""
    import wfdb

    total = 0

    def read(start: int, stop: int) -> NDArray[np.float64]:
        nonlocal total
        part = wfdb.rdrecord(str(path), sampfrom=start, sampto=stop, channels=[i], physical=False)
        if part.d_signal.shape != (stop - start, 1):
            raise ValueError(f"{len(part.d_signal)} samples where {stop - start} should be")
        total += int(part.d_signal.sum())
        return part.dac()[:, 0]

    try:
        signal = read_blocks(header.sig_len, read)
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        raise wfdb_io.unreadable(path, error) from error
    stated = header.checksum[i]
    exact = header.samps_per_frame[i] == 1 and not any(header.skew)
    if stated is not None and exact and (total - stated) % 65_536:
        raise InputError(
            f"{header.file_name[i]} is damaged: lead {header.sig_name[i]} does not add up to the "
            f"checksum in its header, {stated}. Copy or fetch record {path.name} again."
        )
    return signal


def read_beats(
    path: Path, n_samples: int, fs: float, annotator: str | None = None
) -> tuple[NDArray[np.int64], NDArray[np.str_]] | tuple[None, None]:
    """Read the annotated beats as sample numbers at `fs` Hz, and symbols; None without any."""
    if not Path(f"{path}.atr").exists():
        return None, None
    return wfdb_io.read_annotations(path, n_samples)
