"""Any recording, opened as one lead that is read piece by piece, in millivolts.

A WFDB record, a CSV file, or an EDF file (through the optional extra ``edf``). What a file does not
say is asked for, or guessed with a warning: which lead, and which unit. A day of ECG is never in
memory as a whole.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecgkit import InputError, csvfiles, records

Signal = NDArray[np.float64]

CHUNK = csvfiles.CHUNK

MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "V": 1e3}
"""What one of each unit is in mV."""

TRAINED_ON = ("MLII", "II")
"""Leads that look like those the published weights learnt from."""


@dataclass(frozen=True)
class Recording:
    """One lead of a recording, not yet read.

    Attributes
    ----------
    name
        Of the recording.
    fs
        Sampling rate in Hz.
    lead
        Name of the lead, ``""`` where it has none.
    n_samples
        Length; None for a CSV, which says so only at its end.
    chunks
        Called without arguments, reads the signal from its start: arrays of shape (samples,),
        float64, in mV.
    r_peaks, symbols
        Int64 and text, shape (beats,): the annotated beats; None where there are none.
    synthetic
        Whether the file says that it was made by a computer.
    """

    name: str
    fs: float
    lead: str
    n_samples: int | None
    chunks: Callable[[], Iterator[Signal]]
    r_peaks: NDArray[np.int64] | None = None
    symbols: NDArray[np.str_] | None = None
    synthetic: bool = False

    def stretch(self, start: int, stop: int) -> Signal:
        """Read samples ``start`` to ``stop``, fewer where the recording ends, in mV."""
        parts, at = [np.empty(0)], 0
        for chunk in self.chunks():
            parts.append(chunk[max(start - at, 0) : max(stop - at, 0)])
            at += len(chunk)
            if at >= stop:
                break
        return np.concatenate(parts)


def open_recording(
    path: Path | str, lead: str | None = None, fs: float | None = None, units: str | None = None
) -> Recording:
    """Open a WFDB record, a CSV file or an EDF file.

    Parameters
    ----------
    path
        A file, or a WFDB record's path with or without extension.
    lead
        Name of the lead, or ``"first"``. None takes MLII, else II, else the first with a warning.
    fs
        Sampling rate in Hz, which a CSV needs; the other formats say it themselves.
    units
        ``"mV"``, ``"uV"`` or ``"V"``, where the file says none or a wrong one.

    Raises
    ------
    InputError
        If the file is missing or damaged, has no such lead, or does not say what must be known.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "ecg.csv"
    >>> _ = path.write_text("time,MLII (uV)\\n0.000,100\\n0.004,-250\\n")
    >>> recording = open_recording(path, fs=250)
    >>> recording.lead, [chunk.tolist() for chunk in recording.chunks()]
    ('MLII', [[0.1, -0.25]])
    """
    path = Path(path)
    if units is not None and units not in MILLIVOLTS:
        raise InputError(f"There is no unit {units!r}: use {', '.join(MILLIVOLTS)}.")
    if fs is not None and not (math.isfinite(fs) and fs > 0):
        raise InputError(f"A sampling rate of {fs:g} Hz cannot be: give --fs in samples a second.")
    kind = path.suffix.lower()
    if kind in (".hea", ".dat", ".atr") or Path(f"{path}.hea").exists():
        record = path.with_suffix("") if kind in (".hea", ".dat", ".atr") else path
        return _open_wfdb(record, lead, fs, units)
    if not path.exists():
        raise InputError(f"There is no recording at {path}: neither such a file nor {path}.hea.")
    if kind == ".edf":
        return _open_edf(path, lead, fs, units)
    if kind in (".csv", ".tsv", ".txt"):
        return _open_csv(path, lead, fs, units)
    raise InputError(
        f"{path} is no recording that can be read: give a WFDB record, a .csv or an .edf file."
    )


def _pick_lead(leads: Sequence[str], wanted: str | None, name: str) -> int:
    """Return the number of the lead wanted; warn where it is not what the weights learnt from."""
    plain = [re.sub(r"^(ECG|EKG)[\s_-]*", "", lead.strip(), flags=re.I).upper() for lead in leads]
    if wanted is not None and wanted != "first":
        for names, word in ((leads, wanted), (plain, wanted.upper())):
            if word in names:
                return list(names).index(word)
        raise InputError(
            f"{name} has no lead {wanted!r}: it has {', '.join(leads) or 'none'}. Name one of "
            "these, or take 'first'."
        )
    if not leads:
        raise InputError(f"{name} has no signal.")
    for known in TRAINED_ON if wanted is None else ():
        if known in plain:
            return plain.index(known)
    if plain[0] not in TRAINED_ON:
        taken = f"lead {leads[0]}" if plain[0] else "a lead without a name"
        others = f" (there are {', '.join(leads)}; --lead takes another)" if len(leads) > 1 else ""
        warnings.warn(
            f"{name}: {taken} is read{others}. The published weights learnt from MLII alone: "
            "on any other lead expect more mistakes.",
            stacklevel=2,
        )
    return 0


def _factor(unit: str, given: str | None, lead: str, name: str) -> float:
    """Return what one of the lead's units is in mV."""
    known = {key.lower(): value for key, value in MILLIVOLTS.items()}
    word = (given or unit).strip().lower().replace("µ", "u").replace("μ", "u")
    if word not in known:
        raise InputError(
            f"Lead {lead} of {name} is in {unit.strip() or 'no unit'}, which is no voltage: take "
            "another lead, or say what it is with --units mV, uV or V."
        )
    return known[word]


