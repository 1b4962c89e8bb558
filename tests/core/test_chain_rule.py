"""The chain rule taken apart: its product is what automatic differentiation finds, and no factor passes its bound."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from thalweg.core import data as datasets
from thalweg.core.measures.activations import steepest
from thalweg.core.measures.chain_rule import EXAMPLES, chain_of, chain_rule
from thalweg.core.problem import Problem, build
from thalweg.core.scene import RunSpec


def problem_of(**network: Any) -> Problem:
    """A network on the built-in digits, at its start."""
    run = RunSpec.model_validate({"network": {"hidden": (30, 20, 12), **network}})
    return build(run, datasets.load_for(run))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("initialisation", ["fan-in", "normal", "he"])
def test_the_product_of_the_factors_is_what_autograd_finds(activation: str, initialisation: str) -> None:
    """To 1e-5, at every layer; and each signal is the next one's times its two factors."""
    problem = problem_of(activation=activation, initialisation=initialisation)
    found = chain_rule(problem, problem.start)
    for number in range(1, 5):
        assert found[f"signal_{number}"] == pytest.approx(found[f"measured_{number}"], rel=1e-5)
    for number in range(1, 4):
        product = found[f"gain_{number}"] * found[f"slope_{number}"] * found[f"signal_{number + 1}"]
        assert found[f"signal_{number}"] == pytest.approx(product, rel=1e-12)
        assert found[f"slope_{number}"] <= found[f"bound_{number}"] * (1 + 1e-12)
        assert found[f"mean_slope_{number}"] <= found[f"bound_{number}"]
        assert found[f"gain_{number}"] <= found[f"spectral_{number}"] * (1 + 1e-12)
        assert found[f"squeeze_{number}"] <= found[f"middle_{number}"] <= found[f"stretch_{number}"]
        assert found[f"stretch_{number}"] <= found[f"bound_{number}"] * found[f"spectral_{number}"] * (1 + 1e-9)


def test_against_a_loop_over_the_examples() -> None:
    """Each example's signal by automatic differentiation on its own."""
    problem = problem_of(hidden=(7, 5), activation="tanh")
    found = chain_rule(problem, problem.start)
    double = build(
        RunSpec.model_validate({"network": {"hidden": (7, 5), "activation": "tanh"}}), _data()
    ).module.double()
    inputs, labels = problem.first(EXAMPLES)
    squares = torch.zeros(3, dtype=torch.float64)
    for x, label in zip(inputs.double(), labels, strict=True):
        outputs, at = [], x[None]
        for part in double:
            at = part(at)
            if isinstance(part, nn.Linear):
                outputs.append(at)
        loss = nn.functional.cross_entropy(at, label[None])
        squares += torch.stack([g.square().sum() for g in torch.autograd.grad(loss, outputs)])
    wanted = (squares / len(labels)).sqrt().tolist()
    assert [found[f"signal_{k}"] for k in (1, 2, 3)] == pytest.approx(wanted, rel=1e-6)


def _data() -> datasets.Dataset:
    return datasets.load_for(RunSpec())


def test_a_jacobian_is_that_of_torch() -> None:
    """Its singular values, as the mean over the first examples."""
    problem = problem_of(hidden=(9, 6))
    found = chain_rule(problem, problem.start)
    module = problem.module
    values = []
    for x in problem.first(8)[0]:
        z = module[0](x).detach()
        jacobian = torch.func.jacrev(lambda z: module[2](module[1](z)))(z)
        values.append(torch.linalg.svdvals(jacobian.double()))
    mean = torch.stack(values).mean(0).detach()
    assert found["stretch_1"] == pytest.approx(float(mean[0]), rel=1e-5)
    assert found["squeeze_1"] == pytest.approx(float(mean[-1]), rel=1e-4)


def test_bounds_of_activations() -> None:
    """A quarter for the sigmoid; 1 for tanh, ReLU and none; more than 1 for GELU."""
    assert steepest(nn.Sigmoid()) == 0.25
    assert steepest(nn.Tanh()) == steepest(nn.ReLU()) == 1.0
    assert 1.12 < steepest(nn.GELU()) < 1.14


def test_a_sigmoid_of_fan_in_weights_has_the_known_ratio() -> None:
    """4.88 from layer to layer (mean field: variance of z 1.3021, rms of the derivative 0.204841), in the mean."""
    logs = []
    for seed in range(12):
        run = RunSpec.model_validate({"seed": seed, "network": {"hidden": (30,) * 6}})
        problem = build(run, _data())
        found = chain_rule(problem, problem.start)
        logs += [math.log(found[f"signal_{k + 1}"] / found[f"signal_{k}"]) for k in range(2, 6)]
    assert math.exp(sum(logs) / len(logs)) == pytest.approx(4.88, rel=0.05)


@pytest.mark.parametrize("kind", ["cnn", "residual", "lstm", "surface"])
def test_other_networks_are_no_plain_chain(kind: str) -> None:
    """Nothing is said of them."""
    run = RunSpec.model_validate({"network": {"kind": kind}})
    problem = build(run, datasets.load_for(run))
    assert chain_of(problem.module) is None
    assert chain_rule(problem, problem.start) == {}


def test_what_is_not_finite_is_shown_and_stops_nothing() -> None:
    """Parameters that are no numbers give factors that are none; the module is left as found."""
    problem = problem_of()
    before = [p.detach().clone() for p in problem.module.parameters()]
    found = chain_rule(problem, torch.full_like(problem.start, torch.nan))
    assert math.isnan(found["signal_1"])
    assert math.isnan(found["spectral_1"])
    assert all(torch.equal(a, b) for a, b in zip(before, problem.module.parameters(), strict=True))
    assert not any(part._forward_hooks for part in problem.module.modules())
    silent = chain_rule(problem, torch.zeros_like(problem.start))
    assert silent["gain_3"] == 0
