"""A signal fed in chunks gives what it gives as a whole, after a stated look-ahead."""

import numpy as np
import pytest
import scipy.signal
import torch

from ecgkit import InputError
from ecgkit.apply import stream
from ecgkit.apply.classify import classify
from ecgkit.apply.readers import read_recording
from ecgkit.apply.stream import Biquads, Detector, Monitor, Wavelets
from ecgkit.data.cutting import prepare_signal
from ecgkit.data.features import FEATURES
from ecgkit.data.preparation import Preparation
from ecgkit.data.r_peaks import REFRACTORY
from ecgkit.train.weights import Classifier, Provenance, load_model

pytestmark = pytest.mark.usefixtures("nothing_given")

ABOUT = Provenance("none", "none", "random", 0, "synthetic", "", "", ("syn01",))


class Keeper(torch.nn.Module):
    """A network that has learnt nothing and keeps the beats and features it is asked about."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def forward(self, beats, features=None):
        self.seen.append(beats.numpy().copy())
        return self.weight.expand(len(beats), 4)


def keeper(**fields):
    return Classifier(Keeper(), Preparation(**fields), ABOUT)


@pytest.fixture(scope="module")
def noise():
    """A random walk: all frequencies, and a drift that never comes back."""
    rng = np.random.default_rng(1)
    return rng.normal(0, 0.01, 60_000).cumsum() + rng.normal(0, 0.3, 60_000)


def through(part, x, chunk):
    """What a denoiser or a detector gives for a signal that comes in chunks."""
    found = [part.feed(x[start : start + chunk]) for start in range(0, len(x), chunk)]
    return np.concatenate([*found, part.close()])


# Denoisers


@pytest.mark.parametrize("n", [1, 100, 5631, 6143, 6144, 6656, 11_264, 20_001, 60_000])
@pytest.mark.parametrize("chunk", [101, 511, 4097, 10**6])
def test_streamed_wavelets_are_those_of_the_whole_record_to_the_last_bit(noise, n, chunk):
    # The ends too: at the start nothing was before, and close() says where the end is.
    assert (through(Wavelets(), noise[:n], chunk) == prepare_signal(noise[:n], Preparation())).all()


@pytest.mark.parametrize("chunk", [1, 300])
@pytest.mark.parametrize(
    "how",
    [
        {"level": 5, "zeroed": ("A5",)},
        {"wavelet": "sym8", "level": 6, "zeroed": ("A6", "D1")},
        {"extension": "zero"},
        {"zeroed": ()},
    ],
)
def test_every_preparation_is_streamed(noise, how, chunk):
    whole = prepare_signal(noise[:7000], Preparation(**how))
    streamed = through(Wavelets(Preparation(**how)), noise[:7000], chunk)
    assert np.abs(streamed - whole).max() < 1e-12
    with pytest.raises(InputError, match="periodic"):  # which would need the far end
        Wavelets(Preparation(extension="periodic"))


def test_a_clean_sample_is_returned_when_no_later_one_can_change_it(noise):
    wavelets, done = Wavelets(), 0
    for n in range(1000, 20_000, 1000):
        done += len(wavelets.feed(noise[n - 1000 : n]))
        # until 6,144 samples have come, the signal might be one that is extended
        assert done == (max((n - 5621) // 512 * 512, 0) if n >= 6144 else 0)


def test_nothing_fed_gives_nothing():
    assert len(Wavelets().close()) == len(Biquads().close()) == len(Detector().close()) == 0
    assert len(Wavelets().feed(np.empty(0))) == len(Biquads().feed(np.empty(0))) == 0
    assert Monitor(keeper()).close() == []


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000, 10**6])
def test_causal_filters_do_not_notice_the_chunks(noise, chunk):
    x, biquads = noise[:5000], Biquads()
    state = scipy.signal.sosfilt_zi(biquads.sos) * x[0]
    filtered, _ = scipy.signal.sosfilt(biquads.sos, np.r_[x, x[-1], x[-1]], zi=state)
    assert (through(Biquads(), x, chunk) == filtered[2:]).all()


def test_causal_filters_remove_an_offset_and_keep_a_tone_of_10_hz_in_its_place():
    assert np.abs(through(Biquads(), np.full(5000, 3.0), 100)).max() < 1e-9
    t = np.arange(7200) / 360
    y = through(Biquads(), np.sin(2 * np.pi * 10 * t), 100)[3600:]
    turned = np.angle(np.sum(y * np.exp(-2j * np.pi * 10 * t[3600:]))) + np.pi / 2
    # Phases of a low-pass at 45 Hz and a high-pass at 0.35 Hz, both of second order, at 10 Hz;
    # the bilinear transform puts tangents of half the angles in the frequencies' place.
    u, v = (np.tan(np.pi * 10 / 360) / np.tan(np.pi * f / 360) for f in (45, 0.35))
    expected = -np.arctan2(np.sqrt(2) * u, 1 - u**2)
    expected += np.pi - np.arctan2(np.sqrt(2) * v, 1 - v**2) + 2 * 2 * np.pi * 10 / 360
    assert turned == pytest.approx(expected, abs=1e-3)
    assert abs(turned) * 360 / (2 * np.pi * 10) < 0.6  # samples


# The monitor: test_classify.py compares its probabilities for every preparation


@pytest.mark.parametrize(("r_peak", "delay"), [(934, 5711), (935, 6222), (1112, 6045)])
def test_a_beat_waits_for_the_block_that_ends_it_and_for_the_look_ahead(noise, r_peak, delay):
    # Its last sample is r + 89; the block of 512 that holds it ends at a multiple of 512 and is
    # clean 5,621 samples later: 934 + 90 = 1024, so 1024 + 5621 - 934 = 5711; one later, 1536.
    found = list(stream.replay(Monitor(keeper()), noise[:8000], np.array([r_peak]), 1))
    assert [beat.delay_s for beat in found] == [delay / 360]


@pytest.mark.parametrize(
    ("how", "delay"),
    [
        ({}, 150),  # the samples that must exist after an R peak
        ({"step": 2}, 182),  # 2 x 90, and the filters' two samples
        ({"features": ("rr_near",)}, 150),
        ({"features": ("rr_near", "rr_next")}, 400),  # the next R peak
        ({"align_s": 0.1}, 360 + 36 + 1),  # a second and the 36 samples by which it may move
    ],
)
def test_behind_causal_filters_a_beat_waits_for_what_its_preparation_needs(noise, how, delay):
    monitor = Monitor(keeper(**how), Biquads())
    first, _ = stream.replay(monitor, noise[:2000], np.array([600, 1000]), 1)
    assert first.sample == 600
    assert first.delay_s * 360 == pytest.approx(delay, abs=1)


def test_an_r_peak_may_be_reported_five_seconds_late_and_no_later(noise):
    monitor = Monitor(keeper(), Biquads())
    for start in range(0, 6000, 10):
        monitor.feed(noise[start : start + 10])
    with pytest.raises(InputError, match="5 s"):
        monitor.feed([], [6000 - 2200])
    (beat,) = monitor.feed([], [6000 - 1790])
    assert beat.delay_s == 1790 / 360


def test_r_peaks_come_in_order(noise):
    monitor = Monitor(keeper(), Biquads())
    monitor.feed(noise[:1000], [500])
    for wrong in ([400], [500], [900, 800]):
        with pytest.raises(InputError, match="order"):
            monitor.feed(noise[1000:1100], wrong)


@pytest.mark.parametrize("chunk", [[0.0, np.nan], [[1.0, 2.0]], ["a"], None, [0.0, np.inf]])
def test_what_is_no_chunk_of_one_lead_is_refused(noise, chunk):
    for part in (Monitor(keeper()), Detector()):
        part.feed(noise[:1000])
        with pytest.raises(InputError, match="1001" if np.shape(chunk) == (2,) else None):
            part.feed(chunk)


def test_a_chunk_that_is_refused_may_be_fed_again_without_what_was_wrong(noise):
    once, twice = Monitor(keeper(), Biquads()), Monitor(keeper(), Biquads())
    for monitor in (once, twice):
        monitor.feed(noise[:5000])
    with pytest.raises(InputError):
        twice.feed(noise[5000:6000], [150, 5200])
    for monitor in (once, twice):
        (beat,) = monitor.feed(noise[5000:6000], [5200])
        assert beat.sample == 5200
    assert np.array_equal(once._classifier.network.seen, twice._classifier.network.seen)


def test_memory_does_not_grow(noise):
    monitor, detector = Monitor(keeper(features=tuple(FEATURES), align_s=0.05)), Detector()
    most = peaks = 0
    for start in range(0, 60_000, 360):
        chunk = noise[start : start + 360]
        monitor.feed(chunk, range(max(start, 1), start + 360, 72))  # 300 beats per minute
        detector.feed(chunk)
        buffers = (monitor._raw, monitor._clean, monitor._denoiser._held, detector._held)
        most = max(most, sum(len(buffer.x) for buffer in buffers))
        peaks = max(peaks, len(monitor._peaks))
    # 5 to 6 s of samples, raw and clean; the wavelets' two look-aheads and a block; the
    # detector's 10 + 3 s. 410 beats of history, and those of the look-ahead.
    assert most < 2 * 2500 + (6144 + 512 + 5621 + 360) + (3600 + 1080 + 360)
    assert peaks < 410 + 7000 / 72


# The detector


@pytest.mark.parametrize("chunk", [50, 5000, 10**6])
def test_the_detector_does_not_notice_the_chunks(synthetic_source, chunk):
    signal = synthetic_source.read(synthetic_source.records[0]).lead()[:30_000]
    found, expected = (through(Detector(), signal, size).tolist() for size in (chunk, 360))
    assert found == expected


def test_the_detector_reports_a_peak_two_to_three_seconds_late_and_near_the_annotation(
    synthetic_source,
):
    record = synthetic_source.read(synthetic_source.records[0])
    signal, detector, found, late = record.lead(), Detector(), [], []
    for end in range(36, len(signal), 36):
        new = detector.feed(signal[end - 36 : end])
        found += new.tolist()
        late += (end - new).tolist()
    assert min(late) >= 720
    assert max(late) <= 1080 + 36 + REFRACTORY
    assert np.diff(found).min() >= REFRACTORY
    inner = record.r_peaks[(record.r_peaks > 3600) & (record.r_peaks < len(signal) - 3600)]
    distance = np.abs(inner[:, None] - np.array(found)).min(axis=1)
    assert (distance <= 54).mean() > 0.97  # 150 ms


def test_with_a_detector_beats_come_within_their_delay(synthetic_source):
    signal = synthetic_source.read(synthetic_source.records[1]).lead()[:40_000]
    slow = list(stream.replay(Monitor(keeper()), signal, Detector(), 36))
    fast = list(stream.replay(Monitor(keeper(), Biquads()), signal, Detector(), 36))
    assert [beat.sample for beat in slow] == [beat.sample for beat in fast]
    ended, longest = len(signal) - 150, 1080 + 36 + REFRACTORY
    assert max(b.delay_s for b in fast if b.sample < ended - longest) <= longest / 360
    waited = [beat.delay_s for beat in slow if 934 <= beat.sample < ended - 7000]
    assert min(waited) >= 5711 / 360
    assert max(waited) <= (5711 + 512 + 36) / 360


@pytest.mark.slow
@pytest.mark.parametrize(("name", "chunk"), [("114", 1013), ("208", 361), ("232", 77_777)])
def test_on_mit_bih_streamed_labels_are_the_offline_ones(mitdb, name, chunk):
    recording, classifier = read_recording(mitdb.directory / name), load_model()
    offline = classify(recording, classifier, device="cpu")
    monitor = Monitor(classifier)
    found = list(stream.replay(monitor, recording.signal, recording.r_peaks, chunk))
    assert [beat.sample for beat in found] == offline.samples.tolist()
    assert [beat.label for beat in found] == offline.classes.tolist()
    ours = np.array([beat.probabilities for beat in found])
    assert np.abs(ours - offline.probabilities).max() < 1e-5
