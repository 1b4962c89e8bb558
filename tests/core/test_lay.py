"""From the spec of a plane to the plane: every kind of direction on either axis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import hessian

from thalweg.core.curvature.steps import finish
from thalweg.core.landscape.grid import landscape
from thalweg.core.plane.direction import Direction, DirectionError
from thalweg.core.plane.lay import lay
from thalweg.core.plane.random import random_direction
from thalweg.core.problem import Problem
from thalweg.core.scene import AxisSpec, PlaneSpec, Scene
from thalweg.core.store.run_file import write
from thalweg.core.training.recorder import record
from thalweg.core.training.runs_record import recording_of

from .toys import in_lock_step, tiny_scene, toy

RANDOM = AxisSpec(kind="random", seed=7)


def laid(problem: Problem, x: AxisSpec, y: AxisSpec = RANDOM, **given: object):
    """The plane of these axes at the problem's start, over all examples."""
    return finish(lay(problem, problem.start, PlaneSpec(x=x, y=y, examples=17), **given))


def dense_hessian(problem: Problem) -> torch.Tensor:
    """All second derivatives at the start, by torch.func, in float64."""
    module, layout = problem.module.double(), problem.layout
    inputs, labels = problem.first(17)
    batch = (inputs.double(), labels)

    def loss(vector: torch.Tensor) -> torch.Tensor:
        scores = torch.func.functional_call(module, layout.views(vector), (batch[0],))
        return problem.objective.mean(scores, batch[1])

    return hessian(loss)(problem.start.double())


def test_two_hessian_axes_are_eigenvectors_of_one_matrix() -> None:
    """The largest and the most negative end, or the first two of one end: each an eigenvector of the dense Hessian."""
    problem = toy()
    planes = [
        laid(problem, AxisSpec(kind="hessian"), AxisSpec(kind="hessian", end="most negative")),
        laid(problem, AxisSpec(kind="hessian"), AxisSpec(kind="hessian", rank=2)),
    ]
    values, vectors = torch.linalg.eigh(dense_hessian(problem))
    expected = [(-1, 0), (-1, -2)]
    for plane, numbers in zip(planes, expected, strict=True):
        for axis, k in zip((plane.x, plane.y), numbers, strict=True):
            assert abs(axis.vector.double() @ vectors[:, k]) == pytest.approx(1, abs=1e-4)
            assert f"{values[k]:.3g}" in axis.label


def test_hessian_axes_of_different_layers_are_searched_apart() -> None:
    """Each is the top eigenvector of its own block, and rests elsewhere."""
    problem = toy()
    plane = laid(problem, AxisSpec(kind="hessian", layers=(1,)), AxisSpec(kind="hessian", layers=(3,)))
    dense = dense_hessian(problem)
    for axis, layer in ((plane.x, 1), (plane.y, 3)):
        span = problem.layout.layers[layer - 1].span
        _, vectors = torch.linalg.eigh(dense[span, span])
        assert abs(axis.vector[span].double() @ vectors[:, -1]) == pytest.approx(1, abs=1e-4)
        assert not axis.vector[~problem.layout.mask((layer,)).bool()].any()


@pytest.mark.parametrize("kind", ["gradient", "hessian", "random"])
@pytest.mark.parametrize(("biases", "move"), [("usual", None), ("move", True), ("rest", False)])
def test_biases_move_or_rest(kind: str, biases: str, move: bool | None) -> None:
    """As usual they rest along a random direction and move along the others."""
    problem = toy()
    other = AxisSpec(kind="weight", layers=(1,))
    axis = laid(problem, AxisSpec(kind=kind, biases=biases), other).x
    views = problem.layout.views(axis.vector)
    moved = [bool(part.any()) for name, part in views.items() if name.endswith("bias")]
    assert moved == [kind != "random" if move is None else move] * 3
    assert all(part.any() for name, part in views.items() if name.endswith("weight"))


@pytest.mark.parametrize("normalisation", ["filter", "layer", "none"])
def test_what_is_scaled_has_the_networks_norm(normalisation: str) -> None:
    """Every filter, or every matrix; unscaled entries are standard normal."""
    problem = toy(sizes=(40, 30, 20, 10))
    vector = random_direction(problem, problem.start, (), 5, normalisation, True).vector
    for name, part in problem.layout.views(vector).items():
        like = problem.layout.views(problem.start)[name]
        if normalisation == "filter" and part.dim() == 2:
            assert torch.allclose(part.norm(dim=1), like.norm(dim=1), rtol=1e-4)
        elif normalisation == "none":
            assert abs(float(part.std()) - 1) < 0.5
        else:
            assert float(part.norm()) == pytest.approx(float(like.norm()), rel=1e-4)
    if normalisation == "none":
        assert float(vector.std()) == pytest.approx(1, abs=0.05)


