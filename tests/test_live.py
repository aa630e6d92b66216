"""The page "Try it": its JavaScript computes what the library computes."""

import base64
import itertools
import json
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import live
import live_frames
import numpy as np
import pdf
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support
from test_csv_reader import LAYOUTS
from torch import nn
from torch.nn.utils import parametrize

from ecgbook.noise import gain, noise_rms, qrs_amplitude
from ecgbook.studies import results
from ecgbook.studies.people import outcomes
from ecgkit.apply.readers import read_recording
from ecgkit.data import denoising
from ecgkit.data.aami import encode
from ecgkit.data.beats import load_beats
from ecgkit.data.cutting import cut_beats, extract_beats, prepare_signal, resample
from ecgkit.data.features import describe_beats
from ecgkit.data.preparation import Preparation
from ecgkit.data.r_peaks import align_r_peaks, detect_r_peaks
from ecgkit.data.splits import person_of, random_split
from ecgkit.evaluate.metrics import accuracy
from ecgkit.nn.fast import fold_norms
from ecgkit.nn.trees import Mixture
from ecgkit.train.weights import load_model

pytestmark = pytest.mark.slow

EXPORT = (live.ROOT / "notebooks" / "19_export.py").read_text("utf-8")
ENGINE = ("denoising", "r_peaks", "features", "kernel", "network", "reading")
CLASSIFY = """async ([name, beats, features, kernel]) => {
    const network = await Live.network.load(Live[`weights_${name}`], kernel);
    const rows = (table) => table.map((row) => Float32Array.from(row));
    return [network.classify(rows(beats), rows(features)), network.kernel];
}"""


