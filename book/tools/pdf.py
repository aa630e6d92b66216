"""Print the rendered book into one PDF, ``book/_build/ecgkit-book.pdf``, with Chromium.

::

    python book/tools/pdf.py

Takes the pages of ``book/_build/html`` in the book's order and puts their articles into one
document, so that links between pages become links within the PDF. Solutions and answers are printed
open. Left out is what paper cannot use: navigation, the set-up cell, and the code of cells whose
input the book folds away. Where a page has something to try in the browser stands its address.
Chromium prints twice: first to learn on which page each chapter begins.
"""

from __future__ import annotations

import html as escaping
import json
import posixpath
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import address
import yaml
from bs4 import BeautifulSoup, Tag
from notebook_format import ROOT
from playwright import sync_api
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject

import ecgkit

HTML = ROOT / "book" / "_build" / "html"
PDF = ROOT / "book" / "_build" / "ecgkit-book.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SCREEN_ONLY = ("book/api_", "book/try_it")
WIDE, LONG = 91, 24  # characters in a line of code, and lines, that print.css sets as they are
NO_BROWSER = "No Chromium on this machine. On Debian: apt-get install chromium fonts-dejavu."


class PrintError(RuntimeError):
    """The book cannot be printed; the message says why."""


def find_browser() -> str | None:
    """Path of the system's Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def parts() -> list[tuple[str, list[str]]]:
    """The book's parts, in order: caption, and its pages' names such as ``book/glossary``.

    Without the pages of the API, which are for looking up, by searching, and without "Try it",
    which paper cannot answer.
    """
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text("utf-8"))
    chapters = []
    for part in toc["parts"]:
        pages = [chapter["file"] for chapter in part["chapters"]]
        chapters.append((part["caption"], [p for p in pages if not p.startswith(SCREEN_ONLY)]))
    return [("", [toc["root"]]), *chapters]


def anchor(page: str, fragment: str = "") -> str:
    """Name of a place in the one document: ids of different pages must not meet."""
    return f"{page.replace('/', '-')}--{fragment}" if fragment else page.replace("/", "-")


def article(page: str, pages: set[str], html: Path = HTML) -> Tag:
    """One page's article, ready for paper.

    Parameters
    ----------
    page
        Its name, such as ``notebooks/00_quickstart``.
    pages
        Names of all pages that are printed: links to others lose their target.
    html
        Folder of the rendered book.

    Raises
    ------
    PrintError
        If the page was not rendered.
    """
    path = html / f"{page}.html"
    if not path.is_file():
        raise PrintError(f"{path} is missing: render the book first, make html.")
    found = BeautifulSoup(path.read_text("utf-8"), "html.parser").find("article")
    assert isinstance(found, Tag)
    for useless in found.select(".headerlink, .copybtn, script, .tag_install, .begin"):
        useless.decompose()
    for frame in found.select(".live-frame"):
        frame.replace_with(_pointer(page))
    for cell in found.select(".tag_hide-input > details"):
        cell.decompose()
    for folded in found.find_all("details"):
        _unfold(folded)
    for code in found.find_all("pre"):
        _measure(code)
    for image in found.select(".cell_output img"):
        _caption(image)
    for stamp in found.select(".tag_hide-input")[-1:]:
        stamp["class"] = "stamp"
    for tag in found.find_all(id=True):
        tag["id"] = anchor(page, tag["id"])
    for image in found.find_all("img"):
        image["src"] = posixpath.normpath(posixpath.join(posixpath.dirname(page), image["src"]))
    for link in found.find_all("a", href=True):
        _redirect(link, page, pages)
    found["id"], found["style"] = anchor(page), f"page: {anchor(page)}"
    return found


def _pointer(page: str) -> Tag:
    """Stand in for a frame of the live page: the address at which it can be tried."""
    place = f"{address.forms(address.current(ROOT))[-1]}/{page}.html"
    return _only(f'<p class="on-screen">On the screen, you can try this: {place}</p>')


def _only(text: str) -> Tag:
    """The one element of a piece of HTML."""
    found = BeautifulSoup(text, "html.parser").find()
    assert isinstance(found, Tag)
    return found


def _measure(code: Tag) -> None:
    """Mark code that is longer than a page may hold together, or wider than its lines are set."""
    lines = code.get_text().splitlines()
    wide = ["wide"] if max(map(len, lines), default=0) > WIDE else []
    code["class"] = [*code.get_attribute_list("class", []), *wide, *["long"][: len(lines) > LONG]]


def _caption(image: Tag) -> None:
    """Join a figure of a cell with its caption, the paragraph in italics that follows the cell."""
    cell = image.find_parent(class_="cell")
    assert cell is not None
    below = cell.find_next_sibling()
    figure = (image.find_parent("a") or image).wrap(_only("<figure></figure>"))
    if below is not None and below.name == "p" and below.get_text().startswith("Figure "):
        below.name = "figcaption"
        figure.append(below.extract())


def _unfold(folded: Tag) -> None:
    """Print what the book folds: a solution in a frame of its own, an answer under its question."""
    summary = folded.find("summary")
    assert isinstance(summary, Tag)
    summary.name, folded.name = "p", "div"
    if "admonition" not in folded.get_attribute_list("class"):
        summary["class"], folded["class"] = "question", "answer"
        return
    cell = folded.parent
    is_solution = cell is not None and "tag_solution" in cell.get_attribute_list("class")
    summary.clear()
    summary.append("Solution" if is_solution else "Folded on screen")
    summary["class"], folded["class"] = "label", "unfolded"


def _redirect(link: Tag, page: str, pages: set[str]) -> None:
    """Lead a link to a place in the document, leave it on the web, or make it plain text."""
    url = urlsplit(str(link["href"]))
    if url.scheme:
        place = f"{url.netloc.removeprefix('www.')}{url.path}".removesuffix("/")
        if page != "book/references" and place not in link.get_text():
            link.insert_after(_only(f'<span class="address"> ({place})</span>'))
        return
    there = page
    if url.path:
        joined = posixpath.join(posixpath.dirname(page), unquote(url.path))
        there = posixpath.normpath(joined).removesuffix(".html")
    if there in pages:
        link["href"] = f"#{anchor(there, unquote(url.fragment))}"
    else:
        link.unwrap()


def compose(numbers: dict[str, int], html: Path = HTML) -> str:
    """The whole book as one HTML document that lies beside the folder ``html``.

    Parameters
    ----------
    numbers
        Page name -> the number of the sheet on which it begins; empty where not known yet.
    html
        Folder of the rendered book.
    """
    pages = {page for _, names in parts() for page in names}
    contents, body, heads = "", "", ""
    for caption, names in parts():
        contents += f'<p class="part">{escaping.escape(caption)}</p>' if caption else ""
        for page in names:
            printed = article(page, pages, html)
            title = printed.find("h1")
            assert isinstance(title, Tag)
            number = posixpath.basename(page)[:2] if page.startswith("notebooks/") else ""
            if number:
                title.insert(0, f"{number} ")
            contents += (
                f'<p class="entry"><a href="#{anchor(page)}">{title.decode_contents()}</a>'
                f"<span>{numbers.get(page, '000')}</span></p>\n"
            )
            body += f"{printed}\n"
            head = json.dumps(" ".join(title.get_text().split()), ensure_ascii=False)
            heads += f"@page {anchor(page)} {{ @top-left {{ content: {head} }} }}\n"
    config = yaml.safe_load((ROOT / "book" / "_config.yml").read_text("utf-8"))
    return TEMPLATE.format(
        title=config["title"],
        author=config["author"],
        version=ecgkit.__version__,
        url=config["repository"]["url"],
        heads=heads,
        contents=contents,
        body=body,
    )


TEMPLATE = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">
<title>{title}</title><meta name="author" content="{author}">
<link rel="stylesheet" href="_static/pygments.css">
<link rel="stylesheet" href="_static/print.css">
<style>{heads}</style>
<script src="_static/units.js"></script>
<script>window.MathJax = {{loader: {{load: ["core", "input/tex", "output/chtml"]}},
options: {{processHtmlClass: "math"}},
startup: {{pageReady: () => MathJax.startup.defaultPageReady().then(
() => document.body.setAttribute("data-ready", ""))}}}};</script>
<script src="_static/mathjax/startup.js"></script>
</head><body>
<div class="title-page"><img src="_static/logo.svg" alt="">
<p class="title">{title}</p>
<p class="subtitle">From a raw two-lead recording to a trained, tested and explained classifier</p>
<p>{author}<br>Version {version}<br><a href="{url}">{url}</a></p>
<p class="small">Printed from the rendered book. The set-up cell that opens each notebook and the
code that only writes figures into a sentence are left out; solutions and answers are printed open.
Text and figures CC BY 4.0, code BSD 3-Clause. A teaching book, <strong>not a medical
device</strong>.</p></div>
<nav class="contents"><p class="heading">Contents</p>
{contents}</nav>
{body}
</body></html>
"""


