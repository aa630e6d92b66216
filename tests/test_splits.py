"""Halves never overlap, and no patient is on both sides where that is promised."""

import numpy as np
import pytest

from ecgkit import InputError
from ecgkit.data.splits import (
    DS1,
    DS2,
    Split,
    check_patients,
    half_of,
    patient_split,
    person_of,
    random_split,
    validation_split,
)

LABELS = np.repeat(np.arange(4, dtype=np.int8), [1000, 101, 50, 7])

# Paper, section II-A: MIT-BIH's 48 records, less the four with paced beats.
_1XX = "100 101 103 105 106 108 109 111 112 113 114 115 116 117 118 119 121 122 123 124"
_2XX = "200 201 202 203 205 207 208 209 210 212 213 214 215 219 220 221 222 223 228 230 231 232"
FORTY_FOUR = {*_1XX.split(), *_2XX.split(), "233", "234"}


@pytest.mark.parametrize("seed", [0, 7])
def test_a_random_split_has_every_beat_once_and_each_class_on_both_sides_alike(seed):
    split = random_split(LABELS, seed)
    assert np.union1d(split.train, split.test).tolist() == list(range(len(LABELS)))
    assert len(split.train) + len(split.test) == len(LABELS)
    assert (np.diff(split.train) > 0).all()
    assert (np.diff(split.test) > 0).all()
    train, test = np.bincount(LABELS[split.train]), np.bincount(LABELS[split.test])
    assert np.abs(train - test).max() <= 1


def test_a_seed_decides_the_split_and_shuffles():
    assert random_split(LABELS, 3).hash == random_split(LABELS, 3).hash
    assert len({random_split(LABELS, seed).hash for seed in range(10)}) == 10
    # A cut through the middle of the 1000 N would leave 500 or none of the first half in the test.
    assert abs((random_split(LABELS, 0).test < 500).sum() - 250) < 60  # four standard deviations


def test_halves_that_overlap_are_refused():
    with pytest.raises(InputError, match="row 2"):
        Split(np.array([0, 2, 3]), np.array([1, 2, 3]))


@pytest.mark.parametrize(
    ("labels", "seed", "fraction"),
    [
        *(([0, 0, 0, 1, 2, 2, 3], 0, 0.5), ([], 0, 0.5), ([0], 0, 0.5)),  # too few of a class
        *(([0, 0, 1, 1, 2, 2], 0, 0.1), ([0, 0], -1, 0.5), ([0, 0], 0, 1.0)),
    ],
)
def test_what_cannot_be_split_is_refused(labels, seed, fraction):
    with pytest.raises(InputError):
        random_split(np.array(labels, np.int8), seed, fraction)


def test_validation_beats_are_a_tenth_of_the_training_half():
    split = random_split(LABELS, 0)
    inner = validation_split(split, LABELS, seed=5)
    assert np.union1d(inner.train, inner.test).tolist() == split.train.tolist()
    assert len(inner.test) == 58  # a tenth of 579, rounded up
    assert np.bincount(LABELS[inner.test])[:3] == pytest.approx([50, 5, 2.5], abs=1)


# Between patients


def test_ds1_and_ds2_hold_22_records_each_and_together_the_44():
    assert len(FORTY_FOUR) == 44
    assert len(DS1) == len(DS2) == 22
    assert set(DS1) | set(DS2) == FORTY_FOUR
    split = patient_split(np.array(["100", "101", "100", "234", "230"]))
    assert (split.train.tolist(), split.test.tolist()) == ([1, 4], [0, 2, 3])


def test_synthetic_patients_alternate_and_other_names_are_in_neither_half():
    halves = [half_of(f"syn{n:02}") for n in range(1, 13)]
    assert halves == 6 * ["DS1", "DS2"]
    for name in ("102", "107", "300", "syn13", "syn00", "syn", "synth1", "syn01x", ""):
        with pytest.raises(InputError, match=f"Record {name} "):
            patient_split(np.array(["100", name]))


def test_the_published_split_has_one_person_on_both_sides_and_the_strict_one_does_not():
    # MIT-BIH's directory of records: 201 and 202 were taken from the same man.
    names = np.array(sorted(FORTY_FOUR))
    published, strict = patient_split(names), patient_split(names, strict=True)
    assert "201" in names[published.train]
    assert "202" in names[published.test]
    with pytest.raises(InputError, match="201"):
        check_patients(published, names)
    check_patients(strict, names)
    assert set(names) - set(names[strict.train]) - set(names[strict.test]) == {"202"}


@pytest.mark.parametrize("seed", range(4))
def test_validation_takes_a_quarter_of_the_people_whole_and_has_every_class(seed):
    names = np.repeat(["101", "106", "108", "201", "202", *"abcdefg"], 100)
    labels = np.tile(np.repeat([0, 1], [90, 10]), 12)
    labels[(names == "c") & (labels == 1)] = 2  # class 2 is c's alone, but for two beats
    labels[np.flatnonzero((names == "a") | (names == "b"))[::100]] = 2
    half = Split(np.arange(1200), np.empty(0, np.int64))
    people = person_of(names)
    inner = validation_split(half, labels, seed, people)
    assert np.union1d(inner.train, inner.test).tolist() == list(range(1200))
    check_patients(inner, names)  # 201 and 202 are on one side
    assert set(labels[inner.train]) == set(labels[inner.test]) == {0, 1, 2}
    assert len(set(people[inner.test])) in (2, 3, 4)
    assert validation_split(half, labels, seed, people).hash == inner.hash


def test_on_mit_bih_the_halves_have_de_chazals_numbers_and_validation_every_class(mitdb_beats):
    # De Chazal et al. 2004, table II, in the mapping of the literature: DS1 944 S, 3,788 V, 415 F;
    # DS2 1,837 S, 3,221 V, 388 F. One V and one F lie too close to the end of their records.
    beats = mitdb_beats.relabel("literature").without_q()
    half = patient_split(beats.records)
    train, test = (np.bincount(beats.labels[rows])[1:] for rows in (half.train, half.test))
    assert (train + test).tolist() == [944 + 1837, 3788 + 3221 - 1, 415 + 388 - 1]
    assert np.abs(train - [944, 3788, 415]).max() <= 1
    for seed in range(3):
        inner = validation_split(half, beats.labels, seed, person_of(beats.records))
        assert set(beats.records[inner.test]) < set(DS1)
        assert np.bincount(beats.labels[inner.test]).min() > 0
