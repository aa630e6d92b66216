"""Noise stress: real noise added to a recording in measured amounts, as WFDB's ``nst`` does it.

The noise is that of the MIT-BIH Noise Stress Test Database (Moody, Muldrow and Mark 1984): half an
hour each of baseline wander (``bw``) and muscle artefact (``ma``), recorded from people who moved,
with electrodes where the heart is not seen. Its third record, electrode motion, is left out here.
Rules: WFDB Applications Guide, ``nst(1)`` and ``sigamp(1)``, by whose source they were checked.
"""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray
from scipy import stats

from ecgkit import InputError, physionet

FS = 360
"""Samples per second of MIT-BIH and of its noise records."""

KINDS = {"bw": "baseline wander", "ma": "muscle artefact"}
"""Record of the noise -> what is in it."""

SHA256 = {
    "bw.dat": "15f68280aba8b006f5497c14da44b558e68caaabc2afc5c4b710eea779b7512c",
    "bw.hea": "90748bcf16d08fb563380958654d3306a4b63230d0f84aac742d27a2ad24571e",
    "ma.dat": "40bda613a3e65adb277df1b72f8a41d2c1c2e0131ea4ec1e03cf1e2cd68199c4",
    "ma.hea": "58e8b571fd24b00922f5735919481900bdcb6d5b080d7e81a291c8808aa05cb9",
}
"""File -> SHA-256, of version 1.0.0."""

SNRS_DB = (24, 18, 12, 6, 0, -6)
"""Signal-to-noise ratios of the database's own test records."""

NORMAL_QRS = tuple("NLRBaJASjen/fQ")
"""Symbols of the beats whose QRS complex ``sigamp`` measures: all but V, E, r, F and ``?``."""

SYNTHETIC_BANNER = (
    "SYNTHETIC NOISE: PhysioNet's noise records are neither on this machine nor within reach, so "
    "the computer draws noise. It fills about the same frequencies and shares nothing else with "
    "the real one. For that set ECGKIT_NOISE to a directory that holds bw and ma of the MIT-BIH "
    "Noise Stress Test Database 1.0.0."
)

_N_SAMPLES, _CHUNKS = 650_000, 300
_BANDS_HZ = {"bw": (0.05, 1.0), "ma": (5.0, 150.0)}
_REACH = round(0.05 * FS)
_TRIM = 0.05

Signal = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Noise to add to recordings.

    Attributes
    ----------
    source
        ``"nstdb"`` or ``"synthetic"``.
    signals
        A key of :data:`KINDS` -> shape (samples,), 360 Hz, in a unit of its own: what is added is
        scaled anyway.
    """

    source: str
    signals: dict[str, Signal]

    @property
    def is_synthetic(self) -> bool:
        """Whether the noise is computer-made."""
        return self.source == "synthetic"


def find(synthetic: bool = False, download: bool = True) -> Noise:
    """Find the noise records, fetching them where they are not yet on this machine.

    They are looked for in the directory named by ``ECGKIT_NOISE``, which has to hold them; in a
    directory ``nstdb`` beside the one of ``ECGKIT_DATA``; in the per-user cache; at PhysioNet.
    Where none of these has them, noise of the same kind is drawn, with a warning.

    Parameters
    ----------
    synthetic
        Draw the noise and look nowhere, as ``ECGKIT_SOURCE=synthetic`` asks, too.
    download
        False looks on this machine alone.

    Raises
    ------
    InputError
        If ``ECGKIT_NOISE`` names a directory where a file is missing or differs, or a download
        breaks off.
    """
    if synthetic or os.environ.get("ECGKIT_SOURCE") == "synthetic":
        return Noise("synthetic", {kind: made_up(kind) for kind in KINDS})
    directory = _directory(download)
    if directory is None:
        warnings.warn(SYNTHETIC_BANNER, stacklevel=2)
        return find(synthetic=True)
    return Noise("nstdb", {kind: _read(directory / kind) for kind in KINDS})


def _directory(download: bool) -> Path | None:
    """Name a directory that holds the noise records, or None."""
    if given := os.environ.get("ECGKIT_NOISE"):
        directory = Path(given).expanduser()
        if wrong := physionet.wrong_files(directory, SHA256):
            raise InputError(
                f"{wrong[0]} is missing from {directory}, which ECGKIT_NOISE names, or differs "
                f"({len(wrong)} of {len(SHA256)} files). Fetch bw and ma of the MIT-BIH Noise "
                "Stress Test Database 1.0.0 again, or unset ECGKIT_NOISE."
            )
        return directory
    cached = physionet.cache_directory() / "nstdb-1.0.0"
    places = [cached]
    if data := os.environ.get("ECGKIT_DATA"):
        places.insert(0, Path(data).expanduser().resolve().parent / "nstdb")
    for place in places:
        if not physionet.wrong_files(place, SHA256):
            return place
    address = physionet.address_that_answers() if download else None
    if address is None:
        return None
    wrong = physionet.wrong_files(cached, SHA256)
    physionet.fetch(wrong, cached, address.replace("mitdb", "nstdb"), SHA256, "MIT-BIH's noise")
    return cached


def _read(path: Path) -> Signal:
    """Read the first of a noise record's two signals, shape (samples,)."""
    signals, _ = wfdb.rdsamp(str(path), channels=[0])
    return signals[:, 0]


