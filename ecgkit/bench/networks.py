"""Training and inference on the CPU, beside the dense form and beside matrix multiplication."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgkit import training
from ecgkit.bench import timing
from ecgkit.fast import Fast
from ecgkit.models import BEAT_LENGTH, N_CLASSES, TCN, HeartbeatClassifier, build

PAPER_DRAWS = 50 * 4 * 44_920
"""Beats that the paper's training sees: 50 epochs of four classes brought to N's number."""

MATRIX = 2048
"""Rows and columns of the matrices multiplied for comparison."""


class DenseTCN(TCN):
    """A TCN that computes every position and keeps the last, as public implementations do."""

    def last_step(self, x: Tensor) -> Tensor:
        """Compute the last block at the last position, (b, 1, n) -> (b, c)."""
        return self.sequence(x)[..., -1]


def pair(name: str) -> tuple[HeartbeatClassifier, HeartbeatClassifier]:
    """Make a model, and one of the same weights whose TCN is in the dense form.

    Parameters
    ----------
    name
        Of a model that has a TCN with its squeeze-and-excitation: ``"tcn"`` or ``"resnet-tcn"``.
    """
    torch.manual_seed(0)
    model, dense = build(name), build(name)
    dense.branches["tcn"] = DenseTCN()
    dense.load_state_dict(model.state_dict())
    return model, dense


def random_batch(batch: int, device: str | torch.device = "cpu") -> tuple[Tensor, Tensor]:
    """Draw beats (b, 180) and labels (b,): speed does not ask what they are."""
    generator = torch.Generator().manual_seed(0)
    beats = torch.randn(batch, BEAT_LENGTH, generator=generator)
    labels = torch.randint(N_CLASSES, (batch,), generator=generator)
    return beats.to(device), labels.to(device)


def training_step(
    network: nn.Module, beats: Tensor, labels: Tensor, dtype: torch.dtype = torch.float32
) -> Callable[[], Tensor]:
    """Return a call that does what :func:`ecgkit.training.fit` does with a batch.

    Forward with matrix products in ``dtype``, cross-entropy, backward, fused AdamW; it returns the
    loss.
    """
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4, weight_decay=0.0, fused=True)
    network.train()

    def step() -> Tensor:
        with torch.autocast(beats.device.type, dtype, enabled=dtype != torch.float32):
            logits = network(beats)
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def train(batches: Sequence[int] = (128, 512), rounds: int = 5) -> dict[str, Any]:
    """Measure training steps; the first batch size's figures stand at the top.

    Returns
    -------
    ``tcn_vs_dense``, ``model_vs_dense``: how many times as fast as the same network with its TCN in
    the dense form, in plain modules and torch's dropout, both in float32. ``float32_vs_matmul``,
    ``best_vs_float32_matmul``, ``bfloat16_vs_matmul``: operations a second of the whole model's
    step (:func:`ecgkit.bench.timing.flop_per_beat`) over those of a matrix product: float32 over
    float32, bfloat16 over float32, bfloat16 over bfloat16; the last two None where the CPU has no
    bfloat16 units. ``paper_minutes``: what the paper's 50 epochs take at that speed, in bfloat16
    where there is. Milliseconds, beats a second, matrix products' GFLOP/s; peak memory of the whole
    model's steps in a fresh process. ``batch_512``: the same for the next batch size.
    """
    first, *others = batches
    found = _train_at(first, rounds)
    return {**found, **{f"batch_{batch}": _train_at(batch, rounds) for batch in others}}


def _train_at(batch: int, rounds: int) -> dict[str, Any]:
    """Measure training steps of one batch size; see :func:`train`."""
    beats, labels = random_batch(batch)
    contenders: dict[str, Callable[[], object]] = {}
    for name, key in (("tcn", "tcn"), ("resnet-tcn", "model")):
        model, dense = pair(name)
        contenders[key] = training_step(Fast(model), beats, labels)
        contenders[f"{key}_dense"] = training_step(dense, beats, labels)
    contenders["matmul"] = timing.multiply(MATRIX, torch.float32)
    has_bfloat16 = training.has_bfloat16()
    if has_bfloat16:
        model, _ = pair("resnet-tcn")
        contenders["model_bfloat16"] = training_step(Fast(model), beats, labels, torch.bfloat16)
        contenders["matmul_bfloat16"] = timing.multiply(MATRIX, torch.bfloat16)
    seconds = timing.interleaved(contenders, rounds, f"train, batch {batch}")
    flop = batch * timing.flop_per_beat(build("resnet-tcn"))[1]

    def share(step: str, limit: str) -> float:
        as_a_product = seconds[limit] * (flop / (2 * MATRIX**3))  # seconds at the limit's rate
        return timing.times_as_fast(seconds[step], as_a_product)

    best = "model_bfloat16" if has_bfloat16 else "model"
    beats_per_s = batch / float(np.median(seconds[best]))
    found: dict[str, Any] = {
        "batch": batch,
        "tcn_vs_dense": timing.times_as_fast(seconds["tcn"], seconds["tcn_dense"]),
        "model_vs_dense": timing.times_as_fast(seconds["model"], seconds["model_dense"]),
        "float32_vs_matmul": share("model", "matmul"),
        "best_vs_float32_matmul": share(best, "matmul") if has_bfloat16 else None,
        "bfloat16_vs_matmul": share(best, "matmul_bfloat16") if has_bfloat16 else None,
        "beats_per_s": beats_per_s,
        "paper_minutes": PAPER_DRAWS / beats_per_s / 60,
        "gflop_per_step": flop / 1e9,
    }
    for key in contenders:
        if key.startswith("matmul"):
            found[f"{key}_gflop_s"] = 2 * MATRIX**3 / float(np.median(seconds[key])) / 1e9
        else:
            found[f"{key}_ms"] = timing.milliseconds(seconds[key])
    return {**found, **timing.in_fresh_process(_train_a_little, batch)[1]}


def _train_a_little(batch: int) -> None:
    """Take three training steps of the joint model, for their memory."""
    step = training_step(Fast(build("resnet-tcn")), *random_batch(batch))
    for _ in range(3):
        step()


def infer(batch: int = 1024, rounds: int = 5) -> dict[str, Any]:
    """Measure inference in float32.

    Returns
    -------
    ``tcn_vs_dense``, ``model_vs_dense``: as for :func:`train`. ``latency_ms``: of the whole model
    for a single beat, beside ``latency_dense_ms``. ``float32_vs_matmul``: operations a second over
    those of a float32 matrix product. Milliseconds a batch, beats a second; peak memory of the
    whole model in a fresh process.
    """
    beats, _ = random_batch(batch)
    contenders: dict[str, Callable[[], object]] = {}
    for name, key in (("tcn", "tcn"), ("resnet-tcn", "model")):
        model, dense = (network.eval() for network in pair(name))
        contenders[key] = _inference(Fast(model), beats)
        contenders[f"{key}_dense"] = _inference(dense, beats)
    contenders["latency"] = _inference(Fast(model), beats[:1])
    contenders["latency_dense"] = _inference(dense, beats[:1])
    contenders["matmul"] = timing.multiply(MATRIX, torch.float32)
    seconds = timing.interleaved(contenders, rounds, f"infer, batch {batch}")
    flop = batch * timing.flop_per_beat(build("resnet-tcn"))[0]
    as_a_product = seconds["matmul"] * (flop / (2 * MATRIX**3))
    return {
        "batch": batch,
        "tcn_vs_dense": timing.times_as_fast(seconds["tcn"], seconds["tcn_dense"]),
        "model_vs_dense": timing.times_as_fast(seconds["model"], seconds["model_dense"]),
        "latency_ms": timing.milliseconds(seconds["latency"]),
        "latency_dense_ms": timing.milliseconds(seconds["latency_dense"]),
        "float32_vs_matmul": timing.times_as_fast(seconds["model"], as_a_product),
        "beats_per_s": batch / float(np.median(seconds["model"])),
        **{f"{key}_ms": timing.milliseconds(seconds[key]) for key in list(contenders)[:4]},
        "matmul_gflop_s": 2 * MATRIX**3 / float(np.median(seconds["matmul"])) / 1e9,
        **timing.in_fresh_process(_infer_a_little, batch)[1],
    }


def _inference(network: nn.Module, beats: Tensor) -> Callable[[], Tensor]:
    """Return a call that gives the probabilities of beats, as `training.predict` does."""
    return torch.inference_mode()(lambda: network(beats).softmax(dim=1))


def _infer_a_little(batch: int) -> None:
    """Classify three batches with the joint model, for their memory."""
    training.predict(build("resnet-tcn"), random_batch(3 * batch)[0].numpy(), batch)
