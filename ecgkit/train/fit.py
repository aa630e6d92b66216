"""Training: one loop for CPU and GPU, mixed precision, checkpoints and exact resume.

The beats (72 MB) stay on the device, where they are sampled and augmented. Each epoch draws its
random numbers from the run's seed and its own number: a run that is resumed after its last complete
epoch ends in the same weights as one that was never cut off.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW
from tqdm import tqdm

from ecgkit import InputError
from ecgkit.nn.fast import fast, fold_norms
from ecgkit.train import checkpoints
from ecgkit.train.augmentation import disturb, epoch_order, random_crops, target_counts
from ecgkit.train.checkpoints import CHECKPOINT
from ecgkit.train.device import pick_device, pick_precision
from ecgkit.train.graph import GraphedStep, can_record
from ecgkit.train.recipe import Recipe, class_weights, learning_rate, loss

Features = NDArray[np.float32] | None


@dataclass(frozen=True)
class Epoch:
    """One epoch: its number, mean loss per beat drawn, seconds, and what ``evaluate`` returned."""

    epoch: int
    loss: float
    seconds: float
    scores: dict[str, float] = field(default_factory=dict)


def fit(
    network: nn.Module,
    signals: NDArray[np.float32],
    labels: NDArray[np.integer],
    recipe: Recipe,
    *,
    features: Features = None,
    seed: int = 0,
    out: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    precision: str = "auto",
    graph: bool = True,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    progress: bool = False,
) -> list[Epoch]:
    """Train a network in place; the last epoch's weights are the result.

    It is an InputError if the training half does not fit together, has missing values, class Q or
    no beat of a class before its last, if the loss becomes infinite, or if the checkpoint belongs
    to another run.

    Parameters
    ----------
    network : nn.Module
        Called with signals and, if given, features; ``each=True`` asks for logits per branch.
    signals, labels, features : ndarray of float32 (n, 180), of int (n,), of float32 (n, k) or None
        Training half; labels from 0 (N) to 3 (F). Features are not augmented.
    seed : int, of order, crops and dropout; the first weights are the caller's
    out, resume : Path, optional, and bool
        Directory for a checkpoint after each epoch; go on from the one there.
    device, precision : str, see :mod:`ecgkit.train.device`
    graph : bool, whether the step may be recorded, see :mod:`ecgkit.train.graph`
    evaluate : callable, optional
        Called with the network after each epoch, for its entry. Never give it the test half.
    """
    _check(signals, labels, features)
    place = pick_device(device)
    dtype = pick_precision(place, precision)
    network.to(place)
    x, y = torch.from_numpy(signals).to(place), torch.from_numpy(labels.astype(np.int64)).to(place)
    z = None if features is None else torch.from_numpy(features).to(place)
    draws = int(target_counts(torch.bincount(y), recipe.balance).sum())
    weights = class_weights(y, recipe)
    steps_per_epoch = math.ceil(draws / recipe.batch)
    graph = graph and can_record(place, dtype)
    how: dict[str, Any] = {"weight_decay": recipe.weight_decay, "fused": True, "capturable": graph}
    optimizer = AdamW(network.parameters(), **how)
    rate = torch.empty((), device=place)  # a graph reads it from the device
    scaler = torch.amp.GradScaler(place.type, enabled=dtype == torch.float16)
    digest = hashlib.sha256(signals.tobytes() + y.numpy(force=True).tobytes())
    digest.update(b"" if features is None else features.tobytes())
    identity = {"recipe": asdict(recipe), "seed": seed, "beats": digest.hexdigest()[:16]}
    identity |= {"network": repr(network), "dtype": str(dtype)}
    curve: list[Epoch] = []
    if resume and out is not None and (out / CHECKPOINT).exists():
        entries = checkpoints.restore(out / CHECKPOINT, network, optimizer, scaler, identity)
        curve = [Epoch(**entry) for entry in entries]
    each = {"each": True} if recipe.each_branch else {}

    def make_step(*inputs: Tensor) -> Tensor:
        """Train on a batch; the sum of its losses, ()."""
        *values, target = inputs
        with fast(place), torch.autocast(place.type, dtype, enabled=dtype != torch.float32):
            logits = network(*values, **each).float()
        losses = loss(logits, target, recipe, weights)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(losses / len(target)).backward()
        scaler.step(optimizer)
        scaler.update()
        return losses.detach()

    step = GraphedStep(make_step) if graph else make_step
    for epoch in range(len(curve), recipe.epochs):
        start = time.perf_counter()
        torch.manual_seed(seed * 1_000_003 + epoch)
        network.train()
        total = torch.zeros((), device=place)  # stays on the device: reading it would wait for it
        batches = _batches(x, z, y, recipe, seed, epoch)
        name = f"epoch {epoch + 1}/{recipe.epochs}"
        bar = tqdm(batches, name, steps_per_epoch, disable=not progress, leave=False)
        for i, batch in enumerate(bar):
            done = epoch * steps_per_epoch + i
            now = learning_rate(recipe, done, steps_per_epoch * recipe.epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate.fill_(now) if graph else now
            total += step(*batch)
        mean_loss = total.item() / draws
        if not math.isfinite(mean_loss):
            raise InputError(f"The loss of {name} is {mean_loss}: lower the learning rate.")
        seconds = round(time.perf_counter() - start, 3)
        curve.append(Epoch(epoch + 1, mean_loss, seconds, evaluate(network) if evaluate else {}))
        if out is not None:
            about = {"identity": identity, "curve": [asdict(entry) for entry in curve]}
            checkpoints.save(out / CHECKPOINT, network, optimizer, scaler, about)
    return curve


def _batches(
    x: Tensor, z: Tensor | None, y: Tensor, recipe: Recipe, seed: int, epoch: int
) -> Iterator[list[Tensor]]:
    """One epoch's augmented batches: signals (b, n), features (b, k) if any, labels (b,)."""
    generator = torch.Generator(x.device).manual_seed(seed * 1_000_003 + epoch)
    rows, is_copy = epoch_order(y, generator, recipe.balance)
    for chosen, copy in zip(rows.split(recipe.batch), is_copy.split(recipe.batch), strict=True):
        batch = x[chosen]  # (b, n)
        crops = random_crops(batch, generator, recipe.shortest_crop)
        if recipe.cropped_originals:
            drawn = torch.rand(len(batch), device=x.device, generator=generator)
            copy = copy | (drawn < recipe.cropped_originals)
        batch = torch.where(copy[:, None], crops, batch)
        if recipe.gain or recipe.noise_mv:
            batch = disturb(batch, generator, recipe.gain, recipe.noise_mv)
        yield [batch, y[chosen]] if z is None else [batch, z[chosen], y[chosen]]


