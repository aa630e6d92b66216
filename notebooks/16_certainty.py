# %% [markdown]
# # How sure is it?
#
# > **You will be able to** test whether a network's probabilities mean what they
# > say, correct them with a temperature, choose the beats that the temperature is
# > fitted on, and let a classifier decline the beats that it is unsure of.
# >
# > **Time:** 40 minutes to read and try; computes 17 s in the quick profile and about 35 s in full
# > on two CPU cores.
# >
# > **You need:** the training loop of [page 05](05_first_network.ipynb), scores from
# > [page 11](11_evaluation.ipynb) and the split by patients from
# > [page 13](13_new_patients.ipynb).

# %%
import numpy as np
import torch
from ecgbook import figures
from ecgbook.loop import train
from ecgbook.page import Page, check, profile
from ecgkit import load_beats, load_model, plots, predict
from ecgkit.data import splits
from ecgkit.data.denoising import denoise
from ecgkit.data.sources import find_source
from ecgkit.evaluate import statistics
from ecgkit.evaluate.runs import split_beats
from sklearn.calibration import calibration_curve
from torch import nn

page = Page("16_certainty")
full = profile() == "full"

# %% [markdown]
# ## Does 0.9 mean nine in ten?
#
# The softmax gives four numbers between 0 and 1 that add up to 1. That alone does not
# make them probabilities. Call the largest of them the
# [confidence](../book/glossary.md#term-confidence) of the answer. A network is
# [calibrated](../book/glossary.md#term-calibration) if, among the beats with
# confidence 0.9, nine in ten answers are correct.
#
# We ask the published network of our recipe about the test half, every fourth beat
# (every 32nd in the quick profile). Its beats are new to the network, its patients are
# not.

# %%
source = find_source()
page.uses(source)
classifier = load_model("ours")
table = load_beats(source, classifier.preparation).without_q()
halves = split_beats(table, "random", classifier.provenance.seed)
step = 1 if source.is_synthetic else 4 if full else 32
known = table.select(halves.test[::step])
p = predict(classifier.network, known.signals)  # (n, 4)
right = p.argmax(axis=1) == known.labels
print(f"{len(p):,} beats: accuracy {100 * right.mean():.2f} %, ", end="")
print(f"mean confidence {100 * p.max(axis=1).mean():.2f} %")

# %% [markdown]
# **Predict:** the accuracy and the mean confidence stand above. Is this network too
# sure of itself, or not sure enough?
#
# <details><summary>Answer</summary>
#
# Not sure enough. It is right in 99.1 % of the cases and claims
# 97.0 %. Its recipe trains with label smoothing, which asks for a
# probability of 0.9625 for the correct class and never for 1.
#
# </details>
#
# A mean can hide errors that cancel. So sort the beats into 15 bins by confidence, and
# compare the accuracy with the mean confidence bin by bin. The mean gap, weighted by
# the number of beats, is the
# [expected calibration error](../book/glossary.md#term-expected-calibration-error)
# (ECE, [Guo et al. 2017](https://arxiv.org/abs/1706.04599)):
#
# $$ ECE = \sum_B \frac{n_B}{n} \, | acc_B - conf_B | $$
#
# Ten beats with confidence 0.9, of which 8 are right, and ten with 0.6, of which 6
# are right: $ECE = 0.5 \cdot 0.1 + 0.5 \cdot 0 = 0.05$.


# %%
def reliability(p, labels, bins=15):
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], confidence)
    n = np.bincount(bin_of, minlength=bins)
    some = np.where(n > 0, n, np.nan)  # an empty bin has no mean
    accuracy = np.bincount(bin_of, right, bins) / some
    mean_confidence = np.bincount(bin_of, confidence, bins) / some
    gaps = np.nan_to_num(np.abs(accuracy - mean_confidence))
    return n, accuracy, mean_confidence, (gaps * n).sum() / n.sum()


n, accuracy, confidence, ece = reliability(p, known.labels)
theirs = calibration_curve(right, p.max(axis=1), n_bins=15)
np.testing.assert_allclose(accuracy[n > 0], theirs[0])
np.testing.assert_allclose(confidence[n > 0], theirs[1], rtol=1e-5)
print(f"ECE {100 * ece:.2f} %")

# %% [markdown]
# ### Exercise 1: an ECE by hand
#
# Of 100 beats, 80 have a confidence of 0.95, and 70 of them are right. The other 20
# have a confidence of 0.6, and 15 of them are right. What is the ECE, as a share?

