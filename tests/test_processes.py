"""Two processes under torchrun train as one does with the same batch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from ecgkit.nn.models import TCN, ResNet, ResNetTCN
from ecgkit.train.device import join_processes, rank_and_world
from ecgkit.train.fit import fit
from ecgkit.train.recipe import Recipe

pytestmark = pytest.mark.slow

# 24 + 6 + 9 + 5 beats make 96 draws. Batches of 31: the last one holds 3, of which one process gets
# two and the other one. Of 19: their own 19 are uneven. Of 95: the last one is a single beat, and
# the second process gets nothing.
CASES = (("tcn", 31), ("tcn", 19), ("tcn", 95), ("resnet", 96))


def train(branch, batch, out):
    """Three epochs of a small network without dropout; losses and weights into a file."""
    torch.manual_seed(0)
    network = ResNetTCN(tcn=TCN((4, 16), dropout=0.0)) if branch == "tcn" else ResNetTCN(ResNet())
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(4), (24, 6, 9, 5)))
    beats = rng.normal(size=(44, 180)).astype(np.float32) + labels[:, None].astype(np.float32)
    recipe = Recipe(epochs=3, batch=batch, learning_rate=3e-4)
    curve = fit(network, beats, labels, recipe, device="cpu", precision="float32")
    if rank_and_world()[0] == 0:
        weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        losses = np.array([epoch.loss for epoch in curve])
        save_file({"losses": losses, **weights}, out / f"{branch}-{batch}")


def train_all(out):
    with join_processes():
        for branch, batch in CASES:
            train(branch, batch, out)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Losses and weights of each case, made by one process and by two."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    train_all(one)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    subprocess.run(
        [sys.executable, *torchrun, __file__, str(two)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=True,
    )
    return lambda case: [load_file(folder / case) for folder in (one, two)]


@pytest.mark.parametrize("case", ["tcn-31", "tcn-19", "tcn-95"])
def test_losses_and_weights_are_those_of_one_process(both, case):
    one, two = both(case)
    assert one.keys() == two.keys()
    # The sums are taken in another order, and Adam divides by gradients' sizes, however small.
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-3, atol=2e-5, err_msg=name)


def test_batch_norm_sees_a_share_of_the_batch_and_losses_stay_near(both):
    # Mean and variance of a channel are then those of half the beats: no longer the same numbers.
    one, two = both("resnet-96")
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0.05)
    assert not np.array_equal(two["losses"], one["losses"])


if __name__ == "__main__":
    train_all(Path(sys.argv[1]))
