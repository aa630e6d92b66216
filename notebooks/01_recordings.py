# %% [markdown]
# # What is in MIT-BIH
#
# **You will be able to** open a WFDB record by hand and with `ecgkit`, say who
# labelled its beats and how, turn the annotators' symbols into the classes N, S,
# V, F and Q under either of the two mappings in use, reproduce the paper's
# counts to the beat, and name three things about this database that decide how
# its results may be read.
#
# **Time:** about 40 minutes to read and try; the page computes for about ten
# seconds on two CPU cores, in quick and in full profile alike. A GPU gains
# nothing.
#
# **You need** the quickstart. Where the recordings are not on your machine yet,
# this page fetches them: about 90 MB, once.

# %%
import textwrap
from collections import Counter

import numpy as np
import wfdb
from ecgbook import figures
from ecgbook.page import Page, check, show_code
from ecgkit import load_beats, plots
from ecgkit.data import aami, splits
from ecgkit.data.cutting import within_margins
from ecgkit.data.sources import find_source
from ecgkit.data.wfdb_io import Record, read_annotations
from IPython.display import Markdown, display

page = Page("01_recordings")

# %% [markdown]
# ## Where it comes from
#
# Between 1975 and 1979 the Beth Israel Hospital in Boston recorded some 4,000
# day-long ECGs. From them a group at MIT and the hospital chose 48 excerpts of
# half an hour, from 47 people: 23 at random, as a fair picture of a hospital's
# day, and 25 more by hand, for arrhythmias that are rare and matter. Each was
# digitised at 360 samples a second with 11 bits over 10 mV. At least two
# cardiologists annotated every beat, each on their own, and the differences were
# settled afterwards. It was the first set of test recordings that was open to
# all, and very many papers still report on it
# ([Moody and Mark 2001](https://doi.org/10.1109/51.932724)).
#
# Keep two of these facts. Half of the records were chosen *because* they are
# difficult, so no figure on MIT-BIH is the figure of a day in a ward. And 47
# people are few: a class that lives in two of them has been seen in two hearts.

# %%
source = find_source()
page.uses(source)
print(f"{source.name}: {len(source.records)} records")
print(f"fingerprint {source.fingerprint}")

# %% [markdown]
# The *fingerprint* condenses the checksums of all files in use. Every result in
# this book carries it: the same fingerprint means the same bytes.
#
# MIT-BIH has 48 records, we use 44: the four of people with pacemakers (102,
# 104, 107, 217) are left out, as the standard asks and the paper does.
#
# ## Three files a record
#
# A record in the WFDB format is a header (`.hea`, text), the samples (`.dat`,
# here two 12-bit numbers packed into three bytes), and the annotations (`.atr`).
# The header says how to read the samples: sampling rate, length, and for each
# lead the gain, the zero level and a checksum. Below the leads MIT-BIH's headers
# hold what is known of the patient: age, sex, medication.

# %%
name = "114" if source.name == "mitdb" else source.records[0]
print((source.directory / f"{name}.hea").read_text().strip())

# %% [markdown]
# After the file name stand the format of the samples, 212, and the gain: 200
# units are 1 mV. Then come the bits, 11, and the zero level, 1024. What a program
# reads as 1224 is therefore $(1224 - 1024) / 200 = 1$ mV:
#
# $$ x_\mathrm{mV} = \frac{x_\mathrm{digital} - \mathrm{zero}}{\mathrm{gain}} $$
#
# The field's own library, `wfdb`, does this for us. Check it by hand on five samples.

# %%
here = {"sampfrom": 1000, "sampto": 1005}
digital = wfdb.rdrecord(source.directory / name, **here, physical=False)
physical = wfdb.rdrecord(source.directory / name, **here)
by_hand = (digital.d_signal[:, 0] - 1024) / 200
print("digital ", digital.d_signal[:, 0])
print("by hand ", by_hand)
print("wfdb, mV", physical.p_signal[:, 0])

# %% [markdown]
# The library wraps it in a small class,
# [`Record`](../book/api_data.md#ecgkit.data.wfdb_io.Record), which the rest of the
# book uses:

# %%
show_code(Record)

# %% [markdown]
# ## Which lead?
#
# The paper takes "the first channel data which all recordings are of the same
# lead". Is that so?

# %%
order = Counter()
for name in source.records:
    header = wfdb.rdheader(str(source.directory / name))
    order[tuple(header.sig_name)] += 1
for leads, n in order.most_common():
    print(f"{n:3} records: first {leads[0]}, second {leads[1]}")

