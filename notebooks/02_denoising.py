# %% [markdown]
# # Denoising: what is drift, what is noise, and what does removing it cost
#
# **You will be able to** tell baseline wander, mains and muscle noise apart on a
# strip, take one step of a discrete wavelet transform by hand, say which
# frequencies each of its bands holds and which bands to zero, and measure what
# the zeroing does to the QRS complex, to the ST segment and to the noise, beside
# an ordinary filter.
#
# **Time:** about 60 minutes to read and try; the page computes for about
# ten seconds on two CPU cores, in quick and in full profile alike. A GPU gains
# nothing.
#
# **You need** the quickstart and an idea of what a frequency is. Convolution is
# explained where it comes. Five recordings and two of noise, about 14 MB, are
# fetched where they are missing.

# %%
import numpy as np
import pywt
import scipy.signal
from ecgbook import figures, noise
from ecgbook.page import Page, check, show_code
from ecgkit import plots
from ecgkit.data import denoising
from ecgkit.data.sources import find_source
from IPython.display import Markdown, display

page = Page("02_denoising")
source = find_source(records=["103", "113", "121", "202", "215"])
page.uses(source)

# %% [markdown]
# ## Three disturbances
#
# What electrodes pick up is the heart's voltage plus whatever else moves charges
# nearby. Three kinds are in nearly every recording:
#
# - **baseline wander**: the whole trace drifts, slower than the heart beats,
#   with breathing, movement and the chemistry under the electrode;
# - **muscle noise**: the skeletal muscles' own voltage, irregular and fast,
#   strongest between 20 and 150 Hz, while the patient tenses or moves;
# - **mains**: a pure tone from the power line, 60 Hz in America, 50 Hz in most
#   other places.
#
# The first two, as record 113 and record 215 have them:

# %%
if source.is_synthetic:  # stand-ins: the text describes MIT-BIH's
    CLEAN, WANDER, HUM_30, HUM_60, MUSCLE = source.records[:5]
    WANDER_S, HUM_S, MUSCLE_S = 30, 30, 30
else:
    CLEAN, WANDER, HUM_30, HUM_60, MUSCLE = source.records
    WANDER_S, HUM_S, MUSCLE_S = 270, 881.35, 190

recordings = {name: source.read(name) for name in source.records[:5]}
FS = recordings[CLEAN].fs
signal = {name: each.lead("MLII") for name, each in recordings.items()}


def stretch(signal, start_s, seconds):
    first = round(start_s * FS)
    return signal[first : first + round(seconds * FS)]


