"""Checks of page 04, heartbeats and splits."""

from typing import Any

import numpy as np

from ecgbook.exercises import ANY, Array, Function, compare, expect, given
from ecgbook.page import Verdict, right, wrong
from ecgkit.data import aami, splits
from ecgkit.data.beats import load_beats

_f1_of_n = 2 * 44_920 / (2 * 44_920 + 401)
blind_to_f = expect(
    (1 - 401 / (44_920 + 1513 + 3504 + 401), (_f1_of_n + 1 + 1 + 0) / 4),
    [
        ((ANY, (_f1_of_n + 2) / 3), "F1 of F is 0, and the mean is over four classes."),
        ((ANY, 0.75), "The F beats called N are false positives of N: F1 of N is below 1."),
    ],
    praise="More than 99 % of the beats are right, and no beat of F is ever found.",
    otherwise=(
        "The accuracy: all beats but those of F are right. Divide by all beats.",
        "F1 = 2 TP / (2 TP + FN + FP) of each class, then the mean of the four.",
    ),
)


def crowded_windows(answer: Any) -> Verdict:
    """Beats that would have another R peak in a window of 180 samples to either side."""
    beats = load_beats().without_q()
    before, after = beats.rr_before_s, beats.rr_after_s  # comparisons with NaN are false
    expected = int(((before <= 0.5) | (after < 0.5)).sum())
    on_the_edge = ((before <= 0.5) | (after <= 0.5)).sum(), ((before < 0.5) | (after < 0.5)).sum()
    if float(answer) != expected and float(answer) in on_the_edge:
        return right("Except at the edge: x[a:b] holds sample a and not b, so <= before, < after.")
    early, late = ([(rr <= 0.5).sum(), (rr < 0.5).sum()] for rr in (before, after))
    mistakes = [
        *((n, "That looks at the beat before only: the beat after may be as near.") for n in early),
        *((n, "That looks at the beat after only: the beat before may be as near.") for n in late),
    ]
    twice = "That counts beats twice that are close to both neighbours: use `|`."
    mistakes += [(m + n, twice) for m in early for n in late]
    return compare(
        answer,
        expected,
        mistakes,
        praise=f"{100 * expected / len(beats):.1f} % of all beats.",
        otherwise="Count the beats with rr_before_s or rr_after_s under 180 samples, in seconds.",
        within=0.1,
    )


def split_by_person(answer: Function) -> Verdict:
    """A split between people with every class on both sides, or a ValueError."""
    # F is in two people, which have to be separated; 201 and 202 are one person.
    names, labels = _table({"208": 3, "213": 3, "201": 1, "202": 1, "232": 1})
    split = given(answer(names.copy(), labels.copy()))
    if not isinstance(split, splits.Split):
        return wrong("Return a splits.Split(train, test) of two arrays of row numbers.")
    train, test = np.asarray(split.train), np.asarray(split.test)
    if not np.array_equal(np.sort(np.r_[train, test]), np.arange(len(names))):
        return wrong("Every beat should be in exactly one half.")
    if shared := sorted(set(names[train]) & set(names[test])):
        return wrong(f"Record {shared[0]} has beats in both halves: split records, not beats.")
    try:
        splits.check_patients(split, names)
    except ValueError:
        return wrong("No record is in both halves, but a person is: 201 and 202 (SAME_PERSON).")
    for c in np.unique(labels):
        if c not in labels[train] or c not in labels[test]:
            return wrong(f"Class {aami.CLASSES[c]} is in one half only: try another seed.")
    if min(len(train), len(test)) < len(names) / 4:
        return wrong("One half has less than a quarter of the beats.")
    for alone in ({"208": 3, "232": 1, "223": 1}, {"201": 3, "202": 3, "232": 1, "223": 1}):
        try:
            answer(*_table(alone))
        except ValueError:
            continue
        return wrong("If one person has all F beats, no such split exists: raise a ValueError.")
    return right("No person in both halves, no class missing, and an error if that is impossible.")


def clean_halves(answer: Function) -> Verdict:
    """Training rows with rare classes three times, test rows once, no person in both."""
    names, labels = _table({"208": 3, "213": 3, "201": 1, "202": 1, "232": 1})
    train, test = (np.asarray(half) for half in given(answer(names.copy(), labels.copy())))
    people, (rows, copies) = splits.person_of(names), np.unique(train, return_counts=True)
    if len(np.unique(test)) < len(test):
        return wrong("The test part holds copies: each test beat counts once.")
    if np.isin(test, train).any():
        return wrong("A beat is in both parts: split first, then copy the training beats.")
    if np.isin(people[test], people[train]).any():
        return wrong("A person is in both parts: split people, not beats.")
    if not np.array_equal(copies, np.where(labels[rows] > 0, 3, 1)):
        return wrong("In the training part N beats stand once, the others three times.")
    if set(labels[test]) != set(labels) or set(labels[train]) != set(labels):
        return wrong("A class is missing in one part.")
    return right("No beat and no person is in both parts, and only training beats are copied.")


def _table(rare: dict[str, int]) -> tuple[Array, Array]:
    """Return records and labels: N and V in everybody, another class in some."""
    records = ("100", "103", "119", "201", "202", "208", "213", "223", "230", "232")
    rows = [(name, c) for name in records for c in [0] * 40 + [2] * 10 + [rare.get(name, 0)] * 10]
    names, labels = zip(*rows, strict=True)
    return np.array(names), np.array(labels, dtype=np.int8)


CHECKS = {"1": crowded_windows, "2": blind_to_f, "3": split_by_person, "4": clean_halves}
