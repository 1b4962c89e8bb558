"""Where values stand on contour lines: apart from each other, on their lines, inside, clear of markers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.app.views.label_places import Area, Place, along, dense, label_places, without
from thalweg.core.landscape.contours import levels, lines_of_levels

NOTHING = np.empty((0, 3))


def surface(kind: int, phase: float, size: int = 41) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid and one of several surfaces on it."""
    x = y = np.linspace(-2, 4, size)
    a, b = np.meshgrid(x, y)
    bumps = np.sin(1.3 * a + phase) + np.cos(1.7 * b - phase)
    return x, y, (a**2 + 2 * b**2, bumps, a + phase * b, 10 * bumps * a, np.exp(a) + b**2)[kind]


@st.composite
def drawings(draw: st.DrawFn) -> tuple[list[np.ndarray], list[int], np.ndarray, Area]:
    """Lines in pixels, the numbers of their levels, the sizes of their texts, and the area."""
    x, y, z = surface(draw(st.integers(0, 4)), draw(st.floats(-3, 3)))
    values = levels(z, draw(st.integers(3, 30)), log=False)
    width, height = draw(st.integers(60, 900)), draw(st.integers(60, 700))
    scale = np.array([width / 6, -height / 6])
    found = lines_of_levels(x, y, z, values)
    lines = [(line - [-2, 4]) * scale for group in found for line in group]
    numbers = [k for k, group in enumerate(found) for _ in group]
    tall = draw(st.floats(9, 24))
    sizes = np.stack([draw(st.floats(1, 5)) * tall * np.ones(len(values)), np.full(len(values), tall)], axis=1)
    spots = draw(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 700), st.just(9.0)), max_size=2))
    taken = np.array(draw(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 700)), max_size=5))).reshape(-1, 2)
    area = Area(0, 0, width, height, np.array(spots).reshape(-1, 3), taken)
    return lines, numbers, sizes, area


def corners(place: Place, size: np.ndarray) -> np.ndarray:
    """The corners of a text [4, 2]."""
    t = np.radians(place.angle)
    u, v = np.array([np.cos(t), np.sin(t)]) * size[0] / 2, np.array([-np.sin(t), np.cos(t)]) * size[1] / 2
    return np.array([place.x, place.y]) + np.array([u + v, u - v, -u - v, v - u])


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two rectangles [4, 2] have a point in common, by the separating axes."""
    for axis in (a[1] - a[0], a[2] - a[1], b[1] - b[0], b[2] - b[1]):
        p, q = a @ axis, b @ axis
        if p.max() < q.min() or q.max() < p.min():
            return False
    return True


@given(drawings())
def test_no_two_values_overlap_and_each_lies_on_its_line(drawn: tuple) -> None:
    """Inside the border, off the markers and what is taken; upright; each once or a few times."""
    lines, numbers, sizes, area = drawn
    found = label_places(lines, numbers, sizes, area, NOTHING)
    boxes = [corners(p, sizes[numbers[p.line]]) for p in found]
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2))
    for place, box in zip(found, boxes, strict=True):
        assert (box >= 0).all()
        assert (box <= [area.right, area.bottom]).all()
        assert -90 <= place.angle <= 90
        length = along(lines[place.line])
        middle = 0.5 * (place.start + place.stop)
        on_line = [np.interp(middle, length, lines[place.line][:, k]) for k in (0, 1)]
        assert (place.x, place.y) == pytest.approx(on_line, abs=1e-6)
        assert 0 <= place.start < place.stop <= length[-1]
        for x, y, radius in area.markers:
            assert np.hypot(box[:, 0] - x, box[:, 1] - y).min() > radius
        for x, y in area.taken:
            assert np.hypot(place.x - x, place.y - y) > 0.3 * sizes[0, 1]


@given(drawings())
def test_no_value_stands_on_the_line_of_another_level(drawn: tuple) -> None:
    """The middle of the text is free of foreign lines."""
    lines, numbers, sizes, area = drawn
    found = label_places(lines, numbers, sizes, area, NOTHING)
    for place in found:
        for line, number in zip(lines, numbers, strict=True):
            if number != numbers[place.line]:
                points = dense(line, along(line))
                assert np.hypot(*(points - [place.x, place.y]).T).min() > 2


def test_every_level_with_room_has_its_value() -> None:
    """Straight lines far apart."""
    lines = [np.array([[0.0, y], [400.0, y]]) for y in range(30, 390, 40)]
    sizes = np.tile([30.0, 12.0], (len(lines), 1))
    found = label_places(lines, range(len(lines)), sizes, Area(0, 0, 400, 400, NOTHING, NOTHING[:, :2]), NOTHING)
    assert {p.line for p in found} == set(range(len(lines)))
    assert all(p.angle == 0 for p in found)


def test_a_value_stays_where_it_was() -> None:
    """When lines move a little, so does their value."""
    x, y, z = surface(1, 0.3)
    values = levels(z, 12, log=False)
    area = Area(0, 0, 500, 480, NOTHING, NOTHING[:, :2])
    sizes = np.tile([28.0, 12.0], (len(values), 1))

    def placed(z: np.ndarray, before: np.ndarray) -> np.ndarray:
        found = lines_of_levels(x, y, z, values)
        lines = [(line - [-2, 4]) * [500 / 6, -480 / 6] for group in found for line in group]
        numbers = [k for k, group in enumerate(found) for _ in group]
        return np.array([(numbers[p.line], p.x, p.y) for p in label_places(lines, numbers, sizes, area, before)])

    before = placed(z, NOTHING)
    now = placed(surface(1, 0.31)[2], before)
    moved = [np.hypot(*(before[before[:, 0] == k][:, 1:] - [x, y]).T).min() for k, x, y in now if k in before[:, 0]]
    assert np.median(moved) < 13
    assert len(now) >= 0.8 * len(before)


def test_a_small_picture_has_few_values_and_none_where_there_is_no_room() -> None:
    """A stretched one that waits for its map has none either."""
    x, y, z = surface(0, 0.0)
    values = levels(z, 16, log=False)
    sizes = np.tile([28.0, 12.0], (len(values), 1))

    def count(width: float) -> int:
        found = lines_of_levels(x, y, z, values)
        lines = [(line - [-2, 4]) * [width / 6, -width / 6] for group in found for line in group]
        numbers = [k for k, group in enumerate(found) for _ in group]
        side = min(width, 600)
        return len(label_places(lines, numbers, sizes, Area(0, 0, side, side, NOTHING, NOTHING[:, :2]), NOTHING))

    assert count(40) == 0
    assert 0 < count(150) <= 3
    assert count(500) >= 6
    assert count(1e9) == 0
    assert label_places([], [], np.empty((0, 2)), Area(0, 0, 9, 9, NOTHING, NOTHING[:, :2]), NOTHING) == []


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=12, unique=True), st.data())
def test_a_gap_takes_out_its_own_length_alone(points: list[tuple[float, float]], data: st.DataObject) -> None:
    """What is left is as much shorter, and lies on the line."""
    line = np.array(points)
    length = along(line)
    start = data.draw(st.floats(0, 0.8)) * length[-1]
    stop = start + data.draw(st.floats(0.05, 0.2)) * length[-1]
    cut = without(line, length, [(start, stop)])
    steps = np.hypot(*np.diff(cut, axis=0).T)
    assert np.nansum(steps) == pytest.approx(length[-1] - (stop - start), rel=1e-6, abs=1e-6)
    assert np.isnan(cut).any()
    assert cut[~np.isnan(cut).any(axis=1)][0] == pytest.approx(line[0])
    assert without(line, length, []) is line
