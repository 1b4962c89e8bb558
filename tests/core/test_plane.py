"""Directions and planes."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from thalweg.core.curvature.steps import finish
from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words
from thalweg.core.plane.gradient import negative_gradient
from thalweg.core.plane.lay import lay
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.random import random_direction
from thalweg.core.plane.weight import single_weight
from thalweg.core.scene import AxisSpec, PlaneSpec
from thalweg.core.training.objectives import OBJECTIVES

from .toys import made, plain_loss, problem_of, toy

SUBSETS = [(), (1,), (2,), (3,), (1, 3), (1, 2, 3)]


def outside(problem, layers: tuple[int, ...]) -> Tensor:
    """True for every parameter that is not in these layers, counted by hand from the module."""
    parts = []
    for number, part in enumerate((m for m in problem.module if hasattr(m, "weight")), start=1):
        count = part.weight.numel() + part.bias.numel()
        parts.append(torch.full((count,), bool(layers) and number not in layers))
    return torch.cat(parts)


# --- the negative gradient -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("layers", SUBSETS)
def test_the_negative_gradient_is_autograds(layers: tuple[int, ...], loss: str) -> None:
    """Of the mean loss over the first examples, on its layers, of unit length, and zero elsewhere."""
    problem = toy(loss=loss)
    found = negative_gradient(problem, problem.start, layers, 8).vector
    inputs, labels = problem.first(8)
    plain_loss(loss, problem.module(inputs), labels).backward()
    wanted = -torch.cat([p.grad.flatten() for p in problem.module.parameters()])
    wanted[outside(problem, layers)] = 0
    torch.testing.assert_close(found, wanted / wanted.norm(), rtol=1e-4, atol=1e-6)
    assert not found[outside(problem, layers)].any()
    assert found.double().norm().item() == pytest.approx(1, abs=1e-6)


def test_the_negative_gradient_descends() -> None:
    """A short way along it lowers the loss by its length times the gradient's norm."""
    problem = toy()
    batch = problem.first(17)
    step = 1e-2
    direction = negative_gradient(problem, problem.start, (2,), 17).vector
    losses = [problem.loss(problem.layout.views(problem.start + s * direction), batch).item() for s in (0.0, step)]
    slope = problem.gradient(problem.start, batch)[problem.layout.layers[1].span].norm().item()
    assert (losses[0] - losses[1]) / step == pytest.approx(slope, rel=0.05)


def test_a_vanishing_gradient_still_gives_a_unit_vector() -> None:
    """In a deep sigmoid network the first layer's gradient is below 1e-30, and its direction well defined."""
    problem = toy(sizes=(4, *[3] * 45, 3), activation="sigmoid", examples=5)
    problem = dataclasses.replace(problem, start=problem.start * 0.6)
    norm = problem.gradient(problem.start, problem.first(5))[problem.layout.layers[0].span].double().norm().item()
    assert 0 < norm < 1e-30
    found = negative_gradient(problem, problem.start, (1,), 5).vector
    assert found.double().norm().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("factor", "shown"), [(0.0, "0"), (float("nan"), "nan")])
def test_no_gradient_is_refused_with_its_norm(factor: float, shown: str) -> None:
    """Where all units are dead, or training has diverged, there is no direction; the sentence says why."""
    problem = toy(activation="relu", loss="squared-error")
    origin = problem.start * factor
    with pytest.raises(DirectionError, match=f"the gradient of layer 2 has norm {shown} here"):
        negative_gradient(problem, origin, (2,), 8)


# --- the random direction --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", SUBSETS)
def test_every_filter_of_a_random_direction_has_the_networks_norm(layers: tuple[int, ...]) -> None:
    """Row by row of each weight matrix; biases and other layers do not move (Li et al. 2018)."""
    problem = toy()
    found = random_direction(problem, problem.start, layers, 4).vector
    offset = 0
    for number, part in enumerate((m for m in problem.module if hasattr(m, "weight")), start=1):
        rows, columns = part.weight.shape
        weights = found[offset : offset + rows * columns].view(rows, columns)
        bias = found[offset + rows * columns : offset + rows * columns + rows]
        offset += rows * columns + rows
        moves = not layers or number in layers
        torch.testing.assert_close(weights.norm(dim=1), part.weight.detach().norm(dim=1) * moves)
        assert not bias.any()


