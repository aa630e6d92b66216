# %% [markdown]
# # Ablation: does a part earn its place?
#
# **You will be able to** read an ablation table and ask it the right questions;
# work out how far an accuracy wanders by chance alone; compare two models on the
# same beats and over several seeds, with an interval and a test that you could
# write yourself; say what one, three and five seeds can show; and name what a
# comparison has failed to hold constant.
#
# **Time:** about an hour to read and try; on two CPU cores the page computes for
# about fifteen seconds in the quick profile and half a minute in full. A GPU gains
# little.
#
# **You need** the page on the joint model, where the parts were put together, and
# from the page on training the idea of a seed. A little statistics helps: what a
# standard deviation is.

# %%
from dataclasses import asdict

import numpy as np
import pandas as pd
import scipy.stats
import torch
from ecgbook import figures, paper_tables, studies
from ecgbook.page import Page, check, profile, show_code
from ecgbook.paper_tables import PAIRS, TABLE_I, TABLE_II
from ecgkit import (
    TCN,
    ResNet,
    ResNetTCN,
    load_beats,
    load_model,
    plots,
    random_split,
)
from ecgkit.data.sources import find_source
from ecgkit.evaluate import metrics, statistics
from ecgkit.nn.models import PAPER_MODELS, build
from ecgkit.train.recipe import RECIPES
from IPython.display import Markdown, display
from torch.utils.flop_counter import FlopCounterMode

page = Page("12_ablation")
full = profile() == "full"
source = find_source()
page.uses(source)

# %% [markdown]
# ## Take one part out and train again
#
# An *ablation* is the engineer's way to ask what a part is for: take it out, train
# again, and see what is lost. The paper does it twice. Its Table II takes out a
# whole branch of the ResNet-TCN, the TCN or the ResNet; its Fig. 5 takes the
# Inception stem out of the ResNet, and squeeze-and-excitation (SE) out of the TCN.
#
# For each of these models this book trains the paper's recipe, to the letter where
# the paper has letters, once for each *seed*. A seed fixes which beats are in
# which half, the first weights, the order of the batches, the crops and the
# dropout. The book keeps a record of each of these training runs, with its confusion
# matrix on the test half of MIT-BIH; the next cell reads them. These *published*
# runs are the same wherever this page runs, also on synthetic records.


# %%
runs = studies.results("reproduction", recipe="paper")
for name in PAPER_MODELS:
    seeds = [run.seed for run in runs if run.model == name]
    print(f"{name:20} seeds {seeds}" if seeds else f"{name:20} not run yet")

# %% tags=["hide-input"]
COLUMNS = {
    "accuracy": "Acc %",
    "se": "Se %",
    "ppv": "P+ %",
    "f1_of_means": "F1 %",
}


def row_of_table_ii(name, whose, of_model):
    """Mean and spread over the seeds of each score of Table II, as text."""
    if not of_model:
        return {"model": name, "whose": whose, "Acc %": "not run yet"}
    means = paper_tables.mean_scores(of_model)
    cells = {
        heading: paper_tables.format_spread(means[key])
        for key, heading in COLUMNS.items()
    }
    seeds = str(len(of_model))
    return {"model": name, "whose": whose, **cells, "seeds": seeds}


rows = []
for name, values in TABLE_II.items():
    cells = (f"{value:.2f}" for value in values)
    of_paper = dict(zip(COLUMNS.values(), cells, strict=True))
    rows.append(
        {"model": name, "whose": "paper", **of_paper, "seeds": "not given"}
    )
    of_model = [run for run in runs if run.model == name]
    rows.append(row_of_table_ii(name, "**ours**", of_model))
second = studies.results("reproduction", "resnet-tcn-ours")
rows.append(row_of_table_ii("resnet-tcn", "ours, our recipe", second))
table_note = (
    "The paper's Table II, and our runs of the same recipe on MIT-BIH; in the "
    "last row, the published runs of our own recipe. "
    "Se and P+ are means over the four classes; F1 is the harmonic mean of "
    "these two, as in the paper. Ours: mean ± standard deviation over the "
    "seeds, or the one value there is."
)
text = paper_tables.to_markdown(pd.DataFrame(rows).fillna(""))
display(Markdown(f"{text}\n\n{table_note}"))

# %% [markdown]
# The paper concludes that the joint model "performs superior to the single ResNet
# and TCN models". In its rows the accuracy rises from 98.12 and 98.36 to 98.84,
# and beside accuracy it is P+ that gains, from 87.75 for the TCN to 93.34, while
# Se, 91.76 and 91.69, stays where it was.
#
# As far as the paper says, each of these figures is of *one* run on *one* half of
# the beats. Had its authors shuffled once more, they would have printed others.
# Before a difference means anything it has to be larger than what chance makes.
# There are three kinds of chance in it:
#
# 1. **which beats** are tested on: another half, another figure;
# 2. **which network** came out of training: other first weights, another order,
#    other crops, another network;
# 3. **which figures were looked at**: whoever tries ten variants and prints the
#    best prints luck, too.
#
# ## Chance of the first kind: the test beats
#
# A model that classifies a share $p$ of all such beats correctly, tested on $n$
# beats drawn independently, gets $p$ right on average, with a standard deviation
# (the *standard error*) of
#
# $$ \mathrm{SE}(p) = \sqrt{\frac{p\,(1-p)}{n}} $$
#
# That is the binomial distribution, and a computer can draw it. Here are the
# accuracies that models *exactly as good as* the paper's three would have shown on
# twenty thousand other test halves of 50,338 beats:

# %%
n_paper, times = 50_338, 20_000
rng = np.random.default_rng(0)
wander = {
    f"{name}, {row[0]:.2f} %": 100
    * rng.binomial(n_paper, row[0] / 100, times)
    / n_paper
    for name, row in TABLE_II.items()
}
plots.show(
    figures.density_plot(
        wander, "accuracy (%)", "Simulated: three accuracies, by chance alone"
    )
)

