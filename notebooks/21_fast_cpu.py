# %% [markdown]
# # Deeper: fast training on a CPU
#
# > **You will be able to** measure where the time of a training step goes, write a
# > convolution as a matrix product, replace PyTorch's dropout by a faster one, fold
# > batch norms into convolutions, and say what each change gains.
# >
# > **Time:** 35 minutes to read and try; computes 13 s in the quick profile and 46 s
# > in full, on one CPU core.
# >
# > **You need:** [page 09](09_resnet_tcn.ipynb) for the network and
# > [page 20](20_cone.ipynb) for the short form of its TCN.

# %%
import time
import timeit
from contextlib import nullcontext
from functools import partial
from unittest.mock import patch

import numpy as np
import torch
from ecgbook.page import Page, check, profile
from ecgkit import load_beats, load_model, plots
from ecgkit.data.sources import find_source
from ecgkit.nn import fast, models
from ecgkit.train.augmentation import random_crops
from torch.nn import functional as F

page = Page("21_fast_cpu")
full = profile() == "full"
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()
n = 128 if full else 32  # beats per step
x = torch.from_numpy(beats.signals[:n])
y = torch.from_numpy(beats.labels[:n]).long()
torch.set_num_threads(1)

# %% [markdown]
# Page 20 removes 95 % of the TCN's multiplications; this page makes the others faster.
# All gains are ratios of times on the machine that ran the page, most of them in one
# thread, that is, on one core. Your machine will give others.
#
# ## Measure first
#
# A training step is forward pass, loss, backward pass and update. The forms that we
# compare take turns, so that a change of the clock rate affects all of them; the result
# is the median ratio. `process_time` counts only the time that processors spend on this
# process, not on other programs.


# %%
def training_step(context=nullcontext):
    torch.manual_seed(0)
    network = models.build("resnet-tcn").train()
    adam = torch.optim.AdamW(network.parameters(), fused=True)

    def step():
        with context():
            logits = network(x)
        adam.zero_grad()
        F.cross_entropy(logits.float(), y).backward()
        adam.step()

    return step


def gains(calls, turns):  # how many times as fast as the first call
    clock = partial(timeit.timeit, number=1, timer=time.process_time)
    seconds = [[clock(call) for call in calls] for _ in range(turns + 1)]
    seconds = np.array(seconds[1:])  # the first turn warms up
    return np.median(seconds[:, :1] / seconds, axis=0)


# %% [markdown]
# PyTorch's profiler records every operation of a step.
#
# **Predict:** After the convolutions, which part of a step takes most time: dropout,
# batch norm, ReLU or Adam's update?
#
# <details><summary>Answer</summary>
#
# Batch norm and dropout, about 10 % each.
#
# </details>

# %% tags=["hide-input"]
import os

os.environ["KINETO_LOG_LEVEL"] = "99"  # a silent profiler
KINDS = {
    "convolutions, forward": ("aten::conv1d",),
    "convolutions, backward": ("ConvolutionBackward0",),
    "batch norm": ("aten::batch_norm", "NativeBatchNormBackward0"),
    "dropout": ("aten::dropout",),
    "ReLU": ("aten::relu", "ReluBackward0"),
    "Adam's update": ("Optimizer.step#AdamW.step",),
}
plain = training_step()
plain()
parts = []
for _ in range(7 if full else 3):
    with torch.profiler.profile(acc_events=True) as profiler:
        plain()
    events = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    spent = {event.key.split(": ")[-1]: 0.0 for event in events}
    for event in events:
        key = event.key.split(": ")[-1]
        spent[key] = max(spent[key], 100 * event.cpu_time_total / total)
    parts.append([sum(spent[k] for k in keys) for keys in KINDS.values()])
parts = dict(zip(KINDS, np.median(parts, axis=0), strict=True))
parts["the rest"] = 100 - sum(parts.values())


def draw_bars(values, label, digits, title):
    figure, ((axes,),) = plots.panel_grid(1.4 + 0.27 * len(values))
    bars = axes.barh(list(values), list(values.values()), color="#0072B2")
    axes.bar_label(bars, fmt=f"%.{digits}f", padding=4)
    axes.set_xlabel(label)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    seen = (f"{name} {value:.{digits}f}" for name, value in values.items())
    plots.show(plots.finish(figure, title, f"{label}: {', '.join(seen)}"))


draw_bars(parts, "part of a step (%)", 0, "Where the time of a step goes")
share = parts["convolutions, forward"] + parts["convolutions, backward"]
page.states("70 %", share, within=12)
page.states("10 %", parts["dropout"], within=6)