wander = stretch(signal[WANDER], WANDER_S, 6)
muscle = stretch(signal[MUSCLE], MUSCLE_S, 6)
plots.show(
    figures.ecg_panels(
        {
            f"Record {WANDER}: baseline wander": {"MLII": wander},
            f"Record {MUSCLE}: muscle noise": {"MLII": muscle},
        },
        FS,
        "What electrodes pick up besides the heart",
        seen="Above, the trace climbs and falls as a whole between beats of "
        "constant shape; below, fine irregular spikes ride on it.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# Mains is hard to see at this scale. Take one second of record 202 and look
# closely at its level parts: a ripple lower than a small square, some sixty waves
# in the second.

# %%
plots.show(
    figures.ecg_panels(
        {
            f"Record {HUM_60}, one second": {
                "MLII": stretch(signal[HUM_60], HUM_S, 1)
            }
        },
        FS,
        "Mains",
        seen="One beat; on its level parts a fine, regular ripple, lower than "
        "a small square.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# Where the eye has trouble a *spectrum* has none: it says how much power the
# signal has at each frequency. Its scale is in decibels (dB), ten times the
# logarithm of a ratio of powers: 10 dB are a factor of ten, 3 dB a factor of two.
# (For ratios of amplitudes it is twenty times: power goes with their square.) The P
# and T waves and the rhythm itself lie below 10 Hz, the QRS complex reaches to some
# 40 Hz, and a tone stands out as a needle.

# %%
hz, _ = scipy.signal.welch(signal[HUM_60], FS, nperseg=7200)
spectra = {
    f"record {name}": 10
    * np.log10(scipy.signal.welch(signal[name], FS, nperseg=7200)[1][1:])
    for name in (HUM_60, HUM_30)
}
plots.show(
    figures.line_panels(
        {"": spectra},
        hz[1:],
        "frequency (Hz)",
        "power density (dB re 1 mV²/Hz)",
        "Two recordings, two places for the mains",
        log="x",
        seen="The power falls from below 10 Hz on. One record has a needle at "
        "60 Hz; in MIT-BIH the other has it at 30 Hz.",
        marks={"fast tape": 30, "mains": 60},
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# The needle of record 121 stands at 30 Hz, not at 60. MIT-BIH's recorders ran on
# batteries; the mains came in when the tapes were *played back*, and some were
# played at twice the speed. What was 60 Hz then counts as 30 Hz of the patient's
# time, as PhysioNet's [introduction to the
# database](https://archive.physionet.org/physiobank/database/html/mitdbdir/intro.htm)
# tells. Keep this in mind for later: whoever removes "the mains at 60 Hz" removes
# nothing from such a record.
#
# ## One level by hand
#
# The discrete wavelet transform (DWT) is two filters and a rule. The filters are
# short lists of numbers, twelve each for the wavelet *db6*: a low-pass $h$ and a
# high-pass $g$. The rule: filter, then keep every second sample.
#
# $$ a[n] = \sum_k h[k]\; x[2n + 1 - k] $$
#
# $$ d[n] = \sum_k g[k]\; x[2n + 1 - k] $$
#
# The *approximation* $a$ holds what is slow, the *detail* $d$ what is fast, and
# together they have as many numbers as $x$ (and a few more for the ends). Where
# the filters reach beyond the ends, $x$ is continued by its mirror image.

# %%
h, g = map(np.array, pywt.Wavelet("db6").filter_bank[:2])
print("low-pass h ", h.round(3))
print("high-pass g", g.round(3))

x = wander
mirrored = np.pad(x, len(h) - 1, mode="symmetric")
a = np.convolve(mirrored, h, mode="valid")[1::2]
d = np.convolve(mirrored, g, mode="valid")[1::2]
a_pywt, d_pywt = pywt.dwt(x, "db6", mode="symmetric")
print(f"{len(x)} samples -> {len(a)} + {len(d)}")
print("same as pywt:", np.allclose(a, a_pywt), np.allclose(d, d_pywt))

# %% [markdown]
# The sum of the squares of $a$ and $d$ is that of $x$ (but for the ends): $h$, $g$
# and their copies shifted by two samples, by four, ... stand at right angles to
# each other. Such a wavelet is called *orthogonal*, and this is why one may speak
# of the share of the power that each part gets.
#
# ## Nine levels
#
# Now do the same to $a$, and to its $a$, nine times:
#
# ```text
# x --- h, every 2nd --- A1 --- h, every 2nd --- A2 --- ... --- A9
#   \-- g, every 2nd --- D1 \-- g, every 2nd --- D2     ... \-- D9
# ```
#
# What is left are the details D1 to D9 and the last approximation A9: ten
# *bands*. Each level halves the sampling rate, and so the frequencies that it can
# hold. The library's module
# [`denoising`](../book/api_data.md#module-ecgkit.data.denoising) names them and
# computes their nominal edges:

# %%
show_code(denoising.band_names)
show_code(denoising.band_edges_hz)

# %% tags=["hide-input"]
HOLDS = {
    "A9": "baseline wander",
    "D9": "fast breathing, the slowest heart rates",
    "D8": "heart rate, slow parts of ST and T",
    "D7": "T wave",
    "D6": "T and P wave",
    "D5": "P wave, QRS",
    "D4": "QRS",
    "D3": "QRS; muscle; 30 Hz hum",
    "D2": "muscle; 50 and 60 Hz mains; the edges of the QRS",
    "D1": "muscle, the recorder's own noise",
}
rows = []
for name, (low, high) in denoising.band_edges_hz(FS).items():
    apart = 2 ** int(name[1:])
    rows.append(
        f"| {name} | {low:.3g} to {high:.3g} | {apart} | "
        f"{1000 * apart / FS:.1f} | {HOLDS[name]} |"
    )
display(
    Markdown(
        f"At {FS:.0f} Hz:\n\n| band | nominal edges (Hz) | one number every "
        "... samples | ... ms | what lives there, roughly |\n"
        "|---|---|---|---|---|\n" + "\n".join(rows)
    )
)

# %% [markdown]
# ## How sharp are the edges?
#
# Not very: twelve numbers make no brick wall. A tone of frequency $f$ has the
# angular frequency $\omega = 2\pi f / f_s$ a sample. Of its power the low-pass
# passes $|H(\omega)|^2 / 2$ and the high-pass $|G(\omega)|^2 / 2$, and these add up
# to one. Each "every 2nd" doubles $\omega$. So the share of band $j$ is
#
# $$ D_j(\omega) = \frac{|G(2^{j-1}\omega)|^2}{2} \prod_{i=0}^{j-2}
#    \frac{|H(2^{i}\omega)|^2}{2} $$
#
# $$ A_9(\omega) = \prod_{i=0}^{8} \frac{|H(2^{i}\omega)|^2}{2} $$


# %%
def shares(hz, wavelet="db6", level=9):
    """Share of a tone's power that each band gets."""
    h, g = pywt.Wavelet(wavelet).filter_bank[:2]
    omega, rest, bands = 2 * np.pi * hz / FS, np.ones_like(hz), {}
    for j in range(1, level + 1):
        H = scipy.signal.freqz(h, worN=omega)[1]
        G = scipy.signal.freqz(g, worN=omega)[1]
        bands[f"D{j}"] = rest * np.abs(G) ** 2 / 2
        rest = rest * np.abs(H) ** 2 / 2
        omega = 2 * omega
    return {f"A{level}": rest} | dict(reversed(bands.items()))


hz = np.geomspace(0.1, 179, 2000)
plots.show(
    figures.line_panels(
        {"": shares(hz)},
        hz,
        "frequency (Hz)",
        "share of the tone's power",
        "db6, nine levels: the bands share a tone",
        log="x",
        seen="Ten humps side by side; neighbours cross at one half.",
    )
)

# %% [markdown]
# Neighbours share what lies near their common edge, half and half at the edge
# itself. A band is a soft thing: "D2 is 45 to 90 Hz" is true of most of what is
# in it.
#
# ## A strip and its ten bands
#
# Put back one band at a time, all others zero, and the strip of record 113 falls
# apart into ten signals that add up to it. In the library
# [`bands`](../book/api_data.md#ecgkit.data.denoising.bands) does this:

# %%
show_code(denoising._decompose)
show_code(denoising.bands)

# %%
split = denoising.bands(signal[WANDER])
assert np.allclose(sum(split.values()), signal[WANDER])
plots.show(
    figures.band_signals(
        {name: stretch(band, WANDER_S, 6) for name, band in split.items()},
        FS,
        f"Record {WANDER}: the bands of six seconds",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# In record 113 A9 carries the drift and D9 a part of it; the QRS complexes are
# spikes in D3 to D5, and D2 still has a small one at every beat. There is no band
# without ECG on the fast side, and this is the whole difficulty: zeroing a band
# removes noise *and* a little of the heart.
#
# ## Which bands does the paper zero?
#
# It does not say. "We use the Matlab software tool to perform the db6 wavelet
# decomposition of ECG and zero out the coefficients at certain scales" is all.
# So this book had to settle it:
#
# | question | decision |
# |---|---|
# | how many levels? | nine: the first number at which the approximation is slower than any heart |
# | which bands? | A9 (below 0.35 Hz) as drift; D1 and D2 (above 45 Hz) as noise |
# | beyond the ends? | the mirror image, Matlab's default |
# | before or after cutting beats? | before: a beat of 180 samples is too short for nine levels |
#
# The function,
# [`denoise`](../book/api_data.md#ecgkit.data.denoising.denoise), is short:

# %%
show_code(denoising.denoise)
print("zeroed by default:", *denoising.ZEROED)

# %%
clean = denoising.denoise(signal[WANDER])
plots.show(
    figures.ecg_panels(
        {
            "before": {"MLII": wander},
            "after": {"denoised": stretch(clean, WANDER_S, 6)},
            "what was removed": {
                "before minus after": wander - stretch(clean, WANDER_S, 6)
            },
        },
        FS,
        f"Record {WANDER}, six seconds",
        seen="The drift of the first panel is gone in the second and stands "
        "alone in the third, with a small ripple at each QRS complex.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# Always draw what was removed. Here it is a smooth drift with small bursts on it,
# one at each QRS complex: those are the heart's own fast parts, in D1 and D2.
#
# Muscle noise is another matter:

# %%
after = stretch(denoising.denoise(signal[MUSCLE]), MUSCLE_S, 6)
plots.show(
    figures.ecg_panels(
        {
            "before": {"MLII": muscle},
            "after": {"denoised": after},
            "what was removed": {"before minus after": muscle - after},
        },
        FS,
        f"Record {MUSCLE}, six seconds",
        seen="The fine spikes are somewhat lower after denoising, not gone.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# What muscle noise has below 45 Hz lies in the same bands as the QRS complex. No
# choice of bands separates the two.
#
# ## What removing A9 costs
#
# Zeroing A9 makes a high-pass filter: what is fast passes. Cardiology has strong
# opinions on those: a heart attack is read from the *ST segment*, a nearly level
# stretch between QRS complex and T wave, and whether it stands 0.1 mV above or
# below the level before the QRS. Level stretches are what a high-pass filter bends.
# The American Heart Association asks for a cut-off, the frequency below which a
# filter takes away, of 0.05 Hz; a digital filter *without phase distortion* (more
# of this below) may go up to 0.67 Hz
# ([Kligfield et al. 2007](https://doi.org/10.1161/CIRCULATIONAHA.106.180200)).
# Monitors, which watch rhythm and not ST, use 0.5 Hz or more. At 0.67 Hz the
# standards allow a diagnostic device to lose 0.9 dB and a monitor 3 dB (quoted by
# [Abächerli and Schmid 2009](http://www.jecgonline.com/article/S0022-0736(09)00324-0/fulltext);
# the standards themselves, IEC 60601-2-25 and 2-27, are not free to read).
#
# Where does zeroing A9 stand? A tone of share $s$ in the zeroed bands comes out
# with the amplitude $1 - s$ *at its own frequency*.

# %%
hz = np.geomspace(0.05, 5, 1000)
band = shares(hz)


def db(amplitude):
    return 20 * np.log10(np.maximum(amplitude, 1e-3))


highpass = scipy.signal.butter(1, 0.5, "highpass", fs=FS, output="sos")
kept = {
    "A9 zeroed": db(1 - band["A9"]),
    "A9 and D9 zeroed": db(1 - band["A9"] - band["D9"]),
    "0.5 Hz, first order": db(
        np.abs(scipy.signal.sosfreqz(highpass, worN=hz, fs=FS)[1])
    ),
}
plots.show(
    figures.line_panels(
        {"": kept},
        hz,
        "frequency (Hz)",
        "amplitude (dB)",
        "Low frequencies: what is left of a tone",
        log="x",
        seen="Zeroing A9 cuts steeply around 0.35 Hz, zeroing D9 as well "
        "around 0.7 Hz; the ordinary filter falls gently.",
        marks={
            "AHA": 0.05,
            "edge of A9": FS / 1024,
            "AHA, zero phase": 0.67,
        },
    )
)

# %% tags=["hide-input"]
lost = {}  # tone in Hz -> dB lost with A9 zeroed, and with D9 zeroed, too
for f in (0.05, 0.5, 0.67):
    s = shares(np.array([f]))
    for_two = db(1 - s["A9"])[0], db(1 - s["A9"] - s["D9"])[0]
    lost[f] = [abs(each) for each in for_two]
table = "\n".join(f"| {f} | {x:.2f} | {y:.2f} |" for f, (x, y) in lost.items())
cut_off = hz[np.argmax(kept["A9 zeroed"] > -3)]
half = hz[np.argmax(1 - band["A9"] > 0.5)]
display(
    Markdown(
        "| tone (Hz) | lost with A9 zeroed (dB) | with A9 and D9 (dB) |\n"
        f"|---|---|---|\n{table}\n\n(60 dB stands for that or more.) "
        "Zeroing A9 is a high-pass whose amplitude falls by 3 dB at "
        f"{cut_off:.2f} Hz and by half at {half:.2f} Hz. At 0.67 Hz it loses "
        f"{lost[0.67][0]:.2f} dB, within the 0.9 dB. With D9 zeroed too "
        "(which is what A8 of eight levels would be) it loses "
        f"{lost[0.67][1]:.1f} dB there, more than even a monitor may."
    )
)

# %% [markdown]
# So A9 is within the relaxed limit, far outside the 0.05 Hz, and one band more
# would be too much: a heart that beats 40 times a minute begins at 0.67 Hz.
#
# The frequency response is not the whole story. Standards also test with a pulse
# of 3 mV and 0.1 s, something like a huge QRS complex, and look at the level
# around it.

# %%
pulse = np.zeros(round(40 * FS))
pulse[round(20 * FS) : round(20.1 * FS)] = 3
narrow = scipy.signal.butter(1, 0.05, "highpass", fs=FS, output="sos")
answers = {
    "pulse": pulse,
    "A9 zeroed": denoising.denoise(pulse, ["A9"]),
    "0.5 Hz, one-way": scipy.signal.sosfilt(highpass, pulse),
    "0.05 Hz, one-way": scipy.signal.sosfilt(narrow, pulse),
}
plots.show(
    figures.ecg_panels(
        {
            "a pulse of 3 mV and 0.1 s": {
                name: stretch(line, 18.5, 4) for name, line in answers.items()
            }
        },
        FS,
        "What a high-pass does beside a pulse",
        seen="Zeroing A9 lowers the level alike before and after the pulse; "
        "the one-way 0.5 Hz filter lowers it after the pulse only, by far "
        "more; the 0.05 Hz filter hardly does.",
    )
)

# %% tags=["hide-input"]
levels = {
    name: (stretch(line, 19.9, 0.04).mean(), stretch(line, 20.2, 0.04).mean())
    for name, line in answers.items()
    if name != "pulse"
}
table = "\n".join(
    f"| {name} | {before:.2f} | {after:.2f} |"
    for name, (before, after) in levels.items()
)
display(
    Markdown(
        "| filter | level 0.1 s before the pulse (mV) | 0.1 s after it (mV) |"
        f"\n|---|---|---|\n{table}"
    )
)

# %% [markdown]
# The one-way filter knows only the past, so it can sag only *after* the pulse, and
# that is a false ST depression. Zeroing a band knows both sides and lowers both
# about alike: the level moves, the *difference* between the level before and after
# the QRS complex moves little. That is what "without phase distortion" buys.
# (About alike, because the DWT keeps every 512th number of A9: the answer depends
# a little on where the pulse falls between two of them.)
#
# ## What removing D1 and D2 costs
#
# The same from the other end. The edges of a QRS complex are made of high
# frequencies, and the American Heart Association wants 150 Hz for a diagnostic
# ECG. A cut at 45 Hz is a monitor's. Look at one beat of record 103 closely:

# %%
recording = recordings[CLEAN]
inner = recording.r_peaks[
    (recording.r_peaks > 60 * FS) & (recording.r_peaks < 180 * FS)
]
x, slow = signal[CLEAN], denoising.denoise(signal[CLEAN], ["D1", "D2"])
start_s = inner[3] / FS - 0.3
plots.show(
    figures.ecg_panels(
        {
            "before and after": {
                "MLII": stretch(x, start_s, 0.8),
                "D1, D2 zeroed": stretch(slow, start_s, 0.8),
            },
            "D1 and D2 alone": {"removed": stretch(x - slow, start_s, 0.8)},
        },
        FS,
        f"Record {CLEAN}, one beat",
        seen="The lines lie on each other but for the foot of the QRS "
        "complex; D1 and D2 hold noise, and a wave packet at the QRS complex.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# ## The mains: not gone, and elsewhere
#
# 60 Hz lies inside D2, and D2 is zeroed. So the tone is gone? Compute. After
# one level $\omega = \pi/3$ has become $2\pi/3$, and what is left after D1 and D2
# is the share of A2.

# %%
tone_60 = shares(np.array([60.0]))
left = 1 - tone_60["D1"] - tone_60["D2"] - tone_60["A9"]
print(f"share of power left {left[0]:.4f}: {10 * np.log10(left[0]):.1f} dB")

seconds = np.arange(round(120 * FS)) / FS
after = denoising.denoise(np.sin(2 * np.pi * 60 * seconds))
after = after[round(20 * FS) : -round(20 * FS)]  # away from the ends
print(f"measured on a sine {np.mean(after**2) / 0.5:.4f}")
amplitude = 2 * np.abs(np.fft.rfft(after)) / len(after)
tones = np.fft.rfftfreq(len(after), 1 / FS)
for i in np.argsort(-amplitude)[:3]:
    print(f"   {tones[i]:5.1f} Hz with amplitude {amplitude[i]:.3f}")

# %% [markdown]
# Two surprises. Some three per cent of the power stay: the filters overlap. And
# most of what stays is *not at 60 Hz any more* but at 30 Hz. Keeping every fourth
# number after two levels folds frequencies at 45 Hz, so that 60 Hz appears as
# $90 - 60 = 30$ Hz. With all bands in place the folded parts cancel; zero one band
# and its partner's are left over. A zeroed DWT is not quite a filter.
#
# The next figure has an ordinary filter beside it: a *Butterworth* band-pass from
# 0.5 to 45 Hz, the textbook's first choice, run along the recording and then back,
# so that the delays of the two ways cancel.

# %%
hz = np.geomspace(20, 170, 800)
band = shares(hz)
bandpass = scipy.signal.butter(2, [0.5, 45], "bandpass", fs=FS, output="sos")
both_ways = np.abs(scipy.signal.sosfreqz(bandpass, worN=hz, fs=FS)[1]) ** 2
remaining = {
    "D1 and D2 zeroed: all that is left": db(
        np.sqrt(np.maximum(1 - band["D1"] - band["D2"], 0))
    ),
    "... at the tone's own frequency": db(1 - band["D1"] - band["D2"]),
    "Butterworth to 45 Hz, both ways": db(both_ways),
}
plots.show(
    figures.line_panels(
        {"": remaining},
        hz,
        "frequency (Hz)",
        "amplitude (dB)",
        "High frequencies: what is left of a tone",
        log="x",
        seen="All three fall from about 40 Hz on; zeroing leaves -14.8 dB at "
        "60 Hz, -60 dB or less from 80 Hz on but for a hump of -27 dB near "
        "130 Hz.",
        marks={"Europe": 50, "America": 60},
    )
)

# %% [markdown]
# (The hump near 130 Hz: the little that the first low-pass leaves there is folded
# to where the second one passes it.)
#
# And the records whose hum is at 30 Hz? That is the middle of D3, where the QRS
# complex lives. It stays, as a look at the spectrum after denoising shows:

# %%
for name in (HUM_60, HUM_30):
    for what, line in (
        ("before", signal[name]),
        ("after", denoising.denoise(signal[name])),
    ):
        f, power = scipy.signal.welch(line, FS, nperseg=7200, average="median")
        needles = ", ".join(
            f"{10 * np.log10(power[round(at * 20)]):6.1f} dB at {at} Hz"
            for at in (30, 60)
        )
        print(f"record {name} {what:6}: {needles}")

# %% [markdown]
# (In record 121 a needle at 60 Hz has even grown: folding works both ways, and what
# D3 and D2 shared of the hum at 30 Hz no longer cancels.) A hum needs a filter of
# its own, a *notch*, at the frequency that a spectrum shows. The paper speaks of
# none, and this book's table of beats does without.
#
# ## Beside an ordinary filter, with noise we know
#
# Which is better, wavelets or an ordinary filter? Nobody can tell from a noisy
# recording, where the truth is unknown. So take a calm stretch, the first five minutes
# of record 103, call it the truth, and add noise of our own: drift (0.2 mV at 0.25 Hz,
# fifteen breaths a minute, and 0.4 mV at 0.05 Hz), mains (0.05 mV) and noise
# between 20 and 120 Hz in the place of muscle (0.05 mV). It is noise from a
# formula: a fair yardstick, not a patient's. Real noise follows below.
#
# All methods here are *linear*: what comes out of truth plus noise is what comes
# out of the truth plus what comes out of the noise. So distortion and noise can be
# measured one by one. (The truth has a little drift and noise of its own; taking
# that away counts as distortion here and keeps the last column low.)

# %%
truth = stretch(signal[CLEAN], 0, 300)
truth = truth - truth.mean()
t = np.arange(len(truth)) / FS
muscle_band = scipy.signal.butter(
    2, [20, 120], "bandpass", fs=FS, output="sos"
)
emg = scipy.signal.sosfiltfilt(
    muscle_band, np.random.default_rng(0).standard_normal(len(t))
)
added = {
    "drift": 0.2 * np.sin(2 * np.pi * 0.25 * t)
    + 0.4 * np.sin(2 * np.pi * 0.05 * t),
    "mains": 0.05 * np.sin(2 * np.pi * 60 * t),
    "muscle": 0.05 * emg / emg.std(),
}


METHODS = {
    "db6: A9 D1 D2 (this book)": denoising.denoise,
    "db6: A9 D9 D1 D2": lambda x: denoising.denoise(
        x, ["A9", "D9", "D1", "D2"]
    ),
    "db6: A9 D1": lambda x: denoising.denoise(x, ["A9", "D1"]),
    "db6: A9 D1 D2 D3": lambda x: denoising.denoise(
        x, ["A9", "D1", "D2", "D3"]
    ),
    "db2: A9 D1 D2": lambda x: denoising.denoise(x, wavelet="db2"),
    "db12: A9 D1 D2": lambda x: denoising.denoise(x, wavelet="db12"),
    "Butterworth 0.5-45 Hz, both ways": lambda x: scipy.signal.sosfiltfilt(
        bandpass, x
    ),
    "the same, one way": lambda x: scipy.signal.sosfilt(bandpass, x),
}

# %% [markdown]
# On the truth two costs are measured: by how much the QRS complex is changed (root
# mean square over 50 ms either side of R, its mean taken off), and by how much the
# ST level moves (0.11 s after R, against 0.06 s before it). On the noise: how much
# of each kind is left. Two minutes in the middle count, so that the ends do not
# matter.

# %%
middle = slice(round(60 * FS), round(180 * FS))


def around(signal, from_s, to_s):
    """Stretches around each R peak, shape (beats, samples)."""
    samples = np.arange(round(from_s * FS), round(to_s * FS))
    return signal[inner[:, None] + samples]


def measure(method):
    change = method(truth) - truth
    qrs = around(change, -0.05, 0.05)
    st = around(change, 0.10, 0.12).mean(1) - around(
        change, -0.07, -0.05
    ).mean(1)
    out = {name: method(each) for name, each in added.items()}
    error = change + sum(out.values())
    return {
        **{
            name: 10
            * np.log10(np.var(out[name][middle]) / np.var(added[name][middle]))
            for name in added
        },
        "qrs": 1000 * np.sqrt(np.var(qrs, axis=1).mean()),
        "st": 1000 * st.mean(),
        "snr": 10 * np.log10(np.var(truth[middle]) / np.var(error[middle])),
    }


measured = {name: measure(method) for name, method in METHODS.items()}

# %% tags=["hide-input"]
before = 10 * np.log10(
    np.var(truth[middle]) / np.var(sum(added.values())[middle])
)
rows = "\n".join(
    f"| {name} | {m['drift']:.1f} | {m['mains']:.1f} | {m['muscle']:.1f} | "
    f"{m['qrs']:.0f} | {round(m['st'])} | {m['snr']:.1f} |"
    for name, m in measured.items()
)
display(
    Markdown(
        f"Signal-to-noise ratio before: {before:.1f} dB.\n\n"
        "| method: what it zeroes or passes | drift left (dB) | "
        "mains left (dB) | muscle left (dB) | QRS changed by (µV) | "
        "ST level moved by (µV) | SNR after (dB) |\n"
        f"|---|---|---|---|---|---|---|\n{rows}"
    )
)

# %% [markdown]
# Read the table by rows, with the costs in mind:
#
# - *D1 alone* spares the QRS complex and leaves the mains nearly whole; taking *D3*
#   too silences muscle and hum and takes the QRS complex with them.
# - A *shorter* wavelet (db2) has softer edges: more drift stays, more QRS goes. A
#   longer one (db12) has sharper edges and a longer reach.
# - Taking *D9* too pays, because the edge is soft: a part of the drift at 0.25 Hz
#   is in D9. It costs what the section on A9 showed.
# - The *Butterworth filter run both ways* holds its own, and in most columns does
#   better. There is nothing magic in wavelets when whole bands are zeroed: that is
#   a band-pass with its edges at octaves, and a little folding.
# - The *same filter run one way*, as a device at the bedside must, moves the ST
#   level and delays everything.
#
# The P wave has no column: a tenth of a second long, it lies in D5 and D6, far from
# both cuts.
#
# The book stays with db6, because the paper does, and because telling N from V hangs
# on the QRS complex more than on some tens of microvolts of baseline. **Do not read
# ST from these signals**: the column of the table is a mean over one recording, and
# no limit of a standard.

# %%
one_way = METHODS["the same, one way"]
curves = {"MLII": truth, "denoised": denoising.denoise(truth)}
curves["one way"] = one_way(truth)
mean_beat = {
    name: around(line, -0.3, 0.5).mean(axis=0) for name, line in curves.items()
}
level = slice(round(0.23 * FS), round(0.25 * FS))  # 0.06 s before R
plots.show(
    figures.ecg_panels(
        {
            "mean beat, level 0.06 s before R set to 0": {
                name: beat - beat[level].mean()
                for name, beat in mean_beat.items()
            }
        },
        FS,
        f"Record {CLEAN}: the ST segment under two filters",
        seen="The denoised mean beat lies on the original; the one-way "
        "filter's is delayed and lies lower after the QRS complex.",
        synthetic=source.is_synthetic,
    )
)

# %% [markdown]
# ### And with real noise
#
# Noise from a formula fills the bands it was made to fill. Real noise need not.
# PhysioNet's [noise stress test
# database](https://physionet.org/content/nstdb/1.0.0/) has half an hour each of
# baseline wander (`bw`) and muscle artefact (`ma`), recorded from people who moved,
# with electrodes where the heart is not seen. Each is added by itself to the same
# five minutes at 12 dB, by the rules of WFDB's program `nst`, which page 15 goes
# through: they compare the height of the QRS complexes with the noise around its
# mean of each second, so that slow wander hardly counts. The table gives the plain
# ratio of powers instead, before and after, which need not begin at 12 dB. What a
# method takes from the truth counts as error, as above.

# %%
recorded = noise.find_noise(synthetic=source.is_synthetic)
first = recording.r_peaks < len(truth)
height = noise.qrs_amplitude(
    truth, recording.r_peaks[first], recording.symbols[first]
)
real = {}
for kind, line in recorded.signals.items():
    a = noise.gain(height, noise.noise_rms(line), 12)
    real[kind] = a * (line - line.mean())[: len(truth)]


def ratio(error):
    """Power of the truth over that of an error, in dB."""
    return 10 * np.log10(np.var(truth[middle]) / np.var(error[middle]))


ratios = {
    name: {k: ratio(method(truth + n) - truth) for k, n in real.items()}
    for name, method in METHODS.items()
}
start = {kind: ratio(n) for kind, n in real.items()}

# %% tags=["hide-input"]
rows = "\n".join(
    f"| {name} | {r['bw']:.1f} | {r['ma']:.1f} |" for name, r in ratios.items()
)
ours = ratios["db6: A9 D1 D2 (this book)"]
gained = {k: ours[k] - start[k] for k in start}
best = {k: max(ratios, key=lambda name: ratios[name][k]) for k in start}
told = (
    f"This book's bands change the ratio by {gained['bw']:+.1f} dB under "
    f"baseline wander and by {gained['ma']:+.1f} dB under muscle artefact"
    + (
        ": the drift can be taken out, the muscle shares its frequencies with "
        "the heart and stays. "
        if gained["bw"] > gained["ma"] + 3
        else ". "
    )
    + (
        f"The best row for both is “{best['bw']}”."
        if best["bw"] == best["ma"]
        else f"The best row for `bw` is “{best['bw']}”, for `ma` "
        f"“{best['ma']}”."
    )
)
if recorded.is_synthetic:
    display(Markdown(f"> ⚠️ **{noise.SYNTHETIC_BANNER}**"))
display(
    Markdown(
        "| SNR (dB) | baseline wander | muscle artefact |\n|---|---|---|\n"
        f"| before | {start['bw']:.1f} | {start['ma']:.1f} |\n{rows}\n\n{told}"
    )
)

# %% [markdown]
# ## How far does it reach?
#
# A number of A9 stands for many samples. Change one sample of the input: which
# samples of the output change?

# %%
impulse = np.zeros(2 * 8192)
farthest = 0
for at in range(8192, 8192 + 512):  # all places between two numbers of A9
    impulse[at] = 1
    touched = np.flatnonzero(denoising.denoise(impulse))
    farthest = max(farthest, at - touched[0], touched[-1] - at)
    impulse[at] = 0
print(f"reach: {farthest} samples either side, {farthest / FS:.1f} s")
print(f"11 x (2^9 - 1) = {11 * (2**9 - 1)}")

# %% [markdown]
# Each level's filters reach 11 samples to one side, level $j$'s samples are
# $2^{j-1}$ apart, and $11 \cdot (1 + 2 + \dots + 256) = 11 \cdot 511$. Two
# consequences:
#
# **At the ends** the mirror image stands in for what nobody recorded. Cut half a
# minute out of a recording and denoise it alone, and it differs from the same half
# minute of the whole:

# %%
whole = denoising.denoise(signal[WANDER])


def differences(starts, samples=21 * 512):
    """Denoised whole minus denoised alone, shape (starts, samples)."""
    cuts = [slice(start, start + samples) for start in starts]
    return np.array(
        [whole[cut] - denoising.denoise(signal[WANDER][cut]) for cut in cuts]
    )


on_grid = 512 * np.arange(45, 200, 7)
apart = {"on": differences(on_grid), "off": differences(on_grid + 256)}
print("seconds from the cut   on the grid   off the grid   (µV, rms)")
for first, last in ((0, 0.5), (0.5, 1), (1, 2), (2, 4), (4, 8), (8, 14)):
    part = slice(round(first * FS), round(last * FS))
    on, off = (1000 * apart[k][:, part].std() for k in ("on", "off"))
    print(f"{first:10} to {last:3} {on:16.2f} {off:14.2f}")

# %% [markdown]
# Look at the column "on the grid": the full reach is a worst case, and some seconds from
# the cut little is left. This is why the book denoises whole recordings and cuts
# beats afterwards.
#
# "Off the grid" it does not die out. There the cut does not lie at a multiple of
# 512 samples, so the numbers of A9 stand at other places, and the DWT is *not* the
# same wherever it begins. Most of the difference is drift near 0.35 Hz, which
# falls now more into A9, now more into D9.
#
# **In a stream** nobody knows the next quarter of a minute yet. A device that
# denoises like this must wait for it, and cut its blocks on the grid, or it will
# denoise differently from the recordings its model was trained on. The page *To the
# bedside*, number 18, takes the waiting seriously.
#
# ## Exercises
#
# ### Exercise 1: predict
#
# Without computing a transform: which band of the DWT holds 60 Hz when the
# sampling rate is 250 Hz, and which at 500 Hz? Give both names in a list, such as
# `["D1", "D9"]`.

# %% tags=["exercise"]
answer = ...
check("02.1", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 1
# At 250 Hz D1 is 62.5 to 125 Hz and D2 31.25 to 62.5 Hz. At 500 Hz D1 is
# 125 to 250, D2 62.5 to 125, D3 31.25 to 62.5 Hz: zeroing D1 and D2 would
# spare the mains.
answer = ["D2", "D3"]
check("02.1", answer)

# %% [markdown]
# ### Exercise 2: change
#
# In Europe the mains has 50 Hz. How many decibels of *power* does
# `denoising.denoise` take from such a tone, sampled at 360 Hz? Change the cell on
# the mains, by formula or by measuring. A loss of half the power is $-3$.

# %% tags=["exercise"]
answer = ...
check("02.2", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 2
tone_50 = shares(np.array([50.0]))
answer = 10 * np.log10(1 - sum(tone_50[name][0] for name in denoising.ZEROED))
check("02.2", answer)

# %% [markdown]
# ### Exercise 3: change
#
# Somebody finds the QRS complex changed too much and keeps D2, with A9 and D1
# zeroed still. Somebody else finds the muscle noise too strong and zeroes D3 as
# well. Which share of the power of noise that is the same at all frequencies,
# *white* noise up to 180 Hz, does each of the two let through? Give two shares
# between 0 and 1, first the one that keeps D2. No computing is needed: the
# nominal edges will do.

# %% tags=["exercise"]
answer = ...
check("02.3", answer)

# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 3
# Kept are 0.35 to 90 Hz of 180, and 0.35 to 22.5 Hz. The overlaps of the bands
# do not matter: what a band loses to its neighbour it gets back from it.
edges = denoising.band_edges_hz()
answer = [
    (edges["D2"][1] - edges["A9"][1]) / 180,
    (edges["D4"][1] - edges["A9"][1]) / 180,
]
check("02.3", answer)

# %% [markdown]
# ### Exercise 4: build
#
# The way back. Write `undo_level(a, d, h, g)`: from the approximation and the
# detail of *one* level and the filters $h$ and $g$ used above, the signal $x$. Put a
# zero behind each number of $a$ and of $d$, convolve each with its filter
# *reversed*, and add. Two numbers meet the ends of the full convolution: the
# signal starts at its sample `len(h) - 2`, and its length is
# `2 * len(a) - len(h) + 2`.


# %% tags=["exercise"]
def undo_level(a, d, h, g):
    return ...  # your code here


check("02.4", undo_level)


# %% tags=["solution", "hide-cell"] cellView="form"
# @title Solution 4
def undo_level(a, d, h, g):
    spread = np.zeros((2, 2 * len(a)))
    spread[:, ::2] = a, d
    full = np.convolve(spread[0], h[::-1]) + np.convolve(spread[1], g[::-1])
    first = len(h) - 2
    return full[first : first + 2 * len(a) - len(h) + 2]


check("02.4", undo_level)

# %% [markdown]
# ## Recall
#
# <details><summary>1. Two filters and a rule: what is one level of a discrete
# wavelet transform?</summary>
#
# Convolve with a low-pass and with a high-pass, and keep every second number of
# each. The low-passed part is the approximation, which the next level takes
# apart; the high-passed part is the detail.
#
# </details>
# <details><summary>2. D2 is zeroed and 60 Hz lies in D2. Why is a 60 Hz tone still
# there afterwards, and at which frequency?</summary>
#
# The filters are twelve numbers long and overlap: a thirtieth of the power goes to
# the bands below. There it is counted at a quarter of the sampling rate, which
# folds 60 Hz to 30 Hz. With D2 in place that would cancel; without it, it stays.
#
# </details>
# <details><summary>3. Two high-pass filters have the same cut-off, one runs one
# way, the other both ways. Which of them may lower the ST segment, and why?
# </summary>
#
# The one-way filter: it can only answer after the QRS complex, so the level behind
# it sags while the one before it does not. The other lowers both sides alike, and
# their difference stays.
#
# </details>
# <details><summary>4. Why is muscle noise not removed by zeroing bands?</summary>
#
# Its frequencies begin at about 20 Hz, where those of the QRS complex have not
# ended. A band has no way to keep one and drop the other.
#
# </details>
# <details><summary>5. Why denoise the whole recording and then cut beats, not the
# other way round?</summary>
#
# Nine levels reach 5,621 samples to either side; a beat has 180. Cut first, and
# nearly everything the transform sees is its own mirror image.
#
# </details>
#
# ## Recap
#
# - Drift lies below the heart's frequencies, muscle noise among and above them,
#   mains at a single one, which in some recordings of MIT-BIH is 30 Hz.
# - The DWT splits at octaves, softly. Nine levels of db6 at 360 Hz put drift into
#   A9 and most fast noise into D1 and D2; the paper does not name its bands, these
#   are ours.
# - Zeroing A9 is a high-pass at about 0.35 Hz, without phase distortion; one octave
#   more would break the limits for a diagnostic ECG.
# - Zeroing is not perfect: 60 Hz falls by 14.8 dB, and what stays moves to 30 Hz.
# - Draw what was removed, and measure the cost on a signal whose truth is known.
#
# **Further reading.** [Mallat 1989](https://doi.org/10.1109/34.192463) is where
# the filter bank meets the wavelet, and [Daubechies
# 1988](https://doi.org/10.1002/cpa.3160410705) where db6 comes from. [Donoho
# 1995](https://doi.org/10.1109/18.382009) shrinks coefficients instead of zeroing
# bands, which is *not* linear and can tell a QRS complex from noise in one band by
# its size. [Kligfield et al.
# 2007](https://doi.org/10.1161/CIRCULATIONAHA.106.180200) say what an ECG must
# keep. The next page cuts the denoised recordings into beats.

# %% tags=["hide-input"]
book = measured["db6: A9 D1 D2 (this book)"]
page.stamp(
    f"SNR {before:.1f} -> {book['snr']:.1f} dB; 60 Hz "
    f"{10 * np.log10(left[0]):.1f} dB; QRS changed by {book['qrs']:.0f} µV"
)
