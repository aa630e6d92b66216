# %% [markdown]
# # The temporal convolutional network
#
# **You will be able to** filter a sequence causally by hand, say how far a stack
# of dilated convolutions sees and prove it by experiment, name every part of a
# temporal block and what it is for, and compute the network's last step with a
# twentieth of the multiplications, without changing the function.
#
# **Time:** about 75 minutes to read and try. The page itself computes for about
# 20 seconds on two CPU cores in the quick profile, one to two minutes in full.
# A GPU gains little: nothing long is trained here.
#
# **You need** the pages on the data and on heartbeats, and to know what a layer,
# a weight and a gradient are. The section on the cone asks for some patience.

# %%
import time

import numpy as np
import torch
from ecgbook import figures
from ecgbook.page import Page, check, profile, show_code
from ecgkit import Recipe, fit, load_beats, plots, predict, random_split
from ecgkit.data.denoising import denoise
from ecgkit.data.sources import find_source
from ecgkit.evaluate import metrics
from ecgkit.nn.layers import CausalConv1d, SqueezeExcitation, TemporalBlock
from ecgkit.nn.models import BEAT_LENGTH, TCN, build
from IPython.display import Markdown, display
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

page = Page("07_tcn")
source = find_source()
page.uses(source)

# %% [markdown]
# The ResNet-TCN looks at each beat with two networks. This page is about the
# second, the *temporal convolutional network* (TCN) of
# [Bai, Kolter and Koltun 2018](https://arxiv.org/abs/1803.01271), as the paper
# uses it in section III-B: four temporal blocks, kernel size 7, dilations 1, 2,
# 4, 8, with 32, 64, 128 and 256 kernels, dropout 0.3, and squeeze-and-excitation
# behind them. Here is what will be built. (The paper's Fig. 3 shows the same
# network. It is not reproduced here: this drawing is made from the paper's text,
# and its numbers are read from our code.)

# %%
plots.show(figures.tcn_diagram())

# %% [markdown]
# ## Causal convolution
#
# The paper's equation (1) defines the filter, or *kernel*. For a sequence $x$,
# a filter with $k$ coefficients $f(0), \dots, f(k-1)$ and a *dilation* $d$, the
# output at sample $s$ is
#
# $$ F(x)_s = \sum_{i=0}^{k-1} f(i) \, x_{s - d \cdot i} $$
#
# The output at $s$ reads samples $s$, $s - d$, $s - 2d$ and so on, and none after
# $s$: the filter is *causal*. Before the first sample the sequence counts as zero.
# Take five numbers, three coefficients and dilation 1, and do it by hand:
# $F(x)_2 = 3 \cdot 4 + 2 \cdot 2 + 1 \cdot 1 = 17$.

# %%
x = np.array([1.0, 2, 4, 8, 16])
f = np.array([3.0, 2, 1])


def causal_convolution(x, f, d):
    y = np.zeros(len(x))
    for s in range(len(x)):
        for i in range(len(f)):
            if s - d * i >= 0:
                y[s] += f[i] * x[s - d * i]
    return y


print("d = 1:", causal_convolution(x, f, d=1))
print("d = 2:", causal_convolution(x, f, d=2))

# %% [markdown]
# Check the last number of the second row with pencil and paper before you go on:
# which three numbers of $x$ went into it?
#
# In the library the filter is a module,
# [`CausalConv1d`](../book/api_nn.md#ecgkit.nn.layers.CausalConv1d). To read no
# sample after $s$ it puts $(k-1) \, d$ zeros before the sequence and lets PyTorch's
# convolution run over it; the sequence keeps its length. (Its second method, `decimated`, is for the
# last part of this page. `weight_norm` comes soon.)

# %%
show_code(CausalConv1d)

# %% [markdown]
# One trap: PyTorch stores the *oldest* coefficient first, so $f(i)$ is
# `weight[..., k - 1 - i]`. With this in mind both give the same.

# %%
conv = CausalConv1d(1, 1, kernel_size=3, dilation=2)
with torch.no_grad():
    conv.conv.weight = torch.tensor(f[::-1].copy()).float().view(1, 1, 3)
    conv.conv.bias.zero_()
    y = conv(torch.tensor(x).float().view(1, 1, 5)).numpy().ravel()
