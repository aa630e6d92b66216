# %% [markdown]
# # Deeper: the cone of the last step
#
# > **You will be able to** say which positions of each layer the TCN's last step
# > reads, compute these alone with plain convolutions, show that values and gradients
# > stay the same, and say when they would not.
# >
# > **Time:** 35 minutes to read and try; computes 10 s in the quick profile and 18 s
# > in full, on one CPU core.
# >
# > **You need:** [page 07](07_tcn.ipynb), whose network is used here.

# %%
import time

import numpy as np
import torch
from ecgbook import figures
from ecgbook.page import Page, check, profile
from ecgkit import TCN, load_beats, plots
from ecgkit.data import aami
from ecgkit.data.sources import find_source
from ecgkit.nn.fast import FastCPU
from ecgkit.nn.layers import CausalConv1d
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

page = Page("20_cone")
full = profile() == "full"
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()
torch.manual_seed(0)
tcn = TCN(squeeze=None).double().eval()

# %% [markdown]
# The TCN of page 07 computes 256 channels at 180 positions and uses the last position
# only. Call this the *dense* form. Here you compute only the positions that the last
# one reads, which form a [cone](../book/glossary.md#term-cone). The library trains and
# classifies in this form.
#
# ## What the last step reads
#
# The last step of block 4 reads 7 positions of the hidden layer below it, 8 samples
# apart. Each of these reads 7 positions, 8 apart, of block 3's output.
#
# **Predict:** How many different positions of block 3's output are read, 49 or fewer?
#
# <details><summary>Answer</summary>
#
# There are 13: the distances are multiples of 8, from 0 to 12 times 8, and most are reached in
# several ways: $7 + 7 - 1 = 13$.
#
# </details>

# %%
reads, at = {}, np.zeros(1, int)  # positions, as samples before the last
for block, dilation in ((4, 8), (3, 4), (2, 2), (1, 1)):
    for layer in (f"block {block}", f"hidden {block}"):
        reads[layer] = at
        at = np.unique(np.add.outer(at, dilation * np.arange(7)))
reads["input"] = at
assert len(at) == tcn.receptive_field

# %% tags=["hide-input"]
figure, ((axes,),) = plots.panel_grid(4.6)
for y, at in enumerate(reversed(reads.values())):
    axes.vlines(-np.arange(180), y - 0.13, y + 0.13, "#D0D0D0", linewidth=1)
    axes.vlines(-at, y - 0.34, y + 0.34, aami.COLORS["N"], linewidth=1.3)
numbers = [str(len(at)) for at in reversed(reads.values())]
right = axes.secondary_yaxis("right")
axes.set_yticks(range(9), list(reads)[::-1])
right.set_yticks(range(9), numbers)
for side in (axes, right):
    side.tick_params(axis="y", length=0)
    side.spines[:].set_visible(False)
axes.set(xlabel="time, in samples from the last", xticks=range(-180, 1, 30))
right.set_ylabel("positions read")
seen = f"Rows of 180 grey strokes; blue ones are read: {', '.join(numbers)}."
plots.show(plots.finish(figure, "What the last step reads", seen))

# %% [markdown]
# *Figure 20.1. The positions that the last step depends on (blue) among the 180 of each
# layer; their number stands at the right. "Hidden" is the output of a block's first
# convolution.*
#
# Of block 3's 180 positions the last step needs 13, and they are regular: block 4 reads
# every 8th position, block 3 every 4th, block 2 every 2nd.
#
# ## Step 1: no dilation
#
# A filter with dilation $d$ reads samples $d$ apart. If only every $d$-th sample is
# kept, these samples are neighbours, and a plain filter does the same. In signal
# processing this is the *noble identity*
# ([Smith](https://ccrma.stanford.edu/~jos/sasp/Multirate_Noble_Identities.html)).

# %%
conv = CausalConv1d(1, 1, kernel_size=7, dilation=4).double()
x = torch.randn(1, 1, 181, dtype=torch.float64)
with torch.no_grad():
    dense = conv(x)[..., ::4]  # filter all, keep every 4th: 46 positions
    thin = x[..., ::4]  # keep every 4th, then filter: 46 - 6 positions
    plain = F.conv1d(thin, conv.conv.weight, conv.conv.bias)
torch.testing.assert_close(plain, dense[..., 6:])
print(thin.shape[-1], "->", plain.shape[-1])

# %% [markdown]
# ## Step 2: one block
#
# In a block, the second convolution reads the first one's output at every kept
# position. Of its own output only every second position is read, because the next
# block's dilation is twice as large. So the second convolution runs with
# [stride](../book/glossary.md#term-stride) 2, and in the last block it gives a single
# position. The residual edge must read the matching positions: the first output that
# both filters cover fully lies $2 (k - 1) = 12$ positions into the block's input.


