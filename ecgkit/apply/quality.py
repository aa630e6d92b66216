"""Checks of a signal for what would make its classes worthless, and grades of each stretch."""

from datetime import timedelta

import numpy as np
import pandas as pd
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.readers import Recording
from ecgkit.data.cutting import Signal
from ecgkit.data.preparation import SAMPLING_RATE

BEYOND_MV = 1e6  # no electrode gives this much: larger values mark missing samples
GRADES = ("good", "doubtful", "no ECG")
WINDOW_S = 10

_WINDOW, _FADE = WINDOW_S * SAMPLING_RATE, SAMPLING_RATE  # a second around is faded in and out
_TAPER = scipy.signal.windows.tukey(_WINDOW + 2 * _FADE, 2 * _FADE / (_WINDOW + 2 * _FADE))
_HZ = np.fft.rfftfreq(len(_TAPER), 1 / SAMPLING_RATE)
_QRS_BAND = 1 / (1 + (3 / _HZ.clip(1e-3)) ** 4) / (1 + (_HZ / 25) ** 4)
_EDGES = np.searchsorted(_HZ, (0.5, 3, 25, 40, 45, 65))
_SHAPE = np.arange(-90, 147, 3)  # a quarter of a second before an R peak to 0.4 s after it


def find_gaps(signal: Signal) -> NDArray[np.int64]:
    """Begin and end of each run of samples without a value or beyond 1 kV, shape (gaps, 2).

    >>> find_gaps(np.array([np.nan, 1.0, np.inf, np.nan, 4.0])).tolist()
    [[0, 1], [2, 4]]
    """
    missing = ~((signal > -BEYOND_MV) & (signal < BEYOND_MV))  # NaN is neither
    return np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)


def fill_gaps(signal: Signal, gaps: NDArray[np.int64]) -> Signal:
    """Draw a straight line through each gap, from the sample before it to the one behind it."""
    filled = signal.copy() if len(gaps) else signal
    for begin, end in gaps.tolist():
        before = signal[begin - 1 if begin else end]
        behind = signal[end if end < len(signal) else begin - 1]
        filled[begin:end] = np.linspace(before, behind, end - begin + 2)[1:-1]
    return filled


