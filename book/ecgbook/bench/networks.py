"""Training and inference, beside the dense form and beside matrix multiplication."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ecgbook.bench import timing
from ecgkit.nn.fast import FastCPU, fast, fold_norms
from ecgkit.nn.models import BEAT_LENGTH, TCN, ResNetTCN, build
from ecgkit.nn.trees import N_CLASSES
from ecgkit.train.device import describe_device, pick_device, pick_precision
from ecgkit.train.fit import Epoch, fit
from ecgkit.train.recipe import Recipe

PAPER_DRAWS = 50 * 4 * 44_920  # 50 epochs of four classes brought to N's number
COUNTS = (44_920, 1_513, 3_504, 401)  # N, S, V and F in the paper's training half
MATRIX = 2048  # rows and columns of the matrices multiplied for comparison
BATCHES = (128, 512, 2048)  # on a GPU

Calls = dict[str, Callable[[], object]]


class DenseTCN(TCN):
    """A TCN that computes every position and keeps the last, as public implementations do."""

    def last_step(self, x: Tensor) -> Tensor:
        """Compute the last block at the last position, (b, 1, n) -> (b, c)."""
        return self.sequence(x)[..., -1]


def pair(name: str) -> tuple[ResNetTCN, ResNetTCN]:
    """Make the model ``"tcn"`` or ``"resnet-tcn"``, and one of equal weights with a dense TCN."""
    torch.manual_seed(0)
    model, dense = (cast(ResNetTCN, build(name)) for _ in range(2))
    dense.branches["tcn"] = DenseTCN()
    dense.load_state_dict(model.state_dict())
    return model, dense


def random_batch(batch: int) -> tuple[Tensor, Tensor]:
    """Draw beats (b, 180) and labels (b,): speed does not depend on what they are."""
    generator = torch.Generator().manual_seed(0)
    beats = torch.randn(batch, BEAT_LENGTH, generator=generator)
    return beats, torch.randint(N_CLASSES, (batch,), generator=generator)


def training_step(
    network: nn.Module,
    beats: Tensor,
    labels: Tensor,
    dtype: torch.dtype = torch.float32,
    plain: bool = False,
) -> Callable[[], Tensor]:
    """Make a call that does with a batch what :func:`ecgkit.train.fit.fit` does; it gives the loss.

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


def _compare(
    make: Callable[..., Callable[[], object]], data: Sequence[Tensor], more: Calls, rounds: int
) -> tuple[dict[str, Any], dict[str, timing.Seconds]]:
    """Time both models beside their plain dense peers, a matrix product and more calls."""
    calls: Calls = {"matmul": timing.matrix_product(MATRIX, torch.float32), **more}
    for name, key in (("tcn", "tcn"), ("resnet-tcn", "model")):
        model, dense = pair(name)
        calls |= {key: make(model, *data), f"{key}_dense": make(dense, *data, plain=True)}
    batch, flop = len(data[0]), timing.flop_per_beat(model)[make is training_step]
    seconds = timing.interleaved(calls, rounds, f"{make.__name__}, batch {batch}")
    found: dict[str, Any] = {"batch": batch}
    for key in ("tcn", "model"):
        found[f"{key}_vs_dense"] = timing.speedup(seconds[key], seconds[f"{key}_dense"])
    for dtype, end in (("float32", ""), ("bfloat16", "_bfloat16")):
        if f"model{end}" in calls:
            limit = seconds[f"matmul{end}"] * batch * flop / (2 * MATRIX**3)
            found[f"{dtype}_vs_matmul"] = timing.speedup(seconds[f"model{end}"], limit)
            found["beats_per_s"] = batch / float(np.median(seconds[f"model{end}"]))
    return found, seconds


def train(batch: int = 128, rounds: int = 5) -> dict[str, Any]:
    """Measure training steps: milliseconds, and how many times as fast they are.

    ``*_vs_dense``: as the plain network with a dense TCN, and ``model_vs_cone``: as the plain one,
    in float32. ``*_vs_matmul``: operations per second over those of a matrix product of that
    precision. In bfloat16, where ``auto`` takes it, ``beats_per_s`` and ``paper_minutes``.
    """
    data = random_batch(batch)
    model = pair("resnet-tcn")[0]
    more: Calls = {"model_cone": training_step(model, *data, plain=True)}
    if pick_precision(torch.device("cpu")) is torch.bfloat16:
        more["model_bfloat16"] = training_step(model, *data, torch.bfloat16)
        more["matmul_bfloat16"] = timing.matrix_product(MATRIX, torch.bfloat16)
    found, seconds = _compare(training_step, data, more, rounds)
    found["model_vs_cone"] = timing.speedup(seconds["model"], seconds["model_cone"])
    found["paper_minutes"] = PAPER_DRAWS / found["beats_per_s"] / 60
    times = {f"{key}_ms": timing.milliseconds(seconds[key]) for key in seconds if "model" in key}
    return found | times