# %%
def decimated(block, x, stride):  # (b, c_in, m) -> (b, c_out, ...)
    h = x
    for layer, step in ((block.conv1, 1), (block.conv2, stride)):
        weight, bias = layer.conv.weight, layer.conv.bias
        h = F.conv1d(h, weight, bias, stride=step)
        h = block.dropout(F.relu(h))
    return F.relu(h + block.edge(x[..., 12::stride]))


# %% [markdown]
# For the first block, $m = 181$: the first convolution gives 175 positions, the second
# $(175 - 7) / 2 + 1 = 85$.
#
# ## Step 3: the whole network
#
# The receptive field is 181, so one zero is put before the 180 samples. The lengths are
# then 181 → 175 → 85 → 79 → 37 → 31 → 13 → 7 → 1.


# %%
def last_step(tcn, x):  # (b, 1, n) -> (b, c)
    x = F.pad(x, (181 - x.shape[-1], 0))  # crops where n > 181
    for block, stride in zip(tcn.blocks, (2, 2, 2, 1), strict=True):
        x = decimated(block, x, stride)
    return x[..., 0]


some = torch.from_numpy(beats.signals[:16, None]).double()  # (16, 1, 180)
some.requires_grad_()
dense = tcn.sequence(some)[..., -1]
mine = last_step(tcn, some)
torch.testing.assert_close(mine, tcn.last_step(some), rtol=0, atol=1e-12)
torch.testing.assert_close(mine, dense, rtol=0, atol=1e-12)

# %% [markdown]
# The page's function equals the library's
# [`last_step`](../book/api_nn.md#ecgkit.nn.models.TCN.last_step) and the dense form. For
# training the gradients must agree as well, those of the input and of all parameters:

# %%
probe = torch.randn_like(dense)  # any direction
wanted = [some, *tcn.parameters()]
of_dense = torch.autograd.grad((dense * probe).sum(), wanted)
of_cone = torch.autograd.grad((mine * probe).sum(), wanted)
pairs = zip(of_dense, of_cone, strict=True)
error = max(((a - b).norm() / a.norm()).item() for a, b in pairs)
print(f"largest relative difference of a gradient: {error:.0e}")
assert error < 1e-12

# %% [markdown]
# What remains is rounding in another order. In training, dropout draws other random
# numbers in the two forms, with the same probability for each activation.
#
# ### Exercise 1: the lengths of another cone
#
# On paper: a TCN with **three** blocks and kernel size **5** has a receptive field of
# 57. List the lengths in its cone, from 57 down to 1: the input, then the output of each
# of the six convolutions.

