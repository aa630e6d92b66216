"""The notebooks' format: Python sources that people review, notebooks made from them.

``notebooks/NN_name.py`` (jupytext, percent format) is the source. ``run_notebooks.py --store``
makes ``notebooks/NN_name.ipynb`` from it: with the cell that installs the library, the outputs, and
one hash of what they were made from, the page's code and the study results that it reads.

Run as a program it carries edits of text, not of code, over to the stored notebooks::

    python book/tools/notebook_format.py
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "book" / "ecgbook" / "studies" / "results.jsonl"

STAMP = "application/vnd.ecgkit.stamp+json"
"""Media type of the data behind the stamp that closes a page (``ecgbook.page.Page.stamp``).

The renderer warns of types it does not know: storing moves the data to the notebook's metadata.
"""

WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT_METADATA = ("tags", "cellView")  # of a cell: what its source may say
PROMPTS = {"solution": "Show the solution", "install": "Show the set-up"}  # on folded cells, by tag

IN_COLAB = (
    *("numpy", "scipy", "pandas", "torch", "scikit-learn", "matplotlib", "seaborn"),
    *("tqdm", "requests"),
)
"""Dependencies that Colab's image has; the install cell looks for all the others."""

INSTALL = """\
# @title Set-up: installs what is missing, and nothing else
import importlib.util
import subprocess
import sys

PACKAGES = {{  # module -> where it comes from
{packages}
}}
missing = {{
    package
    for module, package in PACKAGES.items()
    if importlib.util.find_spec(module) is None
}}
if missing:  # --no-deps: torch, numpy and pandas stay as they are
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, *sorted(missing)], check=True)
    importlib.invalidate_caches()"""


class FormatError(ValueError):
    """A notebook is not as the book needs it; the message names the page and says what to do."""


def sources(page: str | None = None, folder: Path | None = None) -> list[Path]:
    """The notebooks' sources in order, or the one whose number or name begins with ``page``."""
    folder = folder or NOTEBOOKS
    found = sorted(folder.glob("[0-9][0-9]_*.py"))
    if page:
        found = [path for path in found if path.stem.startswith(page)]
    if not found:
        wanted = f"beginning with {page!r} " if page else ""
        raise FormatError(f"There is no notebook source {wanted}in {folder}: expected NN_name.py.")
    return found


def source_notebook(py_path: Path) -> NotebookNode:
    """A notebook without outputs, made from its source."""
    nb = jupytext.read(py_path, fmt="py:percent")
    for cell in nb.cells:
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA})
        if "install" in cell.metadata.get("tags", []):
            raise FormatError(f"{py_path.name} has an install cell: remove it, the tools add it.")
    first = next((i for i, cell in enumerate(nb.cells) if cell.cell_type == "code"), len(nb.cells))
    nb.cells.insert(first, install_cell())
    return _frame(nb, py_path.stem)


def install_cell() -> NotebookNode:
    """The cell that makes a page run in Colab, from the dependencies in ``pyproject.toml``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    book = f"{project['name']} @ git+{project['urls']['Repository']}"
    packages = {"ecgkit": book, "ecgbook": book}
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=~! ]", requirement)[0]
        if name not in IN_COLAB:
            packages[{"PyWavelets": "pywt"}.get(name, name)] = requirement
    lines = (f'    "{module}": "{package}",' for module, package in packages.items())
    cell = nbformat.v4.new_code_cell(INSTALL.format(packages="\n".join(lines)))
    cell.metadata.update(tags=["install", "hide-cell"], cellView="form")
    return cell


def results_read(code: str) -> list[dict[str, object]]:
    """Study of each call that reads results in a page's code, and row and seed where literals.

    ``outcomes`` reads ``people``.

    Raises
    ------
    FormatError
        If a call of ``results`` or ``load_study`` does not name its study as a literal.
    """
    found: list[dict[str, object]] = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        function = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        if function == "outcomes":
            found.append({"study": "people"})
        if function not in ("results", "load_study"):
            continue
        given = dict(zip(("study", "row"), node.args, strict=False))
        given |= {"study" if k.arg == "name" else k.arg: k.value for k in node.keywords if k.arg}
        read = {k: v.value for k, v in given.items() if isinstance(v, ast.Constant)}
        if not isinstance(read.get("study"), str):
            raise FormatError(
                f"{ast.unparse(node)} does not name its study: write the name as a literal, so "
                "that the page is known to depend on the study's results."
            )
        found.append({key: read[key] for key in ("study", "row", "seed") if key in read})
    return found


def made_from(nb: NotebookNode) -> str:
    """SHA-256 of a page's code, without the install cell, and of the results that it reads."""
    code = [
        cell.source
        for cell in nb.cells
        if cell.cell_type == "code" and "install" not in cell.metadata.get("tags", [])
    ]
    read = results_read("\n".join(code))
    lines = RESULTS.read_text("utf-8").splitlines() if read else []
    rows = [s for s in lines if any(of.items() <= json.loads(s).items() for of in read)]
    if {"study": "people"} in read:
        rows += RESULTS.with_name("people.jsonl").read_text("utf-8").splitlines()
    return hashlib.sha256(json.dumps([code, rows]).encode()).hexdigest()


def write(nb: NotebookNode, path: Path) -> None:
    """Write a notebook, complete or not at all."""
    part = path.with_suffix(".part")
    nbformat.validate(nb)
    part.write_text(nbformat.writes(nb).rstrip("\n") + "\n", encoding="utf-8")
    part.replace(path)


