"""Every figure says what is seen, marks what is computer-made, and suits every colour vision."""

import inspect
from dataclasses import replace
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from ecgkit import InputError, aami, calibration, metrics, plots
from ecgkit.heartbeats import Heartbeats
from ecgkit.models import TCN
from ecgkit.splits import Split

mpl.use("Agg")


MATRIX = [
    [44_650, 150, 90, 30],
    [112, 1387, 12, 2],
    [91, 13, 3392, 10],
    [71, 9, 7, 314],
]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def table(source="mitdb"):
    """Thirty beats: 12 N, 8 S, 6 V, 4 F, of records a, b and c."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([0, 1, 2, 3], np.int8), [12, 8, 6, 4])
    n = len(labels)
    return Heartbeats(
        signals=rng.normal(size=(n, 180)).astype(np.float32),
        labels=labels,
        symbols=np.array(list("NAVF"))[labels],
        records=np.array(["a", "b", "b", "c"])[labels],
        samples=np.arange(n) * 300,
        rr_before_s=np.ones(n, np.float32),
        rr_after_s=np.ones(n, np.float32),
        mapping="ec57",
        source=source,
        fingerprint="0" * 16,
    )


def strip(synthetic=False, **changes):
    """Five seconds from second 10 on, beats at 10.5, 11.5, 12 and 14 s; others outside."""
    fs = 360
    time_s = np.arange(20 * fs) / fs
    settings = {
        "signals": {"MLII": np.sin(time_s), "V1": np.cos(time_s)},
        "fs": fs,
        "start_s": 10,
        "seconds": 5,
        "r_peaks": (np.array([9, 10.5, 11.5, 12, 14, 16]) * fs).astype(int),
        "marks": {"annotators": list("NNVSFN"), "model": list("VNVNFS")},
        "title": "Record 200",
        "synthetic": synthetic,
    }
    return plots.ecg_strip(**{**settings, **changes})


def places(rr_s):
    """Ten seconds with an R peak every ``rr_s``, the one nearest to 5 s in the middle."""
    r_peaks = np.round(np.arange(rr_s, 10, rr_s) * 360).astype(int)
    signal = np.zeros(3600)
    signal[r_peaks] = 1
    return signal, r_peaks, int(r_peaks[np.argmin(abs(r_peaks - 1800))])


# A maker for each plot, and what its alt text has to say.
FIGURES = {
    "ecg_strip": (
        strip,
        "Record 200 | 5 s of ECG | lead MLII and V1 | 4 beats | annotators N V S F | model N V N F",
    ),
    "class_counts": (
        lambda synthetic: plots.class_counts(
            {"N": 9000, "S": 250, "V": 700, "F": 50, "Q": 0}, "Beats", synthetic
        ),
        "N 9,000 (90.00 %) | S 250 (2.50 %) | V 700 (7.00 %) | F 50 (0.50 %) | Q 0 (0.00 %)",
    ),
    "beats_by_class": (
        lambda synthetic: plots.beats_by_class(
            table("synthetic" if synthetic else "mitdb"), "Median beats"
        ),
        "Median beats | N (12 beats), S (8 beats), V (6 beats), F (4 beats) | 10 to 90 % | 0.5 s",
    ),
    "counts_by_record": (
        lambda synthetic: plots.counts_by_record(
            np.array(list("aaaabbbccd") + list("aab") + list("dd")),
            np.array([2] * 10 + [1] * 3 + [3] * 2, np.int8),
            "Beats a record",
            synthetic,
        ),
        # V: 4 + 3 of 10 in a and b; S: all 3 in a and b; F: both in d.
        "Beats a record | V 70 % in a and b | S 100 % in a and b | F 100 % in d",
    ),
    "beat_windows": (
        lambda synthetic: plots.beat_windows(
            {"slow": places(1.5), "fast": places(0.5)}, "Windows", synthetic=synthetic
        ),
        "Windows | -0.25 to +0.25 s | slow, no other R peak in sight | "
        "fast, other R peaks at -1.00 s, -0.50 s, +0.50 s, +1.00 s",
    ),
    "halves_by_record": (
        lambda synthetic: plots.halves_by_record(
            np.array(list("aaaabbc")),
            {
                "mixed": Split(np.array([0, 1, 2, 4]), np.array([3, 5, 6])),
                "apart": Split(np.array([0, 1, 2, 3]), np.array([4, 5, 6])),
            },
            "Halves",
            synthetic,
        ),
        "Halves | mixed: 2 of 3 records have beats on both sides | apart: 0 of 3 records",
    ),
    "nearest_beats": (
        lambda synthetic: plots.nearest_beats(
            table("synthetic" if synthetic else "mitdb"),
            np.array([0, 27]),
            {"random": np.array([1, 13]), "patients": np.array([12, 29])},
            "Pairs",
        ),
        # Rows 0 to 11 are N of a, 12 to 19 S of b, 20 to 25 V of b, 26 to 29 F of c.
        "Pairs | random: N of a, nearest N of a | random: F of c, nearest S of b | "
        "patients: N of a, nearest S of b | patients: F of c, nearest F of c",
    ),
    "confusion_matrix": (
        lambda synthetic: plots.confusion_matrix(MATRIX, "Test half", synthetic),
        "Test half | N row: 44,650 as N, 150 as S, 90 as V, 30 as F | "
        "F row: 71 as N, 9 as S, 7 as V, 314 as F",
    ),
    "confusion_matrices": (
        lambda synthetic: plots.confusion_matrices(
            {"resnet": MATRIX, "tcn": np.eye(4, dtype=int), "resnet-tcn": MATRIX},
            "Test half",
            "Not the paper's figure.",
            synthetic,
        ),
        "Test half | Not the paper's figure. | (a) resnet, N row: 44,650 as N | "
        "(b) tcn, N row: 1 as N | (c) resnet-tcn",
    ),
    "along_samples": (
        lambda synthetic: plots.along_samples(
            {"a": np.array([0.0, 0, 1, 2]), "b": np.array([0.0, 3, 4, 5])},
            -3,
            -1,
            "change",
            "What moves",
            synthetic,
        ),
        "What moves | change over samples | a is above zero from sample -1 to 0 only | "
        "b is above zero from sample -2 to 0 only | A line marks -1",
    ),
    "accuracy_bars": (
        lambda synthetic: plots.accuracy_bars(
            {
                "ResNet": {"resnet-no-inception": [0.97, 0.98], "resnet": [0.98, 0.99]},
                "TCN": {"tcn-no-se": [0.96], "tcn": [0.98]},
            },
            "Accuracy",
            "Not the paper's figure.",
            synthetic,
        ),
        "Accuracy | Not the paper's figure. | resnet-no-inception 97.50 % (n = 2) | "
        "resnet 98.50 % (n = 2) | tcn-no-se 96.00 % (n = 1)",
    ),
    "hills": (
        lambda synthetic: plots.hills(
            {"wide": np.linspace(-1, 3, 401), "narrow": np.linspace(1, 2, 401)},
            "points",
            "Spreads",
            synthetic,
        ),
        # 2.5 % of 4 from each end: -0.9 to 2.9; of 1: 1.025 and 1.975, printed with two digits.
        "Spreads | Hills over points | wide: -0.90 to 2.90, median 1.00 | narrow: 1.0",
    ),
    "differences": (
        lambda synthetic: plots.differences(
            {"stem": [0.1, 0.2, 0.3, 0.4, 0.5], "gate": [-0.25], "branch": []},
            {"branch": 0.48},
            "points",
            "What each part adds",
            synthetic,
        ),
        # Student's interval: mean .3, half width 2.776445 x .158114 / sqrt(5) = .196324.
        "What each part adds | stem: mean +0.30 (n = 5), interval +0.10 to +0.50 | "
        "gate: mean -0.25 (n = 1); | branch: no run yet, paper +0.48",
    ),
    "learning_curves": (
        lambda synthetic: plots.learning_curves(
            {
                "paper": [
                    {"epoch": 1, "loss": 0.5, "accuracy": 0.9, "seconds": 1.0},
                    {"epoch": 2, "loss": 0.25, "accuracy": 0.975, "seconds": 1.0},
                ],
                "ours": [{"epoch": 1, "loss": 0.4, "seconds": 1.0}],
            },
            "Two runs",
            synthetic,
        ),
        "Two runs | paper: loss 0.500 in epoch 1, 0.250 in 2, validation accuracy 97.50 % | "
        "ours: loss 0.400 in epoch 1, 0.400 in 1",
    ),
    "value_rows": (
        lambda synthetic: plots.value_rows(
            {
                "Gai": {"Acc": (98.6,), "Se": (79.7,)},
                "ours": {"Acc": (98.5, 98.25, 98.75), "Se": (80.0,)},
            },
            "per cent",
            "Two works",
            letters=["Gai"],
            line=(90, "goal"),
            synthetic=synthetic,
        ),
        "Two works | per cent | Gai: Acc 98.60, Se 79.70 | "
        "ours: Acc 98.50 (98.25 to 98.75), Se 80.00 | goal, 90.00",
    ),
    "errors_by_record": (
        lambda synthetic: plots.errors_by_record(
            np.array(list("aaabbbbcdd")),
            np.array([0, 1, 2, 3, 0, 0, 1, 0, 2, 2]),
            np.array([0, 0, 2, 0, 1, 0, 2, 1, 0, 0]),
            "Errors",
            top=2,
            synthetic=synthetic,
        ),
        # Wrong: a 1 (S), b 3 (F, N, S), c 1 (N), d 2 (V, V).
        "Errors | b 3, d 2, 2 others 2",
    ),
    "paper_panels": (
        lambda synthetic: plots.paper_panels(
            {
                "before": {"MLII": np.linspace(-1, 1, 1800)},
                "both": {"MLII": np.zeros(1800), "denoised": np.ones(1800)},
            },
            360,
            "Record 113",
            "The line climbs.",
            synthetic,
        ),
        "Record 113 | before: MLII; both: MLII, denoised | The line climbs.",
    ),
    "band_signals": (
        lambda synthetic: plots.band_signals(
            {"A1": np.linspace(-0.5, 0.75, 720), "D1": np.tile([0.1, -0.1], 360)},
            360,
            "Two bands",
            synthetic,
        ),
        "Two bands | A1 1.25 mV | D1 0.20 mV",
    ),
    "band_responses": (
        lambda synthetic: plots.band_responses(
            np.array([0.1, 1, 2, 4, 100]),
            {"A1": np.array([1, 0.9, 0.4, 0, 0]), "D1": np.array([0, 0.1, 0.6, 1, 1])},
            "Shares",
            synthetic,
        ),
        # At least half: A1 at 0.1 and 1 Hz, D1 at 2, 4 and 100 Hz.
        "Shares | A1 0.1 to 1 Hz | D1 2 to 100 Hz",
    ),
    "over_frequency": (
        lambda synthetic: plots.over_frequency(
            np.array([0.05, 1, 150]),
            {"one way": np.array([-20.0, 0, -3]), "both ways": np.array([-40.0, 0, -6])},
            "What is left",
            "amplitude (dB)",
            "Both fall at either end.",
            {"mains": 60},
            synthetic,
        ),
        "What is left | amplitude (dB) of one way, both ways | mains at 60 Hz | Both fall at",
    ),
    "crops": (
        # 0 to 134 of 180: 179/134 = 1.34 times as wide, R peak at 90 x 179/134 = 120; 45 to 179:
        # at 45 x 179/134 = 60.
        lambda synthetic: plots.crops(
            np.sin(np.arange(180) / 9), [0, 45], [135, 135], "Two crops", synthetic=synthetic
        ),
        "Two crops | samples 0 to 134 drawn 1.34 times as wide, R peak at column 120 | "
        "samples 45 to 179 drawn 1.34 times as wide, R peak at column 60 | middle, column 90",
    ),
    "spreads": (
        lambda synthetic: plots.spreads(
            {
                "N": {"as cut": np.arange(80, 101)},  # 0 to 20 in steps of 1: 10 % at 82
                "S": {"as cut": np.arange(80, 101), "copies": np.arange(100, 121)},
            },
            "Widths",
            "QRS width (ms)",
            (120, "120 ms"),
            synthetic,
        ),
        "Widths | N as cut 90 (82 to 98) | S as cut 90 (82 to 98) | S copies 110 (102 to 118) | "
        "dotted line marks 120 ms",
    ),
    "epoch_draws": (
        # Geometric means with 400: sqrt(400 x 100) = 200, sqrt(400 x 25) = 100, sqrt(1600) = 40.
        lambda synthetic: plots.epoch_draws([400, 100, 25, 4], [1, 0.5], "An epoch", synthetic),
        "balance 1: N 400 and 0 copies, S 100 and 300 copies, V 25 and 375 copies, "
        "F 4 and 396 copies | balance 0.5: N 400 and 0 copies, S 100 and 100 copies, "
        "V 25 and 75 copies, F 4 and 36 copies",
    ),
    "method_points": (
        lambda synthetic: plots.method_points(
            {
                "S": {"nothing": [0.5, 0.6], "crops": [0.7, 0.8]},
                "F": {"nothing": [0.4], "crops": [0.9]},
                "mean": {"nothing": [0.45], "crops": [0.85]},
            },
            "Methods",
            "F1 (%)",
            synthetic,
        ),
        "Methods | S: nothing 55.0 %, crops 75.0 % | F: nothing 40.0 %, crops 90.0 % | mean:",
    ),
    "line_panels": (
        lambda synthetic: plots.line_panels(
            {"plain": {"a": [1, 10, 100], "b": [1, 0.1, 0]}, "other": {"a": [2, 3, 4]}},
            [1, 2, 4],
            "modules",
            "gradient",
            "Depth",
            log=True,
            synthetic=synthetic,
        ),
        "Depth | gradient over modules, 1 to 4 | plain: a from 1 to 1e+02, b from 1 to 0 | "
        "other: a from 2 to 4",
    ),
    "filters": (
        lambda synthetic: plots.filters(
            {"1x1": [[1.0], [-2.0]], "1x3": [[1, 0, -1], [0.5, 3.25, 0.5]]}, "Stem", synthetic
        ),
        "Stem | 1x1, 2 filters of width 1 | 1x3, 2 filters of width 3 | largest is 3.25",
    ),
    "feature_maps": (
        lambda synthetic: plots.feature_maps(
            np.sin(np.arange(180)),
            # Of 180 samples column 90 begins at the R peak; of 45 columns the last is the last
            # 4 samples, 86 to 90 behind it: its middle is at 88 / 360 s.
            {"wide": np.eye(2, 180, 90), "short": np.eye(1, 45, 44)},
            "Maps",
            synthetic=synthetic,
        ),
        "Maps | maps of activation | wide (2 by 180) at +0.00 s | short (1 by 45) at +0.24 s",
    ),
    "shares": (
        lambda synthetic: plots.shares(
            {"parameters": {"left": 3000, "right": 1000}, "work": {"left": 1, "right": 4}},
            "Budget",
            synthetic,
        ),
        "Budget | parameters: left 3,000 (75.0 %), right 1,000 (25.0 %) | "
        "work: left 1 (20.0 %), right 4 (80.0 %)",
    ),
    "attributions": (
        # Largest at sample 90, the R peak, and at sample 126, 36 / 360 s behind it.
        lambda synthetic: plots.attributions(
            {"N": np.sin(np.arange(180) / 9), "V": np.cos(np.arange(180) / 9)},
            {
                "slope": np.stack([np.eye(180)[90], -np.eye(180)[126]]),
                "hiding": np.stack([np.eye(180)[126] - 0.5, np.eye(180)[90] - 0.5]),
            },
            "What speaks for it",
            synthetic=synthetic,
        ),
        "What speaks for it | N, slope: largest at +0.00 s | V, slope: largest at +0.10 s",
    ),
    "mean_attributions": (
        lambda synthetic: plots.mean_attributions(
            {
                "N": (np.ones((4, 180)), np.tile(np.eye(180)[90], (4, 1))),
                "F": (np.ones((2, 180)), np.tile(np.eye(180)[126], (2, 1))),
            },
            "By class",
            "fall",
            synthetic=synthetic,
        ),
        "By class | fall | N highest at +0.00 s, F highest at +0.10 s",
    ),
    "gate_map": (
        lambda synthetic: plots.gate_map(
            {"N": [[0.25, 0.5, 1.0], [0.75, 0.5, 0.0]], "V": [[0.0, 0.25, 0.5]]},
            "Gates",
            synthetic,
        ),
        # Means of the channels: N .5 .5 .5; V 0 .25 .5.
        "Gates | N 0.50 to 0.50, mean 0.50 | V 0.00 to 0.50, mean 0.25",
    ),
    "embedding": (
        lambda synthetic: plots.embedding(
            {"one": np.eye(5, 2), "two": np.ones((5, 2))},
            np.array([0, 0, 1, 2, 2]),
            "Clouds",
            "component",
            synthetic,
        ),
        "Clouds | N 2, S 1, V 2, F 0 | component 1 and 2 | one, two",
    ),
    "reliability_diagram": (
        # Two beats at .6, one of them right: a gap of .1, and no other beat.
        lambda synthetic: plots.reliability_diagram(
            {"raw": calibration.reliability([[0.6, 0.4], [0.4, 0.6]], [0, 0], bins=5)},
            "Sure and right",
            synthetic,
        ),
        "Sure and right | raw: ECE 10.00 %, accuracy less confidence from -0.10 to -0.10",
    ),
    "error_gallery": (
        lambda synthetic: plots.error_gallery(
            {
                name: plots.Place(*places(rr_s), {"annotators": list("NNNNNSVFNNNNNNNNNNNN"[:n])})
                for name, rr_s, n in (("slow", 1.25, 7), ("fast", 0.625, 15))
            },
            "Mistakes",
            synthetic=synthetic,
        ),
        # slow: R at 1.25, 2.5, ...; 1.3 s either side of 5 s hold 3.75, 5 and 6.25, the third to
        # the fifth. fast: 5 s is the eighth, and two more lie on either side.
        "Mistakes | slow, annotators N N N | fast, annotators S V F N N",
    ),
    "waits": (
        lambda synthetic: plots.waits(
            {"slow": {"beat": 0.25, "block": 15.5}, "fast": {"search": 2.0, "belief": 0.5}},
            "Waits",
            synthetic,
        ),
        "Waits | slow 15.8 s: beat 0.25, block 15.50 | fast 2.5 s: search 2.00, belief 0.50",
    ),
}
ON_PAPER = (
    *("ecg_strip", "beats_by_class", "beat_windows", "nearest_beats", "paper_panels", "crops"),
    *("attributions", "error_gallery"),
)
EVERY = pytest.mark.parametrize("name", FIGURES)


def small_tcn():
    with torch.device("meta"):  # no weights
        return TCN((4, 4), kernel_size=3, squeeze=None)


# Schematic drawings show no data: a maker for each, and what its alt text has to say. Shapes are
# those of the paper's section III: dilations 1 2 4 8; 32 64 128 256 and 32 48 64 kernels; a stem of
# four branches; lengths halved twice.
DIAGRAMS = {
    # Kernel size 2: one dot at the top, twice as many a row below, 2 ** 4 at the bottom.
    "dilated_convolution": (
        plots.dilated_convolution,
        "d = 1, 2, 4, 8 | 1, 2, 4, 8, 16 dots | all of the last 16 samples",
    ),
    "framework": (
        plots.framework,
        "recording | denoising | beats of 180 samples | augmentation, in training only | "
        "6 residual modules, gives 2,880 | 4 temporal blocks | gives 256 | 3,136 features | "
        "N S V F",
    ),
    "tcn": (
        plots.tcn,
        "kernel size 7 | weight norm | ReLU | dropout 0.3 | 1 × 1 convolution | 1 × 180 in | "
        "dilation 1, 2, 4 and 8 | 32 × 180, 64 × 180, 128 × 180 and 256 × 180 | "
        "squeeze-and-excitation",
    ),
    "resnet": (
        plots.resnet,
        "conv 1, conv 3, conv 5 and max-pool 3, conv 1, each of 8 channels | 32 × 180 goes "
        "through 2 modules, 32 kernels, to 32 × 180; 2 modules, 48 kernels, first with stride 2, "
        "to 48 × 90; 2 modules, 64 kernels, first with stride 2, to 64 × 45; flattened, 2,880",
    ),
    # Two blocks of kernel size 3: 1 + 2, + 2, then at distance 1 from 0 to 8, and 4 more.
    "cone": (
        lambda: plots.cone(small_tcn(), 20, "Read"),
        "Read | each of 20 positions | "
        "input 13, inside block 1 11, block 1 5, inside block 2 3, block 2 1",
    ),
}
EVERY_DIAGRAM = pytest.mark.parametrize("name", DIAGRAMS)


def words(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def test_every_public_plot_is_tested_here():
    public = {
        name
        for name, function in inspect.getmembers(plots, inspect.isfunction)
        if function.__module__.startswith(plots.__name__)
        and not name.startswith("_")
        and inspect.signature(function).return_annotation in ("Figure", mpl.figure.Figure)
    }
    public -= {"step_times"}  # of a machine, not of data: it has no synthetic kind
    tested = FIGURES.keys() | DIAGRAMS.keys()
    assert public == tested, "give each new plot an entry in FIGURES or in DIAGRAMS"


# Alt text and the mark


@EVERY
def test_the_alt_text_says_what_is_seen_and_its_numbers(name):
    make, said = FIGURES[name]
    alt = make(synthetic=False).get_label()
    for part in said.split(" | "):
        assert part in alt
    assert alt.endswith(".")


@EVERY
def test_a_figure_of_synthetic_data_says_so_in_the_picture_and_in_its_alt_text(name):
    make, _ = FIGURES[name]
    real, synthetic = make(synthetic=False), make(synthetic=True)
    assert "SYNTHETIC RECORD - no patient" in words(synthetic)
    assert synthetic.get_label() == f"Synthetic data, computer-made. {real.get_label()}"
    assert not any("synthetic" in word.lower() for word in [*words(real), real.get_label()])


@EVERY
def test_the_mark_of_synthetic_data_lies_within_the_picture_and_on_no_other_text(name):
    figure = FIGURES[name][0](synthetic=True)
    figure.canvas.draw()
    place = {}
    for text in figure.findobj(mpl.text.Text):
        if text.get_text().strip() and text.get_visible():
            place[text] = text.get_window_extent()
    (mark,) = [text for text in place if text.get_text() == plots.SYNTHETIC_MARK]
    inside = figure.bbox
    assert inside.x0 <= place[mark].x0 < place[mark].x1 <= inside.x1
    assert inside.y0 <= place[mark].y0 < place[mark].y1 <= inside.y1
    covered = [t.get_text() for t in place if t is not mark and place[t].overlaps(place[mark])]
    assert not covered


@EVERY
def test_a_figure_fits_the_books_column(name):
    assert FIGURES[name][0](synthetic=False).get_figwidth() <= plots.WIDTH_IN


@EVERY
def test_axes_have_names_and_units(name):
    figure = FIGURES[name][0](synthetic=False)
    text = " ".join(words(figure))
    if name in (*ON_PAPER, "feature_maps"):
        assert "mV" in text
        assert "(s)" in text
    else:
        assert figure.get_supxlabel() or any(axes.get_xlabel() for axes in figure.axes)


def test_step_times_says_each_bar_and_its_parts():
    bars = {
        "dense": {"convolutions": 90.0, "dropout": 10.0},
        "cone": {"convolutions": 4.6, "dropout": 0.5},
    }
    figure = plots.step_times(bars, "A step")
    alt = figure.get_label()
    assert "dense: 100 ms, of which convolutions 90, dropout 10" in alt
    assert "cone: 5 ms, of which convolutions 5, dropout 0" in alt
    assert {" 100", " 5"} <= set(words(figure))
    assert figure.get_figwidth() <= plots.WIDTH_IN
    assert any(axes.get_xlabel() == "milliseconds a step" for axes in figure.axes)


def test_showing_a_figure_hands_its_alt_text_on_and_closes_it(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure = plots.confusion_matrix(MATRIX, "Test half")
    plots.show(figure)
    (image,) = shown
    data, about = image._repr_png_() if isinstance(image._repr_png_(), tuple) else (None, None)
    assert about["alt"] == figure.get_label()
    assert data is not None
    assert not plt.fignum_exists(figure.number)


def test_a_figure_without_alt_text_is_not_shown():
    with pytest.raises(InputError, match="no alt text"):
        plots.show(plt.figure())


def test_the_same_figure_is_the_same_png_twice(tmp_path):
    for name in ("a", "b"):
        figure = plots.confusion_matrix(MATRIX, "Test half")
        figure.savefig(tmp_path / name, format="png", metadata={"Software": None})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Schematic drawings


@EVERY_DIAGRAM
def test_a_diagrams_alt_text_says_its_parts_and_shapes(name):
    make, said = DIAGRAMS[name]
    alt = make().get_label()
    for part in said.split(" | "):
        assert part in alt
    assert alt.endswith(".")


@EVERY_DIAGRAM
def test_a_diagram_fits_the_column_and_its_words_lie_inside_it_and_on_no_others(name):
    figure = DIAGRAMS[name][0]()
    assert figure.get_figwidth() <= plots.WIDTH_IN
    figure.canvas.draw()
    place = {
        text: text.get_window_extent()
        for text in figure.findobj(mpl.text.Text)
        if text.get_text().strip() and text.get_visible()
    }
    for text, box in place.items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text.get_text()
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text.get_text()
        assert text.get_fontsize() >= 12, text.get_text()  # 7 px on a screen of 400 px
    for a, b in combinations(place, 2):
        assert not place[a].overlaps(place[b]), (a.get_text(), b.get_text())


@EVERY_DIAGRAM
def test_a_diagram_draws_no_random_number(name):
    before = torch.random.get_rng_state()
    DIAGRAMS[name][0]()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_cone_of_the_drawing_is_the_sixteen_samples_of_four_doublings():
    axes = plots.dilated_convolution().axes[0]
    rows = {}
    for dots in axes.collections:
        if len(dots.get_facecolor()) and tuple(dots.get_facecolor()[0][:3]) != (1, 1, 1):
            for x, y in dots.get_offsets():
                rows.setdefault(int(y), []).append(int(x))
    assert rows[4] == [0]
    assert sorted(rows[3]) == [-8, 0]
    assert sorted(rows[2]) == [-12, -8, -4, 0]
    assert sorted(rows[1]) == [-14, -12, -10, -8, -6, -4, -2, 0]
    assert sorted(rows[0]) == list(range(-15, 1))


def test_the_cone_of_two_blocks_is_the_one_worked_by_hand():
    # Dilation 2, then 1; kernel size 3. The last step reads 0 -2 -4 of the hidden layer, these read
    # 0 to -8 in steps of 2 of block 1, these 0 to -10 of its hidden layer, these 0 to -12.
    axes = plots.cone(small_tcn(), 20, "Read").axes[0]
    read = {}
    for strokes in axes.collections[1::2]:
        x, y = np.array(strokes.get_segments()).mean(axis=1).T
        read[round(y[0])] = sorted(x.astype(int).tolist(), reverse=True)
    assert read == {
        4: [0],
        3: [0, -2, -4],
        2: [0, -2, -4, -6, -8],
        1: list(range(0, -11, -1)),
        0: list(range(0, -13, -1)),
    }


def test_along_samples_leaves_zeros_out():
    figure = FIGURES["along_samples"][0](synthetic=False)
    a, b = figure.axes[0].get_lines()[:2]
    assert a.get_xdata().tolist() == [-3, -2, -1, 0]
    assert np.isnan(a.get_ydata()).tolist() == [True, True, False, False]
    assert a.get_linestyle() != b.get_linestyle()


def test_errors_by_record_stacks_the_annotators_classes():
    figure = FIGURES["errors_by_record"][0](synthetic=False)
    # Rows b, d, others; N S V F: b has one N, one S and one F, d two V, a one S and c one N.
    widths = [[bar.get_width() for bar in bars] for bars in figure.axes[0].containers]
    assert widths == [[1, 0, 1], [1, 0, 1], [0, 2, 0], [1, 0, 0]]


def test_whiskers_reach_from_the_lowest_to_the_highest_value():
    axes = FIGURES["value_rows"][0](synthetic=False).axes[0]
    (acc, se) = axes.containers[0].lines[2][0].get_segments()
    assert acc[:, 0].tolist() == [98.25, 98.75]
    assert se[:, 0].tolist() == [80, 80]


def test_a_logarithmic_learning_curve_says_so():
    curve = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.005}]
    axes = plots.learning_curves({"run": curve}, "A run", log=True).axes[0]
    assert axes.get_yscale() == "log"
    assert "logarithmic" in axes.get_ylabel()


# ECG paper


def spacing(locator, low, high):
    ticks = locator.tick_values(low, high)
    np.testing.assert_allclose(np.diff(ticks), np.diff(ticks)[0], rtol=1e-9)
    assert ticks.min() <= low + 1e-9
    return np.diff(ticks)[0]


def assert_is_ecg_paper(axes):
    seconds, millivolts = axes.xaxis, axes.yaxis
    assert spacing(seconds.get_minor_locator(), 0, 2) == pytest.approx(0.04)
    assert spacing(seconds.get_major_locator(), 0, 2) == pytest.approx(0.2)
    assert spacing(millivolts.get_minor_locator(), -2, 2) == pytest.approx(0.1)
    assert spacing(millivolts.get_major_locator(), -2, 2) == pytest.approx(0.5)
    for axis in (seconds, millivolts):
        for ticks in (axis.get_major_ticks(), axis.get_minor_ticks()):
            assert ticks
            assert all(tick.gridline.get_visible() for tick in ticks)
        large = axis.get_major_ticks()[0].gridline
        small = axis.get_minor_ticks()[0].gridline
        assert large.get_linewidth() > small.get_linewidth()


def test_ecg_paper_has_small_squares_of_40_ms_and_0_1_mv_and_large_ones_of_200_ms_and_0_5_mv():
    _, axes = plt.subplots()
    axes.set(xlim=(0, 2), ylim=(-2, 2))
    plots.ecg_paper(axes)
    assert_is_ecg_paper(axes)
    large = axes.xaxis.get_majorticklocs()
    np.testing.assert_allclose(large[(large >= 0) & (large <= 1.01)], [0, 0.2, 0.4, 0.6, 0.8, 1])


@pytest.mark.parametrize("name", ON_PAPER)
def test_ecg_is_drawn_on_ecg_paper(name):
    for axes in FIGURES[name][0](synthetic=False).axes:
        assert_is_ecg_paper(axes)


# Crops


def test_a_crop_is_drawn_at_the_patients_time_and_fills_its_panel():
    beat = np.sin(np.arange(180) / 9)
    cut, got = plots.crops(beat, [36], [144], "A crop").axes
    # From sample 36, 54 before the R peak, to 179, 89 after it, at 360 Hz.
    assert got.get_xlim() == pytest.approx((-0.15, 89 / 360))
    assert cut.get_xlim() == pytest.approx((-0.25, 89 / 360))
    drawn = got.lines[0]
    assert len(drawn.get_xdata()) == 180
    columns = 90 + 360 * np.asarray(drawn.get_xdata())
    np.testing.assert_allclose(drawn.get_ydata(), np.interp(columns, np.arange(180), beat))
    # The middle column, 90 of 0 to 179, shows sample 36 + 90 x 143/179.
    assert got.lines[1].get_xdata()[0] == pytest.approx((36 + 90 * 143 / 179 - 90) / 360)


# Strips


def test_a_strip_shows_the_signal_at_its_time():
    figure = strip()
    mlii, v1 = (axes.get_lines()[0] for axes in figure.axes)
    np.testing.assert_allclose(mlii.get_xdata()[[0, -1]], [10, 15 - 1 / 360])
    np.testing.assert_allclose(mlii.get_ydata(), np.sin(mlii.get_xdata()))
    np.testing.assert_allclose(v1.get_ydata(), np.cos(v1.get_xdata()))
    assert figure.axes[0].get_xlim() == (10, 15)


def test_each_beats_letter_stands_over_its_r_peak_in_its_classs_colour():
    letters = [text for text in strip().axes[0].texts if text.get_text() in list("NSVF")]
    rows = {}
    for text in letters:
        x, y = text.get_position()
        rows.setdefault(y, []).append((text.get_text(), x))
        assert text.get_color() == aami.COLORS[text.get_text()]
        assert text.get_horizontalalignment() == "center"
    assert ["".join(letter for letter, _ in row) for row in rows.values()] == ["NVSF", "NVNF"]
    for row in rows.values():  # (10.5 - 10) / 5 and so on
        np.testing.assert_allclose([x for _, x in row], [0.1, 0.3, 0.4, 0.8])


@pytest.mark.parametrize(("start_s", "seconds"), [(-1, 5), (16, 5), (25, 1), (5, 0)])
def test_a_stretch_outside_the_recording_is_refused(start_s, seconds):
    with pytest.raises(InputError, match=r"is not within the recording: .* between 0 and 20\.0 s"):
        strip(start_s=start_s, seconds=seconds)


# Signals and bands


def test_panels_on_ecg_paper_share_one_scale_and_start_at_zero():
    figure = FIGURES["paper_panels"][0](synthetic=False)
    before, both = figure.axes
    assert [axes.get_title(loc="left") for axes in (before, both)] == ["before", "both"]
    assert before.get_ylim() == both.get_ylim()
    assert before.get_xlim() == both.get_xlim() == (0, 5)  # 1800 samples at 360 Hz
    np.testing.assert_allclose(before.get_lines()[0].get_ydata()[[0, -1]], [-1, 1])
    assert [line.get_linestyle() for line in both.get_lines()] == ["-", "--"]
    assert before.get_legend() is None
    assert [text.get_text() for text in both.get_legend().get_texts()] == ["MLII", "denoised"]


def test_a_bands_name_stands_over_the_middle_of_its_hump():
    (axes,) = FIGURES["band_responses"][0](synthetic=False).axes
    places = {text.get_text(): text.get_position()[0] for text in axes.texts}
    # On a logarithmic axis the middle of 0.1 and 1 is 10^-0.5, of 2 and 100 it is 200^0.5.
    assert places == pytest.approx({"A1": 10**-0.5, "D1": 200**0.5})


def test_marks_stand_at_their_frequencies():
    (axes,) = FIGURES["over_frequency"][0](synthetic=False).axes
    *curves, mark = axes.get_lines()
    assert [line.get_label() for line in curves] == ["one way", "both ways"]
    assert mark.get_xdata() == [60, 60]
    assert [text.get_text() for text in axes.texts] == ["mains"]
    assert axes.get_xscale() == "log"


# Beats and counts


def test_beats_by_class_draws_the_median_beat_of_each_class_from_a_quarter_second_before_r():
    beats = table()
    figure = plots.beats_by_class(beats, "Median beats")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title() for axes in panels]
    assert titles == ["N: 12 beats", "S: 8 beats", "V: 6 beats", "F: 4 beats"]
    for c, axes in enumerate(panels):
        (line,) = axes.get_lines()
        np.testing.assert_allclose(
            line.get_ydata(), np.median(beats.signals[beats.labels == c], axis=0), atol=1e-6
        )
        np.testing.assert_allclose(line.get_xdata()[[0, 90, 179]], [-0.25, 0, 89 / 360])


def test_a_class_without_beats_gets_no_panel():
    beats = table()
    figure = plots.beats_by_class(beats.select(beats.labels != 1), "Median beats")
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert titles == ["N: 12 beats", "V: 6 beats", "F: 4 beats"]


def test_the_bars_of_class_counts_are_as_long_as_the_counts():
    figure = plots.class_counts({"N": 9000, "S": 250, "V": 700}, "Beats")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [9000, 250, 700]
    assert axes.get_xscale() == "log"
    assert [bar.get_facecolor() for bar in axes.patches] == [
        mpl.colors.to_rgba(aami.COLORS[c]) for c in "NSV"
    ]


def test_counts_by_record_draws_each_record_of_each_class():
    figure = FIGURES["counts_by_record"][0](synthetic=False)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    # S, V and F in records a, b, c and d
    assert heights == [[2, 1, 0, 0], [4, 3, 2, 1], [0, 0, 0, 2]]


# Windows, halves, nearest beats


def test_the_window_lies_over_the_180_samples_around_the_r_peak():
    figure = FIGURES["beat_windows"][0](synthetic=False)
    for axes, rr_s in zip(figure.axes, (1.5, 0.5), strict=True):
        (window,) = axes.patches
        np.testing.assert_allclose([window.get_x(), window.get_width()], [-0.25, 0.5])
        trace = max(axes.get_lines(), key=lambda line: len(line.get_xdata()))
        np.testing.assert_allclose(trace.get_xdata()[[0, -1]], [-1.2, 1.2 - 1 / 360])
        at_s = trace.get_xdata()[trace.get_ydata() == 1]
        expected = np.arange(-2, 3) * rr_s
        np.testing.assert_allclose(at_s, expected[abs(expected) < 1.2], atol=1e-9)


def test_a_window_near_the_end_of_a_record_shows_what_there_is():
    signal, r_peaks, _ = places(0.5)
    figure = plots.beat_windows({"last": (signal, r_peaks, int(r_peaks[-1]))}, "End")
    trace = max(figure.axes[0].get_lines(), key=lambda line: len(line.get_xdata()))
    assert trace.get_xdata()[-1] == pytest.approx((3599 - r_peaks[-1]) / 360)


def test_halves_by_record_stacks_the_shares_of_each_record():
    mixed, apart = FIGURES["halves_by_record"][0](synthetic=False).axes
    heights = [[bar.get_height() for bar in axes.patches] for axes in (mixed, apart)]
    # training shares of a, b and c, then their test shares, on top of them
    assert heights == [[0.75, 0.5, 0, 0.25, 0.5, 1], [1, 0, 0, 0, 1, 1]]
    assert [bar.get_y() for bar in mixed.patches[3:]] == [0.75, 0.5, 0]
    assert {bar.get_hatch() for bar in mixed.patches} == {None, "////"}


def test_nearest_beats_draws_each_pair_with_the_answer_dashed_in_its_classs_colour():
    figure = FIGURES["nearest_beats"][0](synthetic=False)
    beats, pairs = table(), [(0, 1), (0, 12), (27, 13), (27, 29)]  # row by row
    for axes, (row, other) in zip(figure.axes, pairs, strict=True):
        asked, answer = axes.get_lines()
        np.testing.assert_array_equal(asked.get_ydata(), beats.signals[row])
        np.testing.assert_array_equal(answer.get_ydata(), beats.signals[other])
        assert (asked.get_linestyle(), answer.get_linestyle()) == ("-", "--")
        assert answer.get_color() == aami.COLORS["NSVF"[beats.labels[other]]]


# Networks


def test_a_zero_has_no_place_on_a_logarithmic_axis():
    plain, _ = FIGURES["line_panels"][0](synthetic=False).axes
    line = plain.get_lines()[1]
    np.testing.assert_allclose(line.get_ydata(), [1, 0.1, np.nan])


def test_lines_of_a_panel_differ_in_style_and_marker_too():
    plain, _ = FIGURES["line_panels"][0](synthetic=False).axes
    cues = {(line.get_linestyle(), line.get_marker()) for line in plain.get_lines()}
    assert len(cues) == 2


def test_filters_are_drawn_as_bars_in_the_order_of_time():
    axes = FIGURES["filters"][0](synthetic=False).axes[2]
    bars = sorted(axes.patches, key=lambda bar: bar.get_x())
    assert [bar.get_height() for bar in bars] == [1, 0, -1]
    with pytest.raises(InputError, match=r"Groups of \[1, 2\] filters"):
        plots.filters({"a": [[1.0]], "b": [[1.0], [2.0]]}, "Stem")


def test_feature_maps_lie_under_the_beat_at_their_time():
    figure = FIGURES["feature_maps"][0](synthetic=False)
    beat, wide, short, *_ = figure.axes
    np.testing.assert_allclose(beat.get_xlim(), [-0.25, 0.25])
    for axes in (wide, short):
        (image,) = axes.get_images()
        np.testing.assert_allclose(image.get_extent()[:2], [-0.25, 0.25])


def test_bars_of_shares_add_up_to_the_whole():
    for axes in FIGURES["shares"][0](synthetic=False).axes:
        assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(100)


def test_what_an_answer_waits_for_is_drawn_end_to_end():
    (axes,) = FIGURES["waits"][0](synthetic=False).axes
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches if bar.get_height() == 0.8]
    assert bars == [(0, 0.25), (0.25, 15.5), (0, 2), (2, 0.5)]


# The confusion matrix


def test_a_confusion_matrix_has_the_reference_in_rows_from_the_top():
    figure = plots.confusion_matrix(MATRIX, "Test half")
    axes = figure.axes[0]
    assert axes.get_ylabel() == "annotators"
    assert axes.get_xlabel() == "model"
    assert [t.get_text() for t in axes.get_yticklabels()] == list(metrics.CLASSES)
    assert [t.get_text() for t in axes.get_xticklabels()] == list(metrics.CLASSES)
    top, bottom = axes.transData.transform([(0.5, 0.5), (0.5, 3.5)])[:, 1]
    assert top > bottom  # the N row is drawn above the F row
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    for row in range(4):
        for column in range(4):
            count, share = cells[column + 0.5, row + 0.5].splitlines()
            assert count == f"{MATRIX[row][column]:,}"
            assert share == f"{100 * MATRIX[row][column] / sum(MATRIX[row]):.2f} %"


def test_a_class_without_beats_is_drawn_as_an_empty_row():
    figure = plots.confusion_matrix(np.diag([5, 0, 3, 2]), "Few beats")
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells[1.5, 1.5].splitlines()[0] == "0"
    assert "nan" not in "".join(cells.values()).lower()


# Colours

# Machado, Oliveira and Fernandes 2009 (doi:10.1109/TVCG.2009.113), severity 1.0, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
SRGB_TO_XYZ = np.array(  # IEC 61966-2-1, white D65
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
JUST_NOTICEABLE = 2.3  # of the colour difference Delta E of 1976 (Mahy et al. 1994)


def lab_seen(color, matrix):
    """CIE L*a*b* of a colour as somebody with this colour vision sees it."""
    c = np.array(mpl.colors.to_rgb(color))
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    t = SRGB_TO_XYZ @ np.clip(matrix @ linear, 0, 1) / SRGB_TO_XYZ.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_colour_arithmetic_gives_known_values():
    np.testing.assert_allclose(lab_seen("white", np.eye(3)), [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(lab_seen("red", np.eye(3)), [53.24, 80.09, 67.20], atol=0.05)
    for matrix in BLINDNESS.values():  # grey stays grey
        np.testing.assert_allclose(np.sum(matrix, axis=1), 1, atol=2e-6)


@pytest.mark.parametrize("vision", BLINDNESS)
def test_class_colours_are_told_apart_with_every_colour_blindness(vision):
    seen = {c: lab_seen(color, np.array(BLINDNESS[vision])) for c, color in aami.COLORS.items()}
    apart = {a + b: np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(seen, 2)}
    of_four = {pair: distance for pair, distance in apart.items() if "Q" not in pair}
    assert min(of_four.values()) > 6 * JUST_NOTICEABLE, min(of_four, key=of_four.get)
    assert min(apart.values()) > 4 * JUST_NOTICEABLE, min(apart, key=apart.get)


def test_a_beats_table_of_the_synthetic_records_is_marked_by_itself(synthetic_beats):
    figure = plots.beats_by_class(synthetic_beats.without_q(), "Median beats")
    assert plots.SYNTHETIC_MARK in words(figure)
    real = plots.beats_by_class(replace(synthetic_beats, source="mitdb"), "Median beats")
    assert plots.SYNTHETIC_MARK not in words(real)
