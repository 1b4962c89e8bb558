"""Hessian eigenvectors, principal components, other points and the last update as axes."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import Tensor, nn

from thalweg.core.curvature.steps import finish
from thalweg.core.parameters import Layout, layout_of
from thalweg.core.plane.direction import Direction, DirectionError
from thalweg.core.plane.hessian import hessian_direction, hessian_steps
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.principal import principal_direction, principal_steps, random_walk_null
from thalweg.core.plane.towards import towards
from thalweg.core.plane.update import last_update
from thalweg.core.problem import Problem

from .toys import made, problem_of, toy

SUBSETS = [(), (1,), (2,), (3,), (1, 3)]


def number_after(words: str, label: str) -> float:
    """The number that follows these words in a label."""
    return float(re.search(rf"{words} (-?[\d.e+-]+)", label)[1])


# --- Hessian eigenvectors --------------------------------------------------------------------------------------------


def curvature_along(problem: Problem, direction: Tensor, examples: int) -> Tensor:
    """H v in float32 parameters, from central differences of the gradient in float64."""
    module = made(
        lambda: nn.Sequential(
            *[type(m)(m.in_features, m.out_features) if isinstance(m, nn.Linear) else m for m in problem.module]
        )
    )
    module.double()
    inputs, labels = problem.first(examples)
    step = 1e-5

    def gradient(at: Tensor) -> Tensor:
        torch.nn.utils.vector_to_parameters(at, module.parameters())
        loss = problem.objective.mean(module(inputs.double()), labels)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(module.parameters()))])

    start, v = problem.start.double(), direction.double()
    return (gradient(start + step * v) - gradient(start - step * v)) / (2 * step)


@pytest.mark.parametrize("which", ["largest", "most negative"])
@pytest.mark.parametrize("layers", [(), (1,), (2,), (1, 2)])
def test_a_hessian_direction_is_an_eigenvector(layers: tuple[int, ...], which: str) -> None:
    """Unit length, only its layers, H v = value v there, and the value in the label; by differences of gradients."""
    problem = toy()
    mask = problem.layout.mask(layers).double()
    for rank in (1, 2):
        found = hessian_direction(problem, problem.start, layers, which, rank, 12)
        v = found.vector.double()
        assert v.norm().item() == pytest.approx(1, abs=1e-6)
        assert not v[mask == 0].any()
        hv = curvature_along(problem, v, 12) * mask
        value = number_after(f"{which} eigenvalue", found.label)
        assert (v @ hv).item() == pytest.approx(value, rel=6e-3)
        assert (hv - (v @ hv) * v).norm().item() < 3e-3 * abs(value)
        assert (value > 0) == (which == "largest")
        assert found.unit == "distance"
        assert found.vector.dtype == problem.start.dtype


def test_ranks_descend_and_stand_upright() -> None:
    """Values go towards zero with rising rank, from both ends; vectors are perpendicular, found apart or at once."""
    problem = toy()
    ends = finish(hessian_steps(problem, problem.start, (), 17, largest=3, smallest=3))
    for which in ("largest", "most negative"):
        apart = [hessian_direction(problem, problem.start, (), which, rank, 17) for rank in (1, 2, 3)]
        values = [abs(number_after("eigenvalue", d.label)) for d in apart]
        assert values == sorted(values, reverse=True)
        rows = torch.stack([d.vector for d in apart]).double()
        torch.testing.assert_close(rows @ rows.T, torch.eye(3).double(), rtol=0, atol=1e-2)
        for rank, direction in enumerate(apart, start=1):
            joint = ends.direction(which, rank, problem.start)
            assert joint.vector @ direction.vector == pytest.approx(1, abs=1e-3)


@given(st.integers(0, 10**6), st.sampled_from(SUBSETS))
def test_the_same_problem_gives_the_same_picture(seed: int, layers: tuple[int, ...]) -> None:
    """The entry of the largest size is positive, whichever vector the search starts from; one seed, the same bits."""
    problem = toy()
    first, other = (hessian_direction(problem, problem.start, layers, "largest", 1, 17, seed=s) for s in (0, seed))
    assert first.vector @ other.vector == pytest.approx(1, abs=1e-4)
    assert first.vector[first.vector.abs().argmax()] > 0
    again = hessian_direction(problem, problem.start, layers, "largest", 1, 17)
    assert torch.equal(first.vector, again.vector)
    assert first.label == again.label


def test_labels_of_hessian_directions() -> None:
    """Layers, rank, end and eigenvalue; and how far off it may be, where the products ran out."""
    problem = toy()
    label = hessian_direction(problem, problem.start, (2, 1), "largest", 1, 17).label
    assert re.fullmatch(r"Hessian eigenvector of layers 1, 2, largest eigenvalue [\d.]+", label)
    label = hessian_direction(problem, problem.start, (), "most negative", 3, 17).label
    assert re.fullmatch(
        r"Hessian eigenvector of all layers, 3rd most negative eigenvalue -[\d.e-]+( ± [\d.e-]+)?", label
    )
    assert "2nd largest" in hessian_direction(problem, problem.start, (1,), "largest", 2, 17).label


def test_a_layer_that_curves_upwards_everywhere_has_no_negative_direction() -> None:
    """The loss is convex in the last layer: no eigenvalue is negative, and noise is not taken for one."""
    problem = toy()
    with pytest.raises(DirectionError, match=r"most negative Hessian eigenvalue of layer 3 is .* ± .* negative"):
        hessian_direction(problem, problem.start, (3,), "most negative", 1, 17)


def test_flat_and_broken_places_have_no_eigenvector() -> None:
    """Dead units, ranks that are not there, parameters that are not finite: one sentence each."""
    dead = toy(activation="relu")
    with pytest.raises(DirectionError, match="largest Hessian eigenvalue of layer 1 is 0 ± 0"):
        hessian_direction(dead, dead.start * 0, (1,), "largest", 1, 17)
    problem = toy()
    for rank in (0, 16):
        with pytest.raises(DirectionError, match="expected a number from 1 to 15"):
            hessian_direction(problem, problem.start, (3,), "largest", rank, 17)
    with pytest.raises(DirectionError, match=r"no Hessian eigenvector of layer 2: .* not finite"):
        hessian_direction(problem, problem.start * torch.nan, (2,), "largest", 1, 17)
    found = finish(hessian_steps(problem, problem.start, (), 17, largest=1))
    with pytest.raises(DirectionError, match="rank 2 is not among the 1 eigenvectors of all layers"):
        found.direction("largest", 2, problem.start)


# --- principal components --------------------------------------------------------------------------------------------


def three_layers() -> Layout:
    """A layout of layers of 12, 15 and 8 parameters."""
    return layout_of(made(lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 5, bias=False), nn.Linear(1, 4))))


def drawn_path(snapshots: int, seed: int, size: int = 35) -> Tensor:
    """A random walk with drift."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(snapshots, size, generator=generator) + 0.3 * torch.randn(size, generator=generator)).cumsum(0)


