"""The report of ANSI/AAMI EC57: how well beats are found and told apart, by record and in sum.

VEB are the ventricular ectopic beats, class V; SVEB the supraventricular ones, class S. Two things
differ from a confusion matrix read the usual way. A beat that is missed or that is not there counts
too, in a row and a column of its own. And some confusions are forgiven: a fusion or an
unclassifiable beat called V is no false VEB, an unclassifiable one called S no false SVEB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgkit import InputError, matching
from ecgkit.annotators import Annotations
from ecgkit.matching import Matrix, compare

FIGURES = {
    "qrs_se": "Q Se",
    "qrs_ppv": "Q +P",
    "veb_se": "V Se",
    "veb_ppv": "V +P",
    "veb_fpr": "V FPR",
    "sveb_se": "S Se",
    "sveb_ppv": "S +P",
    "sveb_fpr": "S FPR",
}
"""The figures and the headings that WFDB's readers know them by. Q stands for any QRS complex."""

_FORGIVEN = {"veb": ("V", "FQ"), "sveb": ("S", "Q")}
"""What the class is, and which other reference beats may be called so without being counted."""

_LINE_ROWS = {"N": "N", "S": "S", "V": "V", "F": "FQ", "O": "OX"}
_LINE_COLUMNS = {"n": "nfq", "s": "s", "v": "v", "o": "ox"}
"""Classes that the line format of WFDB's ``bxb`` adds up; it marks a sum of several by ``'``."""


def shares(matrix: Matrix) -> dict[str, tuple[int, int]]:
    """Numerator and denominator of each figure of a matrix.

    ========  ==================================================================================
    QRS Se    beats found, of all reference beats
    QRS +P    the same, of all beats that were marked
    VEB Se    Vv, of all V
    VEB +P    Vv, of Vv and the false positives Nv, Sv, Ov, Xv (not Fv, not Qv)
    VEB FPR   these false positives, of them and all that is not V, was marked and not called v
    SVEB      likewise, with the false positives Ns, Vs, Fs, Os, Xs (not Qs)
    ========  ==================================================================================

    Parameters
    ----------
    matrix
        From :func:`ecgkit.matching.compare`, or a sum of such.

    Returns
    -------
    For each key of :data:`FIGURES` two counts.

    Notes
    -----
    The definitions are those of WFDB's ``bxb``, which prints no FPR of SVEB; it is formed here as
    that of VEB is. WFDB's ``sumstats`` leaves Fs out of the SVEB's false positives, ``bxb`` does
    not: where a record has such beats, our gross and average +P of SVEB are lower than those.

    Examples
    --------
    >>> matrix = np.zeros((7, 7), int)
    >>> matrix[2, 2], matrix[3, 2], matrix[0, 2], matrix[0, 0] = 8, 5, 2, 90
    >>> shares(matrix)["veb_ppv"], shares(matrix)["veb_fpr"]
    ((8, 10), (2, 92))
    """
    m = np.asarray(matrix)
    found, missed, extra = int(m[:5, :5].sum()), int(m[:5, 5:].sum()), int(m[5:, :5].sum())
    result = {"qrs_se": (found, found + missed), "qrs_ppv": (found, found + extra)}
    for kind, (name, forgiven) in _FORGIVEN.items():
        c = matching.ROWS.index(name)
        others = [r for r in range(len(m)) if r != c]
        false = int(sum(m[r, c] for r in others if matching.ROWS[r] not in forgiven))
        true_negative = int(m[np.ix_(others, [k for k in range(5) if k != c])].sum())
        hits = int(m[c, c])
        result[f"{kind}_se"] = hits, int(m[c].sum())
        result[f"{kind}_ppv"] = hits, hits + false
        result[f"{kind}_fpr"] = false, true_negative + false
    return result


def figures(matrix: Matrix) -> dict[str, float | None]:
    """Figures of a matrix, from 0 to 1; None where one would divide by zero.

    Examples
    --------
    >>> figures(np.diag([9, 0, 1, 0, 0, 0, 0]))["veb_se"]
    1.0
    >>> print(figures(np.diag([9, 0, 1, 0, 0, 0, 0]))["sveb_se"])
    None
    """
    return {key: part / whole if whole else None for key, (part, whole) in shares(matrix).items()}


