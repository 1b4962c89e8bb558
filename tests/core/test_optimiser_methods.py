"""Every optimiser against torch's own, or against its published rule; on a surface and on a network."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn, optim

from thalweg.core import data as datasets
from thalweg.core.curvature.gauss_newton import GaussNewtonOperator
from thalweg.core.curvature.hvp import hessian_operator
from thalweg.core.problem import build
from thalweg.core.scene import OptimiserSpec, RunSpec
from thalweg.core.scene.schedule import SCHEDULES
from thalweg.core.scene.training import OPTIMISERS, WITH_LINE_SEARCH
from thalweg.core.training.line_search import lowest
from thalweg.core.training.newton import solve
from thalweg.core.training.objectives import OBJECTIVES
from thalweg.core.training.quasi_hyperbolic import QHM, QHAdam
from thalweg.core.training.session import Session

from .toys import plain_loss, tiny_run

PROBLEMS: dict[str, dict[str, Any]] = {
    "surface": {"network": {"kind": "surface", "surface": "rosenbrock", "x_start": -1.2, "y_start": 1.0}},
    "network": tiny_run().model_dump(),
}


def session_of(kind: str, **optimiser: Any) -> Session:
    """A session at its start."""
    run = RunSpec.model_validate(PROBLEMS[kind] | {"optimiser": {"batch_size": 10, **optimiser}})
    return Session(run, build(run, datasets.load_for(run)))


Make = Callable[[list[nn.Parameter]], optim.Optimizer]

TORCHS: dict[str, tuple[dict[str, Any], Make]] = {
    "sgd": ({"learning_rate": 1e-3}, lambda p: optim.SGD(p, lr=1e-3)),
    "momentum": ({"learning_rate": 1e-3, "momentum": 0.8}, lambda p: optim.SGD(p, lr=1e-3, momentum=0.8)),
    "nesterov": (
        {"name": "nesterov", "learning_rate": 1e-3, "momentum": 0.8},
        lambda p: optim.SGD(p, lr=1e-3, momentum=0.8, nesterov=True),
    ),
    "adagrad": ({"name": "adagrad", "learning_rate": 0.1}, lambda p: optim.Adagrad(p, lr=0.1)),
    "rmsprop": ({"name": "rmsprop", "learning_rate": 0.01}, lambda p: optim.RMSprop(p, lr=0.01)),
    "adam": ({"name": "adam", "learning_rate": 0.01}, lambda p: optim.Adam(p, lr=0.01)),
    "adamw": (
        {"name": "adamw", "learning_rate": 0.01, "decay": 0.1},
        lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
    ),
    "radam": ({"name": "radam", "learning_rate": 1e-3}, lambda p: optim.RAdam(p, lr=1e-3)),
}


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("name", TORCHS)
def test_a_method_of_torch_is_torchs_step_by_step(name: str, kind: str) -> None:
    """Bit for bit, over a plain loop with the same batches."""
    settings, make = TORCHS[name]
    session, other = session_of(kind, **settings), session_of(kind, learning_rate=1.0)
    optimiser = make([other.parameters])
    for _ in range(25):
        other._batch = other._next_batch()
        other._evaluate()
        optimiser.step()
        session.step()
        assert torch.equal(session.parameters, other.parameters)


def compared(
    kind: str, settings: dict[str, Any], rule: Callable[[int, Tensor, Tensor], Tensor], steps: int = 12
) -> None:
    """The session's parameters beside those of a rule ``(step, parameters, gradient) -> parameters`` in float64."""
    session, plain = session_of(kind, **settings), session_of(kind, **settings)
    for k in range(1, steps + 1):
        plain._batch = plain._next_batch()
        plain._evaluate()
        found = rule(k, plain.parameters.detach().double(), plain.gradient.double())
        session.step()
        assert session.parameters.detach().double().tolist() == pytest.approx(found.tolist(), rel=1e-5, abs=1e-6)
        with torch.no_grad():
            plain.parameters.copy_(session.parameters)


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("corrected", [True, False])
def test_adam_with_and_without_its_correction(kind: str, corrected: bool) -> None:
    """Kingma & Ba 2015, algorithm 1; without: the running means as they are."""
    state = {"m": torch.tensor(0.0), "v": torch.tensor(0.0)}

    def rule(k: int, w: Tensor, g: Tensor) -> Tensor:
        state["m"], state["v"] = 0.9 * state["m"] + 0.1 * g, 0.999 * state["v"] + 0.001 * g**2
        ends = (1 - 0.9**k, 1 - 0.999**k) if corrected else (1, 1)
        return w - 0.01 * (state["m"] / ends[0]) / ((state["v"] / ends[1]).sqrt() + 1e-8)

    compared(kind, {"name": "adam" if corrected else "adam-uncorrected", "learning_rate": 0.01}, rule)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_quasi_hyperbolic_momentum(kind: str) -> None:
    """Ma & Yarats 2019, eq. 4 and 5, with the values that they recommend."""
    state = {"d": torch.tensor(0.0)}

    def rule(k: int, w: Tensor, g: Tensor) -> Tensor:
        state["d"] = 0.999 * state["d"] + 0.001 * g
        return w - 1e-3 * (0.3 * g + 0.7 * state["d"])

    compared(kind, {"name": "qhm", "learning_rate": 1e-3}, rule)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_quasi_hyperbolic_adam(kind: str) -> None:
    """Ma & Yarats 2019, section 4, with nu = (0.7, 1), beta = (0.995, 0.999)."""
    state = {"m": torch.tensor(0.0), "v": torch.tensor(0.0)}

    def rule(k: int, w: Tensor, g: Tensor) -> Tensor:
        state["m"], state["v"] = 0.995 * state["m"] + 0.005 * g, 0.999 * state["v"] + 0.001 * g**2
        mean, square = state["m"] / (1 - 0.995**k), state["v"] / (1 - 0.999**k)
        return w - 0.01 * (0.3 * g + 0.7 * mean) / (square.sqrt() + 1e-8)

    compared(kind, {"name": "qhadam", "learning_rate": 0.01}, rule)


