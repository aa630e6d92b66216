"""Figures: what is drawn, alt texts, the mark of synthetic data, ECG paper."""

import inspect
import io
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from ecgbook import figures
from ecgkit import InputError, plots
from ecgkit.data import aami
from ecgkit.data.splits import Split

mpl.use("Agg")

MATRIX = [[44_650, 150, 90, 30], [112, 1387, 12, 2], [91, 13, 3392, 10], [71, 9, 7, 314]]
WAVE = np.sin(np.arange(180) / 9)
R, LATER = np.eye(180)[90], np.eye(180)[126]  # one at the R peak, one 0.1 s after it


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def strip(synthetic=False, **changes):
    """Five seconds from second 10 on, beats at 10.5, 11.5, 12 and 14 s, two others outside."""
    time_s = np.arange(20 * 360) / 360
    r_peaks = (np.array([9, 10.5, 11.5, 12, 14, 16]) * 360).astype(int)
    marks = {"annotators": list("NNVSFN"), "model": list("VNVNFS")}
    settings = {"start_s": 10, "seconds": 5, "r_peaks": r_peaks, "marks": marks, **changes}
    signals = {"MLII": np.sin(time_s), "V1": np.cos(time_s)}
    return plots.ecg_strip(signals, 360, "Record 200", synthetic=synthetic, **settings)


def in_record(rr_s, *marks):
    """Ten seconds with an R peak every ``rr_s``; the beat nearest to 5 s."""
    r_peaks = np.round(np.arange(rr_s, 10, rr_s) * 360).astype(int)
    signal = np.zeros(3600)
    signal[r_peaks] = 1
    middle = int(r_peaks[np.argmin(abs(r_peaks - 1800))])
    return figures.BeatInRecord(signal, r_peaks, middle, dict.fromkeys(marks, ["N"] * len(r_peaks)))


def call(*arguments, **keywords):
    return arguments, keywords


BANDS = {f"D{i}": np.exp(-((np.arange(1, 50) - 8 * i) ** 2) / 9) for i in range(1, 6)}
# One call per figure of data; ecg_strip is in draw.
CALLS = {
    "confusion_matrix": call(MATRIX, "T"),
    "confusion_matrices": call({"a": MATRIX, "b": np.eye(4, dtype=int), "c": MATRIX}, "T"),
    "line_panels": call(
        {"plain": {"a": [1, 10, 100], "b": [1, 0.1, 0]}, "other": {"a": [2, 3, 4]}},
        [1, 2, 4], "modules", "gradient", "T", log="xy"),
    "stacked_bars": call(
        {"slow": {"beat": 0.25, "block": 15.5}, "fast": {"search": 2.0, "beat": 0.5}},
        "seconds", "T", digits=2),
    "errors_by_record": call(
        np.array(list("aaabbbbcdd")), np.array([0, 1, 2, 3, 0, 0, 1, 0, 2, 2]),
        np.array([0, 0, 2, 0, 1, 0, 2, 1, 0, 0]), "T", top=2),
    "counts_by_record": call(
        np.array(list("aaaabbbccdaabdd")), np.array([2] * 10 + [1] * 3 + [3] * 2, np.int8), "T"),
    "splits_by_record": call(
        np.array(list("aaaabbc")), {"mixed": Split(np.array([0, 1, 2, 4]), np.array([3, 5, 6])),
        "apart": Split(np.array([0, 1, 2, 3]), np.array([4, 5, 6]))}, "T"),
    "score_rows": call(
        {"Gai": {"Acc": (98.6,), "Se": (79.7,)}, "ours": {"Acc": (98.5, 98.25, 99), "Se": (80,)}},
        "per cent", "T", line=(90, "goal")),
    "precision_recall": call({"one": ([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])}, 0.6, "T"),
    "run_points": call(
        {"": {"stem": [0.1, 0.2, 0.6], "gate": [-0.25], "branch": [0.3]}}, "points", "T"),
    "reliability_diagram": call(
        {"raw": (np.array([2, 4]), np.array([0.5, 1]), np.array([0.4, 0.9]), 0.1)}, "T"),
    "ecg_panels": call(
        {"one": {"MLII": np.linspace(-1, 1, 1800)},
         "both": {"MLII": np.zeros(1800), "denoised": np.ones(1800)}}, 360, "T", seen="It climbs."),
    "steepness_panels": call(
        np.sin(np.arange(3000) / 9), np.ones(3000),
        {"annotated": np.array([100, 500, 2900]), "candidate": np.array([100])}, 360, "T"),
    "band_signals": call({"A1": np.linspace(0, 1, 720), "D1": np.zeros(720)}, 360, "T"),
    "beats_in_context": call(
        {"slow": in_record(1.5), "fast": in_record(0.5, "annotators", "model")}, "T"),
    "beat_changes": call(WAVE, {"down": -WAVE, "double": 2 * WAVE}, "T"),
    "feature_maps": call(
        WAVE, {"wide": np.eye(2, 180, 90), "short": np.eye(1, 45, 44)}, "T", value="activation"
    ),
    "mean_attributions": call(
        {"N": (np.ones((4, 180)), [R] * 4), "F": (np.ones((2, 180)), [LATER] * 2)},
        "T", value="fall"),
    "ecg_strip": call(),
    "conduction": call((np.arange(180) - 90) / 360, R - WAVE / 9, "T"),
}  # fmt: skip
DIAGRAMS = ("dilated_convolution", "framework_diagram", "tcn_diagram", "resnet_diagram")
ON_PAPER = ("ecg_strip", "ecg_panels", "beats_in_context", "beat_changes")


