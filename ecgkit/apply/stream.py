"""Heartbeats of a signal that is still being recorded: fed in chunks, classified soon after.

A denoiser cleans samples: :class:`Wavelets` exactly, 16 s later, :class:`Biquads` almost at once. A
:class:`Detector` finds R peaks. A :class:`Monitor` classifies each beat once its samples are clean.
How long the chunks (at 360 Hz) are changes no answer, only when it comes. Memory does not grow.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgkit import InputError
from ecgkit.apply.denoisers import Biquads, Buffer, Denoiser, Wavelets, look_ahead_s  # noqa: F401
from ecgkit.data.cutting import Signal, cut_beats, within_margins
from ecgkit.data.features import HISTORY, NEEDS_NEXT, describe_beats
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.data.r_peaks import REFRACTORY, align_r_peaks, detect_r_peaks, drop_close
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.train.weights import Classifier

MEMORY = 5 * SAMPLING_RATE  # samples kept before the newest, for R peaks that are reported late
SETTLING = SAMPLING_RATE  # samples on either side of an R peak that aligning it needs


def _check_chunk(chunk: ArrayLike, first: int) -> Signal:
    """Return the samples of a chunk that begins at sample ``first``."""
    try:
        x = np.asarray(chunk, np.float64)
        if x.ndim != 1:
            raise ValueError(f"its shape is {x.shape}")
    except (TypeError, ValueError) as error:
        raise InputError(f"A chunk is no row of samples ({error}): give a lead's.") from error
    if len(missing := np.flatnonzero(~np.isfinite(x))):
        raise InputError(f"Sample {first + missing[0]} is missing or infinite: fill the gap.")
    return x


class Detector:
    """Find R peaks as :func:`ecgkit.data.r_peaks.detect_r_peaks` does, once per second.

    Each search covers the last 13 s and reports the peaks that two more seconds follow, so two to
    three seconds late. In a whole recording the usual steepness is taken of five seconds after a
    peak, too: a few peaks differ.
    """

    EVERY, CONFIRMED = SAMPLING_RATE, 2 * SAMPLING_RATE  # samples between searches, after a peak
    CONTEXT = 10 * SAMPLING_RATE  # samples before the new ones that are searched again

    def __init__(self) -> None:
        self._held, self._done, self._last = Buffer(), 0, -REFRACTORY

    def feed(self, chunk: ArrayLike) -> NDArray[np.int64]:
        """Take in the next samples and return new R peaks as sample numbers."""
        self._held.append(_check_chunk(chunk, self._held.end))
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


@dataclass
class _Peak:
    """An R peak: as reported, aligned once enough samples follow, and its beat once it is cut."""

    sample: int
    aligned: int | None = None
    passed: bool = False  # its beat is cut, or too near an end
    beat: NDArray[np.float32] | None = None
    answered: bool = False


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
        self._last = -1  # the R peak reported last
        self._peaks: list[_Peak] = []  # the last ones answered, then those that wait

    def feed(self, chunk: ArrayLike, r_peaks: Iterable[int] = ()) -> list[Beat]:
        """Take in the next samples, in mV at 360 Hz, and answer what can be answered.

        ``r_peaks`` are those that have become known: sample numbers of the recording, in increasing
        order, at most five seconds late. Beats too near an end (100 samples before, 150 after) are
        left out. After an InputError, nothing of this chunk is taken in.
        """
        x = _check_chunk(chunk, self._raw.end)
        new = [int(r) for r in r_peaks]
        if any(b <= a for a, b in itertools.pairwise([self._last, *new])):
            raise InputError(f"R peaks {new} follow {self._last}: report each once, in order.")
        if self._raw.first and new and new[0] < self._raw.first + SETTLING + self._within:
            raise InputError(f"The R peak at sample {new[0]} is late: report each within 5 s.")
        self._last = (new or [self._last])[-1]
        self._peaks += map(_Peak, new)
        self._raw.append(x)
        self._clean.append(self._denoiser.feed(x))
        return self._answer(ended=False)

    def close(self) -> list[Beat]:
        """Answer the rest: the recording has ended."""
        self._clean.append(self._denoiser.close())
        return self._answer(ended=True)

    def _align_and_cut(self, ended: bool) -> None:
        """Cut the beats whose samples are clean; forget samples that no beat needs any more."""
        p, n, first = self._preparation, self._raw.end, self._raw.first
        settled = n - SETTLING - self._within if self._within and not ended else math.inf
        last = n if ended else min(self._clean.end - p.step * p.after, n - p.margin_after)
        for peak in self._peaks:
            if peak.aligned is None and peak.sample < settled:
                at = align_r_peaks(self._raw.x, np.array([peak.sample - first]), self._within)
                peak.aligned = first + int(at[0])
        for peak in (peak for peak in self._peaks if not peak.passed):
            if peak.aligned is None or peak.aligned > last:
                break
            peak.passed, at = True, np.array([peak.aligned])
            if within_margins(at, n, p)[0]:
                peak.beat = cut_beats(self._clean.x, at - self._clean.first, p)[0]
        self._raw.forget(n - MEMORY - SETTLING - self._within)
        self._clean.forget(self._clean.end - MEMORY - p.step * p.before - self._within)

    def _answer(self, ended: bool) -> list[Beat]:
        """Classify the beats that are cut and, where that is needed, have a next R peak."""
        self._align_and_cut(ended)
        aligned = [peak.aligned for peak in self._peaks if peak.aligned is not None]
        last = len(aligned) - (self._waits_for_next and not ended)
        rows = [i for i, peak in enumerate(self._peaks[:last]) if peak.beat is not None]
        if not (new := [self._peaks[i] for i in rows if not self._peaks[i].answered]):
            return []
        rr_s = (np.diff(aligned, prepend=np.nan, append=np.nan) / SAMPLING_RATE).astype(np.float32)
        cut = np.array([self._peaks[i].beat for i in rows])
        signals, features = describe_beats(cut, rr_s[:-1][rows], rr_s[1:][rows], self._preparation)
        found = self._classifier.predict(signals[-len(new) :], features[-len(new) :])
        beats = []
        for peak, p in zip(new, found, strict=True):
            peak.answered, delay_s = True, (self._raw.end - peak.sample) / SAMPLING_RATE
            beats.append(Beat(peak.sample, CLASSES[p.argmax()], p, delay_s))
        self._peaks = self._peaks[max(rows[-1] - HISTORY - 1, 0) :]
        return beats


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