def test_the_ends_of_quasi_hyperbolic_methods() -> None:
    """Nu = 0 is gradient descent; nu = 1 momentum whose share is damped, and Adam; torch's own is the reference."""
    generator = torch.Generator().manual_seed(0)
    slopes = torch.randn(30, 7, generator=generator, dtype=torch.float64)
    pairs: list[tuple[Make, Make]] = [
        (lambda p: QHM(p, 0.1, 0.9, 0.0), lambda p: optim.SGD(p, lr=0.1)),
        (lambda p: QHM(p, 0.1, 0.9, 1.0), lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.0)),
        (lambda p: QHAdam(p, 0.1, (0.9, 0.999), (1.0, 1.0)), lambda p: optim.Adam(p, lr=0.1)),
    ]
    for number, (ours, torchs) in enumerate(pairs):
        one, other = (nn.Parameter(torch.ones(7, dtype=torch.float64)) for _ in range(2))
        a, b = ours([one]), torchs([other])
        for slope in slopes:
            one.grad, other.grad = slope.clone(), slope.clone() * (0.1 if number == 1 else 1.0)  # 1 - beta
            a.step()
            b.step()
        assert one.tolist() == pytest.approx(other.tolist(), rel=1e-9)


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_a_step_width_for_each_tensor(name: str) -> None:
    """You et al. 2017 and 2020: each tensor moves by the learning rate times its own norm."""
    session = session_of("network", name=name, learning_rate=0.01)
    layout = session.problem.layout
    for _ in range(5):
        before = layout.views(session.snapshot())
        session.step()
        after = layout.views(session.snapshot())
        for tensor in layout.names:
            moved, size = float((after[tensor] - before[tensor]).norm()), float(before[tensor].norm())
            assert moved == pytest.approx(0.01 * size, rel=1e-4)


def test_a_tensor_of_zeros_can_leave_zero() -> None:
    """It has no size to go by."""
    session = session_of("network", name="lars", learning_rate=0.01)
    with torch.no_grad():
        session.parameters.zero_()
    session.step()
    assert session.parameters.isfinite().all()
    assert session.parameters.abs().sum() > 0


