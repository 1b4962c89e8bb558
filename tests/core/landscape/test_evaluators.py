"""Every kind of network at points of a plane against a plain float64 loop, and nothing of it changed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.landscape.dense_chain import DenseChain
from thalweg.core.landscape.evaluators import evaluator_for
from thalweg.core.landscape.memoised import Memoised
from thalweg.core.landscape.pointwise import Pointwise
from thalweg.core.landscape.sample import sample_of
from thalweg.core.landscape.tiled import Tiled
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Problem
from thalweg.core.training.objectives import OBJECTIVES

from ..toys import made, plain, problem_of
from .zoo import FEATURES, ZOO

FAR = np.array([(0.0, 0.0), (1.0, -0.5), (-0.3, 2.0), (-0.3, 2.0), (30.0, -20.0), (0.0, 1.0)])


def problem_from(name: str, loss: str = "cross-entropy", examples: int = 19, seed: int = 0) -> Problem:
    """A network of the zoo with inputs of both signs."""
    problem = problem_of(made(ZOO[name]).eval(), FEATURES, 3, loss, examples, seed)
    return replace(problem, train=(2 * problem.train[0] - 1, problem.train[1]))


def plane_in(problem: Problem, x: tuple[int, ...], y: tuple[int, ...], seed: int = 0) -> Plane:
    """A plane whose axes move all parameters of these layers."""
    u, v = torch.randn(2, problem.layout.size, generator=torch.Generator().manual_seed(seed)) * 0.3
    one, other = (Direction(d * problem.layout.mask(c), "", "") for d, c in ((u, x), (v, y)))
    return Plane(problem.start, one, other)


def losses(evaluator: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and accuracy at all points."""
    loss, accuracy, seen = np.full(len(points), np.nan), np.full(len(points), np.nan), np.zeros(len(points))
    for part, found, right in evaluator.evaluate(points):
        loss[part], accuracy[part] = found, right
        seen[part] += 1
    assert (seen == 1).all(), "every point once"
    return loss, accuracy


def assert_right(problem: Problem, plane: Plane, evaluator: Any, points: np.ndarray = FAR) -> None:
    """Within 1e-5 of the float64 loop; where float32 itself is further from it, no more than a few times as far."""
    found, accuracy = losses(evaluator, points)
    origin, x, y = (v.double() for v in (plane.origin, plane.x.vector, plane.y.vector))
    expected = np.array([plain(problem, origin + a * x + b * y, problem.train) for a, b in points])
    single = losses(Pointwise(sample_of(problem, problem.train), plane), points)
    own = np.abs(single[0] - expected[:, 0])
    allowed = np.maximum(1e-5 * np.abs(expected[:, 0]), 1e-7) + 1e-6 * (1 + expected[:, 2]) + 4 * own
    assert (np.abs(found - expected[:, 0]) <= allowed).all(), (found, expected[:, 0], single[0])
    assert (
        np.abs(accuracy - expected[:, 1]).max() <= 2 / len(problem.train[1]) + np.abs(single[1] - expected[:, 1]).max()
    )


@st.composite
def cases(draw: st.DrawFn, names: tuple[str, ...] = tuple(ZOO)) -> tuple[Problem, Plane]:
    """A network of any kind, a plane in any two subsets of its layers."""
    problem = problem_from(
        draw(st.sampled_from(names)),
        draw(st.sampled_from(list(OBJECTIVES))),
        draw(st.integers(1, 40)),
        draw(st.integers(0, 99)),
    )
    subsets = st.sets(st.integers(1, len(problem.layout.layers)), min_size=1).map(lambda s: tuple(sorted(s)))
    return problem, plane_in(problem, draw(subsets), draw(subsets), draw(st.integers(0, 99)))


