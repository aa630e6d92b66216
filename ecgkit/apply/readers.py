"""Any recording, read as one lead: a float32 array in mV at the file's sampling rate.

Each format has one function, which lists the channels of a file. The rules for every format are
here: lead, unit, sampling rate. What a file does not say is asked for, or guessed with a warning.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.csv_reader import read_csv
from ecgkit.apply.edf_reader import read_edf
from ecgkit.apply.signal_file import Channel, Signal, SignalFile, read_blocks
from ecgkit.data import wfdb_io

MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "V": 1e3}
"""One of each unit in mV."""

TRAINED_ON = ("MLII", "II")
"""Leads like the one that the published weights were trained on."""


@dataclass(frozen=True)
class Recording:
    """One lead of a recording.

    Attributes
    ----------
    name : str
    fs : float
        Sampling rate in Hz.
    lead : str
        ``""`` where the lead has no name.
    signal : ndarray of float32, shape (samples,)
        In mV; NaN where the file has no value.
    r_peaks : ndarray of int64, shape (n_beats,), or None
        Sample numbers of the annotated beats.
    symbols : ndarray of str, shape (n_beats,), or None
        The annotator's symbol of each beat.
    synthetic : bool
        Whether the file says that a computer made it.
    """

    name: str
    fs: float
    lead: str
    signal: Signal
    r_peaks: NDArray[np.int64] | None = None
    symbols: NDArray[np.str_] | None = None
    synthetic: bool = False

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return len(self.signal) / self.fs


def read_recording(
    path: Path | str, lead: str | None = None, fs: float | None = None, units: str | None = None
) -> Recording:
    """Read one lead of a WFDB record, a CSV file or an EDF file.

    Parameters
    ----------
    path : Path or str
        A file, or a WFDB record's path with or without extension.
    lead : str, optional
        Name of the lead, or ``"first"``. None takes MLII, else II, else the first with a warning.
    fs : float, optional
        Sampling rate in Hz, needed for a CSV file; the other formats state it.
    units : str, optional
        ``"mV"``, ``"uV"`` or ``"V"``, where the file states none or a wrong one.

    Returns
    -------
    recording : Recording

    Raises
    ------
    InputError
        If the file is missing or damaged, has no such lead, or does not say what must be known.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "ecg.csv"
    >>> _ = path.write_text("time,MLII (uV)\\n0.000,100\\n0.004,-250\\n")
    >>> recording = read_recording(path, fs=250)
    >>> recording.lead, recording.signal
    ('MLII', array([ 0.1 , -0.25], dtype=float32))
    """
    path = Path(path)
    file = _open(path)
    channel = file.channels[_pick_lead([c.lead for c in file.channels], lead, path)]
    rate = _sampling_rate(channel.fs, fs, path)
    with np.errstate(all="ignore"):  # what overflows becomes infinite, and is reported as missing
        signal = channel.read()
        if not len(signal):
            raise InputError(f"{path} holds no samples: record or export it again.")
        signal *= np.float32(_millivolts(channel, signal, units, path))
    marks = file.r_peaks, file.symbols
    return Recording(file.name, rate, channel.lead, signal, *marks, file.synthetic)


def _open(path: Path) -> SignalFile:
    """Choose the reader by the file's suffix."""
    suffix = path.suffix.lower()
    if suffix in (".hea", ".dat", ".atr"):
        return read_wfdb(path.with_suffix(""))
    if Path(f"{path}.hea").exists():
        return read_wfdb(path)
    if not path.exists():
        raise InputError(f"There is no recording at {path}: neither this file nor {path}.hea.")
    if suffix not in READERS:
        known = ", ".join(READERS)
        raise InputError(f"{path} has no known format: give a WFDB record or one of {known} files.")
    return READERS[suffix](path)


def _pick_lead(leads: Sequence[str], wanted: str | None, path: Path) -> int:
    """Return the number of the lead wanted; warn where the weights were trained on another."""
    plain = [re.sub(r"^(ECG|EKG)[\s_-]*", "", lead.strip(), flags=re.I).upper() for lead in leads]
    if not leads:
        raise InputError(f"{path} has no signal: record or export it again.")
    if wanted not in (None, "first"):
        for names, word in ((leads, wanted), (plain, wanted.upper())):
            if word in names:
                return list(names).index(word)
        raise InputError(
            f"{path} has no lead {wanted!r}: name one of {', '.join(leads)}, or take 'first'."
        )
    for known in TRAINED_ON if wanted is None else ():
        if known in plain:
            return plain.index(known)
    if plain[0] not in TRAINED_ON:
        taken = f"lead {leads[0]}" if plain[0] else "a lead without a name"
        others = f" (there are {', '.join(leads)}; choose with --lead)" if len(leads) > 1 else ""
        warnings.warn(
            f"{path}: {taken} is read{others}. The published weights were trained on MLII only: "
            "expect more mistakes on any other lead.",
            stacklevel=3,
        )
    return 0


