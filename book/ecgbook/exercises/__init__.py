"""The checks of the book's exercises: ``pNN.CHECKS`` holds those of page NN, by number.

Most checks compare an answer with the right one and with the answers of recognised mistakes.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgbook.page import Verdict, right, wrong

Check = Callable[[Any], Verdict]
Mistakes = Iterable[tuple[Any, str]]

ANY = np.nan
"""In the value of a mistake: a part that may be anything."""

NOTHING = "The function returns nothing yet."


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

    Parameters
    ----------
    answer, expected : float or array
        The reader's answer and the right one; NaN equals NaN.
    mistakes : iterable of (value, hint)
        With :data:`ANY` where a part does not matter. Per cent instead of shares and the reverse
        order need no entry.
    praise, otherwise : str
        Texts for the right answer and for any other one; ``otherwise`` may hold one hint per part,
        for the first part that is wrong.
    within, relative : float
        Absolute and relative tolerance.

    Returns
    -------
    verdict : Verdict

    Examples
    --------
    >>> compare(4, 3, [(4, "Count gaps.")], praise="Three gaps.", otherwise="Draw them.")
    Not yet. Count gaps.
    """
    if answer is None or answer is ...:
        return wrong(NOTHING)
    given, target = np.asarray(answer, dtype=float), np.asarray(expected, dtype=float)

    def equals(values: Any, other: Any) -> NDArray[np.bool_]:
        return np.isclose(values, other, rtol=relative, atol=within, equal_nan=True)

    if given.shape == target.shape and equals(given, target).all():
        return right(praise)
    for value, hint in mistakes:
        value = np.asarray(value, dtype=float)
        if value.shape == given.shape and (np.isnan(value) | equals(given, value)).all():
            return wrong(hint)
    if given.shape != target.shape:
        return wrong(f"Expected values of shape {target.shape}, found {given.shape}.")
    if (target >= 0).all() and (target <= 1).all() and equals(given / 100, target).all():
        return wrong("That is in per cent: give a share between 0 and 1.")
    if given.ndim == 1 and equals(given[::-1], target).all():
        return wrong("Right, but in the reverse order.")
    if isinstance(otherwise, str):
        return wrong(otherwise)
    return wrong(otherwise[int(equals(given, target).argmin())])


def expect(expected: Any, mistakes: Mistakes, **says: Any) -> Check:
    """Make a check of numbers with :func:`compare`."""
    return lambda answer: compare(answer, expected, mistakes, **says)


def expect_function(
    solution: Callable[..., Any],
    examples: Sequence[tuple[Any, ...]],
    mistakes: Iterable[tuple[Callable[..., Any], str]],
    **says: Any,
) -> Check:
    """Make a check of a function: compare its results on examples with those of the solution.

    The mistakes are functions, too; ``says`` are keywords of :func:`compare`.
    """

    def results(function: Callable[..., Any]) -> Any:
        found = [function(*copy.deepcopy(arguments)) for arguments in examples]
        if any(result is None or result is ... for result in found):
            return None
        arrays = [np.asarray(result, dtype=float) for result in found]
        same = len({array.shape for array in arrays}) == 1
        return np.array(arrays) if same else np.concatenate([a.ravel() for a in arrays])

    def check(answer: Callable[..., Any]) -> Verdict:
        wrong_results = [(results(function), hint) for function, hint in mistakes]
        return compare(results(answer), results(solution), wrong_results, **says)

    return check


def compare_names(answer: Any, expected: Sequence[str], mistakes: Mistakes, **says: Any) -> Verdict:
    """Compare a list of names with the right one and with mistakes, as :func:`compare` does."""

    def numbers(names: Iterable[Any]) -> list[int]:
        return [zlib.crc32(str(name).encode()) for name in names]

    given = answer if answer is None or answer is ... else numbers(answer)
    wrong_names = [(numbers(names), hint) for names, hint in mistakes]
    return compare(given, numbers(expected), wrong_names, **says)
