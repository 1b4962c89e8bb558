"""Projection, painter's order and what lies on a height field, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.app.views.camera import Camera, Placing
from thalweg.app.views.height_field import HeightField, cut, runs, slopes
from thalweg.app.views.surface_items import coarser

CAMERAS = st.builds(Camera, st.floats(-180, 180), st.floats(5, 90))
ALONG_AXES = st.builds(
    Camera, st.sampled_from([-180.0, -90.0, 0.0, 45.0, 90.0, 135.0]), st.sampled_from([5.0, 30.0, 90.0])
)
HEIGHTS = st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(
    lambda shape: hnp.arrays(float, shape, elements=st.floats(0, 1, width=16))
)
POINTS = hnp.arrays(float, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(-3, 3))


def field_of(z: np.ndarray) -> HeightField:
    """These heights over a box one by one."""
    return HeightField(np.linspace(-0.5, 0.5, z.shape[1]), np.linspace(-0.5, 0.5, z.shape[0]), z)


# --- projection ------------------------------------------------------------------------------------------------------


@given(CAMERAS, POINTS, POINTS, st.floats(-3, 3))
def test_projection_is_linear(camera: Camera, a: np.ndarray, b: np.ndarray, share: float) -> None:
    """So parallels stay parallel and middles stay middles."""
    n = min(len(a), len(b))
    left = camera.project(a[:n] + share * b[:n])
    assert left == pytest.approx(camera.project(a[:n]) + share * camera.project(b[:n]), abs=1e-12)


@given(CAMERAS)
def test_the_cameras_axes_are_a_right_handed_frame(camera: Camera) -> None:
    """Unit vectors at right angles, and none of the picture is mirrored."""
    assert camera.axes @ camera.axes.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(camera.axes) == pytest.approx(1)


@given(CAMERAS, st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
def test_of_two_points_over_one_place_the_higher_is_higher(
    camera: Camera, x: float, y: float, low: float, high: float
) -> None:
    """And no other share of the height than the elevation's cosine is lost."""
    placing = Placing(camera, 100.0, (0.0, 0.0))
    bottom, top = placing.pixels(np.array([[x, y, low], [x, y, high]]))
    assert top[0] == pytest.approx(bottom[0])
    assert bottom[1] - top[1] == pytest.approx(100 * (high - low) * np.cos(np.radians(camera.elevation)), abs=1e-9)


def test_from_straight_above_the_picture_is_the_map() -> None:
    """At azimuth 0: the first axis to the right, the second up."""
    points = np.array([[0.2, 0.3, 0.9], [-0.4, 0.1, 0.0]])
    assert Camera(0, 90).project(points) == pytest.approx(points[:, :2], abs=1e-12)


# --- painter's order -------------------------------------------------------------------------------------------------


def hides(front: np.ndarray, back: np.ndarray, camera: Camera, rng: np.random.Generator) -> bool:
    """Whether some ray from a point of the one triangle to the viewer passes the other, well inside both."""
    flat = camera.project(front)
    sides = np.stack([flat[1] - flat[0], flat[2] - flat[0]], axis=1)
    if abs(np.linalg.det(sides)) < 1e-6:
        return False  # seen from its edge
    shares = rng.dirichlet((1, 1, 1), 60)
    points = shares @ back
    over = np.linalg.solve(sides, (camera.project(points) - flat[0]).T).T
    inside = (over > 1e-6).all(axis=1) & (over.sum(axis=1) < 1 - 1e-6)
    depth = front @ camera.towards
    there = depth[0] + over @ (depth[1:] - depth[0])
    return bool((inside & (there > points @ camera.towards + 1e-6)).any())


@settings(max_examples=60, deadline=None)
@given(HEIGHTS, CAMERAS | ALONG_AXES, st.integers(0, 9))
def test_what_hides_something_is_painted_after_it(z: np.ndarray, camera: Camera, seed: int) -> None:
    """For all pairs of triangles: none is painted before one that it hides a point of."""
    field, rng = field_of(3 * z), np.random.default_rng(seed)
    corners, cells = field.triangles()
    corners = corners[field.back_to_front(cells, camera.towards)]
    for early in range(len(corners)):
        for late in range(early + 1, len(corners)):
            assert not hides(corners[early], corners[late], camera, rng), (early, late)


