# %% [markdown]
# # What the network looks at
#
# > **You will be able to** ask a trained network which samples of a beat its
# > answer rests on, by hiding samples and by gradients, and to test whether
# > the picture you get deserves trust.
# >
# > **Time:** 40 minutes to read and try; computes 16 s in the quick profile and 51 s
# > in full, on one CPU core.
# >
# > **You need:** the training loop of [page 05](05_first_network.ipynb) and the
# > networks of pages 07 to 09. [Page 11](11_evaluation.ipynb) explains sensitivity.

# %%
import numpy as np
import torch
from ecgbook import figures
from ecgbook.loop import train
from ecgbook.page import Page, check, profile
from ecgkit import load_beats, load_model, plots, predict
from ecgkit.data.sources import find_source
from ecgkit.evaluate.runs import split_beats
from ecgkit.nn.models import build
from scipy.stats import spearmanr
from torch import nn

page = Page("15_inside")
full = profile() == "full"

# %% [markdown]
# ## The question
#
# The published network of our recipe was trained on a random half of MIT-BIH's
# beats. We take 60 beats of each class from the other half (6 in the quick
# profile) and keep those that the network classifies correctly. Each beat is 180
# samples long, half a second, with its R peak in the middle. Which of these
# samples does the answer depend on?

# %%
source = find_source()
page.uses(source)
classifier = load_model("ours")
model = classifier.network
table = load_beats(source, classifier.preparation).without_q()
halves = split_beats(table, "random", classifier.provenance.seed)
per_class, rng = 60 if full else 6, np.random.default_rng(0)
shuffled = rng.permutation(halves.test)
rows = np.concatenate(
    [shuffled[table.labels[shuffled] == c][:per_class] for c in range(4)]
)
p = predict(model, table.signals[rows])
rows = rows[p.argmax(axis=1) == table.labels[rows]]
beats = torch.from_numpy(table.signals[rows])  # (n, 180) in mV
classes = torch.from_numpy(table.labels[rows].astype(np.int64))
names = [c for i, c in enumerate("NSVF") if (classes == i).any()]

# %% [markdown]
# First we need one number to explain. The probability is a poor choice: near 1 it
# hardly moves. The logit of the class $c$ is better, but adding the same number to
# all four logits changes no probability. So we take the logit less the mean of the
# four:
#
# $$ F(x) = z_c(x) - \tfrac{1}{4} \textstyle\sum_k z_k(x) $$
#
# With logits (1, 0, 0, 3) and class F, the fourth, the score is $3 - 1 = 2$.


# %%
def score(network, x, classes):
    logits = network(x)  # (n, 4)
    own = logits.gather(1, classes[:, None])[:, 0]
    return own - logits.mean(dim=1)  # (n,)


four = torch.tensor([[1.0, 0.0, 0.0, 3.0]])
assert score(nn.Identity(), four, torch.tensor([3])) == 2

# %% [markdown]
# ## Hide a part and look: occlusion
#
# *Occlusion* ([glossary](../book/glossary.md#term-occlusion)) is an experiment: hide
# a part of the beat and see how far the score falls. We hide 18 samples, 50 ms,
# behind a straight line between their two neighbours. Zeros would put two steps into
# the beat, and the network might react to the steps. The result, one number per sample,
# is an [attribution](../book/glossary.md#term-attribution); drawn under the beat it is a
# *map*.


# %%
def hide(x, start, width):
    ramp = torch.linspace(0, 1, width + 2)[1:-1]
    left, right = x[:, start - 1, None], x[:, start + width, None]
    hidden = x.clone()
    hidden[:, start : start + width] = left + (right - left) * ramp
    return hidden


@torch.inference_mode()
def occlusion(network, x, classes, width=18, stride=6):
    whole = score(network, x, classes)
    falls, counts = torch.zeros_like(x), torch.zeros(x.shape[1])
    for start in range(1, x.shape[1] - width, stride):
        segment = slice(start, start + width)
        hidden = score(network, hide(x, start, width), classes)
        falls[:, segment] += (whole - hidden)[:, None]
        counts[segment] += 1
    return falls / counts.clamp_min(1)  # mean over the segments of a sample


# %% [markdown]
# A result that is known beforehand tests the code. If a beat is a straight line,
# hiding any part of it changes nothing, so every fall has to be zero.

# %%
nothing = occlusion(model, torch.linspace(-1, 1, 180)[None], classes[:1])
assert nothing.abs().max() < 1e-3

