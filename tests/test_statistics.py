"""Statistics: expected values are worked out by hand, counted, or scikit-learn's."""

import math

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from ecgkit import InputError
from ecgkit.evaluate import statistics
from ecgkit.evaluate.metrics import accuracy, sensitivity

# How certain a score is


GOOD, BAD = [[5, 0], [0, 5]], [[0, 5], [5, 0]]


def test_patient_bootstrap_draws_whole_patients():
    # Accuracy 1 in the first patient and 0 in the second: a draw of two has mean 0, 1/2 or 1.
    found = statistics.patient_bootstrap([[GOOD, BAD]], accuracy, 400)
    values, times = np.unique(found, return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    assert times == pytest.approx([100, 200, 100], abs=40)  # four standard deviations


def test_all_seeds_of_a_draw_have_the_same_patients():
    found = statistics.patient_bootstrap([[GOOD, BAD], [BAD, GOOD]], accuracy, 50)
    assert set(found) == {0.5}


def test_patient_bootstrap_of_several_scores():
    matrices = [[[[8, 2], [1, 4]], [[5, 5], [0, 5]]]]
    both = statistics.patient_bootstrap(matrices, sensitivity, 50)
    assert both.shape == (50, 2)
    first = statistics.patient_bootstrap(matrices, lambda m: sensitivity(m)[0], 50)
    assert both[:, 0].tolist() == first.tolist()


# Whether two models differ


def test_interval_of_five_seeds():
    # Mean .3; squared deviations .04 .01 0 .01 .04, sum .1, / 4: sd .158114.
    # t of 97.5 % with 4 degrees of freedom is 2.776445 (any table): half width .196324.
    found = statistics.paired_difference([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.mean == pytest.approx(0.3)
    assert found.sd == pytest.approx(0.158114, abs=1e-6)
    assert (found.low, found.high) == pytest.approx((0.103676, 0.496324), abs=1e-6)
    assert found.low > 0
    assert statistics.paired_difference([-0.1, -0.2, -0.3, -0.4, -0.5]).high < 0


@pytest.mark.parametrize("values", [[0.4], [0.3, -0.2, 0.1], [0.0, 0.0]])
def test_one_seed_or_changing_signs_do_not_exclude_zero(values):
    assert not statistics.paired_difference(values).low > 0


def test_one_seed_has_no_interval():
    found = statistics.paired_difference([0.4])
    assert (found.n, found.mean) == (1, 0.4)
    assert np.isnan([found.sd, found.low, found.high]).all()


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [[1.0, 2.0]]])
def test_differences_must_be_finite_numbers(values):
    with pytest.raises(InputError):
        statistics.paired_difference(values)


def test_mcnemar_counts_the_beats_that_one_model_alone_gets_right():
    first = np.array([1] * 80 + [1] * 9 + [0] * 1 + [0] * 10, bool)
    second = np.array([1] * 80 + [0] * 9 + [1] * 1 + [0] * 10, bool)
    found = statistics.mcnemar(first, second)
    assert (found.only_first, found.only_second) == (9, 1)
    # 10 throws, 9 or more one way: 2 x (10 + 1) / 1024
    assert found.p == pytest.approx(22 / 1024)


def test_mcnemar_of_equal_models_and_of_different_beats():
    assert statistics.mcnemar([1, 0], [1, 0]).p == 1
    with pytest.raises(InputError):
        statistics.mcnemar([1, 0], [1, 0, 1])


# Whether probabilities are calibrated


@pytest.fixture
def beats():
    """Logits (400, 4), their probabilities, and labels drawn from these."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 4)) * 2
    p = softmax(logits, axis=1)
    return logits, p, np.array([rng.choice(4, p=row) for row in p])


def test_calibration_error_of_four_beats_worked_by_hand():
    # Bins of a quarter: two beats at .7 of which one is right, gap .2; two at .9, both right, .1.
    p = [[0.7, 0.3], [0.3, 0.7], [0.9, 0.1], [0.1, 0.9]]
    found = statistics.reliability(p, [0, 0, 0, 1], bins=4)
    assert found.counts.tolist() == [0, 0, 2, 2]
    np.testing.assert_allclose(found.confidence[2:], [0.7, 0.9])
    np.testing.assert_allclose(found.accuracy[2:], [0.5, 1.0])
    assert np.isnan(found.accuracy[:2]).all()
    assert found.ece == pytest.approx((2 * 0.2 + 2 * 0.1) / 4)


def test_a_confidence_of_one_is_in_the_last_bin():
    found = statistics.reliability([[1.0, 0.0]], [0], bins=10)
    assert found.counts.tolist() == [0] * 9 + [1]
    assert found.ece == 0


def test_reliability_agrees_with_scikit_learn(beats):
    _, p, labels = beats
    found = statistics.reliability(p, labels, bins=10)
    theirs = calibration_curve(p.argmax(axis=1) == labels, p.max(axis=1), n_bins=10)
    full = found.counts > 0
    np.testing.assert_allclose(found.accuracy[full], theirs[0])
    np.testing.assert_allclose(found.confidence[full], theirs[1])


def test_labels_must_match_the_probabilities():
    with pytest.raises(InputError):
        statistics.reliability(np.ones((2, 4)) / 4, [0, 0, 0])


def test_no_temperature_fits_better_than_the_fitted_one(beats):
    logits, _, labels = beats
    best = statistics.fit_temperature(logits, labels)
    others = np.geomspace(0.1, 10, 50)
    losses = [
        log_loss(labels, softmax(logits / t, axis=1), labels=range(4)) for t in (best, *others)
    ]
    assert losses[0] <= min(losses) + 1e-9
    assert statistics.fit_temperature(3 * logits, labels) == pytest.approx(3 * best, rel=1e-4)


def test_coverage_and_accuracy_of_four_beats_worked_by_hand():
    p = [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]
    # In order of confidence: row 1 right, row 2 wrong, row 3 right, row 0 right.
    coverage, share = statistics.accuracy_by_coverage(p, [0, 0, 0, 1])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(share, [1, 1 / 2, 2 / 3, 3 / 4])
