"""The tables of page 13: with and without one record, intervals over people."""

import numpy as np
import pytest

from ecgbook import new_patients
from ecgbook.studies.people import Outcome

EASY = [[8, 0, 0, 0], [0, 2, 0, 0], [0, 0, 5, 0], [0] * 4]  # all right
HARD = [[1, 3, 0, 0], [6, 0, 0, 0], [5, 0, 0, 0], [0] * 4]  # 1 of 15 right
BY_RECORD = {mapping: {"100": EASY, "232": HARD} for mapping in ("literature", "ec57")}
OUTCOMES = [Outcome("ds1-ds2", "trees", seed, "clean", BY_RECORD) for seed in range(2)]


def test_scores_with_and_without_one_record():
    records = np.repeat(["100", "232"], 10)
    labels, predicted = (
        np.repeat([0, 1, 0, 1], [8, 2, 4, 6]),
        np.repeat([0, 1, 0, 1, 0], [8, 2, 1, 3, 6]),
    )
    (line,) = new_patients.score_table({"a": (labels, predicted, records)}, "232").to_numpy()
    # F1 of S: 2 of 8 found, 3 of N called S: 2 x 2 / (2 x 2 + 6 + 3) = .308
    assert line[[0, 2, 3, 5]].tolist() == [55, 30.8, 100, 100]
    assert line[-1] == "3 of 4"


def test_intervals_over_people_reach_from_the_hard_to_the_easy_one():
    mean, low, high = new_patients.with_interval(OUTCOMES)
    assert mean == pytest.approx([100 * 16 / 30, 100 * 2 / 3, 100 * 4 / 13])
    assert (low[0], high[0]) == pytest.approx((100 / 15, 100))  # one of them twice
    assert new_patients.with_interval(OUTCOMES, without=["232"])[:, 0].tolist() == [100] * 3
    assert "3 of 4" in new_patients.outcome_table({"trees": OUTCOMES}).to_string()


def test_the_table_of_ec57_has_both_mappings():
    line = new_patients.ec57_table(OUTCOMES).loc["SVEB Se"].tolist()
    assert line == ["25.0 (0.0 to 100.0)", "50.0"] * 2  # gross 2 of 8, average of 1 and 0
