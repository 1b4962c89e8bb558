"""The path of a line on a plane, kept up to date while the line is recorded, thinned and branched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from thalweg.core.plane import projection as module
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.projection import Projection

SIZE = 5


def point(step: int, branch: int = 0) -> Tensor:
    """The parameters of a step, on one of two ways that part after step 20."""
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(step + 1000 * branch * (step > 20)))


@dataclass
class Recorded:
    """A past that counts how often each of its points is looked at."""

    steps: np.ndarray
    branch: int = 0
    looked: int = 0

    def rows(self, chosen: slice = slice(None)) -> Tensor:
        """The parameters of some of the steps."""
        found = [point(s, self.branch) for s in self.steps[chosen].tolist()]
        self.looked += len(found)
        return torch.stack(found) if found else torch.empty(0, SIZE)


def plane_of(seed: int) -> Plane:
    """A plane of two oblique directions."""
    origin, x, y = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(seed))
    return Plane(origin, Direction(x, "x", ""), Direction(y, "y", ""))


def wanted(plane: Plane, steps: list[int], branch: int = 0) -> np.ndarray:
    """The coordinates by least squares in float64, [2, n]."""
    basis = np.stack([plane.x.vector.double().numpy(), plane.y.vector.double().numpy()], axis=1)
    moved = np.stack([(point(s, branch) - plane.origin).double().numpy() for s in steps], axis=1)
    return np.linalg.lstsq(basis, moved, rcond=None)[0]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from([1, 2, 4, 8]), st.integers(0, 3)), min_size=1, max_size=8),
    st.integers(4, 4096),
)
def test_a_path_is_that_of_its_points(looks: list[tuple[int, int, int]], forget: int) -> None:
    """However the past was thinned or went back, whatever plane was laid meanwhile: brute force; the last is now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FORGET", forget)
        projection, number = Projection(), -1
        for now, stride, laid in looks:
            if laid != number:
                number = laid
                projection.use(number, plane_of(number))
            past = Recorded(np.arange(0, now + 1, stride))
            path = projection.path(past, now, point(now))
            assert path is not None
            steps = sorted({*past.steps.tolist(), now})
            assert path.plane == number
            assert path.steps.tolist() == steps
            np.testing.assert_allclose([path.alpha, path.beta], wanted(plane_of(number), steps), atol=1e-4)
            moved = (point(now) - point(0)).double()
            assert path.share == pytest.approx(plane_of(number).share_of(point(0), point(now)))
            assert 0 <= path.share <= 1 + 1e-6 or not moved.any()


def test_each_point_is_projected_once() -> None:
    """As the line goes on, and when it is thinned; all of them again on another plane."""
    projection = Projection()
    projection.use(1, plane_of(1))
    for now in range(100):
        past = Recorded(np.arange(now + 1))
        projection.path(past, now, point(now))
        assert past.looked <= 2, "the new one, and the first for the share"
    thinned = Recorded(np.arange(0, 100, 4))
    projection.path(thinned, 99, point(99))
    assert thinned.looked == 1
    projection.use(2, plane_of(2))
    again = Recorded(np.arange(0, 100, 4))
    projection.path(again, 99, point(99))
    assert again.looked == 26


def test_without_a_plane_there_is_no_path() -> None:
    """At first, and when there is none any more."""
    projection, past = Projection(), Recorded(np.arange(3))
    assert projection.path(past, 2, point(2)) is None
    projection.use(1, plane_of(1))
    assert projection.path(past, 2, point(2)) is not None
    projection.use_none()
    assert projection.path(past, 2, point(2)) is None


@given(st.integers(21, 60), st.integers(21, 60))
def test_a_branch_goes_its_own_way_on_the_plane_of_its_parent(head: int, now: int) -> None:
    """What both share is known; what each has after that is its own, also at the same steps."""
    parent, branch = Projection(), Projection()
    parent.use(3, plane_of(3))
    parent.path(Recorded(np.arange(head + 1)), head, point(head))
    branch.use_that_of(parent, 20)
    mine = Recorded(np.arange(now + 1), branch=1)
    for projection, past, step, which in (
        (branch, mine, now, 1),
        (parent, Recorded(np.arange(head + 1)), head, 0),
        (branch, Recorded(np.arange(now + 1), branch=1), now, 1),
    ):
        path = projection.path(past, step, point(step, which))
        assert path is not None
        assert path.plane == 3
        np.testing.assert_allclose(
            [path.alpha, path.beta], wanted(plane_of(3), list(range(step + 1)), which), atol=1e-4
        )
    assert mine.looked == now - 20 + 1
