"""The computed parts of the appendices, so that no figure in them is typed.

::

    python book/tools/appendices.py                # what every render writes: book/generated/
    python book/tools/appendices.py --data-sheet   # with MIT-BIH: book/data_sheet_records.md

The model card's figures come from ``ecgkit/published``, the pictures and counts of the synthetic
records from ``ecgkit.synthetic``: both are at hand wherever the book is rendered, and what is
written of them is git-ignored. The table of MIT-BIH's records takes the recordings; it is kept in
git, and a test holds it to them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from notebook_format import PUBLISHED, ROOT

from ecgkit import (
    InputError,
    aami,
    heartbeats,
    metrics,
    models,
    physionet,
    plots,
    published,
    records,
    splits,
    synthetic,
    tables,
    training,
)

GENERATED = ROOT / "book" / "generated"
RECORDS = ROOT / "book" / "data_sheet_records.md"

SPLITS = {
    "random": "Half of the beats, drawn at random with the same share of every class on both "
    "sides. Every patient is in both halves, so these are figures for hearts that the model knows.",
    "patients": "Trained on the patients of DS1, tested on those of DS2. Records 201, in DS1, and "
    "202, in DS2, are of one person; the other test patients are new to the model.",
}


def row(*cells: Any) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |\n"


def rule(n_left: int, n_right: int) -> str:
    """The line under a table's head: columns of words, then columns of numbers."""
    return row(*["---"] * n_left, *["---:"] * n_right)


def percent(share: float | None) -> str:
    """A share as per cent; a dash where it is not defined."""
    return "-" if share is None else f"{100 * share:.2f}"


# Model card ---------------------------------------------------------------------------------------


def model_card() -> str:
    """A section for each model whose weights are published, and a table of all published runs."""
    runs = {entry["name"]: published.run(entry["name"]) for entry in published.index()}
    text = "## What is published\n\n" + all_runs(list(runs.values()))
    for entry in published.index():
        if entry["weights_sha256"]:
            text += "\n" + one_model(entry, runs[entry["name"]])
    return text


def all_runs(runs: list[dict[str, Any]]) -> str:
    """A line for each model, recipe and split: its figures, over the seeds there are."""

    def kind(run: dict[str, Any]) -> tuple[str, str, str]:
        return run["model"], run["recipe"], run["split"]

    text = row("model", "recipe", "split", "seeds", "accuracy %", "mean F1 %") + rule(3, 3)
    for key, group in itertools.groupby(sorted(runs, key=kind), kind):
        figures = [tables.figures(run) for run in group]
        cells = []
        for name in ("accuracy", "mean_f1"):
            spread = tables.spread([f[name] for f in figures])
            cells.append(percent(spread["mean"]))
            cells[-1] += f" ± {percent(spread['sd'])}" if spread["sd"] is not None else ""
        text += row(*key, len(figures), *cells)
    return text + (
        "\nAll on MIT-BIH's test half, after the last epoch. ± is the standard deviation (n - 1) "
        "over the seeds; mean F1 is the mean of the four classes' F1.\n"
    )


def past(model: str) -> str:
    """What a model reads besides the samples, as the end of a sentence."""
    n = models.n_columns(models.build(model))
    return f"; and {n} columns of the patient's past, see `ecgkit.context`" if n else ""


def one_model(entry: dict[str, Any], run: dict[str, Any]) -> str:
    """The card of one model: what it is, how it was trained, and what it does on the test half."""
    name = entry["name"]
    how = {**asdict(training.Recipe()), **run["config"]}  # older runs do not say all
    report = metrics.report(run["confusion_matrix"])
    parameters = sum(p.numel() for p in models.build(run["model"]).parameters())
    size = (PUBLISHED / f"{name}.safetensors").stat().st_size
    versions = ", ".join(f"{k} {v}" for k, v in run["versions"].items())
    facts = {
        "Network": f"`{run['model']}`, {parameters:,} parameters, float32, {size / 1e6:.1f} MB",
        "File": f"`ecgkit/published/{name}.safetensors`, SHA-256 `{entry['weights_sha256']}`",
        "Input": "180 samples of lead MLII around an R peak at 360 Hz, in mV, bands "
        "A9, D1 and D2 set to zero" + past(run["model"]),
        "Output": "four logits: N, S, V, F",
        "Data": f"MIT-BIH, fingerprint `{run['data']['fingerprint']}`; mapping `{run['mapping']}`",
        "Split": f"`{run['split']}`, seed {run['seed']}, hash `{run['split_hash']}`. "
        f"{SPLITS[run['split']]}",
        "Training": f"recipe `{run['recipe']}`: {how['epochs']} epochs of batch {how['batch']}, "
        f"learning rate {how['learning_rate']:g} ({how['schedule']}), weight decay "
        f"{how['weight_decay']:g}, label smoothing {how['label_smoothing']:g}, balance "
        f"{how['balance']:g}; originals cropped {how['cropped_originals']:g}, gain "
        f"{how['gain']:g}, noise {how['noise_mv']:g} mV, weight of each branch's own loss "
        f"{how['each_branch']:g}; {how['precision']}",
        "Cost": f"{run['seconds'] / 60:.1f} minutes on {run['device']}",
        "Versions": versions,
    }
    text = f"## {name}\n\n" + row("property", "value") + rule(2, 0)
    text += "".join(row(f"**{key}**", value) for key, value in facts.items())
    text += "\nOn the test half:\n\n"
    text += row("class", "beats", *(f"as {c}" for c in metrics.CLASSES), "Se %", "P⁺ %", "F1 %")
    text += rule(1, 8)
    for c, counts in zip(metrics.CLASSES, run["confusion_matrix"], strict=True):
        of = report["classes"][c]
        shares = (percent(of[key]) for key in ("se", "ppv", "f1"))
        text += row(f"**{c}**", f"{sum(counts):,}", *(f"{n:,}" for n in counts), *shares)
    macro = report["macro"]
    return text + (
        f"\nAccuracy **{percent(report['accuracy'])} %**; mean of the classes: Se "
        f"{percent(macro['se'])} %, P⁺ {percent(macro['ppv'])} %, F1 {percent(macro['mean_f1'])} % "
        f"(F1 of the means {percent(macro['f1_of_means'])} %).\n"
    )


