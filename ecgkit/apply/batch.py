"""Many recordings: each classified into files of its own, and all of them listed in one table.

:func:`classify_to_folder` needs no other call of it, so joblib, Dask or an array of SLURM jobs can
map it over paths; :func:`classify_many` does so in processes of this machine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from ecgkit import InputError, __version__
from ecgkit.apply.classify import Classification, classify, wanted_lead
from ecgkit.apply.readers import read_recording
from ecgkit.files import atomic_write, parse_json
from ecgkit.train.weights import Classifier, load_model

COLUMNS = (  #: Of the table, ``summary.csv``.
    *("path", "name", "lead", "fs", "seconds", "beats", "N", "S", "V", "F", "synthetic"),
    *("warnings", "first_warning", "error"),
)
_ALONE = threading.Lock()  # a process has one list of warnings for all its threads


def classify_file(
    path: Path | str,
    weights: Path | str = "ours",
    *,
    lead: str | None = None,
    detect: bool = False,
    device: str = "auto",
    progress: bool = False,
    **reading: Any,
) -> tuple[Classification, dict[str, Any]]:
    """Read and classify a recording; return also what ``classify --json`` prints but for its rows.

    `reading` goes to :func:`ecgkit.apply.readers.read_recording`, the rest to
    :func:`ecgkit.apply.classify.classify`. Warnings are caught: their sentences are in the result.
    """
    classifier, _ = _load(weights)
    with _ALONE, warnings.catch_warnings(record=True) as caught:
        lead = lead or wanted_lead(classifier)
        recording = read_recording(path, lead, annotated=not detect, **reading)
        found = classify(recording, classifier, detect=detect, device=device, progress=progress)
    result: dict[str, Any] = {"recording": recording.name, "fs": recording.fs}
    result |= {"lead": recording.lead, "seconds": recording.seconds, **found.summary()}
    result["r_peaks"] = "detected" if found.symbols is None else "annotated"
    result |= {"synthetic": recording.synthetic, **classifier.about(weights)}
    return found, {**result, "warnings": list(dict.fromkeys(str(w.message) for w in caught))}


def classify_to_folder(
    path: Path | str, folder: Path | str, weights: Path | str = "ours", **how: Any
) -> dict[str, Any]:
    """Classify a recording into ``NAME.csv`` and ``NAME.json`` of a folder; return its table row.

    A result of the same files (size, time of change), options, weights and version is left as it
    is. NAME is the recording's; letters made from the path follow where another has that name.

    Parameters
    ----------
    path, folder, weights : Path or str
    **how
        Options of :func:`classify_file`.

    Returns
    -------
    dict
        A value for each of :data:`COLUMNS`; after any error ``path`` and its sentence, ``error``.
    """
    try:
        stem = _claim_name(Path(path), Path(folder))
        files = _stamps(Path(path), how.get("annotator"))
        given = {k: x for k, x in how.items() if k != "device" and x is not None and x is not False}
        made_from = json.dumps([files, given, _load(weights)[1], __version__], sort_keys=True)
        key, done = hashlib.sha256(made_from.encode()).hexdigest(), Path(f"{stem}.json")
        result: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            result = parse_json(done.read_text("utf-8"))
        if result.get("made_from") != key or not Path(f"{stem}.csv").exists():
            found, result = classify_file(path, weights, **how)
            done.unlink(missing_ok=True)  # the JSON stands for a complete result: it goes first
            found.write_csv(f"{stem}.csv")
            with atomic_write(done) as draft:
                stored = {**result, "path": str(path), "made_from": key}
                draft.write_text(json.dumps(stored), "utf-8")
    except Exception as error:  # no recording, whatever is wrong with it, stops the others
        kind = "" if isinstance(error, InputError) else f"{path}: {type(error).__name__}: "
        return {"path": str(path), "error": f"{kind}{error}"}
    doubts = result["warnings"]
    row = {"path": str(path), "name": stem.name, **result, **result["counts"], "error": ""}
    row |= {"warnings": len(doubts), "first_warning": doubts[0] if doubts else ""}
    return {column: row[column] for column in COLUMNS}


def classify_many(
    paths: Iterable[Path | str],
    folder: Path | str,
    jobs: int = 1,
    *,
    weights: Path | str = "ours",
    progress: bool = False,
    **how: Any,
) -> list[dict[str, Any]]:
    """Map :func:`classify_to_folder` over paths in `jobs` processes of one thread each.

    Writes the table and returns its rows, in the order of the paths. A program that gives more than
    one job keeps its own start under ``if __name__ == "__main__":``. InputError if the weights
    cannot be loaded or the table cannot be written.
    """
    if jobs < 1:
        raise InputError(f"{jobs} jobs do no work: give 1 or more.")
    _load(weights)  # refuses wrong ones once, not for each recording
    once = list({os.path.abspath(path): str(path) for path in paths}.values())
    work = functools.partial(classify_to_folder, folder=folder, weights=weights, **how)
    bar = functools.partial(tqdm, total=len(once), disable=not progress)
    rows = list(bar(map(work, once))) if jobs == 1 else _in_processes(work, once, jobs, bar)
    write_summary(rows, folder)
    return rows


def write_summary(rows: Sequence[dict[str, Any]], folder: Path | str) -> None:
    """Write rows of :func:`classify_to_folder` as the folder's ``summary.csv``."""
    with atomic_write(Path(folder) / "summary.csv") as draft:
        table = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
        table.to_csv(draft, index=False, lineterminator="\n")