def infer(batch: int = 1024, rounds: int = 5) -> dict[str, Any]:
    """Measure inference in float32, as :func:`train` does, and that of a single beat in ms."""
    beats, _ = random_batch(batch)
    model, dense = pair("resnet-tcn")
    more: Calls = {"latency": inference(model, beats[:1])}
    more["latency_dense"] = inference(dense, beats[:1], plain=True)
    found, seconds = _compare(inference, [beats], more, rounds)
    return found | {f"{key}_ms": timing.milliseconds(seconds[key]) for key in more}


def train_on_gpu(
    device: str = "cuda", batches: Sequence[int] = BATCHES, counts: Sequence[int] = COUNTS
) -> dict[str, Any] | None:
    """Measure epochs of the paper's recipe on random beats; None without a CUDA device.

    Per batch size, as in ``batch_128``: ``epoch_s``, ``paper_s`` for 50 of these, ``vs_matmul``,
    operations per second over those of a matrix product, and ``peak_mb``, the largest memory in
    use. Of the first size also ``vs_plain``, how many times as fast as without a CUDA graph;
    and ``loss_change``, the largest relative change of an epoch's loss through it. ``compiled_s``
    is a training step by `torch.compile`; ``resident_s`` and ``loader_s`` are the times to cut the
    beats into batches of the first size on the device, and by a DataLoader of 8 processes.
    """
    if device == "cuda" and not torch.cuda.is_available():
        return None
    place = pick_device(device)
    dtype = pick_precision(place)
    labels = np.repeat(np.arange(len(counts)), counts)
    beats = random_batch(len(labels))[0].numpy()
    n = 4 * MATRIX if place.type == "cuda" else MATRIX
    product = timing.interleaved({"": timing.matrix_product(n, dtype, place)}, 5, "gpu")[""]
    limit_flop_s = 2 * n**3 / float(np.median(product))
    flop_per_epoch = timing.flop_per_beat(build("resnet-tcn"))[1] * len(counts) * max(counts)
    measured: dict[str, Any] = {
        "device": describe_device(place),
        "precision": str(dtype).removeprefix("torch."),
        "matmul_tflop_s": limit_flop_s / 1e12,
    }

    def train(batch: int, epochs: int = 3, graph: bool = True) -> list[Epoch]:
        torch.manual_seed(0)
        recipe = Recipe(epochs=epochs, batch=batch)  # the first epoch warms up
        return fit(build("resnet-tcn"), beats, labels, recipe, device=device, graph=graph)

    for batch in batches:
        if place.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        epochs = train(batch)
        epoch_s = float(np.median([epoch.seconds for epoch in epochs[1:]]))
        row = {"epoch_s": epoch_s, "paper_s": 50 * epoch_s}
        row["vs_matmul"] = flop_per_epoch / epoch_s / limit_flop_s
        if place.type == "cuda":
            row["peak_mb"] = torch.cuda.max_memory_allocated() / 1e6
        if batch == batches[0]:
            plain = train(batch, epochs=2, graph=False)
            row["vs_plain"] = plain[1].seconds / epoch_s
            pairs = zip(epochs, plain, strict=False)
            row["loss_change"] = max(abs(e.loss - p.loss) / p.loss for e, p in pairs)
        measured[f"batch_{batch}"] = row
    data = [torch.from_numpy(part).to(place) for part in (beats, labels)]
    return measured | _other_ways(data, batches[0], dtype)


def _other_ways(data: Sequence[Tensor], batch: int, dtype: torch.dtype) -> dict[str, float]:
    """Time a compiled step, and batches cut on the data's device beside those of a DataLoader."""
    place, cuda = data[0].device, data[0].is_cuda
    how: dict[str, Any] = {"num_workers": 8 if cuda else 1, "pin_memory": cuda}
    table = TensorDataset(*(part.cpu() for part in data))
    loader = DataLoader(table, batch, shuffle=True, persistent_workers=True, **how)

    def use(batches: Iterable[Sequence[Tensor]]) -> None:
        for parts in batches:
            for part in parts:
                part.to(place, non_blocking=True)
        if cuda:
            torch.cuda.synchronize()

    def resident() -> None:
        order = torch.randperm(len(data[0]), device=place)
        use([part[rows] for part in data] for rows in order.split(batch))

    calls: Calls = {"resident_s": resident, "loader_s": lambda: use(loader)}
    if cuda:
        network = build("resnet-tcn").to(place)
        network.compile(mode="reduce-overhead")
        step = training_step(network, data[0][:batch], data[1][:batch], dtype)
        calls["compiled_s"] = lambda: step().item()
    seconds = timing.interleaved(calls, 3, "other ways")
    return {name: float(np.median(values)) for name, values in seconds.items()}
