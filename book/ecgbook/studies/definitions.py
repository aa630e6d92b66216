"""What a study trains, read from its TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ecgkit import InputError
from ecgkit.data.preparation import Preparation
from ecgkit.train.recipe import RECIPES, Recipe

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One kind of training run.

    In TOML, ``settings`` and ``preparation`` hold what differs from the recipe and the default;
    ``recipe`` may name one of the file's ``[recipes]``, and ``features`` one of its ``[features]``.
    """

    name: str
    change: str  # what is done in this row, for tables
    model: str
    recipe: str
    settings: Recipe
    preparation: Preparation
    against: str = ""  # the row it is compared with; empty for a baseline
    validation: bool = False  # test on a part of the training half: for making choices
    seeds: int = 1  # how many: 0, 1, ...
    point: str = ""  # what is ambiguous
    paper: str = ""  # what the paper says of it
    about: str = ""  # how the runs of a baseline are made


@dataclass(frozen=True)
class Study:
    """Rows that belong together: one split, one table."""

    name: str
    title: str
    rows: Mapping[str, Row]  # in the order of the file
    split: str = "random"  # or "patients"
    tested: tuple[str, ...] = ()  # rows of a study between patients that --test tests on DS2
    works: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What others report: ``how``, ``address`` and ``scores``."""


def study_names() -> list[str]:
    """List the studies: the TOML files beside this module."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_study(name: str) -> Study:
    """Read a study; InputError if there is none of that name.

    >>> study = load_study("new_patients")
    >>> study.rows["focal"].settings.focal, study.rows["focal"].settings.epochs
    (2.0, 2)
    """
    if name not in study_names():
        raise InputError(f"There is no study {name!r}: use one of {', '.join(study_names())}.")
    content = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    recipes = dict(RECIPES)
    for key, changes in content.pop("recipes", {}).items():
        recipes[key] = replace(recipes[changes.pop("base")], **changes)
    lists, defaults = content.pop("features", {}), content.pop("defaults")
    rows = {}
    for key, values in content.pop("rows").items():
        prepared = defaults.get("preparation", {}) | values.get("preparation", {})
        if isinstance(features := prepared.get("features"), str):
            prepared["features"] = lists[features]
        row = {**defaults, **values, "preparation": Preparation.from_dict(prepared)}
        row["settings"] = replace(recipes[row["recipe"]], **values.get("settings", {}))
        rows[key] = Row(name=key, **row)
    content["tested"] = tuple(content.get("tested", ()))
    return Study(name=name, rows=rows, **content)
