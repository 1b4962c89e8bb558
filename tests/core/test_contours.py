"""Contours: round levels, lines where the value is the level, bands that tile the map."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from thalweg.core.landscape.contours import band, bands, levels, lines, lines_of_levels

RANGES = st.tuples(st.floats(-1e4, 1e4), st.floats(1e-6, 1e4))


def is_multiple_of_round_step(found: np.ndarray) -> bool:
    """Whether the levels are neighbouring multiples of 1, 2, 2.5 or 5 times a power of ten."""
    step = float(np.diff(found).mean())
    power = 10.0 ** np.floor(np.log10(step) + 1e-6)
    mantissa = step / power
    nearest = min((1, 2, 2.5, 5), key=lambda m: abs(m - mantissa))
    exact = nearest * power
    return abs(mantissa - nearest) < 1e-6 and np.allclose(found / exact, np.round(found / exact), atol=1e-5)


@given(RANGES, st.integers(3, 60))
@example((0.5, 3.0), 2)
@example((0.0, 1.0), 16)
@example((2.302, 0.001), 16)
def test_linear_levels_are_round_and_inside_the_range(range_: tuple[float, float], count: int) -> None:
    """Strictly inside, rising, evenly spaced multiples of a round number, and at most as many as asked for."""
    low, high = range_[0], range_[0] + range_[1]
    assume((high - low) > 1e-9 * max(abs(low), abs(high)))
    found = levels(np.array([[high, low], [low, (low + high) / 2]]), count, log=False)
    assert ((found > low) & (found < high)).all()
    assert (np.diff(found) > 0).all()
    assert len(found) <= count
    assert len(found) >= count // 3, "and not far fewer"
    if len(found) > 1:
        assert is_multiple_of_round_step(found)


@given(st.floats(1e-8, 1e4), st.floats(1.01, 1e8), st.integers(3, 60))
@example(1.0, 1000.0, 16)
@example(1e-3, 1e5, 3)
def test_logarithmic_levels_are_inside_the_range(low: float, ratio: float, count: int) -> None:
    """Strictly inside, rising, at most as many as asked for, at least three; the same digits in every power of ten.

    Where the highest value is less than three times the lowest, they are round linear levels.
    """
    high = low * ratio
    found = levels(np.array([[high, low], [-1.0, 0.0]]), count, log=True)
    assert ((found > low) & (found < high)).all()
    assert (np.diff(found) > 0).all()
    assert min(3, count) <= len(found) <= count
    even = np.allclose(np.diff(np.log(found)), np.log(ratio) / (count + 1))
    if high < 3 * low:
        assert even or is_multiple_of_round_step(found)
        return
    digits = [f"{v:.5e}".split("e")[0] for v in found]
    assert even or all(float(d) * 100 == pytest.approx(round(float(d) * 100)) for d in digits)
    if not even and ratio >= 100:  # a full power of ten in the middle has every digit that occurs anywhere
        full = {d for d, v in zip(digits, found, strict=True) if int(np.floor(np.log10(low))) < np.floor(np.log10(v))}
        assert set(digits) >= full


@given(st.floats(1e-6, 1e3), st.floats(30, 1e7), st.integers(12, 24), st.floats(1.001, 1.3))
def test_a_range_that_widens_keeps_most_of_its_logarithmic_levels(
    low: float, ratio: float, count: int, more: float
) -> None:
    """Across a power of ten too: never fewer than half, whatever the range was."""
    before, after = (levels(np.array([[low, low * r]]), count, log=True) for r in (ratio, ratio * more))
    assert len(after) > 0.5 * len(before)


@pytest.mark.parametrize("log", [False, True])
def test_a_map_without_relief_has_no_levels(log: bool) -> None:
    """Constant, empty of finite values, or (for a logarithmic scale) never positive: no level, and no error."""
    for values in ([[2.0, 2.0]], [[np.nan, np.inf]], [[np.nan, 3.0]]):
        assert levels(np.array(values), 8, log).size == 0
    assert levels(np.array([[-2.0, -1.0]]), 8, True).size == 0


@pytest.mark.parametrize("log", [False, True])
def test_values_that_are_not_finite_do_not_count(log: bool) -> None:
    """Infinite corners leave the levels of the rest as they are."""
    values = np.linspace(1, 50, 12).reshape(3, 4)
    broken = np.vstack([values, [[np.inf, -np.inf, np.nan, np.nan]]])
    assert np.array_equal(levels(values, 8, log), levels(broken, 8, log))


@pytest.mark.parametrize(
    ("low", "high"), [(2.302585092994046, 2.3025850929940463), (1.0, 1.0 + 3e-15), (1e6, 1e6 + 1e-9), (0.0, 5e-324)]
)
@pytest.mark.parametrize("log", [False, True])
def test_a_plateau_of_rounding_errors_has_sensible_levels_or_none(low: float, high: float, log: bool) -> None:
    """A range of a few units in the last place gives rising levels in the range, or none; no error."""
    found = levels(np.array([low, high]), 16, log)
    assert (np.diff(found) > 0).all()
    assert ((found >= low) & (found <= high)).all()
    assert len(found) <= 16


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Uneven axes and a rough map on them."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    x, y = (np.cumsum(generator.uniform(0.1, 2, draw(st.integers(2, 9)))) for _ in range(2))
    return x, y, generator.normal(size=(len(y), len(x))) * 10 ** draw(st.integers(-2, 3))


@given(maps(), st.floats(0.01, 0.99))
def test_lines_have_the_value_of_their_level(case: tuple[np.ndarray, np.ndarray, np.ndarray], at: float) -> None:
    """At every point of a line, bilinear interpolation of the map gives the level; ends are on the border."""
    x, y, values = case
    level = values.min() + at * (values.max() - values.min())
    interpolated = RegularGridInterpolator((y, x), values, method="linear", bounds_error=False, fill_value=None)
    found = lines(x, y, values, level)
    assert found, "a level inside the range has a line"
    for line in found:
        assert np.allclose(interpolated(line[:, ::-1]), level, atol=1e-9 * np.abs(values).max())
        closed = np.array_equal(line[0], line[-1])
        for px, py in () if closed else (line[0], line[-1]):
            assert np.isclose([px - x[0], px - x[-1], py - y[0], py - y[-1]], 0, atol=1e-9).any()


def test_lines_and_axes_belong_together() -> None:
    """values[j, i] is at (x[i], y[j]): the line of a ramp along x is upright, and runs over all of y."""
    x, y = np.array([0.0, 1.0, 3.0]), np.array([10.0, 20.0])
    (line,) = lines(x, y, np.tile(x, (2, 1)), 2.0)
    assert np.allclose(line[:, 0], 2)
    assert sorted(line[:, 1]) == [10, 20]


def test_lines_end_where_values_are_not_finite() -> None:
    """No line is drawn in a cell with a corner that is not finite, and no error."""
    x = y = np.arange(5.0)
    values = np.add.outer(y, 0 * x)
    values[:, 3:] = np.nan
    for line in lines(x, y, values, 1.5):
        assert line[:, 0].max() <= 2
    values[0, 0] = np.inf
    assert all(np.isfinite(line).all() for line in lines(x, y, values, 1.5))


def area(polygons: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Area of polygons with holes, by the shoelace formula; a hole runs the other way round."""
    total = 0.0
    for points, offsets in polygons:
        rings = [points[a:b] for a, b in pairwise(offsets)]
        assert offsets[-1] == len(points)
        signed = [float(np.sum(r[:, 0] * np.roll(r[:, 1], -1) - np.roll(r[:, 0], -1) * r[:, 1]) / 2) for r in rings]
        assert signed[0] > 0
        assert all(s <= 0 for s in signed[1:])
        total += sum(signed)
    return total


