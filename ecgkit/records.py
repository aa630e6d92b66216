"""Recordings: what one is, where recordings are found, how one is read.

The data are looked for in this order: the directory named by ``ECGKIT_DATA``; the per-user cache;
PhysioNet, with every file checked against the SHA-256 it publishes; and, where none of these is to
be had, the synthetic records of :mod:`ecgkit.synthetic`, announced loudly. A directory that is
named but incomplete or damaged is an error, never a reason to fall back.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecgkit import InputError, aami, physionet, synthetic
from ecgkit.annotators import load as load_annotations

SAMPLING_RATE = 360
"""Samples per second of MIT-BIH, and of everything in this library."""

SYNTHETIC_BANNER = (
    "SYNTHETIC DATA: MIT-BIH is neither on this machine nor within reach, so this runs on "
    "computer-made ECGs. No figure below says anything about a patient. For the real data set "
    "ECGKIT_DATA to a directory that holds MIT-BIH 1.0.0, or run again with a network connection."
)


@dataclass(frozen=True)
class Record:
    """One recording with the beats its annotators marked.

    Attributes
    ----------
    name
        Record name, such as ``"208"``.
    signals
        Float64, shape (samples, leads), in mV.
    fs
        Sampling rate in Hz.
    leads
        Name of each column of ``signals``.
    r_peaks
        Int64, shape (beats,): sample number of each annotated beat, increasing.
    symbols
        Shape (beats,): the annotator's symbol of each beat.
    """

    name: str
    signals: NDArray[np.float64]
    fs: float
    leads: tuple[str, ...]
    r_peaks: NDArray[np.int64]
    symbols: NDArray[np.str_]

    def lead(self, name: str = "MLII") -> NDArray[np.float64]:
        """Return one lead's signal, shape (samples,), in mV.

        ``"first"`` takes the first channel whatever its name, as the paper says it did.

        Raises
        ------
        InputError
            If the record has no such lead.
        """
        if name == "first":
            return self.signals[:, 0]
        if name not in self.leads:
            raise InputError(
                f"Record {self.name} has no lead {name!r}: it has {', '.join(self.leads)}. "
                "Name one of these, or take 'first'."
            )
        return self.signals[:, self.leads.index(name)]


@dataclass(frozen=True)
class Source:
    """Where a run's recordings come from.

    Attributes
    ----------
    name
        ``"mitdb"`` or ``"synthetic"``.
    directory
        The folder that holds the files.
    records
        Names of the records in use.
    fingerprint
        First 16 hexadecimal digits of the SHA-256 over the SHA-256 of each file in use.
    """

    name: str
    directory: Path
    records: tuple[str, ...]
    fingerprint: str

    @property
    def is_synthetic(self) -> bool:
        """Whether the records are computer-made."""
        return self.name == "synthetic"

    def read(self, record: str, lead: str | None = None) -> Record:
        """Read one of the source's records; see :func:`read_record`."""
        return read_record(self.directory / record, lead)


def find(
    source: str | None = None, records: Sequence[str] | None = None, download: bool = True
) -> Source:
    """Find recordings, fetching them where they are not yet on this machine.

    Parameters
    ----------
    source
        ``"mitdb"``, ``"synthetic"``, or ``"auto"``: MIT-BIH where it can be had, else the synthetic
        records with a warning. None takes the environment variable ``ECGKIT_SOURCE``, or auto.
    records
        Names wanted; None means all: 44 of MIT-BIH, 12 synthetic. Only these are fetched. Where
        names of MIT-BIH meet the synthetic source, all synthetic records stand in for them.
    download
        False looks on this machine alone.

    Raises
    ------
    InputError
        If ``ECGKIT_DATA`` names a directory that is incomplete or damaged, a record name is
        unknown, a download breaks off, or ``"mitdb"`` is asked for and is not to be had.
    """
    source = source or os.environ.get("ECGKIT_SOURCE") or "auto"
    if source not in ("auto", "mitdb", "synthetic"):
        raise InputError(f"There is no data source {source!r}: use auto, mitdb or synthetic.")
    if source == "synthetic":
        return _find_synthetic(records)
    names = _known(records, physionet.MITDB_RECORDS + physionet.PACED, physionet.MITDB_RECORDS)
    sums = {name: physionet.SHA256[name] for name in physionet.files_of(names)}
    if given := os.environ.get("ECGKIT_DATA"):
        directory = Path(given).expanduser()
        _require(directory, sums)
    else:
        directory = physionet.cache_directory() / "mitdb-1.0.0"
        if wrong := physionet.wrong_files(directory, sums):
            address = physionet.address_that_answers() if download else None
            if address is None and source == "auto":
                warnings.warn(SYNTHETIC_BANNER, stacklevel=2)
                return _find_synthetic(records)
            if address is None:
                tried = f", and neither {' nor '.join(physionet.ADDRESSES)} answers"
                raise InputError(
                    f"MIT-BIH is not in {directory}{tried if download else ''}. Fetch it with "
                    "`ecgkit data --fetch` on a machine with network, or set ECGKIT_DATA to a "
                    "directory that holds it."
                )
            physionet.fetch(wrong, directory, address)
    return Source("mitdb", directory, names, physionet.fingerprint(sums))


