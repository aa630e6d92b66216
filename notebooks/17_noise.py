# %% [markdown]
# # Noise, in decibels
#
# > **You will be able to** add real noise to a recording at a stated
# > signal-to-noise ratio, measure what it costs a classifier class by class, and
# > train with noise at a dose that you chose without looking at the test beats.
# >
# > **Time:** 40 minutes to read and try; computes 13 s in the quick profile and 68 s
# > in full, on one CPU core.
# >
# > **You need:** denoising from [page 02](02_denoising.ipynb), the training loop
# > of [page 05](05_first_network.ipynb), and sensitivity from
# > [page 11](11_evaluation.ipynb).

# %%
import numpy as np
import torch
from ecgbook import figures, noise
from ecgbook.loop import train
from ecgbook.page import Page, check, profile
from ecgbook.studies.people import outcomes
from ecgkit import load_beats, load_model, plots, predict
from ecgkit.data.denoising import denoise
from ecgkit.data.sources import find_source
from ecgkit.evaluate import metrics
from ecgkit.evaluate.runs import split_beats
from torch import nn

page = Page("17_noise")
full = profile() == "full"

# %% [markdown]
# ## Noise of people who move
#
# MIT-BIH is a clean database, and denoising makes it cleaner. PhysioNet's
# [noise stress test database](https://physionet.org/content/nstdb/1.0.0/) holds half
# an hour each of three kinds of noise. Volunteers moved while electrodes on their limbs
# recorded them, placed where the heart does not show (Moody, Muldrow and Mark 1984).
# `bw` is [baseline wander](../book/glossary.md#term-baseline-wander), `ma` is
# [muscle artefact](../book/glossary.md#term-muscle-noise). The third, electrode motion,
# is not used here.

# %%
source = find_source()
page.uses(source)
found = noise.find_noise(synthetic=source.is_synthetic)
classifier = load_model("ours")
table = load_beats(source, classifier.preparation).without_q()
halves = split_beats(table, "random", classifier.provenance.seed)
marked = source.is_synthetic or found.is_synthetic
if found.is_synthetic:
    print(noise.SYNTHETIC_BANNER)

# %% [markdown]
# ## How strong is noise? A definition
#
# The [signal-to-noise ratio](../book/glossary.md#term-SNR) (SNR) compares two powers,
# $S$ of the signal and $N$ of the noise, in decibels: $10 \log_{10}(S / N)$. At 0 dB
# both are equal, and every 10 dB more is a factor of ten.
#
# For an ECG it is not obvious what $S$ is. Most of the time the trace is flat, so
# its mean square would depend on the heart rate. WFDB's program
# [nst](https://www.physionet.org/physiotools/wag/nst-1.htm) therefore measures the QRS
# complexes: $A$ is their mean height from peak to peak, and $S = A^2 / 8$, the power
# of a sine wave of that height. $N$ is the mean square of the noise around its mean,
# second by second, so that slow drift from one second to the next does not count.
# To reach a wanted SNR, multiply the noise by
#
# $$ a = \frac{A}{\sqrt{8}\,\sqrt{N}} \, 10^{-SNR / 20} . $$
#
# With $A = 1.5$ mV, $S = 0.28$ mV². For 12 dB the noise may have a power of
# $0.28 / 10^{1.2} = 0.018$ mV², a root mean square of 0.13 mV.


# %%
def qrs_amplitude(signal, r_peaks):
    inside = (r_peaks >= 18) & (r_peaks + 18 < len(signal))
    r = r_peaks[inside][:300]
    near = signal[r[:, None] + np.arange(-18, 19)]  # 50 ms to either side
    return middle_mean(np.ptp(near, axis=1))


def noise_rms(wave):
    seconds = wave[: 300 * 360].reshape(-1, 360)
    return middle_mean(seconds.std(axis=1))


def middle_mean(values):  # without the lowest and the highest 5 %
    cut = int(0.05 * len(values))
    return np.sort(values)[cut : len(values) - cut].mean()


def gain(height, rms, snr_db):
    return height / np.sqrt(8) / rms * 10 ** (-snr_db / 20)


# %% [markdown]
# `nst` leaves out V and fusion beats. We do the same for every record, and compare our
# numbers with the library's.

# %%
records = list(np.unique(table.records))
heights = {}
for name in records:
    record = source.read(name, "MLII")
    normal = np.isin(record.symbols, noise.NORMAL_QRS)
    signal = record.lead("MLII")
    heights[name] = qrs_amplitude(signal, record.r_peaks[normal])
    theirs = noise.qrs_amplitude(signal, record.r_peaks, record.symbols)
    np.testing.assert_allclose(heights[name], theirs, rtol=1e-6)
