# %% [markdown]
# # Ablation
#
# > **You will be able to** read an ablation table critically, compare two networks on
# > the same beats and two methods over several seeds, say what one seed cannot show,
# > and run an ablation of your own.
# >
# > **Time:** 40 minutes to read and try (90 more for exercise 4); computes 12 s in
# > the quick profile and 110 s in full, on one CPU core.
# >
# > **You need:** [page 09](09_resnet_tcn.ipynb) for the networks and
# > [page 11](11_evaluation.ipynb) for the scores.

# %%
from dataclasses import asdict

import numpy as np
import pandas as pd
import scipy.stats
import torch
from ecgbook import figures, paper_tables, studies
from ecgbook.loop import train
from ecgbook.page import Page, check, profile
from ecgkit import load_beats, load_model, plots, predict, random_split
from ecgkit.data.sources import find_source
from ecgkit.nn.models import PAPER_MODELS, build
from ecgkit.train.recipe import RECIPES
from torch.utils.flop_counter import FlopCounterMode

page = Page("12_ablation")
full = profile() == "full"
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()

# %% [markdown]
# ## Table II, trained again
#
# An [ablation](../book/glossary.md#term-ablation) takes one part out of a method,
# trains again and compares. The paper's Table II takes out a whole branch of the
# ResNet-TCN; its Fig. 5 takes the Inception stem out of the ResNet and
# squeeze-and-excitation (SE) out of the TCN. We trained the models of Table II by the
# paper's recipe: 50 epochs, Adam at $10^{-4}$, all classes filled up to the size of N.
# Where the paper is silent we chose: batch 128, the last epoch, and matrix products in
# **bfloat16**, which has fewer digits than float32. Without the stem our ResNet begins
# with a convolution of width 7 and 32 kernels; the paper does not say what it used.
# Below, `printed` are the paper's numbers.

# %%
keys = paper_tables.COLUMNS_II  # accuracy, se, ppv, f1_of_means
rows, matrices, means = {}, {}, {}
for model, printed in paper_tables.TABLE_II.items():
    runs = studies.results("reproduction", f"{model}-paper")
    means[model] = paper_tables.mean_scores(runs)
    cells = [paper_tables.format_spread(means[model][key]) for key in keys]
    rows[f"{model}, printed"] = [*(f"{value:.2f}" for value in printed), "?"]
    rows[f"{model}, our runs"] = [*cells, str(len(runs))]
    matrices[model] = runs[0].confusion_matrix
print(pd.DataFrame(rows, index=[*keys, "seeds"]).T.to_string())

# %% [markdown]
# > **Missing here:** complete runs of `resnet-no-inception` and `tcn-no-se` (Fig. 5)
# > with seed 2.

# %%
title = "Paper's recipe, seed 0, test half of MIT-BIH"
plots.show(figures.confusion_matrices(matrices, title))

# %% tags=["hide-input"]
texts = "98.190 %", "98.720 %", "98.191 %"
for text, mean in zip(texts, means.values(), strict=True):
    page.states(text, 100 * mean["accuracy"].mean, within=0.006)

# %% [markdown]
# *Figure 12.1. Our counterpart of the paper's Fig. 6. The paper's counts are only in
# its picture and are not reproduced here.*
#
# In the paper the joint model is best, with 98.84 %, before the TCN (98.36 %) and
# the ResNet (98.12 %). In our runs the TCN alone is best, with 98.720 %; the joint model
# has 98.191 % and the ResNet 98.190 %. These are means of three seeds. Is the joint model
# worse than the TCN? The rest of this page is about what such a difference can mean.
# ([Page 09](09_resnet_tcn.ipynb) asks what each branch of the joint model has learned.)
#
# ## Two networks on the same beats
#
# The library has the weights of two joint models with the same training half: by the
# paper's recipe, and by our recipe, which changes the training. If both answer the
# same test beats, only the beats matter on which exactly one of them is right: $b$
# beats for the first, $c$ for the second. [McNemar's
# test](../book/glossary.md#term-McNemar-s-test) asks how often $b + c$ fair coins fall
# at least as unevenly.


