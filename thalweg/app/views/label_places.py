"""Where values stand on contour lines: on the line and along it, clear of each other, of border and of markers.

Lengths are logical pixels, with y downwards. No Qt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STEP = 12.0
"""Pixels between two places that are tried on a line."""

MOST_PER_LINE = 40

CELL = 4.0
"""Pixels of the raster in which lines are looked for below a text."""

PER_LABEL = 7.5
"""A label has a square of so many times its height to itself, on average."""

AGAIN = 16.0
"""The same value is written again no nearer than so many times its height."""


@dataclass(frozen=True)
class Place:
    """A text on a line: its centre, its angle (degrees, clockwise on screen, upright), the stretch that it covers."""

    line: int
    x: float
    y: float
    angle: float
    start: float
    stop: float


@dataclass(frozen=True)
class Area:
    """Where texts may stand: a rectangle, without round markers [n, 3] (x, y, radius) and points taken [n, 2]."""

    left: float
    top: float
    right: float
    bottom: float
    markers: np.ndarray
    taken: np.ndarray

    @property
    def lengths(self) -> tuple[float, float]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


def label_places(
    lines: Sequence[np.ndarray], levels: Sequence[int], sizes: np.ndarray, area: Area, before: np.ndarray
) -> list[Place]:
    """Places for the values of contour lines, at most a few for each level, fewer in a small area.

    ``lines[k]`` [n, 2] belongs to the level ``levels[k]``, whose text has width and height ``sizes[level]``. No two
    texts overlap, and none stands on a line of another level, on what is taken or across the border. ``before`` [n, 3]
    holds level, x and y of labels drawn last, near which a level's label stays if it can.
    """
    if not lines:
        return []
    thread = _Thread(lines)
    if thread.lengths.sum() > 400 * sum(area.lengths):
        return []  # a picture stretched out of all proportion until the next one arrives
    raster = _raster(thread, levels, area)
    tried = _tried(thread, sizes[np.asarray(levels)])
    if not len(tried):
        return []
    level = np.asarray(levels)[tried[:, 0].astype(int)]
    boxes = _boxes(tried, sizes[level])
    on_line = _under(boxes, raster, area)
    clear = ((on_line == 0) | (on_line == level[:, None] + 1)).all(axis=1)
    clear &= _inside(tried, sizes[level], area) & _off_markers(tried, sizes[level], area.markers)
    cost = tried[:, 5] + 0.5 * np.abs(np.sin(tried[:, 3]))
    cost += _distance_from(before, tried, level, sizes[level, 1])
    most = int(np.prod(area.lengths) / (PER_LABEL * sizes[:, 1].max()) ** 2)
    return [_place(tried[k], sizes[level[k]]) for k in _chosen(tried, level, sizes, clear, cost, most)]


def without(line: np.ndarray, lengths: np.ndarray, gaps: Sequence[tuple[float, float]]) -> np.ndarray:
    """A polyline [n, 2] with stretches taken out (NaN in their middle); ``lengths`` [n] goes up to each point.

    The gaps are given in the unit of ``lengths``, which need not be that of the line.
    """
    if not gaps:
        return line
    edges = np.array(gaps)
    cut = np.unique(np.concatenate([lengths, edges.ravel(), edges.mean(axis=1)]))
    points = np.stack([np.interp(cut, lengths, line[:, 0]), np.interp(cut, lengths, line[:, 1])], axis=1)
    for start, stop in gaps:
        points[(cut > start) & (cut < stop)] = np.nan
    return points


def along(line: np.ndarray) -> np.ndarray:
    """The length of a polyline [n, 2] from its beginning to each of its points [n]."""
    lengths: np.ndarray = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    return lengths


class _Thread:
    """Lines one after another, so that places on all of them are found at once: by the length ``at`` along them."""

    def __init__(self, lines: Sequence[np.ndarray]) -> None:
        counts = np.array([len(line) for line in lines])
        self._points = np.concatenate(lines)
        ends = np.cumsum(counts)
        gap = np.hypot(*np.diff(self._points, axis=0).T)
        gap[ends[:-1] - 1] = 1.0  # from one line to the next
        self._at = np.concatenate([[0.0], np.cumsum(gap)])
        self.starts = self._at[ends - counts]
        self.lengths = self._at[ends - 1] - self.starts

    def at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """X and y there."""
        return np.interp(places, self._at, self._points[:, 0]), np.interp(places, self._at, self._points[:, 1])


def _tried(thread: _Thread, sizes: np.ndarray) -> np.ndarray:
    """Places straight enough for their line's text [n, 6]: line, x, y, angle, length along the line, bend."""
    room = 0.5 * sizes[:, 0] + 0.5 * sizes[:, 1]
    free = thread.lengths - 2 * room
    counts = np.where(free < sizes[:, 0], 0, np.clip(free / STEP + 1, 1, MOST_PER_LINE)).astype(int)
    line = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    middle = room[line] + free[line] * number / np.maximum(counts[line] - 1, 1)
    width, height = sizes[line].T
    x, y = thread.at((thread.starts[line] + middle)[:, None] + width[:, None] * np.linspace(-0.5, 0.5, 5))
    across, down = x[:, -1] - x[:, 0], y[:, -1] - y[:, 0]
    chord = np.maximum(np.hypot(across, down), 1e-9)
    bend = np.abs(across[:, None] * (y - y[:, :1]) - down[:, None] * (x - x[:, :1])).max(axis=1) / chord / height
    straight = (chord > 0.92 * width) & (bend < 0.35)
    angle = np.arctan2(down, across)
    angle -= np.pi * np.round(angle / np.pi)  # upright
    found: np.ndarray = np.stack([line, x[:, 2], y[:, 2], angle, middle, bend], axis=1)[straight]
    return found