# %%
for name, row in TABLE_II.items():
    se = 100 * statistics.standard_error(row[0] / 100, n_paper)
    drawn = wander[f"{name}, {row[0]:.2f} %"].std()
    print(f"{name:10} formula {se:.3f}, drawn {drawn:.3f} points")

# %% [markdown]
# The first two distributions just overlap; the third stands apart. The difference of
# two figures with independent errors has the standard error $\sqrt{\mathrm{SE}_1^2 + \mathrm{SE}_2^2}$:

# %% tags=["hide-input"]
lines = ["| from | to | difference | its standard error | ratio |"]
lines.append("|---|---|---|---|---|")
for a, b in [
    ("resnet", "tcn"),
    ("resnet", "resnet-tcn"),
    ("tcn", "resnet-tcn"),
]:
    p, q = TABLE_II[a][0] / 100, TABLE_II[b][0] / 100
    se = np.hypot(
        statistics.standard_error(p, n_paper),
        statistics.standard_error(q, n_paper),
    )
    lines.append(
        f"| {a} | {b} | {100 * (q - p):+.2f} points | {100 * se:.3f} | "
        f"{(q - p) / se:.1f} |"
    )
display(Markdown("\n".join(lines)))

# %% [markdown]
# So much for the first kind of chance: it alone would not make the paper's
# differences. (Two remarks in small print. Beats of one heart are not independent, of
# which more below. And a half drawn from the 100,677 beats that there are leaves
# less to chance than drawing from endless ones: for a *fixed* model by a factor of
# $\sqrt{1 - n/N} = \sqrt{1/2}$.)
#
# The other columns of the table are another matter. Macro Se and P+ give the
# 401 beats of F as much weight as the 44,920 of N. How far does *every* figure
# wander? We take a published confusion matrix and deal its beats anew: as many
# beats in each row as before, each falling into a column with the row's shares.
# This is a *parametric bootstrap*.

# %%
show_code(statistics.resample_beats)

# %%
(joint_run,) = studies.results("reproduction", "resnet-tcn-paper", seed=0)
matrix = np.array(joint_run.confusion_matrix)
dealt = statistics.resample_beats(matrix, draws=2000)
scores = [paper_tables.scores(m) for m in dealt]
shown = {
    "accuracy": "accuracy",
    "macro Se": "se",
    "macro P+": "ppv",
    "mean F1": "mean_f1",
    "Se of S": "se_S",
    "Se of F": "se_F",
}
chance = {k: 100 * np.array([f[v] for f in scores]) for k, v in shown.items()}
plots.show(
    figures.density_plot(
        chance, "per cent", "One published matrix, its beats dealt anew"
    )
)

# %% tags=["hide-input"]
seen = paper_tables.scores(joint_run)
lines = ["| score | in the published run | standard deviation by chance |"]
lines.append("|---|---|---|")
for name, key in shown.items():
    lines.append(
        f"| {name} | {100 * seen[key]:.2f} % | "
        f"{chance[name].std():.2f} points |"
    )
by_formula = 100 * statistics.standard_error(seen["accuracy"], matrix.sum())
ratio = chance["macro P+"].std() / chance["accuracy"].std()
lines += [
    "",
    f"Accuracy by the formula: {by_formula:.3f} points; dealt: "
    f"{chance['accuracy'].std():.3f}. Macro P+ wanders {ratio:.0f} times as "
    "far as accuracy, and the sensitivity of F "
    f"{chance['Se of F'].std() / chance['accuracy'].std():.0f} times. The "
    "paper's step in P+ from its TCN to its joint model, 5.59 points, is "
    f"about {5.59 / (2**0.5 * chance['macro P+'].std()):.0f} standard errors "
    "of a difference of two such figures.",
]
display(Markdown("\n".join(lines)))

# %% [markdown]
# Dealt row by row, accuracy moves a little less than the binomial formula says,
# because the number of beats of each class stays.
#
# ## The same beats for both models
#
# Two models tested on the *same* beats are easier to compare than two tested on
# different ones: a beat that both get wrong says nothing about which is better.
# Only the beats on which just one of them is right do. Call their numbers $b$
# (only the first is right) and $c$ (only the second):
#
# $$ \begin{aligned}
# \mathrm{Acc}_2 - \mathrm{Acc}_1 &= \frac{c - b}{n} \\
# \mathrm{SE} &= \frac{1}{n} \sqrt{b + c - \frac{(b - c)^2}{n}}
# \end{aligned} $$
#
# If neither model were better, a coin could have dealt the $b + c$ beats.
# McNemar's test asks how often a coin would deal them so unevenly; its statistic
# $\chi^2 = (b - c)^2 / (b + c)$ is the square of the difference over the standard
# error that it has if the coin deals, and with a computer one counts the coin's
# cases exactly
# ([McNemar 1947](https://doi.org/10.1007/BF02295996)).

# %%
show_code(statistics.mcnemar)

# %% [markdown]
# The weights of two joint models come with the library
# ([`load_model`](../book/api_train.md#ecgkit.train.weights.load_model)): one trained by
# the paper's recipe and one by ours, with the same seed and thus the same split. Both
# classify the test half of the recordings at hand.

# %%
beats = load_beats(source).without_q()
halves = random_split(beats.labels, seed=0)
rows = halves.test
if not full and len(rows) > 6000:  # a sample is enough for the quick profile
    rows = rows[np.linspace(0, len(rows) - 1, 6000).astype(int)]
tested = beats.select(rows)

correct = {}
for recipe in ("paper", "ours"):
    classifier = load_model(recipe)
    if source.name == "mitdb":  # none of these beats was seen
        assert classifier.provenance.split_hash == halves.hash
    predicted = classifier.predict(tested).argmax(axis=1)
    correct[recipe] = predicted == tested.labels
