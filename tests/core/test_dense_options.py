"""Dense networks with norms, skips, any activation and up to fifty layers, in all that is done with a network."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core import buffers
from thalweg.core.landscape.evaluators import evaluator_for
from thalweg.core.landscape.slices import slices
from thalweg.core.measures.curves import curves
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.networks.activations import ACTIVATIONS
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Problem, build
from thalweg.core.scene import RunSpec, Scene, SpecError
from thalweg.core.scene.layers import buffer_count, layer_names, parameter_count
from thalweg.core.training.session import Session

from .landscape.test_evaluators import losses
from .toys import Uninterrupted, changes_of, dataset, plain, same_moment, tiny_run, training

CURES: dict[str, dict[str, Any]] = {
    "batch norm": {"hidden": (8, 8, 5), "hidden_norm": "batch"},
    "layer norm": {"hidden": (8, 8, 5), "hidden_norm": "layer", "activation": "gelu"},
    "skips": {"hidden": (8, 8, 5), "hidden_skips": True, "activation": "sine", "initialisation": "orthogonal"},
    "both": {"hidden": (8,) * 4, "hidden_norm": "batch", "hidden_skips": True, "initialisation": "lsuv", "gain": 1.5},
    "fifty layers": {"hidden": (6,) * 50, "activation": "relu", "initialisation": "he"},
    "fifty layers, normalised": {"hidden": (6,) * 50, "activation": "elu", "hidden_norm": "batch"},
}


def run_of(network: dict[str, Any], **optimiser: Any) -> RunSpec:
    """A tiny run of this network."""
    return tiny_run(network=network, optimiser={"batch_size": 10, "learning_rate": 0.1} | optimiser)


def trained(run: RunSpec, steps: int = 5) -> Session:
    """A session after some steps, so that running statistics are not the first."""
    session = Session(run, build(run, dataset(run.data)))
    for _ in range(steps):
        session.step()
    return session


def assert_landscape(problem: Problem, vector: torch.Tensor, layers: tuple[int, ...], seed: int) -> None:
    """The evaluator that is taken, near and far, against a float64 loop; each layer's scale decides what is far."""
    batch = problem.first(30)
    generator = torch.Generator().manual_seed(seed)
    u, v = torch.randn(2, problem.layout.size, generator=generator) * 0.1
    plane = Plane(vector, *(Direction(d * problem.layout.mask(layers), "", "") for d in (u, v)))
    points = np.array([(0.0, 0.0), (1.0, -0.5), (-0.3, 2.0), (0.1, 0.05)])
    found, _ = losses(evaluator_for(problem, plane, batch), points)
    wanted = [plain(problem, vector.double() + a * plane.x.vector.double() + b * plane.y.vector.double(), batch)
              for a, b in points]  # fmt: skip
    for one, (loss, _, largest) in zip(found, wanted, strict=True):
        assert one == pytest.approx(loss, rel=2e-4, abs=2e-5 * (1 + largest))


@pytest.mark.parametrize("name", CURES)
@pytest.mark.parametrize("moving", ["first", "last", "all"])
def test_landscapes_are_those_of_the_plain_loop(name: str, moving: str) -> None:
    """Whatever is between the layers, with running statistics that training has moved."""
    session = trained(run_of(CURES[name]))
    layers = {"first": (1,), "last": (len(session.problem.layout.layers),), "all": ()}[moving]
    before = session.buffers.clone()
    assert_landscape(session.problem, session.snapshot(), layers, 3)
    assert torch.equal(session.buffers, before)


