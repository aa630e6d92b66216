"""Synthetic records: seeded two-lead ECGs in MIT-BIH's own file format.

``python book/tools/synthetic.py FOLDER`` writes those of ``ecgkit/data/synthetic_records``, which
stand in where MIT-BIH cannot be had. A beat is a sum of Gaussian waves with textbook values
(the idea of McSharry et al., 2003, doi:10.1109/TBME.2003.808805); a rhythm is a sinus node that
atrial beats reset and ventricular beats do not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecgkit import InputError

VERSION = 1  # raised whenever the bytes would change
FS, LEADS = 360, ("MLII", "V1")
_SEED, _DURATION_S = 20240, 360
_N_SAMPLES = _DURATION_S * FS
_GAIN, _BASELINE, _ADC_BITS = 200, 1024, 11  # adu/mV, adu at 0 mV, as in MIT-BIH's headers

Array = NDArray[np.float64]
Rng = np.random.Generator


class _Patient(NamedTuple):
    heart_rate: float  # beats per minute, sinus rhythm, at rest
    conduction: str  # symbol of the sinus beats: N, or L and R for bundle branch block
    pvc: str  # the signs of the PVCs' QRS in MLII, one for each ventricular focus
    odds: dict[str, float]  # symbol -> chance that it takes the place of a sinus beat
    couplets: float = 0.0  # share of the PVCs that come in pairs
    bigeminy: float = 0.0  # share of the PVCs that open a run of every other beat


_PATIENTS = {
    "syn01": _Patient(72, "N", "+", {"A": 0.09, "V": 0.12, "F": 0.05}),
    "syn02": _Patient(88, "N", "+", {"A": 0.07, "V": 0.14, "F": 0.05}, couplets=0.10),
    "syn03": _Patient(66, "N", "+-", {"A": 0.04, "V": 0.12, "F": 0.05}, bigeminy=0.08),
    "syn04": _Patient(94, "N", "-", {"A": 0.08, "V": 0.12}),
    "syn05": _Patient(80, "L", "+", {"A": 0.06, "V": 0.10, "Q": 0.02}),
    "syn06": _Patient(68, "R", "+", {"A": 0.12, "J": 0.03, "V": 0.08, "F": 0.04}),
    "syn07": _Patient(98, "N", "+", {"A": 0.12, "J": 0.03, "V": 0.06}, couplets=0.10),
    "syn08": _Patient(74, "N", "+-", {"A": 0.05, "V": 0.12, "F": 0.05, "Q": 0.02}, bigeminy=0.08),
    "syn09": _Patient(62, "R", "+", {"A": 0.08, "V": 0.12, "F": 0.06}),
    "syn10": _Patient(78, "L", "+", {"A": 0.06, "V": 0.10}),
    "syn11": _Patient(86, "N", "+", {"A": 0.08, "V": 0.14, "F": 0.08}, couplets=0.15),
    "syn12": _Patient(58, "N", "+", {"A": 0.08, "j": 0.04, "V": 0.10, "F": 0.06}),
}

NAMES: tuple[str, ...] = tuple(_PATIENTS)  #: The odd ones play DS1, the even ones DS2.
FILES = tuple(f"{name}.{kind}" for name in NAMES for kind in ("hea", "dat", "atr"))


class _Beat(NamedTuple):
    r_s: float  # seconds from the start of the record
    symbol: str
    p_s: float = np.nan  # middle of the P wave, NaN if there is none
    focus: int = 0  # which of the patient's ventricular foci, for V and F


def write_records(directory: Path, names: Iterable[str] = NAMES) -> None:
    """Write synthetic records as WFDB files, ``.hea``, ``.dat`` and ``.atr``, to an empty folder.

    Each holds 6 minutes of MLII and V1 at 360 Hz, 200 adu/mV, 11 bits around 1024, as MIT-BIH's do,
    and one annotation per beat, after a ``+``. The bytes depend on name and `VERSION` only.
    """
    directory, names = Path(directory), list(names)
    if not directory.is_dir():
        raise InputError(f"{directory} is not a folder: create it before writing records to it.")
    if unknown := set(names) - set(NAMES):
        raise InputError(f"No synthetic record {unknown.pop()!r}: use {NAMES[0]} to {NAMES[-1]}.")
    if found := [path for path in directory.iterdir() if path.stem in names]:
        raise InputError(f"{found[0]} exists and is not overwritten: give an empty folder.")
    for name in names:
        _write(directory, name)


def _write(directory: Path, name: str) -> None:
    patient, number = _PATIENTS[name], NAMES.index(name) + 1
    # A generator of its own for each record: the others may be written or not, in any order.
    rng = np.random.Generator(np.random.PCG64([_SEED, number]))
    breath_hz = rng.uniform(0.18, 0.35)
    beats = _rhythm(patient, breath_hz, rng)
    clean_mv = _heartbeats(patient, beats, breath_hz, rng)
    # Each mark moves to the extremum of its QRS in MLII, at most 30 ms away.
    around = np.rint([beat.r_s * FS for beat in beats]).astype(int)[:, None] + np.arange(-11, 12)
    r_peaks = around[:, 0] + np.abs(clean_mv[around, 0]).argmax(axis=1)
    unclear_s = [beat.r_s for beat in beats if beat.symbol == "Q"]
    ecg_mv = clean_mv + _noise(breath_hz, unclear_s, rng)
    # Rounding to 1/200 mV swallows the last bits in which processors' exp and sin differ.
    adu = np.rint(_BASELINE + _GAIN * ecg_mv).clip(0, 2**_ADC_BITS - 1).astype(np.int64)
    leads = {"fmt": "212", "units": "mV", "file_name": f"{name}.dat", "block_size": 0}
    leads |= {"adc_gain": _GAIN, "baseline": _BASELINE, "adc_zero": _BASELINE, "adc_res": _ADC_BITS}
    about = f"SYNTHETIC record {number}/{len(NAMES)}, made by ecgkit.synthetic version {VERSION}."
    warning = "No patient was recorded. Figures obtained from it say nothing about patients."
    size = {"record_name": name, "n_sig": len(LEADS), "fs": FS, "sig_len": _N_SAMPLES}
    columns = {field: [value] * len(LEADS) for field, value in leads.items()}
    columns |= {"sig_name": list(LEADS), "comments": [about, warning]}
    record = wfdb.Record(d_signal=adu, **size, **columns)
    record.set_d_features()  # first values and checksums
    record.wrsamp(write_dir=str(directory))
    symbols, notes = ["+", *(beat.symbol for beat in beats)], ["(N"] + [""] * len(beats)
    samples = np.array([18, *r_peaks])  # 18: where MIT-BIH's first rhythm mark is, too
    wfdb.wrann(name, "atr", samples, symbols, aux_note=notes, write_dir=str(directory))


def _rhythm(patient: _Patient, breath_hz: float, rng: Rng) -> list[_Beat]:
    pr_s, coupling = rng.uniform(0.15, 0.19), rng.uniform(0.60, 0.72)
    breathing, drift = rng.uniform(0.02, 0.05), rng.uniform(0.02, 0.06)
    symbols, odds = [*patient.odds, patient.conduction], list(patient.odds.values())
    beats: list[_Beat] = []
    waiting: list[str] = [patient.conduction] * 3  # kinds already decided, next one first
    sinus_s = 0.0  # when the sinus node's last impulse reached, or would have, the ventricles
    while sinus_s < _DURATION_S:
        modulation = breathing * np.sin(2 * np.pi * breath_hz * sinus_s)
        modulation += drift * np.sin(2 * np.pi * sinus_s / 100)
        rr_s = 60 / patient.heart_rate * (1 + modulation + 0.01 * rng.standard_normal())
        kind = waiting.pop(0) if waiting else str(rng.choice(symbols, p=[*odds, 1 - sum(odds)]))
        if kind in "AJ":  # early, and the sinus node starts anew: less than a compensatory pause
            early_s = sinus_s + rr_s * rng.uniform(0.66, 0.90)
            beats.append(_Beat(early_s, kind, early_s - pr_s if kind == "A" else np.nan))
            sinus_s = early_s + 0.05 * rr_s  # the time that the impulse takes back to the node
        elif kind == "V":  # early; the node keeps time and its next impulse finds no exit
            early_s = sinus_s + rr_s * (coupling + 0.02 * rng.standard_normal())
            sinus_s += rr_s
            focus = int(rng.integers(len(patient.pvc)))
            beats.append(_Beat(early_s, "V", sinus_s - pr_s, focus))
            if rng.random() < patient.couplets:
                beats.append(_Beat(early_s + 0.65 * rr_s, "V", focus=focus))
            elif not waiting and rng.random() < patient.bigeminy:
                waiting = [patient.conduction, "V"] * int(rng.integers(3, 8))
        elif kind == "j":  # the node pauses; the junction steps in
            sinus_s += 1.4 * rr_s
            beats.append(_Beat(sinus_s, "j"))
        else:  # a sinus beat, alone (N, L, R), in an artefact (Q) or met by a ventricular one (F)
            sinus_s += rr_s
            ahead_s = rng.uniform(0, 0.02) if kind == "F" else 0.0
            beats.append(_Beat(sinus_s - ahead_s, kind, sinus_s - pr_s))
        if kind != patient.conduction and not waiting:
            waiting = [patient.conduction] * 2  # so that the intervals around it are a sinus node's
    return [beat for beat in beats if beat.r_s < _DURATION_S - 0.1]


# A wave is a row: middle (s after R), sd before and after its middle (s), height in MLII, V1 (mV).
def _sinus_waves(patient: _Patient, rng: Rng) -> tuple[Array, Array]:
    """Draw the patient's P wave, one row, and QRS, ST and T, five rows."""
    axis = np.deg2rad(rng.uniform(25, 85))  # of the QRS in the frontal plane; lead II looks from 60
    r_mv = rng.uniform(1.1, 1.6) * np.cos(axis - np.pi / 3)
    s_mv, v1_mv = rng.uniform(0.12, 0.35), rng.uniform(0.6, 1.2)
    t_mv, st_mv = rng.uniform(0.18, 0.40), rng.uniform(-0.04, 0.05)
    q = [-0.026, 0.008, 0.008, -rng.uniform(0.04, 0.12), 0.25 * v1_mv]
    sd = rng.uniform(0.010, 0.013)
    if patient.conduction == "L":  # slow and slurred R, no Q, T against the QRS; QS in V1
        q[3:] = [0.0, 0.0]
        r = [0.0, 0.016, 0.018, r_mv, -v1_mv]
        s = [0.050, 0.014, 0.016, 0.25 * r_mv, -0.6 * v1_mv]
        st_mv, t_mv, t_v1_mv = -0.10, -t_mv, 0.35
    elif patient.conduction == "R":  # R as ever, then a slow S; the second R of V1
        r = [0.0, sd, sd, r_mv, -0.3 * v1_mv]
        s = [0.058, 0.017, 0.024, -s_mv - 0.1, 0.8 * v1_mv]
        t_v1_mv = -0.2
    else:
        r = [0.0, sd, 1.1 * sd, r_mv, -0.8 * v1_mv]
        s = [0.030, 0.009, 0.011, -s_mv, -0.1 * v1_mv]
        t_v1_mv = rng.uniform(-0.1, 0.15)
    st = [0.13, 0.040, 0.050, st_mv, -0.5 * st_mv]
    t = [0.29, 0.055, 0.038, t_mv, t_v1_mv]  # climbs more slowly than it falls
    p = [0.0, 0.018, 0.021, rng.uniform(0.06, 0.14), rng.uniform(0.02, 0.08)]
    return np.array([p]), np.array([q, r, s, st, t])


