# %% [markdown]
# # The ResNet: residual edges, the Inception stem, and no pooling
#
# **You will be able to** write a residual module and say what its edge does to
# the gradient, show that it does; say what batch normalisation computes in
# training and in use, and fold it into a convolution; read the filters of the
# Inception stem and what they make of a beat; follow the shapes from 180 samples
# to 2880 features; and say what global average pooling would throw away.
#
# **Time:** about 60 minutes to read and try; on two CPU cores the page computes
# for about fifteen seconds in the quick profile and about a minute in full. A GPU
# gains little: the networks here are small and train for a moment.
#
# **You need** page 01 for the data, page 07 for convolutions on this signal, and
# to know what a gradient and the chain rule are.

# %%
import copy

import numpy as np
import torch
from ecgbook import figures
from ecgbook.page import Page, check, profile, show_code
from ecgkit import (
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
from ecgkit.nn.layers import Inception, ResidualModule
from IPython.display import Markdown, display
from torch import nn
from torch.nn import functional as F

page = Page("08_resnet")
full = profile() == "full"

# %%
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()
halves = random_split(beats.labels, seed=0)
print(f"{len(beats):,} beats, {len(halves.train):,} in the training half")

# %% [markdown]
# Only the training half is used on this page. What is compared is compared on a
# tenth of it set aside; the test half is for the page on evaluation.
#
# ## What the paper says
#
# Section III-C of the paper describes the ResNet in one paragraph and one figure.
# It takes the residual network of
# [He et al. 2016](https://doi.org/10.1109/CVPR.2016.90), made for images, turns
# its kernels into one-dimensional ones, puts an Inception module
# ([Szegedy et al. 2015](https://doi.org/10.1109/CVPR.2015.7298594)) in the place
# of the first convolution, and leaves out the global average pooling at the end.
# That is enough to recognise the network and not enough to build it:
#
# | point | what the paper says | what this book settled on |
# |---|---|---|
# | stem | kernels 1x1, 1x3, 1x5 and a max-pooling 1x3 | 8 channels from each branch; a 1x1 convolution behind the pooling, as Szegedy et al. have it |
# | residual modules | six in a cascade | two convolutions of width 3, each with batch norm; He et al.'s basic module |
# | layers | three, with 32, 48 and 64 kernels | two modules in each |
# | down-sampling | by kernels with step size 2 | on entering the second and the third layer: 180, 90, 45 samples |
# | end | no global average pooling | flattened: 64 x 45 = 2880 features |
#
# The numbers of the right column are guesses with reasons, not facts about the
# authors' program. The paper's figure is not reproduced here; this one is drawn
# from our code:

# %%
plots.show(figures.resnet_diagram())

# %% [markdown]
# ## One convolution
#
# The paper's equations (2) and (3) are the two operations of which all the rest
# is made:
#
# $$ \begin{aligned} \mathrm{ReLU}(x) &= \max(x, 0) \\
# c^l &= \sum_{i=0}^{m} w_i^l \, x_i^l + b^l \end{aligned} $$
#
# with $m$ "the convolution kernel size"; as page 07 said, the sum should end at
# $m - 1$. Here it is by hand, for one place of one channel, beside PyTorch's:

# %%
beat = torch.from_numpy(beats.signals[halves.train[0]])  # (180,)
w, b = torch.tensor([-0.5, 0.0, 0.5]), torch.tensor(0.1)
m, s = 3, 90  # kernel size; the place of the R peak
c_by_hand = sum(w[i] * beat[s - 1 + i] for i in range(m)) + b
c = F.conv1d(beat[None, None], w[None, None], b[None], padding=1)
print(f"by hand {c_by_hand:.6f}, conv1d {c[0, 0, s]:.6f} mV")

# %% [markdown]
# This kernel, $(-\frac12, 0, \frac12)$, measures the slope. `padding=1` puts a
# zero before the first and after the last sample, so that the output is as long
# as the input. In general, with $n$ samples in, kernel size $k$, padding $p$ at
# both ends and stride $s$, the kernel fits at
#
# $$ n_\mathrm{out} = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1 $$
#
# places. With more than one channel in, each output channel has a kernel for
# every input channel and adds up what they give.
#
# ## The residual edge
#
# A *residual module* computes two convolutions, $F(x)$, and adds its own input to
# the result:
#
# $$ y = \mathrm{ReLU}\bigl(F(x) + \mathrm{edge}(x)\bigr) $$
#
# The edge is $x$ itself. Only where the module changes the number of channels or
# the length, so that $F(x)$ and $x$ could not be added, is it a 1x1 convolution
# with the module's stride. This is the library's
# [`ResidualModule`](../book/api_nn.md#ecgkit.nn.layers.ResidualModule):

# %%
show_code(ResidualModule)

# %% [markdown]
# What is the edge for? Follow the gradient. Leave the ReLU aside for a moment and
# take a stack of $L$ modules $x_{l+1} = x_l + F_l(x_l)$, each with one number in
# and out. By the chain rule
#
# $$ \frac{\partial x_L}{\partial x_0} = \prod_{l=0}^{L-1}
# \bigl(1 + F_l'(x_l)\bigr), $$
#
# and in a plain stack $x_{l+1} = F_l(x_l)$, without edges,
#
# $$ \frac{\partial x_L}{\partial x_0} = \prod_{l=0}^{L-1} F_l'(x_l). $$
#
# Multiplied out, the first product is $1 + \sum_l F_l' + \dots$: one path for
# every way of passing or by-passing each module, and the first term is the path
# that by-passes them all. The second product has only the longest path. If
# every factor is 0.3, twelve modules leave $0.3^{12} \approx 5 \cdot 10^{-7}$
# of the gradient: the first layer learns nothing. With edges the product is
# $1.3^{12} \approx 23$. If every factor is 2, the plain stack makes 4096 of it,
# and edges do not help: they guard against vanishing, not against growth.
#
# ### Ask a real stack
#
# We build stacks of the module above, with and without its edge, with and without
# batch norm, and ask how large the gradient of the loss is at the very first
# convolution *before any training*.


# %%
class NoEdge(nn.Module):
    def forward(self, x):
        return 0.0  # F(x) + 0: a plain stack


def stack(n_modules, edge, norm, channels=16):
    modules = [ResidualModule(channels, channels) for _ in range(n_modules)]
    for module in modules:
        if not edge:
            module.edge = NoEdge()
        if not norm:
            module.norm1 = module.norm2 = nn.Identity()
    first = nn.Conv1d(1, channels, 7, padding=3)
    last = nn.Linear(channels * 180, 4)
    return nn.Sequential(first, nn.ReLU(), *modules, nn.Flatten(), last)


rng = np.random.default_rng(0)
rows = rng.choice(halves.train, 32, replace=False)
x = torch.from_numpy(beats.signals[rows])[:, None]  # (32, 1, 180)
y = torch.from_numpy(beats.labels[rows].astype(np.int64))  # (32,)


def first_gradient(n_modules, edge, norm):
    torch.manual_seed(0)
    network = stack(n_modules, edge, norm)
    F.cross_entropy(network(x), y).backward()
    return network[0].weight.grad.norm().item()


depths = [1, 2, 4, 8, 16, 32]
norms = {False: "without batch norm", True: "with batch norm"}
edges = {False: "plain", True: "residual"}
gradients = {
    norms[norm]: {
        edges[edge]: [first_gradient(n, edge, norm) for n in depths]
        for edge in (False, True)
    }
    for norm in (False, True)
}
plots.show(
    figures.line_panels(
        gradients,
        depths,
        "modules of two convolutions",
        "gradient norm at the first layer\n(logarithmic)",
        "Gradient before training, by depth",
        log="xy",
        seen="Without batch norm the plain line falls steeply, the residual "
        "one stays level; with it the plain line rises to many times the "
        "residual one.",
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
plain, residual = (
    [gradients[n][e] for n in norms.values()] for e in edges.values()
)
display(
    Markdown(
        "From 1 to 16 modules the gradient of the plain stack changes by a "
        f"factor of {plain[0][4] / plain[0][0]:.0e} without batch norm and of "
        f"{plain[1][4] / plain[1][0]:.0e} with it; that of the residual stack "
        f"by {residual[0][4] / residual[0][0]:.1f} and "
        f"{residual[1][4] / residual[1][0]:.1f}."
    )
)

# %% [markdown]
# Two ways to fail, not one. Without batch norm a plain stack's gradient
# *vanishes*; where the line ends it is zero in float32. Batch norm cures that and
# overdoes it: it rescales what each layer hands on, and the gradient of a deep
# plain stack *explodes* instead, as
# [Yang et al. 2019](https://doi.org/10.48550/arXiv.1902.08129) derive. The
# residual edge keeps both within reach.
#
# Does it matter for learning? Forty steps of training, each on a fresh batch with
# the four classes in equal numbers, so that the loss of a network which knows
# nothing is $\ln 4 \approx 1.39$.


# %%
def losses(n_modules, edge, norm, steps=40, per_class=8):
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    network = stack(n_modules, edge, norm)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    labels = beats.labels[halves.train]
    members = [halves.train[labels == c] for c in range(4)]
    curve = []
    for _ in range(steps):
        rows = np.concatenate([rng.choice(m, per_class) for m in members])
        x = torch.from_numpy(beats.signals[rows])[:, None]
        y = torch.from_numpy(beats.labels[rows].astype(np.int64))
        loss = F.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return np.convolve(curve, np.ones(8) / 8, "valid")  # mean of 8 steps


deep = 12
curves = {
    norms[norm]: {
        edges[edge]: losses(deep, edge, norm) for edge in (False, True)
    }
    for norm in (False, True)
}
n_points = len(curves[norms[False]]["plain"])
plots.show(
    figures.line_panels(
        curves,
        np.arange(8, 8 + n_points),
        "training step",
        "loss, mean of the last 8 steps",
        f"The first steps of {deep} modules",
        seen="Without batch norm the plain line stays at 1.39; the other "
        "three fall.",
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
ends = {
    f"{edge}, {norm}": curves[norm][edge][-1]
    for norm in norms.values()
    for edge in edges.values()
}
display(
    Markdown(
        f"Mean loss of the last eight of 40 steps, {deep} modules deep: "
        + "; ".join(f"{name} {loss:.2f}" for name, loss in ends.items())
        + ". One seed and forty steps: a look, not a verdict."
    )
)

# %% [markdown]
# A word on what the edge is *not*. The paper writes that residual edges "avoid
# overfitting and gradient loss". He et al. saw something else: their deep plain
# network had a higher error *on the training data* than a shallow one, although
# batch norm kept its gradients alive. They called it degradation. An edge makes
# it easy for a module to do nothing, since $F = 0$ is the identity; it does not
# keep a network from learning its training set by heart. And the ResNet of this
# book has six modules, not fifty, with batch norm in each: look in the figure
# of the gradients, on the right, at how little is at stake at six. The edge is
# cheap, and here it is a comfort more than a necessity.
#
# ## Batch normalisation
#
# Behind every convolution of the module stands a batch norm. For each channel it
# takes the mean $\mu$ and the variance $\sigma^2$ of what arrives, over all
# beats of the batch and all samples, and computes
#
# $$ \mathrm{BN}(c) = \gamma \, \frac{c - \mu}{\sqrt{\sigma^2 + \epsilon}}
# + \beta $$
#
# where $\gamma$ and $\beta$, one of each a channel, are learnt. In training,
# then, what a beat turns into depends on the *company* it is in. In use that must
# not be: a diagnosis cannot depend on which other beats were in the batch. So
# training also keeps running averages of $\mu$ and $\sigma^2$ (each step moves
# them by a tenth towards the batch's), and `model.eval()` switches to those.

# %%
branch = load_model("ours").network.branches["resnet"]
stem = copy.deepcopy(branch.stem)  # train() would change it
one, others = x[:1], x[1:]
for mode in (True, False):
    stem.train(mode)
    with torch.no_grad():
        alone = stem(one)
        in_company = stem(torch.cat([one, 3 * others]))[:1]
    apart = (alone - in_company).abs().max()
    print(f"{'train()' if mode else 'eval() ':8} the same beat in two batches "
          f"differs by up to {apart:.1e}")  # fmt: skip

# %% [markdown]
# Forgetting `model.eval()` is the commonest mistake with batch norm: the program
# runs, and its answers change with the batch.
#
# ### Folding it into the convolution
#
# In use $\mu$ and $\sigma^2$ are constants, so batch norm is a factor and a
# shift. A convolution $c = w * x + b$ followed by it is
#
# $$ \mathrm{BN}(w * x + b) = \underbrace{g\,w}_{w'} * x
# + \underbrace{g\,(b - \mu) + \beta}_{b'}, \qquad
# g = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} $$
#
# which is one convolution with other numbers: the batch norm has vanished. Three
# lines, tried on the first module of the published network:

# %%
module = branch.layers[0]
conv, norm = module.conv1, module.norm1
g = norm.weight / torch.sqrt(norm.running_var + norm.eps)
w_folded = g[:, None, None] * conv.weight
b_folded = norm.bias - g * norm.running_mean  # this convolution has no bias
with torch.no_grad():
    h = branch.stem(x)
    apart = norm(conv(h)) - F.conv1d(h, w_folded, b_folded, padding=1)
print(f"largest difference {apart.abs().max():.1e}")

# %% [markdown]
# [`predict`](../book/api_train.md#ecgkit.train.fit.predict) does this for every
# module before it classifies more than 256 beats (page 10). The formula also explains why the convolutions in the module
# have `bias=False`: whatever bias they had, $\mu$ would take it away again.
# (Those of the stem, below, have one and gain nothing by it.)
#
# ## The Inception stem
#
# A kernel's width decides what it can see in one step. Rather than choose, the
# Inception module takes several widths side by side and puts their outputs
# together; the layers after it may use what they need. In the library it is
# [`Inception`](../book/api_nn.md#ecgkit.nn.layers.Inception):

# %%
show_code(Inception)

# %% [markdown]
# Four branches with eight filters each. On *this* input they are worth a second
# look, because the signal has one channel:
#
# - **1x1**: a kernel of one number. Its eight outputs are the beat itself,
#   scaled and shifted; batch norm and ReLU then cut them off at a level. Together
#   they ask *how high is the trace here*.
# - **1x3 and 1x5**: 3 and 5 samples are 8 and 14 ms. Their kernels can be slopes
#   (one side up, the other down) and curvatures (the middle against both sides).
# - **max-pool 1x3, then 1x1**: the highest of three neighbours, scaled. A peak
#   becomes two samples wider, and a narrow trough is filled.
#
# None of them down-samples: padding keeps 180 samples everywhere, and the pooling
# has stride 1. These are the coefficients that the published network of our
# recipe learnt:

# %%
stem = branch.stem
branches = {
    "1x1": stem.conv1,
    "1x3": stem.conv3,
    "1x5": stem.conv5,
    "pool, 1x1": stem.conv_pool,
}
weights = {
    name: conv.weight.detach()[:, 0].numpy() for name, conv in branches.items()
}
plots.show(figures.filters(weights, "The stem's filters, published weights"))

# %% [markdown]
# And this is what they make of a normal beat: one row a channel, after batch norm
# and ReLU, each scaled to its own largest value so that the faint ones show.

# %%
name = "103" if source.name == "mitdb" else source.records[0]
of_record = beats.records[halves.train] == name
rows = halves.train[of_record & (beats.labels[halves.train] == 0)]
middle = np.median(beats.signals[rows], axis=0)
typical = rows[np.abs(beats.signals[rows] - middle).sum(axis=1).argmin()]
beat = beats.signals[typical]
with torch.no_grad():
    maps = stem(torch.from_numpy(beat)[None, None])[0]  # (32, 180)
maps = dict(zip(branches, maps.numpy().reshape(4, 8, 180), strict=True))
plots.show(
    figures.feature_maps(
        beat,
        {
            name: rows / np.maximum(rows.max(axis=1, keepdims=True), 1e-9)
            for name, rows in maps.items()
        },
        f"A beat of record {name} in the stem",
        value="share of the row's largest",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# Look along the rows. Those of the first branch are bright over a whole stretch:
# wherever the trace is above, or below, the row's level; the P wave is a dark gap
# in the rows that look for low. Among those of width 3 and 5 some light up for a
# few samples on one flank of the QRS complex and stay dark on the other: they
# answer to a slope of one sign. Whatever is negative is gone, and no later layer
# can bring it back; that is why there are rows for both signs.
#
# How different are the branches, in two numbers? For each row, the share of the
# beat's samples at which it is active, and of its activity the part that falls
# within 50 ms of the R peak:

# %%
from_r = np.arange(180) - beats.preparation.before
near = np.abs(from_r) <= 18  # 18 samples: 50 ms
table = ["| branch | samples active % | of the activity, within 50 ms % |"]
table.append("|---|---|---|")
for name, rows in maps.items():
    active = 100 * (rows > 0).mean()
    at_r = 100 * rows[:, near].sum() / rows.sum()
    table.append(f"| {name} | {active:.0f} | {at_r:.0f} |")
display(Markdown("\n".join(table)))

# %% [markdown]
# Does the stem earn its place? The variant without it, `resnet-no-inception`,
# begins with one convolution of width 7. The page on the ablation trains both
# with several seeds; a look at one beat cannot tell.
#
# ## From 180 samples to 2880 features
#
# Every line of this table is asked of the network itself. *Step* is the distance,
# in samples of the ECG, between two neighbouring places; *sees* is the receptive
# field: how much of the ECG one place depends on. A convolution of width $k$ at
# step $j$ widens it by $(k - 1)\,j$.

# %%
resnet = ResNet().eval()
resnet.load_state_dict(branch.state_dict())


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


sees, step = 5, 1
with torch.no_grad():
    h = resnet.stem(torch.zeros(1, 1, 180))  # (1, 32, 180)
    stages = [("stem", h, sees, step, n_parameters(resnet.stem))]
    for i, module in enumerate(resnet.layers):
        h = module(h)
        for conv in (module.conv1, module.conv2):
            sees += (conv.kernel_size[0] - 1) * step
            step *= conv.stride[0]
        name = f"layer {i // 2 + 1}, module {i % 2 + 1}"
        stages.append((name, h, sees, step, n_parameters(module)))
table = ["| part | channels x samples | step | sees | ms | parameters |"]
table.append("|---|---|---|---|---|---|")
for name, h, sees, step, n in stages:
    shape = f"{h.shape[1]} x {h.shape[2]}"
    ms = 1000 * sees / 360
    table.append(f"| {name} | {shape} | {step} | {sees} | {ms:.0f} | {n:,} |")
table.append(f"| flattened | {h.numel()} | | | | 0 |")
display(Markdown("\n".join(table)))

# %% [markdown]
# Do not believe the column *sees*; ask the gradient. Which samples of the input
# change the middle place of the last layer, over a batch of beats?

# %%
inputs = x.clone().requires_grad_()
maps = resnet(inputs[:, 0]).unflatten(1, (64, 45))  # (32, 64, 45)
maps[:, :, 22].sum().backward()
touched = np.flatnonzero(inputs.grad.abs().sum(dim=(0, 1)).numpy())
print(f"samples {touched[0]} to {touched[-1]}: {len(touched)} of 180")
assert len(touched) == sees

# %% [markdown]
# So one place of the last layer sees about 150 ms: a QRS complex and its
# neighbourhood, never the whole beat. What a P wave's place and a QRS complex's
# place have to say to each other is left to whatever comes after, and that is why
# the end of this network matters.
#
# ## Why no pooling
#
# ResNets for images end in *global average pooling*: each channel is averaged
# over all places. What remains here would be 64 numbers instead of 2880, and a
# linear layer of 260 parameters instead of 11,524. The paper leaves it out, "to
# avoid too much compression of the signal dimension". One can say more exactly
# what is lost: **where**. The mean of a channel does not change when its places
# change places:

# %%
with torch.no_grad():
    maps = resnet(x[:, 0]).unflatten(1, (64, 45))  # (32, 64, 45)
shuffled = maps[:, :, torch.randperm(45)]
for name, other in (("shifted", maps.roll(9, dims=2)), ("shuffled", shuffled)):
    pooled = (other.mean(dim=2) - maps.mean(dim=2)).norm()
    flat = (other - maps).norm() / maps.norm()
    pooled /= maps.mean(dim=2).norm()
    print(f"{name}: pooled features change by {pooled:.0e} of their size, "
          f"flattened ones by {flat:.2f}")  # fmt: skip

# %% [markdown]
# For a photograph that is wanted: a cat is a cat in every corner. A beat is cut
# with its R peak at sample 90, so place has a meaning. In a normal beat the P wave
# comes *before* the QRS complex; when a beat begins in the atrioventricular
# junction, the atria may be reached late, and a P wave can stand *behind* it.
# Take a beat drawn for the purpose, a bump before the peak, and the same with the
# bump behind it:


# %%
def drawn_beat(p_wave_at):
    samples = np.arange(180)
    r = np.exp(-0.5 * ((samples - 90) / 4) ** 2)
    p = 0.15 * np.exp(-0.5 * ((samples - p_wave_at) / 6) ** 2)
    return (r + p).astype(np.float32)


before, after = drawn_beat(90 - 52), drawn_beat(90 + 52)
time_s = (np.arange(180) - 90) / 360
plots.show(
    figures.line_panels(
        {
            "drawn by formula": {
                "P wave before": before,
                "P wave behind": after,
            }
        },
        time_s,
        "time from the R peak (s)",
        "mV",
        "Two beats that differ in one place",
        seen="The peaks coincide; a low bump stands 0.14 s before the peak in "
        "one beat and 0.14 s after it in the other.",
        synthetic=True,
    )
)

# %%
without = drawn_beat(90 - 52) - 0.15 * np.exp(
    -0.5 * ((np.arange(180) - 38) / 6) ** 2
).astype(np.float32)
three = torch.from_numpy(np.stack([before, after, without]))
with torch.no_grad():
    maps = resnet(three).unflatten(1, (64, 45))
for name, features in (
    ("pooled", maps.mean(dim=2)),
    ("flattened", maps.flatten(1)),
):
    moved = (features[0] - features[1]).norm()
    removed = (features[0] - features[2]).norm()
    print(f"{name:9}: moving the P wave changes {moved / removed:.2f} times "
          "as much as removing it")  # fmt: skip

# %% [markdown]
# Flattened features change more when the bump is moved than when it is taken
# away: it is missed in one place and found in another. Pooled ones hardly notice
# the move. What little they do notice is not the place as such: bump and peak are
# near enough for some places to see both.
#
# ### Does it cost anything?
#
# An argument is not a measurement. We train both ends on a subsample of the
# training half, for a few epochs, and compare them on beats of the training half
# that were set aside.


# %%
class PooledResNet(ResNet):
    def __init__(self):
        super().__init__()
        self.n_features = 64

    def forward(self, beats):
        maps = super().forward(beats).unflatten(1, (64, 45))
        return maps.mean(dim=2)  # (b, 64)


def subsample(rows, n, seed):
    if n >= len(rows):
        return rows
    share = n / len(rows)
    part = random_split(beats.labels[rows], seed, share)
    return rows[part.test]  # every class in its proportion


seeds, n_beats, n_epochs = ((0, 1, 2), 3000, 4) if full else ((0,), 1200, 3)
how = Recipe(n_epochs, 64, 2e-3, "one-cycle", weight_decay=0.01, balance=0.5)
validation = validation_split(halves, beats.labels, seed=0)
aside = beats.select(subsample(validation.test, 4500 if full else 1200, 0))
runs = []
for seed in seeds:
    rows = subsample(validation.train, n_beats, seed)
    for end, make in (
        ("flattened", ResNet),
        ("pooled", PooledResNet),
    ):
        torch.manual_seed(seed)
        network = ResNetTCN(resnet=make())
        fit(
            network,
            beats.signals[rows],
            beats.labels[rows],
            how,
            seed=seed,
            device="cpu",
            precision="float32",
        )
        predicted = predict(network, aside.signals).argmax(axis=1)
        matrix = metrics.confusion_matrix(aside.labels, predicted)
        runs.append((end, seed, metrics.report(matrix)))

# %% tags=["hide-input"]
table = ["| end | seed | accuracy % | mean F1 % | F1 of N, S, V, F % |"]
table.append("|---|---|---|---|---|")
for end, seed, report in runs:
    f1 = ", ".join(
        f"{100 * scores.f1:.0f}" for scores in report.classes.values()
    )
    table.append(
        f"| {end} | {seed} | {100 * report.accuracy:.2f} | "
        f"{100 * report.macro.mean_f1:.1f} | {f1} |"
    )
mean_f1 = {
    end: np.array([r.macro.mean_f1 for e, _, r in runs if e == end])
    for end in ("flattened", "pooled")
}
gain = 100 * (mean_f1["flattened"] - mean_f1["pooled"])
said = (
    f"In {(gain > 0).sum()} of {len(gain)} runs the flattened end has the "
    f"higher mean F1, by {gain.mean():.1f} points in the mean. Trained on "
    f"{n_beats:,} beats for {n_epochs} epochs, compared on {len(aside):,} "
    "beats of the training half that were set aside: small runs, for the "
    "direction and not for the size of the effect."
)
if source.is_synthetic:
    said += " On synthetic records it says nothing about hearts."
display(Markdown("\n".join([*table, "", said])))

# %% [markdown]
# The pooled network is not helpless, and it should not be: most V beats give
# themselves away by the shape of their QRS complex alone, wherever it stands, and
# near the ends of the beat the padding lets a little of *where* leak into *what*.
# What pooling costs is the rest. What it would *buy* is size: its linear layer has
# one forty-fourth of the parameters, and it could read beats of any length. Both
# ends are defensible; the paper's keeps the place.
#
# ## Exercises
#
# ### Exercise 1: predict
#
# A convolution has width $k = 7$, stride $s = 4$ and padding $p = 6$ at each end.
# How long is its output for a beat of 180 samples? Work it out on paper first.

# %% tags=["exercise"]
answer = ...
check("08.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# (180 + 2 * 6 - 7) / 4 is 46.25: 46 whole steps, so 47 places.
answer = (180 + 2 * 6 - 7) // 4 + 1
check("08.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# The stem's widest kernel sees 14 ms. Make a
# [`ResNet`](../book/api_nn.md#ecgkit.nn.models.ResNet) whose stem has a kernel of **25** samples in the place of the 5 (69 ms, most of a normal QRS
# complex), eight filters as before, and everything else unchanged. Give the
# network.

# %% tags=["exercise"]
answer = ...
check("08.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# A width of 25 loses 24 samples: 12 zeros at each end make up for them.
answer = ResNet()
answer.stem.conv5 = nn.Conv1d(1, 8, 25, padding=12)
check("08.2", answer)

# %% [markdown]
# ### Exercise 3: build
#
# The library's module has a ReLU *behind* the addition, so that even its edge is
# not quite clear: what is negative in the sum is cut off.
# [He et al. 2016b](https://doi.org/10.48550/arXiv.1603.05027) moved batch norm and
# ReLU in front of each convolution:
#
# $$ y = x + \mathrm{conv}_2\bigl(\mathrm{ReLU}(\mathrm{BN}_2(
# \mathrm{conv}_1(\mathrm{ReLU}(\mathrm{BN}_1(x)))))\bigr) $$
#
# Write it as a module `PreActivation(channels)` with convolutions of width 3 that
# keep channels and length.


# %% tags=["exercise"]
class PreActivation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        # your layers here

    def forward(self, x):
        return ...  # your code here


check("08.3", PreActivation)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
class PreActivation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1 = nn.BatchNorm1d(channels)
        self.conv1 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm1d(channels)
        self.conv2 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        h = self.conv1(F.relu(self.norm1(x)))
        h = self.conv2(F.relu(self.norm2(h)))
        return x + h


check("08.3", PreActivation)

# %% [markdown]
# ## Recall
#
# <details><summary>1. All kernels of a residual module are zero. What does it
# compute, and what would a module without the edge compute?</summary>
#
# The ReLU of its input (or of the edge's 1x1 convolution, where there is one),
# each channel shifted by what its batch norm adds; the plain one computes only
# a constant that does not depend on the input. Doing nothing is easy with an
# edge and has to be learnt without it.
#
# </details>
# <details><summary>2. A plain stack with batch norm: does its gradient vanish with
# depth?</summary>
#
# No, it grows. Batch norm rescales the activations of each layer, and with them
# the gradients. Saying "batch norm and residual edges cure vanishing gradients"
# mixes two cures of two illnesses.
#
# </details>
# <details><summary>3. A colleague's accuracy changes with the batch size he
# classifies with. What did he forget?</summary>
#
# <code>model.eval()</code>. In training mode batch norm uses the batch's own mean
# and variance, and dropout is at work, too.
#
# </details>
# <details><summary>4. Why can a 1x1 convolution on the raw ECG not see a slope?
# </summary>
#
# A slope is a difference of neighbours, and this kernel sees one sample at a time.
# It can scale and, with its bias and the ReLU behind it, ask whether the trace is
# above a level. On a later layer, with 32 channels in, the same 1x1 can do much
# more: it mixes channels.
#
# </details>
# <details><summary>5. One place of the last layer sees about 150 ms. How can the
# ResNet still use the distance between P wave and QRS complex?</summary>
#
# Its linear layer has a weight for every channel at every place. "P wave at place
# 12 and QRS complex at place 22" is a sum of two of its inputs. After global
# pooling the places are gone, and only what 150 ms show at once is left.
#
# </details>
#
# ## Recap
#
# - A residual module adds its input to what it computes. That keeps the gradient
#   of a deep stack within reach, with batch norm and without.
# - Batch norm looks at the batch in training and at running averages in use; then
#   it is a factor and a shift, and folds into the convolution before it.
# - The stem looks at 1, 3 and 5 samples and a local maximum at once, and shortens
#   nothing. Strides of 2 stand at the entrance of the second and third layer.
# - 64 channels at 45 places are 2880 features. Each sees 150 ms, and the linear
#   layer knows where; global pooling would not.
#
# **Further reading.** [He et al. 2016](https://doi.org/10.1109/CVPR.2016.90) is
# worth reading for its experiments alone; [Szegedy et al.
# 2015](https://doi.org/10.1109/CVPR.2015.7298594) for why widths stand side by
# side; [Ioffe and Szegedy 2015](https://doi.org/10.48550/arXiv.1502.03167) for
# batch norm. The next page joins this network with the TCN.

# %% tags=["hide-input"]
page.stamp(
    f"the gradient of {depths[4]} residual modules without batch norm is "
    f"{residual[0][4] / plain[0][4]:.0e} times that of a plain stack"
)
