"""The notebooks hold to the book's format, and the tools that make and run them keep their word."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import notebook_format
import on_this_machine
import pytest
import run_notebooks

from ecgbook.page import Page

ROOT = Path(__file__).parents[1]

PAGES = sorted(notebook_format.NOTEBOOKS.glob("[0-9][0-9]_*.py"))
pages = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def stored(path):
    return nbformat.read(path.with_suffix(".ipynb"), as_version=4)


def code_cells(nb, tag=None):
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    return [c for c in cells if tag is None or tag in c.metadata.get("tags", [])]


# The book's own notebooks -------------------------------------------------------------------------


@pages
def test_stored_notebook_is_what_its_source_and_the_results_make(path):
    assert notebook_format.stale(path) is None


@pages
def test_source_renders_the_same_in_colab_on_github_and_in_the_book(path):
    nb = notebook_format.source_notebook(path)
    notebook_format.title(nb)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            myst = re.search(r"^\s*(```|:::)\{|\{[a-z:]+\}`|\[@", cell.source, re.M)
            assert not myst, f"MyST's own syntax, which Colab shows raw: {myst and myst[0]!r}"
        elif "install" not in cell.metadata.get("tags", []):
            long = [line for line in cell.source.splitlines() if len(line) > 79]
            assert not long, f"Lines of more than 79 characters: {long}"


def test_the_install_cell_looks_for_every_run_time_import_that_colab_lacks():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cell = notebook_format.install_cell()
    assert set(cell.metadata["tags"]) == {"install", "hide-cell"}
    assert f"git+{project['urls']['Repository']}" in cell.source
    imported = {
        node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
        for folder in ("ecgkit", "book/ecgbook")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    modules = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    with_colab = {"scikit-learn": "sklearn"}
    in_colab = {with_colab.get(name, name) for name in notebook_format.IN_COLAB}
    others = {"ecgdatakit", "onnx", "onnxscript", "onnxruntime"}  # optional: the library says so
    others |= {"IPython", "PIL"}  # Jupyter's and matplotlib's own
    missing = {name for name in modules - in_colab - others if f'"{name}": "' not in cell.source}
    assert not missing


def test_a_page_depends_on_the_results_that_it_names():
    read = notebook_format.results_read
    code = 'results("one", "row", seed=0)\nb = studies.results(study="two", row=row)'
    assert read(code) == [{"study": "one", "row": "row", "seed": 0}, {"study": "two"}]
    assert read('load_study("three").rows') == [{"study": "three"}]
    assert read('people.outcomes("ds1-ds2", row)') == [{"study": "people"}]
    with pytest.raises(notebook_format.FormatError):
        read("results(name)")


@pages
def test_at_least_three_exercises_each_with_stub_check_and_folded_solution(path):
    nb = notebook_format.source_notebook(path)
    exercises: list[list[nbformat.NotebookNode]] = []
    inside = False
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            for heading in re.findall(r"^#{1,3} .*$", cell.source, re.M):
                inside = heading.startswith("### Exercise")
                if inside:
                    exercises.append([])
        elif inside:
            exercises[-1].append(cell)
    assert len(exercises) >= 3, f"{len(exercises)} exercises; a page has at least three."
    for number, cells in enumerate(exercises, 1):
        stubs = [c for c in cells if "exercise" in c.metadata.get("tags", [])]
        solutions = [c for c in cells if "solution" in c.metadata.get("tags", [])]
        assert len(stubs) == 1, f"Exercise {number} needs one stub, a cell tagged `exercise`."
        assert len(solutions) == 1, f"Exercise {number} needs one cell tagged `solution`."
        assert "check" in stubs[0].source, f"The stub of exercise {number} does not call its check."
        assert "check" in solutions[0].source, f"Solution {number} does not call the check."
        assert solutions[0].source.startswith("# @title Solution"), "Colab shows this on its fold."
        assert solutions[0].metadata.get("cellView") == "form", 'Fold it in Colab: cellView="form".'
        assert "hide-cell" in solutions[0].metadata["tags"], "Fold it in the book: tag hide-cell."


@pages
def test_a_page_is_one_lesson(path):
    nb = notebook_format.source_notebook(path)
    prose = [
        re.sub(r"```.*?```|^\|.*$|\]\([^)]*\)", "", c.source, flags=re.S | re.M)
        for c in nb.cells
        if c.cell_type == "markdown"
    ]
    lines = {"visible": 0, "hidden": 0}
    for cell in code_cells(nb):
        tags = set(cell.metadata.get("tags", []))
        n = len([line for line in cell.source.splitlines() if line.strip()])
        if not tags & {"install", "exercise", "solution"}:
            lines["hidden" if tags & {"hide-input", "hide-cell"} else "visible"] += n
    figures = sum(
        "image/png" in o.get("data", {}) for c in stored(path).cells for o in c.get("outputs", [])
    )
    assert len(re.findall(r"\w+", " ".join(prose))) <= 1900
    assert lines["visible"] <= 150
    assert lines["hidden"] <= 60
    assert figures <= 6


@pages
def test_stored_outputs_are_clean_described_and_stamped(path):
    nb = stored(path)
    for number, cell in enumerate(nb.cells):
        for output in cell.get("outputs", []):
            assert output.output_type != "error", f"Cell {number} failed."
            assert output.get("name") != "stderr", f"Cell {number} warns: {output.text[:300]}"
            if any(kind.startswith("image/") for kind in output.get("data", {})):
                alt = cell.metadata["mystnb"]["image"]["alt"]
                assert len(alt) >= 20, f"Cell {number}: say in words what is seen, not {alt!r}."
    assert "stamp(" in code_cells(nb)[-1].source
    assert code_cells(nb)[-1].outputs
    data = notebook_format.stamp(nb)
    assert data is not None
    assert data["page"] == path.stem
    assert data["source"] != "synthetic"


@pages
def test_the_text_says_what_the_page_measured(path):
    nb = stored(path)
    text = " ".join(" ".join(c.source.split()) for c in nb.cells if c.cell_type == "markdown")
    statements = notebook_format.stamp(nb)["statements"]
    run_notebooks.check_statements(statements, path.stem)
    assert {said for said, _, _ in statements if said not in text} == set()


def test_a_number_in_the_text_that_was_not_measured_is_refused():
    said = "all but 1,204.5 of them"
    run_notebooks.check_statements([(said, 1204, 1)], "00_x")
    for value in (1203, float("nan")):
        with pytest.raises(notebook_format.FormatError, match=f"{value}"):
            run_notebooks.check_statements([(said, value, 1)], "00_x")


def test_a_text_with_several_numbers_ties_each_to_its_value():
    page = Page("00_x")
    page.states("F1 rises from 44 to 1,054 of 3", (43, 1060), within=(1, 2))
    first, second = page._statements
    assert first == ("F1 rises from 44 to 1,054 of 3", 43, 1)
    assert second == ("1,054 of 3", 1060, 2)
    run_notebooks.check_statements([first], page.name)
    with pytest.raises(notebook_format.FormatError):
        run_notebooks.check_statements([second], page.name)
    with pytest.raises(ValueError, match="1 numbers"):
        page.states("only 1", (1, 2), within=0)


def test_notebooks_are_at_most_a_megabyte_and_400_kilobytes_on_average():
    sizes = {path.stem: path.with_suffix(".ipynb").stat().st_size for path in PAGES}
    assert not {stem for stem, size in sizes.items() if size > 1_000_000}
    assert sum(sizes.values()) <= 400_000 * len(sizes)


@pytest.mark.slow
def test_notebooks_run_against_the_wheel_from_an_empty_folder():
    command = [sys.executable, ROOT / "book" / "tools" / "run_notebooks.py", "--isolated"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


# The tools, on notebooks made here ----------------------------------------------------------------

NOTEBOOK = """\
# %% [markdown]
# # A page
#
# Text.

