"""Training on a GPU, beside a plain loop over a DataLoader and beside the chip's two limits."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from ecgkit import training
from ecgkit.bench import networks, timing
from ecgkit.fast import Fast
from ecgkit.models import BEAT_LENGTH, build
from ecgkit.training import Recipe

COUNTS = (44_920, 1_513, 3_504, 401)
"""Beats of N S V F in the paper's training half."""


def train(
    device: str | None = None,
    batches: Sequence[int] = (128, 512, 2048),
    counts: Sequence[int] = COUNTS,
    rounds: int = 3,
    loader_steps: int = 50,
    matrix: int = 8192,
    copied: int = 2**28,
) -> dict[str, Any] | None:
    """Measure epochs of the paper's recipe on beats of random numbers.

    Parameters
    ----------
    device
        None takes the CUDA device; a test takes the CPU.
    batches
        Beats a step.
    counts
        Beats of each class; an epoch sees four times the most frequent one's.
    rounds, loader_steps
        How often an epoch and a stretch of the plain loop take turns, and the steps of a stretch.
    matrix, copied
        Rows of the matrices multiplied, and float32 numbers copied, to measure the limits.

    Returns
    -------
    None without a CUDA device. Otherwise its name, the precision that ``auto`` gives, the limits
    ``matmul_tflop_s`` (in that precision) and ``copy_gb_s`` (read and written), and for each batch
    size ``batch_128`` and so on: ``epoch_s``; ``paper_s``, 50 of these; ``beats_per_s``;
    ``vs_matmul`` and ``vs_bandwidth``, the share of the limits that the steps' operations
    (:func:`ecgkit.bench.timing.flop_per_beat`) and the bytes they touch
    (:class:`ecgkit.bench.timing.Traffic`) make up; ``vs_dataloader``, how many times as fast as
    :func:`plain_seconds`; ``peak_mb`` of device memory (on a CPU, of the process).
    """
    if device is None:
        if not torch.cuda.is_available():
            return None
        device = "cuda"
    place = training.pick_device(device)
    dtype = training.pick_precision(place)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    beats = rng.standard_normal((len(labels), BEAT_LENGTH), dtype=np.float32)
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else "CPU",
        "precision": str(dtype).removeprefix("torch."),
        **_limits(place, dtype, matrix, copied),
        "beats_per_epoch": len(counts) * max(counts),
        "loader_workers": _workers(place),
    }
    for batch in batches:
        figures = _train_at(batch, place, dtype, beats, labels, rounds, loader_steps)
        epoch_s, per_epoch = figures["epoch_s"], found["beats_per_epoch"]
        figures["beats_per_s"] = per_epoch / epoch_s
        flop_s = timing.flop_per_beat(build("resnet-tcn"))[1] * figures["beats_per_s"]
        figures["vs_matmul"] = flop_s / (found["matmul_tflop_s"] * 1e12)
        bytes_s = _bytes_per_step(batch, place, dtype) * figures["beats_per_s"] / batch
        figures["vs_bandwidth"] = bytes_s / (found["copy_gb_s"] * 1e9)
        found[f"batch_{batch}"] = figures
    return found


def _limits(place: torch.device, dtype: torch.dtype, matrix: int, copied: int) -> dict[str, float]:
    """Measure matrix multiplication and copying on a device."""
    a = torch.zeros(copied, device=place)
    b = torch.empty_like(a)

    def copy() -> None:
        b.copy_(a)
        timing.synchronize(place)

    limits = {"multiply": timing.multiply(matrix, dtype, place), "copy": copy}
    seconds = timing.interleaved(limits, 5, "gpu, limits")
    return {
        "matmul_tflop_s": 2 * matrix**3 / float(np.median(seconds["multiply"])) / 1e12,
        "copy_gb_s": 2 * 4 * copied / float(np.median(seconds["copy"])) / 1e9,
    }


