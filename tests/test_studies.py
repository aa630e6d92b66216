"""Studies: what rows change, runs that survive a kill, published results, the paper's tables."""

import json
import math
import os
import statistics
from dataclasses import asdict, replace

import numpy as np
import pytest

from ecgbook import paper_tables, studies
from ecgbook.__main__ import main
from ecgbook.studies import engine, store
from ecgkit import InputError
from ecgkit.data import splits
from ecgkit.data.beats import load_beats
from ecgkit.data.preparation import Preparation
from ecgkit.evaluate import metrics, runs
from ecgkit.evaluate.runs import RUN, WEIGHTS, Run
from ecgkit.nn.models import PAPER_MODELS, build
from ecgkit.train import checkpoints
from ecgkit.train.recipe import RECIPES, Recipe
from ecgkit.train.weights import load_model

STUDIES = {name: studies.load_study(name) for name in studies.study_names()}
ROWS = [pytest.param(s, row, id=f"{s.name}/{row}") for s in STUDIES.values() for row in s.rows]
LINES = store.RESULTS.read_text("utf-8").splitlines()


def a_run(matrix, **changes):
    fields = json.loads(LINES[0]) | {"confusion_matrix": matrix, **changes}
    return Run.from_json(json.dumps(fields))


# Definitions ------------------------------------------------------------------------------------


def changes(row, other):
    """Names of everything in which two rows differ."""
    found = ["model"] * (row.model != other.model)
    for kind in ("settings", "preparation"):
        one, two = asdict(getattr(row, kind)), asdict(getattr(other, kind))
        found += [key for key in one if one[key] != two[key]]
    return found


@pytest.mark.parametrize(("study", "name"), ROWS)
def test_a_row_can_be_built_and_names_its_baseline(study, name):
    row = study.rows[name]
    assert build(row.model, row.preparation.n_features).n_features == row.preparation.n_features
    assert Preparation.from_dict(json.loads(json.dumps(row.preparation.to_dict())))
    assert row.change
    if row.against:
        baseline = study.rows[row.against]
        assert (baseline.validation, baseline.seeds >= row.seeds) == (row.validation, True)


MORE_CHANGES = {
    "r-90th": ["before", "after"],
    "constant-rate": ["learning_rate", "schedule"],
    "no-noise": ["gain", "noise_mv"],
    "more-noise": ["gain", "noise_mv"],
    "class-weights": ["balance", "class_weights"],
    "focal": ["balance", "focal"],
    "all": ["step", "units", "features"],
    "relative": ["units", "relative_to"],
}


@pytest.mark.parametrize(("study", "name"), [row for row in ROWS if "reproduction" not in row.id])
def test_a_row_changes_one_thing_of_its_baseline(study, name):
    if row := study.rows.get(study.rows[name].against):
        found = changes(study.rows[name], row)
        assert found == MORE_CHANGES.get(name, found[:1]) != []


def test_the_reproduction_is_five_models_by_three_kinds_of_training():
    rows = STUDIES["reproduction"].rows.values()
    kinds = {("paper", 1): [], ("ours", 1): [], ("ours", 2): []}
    for row in rows:
        kinds[row.recipe, row.preparation.step].append(row.model)
        assert row.settings == RECIPES[row.recipe]
        assert replace(row.preparation, step=1) == Preparation()
    assert [sorted(models) for models in kinds.values()] == 3 * [sorted(PAPER_MODELS)]


# Published results ------------------------------------------------------------------------------

