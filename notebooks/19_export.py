# %% [markdown]
# # The network without PyTorch
#
# > **You will be able to** multiply weight and batch normalisation into a
# > convolution, run the network with NumPy alone, export it to ONNX and test that
# > nothing has changed, store its weights in 8 bits or fewer, and estimate what a
# > beat costs a battery.
# >
# > **Time:** 35 minutes to read and try; computes 16 s in the quick profile and 220 s
# > in full, on one CPU core.
# >
# > **You need:** pages 07 to 09.

# %%
import copy
import importlib.util
import json
import tempfile
from pathlib import Path

import ecgkit
import numpy as np
import torch
from ecgbook import figures
from ecgbook.bench import networks, timing
from ecgbook.page import Page, check, profile
from ecgkit import load_beats, load_model, plots
from ecgkit.apply import onnx
from ecgkit.data import splits
from ecgkit.data.sources import find_source
from ecgkit.nn.fast import fold_norms
from torch import nn

page = Page("19_export")
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()
test = splits.random_split(beats.labels, seed=0).test
test = test if profile() == "full" else test[::100]
x, labels = beats.signals[test], beats.labels[test]
classifier = load_model("ours")
network = classifier.network.eval()
with torch.inference_mode():
    logits = network(torch.tensor(x[:32])).numpy()
n_parameters = sum(p.numel() for p in network.parameters())
print(f"{n_parameters:,} parameters, {len(x):,} test beats")

# %% [markdown]
# PyTorch takes 750 MB of disk. A monitor, a watch or a browser needs the numbers that
# it computed and a few lines that multiply and add. This page takes the published network
# apart until only these are left, and asserts after each step that the logits are the
# same.
#
# ## Training forms and final forms
#
# Two parts of the network help in training only.
#
# [Weight normalisation](../book/glossary.md#term-weight-normalisation) (page 07) learns
# a length $g$ and a direction $v$ for each kernel. The kernel itself is
#
# $$ w = g\,\frac{v}{\lVert v \rVert} $$
#
# With $g = 2$ and $v = (3, 4)$, the norm of $v$ is 5 and $w = (1.2, 1.6)$. After
# training, $w$ is all we need.

# %%
conv = network.branches["tcn"].blocks[1].conv1.conv
g = conv.parametrizations.weight.original0.detach()  # (64, 1, 1)
v = conv.parametrizations.weight.original1.detach()  # (64, 32, 7)
w = g * v / v.square().sum(dim=(1, 2), keepdim=True).sqrt()
torch.testing.assert_close(w, conv.weight.detach())

# %% [markdown]
# [Batch normalisation](../book/glossary.md#term-batch-normalisation) (page 08) uses its
# running mean $\mu$ and variance $\sigma^2$ once training is over. For the output
# $w * x + b$ of a convolution it computes
#
# $$ \gamma\,\frac{w * x + b - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta
# = (s w) * x + s\,(b - \mu) + \beta, \qquad
# s = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} $$
#
# This is a convolution again. Its kernel is $s w$, its bias $s\,(b - \mu) + \beta$.


# %%
def fold(conv, norm):
    s = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded = copy.deepcopy(conv)
    bias = 0 if conv.bias is None else conv.bias
    folded.weight = nn.Parameter(s[:, None, None] * conv.weight)
    folded.bias = nn.Parameter(s * (bias - norm.running_mean) + norm.bias)
    return folded


module = network.branches["resnet"].layers[0]
maps = torch.randn(8, 32, 180)
torch.testing.assert_close(
    fold(module.conv1, module.norm1)(maps),
    module.norm1(module.conv1(maps)),
    rtol=1e-4,
    atol=1e-4,
)

# %% [markdown]
# ### Exercise 1: fold by hand
#
# A convolution of width 1 has the weight 2 and the bias 1. Its batch normalisation has
# $\mu = 3$, $\sigma^2 = 4$, $\gamma = 6$, $\beta = -1$ and $\epsilon = 0$. Which weight
# and which bias does the folded convolution have?

