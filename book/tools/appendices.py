"""The computed parts of the appendices, so that no number in them is typed.

::

    python book/tools/appendices.py                # what every render writes: book/generated/
    python book/tools/appendices.py --data-sheet   # with MIT-BIH: book/data_sheet_records.md

The model card is made from the weights of ``ecgkit`` and the results of the studies, the tables of
new patients from these results, the pictures and counts of the synthetic records from these; git
ignores what is written of them. The table of MIT-BIH's records needs the recordings: git keeps it,
and a test compares it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import synthetic
from matplotlib.figure import Figure
from notebook_format import ROOT
from numpy.typing import NDArray

from ecgbook import by_person, studies
from ecgbook.figures.beats import beat_time_s
from ecgbook.paper_tables import NEW_PATIENTS_SCORES, score_table, to_markdown
from ecgbook.studies import people
from ecgkit import InputError, load_beats, plots
from ecgkit.data import aami, splits
from ecgkit.data.beats import Beats
from ecgkit.data.preparation import BEAT_LENGTH
from ecgkit.data.sources import DATABASES, find_source
from ecgkit.data.wfdb_io import read_annotations, read_header
from ecgkit.evaluate import ec57, metrics
from ecgkit.evaluate.runs import Run
from ecgkit.train.weights import DIRECTORY, Classifier, load_model, model_names

GENERATED = ROOT / "book" / "generated"
RECORDS = ROOT / "book" / "data_sheet_records.md"

SPLITS = {
    "random": "Half of the beats, drawn at random with the same share of every class on both "
    "sides. Every patient is in both halves: these are scores for patients that the model knows.",
    "patients": "Trained on the patients of DS1, tested on those of DS2. Records 201, in DS1, and "
    "202, in DS2, are of one person; the other test patients are new to the model.",
}


def row(*cells: Any) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |\n"


def rule(n_left: int, n_right: int) -> str:
    """The line under a table's head: columns of words, then columns of numbers."""
    return row(*["---"] * n_left, *["---:"] * n_right)


def percent(share: float) -> str:
    """A share as per cent; a dash where it is not defined."""
    return "-" if np.isnan(share) else f"{100 * share:.2f}"


# Model card ---------------------------------------------------------------------------------------


def model_card() -> str:
    """A table of all tested runs, and a section for each model whose weights come with ecgkit."""
    text = "## What is published\n\n" + all_runs(studies.results(tested_on="test"))
    for name in model_names():
        classifier = load_model(name)
        if classifier.provenance.expected:
            text += "\n" + model_of_people(name, classifier)
        else:
            text += "\n" + one_model(name, classifier, run_of(classifier))
    return text


def model_of_people(name: str, classifier: Classifier) -> str:
    """The card of a model for new people: what it learnt from, and what each protocol measured."""
    about, path = classifier.provenance, DIRECTORY / f"{name}.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = {
        "Model": "the mean of a network (`resnet` with a feature branch) and of boosted trees",
        "File": f"`ecgkit/weights/{path.name}`, {path.stat().st_size / 1e6:.1f} MB, SHA-256 "
        f"`{digest}`",
        "Features": ", ".join(classifier.preparation.features),
        "Data": f"{len(about.trained_on)} records of `{about.source}`; fingerprints "
        f"`{about.fingerprint}`",
        "Expected on new people": about.note,
    }
    text = f"## {name}\n\n" + row("property", "value") + rule(2, 0)
    text += "".join(row(f"**{key}**", value) for key, value in facts.items())
    text += "\nMeasured on people that the classifiers had not seen, mean over the seeds:\n\n"
    text += row("protocol", "classifier", "accuracy %", "S F1 %", "V F1 %") + rule(2, 3)
    for protocol in people.PROTOCOLS:
        for classifier_row in people.ROWS:
            if found := people.outcomes(protocol, classifier_row):
                matrices = [outcome.matrices().sum(axis=0) for outcome in found]
                scores = [[metrics.accuracy(m), *metrics.class_f1(m)[1:3]] for m in matrices]
                shares = map(percent, np.mean(scores, axis=0))
                text += row(f"`{protocol}`", f"`{classifier_row}`", *shares)
    return text


