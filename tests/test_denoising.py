"""The wavelet bands lie where their nominal octaves say, add up, and take what they should."""

from math import comb, cos, pi

import numpy as np
import pytest

from ecgkit import InputError, denoising
from ecgkit.denoising import bands, denoise

FS = 360
OCTAVES = {  # Hz: half of the sampling rate, halved again and again
    "A9": (0, 0.3515625),
    "D9": (0.3515625, 0.703125),
    "D8": (0.703125, 1.40625),
    "D7": (1.40625, 2.8125),
    "D6": (2.8125, 5.625),
    "D5": (5.625, 11.25),
    "D4": (11.25, 22.5),
    "D3": (22.5, 45),
    "D2": (45, 90),
    "D1": (90, 180),
}


def lowpass(omega: float) -> float:
    """Share of a sine's power that db6's low-pass filter lets through, after Daubechies (1988).

    |m0(w)|^2 = c^6 P(1 - c) with c = cos^2(w / 2) and P(y) the sum over k = 0..5 of
    (5 + k over k) y^k.
    """
    c = cos(omega / 2) ** 2
    return c**6 * sum(comb(5 + k, k) * (1 - c) ** k for k in range(6))


def shares(hz: float) -> dict[str, float]:
    """Share of a long sine's power that each band gets.

    Each level filters and drops every second sample, which doubles the sine's angular frequency;
    the two filters of a level share the power between them, and orthogonality keeps its sum.
    """
    omega, rest, found = 2 * pi * hz / FS, 1.0, {}
    for j in range(1, 10):
        found[f"D{j}"] = rest * (1 - lowpass(omega))
        rest, omega = rest * lowpass(omega), 2 * omega
    return {**found, "A9": rest}


def sine(hz: float, seconds: float = 100) -> np.ndarray:
    return np.sin(2 * pi * hz * np.arange(int(seconds * FS)) / FS)


def db(after: np.ndarray, before: np.ndarray) -> float:
    """Change of power in decibels, 10 s at either end left out: there the signal is extended."""
    inner = slice(10 * FS, -10 * FS)
    return 10 * np.log10(np.mean(after[inner] ** 2) / np.mean(before[inner] ** 2))