# %% [markdown]
# Not quite. In MIT-BIH one record has its leads the other way round: in 114 the
# first channel is V5, and MLII is the second. Taking the first channel would mix
# that record's beats, the heart seen from another side, into the table. This
# book takes the lead that is *called* MLII; `lead="first"` does what the paper
# says it did, so that the difference can be measured.
#
# ## What the annotators wrote
#
# An annotation is a sample number and a symbol. Not all symbols mark beats:
# [`aami.is_beat`](../book/api_data.md#ecgkit.data.aami.is_beat) says which do. The last column is WFDB's own description.

# %%
written = Counter()
for name in source.records:
    annotation = wfdb.rdann(str(source.directory / name), "atr")
    written.update(annotation.symbol)
meaning = {x.symbol: x.description for x in wfdb.io.annotation.ann_labels}
ENTITIES = {"|": "&#124;", '"': "&quot;"}  # else a column ends, a quote curls
rows = "\n".join(
    f"| <code>{ENTITIES.get(symbol, symbol)}</code> | {n:,} | "
    f"{'yes' if aami.is_beat(symbol) else 'no'} | {meaning[symbol]} |"
    for symbol, n in written.most_common()
)
head = "| symbol | times | beat? | meaning |\n|---|---|---|---|\n"
display(Markdown(head + rows))

# %% [markdown]
# ## From symbols to classes
#
# The AAMI's standard (ANSI/AAMI EC57) asks for five classes:
#
# | class | what it means for the heart |
# |---|---|
# | N | began where it should, also where one bundle branch is blocked |
# | S | began too early, or as a stand-in, above the ventricles |
# | V | began in a ventricle: wide, strange in shape |
# | F | two fronts met: one from above, one from a ventricle |
# | Q | paced, or nobody could say |
#
# Which symbol goes where is a table. There are *two* tables in use, and papers
# seldom say which is theirs. WFDB's comparator `bxb`, which implements the
# standard's counting, puts the escape beats `e` and `j` into S; most
# machine-learning papers put them into N.

# %%
for name in aami.CLASSES:
    ec57 = [s for s, c in aami.mapping("ec57").items() if c == name]
    papers = [s for s, c in aami.mapping("literature").items() if c == name]
    print(f"{name}  {aami.NAMES[name]}")
    print(f"   ec57 {' '.join(ec57):14} literature {' '.join(papers)}")

# %% [markdown]
# The paper's own counts settle which table it used: 89,841 N, 3,026 S, 7,008 V, 802
# F and 15 Q can only be had with `e` and `j` in S. They settle more. A beat is
# cut as 90 samples either side of its R peak, and with a bare 90-and-90 rule
# there would be 89,857 N. The paper's number comes out exactly where a beat is
# kept only if 100 samples before it and 150 after it exist, so this is the rule
# of the book. The two numbers are the defaults of
# [`Preparation`](../book/api_data.md#ecgkit.data.preparation.Preparation), the
# object that holds everything the library has to know to prepare beats:

# %%
show_code(within_margins)

# %%
names, symbols, inside = [], [], []
for name in source.records:
    r_peaks, marks = read_annotations(source.directory / name)
    n_samples = wfdb.rdheader(str(source.directory / name)).sig_len
    names.append(np.full(len(marks), name))
    symbols.append(marks)
    inside.append(within_margins(r_peaks, n_samples))
names, symbols = np.concatenate(names), np.concatenate(symbols)
inside = np.concatenate(inside)
labels = aami.encode(symbols, "ec57")
counts = aami.counts(labels[inside])
print("all annotated beats ", aami.counts(labels))
print("those that are cut  ", counts)

# %%
plots.show(
    figures.proportion_bars(
        {"": counts}, "Beats of each class", synthetic=source.is_synthetic
    )
)

# %% tags=["hide-input"]
paper = {"N": 89841, "S": 3026, "V": 7008, "F": 802, "Q": 15}
if source.is_synthetic:
    said = "These are synthetic records; the paper's counts are of MIT-BIH."
elif counts == paper:
    said = "**Equal to the paper's counts, beat for beat.**"
else:
    raise AssertionError(f"not the paper's counts: {counts}")
moved = int(np.isin(symbols, ["e", "j"]).sum())
display(
    Markdown(
        f"{said} Switching to the literature's mapping would move "
        f"{moved} beats from S to N, and every score of S with them."
    )
)

# %% [markdown]
# ## What the classes look like
#
# Cut and denoised, every beat is a row of 180 numbers. The line is the median of
# its class at each instant; the band holds the middle four fifths.

# %%
beats = load_beats(source)
print(f"{len(beats):,} beats, signals {beats.signals.shape} in mV")
plots.show(plots.beats_by_class(beats.without_q(), "The four classes"))

# %% [markdown]
# V is wide and comes in every shape: its band is the widest, upright in some
# hearts and downward in others. S sits inside the band of N, as the quickstart
# warned: prematurity does not show in half a second. And F's band is far narrower
# than V's, although a fusion mixes two things that both vary. The next figure says
# why.
#
# ## Who has which beats?