def all_runs(runs: list[Run]) -> str:
    """A line for each study's row: its scores, over the seeds there are."""
    rows: dict[str, list[Run]] = {}
    for run in runs:
        rows.setdefault(f"{run.study}, {run.row}: {run.model}, {run.split} split", []).append(run)
    table = score_table(rows, {"accuracy": "accuracy %", "mean_f1": "mean F1 %"})
    return to_markdown(table.rename(columns={"row": "study and row"})) + (
        "\n\nAll on the test half of MIT-BIH, after the last epoch. ± is the standard deviation "
        "(n - 1) over the seeds; mean F1 is the mean of the four classes' F1.\n"
    )


def run_of(classifier: Classifier) -> Run:
    """The published run that trained a model."""
    about = classifier.provenance
    wanted = ("model", "recipe", "split", "seed", "split_hash")
    (run,) = studies.results(
        tested_on="test",
        preparation=classifier.preparation,
        **{key: getattr(about, key) for key in wanted},
    )
    return run


def one_model(name: str, classifier: Classifier, run: Run) -> str:
    """The card of one model: what it is, how it was trained, and what it does on the test half."""
    path = DIRECTORY / f"{name}.safetensors"
    report = run.report()
    parameters = sum(p.numel() for p in classifier.network.parameters())
    prepared = classifier.preparation
    settings = ", ".join(f"{key} {value}" for key, value in asdict(run.settings).items())
    facts = {
        "Network": f"`{run.model}`, {parameters:,} parameters, float32, "
        f"{path.stat().st_size / 1e6:.1f} MB",
        "File": f"`ecgkit/weights/{path.name}`, SHA-256 "
        f"`{hashlib.sha256(path.read_bytes()).hexdigest()}`",
        "Input": f"{BEAT_LENGTH} samples of lead {prepared.lead}, 360 Hz, around an R peak; "
        f"units: {prepared.units}; "
        f"bands {', '.join(prepared.zeroed)} set to zero; "
        f"features: {', '.join(prepared.features) or 'none'}",
        "Output": "four logits: N, S, V, F",
        "Data": f"`{run.source}`, fingerprint `{run.fingerprint}`; mapping `{prepared.mapping}`",
        "Split": f"`{run.split}`, seed {run.seed}, hash `{run.split_hash}`. {SPLITS[run.split]}",
        "Training": f"recipe `{run.recipe}`: {settings}; {run.precision}",
        "Cost": f"{run.seconds / 60:.1f} minutes on {run.device}",
        "Versions": ", ".join(f"{package} {number}" for package, number in run.versions.items()),
    }
    text = f"## {name}\n\n" + row("property", "value") + rule(2, 0)
    text += "".join(row(f"**{key}**", value) for key, value in facts.items())
    text += "\nOn the test half:\n\n"
    text += row("class", "beats", *(f"as {c}" for c in metrics.CLASSES), "Se %", "P⁺ %", "F1 %")
    text += rule(1, 8)
    for c, counts in zip(metrics.CLASSES, run.confusion_matrix, strict=True):
        of = report.classes[c]
        shares = (percent(share) for share in (of.se, of.ppv, of.f1))
        text += row(f"**{c}**", f"{sum(counts):,}", *(f"{n:,}" for n in counts), *shares)
    macro = report.macro
    return text + (
        f"\nAccuracy **{percent(report.accuracy)} %**; mean of the classes: Se "
        f"{percent(macro.se)} %, P⁺ {percent(macro.ppv)} %, F1 {percent(macro.mean_f1)} % "
        f"(F1 of the means {percent(macro.f1_of_means)} %).\n"
    )


# New patients -------------------------------------------------------------------------------------