# %% tags=["exercise"]
answer = ...
check("20.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
# A convolution removes 4; the second of blocks 1 and 2 keeps every second.
answer = [57, 53, 25, 21, 9, 5, 1]
check("20.1", answer)

# %% [markdown]
# ## What is saved
#
# A convolution needs (weights) × (output positions) multiplications.
#
# **Predict:** In which block does the cone save most?
#
# <details><summary>Answer</summary>
#
# In the last one. It has the most weights and, in the cone, the fewest positions: 7 and 1
# instead of 180 and 180.
#
# </details>

# %%
lengths = [(175, 85), (79, 37), (31, 13), (7, 1)]
millions = {"dense": {}, "cone": {}}
for i, (block, (n1, n2)) in enumerate(zip(tcn.blocks, lengths, strict=True)):
    layers = (block.conv1.conv, block.conv2.conv, block.edge)
    sizes = np.array([layer.weight.numel() for layer in layers])
    millions["dense"][f"block {i + 1}"] = 180 * sizes.sum() / 1e6
    millions["cone"][f"block {i + 1}"] = sizes @ [n1, n2, n2] / 1e6
total = {name: sum(of.values()) for name, of in millions.items()}
print({name: f"{value:.2f}" for name, value in total.items()})
page.states("171.65 million", total["dense"], within=0.01)
page.states("8.39 million", total["cone"], within=0.01)

one = some[:1].detach()
forms = (tcn.sequence, tcn.last_step)
for form, count in zip(forms, total.values(), strict=True):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        form(one)
    assert counter.get_total_flops() == round(2e6 * count)  # times and plus

# %%
plots.show(
    figures.stacked_bars(
        millions, "million multiplications per beat", "Work", digits=2
    )
)

# %% [markdown]
# *Figure 20.2. Multiplications per beat, by block.*
#
# The dense form needs 171.65 million multiplications per beat, the cone 8.39 million, a
# twentieth. PyTorch's counter confirms both.
#
# Time does not follow the count exactly. On a CPU the library also runs its networks
# within [`FastCPU`](../book/api_nn.md#ecgkit.nn.fast.FastCPU), which computes the same
# functions with the channels as neighbours in memory. The next cell measures the time of
# one training step, forward and backward, on the machine that runs this page.

# %%
batch = torch.from_numpy(beats.signals[: 64 if full else 16, None])
timed = TCN(squeeze=None).train()


def seconds(form):
    start = time.perf_counter()
    form().sum().backward()
    return time.perf_counter() - start


def fast():
    with FastCPU():
        return timed.last_step(batch)


forms = (
    lambda: timed.sequence(batch)[..., -1],
    lambda: timed.last_step(batch),
    fast,
)
turns = [[seconds(form) for form in forms] for _ in range(3)]
dense_s, cone_s, fast_s = np.min(turns, axis=0)
print(f"dense / cone: {dense_s / cone_s:.1f}")
print(f"dense / cone within FastCPU: {dense_s / fast_s:.1f}")

# %% [markdown]
# When this page was stored, one thread of a CPU computed the cone 14 times as fast as
# the dense form, and within `FastCPU` 26 times as fast.
#
# ### Exercise 2: the cone of two blocks
#
# `last_step_of_two(first, second, x)` gets two temporal blocks (kernel size 7, dilations 1 and 2)
# and x of shape (b, c, n) with n at least 37. Return what `second(first(x))[..., -1]`
# returns, shape (b, c'), and compute nothing that this step does not read. Write it
# without `decimated` and without dropout. The lengths are 37, 31, 13, 7, 1. The check
# also tries a longer x, and counts multiplications.


# %% tags=["exercise"]
def last_step_of_two(first, second, x):
    return ...  # your code here


check("20.2", last_step_of_two)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
def last_step_of_two(first, second, x):
    x = x[..., -37:]  # the last step sees no more
    for block, stride in ((first, 2), (second, 1)):
        h = x
        for conv, step in ((block.conv1, 1), (block.conv2, stride)):
            weight, bias = conv.conv.weight, conv.conv.bias
            h = F.relu(F.conv1d(h, weight, bias, stride=step))
        # Both filters end 12 samples into x, then at every second one.
        x = F.relu(h + block.edge(x[..., 12::stride]))
    return x[..., 0]  # 37 -> 31 -> 13 -> 7 -> 1


check("20.2", last_step_of_two)

# %% [markdown]
# ### Exercise 3: the last convolution is a matrix product
#
# The last convolution of the cone reads 7 positions and gives one: its kernel covers the
# whole input. There `FastCPU` uses a matrix product instead of a convolution. Write
# `as_matrix(x, weight, bias)` with `F.linear`: x has shape (b, c, 7), the weights
# (c', c, 7) and the bias (c',); the result has shape (b, c').


# %% tags=["exercise"]
def as_matrix(x, weight, bias):
    return ...  # your code here


check("20.3", as_matrix)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
# Channels and positions become one axis, in the same order in both.
def as_matrix(x, weight, bias):
    return F.linear(x.flatten(1), weight.flatten(1), bias)


check("20.3", as_matrix)

# %% [markdown]
# ## Where the cone is not the same function
#
# The dense form puts zeros before *every* layer, the cone before the beat only. The
# widest hidden layer that the cone reads has 175 positions. A shorter input makes it read
# this layer before its first position. There the dense form has a zero, and the cone
# computes a filter's response to zeros, which is its bias.
#
# **Predict:** For which of the lengths below do the two forms differ?
#
# <details><summary>Answer</summary>
#
# For those below 175: 150 and 174. The library's `last_step` uses the dense form there.
#
# </details>

# %%
with torch.no_grad():
    for n in (150, 174, 175, 180, 300):
        x = torch.randn(4, 1, n, dtype=torch.float64)
        dense = tcn.sequence(x)[..., -1]
        difference = (last_step(tcn, x) - dense).abs().max()
        guarded = (tcn.last_step(x) - dense).abs().max()
        print(f"n = {n}: {difference:.0e}; library {guarded:.0e}")
        assert (difference > 1e-9) == (n < 175)

# %% [markdown]
# With `squeeze="time"` the gates need every position of the last block, so this
# interpretation of the paper has no cone.
#
# ## Related work
#
# [Le Paine et al. 2016](https://arxiv.org/abs/1611.09482) draw the same cone for WaveNet.
# When it generates sound, they keep hidden states of earlier samples, so that *one more*
# output costs one position per layer. That suits a stream, which needs an output at every
# sample. Here one output per whole sequence is wanted, for a batch, and gradients pass the
# same way. A dilated filter is the *algorithme à trous* of the wavelet literature;
# [Shensa 1992](https://doi.org/10.1109/78.157290) relates it to the transform of
# [page 02](02_denoising.ipynb).
#
# ## Recap
#
# - The last step reads 13 positions of block 3, 37 of block 2 and 85 of block 1.
# - On the positions kept, dilated filters are plain filters; the second of a block has
#   stride 2.
# - Values and gradients are those of the dense form, at 8.39 instead of 171.65 million
#   multiplications per beat, for inputs of at least 175 samples.
#
# ## What next
#
# [Page 21](21_fast_cpu.ipynb) shows what else makes training on a CPU fast. [Page 07](07_tcn.ipynb) is the
# lesson on the TCN itself.

# %% tags=["hide-input"]
page.stamp(
    f"{total['dense'] / total['cone']:.1f} times fewer multiplications, "
    f"the same function"
)
