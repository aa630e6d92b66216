# %% [markdown]
# # Training on a GPU
#
# > **You will be able to** extend the training loop of page 05 until it equals the
# > library's `fit`: on a GPU, in 16 bits, with a learning-rate schedule, and resumed
# > after a stop; say where the time and the memory of a step go; and diagnose a
# > broken run from its curves.
# >
# > **Time:** 40 minutes to read and try (30 more for exercise 4); computes 12 s in
# > the quick profile and 61 s in full, on one CPU core. In Colab a GPU is switched on
# > with *Runtime*, *Change runtime type*, *T4 GPU*.
# >
# > **You need:** page 05; page 09 for the network of the last sections.

# %%
import os
import time

import numpy as np
import torch
from ecgbook import figures, studies
from ecgbook.page import Page, check, profile
from ecgkit import Recipe, fit, load_beats, plots
from ecgkit.data import splits
from ecgkit.data.sources import find_source
from ecgkit.nn.fast import fast
from ecgkit.nn.models import build
from ecgkit.train.recipe import learning_rate
from torch import nn
from torch.nn import functional as F

os.environ["KINETO_LOG_LEVEL"] = "99"  # a silent profiler
page = Page("10_training")
source = find_source()
page.uses(source)
full = profile() == "full" or source.is_synthetic
beats = load_beats(source).without_q()
half = splits.random_split(beats.labels, seed=0).train
validation = beats.select(half[:: 10 if full else 100])
chosen = np.delete(half, np.s_[::10])[:: 5 if full else 50]
signals = torch.tensor(beats.signals[chosen])  # (n, 180)
labels = torch.tensor(beats.labels[chosen], dtype=torch.long)  # (n,)

# %% [markdown]
# No cell of this page uses the test half; one table quotes scores on it. A tenth of the training half is set
# aside for validation, and every fifth of the other beats is trained on: 9,061. The
# network is the CNN of page 05 with batch norm:


# %%
def cnn(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 180)),  # (b, 1, 180)
        *(nn.Conv1d(1, 32, 15, 3, 7, bias=False), nn.BatchNorm1d(32)),
        nn.ReLU(),  # (b, 32, 60)
        *(nn.Conv1d(32, 64, 9, 3, 4, bias=False), nn.BatchNorm1d(64)),
        nn.ReLU(),  # (b, 64, 20)
        *(nn.Flatten(), nn.Dropout(0.2)),
        nn.Linear(1280, 4),
    )


def measure(network):
    seen = torch.tensor(validation.signals).split(64)
    with torch.no_grad(), fast(torch.device("cpu")):
        answers = torch.cat([network(part) for part in seen]).argmax(dim=1)
    return 100 * (answers.numpy() == validation.labels).mean()


# %% [markdown]
# ## The same loop on a GPU
#
# A GPU has its own memory. A network and its batch must lie in the same memory, and
# copying between the two is slow. Three changes to the loop of page 05 are enough:
#
# - The network and *all* beats move to the device once, before the loop. The whole
#   training half is $50{,}338 \cdot 180 \cdot 4$ bytes, which is 36 MB.
# - The order is drawn on the device, so that batches are cut there.
# - The sum of the losses stays on the device and is read once per epoch.
#
# **Predict:** page 05 wrote `total += loss.item() * len(chosen)`. On a CPU this costs
# nothing. Why does it cost time on a GPU?
#
# <details><summary>Answer</summary>
#
# Python only queues operations on a GPU and goes on. `item()` needs the number, so
# Python waits until the GPU has finished everything before it. Then the GPU waits
# while Python prepares the next step.
#
# </details>
#
# A `DataLoader`, which collects each batch item by item, is meant for data that do not
# fit into memory. Beats do.
#
# ### Exercise 1: how many steps?
#
# Half of the paper's beats are 44,920 N, 1,513 S, 3,504 V and 401 F. Our version of the
# paper's recipe raises every class to N's number (page 06) and runs the paper's 50
# epochs, in batches of 128, a size that the paper does not give. The last batch of an epoch may be smaller. How many optimizer steps are that?

