"""Render the book to ``book/_build/html``, with every warning an error.

::

    python book/tools/render.py

Writes the page "On this machine", the computed parts of the appendices, and the networks of the
page "Try it" first. The notebooks are
not run: the pages show the outputs stored in them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from appendices import write_generated
from icons import keep_used_icons
from live import write_weights
from notebook_format import ROOT
from on_this_machine import write_page

BUILD = ROOT / "book" / "_build"
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def render() -> int:
    """Build from scratch (a warning is shown only when its page is read); jupyter-book's status."""
    write_page()
    write_generated()
    write_weights()
    for old in ("html", ".doctrees", "jupyter_execute"):
        shutil.rmtree(BUILD / old, ignore_errors=True)
    command = [
        *(sys.executable, "-c", JUPYTER_BOOK, "build", "."),
        *("--config", "book/_config.yml", "--toc", "book/_toc.yml", "--path-output", "book"),
        *("-W", "-n", "--keep-going", "--quiet"),
    ]
    status = subprocess.run(command, cwd=ROOT).returncode
    if not status:
        keep_used_icons(BUILD / "html")
    return status


def main() -> int:
    status = render()
    index = BUILD / "html" / "index.html"
    if status or not index.is_file():
        print("The book was not rendered cleanly: see the warnings above.", file=sys.stderr)
        return status or 1
    print(f"The book is rendered. Open {index}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
