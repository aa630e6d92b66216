"""Wavelet denoising: which band of an ECG is drift, which is noise.

The discrete wavelet transform (DWT) halves the spectrum again and again: detail ``D1`` holds the
upper half, ``D2`` the upper half of what is left, ..., and the approximation ``A9`` what remains
below. Denoising sets the coefficients of the unwanted bands to zero and transforms back (paper,
section IV-A; it does not say which bands).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pywt
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError

WAVELET = "db6"
LEVEL = 9
EXTENSION = "symmetric"
"""How the signal goes on beyond its ends; half-point symmetric, Matlab's default."""

ZEROED = ("A9", "D1", "D2")
"""Bands set to zero by default: drift below 0.35 Hz, noise above 45 Hz (at 360 Hz)."""


def band_names(level: int = LEVEL) -> tuple[str, ...]:
    """Names of the bands, lowest frequency first.

    Examples
    --------
    >>> band_names(3)
    ('A3', 'D3', 'D2', 'D1')
    """
    return (f"A{level}", *(f"D{j}" for j in range(level, 0, -1)))


def band_edges_hz(fs: float = 360.0, level: int = LEVEL) -> dict[str, tuple[float, float]]:
    """Nominal band edges in Hz; db6's filters overlap into their neighbours.

    Examples
    --------
    >>> band_edges_hz(360)["D2"]
    (45.0, 90.0)
    """
    details = {f"D{j}": (fs / 2 ** (j + 1), fs / 2**j) for j in range(level, 0, -1)}
    return {f"A{level}": (0.0, fs / 2 ** (level + 1)), **details}


def _decompose(signal: ArrayLike, level: int) -> tuple[int, list[NDArray[np.floating]]]:
    """Check a signal and transform it; coefficients come in the order of ``band_names``."""
    x = np.asarray(signal)
    shortest = (pywt.Wavelet(WAVELET).dec_len - 1) * 2**level
    if x.ndim != 1 or len(x) < shortest:
        raise InputError(
            f"A signal of shape {x.shape} is too short for {level} levels of {WAVELET}: it takes "
            f"{shortest} samples of one lead ({shortest / 360:.1f} s at 360 Hz). Use fewer levels."
        )
    if not np.isfinite(x).all():
        raise InputError("The signal has samples that are not numbers: fill or cut them first.")
    return len(x), pywt.wavedec(x, WAVELET, mode=EXTENSION, level=level)


def bands(signal: ArrayLike, level: int = LEVEL) -> dict[str, NDArray[np.floating]]:
    """Split a signal into its bands, which add up to it.

    Parameters
    ----------
    signal
        Shape (samples,), one lead, any unit.
    level
        Number of halvings.

    Returns
    -------
    Band name -> signal of shape (samples,), lowest frequency first.

    Raises
    ------
    InputError
        If the signal is too short, not one-dimensional, or holds NaN.
    """
    n, coefficients = _decompose(signal, level)
    names = band_names(level)
    split = {}
    for i, name in enumerate(names):
        alone = [c if j == i else np.zeros_like(c) for j, c in enumerate(coefficients)]
        split[name] = pywt.waverec(alone, WAVELET, mode=EXTENSION)[:n]
    return split


def denoise(
    signal: ArrayLike, zeroed: Collection[str] = ZEROED, level: int = LEVEL
) -> NDArray[np.floating]:
    """Set wavelet bands of a whole recording to zero.

    Parameters
    ----------
    signal
        Shape (samples,), one lead, any unit.
    zeroed
        Bands to remove, by name.
    level
        Number of halvings; it must reach the bands named.

    Returns
    -------
    Shape (samples,), the unit of ``signal``.

    Raises
    ------
    InputError
        If a band does not exist, or the signal is too short or holds NaN.

    Source: paper, section IV-A (db6; the bands and the extension are this book's decision).

    Examples
    --------
    >>> clean = denoise(np.full(10_000, 3.0))       # constant drift, nothing else
    >>> bool(np.abs(clean).max() < 1e-9)
    True
    """
    names = band_names(level)
    unknown = sorted(set(zeroed) - set(names))
    if unknown:
        raise InputError(f"No band {', '.join(unknown)} at {level} levels: {' '.join(names)}.")
    n, coefficients = _decompose(signal, level)
    for name, band in zip(names, coefficients, strict=True):
        if name in zeroed:
            band[:] = 0
    return pywt.waverec(coefficients, WAVELET, mode=EXTENSION)[:n]