@pytest.mark.parametrize("kind", PROBLEMS)
def test_sharpness_aware_minimisation(kind: str) -> None:
    """Foret et al. 2021, algorithm 1, for rho = 0.05."""
    session, plain = (session_of(kind, name="sam", learning_rate=1e-3) for _ in range(2))
    for _ in range(6):
        plain._batch = plain._next_batch()
        loss = plain._evaluate()
        here, slope = plain.snapshot(), plain.gradient.clone()
        with torch.no_grad():
            plain.parameters.add_(0.05 * slope / slope.norm())
        plain._evaluate()
        with torch.no_grad():
            plain.parameters.copy_(here - 1e-3 * plain.gradient)
        assert session.step() == loss
        assert session.parameters.tolist() == pytest.approx(plain.parameters.tolist(), rel=1e-5, abs=1e-7)


# --- second order ----------------------------------------------------------------------------------------------------


def test_newton_is_in_the_ravine_s_minimum_after_one_step() -> None:
    """Wherever it begins; plain descent with a rate for each layer that divides by the curvature is so, too."""
    for settings in ({"name": "newton", "learning_rate": 1.0}, {"learning_rate": 1.0, "layer_rates": (0.005, 0.5)}):
        run = RunSpec.model_validate(
            {"network": {"kind": "surface", "x_start": -0.7, "y_start": 1.3}, "optimiser": settings}
        )
        session = Session(run, build(run, datasets.load_for(run)))
        session.step()
        assert session.parameters.tolist() == pytest.approx([0, 0], abs=1e-7)


@pytest.mark.parametrize("damping", [0.5, 5.0])
def test_newton_on_a_network_solves_the_damped_equations(damping: float) -> None:
    """Against the whole Hessian, built column by column."""
    run = RunSpec.model_validate(
        PROBLEMS["network"]
        | {"network": {"hidden": (), "activation": "tanh"}}
        | {"optimiser": {"name": "newton", "learning_rate": 1.0, "damping": damping, "batch_size": 100}}
    )
    session = Session(run, build(run, datasets.load_for(run)))
    before = session.snapshot().double()
    session.step()
    session._batch = session.problem.train
    operator = hessian_operator(session.problem, before.float(), session._batch)
    step = before - session.parameters.detach().double()
    rest = operator(step) + damping * step - operator.gradient
    assert float(rest.norm()) <= 1e-3 * float(operator.gradient.norm())


