"""The engine that makes a study's training runs, one after the other, in one process.

Each run has a folder of its own. A finished run is kept, and one that was cut off goes on from its
checkpoint: however a call ends, the next one loses an epoch at most.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ecgbook.paper_tables import to_markdown
from ecgbook.studies.definitions import Row, Study
from ecgbook.studies.people import pick
from ecgbook.studies.store import ENSEMBLE, QUICK
from ecgbook.studies.summary import comparison_table
from ecgkit import InputError
from ecgkit.data.beats import Beats, load_beats
from ecgkit.data.preparation import Preparation
from ecgkit.data.sources import SYNTHETIC_BANNER
from ecgkit.evaluate.runs import RUN, WEIGHTS, Run, result_fields, split_beats, train_and_test
from ecgkit.files import atomic_write
from ecgkit.train.device import pick_device
from ecgkit.train.weights import load_model

QUICK_BEATS, QUICK_EPOCHS, QUICK_BATCH = 2000, 2, 64
QUICK_BANNER = (
    "QUICK RUN: one seed, few epochs, a sample of the beats. It shows that everything works; its "
    "scores are no results."
)


def run_study(
    study: Study,
    *,
    out: Path,
    rows: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    quick: bool = False,
    test: bool = False,
    beats: Sequence[Beats] = (),
    device: str = "auto",
    **how: Any,
) -> list[Run]:
    """Make all runs of a study that are not there yet, seed by seed.

    InputError if nothing would be run, a name is unknown, or a run of other settings is in the way.

    Parameters
    ----------
    out : Path, for ``summary.md`` and a folder per run, ``ROW-SEED`` or ``ROW-SEED-test``
    rows : sequence of str, only these rows; none means all
    seeds : sequence of int, optional, instead of each row's
    quick : bool, whether one seed, few epochs and a sample of the beats are to show that all works
    test : bool
        Test the study's ``tested`` rows on DS2, and the mean of their seeds' probabilities.
    beats : sequence of Beats
        Tables to take the beats from, without the rows that none of them suits; without any,
        beats are loaded for each row.
    device, how : for :func:`ecgkit.evaluate.runs.train_and_test`: device, precision, progress
    """
    chosen = _choose(study, rows, test)
    tables = {row.preparation: _table(row.preparation, beats) for row in chosen} if beats else {}
    if left_out := [row.name for row in chosen if beats and tables[row.preparation] is None]:
        tell(f"No given table of beats suits {', '.join(left_out)}: these rows are left out.")
        chosen = [row for row in chosen if row.name not in left_out]
    if quick:
        for i, row in enumerate(chosen):
            settings = replace(row.settings, epochs=QUICK_EPOCHS, batch=QUICK_BATCH)
            chosen[i] = replace(row, recipe=row.recipe + QUICK, settings=settings)
    numbers = range(max((row.seeds for row in chosen), default=0)) if seeds is None else seeds
    numbers = sorted(set(numbers))[: 1 if quick else None]
    plan = [(n, row) for n in numbers for row in chosen if seeds is not None or n < row.seeds]
    if not plan:
        raise InputError("These rows and seeds make no run: ask for others, or for all.")
    runs: list[Run] = []
    prepared: dict[Preparation, Beats] = {}
    began, trained = time.perf_counter(), 0
    for seed, row in plan:
        folder = out / f"{row.name}-{seed}{'-test' * test}"
        there = (folder / RUN).exists()
        tell(f"run {len(runs) + 1} of {len(plan)}: {folder.name}{', finished before' * there}")
        if row.preparation not in prepared:  # only the last table is kept: each takes 80 MB
            prepared = {row.preparation: _beats(row.preparation, tables, quick)}
        _, run = train_and_test(
            prepared[row.preparation],
            row.model,
            row.recipe,
            row.settings,
            split=study.split,
            seed=seed,
            validation=row.validation and not test,
            out=folder,
            resume=True,
            device=device,
            study=study.name,
            row=row.name,
            **how,
        )
        runs.append(run)
        trained += not there
        if trained and (left := len(plan) - len(runs)):
            hours = left * (time.perf_counter() - began) / trained / 3600
            tell(f"{left} to go, about {hours:.1f} h")
    for row in chosen if test else ():
        members = [run for run in runs if run.row == row.name]
        if len(members) > 1:
            runs.append(_ensemble(members, _beats(row.preparation, tables, quick), out, device))
    _write_summary(study, runs, out, quick)
    return runs


def tell(sentence: str) -> None:
    """Print how far the work is, where it does not disturb the output."""
    print(f"ecgbook: {sentence}", file=sys.stderr, flush=True)


def _choose(study: Study, rows: Sequence[str], test: bool) -> list[Row]:
    """Take the rows that are asked for, in the order of the study."""
    if test and not study.tested:
        raise InputError(f"The study {study.name} names no rows for --test: run it without.")
    known = [row for row in study.rows.values() if not test or row.name in study.tested]
    names = [row.name for row in known]
    if unknown := [name for name in rows if name not in names]:
        what = f"row {unknown[0]!r} to {'test' if test else 'run'}"
        raise InputError(f"The study {study.name} has no {what}: use some of {', '.join(names)}.")
    return [row for row in known if not rows or row.name in rows]


def _beats(wanted: Preparation, tables: dict[Preparation, Beats | None], quick: bool) -> Beats:
    """Load the beats, or take those that were given, and of them a sample for a quick run."""
    beats = (tables.get(wanted) or load_beats(None, wanted)).without_q()
    return beats.sample(QUICK_BEATS) if quick else beats


def _table(wanted: Preparation, tables: Sequence[Beats]) -> Beats | None:
    """Find a table with this preparation, or with more features or another mapping of symbols."""
    for beats in tables:
        has = beats.preparation
        same = replace(has, features=wanted.features, mapping=wanted.mapping) == wanted
        if same and set(wanted.features) <= set(has.features):
            return pick(beats.relabel(wanted.mapping), wanted.features)
    return None


def _ensemble(runs: Sequence[Run], beats: Beats, out: Path, device: str) -> Run:
    """Test the mean of the probabilities of a row's seeds, and write its record beside theirs."""
    first = runs[0]
    halves = split_beats(beats, first.split, first.seed)
    if {run.split_hash for run in runs} != {halves.hash}:
        raise InputError(f"The seeds of {first.row} were tested on different beats: no ensemble.")
    tested = beats.select(halves.test)
    answers = []
    for run in runs:
        classifier = load_model(out / f"{run.row}-{run.seed}-test" / WEIGHTS)
        classifier.network.to(pick_device(device))
        answers.append(classifier.predict(tested))
    seeds = ", ".join(str(run.seed) for run in runs)
    fields = result_fields(tested, np.mean(answers, axis=0).argmax(axis=1), first.split)
    found = replace(
        first,
        **fields,
        settings=replace(first.settings, epochs=0),
        losses=[],
        epoch_seconds=[],
        seconds=round(sum(run.seconds for run in runs), 1),
        row=first.row + ENSEMBLE,
        note=f"Mean of the probabilities of {len(runs)} runs, seeds {seeds}.",
    )
    with atomic_write(out / found.row / RUN) as draft:
        draft.write_text(f"{found.to_json()}\n", "utf-8")
    return found


def _write_summary(study: Study, runs: Sequence[Run], out: Path, quick: bool) -> None:
    """Write the table of the runs, with what has to be known to read it."""
    places = sorted({f"{run.device} in {run.precision}" for run in runs})
    seconds = sum(run.seconds for run in runs if run.settings.epochs)
    lines = [f"# {study.title}", ""]
    lines += [f"**{SYNTHETIC_BANNER}**\n"] * (runs[0].source == "synthetic")
    lines += [f"**{QUICK_BANNER}**\n"] * quick
    lines += [f"Trained on {'; '.join(places)}: {seconds:.0f} s in all.\n"]
    keys = ("accuracy", "mean_f1") if study.split == "random" else ("accuracy", "f1_S", "j_kappa")
    for part in dict.fromkeys(run.tested_on for run in runs):
        of_part = [run for run in runs if run.tested_on == part]
        lines += [f"Tested on the {part} part.\n"]
        lines += [to_markdown(comparison_table(study, of_part, keys)), ""]
    with atomic_write(out / "summary.md") as draft:
        draft.write_text("\n".join(lines), "utf-8")
