"""WFDB records and annotations are read as they are, or refused."""

import shutil

import numpy as np
import pytest
import wfdb

from ecgkit import InputError
from ecgkit.data import aami, wfdb_io
from ecgkit.data.splits import DS1, DS2
from ecgkit.data.wfdb_io import Annotations

# Records


def test_a_record_is_read_in_millivolts_with_its_beats(write_record):
    path = write_record(r_peaks=[10, 400, 800, 1200], symbols="N+VA")
    record = wfdb_io.read_record(path)
    assert (record.name, record.fs, record.leads) == ("one", 360, ("MLII", "V1"))
    assert record.signals.shape == (7200, 2)
    written = np.random.default_rng(len("one")).integers(-400, 400, (7200, 2))
    np.testing.assert_allclose(record.signals, written / 200, atol=1e-12)
    assert record.r_peaks.tolist() == [10, 800, 1200]  # a change of rhythm is not a beat
    assert record.symbols.tolist() == ["N", "V", "A"]


def test_one_lead_can_be_read_alone(write_record):
    path = write_record(leads=("V5", "MLII"))
    both = wfdb_io.read_record(path)
    for name, column in (("MLII", 1), ("V5", 0), ("first", 0)):
        one = wfdb_io.read_record(path, name)
        assert (one.leads, one.signals.shape) == (both.leads[column : column + 1], (7200, 1))
        assert (one.signals[:, 0] == both.signals[:, column]).all()
        assert (both.lead(name) == both.signals[:, column]).all()
    for read in (lambda: wfdb_io.read_record(path, "II"), lambda: both.lead("II")):
        with pytest.raises(InputError, match=r"'II'.*V5, MLII"):
            read()


@pytest.mark.parametrize(
    ("kind", "size"),
    [("hea", None), ("atr", None), *(("dat", size) for size in (None, 0, 1, 10_000, 21_599))],
)
def test_a_file_missing_or_cut_short(write_record, kind, size):
    file = write_record().with_suffix(f".{kind}")
    content = file.read_bytes()
    assert kind != "dat" or len(content) == 7200 * 3  # format 212: two samples in three bytes
    file.unlink()
    if size is not None:
        file.write_bytes(content[:size])
    with pytest.raises(InputError, match=rf"one\.{kind}" if size is None else "fit"):
        wfdb_io.read_record(file.with_suffix(""))


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.dat", "sub/secret.dat", "..\\secret"])
def test_a_header_names_no_file_outside_its_folder(write_record, tmp_path, name):
    path = write_record()
    shutil.copy(path.with_suffix(".dat"), tmp_path.parent / "secret.dat")
    header = path.with_suffix(".hea").read_text()
    path.with_suffix(".hea").write_text(header.replace("one.dat", name))
    with pytest.raises(InputError, match="outside"):
        wfdb_io.read_record(path)


@pytest.mark.parametrize(
    ("lead", "words"), [(None, r"\b2 samples.*\b50\b"), ("V1", r"\b1 samples.*\b60\b")]
)
def test_samples_without_a_value_are_counted_and_the_first_is_named(tmp_path, lead, words):
    digital = np.zeros((100, 2), "<i2")
    digital[50, 0] = digital[60, 1] = -32_768  # WFDB's sign for a sample without a value
    digital.tofile(tmp_path / "a.dat")
    lines = "".join(f"a.dat 16 200 16 0 0 0 0 {lead}\n" for lead in ("MLII", "V1"))
    (tmp_path / "a.hea").write_text(f"a 2 360 100\n{lines}")
    with pytest.raises(InputError, match=words):
        wfdb_io.read_record(tmp_path / "a", lead, annotated=False)


# Annotations


@pytest.mark.parametrize("left", [0, 1, 2, 5, -1, -2])
def test_annotations_cut_short_are_refused(write_record, left):
    path = write_record()
    content = path.with_suffix(".atr").read_bytes()
    path.with_suffix(".atr").write_bytes(content[:left])
    with pytest.raises(InputError, match=r"one\.atr"):
        wfdb_io.read_annotations(path)


def test_a_beat_beyond_the_signal_belongs_to_another_record(write_record):
    path = write_record(r_peaks=[100, 7204])  # 10 ms are 3.6 samples
    for read in (wfdb_io.read_record, wfdb_io.read_annotations):
        with pytest.raises(InputError, match=r"7204.*7200"):
            read(path)
    assert wfdb_io.read_annotations(path, 7205)[0].tolist() == [100, 7204]
    # Record 860 of the Supraventricular Arrhythmia Database marks the sample after its last.
    path = write_record("two", r_peaks=[9, 7199, 7200], symbols="NNN")
    assert wfdb_io.read_record(path).r_peaks.tolist() == [9, 7199]


def test_marks_of_an_unknown_kind_are_left_out_and_counted(write_record):
    path = write_record(r_peaks=[1000, 1400, 1800], symbols="NNN")
    # Pairs of bytes: 6 bits of code, 10 bits of samples since the one before. 45 is no code.
    content = bytearray(path.with_suffix(".atr").read_bytes())
    content[3] = content[3] & 3 | 45 << 2
    path.with_suffix(".atr").write_bytes(content)
    with pytest.warns(UserWarning, match=r"\b1 of 3\b"):
        r_peaks, _ = wfdb_io.read_annotations(path)
    assert r_peaks.tolist() == [1000, 1800]


