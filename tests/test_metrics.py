"""Scores of a confusion matrix: worked by hand, from the paper's tables, and scikit-learn's."""

import json
import math

import numpy as np
import pytest
import sklearn.metrics

from ecgbook.paper_tables import TABLE_I, TABLE_II
from ecgkit import InputError
from ecgkit.evaluate import metrics

# Rows reference, columns predicted, N S V F; 60 beats.
#      TP  FN  FP  TN
#  N   30   6   6  18
#  S    4   4   4  48
#  V    9   1   3  47
#  F    3   3   1  53
BY_HAND = [
    [30, 4, 2, 0],
    [3, 4, 0, 1],
    [1, 0, 9, 0],
    [2, 0, 1, 3],
]

# By hand


def test_equations_4_5_and_6_and_the_share_of_correct_beats():
    by_class = {
        metrics.sensitivity: [30 / 36, 4 / 8, 9 / 10, 3 / 6],
        metrics.ppv: [30 / 36, 4 / 8, 9 / 12, 3 / 4],
        metrics.binary_accuracy: [48 / 60, 52 / 60, 56 / 60, 56 / 60],  # (TP + TN) / 60
        metrics.accuracy: 46 / 60,
    }
    for score, expected in by_class.items():
        np.testing.assert_allclose(score(BY_HAND), expected, rtol=1e-15)


def test_the_report_of_the_matrix_by_hand():
    report = metrics.report(BY_HAND)
    se, ppv = (30 / 36 + 0.5 + 0.9 + 0.5) / 4, (30 / 36 + 0.5 + 0.75 + 0.75) / 4
    f1_of_means, mean_f1 = 2 * se * ppv / (se + ppv), (60 / 72 + 8 / 16 + 18 / 22 + 6 / 10) / 4
    assert report.scores()["binary_accuracy"] == pytest.approx(212 / 240)
    assert report.accuracy == pytest.approx(46 / 60)
    found = report.to_dict()
    assert found.keys() == {"accuracy", "confusion_matrix", "classes", "macro"}
    assert found["confusion_matrix"] == BY_HAND
    assert list(found["classes"]) == ["N", "S", "V", "F"]
    assert found["classes"]["V"] == pytest.approx({"se": 9 / 10, "ppv": 9 / 12, "f1": 18 / 22})
    assert found["macro"] == pytest.approx(
        {"se": se, "ppv": ppv, "f1_of_means": f1_of_means, "mean_f1": mean_f1}
    )
    assert report.macro.f1_of_means == pytest.approx(0.6956, abs=5e-5)
    assert report.macro.mean_f1 == pytest.approx(0.6879, abs=5e-5)
    scores = report.scores()  # the same under flat names
    assert (scores["se_V"], scores["ppv_S"], scores["f1_F"]) == pytest.approx((0.9, 0.5, 0.6))
    assert scores["mean_f1"] == report.macro.mean_f1
    assert scores["j_kappa"] == metrics.j_kappa(BY_HAND)
    assert len(scores) == 8 + 4 * 3


# The paper's tables: its own row of Table I, Se and P+ of N, S, V and F; beats of the test half

_, _, *BOTH = TABLE_I["ResNet-TCN, paper"]
SE, PPV = np.reshape(BOTH, (4, 2)).T
COUNTS = np.array([44_920.5, 1513, 3504, 401])  # half of 89841, 3026, 7008 and 802


def test_table_2s_f1_is_the_harmonic_mean_of_its_se_and_ppv():
    for _, se, ppv, f1 in TABLE_II.values():
        assert round(float(metrics.f1(se, ppv)), 2) == f1


def test_table_1s_mean_class_f1_is_924_and_its_macro_se_9155_not_those_of_table_2():
    # By hand: 0.994, 1.62626/1.807 = 0.9033, 0.9685, 1.38121/1.665 = 0.8296
    np.testing.assert_allclose(metrics.f1(SE, PPV), [0.994, 0.9033, 0.9685, 0.8296], atol=5e-5)
    assert round(metrics.f1(SE, PPV).mean(), 3) == 0.924
    assert SE.mean() == pytest.approx(0.9155)
    assert abs(SE.mean() - 0.9169) > 0.0005  # the most that four rounded shares can hide
    assert abs(PPV.mean() - 0.9334) < 0.0005  # its P+ does follow, within the rounding


def test_the_papers_accuracy_is_trace_over_total_not_the_mean_of_equation_6():
    tp = COUNTS * SE
    fn, fp, total = COUNTS - tp, tp / PPV - tp, COUNTS.sum()
    trace_over_total = tp.sum() / total
    mean_of_equation_6 = np.mean(1 - (fn + fp) / total)
    assert round(100 * trace_over_total, 2) == 98.82
    assert round(100 * mean_of_equation_6, 2) == 99.41
    # The recalls are rounded to half a thousandth: 98.84 can be the one, and not the other.
    assert abs(trace_over_total - 0.9884) < 0.0005 < abs(mean_of_equation_6 - 0.9884)
    # The table is at one with itself: what is missed in one class is false in another.
    assert fn.sum() == pytest.approx(fp.sum(), rel=0.01)


