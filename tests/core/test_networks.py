"""Networks and their initial weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from thalweg.core.networks.activations import ACTIVATIONS
from thalweg.core.networks.initialisers import initialise
from thalweg.core.networks.mlp import BatchNorm, mlp
from thalweg.core.scene.network import NetworkSpec

from .toys import made

DEVIATIONS = {
    # name: (variance of a weight from fan-in i and fan-out o, variance of a bias), from the papers
    "fan-in": (lambda i, o: 1 / i, 1.0),
    "normal": (lambda i, o: 1.0, 1.0),
    "lecun": (lambda i, o: 1 / i, 0.0),
    "xavier": (lambda i, o: 2 / (i + o), 0.0),
    "he": (lambda i, o: 2 / i, 0.0),
}
BOUNDS = {
    # name: largest size of a weight that is uniformly distributed
    "torch-uniform": lambda i, o: 1 / math.sqrt(i),
    "xavier-uniform": lambda i, o: math.sqrt(6) / math.sqrt(i + o),
    "he-uniform": lambda i, o: math.sqrt(6 / i),
}
DRAWN = [*DEVIATIONS, *BOUNDS, "orthogonal", "lsuv"]
FAN_IN, FAN_OUT = 400, 1000


def drawn(name: str, seed: int = 0) -> nn.Linear:
    """A wide layer with these initial weights."""
    module = made(lambda: mlp((FAN_IN, FAN_OUT, 3), "relu"))
    initialise(module, name, torch.Generator().manual_seed(seed))
    return module[0]


def test_every_initialisation_of_the_spec_is_tested() -> None:
    """The tables here and the choices of the spec are the same."""
    known = set(NetworkSpec.model_json_schema()["properties"]["initialisation"]["enum"])
    assert {*DRAWN, "identity", "constant"} == known


def within(values: torch.Tensor, variance: float) -> bool:
    """Mean and variance within five standard errors of those of N(0, variance); all zero where that is 0."""
    if variance == 0:
        return not values.any()
    n, values = values.numel(), values.double()
    mean_is_zero = abs(values.mean().item()) < 5 * math.sqrt(variance / n)
    return mean_is_zero and abs(values.var().item() / variance - 1) < 5 * math.sqrt(2 / n)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_weights_have_their_mean_and_deviation(name: str) -> None:
    """Weights and biases are N(0, variance) with the variance of the paper, within five standard errors."""
    layer = drawn(name)
    weight_variance, bias_variance = DEVIATIONS[name]
    assert within(layer.weight.detach(), weight_variance(FAN_IN, FAN_OUT))
    assert within(layer.bias.detach(), bias_variance)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_weights_are_normal_and_independent(name: str) -> None:
    """The fourth moment is three times the squared variance; units and inputs are uncorrelated."""
    w = drawn(name).weight.detach().double()
    w = w / w.std()
    assert (w**4).mean().item() == pytest.approx(3, abs=5 * math.sqrt(96 / w.numel()))
    for gram, n in ((w @ w.T / FAN_IN, FAN_IN), (w.T @ w / FAN_OUT, FAN_OUT)):
        off = gram - gram.diag().diag()
        assert off.abs().max() < 6.5 / math.sqrt(n)


@pytest.mark.parametrize("name", BOUNDS)
def test_uniform_weights_fill_their_range_evenly(name: str) -> None:
    """No weight is beyond the bound of the paper; as many in each tenth of the range; no biases."""
    layer, bound = drawn(name), BOUNDS[name](FAN_IN, FAN_OUT)
    w = layer.weight.detach().double() / bound
    assert w.abs().max() <= 1 + 1e-6
    counts = torch.histc(w, 10, -1, 1) / w.numel()
    assert (counts - 0.1).abs().max() < 5 * math.sqrt(0.09 / w.numel())
    assert within(w * math.sqrt(3), 1.0)
    assert not layer.bias.any()


def test_the_uniform_weights_of_xavier_and_he_vary_as_the_normal_ones() -> None:
    """The papers ask for a variance, whatever the distribution."""
    for name in ("xavier", "he"):
        assert within(drawn(f"{name}-uniform").weight.detach() / drawn(name).weight.detach().std(), 1.0)


@pytest.mark.parametrize("name", ["orthogonal", "lsuv"])
def test_orthogonal_weights_are_torchs(name: str) -> None:
    """Of the same generator, in double precision; rows or columns at right angles, of norm 1; no biases."""
    module = made(lambda: mlp((FAN_IN, FAN_OUT, 3), "relu"))
    initialise(module, name, torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    for layer in (module[0], module[2]):
        w = layer.weight.detach()
        ours = nn.init.orthogonal_(torch.empty(w.shape, dtype=torch.float64), generator=generator)
        assert torch.equal(w, ours.float())
        short = w.double() if len(w) < len(w.T) else w.double().T
        torch.testing.assert_close(short @ short.T, torch.eye(len(short), dtype=torch.float64), atol=1e-6, rtol=0)
        assert not layer.bias.any()
        torch.randn(layer.bias.shape, generator=generator)  # biases are drawn, with a deviation of 0


def test_identity_passes_on_what_there_is_room_for() -> None:
    """Inputs come out as they are, cut or filled up with zeros; the filters of a convolution likewise."""
    for fan_in, fan_out in ((4, 4), (6, 3), (3, 5)):
        module = made(lambda i=fan_in, o=fan_out: nn.Linear(i, o))
        initialise(module, "identity", torch.Generator())
        x = torch.rand(7, fan_in, generator=torch.Generator().manual_seed(1))
        wanted = torch.zeros(7, fan_out)
        wanted[:, : min(fan_in, fan_out)] = x[:, : min(fan_in, fan_out)]
        assert torch.equal(module(x), wanted)
    conv = made(lambda: nn.Conv2d(2, 3, 3, padding=1))
    initialise(conv, "identity", torch.Generator())
    images = torch.rand(2, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(conv(images)[:, :2], images)
    assert not conv(images)[:, 2].any()


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 3), lambda: nn.Conv2d(2, 3, 3), lambda: nn.LSTM(4, 3)])
def test_constant_weights_are_all_alike(make: Callable[[], nn.Module]) -> None:
    """Every weight has the value, every bias is 0."""
    module = made(make)
    initialise(module, "constant", torch.Generator(), constant=-0.25)
    for name, parameter in module.named_parameters():
        assert (parameter == (-0.25 if name.startswith("weight") else 0)).all()


def test_an_unknown_initialisation_says_what_is_known() -> None:
    """By name."""
    with pytest.raises(
        ValueError, match="initialisation: zeros is not accepted; expected one of fan-in, normal, lecun"
    ):
        initialise(made(lambda: nn.Linear(2, 2)), "zeros", torch.Generator())


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(name: str) -> None:
    """And another seed gives others."""
    one, same, other = drawn(name, 3), drawn(name, 3), drawn(name, 4)
    assert torch.equal(one.weight, same.weight)
    assert torch.equal(one.bias, same.bias)
    assert (one.weight != other.weight).double().mean() > 0.99


# --- activations -----------------------------------------------------------------------------------------------------

FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    "relu": lambda x: x * (x > 0),
    "leaky-relu": lambda x: x * (x > 0) + 0.01 * x * (x <= 0),
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "gelu": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + (-x).exp()),
    "softplus": lambda x: (1 + x.exp()).log(),
    "hard-tanh": lambda x: x.clamp(-1, 1),
    "sine": lambda x: x.sin(),
}


def test_every_activation_of_the_spec_has_a_module_and_a_formula() -> None:
    """The tables are the same."""
    known = NetworkSpec.model_json_schema()["properties"]["activation"]["enum"]
    assert list(ACTIVATIONS) == list(FORMULAS) == known


@pytest.mark.parametrize("name", FORMULAS)
def test_an_activation_is_its_formula(name: str) -> None:
    """Far to both sides, at 0, and within."""
    x = torch.linspace(-12, 12, 241, dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[name]()(x), FORMULAS[name](x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_an_mlp_alternates_linear_layers_and_activations(name: str) -> None:
    """Its output is W3 s(W2 s(W1 x + b1) + b2) + b3: raw scores, no activation at the end."""
    module = made(lambda: mlp((4, 3, 5, 2), name))
    x = torch.linspace(-2, 2, 12).view(3, 4)
    a, b, c = (p for p in module if isinstance(p, nn.Linear))
    s = FORMULAS[name]
    torch.testing.assert_close(module(x), c(s(b(s(a(x))))))


# --- normalisation and skip connections ------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("skips", [True, False])
def test_a_normalised_mlp_with_skips_is_its_definition(norm: str, skips: bool, training: bool) -> None:
    """act(norm(W x + b)), plus x where input and output are of one size; the last layer is linear."""
    sizes = (6, 6, 4, 4, 4, 3)
    module = made(lambda: mlp(sizes, "tanh", norm=norm, skips=skips)).double().train(training)
    generator = torch.Generator().manual_seed(1)
    for tensor in (*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())):
        tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.1)
    linears = [p for p in module.modules() if isinstance(p, nn.Linear)]
    norms = [p for p in module.modules() if isinstance(p, nn.BatchNorm1d | nn.LayerNorm)]
    x = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    h = x
    running = [(n.running_mean.clone(), n.running_var.clone()) if norm == "batch" else (h, h) for n in norms]
    found = module(x)
    for k, (i, o) in enumerate(pairwise(sizes[:-1])):
        z = h @ linears[k].weight.T + (0 if linears[k].bias is None else linears[k].bias)
        if norm == "batch":
            mean, variance = (z.mean(0), z.var(0, correction=0)) if training else running[k]
        elif norm == "layer":
            mean, variance = z.mean(1, keepdim=True), z.var(1, correction=0, keepdim=True)
        if norm != "none":
            z = (z - mean) / (variance + 1e-5).sqrt() * norms[k].weight + norms[k].bias
        h = z.tanh() + h if skips and i == o else z.tanh()
    torch.testing.assert_close(found, h @ linears[-1].weight.T + linears[-1].bias, rtol=1e-10, atol=1e-10)
    assert len(linears) == 5
    assert len(norms) == (0 if norm == "none" else 4)
    assert [p.bias is None for p in linears] == [norm == "batch"] * 4 + [False]


@torch.no_grad()
def test_a_batch_of_one_is_normalised_by_the_running_statistics() -> None:
    """Which it leaves as they are; two examples are normalised by their own, as by torch."""
    ours, torchs = (made(lambda kind=kind: kind(3)).train() for kind in (BatchNorm, nn.BatchNorm1d))
    x = torch.rand(9, 3, generator=torch.Generator().manual_seed(1))
    for batch in (x[:4], x[4:6]):
        assert torch.equal(ours(batch), torchs(batch))
    before = [b.clone() for b in ours.buffers()]
    assert torch.equal(ours(x[8:]), torchs.eval()(x[8:]))
    assert all(torch.equal(b, a) for b, a in zip(before, ours.buffers(), strict=True))


def test_an_mlp_without_hidden_layers_is_one_linear_map() -> None:
    """Two sizes, one layer, with nothing to normalise or to go around."""
    for norm in ("none", "batch", "layer"):
        module = made(lambda norm=norm: mlp((4, 2), "sigmoid", norm=norm, skips=True))
        assert [type(p) for p in module] == [nn.Linear]


def test_sizes_come_from_the_data_and_the_hidden_layers() -> None:
    """784 pixels in, ten classes out."""
    assert NetworkSpec(hidden=(7, 3)).sizes == (784, 7, 3, 10)
    assert NetworkSpec(hidden=()).sizes == (784, 10)