def test_conjugate_gradients_against_a_dense_solution() -> None:
    """Of a positive matrix; where it is not positive the gradient's own direction is taken."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(8, 8, generator=generator, dtype=torch.float64)
    matrix, wanted = root @ root.T + torch.eye(8), torch.randn(8, generator=generator, dtype=torch.float64)
    assert solve(matrix @ wanted, lambda v: matrix @ v).tolist() == pytest.approx(wanted.tolist(), rel=1e-5)
    assert torch.equal(solve(wanted, lambda v: -v), wanted)


def test_a_second_order_step_where_nothing_is_finite_is_none_that_hangs() -> None:
    """It is not finite either, and so divergence is told as for any method."""
    session = session_of("network", name="newton", learning_rate=1.0)
    with torch.no_grad():
        session.parameters.fill_(torch.inf)
    assert not session.step() < torch.inf


# --- along a line ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PROBLEMS)
def test_lbfgs_is_torchs_step_by_step(kind: str) -> None:
    """Bit for bit; on full batches, for which it is meant."""
    session = session_of(kind, name="lbfgs", learning_rate=1.0, batch_size=100)
    other = session_of(kind, learning_rate=1.0, batch_size=100)
    theirs = optim.LBFGS(
        [other.parameters], lr=1.0, max_iter=1, max_eval=26, history_size=10, line_search_fn="strong_wolfe"
    )
    for _ in range(25):
        other._batch = other._next_batch()
        theirs.step(other._evaluate)
        session.step()
        assert torch.equal(session.parameters, other.parameters)


def ravine(name: str, **settings: Any) -> Session:
    """A session on 100 x**2 + y**2 from (-1, 1)."""
    run = RunSpec.model_validate({"network": {"kind": "surface"}, "optimiser": {"name": name, **settings}})
    return Session(run, build(run, datasets.load_for(run)))


@pytest.mark.parametrize("first", [1e-4, 0.005, 0.7, 100.0])
def test_steepest_descent_on_a_quadratic(first: float) -> None:
    """Its length is g.g/g.Hg at each step, whichever length is tried first (Cauchy 1847)."""
    session = ravine("steepest", learning_rate=first)
    bend = torch.tensor([200.0, 2.0], dtype=torch.float64)
    for _ in range(10):
        at = session.snapshot().double()
        slope = bend * at
        there = at - slope * (slope @ slope) / (slope @ (bend * slope))
        session.step()
        assert session.parameters.tolist() == pytest.approx(there.tolist(), abs=1e-6 * float(at.norm()))


def test_conjugate_gradients_end_a_quadratic_of_two_parameters_in_two_steps() -> None:
    """Where steepest descent has hardly begun (Hestenes & Stiefel 1952)."""
    session, plain = ravine("conjugate", learning_rate=0.005), ravine("steepest", learning_rate=0.005)
    for _ in range(2):
        session.step()
        plain.step()
    assert float(session.snapshot().abs().max()) < 1e-5
    assert float(plain.snapshot().abs().max()) > 5e-3


def test_a_step_along_the_line_ends_where_the_slope_is_zero() -> None:
    """Of a network's loss: the gradient after the step is at right angles to the step."""
    for name in ("steepest", "conjugate"):
        session = session_of("network", name=name, learning_rate=0.1)
        for _ in range(4):
            before = session.snapshot()
            loss = session.step()
            moved = (session.parameters.detach() - before).double()
            assert session._evaluate() < loss
            slope = session.gradient.double()
            assert abs(float(slope @ moved)) < 1e-3 * float(slope.norm() * moved.norm())


FUNCTIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float], tuple[float, float]]] = {
    "a valley": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3), (3.0, 3.0)),
    "a wall": (lambda t: math.inf if t > 1 else -t, lambda t: math.nan if t > 1 else -1.0, (0.9, 1.0)),
    "a hill behind": (lambda t: math.cos(t) + 0.1 * t, lambda t: 0.1 - math.sin(t), (0.0, 7.0)),
    "for ever down": (lambda t: math.exp(-t), lambda t: -math.exp(-t), (100.0, math.inf)),
    "uphill": (lambda t: t, lambda t: 1.0, (0.0, 0.0)),
    "flat": (lambda t: 1.0, lambda t: 0.0, (0.0, 0.0)),
}