def _check(signals: NDArray[np.float32], labels: NDArray[np.integer], z: Features) -> None:
    """Refuse a training half that cannot be trained on."""
    if signals.ndim != 2 or labels.shape != (len(signals),) or not len(signals):
        raise InputError(f"Beats {signals.shape} and labels {labels.shape}: give (n, 180), (n,).")
    if labels.min() < 0 or labels.max() > 3:
        raise InputError("A label is not in 0 (N) to 3 (F): leave class Q out.")
    if missing := [name for c, name in enumerate("NSVF"[: labels.max()]) if c not in labels]:
        raise InputError(f"No beat of class {', '.join(missing)} to train on: take more records.")
    if z is not None and (z.ndim != 2 or len(z) != len(signals)):
        raise InputError(f"Features of shape {z.shape} do not belong to {len(signals)} beats.")
    if not np.isfinite(signals).all() or not (z is None or np.isfinite(z).all()):
        raise InputError("The training half has beats with missing values: leave them out.")


@torch.inference_mode()
def predict(
    network: nn.Module,
    signals: NDArray[np.float32],
    features: Features = None,
    batch: int = 256,
    progress: bool = False,
) -> NDArray[np.float32]:
    """Class probabilities of beats, float32 of shape (n, 4), on the network's device.

    Beats have shape (n, 180), features (n, k). ``batch`` decides speed and memory, not the result.
    """
    if features is not None and len(features) != len(signals):
        raise InputError(f"{len(features)} rows of features do not belong to {len(signals)} beats.")
    if not np.isfinite(signals).all():
        raise InputError("A beat has missing or infinite values: leave it out.")
    network.eval()
    place = next(iter(network.state_dict().values())).device  # trees have no parameters
    folded = fold_norms(network) if len(signals) > 256 else network
    both = [np.ascontiguousarray(v, np.float32) for v in (signals, features) if v is not None]
    parts, starts = [torch.empty(0, 4)], range(0, len(signals), batch)
    for i in tqdm(starts, "classifying", disable=not progress, delay=1, leave=False):
        inputs = [torch.from_numpy(values[i : i + batch]).to(place) for values in both]
        with fast(place):
            parts.append(folded(*inputs).softmax(dim=1).cpu())
    return torch.cat(parts).numpy()
