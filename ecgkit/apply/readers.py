"""Any recording, read as one lead: a float32 array in mV at the file's sampling rate.

Formats are recognized by first bytes or suffix. Those of hospitals and Holter recorders are read
with ecgdatakit (the optional extra ``clinical``).
"""

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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.csv_reader import read_csv
from ecgkit.apply.edf_reader import read_edf
from ecgkit.apply.leads import RAW, Channel, Signal, millivolts, pick_lead
from ecgkit.apply.wfdb_reader import ANNOTATORS, find_record, read_beats, read_wfdb
from ecgkit.data import wfdb_io

FORMATS = (  # name, first bytes, suffixes, how to convert what is not read
    ("a DICOM file", rb".{128}DICM", ".dcm", ""),
    ("an SCP-ECG file", rb".{16}SCPECG", ".scp", ""),
    ("an ISHNE Holter file", rb"ISHNE1\.0|ANN  1\.0", ".ecg .hol .ishne", ""),
    ("an XML file", rb"(\xef\xbb\xbf|\xff\xfe)?\s*<\0?[?\w]", ".xml", ""),  # such as HL7 aECG
    ("an MFER file", rb"@ MFR ", ".mwf .mfer", ""),
    ("a FHIR file", rb'\s*\{.*"resourceType"', "", "write valueSampledData times factor as CSV"),
    ("a JSON file", rb"\s*\{\s*\"", ".json", ""),  # AliveCor Kardia
    ("a spreadsheet", rb"PK.*(xl/|\[Cont|sheet)|\xd0\xcf", ".xlsx .xls .ods", "save it as CSV"),
    ("a zip archive", rb"PK\x03\x04", ".zip .npz", "unpack it"),
    ("a Parquet file", rb"PAR1", ".parquet", "write it as CSV with pandas"),
    ("a NumPy array", rb"\x93NUMPY", ".npy", "write it as CSV with numpy.savetxt"),
    ("an HDF5 file", rb"\x89HDF", ".h5 .hdf5", "write its signal as CSV with h5py and NumPy"),
    ("a MATLAB 7.3 file", rb"MATLAB 7\.3", "", "save it in MATLAB with the option -v7"),
    ("an AcqKnowledge file", rb"(?!)", ".acq", "convert it with acq2txt of the package bioread"),
    ("a LabChart file", rb"(?!)", ".adicht", "export it as text in LabChart"),
    ("an EEG file", rb"(?!)", ".vhdr .gdf .fif .set", "export it as EDF with MNE"),
    ("a picture", rb"\x89PNG|\xff\xd8\xff|%PDF", "", "export the signal from the device instead"),
)
TABLES = (".csv", ".tsv", ".txt")
Given = float | None  # an option, None where it is not given
_DAMAGE = (OSError, EOFError, MemoryError, ValueError, LookupError, csv.Error, zlib.error)


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
        else II, else the only one that can be an ECG or, with a warning, the first standard one.
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
    try:
        if path.suffix.lower() == ".gz" and path.is_file():
            return _unpack(path, lead, fs, units, gain=gain, baseline=baseline, annotator=annotator)
        path, list_channels, named = _find_reader(path)
        if annotator and list_channels is not read_wfdb:
            raise InputError(f"{path} is no WFDB record, so it has no annotator: omit --annotator.")
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
    except _DAMAGE as error:
        fault = f"{path} is not a complete recording ({' '.join(str(error).split())[:200]})"
        raise InputError(f"{fault}: export or copy it again.") from error
    if list_channels is not read_wfdb:
        return Recording(path.stem, rate, channel.lead, signal)
    synthetic = wfdb_io.read_header(path).synthetic
    r_peaks, symbols = None, None
    if annotated:
        r_peaks, symbols = read_beats(path, len(signal), rate, annotator or named)
    return Recording(path.name, rate, channel.lead, signal, r_peaks, symbols, synthetic)


