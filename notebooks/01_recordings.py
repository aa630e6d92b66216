# %% [markdown]
# # What is in MIT-BIH
#
# > **You will be able to** decode a recording from its bytes, say who annotated its
# > beats and how, choose a lead by its name, turn symbols into classes, and name
# > three properties of this database that limit what its scores mean.
# >
# > **Time:** 35 minutes to read and try; computes 6 s in both profiles, on one CPU core.
# >
# > **You need:** page 00. If the recordings are not on your machine, this page
# > downloads them: about 90 MB, once.

# %%
from collections import Counter

import numpy as np
import wfdb
from ecgbook import figures
from ecgbook.page import Page, check
from ecgkit import plots
from ecgkit.data import aami, splits
from ecgkit.data.sources import find_source
from ecgkit.data.wfdb_io import read_annotations

page = Page("01_recordings")
source = find_source()
page.uses(source)
print(f"{source.name}: {len(source.records)} records in use")
print(f"fingerprint {source.fingerprint}")

# %% [markdown]
# ## Where it comes from
#
# Between 1975 and 1979 the Beth Israel Hospital in Boston recorded some 4,000
# day-long ECGs. A group at MIT and the hospital chose 48 excerpts of half an hour,
# from 47 people: 23 at random, and 25 by hand, because they hold rare and important
# arrhythmias. At least two cardiologists annotated every beat independently and then resolved their differences. It was the
# first set of test recordings that was open to everybody
# ([Moody and Mark 2001](https://doi.org/10.1109/51.932724)).
#
# We use 44 of the 48 records. The standard for such tests and the paper leave out the four
# people with pacemakers: 102, 104, 107 and 217. The *fingerprint* printed above is
# computed from the checksums of all files. The same fingerprint means the same bytes.
#
# **Predict:** 7 % of the beats of MIT-BIH start in a ventricle. May you expect this
# share in an ordinary ward?
#
# <details><summary>Answer</summary>
#
# No. 25 of the 48 records were chosen because they are abnormal. This is the first
# limit: shares and scores of MIT-BIH do not hold for unselected patients.
#
# </details>
#
# ## Three files per record
#
# A record in the WFDB format has a header (`.hea`, text), samples (`.dat`) and
# annotations (`.atr`). This is a header:

# %%
name = source.records[0] if source.is_synthetic else "114"
path = source.directory / name
print(path.with_suffix(".hea").read_text().strip())

# %% [markdown]
# The first line says: two leads, 360 samples per second, 650,000 samples each. Each
# lead has a line with the format of its samples (212), the gain (200 units per mV),
# the number of bits (11), and the zero level (1024). The lines with `#` describe the
# patient: age, sex, medication.
#
# Format 212 stores two samples of 12 bits, one of each lead, in three bytes. The middle
# byte holds the upper four bits of both:
#
# | byte 1 | byte 2 | byte 3 |
# | --- | --- | --- |
# | lead 1, lower 8 bits | lead 2, upper 4 bits; lead 1, upper 4 bits | lead 2, lower 8 bits |
#
# **Predict:** how large is the file of samples of half an hour?
#
# <details><summary>Answer</summary>
#
# $650{,}000 \cdot 3$, which is 1,950,000 bytes: three for each pair of samples.
#
# </details>


