"""Studies: what rows change, runs that survive a kill, published results, the paper's tables."""

import json
import math
import os
import statistics
from dataclasses import asdict, replace

import numpy as np
import pytest
from safetensors.torch import load_file

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

NAMES = ["ambiguities", "new_patients", "reproduction"]
STUDIES = {name: studies.load_study(name) for name in NAMES}
ROWS = [pytest.param(s, row, id=f"{s.name}/{row}") for s in STUDIES.values() for row in s.rows]
LINES = store.RESULTS.read_text("utf-8").splitlines()

TEMPLATE = json.loads(LINES[0])


def a_run(matrix, **changes):
    return Run.from_json(json.dumps({**TEMPLATE, "confusion_matrix": matrix, **changes}))


# Definitions ------------------------------------------------------------------------------------


def changes(row, other):
    """Names of everything in which two rows differ."""
    found = ["model"] * (row.model != other.model)
    for kind in ("settings", "preparation"):
        one, two = asdict(getattr(row, kind)), asdict(getattr(other, kind))
        found += [key for key in one if one[key] != two[key]]
    return found


def test_the_studies_are_the_files():
    assert studies.study_names() == NAMES
    with pytest.raises(InputError, match="reproduction"):
        studies.load_study("reproductions")


@pytest.mark.parametrize(("study", "name"), ROWS)
def test_a_row_can_be_built_and_names_its_baseline(study, name):
    row = study.rows[name]
    assert build(row.model, row.preparation.n_features).n_features == row.preparation.n_features
    assert Preparation.from_dict(json.loads(json.dumps(row.preparation.to_dict())))
    assert row.change
    assert row.seeds >= 1
    if row.against:
        baseline = study.rows[row.against]
        assert (baseline.validation, baseline.seeds >= row.seeds) == (row.validation, True)


TWO_CHANGES = {
    "ambiguities": {
        "r-90th": ["before", "after"],
        "constant-rate": ["learning_rate", "schedule"],
        "no-noise": ["gain", "noise_mv"],
    },
    "new_patients": {
        "class-weights": ["balance", "class_weights"],
        "focal": ["balance", "focal"],
        "no-noise": ["gain", "noise_mv"],
        "more-noise": ["gain", "noise_mv"],
        "all": ["step", "units", "features"],
        "relative": ["units", "relative_to"],
    },
}


@pytest.mark.parametrize("name", ["ambiguities", "new_patients"])
def test_a_row_changes_one_thing_of_its_baseline(name):
    rows = STUDIES[name].rows
    for row in rows.values():
        if row.against:
            found = changes(row, rows[row.against])
            assert found == TWO_CHANGES[name].get(row.name, found[:1]), row.name
            assert found, row.name


def test_the_reproduction_is_five_models_by_three_kinds_of_training():
    rows = STUDIES["reproduction"].rows.values()
    kinds = {("paper", 1): [], ("ours", 1): [], ("ours", 2): []}
    for row in rows:
        kinds[row.recipe, row.preparation.step].append(row.model)
        assert row.settings == RECIPES[row.recipe]
        assert replace(row.preparation, step=1) == Preparation()
    assert [sorted(models) for models in kinds.values()] == 3 * [sorted(PAPER_MODELS)]


def test_recipes_of_the_studies_are_what_their_names_say():
    rows = STUDIES["ambiguities"].rows
    short = Recipe(epochs=4, batch=256, learning_rate=1e-3, schedule="one-cycle")
    assert rows["baseline"].settings == short
    assert rows["squeeze-last"].settings == replace(short, epochs=3, balance=0.0)
    assert rows["ours"].settings == replace(RECIPES["ours"], epochs=6)
    first = rows["first-whole"].settings
    assert (first.epochs, rows["first"].settings) == (60, replace(first, epochs=6))
    patients = STUDIES["new_patients"].rows
    assert patients["rr"].settings == replace(RECIPES["ours"], epochs=2)
    assert patients["rr"].preparation.features[:2] == ("rr_near", "rr_far")
    assert len(patients["rr"].preparation.features) == 6
    assert len(patients["shape"].preparation.features) == 12
    assert {row.preparation.mapping for row in patients.values()} == {"literature"}
    assert set(STUDIES["new_patients"].tested) <= patients.keys()


# Published results ------------------------------------------------------------------------------

