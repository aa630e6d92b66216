"""A training run that is killed at any moment and resumed ends like one that was left alone.

Most tests let a process kill itself at a known point: at a step of an epoch, with half a draft
written, just before or after a file takes its place. One kills at random times, again and again;
more often by hand: ``ECGKIT_KILLS=100 python -m pytest -m slow tests/test_resume.py``.
"""

import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from ecgkit import files
from ecgkit.__main__ import main

FILES = {"run.json", "model.safetensors", "checkpoint.safetensors"}
EPOCHS = 3
STEPS = 8  # an epoch: 4 classes raised to 30 beats each, 16 a step

KILLER = """
import os, pathlib, signal, sys

signal_sent, point, at = signal.Signals[sys.argv[1]], sys.argv[2], int(sys.argv[3])
calls = 0

def patched(module, name, before=None, after=None):
    real = getattr(module, name)

    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == at and before:
            before(real, *arguments)
        result = real(*arguments, **options)
        if calls == at and after:
            after(real, *arguments)
        return result

    setattr(module, name, call)

def die(*_):
    os.kill(os.getpid(), signal_sent)

def half(real, first, second, *rest):
    real(first, second, *rest)
    draft = second if isinstance(second, pathlib.Path) else first
    os.truncate(draft, draft.stat().st_size // 2)
    die()

from ecgkit import augmentation, checkpoints
from ecgkit.__main__ import main

if point == "step":
    patched(augmentation, "random_crops", before=die)
elif point == "half a draft":
    patched(checkpoints, "save_file", before=half)
elif point == "half a record":
    patched(pathlib.Path, "write_text", before=half)
elif point == "before replacing":
    patched(os, "replace", before=die)
else:
    patched(os, "replace", after=die)
signal.signal(signal.SIGINT, signal.default_int_handler)  # even where whoever began this ignores it
sys.exit(main(sys.argv[4:]))
"""

ORDER = [*EPOCHS * ["checkpoint.safetensors"], "model.safetensors", "run.json"]
"""In which a run's files take their places."""

FAST = [
    ("step", STEPS + 3),  # in the middle of the second epoch
    ("half a draft", 2),
    ("after replacing", EPOCHS + 1),  # weights written, record not
]
SLOW = [
    ("step", 1),
    ("step", EPOCHS * STEPS),
    ("half a draft", 1),
    ("half a draft", EPOCHS + 1),  # of the weights
    ("half a record", 1),
    *(("before replacing", n) for n in (1, EPOCHS, EPOCHS + 1, EPOCHS + 2)),
    ("after replacing", EPOCHS),
    ("after replacing", EPOCHS + 2),  # everything written, nothing said
]
POINTS = [*FAST, *(pytest.param(*point, marks=pytest.mark.slow) for point in SLOW)]


@pytest.fixture(scope="module")
def table(synthetic_beats, tmp_path_factory):
    """A file of 120 beats, half of them to train on."""
    four = synthetic_beats.without_q()
    rows = [np.flatnonzero(four.labels == c)[:n] for c, n in enumerate((60, 22, 24, 14))]
    path = tmp_path_factory.mktemp("table") / "beats.npz"
    four.select(np.concatenate(rows)).save(path)
    return path


@pytest.fixture(scope="module")
def command(table):
    """The command of one run, but for --out and --resume."""
    options = {"--beats": table, "--model": "resnet", "--recipe": "paper", "--seed": 5}
    options |= {"--epochs": EPOCHS, "--batch": 16, "--device": "cpu"}
    return ["train", "--json", *(str(part) for pair in options.items() for part in pair)]


def outcome(out):
    """What a run comes to: weights, losses, confusion matrix, to the bit."""
    record = json.loads((out / "run.json").read_text())
    tensors = load_file(out / "model.safetensors")
    return {
        "weights": {name: (t.shape, t.dtype, t.tobytes()) for name, t in tensors.items()},
        "losses": [entry["loss"] for entry in record["curve"]],
        "matrix": record["confusion_matrix"],
        "split": record["split_hash"],
    }


