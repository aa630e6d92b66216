"""Denoisers of a signal that is still being recorded: exact and late, or approximate and soon."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.data import denoising
from ecgkit.data.cutting import prepare_signal
from ecgkit.data.preparation import SAMPLING_RATE, Preparation

Signal = NDArray[np.floating]


class Buffer:
    """The newest samples of a signal, from sample number ``first`` on."""

    def __init__(self) -> None:
        self.x, self.first = np.empty(0), 0

    @property
    def end(self) -> int:
        return self.first + len(self.x)

    def append(self, x: Signal) -> None:
        self.x = np.concatenate([self.x, x])

    def forget(self, before: int) -> None:
        dropped = max(before - self.first, 0)
        self.x, self.first = self.x[dropped:].copy(), self.first + dropped


class Denoiser(Protocol):
    """What a monitor needs: as many clean samples in all as were fed, in their order."""

    def feed(self, chunk: Signal) -> Signal:
        """Take in the next samples and return those that have become clean."""

    def close(self) -> Signal:
        """Return the rest: the recording has ended."""


class Wavelets:
    """Denoise as :func:`ecgkit.data.cutting.prepare_signal` does a whole recording, 16 s later.

    Parameters
    ----------
    preparation : Preparation, optional
        ``zeroed``, ``wavelet``, ``level`` and ``extension`` are used.

    Examples
    --------
    >>> wavelets = Wavelets()
    >>> [len(wavelets.feed(np.ones(n))) for n in (6000, 644, 1, 512)], len(wavelets.close())
    ([0, 512, 512, 512], 5621)
    """

    def __init__(self, preparation: Preparation | None = None) -> None:
        self._preparation = p = preparation or Preparation()
        if p.extension.startswith("period"):
            raise InputError(
                "A periodic extension continues a recording with its own start, which a stream "
                "cannot do: use a classifier prepared with another extension."
            )
        self._grid, self._ahead, self._margin = 1, 0, 0
        if p.zeroed:
            self._grid = 2**p.level  # samples per coefficient of the last level
            self._ahead = denoising.reach(p.wavelet, p.level)
            self._margin = self._grid * math.ceil(self._ahead / self._grid + 1)
        self._held, self._done = Buffer(), 0

    def feed(self, chunk: Signal) -> Signal:
        """Take in the next samples and return those that no later sample can change."""
        self._held.append(chunk)
        if len(self._held.x) < self._margin:  # would be extended as a short recording is
            return np.empty(0)
        return self._denoise((self._held.end - self._ahead) // self._grid * self._grid)

    def close(self) -> Signal:
        """Return the rest, extended beyond the end as a whole recording is."""
        return self._denoise(self._held.end)

    def _denoise(self, until: int) -> Signal:
        """Return the samples from the last one returned on to ``until``."""
        if until <= self._done:
            return np.empty(0)
        clean = prepare_signal(self._held.x, self._preparation)
        clean = clean[self._done - self._held.first : until - self._held.first]
        # what is held begins on the grid of the coefficients, so that they are the recording's own
        self._held.forget(until // self._grid * self._grid - self._margin)
        self._done = until
        return clean


class Biquads:
    """Denoise with two causal second-order filters, a high-pass and a low-pass.

    They use no later sample, so they must delay what they let through: waves well below 45 Hz come
    1.8 samples later (``sqrt(2) / (2 pi 45)`` s), of which two whole samples are undone here. Slow
    waves, the ST segment among them, change their shape.

    Parameters
    ----------
    low_hz, high_hz : float
        Where half the power is left. The defaults are the edges of the bands that
        :func:`ecgkit.data.denoising.denoise` removes.

    Examples
    --------
    >>> biquads = Biquads()
    >>> len(biquads.feed(np.ones(10))), len(biquads.close())
    (8, 2)
    """

    LAG = 2
    """Samples by which a clean one comes late."""

    def __init__(self, low_hz: float = 0.35, high_hz: float = 45.0) -> None:
        high_pass = scipy.signal.butter(2, low_hz, "highpass", output="sos", fs=SAMPLING_RATE)
        low_pass = scipy.signal.butter(2, high_hz, "lowpass", output="sos", fs=SAMPLING_RATE)
        self.sos = np.concatenate([high_pass, low_pass])
        self._state: NDArray[np.float64] | None = None
        self._last, self._skip = 0.0, self.LAG

    def feed(self, chunk: Signal) -> Signal:
        """Filter the next samples; the result is theirs, two samples late."""
        if not len(chunk):
            return np.empty(0)
        if self._state is None:  # as if the first value had always been there
            self._state = scipy.signal.sosfilt_zi(self.sos) * chunk[0]
        clean, self._state = scipy.signal.sosfilt(self.sos, chunk, zi=self._state)
        self._last = float(chunk[-1])
        skipped = min(self._skip, len(clean))
        self._skip -= skipped
        return clean[skipped:]

    def close(self) -> Signal:
        """Return the last two samples, as if the signal stayed at its last value."""
        return self.feed(np.full(self.LAG if self._state is not None else 0, self._last))


def look_ahead_s(level: int = denoising.LEVEL, wavelet: str = denoising.WAVELET) -> float:
    """Seconds of signal after a sample on which its denoised value depends.

    Examples
    --------
    >>> round(look_ahead_s(9), 2)
    15.61
    """
    return denoising.reach(wavelet, level) / SAMPLING_RATE