# %% tags=["exercise"]
answer = ...
check("16.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
answer = 0.8 * abs(70 / 80 - 0.95) + 0.2 * abs(15 / 20 - 0.6)
check("16.1", answer)

# %% [markdown]
# ## One number that corrects: the temperature
#
# Divide all logits by a number $T$, the
# [temperature](../book/glossary.md#term-temperature), before the softmax:
#
# $$ p = \text{softmax}(z / T) $$
#
# With $T > 1$ the probabilities move towards each other, and with $T < 1$ apart. The
# largest stays the largest, so no answer changes. Two logits 2 and 0 give 0.88; with
# $T = 2$ they are 1 and 0, and give 0.73.
#
# $T$ is fitted: we take the value under which the correct labels are most likely, that
# is, with the smallest mean of $-\log p$ of the correct class (the negative
# log-likelihood, NLL). The logarithm of a softmax is the logits less a number, and
# that number changes nothing, so we can start from the probabilities.


# %%
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def nll(z, labels, temperature=1):
    p = softmax(z / temperature)
    return -np.log(p[np.arange(len(labels)), labels].clip(1e-30)).mean()


def fit_temperature(z, labels):
    candidates = np.geomspace(0.1, 10, 600)
    losses = [nll(z, labels, temperature) for temperature in candidates]
    return candidates[np.argmin(losses)]


# %% [markdown]
# Which beats should $T$ be fitted on? Not on those that it is tested on. We fit it on
# the test beats of DS1's patients and test it on those of DS2's.

# %%
people = splits.patient_split(known.records, strict=True)
z = np.log(p.astype(float).clip(1e-12))
fit_on, test_on = people.train, people.test
T_known = fit_temperature(z[fit_on], known.labels[fit_on])
theirs = statistics.fit_temperature(z[fit_on], known.labels[fit_on])
np.testing.assert_allclose(T_known, theirs, rtol=0.01)
known_ece = {}
for temperature in (1, T_known):
    q = softmax(z[test_on] / temperature)
    *_, known_ece[temperature] = reliability(q, known.labels[test_on])
    loss = nll(z[test_on], known.labels[test_on], temperature)
    print(f"T = {temperature:.3f}: ECE {100 * known_ece[temperature]:.2f} %, ")
    print(
        f"    NLL {loss:.4f}, mean confidence {100 * q.max(axis=1).mean():.2f}"
    )

# %% tags=["hide-input"]
found = {
    f"T = {temperature:.2f}": reliability(
        softmax(z[test_on] / temperature), known.labels[test_on]
    )
    for temperature in (1, T_known)
}
figure = figures.reliability_diagram(
    found, "Patients the network knows", synthetic=source.is_synthetic
)
plots.show(figure)

# %% [markdown]
# *Figure 16.1. Accuracy over confidence for test beats of DS2's patients, before and
# after the temperature, and the number of beats per bin. Below the diagonal the network
# is too sure.*
#
# On patients that it was not fitted on, the temperature 0.66 lowers the ECE from 2.3 % to
# 0.3 %. It is below 1 because the network was too modest. A point over a short bar
# rests on few beats.
#
# ## The surest mistakes
#
# A high confidence is no guarantee. These are the errors with the highest confidence,
# one per record. The letters are the annotators' symbols. What would you have said?

# %% tags=["hide-input"]
wrong = np.flatnonzero(~right)
wrong = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")]
_, first = np.unique(known.records[wrong], return_index=True)
gallery = {}
for row in wrong[np.sort(first)][:3]:
    name, answer = known.records[row], "NSVF"[p[row].argmax()]
    record = source.read(name, "MLII")
    signal, middle = denoise(record.lead("MLII")), int(known.samples[row])
    title = f"record {name}: {answer} with {p[row].max():.2f}"
    gallery[title] = figures.BeatInRecord(
        signal, record.r_peaks, middle, {"annotators": record.symbols}
    )
figure = figures.beats_in_context(
    gallery, "The surest mistakes", synthetic=source.is_synthetic
)
plots.show(figure)

# %% [markdown]
# *Figure 16.2. Three errors among their neighbours on ECG paper, with the network's
# answer in the title. The network sees only the shaded half second.*
#
# The first beat is F, by definition a mixture of N and V, and the annotators had to draw
# the line. The second has the shape of its normal neighbour: a plain mistake. The third
# looks like the N beat after it (`R`). It comes 1.26 s after the beat before it, while the
# three intervals before were 1.6 to 1.7 s: half a second does not show that it is early.
#
# ## New patients
#
# So far every patient had beats in the training half. For a new patient, the network
# may be wrong in another way. To measure it we need a network that does not know the
# patients of DS2, so we train one here: two hidden layers on the features of the model
# `strangers` (rhythm and shape of a beat relative to its patient's,
# [page 13](13_new_patients.ipynb)), with every third beat.


# %%
stranger = load_model("strangers")
beats = load_beats(source, stranger.preparation).without_q()
x = torch.from_numpy(beats.features)  # (n, k)
y = torch.from_numpy(beats.labels.astype(np.int64))
person = splits.person_of(beats.records)
parts = splits.patient_split(beats.records, strict=True)
step = 1 if source.is_synthetic else 3 if full else 12
ds1, ds2 = parts.train[::step], parts.test[::step]


def train_on(rows, epochs=4):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.BatchNorm1d(x.shape[1]),
        *(nn.Linear(x.shape[1], 64), nn.ReLU()),
        *(nn.Linear(64, 64), nn.ReLU()),
        nn.Linear(64, 4),
    )
    train(network, x[rows], y[rows], epochs, rate=2e-3)
    return network


