"""Bars: parts of a total, and beats per record."""

from collections.abc import Mapping

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgbook.figures.palette import COLORS, HATCHES
from ecgkit.data import aami
from ecgkit.data.splits import Split
from ecgkit.evaluate import metrics
from ecgkit.plots import finish, panel_grid


def stacked_bars(
    rows: Mapping[str, Mapping[str, float]],
    x_label: str,
    title: str,
    *,
    digits: int = 0,
    synthetic: bool = False,
) -> Figure:
    """Draw totals, to ``digits`` decimals, as bars made of their parts.

    ``rows`` maps the name of a row to its parts and their amounts; up to six parts in all.
    """
    figure, ((axes,),) = panel_grid(max(1.7 + 0.36 * len(rows), 3.0))
    parts = list(dict.fromkeys(part for row in rows.values() for part in row))
    start = np.zeros(len(rows))
    for part, color, hatch in zip(parts, COLORS, HATCHES, strict=False):
        width = np.array([row.get(part, 0) for row in rows.values()])
        style = {"color": aami.COLORS.get(part, color), "hatch": hatch, "edgecolor": "white"}
        bars = axes.barh(list(rows), width, left=start, label=part, **style)
        start += width
    totals = [f"{total:,.{digits}f}" for total in start]
    axes.bar_label(bars, [f" {total}" for total in totals], size=11)
    axes.set(xlim=(0, 1.16 * max(start.max(), 1e-9)), xlabel=x_label)
    axes.invert_yaxis()
    columns = 4 if len("".join(parts)) < 40 else 2
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=10)
    sns.despine(figure)
    pairs = ", ".join(map(" ".join, zip(rows, totals, strict=True)))
    alt = f"Bars of {x_label}, made of {', '.join(parts)}. Totals: {pairs}."
    return finish(figure, title, alt, synthetic)


def errors_by_record(
    records: NDArray[np.str_],
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    title: str,
    *,
    top: int = 12,
    synthetic: bool = False,
) -> Figure:
    """Draw in which records the wrongly classified beats are, by the annotators' class.

    The ``top`` records with most errors have a bar each, the rest one. Labels are class numbers.
    """
    wrong = labels != predicted
    names, counts = np.unique(records[wrong], return_counts=True)
    first = names[np.argsort(-counts, kind="stable")[:top]].tolist()
    rows = {name: labels[wrong & (records == name)] for name in first}
    if others := len(np.unique(records)) - len(first):
        rows[f"{others} others"] = labels[wrong & ~np.isin(records, first)]
    counted = {
        name: {k: int((row == c).sum()) for c, k in enumerate(metrics.CLASSES)}
        for name, row in rows.items()
    }
    x_label = "wrongly classified beats, by the annotators' class"
    return stacked_bars(counted, x_label, title, synthetic=synthetic)


def counts_by_record(
    records: NDArray[np.str_], labels: NDArray[np.int8], title: str, *, synthetic: bool = False
) -> Figure:
    """Draw how many beats of S, V and F each record has; ``labels`` are class numbers."""
    names, of_record = np.unique(records, return_inverse=True)
    figure, panels = panel_grid(5.6, 3, sharex=True)
    seen = []
    for axes, name in zip(panels[:, 0], "SVF", strict=True):
        of_class = of_record[labels == aami.CLASSES.index(name)]
        counts = np.bincount(of_class, minlength=len(names))
        axes.bar(names, counts, color=aami.COLORS[name])
        first = [i for i in np.argsort(-counts, kind="stable")[:2] if counts[i]]
        percent = 100 * counts[first].sum() / max(counts.sum(), 1)
        text = f"{counts.sum():,} beats, {percent:.0f} % in {' and '.join(names[first])}"
        axes.set_title(f"{name}: {text}", loc="left", size=11)
        seen.append(f"{name} {text}")
    panels[1, 0].set_ylabel("beats")
    _name_records(figure)
    return finish(figure, title, f"Bars of beats per record. {'; '.join(seen)}.", synthetic)


def splits_by_record(
    records: NDArray[np.str_], splits: Mapping[str, Split], title: str, *, synthetic: bool = False
) -> Figure:
    """Draw which percentage of each record's beats is in each half of a split.

    ``splits`` maps the title of a panel to the row numbers of both halves.
    """
    names, of_record = np.unique(records, return_inverse=True)
    figure, panels = panel_grid(1.6 * len(splits) + 1.2, len(splits), sharex=True)
    seen = []
    for axes, (name, split) in zip(panels[:, 0], splits.items(), strict=True):
        halves = split.train, split.test
        counts = [np.bincount(of_record[rows], minlength=len(names)) for rows in halves]
        train, test = 100 * np.array(counts) / np.bincount(of_record)
        axes.bar(names, train, color="#4D4D4D", label="training half")
        style = {"color": "white", "edgecolor": "#4D4D4D", "hatch": "////", "linewidth": 0.6}
        axes.bar(names, test, bottom=train, label="test half", **style)
        both = int(((train > 0) & (test > 0)).sum())
        seen.append(f"{name}: {both} of {len(names)} records in both halves")
        axes.set_title(seen[-1], loc="left", size=11)
    figure.supylabel("beats of the record (%)", size=12)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=10, frameon=False)
    _name_records(figure)
    return finish(figure, title, f"Stacked bars per record. {'; '.join(seen)}.", synthetic)


def _name_records(figure: Figure) -> None:
    """Write the records' names upright below the last panel."""
    for axes in figure.axes:
        axes.margins(x=0.01)
    figure.axes[-1].tick_params(axis="x", rotation=90, labelsize=9)
    figure.axes[-1].set_xlabel("record")
    sns.despine(figure)
