"""Records and annotations in WFDB's file formats.

A record is a header (``208.hea``) and a signal file (``208.dat``). Annotation files lie beside it;
their extension names the annotator: ``208.atr`` holds the marks of MIT-BIH's cardiologists.
In this module the path of a record is the one without extension.
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError, files
from ecgkit.data import aami

if TYPE_CHECKING:
    import wfdb


@dataclass(frozen=True)
class Record:
    """A recording and its annotated beats."""

    name: str  #: Such as ``"208"``.
    signals: NDArray[np.float64]  #: In mV, shape (n_samples, n_leads).
    fs: float  #: Sampling rate in Hz.
    leads: tuple[str, ...]  #: Name of each column of `signals`.
    r_peaks: NDArray[np.int64]  #: Sample numbers of the beats, increasing, shape (n_beats,).
    symbols: NDArray[np.str_]  #: The annotator's symbols, shape (n_beats,).

    def lead(self, name: str = "MLII") -> NDArray[np.float64]:
        """Select a lead's signal, shape (n_samples,); ``"first"`` is the first channel."""
        return self.signals[:, _channel(self.name, self.leads, name)]


@dataclass(frozen=True)
class Annotations:
    """The marks of one annotator in one record: n of them, beats and others.

    >>> Annotations([100, 460], ["N", "V"], 360).samples
    array([100, 460])
    """

    samples: NDArray[np.int64]  #: Sample numbers, not decreasing, shape (n,).
    symbols: NDArray[np.str_]  #: WFDB's, among them the classes N S V F Q, shape (n,).
    fs: float  #: Sampling rate in Hz.
    subtypes: NDArray[np.int64] | None = None  #: Of a noise mark ``~``: which leads, shape (n,).
    n_samples: int | None = None  #: Length of the record, if known.
    synthetic: bool = False  #: Whether the record's header says that it is synthetic.

    def __post_init__(self) -> None:
        for name, kinds in (("samples", "iu"), ("symbols", "U"), ("subtypes", "iu")):
            if getattr(self, name) is None:
                continue
            column = np.asarray(getattr(self, name))
            if column.shape != (n := len(self.symbols),):
                raise InputError(f"The {name} have shape {column.shape}: give {n}, one a symbol.")
            if n and column.dtype.kind not in kinds:
                raise InputError(f"The {name} are {column.dtype}: give integers, as symbols text.")
            object.__setattr__(self, name, column.astype(str if kinds == "U" else np.int64))
        if (np.diff(self.samples, prepend=0) < 0).any():
            raise InputError("The marks are not in order: sort them by sample number, from 0 on.")
        if not 0 < self.fs < math.inf:
            raise InputError(f"The sampling rate is {self.fs:g} Hz: give a positive number.")


def _channel(record: str, leads: Sequence[str], name: str) -> int:
    if name == "first" and leads:
        return 0
    if name not in leads:
        raise InputError(f"Record {record} has no lead {name!r}: use {', '.join(leads)} or first.")
    return list(leads).index(name)


def unreadable(path: Path | str, error: Exception) -> InputError:
    """Describe why a record could not be read."""
    why = " ".join(str(error).split())
    return InputError(f"Record {path}: its files do not fit ({why}). Compare their SHA-256.")


def read_header(path: Path | str) -> wfdb.Record | wfdb.MultiRecord:
    """Read a record's ``.hea`` file; refuse one that names a file outside the record's folder."""
    import wfdb

    try:
        text = Path(f"{path}.hea").read_text("ascii", errors="ignore")
    except OSError as error:
        raise InputError(f"{path}.hea is missing: put a record's files side by side.") from error
    lines = [line for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]
    for line in lines[1:]:
        if outside := re.match(r"\s*(\S*[/\\]\S*)\s+\d", line):
            raise InputError(f"{path}.hea names {outside[1]}, a file outside its own folder.")
    try:
        return wfdb.rdheader(str(path))
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        raise unreadable(path, error) from error


def read_record(path: Path | str, lead: str | None = None, annotated: bool = True) -> Record:
    """Read a record and its beats; refuse damaged files and samples without a value.

    With `lead` only that lead is read, which is faster. Without annotations there are no beats.
    """
    import wfdb

    path = Path(path)
    leads = tuple(read_header(path).sig_name or ())
    channels = None if lead is None else [_channel(path.name, leads, lead)]
    try:
        signals, fields = wfdb.rdsamp(str(path), channels=channels)
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        raise unreadable(path, error) from error
    if len(missing := np.flatnonzero(~np.isfinite(signals).all(axis=1))):
        raise InputError(
            f"Record {path.name} has {len(missing)} samples without a value, the first at sample "
            f"{missing[0]}. Cut the record there, or fill the gap, before reading it."
        )
    no_beats = (np.empty(0, np.int64), np.empty(0, "U1"))
    beats = read_annotations(path, len(signals)) if annotated else no_beats
    return Record(path.name, signals, float(fields["fs"]), tuple(fields["sig_name"]), *beats)


