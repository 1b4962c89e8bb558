"""Landscapes against a plain float64 loop over the grid."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from thalweg.core.curvature.steps import finish
from thalweg.core.landscape import dense_chain
from thalweg.core.landscape.dense_chain import DenseChain
from thalweg.core.landscape.evaluators import Evaluator, evaluator_for
from thalweg.core.landscape.grid import Landscape, axis, landscape, passes
from thalweg.core.landscape.pointwise import Pointwise
from thalweg.core.landscape.replayed import Replayed
from thalweg.core.landscape.sample import sample_of
from thalweg.core.landscape.tiled import Tiled
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.lay import lay
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Problem
from thalweg.core.scene import AxisSpec, PlaneSpec
from thalweg.core.training.objectives import OBJECTIVES

from .toys import made, plain, problem_of, toy


def plane_in(problem: Problem, x: tuple[int, ...], y: tuple[int, ...], seed: int, scale: float = 1.0) -> Plane:
    """A plane whose axes move all parameters of these layers, biases too."""
    generator = torch.Generator().manual_seed(seed)
    u, v = torch.randn(2, problem.layout.size, generator=generator) * scale
    return Plane(
        problem.start,
        Direction(u * problem.layout.mask(x), "x", "1"),
        Direction(v * problem.layout.mask(y), "y", "1"),
    )


def plain_loop(problem: Problem, plane: Plane) -> Pointwise:
    """One forward pass for each point."""
    return Pointwise(sample_of(problem, problem.train), plane)


def is_chain(evaluator: Evaluator) -> bool:
    """Whether several points are computed at once, as for a chain of dense layers."""
    return isinstance(evaluator, Tiled) and isinstance(evaluator.plan, DenseChain)


def evaluated(evaluator: Evaluator, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and accuracy at all points, put where the parts say."""
    loss, accuracy = np.full(len(points), np.nan), np.full(len(points), np.nan)
    seen = np.zeros(len(points), dtype=int)
    for part, losses, right in evaluator.evaluate(points):
        loss[part], accuracy[part] = losses, right
        seen[part] += 1
    assert (seen == 1).all(), "every point once"
    return loss, accuracy


def wanted(problem: Problem, plane: Plane, points: np.ndarray, batch) -> np.ndarray:
    """Loss, accuracy and largest score at each point, from a float64 copy of the module; [points, 3]."""
    origin, x, y = (v.double() for v in (plane.origin, plane.x.vector, plane.y.vector))
    return np.array([plain(problem, origin + a * x + b * y, batch) for a, b in points])


def assert_as_plain(problem: Problem, evaluator, plane: Plane, points: np.ndarray, batch) -> None:
    """Relative error below 1e-5; where the loss is small beside the scores, their rounding is the floor."""
    loss, accuracy = evaluated(evaluator, points)
    expected = wanted(problem, plane, points, batch)
    floor = 3e-6 * (1 + expected[:, 2])
    error = np.abs(loss - expected[:, 0])
    assert (error <= 1e-5 * np.abs(expected[:, 0]) + floor).all(), (error, expected)
    # an example whose two best scores are equal to rounding may fall either way
    assert (np.abs(accuracy - expected[:, 1]) <= near_ties(problem, plane, points, batch) + 1e-12).all()