TESTED_BEATS = {
    ("random", "test"): {50339},  # half of N 89841, S 3026, V 7008, F 802
    ("random", "validation"): {5034},  # a tenth of the other half
    ("patients", "test"): {49684},  # DS2
    ("patients", "validation"): {13226, 13623, 11745, 13042, 13278},  # by seed
}


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_published_run_is_whole_and_is_of_its_row(line):
    run = Run.from_json(line)
    assert json.loads(run.to_json()) == json.loads(line)
    matrix = np.array(run.confusion_matrix)
    assert matrix.shape == (4, 4)
    assert matrix.min() >= 0
    assert int(matrix.sum()) in TESTED_BEATS[run.split, run.tested_on]
    study = STUDIES[run.study]
    row = study.rows[run.row.removesuffix(store.ENSEMBLE)]
    ensemble = run.row.endswith(store.ENSEMBLE)
    assert (run.model, run.recipe, run.split) == (row.model, row.recipe, study.split)
    assert run.tested_on == ("validation" if row.validation and not is_tested(run) else "test")
    assert run.settings == (replace(row.settings, epochs=0) if ensemble else row.settings)
    assert run.preparation == row.preparation
    assert len(run.losses) == len(run.epoch_seconds) == run.settings.epochs
    assert len(run.validation_mean_f1) == run.settings.epochs * (run.tested_on == "validation")
    assert math.isfinite(run.seconds)
    assert (run.source, run.fingerprint) == ("mitdb", "eac6456330bbdcb2")
    if run.split == "patients":
        assert run.by_record.keys() == {"ec57", "literature"}
        total = np.sum(list(run.by_record["literature"].values()), axis=0)
        assert total.tolist() == matrix.tolist()
    if not run.predictions:
        assert "First edition" in run.note


def is_tested(run):
    return run.study == "new_patients" and run.tested_on == "test"


def test_no_result_is_there_twice():
    runs = [Run.from_json(line) for line in LINES]
    assert len({store._identity(run) for run in runs}) == len(runs) >= 196


def test_runs_are_found_by_row_and_by_field_in_the_order_of_rows_and_seeds():
    ours = studies.results("reproduction", "resnet-tcn-ours")
    assert [run.seed for run in ours] == list(range(len(ours)))
    tested = studies.results("new_patients", tested_on="test")
    rows = list(dict.fromkeys(run.row for run in tested))
    expected = [
        f"{row}{end}" for row in STUDIES["new_patients"].tested for end in ("", "-ensemble")
    ]
    assert sorted(rows) == sorted(expected)
    assert rows.index("rr-ensemble") == rows.index("rr") + 1
    assert studies.results("reproduction", model="tcn", recipe="paper", seed=0)
    assert not studies.results("reproduction", model="tcn", seed=99)
    for wrong in ({"row": "none"}, {"colour": "red"}):
        with pytest.raises(InputError):
            studies.results("reproduction", **wrong)


def test_first_edition_scores_are_what_that_edition_said():
    def mean(study, row, key, **equals):
        return 100 * paper_tables.mean_scores(studies.results(study, row, **equals)[:5])[key].mean

    ours = ("reproduction", "resnet-tcn-ours")
    assert mean(*ours, "accuracy") == pytest.approx(99.02, abs=0.005)
    assert mean(*ours, "mean_f1") == pytest.approx(93.39, abs=0.005)
    second = ("reproduction", "resnet-tcn-ours-1s")
    assert mean(*second, "accuracy") == pytest.approx(99.26, abs=0.005)
    assert mean(*second, "mean_f1") == pytest.approx(94.55, abs=0.005)
    best = ("new_patients", "relative-balance-25")
    assert mean(*best, "accuracy", tested_on="test") == pytest.approx(93.7, abs=0.05)
    assert mean(*best, "f1_V", tested_on="test") == pytest.approx(93.5, abs=0.05)


