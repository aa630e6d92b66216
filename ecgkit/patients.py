"""New patients: what is left of a result when nobody in the test was seen in training.

Trained on the patients of DS1, tested on those of DS2 (:func:`ecgkit.splits.patient_split`). What
to do about the fall is chosen on *validation patients*, carved from DS1 anew with each seed; each
of :data:`ROWS` changes one thing of another. DS2 is looked at once, by the rows that are published,
when :func:`make` is told so: validation and test have folders of their own, and no row is chosen by
the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ecgkit import InputError, context, experiments, files, metrics, reproduce, tables, training
from ecgkit.heartbeats import Heartbeats
from ecgkit.training import Recipe

RECIPE = replace(experiments.RECIPES["ours"], epochs=2)
"""Of all rows: ours in fewer epochs, for a network soon knows its few patients by heart."""

SEEDS = 5

Tables = Callable[[Mapping[str, Any]], Heartbeats]
"""Gives the table that :func:`ecgkit.heartbeats.prepare` makes with these arguments."""


@dataclass(frozen=True)
class Row:
    """One way to meet new patients.

    Attributes
    ----------
    change
        What is done, said in the table.
    model
        See :func:`ecgkit.models.build`.
    beats
        Arguments of :func:`ecgkit.heartbeats.prepare`, in types that JSON has.
    own_units
        Divide each beat by its patient's own size, see :func:`ecgkit.context.scaled`.
    departures
        Subtract the patient's usual beat, after that, see :func:`ecgkit.context.departures`.
    recipe
        What is changed of :data:`RECIPE`.
    """

    change: str
    model: str = "resnet-tcn-rr"
    beats: Mapping[str, Any] = field(default_factory=dict)
    own_units: bool = False
    departures: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prepared(self) -> dict[str, Any]:
        """What was done to the beats otherwise than by default, as a run's record notes it."""
        done = {"own_units": self.own_units, "departures": self.departures}
        return {**self.beats, **{what: True for what, is_done in done.items() if is_done}}


ROWS = {
    "plain": Row("half a second alone, as under the random split", model="resnet-tcn"),
    "rr": Row("and RR intervals, as ratios to the patient's past"),
    "own": Row("and the beat's shape beside the patient's past", model="resnet-tcn-own"),
    "no-resnet": Row("as `own`, without the ResNet branch", model="tcn-own"),
    "no-tcn": Row("as `own`, without the TCN branch", model="resnet-own"),
    "columns": Row("the columns of `own` alone, no samples", model="columns"),
    "own-units": Row("RR; beats in units of the patient's own", own_units=True),
    "long": Row("RR; a second instead of half a second", beats={"step": 2}),
    "unbalanced": Row("RR; rare classes not filled up", recipe={"balance": 0.0}),
    "balanced": Row("RR; all classes filled up to N", recipe={"balance": 1.0}),
    "weights": Row("RR; class weights instead", recipe={"balance": 0.0, "class_weights": 0.5}),
    "focal": Row("RR; focal loss instead", recipe={"balance": 0.0, "focal": 2.0}),
    "undisturbed": Row("RR; no gain, noise or drift", recipe={"gain": 0.0, "noise_mv": 0.0}),
    "disturbed": Row("RR; three times as much of them", recipe={"gain": 0.15, "noise_mv": 0.015}),
    "longer": Row("RR; 6 epochs instead of 2", recipe={"epochs": 6}),
    "all": Row(
        "shape, own units and a second together",
        model="resnet-tcn-own",
        beats={"step": 2},
        own_units=True,
    ),
    "departures": Row(
        "as `own`; in own units, less the patient's mean beat",
        model="resnet-tcn-own",
        own_units=True,
        departures=True,
    ),
    "departures-tcn": Row(
        "and without the ResNet branch", model="tcn-own", own_units=True, departures=True
    ),
    "departures-unbalanced": Row(
        "and rare classes not filled up",
        model="tcn-own",
        own_units=True,
        departures=True,
        recipe={"balance": 0.0},
    ),
    "departures-one-loss": Row(
        "and no loss of each branch alone",
        model="tcn-own",
        own_units=True,
        departures=True,
        recipe={"balance": 0.0, "each_branch": 0.0},
    ),
    "departures-mv": Row(
        "and in mV instead of own units",
        model="tcn-own",
        departures=True,
        recipe={"balance": 0.0, "each_branch": 0.0},
    ),
    "departures-some": Row(
        "and rare classes filled up a little",
        model="tcn-own",
        departures=True,
        recipe={"balance": 0.25, "each_branch": 0.0},
    ),
}
"""Name -> what is done. "RR": all else as in the row ``rr``. Of the last rows, from ``departures``
on, each changes one thing more than the one before."""

