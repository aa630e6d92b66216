"""Attributions: exact where the right answer is known, complete where it is not."""

import numpy as np
import pytest
import torch
from torch import nn

from ecgbook import attribution
from ecgkit.nn.models import build


class Linear(nn.Module):
    """Logits that are sums of weighted samples."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(1)
        self.weight = nn.Parameter(torch.tensor(rng.normal(size=(4, 180)), dtype=torch.float32))

    def forward(self, beats):
        return beats @ self.weight.T


METHODS = (
    attribution.gradient_times_input,
    attribution.integrated_gradients,
    attribution.occlusion,
)


@pytest.fixture
def beats():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 180)).astype(np.float32), np.array([0, 2, 3])


@pytest.fixture
def small():
    """A joint model whose batch norms have seen something; weights as they are drawn."""
    torch.manual_seed(0)
    network = build("resnet-tcn")
    with torch.no_grad():
        network(torch.randn(64, 180))
    return network.eval()


def test_the_score_is_the_logit_less_the_mean_of_the_four(beats):
    (x, c), network = map(torch.from_numpy, beats), Linear()
    z = network(x).detach().numpy()
    expected = [z[i, k] - z[i].mean() for i, k in enumerate(beats[1])]
    np.testing.assert_allclose(attribution.score(network, x, c).detach(), expected, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS[:2])
def test_of_a_linear_score_each_sample_gets_its_weight_times_itself(method, beats):
    network = Linear()
    w = network.weight.detach().numpy()
    centred = w - w.mean(axis=0)
    expected = centred[beats[1]] * beats[0]
    np.testing.assert_allclose(method(network, *beats), expected, atol=1e-4)


def test_integrated_gradients_of_a_network_add_up_to_what_they_explain(small, beats):
    values = attribution.integrated_gradients(small, *beats, steps=400)
    x, c = map(torch.from_numpy, beats)
    with torch.no_grad():
        owed = attribution.score(small, x, c) - attribution.score(small, 0 * x, c)
    np.testing.assert_allclose(values.sum(axis=1), owed.numpy(), atol=0.02)


def test_occlusion_of_a_linear_score_worked_by_hand(beats):
    network = Linear()
    w = network.weight.detach().numpy()
    centred = (w - w.mean(axis=0)).astype(float)
    x, c = beats
    expected = np.zeros((3, 180))
    for row in range(3):
        for start in (0, 60, 120):  # segments side by side
            bridged = x[row].astype(float)
            left, right = bridged[max(start - 1, 0)], bridged[min(start + 60, 179)]
            bridged[start : start + 60] = [left + (right - left) * k / 61 for k in range(1, 61)]
            expected[row, start : start + 60] = centred[c[row]] @ (x[row] - bridged)
    found = attribution.occlusion(network, x, c, width=60, stride=60)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(("width", "stride"), [(18, 6), (18, 7), (50, 50), (1, 1)])
def test_occlusion_of_a_straight_line_is_zero_at_every_inner_sample(width, stride):
    line = np.linspace(-1, 1, 180, dtype=np.float32)[None]
    found = attribution.occlusion(Linear(), line, np.array([1]), width, stride)
    inner = found[:, 60:120]  # at either end the line is level
    np.testing.assert_allclose(inner, 0, atol=1e-3)


def test_asking_leaves_the_network_as_it_was(small, beats):
    before = {k: v.clone() for k, v in small.state_dict().items()}
    for method in METHODS:
        assert method(small, *beats).dtype == np.float32
    assert all(torch.equal(v, before[k]) for k, v in small.state_dict().items())
    assert all(p.grad is None for p in small.parameters())
