"""Write what the page "Try it" computes with: weights, strips of recordings, and noise.

::

    python book/tools/live.py   # strips and noise, into book/_static/live

The weights, which need no recordings, are written each time that the book is rendered: integers of
6 to 12 bits, one scale per output of a layer, deflated; batch norms are multiplied into the
convolutions. Strips are stored as integers of the recordings' own resolution.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from notebook_format import ROOT
from numpy.typing import NDArray
from torch import Tensor, nn

from ecgkit.data import aami
from ecgkit.data.beats import load_beats
from ecgkit.data.sources import Source, find_source
from ecgkit.data.splits import random_split
from ecgkit.nn.fast import fold_norms
from ecgkit.nn.models import TCN, ResNet, ResNetTCN
from ecgkit.nn.trees import Mixture, Trees
from ecgkit.train.weights import Classifier, load_model

FOLDER = ROOT / "book" / "_static" / "live"
NETWORKS = {name: name for name in ("paper", "ours", "strangers")}
"""Name on the page to what ``load_model`` loads."""
NETWORKS["fold"] = str(Path(__file__).with_name("strangers_fold.safetensors"))
"""Trained as ``strangers``, without the people of most strips: see ``strangers.py``."""
Layers = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Name to weight, shape (outputs, taps, inputs), and bias, shape (outputs,)."""


def collect_layers(network: ResNetTCN) -> Layers:
    """Collect the layers of a network in ``eval()`` mode, norms folded in, channels last."""
    found: dict[str, tuple[Tensor, Tensor]] = {}

    def add(name: str, layer: nn.Module) -> None:
        weight, bias = cast(Tensor, layer.weight), cast(Tensor, layer.bias)
        found[name] = (weight[..., None] if weight.ndim == 2 else weight), bias  # (o, c, k), (o,)

    folded = cast(ResNetTCN, fold_norms(network))
    if "resnet" in folded.branches:
        resnet: Any = cast(ResNet, folded.branches["resnet"])
        add("stem", resnet.stem.conv)
        for i, module in enumerate(resnet.layers):
            add(f"resnet.{i}.conv1", module.conv1)
            add(f"resnet.{i}.conv2", module.conv2)
            if isinstance(module.edge, nn.Conv1d):
                add(f"resnet.{i}.edge", module.edge)
    if "tcn" in folded.branches:
        tcn: Any = cast(TCN, folded.branches["tcn"])
        for i, block in enumerate(tcn.blocks):
            add(f"tcn.{i}.conv1", block.conv1.conv)
            add(f"tcn.{i}.conv2", block.conv2.conv)
            add(f"tcn.{i}.edge", block.edge)
        add("se.reduce", tcn.se.reduce)
        add("se.expand", tcn.se.expand)
    if "features" in folded.branches:
        norm, first, _, second, _ = cast(Any, folded.branches["features"])
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * factor
        found["features.1"] = (first.weight * factor)[..., None], first.bias + first.weight @ shift
        add("features.2", second)
    # The ResNet's features are flattened sample by sample here, channel by channel there.
    weight = folded.linear.weight
    if "resnet" in folded.branches:
        n = folded.branches["resnet"].n_features
        by_sample = weight[:, :n].unflatten(1, (64, -1)).transpose(1, 2).flatten(1)
        weight = torch.cat([by_sample, weight[:, n:]], dim=1)
    found["linear"] = weight[..., None], folded.linear.bias
    with torch.inference_mode():
        return {
            name: (w.permute(0, 2, 1).contiguous().numpy(), b.numpy())
            for name, (w, b) in found.items()
        }