TESTED = ("plain", "rr", "own", "columns", "departures-some")
"""Rows that are tested on DS2 and published, settled before DS2 is looked at; of each also the
*ensemble*: the mean of the seeds' probabilities, which needs no choice."""

OTHERS: dict[str, dict[str, Any]] = {
    "de Chazal 2004": {"how": "two leads", "accuracy": 0.862, "se": 0.832, "j_kappa": 0.612},
    "Mar 2011": {"how": "", "accuracy": 0.899, "se": 0.802, "j_kappa": 0.649},
    "Llamedo 2011": {"how": "two leads, 8 features", "accuracy": 0.93},
    "Zhang 2014": {"how": "", "accuracy": 0.883, "se": 0.868, "j_kappa": 0.663},
    "Mondéjar-Guerra 2019": {
        **{"how": "one lead, SVMs together"},
        **{"accuracy": 0.945, "se": 0.703, "j_kappa": 0.773},
    },
    "crs4 random forest": {
        **{"how": "RR and QRS width, no network"},
        **{"accuracy": 0.9614, "f1_S": 0.731, "f1_V": 0.909},
    },
}
"""What others report for DS1 -> DS2, as shares; all have RR intervals among their features. The
figures of de Chazal, Mar and Zhang are those that Mondéjar-Guerra's published program lists
(github.com/mondejar/ecg-classification); the random forest is
github.com/crs4/rf-ecg-heartbeat-classification.
"""


def recipe(name: str, quick: bool = False) -> Recipe:
    """Return the recipe of a row.

    Examples
    --------
    >>> recipe("rr") == RECIPE, recipe("focal").focal
    (True, 2.0)
    """
    return replace(RECIPE, **{**ROWS[name].recipe, **(reproduce.QUICK if quick else {})})


def row_of(about: Mapping[str, str]) -> Row:
    """Return the row that weights are of, by what they say of themselves.

    For weights of another recipe it is one that prepares beats as that recipe does.

    Examples
    --------
    >>> row_of({"recipe": "patients-long"}) is ROWS["long"], row_of({"recipe": "ours"}).prepared
    (True, {})
    """
    recipe_name = about["recipe"].partition(",")[0]  # "..., variation ..." may follow
    if recipe_name.startswith("patients-") and _row_name(recipe_name) in ROWS:
        return ROWS[_row_name(recipe_name)]
    return Row(recipe_name, beats=experiments.beats_of(about))


def check(names: Sequence[str], seeds: int) -> None:
    """Refuse a name that does not exist, or no run, before anything is read or trained."""
    for name in names:
        if name not in ROWS:
            raise InputError(f"There is no row {name!r}: use one of {', '.join(ROWS)}.")
    if seeds < 1:
        raise InputError(f"{seeds} seeds make no run: take one at least.")


def table(row: Row, beats: Tables, quick: bool = False) -> Heartbeats:
    """Return the beats as a row wants them; the columns of the past come with the network."""
    found = beats(row.beats)
    found = context.scaled(found) if row.own_units else found
    found = context.departures(found) if row.departures else found
    return reproduce.sample(found.without_q()) if quick else found


