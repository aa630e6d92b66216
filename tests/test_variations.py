"""One run reads one ambiguous point of the paper otherwise, and the table says what it costs."""

import dataclasses
import inspect
import json
import statistics

import numpy as np
import publish
import pytest
from scipy import integrate, special

from ecgkit import (
    InputError,
    experiments,
    heartbeats,
    models,
    published,
    tables,
    training,
    variations,
)
from ecgkit.__main__ import main
from ecgkit.variations import GROUPS, VARIATIONS

pytestmark = pytest.mark.usefixtures("nothing_given")

SOME = ("settled", "r-90th", "squeeze-last", "squeeze-time")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Folder of the tables of beats that these tests share."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def make(kept, synthetic_source, monkeypatch):
    """A function that makes quick variations of the synthetic records."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))
    monkeypatch.setattr(variations, "QUICK_BEATS", 60)
    monkeypatch.setattr(variations, "QUICK_RARE", 12)

    def call(out, only=SOME, **options):
        settings = {"quick": True, "device": "cpu", "progress": False, **options}
        return variations.make(synthetic_source, out, only, **settings)

    return call


@pytest.fixture
def trained(monkeypatch):
    """The folders of the runs that training was called for, and the beats each was given."""
    calls, fit = {}, training.fit

    def spy(network, beats, *arguments, **options):
        curve = fit(network, beats, *arguments, **options)
        calls[options["out"].name] = beats
        return curve

    monkeypatch.setattr(training, "fit", spy)
    return calls


# The list


def test_every_variation_changes_what_its_name_says_and_nothing_else():
    changes = {}
    for name, variation in VARIATIONS.items():
        reference = VARIATIONS[variation.against]
        assert not reference.beats
        assert not reference.recipe
        assert (reference.base, reference.validation) == (variation.base, variation.validation)
        assert reference.seeds == variations.SEEDS
        changed = {**variation.beats, **variation.recipe}
        if variation.model != reference.model:
            changed["model"] = variation.model
        changes[name] = changed
    assert changes == {
        "settled": {},
        "crops-50": {"shortest_crop": 0.5},
        "crops-90": {"shortest_crop": 0.9},
        "bands-d9": {"zeroed": ["A9", "D9", "D1", "D2"]},
        "bands-d1": {"zeroed": ["A9", "D1"]},
        "bands-none": {"zeroed": []},
        "r-90th": {"before": 89},
        "lead-first": {"lead": "first"},
        "early-stride": {"model": "resnet-tcn-early-stride"},
        "squeeze-last": {},
        "squeeze-time": {"model": "tcn-squeeze-time"},
        "no-se": {"model": "tcn-no-se"},
        "resnet-alone": {},
        "no-inception": {"model": "resnet-no-inception"},
        "joint": {"model": "resnet-tcn"},
        "first": {},
        "constant-rate": {"learning_rate": 1e-3, "schedule": "constant"},
        "no-decay": {"weight_decay": 0.0},
        "no-smoothing": {"label_smoothing": 0.0},
        "full-balance": {"balance": 1.0},
        "whole-originals": {"cropped_originals": 0.0},
        "undisturbed": {"gain": 0.0, "noise_mv": 0.0},
        "together-only": {"each_branch": 0.0},
        "ours": {},
        "one-second": {"step": 2},
        "rr-intervals": {"model": "resnet-tcn-rr"},
    }


def test_a_group_is_compared_with_the_one_run_in_which_nothing_is_changed():
    assert {variation.against for variation in VARIATIONS.values()} == set(GROUPS)
    assert all(VARIATIONS[name].against == name for name in GROUPS)


@pytest.mark.parametrize("name", VARIATIONS)
def test_all_names_resolve_and_are_what_json_gives_back(name):
    variation = VARIATIONS[name]
    models.build(variation.model)
    assert variations.recipe(name).epochs < 50
    assert variations.recipe(name, quick=True).epochs == 1
    changed = dict(variation.beats)
    assert json.loads(json.dumps(changed)) == changed
    assert changed.keys() <= inspect.signature(heartbeats.prepare).parameters.keys()


def test_the_settled_run_is_the_papers_balance_and_crops_in_a_hurry():
    how, paper = variations.recipe("settled"), experiments.RECIPES["paper"]
    assert (how.balance, how.shortest_crop) == (paper.balance, paper.shortest_crop) == (1, 0.75)
    assert (how.weight_decay, how.label_smoothing) == (0, 0)
    assert (how.epochs, how.batch, how.learning_rate) == (4, 256, 1e-3)


def test_an_ingredient_is_taken_away_from_our_first_recipe():
    ingredients = [v for v in VARIATIONS.values() if v.against == "first"]
    first = dataclasses.replace(experiments.RECIPES["first"], epochs=6)
    assert variations.recipe("first") == first
    for variation in ingredients:
        for setting, value in variation.recipe.items():
            assert getattr(first, setting) != value
    used = {setting for variation in ingredients for setting in variation.recipe}
    shared = {"epochs", "batch", "shortest_crop"}  # these are not varied
    shared |= {"class_weights", "focal"}  # ours does without; see test_patients
    assert used == {field.name for field in dataclasses.fields(first)} - shared


def test_our_recipe_has_less_of_what_cost_more_than_it_brought():
    first, ours = (experiments.RECIPES[name] for name in ("first", "ours"))
    for name in ("epochs", "gain", "noise_mv", "each_branch"):
        assert 0 < getattr(ours, name) < getattr(first, name)
    for name in ("shortest_crop", "cropped_originals"):  # shorter crops cost; whole originals, too
        assert getattr(ours, name) > getattr(first, name)
    same = {f.name for f in dataclasses.fields(ours)}
    same -= {"epochs", "gain", "noise_mv", "each_branch", "shortest_crop", "cropped_originals"}
    assert all(getattr(ours, name) == getattr(first, name) for name in same)


def test_what_our_recipe_is_chosen_by_is_measured_on_the_validation_part_and_nothing_else():
    chosen_by = {"first", "ours"}
    assert all(v.validation == (v.against in chosen_by) for v in VARIATIONS.values())


def test_what_the_papers_fig_5_compares_has_the_same_seeds():
    for without, with_it in (("no-se", "squeeze-last"), ("no-inception", "resnet-alone")):
        a, b = VARIATIONS[without], VARIATIONS[with_it]
        assert (a.model, b.model) in tables.PAIRS.values()
        assert a.seeds == b.seeds == variations.SEEDS
        assert variations.recipe(without) == variations.recipe(with_it)


def test_no_recipe_of_a_hurry_has_the_name_of_another():
    assert not variations.RECIPES.keys() & experiments.RECIPES.keys()


# Runs


def test_all_variations_run_from_the_command_and_a_second_call_trains_none(
    make, tmp_path, synthetic_source, monkeypatch, capsys
):
    monkeypatch.setenv("ECGKIT_SOURCE", "synthetic")
    monkeypatch.setattr("ecgkit.records.find", lambda _: synthetic_source)
    command = ["variations", "--quick", "--out", str(tmp_path), "--device", "cpu"]
    assert main([*command, "--json"]) == 0
    output, errors = capsys.readouterr()
    found = json.loads(output)
    assert found.keys() == {"source", "fingerprint", "quick", "runs", "rows", "file"}
    assert [run["variation"] for run in found["runs"]] == list(VARIATIONS)
    assert [row["variation"] for row in found["rows"]] == list(VARIATIONS)
    assert errors.count("\n") == len(VARIATIONS)
    parts = {run["tested_on"]: run["split_hash"] for run in found["runs"]}
    assert parts.keys() == {"test", "validation"}
    assert all(parts[run["tested_on"]] == run["split_hash"] for run in found["runs"])
    for name, variation in VARIATIONS.items():
        run = json.loads((tmp_path / f"{name}-0" / "run.json").read_text())
        assert (run["variation"], run["recipe"]) == (name, f"{variation.base}-quick")
        noted = {k: v for k, v in run["data"].items() if k not in ("source", "fingerprint")}
        assert noted == variation.beats

    monkeypatch.setattr(training, "fit", None)
    assert main(command) == 0
    output = capsys.readouterr().out
    assert output.startswith("=== SYNTHETIC")
    text = (tmp_path / "variations.md").read_text()
    assert text in output
    assert "**SYNTHETIC RECORDS, computer-made" in text
    assert "**QUICK RUN" in text


def test_the_beats_of_a_variation_are_those_it_asks_for(make, tmp_path, trained):
    make(tmp_path)
    assert list(trained) == [f"{name}-0" for name in SOME]
    settled, r_90th = trained["settled-0"], trained["r-90th-0"]
    # One sample fewer before the R peak: each window begins a sample later.
    assert (r_90th[:, :-1] == settled[:, 1:]).all()
    assert (r_90th != settled).any()


def test_weights_of_a_variation_do_not_pass_for_those_of_its_recipe(make, tmp_path):
    make(tmp_path, ["settled"])
    _, about = experiments.load_model(tmp_path / "settled-0" / "model.safetensors")
    assert about["recipe"] == "hurried-quick, variation settled"


def test_the_settled_runs_have_several_seeds_and_a_reading_has_one(make, tmp_path, monkeypatch):
    def record(beats, *_, seed, variation, **__):
        made.append((variation, seed))
        data = {"source": "mitdb", "fingerprint": "x"}
        return None, {**a_run(variation, seed, 50), "data": data}

    made = []
    monkeypatch.setattr(experiments, "train", record)
    make(tmp_path, quick=False)
    first = [("settled", 0), ("settled", 1), ("settled", 2), ("r-90th", 0)]
    last = [("squeeze-last", 0), ("squeeze-last", 1), ("squeeze-last", 2), ("squeeze-time", 0)]
    assert made == first + last


def test_a_run_of_another_variation_in_the_way_is_a_sentence(make, tmp_path):
    make(tmp_path, ["settled"])
    (tmp_path / "settled-0").rename(tmp_path / "crops-50-0")
    with pytest.raises(InputError, match=r"\(shortest_crop is 0\.75 there, 0\.5 here\)"):
        make(tmp_path, ["crops-50"])
    (tmp_path / "crops-50-0").rename(tmp_path / "lead-first-0")
    with pytest.raises(InputError, match=r"\(lead is None there, first here\)"):
        make(tmp_path, ["lead-first"])
    with pytest.raises(InputError, match=r"\(batch is 32 there, 256 here\)"):
        make(tmp_path, ["lead-first"], quick=False)


def test_a_run_without_a_variation_says_nothing_of_one(synthetic_beats):
    how = training.Recipe(epochs=1, batch=32)
    few = synthetic_beats.without_q()
    rows = [np.flatnonzero(few.labels == c)[:4] for c in range(4)]
    few = few.select(np.concatenate(rows))
    _, run = experiments.train(few, "resnet", "paper", how, device="cpu", progress=False)
    assert "variation" not in run
    assert run["data"].keys() == {"source", "fingerprint"}


def test_a_wrong_name_is_a_sentence_before_anything_is_read(monkeypatch, capsys):
    monkeypatch.setattr("ecgkit.records.find", None)
    assert main(["variations", "--only", "settled", "crops-40"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("ecgkit: There is no variation 'crops-40': use one of settled, crops-50")
    assert said.count("\n") == 1


# The table


def a_run(variation, seed, right):
    """A record of 100 beats of each class, all right but for N, of which ``right`` are."""
    kind = VARIATIONS[variation]
    return {
        **{"variation": variation, "model": kind.model, "recipe": kind.base, "seed": seed},
        **{"mapping": "ec57", "tested_on": "test", "split_hash": "0", "seconds": 10.0},
        **{"data": {"source": "mitdb", "fingerprint": "x"}, "device": "CPU"},
        "config": {
            **{"epochs": 4, "batch": 256, "learning_rate": 1e-3, "schedule": "one-cycle"},
            **{"balance": 1.0, "precision": "float32"},
        },
        "confusion_matrix": [[right, 100 - right, 0, 0], *np.diag([0, 100, 100, 100])[1:].tolist()],
    }


def line_of(text, change):
    (line,) = [line for line in text.splitlines() if change in line]
    return [cell.strip() for cell in line.strip("| ").split(" | ")]


def test_the_table_is_what_one_works_out_by_hand():
    runs = [a_run("settled", 0, 80), a_run("settled", 1, 84), a_run("settled", 2, 88)]
    runs += [a_run("crops-50", 0, 90), a_run("lead-first", 0, 79)]
    text = variations.markdown(runs)
    # Accuracy: 380, 384 and 388 of 400, so 95, 96, 97 %, sd 1. crops-50: 390 of 400, 2.5 points
    # up, more than 2; lead-first: 379 of 400, a quarter of a point down.
    assert line_of(text, "everything as settled")[3:5] == ["95.00", "-"]
    assert line_of(text, "50-100 %")[3:5] == ["97.50", "+2.50"]
    assert line_of(text, "its first channel")[3:5] == ["94.75", "-0.25"]
    # Mean F1. With r of 100 N right: N 2r / (100 + r), S 200 / (300 - r), V and F 1.
    f1 = {r: (2 * r / (100 + r) + 200 / (300 - r) + 2) / 4 * 100 for r in (79, 80, 84, 88, 90)}
    sd = statistics.stdev([f1[80], f1[84], f1[88]])
    assert f1[90] - f1[80] > 2 * sd > f1[80] - f1[79]
    assert line_of(text, "everything as settled")[5:] == [f"{f1[80]:.2f}", "-", "-"]
    up = [f"{f1[90]:.2f}", f"{f1[90] - f1[80]:+.2f}", "accuracy and mean F1"]
    assert line_of(text, "50-100 %")[5:] == up
    down = [f"{f1[79]:.2f}", f"{f1[79] - f1[80]:+.2f}", "neither"]
    assert line_of(text, "its first channel")[5:] == down
    assert "3 seeds of `settled`" in text
    assert f"1.000 points of accuracy, {sd:.3f} of mean F1" in text
    assert "tested on 400 beats of the test part" in text
    assert "50 s in all" in text
    assert "SYNTHETIC" not in text
    assert "QUICK" not in text
    assert "squeeze-last" not in text


def test_how_often_luck_exceeds_two_sd_is_students_integral():
    # Two runs of equal spread: their difference has sd * sqrt(2), so 2 sd are t = sqrt(2). With 3
    # seeds t has 2 degrees of freedom, where P(|t| > x) = 1 - x / sqrt(2 + x^2): 1 - sqrt(1/2).
    runs = [a_run("settled", seed, 80 + seed) for seed in range(3)]
    assert f"in {1 - 0.5**0.5:.0%} of cases" in variations.markdown(runs)
    runs += [a_run("settled", seed, 80 + seed) for seed in (3, 4)]
    factor = special.gamma(2.5) / (special.gamma(2) * (4 * np.pi) ** 0.5)
    tail = integrate.quad(lambda t: factor * (1 + t * t / 4) ** -2.5, 2**0.5, np.inf)[0]
    assert f"in {2 * tail:.0%} of cases" in variations.markdown(runs)


def test_one_seed_alone_gives_no_verdict():
    runs = [a_run("settled", 0, 80), a_run("crops-50", 0, 90)]
    text = variations.markdown(runs)
    assert line_of(text, "50-100 %")[4] == "+2.50"
    assert line_of(text, "50-100 %")[7] == "-"
    assert "it takes two seeds" in text


def test_without_the_settled_run_there_is_no_difference():
    (row,) = variations.summary([a_run("crops-50", 0, 90)])
    unknown = {"difference": None, "sd": None, "large": None}
    assert row["accuracy"] == {"value": 0.975, **unknown}
    assert line_of(variations.markdown([a_run("crops-50", 0, 90)]), "50-100 %")[4] == "-"


def test_a_figure_that_is_not_defined_is_a_dash_and_null():
    runs = [a_run("settled", seed, 80) for seed in range(3)] + [a_run("crops-50", 0, 90)]
    for run in runs:
        run["confusion_matrix"] = [[5, 0, 0, 0], [1, 4, 0, 0], *2 * [[0, 0, 0, 0]]]
    assert line_of(variations.markdown(runs), "50-100 %")[3:] == [
        "90.00",
        "+0.00",
        "-",
        "-",
        "-",
    ]
    assert variations.summary(runs)[1]["mean_f1"] == dict.fromkeys(
        ("value", "difference", "sd", "large")
    )


def test_a_group_is_compared_with_its_own_run():
    runs = [a_run("settled", 0, 0), a_run("squeeze-last", 0, 80), a_run("squeeze-time", 0, 82)]
    rows = {row["variation"]: row for row in variations.summary(runs)}
    assert rows["squeeze-time"]["against"] == "squeeze-last"
    assert rows["squeeze-time"]["accuracy"]["difference"] == pytest.approx(0.005)


# Publishing


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty place for published runs, and a function that makes a folder with a run."""
    place = tmp_path / "published"
    place.mkdir()
    one = {"name": "a", "model": "resnet-tcn", "recipe": "hurried", "split": "random", "seed": 0}
    one["variation"] = None
    (place / "index.json").write_text(json.dumps([{**one, "weights_sha256": None}]))
    monkeypatch.setattr(publish, "PUBLISHED", place)
    monkeypatch.setattr(published, "DIRECTORY", place)

    def a_folder(**changes):
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        record = {**a_run("crops-50", 0, 90), "split": "random", **changes}
        (folder / "run.json").write_text(json.dumps(record))
        (folder / "model.safetensors").write_bytes(b"weights")
        return folder

    return a_folder


