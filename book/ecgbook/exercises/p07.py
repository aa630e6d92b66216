"""Checks of page 07, the TCN."""

import torch
from torch import nn
from torch.nn import functional as F

from ecgbook.exercises import Function, compare, expect, expect_function, given
from ecgbook.page import Verdict, wrong
from ecgkit.nn.layers import CausalConv1d, TemporalBlock

receptive_field = expect(
    1 + 2 * (5 - 1) * (1 + 2 + 4),
    [
        (1 + 4 * 7, "That counts one convolution per block: a temporal block has two."),
        (2 * 4 * 7, "That is how far back it looks. Add the sample at the end."),
        (1 + 2 * 5 * 7, "A filter with k coefficients looks back k - 1 distances, not k."),
        (1 + 2 * 4 * 3, "That is without dilation: block i looks back 2**i times as far."),
        (1 + 2 * 4 * 15, "That is for four blocks, dilations 1, 2, 4 and 8."),
    ],
    praise="57 samples are 0.16 s: a QRS complex and little around it.",
    otherwise="Each block adds 2 (k - 1) d, for d = 1, 2, 4; add the sample itself.",
)


def _causal(layer: nn.Module) -> bool:
    x = torch.randn(1, 1, 100)
    changed = x.clone()
    changed[..., 80] += 1
    with torch.no_grad():
        return torch.equal(layer(x)[..., :80], layer(changed)[..., :80])


def _moved(ahead: int) -> nn.Conv1d:
    """A kernel that moves a signal of any length some samples ahead."""
    conv = nn.Conv1d(1, 1, 61, padding=30, bias=False)
    conv.weight.data = F.one_hot(torch.tensor([[30 + ahead]]), 61).float()
    return conv


_late, *_ahead = map(_moved, (-3, 1, 30))
_layers = [CausalConv1d(1, 4, 7, dilation=4), nn.Conv1d(1, 4, 1), _late]
_layers += [nn.Conv1d(1, 4, 7, padding="same"), *_ahead]
is_causal = expect_function(
    _causal,
    [(layer,) for layer in _layers],
    [
        (lambda layer: True, "It says True of every layer. Which outputs must not change?"),
        (lambda layer: False, "It says False of every layer. Which outputs may change?"),
    ],
    praise="Three causal layers and three that look ahead, all recognised.",
    otherwise=(
        "It says False of a causal layer: output s itself may depend on sample s.",
        "It says False of nn.Conv1d(1, 4, 1), which reads only the present sample.",
        "It says False of a layer that delays its input by three samples.",
        'It says True of nn.Conv1d(1, 4, 7, padding="same").',
        "It says True of a layer that looks one sample ahead.",
        "It says True of a layer that looks 30 samples ahead.",
    ),
)


def plain_block(answer: Function) -> Verdict:
    """A temporal block without its residual edge, of the page's signature."""
    torch.manual_seed(5)
    if getattr(answer, "forward", None) is nn.Module.forward:
        return wrong("PlainBlock has no `forward` yet.")
    block, reference = answer(2, 6, 7, 2, 0.3), TemporalBlock(2, 6, 7, 2, 0.3).eval()
    if not isinstance(block, nn.Module):
        return wrong("PlainBlock(2, 6, 7, 2, 0.3) should make an nn.Module.")
    missing, unexpected = block.load_state_dict(reference.state_dict(), strict=False)
    if any(name.startswith("conv") for name in [*missing, *unexpected]):
        return wrong("Keep the names and the form of conv1 and conv2: only the edge goes.")
    x = torch.randn(4, 2, 50)
    with torch.no_grad():
        y, full = given(block.eval()(x)), reference(x)
        h1 = F.relu(reference.conv1(x))
        h2 = reference.conv2(h1)
        no_first = F.relu(reference.conv2(reference.conv1(x)))
        dropped = (block.train()(x) == 0).float().mean() - (y == 0).float().mean()
    if y.shape != full.shape:
        return wrong(f"The output has shape {tuple(y.shape)}: it should be (b, c_out, n).")
    mistakes = [
        (full, "The residual edge is still there."),
        (h2, "The ReLU after the second convolution is missing."),
        (h1, "The second convolution is missing."),
        (no_first, "The first ReLU is missing."),
    ]
    verdict = compare(
        y,
        F.relu(h2),
        mistakes,
        praise="The same two convolutions, and nothing added to their output.",
        otherwise="Twice convolution, ReLU, dropout; then return h.",
        within=1e-5,
    )
    if verdict.right and dropped < 0.05:
        return wrong("Dropout is missing: it follows each ReLU, as in TemporalBlock.")
    return verdict


CHECKS = {"1": receptive_field, "2": is_causal, "3": plain_block}
