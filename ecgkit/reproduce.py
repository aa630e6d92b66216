"""The paper's experiments, all of them: the runs, then its tables and figures with ours.

Each run is a directory as :func:`ecgkit.experiments.train` writes it. Finished runs are kept and
one that was cut off goes on: however a call is interrupted, the next loses an epoch at most.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgkit import InputError, experiments, files, tables
from ecgkit.heartbeats import Heartbeats
from ecgkit.models import MODELS, build

QUICK = {"epochs": 3, "batch": 64}
"""What ``--quick`` changes of a recipe."""

QUICK_BEATS, QUICK_RARE = 2000, 60
"""Beats that ``--quick`` takes in all, and at least of each class, as far as there are so many."""

QUICK_BANNER = (
    "QUICK RUN: one seed, few epochs, a sample of the beats. It shows that everything works; its "
    "figures are no results."
)
SYNTHETIC_BANNER = (
    "SYNTHETIC RECORDS, computer-made, not MIT-BIH: no figure here says anything of a patient."
)
NOT_THE_PAPERS = (
    "Our runs. The paper's figure is not reproduced here: its values are not in its text."
)


def sample(beats: Heartbeats, n: int = QUICK_BEATS, rare: int = QUICK_RARE) -> Heartbeats:
    """Take a stratified sample for a quick run: evenly spaced beats of each class.

    Returns
    -------
    About n beats; the shares of the classes stay, but a rare class keeps ``rare``.
    """
    share = min(1.0, n / max(len(beats), 1))
    rows = [np.arange(0)]
    for c in np.unique(beats.labels):
        of_class = np.flatnonzero(beats.labels == c)
        take = min(len(of_class), max(round(share * len(of_class)), rare))
        rows.append(of_class[np.linspace(0, len(of_class) - 1, take).astype(int)])
    return beats.select(np.sort(np.concatenate(rows)))


def check(recipe: str, models: Sequence[str], seeds: int) -> None:
    """Refuse a name that does not exist, or no run at all, before anything is read or trained."""
    experiments.recipe(recipe)
    for model in models:
        build(model)
    if seeds < 1 or not models:
        raise InputError(f"{seeds} seeds of {len(models)} models make no run: take one at least.")


def reproduce(
    beats: Heartbeats,
    out: Path,
    recipe: str = "paper",
    seeds: int = 5,
    models: Sequence[str] = tuple(MODELS),
    quick: bool = False,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = True,
) -> dict[str, Any]:
    """Make all runs that are not there yet, and tables and figures from all.

    Parameters
    ----------
    beats
        Table of beats; class Q is left out. Where the recipe is one of
        :data:`ecgkit.experiments.BEATS` it was prepared as that says.
    out
        Takes a directory for each run, ``MODEL-RECIPE-random-SEED``, and ``tables.md``,
        ``fig5.png`` and ``fig6.png``, which are renewed whenever a seed is complete.
    recipe, models
        See :data:`ecgkit.experiments.RECIPES` and :data:`ecgkit.models.MODELS`.
    seeds
        How many: 0, 1, ...
    quick
        One seed and a few epochs on a sample of the beats, to see that everything works. The
        records then name the recipe ``paper-quick`` or ``ours-quick``.
    device, precision
        See :mod:`ecgkit.training`.
    progress
        Show a bar while a model is trained.

    Returns
    -------
    ``{"source", "fingerprint", "recipe", "quick", "runs", "models", "gains", "files"}``: of each
    run the settings, matrix and seconds; ``models`` and ``gains`` from
    :func:`ecgkit.tables.summary`; the paths of what was written.

    Raises
    ------
    InputError
        If a name is unknown, there would be no run, or a run of other settings is in the way.
    """
    check(recipe, models, seeds)
    how = experiments.recipe(recipe, **(QUICK if quick else {}))
    models = list(dict.fromkeys(models))
    if quick:
        beats, seeds = sample(beats.without_q()), 1
    runs: list[dict[str, Any]] = []
    began, trained, total = time.perf_counter(), 0, seeds * len(models)
    for seed in range(seeds):
        for model in models:
            folder = out / f"{model}-{recipe}-random-{seed}"
            there = (folder / experiments.RUN).exists()
            tell(f"run {len(runs) + 1} of {total}: {folder.name}{', finished before' * there}")
            _, run = experiments.train(
                beats,
                model,
                f"{recipe}-quick" if quick else recipe,
                how,
                seed=seed,
                out=folder,
                resume=True,
                device=device,
                precision=precision,
                progress=progress,
                prepared=experiments.BEATS.get(recipe),
            )
            runs.append(run)
            trained += not there
            if trained and (left := total - len(runs)):
                minutes = left * (time.perf_counter() - began) / trained / 60
                tell(f"{len(runs)} done, {left} to go: about {minutes:.0f} min")
        written = _write(out, runs, beats, quick)
    brief = ("model", "recipe", "seed", "config", "split_hash", "confusion_matrix", "seconds")
    return {
        "source": beats.source,
        "fingerprint": beats.fingerprint,
        "recipe": recipe,
        "quick": quick,
        "runs": [{key: run[key] for key in (*brief, "device")} for run in runs],
        **tables.summary(runs),
        "files": [str(path) for path in written],
    }


def tell(sentence: str) -> None:
    """Say how far the work is, without disturbing what goes to the output."""
    print(f"ecgkit: {sentence}", file=sys.stderr, flush=True)


def _write(out: Path, runs: Sequence[dict[str, Any]], beats: Heartbeats, quick: bool) -> list[Path]:
    """Write the figures and, with them, the tables; return their paths."""
    drawn = _draw(out, runs, beats.source == "synthetic", quick)
    one = runs[0]
    lines = ["# The paper's tables, and ours", ""]
    lines += [f"**{SYNTHETIC_BANNER}**\n"] if beats.source == "synthetic" else []
    lines += [f"**{QUICK_BANNER}**\n"] if quick else []
    places = sorted({f"{run['device']} in {run['config']['precision']}" for run in runs})
    seconds = sum(run["seconds"] for run in runs)
    seeds = ", ".join(map(str, sorted({run["seed"] for run in runs})))
    lines += [
        f"Recipe {one['recipe']}, {one['config']['epochs']} epochs of batch "
        f"{one['config']['batch']}; seeds {seeds}; "
        f"beats split at random, {np.sum(one['confusion_matrix'])} of {len(beats.without_q())} "
        f"tested on. Data {beats.source}, fingerprint {beats.fingerprint}, mapping "
        f"{beats.mapping}. Trained on {'; '.join(places)}: {seconds:.0f} s in all."
    ]
    lines += [tables.markdown(runs)]
    lines += [f"![{alt}]({path.name})\n" for path, alt in drawn.items()]
    with files.whole(out / "tables.md") as draft:
        draft.write_text("\n".join(lines), "utf-8")
    return [out / "tables.md", *drawn]


def _draw(
    out: Path, runs: Sequence[dict[str, Any]], synthetic: bool, quick: bool
) -> dict[Path, str]:
    """Draw Figs. 5 and 6 as far as there are runs for them; path -> alt text."""
    try:
        from ecgkit import plots  # a machine that only trains may lack Matplotlib
    except ImportError as error:
        tell(f"Figures are not drawn here ({error}); the same command draws them elsewhere.")
        return {}
    mark = "QUICK RUN, no results. " if quick else ""
    recipe = runs[0]["recipe"]
    accuracies: dict[str, list[float]] = {}
    for run in runs:
        accuracies.setdefault(run["model"], []).append(tables.figures(run)["accuracy"])
    pairs = {
        part: {model: accuracies[model] for model in tables.PAIRS[part] if model in accuracies}
        for part in ("Inception stem", "SE block")
    }
    matrices = {
        run["model"]: run["confusion_matrix"]
        for model in tables.TABLE_II
        for run in runs
        if run["model"] == model and run["seed"] == 0
    }
    drawn = {}
    note = f"{mark}{NOT_THE_PAPERS}"
    if any(pairs.values()):
        title = f"Fig. 5: accuracy of the parts, recipe {recipe}"
        pairs = {part: pair for part, pair in pairs.items() if pair}
        drawn[out / "fig5.png"] = plots.accuracy_bars(pairs, title, note, synthetic)
    if matrices:
        title = f"Fig. 6: confusion matrices, recipe {recipe}, seed 0"
        drawn[out / "fig6.png"] = plots.confusion_matrices(matrices, title, note, synthetic)
    return {path: plots.save(figure, path) for path, figure in drawn.items()}
