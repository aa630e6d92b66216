"""Faulty input ends in one sentence and status 2, and leaves nothing half-written behind.

Downloads that break off, stall, or bring an error or other bytes are in ``test_records.py``, a
training run that is killed in ``test_resume.py``, input made up at random in ``test_fuzz.py``.
"""

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import wfdb
from safetensors.numpy import load_file, save_file

from ecgkit import (
    InputError,
    checkpoints,
    experiments,
    models,
    physionet,
    readers,
    records,
    synthetic,
)

pytestmark = pytest.mark.usefixtures("nothing_given")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Weights of a small network that has learnt nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tcn.safetensors"
    about = {**dict.fromkeys(experiments.ABOUT, "none"), "model": "tcn"}
    checkpoints.write_safetensors(path, models.build("tcn").state_dict(), about)
    return path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def refused(run, tmp_path, weights):
    """A function that classifies what cannot be, and returns its one sentence."""

    def call(path, *options, command="classify"):
        before = contents(tmp_path)
        files = ("--out", tmp_path / "out.csv", "--plot", tmp_path / "out.png")
        if command == "classify":
            options = (path, *([] if "--weights" in options else ["--weights", weights]), *options)
            options = (*options, *([] if "--out" in options else files))
        status, output, errors = run(command, *options)
        assert (status, output) == (2, "")
        assert errors.count("\n") == 1
        assert errors.startswith("ecgkit: ")
        assert errors.endswith(".\n")
        assert contents(tmp_path) == before
        return errors

    return call


@pytest.fixture
def classified(run, weights):
    """A function that classifies a recording: its JSON, and the sentences of warning."""

    def call(path, *options):
        status, output, errors = run("classify", path, "--weights", weights, "--json", *options)
        assert status == 0
        found = json.loads(output)
        assert [f"ecgkit: {sentence}" for sentence in found["warnings"]] == errors.splitlines()
        return found, errors

    return call


@pytest.fixture
def real(tmp_path, synthetic_source):
    """A copy of a synthetic record, whose beats look like beats."""
    for kind in ("hea", "dat", "atr"):
        shutil.copy(synthetic_source.directory / f"syn01.{kind}", tmp_path)
    return tmp_path / "syn01"


def write(path, millivolts, fs=360):
    """Write a signal as a WFDB record of one lead, without annotations."""
    wfdb.wrsamp(
        path.name,
        fs=fs,
        units=["mV"],
        sig_name=["MLII"],
        d_signal=np.rint(np.asarray(millivolts) * 1000).astype(np.int64)[:, None],
        fmt=["16"],
        adc_gain=[1000.0],
        baseline=[0],
        write_dir=str(path.parent),
    )
    return path


# The signal file


def test_a_missing_signal_file(refused, write_record):
    path = write_record()
    path.with_suffix(".dat").unlink()
    assert "one.dat is missing from record one" in refused(path)


@pytest.mark.parametrize("size", [0, 1, 10_000, 21_599])
def test_a_signal_file_cut_short(refused, write_record, size):
    path = write_record()
    path.with_suffix(".dat").write_bytes(path.with_suffix(".dat").read_bytes()[:size])
    assert "one cannot be read: its header and signal file do not fit" in refused(path)


@pytest.mark.parametrize(("byte", "bit"), [(0, 0), (7200, 7), (9001, 3), (21_597, 5)])
def test_a_flipped_bit_is_found_by_the_sum_in_the_header(refused, write_record, byte, bit):
    # Format 212: of three bytes the first and the lower half of the second are lead MLII.
    path = write_record()
    content = bytearray(path.with_suffix(".dat").read_bytes())
    content[byte] ^= 1 << bit
    path.with_suffix(".dat").write_bytes(content)
    assert "one.dat is damaged: lead MLII adds up to" in refused(path)


# The header


def test_a_missing_header(refused, write_record):
    path = write_record()
    path.with_suffix(".hea").unlink()
    assert "one.hea is missing from record one" in refused(path.with_suffix(".dat"))
    assert "There is no recording at" in refused(path)


