"""One lead of any recording, in mV; what cannot be read is refused."""

import numpy as np
import pytest
import wfdb
from conftest import refused

from ecgkit.apply.readers import read_recording
from ecgkit.data import wfdb_io

pytestmark = pytest.mark.usefixtures("nothing_given")

# The lead


@pytest.mark.parametrize(
    ("leads", "wanted", "taken"),
    [
        (("V1", "MLII"), None, "MLII"),
        (("II", "MLII"), None, "MLII"),
        (("V5", "ECG II"), None, "ECG II"),
        (("V5", "ECG II"), "ii", "ECG II"),
        (("V5", "V2"), "V2", "V2"),
        (("V5", "ML2"), None, "ML2"),
        (("DI", "DII"), None, "DII"),
        (("lead1", "lead2"), "II", "lead2"),
        (("Lead_I", "Lead_II"), "lead ii", "Lead_II"),
        (("EEG Fpz-Cz", "EKG"), "ekg", "EKG"),
        # With a warning, since the weights were trained on another lead
        (("V5", "V2"), None, "V5"),
        (("V5", "MLII"), "first", "V5"),
        (("ECG1", "ECG2"), None, "ECG1"),
        (("PLETH", "V"), None, "V"),
        (("EEG C3-A2", "EKG"), None, "EKG"),
        (("resp", "chest ECG"), None, "chest ECG"),
    ],
)
def test_lead(write_record, recwarn, leads, wanted, taken):
    path = write_record(leads=leads)
    recording = read_recording(path, wanted)
    assert recording.lead == taken
    expected = wfdb.rdrecord(str(path)).p_signal[:, leads.index(taken)]
    assert recording.signal.dtype == np.float32
    assert (recording.signal == expected.astype(np.float32)).all()
    warned = [str(warning.message) for warning in recwarn if warning.category is UserWarning]
    quiet = "II" in taken or "2" in taken or wanted not in (None, "first")
    assert [f"lead {taken} is read" in text for text in warned] == [True] * (not quiet)


@pytest.mark.parametrize("leads", [("ch1", "ch2"), ("raw ECG", "ECG filtered"), ("PLETH", "ABP")])
def test_channels_that_may_or_cannot_be_the_ecg(write_record, leads):
    refused(f"{leads[0]}, {leads[1]}", write_record(leads=leads))


def test_channels_without_names(write_record):
    path = write_record(leads=("I", "V1"))
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace(" I\n", "\n").replace(" V1\n", "\n"))
    refused("channel 1, channel 2", path)
    assert read_recording(path, "channel 2").lead == "channel 2"


# WFDB


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat", ".atr"])
def test_a_record_is_found_by_any_of_its_names(write_record, suffix):
    recording = read_recording(f"{write_record()}{suffix}")
    assert (recording.name, recording.fs, recording.seconds) == ("one", 360, 20)
    assert recording.r_peaks.tolist() == [1000, 1360]
    assert recording.symbols.tolist() == ["N", "N"]
    assert not recording.synthetic


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212"])
@pytest.mark.parametrize("block", [100, 101])
def test_blocks_make_up_the_signal_in_any_format(tmp_path, monkeypatch, fmt, block):
    monkeypatch.setattr(wfdb_io, "BLOCK", block)
    digital = np.random.default_rng(0).integers(-100, 100, (1000, 3))
    about = {"sig_name": ["I", "II", "V1"], "adc_gain": [2.0] * 3, "baseline": [7] * 3}
    about |= {"units": ["uV"] * 3, "fmt": [fmt] * 3, "write_dir": str(tmp_path)}
    wfdb.wrsamp("r", 360, d_signal=digital, **about)
    found = read_recording(tmp_path / "r").signal
    assert np.abs(found - (digital[:, 1] - 7) / 2000).max() < 1e-8


def test_a_missing_value_is_nan(tmp_path):
    # Format 16 marks it by its lowest number.
    np.array([100, -32_768, 200], "<i2").tofile(tmp_path / "gap.dat")
    (tmp_path / "gap.hea").write_text("gap 1 360 3\ngap.dat 16 200 16 0 0 -32468 0 II\n")
    signal = read_recording(tmp_path / "gap").signal
    assert np.array_equal(signal, [0.5, np.nan, 1], equal_nan=True)


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
    ("option", "value", "word"),
    [("lead", "V6", "V1"), ("units", "kV", "kV"), ("fs", 250, "360"), ("fs", np.nan, "360")],
)
def test_options_that_do_not_fit(write_record, option, value, word):
    refused(word, write_record(), **{option: value})
