"""One step taken apart: its parts make up the step that training takes, and taking it apart changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from thalweg.core import data as datasets
from thalweg.core.curvature.hvp import HessianOperator
from thalweg.core.messages import Advance, Dissect, Dissected, PlaneLaid, Play, Start
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.scene import PaceSpec, RunSpec
from thalweg.core.scene.training import OPTIMISERS
from thalweg.core.training.one_step import dissected, parts_of
from thalweg.core.training.run import Run
from thalweg.core.training.service import TrainingService
from thalweg.core.training.session import Session

from .test_optimiser_methods import ALL, session_of
from .test_surfaces import run_of, spec


def close(found: Tensor, wanted: Tensor, part: float = 1e-4) -> bool:
    """Whether two vectors are the same to float32's precision, many steps on."""
    return float((found.double() - wanted.double()).norm()) <= part * float(wanted.double().norm()) + 1e-9


@pytest.mark.parametrize(("name", "kind"), ALL)
@pytest.mark.parametrize("steps", [0, 7])
def test_a_step_that_is_tried_is_the_one_that_is_taken(name: str, kind: str, steps: int) -> None:
    """Bit for bit, whatever the method remembers; and everything is as before it, also in the middle of a pass."""
    session, other = (session_of(kind, name=name, learning_rate=1e-3, damping=1.0, momentum=0.5) for _ in range(2))
    for _ in range(steps):
        session.step()
        other.step()
    trial = session.trial()
    assert session.evaluations == other.evaluations
    for k in range(12):
        assert session.step() == other.step()
        assert torch.equal(session.parameters, other.parameters)
        if not k:
            assert torch.equal(session.parameters, trial.end)
    assert (session.epoch_count, session.epoch) == (other.epoch_count, other.epoch)


def parts(kind: str, steps: int = 3, **optimiser: Any) -> tuple[Session, dict[str, Tensor], float]:
    """The parts of a step after some, and its learning rate."""
    session = session_of(kind, learning_rate=0.01, **optimiser)
    for _ in range(steps):
        session.step()
    rate = session.optimiser_spec.rate_at(session.step_count)
    return session, {n: v.double() for n, v in parts_of(session.trial(), session.step_count, rate).items()}, rate