def near_ties(problem: Problem, plane: Plane, points: np.ndarray, batch) -> np.ndarray:
    """Share of examples at each point whose best two scores float32 cannot tell apart."""
    module, shares = copy.deepcopy(problem.module).double(), []
    for a, b in points:
        vector = plane.origin.double() + a * plane.x.vector.double() + b * plane.y.vector.double()
        nn.utils.vector_to_parameters(vector, module.parameters())
        with torch.no_grad():
            scores = module(batch[0].double())
        best = scores.topk(2, dim=1).values
        close = best[:, 0] - best[:, 1] <= 3e-6 * (1 + scores.abs().amax(1))
        shares.append(close.double().mean().item())
    return np.array(shares)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Problem, Plane, np.ndarray]:
    """A small network, a plane in any two subsets of its layers, points near and far."""
    depth = draw(st.integers(1, 4))
    sizes = (*draw(st.lists(st.integers(1, 6), min_size=depth, max_size=depth)), draw(st.integers(2, 4)))
    problem = toy(
        sizes,
        draw(st.sampled_from(["sigmoid", "tanh", "relu"])),
        draw(st.sampled_from(list(OBJECTIVES))),
        examples=draw(st.integers(1, 20)),
        seed=draw(st.integers(0, 1000)),
        initialisation=draw(st.sampled_from(["fan-in", "normal"])),
    )
    subsets = st.sets(st.integers(1, depth), min_size=1).map(lambda s: tuple(sorted(s)))
    plane = plane_in(problem, draw(subsets), draw(subsets), draw(st.integers(0, 1000)), draw(st.sampled_from([0.1, 1])))
    coordinates = st.one_of(st.floats(-2, 2), st.floats(-40, 40))
    points = draw(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=8))
    return problem, plane, np.array([(0.0, 0.0), *points])


@given(cases(), st.integers(1, 8), st.sampled_from([64, 512, 10**6]))
def test_dense_chain_is_the_plain_loop(case: tuple[Problem, Plane, np.ndarray], block: int, buffer: int) -> None:
    """Any depth, activation, loss and plane, near and far, however examples and points are cut into blocks."""
    problem, plane, points = case
    with mock.patch.object(dense_chain, "EXAMPLES", block), mock.patch.object(dense_chain, "BUFFER_BYTES", buffer):
        evaluator = evaluator_for(problem, plane, problem.train)
        assert is_chain(evaluator)
        assert_as_plain(problem, evaluator, plane, points, problem.train)


@given(cases())
def test_pointwise_is_the_plain_loop(case: tuple[Problem, Plane, np.ndarray]) -> None:
    """The evaluator that serves every module is right too."""
    problem, plane, points = case
    assert_as_plain(problem, plain_loop(problem, plane), plane, points, problem.train)


def test_a_direction_that_moves_only_biases_moves() -> None:
    """A layer whose weights stay and whose biases do not is a moving layer."""
    problem = toy()
    plane = plane_in(problem, (1,), (2,), 3)
    for direction in (plane.x, plane.y):
        for name, part in problem.layout.views(direction.vector).items():
            if name.endswith("weight"):
                part.zero_()
    points = np.array([(0.0, 0.0), (3.0, -1.0), (-2.0, 5.0)])
    assert_as_plain(problem, evaluator_for(problem, plane, problem.train), plane, points, problem.train)


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_the_networks_of_the_app_are_right_on_their_own_planes(loss: str) -> None:
    """A sigmoid network on 784 pixels, on laid planes of every kind of axis, over the default range."""
    problem = toy((784, 30, 30, 30, 10), "sigmoid", loss, examples=60)
    grid = np.linspace(-2, 4, 4)
    points = np.array([(a, b) for a in grid for b in grid])
    for x, y in (
        (AxisSpec(layers=(1,)), AxisSpec(layers=(4,))),
        (AxisSpec(kind="random"), AxisSpec(kind="random", seed=9)),
        (AxisSpec(layers=(1,), kind="weight", source=300), AxisSpec(layers=(4,), kind="weight", target=3)),
    ):
        plane = finish(lay(problem, problem.start, PlaneSpec(x=x, y=y)))
        assert_as_plain(problem, evaluator_for(problem, plane, problem.train), plane, points, problem.train)


def test_equal_scores_are_classified_as_argmax_does() -> None:
    """Where all scores are equal, as with dead units, an answer is right for the first class only, on every path."""
    problem = toy((4, 3, 3), "relu", examples=20)
    plane = plane_in(problem, (1,), (2,), 0)
    plane = Plane(torch.zeros_like(plane.origin), plane.x, plane.y)
    points = np.array([(0.0, 0.0), (1.0, 0.0)])
    share = (problem.train[1] == 0).double().mean().item()
    assert 0 < share < 1
    for evaluator in (plain_loop(problem, plane), evaluator_for(problem, plane, problem.train)):
        assert evaluated(evaluator, points)[1].tolist() == [share, share]