def in_gaps(samples: NDArray[np.int64], gaps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which samples lie in a gap."""
    return np.searchsorted(gaps.ravel(), samples, "right") % 2 == 1


def check_recording(recording: Recording) -> list[str]:
    """Return one sentence per doubt about a signal; InputError if it is flat or has no samples."""
    x, name, fs, doubts = recording.signal, recording.name, recording.fs, []
    if len(gaps := find_gaps(x)):
        if not len(x := x[np.abs(x) < BEYOND_MV]):
            raise InputError(f"{name} has no sample with a value: record or export it again.")
        doubts.append(
            f"{name} has {len(gaps)} gap{'s' * (len(gaps) > 1)} without samples, "
            f"{np.diff(gaps).sum() / fs:.3g} s in all, {_list_times(gaps / fs)}: beats that reach "
            "into one of more than 10 ms are left out."
        )
    low, high = float(x.min()), float(x.max())
    if low == high:
        raise InputError(f"{name} is flat: lead {recording.lead} never changes. Take another lead.")
    second = min(max(round(fs), 2), len(x))
    seconds = x[: len(x) // second * second].reshape(-1, second)  # (seconds, samples)
    if flat_s := int((seconds.min(axis=1) == seconds.max(axis=1)).sum()):
        doubts.append(f"{name} is flat for {flat_s} of its {recording.seconds:.0f} s: no contact?")
    clipped = sum(int((at[1:] & at[:-1]).sum()) for at in (x == low, x == high))
    if clipped > max(5, 1e-4 * len(x), 2 * flat_s * fs):
        doubts.append(
            f"{name} is clipped: {100 * clipped / len(x):.2f} % of its samples stay at its limits "
            f"({low:.3g} to {high:.3g} mV). Beats cut off there may be misclassified."
        )
    # The median over stretches, because drift may add up to any span over a day.
    parts = np.array_split(x, len(x) // 65_536 + 1)
    span = np.median([np.ptp(np.percentile(part, [0.5, 99.5])) for part in parts])
    if not 0.1 <= span <= 20:
        doubts.append(f"{name} spans {span:.3g} mV, which no ECG does: state its unit by --units.")
    return doubts


def grade_windows(signal: Signal, r_peaks: NDArray[np.int64]) -> pd.DataFrame:
    """Judge each 10 s of a signal, shape (samples,), at 360 Hz, by its beats at ``r_peaks``.

    One row per window; no measure depends on the unit, or on drift and mains that denoising
    removes: ``share`` is the power from 3 to 25 Hz, of that from 0.5 to 40 Hz; ``mains`` is that
    from 45 to 65 Hz, per that from 3 to 25 Hz; ``slope`` is the squared slope at R peaks, per the
    median of all samples; ``alike`` is the correlation of a beat with the third most similar one;
    ``beats`` counts them. ``grade`` is an index of :data:`GRADES`: of the windows of MIT-BIH and
    SVDB it marks 1 %, and half of those with errors of detection.
    """
    n = len(signal)
    if n < _WINDOW:
        signal = np.pad(signal, (0, _WINDOW - n), mode="symmetric")
    starts = np.arange(0, n, _WINDOW).clip(max=len(signal) - _WINDOW)  # the last two may overlap
    with np.errstate(all="ignore"):  # a flat line gives NaN
        rows = [_measure(signal, start, r_peaks) for start in starts.tolist()]
    t = pd.DataFrame(rows, columns=["share", "mains", "slope", "alike", "beats"])
    # A tone is as steep everywhere; noise is taken for beats that resemble no other.
    no_ecg = (t["share"] < 0.04) | ~(t["slope"] >= 1.25) | ((t["alike"] < 0.5) & (t["slope"] < 20))
    doubt = (t["share"] < 0.23) | (t["mains"] > 4) | (t["slope"] < 15) | (t["alike"] < 0.7)
    seconds = min(n, _WINDOW) / SAMPLING_RATE
    doubt |= ~t["beats"].between(seconds / 3, seconds * 5)  # 20 to 300 per minute
    return t.assign(grade=np.where(no_ecg, 2, doubt))


def _measure(signal: Signal, start: int, r_peaks: NDArray[np.int64]) -> list[float]:
    """Return a row of :func:`grade_windows`; NaN where there is no beat."""
    x = signal.take(start + np.arange(-_FADE, _WINDOW + _FADE), mode="clip")
    spectrum = np.fft.rfft((x - x.mean()) * _TAPER)
    low, qrs, high, _, mains, _ = np.add.reduceat(np.abs(spectrum) ** 2, _EDGES)
    row = [qrs / (low + qrs + high), mains / qrs]
    here = slice(*np.searchsorted(r_peaks, (start, start + _WINDOW)))
    beats = r_peaks[here] - start + _FADE
    if not (n := len(beats)):
        return [*row, np.nan, np.nan, 0]
    band = np.fft.irfft(spectrum * _QRS_BAND)
    slope = scipy.ndimage.uniform_filter1d(np.gradient(band) ** 2, 39)  # over 0.1 s
    steep = np.median(slope[beats]) / np.median(slope[_FADE:-_FADE:3])
    alike = np.sort(np.atleast_2d(np.corrcoef(band[beats[:, None] + _SHAPE])), axis=1)
    third = alike[:, -1 - min(3, n // 2)]  # behind the beat itself; of two or three, the first
    return [*row, steep, np.median(third), n]


def describe_windows(
    table: pd.DataFrame, recording: Recording, gaps: NDArray[np.int64], annotated: bool
) -> list[str]:
    """Say where a recording has no ECG, or a doubtful one, or no annotations.

    InputError if it has none in more than 80 % of the windows of :func:`grade_windows` outside
    ``gaps``, shape (gaps, 2), at 360 Hz. Where beats are annotated, a person has seen the signal:
    then nothing is refused, and only windows without an ECG are named.
    """
    end = int(recording.seconds * SAMPLING_RATE) - 1
    middle = (np.arange(len(table)) * _WINDOW + _WINDOW // 2).clip(max=end)
    seen = ~in_gaps(middle, gaps) & ~(annotated & (table["beats"] == 0))
    grade = np.where(seen, table["grade"], 0)
    name, none = f"{recording.name}, lead {recording.lead or 'without a name'},", grade == 2
    if not annotated and none.sum() > 0.8 * seen.sum() and table["beats"][seen].sum() > 3:
        raise InputError(
            f"{name} has no ECG in {none.sum()} of its {seen.sum()} stretches of 10 s, where "
            "nothing is as steep and as alike as beats: check the electrodes, or take another lead."
        )
    if annotated and none.sum() > 0.5 * seen.sum():
        why = "do they belong to another record or sampling rate? --detect ignores them."
        return [f"{name} has no ECG where its annotations mark beats: {why}"]

    def times(at: NDArray[np.bool_]) -> str:
        runs = np.flatnonzero(np.diff(at, prepend=False, append=False)).reshape(-1, 2)
        return _list_times((runs * WINDOW_S).clip(max=recording.seconds))

    kinds = (("has no ECG", none), ("is doubtful", (grade == 1) & (not annotated)))
    parts = [f"{words} {times(at)}" for words, at in kinds if at.any()]
    said = [f"{name} {', '.join(parts)}: do not trust the beats there."] if parts else []
    if (bare := np.asarray(~in_gaps(middle, gaps) & ~seen)).any():
        said.append(f"{name} has no annotated beats {times(bare)}: --detect finds those.")
    return said


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
