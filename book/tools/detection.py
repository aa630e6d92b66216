"""Fit the R-peak detector, and measure it on the records of MIT-BIH and SVDB on this machine.

::

    python book/tools/detection.py        # writes book/ecgbook/studies/detection.csv
    python book/tools/detection.py fit    # prints WEIGHTS and BIAS of ecgkit/data/r_peaks.py

A row of the table holds the reference beats of a record from 5:00 on, and the beats that are missed
and extra by the rules of EC57. sleepecg, which the library used before, is measured where it is
installed; else its columns are those of the old table.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from notebook_format import ROOT
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from ecgbook.by_person import SVDB_EVEN
from ecgkit.data import aami
from ecgkit.data.cutting import resample
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.data.r_peaks import (
    REFRACTORY,
    SHIFT,
    align_r_peaks,
    describe_candidates,
    detect_r_peaks,
    drop_close,
    find_candidates,
)
from ecgkit.data.sources import DATABASES, find_source
from ecgkit.data.splits import DS1, SAME_PERSON
from ecgkit.data.wfdb_io import Annotations, read_annotation_file
from ecgkit.evaluate.matching import compare_annotations, match_beats

TABLE = ROOT / "book" / "ecgbook" / "studies" / "detection.csv"
WINDOW = round(0.15 * SAMPLING_RATE)
Signal = NDArray[np.floating]


def read(database: str, name: str) -> tuple[Signal, Annotations]:
    """Read a record's marks, and at 360 Hz lead MLII, or the first where there is none."""
    source = find_source(database, [name])
    record = source.read(name)
    signal = record.lead("MLII" if "MLII" in record.leads else "first")
    return resample(signal, record.fs), read_annotation_file(source.directory / name)


def errors(reference: Annotations, r_peaks: NDArray[np.int64]) -> tuple[int, int, int]:
    """Count the reference beats from 5:00 on, those missed, and the extra ones."""
    samples = np.rint(r_peaks * (reference.fs / SAMPLING_RATE)).astype(np.int64)
    found = Annotations(samples, np.full(len(samples), "N"), reference.fs)
    matrix = compare_annotations(reference, found)
    return int(matrix[:5].sum()), int(matrix[:5, 5:].sum()), int(matrix[5:, :5].sum())


def sleepecg_in_blocks(x: Signal) -> NDArray[np.int64]:
    """Detect R peaks with sleepecg, six minutes at a time, as the library did before."""
    import sleepecg

    found, block, lead_in = [], 256 * 512, 15 * 512
    for start in range(0, len(x), block):
        part = x[(first := max(start - lead_in, 0)) : start + block + lead_in]
        padded = np.pad(part, (0, 4 * SAMPLING_RATE), mode="edge")  # it reads beyond the end
        at = sleepecg.detect_heartbeats(padded, SAMPLING_RATE)
        at = first + drop_close(
            np.unique(align_r_peaks(part, at[at < len(part)], SHIFT)), -REFRACTORY
        )
        found.append(at[(at >= start) & (at < start + block)])
    return drop_close(np.concatenate(found), -REFRACTORY)


def records() -> list[tuple[str, str]]:
    """Name all records of MIT-BIH, paced ones too, and SVDB's even-numbered ones."""
    return [("mitdb", n) for n in DATABASES["mitdb"].known] + [("svdb", n) for n in SVDB_EVEN]


def measure(detectors: dict[str, Callable[[Signal], NDArray[np.int64]]]) -> pd.DataFrame:
    """Count each detector's errors in each record."""
    rows = []
    for database, name in records():
        x, reference = read(database, name)
        row: dict[str, str | int] = {"database": database, "record": name}
        for detector, detect in detectors.items():
            row["beats"], missed, extra = errors(reference, detect(x))
            row |= {f"{detector}_missed": missed, f"{detector}_extra": extra}
        rows.append(row)
    return pd.DataFrame(rows)


def label_candidates(x: Signal, reference: Annotations) -> pd.DataFrame:
    """Describe each candidate outside flutter, and say whether it is a reference beat."""
    candidates = find_candidates(x)
    table = pd.DataFrame(describe_candidates(candidates)).assign(beat=False)
    table["r_peak"] = candidates["r_peak"]
    at = np.rint(reference.samples * (SAMPLING_RATE / reference.fs)).astype(np.int64)
    of_beats = at[[aami.is_beat(symbol) for symbol in reference.symbols]]
    found = match_beats(of_beats, table["r_peak"].to_numpy(), WINDOW)
    table.loc[found[found >= 0], "beat"] = True
    starts, ends = (at[reference.symbols == symbol] for symbol in "[]")
    for start, end in zip(starts, ends, strict=True):
        table = table[~table["r_peak"].between(start, end)]
    return table


def fit() -> None:
    """Fit to DS1 and SVDB; print the weights, and the errors in people left out of the fit."""
    files = {key: read(*key) for key in records() if key[0] == "svdb" or key[1] in DS1}
    table = pd.concat({k: label_candidates(*f) for k, f in files.items()}, names=["db", "record"])
    table = table.reset_index(["db", "record"])
    ratios, beat = table[range(4)].to_numpy(), table["beat"].to_numpy()
    weight = len(table) / table.groupby("db")["beat"].transform("sum").to_numpy()
    model = LogisticRegression(C=np.inf, tol=1e-8)
    people = table["record"].replace(SAME_PERSON)
    how = {"groups": people, "cv": LeaveOneGroupOut(), "params": {"sample_weight": weight}}
    table["score"] = cross_val_predict(model, ratios, beat, method="decision_function", **how)
    sums = pd.DataFrame(0, ["mitdb", "svdb"], ["beats", "missed", "extra"])
    for key, peaks in table[table["score"] > 0].groupby(["db", "record"])["r_peak"]:
        sums.loc[key[0]] += errors(files[key][1], drop_close(peaks.to_numpy(), -REFRACTORY))
    print("In people left out:", sums.to_string(), sep="\n")
    model.fit(ratios, beat, sample_weight=weight)
    print("WEIGHTS, BIAS =", model.coef_[0].round(3).tolist(), model.intercept_.round(3).item())


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    if arguments == ["fit"]:
        return fit()
    detectors = {"ecgkit": detect_r_peaks}
    if importlib.util.find_spec("sleepecg"):
        detectors["sleepecg"] = sleepecg_in_blocks
    table, key = measure(detectors), ["database", "record"]
    if "sleepecg" not in detectors:
        old = pd.read_csv(TABLE, dtype={"record": str})
        columns = [*key, "sleepecg_missed", "sleepecg_extra"]
        table = table.merge(old[columns], how="left", on=key)
    table.to_csv(TABLE, index=False, lineterminator="\n")
    print(table.drop(columns="record").groupby("database").sum().to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
