"""Measures of each layer against explicit loops in float64, and laws that they keep."""

from __future__ import annotations

import copy
import itertools
import statistics

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thalweg.core import data as datasets
from thalweg.core.measures.activations import activations
from thalweg.core.measures.block_curvature import block_curvature
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.layer_sizes import layer_sizes
from thalweg.core.measures.nielsen import SPEEDS, speeds
from thalweg.core.measures.noise import noise
from thalweg.core.problem import Problem, build
from thalweg.core.scene import NetworkSpec
from thalweg.core.training.run import COSTLY

from .toys import NETWORKS, OPTIMISERS, dataset, made, plain_loss, problem_of, same_bits, tiny_run, toy, training

SLOPES = {
    "sigmoid": (lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z)), 0.25),
    "tanh": (lambda z: 1 - torch.tanh(z) ** 2, 1.0),
    "relu": (lambda z: (z > 0).double(), 1.0),
}
"""The derivative of each activation, and its greatest value."""


class Sine(nn.Module):
    """A nonlinearity that no list names."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


# --- weights and steps -----------------------------------------------------------------------------------------------


def test_weight_and_ratio_are_those_of_explicit_sums() -> None:
    """The weights without biases; the change with them, over the size before."""
    problem = toy()
    before, after = problem.start, problem.start + torch.linspace(-0.1, 0.2, len(problem.start))
    found = layer_sizes(problem, after, before)
    at = 0
    for i, (inputs, units) in enumerate(itertools.pairwise((6, 5, 4, 3)), start=1):
        count = inputs * units
        weights = [float(v) for v in after[at : at + count]]
        own = slice(at, at + count + units)
        change = [float(b) - float(a) for a, b in zip(before[own], after[own], strict=True)]
        was = [float(a) for a in before[own]]
        assert found[f"weight_{i}"] == pytest.approx(sum(w * w for w in weights) ** 0.5)
        norm = sum(c * c for c in change) ** 0.5 / sum(a * a for a in was) ** 0.5
        assert found[f"ratio_{i}"] == pytest.approx(norm, rel=1e-5)
        at += count + units


def test_no_step_has_no_ratio_and_one_that_changes_nothing_is_nought() -> None:
    """Before the first step it is not a number; of a layer that was zero and moved it is infinite."""
    problem = toy()
    assert all(np.isnan(v) for n, v in layer_sizes(problem, problem.start, None).items() if n.startswith("ratio"))
    same = layer_sizes(problem, problem.start, problem.start.clone())
    assert [same[f"ratio_{i}"] for i in (1, 2, 3)] == [0.0] * 3
    zero = problem.start.clone()
    zero[problem.layout.layers[1].span] = 0
    assert layer_sizes(problem, problem.start, zero)["ratio_2"] == np.inf


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_ratio_is_of_the_last_step_however_rarely_it_is_measured(name: str) -> None:
    """Measured at every fifth step it is what the fifth step did, not all five; going back changes nothing."""
    run = training(tiny_run(optimiser=OPTIMISERS[name].model_copy(update={"batch_size": 10})))
    for step in range(1, 16):
        before = run.session.snapshot()
        run.step()
        if step % 5 == 0:
            run.go_to(step)
            run.step()
            run.go_to(step)
            run.go_to(step - 1)
            run.step()
            run.measure()
            found = run.measures()
            for i, layer in enumerate(run.problem.layout.layers, start=1):
                was, now = before[layer.span].double(), run.session.snapshot()[layer.span].double()
                assert found[f"ratio_{i}"] == pytest.approx(float((now - was).norm() / was.norm()), rel=1e-6)
            run.go_to(step)
    columns = run.line.series.columns()
    assert np.isnan(columns["ratio_1"][0])


# --- activations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SLOPES)
def test_activations_are_those_of_a_plain_pass(name: str) -> None:
    """Mean, spread, flat and dead units of each hidden layer of a float64 copy; the last layer has none."""
    problem = toy((6, 5, 4, 3), activation=name)
    found = activations(problem, problem.start, 11)
    module = copy.deepcopy(problem.module).double()
    module.requires_grad_(False)
    x = problem.train[0][:11].double()
    slope, greatest = SLOPES[name]
    for i in (1, 2):
        z = module[2 * i - 2](x)
        x = module[2 * i - 1](z)
        values = [float(v) for row in x for v in row]
        assert found[f"mean_{i}"] == pytest.approx(statistics.fmean(values), rel=1e-5, abs=1e-7)
        assert found[f"spread_{i}"] == pytest.approx(statistics.pstdev(values), rel=1e-5)
        assert found[f"saturated_{i}"] == pytest.approx(float((slope(z) < 0.05 * greatest).double().mean()))
        dead = [all(float(row[u]) == 0 for row in x) for u in range(x.shape[1])]
        assert found[f"dead_{i}"] == sum(dead) / len(dead)
    assert not any(n.endswith("_3") for n in found)


def test_a_unit_that_gives_nothing_is_dead_and_large_weights_saturate() -> None:
    """A ReLU with a bias far below 0; a sigmoid whose inputs are a thousand times as large."""
    problem = toy((6, 5, 4, 3), activation="relu")
    vector = problem.start.clone()
    problem.layout.views(vector)["0.bias"][:2] = -1e3
    found = activations(problem, vector, 17)
    assert found["dead_1"] >= 2 / 5
    assert found["saturated_1"] >= found["dead_1"]
    problem = toy((6, 5, 4, 3), activation="sigmoid")
    assert activations(problem, problem.start, 17)["saturated_1"] == 0
    assert activations(problem, 1000 * problem.start, 17)["saturated_1"] > 0.9


def test_nonlinearities_are_found_by_what_they_do() -> None:
    """One that nobody has heard of is; what mixes units, or does nothing, or is linear, is not."""
    parts = (nn.Linear(6, 8), nn.Flatten(), nn.LayerNorm(8, elementwise_affine=False), Sine(), nn.Dropout(0.5))
    module = made(lambda: nn.Sequential(*parts, nn.Linear(8, 5), nn.Softmax(dim=1), nn.Linear(5, 3), nn.Identity()))
    problem = problem_of(module.eval(), 6, 3)
    found = activations(problem, problem.start, 9)
    outputs = module[:4](problem.train[0][:9])
    assert list(found) == ["mean_1", "spread_1", "saturated_1", "dead_1"]
    assert found["mean_1"] == pytest.approx(float(outputs.mean()), abs=1e-6)


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        ({"kind": "cnn", "channels": (3, 4), "activation": "relu"}, {1, 2}),
        (NETWORKS["residual"], {2, 4, 6}),
        (NETWORKS["residual"] | {"batch_norm": False}, {1, 2, 3}),
        ({"kind": "mlp", "hidden": ()}, set()),
    ],
)
def test_every_network_has_its_hidden_layers(network: dict[str, object], layers: set[int]) -> None:
    """The output of a block's last activation belongs to its second convolution, or to the norm after it."""
    run = training(tiny_run(network=network))
    found = activations(run.problem, run.problem.start, 20)
    for quantity in ("mean", "spread", "saturated", "dead"):
        assert {int(n.rpartition("_")[2]) for n in found if n.startswith(quantity)} == layers