@given(st.integers(4, 60), st.integers(0, 10**6), st.sampled_from(SUBSETS), st.integers(1, 3))
def test_components_are_scikit_learns(snapshots: int, seed: int, layers: tuple[int, ...], count: int) -> None:
    """The same subspace, vector by vector, and the same explained shares; nothing outside the layers."""
    layout, rows = three_layers(), drawn_path(snapshots, seed)
    mask = layout.mask(layers).bool()
    found = finish(principal_steps(rows, layers, layout, count))
    wanted = PCA(count, svd_solver="full").fit(rows[:, mask].double().numpy())
    np.testing.assert_allclose(found.shares, wanted.explained_variance_ratio_, rtol=1e-8)
    assert not found.vectors[:, ~mask].any()
    cosines = np.abs((found.vectors[:, mask].numpy() * wanted.components_).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)
    axis = found.direction(count, rows)
    assert axis.vector.dtype == rows.dtype
    assert f"principal component {count} of the path in " in axis.label
    assert f", {100 * found.shares[count - 1]:.1f} % of it" in axis.label
    torch.testing.assert_close(principal_direction(rows, layers, count, layout).vector.abs(), axis.vector.abs())


@pytest.mark.parametrize("centre", ["first", "last"])
def test_components_from_an_end_are_the_best_plane_through_it(centre: str) -> None:
    """As Li et al. 2018 have it: the singular vectors of theta_i - theta_n, and their shares of squared distance."""
    layout, rows = three_layers(), drawn_path(30, 3)
    found = finish(principal_steps(rows, (), layout, 4, centre))
    away = rows.double() - rows[0 if centre == "first" else -1].double()
    _, sizes, vectors = torch.linalg.svd(away, full_matrices=False)
    np.testing.assert_allclose(found.shares, ((sizes**2) / (sizes**2).sum())[:4], rtol=1e-9)
    torch.testing.assert_close((found.vectors * vectors[:4]).sum(dim=1).abs(), torch.ones(4).double())
    mean = finish(principal_steps(rows, (), layout, 2))
    left = [(away - away @ v.T @ v).square().sum() for v in (found.vectors[:2], mean.vectors)]
    assert left[0] < left[1]