def test_the_filter_of_a_convolution_is_one_output_channel() -> None:
    """All weights into one channel are scaled together."""
    module = made(lambda: torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.Flatten(), torch.nn.Linear(3, 2)))
    problem = problem_of(module, 8, 2)
    found = problem.layout.views(random_direction(problem, problem.start, (), 4).vector)["0.weight"]
    torch.testing.assert_close(found.flatten(1).norm(dim=1), module[0].weight.detach().flatten(1).norm(dim=1))


def test_a_random_direction_is_scaled_with_the_network() -> None:
    """Filters three times as long give a direction three times as long: the axis is in units of the filters."""
    problem = toy()
    one, three = (random_direction(problem, problem.start * s, (), 4).vector for s in (1, 3))
    torch.testing.assert_close(three, 3 * one)


def test_a_random_direction_is_its_seeds() -> None:
    """The same seed the same vector, bit for bit; another seed another; nothing of the global generator."""
    problem = toy()
    before = torch.random.get_rng_state()
    one, same, other = (random_direction(problem, problem.start, (), s).vector for s in (4, 4, 5))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_layer_moves_the_same_way_alone_and_with_others() -> None:
    """Choosing more layers adds their parts and leaves a layer's own as it was."""
    problem = toy()
    parts = [random_direction(problem, problem.start, (n,), 4).vector for n in (1, 2, 3)]
    assert torch.equal(sum(parts), random_direction(problem, problem.start, (), 4).vector)


def test_all_zero_weights_have_no_random_direction() -> None:
    """A direction of norm zero is refused with the reason."""
    problem = toy()
    with pytest.raises(DirectionError, match="the weights of layers 1, 3 are all zero"):
        random_direction(problem, problem.start * 0, (3, 1), 4)


# --- a single weight -------------------------------------------------------------------------------------------------


def test_a_single_weight_moves_one_entry() -> None:
    """One step along it adds one to the weight from source to target, and to nothing else."""
    problem = toy(sizes=(6, 5, 4, 3))
    for layer, source, target in ((1, 5, 0), (2, 0, 3), (3, 3, 2)):
        found = single_weight(problem, problem.start, layer, source, target).vector
        assert found.sum() == found.max() == 1
        moved = problem.layout.views(problem.start + found)
        key = f"{2 * (layer - 1)}.weight"
        change = moved[key] - problem.layout.views(problem.start)[key]
        assert change[target, source].item() == pytest.approx(1)
        assert int(found.count_nonzero()) == 1


@pytest.mark.parametrize(("layer", "source", "target"), [(1, 6, 0), (1, 0, 5), (3, 4, 0)])
def test_a_weight_that_is_not_there_is_refused(layer: int, source: int, target: int) -> None:
    """The sentence says which inputs and units there are."""
    problem = toy(sizes=(6, 5, 4, 3))
    with pytest.raises(DirectionError, match=f"layer {layer} has no weight from {source} to {target}; it has inputs"):
        single_weight(problem, problem.start, layer, source, target)


def test_a_weight_from_a_pixel_names_its_row_and_column() -> None:
    """In a network on 28 x 28 images, input 30 of the first layer is row 1, column 2."""
    problem = toy(sizes=(784, 3, 2))
    assert single_weight(problem, problem.start, 1, 30, 2).label == "weight from pixel (1, 2) to unit 2 of layer 1"
    assert single_weight(problem, problem.start, 2, 1, 0).label == "weight from unit 1 to unit 0 of layer 2"


# --- planes ----------------------------------------------------------------------------------------------------------


