"""Any recording, read as one lead: a float32 array in mV at the file's sampling rate."""

from __future__ import annotations

import csv
import gzip
import math
import re
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.csv_reader import read_csv
from ecgkit.apply.foreign import find_reader
from ecgkit.apply.leads import millivolts, pick_lead
from ecgkit.apply.signal_file import BLOCK, Channel, Signal, unreadable
from ecgkit.apply.wfdb_reader import ANNOTATORS, find_record, read_beats, read_wfdb
from ecgkit.data import wfdb_io

TABLES = (".csv", ".tsv", ".txt")
Given = float | None  # an option, None where it is not given


@dataclass(frozen=True)
class Recording:
    """One lead of a recording."""

    name: str
    fs: float  #: Sampling rate in Hz.
    lead: str  #: ``""`` where the lead has no name.
    signal: Signal  #: Shape (samples,), in mV; NaN where the file has no value.
    r_peaks: NDArray[np.int64] | None = None  #: Sample number of each annotated beat.
    symbols: NDArray[np.str_] | None = None  #: The symbols of these beats.
    synthetic: bool = False  #: Whether the file says that a computer made it.

    @property
    def seconds(self) -> float:
        return len(self.signal) / self.fs


def read_recording(
    path: Path | str,
    lead: str | None = None,
    fs: float | None = None,
    units: str | None = None,
    *,
    gain: float | None = None,
    baseline: float | None = None,
    annotator: str | None = None,
    annotated: bool = True,
) -> Recording:
    """Read one lead of a WFDB record, CSV or EDF file; InputError if that is not possible.

    Parameters
    ----------
    path, lead : Path or str, and str, optional
        A WFDB record's extension may be left out; a lead's name or ``"first"``. None takes MLII,
        else II, else the first with a warning.
    fs, units : float, str, optional
        Hz, which a CSV does not state; ``"mV"``, ``"uV"`` or ``"V"``, if the file has none or errs.
    gain, baseline : float, optional
        Steps of the converter per mV, and the number that stands for 0 mV (default: the median),
        for a file of a converter's integers.
    annotator : str, optional
        Extension of the WFDB file that marks the beats; default: ``atr``, else another there is.
    annotated : bool
        False leaves beats that are annotated unread.
    """
    path = Path(path)
    if path.suffix.lower() == ".gz" and path.is_file():
        return _read_gz(path, lead, fs, units, gain=gain, baseline=baseline, annotator=annotator)
    path, list_channels, named = _find_reader(path)
    if annotator and list_channels is not read_wfdb:
        raise InputError(f"{path} is no WFDB record, so it has no annotator: omit --annotator.")
    try:
        channel = pick_lead(list_channels(path), lead, path)
        rate = _sampling_rate(channel, fs, path)
        with np.errstate(all="ignore"):  # what overflows becomes infinite, reported as missing
            signal = channel.read()
            if not len(signal):
                raise InputError(f"{path} holds no samples: record or export it again.")
            zero, factor = _scale(channel, signal, path, units, gain, baseline)
            signal -= np.float32(zero)
            signal *= np.float32(factor)
    except InputError:
        raise
    except (OSError, ValueError, LookupError, csv.Error) as error:
        raise unreadable(path, "recording", error) from error
    if list_channels is not read_wfdb:
        return Recording(path.stem, rate, channel.lead, signal)
    synthetic = wfdb_io.read_header(path).synthetic
    r_peaks, symbols = None, None
    if annotated:
        r_peaks, symbols = read_beats(path, len(signal), rate, annotator or named)
    return Recording(path.name, rate, channel.lead, signal, r_peaks, symbols, synthetic)


def _read_gz(path: Path, *arguments: Any, **options: Any) -> Recording:
    """Read a recording that gzip compressed."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        unpacked = Path(folder, path.stem)
        try:
            with gzip.open(path) as file, unpacked.open("wb") as copy:
                shutil.copyfileobj(file, copy, BLOCK)
            recording = read_recording(unpacked, *arguments, **options)
        except InputError as error:
            raise InputError(str(error).replace(str(unpacked), str(path))) from error
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(path, "gzip file", error) from error
    for warning in caught:
        warnings.warn(str(warning.message).replace(str(unpacked), str(path)), stacklevel=3)
    return recording


def _find_reader(path: Path) -> tuple[Path, Callable[[Path], list[Channel]], str | None]:
    """Choose the reader of a file; of a WFDB record also its path and the annotator named."""
    record, named = find_record(path)
    if record and named in (None, *ANNOTATORS):
        return record, read_wfdb, named
    if path.is_dir():
        raise InputError(f"{path} is a folder: name recordings in it, several with --out-dir.")
    if re.match(r"\w{2,}:/", str(path)):  # pathlib leaves one slash of two
        raise InputError(f"{path} is an address: download the recording's files first.")
    if not path.exists():
        raise InputError(f"There is no recording at {path}: neither this file nor {path}.hea.")
    reader = find_reader(path) or (read_csv if path.suffix.lower() in TABLES else None)
    if reader is None and record:
        return record, read_wfdb, named
    if reader is None:
        raise InputError(f"{path} has no known format: give a WFDB record, a CSV or an EDF file.")
    return path, reader, None


def _sampling_rate(channel: Channel, given: Given, path: Path) -> float:
    """Return the sampling rate that is given, or else the one that the file states."""
    rate = given if channel.fs is None else channel.fs
    if rate is None or not 0 < rate < math.inf:
        raise InputError(f"{path} has no sampling rate ({rate}): give one with --fs, in Hz.")
    tolerance = 0.01 if path.suffix.lower() in TABLES else 1e-6  # times are not exact
    if given is not None and not math.isclose(given, rate, rel_tol=tolerance):
        found = f"{path} has a sampling rate of {rate:g} Hz, as it or its time column states"
        raise InputError(f"{found}, not {given:g}: omit --fs.")
    return given or rate


def _scale(
    channel: Channel, signal: Signal, path: Path, units: str | None, gain: Given, baseline: Given
) -> tuple[float, float]:
    """Return which number is 0 mV, and what one step is in mV; guess a unit that nobody states."""
    unit = units or channel.unit
    if gain is not None or baseline is not None:
        if gain is None or units is not None:
            raise InputError("--baseline goes with --gain, and --gain without --units.")
        if unit and not channel.raw:
            raise InputError(f"{path} states a unit, {unit}: omit --gain and --baseline.")
        if not 0 < abs(gain) < math.inf:
            raise InputError(f"The gain is {gain:g} per mV: give another number than 0.")
        return float(np.nanmedian(signal)) if baseline is None else baseline, 1 / gain
    if channel.raw and units is None:
        raise InputError(
            f"{path} holds integers as of a converter: state its steps per mV with --gain (and "
            "the one of 0 mV with --baseline), or --units if they are in mV, uV or V."
        )
    if unit is None:
        start = signal[:65_536]
        start = start[np.isfinite(start)]
        span = float(np.ptp(np.percentile(start, [0.5, 99.5]))) if len(start) else 0.0
        unit = "uV" if span > 50 else "V" if 0 < span < 0.05 else "mV"  # an ECG: 0.1 to 10 mV
        warnings.warn(
            f"{path} does not state its unit: a span of {span:.3g} looks like {unit}, which is "
            "assumed. State it with --units, or --gain for the steps of a converter.",
            stacklevel=3,
        )
    factor = millivolts(unit)
    if factor is None:
        found = f"Lead {channel.lead} of {path} is in {unit or 'no unit'}"
        raise InputError(f"{found}: state it with --units mV, uV or V, or take another lead.")
    return 0.0, factor
