"""WFDB records as databases and devices write them, with values worked out by hand."""

import shutil
import warnings

import numpy as np
import pytest
import wfdb
from conftest import refused

from ecgkit.apply.readers import read_recording
from ecgkit.data import wfdb_io

pytestmark = pytest.mark.filterwarnings("ignore:.*chooses another")

ADU = (100, -200, 300, 400)  # 0.5, -1, 1.5 and 2 mV; their sum is 600
HEADER = "one 1 250 4\none.dat 16 200/mV 16 0 100 600 0 II\n"


@pytest.fixture
def write(tmp_path):
    """A function that writes a header and 16-bit samples and returns the record's path."""

    def call(header=HEADER, adu=ADU, name="one", dat=None):
        content = header if isinstance(header, bytes) else header.encode()
        (tmp_path / f"{name}.hea").write_bytes(content)
        np.array(adu, "<i2").tofile(tmp_path / (dat or f"{name}.dat"))
        return tmp_path / name

    return call


def mark(path, samples, symbols=None, extension="atr", **options):
    """Write an annotation file."""
    symbols = list(symbols or "N" * len(samples))
    about = {"write_dir": str(path.parent), **options}
    wfdb.wrann(path.name, extension, np.array(samples), symbols, **about)


# Headers


@pytest.mark.parametrize(
    "header",
    [
        b"\xef\xbb\xbf" + HEADER.encode(),
        HEADER.encode("utf-16"),
        HEADER.replace("\n", "\r\n"),
        HEADER.replace(" ", "\t").strip(),
        f"# a comment\n\n{HEADER}\n# another\n",
        HEADER.replace(" 250 4", " 250/100(5) 4"),
        *(HEADER.replace(" 4\n", f" 4 {date}\n") for date in ("05-May-2020 9:49", "10:0 19/01/89")),
        HEADER.replace("one 1", "one.mat 1"),
        HEADER.replace(" 250 4", " 250"),
        HEADER.replace(" 250 4", " 250 0"),
        HEADER.replace(" 600 ", " 0 "),  # as in all of Challenge 2017: no sum was computed
        HEADER.replace("200/mV", "0.2/µV"),
        HEADER.replace("200/mV", "0.2/μV"),
        HEADER.replace("200/mV", "0.2/µV").encode("latin-1"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_headers_that_wfdb_tools_accept(write, header):
    recording = read_recording(write(header))
    assert np.allclose(recording.signal, [0.5, -1, 1.5, 2], rtol=1e-6)
    assert (recording.lead, recording.fs) == ("II", 250)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("", "header"),
        ("one 0 250\n", "no signal"),
        (HEADER.replace("\n", " ", 1), "line of its own"),
        (HEADER.replace("one 1", "one 2"), "line of its own"),
        (HEADER.replace("600", "601"), "checksum"),
        (HEADER.replace("16 200", "sixteen 200"), r"one\.hea"),
        (HEADER.replace("one.dat", "two.raw"), r"two\.raw is missing"),
        (HEADER.replace("250 4", "250 5"), "fit"),
        (HEADER.replace("250 4", "250,0 4"), "comma"),
        (HEADER.replace("200/mV", "200,0(0)/mV"), "comma"),
        (HEADER.replace("250 4", "250 1000000000000"), "fit"),
        (HEADER.replace("one.dat 16", "one.dat 24"), "fit"),
        (HEADER.replace("250 4", "0 4"), "sampling rate"),
        (HEADER.replace("/mV", "/mmHg"), "mmHg"),
        ("one/2 1 250 8\none 4\n", "line of its own"),
        ("one/1 1 250 4\none 4\n", "fit"),
        ("one/1 1 250 4\n~ 4\n", "segments"),
    ],
)
def test_headers_that_are_refused(write, header, word):
    refused(word, write(header))


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("one 1 250 4\none.dat 16\n", "no gain"),
        (HEADER.replace("200/mV", "0"), "no gain"),
        (HEADER.replace("200/mV", "0.0/mV"), "no gain"),
        (HEADER.replace(" 250 4", ""), "no sampling rate"),
        (HEADER.replace("250 4", "1 2").replace("600", "0"), "goes on for 2 s"),
    ],
)
def test_what_a_header_leaves_open(write, header, word):
    path = write(header)
    with pytest.warns(UserWarning, match=word):
        assert read_recording(path).signal[0] == 0.5
    with warnings.catch_warnings():  # of a database it is known
        warnings.simplefilter("error", UserWarning)
        assert wfdb_io.read_record(path, annotated=False).signals[0] == 0.5


