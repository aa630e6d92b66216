"""What the tests share: an empty cache each, the embedded records, MIT-BIH where it is given."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb

from ecgkit import InputError
from ecgkit.apply.readers import read_recording
from ecgkit.data import beats, sources

GIVEN = os.environ.get("ECGKIT_DATA")
"""Where MIT-BIH lies, as the person who started the tests said."""
WAVE = np.round(np.sin(np.arange(3000) / 20), 4).astype(np.float32)


def refused(word, path, **options):
    """A recording cannot be read, and the sentence has a word."""
    with pytest.raises(InputError, match=word):
        read_recording(path, **options)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A folder of its own for what ecgkit keeps, and no way to PhysioNet."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.delenv("ECGKIT_SOURCE", raising=False)
    monkeypatch.setattr(sources, "ADDRESSES", ())
    return folder


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Networks as small as the tests' only lose time to a second thread."""
    torch.set_num_threads(1)


@pytest.fixture
def run(capsys):
    """A function that runs the command in this process: (status, output, error output)."""

    from ecgkit.__main__ import main

    def call(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return (status, *capsys.readouterr())

    return call


@pytest.fixture
def nothing_given(monkeypatch):
    """Nobody has said where MIT-BIH lies."""
    monkeypatch.delenv("ECGKIT_DATA", raising=False)


@pytest.fixture(scope="session")
def synthetic_source():
    return sources.find_source("synthetic")


@pytest.fixture(scope="session")
def synthetic_beats(synthetic_source):
    return beats.load_beats(synthetic_source, cached=False)


@pytest.fixture(scope="session")
def mitdb():
    if not GIVEN:
        pytest.skip(
            "ECGKIT_DATA is not set, so there is no MIT-BIH to test on: let it name its folder."
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECGKIT_DATA", GIVEN)
        return sources.find_source("mitdb")


@pytest.fixture(scope="session")
def rendered():
    """Folder of the rendered book, which is rendered if nobody has."""
    import pdf  # of book/tools; few tests need it

    if not (pdf.HTML / "index.html").is_file():
        tool = Path(pdf.__file__).with_name("render.py")
        subprocess.run([sys.executable, tool], check=True)
    return pdf.HTML


@pytest.fixture(scope="session")
def chromium():
    """Path of the system's browser, without which no page can be looked at."""
    import pdf  # of book/tools; few tests need it

    path = pdf.find_browser()
    if path is None:
        pytest.skip(f"{pdf.NO_BROWSER} Without it the book is not looked at in a browser.")
    return path


@pytest.fixture(scope="session")
def mitdb_beats(mitdb):
    return beats.load_beats(mitdb, cached=False)


@pytest.fixture
def write_record(tmp_path):
    """A function that writes a small WFDB record and returns its path without extension."""

    def write(
        name="one", n_samples=7200, leads=("MLII", "V1"), r_peaks=(1000, 1360), symbols="NN", fs=360
    ):
        rng = np.random.default_rng(len(name))
        adu = 1024 + rng.integers(-400, 400, (n_samples, len(leads)))
        wfdb.wrsamp(
            name,
            fs=fs,
            units=["mV"] * len(leads),
            sig_name=list(leads),
            d_signal=adu,
            fmt=["212"] * len(leads),
            adc_gain=[200.0] * len(leads),
            baseline=[1024] * len(leads),
            write_dir=str(tmp_path),
        )
        wfdb.wrann(name, "atr", np.array(r_peaks), list(symbols), write_dir=str(tmp_path))
        return tmp_path / name

    return write


@pytest.fixture
def write_csv(tmp_path):
    """A function that writes a head and a line per sample, with its values in the line's fields."""

    def call(head, line="{t:.3f},{mv}", encoding="utf-8", keep=None, end="\n", name="ecg.csv"):
        t, uv = np.arange(3000) / 250, np.rint(1000 * WAVE).astype(int)
        columns = {"i": range(3000), "t": t, "mv": WAVE, "uv": uv, "adc": uv // 5 + 512}
        columns |= {"min": t / 60, "ns": 4_000_000 * np.arange(3000) + 599_616_000_123_456_789}
        columns["day"] = 45_992.4 + t / 86_400
        columns["comma"] = [str(x).replace(".", ",") for x in WAVE]
        which = range(3000) if keep is None else np.flatnonzero(keep)
        lines = [line.format(**{name: x[i] for name, x in columns.items()}) for i in which]
        (tmp_path / name).write_bytes((head + "\n".join(lines) + end).encode(encoding))
        return tmp_path / name

    return call
