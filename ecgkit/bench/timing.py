"""The clock, the memory probe, and the work that a network's training step takes."""

from __future__ import annotations

import multiprocessing
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

LEAST_S = 0.2
"""What takes less is done several times in a row and divided, so that the clock's steps and what
else the machine does for a moment do not count."""

MB = 1e6

Seconds = NDArray[np.float64]


def interleaved(
    contenders: Mapping[str, Callable[[], object]], rounds: int, title: str = ""
) -> dict[str, Seconds]:
    """Time contenders in turn, A B A B ..., so that a change of clock hits all of them.

    Parameters
    ----------
    contenders
        Name -> what to time; each is called once or twice beforehand to warm up.
    rounds
        How often each has its turn.
    title
        Of the bar, which is shown where the error output is a terminal.

    Returns
    -------
    Name -> seconds a call, shape (rounds,): one entry a turn.

    Examples
    --------
    >>> found = interleaved({"short": lambda: None, "long": lambda: sum(range(10_000))}, rounds=3)
    >>> found["long"].shape, times_as_fast(found["short"], found["long"]) > 1
    ((3,), True)
    """
    repeats = {name: _repeats(call) for name, call in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in tqdm(range(rounds), title, disable=None, leave=False):
        for name, call in contenders.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            seconds[name].append((time.perf_counter() - start) / repeats[name])
    return {name: np.array(values) for name, values in seconds.items()}


def _repeats(call: Callable[[], object]) -> int:
    """Warm up, and say how many calls in a row fill the least time worth measuring."""
    for _ in range(2):
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        if seconds >= LEAST_S:
            break
    return max(1, round(min(LEAST_S / max(seconds, 1e-9), 1000)))


def times_as_fast(ours: Seconds, theirs: Seconds) -> float:
    """Return the median over the rounds of how many times as long the other took."""
    return float(np.median(theirs / ours))


def milliseconds(seconds: Seconds) -> float:
    """Return the median over the rounds in ms."""
    return float(np.median(seconds)) * 1e3


# Memory


def peak_mb() -> float:
    """Most memory that this process has had at once, in MB (10^6 bytes).

    Linux says it in ``/proc/self/status``. Its ``getrusage`` would not do: a new process begins
    there with the most that the one which started it had.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii")
        if said := re.search(r"VmHWM:\s*(\d+) kB", status):
            return int(said[1]) * 1024 / MB
    except OSError:  # no Linux
        pass
    import resource  # not on Windows, where the book runs under Linux's subsystem

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / MB


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> tuple[Any, dict[str, float]]:
    """Run a function of a module in a Python of its own, whose memory is then its alone.

    Parameters
    ----------
    function, arguments
        What to call, and with what; both are pickled, as is what it returns.

    Returns
    -------
    What it returned; and ``{"peak_mb", "baseline_mb"}``, the most memory of the process in the end
    and when all was imported. It has as many threads as this process.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_watched, torch.get_num_threads(), function, arguments).result()


def _watched(
    threads: int, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Any, dict[str, float]]:
    torch.set_num_threads(threads)
    before = peak_mb()
    result = function(*arguments)
    return result, {"peak_mb": peak_mb(), "baseline_mb": before}


# Work


def flop_per_beat(network: nn.Module) -> tuple[float, float]:
    """Count the floating-point operations of a network in training, for one beat.

    Parameters
    ----------
    network
        A plain one of :mod:`ecgkit.models`; turns (b, 180) beats into logits.

    Returns
    -------
    Forward, and forward and backward. Counted are convolutions and matrix products as the network
    is written, two operations (multiply, add) a multiplication. Backward takes those of forward
    twice, for the gradients of weights and of inputs, less the first layer's, whose input needs
    none. ReLU, batch norm, dropout and the optimizer count for nothing.

    Examples
    --------
    >>> flop_per_beat(nn.Linear(180, 4))     # 180 x 4 multiplications, and as many for the weights
    (1440.0, 2880.0)
    """
    place = next(network.parameters()).device
    beats, labels = (
        torch.zeros(2, 180, device=place),
        torch.zeros(2, dtype=torch.long, device=place),
    )
    with FlopCounterMode(display=False) as counter:
        logits = network.train()(beats)
        forward = counter.get_total_flops() / 2
        F.cross_entropy(logits, labels).backward()
    network.zero_grad()
    return forward, counter.get_total_flops() / 2


class Traffic(TorchDispatchMode):
    """Counts the bytes that torch's operations read and write while it is entered.

    Every operation counts what it is given and what it gives, once each, as if nothing stayed in a
    cache; views move nothing.

    Examples
    --------
    >>> with Traffic() as traffic:
    ...     _ = torch.ones(1000) + torch.ones(1000)  # two written; two read and one written
    >>> traffic.bytes
    20000
    """

    def __init__(self) -> None:
        """Begin at zero."""
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Do an operation and count it."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view and "empty" not in func.__name__:
            touched = [x for x in tree_leaves((args, kwargs, result)) if torch.is_tensor(x)]
            self.bytes += sum(x.numel() * x.element_size() for x in touched)
        return result


def multiply(n: int, dtype: torch.dtype, device: str | torch.device = "cpu") -> Callable[[], None]:
    """Return a call that multiplies two n x n matrices, the rate that limits a network.

    It takes 2 n^3 operations.
    """
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(a)

    def call() -> None:
        torch.mm(a, b, out=product)
        synchronize(a.device)

    return call


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done what it was told; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
