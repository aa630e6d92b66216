# %% [markdown]
# # ResNet-TCN: joining the two, and where everything goes
#
# **You will be able to** write down how the two branches are joined, and say what
# each contributes to an answer; count a network's parameters, multiplications and
# memory by hand and check the count; say which part of this one is large and
# which is slow; look into a trained model and find out what its linear layer
# listens to; and save and load weights without opening a door to strangers.
#
# **Time:** about 50 minutes to read and try; on two CPU cores the page computes
# for about fifteen seconds in the quick profile and about a minute in full. A GPU
# gains little.
#
# **You need** the pages on the TCN and the ResNet: here they are two boxes.

# %%
import dataclasses
import json
import pickle
import struct
import tempfile
from pathlib import Path

import numpy as np
import torch
from ecgbook import figures
from ecgbook.page import Page, check, profile, show_code
from ecgkit import (
    TCN,
    Recipe,
    ResNet,
    ResNetTCN,
    fit,
    load_beats,
    load_model,
    plots,
    predict,
    random_split,
)
from ecgkit.data.sources import find_source
from ecgkit.data.splits import validation_split
from ecgkit.evaluate import metrics
from ecgkit.nn.models import PAPER_MODELS, build
from IPython.display import Markdown, display
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

page = Page("09_resnet_tcn")
full = profile() == "full"

# %%
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()
halves = random_split(beats.labels, seed=0)
print(f"{len(beats):,} beats, {len(halves.train):,} in the training half")

# %% [markdown]
# As on the page before, only the training half is used here.
#
# ## Two branches and a linear layer
#
# This is the paper's Fig. 2 in our words; its own figure is not reproduced here.

# %%
plots.show(figures.framework_diagram())

# %% [markdown]
# The ResNet makes 2880 features $r(x)$ of a beat, the TCN 256 features $t(x)$.
# The paper says that "the linear layer combines the features"; we put them end to
# end, and the linear layer turns the 3136 into four *logits* $z$, one a class, of
# which the *softmax* makes probabilities $p$:
#
# $$ z = W \begin{bmatrix} r(x) \\ t(x) \end{bmatrix} + b, \qquad
# p_c = \frac{e^{z_c}}{\sum_{c'} e^{z_{c'}}} $$
#
# In the library it is
# [`ResNetTCN`](../book/api_nn.md#ecgkit.nn.models.ResNetTCN). It has places for both
# branches, and for a third that reads *features* in another sense: numbers computed
# from a beat and its neighbours. The paper's network has none; page 13 needs them.
# (What `each` is for comes further down.)

# %%
show_code(ResNetTCN)

# %% [markdown]
# Cut $W$ where the branches meet, $W = [\,W_R \; W_T\,]$, and the matrix product
# falls apart into two:
#
# $$ z = \underbrace{W_R \, r(x)}_{v_R\text{, vote of the ResNet}}
# + \underbrace{W_T \, t(x)}_{v_T\text{, vote of the TCN}} + b $$
#
# Each branch casts a *vote* for each class, and the votes are added. That is all
# the joining there is: no branch ever sees what the other has found in a beat.
# Try it:


# %%
def votes(model, x):
    """Each branch's part of the logits, name -> (b, 4)."""
    outputs = model.branch_outputs(x)  # r, t
    widths = [output.shape[1] for output in outputs]
    parts = model.linear.weight.split(widths, dim=1)  # W_R, W_T
    triples = zip(model.branches, outputs, parts, strict=True)
    return {name: output @ w.T for name, output, w in triples}


torch.manual_seed(0)
untrained = build("resnet-tcn").eval()
x = torch.from_numpy(beats.signals[halves.train[:8]])  # (8, 180)
with torch.no_grad():
    z = sum(votes(untrained, x).values()) + untrained.linear.bias
    print(f"largest difference {(z - untrained(x)).abs().max():.0e}")

