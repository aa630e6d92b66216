"""Names of leads: what they mean, and which of a recording's channels is read."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from ecgkit import InputError
from ecgkit.apply.signal_file import Channel

MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "v": 1e3}  # one of each unit
TRAINED_ON = ("MLII", "II")  # leads like the one that the published weights were trained on

_LEAD = r"(?:.*\b(?:ECG|EKG)\W*)?(?:(LEAD|ABLEITUNG|DERIVATION|D|ML)\W*)?"
_LIMB = re.compile(rf"{_LEAD}(I{{1,3}}|[123])").fullmatch
_ELECTRODES = {"LA-RA": "I", "LL-RA": "II", "LL-LA": "III"}
_STANDARD = re.compile(
    r"(ML)?I{1,3}|AV[RLF]|M?V\d?R?|V[XYZ]|ML\d|M?CL\d|C[MCSB]\d|(ECG|EKG)\W?\d?"
).fullmatch
_OTHER = re.compile(  # sensors beside an ECG, and what is derived from one
    r"(?<![a-z])((acc|gyr|mag|temp|puls|plet|ppg|resp|thor|abdo|bat|stat|event|mark|trig|label|"
    r"annot|class|qual|heart\W?rate|rate)[a-z]*|hr|bpm|rr|ibi|rsp|s[pa]o2|eda|gsr|emg|eeg|eog|art|"
    r"[anp]i?bp|pap|icp|cvp|flow|light|lux)(?![a-z])",
    re.I,
).search


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


def unit_word(unit: str) -> str:
    """Return a unit in small ASCII letters, abbreviated: ``"uv"`` for ``(µV)``."""
    word = unit.strip("()[]'\" ").lower().replace("µ", "u").replace("μ", "u")
    word = re.sub(r"^milli", "m", re.sub(r"^micro", "u", word))
    return re.sub(r"v(olts?)?$", "v", word)


def pick_lead(channels: list[Channel], wanted: str | None, path: Path) -> Channel:
    """Return the lead wanted, or the one that is most likely an ECG like the weights' own.

    Of ECG leads other than MLII and II the first is taken with a warning; InputError if `wanted` is
    not there, or if several channels can be the ECG.
    """
    if len(channels) > 1:
        channels = [c._replace(lead=c.lead or f"channel {i}") for i, c in enumerate(channels, 1)]
    listed = ", ".join(channel.lead for channel in channels[:20])
    listed += ", ..." if len(channels) > 20 else ""
    if not channels:
        raise InputError(f"{path} has no signal: record or export it again.")
    if wanted not in (None, "first"):
        same = [c for c in channels if c.lead == wanted] or [
            c for c in channels if plain_lead(c.lead) == plain_lead(wanted)
        ]
        if not same:
            raise InputError(
                f"{path} has no lead {wanted!r}: name one of {listed}, or take 'first'."
            )
        return same[0]
    likely = channels[:1] if wanted else _likely(channels)
    for name in TRAINED_ON:
        if same := [c for c in likely if plain_lead(c.lead) == name]:
            return same[0]
    if not likely:
        raise InputError(f"{path} has no ECG by the names and units of its channels, {listed}.")
    if len(likely) > 1 and not all(_STANDARD(plain_lead(c.lead)) for c in likely):
        raise InputError(
            f"{path} has several channels that can be an ECG: name one with --lead, of {listed}."
        )
    if len(channels) > 1:
        warnings.warn(
            f"{path}: lead {likely[0].lead} is read; --lead chooses another of {listed}.",
            stacklevel=3,
        )
    return likely[0]


def _likely(channels: list[Channel]) -> list[Channel]:
    """Return the channels with the name of an ECG, else those in volts, else what can be one."""
    named = [c for c in channels if is_ecg(c.lead)]
    possible = [c for c in channels if not _OTHER(c.lead)]
    in_volts = [c for c in possible if c.unit and unit_word(c.unit) in MILLIVOLTS]
    return named or in_volts or [c for c in possible if not c.unit]


def is_ecg(name: str) -> bool:
    """Whether a channel has the name of a lead, or one with ECG or EKG in it."""
    standard = _STANDARD(plain_lead(name))
    return bool(standard or (re.search("ecg|ekg", name, re.I) and not _OTHER(name)))