# Synthetic records --------------------------------------------------------------------------------


def synthetic_records(folder: Path) -> str:
    """Draw the synthetic records into a folder of the book and tell of them in tables."""
    source = records.find("synthetic")
    beats = heartbeats.prepare(source)
    record = source.read(*_most_varied(beats, seconds=8)[:1])
    start_s = _most_varied(beats, seconds=8)[1]
    strip = plots.ecg_strip(
        {lead: record.lead(lead) for lead in record.leads},
        record.fs,
        start_s,
        8,
        record.r_peaks,
        {"symbol": record.symbols},
        f"Synthetic record {record.name}",
        synthetic=True,
    )
    classes = plots.beats_by_class(beats.without_q(), "The four classes of the synthetic records")
    text = _picture(strip, folder / "synthetic_strip.png")
    text += _picture(classes, folder / "synthetic_classes.png")
    text += row("record", "half", "beats per minute", *aami.CLASSES) + rule(2, 6)
    for name in synthetic.NAMES:
        labels = beats.labels[beats.records == name]
        rate = 60 * len(labels) / (len(source.read(name).signals) / record.fs)
        text += row(name, splits.half_of(name), f"{rate:.0f}", *aami.counts(labels).values())
    total = aami.counts(beats.labels)
    return text + row("**all**", "", "", *total.values())


def _picture(figure: Any, path: Path) -> str:
    """Save a figure and give the Markdown that shows it, alt text included."""
    alt = plots.save(figure, path)
    return f"![{alt}]({path.parent.name}/{path.name})\n\n"


def _most_varied(beats: heartbeats.Heartbeats, seconds: float) -> tuple[str, float]:
    """Record and start, in seconds, of a stretch that holds as many kinds of beats as any."""
    best, where = 0, ("", 0.0)
    for name in np.unique(beats.records):
        of = beats.records == name
        at_s, symbols = beats.samples[of] / synthetic.FS, beats.symbols[of]
        for start_s in at_s - 0.5:
            kinds = symbols[(at_s > start_s) & (at_s < start_s + seconds - 0.5)]
            if (found := len(set(kinds) - {"Q"})) > best and "Q" not in kinds:
                best, where = found, (str(name), float(start_s))
    return where


# Data sheet ---------------------------------------------------------------------------------------


def data_sheet(directory: Path) -> str:
    """What MIT-BIH's headers and annotations say of each of the 48 records.

    Parameters
    ----------
    directory
        Folder that holds the files of all 48.
    """
    people, lines = {}, ""
    total = np.zeros(len(aami.CLASSES), int)
    for name in sorted({*physionet.MITDB_RECORDS, *physionet.PACED}):
        header = wfdb.rdheader(str(directory / name))
        years, sex = header.comments[0].split()[:2]
        age = None if years == "-1" else int(years)
        people[splits.SAME_PERSON.get(name, name)] = (age, sex)
        _, symbols = records.read_annotations(directory / name)
        counts = aami.counts(aami.encode(symbols))
        used = "paced" if name in physionet.PACED else splits.half_of(name)
        if name not in physionet.PACED:
            total += list(counts.values())
        shown = "unknown" if age is None else age
        lines += row(name, *header.sig_name, shown, sex, used, *counts.values())
    text = f"The headers name {len(people)} people: " + " and ".join(
        _ages(word, [age for age, s in people.values() if s == sex])
        for word, sex in (("men", "M"), ("women", "F"))
    )
    text += ".\n\n" + row("record", "first", "second", "age", "sex", "half", *aami.CLASSES)
    text += rule(6, 5) + lines
    return text + row("**44 used**", *[""] * 5, *(f"**{n}**" for n in total))


def _ages(word: str, ages: list[int | None]) -> str:
    """Say how many people, how old, and of how many the age is not known."""
    known = sorted(age for age in ages if age is not None)
    text = f"{len(ages)} {word} from {known[0]} to {known[-1]} years, median {np.median(known):g}"
    unknown = len(ages) - len(known)
    return text + (f" ({unknown} of unknown age)" if unknown else "")


def write_generated(folder: Path = GENERATED) -> None:
    """Write what every render writes anew."""
    folder.mkdir(exist_ok=True)
    (folder / "model_card.md").write_text(model_card(), encoding="utf-8")
    (folder / "synthetic_records.md").write_text(synthetic_records(folder), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the computed parts of the appendices.")
    parser.add_argument("--data-sheet", action="store_true", help="the table of MIT-BIH's records")
    options = parser.parse_args()
    if not options.data_sheet:
        write_generated()
        return 0
    try:
        directory = os.environ.get("ECGKIT_DATA")
        if not directory:
            raise InputError("Set ECGKIT_DATA to a folder with all 48 records of MIT-BIH.")
        RECORDS.write_text(data_sheet(Path(directory)), encoding="utf-8")
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
