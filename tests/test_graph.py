"""A recorded training step replays to the same weights, on a CPU that plays the GPU's part."""

import contextlib
from dataclasses import replace

import pytest
import torch
from test_training import (
    OURS,
    PAPER,
    assert_same_weights,
    cut_off_after,
    losses,
    make_network,
    train,
    weights,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from ecgkit.train import fit
from ecgkit.train.graph import can_record

SHORT = replace(PAPER, learning_rate=2**-13)  # the graph's is a float32, which this number fits


def tensors(of):
    return [value for value in tree_iter(of) if isinstance(value, torch.Tensor)]


class Recording(TorchDispatchMode):
    """What a CUDA graph is: operations on fixed memory that recording leaves as it was."""

    def __init__(self):
        super().__init__()
        self.calls, self.before, self.replays = [], [], 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        if func._schema.is_mutable or "batch_norm" in func.name():  # its schema hides the means
            self.before += [(t, t.clone()) for t in tensors((args, kwargs))]
        result = func(*args, **kwargs)
        self.calls.append((func, args, kwargs, result))
        return result

    def replay(self):
        self.replays += 1
        with torch.no_grad():
            for func, args, kwargs, result in self.calls:
                for old, new in zip(tensors(result), tensors(func(*args, **kwargs)), strict=True):
                    old.detach().copy_(new)


@pytest.fixture
def recordings(monkeypatch):
    """The graphs that were recorded."""
    made = []

    @contextlib.contextmanager
    def record(graph, stream):
        made.append(graph)
        state = torch.get_rng_state()
        try:
            with graph:
                yield
        finally:
            with torch.no_grad():
                for tensor, value in reversed(graph.before):
                    tensor.detach().copy_(value)
            torch.set_rng_state(state)

    class Stream:
        def wait_stream(self, other):
            pass

    monkeypatch.setattr(fit, "can_record", lambda device, dtype: True)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recording)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "graph", record)
    return made


# 4 x 24 draws in batches of 32: 3 steps, all whole. Ours: 24 + 12 + 15 + 11 in 24s: 2, and a rest.
@pytest.mark.parametrize(("recipe", "replays"), [(SHORT, 4 * 3 - 3), (OURS, 4 * 2 - 3)])
def test_a_recorded_step_gives_the_losses_and_weights_of_the_plain_one(
    recordings, recipe, replays, tmp_path
):
    plain, recorded, resumed = make_network(), make_network(), make_network(seed=99)
    expected = losses(train(plain, recipe, graph=False))
    assert not recordings
    assert losses(train(recorded, recipe)) == pytest.approx(expected, rel=1e-5)
    assert [graph.replays for graph in recordings] == [replays]
    cut_off_after(2, tmp_path, recipe)
    train(resumed, recipe, out=tmp_path, resume=True)
    assert_same_weights(weights(resumed), weights(recorded))


def test_a_step_that_cannot_be_recorded_runs_as_it_is_and_a_warning_says_so(
    recordings, monkeypatch
):
    expected, reads = losses(train(make_network(), SHORT, graph=False)), fit.loss
    monkeypatch.setattr(fit, "loss", lambda *given: reads(*given) + 0 * reads(*given).item())
    with pytest.warns(UserWarning, match="without a CUDA graph: operation not permitted"):
        assert losses(train(make_network(), SHORT)) == pytest.approx(expected, rel=1e-5)
    assert [graph.replays for graph in recordings] == [0]


def test_a_cpu_records_nothing_and_a_gpu_only_what_needs_no_loss_scale():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert can_record(gpu, torch.bfloat16)
    assert not can_record(gpu, torch.float16)
    assert not can_record(cpu, torch.bfloat16)
