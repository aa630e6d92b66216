"""The command line: JSON for programs, status 0, or 2 with one sentence."""

import json
import shutil
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from safetensors.numpy import load_file

from ecgkit.__main__ import main
from ecgkit.apply import onnx
from ecgkit.apply.readers import read_recording
from ecgkit.data.beats import Beats, load_beats
from ecgkit.data.features import MEAN_FEATURES, RR_FEATURES
from ecgkit.data.preparation import Preparation
from ecgkit.data.sources import SYNTHETIC
from ecgkit.evaluate import metrics
from ecgkit.train.weights import load_model

pytestmark = pytest.mark.usefixtures("nothing_given")


@pytest.fixture
def refused(run):
    """A function that runs a command that has to fail, and returns its one sentence."""

    def call(*arguments):
        status, output, errors = run(*arguments)
        assert (status, output) == (2, "")
        assert errors.count("\n") == 1
        assert errors.startswith("ecgkit: ")
        assert errors.endswith(".\n")
        return errors

    return call


@pytest.fixture(scope="module")
def record(synthetic_source):
    return synthetic_source.directory / "syn01"


def rare(beats):
    """300 beats, enough to see that training runs."""
    beats = beats.without_q()
    rows = [np.flatnonzero(beats.labels == c)[:n] for c, n in enumerate((150, 50, 60, 40))]
    return beats.select(np.concatenate(rows))


@pytest.fixture(scope="module")
def table(synthetic_beats, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "beats.npz"
    rare(synthetic_beats).save(path)
    return path


TRAIN = ("--model", "tcn", "--recipe", "paper", "--epochs", "1", "--batch", "128", "--seed", "3")
ON_CPU = ("--device", "cpu", "--json")


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory):
    """A directory that a short training run has filled."""
    out = tmp_path_factory.mktemp("run") / "tcn"
    assert main(["train", "--beats", str(table), *TRAIN, "--out", str(out), *ON_CPU]) == 0
    return out


# Help and wrong use


