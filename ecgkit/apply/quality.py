"""Checks of a signal for what would make its classes worthless, and grades of each stretch."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.readers import Recording
from ecgkit.apply.signal_file import BLOCK
from ecgkit.data.cutting import Signal
from ecgkit.data.preparation import SAMPLING_RATE

SMALLEST_MV, LARGEST_MV = 0.1, 20.0  # between these spans a signal can be an ECG
BEYOND_MV = 1e6  # no electrode gives this much: larger values mark missing samples
GRADES = ("good", "doubtful", "no ECG")
WINDOW_S = 10

_WINDOW, _CONTEXT = WINDOW_S * SAMPLING_RATE, SAMPLING_RATE  # the context is faded in and out
_STEP, _BLOCK = 3, 64  # QRS complexes are looked at in every third sample, 64 windows at a time
_HZ = np.fft.rfftfreq(_WINDOW + 2 * _CONTEXT, 1 / SAMPLING_RATE).astype(np.float32)
_QRS_BAND = 1 / (1 + (3 / _HZ.clip(1e-3)) ** 4) / (1 + (_HZ / 25) ** 4)
_EDGES = np.searchsorted(_HZ, (0.5, 3, 25, 40, 45, 65))
_SHAPE = np.arange(-30, 49)  # a quarter of a second before an R peak to 0.4 s after it
_NEIGHBOURS = 8  # beats before and after with which a beat is compared


def find_gaps(signal: Signal) -> NDArray[np.int64]:
    """Begin and end of each run of samples without a value or beyond 1 kV, shape (gaps, 2).

    Examples
    --------
    >>> find_gaps(np.array([np.nan, 1.0, np.inf, np.nan, 4.0])).tolist()
    [[0, 1], [2, 4]]
    """
    missing = ~((signal > -BEYOND_MV) & (signal < BEYOND_MV))  # NaN is neither
    return np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)


def fill_gaps(signal: Signal, gaps: NDArray[np.int64]) -> Signal:
    """Draw a straight line through each gap, from the sample before it to the one behind it.

    Examples
    --------
    >>> fill_gaps(np.array([np.nan, 1.0, np.inf, np.nan, 4.0]), np.array([[0, 1], [2, 4]])).tolist()
    [1.0, 1.0, 2.0, 3.0, 4.0]
    """
    around = np.unique(np.append(gaps[:, 0] - 1, gaps[:, 1]))
    around = around[(around >= 0) & (around < len(signal))]
    filled, values = signal.copy() if len(around) else signal, signal[around]
    for first in range(0, len(signal) if len(around) else 0, BLOCK):
        part = filled[first : first + BLOCK]
        missing = np.flatnonzero(~(np.abs(part) < BEYOND_MV))
        part[missing] = np.interp(first + missing, around, values)
    return filled


def in_gaps(samples: NDArray[np.int64], gaps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which samples lie in a gap."""
    return np.searchsorted(gaps.ravel(), samples, "right") % 2 == 1


