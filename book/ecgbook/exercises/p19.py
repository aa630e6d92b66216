"""Checks of page 19, export."""

import numpy as np

from ecgbook.exercises import ANY, Array, Function, expect, expect_function, given
from ecgbook.page import Verdict

folded = expect(
    (6, -7),
    [
        ((ANY, -6), "Add beta: s (b - mean) + beta."),
        ((6, 2), "Subtract the mean, then scale: s (b - mean) + beta."),
        ((6, -1), "The mean is scaled, too: s (b - mean) + beta."),
        ((6, -10), "The bias of the convolution counts: s (b - mean) + beta."),
        ((3, ANY), "Divide by the standard deviation, the square root of the variance."),
        ((2, ANY), "The weight is scaled, too: s w."),
    ],
    praise="y = 6 x - 7 in one step instead of two.",
    otherwise="s = gamma / sqrt(variance), then s w and s (b - mean) + beta.",
)

_joules, _operations = 0.225 * 3 * 3600, 100_000 * 10e6 * 1e-12
_days = _joules / (_operations * (3.7 + 0.9))
coin_cell = expect(
    _days,
    [
        (_joules / (_operations * 3.7), "An addition follows each multiplication: 0.9 pJ more."),
        (_days / 2, "The exercise counts multiplications, not operations."),
        (_days / 3600, "Watt-hours are not joules: an hour has 3,600 seconds."),
        (_days / 3, "Milliampere-hours are charge: times 3 V they are energy."),
        (1000 * _days, "225 mAh are 0.225 Ah."),
    ],
    praise="More than a year for the arithmetic alone, without reading any weight.",
    otherwise="Energy of the cell in joules, over 100,000 beats times the energy per beat.",
    relative=0.01,
)


def _quantise(w: Array, bits: int, lost: int = 1, axis: int | None = None) -> tuple[Array, Array]:
    """Round to integers with one scale; the keywords put a mistake in."""
    flat = w.reshape(len(w), -1)
    scale = abs(flat).max(axis=axis, keepdims=axis is not None) / (2 ** (bits - lost) - 1)
    return np.round(flat / scale), scale


def quantise_layer(answer: Function) -> Verdict:
    """Integers with one scale for a whole layer."""
    w = np.random.default_rng(19).normal(size=(6, 3, 5)) * np.arange(1, 7)[:, None, None]

    def joined(function: Function, **keywords: int) -> Function:
        def values(bits: int) -> Array:
            integers, scale = given(function(w.copy(), bits, **keywords))
            return np.concatenate([np.ravel(integers), np.ravel(scale)])

        return values

    check = expect_function(
        joined(_quantise),
        [(8,), (4,)],
        [
            (joined(_quantise, axis=1), "That is one scale per output channel: take one for all."),
            (joined(_quantise, lost=0), "One bit is the sign: 2 ** (bits - 1) - 1."),
            (joined(lambda w, b: (np.trunc(w / _quantise(w, b)[1]), _quantise(w, b)[1])), "Round."),
        ],
        praise="Now count the answers that change.",
        otherwise="scale = largest |w| / (2 ** (bits - 1) - 1), integers = round(w / scale).",
    )
    return check(joined(answer))


CHECKS = {"1": folded, "2": quantise_layer, "3": coin_cell}
