"""How heartbeats are prepared for a network: one object that travels with beats and weights."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ecgkit import InputError
from ecgkit.data import aami
from ecgkit.data.features import FEATURES

SAMPLING_RATE = 360  # per second, of MIT-BIH; every recording is brought to this rate
BEAT_LENGTH = 180  # samples per beat that the networks read


def band_names(level: int = 9) -> tuple[str, ...]:
    """Names of the wavelet bands, lowest frequency first.

    >>> band_names(3)
    ('A3', 'D3', 'D2', 'D1')
    """
    return (f"A{level}", *(f"D{j}" for j in range(level, 0, -1)))


@dataclass(frozen=True)
class Preparation:
    """From the signal of a recording to what a network reads.

    Tables of beats and weights carry their preparation, so that a network meets new recordings
    prepared as those that it was trained on. The defaults are the paper's (section IV-A); wavelet
    bands, margins and extension are decisions of this book. InputError if a value cannot be used.

    Parameters
    ----------
    lead : str
        Name of the lead; ``"first"`` for the first channel whatever its name; ``"any"`` for MLII,
        else II, else the first.
    zeroed : tuple of str
        Wavelet bands set to zero; empty for no denoising.
    wavelet, level, extension : str, int, str
        Wavelet, number of levels, and how the signal goes on beyond its ends (PyWavelets' names).
    before, after, margin_before, margin_after : int
        Samples of a beat before its R peak and from it on; samples at 360 Hz that must exist there
        for the beat to count.
    step : int
        Take every ``step``-th sample; a beat then lasts ``step`` times as long.
    units : {"mV", "patient"}
        ``"patient"`` divides each beat by the mean standard deviation of the recording's last 200
        beats, its own included.
    relative_to : {"none", "mean", "median"}
        Subtract the mean or median of the recording's previous 200 beats, sample by sample.
    features : tuple of str
        Names from :data:`ecgkit.data.features.FEATURES`, computed before the subtraction.
    mapping : {"ec57", "literature"}
        How annotation symbols become classes, see :mod:`ecgkit.data.aami`.
    align_s : float
        Seconds by which R peaks move, at most, to the largest deflection between 3 and 20 Hz.
    """

    lead: str = "MLII"
    zeroed: tuple[str, ...] = ("A9", "D1", "D2")
    wavelet: str = "db6"
    level: int = 9
    extension: str = "symmetric"
    before: int = 90
    after: int = 90
    margin_before: int = 100
    margin_after: int = 150
    step: int = 1
    units: str = "mV"
    relative_to: str = "none"
    features: tuple[str, ...] = ()
    mapping: str = "ec57"
    align_s: float = 0.0

    def __post_init__(self) -> None:
        aami.mapping(self.mapping)
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "zeroed", tuple(sorted(self.zeroed)))
        counts = {"level": 1, "before": 0, "after": 1, "margin_before": 0, "margin_after": 1}
        for name, least in {**counts, "step": 1}.items():
            value, most = getattr(self, name), 16 if name == "level" else 10_000
            if not isinstance(value, int) or not least <= value <= most:
                raise InputError(f"{name} is {value!r}: give an integer from {least} to {most}.")
        if not (isinstance(self.align_s, int | float) and 0 <= self.align_s <= 0.2):
            raise InputError(f"align_s is {self.align_s!r}: give 0 to 0.2 seconds.")
        self._check("units", [self.units], ("mV", "patient"))
        self._check("relative_to", [self.relative_to], ("none", "mean", "median"))
        self._check("features", self.features, tuple(FEATURES))
        self._check("zeroed", self.zeroed, band_names(self.level))
        if (self.wavelet, self.extension) != ("db6", "symmetric"):
            import pywt  # a machine that only trains may lack it

            self._check("wavelet", [self.wavelet], tuple(pywt.wavelist(kind="discrete")))
            self._check("extension", [self.extension], tuple(pywt.Modes.modes))
        if (n := self.before + self.after) != BEAT_LENGTH:
            raise InputError(f"before + after is {n}: a beat has {BEAT_LENGTH}.")
        if self.margin_before < self.before or self.margin_after < self.after:
            raise InputError(
                f"Margins of {self.margin_before} and {self.margin_after} samples are too narrow "
                f"for a beat of {self.before} and {self.after}: widen them."
            )

    @staticmethod
    def _check(name: str, values: list[str] | tuple[str, ...], known: tuple[str, ...]) -> None:
        unknown = [str(value) for value in values if value not in known]
        if unknown or len(set(values)) < len(values):
            found = ", ".join(unknown) or "a name twice"
            raise InputError(f"{name} has {found}: known, each once, are {', '.join(known)}.")

    @property
    def n_features(self) -> int:
        return len(self.features)

    @property
    def align_samples(self) -> int:
        return math.floor(self.align_s * SAMPLING_RATE + 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Undo :meth:`to_dict`; InputError if this version does not know a field or a value."""
        try:
            return cls(**values)
        except TypeError as error:
            raise InputError(f"Use the ecgkit that wrote this preparation: {error}.") from error
