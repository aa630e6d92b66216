"""Run the notebooks, each from its own fresh, empty folder.

::

    python book/tools/run_notebooks.py --quick               # copies and a status for the book
    python book/tools/run_notebooks.py --store [--page 07]   # full scale, stored in notebooks/
    python book/tools/run_notebooks.py --isolated            # with the wheel, without this folder
    python book/tools/run_notebooks.py --colab               # the install cell does the installing

The notebooks see ``ECGKIT_DATA``, ``ECGKIT_SOURCE`` and ``XDG_CACHE_HOME``, which decide on the
data. Exit status 1 if a page failed.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from notebook_format import (
    NOTEBOOKS,
    ROOT,
    FormatError,
    made_from,
    normalise,
    source_notebook,
    sources,
    stamp,
    title,
    write,
)

from ecgbook.page import NUMBER

RUNS = ROOT / "book" / "_build" / "runs"
MODES = {
    "quick": "quick profile; copies and status.json in book/_build/runs",
    "store": "full scale on MIT-BIH; outputs stored in notebooks/",
    "isolated": "quick profile with the built wheel instead of this folder",
    "colab": "quick profile; the notebook installs the library itself",
}
CELL_LIMIT_S = {"quick": 900, "full": 3600}  # a stuck cell, not a slow one
PROGRESS_EVERY_S = 60.0


@dataclass
class Result:
    """What the page "On this machine" says of one notebook's run."""

    page: str
    title: str
    passed: bool = False
    seconds: float = 0.0
    source: str | None = None
    fingerprint: str | None = None
    device: str | None = None
    key_figure: str | None = None
    error: str | None = None


class _Python(KernelSpecManager):
    """Start kernels with one interpreter, whatever is registered on the machine."""

    path = sys.executable

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [self.path, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        argv.append("--log-level=ERROR")
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class _Progress:
    """Print about once a minute which cell a run is at."""

    def __init__(self, page: str, cells: int) -> None:
        self.page, self.cells = page, cells
        self.start = self.last = time.monotonic()

    def __call__(self, cell: NotebookNode, cell_index: int) -> None:
        now = time.monotonic()
        if now - self.last > PROGRESS_EVERY_S:
            self.last = now
            print(f"    {self.page}: cell {cell_index} of {self.cells}, {now - self.start:.0f} s")


def number_in(text: str) -> float:
    """Read the first number of a text.

    >>> number_in("F1 of all but 1,204.5 of them")
    1204.5
    """
    found = NUMBER.search(text)
    if not found:
        raise FormatError(f"{text!r} has no number that could be compared.")
    return float(found[0].replace(",", "").replace("−", "-"))


def run(py_path: Path, profile: str, python: str = sys.executable) -> tuple[Result, NotebookNode]:
    """Run one notebook with an interpreter: its result, and the executed notebook."""
    nb = source_notebook(py_path)
    result = Result(page=py_path.stem, title=title(nb))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ecgkit-run-") as folder:
        here = Path(folder, "empty")
        here.mkdir()
        kernels = _Python()
        kernels.path = python
        environment = {
            **os.environ,
            "ECGKIT_PROFILE": profile,
            "IPYTHONDIR": str(Path(folder, "ipython")),  # nobody's own start-up files
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no debugger's warning on stderr
        }
        client = NotebookClient(
            nb,
            km=AsyncKernelManager(kernel_spec_manager=kernels),
            timeout=CELL_LIMIT_S[profile],
            resources={"metadata": {"path": str(here)}},
            record_timing=False,
            on_cell_start=_Progress(py_path.stem, len(nb.cells)),
        )
        try:
            client.execute(env=environment)
            check_exercises(nb, py_path.stem)  # before the stubs' outputs are taken out
            nb = normalise(nb, py_path.stem)
            data = stamp(nb)
            if data is None:
                raise FormatError(f"{py_path.stem} has no stamp: close it with page.stamp().")
            for key in ("source", "fingerprint", "device", "key_figure"):
                setattr(result, key, data.get(key))
            if profile == "full" and result.source != "synthetic":
                check_statements(data.get("statements", []), py_path.stem)
            result.passed = True
        except CellExecutionError as error:
            result.error = _describe(error, nb)
        except (CellTimeoutError, DeadKernelError, FormatError) as error:
            result.error = str(error)
    result.seconds = round(time.perf_counter() - start, 1)
    return result, nb


def check_exercises(nb: NotebookNode, page: str) -> None:
    """Refuse a page whose solutions are not right, or whose untouched stubs are.

    Raises
    ------
    FormatError
        Naming the cell and what its check said.
    """
    expected = {"solution": "Right.", "exercise": "Not yet."}
    for number, cell in enumerate(nb.cells):
        for tag in expected.keys() & set(cell.metadata.get("tags", [])):
            shown = "".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)
            if not shown.startswith(expected[tag]):
                raise FormatError(
                    f"{page}, cell {number}, is tagged {tag}, and its check shows {shown!r}: "
                    f"expected {expected[tag]!r} first."
                )


