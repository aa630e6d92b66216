# %% [markdown]
# # Crop-and-resize: balancing the classes
#
# **You will be able to** say what the paper's augmentation does to a beat and
# to the balance of the classes, write it as an equation and as ten lines that
# run on any device, count how often each beat is drawn, name three things it
# may break, show each of them by an experiment, and compare it with its peers.
#
# **Time:** about 50 minutes to read and try; the page computes for about
# fifteen seconds in quick profile on two CPU cores, and for some minutes in full
# profile, nearly all of it in the last experiment. A GPU shortens that one.
#
# **You need** the pages on data and on heartbeats: what a beat is, what the
# classes are, and why a split comes before everything else. Networks are boxes
# here, which learn from beats and answer with a class; pages 07 to 10 open them.

# %%
import time

import numpy as np
import torch
from ecgbook import figures
from ecgbook.page import Page, check, profile, show_code
from ecgkit import Recipe, fit, load_beats, load_model, plots, predict
from ecgkit.data import aami, splits
from ecgkit.data.cutting import cut_beats
from ecgkit.data.denoising import denoise
from ecgkit.data.sources import find_source
from ecgkit.evaluate import metrics
from ecgkit.nn.layers import ResidualModule
from ecgkit.train import augmentation
from ecgkit.train.device import describe_device, pick_device
from ecgkit.train.recipe import learning_rate
from IPython.display import Markdown, display
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch import nn
from torch.nn import functional as F

page = Page("06_augmentation")
full = profile() == "full"

# %%
source = find_source()
page.uses(source)
beats = load_beats(source).without_q()
train = beats.select(splits.random_split(beats.labels, seed=0).train)
counts = torch.bincount(torch.from_numpy(train.labels.astype(np.int64)))
print("training half:", aami.counts(train.labels))

# %% [markdown]
# This page looks at the training half only. The test half stays shut: what is
# chosen here, it must not have helped to choose.
#
# ## The problem, and what the paper does
#
# Training makes a *loss* small: how wrong the network is about a beat, averaged
# over all beats (page 10 writes it down). So a class counts in it by its number
# of beats. Nine in ten are N. A network that knows nothing of F loses little.
#
# The paper (section IV-A) extends S, V and F "to be consistent with N", by
# "randomly intercepting the heartbeats and then interpolating the intercepted
# data back to the original size without loss of heartbeat characteristics".
# That is one sentence, and a program needs more. What it leaves open, and what
# this book settled (an *epoch* is one pass of the training over its beats):
#
# | question | the paper | here |
# |---|---|---|
# | how long is a crop? | not said | 75 to 100 % of the beat, all lengths alike |
# | where does it begin? | "randomly" | anywhere it fits, all places alike |
# | which interpolation? | not said | linear |
# | are the originals kept? | not said | each once an epoch, uncropped |
# | drawn once, or in each epoch? | not said | afresh in each epoch |
# | is N cropped? | it is not extended | no |
# | which half? | the training data | the training half alone |
#
# Cutting pieces out of time series is older than the paper, under the name of
# *window slicing* ([Le Guennec et al.
# 2016](https://shs.hal.science/halshs-01357973)); the paper proposes it for
# balancing heartbeats.
#
# ## One crop, as an equation
#
# A beat has $n = 180$ samples. Keep `length` of them from `start` on. Column $j$
# of the result, $j = 0 \ldots n - 1$, reads the beat at
#
# $$ \mathrm{position}_j = \mathrm{start} + j \,
# \frac{\mathrm{length} - 1}{n - 1}, \qquad
# \mathrm{left}_j = \lfloor \mathrm{position}_j \rfloor $$
#
# which is rarely a whole number, so it goes along the straight line between the
# two samples around it:
#
# $$ \mathrm{crop}_j = (1 - w_j) \, \mathrm{beat}_{\mathrm{left}_j} +
# w_j \, \mathrm{beat}_{\mathrm{left}_j + 1}, \qquad
# w_j = \mathrm{position}_j - \mathrm{left}_j $$
#
# The first column is the first sample kept and the last column the last one. Why
# $n - 1$ and not $n$? Because 180 samples have 179 gaps, and it is the gaps that
# are stretched, by $(n - 1) / (\mathrm{length} - 1)$: at most
# $179 / 134 = 1.34$. The code,
# [`crop_and_resize`](../book/api_train.md#ecgkit.train.augmentation.crop_and_resize),
# has the same names; `lerp` is torch's word for the second equation.

# %%
show_code(augmentation.crop_and_resize)

# %% [markdown]
# Here it is at work on one S beat: the latest crop of 135 samples, the earliest,
# and one of 160 around the middle. On the left is what is cut out, on the right what
# the network gets. The paper is ruled in the *patient's* time on both sides: its
# small squares are 0.04 s wide, and on the right they have been stretched
# together with the beat.

