"""Gradient-boosted decision trees as a network: arrays of nodes that every beat walks through."""

from typing import Any

import torch
from torch import Tensor, nn

N_CLASSES = 4


class Trees(nn.Module):
    """Decision trees on the features of a beat, (b, k) -> logits (b, 4).

    All nodes of all trees stand one behind the other. Node i sends a beat to node ``left[i]`` if
    its feature number ``feature[i]`` is at most ``threshold[i]``, else to ``right[i]``; a leaf
    sends it to itself. After ``depth`` steps the ``value`` of the leaves reached are added up: tree
    t begins at node ``root[t]`` and votes for class t modulo 4.

    Parameters
    ----------
    n_features : int
        Columns that the trees read. The samples of a beat do not count.
    """

    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor
    root: Tensor
    bias: Tensor

    def __init__(self, n_features: int, depth: int = 6) -> None:
        super().__init__()
        self.n_features, self.depth = n_features, depth
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.zeros(1, dtype=torch.int32))
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(1))
        self.register_buffer("root", torch.zeros(N_CLASSES, dtype=torch.int32))
        self.register_buffer("bias", torch.zeros(N_CLASSES))

    def forward(self, signals: Tensor | None, features: Tensor) -> Tensor:
        left, right, feature = self.left.long(), self.right.long(), self.feature.long()
        node = self.root.long().expand(features.shape[0], -1)  # (b, trees)
        for _ in range(self.depth):
            x = features.gather(1, feature[node])
            node = torch.where(x <= self.threshold[node], left[node], right[node])
        votes = self.value[node].unflatten(1, (-1, N_CLASSES))  # (b, rounds, 4)
        return votes.sum(dim=1) + self.bias

    def _load_from_state_dict(self, state: Any, prefix: str, *rest: Any) -> None:
        for name in dict(self.named_buffers()):  # as many nodes and trees as the file has
            if (found := state.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(found))
        super()._load_from_state_dict(state, prefix, *rest)
        n, errors = len(self.value), rest[-1]
        nodes = (self.feature, self.threshold, self.left, self.right, self.value)
        limits = {"feature": self.n_features, "left": n, "right": n, "root": n}
        bounds = [(getattr(self, name), limit) for name, limit in limits.items()]
        inside = all(bool(((x >= 0) & (x < limit)).all()) for x, limit in bounds)
        if {x.shape for x in nodes} != {(n,)} or len(self.root) % N_CLASSES or not inside:
            errors.append(f"{prefix}: a tree leads to nodes or features that are not there")


class Mixture(nn.Module):
    """The mean of a network's probabilities and those of trees on the same features.

    Called like a network, it returns the logarithm of the mean over ``temperature``, so that its
    softmax has the mean's order and, with a temperature of 1, is the mean.
    """

    temperature: Tensor

    def __init__(self, network: nn.Module, trees: Trees) -> None:
        super().__init__()
        self.network, self.trees = network, trees
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, signals: Tensor, features: Tensor) -> Tensor:
        logits = (self.network(signals, features), self.trees(signals, features))
        mean = (logits[0].softmax(dim=1) + logits[1].softmax(dim=1)) / 2
        return mean.clamp_min(1e-9).log() / self.temperature