COMMANDS = ("data", "train", "evaluate", "classify", "export", "ec57")


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
def test_help_is_given_and_is_no_error(capsys, arguments):
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "--help"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ecgkit")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["train"], ["data", "--mapping", "x"]])
def test_wrong_use_has_status_2_and_prints_no_result(capsys, arguments):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("ecgkit: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("classify", "any"), False),
        (("data", "--fetch"), True),
        (("classify", "x.csv", "--out-dir", "x"), True),
    ],
)
def test_an_interrupt_promises_only_what_is_kept(run, monkeypatch, tmp_path, arguments, kept):
    def interrupt(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("ecgkit.data.sources.find_source", interrupt)
    monkeypatch.setattr("ecgkit.apply.batch.read_recording", interrupt)
    monkeypatch.chdir(tmp_path)
    status, output, errors = run(*arguments)
    assert (status, output) == (130, "")
    assert ("goes on" in errors) == kept


# data


def test_data_as_json_has_the_promised_keys_and_needs_no_torch(synthetic_source):
    program = "import sys; from ecgkit.__main__ import main; status = main(sys.argv[1:])"
    program += "; sys.exit(status or 'torch' in sys.modules)"
    command = [sys.executable, "-c", program, "data", "--source", "synthetic", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)
    found = json.loads(done.stdout)
    assert list(found) == ["source", "records", "counts", "fingerprint"]
    assert (found["source"], tuple(found["records"])) == ("synthetic", SYNTHETIC)
    assert list(found["counts"]) == list("NSVFQ")
    assert found["fingerprint"] == synthetic_source.fingerprint


def test_the_halves_together_are_the_whole(run):
    def counts(*options):
        return json.loads(run("data", "--source", "synthetic", "--json", *options)[1])["counts"]

    whole, halves = counts(), counts("--split", "patients")
    assert list(halves) == ["DS1", "DS2"]
    assert {c: halves["DS1"][c] + halves["DS2"][c] for c in "NSVFQ"} == whole
    assert counts("--split", "random")["train"]["Q"] == 0
    every = counts("--annotations")  # also of beats too near an end to be cut
    assert all(every[c] >= whole[c] for c in "NSVFQ")


def test_synthetic_records_stand_in_with_a_warning_and_under_a_banner(run):
    status, output, errors = run("data", "--split", "patients")
    assert status == 0
    first, *_, ds1, ds2 = output.splitlines()
    assert "SYNTHETIC" in first
    assert (ds1.split()[0], ds2.split()[0]) == ("DS1", "DS2")
    assert errors.startswith("ecgkit: SYNTHETIC DATA: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("name", ["beats.npz", "beats-step2.npz", "beats", "new/beats.table"])
def test_a_table_is_saved_under_any_name_and_knows_its_preparation(run, tmp_path, name):
    how = ("--step", 2, "--features", "rr", "size", "--zeroed", "A9", "--mapping", "literature")
    assert run("data", "--source", "synthetic", *how, "--save", tmp_path / name, "--json")[0] == 0
    beats = Beats.load(tmp_path / name)
    assert beats.preparation == Preparation(
        step=2, features=(*RR_FEATURES, "size"), zeroed=("A9",), mapping="literature"
    )
    assert beats.features.shape == (len(beats), 7)


# train


def test_training_writes_the_run_and_its_weights_once(refused, trained, table):
    run = json.loads((trained / "run.json").read_text())
    assert (run["model"], run["recipe"], run["split"], run["seed"]) == ("tcn", "paper", "random", 3)
    assert (run["epochs"], run["batch"], len(run["losses"])) == (1, 128, 1)
    assert (run["source"], run["mapping"], run["step"]) == ("synthetic", "ec57", 1)
    matrix = np.array(run["confusion_matrix"])
    assert matrix.sum(axis=1).tolist() == [75, 25, 30, 20]  # half of the table's 150, 50, 60, 40
    weights = load_file(trained / "model.safetensors")
    assert sum("linear" in name for name in weights) == 2
    assert "--resume" in refused("train", "--beats", table, *TRAIN, "--out", trained, *ON_CPU)


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--model", "vgg", "vgg"),
        ("--batch", 0, "batch 0"),
        ("--device", "abacus", "abacus"),
        ("--precision", "float7", "float7"),
        ("--seed", -1, "seed"),
        ("--beats", "none.npz", "none.npz"),
        ("--features", "rr_nearly", "rr_nearly"),
        ("--wavelet", "sym99", "sym99"),
        ("--zeroed", "A3", "A3"),
        ("--step", 2, "step"),  # the table has a step of 1
        ("--relative-to", "median", "relative_to"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(refused, table, tmp_path, option, value, word):
    arguments = {"--beats": table, **dict(zip(TRAIN[::2], TRAIN[1::2], strict=True))}
    arguments |= {"--out": tmp_path / "out", "--device": "cpu", option: value}
    flat = [part for pair in arguments.items() for part in pair]
    assert word in refused("train", *flat, "--json")
    assert not (tmp_path / "out" / "run.json").exists()


def test_a_classifier_with_features_goes_through_every_command(
    run, synthetic_source, record, tmp_path
):
    prepared = Preparation(features=MEAN_FEATURES, relative_to="median")
    rare(load_beats(synthetic_source, prepared, cached=False)).save(tmp_path / "b.npz")
    command = ("train", "--beats", tmp_path / "b.npz", "--features", "mean", *TRAIN, *ON_CPU)
    assert run(*command, "--relative-to", "median", "--out", tmp_path / "run")[0] == 0
    weights = ("--weights", tmp_path / "run" / "model.safetensors")
    assert load_model(weights[1]).preparation == prepared
    status, output, _ = run("evaluate", *weights, "--beats", tmp_path / "b.npz", *ON_CPU)
    assert status == 0
    assert json.loads(output)["preparation"] == prepared.to_dict()
    status, output, _ = run("classify", record, *weights, *ON_CPU)
    assert status == 0
    assert json.loads(output)["preparation"]["relative_to"] == "median"
    status, output, _ = run("export", *weights, "--onnx", tmp_path / "a.onnx", "--json")
    assert status == 0
    assert json.loads(output)["largest_difference"] < 1e-4
    inputs = {x.name: x.shape[1] for x in onnx.session(tmp_path / "a.onnx").get_inputs()}
    assert inputs == {"beats": 180, "features": 12}


# evaluate


def test_evaluating_the_weights_gives_the_scores_of_their_run(run, trained, table):
    weights = trained / "model.safetensors"  # their own split and seed are the default
    status, output, errors = run("evaluate", "--weights", weights, "--beats", table, *ON_CPU)
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert found["source"] == "synthetic"
    matrix = json.loads((trained / "run.json").read_text())["confusion_matrix"]
    scores = metrics.report(matrix).to_dict()
    assert found.items() >= scores.items()
    assert found.keys() == scores.keys() | {"source", "weights", "preparation"}
    lines = run("evaluate", "--weights", weights, "--beats", table)[1].splitlines()
    assert "SYNTHETIC" in lines[0]
    for name, row, line in zip("NSVF", matrix, lines[3:7], strict=True):
        assert line.split()[:5] == [name, *map(str, row)]


@pytest.mark.parametrize("other", [("--seed", 4), ("--seed", 3, "--split", "patients")])
def test_beats_that_were_trained_on_are_not_tested_on(refused, trained, table, other):
    weights = trained / "model.safetensors"
    assert "trained" in refused("evaluate", "--weights", weights, "--beats", table, *other, *ON_CPU)
    all_beats = ("--source", "synthetic")  # another split of them
    assert "trained" in refused("evaluate", "--weights", weights, *all_beats, *ON_CPU)


@pytest.mark.parametrize(
    ("options", "lead"), [((), "any"), (("ours", "--split", "all", "--lead", "first"), "first")]
)
def test_other_recordings_are_tested_whole(run, synthetic_source, options, lead):
    weights = ("--weights", *(options or ["strangers"]))
    status, output, _ = run("evaluate", "--source", "synthetic", *weights, *ON_CPU)
    found = json.loads(output)
    assert (status, found["preparation"]["lead"]) == (0, lead)
    assert np.sum(found["confusion_matrix"]) == len(load_beats(synthetic_source).without_q())


# classify


def test_a_recording_is_classified(run, record, tmp_path):
    files = {"--out": "out.csv", "--annotations": "syn01.net", "--plot": "out.png"}
    options = [part for option, name in files.items() for part in (option, tmp_path / name)]
    status, output, errors = run("classify", record, *options, *ON_CPU)
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert list(found)[:5] == ["recording", "fs", "lead", "seconds", "beats"]
    assert (found["recording"], found["fs"], found["seconds"]) == ("syn01", 360, 360)
    assert (found["r_peaks"], found["warnings"]) == ("annotated", [])
    assert (found["weights"]["from"], found["weights"]["recipe"]) == ("strangers", "strangers")
    assert sum(found["counts"].values()) == found["beats"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == found["beats"] + 1
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    status, output, _ = run("ec57", record.parent, tmp_path, "--test", "net", "--json")
    assert status == 0
    assert json.loads(output)["gross"]["figures"]["qrs_ppv"] == 1


def test_rows_are_in_the_json_unless_they_are_in_a_file(run, record):
    found = json.loads(run("classify", record, "--detect", *ON_CPU)[1])
    assert found["r_peaks"] == "detected"
    assert len(found["rows"]) == found["beats"]
    assert set(found["rows"][0]) == {"sample", "time_s", "class", *"NSVF", "uncertain", "quality"}
    status, output, _ = run("classify", record)
    assert status == 0
    assert "SYNTHETIC" in output.splitlines()[0]


def test_warnings_of_every_category_are_shown(run, record, monkeypatch):
    def check(recording):
        warnings.warn("a number overflowed", RuntimeWarning, stacklevel=2)
        return ["the signal is odd"]

    monkeypatch.setattr("ecgkit.apply.quality.check_recording", check)
    status, output, errors = run("classify", record, *ON_CPU)
    assert status == 0
    assert json.loads(output)["warnings"] == ["a number overflowed", "the signal is odd"]
    assert errors == "ecgkit: a number overflowed\necgkit: the signal is odd\n"


def test_a_result_that_cannot_be_written(refused, record, tmp_path):
    (tmp_path / "file").write_text("")
    assert "out.csv" in refused("classify", record, "--out", tmp_path / "file" / "out.csv")
    assert "safetensors" in refused("classify", record, "--weights", tmp_path / "file")
    assert "no recording" in refused("classify", tmp_path / "nothing")
    assert "is a folder" in refused("classify", tmp_path)
    assert "download" in refused("classify", "https://physionet.org/files/mitdb/1.0.0/100")


@pytest.mark.parametrize(
    ("option", "end"), [("--out", "dat"), ("--annotations", "atr"), ("--plot", "hea")]
)
def test_no_result_takes_the_place_of_a_recording(run, synthetic_source, tmp_path, option, end):
    for file in synthetic_source.directory.glob("syn01.*"):
        shutil.copy(file, tmp_path)
    before = (tmp_path / f"syn01.{end}").read_bytes()
    given = ("classify", tmp_path / "syn01", option, tmp_path / f"syn01.{end}", "--device", "cpu")
    status, _, errors = run(*given)
    assert (status, "belongs to a recording" in errors) == (2, True)
    assert (tmp_path / f"syn01.{end}").read_bytes() == before


def test_doubts_are_said_whatever_is_done_with_warnings(run, synthetic_source, tmp_path):
    uv = 1000 * read_recording(synthetic_source.directory / "syn01").signal[:10_800]
    (tmp_path / "uv.csv").write_text("MLII (mV)\n" + "\n".join(map(str, uv)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = ("classify", tmp_path / "uv.csv", "--fs", 360, "--json", "--device", "cpu")
        status, output, _ = run(*given)
    assert (status, "--units" in " ".join(json.loads(output)["warnings"])) == (0, True)
