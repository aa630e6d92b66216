"""From any recording to a class for each of its heartbeats, block by block.

A block of about six minutes is resampled, denoised, searched for R peaks, cut and classified while
the rest is still on disk. Each block is read with enough of its neighbours on either side that its
beats are those of the whole recording denoised at once.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import sleepecg
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from ecgkit import (
    InputError,
    annotators,
    context,
    files,
    heartbeats,
    metrics,
    models,
    streams,
    training,
)
from ecgkit.readers import Recording, Signal
from ecgkit.records import SAMPLING_RATE

BLOCK = 256 * 512
"""Samples at 360 Hz classified at a time; a multiple of 2^9, so that the wavelets' grid stays."""

LEAD_IN = 15 * 512
"""Samples (21 s) before and after a block from which the detector learns its thresholds."""

BATCH = 256
"""Beats classified at a time: always as many, as torch keeps memory for each size it meets."""

TAIL = 4 * SAMPLING_RATE
"""Samples of silence after what the detector is given. sleepecg 0.6 reads two seconds whatever it
is given, and has room for one interval in each 0.2 s of signal but writes two more: a signal that
is short, or full of peaks to its end, would have it write beyond its memory."""

REFRACTORY = 72
"""Samples (0.2 s) after a beat in which there cannot be another."""