found = statistics.mcnemar(correct["paper"], correct["ours"])
print(found)

# %% tags=["hide-input"]
both = int((correct["paper"] & correct["ours"]).sum())
neither = int((~correct["paper"] & ~correct["ours"]).sum())
b, c = found.only_first, found.only_second
chi2 = (b - c) ** 2 / (b + c) if b + c else 0.0
apart = np.hypot(
    *(statistics.standard_error(x.mean(), found.n) for x in correct.values())
)
where = (
    "These are synthetic records: the counts show how the test works, and "
    "nothing about hearts."
    if source.is_synthetic
    else "None of these beats was trained on by either model."
)
verdict = (
    "more than the test beats' chance"
    if found.p < 0.05
    else "no more than the test beats' chance could make"
)
display(
    Markdown(
        "| | ours right | ours wrong |\n|---|---|---|\n"
        f"| **paper's recipe right** | {both:,} | {b:,} |\n"
        f"| **paper's recipe wrong** | {c:,} | {neither:,} |\n\n"
        f"{found.n:,} test beats. {where} The accuracy of our recipe less "
        f"that of the paper's: {100 * found.difference:+.3f} points, with a "
        f"standard error of {100 * found.standard_error:.3f}; the formula "
        "for two different test sets would have given "
        f"{100 * apart:.3f}. $\\chi^2$ = {chi2:.1f}, exact p = {found.p:.2g}: "
        f"{verdict}."
    )
)

# %% [markdown]
# Draw test sets of the same size from these beats, again and again, and look at the
# difference of the two models three ways: each model tested on a draw of its own;
# both on the same draw; and both on the same draw of *recordings*, all beats of a
# recording kept together.

# %%
a, b = correct["paper"].astype(float), correct["ours"].astype(float)
n = len(a)
rng = np.random.default_rng(0)
own, same = [], []
for _ in range(1000):
    draw, other = rng.integers(n, size=(2, n))
    own.append(b[other].mean() - a[draw].mean())
    same.append(b[draw].mean() - a[draw].mean())

people, at = np.unique(tested.records, return_inverse=True)
n_of = np.bincount(at)  # beats of each record
gain_of = np.bincount(at, weights=b - a)
by_record = []
for _ in range(1000):
    draw = rng.integers(len(people), size=len(people))
    by_record.append(gain_of[draw].sum() / n_of[draw].sum())