def drawn_plane(seed: int, size: int = 12, oblique: float = 0.5) -> tuple[Plane, torch.Generator]:
    """A plane of two oblique directions of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    origin, u, v = torch.randn(3, size, generator=generator)
    return Plane(origin, Direction(u * 3, "u", "1"), Direction(v * 0.2 + oblique * u, "v", "1")), generator


@given(st.integers(0, 200), st.floats(-20, 20), st.floats(-20, 20))
def test_project_is_the_inverse_of_at(seed: int, alpha: float, beta: float) -> None:
    """A point made from its coordinates has these coordinates, and lies in the plane."""
    plane, _ = drawn_plane(seed, oblique=0.1)
    found = plane.project(plane.at(alpha, beta)[None])[0]
    assert found == pytest.approx([alpha, beta, 0], abs=2e-4)


@given(st.integers(0, 200), st.integers(1, 150))
def test_projections_are_least_squares(seed: int, count: int) -> None:
    """On oblique axes, in several blocks of points: what numpy's lstsq finds, and the distance that it leaves."""
    plane, generator = drawn_plane(seed)
    points = torch.randn(count, 12, generator=generator) * 5
    found = plane.project(points)
    basis = torch.stack([plane.x.vector, plane.y.vector], dim=1).double().numpy()
    moved = (points.double() - plane.origin.double()).numpy().T
    wanted = np.linalg.lstsq(basis, moved, rcond=None)[0]
    off = np.linalg.norm(moved - basis @ wanted, axis=0)
    assert found.shape == (count, 3)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.column_stack([wanted.T, off]), rtol=1e-8, atol=1e-8)


def test_no_points_have_no_projections() -> None:
    """An empty path is projected to an empty array."""
    plane, _ = drawn_plane(0)
    assert plane.project(torch.empty(0, 12)).shape == (0, 3)


@given(st.integers(0, 200))
def test_the_plane_through_a_point_contains_it(seed: int) -> None:
    """The point is off the first plane and in the second; every projection has the same coordinates in both."""
    plane, generator = drawn_plane(seed)
    points = torch.randn(9, 12, generator=generator) * 5
    moved = plane.through(points[0])
    before, after = plane.project(points), moved.project(points)
    assert before[0, 2] > 0.1
    assert after[0, 2] < 1e-4
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=2e-4)
    assert (moved.x, moved.y) == (plane.x, plane.y)


@pytest.mark.parametrize("sign", [1, -1])
def test_parallel_axes_are_refused_with_their_cosine(sign: int) -> None:
    """Almost the same direction, either way round, is no plane; the sentence gives the cosine and a way out."""
    u = torch.randn(50, generator=torch.Generator().manual_seed(0))
    v = sign * 7 * u.clone()
    v[0] += 1
    with pytest.raises(DirectionError, match="parallel") as caught:
        Plane(u * 0, Direction(u, "", ""), Direction(v, "", ""))
    shown = float(re.search(r"cosine (-?\d\.\d+)", str(caught.value))[1])
    cosine = np.corrcoef(u.numpy(), v.numpy())[0, 1]  # the mean is near 0
    assert shown == pytest.approx(cosine, abs=1e-3)
    assert shown * sign > 0.999
    assert "choose other" in str(caught.value)


def test_oblique_axes_are_a_plane() -> None:
    """A cosine below the limit is only told."""
    u = torch.zeros(3)
    u[0] = 1
    v = torch.tensor([0.99, np.sqrt(1 - 0.99**2), 0])
    assert Plane(u * 0, Direction(u, "", ""), Direction(v, "", "")).cosine == pytest.approx(0.99)


@given(st.integers(0, 100), st.floats(0.1, 3), st.floats(-3, 3), st.floats(0, 10))
def test_share_of_movement_is_pythagoras(seed: int, alpha: float, beta: float, away: float) -> None:
    """Squared distance within the plane by squared distance, on oblique axes, wherever the path went meanwhile."""
    plane, generator = drawn_plane(seed)
    basis = torch.stack([plane.x.vector, plane.y.vector], dim=1).double()
    off = torch.randn(12, generator=generator).double()
    off -= basis @ torch.linalg.lstsq(basis, off[:, None]).solution[:, 0]
    inside, off = basis @ torch.tensor([alpha, beta]).double(), away * off / off.norm()
    first = torch.randn(12, generator=generator).double()
    rows = torch.stack([first, first * 7, first + inside + off])
    found = plane.share_of(rows[0], rows[-1])
    assert found == pytest.approx((inside.norm() ** 2 / (inside + off).norm() ** 2).item(), abs=1e-6)


