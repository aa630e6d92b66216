# ruff: noqa: F401
"""Studies: many training runs, described in a TOML file each, one engine for all.

``NAME.toml`` beside this file says what a study trains, and :func:`run_study` trains it.
:func:`publish` adds finished runs to ``results.jsonl``, where :func:`results` finds them.
"""

from ecgbook.studies.definitions import Row, Study, load_study, study_names
from ecgbook.studies.engine import run_study
from ecgbook.studies.store import publish, results
from ecgbook.studies.summary import comparison_table