@torch.inference_mode()
def logits(network, rows):
    return network(x[rows]).numpy().astype(float)


# %% [markdown]
# The temperature needs beats that were not trained on. There are two ways to hold some
# back, and each beat is held back once:
#
# - **by beat**: divide DS1's beats into four random parts; train on three, answer the
#   fourth;
# - **by person**: divide DS1's *people* into four groups; train on three, answer the
#   fourth.


# %%
def held_back_logits(rows, fold, epochs=4):
    z = np.zeros((len(rows), 4))
    for k in range(fold.max() + 1):
        network = train_on(rows[fold != k], epochs)
        z[fold == k] = logits(network, rows[fold == k])
    return z


by_beat = np.random.default_rng(0).integers(4, size=len(ds1))
names, number = np.unique(person[ds1], return_inverse=True)
order = np.random.default_rng(0).permutation(len(names))
by_person = order[number] % 4
held = {"by beat": by_beat, "by person": by_person}
y1, y2 = beats.labels[ds1], beats.labels[ds2]
T_of = {"T = 1": 1.0}
for name, fold in held.items():
    z1 = held_back_logits(ds1, fold)
    T_of[name] = fit_temperature(z1, y1)
    accuracy = 100 * (z1.argmax(axis=1) == y1).mean()
    print(f"{name}: accuracy {accuracy:.1f} %, T = {T_of[name]:.2f}")

# %% [markdown]
# **Predict:** a network trained on all of DS1 now meets the people of DS2. Which
# temperature will suit them better, the one from held-back beats or the one from
# held-back people (a smaller NLL)?
#
# <details><summary>Answer</summary>
#
# The one from held-back people. Only they pose the same question as DS2: how sure may
# the network be about somebody it has never seen?
#
# </details>

# %%
network = train_on(ds1)
z2 = logits(network, ds2)
new_nll = {}
for name, temperature in T_of.items():
    q = softmax(z2 / temperature)
    *_, gap = reliability(q, y2)
    new_nll[name] = nll(z2, y2, temperature)
    print(f"{name:9} T = {temperature:.2f}: NLL {new_nll[name]:.3f}, ", end="")
    print(f"ECE {100 * gap:.1f} %, ", end="")
    print(f"mean confidence {100 * q.max(axis=1).mean():.1f} %")
new_accuracy = 100 * (z2.argmax(axis=1) == y2).mean()
best = fit_temperature(z2, y2)
print(f"accuracy {new_accuracy:.2f} %; the best T for DS2 would be {best:.2f}")

# %%
found = {
    name: reliability(softmax(z2 / T_of[name]), y2)
    for name in ("by beat", "by person")
}
figure = figures.reliability_diagram(
    found, "People the network does not know", synthetic=source.is_synthetic
)
plots.show(figure)

