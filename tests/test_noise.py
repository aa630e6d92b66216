"""Noise is found like MIT-BIH is, and added by the rules of WFDB's nst."""

import numpy as np
import pytest
import wfdb

from ecgkit import InputError, noise, physionet

FS = 360


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A folder with noise records of ten seconds, of no gain in their headers, as nstdb's are."""
    folder = tmp_path / "nstdb"
    folder.mkdir()
    values = np.stack([np.arange(3600) % 100, np.zeros(3600, int)], axis=1)
    for kind in noise.KINDS:
        wfdb.wrsamp(
            kind, fs=FS, units=["mV"] * 2, sig_name=["noise1", "noise2"], d_signal=values,
            fmt=["212"] * 2, adc_gain=[200.0] * 2, baseline=[0] * 2, write_dir=str(folder),
        )  # fmt: skip
        header = folder / f"{kind}.hea"
        header.write_text(header.read_text().replace("200.0(0)/mV", "0"))
    sums = {name: str(physionet.sha256(folder / name)) for name in noise.SHA256}
    monkeypatch.setattr(noise, "SHA256", sums)
    monkeypatch.delenv("ECGKIT_DATA", raising=False)
    monkeypatch.delenv("ECGKIT_NOISE", raising=False)
    return folder


def test_noise_named_by_the_user_is_read_and_its_first_signal_kept(record, monkeypatch):
    monkeypatch.setenv("ECGKIT_NOISE", str(record))
    found = noise.find()
    assert (found.source, found.is_synthetic) == ("nstdb", False)
    assert found.signals.keys() == {"bw", "ma"}
    signal = found.signals["bw"]
    assert signal.shape == (3600,)
    np.testing.assert_allclose(np.diff(signal[:50]), signal[1] - signal[0])  # climbs evenly
    assert signal[1] > signal[0]


def test_noise_beside_mit_bih_is_found(record, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(tmp_path / "mitdb"))
    assert noise.find().source == "nstdb"


def test_a_named_folder_without_the_noise_is_an_error_and_no_reason_to_fall_back(
    record, monkeypatch
):
    (record / "ma.dat").unlink()
    monkeypatch.setenv("ECGKIT_NOISE", str(record))
    with pytest.raises(InputError, match=r"ma\.dat is missing .*1 of 4 files"):
        noise.find()


def test_damaged_noise_beside_mit_bih_is_not_used(record, tmp_path, monkeypatch):
    (record / "bw.dat").write_bytes(b"something else")
    monkeypatch.setenv("ECGKIT_DATA", str(tmp_path / "mitdb"))
    with pytest.warns(UserWarning, match="SYNTHETIC NOISE"):
        assert noise.find().is_synthetic


def test_noise_is_fetched_from_the_database_beside_mit_bih_s(record, monkeypatch):
    asked = []

    def fetch(names, directory, address, sums, what):
        asked.append((names, address, sums, what))
        directory.mkdir(parents=True)
        for name in names:
            (directory / name).write_bytes((record / name).read_bytes())

    monkeypatch.setattr(
        physionet, "address_that_answers", lambda: "https://physionet.org/files/mitdb/1.0.0/"
    )
    monkeypatch.setattr(physionet, "fetch", fetch)
    assert noise.find().source == "nstdb"
    assert noise.find().source == "nstdb"
    ((names, address, sums, what),) = asked  # the second time it lies in the cache
    assert set(names) == set(noise.SHA256) == set(sums)
    assert address == "https://physionet.org/files/nstdb/1.0.0/"
    assert "noise" in what


def test_synthetic_noise_on_demand_is_the_same_each_time_and_warns_nobody(record, monkeypatch):
    monkeypatch.setenv("ECGKIT_NOISE", str(record))
    first, second = noise.find(synthetic=True), noise.find(synthetic=True)
    assert first.is_synthetic
    for kind in noise.KINDS:
        np.testing.assert_array_equal(first.signals[kind], second.signals[kind])
    monkeypatch.setenv("ECGKIT_SOURCE", "synthetic")
    assert noise.find().is_synthetic