@pytest.fixture(scope="module")
def alone(command, tmp_path_factory):
    """The outcome of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("alone")
    assert main([*command, "--out", str(out)]) == 0
    return outcome(out)


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def killed_at(point, at, arguments, sent="SIGKILL"):
    """Run the command in a process that sends itself a signal."""
    return subprocess.run(
        [sys.executable, "-c", KILLER, sent, point, str(at), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )


def state(out):
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in out.iterdir()}


@pytest.mark.parametrize(("point", "at"), POINTS)
def test_a_run_killed_at_any_point_and_resumed_ends_like_one_left_alone(
    command, alone, tmp_path, capsys, point, at
):
    arguments = [*command, "--out", str(tmp_path)]
    killed = killed_at(point, at, arguments)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert killed.stdout == ""
    for path in tmp_path.glob("[!.]*.safetensors"):
        assert load_file(path)  # whole
    there = {path.name for path in tmp_path.glob("[!.]*")}
    if point.endswith("replacing"):
        assert there == set(ORDER[: at - point.startswith("before")])
    before = state(tmp_path)
    assert main([*arguments, "--resume"]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert len(json.loads(output)["curve"]) == EPOCHS
    assert outcome(tmp_path) == alone
    assert {path.name for path in tmp_path.iterdir()} == FILES  # no draft is left
    assert "run.json" not in there or state(tmp_path) == before


@pytest.mark.slow
def test_a_run_killed_again_and_again_leaves_no_heap_of_drafts(command, alone, tmp_path):
    arguments = [*command, "--out", str(tmp_path), "--resume"]
    for point in [("half a draft", 1), ("before replacing", 1), ("half a draft", 2)]:
        assert killed_at(*point, arguments).returncode == -signal.SIGKILL
        assert len(list(tmp_path.glob(".*.part"))) == 1
    assert main(arguments) == 0
    assert outcome(tmp_path) == alone
    assert {path.name for path in tmp_path.iterdir()} == FILES


@pytest.mark.slow
def test_a_run_killed_at_random_times_ends_like_one_left_alone(table, tmp_path):
    # Dropout, both branches, and some seconds long, so that the kills hit all of it.
    command = [sys.executable, "-m", "ecgkit", "train", "--json", "--beats", str(table)]
    command += ["--model", "resnet-tcn", "--epochs", "12", "--batch", "8", "--device", "cpu"]
    start = time.monotonic()
    subprocess.run(
        [*command, "--out", str(tmp_path / "alone")],
        check=True,
        env=environment(),
        capture_output=True,
    )
    seconds = time.monotonic() - start
    draw = random.Random(3)
    resumed = [*command, "--out", str(tmp_path / "killed"), "--resume"]
    for _ in range(int(os.environ.get("ECGKIT_KILLS", "4"))):
        process = subprocess.Popen(
            resumed, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0, 0.8 * seconds))
        process.kill()
        _, errors = process.communicate()
        assert errors == b""
    subprocess.run(resumed, check=True, env=environment(), capture_output=True)
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "alone")
    assert {path.name for path in (tmp_path / "killed").iterdir()} == FILES


# Ctrl-C


@pytest.mark.parametrize(
    ("point", "at"),
    [("step", STEPS + 3), pytest.param("before replacing", 2, marks=pytest.mark.slow)],
)
def test_ctrl_c_ends_with_status_130_and_a_sentence_and_loses_nothing(
    command, alone, tmp_path, point, at
):
    arguments = [*command, "--out", str(tmp_path)]
    stopped = killed_at(point, at, arguments, "SIGINT")
    assert (stopped.returncode, stopped.stdout) == (130, "")
    assert stopped.stderr.startswith("ecgkit: Stopped. What was done is kept: train --resume")
    assert stopped.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.safetensors"}
    assert main([*arguments, "--resume"]) == 0
    assert outcome(tmp_path) == alone


# A finished run


@pytest.fixture
def finished(command, alone, tmp_path, capsys):
    arguments = [*command, "--out", str(tmp_path)]
    assert main(arguments) == 0
    return arguments, capsys.readouterr().out


def test_resuming_a_finished_run_says_its_result_and_touches_nothing(finished, tmp_path, capsys):
    arguments, said = finished
    before = state(tmp_path)
    assert main([*arguments, "--resume"]) == 0
    assert capsys.readouterr().out == said
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--epochs", "4", "epochs is 3 there, 4 here"),
        ("--seed", "6", "seed is 5 there, 6 here"),
        ("--model", "tcn", "model is resnet there, tcn here"),
        ("--split", "patients", "split is random there, patients here"),
        ("--mapping", "literature", "mapping is ec57 there, literature here"),
    ],
)
def test_a_finished_run_of_other_settings_is_not_touched(
    finished, tmp_path, capsys, option, value, says
):
    before = state(tmp_path)
    assert main([*finished[0], "--resume", option, value]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert f"holds a finished run of other settings ({says})" in errors
    assert state(tmp_path) == before


@pytest.mark.slow
def test_the_seconds_of_a_resumed_run_are_those_of_all_its_epochs(command, tmp_path):
    arguments = [*command, "--out", str(tmp_path)]
    assert killed_at("after replacing", 2, arguments).returncode == -signal.SIGKILL
    assert main([*arguments, "--resume"]) == 0
    record = json.loads((tmp_path / "run.json").read_text())
    total = sum(entry["seconds"] for entry in record["curve"])
    assert record["seconds"] == pytest.approx(total, abs=0.051)  # rounded to a tenth


# Drafts


@pytest.fixture
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def write(path):
    with files.whole(path) as draft:
        draft.write_text("new")


def test_the_next_writer_removes_the_drafts_of_dead_processes_and_no_others(tmp_path, gone):
    here = platform.node()
    dead = tmp_path / f".a.txt.{here}-{gone}-0f.part"
    alive = tmp_path / f".a.txt.{here}-{os.getpid()}-0f.part"
    elsewhere = tmp_path / f".a.txt.other-machine-{gone}-0f.part"
    other_file = tmp_path / f".b.txt.{here}-{gone}-0f.part"
    longer_name = tmp_path / f".a.txt.txt.{here}-{gone}-0f.part"
    for path in (dead, alive, elsewhere, other_file, longer_name):
        path.write_text("half")
    write(tmp_path / "a.txt")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a.txt", *(p.name for p in (alive, elsewhere, other_file, longer_name))}


def test_drafts_of_unknown_writers_are_removed_when_they_are_a_day_old(tmp_path):
    names = [".a.txt.other-machine-7-0f.part", ".a.txt.0123456789abcdef.part", ".a.txt.x.part"]
    for hours, there in ((23, True), (25, False)):
        for name in names:
            (tmp_path / name).write_text("half")
            then = time.time() - 3600 * hours
            os.utime(tmp_path / name, (then, then))
        write(tmp_path / "a.txt")
        assert {path.name for path in tmp_path.iterdir()} == {"a.txt", *(names if there else [])}


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "a.txt"
    with files.whole(path) as first:
        first.write_text("first")
        write(path)
        assert path.read_text() == "new"
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_name_full_of_wildcards_is_only_a_name(tmp_path, gone):
    innocent = tmp_path / f".abc.{platform.node()}-{gone}-0f.part"
    innocent.write_text("half")
    write(tmp_path / "[a-c]*")
    assert innocent.exists()
