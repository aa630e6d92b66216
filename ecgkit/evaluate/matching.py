"""Beat-by-beat comparison of two annotators according to EC57.

Two annotations mark the same beat if they lie within 150 ms and neither has a nearer partner. A
reference beat without a partner is missed, a test beat without one is extra. The first five
minutes, the learning period, are not scored. The rules for borders, flutter and unreadable signals
are those of WFDB's ``bxb`` (27 April 2020), which its manual recommends for EC57, section 4.2.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.data import aami
from ecgkit.data.wfdb_io import Annotations

ROWS = (*aami.CLASSES, "O", "X")
"""Classes of the reference; O: no beat there; X: the signal is marked unreadable there."""

COLUMNS = tuple(name.lower() for name in ROWS)
"""The same for the annotator under test."""

NON_BEATS = frozenset("~|sT*D\"=pt+u![]@x^()`' ")
"""WFDB's symbols of rhythms, waves, noise, notes, flutter and blocked P waves."""

Matrix = NDArray[np.int64]

_NO_END = 1 << 60  # later than any sample


@dataclass(frozen=True)
class Settings:
    """What is scored. The defaults are those of the standard, with SVEB reported."""

    start_s: float = 300.0  #: End of the learning period, which is not scored.
    end_s: float | None = None  #: None: the record's end, or the last reference beat if unknown.
    window_s: float = 0.15  #: Largest distance of a pair, rounded to whole samples.
    sveb: bool = True  #: False counts class S as N, as ``bxb`` does unless asked otherwise.


STANDARD = Settings()


class _Marks(NamedTuple):
    """Beats of an annotator, and the (first, last) samples of stretches without valid beats."""

    samples: list[int]
    classes: list[int]
    flutter: list[tuple[int, int]]
    unreadable: list[tuple[int, int]]


def compare_annotations(
    reference: Annotations, test: Annotations, settings: Settings = STANDARD
) -> Matrix:
    """Count the beats of one record by reference (:data:`ROWS`) and test (:data:`COLUMNS`).

    Raises
    ------
    InputError
        If the sampling rates differ, a time is invalid, or no reference beat is left to score.

    Notes
    -----
    The counts are those of ``bxb`` (https://github.com/bemoody/wfdb, ``app/bxb.c``) except in rare
    cases: several unreadable or fluttering stretches between two beats, of which ``bxb`` remembers
    two; an unreadable or a second fluttering stretch that is never ended; a ``!`` outside
    ``[`` and ``]``, which ``bxb`` pairs with beats; and a beat at sample 0 scored from 0 s on.

    Examples
    --------
    A beat found 50 ms late, one missed, and an extra one called V:

    >>> reference = Annotations([1000, 2000], ["N", "N"], 1000)
    >>> test = Annotations([1050, 1500], ["N", "V"], 1000)
    >>> matrix = compare_annotations(reference, test, Settings(start_s=0, end_s=3))
    >>> [(ROWS[r] + COLUMNS[c], int(matrix[r, c])) for r, c in zip(*matrix.nonzero())]
    [('Nn', 1), ('No', 1), ('Ov', 1)]
    """
    fs = reference.fs
    if fs != test.fs:
        raise InputError(f"The reference has {fs:g} Hz, the test {test.fs:g} Hz: resample one.")
    start, window = _to_samples(settings.start_s, fs), _to_samples(settings.window_s, fs)
    end = reference.n_samples if settings.end_s is None else _to_samples(settings.end_s, fs)
    ref, tst = (_sort_marks(marks, window, settings.sveb) for marks in (reference, test))
    if not any(start <= sample <= (_NO_END if end is None else end) for sample in ref.samples):
        until = "" if end is None else f" and before {end / fs:g} s"
        raise InputError(
            f"The reference has no beat after {start / fs:g} s{until}: start earlier (--start), or "
            "use a longer record."
        )
    matrix = np.zeros((len(ROWS), len(ROWS)), np.int64)
    for i, j in _pairs(ref.samples, tst.samples, window, start, end):
        if i is not None and j is not None:
            matrix[ref.classes[i], tst.classes[j]] += 1
        elif i is not None:
            matrix[ref.classes[i], 5 + _inside(ref.samples[i], tst.unreadable)] += 1
        elif j is not None and not _inside(tst.samples[j], ref.flutter):  # flutter is not scored
            matrix[5 + _inside(tst.samples[j], ref.unreadable), tst.classes[j]] += 1
    return matrix