@given(st.integers(0, 100), st.sampled_from(["relu", "sigmoid"]), st.sampled_from(list(OBJECTIVES)))
def test_a_loss_that_is_not_finite_stays_so(seed: int, activation: str, loss: str) -> None:
    """NaN and infinite parameters give what plain float32 gives: not a finite loss, and no error."""
    problem = toy(activation=activation, loss=loss, seed=seed)
    plane = plane_in(problem, (1, 3), (2,), seed)
    last = plane.origin.clone()
    last[-1] = torch.nan
    for origin, points in ((last, [(0.0, 0.0), (1.0, 2.0)]), (plane.origin, [(np.nan, 0.0), (0.0, np.inf)])):
        moved = Plane(origin, plane.x, plane.y)
        for evaluator in (plain_loop(problem, moved), evaluator_for(problem, moved, problem.train)):
            found, accuracy = evaluated(evaluator, np.array(points))
            assert not np.isfinite(found).any()
            assert np.isnan(accuracy).all(), "a network without scores classifies nothing"


@given(st.integers(0, 100), st.integers(1, 8))
def test_accuracy_is_not_a_number_exactly_where_a_score_is_not(seed: int, block: int) -> None:
    """Of one example in one block; the points where all scores are numbers keep theirs, on both paths."""
    problem = toy(activation="relu", seed=seed)
    plane = plane_in(problem, (1, 2, 3), (1, 2, 3), seed)
    points = np.array([(0.0, 0.0), (1e20, 0.0), (0.5, -0.5), (np.nan, 0.0)])
    plain_one = evaluated(plain_loop(problem, plane), points)[1]
    with mock.patch.object(dense_chain, "EXAMPLES", block):
        fast = evaluated(evaluator_for(problem, plane, problem.train), points)[1]
    assert np.array_equal(np.isnan(fast), np.isnan(plain_one))
    assert np.isnan(fast).tolist()[::3] == [False, True]


def test_a_grid_with_losses_that_are_not_finite_is_computed_to_the_end() -> None:
    """Passes with infinite losses among their points are previewed and finished like others."""
    problem = toy(activation="relu", loss="squared-error", initialisation="normal")
    plane = plane_in(problem, (1, 2, 3), (1, 2, 3), 0)
    x = np.linspace(-1e15, 1e15, 17)
    found = [f for f in landscape(problem, plane, x, x, problem.train) if f]
    assert found[-1].complete
    infinite = ~np.isfinite(found[-1].loss)
    assert infinite.any()
    assert np.isfinite(found[-1].loss[8, 8])
    for preview in found:
        assert np.array_equal(infinite[preview.evaluated], ~np.isfinite(preview.loss[preview.evaluated]))


# --- which networks the fast path takes ------------------------------------------------------------------------------


class Doubled(nn.Sequential):
    """A sequence with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Twice what the sequence gives."""
        return 2 * super().forward(x)


def _shared_activation() -> nn.Module:
    act = nn.Tanh()
    return nn.Sequential(nn.Linear(4, 5), act, nn.Linear(5, 5), act, nn.Linear(5, 3))


def _shared_layer() -> nn.Module:
    first, middle = nn.Linear(4, 5), nn.Linear(5, 5)
    return nn.Sequential(first, nn.Tanh(), middle, nn.ReLU(), middle, nn.Sigmoid(), nn.Linear(5, 3))


def _hooked() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    module[1].register_forward_hook(lambda _, __, out: 2 * out)
    return module