def check_statements(statements: Any, page: str) -> None:
    """Refuse a page whose text states another number than was measured, by FormatError."""
    for said, value, within in statements:
        if not abs(number_in(said) - value) <= within:
            raise FormatError(f"{page} says {said!r}, but {value:g} was measured: correct it.")


def run_all(pages: list[Path], mode: str, python: str = sys.executable) -> list[Result]:
    """Run pages in order, say how each went, and write what the mode asks for."""
    profile = "full" if mode == "store" else "quick"
    results = []
    for number, path in enumerate(pages, 1):
        print(f"[{number}/{len(pages)}] {path.stem} ({profile}) ...", flush=True)
        result, nb = run(path, profile, python)
        if mode == "store" and result.passed:
            if result.source == "synthetic":
                result.passed = False
                result.error = (
                    "The page ran on the synthetic records; published outputs come from MIT-BIH. "
                    "Set ECGKIT_DATA to its folder, or let `ecgkit data --fetch` get it. "
                    "Nothing was written."
                )
            else:
                nb.metadata["ecgkit"]["made_from"] = made_from(nb)
                write(nb, path.with_suffix(".ipynb"))
        if mode == "quick":
            RUNS.mkdir(parents=True, exist_ok=True)
            nbformat.write(nb, RUNS / f"{path.stem}.ipynb")
        results.append(result)
        print(_line(result), flush=True)
        if mode == "store" and result.source == "synthetic":
            break  # the next page would find the same data
    return results


def wheel_python(folder: Path) -> str:
    """Make a virtual environment with the built wheel and without this folder; its Python.

    The other packages are those of the running interpreter.
    """
    run_quietly = functools.partial(subprocess.run, check=True, cwd=folder)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    run_quietly([*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)])
    wheel = next(folder.glob("*.whl"))
    run_quietly([sys.executable, "-m", "venv", "--without-pip", "venv"])
    python = folder / "venv" / "bin" / "python"
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = run_quietly([python, "-c", show], capture_output=True, text=True)
    site = Path(found.stdout.strip())
    run_quietly([*pip, "install", "--no-deps", "--target", str(site), str(wheel)])
    # A path in a .pth file brings the packages, but not that folder's own .pth files, one of which
    # would bring this folder.
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    show = "import ecgkit, ecgbook; print(ecgkit.__file__, ecgbook.__file__, sep='\\n')"
    found = run_quietly([python, "-c", show], capture_output=True, text=True)
    for path in found.stdout.splitlines():
        if not Path(path).is_relative_to(site):
            raise FormatError(f"{path} is imported, which is not from the wheel in {site}.")
    print(f"Built and unpacked {wheel.name}; ecgkit and ecgbook are imported from it.")
    return str(python)


def _describe(error: CellExecutionError, nb: NotebookNode) -> str:
    """The failing cell and its error, without terminal colours."""
    failed = next(
        (i for i, c in enumerate(nb.cells)
         if any(o.output_type == "error" for o in c.get("outputs", []))), None
    )  # fmt: skip
    lines = nb.cells[failed].source.strip().splitlines() if failed is not None else []
    trace = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback).strip().splitlines()
    code = "\n".join(f"    | {line}" for line in lines[:12])
    tail = "\n".join(f"    {line}" for line in trace[-12:])
    return f"{error.ename}: {error.evalue}\n  in cell {failed}:\n{code}\n{tail}"


def _line(result: Result) -> str:
    """One notebook's run in a line, with the error below it."""
    facts = ", ".join(str(x) for x in (result.source, result.device, result.key_figure) if x)
    if result.passed:
        return f"    passed in {result.seconds:.1f} s" + (f" ({facts})" if facts else "")
    return f"    FAILED after {result.seconds:.1f} s: {result.error}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run the book's notebooks.")
    group = parser.add_mutually_exclusive_group(required=True)
    for mode, meaning in MODES.items():
        group.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=meaning)
    parser.add_argument("--page", help="only the page whose name begins so, e.g. 05")
    options = parser.parse_args(argv)
    try:
        pages = sources(options.page or None, NOTEBOOKS)
        if options.mode == "isolated":
            with tempfile.TemporaryDirectory(prefix="ecgkit-wheel-") as folder:
                results = run_all(pages, options.mode, wheel_python(Path(folder)))
        else:
            results = run_all(pages, options.mode)
    except (FormatError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.mode == "quick":
        _save_status(results, every=not options.page)
    failed = [result.page for result in results if not result.passed]
    total = sum(result.seconds for result in results)
    used = ", ".join(sorted({str(r.source) for r in results if r.source})) or "none"
    print(f"{len(results) - len(failed)} of {len(pages)} notebooks passed in {total:.0f} s; "
          f"data: {used}.")  # fmt: skip
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _save_status(results: list[Result], every: bool) -> None:
    """Write status.json; after a run of one page keep what it says of the others."""
    path = RUNS / "status.json"
    status = {r.page: asdict(r) for r in results}
    if not every and path.is_file():
        status = {old["page"]: old for old in json.loads(path.read_text())} | status
    path.write_text(json.dumps([status[page] for page in sorted(status)], indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