@dataclass(frozen=True)
class Classified:
    """The heartbeats of a recording with their classes; n beats.

    Attributes
    ----------
    recording
        What was classified.
    samples
        Int64, shape (n,): R peaks as sample numbers of the recording.
    probabilities
        Float32, shape (n, 4): of N, S, V, F.
    symbols
        Shape (n,): the annotators' symbols; None where R peaks were detected.
    n_samples
        Length of the recording.
    left_out
        Beats too near either end to be cut.
    """

    recording: Recording
    samples: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    symbols: NDArray[np.str_] | None
    n_samples: int
    left_out: int

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Seconds from the start of the recording, shape (n,)."""
        return self.samples / self.recording.fs

    @property
    def classes(self) -> NDArray[np.str_]:
        """Most probable class of each beat, shape (n,)."""
        return np.array(metrics.CLASSES)[self.probabilities.argmax(axis=1)]

    def summary(self) -> dict[str, Any]:
        """Beats of each class, mean heart rate, longest run of V, ready for JSON."""
        classes, time_s = self.classes, self.time_s
        runs = "".join(classes).replace("S", "N").replace("F", "N").split("N")
        minutes = float(time_s[-1] - time_s[0]) / 60
        return {
            "beats": len(classes),
            "counts": {name: int((classes == name).sum()) for name in metrics.CLASSES},
            "heart_rate_bpm": round((len(classes) - 1) / minutes, 1) if minutes else None,
            "longest_run_of_v": max(map(len, runs)),
            "left_out": self.left_out,
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a dictionary for each beat: sample, time, class, probabilities, symbol if any."""
        time_s = self.time_s
        for i, name in enumerate(self.classes.tolist()):
            row: dict[str, Any] = {"sample": int(self.samples[i])}
            row |= {"time_s": round(float(time_s[i]), 4), "class": name}
            for c, p in zip(metrics.CLASSES, self.probabilities[i], strict=True):
                row[c] = round(float(p), 4)
            if self.symbols is not None:
                row["symbol"] = str(self.symbols[i])
            yield row

    def write_csv(self, path: Path | str) -> None:
        """Write a line for each beat, the whole file or none.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        with files.whole(path) as draft, draft.open("w", encoding="utf-8") as file:
            for i, row in enumerate(self.rows()):
                if i == 0:
                    print(*row, sep=",", file=file)
                print(*row.values(), sep=",", file=file)

    def write_annotations(self, path: Path | str) -> None:
        """Write R peaks and classes as a WFDB annotation file, the whole file or none.

        The letters N, S, V and F are symbols of WFDB's, too. Beats too near an end to be judged
        are not in the file: compared with an annotator who has them, they are missed.

        Parameters
        ----------
        path
            With an extension of letters, by which WFDB's readers will know it: ``208.net``.

        Raises
        ------
        InputError
            If WFDB does not take the name, or the file cannot be written.
        """
        fs = self.recording.fs
        annotators.write(path, annotators.Annotations(self.samples, self.classes, fs))

    def busiest(self, seconds: float = 10.0) -> float:
        """Second at which the strip begins that holds most beats other than N; 0 without any."""
        other = self.time_s[self.classes != "N"]
        if not len(other):
            return 0.0
        inside = np.searchsorted(other, other + seconds * 0.9) - np.arange(len(other))
        start = other[int(inside.argmax())] - seconds * 0.05
        return float(np.clip(start, 0, max(self.n_samples / self.recording.fs - seconds, 0)))


def detect(x: Signal) -> NDArray[np.int64]:
    """Detect R peaks at 360 Hz: where sleepecg finds a beat, put where MIT-BIH's are.

    Parameters
    ----------
    x
        Shape (samples,), at 360 Hz, any unit.

    Returns
    -------
    Int64, shape (beats,), increasing, at least 0.2 s apart.

    Notes
    -----
    A network that learnt from annotated peaks minds a shift of two samples. Of the detected beats
    in every other MIT-BIH record, :func:`settle` brings 96 % to within one sample of the
    annotators'; as they are found, whole records are a P wave's or an S wave's distance off.
    """
    try:
        found = sleepecg.detect_heartbeats(np.pad(x, (0, TAIL), mode="edge"), SAMPLING_RATE)
    except ValueError:  # flat, or too short for its filter
        return np.empty(0, np.int64)
    found = found[found < len(x)]
    peaks = np.unique(settle(x, found, 27)).astype(np.int64)
    return apart(peaks, -REFRACTORY)


def settle(x: Signal, peaks: NDArray[np.int64], within: int) -> NDArray[np.int64]:
    """Move peaks, by at most ``within`` samples, to where MIT-BIH's annotators put them.

    That is the largest swing between 3 and 20 Hz, an upward one counting a quarter more.
    """
    band = scipy.signal.butter(2, (3, 20), "bandpass", output="sos", fs=SAMPLING_RATE)
    swing = scipy.signal.sosfiltfilt(band, x)
    swing = np.where(swing > 0, 1.25 * swing, -swing)
    around = (peaks[:, None] + np.arange(-within, within + 1)).clip(0, len(x) - 1)
    return around[np.arange(len(peaks)), swing[around].argmax(axis=1)]  # (peaks,)


def apart(peaks: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Leave out peaks too soon after the one before.

    Parameters
    ----------
    peaks
        Int64, shape (n,), increasing.
    last
        The peak before the first.

    Examples
    --------
    >>> apart(np.array([50, 400, 460]), last=0).tolist()
    [400]
    """
    kept = []
    for peak in peaks.tolist():
        if peak - last >= REFRACTORY:
            kept.append(peak)
            last = peak
    return np.array(kept, np.int64)


