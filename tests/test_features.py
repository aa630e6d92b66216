"""Features of a beat and its recording's previous beats: by hand, and blind to the future."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ecgkit.data.beats import load_beats
from ecgkit.data.features import (
    FAR,
    FEATURES,
    HISTORY,
    LIMIT,
    MEAN_FEATURES,
    MEDIAN_FEATURES,
    NEEDS_NEXT,
    compute_features,
    describe_beats,
)
from ecgkit.data.preparation import Preparation

NAMES = MEAN_FEATURES
ALL = Preparation(features=tuple(FEATURES), units="patient", relative_to="median")


def of(rr, signals=None):
    """Features of a recording with these intervals before its beats, by name."""
    rr = np.asarray(rr, float)
    beats = np.tile(np.arange(180.0), (len(rr), 1)) if signals is None else signals
    found = compute_features(beats, rr, np.append(rr[1:], np.nan), NAMES)
    return dict(zip(NAMES, found.T, strict=True))


def random_recording(n=700, width=180, seed=0):
    rng = np.random.default_rng(seed)
    rr = np.append(np.nan, rng.uniform(0.4, 1.2, n - 1))
    return rng.normal(size=(n, width)).astype(np.float32), rr, np.append(rr[1:], np.nan)


def test_intervals_relative_to_the_last_ten_and_the_last_two_hundred():
    # 300 intervals of 1 s, 10 of 0.5 s, one of 0.25 s. Before the last beat the last ten have the
    # mean 0.5 s; the last 200 are 190 of 1 s and 10 of 0.5 s, mean 0.975 s.
    found = of([np.nan] + 300 * [1.0] + 10 * [0.5] + [0.25])
    assert found["rr_near"][-1] == pytest.approx(np.log(0.25 / 0.5))
    assert found["rr_far"][-1] == pytest.approx(np.log(0.25 / 0.975), abs=1e-6)
    assert found["rr_last"][-1] == pytest.approx(0)
    # Two beats before: the next interval is 0.5 s, as long as the one before.
    assert found["rr_next"][-3] == pytest.approx(0)
    assert found["rr_next"][-2] == pytest.approx(np.log(0.25 / 0.5))
    assert found["rr_next_near"][-2] == pytest.approx(np.log(0.25 / 0.55))  # 1 s, nine of 0.5 s


def test_the_spread_is_the_standard_deviation_of_the_last_logarithms():
    # Intervals 1 and 2 s in turn: logarithms 0 and log 2, standard deviation log(2) / 2.
    found = of([np.nan] + 10 * [1.0, 2.0])
    assert found["rr_spread"][-1] == pytest.approx(np.log(2) / 2, abs=1e-6)
    assert of([np.nan] + 20 * [0.8])["rr_spread"].max() < 1e-6


def test_shape_and_size_relative_to_the_mean_of_previous_beats():
    wave = np.sin(np.linspace(0, 20, 180))
    found = of([np.nan, 1.0, 1.0], np.array([wave, wave, -3 * wave]))
    for third in ("shape_p", "shape_qrs", "shape_t"):
        assert_allclose(found[third], [0, 0, 2], atol=1e-6)  # correlation 1, then -1
    assert_allclose(found["size"], [0, 0, np.log(3)], atol=1e-6)
    turned = wave.copy()
    turned[60:120] *= -1  # 0.083 s to either side of the R peak at sample 90
    found = of([np.nan, 1.0], np.array([wave, turned]))
    shapes = [found[third][1] for third in ("shape_p", "shape_qrs", "shape_t")]
    assert_allclose(shapes, [0, 2, 0], atol=1e-6)


def test_width_counts_samples_beyond_half_and_a_quarter_of_the_peak():
    # A triangle of height 12 and foot 2 x 12 has 11 samples above 6 and 17 above 3; stretched to
    # height 24, which doubles its foot, 23 above 12 and 35 above 6: wherever the base line lies.
    def triangle(height):
        return np.clip(height - np.abs(np.arange(180) - 90), 0, None)

    found = of([np.nan, 1.0], np.array([5 + triangle(12), 5 - triangle(24)]))
    assert found["width_half"][1] == pytest.approx(np.log(23 / 11))
    assert found["width_quarter"][1] == pytest.approx(np.log(35 / 17))


def test_without_previous_beats_without_a_next_one_and_in_flat_signals_features_are_0():
    first = {name: column[0] for name, column in of([np.nan, 0.8, 0.8]).items()}
    assert set(first.values()) == {0}
    assert all(column.tolist() == [0] for column in of([np.nan]).values())
    flat = of([np.nan, 1.0], np.zeros((2, 180)))
    assert (flat["shape_qrs"][1], flat["size"][1], flat["width_half"][1]) == (0, 0, 0)
    for names in (MEAN_FEATURES, MEDIAN_FEATURES):
        none = compute_features(np.empty((0, 180)), np.empty(0), np.empty(0), names)
        assert none.shape == (0, len(names))
    assert compute_features(np.ones((3, 181)), np.ones(3), np.ones(3), ()).shape == (3, 0)


def test_ratios_are_limited_and_do_not_depend_on_scale_and_rate():
    found = of([np.nan, 1.0, 1.0, 100.0, 0.01])
    assert found["rr_near"][3] == -found["rr_next"][3] == LIMIT
    signals, rr, following = random_recording()
    other = compute_features(7 * signals, 0.5 * rr, 0.5 * following, NAMES)
    assert_allclose(other, compute_features(signals, rr, following, NAMES), atol=2e-5)


def test_nothing_depends_on_later_beats_but_for_the_next_interval():
    signals, rr, following = random_recording()
    x, z = describe_beats(signals, rr, following, ALL)
    n = 600
    changed, changed_rr = signals.copy(), rr.copy()
    changed[n:] *= -5
    changed_rr[n + 1 :] *= 2  # the interval after beat n - 1 ends at beat n: still the same
    other_x, other_z = describe_beats(changed, changed_rr, np.append(changed_rr[1:], np.nan), ALL)
    assert_array_equal(other_x[:n], x[:n])
    assert_array_equal(other_z[:n], z[:n])
    _, later = describe_beats(signals, rr, 2 * following, ALL)
    differs = (later != z).any(axis=0)
    assert {name for name, d in zip(FEATURES, differs, strict=True) if d} == set(NEEDS_NEXT)


@pytest.mark.parametrize("relative_to", ["none", "mean", "median"])
@pytest.mark.parametrize("units", ["mV", "patient"])
def test_normalised_beats_are_those_of_a_plain_loop(units, relative_to):
    signals, rr, following = random_recording(260, 6)
    how = Preparation(units=units, relative_to=relative_to, features=("size", "rr_near"))
    found, features = describe_beats(signals, rr, following, how)
    size = signals.std(axis=1)
    scaled = signals.copy()
    if units == "patient":  # the mean of the last 200 beats, the beat's own included
        scaled = np.array([b / size[max(i - 199, 0) : i + 1].mean() for i, b in enumerate(signals)])
    expected = scaled.copy()
    if relative_to != "none":
        centre = getattr(np, relative_to)
        expected[0] = 0
        for i in range(1, 260):
            expected[i] -= centre(scaled[max(i - FAR, 0) : i], axis=0)
    assert found.dtype == features.dtype == np.float32
    assert_allclose(found, expected, atol=1e-5)
    # Features are computed before the subtraction.
    assert_allclose(
        features, compute_features(scaled, rr, following, ("size", "rr_near")), atol=1e-6
    )


def test_a_day_of_beats_in_blocks_is_described_as_at_once():
    signals, rr, following = random_recording(21_000)
    x, z = describe_beats(signals, rr, following, ALL)
    around = slice(19_000, 21_000)
    expected = describe_beats(signals[around], rr[around], following[around], ALL)
    assert len(x) == len(z) == 21_000
    assert_allclose(x[19_000 + HISTORY :], expected[0][HISTORY:], atol=1e-5)
    assert_allclose(z[19_000 + HISTORY :], expected[1][HISTORY:], atol=1e-5)


def test_a_tables_features_are_those_of_each_record_alone(synthetic_source, synthetic_beats):
    two = replace(synthetic_source, records=("syn03", "syn07"))
    beats = load_beats(two, ALL, cached=False)
    for name in two.records:
        own = synthetic_beats.select(synthetic_beats.records == name)
        x, z = describe_beats(own.signals, own.rr_before_s, own.rr_after_s, ALL)
        assert_array_equal(beats.signals[beats.records == name], x)
        assert_array_equal(beats.features[beats.records == name], z)
