"""The benchmark as tables: each figure beside its goal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Row(NamedTuple):
    """A line of a table."""

    key: str  # of the part's figures; with a dot, inside a nested object
    words: str
    unit: str = ""
    goal: float | None = None
    at_most: bool = False  # whether the goal is an upper bound


PEAK = Row("peak_mb", "peak memory of a fresh process", "MB")
BASELINE = Row("baseline_mb", "  of it there after the imports", "MB")

_TRAIN = (
    Row("tcn_vs_dense", "TCN against its dense form", "times"),
    Row("model_vs_dense", "whole model against its dense form", "times"),
    Row("float32_vs_matmul", "float32 step / float32 matrix product"),
    Row("best_vs_float32_matmul", "bfloat16 step / float32 matrix product"),
    Row("bfloat16_vs_matmul", "bfloat16 step / bfloat16 matrix product"),
    Row("model_ms", "a step of the whole model, float32", "ms"),
    Row("model_dense_ms", "  the same in the dense form", "ms"),
    Row("model_bfloat16_ms", "  the same in bfloat16", "ms"),
    Row("beats_per_s", "beats a second, best precision"),
    Row("paper_minutes", "the paper's 50 epochs at that speed", "min"),
    Row("matmul_gflop_s", "matrix product, float32", "GFLOP/s"),
    PEAK,
    BASELINE,
)
_GOALS_TRAIN = {
    **{"tcn_vs_dense": 15, "model_vs_dense": 10, "float32_vs_matmul": 0.65},
    **{"best_vs_float32_matmul": 1.4},
}
_GPU = (
    Row("epoch_s", "an epoch", "s"),
    Row("paper_s", "the paper's 50 epochs", "s"),
    Row("beats_per_s", "beats a second"),
    Row("vs_dataloader", "against a plain DataLoader loop", "times"),
    Row("vs_matmul", "steps / matrix product"),
    Row("vs_bandwidth", "bytes touched / copying"),
    Row("peak_mb", "peak memory", "MB"),
)

ROWS: dict[str, tuple[Row, ...]] = {
    "train": tuple(row._replace(goal=_GOALS_TRAIN.get(row.key)) for row in _TRAIN),
    "infer": (
        Row("tcn_vs_dense", "TCN against its dense form", "times", 16),
        Row("model_vs_dense", "whole model against its dense form", "times", 10),
        Row("float32_vs_matmul", "whole model / float32 matrix product"),
        Row("beats_per_s", "beats a second"),
        Row("latency_ms", "a single beat", "ms"),
        Row("latency_dense_ms", "  the same in the dense form", "ms"),
        PEAK,
        BASELINE,
    ),
    "prepare": (
        Row("cold_s", "files to beats, no cache", "s", 2, at_most=True),
        Row("cached_s", "from the cache", "s", 0.2, at_most=True),
        Row("cold_and_save_s", "files to beats and to the cache", "s"),
        Row("plain_s", "plain loop of wfdb and PyWavelets", "s"),
        Row("plain_over_cold", "  against it, no cache", "times"),
        PEAK,
        BASELINE,
    ),
    "day": (
        Row("seconds", "from file to labels", "s", 30, at_most=True),
        PEAK._replace(goal=1500, at_most=True),
        BASELINE,
        Row("returned_mb", "  what is returned", "MB"),
    ),
    "gpu": (
        Row("matmul_tflop_s", "matrix product", "TFLOP/s"),
        Row("copy_gb_s", "copying, read and written", "GB/s"),
    ),
}
"""What each part's table shows. Goals are for two idle cores, and for one H200."""


def table(part: str, figures: dict[str, Any] | None) -> str:
    """Write a part's figures as a table of text.

    Parameters
    ----------
    part, figures
        As :func:`ecgkit.bench.run` yields them.
    """
    if figures is None:
        return f"{part}: no CUDA device on this machine\n"
    if part == "machine":
        versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
        threads = f"{figures['threads']} thread{'s' * (figures['threads'] > 1)}"
        cpu = f"{figures['cpu']} ({figures['vector_units']})"
        return f"{cpu}, {threads}, {figures['system']}\n{versions}"
    return "\n".join([*_lines(part, figures), ""])


def _lines(part: str, figures: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a part's tables."""
    rows = ROWS[part]
    if part == "prepare":
        yield _head(f"prepare: {figures['records']} records of {figures['source']}")
        if figures["source"] != "mitdb":  # few and short: the goals are MIT-BIH's
            rows = tuple(row._replace(goal=None) for row in rows)
    elif part == "day":
        yield _head(f"day: SYNTHETIC, {figures['hours']:g} h, {figures['beats']:,} beats")
    elif part == "gpu":
        yield _head(f"gpu: {figures['device']}, {figures['precision']}")
    else:
        yield _head(f"{part}, batch {figures['batch']}")
    yield from _body(rows, figures)
    for key, nested in figures.items():
        if key.startswith("batch_"):
            yield _head(f"{part}, batch {key.removeprefix('batch_')}")
            yield from _body(_nested_rows(part, key), nested)
    for stage in figures.get("growth", ()):
        said = f"{_number(stage['seconds'])} s, {_number(stage['peak_mb'])} MB at most"
        yield f"  {stage['hours']:4g} h {stage['beats']:9,} beats: {said}"


def _nested_rows(part: str, key: str) -> tuple[Row, ...]:
    """Rows of a further batch size; the paper's own, on a GPU, has a goal."""
    if part == "train":
        return _TRAIN
    goals = {"paper_s": 30.0} if key == "batch_128" else {}
    return tuple(row._replace(goal=goals.get(row.key), at_most=True) for row in _GPU)


def _head(title: str) -> str:
    return f"{title:50} measured            goal"


def _body(rows: tuple[Row, ...], figures: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each figure that is there."""
    for row in rows:
        if row.key not in figures:
            continue
        value = figures[row.key]
        line = f"  {row.words:46} {_number(value):>9} {row.unit:8}"
        if row.goal is not None and value is not None:
            met = value <= row.goal if row.at_most else value >= row.goal
            bound = "<=" if row.at_most else ">="
            line += f" {bound} {_number(row.goal):>6}  {'met' if met else 'missed'}"
        yield line.rstrip()


def _number(value: float | None) -> str:
    """Write a figure with three digits, large ones whole; "-" where there is none.

    Examples
    --------
    >>> _number(0.65432), _number(1234.5), _number(None)
    ('0.654', '1,234', '-')
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