def _known(
    records: Sequence[str] | None, known: Sequence[str], default: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the records asked for, or the default; refuse names that do not exist."""
    if records is None:
        return default
    unknown = [name for name in records if name not in known]
    if unknown or not records:
        raise InputError(
            f"No record {', '.join(map(repr, unknown)) or 'named'}: there are {' '.join(known)}."
        )
    return tuple(name for name in known if name in records)  # each once, in one order


def _require(directory: Path, sums: dict[str, str]) -> None:
    """Refuse a directory named by the user that does not hold what it should."""
    if not directory.is_dir():
        raise InputError(
            f"ECGKIT_DATA names {directory}, which is no directory. Correct it, or unset it to "
            "have MIT-BIH fetched from PhysioNet."
        )
    if wrong := physionet.wrong_files(directory, sums):
        missing = [name for name in wrong if not (directory / name).exists()]
        fault = "is missing from" if missing else "differs from PhysioNet's SHA-256 in"
        first = (missing or wrong)[0]
        raise InputError(
            f"{first} {fault} {directory}, which ECGKIT_DATA names ({len(wrong)} of {len(sums)} "
            "files are missing or differ). Fetch MIT-BIH 1.0.0 again, or unset ECGKIT_DATA."
        )


def _find_synthetic(records: Sequence[str] | None) -> Source:
    """Find the synthetic records in the cache, writing them there first where needed."""
    if records and set(records) <= {*physionet.MITDB_RECORDS, *physionet.PACED}:
        records = None
    names = _known(records, synthetic.NAMES, synthetic.NAMES)
    directory = physionet.cache_directory() / f"synthetic-{synthetic.VERSION}"
    sums = _synthetic_sums(directory) or _write_synthetic(directory)
    used = {name: sums[name] for name in physionet.files_of(names)}
    return Source("synthetic", directory, names, physionet.fingerprint(used))


def _synthetic_sums(directory: Path) -> dict[str, str] | None:
    """File name -> SHA-256 of the synthetic records; None unless all are there and right."""
    try:
        lines = (directory / "SHA256SUMS.txt").read_text("ascii").splitlines()
        sums = {name: digest for digest, name in (line.split() for line in lines)}
    except (OSError, ValueError):
        return None
    whole = set(sums) == set(physionet.files_of(synthetic.NAMES)) and not physionet.wrong_files(
        directory, sums
    )
    return sums if whole else None


def _write_synthetic(directory: Path) -> dict[str, str]:
    """Write the synthetic records beside their place, then move them into it in one step."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="synthetic-", dir=directory.parent) as folder:
            draft = Path(folder) / directory.name
            draft.mkdir()
            synthetic.write_records(draft)
            sums = {
                name: str(physionet.sha256(draft / name))
                for name in physionet.files_of(synthetic.NAMES)
            }
            listing = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
            (draft / "SHA256SUMS.txt").write_text(listing, "ascii")
            if directory.exists() and _synthetic_sums(directory) is None:
                shutil.rmtree(directory, ignore_errors=True)
            try:
                draft.rename(directory)
            except OSError:
                if _synthetic_sums(directory) is None:  # another that was faster is as good
                    raise
    except OSError as error:
        raise InputError(
            f"The synthetic records cannot be written to {directory.parent}: {error.strerror}. "
            "Set XDG_CACHE_HOME to a directory that can be written."
        ) from error
    return sums


def read_annotations(
    path: Path | str, n_samples: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Read the beats marked in a record's ``.atr`` file.

    Parameters
    ----------
    path
        The record's path without extension.
    n_samples
        Length of the record, within which all beats must lie; None does not ask.

    Returns
    -------
    Sample numbers, int64, and symbols, both of shape (beats,). Rhythm labels, waves and noise
    marks are left out, marks of no known kind with a warning.

    Raises
    ------
    InputError
        If the file is missing, cut short, cannot be read as WFDB annotations, or marks a beat
        beyond the record.
    """
    annotation = load_annotations(path)
    keep = np.array([aami.is_beat(symbol) for symbol in annotation.symbol], dtype=bool)
    symbols = np.array(annotation.symbol, dtype="U1")[keep]
    r_peaks = np.asarray(annotation.sample, dtype=np.int64)[keep]
    if (np.diff(r_peaks, prepend=-1) <= 0).any():  # most random bytes can be read as annotations
        raise InputError(
            f"{path}.atr is not a readable WFDB annotation file (its beats are not in order)."
        )
    if n_samples is not None and len(r_peaks) and r_peaks[-1] >= n_samples:
        raise InputError(
            f"{path}.atr marks a beat at sample {r_peaks[-1]}, but the signal has {n_samples}: "
            "it belongs to another record."
        )
    if unknown := sum(not isinstance(symbol, str) for symbol in annotation.symbol):
        warnings.warn(
            f"{unknown} of {len(annotation.symbol)} marks in {path}.atr are of no kind that WFDB "
            "knows: they are left out.",
            stacklevel=2,
        )
    return r_peaks, symbols


def read_header(path: Path | str) -> wfdb.Record | wfdb.MultiRecord:
    """Read a WFDB record's ``.hea`` file.

    Parameters
    ----------
    path
        The record's path without extension.

    Raises
    ------
    InputError
        If the file is missing, is no header, or names a file outside the record's folder.
    """
    try:
        text = Path(f"{path}.hea").read_text("ascii", errors="ignore")
        lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
        for line in lines[1:]:
            if outside := re.match(r"\s*(\S*[/\\]\S*)\s+\d", line):
                raise InputError(
                    f"{path}.hea names {outside[1]}, outside its own folder, which is not read. "
                    "Put a record's files side by side."
                )
        return wfdb.rdheader(str(path))
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}.hea is missing from record {Path(path).name}.") from error
    except Exception as error:
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: Exception) -> InputError:
    """Say in one sentence what reading a record came upon."""
    found = " ".join(str(error).split())
    return InputError(
        f"Record {path} cannot be read: its header and signal file do not fit ({found}). "
        "Compare them with the SHA-256 list they came with."
    )


def read_record(path: Path | str, lead: str | None = None) -> Record:
    """Read an annotated WFDB record.

    Parameters
    ----------
    path
        The record's path without extension.
    lead
        Read this lead alone (``"first"`` for the first channel), which is faster; None reads all.

    Raises
    ------
    InputError
        If a file is missing or damaged, there is no such lead, or a sample is not a number.
    """
    path = Path(path)
    leads = tuple(read_header(path).sig_name or ())
    if lead not in (None, "first") and lead not in leads:
        raise InputError(
            f"Record {path.name} has no lead {lead!r}: it has {', '.join(leads)}. "
            "Name one of these, or take 'first'."
        )
    channels = None if lead is None else [0 if lead == "first" else leads.index(lead)]
    try:
        signals, fields = wfdb.rdsamp(str(path), channels=channels)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename or path} is missing from record {path.name}.") from error
    except Exception as error:  # wfdb raises what its parsing happens to hit
        raise unreadable(path, error) from error
    if not np.isfinite(signals).all():
        bad = np.flatnonzero(~np.isfinite(signals).all(axis=1))
        raise InputError(
            f"Record {path.name} has {len(bad)} samples without a value, the first at sample "
            f"{bad[0]}. Cut the record there, or fill the gap, before reading it."
        )
    r_peaks, symbols = read_annotations(path, len(signals))
    return Record(
        path.name, signals, float(fields["fs"]), tuple(fields["sig_name"]), r_peaks, symbols
    )
