"""Halves never overlap, and no patient is on both sides where that is promised."""

import numpy as np
import pytest

from ecgkit import InputError, splits
from ecgkit.splits import (
    Split,
    check_patients,
    patient_split,
    random_split,
    validation_patients,
    validation_split,
)

LABELS = np.repeat(np.arange(4, dtype=np.int8), [1000, 101, 50, 7])

# Paper, section II-A: MIT-BIH's 48 records, less the four with paced beats.
_1XX = "100 101 103 105 106 108 109 111 112 113 114 115 116 117 118 119 121 122 123 124"
_20X, _22X = (
    "200 201 202 203 205 207 208 209 210 212 213 214 215 219",
    "220 221 222 223 228 230 231 232 233 234",
)
FORTY_FOUR = {*_1XX.split(), *_20X.split(), *_22X.split()}


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


# Random


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_a_random_split_has_every_beat_on_one_side_and_none_on_both(seed):
    split = random_split(LABELS, seed)
    assert np.union1d(split.train, split.test).tolist() == list(range(len(LABELS)))
    assert len(split.train) + len(split.test) == len(LABELS)
    assert (np.diff(split.train) > 0).all()
    assert (np.diff(split.test) > 0).all()


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_both_halves_have_the_same_share_of_every_class_within_one_beat(seed):
    split = random_split(LABELS, seed)
    train, test = np.bincount(LABELS[split.train]), np.bincount(LABELS[split.test])
    assert np.abs(train - test).max() <= 1
    assert (train + test).tolist() == [1000, 101, 50, 7]


def test_a_seed_decides_the_split():
    assert random_split(LABELS, 3).hash == random_split(LABELS, 3).hash
    assert len({random_split(LABELS, seed).hash for seed in range(10)}) == 10


def test_a_split_shuffles_rather_than_cuts():
    # A cut through the middle of 1000 beats would leave one half without odd rows nearby.
    test = random_split(LABELS, 0).test
    first, second = (test < 500).sum(), ((test >= 500) & (test < 1000)).sum()
    assert abs(first - 250) < 60  # four standard deviations of a draw without replacement: 32
    assert first + second == 500


def test_the_hash_changes_with_one_row_on_another_side():
    assert Split(rows(0, 1), rows(2, 3)).hash != Split(rows(0, 2), rows(1, 3)).hash
    assert Split(rows(0, 1), rows(2)).hash != Split(rows(0), rows(1, 2)).hash
    assert len(Split(rows(0), rows(1)).hash) == 16


def test_halves_that_overlap_are_refused():
    with pytest.raises(InputError, match="2 beats are in both halves, the first in row 2"):
        Split(rows(0, 2, 3), rows(1, 2, 3))


def test_a_class_of_one_beat_cannot_be_on_both_sides():
    with pytest.raises(InputError, match=r"Class S, F has too few beats for both halves"):
        random_split(np.array([0, 0, 0, 1, 2, 2, 3]), 0)


@pytest.mark.parametrize(
    ("labels", "seed", "fraction"),
    [([0, 0, 1, 1, 2, 2], 0, 0.1), ([0, 0], -1, 0.5), ([0, 0], 0, 1.0)],
)
def test_what_cannot_be_split_is_refused_in_a_sentence(labels, seed, fraction):
    with pytest.raises(InputError, match=f"{len(labels)} beats cannot be split"):
        random_split(np.array(labels), seed, fraction)


def test_the_validation_part_is_a_tenth_of_the_training_half_and_never_of_the_test_half():
    split = random_split(LABELS, 0)
    inner = validation_split(split, LABELS, seed=5)
    assert np.union1d(inner.train, inner.test).tolist() == split.train.tolist()
    assert not np.intersect1d(inner.test, split.test).size
    assert len(inner.test) == 58  # a tenth of 579, rounded up
    assert np.bincount(LABELS[inner.test])[:3] == pytest.approx([50, 5, 2.5], abs=1)


# Between patients


def test_ds1_and_ds2_hold_22_records_each_and_together_the_44():
    assert len(FORTY_FOUR) == 44
    assert len(splits.DS1) == len(splits.DS2) == 22
    assert set(splits.DS1) | set(splits.DS2) == FORTY_FOUR


def test_a_record_trains_or_tests_whole():
    names = np.array(["100", "101", "100", "234", "230"])
    split = patient_split(names)
    assert split.train.tolist() == [1, 4]
    assert split.test.tolist() == [0, 2, 3]


def test_the_synthetic_patients_alternate():
    assert [splits.half_of(f"syn{n:02}") for n in (1, 2, 11, 12)] == ["DS1", "DS2", "DS1", "DS2"]


