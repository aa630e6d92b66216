"""Runs: the paper's and ours, one JSON each, and what is needed to repeat them."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import sklearn
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

import ecgkit
from ecgkit import InputError, aami, checkpoints, context, files, metrics, models, splits, training
from ecgkit.heartbeats import AFTER, BEFORE, Heartbeats
from ecgkit.models import HeartbeatClassifier, build
from ecgkit.training import Recipe

RECIPES = {
    "paper": Recipe(),
    "ours": Recipe(
        epochs=30,
        batch=256,
        learning_rate=2e-3,
        schedule="one-cycle",
        weight_decay=0.01,
        label_smoothing=0.05,
        balance=0.5,
        shortest_crop=0.9,
        cropped_originals=0.5,
        gain=0.05,
        noise_mv=0.005,
        each_branch=0.25,
    ),
}
RECIPES["ours-1s"] = RECIPES["ours"]
RECIPES["first"] = replace(
    RECIPES["ours"],
    epochs=60,
    shortest_crop=0.75,
    cropped_originals=0.3,
    gain=0.1,
    noise_mv=0.015,
    each_branch=0.5,
)
"""``"paper"`` to the letter; ``"ours"``: the same network and split, trained otherwise, and
``"ours-1s"`` with :data:`BEATS` of a second; ``"first"``: ours before its ingredients had been
measured one by one.

What the ingredients of ours bring is measured by :mod:`ecgkit.variations`.
"""

BEATS: dict[str, dict[str, Any]] = {"ours-1s": {"step": 2}}
"""Recipe -> what :func:`ecgkit.heartbeats.prepare` is told otherwise than by default.