def _pvc_waves(sign: str, rng: Rng) -> Array:
    """Draw a ventricular focus: QRS of 0.13-0.17 s, T of the opposite sign, four rows."""
    main_mv = rng.uniform(1.6, 2.3) * (1 if sign == "+" else -1)
    v1_mv, sd = rng.uniform(0.9, 1.5) * rng.choice([-1, 1]), rng.uniform(0.024, 0.029)
    onset = [-0.055, 0.014, 0.016, rng.uniform(-0.1, 0.2) * main_mv, 0.1 * v1_mv]
    main = [0.0, sd, sd, main_mv, v1_mv]
    end = [0.090, 0.022, 0.030, -rng.uniform(0.10, 0.25) * main_mv, 0.2 * v1_mv]
    t = [0.25, 0.090, 0.055, -rng.uniform(0.25, 0.40) * main_mv, -0.35 * v1_mv]
    return np.array([onset, main, end, t])


def _heartbeats(patient: _Patient, beats: list[_Beat], breath_hz: float, rng: Rng) -> Array:
    """Add up the waves of each beat, without noise: (n samples, 2 leads) in mV."""
    p_wave, sinus = _sinus_waves(patient, rng)
    pvcs = [_pvc_waves(sign, rng) for sign in patient.pvc]
    ectopic_p = rng.uniform(-0.3, 1.3)  # the P wave of another place in the atria
    rr_s = np.diff([beat.r_s for beat in beats], prepend=beats[0].r_s - 60 / patient.heart_rate)
    rows: list[Array] = []
    for beat, rr in zip(beats, rr_s, strict=True):
        swing = 1 + 0.04 * np.sin(2 * np.pi * breath_hz * beat.r_s)  # the heart turns in breathing
        qt = np.cbrt(np.clip(rr, 0.5, 1.2) / 0.8)  # QT follows the interval: Fridericia
        share = {"V": 1.0, "F": rng.uniform(0.2, 0.6)}.get(beat.symbol, 0.0)
        for waves, part, sd in ((sinus, 1 - share, 0.03), (pvcs[beat.focus], share, 0.08)):
            height, width = part * swing * rng.normal(1, sd), rng.normal(1, sd / 2)
            if part:
                rows.append(_place(waves, beat.r_s, height, width, qt))
        if not np.isnan(beat.p_s):
            height = rng.normal(ectopic_p if beat.symbol == "A" else 1, 0.2)
            rows.append(_place(p_wave, beat.p_s, swing * height))
    waves = np.concatenate(rows)
    middle, before, after = (waves[:, [column]] * FS for column in range(3))  # (waves, 1) each
    reach = int(4 * max(before.max(), after.max()))
    samples = np.rint(middle).astype(int) + np.arange(-reach, reach + 1)  # (waves, 2 reach + 1)
    bumps = np.exp(-0.5 * ((samples - middle) / np.where(samples < middle, before, after)) ** 2)
    inside = (samples >= 0) & (samples < _N_SAMPLES)
    leads = [(bumps * waves[:, [column]])[inside] for column in (3, 4)]
    return np.stack([np.bincount(samples[inside], lead, _N_SAMPLES) for lead in leads], axis=1)