def check_recording(recording: Recording) -> list[str]:
    """Return one sentence per doubt about a signal; InputError if it is flat or has no samples.

    Examples
    --------
    >>> signal = np.sin(np.arange(3600, dtype=np.float32) / 20)
    >>> check_recording(Recording("sine", 360, "MLII", signal))
    []
    >>> check_recording(Recording("large", 360, "MLII", 1000 * signal))
    ['large spans 2e+03 mV, which no ECG does: ...']
    """
    x, name, fs = recording.signal, recording.name, recording.fs
    gaps, doubts = find_gaps(x), []
    if len(gaps):
        x = np.where(np.abs(x) < BEYOND_MV, x, np.float32(np.nan))
        if not (found := int((~np.isnan(x)).sum())):
            raise InputError(f"{name} has no sample with a value: record or export it again.")
        doubts.append(
            f"{name} has {len(gaps)} gap{'s' * (len(gaps) > 1)} without samples, "
            f"{(len(x) - found) / fs:.3g} s in all, {_list_times(gaps / fs)}: beats that reach "
            "into one of more than 10 ms are left out."
        )
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    if low == high:
        raise InputError(f"{name} is flat: lead {recording.lead} never changes. Take another lead.")
    second = min(max(round(fs), 2), len(x))
    seconds = x[: len(x) // second * second].reshape(-1, second)  # (seconds, samples)
    flat_s = int((seconds.min(axis=1) == seconds.max(axis=1)).sum())  # NaN is never equal
    if flat_s:
        doubts.append(
            f"{name} is flat for {flat_s} of its {recording.seconds:.0f} s: no electrode?"
        )
    clipped = sum(int((at[1:] & at[:-1]).sum()) for at in (x == low, x == high))
    if clipped > max(5, 1e-4 * len(x), 2 * flat_s * fs):
        doubts.append(
            f"{name} is clipped: {100 * clipped / len(x):.2f} % of its samples stay at its limits "
            f"({low:.3g} to {high:.3g} mV). Beats cut off there may be misclassified."
        )
    # The median over stretches, because drift may add up to any span over a day.
    parts = (p[~np.isnan(p)] for p in np.array_split(x, math.ceil(len(x) / 65_536)))
    spans = [np.ptp(np.percentile(part, [0.5, 99.5])) for part in parts if len(part)]
    if not SMALLEST_MV <= (span := float(np.median(spans))) <= LARGEST_MV:
        doubts.append(
            f"{name} spans {span:.3g} mV, which no ECG does: its unit is probably wrong, and so "
            "are the classes. State it with --units."
        )
    return doubts


def grade_windows(signal: Signal, r_peaks: NDArray[np.int64]) -> pd.DataFrame:
    """Judge each 10 s of a signal, shape (samples,), at 360 Hz, by its beats at ``r_peaks``.

    One row per window; no measure but ``mv`` depends on the unit, and none on drift or mains that
    denoising removes: ``share`` is the power between 3 and 25 Hz, to that between 0.5 and 40 Hz;
    ``mains`` that between 45 and 65 Hz, to that between 3 and 25 Hz; ``peak`` and ``slope`` are the
    height and squared slope of QRS complexes, to the median of all samples; ``mv`` is that height;
    ``alike`` is the correlation with the third most similar of 16 beats around; ``agree`` is the
    share of R peaks that squared slopes show, and vice versa; ``beats`` counts them. The limits of
    ``grade``, an index of :data:`GRADES`, mark 2 % of the windows of MIT-BIH and SVDB.
    """
    n, starts = len(signal), np.arange(0, len(signal), _WINDOW)
    if n < _WINDOW:
        signal = np.pad(signal, (0, _WINDOW - n), mode="symmetric")
    starts[-1] = len(signal) - _WINDOW  # the last window overlaps the one before
    window = (r_peaks // _WINDOW).clip(0, len(starts) - 1)
    found, of_beats, steep = [], [], []
    for first in range(0, len(starts), _BLOCK):
        begin = starts[first : first + _BLOCK]
        measures, qrs, slope, again = _measure(signal, begin)
        found.append(measures)
        steep.append(again)
        here = slice(*np.searchsorted(window, (first, first + len(begin))))
        rows = window[here] - first
        at = (r_peaks[here] - begin[rows] + _CONTEXT) // _STEP
        shapes = qrs[rows[:, None], at[:, None] + _SHAPE]  # (beats, samples)
        height = np.abs(shapes[:, 24:37]).max(axis=1, initial=0)
        of_beats.append((shapes, height, slope[rows, at]))
    shapes, height, slope = (np.concatenate(parts) for parts in zip(*of_beats, strict=True))
    table = pd.DataFrame(np.concatenate(found), columns=["share", "mains", "peak", "slope"])
    again = np.unique(np.concatenate(steep))
    again = again[again < n]
    beats = pd.DataFrame({"mv": height, "slope": slope, "alike": _similarity(shapes)})
    beats = beats.groupby(window).median().reindex(table.index)
    table["peak"], table["slope"] = beats["mv"] / table["peak"], beats["slope"] / table["slope"]
    table[["mv", "alike"]] = beats[["mv", "alike"]]
    hits = _near(r_peaks, again), _near(again, r_peaks)
    both = np.r_[window, (again // _WINDOW).clip(0, len(starts) - 1)]
    table["agree"] = pd.Series(np.concatenate(hits), dtype=float).groupby(both).mean()
    table["beats"] = np.bincount(window, minlength=len(starts))
    return table.assign(grade=_grade(table, min(n / _WINDOW, 1)))


def _grade(t: pd.DataFrame, length: float) -> NDArray[np.int8]:
    """Grade windows by their measures, which are NaN where there is no beat; see GRADES."""
    # A tone is no more than its own median; noise is taken for beats that resemble no other.
    no_ecg = (t["share"] < 0.04) | ~(t["peak"] >= 2) | ((t["alike"] < 0.5) & (t["slope"] < 20))
    doubt = (t["share"] < 0.23) | (t["mains"] > 4) | (t["mv"] < 0.02) | (t["slope"] < 15)
    doubt |= (t["alike"] < 0.7) | (t["agree"] < 0.75)
    doubt |= ~t["beats"].between(20 * length * WINDOW_S / 60, 300 * length * WINDOW_S / 60)
    return np.where(no_ecg, 2, doubt).astype(np.int8)


def _measure(signal: Signal, begin: NDArray[np.int64]) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return what windows are, their QRS band, its squared slope, and the peaks of the slope."""
    x = signal.take(begin[:, None] + np.arange(-_CONTEXT, _WINDOW + _CONTEXT), mode="clip")
    fade = np.sin(np.linspace(0, np.pi / 2, _CONTEXT, dtype=np.float32)) ** 2
    x = x.astype(np.float32) - x.mean(axis=1, keepdims=True, dtype=np.float32)
    x[:, :_CONTEXT] *= fade
    x[:, -_CONTEXT:] *= fade[::-1]
    spectrum = scipy.fft.rfft(x, axis=1)  # (windows, frequencies)
    power = np.add.reduceat(spectrum.real**2 + spectrum.imag**2, _EDGES, axis=1)
    whole = power[:, :3].sum(axis=1)
    share = np.divide(power[:, 1], whole, out=np.zeros_like(whole), where=whole > 0)
    mains = np.divide(power[:, 4], power[:, 1], out=np.zeros_like(whole), where=power[:, 1] > 0)
    length = x.shape[1] // _STEP
    qrs = scipy.fft.irfft((spectrum * _QRS_BAND)[:, : length // 2 + 1], length, axis=1) / _STEP
    slope = scipy.ndimage.uniform_filter1d(np.gradient(qrs, axis=1) ** 2, 13, axis=1)
    edge = _CONTEXT // _STEP
    inner = slice(edge, -edge)
    peaks = slope == scipy.ndimage.maximum_filter1d(slope, 49, axis=1)  # within 0.2 s
    usual = np.median(slope.reshape(len(x), -1, edge).max(axis=2), axis=1, keepdims=True)
    row, column = np.nonzero((peaks & (slope > 0.06 * usual))[:, inner])
    medians = [np.median(part[:, inner], axis=1) for part in (np.abs(qrs), slope)]
    return np.c_[share, mains, *medians], qrs, slope, begin[row] + _STEP * column


def _similarity(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation of each beat with the third most similar of those around it, shape (beats,)."""
    x = shapes - shapes.mean(axis=1, keepdims=True)
    x /= np.sqrt((x**2).sum(axis=1, keepdims=True)).clip(1e-12)
    found = np.full((len(x), 2 * _NEIGHBOURS), -1, np.float32)
    for lag in range(1, min(_NEIGHBOURS + 1, len(x))):
        found[lag:, lag - 1] = alike = np.einsum("ij,ij->i", x[lag:], x[:-lag])
        found[:-lag, -lag] = alike
    rank = min(3, len(x) // 2)  # of two or three beats, the most similar
    return np.partition(found, -rank, axis=1)[:, -rank] if rank > 0 else np.ones(len(x), np.float32)


def _near(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which samples of a are within 0.12 s of one of b, both increasing."""
    around = np.r_[-np.inf, b, np.inf]
    i = np.searchsorted(b, a)
    return np.minimum(a - around[i], around[i + 1] - a) <= 0.12 * SAMPLING_RATE


def describe_windows(
    table: pd.DataFrame, recording: Recording, gaps: NDArray[np.int64], annotated: bool
) -> list[str]:
    """Say in at most one sentence where a recording has no ECG, or a doubtful one.

    InputError if it has none in more than 80 % of the windows of :func:`grade_windows` outside
    ``gaps``, shape (gaps, 2), at 360 Hz. Where beats are annotated, a person has seen the signal:
    then nothing is refused, and only windows without an ECG are named.
    """
    begin = np.arange(len(table)) * _WINDOW
    end = (begin + _WINDOW).clip(max=int(recording.seconds * SAMPLING_RATE))
    seen = ~in_gaps((begin + end) // 2, gaps) & ~(annotated & (table["beats"] == 0))
    grade = np.where(seen, table["grade"], 0)
    name = f"{recording.name}, lead {recording.lead or 'without a name'},"
    if not annotated and (grade == 2).sum() > 0.8 * seen.sum() and table["beats"][seen].sum() > 3:
        usual = table[grade == 2].median()
        raise InputError(
            f"{name} has no ECG in {(grade == 2).sum()} of its {seen.sum()} stretches of 10 s: "
            f"{100 * usual['share']:.0f} % of the power are at 3 to 25 Hz, peaks are "
            f"{usual['peak']:.1f} times the median and correlate with {usual['alike']:.2f}; of an "
            "ECG, about 65 %, 20 and 0.99. Check the electrodes, or take another lead."
        )
    parts = []
    for kind in (2,) if annotated else (2, 1):
        runs = np.flatnonzero(np.diff(grade == kind, prepend=False, append=False)).reshape(-1, 2)
        if len(runs):
            times = (runs * WINDOW_S).clip(max=recording.seconds)
            parts.append(f"is {GRADES[kind]} {_list_times(times)}".replace("is no", "has no"))
    return [f"{name} {', '.join(parts)}: do not trust the beats there."] if parts else []


def looks_inverted(signal: Signal, r_peaks: NDArray[np.int64]) -> bool:
    """Whether QRS complexes at 360 Hz point downwards, and T waves not far upwards.

    A large T wave on the other side of a downward QRS complex is a bundle branch block's. None of
    the MIT-BIH records in lead II looks inverted, and most do once they are.
    """
    inner = r_peaks[(r_peaks >= 110) & (r_peaks < len(signal) - 160)]
    beats = signal[inner[:: len(inner) // 500 + 1, None] + np.arange(-110, 160)]
    if not len(beats):
        return False
    usual = np.median(beats - np.median(beats, axis=1, keepdims=True), axis=0)
    qrs, t_wave = usual[88:133], usual[150:]
    return bool(-qrs.min() > qrs.max() and t_wave.max() < -0.25 * qrs.min())


def _list_times(stretches: NDArray[np.floating]) -> str:
    """List the first stretches, shape (n, 2) in seconds, as "between 00:30 and 01:10"."""
    shown = stretches[:5].round().astype(int).tolist()
    pairs = [[str(timedelta(seconds=time)).removeprefix("0:") for time in pair] for pair in shown]
    more = f", and {len(stretches) - 5} more" if len(stretches) > 5 else ""
    return "between " + ", ".join(map(" and ".join, pairs)) + more
