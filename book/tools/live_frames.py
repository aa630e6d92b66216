"""Write the data of the frames in the pages 02, 07, 11 and 13, into ``book/_static/live``.

::

    python book/tools/live_frames.py         # of all, which takes two minutes
    python book/tools/live_frames.py bands   # of one
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
from live import FOLDER, pack_signal, write_script
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_curve

from ecgbook.studies import people
from ecgkit import load_beats, predict, random_split
from ecgkit.data import denoising, features, splits
from ecgkit.data.beats import Beats
from ecgkit.data.sources import find_source
from ecgkit.train.boosting import fit_trees
from ecgkit.train.weights import load_model

LOGITS = np.arange(-56, 57) / 8
CLASSES, S = 4, 1


def histogram(p: ArrayLike, thresholds: NDArray[np.floating]) -> list[int]:
    """Count probabilities by how many of the rising thresholds they reach.

    >>> histogram([0.1, 0.5, 0.7], np.array([0.5, 0.9]))
    [1, 2, 0]
    """
    reached = np.searchsorted(thresholds, p, side="right")
    return np.bincount(reached, minlength=len(thresholds) + 1).tolist()


def export_bands() -> dict[str, Any]:
    """Cut out six seconds of page 02 with 8.3 s or more around them, so that their bands are right.

    The bands depend on 15.6 s around, but on the outer half by less than 0.0001 mV. The cut begins
    at a multiple of 2 to the power 9, so that the page's transform keeps every second number at the
    same places as that of the whole record.
    """
    record = find_source("mitdb").read("113", "MLII")
    first, n, around, step = 270 * 360, 6 * 360, 3000, 2**denoising.LEVEL
    start = (first - around) // step * step
    steps = np.rint(record.lead("MLII")[start : first + n + around].astype(float) * 200)
    about = {"from": first - start, "samples": n, "per_mv": 200}
    return about | pack_signal(steps.astype(np.int64))


def export_receptive() -> dict[str, Any]:
    """Round the beat of page 07's Figure 7.1 to 0.01 mV."""
    beat = load_beats(find_source("mitdb")).without_q().signals[0]
    return {"beat": np.rint(100 * beat).astype(int).tolist()}


def count_threshold(labels: NDArray, p: NDArray) -> dict[str, Any]:
    """Count what a threshold for S makes of beats, each otherwise in its largest other class."""
    thresholds = 1 / (1 + np.exp(-LOGITS))
    others, answers = np.delete(p, S, axis=1).argmax(axis=1), p.argmax(axis=1)
    largest = np.zeros((CLASSES, CLASSES), int)
    np.add.at(largest, (labels, answers), 1)
    cells = [
        [histogram(p[(labels == c) & (others == o), S], thresholds) for o in range(CLASSES - 1)]
        for c in range(CLASSES)
    ]
    about = {"thresholds": thresholds.round(4).tolist(), "largest": largest.tolist()}
    return about | {"histograms": cells}


def export_threshold() -> dict[str, Any]:
    """Count the answers of ``ours`` on the test half of page 11."""
    beats = load_beats(find_source("mitdb")).without_q()
    test = beats.select(random_split(beats.labels, seed=0).test)
    return count_threshold(test.labels, load_model("ours").predict(test))


def answer_of_trees(beats: Beats, split: splits.Split) -> NDArray[np.float32]:
    """Answer as page 13 does: for DS1 without the own person, for DS2 after training on DS1."""
    persons, p = splits.person_of(beats.records), np.zeros((len(beats), CLASSES), np.float32)

    def ask_trees(rows: NDArray, test: NDArray) -> NDArray:
        trees = fit_trees(beats.select(rows), 100, rounds=30)
        return predict(trees, beats.signals[test], beats.features[test])

    for person in np.unique(persons[split.train]):
        own = persons[split.train] == person
        p[split.train[own]] = ask_trees(split.train[~own], split.train[own])
    p[split.test] = ask_trees(split.train, split.test)
    return p


def export_operating() -> dict[str, Any]:
    """Count the probabilities of S of page 13's trees; one threshold is the page's own."""
    how = replace(people.PREPARATION, features=features.MEDIAN_FEATURES)
    beats = load_beats(find_source("mitdb"), how).without_q()
    split = splits.patient_split(beats.records)
    p, is_s = answer_of_trees(beats, split)[:, S], beats.labels == S
    ppv, se, cuts = precision_recall_curve(is_s[split.train], p[split.train])
    own = cuts[(ppv * se / (ppv + se + 1e-9))[:-1].argmax()]
    thresholds = (1 / (1 + np.exp(-(LOGITS + np.log(own / (1 - own)))))).astype(p.dtype)
    place = len(LOGITS) // 2
    thresholds[place] = own
    of_232 = beats.records[split.test] == "232"
    rows = {"DS1": split.train, "DS2": split.test[~of_232], "232": split.test[of_232]}
    counts = {
        name: [histogram(p[i[is_s[i] == wanted]], thresholds) for wanted in (True, False)]
        for name, i in rows.items()
    }
    about = {"thresholds": thresholds.astype(float).round(4).tolist(), "own": place}
    return about | {"histograms": counts}


EXPORTS = {
    "bands": export_bands,
    "receptive": export_receptive,
    "threshold": export_threshold,
    "operating": export_operating,
}


def main() -> int:
    for name in sys.argv[1:] or EXPORTS:
        path = FOLDER / f"frame_{name}_data.js"
        write_script(path, f"frame_{name}", EXPORTS[name]())
        print(f"{path.stat().st_size / 1e3:.1f} kB: {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
