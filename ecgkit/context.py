"""What a beat is beside its patient's own past: RR intervals and shape, as columns.

Half a second around an R peak does not tell whether the beat came early, and early is what makes a
supraventricular beat. The columns of :data:`COLUMNS` tell it, as ratios to what was usual in the
same recording just before: no heart rate, gain or electrode of one patient is carried to the next.

They are causal but for one beat. Two of them read the interval to the *next* R peak, so an answer
waits for it (0.8 s at 75 beats a minute); all others look back only. Where there is no past yet,
in the first beats of a recording, a column is 0, which means "as ever".

How the columns reach a network. They stand behind the samples: a beat is then (180 + k,) instead of
(180,), k the first of :data:`COLUMNS`. A :class:`ecgkit.models.Context` branch reads them, the
others are wrapped so that they do not, and augmentation leaves them as they are. So a table, a
batch, the joint model and a weights file stay what they were, and a network's name says all that is
needed: :func:`ecgkit.experiments.fitted` appends the columns to a table, :class:`Stream` to the
beats of a recording that comes in pieces.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgkit.heartbeats import AFTER, BEFORE, Heartbeats

NEAR, FAR = 10, 200
"""Beats of the past that "just before" and "as ever" mean: about eight seconds, and three minutes.

What is older is forgotten, so that a recording can be read piece by piece.
"""

COLUMNS = {
    "rr_near": "interval before the beat, to the mean of the last 10 intervals",
    "rr_far": "interval before the beat, to the mean of the last 200 intervals",
    "rr_next": "interval after the beat, to the one before it",
    "rr_next_near": "interval after the beat, to the mean of the last 10 intervals",
    "rr_last": "interval before the last beat, to the mean of the last 10 intervals",
    "rr_spread": "standard deviation of the last 10 intervals' logarithms",
    "shape_p": "first third of the samples: 1 less the correlation with the mean of the last 200",
    "shape_qrs": "middle third, likewise",
    "shape_t": "last third, likewise",
    "size": "standard deviation of the samples, to its mean over the last 200 beats",
    "width_half": "samples beyond half of the QRS peak, to their mean over the last 200 beats",
    "width_quarter": "samples beyond a quarter of it, likewise",
}
"""Name -> what it is; "to" is the logarithm of a ratio, within :data:`LIMIT`. "Last" leaves out the
interval before the beat, and the beat, itself. A third is a sixth of a second: about what comes
before the QRS complex, the complex, and what follows it. The QRS peak is the middle third's
farthest from the beat's median, up or down. Widths at these heights, beside their mean, are among
the features of github.com/crs4/rf-ecg-heartbeat-classification."""

N_RR = 6
"""The first columns, those of RR intervals alone."""

LIMIT = 1.5
"""Largest logarithm of a ratio: 4.5 times as long, or as short, and whatever is beyond."""

Column = NDArray[np.floating]


def past_mean(values: Column, width: int) -> NDArray[np.float64]:
    """Mean of the last ``width`` values before each; what is not known (NaN) does not count.

    Parameters
    ----------
    values
        Shape (n,) or (n, m), one row a beat, in the order of time.
    width
        How many rows back.

    Returns
    -------
    Float64, of the same shape; NaN where there is no past.

    Examples
    --------
    >>> past_mean(np.array([1.0, 2.0, 6.0, 0.0]), 2).tolist()
    [nan, 1.0, 1.5, 4.0]
    """
    known = np.isfinite(values)
    zero = np.zeros((1, *values.shape[1:]))
    total = np.concatenate([zero, np.where(known, values, 0).cumsum(axis=0, dtype=float)])
    count = np.concatenate([zero, known.cumsum(axis=0)])
    end = np.arange(len(values))
    start = np.maximum(end - width, 0)
    n = count[end] - count[start]
    return np.divide(total[end] - total[start], n, out=np.full(n.shape, np.nan), where=n > 0)


def of_record(rr_before_s: Column, rr_after_s: Column, signals: Column) -> NDArray[np.float32]:
    """Columns of the beats of one recording, in the order of time.

    Parameters
    ----------
    rr_before_s, rr_after_s
        Shape (n,): seconds since the beat before and to the beat after, NaN where there is none.
    signals
        Shape (n, 180), in any unit.

    Returns
    -------
    Float32, shape (n, 12): see :data:`COLUMNS`.

    Examples
    --------
    >>> rr = np.array([np.nan, 0.8, 0.8, 0.4, 1.2])  # the fourth beat is early, then a pause
    >>> found = of_record(rr, np.append(rr[1:], np.nan), np.ones((5, 180)))
    >>> found[:, 0].astype(float).round(2).tolist()  # log(0.4 / 0.8) = -0.69
    [0.0, 0.0, 0.0, -0.69, 0.59]
    """
    rr, following = np.asarray(rr_before_s, float), np.asarray(rr_after_s, float)
    near, far = past_mean(rr, NEAR), past_mean(rr, FAR)
    logs = np.log(np.where(rr > 0, rr, np.nan))
    variance = past_mean(logs**2, NEAR) - past_mean(logs, NEAR) ** 2
    mean = past_mean(signals, FAR)  # (n, 180)
    columns = [
        _log_ratio(rr, near),
        _log_ratio(rr, far),
        _log_ratio(following, rr),
        _log_ratio(following, near),
        _log_ratio(np.append(np.nan, rr[:-1])[: len(rr)], near),
        np.sqrt(np.nan_to_num(variance).clip(0, LIMIT**2)),
        *(1 - _correlation(a, b) for a, b in zip(_thirds(signals), _thirds(mean), strict=True)),
        *(_log_ratio(own, past_mean(own, FAR)) for own in (signals.std(axis=1), *_widths(signals))),
    ]
    return np.stack(columns, axis=1).astype(np.float32)  # (n, 12)


def _log_ratio(part: Column, usual: Column) -> NDArray[np.float64]:
    """Logarithm of a ratio, limited; 0 where one of the two is not known or not above zero."""
    fit = (part > 0) & (usual > 0)
    ratio = np.divide(part, usual, out=np.ones(len(part)), where=fit)
    return np.log(ratio).clip(-LIMIT, LIMIT)


def _thirds(signals: Column) -> list[NDArray[np.float64]]:
    """Cut beats (n, 180) into (n, 60) each: before the QRS complex, the complex, after it."""
    return np.split(np.asarray(signals, float), 3, axis=1)


def _widths(signals: Column) -> list[NDArray[np.float64]]:
    """How many samples of the middle third lie beyond half, and a quarter, of its peak: (n,) each.

    Height counts up and down, from the beat's median. A wide QRS complex has more of them.
    """
    height = np.abs(_thirds(signals)[1] - np.median(signals, axis=1, keepdims=True))  # (n, 60)
    peak = height.max(axis=1, keepdims=True)
    return [(height > part * peak).sum(axis=1).astype(float) for part in (1 / 2, 1 / 4)]


def _correlation(a: Column, b: Column) -> NDArray[np.float64]:
    """Correlation of two arrays row by row; 1 where it is not defined."""
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.ones(len(a)), where=size > 1e-12)


def columns(beats: Heartbeats) -> NDArray[np.float32]:
    """Columns of all beats of a table, shape (n, 12): see :data:`COLUMNS`.

    The past is what the table holds: compute it before beats are left out or drawn.
    """
    found = np.zeros((len(beats), len(COLUMNS)), np.float32)
    for rows in _by_record(beats):
        found[rows] = of_record(
            beats.rr_before_s[rows], beats.rr_after_s[rows], beats.signals[rows]
        )
    return found


def behind(beats: Heartbeats, n_columns: int) -> Heartbeats:
    """Return a table with the first columns behind its samples, signals (n, 180 + n_columns)."""
    extra = columns(beats)[:, :n_columns]
    return replace(beats, signals=np.concatenate([beats.signals, extra], axis=1))


def scaled(beats: Heartbeats) -> Heartbeats:
    """Return a table in units of each patient's own: no gain, no electrode, no thick chest.

    Each beat is divided by the mean standard deviation of the last 200 beats of its record and its
    own: causal, and defined from the first beat on.
    """
    signals = beats.signals.copy()
    for rows in _by_record(beats):
        size = beats.signals[rows].std(axis=1)
        usual = past_mean(np.append(size, np.nan), FAR)[1:]  # the beat's own among them
        signals[rows] /= np.where(usual > 0, usual, 1)[:, None].astype(np.float32)
    return replace(beats, signals=signals)


def departures(beats: Heartbeats) -> Heartbeats:
    """Return a table of what sets each beat apart from its patient's usual one, and all columns.

    From each beat the mean of the last 200 beats of its record is subtracted, sample by sample:
    causal, and zero in a record's first beat, which has no past. What is left tells no shapes to
    compare, so :data:`COLUMNS` are computed before and stand behind the samples: (n, 180 + 12).
    """
    signals = np.zeros_like(beats.signals)
    for rows in _by_record(beats):
        own = beats.signals[rows]
        signals[rows] = np.nan_to_num(own - past_mean(own, FAR))
    return replace(beats, signals=np.concatenate([signals, columns(beats)], axis=1))


def _by_record(beats: Heartbeats) -> list[NDArray[np.int64]]:
    """Row numbers of each record's beats, in the order of time."""
    order = np.lexsort((beats.samples, beats.records))
    _, first = np.unique(beats.records[order], return_index=True)
    return np.split(order, first[1:])


