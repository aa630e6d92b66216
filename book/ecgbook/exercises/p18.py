"""Checks of page 18, R peaks and streaming."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from ecgbook.exercises import Array, Function, compare, expect, expect_function, given
from ecgbook.page import Verdict, wrong

look_ahead = expect(
    11 * 63 / 360,
    [
        (11 * 63, "Those are samples: divide by 360 per second."),
        (12 * 63 / 360, "Twelve coefficients span eleven intervals."),
        (11 * 64 / 360, "1 + 2 + 4 + ... + 32 is one less than 64."),
        (11 * 32 / 360, "That is the sixth level alone: it reads the output of the others."),
        (6 * 11 / 360, "The steps double from level to level."),
        (2 * 11 * 63 / 360, "That is both sides: samples of the past are there already."),
    ],
    praise="Under two seconds instead of sixteen, but everything below 2.8 Hz is lost.",
    otherwise="Add up 11 x 1, 11 x 2, 11 x 4, ..., one term per level, and divide by 360.",
    relative=4e-3,
)

_z = float(np.log([0.5, 1, 3, 2]) @ [3.18, 3.19, 1.51, 2.36]) + 0.99
is_a_beat = expect(
    1 / (1 + np.exp(-_z)),
    [
        (_z, "That is z: the probability is 1 / (1 + exp(-z))."),
        (1 / (1 + np.exp(_z)), "The sign: 1 / (1 + exp(-z)), with a minus."),
        (1 / (1 + np.exp(0.99 - _z)), "Add the bias, 0.99."),
        (1 / (1 + np.exp((0.99 - _z) / np.log(10) - 0.99)), "The logarithm is the natural one."),
        (1 / (1 + np.exp(-14.82)), "Weigh the logarithms of the ratios, not the ratios."),
    ],
    praise="A beat: its surroundings make up for a low steepness.",
    otherwise="z from the logarithms of 0.5, 1, 3 and 2, then p = 1 / (1 + exp(-z)).",
    within=2e-3,
)


def fit_beats(answer: Function) -> Verdict:
    """A logistic regression that is fitted to some candidates and asked about others."""
    rng = np.random.default_rng(18)
    train, test = rng.normal([1, -2], 1, size=(2, 300, 2))
    is_beat = train @ [2.0, 1.0] + rng.normal(size=300) > 1
    model = LogisticRegression(C=np.inf).fit(train, is_beat)
    p = model.predict_proba(test)[:, 1]
    mistakes = [
        (p, "Those are probabilities: a candidate is a beat if p > 0.5."),
        (model.decision_function(test), "That is z: a candidate is a beat if z > 0."),
        (p <= 0.5, "Beats and other candidates are exchanged."),
        (model.predict(train), "Those are the candidates of the fit: ask about test."),
        (LogisticRegression(C=np.inf).fit(test, is_beat).predict(test), "Fit to train alone."),
    ]
    return compare(
        answer(train.copy(), is_beat.copy(), test.copy()),
        p > 0.5,
        mistakes,
        praise="Now leave ratios out and count.",
        otherwise="LogisticRegression(C=np.inf).fit(train, is_beat), then predict(test).",
    )


def _filter(chunks: Iterable[Array], h: Array, keep: str = "all", cut: bool = True) -> Any:
    """Filter chunk by chunk; the keywords put a mistake in."""
    k = len(h) - 1
    before = np.zeros(k)
    for chunk in chunks:
        joined = np.concatenate([before, chunk])
        yield np.convolve(joined, h, mode="valid")[: len(chunk) if cut else None]
        kept = {"all": joined, "chunk": np.r_[np.zeros(k), chunk], "none": np.zeros(k)}[keep]
        before = kept[len(kept) - k :]


def fir(answer: Function) -> Verdict:
    """A causal filter that carries its state from chunk to chunk."""
    x, h = np.random.default_rng(13).normal(size=60), np.array([1.0, -0.5, 0.25, 2.0, -1.0])

    def joined(function: Function, **keywords: Any) -> Callable[[list[int]], Any]:
        def of_chunks(ends: list[int]) -> Any:
            found = given(function(iter(np.split(x.copy(), ends)), h.copy(), **keywords))
            return np.concatenate(list(found))

        return of_chunks

    check = expect_function(
        lambda ends: np.convolve(x, h)[: len(x)],
        [([20, 40],), ([7, 8, 10, 11, 12, 15],), ([10, 10, 35],)],  # long, short, one empty
        [
            (joined(_filter, keep="none"), "Keep the len(h) - 1 samples before each chunk."),
            (joined(_filter, keep="chunk"), "A chunk may be shorter than h: keep older samples."),
            (joined(_filter, cut=False), "An empty chunk has no output: yield len(chunk) samples."),
            (joined(lambda c, h: _filter(c, h[::-1])), "h[0] belongs to the newest sample."),
        ],
        praise="The same numbers for any chunks; the filter remembers len(h) - 1 samples.",
        otherwise="Compare with np.convolve(x, h)[:len(x)], first for a single chunk.",
    )
    verdict = check(joined(answer))
    chunks = iter(np.split(x, 2))
    if verdict.right and next(iter(answer(chunks, h)), None) is not None and not list(chunks):
        return wrong("The outputs come late: yield those of a chunk before you take the next.")
    return verdict


CHECKS = {"1": is_a_beat, "2": fit_beats, "3": look_ahead, "4": fir}
