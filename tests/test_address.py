"""The command that rewrites the project's address, tried in a small repository of its own."""

import subprocess
from pathlib import Path

import address
import pytest

# Put together here, so that the check of this project's own files finds no strange address.
COLAB = "colab.research.google.com/" + "github/{}/blob/main/notebooks/07_tcn.ipynb"
INSTALL = "ecgkit-book @ " + "git+https://{}"


def page(project):
    """A page that shows a project's address in every form, and other addresses beside it."""
    owner, repo = project.split("/")
    return "\n".join(
        [
            f"See https://github.com/{project}. [Colab](https://{COLAB.format(project)})",
            f'pip install "{INSTALL.format("github.com/" + project)}.git"',
            f"https://{owner}.github.io/{repo}/ https://raw.githubusercontent.com/{project}/main/x",
            # none of these is the project
            "https://github.com/old-owner/a-book-2 https://github.com/other/a-book",
            "https://github.com/old-owner/a-book.js https://pooch.github.io/guide naïve",
        ]
    )


@pytest.fixture
def project(tmp_path):
    """A repository with a page, a picture, and a built page that git ignores."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[project.urls]\nRepository = "https://github.com/old-owner/a-book"\n'
    )
    (tmp_path / "page.md").write_text(page("old-owner/a-book"), encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0github.com/old-owner/a-book")
    (tmp_path / ".gitignore").write_text("built.html\n")
    (tmp_path / "built.html").write_text(page("old-owner/a-book"), encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "page.md"], cwd=tmp_path, check=True)
    return tmp_path


def test_every_form_of_the_address_is_rewritten_and_no_other_address(project):
    assert address.main(["https://github.com/new-owner/course"], project) == 0
    assert address.current(project) == "https://github.com/new-owner/course"
    assert (project / "page.md").read_text(encoding="utf-8") == page("new-owner/course")
    assert b"old-owner" in (project / "picture.png").read_bytes()
    assert "old-owner" in (project / "built.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", [COLAB.format("other/course"), INSTALL.format("x.org/other/book")])
def test_the_check_names_a_page_that_leads_to_another_repository(project, form, capsys):
    assert address.main(["--check"], project) == 0
    (project / "extra.md").write_text(f"first line\n{form}\n")
    assert address.main(["--check"], project) == 1
    assert "extra.md, line 2" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["", "owner/repo", "http://x.org/a/b", "https://x.org/a"])
def test_what_is_no_address_is_refused_in_a_sentence(project, url, capsys):
    with pytest.raises(address.AddressError):
        address.parse(url)
    if url:
        assert address.main([url], project) == 2
        assert "https://host/owner/repo" in capsys.readouterr().err
    assert address.current(project) == "https://github.com/old-owner/a-book"


def test_every_file_of_this_project_shows_its_own_address():
    assert address.strangers(Path(__file__).parents[1]) == []
