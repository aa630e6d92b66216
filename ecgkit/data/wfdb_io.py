"""Records and annotations in WFDB's file formats.

A record is a header (``208.hea``) and a signal file (``208.dat``). Annotation files lie beside it;
their extension names the annotator: ``208.atr`` holds the marks of MIT-BIH's cardiologists.
In this module the path of a record is the one without extension.
"""

import itertools
import math
import os
import re
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgkit import InputError, files
from ecgkit.data import aami

if TYPE_CHECKING:
    import wfdb

BLOCK = 1 << 20  # samples read at a time: a day as float64 or int64 would be too much


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
    n_samples: int | None = None  #: Length of the record, if its header states it.
    synthetic: bool = False  #: Whether the record's header says that it is synthetic.

    def __post_init__(self) -> None:
        n = len(self.symbols)
        for name, kind in (("samples", np.int64), ("symbols", np.str_), ("subtypes", np.int64)):
            if (given := getattr(self, name)) is not None:
                column = np.asarray(given, None if n else kind)
                if column.shape != (n,) or not np.can_cast(column.dtype, kind, "same_kind"):
                    raise InputError(f"The {name} are not {n} values of type {kind.__name__}.")
                object.__setattr__(self, name, column.astype(kind))
        if (np.diff(self.samples, prepend=0) < 0).any():
            raise InputError("The marks are not in order: sort them by sample number, from 0 on.")
        if not 0 < self.fs < math.inf:
            raise InputError(f"The sampling rate is {self.fs:g} Hz: give a positive number.")


def _channel(record: str, leads: Sequence[str], name: str) -> int:
    if name == "any":  # the leads that strangers' weights are for
        name = next((lead for lead in ("MLII", "II") if lead in leads), "first")
    if name == "first" and leads:
        return 0
    if name not in leads:
        raise InputError(f"Record {record} has no lead {name!r}: use {', '.join(leads)} or first.")
    return list(leads).index(name)


def read_header(path: Path | str) -> "wfdb.Record | wfdb.MultiRecord":
    """Read a record's ``.hea`` file; refuse one that names a file outside the record's folder.

    It also says whether the record is ``synthetic``, and has the ``text`` and the ``lines`` of
    signals, word by word, without what stops wfdb: micro signs, dots in names and such.
    """
    import wfdb

    path = Path(path)
    file = find_file(path, f"{path.name}.hea")
    try:
        content = re.sub(rb"\xc2?\xb5|\xce\xbc", b"u", file.read_bytes())  # the micro sign
        text = content.decode("ascii", "ignore").replace("\0", "")  # UTF-16 has zeros between
        lines = [line.split() for line in text.splitlines() if line.strip()]
        comments = [line for line in lines if line[0][0] == "#"]
        (name, *numbers), *rows = [line for line in lines if line[0][0] != "#"]
        names = [row[0] for row in rows]
        if outside := [name for name in names if re.search(r"[/\\]", name)]:
            raise ValueError(f"{outside[0]} is a file outside its own folder")
        counts = [*numbers[:2], *(x for row in rows for x in row[1:3])]
        if odd := [x for x in counts if "," in x]:
            raise ValueError(f"{odd[0]} has a comma: a number has a point")
        # Without time and date; a length of 0 is as good as none.
        head = [re.sub("^[^/]*", "record", name), *numbers[: 2 if numbers[2:3] == ["0"] else 3]]
        rows = [[f"file{names.index(row[0])}", *row[1:]] for row in rows]
        text = "\n".join(map(" ".join, [head, *rows, *comments]))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "record.hea").write_text(text, "ascii")
            header = wfdb.rdheader(f"{folder}/record")
        if len(rows) != (n := getattr(header, "n_seg", header.n_sig)):
            raise ValueError(f"each of {n} signals or segments needs a line of its own")
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        fault = f"{file} is not a readable WFDB header ({error})"
        raise InputError(f"{fault}: correct it, or fetch it again.") from error
    header.synthetic = any("SYNTHETIC" in comment for comment in header.comments)
    header.text, header.lines = text, rows
    if hasattr(header, "seg_name"):
        header.seg_name, header.sig_len = names, header.sig_len or sum(header.seg_len)
    else:
        header.file_name = names
    return header


