"""Calibration and coverage against numbers worked out by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from ecgkit import InputError, calibration


@pytest.fixture
def beats():
    """Logits (400, 4) and labels that follow their probabilities."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 4)) * 2
    p = calibration.tempered(logits, 1)
    labels = np.array([rng.choice(4, p=row) for row in p])
    return logits, labels


def test_the_calibration_error_of_four_beats_worked_by_hand():
    # Bins of a quarter: two beats at .7 of which one is right, gap .2; two at .9, both right, .1.
    p = [[0.7, 0.3], [0.3, 0.7], [0.9, 0.1], [0.1, 0.9]]
    found = calibration.reliability(p, [0, 0, 0, 1], bins=4)
    assert found.counts.tolist() == [0, 0, 2, 2]
    np.testing.assert_allclose(found.confidence[2:], [0.7, 0.9])
    np.testing.assert_allclose(found.accuracy[2:], [0.5, 1.0])
    assert np.isnan(found.accuracy[:2]).all()
    assert found.ece == pytest.approx((2 * 0.2 + 2 * 0.1) / 4)


def test_a_confidence_of_one_falls_into_the_last_bin():
    found = calibration.reliability([[1.0, 0.0]], [0], bins=10)
    assert found.counts.tolist() == [0] * 9 + [1]
    assert found.ece == 0


def test_the_bins_are_those_of_scikit_learn(beats):
    logits, labels = beats
    p = calibration.tempered(logits, 1)
    found = calibration.reliability(p, labels, bins=10)
    theirs = calibration_curve(p.argmax(axis=1) == labels, p.max(axis=1), n_bins=10)
    full = found.counts > 0
    np.testing.assert_allclose(found.accuracy[full], theirs[0])
    np.testing.assert_allclose(found.confidence[full], theirs[1])


def test_the_likelihood_is_scikit_learn_s_log_loss(beats):
    logits, labels = beats
    for temperature in (0.5, 1, 3):
        theirs = log_loss(labels, calibration.tempered(logits, temperature), labels=range(4))
        assert calibration.nll(logits, labels, temperature) == pytest.approx(theirs)


def test_no_temperature_fits_better_than_the_one_found(beats):
    logits, labels = beats
    found = calibration.fit_temperature(logits, labels)
    others = [calibration.nll(logits, labels, t) for t in np.geomspace(0.1, 10, 200)]
    assert calibration.nll(logits, labels, found) <= min(others) + 1e-9


def test_logits_that_are_thrice_too_large_get_a_temperature_three_times_as_high(beats):
    logits, labels = beats
    once = calibration.fit_temperature(logits, labels)
    assert calibration.fit_temperature(3 * logits, labels) == pytest.approx(3 * once, rel=1e-4)


def test_a_temperature_changes_no_answer(beats):
    logits, _ = beats
    for temperature in (0.1, 10):
        answers = calibration.tempered(logits, temperature).argmax(axis=1)
        np.testing.assert_array_equal(answers, logits.argmax(axis=1))


def test_coverage_and_accuracy_of_four_beats_worked_by_hand():
    p = [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]
    # In order of confidence: row 1 right, row 2 wrong, row 3 right, row 0 right.
    coverage, accuracy = calibration.accuracy_by_coverage(p, [0, 0, 0, 1])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(accuracy, [1, 1 / 2, 2 / 3, 3 / 4])


def test_labels_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"\(2, 4\) do not go with labels of \(3,\)"):
        calibration.reliability(np.ones((2, 4)) / 4, [0, 0, 0])
