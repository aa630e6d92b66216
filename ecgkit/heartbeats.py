"""Heartbeats: from annotated recordings to a table of beats.

A beat is the 180 samples (0.5 s) around its R peak, ``x[r - 90 : r + 90]`` (paper, section IV-A).
It is kept where 100 samples before and 150 after the R peak exist: this rule, not a bare 90 and 90,
gives the paper's counts to the beat.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError, aami, files

if TYPE_CHECKING:  # at run time the file readers are imported only where files are read
    from ecgkit.records import Record, Source

BEFORE, AFTER = 90, 90
"""Samples taken before the R peak, and from it on."""

MARGIN_BEFORE, MARGIN_AFTER = 100, 150
"""Samples that must exist around the R peak for the beat to count."""

_KINDS = {
    **{"signals": np.float32, "symbols": np.str_, "records": np.str_, "samples": np.int64},
    **{"rr_before_s": np.float32, "rr_after_s": np.float32},
}
_ARRAYS = tuple(_KINDS)


@dataclass(frozen=True)
class Heartbeats:
    """A table of n heartbeats.

    Attributes
    ----------
    signals
        Float32, shape (n, 180), in mV, R peak at column 90 (``before`` of :func:`prepare`).
    labels
        Int8, shape (n,): index into :data:`ecgkit.aami.CLASSES`.
    symbols
        Shape (n,): the annotator's symbols.
    records
        Shape (n,): name of each beat's record.
    samples
        Int64, shape (n,): sample number of the R peak in its record.
    rr_before_s, rr_after_s
        Float32, shape (n,): seconds since the beat before and to the beat after; NaN where there
        is none.
    mapping
        ``"ec57"`` or ``"literature"``: how symbols became labels.
    source, fingerprint
        Where the recordings came from; see :class:`ecgkit.records.Source`.
    """

    signals: NDArray[np.float32]
    labels: NDArray[np.int8]
    symbols: NDArray[np.str_]
    records: NDArray[np.str_]
    samples: NDArray[np.int64]
    rr_before_s: NDArray[np.float32]
    rr_after_s: NDArray[np.float32]
    mapping: str
    source: str
    fingerprint: str

    def __len__(self) -> int:
        """Return the number of beats."""
        return len(self.labels)

    def select(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> Heartbeats:
        """Return the beats of a mask or of an index array, in that order."""
        parts = {name: getattr(self, name)[which] for name in ("labels", *_ARRAYS)}
        return replace(self, **parts)

    def without_q(self) -> Heartbeats:
        """Return the beats of the four classes that are classified (paper, section IV-A)."""
        return self.select(self.labels != aami.CLASSES.index("Q"))

    def relabelled(self, mapping: str) -> Heartbeats:
        """Return the same beats under another class mapping."""
        return replace(self, labels=aami.encode(self.symbols, mapping), mapping=mapping)

    def save(self, path: Path | str) -> None:
        """Write the table to an ``.npz`` file, whole or not at all.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        about = np.array([self.source, self.fingerprint])
        with files.whole(path) as draft, draft.open("wb") as file:
            np.savez(file, about=about, **arrays)

    @staticmethod
    def load(path: Path | str, mapping: str = "ec57") -> Heartbeats:
        """Read a table written by :meth:`save`.

        Raises
        ------
        InputError
            If the file is missing or is no such table.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _ARRAYS}
                source, fingerprint = (str(word) for word in file["about"])
            n = len(arrays["signals"])
            if arrays["signals"].shape != (n, BEFORE + AFTER) or any(
                arrays[name].shape != (n,) for name in _ARRAYS[1:]
            ):
                raise ValueError("its columns do not fit together")
            if not all(np.issubdtype(arrays[name].dtype, kind) for name, kind in _KINDS.items()):
                raise ValueError("a column is of another kind")
            if not np.isfinite(arrays["signals"]).all():
                raise ValueError("a sample is no number")
        except FileNotFoundError as error:
            raise InputError(f"There is no table of beats at {path}.") from error
        except Exception as error:  # a damaged zip file raises what its parsing happens to hit
            raise InputError(
                f"{path} is no table of beats, or a damaged one. Write it again with "
                "`ecgkit data --save FILE`."
            ) from error
        labels = aami.encode(arrays["symbols"], mapping)
        return Heartbeats(
            labels=labels, **arrays, mapping=mapping, source=source, fingerprint=fingerprint
        )


def kept(r_peaks: NDArray[np.integer], n_samples: int) -> NDArray[np.bool_]:
    """Say which beats lie far enough from both ends of their record.

    Parameters
    ----------
    r_peaks
        Integer, shape (beats,): sample numbers.
    n_samples
        Length of the record.

    Returns
    -------
    Bool, shape (beats,).

    Examples
    --------
    >>> kept(np.array([99, 100, 850, 851]), 1000).tolist()
    [False, True, True, False]
    """
    return (r_peaks >= MARGIN_BEFORE) & (r_peaks + MARGIN_AFTER <= n_samples)


def cut(signal: NDArray[np.floating], r_peaks: NDArray[np.integer]) -> NDArray[np.float32]:
    """Cut the 180 samples around each R peak (paper, section IV-A).

    Parameters
    ----------
    signal
        Shape (samples,), one lead, in mV.
    r_peaks
        Integer, shape (n,): sample numbers for which :func:`kept` is true.

    Returns
    -------
    Float32, shape (n, 180), in mV.

    Raises
    ------
    InputError
        If a beat reaches beyond the signal.

    Examples
    --------
    >>> beats = cut(np.arange(1000.0), np.array([500]))
    >>> beats.shape, float(beats[0, 0]), float(beats[0, 90])
    ((1, 180), 410.0, 500.0)
    """
    beyond = r_peaks[(r_peaks < BEFORE) | (r_peaks + AFTER > len(signal))]
    if len(beyond):
        raise InputError(
            f"The beat at sample {beyond[0]} reaches beyond the signal's {len(signal)} samples: "
            "leave out those for which heartbeats.kept() is false."
        )
    windows = np.asarray(r_peaks)[:, None] + np.arange(-BEFORE, AFTER)  # (n, 180)
    return np.asarray(signal, dtype=np.float32)[windows]


def prepare(
    source: Source | None = None,
    mapping: str = "ec57",
    lead: str = "MLII",
    zeroed: Sequence[str] = ("A9", "D1", "D2"),
    cached: bool = True,
    before: int = BEFORE,
    step: int = 1,
) -> Heartbeats:
    """Read, denoise and cut all records of a source.

    Parameters
    ----------
    source
        From :func:`ecgkit.records.find`; None finds one.
    mapping
        Symbols to classes, ``"ec57"`` or ``"literature"``.
    lead
        Name of the lead, or ``"first"`` for the first channel of each record. The two differ in
        record 114 alone, whose first channel is V5.
    zeroed
        Wavelet bands set to zero, see :func:`ecgkit.denoising.denoise`; none leaves the signal.
    cached
        Keep the table in the per-user cache and read it from there the next time.
    before
        How many of a beat's 180 samples lie before its R peak.
    step
        Take every sample, or every second, third, ... one: the 180 of a beat then last as many
        times as long. Denoised below 45 Hz, a signal loses nothing with a step of 2. Beyond the
        record's ends, where a longer window may reach, its first and last sample go on.

    Returns
    -------
    All beats, the Q class included, in the order of the records and of time.

    Raises
    ------
    InputError
        If a record cannot be read, lacks the lead, or was not sampled at 360 Hz.
    """
    from ecgkit import physionet, records  # they and wfdb are not needed where a table is at hand

    aami.mapping(mapping)  # a wrong name is said before anything is read
    source = source or records.find()
    plan = {"fingerprint": source.fingerprint, "lead": lead, "zeroed": sorted(zeroed), "cut": 1}
    if before != BEFORE:
        plan["before"] = before
    if step != 1:
        plan["step"] = step
    key = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:16]
    path = physionet.cache_directory() / f"beats-{source.name}-{key}.npz"
    if cached and path.exists():
        try:
            return Heartbeats.load(path, mapping)
        except InputError:  # damaged: it can be made again
            path.unlink(missing_ok=True)
    with ThreadPoolExecutor() as pool:
        read = pool.map(
            lambda name: _beats_of(source.read(name, lead), lead, zeroed, before, step),
            source.records,
        )
        parts = list(read)
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in _ARRAYS}
    labels = aami.encode(arrays["symbols"], mapping)
    beats = Heartbeats(
        labels=labels,
        **arrays,
        mapping=mapping,
        source=source.name,
        fingerprint=source.fingerprint,
    )
    if cached:
        try:
            beats.save(path)
        except InputError as error:
            warnings.warn(f"{error} It is made anew each time.", stacklevel=2)
    return beats


def _beats_of(
    record: Record, lead: str, zeroed: Sequence[str], before: int, step: int
) -> dict[str, NDArray]:
    """Return one record's columns of the table."""
    from ecgkit import denoising, records

    if record.fs != records.SAMPLING_RATE:
        raise InputError(
            f"Record {record.name} has {record.fs:g} samples a second; a beat of 180 samples is "
            f"0.5 s only at {records.SAMPLING_RATE} Hz. Resample it first."
        )
    signal = denoising.denoise(record.lead(lead), zeroed)
    rr_s = np.diff(record.r_peaks) / record.fs
    keep = kept(record.r_peaks, len(signal))
    samples = record.r_peaks[keep]
    at = samples + BEFORE - before
    signals = cut(signal, at) if step == 1 else _cut_wide(signal, at, step)
    return {
        "signals": signals,
        "symbols": record.symbols[keep],
        "records": np.full(len(samples), record.name),
        "samples": samples,
        "rr_before_s": np.r_[np.nan, rr_s][keep].astype(np.float32),
        "rr_after_s": np.r_[rr_s, np.nan][keep].astype(np.float32),
    }


def _cut_wide(signal: NDArray, r_peaks: NDArray[np.int64], step: int) -> NDArray[np.float32]:
    """Cut every ``step``-th sample around each R peak, (n, 180); the ends go on as they are."""
    windows = r_peaks[:, None] + step * np.arange(-BEFORE, AFTER)
    return np.asarray(signal, np.float32)[windows.clip(0, len(signal) - 1)]
