"""Whatever the input: a result, or exit status 2 with a sentence; never a traceback.

Each test starts from a file that is right and changes it as its format allows: a number that is
absurd, a line too many, a key that is gone, bytes that are flipped or cut. ``make test`` tries a
handful of changes, ``make check`` more than a hundred, always the same ones. Longer, and with new
ones each time: ``ECGKIT_FUZZ=20000 python -m pytest -m slow tests/test_fuzz.py``.
"""

import contextlib
import io
import json
import os
import resource
import signal
import struct

import edfio
import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ecgkit.__main__ import main

BY_HAND = int(os.environ.get("ECGKIT_FUZZ", "0"))
SECONDS = 30
"""An example may take; they take milliseconds."""

ROOM = 4 << 30
"""Bytes of address space that reading may ask for beyond what is there."""

GROWTH = 1 << 30
"""Bytes by which the memory in use may grow over all examples of a test."""

pytestmark = pytest.mark.usefixtures("nothing_given", "guarded")


@pytest.fixture
def guarded():
    """Memory that is asked for has an end, and memory that is used has a smaller one."""
    with open("/proc/self/statm", encoding="ascii") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    before, limits = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrlimit(resource.RLIMIT_AS),
    )
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert (after.ru_maxrss - before.ru_maxrss) * 1024 < GROWTH


