"""Checks of page 03, the table of beats and its halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit import aami, heartbeats, records, splits
from ecgkit.exercises import Verdict, right, wrong


def blind_to_f(answer: Any) -> Verdict:
    """Accuracy and mean F1 of a classifier that calls F beats N and errs nowhere else."""
    n, f = 44_920, 401
    total = n + 1513 + 3504 + f
    accuracy, f1_of_n = 1 - f / total, 2 * n / (2 * n + f)
    mean_f1 = (f1_of_n + 1 + 1 + 0) / 4
    given = np.asarray(answer, dtype=float)
    if given.shape != (2,):
        return wrong("Give two numbers, the accuracy and the mean F1, such as (0.9, 0.5).")
    if (given > 1).any():
        return wrong("Those are in per cent, or more than all: give shares between 0 and 1.")
    if np.allclose(given, [mean_f1, accuracy], atol=5e-5):
        return wrong("Both are right, in the other order: the accuracy comes first.")
    if abs(given[0] - accuracy) > 5e-5:
        return wrong("The accuracy: all beats but those of F are right. Divide by all beats.")
    if abs(given[1] - (f1_of_n + 2) / 3) < 5e-5:
        return wrong("The accuracy is right. F's own F1 is 0, and the mean is over four classes.")
    if abs(given[1] - 0.75) < 5e-5:
        return wrong("The accuracy is right. But the F beats called N cost N some of its P+, too.")
    if abs(given[1] - mean_f1) > 5e-5:
        return wrong(
            "The accuracy is right. F1 = 2 TP / (2 TP + FN + FP), class by class, then /4."
        )
    return right("More than 99 % of all beats, and a whole class of disease never seen.")


def crowded_windows(answer: Any) -> Verdict:
    """Beats that would have another R peak in a window of 180 samples to either side."""
    beats = heartbeats.prepare(records.find()).without_q()
    before, after = beats.rr_before_s, beats.rr_after_s  # comparisons with NaN are false
    expected = int(((before <= 0.5) | (after < 0.5)).sum())
    given = float(answer)
    if given == expected:
        return right(f"{100 * expected / len(beats):.1f} % of all beats. A window has its price.")
    if given in (((before <= 0.5) | (after <= 0.5)).sum(), ((before < 0.5) | (after < 0.5)).sum()):
        return right("Up to the edge: x[a:b] holds sample a and not b, so <= before and < after.")
    if given in ((before <= 0.5).sum(), (before < 0.5).sum()):
        return wrong("That asks the beat before alone: the beat after may be as near.")
    if given in ((after <= 0.5).sum(), (after < 0.5).sum()):
        return wrong("That asks the beat after alone: the beat before may be as near.")
    if given == (before <= 0.5).sum() + (after < 0.5).sum():
        return wrong("That counts a beat twice that is close to both neighbours: `|`, not a sum.")
    if given == ((before <= 0.25) | (after < 0.25)).sum():
        return wrong("That is for the window in use: 180 samples to either side are twice as many.")
    if 0 < given < 1:
        return wrong("That looks like a share: give the number of beats.")
    return wrong("A beat counts if rr_before_s or rr_after_s is under 180 samples, in seconds.")


def split_by_person(answer: Callable[..., Any]) -> Verdict:
    """A split between people with every class on both sides, or a ValueError."""
    # F in two people: they have to be parted. 201 and 202 are one person: never.
    names, labels = _table({"208": 3, "213": 3, "201": 1, "202": 1, "232": 1})
    split = answer(names.copy(), labels.copy())
    if split is None or split is ...:
        return wrong("The function returns nothing yet.")
    if not (hasattr(split, "train") and hasattr(split, "test")):
        return wrong("Return a splits.Split(train, test), two arrays of row numbers.")
    train, test = np.asarray(split.train), np.asarray(split.test)
    if len(train) + len(test) != len(names) or len(np.union1d(train, test)) != len(names):
        return wrong("Every beat should be on one side: some rows of the table are missing.")
    if shared := sorted(set(names[train]) & set(names[test])):
        return wrong(f"Record {shared[0]} has beats on both sides: deal out records, not beats.")
    try:
        splits.check_patients(splits.Split(train, test), names)
    except ValueError:
        return wrong("No record is on both sides, but a person is: 201 and 202 (SAME_PERSON).")
    for c in np.unique(labels):
        if not ((labels[train] == c).any() and (labels[test] == c).any()):
            return wrong(
                f"Class {aami.CLASSES[c]} is on one side only, though two people have it: look at "
                "the classes before you return, and try another seed."
            )
    if min(len(train), len(test)) < len(names) / 4:
        return wrong("One side has less than a quarter of the beats: balance them better.")
    for alone in ({"208": 3, "232": 1, "223": 1}, {"201": 3, "202": 3, "232": 1, "223": 1}):
        try:
            answer(*_table(alone))
        except ValueError:
            continue
        one = " and ".join(name for name, c in alone.items() if c == 3)
        return wrong(
            f"In a table whose F beats are all of one person (record {one}) no such split exists: "
            "raise a ValueError that says so, rather than return a bad one."
        )
    return right("No person on both sides, no class missing, and a refusal where it cannot be.")


def _table(rare: dict[str, int]) -> tuple[NDArray[np.str_], NDArray[np.int8]]:
    """Records and labels of a small table: N and V in everybody, another class in some."""
    names: list[str] = []
    labels: list[int] = []
    for name in ("100", "103", "119", "201", "202", "208", "213", "223", "230", "232"):
        counts = {0: 40, 2: 10}
        if name in rare:
            counts[rare[name]] = 10
        for c, n in counts.items():
            names += [name] * n
            labels += [c] * n
    return np.array(names), np.array(labels, dtype=np.int8)


CHECKS = {"1": blind_to_f, "2": crowded_windows, "3": split_by_person}