# %%
def mcnemar(first_right, second_right):
    b = int(np.sum(first_right & ~second_right))
    c = int(np.sum(~first_right & second_right))
    p = 2 * scipy.stats.binom.cdf(min(b, c), b + c, 0.5)  # two-sided
    return b, c, min(p, 1.0)


rows = random_split(beats.labels, seed=0).test
tested = beats.select(rows if full else rows[::32])
right = {}
for name in ("paper", "ours"):
    answers = load_model(name).predict(tested).argmax(axis=1)
    right[name] = answers == tested.labels
b, c, p = mcnemar(right["paper"], right["ours"])
np.testing.assert_allclose(p, scipy.stats.binomtest(b, b + c).pvalue)
print(f"b = {b}, c = {c} of {len(tested)} beats, p = {p:.1g}")

# %% tags=["hide-input"]
page.states("140 beats", b, within=15)
page.states("506 beats", c, within=15)
page.states("0.73 points", 100 * (c - b) / len(tested), within=0.05)

# %% [markdown]
# Only the first is right on 140 beats, only the second on 506 beats. The difference in
# accuracy is $(506 - 140) / 50339$, or 0.73 points, and $p$ is below $10^{-40}$.
#
# **Predict:** Name two reasons why this tiny $p$ does not show that our recipe is
# better.
#
# <details><summary>Answer</summary>
#
# It assumes independent beats, but the errors of one patient are alike. And it compares
# two *trained networks*: another seed of each recipe would be another pair. (Two more:
# `paper` was trained with bfloat16 products, `ours` in float32; and scores of the test
# half influenced our recipe.)
#
# </details>
#
# For the first reason, flip one coin per record instead of one per beat:

# %%
gain = right["ours"].astype(int) - right["paper"]
per_record = pd.Series(gain).groupby(tested.records).sum().to_numpy()
print("records better, worse:", (per_record > 0).sum(), (per_record < 0).sum())
signs = np.random.default_rng(0).choice([-1, 1], (20_000, len(per_record)))
as_far = abs(signs @ per_record) >= abs(per_record.sum())
print(f"as large a sum by coins: {as_far.sum()} of 20,000 trials")

# %% tags=["hide-input"]
page.states("37 of 44 records", (per_record > 0).sum(), within=3)
page.states("0 of 20,000 trials", as_far.sum(), within=2)

# %% [markdown]
# `ours` has fewer errors in 37 of 44 records, and 0 of 20,000 trials with coins come
# as far. So *these two networks* differ on these patients.
# The second reason needs more training.
#
# ## Paired differences over seeds
#
# A [seed](../book/glossary.md#term-seed) fixes split, first weights, order of the beats,
# crops and dropout. To compare two methods, train both with the same seeds and subtract
# seed by seed: an easy test half then raises both sides and cancels. With $n$
# differences $d_i$ of mean $\bar d$ and standard deviation $s$, Student's 95 % interval
# is
#
# $$ \bar d \pm t_{0.975,\,n-1} \, \frac{s}{\sqrt n} $$
#
# We have five seeds of our recipe with beats of half a second, and with beats of one
# second at half the sampling rate.


# %%
def paired_difference(d):
    n, mean, s = len(d), np.mean(d), np.std(d, ddof=1)
    half = scipy.stats.t.ppf(0.975, n - 1) * s / np.sqrt(n)
    return mean, s, mean - half, mean + half


accuracies = {}
for row in ("resnet-tcn-ours", "resnet-tcn-ours-1s"):
    runs = studies.results("reproduction", row)
    scored = [100 * run.report().accuracy for run in runs]
    accuracies[row] = np.array(scored)
    print(row, accuracies[row].round(2), f"s = {np.std(scored, ddof=1):.3f}")
half_second, second = accuracies.values()
found = paired_difference(second - half_second)
student = scipy.stats.ttest_1samp(second - half_second, 0)
np.testing.assert_allclose(found[2:], student.confidence_interval())
print("difference {:.3f}, s {:.3f}, {:.3f} to {:.3f}".format(*found))

# %% tags=["hide-input"]
page.states("99.02 %", half_second.mean(), within=0.006)
page.states("0.03 points", half_second.std(ddof=1), within=0.006)
page.states("0.24 points", found[0], within=0.006)
page.states("0.20 to 0.28", found[2:], within=0.006)

