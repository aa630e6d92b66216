"""Crop-and-resize is linear interpolation, balances exactly, and touches the training half only."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from ecgkit import InputError, augmentation, experiments, training
from ecgkit.augmentation import (
    crop_and_resize,
    disturb,
    epoch_order,
    random_crops,
    target_counts,
)
from ecgkit.training import Recipe

N, S, V, F = range(4)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_crops(seed=0, b=300, n=180):
    rng = np.random.default_rng(seed)
    length = rng.integers(2, n + 1, b)
    start = (rng.random(b) * (n - length + 1)).astype(int)
    return rng.normal(size=(b, n)), start, length


def crop(beats, start, length):
    return crop_and_resize(
        torch.from_numpy(beats), torch.from_numpy(start), torch.from_numpy(length)
    ).numpy()


# One crop


def test_a_crop_is_numpys_linear_interpolation():
    beats, start, length = some_crops()
    found = crop(beats, start, length)
    assert found.shape == beats.shape
    for beat, a, m, row in zip(beats, start, length, found, strict=True):
        expected = np.interp(np.linspace(a, a + m - 1, 180), np.arange(180), beat)
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_of_a_crop_are_the_samples_themselves(dtype):
    beats, start, length = some_crops(seed=1)
    beats = beats.astype(dtype)
    found, rows = crop(beats, start, length), np.arange(len(beats))
    assert found.dtype == dtype
    assert_array_equal(found[:, 0], beats[rows, start])
    assert_array_equal(found[:, -1], beats[rows, start + length - 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_whole_beat_is_its_own_crop(dtype):
    beats = some_crops()[0].astype(dtype)
    whole = np.full(len(beats), 180)
    assert_array_equal(crop(beats, np.zeros(len(beats), int), whole), beats)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_outside_the_crop_matters(dtype):
    beats, start, length = some_crops(seed=2)
    beats = beats.astype(dtype)
    column = np.arange(180)
    outside = (column < start[:, None]) | (column >= (start + length)[:, None])
    spoilt = np.where(outside, dtype(1e30), beats)
    assert outside.any(axis=1).mean() > 0.9
    assert_array_equal(crop(spoilt, start, length), crop(beats, start, length))


def test_a_crop_stays_between_the_beats_extremes_and_has_no_nan():
    beats, start, length = some_crops(seed=3)
    found = crop(beats, start, length)
    assert np.isfinite(found).all()
    assert (found.max(axis=1) <= beats.max(axis=1) + 1e-12).all()
    assert (found.min(axis=1) >= beats.min(axis=1) - 1e-12).all()


# Random crops


@pytest.fixture
def crops_drawn(monkeypatch):
    """Starts and lengths of the crops that are drawn while the test runs."""
    seen = []

    def spy(beats, start, length):
        seen.append(torch.stack([start, length]))
        return crop_and_resize(beats, start, length)

    monkeypatch.setattr(augmentation, "crop_and_resize", spy)
    return lambda: torch.cat(seen, dim=1).numpy()


def test_every_place_and_length_from_three_quarters_on_is_drawn(crops_drawn):
    random_crops(torch.zeros(20_000, 8), seeded())
    found = set(zip(*crops_drawn().tolist(), strict=True))
    # 6, 7 or 8 of 8 samples, from every first sample that leaves room for them
    assert found == {(0, 8), (0, 7), (1, 7), (0, 6), (1, 6), (2, 6)}


def test_of_a_beat_135_to_180_samples_are_kept_all_lengths_and_places_alike(crops_drawn):
    b = 92_000
    random_crops(torch.zeros(b, 180), seeded(1))
    start, length = crops_drawn()
    assert (start >= 0).all()
    assert (start + length <= 180).all()
    lengths, drawn = np.unique(length, return_counts=True)
    assert lengths.tolist() == list(range(135, 181))  # 46 lengths, so 2000 of each
    assert np.abs(drawn - b / 46).max() < 5 * math.sqrt(b / 46)
    places, drawn = np.unique(start[length == 135], return_counts=True)
    assert places.tolist() == list(range(46))  # 2000 crops of the shortest: 43 at each place
    assert np.abs(drawn - 2000 / 46).max() < 5 * math.sqrt(2000 / 46)


def test_another_shortest_share_is_obeyed(crops_drawn):
    random_crops(torch.zeros(5000, 180), seeded(), shortest=0.9)
    assert crops_drawn()[1].min() == 162


@pytest.mark.parametrize("drawn", [0.0, 1 - 2**-24])
def test_the_extremes_of_the_random_numbers_stay_within_the_beat(monkeypatch, crops_drawn, drawn):
    # Float32 holds nothing between 1 - 2**-24 and 1; multiplied by 46 it must not round up to 46.
    monkeypatch.setattr(torch, "rand", lambda b, **_: torch.full((b,), drawn))
    found = random_crops(torch.ones(3000, 180), seeded())
    start, length = crops_drawn()
    assert_array_equal(start, 0 if drawn == 0 else 180 - length)
    assert (found == 1).all()


def test_crops_repeat_with_the_seed_and_differ_with_another():
    beats = torch.randn(50, 180, generator=seeded(9))
    once, again, other = (random_crops(beats, seeded(s)) for s in (4, 4, 5))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_beats_of_one_batch_are_cropped_differently():
    beat = torch.randn(180, generator=seeded())
    crops = random_crops(beat.repeat(40, 1), seeded())
    assert len(crops.unique(dim=0)) > 30


def test_the_beats_themselves_are_left_as_they_were():
    beats = torch.randn(50, 180, generator=seeded())
    before = beats.clone()
    random_crops(beats, seeded(1))
    assert torch.equal(beats, before)


# Disturbances


def test_disturbed_by_gain_alone_a_beat_keeps_its_shape():
    beats = torch.randn(20_000, 180, generator=seeded())
    factor = disturb(beats, seeded(1), gain=0.2, noise_mv=0.0) / beats
    assert torch.allclose(factor, factor[:, :1].expand_as(factor), rtol=1e-4)
    logs = factor[:, 0].log()
    assert abs(logs.mean()) < 5 * 0.2 / math.sqrt(20_000)
    assert logs.std() == pytest.approx(0.2, rel=0.03)


def test_noise_and_drift_have_the_power_asked_for_and_are_as_strong_as_each_other():
    added = disturb(torch.zeros(40_000, 180), seeded(), gain=0.1, noise_mv=0.05)
    assert added.square().mean() == pytest.approx(2 * 0.05**2, rel=0.03)
    # A drift of under 1.5 Hz moves by little in a sample, so steps are the noise's alone: the sum
    # of 4 white samples over 2, moved on by one, loses a sample and gains one: 2 / 4 of 0.05^2.
    assert added.diff(dim=1).square().mean() == pytest.approx(2 / 4 * 0.05**2, rel=0.05)


def test_the_noise_has_nothing_at_90_hz():
    added = disturb(torch.zeros(5000, 180), seeded(), gain=0.0, noise_mv=1.0)
    steps = added.diff(dim=1).numpy()  # without the drift
    power = np.square(np.abs(np.fft.rfft(steps * np.hanning(179)))).mean(axis=0)
    hz = np.fft.rfftfreq(179, 1 / 360)
    assert power[np.abs(hz - 90).argmin()] < 0.01 * power[np.abs(hz - 45).argmin()]


def test_each_beat_is_disturbed_in_its_own_way_and_a_seed_repeats_it():
    once, again = (disturb(torch.zeros(50, 180), seeded(4), 0.1, 0.05) for _ in range(2))
    assert torch.equal(once, again)
    loud = once.std(dim=1)
    assert loud.max() > 5 * loud.min()


def test_without_gain_and_noise_nothing_is_disturbed():
    beats = torch.randn(50, 180, generator=seeded())
    assert torch.equal(disturb(beats, seeded(1), gain=0.0, noise_mv=0.0), beats)


# Balance


def shuffled_labels(counts, seed=0):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return labels[torch.randperm(len(labels), generator=seeded(seed))]


def test_an_epoch_raises_s_v_and_f_to_the_number_of_n():
    labels = shuffled_labels([200, 30, 70, 8])
    rows, is_copy = epoch_order(labels, seeded())
    assert len(rows) == len(is_copy) == 4 * 200
    assert torch.bincount(labels[rows]).tolist() == [200, 200, 200, 200]
    assert torch.bincount(labels[rows[is_copy]], minlength=4).tolist() == [0, 170, 130, 192]


def test_every_original_comes_exactly_once_and_is_never_cropped():
    labels = shuffled_labels([200, 30, 70, 8])
    rows, is_copy = epoch_order(labels, seeded())
    assert rows[~is_copy].sort().values.tolist() == list(range(308))


def test_every_beat_of_a_rare_class_is_copied_about_equally_often():
    labels = shuffled_labels([2000, 20, 20, 20])
    rows, is_copy = epoch_order(labels, seeded())
    times = torch.bincount(rows[is_copy], minlength=len(labels))[labels != N]
    assert times.sum() == 3 * 1980
    assert 50 < times.min() < times.max() < 150  # 99 each in the mean, standard deviation 10


def test_originals_and_copies_come_in_random_order():
    labels = shuffled_labels([1000, 1000])
    labels[labels == 1] = (torch.arange(1000) >= 500).long() + 1  # N 1000, S 500, V 500
    rows, is_copy = epoch_order(labels, seeded())
    for part in (slice(0, 1500), slice(1500, 3000)):
        assert is_copy[part].float().mean().item() == pytest.approx(1 / 3, abs=0.05)
        assert (labels[rows[part]] == N).float().mean().item() == pytest.approx(1 / 3, abs=0.05)


def test_an_epoch_repeats_with_the_seed_and_differs_with_another():
    labels = shuffled_labels([100, 20, 30, 10])
    (a, c), (b, d), (e, _) = (epoch_order(labels, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert torch.equal(c, d)
    assert not torch.equal(a, e)


def test_a_balance_of_one_half_goes_to_the_geometric_mean():
    # sqrt(400 * 100) = 200, sqrt(400 * 25) = 100, sqrt(400 * 4) = 40
    assert target_counts(torch.tensor([400, 100, 25, 4]), 0.5).tolist() == [400, 200, 100, 40]
    labels = shuffled_labels([400, 100, 25, 4])
    rows, _ = epoch_order(labels, seeded(), balance=0.5)
    assert torch.bincount(labels[rows]).tolist() == [400, 200, 100, 40]


def test_a_balance_of_zero_copies_nothing():
    labels = shuffled_labels([400, 100, 25, 4])
    rows, is_copy = epoch_order(labels, seeded(), balance=0.0)
    assert not is_copy.any()
    assert rows.sort().values.tolist() == list(range(529))


def test_the_papers_training_half_becomes_four_times_its_n():
    counts = torch.tensor([44_921, 1_513, 3_504, 401])
    assert target_counts(counts).tolist() == 4 * [44_921]


@pytest.mark.parametrize(
    ("counts", "named"), [([50, 0, 10, 5], "class S:"), ([0, 9, 0, 5], "class N, V:")]
)
def test_a_class_without_a_beat_is_refused_by_name(counts, named):
    with pytest.raises(InputError, match=f"no beat of {named} it cannot be balanced"):
        epoch_order(shuffled_labels(counts), seeded())


# The test half


@pytest.fixture
def run(synthetic_beats, monkeypatch):
    """One tiny run, watched: the table, its halves, and what was cropped, trained and tested on."""
    table = synthetic_beats
    chosen = np.concatenate([np.flatnonzero(table.labels == c)[:: 2 + c][:24] for c in range(4)])
    beats = table.select(np.sort(chosen))
    original = beats.signals.copy()
    seen = {"cropped": [], "tested": []}

    def crops(x, *rest):
        seen["cropped"].append(x.numpy().copy())
        return random_crops(x, *rest)

    def predicting(network, x, *rest, **named):
        seen["tested"].append(np.array(x))
        return predict(network, x, *rest, **named)

    predict = training.predict
    monkeypatch.setattr(augmentation, "random_crops", crops)
    monkeypatch.setattr(training, "predict", predicting)
    how = Recipe(epochs=2, batch=32)
    experiments.train(beats, "resnet", "paper", how, seed=3, device="cpu", progress=False)
    halves = experiments.split_beats(beats, "random", seed=3)
    return beats, original, halves, seen


def as_bytes(signals):
    return {beat.tobytes() for beat in np.ascontiguousarray(signals)}


def test_augmentation_never_sees_a_beat_of_the_test_half(run):
    beats, _, halves, seen = run
    cropped = as_bytes(np.concatenate(seen["cropped"]))
    trained, tested = (as_bytes(beats.signals[rows]) for rows in (halves.train, halves.test))
    assert len(trained) == len(halves.train)  # no two beats are alike, so bytes tell them apart
    assert not trained & tested
    assert cropped == trained
    assert not cropped & tested


def test_the_beats_tested_on_are_the_tables_to_the_bit(run):
    beats, original, halves, seen = run
    (tested,) = seen["tested"]  # once, after the last epoch
    assert_array_equal(tested, original[halves.test])
    assert_array_equal(beats.signals, original)  # training altered nothing in place
