"""Checks of page 11, new patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ecgkit import metrics
from ecgkit.exercises import Verdict, close, right, wrong

S_BEATS, ESCAPES = 1837, 213
"""S beats of DS2 in the literature's mapping, and its nodal escape beats."""

HITS, CALLED = 1470, 1960
"""Of a model made up for the exercise: S beats found, and beats called S."""

MATRIX = [
    [40_000, 200, 120, 30],
    [300, 1_400, 60, 5],
    [90, 30, 3_000, 60],
    [150, 5, 180, 50],
]
"""Made up for the exercise; the page has it, too."""


def _two(answer: Any) -> Any:
    """Turn an answer into two numbers; a verdict where that cannot be."""
    given = np.asarray(answer, dtype=float)
    if given.shape != (2,):
        return wrong("Give two numbers, such as (0.8, 0.75).")
    if (given > 1).any():
        return wrong("Give shares between 0 and 1, not per cent.")
    return given


def other_mapping(answer: Any) -> Verdict:
    """Se and P+ of S once the escape beats, all called N, count as S."""
    given = _two(answer)
    if isinstance(given, Verdict):
        return given
    se, ppv = HITS / (S_BEATS + ESCAPES), HITS / CALLED
    if close(given, (se, ppv)):
        return right("Eight points of sensitivity, and not a single answer of the model changed.")
    if close(given, (ppv, se)):
        return wrong("Both are right, in the other order: Se comes first.")
    if close(given[0], HITS / S_BEATS):
        return wrong("There are more S beats to be found now: the escape beats are among them.")
    if close(given[0], (HITS + ESCAPES) / (S_BEATS + ESCAPES)):
        return wrong("The model calls the escape beats N: they are not found.")
    if close(given[0], se):
        return wrong("Se is right. P+ divides by the beats *called* S: which of these changed?")
    return wrong("Se = found / all S beats of the mapping; P+ = found / all beats called S.")


def forgiven(answer: Any) -> Verdict:
    """VEB +P and FPR of the matrix as EC57 counts them."""
    given = _two(answer)
    if isinstance(given, Verdict):
        return given
    gross = metrics.ec57_of_classes({"all": MATRIX}).gross
    found = {key: share for key, share in gross.items() if share is not None}
    m, v = np.array(MATRIX), metrics.CLASSES.index("V")
    false = m[:, v].sum() - m[v, v]
    if close(given, (found["veb_ppv"], found["veb_fpr"]), 4e-6):
        return right("Fv is forgiven in the one and in the other: half of the beats *are* V.")
    if close(given[0], metrics.ppv(m)[v], 4e-6):
        return wrong("That P+ counts the F beats called V as false. EC57 does not.")
    if not close(given[0], found["veb_ppv"], 4e-6):
        return wrong("+P: Vv over Vv and the false ones, which are Nv and Sv here.")
    negative = m.sum() - m[v].sum()
    if close(given[1], false / negative, 4e-6):
        return wrong("+P is right. The FPR still counts Fv as false positives.")
    if close(given[1], (false - m[3, v]) / negative, 4e-6):
        return wrong("+P is right. In the FPR Fv leaves the denominator, too: it is no TN either.")
    if close(given[1], 1 - found["veb_ppv"], 4e-6):
        return wrong("+P is right. FPR is no 1 - P+: it divides by the beats that are *not* V.")
    return wrong("+P is right. FPR = FP / (TN + FP): all rows but V, without the cell Fv.")


def own_ratio(answer: Callable[..., Any]) -> Verdict:
    """Each interval over the mean of up to ``width`` intervals before it; 1 where none is."""
    rr = np.array([0.8, 0.8, 0.4, 1.2, 0.8])
    returned = answer(rr.copy(), 2)
    if returned is None or returned is ...:
        return wrong("The function returns nothing yet.")
    got = np.asarray(returned, dtype=float)
    if got.shape != rr.shape:
        return wrong(f"{len(rr)} intervals have {len(rr)} ratios, not {got.shape}.")
    if not np.isfinite(got).all():
        return wrong("The first interval has no past: let its ratio be 1.")
    if close(got, [1, 1, 0.5, 2, 1]):
        return right("Early is a ratio well below 1, at whatever rate the heart beats.")
    if close(got, rr / rr.mean()):
        return wrong("That mean holds the future: the record is not over when the beat comes.")
    if close(got[1], 2):
        return wrong("One interval has been, not `width`: divide their sum by how many there were.")
    if close(got[2], 0.4 / 0.6):
        return wrong("The interval itself is in the mean it is compared with. Leave it out.")
    if close(got[1:], np.log([1, 0.5, 2, 1])):
        return wrong("Those are logarithms: the ratios are asked for here.")
    if close(got[3], 1.2 / (2.0 / 3)):
        return wrong("That mean is of all intervals before, not of the last `width`.")
    if close(got[2:], [2, 0.5, 1]):
        return wrong("Upside down: the interval over the mean.")
    return wrong("For interval i, average rr[max(i - width, 0) : i], and divide rr[i] by it.")


CHECKS = {"1": other_mapping, "2": forgiven, "3": own_ratio}
