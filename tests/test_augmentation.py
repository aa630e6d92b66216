"""Crop-and-resize is linear interpolation, balances exactly, and touches the training half only."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from test_runs import as_bytes

from ecgkit.evaluate import runs
from ecgkit.train import augmentation, fit
from ecgkit.train.augmentation import (
    crop_and_resize,
    disturb,
    epoch_order,
    random_crops,
    target_counts,
)
from ecgkit.train.recipe import Recipe


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# Crops


@pytest.fixture(params=[np.float32, np.float64])
def crops(request):
    """Beats, starts and lengths of crops, and the crops."""
    rng = np.random.default_rng(0)
    length = rng.integers(2, 181, 300)
    start = (rng.random(300) * (181 - length)).astype(int)
    beats = rng.normal(size=(300, 180)).astype(request.param)
    found = crop_and_resize(*map(torch.from_numpy, (beats, start, length))).numpy()
    assert found.dtype == request.param
    return beats, start, length, found


def test_a_crop_is_numpys_linear_interpolation(crops):
    beats, start, length, found = crops
    atol = 1e-12 if beats.dtype == np.float64 else 1e-4
    for beat, a, m, row in zip(beats, start, length, found, strict=True):
        expected = np.interp(np.linspace(a, a + m - 1, 180), np.arange(180), beat)
        assert_allclose(row, expected, rtol=0, atol=atol)


def test_the_ends_are_the_samples_themselves_and_nothing_outside_matters(crops):
    beats, start, length, found = crops
    rows, column = np.arange(300), np.arange(180)
    assert_array_equal(found[:, 0], beats[rows, start])
    assert_array_equal(found[:, -1], beats[rows, start + length - 1])
    outside = (column < start[:, None]) | (column >= (start + length)[:, None])
    spoilt = np.where(outside, beats.dtype.type(1e30), beats)
    assert_array_equal(crop_and_resize(*map(torch.from_numpy, (spoilt, start, length))), found)
    whole = torch.from_numpy(beats)
    assert torch.equal(
        crop_and_resize(whole, torch.zeros(300).long(), torch.full((300,), 180)), whole
    )


def test_every_place_and_length_from_three_quarters_on_is_drawn(monkeypatch):
    monkeypatch.setattr(augmentation, "crop_and_resize", lambda _, *drawn: drawn)
    start, length = random_crops(torch.zeros(20_000, 8), seeded())
    found = set(zip(start.tolist(), length.tolist(), strict=True))
    # 6, 7 or 8 of 8 samples, from every first sample that leaves room for them
    assert found == {(0, 8), (0, 7), (1, 7), (0, 6), (1, 6), (2, 6)}


# Disturbances


def test_disturbed_by_gain_alone_a_beat_keeps_its_shape():
    beats = torch.randn(20_000, 180, generator=seeded())
    factor = disturb(beats, seeded(1), gain=0.2, noise_mv=0.0) / beats
    assert torch.allclose(factor, factor[:, :1].expand_as(factor), rtol=1e-4)
    assert torch.equal(*(disturb(beats, seeded(4), 0.1, 0.05) for _ in range(2)))
    logs = factor[:, 0].log()
    assert abs(logs.mean()) < 5 * 0.2 / math.sqrt(20_000)
    assert logs.std() == pytest.approx(0.2, rel=0.03)


def test_noise_and_drift_have_the_power_asked_for_and_are_as_strong_as_each_other():
    added = disturb(torch.zeros(40_000, 180), seeded(), gain=0.1, noise_mv=0.05)
    assert added.square().mean() == pytest.approx(2 * 0.05**2, rel=0.03)
    # A drift of under 1.5 Hz moves by little in a sample, so steps are the noise's alone: the sum
    # of 4 white samples over 2, moved on by one, loses a sample and gains one: 2 / 4 of 0.05^2.
    steps = added.diff(dim=1)
    assert steps.square().mean() == pytest.approx(2 / 4 * 0.05**2, rel=0.05)
    power = np.square(np.abs(np.fft.rfft(steps.numpy() * np.hanning(179)))).mean(axis=0)
    hz = np.fft.rfftfreq(179, 1 / 360)
    assert power[np.abs(hz - 90).argmin()] < 0.01 * power[np.abs(hz - 45).argmin()]
    loud = added.std(dim=1)
    assert loud.max() > 5 * loud.min()  # each beat in its own way


# Balance


def shuffled_labels(counts, seed=0):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return labels[torch.randperm(len(labels), generator=seeded(seed))]


def test_an_epoch_has_every_beat_once_and_copies_of_s_v_and_f_up_to_the_number_of_n():
    labels = shuffled_labels([200, 30, 70, 8])
    rows, is_copy = epoch_order(labels, seeded())
    assert torch.bincount(labels[rows]).tolist() == [200, 200, 200, 200]
    assert torch.bincount(labels[rows[is_copy]], minlength=4).tolist() == [0, 170, 130, 192]
    assert rows[~is_copy].sort().values.tolist() == list(range(308))
    again, other = (epoch_order(labels, seeded(s))[0] for s in (0, 1))
    assert torch.equal(rows, again)
    assert not torch.equal(rows, other)


@pytest.mark.parametrize(
    ("balance", "expected"),
    [(0.0, [400, 100, 25, 4]), (0.5, [400, 200, 100, 40]), (1.0, 4 * [400])],
)
def test_balance_is_a_geometric_mean(balance, expected):
    # sqrt(400 * 100) = 200, sqrt(400 * 25) = 100, sqrt(400 * 4) = 40
    labels = shuffled_labels([400, 100, 25, 4])
    assert target_counts(torch.bincount(labels), balance).tolist() == expected
    rows, is_copy = epoch_order(labels, seeded(), balance)
    assert torch.bincount(labels[rows]).tolist() == expected
    assert is_copy.sum() == sum(expected) - 529


# The test half


def test_augmentation_sees_the_training_half_alone_and_alters_nothing_in_place(
    synthetic_beats, monkeypatch
):
    beats = synthetic_beats.without_q().sample(60, rare=20)
    original, cropped = beats.signals.copy(), []

    def crops(x, *rest):
        cropped.append(x.numpy().copy())
        return random_crops(x, *rest)

    monkeypatch.setattr(fit, "random_crops", crops)
    runs.train_and_test(beats, "resnet", "paper", Recipe(epochs=2, batch=32), seed=3, device="cpu")
    halves = runs.split_beats(beats, "random", seed=3)
    assert len(as_bytes(original)) == len(beats)  # no two are alike, so bytes tell them apart
    assert as_bytes(np.concatenate(cropped)) == as_bytes(original[halves.train])
    assert_array_equal(beats.signals, original)