def choose_bits(n_weights: int) -> int:
    """Choose more bits for small layers: these are the first ones, whose errors all others pass on.

    >>> [choose_bits(n) for n in (12_288, 57_344, 458_752)]
    [12, 8, 6]
    """
    return 12 if n_weights < 13_000 else 8 if n_weights < 100_000 else 6


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
    """Round weights to multiples of one scale per output, (o, ...) -> (o,), (o, n).

    >>> scale, steps = quantise(np.array([[0.5, -1.0], [0, 0]], np.float32))
    >>> steps.tolist(), steps.dtype.name
    ([[1024, -2047], [0, 0]], 'int16')
    """
    bits = choose_bits(weight.size)
    rows = weight.reshape(len(weight), -1)
    scale = np.abs(rows).max(axis=1) / np.float32(2 ** (bits - 1) - 1)
    scale[scale == 0] = 1
    return scale, np.round(rows / scale[:, None]).astype(np.int16 if bits > 8 else np.int8)


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pack(arrays: Sequence[NDArray]) -> str:
    """Deflate arrays, one behind the other; first bytes of an array's numbers, then second ones."""
    parts = (np.ascontiguousarray(a).view(np.uint8).reshape(a.size, -1) for a in arrays)
    deflate = zlib.compressobj(9, wbits=-15)  # no header
    return encode(deflate.compress(b"".join(p.T.tobytes() for p in parts)) + deflate.flush())


def export_network(classifier: Classifier, precision: str = "integers") -> dict[str, Any]:
    """Describe a classifier for the page; ``precision`` is ``"integers"`` or ``"float32"``."""
    network, trees = cast(ResNetTCN, classifier.network), None
    about: dict[str, Any] = {}
    if isinstance(network, Mixture):
        network, trees = cast(ResNetTCN, network.network), network.trees
        about["temperature"] = float(classifier.network.temperature)
    arrays, about["layers"] = list[NDArray](), list[Any]()
    for name, (weight, bias) in collect_layers(network).items():
        stored = (weight,) if precision == "float32" else quantise(weight)
        arrays += [bias, *stored]
        about["layers"].append([name, stored[-1].dtype.name, *weight.shape])
    about["data"] = pack(arrays)
    if trees is not None:
        about["trees"] = _export_trees(trees)
    prepared, provenance = classifier.preparation, classifier.provenance
    names = ("lead", "units", "mapping", "align_s", "features")
    about |= {name: prepared.to_dict()[name] for name in names}
    return about | {"split": provenance.split, "trained_on": provenance.trained_on}


def _export_trees(trees: Trees) -> dict[str, Any]:
    """Nodes of all trees; ``number`` is a leaf's value, else the threshold."""
    left, right = trees.left.numpy(), trees.right.numpy()
    leaf = left == np.arange(len(left))
    number = np.where(leaf, trees.value.numpy(), trees.threshold.numpy()).astype("<f4")
    nodes = (number, left.astype("<u2"), right.astype("<u2"), trees.feature.numpy().astype("u1"))
    if len(left) > 2**16 or len(trees.bias) != 4:
        raise ValueError(f"{len(left)} nodes do not fit: store them in more bits.")
    about = {"nodes": len(left), "roots": trees.root.tolist(), "bias": trees.bias.tolist()}
    return about | {"data": pack(nodes)}


