"""The command line's options, and how it says that something is wrong: in one sentence."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from ecgkit import __version__, aami


class _Parser(argparse.ArgumentParser):
    """A parser that refuses bad use in one sentence instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        say(f"{message}; `{self.prog} --help` says what there is.")
        sys.exit(2)


def say(sentence: str) -> None:
    """Print a sentence on one line; what a file smuggled into it moves no cursor."""
    line = "".join(letter if letter.isprintable() else " " for letter in sentence)
    print(f"ecgkit: {line}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    top = _Parser("ecgkit", description="Heartbeat classification on MIT-BIH.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    data = commands.add_parser("data", help="find or fetch the recordings and count their beats")
    _add_source(data)
    data.add_argument(
        "--annotations",
        action="store_true",
        help="count all labels, also of beats too near a record's end to be cut",
    )
    data.add_argument("--split", choices=("random", "patients"), help="count each half")
    data.add_argument("--fetch", action="store_true", help="download MIT-BIH if it is not here")
    data.add_argument("--save", type=Path, metavar="FILE", help="write the table of beats (.npz)")
    data.set_defaults(command="data")

    train = commands.add_parser("train", help="train a model and test it once")
    _add_source(train)
    train.add_argument(
        "--beats", type=Path, metavar="FILE", help="take the table data --save wrote"
    )
    train.add_argument("--model", default="resnet-tcn", help="default: %(default)s")
    train.add_argument("--recipe", default="ours", help="paper, ours (default) or ours-1s")
    train.add_argument("--split", choices=("random", "patients"), default="random")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--epochs", type=int, help="default: the recipe's")
    train.add_argument("--batch", type=int, help="beats a step; default: the recipe's")
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint")
    _add_device(train)
    train.add_argument(
        "--validation",
        action="store_true",
        help="report on a tenth of the training half and leave the test half alone",
    )
    train.set_defaults(command="train")

    evaluate = commands.add_parser("evaluate", help="test trained weights on the test half")
    _add_source(evaluate, mapping=False)
    evaluate.add_argument("--beats", type=Path, metavar="FILE", help="a table data --save wrote")
    evaluate.add_argument("--weights", default="published", help="published (default) or a file")
    evaluate.add_argument("--model", default="resnet-tcn", help="of the published weights")
    evaluate.add_argument("--recipe", default="ours", help="of the published weights")
    evaluate.add_argument("--split", choices=("random", "patients"), default="random")
    evaluate.add_argument("--seed", type=int, default=0, help="of the split")
    evaluate.add_argument("--device", default="auto")
    evaluate.set_defaults(command="evaluate")

    _add_classify(commands.add_parser("classify", help="classify each heartbeat of a recording"))
    _add_ec57(commands.add_parser("ec57", help="compare two annotators of the same records"))

    reproduce = commands.add_parser("reproduce", help="make the paper's runs, tables and figures")
    _add_source(reproduce)
    reproduce.add_argument("--beats", type=Path, metavar="FILE", help="a table data --save wrote")
    reproduce.add_argument(
        "--quick",
        action="store_true",
        help="one seed, few epochs, a sample of the beats: minutes, no results",
    )
    reproduce.add_argument("--recipe", default="paper", help="paper (default), ours or ours-1s")
    reproduce.add_argument("--seeds", type=int, default=5, metavar="N", help="default: 5, 0 to 4")
    reproduce.add_argument("--models", nargs="+", metavar="MODEL", help="default: all five")
    reproduce.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/reproduce, or runs/reproduce-quick"
    )
    _add_device(reproduce)
    reproduce.set_defaults(command="reproduce")

    variations = commands.add_parser(
        "variations",
        help="measure what the paper's ambiguous points and our recipe's ingredients are worth",
    )
    _add_source(variations)
    variations.add_argument("--only", nargs="+", default=[], metavar="NAME", help="default: all")
    variations.add_argument(
        "--quick", action="store_true", help="one seed, one epoch, a few beats: no results"
    )
    variations.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/variations, or runs/variations-quick"
    )
    _add_device(variations)
    variations.set_defaults(command="variations")

    export = commands.add_parser("export", help="write trained weights as an ONNX file")
    export.add_argument("--weights", default="published", help="published (default) or a file")
    export.add_argument("--onnx", type=Path, required=True, metavar="OUT.onnx")
    export.add_argument("--json", action="store_true", help="print JSON, nothing else")
    export.set_defaults(command="export")

    patients = commands.add_parser("patients", help="train on DS1, and see what new patients cost")
    _add_source(patients)
    patients.set_defaults(mapping="literature")
    patients.add_argument(
        "--beats",
        type=Path,
        metavar="FILE",
        help="a table data --save wrote; rows with a longer window take FILE-step2.npz beside it",
    )
    patients.add_argument("--only", nargs="+", default=[], metavar="ROW", help="default: all")
    patients.add_argument("--seeds", type=int, default=5, metavar="N", help="default: 5, 0 to 4")
    patients.add_argument(
        "--test", action="store_true", help="test on DS2; default: on validation patients of DS1"
    )
    patients.add_argument(
        "--quick", action="store_true", help="one seed, few epochs, a sample: no results"
    )
    patients.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/patients, or runs/patients-quick"
    )
    _add_device(patients)
    patients.set_defaults(command="patients")

    bench = commands.add_parser("bench", help="measure the speed here, in a few minutes")
    bench.add_argument("--json", action="store_true", help="print JSON, nothing else")
    bench.add_argument("--only", metavar="NAME", help="train, infer, prepare, day or gpu")
    bench.set_defaults(command="bench")
    return top