def draw(name, synthetic=False):
    if name in DIAGRAMS:
        return getattr(figures, name)()
    if name == "ecg_strip":
        return strip(synthetic)
    arguments, keywords = CALLS[name]
    function = getattr(plots, name, None) or getattr(figures, name)
    return function(*arguments, **keywords, synthetic=synthetic)


def texts(figure):
    """Texts that are drawn, and their boxes: Matplotlib keeps tick labels outside the limits."""
    figure.canvas.draw()
    found = {t for t in figure.findobj(mpl.text.Text) if t.get_text().strip() and t.get_visible()}
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = [t for t in axis.get_major_ticks() if not low <= t.get_loc() <= high]
        found -= {label for tick in ticks for label in (tick.label1, tick.label2)}
    return {text: text.get_window_extent() for text in found}


def lies_inside(box, figure):
    size = figure.bbox
    return 0 <= box.x0 < box.x1 <= size.x1 and 0 <= box.y0 < box.y1 <= size.y1


def test_every_figure_function_is_drawn_here():
    found = {**vars(figures), **vars(plots)}.items()
    functions = {name for name, thing in found if inspect.isfunction(thing) and name[0] != "_"}
    parts = {"ecg_paper", "write_symbols", "panel_grid", "finish", "save", "show"}
    assert functions - parts == {*CALLS, *DIAGRAMS}


@pytest.mark.parametrize("name", [*CALLS, *DIAGRAMS])
def test_a_figure_has_alt_text_and_labelled_axes_and_fits_the_column(name):
    figure = draw(name)
    alt, title = figure.get_label(), figure.get_suptitle()
    assert alt.startswith(title)
    assert len(alt) > len(title) + 20
    assert figure.get_figwidth() <= plots.WIDTH_IN
    labelled = figure.get_supxlabel() or any(axes.get_xlabel() for axes in figure.axes)
    assert labelled or name.endswith("_diagram")