def title(nb: NotebookNode) -> str:
    """The first heading."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^# +(.+)$", cell.source, re.M)):
            return found[1].strip()
    raise FormatError("The notebook has no title: begin its first Markdown cell with '# '.")


def stamp(nb: NotebookNode) -> dict[str, object] | None:
    """The data of the stamp that closes a normalised page, or None."""
    return nb.metadata.get("ecgkit", {}).get("stamp")


def normalise(nb: NotebookNode, page: str) -> NotebookNode:
    """Make an executed notebook fit for storing: what a second run would write the same way.

    Fixes the ids and the metadata, joins printed text, removes progress bars, takes the stamp's
    data into the metadata, and hands each figure's alt text to the book's renderer. Refuses, by
    FormatError, figures without alt text, two figures in a cell, and what needs a script.
    """
    nb = _frame(nb, page)
    for number, cell in enumerate(nb.cells):
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA})
        if cell.cell_type != "code":
            continue
        for tag in PROMPTS.keys() & cell.metadata.get("tags", []):
            cell.metadata["mystnb"] = NotebookNode(code_prompt_show=PROMPTS[tag])
        where = f"{page}, cell {number} ({cell.source.splitlines()[0] if cell.source else ''!r})"
        stub = "exercise" in cell.metadata.get("tags", [])
        cell.outputs = [] if stub else _join_streams(cell.outputs)
        images = [o for o in cell.outputs if any(k.startswith("image/") for k in o.get("data", {}))]
        if len(images) > 1:
            raise FormatError(f"{where} shows {len(images)} figures: give each its own cell.")
        for output in images:
            alt = _alt(output)
            if not alt:
                raise FormatError(
                    f"{where} shows a figure without alt text: finish it with "
                    "ecgkit.plots.finish, and show it with ecgkit.plots.show."
                )
            output.data["text/plain"] = alt
            cell.metadata.setdefault("mystnb", NotebookNode())["image"] = {"alt": alt}
        for data in (output.get("data", {}) for output in cell.outputs):
            if WIDGET in data or "<script" in data.get("text/html", ""):
                raise FormatError(f"{where} shows a widget or a script, which need another host.")
            if STAMP in data:
                nb.metadata.setdefault("ecgkit", NotebookNode())["stamp"] = data.pop(STAMP)
    return nb


def stale(py_path: Path) -> str | None:
    """Say in a sentence how the stored notebook differs from its source, None if it does not."""
    path = py_path.with_suffix(".ipynb")
    again = f"Run `make notebooks PAGE={py_path.stem[:2]}`."
    if not path.is_file():
        return f"{path.name} is missing. {again}"
    made, stored = source_notebook(py_path), nbformat.read(path, as_version=4)
    recorded = stored.metadata.get("ecgkit", {}).get("made_from")
    if not recorded == made_from(stored) == made_from(made):
        return f"The code of {py_path.name}, or a result that it reads, has changed. {again}"
    if list(map(_face, made.cells)) != list(map(_face, stored.cells)):
        return (
            f"The text of {py_path.name} or its install cell has changed. "
            "Run `python book/tools/notebook_format.py`, which keeps the outputs."
        )
    return None


def sync_text(py_path: Path) -> bool:
    """Carry text edits over to the stored notebook, outputs kept; False if its code has changed."""
    path = py_path.with_suffix(".ipynb")
    if not path.is_file():
        return False
    made, stored = source_notebook(py_path), nbformat.read(path, as_version=4)
    if made_from(stored) != made_from(made):
        return False
    outputs = iter(cell for cell in stored.cells if cell.cell_type == "code")
    for cell in made.cells:
        if cell.cell_type == "code":
            old = next(outputs)
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
    made = normalise(made, py_path.stem)
    made.metadata["ecgkit"] = stored.metadata["ecgkit"]
    write(made, path)
    return True


def _frame(nb: NotebookNode, page: str) -> NotebookNode:
    """Metadata and cell ids that do not depend on the machine or the moment."""
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python", "pygments_lexer": "ipython3"},
    )
    for index, cell in enumerate(nb.cells):
        cell["id"] = hashlib.sha256(f"{page}:{index}".encode()).hexdigest()[:12]
    return nb


def _face(cell: NotebookNode) -> tuple[str, str, list[str], str | None]:
    """What source and stored notebook have in common."""
    metadata = cell.metadata
    return cell.cell_type, cell.source, metadata.get("tags", []), metadata.get("cellView")


def _alt(output: NotebookNode) -> str:
    """A figure's alt text, as ``IPython.display.Image(alt=...)`` leaves it."""
    texts = [v.get("alt") for v in output.get("metadata", {}).values() if isinstance(v, dict)]
    return " ".join(str(next((t for t in texts if t), "")).split())


def _join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring printed outputs (a kernel cuts them by time) and drop progress bars."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1]["text"] += output.text
        else:
            joined.append(output)
    for output in joined:
        if output.output_type == "stream":
            lines = output.text.split("\n")
            output["text"] = "\n".join(line for line in lines if "\r" not in line)
    return [o for o in joined if o.output_type != "stream" or o.text.strip()]


def main() -> int:
    """Carry text edits over to every stored notebook; 1 if some of them need running."""
    needs = 0
    for path in filter(stale, sources()):
        if sync_text(path) and not stale(path):
            print(f"{path.stem}: text renewed, outputs kept")
        else:
            needs += 1
            print(stale(path))
    return 1 if needs else 0


if __name__ == "__main__":
    sys.exit(main())
