"""A training step as a CUDA graph: one launch starts its kernels, where Python starts hundreds."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor


def can_record(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a step can be a CUDA graph: not in float16, whose loss scale leaves steps out."""
    return device.type == "cuda" and dtype != torch.float16


class GraphedStep:
    """A training step that runs as it is three times, is recorded, and from then on is replayed.

    ``step(*inputs)`` trains on a batch and returns its loss, a number on the device. It
    must not read from the device, and what changes from step to step, such as the learning rate,
    must lie there in tensors that stay. Inputs of other shapes than the first, such as those of a
    last, smaller batch, run as they are; so do all if recording fails, and a warning says so.

    See `CUDA graphs <https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs>`_.
    """

    def __init__(self, step: Callable[..., Tensor]) -> None:
        self.step = step
        self.stream = torch.cuda.Stream()  # a graph cannot be recorded on the default one
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm_up = 3  # libraries set up their buffers first
        self.inputs: list[Tensor] = []
        self.loss = torch.empty(0)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Make one step; the next one overwrites the loss that is returned."""
        if not self.inputs:
            self.inputs = [given.clone() for given in inputs]
        whole = [t.shape for t in inputs] == [t.shape for t in self.inputs]
        if whole and self.warm_up == 0:
            self._record()
        self.warm_up -= whole
        if whole and self.graph is not None:
            for kept, given in zip(self.inputs, inputs, strict=True):
                kept.copy_(given)
            self.graph.replay()
            return self.loss
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            loss = self.step(*inputs)
        torch.cuda.current_stream().wait_stream(self.stream)
        return loss

    def _record(self) -> None:
        """Record the step's kernels; they do not run."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.loss = self.step(*self.inputs)
            self.graph = graph
        except RuntimeError as error:
            why = str(error).partition("\n")[0]
            warnings.warn(f"Training runs without a CUDA graph: {why}", stacklevel=4)
