"""Statistics: expected values are worked out by hand, counted, or scikit-learn's."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

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


def test_no_temperature_fits_better_than_the_fitted_one(beats):
    logits, _, labels = beats
    best = statistics.fit_temperature(logits, labels)
    others = np.geomspace(0.1, 10, 50)
    losses = [
        log_loss(labels, softmax(logits / t, axis=1), labels=range(4)) for t in (best, *others)
    ]
    assert losses[0] <= min(losses) + 1e-9
    assert statistics.fit_temperature(3 * logits, labels) == pytest.approx(3 * best, rel=1e-4)
