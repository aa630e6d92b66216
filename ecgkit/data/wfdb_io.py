"""Records and annotations in WFDB's file formats.

A record is a header (``208.hea``) and a signal file (``208.dat``). Annotation files lie beside it;
their extension names the annotator: ``208.atr`` holds the marks of MIT-BIH's cardiologists.
In this module the path of a record is the one without extension.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError, files
from ecgkit.data import aami

if TYPE_CHECKING:
    import wfdb

BYTES = {"8": 1, "16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5}
BYTES |= {"310": 4 / 3, "311": 4 / 3}  #: Per sample, of WFDB's formats without compression.


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
    """Describe why a record's signals could not be read."""
    why = " ".join(str(getattr(error, "strerror", None) or error).split())
    both = "copy or fetch both again, and compare any SHA-256 that is published for them"
    return InputError(f"Record {path}: its signal file does not fit its header ({why}): {both}.")


def read_header(path: Path | str) -> wfdb.Record | wfdb.MultiRecord:
    """Read a record's ``.hea`` file; refuse one that names a file outside the record's folder.

    A length that it does not state is that of the signal file; None if that is not known either.
    """
    import wfdb

    path = Path(path)
    with plain_copy(path) as (copy, rows):
        try:
            header = wfdb.rdheader(copy)
        except Exception as error:  # wfdb raises whatever its parsing happens to hit
            fault = f"{path}.hea is not a readable WFDB header ({error})"
            raise InputError(f"{fault}: correct it, or fetch it again.") from error
    names = [row[0] for row in rows]
    if isinstance(header, wfdb.MultiRecord):
        header.seg_name, header.sig_len = names, header.sig_len or sum(header.seg_len)
    elif names:
        header.file_name = names
        header.without_gain = [not re.match(r"[^(/]*[1-9]", (*row, "", "")[2]) for row in rows]
        header.sig_len = header.sig_len or _infer_length(path, header)
    return header


@contextlib.contextmanager
def plain_copy(
    path: Path, n_frames: int | None = None, files: Collection[str] = ()
) -> Iterator[tuple[str, list[list[str]]]]:
    """Lend a copy of a record without what stops wfdb: dates, micro signs, dots in names and such.

    With it come the words of each signal's or segment's line in the header itself. The copy has
    `n_frames` as its length and links to the signal `files` wanted.
    """
    try:
        content = find_file(path, f"{path.name}.hea").read_bytes()
    except OSError as error:
        raise InputError(f"{path}.hea cannot be read ({error.strerror}).") from error
    content = re.sub(rb"\xc2?\xb5|\xce\xbc", b"u", content)  # the micro sign
    text = content.decode("ascii", "ignore").replace("\0", "")  # UTF-16 has a zero for each letter
    lines = [line.strip() for line in text.splitlines()]
    head, *rows = [line.split() for line in lines if line and line[0] != "#"] or [[]]
    for row in rows:
        if len(row) > 1 and re.search(r"[/\\]", row[0]):
            raise InputError(f"{path}.hea names {row[0]}, a file outside its own folder.")
    n_segments = re.search(r"/\d+$", head[0]) if head else None
    announced = n_segments[0][1:] if n_segments else (*head, "", "")[1]
    if announced.isdecimal() and int(announced) != len(rows):
        kind = "segments" if n_segments else "signals"
        raise InputError(
            f"{path}.hea announces {announced} {kind} in its first line, but {len(rows)} lines "
            f"follow: give the record and each of its {kind} a line of its own."
        )
    links = {name: f"file{i}" for i, name in enumerate(row[0] for row in rows)} | {"~": "~"}
    head = [f"record{n_segments[0] if n_segments else ''}", *head[1:4]]  # without time and date
    if n_frames is not None:
        head = [*head[:2], head[2] if len(head) > 2 else "250", str(n_frames)]
    copied = [head, *([links[row[0]], *row[1:]] for row in rows)]
    comments = [line for line in lines if line[:1] == "#"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "record")
        copy.with_suffix(".hea").write_text("\n".join([*map(" ".join, copied), *comments]), "ascii")
        for name in set(files):
            link = Path(folder, links[name])
            try:
                link.symlink_to(find_file(path, name).resolve())
            except OSError:  # Windows allows links to few users
                shutil.copyfile(find_file(path, name), link)
        yield str(copy), rows


def find_file(path: Path, name: str) -> Path:
    """Find a record's header or a file that it names, even in capitals or renamed with it."""
    if os.path.isfile(file := path.parent / name):
        return file
    alike = {name.lower(), f"{path.name}{Path(name).suffix}".lower()}  # of "100 (1).hea"
    found = [file for file in path.parent.glob("*") if file.name.lower() in alike]
    if len(found) != 1 or not found[0].is_file():
        raise InputError(f"{file} is missing: put a record's files side by side.")
    return found[0]


def _infer_length(path: Path, header: wfdb.Record) -> int | None:
    """Compute the number of frames from the size of the first signal file."""
    in_first = [name == header.file_name[0] for name in header.file_name]
    per_frame = np.dot(in_first, header.samps_per_frame) * BYTES.get(header.fmt[0], 0)
    try:
        size = find_file(path, header.file_name[0]).stat().st_size - (header.byte_offset[0] or 0)
    except InputError:
        return None  # an annotator is read without it, too
    return int(max(size, 0) / per_frame) or None if per_frame else None