def test_channels_of_a_convolution_are_its_units() -> None:
    """One that is 0 at all places of all examples is dead, one that is not at one place is not."""
    run = training(tiny_run(network={"kind": "cnn", "channels": (4,), "activation": "relu"}))
    vector = run.problem.start.clone()
    bias = run.problem.layout.views(vector)[run.problem.layout.names[1]]
    bias[:] = torch.tensor([-1e3, 1.0, 1.0, -1e3])
    assert activations(run.problem, vector, 20)["dead_1"] == 0.5


def test_of_an_lstm_the_states_are_the_outputs() -> None:
    """After every row; they have mean and spread alone."""
    run = training(tiny_run(network=NETWORKS["lstm"]))
    found = activations(run.problem, run.problem.start, 20)
    with torch.no_grad():
        states = run.problem.module.lstm(run.problem.module.rows(run.problem.train[0][:20]))[0].double()
    assert found == pytest.approx({"mean_1": states.mean().item(), "spread_1": states.std(correction=0).item()})


def test_a_surface_has_no_activations() -> None:
    """Nothing passes through its layers."""
    run = tiny_run(network={"kind": "surface"})
    problem = build(run, datasets.load_for(run))
    assert activations(problem, problem.start, 1) == {}


# --- noise and curvature ---------------------------------------------------------------------------------------------