def _in_processes(work: Any, paths: list[str], jobs: int, bar: Any) -> list[dict[str, Any]]:
    """Do the work in as many pools of one process: one that is killed takes one path with it."""
    context, idle = multiprocessing.get_context("spawn"), SimpleQueue[ProcessPoolExecutor]()

    def do(path: str) -> dict[str, Any]:
        pool = idle.get()
        try:
            return pool.submit(work, path).result()
        except BrokenProcessPool:
            pool = ProcessPoolExecutor(1, context, _prepare_process)
            why = "its process was killed, perhaps for want of memory: try with fewer --jobs"
            return {"path": path, "error": f"{path}: {why}."}
        finally:
            idle.put(pool)

    for _ in range(jobs):
        idle.put(ProcessPoolExecutor(1, context, _prepare_process))
    with ThreadPoolExecutor(jobs) as threads:
        rows = list(bar(threads.map(do, paths)))
    while not idle.empty():
        idle.get().shutdown()
    return rows


def _prepare_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C it finishes its recording
    torch.set_num_threads(1)


def _load(weights: Path | str) -> tuple[Classifier, str]:
    """Load weights once per process, until their file changes, and condense them."""
    return _load_once(weights, Path(weights).stat().st_mtime if Path(weights).is_file() else 0)


@functools.lru_cache(maxsize=1)
def _load_once(weights: Path | str, _changed: float) -> tuple[Classifier, str]:
    classifier = load_model(weights)
    tensors = [tensor.numpy().tobytes() for tensor in classifier.network.state_dict().values()]
    about = json.dumps(classifier.about(weights)).encode()
    return classifier, hashlib.sha256(b"".join([about, *tensors])).hexdigest()


def _claim_name(path: Path, folder: Path) -> Path:
    """Find the name, without suffix, of a recording's results; a hidden file keeps whose it is."""
    own, plain = os.path.abspath(path), path.stem if path.is_file() else path.name
    folder.mkdir(parents=True, exist_ok=True)
    for name in (plain, f"{plain}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"):
        claim = folder / f".{name}.path"
        taken = any((folder / f"{name}{end}").exists() for end in (".csv", ".json"))
        if not taken and name.lower() != "summary":  # a file taken may be the recording itself
            with contextlib.suppress(FileExistsError), claim.open("x", encoding="utf-8") as file:
                file.write(own)
        if claim.exists() and claim.read_text("utf-8") == own:
            return folder / name
    raise InputError(f"{folder} holds files {name}.* of another recording: choose another folder.")


def _stamps(path: Path, annotator: str | None) -> list[tuple[str, int, int]]:
    """Size and time of change of every file that may be part of a recording."""
    record = path.with_suffix("") if path.suffix in (".hea", ".dat", ".atr", ".mat") else path
    names = {path.name, record.name}
    with contextlib.suppress(OSError):  # a WFDB header names signal files or segments
        lines = Path(f"{record}.hea").read_text("ascii", errors="ignore").splitlines()
        names |= {line.split()[0] for line in lines if line.strip()}
    ends = ("", ".hea", ".dat", ".atr", f".{annotator}")
    files = {path.absolute().parent / (name + end) for name in names for end in ends}
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    return sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
