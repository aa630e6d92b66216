"""Checks of page 01, what is in MIT-BIH."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import wfdb

from ecgkit import aami, physionet, records
from ecgkit.exercises import Verdict, right, wrong


def literature_classes(answer: Any) -> Verdict:
    """Classes of ``N + j A ~ V / F e`` under the literature's mapping."""
    beats = [symbol for symbol in "N+jA~V/Fe" if aami.is_beat(symbol)]
    table = aami.mapping("literature")
    given = list(answer)
    if given == [table[symbol] for symbol in beats]:
        return right("Seven beats: the rhythm mark and the noise mark are none.")
    if given == [aami.mapping("ec57")[symbol] for symbol in beats]:
        return wrong("That is the mapping of EC57: where does the literature put e and j?")
    if len(given) == 9:
        return wrong("Nine letters for nine symbols: two of the symbols mark no beat.")
    if "/" in given or "j" in given:
        return wrong("Those are the annotators' symbols: give classes, N S V F or Q.")
    return wrong("Go through the printed table symbol by symbol; leave out what is no beat.")


def not_mlii_first(answer: Any) -> Verdict:
    """Records whose first channel is not MLII."""
    source = records.find()
    first = {name: wfdb.rdheader(str(source.directory / name)).sig_name for name in source.records}
    expected = {name for name, leads in first.items() if leads[0] != "MLII"}
    given = {str(name) for name in answer}
    if given == expected:
        return right(f"{len(expected)} of {len(first)}: a small thing that nobody would notice.")
    if given == set(first) - expected:
        return wrong("Those are the records whose first channel *is* MLII.")
    if given & set(physionet.PACED):
        return wrong("Records with a pacemaker are not in use here: take source.records.")
    if given == {name for name, leads in first.items() if leads[1] != "V1"}:
        return wrong("Those are the records whose *second* lead is not V1. Look at the first.")
    return wrong("Read each header's sig_name and compare its first entry with 'MLII'.")


def rr_before(answer: Callable[..., Any]) -> Verdict:
    """RR interval before each beat, in seconds."""
    r_peaks, fs = np.array([100, 460, 640, 1180]), 360.0
    expected = np.array([np.nan, 1.0, 0.5, 1.5])
    returned = answer(r_peaks.copy(), fs)
    if returned is None or returned is ...:
        return wrong("The function returns nothing yet.")
    got = np.asarray(returned, dtype=float)
    if got.shape == (3,):
        return wrong("Three intervals for four beats: the first beat needs a nan in its place.")
    if got.shape != (4,):
        return wrong(f"Four beats need an array of shape (4,), not {got.shape}.")
    if np.allclose(got, expected, equal_nan=True):
        return right("An early beat has a short one: this is what tells S from N.")
    if np.allclose(got, expected * fs, equal_nan=True):
        return wrong("Those are samples: divide by the sampling rate.")
    if np.allclose(got, expected * 1000, equal_nan=True):
        return wrong("Those are milliseconds: give seconds.")
    if np.isnan(got[-1]):
        return wrong("That is the interval *after* each beat: the nan belongs to the first.")
    if not np.isnan(got[0]):
        return wrong("The first beat has no beat before it: give nan, not a number.")
    return wrong("Subtract each R peak from the next and divide by the sampling rate.")


CHECKS = {"1": literature_classes, "2": not_mlii_first, "3": rr_before}
