"""Heartbeats as they come: a signal fed piece by piece, a class for each beat soon after it.

Three parts, each fed with the same signal at 360 Hz in chunks of any length, empty ones too:

* a denoiser hands on clean samples. :class:`Wavelets` gives those of the whole record denoised at
  once, 16 s later; :class:`Biquads`, two causal filters, others, and nearly at once;
* a :class:`Detector` says where R peaks were, where nobody else does;
* a :class:`Monitor` cuts and classifies each beat as soon as its samples are clean.

How the signal is divided into chunks changes when an answer comes, and never the answer. What the
parts remember does not grow with the length of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ecgkit import InputError, heartbeats, inference, metrics, models, streams, training
from ecgkit.readers import Signal
from ecgkit.records import SAMPLING_RATE

GRID = 2**9
"""Samples from one coefficient of the ninth level to the next: windows begin on multiples of it,
so that their coefficients are the record's own."""

AHEAD = 11 * 511
"""Samples on either side (15.6 s) on which a denoised one depends: each of nine levels filters with
the 12 coefficients of db6, 11 intervals of 1, 2, 4, ..., 256 samples."""

MEMORY = 5 * SAMPLING_RATE
"""Clean samples kept behind the newest, for R peaks that are told late."""

EMPTY = np.empty(0)


def _whole(chunk: ArrayLike, first: int) -> Signal:
    """Return the samples of a chunk that begins at sample ``first``; refuse one with a gap."""
    x = np.asarray(chunk, np.float64)
    gaps = np.flatnonzero(~np.isfinite(x))
    if len(gaps):
        raise InputError(
            f"Sample {first + gaps[0]} is no number: fill the gap, or begin a new recording behind "
            "it."
        )
    return x


class Denoiser(Protocol):
    """What a :class:`Monitor` needs: as many clean samples in all as were fed, in their order."""

    def feed(self, chunk: Signal) -> Signal:
        """Take in the next samples and hand on those that have become clean."""

    def close(self) -> Signal:
        """Hand on the rest: the recording has ended."""


