"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from ecgkit import InputError


@contextlib.contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Give a draft's path to write to; it takes the file's place when all is written.

    Whatever interrupts the writing, the file is the old one or the new one, never half of one, and
    no draft is left unless the process is killed.

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
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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
