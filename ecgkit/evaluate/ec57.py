"""The report of ANSI/AAMI EC57: how well beats are detected and classified, per record and in sum.

VEB are ventricular ectopic beats (class V), SVEB supraventricular ones (class S). The report
differs from an ordinary confusion matrix in two ways: missed and extra beats count, and some
confusions do not. A fusion or unclassifiable beat called V is no false positive VEB, and an
unclassifiable beat called S is no false positive SVEB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ecgkit import InputError
from ecgkit.data.wfdb_io import Annotations
from ecgkit.evaluate.matching import (
    COLUMNS,
    ROWS,
    STANDARD,
    Matrix,
    Settings,
    compare_annotations,
)
from ecgkit.evaluate.metrics import none_if_nan

SCORES = {
    "qrs_se": "Q Se",
    "qrs_ppv": "Q +P",
    "veb_se": "V Se",
    "veb_ppv": "V +P",
    "veb_fpr": "V FPR",
    "sveb_se": "S Se",
    "sveb_ppv": "S +P",
    "sveb_fpr": "S FPR",
}
"""Scores and their headings in WFDB's reports, where Q stands for any QRS complex."""

_NOT_FALSE = {"veb": ("V", "FQ"), "sveb": ("S", "Q")}  # class; reference beats not held against it


def _pad(matrix: ArrayLike) -> Matrix:
    """Add rows and columns of zeros up to O and X."""
    m = np.asarray(matrix, dtype=np.int64)
    return np.pad(m, (0, len(ROWS) - len(m)))


def fractions(matrix: ArrayLike) -> dict[str, tuple[int, int]]:
    """Compute the numerator and denominator of each score in :data:`SCORES`.

    ========  ==================================================================================
    QRS Se    detected beats, of all reference beats
    QRS +P    detected beats, of all test beats
    VEB Se    Vv, of all V
    VEB +P    Vv, of Vv and the false positives Nv, Sv, Ov, Xv (not Fv, not Qv)
    VEB FPR   the false positives, of these and all test beats that are neither V nor called v
    SVEB      likewise, with the false positives Ns, Vs, Fs, Os, Xs (not Qs)
    ========  ==================================================================================

    These are the definitions of WFDB's ``bxb``, which prints no FPR of SVEB. ``sumstats`` leaves Fs
    out of the false positives of SVEB, so its gross and average +P of SVEB can be higher than ours.
    A confusion matrix N S V F will do as well: missing rows and columns are taken as 0.

    >>> matrix = [[90, 0, 2, 0], [0, 0, 0, 0], [0, 0, 8, 0], [0, 0, 5, 0]]
    >>> fractions(matrix)["veb_ppv"], fractions(matrix)["veb_fpr"]
    ((8, 10), (2, 92))
    """
    m = _pad(matrix)
    found, missed, extra = int(m[:5, :5].sum()), int(m[:5, 5:].sum()), int(m[5:, :5].sum())
    result = {"qrs_se": (found, found + missed), "qrs_ppv": (found, found + extra)}
    for kind, (name, not_false) in _NOT_FALSE.items():
        c = ROWS.index(name)
        others = [r for r in range(len(ROWS)) if r != c]
        false = int(sum(m[r, c] for r in others if ROWS[r] not in not_false))
        true_negative = int(m[others, :5].sum() - m[others, c].sum())
        hits = int(m[c, c])
        result[f"{kind}_se"] = hits, int(m[c].sum())
        result[f"{kind}_ppv"] = hits, hits + false
        result[f"{kind}_fpr"] = false, true_negative + false
    return result


def scores(matrix: ArrayLike) -> dict[str, float]:
    """Compute the scores of a matrix, from 0 to 1; NaN where one would divide by zero.

    >>> found = scores(np.diag([9, 0, 1, 0]))
    >>> found["veb_se"], found["sveb_se"]
    (1.0, nan)
    """
    return {key: n / of if of else float("nan") for key, (n, of) in fractions(matrix).items()}


