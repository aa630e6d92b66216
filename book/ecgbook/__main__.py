"""The commands that make the book: ``python -m ecgbook study | publish | bench``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ecgkit import InputError


def _seeds(words: Sequence[str] | None) -> list[int] | None:
    """Read ``--seeds 3`` as 0, 1, 2 and ``--seeds 0 4`` as these two."""
    if not words:
        return None
    if not all(word.isdecimal() for word in words) or words == ["0"]:
        raise InputError("--seeds takes a number of seeds from 1 on, or two seeds and more.")
    return list(range(int(words[0]))) if len(words) == 1 else [int(word) for word in words]


def _study(options: argparse.Namespace) -> None:
    import torch

    from ecgbook import studies
    from ecgkit.data.beats import Beats

    study, seeds = studies.load_study(options.name), _seeds(options.seeds)
    with contextlib.suppress(AttributeError, OSError):  # not on every system
        os.nice(10)
    if options.threads:
        torch.set_num_threads(options.threads)
    out = options.out or Path("runs") / study.name
    runs = studies.run_study(
        study,
        out=out,
        rows=options.rows,
        models=options.models,
        seeds=seeds,
        quick=options.quick,
        test=options.test,
        beats=[Beats.load(path) for path in options.beats],
        device=options.device,
        precision=options.precision,
        progress=sys.stderr.isatty(),
    )
    if options.json:
        print(json.dumps([json.loads(run.to_json()) for run in runs], indent=1))
    else:
        print((out / "summary.md").read_text("utf-8"))


def _publish(options: argparse.Namespace) -> None:
    from ecgbook import studies

    added = studies.publish(options.folder, replace=options.replace)
    lines = [f"{run.study}/{run.row}, seed {run.seed}, {run.tested_on} part" for run in added]
    print(*lines, f"{len(added)} runs added. Now make notebooks: pages read them.", sep="\n")


def _bench(options: argparse.Namespace) -> None:
    from ecgbook import bench

    if options.json:
        print(json.dumps(dict(bench.run(options.only)), indent=1))
        return
    for part, measured in bench.run(options.only):
        print(bench.table(part, measured), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m ecgbook", description="Make the book's numbers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    study = commands.add_parser("study", help="make the training runs of a study, resumable")
    study.set_defaults(command=_study)
    study.add_argument("name", metavar="NAME", help="reproduction, ambiguities or new_patients")
    study.add_argument("--rows", nargs="+", default=[], metavar="ROW", help="default: all")
    study.add_argument("--models", nargs="+", default=[], metavar="MODEL", help="default: all")
    study.add_argument("--seeds", nargs="+", metavar="N", help="how many, or which (0 1 2)")
    study.add_argument("--out", type=Path, metavar="DIR", help="default: runs/NAME")
    study.add_argument("--quick", action="store_true", help="a few minutes, no results")
    study.add_argument("--test", action="store_true", help="test the settled rows on DS2")
    study.add_argument("--beats", type=Path, nargs="+", default=[], help="by `ecgkit data --save`")
    study.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    study.add_argument("--precision", default="auto", help="auto (default), float32, bfloat16, ...")
    study.add_argument("--threads", type=int, metavar="N", help="of the CPU; default: all")
    study.add_argument("--json", action="store_true", help="print JSON, nothing else")
    publish = commands.add_parser("publish", help="add finished runs to the book's results")
    publish.set_defaults(command=_publish)
    publish.add_argument("folder", type=Path, metavar="DIR")
    publish.add_argument("--replace", action="store_true", help="exchange runs that are there")
    bench = commands.add_parser("bench", help="measure the speed here, in a few minutes")
    bench.set_defaults(command=_bench)
    bench.add_argument("--only", metavar="NAME", help="one part: train, infer, prepare, day or gpu")
    bench.add_argument("--json", action="store_true", help="print JSON, nothing else")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 2 for input that cannot be used, or 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except InputError as error:
        print(f"ecgbook: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ecgbook: stopped; the same command goes on with a study.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
