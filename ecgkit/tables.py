"""The paper's Tables I and II with ours beside them, from the records of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ecgkit import InputError, metrics

Run = dict[str, Any]
Spread = dict[str, float | None]

TABLE_I = {
    "Acharya et al. [15]": (0.940, 0.924, 0.916, 0.852, 0.890, 0.948, 0.941, 0.951, 0.952, 0.947),
    "Chen et al. [16]": (0.978, 0.911, 0.992, 0.985, 0.875, 0.953, 0.947, 0.952, 0.739, 0.861),
    "Hua et al. [17]": (0.974, 0.931, 0.965, 0.971, 0.928, 0.957, 0.928, 0.964, 0.836, 0.904),
    "Gai [18]": (0.986, 0.912, 0.996, 0.990, 0.797, 0.906, 0.959, 0.971, 0.846, 0.840),
    "ResNet-TCN, paper": (0.988, 0.925, 0.994, 0.994, 0.917, 0.890, 0.968, 0.969, 0.783, 0.882),
}
"""The paper's Table I (section IV-C), shares, in the order of :data:`COLUMNS_I`."""

TABLE_II = {
    "resnet": (98.12, 89.62, 88.21, 88.91),
    "tcn": (98.36, 91.76, 87.75, 89.71),
    "resnet-tcn": (98.84, 91.69, 93.34, 92.51),
}
"""The paper's Table II (section IV-C), per cent, in the order of :data:`COLUMNS_II`."""

COLUMNS_I = ("accuracy", "f1_of_means", *(f"{k}_{c}" for c in "NSVF" for k in ("se", "ppv")))
COLUMNS_II = ("accuracy", "se", "ppv", "f1_of_means")

FIGURES = {
    "accuracy": "Acc",
    "se": "mean Se",
    "ppv": "mean P⁺",
    "f1_of_means": "F1 of means",
    "mean_f1": "mean F1",
    **{f"{k}_{c}": f"{said} of {c}" for c in "NSVF" for k, said in (("se", "Se"), ("ppv", "P⁺"))},
}
"""The figures that :func:`works` and :func:`figures` have in common, and how they are written."""

PAIRS = {
    "Inception stem": ("resnet-no-inception", "resnet"),
    "SE block": ("tcn-no-se", "tcn"),
    "TCN branch": ("resnet", "resnet-tcn"),
    "ResNet branch": ("tcn", "resnet-tcn"),
}
"""What is added -> models without and with it; the first two are the paper's Fig. 5 (a) and (b)."""

NOTES = """\
Ours: mean ± standard deviation (n - 1) over the seeds, or the one value there is. Each seed has a
split, first weights and an order of its own; class Q is left out. "-": not defined, such as P+ of a
class that a model never names.

- **Acc** is the share of all test beats that are classified correctly. The paper's equation (6), in
  its binary form, is the accuracy of one class against the rest; its mean over the four classes is
  the column **Acc (6)**, and is higher. The paper's 98.84 is the share of all beats: Table I's
  sensitivities, weighted by the class counts, give 98.82, while equation (6) would give 99.41.
- **F1 of means** is the harmonic mean of mean Se and mean P+, as in all rows of the paper's Table
  II. **Mean F1** is the mean of the four classes' F1; for the paper and the works it cites it is
  computed here from the row's Se and P+ (the paper's own: 0.924). The F1 that Table I prints for
  the four other works is not always the F1 of means: Chen et al.'s 0.911 can only be a mean F1.
- The paper's mean Se, 91.69, does not follow from its Table I, whose four Se have the mean 91.55.
- Table I's asterisks, at the four P+ of Hua et al., are left out: the paper does not explain them.
- Figs. 5 and 6: the paper's figure is not reproduced here, because its values are not in the text.
  What is drawn are our runs.
"""