@pytest.fixture(scope="module")
def tab(chromium, rendered):
    """An empty page of Chromium with the engine's scripts; rendering wrote the weights."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=pdf.FLAGS)
        tab = browser.new_page()
        for name in ENGINE:
            tab.add_script_tag(path=str(live.FOLDER / f"{name}.js"))
        yield tab
        browser.close()


@pytest.fixture(scope="module")
def exact(tab, tmp_path_factory):
    """The same page with float weights."""
    folder = tmp_path_factory.mktemp("weights")
    live.write_weights(folder, "float32")
    for name in live.NETWORKS:
        tab.add_script_tag(path=str(folder / f"weights_{name}.js"))
    return tab


@pytest.fixture(scope="module")
def signals(synthetic_source):
    """Half a minute of three records, in mV at 360 Hz."""
    names = synthetic_source.records[:3]
    return [synthetic_source.read(name).signals[3000:13_800, 0] for name in names]


def read_script(name, folder=live.FOLDER):
    text = (folder / f"{name}.js").read_text("utf-8")
    return json.loads(text.split(" = ", 1)[1].rstrip(";\n"))


def unpack(about):
    data = np.frombuffer(base64.b64decode(about["data"]), f"<i{about['bits'] // 8}")
    return (about["first"] + data.cumsum(dtype=int)) / about["per_mv"]


def test_all_files_together_have_at_most_four_megabytes(rendered):
    assert sum(path.stat().st_size for path in live.FOLDER.rglob("*")) <= 4e6


@pytest.mark.parametrize("n", [5632, 10_800, 12_345])
@pytest.mark.parametrize("zeroed", [("A9", "D1", "D2"), ("D5",), ()])
def test_denoising_is_that_of_pywavelets(tab, n, zeroed):
    x = np.random.default_rng(n).normal(size=n).cumsum() / 10
    found = tab.evaluate("([x, z]) => [...Live.denoising.denoise(x, z)]", [x.tolist(), zeroed])
    np.testing.assert_allclose(found, denoising.denoise(x, zeroed), rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [300, 3601, 6143])
def test_short_signals_are_continued_by_their_mirror_image(tab, n):
    x = np.random.default_rng(n).normal(size=n)
    found = tab.evaluate("(x) => [...Live.denoising.prepareSignal(x)]", x.tolist())
    np.testing.assert_allclose(found, prepare_signal(x, Preparation()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("fs", [128, 250, 257.3, 500, 1000])
def test_recordings_come_to_360_hz_as_in_the_library(tab, fs):
    x = np.random.default_rng(0).normal(size=1500)
    found = tab.evaluate("([x, fs]) => [...Live.reading.resample(x, fs)]", [x.tolist(), fs])
    np.testing.assert_allclose(found, resample(x, fs), rtol=0, atol=1e-9)


def test_r_peaks_are_found_and_aligned_as_the_library_does(tab, signals):
    noise = np.random.default_rng(0).normal(size=7200)
    for x in (*signals, signals[0] + 0.1 * noise[0], noise, np.zeros(2000)):
        wanted = detect_r_peaks(x)
        assert tab.evaluate("(x) => Live.rPeaks.detect(x)", x.tolist()) == wanted.tolist()
        moved = wanted + 5
        found = tab.evaluate(
            "([x, p]) => Live.rPeaks.align(x, p, 27)", [x.tolist(), moved.tolist()]
        )
        assert found == align_r_peaks(x, moved, 27).tolist()


def test_features_are_those_of_the_library(tab, synthetic_source):
    record = synthetic_source.read(synthetic_source.records[0])
    how = load_model("strangers").preparation
    wanted = extract_beats(record.signals[:, 0], record.r_peaks, how)
    mv = extract_beats(record.signals[:, 0], record.r_peaks, Preparation(align_s=how.align_s))
    rr = [
        [None if np.isnan(v) else float(v) for v in column]
        for column in (wanted.rr_before_s, wanted.rr_after_s)
    ]
    beats, features = tab.evaluate(
        """([beats, rr, names]) => {
            const [before, after] = rr.map((column) => column.map((v) => v ?? NaN));
            const found = Live.features.describe(beats, before, after, names);
            return [found.beats.map((row) => [...row]), found.features.map((row) => [...row])];
        }""",
        [mv.signals.tolist(), rr, how.features],
    )
    np.testing.assert_allclose(beats, wanted.signals, rtol=0, atol=1e-5)
    np.testing.assert_allclose(features, wanted.features, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("name", live.NETWORKS)
def test_with_float_weights_the_networks_answer_as_in_torch(exact, synthetic_source, name, kernel):
    classifier = load_model(live.NETWORKS[name])
    beats = load_beats(synthetic_source, classifier.preparation, cached=False).sample(60, rare=15)
    arguments = [name, beats.signals.tolist(), beats.features.tolist(), kernel]
    found, fast = exact.evaluate(CLASSIFY, arguments)
    assert fast == kernel
    np.testing.assert_allclose(found, classifier.predict(beats), rtol=0, atol=1e-5)


def round_weights(network):
    """Round the weights of a network as the page has them, norms folded in."""
    for part in network.modules():
        if parametrize.is_parametrized(part):
            parametrize.remove_parametrizations(part, "weight")
    folded: Any = fold_norms(network)
    first, factor = None, torch.ones(1)
    if "features" in folded.branches:  # its norm comes before the layer that it is folded into
        norm, first, *_ = folded.branches["features"]
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    for part in folded.modules():
        if isinstance(part, nn.Conv1d | nn.Linear):
            by = factor if part is first else torch.ones(1)
            scale, steps = live.quantise((part.weight * by).detach().numpy())
            rounded = torch.from_numpy(steps * scale[:, None])
            part.weight.data = rounded.view_as(part.weight) / by
    return folded.eval()


@pytest.mark.parametrize("name", live.NETWORKS)
def test_integer_weights_change_one_answer_in_a_thousand_at_most(tab, mitdb, name):
    classifier = load_model(live.NETWORKS[name])
    beats = load_beats(mitdb, classifier.preparation).without_q()
    test = beats.select(random_split(beats.labels, seed=0).test)
    few = test.sample(2000)
    wanted, of_few = (classifier.predict(some).argmax(axis=1) for some in (test, few))
    tab.add_script_tag(path=str(live.FOLDER / f"weights_{name}.js"))
    arguments = [name, few.signals.tolist(), few.features.tolist(), True]
    found = np.array(tab.evaluate(CLASSIFY, arguments)[0]).argmax(axis=1)
    assert (found != of_few).sum() <= 0.001 * len(few)

    network = classifier.network  # the whole half, without the browser
    if isinstance(network, Mixture):
        network.network = round_weights(network.network)
    else:
        network = round_weights(network)
    changed = (wanted != replace(classifier, network=network).predict(test).argmax(axis=1)).sum()
    assert changed <= 0.001 * len(test)
    said = re.search(rf"(\d+) for `{name}`", EXPORT.replace("\n# ", " "))
    assert name == "fold" if said is None else abs(int(said[1]) - changed) <= 2


def test_the_code_on_the_page_on_export_is_that_of_the_engine():
    code = (live.FOLDER / "network.js").read_text("utf-8")
    excerpts = re.findall(r"^# ```javascript\n(.+?)^# ```$", EXPORT, re.M | re.S)
    assert len(excerpts) == 2
    there = {line.strip() for line in code.splitlines()}
    assert {line.lstrip("# ") for line in "".join(excerpts).splitlines()} <= there


def test_strips_are_the_recordings_and_say_which_beats_were_trained_on(mitdb, mitdb_beats):
    beats = mitdb_beats.without_q()
    train = random_split(beats.labels, seed=0).train
    keys = set(zip(beats.records[train].tolist(), beats.samples[train].tolist(), strict=True))
    for strip in read_script("strips"):
        record = mitdb.read(strip["record"], "MLII")
        start = round(strip["start_s"] * 360)
        lead = record.lead("MLII")[start : start + live.LENGTH]
        np.testing.assert_allclose(unpack(strip), lead, rtol=0, atol=1e-6)
        of = (record.r_peaks >= start) & (record.r_peaks < start + live.LENGTH)
        there = zip(record.r_peaks[of].tolist(), record.symbols[of].tolist(), strict=True)
        assert {start + at: symbol for at, symbol, _ in strip["beats"]} == dict(there)
        for at, _, seen in strip["beats"]:
            assert seen == ((strip["record"], start + at) in keys)


@pytest.fixture
def visit(tab, rendered):
    """A function that opens a page of the book as a file, which must ask no other host."""
    contexts, seen = [], list[str]()

    def call(path, width=1280, scheme="light", script="", **more):
        size = {"width": width, "height": 900}
        contexts.append(tab.context.browser.new_context(viewport=size, color_scheme=scheme, **more))
        contexts[-1].add_init_script(script)
        page = contexts[-1].new_page()
        page.on("request", lambda request: seen.append(request.url))
        page.on("pageerror", lambda error: seen.append(error.message))
        page.goto((rendered / path).as_uri(), wait_until="load")
        return page

    yield call
    for context in contexts:
        context.close()
    assert [url for url in seen if not url.startswith(("file:", "data:"))] == []


@pytest.fixture
def page(visit):
    """The page "Try it", once it has answered."""
    return visit_try_it(visit)


def visit_try_it(visit, *look, **options):
    page = visit("book/try_it.html", *look, **options)
    page.wait_for_selector("html[data-live]", timeout=60_000)
    return page


@contextmanager
def new_answers(page):
    """Wait until the page has answered what the block does."""
    page.evaluate("delete document.documentElement.dataset.live")
    yield
    page.wait_for_selector("html[data-live]", timeout=60_000)


def wait_for_answers(page):
    page.wait_for_function("Live.page.beats.every((beat) => beat.answer)")


def choose(page, **options):
    """Choose a strip or a network, and wait until it has answered."""
    for name, value in options.items():
        with new_answers(page):
            page.select_option(f"#live-{name}", value)


def read_answers(page):
    return np.array(page.evaluate("Live.page.beats.map((beat) => beat.answer)"))


@pytest.mark.parametrize("name", ["paper", "ours", "fold"])
def test_the_page_answers_as_the_library_does_on_each_strip(page, name):
    classifier = load_model(live.NETWORKS[name])
    choose(page, network="strangers" if name == "fold" else name)
    changed = total = 0
    for k, strip in enumerate(read_script("strips")):
        choose(page, strip=str(k))
        peaks = np.array([at for at, *_ in strip["beats"]])
        beats = extract_beats(unpack(strip), peaks, classifier.preparation)
        found, wanted = read_answers(page), classifier.predict(beats.signals, beats.features)
        assert found.shape == wanted.shape
        changed += (found.argmax(axis=1) != wanted.argmax(axis=1)).sum()
        total += len(found)
    assert changed <= 0.01 * total


def test_the_page_states_how_hard_the_people_of_its_fold_are():
    (outcome,) = outcomes("people mitdb", "strangers")
    trained_on = load_model(live.NETWORKS["fold"]).provenance.trained_on
    text = " ".join((live.ROOT / "book" / "try_it.md").read_text("utf-8").split())
    for records in (outcome.by_record["literature"].keys() - set(trained_on), None):
        of = [m for r, m in outcome.by_record["literature"].items() if not records or r in records]
        share = 100 * accuracy(np.sum(of, axis=0))
        assert f"{share:.1f} % of" in text
    everybody = load_model("strangers").provenance.trained_on
    people, left = (len(set(person_of(r))) for r in (everybody, trained_on))
    assert f"without {people - left} of {people} people" in text


def test_strips_say_whether_the_person_was_in_training(page):
    provenance = load_model(live.NETWORKS["fold"]).provenance
    records = [strip["record"] for strip in read_script("strips")]
    known = np.isin(person_of(records), person_of(provenance.trained_on))
    assert known.sum() <= 1
    choose(page, network="strangers")
    for k in range(len(records)):
        choose(page, strip=str(k))
        for place in ("#live-about", "#live-says", "#live-status"):
            said = page.inner_text(place)
            assert ("trained on this patient" in said) == known[k]
            assert ("person was not in the network's training" in said) != known[k]


def test_the_keyboard_alone_selects_pulls_and_undoes(page):
    page.focus("#live-paper")
    page.keyboard.press("ArrowRight")
    assert "Beat 2 of" in page.inner_text("#live-which")
    page.focus("#live-mistake")
    page.keyboard.press("Enter")
    wait_for_answers(page)
    said = page.inner_text("#live-says")  # the next mistake: N, S, V or F, and not both the same
    assert len({said.split("says ")[1][0], said.split("annotators ")[1][0]} & set("NSVF")) == 2
    before = read_answers(page)[page.evaluate("Live.page.selected")]
    k = page.evaluate("Live.page.selected")
    page.focus("#live-one")
    for key in ("ArrowLeft", "ArrowRight", *["ArrowDown"] * 20):
        page.keyboard.press(key)
    wait_for_answers(page)
    assert np.abs(read_answers(page)[k] - before).max() > 1e-3
    page.keyboard.press("Escape")
    wait_for_answers(page)
    np.testing.assert_allclose(read_answers(page)[k], before, atol=1e-6)


def test_without_webassembly_the_plain_form_answers(visit, page):
    other = visit_try_it(visit, script="delete globalThis.WebAssembly")
    assert "Plain JavaScript" in other.inner_text("#live-status")
    np.testing.assert_allclose(read_answers(other), read_answers(page), atol=1e-4)


@pytest.mark.parametrize("fs", [360, 250])
def test_a_recording_of_ones_own_is_answered(page, signals, tmp_path, fs):
    x = signals[0]
    path = tmp_path / "own.csv"
    path.write_text("time_s,II_mV\n" + "".join(f"{i / fs:.5f},{v:.4f}\n" for i, v in enumerate(x)))
    choose(page, network="strangers")
    page.click(".live-own summary")
    with new_answers(page):
        page.set_input_files("#live-file", path)
    trained_on = load_model("strangers").provenance.trained_on
    assert page.evaluate("Live.page.network.about.trained_on") == list(trained_on)
    assert "training" not in page.inner_text("#live-says")
    signal = resample(np.round(x, 4), fs)
    beats = extract_beats(signal, detect_r_peaks(signal), Preparation())
    assert page.evaluate("Live.page.beats.length") == len(beats.signals)
    assert f"{fs} Hz" in page.inner_text("#live-about")


SEVENTHS = "".join(f"{i % 7 / 10}\n" for i in range(5000))
TIMED = "time_s,II\n" + "".join(f"{i / 250},{i % 7 / 10}\n" for i in range(5000))
AT_360 = {"rate": "360"}
WRONG = {
    "words": ("It was a dark and stormy night.\n" * 50, {}, "numbers"),
    "empty": ("", {}, "numbers"),
    "one column too many": ("t,II\n" + "0,1\n" * 900 + "1,2,3\n" + "0,1\n" * 900, {}, "Line 902"),
    "a word": ("0.12\n" * 900 + "lost\n" + "0.13\n" * 900, AT_360, "Line 901"),
    "no rate": (SEVENTHS, {}, "sampling rate"),
    "a rate too low": (SEVENTHS, {"rate": "50"}, "100 to"),
    "another rate than the times": (TIMED, {"rate": "500"}, "250 Hz"),
    "integers of a converter": ("".join(f"{i * i % 97}\n" for i in range(5000)), AT_360, "per mV"),
    "too short": ("0.1\n0.2\n0.3\n" * 20, AT_360, "0.7 s"),
    "flat": ("0.5\n" * 5000, AT_360, "flat"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_read_is_answered_with_a_sentence_and_nothing_is_lost(page, tmp_path, case):
    text, fields, word = WRONG[case]
    before = page.evaluate("[...Live.page.raw]")
    path = tmp_path / "own.txt"
    path.write_text(text)
    page.click(".live-own summary")
    for name, value in fields.items():
        page.fill(f"#live-{name}", value)
    page.set_input_files("#live-file", path)
    page.wait_for_function("document.getElementById('live-status').textContent.includes('stays')")
    assert word in page.inner_text("#live-status")
    assert page.evaluate("[...Live.page.raw]") == before


UNITS = [("II (uV)\n", "{uv}", ""), ("t;uV\n", "{t};{uv:,}", ""), ("t_ns,II\n", "{ns},{mv}", "")]
HEADS = ("# sampling rate: 250 Hz\nII\n", "ACC sampling rate: 50\nECG sampling rate: 250\nII\n")


@pytest.mark.parametrize(
    ("head", "line", "name"),
    [*LAYOUTS, *UNITS, *((head, "{mv}", "") for head in HEADS)],
)
@pytest.mark.filterwarnings("ignore:.*(unit|chooses another)")
def test_a_table_is_read_as_by_the_library(tab, write_csv, head, line, name):
    path = write_csv(head, line)
    call = "([text, name]) => [...Live.reading.read(text, name, { rate: 250 }).signal]"
    found = tab.evaluate(call, [path.read_text(), path.name])
    wanted = resample(read_recording(path, fs=250).signal, 250)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_every_change_reaches_the_network_and_can_be_undone(page):
    before = read_answers(page)
    ends = {"shift": "-40", "crop": "50", "ma": "1", "bw": "2", "mains": "0.5", "gain": "20"}

    def change(script):
        with new_answers(page):
            page.evaluate(script)
        return read_answers(page)

    for name, value in ends.items():
        slider = f"document.getElementById('live-{name}')"
        moved = f"{slider}.value = {value}; {slider}.dispatchEvent(new Event('input'))"
        assert np.abs(change(moved) - before).max() > 0.01, name
        undone = change("document.getElementById('live-reset').click()")
        np.testing.assert_allclose(undone, before, atol=1e-6)
    assert np.abs(change("document.getElementById('live-denoise').click()") - before).max() > 1e-4


def test_a_beat_is_pulled_with_the_mouse(page):
    page.click("#live-mistake")
    wait_for_answers(page)
    page.locator("#live-one").scroll_into_view_if_needed()
    box = page.locator("#live-one").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 60)
    page.mouse.up()
    pull = np.array(page.evaluate("[...Live.page.pull]"))
    assert abs(pull.argmin() - 90) <= 2
    assert pull.min() < -0.2
    assert abs(pull[:50]).max() < 1e-3


def test_the_shade_is_the_fall_of_the_answer_where_a_beat_is_flattened(page):
    with new_answers(page):
        page.check("#live-occlusion")
    beat = np.array(page.evaluate("[...Live.page.beats[0].samples]"))
    flat = [beat.copy() for _ in range(0, 163, 6)]
    for row, j in zip(flat, range(0, 163, 6), strict=True):
        row[j : j + 18] = np.linspace(beat[j], beat[j + 17], 18)
    call = "(x) => Live.page.network.classify(x.map((row) => Float32Array.from(row)))"
    p = np.array(page.evaluate(call, [beat.tolist(), *(row.tolist() for row in flat)]))
    fall = (p[0].max() - p[1:, p[0].argmax()]).clip(0)
    starts = np.arange(0, 163, 6)
    wanted = [fall[(starts <= i) & (i < starts + 18)].mean() for i in range(180)]
    found = page.evaluate("[...Live.page.shade]")
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.fixture
def drawn(visit):
    """A function that opens a page and brings a frame near the screen: tab, frame."""

    def call(name, frame, *look):
        page = visit(f"notebooks/{name}.html", *look)
        box = page.locator(f".live-frame[data-frame={frame}]")
        assert box.inner_html() == ""  # it is drawn once it comes near the screen
        box.evaluate("(box) => box.scrollIntoView()")
        page.wait_for_selector(f"[data-frame={frame}][data-drawn]", timeout=20_000)
        return page, box

    return call


FRAMES = [
    pytest.param(path.stem, name, id=name)
    for path in sorted(live.ROOT.glob("notebooks/*.py"))
    for name in re.findall(
        r'^# <div class="live-frame" data-frame="(\w+)"></div>$', path.read_text("utf-8"), re.M
    )
]
"""Pages and the frames in them."""
WITH_NETWORK = ("crop", "hide", "dose")


def read_alt(page, word):
    """The alt text of the stored figure of a page whose alt text has a word."""
    nb = json.loads((live.ROOT / "notebooks" / f"{page}.ipynb").read_text("utf-8"))
    alts = [c["metadata"].get("mystnb", {}).get("image", {}).get("alt", "") for c in nb["cells"]]
    return next(alt for alt in alts if word in alt)


def numbers(text):
    return [float(number) for number in re.findall(r"[\d.]*\d", text.replace(",", ""))]


def test_bands_are_those_of_the_whole_record_and_can_be_set_to_zero(drawn, mitdb):
    _, box = drawn("02_denoising", "bands")
    said = dict(re.findall(r"([AD]\d) ([\d.]+) mV", read_alt("02_denoising", "ten bands")))
    labels = [label.inner_text() for label in box.locator("label").all()]
    assert {text.split()[0].strip(","): text.split()[-2] for text in labels} == said
    x = mitdb.read("113", "MLII").lead("MLII").astype(float)
    shown, zeroed = slice(270 * 360, 276 * 360), ["A9", "D1", "D2"]
    for key in (None, "D4"):
        if key:
            box.get_by_label(key).press("Space")
            zeroed.append(key)
        kept = denoising.denoise(x, zeroed)[shown]
        removed = x[shown] - kept
        assert (
            f"Removed, peak to peak: {np.ptp(removed):.2f}"
            in box.locator("p[role=status]").inner_text()
        )
        for name, wanted in (("curve", kept), ("removed", removed)):
            d = box.locator(f"path.live-{name}").get_attribute("d")
            y = np.array([point.split() for point in d[1:].split("L")], float)[:, 1]
            of_mv = np.polyfit(wanted, y, 1)  # a line but for the rounding to 0.1 pixels
            np.testing.assert_allclose(y, np.polyval(of_mv, wanted), rtol=0, atol=0.1)


@pytest.mark.parametrize(
    ("keys", "field", "reads"),
    [
        ({}, 1 + 2 * 6 * (1 + 2 + 4 + 8), 180),
        ({"Blocks": ["ArrowLeft"]}, 1 + 2 * 6 * (1 + 2 + 4), 85),
        ({"Dilation": ["Home"]}, 1 + 2 * 6 * 4, 49),
        # A block of two filters of two coefficients reads lags 0, d and 2 d: three ways each.
        ({"Kernel": ["Home"], "Dilation": ["End"]}, 1 + 2 * (1 + 4 + 16 + 64), 3**4),
    ],
)
def test_the_receptive_field_follows_kernel_dilation_and_blocks(drawn, keys, field, reads):
    _, box = drawn("07_tcn", "receptive")
    for name, pressed in keys.items():
        for key in pressed:
            box.get_by_label(name).press(key)
    said = box.locator("p[role=status]").inner_text()
    assert f"= {field} samples" in said
    assert f"reads {reads} of the 180" in said
    assert box.locator("path.live-dots").last.get_attribute("d").count("h0") == reads
    assert ("skips" in said) == (reads < min(field, 180))


def read_table(box):
    rows = box.locator("tbody tr").all()
    return [numbers(" ".join(row.locator("td").all_inner_texts())) for row in rows]


def test_the_confusion_matrix_follows_the_threshold(drawn, mitdb_beats):
    _, box = drawn("11_evaluation", "threshold")
    beats = mitdb_beats.without_q()
    test = beats.select(random_split(beats.labels, seed=0).test)
    p = load_model("ours").predict(test)
    stored = read_script("frame_threshold_data")
    assert live_frames.count_threshold(test.labels, p) == stored

    def check(answers):
        matrix = confusion_matrix(test.labels, answers)
        with np.errstate(invalid="ignore"):
            se, ppv = (np.diag(matrix) / matrix.sum(axis=axis) for axis in (1, 0))
        wanted = [[*row, round(100 * s, 1)] for row, s in zip(matrix.tolist(), se, strict=True)]
        np.testing.assert_allclose(read_table(box)[:4], wanted, atol=0.051)
        np.testing.assert_allclose(read_table(box)[4], 100 * ppv, atol=0.051)
        said = box.locator("p[role=status]").inner_text()
        assert f"Accuracy {100 * np.trace(matrix) / matrix.sum():.2f}" in said
        assert f"F1 of S {100 * f1_score(test.labels == 1, answers == 1):.1f}" in said
        return 100 * ppv[1]

    (run, *_) = results("reproduction", "resnet-tcn-ours")
    assert confusion_matrix(test.labels, p.argmax(axis=1)).tolist() == run.confusion_matrix
    check(p.argmax(axis=1))
    thresholds = 1 / (1 + np.exp(-live_frames.LOGITS))
    place, others = len(thresholds) // 2, np.array([0, 2, 3])[p[:, [0, 2, 3]].argmax(axis=1)]
    at_95 = np.sort(p[test.labels == 1, 1])[round(0.05 * 1513)]
    wanted = np.searchsorted(thresholds, at_95) - 1
    for _ in range(place - wanted):
        box.get_by_role("slider").press("ArrowLeft")
    ppv = check(np.where(p[:, 1] >= thresholds[wanted], 1, others))
    assert abs(ppv - 70) < 3  # the page: P+ is 70 % where 95 % are found
    box.get_by_role("button").press("Enter")
    check(p.argmax(axis=1))


def test_the_operating_point_is_that_of_the_page_and_follows_the_threshold(drawn):
    _, box = drawn("13_new_patients", "operating")
    said = re.findall(r"([\w ,]+): Se (\d+), P⁺ (\d+)", read_alt("13_new_patients", "recall"))
    names = [text.strip() for text in box.locator("tbody th").all_inner_texts()]
    assert names == [name.strip(" ,") for name, *_ in said]
    np.testing.assert_allclose(
        [row[:2] for row in read_table(box)],
        [[float(se), float(ppv)] for _, se, ppv in said],
        atol=0.51,
    )
    data = read_script("frame_operating_data")
    slider, moved = box.get_by_role("slider"), 12
    for _ in range(moved):
        slider.press("ArrowLeft")
    i = data["own"] - moved
    assert slider.get_attribute("aria-valuetext") == f"{data['thresholds'][i]:.3f}"
    parts = {"DS1": ["DS1"], "DS2": ["DS2", "232"], "DS2 without 232": ["DS2"]}
    for row, names in zip(read_table(box), parts.values(), strict=True):
        is_s, others = np.sum([data["histograms"][name] for name in names], axis=0)
        truth = np.repeat([True, False], [is_s.sum(), others.sum()])
        place = np.concatenate([np.repeat(np.arange(len(n)), n) for n in (is_s, others)])
        ppv, se, f1, _ = precision_recall_fscore_support(truth, place > i, average="binary")
        np.testing.assert_allclose(row, [100 * se, 100 * ppv, 100 * f1], atol=0.051)


@pytest.mark.parametrize(("name", "frame"), FRAMES)
def test_frames_show_nothing_without_javascript(visit, name, frame):
    page = visit(f"notebooks/{name}.html", java_script_enabled=False)
    box = page.locator(f".live-frame[data-frame={frame}]")
    assert box.inner_html() == ""
    assert box.bounding_box()["height"] == 0


def assert_fits_and_can_be_read(page, place):
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    faults = Axe().run(page, place).response["violations"]
    assert [f["id"] for f in faults if f["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("look", [(1280, "light"), (400, "dark")])
@pytest.mark.parametrize(("name", "frame"), FRAMES)
def test_frames_fit_the_screen_and_can_be_read_by_all(drawn, name, frame, look):
    page, box = drawn(name, frame, *look)
    assert_fits_and_can_be_read(page, f"[data-frame={frame}]")
    if frame in WITH_NETWORK:
        press_button(box)
        assert page.evaluate("document.activeElement.tagName") == "SELECT"
        assert_fits_and_can_be_read(page, f"[data-frame={frame}]")


@pytest.mark.parametrize("look", [*itertools.product([1280, 400], ["light", "dark"])])
def test_the_page_fits_the_screen_and_can_be_read_by_all(visit, look):
    page = visit_try_it(visit, *look)
    choose(page, network="strangers", strip="5")
    assert_fits_and_can_be_read(page, "article")


def press_button(box):
    box.get_by_role("button").press("Enter")
    box.get_by_role("slider").first.wait_for(timeout=60_000)
    box.locator("p[role=status]").last.wait_for(timeout=60_000)


class StripOf:
    """A strip in the library's hands, for the network that was trained without its person."""

    def __init__(self, record):
        self.classifier = load_model(live.NETWORKS["fold"])
        self.strip = next(s for s in read_script("strips") if s["record"] == record)
        self.signal, self.how = unpack(self.strip), self.classifier.preparation
        self.marks = np.array([at for at, *_ in self.strip["beats"]])
        peaks = align_r_peaks(self.signal, self.marks, self.how.align_samples)
        found = extract_beats(self.signal, self.marks, self.how)
        self.peaks, self.clean = peaks[found.kept], prepare_signal(self.signal, self.how)
        self.rr = found.rr_before_s, found.rr_after_s

    def answer(self, k, samples):
        """Answer for a beat when other samples, in mV, stand in its place."""
        beats = cut_beats(self.clean, self.peaks, self.how)
        beats[k] = samples
        signals, features = describe_beats(beats, *self.rr, self.how)
        return self.classifier.predict(signals, features)[k]


