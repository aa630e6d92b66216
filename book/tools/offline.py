"""Pack the rendered book into a zip that opens without a network; lay out the website.

::

    python book/tools/offline.py            # book/_build/ecgkit-book.zip
    python book/tools/offline.py --site     # and book/_build/site, with the zip and the PDF in it

The zip holds what ``book/_build/html`` holds, and the licences. The same pages give the same bytes.
The website is a copy of the pages with the PDF and the zip beside them, and links to both on its
front page; the pages in ``html`` themselves stay without these links, which would be dead there.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import zipfile
from pathlib import Path

from notebook_format import ROOT

BUILD = ROOT / "book" / "_build"
HTML, ZIP, PDF, SITE = (BUILD / n for n in ("html", "ecgkit-book.zip", "ecgkit-book.pdf", "site"))
LICENCES = ("LICENSE", "LICENSE-text.md", "CITATION.cff")
FOLDER = "ecgkit-book"
MARK = "<!-- downloads -->"
"""Stands on the front page where the links to the PDF and the zip go."""


class OfflineError(RuntimeError):
    """Something to pack is missing; the message says what."""


def make_zip(html: Path = HTML, target: Path = ZIP) -> Path:
    """Write the pages and the licences into a zip, whole or not at all.

    Names are sorted, and times and rights are the same for all, so that equal pages give equal
    bytes.

    Raises
    ------
    OfflineError
        If the book was not rendered.
    """
    if not (html / "index.html").is_file():
        raise OfflineError(f"{html} holds no rendered book: make html.")
    files = {path.relative_to(html).as_posix(): path for path in html.rglob("*") if path.is_file()}
    files |= {name: ROOT / name for name in LICENCES}
    draft = target.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w") as archive:
        for name, path in sorted(files.items()):
            about = zipfile.ZipInfo(f"{FOLDER}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            about.create_system, about.external_attr = 3, 0o100644 << 16  # Unix; read by all
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, path.read_bytes(), compresslevel=9)
    draft.replace(target)
    return target


def make_site(
    html: Path = HTML, downloads: tuple[Path, ...] = (PDF, ZIP), site: Path = SITE
) -> Path:
    """Copy the pages, put the files to download beside them, and link those on the front page.

    Raises
    ------
    OfflineError
        If one of the files is missing, or the front page has no place for the links.
    """
    for path in downloads:
        if not path.is_file():
            raise OfflineError(f"{path} is missing: make pdf, make zip.")
    front = html / "book" / "intro.html"
    text = front.read_text("utf-8")
    if text.count(MARK) != 1:
        raise OfflineError(f"{front} has no place, or several, for the links: {MARK}")
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(html, site)
    links = []
    for path in downloads:
        shutil.copyfile(path, site / path.name)
        size = f"{path.suffix[1:].upper()}, {path.stat().st_size / 1e6:.1f} MB"
        links.append(f'<a href="../{path.name}" download>{WHAT[path.suffix]}</a> ({size})')
    paragraph = f"<p>To take with you: {' and '.join(links)}.</p>"
    (site / "book" / "intro.html").write_text(text.replace(MARK, paragraph), "utf-8")
    return site


WHAT = {".pdf": "the book to print", ".zip": "the book to read without a network"}


def main() -> int:
    parser = argparse.ArgumentParser(description="Pack the rendered book.")
    parser.add_argument("--site", action="store_true", help="lay out the website, too")
    options = parser.parse_args()
    try:
        target = make_zip()
        print(f"{target.stat().st_size / 1e6:.1f} MB: {target}")
        print("Unpack it and open index.html in a browser.")
        if options.site:
            print(f"The website: {make_site() / 'index.html'}")
    except OfflineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