def print_book(target: Path = PDF, html: Path = HTML) -> Path:
    """Compose and print; first without, then with page numbers in the contents.

    Raises
    ------
    PrintError
        If there is no Chromium, or the book is not rendered, or a formula does not get set.
    """
    browser_path = find_browser()
    if browser_path is None:
        raise PrintError(NO_BROWSER)
    draft, document = target.with_suffix(".draft"), html / "print.html"
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
            numbers: dict[str, int] = {}
            for _ in range(2):
                document.write_text(compose(numbers, html), "utf-8")
                tab = browser.new_page()
                tab.goto(document.as_uri(), wait_until="load", timeout=120_000)
                tab.wait_for_selector("body[data-ready]", timeout=120_000)
                tab.pdf(path=draft, prefer_css_page_size=True, outline=True, tagged=True)
                tab.close()
                numbers = page_numbers(draft)
            browser.close()
        _spell_bookmarks(draft, document.read_text("utf-8"))
        draft.replace(target)
    except sync_api.Error as error:
        raise PrintError(f"Chromium did not print the book: {error.message}") from error
    finally:
        draft.unlink(missing_ok=True)
        document.unlink(missing_ok=True)
    return target


def page_numbers(path: Path) -> dict[str, int]:
    """On which sheet of a printed book, counted from 1, each of its pages begins."""
    reader = PdfReader(path)
    places = {name.lstrip("/"): place for name, place in reader.named_destinations.items()}
    numbers = {}
    for page in (page for _, names in parts() for page in names):
        sheet = reader.get_destination_page_number(places[anchor(page)])
        assert sheet is not None
        numbers[page] = sheet + 1
    return numbers


def _spell_bookmarks(path: Path, document: str) -> None:
    """Give the bookmarks their blanks back: Chromium drops those where a heading breaks."""
    soup = BeautifulSoup(document, "html.parser")
    headings = (" ".join(h.get_text().split()) for h in soup.find_all(("h1", "h2", "h3", "h4")))
    spelled = {heading.replace(" ", ""): heading for heading in headings}
    book = PdfWriter(clone_from=path)
    waiting = [book.get_outline_root()]
    while waiting:
        mark = waiting.pop().get_object()
        if "/Title" in mark:
            bare = "".join(str(mark["/Title"]).split())
            mark[NameObject("/Title")] = TextStringObject(spelled.get(bare, mark["/Title"]))
        waiting += [mark[key] for key in ("/First", "/Next") if key in mark]
    book.write(path)


def main() -> int:
    try:
        target = print_book()
    except PrintError as error:
        print(error, file=sys.stderr)
        return 2
    sheets = len(PdfReader(target).pages)
    print(f"{sheets} pages, {target.stat().st_size / 1e6:.1f} MB: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
