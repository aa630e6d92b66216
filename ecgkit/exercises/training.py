"""Checks of page 08, training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ecgkit.exercises import Verdict, right, wrong


def steps_of_the_paper(answer: Any) -> Verdict:
    """Optimizer steps of the paper's recipe: 50 epochs of 4 x 44,920 draws in batches of 128."""
    given = int(answer)
    if given == 70_200:
        return right("1,404 steps an epoch, the last of them smaller, 50 times.")
    if given == 1_404:
        return wrong("That is one epoch: there are 50.")
    if given == 70_150:
        return wrong("The beats left over at an epoch's end make a smaller batch of their own.")
    if given in (19_700, 19_650, 19_663, 19_664):
        return wrong("Those are the beats as they are: balancing raises S, V and F to N's number.")
    if given in (70_187, 70_188):
        return wrong("Batches do not reach over an epoch's end: round up in each, then times 50.")
    return wrong("How many beats has an epoch once every class has as many as N?")


def straight_fall(answer: Callable[..., Any]) -> Verdict:
    """Share of the peak learning rate: up in a tenth of the steps, then down in a straight line."""
    steps = 101
    got = [answer(step, steps) for step in range(steps)]
    if any(value is None or value is ... for value in got):
        return wrong("The function returns nothing yet.")
    values = np.array(got, dtype=float)
    done = np.arange(steps) / (steps - 1)
    expected = np.where(done < 0.1, 0.04 + 0.96 * done / 0.1, (1 - done) / 0.9)
    if np.allclose(values, expected):
        return right(
            "A triangle: with the cosine it shares the rise, the peak and the end at zero."
        )
    if np.allclose(values[:11], expected[:11]) and values[-1] > 0.01:
        return wrong("It does not end at zero: the fall has nine tenths of the steps, not all.")
    cosine = 0.5 * (1 + np.cos(np.pi * (done - 0.1) / 0.9))
    if np.allclose(values[10:], cosine[10:]):
        return wrong("That is still the cosine: the fall has to be a straight line.")
    if np.allclose(values[11:], expected[11:]) and not np.allclose(values[:10], expected[:10]):
        return wrong("The fall is right. Keep the rise as it was: from 0.04 of the peak.")
    if values.max() > 1 + 1e-9:
        return wrong("It rises above the peak: the two lines have to meet at 1.")
    return wrong("After a tenth of the steps it has to be 1, after the last 0, straight between.")


def accumulate(answer: Callable[..., Any]) -> Verdict:
    """One optimizer step from several batches, equal to the step with all of them at once."""
    generator = torch.Generator().manual_seed(0)
    beats = torch.randn(24, 180, generator=generator)
    labels = torch.randint(4, (24,), generator=generator)

    def model_and_optimizer() -> tuple[nn.Linear, torch.optim.Optimizer]:
        model = nn.Linear(180, 4)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        F.cross_entropy(model(beats[:3]), labels[:3]).backward()  # a gradient left from before
        return model, torch.optim.SGD(model.parameters(), 0.5)

    def stepped(how: Callable[[nn.Linear, torch.optim.Optimizer, list[Any]], Any]) -> torch.Tensor:
        model, optimizer = model_and_optimizer()
        how(model, optimizer, [(beats[rows], labels[rows]) for rows in parts])
        return model.weight.detach()

    def gathered(weights: list[float], clear: bool = True, each: bool = False) -> torch.Tensor:
        def how(model: nn.Linear, optimizer: torch.optim.Optimizer, batches: list[Any]) -> None:
            if clear:
                optimizer.zero_grad()
            for weight, (x, y) in zip(weights, batches, strict=True):
                (F.cross_entropy(model(x), y) * weight).backward()
                if each:
                    optimizer.step()
                    optimizer.zero_grad()
            if not each:
                optimizer.step()

        return stepped(how)

    parts = [slice(0, 10), slice(10, 20), slice(20, 24)]
    got = stepped(answer)
    if torch.allclose(got, gathered([10 / 24, 10 / 24, 4 / 24]), atol=1e-6):
        return right("This is how a small GPU trains with the batch of a large one.")
    if not got.any():
        return wrong("The weights have not moved: backward for each batch, then one step.")
    if torch.allclose(got, gathered([1 / 3] * 3), atol=1e-6):
        return wrong(
            "Each batch counts the same, but the last one has fewer beats: weigh by beats."
        )
    if torch.allclose(got, gathered([1.0] * 3), atol=1e-6):
        return wrong("The gradients of the means add up: the step is three times too long.")
    if torch.allclose(got, gathered([10 / 24, 10 / 24, 4 / 24], clear=False), atol=1e-6):
        return wrong("A gradient from an earlier step is still in there: clear it first.")
    for weights in ([1.0] * 3, [1 / 3] * 3, [10 / 24, 10 / 24, 4 / 24]):
        if torch.allclose(got, gathered(weights, each=True), atol=1e-6):
            return wrong("That makes one step for each batch: step once, after the last.")
    return wrong("Clear, then backward for each batch with its share of all beats, then one step.")


CHECKS = {"1": steps_of_the_paper, "2": straight_fall, "3": accumulate}
