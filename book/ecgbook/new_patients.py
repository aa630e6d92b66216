"""Tables of page 13: scores with and without the one record that decides the score for S."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgbook import by_person
from ecgbook.studies.people import Outcome
from ecgkit.data import aami
from ecgkit.evaluate import ec57, metrics

S = aami.CLASSES.index("S")
Answers = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.str_]]
Floats = NDArray[np.floating]


def three_scores(matrix: ArrayLike) -> Floats:
    """Accuracy and F1 of V and of S in per cent, shape (3,)."""
    return by_person.seven_scores(matrix)[[0, 3, 6]]


def score_table(answers: Mapping[str, Answers], one: str) -> pd.DataFrame:
    """Compare classifiers, with and without the record ``one``.

    Parameters
    ----------
    answers : dict of str to (labels, predicted, records), each of shape (n,)
        The annotators' and the classifier's class numbers, and the record of each beat.
    """
    lines = {}
    for name, (labels, predicted, records) in answers.items():
        line: dict[str, object] = {}
        for left_out, end in (("", ""), (one, f", no {one}")):
            kept = records != left_out
            found = three_scores(metrics.confusion_matrix(labels[kept], predicted[kept]))
            heads = (f"Acc{end}", f"F1 of V{end}", f"F1 of S{end}")
            line |= dict(zip(heads, found.round(1), strict=True))
        of_n = predicted[(records == one) & (labels == 0)]
        lines[name] = line | {f"N of {one} called S": f"{np.sum(of_n == S)} of {len(of_n)}"}
    return pd.DataFrame.from_dict(lines, orient="index")


def with_interval(
    outcomes: Sequence[Outcome],
    score: Callable[[ArrayLike], Floats] = three_scores,
    without: Sequence[str] = (),
    mapping: str = "literature",
) -> Floats:
    """Mean over the seeds, and the ends of the middle 95 % when people are drawn anew.

    Shape (3, k) for a ``score`` with k values.
    """
    stack = [outcome.matrices(mapping, without) for outcome in outcomes]
    return by_person.interval(stack, score, draws=500)


def _texts(found: Floats) -> list[str]:
    return [f"{value:.1f} ({low:.1f} to {high:.1f})" for value, low, high in found.T]


def outcome_table(rows: Mapping[str, Sequence[Outcome]], one: str = "232") -> pd.DataFrame:
    """Put the rows of a protocol side by side, all seeds, intervals over people."""
    lines = {}
    for name, outcomes in rows.items():
        acc, v, s = _texts(with_interval(outcomes))
        fewer, _, s_fewer = _texts(with_interval(outcomes, without=[one]))
        strict = with_interval(outcomes, without=["202"])[0]
        of_n = [outcome.by_record["literature"][one][0] for outcome in outcomes]
        line = {"Acc": acc, "F1 of V": v, "F1 of S": s}
        line |= {f"Acc, no {one}": fewer, f"F1 of S, no {one}": s_fewer}
        line[f"N of {one} called S"] = f"{np.mean([n[S] for n in of_n]):.0f} of {sum(of_n[0])}"
        line["no 202: Acc, V, S"] = ", ".join(f"{value:.1f}" for value in strict)
        lines[name] = line
    return pd.DataFrame.from_dict(lines, orient="index")


def ec57_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """VEB and SVEB of EC57 under both mappings: gross with intervals over people, and average."""
    keys = [key for key in ec57.SCORES if "qrs" not in key]

    def score(matrix: ArrayLike) -> Floats:
        found = ec57.scores(matrix)
        return 100 * np.array([found[key] for key in keys])

    columns = {}
    for mapping in aami.MAPPINGS:
        columns[f"{mapping}, gross"] = _texts(with_interval(outcomes, score, mapping=mapping))
        tables = [pd.DataFrame(map(ec57.scores, o.by_record[mapping].values())) for o in outcomes]
        average = [100 * np.mean([table[key].mean() for table in tables]) for key in keys]
        columns[f"{mapping}, average"] = [f"{value:.1f}" for value in average]
    heads = [ec57.SCORES[key].replace("V ", "VEB ").replace("S ", "SVEB ", 1) for key in keys]
    return pd.DataFrame(columns, index=heads)
