"""Signals whose classes would be worthless are refused, doubtful ones are named."""

import tracemalloc

import numpy as np
import pytest

from ecgkit import InputError
from ecgkit.apply.quality import (
    check_recording,
    describe_windows,
    fill_gaps,
    find_gaps,
    grade_windows,
    looks_inverted,
)
from ecgkit.apply.readers import Recording, read_recording
from ecgkit.data.r_peaks import detect_r_peaks


def check(x, fs=360):
    return check_recording(Recording("a", fs, "MLII", np.asarray(x, np.float32)))


@pytest.fixture
def ecg():
    """100 s of noise that spans 2 mV and repeats no value."""
    return np.random.default_rng(0).uniform(-1, 1, 36_000).astype(np.float32)


def test_a_good_signal(ecg):
    assert check(ecg) == []
    assert check(ecg[:2]) == check(ecg, fs=0.3) == check(ecg, fs=1e300) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9, -1e9])
def test_gaps_are_counted(ecg, value):
    ecg[[7200, *range(30_000, 30_036)]] = value  # at 20 s, and 0.1 s at 83.3 s
    (sentence,) = check(ecg)
    assert "2 gaps" in sentence
    assert "0.103 s" in sentence
    assert "between 00:20 and 00:20, 01:23 and 01:23" in sentence
    with pytest.raises(InputError, match="no sample"):
        check(np.full(9000, value))


def test_gaps_are_filled_by_straight_lines():
    x = np.array([np.nan, 3, np.nan, np.nan, np.nan, 7, 1e9], np.float32)
    assert find_gaps(x).tolist() == [[0, 1], [2, 5], [6, 7]]
    assert fill_gaps(x, find_gaps(x)).tolist() == [3, 3, 4, 5, 6, 7, 7]


def test_a_lead_that_was_off(ecg):
    for n in (1, 9000):
        with pytest.raises(InputError, match="flat"):
            check(np.full(n, 0.3))
    ecg[9900:17_280] = 0  # 20.5 s, of which 20 whole ones: 28 to 47
    (sentence,) = check(ecg)
    assert "flat for 20 of its 100 s" in sentence


def test_a_clipped_signal(ecg):
    # Of the values 20 % are at each limit, so 4 % follow another that is at the same.
    (sentence,) = check(ecg.clip(-0.6, 0.6))
    assert "clipped" in sentence
    assert "(-0.6 to 0.6 mV)" in sentence
    share = float(sentence.split(" %")[0].split()[-1])
    assert share == pytest.approx(8, abs=0.5)


@pytest.mark.parametrize(
    ("factor", "absurd"), [(0.04, True), (0.06, False), (9, False), (11, True)]
)
def test_a_signal_of_absurd_size(ecg, factor, absurd):
    # 99 % of the values span 1.98 mV; an ECG spans 0.1 to 20 mV.
    assert [" unit " in sentence for sentence in check(factor * ecg)] == [True] * absurd


def test_drift_over_a_day_is_not_size_and_memory_a_fraction_of_the_signal():
    x = np.random.default_rng(0).uniform(-1, 1, 5_000_000) + np.linspace(0, 500, 5_000_000)
    x = x.astype(np.float32)
    tracemalloc.start()
    assert check(x) == []
    assert tracemalloc.get_traced_memory()[1] < x.nbytes
    tracemalloc.stop()


def test_only_record_116_of_mit_bih_is_clipped(mitdb):
    doubts = {
        name: check_recording(read_recording(mitdb.directory / name)) for name in mitdb.records
    }
    (sentence,) = doubts.pop("116")
    assert "clipped" in sentence
    assert not any(doubts.values())


# Windows of ten seconds

NO_GAPS = np.empty((0, 2), np.int64)
T = np.arange(120 * 360) / 360
NOISE = np.random.default_rng(3).standard_normal(len(T))
MUSCLE = np.convolve(NOISE, np.tile([1, -1], 4), "same")
NONE = {
    "white": 0.3 * NOISE,
    "brown": 0.01 * NOISE.cumsum(),
    "muscle": 0.05 * MUSCLE * (1.2 + np.sin(3 * T)),
    "mains": 0.5 * np.sin(2 * np.pi * 50 * T) + 0.005 * NOISE,
    "ramp": np.linspace(0, 5, len(T)) + 0.001 * NOISE,
    "sine": np.sin(2 * np.pi * T),
    "fast sine": np.sin(2 * np.pi * 5 * T),
    "triangle": 2 * np.abs(T % 1 - 0.5),
}


WAVES = ((0.1, -0.17, 0.025), (1.1, 0, 0.012), (-0.2, 0.03, 0.01), (0.3, 0.28, 0.05))


