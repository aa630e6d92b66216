"""Each row of a study beside its baseline."""

from collections.abc import Sequence

import pandas as pd

from ecgbook.paper_tables import LABELS, format_spread, mean_scores, paired_differences, spread
from ecgbook.studies.definitions import Study
from ecgkit.evaluate.runs import Run


def comparison_table(
    study: Study, runs: Sequence[Run], keys: Sequence[str] = ("accuracy", "mean_f1")
) -> pd.DataFrame:
    """Put each row that has runs beside its baseline, without ensembles, as a table of text.

    The runs are of this study, tested on one part; each of ``keys``, scores of
    :func:`ecgbook.paper_tables.scores`, has two columns. Differences are in points (j-kappa as it
    is), paired by seed; ``*`` marks means beyond two standard deviations of the baseline's seeds.
    """
    by_row = {name: of for name in study.rows if (of := [run for run in runs if run.row == name])}
    rows = [study.rows[name] for name in by_row]
    columns = {"row": list(by_row)}
    for heading in ("point", "paper"):
        if any(getattr(row, heading) for row in rows):
            columns[heading] = [getattr(row, heading) or "-" for row in rows]
    columns["change"] = [row.change for row in rows]
    columns["beside"] = [row.against or "-" for row in rows]
    for key in keys:
        label, differences = LABELS[key], []
        for row in rows:
            baseline = by_row.get(row.against, [])
            gain = spread(list(paired_differences(baseline, by_row[row.name], key).values()))
            sd = mean_scores(baseline)[key].sd if baseline else None
            large = gain.mean is not None and sd is not None and abs(gain.mean) > 2 * sd
            differences.append(format_spread(gain, key, sign="+") + " *" * large)
        columns[label] = [format_spread(mean_scores(of)[key], key) for of in by_row.values()]
        columns[f"difference, {label.removesuffix(' %')}"] = differences
    columns["seeds"] = [str(len(of)) for of in by_row.values()]
    return pd.DataFrame(columns)