@pytest.fixture(params=[5, pytest.param(BY_HAND or 150, marks=pytest.mark.slow)])
def fuzz(request):
    """A function that tries a check on examples of a strategy."""

    def run(strategy, check):
        @settings(
            max_examples=request.param,
            deadline=None,
            derandomize=not BY_HAND,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def one(example):
            check(example)

        one()

    return run


def too_long(*_):
    raise AssertionError(f"It took longer than {SECONDS} s.")


def ends_well(*arguments):
    """Run a command, which has to end in a result or in a sentence, and say in which."""
    output, errors = io.StringIO(), io.StringIO()
    old = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = main([str(argument) for argument in arguments])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
    said = errors.getvalue()
    assert status in (0, 2), said
    assert all(line.startswith("ecgkit: ") for line in said.splitlines()), said
    assert said.replace("\n", "").isprintable(), said
    if status == 2:
        assert output.getvalue() == ""
        assert said.endswith(".\n"), said
    else:
        json.loads(output.getvalue(), parse_constant=pytest.fail)
    return status


class Quiet(bytes):
    """Bytes that a failing test does not print."""

    def __repr__(self):
        return f"<{len(self)} bytes>"


# Changes


ABSURD = (
    "0 -1 1 2 3 12 16 80 212 310 311 508 1e3 1e12 -5 360 0.0 1e-300 1e308 1e999 nan inf -inf 1_0 "
    "99999999999 9223372036854775808 0x10 ٣ 1/2 1e5(200)/mV 200(1024)/mV 0(0)/mV /mV mV uV ( )"
)
TRICKS = ["", " ", "~", "-", "..", "../one", "/etc/passwd", "one/", "#", "\x00", "\x1b[2J", "é"]
NUMBERS = st.sampled_from(ABSURD.split())
WORDS = st.sampled_from(TRICKS)
WORDS |= NUMBERS | st.text(max_size=6)


@st.composite
def words_changed(draw, text):
    """A text with some of its words, separators or lines replaced, removed, doubled or moved."""
    lines = [line.split(" ") for line in text.split("\n")]
    for _ in range(draw(st.integers(1, 3))):
        lines = lines or [[""]]
        i = draw(st.integers(0, len(lines) - 1))
        line = lines[i]
        what = draw(st.integers(0, 6))
        if what <= 2 and line:
            line[draw(st.integers(0, len(line) - 1))] = draw(WORDS)
        elif what == 3:
            line.insert(draw(st.integers(0, len(line))), draw(WORDS))
        elif what == 4:
            del lines[i]
        elif what == 5:
            lines.insert(draw(st.integers(0, len(lines))), list(line))
        else:
            del line[draw(st.integers(0, len(line))) :]
    return "\n".join(" ".join(line) for line in lines)


@st.composite
def bytes_changed(draw, content):
    """Bytes with some of them flipped, cut out, doubled, added, or none of them left."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)) | st.integers(0, min(len(changed), 200)))
        what = draw(st.integers(0, 4))
        if what <= 1 and at < len(changed):
            changed[at] = draw(st.integers(0, 255))
        elif what == 2:
            del changed[at : at + draw(st.sampled_from([1, 2, 7, 100, 1 << 30]))]
        elif what == 3:
            changed[at:at] = draw(st.binary(max_size=9))
        else:
            changed[at:at] = changed[at : at + draw(st.integers(1, 64))]
    return Quiet(changed) if draw(st.integers(0, 9)) else draw(st.binary(max_size=64))


ODD = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 4, 1 << 31, 1 << 63, 10**40, 0.5, float("nan"), float("inf"), -1e308])
    | st.text(max_size=5)
    | st.sampled_from(["tcn", "resnet", "F64", "I8", "BOOL", "F8_E4M3", "../..", "1" * 400])
    | st.just([])
    | st.just({})
    | st.lists(st.integers(-2, 1 << 40), max_size=3)
)


def places(tree, path=()):
    """All places in a tree of JSON, from the root on."""
    yield path
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in inside:
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


@st.composite
def json_changed(draw, tree):
    """JSON with some values replaced, removed or added."""
    tree = json.loads(tree)
    for _ in range(draw(st.integers(1, 2))):
        found = [place for place in places(tree) if place]
        if not found:
            return draw(ODD)
        *before, last = draw(st.sampled_from(found))
        inside = tree
        for key in before:
            inside = inside[key]
        what = draw(st.integers(0, 5))
        if what == 0:
            del inside[last]
        elif what == 1 and isinstance(inside, list):
            inside.insert(last, draw(ODD))
        elif what == 1:
            inside[draw(st.text(max_size=3))] = draw(ODD)
        else:
            inside[last] = draw(ODD)
    return tree


@st.composite
def safetensors_changed(draw, content):
    """A safetensors file with another header before the same numbers, or with other bytes."""
    if draw(st.integers(0, 3)) == 0:
        return draw(bytes_changed(content))
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    part = draw(st.sampled_from(["all", "metadata", "inside"]))
    about = header.get("__metadata__", {})
    if part == "metadata":
        header["__metadata__"] = draw(json_changed(Quiet(json.dumps(about).encode())))
    elif part == "inside":  # the metadata of a checkpoint are JSON in JSON
        key = draw(st.sampled_from(sorted(about)))
        with contextlib.suppress(ValueError):
            inside = json.dumps([json.loads(about[key])]).encode()
            about[key] = json.dumps(draw(json_changed(Quiet(inside))))[1:-1]
    else:
        header = draw(json_changed(Quiet(content[8 : 8 + size])))
    new = json.dumps(header).encode()
    numbers = bytearray(content[8 + size :])
    if draw(st.booleans()):
        at = draw(st.integers(0, len(numbers) // 4 - 1)) * 4
        numbers[at : at + 4] = struct.pack("<f", draw(st.sampled_from([np.nan, np.inf, 1e38])))
    return Quiet(struct.pack("<Q", len(new)) + new + bytes(numbers))


# Tables, weights, runs and checkpoints


@pytest.fixture(scope="module")
def beats(synthetic_beats):
    four = synthetic_beats.without_q()
    rows = [np.flatnonzero(four.labels == c)[:8] for c in range(4)]
    return four.select(np.concatenate(rows))


@pytest.fixture(scope="module")
def table(beats, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "beats.npz"
    beats.save(path)
    return path


TRAIN = ("--model", "resnet", "--epochs", "2", "--batch", "64", "--device", "cpu", "--json")


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """The files of a short training run: name -> content."""
    out = tmp_path_factory.mktemp("run")
    assert ends_well("train", "--beats", table, *TRAIN, "--out", out) == 0
    return {path.name: Quiet(path.read_bytes()) for path in out.iterdir()}


def test_any_weights_file(fuzz, run, table, tmp_path):
    path = tmp_path / "model.safetensors"

    def check(content):
        path.write_bytes(content)
        ends_well("evaluate", "--weights", path, "--beats", table, "--device", "cpu", "--json")

    fuzz(safetensors_changed(run["model.safetensors"]), check)


def test_any_checkpoint(fuzz, run, table, tmp_path):
    def check(content):
        for name in ("run.json", "model.safetensors"):
            (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / "checkpoint.safetensors").write_bytes(content)
        ends_well("train", "--beats", table, *TRAIN, "--out", tmp_path, "--resume")
        assert not list(tmp_path.glob(".*"))

    fuzz(safetensors_changed(run["checkpoint.safetensors"]), check)


def test_any_record_of_a_run(fuzz, run, table, tmp_path):
    def check(content):
        for name, whole in run.items():
            (tmp_path / name).write_bytes(whole)
        (tmp_path / "run.json").write_bytes(content)
        ends_well("train", "--beats", table, *TRAIN, "--out", tmp_path, "--resume")

    changed = json_changed(run["run.json"]).map(lambda tree: json.dumps(tree).encode())
    fuzz(changed | bytes_changed(run["run.json"]), check)


def npz(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@st.composite
def tables(draw, content):
    """A table of beats with other columns, or with other bytes."""
    if draw(st.booleans()):
        return draw(bytes_changed(content))
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    name, n = draw(st.sampled_from(sorted(arrays))), len(arrays["records"])
    what, is_number = draw(st.integers(0, 4)), arrays[name].dtype.kind in "fi"
    if what == 0:
        del arrays[name]
    elif what == 1:
        arrays[name] = arrays[name][:-1]
    elif what == 2:
        kinds = ["U9", "S3", "f8", "i8", "c16", "?"] if is_number else ["S9", "U1"]
        with np.errstate(invalid="ignore"):
            arrays[name] = arrays[name].astype(draw(st.sampled_from(kinds)))
    elif what == 3 and is_number:
        number = draw(st.sampled_from([0, -1, 127, *[np.nan, np.inf, 3e38] * (name == "signals")]))
        arrays[name].flat[draw(st.integers(0, n - 1)) :] = number
    else:
        kinds = st.sampled_from(["f4", "f8", "i8", "U1", "?", "M8[s]"])
        shape = draw(st.sampled_from([(n,), (n, 180), (0,), (0, 180), (), (n, 1)]))
        arrays[name] = draw(hnp.arrays(draw(kinds), shape, fill=st.nothing()))
    return Quiet(npz(arrays))


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_any_table_of_beats(fuzz, run, table, tmp_path, command):
    weights, path = tmp_path / "model.safetensors", tmp_path / "beats.npz"
    weights.write_bytes(run["model.safetensors"])
    options = {
        "evaluate": ("--weights", weights, "--device", "cpu", "--json"),
        "train": ("--model", "resnet", "--epochs", "1", *TRAIN[4:], "--out", tmp_path, "--resume"),
    }[command]

    def check(content):
        path.write_bytes(content)
        for name in run if command == "train" else ():
            (tmp_path / name).unlink(missing_ok=True)
        ends_well(command, "--beats", path, *options)

    fuzz(tables(Quiet(table.read_bytes())), check)


# Recordings


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A recording of 10 s as WFDB, CSV and EDF: name -> content."""
    folder = tmp_path_factory.mktemp("recordings")
    r_peaks = np.arange(200, 3500, 300)
    time = np.arange(3600)[:, None]
    ecg = np.exp(-(((time - r_peaks) / 6) ** 2)).sum(axis=1)
    pair = np.stack([ecg, -0.5 * ecg], axis=1)
    about = {"units": ["mV", "mV"], "sig_name": ["MLII", "V1"], "fmt": ["212", "212"]}
    wfdb.wrsamp("one", 360, p_signal=pair, write_dir=str(folder), comments=["a record"], **about)
    wfdb.wrann("one", "atr", r_peaks, list("NVNNA+NFNQN"), write_dir=str(folder))
    lines = ["time,MLII,V1", *(f"{i / 360:.4f},{a:.3f},{b:.3f}" for i, (a, b) in enumerate(pair))]
    (folder / "one.csv").write_text("\n".join(lines))
    signals = [
        edfio.EdfSignal(lead, 360, label=name, physical_dimension="mV")
        for lead, name in zip(pair.T, about["sig_name"], strict=True)
    ]
    edfio.Edf(signals).write(folder / "one.edf")
    return {path.name: Quiet(path.read_bytes()) for path in folder.iterdir()}


@pytest.fixture
def classify(recordings, run, tmp_path):
    """A function that classifies the recording with some of its files changed."""
    (tmp_path / "model.safetensors").write_bytes(run["model.safetensors"])

    def call(path, *options, **changed):
        for name, content in recordings.items():
            (tmp_path / name).write_bytes(changed.get(name.rpartition(".")[2], content))
        options = ("--weights", tmp_path / "model.safetensors", "--device", "cpu", *options)
        before = {p.name for p in tmp_path.iterdir()}
        status = ends_well("classify", tmp_path / path, "--json", *options)
        assert {p.name for p in tmp_path.iterdir()} == before
        return status

    return call


def test_the_recording_itself_is_classified(classify):
    assert classify("one") == 0
    assert classify("one.csv", "--fs", "360") == 0
    assert classify("one.edf") == 0


def test_any_header(fuzz, recordings, classify):
    text = recordings["one.hea"].decode()
    fuzz(words_changed(text), lambda new: classify("one", hea=new.encode("utf-8", "replace")))


HEADERS = [
    "one 2 360 1000000000000\none.dat 212 200 11 0 0 0 0 MLII\none.dat 212 200 11 0 0 0 0 V1",
    "one 99999 360 3600\none.dat 212 200 11 0 0 0 0 MLII",
    "one 1 0 3600\none.dat 212 200 11 0 0 0 0 MLII",
    "one 1 -360 3600\none.dat 212 200 11 0 0 0 0 MLII",
    "one 1 1e-9 3600\none.dat 16 200 11 0 0 0 0 MLII",
    "one 1 1e12 3600\none.dat 16 200 11 0 0 0 0 MLII",
    "one 1 360 3600\none.dat 16 0 11 0 0 0 0 MLII",
    "one 1 360 3600\none.dat 999 200 11 0 0 0 0 MLII",
    "one 1 360 3600\none.dat 16x1000000000 200 11 0 0 0 0 MLII",
    "one 1 360 3600\none.dat 16:-1 200 11 0 0 0 0 MLII",
    "one 1 360 3600\none.dat 16+99999999999 200 11 0 0 0 0 MLII",
    "one 1 360 3600\n../../../etc/passwd 16 200 11 0 0 0 0 MLII",
    "one 1 360 3600\n/dev/zero 16 200 11 0 0 0 0 MLII",
    "one 1 360 3600\n/proc/self/mem 16 200 11 0 0 0 0 MLII",
    "one/2 2 360 3600\none 1800\none 1800",
    "one/1000000000 2 360 3600\none 1800",
    "one/2 2 360 1000000000000\n~ 500000000000\n~ 500000000000",
    "one/2 2 360 3600\n../one 1800\n/etc/passwd 1800",
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_promises_the_absurd(classify, header):
    classify("one", hea=header.encode())


def test_any_annotation_bytes(fuzz, recordings, classify):
    fuzz(bytes_changed(recordings["one.atr"]), lambda new: classify("one", atr=new))


def test_any_annotation_bytes_are_compared(fuzz, recordings, tmp_path):
    content = Quiet(recordings["one.atr"])
    for name in ("one.atr", "one.hea"):
        (tmp_path / name).write_bytes(recordings[name])
    folders = ("ec57", tmp_path, tmp_path, "--records", "one", "--start", 0, "--json")

    def check(changed):
        (tmp_path / "one.net").write_bytes(changed)
        ends_well(*folders, "--reference", "net", "--test", "atr")
        return ends_well(*folders, "--test", "net")

    assert check(content) == 0
    fuzz(bytes_changed(content), check)


def test_any_signal_bytes(fuzz, recordings, classify):
    fuzz(bytes_changed(recordings["one.dat"]), lambda new: classify("one", dat=new))


@st.composite
def csvs(draw, content):
    """A CSV with other words, separators, lines or bytes."""
    if draw(st.integers(0, 4)) == 0:
        return draw(bytes_changed(content))
    lines = content.decode().split("\n")
    at = draw(st.integers(0, len(lines) - 1) | st.integers(0, 3))
    some = "\n".join(lines[at : at + 3]).replace(",", " ")
    new = draw(words_changed(some)).replace(" ", draw(st.sampled_from([",", ",", ";", "\t", " "])))
    text = "\n".join([*lines[:at], new, *lines[at + draw(st.sampled_from([3, 3, 9999])) :]])
    coding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "latin-1"]))
    return Quiet(text.encode(coding, "replace"))


