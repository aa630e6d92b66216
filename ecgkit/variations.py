"""One thing changed at a time: what the paper's ambiguous points cost, what our recipe is made of.

Where the paper is silent or can be read in two ways, this book had to settle on a reading. Some
entries of :data:`VARIATIONS` change one of these and leave the rest; the differences to the run in
which nothing is changed say which of the decisions matter. They are measured on the test half after
the decisions were made, and change none of these readings. (One hint for our recipe, milder crops,
came from them: page 10 says so.)

Others change the ingredients of our own recipe. That is how it was chosen, so they are measured on
a tenth of the training half. The last take parts out of the network, as the paper's Fig. 5 does.

The runs are hurried ones: they compare with each other, not with the paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy import stats

from ecgkit import InputError, experiments, files, heartbeats, reproduce, tables
from ecgkit.training import Recipe

if TYPE_CHECKING:
    from ecgkit.records import Source

_PARTS = Recipe(epochs=3, batch=256, learning_rate=1e-3, schedule="one-cycle", balance=0.0)

RECIPES = {
    "hurried": Recipe(epochs=4, batch=256, learning_rate=1e-3, schedule="one-cycle"),
    "hurried-tcn": _PARTS,
    "hurried-resnet": _PARTS,
    "hurried-first": replace(experiments.RECIPES["first"], epochs=6),
    "hurried-ours": replace(experiments.RECIPES["ours"], epochs=6),
}
"""Recipes of these runs alone: the paper's and ours in fewer epochs, and one with few draws."""

GROUPS = {
    "settled": "A hurried form of the paper's recipe: the same balance and crops, in 4 epochs "
    "instead of 50, with a larger batch and a rate that rises and falls. What was settled was "
    "settled before, and stays whichever row is ahead.",
    "squeeze-last": "Squeezing over time needs the TCN's last block at every step, about twenty "
    "times the multiplications of the last step alone. So these runs are of the TCN without the "
    "ResNet, in 3 epochs of the training half as it is, its rare classes not raised.",
    "resnet-alone": "The ResNet without the TCN, and what parts bring it, in 3 epochs of the "
    "training half as it is.",
    "first": "Our recipe as it was first, in 6 epochs: one ingredient is changed at a time.",
    "ours": "Our recipe as it is, in 6 epochs: what the table of the first one said is heeded.",
}
"""The runs in which nothing is changed, each with what is to be said of its group."""

SEEDS = 3
"""How many seeds these have, and what is compared seed by seed; all else has the first alone."""

QUICK: dict[str, Any] = {"epochs": 1, "batch": 32}
QUICK_BEATS, QUICK_RARE = 300, 40
"""What ``quick`` changes of a recipe, and how many beats it takes."""


@dataclass(frozen=True)
class Variation:
    """A point of the paper, and what one run does about it.

    Attributes
    ----------
    point, paper, change
        What is ambiguous, what the paper says of it, and what is done here; said in the table.
    beats
        Arguments of :func:`ecgkit.heartbeats.prepare`, in types that JSON has.
    model
        See :func:`ecgkit.models.build`.
    base, recipe
        Name of a recipe, of :data:`RECIPES` or :data:`ecgkit.experiments.RECIPES`, and what is
        changed of it.
    against
        The run of :data:`GROUPS` that it is compared with.
    validation
        Report on a tenth of the training half instead of the test half: for making choices.
    seeds
        How many: 0, 1, ...
    """

    point: str
    paper: str
    change: str
    beats: Mapping[str, Any] = field(default_factory=dict)
    model: str = "resnet-tcn"
    base: str = "hurried"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    against: str = "settled"
    validation: bool = False
    seeds: int = 1


def _ingredient(point: str, paper: str, change: str, **recipe: Any) -> Variation:
    """Our first recipe with one ingredient changed, on the validation part."""
    how: dict[str, Any] = {"base": "hurried-first", "against": "first", "validation": True}
    return Variation(point, paper, change, recipe=recipe, **how)


def _part(point: str, change: str, model: str, against: str) -> Variation:
    """One of the paper's models, or a part taken out of it, with several seeds."""
    base = "hurried-tcn" if against == "squeeze-last" else "hurried-resnet"
    how: dict[str, Any] = {"base": base, "against": against, "seeds": SEEDS}
    return Variation(point, "there" if "without" in change else "-", change, model=model, **how)