@dataclass(frozen=True)
class Report:
    """The comparison of two annotators over records.

    Attributes
    ----------
    matrices
        Record name -> int64, shape (7, 7): see :func:`ecgkit.matching.compare`.
    paced
        Records left out because their reference has paced beats.
    settings
        ``start_s``, ``end_s``, ``window_s`` and ``sveb`` of :func:`ecgkit.matching.compare`.
    annotators
        Names of the reference and of what was tested.
    synthetic
        Whether a record was made by a computer.
    """

    matrices: dict[str, Matrix]
    paced: tuple[str, ...]
    settings: dict[str, Any]
    annotators: tuple[str, str] = ("reference", "test")
    synthetic: bool = False

    @property
    def total(self) -> Matrix:
        """The matrices of all records added up."""
        return np.sum(list(self.matrices.values()), axis=0, dtype=np.int64)

    @property
    def gross(self) -> dict[str, float | None]:
        """Figures of all beats together: a record with many beats weighs more."""
        return figures(self.total)

    @property
    def average(self) -> dict[str, float | None]:
        """Mean of the records' figures, each record alike; those without a figure are left out."""
        rows = [figures(matrix) for matrix in self.matrices.values()]
        result: dict[str, float | None] = {}
        for key in FIGURES:
            defined = [share for row in rows if (share := row[key]) is not None]
            result[key] = float(np.mean(defined)) if defined else None
        return result

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; None where a figure is not defined."""
        return {
            "reference": self.annotators[0],
            "test": self.annotators[1],
            "synthetic": self.synthetic,
            **self.settings,
            "paced": list(self.paced),
            "rows": list(matching.ROWS),
            "columns": list(matching.COLUMNS),
            "records": {name: self._json(matrix) for name, matrix in self.matrices.items()},
            "gross": self._json(self.total),
            "average": {"figures": self._kept(self.average)},
        }

    def _json(self, matrix: Matrix) -> dict[str, Any]:
        """Give a matrix and its figures."""
        return {"matrix": matrix.tolist(), "figures": self._kept(figures(matrix))}

    def text(self) -> str:
        """Write the report for a fixed-width font, much as WFDB's ``bxb`` and ``sumstats`` do."""
        n = len(self.matrices)
        lines = [*self._about(), "", "Sum of the records" if n > 1 else "Counts"]
        lines += [" " * 14 + "algorithm", *_aligned(self._matrix_cells()), ""]
        counts = {name: self._line(matrix) for name, matrix in self.matrices.items()}
        if n > 1:
            counts["Sum"] = self._line(self.total)
        cells = [["Record", *self._line(self.total)]]
        cells += [[name, *map(str, row.values())] for name, row in counts.items()]
        lines += [*_aligned(cells), "", *_aligned(self._figure_cells())]
        return "\n".join([*lines, "", *self._totals()]) + "\n"

    def markdown(self) -> str:
        """Write the figures and the summed matrix as Markdown tables, figures in percent."""
        tables = [_markdown(self._figure_cells()), _markdown(self._matrix_cells())]
        return "\n\n".join([" ".join(self._about()), *tables, " ".join(self._totals())]) + "\n"

    def _kept(self, values: dict[str, Any]) -> dict[str, Any]:
        """Drop the figures of SVEB where S was counted as N."""
        sveb = self.settings["sveb"]
        return {key: value for key, value in values.items() if sveb or key[:4] != "sveb"}

    def _about(self) -> list[str]:
        """Sentences that say what was compared and how."""
        start, end, window = (self.settings[key] for key in ("start_s", "end_s", "window_s"))
        until = "to the end" if end is None else f"to second {end:g}"
        apart = "apart from N" if self.settings["sveb"] else "as N"
        lines = [
            "Beat-by-beat comparison after ANSI/AAMI EC57.",
            f"Reference: {self.annotators[0]}. Test: {self.annotators[1]}.",
            f"From second {start:g} {until}; match window {1000 * window:g} ms; S counted {apart}.",
        ]
        if (start, end, window) != (300, None, 0.15):
            lines.append("These times are not the standard's (300 s, to the end, 150 ms).")
        if self.synthetic:
            lines.insert(0, "SYNTHETIC RECORDS, computer-made: no figure here is of a patient.")
        if self.paced:
            lines.append(f"Left out, as they hold paced beats: {' '.join(self.paced)}.")
        return lines

    def _totals(self) -> list[str]:
        """Sentences with the number of beats and of records."""
        of = shares(self.total)
        counted = f"QRS complexes: {of['qrs_se'][1]}. VEB: {of['veb_se'][1]}."
        if self.settings["sveb"]:
            counted += f" SVEB: {of['sveb_se'][1]}."
        return [counted, f"Records: {len(self.matrices)}."]

    def _matrix_cells(self) -> list[list[str]]:
        """Cells of the summed matrix, headings included; those nobody can count are empty."""
        cells = [["", *matching.COLUMNS]]
        for name, row in zip(matching.ROWS, self.total.tolist(), strict=True):
            cells.append([name, *(map(str, row[:5] + [""] * 2 if name in "OX" else row))])
        return cells

    def _line(self, matrix: Matrix) -> dict[str, int]:
        """Heading -> count, in the line format of ``bxb``."""
        counts = {}
        hidden = "" if self.settings["sveb"] else "Ss"
        for column, called in _LINE_COLUMNS.items():
            for row, classes in _LINE_ROWS.items():
                if row + column == "Oo" or row in hidden or column in hidden:
                    continue
                r = [matching.ROWS.index(name) for name in classes]
                c = [matching.COLUMNS.index(name) for name in called]
                prime = "'" if len(classes + called) > 2 else ""
                counts[row + column + prime] = int(matrix[np.ix_(r, c)].sum())
        return counts

    def _figure_cells(self) -> list[list[str]]:
        """Cells of the table of figures, in percent, headings included."""
        rows = {name: figures(matrix) for name, matrix in self.matrices.items()}
        rows |= {"Gross": self.gross, "Average": self.average}
        keys = list(self._kept(dict(FIGURES)))
        cells = [["Record", *(FIGURES[key] for key in keys)]]
        for name, values in rows.items():
            cells.append([name, *(_percent(values[key], key) for key in keys)])
        return cells


