"""The clock, the memory probe, and the operations that a network takes."""

import multiprocessing
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

SHORTEST_S = 0.2  # shorter calls are repeated until they take this long together

Seconds = NDArray[np.float64]


def interleaved(
    contenders: Mapping[str, Callable[[], object]], rounds: int, title: str = ""
) -> dict[str, Seconds]:
    """Time contenders in turn, A B A B ..., so that a change of clock rate hits all of them.

    Each has ``rounds`` turns, which warm up and repeat short calls; the result is seconds per call.
    """
    how: dict[str, Any] = {"stmt": "call()", "num_threads": torch.get_num_threads()}
    timers = {name: Timer(globals={"call": call}, **how) for name, call in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in tqdm(range(rounds), title, disable=None, leave=False):
        for name, timer in timers.items():
            seconds[name].append(timer.blocked_autorange(min_run_time=SHORTEST_S).median)
    return {name: np.array(values) for name, values in seconds.items()}


def speedup(ours: Seconds, theirs: Seconds) -> float:
    """Median over the turns of how many times as long the other took."""
    return float(np.median(theirs / ours))


def milliseconds(seconds: Seconds) -> float:
    """Median over the turns, in ms."""
    return float(np.median(seconds)) * 1e3


def peak_mb() -> float:
    """Most memory that this process has had at once, in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, whose getrusage begins with the peak of the starting process
        return int(status.read_text("ascii").split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    import resource  # not on Windows, where the book runs under its Linux subsystem

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> tuple[Any, dict[str, float]]:
    """Call a module's function in a Python of its own; ``baseline_mb`` is from before the call."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, torch.get_num_threads(), function, arguments).result()


def _measured(
    threads: int, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Any, dict[str, float]]:
    torch.set_num_threads(threads)
    baseline = peak_mb()
    result = function(*arguments)
    return result, {"peak_mb": peak_mb(), "baseline_mb": baseline}


def flop_per_beat(network: nn.Module) -> tuple[float, float]:
    """Count the operations per beat of a network's convolutions and matrix products.

    Of a forward pass, and of training, which adds a backward pass of twice as many, less the
    gradient of the beat itself. A multiplication and its addition are two operations.

    >>> flop_per_beat(nn.Linear(180, 4))  # 180 x 4 multiplications, and as many for the weights
    (1440.0, 2880.0)
    """
    device = next(network.parameters()).device
    x = torch.zeros(2, 180, device=device)
    with FlopCounterMode(display=False) as counter:
        logits = network.train()(x)
        forward = counter.get_total_flops() / 2
        F.cross_entropy(logits, torch.zeros(2, dtype=torch.long, device=device)).backward()
    network.zero_grad()
    return forward, counter.get_total_flops() / 2


def matrix_product(
    n: int, dtype: torch.dtype, device: str | torch.device = "cpu"
) -> Callable[[], None]:
    """Make a call that multiplies two n x n matrices in 2 n^3 operations: a network's limit."""
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(a)

    def call() -> None:
        torch.mm(a, b, out=product)
        if product.is_cuda:
            torch.cuda.synchronize(a.device)

    return call