def _agree(said: float, given: float | None, name: str) -> float:
    """Return the sampling rate a file says, unless another one was given."""
    if not (math.isfinite(said) and said > 0):
        raise InputError(f"{name} says it has {said:g} samples a second, which cannot be.")
    if given is not None and abs(given - said) > 1e-6 * said:
        raise InputError(
            f"{name} has {said:g} samples a second by its header, not {given:g}: leave out --fs."
        )
    return said


# WFDB


def _open_wfdb(path: Path, lead: str | None, fs: float | None, units: str | None) -> Recording:
    """Open a WFDB record, with its annotations where there are any."""
    header = records.read_header(path)
    if isinstance(header, wfdb.MultiRecord):
        raise InputError(f"{path} is put together from several records: give one of these.")
    if not header.sig_len:
        raise InputError(
            f"{path}.hea does not say how many samples there are: write their number behind the "
            "sampling rate in its first line."
        )
    leads = [name or "" for name in header.sig_name or ()]
    i = _pick_lead(leads, lead, f"Record {path.name}")
    factor = _factor(header.units[i], units, leads[i], f"record {path.name}")
    rate = _agree(float(header.fs), fs, f"Record {path.name}")
    marks: tuple[Any, Any] = (None, None)
    if Path(f"{path}.atr").exists():
        marks = records.read_annotations(path, header.sig_len)
    chunks = partial(_wfdb_chunks, path, header, i, factor)
    synthetic = any("SYNTHETIC" in comment for comment in header.comments)
    return Recording(path.name, rate, leads[i], header.sig_len, chunks, *marks, synthetic)


def _wfdb_chunks(path: Path, header: wfdb.Record, i: int, factor: float) -> Iterator[Signal]:
    """Read a lead in mV; at its end compare the sum of its samples with the header's."""
    total = 0
    for start in range(0, header.sig_len, CHUNK):
        stop = min(start + CHUNK, header.sig_len)
        try:
            part = wfdb.rdrecord(
                str(path), sampfrom=start, sampto=stop, channels=[i], physical=False
            )
            if part.d_signal.shape != (stop - start, 1):
                raise ValueError(f"{len(part.d_signal)} samples where {stop - start} should be")
            total += int(part.d_signal.sum())
            chunk = part.dac()[:, 0] * factor
        except FileNotFoundError as error:
            missing = error.filename or header.file_name[i]
            raise InputError(f"{missing} is missing from record {path.name}.") from error
        except Exception as error:  # wfdb raises what its parsing happens to hit
            raise records.unreadable(path, error) from error
        yield chunk
    said = header.checksum[i]
    plain = header.samps_per_frame[i] == 1 and not any(header.skew)
    if said is not None and plain and (total - said) % 65_536:
        raise InputError(
            f"{header.file_name[i]} is damaged: lead {header.sig_name[i]} adds up to "
            f"{(total + 32_768) % 65_536 - 32_768}, its header says {said}. Copy or fetch record "
            f"{path.name} again; if the header is wrong, correct the checksum there."
        )