def classify(
    recording: Recording,
    network: nn.Module,
    detected: bool = False,
    device: str = "auto",
    progress: bool = False,
) -> Classified:
    """Find and classify every heartbeat of a recording.

    Parameters
    ----------
    recording
        From :func:`ecgkit.readers.open_recording`.
    network
        From :func:`ecgkit.published.load` or :func:`ecgkit.experiments.load_model`. One that reads
        RR intervals has them from the R peaks found; see :mod:`ecgkit.context`.
    detected
        Detect R peaks even where there are annotations.
    device
        See :func:`ecgkit.training.pick_device`.
    progress
        Show a bar where the error output is a terminal, after two seconds.

    Returns
    -------
    The beats. Memory holds a block of about six minutes and what is returned, however long the
    recording.

    Raises
    ------
    InputError
        If the recording is shorter than one beat, flat, holds samples without a value or no beat,
        or cannot be read to its end.
    """
    network.to(training.pick_device(device))
    scale = streams.ratio(recording.fs)
    given = None if detected or recording.symbols is None else recording.r_peaks
    places = None if given is None else np.rint(given * float(scale)).astype(np.int64)
    watch = streams.Watch(recording)
    signal = streams.resampled(watch.over(recording.chunks()), recording.fs)
    total = recording.n_samples and math.ceil(recording.n_samples * scale)
    hidden = None if progress else True  # None: shown where somebody looks on
    # What is kept grows in one piece each. Small arrays kept for each block would lie between the
    # large ones that come and go, and the space around them would never be whole again: a day took
    # 550 MB more than an hour.
    peaks, probabilities, end, found = bytearray(), bytearray(), 0, 0
    past = context.Stream(models.n_columns(network), SAMPLING_RATE)
    waiting = np.empty((0, heartbeats.BEFORE + heartbeats.AFTER + past.n_columns), np.float32)
    with tqdm(total=total, disable=hidden, unit="samples", unit_scale=True, delay=2) as bar:
        for r, in_block, beats, end in _blocks(signal, places, scale):
            peaks += r.tobytes()
            beats = past.add(r, beats) if past.n_columns else beats
            waiting = np.concatenate([waiting, beats])
            ready = len(waiting) // BATCH * BATCH
            probabilities += training.predict(network, waiting[:ready], BATCH).tobytes()
            waiting = waiting[ready:]
            found += in_block
            bar.update(end - bar.n)
    waiting = np.concatenate([waiting, past.rest()]) if past.n_columns else waiting
    probabilities += training.predict(network, waiting, BATCH).tobytes()
    _enough(recording, end)
    watch.judge()
    at = np.frombuffer(peaks, np.int64)
    if not len(at):
        raise InputError(
            f"No heartbeat was found in {recording.name}, lead {recording.lead or 'without a name'}"
            ": try another lead."
        )
    samples, symbols = np.rint(at / float(scale)).astype(np.int64).clip(0, watch.n - 1), None
    if given is not None and places is not None and recording.symbols is not None:
        keep = heartbeats.kept(places, end)
        samples, symbols = given[keep], recording.symbols[keep]
    of_classes = np.frombuffer(probabilities, np.float32).reshape(len(at), -1)
    return Classified(recording, samples, of_classes, symbols, watch.n, found - len(at))


def _blocks(
    signal: Iterator[Signal], places: NDArray[np.int64] | None, scale: Fraction
) -> Iterator[tuple[NDArray[np.int64], int, NDArray[np.float32], int]]:
    """Yield each block's R peaks, how many it had near the ends too, its beats, how far it went.

    ``places`` are the annotated R peaks at 360 Hz, None to detect them.
    """
    last = -REFRACTORY
    for first, a, b, x in streams.windows(signal, BLOCK, streams.REACH + LEAD_IN):
        end = first + len(x)
        r = first + detect(x) if places is None else places
        r = r[(r >= a) & (r < b)]
        if places is None:
            r = apart(r, last)  # two blocks may see a beat on their seam differently
            last = int(r[-1]) if len(r) else last
        inner = r[heartbeats.kept(r, end)]
        at = inner - first
        if places is not None and scale != 1:
            at = settle(x, at, 1)  # undo what rounding to another rate displaced
        yield inner, len(r), heartbeats.cut(streams.denoised(x), at), end


def _enough(recording: Recording, n: int) -> None:
    """Refuse less than one beat; warn where nine levels of wavelets have too little to go by."""
    least = heartbeats.MARGIN_BEFORE + heartbeats.MARGIN_AFTER
    if n < least:
        raise InputError(
            f"{recording.name} lasts {n / SAMPLING_RATE:.2f} s, less than one heartbeat takes: "
            f"give at least {least / SAMPLING_RATE:.1f} s, and better a minute."
        )
    if n < streams.REACH:
        warnings.warn(
            f"{recording.name} lasts {n / SAMPLING_RATE:.1f} s, but drift is told from the ECG "
            f"over {streams.REACH / SAMPLING_RATE:.1f} s: it is prolonged by its mirror image, and "
            "its classes are less certain.",
            stacklevel=3,
        )
