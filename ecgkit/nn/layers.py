"""The layers of the TCN and the ResNet, for tensors (b, c, n): batch, channels, samples."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm


class CausalConv1d(nn.Module):
    """Dilated causal convolution, weight-normalised (paper, equation (1) and section III-B).

    ``F(x)_s = sum over i of f(i) x_{s - d i}``: output s sees inputs s, s - d, ..., s - (k - 1) d
    (k: ``kernel_size``, d: ``dilation``); before the first sample the input counts as zero.

    >>> CausalConv1d(1, 32, kernel_size=7, dilation=4)(torch.zeros(2, 1, 180)).shape
    torch.Size([2, 32, 180])
    """

    def __init__(self, c_in: int, c_out: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__()
        self.padding = (kernel_size - 1) * dilation
        self.conv = weight_norm(nn.Conv1d(c_in, c_out, kernel_size, dilation=dilation))

    def forward(self, x: Tensor) -> Tensor:  # (b, c_in, n) -> (b, c_out, n)
        return self.conv(F.pad(x, (self.padding, 0)))

    def decimated(self, x: Tensor, stride: int = 1) -> Tensor:
        """Filter a sequence that holds only every d-th sample: there the filter is a plain one.

        (b, c_in, m) -> (b, c_out, (m - k) // stride + 1), without padding.
        """
        return F.conv1d(x, self.conv.weight, self.conv.bias, stride=stride)


class TemporalBlock(nn.Module):
    """Two dilated causal convolutions and a residual edge (paper, section III-B and Fig. 3).

    In training, ``dropout`` is the share of activations dropped after each ReLU.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel_size: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.conv1 = CausalConv1d(c_in, c_out, kernel_size, dilation)
        self.conv2 = CausalConv1d(c_out, c_out, kernel_size, dilation)
        self.dropout = nn.Dropout(dropout)
        self.edge = nn.Identity() if c_in == c_out else nn.Conv1d(c_in, c_out, 1)
        self.reach = 2 * (kernel_size - 1)

    def forward(self, x: Tensor) -> Tensor:  # (b, c_in, n) -> (b, c_out, n)
        h = self.dropout(F.relu(self.conv1(x)))
        h = self.dropout(F.relu(self.conv2(h)))
        return F.relu(h + self.edge(x))

    def decimated(self, x: Tensor, stride: int) -> Tensor:
        """Compute every ``stride``-th position, up to the last, of every d-th sample.

        (b, c_in, m) -> (b, c_out, (m - 2 (k - 1) - 1) // stride + 1).
        """
        h = self.dropout(F.relu(self.conv1.decimated(x)))
        h = self.dropout(F.relu(self.conv2.decimated(h, stride)))
        return F.relu(h + self.edge(x[..., self.reach :: stride]))


class SqueezeExcitation(nn.Module):
    """Channel attention: a gate between 0 and 1 for each channel (Hu et al. 2018; paper, III-B).

    >>> SqueezeExcitation(256).gates(torch.zeros(1, 256)).shape
    torch.Size([1, 256])
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, channels // reduction)
        self.expand = nn.Linear(channels // reduction, channels)

    def gates(self, squeezed: Tensor) -> Tensor:
        """Turn one number per channel into its gate, (b, c) -> (b, c)."""
        return torch.sigmoid(self.expand(F.relu(self.reduce(squeezed))))

    def forward(self, x: Tensor, squeezed: Tensor) -> Tensor:  # both (b, c) -> (b, c)
        return x * self.gates(squeezed)


class Inception(nn.Module):
    """Three kernel widths and a max-pool side by side (Szegedy et al. 2015; paper, III-C, Fig. 4).

    >>> Inception(1, 32)(torch.zeros(2, 1, 180)).shape
    torch.Size([2, 32, 180])
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        quarter = c_out // 4
        self.conv1 = nn.Conv1d(c_in, quarter, 1)
        self.conv3 = nn.Conv1d(c_in, quarter, 3, padding=1)
        self.conv5 = nn.Conv1d(c_in, quarter, 5, padding=2)
        self.pool = nn.MaxPool1d(3, stride=1, padding=1)
        self.conv_pool = nn.Conv1d(c_in, quarter, 1)
        self.norm = nn.BatchNorm1d(c_out)

    def forward(self, x: Tensor) -> Tensor:  # (b, c_in, n) -> (b, c_out, n)
        branches = [self.conv1(x), self.conv3(x), self.conv5(x), self.conv_pool(self.pool(x))]
        return F.relu(self.norm(torch.cat(branches, dim=1)))


class ResidualModule(nn.Module):
    """Two convolutions of width 3 and a residual edge (He et al. 2016; paper, III-C)."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm1d(c_out)
        self.conv2 = nn.Conv1d(c_out, c_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm1d(c_out)
        self.edge: nn.Module = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.edge = nn.Sequential(
                nn.Conv1d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm1d(c_out)
            )

    def forward(self, x: Tensor) -> Tensor:  # (b, c_in, n) -> (b, c_out, ceil(n / stride))
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(h + self.edge(x))