print("library:", y)
assert np.allclose(y, causal_convolution(x, f, d=2), atol=1e-5)

# %% [markdown]
# A layer of the network has many filters. What one of them puts out is a
# *channel*; each filter has coefficients of its own for every channel of the
# layer before, and adds up what they give. The paper's equation (3) writes it
# for one channel in and one out,
#
# $$ c^l = \sum_{i=0}^{m} w_i^l x_i^l + b^l $$
#
# and calls $m$ the kernel size. A sum from 0 to $m$ has $m + 1$ terms; with kernel
# size $k$ it should end at $k - 1$, as equation (1) does. Equation (2) is the
# rectifier, $\mathrm{ReLU}(x) = x$ for $x > 0$ and 0 otherwise.
#
# ## Dilation, and how far the network sees
#
# A filter with seven coefficients sees 7 samples, at 360 Hz not even a fiftieth of
# a second. Two stacked see 13, three 19: each adds $k - 1 = 6$. With dilation $d$
# it adds $(k - 1) \, d$, and if $d$ doubles from layer to layer the view grows
# exponentially. The next figure, our drawing of the subject of the paper's Fig. 1,
# shows four such layers, with $k = 2$ so that the lines can be told apart.

# %%
plots.show(figures.dilated_convolution())

# %% [markdown]
# How many samples can reach one output is the *receptive field* $R$. Block $i$ of
# our TCN, counted from 0, has dilation $2^i$ and **two** convolutions (the 2 is
# easily forgotten), each adding $(k-1) \, 2^i$ samples to the one at the end. With
# $B$ blocks
#
# $$
# \begin{aligned}
# R &= 1 + \sum_{i=0}^{B-1} 2 (k-1) \, 2^i \\
#   &= 1 + 2 (k-1) (2^B - 1)
# \end{aligned}
# $$

# %%
k, blocks = 7, 4
R = 1
for i in range(blocks):
    R += 2 * (k - 1) * 2**i
    print(f"after block {i + 1}, dilation {2**i}: {R:3} samples")
assert R == 1 + 2 * (k - 1) * (2**blocks - 1) == TCN().receptive_field