# CSV


def _open_csv(path: Path, lead: str | None, fs: float | None, units: str | None) -> Recording:
    """Open a CSV file: one column, or several named by a header line, a time column among them."""
    if fs is None:
        raise InputError(f"{path} does not say its sampling rate: give it with --fs, in Hz.")
    table = csvfiles.layout(path)
    signals = [i for i, name in enumerate(table.names) if not csvfiles.is_time(name)]
    leads = [table.names[i] for i in signals]
    column = signals[_pick_lead(leads, lead, str(path))] if signals else 0
    name = table.names[column]
    if units or table.units[column]:
        factor = _factor(table.units[column], units, name, str(path))
    else:
        factor = _guess_units(next(csvfiles.chunks(path, table, column), np.empty(0)), path)
    return Recording(
        path.stem, fs, name, None, partial(csvfiles.chunks, path, table, column, factor)
    )


def _guess_units(start: Signal, path: Path) -> float:
    """Guess a unit from the size of the first samples; an ECG spans 0.1 to 10 mV."""
    finite = start[np.isfinite(start)]
    span = float(np.ptp(np.percentile(finite, [0.5, 99.5]))) if len(finite) else 0.0
    unit = "uV" if span > 50 else "V" if 0 < span < 0.05 else "mV"
    doubt = " (or the numbers of a converter, for which no unit is right)" if unit == "uV" else ""
    warnings.warn(
        f"{path} does not say its unit: a span of {span:.3g} looks like {unit}{doubt}, and is "
        "taken as such; --units says otherwise.",
        stacklevel=2,
    )
    return MILLIVOLTS[unit]


# EDF


def _open_edf(path: Path, lead: str | None, fs: float | None, units: str | None) -> Recording:
    """Open an EDF file."""
    try:
        import edfio
    except ImportError as error:
        raise InputError(
            'EDF files take the extra edf: pip install "ecgkit-book[edf] @ '
            'git+https://github.com/ecgkit-book/ecgkit-book".'
        ) from error
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            edf = edfio.read_edf(path, lazy_load_data=True)
        if said:
            raise ValueError(str(said[0].message))
        signals = edf.signals
        leads = [signal.label for signal in signals]
        gapless = not edf.reserved.startswith("EDF+D") or edf.is_continuous
        ranges = [(s.physical_range, s.digital_range, s.physical_dimension) for s in signals]
        lengths = [edf.num_data_records * s.samples_per_data_record for s in signals]
    except Exception as error:  # edfio raises what its parsing happens to hit
        found = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is no whole EDF file ({found}).") from error
    if not gapless:
        raise InputError(f"{path} has gaps between its parts: export each part for itself.")
    i = _pick_lead(leads, lead, path.name)
    physical, digital, unit = ranges[i]
    if physical[0] == physical[1] or digital[0] == digital[1]:
        raise InputError(f"{path} does not say what a step of lead {leads[i]} is in volts.")
    factor = _factor(unit, units, leads[i], path.name)
    rate = _agree(float(signals[i].sampling_frequency), fs, path.name)
    chunks = partial(_edf_chunks, path, signals[i], lengths[i], rate, factor)
    return Recording(path.stem, rate, leads[i], lengths[i], chunks)


def _edf_chunks(path: Path, signal: Any, n: int, fs: float, factor: float) -> Iterator[Signal]:
    """Read an EDF signal in mV."""
    for start in range(0, n, CHUNK):
        try:
            part = signal.get_data_slice(start / fs, min(start + CHUNK, n) / fs)
        except Exception as error:  # edfio raises what its parsing happens to hit
            raise InputError(f"{path} cannot be read any more ({error}).") from error
        yield part * factor
