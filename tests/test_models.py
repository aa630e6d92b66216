"""The networks are the paper's: each part against its equation, each form against the others."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ecgkit import InputError
from ecgkit.nn.fast import FastCPU, fold_norms
from ecgkit.nn.layers import CausalConv1d, Inception, ResidualModule
from ecgkit.nn.models import MODELS, PAPER_MODELS, TCN, ResNet, build

CHANNELS = (4, 6, 6, 8, 8)  # small; equal neighbours have a plain residual edge, others a 1x1


def normal(*shape, seed=0):
    return torch.randn(
        *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + seed)
    )


# The third opinion: the TCN as its authors published it (Bai et al. 2018, locuslab/TCN): padded on
# both sides, the right end chomped off. Weight normalisation is written out: w = g v / |v|.


def published_tcn(tcn, x):
    for i, block in enumerate(tcn.blocks):
        h = x
        for conv in (block.conv1.conv, block.conv2.conv):
            g, v = conv.parametrizations.weight.original0, conv.parametrizations.weight.original1
            w = g * v / (v**2).sum(dim=(1, 2), keepdim=True).sqrt()
            pad = (v.shape[2] - 1) * 2**i
            h = F.conv1d(h, w, conv.bias, padding=pad, dilation=2**i)[:, :, :-pad].relu()
        x = torch.relu(h + block.edge(x))
    return x


# Equation (1) and the layers


def test_the_causal_convolution_is_equation_1_worked_by_hand():
    conv = CausalConv1d(1, 1, kernel_size=2, dilation=2).double()
    # f(0) = 3 weighs the present, f(1) = 10 the sample two back. Torch stores the oldest first.
    conv.conv.weight = torch.tensor([[[10.0, 3.0]]], dtype=torch.float64)
    conv.conv.bias.data.fill_(0.5)
    y = conv(torch.tensor([[[1.0, 2.0, 4.0, 8.0]]], dtype=torch.float64))
    # s = 0: 3*1;  1: 3*2;  2: 3*4 + 10*1;  3: 3*8 + 10*2;  each + 0.5
    assert y.flatten().tolist() == pytest.approx([3.5, 6.5, 22.5, 44.5], abs=1e-12)


# Dense form, cone, and the published formulation


@pytest.mark.parametrize("blocks", range(1, 6))
@pytest.mark.parametrize("kernel_size", [2, 3, 5, 7])
def test_cone_dense_form_and_published_tcn_agree_in_value_and_gradient(blocks, kernel_size):
    torch.manual_seed(10 * blocks + kernel_size)
    tcn = TCN(CHANNELS[:blocks], kernel_size, squeeze=None).double().eval()  # dropout off
    for block in tcn.blocks:  # enough bias that few units are dead: a zero agrees with anything
        for conv in (block.conv1, block.conv2):
            conv.conv.bias.data.uniform_(0.2, 0.8)
    probe = normal(2, CHANNELS[blocks - 1], seed=1)
    r, k = tcn.receptive_field, kernel_size
    assert r == 1 + sum(2 * (k - 1) * 2**i for i in range(blocks))
    for n in {1, 2, k, r - k, r - k + 1, r - k + 2, r - 1, r, r + 1, 180, 400} - {0, -1}:
        x = normal(2, 1, n, seed=n).requires_grad_()
        theirs, dense, cone = published_tcn(tcn, x), tcn.sequence(x), tcn.last_step(x)
        torch.testing.assert_close(dense, theirs, rtol=0, atol=1e-12)
        torch.testing.assert_close(cone, theirs[..., -1], rtol=0, atol=1e-12)
        wanted = [x, *tcn.parameters()]
        expected = torch.autograd.grad((dense[..., -1] * probe).sum(), wanted)
        found = torch.autograd.grad((cone * probe).sum(), wanted)
        (of_theirs,) = torch.autograd.grad((theirs[..., -1] * probe).sum(), x)
        assert n < 3 or all(g.abs().max() > 1e-6 for g in expected)
        for a, b in zip((*expected, expected[0]), (*found, of_theirs), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_the_last_step_sees_181_samples_and_no_more():
    tcn = TCN(squeeze=None).double().eval()
    for p in tcn.parameters():  # all positive: no ReLU closes, so whatever can be seen is
        p.data.abs_()
    assert tcn.receptive_field == 181  # 1 + 2 (7 - 1) (1 + 2 + 4 + 8)
    for form in (lambda x: tcn.sequence(x)[..., -1], tcn.last_step):
        x = (normal(1, 1, 400).abs() + 0.1).requires_grad_()
        (gradient,) = torch.autograd.grad(form(x).sum(), x)
        assert torch.equal(gradient[0, 0] != 0, torch.arange(400) >= 400 - 181)


def test_the_cone_needs_8_4_million_multiplications_where_the_dense_form_needs_171_6():
    # Block i has 7 a b, 7 b b and a b coefficients. Dense: 180 times all. Cone: the first filter at
    # 175, 79, 31, 7 positions, the second and the edge at 85, 37, 13, 1. A ratio of 20.45.
    dense, cone = 171_648_000, 8_392_640
    tcn = TCN(squeeze=None).eval()
    for form, expected in ((tcn.sequence, dense), (tcn.last_step, cone), (tcn, cone)):
        x = torch.zeros(1, 180) if form is tcn else torch.zeros(1, 1, 180)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            form(x)
        assert counter.get_total_flops() == 2 * expected  # a multiplication and an addition


# Squeeze and excitation


@pytest.mark.parametrize("squeeze", ["last", "time"])
def test_both_squeezes_gate_the_last_step_of_the_published_tcn(squeeze):
    torch.manual_seed(0)
    tcn = TCN((3, 4, 32), kernel_size=3, squeeze=squeeze).double().eval()
    tcn.se.reduce.bias.data.fill_(1.0)  # its two hidden units are alive
    beats = normal(5, 180)
    with torch.inference_mode():
        y = published_tcn(tcn, beats[:, None]).numpy()  # (b, c, n)
        found = tcn(beats).numpy()
    last = y[..., -1]
    z = last if squeeze == "last" else y.mean(axis=2)
    w1, b1, w2, b2 = (p.detach().numpy() for p in tcn.se.parameters())
    hidden = np.maximum(z @ w1.T + b1, 0)
    assert (hidden > 0).all()
    gates = 1 / (1 + np.exp(-(hidden @ w2.T + b2)))
    np.testing.assert_allclose(found, last * gates, rtol=0, atol=1e-12)
    assert TCN().se.reduce.out_features == 16  # a sixteenth of 256


# ResNet and Inception


def shapes_through(module, kinds, x):
    """Shapes that the submodules of these kinds put out, in the order in which they run."""
    shapes = []
    for m in module.modules():
        if isinstance(m, kinds):
            m.register_forward_hook(lambda _m, _x, y: shapes.append(tuple(y.shape[1:])))
    module(x)
    return shapes


@pytest.mark.parametrize(
    ("strides", "expected"),
    [((1, 2, 2), [(32, 180), (48, 90), (64, 45)]), ((2, 2, 2), [(32, 90), (48, 45), (64, 23)])],
)
def test_six_residual_modules_in_three_layers(strides, expected):
    resnet = ResNet(strides=strides).eval()
    shapes = shapes_through(resnet, (Inception, ResidualModule), torch.zeros(1, 180))
    assert shapes == [(32, 180), *(shape for shape in expected for _ in range(2))]
    assert resnet.n_features == 64 * expected[-1][1]


def randomize_norms(module):
    """Batch norms that have seen something, so that leaving one out is not leaving nothing out."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d):
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.uniform_(norm.bias, -1, 1)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    return module