@given(
    activation=st.sampled_from(list(ACTIVATIONS)),
    norm=st.sampled_from(["none", "batch", "layer"]),
    skips=st.booleans(),
    initialisation=st.sampled_from(["fan-in", "torch-uniform", "orthogonal", "lsuv", "identity", "constant"]),
    hidden=st.lists(st.sampled_from([4, 6]), min_size=1, max_size=5).map(tuple),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_any_combination_has_the_landscape_of_the_plain_loop(
    activation: str, norm: str, skips: bool, initialisation: str, hidden: tuple[int, ...], seed: int
) -> None:
    """Activations, norms, skips and beginnings in any combination."""
    network = {"hidden": hidden, "activation": activation, "hidden_norm": norm, "hidden_skips": skips,
               "initialisation": initialisation}  # fmt: skip
    session = trained(run_of(network, clip=1.0), 2)
    assert_landscape(session.problem, session.snapshot(), (), seed)


@pytest.mark.parametrize("name", CURES)
def test_every_step_back_is_the_same_bit_for_bit(name: str) -> None:
    """Parameters, statistics and what the optimiser remembers, there and back, and on a branch."""
    run = run_of(CURES[name], name="adam", learning_rate=0.01, clip=1.0)
    found, forward = training(run), Uninterrupted(run)
    for _ in range(8):
        found.step()
    for step in (3, 8, 0, 5):
        found.go_to(step)
        assert same_moment(found.session.moment(), forward.at(step))
    found.tune(run.optimiser.model_copy(update={"learning_rate": 0.02}))
    for step in range(6, 9):
        found.step()
        assert same_moment(found.session.moment(), forward.at(step, changes_of(found.line)))
    assert len(found.session.buffers) == buffer_count(run.network)


@pytest.mark.parametrize("name", CURES)
def test_what_is_measured_leaves_training_alone(name: str) -> None:
    """Curves, gradient norms of every layer and slices see the running statistics, and do not move them."""
    run = run_of(CURES[name])
    watched, undisturbed = trained(run, 3), trained(run, 3)
    problem, vector = watched.problem, watched.parameters.detach()
    norms = gradient_norms(problem, vector, 20)
    assert sum(name.startswith("gradient_") for name in norms) == len(layer_names(run.network))
    assert all(np.isfinite(v) for v in curves(problem, vector, 50).values())
    assert list(slices(problem, vector, np.linspace(-1, 1, 3), examples=20, layers=(1,)))
    watched.step()
    undisturbed.step()
    assert torch.equal(watched.parameters, undisturbed.parameters)
    assert torch.equal(watched.buffers, undisturbed.buffers)
    assert len(vector) == parameter_count(run.network)


def test_running_statistics_are_torchs() -> None:
    """A module trained as in torch's tutorial has the same after each step."""
    run = run_of(CURES["both"])
    session = trained(run, 0)
    ordinary = copy.deepcopy(session.problem.module).train()
    for p, view in zip(
        ordinary.parameters(), session.problem.layout.views(session.problem.start).values(), strict=True
    ):
        p.data, p.grad = view.clone(), None
    for b in ordinary.buffers():
        b.data = b.data.clone()
    optimiser = torch.optim.SGD(ordinary.parameters(), lr=0.1)
    for _ in range(4):
        session.step()
        inputs, labels = session._batch
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(ordinary(inputs), labels).backward()
        optimiser.step()
        torch.testing.assert_close(session.buffers, buffers.flatten(ordinary), rtol=1e-4, atol=1e-5)
    assert (session.buffers[:8] != 0).any()


# --- what goes together ----------------------------------------------------------------------------------------------


def test_an_epoch_may_end_in_a_batch_of_one() -> None:
    """101 examples in batches of ten: the last is normalised by the running statistics, and training goes on."""
    run = tiny_run(network=CURES["batch norm"], data={"train": 101, "test": 20, "measured": 50})
    session = trained(run, 23)
    assert session.epoch_count == 3
    assert session.parameters.isfinite().all()


def test_batches_of_one_are_refused_with_batch_norm() -> None:
    """Named, with what would do; layer norm has no need of others, nor has a network without hidden layers."""
    changes = {"run.network.hidden_norm": "batch", "run.optimiser.batch_size": 1}
    with pytest.raises(SpecError, match=r"run\.optimiser\.batch_size: 1 is not accepted with batch norm .* at least 2"):
        Scene().edited(changes)
    single = Scene().edited({"run.optimiser.batch_size": 1})
    with pytest.raises(SpecError, match="at least 2"):
        single.edited({"run.network.hidden_norm": "batch"})
    assert single.edited({"run.network.hidden_norm": "layer"}).run.network.hidden_norm == "layer"
    assert Scene().edited(changes | {"run.network.hidden": ()}).run.optimiser.batch_size == 1


def test_batch_norm_of_another_architecture_goes_where_it_does_not_fit() -> None:
    """As with the residual network's: the change that was asked for is made."""
    scene = Scene().edited({"run.network.hidden_norm": "batch"})
    lstm = scene.edited({"run.network.kind": "lstm"})
    for changes in ({"run.optimiser.batch_size": 1}, {"run.optimiser.name": "newton"}):
        back = lstm.edited(changes).edited({"run.network.kind": "mlp"})
        assert back.run.network.hidden_norm == "none"
    assert lstm.edited({"run.network.kind": "mlp"}) == scene
    with pytest.raises(SpecError, match=r"newton is not accepted with batch norm"):
        scene.edited({"run.optimiser.name": "newton"})


def test_a_norm_is_part_of_the_layer_that_it_normalises() -> None:
    """So that axes, rates and curves of layers mean the same with and without, and fifty hidden layers stay fifty."""
    for norm, added in (("none", ()), ("batch", ("weight", "bias")), ("layer", ("weight", "bias"))):
        run = run_of({"hidden": (6,) * 50, "hidden_norm": norm})
        problem = build(run, dataset(run.data))
        assert layer_names(run.network) == tuple(f"layer {n}" for n in range(1, 52))
        names = [name.rpartition(".")[2] for name in problem.layout.layers[2].parameters]
        assert names == ["weight", *(["bias"] if norm != "batch" else []), *added]
        assert len(problem.layout.layers[-1].parameters) == 2
    before = Scene().edited({"run.optimiser.layer_rates": (1.0, 2.0, 3.0, 4.0), "view.plane.x.layers": (3,)})
    after = before.edited({"run.network.hidden_norm": "layer"})
    assert after.view == before.view
    assert after.run.optimiser == before.run.optimiser


def test_every_layer_of_the_deepest_network_can_have_a_rate() -> None:
    """Fifty hidden layers with their normalisations, and the output."""
    deep = Scene().edited({"run.network.hidden": (6,) * 50, "run.network.hidden_norm": "batch"})
    rates = tuple(1.0 + k / 100 for k in range(51))
    edited = deep.edited({"run.optimiser.layer_rates": rates})
    assert edited.run.optimiser.layer_rates == rates
    assert edited.view.plane.y.layers == (51,)
