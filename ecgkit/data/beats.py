"""Heartbeats: from a recording and its R peaks to a table of beats.

A beat is the 180 samples (0.5 s) around its R peak, ``x[r - 90 : r + 90]`` (paper, section IV-A).
It counts where 100 samples before and 150 after the R peak exist, which gives the paper's numbers
of beats exactly; many other margins do as well.
"""

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.data import aami
from ecgkit.data.preparation import BEAT_LENGTH, Preparation
from ecgkit.files import atomic_write, parse_json

# wfdb and PyWavelets are imported where they are used: a saved table needs neither.
if TYPE_CHECKING:
    from ecgkit.data.sources import Source

_KINDS = {
    **{"signals": np.float32, "features": np.float32, "symbols": np.str_, "records": np.str_},
    **{"samples": np.int64, "rr_before_s": np.float32, "rr_after_s": np.float32},
}


@dataclass(frozen=True)
class Beats:
    """A table of n heartbeats. All columns but the first two have the shape (n,)."""

    signals: NDArray[np.float32]  #: Shape (n, 180), in mV unless the preparation says otherwise.
    features: NDArray[np.float32]  #: Shape (n, k): those that the preparation names, often none.
    labels: NDArray[np.int8]  #: Index into :data:`ecgkit.data.aami.CLASSES`.
    symbols: NDArray[np.str_]  #: The annotator's.
    records: NDArray[np.str_]  #: Name of the beat's record.
    samples: NDArray[np.int64]  #: Annotated R peak, as a sample number of the record.
    rr_before_s: NDArray[np.float32]  #: Seconds since the beat before; NaN where there is none.
    rr_after_s: NDArray[np.float32]  #: Seconds to the beat after; NaN where there is none.
    preparation: Preparation  #: How the beats were prepared.
    source: str  #: Name of their :class:`ecgkit.data.sources.Source`.
    fingerprint: str  #: Of the source.

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> Self:
        """Return the beats of a mask or of an index array, in that order."""
        return replace(self, **{name: getattr(self, name)[which] for name in ("labels", *_KINDS)})

    def without_q(self) -> Self:
        """Return the beats of the four classes that are classified (paper, section IV-A)."""
        return self.select(self.labels != aami.CLASSES.index("Q"))

    def relabel(self, mapping: str) -> Self:
        """Return the same beats under another class mapping."""
        labels = aami.encode(self.symbols, mapping)
        return replace(self, labels=labels, preparation=replace(self.preparation, mapping=mapping))

    def sample(self, n: int = 2000, rare: int = 60) -> Self:
        """Take about n beats, evenly spaced, and at least ``rare`` of each class or all it has."""
        rows = [np.arange(0)]
        for c in np.unique(self.labels):
            members = np.flatnonzero(self.labels == c)
            take = min(len(members), max(round(n / len(self) * len(members)), rare))
            rows.append(members[np.linspace(0, len(members) - 1, take).astype(int)])
        return self.select(np.sort(np.concatenate(rows)))

    def save(self, path: Path | str) -> None:
        """Write the table and its preparation to an ``.npz`` file, all or nothing."""
        arrays = {name: getattr(self, name) for name in _KINDS}
        about = {"source": self.source, "fingerprint": self.fingerprint}
        text = json.dumps({**about, "preparation": self.preparation.to_dict()})
        with atomic_write(path) as draft, draft.open("wb") as file:
            np.savez(file, about=np.array(text), **arrays)

    @staticmethod
    def load(path: Path | str) -> "Beats":
        """Read a table written by :meth:`save`; InputError if it is none, or damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _KINDS}
                about = parse_json(str(file["about"]))
            how, n = Preparation.from_dict(about["preparation"]), len(arrays["symbols"])
            shapes = {"signals": (n, BEAT_LENGTH), "features": (n, how.n_features)}
            for name, kind in _KINDS.items():
                column = arrays[name]
                if column.shape != shapes.get(name, (n,)) or not np.issubdtype(column.dtype, kind):
                    raise ValueError(f"{name} has another shape or type")
            if not all(np.isfinite(arrays[name]).all() for name in shapes):
                raise ValueError("a value is missing")
            return _table(arrays, how, str(about["source"]), str(about["fingerprint"]))
        except Exception as error:  # a damaged zip file raises what its parsing happens to hit
            fault = f"{path} is no table of beats, or a damaged one ({error})"
            raise InputError(f"{fault}: write it with `ecgkit data --save FILE`.") from error


def _table(arrays: dict[str, NDArray], how: Preparation, source: str, fingerprint: str) -> Beats:
    labels = aami.encode(arrays["symbols"], how.mapping)
    return Beats(**arrays, labels=labels, preparation=how, source=source, fingerprint=fingerprint)


def load_beats(
    source: "Source | str | None" = None,
    preparation: Preparation = Preparation(),
    cached: bool = True,
) -> Beats:
    """Read and prepare the beats of a database, Q included, in the order of records and time.

    ``source`` comes from :func:`ecgkit.data.sources.find_source`, or is what that function takes.
    ``cached`` keeps the table in the user's cache and reads it from there the next time. InputError
    if a record cannot be read or lacks the lead.
    """
    from ecgkit.data import sources

    if source is None or isinstance(source, str):
        source = sources.find_source(source)
    how = replace(preparation, mapping="ec57")  # labels follow from symbols
    # Changed code makes other beats.
    plan = {file.name: file.read_text("utf-8") for file in Path(__file__).parent.glob("*.py")}
    key = sources.fingerprint({**plan, "source": source.fingerprint, "how": str(how)})
    path = sources.cache_directory() / f"beats-{source.name}-{key}.npz"
    if cached and path.exists():
        try:
            return Beats.load(path).relabel(preparation.mapping)
        except InputError:  # damaged: it can be made again
            path.unlink(missing_ok=True)
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(lambda name: _read_beats(source, name, preparation), source.records))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in _KINDS}
    beats = _table(arrays, preparation, source.name, source.fingerprint)
    if cached:
        try:
            beats.save(path)
        except InputError as error:
            warnings.warn(f"{error} It is made again each time.", stacklevel=2)
    return beats


def _read_beats(source: "Source", name: str, preparation: Preparation) -> dict[str, NDArray]:
    """Columns of one record's part of the table."""
    from ecgkit.data.cutting import extract_beats, resample, resample_peaks

    record = source.read(name, preparation.lead)
    signal = resample(record.lead(preparation.lead), record.fs)
    r_peaks = resample_peaks(record.r_peaks, record.fs, signal)
    columns = extract_beats(signal, r_peaks, preparation)._asdict()
    kept = columns.pop("kept")
    columns["records"] = np.full(kept.sum(), record.name)
    return {**columns, "symbols": record.symbols[kept], "samples": record.r_peaks[kept]}
