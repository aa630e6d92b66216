"""Heartbeats of a signal that is still being recorded: fed in chunks, classified soon after.

A denoiser cleans samples: :class:`Wavelets` exactly, 16 s later, :class:`Biquads` almost at once. A
:class:`Detector` finds R peaks. A :class:`Monitor` classifies each beat once its samples are clean.
How long the chunks (at 360 Hz) are changes no answer, only when it comes. Memory does not grow.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError
from ecgkit.data import denoising
from ecgkit.data.cutting import Signal, cut_beats, prepare_signal, within_margins
from ecgkit.data.features import HISTORY, NEEDS_NEXT, describe_beats
from ecgkit.data.preparation import SAMPLING_RATE, Preparation
from ecgkit.data.r_peaks import REFRACTORY, align_r_peaks, detect_r_peaks, drop_close
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.train.weights import Classifier

MEMORY = 5 * SAMPLING_RATE  # samples kept before the newest, for R peaks that are reported late
SETTLING = SAMPLING_RATE  # samples on either side of an R peak that aligning it needs


class Buffer:
    """The newest samples of a signal, from sample number ``first`` on, before ``end``."""

    def __init__(self) -> None:
        self.x, self.first, self.end = np.empty(0), 0, 0

    def append(self, chunk: ArrayLike) -> Signal:
        """Take in the next samples and return them as an array; InputError if they are none."""
        try:
            x = np.asarray(chunk, np.float64)
            if x.ndim != 1:
                raise ValueError(f"its shape is {x.shape}")
        except (TypeError, ValueError) as error:
            raise InputError(f"A chunk is no row of samples ({error}): give a lead's.") from error
        if len(missing := np.flatnonzero(~np.isfinite(x))):
            raise InputError(f"Sample {self.end + missing[0]} is missing or infinite: fill it.")
        self.x, self.end = np.concatenate([self.x, x]), self.end + len(x)
        return x

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
    s): what comes out is moved 2 samples earlier. Slow waves, such as the ST segment, change their
    shape. Half the power is left at both edges, those of what
    :func:`ecgkit.data.denoising.denoise` removes.
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


class Detector:
    """Find R peaks as :func:`ecgkit.data.r_peaks.detect_r_peaks` does, once per second.

    Each search covers the last 13 s and reports peaks two to three seconds late. In a whole
    recording the usual steepness is taken of five seconds after a peak, too: a few peaks differ.
    """

    EVERY, CONFIRMED = SAMPLING_RATE, 2 * SAMPLING_RATE  # samples between searches, after a peak
    CONTEXT = 10 * SAMPLING_RATE  # samples before the new ones that are searched again

    def __init__(self) -> None:
        self._held, self._done, self._last = Buffer(), 0, -REFRACTORY

    def feed(self, chunk: ArrayLike) -> NDArray[np.int64]:
        """Take in the next samples and return new R peaks as sample numbers."""
        self._held.append(chunk)
        found = [np.empty(0, np.int64)]
        while self._held.end >= (until := self._done + self.EVERY) + self.CONFIRMED:
            found.append(self._search(until, until + self.CONFIRMED))
        return np.concatenate(found)

    def close(self) -> NDArray[np.int64]:
        """Return the last R peaks: the recording has ended."""
        return self._search(self._held.end, self._held.end)

    def _search(self, until: int, seen: int) -> NDArray[np.int64]:
        """Search the samples held before ``seen`` for new peaks before ``until``."""
        peaks = self._held.first + detect_r_peaks(self._held.x[: seen - self._held.first])
        # A peak may move across the border of two searches; if reported, it is close to the last.
        new = (peaks >= self._done - REFRACTORY) & (peaks < until)
        peaks = drop_close(peaks[new], self._last)
        self._done, self._last = until, int(peaks[-1]) if len(peaks) else self._last
        self._held.forget(until - self.CONTEXT)
        return peaks


class Beat(NamedTuple):
    """A classified heartbeat, with the probabilities of N, S, V and F."""

    sample: int  # R peak, counted from the start of the recording
    label: str  # most probable class
    probabilities: NDArray[np.float32]  # (4,)
    delay_s: float  # seconds of signal that had come after the R peak when the answer was given


class Monitor:
    """Classify the heartbeats of a signal that is still being recorded.

    Beats are prepared as the classifier says; if its features read the interval to the next R peak,
    an answer waits for that peak. With :class:`Wavelets`, the default, and the same R peaks, labels
    are those of :func:`ecgkit.apply.classify.classify`, and probabilities to five digits.
    """

    def __init__(self, classifier: Classifier, denoiser: Denoiser | None = None) -> None:
        self._classifier, self._preparation = classifier, classifier.preparation
        self._denoiser = denoiser or Wavelets(self._preparation)
        self._waits_for_next = not set(self._preparation.features).isdisjoint(NEEDS_NEXT)
        self._within = self._preparation.align_samples
        self._raw, self._clean = Buffer(), Buffer()
        self._peaks: list[int] = []  # the last ones answered, then those that wait
        self._aligned: list[int] = []  # the first of them, once enough samples follow
        self._beats: list[Signal | None] = []  # of the first of these; None too near an end
        self._answered = 0

    def feed(self, chunk: ArrayLike, r_peaks: Iterable[int] = ()) -> list[Beat]:
        """Take in the next samples, in mV at 360 Hz, and answer what can be answered.

        ``r_peaks`` are those that have become known: sample numbers of the recording, in increasing
        order, at most five seconds late. Beats too near an end (100 samples before, 150 after) are
        left out. After an InputError, nothing of this chunk is taken in.
        """
        new = [int(r) for r in r_peaks]
        last = self._peaks[-1:]
        if any(b <= a for a, b in itertools.pairwise([*(last or [-1]), *new])):
            raise InputError(f"R peaks {new} follow {last}: report each once, in order.")
        if self._raw.first and new and new[0] < self._raw.first + SETTLING + self._within:
            raise InputError(f"The R peak at sample {new[0]} is late: report each within 5 s.")
        self._clean.append(self._denoiser.feed(self._raw.append(chunk)))
        self._peaks += new
        return self._answer(ended=False)

    def close(self) -> list[Beat]:
        """Answer the rest: the recording has ended."""
        self._clean.append(self._denoiser.close())
        return self._answer(ended=True)

    def _answer(self, ended: bool) -> list[Beat]:
        """Cut the beats whose samples are clean, and classify those that need nothing more."""
        p, n, first, cut = self._preparation, self._raw.end, self._raw.first, self._beats
        settled = n - SETTLING - self._within if self._within and not ended else np.inf
        last = n if ended else min(self._clean.end - p.step * p.after, n - p.margin_after)
        new = np.array([r for r in self._peaks[len(self._aligned) :] if r < settled], np.int64)
        self._aligned += (first + align_r_peaks(self._raw.x, new - first, self._within)).tolist()
        for at in itertools.takewhile(lambda r: r <= last, self._aligned[len(cut) :]):
            beat, held = np.array([at]), self._clean
            whole = within_margins(beat, n, p)[0]
            cut.append(cut_beats(held.x, beat - held.first, p)[0] if whole else None)
        self._raw.forget(n - MEMORY - SETTLING - self._within)
        self._clean.forget(self._clean.end - MEMORY - p.step * p.before - self._within)
        ready = min(len(cut), len(self._aligned) - (self._waits_for_next and not ended))
        rows = [i for i, beat in enumerate(cut[:ready]) if beat is not None]
        if not (r_peaks := [self._peaks[i] for i in rows if i >= self._answered]):
            return []
        rr = np.diff(self._aligned, prepend=np.nan, append=np.nan)
        rr_s, beats = (rr / SAMPLING_RATE).astype(np.float32), np.array([cut[i] for i in rows])
        signals, features = describe_beats(beats, rr_s[:-1][rows], rr_s[1:][rows], p)
        found = self._classifier.predict(signals[-len(r_peaks) :], features[-len(r_peaks) :])
        old = max(rows[-1] - HISTORY - 1, 0)
        self._answered = ready - old
        for kept in (self._peaks, self._aligned, self._beats):
            del kept[:old]
        delays_s = [(n - r_peak) / SAMPLING_RATE for r_peak in r_peaks]
        return list(map(Beat, r_peaks, [CLASSES[c] for c in found.argmax(axis=1)], found, delays_s))


def replay(
    monitor: Monitor, signal: Signal, r_peaks: NDArray[np.int64] | Detector, chunk: int = 360
) -> Iterator[Beat]:
    """Feed a recording at 360 Hz to a new monitor as if it were being made, and yield its beats.

    Each R peak is reported with the chunk in which it lies, or a detector finds them.
    """
    for start in range(0, len(signal), chunk):
        piece = signal[start : start + chunk]
        if isinstance(r_peaks, Detector):
            new = r_peaks.feed(piece)
        else:
            new = r_peaks[(r_peaks >= start) & (r_peaks < start + chunk)]
        yield from monitor.feed(piece, new)
    if isinstance(r_peaks, Detector):
        yield from monitor.feed([], r_peaks.close())
    yield from monitor.close()
