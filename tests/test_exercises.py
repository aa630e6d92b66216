"""Exercises: right answers are right; stubs and typical mistakes are not, and each gets a hint.

The solutions in the pages are checked whenever a page runs (``book/tools/run_notebooks.py``).
"""

import importlib
import itertools
import pkgutil

import numpy as np
import pytest
import pywt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn
from torch.nn import functional as F

import ecgbook.exercises
from ecgbook import studies
from ecgbook.exercises import ANY, compare
from ecgbook.page import Page, check, profile
from ecgkit import InputError
from ecgkit.data import splits
from ecgkit.data.beats import load_beats
from ecgkit.data.sources import find_source
from ecgkit.data.splits import Split, random_split
from ecgkit.evaluate import metrics
from ecgkit.nn.layers import CausalConv1d, ResidualModule, TemporalBlock
from ecgkit.nn.models import ResNet, build
from ecgkit.train.augmentation import random_crops

EXERCISES = [
    f"{module.name[1:]}.{number}"
    for module in pkgutil.iter_modules(ecgbook.exercises.__path__)
    for number in importlib.import_module(f"ecgbook.exercises.{module.name}").CHECKS
]


@pytest.fixture(autouse=True)
def synthetic(monkeypatch):
    monkeypatch.setenv("ECGKIT_SOURCE", "synthetic")


def share(cells, of=...):
    m = np.array(studies.results("reproduction", "resnet-tcn-ours")[0].confusion_matrix)
    return m[cells].sum() / m[of].sum()


def surest(p, labels, among=lambda wrong: wrong):
    rows = np.flatnonzero(among(p.argmax(axis=1) != labels))
    return rows[p[rows].max(axis=1).argmax()] if len(rows) else None


def crowded(before, after):
    beats = load_beats().without_q()
    return ((beats.rr_before_s <= before) | (beats.rr_after_s < after)).sum()


def split_by_person(names, labels):
    people = np.where(names == "202", "201", names)
    for seed in range(100):
        folds = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
        train, test = next(folds.split(labels, labels, people))
        if set(labels[train]) == set(labels[test]):
            return Split(train, test)
    raise InputError("one person")


def halves(names, labels, split=split_by_person, times=2):
    both = split(names, labels)
    return np.r_[both.train, np.repeat(both.train[labels[both.train] > 0], times)], both.test


@np.errstate(over="ignore")
def loss(z, labels, axis=1, sign=-1, shift=True):
    z = z - z.max(axis=axis, keepdims=True) * shift
    log_p = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return sign * log_p[np.arange(len(labels)), labels].mean()


def deeper(n, *end):
    convolutions = [nn.Conv1d(1, 1, 3, padding=1) for _ in range(n)]
    return nn.Sequential(
        nn.Unflatten(1, (1, 180)), *convolutions, nn.Flatten(), nn.Linear(180, 4), *end
    )


def is_causal(layer, at=80, compared=80):
    x = torch.zeros(2, 1, 100)
    x[1, 0, at] = 1
    with torch.no_grad():
        return torch.equal(*layer(x)[..., :compared])


def last_step(first, second, x, start=12):
    x = x[..., -37:]
    for block, stride in ((first, 2), (second, 1)):
        h = F.relu(F.conv1d(x, block.conv1.conv.weight, block.conv1.conv.bias))
        h = F.relu(F.conv1d(h, block.conv2.conv.weight, block.conv2.conv.bias, stride))
        x = F.relu(h + block.edge(x[..., start::stride][..., : h.shape[-1]]))
    return x[..., 0]


def plain_block(c_in, c_out, k, d, p, relu=nn.ReLU):
    block = nn.Sequential()
    for i, c in enumerate((c_in, c_out), 1):
        block.add_module(f"conv{i}", CausalConv1d(c, c_out, k, d))
        block.extend([relu(), nn.Dropout(p)])
    return block


