"""Whatever a file holds: it is read, or refused with an InputError; never another error.

Each test changes a file that is right, with ``make test`` in a handful of ways, with ``make check``
in 150, always the same. More, and others: ``ECGKIT_FUZZ=20000 pytest -m slow tests/test_fuzz.py``.
"""

import gzip
import os
import re
import resource
import shutil
import struct

import edfio
import numpy as np
import pytest
import scipy.io
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_csv_reader import HEADS
from test_foreign import AECG, DICOM, DIGITAL

from ecgkit import InputError
from ecgkit.apply.quality import check_recording
from ecgkit.apply.readers import read_recording
from ecgkit.data.beats import Beats
from ecgkit.data.preparation import Preparation
from ecgkit.data.wfdb_io import read_annotation_file
from ecgkit.nn.models import build
from ecgkit.train.weights import Classifier, Provenance, load_model, save_model

BY_HAND = int(os.environ.get("ECGKIT_FUZZ", "0"))
ROOM = 4 << 30  # bytes of address space that reading may ask for

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def room():
    with open("/proc/self/statm", encoding="ascii") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def read_or_refuse(read, *arguments):
    """Return what is read; None if it is refused."""
    try:
        return read(*arguments)
    except InputError:
        return None


@pytest.fixture(params=[5, pytest.param(BY_HAND or 150, marks=pytest.mark.slow)])
def fuzz(request):
    """A function that tries a check on examples of a strategy."""
    options = {"max_examples": request.param, "deadline": 30_000, "derandomize": not BY_HAND}
    limits = settings(**options, database=None, suppress_health_check=list(HealthCheck))
    return lambda strategy, check: limits(given(strategy)(check))()


# Changes

ABSURD = (
    "0 -1 1 2 3 12 16 80 212 310 311 508 1e3 1e12 -5 360 0.0 1e-300 1e308 1e999 nan inf -inf 1_0 "
    "99999999999 9223372036854775808 0x10 ٣ 1/2 1e5(200)/mV 200(1024)/mV 0(0)/mV /mV mV uV ( ) "
    "; , \t ~ - .. ../one /etc/passwd one/ # \x00 \x1b[2J é"
)
WORDS = st.sampled_from([word.encode() for word in ["", " ", "\t", *ABSURD.split(" ")]])
BYTES = st.binary(max_size=9)


@st.composite
def changed(draw, content, parts=None, new=BYTES):
    """Content with some of its parts (bytes, if none are given) replaced, cut out or repeated."""
    parts = [content[i : i + 1] for i in range(len(content))] if parts is None else list(parts)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(parts)) | st.integers(0, min(len(parts), 200)))
        n = draw(st.sampled_from([1, 1, 2, 7, 100, len(parts)]))
        what = draw(st.integers(0, 4))
        if what == 0:
            del parts[at : at + n]
        elif what == 1:
            parts[at:at] = parts[at : at + min(n, 100)]
        else:
            parts[at : at + what - 2] = [draw(new)]
    return b"".join(parts)


def words_changed(content):
    """Text with some of its words and separators changed."""
    return changed(content, re.split(b"([ ,:\n])", content), WORDS | BYTES)


