"""What an annotator marked in a recording, read from WFDB's annotation files and written to them.

A record's annotations lie beside it in a file of its name; the extension names the annotator:
``208.atr`` holds the marks of MIT-BIH's cardiologists in record 208.
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
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError, files

if TYPE_CHECKING:
    import wfdb


@dataclass(frozen=True)
class Annotations:
    """What one annotator marked in one record; n marks, beats and others.

    Attributes
    ----------
    samples
        Int64, shape (n,): sample numbers, not decreasing.
    symbols
        Shape (n,): WFDB's symbols. The letters of the classes, N S V F Q, are among them.
    fs
        Sampling rate in Hz.
    subtypes
        Int64, shape (n,), or None: in a noise mark ``~`` they say that a signal is unreadable.
    n_samples
        Length of the record; None where it is not known.
    synthetic
        Whether the record's header says that it was made by a computer.

    Raises
    ------
    InputError
        If the lengths differ, a sample number is negative or less than the one before, or the
        rate is none.

    Examples
    --------
    >>> Annotations([100, 460], ["N", "V"], 360).samples
    array([100, 460])
    """

    samples: NDArray[np.int64]
    symbols: NDArray[np.str_]
    fs: float
    subtypes: NDArray[np.int64] | None = None
    n_samples: int | None = None
    synthetic: bool = False

    def __post_init__(self) -> None:
        """Turn sequences into arrays; refuse what is no list of marks."""
        for name, kind in (("samples", np.int64), ("symbols", np.str_), ("subtypes", np.int64)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _column(getattr(self, name), name, kind))
        n = len(self.samples)
        if len(self.symbols) != n or (self.subtypes is not None and len(self.subtypes) != n):
            raise InputError(
                f"{n} sample numbers but {len(self.symbols)} symbols: give each mark one of each."
            )
        if n and (np.diff(self.samples, prepend=0) < 0).any():
            raise InputError("The marks are not in order: sort them by sample number, from 0 on.")
        if not (math.isfinite(self.fs) and self.fs > 0):
            raise InputError(f"A sampling rate of {self.fs:g} Hz cannot be.")


def _column(values: ArrayLike, name: str, kind: type[np.generic]) -> NDArray[np.generic]:
    """Make one of the columns of :class:`Annotations`."""
    column = np.asarray(values)
    if column.ndim != 1 or (kind is np.int64 and len(column) and column.dtype.kind not in "iu"):
        raise InputError(
            f"The {name} are of shape {column.shape} and type {column.dtype}: give a sequence of "
            f"{'whole numbers' if kind is np.int64 else 'texts'}."
        )
    return column.astype(kind)


def load(path: Path | str, extension: str = "atr") -> wfdb.Annotation:
    """Read an annotation file as it is.

    Parameters
    ----------
    path
        The record's path without extension.
    extension
        Of the annotation file.

    Raises
    ------
    InputError
        If the file is missing, cut short, or cannot be read as WFDB annotations.
    """
    import wfdb

    try:
        if Path(f"{path}.{extension}").read_bytes()[-2:] != b"\0\0":
            raise ValueError("cut short: two zero bytes should end it")
        return wfdb.rdann(str(path), extension)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}.{extension} is missing: the beats of {Path(path).name} need it."
        ) from error
    except Exception as error:  # wfdb raises what its parsing happens to hit
        raise InputError(
            f"{path}.{extension} is not a readable WFDB annotation file ({error})."
        ) from error


def read(path: Path | str, extension: str = "atr", fs: float | None = None) -> Annotations:
    """Read a record's annotations, and from its header, if there is one, how long it is.

    Parameters
    ----------
    path
        The record's path without extension.
    extension
        Of the annotation file.
    fs
        Sampling rate in Hz to take where neither the file nor a header beside it says one.

    Raises
    ------
    InputError
        If the file is missing or damaged, or the rate is not known. Marks of no kind that WFDB
        knows are left out with a warning.
    """
    import wfdb

    marks = load(path, extension)
    rate, n_samples, synthetic = marks.fs or fs, None, False
    if Path(f"{path}.hea").exists():
        try:
            header = wfdb.rdheader(str(path))
            n_samples = header.sig_len or None
            synthetic = any("SYNTHETIC" in comment for comment in header.comments)
        except Exception as error:  # wfdb raises what its parsing happens to hit
            raise InputError(f"{path}.hea is not a readable WFDB header ({error}).") from error
    if not rate:
        raise InputError(
            f"Neither {path}.{extension} nor a header {path}.hea says how many samples a second "
            "there are: put the record's header beside it."
        )
    known = np.array([isinstance(symbol, str) for symbol in marks.symbol], dtype=bool)
    if not known.all():
        warnings.warn(
            f"{(~known).sum()} of {len(known)} marks in {path}.{extension} are of no kind that "
            "WFDB knows: they are left out.",
            stacklevel=2,
        )
    symbols = np.array(marks.symbol, dtype=object)[known].astype("U1")
    try:
        return Annotations(
            np.asarray(marks.sample, np.int64)[known],
            symbols,
            float(rate),
            np.asarray(marks.subtype, np.int64)[known],
            n_samples,
            synthetic,
        )
    except InputError as error:
        raise InputError(
            f"{path}.{extension} is not a readable WFDB annotation file: {error}"
        ) from error


def read_both(
    reference: Path | str,
    test: Path | str,
    extensions: tuple[str, str],
    records: Sequence[str] | None = None,
) -> tuple[dict[str, Annotations], dict[str, Annotations]]:
    """Read two annotators' files of the same records from two directories.

    Parameters
    ----------
    reference, test
        The directories; they may be the same.
    extensions
        Of the reference's files and of the test's.
    records
        Names; None takes every record that the test has.

    Returns
    -------
    Record name -> annotations, of the reference and of the test. A file of the test without rate is
    taken to have the reference's.

    Raises
    ------
    InputError
        If there is no such directory or no such file, or a file cannot be read. Where ``records``
        is None, records of the reference that the test lacks are named in a warning.
    """
    places = (Path(reference), Path(test))
    for place, extension in zip(places, extensions, strict=True):
        if not place.is_dir():
            raise InputError(f"There is no directory {place}.")
        if not re.fullmatch(r"[A-Za-z0-9_]+", extension):
            raise InputError(
                f"{extension!r} is no extension: give letters without the dot, as in atr."
            )
    names = sorted(path.stem for path in places[1].glob(f"*.{extensions[1]}"))
    if records is None:
        if not names:
            raise InputError(f"No file *.{extensions[1]} is in {places[1]}: name its extension.")
        lacking = {path.stem for path in places[0].glob(f"*.{extensions[0]}")} - set(names)
        if lacking:
            warnings.warn(
                f"Not compared, as {places[1]} has no .{extensions[1]} for them: "
                f"{' '.join(sorted(lacking))}.",
                stacklevel=2,
            )
    ours, theirs = {}, {}
    for name in names if records is None else records:
        ours[name] = read(places[0] / name, extensions[0])
        theirs[name] = read(places[1] / name, extensions[1], ours[name].fs)
    return ours, theirs


def write(path: Path | str, marks: Annotations) -> None:
    """Write an annotation file, whole or not at all.

    Parameters
    ----------
    path
        With the annotator's extension, letters only: ``runs/208.net``.
    marks
        Beats and others. The rate is written, too; subtypes are not.

    Raises
    ------
    InputError
        If the name is none that WFDB takes, there is no mark, or the file cannot be written.

    Examples
    --------
    >>> path = Path(tempfile.mkdtemp()) / "208.net"
    >>> write(path, Annotations([100, 460], ["N", "V"], 360))
    >>> read(path.with_suffix(""), "net").symbols.tolist()
    ['N', 'V']
    """
    import wfdb

    path = Path(path)
    name, extension = path.stem, path.suffix[1:]
    if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not re.fullmatch("[A-Za-z]+", extension):
        raise InputError(
            f"{path.name!r} names no annotation file: give RECORD.EXT, the extension of letters "
            "only, as in 208.net."
        )
    if not len(marks.samples):
        raise InputError(f"{path} would hold no mark: there is nothing to write.")
    with files.whole(path) as draft, tempfile.TemporaryDirectory() as folder:
        wfdb.wrann(
            name, extension, marks.samples, marks.symbols.tolist(), fs=marks.fs, write_dir=folder
        )
        shutil.copyfile(Path(folder) / path.name, draft)
