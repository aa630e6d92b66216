"""Beats are cut to the sample, counted to the beat, and kept in files that are whole or refused."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgkit import InputError, aami, denoising, physionet, records
from ecgkit.heartbeats import Heartbeats, cut, kept, prepare
from ecgkit.records import Source

COLUMNS = ("signals", "labels", "symbols", "records", "samples", "rr_before_s", "rr_after_s")

pytestmark = pytest.mark.usefixtures("nothing_given")


def same(one: Heartbeats, other: Heartbeats) -> bool:
    about = ("mapping", "source", "fingerprint")
    return all(getattr(one, name) == getattr(other, name) for name in about) and all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name.startswith("rr"))
        and getattr(one, name).dtype == getattr(other, name).dtype
        for name in COLUMNS
    )


@pytest.fixture
def tiny(write_record) -> Source:
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

    def refuse(*_):
        raise AssertionError("The record was read.")

    return lambda: monkeypatch.setattr(records, "read_record", refuse)


# Cutting


@pytest.mark.parametrize("n_samples", [1000, 650_000])
def test_a_beat_is_kept_with_100_samples_before_and_150_from_its_r_peak_on(n_samples):
    # In 1000 samples, 0 to 999: 850 has 850..999 from it on, 150 samples; 851 has one less.
    last = n_samples - 150
    r_peaks = np.array([0, 90, 99, 100, 101, last - 1, last, last + 1, n_samples - 90])
    expected = [False, False, False, True, True, True, True, False, False]
    assert kept(r_peaks, n_samples).tolist() == expected
    assert kept(np.array([], dtype=int), n_samples).shape == (0,)


def test_no_beat_fits_into_fewer_than_250_samples():
    assert not kept(np.arange(249), 249).any()
    assert kept(np.arange(250), 250).nonzero()[0].tolist() == [100]


def test_a_beat_is_the_90_samples_before_its_r_peak_and_the_90_from_it_on():
    signal = np.random.default_rng(0).normal(size=1000)
    r_peaks = [90, 100, 500, 910]
    beats = cut(signal, np.array(r_peaks))
    assert (beats.shape, beats.dtype) == ((4, 180), np.float32)
    for beat, r in zip(beats, r_peaks, strict=True):
        assert (beat == signal[r - 90 : r + 90].astype(np.float32)).all()
    assert cut(signal, np.array([], dtype=int)).shape == (0, 180)


@pytest.mark.parametrize("r", [89, 911])
def test_a_beat_that_reaches_beyond_the_signal_is_refused(r):
    with pytest.raises(InputError, match=rf"beat at sample {r} reaches beyond .* 1000 samples"):
        cut(np.zeros(1000), np.array([500, r]))


# From files to the table


def test_the_table_of_a_small_source_is_what_one_works_out_by_hand(tiny):
    beats = prepare(tiny)
    assert len(beats) == 5
    assert "".join(beats.symbols) == "AjVQN"
    assert [aami.CLASSES[c] for c in beats.labels] == ["S", "S", "V", "Q", "N"]
    assert beats.records.tolist() == ["one"] * 4 + ["second"]
    assert beats.samples.tolist() == [455, 815, 1715, 7000, 3600]
    # Beats that are not cut count as neighbours all the same: (455 - 95) / 360 and so on.
    assert beats.rr_before_s[:4] == pytest.approx([1, 1, 2.5, 5285 / 360])
    assert beats.rr_after_s[:4] == pytest.approx([1, 2.5, 5285 / 360, 1 / 6])
    assert np.isnan([beats.rr_before_s[4], beats.rr_after_s[4]]).all()
    assert (beats.mapping, beats.source, beats.fingerprint) == (
        "ec57",
        "synthetic",
        "0123456789abcdef",
    )
    assert [getattr(beats, name).dtype.kind for name in COLUMNS] == list("fiUUiff")
    assert beats.signals.dtype == beats.rr_before_s.dtype == np.float32


def test_the_first_and_the_last_beat_have_no_interval_on_one_side(write_record):
    folder = write_record("one", r_peaks=[360, 720, 1080], symbols="NNN").parent
    beats = prepare(Source("synthetic", folder, ("one",), "x"))
    assert np.isnan(beats.rr_before_s).tolist() == [True, False, False]
    assert np.isnan(beats.rr_after_s).tolist() == [False, False, True]


def test_the_whole_record_is_denoised_before_it_is_cut(tiny):
    mlii = tiny.read("one").lead("MLII")
    default, raw, d1 = prepare(tiny), prepare(tiny, zeroed=()), prepare(tiny, zeroed=["D1"])
    whole = slice(455 - 90, 455 + 90)
    assert default.signals[0] == pytest.approx(denoising.denoise(mlii)[whole], abs=1e-6)
    assert raw.signals[0] == pytest.approx(mlii[whole], abs=1e-6)
    assert d1.signals[0] == pytest.approx(denoising.denoise(mlii, ["D1"])[whole], abs=1e-6)


def test_the_r_peak_can_be_the_90th_sample_instead_of_the_91st(tiny):
    mlii = tiny.read("one").lead("MLII")
    default, later = prepare(tiny, zeroed=()), prepare(tiny, zeroed=(), before=89)
    assert later.signals[0] == pytest.approx(mlii[455 - 89 : 455 + 91], abs=1e-6)
    assert (later.samples == default.samples).all()


def test_mlii_is_taken_by_name_or_the_first_channel_whatever_its_name(tiny):
    mlii, first = prepare(tiny, zeroed=()), prepare(tiny, zeroed=(), lead="first")
    second = tiny.read("second").signals[3600 - 90 : 3600 + 90]
    assert mlii.signals[4] == pytest.approx(second[:, 1], abs=1e-6)
    assert first.signals[4] == pytest.approx(second[:, 0], abs=1e-6)
    assert (mlii.signals[:4] == first.signals[:4]).all()


def test_a_record_of_another_sampling_rate_is_refused(write_record):
    folder = write_record("slow", fs=250).parent
    with pytest.raises(InputError, match=r"Record slow has 250 samples a second;.* at 360 Hz"):
        prepare(Source("synthetic", folder, ("slow",), "x"))


def test_a_lead_that_one_record_lacks_is_named(tiny):
    with pytest.raises(InputError, match=r"Record second has no lead 'V1'"):
        prepare(tiny, lead="V1")


# The cache


def test_a_second_call_reads_the_cache_and_gives_the_same_table(tiny, unread):
    first = prepare(tiny)
    unread()
    assert same(prepare(tiny), first)
    assert same(prepare(tiny, mapping="literature"), first.relabelled("literature"))
    for other in ({"zeroed": ["D1"]}, {"lead": "first"}, {"before": 89}, {"cached": False}):
        with pytest.raises(AssertionError, match="was read"):
            prepare(tiny, **other)
    with pytest.raises(AssertionError, match="was read"):
        prepare(Source(tiny.name, tiny.directory, tiny.records, "another fingerprint"))


def test_without_leave_to_cache_nothing_is_written(tiny, cache):
    prepare(tiny, cached=False)
    assert not list(cache.rglob("*"))


@pytest.mark.parametrize("damage", ["cut short", "a flipped bit", "not a table"])
def test_a_damaged_cache_is_made_again(tiny, unread, damage):
    first = prepare(tiny)
    (path,) = physionet.cache_directory().iterdir()
    content = bytearray(path.read_bytes())
    if damage == "a flipped bit":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[:1000] if damage == "cut short" else content)
    if damage == "not a table":
        np.savez(path, signals=np.zeros((3, 180)))
    assert same(prepare(tiny), first)
    unread()
    assert same(prepare(tiny), first)


def test_a_wrong_mapping_costs_nobody_the_cache(tiny, unread):
    prepare(tiny)
    unread()
    with pytest.raises(InputError, match="no class mapping 'aami'"):
        prepare(tiny, mapping="aami")
    prepare(tiny)


def test_a_cache_that_cannot_be_written_costs_a_warning(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match=r"cannot be written: .*made anew"):
        assert len(prepare(tiny)) == 5


# Tables


@pytest.fixture
def table(tiny) -> Heartbeats:
    return prepare(tiny)


def test_relabelling_moves_the_escape_beats_and_nothing_else(table):
    other = table.relabelled("literature")
    assert [aami.CLASSES[c] for c in other.labels] == ["S", "N", "V", "Q", "N"]
    assert other.mapping == "literature"
    assert same(other.relabelled("ec57"), table)
    with pytest.raises(InputError, match="no class mapping"):
        table.relabelled("other")


def test_without_q_the_other_beats_stay_in_their_order(table):
    rest = table.without_q()
    assert "".join(rest.symbols) == "AjVN"
    assert rest.samples.tolist() == [455, 815, 1715, 3600]
    assert (rest.signals == table.signals[[0, 1, 2, 4]]).all()


def test_selecting_takes_a_mask_or_rows_in_their_order(table):
    assert same(table.select(np.array([4, 0])), table.select(np.array([0, 4])[::-1]))
    assert table.select(np.array([4, 0])).samples.tolist() == [3600, 455]
    assert table.select(table.samples > 3000).samples.tolist() == [7000, 3600]


def test_a_saved_table_comes_back_as_it_was(table, tmp_path):
    path = tmp_path / "new" / "beats.npz"
    table.save(path)
    assert same(Heartbeats.load(path), table)
    assert same(Heartbeats.load(path, "literature"), table.relabelled("literature"))
    none = table.select(np.array([], dtype=int))
    none.save(path)
    assert same(Heartbeats.load(path), none)
    assert [p.name for p in path.parent.iterdir()] == ["beats.npz"]


def test_a_missing_table_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match=r"There is no table of beats at .*none\.npz"):
        Heartbeats.load(tmp_path / "none.npz")


def test_a_table_damaged_anywhere_is_refused_or_gives_the_same_beats(table, tmp_path):
    path = tmp_path / "beats.npz"
    table.select(np.array([0])).save(path)
    whole, expected = path.read_bytes(), Heartbeats.load(path)
    refused = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            assert same(Heartbeats.load(path), expected)  # a time stamp, say
        except InputError as error:
            assert "is no table of beats, or a damaged one" in str(error)  # noqa: PT017
            refused += 1
    assert refused > len(whole) / 7 / 2


def foreign(path: Path, kind: str, table: Heartbeats) -> None:
    """Write a file that is no table of beats."""
    columns = {name: getattr(table, name) for name in COLUMNS if name != "labels"}
    about = np.array(["synthetic", "x"])
    if kind == "one array":
        with path.open("wb") as file:
            np.save(file, table.signals)
    elif kind == "text":
        path.write_text("signals,labels\n")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "a column less":
        np.savez(path, about=about, **{k: v for k, v in columns.items() if k != "samples"})
    elif kind == "a longer column":
        np.savez(path, about=about, **{**columns, "samples": np.arange(99)})
    elif kind == "longer beats":
        np.savez(path, about=about, **{**columns, "signals": np.zeros((len(table), 200))})


@pytest.mark.parametrize(
    "kind",
    ["one array", "text", "empty", "a column less", "a longer column", "longer beats"],
)
def test_a_file_of_something_else_is_refused(table, tmp_path, kind):
    path = tmp_path / "beats.npz"
    foreign(path, kind, table)
    with pytest.raises(InputError, match=r"beats\.npz is no table of beats.*ecgkit data --save"):
        Heartbeats.load(path)


class Trap:
    """What runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_pickles_are_refused_unread(table, tmp_path):
    trap = Trap(tmp_path / "sprung")
    columns = {name: getattr(table, name) for name in COLUMNS if name != "labels"}
    columns["symbols"] = np.array([trap] * len(table), dtype=object)
    np.savez(tmp_path / "beats.npz", about=np.array(["synthetic", "x"]), **columns)
    (tmp_path / "beats.pkl").write_bytes(pickle.dumps(trap))
    for name in ("beats.npz", "beats.pkl"):
        with pytest.raises(InputError, match="no table of beats"):
            Heartbeats.load(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("cause", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_save_leaves_the_old_file(table, tmp_path, monkeypatch, cause):
    path = tmp_path / "kept" / "beats.npz"
    table.save(path)

    def break_off(file, **_):
        file.write(b"half")
        raise cause

    monkeypatch.setattr(np, "savez", break_off)
    with pytest.raises((KeyboardInterrupt, InputError)) as caught:
        table.without_q().save(path)
    if caught.type is InputError:
        assert "cannot be written" in str(caught.value)
        assert "No space left" in str(caught.value)
    assert same(Heartbeats.load(path), table)
    assert [p.name for p in path.parent.iterdir()] == ["beats.npz"]


def test_a_place_that_cannot_be_written_is_said_in_a_sentence(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file.beats\.npz cannot be written: "):
        table.save(tmp_path / "file" / "beats.npz")


BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("wfdb", "pywt", "pooch"):
            raise ModuleNotFoundError(f"{name} is not installed")

sys.meta_path.insert(0, Absent())
import ecgkit.aami, ecgkit.augmentation, ecgkit.experiments, ecgkit.heartbeats
import ecgkit.layers, ecgkit.metrics, ecgkit.models, ecgkit.patients, ecgkit.splits
import ecgkit.training

beats = ecgkit.heartbeats.Heartbeats.load(sys.argv[1])
print(len(ecgkit.splits.patient_split(beats.records).test), sorted(set(sys.modules) & {
    "wfdb", "pywt", "pooch"}))
"""


def test_with_a_saved_table_training_needs_no_file_reader(synthetic_beats, tmp_path):
    path = tmp_path / "beats.npz"
    synthetic_beats.select(np.arange(0, len(synthetic_beats), 10)).save(path)
    even = [name[-2:] in ("02", "04", "06", "08", "10", "12") for name in synthetic_beats.records]
    run = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{sum(even[::10])} []\n"


# The synthetic records and MIT-BIH


def test_the_synthetic_records_give_every_class(synthetic_beats):
    counts = aami.counts(synthetic_beats.labels)
    assert min(counts.values()) > 0
    assert len(set(synthetic_beats.records)) == 12
    assert np.isfinite(synthetic_beats.signals).all()


def test_the_counts_of_mit_bih_are_the_papers(mitdb_beats):
    # Paper, table of the data set.
    assert aami.counts(mitdb_beats.labels) == {
        "N": 89841,
        "S": 3026,
        "V": 7008,
        "F": 802,
        "Q": 15,
    }
    assert len(set(mitdb_beats.records)) == 44
    assert len(mitdb_beats.without_q()) == 89841 + 3026 + 7008 + 802
    assert np.isfinite(mitdb_beats.signals).all()


def test_a_rule_of_90_and_90_would_keep_sixteen_more_normal_beats(mitdb):
    found = []
    for name in mitdb.records:
        r_peaks, symbols = records.read_annotations(mitdb.directory / name)
        n_samples = wfdb.rdheader(str(mitdb.directory / name)).sig_len
        found.extend(symbols[(r_peaks >= 90) & (r_peaks + 90 <= n_samples)])
    assert aami.counts(aami.encode(found))["N"] == 89857


def test_the_first_channel_differs_in_the_beats_of_record_114_alone(mitdb, mitdb_beats):
    first = prepare(mitdb, lead="first", cached=False)
    assert (first.samples == mitdb_beats.samples).all()
    differs = (first.signals != mitdb_beats.signals).any(axis=1)
    assert set(mitdb_beats.records[differs]) == {"114"}
    assert differs[mitdb_beats.records == "114"].all()