# Recordings


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A recording of 10 s as WFDB, CSV and EDF: suffix -> content."""
    folder = tmp_path_factory.mktemp("recordings")
    ecg = np.exp(-(((np.arange(3600) % 300 - 200) / 6) ** 2))
    pair = np.stack([ecg, -0.5 * ecg], axis=1)
    about = {"units": ["mV", "mV"], "sig_name": ["MLII", "V1"], "fmt": ["212", "212"]}
    wfdb.wrsamp("one", 360, p_signal=pair, write_dir=str(folder), comments=["a record"], **about)
    marks = (np.arange(200, 3500, 300), list("NVNNA+NFNQN"))
    wfdb.wrann("one", "atr", *marks, fs=360, write_dir=str(folder))  # a note states the rate
    lines = ["time,MLII,V1", *(f"{i / 360:.4f},{a:.3f},{b:.3f}" for i, (a, b) in enumerate(pair))]
    (folder / "one.csv").write_text("\n".join(lines))
    leads = [edfio.EdfSignal(x, 360, label="II", physical_dimension="mV") for x in pair.T]
    edfio.Edf(leads).write(folder / "one.edf")
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def read(recordings, tmp_path):
    """A function that reads and checks the recording with some of its files changed."""

    def call(name, *options, **changed):
        for suffix, content in (recordings | changed).items():
            (tmp_path / f"one.{suffix}").write_bytes(content)
        recording = read_or_refuse(read_recording, tmp_path / name, *options)
        if recording is not None:
            assert 0 < recording.seconds < np.inf
            read_or_refuse(check_recording, recording)

    return call


def test_the_recording_itself_is_read(read, tmp_path):
    read("one")
    names = ("one", "one.csv", "one.edf")
    signals = [read_recording(tmp_path / name, fs=360).signal for name in names]
    assert np.ptp(signals, axis=0).max() < 0.002


def test_any_header(fuzz, recordings, read):
    fuzz(words_changed(recordings["hea"]), lambda content: read("one", hea=content))


def test_any_header_of_segments(fuzz, recordings, read, tmp_path):
    (tmp_path / "two.hea").write_bytes(recordings["hea"])
    header = b"one/3 2 360 9000\ntwo 3600\n~ 1800\ntwo 3600\n"
    fuzz(words_changed(header), lambda content: read("one", hea=content))


TWO = "one.dat 212 200 11 0 0 0 0 MLII\none.dat 212 200 11 0 0 0 0 V1"
HEADERS = [
    f"one 2 360 1000000000000\n{TWO}",
    *(f"one {n} 3600\n{TWO}" for n in ("99999 360", "2 0", "2 -360", "2 1e-9", "2 1e12")),
    *(f"one 1 360 3600\n{file} 200" for file in ("/dev/zero 16", "/proc/self/mem 16")),
    *(
        f"one 1 360 3600\none.dat {fmt} 200"
        for fmt in ("999", "16x1000000000", "16:-1", "16+99999")
    ),
    "one/1000000000 2 360 3600\none 1800",
    "one/2 2 360 1000000000000\n~ 500000000000\n~ 500000000000",
    "one/2 2 360 3600\n../one 1800\n/etc/passwd 1800",
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_promises_the_absurd(read, header):
    read("one", hea=header.encode())


def test_any_annotation_bytes(fuzz, recordings, read, tmp_path):
    def check(content):
        read("one", atr=content)
        read_or_refuse(read_annotation_file, tmp_path / "one")

    fuzz(changed(recordings["atr"]), check)


def test_any_signal_bytes(fuzz, recordings, read):
    fuzz(changed(recordings["dat"]), lambda content: read("one", dat=content))


@pytest.mark.parametrize("options", [(None, 360), ("V1", 360)])
def test_any_csv(fuzz, recordings, read, options):
    words = words_changed(recordings["csv"])
    utf_16 = words.map(lambda new: new.decode("utf-8", "replace").encode("utf-16"))
    strategy = words | changed(recordings["csv"]) | utf_16
    fuzz(strategy, lambda content: read("one.csv", *options, csv=content))


@pytest.mark.parametrize(
    "kind", ["LabChart", "AcqKnowledge", "OpenSignals", "Shimmer", "Apple Watch"]
)
@pytest.mark.parametrize("n", [1, 40])
def test_any_head_of_a_csv(fuzz, write_csv, read, kind, n):
    head, (line, _) = HEADS[kind]
    content = write_csv(head, line, keep=np.arange(3000) < n).read_bytes()
    fuzz(words_changed(content), lambda content: read("one.csv", None, 250, csv=content))


def test_any_edf(fuzz, recordings, read):
    content = recordings["edf"]
    fields = [content[i : i + 8] for i in range(0, 768, 8)]  # of the file, and of two signals
    words = WORDS.map(lambda word: word.ljust(8)[:8])
    strategy = changed(content) | changed(content, [*fields, content[768:]], words)
    fuzz(strategy, lambda content: read("one.edf", edf=content))


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Recordings as BDF, DICOM, MATLAB, aECG and compressed: suffix -> content."""
    folder = tmp_path_factory.mktemp("others")
    leads = [edfio.BdfSignal(DIGITAL / 1000, 250, label="II", physical_dimension="mV")]
    edfio.Bdf(leads).write(folder / "a.bdf")
    shutil.copy(DICOM, folder / "a.dcm")
    scipy.io.savemat(folder / "a.mat", {"val": DIGITAL[None]}, format="5", do_compression=True)
    digits = " ".join(map(str, DIGITAL[:100]))
    (folder / "a.xml").write_text(AECG.format(encoding="utf-8", digits=digits))
    (folder / "a.bdf.gz").write_bytes(gzip.compress((folder / "a.bdf").read_bytes()))
    return {path.name[2:]: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", ["bdf", "dcm", "mat", "xml", "bdf.gz"])
def test_any_other_format(fuzz, others, read, tmp_path, suffix):
    def check(content):
        (tmp_path / f"a.{suffix}").write_bytes(content)
        read(f"a.{suffix}", None, 250 if suffix == "mat" else None)

    content = others[suffix]
    check(content)
    fuzz(words_changed(content) | changed(content), check)


# Weights and tables of beats; test_weights.py and test_beats.py change what they hold


def test_any_table_of_beats(fuzz, tmp_path):
    row, n = np.zeros(8, np.float32), np.arange(8)
    text, signals = np.array(["N"] * 8), np.zeros((8, 180), np.float32)
    columns = (signals, signals[:, :0], row.astype(np.int8), text, text, n, row, row)
    Beats(*columns, Preparation(), "synthetic", "0" * 16).save(tmp_path / "b.npz")
    assert len(Beats.load(tmp_path / "b.npz")) == 8

    def check(content):
        (tmp_path / "b.npz").write_bytes(content)
        read_or_refuse(Beats.load, tmp_path / "b.npz")

    fuzz(changed((tmp_path / "b.npz").read_bytes()), check)


def test_any_weights_file(fuzz, tmp_path):
    text = dict.fromkeys(("source", "fingerprint", "split_hash", "ecgkit", "note"), "none")
    provenance = Provenance("tcn", "paper", "random", seed=0, trained_on=("100",), **text)
    path = tmp_path / "tcn.safetensors"
    save_model(path, Classifier(build("tcn"), Preparation(), provenance))
    assert load_model(path).provenance == provenance

    content = path.read_bytes()
    size = 8 + struct.unpack("<Q", content[:8])[0]

    def check(example):
        head, end = example
        path.write_bytes(head + content[size:end])
        read_or_refuse(load_model, path)

    words = words_changed(content[8:size]).map(lambda new: struct.pack("<Q", len(new)) + new)
    heads = words | changed(content[:size])
    fuzz(st.tuples(heads, st.sampled_from([None, None, -4, size])), check)