def _sampling_rate(stated: float | None, given: float | None, path: Path) -> float:
    """Return the sampling rate that the file states, or the one given where it states none."""
    rate = given if stated is None else stated
    if rate is None:
        raise InputError(f"{path} does not state its sampling rate: give it with --fs, in Hz.")
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(f"{path} cannot have a sampling rate of {rate:g} Hz: correct it.")
    if given is not None and not abs(given - rate) <= 1e-6 * rate:
        raise InputError(f"{path} states a sampling rate of {rate:g} Hz, not {given:g}: omit --fs.")
    return rate


def _millivolts(channel: Channel, signal: Signal, given: str | None, path: Path) -> float:
    """Return what one of the channel's units is in mV."""
    unit = given or channel.unit
    unit = _guess_unit(signal, path) if unit is None else unit.strip()
    known = {name.lower(): factor for name, factor in MILLIVOLTS.items()}
    word = unit.lower().replace("µ", "u").replace("μ", "u")
    if word not in known:
        raise InputError(
            f"Lead {channel.lead} of {path} is in {unit or 'no unit'}, not in a voltage: take "
            f"another lead, or state the unit with --units {', '.join(MILLIVOLTS)}."
        )
    return known[word]


def _guess_unit(signal: Signal, path: Path) -> str:
    """Guess a unit from the span of the first samples; an ECG spans 0.1 to 10 mV."""
    start = signal[:65_536]
    start = start[np.isfinite(start)]
    span = float(np.ptp(np.percentile(start, [0.5, 99.5]))) if len(start) else 0.0
    unit = "uV" if span > 50 else "V" if 0 < span < 0.05 else "mV"
    doubt = " (or steps of a converter, for which no unit is right)" if unit == "uV" else ""
    warnings.warn(
        f"{path} does not state its unit: a span of {span:.3g} looks like {unit}{doubt}, which is "
        "assumed; --units overrides it.",
        stacklevel=4,
    )
    return unit


def read_wfdb(path: Path) -> SignalFile:
    """List the channels of a WFDB record, given without extension, and its annotated beats."""
    import wfdb

    header = wfdb_io.read_header(path)
    if isinstance(header, wfdb.MultiRecord):
        raise InputError(f"{path} consists of several records: give one of them.")
    if not header.sig_len:
        raise InputError(
            f"{path}.hea does not state the number of samples: write it behind the sampling rate "
            "in the first line."
        )
    channels = [
        Channel(lead or "", header.units[i], float(header.fs), partial(_read_wfdb, path, header, i))
        for i, lead in enumerate(header.sig_name or ())
    ]
    synthetic = any("SYNTHETIC" in comment for comment in header.comments)
    if not Path(f"{path}.atr").exists():
        return SignalFile(path.name, channels, synthetic=synthetic)
    marks = wfdb_io.read_annotations(path, header.sig_len)
    return SignalFile(path.name, channels, *marks, synthetic)


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
    except FileNotFoundError as error:
        missing = error.filename or header.file_name[i]
        raise InputError(f"{missing} is missing from record {path.name}: copy it, too.") from error
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        raise wfdb_io.unreadable(path, error) from error
    stated = header.checksum[i]
    exact = header.samps_per_frame[i] == 1 and not any(header.skew)
    if stated is not None and exact and (total - stated) % 65_536:
        raise InputError(
            f"{header.file_name[i]} is damaged: lead {header.sig_name[i]} adds up to "
            f"{(total + 32_768) % 65_536 - 32_768}, its header says {stated}. Copy or fetch record "
            f"{path.name} again; if the header is wrong, correct the checksum there."
        )
    return signal


READERS: dict[str, Callable[[Path], SignalFile]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), read_csv),
    ".edf": read_edf,
}
"""Suffix -> function that lists the channels; a WFDB record is recognized by its ``.hea`` file."""