def read_bars(box):
    return np.array([numbers(row.inner_text())[0] for row in box.locator("tbody tr").all()])


def test_the_answer_follows_the_shift_and_the_crop_of_a_beat(drawn):
    _, box = drawn("06_augmentation", "crop")
    press_button(box)
    k, strip = 24, StripOf("213")
    for name, key, times in (("R peak", "ArrowRight", 12), ("Crop", "ArrowLeft", 60)):
        for _ in range(times):
            box.get_by_role("slider", name=name).press(key)
    start = strip.peaks[k] + 12 - 90
    cropped = np.interp(30 + np.linspace(0, 119, 180), range(180), strip.clean[start:][:180])
    np.testing.assert_allclose(read_bars(box), 100 * strip.answer(k, cropped), atol=1)
    assert "1.50 times as long" in box.locator("p[role=status]").last.inner_text()


def test_the_answer_follows_the_hidden_part_of_a_beat(drawn):
    page, box = drawn("15_inside", "hide")
    press_button(box)
    k, strip = 11, StripOf("209")

    def check(start):
        beat = strip.clean[strip.peaks[k] - 90 :][:180]
        hidden = beat.copy()
        hidden[start : start + 18] = np.linspace(beat[start - 1], beat[start + 18], 20)[1:-1]
        both = np.array([strip.answer(k, samples) for samples in (beat, hidden)])
        np.testing.assert_allclose(read_bars(box), 100 * both[1], atol=1)
        fall, _ = (np.log(both[:, 1]) - np.log(both).mean(axis=1)) @ [[1, 0], [-1, 1]]
        said = numbers(box.locator("p[role=status]").last.inner_text().split("score")[1])
        assert abs(said[0] - abs(fall)) < 0.06

    for _ in range(3):
        box.get_by_role("slider").press("ArrowLeft")
    check(78)
    area = box.locator("svg").bounding_box()
    page.mouse.move(area["x"] + 300, area["y"] + 100)
    page.mouse.down()
    page.mouse.move(area["x"] + 200, area["y"] + 100)
    page.mouse.up()
    start = int(box.get_by_role("slider").input_value())
    px_of = (area["width"] - 38) / 179  # pixels per sample, which begin at 34
    assert abs(start + 9 - (200 - 34) / px_of) <= 1
    check(start)


