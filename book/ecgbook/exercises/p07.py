"""Checks of page 07, the TCN."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ecgbook.exercises import Array, Function, compare, expect, expect_function, given
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


class _Shifted(nn.Module):
    """Return each sample ``ahead`` steps early, doubled, plus one."""

    def __init__(self, ahead: int) -> None:
        super().__init__()
        self.ahead = ahead

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (max(-self.ahead, 0), max(self.ahead, 0)))
        return 2 * padded[..., max(self.ahead, 0) :][..., : x.shape[-1]] + 1


def _causal(layer: nn.Module) -> bool:
    x = torch.randn(1, 1, 100)
    changed = x.clone()
    changed[..., 80] += 1
    with torch.no_grad():
        return torch.equal(layer(x)[..., :80], layer(changed)[..., :80])


_layers = [CausalConv1d(1, 4, 7, dilation=4), nn.Conv1d(1, 4, 1), _Shifted(-3)]
_layers += [nn.Conv1d(1, 4, 7, padding="same"), _Shifted(1), _Shifted(30)]
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


def _blocks() -> list[TemporalBlock]:
    """Make two blocks in float64 whose biases keep most units active."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        blocks = [TemporalBlock(c, 6, 7, d, 0.3).double() for c, d in ((2, 1), (6, 2))]
        for block in blocks:
            for conv in (block.conv1, block.conv2):
                nn.init.uniform_(conv.conv.bias, 0.2, 0.8)
    return [block.eval() for block in blocks]


def _last_step(*inputs: Any, crop: bool = True, edge: int = 12, add: bool = True) -> Tensor:
    """Compute the last step of two blocks; the keywords put a mistake in."""
    first, second, x = inputs
    x = x[..., -37:] if crop else x
    for block, stride in ((first, 2), (second, 1)):
        h = x
        for conv, step in ((block.conv1, 1), (block.conv2, stride)):
            h = F.relu(F.conv1d(h, conv.conv.weight, conv.conv.bias, stride=step))
        if add:
            h = h + block.edge(x[..., edge::stride][..., : h.shape[-1]])
        x = F.relu(h)
    return x[..., -1]  # (b, 6)


def cone(answer: Function) -> Verdict:
    """The last step of two temporal blocks, without computing what it does not read."""
    blocks = _blocks()
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn(3, 2, n, dtype=torch.float64, generator=generator) for n in (37, 60)]

    def outputs(function: Function, **keywords: Any) -> tuple[Array, int]:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            found = [given(function(*blocks, x.clone(), **keywords)) for x in inputs]
        return torch.stack(found).numpy(), counter.get_total_flops() // 12  # per beat, of 6

    try:
        found, work = outputs(answer)
    except RuntimeError as error:
        return wrong(
            f"Torch reports: {str(error).splitlines()[0]}. The lengths should run 37, 31, 13, 7, "
            "1; block.edge reads x only at the positions of the block's output."
        )
    if found.shape != (2, 3, 6):
        return wrong(f"The shape is {found.shape[1:]}: it should be (b, c'), here (3, 6).")
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"edge": 11}, "The residual edge reads one position too early."),
        ({"edge": 0}, "The residual edge should read where both filters end, not begin."),
        ({"add": False}, "The residual edge is missing: add block.edge(x), then the ReLU."),
        ({"crop": False}, "Right for 37 samples only: first keep the last 37 of x."),
    ]
    needed = outputs(_last_step)[1]
    verdict = compare(
        found,
        outputs(lambda a, b, x: b(a(x))[..., -1])[0],
        [(outputs(_last_step, **keywords)[0], hint) for keywords, hint in mistakes],
        praise=f"Equal to the dense form, with {needed:,} multiplications per beat.",
        otherwise="The numbers differ from the dense form's. Do the lengths run 37, 31, 13, 7, 1?",
        within=1e-9,
    )
    if verdict.right and work > needed:
        return wrong(f"Right, but with {work:,} multiplications per beat; {needed:,} are enough.")
    return verdict


CHECKS = {"1": receptive_field, "2": is_causal, "3": cone}