# %% [markdown]
# *Figure 16.3. Accuracy over confidence for the people of DS2, with the temperature
# from held-back beats and with the one from held-back people.*
#
# On DS2 the network is right in 95.3 % of the beats. Held-back beats suggest that nearly
# nothing has to be corrected ($T$ = 1.06): on other beats of people it knows the network
# may be as sure as it is. On people who were held back it is right less often (94.6 %
# instead of 99.1 %), and they suggest $T$ = 2.07, close to 1.90, the value that would
# be best for DS2. The NLL of DS2 falls to 0.289 with the first and to 0.219
# with the second.
#
# The ECE *rises*, from 3.2 % with the first to 4.6 % with the second. Figure 16.3 shows
# why: after the correction most bins lie above the diagonal, not sure enough, while the
# highest bin is still too sure (98.1 % confidence, 96.4 % right). Some beats of new people
# are misclassified with full confidence, and one number for all beats cannot correct
# both. The NLL falls all the same: it punishes a wrong answer of full confidence more
# than a right answer of too little.
#
# ### Exercise 2: change the folds and train again
#
# The folds above are one draw. Write `fold_people(person, k, seed)`: for beats of the
# given people, an array of fold numbers 0 to `k - 1`, another one for each seed, such
# that all beats of a person are in the same fold and the numbers of *people* per fold
# differ by at most one. Then fit $T$ with another seed and
# with 12 epochs instead of 4. Each value of $T$ takes four trainings, about 4 s (12 s
# with 12 epochs) on one CPU core.


# %% tags=["exercise"]
def fold_people(person, k, seed=0):
    return ...  # your code here


check("16.2", fold_people)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
def fold_people(person, k, seed=0):
    people, number = np.unique(person, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(people))
    return order[number] % k


others = [("give 1.83", 1, 4), ("give 2.60", 0, 12)]
for text, seed, epochs in others if full else []:
    z1 = held_back_logits(ds1, fold_people(person[ds1], 4, seed), epochs)
    T = fit_temperature(z1, y1)
    print(f"seed {seed}, {epochs} epochs: T = {T:.2f}")
    page.states(text, T, within=0.4)
check("16.2", fold_people)

# %% [markdown]
# Other folds give 1.83, and 12 epochs give 2.60. The temperature of held-back people
# depends on which people they are, but it stays far above that of held-back beats.
# After longer training the network is surer, and needs the higher temperature.
#
# ## "I do not know"
#
# A classifier may hand the least certain beats to a person. This is
# [selective classification](../book/glossary.md#term-selective-classification), and
# the share that it answers itself is the
# [coverage](../book/glossary.md#term-coverage). The library's rule is a fixed limit: an
# answer with a confidence below 0.6 is marked `uncertain`.

# %%
for name in ("T = 1", "by person"):
    q = softmax(z2 / T_of[name])
    correct, uncertain = q.argmax(axis=1) == y2, q.max(axis=1) < 0.6
    declined = {
        c: f"{100 * uncertain[y2 == i].mean():.1f} %"
        for i, c in enumerate("NSVF")
        if (y2 == i).any()
    }
    print(f"{name}: declines {100 * uncertain.mean():.2f} %", declined)
    print(f"   accuracy answered {100 * correct[~uncertain].mean():.2f} %, ")
    print(f"   declined {100 * correct[uncertain].mean():.1f} %")

# %% [markdown]
# With the temperature from held-back people, the limit declines 2.1 % of the beats; as
# trained, the network would decline 0.6 %. Of the declined answers 36 % were wrong, so
# the mark does find doubtful beats. But of the others only 95.9 % are right: five of six
# errors are not marked. And the classes pay unequally: the limit declines 1.3 % of N,
# 10.7 % of S and 35 % of F. A coverage, like an accuracy, needs a line per class.
#
# Instead of a limit one may fix the coverage: sort the beats by confidence and answer
# the surest first.
#
# **Predict:** all beats of DS2 together are right in 95.3 %. What accuracy will the
# surest half of them reach?
#
# <details><summary>Answer</summary>
#
# 96.5 %, hardly more. See Figure 16.4.
#
# </details>


# %%
def accuracy_by_coverage(p, labels):
    order = np.argsort(-p.max(axis=1), kind="stable")  # the surest first
    correct = (p.argmax(axis=1) == labels)[order]
    answered = np.arange(1, len(labels) + 1)
    return answered / len(labels), np.cumsum(correct) / answered


q = softmax(z2 / T_of["by person"])
coverage, accuracy = accuracy_by_coverage(q, y2)
share = np.linspace(0.5, 1, 51)

# %% tags=["hide-input"]
curves = {}
for name, probabilities, labels in (
    ("known patients, our recipe", p, known.labels),
    ("new patients, features", q, y2),
):
    curve = accuracy_by_coverage(probabilities, labels)
    curves[name] = 100 * np.interp(share, *curve)
words = "coverage (%)", "accuracy (%)", "Answering less, right more often"
marked = {"synthetic": source.is_synthetic}
figure = figures.line_panels({"": curves}, 100 * share, *words, **marked)
plots.show(figure)

