# %% [markdown]
# # Training
#
# **You will be able to** read the training loop line by line, find out whether a
# network learns at all before spending an hour on it, say where the time of a
# step goes and what makes it shorter, choose a number format, stop a run and go
# on where it stopped, and repeat a run to the last bit.
#
# **Time:** about 60 minutes to read and try. The page computes for about 25
# seconds on two CPU cores in the quick profile, and for a little over a minute in
# the full one. In Colab choose *Runtime*, *Change runtime type*, *T4 GPU* first: this is
# the page that uses it.
#
# **You need** the chapters on heartbeats, augmentation and the networks, or the
# will to take their modules as given.

# %%
import os
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from ecgbook import figures, studies
from ecgbook.bench import networks
from ecgbook.page import Page, check, profile, show_code
from ecgkit import (
    Recipe,
    fit,
    load_beats,
    load_model,
    plots,
    predict,
    random_split,
)
from ecgkit.data.sources import find_source
from ecgkit.evaluate.runs import split_beats, train_and_test
from ecgkit.nn import fast
from ecgkit.nn.fast import FastCPU, fold_norms
from ecgkit.nn.models import build
from ecgkit.train.device import pick_device, pick_precision
from ecgkit.train.recipe import find_recipe, learning_rate
from IPython.display import Markdown, display
from torch.nn import functional as F

os.environ["KINETO_LOG_LEVEL"] = "99"  # the profiler need not say it starts
page = Page("10_training")
full = profile() == "full"

# %%
source = find_source()
page.uses(source)
table = load_beats(source).without_q()
split = split_beats(table, "random", seed=0)
training_half = table.select(split.train)
print(f"training half {training_half.signals.shape}, float32, ", end="")
print(f"{training_half.signals.nbytes / 1e6:.0f} MB")
print(f"runs on {pick_device()}")

# %% [markdown]
# The test half does not appear on this page. Whatever is chosen here, a learning
# rate, a number of epochs, is chosen on beats of the training half that were set
# aside, and the test half is kept for one look at the end.
#
# ## What is minimised
#
# The network turns a beat $x$ into four numbers, the *logits* $z$. Softmax makes
# probabilities of them, and the loss of a beat of class $y$ is how surprised the
# network is by the truth, its *cross-entropy*:
#
# $$ p_c = \frac{e^{z_c}}{\sum_k e^{z_k}}, \qquad
# \mathrm{loss} = -\ln p_y $$
#
# A network that knows nothing says ¼ to everything. Its loss is
# $\ln 4 \approx 1.386$, the first number to look for in any training log: a run
# that starts far above it has a scale wrong somewhere.

# %%
logits = torch.tensor([[2.0, 0.5, -1.0, -1.0]])  # N is favoured
p = logits.softmax(dim=1)
print("p        ", p.numpy().round(3))
for y, name in enumerate("NSVF"):
    loss = F.cross_entropy(logits, torch.tensor([y])).item()
    print(f"loss if it is {name}: {loss:.3f} = -ln {p[0, y]:.3f}")
nothing = F.cross_entropy(torch.zeros(1, 4), torch.tensor([0]))
print(f"knowing nothing: {nothing:.3f}")

# %% [markdown]
# ## The loop
#
# This is all of [`fit`](../book/api_train.md#ecgkit.train.fit.fit), with which every
# run of this book was made. Read it from the middle: `for epoch`,
# `for i, (batch, columns, target)`, forward, loss, backward, step. The rest lets a
# run be stopped, resumed, watched, shared among processes, and repeated. (`columns`
# holds features beside the samples, which page 13 uses; here it is None.)

# %%
show_code(fit)