# Runs -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beats():
    """A few synthetic beats with all features, as one table that serves many rows."""
    wanted = STUDIES["new_patients"].rows["shape"].preparation
    found = load_beats("synthetic", wanted, cached=False).without_q()
    rows = [np.flatnonzero(found.labels == c)[:: len(found) // 70] for c in range(4)]
    rare = [np.flatnonzero(found.labels == c)[:: c + 2][:60] for c in (1, 2, 3)]
    return found.select(np.unique(np.concatenate([*rows, *rare])))


@pytest.fixture
def make(beats, tmp_path, monkeypatch):
    """A function that makes quick runs of a study."""
    monkeypatch.setattr(engine, "QUICK_EPOCHS", 2)

    def call(name, *rows, out=tmp_path / "runs", **options):
        options = {"quick": True, "beats": [beats], "device": "cpu", **options}
        return studies.run_study(STUDIES[name], out=out, rows=rows, **options)

    return call


def tensors(folder):
    return {key: value.numpy().tobytes() for key, value in load_file(folder / WEIGHTS).items()}


def test_a_study_that_is_cut_off_goes_on_to_the_same_weights(
    make, beats, tmp_path, monkeypatch, capsys
):
    (whole,) = make("reproduction", "tcn-paper", out=tmp_path / "whole")
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
    folder = tmp_path / "cut" / "tcn-paper-0"
    assert not (folder / RUN).exists()
    capsys.readouterr()
    assert main(command) == 0
    (resumed,) = json.loads(capsys.readouterr().out)
    assert resumed["losses"] == whole.losses
    assert len(whole.losses) == 2
    assert resumed["confusion_matrix"] == whole.confusion_matrix
    assert tensors(folder) == tensors(tmp_path / "whole" / "tcn-paper-0")


def test_finished_runs_are_kept_and_those_of_other_settings_are_in_the_way(make, monkeypatch):
    first = make("reproduction", "tcn-paper")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "fit", lambda *_, **__: pytest.fail("trained again"))
        assert make("reproduction", "tcn-paper") == first
    monkeypatch.setattr(engine, "QUICK_BATCH", 32)
    with pytest.raises(InputError, match="settings"):
        make("reproduction", "tcn-paper")


def test_a_run_says_which_row_it_is_of_and_that_it_was_quick(make, tmp_path):
    (run,) = make("new_patients", "features")
    assert (run.study, run.row, run.recipe) == ("new_patients", "features", "patients-quick")
    assert (run.tested_on, run.split, run.source) == ("validation", "patients", "synthetic")
    assert len(run.preparation.features) == 12
    assert run.predicted().shape == (np.sum(run.confusion_matrix),)
    assert Run.read(tmp_path / "runs" / "features-0" / RUN) == run
    text = (tmp_path / "runs" / "summary.md").read_text("utf-8")
    assert "QUICK" in text
    assert "SYNTHETIC" in text
    assert "| features |" in text


def test_a_table_serves_rows_of_fewer_features_and_the_others_are_left_out(make, beats, capsys):
    found = make("new_patients", "plain", "rr", "one-second", models=["resnet-tcn"])
    assert [run.row for run in found] == ["plain", "rr"]
    assert [run.preparation.n_features for run in found] == [0, 6]
    assert "one-second" in capsys.readouterr().err
    served = engine._table(Preparation(features=("size", "rr_near")), [beats])
    expected = beats.features[:, [list(beats.preparation.features).index("size"), 0]]
    np.testing.assert_array_equal(served.features, expected)
    np.testing.assert_array_equal(served.labels, beats.relabel("ec57").labels)


def test_seeds_go_round_together_and_an_ensemble_is_the_mean_of_its_members(make, beats, tmp_path):
    study = STUDIES["new_patients"]
    short = replace(study.rows["features"], settings=Recipe(epochs=1, batch=64, learning_rate=0.01))
    rows = {"features": short, "plain": replace(short, name="plain", model="tcn")}
    study = replace(study, rows=rows, tested=tuple(rows))
    found = studies.run_study(
        study, out=tmp_path, test=True, seeds=[3, 1], beats=[beats], device="cpu"
    )
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
    ("name", "options"),
    [
        ("reproduction", {"rows": ["tcn"]}),
        ("reproduction", {"models": ["lstm"]}),
        ("reproduction", {"models": ["tcn"], "rows": ["resnet-paper"]}),
        ("reproduction", {"seeds": []}),
        ("reproduction", {"test": True}),
    ],
)
def test_what_makes_no_run_is_refused_before_anything_is_read(name, options, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "load_beats", lambda *_: pytest.fail("read"))
    with pytest.raises(InputError):
        studies.run_study(STUDIES[name], out=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [["study", "none"], ["study", "reproduction", "--seeds", "0"], ["publish", "/nowhere"]],
)
def test_the_command_refuses_in_one_sentence(command, capsys, monkeypatch):
    monkeypatch.setattr(os, "nice", lambda _: None)
    assert main(command) == 2
    assert capsys.readouterr().err.count("\n") == 1


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


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": "paper-quick"},
        {"source": "synthetic"},
        {"row": "none"},
        {"study": ""},
        {"seed": 8},  # there twice
    ],
)
def test_what_is_no_result_is_refused_and_nothing_is_added(shelf, changes):
    path = shelf / "runs" / "tcn-paper-7" / RUN
    path.write_text(replace(Run.read(path), **changes).to_json(), "utf-8")
    with pytest.raises(InputError):
        studies.publish(shelf / "runs", results=shelf / "results.jsonl")
    assert (shelf / "results.jsonl").read_text("utf-8") == LINES[0] + "\n"