def beats(rr=0.8, amplitude=1.0, noise=0.01):
    """Two minutes of P, QRS and T waves, each a Gaussian: height, seconds from R, width."""
    since = (T + 0.02 * np.sin(T)) % rr - rr / 2  # the R peak nearest
    x = sum(
        height * np.exp(-0.5 * ((since - at - lap) / width) ** 2)
        for height, at, width in WAVES
        for lap in (-rr, 0, rr)
    )
    return amplitude * (x + noise * NOISE)


def grades(x):
    return grade_windows(x, detect_r_peaks(x))["grade"].tolist()


def describe(x, annotated=False, gaps=NO_GAPS):
    recording = Recording("a", 360, "MLII", x)
    return describe_windows(grade_windows(x, detect_r_peaks(x)), recording, gaps, annotated)


@pytest.mark.parametrize(
    "how", [{}, {"rr": 1.5}, {"rr": 0.35}, {"amplitude": 0.3}, {"noise": 0.05}]
)
def test_an_ecg_is_good(how):
    assert grades(beats(**how)) == [0] * 12
    assert describe(beats(**how)) == []
    assert grades(beats(**how)[: 360 * 4]) == [0]


@pytest.mark.parametrize("x", NONE.values(), ids=NONE)
def test_a_recording_without_an_ecg_is_refused(x):
    assert grades(x).count(2) >= 11
    with pytest.raises(InputError, match=r"no ECG in 1[12] of its 12"):
        describe(x)
    (sentence,) = describe(x, annotated=True)
    assert "no ECG" in sentence


@pytest.mark.parametrize("x", [np.zeros(len(T)), NONE["white"], NONE["mains"], NONE["sine"]])
def test_an_electrode_that_was_off_is_named(x):
    mixed = np.where((T >= 40) & (T < 80), x, beats())
    assert grades(mixed) == [0] * 4 + [2] * 4 + [0] * 4
    (sentence,) = describe(mixed)
    assert "no ECG between 00:40 and 01:20:" in sentence
    assert describe(mixed, gaps=np.array([[40 * 360, 80 * 360]])) == []  # said elsewhere


def test_annotations_of_a_part_or_of_another_record_are_named():
    x, recording = beats(), Recording("a", 360, "MLII", beats())
    r_peaks = detect_r_peaks(x)
    (sentence,) = describe_windows(
        grade_windows(x, r_peaks[r_peaks < 30 * 360]), recording, NO_GAPS, annotated=True
    )
    assert "no annotated beats between 00:30 and 02:00: --detect" in sentence
    (sentence,) = describe_windows(
        grade_windows(x, r_peaks[:-1] + 150), recording, NO_GAPS, annotated=True
    )
    assert "another record or sampling rate" in sentence


def test_strong_noise_is_doubtful():
    assert 1 in grades(beats(noise=0.25))
    (sentence,) = describe(beats(noise=0.35))
    assert "doubtful between 00:00 and 02:00" in sentence
    mains = np.sin(2 * np.pi * 50 * T)  # that of 0.1 mV is filtered
    assert (grades(beats() + 2 * mains), grades(beats() + 0.1 * mains)) == ([1] * 12, [0] * 12)
    assert grades(100 * beats(noise=0.25)) == grades(beats(noise=0.25))  # in any unit
    (sentence,) = describe(np.where(T // 10 % 2 == 1, NONE["white"], beats()))
    assert "01:40, and 1 more" in sentence


def test_a_lead_that_is_upside_down():
    x, r_peaks = beats(), detect_r_peaks(beats())
    assert not looks_inverted(x, r_peaks)
    assert looks_inverted(-x, r_peaks)
    assert not looks_inverted(-x, r_peaks[:0])
    t_wave = np.exp(-0.5 * ((T[:, None] - (r_peaks / 360 + 0.28)) / 0.05) ** 2).sum(axis=1)
    assert not looks_inverted(t_wave - x, r_peaks)  # as in bundle branch block


@pytest.mark.slow
def test_mit_bih_is_an_ecg(mitdb):
    grades = []
    for name in mitdb.records:
        recording = read_recording(mitdb.directory / name)
        r_peaks = detect_r_peaks(recording.signal)
        table = grade_windows(recording.signal, r_peaks)
        describe_windows(table, recording, NO_GAPS, annotated=False)  # refuses none
        grades += table["grade"].tolist()
        assert not looks_inverted(recording.signal, r_peaks) or recording.lead != "MLII"
    assert np.bincount(grades)[1:].tolist() == pytest.approx([70, 2], abs=3)  # of 7,964 windows