# %%
def read_212(path):
    a, b, c = np.fromfile(path, np.uint8).reshape(-1, 3).astype(int).T
    first = a + 256 * (b % 16)
    second = c + 256 * (b // 16)
    both = np.stack([first, second], axis=1)  # (samples, leads)
    return np.where(both >= 2048, both - 4096, both)  # negative numbers


digital = read_212(path.with_suffix(".dat"))
n_bytes = path.with_suffix(".dat").stat().st_size
expected = wfdb.rdrecord(str(path), physical=False).d_signal
np.testing.assert_array_equal(digital, expected)
print(f"{n_bytes:,} bytes -> {digital.shape}, first samples {digital[:3, 0]}")

# %% [markdown]
# The header turns the numbers into a voltage:
#
# $$ x_\mathrm{mV} = \frac{x_\mathrm{digital} - \mathrm{zero}}{\mathrm{gain}} $$
#
# A sample of 1224 is $(1224 - 1024) / 200 = 1$ mV. The field's own library, `wfdb`,
# and this book's read a record in the same way:

# %%
signals_mv = (digital - 1024) / 200
np.testing.assert_allclose(signals_mv, wfdb.rdrecord(str(path)).p_signal)
record = source.read(name)
np.testing.assert_allclose(record.signals, signals_mv, rtol=1e-6)

# %% [markdown]
# ## Which lead?
#
# The paper takes "the first channel data which all recordings are of the same lead".

# %%
order = Counter()
for name in source.records:
    header = wfdb.rdheader(str(source.directory / name))
    order[tuple(header.sig_name)] += 1
for leads, n in order.most_common():
    print(f"{n:3} records: first {leads[0]}, second {leads[1]}")

# %% [markdown]
# In one record, 114, the leads are the other way round: the first is V5, and MLII is
# the second.

# %%
plots.show(
    plots.ecg_strip(
        {lead: record.lead(lead) for lead in record.leads},
        record.fs,
        f"Record {record.name}: the same beats in two leads",
        start_s=20,
        r_peaks=record.r_peaks,
        marks={"symbol": record.symbols},
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# *Figure 1.1. Six seconds of record 114. Both leads show the same beats, with waves of
# different shape and height.*
#
# The first channel would mix V5 beats of this record with MLII beats of 43 others. This book
# takes the lead *named* MLII. With `lead="first"` the library does what the paper
# says.
#
# ### Exercise 1: not MLII first
#
# For which of the records in use is the first channel not MLII? Compute the list of
# their names from the headers; it may be empty.

# %% tags=["exercise"]
answer = ...
check("01.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
answer = [
    name
    for name in source.records
    if wfdb.rdheader(str(source.directory / name)).sig_name[0] != "MLII"
]
check("01.1", answer)

# %% [markdown]
# ## What the annotators wrote
#
# An annotation is a sample number and a symbol. Not every symbol marks a beat: `+`, for
# example, marks a change of rhythm.

# %%
written = Counter()
for name in source.records:
    annotation = wfdb.rdann(str(source.directory / name), "atr")
    written.update(annotation.symbol)
meaning = {x.symbol: x.description for x in wfdb.io.annotation.ann_labels}
for symbol, n in written.most_common():
    kind = "beat" if aami.is_beat(symbol) else "-"
    print(f"{symbol}  {n:6,}  {kind:4}  {meaning[symbol][:54]}")

# %% [markdown]
# The [AAMI](../book/glossary.md#term-AAMI) standard groups the symbols of beats into
# five classes, by where a beat starts (page 04). Two tables are in use. They differ
# in the escape beats `e` and `j`. WFDB's own comparator puts them into S, and so does
# the paper: only this gives its counts. Most papers on machine learning put them
# into N.

# %%
for name in aami.CLASSES:
    ec57 = [s for s, c in aami.mapping("ec57").items() if c == name]
    papers = [s for s, c in aami.mapping("literature").items() if c == name]
    print(f"{name}   ec57: {' '.join(ec57):14} literature: {' '.join(papers)}")

# %% [markdown]
# ### Exercise 2: symbols to classes
#
# An annotator wrote `N + j A ~ V / F e`, in this order. Which classes does the
# **literature's** table give? Leave out what is no beat. Answer with a list of letters,
# without code.

# %% tags=["exercise"]
answer = ...
check("01.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
# + and ~ are no beats; j and e are N in the literature's table.
answer = ["N", "N", "S", "V", "Q", "F", "N"]
check("01.2", answer)

# %% [markdown]
# ## Who has which beats?
#
# **Predict:** 44 records are in use. How many people hold nine tenths of all fusion
# beats? How many hold half of all S beats?

# %%
names, symbols = [], []
for name in source.records:
    r_peaks, marks = read_annotations(source.directory / name)
    names.append(np.full(len(marks), name))
    symbols.append(marks)
names, labels = np.concatenate(names), aami.encode(np.concatenate(symbols))
print("all annotated beats", aami.counts(labels))
plots.show(
    figures.counts_by_record(
        names,
        labels,
        "The rare classes, record by record",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# *Figure 1.2. Beats of S, V and F in each record.*
#
# <details><summary>Answer</summary>
#
# Two people, 208 and 213, hold 92 % of F. Two others, 232 and 222, hold 60 % of S.
#
# </details>
#
# This is the second limit. A score for F on this database is a score for two hearts,
# and a score for S depends on a few.
#
# The third limit: one person is in it twice. Records 201 and 202 come from the same
# patient. The usual division into training and test *patients*, DS1 and DS2 of [de
# Chazal et al. 2004](https://doi.org/10.1109/TBME.2004.827359), puts 201 into one half
# and 202 into the other. `splits.check_patients` raises an error for such a division:

# %%
split = splits.patient_split(names)
try:
    splits.check_patients(split, names)
    shared = False
except ValueError:
    shared = True
print("DS1 and DS2 share a person:", shared)

# %% [markdown]
# ### Exercise 3: the time between beats
#
# Write `rr_before(r_peaks, fs)`: for sample numbers of R peaks, shape (n,), and the
# sampling rate in Hz, the [RR interval](../book/glossary.md#term-RR-interval) before
# each beat in seconds, shape (n,). The first beat has none: give `nan`. Pages 04 and 13
# use these intervals, because most S beats come early.


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
# ## Recap
#
# - A WFDB record has a header, samples and annotations. Gain and zero level turn
#   numbers into millivolts.
# - Choose a lead by its name: in record 114 MLII is the second channel.
# - Two tables turn symbols into classes. Without naming the table, scores of S cannot
#   be compared.
# - Half of the records were chosen by hand; F is two people and S is a few; one person
#   is there twice.
#
# ## What next
#
# [Page 02](02_denoising.ipynb) removes drift and noise from the signal.
#
# **Further reading.** PhysioNet's
# [directory of the records](https://archive.physionet.org/physiobank/database/html/mitdbdir/records.htm)
# describes each one; [WFDB's annotation
# codes](https://archive.physionet.org/physiobank/annotations.shtml) list every symbol.

# %% tags=["hide-input"]


def share(label, *records):
    of_class = labels == "NSVFQ".index(label)
    return 100 * np.isin(names[of_class], records).mean()


page.states("1,950,000 bytes", n_bytes, within=0)
page.states("92 % of F", share("F", "208", "213"), within=0.5)
page.states("60 % of S", share("S", "232", "222"), within=0.5)
page.states("7 % of the beats", 100 * (labels == 2).mean(), within=0.5)
counts = aami.counts(labels)
page.stamp(", ".join(f"{name} {n:,}" for name, n in counts.items()) + " beats")
