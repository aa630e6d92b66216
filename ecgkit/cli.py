"""The parser of the command line, and how it reports problems: in one sentence."""

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

from ecgkit import InputError, __version__
from ecgkit.data import aami
from ecgkit.data.features import MEAN_FEATURES, MEDIAN_FEATURES, RR_FEATURES
from ecgkit.data.preparation import Preparation

SHARED: dict[str, dict[str, Any]] = {  # options of more than one command
    "--source": {"choices": ("auto", "mitdb", "svdb", "synthetic"), "help": "or set ECGKIT_SOURCE"},
    "--beats": {"type": Path, "metavar": "FILE", "help": "a table that data --save wrote"},
    "--weights": {"default": "strangers", "help": "or ours, paper, a file; default: %(default)s"},
    "--split": {"choices": ("random", "patients"), "help": "halves of all beats or of patients"},
    "--device": {"default": "auto", "help": "auto (default), cpu, cuda, ..."},
    "--json": {"action": "store_true", "help": "print JSON, nothing else"},
}


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

    def add(name: str, about: str, *shared: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about)
        for option in shared:
            command.add_argument(option, **SHARED[option])
        return command

    beats, model = ("--source", "--split", "--json"), ("--weights", "--device")
    data = add("data", "find or fetch the recordings and count their beats", *beats)
    data.add_argument("--annotations", action="store_true", help="count beats near an end, too")
    data.add_argument("--fetch", action="store_true", help="download what is not here")
    data.add_argument("--save", type=Path, metavar="FILE", help="write the table of beats (npz)")
    _add_preparation(data)
    train = add("train", "train a model and test it once", *beats, "--beats", "--device")
    train.set_defaults(split="random")
    train.add_argument("--model", default="resnet-tcn", help="a wrong name lists all")
    train.add_argument("--recipe", choices=("paper", "ours"), default="ours", help="default: ours")
    train.add_argument("--seed", type=int, default=0, help="of split and training; default: 0")
    train.add_argument("--epochs", type=int, help="default: the recipe's")
    train.add_argument("--batch", type=int, help="beats per step; default: the recipe's")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="weights, run.json")
    train.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint")
    train.add_argument("--precision", default="auto", help="auto (default), float32, bfloat16, ...")
    train.add_argument("--validation", action="store_true", help="do not test on the test half")
    _add_preparation(train)
    shared = ("--source", "--json", "--beats", *model)
    evaluate = add("evaluate", "test trained weights on the test half", *shared)
    evaluate.add_argument("--seed", type=int, help="of the split; default: the weights'")
    choices = ("random", "patients", "all")
    evaluate.add_argument("--split", choices=choices, help="test half, or all of other records")
    evaluate.add_argument("--lead", help="default: that of the weights; 'first' takes any")
    evaluate.set_defaults(weights="ours")
    classify = add("classify", "classify each heartbeat of a recording", *model, "--json")
    classify.add_argument("paths", nargs="+", metavar="PATH", help="WFDB, CSV, EDF and others")
    classify.add_argument("--lead", help="default: MLII, else II, else a standard one; or 'first'")
    classify.add_argument("--fs", type=float, metavar="HZ", help="sampling rate, for a CSV")
    classify.add_argument("--units", choices=("mV", "uV", "V"), help="default: stated or guessed")
    classify.add_argument("--gain", type=float, metavar="PER_MV", help="of raw integers")
    classify.add_argument("--baseline", type=float, metavar="N", help="raw; default: the median")
    classify.add_argument("--annotator", metavar="EXT", help="default: atr, else one there is")
    classify.add_argument("--detect", action="store_true", help="detect R peaks, annotated or not")
    classify.add_argument("--out", type=Path, metavar="FILE.csv", help="write one line per beat")
    classify.add_argument("--annotations", type=Path, metavar="RECORD.EXT", help="write for WFDB")
    many = "results of each PATH, and summary.csv; what is done is skipped"
    classify.add_argument("--out-dir", type=Path, metavar="DIR", help=many)
    classify.add_argument("--jobs", type=int, default=1, metavar="N", help="processes of --out-dir")
    classify.add_argument("--plot", type=Path, metavar="FILE.png", help="draw ten seconds of it")
    export = add("export", "write trained weights as an ONNX file", "--weights", "--json")
    export.add_argument("--onnx", type=Path, required=True, metavar="OUT.onnx")
    ec57 = add("ec57", "compare two annotators of the same records")
    ec57.add_argument("reference_dir", type=Path, metavar="REFERENCE_DIR", help="with .hea files")
    ec57.add_argument("test_dir", type=Path, metavar="TEST_DIR", help="may be the same")
    ec57.add_argument("--reference", default="atr", metavar="EXT", help="default: %(default)s")
    ec57.add_argument("--test", required=True, metavar="EXT", help="extension of what is tested")
    ec57.add_argument("--records", nargs="+", metavar="NAME", help="default: all TEST_DIR has")
    ec57.add_argument("--start", type=float, default=300.0, metavar="S", help="default: 300 s")
    ec57.add_argument("--end", type=float, metavar="S", help="default: the record's end")
    ec57.add_argument("--window", type=float, default=0.15, metavar="S", help="default: 0.15 s")
    ec57.add_argument("--no-sveb", dest="sveb", action="store_false", help="count S as N")
    form = ec57.add_mutually_exclusive_group()
    form.add_argument("--json", **SHARED["--json"])
    form.add_argument("--markdown", action="store_true", help="print Markdown tables")
    return top


MEANINGS = {
    "zeroed": "wavelet bands; no name: no denoising",
    "before": "the R peak, in samples, with --after 180 in all",
    "units": "mV, or patient: over the size of the person's beats",
    "relative_to": "none, or the mean or median of 200 earlier beats",
    "features": "names of ecgkit.data.features, or the sets rr, mean, median",
    "align_s": "most by which an R peak moves to its deflection, in seconds",
}


def _add_preparation(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("preparation of the beats, as of ecgkit.Preparation")
    for field in fields(Preparation):
        default = getattr(Preparation, field.name)
        many = isinstance(default, tuple)
        kind: dict[str, Any] = {"nargs": "*"} if many else {"type": type(default)}
        if field.name == "mapping":
            kind["choices"] = tuple(aami.MAPPINGS)
        shown = (" ".join(default) or "none") if many else default
        about = f"{MEANINGS[field.name]}; " if field.name in MEANINGS else ""
        option = f"--{field.name.removesuffix('_s').replace('_', '-')}"
        group.add_argument(option, dest=field.name, help=f"{about}default: {shown}", **kind)


def given_preparation(options: argparse.Namespace, table: Preparation | None = None) -> Preparation:
    """Return the preparation that the options describe; refuse another than a ``table`` has."""
    given = {f.name: x for f in fields(Preparation) if (x := getattr(options, f.name)) is not None}
    if "features" in given:
        sets = {"rr": RR_FEATURES, "mean": MEAN_FEATURES, "median": MEDIAN_FEATURES}
        given["features"] = sum((sets.get(name, (name,)) for name in given["features"]), ())
    wanted = replace(table or Preparation(), **given)
    if table is not None and wanted != table:
        name = next(name for name in given if getattr(wanted, name) != getattr(table, name))
        found = f"{name} {getattr(table, name)!r}, not {getattr(wanted, name)!r}"
        raise InputError(f"The table has {found}: omit that option, or save another table.")
    return wanted
