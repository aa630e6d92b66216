"""Which beats of two annotators are the same beat: the beat-by-beat comparison of EC57.

Two beats are the same if they lie within 150 ms and neither has a nearer partner. What is left
over on either side was missed, or is extra. The first five minutes, in which a device may learn,
do not count. The rules for borders, flutter and unreadable signals are those of WFDB's comparator
``bxb`` (version of 27 April 2020), which its manual recommends for EC57, section 4.2; the standard
itself was not read.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError, aami
from ecgkit.annotators import Annotations

ROWS = (*aami.CLASSES, "O", "X")
"""Reference classes; O: no beat there; X: the annotator calls the signal unreadable there."""

COLUMNS = tuple(name.lower() for name in ROWS)
"""The same, as the annotator under test has them."""

NO_BEATS = frozenset("~|sT*D\"=pt+u![]@x^()`' ")
"""WFDB's symbols of what is no beat: rhythm, waves, noise, notes, flutter, a blocked P wave."""

Matrix = NDArray[np.int64]

_FAR = 1 << 60  # sample number of the beat after the last
_UNREADABLE = 0x30  # both bits set in a noise mark's subtype: no signal can be read


class _Beats(NamedTuple):
    """The beats among an annotator's marks, and the stretches that are judged otherwise."""

    samples: list[int]
    classes: list[int]
    flutter: list[tuple[int, int]]  # first and last sample
    unreadable: list[tuple[int, int]]


def compare(
    reference: Annotations,
    test: Annotations,
    start_s: float = 300.0,
    end_s: float | None = None,
    window_s: float = 0.15,
    sveb: bool = True,
) -> Matrix:
    """Count the beats of one record by reference (row) and annotator under test (column).

    Parameters
    ----------
    reference, test
        Of the same record and rate.
    start_s
        The learning period: beats before it are not counted.
    end_s
        Where counting ends; None: at the record's end, or at the reference's last beat where the
        record's length is not known.
    window_s
        Beats further apart are not the same; rounded to whole samples, as ``bxb`` does.
    sveb
        False counts class S as N, as ``bxb`` does unless asked to report SVEB.

    Returns
    -------
    Int64, shape (7, 7), in the order of :data:`ROWS` and :data:`COLUMNS`. The last two columns of
    the last two rows are 0: what nobody marked is not counted.

    Raises
    ------
    InputError
        If the rates differ, a time is none, or no reference beat is left to count.

    Notes
    -----
    The counts are those of WFDB's ``bxb`` (https://github.com/bemoody/wfdb, ``app/bxb.c``) but in
    two rare cases: where several unreadable or fluttering stretches lie between two beats, of which
    ``bxb`` remembers two, and where the last of several unreadable stretches is never ended.

    Examples
    --------
    A beat found 50 ms late, one missed, one extra that is called V:

    >>> reference = Annotations([1000, 2000], ["N", "N"], 1000)
    >>> test = Annotations([1050, 1500], ["N", "V"], 1000)
    >>> matrix = compare(reference, test, start_s=0, end_s=3)
    >>> [(ROWS[r] + COLUMNS[c], int(matrix[r, c])) for r, c in zip(*matrix.nonzero())]
    [('Nn', 1), ('No', 1), ('Ov', 1)]
    """
    if reference.fs != test.fs:
        raise InputError(
            f"The reference has {reference.fs:g} samples a second, the test {test.fs:g}: bring "
            "both to one rate."
        )
    start, window = (_samples(s, reference.fs) for s in (start_s, window_s))
    end = reference.n_samples if end_s is None else _samples(end_s, reference.fs)
    ours, theirs = (_beats(marks, window, sveb) for marks in (reference, test))
    if not any(start <= sample <= (_FAR if end is None else end) for sample in ours.samples):
        until = "" if end is None else f" and before second {end / reference.fs:g}"
        raise InputError(
            f"The reference has no beat after second {start / reference.fs:g}{until}: begin "
            "earlier (--start), or take a longer record."
        )
    matrix = np.zeros((len(ROWS), len(ROWS)), np.int64)
    for i, j in _pairs(ours.samples, theirs.samples, window, start, end):
        if i is None and j is not None:
            if _inside(theirs.samples[j], ours.flutter):
                continue  # in flutter or fibrillation there are no beats to be right about
            matrix[5 + _inside(theirs.samples[j], ours.unreadable), theirs.classes[j]] += 1
        elif i is not None and j is None:
            matrix[ours.classes[i], 5 + _inside(ours.samples[i], theirs.unreadable)] += 1
        elif i is not None and j is not None:
            matrix[ours.classes[i], theirs.classes[j]] += 1
    return matrix


