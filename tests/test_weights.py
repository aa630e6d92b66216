"""Weights say how their beats are prepared; what cannot be made or read is refused."""

import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file
from test_training import Trap

from ecgkit import InputError
from ecgkit.data.beats import Beats, load_beats
from ecgkit.data.preparation import Preparation
from ecgkit.evaluate import runs
from ecgkit.nn.models import build
from ecgkit.train.fit import predict
from ecgkit.train.weights import Classifier, Provenance, load_model, save_model

PREPARED = Preparation(features=("rr_near", "size"), relative_to="median", units="patient")
FROM = Provenance(
    "resnet", "paper", "random", 3, "synthetic", "f", "s", ("syn01", "syn02"), note="a"
)


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    return Classifier(build("resnet", 2).eval(), PREPARED, FROM)


@pytest.fixture
def path(classifier, tmp_path):
    save_model(tmp_path / "model.safetensors", classifier)
    return tmp_path / "model.safetensors"


def rewrite(path, about=(), **tensors):
    """Change the tensors and the metadata of a file of weights."""
    with safetensors.safe_open(path, "pt") as file:
        known = {**file.metadata(), **dict(about)}
    save_file(load_file(path) | tensors, path, {k: v for k, v in known.items() if v is not None})


def test_a_saved_classifier_comes_back_whole(classifier, path):
    found = load_model(path)
    assert (found.preparation, found.provenance) == (PREPARED, FROM)
    assert not found.network.training
    x, z = np.random.default_rng(0).normal(size=(2, 9, 180)).astype(np.float32)
    assert (found.predict(x, z[:, :2]) == predict(classifier.network, x, z[:, :2])).all()
    with pytest.raises(InputError, match="features"):
        found.predict(x)


def test_beats_of_another_preparation_are_refused_and_their_labels_do_not_matter(
    classifier, synthetic_source, tmp_path
):
    source = replace(synthetic_source, records=("syn01",))
    beats = load_beats(source, PREPARED, cached=False)
    expected = predict(classifier.network, beats.signals, beats.features)
    assert (classifier.predict(beats.relabel("literature")) == expected).all()
    for change in ({"step": 2}, {"relative_to": "none"}, {"features": ("size", "rr_near")}):
        other = load_beats(source, replace(PREPARED, **change), cached=False)
        other.save(tmp_path / "other.npz")
        with pytest.raises(InputError, match=next(iter(change))):
            classifier.predict(Beats.load(tmp_path / "other.npz"))
        with pytest.raises(InputError, match=next(iter(change))):
            runs.evaluate(classifier, Beats.load(tmp_path / "other.npz"))


CHANGES = {
    "preparation": [
        *({"colour": "red"}, {"units": "uV"}, {"relative_to": "mode"}, {"features": ["rr"]}),
        *({"wavelet": "db99"}, {"level": 10**9}, {"level": None}, {"mapping": ["ec57"]}),
    ],
    "provenance": [
        *({"model": "lstm"}, {"model": "tcn"}, {"model": ["resnet"]}, {"model": "features"}),
        *({"colour": "red"}, {"trained_on": None}, {"trained_on": "syn01"}),
    ],
}
TEXTS = [
    *((key, json.dumps(change)) for key, changes in CHANGES.items() for change in changes),
    *((key, bad) for key in CHANGES for bad in (None, "", "[]", "3", "[" * 10_000)),
]


@pytest.mark.parametrize(("key", "text"), TEXTS)
def test_a_preparation_that_cannot_be_made_or_a_provenance_that_does_not_fit_is_refused(
    path, key, text
):
    known = {"preparation": PREPARED.to_dict(), "provenance": asdict(FROM)}[key]
    whole = text and text.startswith("{")
    rewrite(path, {key: json.dumps({**known, **json.loads(text)}) if whole else text})
    with pytest.raises(InputError):
        load_model(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"linear.weight": torch.zeros(5, 2944)},
        {"linear.scale": torch.zeros(1)},
        {"linear.bias": torch.tensor([0.0, 0.0, 0.0, torch.nan])},
    ],
)
def test_weights_that_do_not_fit_or_are_not_finite_are_refused(path, tensors):
    rewrite(path, **tensors)
    with pytest.raises(InputError):
        load_model(path)


@pytest.mark.parametrize("kind", ["pickle", "torch.save", 0, 7, 100, 50_000])
def test_pickles_are_refused_unread_and_so_are_files_cut_short(path, monkeypatch, kind):
    monkeypatch.chdir(path.parent)
    if kind == "torch.save":
        torch.save({"weight": Trap()}, path)
    else:
        whole = path.read_bytes()
        path.write_bytes(pickle.dumps(Trap()) if kind == "pickle" else whole[:kind])
    with pytest.raises(InputError):
        load_model(path)
    assert not Path("mark").exists()


def test_weights_that_are_not_there_are_refused_with_the_names_there_are(tmp_path):
    with pytest.raises(InputError, match="ours, paper"):
        load_model(tmp_path / "nowhere.safetensors")
    with pytest.raises(InputError):
        load_model(tmp_path)


MATRICES = {  # of the test half, seed 0: rows are the annotators' N, S, V, F
    "paper": [[44559, 293, 43, 26], [238, 1268, 6, 1], [105, 10, 3359, 30], [61, 2, 35, 303]],
    "ours": [[44764, 119, 21, 17], [169, 1339, 5, 0], [60, 4, 3423, 17], [31, 5, 36, 329]],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MATRICES)
def test_they_give_their_published_confusion_matrix(name, mitdb_beats):
    found = runs.evaluate(load_model(name), mitdb_beats, "random", 0, device="cpu")
    difference = found.confusion_matrix - MATRICES[name]
    # A beat whose two likeliest classes are as good as equal may fall to either on another machine.
    assert np.abs(difference).sum() <= 6
    assert (difference.sum(axis=1) == 0).all()
