"""A height field: triangles over an even grid, their painter's order, and what lies on them. No Qt.

Each cell of the grid is two triangles, parted by the diagonal from its first corner to the opposite one; ``half`` 0 is
the triangle on the side of the second corner along x. Where a corner has no finite height there is no triangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEVEL = 1e-9
"""Heights closer than this count as equal where one is asked to hide the other."""


@dataclass(frozen=True)
class HeightField:
    """Heights z[j, i] over the points (x[i], y[j]) of an even, ascending grid."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    def triangles(self) -> tuple[np.ndarray, np.ndarray]:
        """All triangles: their corners [n, 3, 3], and row, column and half [n, 3] of each."""
        nodes = np.stack([*np.meshgrid(self.x, self.y), self.z], axis=-1)
        a, b, c, d = nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]
        corners = np.stack([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)], axis=2)
        there = np.isfinite(corners).all(axis=(3, 4))
        return corners[there], np.argwhere(there)

    def rims(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sides that only one of these triangles has, where the surface ends: [k, 2, 3], and whose they are [k]."""
        row, column, half = cells.T
        wide = len(self.x)
        near = row * wide + column
        far = near + wide + 1
        second, third = np.where(half == 0, near + 1, far), np.where(half == 0, far, near + wide)
        pairs = np.sort(np.stack([near, second, second, third, third, near], axis=1).reshape(-1, 2), axis=1)
        _, at, counts = np.unique(pairs[:, 0] * self.z.size + pairs[:, 1], return_index=True, return_counts=True)
        alone = np.sort(at[counts == 1])
        nodes = np.stack([*np.meshgrid(self.x, self.y), self.z], axis=-1).reshape(-1, 3)
        return nodes[pairs[alone]], alone // 3

    def back_to_front(self, cells: np.ndarray, towards: np.ndarray) -> np.ndarray:
        """The order [n] in which to paint what stands over these (row, column, half) [n, 3].

        What hides something lies over it on the way towards the viewer. Along that way neither row nor column ever
        turns back, and a cell's diagonal is passed once, from one side: so rows in one direction, columns in one
        direction within them, and halves in one order within those is exact, whatever the heights.
        """
        row, column, half = cells.T
        width, depth = self.x[1] - self.x[0], self.y[1] - self.y[0]
        first_is_nearer = towards[0] * depth - towards[1] * width > 0
        order: np.ndarray = np.lexsort(
            (
                1 - half if first_is_nearer else half,
                column if towards[0] > 0 else -column,
                row if towards[1] > 0 else -row,
            )
        )
        return order

    def height_at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The height of the triangles at these places; NaN beside the grid and where there is no triangle."""
        u, v = self._places(x, y)
        i, j = (
            np.clip(np.nan_to_num(np.floor(w)), 0, n - 2).astype(int) for w, n in ((u, len(self.x)), (v, len(self.y)))
        )
        s, t, z = u - i, v - j, self.z
        a, c = z[j, i], z[j + 1, i + 1]
        with np.errstate(invalid="ignore", over="ignore"):
            second = np.where(s >= t, z[j, i + 1], z[j + 1, i])
            long, short = np.maximum(s, t), np.minimum(s, t)
            height: np.ndarray = a + long * (second - a) + short * (c - second)
        inside = (short >= -_LEVEL) & (long <= 1 + _LEVEL) & np.isfinite(height)
        return np.where(inside, height, np.nan)

    def drape(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The line through these points laid onto the triangles: points [m, 3], NaN in z where there are none.

        Points are added wherever the line passes from one triangle to the next, so that it lies on them all the way.
        """
        u, v = self._places(x, y)
        segments, shares = [np.arange(len(x))], [np.zeros(len(x))]
        columns, rows = len(self.x) - 1, len(self.y) - 1
        for across, first, last in ((u, 0, columns), (v, 0, rows), (u - v, -rows, columns)):
            segment, share = _whole_between(across[:-1], across[1:], first, last)
            segments.append(segment)
            shares.append(share)
        segment, share = np.concatenate(segments), np.concatenate(shares)
        order = np.lexsort((share, segment))
        segment, share = segment[order], share[order]
        after = np.minimum(segment + 1, len(x) - 1)
        px, py = (w[segment] + share * (w[after] - w[segment]) for w in (x, y))
        return np.stack([px, py, self.height_at(px, py)], axis=1)

    def hidden(self, x: np.ndarray, y: np.ndarray, towards: np.ndarray) -> np.ndarray:
        """Whether the surface at these places is hidden from the viewer by other triangles, [m].

        Ray and triangles are both straight between the lines of the grid, so it is enough to compare them there.
        """
        z = self.height_at(x, y)
        u, v = self._places(x, y)
        to_u, to_v = towards[0] / (self.x[1] - self.x[0]), towards[1] / (self.y[1] - self.y[0])
        columns, rows = len(self.x), len(self.y)
        ways = []
        for start, pace, lines in (
            (u, to_u, np.arange(columns)),
            (v, to_v, np.arange(rows)),
            (u - v, to_u - to_v, np.arange(1 - rows, columns)),
        ):
            if abs(pace) > 1e-9:
                ways.append((lines - start[:, None]) / pace)
        if not ways:
            return np.zeros(len(x), dtype=bool)
        way = np.concatenate(ways, axis=1)
        top = np.max(self.z, where=np.isfinite(self.z), initial=-np.inf)
        point, line = np.nonzero((way > 0) & (z[:, None] + way * towards[2] < top))
        way = way[point, line]
        over = self.height_at(x[point] + way * towards[0], y[point] + way * towards[1])
        covered = over > z[point] + way * towards[2] + _LEVEL
        return np.bincount(point[covered], minlength=len(x)) > 0

    def _places(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates counted in columns and rows."""
        return (x - self.x[0]) / (self.x[1] - self.x[0]), (y - self.y[0]) / (self.y[1] - self.y[0])


def _whole_between(start: np.ndarray, stop: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the ways [n] from start to stop pass whole numbers from first to last: number of the way, share of it."""
    low = np.clip(np.floor(np.minimum(start, stop)) + 1, first, last + 1)
    high = np.clip(np.ceil(np.maximum(start, stop)) - 1, first - 1, last)
    counts = np.maximum(high - low + 1, 0).astype(int)
    way, place = runs(counts)
    return way, (low[way] + place - start[way]) / (stop - start)[way]


def runs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each number repeated as often as it counts, and the place in each such run: [sum of counts] both.

    >>> [r.tolist() for r in runs(np.array([2, 0, 3]))]
    [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]


def cut(corners: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Triangles [n, 3, 3] cut along the heights ``edges``, ascending, which hold them all.

    Returns the pieces as polygons [m, 5, 3] (corners may coincide), the band that each lies in, the triangle that it is
    of, and whether its first side is the line in which the triangle passes the band's lower edge. Pieces of one
    triangle follow each other, the lowest first.
    """
    order = np.argsort(corners[:, :, 2], axis=1)
    corners = np.take_along_axis(corners, order[:, :, None], axis=1)
    first = np.clip(np.searchsorted(edges, corners[:, 0, 2], "right") - 1, 0, len(edges) - 2)
    last = np.clip(np.searchsorted(edges, corners[:, 2, 2], "left") - 1, first, len(edges) - 2)
    owner, place = runs(last - first + 1)
    band = first[owner] + place
    low, middle, high = (corners[owner, k] for k in range(3))
    bottom, top = (np.clip(edges[band + k], low[:, 2], high[:, 2]) for k in (0, 1))

    def short(level: np.ndarray, flat: float) -> np.ndarray:
        """Where the two shorter sides, taken together, pass the level."""
        below = (level < middle[:, 2])[:, None]
        return np.where(below, _between(low, middle, level, flat), _between(middle, high, level, flat))

    at_bottom, at_top = short(bottom, 0.0), short(top, 1.0)
    holds_middle = ((bottom <= middle[:, 2]) & (middle[:, 2] <= top))[:, None]
    sides = (
        _between(low, high, bottom, 0.0),
        at_bottom,
        np.where(holds_middle, middle, at_bottom),
        at_top,
        _between(low, high, top, 1.0),
    )
    return np.stack(sides, axis=1), band, owner, edges[band] > low[:, 2]


def _between(p: np.ndarray, q: np.ndarray, level: np.ndarray, flat: float) -> np.ndarray:
    """The points [n, 3] between p and q at these heights; at the share ``flat`` where p and q are equally high."""
    rise = q[:, 2] - p[:, 2]
    share = np.divide(level - p[:, 2], rise, out=np.full(len(p), flat), where=rise > 0)
    point: np.ndarray = p + np.clip(share, 0.0, 1.0)[:, None] * (q - p)
    return point


def slopes(corners: np.ndarray) -> np.ndarray:
    """The unit normals [n, 3] of triangles [n, 3, 3], all on the upper side."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    up = np.where(normal[:, 2:] < 0, -1.0, 1.0)
    unit: np.ndarray = np.divide(up * normal, length, out=np.tile([0.0, 0.0, 1.0], (len(normal), 1)), where=length > 0)
    return unit