def test_share_of_no_movement_is_all() -> None:
    """Where nothing has moved, nothing has left the plane."""
    plane, _ = drawn_plane(0)
    rows = torch.ones(2, 12)
    assert plane.share_of(rows[0], rows[-1]) == 1


def test_share_of_a_path_that_diverged_is_not_a_number() -> None:
    """A path to NaN or infinity does not claim to lie in the plane."""
    plane, _ = drawn_plane(0)
    for end in (torch.nan, torch.inf):
        rows = torch.stack([torch.ones(12), torch.full((12,), end)])
        assert not plane.share_of(rows[0], rows[-1]) > 0


# --- from the spec to the plane --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [(1, 2), (5, 5)])
def test_a_random_second_axis_is_perpendicular_to_a_random_first(seeds: tuple[int, int]) -> None:
    """It stands upright on it, and no layer moves that was not chosen."""
    problem = toy()
    x = AxisSpec(layers=(1,), kind="random", seed=seeds[0])
    plane = finish(lay(problem, problem.start, PlaneSpec(x=x, y=AxisSpec(kind="random", seed=seeds[1]))))
    u, v = plane.x.vector.double(), plane.y.vector.double()
    assert abs(u @ v / (u.norm() * v.norm())).item() < 1e-6
    assert abs(plane.cosine) < 1e-6


@pytest.mark.parametrize("kind", ["gradient", "weight"])
def test_a_random_axis_beside_another_kind_stays_as_drawn(kind: str) -> None:
    """Filter norms and resting biases are kept; the plane says that its axes are oblique."""
    problem = toy()
    x = AxisSpec(layers=(1,), kind=kind)
    plane = finish(lay(problem, problem.start, PlaneSpec(x=x, y=AxisSpec(kind="random", seed=4))))
    assert torch.equal(plane.y.vector, random_direction(problem, problem.start, (), 4).vector)
    u, v = plane.x.vector.double(), plane.y.vector.double()
    assert plane.cosine == pytest.approx(float(u @ v / (u.norm() * v.norm())))


def test_lay_takes_each_axis_from_its_spec() -> None:
    """Kinds, layers, seeds and weights go to the directions; the origin is a copy."""
    problem = toy()
    spec = PlaneSpec(x=AxisSpec(layers=(2,), kind="weight", source=1, target=3), y=AxisSpec(layers=(1, 3)), examples=5)
    origin = problem.start.clone()
    plane = finish(lay(problem, origin, spec))
    assert torch.equal(plane.x.vector, single_weight(problem, origin, 2, 1, 3).vector)
    assert torch.equal(plane.y.vector, negative_gradient(problem, origin, (1, 3), 5).vector)
    assert not torch.equal(plane.y.vector, negative_gradient(problem, origin, (1, 3), 6).vector)
    spec = PlaneSpec(x=AxisSpec(layers=(2,), kind="random", seed=8), y=AxisSpec())
    assert torch.equal(finish(lay(problem, origin, spec)).x.vector, random_direction(problem, origin, (2,), 8).vector)
    origin += 1
    assert torch.equal(plane.origin, problem.start)


@pytest.mark.parametrize("kind", ["gradient", "random", "weight"])
def test_the_same_axis_twice_is_refused(kind: str) -> None:
    """Two axes of one layer, kind and seed are parallel, and the sentence has the cosine."""
    problem = toy()
    axis = AxisSpec(layers=(2,), kind=kind)
    with pytest.raises(DirectionError, match=r"parallel \(cosine 1\.0000\)"):
        finish(lay(problem, problem.start, PlaneSpec(x=axis, y=axis)))


def test_labels_say_what_the_axes_are() -> None:
    """Kind, layers, normalisation and seed stand in the label; layers in rising order."""
    problem = toy()
    assert negative_gradient(problem, problem.start, (3, 1), 5).label == "negative gradient of layers 1, 3"
    label = random_direction(problem, problem.start, (), 9).label
    assert all(part in label for part in ("random", "all layers", "filter-normalised", "seed 9"))
    assert layers_in_words((1, 2, 3), 3) == layers_in_words((), 3) == "all layers"
    assert layers_in_words((2,), 3) == "layer 2"
