"""EDF files, read with edfio (the optional extra ``edf``)."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import Any

from ecgkit import InputError
from ecgkit.apply.signal_file import Channel, Signal, SignalFile, read_blocks, unreadable


def read_edf(path: Path) -> SignalFile:
    """List the channels of an EDF file; InputError if it is damaged or has gaps."""
    try:
        import edfio
    except ImportError as error:
        raise InputError(
            'EDF files need the extra edf: pip install "ecgkit-book[edf] @ '
            'git+https://github.com/ecgkit-book/ecgkit-book".'
        ) from error
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            edf = edfio.read_edf(path, lazy_load_data=True)
        if caught:  # edfio only warns of a file that is cut short
            raise ValueError(str(caught[0].message))
        has_gaps = edf.reserved.startswith("EDF+D") and not edf.is_continuous
        channels = []
        for signal in edf.signals:
            n_samples = edf.num_data_records * signal.samples_per_data_record
            read = partial(_read_samples, path, signal, n_samples)
            fs = float(signal.sampling_frequency)
            channels.append(Channel(signal.label, signal.physical_dimension, fs, read))
    except Exception as error:  # edfio raises whatever its parsing happens to hit
        raise unreadable(path, "EDF file", error) from error
    if has_gaps:
        raise InputError(f"{path} has gaps between its parts: export each part separately.")
    return SignalFile(path.stem, channels)


def _read_samples(path: Path, signal: Any, n_samples: int) -> Signal:
    fs = signal.sampling_frequency
    try:
        for low, high in (signal.physical_range, signal.digital_range):
            if low == high:  # edfio would return the digital samples
                raise ValueError(f"lead {signal.label} has an empty range of values")
        return read_blocks(n_samples, lambda a, b: signal.get_data_slice(a / fs, b / fs))
    except Exception as error:
        raise unreadable(path, "EDF file", error) from error
