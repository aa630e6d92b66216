"""An ONNX file computes what the network computes, and says what it expects."""

import json
import sys

import numpy as np
import onnx as onnx_format
import pytest
import torch

from ecgkit import InputError
from ecgkit.apply import onnx
from ecgkit.data.preparation import Preparation
from ecgkit.nn.models import MODELS, build
from ecgkit.train.weights import Classifier, Provenance, load_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The published classifier and its ONNX file."""
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    onnx.export_onnx(load_model("ours"), path)
    return load_model("ours"), path


@pytest.mark.parametrize("n", [1, 3, 1024])
def test_logits_and_probabilities_are_torchs_on_synthetic_beats(exported, synthetic_beats, n):
    classifier, path = exported
    beats, opened = synthetic_beats.signals[:n], onnx.session(path)
    with torch.inference_mode():
        logits = classifier.network(torch.from_numpy(beats)).numpy()
    (theirs,) = opened.run(None, {"beats": beats})
    assert theirs.shape == (n, 4)
    assert np.abs(theirs - logits).max() < 1e-4
    assert np.abs(onnx.predict(opened, beats) - classifier.predict(beats)).max() < 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_each_model_can_be_exported(name, tmp_path):
    torch.manual_seed(0)
    preparation = Preparation(features=("rr_near", "rr_next") if name == "features" else ())
    about = Provenance(name, "none", "random", 0, "none", "", "", ())
    classifier = Classifier(build(name, preparation.n_features).eval(), preparation, about)
    onnx.export_onnx(classifier, tmp_path / "a.onnx")
    assert onnx.largest_difference(classifier, tmp_path / "a.onnx") < 1e-5
    opened, none = onnx.session(tmp_path / "a.onnx"), np.empty((0, 180), np.float32)
    assert onnx.predict(opened, none, none[:, :2]).shape == (0, 4)


def test_the_file_is_one_and_says_what_it_expects(exported):
    classifier, path = exported
    said = {entry.key: entry.value for entry in onnx_format.load(path).metadata_props}
    assert Preparation.from_dict(json.loads(said["preparation"])) == classifier.preparation
    assert json.loads(said["provenance"])["recipe"] == "ours"
    assert said["sampling_rate_hz"] == "360"
    assert [file.name for file in path.parent.iterdir()] == ["network.onnx"]


def test_what_is_no_onnx_file_is_refused(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for name in ("bad.onnx", "missing.onnx"):
        with pytest.raises(InputError, match=name):
            onnx.session(tmp_path / name)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="onnxruntime"):
        onnx.session("any.onnx")