# %% [markdown]
# **Predict:** The QRS complex is the tallest part of a beat. For which of the four
# classes will hiding the 50 ms at the R peak cost the most, and is there a class whose
# answer depends more on what lies more than 0.05 s from the R peak?
#
# <details><summary>Answer</summary>
#
# For F: its score falls most, then that of S, N and, far behind, V. V is the class with
# the most weight more than 0.05 s from the R peak. Part of that is still its QRS complex,
# which is wider than 0.1 s. A ventricular beat also has no P wave of its own; this
# experiment does not show whether that is a reason.
#
# </details>

# %%
maps = occlusion(model, beats, classes).numpy()
of = {c: (classes == "NSVF".index(c)).numpy() for c in names}
pairs = {c: (table.signals[rows[of[c]]], maps[of[c]]) for c in names}
figure = figures.mean_attributions(
    pairs,
    "What hiding 50 ms costs",
    value="fall of the score",
    synthetic=source.is_synthetic,
)
plots.show(figure)

# %% [markdown]
# *Figure 15.1. Mean beat of each class, and the fall of its score when the 50 ms
# around a sample are hidden: median over the beats, with the middle half shaded. For F
# there is a second peak 0.1 s before the R peak.*

# %% tags=["hide-input"]
time_s = (np.arange(180) - 90) / 360
qrs = np.abs(time_s) <= 0.05
parts = {
    "before": time_s < -0.05,
    "R peak ± 0.05 s": qrs,
    "after": time_s > 0.05,
}
weight = np.abs(maps)
share = {}
for part, inside in parts.items():
    print(f"{part:15}", f"{100 * inside.mean():3.0f} % of samples: ", end="")
    for c in names:
        own = weight[of[c]]
        share[part, c] = 100 * own[:, inside].sum() / own.sum()
        print(f" {c} {share[part, c]:3.0f} %", end="")
    print()

# %% [markdown]
# The 0.1 s around the R peak hold 21 % of the samples. They have 65 % of the weight for S,
# about as much for N and F, and 50 % of the weight for V, whose QRS complex extends
# beyond them. The table adds absolute values,
# because a part may also speak *against* the class: hiding it then raises the score.
#
# A low curve does not mean that the network ignores that part. Where the evidence is
# spread out, as over a wide complex, the network does not miss any single 50 ms.
#
# <div class="live-frame" data-frame="hide"></div>
#
# ### Exercise 1: the share of a part
#
# Write `share_inside(maps, inside)` for maps of shape (n, 180) and a mask of shape
# (180,): per beat, the sum of the absolute values inside the mask over the sum of all
# of them. Return shape (n,). The table above has one share for all beats of a class;
# with yours you can see how much beats differ.


# %% tags=["exercise"]
def share_inside(maps, inside):
    return ...  # your code here


check("15.1", share_inside)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
def share_inside(maps, inside):
    weight = np.abs(maps)
    return weight[:, inside].sum(axis=1) / weight.sum(axis=1)


print(np.quantile(share_inside(maps, qrs), [0.1, 0.5, 0.9]).round(2))
check("15.1", share_inside)

# %% [markdown]
# ## Ask the slope: gradients
#
# Occlusion needs one run of the network per segment. The gradient answers for all 180
# samples in one: $\partial F / \partial x_i$ is the slope of the score when sample $i$
# changes a little. Times the sample it is *gradient times input*. For a score that is a
# weighted sum, $F = \sum_i w_i x_i$, it gives each sample its own term $w_i x_i$.


# %%
def gradient_times_input(network, x, classes):
    x = x.clone().requires_grad_()
    total = score(network, x, classes).sum()
    (slope,) = torch.autograd.grad(total, x)
    return (x * slope).detach()


# %% [markdown]
# The weakness is in the word "little". Once a network is certain, its score may be flat:
# a small change does nothing, the slope is 0, and the map says that no sample matters.
#
# [*Integrated gradients*](../book/glossary.md#term-integrated-gradients) walk the
# whole way from the zero line to the beat, and average the slope on the way
# ([Sundararajan et al. 2017](https://arxiv.org/abs/1703.01365)):
#
# $$ IG_i(x) = x_i \int_0^1 \frac{\partial F}{\partial x_i}(\alpha x) \, d\alpha $$
#
# For $F = x^2$ and $x = 3$: the slope $2 \alpha \cdot 3$ has the mean 3, times $x$ is
# 9, which is $F(3) - F(0)$. Gradient times input gives $6 \cdot 3 = 18$.


