"""Checks of page 02, wavelet denoising."""

from typing import Any

import numpy as np
import pywt

from ecgbook.exercises import Array, expect, expect_function, expect_names
from ecgkit.data import denoising

second_level = expect(
    [16, 12, -6, 2],
    [
        ([8, 6, -3, 1], "Those are means: the level divides sums and differences by √2."),
        ([22.63, 16.97, -8.49, 2.83], "Divide by √2 at this level, too."),
        ([16, 12, 6, -2], "The sums are right. The difference is the first minus the second."),
        ([-6, 2, 16, 12], "Right, but give the approximation first."),
    ],
    praise="The squares add up again: 256 + 144 + 36 + 4 = 440.",
    otherwise="(10/√2 + 22/√2) / √2 is the first number.",
    within=0.05,
)

mains_bands = expect_names(
    ["D2", "D3"],
    [
        (["D3", "D4"], "D1 reaches up to *half* of the sampling rate, not higher."),
        (["D2", "D2"], "That is the band at 360 Hz: the edges move with the sampling rate."),
    ],
    praise="60 Hz lies beside an edge: zeroing D1 and D2 would leave over half of it at 500 Hz.",
    otherwise="D1 is the upper half of what lies below fs / 2; halve until 60 Hz is inside.",
)


def _parts(x: Array, *_: Array) -> Array:
    a, d = pywt.dwt(x, "db6")
    return np.array([pywt.idwt(a, None, "db6"), pywt.idwt(None, d, "db6")])


_signal = np.random.default_rng(2).normal(size=20_000)
parts = expect_function(
    _parts,
    [(_signal[:64], *map(np.array, pywt.Wavelet("db6").filter_bank[:2]))],
    [
        (lambda *given: _parts(*given)[::-1], "The part of the approximation comes first."),
        (lambda x, *_: np.array(pywt.dwt(x, "db6")), "Those are a and d: bring each back alone."),
        (lambda x, *_: np.array([x, x]), "Each part is x itself: set the other one to zero."),
    ],
    praise="Synthesis is linear: the parts of a and d add up to the signal.",
    otherwise="Analyse x; then synthesise (a, zeros) and (zeros, d).",
)


def _denoise(x: Array, wavelet: str, level: int, zeroed: Any) -> Array:
    return denoising.denoise(x, zeroed, level, wavelet)


denoise_with = expect_function(
    _denoise,
    [(_signal, "db2", 7, ("A7", "D3")), (_signal, "haar", 5, ("D1",))],
    [
        (lambda x, w, n, z: _denoise(x, "db6", n, z), "The filters are still those of db6."),
        (lambda x, w, n, z: _denoise(x, w, n, ()), "No band is set to zero."),
    ],
    praise="Your function denoises with any orthogonal wavelet and number of levels.",
    otherwise="Take the filters of the wavelet, then wavedec, zeroing, waverec, and cut to len(x).",
    within=1e-6,
)

CHECKS = {"1": second_level, "2": parts, "3": mains_bands, "4": denoise_with}
