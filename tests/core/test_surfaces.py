"""Surfaces C(x, y): minima where the literature has them, right gradients, and descent as the closed form has it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from thalweg.assets import shipped_scene
from thalweg.core import data as datasets
from thalweg.core.landscape.evaluators import evaluator_for
from thalweg.core.networks.surface import value
from thalweg.core.plane.lay import lay
from thalweg.core.problem import Problem, build
from thalweg.core.scene import NetworkSpec, PlaneSpec, RunSpec, Scene, SpecError
from thalweg.core.scene.expression import FormulaError, parse
from thalweg.core.scene.surfaces import SURFACES
from thalweg.core.training.run import Run

AFTER_FOUR = [
    (0.009, -0.4096, 0.929921),
    (0.005, 0.0, 0.960596),
    (0.001, -0.4096, 0.992024),
    (0.0095, -0.6561, 0.926139),
]
"""Learning rate, and where four steps from (-1, 1) lead on 100 x**2 + y**2."""

CROSSED = [
    (0.001, 0.0, 3451),
    (0.004, 0.0, 861),
    (0.005, 0.0, 688),
    (0.009, 0.0, 381),
    (0.0095, 0.0, 361),
    (2 / 202, 0.0, 461),
    (0.0165289, (9 / 11) ** 2, 71),
]
"""Learning rate, momentum, and the steps after which C is below 1e-6."""


def spec(surface: str = "ravine", optimiser: dict[str, Any] | None = None, **network: Any) -> RunSpec:
    """A run on a surface."""
    start = (
        dict(zip(("x_start", "y_start"), map(float, SURFACES[surface].start), strict=True))
        if surface in SURFACES
        else {}
    )
    return RunSpec.model_validate(
        {"network": {"kind": "surface", "surface": surface, **start, **network}, "optimiser": optimiser or {}}
    )


def run_of(made: RunSpec) -> Run:
    """The run, at its start."""
    return Run(1, made, datasets.load_for(made), "cpu")


def c(surface: str, x: float, y: float) -> float:
    """The value of a named surface in float64."""
    made = spec(surface).network
    return float(value(made.tree, torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)))


# --- the surfaces ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SURFACES)
def test_minima_are_where_the_literature_has_them(name: str) -> None:
    """To the digits that are given there; all around them, and on a fine grid, nothing is lower."""
    surface = SURFACES[name]
    for x, y in surface.minima:
        here = c(name, float(x), float(y))
        assert here == pytest.approx(surface.value, abs=1e-5)
        for k in range(16):
            dx, dy = 1e-2 * math.cos(k * math.pi / 8), 1e-2 * math.sin(k * math.pi / 8)
            assert c(name, x + dx, y + dy) > here
    if surface.minima:
        made = spec(name).network
        x, y = np.meshgrid(np.linspace(*surface.x, 401), np.linspace(*surface.y, 401))
        grid = value(made.tree, torch.from_numpy(x), torch.from_numpy(y))
        assert float(grid.min()) >= surface.value - 1e-9


@pytest.mark.parametrize("name", SURFACES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    """In float64, at places all over the part that is looked at."""
    surface, made = SURFACES[name], spec(name).network
    generator = np.random.default_rng(0)
    for _ in range(20):
        at = [float(generator.uniform(*r)) for r in (surface.x, surface.y)]
        x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in at)
        found = torch.autograd.grad(value(made.tree, x, y), (x, y))
        for k in (0, 1):
            step = [1e-6 * (i == k) for i in (0, 1)]
            there, back = (c(name, at[0] + s * step[0], at[1] + s * step[1]) for s in (1, -1))
            assert float(found[k]) == pytest.approx((there - back) / 2e-6, rel=1e-5, abs=1e-4)


def test_every_named_surface_can_be_read_and_begins_on_its_picture() -> None:
    """The start lies within the part that is looked at, where the value is finite."""
    for name, surface in SURFACES.items():
        assert surface.x[0] < surface.start[0] < surface.x[1]
        assert surface.y[0] < surface.start[1] < surface.y[1]
        assert math.isfinite(c(name, *map(float, surface.start)))


# --- descent ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "x", "y"), AFTER_FOUR)
def test_four_steps_in_the_ravine(rate: float, x: float, y: float) -> None:
    """As the closed form has them: x is multiplied by 1 - 200 rate, y by 1 - 2 rate."""
    run = run_of(spec(optimiser={"learning_rate": rate}))
    for k in range(1, 5):
        run.step()
        exact = (-((1 - 200 * rate) ** k), (1 - 2 * rate) ** k)
        assert run.session.parameters.tolist() == pytest.approx(exact, rel=1e-6, abs=1e-6)
    assert run.session.parameters.tolist() == pytest.approx((x, y), abs=5e-7)


@pytest.mark.parametrize(("rate", "momentum", "steps"), CROSSED)
def test_steps_until_the_ravine_is_crossed(rate: float, momentum: float, steps: int) -> None:
    """Until C is below 1e-6: the counts that are known, one more or less."""
    run = run_of(spec(optimiser={"learning_rate": rate, "momentum": momentum}))
    count = 0
    while run.session.parameters.square() @ torch.tensor([100.0, 1.0]) >= 1e-6:
        run.session.step()
        count += 1
    assert abs(count - steps) <= 1


@pytest.mark.parametrize(("rate", "diverges"), [(0.0099, False), (0.0101, True)])
def test_the_limit_of_the_learning_rate(rate: float, diverges: bool) -> None:
    """2/λmax, here 0.01."""
    run = run_of(spec(optimiser={"learning_rate": rate}))
    for _ in range(400):
        run.step()
    assert (abs(float(run.session.parameters[0])) > 1) == diverges


def test_loss_and_partial_derivatives_are_measured_at_every_step() -> None:
    """There is no accuracy."""
    run = run_of(spec(optimiser={"learning_rate": 0.005}))
    for _ in range(5):
        run.step()
    columns = run.line.series.columns()
    assert columns["step"].tolist() == list(range(6))
    assert columns["train_loss"][:2] == pytest.approx([101, 0.99**2])
    assert columns["gradient_1"][0] == pytest.approx(200)
    assert columns["gradient_2"] == pytest.approx([2 * 0.99**k for k in range(6)], rel=1e-6)
    assert np.isnan(columns["train_accuracy"]).all()


def test_noise_is_that_of_the_gradient_alone() -> None:
    """Over all pushes the gradient is the surface's own; those of single examples have the standard deviation."""
    made = spec("noisy-ravine", noise=3.0, optimiser={"batch_size": 1})
    problem: Problem = build(made, datasets.load_for(made))
    whole = problem.gradient(problem.start, problem.train)
    assert whole.tolist() == pytest.approx([-200, 2], abs=1e-3)
    each = torch.stack(
        [problem.gradient(problem.start, (u[None], v[None])) for u, v in zip(*problem.train, strict=True)]
    )
    assert each.std(dim=0, correction=0).tolist() == pytest.approx([3, 3], rel=1e-3)
    one, other = (run_of(made.model_copy(update={"seed": k})) for k in (0, 1))
    for run in (one, other):
        run.step()
    assert one.session.parameters.tolist() != other.session.parameters.tolist()