def test_a_residual_module_is_two_convolutions_and_an_edge():
    torch.manual_seed(0)
    module = randomize_norms(ResidualModule(3, 5, stride=2).double().eval())
    x = normal(1, 3, 41, seed=99)

    def convolve(x, weight, stride, norm):  # batch norm is what is left to PyTorch
        k = weight.shape[2]
        padded = F.pad(x, (k // 2, k // 2)).unfold(2, k, stride)  # (1, c, n, k)
        return norm(torch.einsum("bcnk,dck->bdn", padded, weight))

    h = torch.relu(convolve(x, module.conv1.weight, 2, module.norm1))
    h = convolve(h, module.conv2.weight, 1, module.norm2)
    expected = torch.relu(h + convolve(x, module.edge[0].weight, 2, module.edge[1]))
    assert ((h < 0) & (expected > 0)).any()  # a ReLU before the sum would show
    assert expected.shape == (1, 5, 21)  # 41 samples at stride 2
    torch.testing.assert_close(module(x), expected, rtol=0, atol=1e-12)
    assert isinstance(ResidualModule(32, 32).edge, nn.Identity)


def test_each_inception_branch_sees_its_own_neighbourhood():
    stem = Inception(1, 4).eval()
    for conv in (stem.conv1, stem.conv3, stem.conv5, stem.conv_pool):
        conv.weight.data.fill_(1.0)  # a sum over the kernel
        conv.bias.data.zero_()
    x = torch.tensor([[[1.0, 5.0, 2.0, 0.0, 7.0, 3.0]]])
    found = stem(x)[0].detach().numpy() * np.sqrt(1 + 1e-5)  # undo the fresh batch norm
    expected = [
        [1, 5, 2, 0, 7, 3],  # itself
        [6, 8, 7, 9, 10, 10],  # sums of 3
        [8, 8, 15, 17, 12, 10],  # sums of 5
        [5, 5, 5, 7, 7, 7],  # the largest of 3 neighbours
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert shapes_through(ResNet().stem, nn.Conv1d, torch.zeros(2, 1, 180)) == 4 * [(8, 180)]


# The models


# By hand: each temporal block 7 a b + 7 b b + a b + 5 b (two filters with norm and bias, an edge),
# SE 8,464; each residual module 3 a b + 3 b b + 4 b and its edge a b + 2 b; Inception 112 + 64.
COUNTS = {
    **{"resnet-tcn": 1_066_884, "tcn": 965_492, "resnet": 101_396, "tcn-no-se": 957_028},
    **{"resnet-no-inception": 101_508, "tcn-squeeze-time": 965_492},
    "resnet-tcn-early-stride": 1_062_340,
}
BRANCH = 2 * 6 + (6 * 64 + 64) + (64 * 64 + 64)  # batch norm and two linear layers on 6 features


def test_the_numbers_of_parameters_are_what_counting_by_hand_gives():
    found = {name: sum(p.numel() for p in build(name).parameters()) for name in COUNTS}
    assert found == COUNTS
    for name, plain in (*COUNTS.items(), ("features", 4)):
        with_features = sum(p.numel() for p in build(name, 6).parameters())
        assert with_features == plain + BRANCH + 4 * 64
    assert list(PAPER_MODELS) == list(COUNTS)[:5]  # those of the ablation
    assert MODELS.keys() == COUNTS.keys() | {"features"}


@pytest.mark.parametrize("bad", [("lstm",), ("__class__",), ("features", 0)])
def test_a_network_that_cannot_be_built_is_refused(bad):
    with pytest.raises(InputError, match=bad[0]):
        build(*bad)


def test_the_joint_model_is_one_linear_layer_on_all_branches_and_each_votes_alone():
    torch.manual_seed(0)
    model = randomize_norms(build("resnet-tcn", 6)).double().eval()
    x, z = normal(5, 180), normal(5, 6, seed=1)
    with torch.inference_mode():
        outputs = [model.branches["resnet"](x), model.branches["tcn"](x)]
        outputs.append(model.branches["features"](z))
        assert [found.shape[1] for found in outputs] == [2880, 256, 64]
        weight, bias = model.linear.weight.numpy(), model.linear.bias.numpy()
        expected = np.hstack(outputs) @ weight.T + bias
        np.testing.assert_allclose(model(x, z), expected, atol=1e-12)
        together, *alone = model(x, z, each=True)
        np.testing.assert_allclose(together, expected, atol=1e-12)
        starts = np.cumsum([0, 2880, 256, 64])
        for found, output, (a, b) in zip(alone, outputs, pairwise(starts), strict=True):
            np.testing.assert_allclose(found, output.numpy() @ weight[:, a:b].T + bias, atol=1e-12)


def inputs(model, b):
    z = torch.randn(b, model.n_features, dtype=torch.float64) if model.n_features else None
    return torch.randn(b, 180, dtype=torch.float64), z


def make(name):
    torch.manual_seed(0)
    model = randomize_norms(build(name, 6 if name == "features" else 0)).double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


# The networks on a CPU, against PyTorch's own functions


def value_and_gradients(model, x, *rest, context=None, **named):
    x = x.detach().requires_grad_()
    with context or torch.enable_grad():
        y = model(x, *rest, **named)
    y.square().sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    found = {"y": y.detach(), "x": x.grad, **gradients, **dict(model.named_buffers())}
    return {name: value for name, value in found.items() if value is not None}


def assert_fast_is_plain(model, *given, **named):
    twin = copy.deepcopy(model)
    expected = value_and_gradients(model, *given, **named)
    found = value_and_gradients(twin, *given, context=FastCPU(), **named)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-8, atol=1e-9, msg=name)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("training", "each"), [(True, True), (True, False), (False, False)])
def test_values_gradients_and_running_statistics_are_the_plain_ones(name, training, each):
    # In float64, where rounding cannot hide a difference.
    model = make(name).train(training)
    assert_fast_is_plain(model, *inputs(model, 16), each=each)


NETWORKS = [
    (nn.Conv1d(3, 6, 5, stride=2, padding=3, dilation=2), (4, 3, 33)),
    (nn.Conv1d(4, 4, 9, groups=2), (4, 4, 9)),  # covers its input, but in groups
    (nn.Conv1d(4, 3, 9, stride=3), (4, 4, 9)),
    (nn.Conv1d(1, 3, 1), (4, 1, 1)),
    (nn.Conv1d(2, 3, 4, padding="same"), (4, 2, 20)),
    (nn.Conv1d(2, 3, 5, padding=2, padding_mode="circular"), (4, 2, 20)),
    (nn.Conv1d(2, 3, 5), (2, 20)),  # without a batch
    (nn.BatchNorm1d(5, affine=False, track_running_stats=False), (7, 5, 9)),
    (nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.Conv1d(4, 2, 18)), (3, 1, 20)),
    (nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.0)), (2, 1, 8, 9)),
]