def test_the_dose_of_noise_is_that_of_the_page_and_the_count_follows_it(drawn):
    page, box = drawn("17_noise", "dose")
    press_button(box)
    strip, waves = StripOf("208"), {k: unpack(v) for k, v in read_script("noise").items()}
    symbols = np.array([symbol for _, symbol, _ in strip.strip["beats"]])
    height, rms = qrs_amplitude(strip.signal, strip.marks, symbols), noise_rms(waves["ma"])
    call = """([x, marks, wave]) => {
        const { qrsAmplitude, noiseRms, gain } = Live.frames.dose;
        const height = qrsAmplitude(Float64Array.from(x), marks);
        return gain(height, noiseRms(Float64Array.from(wave)), 6);
    }"""
    arguments = [strip.signal.tolist(), strip.strip["beats"], waves["ma"].tolist()]
    np.testing.assert_allclose(page.evaluate(call, arguments), gain(height, rms, 6), rtol=1e-9)
    for _ in range(7):  # none, 24, 21, ... 6 dB
        box.get_by_label("Muscle").press("ArrowRight")
    noisy = strip.signal + gain(height, rms, 6) * waves["ma"]
    labels = encode(symbols, strip.how.mapping)
    counts = []
    for signal in (noisy, strip.signal):
        found = extract_beats(signal, strip.marks, strip.how)
        answers = strip.classifier.predict(found.signals, found.features).argmax(axis=1)
        counts += [(answers == labels[found.kept]).sum(), len(answers)]
    said = numbers(box.locator("p[role=status]").last.inner_text())
    np.testing.assert_allclose([*said[1:3], *said[-2:]], counts, atol=1)