_CROPS = ("crops", '"randomly intercepting"; no range')
_BANDS = ("zeroed bands", '"zero out the coefficients at certain scales"')
_SE = ("squeeze of the SE block", '"after the last layer"; not of what')

VARIATIONS = {
    "settled": Variation("-", "-", "everything as settled", seeds=SEEDS),
    "crops-50": Variation(
        *_CROPS, "50-100 % of a beat, not 75-100 %", recipe={"shortest_crop": 0.5}
    ),
    "crops-90": Variation(
        *_CROPS, "90-100 % of a beat, not 75-100 %", recipe={"shortest_crop": 0.9}
    ),
    "bands-d9": Variation(
        *_BANDS, "A9, D9, D1, D2, not A9, D1, D2", {"zeroed": ["A9", "D9", "D1", "D2"]}
    ),
    "bands-d1": Variation(*_BANDS, "A9, D1, not A9, D1, D2", {"zeroed": ["A9", "D1"]}),
    "bands-none": Variation(*_BANDS, "none, not A9, D1, D2", {"zeroed": []}),
    "r-90th": Variation(
        "sample of the R peak",
        '"90 each of the left and right R-peaks"',
        "the 90th of 180, not the 91st",
        {"before": 89},
    ),
    "lead-first": Variation(
        "lead of record 114",
        '"the first channel [...] of the same lead"',
        "its first channel, V5, not MLII",
        {"lead": "first"},
    ),
    "early-stride": Variation(
        "strides of the ResNet",
        '"step size of 2"; not where',
        "2 into all three layers (180, 90, 45, 23), not the last two",
        model="resnet-tcn-early-stride",
    ),
    "squeeze-last": Variation(
        *_SE,
        "the last step, as settled",
        model="tcn",
        base="hurried-tcn",
        against="squeeze-last",
        seeds=SEEDS,
    ),
    "squeeze-time": Variation(
        *_SE,
        "the mean over time, not the last step",
        model="tcn-squeeze-time",
        base="hurried-tcn",
        against="squeeze-last",
    ),
    "no-se": _part("SE block", "without", "tcn-no-se", "squeeze-last"),
    "resnet-alone": _part("-", "the ResNet, as settled", "resnet", "resnet-alone"),
    "no-inception": _part("Inception stem", "without", "resnet-no-inception", "resnet-alone"),
    "joint": _part("TCN branch", "joined to the ResNet", "resnet-tcn", "resnet-alone"),
    "first": replace(_ingredient("-", "-", "our first recipe, whole"), seeds=SEEDS),
    "constant-rate": _ingredient(
        "learning rate",
        "1e-4 throughout",
        "1e-3 throughout",
        learning_rate=1e-3,
        schedule="constant",
    ),
    "no-decay": _ingredient("weight decay", "none", "none", weight_decay=0.0),
    "no-smoothing": _ingredient("label smoothing", "none", "none", label_smoothing=0.0),
    "full-balance": _ingredient(
        "balance", "all classes as frequent as N", "as the paper's", balance=1.0
    ),
    "whole-originals": _ingredient(
        "crops of the originals", "of the copies alone", "as the paper's", cropped_originals=0.0
    ),
    "undisturbed": _ingredient("gain, noise, drift", "none", "none", gain=0.0, noise_mv=0.0),
    "together-only": _ingredient(
        "a loss for each branch", "for both together", "as the paper's", each_branch=0.0
    ),
    "ours": Variation(
        *("-", "-", "our recipe, whole"),
        base="hurried-ours",
        against="ours",
        validation=True,
        seeds=SEEDS,
    ),
    "one-second": Variation(
        *("length of a beat", "half a second", "a second, every other sample"),
        beats=experiments.BEATS["ours-1s"],
        base="hurried-ours",
        against="ours",
        validation=True,
    ),
    "rr-intervals": Variation(
        *("RR intervals", "none", "six ratios of them, in a branch of their own"),
        model="resnet-tcn-rr",
        base="hurried-ours",
        against="ours",
        validation=True,
    ),
}
"""Name -> what is changed; the quotations are of the paper's sections II-A, III and IV-A."""


def recipe(name: str, quick: bool = False) -> Recipe:
    """Return the recipe of a variation.

    Examples
    --------
    >>> recipe("crops-50").shortest_crop, recipe("crops-50").epochs
    (0.5, 4)
    """
    variation = VARIATIONS[name]
    base = {**experiments.RECIPES, **RECIPES}[variation.base]
    return replace(base, **{**variation.recipe, **(QUICK if quick else {})})


