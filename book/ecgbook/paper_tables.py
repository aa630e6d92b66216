"""The tables of the paper and of related work, and our training runs beside them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ecgkit import InputError
from ecgkit.evaluate import metrics
from ecgkit.evaluate.runs import Run

TABLE_I = {
    "Acharya et al. [15]": (0.940, 0.924, 0.916, 0.852, 0.890, 0.948, 0.941, 0.951, 0.952, 0.947),
    "Chen et al. [16]": (0.978, 0.911, 0.992, 0.985, 0.875, 0.953, 0.947, 0.952, 0.739, 0.861),
    "Hua et al. [17]": (0.974, 0.931, 0.965, 0.971, 0.928, 0.957, 0.928, 0.964, 0.836, 0.904),
    "Gai [18]": (0.986, 0.912, 0.996, 0.990, 0.797, 0.906, 0.959, 0.971, 0.846, 0.840),
    "ResNet-TCN, paper": (0.988, 0.925, 0.994, 0.994, 0.917, 0.890, 0.968, 0.969, 0.783, 0.882),
}
"""The paper's Table I (section IV-C) in the order of :data:`COLUMNS_I`, without its unexplained
asterisks. The F1 of the other works is not always the F1 of means: 0.911 can only be a mean F1."""

TABLE_II = {
    "resnet": (98.12, 89.62, 88.21, 88.91),
    "tcn": (98.36, 91.76, 87.75, 89.71),
    "resnet-tcn": (98.84, 91.69, 93.34, 92.51),
}
"""The paper's Table II (section IV-C), per cent, in the order of :data:`COLUMNS_II`. Its mean Se of
91.69 does not follow from Table I, whose four sensitivities have the mean 91.55."""

COLUMNS_I = ("accuracy", "f1_of_means", *(f"{k}_{c}" for c in "NSVF" for k in ("se", "ppv")))
COLUMNS_II = ("accuracy", "se", "ppv", "f1_of_means")

SCORES = {
    **{"accuracy": "Acc", "se": "mean Se", "ppv": "mean P⁺", "f1_of_means": "F1 of means"},
    "mean_f1": "mean F1",
    **{f"{k}_{c}": f"{label} of {c}" for c in "NSVF" for k, label in (("se", "Se"), ("ppv", "P⁺"))},
}
"""Key of :func:`scores` to its label."""

NEW_PATIENTS_SCORES = {
    **{"accuracy": "Acc %", "f1_V": "F1 of V %", "f1_S": "F1 of S %", "f1_F": "F1 of F %"},
    **{"se": "mean Se %", "j_kappa": "j-kappa"},
}
LABELS = NEW_PATIENTS_SCORES | {key: f"{label} %" for key, label in SCORES.items()}

Matrices = Sequence[Run | ArrayLike]
_NUMBER = re.compile(r"[-+]?\d[\d.,e+-]*(\s(±|to|of|\*|\().*)?")


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (n - 1) of n values; None where not defined."""

    mean: float | None
    sd: float | None
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Summarise values; one NaN among them leaves mean and standard deviation undefined."""
    defined = len(values) > 0 and bool(np.isfinite(values).all())
    sd = float(np.std(values, ddof=1)) if defined and len(values) > 1 else None
    return Spread(float(np.mean(values)) if defined else None, sd, len(values))


def scores(run: Run | ArrayLike) -> dict[str, float]:
    """Compute all scores of a run, or of a confusion matrix, as shares; NaN where not defined.

    >>> found = scores([[8, 2, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5]])
    >>> found["accuracy"], round(found["binary_accuracy"], 2), found["se_N"], found["ppv_N"]
    (0.92, 0.96, 0.8, 1.0)
    """
    return metrics.report(run.confusion_matrix if isinstance(run, Run) else run).scores()


def mean_scores(runs: Matrices) -> dict[str, Spread]:
    """Summarise each score over runs, or matrices, of several seeds; InputError without any."""
    if not len(runs):
        raise InputError("There is no run to summarise: ask for rows that have results.")
    found = [scores(run) for run in runs]
    return {key: spread([f[key] for f in found]) for key in found[0]}


def paired_differences(
    first: Sequence[Run], second: Sequence[Run], key: str = "accuracy"
) -> dict[int, float]:
    """Subtract the first row's score from the second's, by seed, for the seeds that both have.

    A score that is not defined leaves its seed out. InputError if a seed occurs twice in one of the
    two, or has different splits in them.
    """
    ours, theirs = ({run.seed: run for run in runs} for runs in (second, first))
    if len(ours) < len(second) or len(theirs) < len(first):
        raise InputError("A seed occurs twice: give runs of one row, tested on one part.")
    found = {}
    for seed in sorted(ours.keys() & theirs.keys()):
        a, b = theirs[seed], ours[seed]
        if a.split_hash != b.split_hash:
            raise InputError(f"Seed {seed} has two splits in {a.row} and {b.row}: take one study.")
        found[seed] = scores(b)[key] - scores(a)[key]
    return {seed: value for seed, value in found.items() if np.isfinite(value)}


def format_spread(value: Spread, key: str = "accuracy", digits: int = 2, sign: str = "") -> str:
    """Write mean ± standard deviation in per cent, j-kappa as it is; "-" where not defined.

    >>> format_spread(spread([0.983, 0.985])), format_spread(spread([0.5]), "j_kappa", 1)
    ('98.40\\xa0±\\xa00.14', '0.500')
    """
    if value.mean is None:
        return "-"
    scale, digits = (1, digits + 2) if key == "j_kappa" else (100, digits)
    text = f"{scale * value.mean:{sign}.{digits}f}"
    return text if value.sd is None else f"{text}\u00a0±\u00a0{scale * value.sd:.{digits}f}"


def to_markdown(frame: pd.DataFrame) -> str:
    """Write a table of text as Markdown, with true minus signs; numbers are aligned to the right.

    >>> print(to_markdown(pd.DataFrame({"rate": ["1e-4 at first"], "F1": ["-0.95 to 1"]})))
    | rate | F1 |
    | --- | ---: |
    | 1e-4 at first | −0.95 to 1 |
    """
    lines = [[str(cell) for cell in row] for row in [list(frame), *frame.itertuples(index=False)]]
    marks = []
    for column in zip(*lines[1:], strict=True):
        with_digit = [cell for cell in column if re.search(r"\d", cell)]
        numbers = with_digit and all(_NUMBER.fullmatch(cell) for cell in with_digit)
        marks.append("---:" if numbers else "---")
    text = "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], marks, *lines[1:]])
    return re.sub(r"(?<![\w.)])-(?=\d)", "−", text)


def score_table(
    rows: Mapping[str, Matrices], keys: Mapping[str, str] = SCORES, digits: int = 2
) -> pd.DataFrame:
    """Make a table of text: a row per label, mean ± standard deviation of each score, the runs.

    ``keys`` gives the heading of each score; a label without runs or matrices is "not run yet".
    """
    lines = []
    for label, runs in rows.items():
        means = mean_scores(runs) if len(runs) else {}
        cells = [format_spread(means[key], key, digits) if means else "" for key in keys]
        lines.append([label, *cells, str(len(runs) or "not run yet")])
    return pd.DataFrame(lines, columns=["row", *keys.values(), "runs"])
