# %% [markdown]
# # Wavelet denoising
#
# > **You will be able to** transform eight samples by hand with the Haar wavelet,
# > write the analysis and the synthesis of a discrete wavelet transform, say which
# > frequencies each of its bands holds, and denoise a recording by zeroing bands or
# > by soft thresholding.
# >
# > **Time:** 50 minutes to read and try; computes 10 s in both profiles, on one CPU core.
# >
# > **You need:** page 01, convolution, and an idea of what a frequency is.

# %%
import numpy as np
import pywt
from ecgbook import figures
from ecgbook.page import Page, check
from ecgkit import plots
from ecgkit.data import denoising
from ecgkit.data.sources import find_source

page = Page("02_denoising")
source = find_source(records=["103", "113", "215"])
page.uses(source)

# %% [markdown]
# ## Noise in a recording
#
# Electrodes measure the voltage of the heart plus three kinds of noise:
#
# - [baseline wander](../book/glossary.md#term-baseline-wander): the whole trace
#   drifts with breathing and movement, more slowly than the heart beats;
# - [muscle noise](../book/glossary.md#term-muscle-noise): the voltage of skeletal
#   muscles, irregular and fast, mostly above 20 Hz;
# - [mains](../book/glossary.md#term-mains): a tone from the power line, 60 Hz in
#   America and 50 Hz in most other places.

# %%
CLEAN, WANDER, MUSCLE = source.records[:3]
start_s = {WANDER: 270, MUSCLE: 190}
if source.is_synthetic:
    start_s = {WANDER: 30, MUSCLE: 30}
recordings = {name: source.read(name) for name in source.records[:3]}
FS = recordings[CLEAN].fs
signal = {name: each.lead("MLII") for name, each in recordings.items()}


def strip(x, start_s, seconds=6):
    first = round(start_s * FS)
    return x[first : first + round(seconds * FS)]


wander = strip(signal[WANDER], start_s[WANDER])
muscle = strip(signal[MUSCLE], start_s[MUSCLE])

# %% tags=["hide-input"]
synthetic = {"synthetic": source.is_synthetic}
panels = {
    f"Record {WANDER}: baseline wander": {"MLII": wander},
    f"Record {MUSCLE}: muscle noise": {"MLII": muscle},
}
seen = "Above, the trace climbs and falls; below, fine spikes lie on it."
title = "Two kinds of noise"
figure = figures.ecg_panels(panels, FS, title, seen=seen, **synthetic)
plots.show(figure)

# %% [markdown]
# *Figure 2.1. Above, the baseline drifts and the beats keep their shape. Below, bursts of
# muscle noise at both ends hide the small waves; between 3 and 5 s the trace is nearly
# clean.*
#
# Drift is slower than the heart, muscle noise and mains are mostly faster. If we
# split the signal into bands of frequency, we can remove the slowest and the fastest.
# The *discrete wavelet transform* ([DWT](../book/glossary.md#term-DWT)) makes such a
# split.
#
# ## Eight samples by hand
#
# The simplest wavelet is *Haar's*. Take the eight samples 4, 6, 10, 12, 8, 6, 5, 5
# as four pairs. For each pair note the sum and the difference, first minus second:
#
# | pair | 4, 6 | 10, 12 | 8, 6 | 5, 5 |
# |---|---|---|---|---|
# | sum | 10 | 22 | 14 | 10 |
# | difference | −2 | −2 | 2 | 0 |
#
# The sums follow the slow course of the signal, the differences its fast changes.
# Nothing is lost: half of 10 + (−2) is 4, and half of 10 − (−2) is 6. The Haar
# transform divides both rows by $\sqrt 2$. The sums then are called the
# *approximation* $a$, the differences the *detail* $d$:

# %%
x = np.array([4.0, 6, 10, 12, 8, 6, 5, 5])
first, second = x[::2], x[1::2]
a = (first + second) / np.sqrt(2)
d = (first - second) / np.sqrt(2)
np.testing.assert_allclose((a, d), pywt.dwt(x, "haar"))

back = np.empty(8)
back[::2] = (a + d) / np.sqrt(2)
back[1::2] = (a - d) / np.sqrt(2)
np.testing.assert_allclose(back, x)
energy = [f"{np.sum(y**2):.0f}" for y in (x, a, d)]
print("squares: {} = {} + {}".format(*energy))

