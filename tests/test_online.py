"""A signal fed piece by piece gives what it gives as a whole, after a look-ahead that is stated."""

import numpy as np
import pytest
import scipy.signal
import torch

from ecgkit import (
    InputError,
    denoising,
    heartbeats,
    inference,
    metrics,
    online,
    published,
    readers,
    streams,
    training,
)
from ecgkit.models import build
from ecgkit.online import Biquads, Detector, Monitor, Wavelets

pytestmark = pytest.mark.usefixtures("nothing_given")


class Keeper(torch.nn.Module):
    """A network that has learnt nothing and keeps the beats it is asked about."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def forward(self, beats):
        self.seen.append(beats.numpy().copy())
        return self.weight.expand(len(beats), 4)


@pytest.fixture(scope="module")
def noise():
    """A random walk: all frequencies, and a drift that never comes back."""
    rng = np.random.default_rng(1)
    return rng.normal(0, 0.01, 60_000).cumsum() + rng.normal(0, 0.3, 60_000)


@pytest.fixture(scope="module")
def network():
    return published.load()[0]


def through(denoiser, x, chunk):
    parts = [denoiser.feed(x[start : start + chunk]) for start in range(0, len(x), chunk)]
    return np.concatenate([*parts, denoiser.close()])


# Denoisers


@pytest.mark.parametrize("n", [5632, 6132, 6133, 11_264, 20_001, 60_000])
@pytest.mark.parametrize("chunk", [101, 511, 4097, 10**6])
def test_streamed_wavelets_are_those_of_the_whole_record_to_the_last_bit(noise, n, chunk):
    # The ends too: at the start nothing was before, and close() says where the end is.
    assert (through(Wavelets(), noise[:n], chunk) == denoising.denoise(noise[:n])).all()


@pytest.mark.parametrize("n", [1, 2, 100, 5631])
def test_a_recording_shorter_than_the_look_ahead_is_prolonged_as_offline(noise, n):
    assert (through(Wavelets(), noise[:n], 7) == streams.denoised(noise[:n])).all()


def test_sample_by_sample_gives_the_same(noise):
    x = noise[:7000]
    assert (through(Wavelets(), x, 1) == denoising.denoise(x)).all()


def test_a_clean_sample_is_handed_on_when_nothing_to_come_can_change_it(noise):
    wavelets, done = Wavelets(), 0
    for n in range(1000, 20_000, 1000):
        done += len(wavelets.feed(noise[n - 1000 : n]))
        assert done == max((n - 5621) // 512 * 512, 0)


def test_nothing_fed_gives_nothing():
    assert len(Wavelets().close()) == len(Biquads().close()) == len(Detector().close()) == 0
    assert len(Wavelets().feed(np.empty(0))) == len(Biquads().feed(np.empty(0))) == 0


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000, 10**6])
def test_causal_filters_do_not_notice_the_chunks(noise, chunk):
    x, biquads = noise[:5000], Biquads()
    state = scipy.signal.sosfilt_zi(biquads.sos) * x[0]
    filtered, _ = scipy.signal.sosfilt(biquads.sos, np.r_[x, x[-1], x[-1]], zi=state)
    assert (through(Biquads(), x, chunk) == filtered[2:]).all()


def test_causal_filters_look_two_samples_ahead_and_no_further(noise):
    x, y = noise[:3000], noise[:3000].copy()
    y[2000:] += 1
    changed = np.flatnonzero(through(Biquads(), x, 500) != through(Biquads(), y, 500))
    assert changed[0] == 1998


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


# The monitor


@pytest.mark.parametrize("chunk", [97, 360, 5000, 10**6])
def test_given_the_same_r_peaks_the_beats_are_those_of_the_table(
    synthetic_source, synthetic_beats, chunk
):
    for name in synthetic_source.records[:2]:
        record = synthetic_source.read(name)
        keeper = Keeper()
        found = list(online.replay(Monitor(keeper), record.lead(), record.r_peaks, chunk))
        table = synthetic_beats.select(synthetic_beats.records == name)
        assert [beat.sample for beat in found] == table.samples.tolist()
        assert (np.concatenate(keeper.seen) == table.signals).all()


def test_given_the_same_r_peaks_the_labels_are_those_of_the_table(
    synthetic_source, synthetic_beats, network
):
    name = synthetic_source.records[3]
    record = synthetic_source.read(name)
    found = list(online.replay(Monitor(network), record.lead(), record.r_peaks, 333))
    table = synthetic_beats.select(synthetic_beats.records == name)
    expected = training.predict(network, table.signals)
    assert [beat.label for beat in found] == [metrics.CLASSES[c] for c in expected.argmax(axis=1)]
    assert np.abs(np.array([beat.probabilities for beat in found]) - expected).max() < 1e-5


@pytest.mark.parametrize(("name", "chunk"), [("114", 1013), ("208", 361), ("232", 77_777)])
def test_on_mit_bih_streamed_labels_are_the_offline_ones(mitdb, network, name, chunk):
    recording = readers.open_recording(mitdb.directory / name)
    signal = recording.stretch(0, recording.n_samples)
    offline = inference.classify(recording, network, device="cpu")
    found = list(online.replay(Monitor(network), signal, recording.r_peaks, chunk))
    assert [beat.sample for beat in found] == offline.samples.tolist()
    assert [beat.label for beat in found] == offline.classes.tolist()
    ours = np.array([beat.probabilities for beat in found])
    assert np.abs(ours - offline.probabilities).max() < 1e-5


@pytest.mark.parametrize(("r_peak", "delay"), [(422, 5711), (423, 6222), (600, 6045)])
def test_a_beat_waits_for_the_block_that_ends_it_and_for_the_look_ahead(noise, r_peak, delay):
    # Its last sample is r + 89; the block of 512 that holds it ends at a multiple of 512 and is
    # clean 5,621 samples later: 422 + 90 = 512, so 512 + 5621 - 422 = 5711; one later, 1024.
    found = list(online.replay(Monitor(Keeper()), noise[:7000], np.array([r_peak]), 1))
    assert [beat.delay_s for beat in found] == [delay / 360]


def test_behind_causal_filters_a_beat_waits_for_the_rule_about_the_ends(noise):
    (beat,) = online.replay(Monitor(Keeper(), Biquads()), noise[:2000], np.array([600]), 1)
    assert beat.delay_s == 150 / 360


def test_an_r_peak_may_be_told_five_seconds_late_and_no_later(noise):
    for late, refused in ((1790, False), (2200, True)):
        monitor = Monitor(Keeper(), Biquads())
        for start in range(0, 6000, 10):
            monitor.feed(noise[start : start + 10])
        if refused:
            with pytest.raises(InputError, match="tell each within 5 s"):
                monitor.feed([], [6000 - late])
        else:
            (beat,) = monitor.feed([], [6000 - late])
            assert beat.delay_s == late / 360


def test_beats_near_the_ends_get_no_answer(noise):
    r_peaks = np.array([50, 99, 100, 5000, 9850, 9851, 9990])
    found = online.replay(Monitor(Keeper()), noise[:10_000], r_peaks, 100)
    assert [beat.sample for beat in found] == [100, 5000, 9850]


def test_a_sample_that_is_no_number_is_named(noise):
    monitor = Monitor(Keeper())
    monitor.feed(noise[:1000])
    with pytest.raises(InputError, match="Sample 1002 is no number"):
        monitor.feed([0.0, 0.0, np.nan, 0.0])


def test_a_sample_that_is_no_number_is_named_before_it_reaches_the_detector(noise):
    gap = np.r_[noise[:1000], np.nan, noise[:1000]]
    with pytest.raises(InputError, match="Sample 1000 is no number"):
        list(online.replay(Monitor(Keeper()), gap, Detector(), 360))


def test_a_chunk_that_is_refused_may_be_fed_again_without_what_was_wrong(noise):
    once, twice = Monitor(Keeper(), Biquads()), Monitor(Keeper(), Biquads())
    for monitor in (once, twice):
        monitor.feed(noise[:5000])
    with pytest.raises(InputError, match="tell each within 5 s"):
        twice.feed(noise[5000:6000], [150, 5200])
    for monitor in (once, twice):
        (beat,) = monitor.feed(noise[5000:6000], [5200])
        assert beat.sample == 5200
    assert np.array_equal(once._network.seen, twice._network.seen)


def test_a_network_that_reads_rr_intervals_is_refused():
    with pytest.raises(InputError, match="a monitor gives it the beat alone"):
        Monitor(build("resnet-tcn-rr"))


def test_what_is_remembered_does_not_grow(noise):
    monitor, detector = Monitor(Keeper()), Detector()
    most = 0
    for start in range(0, 60_000, 360):
        chunk = noise[start : start + 360]
        monitor.feed(chunk, detector.feed(chunk))
        arrays = (monitor._clean, monitor._denoiser._held, detector._held)
        most = max(most, sum(len(array) for array in arrays) + len(monitor._waiting))
    # 5 s of clean samples, the wavelets' two look-aheads and a block, the detector's 21 + 3 s
    assert most < 1800 + 90 + 360 + (5632 + 512 + 5621 + 360) + (7680 + 1080 + 360) + 100


# The detector


@pytest.mark.parametrize("chunk", [50, 5000, 10**6])
def test_the_detector_does_not_notice_the_chunks(synthetic_source, chunk):
    signal = synthetic_source.read(synthetic_source.records[0]).lead()[:30_000]

    def told(size):
        detector = Detector()
        parts = [detector.feed(signal[i : i + size]) for i in range(0, len(signal), size)]
        return np.concatenate([*parts, detector.close()]).tolist()

    assert told(chunk) == told(360)


def test_the_detector_tells_a_peak_two_to_three_seconds_late_and_close_to_the_annotators(
    synthetic_source,
):
    record = synthetic_source.read(synthetic_source.records[0])
    signal, detector, told, late = record.lead(), Detector(), [], []
    for end in range(36, len(signal), 36):
        new = detector.feed(signal[end - 36 : end])
        told += new.tolist()
        late += (end - new).tolist()
    assert min(late) >= 720
    assert max(late) <= 1080 + 36 + inference.REFRACTORY
    assert np.diff(told).min() >= inference.REFRACTORY
    inner = record.r_peaks[(record.r_peaks > 3600) & (record.r_peaks < len(signal) - 3600)]
    distance = np.abs(inner[:, None] - np.array(told)).min(axis=1)
    assert (distance <= 54).mean() > 0.97


def test_with_a_detector_beats_come_within_their_delay(synthetic_source, network):
    signal = synthetic_source.read(synthetic_source.records[1]).lead()[:40_000]
    slow = list(online.replay(Monitor(network), signal, Detector(), 36))
    fast = list(online.replay(Monitor(network, Biquads()), signal, Detector(), 36))
    assert [beat.sample for beat in slow] == [beat.sample for beat in fast]
    ended = len(signal) - heartbeats.MARGIN_AFTER
    longest = 1080 + 36 + inference.REFRACTORY
    assert max(b.delay_s for b in fast if b.sample < ended - longest) <= longest / 360
    waited = [beat.delay_s for beat in slow if beat.sample < ended - 7000]
    assert min(waited) >= 5711 / 360
    assert max(waited) <= (5711 + 512 + 36) / 360
