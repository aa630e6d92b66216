"""Checks of page 02, denoising."""

from functools import partial
from typing import Any

import numpy as np
import pywt

from ecgbook.exercises import Array, compare, compare_names, expect, expect_function
from ecgbook.page import Verdict
from ecgkit.data import denoising


def mains_bands(answer: Any) -> Verdict:
    """Bands that hold 60 Hz at sampling rates of 250 and 500 Hz."""
    mistakes = [
        (["D1", "D2"], "D1 reaches up to *half* of the sampling rate, not higher."),
        (["D2", "D2"], "That is the band at 360 Hz: the edges move with the sampling rate."),
    ]
    return compare_names(
        [str(name).upper() for name in answer],
        ["D2", "D3"],
        mistakes,
        praise="At 500 Hz, zeroing D1 and D2 would leave the mains in the signal.",
        otherwise="D1 is the upper half of what lies below fs / 2; halve until 60 Hz is inside.",
    )


def mains_in_europe(answer: Any) -> Verdict:
    """Change of the power of a 50 Hz tone by the default denoising, in dB."""
    tone = np.sin(2 * np.pi * 50 * np.arange(120 * 360) / 360)
    inner = slice(20 * 360, -20 * 360)
    share = np.mean(denoising.denoise(tone)[inner] ** 2) / np.mean(tone[inner] ** 2)
    db = 10 * np.log10(share)
    mistakes = [
        (-db, "The size is right. A loss is negative, as -3 for half the power."),
        (2 * db, "That is 20 log10 of a share of *power*: for power the factor is 10."),
        (share, "That is the share of the power that stays: take 10 log10 of it."),
    ]
    return compare(
        answer,
        db,
        mistakes,
        praise="More than a quarter of the power stays: 50 Hz is near D2's lower edge.",
        otherwise="Divide the tone's mean square after denoising by that before; take 10 log10.",
        within=0.2,
    )


_kept = np.array([1 / 2, 1 / 8]) - 0.5**9  # A9 is the lowest 2^-9 of all frequencies
white_noise = expect(
    _kept,
    [
        (1 - _kept, "Those are the shares *removed*: give the shares let through."),
        ([0.8, 0.6], "The ten bands differ in width: D1 alone is half of all frequencies."),
    ],
    praise="Each octave holds twice the noise of the one below: D1 and D2 hold most of it.",
    otherwise="Divide the width of the bands that are kept, in Hz, by 180 Hz.",
    within=0.004,
)


def _undo(a: Array, d: Array, h: Array, g: Array, turn: int = -1) -> Array:
    """Invert one level; ``turn`` puts a mistake in."""
    spread = np.zeros((2, 2 * len(a)))
    spread[:, ::2] = a, d
    full = np.convolve(spread[0], h[::turn]) + np.convolve(spread[1], g[::turn])
    return full[len(h) - 2 :][: 2 * len(a) - len(h) + 2]


_signal = np.random.default_rng(2).normal(size=64)
undo_level = expect_function(
    _undo,
    [(*pywt.dwt(_signal, "db6"), *map(np.array, pywt.Wavelet("db6").filter_bank[:2]))],
    [
        (partial(_undo, turn=1), "The filters run in the wrong direction: reverse both."),
        (lambda a, d, h, g: _undo(a, 0 * d, h, g), "Add the part of the detail."),
    ],
    praise="The transform loses nothing. Only zeroing a band removes something.",
    otherwise="Spread with zeros, convolve with h[::-1] and g[::-1], add, cut: in this order.",
)

CHECKS = {"1": mains_bands, "2": mains_in_europe, "3": white_noise, "4": undo_level}