def test_names_that_are_not_the_headers(write, tmp_path):
    write(dat="one.DAT").with_suffix(".hea").rename(tmp_path / "one.HEA")
    assert read_recording(tmp_path / "one.HEA").name == "one"
    for file in tmp_path.iterdir():
        file.unlink()
    assert read_recording(write(name="one (1)")).name == "one (1)"
    assert read_recording(write(HEADER.replace("one", "a,b"), name="a,b")).signal[0] == 0.5
    dotted = HEADER.replace("one", "one.v1")
    for name in ("one.v1", "one.v1.hea", "one.v1.dat"):
        write(dotted, name="one.v1")
        assert read_recording(tmp_path / name).name == "one.v1"
    path = write(HEADER.replace("one.dat", "two.mat"), name="two", dat="two.mat")
    assert read_recording(path.with_suffix(".mat")).signal[0] == 0.5


# Signals

FRAMES = """two 2 250 3
two.dat 16x2 200/mV 16 0 100 {} 0 II
two.dat 16 200/mV 16 0 7 0 0 V1
"""


def test_each_lead_is_read_at_its_own_rate(write, monkeypatch):
    # A frame holds two samples of II and one of V1.
    path = write(FRAMES.format(2100), (100, 200, 7, 300, 400, 8, 500, 600, 9), "two")
    mark(path, [1, 2])
    for block in (1, 2, 3, 99):
        monkeypatch.setattr(wfdb_io, "BLOCK", block)
        slow, fast = read_recording(path, "V1"), read_recording(path)
        assert (slow.fs, fast.fs) == (250, 500)
        assert np.allclose(slow.signal * 200, [7, 8, 9])
        assert np.allclose(fast.signal * 200, [100, 200, 300, 400, 500, 600])
        assert (slow.r_peaks.tolist(), fast.r_peaks.tolist()) == ([1, 2], [2, 4])
    refused("checksum", write(FRAMES.format(2101), name="two", adu=range(9)))


def test_skew(write):
    # The samples of II are one frame late in the file, those of V1 two frames.
    lines = "one.dat 16:{} 200/mV 16 0 0 {} 0 {}\n"
    header = "one 2 250 3\n" + lines.format(1, 90, "II") + lines.format(2, 600, "V1")
    path = write(header, (20, 100, 30, 200, 40, 300))
    signals = [read_recording(path, lead).signal * 200 for lead in ("II", "V1")]
    assert np.allclose(signals, [[30, 40, np.nan], [300, np.nan, np.nan]], equal_nan=True)


def test_differences_are_summed_over_blocks(write, monkeypatch):
    monkeypatch.setattr(wfdb_io, "BLOCK", 2)
    path = write("one 1 250 5\none.dat 8 1 8 0 10 0 0 II\n")
    np.array([0, 1, 2, -3, 4], "i1").tofile(path.with_suffix(".dat"))
    assert read_recording(path).signal.tolist() == [10, 11, 13, 10, 14]


@pytest.fixture
def parts(write):
    """Segments of 4 samples: leads II and V1 with the values 1 and 2, then V1 and II, then V1."""
    line = "{0}.dat 16 {1}/mV 16 0 0 0 0 {2}\n"
    for name, leads in (("a", ("II", "V1")), ("b", ("V1", "II")), ("c", ("V1",))):
        rows = "".join(line.format(name, 100 if name == "b" else 200, lead) for lead in leads)
        adu = [(100 if name == "b" else 200) * (1 + (lead == "V1")) for lead in leads] * 4
        write(f"{name} {len(leads)} 250 4\n{rows}", adu, name)
    layout = "~ 0 1/mV 0 0 0 0 0 II\n~ 0 1/mV 0 0 0 0 0 V1\n~ 0 1/mV 0 0 0 0 0 aVR\n"
    write("layout 3 250 0\n" + layout, (), "layout")
    return write


@pytest.mark.parametrize(
    ("rows", "lead", "expected"),
    [
        ("a 4\nb 4\n", "II", [1, 1]),
        ("a 4\nb 4\na 4\n", "V1", [2, 2, 2]),
        ("layout 0\na 4\n~ 4\nb 4\nc 4\n", "II", [1, np.nan, 1, np.nan]),
        ("layout 0\n~ 4\nc 4\n~ 4\n", "V1", [np.nan, 2, np.nan]),
    ],
)
def test_segments_are_joined(parts, rows, lead, expected):
    path = parts(f"r/{rows.count(chr(10))} 3 250 {4 * len(expected)}\n{rows}", (), "r")
    mark(path, [1, 5])
    recording = read_recording(path, lead)
    assert np.array_equal(recording.signal, np.repeat(expected, 4), equal_nan=True)
    assert recording.r_peaks.tolist() == [1, 5]


