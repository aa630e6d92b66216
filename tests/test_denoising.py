"""The wavelet bands lie in their octaves and add up; denoising takes what it should."""

from math import comb, cos, pi

import numpy as np
import pytest

from ecgkit import InputError
from ecgkit.data.denoising import denoise, reach
from ecgkit.data.preparation import band_names

FS = 360


def lowpass(omega):
    """Share of a sine's power that db6's low-pass filter lets through, after Daubechies (1988).

    |m0(w)|^2 = c^6 P(1 - c) with c = cos^2(w / 2) and P(y) the sum over k = 0..5 of
    (5 + k over k) y^k.
    """
    c = cos(omega / 2) ** 2
    return c**6 * sum(comb(5 + k, k) * (1 - c) ** k for k in range(6))


def shares(hz):
    """Share of a long sine's power per band: each level doubles the sine's angular frequency."""
    omega, rest, found = 2 * pi * hz / FS, 1.0, {}
    for j in range(1, 10):
        found[f"D{j}"] = rest * (1 - lowpass(omega))
        rest, omega = rest * lowpass(omega), 2 * omega
    return {**found, "A9": rest}


def sine(hz, seconds=100):
    return np.sin(2 * pi * hz * np.arange(int(seconds * FS)) / FS)


def power(x):
    """Mean power, 10 s at either end left out: there the signal is extended."""
    return np.mean(x[10 * FS : -10 * FS] ** 2)


@pytest.mark.parametrize("hz", [0.3, 1, 5, 10, 25, 35, 50, 60, 70, 100])
def test_bands_have_the_share_of_a_sine_that_daubechies_formula_gives(hz):
    found = {name: power(sine(hz) - denoise(sine(hz), [name])) for name in band_names()}
    assert {k: p / power(sine(hz)) for k, p in found.items()} == pytest.approx(shares(hz), abs=0.02)


@pytest.mark.parametrize("n", [5632, 7001])
@pytest.mark.parametrize("extension", ["symmetric", "zero"])
def test_denoising_takes_the_named_bands_away_and_all_bands_add_up_to_the_signal(n, extension):
    signal = np.random.default_rng(0).normal(size=n).cumsum()
    split = {k: signal - denoise(signal, [k], extension=extension) for k in band_names()}
    assert sum(split.values()) == pytest.approx(signal, abs=1e-10)
    for zeroed in (("A9", "D1", "D2"), (), band_names()):
        expected = signal - sum((split[name] for name in zeroed), np.zeros(n))
        assert denoise(signal, zeroed, extension=extension) == pytest.approx(expected, abs=1e-10)


def test_drift_falls_mains_fall_and_the_ecgs_own_band_stays():
    assert np.abs(denoise(np.full(10_001, -5.0))).max() < 1e-9
    assert power(denoise(sine(0.1))) < 1e-4 * power(sine(0.1))
    # By hand: 60 Hz is a third of pi, then two thirds after the first level. In lowpass, c = 1/4
    # there gives (1 + 4.5 + 11.8125 + 23.625 + 39.8672 + 59.8008) / 4096 = 0.03433, and by symmetry
    # c = 3/4 gives 1 - 0.03433. So 0.03433 x 0.96567 = 0.03315 of the power passes: -14.8 dB.
    assert 10 * np.log10(power(denoise(sine(60))) / power(sine(60))) == pytest.approx(
        -14.8, abs=0.1
    )
    for hz in (2, 5, 10):
        assert power(denoise(sine(hz)) - sine(hz)) < 1e-4 / 2


@pytest.mark.parametrize(("wavelet", "level", "expected"), [("db2", 3, 21), ("db6", 2, 33)])
def test_a_denoised_sample_depends_on_no_sample_beyond_reach(wavelet, level, expected):
    assert reach(wavelet, level) == expected  # 3 x 7 and 11 x 3
    furthest = 0
    for place in range(400, 400 + 2**level):  # wherever the filters' grid lies
        impulse = np.zeros(800)
        impulse[place] = 1
        touched = np.flatnonzero(np.abs(denoise(impulse, ["D1"], level, wavelet)) > 1e-12)
        furthest = max(furthest, *np.abs(touched - place))
    assert 0 < furthest <= expected


def test_fewer_levels_need_fewer_samples():
    # 11 samples (one less than db6's filters have) at the slowest rate, 2^level apart
    for level, shortest in ((9, 5632), (3, 88)):
        assert len(denoise(np.ones(shortest), ["D1"], level)) == shortest
        with pytest.raises(InputError, match=str(shortest)):
            denoise(np.ones(shortest - 1), ["D1"], level)


@pytest.mark.parametrize(
    "bad", [np.zeros((10_000, 2)), [], *(np.r_[x, np.zeros(9000)] for x in (np.nan, np.inf))]
)
def test_what_is_no_signal_of_one_lead_is_refused(bad):
    with pytest.raises(InputError):
        denoise(bad)
    with pytest.raises(InputError, match="A8, D10"):
        denoise(sine(1), ["D10", "A8", "D1"])
