"""Columns of a patient's own past: by hand, blind to the future, the same piece by piece."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ecgkit import context

NAMES = list(context.COLUMNS)


def of(rr, signals=None):
    """Columns of a recording with these intervals before its beats, by name."""
    rr = np.asarray(rr, float)
    beats = np.tile(np.arange(180.0), (len(rr), 1)) if signals is None else signals
    found = context.of_record(rr, np.append(rr[1:], np.nan), beats)
    return dict(zip(NAMES, found.T, strict=True))


def random_recording(n=500, seed=0):
    rng = np.random.default_rng(seed)
    rr = np.append(np.nan, rng.uniform(0.4, 1.2, n - 1))
    return rr, np.append(rr[1:], np.nan), rng.normal(size=(n, 180)).astype(np.float32)


def test_intervals_beside_the_last_ten_and_the_last_two_hundred():
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


def test_the_irregularity_is_the_standard_deviation_of_the_last_logarithms():
    # Intervals 1 and 2 s in turn: logarithms 0 and log 2, standard deviation log(2) / 2.
    found = of([np.nan] + 10 * [1.0, 2.0])
    assert found["rr_spread"][-1] == pytest.approx(np.log(2) / 2, abs=1e-6)
    assert of([np.nan] + 20 * [0.8])["rr_spread"].max() < 1e-6


def test_shape_and_size_beside_the_mean_of_the_past():
    wave = np.sin(np.linspace(0, 20, 180))
    signals = np.array([wave, wave, -3 * wave])
    found = of([np.nan, 1.0, 1.0], signals)
    for third in ("shape_p", "shape_qrs", "shape_t"):
        assert_allclose(found[third], [0, 0, 2], atol=1e-6)  # correlation 1, then -1
    assert_allclose(found["size"], [0, 0, np.log(3)], atol=1e-6)


def test_the_thirds_are_before_in_and_after_the_qrs_complex():
    wave = np.sin(np.linspace(0, 20, 180))
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

    signals = np.array([5 + triangle(12), 5 - triangle(24)])
    found = of([np.nan, 1.0], signals)
    assert found["width_half"][1] == pytest.approx(np.log(23 / 11))
    assert found["width_quarter"][1] == pytest.approx(np.log(35 / 17))


def test_where_there_is_no_past_and_no_future_all_is_as_ever():
    first = {name: column[0] for name, column in of([np.nan, 0.8, 0.8]).items()}
    assert set(first.values()) == {0}
    alone = of([np.nan])
    assert all(column.tolist() == [0] for column in alone.values())
    flat = of([np.nan, 1.0], np.zeros((2, 180)))
    assert (flat["shape_qrs"][1], flat["size"][1], flat["width_half"][1]) == (0, 0, 0)


def test_ratios_are_limited():
    found = of([np.nan, 1.0, 1.0, 100.0, 0.01])
    assert found["rr_near"][3] == found["rr_next"][3] * -1 == context.LIMIT


def test_scale_and_rate_do_not_matter():
    rr, following, signals = random_recording()
    found = context.of_record(rr, following, signals)
    other = context.of_record(0.5 * rr, 0.5 * following, 7 * signals)
    assert_allclose(other, found, atol=2e-5)


def test_no_column_sees_beyond_the_next_beat():
    rr, following, signals = random_recording()
    found = context.of_record(rr, following, signals)
    n = 300
    changed_rr, changed_signals = rr.copy(), signals.copy()
    changed_rr[n + 1 :] *= 2  # the interval after beat n - 1 ends at beat n: still the same
    changed_signals[n:] *= -1
    changed = context.of_record(changed_rr, np.append(changed_rr[1:], np.nan), changed_signals)
    assert_array_equal(changed[:n], found[:n])
    waits = [i for i, name in enumerate(NAMES) if "next" in name]
    back = [i for i in range(len(NAMES)) if i not in waits]
    changed = context.of_record(rr, 2 * following, signals)
    assert_array_equal(changed[:, back], found[:, back])
    assert (changed[:, waits] != found[:, waits]).any()


def test_what_is_older_than_two_hundred_beats_is_forgotten():
    rr, following, signals = random_recording()
    found = context.of_record(rr, following, signals)
    late = slice(250, None)
    again = context.of_record(rr[late], following[late], signals[late])
    assert_allclose(again[context.FAR + 1 :], found[250 + context.FAR + 1 :], atol=1e-5)


def test_a_tables_columns_are_those_of_its_records_in_any_order(synthetic_beats):
    found = context.columns(synthetic_beats)
    assert found.shape == (len(synthetic_beats), len(context.COLUMNS))
    assert np.isfinite(found).all()
    one = synthetic_beats.records == "syn03"
    alone = context.columns(synthetic_beats.select(one))
    assert_array_equal(found[one], alone)
    order = np.random.default_rng(0).permutation(len(synthetic_beats))
    assert_array_equal(context.columns(synthetic_beats.select(order)), found[order])


def test_columns_stand_behind_the_samples(synthetic_beats):
    wide = context.behind(synthetic_beats, context.N_RR)
    assert_array_equal(wide.signals[:, :180], synthetic_beats.signals)
    assert_array_equal(wide.signals[:, 180:], context.columns(synthetic_beats)[:, :6])
    assert_array_equal(wide.labels, synthetic_beats.labels)


def test_premature_beats_of_the_synthetic_records_have_short_intervals(synthetic_beats):
    near = context.columns(synthetic_beats)[:, NAMES.index("rr_near")]
    medians = [np.median(near[synthetic_beats.labels == c]) for c in range(3)]
    assert abs(medians[0]) < 0.1
    assert medians[1] < -0.15
    assert medians[2] < -0.15


def test_own_units_take_gain_and_electrode_out(synthetic_beats):
    found = context.scaled(synthetic_beats)
    gains = {name: 1 + i for i, name in enumerate(np.unique(synthetic_beats.records))}
    gain = np.array([gains[name] for name in synthetic_beats.records], np.float32)
    louder = replace(synthetic_beats, signals=synthetic_beats.signals * gain[:, None])
    assert_allclose(context.scaled(louder).signals, found.signals, rtol=1e-4, atol=1e-5)
    first = np.flatnonzero(synthetic_beats.records == "syn05")[0]
    assert found.signals[first].std() == pytest.approx(1, abs=1e-3)  # its own is all there is


@pytest.mark.parametrize("size", [1, 7, 250, 10_000])
def test_a_stream_gives_what_the_table_gives(synthetic_beats, size):
    one = synthetic_beats.select(synthetic_beats.records == "syn02")
    one = replace(one, rr_before_s=one.rr_before_s.copy(), rr_after_s=one.rr_after_s.copy())
    one.rr_before_s[0] = one.rr_after_s[-1] = np.nan  # of beats too near an end a stream knows not
    stream = context.Stream(len(NAMES), 360)
    parts = [
        stream.add(one.samples[i : i + size], one.signals[i : i + size])
        for i in range(0, len(one), size)
    ]
    found = np.concatenate([*parts, stream.rest()])
    assert_allclose(found, context.behind(one, len(NAMES)).signals, atol=1e-5)
    assert len(stream.rest()) == 0


def test_departures_are_less_the_mean_of_the_past_and_have_the_columns_of_whole_beats(
    synthetic_beats,
):
    found = context.departures(synthetic_beats)
    assert found.signals.shape == (len(synthetic_beats), 180 + len(NAMES))
    assert found.signals.dtype == np.float32
    assert_array_equal(found.signals[:, 180:], context.columns(synthetic_beats))
    rows = np.flatnonzero(synthetic_beats.records == "syn03")
    own = synthetic_beats.signals[rows].astype(float)
    assert_array_equal(found.signals[rows[0], :180], 0)
    for i in (1, 7, 250):
        usual = own[max(i - 200, 0) : i].mean(axis=0)
        assert_allclose(found.signals[rows[i], :180], own[i] - usual, atol=1e-5)
    assert_array_equal(found.labels, synthetic_beats.labels)


def test_departures_do_not_see_the_future(synthetic_beats):
    one = synthetic_beats.select(synthetic_beats.records == "syn03")
    changed = one.signals.copy()
    changed[100:] *= -1
    other = context.departures(replace(one, signals=changed))
    assert_array_equal(other.signals[:99], context.departures(one).signals[:99])
