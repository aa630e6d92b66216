"""Change the training of the joint network, and measure on beats that no test half holds.

::

    python book/tools/branches.py OUT [--ours] [--seeds N ...] [--changes NAME ...] [--epochs N]

Asks why the joint network of the paper's recipe leaves its TCN unused, and what changes that; with
``--ours``, which change makes our recipe better. Each network is trained on the training half of a
seed without the beats that no published test half holds, and after each epoch its branches are
measured on these. What is missing in the folder OUT is made; ``branches.csv`` there has a row per
change, seed and epoch. The paper's learning rate is constant: 10 epochs are the first of its 50.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ecgkit.data.beats import Beats, load_beats
from ecgkit.data.splits import random_split
from ecgkit.evaluate import metrics
from ecgkit.files import atomic_write
from ecgkit.nn.models import TCN, ResNet, ResNetTCN
from ecgkit.train.device import describe_device, pick_device, pick_precision
from ecgkit.train.fit import fit
from ecgkit.train.recipe import RECIPES, Recipe, loss

PAPER, OURS = replace(RECIPES["paper"], epochs=10), RECIPES["ours"]
TESTED = 5  # seeds whose test halves are published


class Faster(nn.Module):
    """A branch whose parameters move ``factor`` times as far in a step of Adam.

    They are stored divided by the factor: Adam's steps do not depend on the size of gradients.
    """

    def __init__(self, branch: nn.Module, factor: float) -> None:
        super().__init__()
        self.branch, self.factor, self.n_features = branch, factor, branch.n_features
        with torch.no_grad():
            for parameter in branch.parameters():
                parameter /= factor

    def forward(self, beats: Tensor) -> Tensor:  # as the branch
        used = {name: self.factor * p for name, p in self.branch.named_parameters()}
        return functional_call(self.branch, used, (beats,))


class Joined(ResNetTCN):
    """The joint network with a change of the features before the linear layer."""

    def __init__(self, norm: bool = False, dropout: float = 0.0, factor: float = 1.0) -> None:
        super().__init__(ResNet(), TCN() if factor == 1 else Faster(TCN(), factor))
        self.norm = nn.BatchNorm1d(self.linear.in_features) if norm else nn.Identity()
        self.dropout = dropout

    def branch_outputs(self, signals: Tensor, features: Tensor | None = None) -> list[Tensor]:
        resnet, tcn = super().branch_outputs(signals, features)
        resnet = F.dropout(resnet, self.dropout, self.training)
        widths = resnet.shape[1], tcn.shape[1]
        return list(self.norm(torch.cat([resnet, tcn], dim=1)).split(widths, dim=1))


@dataclass(frozen=True)
class Change:
    """What differs from the joint network of the paper's recipe."""

    make: Callable[[], ResNetTCN] = Joined
    recipe: Recipe = PAPER
    tcn_first: bool = False


CHANGES = {
    "none": Change(),
    "loss per branch": Change(recipe=replace(PAPER, each_branch=0.25)),
    "TCN at ten times the rate": Change(lambda: Joined(factor=10)),
    "normalised features": Change(lambda: Joined(norm=True)),
    "dropout of half of the ResNet's features": Change(lambda: Joined(dropout=0.5)),
    "TCN trained alone first": Change(tcn_first=True),
}

CHANGES_OF_OURS = {
    "ours": Change(recipe=OURS),
    "twice the epochs": Change(recipe=replace(OURS, epochs=60)),
    "half the batch": Change(recipe=replace(OURS, batch=128, learning_rate=1.4e-3)),
    "no label smoothing": Change(recipe=replace(OURS, label_smoothing=0)),
    "five times the weight decay": Change(recipe=replace(OURS, weight_decay=0.05)),
    "no disturbances": Change(recipe=replace(OURS, gain=0, noise_mv=0)),
    "crops of 95 per cent": Change(recipe=replace(OURS, shortest_crop=0.95)),
    "less balance": Change(recipe=replace(OURS, balance=0.25)),
    "dropout of half of the ResNet's features": Change(lambda: Joined(dropout=0.5), OURS),
}