def read_record(path: Path | str, lead: str | None = None, annotated: bool = True) -> Record:
    """Read a record and its beats; refuse damaged files and samples without a value.

    With `lead` only that lead is read, which is faster. Without annotations there are no beats.
    """
    import wfdb

    path = Path(path)
    header = read_header(path)
    if not (leads := tuple(header.sig_name or ())):
        raise InputError(f"Record {path} has no signal of its own: give another record.")
    channels = list(range(len(leads))) if lead is None else [_channel(path.name, leads, lead)]
    with plain_copy(path, header.sig_len, [header.file_name[i] for i in channels]) as (copy, _):
        try:
            signals, fields = wfdb.rdsamp(copy, channels=channels)
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
    path: Path | str,
    n_samples: int | None = None,
    extension: str = "atr",
    fs: float | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Read the beats that one annotator marks within a record's length: samples and symbols.

    Samples are those of `fs` Hz, as of :func:`read_annotation_file`. Of two beats at one sample,
    such as of two channels, the first is kept.
    """
    marks, file = read_annotation_file(path, extension, fs), f"{path}.{extension}"
    length = n_samples or marks.n_samples or np.inf
    keep = np.isin(marks.symbols, list(aami.MAPPINGS["ec57"]))
    r_peaks, symbols = marks.samples[keep], marks.symbols[keep]
    # Record 860 of svdb marks the sample after its last one. A coarser clock may be 10 ms late.
    if len(r_peaks) and r_peaks[-1] > length + marks.fs / 100:
        where = f"at sample {r_peaks[-1]}, but the record has {length}"
        raise InputError(f"{file} marks a beat {where}: it belongs to another record or length.")
    again = np.diff(r_peaks, prepend=-1) == 0
    if unlike := int((again[1:] & (symbols[1:] != symbols[:-1])).sum()):
        twice = f"{file} gives a beat two symbols {unlike} times, at one sample"
        warnings.warn(f"{twice}: the first is kept.", stacklevel=2)
    keep = ~again & (r_peaks < length)
    return r_peaks[keep], symbols[keep]


def read_annotation_file(
    path: Path | str, extension: str = "atr", fs: float | None = None
) -> Annotations:
    """Read all marks of one annotator, except those of kinds that WFDB does not know.

    Their samples are brought from the sampling rate that the file states to `fs` Hz, by default
    that of the record's header beside it. A file that states none has the header's, or else `fs`.
    """
    import wfdb

    file = f"{path}.{extension}"
    header = read_header(path) if Path(f"{path}.hea").exists() else None
    try:
        content = Path(file).read_bytes()
        if content[-2:] != b"\0\0":
            raise ValueError("cut short: two zero bytes should end it")
        own = _stated_rate(content) or (header.fs if header else fs)
        if not own or not (rate := fs or (header.fs if header else own)):
            raise ValueError("without a sampling rate: put the record's header beside it")
        with tempfile.TemporaryDirectory() as folder:  # wfdb hangs at notes "## " unknown to it
            plain = re.sub(rb"([\xfc-\xff])##", rb"\1  ", content)
            Path(folder, "record.marks").write_bytes(plain)
            marks = wfdb.rdann(f"{folder}/record", "marks")
        known = np.array([isinstance(symbol, str) for symbol in marks.symbol], dtype=bool)
        samples, subtypes = (np.array(c, np.int64)[known] for c in (marks.sample, marks.subtype))
        symbols = np.array(marks.symbol, dtype=object)[known].astype("U1")
        n_samples, comments = (header.sig_len, header.comments) if header else (None, ())
        synthetic = any("SYNTHETIC" in line for line in comments)
        if rate != own:
            with np.errstate(all="raise"):
                samples = np.floor(samples * (rate / own) + 0.5).astype(np.int64)  # as WFDB does
        if header and n_samples and rate != header.fs:
            n_samples = round(n_samples * (rate / header.fs))
        found = Annotations(samples, symbols, float(rate), subtypes, n_samples, synthetic)
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{file} is not a readable WFDB annotation file ({why}).") from error
    if not known.all():
        unknown = f"{(~known).sum()} of {len(known)} marks in {file} are of no known kind"
        warnings.warn(f"{unknown}: they are left out.", stacklevel=2)
    return found


def _stated_rate(content: bytes) -> float | None:
    """Find an annotation file's own sampling rate in Hz, in a note with its length before it."""
    note = re.search(rb"(.)[\xfc-\xff](## time resolution:.*)", content, re.DOTALL)
    return float(note[2][len("## time resolution:") : note[1][0]]) if note else None


def read_annotation_folders(
    reference: Path | str,
    test: Path | str,
    extensions: tuple[str, str],
    records: Sequence[str] | None = None,
) -> tuple[dict[str, Annotations], dict[str, Annotations]]:
    """Read two annotators' files of the same records, by record name.

    The two folders may be the same. All samples are in the sampling rate of the reference.
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
