"""Wavelet denoising: which band of an ECG is drift, which is noise.

The discrete wavelet transform (DWT) halves the spectrum again and again: detail ``D1`` holds the
upper half, ``D2`` the upper half of what is left, ..., and the approximation ``A9`` what remains
below. Denoising sets the coefficients of the unwanted bands to zero and transforms back (paper,
section IV-A; it does not say which bands).
"""

from collections.abc import Collection

import numpy as np
import pywt
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError
from ecgkit.data.preparation import Preparation, band_names

WAVELET, LEVEL = Preparation.wavelet, Preparation.level
EXTENSION, ZEROED = Preparation.extension, Preparation.zeroed


def reach(wavelet: str = WAVELET, level: int = LEVEL) -> int:
    """Samples on either side on which a denoised sample depends.

    Each level filters with the wavelet's coefficients, at intervals of 1, 2, 4, ... samples: with
    the 12 of db6 at nine levels, 11 * (1 + 2 + ... + 256) = 11 * 511 = 5621.
    """
    return (pywt.Wavelet(wavelet).dec_len - 1) * (2**level - 1)


def denoise(
    signal: ArrayLike,
    zeroed: Collection[str] = ZEROED,
    level: int = LEVEL,
    wavelet: str = WAVELET,
    extension: str = EXTENSION,
) -> NDArray[np.floating]:
    """Set wavelet bands of a whole recording to zero: of one lead in any unit, shape (samples,).

    For the others see :class:`ecgkit.data.preparation.Preparation`. InputError if a band does not
    exist, or the signal is too short or has missing values.

    >>> bool(np.abs(denoise(np.full(10_000, 3.0))).max() < 1e-9)  # constant drift, nothing else
    True
    """
    names, x = band_names(level), np.asarray(signal)
    if unknown := sorted(set(zeroed) - set(names)):
        raise InputError(f"No band {', '.join(unknown)} at {level} levels: use {' '.join(names)}.")
    shortest = (pywt.Wavelet(wavelet).dec_len - 1) * 2**level
    if x.ndim != 1 or len(x) < shortest:
        raise InputError(
            f"A signal of shape {x.shape} is too short for {level} levels of {wavelet}: give "
            f"{shortest} samples of one lead ({shortest / 360:.1f} s at 360 Hz), or fewer levels."
        )
    if not np.isfinite(x).all():
        raise InputError("The signal has missing or infinite values: fill or cut them first.")
    coefficients = pywt.wavedec(x, wavelet, mode=extension, level=level)
    for name, band in zip(names, coefficients, strict=True):
        if name in zeroed:
            band[:] = 0
    return pywt.waverec(coefficients, wavelet, mode=extension)[: len(x)]