def test_all_marks_are_read_with_length_and_rate_of_the_header(write_record, synthetic_source):
    path = write_record(r_peaks=[18, 400, 500], symbols="+N~")
    marks = wfdb_io.read_annotation_file(path)
    assert (marks.samples.tolist(), "".join(marks.symbols)) == ([18, 400, 500], "+N~")
    assert (marks.fs, marks.n_samples, marks.synthetic) == (360, 7200, False)
    assert marks.subtypes is not None
    assert wfdb_io.read_annotation_file(synthetic_source.directory / "syn01").synthetic


@pytest.mark.parametrize(
    ("samples", "fs"),
    [([1, 2], 9), ([-1], 9), ([1.5], 9), ([[1]], 9), ([1], 0), ([1], float("nan"))],
)
def test_marks_that_cannot_be(samples, fs):
    with pytest.raises(InputError):
        Annotations(samples, ["N"], fs)
    with pytest.raises(InputError, match="order"):
        Annotations([2, 1], ["N", "N"], 360)


def test_written_annotations_are_read_by_wfdb_and_by_us(tmp_path):
    marks = Annotations([0, 100, 2500, 200_000], list("NVSQ"), 250)
    wfdb_io.write_annotations(tmp_path / "runs" / "208.net", marks)
    found = wfdb.rdann(str(tmp_path / "runs" / "208"), "net")
    ours = wfdb_io.read_annotation_file(tmp_path / "runs" / "208", "net")
    for samples, symbols in ((found.sample, found.symbol), (ours.samples, ours.symbols)):
        assert (samples.tolist(), "".join(symbols)) == ([0, 100, 2500, 200_000], "NVSQ")
    assert (found.fs, ours.fs, ours.n_samples) == (250, 250, None)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["208.net"]


@pytest.mark.parametrize("name", ["208", "208.", "208.n3t", "2 08.net", "a.b.net", ".net"])
def test_a_name_that_wfdb_does_not_take_is_refused(tmp_path, name):
    for path, marks in ((name, Annotations([1], ["N"], 9)), ("a.net", Annotations([], [], 9))):
        with pytest.raises(InputError):
            wfdb_io.write_annotations(tmp_path / path, marks)
    assert not list(tmp_path.iterdir())


# Two annotators


@pytest.fixture
def folders(write_record, tmp_path):
    """Reference annotations of two records, test annotations of the first without a rate."""
    for name in ("one", "two"):
        write_record(name)
    test = tmp_path / "test"
    test.mkdir()
    wfdb.wrann("one", "net", np.array([990]), ["V"], write_dir=str(test))
    return tmp_path, test


def test_files_of_two_annotators(folders):
    # A test file without a rate takes the reference's.
    reference, test = wfdb_io.read_annotation_folders(*folders, ("atr", "net"), ["one"])
    assert reference["one"].samples.tolist() == [1000, 1360]
    assert test["one"].samples.tolist() == [990]
    assert reference["one"].fs == test["one"].fs == 360
    with pytest.raises(InputError, match="rate"):
        wfdb_io.read_annotation_file(folders[1] / "one", "net")
    with pytest.warns(UserWarning, match=r"not compared: two\b"):
        reference, test = wfdb_io.read_annotation_folders(*folders, ("atr", "net"))
    assert list(reference) == list(test) == ["one"]


@pytest.mark.parametrize(
    ("folder", "extensions", "records", "word"),
    [
        ("test", ("atr", "*"), None, r"\*"),
        ("test", ("atr", "net"), ["two"], "two"),
        ("test", ("abc", "net"), ["one"], "abc"),
        ("nowhere", ("atr", "net"), None, "nowhere"),
        ("nowhere", ("atr", "net"), ["one"], "nowhere"),
    ],
)
def test_files_that_are_not_there_are_named(folders, folder, extensions, records, word):
    with pytest.raises(InputError, match=word):
        wfdb_io.read_annotation_folders(folders[0], folders[0] / folder, extensions, records)


# MIT-BIH

COUNTS = {  # of the .atr files: N, S, V, F, Q
    ("DS1", "ec57"): [45834, 976, 3788, 415, 8],
    ("DS2", "ec57"): [44046, 2050, 3221, 388, 7],
    ("DS1", "literature"): [45866, 944, 3788, 415, 8],
    ("DS2", "literature"): [44259, 1837, 3221, 388, 7],
}


def test_all_labels_of_mit_bih_are_counted(mitdb):
    for names, half in ((DS1, "DS1"), (DS2, "DS2")):
        symbols = np.concatenate([wfdb_io.read_annotations(mitdb.directory / n)[1] for n in names])
        for mapping in ("ec57", "literature"):
            counts = aami.counts(aami.encode(symbols, mapping))
            assert list(counts.values()) == COUNTS[half, mapping]


def test_record_114_has_its_leads_the_other_way_round(mitdb):
    record = mitdb.read("114")
    assert (record.leads, record.fs, record.signals.shape) == (("V5", "MLII"), 360, (650_000, 2))
    assert (record.lead() == record.signals[:, 1]).all()
    assert mitdb.read("114", "first").leads == ("V5",)
    assert mitdb.read("100").leads == ("MLII", "V5")
