"""From raw files to a table of beats, and from the file of a whole day to labels."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import wfdb

from ecgbook.bench import timing
from ecgkit.apply.classify import classify
from ecgkit.apply.readers import read_recording
from ecgkit.data.beats import load_beats
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.data.sources import Source, find_source
from ecgkit.train.weights import load_model


def prepare(rounds: int = 3) -> dict[str, Any]:
    """Measure the way from files to beats: cold, and from the cache."""
    source = find_source(download=False)
    with (  # the user's own cache stays as it is
        tempfile.TemporaryDirectory(prefix="ecgkit-bench-") as folder,
        mock.patch.dict(os.environ, XDG_CACHE_HOME=folder),
    ):
        beats = load_beats(source)  # reads each file once, and fills the cache
        calls = {
            "cold": lambda: load_beats(source, cached=False),
            "cached": lambda: load_beats(source),
        }
        seconds = timing.interleaved(calls, rounds, "prepare")
    found = {"source": source.name, "records": len(source.records), "beats": len(beats)}
    return found | {f"{call}_s": float(np.median(seconds[call])) for call in calls}


def day(hours: float = 24) -> dict[str, Any]:
    """Measure the way from the file of a synthetic recording to the class of each heartbeat.

    In a fresh process: ``seconds`` for reading the file and the weights, R-peak detection and
    classification on the CPU, and the memory.
    """
    with tempfile.TemporaryDirectory(prefix="ecgkit-bench-") as folder:
        path = Path(folder) / "holter"
        write_holter(path, find_source("synthetic"), hours)
        found, memory = timing.in_fresh_process(_classify, path)
    return {"hours": hours, **found, **memory}


def _classify(path: Path) -> dict[str, Any]:
    start = time.perf_counter()
    found = classify(read_recording(path), load_model(), detect=True, device="cpu")
    return {"seconds": time.perf_counter() - start, "beats": len(found.samples)}


def write_holter(path: Path, source: Source, hours: float) -> None:
    """Write a long WFDB record without annotations: the synthetic records, repeated end to end."""
    names = [source.records[i % len(source.records)] for i in range(round(hours * 10))]
    headers = {name: wfdb.rdheader(str(source.directory / name)) for name in set(names)}
    with path.with_suffix(".dat").open("wb") as file:
        for name in names:  # six minutes each, format 212
            file.write((source.directory / f"{name}.dat").read_bytes())
    header = headers[names[0]]
    sums = [headers[name].checksum for name in names]
    header.fs, header.sig_len = SAMPLING_RATE, sum(headers[name].sig_len for name in names)
    header.record_name, header.file_name = path.name, [f"{path.name}.dat"] * header.n_sig
    header.checksum = [sum(of_lead) % 65_536 for of_lead in zip(*sums, strict=True)]
    header.comments = [f"SYNTHETIC: {len(names)} records of the library, end to end."]
    header.wrheader(write_dir=str(path.parent))
