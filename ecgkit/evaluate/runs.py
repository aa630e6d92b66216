"""Training runs: one trained and tested network, and the record that lets anybody repeat it."""

from __future__ import annotations

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
from ecgkit.train.checkpoints import CHECKPOINT
from ecgkit.train.device import (
    describe_device,
    pick_device,
    pick_precision,
    rank_and_world,
    versions,
)
from ecgkit.train.fit import fit, predict
from ecgkit.train.recipe import Recipe
from ecgkit.train.weights import Classifier, Provenance, load_model, save_model

RUN, WEIGHTS = "run.json", "model.safetensors"


@dataclass(frozen=True)
class Run:
    """The record of one run; in JSON all settings stand side by side, in one flat object.

    Attributes
    ----------
    model, recipe, split, seed
        Name of the network, name of the recipe, ``"random"`` or ``"patients"``, and the seed of
        split, first weights, order, crops and dropout.
    tested_on
        ``"test"``, or ``"validation"``: part of the training half.
    settings, preparation
        The recipe itself, and how the beats were prepared.
    precision, device, versions, seconds
        Number format of the matrix products, processor, packages, time of training.
    source, fingerprint, split_hash
        The data, and the halves.
    losses, epoch_seconds, validation_accuracy, validation_mean_f1
        One number per epoch; the last two are empty unless tested on validation beats.
    confusion_matrix
        4 x 4: rows are the annotators' classes, columns the network's.
    by_record
        Mapping to record to matrix, of runs between patients. Mappings differ in the annotators'
        classes alone.
    predictions
        The network's class of each tested beat, see :meth:`predicted`; empty in runs of the first
        edition.
    study, row, note
        Where the run belongs to, and what a reader of the record has to know.
    """

    model: str
    recipe: str
    split: str
    seed: int
    tested_on: str
    settings: Recipe
    preparation: Preparation
    precision: str
    source: str
    fingerprint: str
    split_hash: str
    losses: list[float]
    epoch_seconds: list[float]
    confusion_matrix: list[list[int]]
    seconds: float
    device: str
    versions: dict[str, str]
    validation_accuracy: list[float] = field(default_factory=list)
    validation_mean_f1: list[float] = field(default_factory=list)
    by_record: dict[str, dict[str, list[list[int]]]] = field(default_factory=dict)
    predictions: str = ""
    study: str = ""
    row: str = ""
    note: str = ""

    def predicted(self) -> NDArray[np.int8] | None:
        """Class of each tested beat, int8 of shape (n,), in the order of the split's test half."""
        if not self.predictions:
            return None
        return np.frombuffer(zlib.decompress(base64.b64decode(self.predictions)), np.int8)

    def report(self) -> metrics.Report:
        """Scores of the confusion matrix."""
        return metrics.report(self.confusion_matrix)

    def to_json(self) -> str:
        """Write the record as one line of JSON."""
        record = {key: value for key, value in asdict(self).items() if key not in _NESTED}
        flat = {**record, **asdict(self.settings), **self.preparation.to_dict()}
        return json.dumps(flat)

    @staticmethod
    def from_json(text: str) -> Run:
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
            raise InputError(
                f"This is no record of a run, or a damaged one ({error}): train again."
            ) from error
        return run

    @staticmethod
    def read(path: Path) -> Run:
        """Read the ``run.json`` of a run; InputError if it is missing or damaged."""
        try:
            return Run.from_json(path.read_text("utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"There is no run at {path}.") from error
        except (OSError, UnicodeDecodeError, InputError) as error:
            raise InputError(f"{path} cannot be used: {error}") from error


_NESTED = ("settings", "preparation")
_SETTINGS = (
    *("model", "recipe", "split", "seed", "tested_on", "settings", "preparation"),
    *("source", "fingerprint", "split_hash"),
)


def split_beats(beats: Beats, split: str, seed: int) -> splits.Split:
    """Split a table of beats without Q, ``"random"`` or between ``"patients"``."""
    if split == "random":
        halves = splits.random_split(beats.labels, seed)
    elif split == "patients":
        halves = splits.patient_split(beats.records)
    else:
        raise InputError(f"There is no split {split!r}: use random or patients.")
    missing = sorted(set(range(len(metrics.CLASSES))) - set(beats.labels[halves.train].tolist()))
    if missing:
        names = ", ".join(metrics.CLASSES[c] for c in missing)
        raise InputError(
            f"The training half has no beat of class {names}, so it cannot be learnt. Take more "
            "records or another split."
        )
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
    beats : Beats
        Class Q is left out.
    model, recipe : str
        Names of the network (:data:`ecgkit.nn.models.MODELS`) and of the recipe.
    settings : Recipe
        The recipe itself.
    split, seed : str, int
        How the halves are made; the seed also decides first weights, order, crops and dropout.
    validation : bool
        Set part of the training half aside, report on it after each epoch and at the end, and
        leave the test half alone, see :func:`ecgkit.data.splits.validation_split`.
    out : Path, optional
        Directory for ``run.json``, ``model.safetensors`` and checkpoints.
    resume : bool
        Go on from a checkpoint in ``out``. A run that is finished there is read back; in
        ``"auto"`` precision, whatever precision it was trained in.
    device, precision : str
        See :mod:`ecgkit.train.device`.
    study, row : str
        Noted in the record.

    Raises
    ------
    InputError
        If ``out`` already holds a run and ``resume`` is not given, or one of other settings, or
        training refuses its input.
    """
    if out is not None:
        _claim(out, resume)
    beats = beats.without_q()
    torch.manual_seed(seed)
    network = build(model, beats.preparation.n_features)
    outer = halves = split_beats(beats, split, seed)
    if validation:
        people = splits.person_of(beats.records) if split == "patients" else None
        halves = splits.validation_split(outer, beats.labels, seed, people)
    tested = beats.select(halves.test)
    known: dict[str, Any] = {
        **{"model": model, "recipe": recipe, "split": split, "seed": seed},
        **{"settings": settings, "preparation": beats.preparation},
        **{"source": beats.source, "fingerprint": beats.fingerprint, "split_hash": halves.hash},
        "tested_on": "validation" if validation else "test",
    }
    if out is not None and (done := _finished(out, known, precision, device)):
        return done
    columns = beats.features if beats.preparation.features else None

    def score(network: torch.nn.Module) -> dict[str, float]:
        found = _predict(network, tested)
        scores = metrics.report(metrics.confusion_matrix(tested.labels, found))
        return {"accuracy": scores.accuracy, "mean_f1": scores.macro.mean_f1}

    curve = fit(
        network,
        beats.signals[halves.train],
        beats.labels[halves.train],
        settings,
        features=None if columns is None else columns[halves.train],
        seed=seed,
        out=out,
        resume=resume,
        device=device,
        precision=precision,
        evaluate=score if validation else None,
        progress=progress,
    )
    place = next(network.parameters()).device
    run = Run(
        **known,
        **result_fields(tested, _predict(network, tested), split),
        precision=str(pick_precision(place, precision)).removeprefix("torch."),
        losses=[entry.loss for entry in curve],
        epoch_seconds=[entry.seconds for entry in curve],
        validation_accuracy=[e.scores["accuracy"] for e in curve if validation],
        validation_mean_f1=[e.scores["mean_f1"] for e in curve if validation],
        seconds=round(sum(entry.seconds for entry in curve), 1),  # resumed or not
        device=describe_device(place),
        versions=versions(),
        study=study,
        row=row,
    )
    trained_on = tuple(np.unique(beats.records[outer.train]).tolist())
    provenance = Provenance(
        *(model, recipe, split, seed, beats.source, beats.fingerprint, outer.hash, trained_on)
    )
    classifier = Classifier(network.eval(), beats.preparation, provenance)
    if out is not None and rank_and_world()[0] == 0:
        save_model(out / WEIGHTS, classifier)
        with atomic_write(out / RUN) as draft:
            draft.write_text(run.to_json() + "\n", "utf-8")
    return classifier, run


def _predict(network: torch.nn.Module, beats: Beats) -> NDArray[np.integer]:
    """Most probable class of each beat."""
    columns = beats.features if beats.preparation.features else None
    return predict(network, beats.signals, columns).argmax(axis=1)


def result_fields(tested: Beats, predicted: NDArray[np.integer], split: str) -> dict[str, Any]:
    """Fields of a :class:`Run` that follow from the class of each tested beat."""
    found: dict[str, Any] = {
        "confusion_matrix": metrics.confusion_matrix(tested.labels, predicted).tolist(),
        "predictions": base64.b64encode(
            zlib.compress(predicted.astype(np.int8).tobytes())
        ).decode(),
    }
    if split == "patients":
        found["by_record"] = {
            name: metrics.by_record(tested.records, aami.encode(tested.symbols, name), predicted)
            for name in aami.MAPPINGS
        }
    return found


def _claim(out: Path, resume: bool) -> None:
    """Refuse a directory that holds another run's files, so that none is overwritten."""
    there = [name for name in (RUN, WEIGHTS, CHECKPOINT) if (out / name).exists()]
    if there and not resume:
        raise InputError(
            f"{out} already holds {there[0]}: add --resume to go on with that run, or give another "
            "directory."
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made: {error.strerror}.") from error


def _finished(
    out: Path, known: dict[str, Any], precision: str, device: str
) -> tuple[Classifier, Run] | None:
    """Read a finished run of these settings back; None where there is none, or not its weights."""
    if not (out / RUN).exists():
        return None
    run = Run.read(out / RUN)
    differing = [key for key in _SETTINGS if getattr(run, key) != known[key]]
    if precision != "auto":
        wanted = str(pick_precision(pick_device(device), precision)).removeprefix("torch.")
        differing += ["precision"] * (run.precision != wanted)
    if differing:
        raise InputError(
            f"{out} holds a finished run of other settings ({', '.join(differing)}): give another "
            "directory, or delete it."
        )
    try:
        classifier = load_model(out / WEIGHTS)
    except InputError:  # lost or damaged: they are made again from the checkpoint, or from nothing
        return None
    return classifier, run


def evaluate(
    classifier: Classifier,
    beats: Beats,
    split: str = "random",
    seed: int = 0,
    device: str = "auto",
) -> metrics.Report:
    """Test a classifier on the test half of a split.

    Parameters
    ----------
    classifier : Classifier
    beats : Beats
        Prepared by ``classifier.preparation``; class Q is left out.
    split, seed : str, int
        How the halves are made.

    Raises
    ------
    InputError
        If the classifier may have been trained on tested beats: they are of a record in its
        training half, and the split is not the one that it was trained under.
    """
    beats = beats.without_q()
    classifier.check_preparation(beats)
    halves = split_beats(beats, split, seed)
    tested, trained = beats.select(halves.test), classifier.provenance
    same = (beats.fingerprint, halves.hash) == (trained.fingerprint, trained.split_hash)
    seen = sorted(set(tested.records.tolist()) & set(trained.trained_on))
    if beats.source == trained.source and seen and not same:
        raise InputError(
            f"These weights were trained on beats of record {', '.join(seen[:3])}"
            f"{' and others' * (len(seen) > 3)}, under the {trained.split} split of seed "
            f"{trained.seed}: this test might hold beats that they have seen. Test on records "
            "outside the training half, or on the complete data with that split and seed."
        )
    classifier.network.to(pick_device(device))
    predicted = classifier.predict(tested).argmax(axis=1)
    return metrics.report(metrics.confusion_matrix(tested.labels, predicted))