def header_with(path, old, new):
    text = path.with_suffix(".hea").read_text()
    assert old in text
    path.with_suffix(".hea").write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("one.dat", "two.dat", "two.dat is missing from record one"),
        ("one.dat 212", "one.dat 16", "header and signal file do not fit"),
        ("one.dat 212", "one.dat 999", "header and signal file do not fit"),
        ("one.dat 212", "one.dat abc", "header and signal file do not fit"),
        ("one 2 360 7200", "one 2 360 7300", "header and signal file do not fit"),
        ("one 2 360 7200", "one 2 360", "does not say how many samples there are"),
        ("one 2 360 7200", "one 3 360 7200", "header and signal file do not fit"),
        ("one 2 360 7200", "one 2 0 7200", "says it has 0 samples a second"),
        ("one 2 360 7200", "one 2 50 7200", "50 samples a second cannot be classified"),
        ("one 2 360 7200", "one/2 2 360 7200", "header and signal file do not fit"),
        ("/mV", "/mmHg", "Lead MLII of record one is in mmHg, which is no voltage"),
    ],
)
def test_a_header_that_does_not_fit(refused, write_record, old, new, says):
    path = header_with(write_record(), old, new)
    path.with_suffix(".atr").unlink()
    assert says in refused(path)


def test_a_header_of_several_records(refused, write_record, tmp_path):
    write_record()
    (tmp_path / "both.hea").write_text("both/2 2 360 14400\none 7200\none 7200\n")
    assert "put together from several records" in refused(tmp_path / "both")


def test_an_absent_lead(refused, write_record):
    sentence = refused(write_record(), "--lead", "V6")
    assert "Record one has no lead 'V6': it has MLII, V1." in sentence


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.dat", "sub/secret.dat", "..\\secret"])
def test_a_header_names_no_file_outside_its_folder(refused, write_record, tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    for kind in ("hea", "dat", "atr"):
        shutil.move(write_record().with_suffix(f".{kind}"), folder)
    shutil.copy(folder / "one.dat", tmp_path / "secret.dat")
    path = header_with(folder / "one", "one.dat", name)
    assert f"one.hea names {name}, outside its own folder, which is not read" in refused(path)
    with pytest.raises(InputError, match="outside its own folder"):
        records.read_record(path)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "100/../101", ""])
def test_record_names_are_no_paths(synthetic_source, monkeypatch, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(synthetic_source.directory.parents[1]))
    for source in ("synthetic", "mitdb"):
        with pytest.raises(InputError, match=r"^No record '.*': there are "):
            records.find(source, [name])


# The annotations


def test_without_annotations_r_peaks_are_detected(classified, real):
    annotated, _ = classified(real)
    real.with_suffix(".atr").unlink()
    found, _ = classified(real)
    assert (annotated["r_peaks"], found["r_peaks"]) == ("annotated", "detected")
    assert found["beats"] == pytest.approx(annotated["beats"], rel=0.05)
    assert "symbol" not in found["rows"][0]


@pytest.mark.parametrize("left", [0, 1, 2, 500, 501, -1, -2])
def test_annotations_cut_short(refused, real, left):
    content = real.with_suffix(".atr").read_bytes()
    real.with_suffix(".atr").write_bytes(content[:left])
    assert "cut short: two zero bytes should end it" in refused(real)


def test_marks_of_an_unknown_kind_are_left_out_and_counted(classified, write_record):
    path = write_record(r_peaks=[1000, 1400, 1800], symbols="NNN")
    content = bytearray(path.with_suffix(".atr").read_bytes())
    # Pairs of bytes: 6 bits of code, 10 bits of samples since the one before. 45 is no code.
    content[3] = content[3] & 3 | 45 << 2
    path.with_suffix(".atr").write_bytes(content)
    found, errors = classified(path)
    assert [row["sample"] for row in found["rows"]] == [1000, 1800]
    assert "1 of 3 marks in" in errors


def test_annotations_of_another_record(refused, write_record):
    path = write_record(r_peaks=[1000, 7200])
    assert "one.atr marks a beat at sample 7200, but the signal has 7200" in refused(path)


def test_annotations_that_mark_no_beat(refused, write_record):
    path = write_record(r_peaks=[1000], symbols="+")
    assert "No heartbeat was found in one, lead MLII" in refused(path)


# The signal


def test_samples_without_a_value(refused, tmp_path):
    signal = np.sin(np.arange(200_000) / 50)
    # Format 16's lowest number stands for a sample without a value.
    signal[[70_000, 70_001, 199_000]] = -32.768
    path = write(tmp_path / "gaps", signal)
    sentence = refused(path)
    assert "gaps has 3 samples without a value" in sentence
    assert "the first at sample 70000 (194.44 s)" in sentence


@pytest.mark.parametrize("cell", ["", "nan", "inf", "1e300"])
def test_cells_without_a_usable_value(refused, tmp_path, cell):
    lines = [f"{i / 360:.4f},{np.sin(i / 20):.3f}" for i in range(8000)]
    lines[1234] = f"3.4,{cell}"
    path = tmp_path / "gaps.csv"
    path.write_text("time,MLII (mV)\n" + "\n".join(lines))
    assert "has 1 samples without a value or beyond 1 kV, the first at sample 1234" in refused(
        path, "--fs", 360
    )


