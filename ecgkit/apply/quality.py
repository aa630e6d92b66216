"""Checks of a signal for what would make its classes worthless."""

from __future__ import annotations

import math

import numpy as np

from ecgkit import InputError
from ecgkit.apply.readers import Recording

SMALLEST_MV, LARGEST_MV = 0.1, 20.0  # between these spans a signal can be an ECG
BEYOND_MV = 1e6  # no electrode gives this much: larger values mark missing samples


def check_recording(recording: Recording) -> list[str]:
    """Return one sentence per doubt about a signal; InputError if it is flat or has gaps.

    Examples
    --------
    >>> signal = np.sin(np.arange(3600, dtype=np.float32) / 20)
    >>> check_recording(Recording("sine", 360, "MLII", signal))
    []
    >>> check_recording(Recording("large", 360, "MLII", 1000 * signal))
    ['large spans 2e+03 mV, which no ECG does: ...']
    """
    x, name, fs = recording.signal, recording.name, recording.fs
    low, high = float(x.min()), float(x.max())  # NaN if any sample is
    if not (low > -BEYOND_MV and high < BEYOND_MV):
        missing = np.flatnonzero(~(np.abs(x) < BEYOND_MV))
        raise InputError(
            f"{name} has {len(missing)} samples without a value or beyond 1 kV, the first at "
            f"sample {missing[0]} ({missing[0] / fs:.2f} s): cut there, or fill the gap."
        )
    if low == high:
        raise InputError(f"{name} is flat: lead {recording.lead} never changes. Take another lead.")
    doubts = []
    second = min(max(round(fs), 2), len(x))
    seconds = x[: len(x) // second * second].reshape(-1, second)  # (seconds, samples)
    flat_s = int((seconds.min(axis=1) == seconds.max(axis=1)).sum())
    if flat_s:
        doubts.append(
            f"{name} is flat for {flat_s} of its {recording.seconds:.0f} s: no electrode?"
        )
    clipped = sum(int((at[1:] & at[:-1]).sum()) for at in (x == low, x == high))
    if clipped > max(5, 1e-4 * len(x), 2 * flat_s * fs):
        doubts.append(
            f"{name} is clipped: {100 * clipped / len(x):.2f} % of its samples stay at its limits "
            f"({low:.3g} to {high:.3g} mV). Beats cut off there may be misclassified."
        )
    # The median over stretches, because drift may add up to any span over a day.
    stretches = np.array_split(x, math.ceil(len(x) / 65_536))
    span = float(np.median([np.ptp(np.percentile(part, [0.5, 99.5])) for part in stretches]))
    if not SMALLEST_MV <= span <= LARGEST_MV:
        doubts.append(
            f"{name} spans {span:.3g} mV, which no ECG does: its unit is probably wrong, and so "
            "are the classes. State it with --units."
        )
    return doubts