# %%
S = metrics.CLASSES.index("S")
median_s = np.median(train.signals[train.labels == S], axis=0)
distance = np.abs(train.signals - median_s).mean(axis=1)
typical = int(np.where(train.labels == S, distance, np.inf).argmin())
plots.show(
    figures.crops(
        train.signals[typical],
        starts=[45, 0, 10],
        lengths=[135, 135, 160],
        title=f"Three crops of an S beat, record {train.records[typical]}",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# The network knows nothing of the stretched squares. It is handed 180 numbers
# and takes them for half a second, as ever. Two things have changed for it: every
# wave lasts longer, and the R peak has left the middle, column 90 (dashed), for
# somewhere between columns 60 and 120. Start and length are drawn like this:

# %%
show_code(augmentation.random_crops)

# %% [markdown]
# How many different crops has a beat? For each length from 135 to 180 there are
# $181 - \mathrm{length}$ places.

# %%
print(sum(181 - length for length in range(135, 181)), "different crops")

# %% [markdown]
# ## An epoch, balanced
#
# How many beats of each class an epoch holds is one line. With $n_c$ beats of
# class $c$ and $n_\mathrm{most}$ of the most frequent one,
#
# $$ \mathrm{target}_c = n_\mathrm{most}^{\;\mathrm{balance}} \;
# n_c^{\;1 - \mathrm{balance}} $$
#
# Balance 1 is the paper: all classes equal. Balance 0 copies nothing. One half
# goes to the geometric mean. This book trains by two recipes, the paper's and one
# of its own (page 12 lists where they differ); ours takes one half.

# %%
show_code(augmentation.target_counts)
draws = {}
for balance in (1.0, 0.5, 0.0):
    target = augmentation.target_counts(counts, balance)
    for name, n, t in zip(
        metrics.CLASSES, counts.tolist(), target.tolist(), strict=True
    ):
        row = f"{name}, balance {balance:g}"
        draws[row] = {"originals": n, "copies": t - n}
plots.show(
    figures.stacked_bars(
        draws,
        "draws per epoch",
        "One epoch, by balance",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# `epoch_order` makes the list: the row of every beat once, then rows of the rare
# classes drawn with replacement, shuffled; and beside each row whether it is a
# copy, for only copies are cropped.

# %%
show_code(augmentation.epoch_order)
generator = torch.Generator().manual_seed(0)
few = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2, 3])  # N N N N S S V V V F
rows, is_copy = augmentation.epoch_order(few, generator)
marks = ["c" if copy else "" for copy in is_copy]
print(*(f"{row}{mark}" for row, mark in zip(rows, marks, strict=True)))

# %% [markdown]
# Ten beats became sixteen draws. Find the three copies of row 9, the only F, and
# check that every row is there once without a `c`.
#
# Now the same for the whole training half. A copy is not a new patient: the
# third column from the right says how many *different* beats the copies come
# from, the last one how many recordings have beats of the class at all.

# %% tags=["hide-input"]
labels = torch.from_numpy(train.labels.astype(np.int64))
rows, is_copy = augmentation.epoch_order(labels, generator)
lines = []
for c, name in enumerate(metrics.CLASSES):
    of_class = rows[labels[rows] == c]
    copied = rows[is_copy & (labels[rows] == c)]
    times = torch.bincount(copied, minlength=len(labels))
    most = int(times.max())
    kinds = int((times > 0).sum())
    hearts = len(np.unique(train.records[labels.numpy() == c]))
    lines.append(
        f"| {name} | {counts[c]:,} | {len(of_class):,} | {len(copied):,} | "
        f"{len(of_class) / int(counts[c]):.1f} | {kinds:,} | {most} | "
        f"{hearts} |"
    )
each = (counts.max() / counts).tolist()
display(
    Markdown(
        "One epoch with balance 1, as drawn:\n\n"
        "| class | beats | draws | copies | draws per beat | different beats "
        "among the copies | copies of the most copied | recordings |\n"
        "|---|---|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"**Each F beat is drawn about {each[3]:.0f} times an epoch**, an S "
        f"beat {each[1]:.0f} times, a V beat {each[2]:.0f} times. Fifty "
        f"epochs, as in the paper, draw an F beat {50 * each[3]:,.0f} times, "
        "and it has 1,081 different crops."
    )
)

# %% [markdown]
# ## What it may break, 1: time is a diagnosis
#
# In an ECG durations mean something. The QRS complex is short because the
# ventricles have their own fast wiring; a beat that begins in a ventricle, or
# meets a blocked bundle branch, takes the slow way and is wide. The limit in
# clinical use is 120 ms, from which a bundle branch block is called complete;
# above 110 ms an adult's QRS is no longer normal ([Surawicz et al.
# 2009](https://doi.org/10.1016/j.jacc.2008.12.013)). Stretching by 1.34 turns 90
# ms into 120.
#
# To see it we need a ruler. This one takes the stretch around the steepest place
# in which the signal keeps moving: the slope stays above a twentieth of its
# maximum, pauses of four samples allowed.


# %%
def qrs_width_ms(beat, fs=360.0):
    """Width of the QRS complex of one beat, in ms: a rough ruler."""
    slope = np.convolve(np.abs(np.diff(beat)), np.ones(3) / 3, "same")
    top = 45 + slope[45:135].argmax()
    steep = np.flatnonzero(slope > 0.05 * slope[top])
    runs = np.split(steep, np.flatnonzero(np.diff(steep) > 4) + 1)
    qrs = next(run for run in runs if top in run)
    return 1000 * (qrs[-1] - qrs[0] + 1) / fs


def some(which, n=600):
    """Signals of at most n beats of a mask, chosen at random."""
    found = np.flatnonzero(which)
    rng = np.random.default_rng(0)
    return train.signals[rng.permutation(found)[:n]]


# %% [markdown]
# Check a ruler on something known before you trust it. Left bundle branch block
# (`L`) is wide by definition, although it belongs to class N; premature
# ventricular beats (`V`) are wide; normal beats (`N`) and premature atrial ones
# (`A`) are not.

# %%
for symbol in "NALV":
    widths = [qrs_width_ms(beat) for beat in some(train.symbols == symbol)]
    low, middle, high = np.percentile(widths, [10, 50, 90])
    print(f"{symbol}: median {middle:3.0f} ms, 10-90 % {low:.0f}-{high:.0f}")

# %% [markdown]
# It orders them as it should. One lead shows less than the twelve that a
# cardiologist measures in, so read it to 10 or 20 ms, not better.
#
# A copy need not be measured again: every crop keeps at least 120 ms on either
# side of the R peak, nearly always the whole QRS complex, and multiplies its
# width by the stretch. Here are the classes as they are cut and as they are
# copied.


# %%
def stretched(widths, shortest=0.75):
    """Widths in copies: each times the stretch of a random crop."""
    rng = np.random.default_rng(0)
    length = rng.integers(round(180 * shortest), 181, len(widths))
    return np.array(widths) * 179 / (length - 1)


def spread(values):
    """Median and 10 to 90 % of values: a point with whiskers."""
    return np.percentile(values, [50, 10, 90])


as_cut = {
    name: [qrs_width_ms(beat) for beat in some(train.labels == c)]
    for c, name in enumerate(metrics.CLASSES)
}
copied = {name: stretched(as_cut[name]) for name in "SVF"}
plots.show(
    figures.score_rows(
        {
            series: {name: spread(w) for name, w in widths.items()}
            for series, widths in (("as cut", as_cut), ("copies", copied))
        },
        "QRS width as the network sees it (ms); median, 10 to 90 %",
        "QRS width, before and after",
        line=(120, "120 ms, the clinical limit"),
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
wide = {
    series: 100 * np.mean(np.array(widths["S"]) >= 120)
    for series, widths in (("as cut", as_cut), ("copies", copied))
}
narrow = np.median(as_cut["N"])
longest = 1 + int(179 * narrow / 120)
display(
    Markdown(
        f"Of the S beats {wide['as cut']:.0f} % measure 120 ms or more as "
        f"they are cut, and {wide['copies']:.0f} % as they are copied. A "
        f"median N beat, of {narrow:.0f} ms, would reach 120 ms in any crop "
        f"of {longest} samples or fewer."
    )
)

# %% [markdown]
# So a cardiologist who read the copies at face value would call part of the S
# beats wide, conducted with a block or ventricular. Their labels still say S.
# "Without loss of heartbeat characteristics" is too strong: shape survives,
# duration does not, and duration is what tells V from N.
#
# Two smaller losses. A crop that starts late loses the beginning of the P wave,
# whose absence speaks for V. And straight lines between samples cut the corners
# of a sharp peak:

# %%
cut = torch.from_numpy(some(train.labels == S))
copies = augmentation.random_crops(cut, generator)
lost = 100 * (1 - np.ptp(copies.numpy(), axis=1) / np.ptp(cut.numpy(), axis=1))
print(f"height of the beat lost: median {np.median(lost):.2f} %", end=", ")
print(f"90th percentile {np.percentile(lost, 90):.2f} %")

# %% [markdown]
# ## What it may break, 2: the crop gives the class away
#
# Only copies are cropped, and N has no copies. Look at an epoch through the
# network's eyes: where is the R peak?

# %%
length = torch.randint(135, 181, (len(rows),), generator=generator)
start = torch.rand(len(rows), generator=generator) * (181 - length)
moved = (90 - start.long()) * 179 / (length - 1)
column = torch.where(is_copy, moved, 90.0)  # as random_crops places it
plots.show(
    figures.score_rows(
        {
            "all draws": {
                name: spread(column[labels[rows] == c])
                for c, name in enumerate(metrics.CLASSES)
            }
        },
        "column of the R peak; median, 10 to 90 %",
        "Where the R peak is, in one epoch of balance 1",
        line=(90, "column 90, the middle"),
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# In training every N beat is centred and unstretched, and nearly everything else
# is not. So there is a rule that costs a network little to find: *stretched or
# off centre, therefore not N*. No draw of the epoch contradicts it, and it says
# nothing about hearts. On beats that are not cropped it is worthless.
#
# Has a trained network learnt it? Two are published. One was made by the paper's
# recipe, with crops of S, V and F and none of N. The other was made by ours, which
# crops every other one of the *originals* too, whatever their class, but keeps nine
# tenths of it at least. The training half of MIT-BIH both have seen in every epoch,
# label and all. Give them N beats as they are, then cropped as the paper's recipe crops,
# so that down to three quarters are left: more than ours has ever cut away. (Where this page runs on synthetic records, it is beats the
# networks have never seen.)

# %%
networks = {recipe: load_model(recipe) for recipe in ("paper", "ours")}


def called_n(recipe, x):
    """Per cent of beats that the network of a recipe calls N."""
    predicted = networks[recipe].predict(x).argmax(axis=1)
    return 100 * (predicted == 0).mean()


known = some(train.labels == 0, 1500)
cropped = augmentation.random_crops(torch.from_numpy(known), generator)
answers = {
    recipe: (called_n(recipe, known), called_n(recipe, cropped.numpy()))
    for recipe in networks
}
for recipe, (whole, crop) in answers.items():
    print(f"recipe {recipe:5}: as cut {whole:5.1f} %, ", end="")
    print(f"cropped {crop:5.1f} % called N")

# %% tags=["hide-input"]
seen = networks["ours"].provenance.fingerprint == beats.fingerprint
who = "they know by heart" if seen else "they have never seen (synthetic ones)"
lost = {recipe: whole - crop for recipe, (whole, crop) in answers.items()}
found = (
    "The network of the paper's recipe has learnt the rule; with crops of N "
    "in the training it is not worth learning."
    if lost["paper"] > 20 and lost["ours"] < lost["paper"] / 2
    else "Compare the two differences: what the crops of N are worth is there."
)
display(
    Markdown(
        f"**Of N beats that {who}, cropping takes {lost['paper']:.1f} points "
        f"from the network of the paper's recipe and {lost['ours']:.1f} from "
        f"that of ours.** {found}"
        + " On synthetic records this is no result."
        * (not seen)
    )
)

# %% [markdown]
# Is it the stretching, or the place of the R peak? First keep the R peak in the
# middle and only stretch.

# %%
x = torch.from_numpy(known)
for margin in (0, 5, 10, 15, 22):  # samples lost on each side
    size = (len(x),)
    where = torch.full(size, margin), torch.full(size, 180 - 2 * margin)
    wider = augmentation.crop_and_resize(x, *where).numpy()
    print(f"{179 / (179 - 2 * margin):.2f} times as wide, called N:", end="")
    for recipe in networks:
        print(f"  {recipe} {called_n(recipe, wider):5.1f} %", end="")
    print()

# %% [markdown]
# Then stretch nothing, and cut the beats again from the recording, some samples
# before or after the annotated R peak. This is no augmentation any more: it is
# what a model meets when the R peak comes from a program that puts it elsewhere.

# %%
names = np.unique(train.records)[:8]
clean = {}
for name in names:
    record = source.read(name, "MLII")
    clean[name] = denoise(record.lead("MLII"))
of_n = np.isin(train.records, names) & (train.labels == 0)
rows = np.random.default_rng(0).permutation(np.flatnonzero(of_n))[:800]
called = {}
for shift in (-10, -5, -2, -1, 0, 1, 2, 5, 10):
    x = [
        cut_beats(clean[name], here + shift)
        for name in names
        if len(here := train.samples[rows][train.records[rows] == name])
    ]
    print(f"{shift:+3} samples, called N:", end="")
    for recipe in networks:
        called[recipe, shift] = called_n(recipe, np.concatenate(x))
        print(f"  {recipe} {called[recipe, shift]:5.1f} %", end="")
    print()

# %% tags=["hide-input"]
worst = {r: 100 - min(called[r, -2], called[r, 2]) for r in networks}
display(
    Markdown(
        "Two samples are 6 ms, a seventh of a small square on ECG paper. "
        f"Cut so far off the annotation, {worst['paper']:.1f} % of these N "
        "beats get another class from the network of the paper's recipe, and "
        f"{worst['ours']:.1f} % from that of ours. Keep these figures in "
        "mind for the last page, where R peaks come from a detector."
    )
)

# %% [markdown]
# Such a rule is called a *shortcut*
# ([Geirhos et al. 2020](https://doi.org/10.1038/s42256-020-00257-z)): it solves
# the training set and not the task. S is the class it tempts most: an S beat looks
# like an N beat in half a second, so the crop is the most visible difference that
# an epoch offers between the two.
#
# The shortcut does not show in an accuracy on annotated beats, for those are not
# cropped and their R peaks are where they belong. It may cost all the same: what
# the crop tells, the copies of S need not *teach*.
#
# The two recipes differ in more than these crops. How much of the difference is the
# crops' doing, and how much any network's trouble with what it has not seen? Only
# networks that differ in nothing else can tell. The last experiment of this page has
# several, and tries the remedy at full strength: to crop all classes alike.
#
# ## What it may break, 3: the split
#
# Balance first and split afterwards, and copies of one beat land on both sides.
# The paper extends its training data, after splitting: right. The mistake is
# common enough to have been taken apart in print ([Vandewiele et al.
# 2021](https://doi.org/10.1016/j.artmed.2020.101987)). How much does it flatter?
# The quickest of classifiers will show: *1-NN*, which answers with the label of
# the most similar training beat.


# %%
def balanced(table, seed):
    """One balanced epoch of a table: signals, labels, row of each draw."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.from_numpy(table.labels.astype(np.int64))
    rows, is_copy = augmentation.epoch_order(y, generator)
    x = torch.from_numpy(table.signals)[rows]
    crops = augmentation.random_crops(x, generator)
    x = torch.where(is_copy[:, None], crops, x)
    return x.numpy(), y[rows].numpy(), rows.numpy()


def nearest(x, y, x_test, y_test):
    """Confusion matrix of 1-NN."""
    predicted = KNeighborsClassifier(1).fit(x, y).predict(x_test)
    return metrics.confusion_matrix(y_test, predicted)


# %%
n_pool = min(4000 if full else 2000, len(train) // 2)
pool = splits.random_split(train.labels, 0, n_pool / len(train)).test
pool = train.select(pool)  # a few thousand beats are enough

x, y, beat_of = balanced(pool, seed=0)  # wrong: augment, then split
wrong = splits.random_split(y, seed=0)
leaky = nearest(x[wrong.train], y[wrong.train], x[wrong.test], y[wrong.test])
shared = np.isin(beat_of[wrong.test], beat_of[wrong.train])
rare = y[wrong.test] > 0

apart = splits.random_split(pool.labels, seed=0)  # right: split first
x, y, _ = balanced(pool.select(apart.train), seed=0)
tested = pool.select(apart.test)
honest = nearest(x, y, tested.signals, tested.labels)
x_test, y_test, _ = balanced(tested, seed=1)
fair = nearest(x, y, x_test, y_test)

# %% tags=["hide-input"]
table = {
    "augment, then split": leaky,
    "split, then augment both halves": fair,
    "split, then augment the training half": honest,
}
lines = [
    f"| {name} | {100 * metrics.accuracy(m):.1f} | "
    + " | ".join(f"{100 * se:.1f}" for se in metrics.sensitivity(m))
    + " |"
    for name, m in table.items()
]
display(
    Markdown(
        "| | accuracy % | Se N % | Se S % | Se V % | Se F % |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"In the first row {100 * shared[rare].mean():.1f} % of the S, V "
        "and F draws tested on come from a beat that was trained on. The "
        "same beats, the same classifier, and "
        f"**{100 * leaky[1, 1] / leaky[1].sum():.0f} % of S found instead "
        f"of {100 * honest[1, 1] / honest[1].sum():.0f} %**."
    )
)

# %% [markdown]
# The last row is the one to report. Its accuracy is of beats in their natural
# shares, nine tenths N; that of the other two rows is of four equal classes, and
# the two kinds cannot be compared. (They stand side by side in the literature all
# the same: the 0.940 in the first row of the paper's Table I comes from [Acharya
# et al. 2017](https://doi.org/10.1016/j.compbiomed.2017.08.022), whose abstract
# says that the set was "artificially augmented to even out" the classes.)
#
# The middle row splits first and then augments both halves. Nothing leaks, but it
# tests on beats that nobody's heart has made.
#
# All three are kinder than life for another reason: beats of one patient are on
# both sides, as under the paper's split. Page 13 is about that.
#
# ## The peers
#
# Other ways to make a rare class count, all on the training half. They will be
# compared with each other and with *nothing*, the beats as they come:
#
# - **Class weights.** Copy nothing; weigh each beat's loss by
#   $w_c = n / (4 \, n_c)$.
# - **Oversampling.** Draw rare beats more often, uncropped: `shortest_crop=1`.
#   In the mean over the draws this is the same loss as class weights.
# - **SMOTE** ([Chawla et al. 2002](https://doi.org/10.1613/jair.953)). New beats
#   on the straight line between a beat and one of its nearest neighbours of the
#   same class.
# - **Crops of copies.** The paper's.
# - **Crops of all.** Every draw is cropped, N too: the shortcut is closed.
#
# SMOTE in a few lines:


# %%
def smote(x, y, seed, k=5):
    """Raise every class to the largest by points between neighbours."""
    rng = np.random.default_rng(seed)
    signals, labels, most = [x], [y], np.bincount(y).max()
    for c in np.unique(y):
        own = x[y == c]
        n = most - len(own)
        near = NearestNeighbors(n_neighbors=min(k + 1, len(own))).fit(own)
        near = near.kneighbors(own, return_distance=False)[:, 1:]
        i = rng.integers(len(own), size=n)
        j = near[i, rng.integers(near.shape[1], size=n)]
        share = rng.random((n, 1), dtype=np.float32)
        signals.append(own[i] + share * (own[j] - own[i]))
        labels.append(np.full(n, c, y.dtype))
    return np.concatenate(signals), np.concatenate(labels)


# %% [markdown]
# Cropping all draws needs no new training loop: make it the first layer of the
# network, at work in training only.


# %%
class CropFirst(nn.Module):
    """Crop every beat of a training batch, then hand it to the network."""

    def __init__(self, network, seed, device):
        super().__init__()
        self.network = network
        self.generator = torch.Generator(device).manual_seed(seed)

    def forward(self, beats):
        if self.training:
            beats = augmentation.random_crops(beats, self.generator)
        return self.network(beats)


# %% [markdown]
# The network is a small one of three residual modules (page 08 explains them),
# so that a run takes seconds.
# [`fit`](../book/api_train.md#ecgkit.train.fit.fit) trains it. Class weights get a loop
# of their own, so that all of it can be read; in the library
# `Recipe(balance=0, class_weights=1)` is the same loss.


# %%
def small_resnet(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 180)),  # (b, 1, 180)
        ResidualModule(1, 16, stride=2),  # (b, 16, 90)
        ResidualModule(16, 32, stride=2),  # (b, 32, 45)
        ResidualModule(32, 32, stride=2),  # (b, 32, 23)
        nn.Flatten(),
        nn.Linear(32 * 23, 4),
    )


def fit_weighted(network, x, y, how, seed, device):
    """Train with class weights instead of copies."""
    weight = torch.from_numpy(len(y) / (4 * np.bincount(y))).float()
    x, y = torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))
    x, y, weight = x.to(device), y.to(device), weight.to(device)
    network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters())
    order = torch.Generator().manual_seed(seed)
    steps, step = how.epochs * -(-len(y) // how.batch), 0
    for _ in range(how.epochs):
        for rows in torch.randperm(len(y), generator=order).split(how.batch):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(how, step, steps)
            rows = rows.to(device)
            losses = F.cross_entropy(
                network(x[rows]), y[rows], weight=weight, reduction="none"
            )
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
            step += 1


# %% [markdown]
# Fairness needs care. Every method gets the same training beats, the same first
# weights and, to a rounding, the same number of draws: an epoch without copies is
# shorter, so there are more of them. All are judged on *validation* beats, the
# other half of the training half, in their natural shares. The seed decides
# which beats are trained on, too, so that the spread between runs shows the luck
# of the data as well as that of the weights.

# %%
device = pick_device()
inner = splits.random_split(train.labels, seed=0)
fitted, validation = train.select(inner.train), train.select(inner.test)
if not full:  # a quarter of the validation beats
    rows = splits.random_split(validation.labels, 0, 0.25).test
    validation = validation.select(rows)
share, epochs, seeds = (0.25, 2, 3) if full else (0.0625, 1, 1)
if source.is_synthetic:
    share = 0.5
own_n = validation.signals[validation.labels == 0]
moved = {
    "cropped": augmentation.random_crops(
        torch.from_numpy(own_n), torch.Generator().manual_seed(0)
    ).numpy(),
    "early": own_n[:, np.minimum(np.arange(180) + 5, 179)],  # by 5 samples
}


def recipe(n_epochs, balance, shortest):
    return Recipe(
        epochs=n_epochs,
        batch=64,
        learning_rate=3e-3,
        schedule="one-cycle",
        balance=balance,
        shortest_crop=shortest,
    )


# %%
def run(method, x, y, seed):
    """Train by one of the methods; the network."""
    network = small_resnet(seed)
    longer = round(epochs * 4 * np.bincount(y).max() / len(y))
    if method == "class weights":
        how = recipe(longer, 0.0, 1.0)
        fit_weighted(network, x, y, how, seed, device)
        return network
    how = {
        "nothing": recipe(longer, 0.0, 1.0),
        "oversampling": recipe(epochs, 1.0, 1.0),
        "SMOTE": recipe(epochs, 0.0, 1.0),
        "crops of copies": recipe(epochs, 1.0, 0.75),
        "crops of all": recipe(epochs, 1.0, 1.0),
    }[method]
    if method == "SMOTE":
        x, y = smote(x, y, seed)
    if method == "crops of all":
        network = CropFirst(network, seed, device)
    fit(network, x, y, how, seed=seed, precision="float32")
    return network


METHODS = ["nothing", "class weights", "oversampling", "SMOTE"]
METHODS += ["crops of copies", "crops of all"]
matrices = {method: [] for method in METHODS}
still_n = {(method, how): [] for method in METHODS for how in moved}
for seed in range(seeds):
    rows = splits.random_split(fitted.labels, seed, share).test
    x, y = fitted.signals[rows], fitted.labels[rows]
    for method in METHODS:
        network = run(method, x, y, seed)
        predicted = predict(network, validation.signals)
        predicted = predicted.argmax(axis=1)
        matrix = metrics.confusion_matrix(validation.labels, predicted)
        matrices[method].append(matrix)
        for how, x_moved in moved.items():
            called = predict(network, x_moved).argmax(axis=1)
            still_n[method, how].append((called == 0).mean())
print("trained on ", aami.counts(y))
print("validated on", aami.counts(validation.labels))

# %%
scores = {name: {} for name in ("S", "V", "F", "mean of N S V F")}
for method, found in matrices.items():
    f1 = 100 * np.array([metrics.class_f1(matrix) for matrix in found])
    for c, name in enumerate(metrics.CLASSES[1:], start=1):
        scores[name][method] = f1[:, c]
    scores["mean of N S V F"][method] = f1.mean(axis=1)
runs = f"{seeds} runs each" if seeds > 1 else "a single run each"
plots.show(
    figures.run_points(
        scores,
        "F1 on validation beats (%)",
        f"Six ways to balance, {runs}",
        synthetic=source.is_synthetic,
    )
)

# %% tags=["hide-input"]
lines = []
for method, found in matrices.items():
    se = np.mean([metrics.sensitivity(m) for m in found], axis=0)
    p = 100 * np.mean([metrics.ppv(m).mean() for m in found])
    acc = np.mean([metrics.accuracy(m) for m in found])
    lines.append(
        f"| {method} | {100 * acc:.1f} | "
        + " | ".join(f"{100 * value:.1f}" for value in se)
        + (" | –" if np.isnan(p) else f" | {p:.1f}")  # a class never called
        + f" | {100 * np.mean(still_n[method, 'cropped']):.1f}"
        + f" | {100 * np.mean(still_n[method, 'early']):.1f} |"
    )
mean_f1 = scores["mean of N S V F"]
means = {method: values.mean() for method, values in mean_f1.items()}
order = sorted(means, key=means.get, reverse=True)
first, second = order[:2]
apart = mean_f1[first] - mean_f1[second]
if seeds == 1:
    said = (
        "This is one run of each, with little training: it shows how the "
        "comparison is made, and its order may be luck."
    )
elif (apart > 0).all():
    said = (
        f"In mean F1 *{first}* is ahead of *{second}* with every seed, by "
        f"{apart.mean():.1f} points in the mean."
    )
else:
    said = (
        f"In mean F1 *{first}* ({means[first]:.1f} %) and *{second}* "
        f"({means[second]:.1f} %) lead, and which of them is ahead "
        "depends on the seed: no difference has been shown."
    )
within = max(np.ptp(values) for values in mean_f1.values())
early = {
    method: 100 * np.mean(still_n[method, "early"])
    for method in ("crops of copies", "oversampling", "crops of all")
}
display(
    Markdown(
        "| method | accuracy % | Se N % | Se S % | Se V % | Se F % | "
        "mean P+ % | cropped N: Se % | early N: Se % |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
        + "\n".join(lines)
        + "\n\n"
        + said
        + (
            f" Runs of one method differ by up to {within:.1f} points."
            * (seeds > 1)
        )
        + "\n\n**Of N beats that come five samples early, the network trained "
        f"on crops of copies still calls {early['crops of copies']:.0f} % N, "
        f"the one trained on plain copies {early['oversampling']:.0f} %, the "
        f"one trained on crops of all classes {early['crops of all']:.0f} %.**"
    )
)

# %% [markdown]
# How to read it:
#
# - Whatever makes rare classes count more buys sensitivity and pays with
#   positive predictive value. Beats at the border are called S or F more often,
#   and since N is so common, a small share of its beats is a large share of what
#   is called S.
# - The last two columns are the shortcut, caught in the act: the share of N
#   beats still called N when they are cropped, and when they come five samples
#   early. Compare *crops of copies* with *oversampling*, which differs from it in
#   nothing but the cropping, and with *crops of all*.
# - A few short runs of a small network settle nothing about the paper's, trained
#   on far more draws. Methods that make the task harder, like crops of all, may
#   need longer to pay. Take the way of comparing with you, not the order. Page 12
#   takes balance and crops of the originals out of our whole recipe, one at a
#   time; page 13 tries balances and class weights on new patients.
#
# ## On a GPU: the same ten lines
#
# Look at the code above once more: no loop over beats, no NumPy, and every new
# tensor is made on `beats.device`. So the whole table lives on the GPU and
# nothing is copied there but the random seed. No worker processes, no queue.

# %%
resident = torch.from_numpy(train.signals).to(device)
megabytes = resident.numel() * resident.element_size() / 1e6
on_device = torch.Generator(device).manual_seed(0)
some_rows = torch.randint(len(train), (4096,), device=device)
augmentation.random_crops(resident[some_rows], on_device)  # warm up


def seconds(function):
    """Time until the device has finished."""
    begin = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


together = seconds(
    lambda: augmentation.random_crops(resident[some_rows], on_device)
)
one_by_one = seconds(
    lambda: [
        np.interp(np.linspace(20, 159, 180), np.arange(180), beat)
        for beat in train.signals[some_rows.cpu().numpy()]
    ]
)

# %% tags=["hide-input"]
display(
    Markdown(
        f"The training half takes {megabytes:.0f} MB on the device "
        f"({describe_device(device)}). 4,096 crops took "
        f"{1000 * together:.1f} ms together, and {1000 * one_by_one:.1f} ms "
        "one by one with `numpy.interp`: a factor of "
        f"{one_by_one / together:.1f} in this run."
    )
)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: predict
#
# A training half holds 900 N, 36 S, 100 V and 4 F. How many **copies** of each
# class does an epoch with `balance=0.5` hold? Work it out in your head; give a
# list of four numbers.

# %% tags=["exercise"]
answer = ...
check("06.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# sqrt(900 x 36) = 180, sqrt(900 x 100) = 300, sqrt(900 x 4) = 60 draws,
# of which the originals are no copies.
answer = [0, 180 - 36, 300 - 100, 60 - 4]
check("06.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# Stretch the widths of S again with another `shortest`:
# `stretched(as_cut["S"], shortest)`. What is the **smallest**
# `shortest` with which a QRS complex of exactly 100 ms never becomes longer than
# 120 ms? Give it as a whole number of samples divided by 180.

# %% tags=["exercise"]
answer = ...
check("06.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# 179 / (length - 1) <= 1.2 asks for length >= 150.2: 151 samples.
answer = 151 / 180
for shortest in (0.75, answer):
    widths = stretched(as_cut["S"], shortest)
    wide = 100 * np.mean(widths >= 120)
    print(f"shortest {shortest:.3f}: {wide:.0f} % of S at 120 ms or more")
check("06.2", answer)

# %% [markdown]
# ### Exercise 3: build
#
# Write `resize_one(beat, start, length)` for a single beat, a NumPy array of
# shape (n,), with `numpy.interp`. It has to agree with `crop_and_resize`.


# %% tags=["exercise"]
def resize_one(beat, start, length):
    return ...  # your code here


check("06.3", resize_one)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def resize_one(beat, start, length):
    n = len(beat)
    position = np.linspace(start, start + length - 1, n)
    return np.interp(position, np.arange(n), beat)


check("06.3", resize_one)

# %% [markdown]
# ## Recall
#
# <details><summary>1. An epoch with balance 1 holds as many F as N. Has the
# network seen as many F hearts?</summary>
#
# No. It has seen the same few hundred beats, from a minority of the recordings,
# more than a hundred times each. Balance changes how much a class counts in the
# loss, not how much is known of it.
#
# </details>
# <details><summary>2. Why is the stretch 179/134 and not 180/135?</summary>
#
# Interpolation keeps the first and last sample of the crop at both ends. Between
# 135 samples there are 134 gaps, and they are spread over the 179 gaps of the
# full beat.
#
# </details>
# <details><summary>3. A colleague augments all beats, splits, and reports 98 % of
# F found. What do you ask?</summary>
#
# How many test draws come from a beat that is in training too. Nearly all: with
# a hundred copies of each beat, hardly one has all of them on the same side. The
# figure measures memory.
#
# </details>
# <details><summary>4. Why can the network tell N from the rest in training
# without looking at the heart?</summary>
#
# Because only copies are cropped and N is never copied. What is stretched or off
# centre is not N, in every single draw. In the test nothing is cropped, so the
# rule helps nobody, and what it spared the network from learning is missing.
#
# </details>
# <details><summary>5. Class weights and oversampling have the same expected loss.
# Where do they differ?</summary>
#
# In the steps. With weights a rare beat comes once an epoch, and its batch takes
# a leap; with oversampling it comes a little in many batches. Weights cost no
# extra draws. Neither shows the network anything new; crops and SMOTE try to.
#
# </details>
#
# ## Recap
#
# - Crop-and-resize is linear interpolation of a stretch of 135 to 180 samples to
#   180; the longest stretch of time it makes is a factor of 1.34.
# - Balance 1 makes all classes as frequent as N; on MIT-BIH an F beat is then
#   drawn more than a hundred times an epoch, and it is still the same beat.
# - It keeps shape and changes durations; an S beat may come out as wide as a V.
# - Cropping some classes and not the others puts a mark on them, and a network
#   finds it. Such a network may then stumble over an R peak that is a few samples
#   off.
# - Split first, augment the training half alone, report on beats as they are.
#
# **Further reading.** [Iwana and Uchida
# 2021](https://doi.org/10.1371/journal.pone.0254841) compare twelve ways to
# augment time series on 128 data sets; [Geirhos et al.
# 2020](https://doi.org/10.1038/s42256-020-00257-z) collect shortcuts of all
# kinds; [Vandewiele et al. 2021](https://doi.org/10.1016/j.artmed.2020.101987)
# repeat published studies that oversampled before splitting.

# %% tags=["hide-input"]
page.stamp(
    f"Cropped, {100 - answers['paper'][1]:.0f} % of N beats are no longer N "
    f"to the published model of the paper's recipe, "
    f"{100 - answers['ours'][1]:.0f} % to that of ours"
)
