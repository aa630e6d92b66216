"""The networks are the paper's: each part against its equation, each form against the others."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

from ecgkit import InputError
from ecgkit.layers import (
    CausalConv1d,
    Inception,
    ResidualModule,
    SqueezeExcitation,
    TemporalBlock,
)
from ecgkit.models import MODELS, TCN, HeartbeatClassifier, ResNet, build

KERNEL_SIZES = (2, 3, 5, 7)
CHANNELS = (4, 6, 6, 8, 8)  # small; equal neighbours have a plain residual edge, others a 1x1
CONE = [181, 175, 85, 79, 37, 31, 13, 7, 1]  # samples between the convolutions (paper's TCN)
FORMS = pytest.mark.parametrize(
    ("blocks", "kernel_size"), [(b, k) for b in range(1, 6) for k in KERNEL_SIZES]
)


def normal(*shape, seed=0):
    return torch.randn(
        *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + seed)
    )


def make_tcn(blocks, kernel_size):
    torch.manual_seed(10 * blocks + kernel_size)
    tcn = TCN(CHANNELS[:blocks], kernel_size, squeeze=None).double()
    for block in tcn.blocks:  # enough bias that few units are dead: a zero agrees with anything
        for conv in (block.conv1, block.conv2):
            conv.conv.bias.data.uniform_(0.2, 0.8)
    return tcn.eval()  # dropout off


def critical_lengths(tcn):
    r, k = tcn.receptive_field, tcn.kernel_size
    near = {1, 2, k, r - k - 1, r - k, r - k + 1, r - k + 2, r - 1, r, r + 1, 180, 400}
    return sorted(n for n in near if n >= 1)


# The third opinion: the TCN as its authors published it (Bai et al. 2018, locuslab/TCN): padded on
# both sides, the right end chomped off. Weight normalisation is written out: w = g v / |v|.


class Chomp1d(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x[:, :, : -self.size]


class NormedConv1d(nn.Module):
    def __init__(self, ours, dilation):
        super().__init__()
        weight = ours.conv.parametrizations.weight
        self.g, self.v = weight.original0.detach().clone(), weight.original1.detach().clone()
        self.bias = ours.conv.bias.detach().clone()
        self.dilation, self.padding = dilation, (self.v.shape[2] - 1) * dilation

    def forward(self, x):
        norm = (self.v**2).sum(dim=(1, 2), keepdim=True).sqrt()
        w = self.g * self.v / norm
        return F.conv1d(x, w, self.bias, padding=self.padding, dilation=self.dilation)


class PublishedBlock(nn.Module):
    def __init__(self, ours, dilation, dropout):
        super().__init__()
        conv1, conv2 = (NormedConv1d(conv, dilation) for conv in (ours.conv1, ours.conv2))
        self.net = nn.Sequential(
            *(conv1, Chomp1d(conv1.padding), nn.ReLU(), nn.Dropout(dropout)),
            *(conv2, Chomp1d(conv2.padding), nn.ReLU(), nn.Dropout(dropout)),
        )
        c_out, c_in, _ = conv1.v.shape
        self.downsample = None
        if c_in != c_out:
            self.downsample = nn.Conv1d(c_in, c_out, 1).double()
            self.downsample.load_state_dict(ours.edge.state_dict())

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.net(x) + residual)


def published_tcn(tcn):
    blocks = [PublishedBlock(block, 2**i, 0.3) for i, block in enumerate(tcn.blocks)]
    return nn.Sequential(*blocks).eval()


# Equation (1) and the layers


def test_the_causal_convolution_is_equation_1_worked_by_hand():
    conv = CausalConv1d(1, 1, kernel_size=2, dilation=2).double()
    # f(0) = 3 weighs the present, f(1) = 10 the sample two back. Torch stores the oldest first.
    conv.conv.weight = torch.tensor([[[10.0, 3.0]]], dtype=torch.float64)
    conv.conv.bias.data.fill_(0.5)
    y = conv(torch.tensor([[[1.0, 2.0, 4.0, 8.0]]], dtype=torch.float64))
    # s = 0: 3*1;  1: 3*2;  2: 3*4 + 10*1;  3: 3*8 + 10*2;  each + 0.5
    assert y.flatten().tolist() == pytest.approx([3.5, 6.5, 22.5, 44.5], abs=1e-12)


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
def test_the_causal_convolution_is_equation_1_in_plain_loops(dilation):
    torch.manual_seed(dilation)
    conv = CausalConv1d(2, 3, kernel_size=7, dilation=dilation).double()
    x = normal(2, 20)
    w, b = conv.conv.weight.detach().numpy(), conv.conv.bias.detach().numpy()
    expected = np.zeros((3, 20))
    for c in range(3):
        for s in range(20):
            expected[c, s] = b[c]
            for i in range(7):  # f(i) = w[6 - i]
                if s - dilation * i >= 0:
                    expected[c, s] += w[c, :, 6 - i] @ x[:, s - dilation * i].numpy()
    found = conv(x[None])[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_norm_of_each_filter_is_its_g_whatever_v_is():
    conv = CausalConv1d(5, 4, kernel_size=7).double()
    weight = conv.conv.parametrizations.weight
    g = torch.tensor([0.25, 1.0, 2.0, 30.0], dtype=torch.float64)
    weight.original0.data = g.reshape(4, 1, 1).clone()
    weight.original1.data = 7 * normal(4, 5, 7)
    norms = conv.conv.weight.detach().numpy().reshape(4, 35)
    np.testing.assert_allclose(np.sqrt((norms**2).sum(axis=1)), g, rtol=1e-14)


def test_every_convolution_of_the_temporal_blocks_is_weight_normalised():
    convs = [m for m in TCN().blocks.modules() if isinstance(m, CausalConv1d)]
    assert len(convs) == 8  # two in each of four blocks
    assert all(parametrize.is_parametrized(m.conv, "weight") for m in convs)


def test_a_temporal_block_is_its_residual_edge_where_the_filters_are_zero():
    block = TemporalBlock(2, 2, kernel_size=3, dilation=1, dropout=0.0)
    for conv in (block.conv1, block.conv2):
        conv.conv.parametrizations.weight.original0.data.zero_()
        conv.conv.bias.data.zero_()
    x = torch.tensor([[[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]]])
    assert block(x).tolist() == [[[1.0, 0.0, 3.0], [0.0, 5.0, 0.0]]]  # the last ReLU


def test_dropout_acts_in_training_only_and_after_both_convolutions():
    torch.manual_seed(0)
    block = TemporalBlock(1, 1, kernel_size=1, dilation=1, dropout=0.3)
    for conv in (block.conv1, block.conv2):
        conv.conv.weight = torch.ones(1, 1, 1)
        conv.conv.bias.data.zero_()
    x = torch.ones(1, 1, 40_000)
    assert (block.eval()(x) == 2).all()  # 1 + its residual edge
    h = block.train()(x) - 1
    # Kept twice: 1/0.7 scaled twice. 0.7 * 0.7 = 49 % are.
    assert h[h > 0].unique().tolist() == pytest.approx([1 / 0.49])
    assert (h > 0).float().mean().item() == pytest.approx(0.49, abs=0.02)


# Dense form, cone, and the published formulation


@FORMS
def test_the_cone_gives_the_dense_forms_last_step_for_every_length(blocks, kernel_size):
    tcn = make_tcn(blocks, kernel_size)
    x = normal(4, 1, 400)
    worst, active = 0.0, 0
    with torch.inference_mode(), parametrize.cached():
        for n in range(1, 401):
            dense, cone = tcn.sequence(x[..., :n])[..., -1], tcn.last_step(x[..., :n])
            assert cone.shape == dense.shape == (4, CHANNELS[blocks - 1])
            worst = max(worst, (dense - cone).abs().max().item())
            active += (dense > 0.01).double().mean().item() / 400
    assert worst < 1e-12
    assert active > 0.3  # the agreement is not one of zeros


@FORMS
def test_the_cone_has_the_dense_forms_gradients(blocks, kernel_size):
    tcn = make_tcn(blocks, kernel_size)
    probe = normal(4, CHANNELS[blocks - 1], seed=1)
    for n in critical_lengths(tcn):
        x = normal(4, 1, n).requires_grad_()
        wanted = [x, *tcn.parameters()]
        dense = torch.autograd.grad((tcn.sequence(x)[..., -1] * probe).sum(), wanted)
        cone = torch.autograd.grad((tcn.last_step(x) * probe).sum(), wanted)
        assert n == 1 or all(g.abs().max() > 1e-6 for g in dense)
        for a, b in zip(dense, cone, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@FORMS
def test_both_forms_are_the_published_tcn(blocks, kernel_size):
    tcn = make_tcn(blocks, kernel_size)
    published = published_tcn(tcn)
    with torch.inference_mode():
        for n in critical_lengths(tcn):
            x = normal(2, 1, n, seed=n)
            theirs = published(x)
            torch.testing.assert_close(tcn.sequence(x), theirs, rtol=0, atol=1e-12)
            torch.testing.assert_close(tcn.last_step(x), theirs[..., -1], rtol=0, atol=1e-12)


def test_the_papers_tcn_has_the_published_gradients_in_the_cone():
    torch.manual_seed(0)
    tcn = TCN(squeeze=None).double().eval()
    published = published_tcn(tcn)
    probe = normal(2, 256)
    a, b = normal(2, 180, seed=1).requires_grad_(), normal(2, 1, 180, seed=1).requires_grad_()
    (ours,) = torch.autograd.grad((tcn(a) * probe).sum(), a)
    (theirs,) = torch.autograd.grad((published(b)[..., -1] * probe).sum(), b)
    torch.testing.assert_close(ours, theirs[:, 0], rtol=0, atol=1e-12)


def test_the_cone_is_what_the_model_runs_on_a_beat_and_its_lengths_are_the_books(monkeypatch):
    seen = []
    plain = CausalConv1d.decimated

    def spy(self, x, stride=1):
        y = plain(self, x, stride)
        seen.append((x.shape[-1], y.shape[-1]))
        return y

    monkeypatch.setattr(CausalConv1d, "decimated", spy)
    monkeypatch.setattr(CausalConv1d, "forward", lambda self, x: pytest.fail("dense form"))
    TCN()(torch.zeros(1, 180))
    assert seen == list(pairwise(CONE))


def test_the_last_step_sees_181_samples_and_no_more():
    tcn = TCN(squeeze=None).double().eval()
    for p in tcn.parameters():  # all positive: no ReLU closes, so whatever can be seen is
        p.data.abs_()
    assert tcn.receptive_field == 181  # 1 + 2 (7 - 1) (1 + 2 + 4 + 8)
    for form in (lambda x: tcn.sequence(x)[..., -1], tcn.last_step):
        x = (normal(1, 1, 400).abs() + 0.1).requires_grad_()
        (gradient,) = torch.autograd.grad(form(x).sum(), x)
        seen = gradient[0, 0] != 0
        assert seen[-181:].all()  # 0 to 180 samples back from the last
        assert not seen[:-181].any()

        with torch.inference_mode():
            before, beyond, within = form(x.detach()), x.detach().clone(), x.detach().clone()
            beyond[..., -1 - 181] += 1000
            within[..., -1 - 180] += 1000
            assert torch.equal(form(beyond), before)
            assert not torch.equal(form(within), before)


@pytest.mark.parametrize(("blocks", "kernel_size"), [(1, 2), (2, 5), (3, 3), (5, 7)])
def test_other_receptive_fields_are_counted_right_too(blocks, kernel_size):
    tcn = make_tcn(blocks, kernel_size)
    for p in tcn.parameters():
        p.data.abs_()
    x = torch.ones(1, 1, 400, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(tcn.sequence(x)[..., -1].sum(), x)
    assert (gradient != 0).sum().item() == tcn.receptive_field
    reach = sum(2 * (kernel_size - 1) * 2**i for i in range(blocks))
    assert tcn.receptive_field == 1 + reach


def test_a_later_input_never_changes_an_earlier_output():
    tcn = make_tcn(4, 7)
    x = normal(1, 1, 200)
    with torch.inference_mode():
        before = tcn.sequence(x)
        for s in (0, 1, 50, 199):
            changed = x.clone()
            changed[..., s] += 1000
            after = tcn.sequence(changed)
            assert torch.equal(after[..., :s], before[..., :s])
            assert not torch.equal(after[..., s], before[..., s])


def test_the_cone_needs_8_4_million_multiplications_where_the_dense_form_needs_171_6():
    sizes = [(1, 32), (32, 64), (64, 128), (128, 256)]
    conv1, conv2, edge = ([7 * a * b for a, b in sizes], [7 * b * b for _, b in sizes], None)
    edge = [a * b for a, b in sizes]
    dense = 180 * sum(conv1 + conv2 + edge)
    cone = sum(
        n1 * conv1[i] + n2 * (conv2[i] + edge[i])
        for i, (n1, n2) in enumerate([(175, 85), (79, 37), (31, 13), (7, 1)])
    )
    assert (dense, cone) == (171_648_000, 8_392_640)  # a ratio of 20.45

    tcn = TCN(squeeze=None).eval()
    beat = torch.zeros(1, 1, 180)
    for form, expected in ((tcn.sequence, dense), (tcn.last_step, cone)):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            form(beat)
        assert counter.get_total_flops() == 2 * expected  # a multiplication and an addition


# Squeeze and excitation


def test_squeeze_and_excitation_worked_by_hand():
    se = SqueezeExcitation(2, reduction=2).double()
    se.reduce.weight.data = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    se.reduce.bias.data = torch.tensor([0.0], dtype=torch.float64)
    se.expand.weight.data = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    se.expand.bias.data = torch.tensor([0.0, 1.0], dtype=torch.float64)
    squeezed = torch.tensor([[3.0, -1.0], [1.0, -1.0]], dtype=torch.float64)
    # First beat: 3 - 2 = 1 -> 1, -1 + 1 = 0 -> sigmoid 0.731059, 0.5.
    # Second: 1 - 2 = -1 -> ReLU 0 -> 0, 1 -> sigmoid 0.5, 0.731059.
    gates = se.gates(squeezed).detach().numpy()
    np.testing.assert_allclose(gates, [[0.731059, 0.5], [0.5, 0.731059]], atol=5e-7)
    x = torch.tensor([[10.0, -4.0], [2.0, 100.0]], dtype=torch.float64)
    found = se(x, squeezed).detach().numpy()
    np.testing.assert_allclose(found, [[7.31059, -2.0], [1.0, 73.1059]], atol=5e-5)


def test_gates_lie_between_0_and_1_for_any_input():
    torch.manual_seed(0)
    gates = SqueezeExcitation(256).double().gates(10 * normal(500, 256))
    assert gates.shape == (500, 256)
    assert 0 < gates.min() < gates.max() < 1


def test_the_squeeze_goes_through_a_sixteenth_of_the_channels():
    se = TCN().se
    assert (se.reduce.in_features, se.reduce.out_features) == (256, 16)
    assert (se.expand.in_features, se.expand.out_features) == (16, 256)


@pytest.mark.parametrize("squeeze", ["last", "time"])
def test_both_squeezes_gate_the_last_step_of_the_published_tcn(squeeze):
    torch.manual_seed(0)
    tcn = TCN((3, 4, 32), kernel_size=3, squeeze=squeeze).double().eval()
    tcn.se.reduce.bias.data.fill_(1.0)  # its two hidden units are alive
    beats = normal(5, 180)
    with torch.inference_mode():
        y = published_tcn(tcn)(beats[:, None]).numpy()  # (b, c, n)
        found = tcn(beats).numpy()
    last = y[..., -1]
    z = last if squeeze == "last" else y.mean(axis=2)
    assert not np.allclose(last, y.mean(axis=2), atol=0.01)
    w1, b1, w2, b2 = (p.detach().numpy() for p in tcn.se.parameters())
    hidden = np.maximum(z @ w1.T + b1, 0)
    assert (hidden > 0).all()
    gates = 1 / (1 + np.exp(-(hidden @ w2.T + b2)))
    np.testing.assert_allclose(found, last * gates, rtol=0, atol=1e-12)


def test_the_default_squeezes_the_last_step():
    assert TCN().squeeze == "last"
    assert build("resnet-tcn").branches["tcn"].squeeze == "last"
    assert build("tcn-no-se").branches["tcn"].se is None
    assert build("tcn-squeeze-time").branches["tcn"].squeeze == "time"


# ResNet and Inception


def lengths_through(module, kinds, x):
    """Shapes that the submodules of these kinds put out, in the order in which they run."""
    shapes = []
    hooks = [
        m.register_forward_hook(lambda _m, _x, y: shapes.append(tuple(y.shape[1:])))
        for m in module.modules()
        if isinstance(m, kinds)
    ]
    module(x)
    for hook in hooks:
        hook.remove()
    return shapes


def test_six_residual_modules_in_three_layers_halve_the_length_twice():
    shapes = lengths_through(ResNet().eval(), (Inception, ResidualModule), torch.zeros(1, 180))
    assert shapes == [(32, 180), *2 * [(32, 180)], *2 * [(48, 90)], *2 * [(64, 45)]]


def test_an_early_stride_halves_the_length_three_times():
    resnet = build("resnet-tcn-early-stride").branches["resnet"].eval()
    shapes = lengths_through(resnet, (Inception, ResidualModule), torch.zeros(1, 180))
    assert shapes == [(32, 180), *2 * [(32, 90)], *2 * [(48, 45)], *2 * [(64, 23)]]
    assert resnet.n_features == 64 * 23


def test_nothing_is_pooled_after_the_stem():
    resnet = ResNet().eval()
    pools = (nn.modules.pooling._AvgPoolNd, nn.modules.pooling._MaxPoolNd)
    pools += (nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd)
    assert not any(isinstance(m, pools) for m in resnet.layers.modules())
    assert sum(isinstance(m, pools) for m in resnet.modules()) == 1  # the Inception's branch
    beat = normal(1, 180).float()
    with torch.inference_mode():
        features = resnet(beat)
        kept = resnet.layers(resnet.stem(beat[:, None]))
    assert features.shape == (1, 2880)
    assert torch.equal(features.reshape(1, 64, 45), kept)  # every sample of every channel


def test_a_residual_module_is_two_convolutions_and_an_edge():
    torch.manual_seed(0)
    module = ResidualModule(3, 5, stride=2).double().eval()
    norms = (module.norm1, module.norm2, module.edge[1])
    for i, norm in enumerate(norms):
        norm.running_mean.copy_(normal(5, seed=10 * i))
        norm.running_var.copy_(normal(5, seed=10 * i + 1).abs() + 0.5)
        norm.weight.data.copy_(normal(5, seed=10 * i + 2))
        norm.bias.data.copy_(normal(5, seed=10 * i + 3))
    x = normal(3, 41, seed=99).numpy()

    def convolve(x, weight, stride):
        k = weight.shape[2]
        padded = np.pad(x, ((0, 0), (k // 2, k // 2)))
        starts = range(0, x.shape[1], stride)
        return np.stack([(weight * padded[:, s : s + k]).sum(axis=(1, 2)) for s in starts], 1)

    def normed(y, norm):
        mean, var = norm.running_mean.numpy()[:, None], norm.running_var.numpy()[:, None]
        gamma, beta = (p.detach().numpy()[:, None] for p in (norm.weight, norm.bias))
        return gamma * (y - mean) / np.sqrt(var + 1e-5) + beta

    w1, w2, w3 = (c.weight.detach().numpy() for c in (module.conv1, module.conv2, module.edge[0]))
    h = normed(convolve(x, w1, 2), norms[0])
    h = normed(convolve(np.maximum(h, 0), w2, 1), norms[1])
    edge = normed(convolve(x, w3, 2), norms[2])
    expected = np.maximum(h + edge, 0)
    assert ((h < 0) & (expected > 0)).any()  # a ReLU before the sum would show
    assert ((edge < 0) & (expected > 0)).any()
    found = module(torch.from_numpy(x)[None])[0].detach().numpy()
    assert found.shape == (5, 21)  # 41 samples at stride 2
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_a_residual_module_of_equal_shapes_passes_its_input_on_unchanged():
    assert isinstance(ResidualModule(32, 32).edge, nn.Identity)
    assert isinstance(ResidualModule(32, 48, stride=2).edge, nn.Sequential)


def test_the_inception_has_four_branches_of_8_channels_with_kernels_1_3_5_and_a_pool_of_3():
    stem = ResNet().stem
    kernels = [c.kernel_size for c in (stem.conv1, stem.conv3, stem.conv5, stem.conv_pool)]
    assert kernels == [(1,), (3,), (5,), (1,)]
    shapes = lengths_through(stem, nn.Conv1d, torch.zeros(2, 1, 180))
    assert shapes == 4 * [(8, 180)]
    assert (stem.pool.kernel_size, stem.pool.stride) == (3, 1)


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


def test_without_inception_the_stem_is_a_convolution_of_width_7():
    conv, norm, relu = ResNet(inception=False).stem
    assert (conv.kernel_size, conv.out_channels, conv.stride) == ((7,), 32, (1,))
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(relu, nn.ReLU)


# The five models


def test_the_joint_model_puts_one_linear_layer_on_2880_and_256_features():
    model = build("resnet-tcn").eval()
    beats = normal(3, 180).float()
    assert (model.linear.in_features, model.linear.out_features) == (2880 + 256, 4)
    with torch.inference_mode():
        resnet, tcn = model.branches["resnet"](beats), model.branches["tcn"](beats)
        assert (resnet.shape, tcn.shape) == ((3, 2880), (3, 256))
        logits = np.hstack([resnet, tcn]) @ model.linear.weight.numpy().T
        logits += model.linear.bias.numpy()
        np.testing.assert_allclose(model(beats).numpy(), logits, atol=1e-5)


def test_all_branches_answer_together_first_and_then_each_as_if_the_other_said_nothing():
    torch.manual_seed(0)
    model = build("resnet-tcn").double().eval()
    beats = torch.randn(5, 180).double()
    together, resnet, tcn = model(beats, each=True)
    torch.testing.assert_close(together, model(beats), rtol=1e-10, atol=1e-12)
    features = model.features(beats)
    for found, silent in ((resnet, slice(2880, None)), (tcn, slice(2880))):
        heard = features.clone()
        heard[:, silent] = 0
        torch.testing.assert_close(found, model.linear(heard), rtol=1e-10, atol=1e-12)


def test_the_one_branch_of_a_model_answers_as_the_model():
    model = build("tcn").eval()
    beats = torch.randn(3, 180)
    together, alone = model(beats, each=True)
    assert torch.equal(together, alone)
    torch.testing.assert_close(together, model(beats))


def count_tcn(se):
    n = 0
    for a, b in ((1, 32), (32, 64), (64, 128), (128, 256)):
        n += 7 * a * b + b + b  # filters, a norm g and a bias each
        n += 7 * b * b + b + b
        n += a * b + b  # 1x1 edge
    return n + (256 * 16 + 16 + 16 * 256 + 256 if se else 0)


def count_resnet(inception):
    # Branches: 1, 3 and 5 coefficients, 1x1 after the pool, 8 biases each; or 7 without bias.
    n = 8 * (1 + 3 + 5 + 1) + 4 * 8 if inception else 7 * 32
    n += 2 * 32  # batch norm
    for a, b in ((32, 32), (32, 32), (32, 48), (48, 48), (48, 64), (64, 64)):
        n += 3 * a * b + 2 * b + 3 * b * b + 2 * b
        n += 0 if a == b else a * b + 2 * b
    return n


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet-tcn", count_resnet(True) + count_tcn(True) + 4 * (2880 + 256) + 4),
        ("tcn", count_tcn(True) + 4 * 256 + 4),
        ("resnet", count_resnet(True) + 4 * 2880 + 4),
        ("tcn-no-se", count_tcn(False) + 4 * 256 + 4),
        ("resnet-no-inception", count_resnet(False) + 4 * 2880 + 4),
        ("tcn-squeeze-time", count_tcn(True) + 4 * 256 + 4),
        (  # one residual edge more, and 23 samples of 64 channels left
            "resnet-tcn-early-stride",
            count_resnet(True) + 32 * 32 + 2 * 32 + count_tcn(True) + 4 * (1472 + 256) + 4,
        ),
    ],
)
def test_the_number_of_parameters_is_what_counting_by_hand_gives(name, expected):
    assert sum(p.numel() for p in build(name).parameters()) == expected


def test_these_are_the_five_models_of_the_ablation():
    assert list(MODELS) == ["resnet-tcn", "tcn", "resnet", "tcn-no-se", "resnet-no-inception"]


@pytest.mark.parametrize("name", MODELS)
def test_a_beats_result_does_not_depend_on_its_company(name):
    torch.manual_seed(0)
    model = build(name).double()
    with torch.no_grad():
        model.train()(normal(16, 180))  # batch norms that have seen something
    model.eval()
    beats = normal(7, 180, seed=1)
    with torch.inference_mode():
        together = model(beats)
        alone = torch.cat([model(beat[None]) for beat in beats])
        backwards = model(beats.flip(0)).flip(0)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    torch.testing.assert_close(together, backwards, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_learns(name):
    torch.manual_seed(0)
    model = build(name)
    F.cross_entropy(model(normal(8, 180).float()), torch.arange(8) % 4).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def test_any_branches_can_be_joined():
    model = HeartbeatClassifier(a=TCN((2, 3), squeeze=None), b=TCN((2, 5), squeeze=None))
    assert model(torch.zeros(2, 180)).shape == (2, 4)
    assert model.linear.in_features == 3 + 5


def test_an_unknown_model_is_refused_with_the_names_there_are():
    with pytest.raises(InputError, match=r"no model 'lstm': use one of resnet-tcn, tcn, resnet,"):
        build("lstm")
