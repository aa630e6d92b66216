"""The networks of :mod:`ecgkit.models`, rearranged for a CPU: same weights, same function, faster.

:mod:`ecgkit.layers` and :mod:`ecgkit.models` are the definition, and what the book shows. Training
and classifying run through :class:`Fast`, which on a CPU computes the same numbers another way:

* Channels last. Tensors are (b, c, 1, n) with the c channels of a sample side by side in memory,
  the order the CPU's convolutions work in: nothing is turned round between layers. Between layers
  it is written over what nobody needs again.
* The four kernels of the Inception stem are one convolution, and a convolution that covers its
  input whole is a matrix product.
* Dropout compares 16 random bits with its rate (0.3 becomes 19,661/65,536), four activations to
  one random number, where torch draws one for each.
* Out of training batch norm is part of the convolution before it: a factor and a shift.

What each of these gains is on page 08; :mod:`ecgkit.bench` measures it.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgkit.layers import Inception, ResidualModule, TemporalBlock
from ecgkit.models import TCN, HeartbeatClassifier, ResNet, Samples


class Fast(nn.Module):
    """A network that computes what another defines, faster where that is known how.

    That is on a CPU, for the models of :mod:`ecgkit.models`. Anywhere else, for a module of another
    kind (a subclass too), and where a forward hook watches, it calls the network itself.

    Parameters
    ----------
    network
        Turns (b, 180) beats into (b, 4) logits. Its weights and its state (training or not) are
        used where they are; nothing is copied.

    Examples
    --------
    >>> network = HeartbeatClassifier(resnet=ResNet(), tcn=TCN()).eval()
    >>> beats = torch.randn(2, 180)
    >>> torch.allclose(Fast(network)(beats), network(beats), atol=1e-5)
    True
    """

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network; see the class."""
        super().__init__()
        self.network = network

    def forward(self, beats: Tensor, each: bool = False) -> Tensor:
        """Classify beats, (b, 180) -> logits (b, 4); for ``each`` see the network's own."""
        network = self.network
        if beats.device.type != "cpu" or not _is_plain(network):
            return network(beats, each) if each else network(beats)
        network = cast(HeartbeatClassifier, network)
        features = [_features(branch, beats) for branch in network.branches.values()]
        return network.answers(features) if each else network.linear(torch.cat(features, dim=1))


