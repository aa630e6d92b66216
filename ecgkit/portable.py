"""A network as an ONNX file, to run where torch does not: on a phone, in a browser, on a monitor.

ONNX is a format for the computation itself, layers and weights. What comes before it, finding R
peaks, denoising and cutting, is not in the file; it says in its properties what it expects. Needs
the optional extra ``onnx``.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parametrize

from ecgkit import InputError, denoising, files, heartbeats, metrics, models, training
from ecgkit.models import BEAT_LENGTH
from ecgkit.records import SAMPLING_RATE

EXPECTS = {
    "input": f"beats (b, {BEAT_LENGTH}), float32, mV",
    "output": f"logits (b, {len(metrics.CLASSES)}) of {' '.join(metrics.CLASSES)}",
    "sampling_rate_hz": str(SAMPLING_RATE),
    "lead": "MLII",
    "column_of_r_peak": str(heartbeats.BEFORE),
    "denoised": f"{denoising.WAVELET}, {denoising.LEVEL} levels without "
    f"{' '.join(denoising.ZEROED)}",
    "use": "teaching and research; not a medical device",
}
"""What is written into a file's properties."""


def _needed(name: str) -> Any:
    """Import a package of the extra ``onnx``."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"ONNX takes the package {name}, which is not installed: pip install onnx onnxscript "
            "onnxruntime."
        ) from error


def resolved(network: nn.Module) -> nn.Module:
    """Copy a network for inference: on the CPU, weight norm multiplied out, dropout off.

    Parameters
    ----------
    network
        Of :mod:`ecgkit.models`; it stays as it is.
    """
    # torch's remove_parametrizations would not do: a deep copy shares its class with the original,
    # and it takes the weight from the class.
    plain = copy.deepcopy(network).cpu().eval()
    for module in list(plain.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv1d) and parametrize.is_parametrized(child):
                assert child.padding == (0,)  # ours pad themselves, on the left alone
                conv = nn.Conv1d(
                    *(child.in_channels, child.out_channels, child.kernel_size[0]),
                    stride=child.stride[0],
                    dilation=child.dilation[0],
                    groups=child.groups,
                )
                conv.load_state_dict({"weight": child.weight, "bias": child.bias})
                setattr(module, name, conv.eval())
    return plain


@contextlib.contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Let a logger tell of errors alone: torch's exporter misses torchvision, we do not."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def export(network: nn.Module, path: Path | str, about: Mapping[str, str] | None = None) -> None:
    """Write a network as an ONNX file, whole or not at all.

    Parameters
    ----------
    network
        Turns (b, 180) beats into (b, 4) logits.
    path
        Of the file; weights are inside it.
    about
        Where the weights come from, as :func:`ecgkit.published.load` says; kept in the file's
        properties beside :data:`EXPECTS`.

    Raises
    ------
    InputError
        If the extra is not installed, the file cannot be written, or the network reads RR
        intervals as well.
    """
    if models.n_columns(network):
        raise InputError(
            "This network reads RR intervals beside a beat, which an ONNX file of beats alone does "
            "not have: export one that does not."
        )
    onnx = _needed("onnx")
    _needed("onnxscript")
    example = torch.zeros(2, BEAT_LENGTH)
    with _silent(logging.getLogger("torch.onnx")), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own machinery
        program = torch.onnx.export(
            resolved(network),
            (example,),
            input_names=["beats"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("b", min=1)},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {**EXPECTS, **(about or {})})
    onnx.checker.check_model(proto, full_check=True)
    with files.whole(path) as draft:
        draft.write_bytes(proto.SerializeToString())


def difference(network: nn.Module, path: Path | str, beats: NDArray[np.float32]) -> float:
    """Largest difference between torch's probabilities of beats (n, 180) and those of a file."""
    ours = training.predict(resolved(network), beats)
    return float(np.abs(predict(session(path), beats) - ours).max())


def session(path: Path | str) -> Any:
    """Open an ONNX file in ONNX Runtime, on the CPU, with as many threads as torch has.

    Raises
    ------
    InputError
        If the extra is not installed, or the file is missing or damaged.
    """
    runtime = _needed("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    try:
        content = Path(path).read_bytes()
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises kinds of its own
        raise InputError(f"{path} is no ONNX file that can be run ({error}).") from error


def predict(opened: Any, beats: NDArray[np.float32], batch: int = 1024) -> NDArray[np.float32]:
    """Class probabilities of beats, as :func:`ecgkit.training.predict` gives them.

    Parameters
    ----------
    opened
        From :func:`session`.
    beats
        Float32, shape (n, 180), in mV.
    batch
        Beats at a time.

    Returns
    -------
    Float32, shape (n, 4): probabilities of N, S, V, F.
    """
    parts = [np.empty((0, len(metrics.CLASSES)), np.float32)]
    for start in range(0, len(beats), batch):
        (logits,) = opened.run(None, {"beats": beats[start : start + batch]})
        parts.append(scipy.special.softmax(logits, axis=1))
    return np.concatenate(parts)
