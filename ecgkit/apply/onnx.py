"""A classifier as an ONNX file, to run where torch does not: on a phone, in a browser, on a device.

ONNX is a format for the computation itself, layers and weights. What comes before it (R peaks,
denoising, cutting, features) is not in the file, but its metadata say how beats were prepared.
Needs the optional extra ``onnx``.
"""

from __future__ import annotations

import copy
import importlib
import json
import logging
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parametrize

from ecgkit import InputError
from ecgkit.data.preparation import SAMPLING_RATE
from ecgkit.evaluate.metrics import CLASSES
from ecgkit.files import atomic_write
from ecgkit.nn.models import ResNetTCN
from ecgkit.train.weights import Classifier


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"The package {name} is not installed: pip install onnx onnxscript onnxruntime."
        ) from error


def _fold_weight_norm(network: ResNetTCN) -> ResNetTCN:
    """Copy a network for inference on the CPU, weight norm multiplied out."""
    # torch's remove_parametrizations does not serve: a deep copy shares its class with the
    # original, and the weight is taken from the class.
    plain = copy.deepcopy(network).cpu().eval()
    for module in list(plain.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv1d) and parametrize.is_parametrized(child):
                assert child.padding == (0,)  # ours are padded outside, on the left alone
                conv = nn.Conv1d(
                    *(child.in_channels, child.out_channels, child.kernel_size[0]),
                    stride=child.stride[0],
                    dilation=child.dilation[0],
                    groups=child.groups,
                )
                conv.load_state_dict({"weight": child.weight, "bias": child.bias})
                setattr(module, name, conv.eval())
    return plain


def metadata(classifier: Classifier) -> dict[str, str]:
    """Return what an exported file says of itself.

    Returns
    -------
    metadata : dict of str to str
        ``preparation`` and ``provenance`` are JSON.
    """
    preparation = classifier.preparation
    inputs = f"beats (b, {preparation.n_samples}), float32, {preparation.units}"
    if preparation.features:
        inputs += f"; features (b, {preparation.n_features}), float32"
    return {
        "input": inputs,
        "output": f"logits (b, {len(CLASSES)}) of {' '.join(CLASSES)}",
        "sampling_rate_hz": str(SAMPLING_RATE),
        "lead": preparation.lead,
        "column_of_r_peak": str(preparation.before),
        "preparation": json.dumps(preparation.to_dict()),
        "provenance": json.dumps(asdict(classifier.provenance)),
        "use": "teaching and research; not a medical device",
    }


def export_onnx(classifier: Classifier, path: Path | str) -> None:
    """Write a classifier as an ONNX file.

    Its inputs are ``beats`` (b, 180) and, where the preparation has features, ``features`` (b, k);
    its output is ``logits`` (b, 4).

    Parameters
    ----------
    classifier : Classifier
        From :func:`ecgkit.train.weights.load_model`.
    path : Path or str
        Of the file, which holds the weights, too.

    Raises
    ------
    InputError
        If the extra is not installed or the file cannot be written.
    """
    onnx = _import("onnx")
    _import("onnxscript")
    preparation, batch = classifier.preparation, torch.export.Dim("b", min=1)
    sizes = {"beats": preparation.n_samples, "features": preparation.n_features}
    inputs = {name: torch.zeros(2, size) for name, size in sizes.items() if size}
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own machinery
        program = torch.onnx.export(
            _fold_weight_norm(classifier.network),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            dynamo=True,
            verbose=False,
        )
    logger.setLevel(level)
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, metadata(classifier))
    onnx.checker.check_model(proto, full_check=True)
    with atomic_write(path) as draft:
        draft.write_bytes(proto.SerializeToString())


def session(path: Path | str) -> Any:
    """Open an ONNX file in ONNX Runtime, on the CPU, with as many threads as torch has.

    Raises
    ------
    InputError
        If the extra is not installed, or the file is missing or damaged.
    """
    runtime = _import("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    try:
        content = Path(path).read_bytes()
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises kinds of its own
        raise InputError(f"{path} is no ONNX file that can be run ({error}).") from error


def predict(
    opened: Any,
    signals: NDArray[np.float32],
    features: NDArray[np.float32] | None = None,
    batch: int = 1024,
) -> NDArray[np.float32]:
    """Class probabilities of beats, as :func:`ecgkit.train.fit.predict` returns them.

    Parameters
    ----------
    opened : onnxruntime.InferenceSession
        From :func:`session`.
    signals : ndarray of float32, shape (n, 180)
        Beats, prepared as the file's metadata say.
    features : ndarray of float32, shape (n, k), optional
        Where the file has this input.
    batch : int
        Beats at a time.

    Returns
    -------
    probabilities : ndarray of float32, shape (n, 4)
        Of N, S, V, F.
    """
    known: dict[str, Any] = {"beats": signals, "features": features}
    inputs = {entry.name: known[entry.name] for entry in opened.get_inputs()}
    parts = [np.empty((0, len(CLASSES)), np.float32)]
    for start in range(0, len(signals), batch):
        rows = slice(start, start + batch)
        (logits,) = opened.run(None, {name: x[rows] for name, x in inputs.items()})
        parts.append(scipy.special.softmax(logits, axis=1))
    return np.concatenate(parts)


def largest_difference(classifier: Classifier, path: Path | str, n: int = 64) -> float:
    """Largest difference between torch's and a file's probabilities of ``n`` random beats."""
    rng, preparation = np.random.default_rng(0), classifier.preparation
    signals = rng.normal(size=(n, preparation.n_samples)).astype(np.float32)
    features = rng.normal(size=(n, preparation.n_features)).astype(np.float32)
    ours = replace(classifier, network=_fold_weight_norm(classifier.network)).predict(
        signals, features
    )
    return float(np.abs(predict(session(path), signals, features) - ours).max())