@given(cases())
@settings(max_examples=150, deadline=None)
def test_every_network_is_the_plain_loop(case: tuple[Problem, Plane]) -> None:
    """Whatever it is made of, whichever layers move, near and far."""
    problem, plane = case
    assert_right(problem, plane, evaluator_for(problem, plane, problem.train))


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("moving", ["first", "last", "all"])
def test_each_network_of_the_zoo(name: str, moving: str) -> None:
    """With its first, its last, or all layers moving."""
    problem = problem_from(name)
    count = len(problem.layout.layers)
    layers = {"first": (1,), "last": (count,), "all": ()}[moving]
    plane = plane_in(problem, layers, layers)
    evaluator = evaluator_for(problem, plane, problem.train)
    assert_right(problem, plane, evaluator)


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("moving", ["first", "last", "all", "first of two axes"])
def test_in_double_precision_nothing_but_the_order_of_sums_differs(name: str, moving: str) -> None:
    """The algebra itself, without float32's rounding: to 1e-10, far out too."""
    problem = problem_from(name)
    module = copy.deepcopy(problem.module).double()
    train = (problem.train[0].double(), problem.train[1])
    problem = replace(problem, module=module, start=problem.start.double(), train=train)
    last = len(problem.layout.layers)
    x, y = {"first": ((1,), (1,)), "last": ((last,), (last,)), "all": ((), ())}.get(moving, ((1,), (last,)))
    plane = plane_in(problem, x, y)
    plane = Plane(plane.origin, *(replace(d, vector=d.vector.double()) for d in (plane.x, plane.y)))
    found = losses(evaluator_for(problem, plane, train), FAR)[0]
    expected = np.array([plain(problem, plane.at(a, b), train) for a, b in FAR])
    assert (np.abs(found - expected[:, 0]) <= 1e-10 * (np.abs(expected[:, 0]) + 1 + expected[:, 2])).all()


@pytest.mark.parametrize("name", [n for n in ZOO if n != "flow on values"])
def test_no_network_with_a_fixed_flow_needs_the_plain_loop(name: str) -> None:
    """All are recorded, with every layer moving; the dense ones are chains, and a readout alone is one everywhere."""
    problem = problem_from(name)
    evaluator = evaluator_for(problem, plane_in(problem, (), ()), problem.train)
    assert isinstance(evaluator, Tiled)
    if name.startswith("dense"):
        assert isinstance(evaluator.plan, DenseChain)


def test_a_flow_that_depends_on_what_moves_is_not_recorded() -> None:
    """But run as it is; where only values that stand still are looked at, it is a program like others."""
    problem = problem_from("flow on values")
    moving = evaluator_for(problem, plane_in(problem, (1,), (1,)), problem.train)
    assert not isinstance(moving, Tiled) or isinstance(moving.plan, Memoised)
    still = evaluator_for(problem, plane_in(problem, (3,), (3,)), problem.train)
    assert isinstance(still, Tiled)
    assert isinstance(still.plan, DenseChain)


@pytest.mark.parametrize("name", ["residual", "LSTM", "attention", "max pooling", "batch norm", "embedding"])
def test_scores_that_are_affine_are_computed_for_many_points_at_once(name: str) -> None:
    """Where the readout alone moves."""
    problem = problem_from(name)
    last = (len(problem.layout.layers),)
    evaluator = evaluator_for(problem, plane_in(problem, last, last), problem.train)
    assert isinstance(evaluator, Tiled)
    assert isinstance(evaluator.plan, DenseChain)
    assert evaluator.plan.chunk > 100


def state_of(problem: Problem) -> list[Any]:
    """All of a problem that could be changed."""
    module = problem.module
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return [
        [(n, id(t), t.requires_grad, t.detach().numpy().tobytes(), t._version) for n, t in tensors],
        [(id(p.grad), p.grad.numpy().tobytes()) for p in module.parameters() if p.grad is not None],
        [(n, m.training, sorted(vars(m)), len(m._forward_hooks)) for n, m in module.named_modules()],
        [t.numpy().tobytes() for t in (*problem.train, problem.start)],
        torch.get_rng_state().numpy().tobytes(),
        torch.is_grad_enabled(),
    ]


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("leave", [1, 10**6])
def test_nothing_is_changed(name: str, leave: int) -> None:
    """Parameters, gradients, buffers, modes, hooks, data and random state, left early or finished."""
    problem = problem_from(name)
    problem.module.train()
    for p in problem.module.parameters():
        p.grad = torch.full_like(p, 0.25)
    before = state_of(problem)
    for statistics in ("stored", "re-estimated"):
        parts = evaluator_for(problem, plane_in(problem, (), ()), problem.train, statistics).evaluate(FAR)  # type: ignore[arg-type]
        for _, _ in zip(range(leave), parts, strict=False):
            assert torch.is_grad_enabled()
        parts.close()  # type: ignore[attr-defined]
        assert state_of(problem) == before


@pytest.mark.parametrize("name", ["max pooling", "dense tanh", "residual", "LSTM"])
def test_the_centre_is_the_network_itself(name: str) -> None:
    """To 1e-6 of the plain loss, in float32 as it is."""
    problem = problem_from(name)
    plane = plane_in(problem, (), ())
    found = losses(evaluator_for(problem, plane, problem.train), np.zeros((1, 2)))[0][0]
    with torch.no_grad():
        scores = copy.deepcopy(problem.module).eval()(problem.train[0])
    assert found == pytest.approx(problem.objective.mean(scores, problem.train[1]).item(), rel=1e-6)
