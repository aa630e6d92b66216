"""ecgkit: heartbeat classification from a raw ECG to a tested ResNet-TCN.

The helper library of the book. Each module is one chapter's subject; data flows one way, and a
module imports only from those above it in this list:

``files`` written whole, ``aami`` classes, ``annotators`` and their marks, ``synthetic`` records,
``physionet`` downloads, real ``noise``, ``records`` found and read, ``denoising`` wavelet bands,
``heartbeats`` cutting, the ``context`` of a beat, ``splits``, ``augmentation``, ``layers`` and
``models``, ``fast`` on a CPU, ``checkpoints`` and ``training``, ``attribution``, ``matching`` of
beats, the ``ec57`` report, ``metrics``, ``calibration``, ``comparison`` of models, ``plots``,
``experiments``, ``tables`` and ``reproduce`` beside the paper, ``variations`` of one thing at a
time, new ``patients``, ``published`` results, ``csvfiles``, ``readers``, ``streams`` and
``inference`` for any recording, ``online`` while it is made, ``portable`` as ONNX,
``exercises``, ``bench``, and the command line with its ``options``.
"""

__version__ = "0.1.0"


class InputError(ValueError):
    """Input that cannot be used: the message names it, says what was expected and what to do.

    The command line prints the message and exits with status 2; everything else that escapes from
    the library is a defect.
    """