def _is_plain(network: nn.Module) -> bool:
    """Whether a network is one of :mod:`ecgkit.models`, and nobody watches its layers at work."""
    hooks = (module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    return type(network) is HeartbeatClassifier and not any(hooks)


def _features(branch: nn.Module, beats: Tensor) -> Tensor:
    """Extract the features of beats with one branch, (b, n) -> (b, c)."""
    if type(branch) is Samples:
        return _features(branch.branch, branch.samples(beats))
    if type(branch) is TCN and _cone_is_known(branch, beats.shape[1]):
        return _tcn(branch, beats)
    if type(branch) is ResNet and all(type(layer) is ResidualModule for layer in branch.layers):
        return _resnet(branch, beats)
    return branch(beats)


def _cone_is_known(tcn: TCN, n: int) -> bool:
    """Whether the last step alone of a TCN's plain blocks, on n samples, is all that is asked."""
    long_enough = n >= tcn.receptive_field - tcn.kernel_size + 1
    plain = all(type(block) is TemporalBlock for block in tcn.blocks)
    return long_enough and plain and tcn.squeeze != "time"


def _tcn(tcn: TCN, beats: Tensor) -> Tensor:
    """Compute :meth:`TCN.forward` with the cone of :meth:`TCN.last_step`."""
    x = _channels_last(F.pad(beats, (tcn.receptive_field - beats.shape[1], 0)))
    *first, last = cast(list[TemporalBlock], list(tcn.blocks))
    for block in first:
        x = _temporal_block(block, x, stride=2)
    x = _temporal_block(last, x, stride=1).flatten(1)  # (b, c)
    return x if tcn.se is None else tcn.se(x, squeezed=x)


def _temporal_block(block: TemporalBlock, x: Tensor, stride: int) -> Tensor:
    """Compute :meth:`TemporalBlock.decimated`."""
    conv1, conv2, rate = block.conv1.conv, block.conv2.conv, block.dropout.p * block.training
    h = _relu_and_dropout(_convolve(x, conv1.weight, conv1.bias), rate)
    h = _relu_and_dropout(_convolve(h, conv2.weight, conv2.bias, stride), rate)
    edge = x[..., block.reach :: stride]
    if isinstance(block.edge, nn.Conv1d):
        edge = edge.contiguous(memory_format=torch.channels_last)
        return _convolve(edge, block.edge.weight, block.edge.bias).add_(h).relu_()
    return (h + edge).relu_()


def _resnet(resnet: ResNet, beats: Tensor) -> Tensor:
    """Compute :meth:`ResNet.forward`."""
    if type(resnet.stem) is Inception:
        x = _inception(resnet.stem, beats)
    else:
        x = resnet.stem(beats.unsqueeze(1)).unsqueeze(2)
        x = x.contiguous(memory_format=torch.channels_last)
    for layer in cast(list[ResidualModule], list(resnet.layers)):
        h = _convolve_and_normalize(x, layer.conv1, layer.norm1).relu_()
        h = _convolve_and_normalize(h, layer.conv2, layer.norm2)
        if isinstance(layer.edge, nn.Sequential):
            x = _convolve_and_normalize(x, *layer.edge)
        x = h.add_(x).relu_()
    return x.flatten(1)


def _inception(stem: Inception, beats: Tensor) -> Tensor:
    """Compute :meth:`Inception.forward` as one convolution of beats and pooled beats."""
    pooled = stem.pool(beats.unsqueeze(1)).squeeze(1)
    x = torch.stack([beats, pooled], dim=2)  # (b, n, 2)
    x = x.transpose(1, 2).unsqueeze(2)  # (b, 2, 1, n), channels last
    convs = (stem.conv1, stem.conv3, stem.conv5)
    of_beats = torch.cat([F.pad(c.weight, _to_width_5(c)) for c in convs])
    of_pooled = F.pad(stem.conv_pool.weight, _to_width_5(stem.conv_pool))
    weight = torch.cat(  # each kernel reads one of the two channels; the other's weights are zero
        [F.pad(of_beats, (0, 0, 0, 1)), F.pad(of_pooled, (0, 0, 1, 0))]
    )
    bias = torch.cat([cast(Tensor, c.bias) for c in (*convs, stem.conv_pool)])
    return _normalize(_convolve(x, weight, bias, padding=2), stem.norm).relu_()


def _to_width_5(conv: nn.Conv1d) -> tuple[int, int]:
    """Zeros before and after a kernel of odd width that make it 5 wide."""
    return ((5 - conv.kernel_size[0]) // 2,) * 2


def _channels_last(beats: Tensor) -> Tensor:
    """View beats (b, n) as (b, 1, 1, n) whose strides say that channels come last.

    With one channel any order of strides fits, and torch would take the other one.
    """
    b, n = beats.shape
    return beats.contiguous().as_strided((b, 1, 1, n), (n, 1, n, 1))


def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1, padding: int = 0
) -> Tensor:
    """Convolve along n: (b, c_in, 1, n) with (c_out, c_in, k) -> (b, c_out, 1, m)."""
    if x.shape[-1] == weight.shape[-1] and not padding:
        return F.linear(x.flatten(1), weight.flatten(1), bias)[..., None, None]
    return F.conv2d(x, weight.unsqueeze(2), bias, (1, stride), (0, padding))


def _convolve_and_normalize(x: Tensor, conv: nn.Module, norm: nn.Module) -> Tensor:
    """Convolve, then batch norm; out of training both at once."""
    conv, norm = cast(nn.Conv1d, conv), cast(nn.BatchNorm1d, norm)
    how = {"stride": conv.stride[0], "padding": cast(int, conv.padding[0])}
    if norm.training:
        return _normalize(_convolve(x, conv.weight, None, **how), norm)
    factor = norm.weight * torch.rsqrt(cast(Tensor, norm.running_var) + norm.eps)
    shift = norm.bias - cast(Tensor, norm.running_mean) * factor
    return _convolve(x, conv.weight * factor[:, None, None], shift, **how)


def _normalize(x: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Apply batch norm, and in training update its running figures, as the module itself does."""
    if norm.training:
        cast(Tensor, norm.num_batches_tracked).add_(1)
    statistics = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    return F.batch_norm(x, *statistics, norm.training, cast(float, norm.momentum), norm.eps)


def _relu_and_dropout(x: Tensor, rate: float) -> Tensor:
    """Rectify x and drop a share of it, in its own memory."""
    if rate:
        n = x.numel()
        numbers = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = round((1 - rate) * 2**16)  # of 2^16 values of 16 bits, from -2^15 on
        bits = numbers.view(torch.int16)[:n]
        keep = torch.lt(bits, kept - 2**15, out=torch.empty(n, dtype=x.dtype))
        x = x.mul_(keep.mul_(2**16 / kept).as_strided(x.shape, x.stride()))
    return x.relu_()