TESTED_BEATS = {
    ("random", "test"): {50339},  # half of N 89841, S 3026, V 7008, F 802
    ("random", "validation"): {5034},  # a tenth of the other half
    ("patients", "test"): {49684},  # DS2
    ("patients", "validation"): range(11000, 15000),  # a quarter of DS1's 22 patients
}


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_published_run_is_whole_and_is_of_its_row(line):
    run = Run.from_json(line)
    assert json.loads(run.to_json()) == json.loads(line)
    matrix = np.array(run.confusion_matrix)
    assert int(matrix.sum()) in TESTED_BEATS[run.split, run.tested_on]
    study = STUDIES[run.study]
    row = study.rows[run.row.removesuffix(store.ENSEMBLE)]
    ensemble = run.row.endswith(store.ENSEMBLE)
    assert (run.model, run.recipe, run.split) == (row.model, row.recipe, study.split)
    assert run.tested_on == "test" or row.validation
    assert run.tested_on == "validation" or not row.validation or row.name in study.tested
    assert run.settings == (replace(row.settings, epochs=0) if ensemble else row.settings)
    assert run.preparation == row.preparation
    assert len(run.losses) == len(run.epoch_seconds) == run.settings.epochs
    assert len(run.validation_mean_f1) == run.settings.epochs * (run.tested_on == "validation")
    assert (run.source, run.fingerprint) == ("mitdb", "eac6456330bbdcb2")
    if run.split == "patients":
        assert run.by_record.keys() == {"ec57", "literature"}
        total = np.sum(list(run.by_record["literature"].values()), axis=0)
        assert total.tolist() == matrix.tolist()
    if run.predictions:
        assert np.bincount(run.predicted(), minlength=4).tolist() == matrix.sum(axis=0).tolist()
    else:
        assert run.note.startswith("First edition")


def test_runs_are_found_by_row_and_by_field_in_the_order_of_rows_and_seeds():
    everything = studies.results()
    assert len({store._identity(run) for run in everything}) == len(everything) == len(LINES) >= 196
    ours = studies.results("reproduction", "resnet-tcn-ours")
    assert [run.seed for run in ours] == list(range(len(ours)))
    tested = studies.results("new_patients", tested_on="test")
    rows = list(dict.fromkeys(run.row for run in tested))
    assert rows[:4] == ["plain", "plain-ensemble", "rr", "rr-ensemble"]
    assert studies.results("reproduction", model="tcn", step=1, seed=0)[0].recipe == "paper"
    assert not studies.results("reproduction", model="tcn", seed=99)
    for unknown in ({"row": "none"}, {"colour": "red"}):
        with pytest.raises(InputError):
            studies.results("reproduction", **unknown)


