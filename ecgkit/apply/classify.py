"""From a recording of any source to a class for each of its heartbeats."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.apply import quality
from ecgkit.apply.leads import TRAINED_ON, plain_lead
from ecgkit.apply.readers import Recording, read_recording
from ecgkit.data import denoising
from ecgkit.data.cutting import Signal, extract_beats, resample, resample_peaks
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.data.r_peaks import detect_r_peaks
from ecgkit.data.wfdb_io import Annotations, write_annotations
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.files import atomic_write
from ecgkit.train.device import pick_device
from ecgkit.train.weights import Classifier, load_model

SURE = 0.6
"""Probability below which a class is uncertain: see the numbers on the page about new patients."""


@dataclass(frozen=True)
class Classification:
    """The heartbeats of a recording with their classes."""

    recording: Recording
    samples: NDArray[np.int64]  #: R peaks as sample numbers of the recording, shape (n,).
    probabilities: NDArray[np.float32]  #: Of N, S, V and F, shape (n, 4).
    symbols: NDArray[np.str_] | None  #: The annotators', (n,); None where R peaks were detected.
    left_out: int  #: Beats too near an end of the recording, or a gap in it, to be classified.
    quality: NDArray[np.str_] | None = None  #: Of each stretch of 10 s, from `quality.GRADES`.

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Seconds from the start of the recording, shape (n,)."""
        return self.samples / self.recording.fs

    @property
    def classes(self) -> NDArray[np.str_]:
        """Most probable class of each beat, shape (n,)."""
        return np.array(CLASSES)[self.probabilities.argmax(axis=1)]

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """Beats whose most probable class has less than :data:`SURE`, shape (n,)."""
        return self.probabilities.max(axis=1) < SURE

    def summary(self) -> dict[str, Any]:
        """Beats of each class, mean heart rate and longest run of V, ready for JSON."""
        classes, time_s = self.classes, self.time_s
        gaps = quality.find_gaps(self.recording.signal)[:, 0]  # nothing is known across one
        after_gap = 1 + np.flatnonzero(np.diff(np.searchsorted(gaps, self.samples)))
        runs = "".join(np.insert(np.where(classes == "V", "V", " "), after_gap, " ")).split()
        rr_s = np.delete(np.diff(time_s), after_gap - 1)
        grades = np.array([]) if self.quality is None else self.quality
        return {
            "beats": len(classes),
            "counts": {name: int((classes == name).sum()) for name in CLASSES},
            "heart_rate_bpm": round(60 / float(rr_s.mean()), 1) if rr_s.any() else None,
            "longest_run_of_v": max(map(len, runs), default=0),
            "uncertain": int(self.uncertain.sum()),
            "left_out": self.left_out,
            "doubtful_s": quality.WINDOW_S * int((grades == "doubtful").sum()),
            "no_ecg_s": quality.WINDOW_S * int((grades == "no ECG").sum()),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Sample, time, class, probabilities, doubts and any symbol of each beat."""
        table = pd.DataFrame({"sample": self.samples, "time_s": self.time_s.round(4)})
        table["class"] = self.classes
        table[list(CLASSES)] = self.probabilities.astype(float).round(4)
        table["uncertain"] = self.uncertain
        if self.quality is not None:
            window = self.time_s // quality.WINDOW_S
            table["quality"] = self.quality[window.astype(int).clip(max=len(self.quality) - 1)]
        if self.symbols is not None:
            table["symbol"] = self.symbols
        return table.to_dict("records")

    def write_csv(self, path: Path | str) -> None:
        """Write one line per beat; InputError if that fails."""
        with atomic_write(path) as draft:
            pd.DataFrame(self.rows()).to_csv(draft, index=False, lineterminator="\n")

    def write_annotations(self, path: Path | str) -> None:
        """Write R peaks and classes as a WFDB annotation file, such as ``208.net``.

        N, S, V and F are WFDB symbols, too. Beats too near an end to be classified are missing from
        the file, so a comparison with a complete annotation counts them as missed. InputError if
        WFDB does not accept the name, or the file cannot be written.
        """
        write_annotations(path, Annotations(self.samples, self.classes, self.recording.fs))

    def busiest(self, seconds: float = 10.0) -> float:
        """Second at which the stretch with most beats other than N begins; 0 without any."""
        other = self.time_s[self.classes != "N"]
        if not len(other):
            return 0.0
        inside = np.searchsorted(other, other + seconds * 0.9) - np.arange(len(other))
        start = other[int(inside.argmax())] - seconds * 0.05
        return float(np.clip(start, 0, max(self.recording.seconds - seconds, 0)))


def classify(
    recording: Recording | Path | str,
    classifier: Classifier | None = None,
    *,
    detect: bool = False,
    device: str = "auto",
    progress: bool = False,
) -> Classification:
    """Find and classify every heartbeat of a recording.

    InputError if it cannot be read, is shorter than one beat, flat, or without a heartbeat.

    Parameters
    ----------
    recording : Recording, Path or str
        From :func:`ecgkit.apply.readers.read_recording`, or the path of a file that it reads.
    classifier : Classifier, optional
        From :func:`ecgkit.train.weights.load_model`, whose default is the default here. Beats are
        prepared as its ``preparation`` says.
    detect, device, progress : bool, str, bool
        Detect R peaks even where they are annotated; for the network; show a bar.
    """
    classifier = classifier or load_model()
    if not isinstance(recording, Recording):
        recording = read_recording(recording, wanted_lead(classifier), annotated=not detect)
    name, lead = recording.name, recording.lead or "without a name"
    doubts = [*_doubt_weights(recording, classifier), *_check_length(recording, classifier)]
    doubts += quality.check_recording(recording)
    gaps = quality.find_gaps(recording.signal)
    signal = resample(quality.fill_gaps(recording.signal, gaps), recording.fs)
    # Of the gaps those that matter, at 360 Hz: up to 10 ms are filled well.
    begin, end = gaps[np.diff(gaps)[:, 0] > 0.01 * recording.fs].T * (SAMPLING_RATE / recording.fs)
    gaps = np.c_[np.floor(begin), np.ceil(end)].astype(np.int64)
    samples, symbols, r_peaks = _find_peaks(recording, signal, gaps, detect)
    found = extract_beats(signal, r_peaks, classifier.preparation, gaps)
    table = quality.grade_windows(signal, r_peaks)
    doubts += quality.describe_windows(table, recording, gaps, annotated=symbols is not None)
    if plain_lead(recording.lead) in TRAINED_ON and quality.looks_inverted(signal, r_peaks):
        doubts.append(
            f"{name}: most QRS complexes of lead {lead} point downwards: is it upside down? Then "
            "swap the electrodes, or change its sign."
        )
    if symbols is not None:
        doubts += _without_class(name, symbols)
        symbols = symbols[found.kept]
    for sentence in doubts:
        warnings.warn(sentence, stacklevel=2)
    if not found.kept.any():
        without = " away from its gaps" if len(gaps) else ""
        raise InputError(f"{name}, lead {lead}, has no heartbeat{without}: try another lead.")
    classifier.network.to(pick_device(device))
    probabilities = classifier.predict(found.signals, found.features, progress)
    left_out, grades = int((~found.kept).sum()), np.array(quality.GRADES)[table["grade"]]
    return Classification(recording, samples[found.kept], probabilities, symbols, left_out, grades)


def _doubt_weights(recording: Recording, classifier: Classifier) -> list[str]:
    """Say where the weights were trained on this record, or on another lead."""
    name, trained, doubts = recording.name, classifier.preparation.lead, []
    if name in classifier.provenance.trained_on:
        doubts.append(
            f"A record named {name} is among those that the weights were trained on: if it is this "
            "one, the result says nothing about new people."
        )
    alike = TRAINED_ON if trained in TRAINED_ON else (trained,)
    if trained not in ("any", "first") and plain_lead(recording.lead) not in alike:
        doubts.append(
            f"{name}: the weights were trained on lead {trained}: expect mistakes on lead "
            f"{recording.lead or 'without a name'}."
        )
    return doubts


def _find_peaks(
    recording: Recording, signal: Signal, gaps: NDArray[np.int64], detect: bool
) -> tuple[NDArray[np.int64], NDArray[np.str_] | None, NDArray[np.int64]]:
    """Return R peaks as samples of the recording, their symbols, and R peaks at 360 Hz."""
    fs = recording.fs
    if not detect and recording.r_peaks is not None:
        r_peaks = resample_peaks(recording.r_peaks, fs, signal)
        return recording.r_peaks, recording.symbols, r_peaks
    # Long gaps divide the search, because a detector learns from the signal before.
    long = gaps[np.diff(gaps)[:, 0] > 2 * SAMPLING_RATE].ravel()
    parts = np.r_[0, long, len(signal)].reshape(-1, 2)
    r_peaks = np.concatenate([a + detect_r_peaks(signal[a:b]) for a, b in parts])
    r_peaks = r_peaks[~quality.in_gaps(r_peaks, gaps)]
    samples = np.rint(r_peaks * (fs / SAMPLING_RATE)).astype(np.int64)
    return samples.clip(0, len(recording.signal) - 1), None, r_peaks


def _without_class(name: str, symbols: NDArray[np.str_]) -> list[str]:
    """Say how many annotated beats have none of the classes N, S, V and F."""
    kinds = {"paced (/, f)": ("/", "f"), "unclassifiable (Q, ?)": ("Q", "?")}
    counts = {kind: int(np.isin(symbols, marks).sum()) for kind, marks in kinds.items()}
    found = " and ".join(f"{count} beats as {kind}" for kind, count in counts.items() if count)
    return [f"{name} annotates {found}: ignore their classes, they have none here."] * bool(found)


def expectation(classifier: Classifier) -> list[str]:
    """Say in lines of text what the weights were trained on and what they do on new people."""
    p = classifier.provenance
    about = f"model {p.model}, recipe {p.recipe}, trained on {len(p.trained_on)} records"
    if not p.expected:
        last = "trained to recognise the people of these records: expect far worse on others"
        return [f"{about} of {p.source}", last]
    lines = [f"{about} of {p.source}"]
    lines.append("on people left out, with annotated R peaks (95 % intervals over people):")
    for name in CLASSES[:3]:
        scores = [p.expected[f"{score}_{name}"] for score in ("se", "ppv")]
        se, ppv = (f"{x:.0f} % ({low:.0f} to {high:.0f})" for x, low, high in scores)
        lines.append(f"  {name} sensitivity {se}, positive predictive value {ppv}")
    return [*lines, "  F is not promised: too few people have such beats to learn it from"]


def wanted_lead(classifier: Classifier) -> str | None:
    """Lead to read for a classifier; None for those that `read_recording` looks for itself."""
    lead = classifier.preparation.lead
    return None if lead in (*TRAINED_ON, "any", "first") else lead


def _check_length(recording: Recording, classifier: Classifier) -> list[str]:
    """Refuse less than one beat; say where the wavelets reach beyond both ends."""
    lasts, p = f"{recording.name} lasts {recording.seconds:.2f} s", classifier.preparation
    least_s = (p.margin_before + p.margin_after) / SAMPLING_RATE
    if recording.seconds < least_s:
        raise InputError(f"{lasts}, less than one heartbeat: give at least {least_s:.1f} s.")
    reach_s = denoising.reach(p.wavelet, p.level) / SAMPLING_RATE
    if not p.zeroed or recording.seconds >= reach_s:
        return []
    return [
        f"{lasts}, but its baseline drift is estimated over {reach_s:.1f} s: the signal is "
        "extended by its mirror image, and the classes are less certain."
    ]
