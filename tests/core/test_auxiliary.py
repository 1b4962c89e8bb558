"""Hidden layers with outputs of their own: used, the network is the plain one; trained, their losses are added."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch.func import functional_call

from thalweg.core.data import load_for
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.networks.auxiliary import DeeplySupervised
from thalweg.core.problem import Problem, build
from thalweg.core.scene import RunSpec, Scene
from thalweg.core.scene.layers import layer_shapes
from thalweg.core.training.session import Session

from .toys import tiny_run

WIDTHS = (6, 5, 5)


def run_of(weight: float = 0.3, **network: Any) -> RunSpec:
    """A tiny run of three hidden layers, with auxiliary outputs unless their weight is 0."""
    return tiny_run(network={"hidden": WIDTHS, "auxiliary": weight} | network)


def problem_of(run: RunSpec) -> Problem:
    """Its problem."""
    return build(run, load_for(run))


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("skips", [False, True])
def test_it_begins_as_the_plain_network_and_is_used_as_it(norm: str, skips: bool) -> None:
    """The same numbers at the start, none drawn for the outputs; the same scores at any parameters."""
    plain = problem_of(run_of(0.0, hidden_norm=norm, hidden_skips=skips))
    own = problem_of(run_of(0.3, hidden_norm=norm, hidden_skips=skips))
    size = plain.layout.size
    assert torch.equal(own.start[:size], plain.start)
    assert not own.start[size:].any()
    moved = torch.randn(own.layout.size, generator=torch.Generator().manual_seed(1))
    batch = plain.first(20)
    for problem, vector in ((plain, moved[:size]), (own, moved)):
        problem.module.eval()
        scores = functional_call(problem.module, problem.layout.views(vector), (batch[0],))
        assert isinstance(scores, torch.Tensor)
        torch.testing.assert_close(problem.loss(problem.layout.views(vector), batch), F.cross_entropy(scores, batch[1]))
    same = plain.loss(plain.layout.views(moved[:size]), batch)
    assert torch.equal(own.loss(own.layout.views(moved), batch), same)


def test_what_training_minimises_is_the_sum_written_out() -> None:
    """Against a loop of single layers in double precision, and its gradient; that of the loss alone is another."""
    problem = problem_of(run_of(0.3))
    vector = torch.randn(problem.layout.size, generator=torch.Generator().manual_seed(2))
    inputs, labels = problem.first(30)
    at = vector.double().requires_grad_(True)
    p, x, others = problem.layout.views(at), inputs.double(), []
    for k in range(3):
        x = torch.sigmoid(x @ p[f"network.{2 * k}.weight"].T + p[f"network.{2 * k}.bias"])
        others.append(x @ p[f"auxiliary.weight_{k + 1}"].T + p[f"auxiliary.bias_{k + 1}"])
    scores = x @ p["network.6.weight"].T + p["network.6.bias"]
    wanted = F.cross_entropy(scores, labels) + 0.3 * sum(F.cross_entropy(o, labels) for o in others)
    (gradient,) = torch.autograd.grad(wanted, at)
    found = problem.gradient(vector, (inputs, labels), trained=True)
    torch.testing.assert_close(found.double(), gradient, rtol=1e-4, atol=1e-6)
    alone = problem.gradient(vector, (inputs, labels))
    assert not alone[problem.layout.layers[-1].span].any()
    assert not torch.allclose(alone, found)
    norms = gradient_norms(problem, vector, 30)
    for n, layer in enumerate(problem.layout.layers, start=1):
        assert norms[f"gradient_{n}"] == pytest.approx(gradient[layer.span].norm().item(), rel=1e-4)


def test_a_step_of_the_session_goes_along_that_gradient() -> None:
    """Plain descent moves each parameter by the learning rate times it."""
    run = run_of(0.3)
    session = Session(run, problem_of(run))
    for _ in range(3):
        before = session.snapshot()
        session.step()
        wanted = before - run.optimiser.learning_rate * session.problem.gradient(before, session._batch, trained=True)
        torch.testing.assert_close(session.snapshot(), wanted, rtol=1e-4, atol=1e-6)
    assert session.snapshot()[session.problem.layout.layers[-1].span].any()


@pytest.mark.parametrize("name", ["sgd", "adam", "sam", "lbfgs"])
def test_a_step_tells_the_loss_without_those_of_the_outputs(name: str) -> None:
    """That of the batch before it: what curves and rules for stopping call the loss; a trial has the sum."""
    run = run_of(0.3)
    run = run.model_copy(update={"optimiser": run.optimiser.model_copy(update={"name": name, "learning_rate": 0.05})})
    session = Session(run, problem_of(run))
    for _ in range(3):
        before, tried = session.snapshot(), session.trial()
        told = session.step()
        inputs, labels = session._batch
        alone = session.problem.loss(session.problem.layout.views(before), (inputs, labels)).item()
        assert told == pytest.approx(alone, rel=1e-5)
        assert tried.loss[0] > told


def test_early_layers_get_more_gradient_once_the_outputs_have_learnt() -> None:
    """Ten sigmoid layers: the first one's gradient is many times that of the plain network after as many steps."""
    norms = []
    for weight in (0.0, 1.0):
        run = tiny_run(network={"hidden": (10,) * 10, "auxiliary": weight})
        session = Session(run, problem_of(run))
        for _ in range(10):
            session.step()
        norms.append(gradient_norms(session.problem, session.snapshot(), 50)["gradient_1"])
    assert norms[1] > 100 * norms[0]


def test_its_layer_stands_behind_the_others_and_axes_keep_to_the_network() -> None:
    """Switched on and off, an axis on the last layer stays there, and one on the outputs comes back to it."""
    scene = Scene()
    on = scene.edited({"run.network.auxiliary": 0.5})
    assert [layer.kind for layer in layer_shapes(on.run.network)] == ["linear"] * 4 + ["auxiliary"]
    assert on.view.plane.y.layers == scene.view.plane.y.layers == (4,)
    aside = on.edited({"view.plane.y.layers": (5,), "view.depth.layer": 5})
    off = aside.edited({"run.network.auxiliary": 0.0})
    assert off.view.plane.y.layers == (4,)
    assert off.view.depth.layer == 4
    assert on.edited({"run.network.hidden": (8, 8)}).view.plane.y.layers == (3,)


@pytest.mark.parametrize("name", ["newton", "gauss-newton"])
def test_methods_that_know_the_curvature_of_the_loss_alone_refuse_it(name: str) -> None:
    """With a sentence that says so; without hidden layers there is nothing to refuse."""
    tree = run_of(0.3).model_dump()
    tree["optimiser"]["name"] = name
    with pytest.raises(ValidationError, match="auxiliary loss"):
        RunSpec.model_validate(tree)


def test_without_hidden_layers_it_is_the_plain_network() -> None:
    """There is nothing to have outputs of its own."""
    assert not isinstance(problem_of(run_of(0.3, hidden=())).module, DeeplySupervised)
