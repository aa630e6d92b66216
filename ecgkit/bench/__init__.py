"""The benchmark: each figure beside its peer or its limit, measured in the same run.

``timing`` holds the clock and the memory probe; ``networks`` measures training and inference on the
CPU, ``recordings`` the way from files to beats and from a day of ECG to labels, ``gpu`` training
there; ``report`` sets the figures beside their goals. What each key of a part means is said where
it is measured.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ecgkit import InputError, experiments
from ecgkit.bench import gpu, networks, recordings
from ecgkit.bench.report import table

__all__ = ["PARTS", "machine", "run", "table"]

PARTS: dict[str, Callable[[], dict[str, Any] | None]] = {
    "train": networks.train,
    "infer": networks.infer,
    "prepare": recordings.prepare,
    "day": recordings.day,
    "gpu": gpu.train,
}

PACKAGES = ("scipy", "PyWavelets", "wfdb", "sleepecg")
"""What the figures depend on beside what every run's record names."""


def run(only: str | None = None) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Measure all parts, or one, and name the machine.

    Parameters
    ----------
    only
        A key of :data:`PARTS`; None runs all, which takes a few minutes on two cores.

    Yields
    ------
    Name of a part and its figures, rounded to four digits, each as soon as it is measured; last
    ``"machine"``. The part ``gpu`` is None where there is no CUDA device.

    Raises
    ------
    InputError
        If there is no such part.
    """
    if only is not None and only not in PARTS:
        raise InputError(f"There is no part {only!r} to measure: use one of {', '.join(PARTS)}.")
    for name in PARTS if only is None else (only,):
        yield name, _rounded(PARTS[name]())
    yield "machine", machine()


def machine() -> dict[str, Any]:
    """Name the processor, the number of threads and the versions that figures depend on."""
    further = {name: metadata.version(name) for name in PACKAGES}
    return {
        "cpu": _cpu(),
        "vector_units": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {**experiments.versions(), **further},
    }


def _cpu() -> str:
    """Name the processor as the system does."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # no Linux
        pass
    if platform.system() == "Darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if said:
            return said
    return platform.processor() or platform.machine()


def _rounded(figures: Any) -> Any:
    """Round all numbers in nested dictionaries and lists to four digits; more is noise."""
    if isinstance(figures, dict):
        return {key: _rounded(value) for key, value in figures.items()}
    if isinstance(figures, list):
        return [_rounded(value) for value in figures]
    return float(f"{figures:.4g}") if isinstance(figures, float) else figures