draws = {
    "beats,\none draw each": 100 * np.array(own),
    "beats,\nthe same draw": 100 * np.array(same),
    "recordings,\nthe same draw": 100 * np.array(by_record),
}
plots.show(
    figures.density_plot(
        draws,
        "accuracy, our recipe less the paper's (points)",
        "The same two models, test sets drawn three ways",
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
own_sd, same_sd, record_sd = (x.std() for x in draws.values())
pairing = (
    "Pairing has taken the luck of the draw out"
    if same_sd < 0.95 * own_sd
    else "Pairing has gained next to nothing here"
)
clusters = (
    "Mistakes come in clusters, one heart's beats together: counted by "
    "recordings the difference is far less certain than the formula says."
    if record_sd > 1.2 * same_sd
    else "Counted by recordings the difference is hardly less certain here."
)
display(
    Markdown(
        f"Standard deviations: {own_sd:.3f}, {same_sd:.3f} and "
        f"{record_sd:.3f} points. {pairing}: {1 - same_sd / own_sd:.0%} "
        f"narrower. {clusters} With {len(people)} recordings in this table, "
        "what holds for these hearts need not hold for the next."
    )
)

# %% [markdown]
# ## Chance of the second kind: the seeds
#
# All this was about *one* pair of trained networks. Train again, and there is
# another pair. McNemar's test cannot see that: it compares two networks, and we
# want to compare two *architectures*. For that, training has to be repeated, and
# the unit that is counted is no longer the beat but the run.
#
# So train both models with seeds $1 \dots n$, and take the difference seed by seed:
#
# $$ d_i = \mathrm{Acc}_i(\text{with}) - \mathrm{Acc}_i(\text{without}) $$
#
# Within a seed both models have the same split, so an easy test half flatters both
# and largely drops out of $d_i$, as in the figure above. What stays is mostly the
# luck of training. How large is the mean difference $\bar d$ beside it? Two
# answers:
#
# **Student's interval**, with $s$ the standard deviation (with $n-1$) of the $d_i$,
#
# $$ \bar d \pm t_{0.975,\,n-1}\, \frac{s}{\sqrt n} $$
#
# holds the true difference in 95 % of such experiments, if the $d_i$ are about
# normal. If it leaves out zero, this page calls the difference *larger than its
# spread*.
#
# **The sign test.** If the part did nothing, each $d_i$ would be up or down like a
# fair coin. Count the ups, and ask how often a coin is so one-sided. It supposes
# almost nothing, and uses little.
#
# The paper gives one figure each: no $s$, no interval, nothing to count.

# %%
show_code(statistics.paired_difference)

# %% tags=["hide-input"]
lines = ["| seeds | half width of the interval | corrected | "]
lines[0] += "smallest p of the sign test |"
lines.append("|---|---|---|---|")
for n_seeds in (1, 2, 3, 5, 6, 10):
    width = corrected = "none"
    if n_seeds > 1:
        t = scipy.stats.t.ppf(0.975, n_seeds - 1)
        width = f"{t * np.sqrt(1 / n_seeds):.2f} s"
        corrected = f"{t * np.sqrt(1 / n_seeds + 1):.2f} s"
    p = 2 / 2**n_seeds
    lines.append(
        f"| {n_seeds} | {width} | {corrected} | 2/{2**n_seeds} = {p:.2g} |"
    )
display(Markdown("\n".join(lines)))

# %% [markdown]
# With one seed there is nothing to say. With two, the interval is nine standard
# deviations to either side. With three it is 2.5, and a sign test cannot come below
# 1/4; with five the interval is worth having, and the sign test ends at 1/16, above
# the customary 0.05 *even if all five agree*. Five seeds show a mean difference that
# is somewhat larger than $s$, and cannot show one that is smaller.
#
# And for what does the interval hold? The seeds share 100,677 beats of 44
# recordings: any two test halves have about half of their beats in common. The
# interval is about *other seeds on these recordings*. For a claim about other
# data of the same kind it is too narrow; the usual correction puts
# $\sqrt{1/n + n_\mathrm{test}/n_\mathrm{train}}$, here $\sqrt{1/n + 1}$, in the
# place of $\sqrt{1/n}$
# ([Nadeau and Bengio 2003](https://doi.org/10.1023/A:1024068626366)). That is the
# third column: no number of seeds takes it below 1.96 s, since more seeds are not
# more hearts.
#
# How often would one be led astray? Suppose a part truly adds $g$ and that the
# $d_i$ spread by $s$ around it. Draw such experiments and count.

# %%
seeds = np.array([1, 2, 3, 4, 5, 7, 10])
ratios = {"g = s/2": 0.5, "g = s": 1.0, "g = 2 s": 2.0}
rng = np.random.default_rng(0)
astray = {name: [] for name in ratios}
shown_real = {name: [] for name in ratios}
for name, g in ratios.items():
    for n_seeds in seeds:
        d = rng.normal(g, 1, (20_000, n_seeds))
        astray[name].append(np.mean(d.mean(axis=1) < 0))
        if n_seeds == 1:
            shown_real[name].append(0.0)  # no interval, no verdict
            continue
        half = scipy.stats.t.ppf(0.975, n_seeds - 1) / np.sqrt(n_seeds)
        low = d.mean(axis=1) - half * d.std(axis=1, ddof=1)
        shown_real[name].append(np.mean(low > 0))
plots.show(
    figures.line_panels(
        {"the worse model wins": astray, "the gain is shown": shown_real},
        seeds,
        "seeds",
        "share of experiments",
        "Simulated: a part that truly adds g",
        seen="The more seeds, the more rarely the worse model wins, and the "
        "more often the gain is shown; both go faster the larger g is.",
    )
)

# %% tags=["hide-input"]
one, five = (list(seeds).index(k) for k in (1, 5))
display(
    Markdown(
        "When the true gain equals its spread from seed to seed, a single "
        f"pair of runs puts the *worse* model first in "
        f"{astray['g = s'][one]:.0%} of experiments. With five seeds that "
        f"happens in {astray['g = s'][five]:.1%}, but the interval leaves out "
        f"zero in only {shown_real['g = s'][five]:.0%}: most often the honest "
        "answer is that five seeds do not decide it."
    )
)

# %% [markdown]
# "Not shown" is not "shown to be nothing". An interval from -0.1 to +0.3 says that
# the part may cost a little or gain three times as much; only a narrow interval
# around zero says that it hardly matters.
#
# ## What each part adds
#
# Now the runs, paired by seed. The first two rows are the paper's Fig. 5, the other
# two its Table II; the paper's gains are the differences in its table, and for
# Fig. 5 its text has no values.
#
# There are two sets of runs. The *full* runs follow the paper's recipe, 50 epochs of
# beats filled up to N's number: each takes an hour or two without a GPU, so there are
# few. The *short* runs are three epochs of the training half as it is: minutes
# each, so that every model has three seeds. They say what a part does early in
# training, and whether three seeds agree. (Those of the TCN with SE multiplied in
# bfloat16, on another processor, the rest in float32: one more difference that a strict
# comparison would not have, and that we cannot tell from luck.)

# %%
study = studies.load_study("ambiguities")
varied = studies.results("ambiguities")
PARTS = ("no-se", "resnet-alone", "no-inception", "joint")
short = [run for run in varied if run.row in ("squeeze-last", *PARTS)]
for name in PAPER_MODELS:
    of = [run for run in short if run.model == name]
    seeds = [run.seed for run in of]
    acc = 100 * paper_tables.mean_scores(of)["accuracy"].mean
    print(f"{name:20} short runs, seeds {seeds}, mean {acc:.2f} %")


# %%
def gains_of(runs, key="accuracy"):
    """What each part adds, in points, one value per seed."""
    return {
        part: [100 * gain for gain in by_seed.values()]
        for part, by_seed in paper_tables.part_gains(runs, key).items()
    }


gains, short_gains = gains_of(runs), gains_of(short)
papers = {
    part: TABLE_II[b][0] - TABLE_II[a][0]
    for part, (a, b) in PAIRS.items()
    if a in TABLE_II and b in TABLE_II
}


# %% tags=["hide-input"]
def gains_table(gains, papers):
    rows = []
    for part, values in gains.items():
        paper = f"{papers[part]:+.2f}" if part in papers else "not in its text"
        if not values:
            rows.append((part, "no full runs", "", "", "", paper))
            continue
        d = statistics.paired_difference(values)
        adds, interval, p = f"{d.mean:+.2f}", "-", "-"
        verdict = "one seed: no verdict"
        if d.n > 1:
            adds += f" ± {d.sd:.2f} (n = {d.n})"
            interval, p = f"{d.low:+.2f} to {d.high:+.2f}", f"{d.p_sign:.2g}"
            verdict = (
                f"{'' if d.excludes_zero else 'not '}larger than its spread"
            )
        rows.append((part, adds, interval, p, verdict, paper))
    heads = ["part", "adds (points)", "95 % interval", "signs, p", "verdict"]
    frame = pd.DataFrame(rows, columns=[*heads, "paper"])
    return paper_tables.to_markdown(frame)


display(Markdown("**Full runs, the paper's recipe**"))
display(Markdown(gains_table(gains, papers)))
display(Markdown("**Short runs, three epochs**"))
display(Markdown(gains_table(short_gains, papers)))
judged = {
    part: statistics.paired_difference(values)
    for part, values in short_gains.items()
    if len(values) > 1
}
helps = [part for part, d in judged.items() if d.low > 0]
harms = [part for part, d in judged.items() if d.high < 0]
unclear = [part for part, d in judged.items() if not d.excludes_zero]
said = ["Judged by the short runs:"]
if not judged:
    said = ["No part has runs of several seeds yet, so there is no verdict."]
turned = [
    part
    for part, values in gains.items()
    if values and part in papers and np.mean(values) * papers[part] < 0
]
if turned:
    said.insert(
        0,
        "In the full runs, one seed each, the sign of the "
        f"{', '.join(turned)} is not the paper's.",
    )
if helps:
    said.append(f"Adds accuracy, beyond its spread: {', '.join(helps)}.")
if harms:
    said.append(f"Costs accuracy, beyond its spread: {', '.join(harms)}.")
if unclear:
    said.append(
        f"Not larger than the spread of these seeds: {', '.join(unclear)}. "
        "Whether such a part adds anything, they cannot say."
    )
display(Markdown(" ".join(said)))

# %%
plots.show(
    figures.run_points(
        {"": short_gains},
        "accuracy with the part less without it (points)",
        "What each part adds in three epochs, seed by seed",
        paper=papers,
        differences=True,
    )
)

# %% [markdown]
# The same with the accuracies themselves, for the two modules of the paper's Fig. 5.
# **The paper's figure is not reproduced here**: its values are not in its text.


# %% tags=["hide-input"]
def panels_of(runs):
    """Accuracies of the two pairs of Fig. 5, where both models were run."""
    accuracies = {
        name: [
            100 * paper_tables.scores(run)["accuracy"]
            for run in runs
            if run.model == name
        ]
        for name in PAPER_MODELS
    }
    panels = {
        part: {name: accuracies[name] for name in PAIRS[part]}
        for part in ("Inception stem", "SE block")
    }
    return {part: pair for part, pair in panels.items() if all(pair.values())}


full_runs = panels_of(runs)
plots.show(
    figures.run_points(
        full_runs or panels_of(short),
        "accuracy (%)",
        "Our Fig. 5: accuracy without and with each module"
        + (", full runs" if full_runs else ", short runs"),
    )
)

# %% [markdown]
# One more look, because accuracy is nine tenths N: the same differences in the mean
# of the four classes' F1. Watch whether a part's verdict survives the change of
# score.

# %% tags=["hide-input"]
display(Markdown("**Full runs, the paper's recipe**"))
display(Markdown(gains_table(gains_of(runs, "mean_f1"), {})))
display(Markdown("**Short runs, three epochs**"))
display(Markdown(gains_table(gains_of(short, "mean_f1"), {})))

# %% [markdown]
# ## More of everything
#
# Suppose the difference is real. Is it the *part* that makes it? Taking out a branch
# takes out parameters and work, too. Count them for the five models (the page on
# the joint model shows how it is done by hand).


# %%
def count(network):
    """Parameters, and multiplications for one beat."""
    network = network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 180))
    work = counter.get_total_flops() // 2  # a multiplication and an addition
    return sum(p.numel() for p in network.parameters()), work


