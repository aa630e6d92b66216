"""What a teacher takes into class, made from the pages: a student edition, and slides of a page.

::

    python book/tools/classroom.py               # book/_build/student: no solutions, with a zip
    python book/tools/classroom.py --slides 07   # book/_build/slides/07_tcn/index.html

The student edition holds each notebook without its solutions, without outputs, ready to run. Slides
take from a stored page its headings, the sentence after each, figures, formulas, tables, lists,
short code, questions and exercises. All text becomes the speaker's notes (press S). No network is
needed.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import sys
from collections.abc import Iterator

import nbformat
import notebook_format
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode
from notebook_format import ROOT

BUILD, REVEAL = ROOT / "book" / "_build", ROOT / "book" / "tools" / "reveal"
MATHJAX = ROOT / "book" / "_static" / "mathjax"
LINES = 16  # of code that fit on a slide
ON_SLIDES = ("math_block", "table", "bullet_list", "blockquote")
ANSWER = re.compile(r"<details>.*?</details>", re.S)

DECK = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="reveal.css"><style>
body {{ background: #fff; color: #1a1a1a; font: 30px/1.35 sans-serif }}
.reveal h1, .reveal h2 {{ font-size: 1.3em; margin: 0 0 0.6em }}
.reveal .slides section {{ text-align: left; max-height: 690px; overflow: auto }}
.reveal img {{ display: block; max-height: 440px; max-width: 100%; margin: auto }}
.reveal em {{ font-size: 0.75em }} .reveal pre, .reveal table {{ font-size: 0.6em }}
.reveal pre {{ background: #f5f5f5; padding: 0.6em; overflow: auto }}
.reveal td, .reveal th {{ padding: 0.2em 0.8em; border-bottom: 1px solid #bbb }}
</style></head><body><div class="reveal"><div class="slides">
{slides}
</div></div>
<script>MathJax = {{loader: {{load: ["core", "input/tex", "output/chtml"]}}}}</script>
<script src="mathjax/startup.js"></script>
<script src="reveal.js"></script><script src="notes.js"></script>
<script>Reveal.initialize({{hash: true, slideNumber: true, plugins: [RevealNotes]}})</script>
</body></html>
"""


def student_notebook(page: NotebookNode) -> NotebookNode:
    """Leave out of a notebook without outputs the cells that hold solutions."""
    page.cells = [c for c in page.cells if "solution" not in c.metadata.get("tags", [])]
    return page


def make_student_edition() -> str:
    """Write every page for students, and a zip of all; return the zip's path."""
    folder = BUILD / "student"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in notebook_format.sources():
        page = student_notebook(notebook_format.source_notebook(path))
        notebook_format.write(page, folder / f"{path.stem}.ipynb")
    return shutil.make_archive(str(folder), "zip", folder)


def make_slides(number: str) -> str:
    """Write the slides of a stored page into a folder of their own; return the file's path."""
    (source,) = notebook_format.sources(number)
    page = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    folder = BUILD / "slides" / source.stem
    shutil.copytree(REVEAL, folder, dirs_exist_ok=True)
    shutil.copytree(MATHJAX, folder / "mathjax", dirs_exist_ok=True)
    title = notebook_format.title(page)
    slides = "\n".join(f"<section>{slide}</section>" for slide in slides_of(page))
    deck = folder / "index.html"
    deck.write_text(DECK.format(title=html.escape(title), slides=slides), "utf-8")
    return str(deck)


def slides_of(page: NotebookNode) -> Iterator[str]:
    """Yield the slides of a page: one per heading, figure and short piece of code."""
    heading, shown, notes = "", "", ""
    for cell in page.cells:
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=#{1,3} )", cell.source, flags=re.M):
                text, first = part, part.startswith("#")
                if first:
                    if shown or notes:
                        yield _slide(heading, shown, notes)
                    heading, _, text = part.lstrip("# ").partition("\n")
                    shown, notes = "", ""
                on_slide, spoken = _sort_text(text, first, heading.startswith("Exercise"))
                shown, notes = shown + on_slide, notes + spoken
        elif not {"solution", "install", "exercise"} & tags:
            images = [o.data for o in cell.outputs if "image/png" in o.get("data", {})]
            code = "" if {"hide-input", "hide-cell"} & tags else cell.source
            if images or 0 < code.count("\n") < LINES:
                if shown or notes:
                    yield _slide(heading, shown, notes)
                shown, notes = f"<pre><code>{html.escape(code)}</code></pre>" * (not images), ""
                for image in images:
                    alt, png = html.escape(image["text/plain"]), image["image/png"].strip()
                    shown += f'<img alt="{alt}" src="data:image/png;base64,{png}">'
    yield _slide(heading, shown, notes)


def _slide(heading: str, shown: str, notes: str) -> str:
    title = _markdown().renderInline(heading)
    slide = f"<h2>{title}</h2>{shown}<aside class='notes'>{notes}</aside>"
    return re.sub(r"</?a\b[^>]*>", "", slide)  # links lead into the book


def _sort_text(text: str, first: bool, all_of_it: bool) -> tuple[str, str]:
    """Make HTML of Markdown, for the slide and for the notes; answers appear on a click."""
    shown, notes, md = "", "", _markdown()
    for piece in re.split(f"({ANSWER.pattern})", text, flags=re.S):
        if ANSWER.match(piece):
            inside = re.sub(r"</?details>|<summary>.*?</summary>", "", piece)
            shown += f'<div class="fragment">{md.render(inside)}</div>'
            continue
        for node in SyntaxTreeNode(md.parse(piece)).children:
            block = md.renderer.render(node.to_tokens(), md.options, {})
            notes += block
            asks = node.type == "paragraph" and block.startswith(("<p><strong>", "<p><em>"))
            if asks or all_of_it or node.type in ON_SLIDES:
                shown += block
            elif first and node.type == "paragraph":
                shown += re.split(r"(?<=[a-z)][.:])\s", block, maxsplit=1)[0]
            first = False
    return shown, notes


def _markdown() -> MarkdownIt:
    def formula(text: str, options: dict[str, bool]) -> str:
        left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
        return left + html.escape(text) + right

    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=formula)


def main(arguments: list[str] | None = None) -> int:
    """Make what is asked for and print its path."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slides", metavar="NN", help="slides of this page")
    options = parser.parse_args(arguments)
    try:
        print(make_slides(options.slides) if options.slides else make_student_edition())
    except (notebook_format.FormatError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
