"""The rendered book: readable on a phone and on a desk, light and dark, and alone on a machine."""

import re
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import address
import bs4
import pdf
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
HTML = pdf.HTML
WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")
SMALLEST_CODE = """Math.min(...[...document.querySelectorAll("article :is(pre, code)")].map(
    (code) => parseFloat(getComputedStyle(code).fontSize)))"""


@pytest.fixture(scope="module")
def pages(rendered):
    """Every rendered page, parsed, by its path."""
    paths = sorted(p for p in HTML.rglob("*.html") if "_static" not in p.parts)
    return {
        p.relative_to(HTML).as_posix(): bs4.BeautifulSoup(p.read_text("utf-8"), "html.parser")
        for p in paths
    }


@pytest.fixture(scope="module")
def browser(chromium):
    """The system's Chromium, driven by playwright."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=pdf.FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def look(pages, browser):
    """A context manager that opens a page with its formulas: the tab, and what was noticed."""

    @contextmanager
    def look(name, width, scheme):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab, seen = context.new_page(), list[str]()
        tab.on("request", lambda request: seen.append(f"asks for {request.url}"))
        tab.on("pageerror", lambda error: seen.append(f"script error: {error.message}"))
        tab.goto((HTML / name).as_uri(), wait_until="load")
        if pages[name].select(".math"):
            tab.wait_for_selector("mjx-container", state="attached", timeout=10_000)
        tab.wait_for_timeout(200)
        yield tab, seen
        context.close()

    return look


def test_every_source_page_is_rendered(pages):
    toc = (ROOT / "book" / "_toc.yml").read_text()
    wanted = {f"{name}.html" for name in re.findall(r"(?:root|file): *(\S+)", toc)}
    assert wanted <= pages.keys()


def test_links_within_the_book_lead_somewhere(pages):
    dead = []
    for name, page in pages.items():
        for link in page.find_all("a", href=True):
            url = urlsplit(link["href"])
            if url.scheme or url.netloc:
                continue
            target = (HTML / name).parent / unquote(url.path) if url.path else HTML / name
            if not target.resolve().exists():
                dead.append(f"{name}: {link['href']}")
            elif url.fragment and target.suffix == ".html":
                there = pages[target.resolve().relative_to(HTML.resolve()).as_posix()]
                if there.find(id=unquote(url.fragment)) is None:
                    dead.append(f"{name}: {link['href']} (no such anchor)")
    assert not dead


def test_nothing_was_left_unrendered(pages):
    for name, page in pages.items():
        text = page.find("article").get_text() if page.find("article") else ""
        assert not re.search(r"\{(cite|ref|doc|term)[:a-z]*\}|\[@\w", text), name


def test_minus_signs_of_text_and_tables_are_minus_signs(pages):
    hyphens = []
    for name, page in pages.items():
        for text in page.find_all(string=re.compile(r"(?<![\w.)/])-\d")):
            around = [*text.parents]
            is_code = any(tag.name in ("pre", "code", "script", "style") for tag in around)
            if not is_code and not any("math" in tag.get("class", ()) for tag in around):
                hyphens.append(f"{name}: {text}")
    assert not hyphens


def test_images_are_described_in_words(pages):
    silent = []
    for name, page in pages.items():
        for image in page.find_all("img"):
            alt = image.get("alt", "").strip()
            if not alt or re.search(r"\.(png|svg|jpe?g|gif)$|[0-9a-f]{32}", alt, re.I):
                silent.append(f"{name}: {image.get('src')} has the alt text {alt!r}")
    assert not silent


def test_colab_buttons_open_the_notebooks_of_this_repository(pages):
    repository = address.current(ROOT).removeprefix("https://github.com/")
    for name, page in pages.items():
        if not name.startswith("notebooks/"):
            continue
        path = name.replace(".html", ".ipynb")
        wanted = f"https://colab.research.google.com/github/{repository}/blob/main/{path}"
        assert wanted in {link.get("href") for link in page.find_all("a")}
        assert (ROOT / path).is_file()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_stand_alone_fit_the_screen_and_can_be_read_by_all(pages, look, width, scheme):
    faults: list[str] = []
    for name, page in pages.items():
        with look(name, width, scheme) as (tab, seen):
            if tab.query_selector("mjx-merror, [data-mjx-error]"):
                seen.append("has a formula that MathJax cannot read")
            root = "document.documentElement"
            if (over := tab.evaluate(f"{root}.scrollWidth - {root}.clientWidth")) > 0:
                seen.append(f"is {over} px wider than the screen")
            if (size := tab.evaluate(SMALLEST_CODE)) < 13:
                seen.append(f"has code of {size} px")
            leads_on = page.find("meta", attrs={"http-equiv": re.compile("refresh", re.I)})
            if (width, scheme) in [(1280, "light"), (400, "dark")] and not leads_on:
                for fault in Axe().run(tab).response["violations"]:
                    if fault["impact"] in ("serious", "critical"):
                        seen += [f"{fault['id']}: {node['html']}" for node in fault["nodes"]]
            faults += [f"{name} {fault}" for fault in seen if not _asks_for_what_is_here(fault)]
    assert not faults


def _asks_for_what_is_here(fault):
    url = urlsplit(fault.removeprefix("asks for "))
    if url.scheme == "file":
        return Path(unquote(url.path)).is_file()
    return url.scheme in ("data", "blob")