def match_beats(
    reference: NDArray[np.int64], test: NDArray[np.int64], window_samples: int
) -> NDArray[np.int64]:
    """Find the index of the test beat that is the same as each reference beat; -1 if it is missed.

    Both are int64 sample numbers in increasing order.

    >>> match_beats(np.array([1000, 2000, 3000]), np.array([1050, 1500, 2990]), 54).tolist()
    [0, -1, 2]
    """
    index = np.full(len(reference), -1, np.int64)
    for i, j in _pairs(reference.tolist(), test.tolist(), window_samples, 0, None):
        if i is not None and j is not None:
            index[i] = j
    return index


def _to_samples(seconds: float, fs: float) -> int:
    """Round seconds to samples, halves up as WFDB does."""
    if not 0 <= seconds * fs < _NO_END:  # also false for NaN
        raise InputError(f"A time of {seconds:g} s is not valid: give a number from 0 on.")
    return math.floor(seconds * fs + 0.5)


def _inside(sample: int, stretches: list[tuple[int, int]]) -> bool:
    """Say whether a sample lies in one of the stretches."""
    return any(first <= sample <= last for first, last in stretches)


def _sort_marks(marks: Annotations, window: int, sveb: bool) -> _Marks:
    """Separate beats from flutter (``[`` to ``]``) and unreadable stretches (``~``, bits 0x30)."""
    at, symbols = marks.samples.tolist(), marks.symbols.tolist()
    subtypes = [0] * len(at) if marks.subtypes is None else marks.subtypes.tolist()
    silent = [symbols[k] == "~" and subtypes[k] & 0x30 == 0x30 for k in range(len(at))]
    names = {s: "N" if c == "S" and not sveb else c for s, c in aami.mapping("ec57").items()}
    found, i, last = _Marks([], [], [], []), 0, 0
    while i < len(at):
        if symbols[i] in names:
            last = at[i]
            found.samples.append(last)
            found.classes.append(aami.CLASSES.index(names[symbols[i]]))
        elif symbols[i] == "[":  # beats inside flutter are skipped
            close = symbols.index("]", i) if "]" in symbols[i:] else len(at)
            found.flutter.append((at[i], at[close] if close < len(at) else _NO_END))
            last = max(last, min(found.flutter[-1][1], at[-1]))
            i = close
        elif silent[i]:
            if i + 1 == len(at):
                found.unreadable.append((at[i], _NO_END))
            elif symbols[i + 1] == "~" and not silent[i + 1]:
                found.unreadable.append((at[i], at[i + 1]))
                i += 1
            else:  # a lone mark, as in the AHA database, stands for the pause around it
                stop = at[i + 1] - window
                found.unreadable.append((min(last + window, stop), stop))
        i += 1
    if unknown := sorted(set(symbols) - names.keys() - NON_BEATS):
        warnings.warn(f"Left out unknown symbols: {' '.join(map(repr, unknown))}.", stacklevel=3)
    return found


def _pairs(
    reference: list[int], test: list[int], window: int, start: int, end: int | None
) -> Iterator[tuple[int | None, int | None]]:
    """Yield pairs of indices into both lists; None where the other side has no such beat."""
    r, t = [*reference, _NO_END, _NO_END], [*test, _NO_END, _NO_END]
    i, j = (int(np.searchsorted(beats, start)) for beats in (reference, test))
    # The first scored reference beat may have its partner before the start. A test beat just after
    # the start may belong to an unscored reference beat: it counts only if nearest to r[i].
    before = r[i] - t[j - 1] if j else _NO_END
    if before <= window and before < abs(r[i] - t[j]):
        yield i, j - 1
        i += 1
    elif start and t[j] - start <= window and abs(r[i] - t[j + 1]) < abs(r[i] - t[j]):
        j += 1
    last = _NO_END - 1 if end is None else end
    while r[i] <= last or (end is not None and t[j] <= last):
        test_first = t[j] < r[i]
        rival = abs(r[i] - t[j + 1]) if test_first else abs(t[j] - r[i + 1])
        apart, after = abs(r[i] - t[j]), abs(r[i + 1] - t[j + 1])
        # The later beat may be nearer to the earlier one's successor, unless that has a nearer
        # partner of its own in the beat after the later one.
        same = apart <= window and (apart < rival or after < rival)
        yield None if test_first and not same else i, j if test_first or same else None
        i += same or not test_first
        j += same or test_first
