"""Checkpoints of a training: weights, Adam's moments and the curve so far, as safetensors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ecgkit import InputError, files

CHECKPOINT = "checkpoint.safetensors"


def write_safetensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write tensors and text beside them to a file, whole or not at all."""
    cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with files.whole(path) as draft:
        save_file(cpu, draft, about)


def save(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    identity: dict[str, Any],
    curve: list[dict[str, Any]],
) -> None:
    """Write a checkpoint: weights, Adam's moments, and the curve so far."""
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{k}": v for k, v in moments.items()}
    about = {"identity": identity, "curve": curve, "scaler": scaler.state_dict()}
    write_safetensors(path, tensors, {k: json.dumps(v) for k, v in about.items()})


def restore(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    identity: dict[str, Any],
    device: torch.device,
) -> list[dict[str, Any]]:
    """Read a checkpoint back into place and return the curve so far."""
    try:
        tensors = load_file(path, device=str(device))
        with safetensors.safe_open(path, "pt") as file:
            about = {k: files.parse_json(v) for k, v in (file.metadata() or {}).items()}
    except (safetensors.SafetensorError, ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{path} is no checkpoint, or a damaged one ({error}). Delete it and train anew."
        ) from error
    if about.get("identity") != identity:
        raise InputError(
            f"{path} belongs to another run (recipe, seed, data or precision differ). Give the "
            "same settings, or another directory."
        )
    try:
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model/")})
    except RuntimeError as error:
        raise InputError(
            f"{path} holds another model. Give the same one, or another directory."
        ) from error
    try:
        _restore_optimizer(optimizer, tensors)
        scaler.load_state_dict(about["scaler"])
        epochs = [entry["epoch"] for entry in about["curve"]]
        numbers = all(math.isfinite(entry["loss"] + entry["seconds"]) for entry in about["curve"])
        if epochs != list(range(1, len(epochs) + 1)) or not numbers:
            raise ValueError("its curve is none")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} is a damaged checkpoint ({error}). Delete it and train anew."
        ) from error
    return about["curve"]


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put Adam's step and two moments back beside each weight; KeyError or ValueError if unfit."""
    state: dict[int, dict[str, Tensor]] = {}
    groups = optimizer.param_groups
    for i, weight in enumerate(weight for group in groups for weight in group["params"]):
        state[i] = {k: tensors[f"optimizer/{i}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")}
        if not state[i]["exp_avg"].shape == state[i]["exp_avg_sq"].shape == weight.shape:
            raise ValueError("Adam's moments do not fit the weights")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