class Plain(ResidualModule):
    def __init__(self, c_in, c_out, stride=1, then=F.relu):
        super().__init__(c_in, c_out, stride)
        del self.edge
        self.then = then

    def forward(self, x):
        return self.then(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


def pooled_resnet(pool):
    class Pooled(ResNet):
        def forward(self, beats):
            return pool(super().forward(beats).unflatten(1, (64, 45)))

    return Pooled


class Normed(nn.Module):
    def __init__(self, resnet, tcn, norm=nn.BatchNorm1d):
        super().__init__()
        self.branches = nn.ModuleList([resnet, tcn])
        self.norm, self.linear = norm(3136), nn.Linear(3136, 4)

    def features(self, x):
        return self.norm(torch.cat([branch(x) for branch in self.branches], dim=1))

    def forward(self, x):
        return self.linear(self.features(x))


def accumulate(model, optimizer, batches, share=lambda n, total: n / total):
    optimizer.zero_grad()
    for x, y in batches:
        (F.cross_entropy(model(x), y) * share(len(y), 24)).backward()
    optimizer.step()


def best_weight(p, labels, weights, score=lambda m: metrics.class_f1(m)[1], column=1):
    def found(w):
        answers = (p * np.where(np.arange(4) == column, w, 1)).argmax(axis=1)
        return score(metrics.confusion_matrix(labels, answers))

    return max(weights, key=found)


def less_usual(x, width):
    return x - np.array([x[max(i - width, 0) : max(i, 1)].mean(axis=0) for i in range(len(x))])


def of_ds2(names=splits.DS2, called=1):
    labels = np.arange(2 * len(names)) % 2  # an N and an S of each record
    return labels, called * labels, np.repeat(names, 2)


def bootstrap(labels, predicted, names, draws, rng, size=3, pick=list):
    found = []
    for _ in range(draws):
        drawn = pick(rng.choice(list("abc"), size))
        rows = np.concatenate([np.flatnonzero(names == name) for name in drawn])
        f1 = metrics.class_f1(metrics.confusion_matrix(labels[rows], predicted[rows]))
        found.append(np.nanmean(f1))
    return found


def sign_flip(d, size=abs):
    signs = np.array(list(itertools.product([1, -1], repeat=len(d))))
    return np.mean(size((signs * d).mean(axis=1)) >= size(d.mean()) - 1e-12)


def coverage_for(p, labels, accuracy, by=lambda p: p.max(axis=1), first=False):
    good = (p.argmax(axis=1) == labels)[np.argsort(-by(p))]
    reached = good.cumsum() / range(1, len(p) + 1) >= accuracy
    ends = np.flatnonzero(np.logical_and.accumulate(reached) if first else reached)
    return (ends[-1] + 1) / len(p) if len(ends) else 0


def integrated(f, beat, baseline, steps, start=1, way=True):
    baseline, total = start * baseline, torch.zeros_like(beat)
    for k in range(steps):
        x = (baseline + (k + 0.5) / steps * (beat - baseline)).requires_grad_()
        total += torch.autograd.grad(f(x[None]).sum(), x)[0]
    return (beat - baseline if way else 1) * total / steps


def planted(signals, labels, share, mark):
    rows = torch.where(labels == 2)[0]
    rows, signals = rows[: round(share * len(rows))], signals.clone()
    signals[rows] = mark(signals[rows])
    return signals


def folds(person, k, seed):
    people, number = np.unique(person, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(people))[number] % k


def fit_beats(train, is_beat, test, ask="predict"):
    found = getattr(LogisticRegression(C=np.inf).fit(train, is_beat), ask)(test)
    return found if found.ndim == 1 else found[:, 1]


def fir(chunks, h, keep=lambda joined, chunk: joined):
    before = np.zeros(len(h) - 1)
    for chunk in chunks:
        joined = np.concatenate([before, chunk])
        yield np.convolve(joined, h, mode="valid")[: len(chunk)]
        before = np.r_[np.zeros(len(h)), keep(joined, chunk)][-len(before) :]


def smallest_gain(a, b, of=min, sign=1, alone=False):
    def f1(m):
        return 2 * m[1, 1] / (m[1].sum() + m[:, 1].sum())

    parts = [[m[i] if alone else np.delete(m, i, 0).sum(0) for m in (a, b)] for i in range(len(a))]
    return of([sign * (f1(n) - f1(m)) for m, n in parts])


def quantise(w, bits, sign=1, axis=None, to=np.round):
    w = w.reshape(len(w), -1)
    scale = abs(w).max(axis=axis, keepdims=axis == 1) / (2 ** (bits - sign) - 1)
    return to(w / scale), scale


def diagnosed(b=([0.3, 0.16], [[96, 96]] * 2), d=([0.3, 0.15], [[97, 97]] * 2), **names):
    names = {"A": "softmax", "B": "order", "C": "labels", "D": "eval", **names}
    good = [0.3, 0.15], [[97, 97]] * 2
    return {name: (fault, {"B": b, "D": d}.get(name, good)) for name, fault in names.items()}


def dropped(x, p, kept=179, scale=256 / 179, seed=None):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    bits = torch.randint(256, x.shape, generator=generator)
    return x * (bits < kept) * scale


def folded(norm, linear, eps=1e-5, root=0.5, passes=1, twice=False):
    scale = norm.weight / (norm.running_var + eps) ** root
    shift = norm.bias - norm.running_mean * scale
    weight = linear.weight * scale
    return weight, linear.bias + passes * (weight if twice else linear.weight) @ shift


def but(function, **keywords):
    return lambda *arguments: function(*arguments, **keywords)


def two_parts(x, h, g, turn=1):
    a, d = pywt.dwt(x, "db6")
    return [pywt.idwt(a, None, "db6"), pywt.idwt(None, d, "db6")][::turn]


def zeroing(x, wavelet, level, zeroed, other=None):
    coefficients = pywt.wavedec(x, other or wavelet, level=level)
    names = [f"A{level}", *(f"D{j}" for j in range(level, 0, -1))]
    kept = [c * (name not in zeroed) for name, c in zip(names, coefficients, strict=True)]
    return pywt.waverec(kept, other or wavelet)[: len(x)]


# Exercise -> the right answer and typical mistakes, values worked out by hand:
# 04.2: 49,937 of 50,338 right, F1 of N is 89,840 / 90,241. 06.1: 179 / (length - 1) <= 1.2.
# 10.1: 4 x 44,920 / 128 = 1,403.75.
# 11.1: 5,418 of 50,339 wrong, FP of N and FN of S, V, F. 17.1: a² = 2 / 10^1.2 = .1262.
# 18.1: z = 2.0809. 18.3: 693 samples. 19.3: 2430 J, 4.6 J per day.
# 03.2: power of 50 Hz outside D1 and D2 by Daubechies (1988), |m0|^2 = c^6 P(1 - c), c = cos^2.
MAINS_DB = -5.61
# fmt: off
ANSWERS = {
    "00.1": [surest, but(surest, among=np.ones_like), lambda p, y: 1, lambda p, y: 2],
    "00.2": [lambda: share(0), lambda: share(np.s_[:, 0]), lambda: share((0, 0))],
    "00.3": [lambda: share((2, 2), np.s_[:, 2]), lambda: share((2, 2), 2)],
    "01.1": [[], lambda: find_source().records, ["100"]],
    "01.2": [["N", "N", "S", "V", "Q", "F", "N"], "NSSVQFS", "NjAV/Fe", "N?NS?VQFN"],
    "01.3": [lambda r, fs: [np.nan, *(np.diff(r) / fs)], lambda r, fs: np.diff(r) / fs],
    "02.1": [[16, 12, -6, 2], [8, 6, -3, 1], [16, 12, 6, -2], [-6, 2, 16, 12], [16, 12, 0, 0]],
    "02.2": [two_parts, but(two_parts, turn=-1), lambda x, *_: pywt.dwt(x, "db6"),
             lambda x, *_: (x, x)],
    "02.3": [["D2", "D3"], ["D3", "D2"], ["D1", "D2"], ["D2", "D2"], ["D2"]],
    "02.4": [zeroing, but(zeroing, other="db6"), lambda x, *_: x, lambda x, *_: 0 * x],
    "03.1": [[21.1, 42.2], [42.2, 21.1], [0.352, 0.703], [170.7, 85.3]],
    "03.2": [MAINS_DB, -MAINS_DB, 2 * MAINS_DB, 10 ** (MAINS_DB / 10)],
    "03.3": [{"book": p, "mine": m} for p, m in [
        ([76, 77], [71, 75]), ([76], [71]), ([0.76, 0.77], [0.71, 0.75]), ([76, 77], [76, 77])]],
    "04.1": [lambda: crowded(0.5, 0.5), lambda: crowded(0.5, 0), lambda: crowded(0, 0.5), 3],
    "04.2": [(0.992034, 0.748889), (0.992034, 0.998519), (0.992034, 0.75), (99.2034, 74.8889)],
    "04.3": [split_by_person, lambda _, y: random_split(y, 0), lambda *_: ([0], [1])],
    "04.4": [halves, but(halves, split=lambda _, y: random_split(y, 0)), but(halves, times=1),
             lambda n, y: (halves(n, y)[0], halves(n, y)[0]),
             lambda n, y: (halves(n, y)[0], np.unique(halves(n, y)[0]))],
    "05.1": [loss, but(loss, axis=0), but(loss, sign=1), lambda z, y: loss(z, y) * len(y),
             but(loss, shift=False)],
    "05.2": [(11_844, 787), (11_776, 787), (11_844, 786), (11_844, 800)],
    "05.3": [deeper(3), deeper(2), deeper(3, nn.Softmax(dim=1)), deeper(3, nn.Softmax(dim=0)),
             nn.Conv1d, nn.Linear(180, 5)],
    "06.1": [151 / 180, 150 / 180, 0.8, 151, 0.9],
    "06.2": [[0, 144, 200, 56], [900, 180, 300, 60], [0, 864, 800, 896], [0, 432, 400, 448]],
    "06.3": [lambda x, c, g: random_crops(x, g), lambda x, c, g: x, lambda x, c, g: x.roll(1, 0),
             lambda x, c, g: torch.where(c[:, None], random_crops(x, g), x)],
    "07.1": [57, 29, 56, 71, 25, 121],
    "07.2": [is_causal, but(is_causal, compared=81), but(is_causal, at=20, compared=20)],
    "07.3": [plain_block, TemporalBlock, but(plain_block, relu=nn.Identity)],
    "08.1": [47, 47.25, 48, 46, 45, 44],
    "08.2": [Plain, but(Plain, then=nn.Identity()), ResidualModule],
    "08.3": [pooled_resnet(lambda m: m.mean(dim=2)), pooled_resnet(lambda m: m.mean(dim=1)),
             pooled_resnet(lambda m: m.amax(dim=2)), ResNet],
    "09.1": [12_548, 12_544, 11_524, 3136],
    "09.2": [lambda v, s, b: v + s.mean(0) + b, lambda v, s, b: v + b, lambda v, s, b: v + s + b,
             lambda v, s, b: v + s.mean(0), lambda v, s, b: v + s.mean(1)[:, None] + b],
    "09.3": [Normed, but(Normed, norm=nn.LayerNorm), but(Normed, norm=nn.Identity)],
    "10.1": [70_200, 1404, 70_150, 19_700, 70_187],
    "10.2": [lambda s, n: min(0.04 + 0.096 * s, (100 - s) / 90), lambda s, n: (100 - s) / 90],
    "10.3": [accumulate, but(accumulate, share=lambda n, k: 1 / 3), lambda *_: None],
    "10.4": [diagnosed(), diagnosed(A="eval"), diagnosed(C="bug"), diagnosed(D="rate"),
             diagnosed(b=([0.3, 0.4], [[91, 91]] * 2)), diagnosed(d=([0.3, 0.15], [[95, 96]] * 2))],
    "11.1": [(0.892370, 0.946185, 0.25), (0.89237, 0.89237, 0.25), (0.89237, 0.97309, 0.25)],
    "11.2": [best_weight, but(best_weight, column=0), but(best_weight, score=metrics.accuracy)],
    "11.3": [bootstrap, but(bootstrap, size=1), but(bootstrap, pick=set), lambda *_: 0.9],
    "12.1": [6, 5, 4, 7, 2],
    "12.2": [sign_flip, but(sign_flip, size=lambda mean: mean), lambda d: 2 / 2 ** len(d)],
    "12.3": [(lambda: deeper(1), [0.1, 0.2]), (lambda: build("resnet"), [0.1, 0.2]),
             (lambda: deeper(1), [0.1]), (lambda: deeper(1), [99.1, 98.2]),
             (lambda: nn.Linear(180, 3), [0.1, 0.2])],
    "12.4": [["holds", "wrong", "wrong", "open", "wrong", "open"], ["holds"] * 6, ["no"] * 6,
             ["holds", "wrong", "wrong", "wrong", "wrong", "open"]],
    "13.1": [(0.75, 0.736842), (0.75, 0.7), (0.55, 0.736842), (0.75, 0.777778)],
    "13.2": [(0.71707, 0.75), (0.80022, 0.75), (0.82098, 0.75), (0.71707, 0.67648)],
    "13.3": [less_usual, lambda x, w: less_usual(x, w)[1:], lambda x, w: less_usual(x, 9),
             lambda x, w: x - x.mean(axis=0)],
    "13.4": [of_ds2(), of_ds2(called=0), of_ds2(splits.DS1), of_ds2(splits.DS2[:-1])],
    "14.1": [(0.619, 0.6254), (0.375, 0.6), (0.5, 0.6), (0.619, 0.6317), (0.7, 0.6), (0.619, 0.7)],
    "14.2": [smallest_gain, but(smallest_gain, of=max), but(smallest_gain, of=np.mean),
             but(smallest_gain, sign=-1), but(smallest_gain, alone=True),
             lambda a, b: smallest_gain(*(m.sum(axis=0)[None] for m in (a, b)), alone=True),
             lambda a, b: 0.9],
    "14.3": [lambda home, away, n: [*home[: n // 2], *away[: n // 2]],
             lambda home, away, n: home[:n], lambda home, away, n: [*home[:n], *away[:n]],
             lambda home, away, n: np.full(n, 7)],
    "15.1": [lambda m, i: abs(m[:, i]).sum(1) / abs(m).sum(1),
             lambda m, i: m[:, i].sum(1) / m.sum(1)],
    "15.2": [integrated, but(integrated, start=0), but(integrated, way=False)],
    "15.3": [planted, lambda x, *_: x, lambda x, y, s, m: planted(x, y, 1, m)],
    "16.1": [0.09, 0.03, 0.1125, 0.15],
    "16.2": [folds, lambda p, k, s: np.arange(len(p)) % k, lambda p, k, s: folds(p, k, 0), 1],
    "16.3": [coverage_for, but(coverage_for, first=True), but(coverage_for, by=lambda p: p[:, 0])],
    "17.1": [0.3552, 0.1262, 5.63, 0.0892, 1.0046],
    "17.2": [lambda c, n, m: max((d for d in c if c[d] >= c["none"] - m), key=n.get),
             lambda c, n, m: max(n, key=n.get), lambda c, n, m: max(c, key=c.get)],
    "17.3": [lambda n, a, b, rng: rng.uniform(a, b, n), lambda n, a, b, rng: rng.uniform(0, b, n)],
    "18.1": [0.888994, 2.081, 0.111, 0.7485, 1.0, 0.5],
    "18.2": [fit_beats, but(fit_beats, ask="predict_proba"), lambda a, y, b: fit_beats(a, y, a)],
    "18.3": [1.925, 693, 2.1, 704 / 360, 352 / 360, 66 / 360, 3.85],
    "18.4": [fir, but(fir, keep=lambda joined, chunk: [0]), but(fir, keep=lambda j, chunk: chunk)],
    "19.1": [(6, -7), (6, -6), (3, -4), (6, 2), (2, -7)],
    "19.2": [quantise, but(quantise, axis=1), but(quantise, sign=0), but(quantise, to=np.trunc)],
    "19.3": [528.26, 2430 / 3.7, 264.1, 0.1467, 810 / 4.6, 528_261],
    "20.1": [[57, 53, 25, 21, 9, 5, 1], [57, 53, 49, 45, 41, 37, 33], [1, 5, 9, 21, 25, 53, 57]],
    "20.2": [last_step, but(last_step, start=11), lambda a, b, x: b(a(x))[..., -1]],
    "20.3": [lambda x, w, b: x.flatten(1) @ w.flatten(1).T + b, F.conv1d,
             lambda x, w, b: F.linear(x.flatten(1), w.flatten(1))],
    "21.1": [1.087, 5, 0.92, 1.4, 1.1111, 1.0526, 3],
    "21.2": [dropped, but(dropped, scale=1.0), but(dropped, scale=1 / 0.7), but(dropped, kept=77),
             but(dropped, kept=128), but(dropped, scale=2.0), but(dropped, seed=0)],
    "21.3": [folded, but(folded, passes=0), but(folded, eps=0), but(folded, root=1),
             but(folded, twice=True), lambda norm, linear: (linear.weight.T, linear.bias)],
}
# fmt: on
VALUES = ("00.2", "00.3", "01.1", "04.1")  # the test computes these answers


@pytest.mark.parametrize("exercise", EXERCISES)
def test_right_answers_and_typical_mistakes(exercise):
    answers = ANSWERS[exercise]
    if exercise in VALUES:
        answers = [answer() if callable(answer) else answer for answer in answers]
    verdicts = [check(exercise, answer) for answer in answers]
    assert [verdict.right for verdict in verdicts] == [True] + [False] * (len(answers) - 1)
    assert len({verdict.text for verdict in verdicts}) == len(verdicts)  # a hint for each mistake


@pytest.mark.parametrize("exercise", EXERCISES)
def test_stubs_and_answers_of_any_kind_are_not_right(exercise):
    for answer in (..., None, "?", -1, {"a": 1}, lambda *_: ..., lambda *_: None, lambda *_: 1 / 0):
        assert not check(exercise, answer).right


def test_an_unknown_exercise_is_refused():
    for exercise in ("00.9", "77.1", "", "on.1"):
        with pytest.raises(InputError):
            check(exercise, 1)


def test_compare_recognises_the_part_that_is_wrong():
    texts = {"praise": "good", "otherwise": ("first", "second")}
    mistakes = [((ANY, 0.4), "known")]
    answers = {(0.1, 0.2): "good", (0.3, 0.2): "first", (0.1, 0.3): "second", (9, 0.4): "known"}
    for answer, text in answers.items():
        assert compare(answer, (0.1, 0.2), mistakes, **texts).text == text
    assert "per cent" in compare((10, 20), (0.1, 0.2), [], **texts).text


def test_profile_is_full_only_with_a_gpu(monkeypatch):
    monkeypatch.delenv("ECGKIT_PROFILE", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert profile() == "full"
    monkeypatch.setenv("ECGKIT_PROFILE", "fast")
    with pytest.raises(InputError):
        profile()


def test_a_stamp_says_which_data_it_is_of(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    page = Page("00_quickstart")
    with pytest.raises(InputError, match="uses"):
        page.stamp("98 %")
    page.uses(find_source())
    page.stamp("98 %")
    stamp = shown[-1]["application/vnd.ecgkit.stamp+json"]
    told = [stamp[key] for key in ("page", "source", "key_figure")]
    assert told == ["00_quickstart", "synthetic", "98 %"]
    assert "synthetic" in shown[-1]["text/markdown"]
