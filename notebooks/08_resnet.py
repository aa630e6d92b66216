# %% [markdown]
# # The ResNet: residual edges and an Inception stem
#
# > **You will be able to** write a residual module, an Inception stem and the
# > ResNet of the paper; test what a residual edge does to the gradient of a deep
# > stack, and what the initial weights do to it; say what batch normalisation
# > computes in training and in use; change the network and train it again.
# >
# > **Time:** 40 minutes to read and try; computes 12 s in the quick profile and 49 s
# > in full, on one CPU core.
# >
# > **You need:** [page 07](07_tcn.ipynb) for convolutions, and to know what a
# > gradient and the chain rule are.

# %%
import numpy as np
import torch
from ecgbook import figures
from ecgbook.loop import train
from ecgbook.page import Page, check, profile
from ecgkit import load_beats, load_model, plots, predict, random_split
from ecgkit.data.sources import find_source
from ecgkit.evaluate import metrics
from ecgkit.nn import layers, models
from scipy.stats import gmean
from torch import nn
from torch.nn import functional as F

page = Page("08_resnet")
full = profile() == "full"
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()
halves = random_split(beats.labels, seed=0)

# %% [markdown]
# The ResNet is one of the two branches of the paper's network. The paper's section
# III-C takes the residual network of
# [He et al. 2016](https://doi.org/10.1109/CVPR.2016.90), made for images, and
# makes three changes: the convolutions are one-dimensional, an
# [Inception module](../book/glossary.md#term-inception-module) replaces the first of
# them, and the last pooling layer is left out. Six residual modules in three layers
# have 32, 48 and 64 kernels.
#
# The paper leaves the rest open. This book has two convolutions of width 3 per
# module, two modules per layer, stride 2 at the entrance of the second and third
# layers, and eight channels per branch of the stem.

# %%
plots.show(figures.resnet_diagram())

# %% [markdown]
# *Figure 8.1. The ResNet as this book builds it, with channels × samples beside
# the arrows, drawn from the paper's text and our code. The paper's own figure is
# not reproduced here.*
#
# ## A convolution that keeps the length
#
# Those of page 07 had all padding zeros before the first sample. Those of the ResNet
# have $p$ zeros at each end. A filter of width $k$ that moves in steps of $s$, its
# [stride](../book/glossary.md#term-stride), fits at
#
# $$ n_\mathrm{out} = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1 $$
#
# positions. With $n = 180$, $k = 3$ and $p = 1$ these are 180 positions for $s = 1$ and 90
# for $s = 2$.
#
# ### Exercise 1: how long is the output?
#
# A convolution has width $k = 7$, stride $s = 4$ and padding $p = 6$. How long is
# its output for a beat of 180 samples?