def _add_classify(classify: argparse.ArgumentParser) -> None:
    """Add the options of `classify`."""
    classify.add_argument("path", metavar="PATH", help="a WFDB record, .csv or .edf")
    classify.add_argument("--lead", help="default: MLII, else II, else the first; or 'first'")
    classify.add_argument("--fs", type=float, metavar="HZ", help="sampling rate, for a CSV")
    classify.add_argument(
        "--units", choices=("mV", "uV", "V"), help="default: the file's, or a guess"
    )
    classify.add_argument(
        "--detect", action="store_true", help="detect R peaks even where they are annotated"
    )
    classify.add_argument("--weights", default="published", help="published (default) or a file")
    classify.add_argument("--out", type=Path, metavar="FILE.csv", help="write a line for each beat")
    classify.add_argument(
        "--annotations", type=Path, metavar="RECORD.EXT", help="write a WFDB annotation file"
    )
    classify.add_argument("--plot", type=Path, metavar="FILE.png", help="draw ten seconds of it")
    classify.add_argument("--json", action="store_true", help="print JSON, nothing else")
    classify.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    classify.set_defaults(command="classify")


def _add_ec57(ec57: argparse.ArgumentParser) -> None:
    """Add the options of `ec57`."""
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
    form.add_argument("--json", action="store_true", help="print JSON, nothing else")
    form.add_argument("--markdown", action="store_true", help="print Markdown tables")
    ec57.set_defaults(command="ec57")


def _add_source(command: argparse.ArgumentParser, mapping: bool = True) -> None:
    """Add the options that say which beats are meant and how to print."""
    command.add_argument(
        "--source",
        choices=("auto", "mitdb", "synthetic"),
        help="default: ECGKIT_SOURCE, or auto: MIT-BIH where it can be had, else synthetic",
    )
    if mapping:
        command.add_argument("--mapping", choices=tuple(aami.MAPPINGS), default="ec57")
    command.add_argument("--json", action="store_true", help="print JSON, nothing else")


def _add_device(command: argparse.ArgumentParser) -> None:
    """Add the options that say where and in which number format is trained."""
    command.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    command.add_argument(
        "--precision", default="auto", help="auto (default), float32, bfloat16, ..."
    )
