"""Where and in which number format training runs, and how the answer is recorded."""

import platform
from importlib.metadata import version

import torch

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
