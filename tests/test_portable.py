"""An ONNX file computes what the network computes, and says what it expects."""

import json

import numpy as np
import onnx
import pytest
import torch

from ecgkit import InputError, portable, published, training
from ecgkit.models import MODELS, build


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The published network, what is known of it, and its ONNX file."""
    network, about = published.load()
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    portable.export(network, path, about)
    return network, about, path


def logits(network, beats):
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(beats)).numpy()


@pytest.mark.parametrize("n", [1, 3, 1024])
def test_logits_and_probabilities_are_torchs_on_synthetic_beats(exported, synthetic_beats, n):
    network, _, path = exported
    beats = synthetic_beats.signals[:n]
    opened = portable.session(path)
    (theirs,) = opened.run(None, {"beats": beats})
    assert theirs.shape == (n, 4)
    assert np.abs(theirs - logits(network, beats)).max() < 1e-4
    ours = training.predict(network, beats)
    assert np.abs(portable.predict(opened, beats) - ours).max() < 1e-4
    assert portable.difference(network, path, beats) < 1e-4


def test_logits_are_torchs_on_beats_of_mit_bih(exported, mitdb_beats):
    network, _, path = exported
    beats = mitdb_beats.without_q().signals[::25]
    (theirs,) = portable.session(path).run(None, {"beats": beats})
    ours = logits(network, beats)
    assert np.abs(theirs - ours).max() < 1e-4
    assert (theirs.argmax(axis=1) == ours.argmax(axis=1)).all()


@pytest.mark.parametrize("name", MODELS)
def test_each_model_can_be_exported(name, tmp_path):
    torch.manual_seed(0)
    network = build(name)
    portable.export(network, tmp_path / "network.onnx")
    beats = np.random.default_rng(0).normal(size=(5, 180)).astype(np.float32)
    assert portable.difference(network, tmp_path / "network.onnx", beats) < 1e-4
    assert portable.predict(portable.session(tmp_path / "network.onnx"), beats[:0]).shape == (0, 4)


def test_weight_norm_is_multiplied_out_in_the_copy_alone():
    network = build("tcn")
    plain = portable.resolved(network)
    assert any("parametrizations" in name for name in network.state_dict())
    assert not any("parametrizations" in name for name in plain.state_dict())
    assert not plain.training
    beats = np.random.default_rng(0).normal(size=(3, 180)).astype(np.float32)
    np.testing.assert_allclose(logits(plain, beats), logits(network, beats), atol=1e-6)


def test_the_file_is_one_and_says_what_it_expects(exported):
    _, about, path = exported
    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert properties.items() >= {**portable.EXPECTS, **about}.items()
    assert properties["sampling_rate_hz"] == "360"
    assert [file.name for file in path.parent.iterdir()] == ["network.onnx"]


def test_what_is_no_onnx_file_is_refused(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for name in ("bad.onnx", "missing.onnx"):
        with pytest.raises(InputError, match=f"{name} is no ONNX file"):
            portable.session(tmp_path / name)


def test_a_network_that_reads_rr_intervals_is_refused(tmp_path):
    with pytest.raises(InputError, match="export one that does not"):
        portable.export(build("resnet-tcn-own"), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(InputError, match="onnxruntime, which is not installed"):
        portable.session("any.onnx")


def test_the_command_writes_and_compares(run, tmp_path):
    status, output, errors = run("export", "--onnx", tmp_path / "a.onnx", "--json")
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert found["largest_difference"] < 1e-4
    assert found["weights"]["model"] == "resnet-tcn"
    assert portable.session(found["onnx"])
    assert "sampling rate hz: 360" in run("export", "--onnx", tmp_path / "b.onnx")[1]