@pytest.mark.parametrize("name", ["102", "107", "300", "synth", ""])
def test_a_record_of_neither_half_is_refused(name):
    with pytest.raises(InputError, match=rf"Record {name} is in neither DS1 nor DS2"):
        patient_split(np.array(["100", name]))


def test_the_published_split_has_one_person_on_both_sides_and_the_strict_one_does_not():
    # MIT-BIH's directory of records: 201 and 202 were taken from the same man.
    names = np.array(sorted(FORTY_FOUR))
    published, strict = patient_split(names), patient_split(names, strict=True)
    assert "201" in names[published.train]
    assert "202" in names[published.test]
    with pytest.raises(InputError, match=r"patient of record 201, .*strict=True"):
        check_patients(published, names)
    check_patients(strict, names)
    left_out = set(names) - set(names[strict.train]) - set(names[strict.test])
    assert left_out == {"202"}


def test_a_random_split_over_beats_is_no_split_between_patients():
    names = np.repeat(["100", "101"], 50)
    with pytest.raises(InputError, match=r"patient of record 100, 101"):
        check_patients(random_split(np.zeros(100, np.int8), 0), names)
    check_patients(Split(np.arange(50), np.arange(50, 100)), names)


def people():
    """Twelve records of 100 beats, named as in DS1; c has all but two of class 2."""
    names = np.repeat(["101", "106", "108", "201", "202", *"abcdefg"], 100)
    labels = np.tile(np.repeat([0, 1], [90, 10]), 12)
    labels[(names == "c") & (labels == 1)] = 2
    labels[np.flatnonzero((names == "a") | (names == "b"))[::100]] = 2
    return names, labels.astype(np.int8)


@pytest.mark.parametrize("seed", range(5))
def test_validation_takes_whole_patients_and_every_class_is_on_both_sides(seed):
    names, labels = people()
    half = Split(np.arange(1200), np.empty(0, np.int64))
    inner = validation_patients(half, labels, names, seed)
    assert np.union1d(inner.train, inner.test).tolist() == list(range(1200))
    assert not set(names[inner.train]) & set(names[inner.test])
    check_patients(inner, names)  # 201 and 202 are on one side
    for part in (inner.train, inner.test):
        assert set(labels[part]) == {0, 1, 2}
    assert len(set(names[inner.test]) - {"202"}) in (2, 3)  # a quarter of eleven people


def test_a_seed_decides_the_validation_patients():
    names, labels = people()
    half = Split(np.arange(1200), np.empty(0, np.int64))
    drawn = [validation_patients(half, labels, names, seed).hash for seed in (0, 0, *range(1, 9))]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


def test_the_draw_is_taken_in_which_each_class_is_divided_most_evenly():
    # Four patients, one of whom is to go aside; b alone has a quarter of both classes.
    names = np.repeat(list("abcd"), [50, 25, 15, 10])
    labels = np.zeros(100, np.int8)
    labels[[0, 1, 50, 80]] = 1  # two of a, one of b, one of c
    inner = validation_patients(Split(np.arange(100), np.arange(0)), labels, names, 0)
    assert set(names[inner.test]) == {"b"}


def test_a_class_of_one_patient_cannot_be_on_both_sides():
    names, labels = np.repeat(["a", "b", "c"], 4), np.zeros(12, np.int8)
    labels[:2] = 1
    with pytest.raises(InputError, match="None of 40 draws of 1 of 3 patients has every class"):
        validation_patients(Split(np.arange(12), np.arange(0)), labels, names, 0)


def test_on_mit_bih_validation_patients_are_of_ds1(mitdb_beats):
    beats = mitdb_beats.relabelled("literature").without_q()
    half = patient_split(beats.records)
    for seed in range(5):
        inner = validation_patients(half, beats.labels, beats.records, seed)
        assert set(beats.records[inner.test]) < set(splits.DS1)
        share = np.bincount(beats.labels[inner.test]) / np.bincount(beats.labels[half.train])
        assert (share[:3] > 0.1).all()
        assert (share[:3] < 0.4).all()
        assert 0 < share[3] < 1


def test_on_mit_bih_both_splits_do_as_they_promise(mitdb_beats):
    beats = mitdb_beats.without_q()
    split = random_split(beats.labels, 0)
    train, test = np.bincount(beats.labels[split.train]), np.bincount(beats.labels[split.test])
    assert np.abs(train - test).max() <= 1
    assert len(np.intersect1d(split.train, split.test)) == 0
    check_patients(patient_split(beats.records, strict=True), beats.records)
