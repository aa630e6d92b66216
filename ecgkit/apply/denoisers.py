"""Denoisers of a signal that is still being recorded: exact and late, or approximate and soon."""

from __future__ import annotations

import numpy as np
import scipy.signal

from ecgkit import InputError
from ecgkit.data import denoising
from ecgkit.data.cutting import Signal, prepare_signal
from ecgkit.data.preparation import SAMPLING_RATE, Preparation


class Buffer:
    """The newest samples of a signal, from sample number ``first`` on, before ``end``."""

    def __init__(self) -> None:
        self.x, self.first, self.end = np.empty(0), 0, 0

    def append(self, x: Signal) -> None:
        self.x, self.end = np.concatenate([self.x, x]), self.end + len(x)

    def forget(self, before: int) -> None:
        dropped = max(before - self.first, 0)
        self.x, self.first = self.x[dropped:].copy(), self.first + dropped


class Wavelets:
    """Denoise as :func:`ecgkit.data.cutting.prepare_signal` does a whole recording, 16 s later.

    >>> wavelets = Wavelets()
    >>> [len(wavelets.feed(np.ones(n))) for n in (6000, 644, 1, 512)], len(wavelets.close())
    ([0, 512, 512, 512], 5621)
    """

    def __init__(self, preparation: Preparation | None = None) -> None:
        self._preparation = p = preparation or Preparation()
        if p.extension.startswith("period"):
            raise InputError("A stream has no periodic extension: use another classifier.")
        self._grid = 2**p.level if p.zeroed else 1  # samples per coefficient of the last level
        self._late = denoising.reach(p.wavelet, p.level) if p.zeroed else 0
        self._margin = self._grid * (1 + self._late // max(self._grid - 1, 1))  # of prepare_signal
        self._held, self._done = Buffer(), 0

    def feed(self, chunk: Signal) -> Signal:
        self._held.append(chunk)
        return self._denoise((self._held.end - self._late) // self._grid * self._grid, self._margin)

    def close(self) -> Signal:
        return self._denoise(self._held.end)

    def _denoise(self, until: int, least: int = 0) -> Signal:
        """Return the samples from the last one returned on to ``until``."""
        if until <= self._done or len(self._held.x) < least:  # less would be mirrored at its ends
            return np.empty(0)
        clean = prepare_signal(self._held.x, self._preparation)
        clean = clean[self._done - self._held.first : until - self._held.first]
        # what is held begins on the grid of the coefficients, so that they are the recording's own
        self._held.forget(until // self._grid * self._grid - self._margin)
        self._done = until
        return clean


class Biquads:
    """Denoise with two causal second-order filters, a high-pass and a low-pass.

    Using no later sample, they delay waves well below 45 Hz by 1.8 samples (``sqrt(2) / (2 pi 45)``
    s), of which two are undone here. Slow waves, such as the ST segment, change their shape. Half
    the power is left at both edges, those of what :func:`ecgkit.data.denoising.denoise` removes.
    """

    LAG = 2  # samples by which a clean one comes late

    def __init__(self, low_hz: float = 0.35, high_hz: float = 45.0) -> None:
        bands = ((low_hz, "highpass"), (high_hz, "lowpass"))
        filters = [scipy.signal.butter(2, *b, output="sos", fs=SAMPLING_RATE) for b in bands]
        self.sos, self._state = np.concatenate(filters), np.empty(0)
        self._last, self._skip = 0.0, self.LAG

    def feed(self, chunk: Signal) -> Signal:
        if not len(chunk):
            return np.empty(0)
        if not len(self._state):  # as if the first value had always been there
            self._state = scipy.signal.sosfilt_zi(self.sos) * chunk[0]
        clean, self._state = scipy.signal.sosfilt(self.sos, chunk, zi=self._state)
        skip, self._skip = self._skip, max(self._skip - len(chunk), 0)
        self._last = float(chunk[-1])
        return clean[skip:]

    def close(self) -> Signal:
        """Return the last two samples, as if the signal stayed at its last value."""
        return self.feed(np.full(self.LAG if len(self._state) else 0, self._last))


Denoiser = Wavelets | Biquads


def look_ahead_s(level: int = denoising.LEVEL, wavelet: str = denoising.WAVELET) -> float:
    """Seconds of signal after a sample on which its denoised value depends: 15.61 with level 9."""
    return denoising.reach(wavelet, level) / SAMPLING_RATE
