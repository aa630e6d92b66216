"""Noise is added by the rules of WFDB's nst."""

from types import SimpleNamespace

import numpy as np
import pytest

from ecgbook import noise
from ecgkit import InputError
from ecgkit.data.sources import SourceNotFound

FS = 360


def test_the_first_signal_of_each_noise_record_is_taken(monkeypatch):
    signals = {"bw": np.array([[1, 5], [2, 6]]), "ma": np.array([[3, 7], [4, 8]])}
    source = SimpleNamespace(
        records=("bw", "ma"), read=lambda name: SimpleNamespace(signals=signals[name])
    )
    monkeypatch.setattr(noise, "find_source", lambda name, download: source)
    found = noise.find_noise()
    assert not found.is_synthetic
    assert {kind: x.tolist() for kind, x in found.signals.items()} == {"bw": [1, 2], "ma": [3, 4]}


def test_synthetic_noise_stands_in_with_a_warning_only_where_there_is_no_other(monkeypatch):
    def nowhere(name, download):
        raise SourceNotFound("nowhere")

    monkeypatch.setattr(noise, "find_source", nowhere)
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        found = noise.find_noise()
    assert found.is_synthetic
    again = noise.find_noise(synthetic=True)
    assert found.signals.keys() == again.signals.keys() == noise.KINDS.keys()
    assert all((found.signals[kind] == again.signals[kind]).all() for kind in noise.KINDS)


def test_damaged_noise_is_an_error_and_not_replaced(monkeypatch, tmp_path):
    monkeypatch.setenv("ECGKIT_NOISE", str(tmp_path))
    with pytest.raises(InputError, match="ECGKIT_NOISE"):
        noise.find_noise()


@pytest.mark.parametrize(("kind", "inside", "outside"), [("bw", 0.5, 10.0), ("ma", 60.0, 0.5)])
def test_synthetic_noise_fills_the_frequencies_of_its_kind(kind, inside, outside):
    signal = noise.synthetic_noise(kind, 100 * FS)
    power = np.abs(np.fft.rfft(signal)) ** 2
    hz = np.fft.rfftfreq(len(signal), 1 / FS)
    assert power[np.abs(hz - inside) < 0.2].mean() > 1
    assert power[np.abs(hz - outside) < 0.2].max() < 1e-12 * power.max()


# The measures of sigamp


def beat_train(heights, symbols):
    """A second for each beat: up to half its height at the mark, down by as much 20 ms later."""
    signal = np.zeros(FS * (len(heights) + 1))
    r_peaks = FS * np.arange(1, len(heights) + 1)
    for r, height in zip(r_peaks, heights, strict=True):
        signal[r], signal[r + 7] = height / 2, -height / 2
        signal[r + 19] = 50  # 53 ms after the mark: outside of the window
    return signal, r_peaks, np.array(symbols)


def test_the_amplitude_is_the_trimmed_mean_of_the_first_300_normal_complexes():
    # 20 beats: of 1 to 20 the 1 and the 20 are left out, and the mean of 2 to 19 is 10.5.
    heights = [float(h) for h in range(1, 21)]
    assert noise.qrs_amplitude(*beat_train(heights, ["N"] * 20)) == pytest.approx(10.5)
    # Ventricular and fusion beats do not count.
    measured = noise.qrs_amplitude(*beat_train([2, 9, 9, 9, 9, 2, 2], list("NVFEraj")))
    assert measured == pytest.approx(2)
    assert noise.qrs_amplitude(*beat_train([1.0] * 300 + [7.0] * 50, ["N"] * 350)) == 1
    with pytest.raises(InputError, match="QRS"):
        noise.qrs_amplitude(*beat_train([1.0], ["V"]))


def test_the_noise_is_measured_second_by_second_around_its_mean():
    # 20 seconds of a square wave of amplitudes 1 to 20, each around a level of its own.
    square = np.tile([1.0, -1.0], FS // 2)
    signal = np.concatenate([100 * s + s * square for s in range(1, 21)])
    assert noise.noise_rms(signal) == pytest.approx(10.5)
    assert noise.noise_rms(np.concatenate([np.tile(square, 300), 99 * square])) == pytest.approx(1)


@pytest.mark.parametrize("snr_db", [24, 12, 0, -6])
def test_noise_times_the_gain_has_the_ratio_asked_for(snr_db):
    signal, r_peaks, symbols = beat_train([1.4] * 30, ["N"] * 30)
    disturbance = noise.synthetic_noise("ma", 60 * FS)
    amplitude = noise.qrs_amplitude(signal, r_peaks, symbols)
    a = noise.gain(amplitude, noise.noise_rms(disturbance), snr_db)
    s, n = 1.4**2 / 8, noise.noise_rms(a * disturbance) ** 2
    assert 10 * np.log10(s / n) == pytest.approx(snr_db)
    # nst's manual: S = 1 mV² / 8, N = 1, 6.0206 dB is a factor of 4: a² = 1 / 32.
    assert noise.gain(1, 1, 10 * np.log10(4)) == pytest.approx((1 / 32) ** 0.5)