@given(st.integers(2, 40), st.integers(0, 10**6), st.sampled_from(["mean", "first", "last"]))
def test_components_span_the_path(snapshots: int, seed: int, centre: str) -> None:
    """All of them explain all of it; orthonormal, descending, and pointing the way the path went."""
    layout, rows = three_layers(), drawn_path(snapshots, seed)
    found = finish(principal_steps(rows, (), layout, 100, centre))
    count = min(snapshots - 1, 35)
    assert len(found.shares) == count
    assert found.shares.sum() == pytest.approx(1)
    assert (np.diff(found.shares) <= 1e-12).all()
    gram = found.vectors @ found.vectors.T
    torch.testing.assert_close(gram, torch.eye(count).double(), rtol=0, atol=1e-5)
    went = found.vectors @ (rows[-1] - rows[0]).double()
    assert (went > -1e-6 * rows.double().norm()).all()


@given(st.floats(0.01, 100), st.integers(0, 50))
def test_shares_do_not_depend_on_unit_or_place(factor: float, seed: int) -> None:
    """A path that is scaled and moved has the same components."""
    layout, rows = three_layers(), drawn_path(12, seed).double()
    one = finish(principal_steps(rows, (2,), layout, 3))
    other = finish(principal_steps(factor * rows + 5, (2,), layout, 3))
    np.testing.assert_allclose(one.shares, other.shares, rtol=1e-6)
    torch.testing.assert_close(one.vectors, other.vectors, rtol=0, atol=1e-5)


def test_a_straight_path_has_one_component() -> None:
    """It explains all, points along the path, and a second is refused."""
    layout = three_layers()
    way = torch.randn(35, generator=torch.Generator().manual_seed(0)).double()
    rows = torch.linspace(0, 3, 9).double()[:, None] ** 2 * way
    found = principal_direction(rows, (), 1, layout)
    torch.testing.assert_close(found.vector, way / way.norm())
    assert "100.0 % of it" in found.label
    with pytest.raises(DirectionError, match="has 1 principal component so far, so there is no number 2"):
        principal_direction(rows, (), 2, layout)


def test_paths_without_components_are_refused() -> None:
    """One snapshot, no movement in the layer, numbers that are not finite; what moves elsewhere does not count."""
    layout, rows = three_layers(), drawn_path(10, 0)
    with pytest.raises(DirectionError, match="1 snapshot so far"):
        principal_direction(rows[:1], (), 1, layout)
    rows[:, layout.layers[1].span] = torch.randn(15) / 3
    with pytest.raises(DirectionError, match="layer 2 did not move"):
        principal_direction(rows, (2,), 1, layout)
    rows[3, 0] = torch.nan
    with pytest.raises(DirectionError, match="layer 1 is not finite"):
        principal_direction(rows, (1,), 1, layout)
    assert principal_direction(rows, (3,), 1, layout).vector.isfinite().all()


def test_the_null_stands_beside_the_share_where_it_holds() -> None:
    """Where there are more parameters than snapshots, which is when a random walk has that spectrum; else not."""
    layout = three_layers()
    label = principal_direction(drawn_path(10, 0), (), 2, layout).label
    assert number_after("a random walk:", label) == pytest.approx(100 * random_walk_null(10)[1], abs=0.05)
    label = principal_direction(drawn_path(10, 0), (), 1, layout, "last").label
    assert number_after("a random walk:", label) == pytest.approx(100 * random_walk_null(10, "last")[0], abs=0.05)
    assert "random walk" not in principal_direction(drawn_path(40, 0), (), 1, layout).label


