"""The benchmark: each number beside a peer or a limit that is measured in the same run."""

import pkgutil
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ecgbook.bench import networks
from ecgkit import InputError
from ecgkit.train.device import versions

PARTS = {
    "train": "networks:train",
    "infer": "networks:infer",
    "prepare": "recordings:prepare",
    "day": "recordings:day",
    "gpu": "networks:train_on_gpu",
}
"""Names, because ``recordings`` imports signal tools, which a machine for training may lack."""

# For two idle cores, MIT-BIH, and one H200.
GOALS: dict[tuple[str, str], tuple[str, float]] = {
    ("train", "tcn_vs_dense"): ("at least", 15),
    ("train", "model_vs_dense"): ("at least", 10),
    ("infer", "model_vs_dense"): ("at least", 16),
    ("prepare", "cold_s"): ("at most", 2),
    ("prepare", "cached_s"): ("at most", 0.2),
    ("day", "seconds"): ("at most", 30),
    ("day", "peak_mb"): ("at most", 1000),
    **{("gpu", f"batch_{b}.paper_s"): ("at most", 60) for b in networks.BATCHES},
}


def run(only: str | None = None) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Measure all parts, or one, and last name the machine; InputError if there is no such part."""
    if only is not None and only not in PARTS:
        raise InputError(f"There is no part {only!r} to measure: use one of {', '.join(PARTS)}.")
    for name in PARTS if only is None else (only,):
        yield name, pkgutil.resolve_name(f"ecgbook.bench.{PARTS[name]}")()
    yield "machine", machine()


def machine() -> dict[str, Any]:
    """Name the processor, the number of threads and the versions that the numbers depend on."""
    info = Path("/proc/cpuinfo")
    found = re.search("model name.*: (.*)", info.read_text("utf-8")) if info.is_file() else None
    cpu = found[1] if found else platform.processor() or platform.machine()
    return {"cpu": cpu, "threads": torch.get_num_threads(), "versions": versions()}


def table(part: str, measured: dict[str, Any] | None) -> str:
    """Write a part as :func:`run` yields it as text, each number beside its goal."""
    if measured is None:
        return f"{part}: no CUDA device"
    lines = [part]
    for key, value in pd.json_normalize(measured).iloc[0].items():
        lines.append(f"  {key:24} {f'{value:,.6g}' if isinstance(value, float) else value}")
        if (part, key) in GOALS and measured.get("source", "mitdb") == "mitdb":
            bound, goal = GOALS[part, key]
            met = value <= goal if bound == "at most" else value >= goal
            lines[-1] += f"  (goal: {bound} {goal:g}; {'met' if met else 'missed'})"
    return "\n".join(lines)