KNOWN: dict[str, tuple[type, Callable[[], nn.Module]]] = {
    "dropout": (DenseChain, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 3)).eval()),
    "layer norm": (Replayed, lambda: nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3))),
    "batch norm": (
        DenseChain,
        lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, affine=False), nn.Tanh(), nn.Linear(5, 3)).eval(),
    ),
    "batch norm that moves": (
        Replayed,
        lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).eval(),
    ),
    "own forward": (DenseChain, lambda: Doubled(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))),
    "nested": (DenseChain, lambda: nn.Sequential(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Linear(5, 3))),
    "no bias": (DenseChain, lambda: nn.Sequential(nn.Linear(4, 5, bias=False), nn.Tanh(), nn.Linear(5, 3))),
    "GELU": (DenseChain, lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3))),
    "two activations": (DenseChain, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.ReLU(), nn.Linear(5, 3))),
    "activation first": (DenseChain, lambda: nn.Sequential(nn.Tanh(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))),
    "flatten": (DenseChain, lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 3))),
    "convolution": (
        Replayed,
        lambda: nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(6, 3)),
    ),
    "hook": (DenseChain, _hooked),
    "a layer used twice": (DenseChain, _shared_layer),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_network_is_known_from_what_it_does(name: str) -> None:
    """Whatever a chain is made of, it is computed as one; and every network rightly."""
    kind, make = KNOWN[name]
    problem = problem_of(made(make), 4, 3, examples=9)
    plane = plane_in(problem, (), (), 1, 0.3)
    evaluator = evaluator_for(problem, plane, problem.train)
    assert isinstance(evaluator, Tiled)
    assert type(evaluator.plan) is kind
    assert_as_plain(problem, evaluator, plane, np.array([(0.0, 0.0), (1.0, -2.0), (3.0, 1.0)]), problem.train)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)),
        lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3), nn.Sigmoid()),
        _shared_activation,
    ],
    ids=["two linear layers", "activation last", "one activation for all layers"],
)
def test_unusual_chains_are_right(make: Callable[[], nn.Module]) -> None:
    """Whichever path they take, chains that the app does not make itself have the plain values."""
    problem = problem_of(made(make), 4, 3, examples=9)
    plane = plane_in(problem, (), (), 1, 0.3)
    evaluator = evaluator_for(problem, plane, problem.train)
    assert_as_plain(problem, evaluator, plane, np.array([(0.0, 0.0), (1.0, -2.0), (3.0, 1.0)]), problem.train)