@given(maps(), st.integers(1, 8))
def test_bands_of_neighbouring_levels_tile_the_map(case: tuple[np.ndarray, np.ndarray, np.ndarray], count: int) -> None:
    """From below the lowest to above the highest value, the areas of the bands sum to the rectangle's."""
    x, y, values = case
    inner = np.linspace(values.min(), values.max(), count + 2)[1:-1]
    edges = [-np.inf, *inner, np.inf]
    areas = [area(band(x, y, values, a, b)) for a, b in pairwise(edges)]
    assert sum(areas) == pytest.approx((x[-1] - x[0]) * (y[-1] - y[0]), rel=1e-9)
    assert all(a > 0 for a in areas)


def test_a_band_around_a_hill_has_a_hole() -> None:
    """The ring between two levels of a pyramid is the area of a square less that of the smaller one."""
    x = y = np.linspace(-1, 1, 201)
    height = 1 - np.maximum.outer(np.abs(y), np.abs(x))
    found = band(x, y, height, 0.25, 0.5)
    assert len(found) == 1
    assert len(found[0][1]) == 3, "an outer ring and a hole"
    assert area(found) == pytest.approx(float(Fraction(3, 2) ** 2 - 1), rel=1e-3)


def test_bands_leave_out_what_is_not_finite() -> None:
    """Cells with a corner that is not finite are not filled; the others are."""
    x = y = np.arange(5.0)
    values = np.add.outer(y, x)
    values[:, 4] = np.inf
    assert area(band(x, y, values, -np.inf, np.inf)) == pytest.approx(12)


def test_several_levels_at_once_are_what_they_are_one_by_one() -> None:
    """Lines and bands, also around values that are not finite."""
    x, y = np.linspace(-2, 3, 12), np.linspace(0, 1, 9)
    z = np.sin(2 * x[None]) + 3 * y[:, None] ** 2
    z[2, 3] = np.nan
    wanted = np.array([-0.5, 0.4, 1.7, 9.0])
    for level, together in zip(wanted, lines_of_levels(x, y, z, wanted), strict=True):
        alone = lines(x, y, z, float(level))
        assert len(alone) == len(together)
        assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    limits = [(-1.0, 0.4), (0.4, np.inf), (8.0, 9.0)]
    for pair, areas in zip(limits, bands(x, y, z, limits), strict=True):
        for (points, offsets), (p, o) in zip(band(x, y, z, *pair), areas, strict=True):
            assert np.array_equal(points, p)
            assert np.array_equal(offsets, o)