def _train_at(
    batch: int,
    place: torch.device,
    dtype: torch.dtype,
    beats: NDArray[np.float32],
    labels: NDArray[np.int64],
    rounds: int,
    loader_steps: int,
) -> dict[str, Any]:
    """Measure epochs and the plain loop in turn, for one batch size; see :func:`train`."""
    torch.manual_seed(0)
    model, dense = networks.pair("resnet-tcn")
    ours, theirs, most = [], [], 0.0
    steps = -(-4 * int(np.bincount(labels).max()) // batch)
    for _ in range(rounds):
        if place.type == "cuda":
            torch.cuda.reset_peak_memory_stats(place)
        recipe = Recipe(epochs=2, batch=batch)  # the first one warms up
        curve = training.fit(model, beats, labels, recipe, device=str(place), progress=False)
        ours.append(curve[-1]["seconds"])
        if place.type == "cuda" and not most:  # later rounds find the plain loop's network there
            most = torch.cuda.max_memory_allocated(place) / timing.MB
        theirs.append(steps * plain_seconds(dense, beats, labels, batch, loader_steps, place))
    epoch_s = np.array(ours)
    return {
        "epoch_s": float(np.median(epoch_s)),
        "paper_s": 50 * float(np.median(epoch_s)),
        "vs_dataloader": timing.times_as_fast(epoch_s, np.array(theirs)),
        "peak_mb": most or timing.peak_mb(),
    }


def _bytes_per_step(batch: int, place: torch.device, dtype: torch.dtype) -> int:
    """Count the bytes that the operations of a training step touch."""
    network = Fast(build("resnet-tcn").to(place))
    step = networks.training_step(network, *networks.random_batch(batch, place), dtype)
    step()  # makes Adam's moments
    with timing.Traffic() as traffic:
        step()
    return traffic.bytes


class PlainBeats(Dataset):
    """Beats in memory, handed out one at a time; those of the rare classes cropped with NumPy.

    Parameters
    ----------
    beats, labels
        Float32, shape (n, 180), and integers, shape (n,).
    """

    def __init__(self, beats: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        """Keep the beats; see the class."""
        self.beats, self.labels = beats, labels

    def __len__(self) -> int:
        """Return the number of beats."""
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], int]:
        """Return a beat and its class."""
        beat, label = self.beats[i], int(self.labels[i])
        if label != 0:
            n = len(beat)
            length = np.random.randint(round(0.75 * n), n + 1)  # noqa: NPY002 - as one would
            start = np.random.randint(n - length + 1)  # noqa: NPY002
            at = np.linspace(start, start + length - 1, n)
            beat = np.interp(at, np.arange(n), beat).astype(np.float32)
        return beat, label


def _workers(place: torch.device) -> int:
    """How many processes feed the plain loop."""
    return min(4, os.cpu_count() or 1) if place.type == "cuda" else 0


def plain_seconds(
    network: nn.Module,
    beats: NDArray[np.float32],
    labels: NDArray[np.int64],
    batch: int,
    steps: int,
    place: torch.device,
) -> float:
    """Train with a DataLoader, as one would at first; return the seconds that a step takes.

    Balanced sampling, one beat at a time cropped and put into a batch by up to four processes and
    sent over pinned memory; the network in plain modules with its TCN in the dense form; Adam and
    torch's precision as they come.
    """
    weights = 1 / np.bincount(labels)[labels]
    sampler = WeightedRandomSampler(weights.tolist(), (steps + 3) * batch)
    on_gpu = place.type == "cuda"
    loader = DataLoader(
        PlainBeats(beats, labels),
        batch,
        sampler=sampler,
        num_workers=_workers(place),
        pin_memory=on_gpu,
    )
    network.to(place).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    start = 0.0
    for i, (x, y) in enumerate(loader):
        if i == 3:  # processes are started, memory is found
            timing.synchronize(place)
            start = time.perf_counter()
        x, y = x.to(place, non_blocking=True), y.to(place, non_blocking=True)
        loss = F.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # as a loop does that prints the loss
    timing.synchronize(place)
    return (time.perf_counter() - start) / steps
