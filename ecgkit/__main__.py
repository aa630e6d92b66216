"""The command line: ``ecgkit`` or ``python -m ecgkit``.

Exit status 0, or 2 with one sentence where a command or its input cannot be used.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecgkit import InputError, aami
from ecgkit.options import parser, say

# The commands import what they need when they run, so that `ecgkit data` does not wait for torch.


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
            again = "train --resume, reproduce, variations, patients, data --fetch"
            say(f"Stopped. What was done is kept: {again} go on.")
            return 130
        except BrokenPipeError:  # `ecgkit ... | head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _data(options: argparse.Namespace) -> None:
    """Find the recordings, count beats."""
    import numpy as np

    from ecgkit import heartbeats, records, splits

    source = records.find(options.source, download=options.fetch)
    if options.annotations:
        read = [records.read_annotations(source.directory / name)[1] for name in source.records]
        names = np.repeat(source.records, [len(symbols) for symbols in read])
        labels = aami.encode(np.concatenate(read), options.mapping)
    if options.save or not options.annotations:
        beats = heartbeats.prepare(source, options.mapping)
        if options.save:
            beats.save(options.save)
        if not options.annotations:
            names, labels = beats.records, beats.labels
    counts: dict[str, Any] = aami.counts(labels)
    if options.split == "random":
        classified = labels[labels != aami.CLASSES.index("Q")]
        halves = splits.random_split(classified, seed=0)
        counts = {
            "train": aami.counts(classified[halves.train]),
            "test": aami.counts(classified[halves.test]),
        }
    elif options.split == "patients":
        halves = splits.patient_split(names)
        counts = {
            "DS1": aami.counts(labels[halves.train]),
            "DS2": aami.counts(labels[halves.test]),
        }
    result = {
        "source": source.name,
        "records": list(source.records),
        "counts": counts,
        "fingerprint": source.fingerprint,
    }
    if options.json:
        print(json.dumps(result))
        return
    _banner(source.name)
    print(f"{len(source.records)} records in {source.directory}")
    print(f"data fingerprint {source.fingerprint}, mapping {options.mapping}")
    print("        " + "".join(f"{name:>8}" for name in aami.CLASSES))
    for half, row in (counts if options.split else {"beats": counts}).items():
        print(f"{half:8}" + "".join(f"{row[name]:8}" for name in aami.CLASSES))


def _banner(source: str) -> None:
    """Mark synthetic figures above them."""
    if source == "synthetic":
        print("=== SYNTHETIC RECORDS, computer-made: no figure here says anything of a patient ===")


def _beats(options: argparse.Namespace, mapping: str, prepared: Mapping[str, Any]) -> Any:
    """Load the table of beats the options ask for, prepared otherwise than by default if asked."""
    from ecgkit import heartbeats

    if options.beats:
        words = "".join(f"-{key}{value}" for key, value in prepared.items())
        path = options.beats.with_stem(options.beats.stem + words)
        return heartbeats.Heartbeats.load(path, mapping)
    from ecgkit import records

    return heartbeats.prepare(records.find(options.source), mapping, **prepared)


def _train(options: argparse.Namespace) -> None:
    """Train and test a model."""
    from ecgkit import experiments, metrics, training

    how = experiments.recipe(options.recipe, options.epochs, options.batch)
    experiments.build(options.model)  # a wrong name is said before anything is read
    prepared = experiments.BEATS.get(options.recipe, {})
    beats = _beats(options, options.mapping, prepared)
    with training.processes() as first:
        _, record = experiments.train(
            beats,
            options.model,
            options.recipe,
            how,
            split=options.split,
            seed=options.seed,
            out=options.out,
            resume=options.resume,
            device=options.device,
            precision=options.precision,
            validation=options.validation,
            progress=first and not options.json,
            prepared=prepared,
        )
    if not first:
        return
    if options.json:
        print(json.dumps(record))
        return
    _print_report(metrics.report(record["confusion_matrix"]), beats.source)
    print(f"tested on the {record['tested_on']} part; trained in {record['seconds']:.0f} s")
    print(f"written: {options.out / experiments.RUN}, {options.out / experiments.WEIGHTS}")


def _evaluate(options: argparse.Namespace) -> None:
    """Test trained weights."""
    from ecgkit import experiments, patients, published

    if options.weights == "published":
        network, about = published.load(options.model, options.recipe, options.split)
    else:
        network, about = experiments.load_model(Path(options.weights))
    row = patients.row_of(about)
    beats = patients.table(row, lambda prepared: _beats(options, about["mapping"], prepared))
    where = (options.split, options.seed, options.device)
    report = experiments.evaluate(network, about, beats, *where, progress=not options.json)
    result = {"source": beats.source, **report}
    if options.json:
        print(json.dumps(result))
        return
    _print_report(result, beats.source)


def _print_table(result: dict[str, Any], files: Sequence[str], as_json: bool) -> None:
    """Print what runs came to, as JSON or as the table that the first of their files holds."""
    if as_json:
        print(json.dumps(result))
        return
    _banner(result["source"])
    print(Path(files[0]).read_text("utf-8"))
    print(f"written: {', '.join(files)}")


def _reproduce(options: argparse.Namespace) -> None:
    """Make the paper's runs that are not there yet, its tables and figures."""
    from ecgkit import experiments, models, reproduce

    chosen = options.models or tuple(models.MODELS)
    reproduce.check(options.recipe, chosen, options.seeds)  # said before anything is read
    result = reproduce.reproduce(
        _beats(options, options.mapping, experiments.BEATS.get(options.recipe, {})),
        options.out or Path("runs/reproduce-quick" if options.quick else "runs/reproduce"),
        options.recipe,
        options.seeds,
        chosen,
        options.quick,
        options.device,
        options.precision,
        progress=not options.json,
    )
    _print_table(result, result["files"], options.json)


