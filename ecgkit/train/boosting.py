"""Decision trees boosted on the features of beats, with scikit-learn."""

import numpy as np
import torch
from numpy.typing import NDArray

from ecgkit.data.beats import Beats
from ecgkit.nn.trees import N_CLASSES, Trees

MOST_OF_N = 300
"""Beats of class N taken from each record, evenly spaced; they count for those left out."""


def fit_trees(beats: Beats, most_of_n: int = MOST_OF_N, rounds: int = 120, seed: int = 0) -> Trees:
    """Boost one tree per class and round on the features of beats without class Q.

    A beat counts (1 / share of its class) to the power 0.25.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    chosen, counts = thin_out(beats, most_of_n)
    beats, depth = beats.select(chosen), 6
    share = np.bincount(beats.labels, counts, N_CLASSES) / counts.sum()
    weights = counts * share[beats.labels] ** -0.25
    boosted = HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=15,
        max_depth=depth,
        learning_rate=0.08,
        max_features=0.5,
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
    limits, rounded = nodes["num_threshold"], nodes["num_threshold"].astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    state["threshold"] = torch.from_numpy(np.where(rounded > limits, below, rounded))
    state["value"] = torch.from_numpy(np.where(leaf, nodes["value"], 0).astype(np.float32))
    state["bias"] = torch.from_numpy(boosted._baseline_prediction.ravel().astype(np.float32))
    found = Trees(beats.features.shape[1], depth)
    found.load_state_dict(state)
    return found.eval()


def thin_out(beats: Beats, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose all beats but N and at most ``most`` N of each record.

    Returns row numbers, and how many beats each of them stands for.
    """
    chosen, counts = beats.labels != 0, np.ones(len(beats))
    for record in np.unique(beats.records):
        own = np.flatnonzero((beats.records == record) & (beats.labels == 0))
        kept = own[np.linspace(0, len(own) - 1, min(most, len(own))).astype(int)]
        chosen[kept], counts[kept] = True, len(own) / max(len(kept), 1)
    return np.flatnonzero(chosen), counts[chosen]
