"""Each row of a study beside its baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ecgbook.paper_tables import (
    NEW_PATIENTS_SCORES,
    SCORES,
    Spread,
    format_spread,
    mean_scores,
    paired_differences,
    spread,
)
from ecgbook.studies.definitions import Study
from ecgkit.evaluate.runs import Run

LABELS = {**NEW_PATIENTS_SCORES, **{key: f"{label} %" for key, label in SCORES.items()}}


@dataclass(frozen=True)
class Comparison:
    """A row's score, and its difference to the baseline, paired by seed."""

    row: str
    against: str  # its baseline; empty for none
    value: Spread  # over the seeds of the row
    difference: Spread  # over the seeds that both have
    ahead: int  # seeds with which the row's score is higher
    baseline_sd: float | None  # of all seeds of the baseline; None for fewer than two

    @property
    def large(self) -> bool | None:
        """Whether the difference exceeds two standard deviations of the baseline."""
        if self.difference.mean is None or self.baseline_sd is None:
            return None
        return abs(self.difference.mean) > 2 * self.baseline_sd


def compare_rows(study: Study, runs: Sequence[Run], key: str = "accuracy") -> list[Comparison]:
    """Compare each row that has runs with its baseline, without ensembles.

    The runs are of this study, tested on one part; ``key`` is one of
    :func:`ecgbook.paper_tables.scores`.
    """
    by_row = {name: [run for run in runs if run.row == name] for name in study.rows}
    found = []
    for name, of_row in by_row.items():
        if of_row:
            against = study.rows[name].against
            baseline = by_row.get(against, [])
            gains = list(paired_differences(baseline, of_row, key).values())
            ahead = sum(gain > 0 for gain in gains)
            sd = mean_scores(baseline)[key].sd if baseline else None
            value = mean_scores(of_row)[key]
            found.append(Comparison(name, against, value, spread(gains), ahead, sd))
    return found


def comparison_table(
    study: Study, runs: Sequence[Run], keys: Sequence[str] = ("accuracy", "mean_f1")
) -> pd.DataFrame:
    """Write :func:`compare_rows` as a table of text, two columns per score and the seeds.

    Differences are in points (j-kappa as it is), paired by seed; ``*`` marks a mean difference of
    more than two standard deviations of the baseline's seeds.
    """
    found = {key: compare_rows(study, runs, key) for key in keys}
    rows = [study.rows[of.row] for of in found[keys[0]]]
    columns = {"row": [row.name for row in rows]}
    for heading in ("point", "paper"):
        if any(getattr(row, heading) for row in rows):
            columns[heading] = [getattr(row, heading) or "-" for row in rows]
    columns["change"] = [row.change for row in rows]
    columns["beside"] = [row.against or "-" for row in rows]
    for key in keys:
        label = LABELS[key]
        columns[label] = [format_spread(of.value, key) for of in found[key]]
        columns[f"difference, {label.removesuffix(' %')}"] = [
            format_spread(of.difference, key, sign="+") + " *" * bool(of.large) for of in found[key]
        ]
    columns["seeds"] = [str(of.value.n) for of in found[keys[0]]]
    return pd.DataFrame(columns)
