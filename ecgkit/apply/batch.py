"""Many recordings: each classified into files of its own, and all of them listed in one table."""

import functools
import glob
import hashlib
import json
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from ecgkit import InputError, __version__
from ecgkit.apply.classify import Classification, classify, wanted_lead
from ecgkit.apply.readers import read_recording
from ecgkit.apply.wfdb_reader import find_record
from ecgkit.files import atomic_write, parse_json
from ecgkit.train.weights import DEFAULT, load_model

COLUMNS = (  #: Of the table, ``summary.csv``.
    *("path", "name", "lead", "fs", "seconds", "beats", "N", "S", "V", "F", "synthetic"),
    *("warnings", "first_warning", "error"),
)
_ALONE = threading.Lock()  # a process has one list of warnings for all its threads


def classify_file(
    path: Path | str, weights: Path | str = DEFAULT, **how: Any
) -> tuple[Classification, dict[str, Any]]:
    """Read and classify a recording; return also what ``classify --json`` prints but for its rows.

    `how` are options of :func:`ecgkit.apply.classify.classify` and
    :func:`ecgkit.apply.readers.read_recording`. Sentences of warnings are in the result.
    """
    classifier = load_model(weights)
    options = {name: how.pop(name) for name in ("detect", "device", "progress") if name in how}
    how["lead"] = how.get("lead") or wanted_lead(classifier)
    how["annotated"] = not options.get("detect")
    with _ALONE, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = classify(read_recording(path, **how), classifier, **options)
    of = found.recording
    result = {"recording": of.name, "fs": of.fs, "lead": of.lead, "seconds": of.seconds}
    result |= {**found.summary(), "synthetic": of.synthetic, **classifier.about(weights)}
    result["r_peaks"] = "detected" if found.symbols is None else "annotated"
    return found, {**result, "warnings": list(dict.fromkeys(str(w.message) for w in caught))}


def classify_to_folder(
    path: Path | str, folder: Path | str, weights: Path | str = DEFAULT, **how: Any
) -> dict[str, Any]:
    """Classify a recording into ``NAME.csv`` and ``NAME.json`` of a folder; return its table row.

    `how` is as in :func:`classify_file`. The row has the :data:`COLUMNS`; after any error ``path``
    and its sentence, ``error``. A result of the same options, version and files (all called like
    the recording or the weights, by size and time) stays. If another recording has its name,
    letters made from the path follow.
    """
    stored: dict[str, Any] = {}
    try:
        given = {k: x for k, x in how.items() if k != "device" and x is not None and x is not False}
        made_from = [str(weights), __version__, given, _stamps(weights), _stamps(path)]
        file, stored = _claim_name(Path(path), Path(folder))
        table = file.with_suffix(".csv")
        if stored.get("made_from") != made_from or not table.exists():
            found, result = classify_file(path, weights, **how)
            table.unlink(missing_ok=True)  # it comes back last: with it, both are complete
            stored = {**result, "path": stored["path"], "made_from": made_from}
            with atomic_write(file) as draft:
                draft.write_text(json.dumps(stored), "utf-8")
            found.write_csv(table)
    except Exception as error:  # no recording, whatever is wrong with it, stops the others
        if stored and not table.exists():
            file.unlink(missing_ok=True)
        kind = "" if isinstance(error, InputError) else f"{path}: {type(error).__name__}: "
        return {"path": str(path), "error": f"{kind}{error}"}
    doubts = stored["warnings"]
    row = {**stored, **stored["counts"], "path": str(path), "name": file.stem, "error": ""}
    row |= {"warnings": len(doubts), "first_warning": doubts[0] if doubts else ""}
    return {column: row[column] for column in COLUMNS}


def classify_many(
    paths: Iterable[Path | str],
    folder: Path | str,
    jobs: int = 1,
    progress: bool = False,
    **how: Any,
) -> list[dict[str, Any]]:
    """Map :func:`classify_to_folder` over paths in `jobs` processes; write and return the table.

    A program that gives more than one job keeps its own start under ``if __name__ == "__main__":``.
    InputError if the weights cannot be loaded or the table cannot be written.
    """
    if jobs < 1:
        raise InputError(f"{jobs} jobs do no work: give 1 or more.")
    load_model(how.get("weights", DEFAULT))  # refuses wrong ones once, not for each recording
    once = list({_recording(Path(path)): str(path) for path in paths}.values())
    work = functools.partial(classify_to_folder, folder=folder, **how)
    found = map(work, once) if jobs == 1 else _in_processes(work, once, jobs)
    rows = list(tqdm(found, total=len(once), disable=not progress))
    write_summary(rows, folder)
    return rows


def write_summary(rows: Sequence[dict[str, Any]], folder: Path | str) -> None:
    """Write rows of :func:`classify_to_folder` as the folder's ``summary.csv``."""
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    with atomic_write(Path(folder) / "summary.csv") as draft:
        table.to_csv(draft, index=False, errors="backslashreplace")


def _in_processes(work: Any, paths: list[str], jobs: int) -> Iterator[dict[str, Any]]:
    """Do the work; where a process is killed, go on with one until it is known at which path."""
    context, left, now = multiprocessing.get_context("spawn"), paths.copy(), jobs
    while left:
        with ProcessPoolExecutor(now, context, _prepare_process) as pool:
            try:
                for row in pool.map(work, left):
                    del left[0]
                    yield row
            except BrokenProcessPool:
                if now == 1:
                    why = "its process was killed, perhaps for memory: try it alone."
                    yield {"path": left[0], "error": f"{left.pop(0)}: {why}"}
                now = jobs if now == 1 else 1


def _prepare_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C it finishes its recording
    torch.set_num_threads(1)


def _recording(path: Path) -> str:
    """Path of the recording of which a file is a part, such as the ``.dat`` of a WFDB record."""
    record, annotator = find_record(path)
    return os.path.abspath(record if record and annotator in (None, "atr") else path)


def _claim_name(path: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return the JSON file of a recording and what it holds: at first nothing but the path."""
    own, name = os.path.abspath(path), path.stem if path.is_file() else path.name
    folder.mkdir(parents=True, exist_ok=True)
    for stem in (name, f"{name}-{hashlib.sha256(os.fsencode(own)).hexdigest()[:8]}"):
        file = folder / f"{stem}.json"
        if stem.lower() != "summary" and not file.with_suffix(".csv").exists():  # else a stranger's
            with suppress(FileExistsError), file.open("x", encoding="utf-8") as new:
                json.dump({"path": own}, new)
        with suppress(OSError, ValueError, KeyError, TypeError):
            if (stored := parse_json(file.read_text("utf-8")))["path"] == own:
                return file, stored
    raise InputError(f"{folder} holds files {name}.* of another recording: choose another folder.")


def _stamps(path: Path | str) -> list[Any]:
    """Size and time of change of the files of this name, whatever their suffix, but for results."""
    path = Path(path)
    files = sorted({path, *path.parent.glob(f"{glob.escape(path.stem)}.*")})
    files = [f for f in files if f.is_file() and (f == path or f.suffix not in (".csv", ".json"))]
    return [[str(f.absolute()), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