# %% [markdown]
# Three things in it are easily overlooked.
#
# - The beats are moved to the device **once**, before the loop. A few dozen
#   megabytes fit anywhere, so order, crops and labels are drawn there too, and no worker
#   process feeds anything.
# - `total` stays on the device. Printing a loss in each step would make the CPU
#   wait for the GPU a thousand times an epoch.
# - The result is the network after the **last** epoch. Keeping the epoch that did
#   best on the test half, as many public programs do, is choosing with the test
#   half.
#
# ## First: can it learn anything?
#
# Before an hour of training, a test of seconds: 32 beats, again and again. A
# network that cannot learn 32 beats by heart has a mistake in it, and no amount
# of data will help.

# %%
few = np.concatenate(
    [np.flatnonzero(training_half.labels == c)[:8] for c in range(4)]
)
torch.manual_seed(0)
network = build("resnet")
by_heart = fit(
    network,
    training_half.signals[few],
    training_half.labels[few],
    Recipe(epochs=40, batch=32, learning_rate=1e-3, balance=0),
)
print(f"loss {by_heart[0].loss:.3f} -> {by_heart[-1].loss:.4f}")
assert by_heart[-1].loss < 0.1 * by_heart[0].loss

# %% [markdown]
# ## How long a step
#
# The paper trains with Adam at a constant learning rate of $10^{-4}$. *Adam*
# divides each weight's step by a running root mean square of its gradient, so
# that all weights move at a similar pace
# ([Kingma and Ba 2015](https://arxiv.org/abs/1412.6980)); the loop's `AdamW`,
# with a weight decay of zero, is Adam. The paper's "number of iterations", 50, we
# read as epochs; its batch size it does not give, and we took 128. Our own recipe
# lets the rate rise to twenty times the paper's within the first tenth of the run
# and fall to zero along a cosine: large steps while there is far to go, small ones
# to settle ([Smith and Topin 2018](https://arxiv.org/abs/1708.07120)).

# %%
figure, axes = plt.subplots(
    figsize=(plots.WIDTH_IN, 2.8), layout="constrained"
)
for name, style in (("paper", "--"), ("ours", "-")):
    recipe = find_recipe(name)
    share = np.linspace(0, 1, 501)
    rates = [learning_rate(recipe, s, 501) for s in range(501)]
    axes.plot(share, rates, style, label=f"{name}, {recipe.epochs} epochs")
axes.set(xlabel="share of the steps", ylabel="learning rate", yscale="log")
axes.set_ylim(1e-6, 5e-3)
axes.legend(frameon=False)
plots.show(
    plots.finish(
        figure,
        "Learning rate over a training run",
        "Logarithmic. The paper's is a level line at 0.0001; ours rises to "
        "0.002 in the first tenth and falls along a cosine to zero.",
    )
)

# %% [markdown]
# ## Train it
#
# A tenth of the training half is set aside for validation; the rest is trained
# on with our [`Recipe`](../book/api_train.md#ecgkit.train.recipe.Recipe). Quick takes a sample of the beats and two epochs, to show
# that everything works. Full takes all beats: on a GPU the whole recipe, on a
# CPU two epochs, into which the learning rate's rise and fall are squeezed.
#
# The rate is not all in which our recipe differs; the page on the ablation lists
# the rest. Two of its fields show in the loss that is printed below. It is a sum:
# the loss of the joint answer and, at half weight each, those of the two branches
# alone (see the page on the joint model), so that knowing nothing reads
# $2 \ln 4 \approx 2.77$. And *label smoothing* of 0.05 asks for a probability of
# 0.9625 for the right class and 0.0125 for each other one: even a network that
# answers exactly so has a loss of about 0.4.

# %%
epochs = 2
if full and pick_device().type == "cuda":
    epochs = find_recipe("ours").epochs
beats = table if full else table.sample()
classifier, run = train_and_test(
    beats,
    "resnet-tcn",
    "ours",
    find_recipe("ours", epochs),
    validation=True,
)
print("epoch  seconds    loss  accuracy  mean F1")
for epoch, (seconds, *values) in enumerate(
    zip(
        run.epoch_seconds,
        run.losses,
        run.validation_accuracy,
        run.validation_mean_f1,
        strict=True,
    ),
    start=1,
):
    loss, accuracy, mean_f1 = values
    print(f"{epoch:5}{seconds:9.1f}{loss:8.4f}{accuracy:10.4f}{mean_f1:9.4f}")

