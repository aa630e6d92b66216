"""Write a file completely or not at all; read JSON strictly."""

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
    """Yield the path of a draft, moved to `path` if the block succeeds and removed if it fails.

    Missing parent folders are made. Failing to write is an InputError; other errors pass through.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        ours = Path(str(error.filename)) in (draft, *draft.parents)
        if not ours and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise  # of another file; a full or broken disk names none
        why = error.strerror or error
        raise InputError(f"{path} cannot be written ({why}): give another place.") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _finite(word: str) -> float:
    if math.isfinite(number := float(word)):
        return number
    raise ValueError(f"{word} is not a finite number")


def parse_json(text: str) -> Any:
    """Parse JSON; raise ValueError at NaN, infinities and numbers too large for a float."""
    return json.loads(text, parse_constant=_finite, parse_float=_finite)
