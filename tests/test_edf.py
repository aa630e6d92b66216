"""EDF and BDF files as devices write them, and as edfio reads them."""

import tracemalloc

import edfio
import numpy as np
import pytest
from conftest import WAVE

from ecgkit import InputError
from ecgkit.apply import edf_reader
from ecgkit.apply.readers import read_recording

DIGITAL = np.arange(-100, 100)  # 4 records of 50 samples; a step is 0.01 mV


def signal_header(label="ECG II", unit="mV", low="-1", high="1", n="50"):
    """Fields of a signal whose digital range is -100 to 100."""
    return {"label": label, "unit": unit, "low": low, "high": high, "n_samples": n} | {
        "digital_low": "-100",
        "digital_high": "100",
    }


def write(path, *others, width=2, onsets=None, cut=0, head=None, **changes):
    """Write an EDF (or with a width of 3, a BDF) of four records of 0.2 s: DIGITAL, then others."""
    signals = [signal_header() | changes, *others]
    if onsets is not None:
        signals.append(signal_header("EDF Annotations", n="12"))
    field = dict.fromkeys(("patient", "recording", "start", "reserved", "n"), "")
    sizes = [("version", 8), ("patient", 80), ("recording", 80), ("start", 16), ("size", 8)]
    sizes += [("reserved", 44), ("n", 8), ("seconds", 8), ("signals", 4)]
    field |= {"version": "0", "n": "4", "seconds": "0.2", "signals": str(len(signals))}
    field |= {"size": str(256 * (1 + len(signals)))} | (head or {})
    cells = [(field[name], size) for name, size in sizes]
    cells += [(s.get(k, ""), size) for k, size in edf_reader.FIELDS.items() for s in signals]
    cells += [("", 32 * len(signals))]  # reserved
    content = b"".join(str(cell).encode("latin-1").ljust(size) for cell, size in cells)
    if width == 3:
        content = b"\xffBIOSEMI" + content[8:]
    for i, row in enumerate(DIGITAL.reshape(4, 50).astype("<i4")):
        content += row.view("u1").reshape(-1, 4)[:, :width].tobytes()
        content += b"".join(b"x" * (int(s["n_samples"]) * width) for s in others)
        if onsets is not None:
            content += f"{onsets[i]}\x14\x14".encode().ljust(12 * width, b"\0")
    path.write_bytes(content[: len(content) - cut])
    return path


EXPECTED = DIGITAL / 100


@pytest.mark.parametrize("kind", ["Edf", "Bdf"])
def test_files_of_edfio_are_read_as_it_does(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(edf_reader, "BLOCK", 777)
    about = {"label": "ECG II", "physical_dimension": "uV", "physical_range": (-600, 600)}
    signal = getattr(edfio, f"{kind}Signal")(500 * WAVE, 250, **about)
    path = tmp_path / f"ecg.{kind.lower()}"
    getattr(edfio, kind)([signal]).write(path)
    recording = read_recording(path)
    assert (recording.name, recording.lead, recording.fs) == ("ecg", "ECG II", 250)
    assert recording.signal.dtype == np.float32
    theirs = getattr(edfio, f"read_{kind.lower()}")(path).signals[0].data
    assert np.abs(1000 * recording.signal - theirs).max() < 1e-4
    assert np.abs(recording.signal - WAVE / 2).max() < 2e-5  # a step of 16 bits


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"head": {"start": "00.00.0012.30.75", "patient": "Jürgen", "recording": "Startdate x"}},
        {"head": {"n": "-1"}},
        {"head": {"n": "", "size": ""}},
        {"head": {"seconds": "0,2"}},
        {"low": "-1,0", "high": "1,00"},
        {"unit": "µV", "low": "-1000", "high": "1000"},
        {"unit": "µV".encode().decode("latin-1"), "low": "-1000", "high": "1000"},
        {"unit": "V", "low": "-.001", "high": "+1E-3"},
        {"onsets": ["garbage", "", "+9", "+8"]},  # EDF+C is continuous whatever its clock says
        {"onsets": ["+0", "+0.2", "+0.4", "+0.6"], "head": {"reserved": "EDF+D"}},
        {"onsets": ["+7", "+7", "+7", "+8"], "head": {"reserved": "EDF+C"}},
    ],
)
@pytest.mark.filterwarnings("error")
def test_whatever_the_header_says_that_does_not_matter(tmp_path, width, changed):
    others = [
        signal_header("-", "", "0", "0", "1"),
        signal_header("TRIG", "", "", "", "3"),
        signal_header("Temp", "C", "0,0", "50,0", "1"),
        signal_header("none", n="0"),
    ]
    for suffix in (".edf", ".REC", ".bdf"):
        path = write(tmp_path / f"a{suffix}", *others, width=width, **changed)
        recording = read_recording(path)
        assert (recording.lead, recording.fs) == ("ECG II", 250)
        assert np.abs(recording.signal - EXPECTED).max() < 1e-7


