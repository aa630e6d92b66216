"""Published results: ``results.jsonl``, one line per training run."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ecgbook.studies.definitions import FOLDER, load_study, study_names
from ecgkit import InputError
from ecgkit.data.preparation import Preparation
from ecgkit.evaluate.runs import RUN, Run
from ecgkit.files import atomic_write
from ecgkit.train.recipe import Recipe

RESULTS = FOLDER / "results.jsonl"
ENSEMBLE = "-ensemble"  # ends the row's name of an ensemble, behind that of its members' row
QUICK = "-quick"  # ends the recipe's name of a run that only shows that everything works


@functools.lru_cache(maxsize=2)
def _read(path: Path, _changed_ns: int) -> tuple[Run, ...]:
    """Read all results; the time of the last change keeps the cache honest."""
    return tuple(Run.from_json(line) for line in path.read_text("utf-8").splitlines())


@functools.cache
def _order() -> dict[tuple[str, str], int]:
    """Place of each study's rows, each followed by its ensemble."""
    rows = [(study, row) for study in study_names() for row in load_study(study).rows]
    named = [(study, row + end) for study, row in rows for end in ("", ENSEMBLE)]
    return {name: place for place, name in enumerate(named)}


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Sort runs by the rows of their studies, then by seed."""
    last = len(_order())
    return sorted(runs, key=lambda run: (_order().get((run.study, run.row), last), run.seed))


def results(study: str | None = None, row: str | None = None, **equals: Any) -> list[Run]:
    """Find published runs, in the order of the study's rows and then by seed.

    The row ``"ROW-ensemble"`` is the mean of the probabilities of a tested row's seeds. ``equals``
    names further fields of :class:`ecgkit.evaluate.runs.Run`, its settings or its preparation.
    InputError if there is no such study, row or field.

    >>> [run.seed for run in results("reproduction", "resnet-tcn-ours")][:5]
    [0, 1, 2, 3, 4]
    """
    wanted = equals | ({"study": study} if study else {}) | ({"row": row} if row else {})
    known = {field.name for kind in (Run, Recipe, Preparation) for field in fields(kind)}
    if unknown := wanted.keys() - known:
        raise InputError(f"A run has no {', '.join(sorted(unknown))}: ask for one of its fields.")
    if study and row and row.removesuffix(ENSEMBLE) not in load_study(study).rows:
        raise InputError(f"The study {study} has no row {row!r}: see load_study({study!r}).rows.")
    published = _read(RESULTS, RESULTS.stat().st_mtime_ns)
    flat = ((run, vars(run) | vars(run.settings) | vars(run.preparation)) for run in published)
    return in_order(run for run, values in flat if wanted.items() <= values.items())


def publish(folder: Path, *, replace: bool = False, results: Path | None = None) -> list[Run]:
    """Add the finished runs below a folder to the results, all or none.

    With ``replace`` a run takes the place of one with the same study, row, seed, recipe and test
    part. ``results`` may be another file. InputError if there is no run, or one is of no study, a
    quick run, not of MIT-BIH, or there already.
    """
    path = results or RESULTS
    found = [Run.read(file) for file in sorted(folder.rglob(RUN))]
    if not found:
        raise InputError(f"{folder} holds no finished run: {RUN} is in none of its folders.")
    for run in found:
        if run.recipe.endswith(QUICK):
            raise InputError(f"{_name(run)} is a quick run, no result: make it without --quick.")
        if run.source != "mitdb":
            raise InputError(f"{_name(run)} is of {run.source}: publish runs on MIT-BIH only.")
        if (run.study, run.row) not in _order():
            raise InputError(f"{_name(run)} is of no row of a study: add it to the TOML file.")
    new = {_identity(run) for run in found}
    if len(new) < len(found):
        raise InputError(f"{folder} holds a run twice: give a folder with one copy of each.")
    old = _read(path, path.stat().st_mtime_ns) if path.exists() else ()
    kept = [run for run in old if _identity(run) not in new]
    if len(kept) < len(old) and not replace:
        there = next(run for run in old if run not in kept)
        raise InputError(
            f"{_name(there)} is published already, one of {len(old) - len(kept)}: add --replace to "
            "exchange them, or give a folder of new runs."
        )
    with atomic_write(path) as draft:
        text = "".join(f"{run.to_json()}\n" for run in in_order([*kept, *found]))
        draft.write_text(text, "utf-8")
    return found


def _identity(run: Run) -> Sequence[Any]:
    return run.study, run.row, run.seed, run.recipe, run.tested_on


def _name(run: Run) -> str:
    return f"{run.study}/{run.row}, seed {run.seed}, tested on the {run.tested_on} part,"
