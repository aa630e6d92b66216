"""Checks of page 16, how sure the network is."""

from functools import partial
from typing import Any

import numpy as np

from ecgbook.exercises import Array, Function, expect, expect_function, given
from ecgbook.page import Verdict, right, wrong

error_by_hand = expect(
    0.09,
    [
        (0.03, "That is the gap of the means, in which the bins cancel. Take each bin's gap."),
        (0.1125, "Weigh the two gaps by the number of beats: 0.8 and 0.2."),
        (0.15, "That is the largest gap: take the mean, weighted by the number of beats."),
        (0.075, "That is the first bin's gap: add the second one's, both weighted."),
    ],
    praise="0.8 x 0.075 + 0.2 x 0.15. The bins err in opposite directions.",
    otherwise="Per bin: |accuracy - confidence|, times its share of the beats; then the sum.",
)


def fold_people(answer: Function) -> Verdict:
    """Eleven people with 1 to 11 beats, in four folds."""
    person = np.random.default_rng(5).permutation(np.repeat(list("abcdefghijk"), range(1, 12)))
    fold, other, again = (np.asarray(given(answer(person, 4, seed))) for seed in (0, 1, 0))
    if fold.shape != person.shape:
        return wrong(f"Return a number per beat, {person.shape}, not {fold.shape}.")
    of = {name: set(fold[person == name].tolist()) for name in np.unique(person)}
    if any(len(folds) > 1 for folds in of.values()):
        return wrong("A person's beats are in several folds: draw the people, not the beats.")
    sizes = np.bincount([int(min(folds)) for folds in of.values()], minlength=4)
    if set(np.unique(fold)) != set(range(4)) or np.ptp(sizes) > 1:
        return wrong(f"The folds hold {sizes.tolist()} people: deal them out in turn, 0 to k - 1.")
    if np.array_equal(fold, other):
        return wrong("Another seed gives the same folds: shuffle the people with it.")
    if not np.array_equal(fold, again):
        return wrong("The same seed gives other folds: make the generator from it.")
    return right("Whoever is answered was not trained on.")


def _coverage(p: Array, labels: Array, accuracy: float, by: Any = None, first: bool = False) -> Any:
    """Return the largest coverage with an accuracy; the keywords put a mistake in."""
    confidence = by(p) if by else p.max(axis=1)
    good = (p.argmax(axis=1) == labels)[np.argsort(-confidence, kind="stable")]
    reached = np.cumsum(good) / np.arange(1, len(p) + 1) >= accuracy
    enough = np.flatnonzero(np.cumprod(reached) if first else reached)
    return (enough.max() + 1) / len(p) if len(enough) else 0.0


def _ten_beats() -> tuple[Array, Array]:
    """Probabilities and labels; accuracies 1, 1, .67, .75, .8, .83, .86, .88, .89, .8."""
    good = np.array([1, 1, 0, 1, 1, 1, 1, 1, 1, 0])
    highest, answers = np.linspace(0.97, 0.52, 10), np.array([0, 2, 0, 0, 3, 2, 0, 1, 0, 2])
    p = np.where(np.arange(4) == answers[:, None], highest[:, None], (1 - highest[:, None]) / 3)
    order = np.random.default_rng(6).permutation(10)
    return p[order], np.where(good == 1, answers, (answers + 1) % 4)[order]


_p, _labels = _ten_beats()
coverage_for = expect_function(
    _coverage,
    [(_p, _labels, 0.85), (_p, (_p.argmax(axis=1) + 1) % 4, 0.85)],  # the second: none is right
    [
        (partial(_coverage, first=True), "Do not stop at the first fall: look further."),
        (lambda p, y, a: len(p) * _coverage(p, y, a), "That is a number of beats: give a share."),
        (
            lambda p, y, a: max(_coverage(p, y, a) - 1 / len(p), 0),
            "Place i of the sorted beats, from 0, is the last of i + 1 answered beats.",
        ),
        (partial(_coverage, by=lambda p: p[:, 0]), "Confidence is the answer's probability."),
        (partial(_coverage, by=lambda p: 0 * p[:, 0]), "Sort the beats by confidence."),
    ],
    praise="Now look at the table above it: of which class are the beats left to the ward?",
    otherwise="Sort by the highest probability, cumulate right answers, take the last hit.",
    within=1e-9,
)

CHECKS = {"1": error_by_hand, "2": fold_people, "3": coverage_for}