def find_file(path: Path, name: str) -> Path:
    """Find a record's header or a file that it names, even in capitals or renamed with it."""
    if os.path.isfile(file := path.parent / name):
        return file
    alike = {name.lower(), f"{path.name}{Path(name).suffix}".lower()}  # of "100 (1).hea"
    found = [file for file in path.parent.glob("*") if file.name.lower() in alike]
    if len(found) != 1 or not found[0].is_file():
        raise InputError(f"{file} is missing: put a record's files side by side.")
    return found[0]


def read_channel(
    path: Path, header: "wfdb.Record", i: int, dtype: Any = np.float32
) -> NDArray[np.floating]:
    """Read a signal in its own unit and rate, NaN where it has no value; compare its checksum."""
    import wfdb

    n, spf, total, parts = header.sig_len, header.samps_per_frame[i], 0, []
    # Format 8 holds differences, so that no block can be read without those before it.
    whole = not n or header.fmt[i] == "8"
    stops = [0, n] if whole else [*range(0, n, max(BLOCK // spf, 1)), n]
    smooth = spf == 1  # without it wfdb stops at format 61
    how = {"channels": [i], "physical": False, "smooth_frames": smooth, "ignore_skew": True}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "record.hea").write_text(header.text, "ascii")
        for k in {0, header.file_name.index(header.file_name[i])}:  # the first has the length
            Path(folder, f"file{k}").symlink_to(find_file(path, header.file_name[k]).resolve())
        try:
            for start, stop in itertools.pairwise(stops):
                part = wfdb.rdrecord(f"{folder}/record", start, stop, **how)
                total += int(np.sum(part.d_signal if smooth else part.e_d_signal))
                parts.append(np.ravel(part.dac(not smooth)).astype(dtype, copy=False))
            if (stated := header.checksum[i]) and (total - stated) % 65_536:  # 0: not computed
                lead = header.sig_name[i]
                raise ValueError(f"lead {lead} is damaged: its checksum is not {stated}")
        except Exception as error:  # wfdb raises whatever its parsing happens to hit
            why = " ".join(str(getattr(error, "strerror", None) or error).split())
            both = "copy or fetch both again, and compare any SHA-256 that is published for them"
            fault = f"Record {path}: its signal file does not fit its header ({why})"
            raise InputError(f"{fault}: {both}.") from error
    signal = np.concatenate(parts)
    if late := min((header.skew[i] or 0) * spf, len(signal)):  # samples after those of other leads
        signal = np.append(signal[late:], np.full(late, np.nan, dtype))
    return signal


def read_record(path: Path | str, lead: str | None = None, annotated: bool = True) -> Record:
    """Read a record and its beats; refuse damaged files and samples without a value.

    With `lead` only that lead is read, which is faster. Its beats are those of the ``.atr`` file,
    which has to be there; without `annotated` none are read.
    """
    path = Path(path)
    header = read_header(path)
    leads = tuple(header.sig_name or ())
    wanted = range(len(leads)) if lead is None else [_channel(path.name, leads, lead)]
    rates = {float(header.fs * header.samps_per_frame[i]) for i in wanted}
    if len(rates) != 1:
        raise InputError(f"Record {path} has no signals of one sampling rate: give one that has.")
    signals = np.stack([read_channel(path, header, i, np.float64) for i in wanted], axis=1)
    if len(missing := np.flatnonzero(~np.isfinite(signals).all(axis=1))):
        found = f"{len(missing)} samples without a value, the first at sample {missing[0]}"
        raise InputError(f"Record {path.name} has {found}: cut it there, or fill the gap.")
    fs, beats = rates.pop(), (np.empty(0, np.int64), np.empty(0, "U1"))
    if annotated:
        beats = read_annotations(path, len(signals), fs=fs)
    return Record(path.name, signals, fs, tuple(leads[i] for i in wanted), *beats)


def read_annotations(
    path: Path | str, n_samples: int | None = None, extension: str = "atr", fs: float | None = None
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Read the beats that one annotator marks within a record's length: samples and symbols.

    Samples are those of `fs` Hz, as of :func:`read_annotation_file`. Of two beats at one sample,
    such as of two channels, the first is kept.
    """
    marks, file = read_annotation_file(path, extension, fs), f"{path}.{extension}"
    length = n_samples or marks.n_samples or math.inf
    keep = np.isin(marks.symbols, list(aami.MAPPINGS["ec57"]))
    r_peaks, symbols = marks.samples[keep], marks.symbols[keep]
    # Record 860 of svdb marks the sample after its last one. A coarser clock may be 10 ms late.
    if len(r_peaks) and r_peaks[-1] > length + marks.fs / 100:
        found = f"{file} marks a beat at sample {r_peaks[-1]}, but the record has {length}"
        raise InputError(f"{found}: it belongs to another record or length.")
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
        # A note with its length before it; wfdb hangs at others that begin with "## ".
        note = re.search(rb"(.)[\xfc-\xff]## time resolution:(.*)", content, re.DOTALL)
        stated = float(note[2][: note[1][0] - len("## time resolution:")]) if note else None
        beside = header.fs if header else None
        own, rate = stated or beside or fs, fs or beside or stated
        if not own or not rate:
            raise ValueError("without a sampling rate: put the record's header beside it")
        with tempfile.TemporaryDirectory() as folder:
            plain = re.sub(rb"([\xfc-\xff])##", rb"\1  ", content)
            Path(folder, "record.marks").write_bytes(plain)
            found = wfdb.rdann(f"{folder}/record", "marks")
        table = pd.DataFrame(vars(found), columns=["sample", "symbol", "subtype"])
        known = table.dropna()
        with np.errstate(all="raise"):  # rounded as WFDB does
            samples = np.floor(known["sample"].to_numpy() * (rate / own) + 0.5).astype(np.int64)
        symbols, subtypes = known["symbol"].to_numpy("U1"), known["subtype"].to_numpy(np.int64)
        n_samples = round((header.sig_len or 0) * (rate / header.fs)) if header else 0
        about = (n_samples or None, bool(header and header.synthetic))
        marks = Annotations(samples, symbols, float(rate), subtypes, *about)
    except Exception as error:  # wfdb raises whatever its parsing happens to hit
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{file} is not a readable WFDB annotation file ({why}).") from error
    if unknown := len(table) - len(known):
        which = f"{unknown} of {len(table)} marks in {file} are of no known kind"
        warnings.warn(f"{which}: they are left out.", stacklevel=2)
    return marks


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
    first, second, problems = {}, {}, []
    marked = [
        {path.stem for path in Path(folder).glob("*") if path.suffix == f".{extension}"}
        for folder, extension in zip((reference, test), extensions, strict=True)
    ]
    for name in sorted(marked[1]) if records is None else records:
        try:
            marks = read_annotation_file(Path(reference, name), extensions[0])
            second[name] = read_annotation_file(Path(test, name), extensions[1], marks.fs)
            first[name] = marks
        except InputError as error:
            problems.append(f"Record {name} is left out: {error}")
    if not first:
        none = f"{test} holds no file *.{extensions[1]}: name its extension."
        raise InputError((problems or [none])[0])
    if records is None and (lacking := " ".join(sorted(marked[0] - marked[1]))):
        problems.append(f"Without a .{extensions[1]}, not compared: {lacking}.")
    for sentence in problems:
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
        draft.write_bytes(Path(folder, path.name).read_bytes())
