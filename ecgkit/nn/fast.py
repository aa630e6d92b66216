"""The networks on a CPU: the same functions, computed in an order the processor works best in.

While :class:`FastCPU` is active, a one-dimensional convolution runs as a two-dimensional one whose
channels are neighbours in memory (channels last), or as a matrix product where it covers its whole
input. Batch norm keeps channels last. Dropout compares 16 random bits with its rate (0.3 becomes
19,661/65,536), so that one random number serves four activations.
"""

import contextlib
import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

from ecgkit.nn.layers import Inception, ResidualModule


def fast(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """:class:`FastCPU` on a CPU; on any other device, a context that changes nothing."""
    return FastCPU() if device.type == "cpu" else contextlib.nullcontext()


class FastCPU(TorchFunctionMode):
    """Context in which networks compute faster on a CPU; outside, nothing has changed.

    >>> with FastCPU():
    ...     nn.MaxPool1d(2)(F.conv1d(torch.ones(1, 1, 5), torch.ones(1, 1, 2)))
    tensor([[[2., 2.]]])
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return REPLACED.get(func, func)(*args, **(kwargs or {}))


def _convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Compute F.conv1d, (b, c_in, n) -> (b, c_out, m), channels last."""
    if input.ndim != 3 or isinstance(padding, str):
        return F.conv1d(input, weight, bias, stride, padding, dilation, groups)
    step, pad, gap = (v if isinstance(v, int) else v[0] for v in (stride, padding, dilation))
    if input.shape[-1] == weight.shape[-1] and (pad, gap, groups) == (0, 1, 1):
        flat, matrix = input.transpose(1, 2).flatten(1), weight.transpose(1, 2).flatten(1)
        return F.linear(flat, matrix, bias)[..., None]
    x = input.unsqueeze(2)  # (b, c_in, 1, n)
    if x.shape[1] == 1:  # any strides fit one channel, and torch would take them for channels first
        x = x.contiguous().as_strided(x.shape, (x.shape[3], 1, x.shape[3], 1))
    x = x.contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, weight.unsqueeze(2), bias, (1, step), (0, pad), (1, gap), groups).squeeze(2)


def _normalize(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Compute F.batch_norm and keep channels last."""
    return F.batch_norm(input.unsqueeze(2), *args, **kwargs).squeeze(2)


def _drop(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Compute F.dropout with 16 random bits per activation."""
    if not training or not 0 < p < 1:
        return F.dropout(input, p, training, inplace)
    n = input.numel()
    numbers = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None)
    bits, kept = numbers.view(torch.int16)[:n], round((1 - p) * 2**16)  # of 2^16, from -2^15 on
    keep = torch.lt(bits, kept - 2**15, out=torch.empty(n, dtype=input.dtype)).mul_(2**16 / kept)
    if input.ndim > 2 and input.transpose(1, -1).is_contiguous():
        return input * keep.view(input.transpose(1, -1).shape).transpose(1, -1)
    return input * keep.view(input.shape)


REPLACED: dict[Any, Any] = {torch.conv1d: _convolve, F.batch_norm: _normalize, F.dropout: _drop}


class _FoldedInception(nn.Module):
    """An Inception module for inference: its four kernels and its norm as one convolution."""

    def __init__(self, stem: Inception) -> None:
        super().__init__()
        c, convs = stem.conv1.in_channels, (stem.conv1, stem.conv3, stem.conv5, stem.conv_pool)
        wide = [F.pad(conv.weight, 2 * [(5 - conv.kernel_size[0]) // 2]) for conv in convs]
        both = torch.cat([F.pad(torch.cat(wide[:3]), (0, 0, 0, c)), F.pad(wide[3], (0, 0, c, 0))])
        joint = nn.Conv1d(2 * c, len(stem.norm.weight), 5, padding=2).eval()
        joint.weight = nn.Parameter(both)
        joint.bias = nn.Parameter(torch.cat([cast(Tensor, conv.bias) for conv in convs]))
        self.conv, self.pool = fuse_conv_bn_eval(joint, stem.norm), stem.pool

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.conv(torch.cat([x, self.pool(x)], dim=1)))


class _FoldedResidual(nn.Module):
    """A residual module for inference: norms in the convolutions, results written in place."""

    def __init__(self, module: ResidualModule) -> None:
        super().__init__()
        self.conv1 = fuse_conv_bn_eval(module.conv1, module.norm1)
        self.conv2 = fuse_conv_bn_eval(module.conv2, module.norm2)
        edge = module.edge
        self.edge = fuse_conv_bn_eval(*edge) if isinstance(edge, nn.Sequential) else edge

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.conv2(F.relu_(self.conv1(x))).add_(self.edge(x)))


def fold_norms(network: nn.Module) -> nn.Module:
    """Copy a network, in ``eval()`` mode, with batch norms multiplied into the convolutions."""
    folded = copy.deepcopy(network)
    kinds = {Inception: _FoldedInception, ResidualModule: _FoldedResidual}
    for parent in list(folded.modules()):
        for name, module in list(parent.named_children()):
            if type(module) in kinds:
                setattr(parent, name, kinds[type(module)](module))
    return folded
