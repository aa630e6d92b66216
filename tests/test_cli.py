"""The command line: JSON for machines, status 0, or 2 with one sentence."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from ecgkit import InputError, experiments, synthetic
from ecgkit.__main__ import main

RUN_KEYS = {  # of run.json
    *("model", "recipe", "split", "seed", "mapping", "config", "data", "split_hash", "curve"),
    *("confusion_matrix", "seconds", "device", "versions"),
}

pytestmark = pytest.mark.usefixtures("nothing_given")


def ecgkit(*arguments, **environment):
    """Run the command as a program of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ecgkit", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def refused(run):
    """A function that runs a command that has to fail, and returns its one sentence."""

    def call(*arguments):
        status, output, errors = run(*arguments)
        assert status == 2
        assert output == ""
        assert errors.count("\n") == 1
        assert errors.startswith("ecgkit: ")
        assert errors.endswith(".\n")
        return errors

    return call


@pytest.fixture
def synthetic_in_cache(monkeypatch, synthetic_source):
    """The synthetic records lie in the cache already."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(synthetic_source.directory.parents[1]))


@pytest.fixture(scope="module")
def table(synthetic_beats, tmp_path_factory):
    """A file of 300 beats, enough to see that training runs."""
    beats = synthetic_beats.without_q()
    rows = [np.flatnonzero(beats.labels == c)[:n] for c, n in enumerate((150, 50, 60, 40))]
    path = tmp_path_factory.mktemp("table") / "beats.npz"
    beats.select(np.concatenate(rows)).save(path)
    return path


TRAIN = ("--model", "tcn", "--recipe", "paper", "--epochs", "1", "--batch", "128", "--seed", "3")
ON_CPU = ("--device", "cpu", "--json")


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory):
    """A directory that a short training run has filled."""
    out = tmp_path_factory.mktemp("run") / "tcn"
    assert main(["train", "--beats", str(table), *TRAIN, "--out", str(out), *ON_CPU]) == 0
    return out


# Help


@pytest.mark.parametrize("arguments", [[], ["data"], ["train"], ["evaluate"]])
def test_help_is_given_and_is_no_error(capsys, arguments):
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "--help"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ecgkit")


def test_the_module_runs_as_a_program():
    found = ecgkit("--help")
    assert (found.returncode, found.stderr) == (0, "")
    for command in ("data", "train", "evaluate"):
        assert command in found.stdout


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["train"], ["data", "--mapping", "x"]])
def test_bad_use_has_status_2_and_prints_no_result(capsys, arguments):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("ecgkit: ")
    assert errors.count("\n") == 1


# data


def test_data_as_json_has_the_promised_keys(run, synthetic_in_cache, synthetic_source):
    status, output, errors = run("data", "--source", "synthetic", "--json")
    assert (status, errors, output.count("\n")) == (0, "", 1)
    found = json.loads(output)
    assert list(found) == ["source", "records", "counts", "fingerprint"]
    assert found["source"] == "synthetic"
    assert tuple(found["records"]) == synthetic.NAMES
    assert list(found["counts"]) == list("NSVFQ")
    assert found["fingerprint"] == synthetic_source.fingerprint


def test_the_halves_together_are_the_whole(run, synthetic_in_cache):
    def counts(*options):
        return json.loads(run("data", "--source", "synthetic", "--json", *options)[1])["counts"]

    whole, halves, random = counts(), counts("--split", "patients"), counts("--split", "random")
    assert list(halves) == ["DS1", "DS2"]
    assert {c: halves["DS1"][c] + halves["DS2"][c] for c in "NSVFQ"} == whole
    assert list(random) == ["train", "test"]
    assert {c: random["train"][c] + random["test"][c] for c in "NSVF"} == {
        c: whole[c] for c in "NSVF"
    }
    assert random["train"]["Q"] == random["test"]["Q"] == 0
    assert max(abs(random["train"][c] - random["test"][c]) for c in "NSVF") <= 1
    # The synthetic records, 6 minutes each, hold beats within 100 samples of the start or 150 of
    # the end: all labels are at least as many as the beats that can be cut.
    every = counts("--annotations")
    assert all(every[c] >= whole[c] for c in "NSVFQ")


def test_without_json_synthetic_figures_stand_under_a_banner(run, synthetic_in_cache):
    status, output, _ = run("data", "--source", "synthetic", "--split", "patients")
    assert status == 0
    first, *rest = output.splitlines()
    assert "SYNTHETIC" in first
    assert [line.split()[0] for line in rest[-2:]] == ["DS1", "DS2"]


def test_falling_back_is_said_on_the_error_output(run, synthetic_in_cache):
    status, output, errors = run("data", "--json")
    assert status == 0
    assert json.loads(output)["source"] == "synthetic"
    assert errors.startswith("ecgkit: SYNTHETIC DATA: ")
    assert errors.count("\n") == 1


def test_data_saves_a_table_that_training_takes(run, synthetic_in_cache, tmp_path):
    path = tmp_path / "beats.npz"
    assert run("data", "--source", "synthetic", "--save", path, "--json")[0] == 0
    assert path.stat().st_size > 1_000_000  # thousands of beats of 720 bytes


def test_a_table_that_cannot_be_saved_is_a_sentence(refused, synthetic_in_cache, tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "beats.npz"
    assert "cannot be written" in refused("data", "--source", "synthetic", "--save", path)


def test_a_wrong_ecgkit_data_is_one_sentence_and_status_2(tmp_path):
    found = ecgkit("data", "--json", ECGKIT_DATA=str(tmp_path / "nowhere"))
    assert (found.returncode, found.stdout) == (2, "")
    (sentence,) = found.stderr.splitlines()
    assert sentence.startswith("ecgkit: ECGKIT_DATA names ")
    assert "nowhere, which is no directory" in sentence


def test_an_incomplete_ecgkit_data_is_one_sentence(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(tmp_path))
    sentence = refused("data", "--json")
    assert "100.hea is missing from" in sentence
    assert "132 of 132 files" in sentence


# train


def test_training_writes_the_run_and_its_weights(trained, table):
    record = json.loads((trained / "run.json").read_text())
    assert set(record) >= RUN_KEYS
    assert (record["model"], record["recipe"], record["split"]) == ("tcn", "paper", "random")
    assert (record["seed"], record["mapping"]) == (3, "ec57")
    assert record["config"]["epochs"] == len(record["curve"]) == 1
    assert record["config"]["batch"] == 128
    assert set(record["data"]) == {"source", "fingerprint"}
    assert record["data"]["source"] == "synthetic"
    matrix = np.array(record["confusion_matrix"])
    assert matrix.sum(axis=1).tolist() == [75, 25, 30, 20]  # half of the table's 150, 50, 60, 40
    weights = load_file(trained / "model.safetensors")
    assert sum("linear" in name for name in weights) == 2


def test_a_finished_run_is_not_overwritten(refused, trained, table):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    sentence = refused("train", "--beats", table, *TRAIN, "--out", trained, *ON_CPU)
    assert "already holds run.json: add --resume" in sentence
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_resuming_a_finished_run_changes_no_weight(run, trained, table):
    before = load_file(trained / "model.safetensors")
    arguments = ("train", "--beats", table, *TRAIN, "--out", trained, "--resume", *ON_CPU)
    status, output, _ = run(*arguments)
    assert status == 0
    assert json.loads(output)["curve"] == json.loads((trained / "run.json").read_text())["curve"]
    after = load_file(trained / "model.safetensors")
    assert set(after) == set(before)
    assert all((after[name] == before[name]).all() for name in before)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--model", "vgg", "vgg"),
        ("--recipe", "yours", "no recipe 'yours': use one of paper, ours"),
        ("--epochs", 0, "0 epochs of batch 128 train nothing"),
        ("--batch", 0, "1 epochs of batch 0 train nothing"),
        ("--device", "abacus", "'abacus' is not to be had here"),
        ("--precision", "float7", "No precision 'float7'"),
        ("--seed", -1, "a seed from 0 on"),
        ("--beats", "none.npz", "no table of beats at none.npz"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(refused, table, tmp_path, option, value, says):
    arguments = {"--beats": table, **dict(zip(TRAIN[::2], TRAIN[1::2], strict=True))}
    arguments |= {"--out": tmp_path / "out", "--device": "cpu", option: value}
    flat = [part for pair in arguments.items() for part in pair]
    assert says in refused("train", *flat, "--json")
    assert not (tmp_path / "out" / "run.json").exists()


# evaluate


def test_evaluating_the_weights_gives_the_figures_of_their_run(run, trained, table):
    weights = trained / "model.safetensors"
    status, output, errors = run(
        "evaluate", "--weights", weights, "--beats", table, "--seed", 3, *ON_CPU
    )
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert set(found) == {"source", "accuracy", "confusion_matrix", "classes", "macro"}
    assert list(found["classes"]) == list("NSVF")
    assert all(set(figures) == {"se", "ppv", "f1"} for figures in found["classes"].values())
    assert set(found["macro"]) == {"se", "ppv", "f1_of_means", "mean_f1"}
    assert found["source"] == "synthetic"
    matrix = json.loads((trained / "run.json").read_text())["confusion_matrix"]
    assert found["confusion_matrix"] == matrix
    assert found["accuracy"] == pytest.approx(np.trace(matrix) / 150)
    assert found["classes"]["N"]["se"] == pytest.approx(matrix[0][0] / 75)


def test_without_json_the_matrix_is_a_table_under_the_banner(run, trained, table):
    weights = trained / "model.safetensors"
    _, output, _ = run("evaluate", "--weights", weights, "--beats", table, "--seed", 3)
    lines = output.splitlines()
    assert "SYNTHETIC" in lines[0]
    matrix = json.loads((trained / "run.json").read_text())["confusion_matrix"]
    for name, row, line in zip("NSVF", matrix, lines[3:7], strict=True):
        assert line.split()[:5] == [name, *map(str, row)]


@pytest.mark.parametrize("other", [("--seed", 4), ("--seed", 3, "--split", "patients")])
def test_beats_that_were_trained_on_are_not_tested_on(refused, trained, table, other):
    weights = trained / "model.safetensors"
    sentence = refused("evaluate", "--weights", weights, "--beats", table, *other, *ON_CPU)
    assert "trained under the split random, seed 3" in sentence


class Trap:
    """What runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("kind", ["a pickle", "missing", "cut short", "a directory"])