@pytest.mark.parametrize("kind", ["surface", "network"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_direction_times_the_rate_is_the_step(name: str, kind: str) -> None:
    """For every method; of a line search, in the direction that it says."""
    if (name, kind) not in ALL:
        return
    _, found, rate = parts(kind, name=name, damping=1.0)
    along, plain = found["direction"], found["plain"]
    if name in ("steepest", "conjugate", "lbfgs"):
        rate = float(plain @ along / (along @ along))
        assert rate > 0
    assert close(rate * along, plain)
    assert torch.equal(found["step"], plain)


def test_momentum_is_what_is_kept_and_the_gradient() -> None:
    """Polyak 1964 as torch has it; Nesterov's step counts the velocity once more."""
    for name, share in (("sgd", 0.8), ("nesterov", 0.8)):
        _, found, _ = parts("network", name=name, momentum=share)
        assert close(found["kept"] + found["gradient"], found["velocity"])
        ahead = found["gradient"] + share * found["velocity"] if name == "nesterov" else found["velocity"]
        assert close(found["direction"], -ahead, 1e-3)
    _, first, _ = parts("network", steps=0, momentum=0.8)
    assert not first["kept"].any()


@pytest.mark.parametrize("name", ["adam", "adam-uncorrected", "adagrad", "rmsprop"])
def test_methods_that_divide_by_the_root_of_the_squares(name: str) -> None:
    """The mean, or the gradient, over the root: the direction."""
    _, found, _ = parts("network", name=name, steps=5)
    above = found.get("mean", found["gradient"])
    assert close(found["direction"], -above / (found["root"] + 1e-8), 2e-3)


def test_radam_divides_only_once_its_mean_is_long_enough() -> None:
    """Liu et al. 2020: not in the first five steps, in which it is momentum."""
    for steps in range(8):
        _, found, _ = parts("surface", name="radam", steps=steps)
        assert ("root" in found) == (steps >= 5)
        if steps < 5:
            assert close(found["direction"], -found["mean"], 2e-3)


def test_newtons_direction_solves_for_the_gradient() -> None:
    """H d = -g; with the batch of the step."""
    session, found, _ = parts("surface", name="newton")
    operator = HessianOperator(session.problem, session.snapshot(), session.problem.train)
    assert close(operator(found["direction"]), -found["gradient"], 1e-3)


def test_layer_rates_multiply_what_the_method_does() -> None:
    """The plain step is the same as without them."""
    session, found, _ = parts("network", layer_rates=(0.25, 4.0))
    for layer, rate in zip(session.problem.layout.layers, (0.25, 4.0), strict=True):
        assert close(found["step"][layer.span], rate * found["plain"][layer.span], 1e-3)
    assert close(found["plain"], -0.01 * found["gradient"], 1e-3)


# --- on a plane ------------------------------------------------------------------------------------------------------


def on_plane(run: Run, x: Tensor, y: Tensor, number: int = 4) -> None:
    """Draw the run's path on the plane of two directions through its start."""
    origin = torch.zeros_like(x) if len(x) == 2 else run.problem.start
    run.project(number, Plane(origin, Direction(x, "x", "1"), Direction(y, "y", "1")))


def test_the_parts_of_a_step_in_the_ravine_are_known() -> None:
    """C = 100 x² + y²: slopes (200 x, 2 y), a step of -η times them, and a fall that their square promises."""
    run = run_of(spec(optimiser={"learning_rate": 0.009}))
    assert dissected(run, 1) is None, "there is no plane yet"
    on_plane(run, torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    found = dissected(run, 1)
    assert isinstance(found, Dissected)
    assert found.start == pytest.approx((-1, 1))
    assert found.slope == pytest.approx((-200, 2))
    assert found.drawn_slope == pytest.approx(found.slope)
    assert found.end == pytest.approx((0.8, 0.982))
    assert found.parts["step"].along == pytest.approx((1.8, -0.018), rel=1e-5)
    assert found.loss == pytest.approx((101, 64 + 0.982**2), rel=1e-6)
    assert found.drawn_loss == pytest.approx(found.loss, rel=1e-6)
    assert found.promise == pytest.approx(-0.009 * (200**2 + 2**2), rel=1e-5)
    assert (found.line, found.step, found.plane) == (0, 0, 4)


def test_on_a_networks_plane_the_slopes_are_those_of_the_axes() -> None:
    """Differences of the batch's loss along oblique axes of unequal length; steps are seen by least squares."""
    run = Run(1, RunSpec.model_validate({"network": {"hidden": (6,)}}), datasets.load_for(RunSpec()), "cpu")
    generator = torch.Generator().manual_seed(1)
    size = len(run.problem.start)
    x, y = torch.randn(size, generator=generator), torch.randn(size, generator=generator)
    x, y = 0.5 * x, y + 0.5 * x
    on_plane(run, x, y)
    for _ in range(3):
        run.step()
    found, trial = dissected(run, 200), run.session.trial()
    assert found is not None
    run.session._batch = run.session.problem.first(200)
    here, layout, step = run.session.snapshot().double(), run.problem.layout, 1e-4
    double = run.problem.module.double()
    inputs, labels = run.problem.first(200)
    for axis, slope in ((x, found.drawn_slope[0]), (y, found.drawn_slope[1])):
        losses = []
        for side in (-1, 1):
            at = layout.views(here + side * step * axis.double())
            scores = torch.func.functional_call(double, at, (inputs.double(),))
            losses.append(float(run.problem.objective.mean(scores, labels)))
        assert slope == pytest.approx((losses[1] - losses[0]) / (2 * step), rel=1e-3, abs=1e-6)
    basis = torch.stack([x, y]).double()
    wanted = torch.linalg.lstsq(basis.T, (trial.end - trial.start).double()).solution
    assert found.parts["step"].along == pytest.approx(wanted.tolist(), rel=1e-5)
    moved = (found.end[0] - found.start[0], found.end[1] - found.start[1])
    assert moved == pytest.approx(wanted.tolist(), rel=1e-3)


def test_the_service_takes_a_step_apart_only_at_rest() -> None:
    """And a single batch is a step of its own, whatever the player's step is."""
    service = TrainingService()
    run = spec(optimiser={"learning_rate": 0.001})
    list(service.handle(Start(1, (run,))))
    assert not list(service.handle(Dissect(1, 1))), "without a plane"
    axes = torch.eye(2).numpy()
    list(service.handle(PlaneLaid(1, 3, 0, 0 * axes[0], axes[0], axes[1], ("x", "y"), ("value", "value"), 0.0)))
    (found,) = service.handle(Dissect(1, 1))
    assert isinstance(found, Dissected)
    assert not list(service.handle(Dissect(2, 1))), "of another generation"
    list(service.handle(Play(1, True, PaceSpec(step="batches", batches=7))))
    assert not list(service.handle(Dissect(1, 1))), "while it plays"
    list(service.handle(Play(1, False, PaceSpec(step="batches", batches=7))))
    assert service.runs is not None
    before = service.runs.front.step_count
    list(service.handle(Advance(1, 1, batches=True)))
    service.work(5.0)
    assert service.runs.front.step_count == before + 1
    list(service.handle(Advance(1, 1)))
    service.work(5.0)
    assert service.runs.front.step_count == before + 8