# %% tags=["exercise"]
answer = ...
check("08.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# (180 + 2 * 6 - 7) / 4 is 46.25: 46 whole steps, so 47 positions.
answer = (180 + 2 * 6 - 7) // 4 + 1
check("08.1", answer)

# %% [markdown]
# ## The residual module
#
# A *residual module* computes two convolutions, $F(x)$, and adds its own input to
# the result:
#
# $$ y = \mathrm{ReLU}\bigl(F(x) + \mathrm{edge}(x)\bigr) $$
#
# The [residual edge](../book/glossary.md#term-residual-edge) is $x$ itself. If $F(x)$
# and $x$ differ in channels or length, the edge is a convolution of width 1 with the
# module's stride. Each convolution is followed by
# [batch normalisation](../book/glossary.md#term-batch-normalisation), explained
# below.


# %%
class ResidualModule(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv1d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm1d(c_out)
        self.conv2 = nn.Conv1d(c_out, c_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm1d(c_out)
        self.edge = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.edge = nn.Sequential(
                nn.Conv1d(c_in, c_out, 1, stride, bias=False),
                nn.BatchNorm1d(c_out),
            )

    def forward(self, x):  # (b, c_in, n) -> (b, c_out, n / stride)
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(h + self.edge(x))


# %% [markdown]
# Is it the library's
# [`ResidualModule`](../book/api_nn.md#ecgkit.nn.layers.ResidualModule)? Give both
# the same weights and the same input.


# %%
def assert_same(mine, library, x):
    mine.load_state_dict(library.state_dict())
    torch.testing.assert_close(mine.eval()(x), library.eval()(x))


library = layers.ResidualModule(32, 48, 2)
assert_same(ResidualModule(32, 48, 2), library, torch.randn(4, 32, 180))

# %% [markdown]
# **Predict:** all kernels of `conv1` and `conv2` are zero. What does the module
# with an identity edge compute, and what would it compute without the edge?
#
# <details><summary>Answer</summary>
#
# With the edge, the ReLU of its input (each channel shifted by a constant): it
# passes on what it was given. Without the edge, a constant that does not
# depend on the input.
#
# </details>
#
# ## What the edge does to the gradient
#
# Take a stack of $L$ modules $x_{l+1} = x_l + F_l(x_l)$ with one number in and one
# out, and leave the ReLU aside. By the chain rule
#
# $$ \frac{\partial x_L}{\partial x_0} = \prod_{l=0}^{L-1}
# \bigl(1 + F_l'(x_l)\bigr) $$
#
# A *plain* stack, $x_{l+1} = F_l(x_l)$, has the product of $F_l'$ alone. If every
# $F_l'$ is 0.3, sixteen modules leave a plain stack $0.3^{16} = 4 \cdot 10^{-9}$ of
# the gradient: it *vanishes*. With edges the product is $1.3^{16} = 67$. Neither is
# a law: the size of $F_l'$ depends on the initial weights.
#
# PyTorch draws the weights of a convolution with $m$ inputs per output uniformly
# between $-1/\sqrt{m}$ and $1/\sqrt{m}$, with variance $1/(3m)$. A ReLU sets about half
# of the activations to zero; He's initialisation ([He et al.
# 2015](https://doi.org/10.1109/ICCV.2015.123)) therefore has variance $2/m$, which
# keeps the size of the activations in a *plain* stack.
#
# That makes a two-by-two experiment: PyTorch's weights or He's, with edges or
# without. Batch normalisation would hide the effect, so it is off at first.


# %%
class NoEdge(nn.Module):
    def forward(self, x):
        return 0.0  # F(x) + 0: a plain stack


def stack(n_modules, edge, he, norm=False, channels=16):
    modules = [ResidualModule(channels, channels) for _ in range(n_modules)]
    for module in modules:
        if not edge:
            module.edge = NoEdge()
        if not norm:
            module.norm1 = module.norm2 = nn.Identity()
    first = nn.Conv1d(1, channels, 7, padding=3)
    last = nn.Linear(channels * 180, 4)
    network = nn.Sequential(first, nn.ReLU(), *modules, nn.Flatten(), last)
    for part in network.modules():
        if he and isinstance(part, nn.Conv1d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
    return nn.Sequential(nn.Unflatten(1, (1, 180)), network)


# %% [markdown]
# How large is the gradient of the loss at the first convolution, before any
# training? Each point is the geometric mean over three draws of the weights, on
# the same 32 beats.
#
# **Predict:** which of the four stacks vanish, which explode, and which stay
# within a factor of ten?

# %%
rng = np.random.default_rng(0)
rows = rng.choice(halves.train, 32, replace=False)
x = torch.from_numpy(beats.signals[rows])  # (32, 180)
y = torch.from_numpy(beats.labels[rows].astype(np.int64))  # (32,)
depths, draws = ([1, 2, 4, 8, 16, 32], 3) if full else ([1, 16], 1)
edges = {"plain": False, "residual": True}


def first_gradient(seed, *how):
    torch.manual_seed(seed)
    network = stack(*how)
    F.cross_entropy(network(x), y).backward()
    return network[1][0].weight.grad.norm().item()


def gradients(*how):
    seeds = range(draws)
    each = [[first_gradient(s, n, *how) for s in seeds] for n in depths]
    return gmean(each, axis=1)


found = {
    "PyTorch's weights": {k: gradients(e, False) for k, e in edges.items()},
    "He's weights": {k: gradients(e, True) for k, e in edges.items()},
}


# %% tags=["hide-input"]
def draw(panels, title, seen):
    axes = "modules", "gradient norm at the first layer\n(logarithmic)"
    more = {"log": "xy", "seen": seen, "synthetic": source.is_synthetic}
    plots.show(figures.line_panels(panels, depths, *axes, title, **more))


draw(
    found,
    "Gradient before training, without batch norm",
    "With PyTorch's weights the plain line falls steeply and the residual one "
    "stays level. With He's the plain line falls a little, and the residual "
    "one rises steeply after eight modules.",
)

# %% [markdown]
# *Figure 8.2. The gradient at the first layer by the number of modules. A value of
# zero is left out.*
#
# <details><summary>Answer</summary>
#
# With PyTorch's weights the plain stack vanishes and the residual one is level.
# With He's weights the plain stack loses little and the residual one explodes.
#
# </details>

# %% [markdown]
# With PyTorch's weights, the plain stack loses 12 orders of magnitude in 16 modules.
# With He's it still has 0.08 of the 0.29 that one module gives. With edges, He's
# weights are too large: each sum adds a second signal, and the gradient of 16
# modules is 67, of 32 about 26,000. (The first of the three draws gives 380 and
# 63,000.) Whether the gradient vanishes, and whether edges help, depends on the
# initial weights.
#
# Does it matter for learning? We train the four stacks, 16 modules deep, for 40
# steps on 640 beats, 160 of each class. A network that knows nothing has a loss of
# $\ln 4 = 1.39$.

# %%
classes = [halves.train[beats.labels[halves.train] == c] for c in range(4)]
epochs = 4 if full else 1
rows = np.concatenate([rng.choice(c, 40 * epochs) for c in classes])
signals = torch.from_numpy(beats.signals[rows])
labels = torch.from_numpy(beats.labels[rows].astype(np.int64))
losses = {}
for he in (False, True):
    for name, edge in edges.items():
        torch.manual_seed(0)
        network = stack(16, edge, he)
        losses[name, he] = train(network, signals, labels, epochs)
        print(f"{name:8}, He's: {he!s:5}", np.round(losses[name, he], 2))

# %% tags=["hide-input"]
if full:  # statements are of 32 modules and of four epochs
    default, he = (lines["plain"] for lines in found.values())
    explodes = found["He's weights"]["residual"]
    page.states("loses 12 orders", np.log10(default[0] / default[4]), 1)
    page.states("is 67", explodes[4], within=10)
    page.states("about 26,000", explodes[5], within=4000)
    page.states("0.08 of the 0.29 that", he[[4, 0]], within=(0.03, 0.05))
    first = [first_gradient(0, n, True, True) for n in (16, 32)]
    page.states("380 and 63,000", first, within=(60, 9000))
    page.states("stays at 1.39", losses["plain", False][-1], within=0.01)
    page.states("to 0.59", losses["residual", False][-1], within=0.15)
    page.states("to 0.84", losses["plain", True][-1], within=0.15)
    page.states("begins at 157", losses["residual", True][0], within=60)

# %% [markdown]
# The gradient predicts what happens (one seed). The plain stack with PyTorch's
# weights stays at 1.39. An edge brings the loss to 0.59. He's weights *without* an
# edge bring it to 0.84. With both, the loss of the first epoch begins at 157
# and is still above 1.39 after four.
#
# ## Batch normalisation
#
# For each channel, batch normalisation takes the mean $\mu$ and the variance
# $\sigma^2$ over all beats of the batch and all samples, and computes
#
# $$ \mathrm{BN}(c) = \gamma \, \frac{c - \mu}{\sqrt{\sigma^2 + \epsilon}}
# + \beta $$
#
# with one learnt $\gamma$ and $\beta$ per channel. If a channel has mean 0.5 and
# standard deviation 0.2, an activation of 0.9 becomes 2 (for $\gamma = 1$ and
# $\beta = 0$). Multiply the weights before it by six, and $c - \mu$ and $\sigma$
# both grow by six: the output stays the same.
#
# **Predict:** with batch normalisation in each module, does the gradient of the
# plain stack vanish, stay or explode?

# %%
normed = {
    name: {k: gradients(e, name == "He's weights", True)
           for k, e in edges.items()}
    for name in found
}  # fmt: skip

# %% tags=["hide-input"]
draw(
    normed,
    "Gradient before training, with batch norm",
    "In both panels the plain line rises to ten thousand at 32 modules, the "
    "residual one to some ten.",
)
if full:
    plain, residual = normed["PyTorch's weights"].values()
    page.states("about 100", plain[4], within=20)
    page.states("about 13", residual[4], within=4)
    page.states("near 18,000", plain[5], within=4000)
    page.states("near 31", residual[5], within=15)

# %% [markdown]
# *Figure 8.3. As Figure 8.2, with batch normalisation.*
#
# <details><summary>Answer</summary>
#
# It explodes ([Yang et al. 2019](https://doi.org/10.48550/arXiv.1902.08129)
# derive it). With PyTorch's weights the gradient of 16 plain modules is about 100, of 16
# residual ones about 13; at 32 modules they are near 18,000 and near 31. The two
# panels look alike, and the edge slows the growth.
#
# </details>
#
# At six modules, the depth of our ResNet, little is at stake.
#
# In training, the output for a beat depends on the other beats in its batch. In use, the
# class of a beat must not depend on other patients' beats. Therefore training also keeps running averages of $\mu$ and
# $\sigma^2$, and `network.eval()` switches to them. Forgetting it raises no error;
# the symptom is an accuracy that changes with the batch size.
#
# ### Exercise 2: six modules without edges
#
# Write `PlainModule`, the module of this page without its edge. Delete the layers of
# the edge, so that no parameter is unused.


# %% tags=["exercise"]
class PlainModule(ResidualModule):
    pass  # your code here


check("08.2", PlainModule)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
class PlainModule(ResidualModule):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        del self.edge

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)))


check("08.2", PlainModule)

# %% [markdown]
# ## The Inception stem
#
# An Inception module
# ([Szegedy et al. 2015](https://doi.org/10.1109/CVPR.2015.7298594)) applies filters
# of several widths side by side and hands all their channels on.


# %%
class Inception(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        quarter = c_out // 4
        self.conv1 = nn.Conv1d(c_in, quarter, 1)
        self.conv3 = nn.Conv1d(c_in, quarter, 3, padding=1)
        self.conv5 = nn.Conv1d(c_in, quarter, 5, padding=2)
        self.pool = nn.MaxPool1d(3, stride=1, padding=1)
        self.conv_pool = nn.Conv1d(c_in, quarter, 1)
        self.norm = nn.BatchNorm1d(c_out)

    def forward(self, x):  # (b, c_in, n) -> (b, c_out, n)
        pooled = self.conv_pool(self.pool(x))
        branches = [self.conv1(x), self.conv3(x), self.conv5(x), pooled]
        return F.relu(self.norm(torch.cat(branches, dim=1)))


assert_same(Inception(1, 32), layers.Inception(1, 32), x[:, None])

# %% [markdown]
# The input has one channel, and each branch makes eight of it:
#
# - **conv 1** scales and shifts the trace.
# - **conv 3 and conv 5**, 8 and 14 ms wide, can measure slopes and curvatures.
# - **max-pool 3, conv 1** scales the largest of three neighbours.
#
# The trained weights of this book fit into the class that you have just read. This
# is what they make of the median normal beat:

# %%
published = load_model("ours").network.branches["resnet"]
stem = Inception(1, 32)
stem.load_state_dict(published.stem.state_dict())
beat = np.median(beats.signals[classes[0]], axis=0)
with torch.no_grad():
    maps = stem.eval()(torch.from_numpy(beat)[None, None])[0].numpy()

# %% tags=["hide-input"]
names = ("conv 1", "conv 3", "conv 5", "pool, conv 1")
scaled = maps / np.maximum(maps.max(axis=1, keepdims=True), 1e-9)
plots.show(
    figures.feature_maps(
        beat,
        dict(zip(names, scaled.reshape(4, 8, 180), strict=True)),
        "The median normal beat in the trained stem",
        value="share of the channel's largest",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# *Figure 8.4. The 32 channels of the trained stem, one row each, scaled to their
# own largest value. Channels of width 1 are active over whole stretches; some of
# widths 3 and 5 are active only on one flank of the QRS complex.*
#
# [Page 12](12_ablation.ipynb) asks whether the stem improves the result.
#
# ## The whole network
#
# The module's class is an argument: you will exchange it.


# %%
class ResNet(nn.Module):
    def __init__(self, module=ResidualModule):
        super().__init__()
        self.stem = Inception(1, 32)
        first = module(32, 32), module(32, 32)  # 180 samples
        second = module(32, 48, stride=2), module(48, 48)  # 90
        third = module(48, 64, stride=2), module(64, 64)  # 45
        self.layers = nn.Sequential(*first, *second, *third)

    def forward(self, beats):  # (b, 180) -> (b, 2880)
        x = self.stem(beats.unsqueeze(1))  # (b, 32, 180)
        return self.layers(x).flatten(1)  # (b, 64, 45) -> (b, 2880)


assert_same(ResNet(), models.ResNet(), x)
assert_same(ResNet(), published, x)

# %% [markdown]
# Each of the 45 positions of the last layer depends on a stretch of the beat, its
# [receptive field](../book/glossary.md#term-receptive-field). The gradient shows
# which samples change the middle position:

# %%
inputs = x.clone().requires_grad_()
last = published.eval()(inputs).unflatten(1, (64, 45))  # (32, 64, 45)
last[:, :, 22].sum().backward()
touched = inputs.grad.abs().sum(dim=0).nonzero().ravel()
print(f"samples {touched[0]} to {touched[-1]}: {len(touched)} of 180")

# %% tags=["hide-input"]
page.states("55 samples", len(touched), within=0)

# %% [markdown]
# It is 55 samples, 153 ms: a QRS complex and its surroundings. How far the P wave is
# from the QRS complex is left to the linear layer, which has a weight for each
# channel *at each position*.
#
# **Predict:** ResNets for images end in
# [global average pooling](../book/glossary.md#term-global-average-pooling): each
# channel is replaced by its mean over all positions. How many features would be left
# here, and what information would be lost?
#
# <details><summary>Answer</summary>
#
# 64 features instead of 2,880. Lost is the position at which a channel was active: the
# mean stays the same when the positions are shuffled. For a photograph that is wanted. In a
# beat that is cut around its R peak, the position has a meaning.
#
# </details>
#
# ## Training it
#
# A linear layer turns the features into four
# [logits](../book/glossary.md#term-logit), and the loop of [page 05](05_first_network.ipynb) trains both. We
# draw 300 beats per class, with replacement, from the training half of the random
# split, and test on 3,000 random beats of its test half.

# %%
rng = np.random.default_rng(0)
per_class, epochs, n_test = (300, 5, 3000) if full else (60, 2, 300)
rows = np.concatenate([rng.choice(c, per_class) for c in classes])
signals = torch.from_numpy(beats.signals[rows])
labels = torch.from_numpy(beats.labels[rows].astype(np.int64))
test = rng.permutation(halves.test)[:n_test]


def train_and_test(features, seed=0):
    torch.manual_seed(seed)
    network = nn.Sequential(features(), nn.LazyLinear(4))
    network(signals[:2])  # the linear layer learns its width
    losses = train(network, signals, labels, epochs, seed=seed)
    answers = predict(network, beats.signals[test]).argmax(axis=1)
    matrix = metrics.confusion_matrix(beats.labels[test], answers)
    found = metrics.sensitivity(matrix)
    print("losses", np.round(losses, 2), "sensitivities", found.round(2))
    return metrics.accuracy(matrix), np.nanmean(found)


residual = train_and_test(ResNet)

# %% tags=["hide-input"]
page.states("0.868 (one", residual[0], within=0.06)
page.states("0.852 and", residual[1], within=0.03)

# %% [markdown]
# After five epochs the mean sensitivity over the four classes is 0.852 and the
# accuracy 0.868 (one seed). The accuracy is below the 0.892 of "always N": the network,
# trained on equal classes, calls 13 % of the N beats something else.
#
# ### Exercise 3: change it and train it again
#
# Two changes, each with the same beats and seed:
#
# 1. `ResNet(PlainModule)`: do six modules need their edges?
# 2. `PooledResNet`, a `ResNet` whose `forward` returns the mean of each channel
#    over its 45 positions, shape (b, 64): what does the position contribute?
#
# Predict both, write `PooledResNet`, and call `train_and_test` on both. (To choose
# between networks for use, compare them on validation beats, as page 06 does.)


# %% tags=["exercise"]
class PooledResNet(ResNet):
    pass  # your code here


check("08.3", PooledResNet)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
class PooledResNet(ResNet):
    def forward(self, beats):
        features = super().forward(beats)  # (b, 2880)
        return features.unflatten(1, (64, 45)).mean(dim=2)  # (b, 64)


plain = train_and_test(lambda: ResNet(PlainModule))
pooled = train_and_test(PooledResNet)
page.states("0.852 without", plain[1], within=0.04)
page.states("0.800 against", plain[0], within=0.06)
page.states("0.695 pooled", pooled[1], within=0.08)
check("08.3", PooledResNet)

# %% [markdown]
# The mean sensitivity is 0.852 without edges and 0.695 pooled, against 0.852. (One
# seed; each training takes about ten seconds on a CPU.) Without edges the accuracy is
# lower, 0.800 against 0.868, because more N beats are called something else. One seed
# and five epochs do not show whether six modules need their edges. Pooling costs 16
# points. It removes the positions and 2,816 of the features at once, so this run does not
# tell which of the two matters.
#
# ## Recap
#
# - Whether the gradient of a deep stack vanishes or explodes depends on the first
#   weights, the edges and batch normalisation together.
# - The 2,880 features each see 153 ms, and the linear layer knows their positions.
#
# ## What next
#
# [Page 09](09_resnet_tcn.ipynb) joins this network with the TCN and asks which of the
# two does the work.

# %% tags=["hide-input"]
default, he = ({k: v[depths.index(16)] for k, v in lines.items()}
               for lines in found.values())  # fmt: skip
page.stamp(
    "Without batch norm, the gradient of 16 residual modules is "
    f"{default['residual'] / default['plain']:.0e} times that of a plain "
    f"stack with PyTorch's weights, {he['residual'] / he['plain']:.0f} times "
    "with He's"
)