@given(HEIGHTS, CAMERAS)
def test_the_order_is_an_order(z: np.ndarray, camera: Camera) -> None:
    """Each triangle once, those of one cell next to each other."""
    field = field_of(z)
    corners, cells = field.triangles()
    order = field.back_to_front(cells, camera.towards)
    assert sorted(order.tolist()) == list(range(2 * (z.shape[0] - 1) * (z.shape[1] - 1)))
    pairs = cells[order][:, :2].reshape(-1, 2, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert len(corners) == len(cells)


def test_the_pieces_of_a_triangle_stay_together() -> None:
    """Lowest first, also after ordering: the order is stable."""
    field = field_of(np.random.default_rng(0).random((6, 7)))
    corners, cells = field.triangles()
    _, band, owner, _ = cut(corners, np.linspace(0, 1, 9))
    order = field.back_to_front(cells[owner], Camera(200, 20).towards)
    for triangle in np.unique(owner):
        mine = np.flatnonzero(owner[order] == triangle)
        assert (np.diff(mine) == 1).all()
        assert (np.diff(band[order][mine]) == 1).all()


# --- triangles, holes, rims ------------------------------------------------------------------------------------------


@given(HEIGHTS, st.data())
def test_a_point_that_is_not_finite_takes_its_triangles_away(z: np.ndarray, data: st.DataObject) -> None:
    """All of them and no other."""
    j, i = (data.draw(st.integers(0, n - 1)) for n in z.shape)
    holed = z.copy()
    holed[j, i] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    corners, cells = field_of(holed).triangles()
    assert np.isfinite(corners).all()
    whole = field_of(z)
    at = [whole.x[i], whole.y[j]]
    expected = [c for t, c in zip(*whole.triangles(), strict=True) if not (t[:, :2] == at).all(axis=1).any()]
    assert cells.tolist() == np.array(expected).reshape(-1, 3).tolist()


def test_rims_are_where_the_surface_ends() -> None:
    """The four sides of the grid, and around a hole the six sides of its six triangles."""
    z = np.zeros((5, 6))
    for hole, count in ((None, 2 * (4 + 5)), ((2, 3), 2 * (4 + 5) + 6)):
        if hole:
            z[hole] = np.nan
        field = field_of(z)
        corners, cells = field.triangles()
        sides, whose = field.rims(cells)
        assert len(sides) == count
        for side, owner in zip(sides, whose, strict=True):
            assert all((corners[owner] == end).all(axis=1).any() for end in side)


# --- bands -----------------------------------------------------------------------------------------------------------


def area(polygon: np.ndarray) -> float:
    """Of a polygon [n, 2], with its sign."""
    x, y = polygon.T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)


@given(
    hnp.arrays(float, (4, 3), elements=st.integers(0, 8).map(lambda k: k / 8)),
    st.lists(st.integers(1, 15).map(lambda k: k / 16), unique=True, max_size=6).map(sorted),
)
def test_cutting_loses_and_doubles_nothing(heights: np.ndarray, inner: list[float]) -> None:
    """The pieces are as large as the triangle, each lies in its band, and lines lie at the band's lower edge."""
    corners = np.array([[[0, 0, 0], [1, 0, 0], [0.2, 1, 0]]] * 4, dtype=float)
    corners[:, :, 2] = heights
    edges = np.array([-0.1, *inner, 1.1])
    points, band, owner, lined = cut(corners, edges)
    for number in range(4):
        assert sum(abs(area(p[:, :2])) for p in points[owner == number]) == pytest.approx(0.5)
    assert (points[:, :, 2] >= edges[band][:, None] - 1e-12).all()
    assert (points[:, :, 2] <= edges[band + 1][:, None] + 1e-12).all()
    for piece, low, line in zip(points, edges[band], lined, strict=True):
        if line:
            assert piece[:2, 2] == pytest.approx(low)


@given(HEIGHTS)
def test_normals_stand_on_their_triangles(z: np.ndarray) -> None:
    """Unit length, upwards."""
    corners, _ = field_of(z).triangles()
    normals = slopes(corners)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)
    assert (normals[:, 2] > 0).all()
    for side in (1, 2):
        assert ((corners[:, side] - corners[:, 0]) * normals).sum(axis=1) == pytest.approx(0, abs=1e-12)