# %% [markdown]
# With $\sqrt 2$ the sum of the squares, which is the energy of the signal, is the
# same before and after: 446 = 440 + 6. So we can say which share of the energy is
# in the detail: 6 of 446, or 1.3 %.
#
# **Predict:** set $d$ to zero and transform back. Which eight samples do you get?
#
# <details><summary>Answer</summary>
#
# 5, 5, 11, 11, 7, 7, 5, 5. Both samples of a pair become their mean, because the
# difference is gone. Zeroing the detail smooths the signal.
#
# </details>
#
# ### Exercise 1: the second level
#
# The same step can be taken again, with $a$ as the signal. Its four numbers are
# 10, 22, 14 and 10, each divided by $\sqrt 2$. Work out by hand the approximation
# $a_2$ and the detail $d_2$, two numbers each. Give all four in a list, $a_2$ first.

# %% tags=["exercise"]
answer = ...
check("02.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
# (10 + 22) / 2, (14 + 10) / 2, (10 - 22) / 2, (14 - 10) / 2
answer = [16, 12, -6, 2]
check("02.1", answer)

# %% [markdown]
# ## From Haar to db6
#
# The sum of a pair is a filter with two coefficients, $h = (1, 1)/\sqrt 2$, of which
# we keep every second output; the difference is another, $g = (-1, 1)/\sqrt 2$.
# Two coefficients are few: the Haar detail of a straight ramp is not zero. *Daubechies'
# wavelets* have longer filters. The paper uses *db6* with 12 coefficients: a low-pass
# filter $h$ and a high-pass filter $g$.

# %%
ramp = np.arange(100.0)
for wavelet in ("haar", "db6"):
    d = pywt.dwt(ramp, wavelet)[1][10:-10]  # without the ends
    print(f"{wavelet:5} largest detail of a ramp: {np.abs(d).max():.4f}")

# %% [markdown]
# The db6 detail of a ramp is zero, and so is that of any polynomial up to degree 5.
# Over 12 samples slow drift looks like such a polynomial, so it stays in the
# approximation.

# %% tags=["hide-input"]
figure, grid = plots.panel_grid(4.6, 2, 2)
for (left, right), name in zip(grid, ("haar", "db6"), strict=True):
    low, high = pywt.Wavelet(name).filter_bank[:2]
    phi, psi, at = pywt.Wavelet(name).wavefun(level=8)
    left.plot(low, "o-", label="h")
    left.plot(high, "s--", label="g")
    right.plot(at, phi, "-", label="scaling")
    right.plot(at, psi, "--", label="wavelet")
    left.set(ylabel="coefficient", title=f"{name}: filters")
    right.set(title=f"{name}: functions")
    left.legend(frameon=False, fontsize=10, loc="lower right")
    right.legend(frameon=False, fontsize=10, loc="lower left")
left.set_xlabel("k")
right.set_xlabel("samples of the level")
seen = "Haar: steps. db6: twelve coefficients, and smooth, oscillating curves."
plots.show(plots.finish(figure, "Haar and db6", seen))

# %% [markdown]
# *Figure 2.2. Left, the filters: low-pass h and high-pass g. Right, the functions
# that many levels build from them: a number of the approximation stands for one
# scaling function in the signal, a number of the detail for one wavelet. Haar's are
# steps, those of db6 are smooth.*
#
# ## One level: analysis and synthesis
#
# One level of *analysis* filters the signal and keeps every second output:
#
# $$ a[n] = \sum_k h[k]\; x[2n + 1 - k], \qquad
#    d[n] = \sum_k g[k]\; x[2n + 1 - k] $$
#
# With Haar's filters and the eight samples above,
# $a[1] = h[0]\,x[3] + h[1]\,x[2] = (12 + 10)/\sqrt 2$: the second pair. The filters
# of db6 reach beyond the ends of the signal. There it is continued by its mirror
# image.


# %%
def analyse(x, h, g):
    x = np.pad(x, len(h) - 1, mode="symmetric")
    a = np.convolve(x, h, mode="valid")[1::2]
    d = np.convolve(x, g, mode="valid")[1::2]
    return a, d


h, g = map(np.array, pywt.Wavelet("db6").filter_bank[:2])
a, d = analyse(wander, h, g)
np.testing.assert_allclose(a, pywt.dwt(wander, "db6")[0], atol=1e-12)
np.testing.assert_allclose(d, pywt.dwt(wander, "db6")[1], atol=1e-12)
print(f"{len(wander)} samples -> {len(a)} + {len(d)} numbers")

# %% [markdown]
# The transform has a few numbers more than the signal, for the ends. *Synthesis* is
# the way back: put a zero after each number of $a$ and $d$, convolve with the
# reversed filters, add, and cut off the ends.


# %%
def synthesise(a, d, h, g):
    spread = np.zeros((2, 2 * len(a)))
    spread[:, ::2] = a, d
    x = np.convolve(spread[0], h[::-1]) + np.convolve(spread[1], g[::-1])
    return x[len(h) - 2 : 2 * len(a)]


np.testing.assert_allclose(synthesise(a, d, h, g), wander, atol=1e-12)
inverse = pywt.idwt(a, d, "db6")
np.testing.assert_allclose(synthesise(a, d, h, g), inverse, atol=1e-12)

# %% [markdown]
# ### Exercise 2: two parts that add up
#
# Write `parts(x, h, g)`: the signal that synthesis makes from the approximation
# alone, and the one it makes from the detail alone, as a pair. Each is as long as
# `x` (an even number of samples), and together they add up to it.


# %% tags=["exercise"]
def parts(x, h, g):
    return ...  # your code here


check("02.2", parts)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
def parts(x, h, g):
    a, d = analyse(x, h, g)
    return synthesise(a, 0 * d, h, g), synthesise(0 * a, d, h, g)


check("02.2", parts)

# %% [markdown]
# ## Nine levels
#
# The next level analyses $a$ in the same way, the next one its approximation, and
# so on. After nine levels there are nine details, D1 to D9, and one approximation,
# A9: ten [bands](../book/glossary.md#term-band).


# %%
def wavedec(x, level, h, g):
    details = []
    for _ in range(level):
        x, d = analyse(x, h, g)
        details.append(d)
    return [x, *details[::-1]]  # A9, D9, ..., D1


def waverec(coefficients, h, g):
    x, *details = coefficients
    for d in details:
        x = synthesise(x[: len(d)], d, h, g)
    return x


x = signal[WANDER]
coefficients = wavedec(x, 9, h, g)
theirs = pywt.wavedec(x, "db6", level=9)
for c, other in zip(coefficients, theirs, strict=True):
    np.testing.assert_allclose(c, other, atol=1e-10)
back = waverec(coefficients, h, g)[: len(x)]
np.testing.assert_allclose(back, x, atol=1e-10)

# %% [markdown]
# Each level keeps every second number and so halves the sampling rate. A sampling
# rate of 360 Hz can hold frequencies up to 180 Hz. The detail of the first level
# gets the upper half of them, 90 to 180 Hz, the detail of level $j$ the octave from
# $f_s / 2^{j+1}$ to $f_s / 2^j$. For D2 that is 360/8 = 45 Hz to 360/4 = 90 Hz.
#
# | band | nominal edges (Hz) | what is there, roughly |
# |---|---|---|
# | A9 | below 0.35 | baseline wander |
# | D9 | 0.35–0.70 | fast breathing, very slow heart rates |
# | D8 | 0.70–1.4 | heart rate, slow part of the T wave |
# | D7 | 1.4–2.8 | T wave |
# | D6 | 2.8–5.6 | T wave, P wave |
# | D5 | 5.6–11 | P wave, QRS complex |
# | D4 | 11–22 | QRS complex |
# | D3 | 22–45 | QRS complex; muscle noise |
# | D2 | 45–90 | muscle noise; 50 and 60 Hz mains; the edges of the QRS complex |
# | D1 | 90–180 | muscle noise, noise of the recorder |
#
# Are the edges sharp? Send tones through the transform and see which share of the
# energy of each tone is found in which band (the ends are joined to a ring):

# %%
hz = np.geomspace(0.1, 179, 150)
t = np.arange(42 * 512) / 360
share = {name: [] for name in denoising.band_names()}
for f in hz:
    tone = np.sin(2 * np.pi * f * t)
    bands = pywt.wavedec(tone, "db6", mode="periodization", level=9)
    energy = np.array([np.sum(band**2) for band in bands])
    for name, part in zip(share, energy / energy.sum(), strict=True):
        share[name].append(part)

seen = "Ten humps side by side; neighbours cross at about one half."
labels = (
    "frequency of the tone (Hz)",
    "share of its energy",
    "db6, nine levels",
)
figure = figures.line_panels({"": share}, hz, *labels, log="x", seen=seen)
plots.show(figure)

# %% [markdown]
# *Figure 2.3. A tone in the middle of an octave is found mostly in one band. A tone at an
# edge is divided between two.*
#
# The edges are soft. Even of a tone of 60 Hz, well inside D2, D2 gets only 93 % of the
# energy. The rest is in D1 and D3.

# %% tags=["hide-input"]
tone = np.sin(2 * np.pi * 60 * t)
tone = pywt.wavedec(tone, "db6", mode="periodization", level=9)
energy = [np.sum(band**2) for band in tone]
page.states("93 %", 100 * energy[-2] / sum(energy), within=0.5)

# %% [markdown]
# ### Exercise 3: another sampling rate
#
# By the edges of the bands alone, without a transform: which band holds 60 Hz when the
# sampling rate is 250 Hz, and which at 500 Hz? Give both names in a list, such as `["D1", "D9"]`.

# %% tags=["exercise"]
answer = ...
check("02.3", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
# 250 Hz: D1 is 62.5 to 125 Hz, D2 31.25 to 62.5 Hz. 500 Hz: D1 is 125 to 250,
# D2 62.5 to 125, D3 31.25 to 62.5 Hz.
answer = ["D2", "D3"]
check("02.3", answer)

# %% [markdown]
# ## A strip and its bands
#
# Synthesis with all bands but one set to zero shows what a band holds. The ten
# signals add up to the recording, because every step is a sum.


# %%
def split_bands(x, level, h, g):
    coefficients = wavedec(x, level, h, g)
    out = {}
    for i, name in enumerate(denoising.band_names(level)):
        alone = [c * (i == j) for j, c in enumerate(coefficients)]
        out[name] = waverec(alone, h, g)[: len(x)]
    return out


x = signal[WANDER]
bands = split_bands(x, 9, h, g)
np.testing.assert_allclose(sum(bands.values()), x, atol=1e-9)
for name, band in bands.items():
    rest = denoising.denoise(x, [name])
    np.testing.assert_allclose(x - band, rest, atol=1e-9)

at = start_s[WANDER]
shown = {name: strip(band, at) for name, band in bands.items()}
title = f"Record {WANDER}: six seconds in ten bands"
plots.show(figures.band_signals(shown, FS, title, **synthetic))

# %% [markdown]
# *Figure 2.4. The strip of Figure 2.1 above, band by band, each to its own scale.
# A9 and D9 hold the drift. The QRS complexes are in D1 to D6, mostly in D3 and D4.*
#
# **Predict:** we want to remove noise above 45 Hz and set D1 and D2 to zero. Look at
# D2. What else is removed?
#
# <details><summary>Answer</summary>
#
# A small part of each QRS complex. Its steep edges need frequencies above 45 Hz.
# [Page 03](03_cost_of_denoising.ipynb) measures how much is lost.
#
# </details>
#
# ## Denoising by zeroing bands
#
# The paper says: "We use the Matlab software tool to perform the db6 wavelet
# decomposition of ECG and zero out the coefficients at certain scales." It does not
# say how many levels or which scales. This book decided:
#
# | question | decision |
# |---|---|
# | how many levels? | nine: A9 lies below 21 per minute, slower than nearly every regular rhythm |
# | which bands are zeroed? | A9 (below 0.35 Hz) as drift, D1 and D2 (above 45 Hz) as noise |
# | how does the signal go on beyond its ends? | as its mirror image, Matlab's default |
# | before or after beats are cut out? | before |


# %%
def denoise(x, zeroed=("A9", "D1", "D2")):
    coefficients = wavedec(x, 9, h, g)
    names = denoising.band_names(9)
    for name, c in zip(names, coefficients, strict=True):
        if name in zeroed:
            c[:] = 0
    return waverec(coefficients, h, g)[: len(x)]


denoised = denoise(x)
np.testing.assert_allclose(denoised, denoising.denoise(x), atol=1e-9)

removed = x - denoised

# %% tags=["hide-input"]
panels = {
    "before": {"MLII": strip(x, at)},
    "after": {"denoised": strip(denoised, at)},
    "removed": {"before minus after": strip(removed, at)},
}
seen = "The drift stands alone in the third panel, with bursts at the QRS."
title = f"Record {WANDER}: A9, D1 and D2 set to zero"
figure = figures.ecg_panels(panels, FS, title, seen=seen, **synthetic)
plots.show(figure)

# %% [markdown]
# *Figure 2.5. Before, after, and the difference. Most of the drift is removed. Its fast
# part stays, because D9 is kept: near 4.5 s the level still rises by 0.4 mV. The short
# bursts in the third panel are parts of the QRS complexes.*
#
# Always draw what was removed.
#
# <div class="live-frame" data-frame="bands"></div>
#
# Why before cutting? One number of A9 depends on many samples: the 12 coefficients
# reach 11 samples back at level 1, 22 at level 2, and so on, in all
# $11 \cdot (1 + 2 + \dots + 256) = 5{,}621$ samples, or 15.6 s. Synthesis spreads this
# number over as many samples again, so a denoised sample depends on 15.6 s of the
# recording on each side of it. A beat has 180 samples, enough for 4 levels. The rest
# would be its own mirror images.

# %%
assert denoising.reach() == 11 * (2**9 - 1) == 5621
assert pywt.dwt_max_level(180, "db6") == 4

# %% [markdown]
# ### Exercise 4: change the wavelet and the level
#
# Write `denoise_with(x, wavelet, level, zeroed)`: your own denoiser for any orthogonal
# wavelet of PyWavelets (haar, db, sym, coif) and any number of levels, from `wavedec` and `waverec` above. Then
# denoise record 113 with Haar, db2, db6 and db12: which removes most in D1 and D2?


# %% tags=["exercise"]
def denoise_with(x, wavelet, level, zeroed):
    return ...  # your code here


check("02.4", denoise_with)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution
def denoise_with(x, wavelet, level, zeroed):
    h, g = map(np.array, pywt.Wavelet(wavelet).filter_bank[:2])
    coefficients = wavedec(x, level, h, g)
    for name, c in zip(denoising.band_names(level), coefficients, strict=True):
        c *= name not in zeroed
    return waverec(coefficients, h, g)[: len(x)]


for wavelet in ("haar", "db2", "db6", "db12"):
    removed = x - denoise_with(x, wavelet, 9, ("D1", "D2"))
    print(f"{wavelet:5} D1 and D2 hold {1000 * removed.std():.0f} µV rms")
check("02.4", denoise_with)

# %% [markdown]
# ## Zeroing beside soft thresholding
#
# Zeroing removes everything in a band, noise and heart alike. [Soft
# thresholding](../book/glossary.md#term-soft-thresholding) ([Donoho
# 1995](https://doi.org/10.1109/18.382009)) looks at each coefficient: noise makes many
# small ones, a QRS complex makes a few large ones. With a threshold $\lambda$,
# coefficients up to $\lambda$ become zero, and larger ones shrink by $\lambda$:
#
# $$ c \mapsto \operatorname{sign}(c)\,\max(|c| - \lambda,\, 0) $$
#
# With $\lambda = 0.10$ a coefficient of 0.30 becomes 0.20, and one of −0.05 becomes 0.
# How large are the coefficients of noise? White noise of standard deviation $\sigma$
# has coefficients of the same $\sigma$ in every band. D1 holds hardly any heart, so
# its median absolute value estimates $\sigma$: for normally distributed noise this
# median is $0.6745\,\sigma$, so we divide by 0.6745. Of $n$ random
# numbers hardly one exceeds $\lambda = \sigma\sqrt{2 \ln n}$: for $\sigma = 0.02$ mV and
# $n = 108{,}000$ that is 0.096 mV.


# %%
def soften(x, bands=("D1", "D2")):
    coefficients = wavedec(x, 9, h, g)
    sigma = np.median(np.abs(coefficients[-1])) / 0.6745
    threshold = sigma * np.sqrt(2 * np.log(len(x)))
    for name, c in zip(denoising.band_names(9), coefficients, strict=True):
        if name == "A9":
            c[:] = 0
        if name in bands:
            c[:] = np.sign(c) * np.maximum(np.abs(c) - threshold, 0)
    return waverec(coefficients, h, g)[: len(x)]


# %% [markdown]
# To compare the two we need a signal whose truth is known. Take five calm minutes of
# record 103 without their drift, call them the truth, and add white noise of 0.02,
# 0.05 or 0.10 mV. The error is what differs from the truth afterwards, as a root mean
# square: within 50 ms of the R peaks, where the QRS complex is, and elsewhere.
#
# **Predict:** both methods act on the same two bands, D1 and D2. Where will their
# errors differ, at the QRS complexes or elsewhere?

# %%
truth = denoise(strip(signal[CLEAN], 0, 300), ["A9"])
r_peaks = recordings[CLEAN].r_peaks
r_peaks = r_peaks[(r_peaks > 20 * FS) & (r_peaks < 280 * FS)]
near_r = np.zeros(len(truth), dtype=bool)
for offset in range(-18, 19):
    near_r[r_peaks + offset] = True

noise = np.random.default_rng(0).standard_normal(len(truth))
error = {}
for size in (0.02, 0.05, 0.10):
    for method in (denoise, soften):
        square = (method(truth + size * noise) - truth) ** 2
        qrs, rest = square[near_r].mean(), square[~near_r].mean()
        error[method.__name__, size] = 1000 * np.sqrt([qrs, rest])
print("µV in and outside of QRS complexes")
for (method, size), (qrs, rest) in error.items():
    print(f"noise {size:.2f} mV, {method:8} {qrs:4.0f} {rest:4.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the QRS complexes. With noise of 0.02 mV, zeroing is wrong by 59 µV there and
# soft thresholding by 36 µV. Elsewhere D1 and D2 hold only noise, and both methods
# remove it. The errors that remain are 15 and 14 µV: a quarter of the power of the added
# noise lies in the bands that are kept ($20 \cdot \sqrt{1/4} = 10$ µV), and the recording's
# own noise in D1 and D2 is removed too, but counts as truth here.
#
# </details>

# %% tags=["hide-input"]
zero_qrs, zero_rest = error["denoise", 0.02]
soft_qrs, soft_rest = error["soften", 0.02]
page.states("59 µV", zero_qrs, within=3)
page.states("36 µV", soft_qrs, within=3)
page.states("15 and", zero_rest, within=1)
page.states("14 µV", soft_rest, within=1)
page.states("76 µV", error["denoise", 0.10][0], within=3)
page.states("76 µV", error["soften", 0.10][0], within=3)
largest = max(np.abs(c).max() for c in wavedec(truth, 9, h, g)[-2:])
page.states("0.44 mV", largest, within=0.02)
beat = slice(r_peaks[3] - 60, r_peaks[3] + 84)
noisy = truth + 0.02 * noise
lines = {"zeroing": denoise(noisy), "soft": soften(noisy)}
panel = {k: 1000 * (line - truth)[beat] for k, line in lines.items()}
ms = np.arange(-60, 84) / 0.36
seen = "The error of zeroing is a burst after R; that of soft is smaller."
names = "time from the R peak (ms)", "error (µV)", "Error in one beat"
figure = figures.line_panels({"": panel}, ms, *names, seen=seen, **synthetic)
plots.show(figure)

# %% [markdown]
# *Figure 2.6. The error of both methods in one beat with 0.02 mV of noise. Zeroing loses
# the edges of the QRS complex. Soft thresholding keeps more of them, because their
# coefficients exceed the threshold.*
#
# The advantage shrinks with more noise: with 0.10 mV the threshold is 0.48 mV. The
# largest coefficient of the truth in D1 and D2 is 0.44 mV, so soft thresholding
# becomes zeroing, and both methods are wrong by 76 µV. Soft
# thresholding has a price of its own: it is not linear, and its threshold depends on
# the whole recording. The book zeroes bands, as the paper does.
#
# ## Recap
#
# - One level of the DWT convolves with a low-pass and a high-pass filter and keeps
#   every second output. Synthesis reverses it without loss.
# - Each level halves the frequencies. At 360 Hz, nine levels put drift into A9
#   (below 0.35 Hz) and the fastest noise into D1 and D2 (above 45 Hz). The edges are
#   soft.
# - The paper does not name its bands. This book zeroes A9, D1 and D2 of the whole
#   recording, before beats are cut out.
# - Zeroing removes noise and heart alike. Soft thresholding spares large
#   coefficients, as long as the noise is small.
#
# ## What next
#
# [Page 03](03_cost_of_denoising.ipynb) measures what denoising costs: the ST segment,
# the mains, the height of the R wave, and the accuracy of a classifier. The filter
# bank is from [Mallat 1989](https://doi.org/10.1109/34.192463), db6 from
# [Daubechies 1988](https://doi.org/10.1002/cpa.3160410705).

# %% tags=["hide-input"]
page.stamp(f"QRS error: zeroing {zero_qrs:.0f} µV, soft {soft_qrs:.0f} µV")