def test_a_flat_signal(refused, tmp_path):
    assert "level is flat: lead MLII never changes" in refused(
        write(tmp_path / "level", np.full(9000, 0.3))
    )


def test_a_lead_that_was_off_for_a_while_is_said(classified, real):
    signal = readers.open_recording(real).stretch(0, 40_000)
    signal[10_000:17_200] = 0
    _, errors = classified(write(real.with_name("off"), signal))
    assert "off is flat for 19 of its 111 s: was an electrode off?" in errors


def test_a_clipped_signal_is_said(classified, real):
    signal = readers.open_recording(real).stretch(0, 40_000)
    assert classified(write(real.with_name("whole"), signal))[1] == ""
    _, errors = classified(write(real.with_name("cut"), signal.clip(-0.3, 0.5)))
    assert "cut is clipped" in errors
    assert "(-0.3 to 0.5 mV)" in errors


def test_a_signal_of_absurd_size_is_said(classified, real):
    signal = readers.open_recording(real).stretch(0, 40_000)
    _, errors = classified(write(real.with_name("small"), signal / 100))
    assert "which no ECG does: its unit is probably wrong" in errors


@pytest.mark.parametrize("fs", [128, 250, 1000])
def test_other_sampling_rates_are_brought_to_360_hz(classified, real, fs):
    import scipy.signal

    whole = readers.open_recording(real)
    signal = scipy.signal.resample_poly(whole.stretch(0, 129_600), fs, 360)
    found, errors = classified(write(real.with_name(f"at{fs}"), signal, fs))
    assert errors == ""
    assert found["fs"] == fs
    assert found["seconds"] == pytest.approx(360)
    times = np.array([row["time_s"] for row in found["rows"]])
    reference = whole.r_peaks / 360
    nearest = np.abs(times[:, None] - reference).min(axis=1)
    assert (nearest < 0.15).mean() > 0.97
    assert len(times) == pytest.approx(len(reference), rel=0.05)


@pytest.mark.parametrize("n", [1, 100, 249])
def test_less_than_one_beat(refused, tmp_path, n):
    path = write(tmp_path / "brief", np.sin(np.arange(n) / 9))
    assert f"brief lasts {n / 360:.2f} s, less than one heartbeat takes" in refused(path)


def test_ten_seconds_are_classified_with_a_warning(classified, real):
    signal = readers.open_recording(real).stretch(0, 3600)
    found, errors = classified(write(real.with_name("strip"), signal))
    assert found["beats"] > 5
    assert "strip lasts 10.0 s, but drift is told from the ECG over 15.6 s" in errors


# CSV


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no numbers in its first lines"),
        ("\n\n\n", "no numbers in its first lines"),
        ("MLII\n", "no numbers in its first lines"),
        ("Dear reader,\nthis is a letter.\nIt holds no ECG.\n", "no numbers in its first lines"),
        ("1,2\n3,4\n", "2 columns and no line that names them"),
        ("a,b,c\n1,2\n3,4\n", "names 3 columns but has 2"),
        ("MLII\n" + "0.1\n" * 50 + "electrode off\n" + "0.2\n" * 500, "is no table of numbers"),
        ("time,MLII\n" + "0,0.1\n" * 50 + "1,2,3\n" + "0,0.2\n" * 500, "is no table of numbers"),
        ("MLII\n0.1\n", "less than one heartbeat"),
    ],
)
def test_a_csv_that_holds_no_signal(refused, tmp_path, text, says):
    path = tmp_path / "ecg.csv"
    path.write_text(text)
    assert says in refused(path, "--fs", 360)


def test_a_csv_of_bytes_that_are_no_text(refused, tmp_path):
    path = tmp_path / "ecg.csv"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    assert "ecg.csv" in refused(path, "--fs", 360)


def test_a_csv_needs_its_sampling_rate(refused, tmp_path):
    path = tmp_path / "ecg.csv"
    path.write_text("0.1\n0.2\n")
    assert "does not say its sampling rate: give it with --fs" in refused(path)
    assert "A sampling rate of nan Hz cannot be" in refused(path, "--fs", "nan")
    assert "30 samples a second cannot be classified" in refused(path, "--fs", 30)


# EDF


def write_edf(path, signal, fs=250, unit="uV"):
    import edfio

    edfio.Edf([edfio.EdfSignal(signal, fs, label="ECG II", physical_dimension=unit)]).write(path)
    return path


def test_random_bytes_as_edf(refused, tmp_path):
    path = tmp_path / "ecg.edf"
    for seed, size in enumerate((0, 10, 256, 5000)):
        path.write_bytes(np.random.default_rng(seed).bytes(size))
        assert "ecg.edf is no whole EDF file" in refused(path)


