"""Checks of page 12, the ablation."""

import itertools
from typing import Any

import numpy as np
import torch
from torch import nn

from ecgbook.exercises import Array, Function, expect, expect_function, given
from ecgbook.page import Verdict, right, wrong
from ecgkit.nn.models import build

seeds_for_a_sign_test = expect(
    6,
    [
        (5, "Five alike have 1/32 on one side: how likely is *either* all up or all down?"),
        (4, "1/16 is above 0.05 already, and there are two sides."),
        (7, "Fewer will do: write down 2 / 2**n for n = 1, 2, ..."),
    ],
    praise="2 / 64 = 0.031. With five seeds the smallest p, 2 / 32, is above 0.05.",
    otherwise="How likely is it that n fair coins all fall alike, heads or tails?",
)


def _share(test: Function) -> Function:
    """Return the share of the means under all patterns of signs that pass a test."""

    def share(d: Array) -> Any:
        patterns = np.array(list(itertools.product([1, -1], repeat=len(d))))
        return np.mean(test((patterns * d).mean(axis=1), d.mean()))

    return share


_alike = np.array([0.11, 0.2, 0.3, 0.16, 0.25])  # p = 2 / 32
_mixed = np.array([0.3, -0.1, 0.2])  # sums ±.6 ±.4 ±.2 0 0, four of eight as large as .4
sign_flip = expect_function(
    _share(lambda means, mean: abs(means) >= abs(mean) - 1e-12),
    [(_alike,), (_mixed,), (-_alike,)],
    [
        (_share(lambda means, mean: means >= mean - 1e-12), "That is one-sided: compare |mean|."),
        (_share(lambda means, mean: abs(means) > abs(mean) + 1e-12), "Use `>=`, not `>`."),
        (lambda d: 2 / 2 ** len(d), "Right only if all signs agree: flip the given differences."),
    ],
    praise="With equal signs it is the sign test's 1/16; with mixed signs it uses the sizes.",
    otherwise="Go through all 2**n patterns of +1 and -1; compare |mean| with the observed.",
    within=1e-9,
)


def own_ablation(answer: Any) -> Verdict:
    """A network without a part of the ResNet, and the paired differences."""
    make, differences = answer
    if differences is ... or differences is None:
        return wrong("make() is one part; the differences, one per seed, are missing.")
    network, complete = given(given(make)()), build("resnet")
    found = np.asarray(given(differences), dtype=float)
    if not isinstance(network, nn.Module):
        return wrong(f"make() has to return a network, not {type(network).__name__}.")
    with torch.no_grad():
        shape = tuple(network(torch.zeros(2, 180)).shape)
    if shape != (2, 4):
        return wrong(f"Two beats give shape {shape}: the network has to return four logits each.")
    if repr(network) == repr(complete) and type(network) is type(complete):
        complete.load_state_dict(network.state_dict())
        x = torch.randn(2, 180)
        if torch.equal(network.eval()(x), complete.eval()(x)):
            return wrong("That is the complete ResNet: take something out.")
    if found.ndim != 1 or len(found) < 2:
        return wrong("One seed has no spread: give one difference per seed, as a list.")
    if not np.isfinite(found).all() or abs(found).max() > 100:
        return wrong("The differences are points of accuracy: complete minus reduced.")
    if (found > 50).all():
        return wrong("Those look like accuracies: subtract, seed by seed.")
    return right("Give mean, spread and seeds, and say that the runs were short.")


_claims = (
    ("holds", "98.84 is above 98.12 and 98.36."),
    ("wrong", "subtract the accuracy of each work in Table I."),
    ("wrong", "take the mean of the four sensitivities."),
    ("open", "one run each, of unequal size: what could it show or refute?"),
    ("wrong", "count, for F, the works with a lower sensitivity."),
    ("open", "which patients were tested?"),
)


def referee(answer: Any) -> Verdict:
    """Verdicts on six claims of the paper."""
    if len(given(answer)) != len(_claims) or set(answer) - {"holds", "wrong", "open"}:
        return wrong("Give six words, each 'holds', 'wrong' or 'open'.")
    for n, (said, (true, hint)) in enumerate(zip(answer, _claims, strict=True), 1):
        if said != true:
            return wrong(f"Claim {n}: {hint}")
    return right("Now write the page, and compare it with the rubric.")


CHECKS = {"1": seeds_for_a_sign_test, "2": sign_flip, "3": own_ablation, "4": referee}
