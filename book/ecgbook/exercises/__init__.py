"""The checks of the book's exercises: ``pNN.CHECKS`` holds those of page NN, by number.

Most checks compare an answer with the right one and with the answers of recognised mistakes.
"""

import copy
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgbook.page import NothingReturnedError, Verdict, right, wrong

Array = NDArray[Any]
Function = Callable[..., Any]
Check = Callable[[Any], Verdict]
Mistakes = Iterable[tuple[Any, str]]
ANY = np.nan  # in the value of a mistake: a part that may be anything


def given(answer: Any) -> Any:
    """Return an answer that is not the stub's."""
    if answer is None or answer is ...:
        raise NothingReturnedError
    return answer


def compare(
    answer: Any,
    expected: Any,
    mistakes: Mistakes,
    *,
    praise: str,
    otherwise: str | Sequence[str],
    within: float = 5e-4,
    relative: float = 0.0,
) -> Verdict:
    """Compare an answer in numbers with the right one, then with recognised mistakes.

    NaN equals NaN. A mistake is a value, with :data:`ANY` where a part does not matter, and a hint;
    per cent instead of shares and the reverse order need no entry. ``praise`` and ``otherwise`` are
    for the right answer and for any other one; ``otherwise`` may hold one hint per part, for the
    first part that is wrong. ``within`` and ``relative`` are tolerances.

    >>> compare(4, 3, [(4, "Count gaps.")], praise="Three gaps.", otherwise="Draw them.")
    Not yet. Count gaps.
    """
    found, target = np.asarray(given(answer), dtype=float), np.asarray(expected, dtype=float)

    def equals(values: Any, other: Any) -> NDArray[np.bool_]:
        return np.isclose(values, other, rtol=relative, atol=within, equal_nan=True)

    if found.shape == target.shape and equals(found, target).all():
        return right(praise)
    for value, hint in mistakes:
        value = np.asarray(value, dtype=float)
        if value.shape == found.shape and (np.isnan(value) | equals(found, value)).all():
            return wrong(hint)
    if found.shape != target.shape:
        return wrong(f"Expected values of shape {target.shape}, found {found.shape}.")
    if (target >= 0).all() and (target <= 1).all() and equals(found / 100, target).all():
        return wrong("That is in per cent: give a share between 0 and 1.")
    if found.ndim == 1 and equals(found[::-1], target).all():
        return wrong("Right, but in the reverse order.")
    if any(np.allclose(found, target.round(n), atol=1e-9) for n in (2, 3)):
        return wrong("Right if rounded: give at least four digits.")
    if isinstance(otherwise, str):
        return wrong(otherwise)
    return wrong(otherwise[int(equals(found, target).argmin())])


def expect(expected: Any, mistakes: Mistakes, **says: Any) -> Check:
    """Make a check of numbers with :func:`compare`."""
    return lambda answer: compare(answer, expected, mistakes, **says)


def expect_function(
    solution: Function,
    examples: Sequence[tuple[Any, ...]],
    mistakes: Iterable[tuple[Function, str]],
    **says: Any,
) -> Check:
    """Make a check of a function: compare its results on examples with those of the solution.

    The mistakes are functions, too; ``says`` are keywords of :func:`compare`.
    """

    def results(function: Function) -> Array:
        found = [given(function(*copy.deepcopy(arguments))) for arguments in examples]
        arrays = [np.asarray(result, dtype=float) for result in found]
        same = len({array.shape for array in arrays}) == 1
        return np.array(arrays) if same else np.concatenate([a.ravel() for a in arrays])

    def check(answer: Function) -> Verdict:
        wrong_results = [(results(function), hint) for function, hint in mistakes]
        return compare(results(answer), results(solution), wrong_results, **says)

    return check


def expect_names(expected: Sequence[str], mistakes: Mistakes, **says: Any) -> Check:
    """Make a check of a list of names, compared with the right one and with mistakes."""

    def numbers(names: Iterable[Any]) -> list[int]:
        return [zlib.crc32(str(name).upper().encode()) for name in names]

    wrong_names = [(numbers(names), hint) for names, hint in mistakes]

    def check(answer: Any) -> Verdict:
        found = numbers(given(answer))
        if len(found) != len(expected) and found not in [names for names, _ in wrong_names]:
            return wrong(f"The number of names, {len(found)}, is wrong. {says['otherwise']}")
        return compare(found, numbers(expected), wrong_names, **says)

    return check
