"""The command line: exit status 0, or 2 with one sentence where an input cannot be used."""

import argparse
import io
import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
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

BANNER = "=== SYNTHETIC RECORDS, computer-made: no number here is about a patient ==="


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_args, **_kw: say(str(message))
        warnings.simplefilter("always", UserWarning)  # doubts, whatever PYTHONWARNINGS says
        if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may not be text
            sys.stdout.reconfigure(errors="backslashreplace")
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


def _show(options: argparse.Namespace, result: Any, synthetic: bool, lines: Sequence[str]) -> None:
    """Print a result as JSON; or lines, under a banner if it is of synthetic records."""
    if options.json:
        return print(json.dumps(result))
    made = (getattr(options, key, None) for key in ("save", "onnx", "out", "annotations", "plot"))
    written = [f"written: {path}" for path in made if isinstance(path, Path)]
    print(*[BANNER] * synthetic, *lines, *written, sep="\n")


def _lines(fields: Mapping[str, Any]) -> list[str]:
    plain = {k: x for k, x in fields.items() if not isinstance(x, dict | list)}
    plain = {k: f"{x:g}" if isinstance(x, float) else x for k, x in plain.items()}
    return [f"{k.replace('_', ' ')}: {'-' if x in ('', None) else x}" for k, x in plain.items()]


def _source(options: argparse.Namespace, download: bool = True) -> "Source":
    from ecgkit.data.sources import find_source

    return find_source(None if options.source == "auto" else options.source, download=download)


def _data(options: argparse.Namespace) -> None:
    import numpy as np
    import pandas as pd

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
    result: dict[str, Any] = {"source": source.name, "records": list(source.records)}
    result |= {"counts": counts if options.split else counts["beats"]}
    result |= {"fingerprint": source.fingerprint}
    lines = [
        f"{len(source.records)} records in {source.directory}",
        f"data fingerprint {source.fingerprint}, mapping {preparation.mapping}",
        pd.DataFrame(counts).T.to_string(),
    ]
    _show(options, result, source.is_synthetic, lines)


def _train(options: argparse.Namespace) -> None:
    from ecgkit.data.beats import Beats, load_beats
    from ecgkit.evaluate.runs import train_and_test
    from ecgkit.nn.models import build
    from ecgkit.train.recipe import RECIPES

    given: dict[str, Any] = {"epochs": options.epochs, "batch": options.batch}
    changes = {name: value for name, value in given.items() if value is not None}
    recipe = replace(RECIPES[options.recipe], **changes)
    beats = Beats.load(options.beats) if options.beats else None
    preparation = given_preparation(options, None if beats is None else beats.preparation)
    build(options.model, preparation.n_features)  # refuses a wrong name before anything is read
    names = ("split", "seed", "validation", "out", "resume", "device", "precision")
    settings = {name: getattr(options, name) for name in names}
    if beats is None:
        beats = load_beats(_source(options), preparation)
    settings["progress"] = not options.json and sys.stderr.isatty()
    _, run = train_and_test(beats, options.model, options.recipe, recipe, **settings)
    lines = _report(run.report())
    lines.append(f"tested on the {run.tested_on} part; trained in {run.seconds:.0f} s")
    _show(options, json.loads(run.to_json()), run.source == "synthetic", lines)


def _evaluate(options: argparse.Namespace) -> None:
    from ecgkit import Beats, load_beats, load_model
    from ecgkit.evaluate.runs import evaluate

    classifier = load_model(options.weights)
    if options.lead:
        prepared = replace(classifier.preparation, lead=options.lead)
        classifier = replace(classifier, preparation=prepared)
    preparation, trained = classifier.preparation, classifier.provenance
    if options.beats:
        beats = Beats.load(options.beats).relabel(preparation.mapping)
    else:
        beats = load_beats(_source(options), preparation)
    seed = trained.seed if options.seed is None else options.seed
    split = options.split or (trained.split if trained.split in ("random", "patients") else "all")
    report = evaluate(classifier, beats, split, seed, options.device)
    result = {"source": beats.source, **report.to_dict(), **classifier.about(options.weights)}
    _show(options, result, beats.source == "synthetic", _report(report))


