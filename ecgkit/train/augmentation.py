"""Crop-and-resize: more beats of the rare classes (paper, section IV-A).

All is drawn anew in each epoch, by generators on the device that holds the beats.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def crop_and_resize(beats: Tensor, start: Tensor, length: Tensor) -> Tensor:
    """Cut a part out of each beat, (b, n), and stretch it to n samples (paper, section IV-A).

    ``start`` and ``length``, (b,), are the first sample and the number of samples kept, at least 2;
    ``start + length <= n``. The first and last samples kept are the first and last of the result.

    >>> beat = torch.tensor([[0.0, 1.0, 2.0, 3.0, 4.0]])
    >>> crop_and_resize(beat, torch.tensor([1]), torch.tensor([3])).tolist()
    [[1.0, 1.5, 2.0, 2.5, 3.0]]
    """
    n = beats.shape[1]
    j = torch.arange(n, device=beats.device, dtype=beats.dtype)
    inside = j * (length[:, None] - 1) / (n - 1)  # (b, n), exactly length - 1 in the last column
    position = start[:, None] + inside
    left = position.floor().long().clamp(max=n - 2)
    return torch.lerp(beats.gather(1, left), beats.gather(1, left + 1), position - left)


def random_crops(beats: Tensor, generator: torch.Generator, shortest: float = 0.75) -> Tensor:
    """Crop each beat, (b, n), at a random place to a length from ``shortest`` times n up to n."""
    b, n = beats.shape
    place = beats.device
    length = torch.randint(round(shortest * n), n + 1, (b,), device=place, generator=generator)
    start = torch.rand(b, device=place, generator=generator) * (n - length + 1)
    return crop_and_resize(beats, start.long(), length)


def disturb(beats: Tensor, generator: torch.Generator, gain: float, noise_mv: float) -> Tensor:
    """Change each beat as electrodes, muscles and breathing would: amplitude, noise, drift.

    Beats have shape (b, n), in mV, half a second each. The logarithm of a beat's factor has the
    standard deviation ``gain``. Noise below 90 Hz, and again a sine of 0.3 to 1.5 Hz, has the root
    mean square ``noise_mv`` over many beats: each draws its own share of both.
    """
    b, n = beats.shape
    how: dict[str, Any] = {"device": beats.device, "generator": generator}
    factor = torch.exp(gain * torch.randn(b, 1, **how))
    of_noise, of_drift = noise_mv * torch.randn(2, b, 1, **how)
    white = torch.randn(b, n + 3, **how)
    noise = 2 * F.avg_pool1d(white, 4, stride=1)  # (b, n), of variance 1 again, none at 90 Hz
    turns, phase = 0.15 + 0.6 * torch.rand(b, 1, **how), torch.rand(b, 1, **how)
    along = torch.arange(n, device=beats.device) / n
    drift = math.sqrt(2) * torch.sin(2 * math.pi * (turns * along + phase))
    return factor * beats + of_noise * noise + of_drift * drift


def target_counts(counts: Tensor, balance: float = 1.0) -> Tensor:
    """How many beats of each class an epoch holds, given those in the training half.

    A ``balance`` of 1 raises every class to the most frequent one (the paper), 0 leaves them as
    they are, 0.5 takes the geometric mean of the two.

    >>> [target_counts(torch.tensor([100, 25]), balance).tolist() for balance in (1.0, 0.5)]
    [[100, 100], [100, 50]]
    """
    most = counts.max().double()
    return (most**balance * counts.double() ** (1 - balance)).round().long()


def epoch_order(
    labels: Tensor, generator: torch.Generator, balance: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Draw one epoch: every beat once, and copies of the rare classes, in random order.

    The labels, shape (n,), are from 0 (N) to 3 (F); for ``balance`` see :func:`target_counts`.
    Returns which beats and whether each is a copy, to be cropped: int64 and bool, shape (draws,).
    """
    counts = torch.bincount(labels)
    place = labels.device
    rows = [torch.arange(len(labels), device=place)]
    for c, missing in enumerate((target_counts(counts, balance) - counts).tolist()):
        members = torch.nonzero(labels == c).flatten()
        drawn = torch.randint(len(members), (missing,), device=place, generator=generator)
        rows.append(members[drawn])
    order = torch.randperm(sum(map(len, rows)), device=place, generator=generator)
    return torch.cat(rows)[order], order >= len(labels)