def test_runs() -> None:
    """Also of nothing."""
    assert [r.tolist() for r in runs(np.array([2, 0, 3]))] == [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    assert [len(r) for r in runs(np.array([], dtype=int))] == [0, 0]


# --- on the surface --------------------------------------------------------------------------------------------------


@given(HEIGHTS, st.integers(0, 99))
def test_heights_are_those_of_the_triangles(z: np.ndarray, seed: int) -> None:
    """At random points of each triangle; nothing beside the grid."""
    field, rng = field_of(z), np.random.default_rng(seed)
    corners, _ = field.triangles()
    points = np.einsum("tk,tkd->td", rng.dirichlet((1, 1, 1), len(corners)), corners)
    assert field.height_at(points[:, 0], points[:, 1]) == pytest.approx(points[:, 2], abs=1e-9)
    assert np.isnan(field.height_at(np.array([0.51, 0.0, 1e300]), np.array([0.0, -0.6, 0.0]))).all()


LINES = hnp.arrays(float, st.tuples(st.integers(1, 6), st.just(2)), elements=st.floats(-0.75, 0.75, width=16))


@given(HEIGHTS, LINES, st.integers(0, 99))
def test_a_draped_line_lies_on_the_surface_all_the_way(z: np.ndarray, line: np.ndarray, seed: int) -> None:
    """Between its points too, and it passes through the given points in their order."""
    field = field_of(z)
    draped = field.drape(line[:, 0], line[:, 1])
    places = draped[:, :2].tolist()
    for point in line.tolist():
        assert point in places
        places = places[places.index(point) :]
    share = np.random.default_rng(seed).random((len(draped) - 1, 1))
    between = draped[:-1] + share * np.diff(draped, axis=0)
    there = np.isfinite(between[:, 2])
    assert field.height_at(between[there, 0], between[there, 1]) == pytest.approx(between[there, 2], abs=1e-6)


@pytest.mark.parametrize("far", [1.0, 1e3, 1e9])
def test_a_line_from_far_away_is_draped_where_it_crosses(far: float) -> None:
    """However far its ends are, as long as a number still tells its places apart."""
    field = field_of(np.random.default_rng(1).random((9, 9)))
    draped = field.drape(np.array([-far, far]), np.array([0.1, 0.1]))
    on = draped[np.isfinite(draped[:, 2])]
    assert (on[:, 0].min(), on[:, 0].max()) == pytest.approx((-0.5, 0.5), abs=1e-6)
    assert on[:, 1] == pytest.approx(0.1)


@settings(max_examples=60)
@given(HEIGHTS, CAMERAS | ALONG_AXES, st.integers(0, 99))
def test_hidden_is_what_a_ray_to_the_viewer_meets(z: np.ndarray, camera: Camera, seed: int) -> None:
    """Against a walk along the ray in small steps; what is too close to tell is left out."""
    field, rng = field_of(3 * z), np.random.default_rng(seed)
    x, y = rng.uniform(-0.49, 0.49, (2, 12))
    hidden = field.hidden(x, y, camera.towards)
    way = np.linspace(0, 40, 8001)[1:, None]
    ray = np.stack([x, y, field.height_at(x, y)]) + way[:, :, None] * camera.towards[:, None]
    over = np.nan_to_num(field.height_at(ray[:, 0], ray[:, 1]) - ray[:, 2], nan=-1.0).max(axis=0)
    assert hidden[over > 0.02].all()
    assert not hidden[over < -0.02].any()


def test_a_wall_hides_what_is_behind_it() -> None:
    """And a hole in it does not."""
    z = np.zeros((9, 9))
    z[3, :] = 1.0
    x, y = np.array([0.0, 0.0]), np.array([0.1, -0.4])
    assert field_of(z).hidden(x, y, Camera(0, 20).towards).tolist() == [True, False]
    z[2:5, 3:6] = np.nan
    assert field_of(z).hidden(x, y, Camera(0, 20).towards).tolist() == [False, False]


@given(st.integers(2, 60), st.integers(1, 5))
def test_a_coarser_field_keeps_its_ends(n: int, stride: int) -> None:
    """And the heights of the points that it keeps."""
    field = field_of(np.add.outer(np.arange(n, dtype=float), np.arange(n, dtype=float)))
    coarse = coarser(field, stride)
    assert (coarse.x[0], coarse.x[-1]) == (-0.5, 0.5)
    assert (coarse.z[0, 0], coarse.z[-1, -1]) == (0.0, 2.0 * (n - 1))
    assert len(coarse.x) <= (n - 2) // stride + 2
