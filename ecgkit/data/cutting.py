"""From a recording and its R peaks to beats: resampling, denoising, cutting, describing."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.data import denoising
from ecgkit.data.features import describe_beats
from ecgkit.data.preparation import SAMPLING_RATE, Preparation
from ecgkit.data.r_peaks import align_r_peaks

#: Sampling rates accepted: bands up to 45 Hz are used, and R peaks sought up to 30 Hz.
FS_RANGE_HZ = (100, 20_000)
Signal = NDArray[np.floating]


def resample(signal: Signal, fs: float) -> Signal:
    """Bring a signal to 360 Hz with a polyphase filter; beyond its ends it is mirrored.

    InputError if the sampling rate is outside :data:`FS_RANGE_HZ`.

    >>> resample(np.ones(250), 250).shape
    (360,)
    """
    low, high = FS_RANGE_HZ
    if not low <= fs <= high:
        raise InputError(f"Sampling at {fs:g} Hz cannot be used: record at {low} to {high} Hz.")
    if fs == SAMPLING_RATE or not len(signal):
        return signal
    up, down = Fraction(SAMPLING_RATE / fs).limit_denominator(10_000).as_integer_ratio()
    return scipy.signal.resample_poly(signal, up, down, padtype="symmetric")


def resample_peaks(r_peaks: NDArray[np.int64], fs: float, signal: Signal) -> NDArray[np.int64]:
    """Sample numbers in the 360 Hz ``signal`` of R peaks at ``fs`` Hz, aligned within a sample."""
    if fs == SAMPLING_RATE:
        return np.asarray(r_peaks, np.int64)
    rounded = np.rint(r_peaks * (SAMPLING_RATE / fs)).astype(np.int64)
    return align_r_peaks(signal, rounded, within=1)


def prepare_signal(signal: Signal, preparation: Preparation) -> Signal:
    """Denoise one lead of a recording of any length at 360 Hz, shape (samples,).

    A signal too short for the wavelet is continued by its mirror image: of ten seconds cut out of
    five records of MIT-BIH, 99 % of the beats keep the class they have in the whole record. A long
    one is denoised in blocks that overlap so far that the result is that of the whole signal.
    """
    if not np.isfinite(signal).all():
        raise InputError("The signal has missing or infinite values: fill or cut them first.")
    if not preparation.zeroed:
        return signal
    how = (preparation.zeroed, preparation.level, preparation.wavelet, preparation.extension)
    grid = 2**preparation.level  # blocks begin on the grid of the last level's coefficients
    margin = grid * (1 + denoising.reach(preparation.wavelet, preparation.level) // (grid - 1))
    n, block = len(signal), 2**20
    if (short := margin - n) > 0:
        mirrored = np.pad(signal, (short // 2, short - short // 2), mode="symmetric")
        return prepare_signal(mirrored, preparation)[short // 2 : short // 2 + n]
    clean, starts = np.empty(n, np.float32), range(0, n - margin + 1, block)
    for start in starts:
        first, stop = max(start - margin, 0), n if start == starts[-1] else start + block
        piece = denoising.denoise(np.asarray(signal[first : stop + margin], float), *how)
        clean[start:stop] = piece[start - first : stop - first]
    return clean


def within_margins(
    r_peaks: NDArray[np.integer], n_samples: int, preparation: Preparation = Preparation()
) -> NDArray[np.bool_]:
    """Say which R peaks, shape (n,), lie far enough from both ends of a recording at 360 Hz.

    >>> within_margins(np.array([99, 100, 850, 851]), 1000).tolist()
    [False, True, True, False]
    """
    before, after = preparation.margin_before, preparation.margin_after
    return (r_peaks >= before) & (r_peaks + after <= n_samples)


def cut_beats(
    signal: Signal, r_peaks: NDArray[np.integer], preparation: Preparation = Preparation()
) -> NDArray[np.float32]:
    """Cut the samples around each R peak (paper, section IV-A), shape (n, 180).

    ``signal``, shape (samples,), is one lead at 360 Hz; :func:`within_margins` is true for
    ``r_peaks``, shape (n,). A window longer than the margins (a ``step`` of 2 and more) repeats the
    recording's first or last sample beyond its ends.

    >>> beats = cut_beats(np.arange(1000.0), np.array([500]))
    >>> beats.shape, float(beats[0, 0]), float(beats[0, 90])
    ((1, 180), 410.0, 500.0)
    """
    r_peaks = np.asarray(r_peaks, np.int64)
    before, after = preparation.before, preparation.after
    beyond = r_peaks[(r_peaks < before) | (r_peaks + after > len(signal))]
    if len(beyond):
        raise InputError(
            f"The beat at sample {beyond[0]} extends beyond the signal's {len(signal)} samples: "
            "leave out those for which within_margins() is false."
        )
    step = preparation.step
    x = np.pad(np.asarray(signal, np.float32), (step * before, step * after), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(x, step * (before + after))[r_peaks, ::step]


class Extracted(NamedTuple):
    """The n beats of one recording, and which of its R peaks they are: ``kept``, shape (beats,)."""

    kept: NDArray[np.bool_]
    signals: NDArray[np.float32]  # (n, 180)
    features: NDArray[np.float32]  # (n, k)
    rr_before_s: NDArray[np.float32]  # (n,), NaN where there is no beat before
    rr_after_s: NDArray[np.float32]  # (n,), NaN where there is no beat after


def extract_beats(
    signal: Signal,
    r_peaks: NDArray[np.integer],
    preparation: Preparation,
    gaps: NDArray[np.integer] | None = None,
) -> Extracted:
    """Denoise a recording, cut its beats, normalise them and compute their features.

    Training and classification both come here, so that a network meets beats prepared alike.
    ``signal``, shape (samples,), is one lead at 360 Hz in mV, InputError if a value is missing;
    ``r_peaks``, shape (beats,), are increasing sample numbers; ``gaps``, shape (gaps, 2), begin and
    end of stretches that were filled: no beat that reaches into one is kept, no interval spans one.
    """
    p, gaps = preparation, np.empty((0, 2), np.int64) if gaps is None else gaps
    r_peaks = align_r_peaks(signal, np.asarray(r_peaks, np.int64), p.align_samples)
    kept = within_margins(r_peaks, len(signal), p)
    before, after = max(p.margin_before, p.step * p.before), max(p.margin_after, p.step * p.after)
    ended = np.searchsorted(gaps[:, 1], r_peaks - before, "right")  # gaps before each beat
    kept &= np.searchsorted(gaps[:, 0], r_peaks + after) == ended
    intervals = (np.diff(r_peaks) / SAMPLING_RATE).astype(np.float32)
    intervals[np.diff(np.searchsorted(gaps[:, 0], r_peaks)) > 0] = np.nan
    rr_before_s = np.r_[np.float32(np.nan), intervals][: len(r_peaks)][kept]
    rr_after_s = np.r_[intervals, np.float32(np.nan)][: len(r_peaks)][kept]
    cut = cut_beats(prepare_signal(signal, preparation), r_peaks[kept], preparation)
    signals, features = describe_beats(cut, rr_before_s, rr_after_s, preparation)
    return Extracted(kept, signals, features, rr_before_s, rr_after_s)
