"""Writing a file whole or not at all; reading JSON as strictly as it is written."""

from __future__ import annotations

import contextlib
import glob
import json
import math
import os
import platform
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ecgkit import InputError


@contextlib.contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Give a draft's path to write to; it takes the file's place when all is written.

    Whatever interrupts the writing, the file is the old one or the new one, never half of one. Only
    a process that is killed leaves its draft, and the next writer of the same file removes it.

    Raises
    ------
    InputError
        If the file cannot be written: no such place, no right, no room.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with whole(path) as draft:
    ...     _ = draft.write_text("all of it")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('all of it', 1)
    """
    path = Path(path)
    writer = f"{platform.node()}-{os.getpid()}-{uuid.uuid4().hex}"
    draft = path.with_name(f".{path.name}.{writer}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}. Give another place, or make "
            "room."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove the drafts of a file whose writers are gone.

    Gone is a process of this machine that runs no more. Of another machine's (the folder may be
    shared) nothing is known, so its draft has to be a day old.
    """
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            node, _, process = draft.name.rpartition("-")[0].rpartition("-")
            if node == f".{path.name}.{platform.node()}" and process.isdecimal():
                abandoned = not _runs(int(process))
            else:
                abandoned = time.time() - draft.stat().st_mtime > 86_400
            if abandoned:
                draft.unlink()


def _runs(process: int) -> bool:
    """Say whether a process of this machine is alive; where one cannot ask, yes."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)  # signal 0 asks and does nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def parse_json(text: str) -> Any:
    """Read JSON, in which there is no NaN and no infinity.

    Raises
    ------
    ValueError
        If the text is not that.

    Examples
    --------
    >>> parse_json('{"loss": 1e999}')
    Traceback (most recent call last):
    ...
    ValueError: 1e999 is no number
    """

    def number(word: str) -> float:
        if not math.isfinite(float(word)):
            raise ValueError(f"{word} is no number")
        return float(word)

    return json.loads(text, parse_constant=number, parse_float=number)
