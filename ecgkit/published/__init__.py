"""Published results: one JSON a run, and weights as safetensors, each with its SHA-256.

``index.json`` lists the runs; :func:`runs` reads them and :func:`load` gives a trained model.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ecgkit import InputError
from ecgkit.experiments import load_model
from ecgkit.models import HeartbeatClassifier

DIRECTORY = Path(__file__).parent
INDEX = "index.json"


def _note(name: str) -> None:
    """Note what is read, where the notebook runner asks for that."""
    if log := os.environ.get("ECGKIT_READS"):
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def _read(name: str) -> bytes:
    """Read a published file, and note its name."""
    _note(name)
    return (DIRECTORY / name).read_bytes()


def index() -> list[dict[str, Any]]:
    """List the published runs: name, model, recipe, split, seed, weights' SHA-256 or null.

    Those of :func:`variations` are not among them: they are no runs of their recipe.
    """
    _note(INDEX)
    return [entry for entry in _entries() if not entry["variation"]]


def variations(split: str = "random") -> list[dict[str, Any]]:
    """List the published runs that change one thing, as :func:`index`, and ``variation``.

    Those of :mod:`ecgkit.variations` have the random split, those of :mod:`ecgkit.patients` the
    one between patients.
    """
    _note(INDEX)
    varied = (entry for entry in _entries() if entry["variation"])
    return [entry for entry in varied if entry["split"] == split]


def _entries() -> list[dict[str, Any]]:
    """Read the index."""
    return json.loads((DIRECTORY / INDEX).read_bytes())


def run(name: str) -> dict[str, Any]:
    """Read one run's JSON: configuration, data, curve, confusion matrix, device, versions."""
    return json.loads(_read(f"{name}.json"))


def runs(model: str, recipe: str, split: str = "random") -> list[dict[str, Any]]:
    """Read all published runs of a model, recipe and split, by seed; none gives an empty list."""
    there = sorted(_of(model, recipe, split), key=lambda entry: entry["seed"])
    return [run(entry["name"]) for entry in there]


def _of(model: str, recipe: str, split: str) -> list[dict[str, Any]]:
    """List the published runs of a model, recipe and split.

    What is noted is the question, not the whole index: other runs that are published later change
    nothing for who asked it.
    """
    _note(f"{INDEX}?{model}/{recipe}/{split}")
    return answer(_entries(), f"{model}/{recipe}/{split}")


def answer(entries: list[dict[str, Any]], question: str) -> list[dict[str, Any]]:
    """Return the entries of the index that a question, ``model/recipe/split``, asks for."""
    wanted = dict(zip(("model", "recipe", "split"), question.split("/"), strict=True))
    return [e for e in entries if wanted.items() <= e.items() and not e["variation"]]


def find(model: str = "resnet-tcn", recipe: str = "ours", split: str = "random") -> dict[str, Any]:
    """Return the index entry of the run whose weights are published.

    Raises
    ------
    InputError
        If no weights of that model, recipe and split are published.
    """
    for entry in _of(model, recipe, split):
        if entry["weights_sha256"]:
            return entry
    there = [f"{e['model']}/{e['recipe']}/{e['split']}" for e in index() if e["weights_sha256"]]
    raise InputError(
        f"No weights are published for {model}/{recipe}/{split}: there are "
        f"{', '.join(there) or 'none'}."
    )


def load(
    model: str = "resnet-tcn", recipe: str = "ours", split: str = "random"
) -> tuple[HeartbeatClassifier, dict[str, str]]:
    """Make a model with its published weights, and say what they were trained on.

    Raises
    ------
    InputError
        If there are none, or the file differs from its SHA-256.
    """
    entry = find(model, recipe, split)
    name = f"{entry['name']}.safetensors"
    content = _read(name)
    if hashlib.sha256(content).hexdigest() != entry["weights_sha256"]:
        raise InputError(f"The published weights {name} are damaged: install the library again.")
    return load_model(DIRECTORY / name)
