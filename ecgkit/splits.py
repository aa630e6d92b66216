"""Training and test halves: random over beats, or between patients; and checks against leakage."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ecgkit import InputError, aami

_DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
_DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
DS1, DS2 = tuple(_DS1.split()), tuple(_DS2.split())
"""The two halves of MIT-BIH's patients (de Chazal et al. 2004, doi:10.1109/TBME.2004.827359)."""

SAME_PERSON = {"202": "201"}
"""Records of a person who is in another record too (MIT-BIH's directory of records)."""


@dataclass(frozen=True)
class Split:
    """Row numbers of the two halves of a table of beats.

    Attributes
    ----------
    train, test
        Int64 arrays, increasing, without a common element.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Refuse halves that overlap."""
        common = np.intersect1d(self.train, self.test)
        if len(common):
            raise InputError(
                f"{len(common)} beats are in both halves, the first in row {common[0]}: what is "
                "trained on cannot be tested on. Make the halves disjoint."
            )

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of both halves."""
        digest = hashlib.sha256(self.train.astype("<i8").tobytes() + b"|")
        digest.update(self.test.astype("<i8").tobytes())
        return digest.hexdigest()[:16]


def random_split(labels: NDArray[np.int8], seed: int, test_fraction: float = 0.5) -> Split:
    """Split beats at random, with the same share of every class on both sides.

    A patient's beats land on both sides: the easy examination, and the paper's (section IV-A).

    Parameters
    ----------
    labels
        Int, shape (n,): class of each beat.
    seed
        Decides which beats go where.
    test_fraction
        Share of the beats that are tested on.

    Raises
    ------
    InputError
        If a class has fewer than two beats, so that it cannot be on both sides, or one side would
        have fewer beats than there are classes.

    Examples
    --------
    >>> split = random_split(np.array([0] * 6 + [1] * 4), seed=0)
    >>> len(split.train), len(split.test)
    (5, 5)
    """
    rare = [aami.CLASSES[c] for c, n in enumerate(np.bincount(labels)) if n == 1]
    if len(labels) < 2 or rare:
        raise InputError(
            f"Class {', '.join(rare) or 'N'} has too few beats for both halves of a split: "
            "leave it out or take more records."
        )
    rows = np.arange(len(labels))
    try:
        train, test = train_test_split(
            rows, test_size=test_fraction, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise InputError(
            f"{len(labels)} beats cannot be split with a test share of {test_fraction:g} and seed "
            f"{seed} ({error}). Take more beats, a share between 0 and 1, a seed from 0 on."
        ) from error
    return Split(np.sort(train), np.sort(test))


def validation_split(
    split: Split, labels: NDArray[np.int8], seed: int, fraction: float = 0.1
) -> Split:
    """Set aside part of the training half, to make choices on; the test half stays unseen.

    Returns
    -------
    A split whose ``train`` is the rest of the training half and whose ``test`` is the part set
    aside, both as row numbers of the whole table.
    """
    inner = random_split(labels[split.train], seed, fraction)
    return Split(split.train[inner.train], split.train[inner.test])


def validation_patients(
    split: Split,
    labels: NDArray[np.int8],
    records: NDArray[np.str_],
    seed: int,
    share: float = 0.25,
    draws: int = 40,
) -> Split:
    """Set whole patients of the training half aside, to make choices on.

    Patients differ more than beats, so a quarter of them may hold nearly all beats of a class, or
    none. Of many random draws of patients the one is taken in which the share of every class that
    goes aside is nearest to ``share``, and in which each class is on both sides.

    Parameters
    ----------
    split
        Between patients, from :func:`patient_split`; its test half stays unseen.
    labels, records
        Shape (n,): class and record's name of each beat of the whole table. Records of one person
        go to the same side.
    seed
        Decides the draws.
    share
        Of the patients, and of the beats of each class as far as that can be had.
    draws
        How many are tried.

    Returns
    -------
    A split whose ``train`` and ``test`` make up the training half, as row numbers of the table.

    Raises
    ------
    InputError
        If no draw has every class on both sides.

    Examples
    --------
    >>> half = Split(np.arange(8), np.arange(8, 9))
    >>> names = np.array(list("aabbccddz"))
    >>> inner = validation_patients(half, np.array([0, 1] * 4 + [0]), names, seed=0)
    >>> len(np.unique(names[inner.test])), len(np.unique(names[inner.train]))
    (1, 3)
    """
    people = [SAME_PERSON.get(str(name), str(name)) for name in records[split.train]]
    names, of = np.unique(people, return_inverse=True)
    classes = labels[split.train]
    counts = np.zeros((len(names), int(classes.max(initial=0)) + 1))  # (people, classes)
    np.add.at(counts, (of, classes), 1)
    rng = np.random.default_rng(seed)
    everybody = np.tile(np.arange(len(names)), (draws, 1))
    drawn = rng.permuted(everybody, axis=1)[:, : max(round(share * len(names)), 1)]
    part, whole = counts[drawn].sum(axis=1), counts.sum(axis=0)  # (draws, classes), (classes,)
    fair = ((part > 0) & (part < whole))[:, whole > 0].all(axis=1)
    if not fair.any():
        raise InputError(
            f"None of {draws} draws of {drawn.shape[1]} of {len(names)} patients has every class "
            "on both sides: take more records."
        )
    off = np.abs(part / np.maximum(whole, 1) - share)[:, whole > 0].sum(axis=1)
    aside = np.isin(of, drawn[np.where(fair, off, np.inf).argmin()])
    return Split(split.train[~aside], split.train[aside])


def half_of(record: str) -> str:
    """Say which half a record's patient belongs to: ``"DS1"`` trains, ``"DS2"`` tests.

    Raises
    ------
    InputError
        If the record is in neither.

    Examples
    --------
    >>> half_of("101"), half_of("100"), half_of("syn01")
    ('DS1', 'DS2', 'DS1')
    """
    if record.startswith("syn") and record[3:].isdigit():
        return "DS1" if int(record[3:]) % 2 else "DS2"
    if record in DS1:
        return "DS1"
    if record in DS2:
        return "DS2"
    raise InputError(f"Record {record} is in neither DS1 nor DS2: leave it out.")


def patient_split(records: NDArray[np.str_], strict: bool = False) -> Split:
    """Train on the patients of DS1, test on those of DS2 (de Chazal et al. 2004).

    Parameters
    ----------
    records
        Shape (n,): name of each beat's record.
    strict
        Leave record 202 out of DS2: its patient is also record 201, in DS1, so that the split as
        published leaks one person.

    Raises
    ------
    InputError
        If a record belongs to neither half.
    """
    halves = {str(name): half_of(str(name)) for name in np.unique(records)}
    if strict:
        halves = {name: half for name, half in halves.items() if name not in SAME_PERSON}
    half = np.array([halves.get(str(name), "") for name in records])
    split = Split(np.flatnonzero(half == "DS1"), np.flatnonzero(half == "DS2"))
    if strict:
        check_patients(split, records)
    return split


def check_patients(split: Split, records: Sequence[str] | NDArray[np.str_]) -> None:
    """Refuse a split that has beats of one person on both sides.

    Raises
    ------
    InputError
        Naming the records concerned.

    Examples
    --------
    >>> check_patients(Split(np.array([0]), np.array([1])), ["201", "202"])
    Traceback (most recent call last):
    ...
    ecgkit.InputError: Both halves hold beats of the patient of record 201, ...
    """
    people = np.array([SAME_PERSON.get(str(name), str(name)) for name in records])
    shared = np.intersect1d(people[split.train], people[split.test])
    if len(shared):
        raise InputError(
            f"Both halves hold beats of the patient of record {', '.join(shared)}, so the test "
            "would not be on new patients. Use splits.patient_split(records, strict=True)."
        )
