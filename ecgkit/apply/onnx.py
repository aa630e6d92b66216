"""A classifier as an ONNX file, to run where torch does not: on a phone, in a browser, on a device.

ONNX is a format for layers and weights. What comes before them (R peaks, denoising, cutting,
features) is not in the file, but its metadata say how. Needs the optional extra ``onnx``.
"""

import copy
import importlib
import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parametrize

from ecgkit import InputError
from ecgkit.data.preparation import BEAT_LENGTH, SAMPLING_RATE
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.files import atomic_write
from ecgkit.train.weights import Classifier


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        packages = "pip install onnx onnxscript onnxruntime"
        raise InputError(f"The package {name} is not installed: {packages}.") from error


def _fold_weight_norm(network: nn.Module) -> nn.Module:
    """Copy a network for inference on the CPU, weight norm multiplied out."""
    plain = copy.deepcopy(network).cpu().eval()
    for module in list(plain.modules()):
        if isinstance(module, nn.Conv1d) and parametrize.is_parametrized(module):
            weight = nn.Parameter(module.weight.detach())
            module.__class__ = nn.Conv1d  # torch would change a class that the original shares
            del module.parametrizations
            module.weight = weight
    return plain


def metadata(classifier: Classifier) -> dict[str, str]:
    """Return what an exported file says of itself; preparation and provenance are JSON."""
    p = classifier.preparation
    features = f"; features (b, {p.n_features}), float32" if p.features else ""
    return {
        "input": f"beats (b, {BEAT_LENGTH}), float32, {p.units}{features}",
        "output": f"logits (b, {len(CLASSES)}) of {' '.join(CLASSES)}",
        "sampling_rate_hz": str(SAMPLING_RATE),
        "lead": p.lead,
        "column_of_r_peak": str(p.before),
        "preparation": json.dumps(p.to_dict()),
        "provenance": json.dumps(asdict(classifier.provenance)),
        "use": "teaching and research; not a medical device",
    }


def export_onnx(classifier: Classifier, path: Path | str) -> None:
    """Write a classifier and its :func:`metadata` as an ONNX file; InputError without the extra."""
    onnx, _ = _import("onnx"), _import("onnxscript")
    sizes = (BEAT_LENGTH, classifier.preparation.n_features)
    inputs = tuple(torch.zeros(2, size) for size in sizes if size)
    how: dict[str, Any] = {"input_names": ["beats", "features"][: len(inputs)], "dynamo": True}
    how["dynamic_shapes"] = ({0: torch.export.Dim("b", min=1)},) * len(inputs)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    network, names = _fold_weight_norm(classifier.network), ["logits"]
    with warnings.catch_warnings(action="ignore"):  # torch's exporter warns of its own machinery
        program: Any = torch.onnx.export(network, inputs, verbose=False, output_names=names, **how)
    proto = program.model_proto
    onnx.helper.set_model_props(proto, metadata(classifier))
    onnx.checker.check_model(proto, full_check=True)
    with atomic_write(path) as draft:
        draft.write_bytes(proto.SerializeToString())


def session(path: Path | str) -> Any:
    """Open an ONNX file in ONNX Runtime on the CPU; InputError if that is not possible."""
    runtime = _import("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises kinds of its own
        raise InputError(f"{path} is no ONNX file that can be run ({error}).") from error


def predict(
    opened: Any, signals: NDArray[np.float32], features: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Class probabilities (n, 4) of beats from a :func:`session`; features only if it has them."""
    known: dict[str, Any] = {"beats": signals, "features": features}
    inputs = {entry.name: known[entry.name] for entry in opened.get_inputs()}
    parts = [np.empty((0, len(CLASSES)), np.float32)]
    for start in range(0, len(signals), 1024):
        parts += opened.run(None, {k: x[start : start + 1024] for k, x in inputs.items()})
    return scipy.special.softmax(np.concatenate(parts), axis=1)


def largest_difference(classifier: Classifier, path: Path | str, n: int = 64) -> float:
    """Largest difference between torch's and a file's probabilities of ``n`` random beats."""
    rng, preparation = np.random.default_rng(0), classifier.preparation
    signals = rng.normal(size=(n, BEAT_LENGTH)).astype(np.float32)
    features = rng.normal(size=(n, preparation.n_features)).astype(np.float32)
    ours = classifier.predict(signals, features)
    return float(np.abs(predict(session(path), signals, features) - ours).max())
