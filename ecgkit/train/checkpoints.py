"""Checkpoints of a training run: weights, Adam's moments and the curve so far, as safetensors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ecgkit import InputError
from ecgkit.files import atomic_write, parse_json

CHECKPOINT = "checkpoint.safetensors"


def write_safetensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write tensors and text to a file, all or nothing."""
    cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_write(path) as draft:
        save_file(cpu, draft, about)


def save(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    identity: dict[str, Any],
    curve: list[dict[str, Any]],
) -> None:
    """Write a checkpoint of a run whose settings are ``identity``."""
    tensors = {f"model/{k}": v for k, v in network.state_dict().items()}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{k}": v for k, v in moments.items()}
    about = {"identity": identity, "curve": curve, "scaler": scaler.state_dict()}
    write_safetensors(path, tensors, {k: json.dumps(v) for k, v in about.items()})


def restore(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    identity: dict[str, Any],
) -> list[dict[str, Any]]:
    """Read a checkpoint back into network and optimizer and return the curve so far.

    Raises
    ------
    InputError
        If the file is damaged, or belongs to a run of other settings.
    """
    device = next(network.parameters()).device
    try:
        tensors = load_file(path, device=str(device))
        with safetensors.safe_open(path, "pt") as file:
            about = {k: parse_json(v) for k, v in (file.metadata() or {}).items()}
    except (safetensors.SafetensorError, ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{path} is no checkpoint, or a damaged one ({error}). Delete it and train again."
        ) from error
    if about.get("identity") != identity:
        raise InputError(
            f"{path} belongs to another run (recipe, seed, data or precision differ). Give the "
            "same settings, or another directory."
        )
    weights = {k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"{path} holds another network. Give the same one, or another directory."
        ) from error
    try:
        _restore_optimizer(optimizer, tensors)
        scaler.load_state_dict(about["scaler"])
        curve = about["curve"]
        epochs = [entry["epoch"] for entry in curve]
        finite = all(math.isfinite(entry["loss"] + entry["seconds"]) for entry in curve)
        if epochs != list(range(1, len(epochs) + 1)) or not finite:
            raise ValueError("its curve is not one")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} is a damaged checkpoint ({error}). Delete it and train again."
        ) from error
    return curve


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put Adam's step and two moments back; KeyError or ValueError if they do not fit."""
    state: dict[int, dict[str, Tensor]] = {}
    groups = optimizer.param_groups
    for i, weight in enumerate(weight for group in groups for weight in group["params"]):
        state[i] = {k: tensors[f"optimizer/{i}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")}
        if not state[i]["exp_avg"].shape == state[i]["exp_avg_sq"].shape == weight.shape:
            raise ValueError("Adam's moments do not fit the weights")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
