"""WFDB records: a header, the signal files or segments that it names, and annotation files."""

from __future__ import annotations

import os
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply import signal_file
from ecgkit.apply.signal_file import Channel, Signal
from ecgkit.data import wfdb_io

if TYPE_CHECKING:
    import wfdb

#: Extensions of beat annotations; after atr: of slpdb, AFDB, QTDB and WFDB's detectors.
ANNOTATORS = ("atr", "ecg", "qrs", "qrsc", "wqrs", "man")


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


def read_wfdb(path: Path) -> list[Channel]:
    """List the channels of a WFDB record, given without extension."""
    header = wfdb_io.read_header(path)
    if hasattr(header, "seg_name"):
        return _list_segments(path, header)
    if not header.n_sig:
        raise InputError(f"{path}.hea describes no signal, only annotations: there is no ECG here.")
    if not header.sig_len:
        raise InputError(f"{path}.hea does not state the number of samples: write it in line 1.")
    return [
        Channel(
            lead or "",
            header.units[i],
            float(header.fs * header.samps_per_frame[i]),
            partial(_read_lead, path, header, i),
        )
        for i, lead in enumerate(header.sig_name)
    ]


def _read_lead(path: Path, header: wfdb.Record, i: int) -> Signal:
    """Read a channel in its own unit and rate; compare the sum of its samples with the header's."""
    import wfdb

    if header.without_gain[i]:
        why = f"{path}.hea states no gain: its lead has WFDB's default, 200 per {header.units[i]}"
        warnings.warn(f"{why}, and an uncertain amplitude.", stacklevel=4)
    n, spf, total = header.sig_len, header.samps_per_frame[i], 0
    # Format 8 holds differences, so that no block can be read without those before it.
    step = n if header.fmt[i] == "8" else max(signal_file.BLOCK // spf, 1)
    with wfdb_io.plain_copy(path, n, [header.file_name[i]]) as (copy, _):
        smooth = spf == 1  # without it wfdb stops at format 61
        how = {"channels": [i], "physical": False, "smooth_frames": smooth, "ignore_skew": True}
        try:
            signal = np.empty(n * spf, np.float32)
            for start in range(0, n, step):
                part = wfdb.rdrecord(copy, start, min(start + step, n), **how)
                total += int(np.sum(part.d_signal if smooth else part.e_d_signal))
                signal[start * spf : (start + step) * spf] = np.ravel(part.dac(not smooth))
        except Exception as error:  # wfdb raises whatever its parsing happens to hit
            raise wfdb_io.unreadable(path, error) from error
    stated = header.checksum[i]  # many programs write 0 for a sum that they do not compute
    if stated and (total - stated) % 65_536:
        raise InputError(
            f"{header.file_name[i]} is damaged: lead {header.sig_name[i]} does not add up to the "
            f"checksum in its header, {stated}. Copy or fetch record {path.name} again."
        )
    if late := min((header.skew[i] or 0) * spf, len(signal)):  # samples after those of other leads
        signal = np.append(signal[late:], np.full(late, np.nan, np.float32))
    return signal


def _list_segments(path: Path, header: wfdb.MultiRecord) -> list[Channel]:
    """List the channels of a record in segments, of which ``~`` is a gap."""
    names = dict.fromkeys(name for name in header.seg_name if name != "~")
    parts = {name: wfdb_io.read_header(path.parent / name) for name in names}
    for name, n in zip(header.seg_name, header.seg_len, strict=True):
        part = parts.get(name)
        if part and (hasattr(part, "seg_name") or (part.fs, part.sig_len or 0) != (header.fs, n)):
            raise InputError(f"{path}.hea does not fit its segment {name}: fetch both again.")
    if not parts or header.sig_len != sum(header.seg_len):
        raise InputError(f"{path}.hea has no segments, or not of its length: fetch it again.")
    channels = []
    # The first segment of a variable layout is empty and lists all leads.
    for i, lead in enumerate(next(iter(parts.values())).sig_name or ()):
        at = {
            name: i if part.sig_name[i : i + 1] == [lead] else part.sig_name.index(lead)
            for name, part in parts.items()
            if part.sig_len and lead in part.sig_name
        }
        for name in list(at)[:1]:
            unit, spf = parts[name].units[at[name]], parts[name].samps_per_frame[at[name]]
            read = partial(_join_segments, path, header, parts, at)
            channels.append(Channel(lead or "", unit, float(header.fs * spf), read))
    return channels


def _join_segments(
    path: Path, header: wfdb.MultiRecord, parts: dict[str, Any], at: dict[str, int]
) -> Signal:
    """Read one lead, of number ``at[name]`` in each segment that has it, and NaN in the others."""
    kinds = {(parts[name].units[i], parts[name].samps_per_frame[i]) for name, i in at.items()}
    if len(kinds) > 1:
        raise InputError(f"{path}: its segments differ in unit or rate: give one of them.")
    spf = kinds.pop()[1]
    try:
        signal = np.full(header.sig_len * spf, np.nan, np.float32)
    except MemoryError as error:
        raise wfdb_io.unreadable(path, error) from error
    for name, n, stop in zip(
        header.seg_name, header.seg_len, np.cumsum(header.seg_len), strict=True
    ):
        if name in at:
            part = _read_lead(path.parent / name, parts[name], at[name])
            signal[(stop - n) * spf : stop * spf] = part
    return signal


def read_beats(
    path: Path, n_samples: int, fs: float, annotator: str | None = None
) -> tuple[NDArray[np.int64], NDArray[np.str_]] | tuple[None, None]:
    """Read the annotated beats as sample numbers at `fs` Hz, and symbols; None without any.

    The annotator is ``atr`` by default, or the only one of :data:`ANNOTATORS` that has a file.
    """
    beside = [name for name in ANNOTATORS if find_record(Path(f"{path}.{name}"))[1] == name]
    if annotator is None and "atr" not in beside and len(beside) != 1:
        if beside:
            names = ", ".join(beside)
            warnings.warn(f"{path}: R peaks are detected; --annotator takes {names}.", stacklevel=3)
        return None, None
    chosen = (annotator or beside[0]).removeprefix(".")
    beats = wfdb_io.read_annotations(path, n_samples, chosen, fs)
    if not len(beats[0]):
        others = ", ".join(name for name in beside if name != chosen)
        hint = f"R peaks are detected{others and f'; --annotator takes {others}'}."
        why = f"{path}.{chosen} marks no beats, at most rhythms, waves or noise: {hint}"
        warnings.warn(why, stacklevel=3)
        return None, None
    if annotator is None and chosen != "atr":
        why = f"The beats of {path}.{chosen} are used, as there is no .atr; --detect ignores them."
        warnings.warn(why, stacklevel=3)
    return beats