def check(names: Sequence[str]) -> None:
    """Refuse a name that does not exist, before anything is read or trained."""
    for name in names:
        if name not in VARIATIONS:
            raise InputError(f"There is no variation {name!r}: use one of {', '.join(VARIATIONS)}.")


def make(
    source: Source,
    out: Path,
    only: Sequence[str] = (),
    mapping: str = "ec57",
    quick: bool = False,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = True,
) -> dict[str, Any]:
    """Make all runs that are not there yet, and the table of them.

    Parameters
    ----------
    source
        From :func:`ecgkit.records.find`; the beats are prepared anew where a variation asks for it.
    out
        Takes a directory for each run, ``NAME-SEED``, and ``variations.md``. Finished runs are kept
        and one that was cut off goes on.
    only
        Names of :data:`VARIATIONS`; none means all. The table then holds these alone.
    mapping
        Symbols to classes, see :func:`ecgkit.heartbeats.prepare`.
    quick
        One seed and an epoch on a few hundred beats, to see that everything works. The records
        then name the recipe ``hurried-quick``.
    device, precision, progress
        See :func:`ecgkit.experiments.train`.

    Returns
    -------
    ``{"source", "fingerprint", "quick", "runs", "rows", "file"}``: of each run the settings, matrix
    and seconds; ``rows`` from :func:`summary`; the path of the table.

    Raises
    ------
    InputError
        If a name is unknown, or a run of other settings is in the way.
    """
    check(only)
    plan = [
        (name, seed)
        for name, variation in VARIATIONS.items()
        if not only or name in only
        for seed in range(1 if quick else variation.seeds)
    ]
    runs: list[dict[str, Any]] = []
    for name, seed in plan:
        variation, folder = VARIATIONS[name], out / f"{name}-{seed}"
        there = (folder / experiments.RUN).exists()
        done = f"run {len(runs) + 1} of {len(plan)}: {folder.name}"
        reproduce.tell(f"{done}{', finished before' * there}")
        beats = heartbeats.prepare(source, mapping, **variation.beats)
        if quick:
            beats = reproduce.sample(beats.without_q(), QUICK_BEATS, QUICK_RARE)
        _, run = experiments.train(
            beats,
            variation.model,
            f"{variation.base}-quick" if quick else variation.base,
            recipe(name, quick),
            seed=seed,
            out=folder,
            resume=True,
            device=device,
            precision=precision,
            validation=variation.validation,
            progress=progress,
            variation=name,
            prepared=variation.beats,
        )
        runs.append(run)
    path = out / "variations.md"
    with files.whole(path) as draft:
        draft.write_text(markdown(runs), "utf-8")
    brief = {"variation", "model", "recipe", "seed", "config", "data", "tested_on", "split_hash"}
    brief |= {"confusion_matrix", "seconds", "device"}
    return {
        "source": source.name,
        "fingerprint": source.fingerprint,
        "quick": quick,
        "runs": [{key: run[key] for key in run if key in brief} for run in runs],
        "rows": summary(runs),
        "file": str(path),
    }