@pytest.mark.parametrize(
    ("rows", "word"),
    [("a 3\nb 5\n", "fit"), ("r 4\na 4\n", "fit"), ("a 4\nd 4\n", "d.hea"), ("a 4\na 0\n", "fit")],
)
def test_segments_that_do_not_fit(parts, rows, word):
    refused(word, parts(f"r/2 2 250 8\n{rows}", (), "r"))


# Annotations


@pytest.mark.parametrize(("own", "samples"), [(125, [1, 3]), (250, [2, 6]), (1000, [9, 25])])
def test_annotations_are_brought_to_the_rate_of_the_record(write, own, samples):
    path = write(HEADER.replace("250 4", "250 8").replace("600", "1200"), ADU * 2)
    mark(path, samples, fs=own)  # at 8 and 24 ms: samples 2 and 6; 9 and 25 ms round to them
    assert read_recording(path).r_peaks.tolist() == [2, 6]
    marks = wfdb_io.read_annotation_file(path)
    assert (marks.samples.tolist(), marks.fs, marks.n_samples) == ([2, 6], 250, 8)
    marks = wfdb_io.read_annotation_file(path, fs=500)
    assert (marks.samples[0] // 2, marks.fs, marks.n_samples) == (2, 500, 16)


def test_two_annotators_without_a_header_have_one_rate(tmp_path):
    mark(tmp_path / "one", [100, 200], fs=250)
    mark(tmp_path / "one", [400, 804], fs=1000, extension="net")
    both = wfdb_io.read_annotation_folders(tmp_path, tmp_path, ("atr", "net"))
    found = [(marks["one"].samples.tolist(), marks["one"].fs) for marks in both]
    assert found == [([100, 200], 250), ([100, 201], 250)]


def test_a_note_that_wfdb_does_not_know(write):
    path = write()
    note = b"## made by hand"
    head = bytes([0, 22 << 2, len(note), 63 << 2])
    path.with_suffix(".atr").write_bytes(head + note + b"\0" + bytes([3, 1 << 2, 0, 0]))
    assert read_recording(path).r_peaks.tolist() == [3]


def test_two_marks_at_one_sample_and_one_behind_the_end(write):
    path = write()
    mark(path, [1, 1, 3, 4])
    assert read_recording(path).r_peaks.tolist() == [1, 3]
    mark(path, [1, 1, 3, 3], "NNVF")
    with pytest.warns(UserWarning, match="two symbols 1 times"):
        assert read_recording(path).symbols.tolist() == ["N", "V"]


@pytest.mark.parametrize("symbols", ["+~", "(p"])
def test_annotations_without_beats(write, symbols):
    path = write()
    mark(path, [1, 2], symbols)
    mark(path, [1], extension="qrs")
    with pytest.warns(UserWarning, match=r"no beats.*detected.*qrs"):
        assert read_recording(path).r_peaks is None
    assert read_recording(path, annotator="qrs").r_peaks.tolist() == [1]


def test_damaged_annotations_do_not_matter_where_they_are_not_read(write):
    path = write()
    path.with_suffix(".atr").write_bytes(b"damaged")
    refused("readable", path)
    assert read_recording(path, annotated=False).r_peaks is None
    path.with_suffix(".csv").write_text("II (mV)\n0\n1\n")
    refused("omit --annotator", path.with_suffix(".csv"), fs=250, annotator="atr")


def test_an_annotator_is_named_or_found(write):
    path = write()
    path.with_suffix(".ecg").write_bytes(b"ISHNE1.0" + bytes(600))  # another recording
    assert read_recording(path).r_peaks is None
    samples = {"ecg": 1, "qrs": 2, "net": 3}
    for name, sample in samples.items():
        mark(path, [sample], extension=name)
    with pytest.warns(UserWarning, match=r"one\.ecg.*takes qrs"):
        assert read_recording(path).r_peaks.tolist() == [1]
    shutil.copy(path.with_suffix(".net"), path.with_suffix(".atr"))
    assert read_recording(path).r_peaks.tolist() == [3]
    for name, sample in samples.items():
        assert read_recording(path, annotator=f".{name}").r_peaks.tolist() == [sample]
        assert read_recording(path.with_suffix(f".{name}")).r_peaks.tolist() == [sample]
    refused(r"one\.abc", path, annotator="abc")