# %% [markdown]
# Longer runs are made on the command line, where they survive a closed browser:
#
# ```bash
# ecgkit train --model resnet-tcn --recipe ours --out runs/mine
# ecgkit train --model resnet-tcn --recipe ours --out runs/mine --resume
# ```
#
# This is the curve of the run whose weights come with the library, all of its epochs:

# %%
(best,) = studies.results("reproduction", "resnet-tcn-ours", seed=0)
plots.show(
    plots.learning_curves(
        {"resnet-tcn, ours": best.losses}, "The published run"
    )
)

# %% tags=["hide-input"]
settings = best.settings
display(
    Markdown(
        f"Trained on {best.source} in {settings.epochs} epochs of "
        f"batch {settings.batch}, in {best.precision}, in "
        f"{best.seconds / 60:.0f} minutes on {best.device}. The loss "
        "does not go to zero: with label smoothing of "
        f"{settings.label_smoothing} the target is never quite 1, each "
        f"branch's own loss is added {settings.each_branch} times, and crops "
        "and dropout "
        "are at work in training only."
    )
)

# %% [markdown]
# ## Where the time goes
#
# A guess about speed is nearly always wrong, so measure first. PyTorch's profiler
# notes the time of every operation; we add them up by kind. Four ways to make
# the same step, on this machine's CPU, batch 128 (the fourth only where the CPU
# has the hardware for it):
#
# 1. **dense**: the TCN computed at all 180 positions, as its definition says and
#    as public implementations do it, though only the last one is used;
# 2. **cone**: only the positions that the last one reads (the chapter on the TCN);
# 3. **fast**: the cone, in the order that suits a CPU (`FastCPU`, below);
# 4. **bfloat16**: the same with matrix products in 16 bits (*How many bits?*,
#    below).

# %%
KINDS = {
    "convolutions": ("convolution", "addmm", "aten::mm"),
    "dropout": ("bernoulli", "random_", "aten::lt", "aten::div_"),
    "batch norm": ("batch_norm",),
    "weights": ("adam", "Adam", "weight_norm"),
}


def kind(operation):
    for name, parts in KINDS.items():
        if any(part in operation for part in parts):
            return name
    return "the rest"


def time_parts(network, dtype=torch.float32, plain=False, steps=5):
    """Milliseconds per training step, by kind of operation."""
    rows = slice(128)
    x = torch.from_numpy(training_half.signals[rows])
    y = torch.from_numpy(training_half.labels[rows].astype(np.int64))
    step = networks.training_step(network, x, y, dtype, plain)
    for _ in range(2):  # the first ones set things up
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wall_ms = 1e3 * (time.perf_counter() - start) / steps
    with torch.profiler.profile() as watched:
        step()
    spent = dict.fromkeys([*KINDS, "the rest"], 0.0)
    for event in watched.key_averages():
        spent[kind(event.key)] += event.self_cpu_time_total
    total = sum(spent.values())
    return {name: wall_ms * part / total for name, part in spent.items()}


# %% [markdown]
# Network and step are those of the book's benchmark, `python -m ecgbook bench`: two
# networks with the same weights, one of them with its TCN in the dense form, and the
# step that `fit` makes with a batch.

# %%
show_code(networks.training_step)

# %%
network, dense = networks.pair("resnet-tcn")
times = {
    "dense": time_parts(dense, plain=True, steps=2),
    "cone": time_parts(network, plain=True),
    "fast": time_parts(network),
}
if pick_precision(torch.device("cpu")) is torch.bfloat16:
    times["bfloat16"] = time_parts(network, torch.bfloat16)
title = "One training step on this CPU, batch 128"
plots.show(figures.stacked_bars(times, "milliseconds per step", title))