rms = {kind: noise_rms(wave) for kind, wave in found.signals.items()}
for kind, wave in found.signals.items():
    np.testing.assert_allclose(rms[kind], noise.noise_rms(wave), rtol=1e-6)
assert abs(gain(1.5, 0.1, 12) - noise.gain(1.5, 0.1, 12)) < 1e-9
low, middle, high = np.quantile(list(heights.values()), [0, 0.5, 1])
print(f"QRS height: {low:.2f} to {high:.2f} mV, median {middle:.2f} mV")

# %% [markdown]
# QRS complexes are between 0.83 mV and 4.12 mV high, so "12 dB" is a different noise
# for each record. This is what it looks like in one of them.

# %% tags=["hide-input"]
start = 100 * 360
cut = slice(start, start + 5 * 360)
panels = {}
for kind, wave in found.signals.items():
    a = gain(heights[name], rms[kind], 12)
    noisy = signal + a * np.resize(wave, len(signal))
    lines = {"with noise": noisy, "denoised": denoise(noisy)}
    panels[f"{noise.KINDS[kind]}, 12 dB"] = {
        word: line[cut] - np.median(line[cut]) for word, line in lines.items()
    }
figure = figures.ecg_panels(
    panels, 360, f"Record {name} with noise", synthetic=marked
)
plots.show(figure)

# %% [markdown]
# *Figure 17.1. Five seconds of a record with noise at 12 dB, before and after the
# denoising of page 02, on ECG paper.*
#
# Denoising removes what lies below 0.35 Hz and above 45 Hz. Much of the noise lies in
# between, in the same frequencies as the heartbeat, and stays.
#
# ### Exercise 1: a factor by hand
#
# A recording's QRS complexes are 1.2 mV high, from peak to peak. A noise record has a
# root mean square of 0.3. By which factor $a$ must the noise be multiplied for 12 dB?
# Use the definition above, not the library.