def _report(report: "Report") -> list[str]:
    """A confusion matrix and its scores as lines; a hyphen where a score is undefined."""
    import pandas as pd

    table = pd.DataFrame(report.confusion_matrix, [*report.classes], [*report.classes])
    scores = pd.DataFrame([*report.classes.values()], table.index) * 100
    table[["Se %", "P+ %", "F1 %"]] = scores
    shown = table.to_string(float_format="%.2f".__mod__, na_rep="-")
    names = ("accuracy", "mean Se", "mean P+", "F1 of the means", "mean F1")
    means = zip(names, (report.accuracy, *astuple(report.macro)), strict=True)
    lines = [f"{name} {100 * share:.2f} %".replace("nan", "-") for name, share in means]
    return ["rows: annotators; columns: model", shown, *lines]


def _classify(options: argparse.Namespace) -> None:
    from ecgkit import load_model
    from ecgkit.apply.batch import classify_file
    from ecgkit.apply.classify import expectation
    from ecgkit.apply.wfdb_reader import is_part_of

    names = ("lead", "fs", "units", "gain", "baseline", "annotator", "detect", "device", "weights")
    how: dict[str, Any] = {name: getattr(options, name) for name in names}
    how["progress"] = not options.json and sys.stderr.isatty()
    if options.out_dir:
        return _classify_many(options, how)
    if len(options.paths) > 1:
        raise InputError("Several recordings need --out-dir DIR: there each has its own results.")
    for path in filter(None, (options.out, options.annotations, options.plot)):
        if is_part_of(path, options.paths[0]):
            raise InputError(f"{path} belongs to a recording: give the result another name.")
    found, result = classify_file(options.paths[0], **how)
    if options.out:
        found.write_csv(options.out)
    if options.annotations:
        found.write_annotations(options.annotations)
    if options.plot:
        _draw(found, options.plot)
    for sentence in result["warnings"]:
        say(sentence)
    lines = expectation(load_model(options.weights))
    lines += _lines(result)
    lines += _lines({f"{name} ({aami.NAMES[name]})": n for name, n in result["counts"].items()})
    lines.append("For teaching and research: this is no medical device and gives no diagnosis.")
    if options.json and not options.out:
        result["rows"] = found.rows()
    _show(options, result, found.recording.synthetic, lines)


def _classify_many(options: argparse.Namespace, how: dict[str, Any]) -> None:
    from ecgkit.apply.batch import classify_many

    if options.out or options.annotations or options.plot:
        raise InputError("--out, --annotations and --plot are of one recording, not of --out-dir.")
    rows = classify_many(options.paths, options.out_dir, options.jobs, **how)
    table, done = options.out_dir / "summary.csv", [row for row in rows if not row["error"]]
    lines = [f"{len(done)} of {len(rows)} recordings are classified", f"written: {table}"]
    result = {"summary": str(table), "recordings": rows}
    _show(options, result, any(row["synthetic"] for row in done), lines)
    if failed := len(rows) - len(done):
        left = f"{failed} of {len(rows)} recordings could not be classified"
        raise InputError(f"{left}: {table} says why.")


def _draw(found: "Classification", path: Path) -> None:
    """Draw the ten seconds with most beats other than N."""
    from ecgkit.plots import ecg_strip, save

    of, start_s = found.recording, found.busiest()
    marks = {"annotator": found.symbols, "model": found.classes}
    how: dict[str, Any] = {"marks": {name: x for name, x in marks.items() if x is not None}}
    how |= {"start_s": start_s, "seconds": min(10.0, of.seconds - start_s)}
    how |= {"r_peaks": found.samples, "synthetic": of.synthetic}
    title = f"{of.name}, from {start_s:.1f} s"
    save(ecg_strip({of.lead or "lead": of.signal}, of.fs, title, **how), path)


def _export(options: argparse.Namespace) -> None:
    from ecgkit import load_model
    from ecgkit.apply import onnx

    classifier = load_model(options.weights)
    onnx.export_onnx(classifier, options.onnx)
    difference = onnx.largest_difference(classifier, options.onnx)
    expects = onnx.metadata(classifier)
    result = {"onnx": str(options.onnx), "largest_difference": difference, "expects": expects}
    result["weights"] = classifier.about(options.weights)["weights"]
    agrees = f"on 64 random beats its probabilities are within {difference:.0e} of torch's"
    _show(options, result, False, [agrees, *_lines(expects)])


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
    text = report.markdown() if options.markdown else report.text()
    _show(options, {**report.to_dict(), "warnings": doubts}, False, [text.rstrip("\n")])


COMMANDS = {"data": _data, "train": _train, "evaluate": _evaluate, "classify": _classify}
COMMANDS |= {"export": _export, "ec57": _ec57}

if __name__ == "__main__":
    sys.exit(main())