def make(
    beats: Tables,
    out: Path,
    only: Sequence[str] = (),
    seeds: int = SEEDS,
    test: bool = False,
    quick: bool = False,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = True,
) -> dict[str, Any]:
    """Make all runs of the rows that are not there yet, and the table of them.

    Parameters
    ----------
    beats
        See :data:`Tables`. The mapping is that of these tables.
    out
        Takes ``validation/ROW-SEED`` or ``test/ROW-SEED`` for each run, ``test/ROW-ensemble`` for
        a row's seeds together, and ``validation.md`` or ``test.md``. Finished runs are kept and one
        that was cut off goes on.
    only
        Names of :data:`ROWS`; none means all, in a test those of :data:`TESTED`.
    seeds
        How many: 0, 1, ... In validation each draws its own patients.
    test
        Train on all of DS1 and test on DS2, instead of on validation patients.
    quick
        One seed and a few epochs on a sample of the beats, to see that everything works. The
        records then name the recipe ``patients-ROW-quick``.
    device, precision, progress
        See :func:`ecgkit.experiments.train`.

    Returns
    -------
    ``{"source", "fingerprint", "quick", "runs", "rows", "file"}``: of each run the record without
    its curve, ``rows`` from :func:`summary`, and the path of the table.

    Raises
    ------
    InputError
        If a name is unknown, or a run of other settings is in the way.
    """
    check(only, seeds)
    seeds = 1 if quick else seeds
    chosen = [name for name in ROWS if name in (only or (TESTED if test else ROWS))]
    place = out / ("test" if test else "validation")
    runs: list[dict[str, Any]] = []
    plan, number = len(chosen) * seeds, 0
    for name in chosen:
        of_row = table(ROWS[name], beats, quick)
        for seed in range(seeds):
            folder = place / f"{name}-{seed}"
            there = (folder / experiments.RUN).exists()
            number += 1
            done = f"run {number} of {plan}: {folder.name}"
            reproduce.tell(f"{done}{', finished before' * there}")
            _, run = experiments.train(
                of_row,
                ROWS[name].model,
                f"patients-{name}{'-quick' * quick}",
                recipe(name, quick),
                split="patients",
                seed=seed,
                out=folder,
                resume=True,
                validation=not test,
                progress=progress,
                variation=None if test else f"patients-{name}",
                prepared=ROWS[name].prepared,
                device=device,
                precision=precision,
            )
            runs.append(run)
        if test and seeds > 1 and training.is_first():
            folders = [place / f"{name}-{seed}" for seed in range(seeds)]
            runs.append(ensemble(of_row, folders, device))
    path = out / f"{place.name}.md"
    with files.whole(path) as draft:
        draft.write_text(markdown(runs), "utf-8")
    return {
        "source": runs[0]["data"]["source"],
        "fingerprint": runs[0]["data"]["fingerprint"],
        "quick": quick,
        "runs": [{key: run[key] for key in run if key != "curve"} for run in runs],
        "rows": summary(runs),
        "file": str(path),
    }


def ensemble(beats: Heartbeats, folders: Sequence[Path], device: str = "auto") -> dict[str, Any]:
    """Let finished runs of a row answer together, by the mean of their probabilities.

    Parameters
    ----------
    beats
        The row's table, from :func:`table`.
    folders
        Where :func:`ecgkit.experiments.train` wrote them. The record is written beside them, as
        ``ROW-ensemble``; nothing is trained for it, so it says 0 epochs, and it has no weights.
    device
        See :func:`ecgkit.training.pick_device`.
    """
    runs = [experiments.read_run(folder / experiments.RUN) for folder in folders]
    first, answers = runs[0], []
    for folder in folders:
        network, _ = experiments.load_model(folder / experiments.WEIGHTS)
        network.to(training.pick_device(device))
        wide = experiments.fitted(beats, network).without_q()
        halves = experiments.split_beats(wide, "patients", first["seed"])
        tested = wide.select(halves.test)
        if halves.hash != first["split_hash"]:
            raise InputError(f"{folder} was trained on another table than the one given.")
        answers.append(training.predict(network, tested.signals))
    record = {
        **first,
        "recipe": f"{first['recipe']}-ensemble",
        "config": {**first["config"], "epochs": 0, "members": len(folders)},
        "curve": [],
        **experiments.matrices(tested, np.mean(answers, axis=0).argmax(axis=1), "patients"),
        "seconds": round(sum(run["seconds"] for run in runs), 1),
    }
    row = folders[0].name.rpartition("-")[0]
    out = folders[0].with_name(f"{row}-ensemble")
    out.mkdir(exist_ok=True)
    experiments.write_json(out / experiments.RUN, record)
    return record


FIGURES = {
    "accuracy": "Acc %",
    "f1_V": "F1 of V %",
    "f1_S": "F1 of S %",
    "f1_F": "F1 of F %",
    "se": "mean Se %",
    "j_kappa": "j-kappa",
}
"""Key of :func:`figures` -> how it is written in a table."""