@pytest.mark.parametrize("name", CALLS)
def test_synthetic_data_are_marked_inside_the_figure_and_on_no_other_text(name):
    real, figure = draw(name), draw(name, synthetic=True)
    assert figure.get_label() == f"Synthetic data. {real.get_label()}"
    assert not any(text.get_text() == plots.SYNTHETIC_MARK for text in real.texts)
    boxes = texts(figure)
    (mark,) = [text for text in boxes if text.get_text() == plots.SYNTHETIC_MARK]
    box = boxes.pop(mark)
    assert lies_inside(box, figure)
    assert not [text.get_text() for text, other in boxes.items() if other.overlaps(box)]


@pytest.mark.parametrize("name", DIAGRAMS)
def test_the_words_of_a_diagram_lie_inside_it_and_on_no_others(name):
    state = torch.random.get_rng_state()
    figure = draw(name)
    assert torch.equal(torch.random.get_rng_state(), state)
    boxes = texts(figure)
    assert not [text.get_text() for text, box in boxes.items() if not lies_inside(box, figure)]
    for a, b in combinations(boxes, 2):
        assert not boxes[a].overlaps(boxes[b]), (a.get_text(), b.get_text())


@pytest.mark.parametrize("name", ON_PAPER)
def test_ecg_is_drawn_on_ecg_paper(name):
    for axes in draw(name).axes:
        for axis, small, large in ((axes.xaxis, 0.04, 0.2), (axes.yaxis, 0.1, 0.5)):
            minor, major = axis.get_minor_locator(), axis.get_major_locator()
            np.testing.assert_allclose(np.diff(minor.tick_values(-1, 1)), small)
            np.testing.assert_allclose(np.diff(major.tick_values(-1, 1)), large)
            assert all(tick.gridline.get_visible() for tick in axis.get_major_ticks())