def new_patients() -> str:
    """The rows of the study of new patients, on DS1 and on DS2, and what others report."""
    study, scores = studies.load_study("new_patients"), NEW_PATIENTS_SCORES
    runs = studies.results("new_patients", tested_on="validation")
    rows = {name: [run for run in runs if run.row == name] for name in study.rows}
    table = score_table(rows, scores, digits=1)
    table.insert(1, "what is done", [study.rows[name].change for name in rows])
    compared = studies.comparison_table(study, runs, ("f1_V", "f1_S")).drop(columns="change")
    others = row("work", *scores.values()) + rule(1, len(scores))
    for name, work in study.works.items():
        how = f", {work['how']}" if work["how"] else ""
        of_work = {k: f"{v if k == 'j_kappa' else 100 * v:.4g}" for k, v in work["scores"].items()}
        others += row(f"[{name}]({work['address']}){how}", *(of_work.get(k, "-") for k in scores))
    texts = {
        "On validation patients of DS1": to_markdown(table),
        "Each row beside the one it changes": to_markdown(compared),
        "On DS2": to_markdown(on_ds2(study.tested)),
        "What others report for DS1 to DS2": others,
        "People of MIT-BIH, each left out of the training": to_markdown(on_people("people mitdb")),
        "People of SVDB, each left out of the training": to_markdown(on_people("people svdb")),
        "Trained on MIT-BIH, tested on SVDB": to_markdown(on_people("mitdb-svdb")),
    }
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in texts.items())


def on_ds2(tested: Sequence[str]) -> pd.DataFrame:
    """Every row that met DS2: both mappings, without 232, without 202, and 232's N called S."""
    met = {name: people.outcomes("ds1-ds2", name) for name in people.ROWS}
    for name in tested:
        runs = studies.results("new_patients", name, tested_on="test")
        met[name] = [people.Outcome("", name, run.seed, "", run.by_record) for run in runs]
    kinds = {"literature": ((), ("232",), ("202",)), "ec57": ((), ("232",))}
    matrices, called = {}, []
    for name, outcomes in met.items():
        for mapping, choices in kinds.items() if outcomes else ():
            for left_out in choices:
                label = ", ".join([name, mapping, *(f"without {one}" for one in left_out)])
                matrices[label] = [one.matrices(mapping, left_out).sum(axis=0) for one in outcomes]
                of_n = [one.by_record[mapping]["232"][0][1] for one in outcomes]
                called.append("-" if "232" in left_out else f"{np.mean(of_n):.1f}")
    table = score_table(matrices, NEW_PATIENTS_SCORES, digits=1)
    table.insert(len(table.columns) - 1, "N of 232 called S", called)
    return table


def on_people(protocol: str) -> pd.DataFrame:
    """Scores of each class, and VEB and SVEB after EC57, per row with intervals over people."""
    keys = [key for key in ec57.SCORES if "qrs" not in key]

    def by_class(matrix: NDArray[np.integer]) -> NDArray[np.float64]:
        of_class = metrics.sensitivity(matrix), metrics.ppv(matrix), metrics.class_f1(matrix)
        return 100 * np.array([metrics.accuracy(matrix), *np.transpose(of_class).ravel()])

    def after_ec57(matrix: NDArray[np.integer]) -> NDArray[np.float64]:
        found = ec57.scores(matrix)
        return 100 * np.array([found[key] for key in keys])

    names = [f"{score} of {c}" for c in metrics.CLASSES for score in ("Se", "P⁺", "F1")]
    table = pd.DataFrame({"per cent (95 % over people)": ["accuracy", *names]})
    table = pd.concat(
        [
            table,
            pd.DataFrame(
                {
                    table.columns[0]: [
                        ec57.SCORES[key].replace("V ", "VEB ").replace("S ", "SVEB ", 1)
                        for key in keys
                    ]
                }
            ),
        ]
    )
    for row in people.ROWS:
        if found := people.outcomes(protocol, row):
            parts = [by_person.interval([o.matrices() for o in found], by_class)]
            parts += [by_person.interval([o.matrices("ec57") for o in found], after_ec57)]
            cells = np.concatenate(parts, axis=1).T
            table[row] = [f"{m:.1f} ({a:.1f} to {b:.1f})" if m == m else "-" for m, a, b in cells]
    return table


# Synthetic records --------------------------------------------------------------------------------


