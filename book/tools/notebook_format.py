"""The notebooks' format: Python sources that people review, notebooks made from them.

``notebooks/NN_name.py`` (jupytext, percent format) is the source. ``notebooks/NN_name.ipynb`` is
made from it by ``run_notebooks.py --store`` and holds its outputs, the hash of the code that made
them, and the hash of the published files that code read: a test can tell when they are stale.

Run as a program it carries edits of text, not of code, over to the stored notebooks::

    python book/tools/notebook_format.py
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from ecgkit.published import answer

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
PUBLISHED = ROOT / "ecgkit" / "published"

STAMP = "application/vnd.ecgkit.stamp+json"
"""Media type of the data behind the stamp that closes a page (``ecgkit.exercises.stamp``).

The renderer warns of types it does not know: storing moves the data to the notebook's metadata.
"""

WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT_METADATA = ("tags", "cellView")  # of a cell: what its source may say
PROMPTS = {"solution": "Show the solution", "install": "Show the set-up"}  # on folded cells, by tag


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
    return _frame(nb, py_path.stem)


def code_hash(nb: NotebookNode) -> str:
    """SHA-256 of the code cells, in order."""
    cells = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def published_hash(names: Iterable[str]) -> str:
    """SHA-256 of named files of ``ecgkit/published``, empty for none; a lost file changes it.

    A name may be a question to the index, ``index.json?model/recipe/split``: its answer counts.
    """
    digest = hashlib.sha256()
    names = sorted(set(names))
    for name in names:
        file, _, question = name.partition("?")
        path, content = PUBLISHED / file, "missing"
        if path.is_file():
            read = path.read_bytes()
            if question:
                read = json.dumps(answer(json.loads(read), question)).encode()
            content = hashlib.sha256(read).hexdigest()
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest() if names else ""


def mark(nb: NotebookNode, published: Iterable[str]) -> None:
    """Write into the notebook what its outputs were made from."""
    names = sorted(set(published))
    nb.metadata.setdefault("ecgkit", NotebookNode()).update(
        code_sha256=code_hash(nb), published=names, published_sha256=published_hash(names)
    )


def refresh_hash(path: Path) -> None:
    """Renew a stored notebook's code hash after an edit that its outputs do not depend on.

    For the command that rewrites the project's address in both files; nothing else should need it.
    """
    nb = nbformat.read(path, as_version=4)
    nb.metadata.setdefault("ecgkit", NotebookNode())["code_sha256"] = code_hash(nb)
    write(nb, path)


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
        cell.outputs = _join_streams(cell.outputs)
        images = [o for o in cell.outputs if any(k.startswith("image/") for k in o.get("data", {}))]
        if len(images) > 1:
            raise FormatError(f"{where} shows {len(images)} figures: give each its own cell.")
        for output in images:
            alt = _alt(output)
            if not alt:
                raise FormatError(
                    f"{where} shows a figure without alt text: show it with "
                    "ecgkit.plots.show(fig, alt), which says in words what is seen."
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
    hashes = stored.metadata.get("ecgkit", {})
    names = hashes.get("published", [])
    if hashes.get("code_sha256") != code_hash(made) or code_hash(stored) != code_hash(made):
        return f"The code of {py_path.name} has changed since {path.name} was made. {again}"
    if hashes.get("published_sha256") != published_hash(names):
        return f"Published files that {path.name} shows have changed ({', '.join(names)}). {again}"
    if list(map(_face, made.cells)) != list(map(_face, stored.cells)):
        return (
            f"The text of {py_path.name} has changed since {path.name} was made. "
            "Run `python book/tools/notebook_format.py`, which keeps the outputs."
        )
    return None


def sync_text(py_path: Path) -> bool:
    """Carry text edits over to the stored notebook, outputs kept; False if its code has changed."""
    path = py_path.with_suffix(".ipynb")
    if not path.is_file():
        return False
    made, stored = source_notebook(py_path), nbformat.read(path, as_version=4)
    if code_hash(stored) != code_hash(made):
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