@pytest.mark.parametrize(
    ("cut", "n", "records", "words"),
    [
        (0, "65", 4, "4 whole data records of 0.2 s; its header says 65"),
        (100, "4", 3, "3 whole"),
        (1, "-1", 3, "3 whole"),
        (0, "2", 4, "4 whole"),
    ],
)
def test_what_is_complete_of_a_file_is_read_with_a_warning(tmp_path, cut, n, records, words):
    path = write(tmp_path / "a.edf", cut=cut, head={"n": n})
    with pytest.warns(UserWarning, match=words):
        signal = read_recording(path).signal
    assert np.abs(signal - EXPECTED[: 50 * records]).max() < 1e-7


@pytest.mark.parametrize("block", [1, 1 << 20])
@pytest.mark.parametrize("width", [2, 3])
def test_gaps_of_an_interrupted_recording_are_kept(tmp_path, monkeypatch, width, block):
    # Records begin at 0, 0.2, 1.0 (a gap of 0.6 s, 150 samples) and 1.208 s (8 ms are the
    # clock's error).
    monkeypatch.setattr(edf_reader, "BLOCK", block)
    onsets = ["+5", "+5.2", "+6.0", "+6.208"]
    path = write(tmp_path / "a.bdf", width=width, onsets=onsets, head={"reserved": "BDF+D"})
    signal = read_recording(path).signal
    gap = np.full(150, np.nan)
    expected = np.concatenate([EXPECTED[:100], gap, EXPECTED[100:]])
    np.testing.assert_allclose(signal, expected, atol=1e-7)


def test_an_interrupted_recording_with_a_damaged_clock(tmp_path):
    onsets = ["?", "+5.2", "+4", "+6.6"]  # the first began at 5.0; the third did not at 4
    path = write(tmp_path / "a.edf", onsets=onsets, head={"reserved": "EDF+D"})
    with pytest.warns(UserWarning, match="when 2 of its 4"):
        signal = read_recording(path).signal
    assert np.flatnonzero(np.isnan(signal)).tolist() == list(range(150, 400))


@pytest.mark.parametrize(
    ("word", "options"),
    [
        ("range", {"high": "-1"}),
        ("range", {"high": ""}),
        ("range", {"low": "1e999"}),
        ("begin", {"head": {"signals": "x"}}),
        ("begin", {"head": {"size": "9"}}),
        ("begin", {"head": {"version": "PK"}}),
        ("how long", {"n_samples": "-50"}),
        ("how long", {"head": {"seconds": "nan"}}),
        ("ends before", {"cut": 380}),
        ("ends before", {"n_samples": "99999999"}),
        ("where", {"head": {"reserved": "EDF+D"}}),
        ("too far", {"onsets": ["+0", "+1", "+2", "+99999999"], "head": {"reserved": "EDF+D"}}),
        ("sampling rate", {"head": {"seconds": "0"}}),
    ],
)
def test_an_edf_that_cannot_be_read(tmp_path, word, options):
    write(tmp_path / "a.edf", **options)
    with pytest.raises(InputError, match=word):
        read_recording(tmp_path / "a.edf", units="mV")
    if word == "sampling rate":
        assert read_recording(tmp_path / "a.edf", fs=250).seconds == 0.8


def test_another_unit_and_a_falling_range(tmp_path):
    path = write(tmp_path / "a.edf", unit="degC", low="1", high="-1")
    with pytest.raises(InputError, match="degC"):
        read_recording(path)
    assert np.abs(1000 * read_recording(path, units="uV").signal + EXPECTED).max() < 1e-7


@pytest.mark.parametrize("width", [2, 3])
def test_memory_for_a_long_recording_of_many_channels(tmp_path, width):
    n = 200_000  # records of 20 samples: 4 million
    others = [signal_header(f"V{i}", n="20") for i in range(5)]
    path = write(tmp_path / "a.edf", *others, width=width, n_samples="20", head={"n": f"{n}"})
    path.write_bytes(path.read_bytes()[: 256 * 7] + bytes(120 * n * width))
    tracemalloc.start()
    signal = read_recording(path).signal
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(signal) == 20 * n
    assert peak < signal.nbytes + 40 * edf_reader.BLOCK