def test_an_edf_cut_short(refused, tmp_path):
    path = write_edf(tmp_path / "ecg.edf", 500 * np.sin(np.arange(25_000) / 20))
    path.write_bytes(path.read_bytes()[:-7000])
    assert "ecg.edf is no whole EDF file" in refused(path)


def test_an_edf_without_the_extra(refused, tmp_path, monkeypatch):
    path = write_edf(tmp_path / "ecg.edf", 500 * np.sin(np.arange(25_000) / 20))
    monkeypatch.setitem(sys.modules, "edfio", None)
    assert 'pip install "ecgkit-book[edf] @ git+https://' in refused(path)


def test_an_edf_is_read_in_the_unit_its_header_says(tmp_path):
    signal = 500 * np.sin(np.arange(100_000) / 20)
    recording = readers.open_recording(write_edf(tmp_path / "ecg.edf", signal))
    assert (recording.lead, recording.fs, recording.n_samples) == ("ECG II", 250, 100_000)
    assert np.abs(recording.stretch(0, 10**6) * 1000 - signal).max() < 0.02  # a step of 16 bits


def test_something_else(refused, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert "picture.png is no recording that can be read" in refused(tmp_path / "picture.png")
    assert "is no recording that can be read" in refused(tmp_path)


# Weights, classes, places to write to


class Trap:
    """What runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("kind", ["a pickle", "of torch", "missing", "cut short", "a bit of it"])
def test_weights_that_cannot_be_trusted(refused, real, weights, tmp_path, kind):
    path = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    if kind == "a pickle":
        path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    elif kind == "of torch":
        torch.save({"weight": Trap(tmp_path / "sprung")}, path)
    elif kind == "cut short":
        path.write_bytes(content[:-100])
    elif kind == "a bit of it":
        path.write_bytes(bytes([content[0] ^ 4]) + content[1:])
    says = "There are no weights at" if kind == "missing" else "holds no safetensors weights"
    assert says in refused(real, "--weights", path)
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_program(refused, real, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"linear.weight": np.zeros((4, 4), np.float32)}, path)
    assert "does not say its model, recipe" in refused(real, "--weights", path)


def test_weights_of_another_shape(refused, real, weights, tmp_path):
    path = tmp_path / "model.safetensors"
    tensors = load_file(weights)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, path, {**dict.fromkeys(experiments.ABOUT, "none"), "model": "tcn"})
    assert "is not a whole tcn: train it again" in refused(real, "--weights", path)


def test_a_class_absent_from_the_training_half(refused, synthetic_beats, tmp_path):
    beats = synthetic_beats.select(np.flatnonzero(synthetic_beats.labels < 3)[:400])
    beats.save(tmp_path / "beats.npz")
    options = ("--beats", tmp_path / "beats.npz", "--model", "tcn", "--out", tmp_path / "run")
    sentence = refused(None, *options, "--epochs", 1, "--split", "random", command="train")
    assert "The training half has no beat of class F, so it cannot be learnt" in sentence


def test_a_result_that_cannot_be_written(refused, real, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out.csv"
    assert "out.csv cannot be written: " in refused(real, "--out", out)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    out = tmp_path / "out.csv"
    assert "out.csv cannot be written: No space left on device" in refused(real, "--out", out)
    out.write_text("an older result")
    refused(real, "--out", out)
    assert out.read_text() == "an older result"


@pytest.mark.parametrize("fault", ["a file in its place", "read-only", "full"])
def test_a_cache_that_cannot_be_filled(refused, cache, tmp_path, monkeypatch, fault):
    says = {"a file in its place": "exists", "read-only": "Read-only", "full": "No space left"}
    if fault == "a file in its place":
        physionet.cache_directory().write_text("")
    else:
        number = errno.EROFS if fault == "read-only" else errno.ENOSPC

        def fail(folder):
            (folder / "syn01.dat").write_bytes(b"as much as there was room for")
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(synthetic, "write_records", fail)
    before = contents(cache)
    sentence = refused(None, "--source", "synthetic", command="data")
    assert "The synthetic records cannot be written to" in sentence
    assert says[fault] in sentence
    assert contents(cache) == before


def test_two_processes_fill_one_cache_at_once(cache):
    command = ["-m", "ecgkit", "data", "--source", "synthetic", "--annotations", "--json"]
    both = [
        subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert json.loads(answers[0]) == json.loads(answers[1])
    (kept,) = physionet.cache_directory().iterdir()
    assert records.find("synthetic").directory == kept
