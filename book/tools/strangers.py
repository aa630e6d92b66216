"""Train and test the classifiers for people they were not trained on, and the model for strangers.

::

    python book/tools/strangers.py OUT [SEEDS]

Makes what is missing in the folder OUT, piece by piece, and writes ``people.jsonl`` there, the
outcomes of :mod:`ecgbook.studies.people`, and the weights ``strangers.safetensors`` and
``strangers_fold.safetensors``, which were trained without a sixth of the people.
"""

from __future__ import annotations

import functools
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecgbook import by_person, noise
from ecgbook.studies.people import PREPARATION, RESULTS, ROWS, Outcome, join, pick
from ecgkit.data import splits
from ecgkit.data.beats import Beats, load_beats
from ecgkit.data.cutting import resample, resample_peaks
from ecgkit.data.features import MEAN_FEATURES, MEDIAN_FEATURES
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.data.sources import Source, find_source
from ecgkit.data.wfdb_io import Record
from ecgkit.evaluate import metrics
from ecgkit.evaluate.runs import result_fields
from ecgkit.evaluate.statistics import fit_temperature
from ecgkit.files import atomic_write
from ecgkit.nn.models import build
from ecgkit.nn.trees import Mixture, Trees
from ecgkit.train.boosting import MOST_OF_N, fit_trees, thin_out
from ecgkit.train.device import describe_device, versions
from ecgkit.train.fit import fit, predict
from ecgkit.train.recipe import RECIPES
from ecgkit.train.weights import Classifier, Provenance, load_model, save_model

DATABASES = ("mitdb", "svdb")
FOLDS, SEEDS = 6, 5
TRAINED_ON = ("clean", "inverted", "noisy")
"""Each record is trained on as it is, upside down, and with muscle artefact or baseline wander."""

DISTURBED = ("shifted", "half", "128 Hz", "ma", "bw", "inverted")
NETWORK = replace(
    RECIPES["ours"],
    epochs=3,
    learning_rate=1e-3,
    weight_decay=0.05,
    balance=0.25,
    shortest_crop=0.95,
    cropped_originals=0.3,
    gain=0.1,
    noise_mv=0.05,
    each_branch=0.0,
)
RARER = 0.2
"""Factor of the network's probabilities of S, V and F, which it saw more often than they occur. The
cross-validation over people takes 0.1 or 0.2 in each of its folds."""

Answers = NDArray[np.float32]  # probabilities, (beats, 4)