Every second sample of a second: as many numbers as the paper's half second has, so the network
stays. Nothing is lost between them, for denoising leaves nothing above 45 Hz.
"""

RUN, WEIGHTS = "run.json", "model.safetensors"

ABOUT = ("model", "recipe", "split", "seed", "mapping", "fingerprint", "split_hash")
"""What a weights file says of itself."""


def beats_of(about: Mapping[str, str]) -> dict[str, Any]:
    """Return the entry of :data:`BEATS` that a model needs, by what its weights say of it.

    Examples
    --------
    >>> beats_of({"recipe": "ours-1s"}), beats_of({"recipe": "ours"})
    ({'step': 2}, {})
    """
    return BEATS.get(about["recipe"].removesuffix("-quick"), {})


def recipe(name: str, epochs: int | None = None, batch: int | None = None) -> Recipe:
    """Return a recipe by name, with another number of epochs or batch size where given.

    Raises
    ------
    InputError
        If there is no such recipe, or a number is below 1.

    Examples
    --------
    >>> recipe("paper").epochs, recipe("paper", epochs=2).epochs
    (50, 2)
    """
    if name not in RECIPES:
        raise InputError(f"There is no recipe {name!r}: use one of {', '.join(RECIPES)}.")
    how = RECIPES[name]
    how = replace(how, epochs=how.epochs if epochs is None else epochs)
    how = replace(how, batch=how.batch if batch is None else batch)
    if how.epochs < 1 or how.batch < 1:
        raise InputError(
            f"{how.epochs} epochs of batch {how.batch} train nothing: both take at least 1."
        )
    return how


def split_beats(beats: Heartbeats, split: str, seed: int) -> splits.Split:
    """Split a table of beats without Q, ``"random"`` or between ``"patients"``.

    Raises
    ------
    InputError
        If there is no such split, or the training half would lack a class.
    """
    if split == "random":
        halves = splits.random_split(beats.labels, seed)
    elif split == "patients":
        halves = splits.patient_split(beats.records)
    else:
        raise InputError(f"There is no split {split!r}: use random or patients.")
    missing = set(range(len(metrics.CLASSES))) - set(beats.labels[halves.train].tolist())
    if missing:
        names = ", ".join(metrics.CLASSES[c] for c in sorted(missing))
        raise InputError(
            f"The training half has no beat of class {names}, so it cannot be learnt. Take more "
            "records or another split."
        )
    return halves


def fitted(beats: Heartbeats, network: nn.Module) -> Heartbeats:
    """Return a table as a network reads it: with columns behind the samples, where it takes them.

    See :mod:`ecgkit.context`. Give the whole table, then split it: the columns tell of the past. A
    table that has them, from :func:`ecgkit.context.departures`, stays as it is.

    Raises
    ------
    InputError
        If it has more columns than the network reads.
    """
    missing = BEFORE + AFTER + models.n_columns(network) - beats.signals.shape[1]
    if missing < 0:
        raise InputError(
            f"The table has {-missing} columns more than the network reads: give it beats of "
            f"{BEFORE + AFTER} samples, or take a network of all columns."
        )
    return context.behind(beats, missing) if missing else beats


def train(
    beats: Heartbeats,
    model: str,
    recipe_name: str,
    how: Recipe,
    split: str = "random",
    seed: int = 0,
    out: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    precision: str = "auto",
    validation: bool = False,
    progress: bool = True,
    variation: str | None = None,
    prepared: Mapping[str, Any] | None = None,
) -> tuple[nn.Module, dict[str, Any]]:
    """Train one model and test it once, after the last epoch.

    Parameters
    ----------
    beats
        Table of beats; class Q is left out.
    model, recipe_name, how
        Name of the network, name of the recipe, and the recipe itself.
    split, seed
        How the halves are made; the seed also decides first weights, order, crops and dropout.
    out
        Directory for ``run.json``, ``model.safetensors`` and checkpoints; None writes nothing.
    resume
        Go on from a checkpoint in ``out``. A run that is finished there is read back and nothing
        is trained or written; in ``"auto"`` precision, whatever precision it was trained in.
    device, precision
        See :mod:`ecgkit.training`.
    validation
        Set part of the training half aside, report on it after each epoch and at the end, and
        leave the test half alone: for making choices. A tenth of the beats; of the split between
        patients a quarter of the patients, see :func:`ecgkit.splits.validation_patients`.
    progress
        Show a bar.
    variation, prepared
        Which of :mod:`ecgkit.variations` this is, and what :func:`ecgkit.heartbeats.prepare` was
        told for it otherwise than by default, as JSON writes it; the record notes both.

    Returns
    -------
    The model, and the run's record as it stands in ``run.json``. Between patients, the record has
    the matrix of each record as well, under both mappings: ``by_record``.

    Raises
    ------
    InputError
        If ``out`` already holds a run and ``resume`` is not given, or one of other settings, or
        training refuses its input.
    """
    if out is not None:
        _claim(out, resume)
    torch.manual_seed(seed)
    network = build(model)
    beats = fitted(beats, network).without_q()
    halves = split_beats(beats, split, seed)
    if validation and split == "patients":
        halves = splits.validation_patients(halves, beats.labels, beats.records, seed)
    elif validation:
        halves = splits.validation_split(halves, beats.labels, seed)
    tested = beats.select(halves.test)
    dtype = training.pick_precision(training.pick_device(device), precision)
    settings = {
        "model": model,
        "recipe": recipe_name,
        "split": split,
        "seed": seed,
        "mapping": beats.mapping,
        "config": {**asdict(how), "precision": str(dtype).removeprefix("torch.")},
        "data": {"source": beats.source, "fingerprint": beats.fingerprint, **(prepared or {})},
        "tested_on": "validation" if validation else "test",
        "split_hash": halves.hash,
        **({"variation": variation} if variation else {}),
    }
    if out is not None and (done := _finished(out, settings, precision == "auto")):
        return done

    def evaluate(network: nn.Module) -> dict[str, float]:
        figures = score(network, tested)
        return {"accuracy": figures["accuracy"], "mean_f1": figures["macro"]["mean_f1"]}

    curve = training.fit(
        network,
        beats.signals[halves.train],
        beats.labels[halves.train],
        how,
        seed=seed,
        out=out,
        resume=resume,
        device=device,
        precision=precision,
        evaluate=evaluate if validation else None,
        progress=progress,
    )
    predicted = training.predict(network, tested.signals, progress=progress).argmax(axis=1)
    record = {
        **settings,
        "curve": curve,
        **matrices(tested, predicted, split),
        "seconds": round(sum(entry["seconds"] for entry in curve), 1),  # resumed or not
        "device": describe_device(next(network.parameters()).device),
        "versions": versions(),
    }
    if out is not None and training.is_first():
        checkpoints.write_safetensors(out / WEIGHTS, network.state_dict(), _about(record))
        write_json(out / RUN, record)
    return network, record


def matrices(tested: Heartbeats, predicted: NDArray[np.integer], split: str) -> dict[str, Any]:
    """What a run's record says of its predictions: the matrix, and between patients all records'.

    The second is ``by_record``: mapping -> record -> matrix. The two mappings differ in the beats'
    reference classes alone; the model's own are those it was trained with.
    """
    found = {"confusion_matrix": metrics.confusion_matrix(tested.labels, predicted).tolist()}
    if split != "patients":
        return found
    of_mapping = {
        name: metrics.by_record(tested.records, aami.encode(tested.symbols, name), predicted)
        for name in aami.MAPPINGS
    }
    return {**found, "by_record": of_mapping}


def _claim(out: Path, resume: bool) -> None:
    """Refuse a directory that holds another run's files, so that none is overwritten."""
    there = [name for name in (RUN, WEIGHTS, checkpoints.CHECKPOINT) if (out / name).exists()]
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
    out: Path, settings: dict[str, Any], any_precision: bool
) -> tuple[nn.Module, dict[str, Any]] | None:
    """Read a finished run of these settings back; None where there is none, or not its weights."""
    if not (out / RUN).exists():
        return None
    record = read_run(out / RUN)
    there, here = _flat(record), _flat(settings)
    for key in sorted(there.keys() | here.keys()):
        if there.get(key) != here.get(key) and not (any_precision and key == "precision"):
            raise InputError(
                f"{out} holds a finished run of other settings ({key} is {there.get(key)} there, "
                f"{here.get(key)} here): give another directory, or delete it."
            )
    try:
        network, about = load_model(out / WEIGHTS)
    except InputError:  # lost or damaged: they are made again from the checkpoint, or from nothing
        return None
    return (network, record) if about == _about(record) else None