sizes = {name: count(build(name)) for name in PAPER_MODELS}

# %% tags=["hide-input"]
n_joint, work_joint = sizes["resnet-tcn"]
lines = ["| model | parameters | of the joint model | multiplications | "]
lines[0] += "of the joint model | paper's Acc % |"
lines.append("|---|---|---|---|---|---|")
for name, (n_parameters, work) in sizes.items():
    paper = TABLE_II.get(name, ("-",))[0]
    lines.append(
        f"| {name} | {n_parameters:,} | "
        f"{100 * n_parameters / n_joint:.1f} % | {work:,} | "
        f"{100 * work / work_joint:.1f} % | {paper} |"
    )
modules = [PAIRS["Inception stem"], PAIRS["SE block"]]
stem, gate = (sizes[b][0] - sizes[a][0] for a, b in modules)
change = max(abs(sizes[b][1] / sizes[a][1] - 1) for a, b in modules)
more = {name: work_joint / sizes[name][1] for name in ("resnet", "tcn")}
lines += [
    "",
    f"The Inception stem changes the parameters by {stem:+,}, SE by "
    f"{gate:+,}; neither changes the multiplications by more than "
    f"{100 * change:.1f} %. Joining the branches is another matter: the joint "
    f"model does {more['resnet']:.1f} times the work of the ResNet and "
    f"{more['tcn']:.1f} times that of the TCN, with "
    f"{n_joint / sizes['resnet'][0]:.1f} times the parameters of the ResNet.",
]
display(Markdown("\n".join(lines)))

# %% [markdown]
# So the paper's two ablations are of different kinds. Fig. 5 compares networks of
# nearly one size. Table II compares the joint model with networks about half as
# expensive, and "a second *kind* of branch helps" is confounded with "more of
# everything helps", and with "two networks averaged are better than one", which is
# true of nearly any two ([Hansen and Salamon
# 1990](https://doi.org/10.1109/34.58871)). What tells them apart is a control of
# the same cost and *one* kind:

# %%
controls = {
    "TCN, wider": ResNetTCN(None, TCN(channels=(40, 80, 176, 352))),
    "two TCNs": ResNetTCN(TCN(), TCN()),
    "two ResNets": ResNetTCN(ResNet(), ResNet()),
}
for name, network in controls.items():
    n_parameters, work = count(network)
    print(
        f"{name:12} {100 * n_parameters / n_joint:6.1f} % of the parameters, "
        f"{100 * work / work_joint:6.1f} % of the multiplications"
    )

