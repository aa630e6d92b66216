"""TCN, ResNet, and the joint ResNet-TCN (paper, section III).

Every model takes beats of shape (b, 180) in mV and returns logits of shape (b, 4), N S V F. For
those of :data:`WITH_CONTEXT` k columns of :mod:`ecgkit.context` follow the samples: (b, 180 + k).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgkit import InputError, context
from ecgkit.heartbeats import AFTER, BEFORE
from ecgkit.layers import Inception, ResidualModule, SqueezeExcitation, TemporalBlock

N_CLASSES = 4
BEAT_LENGTH = BEFORE + AFTER


class TCN(nn.Module):
    """Temporal convolutional network whose last time step is the feature (paper, III-B, Fig. 3).

    Parameters
    ----------
    channels
        Kernels of each temporal block; block i has dilation 2**i.
    kernel_size
        Coefficients of each filter.
    dropout
        Share of activations dropped in training.
    squeeze
        What the squeeze-and-excitation gates are computed from: the ``"last"`` step itself, the
        mean over ``"time"``, or None for no gates.

    Examples
    --------
    >>> tcn = TCN()
    >>> tcn.receptive_field, tcn(torch.zeros(2, 180)).shape
    (181, torch.Size([2, 256]))
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128, 256),
        kernel_size: int = 7,
        dropout: float = 0.3,
        squeeze: Literal["last", "time"] | None = "last",
    ) -> None:
        """Make the temporal blocks; see the class."""
        super().__init__()
        pairs = zip((1, *channels), channels, strict=False)
        blocks = (
            TemporalBlock(c_in, c_out, kernel_size, 2**i, dropout)
            for i, (c_in, c_out) in enumerate(pairs)
        )
        self.blocks = nn.Sequential(*blocks)
        self.kernel_size = kernel_size
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2 ** len(channels) - 1)
        self.n_features = channels[-1]
        self.squeeze = squeeze
        self.se = SqueezeExcitation(self.n_features) if squeeze else None

    def sequence(self, x: Tensor) -> Tensor:
        """Compute the last block at every position: the plain definition.

        (b, 1, n) -> (b, c, n)
        """
        return self.blocks(x)

    def last_step(self, x: Tensor) -> Tensor:
        """Compute the last block at the last position alone, (b, 1, n) -> (b, c).

        The same function as ``sequence(x)[..., -1]``. What that one position reads is a cone: block
        i needs its input only at every 2**i-th position back from the end. On the sequence of just
        these the dilated filters are plain ones, so each block runs without dilation and hands on
        every second position: 181 -> 175 -> 85 -> 79 -> 37 -> 31 -> 13 -> 7 -> 1 samples.

        Below ``receptive_field - kernel_size + 1`` samples hidden layers are read before their
        first position, where they count as zero; there the plain definition is used.
        """
        n = x.shape[-1]
        if n < self.receptive_field - self.kernel_size + 1:
            return self.sequence(x)[..., -1]
        x = F.pad(x, (self.receptive_field - n, 0))  # crops what the last position cannot see
        *first, last = cast(list[TemporalBlock], list(self.blocks))
        for block in first:
            x = block.decimated(x, stride=2)
        return last.decimated(x, stride=1).squeeze(-1)

    def forward(self, beats: Tensor) -> Tensor:
        """Extract the features of beats, (b, n) -> (b, c)."""
        x = beats.unsqueeze(1)  # (b, 1, n)
        if self.se is None:
            return self.last_step(x)
        if self.squeeze == "last":
            last = self.last_step(x)
            return self.se(last, squeezed=last)
        sequence = self.sequence(x)  # (b, c, n)
        return self.se(sequence[..., -1], squeezed=sequence.mean(dim=-1))


