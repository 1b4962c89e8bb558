"""How a run begins: LSUV from the first examples, the weight scale, and the same start in every process."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thalweg.core.landscape.service import _start
from thalweg.core.networks.architectures import network
from thalweg.core.networks.initialisers import initialise
from thalweg.core.networks.lsuv import EXAMPLES, TOLERANCE
from thalweg.core.problem import Problem, build, initial_network, random_streams
from thalweg.core.scene import RunSpec

from .toys import dataset, made, tiny_run

KINDS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (40, 30, 30)},
    "mlp with batch norm": {"hidden": (20, 20), "hidden_norm": "batch"},
    "mlp with skips": {"hidden": (20,) * 6, "hidden_skips": True, "hidden_norm": "layer"},
    "cnn": {"kind": "cnn", "channels": (4, 6)},
    "residual": {"kind": "residual", "width": 4, "blocks": 2},
    "lstm": {"kind": "lstm", "units": 8},
}
INITIALISATIONS = ["fan-in", "he", "torch-uniform", "orthogonal", "lsuv", "identity", "constant"]


def run_of(kind: str, initialisation: str, **fields: Any) -> RunSpec:
    """A tiny run of this kind."""
    return tiny_run(network=KINDS[kind] | {"initialisation": initialisation} | fields)


def begun(run: RunSpec) -> Problem:
    """Its problem."""
    return build(run, dataset(run.data))


def put_out(module: nn.Module, inputs: Tensor) -> list[Tensor]:
    """What every linear layer and convolution puts out, in the order in which they are come to."""
    found: list[Tensor] = []
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            part.register_forward_hook(lambda _, args, output: found.append(output))
    with torch.no_grad():
        module(inputs)
    return found


# --- LSUV ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "sine"])
@pytest.mark.parametrize("kind", KINDS)
def test_lsuv_gives_every_layers_output_unit_variance(kind: str, activation: str) -> None:
    """Over the first examples, each within the tolerance of 1; with orthogonal weights alone they are not."""
    spreads = {}
    for name in ("lsuv", "orthogonal"):
        problem = begun(run_of(kind, name, activation=activation))
        module = copy.deepcopy(problem.module).double().train()
        variances = [float(z.var(correction=0)) for z in put_out(module, problem.train[0][:EXAMPLES].double())]
        spreads[name] = max(abs(v - 1) for v in variances)
    assert spreads["lsuv"] < TOLERANCE + 1e-6
    assert spreads["orthogonal"] > TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_lsuv_scales_orthogonal_weights_and_changes_nothing_else(kind: str) -> None:
    """Each layer's weights are a positive multiple of the orthogonal ones; all else is as it was."""
    plain, scaled = (begun(run_of(kind, name)) for name in ("orthogonal", "lsuv"))
    pairs = zip(plain.module.named_parameters(), scaled.module.named_parameters(), strict=True)
    for (name, before), (_, after) in pairs:
        if before.dim() < 2 or "lstm" in name:
            assert torch.equal(before, after)
            continue
        factor = (before * after).sum() / before.square().sum()
        assert factor > 0
        torch.testing.assert_close(after, factor * before)


def test_a_layer_that_puts_out_one_value_is_left_as_it_is() -> None:
    """Dead inputs have no variance that a scale could make 1."""
    run = run_of("mlp", "lsuv")
    nothing = torch.zeros(50, 784)
    assert all(p.isfinite().all() for p in initial_network(run, nothing).parameters())


# --- the weight scale ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initialisation", INITIALISATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gain_multiplies_weights_alone(kind: str, initialisation: str) -> None:
    """By 1 it changes no bit; biases and normalisations are as without it."""
    plain, same, scaled = (begun(run_of(kind, initialisation, gain=gain)).module for gain in (1.0, 1.0, 2.5))
    norms = {id(p) for m in scaled.modules() if type(m).__name__.endswith("Norm") or "BatchNorm" in type(m).__name__
             for p in m.parameters()}  # fmt: skip
    for (name, one), two, three in zip(plain.named_parameters(), same.parameters(), scaled.parameters(), strict=True):
        assert torch.equal(one, two)
        factor = 1.0 if "bias" in name or id(three) in norms else 2.5
        assert torch.equal(three, one * factor)


def test_a_gain_of_nothing_leaves_nothing() -> None:
    """Where biases are 0, all scores are."""
    problem = begun(run_of("mlp", "he", gain=0.0))
    assert not problem.module(problem.train[0]).any()


# --- the same start everywhere ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fan-in", "normal", "lecun", "xavier", "he"])
@pytest.mark.parametrize("kind", ["mlp", "cnn", "lstm"])
def test_normal_weights_are_drawn_as_ever(kind: str, name: str) -> None:
    """Layer by layer, weights and then biases, straight from the stream of the seed: what was recorded stays true."""
    run = run_of(kind, name)
    module = made(lambda: network(run.network))
    stream = random_streams(run.seed)[0]
    initialise(module, name, stream)
    found = begun(run).module
    for one, other in zip(module.parameters(), found.parameters(), strict=True):
        assert torch.equal(one, other)
    first = next(found.parameters()).detach()
    again = torch.randn(first.shape, generator=random_streams(run.seed)[0])
    ratio = first / again
    torch.testing.assert_close(ratio, ratio.flatten()[0].expand(ratio.shape), rtol=1e-5, atol=0)


@pytest.mark.parametrize("initialisation", INITIALISATIONS)
@pytest.mark.parametrize("kind", ["mlp", "residual", "lstm"])
def test_every_process_finds_the_same_start(kind: str, initialisation: str) -> None:
    """From a problem of another seed, as the landscape worker does, and with another number of threads."""
    run = run_of(kind, initialisation)
    problem = begun(run)
    other = begun(run.model_copy(update={"seed": run.seed + 1}))
    assert torch.equal(_start(other, run), problem.start)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert torch.equal(begun(run).start, problem.start)
    finally:
        torch.set_num_threads(threads)


def test_constant_units_stay_alike() -> None:
    """All units of a hidden layer have one gradient, so that no training tells them apart."""
    run = run_of("mlp", "constant", constant=0.02)
    problem = begun(run)
    gradient = problem.layout.views(problem.gradient(problem.start, problem.train))
    for name in ("0.weight", "2.weight"):
        rows = gradient[name].numpy()
        np.testing.assert_allclose(rows, np.broadcast_to(rows[:1], rows.shape), rtol=1e-4, atol=1e-8)