# %% tags=["exercise"]
answer = ...
check("10.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
draws = 4 * 44_920
answer = 50 * -(-draws // 128)  # -(-a // b) rounds up
check("10.1", answer)

# %% [markdown]
# ## Sixteen bits
#
# A float32 number has 24 significant bits and 8 bits of exponent. Recent
# GPUs have units that multiply 16-bit numbers faster. There are two formats. *bfloat16* keeps the
# 8 bits of exponent and 8 significant bits: the same range, less precise. *float16*
# has 11 significant bits and 5 of exponent: more precise, but a small range.

# %%
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    third, tiny = torch.tensor([1 / 3, 1e-8]).to(dtype).tolist()
    print(f"{str(dtype)[6:]:9} 1/3 = {third:.6f}  1e-8 = {tiny:.1e}")

# %% [markdown]
# [Mixed precision](../book/glossary.md#term-mixed-precision) uses 16 bits for the
# products and float32 for weights, sums and the optimizer. In PyTorch,
# `torch.autocast` chooses per operation.
#
# **Predict:** the gradient of a weight is $10^{-8}$. The printed row for float16 says
# what becomes of it. How can the loop save it without another number format?
#
# <details><summary>Answer</summary>
#
# It becomes 0. Multiply the loss by a large number before `backward()`; all gradients
# grow by the same factor. Divide them by it, in float32, before the optimizer's step.
# With the factor $2^{16}$ the gradient is $6.6 \cdot 10^{-4}$, which float16 keeps.
#
# </details>
#
# A [`GradScaler`](https://docs.pytorch.org/docs/stable/amp.html) does this, and lowers
# the factor when a gradient overflows. bfloat16 has the range of float32 and needs no
# scaler. One optimizer step for all three formats (`fast` speeds up some operations
# on a CPU and does nothing on a GPU):


# %%
def one_step(network, optimizer, scaler, x, y, dtype, criterion):
    mixed = dtype != torch.float32
    with fast(x.device), torch.autocast(x.device.type, dtype, mixed):
        logits = network(x)
    loss = criterion(logits.float(), y, reduction="sum")
    optimizer.zero_grad()
    scaler.scale(loss / len(y)).backward()
    scaler.step(optimizer)  # divides the gradients by the scale first
    scaler.update()
    return loss.detach()


# %% [markdown]
# ## The learning rate over a run
#
# The paper keeps the learning rate of Adam at $10^{-4}$. Our recipe lets it rise in the
# first tenth of the steps and then fall to zero along a cosine
# ([Smith and Topin 2018](https://arxiv.org/abs/1708.07120)). With $d$ the share of
# the steps that are done, the share of the peak is
#
# $$ \frac{1}{2} \left(1 + \cos \left(\pi \, \frac{d - 0.1}{0.9} \right) \right),
# \qquad d \ge 0.1 $$
#
# For $d = 0.55$ this is $(1 + \cos(\pi / 2)) / 2 = 0.5$.


# %%
def constant(step, steps):
    return 1.0


def one_cycle(step, steps):
    done = step / (steps - 1)
    if done < 0.1:
        return 0.04 + 0.96 * done / 0.1
    return 0.5 * (1 + np.cos(np.pi * (done - 0.1) / 0.9))


ours = Recipe(learning_rate=1.0, schedule="one-cycle")
assert one_cycle(70, 101) == learning_rate(ours, 70, 101)

# %% [markdown]
# ## Everything together
#
# Training must also survive a stop: Colab disconnects. A
# [checkpoint](../book/glossary.md#term-checkpoint) after each epoch holds the weights,
# the state of the optimizer and the losses so far. Here it is a dictionary; the library
# writes it to a file.


# %%
def save(checkpoint, network, optimizer, losses):
    if checkpoint is not None:
        checkpoint.update(network=network.state_dict(), losses=losses)
        checkpoint["optimizer"] = optimizer.state_dict()


def restore(checkpoint, network, optimizer):
    if not checkpoint:
        return []
    network.load_state_dict(checkpoint["network"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return list(checkpoint["losses"])


# %%
def train(network, x, y, epochs, *, batch=64, rate=1e-3, schedule=constant,
          seed=0, place="cpu", dtype=torch.float32, checkpoint=None,
          evaluate=None, criterion=F.cross_entropy,
          draw=torch.randperm):  # fmt: skip
    network, x, y = network.to(place), x.to(place), y.to(place)
    weights = network.parameters()
    optimizer = torch.optim.AdamW(weights, weight_decay=0, fused=True)
    scaler = torch.amp.GradScaler(place, enabled=dtype == torch.float16)
    losses = restore(checkpoint, network, optimizer)
    for epoch in range(len(losses), epochs):
        torch.manual_seed(seed * 1_000_003 + epoch)  # dropout
        generator = torch.Generator(place).manual_seed(torch.initial_seed())
        network.train()
        total = torch.zeros((), device=place)  # a number on the device
        batches = draw(len(y), generator=generator, device=place).split(batch)
        for i, rows in enumerate(batches, epoch * len(batches)):
            lr = rate * schedule(i, epochs * len(batches))
            optimizer.param_groups[0]["lr"] = lr
            parts = x[rows], y[rows], dtype, criterion
            total += one_step(network, optimizer, scaler, *parts)
        losses.append(total.item() / len(y))  # read once per epoch
        save(checkpoint, network, optimizer, losses)
        (evaluate or nn.Module.eval)(network)
    return losses


# %% [markdown]
# The library's [`fit`](../book/api_train.md#ecgkit.train.fit.fit) gives the same losses
# and the same weights:

# %%
few = signals[:1024], labels[:1024]
mine, theirs = cnn(), cnn()
losses = train(mine, *few, 2, schedule=one_cycle)
same = Recipe(2, 64, learning_rate=1e-3, schedule="one-cycle", balance=0)
arrays = (tensor.numpy() for tensor in few)
curve = fit(theirs, *arrays, same, device="cpu", precision="float32")
np.testing.assert_allclose(losses, [epoch.loss for epoch in curve])
torch.testing.assert_close(mine.state_dict(), theirs.state_dict())

# %% tags=["hide-input"]
for place in ["cpu", "cuda"] if torch.cuda.is_available() else []:
    start = time.perf_counter()
    train(cnn(), signals, labels, 3, place=place)
    print(f"{place}: {time.perf_counter() - start:.1f} s for three epochs")

# %% [markdown]
# `fit` also augments (page 06), smooths labels, adds a loss per branch, and refuses
# invalid beats. Its checkpoints are *safetensors* files, which hold numbers only; a
# pickle from an unknown source can run any program.
#
# ## Stop and resume
#
# Each epoch seeds its random numbers from the run's seed and its own number. So a
# run that was stopped after epoch 2 should end with the weights of one that was not.
# (We imitate the stop with `epochs=2`. The rate is constant here; with one cycle, `epochs`
# has to be that of the complete training run.)
#
# **Predict:** does it still, if the checkpoint holds only the weights?


# %%
def difference(a, b):
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return max((p - q).abs().max().item() for p, q in pairs)


whole, resumed, weights_only = cnn(), cnn(), cnn()
train(whole, *few, 4)
checkpoint = {}
train(cnn(), *few, 2, checkpoint=checkpoint)
train(resumed, *few, 4, checkpoint={**checkpoint})
checkpoint["optimizer"]["state"] = {}
train(weights_only, *few, 4, checkpoint=checkpoint)
assert difference(whole, resumed) == 0
forgot = difference(whole, weights_only)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. With the whole checkpoint the weights agree to the last bit. With the weights
# alone, some weight ends 0.03 away: Adam starts its running means of the gradient
# anew.
#
# </details>
#
# On a CPU with the same number of threads, one seed gives one result. A GPU may add
# numbers in another order from run to run, so two runs of one seed agree only
# nearly. `torch.use_deterministic_algorithms(True)` forbids such operations.
#
# ## Does the schedule help?
#
# Four epochs with the same peak rate of 0.002, three seeds each:


# %%
def compare(schedule):
    scores, how = [], {"rate": 2e-3, "schedule": schedule}
    for seed in (0, 1, 2) if full else (0,):
        network = cnn(seed)
        losses = train(network, signals, labels, 4, seed=seed, **how)
        scores.append(measure(network))
    return losses, scores


level, cycle = compare(constant), compare(one_cycle)

# %% tags=["hide-input"]
print("constant", np.round(level[1], 2), "one cycle", np.round(cycle[1], 2))
curves = {"": {"constant": level[0], "one cycle": cycle[0]}}, [1, 2, 3, 4]
words = "epoch", "training loss", "Two schedules of the rate"
plots.show(figures.line_panels(*curves, *words, synthetic=source.is_synthetic))

# %% [markdown]
# *Figure 10.1. Mean loss of each epoch, last seed. The cycle is behind in the first
# epoch, which begins at a low rate, and ahead in the last, in which its rate falls to
# zero.*
#
# The mean validation accuracy is 96.4 % with the cycle and 96.0 % with the constant
# rate. But the three seeds of the constant rate differ by 1.4 points among
# themselves. So these runs do not show that the cycle classifies better. Page 12 says
# how to decide such a question.
#
# ### Exercise 2: change the schedule and retrain
#
# Write `straight(step, steps)`: the same rise, then a straight line from 1 down to 0
# at the last step, `steps - 1`. Check it, then call `compare(straight)`. In full this
# takes about 15 seconds on a CPU. Predict its accuracy first.


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


mean = np.mean(compare(straight)[1])
print(f"straight: {mean:.2f} %")
page.states("Its mean is 96.3 %", mean, within=0.5)
check("10.2", straight)

# %% [markdown]
# <details><summary>What we measured</summary>
#
# Its mean is 96.3 %. This, too, is within the spread of the seeds.
#
# </details>
#
# ## Memory
#
# Each parameter takes 4 bytes itself, 4 for its gradient and 8 for Adam's two
# running means: 16 bytes. `backward()` also needs the
# [activations](../book/glossary.md#term-activation), the intermediate results of the
# forward pass.
#
# **Predict:** for the joint network of page 09 and a batch of 128 beats, which takes
# more memory: 16 bytes per parameter, or the activations?

# %%
joint, kept = build("resnet-tcn"), {}
x, y = signals[:128], labels[:128]


def remember(tensor):
    kept[tensor.data_ptr()] = tensor.nbytes
    return tensor


with torch.autograd.graph.saved_tensors_hooks(remember, lambda t: t):
    loss = F.cross_entropy(joint(x), y)

# %% tags=["hide-input"]
weights = {tensor.data_ptr() for tensor in joint.parameters()}
kept_mb = sum(n for at, n in kept.items() if at not in weights) / 1e6
print(f"activations {kept_mb:.1f} MB")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The activations: 106 MB. The 1,066,884 parameters take $16 \cdot 1.07 = 17$ MB.
# The activations grow with the batch, the rest does not. If memory is short, make the
# batch smaller or do exercise 3.
#
# </details>
#
# ### Exercise 3: a batch that does not fit
#
# Write `accumulate(model, optimizer, batches)`. `batches` is a list of pairs of beats
# and labels, of different sizes. Make **one** optimizer step: the one that all beats
# in a single batch would give with the mean cross-entropy. (The model has no batch
# norm.)


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
# ## Time
#
# PyTorch's profiler measures the time of each operation:

# %%
optimizer = torch.optim.AdamW(joint.parameters(), fused=True)
scaler = torch.amp.GradScaler("cpu", enabled=False)
options = x, y, torch.float32, F.cross_entropy
one_step(joint, optimizer, scaler, *options)  # the first sets things up
with torch.profiler.profile() as profiler:
    one_step(joint, optimizer, scaler, *options)

# %% tags=["hide-input"]
events = profiler.key_averages()
total = sum(event.self_cpu_time_total for event in events)
share = {e.key: 100 * e.self_cpu_time_total / total for e in events}
for name in sorted(share, key=share.get)[:-5:-1]:
    print(f"{share[name]:3.0f} % {name}")

# %% [markdown]
# On this CPU the convolutions take about 64 % of a step. A faster optimizer would gain
# little. The book's TCN gains by computing only what its last step reads
# ([page 20](20_cone.ipynb)).
#
# On a large GPU, Python is the limit instead. A step is hundreds of small operations, which
# it queues one by one. A *CUDA graph* records them once and replays them
# without Python. Measured once on one NVIDIA H100 (80 GB, torch 2.11, 26 November
# 2026), mean of 40 steps of the joint network; float32 uses TF32 convolutions:
#
# | beats per step | precision | step from Python (ms) | forward and backward replayed (ms) |
# |---:|---|---:|---:|
# | 128 | float32 | 15.6 | 4.9 |
# | 128 | bfloat16 | 19.3 | 2.8 |
# | 256 | float32 | 14.6 | 8.2 |
# | 256 | bfloat16 | 19.9 | 4.0 |
# | 2,048 | float32 | 20.2 | 19.5 |
# | 2,048 | bfloat16 | 23.3 | 20.4 |
#
# (Only the first time includes the optimizer.) On a GPU, `fit` records its whole step,
# with the optimizer; that was not timed. With 128 beats, forward and backward keep the
# GPU busy for a third of the step or less. bfloat16 shortens them at 128 and 256 beats,
# not at 2,048, and lengthens the step from Python at each size. With 2,048 beats the GPU
# works nearly all the time.
#
# All epochs of our recipe took 64 minutes on one CPU thread (seed 0, the published
# weights). Seeds 1 to 4 took 5.2 minutes each on an H100, with fifteen
# processes side by side. A single run on an idle GPU was not measured. The two recipes:
#
# | | paper | ours |
# |---|---|---|
# | epochs, batch | 50, 128 | 30, 256 |
# | learning rate | 0.0001, constant | 0.002, one cycle |
# | rare classes raised to | N's number | geometric mean of their number and N's |
# | shortest crop | 75 %, copies only | 90 %, copies and half of the other beats |
# | weight decay, label smoothing | none | 0.01, 0.05 |
# | amplitude, noise, loss per branch | none | 5 %, 5 µV, 0.25 each |
# | accuracy on the test half, seed 0 | 98.31 % | 99.04 % |
#
# The paper gives neither a batch size nor a shortest crop: 128 and 75 % are our choices.
# Scores on the test half had suggested the milder crops before validation beats
# confirmed them, so 99.04 % may be slightly optimistic.
#
# ## Broken runs
#
# Most mistakes in a training loop raise no error. The network learns less, and
# the curves show how. Two checks take seconds: the first loss should be near
# $\ln 4 = 1.39$ (page 05; 1.6 is near, 5 is not), and a network should be able to learn 32 beats by heart.

# %%
some = slice(None, None, len(labels) // 31)  # 32 beats
losses = train(cnn(), signals[some], labels[some], 40, batch=32)
print(f"32 beats: loss {losses[0]:.2f}, after 40 steps {losses[-1]:.3f}")

# %% [markdown]
# For more, we watch the loss, and the validation accuracy twice after each epoch:


# %%
def watch(x, y, mode=nn.Module.eval, **options):
    accuracies = []

    def evaluate(network):
        mode(network)
        accuracies.append([measure(network), measure(network)])

    losses = train(cnn(), x, y, 6, evaluate=evaluate, **options)
    return losses, accuracies


x, y = signals[::3], labels[::3]
healthy, too_fast = watch(x, y), watch(x, y, rate=1.0)

# %% [markdown]
# | symptom | suspect | why |
# |---|---|---|
# | the loss starts near $\ln 64 = 4.16$ and hardly falls | softmax over the wrong **axis** | probabilities are shared among the 64 beats of a batch |
# | the first epoch's loss is far above 1.39, then it stays near 0.44 | learning **rate** too high | the network answers with the class shares only, whose cross-entropy is 0.44 |
# | the loss cannot fall below 0.744 | **softmax** before the cross-entropy | $-\ln (e / (e + 3)) = 0.744$ is the best that probabilities, taken for logits, can reach |
# | the loss falls little, and the accuracy stays near "always N" | **labels** do not belong to the beats | after a shift by one each label is that of a neighbour, which says little about the beat |
# | the loss jumps up and down, the accuracy falls behind | the **order** is not shuffled | each batch teaches one class, at the cost of the others |
# | the loss is healthy, and two evaluations of the same beats differ | missing **eval** | dropout is active, and batch norm uses the statistics of the batch |
#
# That cell ran the second row: with a rate of 1 the first loss is
# 11.5, and the accuracy ends at 88.9 %, that of always N. Here are four runs
# with other faults. Leave the next cell folded until part 3 of exercise 4.


# %% tags=["hide-cell"]
def twice(logits, y, reduction):
    return F.cross_entropy(logits.softmax(dim=1), y, reduction=reduction)


def run_a():
    return watch(x, y, criterion=twice)


def run_b():
    order = y.argsort(stable=True)  # by class
    return watch(x[order], y[order], draw=lambda n, **_: torch.arange(n))


def run_c():
    return watch(x[:-1], y[1:])


def run_d():
    return watch(x, y, mode=lambda network: network)


runs = {"A": run_a(), "B": run_b(), "C": run_c(), "D": run_d()}

# %% tags=["hide-input"]
figure, panels = plots.panel_grid(4.6, 2, 4, sharex=True, sharey="row")
for column, (name, run) in zip(panels.T, runs.items(), strict=True):
    for row, axes in enumerate(column):
        axes.plot(range(1, 7), healthy[row], "--", color="0.45")
        axes.plot(range(1, 7), run[row], "o-", color="#D55E00", markersize=4)
    column[0].set_title(f"run {name}", loc="left")
panels[0, 0].set(ylabel="training loss", ylim=(0, None))
panels[1, 0].set(ylabel="accuracy (%)", xticks=[1, 6])
figure.supxlabel("epoch", size=12)
seen = {name: np.round(run[0], 2).tolist() for name, run in runs.items()}
about = "Four broken runs", f"Losses {seen}", source.is_synthetic
plots.show(plots.finish(figure, *about))

# %% [markdown]
# *Figure 10.2. Orange: a broken run, with both evaluations of each epoch. Grey,
# dashed: the healthy run.*
#
# ### Exercise 4: diagnose a broken run from its curves
#
# This exercise is larger: allow 30 minutes.
#
# 1. For each run, write down what you see, with a number from the figure or from `runs`.
# 2. Name the fault: one of the bold words of the table. Say what would have been
#    different with your second guess.
# 3. Open the folded cell above the figure, repair the functions, and run them again.
# 4. `answer` holds name and repaired run: `{"A": ("axis", run_a()), ...}`.
#
# | points | for |
# | --- | --- |
# | 4 | one per fault, named from the curves alone |
# | 2 | a number as evidence for each |
# | 2 | for each, a second guess and the observation that excludes it |
# | 2 | four repaired runs that follow the healthy one |

# %% tags=["exercise"]
answer = ...
check("10.4", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 4
by_class = y.argsort(stable=True)
answer = {
    "A": ("softmax", watch(x, y, criterion=F.cross_entropy)),
    "B": ("order", watch(x[by_class], y[by_class], draw=torch.randperm)),
    "C": ("labels", watch(x[:-1], y[:-1])),
    "D": ("eval", watch(x, y, mode=nn.Module.eval)),
}
check("10.4", answer)

# %% [markdown]
# <details><summary>The four faults</summary>
#
# A: the loss ends at 0.80 and cannot pass 0.744. The accuracy alone, 94 %, would not
# reveal it. It is not the labels: then the accuracy would stay near that of always N. B: the loss starts at 1.2 and rises in epoch 3. It is not the rate: a
# rate of 1 starts at 11.5 and then stays near 0.44. C: the loss ends at 0.35, three times the healthy 0.12, and the
# accuracy stays within 3 points of always N. It is not softmax: 0.35 is below 0.744. D: the
# loss is healthy, but the two evaluations of an epoch differ, and
# the accuracy ends almost a point below the healthy one. It is not the rate, the order or
# the labels: each of them would change the loss.
#
# </details>
#
# ## Recap
#
# - On a GPU, beats, order and the sum of the losses stay on the device.
# - Products in 16 bits, weights and sums in float32; float16 needs a scaler.
# - A checkpoint holds weights, optimizer and epoch. Each epoch seeds itself.
# - Measure before you optimise. A small network leaves a large GPU waiting for Python.
# - First loss near 1.39, 32 beats by heart, then the curves.
#
# ## What next
#
# [Page 11](11_evaluation.ipynb) says what the scores of a trained network mean.
#
# **Further reading.** A. Karpathy's
# [recipe for training](https://karpathy.github.io/2019/04/25/recipe/) lists what goes
# wrong; [Micikevicius et al. 2018](https://arxiv.org/abs/1710.03740) introduced loss
# scaling.

# %% tags=["hide-input"]
means = np.mean(cycle[1]), np.mean(level[1])
ours = studies.results("reproduction", "resnet-tcn-ours")
minutes = [run.seconds / 60 for run in sorted(ours, key=lambda r: r.seed)]
for text, value, within in (
    ("96.4 % with the cycle and 96.0 % with", means, 0.8),
    ("differ by 1.4 points", np.ptp(level[1]), 0.9),
    ("64 % of a step", sum(share[n] for n in share if "convol" in n), 20),
    ("weight ends 0.03 away", forgot, 0.02),
    ("first loss is 11.5", too_fast[0][0], 4),
    ("ends at 88.9 %", too_fast[1][-1][0], 1),
    ("loss ends at 0.80", runs["A"][0][-1], 0.02),
    ("accuracy alone, 94 %", runs["A"][1][-1][0], 1.5),
    ("loss ends at 0.35", runs["C"][0][-1], 0.04),
    ("the healthy 0.12", healthy[0][-1], 0.03),
    ("106 MB", kept_mb, 5),
    ("64 minutes", minutes[0], 0.5),
    ("5.2 minutes", np.mean(minutes[1:5]), 0.1),
):
    page.states(text, value, within)
page.stamp(f"Validation: cycle {means[0]:.1f} %, constant {means[1]:.1f} %")