def _place(waves: Array, at_s: float, height: float, width: float = 1, qt: float = 1) -> Array:
    """Move waves to a time and stretch them; the last row, T, moves with QT, too."""
    placed = waves * [width, width, width, height, height]
    placed[-1, 0] *= qt
    placed[:, 0] += at_s
    return placed


def _band(low_hz: float, high_hz: float, rng: Rng) -> Array:
    """Draw Gaussian noise of unit variance within a band of frequencies."""
    spectrum, hz = np.fft.rfft(rng.standard_normal(_N_SAMPLES)), np.fft.rfftfreq(_N_SAMPLES, 1 / FS)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0
    noise = np.fft.irfft(spectrum, _N_SAMPLES)
    return noise / noise.std()


def _swells(at_s: Iterable[float], sd_s: float) -> Array:
    """Add up Gaussian bells of height 1."""
    time_s = np.arange(_N_SAMPLES) / FS
    return np.sum([np.exp(-0.5 * ((time_s - at) / sd_s) ** 2) for at in at_s] or [0 * time_s], 0)


def _noise(breath_hz: float, unclear_s: list[float], rng: Rng) -> Array:
    """Baseline wander, mains, muscle, and electrode motion that makes beats unclear: mV."""
    turns = 2 * np.pi * np.arange(_N_SAMPLES) / FS  # of 1 Hz, in radians
    leads = []
    for _ in LEADS:
        wander = rng.uniform(0.03, 0.10) * np.sin(breath_hz * turns + rng.uniform(0, 2 * np.pi))
        wander += rng.uniform(0.05, 0.15) * _band(0.005, 0.12, rng)
        mains = rng.uniform(0.006, 0.020) * np.sin(60 * turns)
        mains *= 1 + 0.3 * np.sin(turns / rng.uniform(40, 90))
        effort = _swells(rng.uniform(0, _DURATION_S, 8), rng.uniform(1, 4))
        muscle = rng.uniform(0.010, 0.020) * (1 + 2 * effort) * _band(20, 120, rng)
        leads.append(wander + mains + muscle)
    jolts_s = rng.uniform(0, _DURATION_S, int(rng.integers(1, 3)))
    jolts = _swells(jolts_s, 0.30) + 3 * _swells(unclear_s, 0.12)
    motion = 0.3 * jolts * _band(1, 10, rng)  # one electrode is part of both leads
    return np.stack([leads[0] + motion, leads[1] + 0.7 * motion], axis=1)


if __name__ == "__main__":
    write_records(Path(sys.argv[1]))
