"""The book to take along: as one PDF, as a zip, and as a website that offers both."""

import itertools
import os
import posixpath
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bs4
import offline
import pdf
import pypdf
import pytest
from playwright import sync_api

ROOT = Path(__file__).parents[1]

FRONT = """<article><section id="start"><h1>Front</h1>
<p><a href="../notebooks/00_one.html#start">one</a> <a href="#start">top</a>
<a href="../search.html">search</a> <a href="https://example.org/x">away</a></p>
<!-- downloads --><img src="../_images/a.png" alt="a"></section></article>"""

ONE = """<article><section id="start"><h1>One<a class="headerlink" href="#start">#</a></h1>
<div class="admonition warning"><p>These runs used the synthetic records.</p></div>
<div class="cell tag_install tag_hide-cell"><details class="admonition"><summary>Show</summary>
import sys</details></div>
<div class="cell tag_hide-input"><details class="admonition"><summary>Show</summary>plumbing
</details><div class="cell_output">A sentence.</div></div>
<div class="cell tag_solution tag_hide-cell"><details class="admonition"><summary>Show the solution
</summary>answer = 1</details></div>
<details><summary>1. Why?</summary><p>Because.</p></details>
<div class="cell"><div class="cell_output"><a href="../_images/b.png"><img src="../_images/b.png"
alt="b"></a></div></div><p><em>Figure 0.1. A beat.</em></p><div class="live-frame"></div>
</section></article>"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A rendered book of two pages, written by hand."""
    html = tmp_path / "html"
    for name, text in {
        "index.html": '<meta http-equiv="Refresh" content="0; url=book/intro.html">',
        "book/intro.html": f"<nav>Menu</nav>{FRONT}",
        "notebooks/00_one.html": f"<nav>Menu</nav>{ONE}",
        "_images/a.png": "picture",
    }.items():
        (html / name).parent.mkdir(parents=True, exist_ok=True)
        (html / name).write_text(text)
    both = [("", ["book/intro"]), ("Part", ["notebooks/00_one"])]
    monkeypatch.setattr(pdf, "parts", lambda: both)
    return html


# The document that is printed ---------------------------------------------------------------------


@pytest.fixture
def document(small):
    return bs4.BeautifulSoup(pdf.compose({"notebooks/00_one": 7}, small), "html.parser")


