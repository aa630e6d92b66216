"""The appendices keep to what the code, the runs and the recordings say."""

import dataclasses
import hashlib
import pkgutil
import re
from pathlib import Path

import appendices
import numpy as np
import pytest
import wfdb
from scipy import signal

import ecgkit
from ecgbook import studies
from ecgbook.studies import people
from ecgkit.apply import readers
from ecgkit.cli import parser
from ecgkit.evaluate import metrics
from ecgkit.train.weights import load_model, model_names

ROOT = Path(__file__).parents[1]

PAGES = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "book").glob("*.md"))}
README = (ROOT / "README.md").read_text("utf-8")

# The map from paper to code -----------------------------------------------------------------------


def test_every_symbol_that_an_appendix_names_exists():
    pattern = r"`((?:data|nn|train|evaluate|apply|plots|ecgbook)(?:\.\w+)+)(?:\([^`]*\))?`"
    named = {name for text in PAGES.values() for name in re.findall(pattern, text)}
    assert len(named) > 50
    for name in named:
        pkgutil.resolve_name(name if name.startswith("ecgbook") else f"ecgkit.{name}")


def test_every_file_of_tests_that_an_appendix_names_exists():
    named = {name for text in PAGES.values() for name in re.findall(r"`(test_\w+)`", text)}
    assert len(named) > 10
    assert all((ROOT / "tests" / f"{name}.py").is_file() for name in named), sorted(named)


def test_the_api_pages_hold_every_module_and_every_name_of_the_front_door():
    for folder in ("data", "nn", "train", "evaluate", "apply", "plots"):
        shown = set(re.findall(r"automodule:: ecgkit\.\w+\.(\w+)", PAGES[f"api_{folder}"]))
        modules = {path.stem for path in (ROOT / "ecgkit" / folder).glob("*.py")} - {"__init__"}
        assert shown == modules, folder
    assert set(re.findall(r"^\| \[`(\w+)`\]", PAGES["api"], re.M)) == set(ecgkit.__all__)
    for path in re.findall(r"\(api_\w+\.md#([\w.]+)\)", PAGES["api"]):
        pkgutil.resolve_name(path)


# The model card -----------------------------------------------------------------------------------


def test_the_model_card_shows_each_model_with_its_own_scores():
    text = appendices.model_card()
    for name in model_names():
        card = text[text.index(f"## {name}\n") :]
        content = (ROOT / "ecgkit" / "weights" / f"{name}.safetensors").read_bytes()
        assert hashlib.sha256(content).hexdigest() in card
        if name == "strangers":
            assert "`people svdb` | `strangers`" in card
            continue
        run = appendices.run_of(load_model(name))
        matrix = np.array(run.confusion_matrix)
        assert f"Accuracy **{100 * np.trace(matrix) / matrix.sum():.2f} %**" in card
        _, s, v, f = np.diag(matrix) / matrix.sum(axis=1)
        assert v > max(s, f), "the model card says that V is found most often"


def test_the_model_card_puts_the_seeds_of_a_row_into_one_line():
    # 90 and 80 of 100 beats are right: mean 85, standard deviation sqrt(50) = 7.07.
    (made,) = studies.results("reproduction", "tcn-paper", seed=0)
    runs = []
    for seed, right in enumerate((60, 50)):
        matrix = np.diag([right, 10, 10, 10])
        matrix[0, 1] = 70 - right
        runs.append(dataclasses.replace(made, seed=seed, confusion_matrix=matrix.tolist()))
    text = appendices.all_runs(runs)
    assert re.search(r"\| 85\.00.±.7\.07 \|.*\| 2 \|", text)


# The data sheet -----------------------------------------------------------------------------------


def test_the_data_sheet_counts_47_people_as_the_directory_does():
    # MIT-BIH's directory: 25 men aged 32 to 89 and 22 women aged 23 to 89.
    text = appendices.RECORDS.read_text("utf-8")
    assert "47 people: 25 men from 32 to 89 years" in text
    assert "22 women from 23 to 89 years" in text
    assert len(re.findall(r"^\| \d{3} \|", text, re.M)) == 48