def figures(run: Run) -> dict[str, float]:
    """All figures of a run that the tables show, as shares; NaN where one is not defined.

    Parameters
    ----------
    run
        A run's record, of which ``confusion_matrix`` is used.

    Examples
    --------
    >>> matrix = [[8, 2, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5]]
    >>> found = figures({"confusion_matrix": matrix})
    >>> found["accuracy"], round(found["binary_accuracy"], 2), found["se_N"], found["ppv_N"]
    (0.92, 0.96, 0.8, 1.0)
    """
    report = metrics.report(run["confusion_matrix"])
    found = {"accuracy": report["accuracy"], **report["macro"]}
    for name, of_class in report["classes"].items():
        found |= {f"se_{name}": of_class["se"], f"ppv_{name}": of_class["ppv"]}
    found["binary_accuracy"] = metrics.binary_accuracy(run["confusion_matrix"]).mean()
    return {key: float("nan") if value is None else float(value) for key, value in found.items()}


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation (n - 1); None where not defined: a NaN, or a single value.

    Examples
    --------
    >>> spread([1.0, 2.0, 3.0]), spread([0.5])
    ({'mean': 2.0, 'sd': 1.0}, {'mean': 0.5, 'sd': None})
    """
    whole = bool(np.isfinite(values).all())
    sd = float(np.std(values, ddof=1)) if whole and len(values) > 1 else None
    return {"mean": float(np.mean(values)) if whole else None, "sd": sd}


def paired(
    runs: Sequence[Run], without: str, with_it: str, figure: str = "accuracy"
) -> dict[int, float]:
    """Subtract one model's figure from another's, seed by seed: same split, same test beats.

    Parameters
    ----------
    runs
        Records of one recipe, of which ``model``, ``seed``, ``split_hash`` and
        ``confusion_matrix`` are used.
    without, with_it
        Names of the two models.
    figure
        A key of what :func:`figures` returns.

    Returns
    -------
    Seed -> the figure with the part less that without it, for the seeds that both models have; a
    seed whose figure is not defined is left out.

    Raises
    ------
    InputError
        If the two runs of a seed have different splits, which is no pair, or a model has two runs
        of one seed.
    """
    of: dict[str, dict[int, Run]] = {without: {}, with_it: {}}
    for run in runs:
        if run["model"] in of:
            if run["seed"] in of[run["model"]]:
                raise InputError(_twice(run))
            of[run["model"]][run["seed"]] = run
    found = {}
    for seed in sorted(of[without].keys() & of[with_it].keys()):
        a, b = of[without][seed], of[with_it][seed]
        if a["split_hash"] != b["split_hash"]:
            raise InputError(
                f"The runs of {without} and {with_it} with seed {seed} have different splits: "
                "their difference would hold the luck of the split."
            )
        difference = figures(b)[figure] - figures(a)[figure]
        if np.isfinite(difference):
            found[seed] = difference
    return found


def summary(runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Bring runs of one recipe together over their seeds.

    Parameters
    ----------
    runs
        Records, of which ``model``, ``seed``, ``split_hash`` and ``confusion_matrix`` are used.

    Returns
    -------
    ``{"models": {model: {figure: {"mean", "sd"}}}, "gains": {part: {"mean", "sd"}}}``. A gain is
    the accuracy with a part of the network less that without it, paired by seed: same split.

    Raises
    ------
    InputError
        If a model has two runs of one seed, or two runs of a seed have different splits.
    """
    of: dict[str, dict[int, dict[str, float]]] = {}
    for run in runs:
        by_seed = of.setdefault(run["model"], {})
        if run["seed"] in by_seed:
            raise InputError(_twice(run))
        by_seed[run["seed"]] = figures(run)
    models = {
        model: {key: spread([f[key] for f in by_seed.values()]) for key in by_seed[min(by_seed)]}
        for model, by_seed in of.items()
    }
    gains = {}
    for part, (without, with_it) in PAIRS.items():
        if found := paired(runs, without, with_it):
            gains[part] = spread(list(found.values()))
    return {"models": models, "gains": gains}


def _twice(run: Run) -> str:
    """Say that a seed would count twice."""
    return (
        f"There are two runs of {run['model']} with seed {run['seed']}: give one of them, and the "
        "runs of one recipe alone."
    )


def works() -> dict[str, dict[str, float]]:
    """All figures of each work in the paper's Table I, as shares, in the order of the table.

    Mean Se, mean P+ and mean F1 are computed from the row. The paper's own accuracy, means and F1
    are Table II's, which has a digit more; its mean Se there does not follow from Table I.

    Examples
    --------
    >>> found = works()
    >>> round(found["Gai [18]"]["se"], 4)  # (0.996 + 0.797 + 0.959 + 0.846) / 4
    0.8995
    >>> round(found["ResNet-TCN, paper"]["se"], 4)
    0.9169
    """
    found = {}
    for name, row in TABLE_I.items():
        of = dict(zip(COLUMNS_I, row, strict=True))
        se, ppv = np.array(row[2::2]), np.array(row[3::2])
        of |= {"se": se.mean(), "ppv": ppv.mean(), "mean_f1": metrics.f1(se, ppv).mean()}
        found[name] = {key: float(of[key]) for key in FIGURES}
    paper = dict(zip(COLUMNS_II, (value / 100 for value in TABLE_II["resnet-tcn"]), strict=True))
    found["ResNet-TCN, paper"] |= paper
    return found