layers = -(-(R - 1) // (k - 1))  # rounded up
print(f"without dilation: {layers} layers instead of {2 * blocks}")

# %% [markdown]
# 181, and a beat has 180 samples. The last step sees the whole beat, with one
# sample to spare, which is hardly an accident.
#
# ## The temporal block
#
# A block is two dilated causal convolutions, both with its dilation $d$, each
# followed by ReLU and dropout, and a *residual edge* around both:
#
# $$
# \begin{aligned}
# h_1 &= \mathrm{dropout}(\mathrm{ReLU}(w_1 *_d x + b_1)) \\
# h_2 &= \mathrm{dropout}(\mathrm{ReLU}(w_2 *_d h_1 + b_2)) \\
# y &= \mathrm{ReLU}(h_2 + \mathrm{edge}(x))
# \end{aligned}
# $$

# %%
show_code(TemporalBlock)

# %% [markdown]
# **The residual edge** ([He et al. 2016](https://doi.org/10.1109/CVPR.2016.90))
# lets the block learn what to *add* to its input, and gives the gradient a way
# back that passes no filter. Where the number of channels changes, input and
# output cannot be added; there the edge is a convolution of width 1, which mixes
# channels and leaves time alone. The paper calls it "optional"; as each of the
# four blocks changes the number of channels, all of them have it.
#
# **Weight normalisation**
# ([Salimans and Kingma 2016](https://arxiv.org/abs/1602.07868)) writes each filter
# as a length times a direction, and trains both:
#
# $$ w = g \, \frac{v}{\lVert v \rVert} $$
#
# It changes nothing of *what* the layer can compute: every filter can be written
# so ($g = \lVert w \rVert$, $v = w$), and every $g$ and $v$ make a filter. What
# changes is the path that training takes through the filters. The length of $v$
# does not matter:

# %%
torch.manual_seed(0)
conv = CausalConv1d(32, 64, kernel_size=7, dilation=2)
parameters = conv.conv.parametrizations.weight
g, v = parameters.original0, parameters.original1
print("g", tuple(g.shape), " v", tuple(v.shape))

with torch.no_grad():
    w = g * v / v.norm(dim=(1, 2), keepdim=True)
    assert torch.allclose(w, conv.conv.weight, atol=1e-6)
    v *= 7
    assert torch.allclose(w, conv.conv.weight, atol=1e-6)

    some = torch.randn(2, 32, 180)
    with_norm = conv(some)
    parametrize.remove_parametrizations(conv.conv, "weight")
    difference = (conv(some) - with_norm).abs().max().item()
print(f"weight norm taken off: outputs differ by {difference:.0e}")

# %% [markdown]
# Once trained, it can be taken off, as the last lines do. Batch normalisation, in
# the ResNet of the next page, is different: it rescales *activations* by their mean
# and spread over the batch. Weight normalisation does not use the beats, so the
# result for one beat never depends on the others in its batch.
#
# **Dropout** sets each activation to zero with probability 0.3 while training, and
# scales the others by 1/0.7 so that their mean stays. Outside training it does
# nothing.

# %%
ones = torch.ones(1, 1, 10)
dropout = torch.nn.Dropout(0.3)
print("training:", dropout.train()(ones).numpy().round(2).ravel())
print("after it:", dropout.eval()(ones).numpy().ravel())

# %% [markdown]
# ## The whole network
#
# Four blocks in a row turn a beat into 256 channels, each as long as the beat.

# %%
torch.manual_seed(0)
tcn = TCN().eval()
beat = torch.randn(1, 1, BEAT_LENGTH)
h = beat
print("beat   ", tuple(h.shape))
for i, block in enumerate(tcn.blocks, 1):
    h = block(h)
    print(f"block {i}", tuple(h.shape))
assert torch.equal(h, tcn.sequence(beat))

# %% [markdown]
# The last step of each channel, `h[..., -1]`, is the only one that has seen the
# whole beat, and "the last node of each channel is the feature that the network
# extracts". Behind it stands *squeeze-and-excitation*
# ([Hu, Shen and Sun 2018](https://doi.org/10.1109/CVPR.2018.00745)): a small
# network that looks at one number $z_c$ of each channel and gives the channel a
# gate between 0 and 1,
#
# $$
# \begin{aligned}
# s &= \sigma(W_2 \, \mathrm{ReLU}(W_1 z + b_1) + b_2) \\
# y_c &= s_c \, h_c(T)
# \end{aligned}
# $$
#
# where $T$ is the last step, $\sigma$ the logistic function, and $W_1$ narrows 256
# channels to 16.

# %%
show_code(SqueezeExcitation)

# %% [markdown]
# What is $z$? Here the paper can be read in two ways. It puts the block "after the
# last layer of the TCN". In the original a channel is *squeezed* to its mean over
# time, $z_c = \frac{1}{n} \sum_t h_c(t)$; then the gate of a channel depends on all
# steps, though only the last one is handed on. But if the last step is the
# feature, then what comes after the last layer is that step, and there is nothing
# to average: $z_c = h_c(T)$. We take the second reading, `squeeze="last"`: it
# gates what the network goes on with by itself, and nothing else of the sequence
# is ever needed, which will matter soon. The first is `TCN(squeeze="time")`, and
# the page on the ablation compares.

# %% [markdown]
# ## Does it learn?
#
# A part of the training half, balanced as on page 06, and six epochs are enough
# to see the loss fall. Knowing nothing, the network would give the four classes a
# quarter each, a loss of $\ln 4 = 1.386$.

# %%
beats = load_beats(source).without_q()
split = random_split(beats.labels, seed=0)
train = beats.select(split.train)
quick = profile() == "quick"
sizes = (250, 100, 150, 50) if quick else (4000, 1000, 2000, 300)
shuffled = np.random.default_rng(0).permutation(len(train))
rows = np.concatenate(
    [
        shuffled[train.labels[shuffled] == c][:size]
        for c, size in enumerate(sizes)
    ]
)
torch.manual_seed(0)
small = build("tcn")
curve = fit(
    small,
    train.signals[rows],
    train.labels[rows],
    Recipe(epochs=6, batch=64, learning_rate=1e-3),
)
for entry in curve:
    print(f"epoch {entry.epoch}: mean loss {entry.loss:.3f}")

# %% tags=["hide-input"]
others = np.setdiff1d(shuffled, rows)  # the test half stays shut
some = train.select(np.random.default_rng(1).permutation(others)[:2000])
predicted = predict(small, some.signals).argmax(axis=1)
matrix = metrics.confusion_matrix(some.labels, predicted)
found = metrics.sensitivity(matrix)
display(
    Markdown(
        f"Of {len(some):,} other beats of the training half this network, "
        f"trained on {len(rows):,}, finds "
        + ", ".join(
            f"{100 * share:.0f} % of {name}"
            for name, share in zip(metrics.CLASSES, found, strict=True)
        )
        + ". That is a sign of life and no result: results come from the "
        "training runs of later pages."
    )
)

# %% [markdown]
# What do its gates do? Look at their values, and at how much each of them moves
# from beat to beat: a gate that never moves is a mere constant, which the linear
# layer behind it could hold as well.

# %%
trained = small.branches["tcn"].eval()
with torch.no_grad():
    last = trained.last_step(torch.from_numpy(some.signals[:1000])[:, None])
    gates = trained.se.gates(last).numpy()  # (b, c)
spread = gates.std(axis=0)
print(f"gates from {gates.min():.2f} to {gates.max():.2f}")
print("standard deviation over beats:")
print(f"median {np.median(spread):.3f}, largest {spread.max():.3f}")

# %% [markdown]
# ## Is it causal? An experiment
#
# A claim about what a network *cannot* see is easily tested: change something
# there, and nothing may move. Add 1 mV to sample 100 of a beat, and look at
# what moves in the output of each block.

# %%
torch.manual_seed(0)
tcn = TCN(squeeze=None).double().eval()
before = torch.from_numpy(beats.signals[:1]).double()[:, None]  # (1, 1, n)
after = before.clone()
after[..., 100] += 1

change = {}
with torch.no_grad():
    for i, block in enumerate(tcn.blocks, 1):
        before, after = block(before), block(after)
        change[f"block {i}"] = (after - before).abs().mean(1)[0].numpy()
assert all((moved[:100] == 0).all() for moved in change.values())
plots.show(
    figures.line_panels(
        {"": change},
        np.arange(BEAT_LENGTH),
        "sample",
        "mean |change| (logarithmic)",
        "What moves when sample 100 does",
        log="y",
        marks={"100": 100},
        seen="No line begins before sample 100; block 1 ends at sample 112, "
        "block 2 at 136, blocks 3 and 4 at the end of the beat.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# Not one output before sample 100 has moved, in no block, not in the last digit;
# zeros are left out of the drawing. To its right you see each block's view again:
# in block 1 the change is gone after 12 samples, in block 2 after 36, as the
# table of receptive fields said (13 and 37, the sample itself included).
#
# The gradient asks the same question backwards: which input samples move the
# *last* output? Give the network 400 samples, more than it can see, and
# differentiate. Below this is done on eight stretches of a recording, for a network
# as it begins and for the one just trained.

# %%
record = source.read(source.records[0])
clean = denoise(record.lead("MLII"))
strips = torch.tensor(clean[: 8 * 400].reshape(8, 1, 400)).double()


def influence(tcn):
    x = strips.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(tcn.sequence(x)[..., -1].sum(), x)
    return gradient.abs().mean(0)[0].numpy()


trained = trained.double()
curves = {"untrained": influence(tcn), "trained": influence(trained)}
for name, gradient in curves.items():
    print(f"{name}: {np.count_nonzero(gradient)} samples count")
assert np.count_nonzero(curves["untrained"]) == tcn.receptive_field
plots.show(
    figures.line_panels(
        {"": curves},
        np.arange(-399, 1),
        "sample",
        "mean |gradient| (logarithmic)",
        "What moves the last output",
        log="y",
        marks={"-180": -180},
        seen="Both lines begin at sample -180 with their smallest values.",
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
half, oldest = {}, {}
for name, y in curves.items():
    so_far = np.cumsum(y[::-1]) / y.sum()  # from the last sample back
    half[name] = np.searchsorted(so_far, 0.5) + 1
    oldest[name] = y[-181:-151].sum() / y.sum()
display(
    Markdown(
        "181 samples, as the formula says, and exactly zero beyond. But not "
        "all of them count alike. Half of the whole influence comes from the "
        f"last {half['untrained']} samples in the untrained network, from "
        f"the last {half['trained']} in the one just trained; the oldest 30 "
        f"samples in view have {100 * oldest['untrained']:.2g} % and "
        f"{100 * oldest['trained']:.2g} % of it."
    )
)

# %% [markdown]
# A single path of filter taps leads to the far end, and very many to the near one.
# This is so in every stack of convolutions:
# [Luo et al. 2016](https://arxiv.org/abs/1701.04128) call what is left the
# *effective* receptive field, and saw it grow in training. The receptive field is
# a limit of what can matter, not a measure of what does.
#
# And a word of caution about what causality is *for*. It makes a TCN fit for
# streams, where the future is not known yet. Here the beat is cut 90 samples
# either side of its R peak before the network sees it: the future, a quarter of a
# second of it, is in the window already, and a filter that looked ahead inside it
# would come no later. What causality buys here is that one place, the last step,
# sums up everything.
#
# ## The cone
#
# Look at the shapes again: 256 channels of 180 steps are computed, and one step is
# used. Which positions of each layer does that one step read? Walk back from it:
# a filter with dilation $d$ reads 7 positions at distance $d$, the one before it
# reads 7 from each of these, many of them the same.

# %%
plots.show(figures.cone(TCN(), 180, "What the last step reads"))

# %% [markdown]
# Of the third block's output the network needs 13 positions out of 180.
# Everything grey is computed for nothing. And what is blue is *regular*: block
# 4 needs its input at every 8th position, block 3 at every 4th, block 2 at
# every 2nd. That lets us do without dilation altogether. In four steps:
#
# **Step 1: a dilated filter on every $d$-th sample is a plain filter.** It reads
# at distance $d$; if the samples between are not there, the distance is 1.

# %%
torch.manual_seed(0)
conv = CausalConv1d(1, 1, kernel_size=7, dilation=4).double()
signal = torch.randn(1, 1, 181, dtype=torch.float64)
with torch.no_grad():
    dense = conv(signal)[..., ::4]  # filter everything, keep every 4th
    thin = signal[..., ::4]  # keep every 4th, then filter plainly
    plain = F.conv1d(thin, conv.conv.weight, conv.conv.bias)
print(f"{thin.shape[-1]} samples -> {plain.shape[-1]}, nothing padded")
assert torch.allclose(dense[..., 6:], plain, rtol=0, atol=1e-14)

# %% [markdown]
# **Step 2: what hands on every second position computes every second.** In a
# block the second convolution reads the first one's output at every position of
# its (already thinned) sequence. But of its own output only every second is ever
# read, so it runs with stride 2. In the last block it hands on one position.
#
# **Step 3: the residual edge takes the matching positions.** The first position
# that both filters cover whole lies $2 (k-1) = 12$ samples into the block's input;
# the others follow at every second. These two steps are the block's second method:

# %%
show_code(CausalConv1d.decimated)
show_code(TemporalBlock.decimated)

# %% [markdown]
# **Step 4: begin with what is in view, and chain.** One zero is put before the
# 180 samples, because the view is 181; of a longer input only the last 181
# samples matter. Then each block hands on every second position, the last block
# only one.

# %%
n = TCN().receptive_field
lengths = [n]
for stride in (2, 2, 2, 1):
    first = n - (k - 1)
    n = (first - k) // stride + 1
    lengths += [first, n]
print(" -> ".join(map(str, lengths)))

# %%
show_code(TCN.sequence)
show_code(TCN.last_step)

# %% [markdown]
# [`sequence`](../book/api_nn.md#ecgkit.nn.models.TCN.sequence) is the plain
# definition, [`last_step`](../book/api_nn.md#ecgkit.nn.models.TCN.last_step) the
# cone.
#
# ### Is it the same function?
#
# With the same weights, in double precision, values and gradients:

# %%
torch.manual_seed(0)
tcn = TCN(squeeze=None).double().eval()
x = torch.from_numpy(beats.signals[:16]).double()[:, None]
x.requires_grad_()
dense, cone = tcn.sequence(x)[..., -1], tcn.last_step(x)
value_error = (dense - cone).abs().max().item()

probe = torch.randn_like(dense)  # any direction will do
wanted = [x, *tcn.parameters()]
of_dense = torch.autograd.grad((dense * probe).sum(), wanted)
of_cone = torch.autograd.grad((cone * probe).sum(), wanted)
gradient_error = max(
    ((a - b).norm() / a.norm()).item()
    for a, b in zip(of_dense, of_cone, strict=True)
)
print(f"values: largest difference {value_error:.1e}")
print(f"gradients: largest relative difference {gradient_error:.1e}")
assert value_error < 1e-14
assert gradient_error < 1e-12

# %% [markdown]
# That is the rounding of the sums, in another order, and no more. One fine point:
# `eval()` switched dropout off. In training the two forms draw different random
# numbers, as the cone draws none for what it does not compute; each activation
# that is read is still dropped with the same probability, independently of the
# others, so training is the same in distribution though not digit by digit.
#
# ### What is saved
#
# A convolution needs (weights) x (positions) multiplications. Count them for both
# forms, and let PyTorch's own counter check the sums.

# %%
rows, sums = [], np.zeros(2, int)
for i, block in enumerate(tcn.blocks):
    sizes = np.array(
        [c.weight.numel() for c in (block.conv1.conv, block.conv2.conv)]
        + [block.edge.weight.numel()]
    )
    n1, n2 = lengths[2 * i + 1 : 2 * i + 3]
    dense_count = 180 * sizes.sum()
    cone_count = sizes @ [n1, n2, n2]
    sums += [dense_count, cone_count]
    rows.append((f"block {i + 1}", dense_count, cone_count))
rows.append(("all", *sums))

one = torch.zeros(1, 1, 180, dtype=torch.float64)
for form, count in zip((tcn.sequence, tcn.last_step), sums, strict=True):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        form(one)
    assert counter.get_total_flops() == 2 * count  # times and plus

# %% tags=["hide-input"]
table = "\n".join(
    f"| {name} | {a / 1e6:.2f} | {b / 1e6:.2f} | {a / b:.1f} |"
    for name, a, b in rows
)
display(
    Markdown(
        "Millions of multiplications a beat:\n\n"
        "| | dense | cone | ratio |\n|---|---|---|---|\n" + table
    )
)

# %% [markdown]
# The dense form spends most where most is thrown away. Does the clock agree? The
# two forms take turns on this machine, best of five, first as in classifying, then
# with gradients as in training:

# %%
batch = torch.from_numpy(beats.signals[: 32 if quick else 128])[:, None]
timed = TCN(squeeze=None)


def seconds(form, with_gradients):
    start = time.perf_counter()
    with torch.set_grad_enabled(with_gradients):
        y = form(batch)
        if with_gradients:
            y.sum().backward()
    return time.perf_counter() - start


def dense_last_step(x):
    return timed.sequence(x)[..., -1]


forms = (dense_last_step, timed.last_step)
for name, gradients in (("classifying", False), ("training", True)):
    timed.train(gradients)
    turns = [[seconds(form, gradients) for form in forms] for _ in range(5)]
    slow, fast = np.min(turns, axis=0)
    print(f"{name}: the dense form takes {slow / fast:.1f} times as long")

# %% tags=["hide-input"]
display(
    Markdown(
        f"By count it would be {sums[0] / sums[1]:.1f} times. Time does not "
        "follow the count alone: shorter sequences keep a processor's "
        "multipliers less busy, while the dense form moves far more memory. "
        "And whatever else runs on the machine adds its noise."
    )
)

# %% [markdown]
# ### Where it stops being valid
#
# The dense form puts zeros before *every* layer, not only before the beat. The
# cone puts them before the beat alone and computes from there. As long as it reads
# no hidden layer before its first position, nobody sees the difference. The
# widest is the first convolution, read at 175 positions: for inputs of at least
# 175 samples the forms agree, for shorter ones they do not, since a filter's
# answer to zeros is its bias, which is no zero. Take the guard away and watch:


# %%
def unguarded(tcn, x):
    x = F.pad(x, (tcn.receptive_field - x.shape[-1], 0))
    *first, last = tcn.blocks
    for block in first:
        x = block.decimated(x, stride=2)
    return last.decimated(x, stride=1).squeeze(-1)


with torch.no_grad():
    for n in (100, 150, 173, 174, 175, 176, 180, 181, 300):
        x = torch.randn(4, 1, n, dtype=torch.float64)
        dense = tcn.sequence(x)[..., -1]
        bare = (unguarded(tcn, x) - dense).abs().max().item()
        guarded = (tcn.last_step(x) - dense).abs().max().item()
        print(f"{n:3} samples: unguarded {bare:.0e}, last_step {guarded:.0e}")

# %% [markdown]
# So `last_step` goes back to the plain definition for inputs that short. And
# `squeeze="time"` needs every step of the last block: for that reading there is no
# cone.
#
# ### Whose idea is it?
#
# The parts are old. That filtering with dilation $d$ and then keeping every
# $d$-th sample equals keeping every $d$-th and then filtering without dilation
# is the *noble identity* of multirate signal processing (Crochiere and Rabiner
# 1983; Vaidyanathan 1993; [Smith's
# book](https://ccrma.stanford.edu/~jos/sasp/Multirate_Noble_Identities.html)
# has it online). A dilated filter is the *algorithme à trous*, "with holes", of
# the wavelet literature, and [Shensa 1992](https://doi.org/10.1109/78.157290)
# brought it and the decimated transform under one roof. In neural networks [Le
# Paine et al. 2016](https://arxiv.org/abs/1611.09482) drew the same cone for
# WaveNet and saved most of it when generating: they keep the hidden states of
# past samples in queues, so that *one more* output costs one position a layer.
# What is done here is related and not the same: no states are kept, a whole
# sequence is given, one output is wanted, for a batch of sequences at once, and
# the gradients pass the same way, so that it serves training too. For a stream,
# where an output is wanted at every sample, their queues are the better tool,
# and for an output at every sample of a given sequence the dense form is.
#
# ### What training and classifying run
#
# One more step is left to the library. On a CPU
# [`fit`](../book/api_train.md#ecgkit.train.fit.fit) and
# [`predict`](../book/api_train.md#ecgkit.train.fit.predict) run every network of
# this book within the context
# [`FastCPU`](../book/api_nn.md#ecgkit.nn.fast.FastCPU): the same cone, with memory
# laid out as the processor's convolutions want it and dropout's random numbers
# drawn four at a time. It computes the numbers that this
# page defined, and the page on training (page 10) takes it apart.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: predict
#
# On paper: how many samples does the last step of a TCN of **three** temporal
# blocks with kernel size **5** see?

# %% tags=["exercise"]
answer = ...
check("07.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# The sample itself, and two convolutions a block of dilation 1, 2 and 4.
answer = 1 + 2 * (5 - 1) * (1 + 2 + 4)
assert answer == TCN((1, 1, 1), kernel_size=5, squeeze=None).receptive_field
check("07.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# Somebody writes `nn.Conv1d(..., padding="same")` where a causal convolution
# belongs. The shapes are right, the loss falls, the accuracy is good, and the
# network looks ahead. Change the experiment of this page into a check that catches
# it: `is_causal(layer)` gets a layer that turns (b, 1, n) into (b, c, n), and
# returns whether no output depends on a later input. Among the layers it will be
# tried on is one that looks 30 samples ahead.


# %% tags=["exercise"]
def is_causal(layer):
    return ...  # your code here


check("07.2", is_causal)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# Sample 80 changes: outputs 0 to 79 must stay, output 80 and later may move.
def is_causal(layer):
    x = torch.randn(1, 1, 100)
    changed = x.clone()
    changed[..., 80] += 1
    with torch.no_grad():
        return torch.equal(layer(x)[..., :80], layer(changed)[..., :80])


check("07.2", is_causal)

# %% [markdown]
# ### Exercise 3: build
#
# Build the cone for two blocks. `last_step(first, second, x)` gets two temporal
# blocks (kernel size 7, dilations 1 and 2) and x of shape (b, c, n) with n at
# least 37; it returns what `second(first(x))[..., -1]` returns, shape (b, c'),
# and computes nothing that this one step does not read.
#
# You need `F.conv1d(x, conv.conv.weight, conv.conv.bias, stride=...)` for
# `conv` in `block.conv1`, `block.conv2`; `block.edge(...)`; and `F.relu`. Leave
# dropout out: the check calls it as after training. Draw the lengths first: 37, 31,
# 13, 7, 1. The check compares with the dense form in double precision, also for an
# x that is longer than needed, and counts multiplications.


# %% tags=["exercise"]
def last_step(first, second, x):
    return ...  # your code here


check("07.3", last_step)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def last_step(first, second, x):
    x = x[..., -37:]  # the last step sees no more
    for block, stride in ((first, 2), (second, 1)):
        h = x
        for conv, step in ((block.conv1, 1), (block.conv2, stride)):
            weight, bias = conv.conv.weight, conv.conv.bias
            h = F.relu(F.conv1d(h, weight, bias, stride=step))
        # Both filters end 12 samples into x, then at every second one.
        x = F.relu(h + block.edge(x[..., 12::stride]))
    return x[..., 0]  # 37 -> 31 -> 13 -> 7 -> 1


check("07.3", last_step)

# %% [markdown]
# ## Recall
#
# <details><summary>1. In the formula of the receptive field, where do the 1, the 2
# and the k - 1 come from?</summary>
#
# The 1 is the sample at which the output stands. The 2 is for the two convolutions
# of a block, which have the same dilation. And between the first and the last of k
# coefficients lie k - 1 distances.
#
# </details>
# <details><summary>2. Weight normalisation and batch normalisation both have
# "normalisation" in their names. What does each normalise?</summary>
#
# The first a filter: it writes the weights as length times direction and looks at
# no data. The second the activations of a layer, by their mean and spread over the
# batch (in training) or over the training so far (afterwards).
#
# </details>
# <details><summary>3. The network is causal, and classifies a beat from samples
# that come after its R peak. Is that a contradiction?</summary>
#
# No. No output depends on a *later* sample of the window, but the window itself
# ends a quarter of a second after the R peak, and it is the window's last step
# that is used.
#
# </details>
# <details><summary>4. Why does the second convolution of a block in the cone have
# stride 2, and not the first?</summary>
#
# The second convolution reads the first one's output at every position of the
# thinned sequence: overlapping groups of seven. What the block hands on is read at
# every second position only, because the next block's dilation is twice as large.
#
# </details>
# <details><summary>5. For which inputs does the cone give other numbers than the
# dense form, and why?</summary>
#
# For those with fewer than R - k + 1 = 175 samples. There the dense form reads
# hidden layers before their first position, where it puts zeros, and the cone
# would compute there what zeros in the *input* give: something with the bias in
# it. <code>last_step</code> then uses the plain definition.
#
# </details>
#
# ## Recap
#
# - A causal convolution reads the present and the past; dilation sets how far
#   apart, and doubling it from block to block makes the view grow exponentially:
#   181 samples with four blocks and kernel size 7.
# - A temporal block is twice convolution, ReLU, dropout, with a residual edge
#   around; weight normalisation changes how it trains, not what it can compute.
# - Causality and the receptive field are facts that an experiment of five lines
#   settles. Test them; shapes tell nothing.
# - Where one step is used, its cone is all that need be computed: same function,
#   same gradients, a twentieth of the multiplications.
# - The paper leaves open what squeeze-and-excitation squeezes. We gate the last
#   step by itself, and say so.
#
# **Further reading.** [Bai, Kolter and Koltun 2018](https://arxiv.org/abs/1803.01271)
# is where this TCN comes from, and worth reading for its comparisons with
# recurrent networks; [van den Oord et al. 2016](https://arxiv.org/abs/1609.03499)
# made dilated causal convolutions famous as WaveNet. On what the cone is made of:
# R. E. Crochiere and L. R. Rabiner, *Multirate Digital Signal Processing*,
# Prentice-Hall 1983; P. P. Vaidyanathan, *Multirate Systems and Filter Banks*,
# Prentice-Hall 1993.

# %% tags=["hide-input"]
page.stamp(
    f"the cone equals the dense form to {value_error:.0e} with "
    f"{sums[0] / sums[1]:.1f} times fewer multiplications"
)