class ResNet(nn.Module):
    """Residual network with an Inception stem and no global pooling (paper, III-C, Fig. 4).

    Three layers of two residual modules with 32, 48 and 64 kernels, the second and third entered
    with stride 2: 180 -> 90 -> 45 samples, flattened to 64 x 45 = 2880 features.

    Parameters
    ----------
    inception
        Begin with the Inception module; otherwise with a convolution of width 7.
    strides
        With which each of the three layers is entered.

    Examples
    --------
    >>> ResNet()(torch.zeros(2, 180)).shape
    torch.Size([2, 2880])
    """

    def __init__(self, inception: bool = True, strides: Sequence[int] = (1, 2, 2)) -> None:
        """Make the stem and the six residual modules; see the class."""
        super().__init__()
        plain = (nn.Conv1d(1, 32, 7, padding=3, bias=False), nn.BatchNorm1d(32), nn.ReLU())
        self.stem = Inception(1, 32) if inception else nn.Sequential(*plain)
        self.layers = nn.Sequential(
            *(ResidualModule(32, 32, strides[0]), ResidualModule(32, 32)),
            *(ResidualModule(32, 48, strides[1]), ResidualModule(48, 48)),
            *(ResidualModule(48, 64, strides[2]), ResidualModule(64, 64)),
        )
        self.n_features = 64 * math.ceil(BEAT_LENGTH / math.prod(strides))

    def forward(self, beats: Tensor) -> Tensor:
        """Extract the features of beats, (b, 180) -> (b, 2880)."""
        x = self.stem(beats.unsqueeze(1))  # (b, 32, 180)
        return self.layers(x).flatten(1)  # (b, 64, 45) -> (b, 2880)


class HeartbeatClassifier(nn.Module):
    """One or more feature extractors and the linear layer on what they find (paper, III-A, Fig. 2).

    Parameters
    ----------
    branches
        Name -> module that turns (b, 180) beats into (b, n_features).

    Examples
    --------
    >>> HeartbeatClassifier(resnet=ResNet(), tcn=TCN())(torch.zeros(2, 180)).shape
    torch.Size([2, 4])
    """

    def __init__(self, **branches: ResNet | TCN | Context) -> None:
        """Put the linear layer on the branches; see the class."""
        super().__init__()
        self.branches = nn.ModuleDict(branches)
        self.linear = nn.Linear(sum(b.n_features for b in branches.values()), N_CLASSES)

    def features(self, beats: Tensor) -> Tensor:
        """Concatenate the branches' features, (b, 180) -> (b, 3136) for the joint model."""
        return torch.cat([branch(beats) for branch in self.branches.values()], dim=1)

    def answers(self, features: Sequence[Tensor]) -> Tensor:
        """Let all branches answer together, and each alone: the others' votes count as zero.

        Features of each branch, (b, n_features) -> logits (1 + branches, b, 4), together first. A
        vote is a branch's part of the logits; all share the linear layer's bias.
        """
        widths = [found.shape[1] for found in features]
        parts = zip(features, self.linear.weight.split(widths, dim=1), strict=True)
        votes = torch.stack([F.linear(found, weight) for found, weight in parts])
        return torch.cat([votes.sum(dim=0, keepdim=True), votes]) + self.linear.bias

    def forward(self, beats: Tensor, each: bool = False) -> Tensor:
        """Classify beats, (b, 180) -> logits (b, 4); with ``each`` see :meth:`answers`."""
        if each:
            return self.answers([branch(beats) for branch in self.branches.values()])
        return self.linear(self.features(beats))


class Samples(nn.Module):
    """A branch that reads the samples of a beat, and not the columns behind them.

    Parameters
    ----------
    branch
        Turns (b, n) samples into (b, n_features).
    n_columns
        How many columns follow the samples.
    """

    def __init__(self, branch: ResNet | TCN, n_columns: int) -> None:
        """Wrap a branch; see the class."""
        super().__init__()
        self.branch, self.n_columns = branch, n_columns
        self.n_features = branch.n_features

    def samples(self, beats: Tensor) -> Tensor:
        """Take what the branch reads, (b, n + k) -> (b, n)."""
        return beats[:, : -self.n_columns]

    def forward(self, beats: Tensor) -> Tensor:
        """Extract the branch's features, (b, n + k) -> (b, c)."""
        return self.branch(self.samples(beats))


