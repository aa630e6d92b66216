"""Write a file completely or not at all; read JSON strictly."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ecgkit import InputError


@contextlib.contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield the path of a draft, and move the draft to `path` when the block has succeeded.

    Missing parent folders are made. Whatever interrupts the block, the draft is removed.

    Raises
    ------
    InputError
        If the draft cannot be created, written or moved. Other errors of the block pass through.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_write(path) as draft:
    ...     _ = draft.write_text("all of it")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('all of it', 1)
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    in_block = False  # there, an error may be that of another file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        in_block = True
        yield draft
        in_block = False
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        # Writing to an open file fails without a file name, but only writing runs out of room.
        no_room = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        named = str(draft) in (str(error.filename), str(error.filename2))
        if in_block and not (named or no_room):
            raise
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}. Give another place, or make "
            "room."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def parse_json(text: str) -> Any:
    """Parse JSON; raise ValueError at NaN, infinities and numbers too large for a float.

    Examples
    --------
    >>> parse_json('{"loss": 1e999}')
    Traceback (most recent call last):
    ...
    ValueError: 1e999 is not a finite number
    """

    def number(word: str) -> float:
        if not math.isfinite(float(word)):
            raise ValueError(f"{word} is not a finite number")
        return float(word)

    return json.loads(text, parse_constant=number, parse_float=number)


whole = atomic_write  # for the old modules; goes with them
