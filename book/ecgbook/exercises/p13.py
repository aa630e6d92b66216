"""Checks of page 13, new patients."""

from functools import partial
from typing import Any

import numpy as np

from ecgbook import new_patients
from ecgbook.exercises import ANY, Array, expect, expect_function, given
from ecgbook.page import Verdict, right, wrong
from ecgkit.data import splits
from ecgkit.data.sources import SYNTHETIC

persons_usual = expect(
    (0.75, 2 * 700 / (2 * 700 + 300 + 200)),
    [
        ((0.55, ANY), "That is the accuracy of always N: the rule answers S for Ben."),
        ((ANY, 0.7), "That is P+ of S. F1 counts Anna's S beats, which are missed, as well."),
        ((ANY, 7 / 9), "That is Se of S. F1 counts Ben's N beats, which are called S, as well."),
    ],
    praise="The rule looks at no beat, and its F1 of S would pass for a method.",
    otherwise=(
        "Accuracy: Anna's N and Ben's S are right, of 2,000 beats.",
        "F1 = 2 TP / (2 TP + FP + FN): 700 are found; who is called S wrongly, and who missed?",
    ),
)

other_mapping = expect(
    (1470 / (1837 + 213), 1470 / 1960),
    [
        ((1470 / 1837, ANY), "There are more S beats to find now: add the escape beats."),
        ((1683 / 2050, ANY), "The model calls the escape beats N: it does not find them."),
    ],
    praise="Eight points of sensitivity, and not one answer of the model changed.",
    otherwise=(
        "Se = found / all S beats of the mapping.",
        "P+ divides by the beats *called* S: which of these changed?",
    ),
)


def _less_usual(x: Array, width: int, own: int = 0, fixed: bool = False) -> Array:
    """Subtract the mean of the previous rows; the keywords put a mistake in."""
    usual = x.astype(float)
    for i in range(1, len(x)):
        previous = x[max(i + own - width, 0) : i + own]
        usual[i] = previous.sum(axis=0) / (width if fixed else len(previous))
    return x - usual


def _in_place(x: Array, width: int) -> Array:
    x = x.astype(float)
    for i in range(1, len(x)):
        x[i] -= x[max(i - width, 0) : i].mean(axis=0)
    return np.r_[0 * x[:1], x[1:]]


less_usual = expect_function(
    _less_usual,
    [(np.array([[4.0, 0], [2, 2], [9, 1], [0, 5]]), 2)],
    [
        (lambda x, width: _less_usual(x, width)[1:], "The first beat is missing: it is zeros."),
        (lambda x, n: np.r_[ANY * x[:1], _less_usual(x, n)[1:]], "Beat 0 has none before: zeros."),
        (_in_place, "These means are of beats already changed: do not change x itself."),
        (lambda x, width: x - x.mean(axis=0), "That mean contains later beats."),
        (partial(_less_usual, fixed=True), "Before beat 2 there is only one: divide by 1."),
        (partial(_less_usual, own=1), "The mean contains the beat itself: leave it out."),
        (lambda x, width: _less_usual(x, len(x)), "Take the last `width` beats, not all."),
        (lambda x, width: -_less_usual(x, width), "Subtract the mean from the beat."),
        (lambda x, n: x - np.r_[x[:1], x[:-1]].mean(axis=1)[:, None], "Average over axis 0."),
    ],
    praise="What is left of a usual beat is near zero, whoever the patient is.",
    otherwise="Average x[max(i - width, 0) : i] over axis 0 and subtract it from x[i].",
)


def challenge(answer: Any) -> Verdict:
    """Whether answers are for the beats of everybody in DS2, and what they are worth."""
    labels, predicted, records = map(np.asarray, given(answer))
    if not len(labels) == len(predicted) == len(records):
        return wrong("Labels, predicted and records need one length: one entry per beat.")
    halves = {splits.half_of(name) for name in np.unique(records)}
    if halves != {"DS2"}:
        return wrong("Beats of DS1 are among them: people who trained are no test.")
    synthetic = set(SYNTHETIC[1::2])
    everybody = synthetic if set(records) & synthetic else set(splits.DS2) - {"202"}
    if missing := sorted(everybody - set(records)):
        return wrong(f"Record {', '.join(missing)} is missing: only 202 may be left out.")
    if not (predicted == 1).any():
        return wrong("No beat is called S (class 1): always N is not a challenger.")
    names, counts = np.unique(records[labels == 1], return_counts=True)
    one = names[counts.argmax()]
    found = new_patients.score_table({"": (labels, predicted, records)}, one).loc[""]
    f1, without = found["F1 of S"], found[f"F1 of S, no {one}"]
    return right(f"F1 of S: {f1:.1f} %, and {without:.1f} % without {one}. Now the rubric.")


CHECKS = {"1": persons_usual, "2": other_mapping, "3": less_usual, "4": challenge}