def partners(
    reference: NDArray[np.int64], test: NDArray[np.int64], window: int
) -> NDArray[np.int64]:
    """Say which beat of a test is the same as each reference beat.

    Parameters
    ----------
    reference, test
        Int64, shape (n,) and (m,): sample numbers, increasing.
    window
        Beats further apart, in samples, are not the same.

    Returns
    -------
    Int64, shape (n,): index into ``test``, -1 where the beat was missed.

    Examples
    --------
    >>> partners(np.array([1000, 2000, 3000]), np.array([1050, 1500, 2990]), 54).tolist()
    [0, -1, 2]
    """
    found = np.full(len(reference), -1, np.int64)
    for i, j in _pairs(reference.tolist(), test.tolist(), window, 0, None):
        if i is not None and j is not None:
            found[i] = j
    return found


def _samples(seconds: float, fs: float) -> int:
    """Turn seconds into the nearest sample number."""
    if not 0 <= seconds * fs < _FAR:  # NaN and infinity are not
        raise InputError(f"{seconds:g} seconds cannot be: give a time from 0 on.")
    return math.floor(seconds * fs + 0.5)


def _inside(sample: int, stretches: list[tuple[int, int]]) -> bool:
    """Say whether a sample lies in one of the stretches."""
    return any(first <= sample <= last for first, last in stretches)


def _beats(marks: Annotations, window: int, sveb: bool) -> _Beats:
    """Sort an annotator's marks: beats with their class, flutter ``[`` to ``]``, unreadable ``~``.

    Beats marked within flutter are dropped. A noise mark that calls all signals unreadable is
    ended by the next noise mark; if another mark comes next, the mark stands for all of the pause
    around it, but for a window at either side (so the AHA's database has it).
    """
    at, symbols = marks.samples.tolist(), marks.symbols.tolist()
    table = {s: aami.CLASSES.index(c) for s, c in aami.mapping("ec57").items()}
    if not sveb:
        table = {s: 0 if aami.CLASSES[c] == "S" else c for s, c in table.items()}
    found, unknown = _Beats([], [], [], []), set()
    i, last, silent = 0, 0, marks.subtypes
    while i < len(at):
        if symbols[i] in table:
            last = at[i]
            found.samples.append(last)
            found.classes.append(table[symbols[i]])
        elif symbols[i] == "[":
            close = symbols.index("]", i) if "]" in symbols[i:] else len(at)
            found.flutter.append((at[i], at[close] if close < len(at) else _FAR))
            last = max(last, min(found.flutter[-1][1], at[-1]))
            i = close
        elif symbols[i] == "~" and silent is not None and _silent(silent[i]):
            if i + 1 == len(at):
                found.unreadable.append((at[i], _FAR))
            elif symbols[i + 1] == "~" and not _silent(silent[i + 1]):
                found.unreadable.append((at[i], at[i + 1]))
                i += 1
            else:
                stop = at[i + 1] - window
                found.unreadable.append((min(last + window, stop), stop))
        elif symbols[i] not in NO_BEATS:
            unknown.add(symbols[i])
        i += 1
    if unknown:
        warnings.warn(
            f"{' '.join(map(repr, sorted(unknown)))}: no symbols that WFDB knows; their marks are "
            "left out.",
            stacklevel=3,
        )
    return found


def _silent(subtype: int) -> bool:
    """Say whether a noise mark of this subtype calls every signal unreadable."""
    return int(subtype) & _UNREADABLE == _UNREADABLE


def _same(x: int, x_next: int, y: int, y_next: int, window: int) -> bool:
    """Say whether beat ``x`` of one annotator and the later ``y`` of the other are one beat.

    They are if ``y`` lies within the window and is nearer to ``x`` than to the beat after ``x``,
    or if that one has a nearer partner of its own in the beat after ``y``.
    """
    rival = abs(y - x_next)
    return y - x <= window and (y - x < rival or abs(y_next - x_next) < rival)


def _pairs(
    reference: list[int], test: list[int], window: int, start: int, end: int | None
) -> Iterator[tuple[int | None, int | None]]:
    """Yield the beats of both, by index, as pairs; None where the other has no such beat.

    At the start, the reference decides what counts: its first beat may be answered by a beat of
    the learning period. A beat of the test up to a window later, which may answer a reference
    beat of the learning period, does not count unless it is nearest to the first that counts.
    """
    r, t = [*reference, _FAR, _FAR], [*test, _FAR, _FAR]
    i, j = (int(np.searchsorted(beats, start)) for beats in (reference, test))
    before = r[i] - t[j - 1] if j else _FAR
    if before <= window and before < abs(r[i] - t[j]):
        yield i, j - 1
        i += 1
    elif start and t[j] - start <= window and abs(r[i] - t[j + 1]) < abs(r[i] - t[j]):
        j += 1
    last = _FAR - 1 if end is None else end
    while r[i] <= last or (end is not None and t[j] <= last):
        first_is_test = t[j] < r[i]
        x, x_next, y, y_next = t[j], t[j + 1], r[i], r[i + 1]
        if not first_is_test:
            x, x_next, y, y_next = y, y_next, x, x_next
        if _same(x, x_next, y, y_next, window):
            yield i, j
            i, j = i + 1, j + 1
        elif first_is_test:
            yield None, j
            j += 1
        else:
            yield i, None
            i += 1
