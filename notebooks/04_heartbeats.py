# %% [markdown]
# # Heartbeats, classes and splits
#
# > **You will be able to** cut a recording into heartbeats, sort them into the
# > AAMI classes, work out the accuracy of a classifier that always answers N,
# > split beats at random and between patients, and find leaks between training
# > and test data.
# >
# > **Time:** 40 minutes to read and try (30 more for exercise 4); computes 15 s in
# > the quick profile and 49 s in full, on one CPU core.
# >
# > **You need:** pages 01 and 02.

# %%
import numpy as np
import wfdb
from ecgbook import figures
from ecgbook.page import Page, check, profile
from ecgkit import load_beats, plots
from ecgkit.data import aami, splits
from ecgkit.data.cutting import cut_beats
from ecgkit.data.denoising import denoise
from ecgkit.data.sources import find_source
from ecgkit.data.wfdb_io import read_annotations
from ecgkit.evaluate import metrics
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

page = Page("04_heartbeats")
source = find_source()
page.uses(source)

# %% [markdown]
# ## One heartbeat
#
# A normal heartbeat starts in the [sinus node](../book/glossary.md#term-sinus-node),
# a group of cells in the right atrium. The activation spreads over both atria and
# writes the [P wave](../book/glossary.md#term-P-wave). The AV node is the only
# electrical connection to the ventricles, and it delays the activation by about
# 0.1 s: the trace is flat. The bundle branches then carry the activation to both
# ventricles within a tenth of a second. This writes the tall
# [QRS complex](../book/glossary.md#term-QRS-complex). The
# [T wave](../book/glossary.md#term-T-wave) follows when the ventricles recover.

