"""Every classifier goes through every path, and a recording is classified as its table of beats."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.signal
import torch

from ecgkit import InputError
from ecgkit.apply import onnx, stream
from ecgkit.apply.classify import Classification, classify
from ecgkit.apply.readers import Recording, read_recording
from ecgkit.data.beats import load_beats
from ecgkit.data.cutting import extract_beats
from ecgkit.data.features import FEATURES, RR_FEATURES
from ecgkit.data.preparation import Preparation
from ecgkit.nn.models import build
from ecgkit.train.weights import Classifier, Provenance, load_model, save_model

pytestmark = pytest.mark.usefixtures("nothing_given")

ALL = tuple(FEATURES)
PREPARATIONS = {
    "plain": Preparation(),
    "RR features": Preparation(features=RR_FEATURES),
    "causal features": Preparation(features=("rr_near", "size")),
    "relative to the median beat": Preparation(features=ALL, relative_to="median"),
    "units of the patient": Preparation(units="patient"),
    "step of 2": Preparation(step=2),
    "aligned": Preparation(align_s=0.075),
    "not denoised": Preparation(zeroed=()),
    "all of it": Preparation(
        zeroed=("A8", "D1"),
        wavelet="db4",
        level=8,
        step=2,
        units="patient",
        relative_to="mean",
        features=ALL,
        align_s=0.05,
    ),
}


def untrained(preparation=PREPARATIONS["plain"], model="tcn"):
    torch.manual_seed(0)
    about = Provenance(model, "none", "random", 0, "synthetic", "", "", ("syn01",))
    return Classifier(build(model, preparation.n_features).eval(), preparation, about)


@pytest.fixture(scope="module")
def synthetic(synthetic_source):
    """The first two minutes of a synthetic record; its beats come at most 1 s before the end."""
    whole = read_recording(synthetic_source.directory / "syn02")
    keep = whole.r_peaks < 43_200
    return replace(
        whole,
        signal=whole.signal[:43_200],
        r_peaks=whole.r_peaks[keep],
        symbols=whole.symbols[keep],
    )


@pytest.mark.parametrize("name", [*PREPARATIONS, "strangers"])
def test_all_paths_give_the_same_probabilities(name, synthetic, tmp_path):
    classifier = load_model() if name == "strangers" else untrained(PREPARATIONS[name])
    found = classify(synthetic, classifier, device="cpu")
    assert len(found.samples) > 100
    assert np.ptp(found.probabilities[:, 0]) > 0

    save_model(tmp_path / "tcn.safetensors", classifier)
    loaded = load_model(tmp_path / "tcn.safetensors")
    assert loaded.preparation == classifier.preparation
    again = classify(synthetic, loaded, device="cpu")
    assert (again.probabilities == found.probabilities).all()

    monitor = stream.Monitor(classifier)
    beats = list(stream.replay(monitor, synthetic.signal, synthetic.r_peaks, 5000))
    assert [beat.sample for beat in beats] == found.samples.tolist()
    streamed = np.array([beat.probabilities for beat in beats])
    assert np.abs(streamed - found.probabilities).max() < 1e-5

    onnx.export_onnx(classifier, tmp_path / "tcn.onnx")
    assert onnx.largest_difference(classifier, tmp_path / "tcn.onnx") < 1e-5


@pytest.mark.parametrize("name", ["plain", "all of it"])
def test_annotated_beats_are_those_of_the_table_of_beats(synthetic_source, name):
    classifier = untrained(PREPARATIONS[name])
    source = replace(synthetic_source, records=("syn03",))
    table = load_beats(source, classifier.preparation, cached=False)
    found = classify(source.directory / "syn03", classifier, device="cpu")
    assert (found.samples == table.samples).all()
    assert (found.symbols == table.symbols).all()
    assert np.abs(found.probabilities - classifier.predict(table)).max() < 1e-6
    assert sum(found.summary()["counts"].values()) == len(table)


def at_rate(recording, fs):
    """Bring a recording at 360 Hz to another rate, its R peaks too."""
    signal = scipy.signal.resample_poly(recording.signal, fs, 360)
    r_peaks = np.rint(recording.r_peaks * fs / 360).astype(np.int64)
    return Recording("made", fs, "MLII", signal, r_peaks, recording.symbols)


@pytest.mark.parametrize("fs", [128, 250, 360, 1000])
@pytest.mark.parametrize("detect", [True, False])
def test_other_sampling_rates_are_brought_to_360_hz(synthetic, fs, detect):
    recording = at_rate(synthetic, fs)
    found = classify(recording, untrained(), detect=detect, device="cpu")
    nearest = np.abs(found.time_s[:, None] - recording.r_peaks / fs).min(axis=1)
    assert (nearest < 0.15).mean() > 0.97
    assert len(found.samples) == pytest.approx(len(recording.r_peaks), rel=0.05)
    assert found.samples.max() < len(recording.signal)
    if not detect:
        assert np.isin(found.samples, recording.r_peaks).all()


def test_beats_near_the_ends_are_counted_as_left_out(synthetic):
    # A beat needs 100 samples before its R peak and 150 from it on, of 10,000.
    peaks = np.array([50, 99, 100, 5000, 9850, 9851, 9990])
    symbols = np.array(list("NNVNVNN"))
    recording = Recording("made", 360.0, "MLII", synthetic.signal[:10_000], peaks, symbols)
    found = classify(recording, untrained(), device="cpu")
    assert found.samples.tolist() == [100, 5000, 9850]
    assert found.symbols.tolist() == ["V", "N", "V"]
    assert found.left_out == 4


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"signal": np.empty(0, np.float32)}, "heartbeat"),
        ({"signal": np.ones(249, np.float32)}, "heartbeat"),
        ({"signal": np.full(9000, 0.3, np.float32)}, "flat"),
        ({"r_peaks": np.empty(0, np.int64), "symbols": np.empty(0, str)}, "heartbeat"),
        ({"fs": 99.0}, "99"),
        ({"fs": 20_001.0}, "20001"),
    ],
)
def test_what_cannot_be_classified_is_refused(synthetic, change, word):
    with pytest.raises(InputError, match=word):
        classify(replace(synthetic, **change), untrained(), device="cpu")


def test_ten_seconds_are_classified_with_a_warning_where_wavelets_reach_beyond(synthetic):
    brief = replace(synthetic, signal=synthetic.signal[:3600], r_peaks=None, symbols=None)
    with pytest.warns(UserWarning, match=r"15\.6"):
        assert len(classify(brief, untrained(), device="cpu").samples) > 5


# Gaps, and beats without a class


def test_no_beat_reaches_into_a_gap_and_no_interval_spans_one(synthetic):
    # A beat needs 100 samples before its R peak and 150 from it on.
    r_peaks = np.array([600, 960, 1320, 1851, 1852, 2100, 2400, 2700, 3000])
    gaps = np.array([[1470, 1752], [2500, 2550]])
    x = synthetic.signal[:4000]
    found = extract_beats(x, r_peaks, Preparation(), gaps)
    assert r_peaks[found.kept].tolist() == [600, 960, 1320, 1852, 2100, 2700, 3000]
    expected = [np.nan, 360, 360, 1, 248, np.nan, 300]
    assert found.rr_before_s * 360 == pytest.approx(expected, nan_ok=True)
    expected = [360, 360, np.nan, 248, 300, 300, np.nan]
    assert found.rr_after_s * 360 == pytest.approx(expected, nan_ok=True)
    wide = extract_beats(x, r_peaks, Preparation(step=2), gaps)  # 180 samples on either side
    assert r_peaks[wide.kept].tolist() == [600, 960, 2100, 3000]


@pytest.mark.parametrize("fs", [250, 360])
@pytest.mark.parametrize("detect", [True, False])
def test_the_stretches_around_a_gap_are_classified(synthetic, fs, detect):
    recording = at_rate(synthetic, fs)
    whole = classify(recording, untrained(), detect=detect, device="cpu")
    second = np.arange(len(recording.signal)) // fs
    signal = np.where((second >= 40) & (second < 55), np.nan, recording.signal)
    gappy = replace(recording, signal=signal.astype(np.float32))
    with pytest.warns(UserWarning, match="1 gap .* 15 s in all, between 00:40 and 00:55"):
        found = classify(gappy, untrained(), detect=detect, device="cpu")
    apart = (whole.time_s < 40 - 150 / 360) | (whole.time_s >= 55 + 100 / 360)
    assert np.abs(found.time_s - whole.time_s[apart]).max() < 0.05
    assert np.isfinite(found.probabilities).all()
    assert {row["quality"] for row in found.rows()} <= {"good", "doubtful"}


def test_a_single_lost_sample_costs_no_beat(synthetic):
    signal = synthetic.signal.copy()
    signal[synthetic.r_peaks[20] + 30] = np.nan
    with pytest.warns(UserWarning, match="1 gap"):
        found = classify(replace(synthetic, signal=signal), untrained(), device="cpu")
    assert len(found.samples) == len(classify(synthetic, untrained(), device="cpu").samples)


def test_one_beat_is_not_refused_as_noise(synthetic):
    first = synthetic.r_peaks[5] - 110
    short = replace(synthetic, signal=synthetic.signal[first : first + 280], r_peaks=None)
    with pytest.warns(UserWarning, match="0.78 s"):
        assert len(classify(short, untrained(), device="cpu").samples) == 1


@pytest.mark.filterwarnings("ignore")
def test_gaps_that_leave_no_beat_are_refused(synthetic):
    signal = np.full(9000, np.nan, np.float32)
    signal[4000:4200] = synthetic.signal[4000:4200]
    with pytest.raises(InputError, match="away from its gaps"):
        classify(Recording("gappy", 360.0, "MLII", signal), untrained(), device="cpu")


def test_paced_and_unclassifiable_beats_are_counted(synthetic):
    symbols = np.array(list("/f/Q") + ["N"] * (len(synthetic.r_peaks) - 4))
    with pytest.warns(UserWarning, match="3 beats as paced .* 1 beats as unclassifiable"):
        classify(replace(synthetic, symbols=symbols), untrained(), device="cpu")


def test_noise_and_an_inverted_lead_are_named(synthetic):
    noise = np.random.default_rng(0).normal(0, 0.2, 14_400).astype(np.float32)
    mixed = replace(synthetic, signal=np.r_[-synthetic.signal[:-14_400], noise])  # the last 40 s
    no_ecg = pytest.warns(UserWarning, match="no ECG between 01:20 and 02:00")
    with no_ecg, pytest.warns(UserWarning, match="upside down"):
        found = classify(mixed, untrained(), detect=True, device="cpu")
    assert found.quality.tolist() == ["good"] * 8 + ["no ECG"] * 4
    assert found.summary()["no_ecg_s"] == 40
    assert {row["quality"] for row in found.rows() if row["time_s"] > 81} == {"no ECG"}


# What comes out


def result(classes, seconds_apart=1.0):
    letters = np.array([list("NSVF").index(c) for c in classes])
    samples = (np.arange(len(classes)) * seconds_apart * 100).astype(np.int64)
    recording = Recording("made", 100.0, "MLII", np.zeros(100 * len(classes), np.float32))
    return Classification(recording, samples, np.eye(4, dtype=np.float32)[letters], None, 0)


def test_the_summary_counts_what_is_in_the_table():
    found = result("NVVNVVVSFFN", seconds_apart=0.5).summary()
    assert found["beats"] == 11
    assert found["counts"] == {"N": 3, "S": 1, "V": 5, "F": 2}
    assert found["longest_run_of_v"] == 3
    assert found["heart_rate_bpm"] == 120  # ten intervals in five seconds
    assert result("N").summary()["heart_rate_bpm"] is None
    assert result("NNN").summary()["longest_run_of_v"] == 0
    gap = result("NNVVVNNN", seconds_apart=0.5)  # beats at 0, 50, ...; the fourth V after a gap
    gap.recording.signal[160:190] = np.nan
    gap.samples[4:] += 1000
    assert gap.summary()["heart_rate_bpm"] == 120
    assert gap.summary()["longest_run_of_v"] == 2


def test_the_strip_shows_where_most_beats_are_not_n():
    assert result("N" * 60).busiest() == 0
    start = result("N" * 20 + "V" + "N" * 20 + "VVV" + "N" * 16).busiest()
    assert start <= 41
    assert start + 10 > 43
    assert result("N" * 57 + "VVV").busiest() == 50  # 60 s, so the last ten


def test_the_table_has_a_line_for_each_beat(tmp_path):
    doubtful = np.array([[1, 0, 0, 0], [0.25, 0, 0.5, 0.25]], np.float32)  # below 0.6
    replace(result("NV"), probabilities=doubtful).write_csv(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "sample,time_s,class,N,S,V,F,uncertain",
        "0,0.0,N,1.0,0.0,0.0,0.0,False",
        "100,1.0,V,0.25,0.0,0.5,0.25,True",
    ]


# With the published weights


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in (100, 119, 208, 213)]


@pytest.mark.parametrize("name", [232, *SLOW])
def test_at_250_hz_beats_keep_their_class(mitdb, name):
    recording = read_recording(mitdb.directory / str(name))
    reference = classify(recording, detect=True, device="cpu")
    found = classify(at_rate(recording, 250), detect=True, device="cpu")
    distance = np.abs(found.time_s[:, None] - reference.time_s)
    matched = distance.min(axis=1) <= 0.15
    same = found.classes[matched] == reference.classes[distance.argmin(axis=1)[matched]]
    assert matched.mean() >= 0.98
    assert same.mean() >= 0.98


DAY = """
import sys
import numpy as np
from ecgbook.bench.timing import peak_mb
from ecgkit.apply.classify import classify
from ecgkit.apply.readers import Recording, read_recording
signal = np.tile(read_recording(sys.argv[1]).signal, 240)  # 240 times six minutes
found = classify(Recording("day", 360.0, "MLII", signal), device="cpu")
print(len(found.samples), round(peak_mb()))
"""


@pytest.mark.slow
def test_a_day_takes_at_most_a_gigabyte(synthetic_source):
    command = [sys.executable, "-c", DAY, str(synthetic_source.directory / "syn02")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    beats, megabytes = map(int, done.stdout.split())
    assert beats > 100_000
    assert megabytes < 1000


def test_the_lead_that_the_weights_were_trained_on_is_read_or_missed_aloud(synthetic_source):
    path = synthetic_source.directory / "syn01"
    of_v1 = untrained(Preparation(lead="V1"))
    assert classify(path, of_v1).recording.lead == "V1"
    with pytest.warns(UserWarning, match="trained on lead V1"):
        classify(read_recording(path), of_v1)
    with pytest.warns(UserWarning, match="trained on lead MLII"):
        classify(read_recording(path, "V1"), untrained())


def test_features_of_other_beats_are_refused():
    classifier = untrained(PREPARATIONS["RR features"])
    with pytest.raises(InputError, match="rows"):
        classifier.predict(np.zeros((256, 180), np.float32), np.zeros((300, 6), np.float32))
    with pytest.raises(InputError, match="missing"):
        classifier.predict(np.full((2, 180), np.nan, np.float32), np.zeros((2, 6), np.float32))