@pytest.fixture(scope="module")
def sweep():
    """A sine that rises from 0.05 to 180 Hz, 100 s an octave.

    Returns the frequency at each moment in Hz and, band by band, the mean power around it.
    """
    octaves = np.log2(180 / 0.05)
    t = np.arange(int(100 * octaves * FS)) / FS
    hz = 0.05 * 2 ** (t / 100)
    phase = 2 * pi * 0.05 * 100 / np.log(2) * (2 ** (t / 100) - 1)
    width = 12 * FS  # 0.12 octaves
    power = {}
    for name, band in bands(np.sin(phase)).items():
        total = np.cumsum(np.r_[0, band**2])
        power[name] = (total[width:] - total[:-width]) / width
    return hz[width // 2 : width // 2 + len(power["A9"])], power


def test_the_bands_bear_the_names_and_edges_of_their_octaves():
    assert denoising.band_names() == tuple(OCTAVES)
    assert denoising.band_edges_hz(FS) == OCTAVES
    assert tuple(bands(sine(10))) == tuple(OCTAVES)


@pytest.mark.parametrize("name", OCTAVES)
def test_a_swept_sine_is_strongest_in_a_band_while_inside_its_octave(sweep, name):
    hz, power = sweep
    low, high = OCTAVES[name]
    total = sum(power.values())
    assert low <= hz[np.argmax(power[name] / total)] <= high
    inside = (hz >= low) & (hz <= high)
    # Half at the edges and nearly all in the middle: four fifths or so of what is inside.
    assert power[name][inside].sum() > 0.75 * total[inside].sum()
    assert power[name][inside].sum() > 0.75 * power[name].sum()
    centre = np.searchsorted(hz, np.sqrt(max(low, 0.05) * high))
    assert power[name][centre] > 0.9 * total[centre]


@pytest.mark.parametrize("name", [name for name in OCTAVES if name != "D1"])
def test_at_an_edge_a_swept_sine_is_shared_by_the_two_bands_that_meet_there(sweep, name):
    hz, power = sweep
    edge, names = OCTAVES[name][1], list(OCTAVES)
    # A quarter octave to either side: on the edge itself a sine's phase decides how it is shared.
    at = np.abs(np.log2(hz / edge)) < 0.25
    below, above = power[name][at].sum(), power[names[names.index(name) + 1]][at].sum()
    assert 0.3 < below / (below + above) < 0.7
    assert below + above > 0.9 * sum(power.values())[at].sum()
    assert power[name][np.searchsorted(hz, min(2 * edge, 170))] < 0.01  # next to nothing is left


@pytest.mark.parametrize("hz", [0.3, 1, 5, 10, 25, 35, 50, 60, 70, 100])
def test_bands_get_the_share_of_a_sine_that_daubechies_formula_gives(hz):
    found = {name: 10 ** (db(band, sine(hz)) / 10) for name, band in bands(sine(hz)).items()}
    assert found == pytest.approx(shares(hz), abs=0.02)


@pytest.mark.parametrize("n", [5632, 7001, 10_000, 12_345])
def test_the_bands_add_up_to_the_signal_for_even_and_odd_lengths(n):
    signal = np.random.default_rng(n).normal(size=n).cumsum()
    split = bands(signal)
    assert {band.shape for band in split.values()} == {(n,)}
    assert sum(split.values()) == pytest.approx(signal, abs=1e-10)


@pytest.mark.parametrize("zeroed", [("A9", "D1", "D2"), ("D1",), ("D5", "D6"), (), "all"])
def test_denoising_takes_the_named_bands_away_and_nothing_else(zeroed):
    signal = np.random.default_rng(1).normal(size=8001)
    split = bands(signal)
    zeroed = tuple(split) if zeroed == "all" else zeroed
    expected = signal - sum((split[name] for name in zeroed), np.zeros(8001))
    assert denoise(signal, zeroed) == pytest.approx(expected, abs=1e-10)


def test_the_default_takes_a9_d1_and_d2():
    signal = np.random.default_rng(2).normal(size=6000)
    assert (denoise(signal) == denoise(signal, ["D2", "A9", "D1"])).all()


def test_the_signal_given_is_left_as_it_was():
    signal = np.random.default_rng(3).normal(size=6000)
    before = signal.copy()
    denoise(signal)
    bands(signal)
    assert (signal == before).all()


def test_a_constant_and_slow_drift_are_removed():
    assert np.abs(denoise(np.full(10_001, -5.0))).max() < 1e-9
    assert db(denoise(sine(0.1)), sine(0.1)) < -40


def test_mains_at_sixty_hertz_fall_by_fifteen_decibels():
    # By hand: 60 Hz is a third of pi, then two thirds after the first level. In lowpass, c = 1/4
    # there gives (1 + 4.5 + 11.8125 + 23.625 + 39.8672 + 59.8008) / 4096 = 0.03433, and by symmetry
    # c = 3/4 gives 1 - 0.03433. So 0.03433 x 0.96567 = 0.03315 of the power passes: -14.8 dB.
    assert db(denoise(sine(60)), sine(60)) == pytest.approx(-14.8, abs=0.1)


def test_what_lies_in_the_middle_of_the_ecgs_band_is_kept_within_a_percent():
    inner = slice(10 * FS, -10 * FS)
    for hz in (2, 5, 10):
        assert np.abs(denoise(sine(hz)) - sine(hz))[inner].max() < 0.01


def test_fewer_levels_need_fewer_samples():
    # 11 samples (one less than db6's filters have) at the slowest rate, 2^level apart
    for level, shortest in ((9, 5632), (3, 88)):
        assert len(denoise(np.ones(shortest), ["D1"], level)) == shortest
        with pytest.raises(InputError, match=rf"too short for {level} levels.* {shortest} samples"):
            denoise(np.ones(shortest - 1), ["D1"], level)


def test_what_is_no_signal_of_one_lead_is_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"shape \(10000, 2\).*one lead"):
        denoise(np.zeros((10_000, 2)))
    with pytest.raises(InputError, match="shape \\(0,\\) is too short"):
        bands([])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(bad):
    signal = np.zeros(6000)
    signal[17] = bad
    for function in (denoise, bands):
        with pytest.raises(InputError, match="samples that are not numbers"):
            function(signal)


def test_a_band_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(InputError, match=r"No band A8, D10 at 9 levels: A9 D9 D8 .* D1\."):
        denoise(sine(1), ["D10", "A8", "D1"])