def test_the_data_sheet_is_what_the_recordings_say(mitdb):
    # The folder may lack the paced 102, 104, 107 and 217: then neither their lines nor the people,
    # whom the first line counts, can be compared.
    sheet = appendices.RECORDS.read_text("utf-8").splitlines()
    names = re.findall(r"^\| (\d{3}) \|", "\n".join(sheet), re.M)
    there = [name for name in names if (mitdb.directory / f"{name}.hea").is_file()]
    first, *lines = appendices.data_sheet(mitdb.directory, there).splitlines()
    assert lines == [line for line in sheet[1:] if line[2:5] not in set(names) - set(there)]
    assert set(mitdb.records) <= set(there)
    assert first == sheet[0] or len(there) < len(names)


@pytest.mark.parametrize(("name", "speed", "hum_hz"), [("109", "x1", 60), ("121", "x2", 30)])
def test_hum_is_at_30_hz_where_the_tape_was_played_at_twice_its_speed(mitdb, name, speed, hum_hz):
    path = str(mitdb.directory / name)
    assert wfdb.rdheader(path).comments[0].split()[-1] == speed
    lead = wfdb.rdrecord(path, sampto=360 * 300).p_signal[:, 0]
    hz, power = signal.welch(lead, 360, nperseg=3600)
    for tone in (30, 60):
        above = power[np.abs(hz - tone) < 0.3].max() / np.median(power[np.abs(hz - tone) < 4])
        assert (above > 20) == (tone == hum_hz)


# Formats and devices ------------------------------------------------------------------------------


def test_the_page_of_formats_names_what_is_not_read_and_options_that_exist():
    page = PAGES["formats"]
    unread = {
        suffix for *_, suffixes, advice in readers.FORMATS if advice for suffix in suffixes.split()
    }
    assert not {suffix for suffix in unread if f"`{suffix}`" not in page}
    options = set(vars(parser().parse_args(["classify", "x"])))
    assert set(re.findall(r"--([a-z]+)", page)) <= options


# The README ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["resnet-tcn-paper", "resnet-tcn-ours", "resnet-tcn-ours-1s"])
def test_the_scores_of_the_readme_are_those_of_published_runs(row):
    scores = [run.report().scores() for run in studies.results("reproduction", row)]
    cells = [in_words([s[key] for s in scores], 2) for key in ("accuracy", "f1_of_means")]
    assert f" | {' | '.join(cells)} | {len(scores)} |\n" in README


@pytest.mark.parametrize(
    ("protocol", "row", "without", "digits"),
    [
        ("ds1-ds2", "strangers", (), 2),
        ("ds1-ds2", "strangers", ("232",), 2),
        ("mitdb-svdb", "strangers", (), 2),
        ("mitdb-svdb", "ours", (), 1),
        ("people mitdb", "strangers", (), 2),
        ("people svdb", "strangers", (), 2),
    ],
)
def test_the_scores_of_the_readme_on_new_people_are_published(protocol, row, without, digits):
    found = [one.matrices(without=without).sum(axis=0) for one in people.outcomes(protocol, row)]
    found = found[:1] if row == "ours" else found  # one network, whatever the seed
    f1 = [metrics.class_f1(m) for m in found]
    cells = [in_words(list(map(metrics.accuracy, found)), digits)]
    cells += [in_words([f[c] for f in f1], 0 if row == "ours" else 1) for c in (1, 2)]
    assert f" | {' | '.join(cells)} | {len(found)} |" in README


def in_words(shares, digits):
    values = 100 * np.array(shares)
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def test_pictures_of_synthetic_records_say_so(tmp_path):
    text = appendices.synthetic_records(tmp_path)
    pictures = re.findall(r"!\[(.*?)\]\((.*?)\)", text)
    assert len(pictures) == 2
    for alt, path in pictures:
        assert alt.startswith("Synthetic data")
        assert (tmp_path.parent / path).read_bytes().startswith(b"\x89PNG")
