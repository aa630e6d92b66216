"""The synthetic records are files like MIT-BIH's; their beats are what defines their classes."""

from typing import NamedTuple

import numpy as np
import pytest
import synthetic
import wfdb

from ecgkit import InputError
from ecgkit.data import aami

FS = 360  # MIT-BIH's
SINUS = "NLR"
HALVES = {"odd": synthetic.NAMES[0::2], "even": synthetic.NAMES[1::2]}


class Read(NamedTuple):
    """A record as any WFDB program sees it, rhythm marks left out."""

    header: wfdb.Record
    mlii_mv: np.ndarray  # (samples,)
    r_peaks: np.ndarray  # (beats,)
    symbols: np.ndarray  # (beats,)

    def beats_mv(self, symbols, reach=108):
        """(n, 2 reach + 1) samples of MLII around R of these beats, each less its median."""
        chosen = self.r_peaks[np.isin(self.symbols, list(symbols))]
        chosen = chosen[(chosen >= reach) & (chosen < len(self.mlii_mv) - reach)]
        cut = self.mlii_mv[chosen[:, None] + np.arange(-reach, reach + 1)]
        return cut - np.median(cut, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    synthetic.write_records(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder):
    def read(name):
        header = wfdb.rdrecord(str(folder / name))
        marks = wfdb.rdann(str(folder / name), "atr")
        beat = np.array([aami.is_beat(symbol) for symbol in marks.symbol])
        symbols = np.array(marks.symbol)[beat]
        return Read(header, header.p_signal[:, 0], marks.sample[beat], symbols)

    return {name: read(name) for name in synthetic.NAMES}


def alone(record, symbol):
    """Of each such beat among sinus beats, two on either side: (RR before, RR before + after).

    In units of the sinus interval nearby: the mean of the one that ends with the sinus beat
    before and the one that starts with the sinus beat after.
    """
    found = []
    r, names = record.r_peaks, record.symbols
    for i in range(2, len(r) - 2):
        if names[i] == symbol and all(names[k] in SINUS for k in (i - 2, i - 1, i + 1, i + 2)):
            local = ((r[i - 1] - r[i - 2]) + (r[i + 2] - r[i + 1])) / 2
            found.append(((r[i] - r[i - 1]) / local, (r[i + 1] - r[i - 1]) / local))
    return np.array(found).reshape(-1, 2)


def everywhere(records, symbol):
    return np.concatenate([alone(record, symbol) for record in records.values()])


def half_width_s(beat_mv):
    """Seconds around R for which the beat stays beyond half of its height at R."""
    r = len(beat_mv) // 2
    below = np.flatnonzero(beat_mv / beat_mv[r] < 0.5)
    return (below[below > r].min() - below[below < r].max()) / FS


# Files


def test_the_library_has_the_generators_files_of_twelve_patients(
    synthetic_source, folder, tmp_path
):
    made, there = (
        {path.name: path.read_bytes() for path in where.iterdir()}
        for where in (folder, synthetic_source.directory)
    )
    assert made == there
    assert made.keys() == set(synthetic.FILES)
    assert len({made[f"{name}.dat"] for name in synthetic.NAMES}) == len(synthetic.NAMES) == 12
    synthetic.write_records(tmp_path, ["syn07", "syn02"])  # some alone are the same
    alone = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert (alone.items() <= made.items(), len(alone)) == (True, 6)


def test_files_of_a_record_are_never_overwritten(tmp_path):
    (tmp_path / "syn02.dat").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"syn02\.dat"):
        synthetic.write_records(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["syn02.dat"]


def test_the_format_is_that_of_mit_bih_and_the_header_says_that_nobody_was_recorded(records):
    for record in records.values():
        header = record.header
        assert (header.fs, header.sig_name, header.units) == (FS, ["MLII", "V1"], ["mV", "mV"])
        assert (header.fmt, header.adc_gain) == (["212", "212"], [200, 200])
        assert header.adc_res == [11, 11]
        assert header.adc_zero == header.baseline == [1024, 1024]
        assert header.sig_len == 6 * 60 * FS
        adu = 1024 + 200 * header.p_signal
        assert 0 < adu.min() < adu.max() < 2047
        assert "SYNTHETIC" in header.comments[0]
        assert "No patient was recorded" in header.comments[1]


@pytest.mark.parametrize("half", ["odd", "even"])
def test_each_half_of_the_patients_has_every_class_to_learn_from(records, half):
    symbols = np.concatenate([records[name].symbols for name in HALVES[half]])
    counts = aami.counts(aami.encode(symbols))
    assert min(counts["S"], counts["V"], counts["F"]) >= 30
    assert counts["N"] > 4 * (counts["S"] + counts["V"] + counts["F"])  # rare, as in life
    assert 2 <= counts["Q"] <= 20
    assert {"N", "L", "R"} <= set(symbols)


# Rhythm


def test_the_heart_rates_are_those_of_people_at_rest_and_vary_with_breathing(records):
    for record in records.values():
        sinus = np.isin(record.symbols, list(SINUS))
        rr_s = (np.diff(record.r_peaks) / FS)[sinus[1:] & sinus[:-1]]
        assert 50 < 60 / np.median(rr_s) < 100
        assert 0.01 < rr_s.std() / rr_s.mean() < 0.10


@pytest.mark.parametrize(
    ("symbol", "low", "high"),
    [
        ("V", (0, 1.96), (0.8, 2.04)),  # early, and its pause compensates in full
        ("A", (0, 1.5), (0.85, 1.9)),  # early, and it resets the sinus node
        ("F", (0.95, 1.95), (1.05, 2.05)),  # on time
    ],
)
def test_a_beat_comes_when_its_class_says(records, symbol, low, high):
    found = np.median(everywhere(records, symbol), axis=0)
    assert ((low < found) & (found < high)).all()
    assert (everywhere(records, "j")[:, 0] > 1.15).all()  # a junctional escape beat comes late


# Shapes


def test_ventricular_beats_are_wider_than_the_patients_own(records):
    for record in records.values():
        normal = half_width_s(np.median(record.beats_mv(SINUS), axis=0))
        ventricular = [half_width_s(beat) for beat in record.beats_mv("V")]
        assert normal < 0.05
        assert np.median(ventricular) > 1.3 * normal
        # A PVC lasts 0.12-0.18 s. A bell whose ends are 2.5 sd from its middle, 5 sd apart, is
        # 2.355 sd wide at half its height: 0.47 of that.
        assert 0.47 * 0.12 < np.median(ventricular) < 0.47 * 0.18


def test_atrial_beats_have_the_patients_own_qrs(records):
    # No telltale QRS: what sets S apart is timing and the P wave.
    for record in records.values():
        own = np.median(record.beats_mv(SINUS), axis=0)[90:127]  # R -/+ 0.05 s
        atrial = np.median(record.beats_mv("A"), axis=0)[90:127]
        difference = (atrial - atrial.mean()) - (own - own.mean())
        assert np.abs(difference).max() < 0.1 * np.ptp(own)
