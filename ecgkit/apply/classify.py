"""From a recording of any source to a class for each of its heartbeats."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply.quality import check_recording
from ecgkit.apply.readers import Recording, read_recording
from ecgkit.data import denoising
from ecgkit.data.cutting import extract_beats, resample, resample_peaks
from ecgkit.data.preparation import SAMPLING_RATE, Preparation
from ecgkit.data.r_peaks import detect_r_peaks
from ecgkit.data.wfdb_io import Annotations, write_annotations
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.files import atomic_write
from ecgkit.train.device import pick_device
from ecgkit.train.weights import Classifier, load_model


@dataclass(frozen=True)
class Classification:
    """The heartbeats of a recording with their classes.

    Attributes
    ----------
    recording : Recording
        What was classified.
    samples : ndarray of int64, shape (n,)
        R peaks as sample numbers of the recording.
    probabilities : ndarray of float32, shape (n, 4)
        Of N, S, V, F.
    symbols : ndarray of str, shape (n,), or None
        The annotators' symbols; None where R peaks were detected.
    left_out : int
        Beats too near either end of the recording to be classified.
    """

    recording: Recording
    samples: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    symbols: NDArray[np.str_] | None
    left_out: int

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Seconds from the start of the recording, shape (n,)."""
        return self.samples / self.recording.fs

    @property
    def classes(self) -> NDArray[np.str_]:
        """Most probable class of each beat, shape (n,)."""
        return np.array(CLASSES)[self.probabilities.argmax(axis=1)]

    def summary(self) -> dict[str, Any]:
        """Beats of each class, mean heart rate and longest run of V, ready for JSON."""
        classes, time_s = self.classes, self.time_s
        runs = "".join(name if name == "V" else " " for name in classes).split()
        minutes = float(time_s[-1] - time_s[0]) / 60
        return {
            "beats": len(classes),
            "counts": {name: int((classes == name).sum()) for name in CLASSES},
            "heart_rate_bpm": round((len(classes) - 1) / minutes, 1) if minutes else None,
            "longest_run_of_v": max(map(len, runs), default=0),
            "left_out": self.left_out,
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield sample, time, class, probabilities and any annotated symbol of each beat."""
        time_s = self.time_s
        for i, name in enumerate(self.classes.tolist()):
            row: dict[str, Any] = {"sample": int(self.samples[i])}
            row |= {"time_s": round(float(time_s[i]), 4), "class": name}
            for c, p in zip(CLASSES, self.probabilities[i].tolist(), strict=True):
                row[c] = round(p, 4)
            if self.symbols is not None:
                row["symbol"] = str(self.symbols[i])
            yield row

    def write_csv(self, path: Path | str) -> None:
        """Write one line per beat.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        with atomic_write(path) as draft, draft.open("w", encoding="utf-8") as file:
            for i, row in enumerate(self.rows()):
                if i == 0:
                    print(*row, sep=",", file=file)
                print(*row.values(), sep=",", file=file)

    def write_annotations(self, path: Path | str) -> None:
        """Write R peaks and classes as a WFDB annotation file.

        N, S, V and F are WFDB symbols, too. Beats too near an end to be classified are missing from
        the file, so a comparison with a complete annotation counts them as missed.

        Parameters
        ----------
        path : Path or str
            With an extension of letters, such as ``208.net``.

        Raises
        ------
        InputError
            If WFDB does not accept the name, or the file cannot be written.
        """
        write_annotations(path, Annotations(self.samples, self.classes, self.recording.fs))

    def busiest(self, seconds: float = 10.0) -> float:
        """Second at which the stretch with most beats other than N begins; 0 without any."""
        other = self.time_s[self.classes != "N"]
        if not len(other):
            return 0.0
        inside = np.searchsorted(other, other + seconds * 0.9) - np.arange(len(other))
        start = other[int(inside.argmax())] - seconds * 0.05
        last = len(self.recording.signal) / self.recording.fs - seconds
        return float(np.clip(start, 0, max(last, 0)))


def classify(
    recording: Recording | Path | str,
    classifier: Classifier | None = None,
    *,
    detect: bool = False,
    device: str = "auto",
    progress: bool = False,
) -> Classification:
    """Find and classify every heartbeat of a recording.

    Parameters
    ----------
    recording : Recording, Path or str
        From :func:`ecgkit.apply.readers.read_recording`, or the path of a file that it reads.
    classifier : Classifier, optional
        From :func:`ecgkit.train.weights.load_model`, whose default is the default here. Beats are
        prepared as its ``preparation`` says.
    detect : bool
        Detect R peaks even where they are annotated.
    device : str
        See :func:`ecgkit.train.device.pick_device`.
    progress : bool
        Show a bar.

    Returns
    -------
    classification : Classification

    Raises
    ------
    InputError
        If the recording cannot be read, is shorter than one beat, flat, or without a heartbeat.
    """
    if not isinstance(recording, Recording):
        recording = read_recording(recording)
    classifier = classifier or load_model()
    preparation = classifier.preparation
    _check_length(recording, preparation)
    for sentence in check_recording(recording):
        warnings.warn(sentence, stacklevel=2)
    signal = resample(recording.signal, recording.fs)
    annotated = None if detect else recording.r_peaks
    if annotated is None:
        r_peaks = detect_r_peaks(signal)
    else:
        r_peaks = resample_peaks(annotated, recording.fs, signal)
    found = extract_beats(signal, r_peaks, preparation)
    if not found.kept.any():
        raise InputError(
            f"No heartbeat was found in {recording.name}, lead {recording.lead or 'without a name'}"
            ": try another lead."
        )
    classifier.network.to(pick_device(device))
    probabilities = classifier.predict(found.signals, found.features, progress)
    samples, symbols = annotated, None
    if samples is None:
        samples = np.rint(r_peaks * (recording.fs / SAMPLING_RATE)).astype(np.int64)
        samples = samples.clip(0, len(recording.signal) - 1)
    elif recording.symbols is not None:
        symbols = recording.symbols[found.kept]
    left_out = int((~found.kept).sum())
    return Classification(recording, samples[found.kept], probabilities, symbols, left_out)


def _check_length(recording: Recording, preparation: Preparation) -> None:
    """Refuse less than one beat; warn where the wavelets reach beyond both ends."""
    seconds = len(recording.signal) / recording.fs
    least_s = (preparation.margin_before + preparation.margin_after) / SAMPLING_RATE
    if seconds < least_s:
        raise InputError(
            f"{recording.name} lasts {seconds:.2f} s, less than one heartbeat: give at least "
            f"{least_s:.1f} s, and better a minute."
        )
    reach_s = denoising.reach(preparation.wavelet, preparation.level) / SAMPLING_RATE
    if preparation.zeroed and seconds < reach_s:
        warnings.warn(
            f"{recording.name} lasts {seconds:.1f} s, but its baseline drift is estimated over "
            f"{reach_s:.1f} s: the signal is extended by its mirror image, and the classes are "
            "less certain.",
            stacklevel=3,
        )
