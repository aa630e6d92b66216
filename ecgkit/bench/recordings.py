"""From raw files to a table of beats, and from the file of a whole day to labels."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pywt
import wfdb
from numpy.typing import NDArray

from ecgkit import aami, heartbeats, inference, physionet, published, readers, records
from ecgkit.bench import timing
from ecgkit.records import SAMPLING_RATE, Source


def prepare(source: Source | None = None, rounds: int = 3) -> dict[str, Any]:
    """Measure the way from the files of all records found to the table of beats.

    Parameters
    ----------
    source
        None finds what is on this machine; nothing is downloaded.
    rounds
        How often each way is gone; each file has been read once before.

    Returns
    -------
    ``cold_s``: without a cache; ``cold_and_save_s``: the same, the table then written to a cache;
    ``cached_s``: read from there. ``plain_s``: :func:`plain_loop`, and ``plain_over_cold``, how
    many times as long it takes. Peak memory of the cold way, in a fresh process.
    """
    source = source or records.find(download=False)
    for name in physionet.files_of(source.records):
        (source.directory / name).read_bytes()
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: plain_loop(source),
        "cold": lambda: heartbeats.prepare(source, cached=False),
        "cold_and_save": lambda: _prepare_and_save(source),
        "cached": lambda: heartbeats.prepare(source),
    }
    with (  # the user's own cache stays as it is
        tempfile.TemporaryDirectory(prefix="ecgkit-bench-") as folder,
        mock.patch.object(physionet, "cache_directory", return_value=Path(folder)),
    ):
        beats = heartbeats.prepare(source)
        seconds = timing.interleaved(ways, rounds, "prepare")
    return {
        "source": source.name,
        "records": len(source.records),
        "beats": len(beats),
        **{f"{way}_s": float(np.median(seconds[way])) for way in ways},
        "plain_over_cold": timing.times_as_fast(seconds["cold"], seconds["plain"]),
        **timing.in_fresh_process(_prepare_once, source)[1],
    }


def _prepare_and_save(source: Source) -> None:
    """Empty the cache and prepare."""
    for path in physionet.cache_directory().glob("beats-*.npz"):
        path.unlink()
    heartbeats.prepare(source)


def _prepare_once(source: Source) -> None:
    """Prepare, for its memory."""
    heartbeats.prepare(source, cached=False)


def plain_loop(source: Source) -> NDArray[np.float32]:
    """Cut the beats of all records with wfdb, PyWavelets and a loop, as one would at first.

    Returns
    -------
    Float32, shape (n, 180), in mV: what :func:`ecgkit.heartbeats.prepare` finds.
    """
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


def day(hours: Sequence[float] = (1, 6, 24)) -> dict[str, Any]:
    """Measure the way from the file of a synthetic recording to a class for each heartbeat.

    Parameters
    ----------
    hours
        Lengths, increasing, each a multiple of 0.1; the last one's figures stand at the top.

    Returns
    -------
    ``seconds``: opening the file, loading the published weights, detecting R peaks (there are no
    annotations), classifying on the CPU, in a fresh process after its imports; the file is in the
    page cache.
    ``peak_mb`` of that process, ``baseline_mb`` after the imports, ``returned_mb`` of what
    :func:`ecgkit.inference.classify` returned. ``growth``: the same for each length.
    """
    growth = []
    source = records.find("synthetic")
    with tempfile.TemporaryDirectory(prefix="ecgkit-bench-") as folder:
        for i, length in enumerate(hours):
            path = Path(folder) / f"holter{i}"
            write_holter(path, source, length)
            found, memory = timing.in_fresh_process(_classify, path)
            growth.append({"hours": length, **found, **memory})
    longest = {key: value for key, value in growth[-1].items() if key != "hours"}
    return {"hours": hours[-1], "synthetic": True, **longest, "growth": growth}


def _classify(path: Path) -> dict[str, Any]:
    """Classify a recording as `ecgkit classify` does."""
    start = time.perf_counter()
    network, _ = published.load()
    found = inference.classify(readers.open_recording(path), network, device="cpu")
    seconds = time.perf_counter() - start
    returned = found.samples.nbytes + found.probabilities.nbytes
    counts = {"samples": found.n_samples, "beats": len(found.samples)}
    return {"seconds": seconds, **counts, "returned_mb": returned / timing.MB}


def write_holter(path: Path, source: Source, hours: float) -> None:
    """Write a long WFDB record without annotations: the synthetic ones in turn, end to end.

    Parameters
    ----------
    path
        Of the record, without extension.
    source
        The synthetic records, six minutes each: two leads in format 212, three bytes a sample.
    hours
        Its length.
    """
    names = [source.records[i % len(source.records)] for i in range(round(hours * 10))]
    headers = {name: wfdb.rdheader(str(source.directory / name)) for name in set(names)}
    with path.with_suffix(".dat").open("wb") as file:
        for name in names:
            file.write((source.directory / f"{name}.dat").read_bytes())
    header = headers[names[0]]
    lengths = [headers[name].sig_len for name in names]
    sums = [headers[name].checksum for name in names]
    header.record_name, header.file_name = path.name, [f"{path.name}.dat"] * header.n_sig
    header.sig_len, header.fs = sum(lengths), SAMPLING_RATE
    header.checksum = [sum(of_lead) % 65_536 for of_lead in zip(*sums, strict=True)]
    header.comments = [f"SYNTHETIC: {len(names)} records of ecgkit.synthetic, end to end."]
    header.wrheader(write_dir=str(path.parent))