# %% [markdown]
# Neither the paper nor this book has trained them: with a GPU each is one call of
# [`fit`](../book/api_train.md#ecgkit.train.fit.fit), and a fine project for a course. Other things that an ablation
# should hold constant, and the paper does not say whether it did: the split, the
# number of epochs, how often each variant was tuned, and who looked at the test
# half when. Our runs of the paper's recipe hold these constant; the learning rate
# is the paper's for every model, and may suit one better than another.
#
# The page on the joint model warned of the opposite trap: a branch that is there,
# and costs its share, can fall silent in training. An ablation by retraining then
# finds that the *branch* is worth nothing, where it is the *joining* that failed.
#
# ## The paper's own arithmetic
#
# Before comparing with a table, recompute what can be recomputed. The page on
# evaluation did so to learn which F1 and which accuracy the paper has; here the
# question is how many digits of Table II bear weight. F1 first:

# %%
for name, (_, se, ppv, f1) in TABLE_II.items():
    recomputed = metrics.f1(se, ppv)
    print(f"{name:10} F1 {f1:.2f}, 2 Se P+ / (Se + P+) = {recomputed:.2f}")
    assert abs(recomputed - f1) < 0.0051

# %% [markdown]
# All three rows agree to the last digit: the harmonic mean of the two macro
# averages. And its macro Se?

# %%
row = TABLE_I["ResNet-TCN, paper"]
se, ppv = np.array(row[2::2]), np.array(row[3::2])
print("Table I, Se of N S V F ", se, f"mean {100 * se.mean():.2f}")
print("Table I, P+ of N S V F ", ppv, f"mean {100 * ppv.mean():.2f}")
print("Table II               ", "Se", TABLE_II["resnet-tcn"][1])
print(f"mean F1 of the classes  {100 * metrics.f1(se, ppv).mean():.2f}")
largest = 100 * (se + 0.0005).mean()
print(f"largest mean Se that the rounding allows: {largest:.2f}")

# %% tags=["hide-input"]
gap = TABLE_II["resnet-tcn"][1] / 100 - se.mean()
display(
    Markdown(
        "The four sensitivities of Table I have the mean "
        f"{100 * se.mean():.2f}; no rounding takes that to Table II's 91.69. "
        f"P+ does agree. A gap of {100 * gap:.2f} points in the mean is "
        f"{400 * gap:.2f} in one class: {4 * gap * 401:.0f} of the 401 beats "
        f"of F, or {4 * gap * 1513:.0f} of the 1,513 of S. Perhaps one "
        "of the figures is of another run. It is small, and it says that the "
        "last digits of the table should not be leaned on."
    )
)

# %% [markdown]
# ## What the ambiguous points cost
#
# A short paper cannot say everything, and where this one is silent we had to
# choose. Is our result a result of the paper's method, or of our choices? Each of
# them can be changed, one at a time, which is an ablation of *interpretations*:
#
# - **SE**: are its gates computed from the last step, which is all that is used, or
#   from the mean over all steps, as in the image networks it comes from?
# - **Crops**: "randomly intercepting the heartbeats" could keep 75 to 100 % of a
#   beat, or more, or less.
# - **Bands**: "certain scales" of the wavelet decomposition are zeroed; which?
# - **R peak**: of 180 samples, "90 each of the left and right", is it the 90th or
#   the 91st?
# - **Lead**: "first channel" and "the same lead" contradict each other in record
#   114.
# - **Strides**: a "step size of 2", but in which of the ResNet's layers?
#
# The runs are short, a few epochs each: they compare interpretations with each other,
# not with the paper. Each table begins with its unchanged run, which is made with three
# seeds. Each change is made with one, and compared with the unchanged run of that
# seed: same split, same test beats. A star marks a difference larger than two standard
# deviations (with $n-1$) of the three unchanged runs. That is a coarse sieve. Three
# runs measure a spread only roughly: of two runs that differ by luck alone, 29 % would
# be farther apart than that, and here, where the split is the same, fewer. What has a
# star has earned more seeds, not a verdict.


# %% tags=["hide-input"]
def study_tables(*baselines):
    """Tables of the changes to these rows, parts of the network left out."""
    texts = []
    for baseline in baselines:
        chosen = [
            run
            for run in varied
            if baseline in (run.row, study.rows[run.row].against)
            and run.row not in PARTS
        ]
        if not chosen:
            texts.append("*Not run yet.*")
            continue
        settings = chosen[0].settings
        sd = {
            key: studies.compare_rows(study, chosen, key)[0].value.sd
            for key in ("accuracy", "mean_f1")
        }
        frame = studies.comparison_table(study, chosen).drop(columns="beside")
        texts += [
            f"**Beside `{baseline}`.** {study.rows[baseline].about} "
            f"{settings.epochs} epochs of batch {settings.batch}, learning "
            f"rate {settings.learning_rate:g} ({settings.schedule}), balance "
            f"{settings.balance:g}; tested on the {chosen[0].tested_on} "
            f"part. {sum(run.seconds for run in chosen):,.0f} s on "
            f"{chosen[0].device} in {chosen[0].precision}, all together.",
            paper_tables.to_markdown(frame),
            f"Seeds of `{baseline}`: standard deviation "
            f"{100 * sd['accuracy']:.3f} points of accuracy and "
            f"{100 * sd['mean_f1']:.3f} of mean F1.",
        ]
    return "\n\n".join(texts)


display(Markdown(study_tables("baseline", "squeeze-last")))

# %% [markdown]
# The scores of these tables are of the test half, and no interpretation was chosen by
# them: that would be chance of the third kind.
#
# ## What each ingredient of our recipe brings
#
# The second recipe of this book, `ours`, keeps network and split and trains
# differently. In these fields the two differ:

# %% tags=["hide-input"]
papers_recipe = asdict(RECIPES["paper"])
our_recipe = asdict(RECIPES["ours"])
lines = ["| field | paper | ours |", "|---|---|---|"]
lines += [
    f"| {key} | {value} | {our_recipe[key]} |"
    for key, value in papers_recipe.items()
    if value != our_recipe[key]
]
display(Markdown("\n".join(lines)))

