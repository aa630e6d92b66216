"""The page "Try it": its JavaScript computes what the library computes."""

import json
from collections.abc import Iterator
from typing import Any

import live
import numpy as np
import pdf
import pytest
from playwright import sync_api

from ecgkit.data import denoising
from ecgkit.data.beats import load_beats
from ecgkit.data.cutting import extract_beats, prepare_signal
from ecgkit.data.preparation import Preparation
from ecgkit.data.r_peaks import align_r_peaks, detect_r_peaks
from ecgkit.data.splits import random_split
from ecgkit.train.weights import load_model

pytestmark = pytest.mark.slow

ENGINE = ("denoising", "r_peaks", "features", "kernel", "network")
CLASSIFY = """([name, beats, features, kernel]) => {
    const network = Live.network.load(Live[`weights_${name}`], kernel);
    const rows = (table) => table.map((row) => Float32Array.from(row));
    return [network.classify(rows(beats), rows(features)), network.kernel];
}"""


@pytest.fixture(scope="module")
def tab(chromium: str) -> Iterator[Any]:
    """An empty page of Chromium with the engine's scripts."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=pdf.FLAGS)
        tab = browser.new_page()
        for name in ENGINE:
            tab.add_script_tag(path=str(live.FOLDER / f"{name}.js"))
        yield tab
        browser.close()


@pytest.fixture(scope="module")
def exact(tab: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same page with float weights."""
    folder = tmp_path_factory.mktemp("weights")
    live.write_weights(folder, "float32")
    for name in live.NETWORKS:
        tab.add_script_tag(path=str(folder / f"weights_{name}.js"))
    return tab


@pytest.fixture(scope="module")
def signals(synthetic_source: Any) -> list[Any]:
    """Half a minute of three records, in mV at 360 Hz."""
    names = synthetic_source.records[:3]
    return [synthetic_source.read(name).signals[3000:13_800, 0] for name in names]


def read_script(name: str) -> Any:
    text = (live.FOLDER / f"{name}.js").read_text("utf-8")
    return json.loads(text.split(" = ", 1)[1].rstrip(";\n"))


def test_all_files_together_have_at_most_four_megabytes():
    assert sum(path.stat().st_size for path in live.FOLDER.rglob("*")) <= 4e6


def test_weights_are_those_of_the_library(tmp_path):
    live.write_weights(tmp_path)
    for name in live.NETWORKS:
        made, kept = (folder / f"weights_{name}.js" for folder in (tmp_path, live.FOLDER))
        assert made.read_bytes() == kept.read_bytes(), f"{name}: run book/tools/live.py"


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
    classifier = load_model(name)
    beats = load_beats(synthetic_source, classifier.preparation, cached=False).sample(60, rare=15)
    arguments = [name, beats.signals.tolist(), beats.features.tolist(), kernel]
    found, fast = exact.evaluate(CLASSIFY, arguments)
    assert fast == kernel
    np.testing.assert_allclose(found, classifier.predict(beats), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", live.NETWORKS)
def test_integer_weights_change_one_answer_in_a_thousand_at_most(tab, mitdb, name):
    classifier = load_model(name)
    beats = load_beats(mitdb, classifier.preparation).without_q()
    test = beats.select(random_split(beats.labels, seed=0).test).sample(2000)
    tab.add_script_tag(path=str(live.FOLDER / f"weights_{name}.js"))
    arguments = [name, test.signals.tolist(), test.features.tolist(), True]
    found = np.array(tab.evaluate(CLASSIFY, arguments)[0])
    changed = (found.argmax(axis=1) != classifier.predict(test).argmax(axis=1)).sum()
    assert changed <= 0.001 * len(test)


def test_the_kernel_is_several_times_as_fast_as_the_plain_form(tab):
    tab.add_script_tag(path=str(live.FOLDER / "weights_paper.js"))
    kernel, plain = tab.evaluate(
        """() => [true, false].map((kernel) => {
            const network = Live.network.load(Live.weights_paper, kernel);
            const beats = new Array(40).fill(Float32Array.from({ length: 180 }, (_, i) => i / 180));
            const times = Array.from({ length: kernel ? 10 : 2 }, () => {
                const start = performance.now();
                network.classify(beats);
                return performance.now() - start;
            });
            return Math.min(...times);
        })"""
    )
    print(f"40 beats: {kernel:.0f} ms; {plain:.0f} ms in plain JavaScript")
    assert kernel < plain / 4


def test_strips_are_the_recordings(mitdb):
    for strip in read_script("strips"):
        record = mitdb.read(strip["record"], "MLII")
        start = round(strip["start_s"] * 360)
        data = np.frombuffer(live.base64.b64decode(strip["data"]), f"<i{strip['bits'] // 8}")
        x = (strip["first"] + data[: live.LENGTH].cumsum(dtype=int)) / strip["per_mv"]
        lead = record.lead("MLII")[start : start + live.LENGTH]
        np.testing.assert_allclose(x, lead, rtol=0, atol=1e-6)
        marked = {start + at: symbol for at, symbol, _ in strip["beats"]}
        of = (record.r_peaks >= start) & (record.r_peaks < start + live.LENGTH)
        there = zip(record.r_peaks[of].tolist(), record.symbols[of].tolist(), strict=True)
        assert marked == dict(there)


def test_seen_beats_are_those_of_the_training_half(mitdb, mitdb_beats):
    beats = mitdb_beats.without_q()
    train = random_split(beats.labels, seed=0).train
    keys = set(zip(beats.records[train].tolist(), beats.samples[train].tolist(), strict=True))
    for strip in read_script("strips"):
        start = round(strip["start_s"] * 360)
        for at, _, seen in strip["beats"]:
            assert seen == ((strip["record"], start + at) in keys)
