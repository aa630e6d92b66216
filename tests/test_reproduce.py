"""All runs of the paper are made once, cut off or not, and its tables stand beside ours."""

import json
import re
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.metrics import precision_recall_fscore_support

from ecgkit import InputError, checkpoints, experiments, plots, reproduce, tables, training
from ecgkit.__main__ import main

pytestmark = pytest.mark.usefixtures("nothing_given")

MODELS = ("resnet-tcn", "resnet", "resnet-no-inception")
NAMES = [f"{model}-paper-random-{seed}" for seed in (0, 1) for model in MODELS]

# The paper's Table I and II, typed from the paper a second time.
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


@pytest.fixture(autouse=True, scope="module")
def two_epochs():
    """Recipes that are over soon."""
    with pytest.MonkeyPatch.context() as patch:
        for name, how in experiments.RECIPES.items():
            patch.setitem(experiments.RECIPES, name, replace(how, epochs=2, batch=64))
        patch.setattr(reproduce, "QUICK", {"epochs": 1, "batch": 64})
        yield


@pytest.fixture(scope="module")
def beats(synthetic_beats):
    four = synthetic_beats.without_q()
    rows = [np.flatnonzero(four.labels == c)[:n] for c, n in enumerate((60, 30, 30, 20))]
    return four.select(np.sort(np.concatenate(rows)))