# --- the grid --------------------------------------------------------------------------------------------------------


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(2, 201))
def test_an_axis_is_even_with_an_exact_zero(low: float, width: float, points: int) -> None:
    """From low to high in equal steps; where the start is on the grid, it is exactly there."""
    found = axis(low, low + width, points)
    np.testing.assert_allclose(found, low + width * np.arange(points) / (points - 1), atol=1e-9 * (abs(low) + width))
    assert (np.diff(found) > 0).all()
    assert 0.0 in axis(-width, width, 2 * (points // 2) + 1)


@given(st.integers(1, 60), st.integers(1, 60))
def test_passes_are_nested_and_end_with_all(rows: int, columns: int) -> None:
    """Each pass contains the one before; corners are in the first; the last is the whole grid."""
    before: set[tuple[int, int]] = set()
    for j, i in passes(rows, columns):
        now = {(r, c) for r in j.tolist() for c in i.tolist()}
        assert before < now
        assert {(0, 0), (rows - 1, columns - 1)} <= now
        before = now
    assert len(before) == rows * columns


@pytest.mark.parametrize(("columns", "rows"), [(5, 5), (9, 12), (17, 19), (20, 18)])
def test_a_landscape_is_the_plain_loop_over_its_grid(columns: int, rows: int) -> None:
    """loss[j, i] is the loss at (x[i], y[j]), on a grid that is neither square nor symmetric."""
    problem = toy()
    plane = plane_in(problem, (1,), (3,), 2)
    x, y = axis(-2, 1, columns), axis(-1, 3, rows)
    *_, found = landscape(problem, plane, x, y, problem.first(9))
    assert found.complete
    assert found.loss.shape == found.accuracy.shape == (rows, columns)
    for j in range(rows):
        points = np.array([(a, y[j]) for a in x])
        expected = wanted(problem, plane, points, problem.first(9))
        np.testing.assert_allclose(found.loss[j], expected[:, 0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.accuracy[j], expected[:, 1], atol=1e-12)


def test_previews_are_exact_where_computed_and_near_elsewhere() -> None:
    """Coarse passes: nested, bit-identical at computed points, and between these closer than the loss varies."""
    problem = toy(activation="tanh")
    plane = plane_in(problem, (1,), (3,), 2, 0.3)
    x = y = axis(-1, 1, 25)
    found = [f for f in landscape(problem, plane, x, y, problem.train) if f]
    counts = [int(f.evaluated.sum()) for f in found]
    assert counts == [7 * 7, 13 * 13, 25 * 25]
    final = found[-1]
    spread = final.loss.max() - final.loss.min()
    for preview, finer in pairwise(found):
        assert not preview.complete
        assert (finer.evaluated | ~preview.evaluated).all()
        assert np.array_equal(preview.loss[preview.evaluated], final.loss[preview.evaluated])
        assert np.array_equal(preview.accuracy[preview.evaluated], final.accuracy[preview.evaluated])
        assert np.abs(preview.loss - final.loss).max() < 0.02 * spread
        assert np.isnan(preview.accuracy[~preview.evaluated]).all()


def test_a_finished_preview_is_not_changed_by_a_later_pass() -> None:
    """Each landscape is its own: what was sent to be drawn stays as it was."""
    problem = toy()
    x = y = axis(-1, 1, 17)
    kept: list[tuple[Landscape, Landscape]] = []
    for found in landscape(problem, plane_in(problem, (1,), (3,), 2), x, y, problem.train):
        if found:
            kept.append((found, copy.deepcopy(found)))
    assert len(kept) == 3
    for now, then in kept:
        assert all(np.array_equal(getattr(now, n), getattr(then, n), equal_nan=True) for n in ("loss", "accuracy"))
        assert np.array_equal(now.evaluated, then.evaluated)


# --- nothing of the problem is changed -------------------------------------------------------------------------------


def state_of(problem: Problem) -> list[object]:
    """Everything about a module that a landscape might leave changed."""
    found: list[object] = [torch.is_grad_enabled()]
    for name, p in problem.module.named_parameters():
        found += [name, id(p), p.data_ptr(), p.requires_grad, p.detach().tolist(), p.grad.tolist()]
    for name, b in problem.module.named_buffers():
        found += [name, b.tolist()]
    found += [m.training for m in problem.module.modules()]
    return [*found, torch.random.get_rng_state().tolist(), problem.start.tolist(), problem.train[0].tolist()]


SEEN: dict[str, Callable[[], nn.Module]] = {
    "chain": lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)),
    "layer norm": KNOWN["layer norm"][1],
    "batch norm": KNOWN["batch norm that moves"][1],
    "batch norm in training": lambda: KNOWN["batch norm that moves"][1]().train(),
    "dropout in training": lambda: KNOWN["dropout"][1]().train(),
}


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("leave", [0, 1, 5, 10**6])
def test_a_landscape_leaves_the_problem_as_found(name: str, leave: int) -> None:
    """Left at any yield or finished: parameters, gradients, requires_grad, mode, buffers, random state, grad mode."""
    problem = problem_of(made(SEEN[name]), 4, 3)
    for k, p in enumerate(problem.module.parameters()):
        p.grad = torch.full_like(p, 0.5 + k)
    problem.module[0].bias.requires_grad_(False)
    plane = plane_in(problem, (1,), (), 1)
    x = axis(-1, 1, 9)
    before = state_of(problem)
    looked = landscape(problem, plane, x, x, problem.train)
    for _, _ in zip(range(leave), looked, strict=False):
        assert torch.is_grad_enabled()
    looked.close()
    assert state_of(problem) == before
