"""The channels of a recording: what their names mean, and which of them is read."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError

Signal = NDArray[np.float32]  # (samples,)

RAW = "raw"  # unit of a converter's integers without a gain
TRAINED_ON = ("MLII", "II")  # leads like the one that the published weights were trained on

_VOLTS = re.compile(r"\W*(?:(m|milli)|(u|µ|μ|micro))?v(?:olts?)?\W*", re.I).fullmatch
_LEAD = r"(?:.*\b(?:ECG|EKG)\W*)?(?:(LEAD|ABLEITUNG|DERIVATION|D|ML)\W*)?"
_LIMB = re.compile(rf"{_LEAD}(I{{1,3}}|[123])").fullmatch
_ELECTRODES = {"LA-RA": "I", "LL-RA": "II", "LL-LA": "III"}
STANDARD = re.compile(
    r"(ML)?I{1,3}|AV[RLF]|M?V\d?R?|V[XYZ]|ML\d|M?CL\d|C[MCSB]\d|(ECG|EKG)\W?\d?"
).fullmatch
_OTHER = re.compile(  # sensors beside an ECG, and what is derived from one
    r"(?<![a-z])((acc|gyr|mag|temp|puls|plet|ppg|resp|thor|abdo|bat|stat|event|mark|trig|label|"
    r"annot|class|qual|heart\W?rate|rate)[a-z]*|hr|bpm|rr|ibi|rsp|s[pa]o2|eda|gsr|emg|eeg|eog|art|"
    r"[anp]i?bp|pap|icp|cvp|flow|light|lux)(?![a-z])",
    re.I,
).search


class Channel(NamedTuple):
    """One signal of a file, read once it is chosen."""

    lead: str
    unit: str | None  # RAW, or None, as the rate, where the file states none
    fs: float | None  # Hz
    read: Callable[[], Signal]  # the whole signal, in its unit; ValueError if it is damaged


def plain_lead(name: str) -> str:
    """Return a lead's standard name in capitals, or what is most like one.

    >>> [plain_lead(name) for name in ("ECG_Lead_II [mV]", "DII", "ML2", "lead1", "ecg v5", "ECG1")]
    ['II', 'II', 'MLII', 'I', 'V5', 'ECG1']
    """
    plain = re.sub(r"[\[(].*|[\s_]+([mu]V|24BIT.*|CAL)$", "", name.upper(), flags=re.I)
    plain = re.sub(r"[\s_]+", " ", plain).strip()
    if (limb := _LIMB(plain)) and (limb[1] or limb[2][0] == "I"):  # ECG2 is the second channel
        number = "I" * int(limb[2]) if limb[2].isdigit() else limb[2]
        return f"ML{number}" if limb[1] == "ML" else number
    short = re.sub(r"^(.*\b(ECG|EKG)\b)?\W*(LEAD\b)?\W*", "", plain)
    return _ELECTRODES.get(short, short or plain)


def millivolts(unit: str) -> float | None:
    """Return what a unit is in mV; None of what is no voltage."""
    found = _VOLTS(unit)
    return None if not found else 1.0 if found[1] else 1e-3 if found[2] else 1e3


def pick_lead(channels: list[Channel], wanted: str | None, path: Path) -> Channel:
    """Return the lead wanted, or the one that is most likely an ECG like the weights' own.

    An ECG has the name of one, else a unit in volts. Of leads other than MLII and II the first is
    taken with a warning; InputError if `wanted` is not there, or if several can be the ECG.
    """
    if len(channels) > 1:
        names = [c.lead or f"channel {i}" for i, c in enumerate(channels, 1)]
        names = [x if x not in names[:i] else f"{x} ({i + 1})" for i, x in enumerate(names)]
        channels = [c._replace(lead=x) for c, x in zip(channels, names, strict=True)]
    listed = ", ".join(c.lead for c in channels[:20]) + (", ..." if len(channels) > 20 else "")
    if wanted and wanted != "first":
        same = [c for c in channels if c.lead == wanted]
        same += [c for c in channels if plain_lead(c.lead) == plain_lead(wanted)]
        if not same:
            raise InputError(f"{path} has no lead {wanted!r}: name one of {listed}, or 'first'.")
        return same[0]
    standard = {c.lead for c in channels if STANDARD(plain_lead(c.lead))}
    possible = [c for c in channels if not _OTHER(c.lead)]
    ecg = {c.lead for c in possible if re.search("ecg|ekg", c.lead, re.I)} | standard
    likely = (
        (channels[:1] if wanted else [])
        or [c for c in channels if c.lead in ecg]
        or [c for c in possible if c.unit and millivolts(c.unit)]
        or [c for c in possible if c.unit in (None, RAW)]
    )
    for name in TRAINED_ON:
        if same := [c for c in likely if plain_lead(c.lead) == name]:
            if (n := len(same)) > 1:
                warnings.warn(f"{path} has {n} leads {name}: the first is read.", stacklevel=3)
            return same[0]
    if not likely:
        raise InputError(f"{path} has no ECG by its channels' names and units: {listed or 'none'}.")
    if len(likely) > 1 and not standard.issuperset(c.lead for c in likely):
        raise InputError(f"{path} has several channels that can be an ECG: --lead one of {listed}.")
    if len(channels) > 1:
        taken = f"lead {likely[0].lead} is read; --lead chooses another of {listed}"
        warnings.warn(f"{path}: {taken}.", stacklevel=3)
    return likely[0]
