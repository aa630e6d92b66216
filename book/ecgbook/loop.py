"""The training loop that page 05 builds: what later pages train their own networks with."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def train(
    network: nn.Module,
    signals: Tensor,
    labels: Tensor,
    epochs: int,
    *,
    batch: int = 64,
    rate: float = 1e-3,
    seed: int = 0,
) -> list[float]:
    """Train a network in place; return the mean loss of each epoch.

    ``signals`` has shape (n, 180) and ``labels`` (n,). The optimizer is Adam with the step size
    ``rate``, and ``seed`` decides the order of the beats.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(epochs):
        network.train()
        total = 0.0
        for chosen in torch.randperm(len(labels), generator=generator).split(batch):
            loss = F.cross_entropy(network(signals[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        losses.append(total / len(labels))
    network.eval()
    return losses