# %% [markdown]
# `cropped_originals` is the share of the beats themselves that are cropped like
# their copies; `gain` and `noise_mv` change a beat's amplitude a little and add
# noise and a slow drift; `each_branch` weighs a loss of each branch's own (the page
# on the joint model), and `balance` is of the page on augmentation.
#
# It was chosen in two steps, both on a *validation* part, a tenth of the training half,
# with one exception, which is named below. A first recipe was put together by short trials. Then one
# ingredient at a time was taken away from it, or changed. Here it is complete with three
# seeds, each change with one, all in six epochs:

# %% tags=["hide-input"]
display(Markdown(study_tables("first")))

# %% [markdown]
# A row that is ahead of the complete recipe says that in so few epochs the ingredient costs
# more than it brings. Mind two things before you throw it out. Full balance draws about
# two and a half times as many beats an epoch, so that row also trains longer. And in a
# few epochs hardly anything is learnt by heart: noise, or a loss for each branch, which
# are there against that, slow the learning down from the start and can show their worth,
# if they have any, in long runs alone. An ablation is of the budget it was made with.
#
# So what cost most was not thrown out but made smaller: less gain, noise and drift, half
# the loss of the branches, and crops of 90 to 100 % instead of 75 to 100 %, of which the
# originals then bear more. The hint about the crops is the exception: it came from the
# interpretations above, whose scores are of the *test* half. The validation part then confirmed
# all changes together; still, the test half had a hand in one of them, and the present
# recipe's scores on it may be flattered by a trace. In these fields the first recipe and
# the present one differ:

# %% tags=["hide-input"]
first_recipe = asdict(study.rows["first-whole"].settings)
lines = ["| field | first | now |", "|---|---|---|"]
lines += [
    f"| {key} | {value} | {our_recipe[key]} |"
    for key, value in first_recipe.items()
    if value != our_recipe[key]
]
display(Markdown("\n".join(lines)))

# %% [markdown]
# And this is what the present one reaches in the same six epochs, on the same
# validation beats. The other rows change no ingredient of the training but what the
# network is shown: a second of the recording instead of half a second, or the half
# second and, in a third small branch, how early the beat comes (page 13 explains these features).

# %% tags=["hide-input"]
display(Markdown(study_tables("ours")))

# %% tags=["hide-input"]
lines = ["| from | to | accuracy | mean F1 |", "|---|---|---|---|"]
steps = (
    ("first", "ours", "first recipe", "present one"),
    ("ours", "one-second", "half a second", "a second"),
    ("ours", "rr", "half a second", "and RR intervals"),
)
for a, b, before, after in steps:
    said = []
    for key in ("accuracy", "mean_f1"):
        pair = ([run for run in varied if run.row == row] for row in (a, b))
        by_seed = paper_tables.paired_differences(*pair, key)
        gain = [100 * value for value in by_seed.values()]
        text = f"{np.mean(gain):+.2f}"
        if len(gain) > 1:
            text += f" ± {np.std(gain, ddof=1):.2f} (n = {len(gain)})"
        said.append(text)
    lines.append(f"| {before} | {after} | {' | '.join(said)} |")
note = "Points, paired by seed: same split, same validation beats."
display(Markdown("\n".join([*lines, "", note])))

# %% [markdown]
# The first step changes how the network is taught, the others what it is shown. And
# what is left of these steps in full runs, all epochs, on the test half?

# %% tags=["hide-input"]
recipes = {
    "first recipe": studies.results("ambiguities", "first-whole"),
    "present one": second,
    "present one, beats of a second": studies.results(
        "reproduction", "resnet-tcn-ours-1s"
    ),
}


def mean_errors(runs):
    """Wrongly classified beats per run."""
    matrices = np.array([run.confusion_matrix for run in runs])
    return matrices.sum() / len(runs) - np.mean(
        [np.trace(matrix) for matrix in matrices]
    )


rows, errors = [], {}
for name, of in recipes.items():
    if not of:
        continue
    means = paper_tables.mean_scores(of)
    errors[name] = mean_errors(of)
    rows.append(
        {
            "full runs": name,
            "epochs": of[0].settings.epochs,
            "accuracy (%)": paper_tables.format_spread(means["accuracy"]),
            "mean F1 (%)": paper_tables.format_spread(means["mean_f1"]),
            "errors": f"{errors[name]:,.0f}",
            "seeds": len(of),
        }
    )
display(Markdown(paper_tables.to_markdown(pd.DataFrame(rows))))
paired = [
    (a, b)
    for a in recipes["first recipe"]
    for b in second
    if a.split_hash == b.split_hash
]
if len(errors) == 3 and paired:
    before, now = (mean_errors(side) for side in zip(*paired, strict=True))
    n = np.sum(second[0].confusion_matrix)
    chance = np.sqrt(before + now)  # each counts rare, independent events
    level = (
        "no more than the test beats' chance could make"
        if abs(now - before) < 2 * chance
        else "more than the test beats' chance"
    )
    _, of_all, longer = errors.values()
    seeds = ", ".join(str(a.seed) for a, _ in paired)
    display(
        Markdown(
            "At full length, on the same split (seed "
            f"{seeds}), the two recipes are {abs(now - before):.0f} "
            f"errors of {n:,} beats apart, {level}: what was far ahead in six "
            "epochs is level in the end, in half as many epochs. Over all "
            f"seeds the longer beats leave {longer:.0f} of {of_all:.0f} "
            "errors."
        )
    )