# Runs -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beats():
    """A few synthetic beats with all features, as one table that serves many rows."""
    wanted = STUDIES["new_patients"].rows["shape"].preparation
    found = load_beats("synthetic", wanted, cached=False).without_q()
    few = [np.flatnonzero(found.labels == c) for c in range(4)]
    few = [rows[:: max(len(rows) // 60, 1)] for rows in few]
    return found.select(np.sort(np.concatenate(few)))


@pytest.fixture
def make(beats, tmp_path):
    """A function that makes quick runs of a study."""

    def call(study, *rows, out=tmp_path / "runs"):
        study = STUDIES[study] if isinstance(study, str) else study
        options = {"quick": True, "beats": [beats], "device": "cpu"}
        return studies.run_study(study, out=out, rows=rows, **options)

    return call


def test_a_study_that_is_cut_off_goes_on(beats, tmp_path, monkeypatch, capsys):
    beats.save(tmp_path / "beats.npz")
    command = ["study", "reproduction", "--rows", "tcn-paper", "--quick", "--device", "cpu"]
    command += ["--beats", str(tmp_path / "beats.npz"), "--out", str(tmp_path / "cut"), "--json"]
    save = checkpoints.save

    def stop(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "nice", lambda _: None)  # of the process that tests, too
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", stop)
        assert main(command) == 130
    assert not (tmp_path / "cut" / "tcn-paper-0" / RUN).exists()
    capsys.readouterr()
    assert main(command) == 0
    (resumed,) = json.loads(capsys.readouterr().out)
    assert len(resumed["losses"]) == 2
    monkeypatch.setattr(runs, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert main(command) == 0
    monkeypatch.setattr(engine, "QUICK_BATCH", 32)
    assert main(command) == 2  # a run of other settings is in the way


def test_a_run_says_which_row_it_is_of_and_that_it_was_quick(make, tmp_path):
    (run,) = make("new_patients", "features")
    assert (run.study, run.row, run.recipe) == ("new_patients", "features", "patients-quick")
    assert (run.tested_on, run.split, run.source) == ("validation", "patients", "synthetic")
    assert len(run.preparation.features) == 12
    assert run.predicted().shape == (np.sum(run.confusion_matrix),)
    assert Run.read(tmp_path / "runs" / "features-0" / RUN) == run
    text = (tmp_path / "runs" / "summary.md").read_text("utf-8")
    assert all(word in text for word in ("QUICK", "SYNTHETIC", "| features |"))


def test_a_table_serves_rows_of_fewer_features_and_the_others_are_left_out(make, beats, capsys):
    rows = STUDIES["new_patients"].rows
    small = {name: replace(rows[name], model="tcn") for name in ("plain", "rr", "one-second")}
    found = make(replace(STUDIES["new_patients"], rows=small))
    assert [run.row for run in found] == ["plain", "rr"]
    assert [run.preparation.n_features for run in found] == [0, 6]
    assert "one-second" in capsys.readouterr().err
    served = engine._table(Preparation(features=("size", "rr_near")), [beats])
    expected = beats.features[:, [list(beats.preparation.features).index("size"), 0]]
    np.testing.assert_array_equal(served.features, expected)


def test_seeds_go_round_together_and_an_ensemble_is_the_mean_of_its_members(make, beats, tmp_path):
    study = STUDIES["new_patients"]
    short = replace(study.rows["features"], settings=Recipe(epochs=1, batch=64, learning_rate=0.01))
    rows = {"features": short, "plain": replace(short, name="plain", model="tcn")}
    study = replace(study, rows=rows, tested=tuple(rows))
    options = {"test": True, "seeds": [3, 1], "beats": [beats], "device": "cpu"}
    found = studies.run_study(study, out=tmp_path, **options)
    done = [(run.row, run.seed) for run in found[:4]]
    assert done == [("features", 1), ("plain", 1), ("features", 3), ("plain", 3)]
    assert [run.row for run in found[4:]] == ["features-ensemble", "plain-ensemble"]
    assert {run.tested_on for run in found} == {"test"}
    tested = beats.select(splits.patient_split(beats.records).test)
    members = [load_model(tmp_path / f"features-{seed}-test" / WEIGHTS) for seed in (1, 3)]
    answers = np.mean([member.predict(tested) for member in members], axis=0)
    expected = metrics.confusion_matrix(tested.labels, answers.argmax(axis=1))
    assert found[4].confusion_matrix == expected.tolist()
    assert "1, 3" in found[4].note
    assert Run.read(tmp_path / "features-ensemble" / RUN) == found[4]


@pytest.mark.parametrize(
    "options",
    [
        {"rows": ["tcn"]},
        {"seeds": []},
        {"test": True},
        {"test": True, "rows": ["no-tcn"]},  # not settled for DS2
    ],
)
def test_what_makes_no_run_is_refused_before_anything_is_read(options, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "load_beats", lambda *_: pytest.fail("read"))
    study = STUDIES["new_patients" if "no-tcn" in options.get("rows", ()) else "reproduction"]
    with pytest.raises(InputError):
        studies.run_study(study, out=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


# Publishing -------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path):
    """A folder with two finished runs of MIT-BIH, and a results file of one other."""
    (tmp_path / "results.jsonl").write_text(LINES[0] + "\n", "utf-8")
    for seed in (7, 8):
        folder = tmp_path / "runs" / f"tcn-paper-{seed}"
        folder.mkdir(parents=True)
        run = a_run(np.eye(4, dtype=int).tolist(), study="reproduction", row="tcn-paper", seed=seed)
        (folder / RUN).write_text(run.to_json(), "utf-8")
    return tmp_path


def test_finished_runs_are_added_once(shelf):
    file = shelf / "results.jsonl"
    added = studies.publish(shelf / "runs", results=file)
    assert [run.seed for run in added] == [7, 8]
    lines = file.read_text("utf-8").splitlines()
    assert [Run.from_json(line) for line in lines] == [Run.from_json(LINES[0]), *added]
    with pytest.raises(InputError, match="--replace"):
        studies.publish(shelf / "runs", results=file)
    changed = replace(added[0], seconds=1.0)
    (shelf / "runs" / "tcn-paper-7" / RUN).write_text(changed.to_json(), "utf-8")
    studies.publish(shelf / "runs", results=file, replace=True)
    assert len(file.read_text("utf-8").splitlines()) == 3
    assert changed.to_json() in file.read_text("utf-8")


@pytest.mark.parametrize(  # the last is there twice
    "changes", [{"recipe": "paper-quick"}, {"source": "synthetic"}, {"row": "none"}, {"seed": 8}]
)
def test_what_is_no_result_is_refused_and_nothing_is_added(shelf, changes):
    path = shelf / "runs" / "tcn-paper-7" / RUN
    path.write_text(replace(Run.read(path), **changes).to_json(), "utf-8")
    with pytest.raises(InputError):
        studies.publish(shelf / "runs", results=shelf / "results.jsonl")
    assert (shelf / "results.jsonl").read_text("utf-8") == LINES[0] + "\n"


# The paper's tables -----------------------------------------------------------------------------


def first_class(right, **changes):
    """A run of 10 beats N, so many of them right, and 2 of each other class, all right."""
    matrix = np.diag([right, 2, 2, 2])
    matrix[0, 1] = 10 - right
    return a_run(matrix.tolist(), split_hash="a", **changes)


# Sums of the rows and of the columns, added up from the paper.
SUMS_I = (
    [9.261, 9.193, 9.358, 9.203, 9.31],
    [4.866, 4.603, 4.863, 4.792, 4.407, 4.654, 4.743, 4.807, 4.156, 4.434],
)
SUMS_II = ([364.86, 367.58, 376.38], [295.32, 273.07, 269.3, 271.13])


def test_the_papers_tables_are_typed_right():
    for table, sums in ((paper_tables.TABLE_I, SUMS_I), (paper_tables.TABLE_II, SUMS_II)):
        values = np.array(list(table.values()))
        for axis, expected in zip((1, 0), sums, strict=True):
            assert values.sum(axis=axis) == pytest.approx(expected, abs=1e-9)


def test_means_and_spreads_are_those_of_the_seeds():
    found = paper_tables.mean_scores([first_class(right) for right in (10, 8, 6)])["accuracy"]
    values = [16 / 16, 14 / 16, 12 / 16]
    assert (found.mean, found.n) == (statistics.mean(values), 3)
    assert found.sd == pytest.approx(statistics.stdev(values))
    assert paper_tables.format_spread(found) == "87.50\u00a0±\u00a012.50"
    undefined = paper_tables.spread([0.5, math.nan])
    assert (undefined.mean, undefined.sd) == (None, None)
    assert paper_tables.format_spread(undefined) == "-"


def test_differences_are_paired_by_seed_and_of_the_same_test_beats():
    without = [first_class(4, model="tcn-no-se", seed=0), first_class(8, model="tcn-no-se", seed=1)]
    with_it = [first_class(9, model="tcn", seed=1), first_class(6, model="tcn", seed=0)]
    alone = first_class(1, model="tcn", seed=2)
    gains = paper_tables.paired_differences(without, [*with_it, alone])
    assert gains == pytest.approx({0: 2 / 16, 1: 1 / 16})
    assert paper_tables.paired_differences([], with_it) == {}
    with pytest.raises(InputError, match="split"):
        paper_tables.paired_differences(without, [replace(with_it[0], split_hash="b")])
    with pytest.raises(InputError, match="twice"):
        paper_tables.paired_differences([without[0], without[0]], with_it)


def test_a_row_is_compared_with_its_baseline_seed_by_seed():
    study = STUDIES["new_patients"]
    plain = [first_class(n, row="plain", seed=s) for s, n in enumerate((4, 6, 5))]
    rr = [first_class(n, row="rr", seed=s) for s, n in enumerate((10, 8, 9))]
    table = studies.comparison_table(study, [*rr, *plain], ["accuracy"]).set_index("row")
    assert list(table.index) == ["plain", "rr"]
    # 6, 2 and 4 of 16 beats more: mean 4/16; the baseline has 10, 12 and 11 right: sd 1/16.
    assert table.loc["rr"].tolist()[-3:] == [
        "93.75\u00a0±\u00a06.25",
        "+25.00\u00a0±\u00a012.50 *",
        "3",
    ]
    one = studies.comparison_table(study, [rr[0], plain[0]], ["accuracy"]).set_index("row")
    assert one.loc["rr"].tolist()[-2] == "+37.50"  # one seed, no verdict


def test_results_are_written_as_a_whole_or_not_at_all(shelf, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(InputError):
        studies.publish(shelf / "runs", results=shelf / "results.jsonl")
    assert (shelf / "results.jsonl").read_text("utf-8") == LINES[0] + "\n"
    assert len(list(shelf.iterdir())) == 2
