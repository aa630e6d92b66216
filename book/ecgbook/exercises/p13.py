"""Checks of page 13, new patients."""

from functools import partial

import numpy as np

from ecgbook.exercises import ANY, Array, expect, expect_function

other_mapping = expect(
    (1470 / (1837 + 213), 1470 / 1960),
    [
        ((1470 / 1837, ANY), "There are more S beats to find now: add the escape beats."),
        ((1683 / 2050, ANY), "The model calls the escape beats N: it does not find them."),
    ],
    praise="Eight points of sensitivity, and not one answer of the model changed.",
    otherwise=(
        "Se = found / all S beats of the mapping.",
        "P+ divides by the beats *called* S: which of these changed?",
    ),
)

_false, _others = 120 + 60, 40_350 + 1_765 + 385  # N and S called V; all beats of N, S and F
_ppv = 3000 / (3000 + _false)
forgiven = expect(
    (_ppv, _false / (_others - 180)),
    [
        ((3000 / 3360, ANY), "That P+ counts F beats called V as false. EC57 does not."),
        ((ANY, 360 / _others), "The FPR still counts F beats called V as false positives."),
        ((ANY, 180 / _others), "F beats called V are no true negatives: subtract them, too."),
        ((ANY, 1 - _ppv), "FPR is not 1 - P+: it divides by the beats that are *not* V."),
    ],
    praise="F beats called V count in neither: a fusion beat is partly ventricular.",
    otherwise=(
        "+P: V called V over itself and the false positives, here N and S called V.",
        "FPR = FP / (TN + FP): all rows but V, without F called V.",
    ),
    within=4e-6,
)


def _ratio(rr: Array, width: int, own: int = 0, fixed: bool = False) -> Array:
    """Divide by the mean of the previous intervals; the keywords put a mistake in."""
    ratios = np.ones(len(rr))
    for i in range(1, len(rr)):
        previous = rr[max(i + own - width, 0) : i + own]
        ratios[i] = rr[i] / (previous.sum() / width if fixed else previous.mean())
    return ratios


own_ratio = expect_function(
    _ratio,
    [(np.array([0.8, 0.8, 0.4, 1.2, 0.8]), 2)],
    [
        (lambda rr, width: _ratio(rr, width)[1:], "The first ratio is missing: it is 1."),
        (lambda rr, width: rr / rr.mean(), "That mean contains intervals after the beat."),
        (partial(_ratio, fixed=True), "Before the second interval there is only one: divide by 1."),
        (partial(_ratio, own=1), "The mean contains the interval itself: leave it out."),
        (lambda rr, width: _ratio(rr, len(rr)), "Take the last `width` intervals, not all."),
        (lambda rr, width: 1 / _ratio(rr, width), "Divide the interval by the mean."),
    ],
    praise="An early beat has a ratio well below 1, at any heart rate.",
    otherwise="Average rr[max(i - width, 0) : i], and divide rr[i] by it; 1 for i = 0.",
)

CHECKS = {"1": other_mapping, "2": forgiven, "3": own_ratio}