def gradients(problem: Problem, count: int) -> Tensor:
    """The gradient of each of the first examples, one backward pass after the other; float64 [count, size]."""
    module = copy.deepcopy(problem.module).double()
    rows = []
    for k in range(count):
        module.zero_grad()
        plain_loss(
            "cross-entropy", module(problem.train[0][k : k + 1].double()), problem.train[1][k : k + 1]
        ).backward()
        rows.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
    return torch.stack(rows)


@pytest.mark.parametrize("size", [1, 4])
def test_noise_is_the_covariance_over_the_squared_gradient(size: int) -> None:
    """tr(S) from the batches' scatter, |G|² without the share of the noise, by explicit sums."""
    problem = toy(examples=40)
    found = noise(problem, problem.start, 40, batch=size, most=10)
    rows = gradients(problem, 10 * size).view(10, size, -1).mean(1)
    for i, layer in enumerate(problem.layout.layers, start=1):
        own = rows[:, layer.span]
        mean = own.sum(0) / 10
        scatter = size * sum(float(((row - mean) ** 2).sum()) for row in own) / 9
        squared = float((mean**2).sum()) - scatter / (10 * size)
        wanted = scatter / squared if squared > 0 else np.inf
        assert found[f"noise_{i}"] == pytest.approx(wanted, rel=1e-4)


def test_examples_that_are_all_the_same_have_no_noise() -> None:
    """And of too few examples nothing is known."""
    problem = toy(examples=16)
    same = (problem.train[0][:1].expand(16, -1), problem.train[1][:1].expand(16))
    alike = Problem(problem.module, problem.layout, problem.objective, same, problem.test, problem.start)
    assert all(v == pytest.approx(0, abs=1e-9) for v in noise(alike, problem.start, 16, batch=2).values())
    assert all(np.isnan(v) for v in noise(problem, problem.start, 1).values())


def test_curvature_is_the_largest_eigenvalue_of_each_dense_block() -> None:
    """Of a Hessian made entry by entry in float64."""
    problem = toy((4, 3, 3, 2), examples=12)
    module = copy.deepcopy(problem.module).double()

    def loss(vector: Tensor) -> Tensor:
        scores = torch.func.functional_call(module, problem.layout.views(vector), (problem.train[0].double(),))
        return plain_loss("cross-entropy", scores, problem.train[1])

    dense = torch.func.hessian(loss)(problem.start.double())
    found = block_curvature(problem, problem.start, 12, tolerance=1e-4, most=100)
    for i, layer in enumerate(problem.layout.layers, start=1):
        wanted = float(torch.linalg.eigvalsh(dense[layer.span, layer.span])[-1])
        assert found[f"curvature_{i}"] == pytest.approx(wanted, rel=1e-3)


def test_few_products_come_near_the_curvature_from_below() -> None:
    """As it is measured live."""
    run = training(tiny_run(network={"hidden": (8, 8)}))
    rough, exact = (block_curvature(run.problem, run.problem.start, 50, *how) for how in ((), (1e-6, 300)))
    for name, value in exact.items():
        assert 0.9 * value <= rough[name] <= value * (1 + 1e-6)


