"""Training: one loop for CPU and GPU, mixed precision, checkpoints and exact resume.

The beats (72 MB) live on the device; sampling and augmentation happen there, so no worker process
feeds it. Each epoch seeds its own random numbers from the run's seed and its own number: a run that
was cut off goes on from its last whole epoch and ends in the same weights as one left alone.

Under ``torchrun`` each process takes its share of every batch. Gradients are averaged over all, so
the steps are those of one process with the whole batch, except that batch norm sees shares.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from ecgkit import InputError, augmentation, checkpoints, models
from ecgkit.checkpoints import CHECKPOINT
from ecgkit.fast import Fast

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults are the paper's (section III-A).

    Attributes
    ----------
    epochs, batch
        Passes over the balanced training half; beats a step.
    learning_rate, schedule
        Adam's step size, ``"constant"``, or the peak of a ``"one-cycle"`` that rises over the first
        tenth and falls with a cosine to zero.
    weight_decay
        Decoupled, as in AdamW; 0 makes it Adam.
    label_smoothing
        Share of the target spread over all classes.
    balance, shortest_crop
        See :mod:`ecgkit.augmentation`.
    cropped_originals
        Share of the training beats themselves that are cropped like the copies; drawn afresh in
        each epoch.
    gain, noise_mv
        See :func:`ecgkit.augmentation.disturb`; it acts on copies and originals.
    each_branch
        Weight of the loss of each branch alone, beside that of all together; see
        :meth:`ecgkit.models.HeartbeatClassifier.answers`. 0 asks for the common answer only.
    class_weights
        A beat's loss is multiplied by (m / n) to this power, n being how often its class occurs in
        an epoch and m the most frequent class; the mean factor stays 1. 0 leaves all alike.
    focal
        A beat's loss is multiplied by (1 - p) to this power, p being the probability its class is
        given: what is certain already counts less (Lin et al. 2017, arXiv:1708.02002). 0: no such.
    """

    epochs: int = 50
    batch: int = 128
    learning_rate: float = 1e-4
    schedule: str = "constant"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    balance: float = 1.0
    shortest_crop: float = 0.75
    cropped_originals: float = 0.0
    gain: float = 0.0
    noise_mv: float = 0.0
    each_branch: float = 0.0
    class_weights: float = 0.0
    focal: float = 0.0


def pick_device(name: str = "auto") -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ... into a device.

    Raises
    ------
    InputError
        If the device is not on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"The device {name!r} is not to be had here ({str(error).splitlines()[0]}). "
            "Use cpu, or auto."
        ) from error
    return device


def pick_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """Turn ``"auto"`` or a name into the number format of the matrix products.

    Auto is bfloat16 where the chip multiplies it in hardware (a T4 only emulates it); otherwise it
    is float16 on a GPU and float32 on a CPU.

    Raises
    ------
    InputError
        If the name is unknown, or float16 is asked for on a CPU.
    """
    if name == "auto":
        if device.type != "cuda":
            return torch.bfloat16 if has_bfloat16() else torch.float32
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if name not in PRECISIONS or (name == "float16" and device.type != "cuda"):
        raise InputError(
            f"No precision {name!r} on {device.type}: use auto, float32 or bfloat16 (on a GPU "
            "also float16)."
        )
    return PRECISIONS[name]


def has_bfloat16() -> bool:
    """Whether this machine's CPU multiplies bfloat16 in hardware (AVX-512 BF16 or AMX)."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch has no public question
    return any(getattr(torch.cpu, question, lambda: False)() for question in asked)


@contextlib.contextmanager
def processes() -> Iterator[bool]:
    """Join the processes that ``torchrun`` started, if it did, and part again.

    Yields :func:`is_first`.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield is_first()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group()
    try:
        yield is_first()
    finally:
        distributed.destroy_process_group()


def is_first() -> bool:
    """Whether this process writes and prints: the only one, or the first of several."""
    return _place()[0] == 0


def _place() -> tuple[int, int]:
    """Return this process's number, and of how many that train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Step size of one of ``steps`` optimizer steps.

    Examples
    --------
    >>> cycle = Recipe(learning_rate=1.0, schedule="one-cycle")
    >>> [round(learning_rate(cycle, step, 101), 3) for step in (0, 5, 10, 55, 100)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule != "one-cycle":
        raise InputError(f"No schedule {recipe.schedule!r}: use constant or one-cycle.")
    done = step / max(steps - 1, 1)
    if done < 0.1:
        return recipe.learning_rate * (0.04 + 0.96 * done / 0.1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


def _batches(
    beats: Tensor, labels: Tensor, recipe: Recipe, seed: int, epoch: int, n_columns: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch's augmented batches: beats (b, n) and labels (b,).

    The last ``n_columns`` of a beat are no samples (:mod:`ecgkit.context`) and stay as they are.
    """
    generator = torch.Generator(beats.device).manual_seed(seed * 1_000_003 + epoch)
    rows, is_copy = augmentation.epoch_order(labels, generator, recipe.balance)
    for chosen, copy in zip(rows.split(recipe.batch), is_copy.split(recipe.batch), strict=True):
        x = beats[chosen]  # (b, n)
        if n_columns:
            x, columns = x[:, :-n_columns], x[:, -n_columns:]
        crops = augmentation.random_crops(x, generator, recipe.shortest_crop)
        if recipe.cropped_originals:
            drawn = torch.rand(len(x), device=x.device, generator=generator)
            copy = copy | (drawn < recipe.cropped_originals)
        x = torch.where(copy[:, None], crops, x)
        if recipe.gain or recipe.noise_mv:
            x = augmentation.disturb(x, generator, recipe.gain, recipe.noise_mv)
        yield torch.cat([x, columns], dim=1) if n_columns else x, labels[chosen]