# --- the picture -----------------------------------------------------------------------------------------------------


def surface_scene(name: str = "ravine") -> Scene:
    """What the window makes of it when a person chooses a surface."""
    return Scene().edited({"run.network.kind": "surface"}).edited({"run.network.surface": name})


@pytest.mark.parametrize("name", SURFACES)
def test_the_map_is_the_surface_in_its_own_coordinates(name: str) -> None:
    """Wherever the plane is laid, and wherever the descent has come to."""
    scene = surface_scene(name)
    problem = build(scene.run, datasets.load_for(scene.run))
    steps = lay(problem, problem.start + 0.25, scene.view.plane)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            plane = end.value
            break
    assert plane.origin.tolist() == [0, 0]
    assert plane.project(problem.start[None])[0, :2] == pytest.approx(problem.start.tolist())
    assert (plane.x.unit, plane.y.label) == ("value", scene.run.network.y_name)
    points = np.array([[0.3, -0.7], [1.1, 0.2], [-0.4, 0.9]])
    parts = list(evaluator_for(problem, plane, problem.train).evaluate(points))
    found = np.concatenate([loss for _, loss, _ in parts])
    assert found == pytest.approx([c(name, *p) for p in points.tolist()], rel=1e-9)


def test_the_drawn_gradient_is_perpendicular_to_the_contour_line() -> None:
    """Within one degree, at many places: along the line through the point the value does not change."""
    generator = np.random.default_rng(1)
    made = spec("himmelblau").network
    for _ in range(50):
        at = torch.from_numpy(generator.uniform(-4, 4, 2)).requires_grad_(True)
        slope = torch.autograd.grad(value(made.tree, at[0], at[1]), at)[0]
        along = torch.stack([-slope[1], slope[0]]) / slope.norm()
        there, back = (float(value(made.tree, *(at + s * 1e-5 * along).detach())) for s in (1, -1))
        across = abs(there - back) / 2e-5
        assert across <= math.sin(math.radians(1)) * float(slope.norm())


# --- the spec --------------------------------------------------------------------------------------------------------


def test_choosing_a_surface_shows_it_and_leaving_it_shows_a_network_again() -> None:
    """Plane, panels, start and learning rate are those that suit it."""
    scene = surface_scene("rosenbrock")
    assert (scene.view.plane.x.low, scene.view.plane.y.high) == (-2, 3)
    assert (scene.run.network.x_start, scene.run.network.y_start) == (-1.2, 1)
    assert scene.run.optimiser.learning_rate == SURFACES["rosenbrock"].rate
    assert scene.view.plane.counted == "zero"
    back = scene.edited({"run.network.kind": "mlp"})
    assert back.view.plane == Scene().view.plane
    assert back.run.optimiser == Scene().run.optimiser


