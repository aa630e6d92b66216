"""A student edition without solutions, and slides of a page that need no network."""

import re

import classroom
import nbformat
import notebook_format


def test_students_get_every_page_with_stubs_and_without_solutions(tmp_path, monkeypatch):
    monkeypatch.setattr(classroom, "BUILD", tmp_path)
    assert classroom.main([]) == 0
    assert (tmp_path / "student.zip").is_file()
    for source in notebook_format.sources():
        cells = nbformat.read(tmp_path / "student" / f"{source.stem}.ipynb", as_version=4).cells
        tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
        assert "exercise" in tags
        assert "solution" not in tags
        assert not any(cell.get("outputs") for cell in cells)


def test_slides_show_every_figure_of_the_page_and_ask_no_other_host(tmp_path, monkeypatch):
    monkeypatch.setattr(classroom, "BUILD", tmp_path)
    assert classroom.main(["--slides", "04"]) == 0
    deck = (tmp_path / "slides" / "04_heartbeats" / "index.html").read_text("utf-8")
    stored = nbformat.read(notebook_format.NOTEBOOKS / "04_heartbeats.ipynb", as_version=4)
    figures = [
        o for c in stored.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    assert deck.count("<img ") == len(figures) > 0
    assert not re.search(r"(src|href)=.https?:", deck)
    assert "# @title Solution" not in deck
    assert classroom.main(["--slides", "77"]) == 1


def test_answers_are_fragments_and_sentences_become_notes():
    page = nbformat.v4.new_notebook()
    text = "## Loss\n\nA first sentence. A second one.\n\n$$ a_1 * b_1 $$\n\n**Predict:** more?\n\n"
    text += "<details><summary>Answer</summary>\n\nNo.\n\n</details>"
    page.cells = [nbformat.v4.new_markdown_cell(text)]
    (slide,) = classroom.slides_of(page)
    shown, notes = slide.split("<aside")
    assert "A first sentence." in shown
    assert "second" not in shown
    assert "second" in notes
    assert r"\[a_1 * b_1\]" in shown
    assert '<div class="fragment"><p>No.</p>' in shown
