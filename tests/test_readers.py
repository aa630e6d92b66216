"""One lead of any recording, in mV; what cannot be read is refused."""

import os
import tracemalloc

import numpy as np
import pytest
import wfdb

from ecgkit import InputError
from ecgkit.apply import signal_file
from ecgkit.apply.readers import read_recording

pytestmark = pytest.mark.usefixtures("nothing_given")

WAVE = np.round(np.sin(np.arange(3000) / 20), 4).astype(np.float32)


def refused(word, path, **options):
    with pytest.raises(InputError, match=word):
        read_recording(path, **options)


# The lead


@pytest.mark.parametrize(
    ("leads", "wanted", "taken"),
    [
        (("V1", "MLII"), None, "MLII"),
        (("V1", "II"), None, "II"),
        (("II", "MLII"), None, "MLII"),
        (("V5", "ECG II"), None, "ECG II"),
        (("V5", "ECG II"), "ii", "ECG II"),
        (("V5", "V2"), "V2", "V2"),
    ],
)
def test_lead(write_record, recwarn, leads, wanted, taken):
    path = write_record(leads=leads)
    recording = read_recording(path, wanted)
    assert recording.lead == taken
    expected = wfdb.rdrecord(str(path)).p_signal[:, leads.index(taken)]
    assert recording.signal.dtype == np.float32
    assert (recording.signal == expected.astype(np.float32)).all()
    assert not [warning for warning in recwarn if warning.category is UserWarning]


@pytest.mark.parametrize(("leads", "wanted"), [(("V5", "V2"), None), (("V5", "MLII"), "first")])
def test_another_lead_than_the_weights_were_trained_on(write_record, leads, wanted):
    with pytest.warns(UserWarning, match="V5"):
        assert read_recording(write_record(leads=leads), wanted).lead == "V5"


# WFDB


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat", ".atr"])
def test_a_record_is_found_by_any_of_its_names(write_record, suffix):
    recording = read_recording(f"{write_record()}{suffix}")
    assert (recording.name, recording.fs, recording.seconds) == ("one", 360, 20)
    assert recording.r_peaks.tolist() == [1000, 1360]
    assert recording.symbols.tolist() == ["N", "N"]
    assert not recording.synthetic


def test_a_synthetic_record_is_recognized(synthetic_source):
    name = synthetic_source.records[0]
    assert read_recording(synthetic_source.directory / name).synthetic


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212"])
@pytest.mark.parametrize("block", [100, 101])
def test_blocks_make_up_the_signal_in_any_format(tmp_path, monkeypatch, fmt, block):
    monkeypatch.setattr(signal_file, "BLOCK", block)
    digital = np.random.default_rng(0).integers(-100, 100, (1000, 3))
    about = {"sig_name": ["I", "II", "V1"], "adc_gain": [2.0] * 3, "baseline": [7] * 3}
    about |= {"units": ["uV"] * 3, "fmt": [fmt] * 3, "write_dir": str(tmp_path)}
    wfdb.wrsamp("r", 360, d_signal=digital, **about)
    found = read_recording(tmp_path / "r").signal
    assert np.abs(found - (digital[:, 1] - 7) / 2000).max() < 1e-8


def test_memory_for_a_long_record(tmp_path):
    n = 6_000_000
    np.zeros(n, "<i2").tofile(tmp_path / "long.dat")
    (tmp_path / "long.hea").write_text(f"long 1 360 {n}\nlong.dat 16 200 16 0 0 0 0 MLII\n")
    tracemalloc.start()
    signal = read_recording(tmp_path / "long").signal
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert signal.nbytes == 4 * n
    assert peak < 4 * n + 40 * signal_file.BLOCK  # as float64 it would be 48 MB more


def test_a_missing_value_is_nan(tmp_path):
    # Format 16 marks it by its lowest number.
    np.array([100, -32_768, 200], "<i2").tofile(tmp_path / "gap.dat")
    (tmp_path / "gap.hea").write_text("gap 1 360 3\ngap.dat 16 200 16 0 0 -32468 0 II\n")
    signal = read_recording(tmp_path / "gap").signal
    assert np.array_equal(signal, [0.5, np.nan, 1], equal_nan=True)


@pytest.mark.parametrize("size", [0, 1, 10_000, 21_599])
def test_a_signal_file_cut_short(write_record, size):
    path = write_record()
    os.truncate(path.with_suffix(".dat"), size)
    refused("fit", path)


@pytest.mark.parametrize(("byte", "bit"), [(0, 0), (7200, 7), (9001, 3), (21_597, 5)])
def test_a_flipped_bit_is_found_by_the_checksum(write_record, byte, bit):
    # Format 212: of three bytes the first and the lower half of the second are lead MLII.
    path = write_record()
    content = bytearray(path.with_suffix(".dat").read_bytes())
    content[byte] ^= 1 << bit
    path.with_suffix(".dat").write_bytes(content)
    refused("damaged", path)
    assert read_recording(path, "V1").lead == "V1"


