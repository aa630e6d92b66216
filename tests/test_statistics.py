"""Statistics: expected values are worked out by hand, counted, or scikit-learn's."""

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
    seeds = [[GOOD, BAD], [BAD, GOOD]]  # all seeds of a draw have the same patients
    assert set(statistics.patient_bootstrap(seeds, accuracy, 50)) == {0.5}


def test_patient_bootstrap_of_several_scores():
    matrices = [[[[8, 2], [1, 4]], [[5, 5], [0, 5]]]]
    both = statistics.patient_bootstrap(matrices, sensitivity, 50)
    assert both.shape == (50, 2)
    first = statistics.patient_bootstrap(matrices, lambda m: sensitivity(m)[0], 50)
    assert both[:, 0].tolist() == first.tolist()


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
    assert statistics.reliability([[1.0, 0.0]], [0], bins=3).counts.tolist() == [0, 0, 1]
    with pytest.raises(InputError):
        statistics.reliability(p, [0, 0, 0])


def test_reliability_agrees_with_scikit_learn(beats):
    _, p, labels = beats
    found = statistics.reliability(p, labels, bins=10)
    theirs = calibration_curve(p.argmax(axis=1) == labels, p.max(axis=1), n_bins=10)
    full = found.counts > 0
    np.testing.assert_allclose(found.accuracy[full], theirs[0])
    np.testing.assert_allclose(found.confidence[full], theirs[1])


def test_no_temperature_fits_better_than_the_fitted_one(beats):
    logits, _, labels = beats
    best = statistics.fit_temperature(logits, labels)
    others = np.geomspace(0.1, 10, 50)
    losses = [
        log_loss(labels, softmax(logits / t, axis=1), labels=range(4)) for t in (best, *others)
    ]
    assert losses[0] <= min(losses) + 1e-9
    assert statistics.fit_temperature(3 * logits, labels) == pytest.approx(3 * best, rel=1e-4)
