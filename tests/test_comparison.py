"""Differences between models: expected values are worked out by hand, or by counting all cases."""

import itertools
import math

import numpy as np
import pytest

from ecgkit import InputError, comparison, tables


def run(model, seed, right, split="a"):
    """A run with `right` of 10 beats correct, all of class N."""
    matrix = [[right, 10 - right, 0, 0], *3 * [[0, 0, 0, 0]]]
    return {"model": model, "seed": seed, "split_hash": split, "confusion_matrix": matrix}


def coin(n, k):
    """Two-sided p of k heads in n throws, by going through all 2**n of them."""
    heads = np.array([sum(throw) for throw in itertools.product([0, 1], repeat=n)])
    return np.mean(np.abs(heads - n / 2) >= abs(k - n / 2))


def test_the_standard_error_of_the_papers_accuracies():
    # 98.84 % of 50,338: .9884 x .0116 = .01146544; / 50,338 = 2.27769e-7; root 4.77252e-4
    assert comparison.standard_error(0.9884, 50_338) == pytest.approx(4.77252e-4, rel=1e-5)


def test_redrawn_matrices_keep_each_classs_beats_and_wander_by_the_standard_error():
    matrix = [[900, 100, 0, 0], [10, 30, 0, 0], [0, 0, 50, 0], [0, 0, 0, 0]]
    drawn = comparison.redraw(matrix, times=4000)
    assert drawn.shape == (4000, 4, 4)
    assert (drawn.sum(axis=2) == [1000, 40, 50, 0]).all()
    assert (drawn[:, 2, 2] == 50).all()  # a row without a mistake stays so
    share = drawn[:, 0, 0] / 1000
    # sqrt(.9 x .1 / 1000) = .0094868; 4000 draws give it within about 4 %
    assert share.mean() == pytest.approx(0.9, abs=0.001)
    assert share.std() == pytest.approx(0.0094868, rel=0.05)
    np.testing.assert_array_equal(drawn, comparison.redraw(matrix, times=4000))
    assert not np.array_equal(drawn[:10], comparison.redraw(matrix, 10, seed=1))


def test_student_interval_and_sign_test_of_five_seeds():
    # Mean .3; squared deviations .04 .01 0 .01 .04, sum .1, / 4: sd .158114.
    # t of 97.5 % with 4 degrees of freedom is 2.776445 (any table): half width .196324.
    found = comparison.compare([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.mean == pytest.approx(0.3)
    assert found.sd == pytest.approx(0.158114, abs=1e-6)
    assert (found.low, found.high) == pytest.approx((0.103676, 0.496324), abs=1e-6)
    assert found.p_sign == pytest.approx(1 / 16)
    assert found.larger is True
    assert found.verdict == "larger than its spread"
    down = comparison.compare([-0.1, -0.2, -0.3, -0.4, -0.5])
    assert down.larger is True


@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 3), (5, 4), (5, 2), (6, 0), (8, 6)])
def test_the_sign_test_is_that_of_a_fair_coin(n, k):
    signs = [1.0] * k + [-1.0] * (n - k)
    assert comparison.compare(signs).p_sign == pytest.approx(coin(n, k))
    # A tie is for neither side.
    assert comparison.compare([*signs, 0.0]).p_sign == pytest.approx(coin(n, k))


def test_one_seed_has_no_spread_and_no_verdict():
    found = comparison.compare([0.4])
    assert (found.n, found.mean, found.sd, found.low, found.high) == (1, 0.4, None, None, None)
    assert found.p_sign == 1
    assert found.larger is None
    assert found.verdict == "one seed: no verdict"


def test_a_difference_that_changes_sign_is_not_larger_than_its_spread():
    assert comparison.compare([0.3, -0.2, 0.1]).verdict == "not larger than its spread"
    assert comparison.compare([0.0, 0.0]).larger is False


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [[1.0, 2.0]]])
def test_what_is_no_list_of_differences_is_refused(values):
    with pytest.raises(InputError, match="one number a seed"):
        comparison.compare(values)


def test_runs_are_paired_by_seed_and_lonely_ones_left_out():
    runs = [run("a", 0, 4), run("a", 1, 8), run("b", 1, 9), run("b", 0, 6), run("b", 2, 0)]
    assert tables.paired([*runs, run("c", 2, 5)], "a", "b") == pytest.approx({0: 0.2, 1: 0.1})
    assert tables.paired(runs, "a", "c") == {}
    assert tables.paired(runs, "a", "b", "ppv") == {}  # P+ of S is not defined


def test_different_splits_make_no_pair():
    with pytest.raises(InputError, match="seed 0 have different splits"):
        tables.paired([run("a", 0, 4), run("b", 0, 5, split="b")], "a", "b")


def test_mcnemar_counts_the_beats_on_which_one_model_alone_is_right():
    first = np.array([1] * 80 + [1] * 9 + [0] * 1 + [0] * 10, bool)
    second = np.array([1] * 80 + [0] * 9 + [1] * 1 + [0] * 10, bool)
    found = comparison.mcnemar(first, second)
    assert (found.only_first, found.only_second, found.n) == (9, 1, 100)
    assert found.difference == pytest.approx(second.mean() - first.mean())
    # 10 throws, 9 or more one way: 2 x (10 + 1) / 1024
    assert found.p == pytest.approx(22 / 1024)
    # The differences are -1 nine times, +1 once, else 0: mean -.08, mean square .1
    assert found.standard_error == pytest.approx(math.sqrt((0.1 - 0.0064) / 100))


def test_models_that_never_differ_have_p_1():
    assert comparison.mcnemar([1, 0], [1, 0]).p == 1
    with pytest.raises(InputError, match="same beats"):
        comparison.mcnemar([1, 0], [1, 0, 1])
