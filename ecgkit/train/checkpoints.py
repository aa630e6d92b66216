"""Checkpoints of a training run: weights, Adam's moments and the curve so far, as safetensors."""

from __future__ import annotations

import json
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
    """Read a checkpoint back and return the curve; InputError if damaged or of another run."""
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
        state: dict[int, dict[str, Tensor]] = {}
        for i, weight in enumerate(w for group in optimizer.param_groups for w in group["params"]):
            moments = {k: tensors[f"optimizer/{i}/{k}"] for k in ("exp_avg", "exp_avg_sq")}
            if any(moment.shape != weight.shape for moment in moments.values()):
                raise ValueError("Adam's moments do not fit the weights")
            state[i] = {"step": tensors[f"optimizer/{i}/step"], **moments}
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        scaler.load_state_dict(about["scaler"])
        curve: list[dict[str, Any]] = about["curve"]
        if [entry["epoch"] for entry in curve] != list(range(1, len(curve) + 1)):
            raise ValueError("its curve has gaps")
        sum(entry["loss"] + entry["seconds"] for entry in curve)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} is a damaged checkpoint ({error}). Delete it and train again."
        ) from error
    return curve