# %%
plots.show(
    figures.counts_by_record(
        names[inside],
        labels[inside],
        "The rare classes, record by record",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# In MIT-BIH nearly all fusion beats come from two people, 208 and 213, and more
# than half of all supraventricular beats from two others, 232 and 222. A model
# that does well on F under a random split has learnt two hearts. It is the first
# thing to remember about every S and F figure on this database, in this book too.
#
# The second is that one person is there twice: records 201 and 202 come from the
# same patient. The usual division into training and test *patients*, DS1 and DS2
# of [de Chazal et al. 2004](https://doi.org/10.1109/TBME.2004.827359), puts 201
# into one half and 202 into the other.

# %%
split = splits.patient_split(names)
for half, rows in (("DS1", split.train), ("DS2", split.test)):
    print(half, aami.counts(aami.encode(symbols[rows], "literature")))
try:
    splits.check_patients(split, names)
    print("no patient is on both sides")
except ValueError as error:
    print(textwrap.fill(str(error), 72))

# %% [markdown]
# The third is what you have just counted: nine beats in ten are N. The chapters
# on augmentation and evaluation are about nothing else.
#
# ## Exercises
#
# ### Exercise 1: predict
#
# Without running anything: an annotator wrote the symbols
# `N + j A ~ V / F e`, in this order. Which classes does the **literature's**
# mapping make of them? Give a list of letters.

# %% tags=["exercise"]
answer = ...
check("01.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# + and ~ are no beats and vanish; j and e are N in the literature's mapping.
answer = ["N", "N", "S", "V", "Q", "F", "N"]
check("01.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# For which of the records in use would "take the first channel" *not* give MLII?
# Compute the list of their names from the headers; it may be empty.

# %% tags=["exercise"]
answer = ...
check("01.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
answer = [
    name
    for name in source.records
    if wfdb.rdheader(str(source.directory / name)).sig_name[0] != "MLII"
]
check("01.2", answer)

# %% [markdown]
# ### Exercise 3: build
#
# Write `rr_before(r_peaks, fs)`: for sample numbers of R peaks, shape (n,), and
# the sampling rate in Hz, the *RR interval* before each beat in seconds, shape
# (n,). The first beat has none: give `nan`. It is the feature that tells S from
# N, and page 13 lives on it.


# %% tags=["exercise"]
def rr_before(r_peaks, fs):
    return ...  # your code here


check("01.3", rr_before)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def rr_before(r_peaks, fs):
    return np.r_[np.nan, np.diff(r_peaks) / fs]


check("01.3", rr_before)

# %% [markdown]
# ## Recall
#
# <details><summary>1. Why is no figure on MIT-BIH the figure of an ordinary day
# in a ward?</summary>
#
# 25 of its 48 records were chosen by hand for rare arrhythmias. The share of
# difficult beats is far above that of a random sample, and the people are 47.
#
# </details>
# <details><summary>2. What is the difference between the two mappings, and which
# beats of which class does it move?</summary>
#
# The atrial and the nodal escape beat, <code>e</code> and <code>j</code>: S for
# WFDB's comparator, N in most papers. In the test patients of de Chazal it moves
# 213 beats, a tenth of their S.
#
# </details>
# <details><summary>3. What does a <code>+</code> in an annotation file
# mean?</summary>
#
# That the rhythm changes there; the name of the new rhythm stands beside it. It
# is no heartbeat, and a program that counts it as one shifts every interval.
#
# </details>
# <details><summary>4. Why is the band of class F so much narrower than that of
# V?</summary>
#
# Because it is nearly all from two people. Within one heart fusion beats
# resemble each other; the class as such is anything but uniform.
#
# </details>
# <details><summary>5. Why does the book name the lead instead of taking the first
# channel?</summary>
#
# In record 114 the first channel is V5. The same heart looks different from
# there, and the table would silently hold two kinds of signal.
#
# </details>
#
# ## Recap
#
# - A WFDB record is a header, samples and annotations; gain and zero level turn
#   numbers into millivolts.
# - 44 records, lead MLII by name, `e` and `j` in S, 100 samples before and 150
#   after each beat: with these the paper's counts come out to the beat.
# - Say which mapping you use; without it S figures cannot be compared.
# - F is two people, S is a few, one patient is there twice, nine tenths are N.
#
# **Further reading.** PhysioNet's
# [directory of the records](https://archive.physionet.org/physiobank/database/html/mitdbdir/records.htm)
# tells each one's story; [WFDB's annotation
# codes](https://archive.physionet.org/physiobank/annotations.shtml) list every
# symbol; [de Chazal et al. 2004](https://doi.org/10.1109/TBME.2004.827359) is
# where the division by patients comes from.

# %% tags=["hide-input"]
page.stamp(
    ", ".join(f"{name} {n:,}" for name, n in counts.items()) + " beats",
)