def _losses(
    network: nn.Module, beats: Tensor, labels: Tensor, recipe: Recipe, weights: Tensor | None
) -> Tensor:
    """Sum a batch's losses: of the answer of all branches, and of each branch's own if asked."""
    if not recipe.each_branch:
        return loss(network(beats).float(), labels, recipe, weights)
    answers = network(beats, each=True).float()  # (1 + branches, b, 4)
    together, *alone = (loss(logits, labels, recipe, weights) for logits in answers)
    return together + recipe.each_branch * torch.stack(alone).sum()


def loss(logits: Tensor, labels: Tensor, recipe: Recipe, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of a batch, summed; weighted by class and by certainty where asked.

    Parameters
    ----------
    logits, labels
        Float (b, 4), and integer (b,).
    recipe
        ``label_smoothing`` and ``focal`` are used.
    weights
        From :func:`class_weights`; None weighs all classes alike.

    Examples
    --------
    >>> logits, labels = torch.zeros(1, 4), torch.tensor([0])  # p = 1/4, and -log p = 1.386
    >>> [round(float(loss(logits, labels, Recipe(focal=g))), 3) for g in (0, 1, 2)]
    [1.386, 1.04, 0.78]
    """
    how: dict[str, Any] = {"weight": weights, "label_smoothing": recipe.label_smoothing}
    if not recipe.focal:
        return F.cross_entropy(logits, labels, reduction="sum", **how)
    each = F.cross_entropy(logits, labels, reduction="none", **how)
    p = logits.softmax(dim=1).gather(1, labels[:, None]).squeeze(1)
    return ((1 - p) ** recipe.focal * each).sum()


def class_weights(labels: Tensor, recipe: Recipe) -> Tensor | None:
    """Factors of the classes' losses, shape (classes,); None where all are alike.

    Parameters
    ----------
    labels
        Integer, shape (n,): the training half, which ``recipe.balance`` fills up.
    recipe
        ``class_weights`` and ``balance`` are used.

    Examples
    --------
    >>> labels = torch.tensor([0] * 90 + [1] * 10)  # rates 1 : 9, mean (90 * a + 10 * 9 a) / 100
    >>> class_weights(labels, Recipe(balance=0.0, class_weights=1.0)).tolist()
    [0.5555555820465088, 5.0]
    """
    if not recipe.class_weights:
        return None
    drawn = augmentation.target_counts(torch.bincount(labels), recipe.balance).float()
    factors = (drawn.max() / drawn) ** recipe.class_weights
    return factors * drawn.sum() / (factors * drawn).sum()


def fit(
    model: nn.Module,
    beats: NDArray[np.float32],
    labels: NDArray[np.integer],
    recipe: Recipe,
    seed: int = 0,
    out: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    precision: str = "auto",
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Train a model in place; the last epoch's weights are the result.

    Parameters
    ----------
    model
        From :func:`ecgkit.models.build`.
    beats, labels
        Training half: float32 (n, 180) in mV, and integers (n,) from 0 (N) to 3 (F). A model of
        :data:`ecgkit.models.WITH_CONTEXT` takes (n, 180 + k).
    recipe
        Epochs, batch size, step size, balance.
    seed
        Decides order, crops and dropout; the first weights are the caller's.
    out
        Directory for a checkpoint after each epoch; None keeps none.
    resume
        Go on from the checkpoint in ``out``, where there is one.
    device, precision
        See :func:`pick_device` and :func:`pick_precision`.
    evaluate
        Called with the model after each epoch; what it returns joins the epoch's entry. Give it
        validation beats, never the test half.
    progress
        Show a bar.

    Returns
    -------
    One entry an epoch: epoch, mean loss, seconds, and what ``evaluate`` said.

    Raises
    ------
    InputError
        If beats and labels do not fit together or hold NaN or Q, a class is empty, the loss is no
        longer a number, or the checkpoint belongs to another run.
    """
    _check(beats, labels)
    place = pick_device(device)
    dtype = pick_precision(place, precision)
    model.to(place)
    x, y = torch.from_numpy(beats).to(place), torch.from_numpy(labels.astype(np.int64)).to(place)
    draws = augmentation.target_counts(torch.bincount(y), recipe.balance).sum().item()
    weights, n_columns = class_weights(y, recipe), models.n_columns(model)
    steps_per_epoch = math.ceil(draws / recipe.batch)
    steps = steps_per_epoch * recipe.epochs
    optimizer = torch.optim.AdamW(
        model.parameters(),
        recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    scaler = torch.amp.GradScaler(place.type, enabled=dtype == torch.float16)
    rank, world = _place()
    digest = hashlib.sha256(beats.tobytes() + y.numpy(force=True).tobytes()).hexdigest()[:16]
    identity = {"recipe": asdict(recipe), "seed": seed, "beats": digest, "dtype": str(dtype)}
    identity["processes"] = world
    curve: list[dict[str, Any]] = []
    if resume and out is not None and (out / CHECKPOINT).exists():
        curve = checkpoints.restore(out / CHECKPOINT, model, optimizer, scaler, identity, place)
    network: nn.Module = Fast(model)
    if world > 1:
        network = DistributedDataParallel(network)
    for epoch in range(len(curve), recipe.epochs):
        start = time.perf_counter()
        torch.manual_seed(_dropout_seed(seed, epoch, rank))
        model.train()
        total = torch.zeros((), device=place)  # stays on the device: reading it would wait for it
        bar = tqdm(
            _batches(x, y, recipe, seed, epoch, n_columns),
            f"epoch {epoch + 1}/{recipe.epochs}",
            steps_per_epoch,
            disable=not progress,
            leave=False,
        )
        for i, (batch, target) in enumerate(bar):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, epoch * steps_per_epoch + i, steps)
            # Every world-th beat of the batch is this process's; where a last batch is too small
            # for all, one that counts for nothing. The processes' gradients are then averaged.
            mine = slice(rank, None, world) if rank < len(target) else slice(1)
            with _mixed(place, dtype):
                losses = _losses(network, batch[mine], target[mine], recipe, weights)
            losses = losses * (rank < len(target))
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(losses * (world / len(target))).backward()
            scaler.step(optimizer)
            scaler.update()
            total += losses.detach()
        if world > 1:
            distributed.all_reduce(total)
        entry: dict[str, Any] = {"epoch": epoch + 1, "loss": total.item() / draws}
        if not math.isfinite(entry["loss"]):
            raise InputError(
                f"The loss is no longer a number in epoch {epoch + 1}: lower the learning rate "
                f"({recipe.learning_rate:g}) or train in float32."
            )
        entry["seconds"] = round(time.perf_counter() - start, 3)
        if evaluate is not None:
            entry |= evaluate(model)
        curve.append(entry)
        if out is not None and rank == 0:
            checkpoints.save(out / CHECKPOINT, model, optimizer, scaler, identity, curve)
    return curve


def _dropout_seed(seed: int, epoch: int, rank: int) -> int:
    """Seed of an epoch's dropout: its own for each process, whose beats are its own, too.

    A CPU's generator takes the lower 32 bits of a seed alone: the rank has to show in them.
    """
    return seed * 1_000_003 + epoch + rank * 1_234_567_891


def _check(beats: NDArray[np.float32], labels: NDArray[np.integer]) -> None:
    """Refuse a training half that cannot be trained on."""
    if beats.ndim != 2 or labels.shape != (len(beats),) or not len(beats):
        raise InputError(
            f"Beats of shape {beats.shape} and labels of shape {labels.shape} do not make a "
            "training half: it takes (n, 180) and (n,), n at least 1."
        )
    if labels.min() < 0 or labels.max() > 3:
        raise InputError("A label is not in 0 (N) to 3 (F): leave class Q out.")
    if not np.isfinite(beats).all():
        raise InputError("The training half has beats with NaN: find and leave them out.")


def _mixed(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager[Any]:
    """Matrix products in ``dtype``, sums and weights in float32."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


@torch.inference_mode()
def predict(
    model: nn.Module, beats: NDArray[np.float32], batch: int = 1024, progress: bool = False
) -> NDArray[np.float32]:
    """Class probabilities of beats, in float32 on the model's device.

    Parameters
    ----------
    model
        A trained model.
    beats
        Float32, shape (n, 180), in mV; see :func:`fit`.
    batch
        Beats at a time; decides speed and memory, not the result.
    progress
        Show a bar where it takes more than a second.

    Returns
    -------
    Float32, shape (n, 4): probabilities of N, S, V, F.
    """
    model.eval()
    network = Fast(model)
    place = next(model.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(beats, dtype=np.float32))
    batches = tqdm(x.split(batch), "classifying", disable=not progress, delay=1, leave=False)
    parts = [network(part.to(place)).softmax(dim=1).cpu() for part in batches]
    return torch.cat(parts).numpy() if len(x) else np.empty((0, 4), np.float32)
