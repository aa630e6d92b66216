"""R peaks are found and aligned, wherever blocks begin and whatever the unit or the noise."""

import detection  # of book/tools
import numpy as np
import pandas as pd
import pytest

from ecgkit.data import r_peaks
from ecgkit.data.r_peaks import align_r_peaks, describe_candidates, detect_r_peaks, find_candidates


def bumps(n, places, heights=1.0, width=6.0):
    """A signal of Gaussian bumps, such as QRS complexes are."""
    x, heights = np.zeros(n), np.broadcast_to(heights, len(places))
    for place, height in zip(places, heights, strict=True):
        at = np.arange(max(place - 200, 0), min(place + 200, n))
        x[at] += height * np.exp(-(((at - place) / width) ** 2))
    return x


def test_peaks_move_to_the_largest_deflection_within_reach():
    signal, given = bumps(3000, [500, 1000], [1, -1]), np.array([490, 1012])
    assert align_r_peaks(signal, given, 20).tolist() == [500, 1000]
    assert (np.abs(align_r_peaks(signal, given, 5) - given) <= 5).all()
    assert align_r_peaks(signal, given, 0).tolist() == given.tolist()
    assert align_r_peaks(np.ones(8), np.array([3]), 5).tolist() == [3]  # too short to filter
    # Of an upward and a downward wave of the same height the upward one is meant.
    assert align_r_peaks(bumps(3000, [1000, 1050], [-1, 1]), np.array([1025]), 40).tolist() == [
        1050
    ]


BEATS = np.arange(300, 25_000, 301)


def with_t_waves(noise=0.01):
    """Beats at 72 per minute, each with a broad T wave 0.3 s later, and noise."""
    t_waves = bumps(25_200, BEATS + 108, 0.4, width=20)
    return bumps(25_200, BEATS) + t_waves + np.random.default_rng(0).normal(0, noise, 25_200)


@pytest.mark.parametrize("change", [np.float32, lambda x: 1e6 * x - 1e4, lambda x: -1e-6 * x])
def test_beats_are_found_in_any_unit_and_t_waves_are_not(change):
    found = detect_r_peaks(change(with_t_waves()))
    assert found.dtype == np.int64
    assert np.abs(found - BEATS).max() <= 2


def test_blocks_change_nothing(monkeypatch):
    signal = with_t_waves(noise=0.2)
    found, candidates = detect_r_peaks(signal), find_candidates(signal)
    monkeypatch.setattr(r_peaks, "BLOCK", 4001)
    assert np.array_equal(detect_r_peaks(signal), found)
    pd.testing.assert_frame_equal(find_candidates(signal), candidates)


@pytest.mark.parametrize("n", [0, 1, 3, 18, 19, 300, 20_000])
@pytest.mark.parametrize("value", [0, 5.3, -1e6])
def test_a_flat_line_has_no_beat(n, value):
    assert len(detect_r_peaks(np.full(n, value))) == 0


def test_noise_is_no_error_and_peaks_are_never_close():
    for n in (19, 100, 359, 50_000):
        found = detect_r_peaks(np.random.default_rng(n).normal(size=n))
        assert (np.diff(found) >= 72).all()
        assert ((found >= 0) & (found < n)).all()


def test_an_artefact_deafens_for_seconds_and_a_loose_electrode_has_no_beats():
    signal = with_t_waves()
    signal[10_000:10_720] += 1000 * np.random.default_rng(1).normal(size=720)
    signal[18_000:] = np.random.default_rng(2).normal(0, 1e-3, 7200)
    found, on = detect_r_peaks(signal), BEATS[BEATS < 17_800]
    clear = on[np.abs(on - 10_360) > 7 * 360]
    assert np.abs(clear[:, None] - found).min(axis=1).max() <= 2
    assert found.max() < 18_200


def test_four_ratios_describe_a_candidate():
    columns = {"sample": [1000, 1100, 1300], "steepness": [8.0, 2.0, 4.0], "highest": [8.0] * 3}
    table = pd.DataFrame(columns | {"around": [1.0] * 3, "beside": [2.0, 2.0, 1.0]})
    # 1300 is 200 samples from 1100, more than 0.36 s (130), so it has no rival.
    expected = [[1, 1, 8, 4], [1 / 4, 1 / 4, 2, 1], [1 / 2, 1, 4, 4]]
    assert np.exp(describe_candidates(table)) == pytest.approx(np.array(expected))


# What book/ecgbook/studies/detection.csv states


def test_the_shares_of_errors_are_those_that_the_docstring_states():
    table = pd.read_csv(detection.TABLE, dtype={"record": str})
    assert table.groupby("database").size().to_dict() == {"mitdb": 48, "svdb": 40}
    sums = table.drop(columns="record").groupby("database").sum()
    for database, share, before in (("mitdb", 0.0024, 0.0143), ("svdb", 0.0022, 0.0119)):
        row = sums.loc[database]
        ours, theirs = (row[f"{k}_missed"] + row[f"{k}_extra"] for k in ("ecgkit", "sleepecg"))
        assert (ours / row["beats"], theirs / row["beats"]) == pytest.approx(
            (share, before), abs=5e-5
        )


@pytest.mark.parametrize("name", ["114", "208"])  # 114 has MLII in its second channel
def test_a_record_has_the_errors_that_the_table_states(mitdb, monkeypatch, name):
    monkeypatch.setenv("ECGKIT_DATA", str(mitdb.directory))
    table = pd.read_csv(detection.TABLE, dtype={"record": str}).set_index(["database", "record"])
    x, reference = detection.read("mitdb", name)
    found = detection.errors(reference, detect_r_peaks(x))
    assert found == tuple(table.loc["mitdb", name][["beats", "ecgkit_missed", "ecgkit_extra"]])
