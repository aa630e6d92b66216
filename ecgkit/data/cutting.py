"""From a recording and its R peaks to beats: resampling, denoising, cutting, describing."""

from __future__ import annotations

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

FS_RANGE_HZ = (100, 20_000)
"""Sampling rates accepted: bands up to 45 Hz are used, and R peaks sought up to 30 Hz."""

Signal = NDArray[np.floating]


def resample(signal: Signal, fs: float) -> Signal:
    """Bring a signal to 360 Hz with a polyphase filter; beyond its ends it is mirrored.

    ``signal`` has shape (samples,), the result (ceil(samples * 360 / fs),). InputError if the
    sampling rate is outside 100 to 20,000 Hz.

    Examples
    --------
    >>> resample(np.ones(250), 250).shape
    (360,)
    """
    ratio = resampling_ratio(fs)
    if ratio == 1 or not len(signal):
        return signal
    up, down = ratio.as_integer_ratio()
    return scipy.signal.resample_poly(signal, up, down, padtype="symmetric")


def resample_peaks(r_peaks: NDArray[np.int64], fs: float, signal: Signal) -> NDArray[np.int64]:
    """Sample numbers at 360 Hz of R peaks at ``fs`` Hz; what rounding moved is moved back.

    ``signal`` is the recording at 360 Hz.
    """
    if fs == SAMPLING_RATE:
        return np.asarray(r_peaks, np.int64)
    rounded = np.rint(r_peaks * (SAMPLING_RATE / fs)).astype(np.int64)
    return align_r_peaks(signal, rounded, within=1)


def resampling_ratio(fs: float) -> Fraction:
    """Samples at 360 Hz per sample at ``fs`` Hz; InputError if the rate cannot be used.

    Examples
    --------
    >>> resampling_ratio(250)
    Fraction(36, 25)
    """
    low, high = FS_RANGE_HZ
    if not low <= fs <= high:
        raise InputError(
            f"A sampling rate of {fs:g} Hz cannot be used: the beats hold frequencies up to 45 Hz, "
            f"so record at {low} to {high} Hz."
        )
    return Fraction(SAMPLING_RATE / fs).limit_denominator(10_000)


def prepare_signal(signal: Signal, preparation: Preparation) -> Signal:
    """Denoise one lead of a recording of any length at 360 Hz, shape (samples,).

    Notes
    -----
    A signal too short for the wavelet is continued by its mirror image. Ten seconds are all that
    many electrocardiographs write: cut out of five records of MIT-BIH and continued so, 99 % of
    their beats keep the class they have in the whole record. A long signal is denoised in blocks
    that overlap so far that the result is that of the whole signal, in little memory.
    """
    if not np.isfinite(signal).all():
        raise InputError("The signal has missing or infinite values: fill or cut them first.")
    if not preparation.zeroed:
        return signal
    how = (preparation.zeroed, preparation.level, preparation.wavelet, preparation.extension)
    grid = 2**preparation.level  # blocks begin on the grid of the last level's coefficients
    margin = grid * (1 + denoising.reach(preparation.wavelet, preparation.level) // (grid - 1))
    block = grid * max(2**20 // grid, 1)
    if len(signal) < margin:
        short = margin - len(signal)
        around = (short // 2, short - short // 2)
        mirrored = np.pad(np.asarray(signal, float), around, mode="symmetric")
        return denoising.denoise(mirrored, *how)[around[0] : around[0] + len(signal)]
    if len(signal) <= 2 * block:
        return denoising.denoise(np.asarray(signal, float), *how)
    clean = np.empty(len(signal), np.float32)
    starts = range(0, len(signal) - margin, block)
    for start in starts:
        stop = len(signal) if start == starts[-1] else start + block
        first = max(start - margin, 0)
        piece = denoising.denoise(np.asarray(signal[first : stop + margin], float), *how)
        clean[start:stop] = piece[start - first : stop - first]
    return clean


def within_margins(
    r_peaks: NDArray[np.integer], n_samples: int, preparation: Preparation = Preparation()
) -> NDArray[np.bool_]:
    """Say which R peaks, shape (n,), lie far enough from both ends of a recording at 360 Hz.

    Examples
    --------
    >>> within_margins(np.array([99, 100, 850, 851]), 1000).tolist()
    [False, True, True, False]
    """
    before, after = preparation.margin_before, preparation.margin_after
    return (r_peaks >= before) & (r_peaks + after <= n_samples)


def cut_beats(
    signal: Signal, r_peaks: NDArray[np.integer], preparation: Preparation = Preparation()
) -> NDArray[np.float32]:
    """Cut the samples around each R peak (paper, section IV-A).

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        One lead at 360 Hz.
    r_peaks : ndarray of int, shape (n,)
        Sample numbers for which :func:`within_margins` is true.
    preparation : Preparation
        ``before``, ``after`` and ``step`` are used. A window longer than the margins (``step`` of 2
        and more) repeats the recording's first or last sample beyond its ends.

    Examples
    --------
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
    """The beats of one recording."""

    kept: NDArray[np.bool_]
    """Shape (beats,): which R peaks have enough samples around them; n of them do."""
    signals: NDArray[np.float32]
    """Shape (n, 180)."""
    features: NDArray[np.float32]
    """Shape (n, k)."""
    rr_before_s: NDArray[np.float32]
    """Shape (n,): NaN where there is no beat before."""
    rr_after_s: NDArray[np.float32]
    """Shape (n,): NaN where there is no beat after."""


def extract_beats(
    signal: Signal, r_peaks: NDArray[np.integer], preparation: Preparation
) -> Extracted:
    """Denoise a recording, cut its beats, normalise them and compute their features.

    Training and classification both come here, so that a network meets beats prepared alike.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        One lead at 360 Hz, in mV; InputError if a value is missing.
    r_peaks : ndarray of int, shape (beats,)
        Sample numbers, increasing.
    preparation : Preparation
    """
    r_peaks = align_r_peaks(signal, np.asarray(r_peaks, np.int64), preparation.align_samples)
    kept = within_margins(r_peaks, len(signal), preparation)
    intervals = (np.diff(r_peaks) / SAMPLING_RATE).astype(np.float32)
    rr_before_s = np.r_[np.float32(np.nan), intervals][: len(r_peaks)][kept]
    rr_after_s = np.r_[intervals, np.float32(np.nan)][: len(r_peaks)][kept]
    cut = cut_beats(prepare_signal(signal, preparation), r_peaks[kept], preparation)
    signals, features = describe_beats(cut, rr_before_s, rr_after_s, preparation)
    return Extracted(kept, signals, features, rr_before_s, rr_after_s)