# %%
figure, axes = plots.panel_grid(3.0)
axes[0, 0].plot([0, 1], [*accuracies.values()], "o-", color="#0072B2")
axes[0, 0].set_xticks([0, 1], ["half a second", "one second"])
axes[0, 0].set(ylabel="accuracy (%)", xlim=(-0.3, 1.3))
alt = "Five lines, one per seed, all rise by about a quarter of a point."
plots.show(plots.finish(figure, "Our recipe, five seeds", alt))

# %% [markdown]
# *Figure 12.2. Accuracy of our recipe; each line joins the two runs of one seed.*
#
# With half a second, our recipe has a mean of 99.02 % and a standard deviation of 0.03 points.
# One second at half the rate scores 0.24 points more, with an interval from 0.20 to 0.28.
# (Seed 0 ran in float32, the others in bfloat16, both sides alike.) The interval is about
# *other seeds on these recordings*. Every split uses the same 44 recordings: more seeds
# are not more patients.
#
# ### Exercise 1: how many seeds?
#
# The sign test ignores the sizes: if neither method were better, each $d_i$ would be
# positive or negative like a coin. All seeds agree. How many seeds does it take before
# the two-sided $p$ is below 0.05?

# %% tags=["exercise"]
answer = ...
check("12.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# All up or all down: 2 of the 2**n ways in which n coins can fall.
answer = next(n for n in range(1, 20) if 2 / 2**n < 0.05)
check("12.1", answer)

# %% [markdown]
# ### Exercise 2: flip the signs
#
# A test that uses the sizes: write `sign_flip(d)` for an array of shape (n,). Go through
# all $2^n$ patterns of signs and return the share whose mean is at least as far from
# zero as the observed one.


# %% tags=["exercise"]
def sign_flip(d):
    return ...  # your code here


check("12.2", sign_flip)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
def sign_flip(d):
    bits = np.arange(2 ** len(d))[:, None] >> np.arange(len(d)) & 1
    means = ((1 - 2 * bits) * d).mean(axis=1)
    return np.mean(abs(means) >= abs(d.mean()) - 1e-12)  # up to rounding


print(f"one second against half a second: {sign_flip(second - half_second)}")
check("12.2", sign_flip)

# %% [markdown]
# ## What one seed can say
#
# Could we borrow the 0.03 points of our recipe to judge the differences of Table II? The
# next cell prints the spread over three seeds of short runs: three epochs, classes not
# balanced.

# %%
short = {}
for row in "squeeze-last", "resnet-alone":
    runs = studies.results("ambiguities", row)
    short[row] = np.array([100 * run.report().accuracy for run in runs])
    print(f"{row:13} {short[row].round(2)}, s = {short[row].std(ddof=1):.2f}")

# %% tags=["hide-input"]
tcn = short["squeeze-last"].std(ddof=1)
page.states("0.52 points", tcn, within=0.01)
page.states("0.04 points", short["resnet-alone"].std(ddof=1), within=0.005)

# %% [markdown]
# The TCN (`squeeze-last`) spreads by 0.52 points, the ResNet by 0.04 points. The spread
# depends on network and recipe and cannot be borrowed. The complete runs of the paper's
# recipe have their own:

# %%
whole = {}
for model in PAPER_MODELS:
    whole[model] = studies.results("reproduction", f"{model}-paper")


def compare(first, second):
    both = whole[first], whole[second]
    d = 100 * np.array([*paper_tables.paired_differences(*both).values()])
    print(f"{second} minus {first}: {d.round(2)}, mean {d.mean():.2f}")
    for runs in zip(*both, strict=False):
        answers, seed = [run.predicted() for run in runs], runs[0].seed
        if source.is_synthetic or any(found is None for found in answers):
            continue  # the stored answers belong to MIT-BIH
        truth = beats.labels[random_split(beats.labels, seed).test]
        b, c, p = mcnemar(*(found == truth for found in answers))
        print(f"    seed {seed}: b = {b}, c = {c}, p = {p:.1g}")
    return d


pairs = ("tcn", "resnet-tcn"), ("resnet", "resnet-tcn"), ("resnet", "tcn")
for pair in pairs:
    compare(*pair)

# %% tags=["hide-input"]
scored = {
    model: [100 * run.report().accuracy for run in whole[model]]
    for model in matrices
}
title = "Table II, trained again: complete runs"
plots.show(figures.run_points({"": scored}, "accuracy (%)", title))
gain = np.array(scored["resnet-tcn"]) - [scored["tcn"], scored["resnet"]]
page.states("0.47, 0.63 and 0.49 points", -gain[0], within=0.006)
page.states("0.52, −0.40 and −0.12 points", gain[1], within=0.006)
page.states("−0.74 and −0.32", paired_difference(gain[0])[2:], within=0.006)

# %% [markdown]
# *Figure 12.3. Accuracy of the models of Table II by the paper's recipe.*
#
# The joint model is behind the TCN with each seed, by 0.47, 0.63 and 0.49 points.
# Student's interval for joint minus TCN lies between −0.74 and −0.32 points. So by our
# version of the paper's recipe the TCN alone is better on these recordings, and the
# paper's claim that the joint model is best did not hold here. Against the ResNet the
# joint model differs by 0.52, −0.40 and −0.12 points: whoever had stopped after one seed
# would have reported a gain, and nothing is shown.
#
# McNemar's $p$ for the joint network and the TCN of seeds 1 and 2 (the answers of seed 0
# were not stored) is below $10^{-15}$. But with seed 1 it is as sure that the joint
# network is worse than the ResNet: it is about these networks, not about the
# architectures.
#
# **Predict:** A part truly adds $g$, and the differences spread by $s = g$ from seed to
# seed. How often does a single pair of runs put the worse model first?
#
# <details><summary>Answer</summary>
#
# In 16 % of cases: a normal value falls more than one standard deviation below its
# mean.
#
# </details>

# %%
rng = np.random.default_rng(0)
for n in (1, 3, 5, 10):
    d = rng.normal(1, 1, (20_000, n))  # g = s = 1
    print(f"{n:2} seeds: worse model first {np.mean(d.mean(axis=1) < 0):.1%}",
          end="")  # fmt: skip
    if n > 1:
        low = d.mean(axis=1) - scipy.stats.t.ppf(0.975, n - 1) * (
            d.std(axis=1, ddof=1) / np.sqrt(n)
        )
        print(f", interval above zero {np.mean(low > 0):.0%}", end="")
    print()

# %% tags=["hide-input"]
d = rng.normal(1, 1, (20_000, 5))
half = scipy.stats.t.ppf(0.975, 4) * d.std(axis=1, ddof=1) / np.sqrt(5)
page.states("40 %", 100 * np.mean(d.mean(axis=1) > half), within=2)

# %% [markdown]
# Five seeds hardly ever put the worse model first, but their interval excludes zero in
# only 40 % of cases. "Not shown" does not mean "no effect".
#
# ## Fig. 5, trained again
#
# Fig. 5 takes one part out of each branch. So far we have two seeds of each network
# without the part, and three with it.
#
# **Predict:** The paper says that stem and SE "effectively improve" accuracy. In how many
# of our four pairs of runs is the network with the part more accurate?
#
# <details><summary>Answer</summary>
#
# In one: with seed 0 the TCN with SE is right for 17 of 50,339 beats more.
#
# </details>

# %%
parts = {
    "Inception stem": ("resnet-no-inception", "resnet"),
    "SE block": ("tcn-no-se", "tcn"),
}
gains = {part: compare(*names) for part, names in parts.items()}

# %% tags=["hide-input"]
scored = {
    model: [100 * run.report().accuracy for run in whole[model]]
    for names in parts.values()
    for model in names
}
title = "Fig. 5, trained again: complete runs"
plots.show(figures.run_points({"": scored}, "accuracy (%)", title))
page.states("−0.52 and −0.02 points", gains["Inception stem"], within=0.006)
page.states("0.03 and −0.05 points", gains["SE block"], within=0.006)

# %% [markdown]
# *Figure 12.4. Accuracy without and with a part, by the paper's recipe.*
#
# With SE, the TCN changes by 0.03 and −0.05 points. With the Inception stem in place of
# the convolution, the ResNet changes by −0.52 and −0.02 points. (Its seed 0 is the worst
# of three, which lie 0.64 points apart.) With seed 1, McNemar's $p$ is 0.8 for the stem
# and 0.2 for SE. So the paper's gain does not show here, and two pairs are too few to
# show that there is none.
#
# ## A part, or more of everything?

# %%
print(f"{'model':20} parameters  multiplications per beat")
size = {}
for model in PAPER_MODELS:
    network = build(model).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 180))
    size[model] = sum(p.numel() for p in network.parameters())
    work = counter.get_total_flops() // 2
    print(f"{model:20} {size[model]:10,} {work:12,}")

