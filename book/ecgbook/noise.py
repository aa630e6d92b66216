"""Real noise in measured amounts, as WFDB's ``nst`` adds it to recordings.

The noise is that of the MIT-BIH Noise Stress Test Database (Moody, Muldrow and Mark 1984); the
rules are those of ``nst(1)`` and ``sigamp(1)`` in the WFDB Applications Guide.
"""

import math
import os
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ecgkit import InputError
from ecgkit.data.sources import SourceNotFound, find_source

FS = 360
KINDS = {"bw": "baseline wander", "ma": "muscle artefact"}
NORMAL_QRS = tuple("NLRBaJASjen/fQ")  # sigamp measures these: all beats but V, E, r, F and ?
SYNTHETIC_BANNER = (
    "SYNTHETIC NOISE: PhysioNet's noise records are neither on this machine nor within reach, so "
    "random noise in about the same frequencies stands in for them."
)
_BANDS_HZ = {"bw": (0.05, 1.0), "ma": (5.0, 150.0)}
_SECONDS = 300  # sigamp measures at most this many seconds, or QRS complexes
_REACH_SAMPLES, _TRIM = round(0.05 * FS), 0.05

Signal = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Noise to add to recordings: kind to signal, at 360 Hz and in arbitrary units."""

    signals: dict[str, Signal]
    is_synthetic: bool


def find_noise(synthetic: bool = False) -> Noise:
    """Find the noise records, or draw ``synthetic`` noise, as ``ECGKIT_SOURCE`` may ask for, too.

    Synthetic noise also stands in, with a warning, where the records are nowhere to be had.
    """
    if not synthetic and os.environ.get("ECGKIT_SOURCE") != "synthetic":
        try:
            source = find_source("nstdb", download=True)
            leads = {kind: source.read(kind).signals[:, 0] for kind in source.records}
            return Noise({kind: x.astype(np.float64) for kind, x in leads.items()}, False)
        except SourceNotFound:
            warnings.warn(SYNTHETIC_BANNER, stacklevel=2)
    return Noise({kind: synthetic_noise(kind) for kind in _BANDS_HZ}, is_synthetic=True)


def synthetic_noise(kind: str, n_samples: int = 650_000) -> Signal:
    """Draw Gaussian noise in the frequencies of a key of :data:`KINDS`, always the same."""
    rng = np.random.default_rng(list(KINDS).index(kind))
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / FS)
    low, high = _BANDS_HZ[kind]
    spectrum[(hz < low) | (hz > high)] = 0
    return np.fft.irfft(spectrum, n_samples)


def qrs_amplitude(
    signal: NDArray[np.floating], r_peaks: NDArray[np.integer], symbols: NDArray[np.str_]
) -> float:
    """Measure the QRS complexes of a lead from peak to peak, as ``sigamp -a`` does.

    Each within 50 ms of the R peak; the mean of the first 300 beats of :data:`NORMAL_QRS` without
    the largest and smallest 5 %. InputError if there is no such beat.

    >>> spike = np.zeros(720)
    >>> spike[350:360], spike[360:370] = -0.5, 1.0
    >>> qrs_amplitude(spike, np.array([360]), np.array(["N"]))
    1.5
    """
    r = r_peaks[np.isin(symbols, NORMAL_QRS)]
    r = r[(r >= _REACH_SAMPLES) & (r + _REACH_SAMPLES < len(signal))][:_SECONDS]
    if not len(r):
        raise InputError("No normal QRS complex is annotated: give a recording that has some.")
    windows = signal[r[:, None] + np.arange(-_REACH_SAMPLES, _REACH_SAMPLES + 1)]  # (n, 37)
    return float(stats.trim_mean(np.ptp(windows, axis=1), _TRIM))


def noise_rms(noise: Signal) -> float:
    """Measure noise as ``sigamp`` does: its RMS around the mean of each of the first 300 seconds.

    It is their mean without the largest and smallest 5 %.

    >>> noise_rms(np.tile([3.0, -1.0], 180 * 10))
    2.0
    """
    seconds = noise[: min(len(noise) // FS, _SECONDS) * FS].reshape(-1, FS)
    return float(stats.trim_mean(seconds.std(axis=1), _TRIM))


def gain(amplitude_mv: float, rms: float, snr_db: float) -> float:
    """Factor that brings noise to a signal-to-noise ratio.

    Solves ``SNR = 10 log10(S / (N a**2))`` for a, with ``S = amplitude**2 / 8``, the power of a
    sinusoid of that peak-to-peak amplitude, and ``N = rms**2``.

    >>> round(gain(math.sqrt(8), 1.0, 0), 6), round(gain(math.sqrt(8), 1.0, 20), 6)
    (1.0, 0.1)
    """
    return amplitude_mv / math.sqrt(8) / rms * 10 ** (-snr_db / 20)
