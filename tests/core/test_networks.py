"""Networks and their initial weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from thalweg.core.networks.initialisers import initialise
from thalweg.core.networks.mlp import mlp
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
FAN_IN, FAN_OUT = 400, 1000


def drawn(name: str, seed: int = 0) -> nn.Linear:
    """A wide layer with these initial weights."""
    module = made(lambda: mlp((FAN_IN, FAN_OUT, 3), "relu"))
    initialise(module, name, torch.Generator().manual_seed(seed))
    return module[0]


def test_every_initialisation_of_the_spec_is_tested() -> None:
    """The table here and the choices of the spec are the same."""
    assert set(DEVIATIONS) == set(NetworkSpec.model_json_schema()["properties"]["initialisation"]["enum"])


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


@pytest.mark.parametrize("name", DEVIATIONS)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(name: str) -> None:
    """And another seed gives others."""
    one, same, other = drawn(name, 3), drawn(name, 3), drawn(name, 4)
    assert torch.equal(one.weight, same.weight)
    assert torch.equal(one.bias, same.bias)
    assert (one.weight != other.weight).double().mean() > 0.99


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_an_mlp_alternates_linear_layers_and_activations(activation: str) -> None:
    """Its output is W3 s(W2 s(W1 x + b1) + b2) + b3: raw scores, no activation at the end."""
    module = made(lambda: mlp((4, 3, 5, 2), activation))
    x = torch.linspace(-2, 2, 12).view(3, 4)
    a, b, c = (p for p in module if isinstance(p, nn.Linear))
    s = getattr(torch, activation)
    torch.testing.assert_close(module(x), c(s(b(s(a(x))))))


def test_an_mlp_without_hidden_layers_is_one_linear_map() -> None:
    """Two sizes, one layer."""
    module = made(lambda: mlp((4, 2), "sigmoid"))
    assert [type(p) for p in module] == [nn.Linear]


def test_sizes_come_from_the_data_and_the_hidden_layers() -> None:
    """784 pixels in, ten classes out."""
    assert NetworkSpec(hidden=(7, 3)).sizes == (784, 7, 3, 10)
    assert NetworkSpec(hidden=()).sizes == (784, 10)
