"""The commands that make the book: ``python -m ecgbook study | publish | bench``."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecgkit import InputError


def _seeds(words: Sequence[str] | None) -> list[int] | None:
    """Read ``--seeds 3`` as 0, 1, 2 and ``--seeds 0 4`` as these two."""
    if not words:
        return None
    if not all(word.isdecimal() for word in words) or words == ["0"]:
        raise InputError("--seeds takes a number of seeds from 1 on, or two seeds and more.")
    return list(range(int(words[0]))) if len(words) == 1 else [int(word) for word in words]


def _study(name: str, seeds: list[str], threads: int, out: Path, as_json: bool, **how: Any) -> None:
    import torch

    from ecgbook import studies
    from ecgkit.data.beats import Beats

    study, numbers = studies.load_study(name), _seeds(seeds)
    with contextlib.suppress(AttributeError, OSError):  # not on every system
        os.nice(10)
    if threads:
        torch.set_num_threads(threads)
    out = out or Path("runs") / f"{study.name}{'-quick' * how['quick']}"
    how["beats"] = [Beats.load(path) for path in how["beats"]]
    runs = studies.run_study(study, out=out, seeds=numbers, progress=sys.stderr.isatty(), **how)
    if as_json:
        print(json.dumps([json.loads(run.to_json()) for run in runs], indent=1))
    else:
        print((out / "summary.md").read_text("utf-8"))


def _publish(folder: Path, replace: bool) -> None:
    from ecgbook import studies

    added = studies.publish(folder, replace=replace)
    lines = [f"{run.study}/{run.row}, seed {run.seed}, {run.tested_on} part" for run in added]
    print(*lines, f"{len(added)} runs added. Now make notebooks: pages read them.", sep="\n")


def _bench(only: str | None, as_json: bool) -> None:
    from ecgbook import bench

    if as_json:
        print(json.dumps(dict(bench.run(only)), indent=1))
        return
    for part, measured in bench.run(only):
        print(bench.table(part, measured), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m ecgbook", description="Make the book's numbers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    study = commands.add_parser("study", help="make the training runs of a study, resumable")
    study.set_defaults(command=_study)
    study.add_argument("name", metavar="NAME", help="reproduction, ambiguities or new_patients")
    study.add_argument("--rows", nargs="+", default=[], metavar="ROW", help="default: all")
    study.add_argument("--seeds", nargs="+", metavar="N", help="how many, or which (0 1 2)")
    study.add_argument("--out", type=Path, metavar="DIR", help="default: runs/NAME[-quick]")
    study.add_argument("--quick", action="store_true", help="a few minutes, no results")
    study.add_argument("--test", action="store_true", help="test the settled rows on DS2")
    study.add_argument("--beats", type=Path, nargs="+", default=[], help="by `ecgkit data --save`")
    study.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    study.add_argument("--precision", default="auto", help="auto (default), float32, bfloat16, ...")
    study.add_argument("--threads", type=int, metavar="N", help="of the CPU; default: all")
    publish = commands.add_parser("publish", help="add finished runs to the book's results")
    publish.set_defaults(command=_publish)
    publish.add_argument("folder", type=Path, metavar="DIR")
    publish.add_argument("--replace", action="store_true", help="exchange runs that are there")
    bench = commands.add_parser("bench", help="measure the speed here, in a few minutes")
    bench.set_defaults(command=_bench)
    bench.add_argument("--only", metavar="NAME", help="one part: train, infer, prepare, day or gpu")
    for command in (study, bench):
        command.add_argument("--json", action="store_true", dest="as_json", help="print only JSON")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 2 for input that cannot be used, or 130 for Ctrl-C."""
    options = vars(_parser().parse_args(arguments))
    try:
        options.pop("command")(**options)
    except InputError as error:
        print(f"ecgbook: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ecgbook: stopped; the same command goes on with a study.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