# %% [markdown]
# *Figure 21.1. Parts of one plain training step in one thread, median of seven profiled
# steps. "The rest" is additions, copies, the loss and the profiler itself.*
#
# Convolutions take about 70 % of the step, dropout about 10 %.
#
# ### Exercise 1: the limit of one improvement
#
# On paper: a layer takes 10 % of a step. You make this layer five times as fast. How
# many times as fast is the whole step?

# %% tags=["exercise"]
answer = ...
check("21.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
# 90 % stay as they are; of the other 10 % a fifth is left (Amdahl's law).
answer = 1 / (0.9 + 0.1 / 5)
check("21.1", answer)

# %% [markdown]
# ## A convolution is a matrix product
#
# Each output of a convolution is a sum of $c \cdot k$ products, over $c$ channels and
# $k$ samples. Put the $c \cdot k$ numbers that one position reads into a row (`unfold`
# finds these windows). Then all outputs are one product of this matrix with the
# weights:


# %%
def as_product(x, weight, bias):  # (b, c, n), (c', c, k), (c',)
    windows = x.unfold(-1, weight.shape[-1], 1)  # (b, c, m, k)
    rows = windows.transpose(1, 2).flatten(2)  # (b, m, c k)
    return (rows @ weight.flatten(1).T + bias).mT  # (b, c', m)


h, weight, bias = (
    torch.randn(n, 32, 85),
    torch.randn(64, 32, 7),
    torch.ones(64),
)
same = partial(torch.testing.assert_close, atol=1e-4, rtol=0)
same(as_product(h, weight, bias), F.conv1d(h, weight, bias))

# %% [markdown]
# Processors multiply large matrices at their highest rate, because they use each number
# that they load many times. A convolution needs $2 \, c \, k \, c'$ operations per
# output position (a multiplication and an addition count as two) and moves at least
# $c + c'$ numbers. For $c = 32$, $k = 7$, $c' = 64$ these are 28,672 operations on 96
# numbers, 299 per number. For the smallest kernel of the stem, with $c = k = 1$ and
# $c' = 8$, they are 16 on 9, or 1.8.
#
# **Predict:** Which of these two convolutions comes closer to the rate of a large
# matrix product?
#
# <details><summary>Answer</summary>
#
# The first. With 1.8 operations per number, moving the numbers takes most of the time.
#
# </details>
#
# One more thing matters: the order in memory. `nn.Conv1d` stores the samples of a
# channel as neighbours. A two-dimensional convolution of height 1 computes the same,
# and PyTorch allows it to store the *channels* of a position as neighbours (*channels
# last*). Then a row of the matrix above is already contiguous.


# %%
def channels_last(x, weight, bias=None):  # (b, c, n), (c', c, k), (c',)
    x = x[:, :, None].contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, weight[:, :, None], bias)[:, :, 0]


same(channels_last(h, weight, bias), F.conv1d(h, weight, bias))
same(channels_last(h, weight, bias), fast._convolve(h, weight, bias))

# %% [markdown]
# The next cell measures convolutions of all sizes in both orders, relative to the rate
# of a product of two 512 by 512 matrices.

# %%
sizes = [(c, k, 2 * c) for c in (1, 4, 16, 64, 128) for k in (1, 3, 7)]
a, rates = torch.randn(512, 512), []
for c, k, c_out in sizes:
    h, weight = torch.randn(n, c, 90), torch.randn(c_out, c, k)
    calls = [partial(torch.mm, a, a), partial(F.conv1d, h, weight)]
    calls.append(partial(channels_last, h.mT.contiguous().mT, weight))
    work = 2 * n * (91 - k) * weight.numel() / (2 * 512**3)  # in products
    rates.append(100 * work * gains(calls, 9 if full else 2)[1:])
use = np.array([2 * c * k * c_out / (c + c_out) for c, k, c_out in sizes])
rates = np.array(rates)
page.states("110 %", np.median(rates[use > 80, 1]), within=25)
page.states("90 %", np.median(rates[use > 80, 0]), within=25)
page.states("at most 6 %", rates[use < 10].max(), within=6)

# %% tags=["hide-input"]
figure, ((axes,),) = plots.panel_grid(3.6)
for y_values, marker, color, label in (
    (rates[:, 0], "s", "#D55E00", "the usual order"),
    (rates[:, 1], "D", "#0072B2", "channels last"),
):
    axes.scatter(use, y_values, s=30, c=color, marker=marker, label=label)
axes.set(xscale="log", ylim=(0, None), xlabel="operations per number moved")
axes.set_ylabel("rate (% of a large\nmatrix product's)")
axes.legend(loc="upper left", frameon=False)
axes.spines[["top", "right"]].set_visible(False)
alt = "Points from 1 to 1200 operations per number. The rate rises from a few "
alt += "per cent to about 100; channels last is mostly above the usual order."
title = "The rate of convolutions, forward"
plots.show(plots.finish(figure, title, alt))