# %%
record = source.read(source.records[0 if source.is_synthetic else 2])
signal = denoise(record.lead("MLII"))
around = np.arange(-116, 173)  # samples from the R peak
plots.show(
    figures.conduction(
        around / 360,
        signal[record.r_peaks[20] + around],
        "A heartbeat and where it comes from",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# *Figure 4.1. Left: the conduction system, schematic. Right: one beat. Blue: the
# atria are activated. Grey: the AV node delays. Orange: the ventricles are
# activated. Green: they recover.*
#
# Where a beat starts decides its shape and its class. A beat that starts in a
# ventricle does not use the bundle branches. It spreads slowly from muscle cell to
# muscle cell, and its QRS complex is wide. A beat that starts early in the
# atria does use them: its QRS complex usually looks normal, and its timing and
# P wave give it away.
#
# ## From a recording to rows
#
# A classifier of heartbeats reads rows of a table. In the paper, and here, row $i$
# holds the 180 samples around the R peak $r_i$ of the denoised lead $x$, half a
# second at 360 Hz:
#
# $$ \mathrm{signals}_{ij} = x[r_i - 90 + j], \qquad j = 0, \dots, 179 $$
#
# For $r_i = 1000$ the row holds samples 910 to 1089. The R peak is in column 90.


# %%
def cut(signal, r_peaks):
    return np.stack([signal[r - 90 : r + 90] for r in r_peaks])


r_peaks = record.r_peaks
inside = (r_peaks >= 100) & (r_peaks + 150 <= len(signal))
by_hand = cut(signal, r_peaks[inside]).astype("float32")
np.testing.assert_array_equal(by_hand, cut_beats(signal, r_peaks[inside]))
print(f"record {record.name}: {len(r_peaks)} beats, {len(by_hand)} rows")

# %% [markdown]
# **Predict:** we denoised the whole record and then cut. What would go wrong in
# the other order?
#
# <details><summary>Answer</summary>
#
# The baseline wander that page 02 removes has waves longer than two seconds. A beat
# of half a second does not contain one. The wavelet transform would also have to
# invent values beyond both ends of every beat.
#
# </details>
#
# [`load_beats`](../book/api_data.md#ecgkit.data.beats.load_beats) does the same for
# all records and stacks the rows. Each beat also keeps its symbol, its record, its
# place, and the intervals to the beats before and after it.

# %%
everything = load_beats(source)
mine = everything.records == record.name
np.testing.assert_array_equal(everything.signals[mine], by_hand)
for name in ("signals", "labels", "symbols", "records", "samples"):
    print(f"{name:12}{getattr(everything, name).shape}")
print("rr_before_s ", everything.rr_before_s[:4])

# %% [markdown]
# The first beat of a record has no beat before it, so its interval is `nan`. Here it is
# missing: it lies too close to the start to be cut, as the next section explains.
#
# ## Which beats are kept?
#
# A beat near an end of its record has no complete window. The code above keeps a
# beat if there are 100 samples before its R peak and 150 from it on. Why these two? The
# paper gives its counts: 89,841 N, 3,026 S, 7,008 V, 802 F, 15 Q. A bare rule of 90
# and 90 would give 89,857 N.
#
# **Predict:** try every margin from 0 to 300 samples before and from 0 to 400 after.
# How many of the 120,701 pairs give exactly the paper's five counts: none, one, or
# many?

# %%
paper = np.array([89_841, 3026, 7008, 802, 15])
before, after = np.arange(301), np.arange(401)
kept = np.zeros((301, 401, 5), int)  # (before, after, class)
for name in source.records:
    r_peaks, symbols = read_annotations(source.directory / name)
    end = wfdb.rdheader(str(source.directory / name)).sig_len
    labels = aami.encode(symbols)
    for c in range(5):
        r = r_peaks[labels == c]
        early = np.searchsorted(r, before)  # peaks closer to the start
        late = len(r) - np.searchsorted(r, end - after, side="right")
        kept[:, :, c] += len(r) - early[:, None] - late
same = (kept == paper).all(axis=2)
symmetric = [int(m) for m in before if same[m, m]]
print(f"{same.sum()} of {same.size} pairs; symmetric: {symmetric}")
print("100 and 150:", kept[100, 150], " 90 and 90:", kept[90, 90])

# %% [markdown]
# <details><summary>Answer</summary>
#
# Many: 810 pairs. Three of them are symmetric: 136, 137 or 138 samples on both sides.
#
# </details>
#
# So the counts rule out the bare window, but do not tell which of the 810 rules the paper used.
# This book uses 100 and 150.
#
# ## Five classes
#
# The annotators gave each beat a symbol. The
# [AAMI](../book/glossary.md#term-AAMI) standard groups them by where the beat starts:
#
# | class | symbols | what happened |
# | --- | --- | --- |
# | N | `N` `L` `R` `B` | in none of the other classes: mostly started in the sinus node, but also the beats of atrial fibrillation; with `L`, `R` or `B` a bundle branch is blocked |
# | S | `A` `S` `J` `a` `e` `j` `n` | started above the ventricles, but not in the sinus node |
# | V | `V` `E` `r` | started in a ventricle |
# | F | `F` | fusion: a normal and a ventricular activation met |
# | Q | `/` `f` `Q` `?` | paced, or could not be classified |

# %%
groups = {"N": "NLRB", "S": "ASJaejn", "V": "VEr", "F": "F", "Q": "/fQ?"}
class_of = {s: name for name, group in groups.items() for s in group}
assert class_of == aami.mapping("ec57")

labels = np.array(["NSVFQ".index(class_of[s]) for s in everything.symbols])
np.testing.assert_array_equal(labels, everything.labels)
beats = everything.without_q()  # as the paper: Q has too few beats
counts = aami.counts(beats.labels)
print(counts)
print("e, j as N:", aami.counts(beats.relabel("literature").labels))

# %% [markdown]
# Many papers count the escape beats `e` and `j` as N. This moves 245 beats and
# leaves 2,781 in S. State the mapping: scores of S cannot be compared without it.

# %% tags=["hide-input"]
figure, ((axes,),) = plots.panel_grid(2.7)
percent = {c: 100 * counts[c] / len(beats) for c in "NSVF"}
colors = [aami.COLORS[c] for c in percent]
bars = axes.barh(list(percent), list(percent.values()), color=colors)
texts = [f"{counts[c]:,} ({share:.1f} %)" for c, share in percent.items()]
axes.bar_label(bars, texts, padding=4, size=11)
axes.set(xlabel="percentage of the beats", xlim=(0, 130), xticks=[0, 50, 100])
axes.spines[["top", "right"]].set_visible(False)
axes.invert_yaxis()
seen = ", ".join(map(" ".join, zip(percent, texts, strict=True)))
marked = {"synthetic": source.is_synthetic}
plots.show(plots.finish(figure, "Beats of each class", seen, **marked))

# %% [markdown]
# *Figure 4.2. Beats of each class as a share of all, on a linear axis.*
#
# For each F beat there are 112 N beats. How do the classes look?

# %% tags=["hide-input"]
figure, panels = plots.panel_grid(5.2, 2, 2, sharex=True, sharey=True)
rng = np.random.default_rng(0)
time_s = np.arange(-90, 90) / 360
for c, axes in enumerate(panels.flat):
    of_class = beats.signals[beats.labels == c]
    some = rng.choice(of_class, min(40, len(of_class)), replace=False)
    plots.ecg_paper(axes, label_every=(0.2, 1))
    axes.plot(time_s, some.T, color="0.45", linewidth=0.5, alpha=0.6)
    color = aami.COLORS["NSVF"[c]]
    axes.plot(time_s, np.median(of_class, axis=0), color=color, linewidth=2.5)
    axes.set_title("NSVF"[c], loc="left", weight="bold")
figure.supxlabel("time from the R peak (s)", size=12)
figure.supylabel("mV", size=12)
plots.show(
    plots.finish(
        figure,
        "The median beat of each class over 40 of its beats",
        "Four panels on ECG paper. The thin lines of N and V vary most.",
        source.is_synthetic,
    )
)

# %% [markdown]
# *Figure 4.3. Thick: the median of all beats of a class, sample by sample. Thin: 40
# beats drawn at random.*
#
# The median of V is smooth, but most V beats do not look like it: some are upright, some
# point down. The QRS complex of S is usually as narrow as that of N, because an S beat
# uses the same bundle branches. F comes from few people: records 208 and 213 hold 734 of the 802.
#
# ## What half a second does not show

# %% tags=["hide-input"]
wanted = {  # symbol, RR intervals before and after in s
    "at rest": ("N", 0.85, 0.85),
    "fast heart": ("N", 0.52, 0.52),
    "early beat": ("A", 0.45, 0.90),
}
places = {}
for what, (symbol, before_s, after_s) in wanted.items():
    off = abs(beats.rr_before_s - before_s) + abs(beats.rr_after_s - after_s)
    row = np.nanargmin(np.where(beats.symbols == symbol, off, np.inf))
    chosen = source.read(beats.records[row])
    places[f"{what}: {symbol} of record {chosen.name}"] = figures.BeatInRecord(
        denoise(chosen.lead("MLII")), chosen.r_peaks, beats.samples[row]
    )
title = "What the window holds"
plots.show(
    figures.beats_in_context(places, title, synthetic=source.is_synthetic)
)

# %% [markdown]
# *Figure 4.4. Three beats among their neighbours. The classifier sees the shaded
# half second only. Triangles mark R peaks.*
#
# The window cuts off the T wave unless the heart is fast. It excludes the
# neighbouring beats, and so the rhythm. Yet most S beats differ from N mainly in their
# timing. Call a beat
# *early* if its [RR interval](../book/glossary.md#term-RR-interval) is less than
# 85 % of the usual one in its record: the median of its N beats, which only the
# annotations tell, or that of all its beats:


# %%
def early_share(counted):
    usual = np.ones(len(beats))
    for name in np.unique(beats.records):
        of_record = beats.records == name
        intervals = beats.rr_before_s[of_record & counted]
        usual[of_record] = np.nanmedian(intervals)
    early = beats.rr_before_s < 0.85 * usual
    return [100 * early[beats.labels == c].mean() for c in range(4)]


share, blind = early_share(beats.labels == 0), early_share(True)
for usual, found in {"N beats": share, "all beats": blind}.items():
    print(f"early N, S, V, F in %, by {usual}:", np.round(found).astype(int))

# %% tags=["hide-input"]
page.states("810 pairs", same.sum(), within=0)
page.states("89,857 N", kept[90, 90, 0], within=0)
page.states("88 % of S and 7 % of N", share[1::-1], within=0.5)
of_232 = 100 * np.mean(beats.records[beats.labels == 1] == "232")
page.states("42 % of S are early, and 46 %", (blind[1], of_232), within=0.5)
two = np.isin(beats.records, ["208", "213"]) & (beats.labels == 3)
page.states("734 of the 802", two.sum(), within=0)
page.states("245 beats", np.isin(beats.symbols, ["e", "j"]).sum(), within=0)

# %% [markdown]
# By the N beats, 88 % of S and 7 % of N are early. So the rhythm, which the window leaves
# out, separates most S from most N, *if the N beats are known*. By all beats only
# 42 % of S are early, and 46 % of all S are in record 232, where S is the usual beat.
# And N is thirty times as frequent, so there are more than twice as many early N as early
# S. The paper's network does not receive the intervals; page 13 adds them.
#
# ### Exercise 1: a longer window
#
# Suppose the window were one second, `x[r - 180 : r + 180]`. How many of `beats`
# would have *another* beat's R peak in their window? The columns `rr_before_s` and
# `rr_after_s` are all you need.

# %% tags=["exercise"]
answer = ...
check("04.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# 180 samples are 0.5 s. A slice holds its first sample and not its last.
near = (beats.rr_before_s <= 0.5) | (beats.rr_after_s < 0.5)
answer = near.sum()
check("04.1", answer)

# %% [markdown]
# ## Nine beats in ten are N
#
# A classifier should at least beat one that always answers N. With $n$ beats, of
# which $n_N$ are N, that one has the [accuracy](../book/glossary.md#term-accuracy)
# $n_N / n = 89{,}841 / 100{,}677 = 0.892$. The
# [F1](../book/glossary.md#term-F1) of a class is $2\,TP / (2\,TP + FN + FP)$. For N,
# $TP = n_N$, $FN = 0$ and $FP = n - n_N$, so
# $F_{1,N} = 2 n_N / (n_N + n) = 0.943$. The other three classes have $TP = 0$ and
# $F_1 = 0$. The mean of the four is 0.236.

# %%
matrix = metrics.confusion_matrix(beats.labels, np.zeros(len(beats), int))
accuracy = metrics.accuracy(matrix)
mean_f1 = metrics.class_f1(matrix).mean()
print(f"always N: accuracy {accuracy:.3f}, mean F1 {mean_f1:.3f}")
page.states("0.892", accuracy, within=0.0005)
page.states("0.236", mean_f1, within=0.0005)

# %% [markdown]
# In the mean F1 each class counts the same, however few beats it has. This book
# reports both.
#
# ### Exercise 2: a classifier that misses F
#
# A half of all beats has 44,920 N, 1,513 S, 3,504 V and 401 F. A classifier gets
# every N, S and V right and calls every F beat N. What are its accuracy and the
# mean of the four F1? Give shares between 0 and 1.

# %% tags=["exercise"]
answer = ...  # (accuracy, mean F1)
check("04.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# The 401 F beats are false positives of N: F1 of N is below 1, F1 of F is 0.
total = 44_920 + 1513 + 3504 + 401
f1_of_n = 2 * 44_920 / (2 * 44_920 + 401)
answer = (1 - 401 / total, (f1_of_n + 1 + 1 + 0) / 4)
check("04.2", answer)

# %% [markdown]
# ## Two ways to split
#
# A classifier learns from a training half and is tested on the other half. The
# paper splits *beats*: "randomly separated by 50% into training and test sets". A
# [stratified split](../book/glossary.md#term-stratified-split) shuffles each class
# separately, so that both halves get the same share of it:

# %%
rng = np.random.default_rng(0)
halves = [[], []]
for c in range(4):
    rows = rng.permutation(np.flatnonzero(beats.labels == c))
    halves[0].append(rows[: len(rows) // 2])
    halves[1].append(rows[len(rows) // 2 :])
train, test = (np.sort(np.concatenate(half)) for half in halves)
print("train", np.bincount(beats.labels[train]))
print("test ", np.bincount(beats.labels[test]))

# %% [markdown]
# Scikit-learn does the same with its own shuffle, and the library's
# [`random_split`](../book/api_data.md#ecgkit.data.splits.random_split) calls it:

# %%
train, test = train_test_split(
    np.arange(len(beats)),
    test_size=0.5,
    random_state=0,
    stratify=beats.labels,
)
random = splits.random_split(beats.labels, seed=0)
np.testing.assert_array_equal(np.sort(train), random.train)
np.testing.assert_array_equal(np.sort(test), random.test)

# %% [markdown]
# The other way splits *patients*. De Chazal et al.
# ([2004](https://doi.org/10.1109/TBME.2004.827359)) divided the 44 records into
# [DS1 and DS2](../book/glossary.md#term-DS1-DS2), 22 records each. The shares of N, V and F
# are similar; that of S is twice as large in DS2. Most authors who test on new patients use this division.

# %%
ds1 = [101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122]
ds1 += [124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230]
if source.is_synthetic:
    ds1 = source.records[::2]
in_ds1 = np.isin(beats.records, np.array(ds1, str))
patients = splits.patient_split(beats.records)
np.testing.assert_array_equal(np.flatnonzero(in_ds1), patients.train)
np.testing.assert_array_equal(np.flatnonzero(~in_ds1), patients.test)
print("DS1", np.bincount(beats.labels[in_ds1]))
print("DS2", np.bincount(beats.labels[~in_ds1]))

# %% [markdown]
# **Predict:** under the random split, how many of the 44 records have beats in both
# halves?

# %%
plots.show(
    figures.splits_by_record(
        beats.records,
        {"random split": random, "DS1 and DS2": patients},
        "Which record is in which half",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# *Figure 4.5. The share of each record in the training half (dark) and the test half
# (hatched).*
#
# <details><summary>Answer</summary>
#
# All 44. No beat is in both halves, but every test beat comes from a person whose
# other beats are in the training half. A device meets people it has never seen.
# Page 05 measures how much this matters.
#
# </details>
#
# Even DS1 and DS2 share one person, who is record 201 (DS1) and 202 (DS2). `patient_split(records, strict=True)` leaves 202 out, and
# `splits.check_patients` raises an error if a split shares a person.
#
# ### Exercise 3: split by person
#
# Write `split_by_person(records, labels)`. It returns a `splits.Split` in which
#
# - every beat is in one half, and neither half has less than a quarter of them;
# - no *person* is in both (201 and 202 are one);
# - every class is in both.
#
# If a class has beats of one person only, raise a `ValueError`. Scikit-learn's
# `StratifiedGroupKFold` helps. If a class is missing in one half, try another seed, up to
# a hundred.


# %% tags=["exercise"]
def split_by_person(records, labels):
    return ...  # your code here


check("04.3", split_by_person)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
from sklearn.model_selection import StratifiedGroupKFold


def split_by_person(records, labels):
    people = splits.person_of(records)
    for seed in range(100):
        folds = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
        train, test = next(folds.split(labels, labels, people))
        if set(labels[train]) == set(labels[test]):
            split = splits.Split(train, test)
            splits.check_patients(split, records)  # raises if one is shared
            return split
    raise ValueError("No split with every class in both halves was found.")


check("04.3", split_by_person)

# %% [markdown]
# ## Leaks
#
# [Data leakage](../book/glossary.md#term-data-leakage) is any way in which
# information about the test beats reaches the training. It makes scores look
# better than they will be in use. A common leak is a choice: if you train 20
# networks and report the one that is best on the test half, you report luck as
# well. Make choices on a
# [validation set](../book/glossary.md#term-validation-set), a part of the training
# half, and use the test half once.
#
# Here is a small study. It classifies every eighth beat by its $k$ nearest
# neighbours: the $k$ training beats with the smallest squared difference vote.


# %%
def study(beats):
    labels, signals = beats.labels, beats.signals[:, 2::4]
    rare = np.flatnonzero(labels > 0)
    rows = np.r_[np.arange(len(labels)), rare, rare]  # rare classes x 3
    labels, signals = labels[rows], signals[rows]
    signals = (signals - signals.mean(axis=0)) / signals.std(axis=0)
    split = splits.random_split(labels, seed=0)
    scores = []
    for k in (1, 3, 5, 7):
        model = KNeighborsClassifier(k)
        model.fit(signals[split.train], labels[split.train])
        answers = model.predict(signals[split.test])
        matrix = metrics.confusion_matrix(labels[split.test], answers)
        mean_f1 = metrics.class_f1(matrix).mean()
        scores.append((mean_f1, metrics.accuracy(matrix)))
    return max(scores)


every_eighth = beats.select(np.arange(len(beats)) % 8 == 0)
f1, accuracy = study(every_eighth)
print(f"mean F1 {100 * f1:.1f} %, accuracy {100 * accuracy:.1f} %")
page.states("95.0 %", 100 * f1, within=0.3)
page.states("98.2 %", 100 * accuracy, within=0.3)

# %% [markdown]
# The study reports a mean F1 of 95.0 % and an accuracy of 98.2 %.
#
# ### Exercise 4: find the leak
#
# This exercise is larger: allow 30 minutes. The study has four leaks.
#
# 1. Find all four and say how each carries information from test to training.
# 2. Predict which one changes the mean F1 most. Then repair each alone and measure.
# 3. Write `halves(records, labels)`, which repairs the leaks of copying and of the split:
#    it returns the rows of the training part (rare classes, labels above 0, three times) and of the test
#    part. Use the solution of exercise 3, or `splits.patient_split(records,
#    strict=True)` if every record is in DS1 or DS2.
# 4. Write the sentence with which the study should report its result.
#
# | points | for |
# | --- | --- |
# | 4 | one per leak, with the line of code |
# | 2 | the mechanism of each in a sentence |
# | 2 | effects measured one at a time, in order of size, including one that changes nothing |
# | 2 | a report that names the split, both scores, and where $k$ was chosen |


# %% tags=["exercise"]
def halves(records, labels):
    return ...  # rows of the training part, rows of the test part


check("04.4", halves)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 4


def halves(records, labels):
    split = split_by_person(records, labels)
    rare = split.train[labels[split.train] > 0]
    return np.r_[split.train, rare, rare], split.test


def repaired(beats, after=False, scale=False, people=False, ks=(1, 3, 5, 7)):
    labels, signals = beats.labels, beats.signals[:, 2::4]
    rare, rows = np.flatnonzero(labels > 0), np.arange(len(labels))
    rows = rows if after else np.r_[rows, rare, rare]
    split = splits.random_split(labels[rows], seed=0)
    if people:
        split = splits.patient_split(beats.records[rows], strict=True)
    train, test = rows[split.train], rows[split.test]
    if after:
        rare = train[labels[train] > 0]
        train = np.r_[train, rare, rare]
    known = train if scale else np.r_[train, test]
    signals = signals - signals[known].mean(axis=0)
    signals = signals / signals[known].std(axis=0)
    scores = []
    for k in ks:
        model = KNeighborsClassifier(k).fit(signals[train], labels[train])
        answers = model.predict(signals[test])
        matrix = metrics.confusion_matrix(labels[test], answers)
        scores.append(100 * metrics.class_f1(matrix).mean())
    return max(scores)


repairs = (
    ("85.9 %", {"after": True}),
    ("95.0 %", {"scale": True}),
    ("45.8 %", {"people": True}),
    ("95.0 %", {"ks": (1,)}),
    ("44.8 %", {"after": True, "scale": True, "people": True}),
)
for text, how in repairs if profile() == "full" else ():
    mean_f1 = repaired(every_eighth, **how)
    print(how, f"{mean_f1:.1f} %")
    page.states(text, mean_f1, within=1)
check("04.4", halves)

# %% [markdown]
# <details><summary>The four leaks, and what each is worth</summary>
#
# Mean F1 on every eighth beat, with one repair at a time and the best $k$:
#
# | repair | mean F1 | how it leaked |
# | --- | --- | --- |
# | none | 95.0 % | |
# | copy after the split, training beats only | 85.9 % | a copy of a test beat was in the training half |
# | mean and standard deviation of training beats only | 95.0 % | test beats shifted the scale, by next to nothing |
# | split DS1 and DS2 | 45.8 % | the training half held other beats of the same person |
# | report $k = 1$ instead of the best | 95.0 % | the test half chose $k$; here it would have chosen 1 anyway |
# | the first three | 44.8 % | $k$ is still the best on the test half |
#
# The differences cannot be added. Copying after the split also takes the copies out of
# the test half, where they made rare classes three times as frequent and their F1
# higher. The split by person also undoes the first leak: all copies of a beat stay with
# their person. And a leak need not change the score to be a leak: with another data set
# the second or the fourth would. A fair report: "With $k$ nearest neighbours, $k$ chosen on
# validation patients of DS1, the mean F1 on the patients of DS2 is ..."
#
# </details>
#
# ## Recap
#
# - A beat is a row of 180 samples around the R peak, cut from a denoised record.
# - 810 pairs of margins give the paper's counts; this book keeps beats with 100
#   samples before and 150 from the R peak on.
# - The AAMI classes say roughly where a beat started. Nine beats in ten are N: always
#   answering N has an accuracy of 0.892 and a mean F1 of 0.236.
# - Half a second hides the rhythm, and most S beats differ from N mainly in their timing.
# - The random split puts every person into both halves. DS1 and DS2 separate
#   all but one.
# - Choices are made on a part of the training half.
#
# ## What next
#
# [Page 05](05_first_network.ipynb) trains the first networks on these rows, under
# both splits.
#
# **Further reading.** [Kapoor and Narayanan
# 2023](https://doi.org/10.1016/j.patter.2023.100804) sort the kinds of leakage and
# find them in 17 fields of science; [Saeb et al.
# 2017](https://doi.org/10.1093/gigascience/gix019) measure the effect of splitting
# recordings instead of people.

# %% tags=["hide-input"]
known = 100 * counts["N"] / len(beats)
page.stamp(f"{len(beats):,} beats; always N: accuracy {known:.1f} %")