# %% tags=["exercise"]
answer = ...  # (weight, bias)
check("19.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
s = 6 / np.sqrt(4)
answer = (s * 2, s * (1 - 3) - 1)
check("19.1", answer)

# %% [markdown]
# The library's `fold_norms` does this for the whole network, and joins the four
# convolutions of the Inception module into one. What is left are pairs of arrays:

# %%
folded = fold_norms(network)
arrays = {
    name: (part.weight.detach().numpy(), part.bias.detach().numpy())
    for name, part in folded.named_modules()
    if isinstance(part, nn.Conv1d | nn.Linear)
}
n_numbers = sum(w.size + b.size for w, b in arrays.values())
print(f"{len(arrays)} pairs, {n_numbers:,} numbers")

# %% [markdown]
# ## The network in NumPy
#
# A convolution is a sum of shifted inputs: tap $i$ of all kernels is a matrix, which
# multiplies the input shifted by $i$ times the dilation. With a stride, every
# `stride`-th position counts.


# %%
def conv1d(x, name, pad=(0, 0), stride=1, dilation=1):
    w, b = arrays["branches." + name]  # (c_out, c_in, k), (c_out)
    x = np.pad(x, ((0, 0), (0, 0), pad))
    span = dilation * (w.shape[2] - 1)  # first to last tap
    y = b[:, None]
    for i in range(w.shape[2]):
        shifted = x[:, :, i * dilation : x.shape[2] - span + i * dilation]
        y = y + w[:, :, i] @ shifted[:, :, ::stride]  # (b, c_out, m)
    return y


def relu(x):
    return np.maximum(x, 0)


# %% [markdown]
# The two branches follow the diagrams of pages 07 and 08. In the TCN the padding is on
# the left alone: that makes it causal.


# %%
def resnet(x):  # (b, 1, 180) -> (b, 2880)
    edges = ((0, 0), (0, 0), (1, 1))
    padded = np.pad(x, edges, constant_values=-np.inf)
    pooled = np.maximum.reduce([padded[..., i : i + 180] for i in range(3)])
    both = np.concatenate([x, pooled], axis=1)
    x = relu(conv1d(both, "resnet.stem.conv", (2, 2)))
    for i in range(6):
        name, stride = f"resnet.layers.{i}.", 2 if i in (2, 4) else 1
        h = relu(conv1d(x, name + "conv1", (1, 1), stride))
        h = conv1d(h, name + "conv2", (1, 1))
        if "branches." + name + "edge" in arrays:
            x = conv1d(x, name + "edge", stride=stride)
        x = relu(h + x)
    return x.reshape(len(x), -1)


def tcn(x):  # (b, 1, 180) -> (b, 256)
    for i in range(4):
        name, d = f"tcn.blocks.{i}.", 2**i
        h = relu(conv1d(x, name + "conv1.conv", (6 * d, 0), dilation=d))
        h = relu(conv1d(h, name + "conv2.conv", (6 * d, 0), dilation=d))
        x = relu(h + conv1d(x, name + "edge"))
    x = x[..., -1]
    w, b = arrays["branches.tcn.se.reduce"]
    h = relu(x @ w.T + b)
    w, b = arrays["branches.tcn.se.expand"]
    return x / (1 + np.exp(-(h @ w.T + b)))


def classify(x):  # (b, 180) -> logits (b, 4)
    w, b = arrays["linear"]
    x = x[:, None]
    return np.concatenate([resnet(x), tcn(x)], axis=1) @ w.T + b


numpy_logits = classify(x[:32])
np.testing.assert_allclose(numpy_logits, logits, atol=1e-4)
numpy_gap = abs(numpy_logits - logits).max()
print(f"largest difference of the logits: {numpy_gap:.0e}")

# %% [markdown]
# The logits of 32 beats differ from PyTorch's by less than 0.0001; the logits
# themselves reach 5. They are not equal to the bit, because sums are added up in another
# order. These lines run wherever there is NumPy, and translate to C one by one.
#
# **Predict:** the TCN above computes all 180 positions and keeps the last. `last_step` of
# the library's `TCN` computes only what the last one needs. Do the logits differ?
#
# <details><summary>Answer</summary>
#
# Only by rounding: it is the same function ([page 20](20_cone.ipynb)). The form decides how long the
# computation takes, not what it returns.
#
# </details>
#
# ## Fewer bits
#
# A weight takes 32 bits. Round it to an integer $q$ of 8 bits, from −127 to 127, times
# one scale per output channel:
#
# $$ q = \operatorname{round}(w / a), \qquad a = \frac{\max |w|}{2^{8-1} - 1} $$
#
# If the largest weight of a channel is 0.254, then $a = 0.254 / 127 = 0.002$, and
# $w = 0.0153$ becomes $q = 8$, which stands for 0.016.


# %%
def quantise(w, bits):  # (c_out, ...) -> integers, scale (c_out, 1)
    flat = w.reshape(len(w), -1)
    scale = abs(flat).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.round(flat / scale).astype(np.int8), scale


def with_bits(bits):
    rounded = copy.deepcopy(folded)
    for part in rounded.modules():
        if isinstance(part, nn.Conv1d | nn.Linear):
            w = part.weight.detach().numpy()
            q, scale = quantise(w, bits)
            w = torch.tensor((q * scale).reshape(w.shape))
            if hasattr(part, "parametrizations"):  # a TCN convolution
                part.weight = w
            else:
                part.weight.data = w
    return rounded


before = ecgkit.predict(folded, x).argmax(axis=1)
changed, right = {}, {}
for bits in (8, 6, 4, 3):
    after = ecgkit.predict(with_bits(bits), x).argmax(axis=1)
    changed[bits] = (after != before).sum()
    right[bits] = 100 * (after == labels).mean()
    size = n_numbers * bits / 8e6
    print(
        f"{bits} bits: {size:.2f} MB, {changed[bits]} other answers,", end=" "
    )
    print(f"accuracy {right[bits]:.2f} %")

# %% tags=["hide-input"]
percent = {b: 100 * n / len(x) for b, n in changed.items()}
plots.show(
    figures.line_panels(
        {"": {"answers": list(percent.values())}},
        list(percent),
        "bits per weight",
        "answers that change (%)",
        "What fewer bits change",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# *Figure 19.1. Share of the test beats that get another answer when the weights are
# rounded, with one scale per output channel.*
#
# The weights shrink from 4.26 MB to 1.07 MB in 8 bits, and 14 of 50,339 answers change.
# With 4 bits it is 200, with 3 bits 460. A changed answer may be wrong or right: with 8
# bits the accuracy is at 99.05 %, before at 99.04 %.
#
# ### Exercise 2: one scale for all
#
# Change it and measure. Write `quantise_layer(w, bits)`: like `quantise`, but with *one*
# scale for the whole array. Return integers of shape (c_out, n) and the scale, a number.
# Put it into `with_bits` and count again with 8, 6 and 4 bits. What do you expect?


# %% tags=["exercise"]
def quantise_layer(w, bits):
    return ...  # integers, scale


check("19.2", quantise_layer)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
def quantise_layer(w, bits):
    flat = w.reshape(len(w), -1)
    scale = abs(flat).max() / (2 ** (bits - 1) - 1)
    return np.round(flat / scale).astype(np.int8), scale


by_channel, quantise = quantise, quantise_layer
for bits, text in (8, "27 of 50,339"), (6, "50 with 6"), (4, "339 with 4"):
    after = ecgkit.predict(with_bits(bits), x).argmax(axis=1)
    others = (after != before).sum()
    print(f"{bits} bits: {others} other answers")
    page.states(text, others, within=3 + 0.2 * others)
quantise = by_channel
check("19.2", quantise_layer)

# %% [markdown]
# <details><summary>What was measured</summary>
#
# 27 of 50,339 answers change with 8 bits, 50 with 6 and 339 with 4. One large weight
# sets the scale for all channels, and small weights round to few different values.
#
# </details>
#
# ## ONNX
#
# Nobody wants to write each network twice. [ONNX](../book/glossary.md#term-ONNX) is a
# file format for the computation itself: a list of operations with their weights.
# Small *runtimes* execute it on servers and phones. PyTorch writes the file by following
# the network once and recording what is done. The library folds the weight
# normalisation first, leaves the number of beats open and adds the metadata; the
# command line has it as `ecgkit export --weights ours --onnx network.onnx`.

# %%
needs = ("onnx", "onnxscript", "onnxruntime")
can_export = all(importlib.util.find_spec(name) for name in needs)
if can_export:
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "network.onnx"
    onnx.export_onnx(classifier, path)
    session = onnx.session(path)
    (onnx_logits,) = session.run(None, {"beats": x[:32]})
    np.testing.assert_allclose(onnx_logits, logits, atol=1e-4)
    same = onnx.predict(session, x).argmax(axis=1) == before
    print(f"{path.stat().st_size / 1e6:.2f} MB,", end=" ")
    print(f"{(~same).sum()} of {len(x):,} answers differ")
    print({op.name: op.shape for op in session.get_inputs()})
else:
    print("Not here: pip install onnx onnxscript onnxruntime")

# %% [markdown]
# The file has 4.4 MB. The logits agree within 0.0001 and no answer of the 50,339
# differs.
#
# **Predict:** a device delivers beats in µV instead of mV, so each number is 1,000
# times too large. What does the network say?

# %%
some = slice(None, None, max(1, len(x) // 500))
in_microvolts = classifier.predict(np.float32(1000) * x[some])
other = 100 * (in_microvolts.argmax(axis=1) != before[some]).mean()
surest = 100 * in_microvolts.max(axis=1).mean()
print(f"{other:.0f} % other answers, mean probability {surest:.1f} %")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It answers without an error. 65 % of the answers change, and the mean probability of
# the chosen class is 99.6 %: it looks very sure.
#
# </details>
#
# The file knows nothing of what comes before the network: the lead, 360 Hz, mV, the
# denoising, the R peak in column 90. The library writes these into the metadata, which
# no runtime checks. Test an export from the *recording* to the label, not from the
# beat to the logit.

# %% tags=["hide-input"]
said = onnx.metadata(classifier)
keys = "input", "output", "sampling_rate_hz", "lead", "column_of_r_peak", "use"
print(json.dumps({key: said[key] for key in keys}, indent=1))

# %% [markdown]
# ## Which form is fastest?
#
# It depends on how many beats come at once. `ecgkit.nn.fast` is what the library's
# `predict` uses: the folded network, with the data in another order in memory.

# %% tags=["hide-input"]
calls = {}
for n in (1, 32):
    part = torch.tensor(x[:n])
    calls["NumPy", n] = lambda part=x[:n]: classify(part)
    calls["PyTorch", n] = networks.inference(network, part, plain=True)
    calls["ecgkit.nn.fast", n] = networks.inference(network, part)
    if can_export:
        feed = {"beats": x[:n]}
        calls["ONNX", n] = lambda feed=feed: session.run(None, feed)
seconds = timing.interleaved(calls, rounds=2)
for (form, n), of_call in seconds.items():
    print(f"{form:15} {n:4} beats {timing.milliseconds(of_call):8.1f} ms")

# %% [markdown]
# A bed sends one beat per second, and every form is fast enough for that. The times
# differ between machines; read the ratios. For one beat alone the ONNX runtime is the
# fastest here. For many beats at once it and `ecgkit.nn.fast` are close, and NumPy, which
# computes all positions of the TCN, is by far the slowest.
#
# ## What a beat costs a battery
#
# An estimate to an order of magnitude. [Horowitz
# 2014](https://doi.org/10.1109/ISSCC.2014.6757323) gives the energy of one operation in
# a process of 45 nm:
#
# | operation | pJ |
# | --- | --- |
# | multiply, 32-bit float | 3.7 |
# | add, 32-bit float | 0.9 |
# | multiply, 8-bit integer | 0.2 |
# | add, 8-bit integer | 0.03 |
# | read 64 bits from DRAM | 1,300 to 2,600 |

# %% tags=["hide-input"]
plain, dense = networks.pair("resnet-tcn")
million = {
    "all positions": timing.flop_per_beat(dense)[0] / 2e6,
    "last position": timing.flop_per_beat(plain)[0] / 2e6,
}
for form, m in million.items():
    print(f"{form}: {m:.1f} million multiplications, {4.6 * m:.0f} µJ")
print(f"read the weights from DRAM: {n_numbers / 2 * 1950e-6:.0f} µJ")

# %% [markdown]
# A multiplication and its addition take $3.7 + 0.9 = 4.6$ pJ, so the 15.3 million of the
# form with the last position take 70 µJ per beat. To read the weights from DRAM for
# each beat takes 1,039 µJ, 15 times as much: keep them on the chip. A device spends more on
# instructions, the amplifier and above all the radio. The arithmetic is no reason to
# send an ECG elsewhere.
#
# ### Exercise 3: a coin cell
#
# A smaller network makes 10 million multiplications per beat, in 32-bit floats, each
# followed by an addition. For how many **days** of 100,000 beats would the arithmetic
# alone empty a coin cell of 225 mAh at 3 V?

# %% tags=["exercise"]
answer = ...
check("19.3", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
cell_j = 0.225 * 3 * 3600  # ampere-hours x volts x seconds per hour
day_j = 100_000 * 10e6 * (3.7 + 0.9) * 1e-12
answer = cell_j / day_j
check("19.3", answer)

# %% [markdown]
# ## JavaScript, in a web page
#
# The page [Try it](../book/try_it.md) runs the network in your browser, without a server. There an
# array is a row of numbers, sample after sample, and in a sample channel after channel. So a window
# of several samples is one piece of the row, and a convolution is two loops around a sum. `step` is
# the stride times the channels, and `edge` what a residual block adds:
#
# ```javascript
# function convolve(x, step, rows, layer, { relu = true, edge = null } = {}) {
#   const { weights, biases, outputs, window } = layer, y = new Float32Array(rows * outputs);
#   for (let t = 0; t < rows; t++) {
#     for (let o = 0; o < outputs; o++) {
#       const from = t * step, row = o * window;
#       let sum = biases[o] + (edge ? edge[t * outputs + o] : 0);
#       for (let i = 0; i < window; i++) sum += weights[row + i] * x[from + i];
#       y[t * outputs + o] = relu && sum < 0 ? 0 : sum;
#     }
#   }
#   return y;
# }
# ```
#
# The TCN computes what its last position needs and nothing else. Between two blocks only every
# second position is needed further on; by keeping these alone, a stride takes the place of the
# dilation ([page 20](20_cone.ipynb)):
#
# ```javascript
# let x = new Float32Array(SAMPLES + 1), samples = SAMPLES + 1, channels = 1;
# x.set(beat, 1); // a zero stands before the first sample
# for (let i = 0; layers[`tcn.${i}.conv1`]; i++) {
#   const first = layers[`tcn.${i}.conv1`], second = layers[`tcn.${i}.conv2`];
#   const stride = layers[`tcn.${i + 1}.conv1`] ? 2 : 1, outputs = first.outputs;
#   const rows = samples - 6, kept = Math.floor((rows - 7) / stride) + 1;
#   const from = x.subarray(12 * channels), aside = layers[`tcn.${i}.edge`];
#   const edge = conv(from, stride * channels, kept, aside, { relu: false });
#   const h = conv(x, channels, rows, first);
#   const inner = conv(h, stride * outputs, kept, second); // a ReLU before the edge is added
#   x = inner.map((v, k) => Math.max(v + edge[k], 0));
#   [samples, channels] = [kept, outputs];
# }
# ```
#
# `conv` is `convolve`, or the same sum in WebAssembly, which adds four numbers at a time and is
# several times as fast. The other lines, and the beats to try them on, are on the page Try it.
#
# Tests run this code in Chromium. With 32-bit weights the probabilities of some 60 beats per network
# differ from PyTorch's by less than 0.00001. The page's weights have 12 bits in small layers, 8 in
# larger ones and 6 in the three largest, which with compression makes 1.2 MB. Of the 50,339 answers
# of the test half, this rounding changes 1 for `ours`, 3 for `paper` and 1 for `strangers`. (Eight bits
# everywhere changed 14. The small layers, which get more bits here, are mostly early ones, and all
# later layers receive their errors.)
#
# ## Recap
#
# - Weight normalisation and batch normalisation are for training: afterwards both are
#   multiplied into the convolutions, and 1.07 million numbers are left.
# - The network is 40 lines of NumPy, and as JavaScript it runs in a web page.
# - In 8 bits per weight 14 of 50,339 answers change, in 4 bits 200.
# - ONNX holds the network, not what comes before it. Given µV instead of mV it answers
#   wrongly, and is sure.
# - Assert parity after every step, and name the tolerance.
#
# ## What next
#
# The [model card](../book/model_card.md) and the [intended
# use](../book/intended_use.md) say what the published networks are for, and what they
# are not for.

# %% tags=["hide-input"]
page.states("1.07 million", n_numbers / 1e6, within=0.01)
page.states("14 of 50,339", changed[8], within=6)
page.states("200, with 3", changed[4], within=40)
page.states("460. A", changed[3], within=60)
page.states("at 99.05 %", right[8], within=0.02)
page.states("15.3 million", million["last position"], within=0.1)
page.states("65 % of the answers", other, within=8)
page.states("99.6 %", surest, within=0.4)
page.stamp(
    f"NumPy within {numpy_gap:.0e} of PyTorch; 8-bit weights change "
    f"{changed[8]} of {len(x):,} answers"
)