# %% [markdown]
# That is the budget's lesson once more, and we print it as it came: the choice was made
# in short runs, the full ones were made afterwards, and neither was picked because of its
# scores in this table. A choice for sixty epochs would have to be made with sixty epochs. The page on
# evaluation ends with what the longer beats mean for the errors that are left.
#
# Ingredients chosen on a validation part look a little better there than they are.
# And they interact: what one brings depends on which others are there, so the
# differences need not add up to the difference of the two recipes.
#
# ## Exercises
#
# ### Exercise 1: predict
#
# Before you compute: the paper's TCN has an accuracy of 98.36 % on about 50,338
# test beats. How large is its standard error, in *points of per cent*, if the
# beats are independent?

# %% tags=["exercise"]
answer = ...
check("12.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
p, n = 0.9836, 50_338
answer = 100 * np.sqrt(p * (1 - p) / n)
check("12.1", answer)

# %% [markdown]
# ### Exercise 2: predict
#
# All seeds agree that a part helps. How many seeds does it take, at least, before
# the two-sided sign test gives a p below 0.05?

# %% tags=["exercise"]
answer = ...
check("12.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# All up or all down: 2 of the 2**n ways in which n coins can fall.
answer = next(n for n in range(1, 20) if 2 / 2**n < 0.05)
check("12.2", answer)

# %% [markdown]
# ### Exercise 3: change
#
# Table II orders the models by accuracy. Write `ranking(runs, key)`: the names of
# the models in `runs`, from best to worst by the *mean over the seeds* of a score.
# `paper_tables.scores(run)` gives a run's scores by name, `"accuracy"` and `"mean_f1"`
# among them; `run.model` is the name of its model. Then see whether the order of the published
# models is the same by both.


# %% tags=["exercise"]
def ranking(runs, key):
    return ...  # your code here


check("12.3", ranking)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def ranking(runs, key):
    of = {}
    for run in runs:
        of.setdefault(run.model, []).append(paper_tables.scores(run)[key])
    return sorted(of, key=lambda name: -np.mean(of[name]))


for key in ("accuracy", "mean_f1"):
    print(f"{key:9}", " > ".join(ranking(runs, key)))
check("12.3", ranking)

# %% [markdown]
# ### Exercise 4: build
#
# If a part did nothing, each difference $d_i$ could as well have had the other
# sign. That makes a test without any normal distribution. Write
# `sign_flip(differences)`, for an array of shape (n,): go through all $2^n$ ways to
# give the differences other signs, and return the share of them whose mean is at
# least as far from zero as the real one (the real one counts as well).


# %% tags=["exercise"]
def sign_flip(differences):
    return ...  # your code here


check("12.4", sign_flip)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 4
def sign_flip(differences):
    d = np.asarray(differences)
    bits = np.arange(2 ** len(d))[:, None] >> np.arange(len(d)) & 1
    means = ((1 - 2 * bits) * d).mean(axis=1)
    real = abs(d.mean())
    return np.mean(np.abs(means) >= real - 1e-12)  # equal up to rounding


check("12.4", sign_flip)

# %% [markdown]
# ## Recall
#
# <details><summary>1. The 95 % interval of a difference over test beats leaves out
# zero. Why may the difference still not be the architecture's?</summary>
#
# It says that *these two trained networks* differ. Trained with other seeds the
# same two architectures give other networks, and their spread is not in the
# interval. Only repeated training shows it.
#
# </details>
# <details><summary>2. Why are two models compared on the same split?</summary>
#
# An easy test half raises both figures. Paired, its luck is in both and drops out
# of the difference, as far as both models miss the same beats; unpaired, it is
# added twice.
#
# </details>
# <details><summary>3. Five seeds, five times up: the sign test gives 1/16, the
# t interval leaves out zero. Which is right?</summary>
#
# Both. The sign test forgets how large the differences are; with five of them it
# can say no more. The interval uses the sizes and pays with an assumption, that
# they are about normal, which five numbers can hardly test.
#
# </details>
# <details><summary>4. A paper trains ten variants and prints the best on the test
# set, and it is one standard deviation above their mean. What do you
# think?</summary>
#
# The best of ten equal ones lies about one and a half standard deviations above
# their mean by luck alone. Choose on validation beats, then test once.
#
# </details>
# <details><summary>5. In the paper the joint model beats each of its branches. Name two
# explanations besides "space and time complement each other".</summary>
#
# It has more parameters and does more work; and it is, in effect, two networks
# whose votes are added, which helps with almost any two. A control of the same
# cost, with two branches of one kind, would tell.
#
# </details>
#
# ## Recap
#
# - Test beats: $\sqrt{p(1-p)/n}$ for accuracy, about a twentieth of a point here;
#   macro figures wander much farther, since F has few beats.
# - Two models on the same beats: only the beats on which they disagree count.
# - Seeds are the unit for an architecture. Pair them, give the spread, and say
#   what so few can show.
# - "Not larger than its spread" is not "nothing", and more seeds are not more hearts.
# - A part is confounded with its parameters, its work, and with averaging.
# - Recompute what can be recomputed before you compare.
#
# **Further reading.**
# [Dietterich 1998](https://doi.org/10.1162/089976698300017197) compares tests for
# comparing classifiers, McNemar's among them;
# [Bouthillier et al. 2021](https://arxiv.org/abs/2103.03098) measure which kinds of
# chance move deep-learning benchmarks most;
# [Demšar 2006](https://jmlr.org/papers/v7/demsar06a.html) goes on to many data sets;
# [Melis et al. 2018](https://arxiv.org/abs/1707.05589) is a famous case in which
# careful comparison turned a ranking round. The next page asks what is left when
# the *patients* are new.

# %% tags=["hide-input"]
joint = [run for run in runs if run.model == "resnet-tcn"]
accuracy = paper_tables.mean_scores(joint)["accuracy"]
page.stamp(
    "ResNet-TCN by the paper's recipe: "
    f"{paper_tables.format_spread(accuracy)} % accuracy, "
    f"{len(joint)} seed{'s' * (len(joint) > 1)}; "
    + (
        f"{len(helps)} of {len(judged)} parts add more than their spread"
        if judged
        else "no part judged yet"
    )
)