def write_script(path: Path, name: str, value: Any) -> None:
    """Write a script that sets one entry of the page's object ``Live``, which opens as a file."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    path.write_text(f"globalThis.Live ??= {{}};\nLive.{name} = {text};\n", "utf-8")


def write_weights(folder: Path = FOLDER, precision: str = "integers") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, weights in NETWORKS.items():
        exported = export_network(load_model(weights), precision)
        write_script(folder / f"weights_{name}.js", f"weights_{name}", exported)


@dataclass(frozen=True)
class Strip:
    """Half a minute of a record of MIT-BIH, lead MLII."""

    record: str
    shows: str
    start_s: int | None = None  #: None: where most beats of every class are.


STRIPS = (
    Strip("208", "ventricular and fusion beats"),
    Strip("209", "runs of atrial beats"),
    Strip("212", "right bundle branch block that comes and goes", 136),
    Strip("213", "fusion beats"),
    Strip("220", "early atrial beats"),
    Strip("228", "ventricular beats"),
    Strip("228", "noise in the recording", 1204),
    Strip("232", "right bundle branch block with atrial beats", 510),
    Strip("203", "atrial fibrillation with ventricular beats"),
)
LENGTH, FS = 30 * 360, 360


def pack_signal(steps: NDArray[np.int64]) -> dict[str, Any]:
    """Store integers as the first one and the differences, of 8 bits if they fit, else of 16.

    >>> pack_signal(np.array([1000, 1003, 1001]))
    {'first': 1000, 'bits': 8, 'data': 'AAP+'}
    """
    changes = np.diff(steps, prepend=steps[:1])
    bits = 8 if np.abs(changes).max() < 128 else 16
    data = encode(changes.astype(f"<i{bits // 8}").tobytes())
    return {"first": int(steps[0]), "bits": bits, "data": data}


def find_seen(source: Source) -> dict[tuple[str, int], int]:
    """Say of each beat, by record and sample, whether the random split trains on it (1) or not (0).

    It is the split of the networks ``paper`` and ``ours``; beats of class Q are in neither half.
    """
    classifier = load_model("paper")
    beats = load_beats(source, classifier.preparation).without_q()
    split = random_split(beats.labels, seed=classifier.provenance.seed)
    if split.hash != classifier.provenance.split_hash:
        raise ValueError("The random split is not the one that the networks were trained on.")
    seen = np.zeros(len(beats), int)
    seen[split.train] = 1
    keys = zip(beats.records.tolist(), beats.samples.tolist(), strict=True)
    return dict(zip(keys, seen.tolist(), strict=True))


def export_strip(source: Source, strip: Strip, seen: dict[tuple[str, int], int]) -> dict[str, Any]:
    """Describe half a minute for the page."""
    record = source.read(strip.record, "MLII")
    classes = np.array([aami.CLASSES[c] for c in aami.encode(record.symbols)])
    starts = np.arange(0, len(record.lead("MLII")) - LENGTH, 2 * FS)

    def variety(start: int) -> float:
        inside = classes[(record.r_peaks > start) & (record.r_peaks < start + LENGTH)]
        return float(sum(np.log1p((inside == name).sum()) for name in "NSVF"))

    start = int(max(starts, key=variety)) if strip.start_s is None else strip.start_s * FS
    lead = record.lead("MLII")[start : start + LENGTH].astype(float)
    inside = (record.r_peaks >= start) & (record.r_peaks < start + LENGTH)
    pairs = zip(record.r_peaks[inside].tolist(), record.symbols[inside].tolist(), strict=True)
    beats = [[peak - start, symbol, seen.get((strip.record, peak), -1)] for peak, symbol in pairs]
    about = {"record": strip.record, "shows": strip.shows, "start_s": start / FS, "per_mv": 200}
    return about | {"beats": beats, **pack_signal(np.rint(lead * 200).astype(np.int64))}


def export_noise(source: Source, name: str) -> dict[str, Any]:
    """Cut half a minute of a noise record, its mean 0 and its standard deviation 1 mV."""
    x = source.read(name).signals[100_000 : 100_000 + LENGTH, 0].astype(float)
    steps = np.rint((x - x.mean()) / x.std() * 100).astype(np.int64)
    return {"per_mv": 100, **pack_signal(steps)}


def write_strips(folder: Path = FOLDER) -> None:
    source, noise = find_source("mitdb"), find_source("nstdb")
    seen = find_seen(source)
    write_script(folder / "strips.js", "strips", [export_strip(source, s, seen) for s in STRIPS])
    found = {name: export_noise(noise, name) for name in ("ma", "bw")}
    write_script(folder / "noise.js", "noise", found)


def main() -> int:
    write_strips()
    return 0


if __name__ == "__main__":
    sys.exit(main())