def _variations(options: argparse.Namespace) -> None:
    """Make the runs that read one point of the paper otherwise, and their table."""
    from ecgkit import records, variations

    variations.check(options.only)  # said before anything is read
    result = variations.make(
        records.find(options.source),
        options.out or Path("runs/variations-quick" if options.quick else "runs/variations"),
        options.only,
        options.mapping,
        options.quick,
        options.device,
        options.precision,
        progress=not options.json,
    )
    _print_table(result, [result["file"]], options.json)


def _patients(options: argparse.Namespace) -> None:
    """Make the runs between patients, in validation or in the test, and their table."""
    from ecgkit import patients

    patients.check(options.only, options.seeds)  # said before anything is read
    result = patients.make(
        lambda prepared: _beats(options, options.mapping, prepared),
        options.out or Path("runs/patients-quick" if options.quick else "runs/patients"),
        options.only,
        options.seeds,
        options.test,
        options.quick,
        options.device,
        options.precision,
        progress=not options.json,
    )
    _print_table(result, [result["file"]], options.json)


def _bench(options: argparse.Namespace) -> None:
    """Measure the speed beside its peers, its limits and its goals."""
    from ecgkit import bench

    found = {}
    for part, figures in bench.run(options.only):
        found[part] = figures
        if not options.json:
            print(bench.table(part, figures), flush=True)
    if options.json:
        print(json.dumps(found))


def _classify(options: argparse.Namespace) -> None:
    """Classify the heartbeats of a recording."""
    from ecgkit import inference, readers

    with warnings.catch_warnings(record=True) as caught:  # said at the end, if there is a result
        warnings.simplefilter("always")
        recording = readers.open_recording(options.path, options.lead, options.fs, options.units)
        network, about = _network(options.weights)
        found = inference.classify(
            recording, network, options.detect, options.device, not options.json
        )
    said = [str(warning.message) for warning in caught if warning.category is UserWarning]
    if options.out:
        found.write_csv(options.out)
    if options.annotations:
        found.write_annotations(options.annotations)
    if options.plot:
        _draw(found, options.plot)
    for sentence in said:
        say(sentence)
    result = {
        "recording": recording.name,
        "fs": recording.fs,
        "lead": recording.lead,
        "seconds": found.n_samples / recording.fs,
        **found.summary(),
        "r_peaks": "detected" if found.symbols is None else "annotated",
        "weights": {"from": options.weights, **about},
        "warnings": said,
    }
    if options.json:
        print(json.dumps(result if options.out else {**result, "rows": list(found.rows())}))
        return
    _banner("synthetic" if recording.synthetic else recording.name)
    lead = f"lead {recording.lead}" if recording.lead else "lead without a name"
    print(f"{recording.name}, {lead}, {result['seconds']:.1f} s at {recording.fs:g} Hz")
    print(f"{result['beats']} heartbeats, R peaks {result['r_peaks']}, ", end="")
    print(f"{result['left_out']} too near an end to be judged")
    for name, count in result["counts"].items():
        print(f"  {name} {count:7}  {aami.NAMES[name]}")
    print(f"mean heart rate {result['heart_rate_bpm'] or '-'} a minute, ", end="")
    print(f"longest run of V {result['longest_run_of_v']}")
    for path in filter(None, (options.out, options.annotations, options.plot)):
        print(f"written: {path}")
    print("For teaching and research: this is not a medical device, and no diagnosis.")