def summary(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare each variation's run of seed 0 with that in which nothing is changed.

    Parameters
    ----------
    runs
        Records, of which ``variation``, ``seed`` and ``confusion_matrix`` are used.

    Returns
    -------
    For each variation that has a run of seed 0, in the order of :data:`VARIATIONS`: ``variation``,
    ``against``, and of ``accuracy`` and ``mean_f1`` each, as shares, the ``value``; the
    ``difference`` to seed 0 of ``against``; the standard deviation ``sd`` (n - 1) of the seeds of
    ``against``; and ``large``, whether the difference is larger than 2 sd. None where there is no
    such run, a single seed, or a figure that is not defined.
    """
    of = {(run["variation"], run["seed"]): tables.figures(dict(run)) for run in runs}
    rows = []
    for name, variation in VARIATIONS.items():
        if (name, 0) not in of:
            continue
        row: dict[str, Any] = {"variation": name, "against": variation.against}
        for key in ("accuracy", "mean_f1"):
            value = _defined(of[name, 0][key])
            settled = {seed: f[key] for (other, seed), f in of.items() if other == row["against"]}
            sd = tables.spread([*settled.values()])["sd"] if settled else None
            beside = None if name in GROUPS else _defined(settled.get(0, math.nan))
            difference = None if value is None or beside is None else value - beside
            large = None if difference is None or sd is None else abs(difference) > 2 * sd
            row[key] = {"value": value, "difference": difference, "sd": sd, "large": large}
        rows.append(row)
    return rows


def _defined(figure: float) -> float | None:
    """Turn NaN into what JSON has for it."""
    return None if math.isnan(figure) else figure


def markdown(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write what each reading costs as Markdown, a table for each of :data:`GROUPS`."""
    rows = summary(runs)
    lines = ["# One thing changed at a time", ""]
    lines += [f"**{reproduce.SYNTHETIC_BANNER}**\n"] * (runs[0]["data"]["source"] == "synthetic")
    lines += [f"**{reproduce.QUICK_BANNER}**\n"] * runs[0]["recipe"].endswith("-quick")
    lines += [
        "In each row one thing is changed, and all the rest stays. The runs are hurried ones: they "
        "compare with each other, not with the paper. Accuracy and mean F1, the mean of the four "
        "classes' F1, are of seed 0, in per cent; differences are in points.\n"
    ]
    for reference, about in GROUPS.items():
        group = [row for row in rows if row["against"] == reference]
        if group:
            of_group = [run for run in runs if run["variation"] in {r["variation"] for r in group}]
            lines += [f"## Beside `{reference}`\n", f"{about} {_how(reference, of_group)}\n"]
            lines += ["| point | the paper | here | accuracy | difference | mean F1 | difference |"]
            lines[-1] += " larger than 2 sd |"
            lines += ["| --- | --- | --- | ---: | ---: | ---: | ---: | --- |"]
            lines += [*map(_line, group), "", _luck(reference, runs, group[0]), ""]
    return "\n".join(lines)


def _how(reference: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Say how a group's runs were made."""
    run = next((run for run in runs if run["variation"] == reference), runs[0])
    how = run["config"]
    places = sorted({f"{r['device']} in {r['config']['precision']}" for r in runs})
    return (
        f"Recipe {run['recipe']}: {how['epochs']} epochs of batch {how['batch']}, learning rate "
        f"{how['learning_rate']:g} ({how['schedule']}), balance {how['balance']:g}. Beats split at "
        f"random, tested on {sum(map(sum, run['confusion_matrix']))} beats of the "
        f"{run['tested_on']} part. Data {run['data']['source']}, fingerprint "
        f"{run['data']['fingerprint']}, mapping {run['mapping']}. Trained on {'; '.join(places)}: "
        f"{sum(r['seconds'] for r in runs):.0f} s in all."
    )


def _line(row: dict[str, Any]) -> str:
    """Write a variation's line of the table."""
    variation, figures = VARIATIONS[row["variation"]], (row["accuracy"], row["mean_f1"])
    cells = [variation.point, variation.paper, variation.change]
    for figure in figures:
        cells += [_points(figure["value"], ".2f"), _points(figure["difference"], "+.2f")]
    named = zip(("accuracy", "mean F1"), figures, strict=True)
    unknown = any(figure["large"] is None for figure in figures)
    said = " and ".join(name for name, figure in named if figure["large"])
    cells += [said or ("-" if unknown else "neither")]
    return f"| {' | '.join(cells)} |"


def _points(share: float | None, how: str) -> str:
    """Write a share in per cent, "-" where it is not defined."""
    return "-" if share is None else format(100 * share, how)


def _luck(reference: str, runs: Sequence[Mapping[str, Any]], row: dict[str, Any]) -> str:
    """Say how far seeds alone move the figures, and what a difference of 2 sd is worth."""
    n = sum(run["variation"] == reference for run in runs)
    if row["accuracy"]["sd"] is None:
        return f"Runs of `{reference}`: {n}. How far luck goes cannot be told: it takes two seeds."
    often = 2 * stats.t.sf(2 / 2**0.5, n - 1)  # a difference of two runs has sd * sqrt(2)
    return (
        f"{n} seeds of `{reference}`, each with its own split and first weights: standard "
        f"deviation (n - 1) {_points(row['accuracy']['sd'], '.3f')} points of accuracy, "
        f"{_points(row['mean_f1']['sd'], '.3f')} of mean F1. That is a rough measure of luck: "
        "two runs that differ by luck alone would be more than 2 of these sd apart in "
        f"{often:.0%} of cases; the runs of a row share a seed, and with it the split, so here it "
        "should be less often. What is not larger cannot be told from luck; what is larger "
        "deserves more seeds."
    )