def test_results_are_written_as_a_whole_or_not_at_all(shelf, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(InputError):
        studies.publish(shelf / "runs", results=shelf / "results.jsonl")
    assert (shelf / "results.jsonl").read_text("utf-8") == LINES[0] + "\n"
    assert len(list(shelf.iterdir())) == 2


# The paper's tables -----------------------------------------------------------------------------

PAPER_I = {
    "Acharya et al. [15]": "0.940 0.924 0.916 0.852 0.890 0.948 0.941 0.951 0.952 0.947",
    "Chen et al. [16]": "0.978 0.911 0.992 0.985 0.875 0.953 0.947 0.952 0.739 0.861",
    "Hua et al. [17]": "0.974 0.931 0.965 0.971 0.928 0.957 0.928 0.964 0.836 0.904",
    "Gai [18]": "0.986 0.912 0.996 0.990 0.797 0.906 0.959 0.971 0.846 0.840",
    "ResNet-TCN, paper": "0.988 0.925 0.994 0.994 0.917 0.890 0.968 0.969 0.783 0.882",
}
PAPER_II = {
    "resnet": "98.12 89.62 88.21 88.91",
    "tcn": "98.36 91.76 87.75 89.71",
    "resnet-tcn": "98.84 91.69 93.34 92.51",
}


def first_class(right, **changes):
    """A run of 10 beats N, so many of them right, and 2 of each other class, all right."""
    matrix = np.diag([right, 2, 2, 2])
    matrix[0, 1] = 10 - right
    return a_run(matrix.tolist(), split_hash="a", **changes)


def test_the_papers_tables_are_typed_right():
    typed = {name: [f"{x:.3f}" for x in row] for name, row in paper_tables.TABLE_I.items()}
    assert typed == {name: row.split() for name, row in PAPER_I.items()}
    typed = {name: [f"{x:.2f}" for x in row] for name, row in paper_tables.TABLE_II.items()}
    assert typed == {name: row.split() for name, row in PAPER_II.items()}


def test_scores_of_a_matrix_are_what_one_works_out_by_hand():
    found = paper_tables.scores(first_class(6))
    # 12 of 16 right; Se .6, 1, 1, 1; P+ 1, 2/6, 1, 1; F1 of N 12/16, of S 4/8.
    assert found["accuracy"] == 0.75
    assert found["se"] == pytest.approx(0.9)
    assert found["ppv"] == pytest.approx((3 + 1 / 3) / 4)
    assert found["mean_f1"] == pytest.approx((0.75 + 0.5 + 2) / 4)
    assert found["f1_of_means"] == pytest.approx(2 * 0.9 * (5 / 6) / (0.9 + 5 / 6))
    assert found["binary_accuracy"] == pytest.approx((12 / 16 + 12 / 16 + 2) / 4)
    assert found == paper_tables.scores(np.array(first_class(6).confusion_matrix))


def test_means_and_spreads_are_those_of_the_seeds():
    found = paper_tables.mean_scores([first_class(right) for right in (10, 8, 6)])["accuracy"]
    values = [16 / 16, 14 / 16, 12 / 16]
    assert (found.mean, found.n) == (statistics.mean(values), 3)
    assert found.sd == pytest.approx(statistics.stdev(values))
    assert paper_tables.format_spread(found) == "87.50 ±\u00a012.50"
    undefined = paper_tables.spread([0.5, math.nan])
    assert (undefined.mean, undefined.sd) == (None, None)
    assert paper_tables.format_spread(undefined) == "-"
    with pytest.raises(InputError):
        paper_tables.mean_scores([])


def test_differences_are_paired_by_seed_and_of_the_same_test_beats():
    without = [first_class(4, model="tcn-no-se", seed=0), first_class(8, model="tcn-no-se", seed=1)]
    with_it = [first_class(9, model="tcn", seed=1), first_class(6, model="tcn", seed=0)]
    runs = [*without, *with_it, first_class(1, model="tcn", seed=2)]  # the last has no partner
    gains = paper_tables.part_gains(runs)
    assert gains["SE block"] == pytest.approx({0: 2 / 16, 1: 1 / 16})
    assert gains["Inception stem"] == {}
    with pytest.raises(InputError, match="split"):
        paper_tables.paired_differences(without, [replace(with_it[0], split_hash="b")])
    with pytest.raises(InputError, match="twice"):
        paper_tables.paired_differences([without[0], without[0]], with_it)


def test_table_ii_sets_ours_and_the_difference_beside_the_papers():
    runs = [first_class(10, model="resnet", seed=0), first_class(6, model="resnet", seed=1)]
    text = paper_tables.to_markdown(
        paper_tables.table_ii([*runs, first_class(8, model="tcn-no-se")])
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    by_name = {row[0]: row[1:] for row in reversed(rows)}
    for model, values in PAPER_II.items():
        assert by_name[f"{model}, paper"][:4] == values.split()
    assert by_name["resnet, ours"][0] == "87.50 ±\u00a017.68"  # 100 and 75
    assert by_name["resnet, ours"][-1] == "2"
    assert by_name["ours less paper"][0] == "-10.62"  # 87.50 - 98.12
    assert by_name["tcn-no-se, ours"][0] == "87.50"
    assert "tcn-no-se, paper" not in by_name


def test_beside_the_paper_stand_means_spreads_and_differences():
    runs = {
        "paper": [first_class(10), first_class(6, seed=1)],
        "none": [],
        "ours": [first_class(6)],
    }
    table = paper_tables.beside_paper(runs).set_index("score (%)")
    assert [name for name in table if "run" in name] == ["paper, 2 runs", "ours, 1 run"]
    assert table.loc["Acc"].tolist()[:2] == ["94.0 to 98.6", "98.84"]
    assert table.loc["Acc", "ours less paper"] == "-23.84"  # 75 - 98.84
    # Gai's mean Se is .8995, Chen's .88825, Hua's .88925, Acharya's .92475.
    assert table.loc["mean Se"].tolist()[:2] == ["88.8 to 92.5", "91.69"]
    assert table.loc["Se of N", "paper, 2 runs"] == "80.00 ±\u00a028.28"  # 100 and 60
    assert table.loc["Se of N", "paper less paper"] == "-19.4"  # 80 - 99.4
    # The mean of the F1 of .994/.994, .917/.890, .968/.969, .783/.882, worked out by hand.
    assert table.loc["mean F1", "paper"] == "92.4"


def test_a_table_of_scores_has_a_row_per_label_and_says_what_has_not_run():
    keys = {"accuracy": "Acc %", "j_kappa": "j-kappa"}
    rows = {"all right": [np.eye(4, dtype=int)], "later": []}
    table = paper_tables.score_table(rows, keys, digits=1)
    assert table.to_numpy().tolist() == [
        ["all right", "100.0", "1.000", "1"],
        ["later", "", "", "not run yet"],
    ]


def test_a_row_is_compared_with_its_baseline_seed_by_seed():
    study = STUDIES["new_patients"]
    plain = [first_class(n, row="plain", seed=s) for s, n in enumerate((4, 6, 5))]
    rr = [first_class(n, row="rr", seed=s) for s, n in enumerate((10, 8, 9))]
    found = {of.row: of for of in studies.compare_rows(study, [*rr, *plain])}
    assert list(found) == ["plain", "rr"]
    assert (found["plain"].difference.n, found["plain"].large) == (0, None)
    gain = found["rr"]
    # 6, 2 and 4 of 16 beats more: mean 4/16; the baseline has 10, 12 and 11 right: sd 1/16.
    assert gain.difference.mean == pytest.approx(4 / 16)
    assert gain.difference.sd == pytest.approx(2 / 16)
    assert gain.baseline_sd == pytest.approx(1 / 16)
    assert (gain.against, gain.ahead, gain.large) == ("plain", 3, True)
    table = studies.comparison_table(study, [*rr, *plain], ["accuracy"]).set_index("row")
    assert table.loc["rr"].tolist()[-3:] == ["93.75 ±\u00a06.25", "+25.00 ±\u00a012.50 *", "3"]


def test_a_single_seed_gives_no_verdict():
    study = STUDIES["new_patients"]
    runs = [first_class(4, row="plain", seed=0), first_class(9, row="rr", seed=0)]
    assert studies.compare_rows(study, runs)[1].large is None