# %%
without = {name: bar for name, bar in times.items() if name != "dense"}
title = "The same without the dense form"
plots.show(figures.stacked_bars(without, "milliseconds per step", title))

# %% tags=["hide-input"]
total = {name: sum(bar.values()) for name, bar in times.items()}
dropout = 100 * times["cone"]["dropout"] / total["cone"]
last = list(total)[-1]
display(
    Markdown(
        f"On this machine, threads: {torch.get_num_threads()}. The cone "
        f"is {total['dense'] / total['cone']:.1f} times as fast as the dense "
        f"form, the fast form {total['dense'] / total['fast']:.1f} times"
        + (
            f", in bfloat16 {total['dense'] / total['bfloat16']:.1f} times"
            if "bfloat16" in total
            else ""
        )
        + f". In the plain cone {dropout:.0f} % of the time is dropout: not "
        "setting activations to zero, but drawing one random number for each."
    )
)

# %% [markdown]
# What such measurements taught us:
#
# - **Do not compute what nobody reads.** No kernel, however clever, gains as much
#   as leaving out nineteen twentieths of the TCN's multiplications.
# - **Random numbers cost.** One 64-bit number holds four of the 16-bit ones
#   that dropout needs to decide.
# - **Memory order.** A CPU's convolutions want the channels of one sample side by
#   side ("channels last"). PyTorch's one-dimensional convolution has them apart, and
#   rearranges every tensor before and after.
# - **Matrix products.** The last convolution of the cone reads 7 samples and gives
#   one. A convolution that covers its whole input is a matrix product, which is
#   faster.
# - **Half the bits** for the products, where the chip multiplies them in hardware.
#
# We also tried `torch.compile`. On the CPU it made a step slower, after a minute
# of compiling, so it is not here. The layers on the pages before this one are the
# definition and stay as they are.
# [`FastCPU`](../book/api_nn.md#ecgkit.nn.fast.FastCPU) is a context: while it is
# active, PyTorch asks it before each of its functions, and it replaces three,
# whatever the network: convolution, batch norm (which keeps the memory order) and
# dropout. `fit` and `predict` use it on a CPU. Tests compare loss, gradients and
# batch norm's running averages with and without it.

# %%
for part in (fast.FastCPU, fast._convolve, fast._drop):
    show_code(part)

# %% [markdown]
# In inference batch norm is a fixed factor and a fixed shift per channel, which can
# be multiplied into the weights of the convolution before it.
# [`fold_norms`](../book/api_nn.md#ecgkit.nn.fast.fold_norms) makes a copy of a
# network without batch norms in the ResNet, whose four kernels of the Inception stem
# are one convolution. `predict` uses the copy. It is the same function:

# %%
plain = load_model("ours").network
x = torch.from_numpy(training_half.signals[:64])
with torch.inference_mode():
    expected = plain(x)
    with FastCPU():
        found = {"FastCPU": plain(x), "and fold_norms": fold_norms(plain)(x)}
for name, logits in found.items():
    difference = (logits - expected).abs().max().item()
    print(f"{name:14} largest difference of a logit: {difference:.1e}")
    assert difference < 1e-4

# %% [markdown]
# How fast it *could* be is worth knowing too. `python -m ecgbook bench` divides the
# multiplications of a step by the rate at which the same machine, in the same
# minute, multiplies large matrices: the limit that no arrangement passes in the
# same number format.
#
# ## Feeding the network
#
# The usual way keeps the data set in a `Dataset`, and a `DataLoader` collects
# batches beat by beat. For beats of 180 numbers that lie in memory anyway this is
# many small steps in Python, and on a GPU each batch has to be copied over
# besides. Here are the batches of a fifth of the training half both ways, without
# any network:


# %%
class Beats(torch.utils.data.Dataset):
    def __init__(self, signals, labels):
        self.signals, self.labels = signals, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.from_numpy(self.signals[i]), int(self.labels[i])


