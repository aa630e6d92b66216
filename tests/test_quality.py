"""Signals whose classes would be worthless are refused, doubtful ones are named."""

import tracemalloc

import numpy as np
import pytest

from ecgkit import InputError
from ecgkit.apply.quality import check_recording
from ecgkit.apply.readers import Recording, read_recording


@pytest.fixture
def check():
    """A function that checks a signal."""
    return lambda x, fs=360: check_recording(Recording("a", fs, "MLII", np.asarray(x, np.float32)))


@pytest.fixture
def ecg():
    """100 s of noise that spans 2 mV and repeats no value."""
    return np.random.default_rng(0).uniform(-1, 1, 36_000).astype(np.float32)


def test_a_good_signal(check, ecg):
    assert check(ecg) == []
    assert check(ecg[:2]) == check(ecg, fs=0.3) == check(ecg, fs=1e300) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9, -1e9])
def test_missing_samples_are_counted(check, ecg, value):
    ecg[[7200, 7201, 30_000]] = value
    with pytest.raises(InputError, match=r"3 samples .* sample 7200 \(20.00 s\)"):
        check(ecg)


@pytest.mark.parametrize("n", [1, 9000])
def test_a_flat_signal(check, n):
    with pytest.raises(InputError, match="flat"):
        check(np.full(n, 0.3))


def test_a_lead_that_was_off_for_a_while(check, ecg):
    ecg[9900:17_280] = 0  # 20.5 s, of which 20 whole ones: 28 to 47
    (sentence,) = check(ecg)
    assert "flat for 20 of its 100 s" in sentence


def test_a_clipped_signal(check, ecg):
    # Of the values 20 % are at each limit, so 4 % follow another that is at the same.
    (sentence,) = check(ecg.clip(-0.6, 0.6))
    assert "clipped" in sentence
    assert "(-0.6 to 0.6 mV)" in sentence
    share = float(sentence.split(" %")[0].split()[-1])
    assert share == pytest.approx(8, abs=0.5)


@pytest.mark.parametrize(
    ("factor", "absurd"), [(0.04, True), (0.06, False), (9, False), (11, True)]
)
def test_a_signal_of_absurd_size(check, ecg, factor, absurd):
    # 99 % of the values span 1.98 mV; an ECG spans 0.1 to 20 mV.
    assert [" unit " in sentence for sentence in check(factor * ecg)] == [True] * absurd


def test_drift_over_a_day_is_not_size(check):
    x = np.random.default_rng(0).uniform(-1, 1, 1_000_000) + np.linspace(0, 100, 1_000_000)
    assert check(x) == []


def test_memory_is_a_fraction_of_the_signal(check):
    x = np.random.default_rng(0).uniform(-1, 1, 5_000_000).astype(np.float32)
    tracemalloc.start()
    check(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes


def test_only_record_116_of_mit_bih_is_clipped(mitdb):
    doubts = {
        name: check_recording(read_recording(mitdb.directory / name)) for name in mitdb.records
    }
    (sentence,) = doubts.pop("116")
    assert "clipped" in sentence
    assert not any(doubts.values())
