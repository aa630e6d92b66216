"""Classifiers that meet people they were not trained on: three protocols that are never mixed.

``ds1-ds2`` trains on the patients of DS1 and tests on those of DS2; ``mitdb-svdb`` trains on all of
MIT-BIH and tests on the even-numbered records of SVDB; ``people`` is a cross-validation over the
people of both databases, in which each is tested by classifiers that saw the others alone.

``book/tools/strangers.py`` makes ``people.jsonl``, one line per outcome.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgkit.data import splits
from ecgkit.data.beats import Beats
from ecgkit.data.features import MEDIAN_FEATURES
from ecgkit.data.preparation import Preparation

RESULTS = Path(__file__).with_name("people.jsonl")
PREPARATION = Preparation(
    lead="any", units="patient", align_s=0.075, features=MEDIAN_FEATURES, mapping="literature"
)
"""Of the model for strangers: any gain, any convention of R peaks."""

PROTOCOLS = ("people mitdb", "people svdb", "mitdb-svdb", "ds1-ds2")
ROWS = ("always-N", "ours", "twelve", "trees", "network", "strangers")


@dataclass(frozen=True)
class Outcome:
    """Confusion matrices of one classifier under one protocol, by record."""

    protocol: str  #: One of :data:`PROTOCOLS`.
    row: str  #: Name of the classifier.
    seed: int
    variant: str  #: How the tested recordings were disturbed; ``clean`` if not.
    by_record: dict[str, dict[str, list[list[int]]]]  #: Under both mappings.
    fingerprints: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    device: str = ""

    def matrices(self, mapping: str = "literature", without: Sequence[str] = ()) -> NDArray:
        """Confusion matrices of the people, shape (people, 4, 4), some records left out."""
        found: dict[str, Any] = {}
        for record, matrix in self.by_record[mapping].items():
            if record not in without:
                person = splits.SAME_PERSON.get(record, record)
                found[person] = found.get(person, 0) + np.array(matrix)
        return np.array(list(found.values()))


def outcomes(protocol: str, row: str, variant: str = "clean") -> list[Outcome]:
    """Find published outcomes, one per seed."""
    found = (Outcome(**json.loads(line)) for line in RESULTS.read_text("utf-8").splitlines())
    wanted = (protocol, row, variant)
    return [one for one in found if (one.protocol, one.row, one.variant) == wanted]


def join(tables: Sequence[Beats]) -> Beats:
    """Put tables of beats that were prepared alike behind each other."""
    names = [f.name for f in fields(Beats) if isinstance(getattr(tables[0], f.name), np.ndarray)]
    columns: dict[str, Any] = {n: np.concatenate([getattr(t, n) for t in tables]) for n in names}
    return replace(tables[0], **columns)


def pick(beats: Beats, names: tuple[str, ...]) -> Beats:
    """Keep the named features."""
    chosen = [beats.preparation.features.index(name) for name in names]
    how = replace(beats.preparation, features=names)
    return replace(beats, features=beats.features[:, chosen], preparation=how)