@pytest.mark.parametrize("options", [("--fs", "360"), ("--fs", "360", "--lead", "V1"), ()])
def test_any_csv(fuzz, recordings, classify, options):
    fuzz(csvs(recordings["one.csv"]), lambda new: classify("one.csv", *options, csv=new))


RATES = "0 -1 1 1e-300 0.5 1e9 1e300 nan inf 359.9999 360.00001 7 1e5"


def test_any_number_as_sampling_rate(fuzz, classify):
    rates = st.sampled_from(RATES.split())
    fuzz(rates, lambda fs: classify("one.csv", f"--fs={fs}"))


@st.composite
def edfs(draw, content):
    """An EDF file with another text in some field of its header, or with other bytes."""
    if draw(st.booleans()):
        return draw(bytes_changed(content))
    changed = bytearray(content)
    size = 256 * 3  # of the file, and of its two signals
    for _ in range(draw(st.integers(1, 2))):
        at, width = draw(st.integers(0, size // 8 - 1)) * 8, draw(st.sampled_from([4, 8, 16]))
        word = draw(WORDS).encode("utf-8", "replace")[:width]
        changed[at : at + width] = word.ljust(width)
    return Quiet(changed)


def test_any_edf(fuzz, recordings, classify):
    fuzz(edfs(recordings["one.edf"]), lambda new: classify("one.edf", edf=new))
