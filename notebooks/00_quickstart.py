# %% [markdown]
# # Quickstart: classify a real recording
#
# **You will be able to** read a recording of the MIT-BIH Arrhythmia Database,
# give a trained ResNet-TCN its heartbeats, see its answers over the ECG beside
# the cardiologists' own, and say what its accuracy hides.
#
# **Time:** about 20 minutes to read and try; the page itself computes for about
# ten seconds on two CPU cores, in quick and in full profile alike. Nothing is
# trained here, so a GPU gains nothing.
#
# **You need** Python as a visitor reads it: lists, functions, arrays. No
# cardiology; every term is in the glossary.

# %%
from dataclasses import astuple

import numpy as np
from ecgbook import studies
from ecgbook.page import Page, check
from ecgkit import load_model, plots
from ecgkit.data import aami
from ecgkit.data.cutting import cut_beats, within_margins
from ecgkit.data.denoising import denoise
from ecgkit.data.sources import find_source
from ecgkit.evaluate import metrics
from IPython.display import Markdown, display

page = Page("00_quickstart")

# %% [markdown]
# ## A recording
#
# An electrocardiogram (ECG) is a voltage over time, measured between electrodes
# on the skin; each pair of electrodes gives one view of the heart, a *lead*,
# whose name (MLII, V1) says where the electrodes were.
#
# A normal beat begins in the *sinus node*, a spot in the wall of the right
# atrium. It spreads over the *atria*, the two upper chambers, which makes a low
# hump in the trace, the *P wave*. After a short halt it runs down two *bundle
# branches* into the *ventricles*, the two lower chambers that drive the blood,
# and makes the *QRS complex*, whose spike is the *R peak*. While the ventricles
# recover, one more hump follows, the *T wave*.
#
# MIT-BIH's recordings have two leads and last half an hour. We take one of
# them, record 223, of a man of 73. The next line looks for it on this machine
# and, where it is not, fetches it from PhysioNet and checks every byte against
# the checksum published there.

# %%
source = find_source(records=["223"])
page.uses(source)
record = source.read(source.records[0])
minutes = len(record.signals) / record.fs / 60
print(f"record {record.name}: {minutes:.0f} minutes, {record.fs:.0f} Hz")
print(f"leads {record.leads}, {len(record.r_peaks)} beats marked")

# %% [markdown]
# Two or more cardiologists went through each recording by hand and put a symbol
# on every beat: `N` normal, `A` an atrial beat that came too early, `V` one that
# began in the ventricles, `F` a fusion of a normal beat and a ventricular one, and
# some more. Here are six seconds with four kinds, drawn as a cardiologist would
# have them: on paper whose small squares are 0.04 s by 0.1 mV.

# %%
start_s = 572 if source.name == "mitdb" else 30
strip = plots.ecg_strip(
    {name: record.lead(name) for name in record.leads},
    record.fs,
    f"Record {record.name}: what the annotators saw",
    start_s=start_s,
    r_peaks=record.r_peaks,
    marks={"symbol": record.symbols},
    synthetic=source.is_synthetic,
)
plots.show(strip)

# %% [markdown]
# Look at the beat marked `V` before you read on: in lead V1 even an untrained
# eye sees that it is another animal. In MLII it is tall and a deep trough follows
# it, and the fusion beat `F`, part normal and part ventricular, is much like it.
# The beat marked `A` shows nothing of the kind: it looks like its neighbours and
# gives itself away by coming early. Keep that in mind when the model, which sees
# half a second around each beat and no more, has to tell them apart.
#
# ## From the recording to the model's answer
#
# Four steps, each a chapter of this book: take the lead called MLII, remove
# drift and noise with wavelets, cut 180 samples (0.5 s) around the R peak of
# every beat, where the annotators' mark stands, and hand them to a network that
# was trained beforehand.

# %%
clean = denoise(record.lead("MLII"))
kept = within_margins(record.r_peaks, len(clean))
r_peaks, symbols = record.r_peaks[kept], record.symbols[kept]
beats = cut_beats(clean, r_peaks)