def read_annotations(
    path: Path | str, n_samples: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Read the beats that a record's ``.atr`` file marks within its length: samples and symbols."""
    marks = read_annotation_file(path)
    length = n_samples or marks.n_samples or np.inf
    keep = np.isin(marks.symbols, list(aami.MAPPINGS["ec57"]))
    keep &= marks.samples != length  # record 860 of svdb marks the sample after its last one
    r_peaks = marks.samples[keep]
    if (np.diff(r_peaks) == 0).any():
        raise InputError(f"{path}.atr is not a readable WFDB annotation file (two beats at once).")
    if (r_peaks > length).any():
        where = f"at sample {r_peaks[-1]}, but the record has {length}"
        raise InputError(f"{path}.atr marks a beat {where}: it belongs to another.")
    return r_peaks, marks.symbols[keep]


def read_annotation_file(
    path: Path | str, extension: str = "atr", fs: float | None = None
) -> Annotations:
    """Read all marks of one annotator, except those of kinds that WFDB does not know.

    `fs` is the sampling rate in Hz of a file that neither says one nor lies beside its header.
    """
    import wfdb

    file = f"{path}.{extension}"
    header = read_header(path) if Path(f"{path}.hea").exists() else None
    try:
        if Path(file).read_bytes()[-2:] != b"\0\0":
            raise ValueError("cut short: two zero bytes should end it")
        marks = wfdb.rdann(str(path), extension)  # its rate is the header's if it has none
        if not (rate := marks.fs or fs):
            raise ValueError("without a sampling rate: put the record's header beside it")
        known = np.array([isinstance(symbol, str) for symbol in marks.symbol], dtype=bool)
        samples, subtypes = (np.array(c, np.int64)[known] for c in (marks.sample, marks.subtype))
        symbols = np.array(marks.symbol, dtype=object)[known].astype("U1")
        n_samples, comments = (header.sig_len, header.comments) if header else (None, ())
        synthetic = any("SYNTHETIC" in line for line in comments)
        found = Annotations(samples, symbols, float(rate), subtypes, n_samples, synthetic)
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        raise InputError(f"{file} is not a readable WFDB annotation file ({error}).") from error
    if not known.all():
        unknown = f"{(~known).sum()} of {len(known)} marks in {file} are of no known kind"
        warnings.warn(f"{unknown}: they are left out.", stacklevel=2)
    return found


def read_annotation_folders(
    reference: Path | str,
    test: Path | str,
    extensions: tuple[str, str],
    records: Sequence[str] | None = None,
) -> tuple[dict[str, Annotations], dict[str, Annotations]]:
    """Read two annotators' files of the same records, by record name.

    The two folders may be the same. A test file without a sampling rate takes the reference's.
    Without `records`, take every record of the test, and warn of those only the reference has. A
    record with a file that cannot be read is left out with a warning; InputError if none is left.
    """
    marked = []
    for folder, extension in zip((Path(reference), Path(test)), extensions, strict=True):
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.")
        marked.append({path.stem for path in folder.iterdir() if path.suffix == f".{extension}"})
    if records is None:
        if not (records := sorted(marked[1])):
            raise InputError(f"{test} holds no file *.{extensions[1]}: name its extension.")
        if lacking := " ".join(sorted(marked[0] - marked[1])):
            warnings.warn(f"Without a .{extensions[1]}, not compared: {lacking}.", stacklevel=2)
    first, second, left_out = {}, {}, []
    for name in records:
        try:
            marks = read_annotation_file(Path(reference, name), extensions[0])
            second[name] = read_annotation_file(Path(test, name), extensions[1], marks.fs)
            first[name] = marks
        except InputError as error:
            left_out.append(f"Record {name} is left out: {error}")
    if not first:
        raise InputError((left_out or ["No record is named: give at least one."])[0])
    for sentence in left_out:
        warnings.warn(sentence, stacklevel=2)
    return first, second


def write_annotations(path: Path | str, annotations: Annotations) -> None:
    """Write an annotation file (the sampling rate too, subtypes not), completely or not at all.

    `path` ends with the annotator's extension, letters only: ``runs/208.net``.

    >>> path = Path(tempfile.mkdtemp()) / "208.net"
    >>> write_annotations(path, Annotations([100, 460], ["N", "V"], 360))
    >>> read_annotation_file(path.with_suffix(""), "net").symbols.tolist()
    ['N', 'V']
    """
    import wfdb

    path = Path(path)
    if not re.fullmatch(r"[\w-]+\.[A-Za-z]+", path.name, re.ASCII):
        raise InputError(f"{path.name!r} is not the name of an annotation file, such as 208.net.")
    if not len(annotations.samples):
        raise InputError(f"{path} would hold no mark: there is nothing to write.")
    with files.atomic_write(path) as draft, tempfile.TemporaryDirectory() as folder:
        marks = (annotations.samples, annotations.symbols.tolist())
        wfdb.wrann(path.stem, path.suffix[1:], *marks, fs=annotations.fs, write_dir=folder)
        shutil.copyfile(Path(folder) / path.name, draft)