@given(st.integers(2, 200), st.sampled_from(["mean", "first", "last"]))
def test_the_null_is_the_spectrum_of_the_expected_gram_matrix(snapshots: int, centre: str) -> None:
    """Inner products of a walk in many dimensions are min(i, j); their eigenvalues, measured from the centre."""
    steps = np.arange(snapshots)
    gram = np.minimum(steps[:, None], steps[None, :]).astype(float)
    place = {"mean": np.full(snapshots, 1 / snapshots), "first": np.eye(snapshots)[0], "last": np.eye(snapshots)[-1]}
    centred = np.eye(snapshots) - place[centre]
    values = np.linalg.eigvalsh(centred @ gram @ centred.T)[::-1][: snapshots - 1]
    found = random_walk_null(snapshots, centre)
    np.testing.assert_allclose(found, values / values.sum(), atol=1e-9)
    assert found.sum() == pytest.approx(1)


def test_the_null_tends_to_the_published_shares() -> None:
    """60.8, 15.2, 6.8 %: two components of any long walk explain 76.0 % (Antognini & Sohl-Dickstein 2018)."""
    k = np.arange(1, 5)
    np.testing.assert_allclose(random_walk_null(5000)[:4], 6 / (np.pi * k) ** 2, rtol=1e-5)
    np.testing.assert_allclose(random_walk_null(5000, "last")[:4], 8 / (np.pi * (2 * k - 1)) ** 2, rtol=1e-3)
    assert random_walk_null(5000)[:2].sum() == pytest.approx(0.760, abs=5e-4)
    assert [len(random_walk_null(n)) for n in (0, 1, 2, 3)] == [0, 0, 1, 2]
    assert random_walk_null(2)[0] == pytest.approx(1)


def test_a_simulated_walk_shows_the_null() -> None:
    """In 20,000 dimensions, 40 snapshots: within a few per cent, and its components look like cosines."""
    layout = layout_of(made(lambda: nn.Linear(200, 100, bias=False)))
    rows = torch.randn(40, layout.size, generator=torch.Generator().manual_seed(1)).cumsum(0)
    for centre in ("mean", "last"):
        found = finish(principal_steps(rows, (), layout, 3, centre))
        np.testing.assert_allclose(found.shares, random_walk_null(40, centre)[:3], rtol=0.05)
    found = finish(principal_steps(rows, (), layout, 2))
    for k in (1, 2):
        cosine = np.cos(np.pi * k * (np.arange(40) + 0.5) / 40)
        seen = (rows.double() @ found.vectors[k - 1]).numpy()
        assert abs(np.corrcoef(cosine, seen)[0, 1]) > 0.99


def test_components_come_in_steps() -> None:
    """A yield after each block of columns, so that a large path can be left."""
    layout = layout_of(made(lambda: nn.Linear(100, 50)))
    assert sum(1 for _ in principal_steps(drawn_path(5, 0, layout.size), (), layout)) == 6


# --- towards another point -------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_plane_through_three_points_contains_them(seed: int, scale: int) -> None:
    """The other two points are at (1, 0) and (0, 1)."""
    layout = three_layers()
    origin, one, two = torch.randn(3, 35, generator=torch.Generator().manual_seed(seed)) * (1 + scale)
    plane = Plane(origin, towards(origin, one, (), layout, "a"), towards(origin, two, (), layout, "b"))
    np.testing.assert_allclose(plane.project(torch.stack([one, two]))[:, :2], np.eye(2), atol=1e-4)


@pytest.mark.parametrize("layers", SUBSETS)
def test_towards_moves_only_its_layers(layers: tuple[int, ...]) -> None:
    """At 1 the layers are the other point's, bit for bit where floats allow, and all others the origin's."""
    layout = three_layers()
    origin, other = torch.randn(2, 35, generator=torch.Generator().manual_seed(1))
    found = towards(origin, other, layers, layout, "step 300")
    mask = layout.mask(layers).bool()
    torch.testing.assert_close(origin + found.vector, torch.where(mask, other, origin))
    assert not found.vector[~mask].any()
    assert found.label.startswith("towards step 300 in ")
    assert found.unit == "of the way"


