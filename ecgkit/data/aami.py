"""AAMI heartbeat classes: from the annotator's symbols to N, S, V, F and Q.

Results cannot be compared without naming the mapping: ``"ec57"``, as WFDB's comparator ``bxb``
counts when it reports supraventricular beats, or ``"literature"``, as most machine-learning papers
count. The atrial and the nodal escape beat, ``e`` and ``j``, are S in the first, N in the second.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ecgkit import InputError

CLASSES = ("N", "S", "V", "F", "Q")  #: The five AAMI classes, in the order of all tables.
NAMES = {
    "N": "normal and bundle branch block",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion of ventricular and normal",
    "Q": "paced or unclassifiable",
}

#: From the palette of Okabe and Ito, which is safe for colour-blind readers.
COLORS = {"N": "#0072B2", "S": "#E69F00", "V": "#D55E00", "F": "#009E73", "Q": "#7F7F7F"}

_EC57 = {"N": "NLRB", "S": "JASajen", "V": "VrE", "F": "F", "Q": "Q/f?"}

MAPPINGS = {"ec57": {symbol: name for name, symbols in _EC57.items() for symbol in symbols}}
MAPPINGS["literature"] = {**MAPPINGS["ec57"], "e": "N", "j": "N"}


def mapping(name: str) -> dict[str, str]:
    """Look up the table symbol -> class that is called ``"ec57"`` or ``"literature"``.

    References: WFDB's ``bxb`` (EC57, section 4.2); for example table 1 of doi:10.1155/2021/8642576.

    >>> mapping("ec57")["j"], mapping("literature")["j"]
    ('S', 'N')
    """
    if name not in MAPPINGS:
        raise InputError(f"There is no class mapping {name!r}: use {' or '.join(MAPPINGS)}.")
    return MAPPINGS[name]


def is_beat(symbol: str) -> bool:
    """Whether an annotation symbol marks a heartbeat (not a rhythm, a wave or noise).

    >>> is_beat("V"), is_beat("+"), is_beat("!")
    (True, False, False)
    """
    return symbol in MAPPINGS["ec57"]


def encode(symbols: Iterable[str], mapping_name: str = "ec57") -> NDArray[np.int8]:
    """Turn the symbols of beats into class numbers (0 N, 1 S, 2 V, 3 F, 4 Q), shape (n_beats,).

    >>> encode(["N", "A", "V", "F", "j"], "literature").tolist()
    [0, 1, 2, 3, 0]
    """
    table = {symbol: CLASSES.index(name) for symbol, name in mapping(mapping_name).items()}
    codes = list(symbols)
    if unknown := ", ".join(map(repr, sorted(set(codes) - set(table)))):
        raise InputError(f"{unknown} does not mark a heartbeat: keep those of {' '.join(table)}.")
    return np.array([table[symbol] for symbol in codes], np.int8)


def counts(labels: NDArray[np.int8]) -> dict[str, int]:
    """Count the beats of each class, zeros included.

    >>> counts(encode("NNV"))
    {'N': 2, 'S': 0, 'V': 1, 'F': 0, 'Q': 0}
    """
    found = np.bincount(labels, minlength=len(CLASSES))
    return {name: int(n) for name, n in zip(CLASSES, found, strict=True)}
