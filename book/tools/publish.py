"""Put a finished run into ``ecgkit/published``, and draw the README's picture anew if it is of it.

::

    python book/tools/publish.py runs/resnet-tcn-ours-0 [--no-weights]

The run is one that ``ecgkit train --out`` wrote, on MIT-BIH, tested on the test half; or one of
``ecgkit variations``, on MIT-BIH, which is published without its weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

from notebook_format import PUBLISHED, ROOT

from ecgkit import InputError, experiments, plots, published

LIMIT_BYTES = 12_000_000
PICTURE = ROOT / "book" / "_static" / "front.png"


def publish(run: Path, weights: bool = True) -> str:
    """Copy a run's JSON and weights, enter them in the index, and return the run's name.

    Raises
    ------
    InputError
        If the run is not finished, is of synthetic data, a quick one, of a validation part (unless
        it is a variation) or a variation with weights, or if there is no room.
    """
    try:
        record = json.loads((run / experiments.RUN).read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{run} holds no finished run: {experiments.RUN} is missing.") from error
    variation = record.get("variation")
    if record["recipe"].endswith("-quick"):
        raise InputError(f"{run} is a quick run, whose figures are no results: make a whole one.")
    if variation and weights:
        raise InputError(f"{run} is a variation, published without weights: add --no-weights.")
    tested = record["tested_on"] == "test" or variation
    if record["data"]["source"] != "mitdb" or not tested:
        raise InputError(
            f"{run} is of {record['data']['source']} data, tested on the {record['tested_on']} "
            "part: only runs on MIT-BIH's test half are published."
        )
    about = ("variation", "seed") if variation else ("model", "recipe", "split", "seed")
    name = "variation-" * bool(variation) + "-".join(str(record[key]) for key in about)
    digest = None
    if weights:
        content = (run / experiments.WEIGHTS).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        shutil.copyfile(run / experiments.WEIGHTS, PUBLISHED / f"{name}.safetensors")
    experiments.write_json(PUBLISHED / f"{name}.json", record)
    index = json.loads((PUBLISHED / "index.json").read_text("utf-8"))
    entry = {key: record[key] for key in ("model", "recipe", "split", "seed")}
    index = [e for e in index if e["name"] != name]
    index.append({"name": name, **entry, "weights_sha256": digest, "variation": variation})
    experiments.write_json(PUBLISHED / "index.json", sorted(index, key=lambda e: e["name"]))
    size = sum(path.stat().st_size for path in PUBLISHED.iterdir() if path.is_file())
    if size > LIMIT_BYTES:
        raise InputError(f"{PUBLISHED} holds {size:,} bytes, more than {LIMIT_BYTES:,}: thin it.")
    return name


def draw(name: str) -> None:
    """Draw the README's picture: the run's confusion matrix."""
    record = json.loads((PUBLISHED / f"{name}.json").read_text("utf-8"))
    title = f"{record['model']}, {record['split']} split: test half"
    figure = plots.confusion_matrix(record["confusion_matrix"], title)
    figure.savefig(PICTURE, dpi=plots.DPI, facecolor="white", metadata={"Software": None})


def main() -> int:
    parser = argparse.ArgumentParser(description="Publish a finished run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--no-weights", action="store_true", help="the JSON alone")
    options = parser.parse_args()
    try:
        name = publish(options.run, not options.no_weights)
        if name == published.find()["name"]:  # the model that is loaded unless another is named
            draw(name)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Published {name}. Now store the pages that read it: make notebooks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