def test_a_missing_header(write_record):
    path = write_record()
    path.with_suffix(".hea").unlink()
    refused("missing", path.with_suffix(".dat"))
    refused("no recording", path)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("one.dat", "two.raw", "two.raw"),
        ("one.dat 212", "one.dat 16", "fit"),
        ("one 2 360 7200", "one 2 360 7300", "fit"),
        ("one 2 360 7200", "one 2 360 1000000000000", "fit"),
        ("one 2 360 7200", "one 3 360 7200", "announces 3"),
        ("one 2 360 7200", "one 2 0 7200", "sampling rate"),
        ("/mV", "/mmHg", "mmHg"),
    ],
)
def test_a_header_that_does_not_fit(write_record, old, new, word):
    path = write_record()
    path.with_suffix(".atr").unlink()
    text = path.with_suffix(".hea").read_text()
    assert old in text
    path.with_suffix(".hea").write_text(text.replace(old, new))
    refused(word, path)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"lead": "V6"}, "V1"),
        ({"units": "kV"}, "kV"),
        ({"fs": 250}, "360"),
        ({"fs": np.nan}, "360"),
    ],
)
def test_options_that_do_not_fit(write_record, options, word):
    refused(word, write_record(), **options)


# CSV


@pytest.mark.parametrize(
    ("head", "line", "name"),
    [
        ("", "{x}", ""),
        ("MLII\n", "{x}", "MLII"),
        ("time,MLII,V5\n", "{t},{x},9", "MLII"),
        ("V5;time (s);II\n", "9;{t};{x}", "II"),
        ("time\tII\n", "{t}\t{x}", "II"),
        ("time II\n", "{t} {x}", "II"),
        ("'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n", "'0:{t}',{x}", "MLII"),
        ("\ufefftime,MLII\n", "{t},{x}", "MLII"),
        ("\n\nMLII\n\n", "{x}", "MLII"),
        ("sample;MLII\n", "{t};{comma}", "MLII"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(unit|chooses another)")
def test_a_csv_may_be_laid_out_in_many_ways(tmp_path, monkeypatch, head, line, name):
    monkeypatch.setattr("ecgkit.apply.csv_reader.BLOCK", 999)
    path = tmp_path / "ecg.csv"
    with path.open("w", encoding="utf-8") as file:
        print(head, end="", file=file)
        for i, x in enumerate(WAVE):
            print(line.format(t=i, x=x, comma=str(x).replace(".", ",")), file=file)
    recording = read_recording(path, fs=250)
    assert (recording.name, recording.lead, recording.fs) == ("ecg", name, 250)
    assert recording.signal.dtype == np.float32
    assert (recording.signal == WAVE).all()
    assert recording.r_peaks is recording.symbols is None


@pytest.mark.parametrize(
    ("head", "given", "factor", "guess"),
    [
        ("MLII", None, 1, "mV"),
        ("MLII", None, 1000, "uV"),
        ("MLII", None, 0.001, "V"),
        ("MLII (uV)", None, 1000, None),
        ("MLII_uV", None, 1000, None),
        ("MLII", "uV", 1000, None),
        ("MLII (mV)", "V", 0.001, None),
        ("V1", "mV", 1, None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*chooses another")
def test_the_unit_is_stated_or_guessed_with_a_warning(tmp_path, head, given, factor, guess):
    path = tmp_path / "ecg.csv"
    path.write_text(f"{head}\n" + "\n".join(repr(float(x)) for x in WAVE * factor))
    if guess:
        with pytest.warns(UserWarning, match=f"like {guess}"):
            recording = read_recording(path, fs=250, units=given)
    else:
        recording = read_recording(path, fs=250, units=given)
    assert np.abs(recording.signal - WAVE).max() < 2e-7


@pytest.mark.parametrize(
    ("cell", "value"), [("", np.nan), ("nan", np.nan), ("inf", np.inf), ("1e300", np.inf)]
)
def test_cells_without_a_usable_value(tmp_path, cell, value):
    path = tmp_path / "ecg.csv"
    path.write_text(f"time,MLII (mV)\n0,0.5\n1,{cell}\n")
    assert np.array_equal(read_recording(path, fs=360).signal, [0.5, value], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no numbers"),
        ("MLII\n", "no numbers"),
        ("Dear reader,\nthis is a letter.\nIt holds no ECG.\n", "no numbers"),
        ("1,2\n3,4\n", "2 columns"),
        ("a,b,c\n1,2\n3,4\n", "3 columns"),
        ("MLII\n" + "0.1\n" * 50 + "electrode off\n" + "0.2\n" * 500, "table"),
        ("time,MLII\n" + "0,0.1\n" * 50 + "1,2,3\n" + "0,0.2\n" * 500, "table"),
    ],
)
def test_a_csv_that_holds_no_signal(tmp_path, text, word):
    (tmp_path / "ecg.csv").write_text(text)
    refused(word, tmp_path / "ecg.csv", fs=360)


@pytest.mark.parametrize("fs", [None, 0, -1, float("nan"), float("inf")])
def test_a_csv_needs_a_sampling_rate(tmp_path, fs):
    (tmp_path / "ecg.csv").write_text("MLII\n0.1\n0.2\n")
    refused("sampling rate", tmp_path / "ecg.csv", fs=fs)


# Others


def test_something_else(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    refused("format", tmp_path / "picture.png")
    refused("folder", tmp_path)