# %% [markdown]
# *Figure 16.4. Accuracy of the surest beats over the share that is answered, for two
# networks: one that knows the patients and one that does not.*
#
# For known patients declining pays: the surest 90 % of the beats are right in 99.9 %. For
# new patients the curve is nearly flat. Even the surest half is right in 96.5 % only.
# Many of the errors carry a high confidence: a limit that excludes them declines most
# beats (exercise 3). The two networks differ, too, so the gap need not come from the
# patients alone.
#
# ### Exercise 3: a coverage for a ward
#
# A ward wants 99.8 % of the answers to be right and asks how many beats it has to read
# itself. Write `coverage_for(probabilities, labels, accuracy)`: the **largest** coverage
# at which the answered beats, the surest ones, reach the accuracy, or 0 if there is
# none. A hint: the accuracy need not fall steadily as more is answered. (Chosen on the
# beats that it is tested on, the coverage flatters. What you promise to a ward has
# to be chosen on other beats, like the temperature.)


# %% tags=["exercise"]
def coverage_for(probabilities, labels, accuracy):
    return ...  # your code here


check("16.3", coverage_for)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def coverage_for(probabilities, labels, accuracy):
    coverage, reached = accuracy_by_coverage(probabilities, labels)
    enough = coverage[reached >= accuracy]  # not only up to the first fall
    return float(enough.max()) if len(enough) else 0.0


print(f"known patients: {100 * coverage_for(p, known.labels, 0.998):.1f} %")
print(f"new patients: {100 * coverage_for(q, y2, 0.998):.1f} %")
check("16.3", coverage_for)

# %% [markdown]
# ## What the library's default weights do
#
# The weights `strangers` were calibrated in the second way, by person: six groups of
# the people of two databases, each answered by models that had seen the other five.
# The temperature found is part of the weights.

# %%
print(f"T = {float(stranger.network.temperature):.3f}")

# %% [markdown]
# It is 1.003, so near 1 that it changes nothing: over the people of both databases
# together, no other temperature makes their correct labels more likely. For a single
# person another one may. (The small network above needed 2.07. `strangers` averages the
# probabilities of two models, which makes them less extreme; we did not measure how much
# of the difference this explains.)
# `ecgkit classify` marks beats below 0.6 as `uncertain` in its table.

# %% tags=["hide-input"]
page.states("99.1 %", 100 * right.mean(), within=0.2)
found = 100 * np.array(list(known_ece.values()))
page.states("from 2.3 % to 0.3 %", found, within=0.4)
page.states("temperature 0.66", T_known, within=0.05)
page.states("95.3 %", new_accuracy, within=0.7)
page.states("= 1.06", T_of["by beat"], within=0.25)
page.states("= 2.07", T_of["by person"], within=0.4)
page.states("1.90, the value", best, within=0.3)
found = new_nll["by beat"], new_nll["by person"]
page.states("0.289 with the first and to 0.219", found, within=0.03)
page.states("2.1 % of the beats", 100 * uncertain.mean(), within=0.6)
page.states("answers 36 %", 100 * (~correct[uncertain]).mean(), within=6)
page.states("only 95.9 %", 100 * correct[~uncertain].mean(), within=0.7)
found = [100 * uncertain[y2 == c].mean() for c in (0, 1, 3)]
page.states("1.3 % of N, 10.7 % of S and 35 % of F", found, within=(1, 4, 8))
page.states("in 99.9 %", curves["known patients, our recipe"][40], 0.15)
page.states("in 96.5 %", curves["new patients, features"][0], within=1)

# %% [markdown]
# ## Recap
#
# - A network is calibrated if its confidence matches the share of right answers. The ECE
#   measures the gap, bin by bin.
# - A temperature divides all logits. It changes no answer, and it is fitted on beats that
#   were neither trained nor tested on.
# - For new patients it has to come from *people* held back: held-back beats of known
#   people say that all is well. Here that lowers the NLL, not the ECE.
# - Declining needs a line per class. It does not find errors of high confidence.
#
# ## What next
#
# [Page 17](17_noise.ipynb) adds real noise to the beats and asks what it costs, class by
# class.

# %% tags=["hide-input"]
page.stamp(
    f"known patients: ECE {100 * known_ece[T_known]:.1f} %; new patients: "
    f"T = {T_of['by person']:.2f} by person, {T_of['by beat']:.2f} by beat"
)