# Undefined scores

NO_S = [[5, 0, 1, 0], [0, 0, 0, 0], [0, 2, 4, 0], [0, 0, 0, 3]]
NEVER_CALLED_S = [[5, 0, 1, 0], [2, 0, 1, 0], [0, 0, 4, 0], [0, 0, 0, 3]]
NO_S_AT_ALL = [[5, 0, 1, 0], [0, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 3]]


@pytest.mark.parametrize(
    ("matrix", "se", "ppv", "f1", "undefined_means"),
    [
        (NO_S, None, 0.0, 0.0, {"se", "f1_of_means"}),
        (NEVER_CALLED_S, 0.0, None, 0.0, {"ppv", "f1_of_means"}),
        (NO_S_AT_ALL, None, None, None, {"se", "ppv", "f1_of_means", "mean_f1"}),
    ],
)
def test_a_class_without_beats_or_predictions(matrix, se, ppv, f1, undefined_means):
    report = metrics.report(matrix)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["classes"]["S"] == {"se": se, "ppv": ppv, "f1": f1}
    assert {key for key, value in found["macro"].items() if value is None} == undefined_means
    assert math.isnan(report.classes["S"].se) == (se is None)
    assert found["accuracy"] == np.trace(matrix) / np.sum(matrix)


def test_scores_of_no_beats_are_undefined():
    matrix = metrics.confusion_matrix([], [])
    assert matrix.tolist() == 4 * [[0, 0, 0, 0]]
    assert np.isnan(list(metrics.report(matrix).scores().values())).all()
    assert np.isnan(metrics.kappa([[7, 0], [0, 0]]))  # all alike: chance leaves nothing open


# Errors


LABELS = [([0, 1], [0]), ([[0, 1]], [[0, 1]]), ([0], [[0]]), (0, 0)]  # of different shapes
LABELS += [([0, label], [0, 1]) for label in (4, -1, 0.5, np.nan, "V")]  # out of range


@pytest.mark.parametrize("pair", LABELS, ids=str)
def test_labels_that_cannot_be(pair):
    for labels in (pair, pair[::-1]):
        with pytest.raises(InputError):
            metrics.confusion_matrix(*labels)


@pytest.mark.parametrize("shape", [(3, 3), (5, 5), (4, 5), (16,)])
def test_a_report_of_a_matrix_of_another_shape(shape):
    with pytest.raises(InputError):
        metrics.report(np.ones(shape, int))


# An independent implementation


@pytest.mark.parametrize("seed", range(5))
def test_scores_agree_with_plain_counting_and_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    reference = rng.choice(4, 500, p=[0.6, 0.15, 0.2, 0.05])
    predicted = np.where(rng.random(500) < 0.7, reference, rng.integers(0, 4, 500))
    matrix = metrics.confusion_matrix(reference, predicted)
    assert (matrix == sklearn.metrics.confusion_matrix(reference, predicted)).all()
    report = metrics.report(matrix)
    ppv, se, f1, _ = sklearn.metrics.precision_recall_fscore_support(reference, predicted)
    rows = [[row.se, row.ppv, row.f1] for row in report.classes.values()]
    np.testing.assert_allclose(rows, np.transpose([se, ppv, f1]), rtol=1e-14)
    assert report.accuracy == pytest.approx(sklearn.metrics.accuracy_score(reference, predicted))
    mean_f1 = sklearn.metrics.f1_score(reference, predicted, average="macro")
    assert report.macro.mean_f1 == pytest.approx(mean_f1)
    kappa = sklearn.metrics.cohen_kappa_score(reference, predicted)
    assert metrics.kappa(matrix) == pytest.approx(kappa)
    for c, share in enumerate(metrics.binary_accuracy(matrix)):
        expected = sklearn.metrics.accuracy_score(reference == c, predicted == c)
        assert share == pytest.approx(expected)


# Between patients


def test_j_kappa_weighs_kappa_and_the_four_scores_of_s_and_v():
    # Se of S 6/10, P+ 6/8; Se of V 9/10, P+ 9/9. Of 100 beats 93 agree; chance
    # (80 * 83 + 10 * 8 + 10 * 9) / 10^4 = 0.681.
    m = [[78, 2, 0, 0], [4, 6, 0, 0], [1, 0, 9, 0], [0, 0, 0, 0]]
    kappa = (0.93 - 0.681) / (1 - 0.681)
    j = 0.6 + 0.75 + 0.9 + 1
    assert metrics.j_kappa(m) == pytest.approx(kappa / 2 + j / 8)
