"""Many recordings at once: files of their own, one table, and nothing that stops the rest."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import distributed  # noqa: F401  # the program on the page needs it
import pytest

from ecgkit.apply import batch
from ecgkit.apply.batch import classify_many, classify_to_folder
from ecgkit.data.sources import SYNTHETIC

PAGE = Path(__file__).parents[1] / "book" / "many_recordings.md"


@pytest.fixture
def paths(synthetic_source, tmp_path):
    """Two synthetic records of one name in two folders, and a file that is no recording."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for end in ("hea", "dat", "atr"):
            shutil.copy(synthetic_source.directory / f"{SYNTHETIC[0]}.{end}", tmp_path / folder)
    (tmp_path / "bad.csv").write_text("nothing\n")
    return [tmp_path / "a" / "syn01", tmp_path / "bad.csv", tmp_path / "b" / "syn01"]


def table(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_recording_has_its_files_and_a_line_whatever_the_others_are(run, paths, tmp_path):
    out = tmp_path / "out"
    status, output, errors = run("classify", *paths, "--out-dir", out, "--device", "cpu", "--json")
    assert (status, errors.count("\n"), "1 of 3" in errors) == (2, 1, True)
    rows, lines = json.loads(output)["recordings"], table(out)
    assert [row["path"] for row in rows] == [line["path"] for line in lines] == [*map(str, paths)]
    assert "bad.csv" in rows[1]["error"]
    assert tuple(lines[0]) == batch.COLUMNS
    assert (lines[0]["name"], lines[0]["lead"], lines[0]["synthetic"]) == ("syn01", "MLII", "True")
    names = {line["name"] for line in lines if not line["error"]}
    written = {f"{name}.{end}" for name in names for end in ("csv", "json")}
    assert {path.name for path in out.iterdir()} == {"summary.csv", *written}
    assert len(names) == 2
    alone = json.loads(run("classify", paths[0], "--device", "cpu", "--json")[1])
    stored = json.loads((out / "syn01.json").read_text())
    assert {**stored, "rows": alone["rows"]} == {**stored, **alone}
    assert len((out / "syn01.csv").read_text().splitlines()) == alone["beats"] + 1
    assert int(lines[0]["beats"]) == sum(int(lines[0][c]) for c in "NSVF") == alone["beats"]


def test_all_files_of_a_record_are_one_recording_and_any_name_is_listed(paths, tmp_path):
    strange = tmp_path / "M\udcfcller.csv"  # bytes that are no UTF-8
    strange.write_text("nothing\n")
    files = [*sorted((tmp_path / "a").iterdir()), strange]
    rows = batch.classify_many(files, tmp_path / "out", device="cpu")
    assert [row["path"] for row in rows] == [str(tmp_path / "a" / "syn01.hea"), str(strange)]
    assert len(table(tmp_path / "out")) == 2


def test_what_is_done_is_done_again_only_after_a_change(paths, tmp_path, monkeypatch):
    classified = []

    def note(path, *arguments, whole=batch.classify_file, **how):
        classified.append(path)
        return whole(path, *arguments, **how)

    monkeypatch.setattr(batch, "classify_file", note)
    record, out = paths[0], tmp_path / "out"
    first = classify_to_folder(record, out)
    assert classify_to_folder(record, out, lead=None, detect=False, device="cpu") == first
    assert len(classified) == 1
    (out / "syn01.json").write_text(json.dumps({"path": str(record)}))  # as after a power cut
    assert classify_to_folder(record, out) == first
    for how in ({"detect": True}, {"detect": True, "weights": "paper"}):
        assert classify_to_folder(record, out, **how)["name"] == "syn01"
    record.with_suffix(".atr").touch()
    classify_to_folder(record, out, **how)
    classify_to_folder(record, out, **how)
    assert len(classified) == 5


def test_after_an_interrupt_the_same_command_goes_on(run, paths, tmp_path, monkeypatch):
    def interrupt(path, *arguments, whole=batch.classify_file, **how):
        if str(path) == str(paths[2]):
            raise KeyboardInterrupt
        return whole(path, *arguments, **how)

    out = tmp_path / "out"
    command = ("classify", *paths, "--out-dir", out, "--json")
    with monkeypatch.context() as patch:
        patch.setattr(batch, "classify_file", interrupt)
        assert run(*command)[0] == 130
    done = (out / "syn01.json").stat().st_mtime_ns
    assert run(*command)[0] == 2
    assert (out / "syn01.json").stat().st_mtime_ns == done
    assert len(list(out.glob("syn01*.csv"))) == 2


def test_no_file_of_anybody_else_is_overwritten(paths, tmp_path):
    mine = tmp_path / "a" / "syn01.csv"
    mine.write_text("mine")
    row = classify_to_folder(paths[0], tmp_path / "a")
    assert (mine.read_text(), row["error"], row["name"] == "syn01") == ("mine", "", False)
    for end in ("hea", "dat", "atr"):  # the table's own name
        path = paths[0].with_suffix(f".{end}")
        path.with_stem("summary").write_bytes(path.read_bytes().replace(b"syn01", b"summary"))
    rows = classify_many([tmp_path / "a" / "summary"], tmp_path / "out")
    assert (rows[0]["error"], table(tmp_path / "out")[0]["name"]) == ("", rows[0]["name"])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "--out-dir"),
        (("--out-dir", "out", "--plot", "a.png"), "--plot"),
        (("--out-dir", "out", "--jobs", "0"), "jobs"),
        (("--out-dir", "out", "--weights", "none"), "weights"),
        (("--out-dir", "bad.csv"), "bad.csv"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(run, paths, monkeypatch, options, word):
    monkeypatch.chdir(paths[1].parent)
    status, output, errors = run("classify", *paths, *options, "--json")
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert word in errors
    assert not Path("out").exists()


@pytest.mark.slow
def test_a_process_that_is_killed_takes_one_recording_with_it():
    work = ["40 + 2", "__import__('os')._exit(9)", "[1]"]  # `eval` stands for the classification
    found = list(batch._in_processes(eval, work, 2))
    assert (found[0], found[2]) == (42, [1])
    assert "memory" in found[1]["error"]


@pytest.mark.slow
def test_the_program_on_the_page_gives_the_table_of_the_command(paths, tmp_path):
    (tmp_path / "many.py").write_text(re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S)[1])
    how = {"timeout": 300, "capture_output": True, "text": True}
    dask = subprocess.run([sys.executable, tmp_path / "many.py", tmp_path / "dask", *paths], **how)
    assert dask.returncode == 0, dask.stderr
    command = [sys.executable, "-m", "ecgkit", "classify", *paths, "--jobs", "2", "--out-dir"]
    jobs = subprocess.run([*command, tmp_path / "jobs"], **how)
    assert jobs.returncode == 2, jobs.stderr
    both = [[{**row, "name": ""} for row in table(tmp_path / name)] for name in ("dask", "jobs")]
    assert both[0] == both[1]  # but for which of the two syn01 came first
    assert [row["error"] == "" for row in both[0]] == [True, False, True]
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "dask").glob("*.json")}
    subprocess.run([*command, tmp_path / "dask"], **how)  # the command goes on where Dask stopped
    assert written == {p.name: p.stat().st_mtime_ns for p in (tmp_path / "dask").glob("*.json")}
