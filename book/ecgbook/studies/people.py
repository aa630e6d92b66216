"""Classifiers that meet people they were not trained on: three protocols that are never mixed.

``ds1-ds2`` trains on the patients of DS1 and tests on those of DS2; ``mitdb-svdb`` trains on all of
MIT-BIH and tests on the even-numbered records of SVDB; ``people`` is a cross-validation over the
people of both databases, in which each is tested by classifiers that saw the others alone.

``python -m ecgbook.studies.people OUT [SEEDS]`` makes what is missing in the folder OUT, piece by
piece, and writes ``people.jsonl`` and the weights ``strangers.safetensors`` there.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecgbook import noise
from ecgkit import load_model
from ecgkit.data import aami, splits
from ecgkit.data.beats import Beats
from ecgkit.data.cutting import extract_beats, resample, resample_peaks
from ecgkit.data.features import MEAN_FEATURES, MEDIAN_FEATURES
from ecgkit.data.preparation import SAMPLING_RATE, Preparation
from ecgkit.data.sources import find_source
from ecgkit.evaluate import metrics
from ecgkit.evaluate.statistics import fit_temperature, patient_bootstrap
from ecgkit.files import atomic_write
from ecgkit.nn.models import build
from ecgkit.nn.trees import Mixture
from ecgkit.train.boosting import Boosting, fit_trees, thin_out
from ecgkit.train.device import describe_device, versions
from ecgkit.train.fit import fit, predict
from ecgkit.train.recipe import Recipe
from ecgkit.train.weights import Classifier, Provenance, save_model

RESULTS = Path(__file__).with_name("people.jsonl")
PREPARATION = Preparation(
    lead="any", units="patient", align_s=0.075, features=MEDIAN_FEATURES, mapping="literature"
)
"""Of the model for strangers: any gain, any convention of R peaks."""

PROTOCOLS = ("people mitdb", "people svdb", "mitdb-svdb", "ds1-ds2")
ROWS = ("always-N", "ours", "twelve", "trees", "network", "strangers")
FOLDS, SEEDS = 6, 5
TRAINED_ON = ("clean", "inverted", "noisy")
"""Each record is trained on as it is, upside down, and with muscle artefact or baseline wander."""

RARER = 0.2
"""Factor of the network's probabilities of S, V and F, which it saw more often than they occur. The
cross-validation over people takes 0.1 or 0.2 in each of its folds."""

DISTURBED = ("shifted", "half", "128 Hz", "ma", "bw", "inverted")
NETWORK = Recipe(
    epochs=3,
    batch=256,
    learning_rate=1e-3,
    schedule="one-cycle",
    weight_decay=0.05,
    label_smoothing=0.05,
    balance=0.25,
    shortest_crop=0.95,
    cropped_originals=0.3,
    gain=0.1,
    noise_mv=0.05,
)


@dataclass(frozen=True)
class Outcome:
    """Confusion matrices of one classifier under one protocol, by record."""

    protocol: str  #: One of :data:`PROTOCOLS`.
    row: str  #: Name of the classifier.
    seed: int
    variant: str  #: How the tested recordings were disturbed; ``clean`` if not.
    by_record: dict[str, dict[str, list[list[int]]]]  #: Under both mappings.
    fingerprints: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    device: str = ""

    def matrices(self, mapping: str = "literature", without: Sequence[str] = ()) -> NDArray:
        """Confusion matrices of the records, shape (records, 4, 4)."""
        found = self.by_record[mapping].items()
        return np.array([matrix for record, matrix in found if record not in without])


def outcomes(protocol: str, row: str, variant: str = "clean") -> list[Outcome]:
    """Find published outcomes, one per seed."""
    lines = RESULTS.read_text("utf-8").splitlines()
    found = (Outcome(**json.loads(line)) for line in lines)
    wanted = (protocol, row, variant)
    return [one for one in found if (one.protocol, one.row, one.variant) == wanted]


def load_variant(database: str, variant: str = "clean") -> Beats:
    """Prepare the beats of a database, disturbed in a named way, without class Q."""
    source = find_source(database)
    how = replace(PREPARATION, features=tuple(dict.fromkeys(MEAN_FEATURES + MEDIAN_FEATURES)))
    parts: list[dict[str, Any]] = []
    noises = find_source("nstdb") if variant in ("noisy", "ma", "bw") else None
    for number, name in enumerate(source.records):
        record = source.read(name)
        x = resample(record.lead("any"), record.fs)
        r_peaks = resample_peaks(record.r_peaks, record.fs, x)
        if noises is not None:
            kind = variant if variant != "noisy" else ("ma", "bw")[number % 2]
            rng = np.random.default_rng(number)
            # the two electrodes of the noise records: one to train with, one to test with
            added = noises.read(kind).signals[:, int(variant == "noisy")].astype(float)
            snr_db = rng.uniform(9, 18) if variant == "noisy" else 12
            factor = noise.gain(
                noise.qrs_amplitude(x, r_peaks, record.symbols), noise.noise_rms(added), snr_db
            )
            start = rng.integers(len(added))
            x = x + factor * np.take(added, np.arange(start, start + len(x)), mode="wrap")
        if variant == "inverted" or (variant == "noisy" and number // 2 % 2):
            x = -x
        if variant == "half":
            x = x / 2
        if variant == "128 Hz":
            x = resample_poly(resample_poly(x, 16, 45), 45, 16)[: len(x)]
        if variant == "shifted":
            r_peaks = (r_peaks + round(0.03 * SAMPLING_RATE)).clip(0, len(x) - 1)
        columns = extract_beats(x, r_peaks, how)._asdict()
        kept = columns.pop("kept")
        columns |= {"symbols": record.symbols[kept], "samples": record.r_peaks[kept]}
        parts.append(columns | {"records": np.full(kept.sum(), name)})
    arrays: dict[str, Any] = {
        key: np.concatenate([part[key] for part in parts]) for key in parts[0]
    }
    labels = aami.encode(arrays["symbols"], how.mapping)
    known: dict[str, Any] = {"source": source.name, "fingerprint": source.fingerprint}
    return Beats(**arrays, labels=labels, preparation=how, **known).without_q()


def join(tables: Sequence[Beats]) -> Beats:
    """Put tables of beats behind each other."""
    names = ["signals", "features", "labels", "symbols", "records", "samples"]
    names += ["rr_before_s", "rr_after_s"]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(t, name) for t in tables]) for name in names
    }
    return replace(tables[0], **columns)


def columns_of(beats: Beats, names: tuple[str, ...]) -> Beats:
    """Keep the named features."""
    there = beats.preparation.features
    how = replace(beats.preparation, features=names)
    chosen = beats.features[:, [there.index(name) for name in names]]
    return replace(beats, features=chosen, preparation=how)


def train(row: str, beats: Beats, seed: int) -> Any:
    """Train the classifier of a row on beats of several variants."""
    thin = beats.select(thin_out(beats, 150 * len(TRAINED_ON))[0])
    if row in ("twelve", "trees"):
        names = MEAN_FEATURES if row == "twelve" else MEDIAN_FEATURES
        settings = Boosting(most_of_n=Boosting.most_of_n * len(TRAINED_ON))
        return fit_trees(columns_of(beats, names), settings, seed)
    torch.manual_seed(seed)
    network = build("resnet", len(MEDIAN_FEATURES))
    thin = columns_of(thin, MEDIAN_FEATURES)
    fit(network, thin.signals, thin.labels, NETWORK, features=thin.features, seed=seed)
    return network.eval()


class Study:
    """Makes the parts of the study, each once: a part that is in the folder is read back."""

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self.tables: dict[tuple[str, str], Beats] = {}

    def table(self, database: str, variant: str = "clean") -> Beats:
        if (database, variant) not in self.tables:
            self.tables[database, variant] = load_variant(database, variant)
        return self.tables[database, variant]

    def model(self, name: str, row: str, records: set[str], seed: int) -> Any:
        """Train a row on some records of both databases, or read it back."""
        path = self.out / f"{name}-{row}-{seed}.pt"
        if path.exists():
            return torch.load(path, weights_only=False)
        began = time.perf_counter()
        some = [self.table(d, v) for v in TRAINED_ON for d in ("mitdb", "svdb")]
        network = train(
            row, join([t.select(np.isin(t.records, list(records))) for t in some]), seed
        )
        torch.save(network, path)
        print(f"{path.name}: {time.perf_counter() - began:.0f} s", flush=True)
        return network

    def probabilities(
        self, name: str, row: str, records: set[str], seed: int, tested: Beats
    ) -> NDArray[np.float32]:
        """Train on some records and answer for beats of others."""
        if row == "always-N":
            return np.eye(4, dtype=np.float32)[np.zeros(len(tested), int)]
        if row == "ours":
            return self._ask_ours(tested)
        if row == "strangers":
            parts = ("trees", "network")
            found = [self.probabilities(name, part, records, seed, tested) for part in parts]
            found[1] = found[1] * np.array([1, RARER, RARER, RARER], np.float32)
            found[1] /= found[1].sum(axis=1, keepdims=True)
            return np.mean(found, axis=0)
        columns = columns_of(tested, MEAN_FEATURES if row == "twelve" else MEDIAN_FEATURES)
        network = self.model(name, row, records, seed)
        return predict(network, columns.signals, columns.features)

    def _ask_ours(self, tested: Beats) -> NDArray[np.float32]:
        """Ask the network of the random split, whose beats are prepared in mV and not realigned.

        A beat that is too near an end for it counts as N.
        """
        classifier = load_model("ours")
        how = replace(classifier.preparation, lead="any")
        source = find_source(tested.source)
        answers = np.tile(np.eye(4, dtype=np.float32)[0], (len(tested), 1))
        for name in np.unique(tested.records):
            record = source.read(name)
            x = resample(record.lead("any"), record.fs)
            found = extract_beats(x, resample_peaks(record.r_peaks, record.fs, x), how)
            own = np.flatnonzero(tested.records == name)
            _, here, there = np.intersect1d(
                tested.samples[own], record.r_peaks[found.kept], return_indices=True
            )
            answers[own[here]] = classifier.predict(found.signals[there])
        return answers

    def outcome(
        self,
        protocol: str,
        row: str,
        seed: int,
        tested: Beats,
        p: NDArray[np.float32],
        variant: str = "clean",
    ) -> Outcome:
        """Count the answers by record."""
        predicted = p.argmax(axis=1)
        by_record = {
            mapping: metrics.by_record(
                tested.records, aami.encode(tested.symbols, mapping), predicted
            )
            for mapping in aami.MAPPINGS
        }
        prints = {d: t.fingerprint for (d, _), t in self.tables.items()}
        about = (prints, versions(), describe_device(torch.device("cpu")))
        return Outcome(protocol, row, seed, variant, by_record, *about)


def draw_folds(records: NDArray[np.str_]) -> NDArray[np.int64]:
    """Give each person one of the folds at random, shape (n,) for the records of n beats."""
    people, number = np.unique(splits.person_of(records), return_inverse=True)
    return (np.random.default_rng(0).permutation(len(people)) % FOLDS)[number]


def run(out: Path, seeds: int = SEEDS) -> list[Outcome]:
    """Make all protocols and the weights; a part that is in the folder is not made again."""
    study, found = Study(out), []
    clean = {database: study.table(database) for database in ("mitdb", "svdb")}
    names = np.concatenate([np.unique(beats.records) for beats in clean.values()])
    fold_of = dict(zip(names, draw_folds(names), strict=True))

    def cross_validate(row: str, beats: Beats) -> NDArray[np.float32]:
        folds = np.array([fold_of[name] for name in beats.records])
        answers = np.zeros((len(beats), 4), np.float32)
        for fold in range(FOLDS):
            others = {name for name in names if fold_of[name] != fold}
            of = folds == fold
            tested = beats.select(of)
            answers[of] = study.probabilities(f"people-{fold}", row, others, 0, tested)
        return answers

    logits, labels = [], []
    for row in ROWS:
        for database, beats in clean.items():
            if row == "ours" and database == "mitdb":
                continue  # it was trained on half of each person's beats
            p = cross_validate(row, beats)
            found.append(study.outcome(f"people {database}", row, 0, beats, p))
            if row == "strangers":
                logits.append(np.log(p.clip(1e-9)))
                labels.append(beats.labels)
                np.savez(
                    out / f"answers-{database}.npz", p=p, labels=beats.labels, records=beats.records
                )
    temperature = fit_temperature(np.concatenate(logits), np.concatenate(labels))
    for variant in DISTURBED:
        beats = load_variant("mitdb", variant)
        p = cross_validate("strangers", beats)
        found.append(study.outcome("people mitdb", "strangers", 0, beats, p, variant))
    save_weights(study, out, found, temperature)
    halves = np.array([splits.half_of(name) for name in clean["mitdb"].records])
    protocols = {
        "mitdb-svdb": (set(clean["mitdb"].records), clean["svdb"]),
        "ds1-ds2": (set(splits.DS1), clean["mitdb"].select(halves == "DS2")),
    }
    for protocol, (trained, tested) in protocols.items():
        for seed in range(seeds):
            for row in ROWS:
                if row == "ours" and protocol == "ds1-ds2":
                    continue
                p = study.probabilities(protocol, row, trained, seed, tested)
                found.append(study.outcome(protocol, row, seed, tested, p))
    with atomic_write(out / RESULTS.name) as draft:
        lines = (json.dumps(vars(outcome)) for outcome in found)
        draft.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return found


def save_weights(study: Study, out: Path, found: list[Outcome], temperature: float) -> None:
    """Train on everybody and write the model for strangers with what to expect of it."""
    records = {str(name) for beats in study.tables.values() for name in beats.records}
    parts = {row: study.model("all", row, records, 0) for row in ("network", "trees")}
    with torch.no_grad():
        parts["network"].linear.bias[1:] += math.log(RARER)
    mixture = Mixture(parts["network"], len(MEDIAN_FEATURES))
    mixture.trees = parts["trees"]
    mixture.temperature.fill_(temperature)
    tested = [o for o in found if (o.row, o.variant) == ("strangers", "clean")]
    matrices = np.concatenate([o.matrices() for o in tested])
    provenance = Provenance(
        model="strangers",
        recipe="strangers",
        split="people",
        seed=0,
        source="mitdb+svdb",
        fingerprint="+".join(study.tables[d, "clean"].fingerprint for d in ("mitdb", "svdb")),
        split_hash="",
        trained_on=tuple(sorted(records)),
        expected=expected_scores(matrices),
        note=f"Scores expected on new people: {FOLDS}-fold cross-validation over the people.",
    )
    save_model(out / "strangers.safetensors", Classifier(mixture.eval(), PREPARATION, provenance))


def expected_scores(matrices: NDArray[np.integer]) -> dict[str, list[float]]:
    """Score and its 95 % interval over people, in percent: of accuracy, and Se and P+ by class."""

    def scores(matrix: NDArray[np.integer]) -> NDArray[np.float64]:
        se, ppv = metrics.sensitivity(matrix), metrics.ppv(matrix)
        return 100 * np.array([metrics.accuracy(matrix), *se, *ppv])

    drawn = patient_bootstrap(matrices[None], scores)
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    names = [
        "accuracy",
        *(f"se_{c}" for c in metrics.CLASSES),
        *(f"ppv_{c}" for c in metrics.CLASSES),
    ]
    rows = zip(names, scores(matrices.sum(axis=0)), low, high, strict=True)
    return {name: [round(float(x), 1) for x in values] for name, *values in rows}


if __name__ == "__main__":
    run(Path(sys.argv[1]), *map(int, sys.argv[2:]))
