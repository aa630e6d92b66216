"""Two processes under torchrun train as one does with the same batch."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from ecgkit.models import TCN, HeartbeatClassifier, ResNet
from ecgkit.training import Recipe, fit

pytestmark = pytest.mark.usefixtures("nothing_given")

# 24 + 6 + 9 + 5 beats make 96 draws. Batches of 31: the last one holds 3, of which one process gets
# two and the other one. Of 19: their own 19 are uneven. Of 95: the last one is a single beat, and
# the second process gets nothing.
CASES = (("tcn", 31), ("tcn", 19), ("tcn", 95), ("resnet", 96))
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_processes import CASES, train
from ecgkit.training import processes
with processes() as first:
    for branch, batch in CASES:
        train(branch, batch, Path({out!r}) / f"{{branch}}-{{batch}}", first)
"""


def train(branch, batch, out, writes):
    """Three epochs of a small network without dropout; losses and weights into a file."""
    torch.manual_seed(0)
    network = HeartbeatClassifier(
        **{"tcn": TCN((4, 16), dropout=0.0)} if branch == "tcn" else {"resnet": ResNet()}
    )
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(4), (24, 6, 9, 5)))
    beats = rng.normal(size=(44, 180)).astype(np.float32) + labels[:, None].astype(np.float32)
    curve = fit(
        network,
        beats,
        labels,
        Recipe(epochs=3, batch=batch, learning_rate=3e-4),
        out=out,
        device="cpu",
        precision="float32",
        progress=False,
    )
    if writes:
        weights = {k: v.numpy() for k, v in network.state_dict().items()}
        save_file({"losses": np.array([e["loss"] for e in curve]), **weights}, out / "result")


def torchrun(*arguments):
    """Run a program in two processes."""
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = subprocess.run(
        [sys.executable, *torchrun, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Losses and weights of each case, made by one process and by two."""
    folders = {world: tmp_path_factory.mktemp(world) for world in ("one", "two")}
    for folder in folders.values():
        for branch, batch in CASES:
            (folder / f"{branch}-{batch}").mkdir()
    for branch, batch in CASES:
        train(branch, batch, folders["one"] / f"{branch}-{batch}", writes=True)
    program = folders["two"] / "program.py"
    program.write_text(PROGRAM.format(tests=os.path.dirname(__file__), out=str(folders["two"])))
    torchrun(str(program))

    def results(branch, batch):
        return [load_file(folders[w] / f"{branch}-{batch}" / "result") for w in ("one", "two")]

    return results


@pytest.mark.parametrize("batch", [31, 19, 95])
def test_losses_and_weights_are_those_of_one_process(both, batch):
    one, two = both("tcn", batch)
    assert one.keys() == two.keys()
    # The sums are taken in another order, and Adam divides by gradients' sizes, however small.
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-3, atol=2e-5, err_msg=name)


def test_batch_norm_sees_a_share_of_the_batch_and_losses_stay_near(both):
    # Mean and variance of a channel are then those of half the beats: no longer the same numbers.
    one, two = both("resnet", 96)
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0.05)
    assert not np.array_equal(two["losses"], one["losses"])


def test_the_command_trains_in_two_processes_writes_one_run_and_goes_on(tmp_path, synthetic_beats):
    out, table = tmp_path / "run", tmp_path / "beats.npz"
    synthetic_beats.select(np.arange(0, len(synthetic_beats), 40)).save(table)
    command = ("train", "--beats", str(table), "--model", "tcn", "--recipe", "paper")
    command += ("--out", str(out), "--json", "--device", "cpu")
    printed = torchrun("-m", "ecgkit", *command, "--epochs", "1")
    record = json.loads(printed)  # once, not twice
    assert record == json.loads((out / "run.json").read_text())
    assert (out / "model.safetensors").exists()
    again = torchrun("-m", "ecgkit", *command, "--epochs", "1", "--resume")
    assert json.loads(again) == record
