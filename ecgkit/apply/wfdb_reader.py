"""WFDB records: a header, the signal files or segments that it names, and annotation files."""

import os
import re
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.leads import Channel, Signal
from ecgkit.data import wfdb_io

if TYPE_CHECKING:
    import wfdb

#: Extensions of beat annotations; after atr: of slpdb, AFDB, QTDB and WFDB's detectors.
ANNOTATORS = ("atr", "ecg", "qrsc", "qrs", "wqrs", "man")
_BYTES = {"16": 2, "212": 1.5, "80": 1, "160": 2, "24": 3, "32": 4}  # of a sample, by format


def find_record(path: Path) -> tuple[Path | None, str | None]:
    """Find the record that a path names, and its annotator if it may be an annotation file."""
    if os.path.isfile(f"{path}.hea"):
        return path, None
    record, suffix = path.parent / path.stem, path.suffix
    if suffix.lower() in (".hea", ".dat"):
        return record, None
    if not os.path.isfile(f"{record}.hea") or not os.path.isfile(path):
        return None, None
    if path.name.encode() in Path(f"{record}.hea").read_bytes().split():
        return record, None
    with path.open("rb") as file:  # an .ecg may also be a recording in ISHNE's format
        return (None, None) if file.read(5) == b"ISHNE" else (record, suffix[1:])


def is_part_of(path: Path, recording: Path | str) -> bool:
    """Whether a file is there that a recording is, or that may belong to a WFDB record."""
    if not path.exists():
        return False
    of_record = path.suffix.lower() in (".hea", ".dat", *(f".{name}" for name in ANNOTATORS))
    return of_record or (os.path.exists(recording) and path.samefile(recording))


def read_wfdb(path: Path) -> list[Channel]:
    """List the channels of a WFDB record, given without extension."""
    header = wfdb_io.read_header(path)
    if hasattr(header, "seg_name"):
        return _list_segments(path, header)
    if not header.n_sig:
        raise InputError(f"{path}.hea describes no signal, only annotations: there is no ECG here.")
    if len(header.text.partition("\n")[0].split()) < 3:
        why = "its header states no sampling rate, so that of WFDB is taken, 250 Hz"
        warnings.warn(f"{path}: the times are uncertain: {why}.", stacklevel=3)
    return _list_channels(path, header)


def _list_channels(path: Path, header: "wfdb.Record") -> list[Channel]:
    rates = [float(header.fs * spf) for spf in header.samps_per_frame or ()]
    return [
        Channel(header.sig_name[i] or "", header.units[i], fs, partial(_read, path, header, i))
        for i, fs in enumerate(rates)
    ]


def _read(path: Path, header: "wfdb.Record", i: int) -> Signal:
    if not re.match(r"[^(/]*[1-9]", (*header.lines[i], "")[2]):
        why = f"its header states no gain, so that of WFDB is taken, 200 per {header.units[i]}"
        warnings.warn(f"The amplitude is uncertain: {why}.", stacklevel=4)
    n, fmt, name = header.sig_len, header.fmt[i], header.file_name[i]
    if n and fmt in _BYTES:
        spf = sum(header.samps_per_frame[k] for k, x in enumerate(header.file_name) if x == name)
        size = wfdb_io.find_file(path, name).stat().st_size - (header.byte_offset[i] or 0)
        if (more := size / (spf * _BYTES[fmt]) - n) > header.fs:
            why = f"its signal file goes on for {more / header.fs:.0f} s after the length stated"
            warnings.warn(f"{path}: {why}: correct the header to read on.", stacklevel=4)
    return wfdb_io.read_channel(path, header, i)


def _list_segments(path: Path, header: "wfdb.MultiRecord") -> list[Channel]:
    """List the channels of a record in segments, of which ``~`` is a gap."""
    parts: dict[str, list[Channel]] = {}
    rows = list(zip(header.seg_name, header.seg_len, strict=True))
    for name, n in rows:
        if name != "~":
            part = wfdb_io.read_header(path.parent / name)
            if hasattr(part, "seg_name") or (part.fs, part.sig_len or 0) != (header.fs, n):
                raise InputError(f"{path}.hea does not fit its segment {name}: fetch both again.")
            parts[name] = _list_channels(path.parent / name, part)
    if not parts or header.sig_len != sum(header.seg_len):
        raise InputError(f"{path}.hea has no segments, or not of its length: fetch it again.")
    channels = []
    # The first segment of a variable layout is empty and lists all leads.
    for i, (lead, *_) in enumerate(next(iter(parts.values()))):
        same = {k: [c for c in part[i:] + part if c.lead == lead] for k, part in parts.items()}
        pieces = [(n, next(iter(same.get(name, [])), None)) for name, n in rows if n]
        if found := [channel for _, channel in pieces if channel]:
            read = partial(_join_segments, path, header.fs, pieces)
            channels.append(found[0]._replace(read=read))
    return channels


def _join_segments(path: Path, fs: float, pieces: list[tuple[int, Channel | None]]) -> Signal:
    """Read one lead in each segment, given with its number of frames; NaN where there is none."""
    kinds = {(channel.unit, channel.fs) for _, channel in pieces if channel}
    if len(kinds) > 1:
        raise InputError(f"{path}: its segments differ in unit or rate: give one of them.")
    spf = round((kinds.pop()[1] or fs) / fs)
    gap = np.array([np.nan], np.float32)
    return np.concatenate([x.read() if x else gap.repeat(n * spf) for n, x in pieces])


def read_beats(
    path: Path, n_samples: int, fs: float, annotator: str | None = None
) -> tuple[NDArray[np.int64], NDArray[np.str_]] | tuple[None, None]:
    """Read the annotated beats as sample numbers at `fs` Hz, and symbols; None without any.

    The annotator is by default the first of :data:`ANNOTATORS` that has a file.
    """
    beside = [name for name in ANNOTATORS if find_record(Path(f"{path}.{name}"))[1] == name]
    chosen = (annotator or (beside or [""])[0]).removeprefix(".")
    if not chosen:
        return None, None
    r_peaks, symbols = wfdb_io.read_annotations(path, n_samples, chosen, fs)
    others = ", ".join(name for name in beside if name != chosen)
    hint = f"; --annotator takes {others}." if others else "."
    if not len(r_peaks):
        why = f"{path}.{chosen} marks no beats, at most rhythms, waves or noise"
        warnings.warn(f"{why}: R peaks are detected{hint}", stacklevel=3)
        return None, None
    if annotator is None and chosen != "atr":
        why = f"The beats of {path}.{chosen} are used, as there is no .atr"
        warnings.warn(f"{why}; --detect ignores them{hint}", stacklevel=3)
    return r_peaks, symbols
