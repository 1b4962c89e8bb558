"""The loss on a grid in a plane, delivered coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RectBivariateSpline

from thalweg.core.landscape.evaluators import Ways, evaluator_for
from thalweg.core.landscape.statistics import Statistics
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Batch, Problem


@dataclass(frozen=True)
class Landscape:
    """Loss and accuracy on a grid: ``loss[j, i]`` belongs to ``(x[i], y[j])``.

    ``evaluated[j, i]`` says which values were computed; until the last pass has computed them all, the other losses are
    cubic interpolations between those, and the other accuracies NaN.
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    evaluated: np.ndarray

    @property
    def complete(self) -> bool:
        """Whether every value was computed."""
        return bool(self.evaluated.all())


def axis(low: float, high: float, points: int) -> np.ndarray:
    """``points`` evenly spaced coordinates from low to high; 0 is exactly 0 when it is among them."""
    values = np.linspace(low, high, points)
    values[np.abs(values) < 1e-12 * (high - low)] = 0.0
    return values


def through(values: np.ndarray, place: float) -> np.ndarray:
    """The same coordinates, but one of those inside moved to ``place``, where that lies between the ends.

    So a point that is to be on the grid is on it exactly, and the ends stay where they were asked for.
    """
    if not values[0] < place < values[-1] or len(values) < 3:
        return values
    moved = values.copy()
    moved[1 + np.abs(values[1:-1] - place).argmin()] = place
    return moved


def passes(rows: int, columns: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row and column numbers of the coarse grid points; each pass contains those of the pass before, the last all."""
    stride = 4 if min(rows, columns) >= 17 else 2 if min(rows, columns) >= 9 else 1
    while stride:
        yield _every(rows, stride), _every(columns, stride)
        stride //= 2


def _every(count: int, stride: int) -> np.ndarray:
    return np.union1d(np.arange(0, count, stride), [count - 1])


def landscape(
    problem: Problem,
    plane: Plane,
    x: np.ndarray,
    y: np.ndarray,
    batch: Batch,
    *,
    statistics: Statistics = "stored",
    progress: Callable[[int], object] = lambda done: None,
    ways: Ways | None = None,
) -> Iterator[Landscape | None]:
    """The landscape of a batch, a generator: None after every few grid points, a Landscape after each pass.

    It can be left at any of its yields, and gone on with; nothing of the problem is changed. ``statistics``:
    BatchNorm's, and ``ways``, what is known of the network: see :func:`evaluator_for`. ``progress`` is told how many
    points are done, before each yield of None.
    """
    evaluator = evaluator_for(problem, plane, batch, statistics, ways)
    shape = (len(y), len(x))
    loss, accuracy, done = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    for rows, columns in passes(*shape):
        wanted = np.zeros(shape, dtype=bool)
        wanted[np.ix_(rows, columns)] = True
        j, i = np.nonzero(wanted & ~done)
        points = np.stack([x[i], y[j]], axis=1)
        for part, losses, right in evaluator.evaluate(points):
            loss[j[part], i[part]], accuracy[j[part], i[part]] = losses, right
            progress(int(done.sum()) + part.stop)
            yield None
        done |= wanted
        yield Landscape(x, y, _between(x, y, loss, rows, columns), accuracy.copy(), done.copy())


def _between(x: np.ndarray, y: np.ndarray, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """All grid values from those of a coarse grid: cubic splines, or the nearest value where some are not finite."""
    if len(rows) == len(y) and len(columns) == len(x):
        return values.copy()
    coarse = values[np.ix_(rows, columns)]
    if np.isfinite(coarse).all() and min(coarse.shape) > 3:
        full: np.ndarray = RectBivariateSpline(y[rows], x[columns], coarse)(y, x)
        full = np.clip(full, coarse.min(), coarse.max())
    else:
        full = coarse[np.ix_(_nearest(rows, len(y)), _nearest(columns, len(x)))]
    full[np.ix_(rows, columns)] = coarse
    return full


def _nearest(chosen: np.ndarray, count: int) -> np.ndarray:
    nearest: np.ndarray = np.abs(np.arange(count)[:, None] - chosen[None, :]).argmin(axis=1)
    return nearest
