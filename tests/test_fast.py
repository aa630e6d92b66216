"""The fast paths compute what the plain definition does, in value, gradient and running figures."""

import copy

import pytest
import torch
from torch import nn

from ecgkit.fast import Fast, _relu_and_dropout
from ecgkit.models import (
    MODELS,
    OTHER_READINGS,
    TCN,
    WITH_CONTEXT,
    HeartbeatClassifier,
    ResNet,
    build,
    n_columns,
)

EVERY = pytest.mark.parametrize("name", [*MODELS, *OTHER_READINGS, *WITH_CONTEXT])


def network(name="resnet-tcn", dropout=0.0, seed=0):
    """A model whose batch norms have seen beats, so that folding them is not folding nothing."""
    torch.manual_seed(seed)
    model = build(name)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model


def losses_and_gradients(run, model, beats, labels):
    loss = nn.functional.cross_entropy(run(beats), labels)
    loss.backward()
    return loss.item(), {name: p.grad for name, p in model.named_parameters()}


def assert_close(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], **tolerance, msg=name)


@EVERY
@pytest.mark.parametrize("training", [True, False])
def test_loss_gradients_and_running_figures_are_the_plain_ones(name, training):
    # In float64, where rounding cannot hide a difference.
    plain = network(name).double().train(training)
    twin = copy.deepcopy(plain)
    beats = torch.randn(16, 180 + n_columns(plain)).double()
    labels = torch.randint(4, (16,))
    expected = losses_and_gradients(plain, plain, beats, labels)
    found = losses_and_gradients(Fast(twin), twin, beats, labels)
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    assert_close(found[1], expected[1], rtol=1e-9, atol=1e-12)
    assert_close(dict(twin.named_buffers()), dict(plain.named_buffers()), rtol=1e-12, atol=1e-12)


@EVERY
@pytest.mark.parametrize("training", [True, False])
def test_the_answers_of_each_branch_and_their_gradients_are_the_plain_ones(name, training):
    plain = network(name).double().train(training)
    twin = copy.deepcopy(plain)
    beats = torch.randn(16, 180 + n_columns(plain)).double()
    expected, found = plain(beats, each=True), Fast(twin)(beats, each=True)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    for model, answers in ((plain, expected), (twin, found)):
        answers.square().sum().backward()
        model.gradients = {key: p.grad for key, p in model.named_parameters()}
    assert_close(twin.gradients, plain.gradients, rtol=1e-8, atol=1e-10)


@EVERY
def test_in_float32_logits_differ_by_rounding_alone(name):
    model = network(name).eval()
    beats = torch.randn(64, 180 + n_columns(model))
    torch.testing.assert_close(Fast(model)(beats), model(beats), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [175, 180, 181, 250])
def test_a_tcn_of_equal_widths_and_beats_of_other_lengths(n):
    # No 1x1 convolution in the second block's residual edge; 175 samples reach into the padding.
    torch.manual_seed(0)
    tcn = TCN((16, 16, 16, 16), dropout=0.0)
    model = HeartbeatClassifier(tcn=tcn).double()
    beats = torch.randn(4, n).double()
    torch.testing.assert_close(Fast(model)(beats), model(beats), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("squeeze", ["last", "time", None])
@pytest.mark.parametrize("n", [40, 180])
def test_where_the_cone_is_not_the_answer_the_plain_network_is(squeeze, n):
    torch.manual_seed(0)
    model = HeartbeatClassifier(tcn=TCN((4, 4, 4, 16), dropout=0.0, squeeze=squeeze)).double()
    beats = torch.randn(4, n).double()
    torch.testing.assert_close(Fast(model)(beats), model(beats), rtol=1e-12, atol=1e-12)


def test_another_module_is_called_as_it_is():
    class Doubled(HeartbeatClassifier):
        def forward(self, beats):
            return 2 * super().forward(beats)

    torch.manual_seed(0)
    model = Doubled(resnet=ResNet()).eval()
    beats = torch.randn(4, 180)
    assert torch.equal(Fast(model)(beats), model(beats))
    linear = nn.Linear(180, 4)
    assert torch.equal(Fast(linear)(beats), linear(beats))


def test_who_watches_a_layer_sees_it_at_work():
    model, seen = network().eval(), []
    model.branches["tcn"].blocks[2].register_forward_hook(lambda _m, _x, y: seen.append(y.shape))
    model.branches["resnet"].layers[1].register_forward_hook(lambda _m, _x, y: seen.append(y.shape))
    Fast(model)(torch.randn(2, 180))
    assert (2, 32, 180) in seen


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    # 2^20 activations of 1: the share kept has standard deviation sqrt(.3 .7 / 2^20) = 0.00045.
    torch.manual_seed(0)
    kept = _relu_and_dropout(torch.ones(64, 16, 1, 1024), 0.3)
    assert (kept > 0).float().mean() == pytest.approx(0.7, abs=0.002)
    assert kept.mean() == pytest.approx(1.0, abs=0.003)
    assert kept.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-4)


def test_dropout_is_no_pattern():
    # Neighbours in memory are kept or dropped on their own, also within one random number of 64
    # bits: of pairs at a distance of 1 to 8, 0.7 x 0.7 are both kept.
    torch.manual_seed(0)
    kept = (_relu_and_dropout(torch.ones(2**20), 0.3) > 0).float()
    for distance in range(1, 9):
        both = (kept[distance:] * kept[:-distance]).mean()
        assert both == pytest.approx(0.49, abs=0.003), distance


def test_a_seed_repeats_the_dropout_to_the_bit_and_negative_values_stay_off():
    x = torch.randn(4, 8, 1, 33)  # 1,056 values; and 3 x 7: not a multiple of four
    for values in (x, x[0, :3, :, :7].contiguous()):
        torch.manual_seed(5)
        first = _relu_and_dropout(values.clone(), 0.3)
        torch.manual_seed(5)
        assert torch.equal(_relu_and_dropout(values.clone(), 0.3), first)
        assert ((first == 0) | (values > 0)).all()
        torch.testing.assert_close(first[first > 0] * 0.7, values[first > 0], rtol=1e-4, atol=0)


def test_training_with_dropout_moves_every_weight():
    model = network(dropout=0.3).train()
    Fast(model)(torch.randn(32, 180)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_its_parameters_are_the_networks_own():
    model = network()
    assert {id(p) for p in Fast(model).parameters()} == {id(p) for p in model.parameters()}