sample = training_half.select(np.arange(0, len(training_half), 5))
loader = torch.utils.data.DataLoader(
    Beats(sample.signals, sample.labels), batch_size=128, shuffle=True
)
place = pick_device()
signals = torch.from_numpy(sample.signals).to(place)
labels = torch.from_numpy(sample.labels.astype(np.int64)).to(place)


def by_loader():
    return sum(len(found) for _, found in loader)


def by_index():
    order, seen = torch.randperm(len(labels), device=place), 0
    for rows in order.split(128):
        batch = signals[rows], labels[rows]
        seen += len(batch[1])
    if place.type == "cuda":
        torch.cuda.synchronize()  # a GPU is told what to do, not waited for
    return seen


def shortest(feed):
    """Microseconds per beat, in the best of five rounds."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert feed() == len(sample)
        seconds.append(time.perf_counter() - start)
    return 1e6 * min(seconds) / len(sample)


loader_us, resident_us = shortest(by_loader), shortest(by_index)
print(f"DataLoader {loader_us:.2f} microseconds per beat")
print(f"resident   {resident_us:.2f} microseconds per beat")
print(f"The DataLoader takes {loader_us / resident_us:.1f} times as long.")

# %% [markdown]
# ### A GPU that waits for Python
#
# Even with the beats at hand, a small network can leave a large GPU idle. A step is hundreds
# of small operations, and Python hands them over one by one. How long does the
# GPU itself need? Record the operations once as a *CUDA graph* and replay it, and Python
# is out of the way. The joint model on an H100 (80 GB, torch 2.11 with CUDA 13.0), each
# time the mean of 40 steps, measured once:
#
# | beats a step | precision | a step as the loop calls it (ms) | forward and backward replayed (ms) |
# |---:|---|---:|---:|
# | 128 | float32 | 15.6 | 4.9 |
# | 128 | bfloat16 | 19.3 | 2.8 |
# | 256 | float32 | 14.6 | 8.2 |
# | 256 | bfloat16 | 19.9 | 4.0 |
# | 2,048 | float32 | 20.2 | 19.5 |
# | 2,048 | bfloat16 | 23.3 | 20.4 |
#
# (The first column of times has the optimizer in it, the second has not; convolutions in
# "float32" use TF32 there, which is the default.) At 128 beats the
# H100 works for a third of the time, or less, and at 2,048 all the time; mixed precision
# halves the work of small batches and makes the loop slower, for it adds operations to
# hand over. So on such a chip several runs side by side cost little more than one: the
# seeds 1 to 4 of our recipes, on page 11, were made that way, fifteen processes at a time.
#
# ## How many bits?
#
# A float32 has 24 significant bits and 8 for the exponent. **bfloat16** keeps the
# exponent and cuts the significand to 8 bits: a coarse ruler with the same range.
# **float16** keeps 11 significant bits and has 5 for the exponent: a finer ruler
# that ends at 65,504 and has nothing between zero and about $6 \cdot 10^{-8}$.
# Gradients are often that small, so with float16 the loss is multiplied by a large
# number before `backward` and the gradients are divided by it after: that is what
# the `scaler` in the loop does. bfloat16 needs none.

# %%
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    about = torch.finfo(dtype)
    third = torch.tensor(1 / 3, dtype=dtype).item()
    tiny = torch.tensor(1e-8, dtype=dtype).item()
    print(
        f"{str(dtype)[6:]:9} 1/3 = {third:.8f}  1e-8 = {tiny:.1e}  "
        f"largest {about.max:.1e}"
    )

# %% [markdown]
# *Mixed* precision takes the short format for products and keeps sums, weights and
# optimizer in float32. Does the network learn as well? Two runs that differ in
# nothing else:

# %%
recipe = Recipe(epochs=2, batch=64, learning_rate=1e-3, balance=0.5)
few_beats = training_half.sample()
validation = random_split(few_beats.labels, seed=1)
parts = few_beats.select(validation.train), few_beats.select(validation.test)


def short_run(precision, seed=0, recipe=recipe, **options):
    torch.manual_seed(seed)
    network = build("resnet")
    curve = fit(
        network,
        parts[0].signals,
        parts[0].labels,
        recipe,
        seed=seed,
        device="cpu",
        precision=precision,
        **options,
    )
    return network, curve


def accuracy_of(network):
    predicted = predict(network, parts[1].signals).argmax(axis=1)
    return (predicted == parts[1].labels).mean()


for precision in ("float32", "bfloat16"):
    network, curve = short_run(precision)
    losses = [round(epoch.loss, 3) for epoch in curve]
    print(precision, losses, f"{accuracy_of(network):.3f}")

# %% [markdown]
# Which of the two accuracies is ahead says nothing yet: the next section shows how
# far apart two seeds of so short a run are.
#
# ## The same run twice
#
# A seed fixes first weights, order, crops and dropout. On a CPU, with the same
# number of threads, the same seed then gives the same weights to the last bit. A
# GPU adds numbers in an order that may change from run to run, so there two runs
# of one seed agree only nearly.


# %%
def same(a, b):
    weights = b.state_dict()
    return all(torch.equal(w, weights[k]) for k, w in a.state_dict().items())


first, second = short_run("float32")[0], short_run("float32")[0]
other = short_run("float32", seed=1)[0]
accuracy = [accuracy_of(network) for network in (first, other)]
print(f"seed 0 twice: all weights equal: {same(first, second)}")
print(
    f"validation accuracy, seed 0 {accuracy[0]:.4f}, seed 1 {accuracy[1]:.4f}"
)
assert same(first, second)

# %% [markdown]
# The last line matters more than it looks. Another seed, another score: the
# difference between two seeds is the least that a difference between two
# *networks* has to exceed before it means anything. The chapter on the ablation
# is about this.
#
# ## Stopped, and resumed
#
# Colab disconnects, laptops sleep. After each epoch `fit` writes a checkpoint:
# weights, Adam's two moments (the running means of each weight's gradient and of
# its square), the curve so far. It is written beside its place and moved there
# when whole, so a crash while writing leaves the last one. And
# because each epoch seeds its own random numbers, a run that went on ends in the
# weights of one that never stopped.


# %%
class PowerCut(Exception):
    pass


def cut(network):
    raise PowerCut  # at the end of epoch 2, before its checkpoint


def watch(network):
    return {}


with tempfile.TemporaryDirectory() as folder:
    out = Path(folder)
    calls = iter([watch, cut])
    try:
        short_run("float32", out=out, evaluate=lambda n: next(calls)(n))
    except PowerCut:
        print("cut off in epoch 2;", [file.name for file in out.iterdir()])
    resumed, curve = short_run("float32", out=out, resume=True)
print("epochs", [entry.epoch for entry in curve])
print("the same weights as without the cut:", same(first, resumed))
assert same(first, resumed)

# %% [markdown]
# Checkpoints and weights are *safetensors* files: numbers with names, nothing
# else. A pickle, PyTorch's older format, can run any program when it is opened;
# do not open one from a stranger.
#
# ## More than one GPU
#
# ```bash
# torchrun --nproc-per-node 2 -m ecgkit train --recipe ours --out runs/two
# ```
#
# starts two processes. Each has all beats, draws the same order, and takes every
# second beat of each batch; after `backward` the gradients are averaged, so both
# make the same step, the step one process would have made with the whole batch.
# Two things differ: batch norm takes mean and variance over a process's own share
# only, and dropout draws other numbers. This book's runs need no second GPU, and
# for a network this small two would mostly wait for each other.
#
# ## Exercises
#
# ### Exercise 1: predict
#
# Half of the paper's beats are 44,920 N, 1,513 S, 3,504 V and 401 F. The recipe
# `paper` raises every class to N's number and makes 50 epochs in batches of 128;
# each epoch's last batch holds what is left. How many optimizer steps are that? Work
# it out on paper.

# %% tags=["exercise"]
answer = ...
check("10.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
draws = 4 * 44_920
answer = 50 * -(-draws // 128)  # -(-a // b) rounds up
check("10.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# Here is the library's schedule. Write `straight(step, steps)`, the share of the
# peak learning rate with the same rise, but a fall along a straight line to zero
# at the last step, `steps - 1`.

# %%
show_code(learning_rate)


# %% tags=["exercise"]
def straight(step, steps):
    return ...  # your code here


check("10.2", straight)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
def straight(step, steps):
    done = step / (steps - 1)
    if done < 0.1:
        return 0.04 + 0.96 * done / 0.1
    return (1 - done) / 0.9


check("10.2", straight)

# %% [markdown]
# ### Exercise 3: build
#
# A batch of 512 does not fit your GPU, but batches of up to 128 do. Write
# `accumulate(model, optimizer, batches)`: `batches` is a list of pairs of beats
# and labels, not all of the same size. Make **one** optimizer step, the very one
# that all beats in a single batch would have given with the mean cross-entropy.
# (The model has no batch norm: that would see the small batches.)


# %% tags=["exercise"]
def accumulate(model, optimizer, batches):
    return ...  # your code here


check("10.3", accumulate)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def accumulate(model, optimizer, batches):
    total = sum(len(labels) for _, labels in batches)
    optimizer.zero_grad()
    for beats, labels in batches:
        loss = F.cross_entropy(model(beats), labels, reduction="sum")
        (loss / total).backward()  # gradients add up
    optimizer.step()


check("10.3", accumulate)

# %% [markdown]
# ## Recall
#
# <details><summary>1. What should the very first loss of a four-class network be,
# and what is wrong if it is 5?</summary>
#
# About ln 4 = 1.39. A loss of 5 means that the network starts out sure and wrong:
# its logits are large before it has learnt anything, from unscaled inputs or
# first weights.
#
# </details>
# <details><summary>2. Why does the loop not print the loss of each
# step?</summary>
#
# Reading a number from a GPU waits until everything before it is computed. The
# GPU then idles while Python prepares the next step. Adding up on the device
# and reading once an epoch costs nothing.
#
# </details>
# <details><summary>3. Why is the training loss of a good run still well above
# zero?</summary>
#
# Label smoothing never lets the target be certain, and crops and dropout make
# training harder than use. The loss of the training half is not what one wants
# small; the errors on beats not trained on are.
#
# </details>
# <details><summary>4. float16 needs a scaler and bfloat16 does not. Why?</summary>
#
# bfloat16 has the exponent of float32: what is small stays representable.
# float16 has nothing between zero and 6e-8, and many gradients lie there.
#
# </details>
# <details><summary>5. What has to be saved, besides the weights, so that a
# resumed run ends like one that never stopped?</summary>
#
# The optimizer's moments and step count, the place in the schedule, and the state
# of all random numbers. Here the last two follow from the number of the epoch.
#
# </details>
#
# ## Recap
#
# - Look for ln 4 first, then learn 32 beats by heart, then train.
# - Keep data and random choices on the device; read numbers from it rarely.
# - Profile before optimising. Leaving work out beats doing it faster.
# - Short formats for products, float32 for sums and weights.
# - The last epoch counts; validation beats decide, the test half never.
#
# **Further reading.** A. Karpathy's
# [recipe for training](https://karpathy.github.io/2019/04/25/recipe/) is the best
# list of what goes wrong;
# [Micikevicius et al. 2018](https://arxiv.org/abs/1710.03740) introduced mixed
# precision with loss scaling;
# [Loshchilov and Hutter 2019](https://arxiv.org/abs/1711.05101) decoupled weight
# decay; PyTorch's
# [performance tuning guide](https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html)
# has more of the kind shown here.

# %% tags=["hide-input"]
page.stamp(
    f"{total['dense'] / total[last]:.0f} times as fast as the dense form "
    f"({total[last]:.0f} ms a step of 128 beats, {last})"
)
