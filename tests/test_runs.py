"""A run from table to JSON can be repeated, and cannot be tested on what it has seen."""

import base64
import json
import zlib
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.metrics import confusion_matrix

from ecgkit import InputError
from ecgkit.data import aami, splits
from ecgkit.data.preparation import Preparation
from ecgkit.evaluate import runs
from ecgkit.evaluate.runs import Run, evaluate, split_beats, train_and_test
from ecgkit.train import checkpoints, fit, weights
from ecgkit.train.checkpoints import CHECKPOINT
from ecgkit.train.recipe import Recipe
from ecgkit.train.weights import load_model

TINY, ONE = Recipe(epochs=2, batch=48), Recipe(epochs=1, batch=48)


@pytest.fixture(scope="module")
def beats(synthetic_beats):
    """Some 36 beats of each class, Q included, from all records."""
    rows = [np.flatnonzero(synthetic_beats.labels == c) for c in range(5)]
    rows = [each[:: max(len(each) // 36, 1)] for each in rows]
    return synthetic_beats.select(np.sort(np.concatenate(rows)))


def train(beats, model="resnet", settings=TINY, **options):
    return train_and_test(beats, model, "paper", settings, device="cpu", **options)


@pytest.fixture(scope="module")
def finished(beats, tmp_path_factory):
    """A classifier, its run, and the directory they were written to."""
    out = tmp_path_factory.mktemp("run")
    return *train(beats, seed=3, out=out), out


def assert_same_weights(a, b):
    one, other = a.network.state_dict(), b.network.state_dict()
    torch.testing.assert_close(one, other, rtol=0, atol=0)


# A run's record


def test_the_record_is_one_flat_line_of_json_that_comes_back(finished):
    _, run, out = finished
    (line,) = (out / "run.json").read_text("utf-8").splitlines()
    assert Run.from_json(line) == Run.read(out / "run.json") == run
    flat = json.loads(line)
    assert flat.keys() >= asdict(TINY).keys() | Preparation().to_dict().keys()
    assert (flat["epochs"], flat["zeroed"], flat["tested_on"]) == (2, ["A9", "D1", "D2"], "test")
    nested = {key for key, value in flat.items() if isinstance(value, dict)}
    assert nested == {"versions", "by_record"}


def test_the_record_says_what_was_run_on_what(finished, beats):
    classifier, run, _ = finished
    four = beats.without_q()
    halves = split_beats(four, "random", seed=3)
    assert (run.model, run.recipe, run.split, run.seed) == ("resnet", "paper", "random", 3)
    assert (run.source, run.fingerprint, run.split_hash) == (
        *("synthetic", beats.fingerprint, halves.hash),
    )
    assert (len(run.losses), len(run.epoch_seconds), run.validation_accuracy) == (2, 2, [])
    assert run.seconds == pytest.approx(sum(run.epoch_seconds), abs=0.051)
    assert run.versions.keys() >= {"ecgkit", "python", "torch", "numpy", "scikit-learn"}
    about = classifier.provenance
    assert set(about.trained_on) == set(four.records[halves.train])
    assert (about.split_hash, about.fingerprint) == (halves.hash, beats.fingerprint)


def test_the_matrix_and_the_predictions_are_of_the_test_half_without_q(finished, beats):
    classifier, run, _ = finished
    tested = beats.without_q().select(split_beats(beats.without_q(), "random", seed=3).test)
    predicted = classifier.predict(tested).argmax(axis=1)
    assert run.predicted().dtype == np.int8
    assert_array_equal(run.predicted(), predicted)
    expected = confusion_matrix(tested.labels, predicted, labels=range(4))
    assert run.confusion_matrix == expected.tolist()
    assert run.report().accuracy == pytest.approx((tested.labels == predicted).mean())
    packed = base64.b64encode(zlib.compress(bytes([0, 1, 3]))).decode()
    assert replace(run, predictions=packed).predicted().tolist() == [0, 1, 3]
    assert replace(run, predictions="").predicted() is None


def test_a_run_between_patients_has_the_matrix_of_each_record_under_both_mappings(beats, tmp_path):
    _, run = train(beats, settings=ONE, split="patients", out=tmp_path)
    four = beats.without_q()
    tested = four.select(splits.patient_split(four.records).test)
    assert {int(name[3:]) % 2 for name in run.by_record["ec57"]} == {0}
    assert run.by_record.keys() == aami.MAPPINGS.keys()
    for mapping, of in run.by_record.items():
        labels = aami.encode(tested.symbols, mapping)
        expected = confusion_matrix(labels, run.predicted(), labels=range(4))
        assert_array_equal(np.sum(list(of.values()), axis=0), expected)
    assert Run.read(tmp_path / "run.json") == run


@pytest.mark.parametrize(
    "change",
    [
        *({"confusion_matrix": [[1, 2], [3, 4]]}, {"confusion_matrix": [[0.5] * 4] * 4}),
        *({"losses": ["a"]}, {"losses": None}, {"epochs": -1}, {"step": 0}, {"colour": "red"}),
    ],
)
def test_a_damaged_record_is_refused(finished, tmp_path, change):
    path, line = tmp_path / "run.json", finished[1].to_json()
    path.write_text(json.dumps({**json.loads(line), **change}))
    with pytest.raises(InputError):
        Run.read(path)
    path.write_text(line[:-20])
    with pytest.raises(InputError):
        Run.read(path)
    with pytest.raises(InputError):
        Run.read(tmp_path / "none.json")


# Directories


def test_a_finished_run_is_read_back_and_never_overwritten(finished, beats, monkeypatch):
    classifier, run, out = finished
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.iterdir()}
    assert {path.name for path in before} == {"run.json", "model.safetensors", CHECKPOINT}
    monkeypatch.setattr(runs, "fit", lambda *_, **__: pytest.fail("trained"))
    again, found = train(beats, seed=3, out=out, resume=True)
    assert found == run
    assert_same_weights(classifier, again)
    others = [{"seed": 4}, {"model": "tcn"}, {"settings": ONE}, {"split": "patients"}]
    others += [{"model": "lstm"}, {"split": "folds"}, {"model": "features"}]
    others += [{"beats": beats.relabel("literature")}, {"validation": True}]
    other = "bfloat16" if run.precision == "float32" else "float32"
    for change in (*others, {"precision": other}):
        with pytest.raises(InputError):
            train(**{"beats": beats, "seed": 3, "out": out, "resume": True, **change})
    with pytest.raises(InputError, match="resume"):
        train(beats, seed=3, out=out)
    (out / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        train(beats, out=out / "file" / "run")
    (out / "file").unlink()
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.iterdir()}


@pytest.mark.parametrize("point", ["checkpoint", "weights", "lost weights"])
def test_a_run_cut_off_anywhere_is_resumed_to_the_same_result(
    finished, beats, tmp_path, monkeypatch, point
):
    classifier, run, _ = finished
    module, name = (runs, "save_model") if point == "weights" else (checkpoints, "save")
    save = getattr(module, name)

    def cut_off(*given):
        save(*given)
        raise KeyboardInterrupt

    if point == "lost weights":
        train(beats, seed=3, out=tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"")
    else:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, cut_off)
            with pytest.raises(KeyboardInterrupt):
                train(beats, seed=3, out=tmp_path)
        assert not (tmp_path / "run.json").exists()
    resumed, again = train(beats, seed=3, out=tmp_path, resume=True)
    assert again.predictions == run.predictions
    assert_same_weights(classifier, resumed)
    assert_same_weights(classifier, load_model(tmp_path / "model.safetensors"))


# Testing only on what was not trained on


def test_the_trained_split_is_evaluated_and_every_other_test_on_seen_records_refused(
    finished, beats
):
    classifier, run, _ = finished
    report = evaluate(classifier, beats, "random", 3, device="cpu")
    assert report.confusion_matrix.tolist() == run.confusion_matrix
    four_records = beats.select(np.isin(beats.records, ["syn01", "syn02", "syn09", "syn12"]))
    refused = [(beats, "random", 4), (beats, "patients", 3), (four_records, "random", 3)]
    # Of other files the fingerprint differs; records of the training half are recognised by name.
    refused += [(replace(four_records, fingerprint="x"), "random", 3)]
    refused += [(replace(beats, fingerprint="x"), "random", 3)]
    for given in refused:
        with pytest.raises(InputError, match="syn"):
            evaluate(classifier, *given, device="cpu")
    other = replace(beats, source="svdb", fingerprint="x")  # another database with such names
    assert evaluate(classifier, other, "random", 4, device="cpu").confusion_matrix.sum() > 0


def test_patients_outside_the_training_half_are_new_under_any_split(beats):
    classifier, _ = train(beats, settings=ONE, split="patients")
    odd = np.array([int(name[3:]) % 2 for name in beats.records], bool)
    assert set(classifier.provenance.trained_on) == set(beats.records[odd])
    report = evaluate(classifier, beats.select(~odd), "random", 5, device="cpu")
    assert report.confusion_matrix.sum() == pytest.approx(len(beats.without_q()) / 4, rel=0.2)
    with pytest.raises(InputError):
        evaluate(classifier, beats.select(odd), "random", 5, device="cpu")


def as_bytes(signals):
    return {beat.tobytes() for beat in np.ascontiguousarray(signals)}


@pytest.mark.parametrize("split", ["random", "patients"])
def test_validation_leaves_the_test_half_alone_and_its_weights_may_be_tested_there(
    beats, tmp_path, monkeypatch, split
):
    seen, predict = {"trained": set(), "predicted": set()}, weights.predict

    def fitting(network, signals, *rest, **options):
        seen["trained"] |= as_bytes(signals)
        return fit.fit(network, signals, *rest, **options)

    def predicting(network, signals, *rest, **named):
        seen["predicted"] |= as_bytes(signals)
        return predict(network, signals, *rest, **named)

    monkeypatch.setattr(runs, "fit", fitting)
    monkeypatch.setattr(weights, "predict", predicting)
    four = beats.without_q()
    halves = split_beats(four, split, seed=1)
    _, run = train(beats, settings=ONE, split=split, seed=1, validation=True, out=tmp_path)
    assert not seen["trained"] & seen["predicted"]
    assert seen["trained"] | seen["predicted"] == as_bytes(four.signals[halves.train])
    assert run.tested_on == "validation"
    assert np.sum(run.confusion_matrix) == len(seen["predicted"])
    assert run.validation_accuracy == [pytest.approx(run.report().accuracy)]
    assert len(run.validation_mean_f1) == 1
    assert run.split_hash != halves.hash
    report = evaluate(load_model(tmp_path / "model.safetensors"), beats, split, 1, device="cpu")
    assert_array_equal(
        report.confusion_matrix.sum(axis=1), np.bincount(four.labels[halves.test], minlength=4)
    )


@pytest.mark.parametrize("split", ["random", "patients"])
@pytest.mark.parametrize("name", ["S", "V", "F"])
def test_a_training_half_without_a_class_is_refused_by_name(beats, split, name):
    odd = np.array([int(record[3:]) % 2 for record in beats.records], bool)
    is_class = beats.labels == aami.CLASSES.index(name)
    with pytest.raises(InputError, match=f"class {name}"):
        train(beats.select(~(is_class & (odd | (split == "random")))), split=split)
