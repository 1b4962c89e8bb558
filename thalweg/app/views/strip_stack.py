"""Where the strips of several lines of training stand, one below the other, each under its name. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from thalweg.app.overlay import DrawnLine

MOST = 6
"""Strips at most: of more lines, profile and course alone are drawn."""


LEAST_ROW = 3.0
"""Pixels that a layer is to be high, where several strips are drawn."""


@dataclass(frozen=True)
class Place:
    """The place of a line's strip: its layer n stands at ``offset`` + n."""

    line: DrawnLine
    offset: float


def stacked(lines: Sequence[DrawnLine]) -> list[DrawnLine]:
    """The lines whose strips are drawn: of runs that differ in their seed alone one, the one in front where it is.

    The one in front is among them, however many there are.
    """
    found: dict[int, DrawnLine] = {}
    for line in lines:
        if line.front or line.style not in found:
            found[line.style] = line
    chosen = list(found.values())
    others = [line for line in chosen if not line.front][: MOST - any(line.front for line in chosen)]
    return [line for line in chosen if line.front or line in others]


def places_of(lines: Sequence[DrawnLine], depth: float, gap: float) -> list[Place]:
    """Places for these lines' strips, each ``depth`` layers high, with a name of ``gap`` layers above it."""
    return [Place(line, k * (depth + gap)) for k, line in enumerate(lines)]


def fits(count: int, depth: float, height: float, text: float) -> bool:
    """Whether so many strips of ``depth`` layers, each under its name, can be told apart in ``height`` pixels."""
    return height >= count * (text + LEAST_ROW * depth)


def gap_for(count: int, depth: float, height: float, text: float) -> float:
    """The layers that a name takes, where ``count`` strips of ``depth`` layers and their names are ``height`` pixels
    high and a text is ``text`` pixels. At most as high as a strip, where there is no room at all.

    >>> gap_for(2, 4.0, 100.0, 10.0)  # 8 layers have 80 pixels
    1.0
    """
    left = height - count * text
    return min(depth, text * count * depth / left) if left > 0 else depth


def place_at(places: Sequence[Place], row: float, first: float, last: float) -> tuple[Place, int]:
    """The strip at or nearest to a height, and the layer there, from ``first`` to ``last``."""
    found = min(places, key=lambda p: max(first - 0.5 + p.offset - row, row - last - 0.5 - p.offset, 0.0))
    return found, round(min(max(row - found.offset, first), last))
