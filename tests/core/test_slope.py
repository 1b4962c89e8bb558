"""The slope of a landscape against formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.landscape.slope import full_slope, slope

COEFFICIENTS = st.tuples(*[st.floats(-5, 5)] * 6)
AXES = st.tuples(st.floats(-10, 10), st.floats(0.01, 20), st.integers(3, 20)).map(
    lambda a: np.linspace(a[0], a[0] + a[1], a[2])
)


@given(COEFFICIENTS, AXES, AXES)
def test_the_slope_of_a_quadratic_is_exact(c: tuple[float, ...], x: np.ndarray, y: np.ndarray) -> None:
    """Everywhere, the border too, on axes of unequal units."""
    a, b = np.meshgrid(x, y)
    found = slope(x, y, c[0] + c[1] * a + c[2] * b + c[3] * a * a + c[4] * a * b + c[5] * b * b)
    scale = 1 + np.abs(c).max() * (1 + np.abs(x).max() + np.abs(y).max()) ** 2 / min(x[1] - x[0], y[1] - y[0])
    assert found[..., 0] == pytest.approx(c[1] + 2 * c[3] * a + c[4] * b, abs=1e-12 * scale)
    assert found[..., 1] == pytest.approx(c[2] + c[4] * a + 2 * c[5] * b, abs=1e-12 * scale)


def test_beside_values_that_are_not_finite_there_is_no_slope() -> None:
    """And no warning; further away nothing changes."""
    x = y = np.linspace(0, 1, 9)
    z = x[None] ** 2 + y[:, None]
    broken = z.copy()
    broken[4, 4], broken[4, 3] = np.inf, -np.inf
    with np.errstate(all="raise"):
        found = slope(x, y, broken)
    assert np.isnan(found[4, 5, 0])
    assert np.isnan(found[5, 4, 1])
    assert np.array_equal(found[0], slope(x, y, z)[0])


def test_the_full_slope_is_exceeded_by_a_tenth_of_the_points() -> None:
    """The surface x squared has the slope 2x."""
    x = y = np.linspace(0, 1, 101)
    assert full_slope(x, y, x[None] ** 2 + 0 * y[:, None]) == pytest.approx(1.8)
    assert full_slope(x, y, np.full((101, 101), np.nan)) == 0.0


@pytest.mark.parametrize("value", [0.0, 2.3, -1e6])
def test_a_plain_has_no_slope(value: float) -> None:
    """Rounding is none."""
    x, y = np.linspace(-2, 4, 9), np.linspace(0.1, 0.7, 41)
    assert full_slope(x, y, np.full((41, 9), value)) == 0.0