# %%
def integrated_gradients(network, x, classes, steps=64):
    total = torch.zeros_like(x)
    for k in range(steps):
        point = ((k + 0.5) / steps * x).requires_grad_()
        along = score(network, point, classes).sum()
        total += torch.autograd.grad(along, point)[0]
    return x * total / steps


def square(x):  # logits (x^2, 0, 0, -x^2): the score of class 0 is x^2
    return torch.cat([x**2, 0 * x, 0 * x, -(x**2)], dim=1)


three, first = torch.tensor([[3.0]]), torch.tensor([0])
assert abs(integrated_gradients(square, three, first).item() - 9) < 1e-4
assert gradient_times_input(square, three, first).item() == 18

# %% [markdown]
# **Predict:** the integrated gradients of a beat must add up to $F(x) - F(0)$, so that
# nothing of the answer is left unexplained (*completeness*). We replace the integral by
# a sum of 16 or 64 steps. How far will the sums be off for our network: 1 %, 10 %?
#
# <details><summary>Answer</summary>
#
# Farther than most people expect: for half of the beats by 16 % or more with 16 steps,
# and by 3 % with 64. Each ReLU that opens on the way makes the slope jump.
#
# </details>

# %%
few = np.concatenate([np.flatnonzero(of[c])[: per_class // 2] for c in names])
x, given = beats[few], classes[few]
with torch.inference_mode():
    owed = score(model, x, given) - score(model, 0 * x, given)
gap = {}
for steps in (16, 64):
    gradients = integrated_gradients(model, x, given, steps)
    gap[steps] = 100 * (gradients.sum(dim=1) / owed - 1).abs().median().item()
    print(f"{steps} steps: median gap {gap[steps]:.1f} %")

# %% [markdown]
# ### Exercise 2: another baseline
#
# Zero is one choice of where to start. Write `integrated(F, beat, baseline, steps)`.
# `F` takes a tensor of shape (1, n) and returns one number; `beat` and `baseline` are
# tensors of shape (n,). Return a tensor of shape (n,). Its sum has to be
# `F(beat) - F(baseline)`.


# %% tags=["exercise"]
def integrated(F, beat, baseline, steps):
    return ...  # your code here


check("15.2", integrated)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
def integrated(F, beat, baseline, steps):
    way = beat - baseline
    total = torch.zeros_like(beat)
    for k in range(steps):
        x = baseline + (k + 0.5) / steps * way  # middle of each step
        x = x.clone().requires_grad_()
        total += torch.autograd.grad(F(x[None]).sum(), x)[0]
    return way * total / steps  # the mean slope, times the way


check("15.2", integrated)

# %% [markdown]
# ## Test 1: an untrained network
#
# A map that lights up at the QRS complex convinces us, because we look there too. But an
# edge detector would light up there as well, and it knows nothing of classes.
# [Adebayo et al. 2018](https://arxiv.org/abs/1810.03292) propose a test: draw the same
# map for a network with random weights. Where the two agree, the map shows the beat and
# not what the network has learnt.
#
# We rank the samples of both maps by size and correlate the ranks (*Spearman's rank
# correlation*): 1 if both networks put the samples in the same order, 0 if the orders
# have nothing in common.

# %%
torch.manual_seed(0)
untrained = build("resnet-tcn").eval()
methods = {
    "gradient x input": gradient_times_input,
    "integrated gradients": integrated_gradients,
    "occlusion": occlusion,
}
of_trained, alike = {}, {}
for name, method in methods.items():
    of_trained[name] = method(model, x, given).numpy()
    of_untrained = method(untrained, x, given).numpy()
    pair = np.abs(of_trained[name]), np.abs(of_untrained)
    order = spearmanr(*pair, axis=1).statistic  # (2 n, 2 n)
    alike[name] = np.median(np.diag(order, len(x)))
    print(f"{name:21} trained against untrained: {alike[name]:.2f}")

# %% tags=["hide-input"]
one = int(torch.where(given == given.max())[0][0])
figure, axes = plots.panel_grid(4.6, 3, 2, sharex=True, sharey="row")
networks = {"trained": model, "untrained": untrained}
for column, (title, network) in zip(axes.T, networks.items(), strict=True):
    plots.ecg_paper(column[0], label_every=(0.2, 1))
    column[0].plot(time_s, x[one], color=plots.TRACE)
    column[0].set_title(f"{title} network")
    for panel, name in zip(column[1:], list(methods)[1:], strict=True):
        values = methods[name](network, x[[one]], given[[one]])[0].numpy()
        panel.axhline(0, color="0.6", linewidth=0.8)
        panel.fill_between(time_s, values / np.abs(values).max(), alpha=0.7)
column[-1].set_xlabel("time from the R peak (s)")
for panel, name in zip(axes[:, 0], ["mV", *list(methods)[1:]], strict=True):
    panel.set_ylabel(name.replace(" ", "\n"))
figure = plots.finish(
    figure,
    "One beat, two networks",
    "A beat, and below it integrated gradients and occlusion, each scaled to "
    "its largest value, for the trained and for an untrained network.",
    source.is_synthetic,
)
plots.show(figure)

# %% [markdown]
# *Figure 15.2. One F beat and two maps of it, each scaled to its largest value. Left: the
# trained network. Right: a network with random weights.*
#
# The rank correlation of the maps of the trained and of the untrained network is 0.43 for
# gradient times input, 0.45 for integrated gradients and 0.55 for occlusion. One of the two networks has learnt nothing, so what they share does not
# come from learning. It comes from the beat and from how the network is built.
#
# ## Test 2: hide what the map points at
#
# If a map is right, hiding the 50 ms that it ranks first must change more answers than
# hiding 50 ms at random. A stricter rival is the place where everybody would point
# without any map: the R peak, the same for every beat.
#
# **Predict:** which of the three maps will beat the R peak?
#
# <details><summary>Answer</summary>
#
# Only occlusion. The numbers follow.
#
# </details>


# %%
def changed(starts):
    parts = [hide(x[[i]], int(s), 18) for i, s in enumerate(starts)]
    with torch.inference_mode():
        answers = model(torch.cat(parts)).argmax(dim=1)
    return 100 * (answers != given).double().mean().item()


def top(weights):
    sums = [weights[:, s : s + 18].sum(axis=1) for s in range(1, 162)]
    return 1 + np.argmax(sums, axis=0)


starts = {"random": rng.integers(1, 162, len(x)), "R peak": 0 * few + 81}
starts |= {name: top(weights) for name, weights in of_trained.items()}
flips = {name: changed(s) for name, s in starts.items()}
for name, percent in flips.items():
    print(f"{name:21} {percent:5.1f} % of {len(x)} answers change")

# %% [markdown]
# At random, 5 % of the answers change. Gradient times input (12 %) and integrated
# gradients (22 %) find better places than chance, but neither beats the R peak (30 %),
# which needs no map at all. Occlusion does (43 %), and has an advantage: it has tried
# all places before. With 120 beats the standard error is about 4 points. So gradient
# times input is clearly a worse guide than the plain rule "look at the R peak"; the 8
# points of integrated gradients are less than two standard errors of a difference.
#
# ## Test 3: a cue that we planted
#
# For real beats nobody knows the true answer. So we build a case in which we do. A
# small network trains on beats in which every V beat carries a *cue*: a bump of
# 0.2 mV and 28 ms, 0.19 s before the R peak, as a careless recorder might leave it. The
# network may use it, and a map should find it.
#
# **Predict:** a V beat is wide and easy to recognise. Will the network care about such a
# small bump?
#
# <details><summary>Answer</summary>
#
# Very much. Without the bump it finds half as many V beats as with it.
#
# </details>


# %%
def mark(signals):
    marked = signals.clone()
    marked[:, 20:30] += 0.2 * torch.sin(torch.linspace(0, np.pi, 10))
    return marked


def train_small(signals, labels):
    torch.manual_seed(0)
    layers = [nn.Unflatten(1, (1, 180))]
    for c_in, c_out in ((1, 16), (16, 32), (32, 32)):  # 180, 90, 45, 23
        layers += [nn.Conv1d(c_in, c_out, 7, 2, padding=3), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(32 * 23, 4)]
    network = nn.Sequential(*layers)
    train(network, signals, labels, 4 if full else 2, rate=2e-3)
    return network


some = halves.train[:: 1 if source.is_synthetic else 8 if full else 40]
signals = torch.from_numpy(table.signals[some])
labels = torch.from_numpy(table.labels[some].astype(np.int64))
with_cue = torch.where((labels == 2)[:, None], mark(signals), signals)
cued = train_small(with_cue, labels)
plain = train_small(signals, labels)

# %%
of_v = halves.test[table.labels[halves.test] == 2][: 400 if full else 40]
v_beats = torch.from_numpy(table.signals[of_v])
v = torch.full((len(v_beats),), 2)
cue = slice(15, 35)  # the bump and five samples to either side
sensitivity, at_cue = {}, {}
for name, network in (("cued", cued), ("plain", plain)):
    for how, shown in (("with", mark(v_beats)), ("without", v_beats)):
        hits = network(shown).argmax(dim=1) == v
        sensitivity[name, how] = 100 * hits.double().mean().item()
        print(f"{name}, {how} the cue: {sensitivity[name, how]:.1f} % found")
    for kind in ("integrated gradients", "occlusion"):
        w = np.abs(methods[kind](network, mark(v_beats[:50]), v[:50]).numpy())
        at_cue[name, kind] = 100 * w[:, cue].sum() / w.sum()
        print(f"   weight at the cue, {kind}: {at_cue[name, kind]:.0f} %")

# %% [markdown]
# The network trained with the cue finds 90 % of the V beats that carry it, and only 46 %
# without, fewer than the network that never met the cue (76 %). It
# relies on the bump where it could have learnt the beat. Both maps say so: they put 41 % and 38 % of their weight on
# the 11 % of the samples around the cue, against 4 % and 3 % in the other network.
#
# This is what maps are good for. They seldom explain a correct answer, but they can
# expose a cue that has no business there.
#
# ### Exercise 3: a rarer cue
#
# Write `plant(signals, labels, share, mark)`: a copy of the signals in which the first
# `round(share * n)` of the `n` beats with label 2 are replaced by `mark` of them. Then
# train with a share of one half and look: how much sensitivity does the network now
# lose without the cue? Training takes about 3 s on one CPU core.


# %% tags=["exercise"]
def plant(signals, labels, share, mark):
    return ...  # your code here


check("15.3", plant)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def plant(signals, labels, share, mark):
    of_v = torch.where(labels == 2)[0]
    chosen = of_v[: round(share * len(of_v))]
    planted = signals.clone()
    planted[chosen] = mark(signals[chosen])
    return planted


half = train_small(plant(signals, labels, 0.5, mark), labels)
rarer = []  # sensitivity with the cue and without
for shown in (mark(v_beats), v_beats):
    hits = half(shown).argmax(dim=1) == v
    rarer.append(100 * hits.double().mean().item())
print("with the cue {:.1f} %, without {:.1f} % found".format(*rarer))
page.states("80 % with it and 75 % without", rarer, within=(7, 9))
check("15.3", plant)

# %% [markdown]
# With the cue in half of the V beats, the network finds 80 % with it and 75 % without.
# The cue is now worth 5 points, and not 44 as before.

# %% tags=["hide-input"]
of_qrs = {c: share["R peak ± 0.05 s", c] for c in names}
page.states("65 % of the weight for S", of_qrs["S"], within=7)
page.states("50 % of the weight for V", of_qrs["V"], within=7)
page.states("by 16 % or more", gap[16], within=4)
page.states("3 % with 64", gap[64], within=2)
page.states("0.43 for gradient", alike["gradient x input"], within=0.08)
page.states("0.45 for integrated", alike["integrated gradients"], within=0.08)
page.states("0.55 for occlusion", alike["occlusion"], within=0.08)
page.states("At random, 5 %", flips["random"], within=5)
page.states("input (12 %)", flips["gradient x input"], within=6)
page.states("gradients (22 %)", flips["integrated gradients"], within=6)
page.states("the R peak (30 %)", flips["R peak"], within=6)
page.states("Occlusion does (43 %)", flips["occlusion"], within=7)
page.states("finds 90 % of the V", sensitivity["cued", "with"], within=5)
page.states("only 46 % without", sensitivity["cued", "without"], within=12)
page.states("met the cue (76 %)", sensitivity["plain", "without"], within=6)
page.states("41 % and 38 % of their", list(at_cue.values())[:2], within=8)
page.states("against 4 % and 3 %", list(at_cue.values())[2:], within=3)

# %% [markdown]
# ## Recap
#
# - An attribution is one number per sample for one answer. Explain the score of a class,
#   not its probability.
# - Occlusion is an experiment and needs no gradient. Hide without making edges.
# - Gradient times input looks at one point; integrated gradients average over the way
#   from a baseline, and their sum is a check.
# - A map is a claim. Test it with random weights, by hiding what it points at beside a
#   rival that needs no map, and on a cue that you planted.
# - A map says what the network uses. Whether that is a good reason is another
#   question, and nothing outside of the 180 samples, such as an early beat, can appear in it.
#
# ## What next
#
# The network answered. [Page 16](16_certainty.ipynb) asks how sure it is, and whether
# that is deserved.

# %% tags=["hide-input"]
page.stamp(f"hiding the R peak changes {flips['R peak']:.0f} % of the answers")