def test_weights_are_read_through_safetensors_or_refused(refused, trained, table, tmp_path, kind):
    path = tmp_path / "model.safetensors"
    if kind == "a pickle":
        path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    elif kind == "cut short":
        path.write_bytes((trained / "model.safetensors").read_bytes()[:-100])
    elif kind == "a directory":
        path.mkdir()
    sentence = refused("evaluate", "--weights", path, "--beats", table, *ON_CPU)
    says = "There are no weights at" if kind == "missing" else "holds no safetensors weights"
    assert says in sentence
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_program_are_refused(refused, trained, table, tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "model.safetensors"
    save_file({"linear.weight": np.zeros((4, 4), np.float32)}, path)
    sentence = refused("evaluate", "--weights", path, "--beats", table, *ON_CPU)
    assert "does not say its model, recipe" in sentence
    about = dict.fromkeys(experiments.ABOUT, "tcn")
    save_file({"linear.weight": np.zeros((4, 4), np.float32)}, path, about)
    sentence = refused("evaluate", "--weights", path, "--beats", table, *ON_CPU)
    assert "is not a whole tcn" in sentence


# On MIT-BIH


def test_data_counts_mit_bih_to_the_beat(run, mitdb, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(mitdb.directory))
    status, output, errors = run("data", "--json")
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert found["source"] == "mitdb"
    assert len(found["records"]) == 44
    assert found["counts"] == {"N": 89841, "S": 3026, "V": 7008, "F": 802, "Q": 15}


def test_data_counts_the_labels_of_both_halves_of_mit_bih(run, mitdb, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(mitdb.directory))
    options = ("--annotations", "--mapping", "literature", "--split", "patients", "--json")
    assert json.loads(run("data", *options)[1])["counts"] == {
        "DS1": {"N": 45866, "S": 944, "V": 3788, "F": 415, "Q": 8},
        "DS2": {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7},
    }


@pytest.mark.parametrize(
    ("recipe", "what"),
    [
        ("ours-1s", "of a second (recipe ours-1s)"),
        ("patients-long", "of a second"),
        ("patients-departures-some, variation x", "in the patient's own measure"),
    ],
)
def test_weights_of_beats_prepared_otherwise_are_not_given_beats_of_half_a_second(
    recipe, what, monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr("ecgkit.experiments.load_model", lambda path: (None, {"recipe": recipe}))
    out = tmp_path / "network.onnx"
    assert main(["export", "--onnx", str(out), "--weights", "long.safetensors"]) == 2
    said = capsys.readouterr().err
    assert f"long.safetensors learnt from beats {what}" in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_a_recipe_of_longer_beats_takes_the_table_of_that_name(monkeypatch, tmp_path, capsys):
    asked = []

    def load(path, mapping):
        asked.append(path.name)
        raise InputError("enough")

    monkeypatch.setattr("ecgkit.heartbeats.Heartbeats.load", load)
    command = ["train", "--beats", str(tmp_path / "b.npz"), "--out", str(tmp_path / "run")]
    for recipe in ("ours", "ours-1s"):
        assert main([*command, "--recipe", recipe]) == 2
    assert asked == ["b.npz", "b-step2.npz"]