def split(labels: NDArray[np.int8], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and to measure on: a seed's training half, and the beats never tested."""
    tested = [random_split(labels, s).test for s in range(TESTED)]
    never = np.setdiff1d(np.arange(len(labels)), np.concatenate(tested))
    return np.setdiff1d(random_split(labels, seed).train, never), never


def measure(network: nn.Module, recipe: Recipe, trained: Beats, tested: Beats) -> dict[str, float]:
    """Score both votes and each alone on tested beats, and take gradients on trained ones.

    A vote alone has the other's mean beside it. The share of the TCN is that of its vote's
    variance, summed over the classes; gradients are those of the mean loss of the trained beats.
    """
    votes = []
    network.eval()
    with torch.no_grad():
        for part in _signals(tested, network).split(1024):
            votes.append(network(part, each=True)[1:].cpu())
    bias = network.linear.bias.detach().cpu()
    resnet, tcn = torch.cat(votes, dim=1) - bias  # (n, 4) each
    found = {}
    for name, logits in (
        ("", resnet + tcn + bias),
        ("resnet_", resnet + tcn.mean(dim=0) + bias),
        ("tcn_", tcn + resnet.mean(dim=0) + bias),
    ):
        answers = logits.argmax(dim=1).numpy()
        report = metrics.report(metrics.confusion_matrix(tested.labels, answers))
        found |= {f"{name}accuracy": report.accuracy, f"{name}mean_f1": report.macro.mean_f1}
    spread = [float(vote.var(dim=0).sum()) for vote in (resnet, tcn)]
    found["tcn_share"] = spread[1] / max(sum(spread), 1e-30)
    rows = np.concatenate([np.flatnonzero(trained.labels == c)[:256] for c in range(4)])
    sample = trained.select(rows)
    signals = _signals(sample, network)
    target = torch.from_numpy(sample.labels.astype(np.int64)).to(signals.device)
    logits = network(signals, each=bool(recipe.each_branch))
    network.zero_grad()
    (loss(logits, target, recipe) / len(rows)).backward()
    for name, branch in network.branches.items():
        norms = [p.grad.norm() for p in branch.parameters() if p.grad is not None]
        found[f"{name}_gradient"] = float(torch.stack(norms).norm())
    network.zero_grad()
    return found


def _signals(beats: Beats, network: nn.Module) -> Tensor:
    return torch.from_numpy(beats.signals).to(next(network.parameters()).device)


def train(
    name: str, change: Change, seed: int, beats: Beats, out: Path, how: dict[str, str]
) -> list[dict[str, object]]:
    """Train with one change, from its checkpoint on; one row per epoch."""
    trained, tested = (beats.select(rows) for rows in split(beats.labels, seed))
    recipe = change.recipe
    folder = out / f"{name.replace(' ', '-')}-{seed}"
    options = {"seed": seed, "resume": True, **how}
    data = trained.signals, trained.labels
    torch.manual_seed(seed)
    network = change.make()
    if change.tcn_first:
        alone = ResNetTCN(None, network.branches["tcn"])
        fit(alone, *data, recipe, out=folder / "tcn", **options)
    curve = fit(
        network,
        *data,
        recipe,
        out=folder,
        evaluate=lambda model: measure(model, recipe, trained, tested),
        **options,
    )
    place = pick_device(how["device"])
    about = {"seed": seed, "precision": str(pick_precision(place, how["precision"]))[6:]}
    about |= {"device": describe_device(place), "torch": torch.__version__}
    about["fingerprint"] = beats.fingerprint
    return [{"change": name, "epoch": e.epoch, "loss": e.loss, **e.scores, **about} for e in curve]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing and write the table after each run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the runs and of branches.csv")
    parser.add_argument("--beats", type=Path, help="a table that `ecgkit data --save` wrote")
    parser.add_argument("--changes", nargs="+", help="default: all")
    parser.add_argument("--ours", action="store_true", help="change our recipe, not the paper's")
    parser.add_argument("--epochs", type=int, help="default: 10 of the paper's, all of ours")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    for name in ("device", "precision"):
        parser.add_argument(f"--{name}", default="auto")
    given = parser.parse_args(arguments)
    changes = CHANGES_OF_OURS if given.ours else CHANGES
    if unknown := [name for name in given.changes or () if name not in changes]:
        parser.error(f"There is no change {unknown[0]!r}: use some of {', '.join(changes)}.")
    beats = (Beats.load(given.beats) if given.beats else load_beats()).without_q()
    how, rows = {"device": given.device, "precision": given.precision}, []
    for seed in given.seeds:
        for name in given.changes or changes:
            change = changes[name]
            if given.epochs is not None:
                change = replace(change, recipe=replace(change.recipe, epochs=given.epochs))
            rows += train(name, change, seed, beats, given.out, how)
            with atomic_write(given.out / "branches.csv") as draft:
                pd.DataFrame(rows).to_csv(draft, index=False, lineterminator="\n")
            print(f"{name}, seed {seed}: {rows[-1]}", flush=True)


if __name__ == "__main__":
    main()