# %% tags=["hide-input"]
page.states("1.1 times", size["resnet-tcn"] / size["tcn"], within=0.05)
page.states("10.5 times", size["resnet-tcn"] / size["resnet"], within=0.05)

# %% [markdown]
# Stem and SE hardly change the size. The joint model, however, has 1.1 times the
# parameters of the TCN and 10.5 times those of the ResNet. "A second *kind* of branch
# helps" is [confounded](../book/glossary.md#term-confounded) with "more of everything
# helps". A control of equal cost, such as two TCNs, would separate them. Neither the
# paper nor we have trained one. (The multiplications are those of our short form; a TCN
# that computes all positions needs 172 million: [page 20](20_cone.ipynb).)
#
# ## An ablation of your own
#
# Small runs are enough to practise. Each seed has its own split, 2,000 training and
# 3,000 test beats, and the training loop of page 05 for two epochs.

# %%
n_train, n_test, seeds = (2000, 3000, range(5)) if full else (200, 400, [0, 1])


def accuracy(make, seed):
    halves, rng = random_split(beats.labels, seed), np.random.default_rng(seed)
    rows = rng.permutation(halves.train)[:n_train]
    test = rng.permutation(halves.test)[:n_test]
    signals = torch.from_numpy(beats.signals)
    labels = torch.from_numpy(beats.labels).long()
    torch.manual_seed(seed)
    network = make()
    train(network, signals[rows], labels[rows], epochs=2, seed=seed)
    answers = predict(network, beats.signals[test]).argmax(axis=1)
    return 100 * np.mean(answers == beats.labels[test])


