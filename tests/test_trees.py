"""Boosted trees as a network, their mean with a network, and the study of people."""

import numpy as np
import pytest
import strangers  # of book/tools
import torch

from ecgbook.studies import people
from ecgkit import Beats, InputError, Preparation
from ecgkit.data.features import MEDIAN_FEATURES, compute_features
from ecgkit.evaluate import metrics
from ecgkit.nn.models import build
from ecgkit.nn.trees import Mixture, Trees
from ecgkit.train.boosting import fit_trees, thin_out
from ecgkit.train.fit import predict


def by_hand():
    """One round of four trees: that of S asks whether feature 1 is at most 0.5."""
    integers = {"feature": [0, 1, 0, 0, 0, 0], "left": [0, 2, 2, 3, 4, 5]}
    integers |= {"right": [0, 3, 2, 3, 4, 5], "root": [0, 1, 4, 5]}
    numbers = {"threshold": [0, 0.5, 0, 0, 0, 0], "value": [1.0, 0.0, 2.0, -2.0, 0.25, 0.5]}
    numbers["bias"] = [0.0, 1.0, 0.0, 0.0]
    state = {name: torch.tensor(x, dtype=torch.int32) for name, x in integers.items()}
    return state | {name: torch.tensor(x) for name, x in numbers.items()}


def test_a_beat_walks_to_the_leaf_that_its_features_lead_to():
    trees = Trees(2, depth=1)
    trees.load_state_dict(by_hand())
    features = torch.tensor([[9.0, 0.5], [9.0, 0.6]])  # at most the threshold goes left
    assert trees(None, features).tolist() == [[1.0, 3.0, 0.25, 0.5], [1.0, -1.0, 0.25, 0.5]]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("left", [0, 6, 2, 3, 4, 5]),
        ("feature", [0, 2, 0, 0, 0, 0]),
        ("root", [0, 1, 4]),
        ("value", [1.0]),
    ],
)
def test_trees_that_lead_nowhere_are_refused(name, wrong):
    state = by_hand()
    state[name] = torch.tensor(wrong, dtype=state[name].dtype)
    with pytest.raises(RuntimeError, match="not there"):
        Trees(2).load_state_dict(state)


