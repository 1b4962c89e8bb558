"""Is this a minimum? The verdict against dense Hessians, and the ways to where other runs went."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from thalweg.core import data as datasets
from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.steps import finish
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.measures.stall import POINTS, verdict_steps, way
from thalweg.core.messages import Failed, Judge, Judged, PutBack, Start
from thalweg.core.problem import build
from thalweg.core.scene import RunSpec
from thalweg.core.training.judging import own_way
from thalweg.core.training.service import TrainingService

from .toys import tiny_run, training


def surface(formula: str, x: float, y: float) -> RunSpec:
    """A formula, and where it begins."""
    network = {"kind": "surface", "surface": "formula", "formula": formula, "x_start": x, "y_start": y}
    return RunSpec.model_validate({"network": network, "optimiser": {"learning_rate": 0.1}})


@pytest.mark.parametrize(
    ("formula", "place", "eigenvalues", "down"),
    [
        ("100*x**2 + y**2", (0, 0), (200, 2), False),
        ("x**2 - 0.5*y**2", (0, 0), (2, -1), True),
        ("x**2 - 0.5*y**2", (3, 4), (2, -1), True),
        ("x**4 + y**4", (0, 0), (0, 0), False),
        ("exp(-x**2 - y**2)", (0, 0), (-2, -2), True),
    ],
)
def test_the_verdict_on_surfaces(
    formula: str, place: tuple[float, float], eigenvalues: tuple[float, float], down: bool
) -> None:
    """Both ends of the spectrum; a saddle and a top are no minima, a bowl and a flat point are not told from one."""
    run = surface(formula, *map(float, place))
    problem = build(run, datasets.load_for(run))
    found = finish(verdict_steps(problem, problem.start, problem.train))
    assert (found.largest, found.smallest) == pytest.approx(eigenvalues, abs=1e-5)
    assert found.curves_down == down
    assert found.size == 2


def test_the_verdict_on_a_network_is_that_of_the_dense_hessian() -> None:
    """Loss, gradient and extreme eigenvalues within the error that is told."""
    run = RunSpec.model_validate(tiny_run().model_dump() | {"network": {"hidden": (), "activation": "tanh"}})
    problem = build(run, datasets.load_for(run))
    batch = problem.first(40)
    found = finish(verdict_steps(problem, problem.start, batch))

    def loss(vector: torch.Tensor) -> torch.Tensor:
        return problem.loss(problem.layout.views(vector), batch)

    gradient = torch.func.grad(loss)(problem.start)
    # 784 inputs, most of them dead: the Hessian's range is that of the ten classes and the inputs that vary
    rows = [torch.func.jvp(torch.func.grad(loss), (problem.start,), (v,))[1] for v in _some(problem.start)]
    assert found.loss == pytest.approx(float(loss(problem.start)), rel=1e-5)
    assert found.gradient == pytest.approx(float(gradient.norm()), rel=1e-5)
    for v, image in zip(_some(problem.start), rows, strict=True):
        quotient = float(v @ image / (v @ v))
        assert found.smallest - found.error - 1e-5 <= quotient <= found.largest + found.error + 1e-5
    assert found.gain == pytest.approx(found.gradient**2 / 2 / found.largest)
    assert found.products < 300


def _some(like: torch.Tensor) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(len(like), generator=generator) for _ in range(5)]


def test_where_nothing_is_finite_there_is_no_verdict() -> None:
    """It is told why."""
    run = surface("log(x) + y**2", -1.0, 0.0)
    problem = build(run, datasets.load_for(run))
    with pytest.raises(CurvatureError):
        finish(verdict_steps(problem, problem.start, problem.train))


def test_the_way_is_the_loss_on_the_straight_line() -> None:
    """Its ends are those of the points."""
    run = tiny_run()
    problem = build(run, datasets.load_for(run))
    other = problem.start + torch.randn(problem.start.shape, generator=torch.Generator().manual_seed(0))
    batch = problem.first(30)
    found = way(problem, problem.start, other, batch)
    assert len(found) == POINTS
    middle = (problem.start + other) / 2
    for at, value in ((problem.start, found[0]), (middle, found[POINTS // 2]), (other, found[-1])):
        assert value == pytest.approx(loss_and_accuracy(problem, at, batch)[0], rel=1e-5)


# --- asked of the service --------------------------------------------------------------------------------------------


def service_of(*runs: RunSpec) -> TrainingService:
    """A service with these runs, after five steps."""
    service = TrainingService()
    list(service.handle(Start(1, runs)))
    assert service.runs is not None
    for _ in range(5):
        service.runs.step()
    return service


def judged(service: TrainingService, **given: Any) -> list[Any]:
    """What is said to the question."""
    return list(service.handle(Judge(1, 50), **given))


def test_the_step_that_is_looked_at_is_judged_beside_where_the_other_runs_are() -> None:
    """With the way to each of them; training is as it was."""
    slow, fast = (surface("x**4 + 0.01*y**2 - 0.2*x**2", 0.0, 1.0), surface("x**4 + 0.01*y**2 - 0.2*x**2", 0.0, 1.0))
    fast = fast.model_copy(update={"optimiser": fast.optimiser.model_copy(update={"learning_rate": 20.0})})
    service = service_of(slow, fast)
    assert service.runs is not None
    before = service.runs.front.session.snapshot()
    (found,) = judged(service)
    assert isinstance(found, Judged)
    assert (found.line, found.step) == (0, 5)
    assert found.curves_down, "along x it does"
    assert [w.line for w in found.ways] == [1]
    assert found.ways[0].loss[0] == pytest.approx(found.loss)
    assert found.ways[0].loss[-1] < found.loss
    assert torch.equal(service.runs.front.session.snapshot(), before)


def test_the_way_that_another_line_took_is_told_from_its_measures() -> None:
    """Of a branch that begins here from here on, of a run from the same start from there on, of each its own rows."""
    run = tiny_run(optimiser__learning_rate=0.01)
    service = service_of(run, tiny_run(optimiser__learning_rate=0.5))
    runs = service.runs
    assert runs is not None

    def steps(count: int) -> None:
        for _ in range(count):
            runs.step()
            runs.measure()

    runs.measure()
    steps(10)
    for _ in runs.going_to(8):
        pass
    runs.tune(0, run.optimiser.model_copy(update={"learning_rate": 0.7}), run.stop)
    steps(6)
    branch = runs.front.line
    for _ in runs.going_on(0, 8):
        pass
    (found,) = judged(service)
    ways = {w.line: w for w in found.ways}
    assert found.step == 8
    assert {number: w.since for number, w in ways.items()} == {1: 0, branch.number: 8}
    for w in ways.values():
        line = next(each for _, _, each in runs.lines if each.number == w.line)
        rows = [(s, loss) for s, loss in zip(*(line.series.columns()[n] for n in ("step", "train_loss")), strict=True)]
        losses = [float(loss) for s, loss in rows if s >= w.since]
        assert (w.highest, w.last, w.measured) == (max(losses), losses[-1], rows[-1][0])
        assert w.examples == run.data.measured_count
    for _ in runs.going_on(0, 10):
        pass
    (later,) = judged(service)
    assert {w.line: w.since for w in later.ways} == {1: 0, branch.number: 8}, "it left two steps before"


def test_where_a_layer_was_put_back_the_other_way_does_not_begin_here() -> None:
    """The line that was left was never at this place, however close its step; the straight way leads there still."""
    run = tiny_run()
    service = service_of(run)
    runs = service.runs
    assert runs is not None
    for _ in range(6):
        runs.step()
        runs.measure()
    list(service.handle(PutBack(1, 1)))
    (found,) = judged(service)
    (out,) = found.ways
    assert np.isfinite(out.loss).all()
    assert math.isnan(out.highest)


def test_of_too_few_measures_or_of_a_loss_that_is_not_finite_nothing_is_told() -> None:
    """A single row says nothing of a way."""
    line = training(tiny_run()).line
    assert all(math.isnan(v) for v in own_way(line, 0)[:2])
    line.series.add(3, {**dict.fromkeys(line.series.names, 0.0), "train_loss": 4.0})
    assert own_way(line, 0)[1:] == (4.0, 3)
    line.series.add(4, {**dict.fromkeys(line.series.names, 0.0), "train_loss": math.inf})
    assert all(math.isnan(v) for v in own_way(line, 0)[:2])


def test_runs_from_another_start_are_no_ways_out() -> None:
    """What they reached says nothing of this place."""
    service = service_of(surface("x**2 + y**2", 1.0, 1.0), surface("x**2 + y**2", 2.0, 1.0))
    (found,) = judged(service)
    assert found.ways == ()


def test_the_question_can_be_cancelled_and_fails_with_a_sentence() -> None:
    """Between two products with the Hessian; and where nothing is finite."""
    told = []
    service = service_of(tiny_run())
    service.report = told.append
    (found,) = judged(service, cancelled=lambda: len(told) >= 2)
    assert isinstance(found, Failed)
    assert "cancelled" in found.sentence
    assert len(told) == 2
    assert math.isfinite(told[0].total)
    broken = service_of(surface("log(x) + y**2", -1.0, 0.0))
    (failed,) = judged(broken)
    assert isinstance(failed, Failed)
    assert "not finite" in failed.sentence
    assert np.isfinite(told[1].done)
