"""TCN, ResNet, and the joint ResNet-TCN (paper, section III).

A network takes beats of shape (b, 180) in mV and, where it has a feature branch, the features of
:mod:`ecgkit.data.features` of shape (b, k). It returns logits of shape (b, 4): N, S, V, F.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgkit import InputError
from ecgkit.data.preparation import BEAT_LENGTH
from ecgkit.nn.layers import Inception, ResidualModule, SqueezeExcitation, TemporalBlock
from ecgkit.nn.trees import N_CLASSES, Mixture, Trees


class TCN(nn.Module):
    """Temporal convolutional network whose last time step is the feature (paper, III-B, Fig. 3).

    Temporal block i has ``channels[i]`` kernels of ``kernel_size`` coefficients and dilation 2**i.
    ``squeeze`` is what the gates are computed from: the last step, or the mean over ``"time"``.

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
        super().__init__()
        self.blocks = nn.Sequential()
        for i, (c_in, c_out) in enumerate(pairwise((1, *channels))):
            self.blocks.append(TemporalBlock(c_in, c_out, kernel_size, 2**i, dropout))
        self.kernel_size = kernel_size
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2 ** len(channels) - 1)
        self.n_features = channels[-1]
        self.squeeze = squeeze
        self.se = SqueezeExcitation(self.n_features) if squeeze else None

    def sequence(self, x: Tensor) -> Tensor:
        """Compute the last block at every position, by definition: (b, 1, n) -> (b, c, n)."""
        return self.blocks(x)

    def extra_repr(self) -> str:
        return f"squeeze={self.squeeze}"

    def last_step(self, x: Tensor) -> Tensor:
        """Compute ``sequence(x)[..., -1]``, and nothing that it does not need: (b, 1, n) -> (b, c).

        Block i needs its input only at every 2**i-th position back from the end. On these alone
        the filters are plain ones: 181 -> 175 -> 85 -> ... -> 7 -> 1 samples. Shorter inputs are
        read before their first position, as zeros: there the definition is used.
        """
        n = x.shape[-1]
        if n < self.receptive_field - self.kernel_size + 1:
            return self.sequence(x)[..., -1]
        x = F.pad(x, (self.receptive_field - n, 0))  # crops what the last position cannot see
        *first, last = cast(list[TemporalBlock], list(self.blocks))
        for block in first:
            x = block.decimated(x, stride=2)
        return last.decimated(x, stride=1).squeeze(-1)

    def forward(self, beats: Tensor) -> Tensor:  # (b, n) -> (b, c)
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
    with stride 2: 180 -> 90 -> 45 samples, flattened to 64 x 45 = 2880 features. Without
    ``inception`` the stem is a convolution of width 7.

    >>> ResNet()(torch.zeros(2, 180)).shape
    torch.Size([2, 2880])
    """

    def __init__(self, inception: bool = True, strides: Sequence[int] = (1, 2, 2)) -> None:
        super().__init__()
        plain = (nn.Conv1d(1, 32, 7, padding=3, bias=False), nn.BatchNorm1d(32), nn.ReLU())
        self.stem = Inception(1, 32) if inception else nn.Sequential(*plain)
        self.layers = nn.Sequential()
        for (c_in, c_out), stride in zip(pairwise((32, 32, 48, 64)), strides, strict=True):
            self.layers.extend([ResidualModule(c_in, c_out, stride), ResidualModule(c_out, c_out)])
        self.n_features = 64 * math.ceil(BEAT_LENGTH / math.prod(strides))

    def forward(self, beats: Tensor) -> Tensor:  # (b, 180) -> (b, 2880)
        x = self.stem(beats.unsqueeze(1))  # (b, 32, 180)
        return self.layers(x).flatten(1)  # (b, 64, 45) -> (b, 2880)


class FeatureBranch(nn.Sequential):
    """Two linear layers on the features of a beat, (b, k) -> (b, 64)."""

    def __init__(self, n_inputs: int) -> None:
        first, second = nn.Linear(n_inputs, 64), nn.Linear(64, 64)
        super().__init__(nn.BatchNorm1d(n_inputs), first, nn.ReLU(), second, nn.ReLU())
        self.n_features = 64

    def forward(self, features: Tensor) -> Tensor:  # (b, k) -> (b, 64)
        self[0].train(self.training and len(features) > 1)  # one beat alone has no variance
        return super().forward(features)


class ResNetTCN(nn.Module):
    """The joint model: branches side by side and a linear layer on both (paper, III-A, Fig. 2).

    Each branch turns beats (b, 180) into (b, its ``n_features``), and None leaves it out. A third
    one reads ``n_features`` beside the samples.

    >>> ResNetTCN(ResNet(), TCN())(torch.zeros(2, 180)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self, resnet: nn.Module | None = None, tcn: nn.Module | None = None, n_features: int = 0
    ) -> None:
        super().__init__()
        branches = {"resnet": resnet, "tcn": tcn}
        branches["features"] = FeatureBranch(n_features) if n_features else None
        self.branches = nn.ModuleDict({name: b for name, b in branches.items() if b is not None})
        self.n_features = n_features
        widths = [cast(int, branch.n_features) for branch in self.branches.values()]
        self.linear = nn.Linear(sum(widths), N_CLASSES)

    def branch_outputs(self, signals: Tensor, features: Tensor | None = None) -> list[Tensor]:
        """Output of each branch, (b, n_features) each."""
        if bool(self.n_features) != (features is not None):
            needed = "signals and features" if self.n_features else "signals alone"
            raise InputError(f"This network reads {needed}: call it with just these.")
        inputs = {"resnet": signals, "tcn": signals, "features": features}
        return [branch(inputs[name]) for name, branch in self.branches.items()]

    def forward(
        self, signals: Tensor, features: Tensor | None = None, each: bool = False
    ) -> Tensor:
        """Classify beats, (b, 180) -> logits (b, 4).

        With ``each``, logits (1 + branches, b, 4): of all branches together, then of each branch
        alone, the others' part of the logits being zero and the bias shared.
        """
        outputs = self.branch_outputs(signals, features)
        if not each:
            return self.linear(torch.cat(outputs, dim=1))
        weights = self.linear.weight.split([found.shape[1] for found in outputs], dim=1)
        parts = [F.linear(found, weight) for found, weight in zip(outputs, weights, strict=True)]
        votes = torch.stack(parts)  # (branches, b, 4)
        return torch.cat([votes.sum(dim=0, keepdim=True), votes]) + self.linear.bias