classifier = load_model("ours")
probabilities = classifier.predict(beats)
predicted = probabilities.argmax(axis=1)
print(f"beats {beats.shape} -> probabilities {probabilities.shape}")

# %%
answers = np.array(aami.CLASSES)[predicted]
strip = plots.ecg_strip(
    {"MLII": clean},
    record.fs,
    f"Record {record.name}, denoised: the model's answer",
    start_s=start_s,
    r_peaks=r_peaks,
    marks={"model": answers, "symbol": symbols},
    synthetic=source.is_synthetic,
)
plots.show(strip)

# %% [markdown]
# The model does not answer with the annotators' symbols but with the classes of
# the AAMI standard, which pool them: **N** (normal and bundle branch block),
# **S** (supraventricular, so `A` is one), **V** (ventricular), **F** (fusion).
# So `A` above `S` is agreement. Do the two rows over the strip agree throughout?
# The next page has the whole table of symbols and classes.
#
# ## How often is it right?
#
# Compare all beats of the record. A *confusion matrix* counts them by what the
# annotators said (rows) and what the model said (columns); everything off the
# diagonal is a mistake.

# %%
labels = aami.encode(symbols)
classified = labels < 4  # the model knows no class Q
matrix = metrics.confusion_matrix(labels[classified], predicted[classified])
plots.show(
    plots.confusion_matrix(
        matrix, f"Record {record.name}", synthetic=source.is_synthetic
    )
)

# %% tags=["hide-input"]
se = metrics.sensitivity(matrix)
found = ", ".join(
    f"{100 * share:.2f} % of {name}"
    for name, share in zip(metrics.CLASSES, se, strict=True)
    if not np.isnan(share)
)
display(
    Markdown(
        "In this record the model gives "
        f"{100 * metrics.accuracy(matrix):.2f} % of {matrix.sum():,} beats "
        f"the annotators' class. It finds {found}."
    )
)

# %% [markdown]
# Do not believe this figure. The model was trained under the paper's split: of
# the beats of *all* records a random half was for training, so about half of the
# beats in this matrix are ones it has been shown, and the others are their
# neighbours, from the same heart. The honest count under that split is on the
# other half, the *test half*, which was looked at once, after training. Below its
# matrix stand three figures for each class: the *sensitivity*, which share of its
# beats the model finds; the *positive predictive value*, which share of the beats
# that the model calls so are of the class; and *F1*, the harmonic mean of the two,
# which is high only where both are.

# %%
(run,) = studies.results("reproduction", "resnet-tcn-ours", seed=0)
published_matrix = np.array(run.confusion_matrix)
plots.show(
    plots.confusion_matrix(published_matrix, "Published model, test half")
)

# %% tags=["hide-input"]
report = metrics.report(published_matrix)
rows = "\n".join(
    f"| {name} | {published_matrix[i].sum():,} | "
    + " | ".join(
        f"{100 * share:.2f}" for share in astuple(report.classes[name])
    )
    + " |"
    for i, name in enumerate(metrics.CLASSES)
)
epochs, batch = run.settings.epochs, run.settings.batch
display(
    Markdown(
        f"**{100 * report.accuracy:.2f} % of "
        f"{published_matrix.sum():,} test beats** "
        "get the annotators' class.\n\n"
        "| class | beats | sensitivity % | "
        "positive predictive value % | F1 % |\n"
        f"|---|---|---|---|---|\n{rows}\n\n"
        f"One run, seed {run.seed}, {epochs} epochs of batch {batch}, "
        f"trained on {run.device} in {run.seconds / 60:.0f} minutes, "
        "number of epochs chosen on a tenth of the training half."
    )
)

# %% [markdown]
# (Page 10 explains what a seed, an epoch and a batch are.) The test half's accuracy
# need not be below that of record 223: some records are harder than others, and
# one speaks only for itself. What has changed is that these beats are new to the
# model.
#
# The paper this book follows reports an accuracy of 98.84 % for the same network
# and kind of split. Now look again at the table. Nine beats in ten are N, so the
# accuracy is nearly the sensitivity of N; the rare classes, the ones a physician
# asks for, are where a model fails first.
#
# And even the test half is made of beats whose neighbours the model has seen.
# What happens on *patients* it has never met is another story, and a humbling
# one: see page 13. This model is **not a medical device**.
#
# ## Exercises
#
# ### Exercise 1: predict
#
# Before you compute anything: what accuracy would a "model" have on the published
# test half that calls **every** beat N? Give it as a share between 0 and 1;
# `published_matrix` has all you need.

