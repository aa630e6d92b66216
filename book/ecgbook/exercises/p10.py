"""Checks of page 10, training."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgbook.exercises import ANY, Function, compare, expect, expect_function, given
from ecgbook.page import Verdict, right, wrong

_draws = 4 * 44_920
steps_of_the_paper = expect(
    50 * 1404,
    [
        (1404, "That is one epoch: there are 50."),
        (50 * 1403, "The rest of an epoch makes a smaller batch: count it, too."),
        (50 * 394, "Those are the beats as they are: balancing raises S, V and F to N's number."),
        (50 * _draws / 128, "Batches do not cross the end of an epoch: round up in each."),
        (50 * _draws // 128, "Batches do not cross the end of an epoch: round up in each."),
    ],
    praise="179,680 draws are 1,404 batches per epoch, the last of them smaller, 50 times.",
    otherwise="How many beats has an epoch once every class has as many as N?",
)


def _schedule(fall: Any) -> Callable[[int, int], float]:
    """Return a function of (step, steps): the right rise, then a fall."""
    return lambda step, steps: float(np.where(_done < 0.1, 0.04 + 9.6 * _done, fall)[step])


_done = np.linspace(0, 1, 101)
_straight = _schedule((1 - _done) / 0.9)
_cosine = _schedule(0.5 * (1 + np.cos(np.pi * (_done - 0.1) / 0.9)))
straight = expect_function(
    _straight,
    [(step, 101) for step in range(101)],
    [
        (_schedule(1.1 - _done), "It does not end at zero: 90 of 100 steps fall."),
        (_cosine, "That is still the cosine: the fall should be a straight line."),
        (lambda s, n: ANY if s < 10 else _straight(s, n), "Keep the rise: it begins at 0.04."),
    ],
    praise="It shares the rise, the peak and the end at zero with the cosine.",
    otherwise="After a tenth of the steps it is 1, at the last step 0, straight in between.",
)


def _accumulate(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Sequence[tuple[Tensor, Tensor]],
    weight: str = "beats",
    clear: bool = True,
    each: bool = False,
) -> None:
    """Make one step from several batches; the keywords put a mistake in."""
    total = sum(len(labels) for _, labels in batches)
    if clear:
        optimizer.zero_grad()
    for beats, labels in batches:
        shares = {"beats": len(labels) / total, "batches": 1 / len(batches), "ones": 1, "zeros": 0}
        (shares[weight] * F.cross_entropy(model(beats), labels)).backward()
        if each:
            optimizer.step()
            optimizer.zero_grad()
    if not each:
        optimizer.step()


def accumulate(answer: Function) -> Verdict:
    """One optimizer step from several batches, equal to the step with all of them at once."""
    generator = torch.Generator().manual_seed(0)
    beats = torch.randn(24, 180, generator=generator)
    labels = torch.randint(4, (24,), generator=generator)

    sizes: list[int] = []

    def weights(how: Function, **keywords: Any) -> Any:
        model = nn.Linear(180, 4)
        for p in model.parameters():
            nn.init.zeros_(p)
        F.cross_entropy(model(beats[:3]), labels[:3]).backward()  # a gradient left from before
        parts = (slice(0, 10), slice(10, 20), slice(20, 24))
        batches = [(beats[rows], labels[rows]) for rows in parts]
        model.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
        how(model, torch.optim.SGD(model.parameters(), 0.5), batches, **keywords)
        return model.weight.detach().numpy()

    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"each": True, "weight": "ones"}, "That makes one step per batch: step once, at the end."),
        ({"weight": "batches"}, "The last batch has fewer beats: weight by beats."),
        ({"weight": "ones"}, "The gradients of the means add up: the step is too long."),
        ({"weight": "zeros"}, "The weights have not changed: backward per batch, then step."),
        ({"clear": False}, "Clear the gradient of the earlier step first."),
    ]
    verdict = compare(
        weights(answer),
        weights(_accumulate),
        [(weights(_accumulate, **keywords), hint) for keywords, hint in mistakes],
        praise="In this way a small GPU trains with a large batch.",
        otherwise="Clear, then backward per batch with its share of all beats, then one step.",
        within=1e-6,
    )
    if verdict.right and max(sizes) > 10:
        return wrong("All beats are in the network at once: give it one batch at a time.")
    return verdict


FAULTS = {
    "A": ("softmax", "the loss stops just above 0.744, and the accuracy is almost healthy."),
    "B": ("order", "the loss goes up and down from epoch to epoch: what do the batches hold?"),
    "C": ("labels", "the accuracy stays near that of always N: what could the network not learn?"),
    "D": ("eval", "the loss is healthy. Compare the two evaluations of the same epoch."),
}
WORDS = ("axis", "rate", "softmax", "labels", "order", "eval", "zero_grad")


def diagnosis(answer: Any) -> Verdict:
    """Fault and repaired run of A to D; a run is losses and pairs of accuracies per epoch."""
    found = dict(given(answer))
    for name, (fault, hint) in FAULTS.items():
        if not isinstance(found.get(name), tuple | list) or len(found[name]) != 2:
            return wrong(f'Run {name}: give fault and repaired run, as ("axis", run_a()).')
        if found[name][0] not in WORDS:
            return wrong(f"Run {name}: choose one of the words {', '.join(WORDS)}.")
        if found[name][0] != fault:
            return wrong(f"Run {name}: {hint}")
    losses = {name: np.asarray(run[0], dtype=float) for name, (_, run) in found.items()}
    middle = np.median([values[-1] for values in losses.values()])
    for name, (_, (_, accuracies)) in found.items():
        if abs(losses[name][-1] / middle - 1) > 0.35 or np.diff(losses[name]).max() > 0.1:
            return wrong(f"Run {name}: the right fault, but its loss does not follow the others.")
        if np.ptp(accuracies, axis=1).max() > 0:
            return wrong(f"Run {name}: the right fault, but two evaluations of an epoch differ.")
    return right("Named from the curves, repaired in one line each.")


CHECKS = {"1": steps_of_the_paper, "2": straight, "3": accumulate, "4": diagnosis}