def _boxes(tried: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Points spread over the text of each place, [n, points, 2]."""
    u, v = (a.ravel() for a in np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(-0.4, 0.4, 3)))
    u, v = u * sizes[:, :1], v * sizes[:, 1:]
    cos, sin = np.cos(tried[:, 3:4]), np.sin(tried[:, 3:4])
    return np.stack([tried[:, 1:2] + u * cos - v * sin, tried[:, 2:3] + u * sin + v * cos], axis=2)


def _raster(thread: _Thread, levels: Sequence[int], area: Area) -> np.ndarray:
    """Which level's line runs through each cell, counted from 1; 0: none, -1: several, or something else."""
    width, height = area.lengths
    raster = np.zeros((int(max(height, 0) / CELL) + 1, int(max(width, 0) / CELL) + 1), dtype=np.int16)
    counts = (2 * thread.lengths / CELL).astype(int) + 2
    line = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    x, y = thread.at(thread.starts[line] + np.minimum(number * CELL / 2, thread.lengths[line]))
    points, values, other = np.stack([x, y], axis=1), np.asarray(levels)[line] + 1, raster.copy()
    _mark(raster, points, values, area)
    _mark(other, points[::-1], values[::-1], area)  # the last value stays: where it is another, there are several
    raster[raster != other] = -1
    _mark(raster, area.taken, -1, area)
    return raster


def dense(line: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """A polyline [n, 2] as points so near each other that no cell between them is missed."""
    at = np.arange(0, lengths[-1] + CELL / 2, CELL / 2)
    return np.stack([np.interp(at, lengths, line[:, 0]), np.interp(at, lengths, line[:, 1])], axis=1)


def _mark(raster: np.ndarray, points: np.ndarray, value: np.ndarray | int, area: Area) -> None:
    j, i, inside = _cells(points, raster, area)
    raster[j[inside], i[inside]] = np.broadcast_to(value, inside.shape)[inside]


def _cells(points: np.ndarray, raster: np.ndarray, area: Area) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    i, j = (points[..., 0] - area.left) / CELL, (points[..., 1] - area.top) / CELL
    inside = (i >= 0) & (j >= 0) & (i < raster.shape[1]) & (j < raster.shape[0])
    return np.where(inside, j, 0).astype(int), np.where(inside, i, 0).astype(int), inside


def _under(boxes: np.ndarray, raster: np.ndarray, area: Area) -> np.ndarray:
    """What the raster holds below each point of each box, [n, points]."""
    j, i, inside = _cells(boxes, raster, area)
    return np.where(inside, raster[j, i], 0)


def _inside(tried: np.ndarray, sizes: np.ndarray, area: Area) -> np.ndarray:
    cos, sin = np.abs(np.cos(tried[:, 3])), np.abs(np.sin(tried[:, 3]))
    half_x = 0.5 * (sizes[:, 0] * cos + sizes[:, 1] * sin) + 2
    half_y = 0.5 * (sizes[:, 0] * sin + sizes[:, 1] * cos) + 2
    x, y = tried[:, 1], tried[:, 2]
    beside: np.ndarray = (x - half_x > area.left) & (x + half_x < area.right)
    beside &= (y - half_y > area.top) & (y + half_y < area.bottom)
    return beside


def _off_markers(tried: np.ndarray, sizes: np.ndarray, markers: np.ndarray) -> np.ndarray:
    if not len(markers):
        return np.ones(len(tried), dtype=bool)
    distance = np.hypot(tried[:, 1:2] - markers[:, 0], tried[:, 2:3] - markers[:, 1])
    clear: np.ndarray = (distance > markers[:, 2] + 0.5 * np.hypot(*sizes.T)[:, None]).all(axis=1)
    return clear


def _distance_from(before: np.ndarray, tried: np.ndarray, level: np.ndarray, height: np.ndarray) -> np.ndarray:
    """How far each place is from the nearest label that its level had before: 0 to 2, 1 for levels that had none."""
    if not len(before):
        return np.zeros(len(tried))
    distance = np.hypot(tried[:, 1:2] - before[:, 1], tried[:, 2:3] - before[:, 2])
    distance = np.where(level[:, None] == before[:, 0], distance, np.inf).min(axis=1)
    return np.where(np.isfinite(distance), 2 * np.minimum(1, distance / (10 * height)), 1.0)


def _chosen(
    tried: np.ndarray, level: np.ndarray, sizes: np.ndarray, clear: np.ndarray, cost: np.ndarray, most: int
) -> list[int]:
    """Numbers of the places taken: each level once if possible, every second level first, then once more."""
    reach = 0.5 * np.hypot(*sizes[level].T) + 0.5 * sizes[level, 1]  # circles around the texts, which do not touch
    names = np.unique(level).tolist()
    chosen: list[int] = []
    clear = clear.copy()
    for again in (False, True):
        for name in names[::2] + names[1::2]:
            if len(chosen) >= most:
                return chosen
            free = clear & (level == name)
            for k in chosen:
                if again and level[k] == name:
                    free &= _apart(tried, k) > AGAIN * sizes[name, 1]
            if free.any():
                best = int(np.where(free, cost, np.inf).argmin())
                chosen.append(best)
                clear &= _apart(tried, best) > reach + reach[best]
    return chosen


def _apart(tried: np.ndarray, k: int) -> np.ndarray:
    found: np.ndarray = np.hypot(tried[:, 1] - tried[k, 1], tried[:, 2] - tried[k, 2])
    return found


def _place(tried: np.ndarray, size: np.ndarray) -> Place:
    line, x, y, angle, middle, _ = tried.tolist()
    half = 0.5 * float(size[0]) + 2
    return Place(int(line), x, y, float(np.degrees(angle)), middle - half, middle + half)
