"""Checkpoints of a training run: weights, Adam's moments and the curve so far, as safetensors."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from ecgkit import InputError
from ecgkit.files import atomic_write, parse_json

CHECKPOINT = "checkpoint.safetensors"


def write_safetensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors, and what is known about them as JSON, to a file, all or nothing."""
    cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_write(path) as draft:
        save_file(cpu, draft, {name: json.dumps(value) for name, value in about.items()})


def save(
    path: Path, network: nn.Module, optimizer: Optimizer, scaler: GradScaler, about: dict[str, Any]
) -> None:
    """Write a checkpoint; ``about`` holds the ``identity`` of the run and its ``curve``."""
    tensors = {f"model/{k}": v for k, v in network.state_dict().items()}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{k}": v for k, v in moments.items()}
    write_safetensors(path, tensors, {**about, "scaler": scaler.state_dict()})


def restore(
    path: Path, network: nn.Module, optimizer: Optimizer, scaler: GradScaler, identity: Any
) -> list[dict[str, Any]]:
    """Read a checkpoint back and return the curve; InputError if damaged or of another run."""
    try:
        tensors = load_file(path, device=str(next(network.parameters()).device))
        with safe_open(path, "pt") as file:
            about = {k: parse_json(v) for k, v in (file.metadata() or {}).items()}
        if about["identity"] != identity:
            raise ValueError("recipe, seed, data or precision differ")
        network.load_state_dict({k: tensors[f"model/{k}"] for k in network.state_dict()})
        state: dict[int, dict[str, Tensor]] = {}
        for i, _ in enumerate(network.parameters()):
            state[i] = {k: tensors[f"optimizer/{i}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")}
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        scaler.load_state_dict(about["scaler"])
        curve: list[dict[str, Any]] = about["curve"]
    except (SafetensorError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise InputError(
            f"{path} is damaged or of another run ({why}): delete it, or give another directory."
        ) from error
    return curve