def _about(run: dict[str, Any]) -> dict[str, str]:
    """Return what the weights of a run say of themselves."""
    known = _flat(run)
    if run["tested_on"] == "validation":
        aside = "patients" if run["split"] == "patients" else "a tenth"
        known["split"] += f" less {aside} for validation"
    if known["variation"]:
        known["recipe"] += f", variation {known['variation']}"
    return {key: str(known[key]) for key in ABOUT}


def _flat(run: dict[str, Any]) -> dict[str, Any]:
    """Return all settings of a run's record, those of its recipe and its data among them.

    What a recipe could not say when the run was made, it did as the defaults do.
    """
    top = ("model", "recipe", "split", "seed", "mapping", "tested_on", "split_hash")
    about = {**{key: run[key] for key in top}, "variation": run.get("variation")}
    return {**about, **asdict(Recipe()), **run["config"], **run["data"]}


def read_run(path: Path) -> dict[str, Any]:
    """Read the record of a run that :func:`train` wrote.

    Raises
    ------
    InputError
        If the file is missing or is no such record.
    """
    try:
        run = files.parse_json(path.read_text("utf-8"))
        matrix = np.array(run["confusion_matrix"])
        whole = matrix.shape == (4, 4) and matrix.dtype.kind == "i" and bool((matrix >= 0).all())
        whole &= math.isfinite(sum(entry["loss"] for entry in run["curve"]) + run["seconds"])
        whole &= {"fingerprint", "source", "precision"} <= _flat(run).keys() and "device" in run
    except FileNotFoundError as error:
        raise InputError(f"There is no run at {path}.") from error
    except (OSError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        whole = False
    if not whole:
        raise InputError(f"{path} is no run's record, or a damaged one: delete it and train anew.")
    return run


def score(network: nn.Module, beats: Heartbeats, progress: bool = False) -> dict[str, Any]:
    """Classify beats and report on them; see :func:`ecgkit.metrics.report`."""
    predicted = training.predict(network, beats.signals, progress=progress).argmax(axis=1)
    return metrics.report(metrics.confusion_matrix(beats.labels, predicted))


def load_model(path: Path) -> tuple[HeartbeatClassifier, dict[str, str]]:
    """Read a trained model from a file that :func:`train` wrote, safetensors only.

    Returns
    -------
    The model, and what the file says of it: model, recipe, split, seed, mapping, fingerprint and
    split_hash, all text.

    Raises
    ------
    InputError
        If the file is missing, is no safetensors file (a pickle is refused unread), or was not
        written by this library.
    """
    try:
        weights = load_file(path)
        with safetensors.safe_open(path, "pt") as file:
            about = file.metadata() or {}
    except FileNotFoundError as error:
        raise InputError(f"There are no weights at {path}.") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"{path} holds no safetensors weights, or damaged ones ({error}). Pickled weights are "
            "not read: they can run any program."
        ) from error
    missing = [key for key in ABOUT if key not in about]
    if missing:
        raise InputError(
            f"{path} does not say its {', '.join(missing)}: it was not written by `ecgkit train`. "
            "Train the model here."
        )
    network = build(about["model"])
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path} is not a whole {about['model']}: train it again.") from error
    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise InputError(f"{path} holds weights that are no numbers: train the model again.")
    return network.eval(), about


def evaluate(
    network: nn.Module,
    about: dict[str, str],
    beats: Heartbeats,
    split: str = "random",
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> dict[str, Any]:
    """Test a trained model on the test half of a split.

    Parameters
    ----------
    network, about
        From :func:`load_model` or :func:`ecgkit.published.load`.
    beats
        Table of beats; class Q is left out.
    split, seed
        How the halves are made.
    device
        See :func:`ecgkit.training.pick_device`.
    progress
        Show a bar.

    Returns
    -------
    See :func:`ecgkit.metrics.report`.

    Raises
    ------
    InputError
        If these are the recordings the model was trained on, under another split: beats it has
        seen would be tested on.
    """
    beats = fitted(beats, network).without_q()
    halves = split_beats(beats, split, seed)
    if beats.fingerprint == about["fingerprint"] and halves.hash != about["split_hash"]:
        raise InputError(
            f"These weights were trained under the split {about['split']}, seed {about['seed']}: "
            "another split of the same recordings would test them on beats they have seen."
        )
    network.to(training.pick_device(device))
    return score(network, beats.select(halves.test), progress)


def describe_device(device: torch.device) -> str:
    """Name the processor a run was made on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)} ({platform.machine()})"


def versions() -> dict[str, str]:
    """Versions of what a figure depends on."""
    return {
        "ecgkit": ecgkit.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def write_json(path: Path, content: Any) -> None:
    """Write JSON to a file, whole or not at all."""
    with files.whole(path) as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
