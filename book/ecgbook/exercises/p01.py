"""Checks of page 01, the recordings."""

from typing import Any

import numpy as np
import wfdb

from ecgbook.exercises import Array, expect_function, expect_names
from ecgbook.page import Verdict
from ecgkit.data import aami
from ecgkit.data.sources import find_source

_beats = [symbol for symbol in "N+jA~V/Fe" if aami.is_beat(symbol)]
_literature, _ec57 = ([aami.mapping(of)[s] for s in _beats] for of in ("literature", "ec57"))
literature_classes = expect_names(
    _literature,
    [
        (_ec57, "That is the mapping of EC57: where does the literature put e and j?"),
        (_beats, "Those are the annotators' symbols: give the classes N, S, V, F or Q."),
    ],
    praise="Seven beats: the rhythm mark + and the noise mark ~ are not beats.",
    otherwise="Look up each symbol in the printed table; leave out the two that are no beats.",
)


def not_mlii_first(answer: Any) -> Verdict:
    """Records whose first channel is not MLII."""
    source = find_source()
    leads = {name: wfdb.rdheader(str(source.directory / name)).sig_name for name in source.records}
    expected = sorted(name for name, lead in leads.items() if lead[0] != "MLII")
    others = sorted(set(leads) - set(expected))
    check = expect_names(
        expected,
        [(others, "Those are the records whose first channel *is* MLII.")],
        praise=f"{len(expected)} of {len(leads)}: choose a lead by its name, not its place.",
        otherwise="For each name in source.records, compare sig_name[0] of the header with 'MLII'.",
    )
    return check(sorted(str(name) for name in answer))


def _before(r_peaks: Array, fs: float) -> Array:
    return np.r_[np.nan, np.diff(r_peaks) / fs]


rr_before = expect_function(
    _before,
    [(np.array([100, 460, 640, 1180]), 360.0)],
    [
        (lambda r, fs: np.diff(r) / fs, "Four beats need four values: the first one is nan."),
        (lambda r, fs: _before(r, 1), "Those are samples: divide by the sampling rate."),
        (lambda r, fs: _before(r, fs / 1000), "Those are milliseconds: give seconds."),
        (lambda r, fs: np.roll(_before(r, fs), -1), "That is the interval *after* each beat."),
    ],
    praise="An early beat has a short one. Most S are early, but so are most V and some N.",
    otherwise="Subtract each R peak from the next, divide by the rate, and put nan first.",
)

CHECKS = {"1": not_mlii_first, "2": literature_classes, "3": rr_before}