class Stream:
    """Gives the beats of one recording, which come in pieces, the columns they have in a table.

    The last beat of a piece waits for the next piece, as its next R peak is not known before. Beats
    too near an end to be cut are no neighbours here.

    Parameters
    ----------
    n_columns
        How many of :data:`COLUMNS` are wanted.
    fs
        Sampling rate of the peaks' sample numbers, in Hz.
    """

    def __init__(self, n_columns: int, fs: float) -> None:
        """Begin a recording; see the class."""
        self.n_columns, self.fs = n_columns, fs
        self._peaks = np.empty(0, np.int64)
        self._beats = np.empty((0, BEFORE + AFTER), np.float32)
        self._given = 0  # rows that were handed out and are kept for what comes after them

    def add(self, peaks: NDArray[np.int64], beats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take further beats, (n, 180), and return those that are ready, (m, 180 + n_columns)."""
        self._peaks = np.concatenate([self._peaks, peaks])
        self._beats = np.concatenate([self._beats, beats])
        return self._hand_out(max(len(self._peaks) - 1, 0))

    def rest(self) -> NDArray[np.float32]:
        """Return the beat that still waits, if there is one: the recording is over."""
        return self._hand_out(len(self._peaks))

    def _hand_out(self, end: int) -> NDArray[np.float32]:
        """Return the rows up to ``end`` that were not handed out, and forget what is too old."""
        rr_s = (np.diff(self._peaks) / self.fs).astype(np.float32)
        before, after = np.append(np.nan, rr_s), np.append(rr_s, np.nan)
        n = len(self._peaks)
        new = slice(self._given, end)
        extra = of_record(before[:n], after[:n], self._beats)[new, : self.n_columns]
        ready = np.concatenate([self._beats[new], extra], axis=1)
        old = max(end - FAR - NEAR, 0)
        self._peaks, self._beats, self._given = self._peaks[old:], self._beats[old:], end - old
        return ready
