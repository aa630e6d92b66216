"""Crop-and-resize: more beats of the rare classes (paper, section IV-A).

A random part of a beat is cut out and stretched back to full length by linear interpolation.
Everything happens on the device that holds the beats, and is drawn anew in each epoch.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ecgkit import InputError
from ecgkit.data import aami


def crop_and_resize(beats: Tensor, start: Tensor, length: Tensor) -> Tensor:
    """Cut a part out of each beat and stretch it to the beat's length (paper, section IV-A).

    Parameters
    ----------
    beats : Tensor of float, shape (b, n)
    start, length : Tensor of int, shape (b,)
        First sample and number of samples kept, at least 2; ``start + length <= n``.

    Returns
    -------
    crops : Tensor of float, shape (b, n)
        The first and last columns are the first and last samples kept.

    Examples
    --------
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
    """Crop each beat at a random place to a random length and stretch it back.

    Parameters
    ----------
    beats : Tensor of float, shape (b, n)
    generator : torch.Generator, on the beats' device
    shortest : float
        Length of the shortest crop as a share of n; lengths are uniform from there to n.
    """
    b, n = beats.shape
    place = beats.device
    length = torch.randint(round(shortest * n), n + 1, (b,), device=place, generator=generator)
    start = torch.rand(b, device=place, generator=generator) * (n - length + 1)
    return crop_and_resize(beats, start.long(), length)


def disturb(beats: Tensor, generator: torch.Generator, gain: float, noise_mv: float) -> Tensor:
    """Change each beat as electrodes, muscles and breathing would: amplitude, noise, drift.

    Parameters
    ----------
    beats : Tensor of float, shape (b, n), in mV, half a second each
    generator : torch.Generator, on the beats' device
    gain : float
        Standard deviation of the logarithm of the factor that a beat is multiplied by.
    noise_mv : float
        Root mean square, over many beats, of noise below 90 Hz, and again of a sine of 0.3 to
        1.5 Hz: what denoising lets pass. Each beat draws its own share of both.
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
    """How many beats of each class an epoch holds.

    Parameters
    ----------
    counts : Tensor of int, shape (classes,)
        Beats of each class in the training half.
    balance : float
        1 raises every class to the most frequent one (the paper), 0 leaves them as they are, 0.5
        takes the geometric mean of the two.

    Examples
    --------
    >>> target_counts(torch.tensor([100, 25]), 1.0).tolist()
    [100, 100]
    >>> target_counts(torch.tensor([100, 25]), 0.5).tolist()
    [100, 50]
    """
    most = counts.max().double()
    return (most**balance * counts.double() ** (1 - balance)).round().long()


def epoch_order(
    labels: Tensor, generator: torch.Generator, balance: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Draw one epoch: every beat once, and copies of the rare classes, in random order.

    Parameters
    ----------
    labels : Tensor of int, shape (n,)
        Class of each training beat, 0 N, 1 S, 2 V, 3 F.
    generator : torch.Generator, on the labels' device
    balance : float, see :func:`target_counts`

    Returns
    -------
    rows, is_copy : Tensor of int64 and of bool, shape (draws,)
        Which beats, and whether each is a copy, to be cropped.

    Raises
    ------
    InputError
        If a class below the highest one present has no beat, so that nothing can be copied.
    """
    counts = torch.bincount(labels)
    if (counts == 0).any():
        empty = [aami.CLASSES[c] for c in torch.nonzero(counts == 0).flatten().tolist()]
        raise InputError(
            f"The training half has no beat of class {', '.join(empty)}: it cannot be balanced. "
            "Take more records, or a split that has beats of every class."
        )
    extra = target_counts(counts, balance) - counts
    place = labels.device
    rows = [torch.arange(len(labels), device=place)]
    for c, missing in enumerate(extra.tolist()):
        members = torch.nonzero(labels == c).flatten()
        drawn = torch.randint(len(members), (missing,), device=place, generator=generator)
        rows.append(members[drawn])
    order = torch.randperm(sum(map(len, rows)), device=place, generator=generator)
    return torch.cat(rows)[order], order >= len(labels)
