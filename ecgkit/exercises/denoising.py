"""Checks of page 02, denoising."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pywt

from ecgkit import denoising
from ecgkit.exercises import Verdict, right, wrong

MAINS_HZ = 60.0


def _band_of(hz: float, fs: float) -> str:
    edges = denoising.band_edges_hz(fs)
    return next(name for name, (low, high) in edges.items() if low <= hz < high)


def mains_bands(answer: Any) -> Verdict:
    """Bands that hold 60 Hz at 250 and at 500 samples a second."""
    given = [str(name).upper() for name in answer]
    expected = [_band_of(MAINS_HZ, fs) for fs in (250, 500)]
    if given == expected:
        return right(
            "A band is an octave of the sampling rate, not of the world: at 500 Hz zeroing D1 and "
            "D2 spares the mains."
        )
    if given == expected[::-1]:
        return wrong("Those are the right bands in the wrong order: 250 Hz comes first.")
    if given == [_band_of(MAINS_HZ, fs) for fs in (125.1, 250)]:
        return wrong("D1 reaches up to *half* of the sampling rate, no higher.")
    if given == ["D2", "D2"]:
        return wrong("That is the band at 360 Hz: do the edges stay where they are at 500 Hz?")
    if len(given) != 2:
        return wrong(f"Give two names, one for each sampling rate, not {len(given)}.")
    return wrong("D1 is the upper half of what lies below fs / 2; halve until 60 Hz is inside.")


def mains_in_europe(answer: Any) -> Verdict:
    """Change of power of a 50 Hz tone by the default denoising, in dB."""
    given = float(answer)
    left = {hz: 1 - _zeroed_share(hz) for hz in (50.0, MAINS_HZ)}
    expected = 10 * np.log10(left[50.0])
    if abs(given - expected) < 0.2:
        return right("More than a quarter of the power stays: 50 Hz is near D2's lower edge.")
    if abs(given + expected) < 0.2:
        return wrong("The size is right. A loss is negative, as -3 for half the power.")
    if abs(given - 2 * expected) < 0.4:
        return wrong("That is 20 log10 of a share of *power*: for power the factor is 10.")
    if abs(given - 10 * np.log10(left[MAINS_HZ])) < 0.2:
        return wrong("That is the loss at 60 Hz: put 50 Hz into the tone.")
    if abs(given - left[50.0]) < 0.01:
        return wrong("That is the share of the power that stays: take 10 log10 of it.")
    if abs(given - 10 * np.log10(1 - left[50.0])) < 0.2:
        return wrong("That is the part which is *removed*: the question is by how much it falls.")
    return wrong("Divide the tone's mean square after by that before; take 10 log10.")


def _zeroed_share(hz: float) -> float:
    """Share of a tone's power in the zeroed bands, measured away from the ends of a sine."""
    fs, inner = 360, slice(20 * 360, -20 * 360)
    tone = np.sin(2 * np.pi * hz * np.arange(120 * fs) / fs)
    return 1 - float(np.mean(denoising.denoise(tone)[inner] ** 2) / np.mean(tone[inner] ** 2))


def white_noise(answer: Any) -> Verdict:
    """Shares of white noise kept with A9 and D1 zeroed, and with A9 and D1 to D3 zeroed."""
    given = np.array([float(share) for share in answer])
    drift = 0.5**9  # A9 is the lowest 2^-9 of all frequencies
    expected = np.array([1 / 2, 1 / 8]) - drift
    if given.shape != (2,):
        return wrong(f"Give two shares, not {given.size}.")
    if np.allclose(given, expected, atol=0.004):
        return right("Each octave up holds twice the noise, which is why D1 and D2 pay so well.")
    if np.allclose(given, expected[::-1], atol=0.004):
        return wrong("The right shares in the wrong order: first the one that keeps D2.")
    if np.allclose(given, 100 * expected, atol=0.4):
        return wrong("Those are per cent: give shares between 0 and 1.")
    if np.allclose(given, 1 - expected, atol=0.004):
        return wrong("Those are the shares *removed*: what is let through is the rest.")
    if np.allclose(given, [8 / 10, 6 / 10], atol=0.004):
        return wrong("The ten bands are not equally wide: D1 alone is half of all frequencies.")
    return wrong("Divide the width of what is kept, in Hz, by the 180 Hz of the whole.")


def undo_level(answer: Callable[..., Any]) -> Verdict:
    """Signal from the approximation and the detail of one level."""
    h, g = (np.array(taps) for taps in pywt.Wavelet(denoising.WAVELET).filter_bank[:2])
    x = np.random.default_rng(2).normal(size=64)
    a, d = pywt.dwt(x, denoising.WAVELET, mode=denoising.EXTENSION)
    returned = answer(a.copy(), d.copy(), h.copy(), g.copy())
    if returned is None or returned is ...:
        return wrong("The function returns nothing yet.")
    got = np.asarray(returned, dtype=float)
    if got.shape == a.shape:
        return wrong("The result is as short as a: put a zero behind each number before filtering.")
    spread = np.zeros((2, 2 * len(a)))
    spread[:, ::2] = a, d
    back = np.convolve(spread[0], h[::-1])
    full = back + np.convolve(spread[1], g[::-1])
    if got.ndim == 1 and len(got) > len(x):
        return wrong("That is longer than the signal: cut the ends off as the exercise says.")
    if got.shape != x.shape:
        return wrong(f"For a signal of {len(x)} samples the result has the shape {got.shape}.")
    if np.allclose(got, x):
        return right("Nothing is lost until something is zeroed: that is why a DWT can denoise.")
    inside = slice(len(h) - 2, len(h) - 2 + len(x))
    forward = np.convolve(spread[0], h) + np.convolve(spread[1], g)
    if np.allclose(got, forward[inside]):
        return wrong("The filters run the wrong way: reverse them for the way back.")
    if np.allclose(got, back[inside]):
        return wrong("That is the part of the approximation: add the detail's.")
    if np.allclose(got, np.roll(full, 1)[inside]):
        return wrong("Shifted by one sample: the zero comes behind each number, not before it.")
    return wrong("Spread with zeros, convolve with h[::-1] and g[::-1], add, cut: in this order.")


CHECKS = {"1": mains_bands, "2": mains_in_europe, "3": white_noise, "4": undo_level}