# %% [markdown]
# The branches do meet in training. With the cross-entropy loss $\ell$ and the
# right class written as a vector $y$ with a single 1,
#
# $$ \begin{aligned}
# \frac{\partial \ell}{\partial z} &= p - y \\
# \frac{\partial \ell}{\partial r} &= W_R^\top (p - y) \\
# \frac{\partial \ell}{\partial t} &= W_T^\top (p - y)
# \end{aligned} $$
#
# Both learn from the *same* error $p - y$, that of the sum. What one branch has
# already got right is no longer there for the other to learn. Keep this in mind.
#
# ## Parameters and multiplications
#
# A convolution with $c_\mathrm{in}$ channels in, $c_\mathrm{out}$ out and kernel
# size $k$ has $k \, c_\mathrm{in} \, c_\mathrm{out}$ weights, and each is
# multiplied once at each of the $n_\mathrm{out}$ places of its output:
#
# $$ \begin{aligned}
# \text{weights} &= k \, c_\mathrm{in} \, c_\mathrm{out} \\
# \text{multiplications} &= k \, c_\mathrm{in} \, c_\mathrm{out} \,
# n_\mathrm{out}
# \end{aligned} $$
#
# A linear layer is the case $k = n_\mathrm{out} = 1$. We count convolutions and
# linear layers; biases, batch norm and ReLU add little. For the ResNet the
# length of every output can be asked of the network as it runs. For the TCN it
# is known from page 07: only the last step is used, so that block by block 181
# samples shrink to 1.


# %%
def multiplications(layer, n_out):
    return layer.weight.numel() * n_out  # weight: (c_out, c_in, k)


def count_resnet(part, x):
    """Multiplications of all convolutions of a part of the ResNet."""
    counted = []

    def count(layer, inputs, output):  # output: (1, c_out, n_out)
        counted.append(multiplications(layer, output.shape[-1]))

    convs = [m for m in part.modules() if isinstance(m, nn.Conv1d)]
    hooks = [conv.register_forward_hook(count) for conv in convs]
    y = part(x)
    for hook in hooks:
        hook.remove()
    return sum(counted), y


def n_parameters(part):
    return sum(p.numel() for p in part.parameters())


model = build("resnet-tcn").eval()
resnet, tcn = model.branches["resnet"], model.branches["tcn"]
budget = []  # (part, parameters, multiplications a beat)
with torch.no_grad():
    work, h = count_resnet(resnet.stem, x[:1, None])
    budget.append(("ResNet: stem", n_parameters(resnet.stem), work))
    for i in range(3):
        part = resnet.layers[2 * i : 2 * i + 2]
        work, h = count_resnet(part, h)
        budget.append((f"ResNet: layer {i + 1}", n_parameters(part), work))
n = tcn.receptive_field  # 181
for i, block in enumerate(tcn.blocks):
    n_first = n - (tcn.kernel_size - 1)
    n = n_first - (tcn.kernel_size - 1)
    if i < 3:
        n = (n - 1) // 2 + 1  # every second place is all that is asked
    work = multiplications(block.conv1.conv, n_first)
    work += multiplications(block.conv2.conv, n)
    work += multiplications(block.edge, n)
    budget.append((f"TCN: block {i + 1}", n_parameters(block), work))
work = multiplications(tcn.se.reduce, 1) + multiplications(tcn.se.expand, 1)
budget.append(("TCN: SE", n_parameters(tcn.se), work))
work = multiplications(model.linear, 1)
budget.append(("linear layer", n_parameters(model.linear), work))

# %% [markdown]
# A count by hand wants a check by somebody else. PyTorch's `FlopCounterMode` counts
# at another place, where the arithmetic is handed to the processor; it counts a
# multiplication and the addition that goes with it as two.


# %%
def counted_by_torch(function, *inputs):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        function(*inputs)
    return counter.get_total_flops() // 2


by_hand = sum(work for *_, work in budget)
by_torch = counted_by_torch(model, x[:1])
print(f"by hand {by_hand:,}, by torch {by_torch:,} multiplications a beat")
assert by_hand == by_torch
assert sum(n for _, n, _ in budget) == n_parameters(model)

# %% tags=["hide-input"]
table = ["| part | parameters | % | multiplications | % | a parameter |"]
table.append("|---|---|---|---|---|---|")
total = n_parameters(model)
for part, n, work in [*budget, ("**all**", total, by_hand)]:
    table.append(
        f"| {part} | {n:,} | {100 * n / total:.1f} | {work:,} | "
        f"{100 * work / by_hand:.1f} | {work / n:.1f} |"
    )
display(Markdown("\n".join(table)))

# %% [markdown]
# The last column says how often a parameter is used for one beat, on average
# (biases and batch norm count as parameters and not as work). A weight of the stem
# slides over 180 places; a weight of the TCN's last block meets the beat at one or
# a few. That is why the TCN, nearly all of the parameters, is little more
# than half of the work.
#
# It would be most of the work if every place were computed, as the definition has
# it and most implementations do. The last step is all that is used:

# %%
dense = counted_by_torch(tcn.sequence, x[:1, None])
cone = counted_by_torch(tcn.last_step, x[:1, None])
of_resnet = counted_by_torch(resnet, x[:1])
print(f"TCN, every place {dense:,}; last step {cone:,}: {dense / cone:.1f}x")
whole = (dense - cone + by_hand) / by_hand
print(f"whole model: {whole:.1f}x; ResNet {of_resnet:,}")

# %% [markdown]
# ## Memory
#
# Weights are four bytes each and the same for one beat or a thousand. What grows
# with the batch is what training has to *keep*: to compute a layer's gradient one
# needs what went into it, so every layer's input waits in memory until the
# backward pass. PyTorch tells what it keeps if asked:


# %%
def kept_bytes(part, x):
    """Bytes that the backward pass of ``part(x)`` will need, weights apart."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def keep(tensor):
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in weights:
            kept[memory.data_ptr()] = (memory.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        part(x)
    return sum(n for n, _ in kept.values())


def kept_per_beat(part):
    of_16, of_8 = (kept_bytes(part, torch.zeros(b, 180)) for b in (16, 8))
    return (of_16 - of_8) / 8  # what does not grow with the batch drops out


model.train()
memory = {
    "ResNet": kept_per_beat(resnet),
    "TCN": kept_per_beat(tcn),
    "linear layer": kept_per_beat(model) - kept_per_beat(resnet)
    - kept_per_beat(tcn),
}  # fmt: skip
memory_dense = kept_per_beat(lambda x: tcn.sequence(x[:, None]))
print({name: int(n) for name, n in memory.items()}, "bytes a beat")

# %%
groups = {"ResNet": "ResNet", "TCN": "TCN", "linear": "linear layer"}


def grouped(column):
    amounts = dict.fromkeys(groups.values(), 0)
    for row in budget:
        key = next(name for k, name in groups.items() if row[0].startswith(k))
        amounts[key] += row[column]
    return amounts


plots.show(
    figures.proportion_bars(
        {
            "parameters": grouped(1),
            "multiplications a beat": grouped(2),
            "bytes kept a beat, in training": memory,
        },
        "Where parameters, work and memory go",
    )
)

# %% tags=["hide-input"]
per_batch = 128 * sum(memory.values()) / 2**20
display(
    Markdown(
        f"A batch of 128 beats keeps {per_batch:.0f} MiB until its backward "
        f"pass; the weights take {4 * total / 2**20:.1f} MiB, and with their "
        "gradients and Adam's two moments four times that. With every place "
        f"of the TCN computed, that branch alone would keep "
        f"{memory_dense / memory['TCN']:.1f} times as much."
    )
)

# %% [markdown]
# So *large*, *slow* and *hungry* are three different things. The parameters are in
# the TCN, the work is shared, and most of the memory is the ResNet's: its maps are
# long, and batch norm keeps a copy of what it normalises.
#
# Where exactly do the parameters live?

# %%
tensors = sorted(model.named_parameters(), key=lambda p: -p[1].numel())
for name, p in tensors[:4]:
    name = name.replace("parametrizations.weight.original1", "weight")
    shape = " x ".join(map(str, p.shape))
    print(f"{name:40} {shape:15} {100 * p.numel() / total:5.1f} %")

# %% [markdown]
# The largest is the second convolution of the last temporal block, 256 x 256 x 7.
# It stands at the tip of the cone and is used at one single place. Whoever wants a
# smaller model begins there, and should first ask what the branch is worth.
#
# ## What does the linear layer listen to?
#
# Now a trained model: the published one, of our recipe. That recipe has a trick which
# matters here: beside the loss of the sum of votes it has one for each branch alone,
# as if the other had said nothing. More on it below. **What follows is a look inside
# one model, on beats it was trained with. It is no result**; results are on the pages
# on evaluation and ablation.

# %%
classifier = load_model("ours")
trained, provenance = classifier.network, classifier.provenance
if source.name == "mitdb":
    assert provenance.split_hash == halves.hash  # its own training half
rng = np.random.default_rng(0)
n_look = min(6000 if full else 1500, len(halves.train))
rows = np.sort(rng.choice(halves.train, n_look, replace=False))
look, labels = torch.from_numpy(beats.signals[rows]), beats.labels[rows]
with torch.no_grad():
    vote = votes(trained, look)  # name -> (n, 4)
    bias = trained.linear.bias
    widths = [b.n_features for b in trained.branches.values()]
    parts = trained.linear.weight.split(widths, dim=1)
norms = {name: w.norm().item() for name, w in zip(vote, parts, strict=True)}
spread = {name: v.std(dim=0).mean().item() for name, v in vote.items()}

# %% [markdown]
# The norm of $W_R$ and $W_T$ is the first thing to look at and the wrong thing to
# stop at: large weights on features that hardly vary do nothing. What decides is
# how much a branch's vote *varies* from beat to beat; a vote that is the same for
# every beat is a bias.

# %% tags=["hide-input"]
table = ["| branch | features | norm of its weights | its vote varies by |"]
table.append("|---|---|---|---|")
for name, width in zip(vote, widths, strict=True):
    table.append(
        f"| {name} | {width} | {norms[name]:.2f} | {spread[name]:.4f} |"
    )
tcn_share = spread["tcn"] / sum(spread.values())
if tcn_share < 0.02:
    said = (
        f"**The TCN's vote is {100 * tcn_share:.2f} % of what varies: in this "
        "model that branch has all but fallen silent.** Its features are "
        "near zero for every beat, and the classifier that the book "
        "publishes is, in effect, its ResNet. Nine tenths of the parameters "
        "and half of the work are there for next to nothing."
    )
else:
    said = (
        f"The TCN's vote is {100 * tcn_share:.0f} % of what varies: both "
        "branches are heard."
    )
spread_note = (
    "*Varies by*: standard deviation over the beats, mean of the four "
    "classes, in units of a logit."
)
display(Markdown("\n".join([*table, "", spread_note, "", said])))

# %% [markdown]
# Silence one branch and see what is left. Setting its features to zero is
# crude, since it takes away the constant part of its vote, too; in general,
# putting its *mean* vote in its place is the fairer question. For this model
# zero is fair as well: our recipe trained each branch to answer alone, the
# other's vote at zero.

# %%
answers = {}
for name in vote:
    other = next(n for n in vote if n != name)
    answers[f"{name} alone, {other} zero"] = vote[name] + bias
    mean = vote[other].mean(dim=0)
    answers[f"{name} alone, {other} at its mean"] = vote[name] + mean + bias
answers = {"both": sum(vote.values()) + bias, **answers}
predicted = {name: z.argmax(dim=1).numpy() for name, z in answers.items()}

# %% tags=["hide-input"]
table = ["| what votes | accuracy % | sensitivity of N, S, V, F % |"]
table.append("|---|---|---|")
for name, p in predicted.items():
    matrix = metrics.confusion_matrix(labels, p)
    se = ", ".join(f"{100 * s:.0f}" for s in metrics.sensitivity(matrix))
    table.append(f"| {name} | {100 * metrics.accuracy(matrix):.2f} | {se} |")
note = f"A look inside on {len(labels):,} beats that the model was trained on."
if source.is_synthetic:
    note = (
        f"On {len(labels):,} synthetic beats; the model was trained on "
        "MIT-BIH. No result."
    )
display(Markdown("\n".join([*table, "", note])))

# %% [markdown]
# ### Where in the beat does it look?
#
# $W_R$ has a weight for each class, channel and place: its shape is really (4, 64,
# 45). The norm over the channels says at which places each class's weights are
# large. It is what a network with global pooling could not have. A normal P wave
# stands 0.1 to 0.2 s before the R peak: compare the four rows there. (The warning
# about large weights holds here too: they show where a class *could* listen.)

# %%
w = parts[0].detach().unflatten(1, (64, 45)).norm(dim=1)  # (4, 45)
middle = np.median(beats.signals[halves.train], axis=0)
plots.show(
    figures.feature_maps(
        middle,
        {name: w[[c]] for c, name in enumerate(metrics.CLASSES)},
        "Median beat, and where the linear layer's weights are large",
        value="norm of the weights",
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
peaks_ms = {
    name: 1000 * (4 * int(w[c].argmax()) - beats.preparation.before) / 360
    for c, name in enumerate(metrics.CLASSES)
}
where = ", ".join(f"{name} {ms:+.0f} ms" for name, ms in peaks_ms.items())
display(
    Markdown(
        f"Largest weights, as time from the R peak: {where}. A place of the "
        "last layer sees about 75 ms to either side."
    )
)

# %% [markdown]
# ## Would they make different mistakes?
#
# Two classifiers are worth joining if they err on different beats. Within one
# joint model that can hardly be asked, since its branches have learnt together.
# So train three, for a few epochs on a small subsample: the ResNet, the TCN,
# and the joint model, on the same beats, and compare them on beats of the
# training half that were set aside. In the joint one we note after each epoch
# how much each branch's vote varies.


# %%
def subsample(rows, n, seed):
    if n >= len(rows):
        return rows
    share = n / len(rows)
    return rows[random_split(beats.labels[rows], seed, share).test]


n_beats, n_epochs = (3000, 4) if full else (800, 3)
how = Recipe(n_epochs, 64, 2e-3, "one-cycle", weight_decay=0.01, balance=0.5)
validation = validation_split(halves, beats.labels, seed=0)
train_rows = subsample(validation.train, n_beats, 0)
aside = beats.select(subsample(validation.test, 4500 if full else 1200, 0))
some = torch.from_numpy(aside.signals[:400])


def vote_spread(network):
    with torch.no_grad():
        of_branch = votes(network.eval(), some)
    return {k: v.std(dim=0).mean().item() for k, v in of_branch.items()}


small, right = {}, {}
for name in ("resnet", "tcn", "resnet-tcn"):
    torch.manual_seed(0)
    network = build(name)
    before = vote_spread(network)
    curve = fit(
        network,
        beats.signals[train_rows],
        beats.labels[train_rows],
        how,
        device="cpu",
        precision="float32",
        evaluate=vote_spread,
    )
    small[name] = [before, *(epoch.scores for epoch in curve)]
    p = predict(network, aside.signals).argmax(axis=1)
    right[name] = p == aside.labels

# %% tags=["hide-input"]
r, t = right["resnet"], right["tcn"]
table = [
    "| | TCN right | TCN wrong |",
    "|---|---|---|",
    f"| **ResNet right** | {(r & t).sum():,} | {(r & ~t).sum():,} |",
    f"| **ResNet wrong** | {(~r & t).sum():,} | {(~r & ~t).sum():,} |",
]
said = (
    f"ResNet alone {100 * r.mean():.2f} %, TCN alone {100 * t.mean():.2f} %, "
    f"joint {100 * right['resnet-tcn'].mean():.2f} % right. Somebody who knew "
    "for each beat which of the two to believe would reach "
    f"{100 * (r | t).mean():.2f} %: a bound that nobody reaches, since even "
    "one network trained from two seeds errs on different beats. One "
    f"seed, {n_beats:,} beats, {n_epochs} epochs, compared on "
    f"{len(aside):,} others: small runs, and no result."
)
if source.is_synthetic:
    said += " On synthetic records it says nothing about hearts."
display(Markdown("\n".join([*table, "", said])))

# %%
joint = small["resnet-tcn"]
plots.show(
    figures.line_panels(
        {
            "briefly trained joint model": {
                name: [entry[name] for entry in joint] for name in vote
            }
        },
        np.arange(len(joint)),
        "epochs trained",
        "vote varies by (logits)",
        "How much each branch's vote varies",
        seen="The ResNet's line rises with every epoch; the TCN's stays near "
        "zero.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# The ResNet has batch norm, so that its features are of the size of one from
# the start, and there are 2880 of them. The TCN has none: its features begin
# small, and they are 256. So the ResNet's vote grows first, the error $p - y$
# that both learn from shrinks, and the TCN is left with what remains. In
# networks with several inputs this is known as *greedy* learning ([Wu et al.
# 2022](https://doi.org/10.48550/arXiv.2202.05306)): the branch that learns
# fastest takes the credit, and the others stay behind. That this is the cause
# here is the likely reading of the curve, not a proof. Mind what it means for
# ablations: that a joint model is not better than one branch does not show that
# the other branch is useless in itself, and that it is a little better does not
# show that it uses both. The chapter on the ablation asks with several seeds.
#
# There is a cure that changes nothing in the network. Let the sum of votes answer,
# and each branch alone as well, and add up the three losses, those of the branches
# with a weight $\beta$:
#
# $$ \ell = \ell(v_R + v_T + b) + \beta \, [\, \ell(v_R + b) + \ell(v_T + b) \,] $$
#
# Now each branch has an error of its own to learn from, however good the other is.
# In the library, `network(beats, each=True)` gives the three sets of logits, and
# $\beta$ is `each_branch` of the
# [`Recipe`](../book/api_train.md#ecgkit.train.recipe.Recipe): 0 in the paper's, 0.25
# in ours, and 0.5 in the short training below.

# %%
show_code(ResNetTCN.forward)

# %%
torch.manual_seed(0)
cured = build("resnet-tcn")
before = vote_spread(cured)
curve = fit(
    cured,
    beats.signals[train_rows],
    beats.labels[train_rows],
    dataclasses.replace(how, each_branch=0.5),
    device="cpu",
    precision="float32",
    evaluate=vote_spread,
)
with_each = [before, *(epoch.scores for epoch in curve)]
both = {"one loss": joint, "a loss for each": with_each}
plots.show(
    figures.line_panels(
        {
            title: {name: [entry[name] for entry in entries] for name in vote}
            for title, entries in both.items()
        },
        np.arange(len(joint)),
        "epochs trained",
        "vote varies by (logits)",
        "The same short training, without and with losses of the branches",
        seen="The ResNet's line rises alike in both; the TCN's stays near 0 "
        "with one loss and rises with a loss for each branch.",
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
ratio = {name: e[-1]["tcn"] / e[-1]["resnet"] for name, e in both.items()}
display(
    Markdown(
        f"At the end the TCN's vote varies by {ratio['one loss']:.2f} times "
        f"as much as the ResNet's without the losses of the branches, and by "
        f"{ratio['a loss for each']:.2f} times with them."
    )
)

# %% [markdown]
# ## Five models by name
#
# The paper's ablation compares five networks. All are the same class with other
# branches:

# %% tags=["hide-input"]
table = ["| name | features | parameters | multiplications |"]
table.append("|---|---|---|---|")
for name in PAPER_MODELS:
    network = build(name).eval()
    work = counted_by_torch(network, x[:1])
    n_features = network.linear.in_features
    table.append(
        f"| {name} | {n_features} | {n_parameters(network):,} | {work:,} |"
    )
display(Markdown("\n".join(table)))

# %% [markdown]
# The stem with its four branches has *fewer* weights than the single convolution
# of width 7 that replaces it in `resnet-no-inception`, and squeeze-and-excitation
# costs a tenth of a per cent of the work.
#
# ## Saving and loading
#
# Weights are numbers with names. The library writes them as
# [safetensors](https://huggingface.co/docs/safetensors): eight bytes that say how
# long the header is, the header (JSON: name, type, shape and place of each tensor,
# and any text one wants to keep with it), then the numbers. Enough to read it with
# the standard library alone:

# %%
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "small.safetensors"
save_file(untrained.state_dict(), path, {"note": "untrained"})
content = path.read_bytes()
(length,) = struct.unpack("<Q", content[:8])
header = json.loads(content[8 : 8 + length])
print(header.pop("__metadata__"))
for name in ("branches.resnet.stem.conv3.weight", "linear.bias"):
    print(f"{name}: {header[name]}")

# %% [markdown]
# The file holds the numbers; the code of the network is in the library.
# `ecgkit` writes two texts beside the numbers. The *preparation* says how the
# network's beats are made from a recording. The *provenance* says where the weights
# come from: model, recipe, split, seed and data.
# [`load_model`](../book/api_train.md#ecgkit.train.weights.load_model) reads both and
# builds the network that the provenance names; a table of beats that was prepared
# in another way is refused. Here are the published weights again:

# %%
again = load_model("ours")
for key, value in dataclasses.asdict(again.provenance).items():
    value = f"{len(value)} records" if key == "trained_on" else value
    print(f"{key}: {value}")
with torch.no_grad():
    assert torch.equal(again.network(x), trained(x))

# %% [markdown]
# Why not `torch.save` and `torch.load`, which are shorter? Their files are
# *pickles*, and a pickle is not data but a small program that rebuilds objects.
# It may call any function there is. Here is one that calls `print`; a stranger's
# would not:


# %%
class Weights:
    def __reduce__(self):  # how to rebuild me: call this function
        return print, ("this ran while the file was being read",)


rebuilt = pickle.loads(pickle.dumps(Weights()))
folder.cleanup()

# %% [markdown]
# Since version 2.6 `torch.load` reads only tensors and a short list of types
# unless told otherwise, which closes this door; files that ask for
# `weights_only=False` ask for it to be opened. A safetensors file has no door.
#
# ## Exercises
#
# ### Exercise 1: predict
#
# How many parameters has the linear layer of the joint model? On paper first.

# %% tags=["exercise"]
answer = ...
check("09.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# Four weights for each of the 3136 features, and four biases.
answer = (2880 + 256) * 4 + 4
check("09.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# The first convolution of the ResNet's second layer has kernel size 3 and stride
# 2 and goes from 32 channels of 180 samples to 48 channels. How many
# multiplications does it make for one beat?

# %% tags=["exercise"]
answer = ...
check("09.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# 4608 weights, each used at each of the 90 places of the output.
conv = ResNet().layers[2].conv1
answer = conv.weight.numel() * 90
check("09.2", answer)

# %% [markdown]
# ### Exercise 3: build
#
# Write `AdditiveClassifier`, another way to join: each branch's features go
# through a linear layer of their own to 64 numbers, the two are *added*, and
# after a ReLU a third linear layer makes four logits of the sum. Use
# `ResNet()` and `TCN()`. The check looks at shapes, parameters, and
# whether the gradient reaches every weight.


# %% tags=["exercise"]
class AdditiveClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        # your branches and layers here

    def forward(self, beats):
        return ...  # your code here


check("09.3", AdditiveClassifier)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
class AdditiveClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.resnet, self.tcn = ResNet(), TCN()
        self.from_resnet = nn.Linear(self.resnet.n_features, 64)
        self.from_tcn = nn.Linear(self.tcn.n_features, 64)
        self.linear = nn.Linear(64, 4)

    def forward(self, beats):
        r = self.from_resnet(self.resnet(beats))  # (b, 64)
        t = self.from_tcn(self.tcn(beats))  # (b, 64)
        return self.linear(F.relu(r + t))


check("09.3", AdditiveClassifier)

# %% [markdown]
# ## Recall
#
# <details><summary>1. In what sense are the two branches of the joint model
# "fused"?</summary>
#
# Their votes are added, class by class. There is no layer in which what one branch
# found changes what the other's finding means. The ReLU in exercise 3 would make
# such a layer; without it, two linear layers on a sum are again a sum of votes.
#
# </details>
# <details><summary>2. Nine tenths of the parameters are in the TCN. Why is it not
# nine tenths of the work?</summary>
#
# A parameter costs a multiplication for every place at which it is used. The
# ResNet's are used at 45 to 180 places, those of the TCN's last block at one to
# seven, because only the last step is asked for.
#
# </details>
# <details><summary>3. Training needs far more memory than use. What for?</summary>
#
# The gradient of a layer needs the layer's input, so every input is kept until the
# backward pass has come back to it, for each beat of the batch. In use each can be
# forgotten as soon as the next layer has read it.
#
# </details>
# <details><summary>4. A branch has large weights in the linear layer. Is it
# important?</summary>
#
# Not necessarily: what counts is how much its vote varies between beats, which is
# weights times the variation of the features. Large weights on features that are
# the same for all beats are a complicated bias.
#
# </details>
# <details><summary>5. Somebody sends you <code>best_model.pkl</code>. What do you
# do?</summary>
#
# Ask for safetensors, or for the state dictionary in a file that
# <code>torch.load(..., weights_only=True)</code> accepts. Opening a pickle runs
# whatever its author put in.
#
# </details>
#
# ## Recap
#
# - Joining is putting 2880 and 256 features end to end under one linear layer;
#   the logits are a sum of two votes.
# - Parameters, multiplications and memory sit in different parts: count each.
#   Multiplications are weights times places of the output, no more.
# - The largest tensor is the 256 x 256 x 7 of the last temporal block, used once a
#   beat.
# - A joint model need not use both its branches. Look at how their votes vary
#   before you say that it does.
# - Weights belong into files that hold numbers and nothing else.
#
# **Further reading.** [Baltrušaitis et al.
# 2019](https://doi.org/10.1109/TPAMI.2018.2798607) survey ways to join what
# several networks find; [Wu et al.
# 2022](https://doi.org/10.48550/arXiv.2202.05306) show how one of them comes to be
# ignored. The next page trains the whole.

# %% tags=["hide-input"]
page.stamp(
    f"{total:,} parameters, {by_hand:,} multiplications a beat; the TCN's "
    f"vote is {100 * tcn_share:.1f} % of what varies in the published model"
)