class Wavelets:
    """Denoise as :func:`ecgkit.denoising.denoise` does a whole record, 5,621 samples behind.

    Examples
    --------
    >>> wavelets = Wavelets()
    >>> [len(wavelets.feed(np.ones(n))) for n in (6000, 132, 1, 512)], len(wavelets.close())
    ([0, 0, 512, 512], 5621)
    """

    def __init__(self) -> None:
        """Begin a recording."""
        self._held, self._first, self._done = EMPTY, 0, 0

    def feed(self, chunk: Signal) -> Signal:
        """Take in the next samples and hand on those that nothing to come can change.

        Parameters
        ----------
        chunk
            Shape (m,), in mV.

        Returns
        -------
        Shape (512 k,), k often 0.
        """
        self._held = np.concatenate([self._held, chunk])
        return self._hand_on((self._first + len(self._held) - AHEAD) // GRID * GRID)

    def close(self) -> Signal:
        """Hand on the rest; beyond its end the recording goes on as its own mirror image."""
        return self._hand_on(self._first + len(self._held))

    def _hand_on(self, until: int) -> Signal:
        """Denoise the window held, return it from the last sample handed on to ``until``."""
        if until <= self._done:
            return EMPTY
        clean = streams.denoised(self._held)[self._done - self._first : until - self._first]
        first = max(until // GRID * GRID - streams.REACH, 0)
        self._held = self._held[first - self._first :].copy()
        self._first, self._done = first, until
        return clean


class Biquads:
    """Denoise with causal filters of second order: a high-pass and a low-pass.

    They look at no sample to come, and cannot but move the waves they let through: what lies well
    below 45 Hz comes out 1.8 samples later (``sqrt(2) / (2 pi 45)`` s), which is taken back as two
    whole samples, and slow waves, the ST segment among them, change their shape.

    Parameters
    ----------
    low_hz, high_hz
        Where half the power is left. The defaults are the edges of the bands that
        :func:`ecgkit.denoising.denoise` removes.

    Examples
    --------
    >>> biquads = Biquads()
    >>> len(biquads.feed(np.ones(10))), len(biquads.close())
    (8, 2)
    """

    LAG = 2
    """Samples by which a clean one comes late."""

    def __init__(self, low_hz: float = 0.35, high_hz: float = 45.0) -> None:
        """Make the filters and begin a recording."""
        pass_high = scipy.signal.butter(2, low_hz, "highpass", output="sos", fs=SAMPLING_RATE)
        pass_low = scipy.signal.butter(2, high_hz, "lowpass", output="sos", fs=SAMPLING_RATE)
        self.sos = np.concatenate([pass_high, pass_low])
        self._state: NDArray[np.float64] | None = None
        self._last, self._skip = 0.0, self.LAG

    def feed(self, chunk: Signal) -> Signal:
        """Filter the next samples, shape (m,), in mV; the result is theirs, two samples late."""
        if not len(chunk):
            return EMPTY
        if self._state is None:  # as if the first value had been there for ever
            self._state = scipy.signal.sosfilt_zi(self.sos) * chunk[0]
        clean, self._state = scipy.signal.sosfilt(self.sos, chunk, zi=self._state)
        self._last = float(chunk[-1])
        skipped = min(self._skip, len(clean))
        self._skip -= skipped
        return clean[skipped:]

    def close(self) -> Signal:
        """Hand on the last two samples; the recording is taken to stay at its last value."""
        return self.feed(np.full(self.LAG, self._last)) if self._state is not None else EMPTY


class Detector:
    """Find R peaks as :func:`ecgkit.inference.detect` does, once a second in what has come.

    It looks back 21 s, from which it learns its thresholds, and believes in a peak when two more
    seconds have passed: so each is told two to three seconds late (0.2 s more in the seam of two
    searches). A whole record at once is
    searched with other thresholds, and a few peaks differ.
    """

    EVERY = SAMPLING_RATE
    """Samples between two searches."""

    BELIEVED = 2 * SAMPLING_RATE
    """Samples that must follow a peak."""

    def __init__(self) -> None:
        """Begin a recording."""
        self._held, self._first, self._done = EMPTY, 0, 0
        self._last = -inference.REFRACTORY

    def feed(self, chunk: Signal) -> NDArray[np.int64]:
        """Take in the next samples, shape (m,), and return new R peaks as sample numbers.

        Raises
        ------
        InputError
            If a sample is no number.
        """
        chunk = _whole(chunk, self._first + len(self._held))
        self._held = np.concatenate([self._held, chunk])
        found = [np.empty(0, np.int64)]
        while self._first + len(self._held) >= self._done + self.EVERY + self.BELIEVED:
            until = self._done + self.EVERY
            found.append(self._search(until, until + self.BELIEVED))
        return np.concatenate(found)

    def close(self) -> NDArray[np.int64]:
        """Return the last R peaks: the recording has ended."""
        end = self._first + len(self._held)
        return self._search(end, end)

    def _search(self, until: int, seen: int) -> NDArray[np.int64]:
        """Search what was held up to sample ``seen`` for peaks not told yet, before ``until``."""
        peaks = self._first + inference.detect(self._held[: seen - self._first])
        # a peak on the seam of two searches may be on its other side now: told before, it is too
        # near to the last one
        new = (peaks >= self._done - inference.REFRACTORY) & (peaks < until)
        peaks = inference.apart(peaks[new], self._last)
        self._last = int(peaks[-1]) if len(peaks) else self._last
        first = max(until - inference.LEAD_IN, 0)
        self._held = self._held[first - self._first :].copy()
        self._first, self._done = first, until
        return peaks


class Beat(NamedTuple):
    """A heartbeat and its answer."""

    sample: int
    """Of the R peak."""

    label: str
    """Most probable class: N, S, V or F."""

    probabilities: NDArray[np.float32]
    """Of N, S, V and F, shape (4,)."""

    delay_s: float
    """Seconds of signal that had come after the R peak when the answer was given."""


class Monitor:
    """Classify the heartbeats of a signal that is still being recorded.

    Parameters
    ----------
    network
        From :func:`ecgkit.published.load` or :func:`ecgkit.experiments.load_model`.
    denoiser
        :class:`Wavelets` unless given. With these, given the same R peaks, the beats and their
        labels are those of :func:`ecgkit.heartbeats.prepare` and :func:`ecgkit.inference.classify`;
        the probabilities may differ in their seventh digit, because a network rounds differently
        for another number of beats at a time.

    Raises
    ------
    InputError
        If the network reads RR intervals as well (:data:`ecgkit.models.WITH_CONTEXT`).

    Examples
    --------
    >>> from ecgkit.models import build
    >>> monitor = Monitor(build("tcn"), Biquads())
    >>> [len(monitor.feed(np.zeros(100), r_peaks)) for r_peaks in ([], [120], [], [])]
    [0, 0, 1, 0]
    """

    def __init__(self, network: nn.Module, denoiser: Denoiser | None = None) -> None:
        """Begin a recording."""
        if models.n_columns(network):
            raise InputError(
                "This network reads RR intervals beside a beat, and a monitor gives it the beat "
                "alone: take one that does not, or inference.classify on the whole recording."
            )
        self._network, self._denoiser = network, denoiser or Wavelets()
        self._clean, self._first, self._n = EMPTY, 0, 0
        self._waiting: list[int] = []

    def feed(self, chunk: ArrayLike, r_peaks: Iterable[int] = ()) -> list[Beat]:
        """Take in the next samples and answer what can be answered.

        Parameters
        ----------
        chunk
            Shape (m,), in mV, at 360 Hz.
        r_peaks
            Sample numbers, counted from the recording's start, that have become known: of this
            chunk or up to five seconds before, each told once.

        Returns
        -------
        The beats whose samples have become clean. Those within 100 samples of the start or 150 of
        the end get no answer, as everywhere in this library.

        Raises
        ------
        InputError
            If a sample is no number, or an R peak is told too late: then nothing of this chunk is
            taken in.
        """
        x = _whole(chunk, self._n)
        told = [r for r in map(int, r_peaks) if r >= heartbeats.MARGIN_BEFORE]
        for r in told:
            if r - heartbeats.BEFORE < self._first:
                raise InputError(
                    f"The R peak at sample {r} is told when sample {self._n + len(x)} has come, "
                    f"and what was before sample {self._first} is forgotten: tell each within "
                    f"{MEMORY / SAMPLING_RATE:g} s."
                )
        self._waiting += told
        self._n += len(x)
        self._clean = np.concatenate([self._clean, self._denoiser.feed(x)])
        return self._answer()

    def close(self) -> list[Beat]:
        """Answer the rest: the recording has ended."""
        self._clean = np.concatenate([self._clean, self._denoiser.close()])
        return self._answer()

    def _answer(self) -> list[Beat]:
        """Classify the beats whose samples are clean, and forget what is no longer needed."""
        clean_to = self._first + len(self._clean)
        last = min(clean_to - heartbeats.AFTER, self._n - heartbeats.MARGIN_AFTER)
        ready = np.array(sorted(r for r in self._waiting if r <= last), np.int64)
        self._waiting = [r for r in self._waiting if r > last]
        beats = heartbeats.cut(self._clean, ready - self._first)
        first = max(clean_to - MEMORY - heartbeats.BEFORE, self._first)
        self._clean, self._first = self._clean[first - self._first :].copy(), first
        if not len(ready):
            return []
        probabilities = training.predict(self._network, beats)
        return [
            Beat(r, metrics.CLASSES[p.argmax()], p, (self._n - r) / SAMPLING_RATE)
            for r, p in zip(ready.tolist(), probabilities, strict=True)
        ]


def replay(
    monitor: Monitor,
    signal: Signal,
    r_peaks: NDArray[np.int64] | Detector,
    chunk: int = SAMPLING_RATE,
) -> Iterator[Beat]:
    """Feed a recording to a monitor as if it were being made.

    Parameters
    ----------
    monitor
        That has been fed nothing yet.
    signal
        Shape (samples,), in mV, at 360 Hz.
    r_peaks
        Int64, shape (beats,), increasing, each told with the chunk it lies in; or who finds them.
    chunk
        Samples fed at a time.

    Yields
    ------
    Each beat when its answer is there.
    """
    detector = r_peaks if isinstance(r_peaks, Detector) else None
    for start in range(0, len(signal), chunk):
        piece = signal[start : start + chunk]
        if isinstance(r_peaks, Detector):
            told = r_peaks.feed(piece)
        else:
            told = r_peaks[(r_peaks >= start) & (r_peaks < start + chunk)]
        yield from monitor.feed(piece, told)
    if detector is not None:
        yield from monitor.feed(EMPTY, detector.close())
    yield from monitor.close()


def look_ahead_s(level: int, taps: int = 12) -> float:
    """Seconds of signal behind a sample on which its denoised value depends.

    Parameters
    ----------
    level
        Levels of the wavelet transform.
    taps
        Coefficients of its filters; db6 has 12.

    Examples
    --------
    >>> round(look_ahead_s(9), 2)
    15.61
    """
    return (taps - 1) * (2**level - 1) / SAMPLING_RATE