@pytest.mark.parametrize(("kind", "inside", "outside"), [("bw", 0.5, 10.0), ("ma", 60.0, 0.5)])
def test_synthetic_noise_fills_the_frequencies_of_its_kind(kind, inside, outside):
    signal = noise.made_up(kind, 100 * FS)
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


def test_the_amplitude_is_the_mean_of_normal_complexes_less_a_twentieth_at_either_end():
    # 20 beats: of 1 to 20 the 1 and the 20 are left out, and the mean of 2 to 19 is 10.5.
    heights = [float(h) for h in range(1, 21)]
    assert noise.qrs_amplitude(*beat_train(heights, ["N"] * 20)) == pytest.approx(10.5)


def test_ventricular_and_fusion_beats_have_no_part_in_the_amplitude():
    measured = noise.qrs_amplitude(*beat_train([2, 9, 9, 9, 9, 2, 2], list("NVFEraj")))
    assert measured == pytest.approx(2)


def test_only_the_first_300_complexes_are_measured():
    assert noise.qrs_amplitude(*beat_train([1.0] * 300 + [7.0] * 50, ["N"] * 350)) == 1


def test_a_recording_without_a_normal_complex_cannot_be_measured():
    with pytest.raises(InputError, match="No normal QRS"):
        noise.qrs_amplitude(*beat_train([1.0], ["V"]))


def test_the_noise_is_measured_second_by_second_around_its_mean():
    # 20 seconds of a square wave of amplitudes 1 to 20, each around a level of its own.
    square = np.tile([1.0, -1.0], FS // 2)
    signal = np.concatenate([100 * s + s * square for s in range(1, 21)])
    assert noise.rms(signal) == pytest.approx(10.5)
    assert noise.rms(np.concatenate([np.tile(square, 300), 99 * square])) == pytest.approx(1)


@pytest.mark.parametrize("snr_db", noise.SNRS_DB)
def test_noise_times_the_gain_has_the_ratio_asked_for(snr_db):
    signal, r_peaks, symbols = beat_train([1.4] * 30, ["N"] * 30)
    disturbance = noise.made_up("ma", 60 * FS)
    a = noise.gain(noise.qrs_amplitude(signal, r_peaks, symbols), noise.rms(disturbance), snr_db)
    s, n = 1.4**2 / 8, noise.rms(a * disturbance) ** 2
    assert 10 * np.log10(s / n) == pytest.approx(snr_db)


def test_the_gain_is_that_of_nst_s_manual():
    # S = 1 mV² / 8, N = 1, 6.0206 dB is a factor of 4: a² = 1 / 32.
    assert noise.gain(1, 1, 10 * np.log10(4)) == pytest.approx((1 / 32) ** 0.5)


# Where the noise goes


def test_five_minutes_are_clean_then_two_minutes_have_noise_and_two_have_none():
    noisy = noise.noisy_samples(650_000)
    minutes = [noisy[int(m * 60 * FS)] for m in np.arange(0.5, 30, 1)]
    clean, two = [False] * 2, [True] * 2
    assert minutes == [False] * 5 + (two + clean) * 6 + [True]
    assert np.flatnonzero(np.diff(noisy))[0] + 1 == 5 * 60 * FS
    short = noise.noisy_samples(360 * FS, 60, 60)
    assert [bool(short[m * 60 * FS]) for m in range(6)] == [0, 1, 0, 1, 0, 1]


def test_the_track_is_what_nst_s_gains_and_offsets_make():
    rng = np.random.default_rng(0)
    disturbance, n = rng.normal(size=500), 700
    noisy = noise.noisy_samples(n, 100 / FS, 150 / FS)
    expected, gain, offset = [], 0.0, 0.0
    for t in range(n):  # sample by sample: an offset cancels each step, a rewind's too
        now, before = disturbance[t % 500], disturbance[(t - 1) % 500]
        if t == 0:
            before = now
        if t % 500 == 0 and t:
            offset += gain * (before - now)
        if gain != noisy[t]:
            offset += (gain - noisy[t]) * before
            gain = float(noisy[t])
        expected.append(gain * now + offset)
    np.testing.assert_allclose(noise.track(disturbance, noisy), expected, atol=1e-12)