def test_points_that_give_no_direction_are_refused() -> None:
    """The same point, the same in these layers, another network's, and one that is not finite."""
    layout = three_layers()
    origin, other = torch.randn(2, 35, generator=torch.Generator().manual_seed(1))
    other[layout.layers[1].span] = origin[layout.layers[1].span]
    with pytest.raises(DirectionError, match="step 5 is where the plane is laid, in all layers"):
        towards(origin, origin.clone(), (), layout, "step 5")
    with pytest.raises(DirectionError, match="in layer 2"):
        towards(origin, other, (2,), layout, "step 5")
    assert towards(origin, other, (1, 2), layout, "step 5").vector.any()
    with pytest.raises(DirectionError, match=r"file\.h5 has 34 parameters, this network has 35"):
        towards(origin, other[1:], (), layout, "file.h5")
    for bad in (torch.nan, torch.inf):
        with pytest.raises(DirectionError, match="the way to step 5 is not finite in layer 1"):
            towards(origin, other * bad, (1,), layout, "step 5")
    with pytest.raises(DirectionError, match="not finite"):  # a distance beyond float32
        towards(origin - 3e38, other + 3e38, (), layout, "step 5")


# --- the last update -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", SUBSETS)
def test_the_last_update_of_plain_descent_is_the_negative_gradient(layers: tuple[int, ...]) -> None:
    """Of unit length in its layers; its length stands in the label."""
    problem = toy()
    gradient = problem.gradient(problem.start, problem.train)
    found = last_update(problem.start, problem.start - 0.5 * gradient, layers, problem.layout)
    wanted = -gradient * problem.layout.mask(layers)
    torch.testing.assert_close(found.vector, wanted / wanted.norm(), rtol=1e-3, atol=1e-5)
    assert found.vector.double().norm().item() == pytest.approx(1, abs=1e-6)
    assert number_after(r"\(length", found.label) == pytest.approx(0.5 * wanted.norm().item(), rel=6e-3)
    assert found.unit == "distance"


def test_updates_that_give_no_direction_are_refused() -> None:
    """No step, no step in these layers, one that is not finite, and points of two networks."""
    problem = toy()
    after = problem.start.clone()
    after[problem.layout.layers[0].span] += 1
    with pytest.raises(DirectionError, match="last update of all layers has length 0,"):
        last_update(after, after, (), problem.layout)
    with pytest.raises(DirectionError, match="last update of layer 2 has length 0,"):
        last_update(problem.start, after, (2,), problem.layout)
    with pytest.raises(DirectionError, match="has length nan,"):
        last_update(problem.start, after * torch.nan, (1,), problem.layout)
    with pytest.raises(DirectionError, match="entries"):
        last_update(problem.start, after[1:], (), problem.layout)


def test_new_kinds_span_planes_with_each_other() -> None:
    """Any kind on either axis, for a module that is no chain too; the same axis twice is refused."""
    problem = problem_of(made(lambda: nn.Sequential(nn.Unflatten(1, (2, 4)), nn.LSTM(4, 3), Last())), 8, 3)
    origin, layout = problem.start, problem.layout
    rows = origin + 0.1 * drawn_path(8, 1, layout.size)
    axes: list[Direction] = [
        hessian_direction(problem, origin, (), "largest", 1, 17),
        principal_direction(rows, (), 1, layout),
        towards(origin, rows[-1], (), layout, "the end"),
        last_update(rows[-2], rows[-1], (), layout),
    ]
    for i, x in enumerate(axes):
        for j, y in enumerate(axes):
            if i == j:
                with pytest.raises(DirectionError, match="parallel"):
                    Plane(origin, x, y)
            else:
                assert Plane(origin, x, y).at(0.5, -0.5).isfinite().all()


class Last(nn.Module):
    """The last output of a recurrence."""

    def forward(self, x: tuple[Tensor, object]) -> Tensor:
        """Its hidden units as scores."""
        return x[0][:, -1]