def _export(options: argparse.Namespace) -> None:
    """Write trained weights as an ONNX file, and compare the two on beats."""
    import numpy as np

    from ecgkit import portable

    network, about = _network(options.weights)
    portable.export(network, options.onnx, about)
    beats = np.random.default_rng(0).normal(size=(64, 180)).astype(np.float32)
    apart = portable.difference(network, options.onnx, beats)
    result = {"onnx": str(options.onnx), "largest_difference": apart, "weights": about}
    if options.json:
        print(json.dumps({**result, "expects": portable.EXPECTS}))
        return
    print(f"written: {options.onnx}")
    print(f"on 64 random beats its probabilities are torch's to {apart:.0e}")
    for key, value in portable.EXPECTS.items():
        print(f"  {key.replace('_', ' ')}: {value}")


def _network(weights: str) -> Any:
    """Load the published weights, or those of a file, and what is known of them."""
    from ecgkit import experiments, patients, published

    if weights == "published":
        return published.load()
    network, about = experiments.load_model(Path(weights))
    if done := patients.row_of(about).prepared:
        what = "of a second" if "step" in done else "in the patient's own measure"
        raise InputError(
            f"The weights {weights} learnt from beats {what} (recipe {about['recipe']}), and "
            "here beats of half a second are cut, in mV: give weights of another recipe. "
            "`ecgkit evaluate` tests these."
        )
    return network, about


def _draw(found: Any, path: Path) -> None:
    """Draw the ten seconds with most beats other than N on ECG paper."""
    import matplotlib.pyplot as plt

    from ecgkit import files, plots

    recording, start_s = found.recording, found.busiest()
    start = round(start_s * recording.fs)
    strip = recording.stretch(start, start + round(10 * recording.fs))
    marks = {} if found.symbols is None else {"annotator": found.symbols}
    figure = plots.ecg_strip(
        {recording.lead or "lead": strip},
        recording.fs,
        0,
        len(strip) / recording.fs,
        found.samples - start,
        {**marks, "model": found.classes},
        f"{recording.name}, from {start / recording.fs:.1f} s",
        recording.synthetic,
    )
    with files.whole(path) as draft:
        figure.savefig(draft, format="png", dpi=plots.DPI, facecolor="white")
    plt.close(figure)


def _ec57(options: argparse.Namespace) -> None:
    """Report how a test annotator's beats agree with a reference annotator's."""
    from ecgkit import annotators, ec57

    extensions = (options.reference, options.test)
    reference, test = annotators.read_both(
        options.reference_dir, options.test_dir, extensions, options.records
    )
    report = ec57.ec57(
        reference,
        test,
        start_s=options.start,
        end_s=options.end,
        window_s=options.window,
        sveb=options.sveb,
        annotators=extensions,
    )
    if options.json:
        print(json.dumps(report.as_dict()))
    else:
        print(report.markdown() if options.markdown else report.text(), end="")


def _print_report(report: dict[str, Any], source: str) -> None:
    """Print a confusion matrix and its figures as a table."""
    from ecgkit import metrics

    def percent(share: float | None) -> str:
        return f"{'-' if share is None else format(100 * share, '.2f'):>8}"

    _banner(source)
    print("rows: annotators; columns: model")
    print("  " + "".join(f"{name:>8}" for name in metrics.CLASSES) + "    Se %    P+ %    F1 %")
    for name, row in zip(metrics.CLASSES, report["confusion_matrix"], strict=True):
        figures = report["classes"][name]
        print(f"{name:2}" + "".join(f"{n:8}" for n in row), end="")
        print("".join(percent(figures[key]) for key in ("se", "ppv", "f1")))
    macro = report["macro"]
    print(f"accuracy {percent(report['accuracy']).strip()} %, ", end="")
    print(f"mean Se {percent(macro['se']).strip()} %, mean P+ {percent(macro['ppv']).strip()} %")
    print(f"F1 of the means {percent(macro['f1_of_means']).strip()} %, ", end="")
    print(f"mean of the classes' F1 {percent(macro['mean_f1']).strip()} %")


COMMANDS = {
    "data": _data,
    "train": _train,
    "evaluate": _evaluate,
    "reproduce": _reproduce,
    "variations": _variations,
    "patients": _patients,
    "bench": _bench,
    "classify": _classify,
    "export": _export,
    "ec57": _ec57,
}

if __name__ == "__main__":
    sys.exit(main())
