"""EDF files, read with edfio (the optional extra ``edf``)."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import Any

from ecgkit import InputError
from ecgkit.apply.signal_file import Channel, Signal, read_blocks, unreadable


def read_edf(path: Path) -> list[Channel]:
    """List the channels of an EDF file; InputError if it is damaged or has gaps."""
    try:
        import edfio
    except ImportError as error:
        raise InputError("EDF files need the extra edf: pip install edfio.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # edfio only warns of a file that is cut short
            edf = edfio.read_edf(path, lazy_load_data=True)
        if edf.reserved.startswith("EDF+D") and not edf.is_continuous:
            raise ValueError("there are gaps between its parts")
        return [_channel(path, signal, edf.num_data_records) for signal in edf.signals]
    except Exception as error:  # edfio raises whatever its parsing happens to hit
        raise unreadable(path, "EDF file", error) from error


def _channel(path: Path, signal: Any, n_records: int) -> Channel:
    read = partial(_read_samples, path, signal, n_records * signal.samples_per_data_record)
    return Channel(signal.label, signal.physical_dimension, float(signal.sampling_frequency), read)


def _read_samples(path: Path, signal: Any, n_samples: int) -> Signal:
    fs = signal.sampling_frequency
    try:
        for low, high in (signal.physical_range, signal.digital_range):
            if low == high:  # edfio would return the digital samples
                raise ValueError(f"lead {signal.label} has an empty range of values")
        return read_blocks(n_samples, lambda a, b: signal.get_data_slice(a / fs, b / fs))
    except Exception as error:
        raise unreadable(path, "EDF file", error) from error
