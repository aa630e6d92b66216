"""Checks of page 03, what denoising costs."""

from collections.abc import Mapping, Sequence

import numpy as np

from ecgbook.exercises import expect, given
from ecgbook.page import Verdict, right, wrong
from ecgkit.data import denoising

slowest_hearts = expect(
    [60 * 360 / 1024, 60 * 360 / 512],
    [
        ([0.3516, 0.7031], "Those are in Hz: give beats per minute."),
        ([60 / 0.3516, 60 / 0.7031], "You divided 60 by the frequency: multiply by it."),
    ],
    praise="A9 holds no regular rhythm above 21 per minute; D9 would hold one of 40.",
    otherwise="One beat per second is 1 Hz and 60 beats per minute.",
    within=0.2,
)

_tone, _inner = np.sin(2 * np.pi * 50 * np.arange(120 * 360) / 360), slice(20 * 360, -20 * 360)
_share = np.mean(denoising.denoise(_tone)[_inner] ** 2) / np.mean(_tone[_inner] ** 2)
_db = 10 * np.log10(_share)
mains_in_europe = expect(
    _db,
    [
        (-_db, "The size is right. A loss is negative, as -3 for half the power."),
        (2 * _db, "That is 20 log10 of a share of *power*: for power the factor is 10."),
        (_share, "That is the share of the power that stays: take 10 log10 of it."),
    ],
    praise="More than a quarter of the power stays: 50 Hz is near D2's lower edge.",
    otherwise="Divide the tone's mean square after denoising by that before; take 10 log10.",
    within=0.2,
)


def retrained(answer: Mapping[str, Sequence[float]]) -> Verdict:
    """Scores in per cent, one per seed, with the book's bands and with the reader's."""
    book, mine = (np.asarray(given(answer)[name], dtype=float) for name in ("book", "mine"))
    if book.shape != mine.shape or book.ndim != 1 or len(book) < 2:
        return wrong("Give two lists, with the same two seeds or more: one run may be chance.")
    if np.nanmax([book, mine]) <= 1:
        return wrong("Those are shares: give per cent, as `retrain` returns.")
    if np.array_equal(book, mine):
        return wrong("All scores are equal: did `retrain` get the signals of the new table?")
    changes = ", ".join(f"{change:+.1f}" for change in mine - book).replace("-", "−")
    found = f"Seed by seed, your bands change the score by {changes} points."
    return right(f"{found} Trust a change that has one sign for every seed; else add seeds.")


CHECKS = {"1": slowest_hearts, "2": mains_in_europe, "3": retrained}