def test_a_shown_figure_carries_its_alt_text_at_double_resolution(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure = figures.confusion_matrix(MATRIX, "Test half")
    plots.show(figure)
    _, about = shown[0]._repr_png_()
    assert about["alt"] == figure.get_label()
    assert about["width"] == 620  # 6.2 inches
    assert plt.imread(io.BytesIO(shown[0].data)).shape[1] == 1240
    assert not plt.fignum_exists(figure.number)
    with pytest.raises(InputError, match="alt text"):
        plots.show(plt.figure())


def test_a_saved_figure_carries_its_alt_text_and_is_the_same_file_twice(tmp_path):
    alts = [plots.save(draw("confusion_matrix"), tmp_path / name) for name in ("a.png", "b.png")]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert alts[0].encode() in (tmp_path / "a.png").read_bytes()


def test_a_strip_shows_the_signal_at_its_time_with_letters_over_the_r_peaks():
    top, bottom = strip().axes
    np.testing.assert_allclose(top.lines[0].get_xdata()[[0, -1]], [10, 15 - 1 / 360])
    np.testing.assert_allclose(bottom.lines[0].get_ydata(), np.cos(bottom.lines[0].get_xdata()))
    letters = [text for text in top.texts if text.get_text() in aami.CLASSES]
    assert "".join(text.get_text() for text in letters) == "NVSF" + "NVNF"
    assert all(text.get_color() == aami.COLORS[text.get_text()] for text in letters)
    # (10.5 - 10) / 5 and so on
    np.testing.assert_allclose([t.get_position()[0] for t in letters], [0.1, 0.3, 0.4, 0.8] * 2)
    for start_s, seconds in ((-1, 5), (16, 5), (5, 0)):
        with pytest.raises(InputError, match="within"):
            strip(start_s=start_s, seconds=seconds)


def test_a_confusion_matrix_has_the_reference_in_rows_from_the_top():
    axes = figures.confusion_matrix([[3, 1, 0, 0], [0] * 4, [0, 0, 2, 0], [0] * 4], "Few").axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells[1.5, 0.5] == "1\n25.00 %"  # column S, row N
    assert cells[1.5, 1.5] == "0\n0.00 %"  # no S beat
    assert [axes.get_ylabel(), axes.get_xlabel()] == ["annotators", "model"]
    assert axes.transData.transform((0, 0))[1] > axes.transData.transform((0, 3))[1]


def test_line_panels_leave_zeros_out_of_a_logarithmic_axis():
    left, right = draw("line_panels").axes
    a, b = left.lines
    np.testing.assert_allclose(b.get_ydata(), [1, 0.1, np.nan])
    assert (a.get_linestyle(), a.get_marker()) != (b.get_linestyle(), b.get_marker())
    assert right.get_xscale() == right.get_yscale() == "log"
    many = figures.line_panels({"": BANDS}, np.arange(1, 50), "Hz", "share", "Bands", log="x")
    assert [text.get_text() for text in many.axes[0].texts] == list(BANDS)


def test_bars_have_the_widths_of_their_values():
    (stack,) = draw("stacked_bars").axes  # beat, block, search of both rows
    widths = [(bar.get_x(), bar.get_width()) for bar in stack.patches]
    assert widths == [(0, 0.25), (0, 0.5), (0.25, 15.5), (0.5, 0), (15.75, 0), (0.5, 2)]
    assert [text.get_text().strip() for text in stack.texts] == ["15.75", "2.50"]


def test_bars_by_record_count_beats():
    # Rows b, d, others; N S V F: b has one N, one S, one F, d two V, a one S, c one N.
    (errors,) = draw("errors_by_record").axes
    widths = [[bar.get_width() for bar in bars] for bars in errors.containers]
    assert widths == [[1, 0, 1], [1, 0, 1], [0, 2, 0], [1, 0, 0]]
    heights = [[bar.get_height() for bar in axes.patches] for axes in draw("counts_by_record").axes]
    assert heights == [[2, 1, 0, 0], [4, 3, 2, 1], [0, 0, 0, 2]]  # S, V, F in a, b, c, d
    heights = [[bar.get_height() for bar in axes.patches] for axes in draw("splits_by_record").axes]
    assert heights == [[75, 50, 0, 25, 50, 100], [100, 0, 0, 0, 100, 100]]


def test_points_and_whiskers_lie_at_their_values():
    (axes,) = draw("score_rows").axes
    accuracy, _ = axes.containers[1].lines[2][0].get_segments()
    assert accuracy[:, 0].tolist() == [98.25, 99]
    (axes,) = draw("run_points").axes
    assert axes.lines[1].get_xdata() == pytest.approx([0.3, 0.3])
    (axes,) = draw("precision_recall").axes  # two are called from 0.6 on, and one of them is right
    assert [x.item() for x in axes.lines[1].get_data()] == [50, 50]


def test_the_window_and_the_r_peaks_lie_where_they_are():
    slow, fast = draw("beats_in_context").axes
    for axes in (slow, fast):
        (window,) = axes.patches
        np.testing.assert_allclose([window.get_x(), window.get_width()], [-0.25, 0.5])
    trace = fast.lines[0]
    at_s = trace.get_xdata()[trace.get_ydata() == 1]
    np.testing.assert_allclose(at_s, [-1, -0.5, 0, 0.5, 1], atol=1e-9)
    assert [text.get_text() for text in fast.texts].count("N") == 10  # five beats, two rows
    assert [line.get_marker() for line in slow.lines[1:]] == ["v"]
    _, axes = draw("conduction").axes
    assert next(t.get_position() for t in axes.texts if t.get_text() == "R")[0] == 0


def test_maps_lie_at_their_time():
    figure = draw("feature_maps")
    for axes in figure.axes[1:3]:
        np.testing.assert_allclose(axes.get_images()[0].get_extent()[:2], [-0.25, 0.25])
    assert "wide at +0.00 s, short at +0.24 s" in figure.get_label()  # (88 of 180) - 0.25 s


def test_each_layer_of_the_dilated_convolution_doubles_what_is_read():
    assert "1, 2, 4, 8, 16" in draw("dilated_convolution").get_label()
