"""Values between the points of a grid."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from thalweg.core.landscape.between import value_at

X, Y = np.array([-2.0, -1.0, 0.5, 4.0]), np.linspace(0, 1, 3)
VALUES = np.random.default_rng(3).normal(size=(3, 4))


@given(st.floats(-2, 4), st.floats(0, 1))
def test_between_grid_points_as_scipy_has_it(x: float, y: float) -> None:
    """Bilinear, on a grid that need not be even."""
    oracle = RegularGridInterpolator((Y, X), VALUES)
    assert value_at(X, Y, VALUES, (x, y)) == pytest.approx(oracle((y, x)), abs=1e-12)


def test_exact_on_the_grid() -> None:
    """Beside a value that is not finite too: it has no weight there."""
    values = VALUES.copy()
    values[1, 1] = np.inf
    for j, i in np.ndindex(values.shape):
        assert value_at(X, Y, values, (X[i], Y[j])) == values[j, i]
    assert not math.isfinite(value_at(X, Y, values, (-0.9, 0.4)))


@pytest.mark.parametrize("at", [(-2.1, 0.5), (4.1, 0.5), (0.0, -0.1), (0.0, 1.1), (math.nan, 0.5)])
def test_outside_there_is_no_value(at: tuple[float, float]) -> None:
    """Nothing is made up there."""
    assert math.isnan(value_at(X, Y, VALUES, at))
