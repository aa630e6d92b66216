"""Decision trees boosted on the features of beats, with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ecgkit.data.beats import Beats
from ecgkit.nn.trees import N_CLASSES, Trees


@dataclass(frozen=True)
class Boosting:
    """How trees are boosted.

    Parameters
    ----------
    rounds, leaves, depth : int
        Rounds, in each of which one tree per class is added; limits of a tree.
    learning_rate, features : float
        Factor of each tree's votes; share of the features that a node may choose from.
    class_weights : float
        A beat counts (1 / share of its class) to this power.
    most_of_n : int
        Beats of class N taken from each record, evenly spaced; they count for those left out.
    """

    rounds: int = 120
    leaves: int = 15
    depth: int = 6
    learning_rate: float = 0.08
    features: float = 0.5
    class_weights: float = 0.25
    most_of_n: int = 300


def fit_trees(beats: Beats, settings: Boosting = Boosting(), seed: int = 0) -> Trees:
    """Boost trees on the features of beats without class Q."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    chosen, counts = thin_out(beats, settings.most_of_n)
    beats = beats.select(chosen)
    share = np.bincount(beats.labels, counts, N_CLASSES) / counts.sum()
    with np.errstate(divide="ignore"):
        weights = counts * (share**-settings.class_weights)[beats.labels]
    boosted = HistGradientBoostingClassifier(
        max_iter=settings.rounds,
        max_leaf_nodes=settings.leaves,
        max_depth=settings.depth,
        learning_rate=settings.learning_rate,
        max_features=settings.features,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    ).fit(beats.features, beats.labels, sample_weight=weights)
    trees = [tree.nodes for of_round in boosted._predictors for tree in of_round]
    sizes = np.array([len(tree) for tree in trees])
    root = np.cumsum(sizes) - sizes  # (trees,)
    nodes = np.concatenate(trees)
    first, own = np.repeat(root, sizes), np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    columns = {
        "feature": np.where(leaf, 0, nodes["feature_idx"]),
        "left": np.where(leaf, own, first + nodes["left"]),
        "right": np.where(leaf, own, first + nodes["right"]),
        "root": root,
    }
    state = {name: torch.from_numpy(column.astype(np.int32)) for name, column in columns.items()}
    # rounded down to float32, a threshold sends the same float32 values left as before
    limits = nodes["num_threshold"]
    rounded = limits.astype(np.float32)
    down = np.nextafter(rounded, np.float32(-np.inf))
    state["threshold"] = torch.from_numpy(np.where(rounded > limits, down, rounded))
    state["value"] = torch.from_numpy(np.where(leaf, nodes["value"], 0).astype(np.float32))
    state["bias"] = torch.from_numpy(boosted._baseline_prediction.ravel().astype(np.float32))
    found = Trees(beats.features.shape[1], settings.depth)
    found.load_state_dict(state)
    return found.eval()


def thin_out(beats: Beats, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose all beats but N and at most ``most`` N of each record.

    Returns row numbers, and how many beats each of them stands for.
    """
    rows, counts = [], []
    for record in np.unique(beats.records):
        own = np.flatnonzero((beats.records == record) & (beats.labels == 0))
        kept = own[np.linspace(0, len(own) - 1, min(most, len(own))).astype(int)]
        rows.append(kept)
        counts.append(np.full(len(kept), len(own) / max(len(kept), 1)))
    other = np.flatnonzero(beats.labels != 0)
    chosen = np.concatenate([*rows, other])
    order = np.argsort(chosen)
    return chosen[order], np.concatenate([*counts, np.ones(len(other))])[order]