def made_up(kind: str, n_samples: int = _N_SAMPLES) -> Signal:
    """Draw noise of a kind: Gaussian, within the frequencies that noise of the kind fills.

    Parameters
    ----------
    kind
        ``"bw"`` (0.05 to 1 Hz) or ``"ma"`` (5 to 150 Hz).
    n_samples
        How long it is.

    Returns
    -------
    Shape (n_samples,), the same in each call.
    """
    rng = np.random.default_rng(list(KINDS).index(kind))
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / FS)
    low, high = _BANDS_HZ[kind]
    spectrum[(hz < low) | (hz > high)] = 0
    return np.fft.irfft(spectrum, n_samples)


def qrs_amplitude(
    signal: NDArray[np.floating], r_peaks: NDArray[np.integer], symbols: NDArray[np.str_]
) -> float:
    """Measure a recording's QRS complexes, peak to peak, as ``sigamp -a`` does.

    Parameters
    ----------
    signal
        Shape (samples,), one lead, in mV.
    r_peaks, symbols
        Shape (beats,): sample numbers and the annotator's symbols.

    Returns
    -------
    Mean over the first 300 beats of :data:`NORMAL_QRS`, the largest and smallest twentieth left
    out; each measured from 50 ms before to 50 ms after the mark. In mV.

    Raises
    ------
    InputError
        If there is no such beat.

    Examples
    --------
    >>> spike = np.zeros(720)
    >>> spike[350:360], spike[360:370] = -0.5, 1.0
    >>> qrs_amplitude(spike, np.array([360]), np.array(["N"]))
    1.5
    """
    r = r_peaks[np.isin(symbols, NORMAL_QRS)]
    r = r[(r >= _REACH) & (r + _REACH < len(signal))][:_CHUNKS]
    if not len(r):
        raise InputError("No normal QRS complex is marked: the signal's size cannot be measured.")
    windows = np.asarray(signal)[r[:, None] + np.arange(-_REACH, _REACH + 1)]  # (beats, 37)
    return float(stats.trim_mean(np.ptp(windows, axis=1), _TRIM))


def rms(noise: Signal) -> float:
    """Measure a noise signal, as ``sigamp`` does without annotations.

    Returns
    -------
    Root mean square around the mean of each of the first 300 seconds, and of these the mean, the
    largest and smallest twentieth left out. Wander slower than a second hardly counts: an average
    of it is little trouble to a detector.

    Examples
    --------
    >>> rms(np.tile([3.0, -1.0], 180 * 10))
    2.0
    """
    seconds = noise[: min(len(noise) // FS, _CHUNKS) * FS].reshape(-1, FS)
    return float(stats.trim_mean(seconds.std(axis=1), _TRIM))


def gain(amplitude_mv: float, noise_rms: float, snr_db: float) -> float:
    """Say by which factor noise is multiplied to reach a signal-to-noise ratio.

    Solves ``SNR = 10 log10(S / (N a**2))`` for a, with the power ``S = amplitude**2 / 8`` that a
    sinusoid of that peak-to-peak amplitude has, and ``N = rms**2``.

    Parameters
    ----------
    amplitude_mv
        From :func:`qrs_amplitude`.
    noise_rms
        From :func:`rms`.
    snr_db
        The ratio wanted, in dB.

    Examples
    --------
    >>> round(gain(math.sqrt(8), 1.0, 0), 6), round(gain(math.sqrt(8), 1.0, 20), 6)
    (1.0, 0.1)
    """
    return amplitude_mv / math.sqrt(8) / noise_rms * 10 ** (-snr_db / 20)


def noisy_samples(n_samples: int, first_s: float = 300, turn_s: float = 120) -> NDArray[np.bool_]:
    """Say which samples get noise: none at first, then noise and none in turn.

    Parameters
    ----------
    n_samples
        Length of the recording.
    first_s, turn_s
        Seconds without noise at the beginning, and of each stretch after that; ``nst`` takes five
        and two minutes.

    Returns
    -------
    Bool, shape (n_samples,).
    """
    turn = (np.arange(n_samples) - round(first_s * FS)) // round(turn_s * FS)
    return (turn >= 0) & (turn % 2 == 0)


def track(noise: Signal, noisy: NDArray[np.bool_]) -> Signal:
    """Lay noise along a recording, without steps where it begins and ends.

    As in ``nst`` the noise runs on under stretches that get none, an offset takes up each step, so
    that after a noisy stretch the line stays where it came to, and noise that ends too soon begins
    again.

    Parameters
    ----------
    noise
        Shape (any,).
    noisy
        From :func:`noisy_samples`.

    Returns
    -------
    Shape of ``noisy``: what is added to the recording, times :func:`gain`.

    Examples
    --------
    >>> track(np.array([5.0, 6, 8, 7, 9]), np.array([0, 1, 1, 0, 0], dtype=bool)).tolist()
    [0.0, 1.0, 3.0, 3.0, 3.0]
    """
    steps = np.resize(np.diff(noise, prepend=noise[0]), len(noisy))
    return np.cumsum(steps * noisy)
