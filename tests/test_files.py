"""A file is written completely or not at all; JSON holds finite numbers only."""

import errno
import os

import pytest

from ecgkit import InputError
from ecgkit.files import atomic_write, parse_json


def test_the_draft_takes_the_place_of_the_file_and_folders_are_made(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    for text in ("first", "second"):
        with atomic_write(path) as draft:
            draft.write_text(text)
            assert draft.parent == path.parent  # moving a file is atomic within a file system only
            assert text == "first" or path.read_text() == "first"
        assert path.read_text() == text
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_block_leaves_the_old_file_and_no_draft(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as draft:  # noqa: PT012
        draft.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as outer:
        outer.write_text("outer")
        with atomic_write(path) as inner:
            inner.write_text("inner")
        assert path.read_text() == "inner"
    assert path.read_text() == "outer"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_that_cannot_hold_the_file_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"out\.csv"), atomic_write(tmp_path / "file" / "out.csv"):
        pytest.fail("the block must not run")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder"), atomic_write(tmp_path / "folder") as draft:
        draft.write_text("a file in the place of a folder")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_full_disk_is_an_input_error_and_keeps_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "out.csv"
    path.write_text("an older result")

    def fail(*_):
        raise OSError(errno.ENOSPC if step == "write" else errno.EIO, "no luck")

    if step != "write":
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(InputError, match=r"out\.csv.*no luck"), atomic_write(path) as draft:  # noqa: PT012
        draft.write_text("a newer one")
        if step == "write":
            fail()
    assert path.read_text() == "an older result"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_a_draft_that_cannot_be_opened_is_an_input_error(tmp_path):
    long = "n" * 250  # a file may be called so, but not with the letters of a draft before it
    with pytest.raises(InputError, match=long), atomic_write(tmp_path / long) as draft:
        draft.write_text("")
    with pytest.raises(InputError, match=r"a\.txt"), atomic_write(tmp_path / "a.txt"):
        pass  # a block that writes nothing


def test_an_error_of_another_file_passes_through(tmp_path):
    missing = tmp_path / "input.csv"
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "out.csv") as draft:
        draft.write_text(missing.read_text())
    assert str(caught.value.filename) == str(missing)
    with pytest.raises(ConnectionError), atomic_write(tmp_path / "out.csv"):
        raise ConnectionError("hung up")
    assert not list(tmp_path.iterdir())


def test_json_is_parsed_unless_a_number_is_not_finite():
    text = '{"a": [1, 2.5, -3e-2, null, true], "b": "NaN"}'
    assert parse_json(text) == {"a": [1, 2.5, -0.03, None, True], "b": "NaN"}
    for wrong in ("NaN", "[Infinity]", "-Infinity", '{"a": 1e999}', "", "{"):
        with pytest.raises(ValueError):  # noqa: PT011
            parse_json(wrong)