@dataclass(frozen=True)
class Disturbed(Source):
    """A database whose records, at 360 Hz, are disturbed in a named way as they are read."""

    variant: str = "clean"

    def read(self, record: str, lead: str | None = None) -> Record:
        found, variant, number = super().read(record), self.variant, self.records.index(record)
        x = resample(found.lead("any"), found.fs)
        r_peaks = resample_peaks(found.r_peaks, found.fs, x)
        if variant in ("noisy", "ma", "bw"):
            rng, training = np.random.default_rng(number), variant == "noisy"
            kind = ("ma", "bw")[number % 2] if training else variant
            # of the two electrodes of the noise records, one to train and one to test with
            added = find_source("nstdb").read(kind).signals[:, int(training)]
            snr_db = rng.uniform(9, 18) if training else 12
            height = noise.qrs_amplitude(x, r_peaks, found.symbols)
            start = rng.integers(len(added))
            added = np.take(added, np.arange(start, start + len(x)), mode="wrap") * noise.gain(
                height, noise.noise_rms(added), snr_db
            )
            x = x + added
        if variant == "inverted" or (variant == "noisy" and number // 2 % 2):
            x = -x
        elif variant == "half":
            x = x / 2
        elif variant == "128 Hz":
            x = resample_poly(resample_poly(x, 16, 45), 45, 16)[: len(x)]
        elif variant == "shifted":
            r_peaks = (r_peaks + round(0.03 * SAMPLING_RATE)).clip(0, len(x) - 1)
        return replace(
            found, signals=x[:, None].astype(float), fs=360.0, leads=("any",), r_peaks=r_peaks
        )


@functools.cache
def load_variant(database: str, variant: str = "clean") -> Beats:
    """Prepare the beats of a database, disturbed in a named way, without class Q."""
    source = find_source(database, by_person.SVDB_EVEN if database == "svdb" else None)
    how = replace(PREPARATION, features=tuple(dict.fromkeys(MEAN_FEATURES + MEDIAN_FEATURES)))
    if variant != "clean":
        source = Disturbed(**vars(source), variant=variant)
    return load_beats(source, how, cached=False).without_q()


@functools.cache
def training_table() -> Beats:
    """Every variant to train on, of both databases, behind each other."""
    return join([load_variant(d, variant) for variant in TRAINED_ON for d in DATABASES])


def train(out: Path, name: str, row: str, records: Sequence[str], seed: int) -> Any:
    """Train a row on some records of both databases, or read it back from the folder."""
    names = MEAN_FEATURES if row == "twelve" else MEDIAN_FEATURES
    torch.manual_seed(seed)
    network: Any = build("resnet", len(names)) if row == "network" else Trees(len(names))
    path = out / f"{name}-{row}-{seed}.pt"
    if path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()
    began, table = time.perf_counter(), training_table()
    beats = pick(table.select(np.isin(table.records, records)), names)
    most = MOST_OF_N * len(TRAINED_ON)
    if row == "network":
        thin = beats.select(thin_out(beats, most // 2)[0])
        fit(network, thin.signals, thin.labels, NETWORK, features=thin.features, seed=seed)
    else:
        network = fit_trees(beats, most, seed=seed)
    torch.save(network.state_dict(), path)
    print(f"{path.name}: {time.perf_counter() - began:.0f} s", flush=True)
    return network.eval()


def answer(
    out: Path, name: str, row: str, records: Sequence[str], seed: int, tested: Beats
) -> Answers:
    """Train on some records and answer for beats of others."""
    if row == "always-N":
        return np.eye(4, dtype=np.float32)[np.zeros(len(tested), int)]
    if row == "ours":  # its beats are in mV and not realigned; one too near an end counts as N
        classifier = load_model("ours")
        beats = load_beats(tested.source, replace(classifier.preparation, lead="any"))
        found = pd.DataFrame(classifier.predict(beats.signals), [beats.records, beats.samples])
        found = found.reindex(pd.MultiIndex.from_arrays([tested.records, tested.samples]))
        return found.fillna({0: 1, 1: 0, 2: 0, 3: 0}).to_numpy()
    if row == "strangers":
        trees, network = (answer(out, name, r, records, seed, tested) for r in ("trees", "network"))
        network = network * np.array([1, RARER, RARER, RARER], np.float32)
        return (trees + network / network.sum(axis=1, keepdims=True)) / 2
    beats = pick(tested, MEAN_FEATURES if row == "twelve" else MEDIAN_FEATURES)
    return predict(train(out, name, row, records, seed), beats.signals, beats.features)


def count(
    protocol: str, row: str, seed: int, tested: Beats, answers: Answers, variant: str = "clean"
) -> Outcome:
    """Count the answers by record."""
    by_record = result_fields(tested, answers.argmax(axis=1), "patients")["by_record"]
    prints = {database: load_variant(database).fingerprint for database in DATABASES}
    about = (prints, versions(), describe_device(torch.device("cpu")))
    return Outcome(protocol, row, seed, variant, by_record, *about)


def draw_folds(records: NDArray[np.str_]) -> NDArray[np.int64]:
    """Give each person one of the folds at random, shape (n,) for n records."""
    people, number = np.unique(splits.person_of(records), return_inverse=True)
    return (np.random.default_rng(0).permutation(len(people)) % FOLDS)[number]


def cross_validate(out: Path, row: str, beats: Beats) -> Answers:
    """Answer for the beats of each fold with what was trained on the people of the others."""
    names = np.concatenate([np.unique(load_variant(d).records) for d in DATABASES])
    folds, answers = draw_folds(names), np.zeros((len(beats), 4), np.float32)
    for fold in range(FOLDS):
        of, others = np.isin(beats.records, names[folds == fold]), names[folds != fold].tolist()
        answers[of] = answer(out, f"people-{fold}", row, others, 0, beats.select(of))
    return answers


def run(out: Path, seeds: int = SEEDS) -> None:
    """Make all protocols and the weights; a part that is in the folder is not made again."""
    out.mkdir(parents=True, exist_ok=True)
    found, clean = [], {database: load_variant(database) for database in DATABASES}
    answers: dict[str, Answers] = {}
    for row in ROWS:  # the last one is "strangers"
        for database, beats in clean.items():
            if (row, database) != ("ours", "mitdb"):  # trained on half of each person's beats
                answers[database] = cross_validate(out, row, beats)
                found.append(count(f"people {database}", row, 0, beats, answers[database]))
    logits = np.log(np.concatenate(list(answers.values())).clip(1e-9))
    labels = np.concatenate([beats.labels for beats in clean.values()])
    matrices = np.concatenate([outcome.matrices() for outcome in found[-len(clean) :]])
    save_weights(out, fit_temperature(logits, labels), expected_scores(matrices))
    save_fold(out)
    for variant in DISTURBED:
        beats = load_variant("mitdb", variant)
        p = cross_validate(out, "strangers", beats)
        found.append(count("people mitdb", "strangers", 0, beats, p, variant))
    of_ds2 = np.isin(clean["mitdb"].records, splits.DS2)
    protocols = {
        "mitdb-svdb": (np.unique(clean["mitdb"].records).tolist(), clean["svdb"]),
        "ds1-ds2": (list(splits.DS1), clean["mitdb"].select(of_ds2)),
    }
    for protocol, (trained, tested) in protocols.items():
        for seed, row in ((seed, row) for seed in range(seeds) for row in ROWS):
            if (row, protocol) != ("ours", "ds1-ds2"):
                p = answer(out, protocol, row, trained, seed, tested)
                found.append(count(protocol, row, seed, tested, p))
    with atomic_write(out / RESULTS.name) as draft:
        draft.write_text("".join(f"{json.dumps(vars(one))}\n" for one in found), "utf-8")


def mix(out: Path, name: str, records: Sequence[str], temperature: float) -> Mixture:
    """Train network and trees on some records and join them to the model for strangers."""
    network, trees = (train(out, name, row, records, 0) for row in ("network", "trees"))
    with torch.no_grad():
        network.linear.bias[1:] += math.log(RARER)
    mixture = Mixture(network, trees)
    mixture.temperature.fill_(temperature)
    return mixture.eval()


def save_weights(out: Path, temperature: float, expected: dict[str, list[float]]) -> None:
    """Train on everybody and write the model for strangers with what to expect of it."""
    records = np.unique(training_table().records).tolist()
    provenance = Provenance(
        **dict.fromkeys(("model", "recipe"), "strangers"),
        split="people",
        seed=0,
        source="+".join(DATABASES),
        fingerprint="+".join(load_variant(database).fingerprint for database in DATABASES),
        split_hash="",
        trained_on=tuple(records),
        expected=expected,
        note=f"Scores expected on new people: {FOLDS}-fold cross-validation over the people.",
    )
    mixture = mix(out, "all", records, temperature)
    save_model(out / "strangers.safetensors", Classifier(mixture, PREPARATION, provenance))


def save_fold(out: Path, fold: int = 0) -> None:
    """Write the model of a fold: the page Try it shows it people whom it was not trained on.

    It has the temperature of the published model, which moves probabilities and changes no answer.
    """
    published = load_model(out / "strangers.safetensors")
    records = np.array(published.provenance.trained_on)
    others = records[draw_folds(records) != fold].tolist()
    temperature = float(published.network.get_buffer("temperature"))
    note = f"Fold {fold} of {FOLDS} of the cross-validation over the people."
    provenance = replace(published.provenance, trained_on=tuple(others), expected={}, note=note)
    mixture = mix(out, f"people-{fold}", others, temperature)
    save_model(out / "strangers_fold.safetensors", Classifier(mixture, PREPARATION, provenance))


def expected_scores(matrices: NDArray[np.integer]) -> dict[str, list[float]]:
    """Score and its 95 % interval over people, in percent: of accuracy, and Se and P+ by class."""

    def scores(matrix: NDArray[np.integer]) -> NDArray[np.float64]:
        se, ppv = metrics.sensitivity(matrix), metrics.ppv(matrix)
        return 100 * np.array([metrics.accuracy(matrix), *se, *ppv])

    names = ["accuracy", *(f"{score}_{c}" for score in ("se", "ppv") for c in metrics.CLASSES)]
    rows = zip(names, by_person.interval([matrices], scores).T.round(1).tolist(), strict=True)
    return dict(rows)


if __name__ == "__main__":
    run(Path(sys.argv[1]), *map(int, sys.argv[2:]))
