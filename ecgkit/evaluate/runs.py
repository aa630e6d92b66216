"""Training runs: one trained and tested network, and the record that lets anybody repeat it."""

import base64
import json
import zlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ecgkit import InputError
from ecgkit.data import aami, splits
from ecgkit.data.beats import Beats
from ecgkit.data.preparation import Preparation
from ecgkit.evaluate import metrics
from ecgkit.files import atomic_write, parse_json
from ecgkit.nn.models import build
from ecgkit.train import device as devices
from ecgkit.train.checkpoints import CHECKPOINT
from ecgkit.train.fit import fit
from ecgkit.train.recipe import Recipe
from ecgkit.train.weights import Classifier, Provenance, load_model, save_model

RUN, WEIGHTS = "run.json", "model.safetensors"


@dataclass(frozen=True)
class Run:
    """The record of one run; in JSON all settings stand side by side, in one flat object."""

    model: str  #: Name of the network, see :data:`ecgkit.nn.models.MODELS`.
    recipe: str  #: Name of the recipe, whose values are in :attr:`settings`.
    split: str  #: ``"random"`` or ``"patients"``.
    seed: int  #: Of split, first weights, order, crops and dropout.
    tested_on: str  #: ``"test"``, or ``"validation"``: part of the training half.
    settings: Recipe
    preparation: Preparation
    precision: str  #: Number format of the matrix products.
    source: str
    fingerprint: str
    split_hash: str
    losses: list[float]  #: One per epoch, as the next.
    epoch_seconds: list[float]
    confusion_matrix: list[list[int]]  #: Rows are the annotators' classes, columns the network's.
    seconds: float  #: Time of training.
    device: str
    versions: dict[str, str]
    validation_accuracy: list[float] = field(default_factory=list)  #: Empty unless tested on it.
    validation_mean_f1: list[float] = field(default_factory=list)
    by_record: dict[str, dict[str, list[list[int]]]] = field(default_factory=dict)  #: By mapping.
    predictions: str = ""  #: See :meth:`predicted`; empty in older runs.
    study: str = ""
    row: str = ""
    note: str = ""  #: What a reader of the record has to know.

    def predicted(self) -> NDArray[np.int8] | None:
        """Class of each tested beat, int8 of shape (n,), in the order of the split's test half."""
        packed = base64.b64decode(self.predictions)
        return np.frombuffer(zlib.decompress(packed), np.int8) if packed else None

    def report(self) -> metrics.Report:
        """Scores of the confusion matrix."""
        return metrics.report(self.confusion_matrix)

    def to_json(self) -> str:
        """Write the record as one line of JSON."""
        flat = asdict(self) | asdict(self.settings) | self.preparation.to_dict()
        return json.dumps({k: v for k, v in flat.items() if k not in ("settings", "preparation")})

    @staticmethod
    def from_json(text: str) -> "Run":
        """Read a record that :meth:`to_json` wrote; InputError if it is none."""
        try:
            flat = parse_json(text)
            settings = Recipe(**{f.name: flat.pop(f.name) for f in fields(Recipe)})
            prepared = {f.name: flat.pop(f.name) for f in fields(Preparation)}
            run = Run(**flat, settings=settings, preparation=Preparation.from_dict(prepared))
            matrix = np.array(run.confusion_matrix)
            if matrix.shape != (4, 4) or matrix.dtype.kind != "i" or (matrix < 0).any():
                raise ValueError("its confusion matrix is not 4 x 4 counts")
            float(sum(run.losses) + sum(run.epoch_seconds) + run.seconds)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InputError(f"This is no record of a run ({error}): train again.") from error
        return run

    @staticmethod
    def read(path: Path) -> "Run":
        """Read the ``run.json`` of a run; InputError if it is missing or damaged."""
        try:
            return Run.from_json(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be used: {error}") from error


def split_beats(beats: Beats, split: str, seed: int) -> splits.Split:
    """Split a table of beats without Q: ``"random"``, between ``"patients"``, or test ``"all"``."""
    if split == "all":
        return splits.Split(np.arange(0), np.arange(len(beats)))
    if split == "random":
        halves = splits.random_split(beats.labels, seed)
    elif split == "patients":
        halves = splits.patient_split(beats.records)
    else:
        raise InputError(f"There is no split {split!r}: use random, patients or all.")
    present = set(beats.labels[halves.train].tolist())
    if missing := [name for c, name in enumerate(metrics.CLASSES) if c not in present]:
        raise InputError(f"No beat of class {', '.join(missing)} to train on: take more records.")
    return halves


def train_and_test(
    beats: Beats,
    model: str,
    recipe: str,
    settings: Recipe,
    *,
    split: str = "random",
    seed: int = 0,
    validation: bool = False,
    out: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = False,
    study: str = "",
    row: str = "",
) -> tuple[Classifier, Run]:
    """Train one network and test it once, after the last epoch.

    Parameters
    ----------
    beats : Beats, of which class Q is left out
    model, recipe, settings : str, str, Recipe
        Name of the network (:data:`ecgkit.nn.models.MODELS`), the recipe's name, and itself.
    split, seed : str, int
        How the halves are made; the seed also decides first weights, order, crops and dropout.
    validation : bool
        Leave the test half alone, and test after each epoch on a part of the training half.
    out, resume : Path, optional, and bool
        Directory for ``run.json``, ``model.safetensors`` and checkpoints, without a run (else an
        InputError); or to go on with the one there, or read it back, if its settings are these.
    device, precision, study, row : str, see :mod:`ecgkit.train.device`; noted in the record
    """
    beats = beats.without_q()
    torch.manual_seed(seed)
    network = build(model, beats.preparation.n_features)
    outer = halves = split_beats(beats, split, seed)
    if validation:
        people = splits.person_of(beats.records) if split == "patients" else None
        halves = splits.validation_split(outer, beats.labels, seed, people)
    tested = beats.select(halves.test)
    known: dict[str, Any] = {
        **{"model": model, "recipe": recipe, "split": split, "seed": seed, "settings": settings},
        **{"preparation": beats.preparation, "tested_on": "validation" if validation else "test"},
        **{"source": beats.source, "fingerprint": beats.fingerprint, "split_hash": halves.hash},
    }
    place = devices.pick_device(device)
    dtype = str(devices.pick_precision(place, precision)).removeprefix("torch.")
    fixed = known if precision == "auto" else {**known, "precision": dtype}
    if out is not None and (done := _claim(out, resume, fixed)):
        return done
    data = (beats.source, beats.fingerprint, outer.hash)
    records = tuple(np.unique(beats.records[outer.train]).tolist())
    provenance = Provenance(model, recipe, split, seed, *data, trained_on=records)
    classifier = Classifier(network, beats.preparation, provenance)

    def score(_: torch.nn.Module) -> dict[str, float]:
        matrix = metrics.confusion_matrix(tested.labels, classifier.predict(tested).argmax(axis=1))
        scores = metrics.report(matrix)
        return {"accuracy": scores.accuracy, "mean_f1": scores.macro.mean_f1}

    trained = beats.select(halves.train)
    options: dict[str, Any] = {"seed": seed, "out": out, "resume": resume, "progress": progress}
    options |= {"device": device, "precision": precision, "evaluate": score if validation else None}
    options["features"] = trained.features if trained.preparation.features else None
    curve = fit(network, trained.signals, trained.labels, settings, **options)
    run = Run(
        **known,
        **result_fields(tested, classifier.predict(tested).argmax(axis=1), split),
        precision=dtype,
        losses=[entry.loss for entry in curve],
        epoch_seconds=[entry.seconds for entry in curve],
        validation_accuracy=[e.scores["accuracy"] for e in curve if validation],
        validation_mean_f1=[e.scores["mean_f1"] for e in curve if validation],
        seconds=round(sum(entry.seconds for entry in curve), 1),  # resumed or not
        device=devices.describe_device(place),
        versions=devices.versions(),
        study=study,
        row=row,
    )
    if out is not None:
        save_model(out / WEIGHTS, classifier)
        with atomic_write(out / RUN) as draft:
            draft.write_text(run.to_json() + "\n", "utf-8")
    return classifier, run


def result_fields(tested: Beats, predicted: NDArray[np.integer], split: str) -> dict[str, Any]:
    """Fields of a :class:`Run` that follow from the class of each tested beat."""
    matrix = metrics.confusion_matrix(tested.labels, predicted).tolist()
    packed = base64.b64encode(zlib.compress(predicted.astype(np.int8).tobytes())).decode()
    by_record = {}
    for name in aami.MAPPINGS if split == "patients" else ():
        labels = aami.encode(tested.symbols, name)
        by_record[name] = metrics.by_record(tested.records, labels, predicted)
    return {"confusion_matrix": matrix, "predictions": packed, "by_record": by_record}


def _claim(out: Path, resume: bool, known: dict[str, Any]) -> tuple[Classifier, Run] | None:
    """Refuse a directory with another run's files; read a finished run of these settings back."""
    there = [name for name in (RUN, WEIGHTS, CHECKPOINT) if (out / name).exists()]
    if there and not resume:
        raise InputError(f"{out} holds {there[0]}: add --resume, or give another directory.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made: {error.strerror}.") from error
    if RUN not in there:
        return None
    run = Run.read(out / RUN)
    if differing := [key for key, value in known.items() if getattr(run, key) != value]:
        raise InputError(f"{out} holds another run ({', '.join(differing)}): give another folder.")
    try:
        return load_model(out / WEIGHTS), run
    except InputError:  # lost or damaged: they are made again from the checkpoint, or from nothing
        return None


def evaluate(
    classifier: Classifier, beats: Beats, split: str = "random", seed: int = 0, device: str = "auto"
) -> metrics.Report:
    """Test a classifier on the test half of a split of beats, or on all, class Q left out.

    It is an InputError if they were prepared in another way than the classifier's, or if it may
    have been trained on some: a record is known and the split is not that of the training.
    """
    beats = beats.without_q()
    classifier.check_preparation(beats)
    halves = split_beats(beats, split, seed)
    tested, trained = beats.select(halves.test), classifier.provenance
    same = (beats.fingerprint, halves.hash) == (trained.fingerprint, trained.split_hash)
    seen = sorted(set(tested.records.tolist()) & set(trained.trained_on))
    if beats.source in trained.source.split("+") and seen and not same:
        found = f"These weights were trained on {len(seen)} of these records, such as {seen[0]}"
        half = f" or the test half of the {trained.split} split of seed {trained.seed}"
        raise InputError(f"{found}: test others{half * (trained.split != 'people')}.")
    classifier.network.to(devices.pick_device(device))
    predicted = classifier.predict(tested).argmax(axis=1)
    return metrics.report(metrics.confusion_matrix(tested.labels, predicted))