def test_an_axis_towards_a_run_file(tmp_path: Path) -> None:
    """At 1 the plane has the parameters of the file's last step, or of the step that is named."""
    recording = record(tiny_scene(), 6)
    file = tmp_path / "other.h5"
    write(file, recording)
    problem = toy(sizes=(784, 8, 10))
    for named, row in ((str(file), -1), (f"{file}#3", 3)):
        plane = laid(problem, AxisSpec(kind="towards", towards=named), RANDOM)
        assert plane.at(1, 0).numpy() == pytest.approx(recording.parameters[row], abs=1e-6)
        assert f"step {recording.steps[row]} of other.h5" in plane.x.label
    for wrong, words in ((str(tmp_path / "none.h5"), "no such file"), (str(file), "parameters")):
        with pytest.raises(DirectionError, match=words):
            laid(toy(), AxisSpec(kind="towards", towards=wrong))


def test_an_axis_towards_a_branch_in_a_run_file(tmp_path: Path) -> None:
    """Of a file in whose front a branch stands: its own steps, and before it those of the line that it left."""
    scene = tiny_scene()
    runs = in_lock_step(scene.run)
    front, file = runs.front, tmp_path / "other.h5"
    for _ in range(9):
        runs.step()
    front.go_to(5)
    front.tune(scene.run.optimiser.model_copy(update={"learning_rate": 0.01}))
    for _ in range(3):
        runs.step()
    write(file, recording_of(scene, runs))
    problem = toy(sizes=(784, 8, 10))
    for named, step in ((str(file), 8), (f"{file}#7", 7), (f"{file}#5", 5), (f"{file}#2", 2), (f"{file}#9", 8)):
        plane = laid(problem, AxisSpec(kind="towards", towards=named), RANDOM)
        moment = front.line.at(step)
        assert moment is not None
        assert plane.at(1, 0).numpy() == pytest.approx(moment.parameters.numpy(), abs=1e-6)
        assert f"step {step} of other.h5" in plane.x.label


def test_what_comes_from_the_run_has_to_be_given() -> None:
    """Such an axis is the direction that was given; without one there is a sentence."""
    problem = toy()
    own = Direction(torch.ones_like(problem.start), "own", "distance")
    axis = AxisSpec(kind="principal")
    assert laid(problem, axis, given=(own, None)).x is own
    assert laid(problem, RANDOM, axis, given=(None, own)).y is own
    with pytest.raises(DirectionError, match="vertical axis is read off the run"):
        laid(problem, RANDOM, axis)


def test_a_search_can_be_left() -> None:
    """There are pauses while the Hessian is being multiplied."""
    problem = toy()
    steps = lay(problem, problem.start, PlaneSpec(x=AxisSpec(kind="hessian"), y=RANDOM, examples=17))
    assert len([next(steps) for _ in range(3)]) == 3
    steps.close()


def test_parallel_axes_are_refused_with_their_cosine() -> None:
    """Of any two kinds."""
    problem = toy()
    one = AxisSpec(kind="hessian")
    with pytest.raises(DirectionError, match=r"parallel \(cosine 1\.0000\)"):
        laid(problem, one, one)
    gradient = -problem.gradient(problem.start, problem.first(17))
    given = Direction(gradient, "own", "distance")
    with pytest.raises(DirectionError, match=r"cosine 1\.0000"):
        laid(problem, AxisSpec(kind="gradient"), AxisSpec(kind="update"), given=(None, given))


def test_a_second_component_takes_the_next_number() -> None:
    """An edit that would make both axes the same eigenvector or component makes the second the next one."""
    scene = Scene().edited({"view.plane.x.kind": "principal"}).edited({"view.plane.y.kind": "principal"})
    assert (scene.view.plane.x.rank, scene.view.plane.y.rank) == (1, 2)
    scene = scene.edited({"view.plane.y.kind": "hessian", "view.plane.y.rank": 1})
    assert scene.edited({"view.plane.x.kind": "hessian"}).view.plane.x.rank == 2


def test_nonsense_as_a_point_is_refused() -> None:
    """With what is accepted."""
    with pytest.raises(ValueError, match=r"towards: 'end' is not accepted; expected start, the number of a step, or"):
        Scene().edited({"view.plane.x.towards": "end"})
    assert np.isfinite(Scene().edited({"view.plane.x.towards": "400"}).view.plane.x.low)


def test_a_filter_normalised_plane_does_not_see_the_scale_of_a_relu_networks_layers() -> None:
    """One layer scaled up and the next down is the same function, and has the same landscape (Li et al. 2018)."""
    axis = AxisSpec(kind="random", seed=3)
    problem = toy(activation="relu")
    layout, scaled = problem.layout, problem.start.clone()
    parts = layout.views(scaled)
    for name, factor in (("0.weight", 4.0), ("0.bias", 4.0), ("2.weight", 0.25)):
        parts[name].mul_(factor)
    other = replace(problem, start=scaled)
    losses = []
    for one in (problem, other):
        plane = laid(one, axis, RANDOM)
        grid = np.linspace(-1, 1, 7)
        *_, found = landscape(one, plane, grid, grid, one.train)
        losses.append(found.loss)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    unscaled = laid(other, axis.model_copy(update={"normalisation": "none"}), RANDOM)
    assert abs(found.loss - list(landscape(other, unscaled, grid, grid, other.train))[-1].loss).max() > 1e-2
