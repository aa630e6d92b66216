"""Between patients: validation and test apart, one change a row, and what DS2 says in a table."""

import itertools
import json

import numpy as np
import pytest

from ecgkit import InputError, aami, context, experiments, heartbeats, models, patients, training
from ecgkit.__main__ import main
from ecgkit.patients import ROWS, TESTED

pytestmark = pytest.mark.usefixtures("nothing_given")


@pytest.fixture
def make(synthetic_beats, monkeypatch):
    """A function that makes tiny runs of the synthetic records."""
    monkeypatch.setattr(patients.reproduce, "QUICK", {"epochs": 1, "batch": 128})
    four = synthetic_beats.relabelled("literature")
    few = patients.reproduce.sample(four.without_q(), 300, 40)

    def call(out, only=("rr",), **options):
        settings = {"quick": True, "device": "cpu", "progress": False, **options}
        return patients.make(lambda prepared: few, out, only, **settings)

    return call


def changes(row, reference):
    """What one row does otherwise than another."""
    keys = ("model", "beats", "own_units", "departures", "recipe")
    return [key for key in keys if getattr(row, key) != getattr(reference, key)]


def test_every_row_changes_one_thing_of_another():
    chain = [name for name in ROWS if name.startswith("departures")]
    for name, row in ROWS.items():
        models.build(row.model)
        patients.recipe(name)
        json.dumps(row.prepared)
        if name not in chain:
            allowed = {"rr": 0, "all": 3}.get(name, 1)
            assert len(changes(row, ROWS["rr"])) == allowed, name
    assert changes(ROWS[chain[0]], ROWS["own"]) == ["own_units", "departures"]
    steps = [changes(ROWS[b], ROWS[a]) for a, b in itertools.pairwise(chain)]
    assert steps == [["model"], ["recipe"], ["recipe"], ["own_units"], ["recipe"]]
    before, after = (ROWS[name].recipe for name in chain[2:4])
    assert set(after) - set(before) == {"each_branch"}
    assert set(TESTED) <= set(ROWS)


def test_departures_are_of_beats_in_own_units_where_both_are_asked_for(synthetic_beats):
    given = lambda prepared: synthetic_beats  # noqa: E731
    found = patients.table(ROWS["departures"], given)
    expected = context.departures(context.scaled(synthetic_beats))
    np.testing.assert_array_equal(found.signals, expected.signals)
    raw = patients.table(ROWS["departures-mv"], given)
    np.testing.assert_array_equal(raw.signals, context.departures(synthetic_beats).signals)
    assert ROWS["departures"].prepared == {"own_units": True, "departures": True}
    network = models.build(ROWS["departures-mv"].model)
    assert experiments.fitted(raw, network) is raw  # it has its columns
    with pytest.raises(InputError, match="6 columns more than the network reads"):
        experiments.fitted(raw, models.build("resnet-tcn-rr"))


def test_a_recipe_is_ours_in_fewer_epochs_and_the_rows_change():
    ours = experiments.RECIPES["ours"]
    assert patients.recipe("plain").balance == ours.balance
    assert patients.recipe("plain").epochs == 2
    assert patients.recipe("weights").class_weights == 0.5
    assert patients.recipe("longer").epochs == 6


def test_beats_of_a_row_are_those_of_its_preparation(synthetic_beats):
    asked = []
    given = lambda prepared: asked.append(dict(prepared)) or synthetic_beats  # noqa: E731
    assert patients.table(ROWS["rr"], given) is synthetic_beats
    own = patients.table(ROWS["all"], given)
    assert asked == [{}, {"step": 2}]
    np.testing.assert_array_equal(own.signals, context.scaled(synthetic_beats).signals)


def test_validation_leaves_ds2_alone_and_the_test_does_not(make, tmp_path, monkeypatch):
    seen, predict = [], training.predict

    def spy(network, beats, *arguments, **options):
        seen.append(len(beats))
        return predict(network, beats, *arguments, **options)

    monkeypatch.setattr(training, "predict", spy)
    (run,) = make(tmp_path)["runs"]
    assert run["tested_on"] == "validation"
    assert run["variation"] == "patients-rr"
    tested = set(run["by_record"]["literature"])
    assert {name for name in tested if int(name[3:]) % 2 == 0} == set()  # even ones play DS2
    (test,) = make(tmp_path, test=True)["runs"]
    assert test["tested_on"] == "test"
    assert "variation" not in test
    assert all(int(name[3:]) % 2 == 0 for name in test["by_record"]["ec57"])
    assert (tmp_path / "validation" / "rr-0" / "run.json").exists()
    assert (tmp_path / "test" / "rr-0" / "model.safetensors").exists()


