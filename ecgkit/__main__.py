"""The command line: exit status 0, or 2 with one sentence where an input cannot be used."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgkit import InputError
from ecgkit.cli import given_preparation, parser, say
from ecgkit.data import aami

# The commands import what they need when they run, so that `ecgkit data` does not wait for torch.
if TYPE_CHECKING:
    from ecgkit.apply.classify import Classification
    from ecgkit.data.sources import Source
    from ecgkit.evaluate.metrics import Report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_args, **_kw: say(str(message))
        try:
            COMMANDS[options.command](options)
            sys.stdout.flush()
        except InputError as error:
            say(str(error))
            return 2
        except KeyboardInterrupt:
            given = vars(options)
            kept = options.command == "train" or given.get("fetch") or given.get("out_dir")
            on = "What is complete is kept: the same command goes on, train with --resume."
            say(f"Stopped. {on if kept else 'Nothing was kept.'}")
            return 130
        except BrokenPipeError:  # `ecgkit ... | head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _data(options: argparse.Namespace) -> None:
    import numpy as np

    from ecgkit.data import splits, wfdb_io
    from ecgkit.data.beats import load_beats

    preparation = given_preparation(options)
    source = _source(options, download=options.fetch)
    if options.save or not options.annotations:
        beats = load_beats(source, preparation)
        names, labels = beats.records, beats.labels
        if options.save:
            beats.save(options.save)
    if options.annotations:
        read = [wfdb_io.read_annotations(source.directory / name)[1] for name in source.records]
        names = np.repeat(source.records, [len(symbols) for symbols in read])
        labels = aami.encode(np.concatenate(read), preparation.mapping)
    parts = {"beats": labels}
    if options.split == "random":
        labels = labels[labels != aami.CLASSES.index("Q")]
        halves = splits.random_split(labels, seed=0)
        parts = {"train": labels[halves.train], "test": labels[halves.test]}
    elif options.split == "patients":
        halves = splits.patient_split(names)
        parts = {"DS1": labels[halves.train], "DS2": labels[halves.test]}
    counts = {name: aami.counts(part) for name, part in parts.items()}
    if options.json:
        shown = counts if options.split else counts["beats"]
        result = {"source": source.name, "records": list(source.records), "counts": shown}
        print(json.dumps({**result, "fingerprint": source.fingerprint}))
        return
    _print_banner(source.is_synthetic)
    print(f"{len(source.records)} records in {source.directory}")
    print(f"data fingerprint {source.fingerprint}, mapping {preparation.mapping}")
    print("        " + "".join(f"{name:>8}" for name in aami.CLASSES))
    for half, row in counts.items():
        print(f"{half:8}" + "".join(f"{row[name]:8}" for name in aami.CLASSES))
    if options.save:
        print(f"written: {options.save}")


def _source(options: argparse.Namespace, download: bool = True) -> Source:
    from ecgkit.data.sources import find_source

    return find_source(None if options.source == "auto" else options.source, download=download)


def _print_banner(synthetic: bool) -> None:
    if synthetic:
        print("=== SYNTHETIC RECORDS, computer-made: no number here is about a patient ===")


def _train(options: argparse.Namespace) -> None:
    from ecgkit.data.beats import Beats, load_beats
    from ecgkit.evaluate.runs import RUN, WEIGHTS, train_and_test
    from ecgkit.nn.models import build
    from ecgkit.train.device import join_processes, rank_and_world
    from ecgkit.train.recipe import find_recipe

    recipe = find_recipe(options.recipe, options.epochs, options.batch)
    beats = Beats.load(options.beats) if options.beats else None
    preparation = given_preparation(options, None if beats is None else beats.preparation)
    build(options.model, preparation.n_features)  # refuses a wrong name before anything is read
    names = ("split", "seed", "validation", "out", "resume", "device", "precision")
    settings = {name: getattr(options, name) for name in names}
    with join_processes():
        first = rank_and_world()[0] == 0
        if beats is None:
            beats = load_beats(_source(options), preparation)
        settings["progress"] = first and not options.json
        _, run = train_and_test(beats, options.model, options.recipe, recipe, **settings)
    if first and options.json:
        print(run.to_json())
    elif first:
        _print_report(run.report(), run.source)
        print(f"tested on the {run.tested_on} part; trained in {run.seconds:.0f} s")
        print(f"written: {options.out / RUN}, {options.out / WEIGHTS}")


def _evaluate(options: argparse.Namespace) -> None:
    from ecgkit import Beats, load_beats, load_model
    from ecgkit.evaluate.runs import evaluate

    classifier = load_model(options.weights)
    preparation, trained = classifier.preparation, classifier.provenance
    if options.beats:
        beats = Beats.load(options.beats).relabel(preparation.mapping)
    else:
        beats = load_beats(_source(options), preparation)
    seed = trained.seed if options.seed is None else options.seed
    report = evaluate(classifier, beats, options.split or trained.split, seed, options.device)
    if options.json:
        result = {"source": beats.source, **report.to_dict()}
        print(json.dumps(result | classifier.about(options.weights)))
    else:
        _print_report(report, beats.source)


def _classify(options: argparse.Namespace) -> None:
    from ecgkit import load_model
    from ecgkit.apply.batch import classify_file
    from ecgkit.apply.classify import expectation

    names = ("lead", "fs", "units", "gain", "baseline", "annotator", "detect", "device")
    how: dict[str, Any] = {name: getattr(options, name) for name in names}
    if options.out_dir:
        return _classify_many(options, how)
    if len(options.paths) > 1:
        raise InputError("Several recordings need --out-dir DIR: there each has its own results.")
    how["progress"] = not options.json
    found, result = classify_file(options.paths[0], options.weights, **how)
    recording = found.recording
    if options.out:
        found.write_csv(options.out)
    if options.annotations:
        found.write_annotations(options.annotations)
    if options.plot:
        _draw(found, options.plot)
    for sentence in result["warnings"]:
        say(sentence)
    if options.json:
        print(json.dumps(result if options.out else {**result, "rows": found.rows()}))
        return
    _print_banner(recording.synthetic)
    print(*expectation(load_model(options.weights)), sep="\n")
    lead = recording.lead or "without a name"
    print(f"{recording.name}, lead {lead}, {recording.seconds:.1f} s at {recording.fs:g} Hz")
    print(f"{result['beats']} heartbeats, R peaks {result['r_peaks']}, ", end="")
    print(f"{found.left_out} too near an end to be classified")
    for name, count in result["counts"].items():
        print(f"  {name} {count:7}  {aami.NAMES[name]}")
    print(f"{result['uncertain']} of them uncertain, ", end="")
    print(f"mean heart rate {result['heart_rate_bpm'] or '-'} per minute, ", end="")
    print(f"longest run of V {result['longest_run_of_v']}")
    for path in filter(None, (options.out, options.annotations, options.plot)):
        print(f"written: {path}")
    print("For teaching and research: this is no medical device and gives no diagnosis.")


def _classify_many(options: argparse.Namespace, how: dict[str, Any]) -> None:
    from ecgkit.apply.batch import classify_many

    if options.out or options.annotations or options.plot:
        raise InputError("--out, --annotations and --plot are of one recording, not of --out-dir.")
    how |= {"weights": options.weights, "progress": not options.json}
    rows = classify_many(options.paths, options.out_dir, options.jobs, **how)
    table, done = options.out_dir / "summary.csv", [row for row in rows if not row["error"]]
    if options.json:
        print(json.dumps({"summary": str(table), "recordings": rows}))
    else:
        _print_banner(any(row["synthetic"] for row in done))
        print(f"{len(done)} of {len(rows)} recordings are classified\nwritten: {table}")
    if failed := len(rows) - len(done):
        left = f"{failed} of {len(rows)} recordings could not be classified"
        raise InputError(f"{left}: {table} says why.")


def _draw(found: Classification, path: Path) -> None:
    """Draw the ten seconds with most beats other than N."""
    from ecgkit.plots import ecg_strip, save

    recording, start_s = found.recording, found.busiest()
    signals = {recording.lead or "lead": recording.signal}
    title = f"{recording.name}, from {start_s:.1f} s"
    marks = {} if found.symbols is None else {"annotator": found.symbols}
    shown: dict[str, Any] = {"r_peaks": found.samples, "marks": {**marks, "model": found.classes}}
    shown |= {"start_s": start_s, "seconds": min(10.0, recording.seconds - start_s)}
    save(ecg_strip(signals, recording.fs, title, synthetic=recording.synthetic, **shown), path)


def _export(options: argparse.Namespace) -> None:
    from ecgkit.apply import onnx
    from ecgkit.train.weights import load_model

    classifier = load_model(options.weights)
    onnx.export_onnx(classifier, options.onnx)
    difference = onnx.largest_difference(classifier, options.onnx)
    expects = onnx.metadata(classifier)
    if options.json:
        result = {"onnx": str(options.onnx), "largest_difference": difference, "expects": expects}
        print(json.dumps({**result, "weights": classifier.about(options.weights)["weights"]}))
        return
    print(f"written: {options.onnx}")
    print(f"on 64 random beats its probabilities are within {difference:.0e} of torch's")
    for key, value in expects.items():
        print(f"  {key.replace('_', ' ')}: {value}")


def _ec57(options: argparse.Namespace) -> None:
    from ecgkit.data.wfdb_io import read_annotation_folders
    from ecgkit.evaluate.ec57 import Settings, ec57_report

    folders = (options.reference_dir, options.test_dir)
    extensions = (options.reference, options.test)
    settings = Settings(options.start, options.end, options.window, options.sveb)
    with warnings.catch_warnings(record=True) as caught:
        reference, test = read_annotation_folders(*folders, extensions, options.records)
        report = ec57_report(reference, test, settings, annotators=extensions)
    for sentence in (doubts := list(dict.fromkeys(str(warning.message) for warning in caught))):
        say(sentence)
    if options.json:
        print(json.dumps({**report.to_dict(), "warnings": doubts}))
    else:
        print(report.markdown() if options.markdown else report.text(), end="")


def _print_report(report: Report, source: str) -> None:
    """Print a confusion matrix and its scores as a table; a hyphen where a score is undefined."""
    _print_banner(source == "synthetic")
    print("rows: annotators; columns: model")
    print("  " + "".join(f"{name:>8}" for name in report.classes) + "    Se %    P+ %    F1 %")
    for (name, scores), row in zip(report.classes.items(), report.confusion_matrix, strict=True):
        shares = [f"{100 * x:.2f}".replace("nan", "-") for x in (scores.se, scores.ppv, scores.f1)]
        print(f"{name:2}" + "".join(f"{cell:>8}" for cell in (*row.tolist(), *shares)))
    names = ("accuracy", "mean Se", "mean P+", "F1 of the means", "mean F1")
    for name, share in zip(names, (report.accuracy, *astuple(report.macro)), strict=True):
        print(f"{name} {100 * share:.2f} %".replace("nan", "-"))


COMMANDS = {"data": _data, "train": _train, "evaluate": _evaluate, "classify": _classify}
COMMANDS |= {"export": _export, "ec57": _ec57}

if __name__ == "__main__":
    sys.exit(main())
