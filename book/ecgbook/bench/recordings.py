"""From raw files to a table of beats, and from the file of a whole day to labels."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pywt
import wfdb
from numpy.typing import NDArray

from ecgbook.bench import timing
from ecgkit.apply.classify import classify
from ecgkit.apply.readers import read_recording
from ecgkit.data import aami
from ecgkit.data.beats import load_beats
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.data.sources import Source, find_source
from ecgkit.train.weights import load_model


def prepare(source: Source | None = None, rounds: int = 3) -> dict[str, Any]:
    """Measure the way from files to beats: cold, from the cache, and by :func:`plain_loop`."""
    source = source or find_source(download=False)
    with (  # the user's own cache stays as it is
        tempfile.TemporaryDirectory(prefix="ecgkit-bench-") as folder,
        mock.patch.dict(os.environ, XDG_CACHE_HOME=folder),
    ):
        beats = load_beats(source)  # reads each file once, and fills the cache
        calls = {
            "plain": lambda: plain_loop(source),
            "cold": lambda: load_beats(source, cached=False),
            "cached": lambda: load_beats(source),
        }
        seconds = timing.interleaved(calls, rounds, "prepare")
    return {
        "source": source.name,
        "records": len(source.records),
        "beats": len(beats),
        **{f"{call}_s": float(np.median(seconds[call])) for call in calls},
        "plain_vs_cold": timing.speedup(seconds["cold"], seconds["plain"]),
    }


def plain_loop(source: Source) -> NDArray[np.float32]:
    """Cut all beats (n, 180) with wfdb, PyWavelets and a loop, as one would at first."""
    beats = []
    for name in source.records:
        record = wfdb.rdrecord(str(source.directory / name))
        annotation = wfdb.rdann(str(source.directory / name), "atr")
        signal = record.p_signal[:, record.sig_name.index("MLII")]
        coefficients = pywt.wavedec(signal, "db6", mode="symmetric", level=9)
        for band in (0, -2, -1):  # A9, D2, D1
            coefficients[band][:] = 0
        clean = pywt.waverec(coefficients, "db6", mode="symmetric")
        for sample, symbol in zip(annotation.sample, annotation.symbol, strict=True):
            if aami.is_beat(symbol) and 100 <= sample <= len(signal) - 150:
                beats.append(clean[sample - 90 : sample + 90])
    return np.array(beats, np.float32)


def day(hours: Sequence[float] = (1, 24)) -> dict[str, Any]:
    """Measure the way from the file of a synthetic recording to the class of each heartbeat.

    In a fresh process: ``seconds`` for reading the file and the weights, R-peak detection and
    classification on the CPU, and the memory; of the last length, and as ``growth`` of each.
    """
    growth, source = [], find_source("synthetic")
    with tempfile.TemporaryDirectory(prefix="ecgkit-bench-") as folder:
        for i, length in enumerate(hours):
            path = Path(folder) / f"holter{i}"
            write_holter(path, source, length)
            found, memory = timing.in_fresh_process(_classify, path)
            growth.append({"hours": length, **found, **memory})
    return {**growth[-1], "growth": growth}


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