# %% tags=["exercise"]
answer = ...
check("17.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# S = A^2 / 8; 12 = 10 log10(S / (N a^2)), so a^2 = S / N / 10^1.2.
answer = (1.2**2 / 8 / 0.3**2 / 10**1.2) ** 0.5
check("17.1", answer)

# %% [markdown]
# ## Noisy beats without denoising every record again
#
# Denoising is linear ([page 02](02_denoising.ipynb)): the denoised sum is the sum of
# the denoised parts. So we denoise the noise once, cut 180 samples of it anywhere, and
# add them to a beat that is denoised already. Each beat gets a stretch of its own.


# %%
waves = {kind: denoise(wave) for kind, wave in found.signals.items()}
height = np.array([heights[name] for name in table.records])


def add_noise(rows, kind, snr_db, first, last, seed=0):
    rng = np.random.default_rng(seed)
    minute = 360 * 60
    start = rng.integers(first * minute, last * minute - 180, len(rows))
    pieces = waves[kind][start[:, None] + np.arange(180)]  # (n, 180)
    a = gain(height[rows], rms[kind], snr_db)
    noisy = table.signals[rows] + a[:, None] * pieces
    return noisy.astype(np.float32)


a = gain(heights[name], rms["ma"], 6)
track = a * np.resize(found.signals["ma"], len(signal))
longer = denoise(signal + track)
assert np.abs(longer - (denoise(signal) + denoise(track))).max() < 1e-6

# %% [markdown]
# The minutes matter: a network must not be tested with noise that it has trained with.
# Minutes 0 to 15 of each noise record train, 15 to 20 choose the dose, and 20 to 30
# test.
#
# ## What noise costs the published network
#
# The published network of our recipe answers a part of the test half (every 8th
# beat; in the quick profile every 96th), with the same beats in every condition. R
# peaks are the annotators'. So this measures the classifier alone.
#
# **Predict:** without noise it classifies about 99 % correctly. How many at 12 dB, as
# in Figure 17.1? Which kind of noise costs more, and which class suffers most?
#
# <details><summary>Answer</summary>
#
# 97.2 % with baseline wander and 94.9 % with muscle artefact. The next figure shows
# that the accuracy hides most of the damage: it falls on the rare classes.
#
# </details>

# %%
test_rows = halves.test[:: 8 if full or source.is_synthetic else 96]
test_labels = table.labels[test_rows]
SNRS = (24, 12, 6, 0)


def scores(network, signals, labels):
    answers = predict(network, signals).argmax(axis=1)
    matrix = metrics.confusion_matrix(labels, answers)
    return 100 * metrics.accuracy(matrix), 100 * metrics.sensitivity(matrix)


conditions = {"no noise": table.signals[test_rows]}
for kind in noise.KINDS:
    for snr in SNRS:
        noisy = add_noise(test_rows, kind, snr, 20, 30)
        conditions[f"{kind} {snr} dB"] = noisy
ours = {}
for condition, signals in conditions.items():
    ours[condition] = scores(classifier.network, signals, test_labels)
    accuracy, se = ours[condition]
    print(f"{condition:9} {accuracy:6.2f} %   Se N S V F:", se.round(1))

# %% tags=["hide-input"]
panels = {
    "accuracy": {
        words: [ours[f"{kind} {snr} dB"][0] for snr in SNRS]
        for kind, words in noise.KINDS.items()
    },
    "sensitivity, muscle artefact": {
        c: [ours[f"ma {snr} dB"][1][i] for snr in SNRS]
        for i, c in enumerate("NSVF")
    },
}
figure = figures.line_panels(
    panels,
    SNRS,
    "signal-to-noise ratio (dB)",
    "per cent",
    "The published network under noise",
    synthetic=marked,
)
plots.show(figure)

# %% [markdown]
# *Figure 17.2. Accuracy with each kind of noise, and sensitivity of each class with
# muscle artefact, over the signal-to-noise ratio.*
#
# Muscle artefact at 12 dB costs 4.3 points of accuracy: from 99.2 % to 94.9 %. But
# 90 % of the beats are N, and N keeps a sensitivity of 97.9 %. The sensitivity of S
# falls from 91.2 % to 45.9 %, that of V from 97.3 % to 83.2 %, that of F from 91.8 %
# to 51.0 %. Noise at this level takes nearly half of what the network finds of S and F. These
# numbers rest on 6,293 beats, among them about 170 S and 50 F.
#
# <div class="live-frame" data-frame="dose"></div>
#
# ## Training with noise: choose the dose without the test beats
#
# If noise is expected, add it to the training beats. One question is left: how much?
# Whoever answers it by the score on the test beats has used them for training, and
# their score no longer says what happens on other beats. So we divide the *training
# half* once more: one part trains, the other, the
# [validation set](../book/glossary.md#term-validation-set), chooses.
#
# The published network knows the whole training half, so we train a small network
# from the beginning: every training beat as it is and once more with noise, half of
# the copies with `bw` and half with `ma`, at one dose.
#
# **Predict:** half of the validation score comes from beats without noise, half from
# beats at 12 dB. Which of the doses 24, 12, 6 and 0 dB will be best?
#
# <details><summary>Answer</summary>
#
# 12 dB. More noise costs accuracy where there is none; a dose of 24 dB changes almost
# nothing.
#
# </details>


# %%
def small_network(seed=0):
    torch.manual_seed(seed)
    layers = [nn.Unflatten(1, (1, 180))]
    for c_in, c_out in ((1, 16), (16, 32), (32, 32)):  # 180, 90, 45, 23
        layers += [nn.Conv1d(c_in, c_out, 7, 2, padding=3), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(32 * 23, 4)]
    return nn.Sequential(*layers)


def both_kinds(rows, snr_db, first, last, seed=0):
    one = add_noise(rows[::2], "bw", snr_db, first, last, seed)
    other = add_noise(rows[1::2], "ma", snr_db, first, last, seed)
    signals = table.signals[rows].copy()
    signals[::2], signals[1::2] = one, other
    return signals


def train_at(dose, seed=0):
    signals = table.signals[train_rows]
    noisy = signals
    if not isinstance(dose, str):  # a number, or one per pair of beats
        noisy = both_kinds(train_rows, dose, 0, 15)
    signals = torch.from_numpy(np.concatenate([signals, noisy]))
    labels = np.tile(table.labels[train_rows].astype(np.int64), 2)
    network = small_network(seed)
    train(network, signals, torch.from_numpy(labels), epochs, rate=2e-3)
    return network


# %%
n, epochs = (6000, 4) if full else (600, 2)
order = np.random.default_rng(0).permutation(halves.train)
train_rows, validation_rows = order[:n], order[n : 2 * n]
labels = table.labels[validation_rows]
networks, clean, noisy = {}, {}, {}
for dose in ("none", 24, 12, 6, 0):
    networks[dose] = train_at(dose)
    signals = table.signals[validation_rows]
    clean[dose], _ = scores(networks[dose], signals, labels)
    signals = both_kinds(validation_rows, 12, 15, 20)
    noisy[dose], _ = scores(networks[dose], signals, labels)
    mean = (clean[dose] + noisy[dose]) / 2
    print(f"dose {dose!s:>4} dB: clean {clean[dose]:.2f} %, ", end="")
    print(f"12 dB {noisy[dose]:.2f} %, mean {mean:.2f} %")
chosen = max(clean, key=lambda dose: clean[dose] + noisy[dose])

# %% [markdown]
# The rule stood before the training: the dose with the highest mean of the accuracy
# without noise and the accuracy at 12 dB, on the validation beats. It is 12 dB, and 6 dB
# is close behind.
#
# ### Exercise 2: another rule
#
# A ward accepts a loss of at most `most_lost` points of accuracy without noise. Write
# `choose(clean, noisy, most_lost)`. Both arguments are dictionaries like those above,
# from a dose to an accuracy, and have the key `"none"`. Return the dose with the
# highest noisy accuracy among those whose clean accuracy is at most `most_lost` below
# that of `"none"`.


# %% tags=["exercise"]
def choose(clean, noisy, most_lost):
    return ...  # your code here


check("17.2", choose)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
def choose(clean, noisy, most_lost):
    least = clean["none"] - most_lost
    allowed = [dose for dose in clean if clean[dose] >= least]
    return max(allowed, key=lambda dose: noisy[dose])


check("17.2", choose)

# %% [markdown]
# ## One look at the test half
#
# **Predict:** the chosen network has seen noise and the other has not. At 12 dB, which
# classes will gain sensitivity: N, S, V or F? And what does the training with noise
# cost where there is none?
#
# <details><summary>Answer</summary>
#
# Only N gains. The rare classes gain nothing from it at 12 dB. Without noise S and V lose
# two to three points and F nine, though F varies by more than that from seed to seed.
#
# </details>
#
# We train both networks with three seeds, because the sensitivity of a rare class
# varies from run to run, and test them once, with minutes 20 to 30 of the noise.

# %%
look = halves.test[:: 4 if full or source.is_synthetic else 32]
look_labels = table.labels[look]
parts = {
    "no noise": table.signals[look],
    "12 dB": both_kinds(look, 12, 20, 30),
}
tested = {}
for dose in ("none", chosen):
    of_seed = [networks[dose]]
    if full:
        of_seed += [train_at(dose, seed) for seed in (1, 2)]
    for part, signals in parts.items():
        runs = [scores(net, signals, look_labels) for net in of_seed]
        accuracy = np.mean([run[0] for run in runs])
        se = np.mean([run[1] for run in runs], axis=0)
        spread = np.ptp([run[1] for run in runs], axis=0)
        tested[dose, part] = accuracy, se
        print(f"trained {dose!s:>4} dB, {part:8}: {accuracy:.2f} %   ", end="")
        print("Se N S V F:", se.round(1), "spread", spread.round(1))

# %% [markdown]
# Measured by accuracy, training with noise looks free. At 12 dB it lifts the accuracy
# from 92.6 % to 94.9 %, and without noise it costs nothing: 96.1 % before and after.
#
# The sensitivities say something else. At 12 dB only N gains, from 96.3 % to 99.1 %.
# S stays at 27 %, V falls from 79.2 % to 77.1 %, and F from 38 % to 34 %, though F
# varies by 15 points from seed to seed. Without noise S falls from 45.1 % to 42.3 % and
# V from 84.6 % to 82.6 %, about as much as three seeds differ (up to 3.4 points), and F
# from 49.3 % to 40.7 %. In short, the network calls more beats N.
# Our rule asked for accuracy, and accuracy is what we got. If S matters, the rule has
# to say so *before* the test, for instance with the mean sensitivity.
#
# ### Exercise 3: change the dose and train again
#
# Real noise does not come in one dose. Write `doses(n, low, high, rng)`: `n` doses in
# decibels, drawn evenly between `low` and `high` with the generator `rng`, in an array
# of shape (n,). Then run `train_mixed(doses)` and compare the validation
# scores with those of the fixed doses, *not* the test scores. Training takes about 5 s
# on one CPU core.


# %%
def train_mixed(doses, low=0, high=24, seed=0):
    rng = np.random.default_rng(seed)
    return train_at(doses(len(train_rows) // 2, low, high, rng))


# %% tags=["exercise"]
def doses(n, low, high, rng):
    return ...  # your code here


check("17.3", doses)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
def doses(n, low, high, rng):
    return rng.uniform(low, high, n)


network = train_mixed(doses)
signals = table.signals[validation_rows]
mixed_clean, _ = scores(network, signals, labels)
signals = both_kinds(validation_rows, 12, 15, 20)
mixed_noisy, _ = scores(network, signals, labels)
print(f"clean {mixed_clean:.2f} %, 12 dB {mixed_noisy:.2f} %")
check("17.3", doses)

# %% [markdown]
# ## The model for new patients
#
# The library's default weights, `strangers`, were trained with noise too. Each recording
# was used three times, once of them with `bw` or `ma` between 9 and 18 dB, from the
# other electrode of the noise records. A cross-validation tested such models on people
# who were not trained on, at 12 dB. We read the stored results of that study.

# %%
strangers, sensitivities = {}, {}
for variant in ("clean", "ma", "bw"):
    (outcome,) = outcomes("people mitdb", "strangers", variant)
    matrix = outcome.matrices().sum(axis=0)
    strangers[variant] = 100 * metrics.accuracy(matrix)
    sensitivities[variant] = 100 * metrics.sensitivity(matrix)
    print(f"{variant:5}: {strangers[variant]:.2f} %   Se N S V F:", end=" ")
    print(sensitivities[variant].round(1))

# %% [markdown]
# With muscle artefact at 12 dB the accuracy is 95.3 %, with baseline wander 95.5 %, and
# without noise 95.6 %. The sensitivity of V falls from 95.5 % to 92.9 % with muscle
# artefact. Those of S and F hardly move, but they are low from the start: without noise
# the model finds 28.7 % of S and 0.2 % of F, which the accuracy alone would hide. Do not
# rank this model against the published network of our recipe above: that one was tested
# on patients it knows, this one on patients it does not.
#
# Noise that a program adds is a measured dose, and the only way to have the same beat
# with and without. Noise in a ward is different: electrodes come loose, and whoever
# labels a noisy beat has not seen it clean.

# %% tags=["hide-input"]
(clean_acc, clean_se), (acc, se) = ours["no noise"], ours["ma 12 dB"]
page.states("99.2 % to 94.9 %", (clean_acc, acc), within=0.5)
page.states("97.2 % with baseline", ours["bw 12 dB"][0], within=0.5)
page.states("sensitivity of 97.9 %", se[0], within=0.7)
said = "91.2 % to 45.9 %, that of V from 97.3 % to 83.2 %, "
said += "that of F from 91.8 % to 51.0 %"
page.states(said, np.transpose([clean_se, se])[1:].ravel(), within=5)
page.states("It is 12 dB", -9 if chosen == "none" else chosen, within=6)
(a, a_se), (b, b_se) = (tested[k, "12 dB"] for k in ("none", chosen))
page.states("92.6 % to 94.9 %", (a, b), within=0.8)
page.states("96.3 % to 99.1 %", (a_se[0], b_se[0]), within=0.8)
page.states("S stays at 27 %", (a_se + b_se)[1] / 2, within=5)
said, se = "79.2 % to 77.1 %, and F from 38 % to 34 %", (a_se, b_se)
page.states(said, np.transpose(se)[2:].ravel(), within=(4, 4, 10, 10))
(a, a_se), (b, b_se) = (tested[k, "no noise"] for k in ("none", chosen))
page.states("96.1 % before", (a + b) / 2, within=0.5)
said = "45.1 % to 42.3 % and V from 84.6 % to 82.6 %"
page.states(said, np.transpose([a_se, b_se])[1:3].ravel(), within=6)
said = "95.3 %, with baseline wander 95.5 %, and without noise 95.6 %"
page.states(said, [strangers[k] for k in ("ma", "bw", "clean")], within=0.5)
of_v = [sensitivities[variant][2] for variant in ("clean", "ma")]
page.states("95.5 % to 92.9 %", of_v, within=0.5)
page.states("28.7 % of S and 0.2 %", sensitivities["clean"][[1, 3]], 0.5)

# %% [markdown]
# ## Recap
#
# - The signal-to-noise ratio of an ECG needs a definition: here the power of its QRS
#   complexes over the power of the noise. Every 20 dB are a factor of 10 in amplitude.
# - Denoising takes the noise outside of the heartbeat's frequencies. What is inside
#   stays.
# - Muscle artefact at 12 dB costs four points of accuracy and nearly half of the S and F
#   beats that were found; baseline wander costs two points and about a sixth of them.
# - The dose is chosen on validation beats with noise of their own, and the test is
#   looked at once.
# - A gain in accuracy may be a gain of N alone. Report absolute sensitivities, with and
#   without noise.
#
# ## What next
#
# Noise was added here to beats whose R peaks were known. A program at the bedside has to
# find them first: [page 18](18_bedside.ipynb).

# %% tags=["hide-input"]
page.stamp(
    f"accuracy at 12 dB of muscle artefact {ours['ma 12 dB'][0]:.1f} %, "
    f"without noise {ours['no noise'][0]:.1f} %"
)
