"""What a study trains, read from its TOML file."""

from __future__ import annotations

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
    """One kind of training run, made with several seeds.

    Attributes
    ----------
    name, change : str
        Name, and what is done in this row, for tables.
    model, recipe : str
        Names of the network and of the recipe that the settings start from: one of the library's,
        or of the file's ``[recipes]``.
    settings, preparation : Recipe, Preparation
        In TOML what differs from that recipe and from the default alone; ``features`` may name a
        list of the file's ``[features]``.
    against : str
        Row it is compared with; empty for a baseline.
    validation : bool
        Test on a part of the training half instead of the test half: for making choices.
    seeds : int
        How many: 0, 1, ...
    point, paper, about : str
        What is ambiguous; what the paper says of it; how the runs of a baseline are made.
    """

    name: str
    change: str
    model: str
    recipe: str
    settings: Recipe
    preparation: Preparation
    against: str = ""
    validation: bool = False
    seeds: int = 1
    point: str = ""
    paper: str = ""
    about: str = ""


@dataclass(frozen=True)
class Study:
    """Rows that belong together: one split, one table.

    Attributes
    ----------
    name, title : str
        Name of the TOML file, and heading.
    rows : dict of str to Row
        In the order of the file.
    split : {"random", "patients"}
        How training and test half are made.
    tested : tuple of str
        Rows of a study between patients that are tested on DS2 when it is asked for.
    works : dict of str to dict
        What others report: ``how``, ``address`` and ``scores``.
    """

    name: str
    title: str
    rows: Mapping[str, Row]
    split: str = "random"
    tested: tuple[str, ...] = ()
    works: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def study_names() -> list[str]:
    """List the studies: the TOML files beside this module."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_study(name: str) -> Study:
    """Read a study.

    Raises
    ------
    InputError
        If there is no study of that name.

    Examples
    --------
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
    rows = {
        key: _row(key, defaults, values, recipes, lists)
        for key, values in content.pop("rows").items()
    }
    content["tested"] = tuple(content.get("tested", ()))
    return Study(name=name, rows=rows, **content)


def _row(
    name: str,
    defaults: dict[str, Any],
    values: dict[str, Any],
    recipes: Mapping[str, Recipe],
    lists: Mapping[str, list[str]],
) -> Row:
    """Make a row of its table, the defaults and what both name."""
    prepared = {**defaults.get("preparation", {}), **values.get("preparation", {})}
    if isinstance(features := prepared.get("features"), str):
        prepared["features"] = lists[features]
    row = {**defaults, **values, "preparation": Preparation.from_dict(prepared)}
    row["settings"] = replace(recipes[row["recipe"]], **values.get("settings", {}))
    return Row(name=name, **row)
