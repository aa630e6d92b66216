"""Training and inference, beside the dense form and beside matrix multiplication."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgbook.bench import timing
from ecgkit.nn.fast import FastCPU, fast, fold_norms
from ecgkit.nn.models import BEAT_LENGTH, N_CLASSES, TCN, ResNetTCN, build
from ecgkit.train.device import describe_device, pick_device, pick_precision
from ecgkit.train.fit import fit
from ecgkit.train.recipe import Recipe

PAPER_DRAWS = 50 * 4 * 44_920  # 50 epochs of four classes brought to N's number
COUNTS = (44_920, 1_513, 3_504, 401)  # N, S, V and F in the paper's training half
MATRIX = 2048  # rows and columns of the matrices multiplied for comparison

Calls = dict[str, Callable[[], object]]


class DenseTCN(TCN):
    """A TCN that computes every position and keeps the last, as public implementations do."""

    def last_step(self, x: Tensor) -> Tensor:
        """Compute the last block at the last position, (b, 1, n) -> (b, c)."""
        return self.sequence(x)[..., -1]


def pair(name: str) -> tuple[ResNetTCN, ResNetTCN]:
    """Make the model ``"tcn"`` or ``"resnet-tcn"``, and one of equal weights with a dense TCN."""
    torch.manual_seed(0)
    model, dense = build(name), build(name)
    dense.branches["tcn"] = DenseTCN()
    dense.load_state_dict(model.state_dict())
    return model, dense


def random_batch(batch: int, device: str | torch.device = "cpu") -> tuple[Tensor, Tensor]:
    """Draw beats (b, 180) and labels (b,): speed does not depend on what they are."""
    generator = torch.Generator().manual_seed(0)
    beats = torch.randn(batch, BEAT_LENGTH, generator=generator)
    labels = torch.randint(N_CLASSES, (batch,), generator=generator)
    return beats.to(device), labels.to(device)


def training_step(
    network: nn.Module,
    beats: Tensor,
    labels: Tensor,
    dtype: torch.dtype = torch.float32,
    plain: bool = False,
) -> Callable[[], Tensor]:
    """Make a call that does what :func:`ecgkit.train.fit.fit` does with a batch, and returns the loss.

    A ``plain`` one does without :class:`ecgkit.nn.fast.FastCPU`.
    """
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4, weight_decay=0.0, fused=True)
    network.train()
    half = torch.autocast(beats.device.type, dtype, enabled=dtype != torch.float32)

    def step() -> Tensor:
        with half, contextlib.nullcontext() if plain else fast(beats.device):
            logits = network(beats)
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def inference(network: nn.Module, beats: Tensor, plain: bool = False) -> Callable[[], Tensor]:
    """Make a call that gives the probabilities of beats, as ``predict`` does on a CPU."""
    ready = network.eval() if plain else fold_norms(network.eval())

    @torch.inference_mode()
    def call() -> Tensor:
        with contextlib.nullcontext() if plain else FastCPU():
            return ready(beats).softmax(dim=1)

    return call


def _contenders(make: Callable[..., Callable[[], object]], *data: Tensor) -> Calls:
    """Make the calls of both models, of their plain dense peers, and of a matrix product."""
    calls: Calls = {"matmul": timing.matrix_product(MATRIX, torch.float32)}
    for name, key in (("tcn", "tcn"), ("resnet-tcn", "model")):
        model, dense = pair(name)
        calls |= {key: make(model, *data), f"{key}_dense": make(dense, *data, plain=True)}
    return calls


def _compare(seconds: Mapping[str, timing.Seconds], batch: int, flop: float) -> dict[str, Any]:
    """Set the models beside their dense peers, and the whole one beside the matrix product."""
    return {
        "batch": batch,
        "tcn_vs_dense": timing.speedup(seconds["tcn"], seconds["tcn_dense"]),
        "model_vs_dense": timing.speedup(seconds["model"], seconds["model_dense"]),
        "float32_vs_matmul": _share_of_limit(flop, seconds["model"], seconds["matmul"]),
    }


def _share_of_limit(flop: float, step: timing.Seconds, matmul: timing.Seconds) -> float:
    return timing.speedup(step, matmul * (flop / (2 * MATRIX**3)))


def train(batch: int = 128, rounds: int = 5) -> dict[str, Any]:
    """Measure training steps.

    Returns
    -------
    measured : dict
        ``*_vs_dense``: how many times as fast as the plain network with a dense TCN, in float32;
        ``model_vs_cone``: as the plain network. ``*_vs_matmul``: operations per second over those
        of a matrix product of that precision (bfloat16 where ``auto`` takes it).
        ``paper_minutes``: the paper's 50 epochs at the best speed. Milliseconds per step.
    """
    beats, labels = random_batch(batch)
    calls = _contenders(training_step, beats, labels)
    model = pair("resnet-tcn")[0]
    calls["model_cone"] = training_step(model, beats, labels, plain=True)
    has_bfloat16 = pick_precision(torch.device("cpu")) is torch.bfloat16
    if has_bfloat16:
        calls["model_bfloat16"] = training_step(model, beats, labels, torch.bfloat16)
        calls["matmul_bfloat16"] = timing.matrix_product(MATRIX, torch.bfloat16)
    seconds = timing.interleaved(calls, rounds, f"train, batch {batch}")
    flop = batch * timing.flop_per_beat(build("resnet-tcn"))[1]
    best = seconds["model_bfloat16" if has_bfloat16 else "model"]
    beats_per_s = batch / float(np.median(best))
    measured = _compare(seconds, batch, flop) | {
        "model_vs_cone": timing.speedup(seconds["model"], seconds["model_cone"]),
        "beats_per_s": beats_per_s,
        "paper_minutes": PAPER_DRAWS / beats_per_s / 60,
        **{f"{key}_ms": timing.milliseconds(seconds[key]) for key in calls if "model" in key},
    }
    if has_bfloat16:
        measured["bfloat16_vs_matmul"] = _share_of_limit(flop, best, seconds["matmul_bfloat16"])
    return measured


def infer(batch: int = 1024, rounds: int = 5) -> dict[str, Any]:
    """Measure inference in float32; the keys are those of :func:`train`.

    ``latency_ms`` is that of the whole model for a single beat, beside ``latency_dense_ms``.
    """
    beats, _ = random_batch(batch)
    model, dense = pair("resnet-tcn")
    calls = _contenders(inference, beats)
    calls["latency"] = inference(model, beats[:1])
    calls["latency_dense"] = inference(dense, beats[:1], plain=True)
    seconds = timing.interleaved(calls, rounds, f"infer, batch {batch}")
    flop = batch * timing.flop_per_beat(model)[0]
    return _compare(seconds, batch, flop) | {
        "beats_per_s": batch / float(np.median(seconds["model"])),
        "latency_ms": timing.milliseconds(seconds["latency"]),
        "latency_dense_ms": timing.milliseconds(seconds["latency_dense"]),
    }


def train_on_gpu(
    device: str = "cuda", batches: Sequence[int] = (128, 512, 2048), counts: Sequence[int] = COUNTS
) -> dict[str, Any] | None:
    """Measure epochs of the paper's recipe on random beats; None without a CUDA device.

    Per batch size, as in ``batch_128``, ``epoch_s``, ``paper_s`` for 50 of these, and
    ``vs_matmul``, operations per second over those of a matrix product.
    """
    if device == "cuda" and not torch.cuda.is_available():
        return None
    place = pick_device(device)
    dtype = pick_precision(place)
    labels = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(0)
    beats = rng.standard_normal((len(labels), BEAT_LENGTH), dtype=np.float32)
    n = 4 * MATRIX if place.type == "cuda" else MATRIX
    product = timing.interleaved({"": timing.matrix_product(n, dtype, place)}, 5, "gpu")[""]
    limit_flop_s = 2 * n**3 / float(np.median(product))
    flop_per_epoch = timing.flop_per_beat(build("resnet-tcn"))[1] * len(counts) * max(counts)
    measured: dict[str, Any] = {
        "device": describe_device(place),
        "precision": str(dtype).removeprefix("torch."),
        "matmul_tflop_s": limit_flop_s / 1e12,
    }
    for batch in batches:
        recipe = Recipe(epochs=3, batch=batch)  # the first epoch warms up
        epochs = fit(build("resnet-tcn"), beats, labels, recipe, device=device)
        epoch_s = float(np.median([epoch.seconds for epoch in epochs[1:]]))
        share = flop_per_epoch / epoch_s / limit_flop_s
        measured[f"batch_{batch}"] = dict(epoch_s=epoch_s, paper_s=50 * epoch_s, vs_matmul=share)
    return measured