def test_links_between_pages_lead_to_places_in_the_one_document(document):
    links = {link.get_text(): link["href"] for link in document.select("article a")}
    assert links == {
        "one": "#notebooks-00_one--start",
        "top": "#book-intro--start",
        "away": "https://example.org/x",
    }
    ids = [tag["id"] for tag in document.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {"notebooks-00_one--start", "book-intro--start"} <= set(ids)
    assert "search" in document.get_text()
    assert "away (example.org/x)" in document.get_text()


def test_contents_name_the_pages_in_order_with_their_numbers(document):
    entries = [entry.get_text() for entry in document.select(".contents .entry")]
    assert entries == ["Front000", "00 One7"]
    assert [part.get_text() for part in document.select(".contents .part")] == ["Part"]


def test_solutions_and_answers_are_open_the_plumbing_is_gone_and_the_banner_stays(document, small):
    assert not document.find_all("details")
    text = " ".join(article.get_text() for article in document.find_all("article"))
    kept = ("Solution", "answer = 1", "1. Why?", "Because.", "A sentence.")
    assert all(words in text for words in kept)
    assert not any(word in text for word in ("import sys", "plumbing", "Menu", "#"))
    assert "synthetic records" in document.select_one(".admonition.warning").get_text()
    assert (small / document.select_one("article img")["src"]).read_text() == "picture"


def test_a_figure_holds_its_caption_and_a_frame_is_replaced_by_its_address(document):
    assert [tag.name for tag in document.figure.find_all(True)] == ["img", "figcaption", "em"]
    assert document.figcaption.get_text() == "Figure 0.1. A beat."
    assert not document.select(".live-frame")
    assert document.select_one(".on-screen").get_text().endswith("/notebooks/00_one.html")


# The zip ------------------------------------------------------------------------------------------


def test_the_same_pages_give_the_same_zip_to_the_byte(small, tmp_path):
    first = offline.make_zip(small, tmp_path / "a.zip").read_bytes()
    for path in small.rglob("*.html"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
        path.chmod(0o600)
    assert offline.make_zip(small, tmp_path / "b.zip").read_bytes() == first
    (small / "_images" / "a.png").write_text("Picture")
    assert offline.make_zip(small, tmp_path / "b.zip").read_bytes() != first


def test_the_zip_holds_every_page_and_the_licences_in_one_folder(small, tmp_path):
    with zipfile.ZipFile(offline.make_zip(small, tmp_path / "book.zip")) as archive:
        assert archive.testzip() is None
        wanted = ["index.html", "book/intro.html", "notebooks/00_one.html", "_images/a.png"]
        wanted += ["LICENSE", "LICENSE-text.md", "CITATION.cff"]
        assert sorted(archive.namelist()) == sorted(f"ecgkit-book/{name}" for name in wanted)


def test_without_a_rendered_book_nothing_is_packed(tmp_path):
    with pytest.raises(offline.OfflineError, match="make html"):
        offline.make_zip(tmp_path, tmp_path / "book.zip")
    assert not list(tmp_path.iterdir())


# The website --------------------------------------------------------------------------------------


def test_the_website_links_what_there_is_to_download(small, tmp_path):
    files = (tmp_path / "ecgkit-book.pdf", tmp_path / "ecgkit-book.zip")
    for path in files:
        path.write_bytes(b"x" * 1_500_000)
    site = offline.make_site(small, files, tmp_path / "site")
    front = bs4.BeautifulSoup((site / "book" / "intro.html").read_text(), "html.parser")
    links = [link["href"] for link in front.select("a[download]")]
    assert links == ["../ecgkit-book.pdf", "../ecgkit-book.zip"]
    assert all((site / "book" / link).resolve().is_file() for link in links)
    assert "PDF, 1.5 MB" in front.get_text()
    assert (small / "book" / "intro.html").read_text() == f"<nav>Menu</nav>{FRONT}"
    assert (ROOT / "book" / "intro.md").read_text("utf-8").count(offline.MARK) == 1


# The real book in the browser ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed(rendered, chromium, tmp_path_factory):
    return pypdf.PdfReader(pdf.print_book(tmp_path_factory.mktemp("pdf") / "book.pdf"))


@pytest.mark.slow
def test_every_page_of_the_book_is_printed_where_the_contents_say(printed, rendered):
    numbers = {}
    for outlined in printed.outline:  # entries of deeper levels come as lists
        if not isinstance(outlined, list):
            numbers[outlined.title] = printed.get_destination_page_number(outlined) + 1
    starts = [*sorted(numbers.values()), len(printed.pages) + 1]
    following = dict(itertools.pairwise(starts))
    contents = " ".join(" ".join(s.extract_text() for s in printed.pages[1:3]).split()) + " "
    for page in (page for _, names in pdf.parts() for page in names):
        soup = bs4.BeautifulSoup((rendered / f"{page}.html").read_text("utf-8"), "html.parser")
        title = " ".join(soup.select_one("article h1").find(string=True).split())
        number = next(n for outlined, n in numbers.items() if outlined.endswith(title))
        text = " ".join(printed.pages[number - 1].extract_text().split())
        assert title in text
        head = f"{posixpath.basename(page)[:2]} {title}" if "notebooks" in page else title
        for sheet in range(number, following.get(number, number + 1)):  # head and foot come first
            found = " ".join(printed.pages[sheet - 1].extract_text().split())
            assert found.startswith(f"{head} {sheet} ")
        assert f"{title} {number} " in contents


@pytest.mark.slow
def test_links_within_the_pdf_lead_somewhere(printed):
    places = printed.named_destinations
    wanted = [
        annotation.get_object()["/Dest"]
        for sheet in printed.pages
        for annotation in sheet.get("/Annots", [])
        if "/Dest" in annotation.get_object()
    ]
    assert len(wanted) > 20
    assert {str(place) for place in wanted} <= set(places)


@pytest.mark.slow
def test_the_pdf_is_a4_has_bookmarks_and_no_furniture(printed):
    assert {tuple(round(x) for x in sheet.mediabox[2:]) for sheet in printed.pages} == {(595, 842)}
    text = " ".join(sheet.extract_text() for sheet in printed.pages)
    assert "Solution" in text
    assert "not a medical device" in " ".join(printed.pages[0].extract_text().split())
    for furniture in ("Search this book", "Show the solution", "Hide code cell", "Link to this"):
        assert furniture not in text


@pytest.mark.slow
def test_code_is_legible_and_text_stays_within_the_margins(printed):
    starts: list[float] = []
    sizes: list[float] = []

    def collect(text, page, line, font, px):
        if text.strip() and page[0] == pytest.approx(0.75):  # of HTML: pt per px, if not shrunk
            starts.append(page[0] * line[4] + page[4])
        if text.strip() == "check":  # the last line of each exercise
            sizes.append(page[0] * px)

    for sheet in printed.pages:
        sheet.extract_text(visitor_text=collect)
    margin = 18 / 25.4 * 72
    assert margin - 1 < min(starts) < max(starts) < 595 - margin
    assert min(sizes) >= 8.5


@pytest.mark.slow
def test_the_unpacked_zip_is_read_and_searched_without_a_server(rendered, chromium, tmp_path):
    with zipfile.ZipFile(offline.make_zip(rendered, tmp_path / "book.zip")) as archive:
        archive.extractall(tmp_path)
    unpacked = tmp_path / offline.FOLDER
    faults: list[str] = []
    asked: set[str] = set()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=pdf.FLAGS)
        tab = browser.new_page()
        tab.on("request", lambda request: asked.add(request.url))
        tab.on("pageerror", lambda error: faults.append(error.message))
        tab.goto((unpacked / "index.html").as_uri())
        tab.wait_for_url("**/book/intro.html")
        tab.goto((unpacked / "search.html").as_uri() + "?q=heartbeat")
        tab.wait_for_selector("#search-results ul.search li", timeout=10_000)
        tab.wait_for_selector(".search-summary:has-text('Search finished')", timeout=10_000)
        assert tab.locator("#search-results ul.search li").count() >= 3
        tab.locator("#search-results ul.search li a").first.click()
        tab.wait_for_load_state()
        assert "search.html" not in tab.url
        tab.goto((unpacked / "notebooks" / "01_recordings.html").as_uri())
        tab.wait_for_selector("mjx-container", state="attached", timeout=10_000)
        browser.close()
    assert not faults
    for url in map(urlsplit, asked):
        assert url.scheme == "data" or (url.scheme == "file" and Path(unquote(url.path)).is_file())