@dataclass(frozen=True)
class Ec57Report:
    """The comparison of two annotators over records."""

    matrices: dict[str, Matrix]  #: Per record, from :func:`compare_annotations`.
    settings: Settings
    paced: tuple[str, ...] = ()  #: Records excluded because their reference has paced beats.
    annotators: tuple[str, str] = ("reference", "test")
    synthetic: bool = False  #: Whether a record is computer-generated.

    @property
    def total(self) -> Matrix:
        """Sum of the records' matrices."""
        return np.sum(list(self.matrices.values()), axis=0, dtype=np.int64)

    @property
    def gross(self) -> dict[str, float]:
        """Scores of all beats pooled: a record with many beats weighs more."""
        return scores(self.total)

    @property
    def average(self) -> dict[str, float]:
        """Mean of the records' scores, each with the same weight; undefined scores are left out."""
        return pd.DataFrame([scores(m) for m in self.matrices.values()]).mean().to_dict()

    def table(self) -> pd.DataFrame:
        """Scores of each record, gross and average (rows), under their headings (columns)."""
        rows = {name: scores(m) for name, m in self.matrices.items()}
        rows |= {"Gross": self.gross, "Average": self.average}
        table = pd.DataFrame.from_dict(rows, orient="index")[list(self._reported(SCORES))]
        return table.rename(columns=SCORES).rename_axis(columns="Record")

    def to_dict(self) -> dict[str, Any]:
        """Give the keys of ``ecgkit ec57 --json``; None where a score is not defined."""

        def figures(values: dict[str, float]) -> dict[str, Any]:
            return {"figures": none_if_nan(self._reported(values))}

        return {
            "reference": self.annotators[0],
            "test": self.annotators[1],
            "synthetic": self.synthetic,
            **asdict(self.settings),
            "paced": list(self.paced),
            "rows": list(ROWS),
            "columns": list(COLUMNS),
            "records": {
                name: {"matrix": m.tolist(), **figures(scores(m))}
                for name, m in self.matrices.items()
            },
            "gross": {"matrix": self.total.tolist(), **figures(self.gross)},
            "average": figures(self.average),
        }

    def text(self) -> str:
        """Format summed matrix and scores for a fixed-width font, like WFDB's ``bxb``."""
        tables = [self._matrix().to_string(), self._percent().to_string()]
        return "\n\n".join(["\n".join(self._about()), *tables]) + "\n"

    def markdown(self) -> str:
        """Format scores and summed matrix as Markdown tables."""
        tables = [_markdown(self._percent()), _markdown(self._matrix())]
        return "\n\n".join([" ".join(self._about()), *tables]) + "\n"

    def _reported(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Leave the scores of SVEB out where S counts as N."""
        return {k: v for k, v in values.items() if self.settings.sveb or not k.startswith("sveb")}

    def _about(self) -> list[str]:
        """Sentences about what was compared and how."""
        settings, of = self.settings, fractions(self.total)
        until = "the end" if settings.end_s is None else f"{settings.end_s:g} s"
        window = f"window {1000 * settings.window_s:g} ms"
        s_counts = "apart from N" if settings.sveb else "as N"
        lines = [
            "Beat-by-beat comparison according to ANSI/AAMI EC57; scores in percent.",
            f"Reference: {self.annotators[0]}. Test: {self.annotators[1]}.",
            f"Scored from {settings.start_s:g} s to {until}; {window}; S counted {s_counts}.",
            f"Records: {len(self.matrices)}. QRS complexes: {of['qrs_se'][1]}. "
            f"VEB: {of['veb_se'][1]}." + f" SVEB: {of['sveb_se'][1]}." * settings.sveb,
        ]
        if settings != Settings(sveb=settings.sveb):
            lines.append("The standard scores from 300 s to the end, with a window of 150 ms.")
        if self.synthetic:
            lines.insert(0, "SYNTHETIC RECORDS: computer-generated, not measured on patients.")
        if self.paced:
            lines.append(f"Excluded because of paced beats: {' '.join(self.paced)}.")
        return lines

    def _matrix(self) -> pd.DataFrame:
        """Summed matrix as text; cells that cannot be counted are empty."""
        cells = pd.DataFrame(self.total, ROWS, COLUMNS).astype(str)
        cells.loc[["O", "X"], ["o", "x"]] = ""
        return cells.rename_axis(columns="")

    def _percent(self) -> pd.DataFrame:
        """Scores in percent, as text; false positive rates are small and get a third decimal."""
        table = 100 * self.table()
        for name, column in table.items():
            digits = 3 if str(name).endswith("FPR") else 2
            table[name] = [f"{x:.{digits}f}" if x == x else "-" for x in column]
        return table


def _markdown(table: pd.DataFrame) -> str:
    """Format a table of strings in Markdown."""
    rows = [[table.columns.name, *table.columns], ["---", *["---:"] * len(table.columns)]]
    rows += [[name, *row] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def report_given_peaks(matrices: Mapping[str, ArrayLike]) -> Ec57Report:
    """Make the EC57 report from the confusion matrix N S V F of each record.

    These come from a classifier that is given the R peaks, so no beat is missed or extra. Unlike in
    the standard, the first five minutes count as well.

    >>> called_v = [[90, 0, 2, 0], [0, 0, 0, 0], [2, 0, 8, 0], [0, 0, 5, 0]]
    >>> report = report_given_peaks({"one": called_v})
    >>> report.gross["veb_se"], report.gross["veb_ppv"]  # F called V is not held against it
    (0.8, 0.8)
    """
    padded = {name: _pad(m) for name, m in matrices.items()}
    return Ec57Report(padded, Settings(start_s=0), annotators=("annotators", "model"))


def ec57_report(
    reference: Mapping[str, Annotations],
    test: Mapping[str, Annotations],
    settings: Settings = STANDARD,
    annotators: tuple[str, str] = ("reference", "test"),
) -> Ec57Report:
    """Compare two annotators, record by record.

    Parameters
    ----------
    reference, test : mapping of str to Annotations
        Per record, of the same records. Records with paced beats (``/`` or ``f`` in the reference;
        in MIT-BIH 102, 104, 107 and 217) are excluded, as the standard asks.
    settings : Settings
    annotators : tuple of str
        Names of the two in the report.

    Raises
    ------
    InputError
        If a record is not in both, no record is left, or a record cannot be compared.

    Examples
    --------
    >>> marks = Annotations([1000, 2000, 3000], ["N", "V", "N"], 1000)
    >>> beats = Annotations([1010, 2000], ["N", "N"], 1000)
    >>> report = ec57_report({"one": marks}, {"one": beats}, Settings(start_s=0))
    >>> round(report.gross["qrs_se"], 3), report.gross["veb_se"], report.gross["veb_ppv"]
    (0.667, 0.0, nan)
    """
    if unpaired := sorted(set(reference) ^ set(test)):
        raise InputError(
            f"Only one annotator has record {unpaired[0]} ({len(unpaired)} such): give both "
            "annotators the same records."
        )
    paced = tuple(name for name, marks in reference.items() if {"/", "f"} & set(marks.symbols))
    matrices = {}
    for name in (name for name in reference if name not in paced):
        try:
            matrices[name] = compare_annotations(reference[name], test[name], settings)
        except InputError as error:
            raise InputError(f"Record {name}: {error}") from error
    if not matrices:
        raise InputError(f"No record is left ({len(paced)} have paced beats): give at least one.")
    synthetic = any(reference[name].synthetic for name in matrices)
    return Ec57Report(matrices, settings, paced, annotators, synthetic)
