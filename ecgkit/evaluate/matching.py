"""Beat-by-beat comparison of two annotators according to EC57.

Two annotations mark the same beat if they lie within 150 ms and neither has a nearer partner. A
reference beat without a partner is missed, a test beat without one is extra. All rules are those of
WFDB's ``bxb`` (27 April 2020, ``app/bxb.c``), which its manual recommends for EC57, section 4.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.data import aami
from ecgkit.data.wfdb_io import Annotations

ROWS = (*aami.CLASSES, "O", "X")  #: Of the reference; O: no beat; X: marked as unreadable.
COLUMNS = tuple(name.lower() for name in ROWS)  #: The same of the annotator under test.
Matrix = NDArray[np.int64]
_NO_END = 1 << 60  # later than any sample


@dataclass(frozen=True)
class Settings:
    """What is scored: by default as in the standard, SVEB reported."""

    start_s: float = 300.0  #: End of the learning period, which is not scored.
    end_s: float | None = None  #: None: the record's end, or the last reference beat if unknown.
    window_s: float = 0.15  #: Largest distance of a pair, rounded to whole samples.
    sveb: bool = True  #: False counts class S as N, as ``bxb`` does unless asked otherwise.


STANDARD = Settings()


class _Marks(NamedTuple):
    samples: list[int]  # of beats
    classes: list[int]
    flutter: list[tuple[int, int]]  # first and last sample
    unreadable: list[tuple[int, int]]


def compare_annotations(
    reference: Annotations, test: Annotations, settings: Settings = STANDARD
) -> Matrix:
    """Count the beats of one record by reference (:data:`ROWS`) and test (:data:`COLUMNS`).

    The counts are those of ``bxb`` except in rare cases: several unreadable or fluttering stretches
    between two beats, of which ``bxb`` remembers two; a second unreadable stretch of the test that
    is never ended; and a beat at sample 0 scored from 0 s on.

    >>> reference = Annotations([1000, 2000], ["N", "N"], 1000)
    >>> test = Annotations([1050, 1500], ["N", "V"], 1000)  # one is late, one missed, one extra
    >>> matrix = compare_annotations(reference, test, Settings(start_s=0, end_s=3))
    >>> [(ROWS[r] + COLUMNS[c], int(matrix[r, c])) for r, c in zip(*matrix.nonzero())]
    [('Nn', 1), ('No', 1), ('Ov', 1)]
    """
    if (fs := reference.fs) != test.fs:
        raise InputError(f"The reference has {fs:g} Hz, the test {test.fs:g} Hz: resample one.")
    start, window = _to_samples(settings.start_s, fs), _to_samples(settings.window_s, fs)
    ref, tst = (_sort_marks(marks, window, settings.sveb) for marks in (reference, test))
    last = reference.n_samples or max(ref.samples, default=0)
    end = last if settings.end_s is None else _to_samples(settings.end_s, fs)
    if not any(start <= s <= end and c < 5 for s, c in zip(ref.samples, ref.classes, strict=True)):
        raise InputError(f"No reference beat is at {start / fs:g}-{end / fs:g} s: start earlier.")
    matrix = np.zeros((len(ROWS), len(ROWS)), np.int64)
    for i, j in _pairs(ref.samples, tst.samples, window, start, end):
        row = ref.classes[i] if i >= 0 else 5 + _inside(tst.samples[j], ref.unreadable)
        column = tst.classes[j] if j >= 0 else 5 + _inside(ref.samples[i], tst.unreadable)
        if i >= 0 or not _inside(tst.samples[j], ref.flutter):  # flutter is not scored
            matrix[row, column] += 1
    matrix[5:, 5:] = 0  # a lone flutter wave is no beat
    return matrix


def match_beats(
    reference: NDArray[np.int64], test: NDArray[np.int64], window_samples: int
) -> NDArray[np.int64]:
    """Find the index of the test beat that is the same as each reference beat; ``-1`` if missed.

    >>> match_beats(np.array([1000, 2000, 3000]), np.array([1050, 1500, 2990]), 54).tolist()
    [0, -1, 2]
    """
    partner = dict(_pairs(reference.tolist(), test.tolist(), window_samples, 0, _NO_END - 1))
    return np.array([partner[i] for i in range(len(reference))], np.int64)


def _to_samples(seconds: float, fs: float) -> int:
    if not 0 <= seconds * fs < _NO_END:  # also false for NaN
        raise InputError(f"A time of {seconds:g} s is not valid: give a number from 0 on.")
    return int(seconds * fs + 0.5)  # halves up, as WFDB does


def _inside(sample: int, stretches: list[tuple[int, int]]) -> bool:
    return any(first <= sample <= last for first, last in stretches)


def _sort_marks(marks: Annotations, window: int, sveb: bool) -> _Marks:
    """Separate beats from flutter, ``[`` to ``]``, and unreadable stretches, ``~`` with 0x30."""
    at, symbols = [*marks.samples.tolist(), _NO_END], [*marks.symbols.tolist(), ""]
    bits = np.asarray(0 if marks.subtypes is None else marks.subtypes & 0x30)
    silent = [*((marks.symbols == "~") & (bits == 0x30)), False]
    names = {s: "N" if c == "S" and not sveb else c for s, c in aami.mapping("ec57").items()}
    names["!"] = "O"  # as in bxb: outside flutter, a flutter wave is paired like a beat
    found, i, last = _Marks([], [], [], []), 0, 0
    while i < len(at) - 1:
        if symbols[i] in names:
            found.samples.append(last := at[i])
            found.classes.append(ROWS.index(names[symbols[i]]))
        elif symbols[i] == "[":  # beats inside flutter are skipped
            first, i = at[i], symbols.index("]", i) if "]" in symbols[i:] else len(at) - 1
            if i < len(at) - 1 or not found.flutter:  # in bxb a second one without an end is none
                found.flutter.append((first, last := at[i]))
        elif silent[i] and symbols[i + 1] in ("~", "") and not silent[i + 1]:
            found.unreadable.append((at[i], at[i + 1]))
        elif silent[i]:  # a lone mark, as in the AHA database, stands for the pause around it
            stop = at[i + 1] - window
            found.unreadable.append((min(last + window, stop), stop))
        i += 1
    return found


def _pairs(
    reference: list[int], test: list[int], window: int, start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices into both lists; -1 where the other side has no such beat."""
    r, t = [*reference, _NO_END, _NO_END], [*test, _NO_END, _NO_END]
    i, j = (int(np.searchsorted(beats, start)) for beats in (reference, test))
    if j and (before := r[i] - t[j - 1]) <= window and before < abs(r[i] - t[j]):
        yield i, j - 1  # the first scored reference beat has its partner before the start
        i += 1
    elif start and t[j] - start <= window and abs(r[i] - t[j + 1]) < abs(r[i] - t[j]):
        j += 1  # t[j] may belong to an unscored reference beat: it counts only if nearest to r[i]
    while r[i] <= end or t[j] <= end:
        rival = abs(r[i] - t[j + 1]) if t[j] < r[i] else abs(t[j] - r[i + 1])
        apart, after = abs(r[i] - t[j]), abs(r[i + 1] - t[j + 1])
        # The later beat may be nearer to the earlier one's successor, unless that has a nearer
        # partner of its own in the beat after the later one.
        same = apart <= window and (apart < rival or after < rival)
        use_r, use_t = same or r[i] <= t[j], same or t[j] < r[i]
        yield i if use_r else -1, j if use_t else -1
        i, j = i + use_r, j + use_t
