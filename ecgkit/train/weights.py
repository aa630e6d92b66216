"""Trained networks as files that say how their beats are prepared and what they learnt from."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

import ecgkit
from ecgkit import InputError
from ecgkit.data.beats import Beats
from ecgkit.data.preparation import Preparation
from ecgkit.files import parse_json
from ecgkit.nn.models import build
from ecgkit.train.checkpoints import write_safetensors
from ecgkit.train.fit import predict

DIRECTORY = Path(__file__).parent.parent / "weights"
DEFAULT = "strangers"
"""Weights that are taken where none are named."""


@dataclass(frozen=True)
class Provenance:
    """Where weights come from."""

    model: str  #: Name of the network, and of how it was trained.
    recipe: str
    split: str  #: How the beats were divided, and the seed of the division and of the training.
    seed: int
    source: str  #: Database, see :class:`ecgkit.data.sources.Source`.
    fingerprint: str
    split_hash: str  #: Of the training and test halves, validation beats being part of the former.
    trained_on: tuple[str, ...]  #: Names of the records with beats in the training half.
    ecgkit: str = ecgkit.__version__  #: Version of the library that wrote the file.
    note: str = ""
    expected: dict[str, list[float]] = field(default_factory=dict)
    """On new people, in percent: score, and both ends of its 95 % interval over people."""


@dataclass(frozen=True)
class Classifier:
    """A trained network, how its beats are prepared, and where its weights come from.

    >>> classifier = load_model("paper")
    >>> classifier.preparation.zeroed, classifier.provenance.recipe
    (('A9', 'D1', 'D2'), 'paper')
    """

    network: nn.Module
    preparation: Preparation
    provenance: Provenance

    def predict(
        self,
        signals: NDArray[np.float32] | Beats,
        features: NDArray[np.float32] | None = None,
        progress: bool = False,
    ) -> NDArray[np.float32]:
        """Class probabilities N, S, V, F, shape (n, 4), of beats prepared by :attr:`preparation`.

        Signals have shape (n, 180), features (n, k) where the preparation names some. Beats bring
        their features; InputError if they were prepared in another way.
        """
        if isinstance(signals, Beats):
            self.check_preparation(signals)
            features, signals = signals.features, signals.signals
        columns = features if self.preparation.features else None
        return predict(self.network, signals, columns, progress=progress)

    def about(self, name: Path | str) -> dict[str, Any]:
        """Describe, for JSON, the weights that were loaded as `name` and their preparation."""
        prepared = self.preparation.to_dict()
        about = {"from": str(name), **asdict(self.provenance), "mapping": prepared["mapping"]}
        return {"weights": about, "preparation": prepared}

    def check_preparation(self, beats: Beats) -> None:
        """Refuse beats that were prepared in another way than the network's; labels may differ."""
        theirs = replace(beats.preparation, mapping=self.preparation.mapping)
        if theirs != self.preparation:
            ours, other = self.preparation.to_dict(), theirs.to_dict()
            name = next(key for key in ours if ours[key] != other[key])
            raise InputError(
                f"The network needs beats prepared with {name} = {ours[name]}, and these have "
                f"{other[name]}: prepare them with load_beats(source, classifier.preparation)."
            )


def save_model(path: Path | str, classifier: Classifier) -> None:
    """Write a classifier to a safetensors file, all or nothing."""
    about = {"preparation": classifier.preparation.to_dict()}
    about["provenance"] = asdict(classifier.provenance)
    write_safetensors(Path(path), classifier.network.state_dict(), about)


def model_names() -> tuple[str, ...]:
    """Names of the weights that come with the library."""
    return tuple(sorted(path.stem for path in DIRECTORY.glob("*.safetensors")))


def load_model(name: Path | str = DEFAULT) -> Classifier:
    """Load a trained network: one of :func:`model_names`, or a file of :func:`save_model`.

    It is an InputError if there is no such file, it is no safetensors file (a pickle is refused
    unread), or its network or its preparation is not one that this version can make.
    """
    path = DIRECTORY / f"{name}.safetensors" if str(name) in model_names() else Path(name)
    try:
        weights = load_file(path)
        with safetensors.safe_open(path, "pt") as file:
            about = file.metadata() or {}
    except FileNotFoundError as error:
        raise InputError(
            f"There are no weights at {name}: give a file, or one of {', '.join(model_names())}."
        ) from error
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is no safetensors file, or a damaged one ({error}). A pickle is not read: "
            "it can run any program."
        ) from error
    try:
        prepared = parse_json(about["preparation"])
        provenance = Provenance(**parse_json(about["provenance"]))
        if not (isinstance(provenance.model, str) and isinstance(provenance.trained_on, list)):
            raise TypeError("a field is of another type")
        provenance = replace(provenance, trained_on=tuple(provenance.trained_on))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} does not say how its beats are prepared and what it was trained on: use a "
            "file that `ecgkit train` wrote."
        ) from error
    preparation = Preparation.from_dict(prepared)
    network = build(provenance.model, preparation.n_features)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path} is no complete {provenance.model}: train it again.") from error
    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise InputError(f"{path} holds weights that are not finite: train the network again.")
    return Classifier(network.eval(), preparation, provenance)