@pytest.mark.parametrize("first", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_how_far_down_a_line_goes(name: str, first: float) -> None:
    """To where it stops falling, and nowhere where the loss is above that at the beginning or none at all."""
    value, slope, (least, most) = FUNCTIONS[name]
    found = lowest(lambda t: (value(t), slope(t)), (value(0.0), slope(0.0)), first)
    assert least - 1e-5 <= found <= most + 1e-5
    assert value(found) <= value(0.0)


@pytest.mark.parametrize("name", WITH_LINE_SEARCH)
def test_lengths_that_are_found_have_no_layer_rates(name: str) -> None:
    """They would not be the lengths that were found."""
    with pytest.raises(ValidationError, match=f"optimiser.layer_rates: 0.5, 2 is not accepted with {name}"):
        RunSpec.model_validate({"optimiser": {"name": name, "layer_rates": (0.5, 2.0)}})


# --- Gauss-Newton ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_the_gauss_newton_matrix_is_the_jacobians_square(loss: str) -> None:
    """Against J^T H J summed over the examples, with J and H of torch.func."""
    run = RunSpec.model_validate(tiny_run().model_dump() | {"objective": {"loss": loss}})
    problem = build(run, datasets.load_for(run))
    batch = problem.first(20)
    at, layout = problem.start.double(), problem.layout
    double = replace(problem, module=copy.deepcopy(problem.module).double(), start=at)
    inputs, labels = batch[0].double(), batch[1]

    sigmoids = loss == "sigmoid-squared-error"  # which is convex in the sigmoids alone

    def scores(vector: Tensor) -> Tensor:
        found = torch.func.functional_call(double.module, layout.views(vector), (inputs,))
        return torch.sigmoid(found) if sigmoids else found

    jacobian = torch.func.jacrev(scores)(at)
    bend = torch.func.hessian(lambda s: plain_loss("squared-error" if sigmoids else loss, s, labels))(scores(at))
    whole = torch.einsum("nop,nomq,mqr->pr", jacobian, bend, jacobian)
    operator = GaussNewtonOperator(double, at, (inputs, labels))
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(len(at), generator=generator, dtype=torch.float64)
    assert operator(v).tolist() == pytest.approx((whole @ v).tolist(), rel=1e-9, abs=1e-12)
    assert float(v @ operator(v)) >= 0
    assert operator.gradient.tolist() == pytest.approx(problem.gradient(problem.start, batch).tolist(), abs=1e-6)


def test_the_gauss_newton_matrix_is_the_fisher_information() -> None:
    """Of a softmax: the mean over its own answers of the squared gradient, so that the step is the natural one."""
    run = tiny_run()
    problem = build(run, datasets.load_for(run))
    inputs, _ = problem.first(6)
    at, total = problem.start, torch.zeros(problem.layout.size, dtype=torch.float64)
    v = torch.linspace(-1, 1, problem.layout.size, dtype=torch.float64)
    with torch.no_grad():
        chances = torch.func.functional_call(problem.module, problem.layout.views(at), (inputs,)).softmax(1).double()
    for k, row in enumerate(chances):
        for label, chance in enumerate(row):
            slope = problem.gradient(at, (inputs[k : k + 1], torch.tensor([label]))).double()
            total += chance * (slope @ v) * slope / len(chances)
    found = GaussNewtonOperator(problem, at, problem.first(6))(v)
    assert float((found - total).norm()) <= 1e-5 * float(total.norm())


def test_gauss_newton_goes_down_where_newton_may_not() -> None:
    """Its matrix has no negative curvature: each damped step on the whole training set lowers the loss."""
    session = session_of("network", name="gauss-newton", learning_rate=1.0, damping=0.1, batch_size=100)
    losses = [session.step() for _ in range(8)]
    assert losses == sorted(losses, reverse=True)


def test_a_surface_has_no_outputs_for_gauss_newton() -> None:
    """It is refused, with what can be taken instead."""
    with pytest.raises(ValidationError, match="gauss-newton is not accepted for a surface"):
        RunSpec.model_validate({"network": {"kind": "surface"}, "optimiser": {"name": "gauss-newton"}})


# --- schedules -------------------------------------------------------------------------------------------------------

Schedules = dict[str, tuple[dict[str, Any], Callable[[optim.Optimizer], Any]]]

OF_TORCH: Schedules = {
    "step": (
        {"schedule_steps": 7, "schedule_share": 0.5},
        lambda o: optim.lr_scheduler.StepLR(o, step_size=7, gamma=0.5),
    ),
    "exponential": (
        {"schedule_steps": 10, "schedule_share": 0.25},
        lambda o: optim.lr_scheduler.ExponentialLR(o, gamma=0.25**0.1),
    ),
    "cosine": (
        {"schedule_steps": 40, "schedule_share": 0.1},
        lambda o: optim.lr_scheduler.CosineAnnealingLR(o, T_max=40, eta_min=0.1 * 0.3),
    ),
    "warm-up": (
        {"schedule_steps": 12, "schedule_share": 0.2},
        lambda o: optim.lr_scheduler.LinearLR(o, start_factor=0.2, total_iters=12),
    ),
    "one-cycle": (
        {"schedule_steps": 41},
        lambda o: optim.lr_scheduler.OneCycleLR(o, max_lr=0.3, total_steps=41, cycle_momentum=False),
    ),
}


@pytest.mark.parametrize("name", OF_TORCH)
def test_a_schedule_is_torchs_step_by_step(name: str) -> None:
    """Over forty steps, the whole length of the longest."""
    settings, make = OF_TORCH[name]
    spec = OptimiserSpec.model_validate({"learning_rate": 0.3, "schedule": name, **settings})
    plain = optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = make(plain)
    for step in range(40):
        assert spec.rate_at(step) == pytest.approx(plain.param_groups[0]["lr"], rel=1e-6, abs=1e-12)
        plain.step()
        scheduler.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_kept_to_through_steps_back(name: str) -> None:
    """The rate belongs to the step: on a slope of one each is as long as the schedule says, also the second time."""
    run = RunSpec.model_validate(
        {
            "network": {"kind": "surface", "surface": "formula", "formula": "x + y"},
            "optimiser": {"learning_rate": 0.5, "schedule": name, "schedule_steps": 6, "schedule_share": 0.25},
        }
    )
    session = Session(run, build(run, datasets.load_for(run)))
    start, moments = session.moment(), []
    for _ in range(9):
        before = float(session.snapshot()[0])
        session.step()
        moments.append(session.snapshot())
        wanted = run.optimiser.rate_at(session.step_count - 1)
        assert before - float(session.snapshot()[0]) == pytest.approx(wanted, abs=1e-6)
    session.restore(start)
    for there in moments:
        session.step()
        assert torch.equal(session.parameters, there)
    factors = [run.optimiser.rate_at(k) / 0.5 for k in range(200)]
    assert all(0 <= f <= 1 for f in factors)
    assert max(factors) > 0.99 or name == "one-cycle"  # whose top lies between two of so few steps


# --- for each layer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop", "adam"])
def test_layer_rates_are_those_of_torchs_parameter_groups(name: str) -> None:
    """A group for each layer with its own learning rate, step by step."""
    settings, make = TORCHS[name]
    rates = (0.25, 4.0)
    session, plain = session_of("network", **settings, layer_rates=rates), session_of("network", learning_rate=1.0)
    parts = [nn.Parameter(plain.parameters.detach()[layer.span].clone()) for layer in plain.problem.layout.layers]
    optimiser = make(parts)
    optimiser.param_groups.clear()
    base = settings["learning_rate"]
    for part, rate in zip(parts, rates, strict=True):
        group = make([part]).param_groups[0]
        optimiser.add_param_group(group | {"lr": base * rate})
    for _ in range(8):
        plain._batch = plain._next_batch()
        plain._evaluate()
        for part, layer in zip(parts, plain.problem.layout.layers, strict=True):
            part.grad = plain.gradient[layer.span].clone()
        optimiser.step()
        with torch.no_grad():
            plain.parameters.copy_(torch.cat(parts))
        session.step()
        assert session.parameters.tolist() == pytest.approx(plain.parameters.tolist(), rel=1e-5, abs=1e-6)


ALL = [(name, kind) for name in OPTIMISERS for kind in PROBLEMS if (name, kind) != ("gauss-newton", "surface")]


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_every_method_goes_on_from_a_moment_as_it_did(name: str, kind: str) -> None:
    """Whatever it remembers is part of the moment: bit for bit, also with layer rates."""
    rates = {"layer_rates": () if name in WITH_LINE_SEARCH else (0.5, 2.0)}
    session = session_of(kind, name=name, learning_rate=1e-3, damping=1.0, **rates)
    for _ in range(3):
        session.step()
    moment, losses = session.moment(), [session.step() for _ in range(5)]
    there = session.snapshot()
    other = session_of(kind, name=name, learning_rate=0.5, damping=1.0)
    for each in (session, other):
        each.restore(moment)
        assert [each.step() for _ in range(5)] == losses
        assert torch.equal(each.snapshot(), there)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_method_is_retuned_while_it_runs(name: str) -> None:
    """As if it had had the other learning rate from that step on."""
    one, other = (
        session_of("network" if name == "gauss-newton" else "surface", name=name, learning_rate=rate, damping=1.0)
        for rate in (1e-3, 2e-3)
    )
    one.tune(one.optimiser_spec.model_copy(update={"learning_rate": 2e-3}))
    for _ in range(4):
        assert one.step() == other.step()
    assert isinstance(one.optimiser_spec, OptimiserSpec)
    assert torch.equal(one.parameters, other.parameters)
