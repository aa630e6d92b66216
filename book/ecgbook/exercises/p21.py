"""Checks of page 21, fast training on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgbook.exercises import Array, Function, compare, expect, given
from ecgbook.page import Verdict, right, wrong

whole = expect(
    1 / 0.92,
    [
        (5, "The layer is five times as fast, the other 90 % are not."),
        (0.92, "That is the time that is left, as a share: how many times as fast is it?"),
        (1.4, "Add times, not speeds: 90 % stay, and a fifth of 10 % is added."),
        (1 / 0.9, "That is the limit, where the layer takes no time at all."),
        (1 / 0.95, "Five times as fast leaves a fifth of the 10 %, not a half."),
    ],
    praise="92 % of the time is left. Even without the layer it would be 1.11 at most.",
    otherwise="What share of the time is left, when a fifth of the layer's 10 % remains?",
    within=4e-3,
)


@torch.no_grad()
def fold_first(answer: Function) -> Verdict:
    """Weights and bias of a linear layer that replaces a batch norm and the layer after it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        norm, linear = nn.BatchNorm1d(5).eval().double(), nn.Linear(5, 3).double()
        mean, var = torch.randn(5).double(), torch.rand(5).double() + 0.5
        norm.running_mean, norm.running_var = mean, var
        norm.weight.data, norm.bias.data = torch.rand(5).double() + 0.5, torch.randn(5).double()
        x = torch.randn(6, 5).double()
    weight, bias = given(answer(norm, linear))
    if weight.shape != (3, 5) or bias.shape != (3,):
        return wrong("Return weights (c', c) and bias (c',), here (3, 5) and (3,).")

    def outputs(scale: Tensor, passed: Tensor = linear.weight) -> Array:
        bias = linear.bias + passed @ (norm.bias - mean * scale)
        return F.linear(x, linear.weight * scale, bias).numpy()

    scale = norm.weight / (var + norm.eps).sqrt()
    twice = outputs(scale, linear.weight * scale)
    return compare(
        F.linear(x, weight, bias).numpy(),
        linear(norm(x)).numpy(),
        [
            (outputs(scale, 0 * linear.weight), "The norm's shift has to pass the weights, too."),
            (twice, "The shift is scaled twice: multiply it by the old weights."),
            (outputs(norm.weight / var.sqrt()), "The norm adds eps to var."),
            (outputs(norm.weight / (var + norm.eps)), "Divide by the root of the variance."),
        ],
        praise="The same outputs without the norm: it stood before the layer.",
        otherwise="Write the norm as x * scale + shift, and put this into W x + b.",
        within=1e-7,
    )


def eight_bits(answer: Function) -> Verdict:
    """Dropout with eight random bits per activation."""
    x, kept = torch.full((1000, 1003), 2.0), 179
    y, again = (given(answer(x.clone(), 0.3)) for _ in range(2))
    if y.shape != x.shape:
        return wrong(f"The shape is {tuple(y.shape)}: keep that of x, also where 8 do not fit.")
    share, largest = (y != 0).double().mean().item(), y.max().item() / 2
    if abs(share - 0.3) < 0.01:
        return wrong("It keeps 30 % of the activations: p is the share to drop.")
    if abs(share - kept / 256) > 0.002:
        return wrong(f"It keeps {100 * share:.1f} % of the activations; 179 of 256 are 69.9 %.")
    if torch.equal(y, again):
        return wrong("Two calls drop the same activations: draw new numbers in each.")
    if abs(largest - 1) < 1e-6:
        return wrong("Multiply what is kept, so that the mean stays the same.")
    if abs(largest - 1 / 0.7) < 1e-5:
        return wrong("1/0.7 is for exactly 70 %: 179 of 256 are kept, so multiply by 256/179.")
    if abs(largest - 256 / kept) > 1e-5:
        return wrong(f"What is kept is multiplied by {largest:.4f}: it should be 256/179.")
    return right("179 of 256 are kept, and the mean stays the same. Now measure it.")


CHECKS = {"1": whole, "2": eight_bits, "3": fold_first}