# %%
import os

from IPython.display import Image, display

print("one")
print(sorted(os.listdir()))

# %%
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
display(Image(data=PNG_BYTES, format="png", alt="A single dot."))

# %% [markdown]
# The end.

# %%
STAMP = "application/vnd.ecgkit.stamp+json"
data = {"page": "00_tiny", "source": "mitdb", "fingerprint": "abc", "device": "cpu",
        "versions": {}, "seconds": 0.1, "key_figure": "Acc 0.99"}
display({STAMP: data, "text/plain": "Data: mitdb abc."}, raw=True)
""".replace("data=PNG_BYTES", 'data=__import__("base64").b64decode(PNG)')


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The source of a page in a folder of its own; the tools write there and nowhere else."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", folder)
    monkeypatch.setattr(run_notebooks, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(notebook_format, "RESULTS", tmp_path / "results.jsonl")
    path = folder / "00_tiny.py"
    path.write_text(NOTEBOOK)
    return path


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_storing_twice_writes_the_same_bytes(page):
    assert run_notebooks.main(["--store"]) == 0
    first = page.with_suffix(".ipynb").read_bytes()
    assert run_notebooks.main(["--store", "--page", "00"]) == 0
    assert page.with_suffix(".ipynb").read_bytes() == first
    nb = stored(page)
    assert len({cell.id for cell in nb.cells}) == len(nb.cells)
    assert code_cells(nb)[1].outputs[0].text == "one\n[]\n", "it runs in an empty folder"
    assert "install" in code_cells(nb)[0].metadata.tags
    assert code_cells(nb)[2].metadata["mystnb"]["image"]["alt"] == "A single dot."
    assert notebook_format.stamp(nb)["source"] == "mitdb"
    assert "execution" not in code_cells(nb)[0].metadata


def test_edits_are_noticed_and_text_edits_keep_the_outputs(page):
    assert notebook_format.stale(page) is not None
    assert run_notebooks.main(["--store"]) == 0
    assert notebook_format.stale(page) is None
    edit(page, "# Text.", "# Better text.")
    assert "notebook_format.py" in notebook_format.stale(page)
    assert notebook_format.sync_text(page)
    assert notebook_format.stale(page) is None
    assert code_cells(stored(page))[1].outputs
    edit(page, 'print("one")', 'print("two")')
    assert "make notebooks PAGE=00" in notebook_format.stale(page)
    assert not notebook_format.sync_text(page)


def test_another_install_cell_is_renewed_without_running_the_page(page, monkeypatch):
    assert run_notebooks.main(["--store"]) == 0
    monkeypatch.setattr(notebook_format, "INSTALL", "# {packages}".replace("{packages}", "new"))
    assert notebook_format.stale(page) is not None
    assert notebook_format.sync_text(page)
    assert notebook_format.stale(page) is None
    assert code_cells(stored(page))[0].source == "# new"


def test_a_source_with_an_install_cell_of_its_own_is_refused(page):
    edit(page, "# %%\nimport os", '# %% tags=["install"]\nimport os')
    with pytest.raises(notebook_format.FormatError, match="install cell"):
        notebook_format.source_notebook(page)


def test_a_page_is_stale_when_the_results_that_it_reads_change_and_no_others(page):
    def publish(*runs: tuple[str, int]):
        lines = (json.dumps({"study": study, "seed": seed}) + "\n" for study, seed in runs)
        notebook_format.RESULTS.write_text("".join(lines))

    publish(("one", 0))
    edit(page, 'print("one")', 'results = str\nprint("one")\nresults("one")')
    assert run_notebooks.main(["--store"]) == 0
    publish(("two", 0), ("one", 0))
    assert notebook_format.stale(page) is None
    publish(("two", 0), ("one", 0), ("one", 1))
    assert "make notebooks PAGE=00" in notebook_format.stale(page)
    outcomes = notebook_format.RESULTS.with_name("people.jsonl")
    outcomes.write_text('{"seed": 0}\n')
    edit(page, 'results("one")', 'outcomes = str\noutcomes("ds1-ds2")')
    before = notebook_format.made_from(notebook_format.source_notebook(page))
    outcomes.write_text('{"seed": 1}\n')
    assert notebook_format.made_from(notebook_format.source_notebook(page)) != before


def test_a_stub_is_checked_and_then_prints_nothing(page):
    shows = 'display({"text/plain": "Not yet. ..."}, raw=True)'
    edit(page, "# %%\nPNG", f'# %% tags=["exercise"]\n{shows}\n\n# %%\nPNG')
    assert run_notebooks.main(["--store"]) == 0
    assert code_cells(stored(page), "exercise")[0].outputs == []
    edit(page, "Not yet. ...", "Right.")
    assert run_notebooks.main(["--store"]) == 1


def test_synthetic_data_is_refused_and_nothing_written(page, capsys):
    edit(page, '"source": "mitdb"', '"source": "synthetic"')
    assert run_notebooks.main(["--store"]) == 1
    assert not page.with_suffix(".ipynb").exists()
    assert "synthetic" in capsys.readouterr().out


def test_a_failing_page_is_reported_and_the_next_one_still_runs(page, capsys):
    page.with_name("01_next.py").write_text(NOTEBOOK)
    edit(page, 'print("one")', 'raise ValueError("no such lead")')
    assert run_notebooks.main(["--quick"]) == 1
    assert "ValueError: no such lead" in capsys.readouterr().out
    status = json.loads((run_notebooks.RUNS / "status.json").read_text())
    assert [run["passed"] for run in status] == [False, True]
    assert "no such lead" in status[0]["error"]
    assert (run_notebooks.RUNS / "01_next.ipynb").is_file()
    assert not page.with_suffix(".ipynb").exists(), "quick runs leave notebooks/ alone"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (', alt="A single dot."', "", "alt text"),
        ('alt="A single dot."))', 'alt="A dot."), Image(data=b"", alt="two"))', "2 figures"),
        ("{STAMP: data, ", "{", "stamp"),
    ],
)
def test_what_the_book_cannot_show_fails(page, old, new, word):
    edit(page, old, new)
    result, _ = run_notebooks.run(page, "quick")
    assert not result.passed
    assert word in str(result.error)


def test_progress_bars_are_dropped_and_printed_text_is_joined():
    def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
        return nbformat.v4.new_output("stream", name=name, text=text)

    bar = stream("\r10%|#         |\r100%|##########|\n", "stderr")
    cell = nbformat.v4.new_code_cell("x", outputs=[stream("a\n"), stream("b\n"), bar])
    nb = notebook_format.normalise(nbformat.v4.new_notebook(cells=[cell]), "00_x")
    assert [(o.name, o.text) for o in nb.cells[0].outputs] == [("stdout", "a\nb\n")]


def test_a_page_that_does_not_exist_is_named(page, capsys):
    assert run_notebooks.main(["--quick", "--page", "42"]) == 1
    assert "'42'" in capsys.readouterr().err


def test_the_page_on_this_machine_lists_what_ran_and_warns_of_synthetic_data():
    assert "Not run yet" in on_this_machine.page_text(None)
    run = run_notebooks.Result("00_tiny", "A | page", True, 2.5, "synthetic", "abc", "cpu", "Acc 1")
    text = on_this_machine.page_text([vars(run)])
    assert "**synthetic records**" in text
    assert r"[A \| page](../notebooks/00_tiny.ipynb) | yes | 2.5 | synthetic `abc` |" in text
    run.source, run.passed, run.error = "mitdb", False, "ValueError: no such lead"
    text = on_this_machine.page_text([vars(run)])
    assert "synthetic" not in text
    assert "no such lead" in text