def test_a_variation_is_published_apart_from_the_runs_of_a_recipe(shelf):
    assert publish.publish(shelf(), weights=False) == "variation-crops-50-0"
    assert [entry["name"] for entry in published.index()] == ["a"]
    (entry,) = published.variations()
    assert (entry["variation"], entry["weights_sha256"]) == ("crops-50", None)
    assert published.run(entry["name"])["variation"] == "crops-50"
    with pytest.raises(InputError, match="there are none"):
        published.find("resnet-tcn", "hurried")


def test_variations_between_patients_are_listed_apart(shelf):
    folder = shelf(split="patients", variation="patients-rr", tested_on="validation")
    assert publish.publish(folder, weights=False) == "variation-patients-rr-0"
    assert published.variations() == []
    assert [entry["variation"] for entry in published.variations("patients")] == ["patients-rr"]


def test_a_run_of_a_recipe_is_published_under_its_name_with_its_weights(shelf):
    folder = shelf(variation=None, recipe="paper")
    assert publish.publish(folder) == "resnet-tcn-paper-random-0"
    assert published.find("resnet-tcn", "paper")["variation"] is None


def test_a_variation_may_be_of_the_validation_part_and_other_runs_may_not(shelf):
    assert publish.publish(shelf(tested_on="validation"), weights=False)
    with pytest.raises(InputError, match="tested on the validation part"):
        publish.publish(shelf(tested_on="validation", variation=None))


@pytest.mark.parametrize(
    ("changes", "weights", "says"),
    [
        ({}, True, "published without weights: add --no-weights"),
        ({"recipe": "hurried-quick"}, False, "is a quick run"),
        ({"data": {"source": "synthetic", "fingerprint": "x"}}, False, "is of synthetic data"),
    ],
)
def test_what_is_not_published_is_refused(shelf, changes, weights, says):
    with pytest.raises(InputError, match=says):
        publish.publish(shelf(**changes), weights)
    assert published.variations() == []