def figures(matrix: Any) -> dict[str, float]:
    """Figures of a matrix that the tables of this page show, as shares; NaN if not defined.

    Parameters
    ----------
    matrix
        Integer, shape (4, 4): rows reference, columns predicted, N S V F.

    Examples
    --------
    >>> found = figures([[8, 2, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5]])
    >>> found["accuracy"], round(found["f1_S"], 3), found["f1_V"]  # 2 * 5 / (10 + 2)
    (0.92, 0.833, 1.0)
    """
    f1 = dict(zip(metrics.CLASSES, metrics.class_f1(matrix).tolist(), strict=True))
    return {
        "accuracy": metrics.accuracy(matrix),
        **{f"f1_{name}": f1[name] for name in "VSF"},
        "se": float(metrics.sensitivity(matrix).mean()),
        "j_kappa": metrics.j_kappa(matrix),
    }


def without(run: Mapping[str, Any], left_out: Sequence[str], mapping: str) -> list[list[int]]:
    """Matrix of a run's records without some of them, under a mapping.

    Examples
    --------
    >>> run = {"by_record": {"ec57": {"201": [[1, 0], [0, 0]], "202": [[0, 2], [0, 3]]}}}
    >>> without(run, ["202"], "ec57")
    [[1, 0], [0, 0]]
    """
    kept = [m for name, m in run["by_record"][mapping].items() if name not in left_out]
    return np.sum(kept, axis=0).tolist()


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Bring the runs of each row together: row -> figure -> mean and standard deviation.

    Parameters
    ----------
    runs
        Records, of which ``recipe`` and ``confusion_matrix`` are used.
    """
    of: dict[str, list[dict[str, float]]] = {}
    for run in runs:
        of.setdefault(_row_name(run["recipe"]), []).append(figures(run["confusion_matrix"]))
    return {
        row: {key: tables.spread([f[key] for f in found]) for key in FIGURES} | {"n": len(found)}
        for row, found in of.items()
    }


def _row_name(recipe_name: str) -> str:
    """Name of the row a run of this recipe is of; an ensemble is a row of its own."""
    return recipe_name.removeprefix("patients-").removesuffix("-quick")


def markdown(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows' figures as a Markdown table, with what has to be known to read it."""
    first = runs[0]
    part = "patients of DS2" if first["tested_on"] == "test" else "validation patients of DS1"
    lines = [f"# New patients: tested on {part}", ""]
    lines += [f"**{reproduce.SYNTHETIC_BANNER}**\n"] * (first["data"]["source"] == "synthetic")
    lines += [f"**{reproduce.QUICK_BANNER}**\n"] * first["recipe"].endswith("-quick")
    lines += [
        f"Mapping {first['mapping']}, data {first['data']['source']}, fingerprint "
        f"{first['data']['fingerprint']}, device {first['device']}; "
        f"{sum(r['seconds'] for r in runs if r['config']['epochs']):.0f} s of training in all. "
        "Mean ± standard deviation (n - 1) over the seeds.\n",
        rows_table(runs),
    ]
    return "\n".join(lines) + "\n"


def rows_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows' figures as a Markdown table alone."""
    lines = [f"| row | what is done | {' | '.join(FIGURES.values())} | seeds |"]
    lines += [f"| --- | --- | {' | '.join(['---:'] * len(FIGURES))} | ---: |"]
    for row, found in summary(runs).items():
        change = "the mean of the seeds' answers"
        change = ROWS[row].change if row in ROWS else change
        cells = [said(found[key], key) for key in FIGURES]
        lines += [f"| {row} | {change} | {' | '.join(cells)} | {found['n']} |"]
    return "\n".join(lines)


def said(value: tables.Spread, key: str) -> str:
    """Write a mean and its spread, in per cent but for j-kappa; "-" where it is not defined.

    A line may end before the sign and not behind it.

    Examples
    --------
    >>> said({"mean": 0.912, "sd": 0.0051}, "accuracy"), said({"mean": 0.5, "sd": None}, "j_kappa")
    ('91.2 ±\\xa00.5', '0.500')
    """
    if value["mean"] is None:
        return "-"
    scale, digits = (1, 3) if key == "j_kappa" else (100, 1)
    text = f"{scale * value['mean']:.{digits}f}"
    return text if value["sd"] is None else f"{text} ±\u00a0{scale * value['sd']:.{digits}f}"