def _unpack(path: Path, *arguments: Any, **options: Any) -> Recording:
    """Read a recording that gzip compressed."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        unpacked = Path(folder, path.stem)
        with gzip.open(path) as file, unpacked.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        try:
            recording = read_recording(unpacked, *arguments, **options)
        except InputError as error:
            raise InputError(str(error).replace(str(unpacked), str(path))) from error
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
    with path.open("rb") as file:
        head = file.read(4096)
    suffix = path.suffix.lower()
    if head.startswith((b"0       ", b"\xffBIOSEMI")) or suffix in (".edf", ".bdf", ".rec"):
        return path, read_edf, None
    if suffix == ".mat" and not head.startswith(b"MATLAB 7.3"):
        return path, _read_mat, None
    found = [row for row in FORMATS if re.match(row[1], head, re.DOTALL)]
    for name, *_, advice in found or [row for row in FORMATS if suffix in row[2].split()]:
        if advice:
            raise InputError(f"{path} is {name}, a format that is not read: {advice}.")
        return path, partial(_read_clinical, name=name), None
    if suffix in TABLES:
        return path, read_csv, None
    if record:
        return record, read_wfdb, named
    raise InputError(f"{path} has no known format: give a WFDB record, a CSV or an EDF file.")


def _read_clinical(path: Path, name: str) -> list[Channel]:
    try:
        from ecgdatakit import FileParser
    except ImportError as error:
        how = "pip install 'ecgdatakit[dicom]'"
        raise InputError(f"{path} is {name}, which needs the extra clinical: {how}.") from error
    channels = []
    try:
        for lead in FileParser.parse(path).leads:
            unit, fs = RAW if lead.is_raw else lead.units or None, float(lead.sampling_rate)
            read = partial(np.array, lead.samples, np.float32)
            channels.append(Channel(lead.label, unit, fs, read))
    except Exception as error:  # whatever its parsers happen to hit
        raise ValueError(f"{name}: {error}") from error
    return channels


def _read_mat(path: Path) -> list[Channel]:
    """List the rows of ``val`` in a MATLAB file, as of PhysioNet's Challenges."""
    try:
        val = np.atleast_2d(scipy.io.loadmat(path, variable_names="val")["val"]).astype(np.float32)
    except Exception as error:  # whatever its parsing happens to hit
        raise ValueError(f"a MATLAB file of a signal val: {error}") from error
    names = [f"row {i}" for i in range(1, len(val) + 1)] if len(val) > 1 else [""]
    unit = RAW if (val % 1 == 0).all() else None  # whole numbers are those of a converter
    return [Channel(name, unit, None, row.copy) for name, row in zip(names, val, strict=True)]


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
        if unit not in (None, RAW):
            raise InputError(f"{path} states a unit, {unit}: omit --gain and --baseline.")
        if not 0 < abs(gain) < math.inf:
            raise InputError(f"The gain is {gain:g} per mV: give another number than 0.")
        return float(np.nanmedian(signal)) if baseline is None else baseline, 1 / gain
    if unit == RAW:
        raise InputError(
            f"{path} holds integers as of a converter: state its steps per mV with --gain (and "
            "which is 0 mV with --baseline), or --units."
        )
    if unit is None:
        start = signal[:65_536]
        start = start[np.isfinite(start)]
        span = float(np.ptp(np.percentile(start, [0.5, 99.5]))) if len(start) else 0.0
        unit = "uV" if span > 50 else "V" if 0 < span < 0.05 else "mV"  # an ECG: 0.1 to 10 mV
        guess = f"{path} states no unit: a span of {span:.3g} looks like {unit}, which is assumed"
        warnings.warn(f"{guess}. State it with --units, or --gain.", stacklevel=3)
    if (factor := millivolts(unit)) is None:
        found = f"Lead {channel.lead} of {path} is in {unit or 'no unit'}"
        raise InputError(f"{found}: state it with --units mV, uV or V, or take another lead.")
    return 0.0, factor
