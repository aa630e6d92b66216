"""Studies: many training runs, described in a TOML file each, one engine for all.

``NAME.toml`` beside this file says what a study trains; :func:`run_study` trains it, resumable at
every epoch; :func:`publish` moves finished runs into ``results.jsonl``, one line per run, where
:func:`results` finds them. :func:`compare_rows` sets each row beside its baseline.
"""

from ecgbook.studies.definitions import Row, Study, load_study, study_names
from ecgbook.studies.engine import run_study
from ecgbook.studies.store import publish, results
from ecgbook.studies.summary import Comparison, compare_rows, comparison_table

__all__ = [
    "Comparison",
    "Row",
    "Study",
    "compare_rows",
    "comparison_table",
    "load_study",
    "publish",
    "results",
    "run_study",
    "study_names",
]