def table(n=900):
    """Beats whose class follows from the signs of two of three random features."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((n, 3)).astype(np.float32)
    symbols = np.array(list("NAVF"))[(features[:, 0] > 0) + 2 * (features[:, 1] > 0)]
    records = np.repeat(["100", "201", "202"], n // 3)
    times = (np.arange(n), np.ones(n, np.float32), np.ones(n, np.float32))
    signals = np.zeros((n, 180), np.float32)
    labels = np.array(["NAVF".index(symbol) for symbol in symbols], np.int8)
    how = Preparation(features=MEDIAN_FEATURES[:3])
    return Beats(signals, features, labels, symbols, records, *times, how, "mitdb", "none")


def test_fitted_trees_answer_as_scikit_learn_does(monkeypatch):
    import sklearn.ensemble

    kept = []

    class Keeper(sklearn.ensemble.HistGradientBoostingClassifier):  # type: ignore[misc]
        def fit(self, *args, **kwargs):
            kept.append(self)
            return super().fit(*args, **kwargs)

    monkeypatch.setattr(sklearn.ensemble, "HistGradientBoostingClassifier", Keeper)
    beats = table()
    trees = fit_trees(beats, rounds=10)
    answers = predict(trees, beats.signals, beats.features)
    assert np.abs(answers - kept[0].predict_proba(beats.features)).max() < 1e-6
    assert (answers.argmax(axis=1) == beats.labels).mean() > 0.97


def test_all_beats_but_n_are_kept_and_those_of_n_stand_for_the_others():
    beats = table()
    rows, counts = thin_out(beats, most=30)
    thin = beats.select(rows)
    assert (np.diff(rows) > 0).all()
    assert (thin.labels != 0).sum() == (beats.labels != 0).sum()
    assert [(thin.records[thin.labels == 0] == r).sum() for r in ("100", "201", "202")] == [30] * 3
    assert counts[thin.labels == 0].sum() == pytest.approx((beats.labels == 0).sum())


def test_a_mixture_is_the_mean_of_both_probabilities():
    torch.manual_seed(0)
    trees = Trees(2)
    trees.load_state_dict(by_hand())
    mixture = Mixture(build("features", 2), trees).eval()
    signals, features = torch.zeros(3, 180), torch.randn(3, 2)
    parts = [part(signals, features).softmax(dim=1) for part in (mixture.network, mixture.trees)]
    mean = (parts[0] + parts[1]) / 2
    assert torch.allclose(mixture(signals, features).softmax(dim=1), mean, atol=1e-6)
    mixture.temperature.fill_(2.0)  # softer, in the same order
    softer = mixture(signals, features).softmax(dim=1)
    assert torch.equal(softer.argsort(dim=1), mean.argsort(dim=1))
    assert (softer.max(dim=1)[0] < mean.max(dim=1)[0]).all()


def test_features_relative_to_medians_worked_out_by_hand():
    rr = np.array([np.nan, 1.0, 1.0, 1.0, 0.5, 1.5])  # the fifth beat is early, then a pause
    x = np.tile(np.sin(np.arange(180) / 10), (6, 1))
    x[4] *= -2  # and upside down, twice as large
    after = np.append(rr[1:], np.nan)
    values = compute_features(x.astype(np.float32), rr, after, MEDIAN_FEATURES)
    found = dict(zip(MEDIAN_FEATURES, values.T.tolist(), strict=True))
    half, pause = np.log(0.5), np.log(1.5)
    assert found["early_10"] == pytest.approx([0, 0, 0, 0, half, pause], abs=1e-6)
    assert found["interval"][4] == pytest.approx(half)
    assert found["pause_10"][4] == pytest.approx(pause)
    assert found["pair"][4] == pytest.approx(0, abs=1e-6)  # 0.5 + 1.5 = 2 x 1
    assert found["last_early"][5] == pytest.approx(half)
    assert found["irregular_10"][5] == pytest.approx(0, abs=1e-6)  # the median of 0, 0 and 0.69
    assert found["nearest"][4] == pytest.approx(-half)
    assert [found["fit"][i] for i in (3, 4)] == pytest.approx([1, -1], abs=1e-5)
    assert found["spread"][4] == pytest.approx(np.log(2), abs=1e-5)
    assert found["fit_last"][5] == pytest.approx(-1, abs=1e-5)
    assert found["distance"][3] == pytest.approx(0, abs=1e-6)


def test_one_person_is_in_one_fold_and_folds_are_of_one_size():
    records = np.array([*(str(n) for n in range(100, 111)), "201", "202"])
    folds = strangers.draw_folds(records)
    assert folds[-1] == folds[-2]  # 201 and 202 are one man
    assert np.bincount(folds[:-1], minlength=strangers.FOLDS).tolist() == [2] * strangers.FOLDS


def test_expected_scores_are_those_of_all_people_together():
    one, other = np.diag([8, 1, 1, 0]), np.diag([7, 0, 1, 1])
    other[0, 1] = 1
    found = strangers.expected_scores(np.array([one, other]))
    assert found["accuracy"][0] == 95.0  # 19 of 20
    assert found["ppv_S"][:1] == [50.0]
    assert found["accuracy"][1] <= 95 <= found["accuracy"][2]


@pytest.mark.parametrize("protocol", ["people mitdb", "people svdb"])
def test_published_outcomes_count_every_beat_once(protocol):
    totals = {o.matrices().sum() for row in people.ROWS for o in people.outcomes(protocol, row)}
    (total,) = totals
    assert total == {"people mitdb": 100_677, "people svdb": 95_090}[protocol]
    always = people.outcomes(protocol, "always-N")[0].matrices().sum(axis=0)
    assert metrics.accuracy(always) == always[0, 0] / total


def test_strangers_is_the_default_and_says_what_to_expect():
    from ecgkit import load_model

    classifier = load_model()
    expected = classifier.provenance.expected
    low, high = expected["accuracy"][1:]
    assert low < expected["accuracy"][0] < high
    assert classifier.preparation == people.PREPARATION
    with pytest.raises(InputError, match="features"):
        build("strangers", 0)
