"""Training and test halves: random over beats, or between patients; and checks against leakage."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ecgkit import InputError
from ecgkit.data.sources import SYNTHETIC

_DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
_DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
#: The two halves of MIT-BIH's patients (de Chazal et al. 2004, doi:10.1109/TBME.2004.827359).
DS1, DS2 = tuple(_DS1.split()), tuple(_DS2.split())
_HALVES = dict.fromkeys((*DS1, *SYNTHETIC[::2]), "DS1")
_HALVES |= dict.fromkeys((*DS2, *SYNTHETIC[1::2]), "DS2")
#: Records of a person who is in another record too (MIT-BIH's directory of records).
SAME_PERSON = {"202": "201"}


@dataclass(frozen=True)
class Split:
    """Row numbers of the two halves of a table of beats: increasing, int64, disjoint."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(common := np.intersect1d(self.train, self.test)):
            found = f"{len(common)} beats are in both halves, the first in row {common[0]}"
            raise InputError(f"{found}: make these disjoint.")

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of both halves."""
        train, test = (half.astype("<i8").tobytes() for half in (self.train, self.test))
        return hashlib.sha256(train + b"|" + test).hexdigest()[:16]


def random_split(labels: NDArray[np.int8], seed: int, test_fraction: float = 0.5) -> Split:
    """Split beats at random, with the same share of every class on both sides.

    Beats of every patient are on both sides, which makes the test easy (paper, section IV-A).
    InputError if a class has fewer than two beats, or a side would have fewer beats than classes.

    >>> split = random_split(np.array([0] * 6 + [1] * 4), seed=0)
    >>> len(split.train), len(split.test)
    (5, 5)
    """
    how = {"test_size": test_fraction, "random_state": seed, "stratify": labels}
    try:
        train, test = train_test_split(np.arange(len(labels)), **how)
    except ValueError as error:
        raise InputError(
            f"{len(labels)} beats cannot be split with a test share of {test_fraction:g} and seed "
            f"{seed} ({error}). Take more beats, a share between 0 and 1, a seed from 0 on."
        ) from error
    return Split(np.sort(train), np.sort(test))


def half_of(record: str) -> str:
    """Say which half a record's patient belongs to: ``"DS1"`` trains, ``"DS2"`` tests."""
    if record not in _HALVES:
        raise InputError(f"Record {record} is in neither DS1 nor DS2: leave it out.")
    return _HALVES[record]


def person_of(records: Sequence[str] | NDArray[np.str_]) -> NDArray[np.str_]:
    """Name of the first record of each record's person, shape (n,).

    >>> person_of(["201", "202", "203"]).tolist()
    ['201', '201', '203']
    """
    return np.array([SAME_PERSON.get(str(name), str(name)) for name in records])


def patient_split(records: NDArray[np.str_], strict: bool = False) -> Split:
    """Train on the patients of DS1, test on those of DS2 (de Chazal et al. 2004).

    ``records`` names each beat's record. As published, the split leaks one person, who is record
    201 in DS1 and 202 in DS2; ``strict`` leaves 202 out.
    """
    half = np.array([half_of(str(name)) for name in records])
    if strict:
        half[np.isin(records, list(SAME_PERSON))] = ""
    return Split(np.flatnonzero(half == "DS1"), np.flatnonzero(half == "DS2"))


def validation_split(
    split: Split, labels: NDArray[np.int8], seed: int, people: NDArray[np.str_] | None = None
) -> Split:
    """Set part of the training half aside, to make choices on; the test half stays unseen.

    Returns the rest of the training half, and what is set aside, as rows of the whole table, whose
    ``labels`` and ``people`` (from :func:`person_of`) are given, shape (n,). With people, a quarter
    of them is set aside: of 40 draws the one whose share of every class is nearest to a quarter;
    InputError if none has every class on both sides. Without, a tenth of the beats.
    """
    classes = labels[split.train]
    if people is None:
        inner = random_split(classes, seed, 0.1)
        return Split(split.train[inner.train], split.train[inner.test])
    names, person = np.unique(people[split.train], return_inverse=True)
    counts = np.zeros((len(names), int(classes.max(initial=0)) + 1))  # (people, classes)
    np.add.at(counts, (person, classes), 1)
    # Not StratifiedGroupKFold: its shuffle leaves these people where they are, and its
    # folds are the same for every seed.
    everybody, quarter = np.tile(np.arange(len(names)), (40, 1)), max(round(len(names) / 4), 1)
    drawn = np.random.default_rng(seed).permuted(everybody, axis=1)[:, :quarter]
    aside, whole = counts[drawn].sum(axis=1), counts.sum(axis=0)  # (draws, classes), (classes,)
    valid = ((aside > 0) & (aside < whole))[:, whole > 0].all(axis=1)
    if not valid.any():
        who = f"{len(names)} patients"
        raise InputError(f"No draw of {who} has every class on both sides: take more records.")
    off = np.abs(aside / np.maximum(whole, 1) - 0.25)[:, whole > 0].sum(axis=1)
    chosen = np.isin(person, drawn[np.where(valid, off, np.inf).argmin()])
    return Split(split.train[~chosen], split.train[chosen])


def check_patients(split: Split, records: Sequence[str] | NDArray[np.str_]) -> None:
    """Raise InputError if a split has beats of one person on both sides."""
    people = person_of(records)
    shared = np.intersect1d(people[split.train], people[split.test])
    if len(shared):
        found = f"Both halves hold beats of the patient of record {', '.join(shared)}"
        raise InputError(f"{found}: use patient_split(records, strict=True).")