def test_curvature_of_what_is_not_finite_is_no_number() -> None:
    """Rather than an error."""
    problem = toy()
    assert all(np.isnan(v) for v in block_curvature(problem, torch.full_like(problem.start, torch.nan), 9).values())


# --- the speed of learning -------------------------------------------------------------------------------------------


def test_speed_is_the_norm_of_the_mean_error() -> None:
    """The gradient of a bias is the error at its unit, meaned over the examples."""
    problem = toy(examples=17)
    found = gradient_norms(problem, problem.start, 17)
    rows = gradients(problem, 17).mean(0)
    at = 0
    for i, (inputs, units) in enumerate(itertools.pairwise((6, 5, 4, 3)), start=1):
        at += inputs * units
        assert found[f"speed_{i}"] == pytest.approx(float(rows[at : at + units].norm()), rel=1e-5)
        at += units


def test_a_layer_further_from_the_output_learns_4_88_times_as_slowly() -> None:
    """Median of Nielsen's network over fifty seeds: 1 / (sqrt of the mean squared slope) is 4.882 in closed form."""
    ratios = []
    for seed in range(50):
        run = tiny_run(network={"hidden": (30, 30, 30)}, data={"train": 300, "measured": 300}, seed=seed)
        problem = build(run, dataset(run.data))
        found = gradient_norms(problem, problem.start, 300)
        ratios += [found[f"speed_{i + 1}"] / found[f"speed_{i}"] for i in (1, 2)]
    assert statistics.median(ratios) == pytest.approx(4.882, rel=0.05)


def test_nielsens_numbers_are_for_his_networks_alone() -> None:
    """One for each hidden layer, each larger than that before it."""
    for sizes, values in SPEEDS.items():
        assert len(values) == len(sizes) - 2
        assert all(a < b for a, b in itertools.pairwise(values))
    assert speeds(NetworkSpec()) == SPEEDS[784, 30, 30, 30, 10]
    assert speeds(NetworkSpec(activation="tanh")) == speeds(NetworkSpec(hidden=(30,))) == ()


# --- measuring beside training ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_measuring_changes_nothing_of_training(name: str) -> None:
    """Parameters, running statistics and torch's own random numbers are the same, bit for bit; no hook is left."""
    alone, measured = (training(tiny_run(network=NETWORKS[name])) for _ in range(2))
    random = torch.get_rng_state()
    for step in range(8):
        alone.step()
        measured.step()
        measured.measure()
        work = measured.measuring(tuple(COSTLY))
        for _ in itertools.islice(work, step):  # training goes on in the middle of it
            pass
    for _ in measured.measuring(tuple(COSTLY)):
        pass
    assert same_bits(alone.session.parameters, measured.session.parameters)
    assert same_bits(alone.session.buffers, measured.session.buffers)
    assert torch.equal(random, torch.get_rng_state())
    assert not any(part._forward_hooks for part in measured.problem.module.modules())
    assert measured.problem.module.training == alone.problem.module.training


def test_what_takes_long_is_of_the_step_at_which_it_began() -> None:
    """Training that goes on meanwhile does not enter, and other rows have no number."""
    run, still = (training(tiny_run(network=NETWORKS["residual"])) for _ in range(2))
    for each in (run, still):
        for _ in range(3):
            each.step()
    wanted = noise(still.problem, still.session.snapshot(), 50)
    work = run.measuring(("noise",))
    next(work)
    for _ in range(4):
        run.step()
    run.measure()
    for _ in work:
        pass
    columns = run.line.series.columns()
    assert columns["step"].tolist() == [0, 3, 7]
    for name, value in wanted.items():
        assert columns[name][1] == pytest.approx(value)
        assert np.isnan(columns[name][[0, 2]]).all()
    assert list(run.measuring(("noise",)))
    assert not list(run.measuring(("noise",))), "it is there already"
