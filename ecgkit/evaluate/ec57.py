"""The report of ANSI/AAMI EC57: how well beats are detected and classified, per record and in sum.

VEB are ventricular ectopic beats (class V), SVEB supraventricular ones (class S). Unlike in an
ordinary confusion matrix, missed and extra beats count, and some confusions do not: a fusion or
unclassifiable beat called V is no false positive VEB, nor is an unclassifiable one called S a SVEB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ecgkit import InputError
from ecgkit.data.wfdb_io import Annotations
from ecgkit.evaluate.matching import COLUMNS, ROWS, STANDARD, Matrix, Settings, compare_annotations
from ecgkit.evaluate.metrics import none_if_nan

_QRS = {"qrs_se": "Q Se", "qrs_ppv": "Q +P"}
_VEB = {"veb_se": "V Se", "veb_ppv": "V +P", "veb_fpr": "V FPR"}
_SVEB = {"sveb_se": "S Se", "sveb_ppv": "S +P", "sveb_fpr": "S FPR"}
SCORES = _QRS | _VEB | _SVEB  #: Scores and their headings in WFDB's reports; Q: any QRS complex.


def _pad(matrix: ArrayLike) -> Matrix:
    m = np.asarray(matrix, dtype=np.int64)
    return np.pad(m, (0, len(ROWS) - len(m)))  # up to O and X


def fractions(matrix: ArrayLike) -> dict[str, tuple[int, int]]:
    """Compute the numerator and denominator of each score in :data:`SCORES`, as ``bxb`` does.

    Se and +P of QRS count detected beats, of all reference and of all test beats. Se of VEB is Vv
    of all V; +P is Vv of Vv and the false positives Nv, Sv, Ov, Xv; FPR is these of these and all
    test beats neither V nor called v. SVEB likewise, with the false positives Ns, Vs, Fs, Os, Xs;
    WFDB's ``sumstats`` leaves Fs out. Rows and columns that a matrix N S V F lacks are taken as 0.

    >>> matrix = [[90, 0, 2, 0], [0, 0, 0, 0], [0, 0, 8, 0], [0, 0, 5, 0]]
    >>> fractions(matrix)["veb_ppv"], fractions(matrix)["veb_fpr"]
    ((8, 10), (2, 92))
    """
    m = _pad(matrix)
    found = m[:5, :5].sum()
    result = {"qrs_se": (found, m[:5].sum()), "qrs_ppv": (found, m[:, :5].sum())}
    for kind, c, false_rows in (("veb", 2, [0, 1, 5, 6]), ("sveb", 1, [0, 2, 3, 5, 6])):
        hits, false = m[c, c], m[false_rows, c].sum()
        true_negatives = np.delete(np.delete(m[:, :5], c, axis=0), c, axis=1).sum()
        result[f"{kind}_se"] = hits, m[c].sum()
        result[f"{kind}_ppv"] = hits, hits + false
        result[f"{kind}_fpr"] = false, true_negatives + false
    return {key: (int(n), int(of)) for key, (n, of) in result.items()}


def scores(matrix: ArrayLike) -> dict[str, float]:
    """Compute the scores of a matrix, from 0 to 1; NaN where one would divide by zero.

    >>> [scores(np.diag([9, 0, 1, 0]))[key] for key in ("veb_se", "sveb_se")]
    [1.0, nan]
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
        return self._scores(self.total)

    @property
    def average(self) -> dict[str, float]:
        """Mean of the records' scores, each with the same weight; undefined scores are left out."""
        return pd.DataFrame([self._scores(m) for m in self.matrices.values()]).mean().to_dict()

    def _scores(self, matrix: Matrix) -> dict[str, float]:
        """Scores without those of SVEB where S counts as N."""
        return {k: v for k, v in scores(matrix).items() if self.settings.sveb or k not in _SVEB}

    def table(self) -> pd.DataFrame:
        """Scores of each record, gross and average (rows), under their headings (columns)."""
        rows = {name: self._scores(m) for name, m in self.matrices.items()}
        rows |= {"Gross": self.gross, "Average": self.average}
        return pd.DataFrame(rows).T.rename(columns=SCORES).rename_axis(columns="Record")

    def to_dict(self) -> dict[str, Any]:
        """Give the keys of ``ecgkit ec57 --json``; None where a score is not defined."""

        def figures(matrix: Matrix) -> dict[str, Any]:
            return {"matrix": matrix.tolist(), "figures": none_if_nan(self._scores(matrix))}

        reference, test = self.annotators
        about = {"reference": reference, "test": test, "synthetic": self.synthetic}
        about |= {"paced": list(self.paced), "rows": list(ROWS), "columns": list(COLUMNS)}
        return about | {
            **asdict(self.settings),
            "records": {name: figures(matrix) for name, matrix in self.matrices.items()},
            "gross": figures(self.total),
            "average": {"figures": none_if_nan(self.average)},
        }

    def text(self) -> str:
        """Format summed matrix and scores for a fixed-width font, like WFDB's ``bxb``."""
        return self._format(pd.DataFrame.to_string)

    def markdown(self) -> str:
        """Format summed matrix and scores as Markdown tables."""
        return self._format(_markdown)

    def _format(self, as_text: Callable[[pd.DataFrame], str]) -> str:
        settings, of = self.settings, fractions(self.total)
        end = "the end" if settings.end_s is None else f"{settings.end_s:g} s"
        n_sveb = f"SVEB: {of['sveb_se'][1]}" if settings.sveb else "S counted as N"
        lines = ["SYNTHETIC RECORDS: not measured on patients."] if self.synthetic else []
        lines += [
            "Beat-by-beat comparison according to ANSI/AAMI EC57; scores in percent.",
            f"Reference: {self.annotators[0]}. Test: {self.annotators[1]}.",
            f"Scored from {settings.start_s:g} s to {end}, window {1000 * settings.window_s:g} ms "
            "(in the standard from 300 s to the end, 150 ms).",
            f"Records: {len(self.matrices)}. QRS complexes: {of['qrs_se'][1]}. "
            f"VEB: {of['veb_se'][1]}. {n_sveb}.",
        ]
        if self.paced:
            lines.append(f"Excluded because of paced beats: {' '.join(self.paced)}.")
        cells = pd.DataFrame(self.total, ROWS, COLUMNS).astype(str).rename_axis(columns="")
        cells.loc[["O", "X"], ["o", "x"]] = ""  # cannot be counted
        percent = 100 * self.table()
        for name, column in percent.items():
            digits = 3 if str(name).endswith("FPR") else 2  # false positive rates are small
            percent[name] = column.map(f"{{:.{digits}f}}".format).replace("nan", "-")
        return "\n\n".join(["\n".join(lines), as_text(cells), as_text(percent)]) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    rows = [[table.columns.name, *table.columns], ["---", *["---:"] * len(table.columns)]]
    rows += [[name, *row] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def report_given_peaks(matrices: Mapping[str, ArrayLike]) -> Ec57Report:
    """Make the EC57 report from the confusion matrix N S V F of each record.

    A classifier that is given the R peaks misses none. Here the first five minutes count as well.

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
    """Compare two annotators, whom the report calls `annotators`, record by record.

    Records with paced beats (``/`` or ``f`` in the reference) are excluded, as the standard asks.

    >>> marks = Annotations([1000, 2000, 3000], ["N", "V", "N"], 1000)
    >>> beats = Annotations([1010, 2000], ["N", "N"], 1000)
    >>> report = ec57_report({"one": marks}, {"one": beats}, Settings(start_s=0))
    >>> round(report.gross["qrs_se"], 3), report.gross["veb_se"], report.gross["veb_ppv"]
    (0.667, 0.0, nan)
    """
    if unpaired := sorted(set(reference) ^ set(test)):
        raise InputError(
            f"Only one annotator has record {unpaired[0]}: give both the same records."
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