# %% tags=["exercise"]
answer = ...
check("00.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# Every beat of the N row is right, all others are wrong.
answer = published_matrix[0].sum() / published_matrix.sum()
check("00.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# When the model says V, how often do the annotators agree? Compute this
# *positive predictive value* of V from `published_matrix`, without
# `metrics.ppv`.

# %% tags=["exercise"]
answer = ...
check("00.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# A column holds all beats the model called V, so the column's sum divides.
V = 2
answer = published_matrix[V, V] / published_matrix[:, V].sum()
check("00.2", answer)

# %% [markdown]
# ### Exercise 3: build
#
# A gallery of errors begins with the mistakes the model was *sure* of. Write
# `surest_mistake(probabilities, labels)`: given probabilities of shape (n, 4)
# and the annotators' labels of shape (n,), it returns the row number of the
# wrongly classified beat with the highest probability for its wrong class, or
# `None` where there is no mistake.


# %% tags=["exercise"]
def surest_mistake(probabilities, labels):
    return ...  # your code here


check("00.3", surest_mistake)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def surest_mistake(probabilities, labels):
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    if len(wrong) == 0:
        return None
    return int(wrong[probabilities[wrong].max(axis=1).argmax()])


check("00.3", surest_mistake)

# %% [markdown]
# ## Recall
#
# <details><summary>1. What does one row of a confusion matrix of this book hold,
# and what does one column hold?</summary>
#
# A row holds all beats to which the *annotators* gave one class, a column all
# beats to which the *model* gave one class. Sensitivity divides by the row's
# sum, positive predictive value by the column's. Other books turn the matrix
# round; look before you read a figure.
#
# </details>
# <details><summary>2. A model reaches 89 % accuracy on MIT-BIH. Is that good?
# </summary>
#
# It is what a model reaches that calls every beat N, as in exercise 1. Accuracy
# says little where one class has nine tenths of the beats.
#
# </details>
# <details><summary>3. Why can a beat marked <code>A</code> hardly be told from its
# neighbours in the 0.5 s around its R peak?</summary>
#
# It begins in the atria and reaches the ventricles by the normal way, so its QRS
# complex has the normal shape. What is abnormal is *when* it comes, and half a
# second around the beat shows little of the time since the last one.
#
# </details>
# <details><summary>4. Why is the first matrix, of one record, too good?</summary>
#
# About half of its beats were in the training half: the model has seen them with
# their labels. Testing on what was trained on measures memory.
#
# </details>
# <details><summary>5. The second matrix is of beats the model has not seen. Why is
# it still kinder than life?</summary>
#
# The split is over beats, not over people. For every test beat the training half
# holds hundreds from the same heart, the same electrodes and the same day. A new
# patient brings none.
#
# </details>
#
# ## Recap
#
# - A recording becomes a table of beats in three steps: choose a lead, denoise,
#   cut 180 samples around each R peak.
# - A trained network gives each beat four probabilities; the largest is the
#   answer.
# - Accuracy is the share of all beats answered rightly. With nine tenths of one
#   class it must never be read without the classes' own figures.
# - Which beats are tested on decides what a figure means.
#
# **Further reading.** [Moody and Mark 2001](https://doi.org/10.1109/51.932724)
# tell how MIT-BIH came about and what it changed; PhysioNet's
# [page of the database](https://physionet.org/content/mitdb/1.0.0/) holds the
# files. The next page of this book, *What is in MIT-BIH*, opens them.

# %% tags=["hide-input"]
page.stamp(
    f"{100 * metrics.accuracy(matrix):.2f} % of {matrix.sum():,} beats "
    f"of record {record.name} as annotated, half of them seen in training"
)
