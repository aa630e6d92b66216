"""ecgkit: heartbeat classification from a raw ECG to a tested ResNet-TCN.

The small library behind the book. Data flows one way, through folders that import only from those
before them: ``data`` (recordings, beats, features, splits), ``nn`` (networks), ``train``,
``evaluate`` (scores, EC57, runs), ``apply`` (any recording; streams; ONNX) and ``plots``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"


class InputError(ValueError):
    """Input that cannot be used: the message says what was found, what was expected, what to do.

    The command line prints the message and exits with status 2; any other error is a defect.
    """


if TYPE_CHECKING:
    from ecgkit.apply.classify import classify
    from ecgkit.data.beats import Beats, load_beats
    from ecgkit.data.preparation import Preparation
    from ecgkit.data.splits import patient_split, random_split
    from ecgkit.data.wfdb_io import read_record
    from ecgkit.evaluate.ec57 import ec57_report
    from ecgkit.evaluate.metrics import report
    from ecgkit.nn.models import TCN, ResNet, ResNetTCN
    from ecgkit.train.fit import fit, predict
    from ecgkit.train.recipe import Recipe
    from ecgkit.train.weights import load_model

_HOME = dict.fromkeys(("Beats", "load_beats"), "data.beats")
_HOME |= dict.fromkeys(("patient_split", "random_split"), "data.splits")
_HOME |= dict.fromkeys(("ResNet", "ResNetTCN", "TCN"), "nn.models")
_HOME |= dict.fromkeys(("fit", "predict"), "train.fit")
_HOME |= {"Preparation": "data.preparation", "read_record": "data.wfdb_io"}
_HOME |= {"Recipe": "train.recipe", "load_model": "train.weights", "classify": "apply.classify"}
_HOME |= {"report": "evaluate.metrics", "ec57_report": "evaluate.ec57"}

__all__ = ["TCN", "Beats", "InputError", "Preparation", "Recipe", "ResNet", "ResNetTCN"]
__all__ += ["classify", "ec57_report", "fit", "load_beats", "load_model", "patient_split"]
__all__ += ["predict", "random_split", "read_record", "report"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import ecgkit` does not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
