"""The report of ANSI/AAMI EC57: how well beats are detected and classified, per record and in sum.

VEB are ventricular ectopic beats (class V), SVEB supraventricular ones (class S). Missed and extra
beats count; F or Q called V is no false positive VEB, nor is Q called S a false positive SVEB.
"""

import warnings
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

#: Scores and their headings in WFDB's reports; Q: any QRS complex.
SCORES = {"qrs_se": "Q Se", "qrs_ppv": "Q +P", "veb_se": "V Se", "veb_ppv": "V +P"}
SCORES |= {"veb_fpr": "V FPR", "sveb_se": "S Se", "sveb_ppv": "S +P", "sveb_fpr": "S FPR"}


def scores(matrix: ArrayLike) -> dict[str, float]:
    """Compute each score in :data:`SCORES`, from 0 to 1, as ``bxb`` does; NaN instead of 0 / 0.

    Se and +P of QRS count detected beats, of all reference and of all test beats. Se of VEB is Vv
    of all V; +P is Vv of Vv and the false positives Nv, Sv, Ov, Xv; FPR is these of these and all
    test beats neither V nor called v. SVEB likewise, with the false positives Ns, Vs, Fs, Os, Xs;
    WFDB's ``sumstats`` leaves Fs out. Rows and columns that a matrix N S V F lacks are taken as 0.

    >>> matrix = [[90, 0, 2, 0], [0, 0, 0, 0], [0, 0, 8, 0], [0, 0, 5, 0]]
    >>> [round(scores(matrix)[key], 4) for key in ("veb_ppv", "veb_fpr", "sveb_se")]
    [0.8, 0.0217, nan]
    """
    m = np.asarray(matrix, np.int64)
    m = np.pad(m, (0, len(ROWS) - len(m)))  # up to O and X
    found = m[:5, :5].sum()
    result = {"qrs_se": (found, m[:5].sum()), "qrs_ppv": (found, m[:, :5].sum())}
    for kind, c, false_rows in (("veb", 2, [0, 1, 5, 6]), ("sveb", 1, [0, 2, 3, 5, 6])):
        hits, false = m[c, c], m[false_rows, c].sum()
        true_negatives = np.delete(np.delete(m[:, :5], c, axis=0), c, axis=1).sum()
        result |= {f"{kind}_se": (hits, m[c].sum()), f"{kind}_ppv": (hits, hits + false)}
        result[f"{kind}_fpr"] = false, true_negatives + false
    return {key: int(n) / int(of) if of else float("nan") for key, (n, of) in result.items()}


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
        return {k: v for k, v in scores(matrix).items() if self.settings.sveb or "sveb" not in k}

    def table(self) -> pd.DataFrame:
        """Scores of each record, gross and average (rows), under their headings (columns)."""
        rows = {name: self._scores(m) for name, m in self.matrices.items()}
        rows |= {"Gross": self.gross, "Average": self.average}
        return pd.DataFrame(rows).T.rename(columns=SCORES).rename_axis(columns="Record")

    def to_dict(self) -> dict[str, Any]:
        """Give the keys of ``ecgkit ec57 --json``; None where a score is not defined."""
        matrices = [*self.matrices.values(), self.total]
        *parts, gross = ({"matrix": m.tolist(), "figures": self._scores(m)} for m in matrices)
        names, records = ("reference", "test"), dict(zip(self.matrices, parts, strict=True))
        about: dict[str, Any] = dict(zip(names, self.annotators, strict=True))
        about |= {"synthetic": self.synthetic, "paced": self.paced, "rows": ROWS}
        about |= {"columns": COLUMNS, **asdict(self.settings), "records": records, "gross": gross}
        return none_if_nan(about | {"average": {"figures": self.average}})

    def markdown(self) -> str:
        """Format summed matrix and scores as Markdown tables."""
        return self.text(_markdown)

    def text(self, as_text: Callable[[pd.DataFrame], str] = pd.DataFrame.to_string) -> str:
        """Format summed matrix and scores for a fixed-width font, like WFDB's ``bxb``."""
        settings, n = self.settings, self.total[:5].sum(axis=1)  # reference beats of each class
        end = "the end" if settings.end_s is None else f"{settings.end_s:g} s"
        sveb = f"SVEB: {n[1]}" if settings.sveb else "S counted as N"
        lines = [
            "SYNTHETIC RECORDS: not measured on patients." if self.synthetic else "",
            "Beat-by-beat comparison according to ANSI/AAMI EC57; scores in percent.",
            f"Reference: {self.annotators[0]}. Test: {self.annotators[1]}.",
            f"Scored from {settings.start_s:g} s to {end}, window {1000 * settings.window_s:g} ms "
            "(in the standard from 300 s to the end, 150 ms).",
            f"Records: {len(self.matrices)}. QRS complexes: {n.sum()}. VEB: {n[2]}. {sveb}.",
            f"Excluded because of paced beats: {' '.join(self.paced)}." if self.paced else "",
        ]
        cells = pd.DataFrame(self.total, ROWS, COLUMNS).astype(str).rename_axis(columns="")
        cells.loc[["O", "X"], ["o", "x"]] = ""  # cannot be counted
        for name, column in (percent := 100 * self.table()).items():
            digits = 3 if str(name).endswith("FPR") else 2  # false positive rates are small
            percent[name] = column.map(f"{{:.{digits}f}}".format).replace("nan", "-")
        return "\n".join([*filter(None, lines), "", as_text(cells), "", as_text(percent), ""])


def _markdown(table: pd.DataFrame) -> str:
    head = [table.columns.name, *table.columns]
    rows = [head, ["---", *["---:"] * len(table.columns)], *table.itertuples()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def ec57_report(
    reference: Mapping[str, Annotations],
    test: Mapping[str, Annotations],
    settings: Settings = STANDARD,
    annotators: tuple[str, str] = ("reference", "test"),
) -> Ec57Report:
    """Compare two annotators, whom the report calls `annotators`, record by record.

    Records with paced beats (``/`` or ``f`` in the reference) are excluded, as the standard asks;
    those that cannot be compared, with a warning. InputError if none is left or one lacks a record.

    >>> marks = Annotations([1000, 2000, 3000], ["N", "V", "N"], 1000)
    >>> beats = Annotations([1010, 2000], ["N", "N"], 1000)
    >>> ec57_report({"one": marks}, {"one": beats}, Settings(start_s=0)).gross["qrs_ppv"]
    1.0
    """
    if lone := sorted(set(reference) ^ set(test)):
        raise InputError(f"Only one annotator has record {lone[0]}: give both the same records.")
    paced = tuple(name for name, marks in reference.items() if {"/", "f"} & set(marks.symbols))
    matrices, left_out = {}, []
    for name in (name for name in reference if name not in paced):
        try:
            matrices[name] = compare_annotations(reference[name], test[name], settings)
        except InputError as error:
            left_out.append(f"Record {name} is left out: {error}")
    if not matrices:
        raise InputError([*left_out, f"No record is left ({len(paced)} are paced): add one."][0])
    for sentence in left_out:
        warnings.warn(sentence, stacklevel=2)
    synthetic = any(reference[name].synthetic for name in matrices)
    return Ec57Report(matrices, settings, paced, annotators, synthetic)