MODELS: dict[str, Callable[[int], nn.Module]] = {
    "resnet-tcn": lambda k: ResNetTCN(ResNet(), TCN(), k),
    "tcn": lambda k: ResNetTCN(None, TCN(), k),
    "resnet": lambda k: ResNetTCN(ResNet(), None, k),
    "tcn-no-se": lambda k: ResNetTCN(None, TCN(squeeze=None), k),
    "resnet-no-inception": lambda k: ResNetTCN(ResNet(inception=False), None, k),
    "tcn-squeeze-time": lambda k: ResNetTCN(None, TCN(squeeze="time"), k),
    "resnet-tcn-early-stride": lambda k: ResNetTCN(ResNet(strides=(2, 2, 2)), TCN(), k),
    "features": lambda k: ResNetTCN(None, None, k),
}
"""Five of the paper, two other interpretations of it, and a network of the features alone."""

PAPER_MODELS = tuple(MODELS)[:5]  # the joint model and the ablation (Table II, Fig. 5)


def build(name: str, n_features: int = 0) -> nn.Module:
    """Make a network, untrained, that reads ``n_features`` beside the samples.

    The name is a key of :data:`MODELS`, or ``"strangers"``: ``"resnet"`` and trees, averaged.
    """
    if name not in (*MODELS, "strangers"):
        raise InputError(f"There is no model {name!r}: use one of {', '.join(MODELS)}.")
    if name in ("features", "strangers") and not n_features:
        raise InputError(f"The model {name!r} reads features: prepare beats with features.")
    if name == "strangers":
        return Mixture(build("resnet", n_features), Trees(n_features))
    return MODELS[name](n_features)
