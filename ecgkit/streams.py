"""Signals as streams: cut into overlapping blocks, brought to 360 Hz, denoised, watched.

Each function gives what it would give for the whole recording at once; none holds more than a few
minutes of it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ecgkit import InputError, denoising
from ecgkit.readers import Recording, Signal
from ecgkit.records import SAMPLING_RATE

FS_RANGE = (100, 20_000)
"""Sampling rates taken, in Hz: bands up to 45 Hz are looked at, and R peaks sought up to 30 Hz."""

REACH = 11 * 512
"""At least as far as nine levels of db6 see to either side (11 x 511 = 5,621 samples at 360 Hz),
and a multiple of 2^9."""

SMALLEST_MV, LARGEST_MV = 0.1, 20.0
"""Spans between which an ECG is believed to be in mV."""

BEYOND_MV = 1e6
"""No electrode gives as much."""


def windows(
    chunks: Iterator[Signal], size: int, margin: int
) -> Iterator[tuple[int, int, int, Signal]]:
    """Cut a stream into blocks that overlap by their margins.

    Parameters
    ----------
    chunks
        Arrays of any length, one after the other.
    size, margin
        Length of a block and of what is read beyond it on either side; the first block has no
        margin on its left, the last one none on its right, and it is up to ``margin`` longer.

    Yields
    ------
    First sample of the window, first sample of the block, end of the block, and the window.

    Examples
    --------
    >>> [(at, a, b, x.tolist()) for at, a, b, x in windows(iter([np.arange(5.0)]), 2, 1)]
    [(0, 0, 2, [0.0, 1.0, 2.0]), (1, 2, 4, [1.0, 2.0, 3.0, 4.0]), (3, 4, 5, [3.0, 4.0])]
    """
    held, first, a = np.empty(0), 0, 0
    for chunk in chunks:
        held = np.concatenate([held, chunk])
        while first + len(held) >= a + size + margin:
            yield first, a, a + size, held[: a + size + margin - first]
            a += size
            held, first = held[max(a - margin, 0) - first :], max(a - margin, 0)
    if first + len(held) > a:
        yield first, a, first + len(held), held


def ratio(fs: float) -> Fraction:
    """Samples at 360 Hz for each sample at ``fs`` Hz.

    Raises
    ------
    InputError
        If the sampling rate is too low for the bands an ECG is judged by, or beyond any ECG's.

    Examples
    --------
    >>> ratio(250)
    Fraction(36, 25)
    """
    low, high = FS_RANGE
    if not low <= fs <= high:
        raise InputError(
            f"{fs:g} samples a second cannot be classified: it takes {low} to {high}, because the "
            "model looks at frequencies up to 45 Hz."
        )
    return Fraction(SAMPLING_RATE / fs).limit_denominator(10_000)


def resampled(chunks: Iterator[Signal], fs: float) -> Iterator[Signal]:
    """Bring a stream to 360 Hz with a polyphase filter, as if it were done at once.

    Beyond its ends the signal is taken to go on as its own mirror image.
    """
    up, down = ratio(fs).as_integer_ratio()
    if up == down:
        yield from chunks
        return
    margin = down * math.ceil((10 * max(1, down / up) + 2) / down)  # the filter's half length
    for first, a, b, x in windows(chunks, down * max(1, 65_536 // down), margin):
        before, after = margin - (a - first), margin - (first + len(x) - b)
        y = scipy.signal.resample_poly(np.pad(x, (before, after), mode="symmetric"), up, down)
        start = margin * up // down
        yield y[start : start + math.ceil((b - a) * up / down)]


def denoised(x: Signal) -> Signal:
    """Denoise a block; one too short for nine levels is prolonged by its mirror image.

    Parameters
    ----------
    x
        Shape (samples,), at 360 Hz, at least one.

    Notes
    -----
    Ten seconds are all that many electrocardiographs write. Cut out of five MIT-BIH records (100,
    119, 208, 213, 232) and prolonged so, they gave 99 % of their beats the class these have in the
    whole record.
    """
    short = max(REACH - len(x), 0)
    around = (short // 2, short - short // 2)
    clean = denoising.denoise(np.pad(x, around, mode="symmetric"))
    return np.asarray(clean[around[0] : around[0] + len(x)], np.float64)


@dataclass
class Watch:
    """Looks at a signal as it goes by, for what makes its classes worthless."""

    recording: Recording
    n: int = 0
    flat_s: int = 0
    rails: dict[str, list[float]] = field(default_factory=dict)  # value, samples that stay at it
    spans: list[float] = field(default_factory=list)

    def over(self, chunks: Iterator[Signal]) -> Iterator[Signal]:
        """Hand the signal on.

        Raises
        ------
        InputError
            If samples have no value: the first is named, and all are counted.
        """
        for chunk in chunks:
            if len(missing := np.flatnonzero(_unusable(chunk))):
                first = self.n + int(missing[0])
                count = len(missing) + sum(int(_unusable(rest).sum()) for rest in chunks)
                raise InputError(
                    f"{self.recording.name} has {count} samples without a value or beyond "
                    f"{BEYOND_MV / 1e6:g} kV, the first at sample {first} "
                    f"({first / self.recording.fs:.2f} s): cut there, or fill the gap."
                )
            self._look(chunk)
            yield chunk

    def _look(self, chunk: Signal) -> None:
        """Count samples that stay at the highest or lowest value, and seconds without a change."""
        self.n += len(chunk)
        if not len(chunk):
            return
        for name, value, better in (("high", chunk.max(), 1), ("low", chunk.min(), -1)):
            rail = self.rails.setdefault(name, [float(value), 0])
            if better * (value - rail[0]) > 0:
                rail[:] = [float(value), 0]
            at = chunk == rail[0]
            rail[1] += int((at[1:] & at[:-1]).sum())
        second = round(self.recording.fs)
        whole = chunk[: len(chunk) // second * second].reshape(-1, second)
        self.flat_s += int((np.ptp(whole, axis=1) == 0).sum())
        self.spans.append(float(np.ptp(np.percentile(chunk, [0.5, 99.5]))))

    def judge(self) -> None:
        """Refuse a flat signal; warn of one that is flat in part, clipped, or of absurd size."""
        name, fs = self.recording.name, self.recording.fs
        if self.rails["high"][0] == self.rails["low"][0]:
            raise InputError(f"{name} is flat: lead {self.recording.lead} never changes.")
        if self.flat_s:
            warnings.warn(
                f"{name} is flat for {self.flat_s} of its {self.n / fs:.0f} s: was an electrode "
                "off?",
                stacklevel=3,
            )
        clipped = sum(int(count) for _, count in self.rails.values())
        if clipped > max(5, 1e-4 * self.n) and clipped > 2 * self.flat_s * fs:
            warnings.warn(
                f"{name} is clipped: {100 * clipped / self.n:.2f} % of its samples stay at its "
                f"highest or lowest value ({self.rails['low'][0]:.3g} to "
                f"{self.rails['high'][0]:.3g} mV). Beats cut off there may be misjudged.",
                stacklevel=3,
            )
        span = float(np.median(self.spans))
        if not SMALLEST_MV <= span <= LARGEST_MV:
            warnings.warn(
                f"{name} spans {span:.3g} mV, which no ECG does: its unit is probably wrong, and "
                "so are the classes. Say it with --units.",
                stacklevel=3,
            )


def _unusable(chunk: Signal) -> NDArray[np.bool_]:
    """Mark samples that are no number, or none that can be meant."""
    return ~(np.abs(chunk) < BEYOND_MV)