# %% [markdown]
# *Figure 21.2. Convolutions from $c$ to $2 c$ channels, of width 1, 3 and 7, on 90
# samples of 128 beats.*
#
# Above 80 operations per number, the median rate is about 110 % with channels last and
# 90 % in the usual order. Below 10, it is at most 6 % in either order.
#
# ## The dropout layer alone
#
# [Dropout](../book/glossary.md#term-dropout) needs one random decision per activation.
# Sixteen random bits are enough: of their $2^{16} = 65{,}536$ values, 45,875 mean
# "keep", which makes the rate 19,661/65,536 instead of 0.3, a difference of
# $3 \cdot 10^{-6}$. One 64-bit random number then serves four activations.


# %%
def drop(x, p=0.5, training=True, inplace=False):  # for training
    n, kept = x.numel(), round((1 - p) * 2**16)
    numbers = torch.empty(-(-n // 4), dtype=torch.int64)  # n / 4, rounded up
    bits = numbers.random_(-(2**63), None).view(torch.int16)[:n]
    keep = (bits < kept - 2**15).to(x.dtype) * (2**16 / kept)
    return x * keep.view(x.shape)


h = torch.ones(n, 32, 85)
with torch.random.fork_rng():  # afterwards the state is as before
    mine = drop(h, 0.3)
assert torch.equal(mine, fast._drop(h, 0.3))


# %% [markdown]
# With the same random state, the page's function returns exactly what the library's
# does. `patch.object` puts it in place of PyTorch's for one step. The library's
# [`FastCPU`](../book/api_nn.md#ecgkit.nn.fast.FastCPU) replaces convolution, dropout
# and batch norm, which then keeps channels last.

# %%
forms = {
    "plain": training_step(),
    "dropout": training_step(partial(patch.object, F, "dropout", drop)),
    "FastCPU": training_step(fast.FastCPU),
    "bfloat16": training_step(partial(torch.autocast, "cpu", torch.bfloat16)),
}
gain = dict(zip(forms, gains(forms.values(), 15 if full else 3), strict=True))
page.states("1.07 times", gain["dropout"], within=0.1)
page.states("1.35 times", gain["FastCPU"], within=0.3)
page.states("1.6 times", gain["bfloat16"], within=0.8)

# %% tags=["hide-input"]
from ecgkit.train.device import pick_precision

label = "times as fast as the plain step"
draw_bars(gain, label, 2, "What a training step gains")
print("the library's choice:", pick_precision(torch.device("cpu")))

# %% [markdown]
# *Figure 21.3. Training steps of the joint network in one thread, median of 15 turns.*
#
# Replacing the dropout layer alone makes the step about 1.07 times as fast, all of
# `FastCPU` about 1.35 times. Both compute the same function.
#
# **bfloat16** does not: matrix products keep 8 significant bits instead of 24. The step
# with it is 1.6 times as fast as the plain one. By itself the library chooses bfloat16
# only where the processor has a matrix unit for it (AMX). The machine that stored this
# page has none, but it has vector instructions for bfloat16. Measure yours;
# `fit(..., precision="bfloat16")` asks for it.
#
# ### Exercise 2: change it and measure
#
# Write `drop8`, which decides with **eight** random bits: one 64-bit number serves
# eight activations, p is rounded to 256ths, and the mean of the activations stays the
# same. Then put it into the network and compare the time of a step (10 s).


# %% tags=["exercise"]
def drop8(x, p=0.5, training=True, inplace=False):
    return ...  # your code here


check("21.2", drop8)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
def drop8(x, p=0.5, training=True, inplace=False):
    n, kept = x.numel(), round((1 - p) * 2**8)
    numbers = torch.empty(-(-n // 8), dtype=torch.int64)
    bits = numbers.random_(-(2**63), None).view(torch.int8)[:n]
    keep = (bits < kept - 2**7).to(x.dtype) * (2**8 / kept)
    return x * keep.view(x.shape)


changes = [partial(patch.object, F, "dropout", f) for f in (drop, drop8)]
steps = [training_step(change) for change in changes]
print(f"{gains(steps, 11 if full else 2)[1]:.2f} times as fast as 16 bits")
check("21.2", drop8)

# %% [markdown]
# <details><summary>What we measured</summary>
#
# Between 0.96 and 1.05 times as fast in three runs: no clear gain.
#
# </details>
#
# ## Fold the batch norms
#
# After training, a [batch norm](../book/glossary.md#term-batch-normalisation) is a
# fixed factor and a fixed shift per channel. Both can be multiplied into the
# convolution before it, which has no bias of its own here:
#
# $$ w' = w \, \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}, \qquad
# b' = \beta - \mu \, \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} $$
#
# With $\mu = 3$, $\sqrt{\sigma^2 + \varepsilon} = 4$, $\gamma = 2$ and $\beta = 1$, the
# weights are halved and $b' = 1 - 3 / 2 = -0.5$.


# %%
def fold(conv, norm):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight = conv.weight * scale[:, None, None]
    return weight, norm.bias - norm.running_mean * scale


network = load_model("ours").network.eval().requires_grad_(False)
folded = fast.fold_norms(network)
old, new = (part.branches["resnet"].layers[0] for part in (network, folded))
same(fold(old.conv1, old.norm1), (new.conv1.weight, new.conv1.bias))


def classify(network, context):
    with torch.inference_mode(), context():
        return network(x)


forms = (network, nullcontext), (folded, nullcontext), (folded, fast.FastCPU)
calls = [partial(classify, *form) for form in forms]
same(calls[0](), calls[2]())
_, alone, both = gains(calls, 25 if full else 3)
page.states("1.1 times", alone, within=0.15)
page.states("1.3 times", both, within=0.3)

# %% [markdown]
# The folded network computes the same logits 1.1 times as fast, within `FastCPU` 1.3
# times. `predict` uses both. In training folding is impossible: there each batch has
# its own mean and variance.
#
# ### Exercise 3: a norm before the layer
#
# The library's branch of features has a batch norm *before* a linear layer. Write
# `fold_first(norm, linear)`, which returns the weights (c', c) and the bias (c',) of
# one linear layer that replaces both in `eval()` mode.


# %% tags=["exercise"]
def fold_first(norm, linear):
    return ...  # your code here


check("21.3", fold_first)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
# W (x scale + shift) + b = (W scale) x + (W shift + b)
def fold_first(norm, linear):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - norm.running_mean * scale
    return linear.weight * scale, linear.weight @ shift + linear.bias


check("21.3", fold_first)

# %% [markdown]
# ## Feed the network
#
# Usually a `DataLoader` collects a batch beat by beat, and each beat is cropped alone.
# The library keeps all beats of MIT-BIH as one array (72 MB). A batch is then one
# indexing operation, and its random crops ([page 06](06_augmentation.ipynb)) are
# computed together.


# %%
def crop(beat):
    length = rng.integers(135, 181)
    start = rng.integers(181 - length)
    at = np.linspace(start, start + length - 1, 180)
    return np.interp(at, np.arange(180), beat)


def by_index():
    for rows in torch.randperm(len(resident)).split(128):
        random_crops(resident[rows], generator)


rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
resident = torch.from_numpy(beats.signals[: 6400 if full else 1280])
loader = torch.utils.data.DataLoader(
    resident, 128, shuffle=True, collate_fn=lambda rows: list(map(crop, rows))
)
ratio = gains([partial(list, loader), by_index], 5 if full else 2)[1]
page.states("12 times", ratio, within=6)

# %% [markdown]
# From one array the crops come 12 times as fast as from the `DataLoader`.
#
# ## More threads
#
# **Predict:** With two threads, do the random numbers of PyTorch's dropout gain as much
# as a matrix product?
#
# <details><summary>Answer</summary>
#
# No: on this processor PyTorch draws them in one thread. So the share of dropout in a
# step grows with the number of threads.
#
# </details>


# %%
def shortest(call, threads):
    torch.set_num_threads(threads)
    return min(timeit.repeat(call, number=1, repeat=300 if full else 50))


for call in (partial(torch.mm, a, a), partial(h.bernoulli_, 0.7)):
    ratio = shortest(call, 1) / shortest(call, 2)
    print(f"two threads are {ratio:.1f} times as fast")
page.states("1.0 times", ratio, within=0.3)

# %% [markdown]
# Here ordinary time counts, and the shortest of 300 turns, since both cores have to be
# free. The matrix product gains up to a factor of 2; the random numbers come 1.0 times
# as fast.
#
# ## Recap
#
# - Measure first, in alternating turns. The share of a part limits what it can gain.
# - A convolution is a matrix product. Channels last brings large ones near its rate; on one
#   channel they stay slow.
# - Sixteen random bits per activation are enough for dropout.
# - After training, batch norms disappear into the convolutions.
# - Beats in one array need no `DataLoader`.
#
# ## What next
#
# [Page 10](10_training.ipynb) shows training on a GPU.

# %% tags=["hide-input"]
page.stamp(f"FastCPU: a training step {gain['FastCPU']:.2f} times as fast")