def synthetic_records(folder: Path) -> str:
    """Draw the synthetic records into a folder of the book; Markdown with pictures and counts."""
    source = find_source("synthetic")
    beats = load_beats(source)
    name, start_s = _most_varied(beats, seconds=8)
    record = source.read(name)
    strip = plots.ecg_strip(
        {lead: record.lead(lead) for lead in record.leads},
        record.fs,
        f"Synthetic record {name}",
        start_s=start_s,
        seconds=8,
        r_peaks=record.r_peaks,
        marks={"symbol": record.symbols},
        synthetic=True,
    )
    classes = beats_by_class(beats.without_q(), "The four classes of the synthetic records")
    text = _picture(strip, folder / "synthetic_strip.png")
    text += _picture(classes, folder / "synthetic_classes.png")
    text += row("record", "half", "beats per minute", *aami.CLASSES) + rule(2, 6)
    for name in synthetic.NAMES:
        labels = beats.labels[beats.records == name]
        rate = 60 * len(labels) / (len(source.read(name).signals) / record.fs)
        text += row(name, splits.half_of(name), f"{rate:.0f}", *aami.counts(labels).values())
    total = aami.counts(beats.labels)
    return text + row("**all**", "", "", *total.values())


def beats_by_class(beats: Beats, title: str) -> Figure:
    """Draw the median beat of each class, and the band between its 10th and 90th percentiles."""
    counts = {name: n for name, n in aami.counts(beats.labels).items() if n}
    n_rows = (len(counts) + 1) // 2
    figure, grid = plots.panel_grid(2.6 * n_rows, n_rows, 2, sharex=True, sharey=True)
    time_s = beat_time_s()
    for axes, (name, n) in zip(grid.flat, counts.items(), strict=False):
        signals = beats.signals[beats.labels == aami.CLASSES.index(name)]
        low, middle, high = np.percentile(signals, [10, 50, 90], axis=0)
        plots.ecg_paper(axes, label_every=(0.2, 0.5))
        axes.fill_between(time_s, low, high, color=aami.COLORS[name], alpha=0.3, linewidth=0)
        axes.plot(time_s, middle, color=aami.COLORS[name], linewidth=1.8)
        axes.set_title(f"{name}: {n:,} beats", loc="left")
    for axes in grid.flat[len(counts) :]:
        axes.remove()
    figure.supxlabel("time from the R peak (s)", size=12)
    figure.supylabel("mV", size=12)
    names = ", ".join(f"{name} ({n:,})" for name, n in counts.items())
    seen = f"Median beat and 10 to 90 % band; beats: {names}"
    return plots.finish(figure, title, seen, beats.source == "synthetic")


def _picture(figure: Any, path: Path) -> str:
    """Save a figure and give the Markdown that shows it, alt text included."""
    alt = plots.save(figure, path)
    return f"![{alt}]({path.parent.name}/{path.name})\n\n"


def _most_varied(beats: Beats, seconds: float) -> tuple[str, float]:
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


def data_sheet(directory: Path, names: Sequence[str] = DATABASES["mitdb"].known) -> str:
    """The headers and annotations of records of MIT-BIH, all 48 or some, in a table."""
    mitdb = DATABASES["mitdb"]
    people, lines = {}, ""
    total = np.zeros(len(aami.CLASSES), int)
    for name in names:
        header = read_header(directory / name)
        years, sex = header.comments[0].split()[:2]
        age = None if years == "-1" else int(years)
        people[splits.SAME_PERSON.get(name, name)] = (age, sex)
        _, symbols = read_annotations(directory / name)
        counts = aami.counts(aami.encode(symbols))
        used = "paced" if name in mitdb.left_out else splits.half_of(name)
        if name in mitdb.records:
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
    """How many people, how old, and of how many the age is not known."""
    known = sorted(age for age in ages if age is not None)
    text = f"{len(ages)} {word} from {known[0]} to {known[-1]} years, median {np.median(known):g}"
    unknown = len(ages) - len(known)
    return text + (f" ({unknown} of unknown age)" if unknown else "")


def write_generated(folder: Path = GENERATED) -> None:
    """Write what each rendering needs."""
    folder.mkdir(exist_ok=True)
    (folder / "model_card.md").write_text(model_card(), encoding="utf-8")
    (folder / "new_patients.md").write_text(new_patients(), encoding="utf-8")
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