complete = np.array([accuracy(lambda: build("resnet"), s) for s in seeds])
reduced = [accuracy(lambda: build("resnet-no-inception"), s) for s in seeds]
d = complete - reduced
print("the stem adds", d.round(2))
print("mean {:.2f}, s {:.2f}, {:.2f} to {:.2f}".format(*paired_difference(d)))

# %% tags=["hide-input"]
found = paired_difference(d)
page.states("−0.56 to 0.21", found[2:], within=0.8)

# %% [markdown]
# The stem's mean contribution is near zero, with an interval from −0.56 to 0.21 points.
# Five such runs do not even settle its sign, and another processor, which rounds
# otherwise, gives other numbers.
#
# ### Exercise 3: take out a part and train again
#
# Choose a part of the ResNet: a residual module, the edges, a branch of the stem.
# Write `make()`, which returns the network *without* it, for beats of shape (b, 180).
# Train it with all `seeds` and give the differences, complete minus reduced. The
# solution takes out the second module of each layer (15 s on one CPU core).


# %% tags=["exercise"]
def make():
    return ...  # a network without the part


differences = ...  # complete minus reduced, one per seed
check("12.3", (make, differences))


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def make():
    network = build("resnet")
    resnet = network.branches["resnet"]
    resnet.layers = resnet.layers[::2]  # three of six modules
    return network


differences = complete - [accuracy(make, seed) for seed in seeds]
print("the three modules add", differences.round(2))
without = paired_difference(-differences)
page.states("0.72 points *better*", without[0], within=0.7)
page.states("−0.42 to 1.85", without[2:], within=1)
check("12.3", (make, differences))

# %% [markdown]
# In our trial, the network with three modules was 0.72 points *better* on average, with
# an interval from −0.42 to 1.85: again no result, with half the multiplications.
#
# ## What the paper leaves open, and what we changed
#
# Where the paper allows several interpretations, we varied one point at a time in
# short runs (four epochs, seed 0; the baseline has three seeds):

# %% tags=["hide-input"]
study = studies.load_study("ambiguities")
points = {}
for run in studies.results("ambiguities"):
    if run.row == "baseline" or study.rows[run.row].against == "baseline":
        points.setdefault(run.row, []).append(100 * run.report().accuracy)