class Context(nn.Module):
    """Features of the columns behind a beat's samples: RR intervals, and shape beside its past.

    Two small layers; batch norm brings the columns to one scale.

    Parameters
    ----------
    n_columns
        How many of :data:`ecgkit.context.COLUMNS` there are, the first ones.

    Examples
    --------
    >>> Context(6)(torch.zeros(2, 180 + 6)).shape
    torch.Size([2, 64])
    """

    def __init__(self, n_columns: int) -> None:
        """Make the layers; see the class."""
        super().__init__()
        self.n_columns, self.n_features = n_columns, 64
        self.norm = nn.BatchNorm1d(n_columns)
        self.layers = nn.Sequential(
            nn.Linear(n_columns, 64), nn.ReLU(), nn.Linear(64, self.n_features), nn.ReLU()
        )

    def forward(self, beats: Tensor) -> Tensor:
        """Extract features of the columns, (b, n + k) -> (b, 64)."""
        return self.layers(self.norm(beats[:, -self.n_columns :]))


def n_columns(network: nn.Module) -> int:
    """How many columns behind the samples a network reads: 0 for those of the paper.

    Examples
    --------
    >>> n_columns(build("resnet-tcn")), n_columns(build("resnet-tcn-rr"))
    (0, 6)
    """
    return sum(part.n_columns for part in network.modules() if isinstance(part, Context))


def _with_context(n_columns: int, **branches: ResNet | TCN) -> HeartbeatClassifier:
    """Branches that read the samples, and one more for what stands behind these."""
    of_samples: dict[str, Any] = {
        name: Samples(branch, n_columns) for name, branch in branches.items()
    }
    return HeartbeatClassifier(**of_samples, context=Context(n_columns))


MODELS: dict[str, Callable[[], HeartbeatClassifier]] = {
    "resnet-tcn": lambda: HeartbeatClassifier(resnet=ResNet(), tcn=TCN()),
    "tcn": lambda: HeartbeatClassifier(tcn=TCN()),
    "resnet": lambda: HeartbeatClassifier(resnet=ResNet()),
    "tcn-no-se": lambda: HeartbeatClassifier(tcn=TCN(squeeze=None)),
    "resnet-no-inception": lambda: HeartbeatClassifier(resnet=ResNet(inception=False)),
}
"""The joint model and the four others of the paper's ablation (Table II, Fig. 5)."""

OTHER_READINGS: dict[str, Callable[[], HeartbeatClassifier]] = {
    "tcn-squeeze-time": lambda: HeartbeatClassifier(tcn=TCN(squeeze="time")),
    "resnet-tcn-early-stride": lambda: HeartbeatClassifier(
        resnet=ResNet(strides=(2, 2, 2)), tcn=TCN()
    ),
}
"""What the paper's words would allow as well; see :mod:`ecgkit.variations`."""


WITH_CONTEXT: dict[str, Callable[[], HeartbeatClassifier]] = {
    "resnet-tcn-rr": lambda: _with_context(context.N_RR, resnet=ResNet(), tcn=TCN()),
    "resnet-tcn-own": lambda: _with_context(len(context.COLUMNS), resnet=ResNet(), tcn=TCN()),
    "tcn-own": lambda: _with_context(len(context.COLUMNS), tcn=TCN()),
    "resnet-own": lambda: _with_context(len(context.COLUMNS), resnet=ResNet()),
    "columns": lambda: _with_context(len(context.COLUMNS)),
}
"""The joint model and a third branch: of RR intervals, or of all columns; then less and less of the
joint model beside all columns, and at last the columns alone."""


def build(name: str) -> HeartbeatClassifier:
    """Make an untrained model; ``torch.manual_seed`` beforehand decides its first weights.

    Parameters
    ----------
    name
        A key of :data:`MODELS`, :data:`OTHER_READINGS` or :data:`WITH_CONTEXT`.

    Raises
    ------
    InputError
        If there is no model of that name.
    """
    known = {**MODELS, **OTHER_READINGS, **WITH_CONTEXT}
    if name not in known:
        raise InputError(f"There is no model {name!r}: use one of {', '.join(known)}.")
    return known[name]()
