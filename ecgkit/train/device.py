"""Where and in which number format training runs, and how the answer is recorded."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version

import torch
from torch import distributed

from ecgkit import InputError, __version__

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(name: str = "auto") -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ... into a device; InputError if it is not here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"There is no device {name!r} here ({why}): use cpu, or auto.") from error
    return torch.device(name)


def pick_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """Turn ``"auto"`` or a name into the number format of the matrix products.

    ``"auto"`` is bfloat16 where the chip has a matrix unit for it: GPUs from Ampere on (a T4
    emulates it) and CPUs with AMX. Else it is float16 on GPUs and float32 on CPUs, where the
    results are then the same on every CPU but for rounding. A CPU that has AVX-512 BF16 only
    trains faster in bfloat16, too (1.6 to 1.7 times on a Zen 4), if asked for it by name.
    """
    if name == "auto" and device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if name == "auto":
        has_amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
        return torch.bfloat16 if has_amx else torch.float32
    if name not in PRECISIONS or (name == "float16" and device.type != "cuda"):
        raise InputError(f"No precision {name!r} on {device.type}: use auto, float32 or bfloat16.")
    return PRECISIONS[name]


@contextlib.contextmanager
def join_processes() -> Iterator[None]:
    """Join the processes that ``torchrun`` started, if it did, for the time of the block."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group()
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank_and_world() -> tuple[int, int]:
    """This process's number, and of how many that train together: (0, 1) without torchrun."""
    joined = distributed.is_available() and distributed.is_initialized()
    return (distributed.get_rank(), distributed.get_world_size()) if joined else (0, 1)


def describe_device(device: torch.device) -> str:
    """Name the processor that a run used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)} ({platform.machine()})"


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {"ecgkit": __version__, "python": platform.python_version(), "torch": torch.__version__}
    return found | {name: version(name) for name in ("numpy", "scikit-learn")}
