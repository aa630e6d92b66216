"""The parser of the command line, and how it reports problems: in one sentence."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

from ecgkit import InputError, __version__
from ecgkit.data import aami
from ecgkit.data.features import FEATURES, RR_FEATURES
from ecgkit.data.preparation import Preparation

PREPARATION: dict[str, tuple[str, dict[str, Any]]] = {
    "lead": ("--lead", {"metavar": "NAME", "help": "name of the lead, or 'first'"}),
    "zeroed": ("--zeroed", {"nargs": "*", "metavar": "BAND", "help": "wavelet bands to remove"}),
    "wavelet": ("--wavelet", {"help": "of the denoising"}),
    "level": ("--level", {"type": int, "help": "number of wavelet levels"}),
    "extension": ("--extension", {"help": "of the signal beyond its ends"}),
    "before": ("--before", {"type": int, "help": "samples per beat before the R peak"}),
    "after": ("--after", {"type": int, "help": "samples per beat from the R peak on"}),
    "margin_before": ("--margin-before", {"type": int, "help": "samples needed before an R peak"}),
    "margin_after": ("--margin-after", {"type": int, "help": "samples needed after an R peak"}),
    "step": ("--step", {"type": int, "help": "take every STEP-th sample"}),
    "units": (
        "--units",
        {"choices": ("mV", "patient"), "help": "patient: divided by the usual SD"},
    ),
    "relative_to": (
        "--relative-to",
        {"choices": ("none", "mean", "median"), "help": "subtract the patient's usual beat"},
    ),
    "features": (
        "--features",
        {"nargs": "+", "metavar": "NAME", "help": f"rr, all, or of {', '.join(FEATURES)}"},
    ),
    "mapping": ("--mapping", {"choices": tuple(aami.MAPPINGS), "help": "symbols to classes"}),
    "align_s": (
        "--align",
        {"type": float, "metavar": "S", "help": "move R peaks within S seconds"},
    ),
}
"""Field of a preparation to its option."""


class _Parser(argparse.ArgumentParser):
    """A parser that refuses wrong use in one sentence instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        say(f"{message}; see `{self.prog} --help`.")
        sys.exit(2)


def say(sentence: str) -> None:
    """Print a sentence on one line of the error output, without control characters."""
    line = "".join(letter if letter.isprintable() else " " for letter in sentence)
    print(f"ecgkit: {line}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    top = _Parser("ecgkit", description="Heartbeat classification on MIT-BIH.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")

    data = commands.add_parser("data", help="find or fetch the recordings and count their beats")
    _add_source(data)
    data.add_argument(
        "--annotations",
        action="store_true",
        help="count all labels, also of beats too near a record's end to be cut",
    )
    data.add_argument("--split", choices=("random", "patients"), help="count each half")
    data.add_argument("--fetch", action="store_true", help="download MIT-BIH if it is not here")
    data.add_argument("--save", type=Path, metavar="FILE", help="write the table of beats (npz)")
    _add_preparation(data)

    train = commands.add_parser("train", help="train a model and test it once")
    _add_source(train)
    train.add_argument("--beats", type=Path, metavar="FILE", help="a table data --save wrote")
    train.add_argument("--model", default="resnet-tcn", help="default: %(default)s")
    train.add_argument("--recipe", default="ours", help="paper or ours (default)")
    train.add_argument("--split", choices=("random", "patients"), default="random")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--epochs", type=int, help="default: the recipe's")
    train.add_argument("--batch", type=int, help="beats per step; default: the recipe's")
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint")
    train.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    train.add_argument("--precision", default="auto", help="auto (default), float32, bfloat16, ...")
    train.add_argument(
        "--validation",
        action="store_true",
        help="report on a part of the training half and leave the test half alone",
    )
    _add_preparation(train)

    evaluate = commands.add_parser("evaluate", help="test trained weights on the test half")
    _add_source(evaluate)
    evaluate.add_argument("--beats", type=Path, metavar="FILE", help="a table data --save wrote")
    _add_weights(evaluate)
    evaluate.add_argument("--split", choices=("random", "patients"), help="default: the weights'")
    evaluate.add_argument("--seed", type=int, help="of the split; default: the weights'")
    evaluate.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")

    _add_classify(commands.add_parser("classify", help="classify each heartbeat of a recording"))

    export = commands.add_parser("export", help="write trained weights as an ONNX file")
    _add_weights(export)
    export.add_argument("--onnx", type=Path, required=True, metavar="OUT.onnx")
    _add_json(export)

    _add_ec57(commands.add_parser("ec57", help="compare two annotators of the same records"))
    return top


def _add_json(command: Any) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, nothing else")


def _add_weights(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--weights", default="ours", metavar="NAME_OR_FILE", help="ours (default), paper, or a file"
    )


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--source",
        choices=("auto", "mitdb", "svdb", "synthetic"),
        help="default: ECGKIT_SOURCE, else auto: MIT-BIH where it can be had, or else synthetic",
    )
    _add_json(command)


