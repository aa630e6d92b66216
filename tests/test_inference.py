"""Any recording is read piece by piece and gives what it would give as a whole."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.signal
import torch
import wfdb

from ecgkit import context, denoising, inference, models, published, readers, streams, training
from ecgkit.bench import timing
from ecgkit.readers import Recording

pytestmark = pytest.mark.usefixtures("nothing_given")


class Nothing(torch.nn.Module):
    """A network that has learnt nothing: every class is as probable."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, beats):
        return self.weight.expand(len(beats), 4)


def pieces(signal, size=1000):
    """Hand a signal on in pieces, as a reader does."""
    return (signal[start : start + size] for start in range(0, len(signal), size))


def recording_of(signal, fs=360.0, **more):
    return Recording("made", fs, "MLII", len(signal), lambda: pieces(signal), **more)


@pytest.fixture(scope="module")
def noise():
    """Half an hour of a random walk: all frequencies, and a drift that never comes back."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.01, 650_000).cumsum() + rng.normal(0, 0.3, 650_000)


# Blocks


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 14, 15, 16, 100, 101])
@pytest.mark.parametrize("piece", [1, 3, 7, 200])
def test_windows_cover_a_stream_once_with_their_margins(n, piece):
    size, margin = 10, 4
    x = np.arange(float(n))
    expected = 0
    for first, a, b, window in streams.windows(pieces(x, piece), size, margin):
        assert a == expected
        assert first == max(a - margin, 0)
        assert (window == x[first : first + len(window)]).all()
        assert first + len(window) == (b + margin if b < n else n)
        assert b - a == size or b == n
        assert b - a <= size + margin
        expected = b
    assert expected == n


# At most 20,000 samples beyond a whole number of blocks; and a record that is one block.
LENGTHS = [5632, 6000, 131_072, 131_073, 144_384, 144_385, 262_145, 650_000]


@pytest.mark.parametrize("n", LENGTHS)
def test_blocks_are_denoised_as_the_whole_record_is_ends_included(noise, n):
    whole = denoising.denoise(noise[:n])
    margin = streams.REACH + inference.LEAD_IN
    for first, a, b, x in streams.windows(pieces(noise[:n], 65_536), inference.BLOCK, margin):
        near = slice(max(a - inference.LEAD_IN, 0), min(b + inference.LEAD_IN, n))
        block = streams.denoised(x)[near.start - first : near.stop - first]
        assert np.abs(block - whole[near]).max() < 1e-9


def test_the_margin_is_as_wide_as_the_wavelets_see():
    # One sample moved in the middle changes the result up to 5,621 samples away, and no further.
    x = np.zeros(40_000)
    x[20_000] = 1.0
    changed = np.flatnonzero(np.abs(denoising.denoise(x)) > 1e-12) - 20_000
    assert 4000 < np.abs(changed).max() <= 11 * 511 < streams.REACH


@pytest.mark.parametrize("fs", [100, 128, 250, 257, 360.5, 500, 1000, 2000])
def test_blocks_are_resampled_as_the_whole_record_is(noise, fs):
    x = noise[:200_003]
    scale = streams.ratio(fs)
    whole = scipy.signal.resample_poly(x, *scale.as_integer_ratio())
    got = np.concatenate(list(streams.resampled(pieces(x), fs)))
    assert len(got) == len(whole) == int(np.ceil(len(x) * scale))
    inside = slice(200, -200)  # beyond its ends scipy takes the signal to be zero
    assert np.abs(got[inside] - whole[inside]).max() < 1e-9


def test_a_tone_keeps_its_frequency_and_size():
    x = np.sin(2 * np.pi * 10 * np.arange(10_000) / 250)
    got = np.concatenate(list(streams.resampled(pieces(x), 250)))
    wanted = np.sin(2 * np.pi * 10 * np.arange(14_400) / 360)
    assert len(got) == 14_400
    assert np.abs(got - wanted)[360:-360].max() < 0.002


def test_360_hz_is_handed_on_untouched(noise):
    got = np.concatenate(list(streams.resampled(pieces(noise[:5000]), 360)))
    assert (got == noise[:5000]).all()


def test_annotated_beats_are_those_of_the_table_of_beats(synthetic_source, synthetic_beats):
    torch.manual_seed(0)
    network = torch.nn.Linear(180, 4)
    for name in synthetic_source.records[:3]:
        found = inference.classify(
            readers.open_recording(synthetic_source.directory / name), network, device="cpu"
        )
        beats = synthetic_beats.select(synthetic_beats.records == name)
        assert (found.samples == beats.samples).all()
        assert (found.symbols == beats.symbols).all()
        assert np.abs(found.probabilities - training.predict(network, beats.signals)).max() < 1e-6
        assert sum(found.summary()["counts"].values()) == len(beats)


def test_a_network_that_reads_intervals_has_those_of_the_table(
    synthetic_source, synthetic_beats, monkeypatch
):
    monkeypatch.setattr(inference, "BLOCK", 64 * 512)  # a beat's past lies in several blocks
    torch.manual_seed(0)
    network = models.build("resnet-tcn-own").eval()
    for name in synthetic_source.records[:2]:
        found = inference.classify(
            readers.open_recording(synthetic_source.directory / name), network, device="cpu"
        )
        beats = synthetic_beats.select(synthetic_beats.records == name)
        # Of beats too near an end to be cut the table knows, and inference does not.
        beats.rr_before_s[0] = beats.rr_after_s[-1] = np.nan
        wide = context.behind(beats, models.n_columns(network))
        assert (found.samples == beats.samples).all()
        assert np.abs(found.probabilities - training.predict(network, wide.signals)).max() < 1e-5


def test_memory_does_not_grow_with_the_length(synthetic_source):
    minutes = readers.open_recording(synthetic_source.directory / "syn02").stretch(0, 129_600)

    def peak(hours):
        day = Recording("day", 360, "MLII", None, lambda: (minutes for _ in range(10 * hours)))
        tracemalloc.start()
        found = inference.classify(day, Nothing(), device="cpu")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most, len(found.samples)

    short, beats = peak(1)
    long, more_beats = peak(6)
    assert more_beats > 5 * beats
    # The signal itself would be 8 bytes a sample more: 52 MB for the five hours.
    assert long - short < 200 * (more_beats - beats) < 8_000_000


class Wide(Nothing):
    """A network that has learnt nothing either, but asks for memory as a real one does."""

    def forward(self, beats):
        for channels in (8, 32, 32, 48, 64, 16, 32):
            kept = [torch.ones(len(beats), channels, length) for length in (180, 90)].pop()
        return super().forward(beats) + kept[0, 0, 0]


def growth_mb(path, *hours):
    """By how much the memory of this process grows from each length to the next."""
    minutes = readers.open_recording(path).stretch(0, 129_600)
    peaks = []
    for n in hours:
        day = Recording("day", 360, "MLII", None, lambda n=n: (minutes for _ in range(10 * n)))
        inference.classify(day, Wide(), device="cpu")
        peaks.append(timing.peak_mb())
    return np.diff(peaks).tolist()


def test_memory_that_the_system_gives_does_not_grow_with_the_length_either(synthetic_source):
    # 27,000 more beats of 24 bytes are 0.7 MB. Kept block by block, they made it 70 MB, because
    # they lay between the network's large arrays.
    path = synthetic_source.directory / "syn02"
    (grown,), _ = timing.in_fresh_process(growth_mb, path, 1, 6)
    assert grown < 30


# R peaks


def test_detected_peaks_are_those_of_the_annotations(synthetic_source):
    for name in synthetic_source.records[:4]:
        recording = readers.open_recording(synthetic_source.directory / name)
        found = inference.classify(recording, Nothing(), detected=True, device="cpu")
        assert found.symbols is None
        distance = np.abs(found.samples[:, None] - recording.r_peaks).min(axis=1)
        assert (distance <= 54).mean() > 0.97  # 150 ms
        assert len(found.samples) == pytest.approx(len(recording.r_peaks), rel=0.05)


def test_no_beat_is_found_twice_on_a_seam(synthetic_source, monkeypatch):
    recording = readers.open_recording(synthetic_source.directory / "syn01")
    whole = inference.classify(recording, Nothing(), detected=True, device="cpu")
    monkeypatch.setattr(inference, "BLOCK", 512)
    found = inference.classify(recording, Nothing(), detected=True, device="cpu")
    assert np.diff(found.samples).min() >= inference.REFRACTORY
    distance = np.abs(found.samples[:, None] - whole.samples).min(axis=1)
    assert (distance <= 1).mean() > 0.98
    assert len(found.samples) == pytest.approx(len(whole.samples), rel=0.02)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_peak_is_moved_to_the_largest_swing_up_or_down(sign):
    x = np.zeros(7200)
    x[3000:3040] = sign * np.hanning(40)  # its middle is sample 3019.5
    x[3080:3100] = 0.5 * np.hanning(20)
    for start in (3000, 3019, 3040):
        (peak,) = inference.settle(x, np.array([start]), 27)
        assert 3019 <= peak <= 3020
    assert inference.settle(x, np.array([3010]), 1).tolist() == [3011]


def test_beats_near_the_ends_are_counted_as_left_out(synthetic_source):
    whole = readers.open_recording(synthetic_source.directory / "syn01").stretch(0, 10_000)
    peaks = np.array([50, 99, 100, 5000, 9850, 9851, 9990])
    recording = recording_of(whole, r_peaks=peaks, symbols=np.array(list("NNVNVNN")))
    found = inference.classify(recording, Nothing(), device="cpu")
    assert found.samples.tolist() == [100, 5000, 9850]
    assert found.symbols.tolist() == ["V", "N", "V"]
    assert found.left_out == 4


# What comes out


def result(classes, seconds_apart=1.0):
    letters = np.array([list("NSVF").index(c) for c in classes])
    samples = (np.arange(len(classes)) * seconds_apart * 100).astype(np.int64)
    signal = np.zeros(100 * len(classes))
    probabilities = np.eye(4, dtype=np.float32)[letters]
    return inference.Classified(
        recording_of(signal, 100.0), samples, probabilities, None, len(signal), 0
    )


def test_the_summary_counts_what_is_in_the_table():
    found = result("NVVNVVVSFFN", seconds_apart=0.5).summary()
    assert found["beats"] == 11
    assert found["counts"] == {"N": 3, "S": 1, "V": 5, "F": 2}
    assert found["longest_run_of_v"] == 3
    assert found["heart_rate_bpm"] == 120  # ten intervals in five seconds
    assert result("N").summary()["heart_rate_bpm"] is None
    assert result("NNN").summary()["longest_run_of_v"] == 0


def test_the_strip_shows_where_most_beats_are_not_n():
    assert result("N" * 60).busiest() == 0
    start = result("N" * 20 + "V" + "N" * 20 + "VVV" + "N" * 16).busiest()
    assert start <= 41
    assert start + 10 > 43
    assert result("N" * 57 + "VVV").busiest() == 50  # 60 s, so the last ten


def test_the_table_has_a_line_for_each_beat(tmp_path):
    result("NV").write_csv(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "sample,time_s,class,N,S,V,F",
        "0,0.0,N,1.0,0.0,0.0,0.0",
        "100,1.0,V,0.0,0.0,1.0,0.0",
    ]


# Readers


@pytest.mark.parametrize(
    ("leads", "wanted", "taken", "warns"),
    [
        (("V1", "MLII"), None, "MLII", False),
        (("V1", "II"), None, "II", False),
        (("II", "MLII"), None, "MLII", False),
        (("V5", "V2"), None, "V5", True),
        (("V5", "MLII"), "first", "V5", True),
        (("MLII", "V1"), "first", "MLII", False),
        (("V5", "ECG II"), None, "ECG II", False),
        (("V5", "ECG II"), "ii", "ECG II", False),
        (("V5", "V2"), "V2", "V2", False),
    ],
)
def test_the_lead_is_the_one_asked_for_or_mlii_or_said(write_record, leads, wanted, taken, warns):
    path = write_record(leads=leads)
    if warns:
        with pytest.warns(UserWarning, match="published weights learnt from MLII"):
            recording = readers.open_recording(path, wanted)
    else:
        recording = readers.open_recording(path, wanted)
    assert recording.lead == taken
    both = wfdb.rdrecord(str(path)).p_signal
    assert (recording.stretch(0, 7200) == both[:, leads.index(taken)]).all()
    assert (recording.stretch(100, 200) == both[100:200, leads.index(taken)]).all()


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat", ".atr"])
def test_a_record_is_found_by_any_of_its_names(write_record, suffix):
    recording = readers.open_recording(f"{write_record()}{suffix}")
    assert (recording.name, recording.n_samples, recording.fs) == ("one", 7200, 360)
    assert recording.r_peaks.tolist() == [1000, 1360]


WAVE = np.round(np.sin(np.arange(3000) / 20), 4)


@pytest.mark.parametrize(
    ("head", "line", "name"),
    [
        ("", "{x}", ""),
        ("MLII\n", "{x}", "MLII"),
        ("time,MLII,V5\n", "{t},{x},9", "MLII"),
        ("V5;time (s);II\n", "9;{t};{x}", "II"),
        ("time\tII\n", "{t}\t{x}", "II"),
        ("time II\n", "{t} {x}", "II"),
        ("'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n", "'0:{t}',{x}", "MLII"),
        ("\ufefftime,MLII\n", "{t},{x}", "MLII"),
        ("\n\nMLII\n\n", "{x}", "MLII"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(unit|MLII alone)")
def test_a_csv_may_be_laid_out_in_many_ways(tmp_path, head, line, name):
    path = tmp_path / "ecg.csv"
    lines = [line.format(t=f"{i / 250:.3f}", x=x) for i, x in enumerate(WAVE)]
    path.write_text(head + "\n".join(lines) + "\n\n", "utf-8")
    recording = readers.open_recording(path, fs=250)
    assert (recording.name, recording.lead, recording.fs) == ("ecg", name, 250)
    assert (recording.stretch(0, 9999) == WAVE).all()


def test_decimals_may_follow_a_comma(tmp_path):
    path = tmp_path / "ecg.csv"
    rows = "\n".join(f"{i};{x}".replace(".", ",") for i, x in enumerate(WAVE))
    path.write_text("sample;MLII (mV)\n" + rows)
    assert (readers.open_recording(path, fs=250).stretch(0, 9999) == WAVE).all()


@pytest.mark.parametrize(
    ("head", "given", "factor", "guess"),
    [
        ("MLII", None, 1, "mV"),
        ("MLII", None, 1000, "uV"),
        ("MLII", None, 0.001, "V"),
        ("MLII (uV)", None, 1000, None),
        ("MLII_uV", None, 1000, None),
        ("MLII [µV]", None, 1000, None),
        ("MLII [V]", None, 0.001, None),
        ("MLII", "uV", 1000, None),
        ("MLII (mV)", "V", 0.001, None),
        ("V1", "mV", 1, None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*MLII alone")
def test_the_unit_is_said_or_guessed_with_a_warning(tmp_path, head, given, factor, guess):
    path = tmp_path / "ecg.csv"
    path.write_text(f"{head}\n" + "\n".join(repr(float(x)) for x in WAVE * factor))
    if guess:
        with pytest.warns(UserWarning, match=rf"does not say its unit: .* looks like {guess}"):
            recording = readers.open_recording(path, fs=250, units=given)
    else:
        recording = readers.open_recording(path, fs=250, units=given)
    assert np.abs(recording.stretch(0, 9999) - WAVE).max() < 1e-9


# On MIT-BIH, with the published weights


def again_at(recording, fs, fmt, folder):
    """Write a recording at another sampling rate, as a WFDB record without annotations."""
    gain = 200 if fmt == "212" else 5000
    x = recording.stretch(0, recording.n_samples)
    y = scipy.signal.resample_poly(x - x.mean(), fs, 360) + x.mean()
    wfdb.wrsamp(
        recording.name,
        fs=fs,
        units=["mV"],
        sig_name=["MLII"],
        d_signal=np.rint(y * gain).astype(np.int64)[:, None],
        fmt=[fmt],
        adc_gain=[float(gain)],
        baseline=[0],
        write_dir=str(folder),
    )
    return readers.open_recording(folder / recording.name)


def agreement(found, reference):
    """Share of matched beats (150 ms) that get the same class, and share of beats matched."""
    distance = np.abs(found.time_s[:, None] - reference.time_s)
    nearest = distance.argmin(axis=1)
    matched = distance.min(axis=1) <= 0.15
    same = found.classes[matched] == reference.classes[nearest[matched]]
    return same.mean(), matched.mean()


SLOW = [(name, fmt) for name in (100, 119, 208, 213, 232) for fmt in ("212", "16")][:-1]


@pytest.mark.parametrize(
    ("name", "fmt"), [(232, "16"), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW)]
)
def test_at_250_hz_beats_keep_their_class(mitdb, tmp_path, name, fmt):
    network, _ = published.load()
    recording = readers.open_recording(mitdb.directory / str(name))
    reference = inference.classify(recording, network, detected=True, device="cpu")
    found = inference.classify(again_at(recording, 250, fmt, tmp_path), network, device="cpu")
    same, matched = agreement(found, reference)
    assert same >= 0.98
    assert matched >= 0.98


def test_clipped_records_of_mit_bih_are_said_and_no_others(mitdb):
    said = {}
    for name in mitdb.records:
        recording = readers.open_recording(mitdb.directory / name)
        watch = streams.Watch(recording)
        for _ in watch.over(recording.chunks()):
            pass
        with warnings.catch_warnings(record=True) as caught:
            watch.judge()
        if caught:
            said[name] = str(caught[0].message)
    assert list(said) == ["116"]
    assert "is clipped" in said["116"]


@pytest.mark.parametrize("n", [30, 100, 250, 1000])
def test_the_detector_is_given_room_for_a_beat_in_every_fifth_of_a_second(monkeypatch, n):
    # sleepecg 0.6 keeps one interval for each 72 samples, writes up to two beyond the number of
    # beats it finds, and reads 720 samples whatever there is: without room it corrupts memory.
    given = []

    def spy(x, fs):
        given.append(x)
        return np.array([n // 2, n + 5])

    monkeypatch.setattr(inference.sleepecg, "detect_heartbeats", spy)
    x = np.random.default_rng(0).normal(size=n)
    peaks = inference.detect(x)
    assert len(given[0]) >= 720
    assert len(given[0]) // 72 >= n // 72 + 1 + 2 + 10  # ten more for the filter's last swings
    assert (given[0][n:] == x[-1]).all()
    assert len(peaks) == 1  # what it finds in the silence is none of ours
    assert peaks[0] < n