def test_the_matrices_of_the_records_add_up_to_that_of_the_run(make, tmp_path):
    (run,) = make(tmp_path)["runs"]
    of = run["by_record"]["literature"]
    assert np.sum(list(of.values()), axis=0).tolist() == run["confusion_matrix"]
    both = [np.sum(list(run["by_record"][name].values()), axis=0) for name in aami.MAPPINGS]
    assert both[0].sum(axis=0).tolist() == both[1].sum(axis=0).tolist()  # the same answers


def test_finished_runs_are_kept(make, tmp_path, monkeypatch):
    first = make(tmp_path)
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert make(tmp_path)["runs"] == first["runs"]


def test_the_table_says_what_it_is_of(make, tmp_path):
    made = make(tmp_path)
    text = (tmp_path / "validation.md").read_text("utf-8")
    assert made["file"] == str(tmp_path / "validation.md")
    for words in ("validation patients of DS1", "SYNTHETIC", "QUICK RUN", "| rr |", "literature"):
        assert words in text


def test_an_ensemble_is_the_mean_of_its_members(make, tmp_path, synthetic_beats):
    four = synthetic_beats.relabelled("literature").without_q()
    few = patients.reproduce.sample(four, 300, 40)
    how = training.Recipe(epochs=1, batch=128)
    folders = [tmp_path / f"rr-{seed}" for seed in (0, 1)]
    settings = {"split": "patients", "device": "cpu", "progress": False}
    networks = [
        experiments.train(
            few, "resnet-tcn-rr", "patients-rr", how, seed=seed, out=folder, **settings
        )[0]
        for seed, folder in enumerate(folders)
    ]
    record = patients.ensemble(few, folders, "cpu")
    wide = experiments.fitted(few, networks[0])
    test = wide.select(experiments.split_beats(few, "patients", 0).test)
    mean = sum(training.predict(network, test.signals) for network in networks) / 2
    columns = np.array(record["confusion_matrix"]).sum(axis=0)
    assert columns.tolist() == np.bincount(mean.argmax(axis=1), minlength=4).tolist()
    assert (record["recipe"], record["config"]["epochs"]) == ("patients-rr-ensemble", 0)
    assert experiments.read_run(tmp_path / "rr-ensemble" / "run.json") == record


def test_rows_and_seeds_that_are_not_there_are_refused():
    with pytest.raises(InputError, match="no row 'rt': use one of plain, rr"):
        patients.check(["rt"], 5)
    with pytest.raises(InputError, match="0 seeds make no run"):
        patients.check([], 0)


def test_the_command_refuses_a_wrong_row_before_anything_is_read(capsys):
    assert main(["patients", "--only", "rt"]) == 2
    assert "no row 'rt'" in capsys.readouterr().err


def test_a_longer_window_takes_every_second_sample(synthetic_source):
    short = heartbeats.prepare(synthetic_source, cached=False)
    long = heartbeats.prepare(synthetic_source, cached=False, step=2)
    assert long.signals.shape == short.signals.shape
    np.testing.assert_array_equal(long.samples, short.samples)
    # Both hold the samples r - 90, r - 88, ..., r + 88.
    np.testing.assert_array_equal(long.signals[:, 45:135], short.signals[:, ::2])


def test_weights_are_evaluated_on_beats_as_their_row_prepares_them(
    synthetic_beats, tmp_path, monkeypatch, capsys
):
    few = patients.reproduce.sample(synthetic_beats.relabelled("literature"), 300, 40)
    row, how = ROWS["departures-mv"], training.Recipe(epochs=1, batch=128, balance=0.0)
    _, run = experiments.train(
        patients.table(row, lambda prepared: few),
        row.model,
        "patients-departures-mv",
        how,
        split="patients",
        out=tmp_path,
        device="cpu",
        progress=False,
        prepared=row.prepared,
    )
    monkeypatch.setattr("ecgkit.__main__._beats", lambda options, mapping, prepared: few)
    weights = str(tmp_path / "model.safetensors")
    assert main(["evaluate", "--weights", weights, "--split", "patients", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["confusion_matrix"] == run["confusion_matrix"]