title = "Interpretations of the paper"
plots.show(figures.run_points({"": points}, "accuracy (%)", title))
page.states(
    "0.11 points", points["crops-90"][0] - points["baseline"][0], 0.006
)
page.states(
    "0.22 points", points["baseline"][0] - points["bands-none"][0], 0.006
)

# %% [markdown]
# *Figure 12.5. Accuracy after four epochs. Crops keep 50 or 90 % of a beat and more
# instead of 75 %; other bands are zeroed (D9 too; D1 without D2; none); the R peak is
# the 90th sample instead of the 91st; record 114 is read from its first channel; stride 2
# enters all three layers of the ResNet.*
#
# Each change has one run, so the order of the rows proves nothing. Without denoising
# (`bands-none`) accuracy is 0.22 points lower than the baseline of the same seed. Crops
# of 90 to 100 % instead of 75 to 100 % are 0.11 points higher.
# These scores are of the **test half**, and this one led us to the milder crops of our
# recipe. So the test half influenced our recipe here; all else was decided on a
# validation part of the training half. The two recipes differ in:

# %%
paper, ours = (asdict(RECIPES[name]) for name in ("paper", "ours"))
for key, value in paper.items():
    if value != ours[key]:
        print(f"{key:18} {value!s:10} {ours[key]}")

# %% [markdown]
# ### Exercise 4: referee this paper
#
# You are a referee. First, six claims. Answer for each `"holds"`, if Tables I and II
# bear it out, `"wrong"`, if they contradict it, or `"open"`, if they cannot decide:
#
# 1. The joint model's printed accuracy is above that of both its branches.
# 2. The accuracy improves on the four other works by 1 to 4.8 %.
# 3. The mean sensitivity of 91.69 % follows from the four in Table I.
# 4. Joining *causes* the gain: the ResNet adds space, the TCN time.
# 5. The sensitivity of *each* class is greater than in most works.
# 6. The model suits clinical ECG detection, that is, new patients.
#
# Then write one page for the authors, and compare it with the rubric.

# %% tags=["exercise"]
answer = ...  # a list of six words
check("12.4", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 4
# 2: Gai has .986, so 0.2 points. 3: (.994 + .917 + .968 + .783) / 4 = .9155.
# 4: one run each, the joint one larger. 5: F's .783 is above one of four.
answer = ["holds", "wrong", "wrong", "open", "wrong", "open"]
check("12.4", answer)

# %% [markdown]
# <details><summary>Rubric: 20 points</summary>
#
# | criterion | points |
# |---|---|
# | sums up question, method and main result fairly, in your own words | 2 |
# | split: beats of one patient on both sides; asks for a split by patient | 4 |
# | chance: one run per model; asks for seeds, paired, with their spread | 3 |
# | ablation: parameters and work differ; proposes a control of equal cost | 3 |
# | scores: accuracy is not the mean of equation (6); which F1; base rate of N | 2 |
# | tables: 91.69 against 91.55; 0.2 instead of 1 %; F above one of four | 2 |
# | missing for a repetition: batch, epoch tested, lengths of crops, bands | 2 |
# | tone: names strengths, separates errors from open questions, can be acted on | 2 |
#
# 16 points or more: an editor could use your report. Deduct one point for each
# accusation that the text does not support.
#
# </details>
#
# ## Recap
#
# - McNemar's test counts the beats on which exactly one of two networks is right. It
#   assumes independent beats and says nothing about other seeds.
# - Methods are compared over seeds, paired, with the spread. Five seeds show differences
#   well above the spread, and patients are still the same.
# - A spread belongs to a network and a recipe; it cannot be borrowed.
# - An ablation changes one thing. Size, number format and tuning must stay the same.
#
# ## What next
#
# [Page 13](13_new_patients.ipynb) asks what is left for new patients.
# [Bouthillier et al. 2021](https://arxiv.org/abs/2103.03098) measure which kinds of
# chance move benchmarks most.

# %% tags=["hide-input"]
page.stamp(
    "Paper's recipe, three seeds: ResNet 98.19 %, TCN 98.72 %, joint 98.19 %; "
    "our recipe, five seeds: joint 99.02 %, s = 0.03 points"
)