def _percent(share: float | None, key: str) -> str:
    """Write a share in percent; rates of false positives are small and have a digit more."""
    return "-" if share is None else f"{100 * share:.{3 if key.endswith('fpr') else 2}f}"


def _aligned(cells: list[list[str]]) -> list[str]:
    """Lay out rows of cells for a fixed-width font: the first column left, the others right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _markdown(cells: list[list[str]]) -> str:
    """Lay out rows of cells as a Markdown table, the first row its heading."""
    rule = ["---", *["---:"] * (len(cells[0]) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], rule, *cells[1:]])


def ec57(
    reference: Mapping[str, Annotations],
    test: Mapping[str, Annotations],
    *,
    start_s: float = 300.0,
    end_s: float | None = None,
    window_s: float = 0.15,
    sveb: bool = True,
    annotators: tuple[str, str] = ("reference", "test"),
) -> Report:
    """Compare two annotators, record by record.

    Parameters
    ----------
    reference, test
        Record name -> annotations, of the same records.
    start_s, end_s, window_s, sveb
        See :func:`ecgkit.matching.compare`. The defaults are the standard's, with SVEB reported.
    annotators
        Names for the two in the report.

    Returns
    -------
    The report. Records with paced beats (``/`` or ``f`` in the reference: 102, 104, 107 and 217 of
    MIT-BIH) are left out and named, as the standard asks.

    Raises
    ------
    InputError
        If a record is not in both, no record is left, or a record cannot be compared.

    Examples
    --------
    >>> marks = Annotations([1000, 2000, 3000], ["N", "V", "N"], 1000)
    >>> beats = Annotations([1010, 2000], ["N", "N"], 1000)
    >>> report = ec57({"one": marks}, {"one": beats}, start_s=0)
    >>> round(report.gross["qrs_se"], 3), report.gross["veb_se"], report.gross["veb_ppv"]
    (0.667, 0.0, None)
    """
    if one_only := sorted(set(reference) ^ set(test)):
        where = annotators[0] if one_only[0] in reference else annotators[1]
        raise InputError(
            f"Record {one_only[0]} is in {where} alone ({len(one_only)} such): give both "
            "annotators the same records."
        )
    paced = tuple(name for name, marks in reference.items() if set(marks.symbols) & {"/", "f"})
    matrices = {}
    for name, marks in reference.items():
        if name in paced:
            continue
        try:
            matrices[name] = compare(marks, test[name], start_s, end_s, window_s, sveb)
        except InputError as error:
            raise InputError(f"Record {name}: {error}") from error
    if not matrices:
        raise InputError(
            f"No record is left to compare ({len(paced)} hold paced beats): give at least one."
        )
    settings = {"start_s": start_s, "end_s": end_s, "window_s": window_s, "sveb": sveb}
    synthetic = any(reference[name].synthetic for name in matrices)
    return Report(matrices, paced, settings, annotators, synthetic)