def test_a_formula_that_cannot_be_read_is_told_at_its_place() -> None:
    """Where the field is."""
    with pytest.raises(SpecError, match=r"^run\.network\.formula: at character 2: 'x' is not expected here"):
        Scene().edited({"run.network.formula": "3x"})


def test_a_formula_of_ones_own_is_descended_on() -> None:
    """Like any other."""
    run = run_of(RunSpec.model_validate({
        "network": {"kind": "surface", "surface": "formula", "formula": "(x-1)^2 + 3*(y+2)^2", "x_start": 0.0},
        "optimiser": {"learning_rate": 0.1},
    }))  # fmt: skip
    for _ in range(200):
        run.step()
    assert run.session.parameters.tolist() == pytest.approx([1, -2], abs=1e-5)
    assert parse(run.spec.network.function) == run.spec.network.tree


def test_the_values_of_a_single_weight_can_be_counted_from_zero() -> None:
    """Of a network too: the axis is then the weight's own value."""
    scene = Scene().edited({"run.data.train": 50, "run.network.hidden": (5,)})
    plane_spec = PlaneSpec.model_validate({
        "counted": "zero",
        "x": {"kind": "weight", "layers": (1,), "source": 406, "target": 2},
        "y": {"kind": "weight", "layers": (2,), "source": 1, "target": 3},
    })  # fmt: skip
    problem = build(scene.run, datasets.load(scene.run.data))
    steps = lay(problem, problem.start, plane_spec)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        plane = end.value
    views = problem.layout.views(problem.start)
    first, second = (views[layer.parameters[0]] for layer in problem.layout.layers)
    assert plane.project(problem.start[None])[0] == pytest.approx(
        [float(first[2, 406]), float(second[3, 1]), 0], abs=1e-6
    )
    assert NetworkSpec().kind == "mlp"


def test_all_runs_of_a_scene_are_on_one_surface() -> None:
    """From one start or several; a network beside a surface, or another surface, is refused with its place."""
    scene = surface_scene()
    scene = scene.edited({"variants": [scene.edited({"run.network.x_start": 0.5}).run.model_dump()]})
    assert [run.network.x_start for run in scene.runs()] == [-1.0, 0.5]
    with pytest.raises(SpecError, match=r"^variants\.0\.network: another surface"):
        scene.edited({"variants.0.network.a": 3.0})
    with pytest.raises(SpecError, match=r"^variants\.0\.network\.kind: mlp beside surface"):
        scene.edited({"variants.0.network.kind": "mlp"})
    steeper = scene.edited({"run.network.a": 3.0})
    assert [run.network.function for run in steeper.runs()] == ["3*x**2 + y**2"] * 2
    assert [run.network.x_start for run in steeper.runs()] == [-1.0, 0.5]
    networks = Scene().edited({"variants": [Scene().edited({"run.network.kind": "cnn"}).run.model_dump()]})
    assert [run.network.kind for run in networks.edited({"run.network.kind": "surface"}).runs()] == ["surface"] * 2


@pytest.mark.parametrize("name", ["per-layer-steps", "newton"])
def test_the_remedies_are_there_in_one_step(name: str) -> None:
    """As the scenes say; plain descent beside them is not."""
    plain, remedy = (run_of(made) for made in shipped_scene(name).runs())
    for run in (plain, remedy):
        run.step()
    assert remedy.session.parameters.tolist() == pytest.approx([0, 0], abs=2e-6)
    assert float(plain.session.parameters.norm()) > 0.9


def test_formulas_as_they_are_printed_can_be_typed() -> None:
    """Raised figures, dots and long signs among them; a no-break space is no space."""
    assert parse("100·x² + y³ − 1") == parse("100*x**2 + y**3 - 1")
    with pytest.raises(FormulaError, match="at character 2: "):
        parse("x\xa0+ y")


def test_methods_that_do_not_fit_are_refused() -> None:
    """More rates than layers; what would take a second look through batch norm."""
    with pytest.raises(SpecError, match=r"run\.optimiser\.layer_rates: 5 rates for 4 layers"):
        Scene().edited({"run.optimiser.layer_rates": (1.0,) * 5})
    residual = Scene().edited({"run.network.kind": "residual"})
    for name in ("newton", "sam"):
        with pytest.raises(SpecError, match=f"run.optimiser.name: {name} is not accepted with batch norm"):
            residual.edited({"run.optimiser.name": name})
        assert residual.edited({"run.network.batch_norm": False, "run.optimiser.name": name}).run.optimiser.name == name
