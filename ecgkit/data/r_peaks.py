"""R peaks at 360 Hz: detected in a signal, and moved to one common position in the QRS complex.

A QRS complex is steep, short, and about as steep as those around it. The detector measures that:

1. The steepness is the root mean square of the slope over 0.12 s, of the signal from 3 to 20 Hz.
2. Its local maxima are candidates, 1.5 per beat: QRS complexes, T and P waves, noise.
3. Four ratios describe a candidate (:func:`describe_candidates`).
4. A weighted sum of their logarithms says whether it is a beat (:data:`WEIGHTS`).

No threshold is carried over from beat to beat, and no sample more than seven seconds away counts
(but for :data:`FLOOR`), so an artefact of any size deafens the detector for seconds, not minutes.

By the rules of EC57, missed and extra beats are 0.24 % of those in MIT-BIH (48 records; 0.20 % in
the 26 that nothing was chosen by) and 0.22 % in the 40 even records of SVDB; with each person left
out of the fit, 0.30 % in DS1 and 0.25 % in SVDB. ``ecgbook/studies/detection.csv`` has each record.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from ecgkit.data.preparation import SAMPLING_RATE

REFRACTORY = 72  #: Samples (0.2 s) after a beat in which there cannot be another.
#: Samples filtered at a time (six minutes), and those around them that are filtered, too.
BLOCK, MARGIN = 2**17, 5 * SAMPLING_RATE
#: In samples: the mean of the steepness, the least distance of candidates, how far they move.
SMOOTHED, APART, SHIFT = 44, 54, 27
#: A logistic regression that ``book/tools/detection.py`` fits to MIT-BIH's DS1 and the 40 records
#: of SVDB with even numbers, each database with the same weight.
WEIGHTS, BIAS = (3.18, 3.19, 1.51, 2.36), 0.99
#: No beat is flatter than this share of the recording's median: there, an electrode is off.
FLOOR = 1 / 30
SHORTEST = 18  #: A signal of more samples than this can be filtered.

_BAND = scipy.signal.butter(2, (3, 20), "bandpass", output="sos", fs=SAMPLING_RATE)
Signal = NDArray[np.floating]


def detect_r_peaks(x: Signal) -> NDArray[np.int64]:
    """Detect R peaks where MIT-BIH's annotators mark them: sorted, at least 0.2 s apart.

    ``x``, shape (samples,), is one lead at 360 Hz in any unit, without missing values.
    """
    candidates = find_candidates(x)
    beats = describe_candidates(candidates) @ np.array(WEIGHTS) + BIAS > 0
    beats &= candidates["steepness"] > FLOOR * candidates["highest"].median()
    return drop_close(candidates["r_peak"].to_numpy()[beats], -REFRACTORY)


def find_candidates(x: Signal) -> pd.DataFrame:
    """Find the local maxima of steepness in one lead at 360 Hz, shape (samples,).

    The columns: ``sample``; ``r_peak``, aligned as by :func:`align_r_peaks`; ``steepness`` there;
    the ``highest`` steepness within 1.1 s; ``around``, the mean of those 0.2 s before and after;
    ``beside``, the higher of those 0.15 s before and after. Blocks change nothing of it.
    """
    parts = []
    for start, first, block in _blocks(x):
        found = _search(block)
        found[["sample", "r_peak"]] += first
        parts.append(found[found["sample"].between(start, start + BLOCK, inclusive="left")])
    return pd.concat(parts, ignore_index=True)


def _blocks(x: Signal) -> Iterator[tuple[int, int, Signal]]:
    """Divide a signal: where a block starts, and the first sample of the stretch that follows."""
    for start in range(0, max(len(x), 1), BLOCK):
        first = max(start - MARGIN, 0)
        yield start, first, np.asarray(x[first : start + BLOCK + MARGIN], np.float64)


def _search(x: Signal) -> pd.DataFrame:
    """Find the candidates of one block."""
    band = _filter(x)
    power = scipy.ndimage.uniform_filter1d(np.diff(band, prepend=band[:1]) ** 2, SMOOTHED)
    least = np.finfo(np.float32).eps * np.abs(x).max(initial=0)  # what rounding makes of flat lines
    steep = np.sqrt(np.maximum(power, least**2))
    peak = (steep == scipy.ndimage.maximum_filter1d(steep, 2 * APART + 1)) & (steep > least)
    at = np.flatnonzero(peak)
    sides = np.array([[-1], [1]])
    aside = {k: steep[(at + k * sides).clip(0, len(x) - 1)] for k in (54, 72)}  # (2, candidates)
    columns = {
        "sample": at,
        "r_peak": _move(band, at, SHIFT),
        "steepness": steep[at],
        "highest": scipy.ndimage.maximum_filter1d(steep, 801)[at],
        "around": aside[72].mean(axis=0),
        "beside": aside[54].max(axis=0),
    }
    return pd.DataFrame(columns)


def describe_candidates(candidates: pd.DataFrame) -> NDArray[np.float64]:
    """Compute the logarithms of four ratios, shape (candidates, 4): steepness over

    1. what is usual: the upper quartile of ``highest`` over 10 s; at most 0,
    2. that of the steepest other candidate within 0.36 s; at most 0,
    3. the mean of the steepness 0.2 s before and after,
    4. the higher of those 0.15 s before and after.
    """
    steep, sample = (candidates[name].to_numpy() for name in ("steepness", "sample"))
    times = pd.to_timedelta(sample / SAMPLING_RATE, unit="s")
    highest = pd.Series(candidates["highest"].to_numpy(), times)
    usual = highest.rolling("10s", center=True).quantile(0.75).to_numpy()
    other = np.zeros(len(steep))
    for k in (1, 2):  # within 0.36 s there are two more at most, on either side
        near = sample[k:] - sample[:-k] <= 130
        other[k:] = np.maximum(other[k:], steep[:-k] * near)
        other[:-k] = np.maximum(other[:-k], steep[k:] * near)
    rivals = np.maximum([usual, other], steep)  # (2, candidates)
    return np.log(steep / [*rivals, candidates["around"], candidates["beside"]]).T


def align_r_peaks(x: Signal, r_peaks: NDArray[np.int64], within: int) -> NDArray[np.int64]:
    """Move R peaks to the largest deflection between 3 and 20 Hz, upward ones counting 25 % more.

    ``x``, shape (samples,), is one lead at 360 Hz in any unit; ``within`` limits the shift in
    samples. In a signal too short to filter, and with 0, peaks stay where they are.
    """
    aligned = np.array(r_peaks, np.int64)
    for start, first, block in _blocks(x) if within and len(x) > SHORTEST else ():
        of = (r_peaks >= start) & (r_peaks < start + BLOCK)
        aligned[of] = first + _move(_filter(block), r_peaks[of] - first, within)
    return aligned


def _filter(x: Signal) -> Signal:
    """Keep 3 to 20 Hz, where QRS complexes have their energy; nothing of a signal too short."""
    return scipy.signal.sosfiltfilt(_BAND, x) if len(x) > SHORTEST else np.zeros(len(x))


def _move(band: Signal, r_peaks: NDArray[np.int64], within: int) -> NDArray[np.int64]:
    """Move R peaks to the largest deflection of a filtered signal."""
    deflection = np.where(band > 0, 1.25 * band, -band)
    around = (r_peaks[:, None] + np.arange(-within, within + 1)).clip(0, len(band) - 1)
    return around[np.arange(len(r_peaks)), deflection[around].argmax(axis=1)]  # (beats,)


def drop_close(r_peaks: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Leave out R peaks less than 0.2 s after the one before; ``last`` is the one before all.

    >>> drop_close(np.array([50, 400, 460]), last=0).tolist()
    [400]
    """
    kept = [last]
    for peak in r_peaks.tolist():
        if peak - kept[-1] >= REFRACTORY:
            kept.append(peak)
    return np.array(kept[1:], np.int64)