def _add_preparation(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("preparation of the beats")
    for name, (option, settings) in PREPARATION.items():
        default = getattr(Preparation(), name)
        shown = " ".join(default) or "none" if isinstance(default, tuple) else default
        settings = {**settings, "help": f"{settings['help']}; default: {shown}"}
        group.add_argument(option, dest=name, **settings)


def given_preparation(options: argparse.Namespace, table: Preparation | None = None) -> Preparation:
    """Return the preparation that the options describe.

    Raises
    ------
    InputError
        If it cannot be made, or contradicts the preparation of a saved ``table``.
    """
    given = {field.name: getattr(options, field.name) for field in fields(Preparation)}
    given = {name: value for name, value in given.items() if value is not None}
    if "features" in given:
        sets = {"rr": RR_FEATURES, "all": tuple(FEATURES)}
        given["features"] = sum((sets.get(name, (name,)) for name in given["features"]), ())
    wanted = replace(table or Preparation(), **given)
    if table is not None and wanted != table:
        name = next(name for name in given if getattr(wanted, name) != getattr(table, name))
        raise InputError(
            f"The table has {name} {getattr(table, name)!r}, not {getattr(wanted, name)!r}: leave "
            f"out {PREPARATION[name][0]}, or save a table that is prepared so."
        )
    return wanted


def _add_classify(classify: argparse.ArgumentParser) -> None:
    classify.add_argument("path", metavar="PATH", help="a WFDB record, .csv or .edf")
    classify.add_argument("--lead", help="default: MLII, else II, else the first; or 'first'")
    classify.add_argument("--fs", type=float, metavar="HZ", help="sampling rate, for a CSV")
    classify.add_argument(
        "--units", choices=("mV", "uV", "V"), help="default: the file's, or a guess"
    )
    classify.add_argument(
        "--detect", action="store_true", help="detect R peaks even where they are annotated"
    )
    _add_weights(classify)
    classify.add_argument("--out", type=Path, metavar="FILE.csv", help="write one line per beat")
    classify.add_argument(
        "--annotations", type=Path, metavar="RECORD.EXT", help="write a WFDB annotation file"
    )
    classify.add_argument("--plot", type=Path, metavar="FILE.png", help="draw ten seconds of it")
    _add_json(classify)
    classify.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")


def _add_ec57(ec57: argparse.ArgumentParser) -> None:
    ec57.add_argument("reference_dir", type=Path, metavar="REFERENCE_DIR", help="with .hea files")
    ec57.add_argument("test_dir", type=Path, metavar="TEST_DIR", help="may be the same")
    ec57.add_argument("--reference", default="atr", metavar="EXT", help="default: %(default)s")
    ec57.add_argument("--test", required=True, metavar="EXT", help="extension of what is tested")
    ec57.add_argument("--records", nargs="+", metavar="NAME", help="default: all TEST_DIR has")
    ec57.add_argument("--start", type=float, default=300.0, metavar="S", help="default: 300 s")
    ec57.add_argument("--end", type=float, metavar="S", help="default: the record's end")
    ec57.add_argument("--window", type=float, default=0.15, metavar="S", help="default: 0.15 s")
    ec57.add_argument(
        "--no-sveb", dest="sveb", action="store_false", help="count S as N and report VEB alone"
    )
    form = ec57.add_mutually_exclusive_group()
    _add_json(form)
    form.add_argument("--markdown", action="store_true", help="print Markdown tables")