@pytest.fixture(scope="module")
def table(beats, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "beats.npz"
    beats.save(path)
    return path


def make(beats, out, **options):
    settings = {"seeds": 2, "models": MODELS, "device": "cpu", "progress": False, **options}
    return reproduce.reproduce(beats, out, **settings)


@pytest.fixture(scope="module")
def finished(beats, tmp_path_factory):
    """What two seeds of three models have left in a directory, and what was returned."""
    out = tmp_path_factory.mktemp("reproduce")
    return out, make(beats, out)


@pytest.fixture
def trained(monkeypatch):
    """The names of the runs that training was called for."""
    calls, fit = [], training.fit

    def spy(*arguments, **options):
        curve = fit(*arguments, **options)
        calls.append(options["out"].name)
        return curve

    monkeypatch.setattr(training, "fit", spy)
    return calls


def contents(out):
    return {p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def weights(out, name):
    """The tensors of a run, as bytes: a file's own bytes differ in the order of its header."""
    tensors = load_file(out / name / "model.safetensors")
    return {key: (value.shape, value.tobytes()) for key, value in tensors.items()}


def records(out):
    return {p.parent.name: json.loads(p.read_text()) for p in out.glob("*/run.json")}


# Runs


def test_every_model_and_seed_has_its_run_and_weights(finished):
    out, _ = finished
    assert sorted(records(out)) == sorted(NAMES)
    for name, run in records(out).items():
        assert name == f"{run['model']}-{run['recipe']}-{run['split']}-{run['seed']}"
        assert load_file(out / name / "model.safetensors")


def test_seeds_differ_in_their_split_and_models_share_it(finished):
    hashes = {(run["seed"], run["split_hash"]) for run in records(finished[0]).values()}
    assert len(hashes) == 2


def test_a_second_call_trains_nothing_and_touches_no_run(finished, beats, trained, capsys):
    out, first = finished
    before = contents(out)
    assert make(beats, out) == first
    assert trained == []
    assert contents(out) == before
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 6
    assert said[0] == "ecgkit: run 1 of 6: resnet-tcn-paper-random-0, finished before"


def test_a_run_that_is_deleted_is_made_again_alone_and_is_the_same(finished, beats, trained):
    out, first = finished
    before = weights(out, NAMES[4])
    for path in (out / NAMES[4]).iterdir():
        path.unlink()
    again = make(beats, out)
    assert trained == [NAMES[4]]
    assert again["models"] == first["models"]
    assert weights(out, NAMES[4]) == before


@pytest.mark.parametrize("damage", ["lost", "cut short", "another run's"])
def test_weights_that_are_lost_or_damaged_are_made_again(finished, beats, trained, damage):
    out, first = finished
    path = out / NAMES[1] / "model.safetensors"
    whole, before = path.read_bytes(), weights(out, NAMES[1])
    other = (out / NAMES[4] / "model.safetensors").read_bytes()
    path.write_bytes({"lost": b"", "cut short": whole[:-99], "another run's": other}[damage])
    if damage == "lost":
        path.unlink()
    assert make(beats, out)["models"] == first["models"]
    assert trained == [NAMES[1]]
    assert weights(out, NAMES[1]) == before


def test_a_call_that_is_interrupted_goes_on_where_it_was(finished, beats, tmp_path, monkeypatch):
    out, first = finished
    save, saved = checkpoints.save, []

    def cut_off(*state):
        save(*state)
        saved.append(state[0].parent.name)
        if len(saved) == 3:  # in the second run, after its first epoch
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", cut_off)
        with pytest.raises(KeyboardInterrupt):
            make(beats, tmp_path)
    assert list(records(tmp_path)) == NAMES[:1]
    saved.clear()
    monkeypatch.setattr(checkpoints, "save", lambda *s: (save(*s), saved.append(s[0].parent.name)))
    again = make(beats, tmp_path)
    assert saved == [NAMES[1], *np.repeat(NAMES[2:], 2)]  # one epoch of the run that was cut off
    assert again["models"] == first["models"]
    for name in NAMES:
        assert weights(tmp_path, name) == weights(out, name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch": 32}, r"batch is 64 there, 32 here"),
        ({"epochs": 3}, r"epochs is 2 there, 3 here"),
    ],
)
def test_a_run_of_other_settings_in_the_way_is_a_sentence(
    finished, beats, monkeypatch, change, says
):
    out, _ = finished
    before = contents(out)
    how = replace(experiments.RECIPES["paper"], **change)
    monkeypatch.setitem(experiments.RECIPES, "paper", how)
    with pytest.raises(InputError, match=rf"holds a finished run of other settings \({says}\)"):
        make(beats, out)
    assert contents(out) == before


def test_runs_on_other_data_in_the_way_are_a_sentence(finished, beats):
    out, _ = finished
    with pytest.raises(InputError, match=r"\(fingerprint is .* there, other here\)"):
        make(replace(beats, fingerprint="other"), out)
    with pytest.raises(InputError, match=r"\(split_hash is .* there, .* here\)"):
        make(beats.select(np.arange(len(beats) - 2)), out)
    with pytest.raises(InputError, match=r"\(mapping is ec57 there, literature here\)"):
        make(beats.relabelled("literature"), out)


def test_a_precision_that_is_named_has_to_be_the_runs_and_auto_takes_any(finished, beats, trained):
    out, first = finished
    own = str(training.pick_precision(torch.device("cpu"))).removeprefix("torch.")
    other = {"float32": "bfloat16", "bfloat16": "float32"}[own]
    with pytest.raises(InputError, match=rf"\(precision is {own} there, {other} here\)"):
        make(beats, out, precision=other)
    assert make(beats, out, precision=own)["models"] == first["models"]
    assert make(beats, out, precision="auto")["models"] == first["models"]
    assert trained == []


def test_a_damaged_record_is_a_sentence(finished, beats):
    out, _ = finished
    path = out / NAMES[0] / "run.json"
    whole = path.read_bytes()
    for damage in (whole[:-30], b"", b"[]", whole.replace(b'"confusion_matrix"', b'"matrix"')):
        path.write_bytes(damage)
        with pytest.raises(InputError, match=r"run\.json is no run's record, or a damaged one"):
            make(beats, out)
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"recipe": "yours"}, "no recipe 'yours'"),
        ({"models": ("resnet", "vgg")}, "no model 'vgg'"),
        ({"seeds": 0}, "0 seeds of 3 models make no run"),
        ({"models": ()}, "2 seeds of 0 models make no run"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(beats, tmp_path, options, says):
    with pytest.raises(InputError, match=says):
        make(beats, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


# Tables


def independent(run):
    """A run's figures, worked out beat by beat with scikit-learn."""
    m = np.array(run["confusion_matrix"])
    pairs = [(i, j) for i in range(4) for j in range(4) for _ in range(m[i, j])]
    truth, said = np.array(pairs).T
    p, se, f1, _ = precision_recall_fscore_support(truth, said, zero_division=np.nan)
    binary = [np.mean((truth == c) == (said == c)) for c in range(4)]
    return {
        "accuracy": np.mean(truth == said),
        "se": se.mean(),
        "ppv": p.mean(),
        "f1_of_means": 2 * se.mean() * p.mean() / (se.mean() + p.mean()),
        "mean_f1": np.nan_to_num(f1).mean(),
        "binary_accuracy": np.mean(binary),
        **{f"se_{c}": se[i] for i, c in enumerate("NSVF")},
        **{f"ppv_{c}": p[i] for i, c in enumerate("NSVF")},
    }


def test_means_and_spreads_are_those_of_the_confusion_matrices(finished):
    out, result = finished
    for model in MODELS:
        of = [independent(r) for n, r in records(out).items() if r["model"] == model]
        assert len(of) == 2
        found = result["models"][model]
        assert found.keys() == of[0].keys()
        for key, value in found.items():
            values = [float(f[key]) for f in of]
            if np.isnan(values).any():
                assert value == {"mean": None, "sd": None}
            else:
                assert value["mean"] == pytest.approx(statistics.mean(values), abs=1e-12)
                assert value["sd"] == pytest.approx(statistics.stdev(values), abs=1e-12)


def test_a_gain_is_paired_by_seed():
    def run(model, seed, right):
        return {
            **{"model": model, "seed": seed, "split_hash": "a"},
            "confusion_matrix": [[right, 10 - right, 0, 0], [0, 0, 0, 0], *2 * [[0, 0, 0, 0]]],
        }

    runs = [run("tcn-no-se", 0, 4), run("tcn-no-se", 1, 8), run("tcn", 1, 9), run("tcn", 0, 6)]
    runs += [run("tcn", 2, 0)]  # has no partner
    gain = tables.summary(runs)["gains"]
    # By hand: 6/10 - 4/10 = .2, 9/10 - 8/10 = .1: mean .15, deviation .1 / sqrt(2).
    assert gain.keys() == {"SE block"}
    assert gain["SE block"]["mean"] == pytest.approx(0.15)
    assert gain["SE block"]["sd"] == pytest.approx(0.1 / 2**0.5)


def rows_of(text):
    """First cell -> the other cells, for all rows of all tables; repeated names in a list."""
    found = {}
    for line in text.splitlines():
        if line.startswith("| "):
            first, *rest = [cell.strip() for cell in line.strip("| ").split(" | ")]
            found.setdefault(first, []).append(rest)
    return found


def test_the_papers_numbers_stand_in_the_tables_to_the_digit(finished):
    rows = rows_of((finished[0] / "tables.md").read_text())
    for name, values in PAPER_I.items():
        assert rows[name][0][:10] == values.split()
    # 0.924: the mean of the F1 of .994/.994, .917/.890, .968/.969, .783/.882, worked out by hand.
    assert rows["ResNet-TCN, paper"][0][10] == "0.924"
    for model in ("resnet", "resnet-tcn"):
        assert rows[f"{model}, paper"][0][:4] == PAPER_II[model].split()
    for model, values in PAPER_II.items():
        assert " ".join(f"{x:.2f}" for x in tables.TABLE_II[model]) == values


def test_table_i_is_typed_right():
    typed = {name: [f"{x:.3f}" for x in row] for name, row in tables.TABLE_I.items()}
    assert typed == {name: row.split() for name, row in PAPER_I.items()}


def test_ours_and_the_difference_stand_beside_the_papers(finished):
    out, result = finished
    rows = rows_of((out / "tables.md").read_text())
    of = [independent(r) for r in records(out).values() if r["model"] == "resnet"]
    accuracy = [100 * f["accuracy"] for f in of]
    mean = f"{statistics.mean(accuracy):.2f}"
    assert rows["**resnet, ours**"][0][0] == f"{mean} ± {statistics.stdev(accuracy):.2f}"
    assert rows["**resnet, ours**"][0][6] == "2"
    second = list(result["models"]).index("resnet") + 1  # after Table I's and the row before
    difference = float(rows["ours - paper"][second][0])
    assert difference == pytest.approx(statistics.mean(accuracy) - 98.12, abs=0.005)


def test_the_tables_say_what_they_are(finished):
    text = (finished[0] / "tables.md").read_text()
    flat = re.sub(r"\s+", " ", text)
    assert "SYNTHETIC RECORDS, computer-made" in flat
    assert "QUICK" not in flat
    assert "paper's figure is not reproduced here" in flat
    assert "98.82" in flat
    assert "99.41" in flat
    assert "Recipe paper, 2 epochs of batch 64; seeds 0, 1" in flat


def test_one_run_has_no_spread_and_an_undefined_figure_is_a_dash():
    run = {"model": "resnet", "seed": 0, "confusion_matrix": [[5, 0, 0, 0], *3 * [[1, 0, 0, 0]]]}
    rows = rows_of(tables.markdown([run]))
    # 5 of 8 right; Se (1 + 0 + 0 + 0) / 4; P+ of S, V, F: 0 / 0; F1 of N: 10/13, others 0.
    assert rows["**resnet, ours**"][0][:5] == ["62.50", "25.00", "-", "-", "19.23"]
    assert "Table I:" not in tables.markdown([run])


def test_beside_the_paper_stand_means_spreads_and_differences():
    def run(wrong):  # 8 N, of which `wrong` are called S; 2 S, V and F, all right
        return {"confusion_matrix": [[8 - wrong, wrong, 0, 0], *np.diag([0, 2, 2, 2])[1:].tolist()]}

    text = tables.beside_paper({"paper": [run(0), run(4)], "none": [], "ours": [run(4)]})
    head, _, *rest = text.splitlines()
    assert "paper, 2 runs" in head
    assert "ours, 1 run " in head
    assert "none" not in head
    rows = rows_of("\n".join(rest))
    # 14 and 10 of 14 right: 100 and 71.43, mean 85.71, deviation 28.57 / sqrt(2) = 20.20.
    paper = ["94.0 to 98.6", "98.84"]
    assert rows["Acc"] == [[*paper, "85.71 ± 20.20", "-13.13", "71.43", "-27.41"]]
    # Gai's mean Se is .8995, Chen's .88825, Hua's .88925, Acharya's .92475.
    assert rows["mean Se"][0][:2] == ["88.8 to 92.5", "91.69"]
    # Se of N 1 and .5: mean .75, deviation .5 / sqrt(2).
    assert rows["Se of N"] == [["91.6 to 99.6", "99.4", "75.00 ± 35.36", "-24.4", "50.00", "-49.4"]]
    # P+ of S: 2/2 and 2/6.
    assert rows["P⁺ of S"][0][1:3] == ["89.0", "66.67 ± 47.14"]
    assert rows["mean F1"][0][1] == "92.4"


# Figures


def test_figures_are_written_with_their_alt_text(finished):
    out, result = finished
    assert result["files"] == [str(out / name) for name in ("tables.md", "fig5.png", "fig6.png")]
    text = (out / "tables.md").read_text()
    for name in ("fig5.png", "fig6.png"):
        (alt,) = re.findall(rf"!\[([^]]+)\]\({name}\)", text)
        assert alt.startswith("Synthetic data, computer-made.")
        assert "not reproduced here" in alt
        content = (out / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert alt.encode("latin-1") in content
    assert "resnet-no-inception" in re.findall(r"!\[([^]]+)\]\(fig5.png\)", text)[0]


def test_the_bars_are_means_and_the_points_the_runs():
    pairs = {"a part": {"without": [0.90, 0.92], "with": [0.95]}}
    figure = plots.accuracy_bars(pairs, "Title", "Note.")
    (axes,) = figure.axes
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([91, 95])
    assert [list(line.get_ydata()) for line in axes.lines] == [[90, 92], [95]]
    assert figure.get_label() == (
        "Title. Note. Mean accuracies: without 91.00 % (n = 2), with 95.00 % (n = 1)."
    )


def test_confusion_matrices_are_read_out_panel_by_panel():
    one = np.diag([5, 3, 2, 1])
    figure = plots.confusion_matrices({"x": one, "y": 2 * one, "z": one}, "T", "N.", True)
    alt = figure.get_label()
    assert alt.startswith("Synthetic data, computer-made. T. N. Confusion matrices: (a) x, N row: ")
    assert "(b) y, N row: 10 as N" in alt
    assert [axes.get_visible() for axes in figure.axes] == [True, True, True, False]


def test_without_matplotlib_the_tables_are_written_and_the_rest_is_said(
    finished, beats, monkeypatch, capsys
):
    import builtins

    importing = builtins.__import__

    def without_plots(name, *arguments):
        if name == "ecgkit" and arguments[2] == ("plots",):
            raise ImportError("No module named 'matplotlib'")
        return importing(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_plots)
    result = make(beats, finished[0])
    assert result["files"] == [str(finished[0] / "tables.md")]
    assert "Figures are not drawn here (No module named 'matplotlib')" in capsys.readouterr().err


# Quick, and the command


def test_a_sample_keeps_the_shares_and_some_of_every_class(synthetic_beats):
    four = synthetic_beats.without_q()
    chosen = reproduce.sample(four)
    whole, part = np.bincount(four.labels), np.bincount(chosen.labels)
    assert 2000 <= len(chosen) <= 2000 + 4 * 60
    assert (part >= np.minimum(whole, 60)).all()
    assert part[0] / len(chosen) == pytest.approx(whole[0] / len(four), abs=0.05)
    assert set(chosen.records) == set(four.records)
    assert len(reproduce.sample(chosen.select(np.arange(50)))) == 50


def test_the_command_prints_json_alone_and_marks_what_is_quick(table, tmp_path, capsys):
    command = ["reproduce", "--quick", "--beats", str(table), "--models", "resnet", "--json"]
    command += ["--out", str(tmp_path), "--device", "cpu"]
    assert main(command) == 0
    output, errors = capsys.readouterr()
    found = json.loads(output)
    assert output.count("\n") == 1
    assert found.keys() == {
        *("source", "fingerprint", "recipe", "quick", "runs", "models", "gains", "files")
    }
    assert (found["source"], found["quick"], found["recipe"]) == ("synthetic", True, "paper")
    assert errors == "ecgkit: run 1 of 1: resnet-paper-random-0\n"
    (run,) = found["runs"]
    assert run["recipe"] == "paper-quick"
    assert run["confusion_matrix"] == records(tmp_path)["resnet-paper-random-0"]["confusion_matrix"]
    text = (tmp_path / "tables.md").read_text()
    assert "**QUICK RUN: one seed, few epochs, a sample of the beats." in text
    assert text.count("QUICK RUN, no results.") == 2  # in both figures


def test_without_json_the_tables_are_printed_under_the_banner(finished, table, capsys):
    out, _ = finished
    command = ["reproduce", "--beats", str(table), "--models", *MODELS, "--seeds", "2"]
    assert main([*command, "--out", str(out), "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("=== SYNTHETIC")
    assert (out / "tables.md").read_text() in output


def test_a_full_run_does_not_take_a_quick_one_for_its_own(table, tmp_path, capsys):
    command = ["reproduce", "--beats", str(table), "--models", "resnet", "--out", str(tmp_path)]
    assert main([*command, "--quick", "--json", "--device", "cpu"]) == 0
    capsys.readouterr()
    assert main([*command, "--json", "--device", "cpu"]) == 2
    assert "of other settings (epochs is 1 there, 2 here)" in capsys.readouterr().err