def beside_paper(recipes: Mapping[str, Sequence[Run]]) -> str:
    """Write the paper's figures and ours, in per cent, as Markdown: a row each, ours by recipe.

    Parameters
    ----------
    recipes
        Recipe -> records of runs of one model; a recipe without runs is left out.
    """
    *others, paper = works().values()
    ours = {name: [figures(run) for run in runs] for name, runs in recipes.items() if runs}
    heads = ["figure (%)", "four other works", "paper"]
    for name, found in ours.items():
        heads += [f"{name}, {len(found)} {'run' if len(found) == 1 else 'runs'}", "less the paper"]
    lines = [_row(*heads), _row(*["---"] * len(heads))]
    for key, said in FIGURES.items():
        values = [100 * work[key] for work in others]
        digits = 2 if key in COLUMNS_II else 1  # as many as the paper has
        cells = [said, f"{min(values):.1f} to {max(values):.1f}", f"{100 * paper[key]:.{digits}f}"]
        for found in ours.values():
            value = spread([of[key] for of in found])
            cells += [_cell(value, 100, 2), _difference(value, 100 * paper[key], 100, digits)]
        lines += [_row(*cells)]
    return "\n".join(lines)


def markdown(runs: Sequence[Run]) -> str:
    """Write Tables I and II and what each part adds as Markdown, the paper's values beside ours.

    Parameters
    ----------
    runs
        Records of runs of one recipe.
    """
    found = summary(runs)
    models = found["models"]
    parts = []
    if "resnet-tcn" in models:
        names = ("Acc", "F1 of means", *(f"{c} {k}" for c in "NSVF" for k in ("Se", "P+")))
        parts += ["\n## Table I: beside related works (shares)\n", _row("", *names, "mean F1")]
        parts += [_row(*["---"] * 12)]
        for name, row in TABLE_I.items():
            mean_f1 = works()[name]["mean_f1"]
            parts += [_row(name, *(f"{x:.3f}" for x in (*row, mean_f1)))]
        ours = [models["resnet-tcn"][key] for key in COLUMNS_I]
        paper = TABLE_I["ResNet-TCN, paper"]
        mean_f1 = models["resnet-tcn"]["mean_f1"]
        parts += [_row("**ResNet-TCN, ours**", *(_cell(x, 1, 4) for x in (*ours, mean_f1)))]
        parts += [_row("ours - paper", *map(_difference, ours, paper, [1] * 10, [3] * 10), "")]
    names = ("Acc", "Se", "P+", "F1 of means", "mean F1", "Acc (6)", "runs")
    parts += ["\n## Table II: the branches and the joint model (per cent)\n", _row("", *names)]
    parts += [_row(*["---"] * 8)]
    for model, of in models.items():
        ours = [of[key] for key in COLUMNS_II]
        cells = [_cell(x, 100, 2) for x in (*ours, of["mean_f1"], of["binary_accuracy"])]
        if model in TABLE_II:
            parts += [_row(f"{model}, paper", *(f"{x:.2f}" for x in TABLE_II[model]), *[""] * 3)]
        parts += [_row(f"**{model}, ours**", *cells, sum(run["model"] == model for run in runs))]
        if model in TABLE_II:
            differences = map(_difference, ours, TABLE_II[model], [100] * 4, [2] * 4)
            parts += [_row("ours - paper", *differences, *[""] * 3)]
    parts += ["\n## What each part adds (accuracy, points of per cent, paired by seed)\n"]
    parts += [_row("part", "model without", "model with", "ours", "paper"), _row(*["---"] * 5)]
    for part, gain in found["gains"].items():
        a, b = PAIRS[part]
        known = a in TABLE_II and b in TABLE_II
        said = f"{TABLE_II[b][0] - TABLE_II[a][0]:+.2f}" if known else "not in its text"
        parts += [_row(part, a, b, _cell(gain, 100, 2, "+"), said)]
    return "\n".join([*parts, "", NOTES])


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _cell(value: Spread, scale: int, digits: int, sign: str = "") -> str:
    """Write a mean and its spread; "-" where the figure is not defined."""
    if value["mean"] is None:
        return "-"
    said = f"{scale * value['mean']:{sign}.{digits}f}"
    return said if value["sd"] is None else f"{said} ± {scale * value['sd']:.{digits}f}"


def _difference(ours: Spread, paper: float, scale: int, digits: int) -> str:
    """Write our mean less the paper's value."""
    return "-" if ours["mean"] is None else f"{scale * ours['mean'] - paper:+.{digits}f}"
