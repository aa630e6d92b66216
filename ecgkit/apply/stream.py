"""Heartbeats of a signal that is still being recorded: fed in chunks, classified soon after.

Three parts, each fed the same signal at 360 Hz in chunks of any length:

* a denoiser returns clean samples. :class:`Wavelets` returns those of the whole recording denoised
  at once, 16 s later; :class:`Biquads`, two causal filters, returns others almost at once;
* a :class:`Detector` finds R peaks where no other program does;
* a :class:`Monitor` cuts and classifies each beat as soon as its samples are clean.

How the signal is divided into chunks changes when an answer comes, never the answer. Memory does
not grow with the length of the recording.
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
from ecgkit.apply.denoisers import Biquads, Buffer, Denoiser, Signal, Wavelets, look_ahead_s
from ecgkit.data.cutting import cut_beats, within_margins
from ecgkit.data.features import HISTORY, NEEDS_NEXT, describe_beats
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.data.r_peaks import (
    LEAD_IN,
    REFRACTORY,
    align_r_peaks,
    detect_r_peaks,
    drop_close,
)
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.train.weights import Classifier

__all__ = [
    "Beat",
    "Biquads",
    "Denoiser",
    "Detector",
    "Monitor",
    "Wavelets",
    "look_ahead_s",
    "replay",
]

MEMORY = 5 * SAMPLING_RATE
"""Samples kept before the newest, for R peaks that are reported late."""

SETTLING = SAMPLING_RATE
"""Samples on either side of an R peak that aligning it needs."""


def _check_chunk(chunk: ArrayLike, first: int) -> Signal:
    """Return the samples of a chunk that begins at sample ``first``."""
    try:
        x = np.asarray(chunk, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"A chunk holds something other than numbers: {error}.") from error
    if x.ndim != 1:
        raise InputError(f"A chunk has shape {x.shape}: give the samples of one lead, shape (m,).")
    if len(missing := np.flatnonzero(~np.isfinite(x))):
        raise InputError(
            f"Sample {first + missing[0]} is missing or infinite: fill the gap, or begin a new "
            "recording after it."
        )
    return x


class Detector:
    """Find R peaks as :func:`ecgkit.data.r_peaks.detect_r_peaks` does, once per second.

    Each search covers the last 24 s and reports the peaks that two more seconds follow, so a peak
    is reported two to three seconds late. A whole recording is searched with other thresholds, and
    a few peaks differ.
    """

    EVERY = SAMPLING_RATE
    """Samples between two searches."""

    CONFIRMED = 2 * SAMPLING_RATE
    """Samples that must follow a peak."""

    def __init__(self) -> None:
        self._held, self._done, self._last = Buffer(), 0, -REFRACTORY

    def feed(self, chunk: ArrayLike) -> NDArray[np.int64]:
        """Take in the next samples and return new R peaks as sample numbers.

        Raises
        ------
        InputError
            If a sample is missing or infinite.
        """
        self._held.append(_check_chunk(chunk, self._held.end))
        found = [np.empty(0, np.int64)]
        while self._held.end >= self._done + self.EVERY + self.CONFIRMED:
            until = self._done + self.EVERY
            found.append(self._search(until, until + self.CONFIRMED))
        return np.concatenate(found)

    def close(self) -> NDArray[np.int64]:
        """Return the last R peaks: the recording has ended."""
        return self._search(self._held.end, self._held.end)

    def _search(self, until: int, seen: int) -> NDArray[np.int64]:
        """Search the samples held before ``seen`` for new peaks before ``until``."""
        peaks = self._held.first + detect_r_peaks(self._held.x[: seen - self._held.first])
        # A peak where two searches meet may have moved to the other side; if it was reported, it
        # is too close to the last one.
        new = (peaks >= self._done - REFRACTORY) & (peaks < until)
        peaks = drop_close(peaks[new], self._last)
        self._last = int(peaks[-1]) if len(peaks) else self._last
        self._held.forget(until - LEAD_IN)
        self._done = until
        return peaks


class Beat(NamedTuple):
    """A classified heartbeat."""

    sample: int
    """R peak, counted from the start of the recording."""

    label: str
    """Most probable class: N, S, V or F."""

    probabilities: NDArray[np.float32]
    """Of N, S, V and F, shape (4,)."""

    delay_s: float
    """Seconds of signal that had come after the R peak when the answer was given."""


@dataclass
class _Peak:
    """An R peak: as reported, aligned once enough samples follow, and its beat once it is cut."""

    sample: int
    aligned: int | None = None
    beat: NDArray[np.float32] | None = None


class Monitor:
    """Classify the heartbeats of a signal that is still being recorded.

    Parameters
    ----------
    classifier : Classifier
        From :func:`ecgkit.train.weights.load_model`; beats are prepared as it says. If its features
        read the interval to the next R peak, an answer waits for that peak.
    denoiser : Denoiser, optional
        :class:`Wavelets` unless given. With these, given the same R peaks, beats and labels are
        those of :func:`ecgkit.apply.classify.classify`; probabilities may differ in their sixth
        digit.
    """

    def __init__(self, classifier: Classifier, denoiser: Denoiser | None = None) -> None:
        self._classifier, self._preparation = classifier, classifier.preparation
        self._denoiser = denoiser or Wavelets(self._preparation)
        self._waits_for_next = bool(set(self._preparation.features) & set(NEEDS_NEXT))
        self._within = self._preparation.align_samples
        self._raw, self._clean = Buffer(), Buffer()
        self._last = -1  # the R peak reported last
        self._peaks: list[_Peak] = []  # the last ones answered, then those that wait
        self._passed = 0  # how many of these are cut, or too near an end
        self._answered = 0  # how many of the beats among these

    def feed(self, chunk: ArrayLike, r_peaks: Iterable[int] = ()) -> list[Beat]:
        """Take in the next samples and answer what can be answered.

        Parameters
        ----------
        chunk : array_like, shape (m,)
            In mV, at 360 Hz.
        r_peaks : iterable of int
            Sample numbers, counted from the start of the recording, of R peaks that have become
            known: in increasing order, at most five seconds late.

        Returns
        -------
        beats : list of Beat
            Beats too near an end of the recording (100 samples before, 150 after) are left out.

        Raises
        ------
        InputError
            If a sample is missing, or an R peak comes too late or out of order; nothing of this
            chunk is taken in then.
        """
        x = _check_chunk(chunk, self._raw.end)
        new = [int(r) for r in r_peaks]
        if any(b <= a for a, b in itertools.pairwise([self._last, *new])):
            raise InputError(
                f"R peaks {new} after {self._last} are not in increasing order: report each once."
            )
        if self._raw.first and new and new[0] < self._raw.first + SETTLING + self._within:
            raise InputError(
                f"The R peak at sample {new[0]} is reported when {self._raw.end + len(x)} samples "
                f"have been fed: report each within {MEMORY / SAMPLING_RATE:g} s."
            )
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
        p, n = self._preparation, self._raw.end
        settled = n - SETTLING - self._within if self._within and not ended else math.inf
        for peak in self._peaks:
            if peak.aligned is None and peak.sample < settled:
                at = np.array([peak.sample - self._raw.first])
                at = align_r_peaks(self._raw.x, at, self._within)
                peak.aligned = self._raw.first + int(at[0])
        last = n if ended else min(self._clean.end - p.step * p.after, n - p.margin_after)
        for peak in self._peaks[self._passed :]:
            if peak.aligned is None or peak.aligned > last:
                break
            if within_margins(np.array([peak.aligned]), n, p)[0]:
                at = np.array([peak.aligned - self._clean.first])
                peak.beat = cut_beats(self._clean.x, at, p)[0]
            self._passed += 1
        self._raw.forget(n - MEMORY - SETTLING - self._within)
        self._clean.forget(self._clean.end - MEMORY - p.step * p.before - self._within)

    def _answer(self, ended: bool) -> list[Beat]:
        """Classify the beats that are cut and, where that is needed, have a next R peak."""
        self._align_and_cut(ended)
        aligned = [peak.aligned for peak in self._peaks if peak.aligned is not None]
        rows = [i for i, peak in enumerate(self._peaks) if peak.beat is not None]
        if not ended and self._waits_for_next:
            rows = [i for i in rows if i + 1 < len(aligned)]
        if self._answered == len(rows):
            return []
        rr_s = (np.diff(aligned) / SAMPLING_RATE).astype(np.float32)
        cut = np.array([self._peaks[i].beat for i in rows])
        before, after = np.r_[np.float32(np.nan), rr_s][rows], np.r_[rr_s, np.float32(np.nan)][rows]
        signals, features = describe_beats(cut, before, after, self._preparation)
        new, now = rows[self._answered :], self._raw.end
        probabilities = self._classifier.predict(signals[-len(new) :], features[-len(new) :])
        beats = [
            Beat(peak.sample, CLASSES[p.argmax()], p, (now - peak.sample) / SAMPLING_RATE)
            for peak, p in zip((self._peaks[i] for i in new), probabilities, strict=True)
        ]
        old = max(rows[-1] - HISTORY - 1, 0)
        self._peaks, self._passed = self._peaks[old:], self._passed - old
        self._answered = sum(i >= old for i in rows)
        return beats


def replay(
    monitor: Monitor,
    signal: Signal,
    r_peaks: NDArray[np.int64] | Detector,
    chunk: int = SAMPLING_RATE,
) -> Iterator[Beat]:
    """Feed a recording at 360 Hz to a new monitor as if it were being made.

    Parameters
    ----------
    monitor : Monitor
    signal : ndarray, shape (samples,)
    r_peaks : ndarray of int64, shape (beats,), or Detector
        Each is reported with the chunk in which it lies; or a detector finds them.
    chunk : int
        Samples fed at a time.

    Yields
    ------
    beat : Beat
        As soon as it is classified.
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
