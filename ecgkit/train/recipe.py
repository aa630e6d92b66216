"""Recipes: every setting of a training run, its learning rate and its loss."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ecgkit import InputError
from ecgkit.train.augmentation import target_counts


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are the paper's (section III-A)."""

    epochs: int = 50  #: Passes over the balanced training half.
    batch: int = 128  #: Beats per step.
    learning_rate: float = 1e-4  #: Adam's step size.
    schedule: str = "constant"  #: Or ``"one-cycle"``: see :func:`learning_rate`.
    weight_decay: float = 0.0  #: Decoupled, as in AdamW.
    label_smoothing: float = 0.0  #: Share of the target spread over all classes.
    balance: float = 1.0  #: As the next, see :mod:`ecgkit.train.augmentation`.
    shortest_crop: float = 0.75
    cropped_originals: float = 0.0  #: Share of the beats themselves that are cropped like copies.
    gain: float = 0.0  #: As the next, see :func:`ecgkit.train.augmentation.disturb`.
    noise_mv: float = 0.0
    each_branch: float = 0.0  #: Weight of the loss of each branch alone, beside that of all.
    class_weights: float = 0.0  #: See :func:`class_weights`.
    focal: float = 0.0  #: See :func:`loss`.

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch < 1:
            raise InputError(f"Epochs {self.epochs}, batch {self.batch}: use at least 1 of each.")
        shares = ("label_smoothing", "balance", "shortest_crop", "cropped_originals")
        if wrong := [name for name in shares if not 0 <= getattr(self, name) <= 1]:
            raise InputError(f"{wrong[0]} is {getattr(self, wrong[0])}: give a share from 0 to 1.")
        if self.schedule not in ("constant", "one-cycle"):
            raise InputError(f"No schedule {self.schedule!r}: use constant or one-cycle.")


RECIPES = {
    "paper": Recipe(),
    "ours": Recipe(
        epochs=30,
        batch=256,
        learning_rate=2e-3,
        schedule="one-cycle",
        weight_decay=0.01,
        label_smoothing=0.05,
        balance=0.5,
        shortest_crop=0.9,
        cropped_originals=0.5,
        gain=0.05,
        noise_mv=0.005,
        each_branch=0.25,
    ),
}
"""The paper's recipe, and ours: the same network and split, trained otherwise."""


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Step size of one of ``steps`` optimizer steps.

    One-cycle rises to the recipe's in a tenth of the steps and falls by a cosine to 0.

    >>> cycle = Recipe(learning_rate=1.0, schedule="one-cycle")
    >>> [round(learning_rate(cycle, step, 101), 3) for step in (0, 5, 10, 55, 100)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    done = step / max(steps - 1, 1)
    if done < 0.1:
        return recipe.learning_rate * (0.04 + 0.96 * done / 0.1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


def class_weights(labels: Tensor, recipe: Recipe) -> Tensor | None:
    """Factors of the classes' losses, (classes,), for labels (n,); None where all are alike.

    (m / n) to the power of ``recipe.class_weights``, n being how often a class occurs in an epoch
    and m the most frequent one, and then scaled to a mean of 1 over the epoch's beats.

    >>> labels = torch.tensor([0] * 90 + [1] * 10)  # rates 1 : 9, mean (90 * a + 10 * 9 a) / 100
    >>> class_weights(labels, Recipe(balance=0.0, class_weights=1.0)).tolist()
    [0.5555555820465088, 5.0]
    """
    if not recipe.class_weights:
        return None
    drawn = target_counts(torch.bincount(labels), recipe.balance).float()
    factors = (drawn.max() / drawn) ** recipe.class_weights
    return factors * drawn.sum() / (factors * drawn).sum()


def loss(logits: Tensor, labels: Tensor, recipe: Recipe, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of logits (b, 4) and labels (b,), summed over the batch.

    Logits of shape (1 + branches, b, 4) are those of ``network(..., each=True)``: the branches' own
    losses are added, times ``recipe.each_branch``. ``weights`` come from :func:`class_weights`. A
    loss is multiplied by (1 - p) to the power of ``recipe.focal``, p being the probability given to
    the beat's class (Lin et al. 2017, arXiv:1708.02002).

    >>> logits, labels = torch.zeros(1, 4), torch.tensor([0])  # p = 1/4, and -log p = 1.386
    >>> [round(float(loss(logits, labels, Recipe(focal=g))), 3) for g in (0, 1, 2)]
    [1.386, 1.04, 0.78]
    """
    if logits.ndim == 3:
        together, *alone = (loss(of_branch, labels, recipe, weights) for of_branch in logits)
        return together + recipe.each_branch * torch.stack(alone).sum()
    how: dict[str, Any] = {"weight": weights, "label_smoothing": recipe.label_smoothing}
    if not recipe.focal:
        return F.cross_entropy(logits, labels, reduction="sum", **how)
    each = F.cross_entropy(logits, labels, reduction="none", **how)
    p = logits.softmax(dim=1).gather(1, labels[:, None]).squeeze(1)
    return ((1 - p) ** recipe.focal * each).sum()