@pytest.mark.parametrize(("network", "shape"), NETWORKS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("turned", [False, True])
def test_any_network_computes_what_it_does_without(network, shape, turned):
    torch.manual_seed(0)
    x = normal(*shape)
    if turned:  # the same values, the last two axes exchanged in memory
        x = x.transpose(-1, -2).contiguous().transpose(-1, -2)
    assert_fast_is_plain(copy.deepcopy(network).double().train(), x)


@pytest.mark.parametrize("name", MODELS)
def test_folding_batch_norms_keeps_the_function_and_the_network(name):
    model = make(name).eval()
    before = copy.deepcopy(model.state_dict())
    x, z = inputs(model, 16)
    with torch.inference_mode():
        torch.testing.assert_close(fold_norms(model)(x, z), model(x, z), rtol=1e-9, atol=1e-10)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("shape", [(2**20,), (2**10, 2**10), (64, 16, 1024), (3, 7, 50_001)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_zeroes_its_share_keeps_the_mean_and_has_no_pattern(shape, dtype):
    # 2^20 activations of 1: the share kept has standard deviation sqrt(.3 .7 / 2^20) = 0.00045.
    x = torch.ones(shape, dtype=dtype, requires_grad=True)
    with FastCPU():
        torch.manual_seed(0)
        y = F.dropout(x, 0.3)
        torch.manual_seed(0)
        assert torch.equal(F.dropout(x, 0.3), y)
        assert torch.equal(F.dropout(input=x, p=0.3, training=False), x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=0.01)
    kept = (y > 0).float().flatten()
    assert kept.mean() == pytest.approx(0.7, abs=0.002)
    # Neighbours in memory are kept or dropped on their own, also within one random number of 64
    # bits: of pairs at a distance of 1 to 8, 0.7 x 0.7 are both kept.
    for distance in range(1, 9):
        assert (kept[distance:] * kept[:-distance]).mean() == pytest.approx(0.49, abs=0.003)
