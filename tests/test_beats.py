"""Beats are cut to the sample, counted to the beat, and kept in files that are whole or refused."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pywt
import wfdb

from ecgkit import InputError
from ecgkit.data import aami, sources
from ecgkit.data import beats as beats_module
from ecgkit.data.beats import Beats, load_beats
from ecgkit.data.cutting import cut_beats, extract_beats, prepare_signal, resample, within_margins
from ecgkit.data.denoising import denoise
from ecgkit.data.preparation import Preparation
from ecgkit.data.sources import Source

RAW = Preparation(zeroed=())
COLUMNS = ("signals", "features", "symbols", "records", "samples", "rr_before_s", "rr_after_s")


def assert_same(one, other):
    np.testing.assert_equal(vars(one), vars(other))


@pytest.fixture
def tiny(write_record):
    """Two records of 20 s.

    Of the first's six beats the first is 95 samples from the start and the last 140 from the end;
    the second's only beat has no other before or after it.
    """
    r_peaks = [95, 455, 815, 1715, 7000, 7060]
    folder = write_record("one", r_peaks=r_peaks, symbols="NAjVQF").parent
    write_record("second", r_peaks=[3600], symbols="N", leads=("V5", "MLII"))
    return Source("synthetic", folder, ("one", "second"), "0123456789abcdef")


@pytest.fixture
def unread(monkeypatch):
    """A function after which reading a record is an error."""

    def refuse(*_, **__):
        raise AssertionError("The record was read.")

    return lambda: monkeypatch.setattr(sources, "read_record", refuse)


# Resampling and denoising


@pytest.mark.parametrize("fs", [128, 250, 360, 500, 1000])
def test_a_resampled_sine_is_the_sine_sampled_at_360_hz(fs):
    found = resample(np.sin(2 * np.pi * 5 * np.arange(10 * fs) / fs), fs)
    assert len(found) == 3600
    expected = np.sin(2 * np.pi * 5 * np.arange(3600) / 360)
    assert found[360:-360] == pytest.approx(expected[360:-360], abs=0.01)


def test_a_long_signal_is_denoised_in_blocks_as_if_at_once():
    signal = np.random.default_rng(0).normal(size=2**21 + 12_345).cumsum() / 100
    how = Preparation(level=3, zeroed=("A3", "D1"))
    expected = denoise(signal, how.zeroed, 3)
    assert np.abs(prepare_signal(signal, how) - expected).max() < 1e-5


@pytest.mark.parametrize("n", [250, 3600, 6000])
def test_a_short_signal_loses_drift_and_keeps_the_ecgs_own_band(n):
    beat = np.sin(2 * np.pi * 7.2 * np.arange(n) / 360)  # whole periods: 50 samples each
    middle = slice(n // 5, -n // 5)
    found = prepare_signal(beat + 3, Preparation())
    assert np.abs(found - beat)[middle].max() < 0.1


@pytest.mark.parametrize("n", [250, 270, 299, 300])
def test_no_signal_of_a_beats_length_is_too_short(n):
    how = Preparation(wavelet="db38", level=2, zeroed=("D1",))
    assert prepare_signal(np.ones(n), how) == pytest.approx(np.ones(n))


# Cutting


@pytest.mark.parametrize("n_samples", [1000, 650_000])
def test_a_beat_needs_100_samples_before_its_r_peak_and_150_from_it_on(n_samples):
    # In 1000 samples, 0 to 999: 850 has 850..999 from it on, 150 samples; 851 has one less.
    last = n_samples - 150
    r_peaks = np.array([0, 90, 99, 100, 101, last - 1, last, last + 1, n_samples - 90])
    expected = [False, False, False, True, True, True, True, False, False]
    assert within_margins(r_peaks, n_samples).tolist() == expected
    assert np.flatnonzero(within_margins(np.arange(250), 250)).tolist() == [100]
    assert not within_margins(np.arange(249), 249).any()


def test_a_beat_is_the_90_samples_before_its_r_peak_and_the_90_from_it_on():
    signal = np.random.default_rng(0).normal(size=1000)
    r_peaks = np.array([90, 100, 500, 910])
    beats = cut_beats(signal, r_peaks)
    assert (beats.shape, beats.dtype) == ((4, 180), np.float32)
    for beat, r in zip(beats, r_peaks, strict=True):
        assert (beat == signal[r - 90 : r + 90].astype(np.float32)).all()
    later = cut_beats(signal, r_peaks[:3], Preparation(before=89, after=91))
    assert (later[:, :-1] == beats[:3, 1:]).all()
    assert cut_beats(signal, np.array([], int)).shape == (0, 180)
    for r in (89, 911):
        with pytest.raises(InputError, match=str(r)):
            cut_beats(signal, np.array([500, r]))


def test_every_second_sample_is_a_second_of_signal_that_repeats_the_records_ends():
    (beat,) = cut_beats(np.arange(1000.0), np.array([500]), Preparation(step=2))
    assert beat.tolist() == list(range(320, 680, 2))
    (early,) = cut_beats(np.arange(1000.0), np.array([100]), Preparation(step=2))
    assert early[:42].tolist() == [*41 * [0], 2]  # 100 - 180 = -80, ..., 0, 2


def test_missing_values_are_refused_with_and_without_denoising():
    signal = np.zeros(7200)
    signal[17] = np.nan
    for how in (Preparation(), RAW, Preparation(align_s=0.05)):
        with pytest.raises(InputError):
            extract_beats(signal, np.array([1000]), how)


# From files to the table


def test_the_table_of_a_small_source_is_what_one_works_out_by_hand(tiny):
    beats = load_beats(tiny)
    assert len(beats) == 5
    assert "".join(beats.symbols) == "AjVQN"
    assert [aami.CLASSES[c] for c in beats.labels] == ["S", "S", "V", "Q", "N"]
    assert beats.records.tolist() == ["one"] * 4 + ["second"]
    assert beats.samples.tolist() == [455, 815, 1715, 7000, 3600]
    # Beats that are not cut count as neighbours all the same: (455 - 95) / 360 and so on.
    assert beats.rr_before_s[:4] == pytest.approx([1, 1, 2.5, 5285 / 360])
    assert beats.rr_after_s[:4] == pytest.approx([1, 2.5, 5285 / 360, 1 / 6])
    assert np.isnan([beats.rr_before_s[4], beats.rr_after_s[4]]).all()
    assert (beats.source, beats.fingerprint) == ("synthetic", "0123456789abcdef")
    assert (beats.preparation, beats.features.shape) == (Preparation(), (5, 0))
    assert [getattr(beats, name).dtype.kind for name in COLUMNS] == list("ffUUiff")


def test_a_record_of_another_rate_is_brought_to_360_hz(write_record):
    folder = write_record("slow", fs=250, r_peaks=[1000, 1250], symbols="NV").parent
    source = Source("svdb", folder, ("slow",), "x")
    beats, signal = load_beats(source, RAW), source.read("slow").lead("MLII")
    assert beats.samples.tolist() == [1000, 1250]  # as annotated
    assert beats.rr_before_s[1] == pytest.approx(1)
    # Sample 1000 at 250 Hz is 1440 at 360 Hz; a peak may move by one sample, as rounding does.
    around = resample(signal, 250)[[range(start, start + 180) for start in (1349, 1350, 1351)]]
    assert np.abs(around - beats.signals[0]).max(axis=1).min() < 1e-6


def test_the_beats_are_those_of_a_plain_loop(synthetic_source, synthetic_beats):
    beats = []
    for name in synthetic_source.records:
        path = str(synthetic_source.directory / name)
        record, marks = wfdb.rdrecord(path, channel_names=["MLII"]), wfdb.rdann(path, "atr")
        coefficients = pywt.wavedec(record.p_signal[:, 0], "db6", mode="symmetric", level=9)
        for band in (0, -2, -1):  # A9, D2, D1
            coefficients[band][:] = 0
        clean = pywt.waverec(coefficients, "db6", mode="symmetric")
        beats += [
            clean[r - 90 : r + 90]
            for r, symbol in zip(marks.sample, marks.symbol, strict=True)
            if aami.is_beat(symbol) and 100 <= r <= len(clean) - 150
        ]
    assert (np.array(beats, np.float32) == synthetic_beats.signals).all()


# The cache

PLAIN = Preparation(zeroed=("D1",))
OTHERS = [
    *({"wavelet": "db4"}, {"level": 8}, {"extension": "zero"}, {"zeroed": ()}, {"step": 2}),
    *({"lead": "first"}, {"before": 89, "after": 91}, {"margin_after": 160}, {"align_s": 0.05}),
    *({"units": "patient"}, {"relative_to": "median"}, {"features": ("rr_near",)}),
]


def test_the_cache_is_read_again_and_distinguishes_all_but_the_mapping(tiny, unread):
    first = load_beats(tiny, PLAIN)
    unread()
    assert_same(load_beats(tiny, PLAIN), first)
    literature = load_beats(tiny, replace(PLAIN, mapping="literature"))
    assert_same(literature, first.relabel("literature"))
    for other in OTHERS:
        with pytest.raises(AssertionError):
            load_beats(tiny, replace(PLAIN, **other))
    with pytest.raises(AssertionError):
        load_beats(replace(tiny, fingerprint="another"), PLAIN)
    with pytest.raises(AssertionError):
        load_beats(tiny, PLAIN, cached=False)


def test_the_cache_notices_changed_code(tiny, unread, tmp_path, monkeypatch):
    first = load_beats(tiny, PLAIN)
    unread()
    copy = shutil.copytree(Path(beats_module.__file__).parent, tmp_path / "data")
    monkeypatch.setattr(beats_module, "__file__", str(copy / "beats.py"))
    assert_same(load_beats(tiny, PLAIN), first)  # the same code elsewhere
    with (copy / "features.py").open("a") as file:
        file.write("# another meaning")
    with pytest.raises(AssertionError):
        load_beats(tiny, PLAIN)


@pytest.mark.parametrize("damage", ["cut short", "a flipped bit", "not a table"])
def test_a_damaged_cache_is_made_again(tiny, unread, damage):
    first = load_beats(tiny)
    (path,) = sources.cache_directory().iterdir()
    content = bytearray(path.read_bytes())
    if damage == "a flipped bit":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[:1000] if damage == "cut short" else content)
    if damage == "not a table":
        np.savez(path, signals=np.zeros((3, 180)))
    assert_same(load_beats(tiny), first)
    unread()
    assert_same(load_beats(tiny), first)


# Tables


@pytest.fixture
def table(tiny):
    how = Preparation(step=2, features=("rr_near", "size"), relative_to="mean")
    return load_beats(tiny, how, cached=False)


def test_relabelling_moves_the_escape_beats_and_nothing_else(table):
    other = table.relabel("literature")
    assert [aami.CLASSES[c] for c in other.labels] == ["S", "N", "V", "Q", "N"]
    assert other.preparation == replace(table.preparation, mapping="literature")
    assert_same(other.relabel("ec57"), table)
    assert "".join(table.without_q().symbols) == "AjVN"
    assert table.select(np.array([4, 0])).samples.tolist() == [3600, 455]
    with pytest.raises(InputError):
        table.relabel("other")


def test_a_sample_keeps_the_shares_and_some_of_every_class(table):
    many = table.select(np.repeat([4, 2, 0], [900, 90, 10]))  # N, V, S
    assert np.bincount(many.sample(100, rare=5).labels).tolist() == [90, 5, 9]
    assert_same(many.sample(5000), many)


def test_a_saved_table_comes_back_with_its_preparation(table, tmp_path):
    path = tmp_path / "new" / "beats.npz"
    for beats in (table, table.relabel("literature"), table.select(np.arange(0))):
        beats.save(path)
        assert_same(Beats.load(path), beats)
    assert Beats.load(path).preparation.step == 2
    assert [p.name for p in path.parent.iterdir()] == ["beats.npz"]


@pytest.mark.parametrize(
    "change",
    [
        {"samples": None},  # a column less
        {"samples": np.arange(99)},
        {"signals": np.zeros((5, 200), np.float32)},
        {"signals": np.full((5, 180), np.nan, np.float32)},
        {"features": np.zeros((5, 3), np.float32)},
        {"features": np.zeros((5, 2), np.int64)},
        {"symbols": np.array([len] * 5, dtype=object)},
        {"symbols": np.array(list("NN~NN"))},  # no beat
        {"about": np.array("{}")},
        {"about": np.array('{"source": "x", "fingerprint": "y", "preparation": {"step": 0}}')},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_file_of_something_else_is_refused(table, tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    for content in (None, b"", b"signals,labels\n", pickle.dumps([1])):
        if content is not None:
            (tmp_path / "beats.npz").write_bytes(content)
        with pytest.raises(InputError):
            Beats.load("beats.npz")
    table.save("beats.npz")
    with np.load("beats.npz") as file:
        columns = {**file, **change}
    np.savez("beats.npz", **{k: v for k, v in columns.items() if v is not None})
    with pytest.raises(InputError):
        Beats.load("beats.npz")


def test_the_counts_of_mit_bih_are_the_papers(mitdb_beats):
    # Paper, table of the data set.
    expected = {"N": 89841, "S": 3026, "V": 7008, "F": 802, "Q": 15}
    assert aami.counts(mitdb_beats.labels) == expected
    assert len(set(mitdb_beats.records)) == 44
    assert np.isfinite(mitdb_beats.signals).all()
