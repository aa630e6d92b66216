"""Scores by person, with intervals over people: what pages on other people's recordings share."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgbook.studies import people
from ecgbook.studies.people import join  # noqa: F401  page 14 joins tables by this name
from ecgkit.data import splits
from ecgkit.data.beats import Beats
from ecgkit.data.sources import DATABASES, SYNTHETIC, Source, SourceNotFound, find_source
from ecgkit.evaluate import metrics
from ecgkit.evaluate.statistics import patient_bootstrap

PROTOCOLS = {
    "mitdb-svdb": "trained on MIT-BIH, tested on SVDB",
    "people svdb": "trained on other people of both, tested on SVDB",
}
SVDB_EVEN = [name for name in DATABASES["svdb"].known if int(name) % 2 == 0]
"""The records that may be looked at; the others are the locked test."""

Matrices = Sequence[NDArray[np.integer]]  # (seeds, people, 4, 4)
Score = Callable[[NDArray[np.integer]], ArrayLike]  # of a (4, 4) matrix


def find_home_and_away(every: int = 1) -> tuple[Source, Source]:
    """Find MIT-BIH and SVDB's even-numbered records, of both only every so many.

    Where MIT-BIH is not within reach, eight synthetic records play it; where SVDB is not, or
    MIT-BIH is played, four other synthetic records play SVDB.
    """
    home = find_source()
    if home.is_synthetic:
        home = find_source("synthetic", SYNTHETIC[:8])
    else:
        home = find_source(home.name, home.records[every // 4 :: every]) if every > 1 else home
        try:
            return home, find_source("svdb", SVDB_EVEN[every // 4 :: every])
        except SourceNotFound as error:
            print(error)
    return home, find_source("synthetic", SYNTHETIC[8:])


def thin(beats: Beats, most: int) -> Beats:
    """Take at most so many beats of each record, evenly spaced."""
    rows = []
    for name in np.unique(beats.records):
        own = np.flatnonzero(beats.records == name)
        rows.append(own[np.linspace(0, len(own) - 1, min(most, len(own))).astype(int)])
    return beats.select(np.concatenate(rows))


def matrices(beats: Beats, answers: NDArray[np.integer]) -> NDArray[np.int64]:
    """Confusion matrix of each person, shape (people, 4, 4)."""
    who = splits.person_of(beats.records)
    return np.array([*metrics.by_record(who, beats.labels, answers).values()])


def interval(
    stack: Matrices, score: Score, other: Matrices | None = None, draws: int = 1000
) -> NDArray[np.float64]:
    """Score of all people, mean over the seeds, and its 95 % interval over people, shape (3, ...).

    With ``other``, matrices of the same people, its score minus that of ``stack``, by person.
    """
    both = (stack,) if other is None else (other, stack)
    means = [np.mean([np.asarray(score(m.sum(axis=0)), float) for m in of], axis=0) for of in both]
    scores = [patient_bootstrap(of, score, draws) for of in both]
    mean, drawn = (x[0] if other is None else x[0] - x[1] for x in (means, scores))
    bounds = pd.DataFrame(drawn).quantile([0.025, 0.975]).to_numpy()  # silent about NaN
    return np.stack([mean, *bounds.reshape(2, *mean.shape)])


def seven_scores(matrix: ArrayLike) -> NDArray[np.float64]:
    """Accuracy, and Se, P⁺ and F1 of V and of S, in per cent."""
    se, ppv = metrics.sensitivity(matrix), metrics.ppv(matrix)
    of_class = np.array([se, ppv, metrics.class_f1(matrix)])[:, [2, 1]]
    return 100 * np.array([metrics.accuracy(matrix), *of_class.T.ravel()])


def outcome_table(protocol: str) -> pd.DataFrame:
    """Tabulate the published outcomes of a protocol, per cent with intervals over people."""
    heads = ["Acc", *(f"{key} of {c}" for c in "VS" for key in ("Se", "P⁺", "F1"))]
    rows = []
    for row in people.ROWS:
        if stack := [outcome.matrices() for outcome in people.outcomes(protocol, row)]:
            cells = interval(stack, seven_scores).T
            texts = (f"{m:.1f} ({a:.0f} to {b:.0f})" if m == m else "-" for m, a, b in cells)
            rows.append([row, *texts])
    return pd.DataFrame(rows, columns=[PROTOCOLS[protocol], *heads])
