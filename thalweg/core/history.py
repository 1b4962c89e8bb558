"""What happened in a run: the trajectory of its moments and the series of its measures, in bounded memory."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from thalweg.core.training.moment import Moment

MEMORY = 512 * 2**20
"""Bytes that a trajectory takes at most, unless it is told otherwise."""

ROWS = 512
"""Moments that a trajectory holds while it is dense; also the points that a path is drawn through at most."""

SPARSE = 64
"""Stride from which on a trajectory grows up to its memory: fresh memory at every step would cost as much as a step."""

WHOLE = 8
"""Every so many-th moment keeps the optimiser's memory; between two of them training is repeated."""

LEAST = 4
"""Moments that are kept however large they are."""

SERIES_ROWS = 2048
"""Rows that a series holds at most."""


class Session(Protocol):
    """What a trajectory records."""

    step_count: int

    def moment(self, whole: bool = True) -> Moment:
        """The moment now."""


class Trajectory:
    """Moments at the steps start, start + stride, start + 2 stride, ...

    When full, every second moment is dropped and the stride doubles; which steps are kept depends on the steps
    and on the sizes alone, so the same run leaves the same trajectory. The first moment always stays.
    """

    def __init__(self, start: int = 0, limit: int = MEMORY) -> None:
        self.start, self.stride, self.limit = start, 1, limit
        self.moments: list[Moment] = []
        self.nbytes = 0
        """The memory that the moments take."""
        self._sizes = {True: 0, False: 0}

    @property
    def steps(self) -> np.ndarray:
        """The recorded steps; int64 [moments]."""
        return self.start + np.arange(len(self.moments), dtype=np.int64) * self.stride

    def offer(self, session: Session) -> None:
        """Keep the session's moment, if it is the next that is due."""
        if self._is_due(session.step_count) and self._full():
            self.thin()
        if self._is_due(session.step_count):
            self.append(session.moment(whole=self._next_is_whole))

    def _is_due(self, step: int) -> bool:
        return step == self.start + len(self.moments) * self.stride

    @property
    def _next_is_whole(self) -> bool:
        return len(self.moments) % WHOLE == 0

    def append(self, moment: Moment) -> None:
        """Keep a moment that is due."""
        self.moments.append(moment)
        self.nbytes += moment.nbytes
        self._sizes[moment.whole] = max(self._sizes[moment.whole], moment.nbytes)

    def fill(self, stride: int, moments: list[Moment]) -> None:
        """Hold these moments in the place of what there is."""
        self.stride, self.moments, self.nbytes = stride, [], 0
        for moment in moments:
            self.append(moment)

    def restrict(self, limit: int) -> None:
        """Take no more memory than this from now on, but for the fewest moments that a trajectory has."""
        self.limit = limit
        while self.nbytes > limit and len(self.moments) > LEAST:
            self.thin()

    def thin(self) -> None:
        """Drop every second moment, and the optimiser's memory of all but every eighth that is left."""
        kept = self.moments[::2]
        self.moments = [m if i % WHOLE == 0 else m.to_look_at() for i, m in enumerate(kept)]
        self.stride *= 2
        self.nbytes = sum(m.nbytes for m in self.moments)

    def cut(self, step: int) -> None:
        """Drop what is later than ``step``."""
        self.moments = [m for m in self.moments if m.step <= step]
        self.nbytes = sum(m.nbytes for m in self.moments)

    def _full(self) -> bool:
        count = len(self.moments)
        if count < LEAST:
            return False
        dense = count >= ROWS and count % 2 == 0 and self.stride < SPARSE
        plain = self._sizes[False] or self._sizes[True]  # without the optimiser's memory, where it has any
        return dense or self.nbytes + (self._sizes[True] if self._next_is_whole else plain) > self.limit

    def at(self, step: int) -> Moment | None:
        """The moment of exactly this step, if it was kept."""
        index, rest = divmod(step - self.start, self.stride)
        return self.moments[index] if rest == 0 and 0 <= index < len(self.moments) else None

    def whole_before(self, step: int) -> Moment | None:
        """The last moment at or before ``step`` that training can go on from."""
        index = min((step - self.start) // self.stride, len(self.moments) - 1)
        return next((self.moments[i] for i in range(index, -1, -1) if self.moments[i].whole), None)

    def until(self, step: int) -> Iterator[Moment]:
        """The moments up to ``step``, the first first."""
        count = max(0, min(len(self.moments), (step - self.start) // self.stride + 1))
        return iter(self.moments[:count])


def spaced(moments: Sequence[Moment], most: int = ROWS) -> list[Moment]:
    """Every moment, or of more than ``most`` every second, fourth, eighth ... from the first on.

    So a longer path has the same points, or every second of them.
    """
    every = 1
    while -(-len(moments) // every) > most:
        every *= 2
    return list(moments[::every])


def evenly(moments: Sequence[Moment], most: int = ROWS) -> list[Moment]:
    """Moments at equal distances, as far as there are any: a branch may be recorded more densely than its past.

    Those at the multiples of the largest distance between two of them, or of twice, four times ... that, or the last
    before such a multiple.
    """
    steps = [m.step for m in moments]
    gap = max((b - a for a, b in pairwise(steps)), default=1)
    while (steps[-1] - steps[0]) // gap + 1 > most:
        gap *= 2
    places = (bisect_right(steps, at) - 1 for at in range(steps[0], steps[-1] + 1, gap))
    return [moments[k] for k in dict.fromkeys(places)]


Row = tuple[int, tuple[float, ...]]
"""A step, and the measures that were known by then."""


class Series:
    """Rows of measures by step, each row a mapping from names to numbers; thinned to an even spacing when full.

    A measure that a row has not is not a number there.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._names: tuple[str, ...] = ()
        self._gap = 1
        self.changes = 0
        """How often something was added: equal numbers, equal rows."""
        self._made: tuple[tuple[str, ...], list[Row], np.ndarray] = ((), [], np.empty((0, 0)))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row; a later row of the same step is ignored, and so is one that comes sooner than the spacing."""
        if self._rows and step - self._rows[-1][0] < 1:
            return
        self._name(values)
        if len(self._rows) > 1 and self._rows[-1][0] - self._rows[-2][0] < self._gap:
            self._rows.pop()  # the newest row is always kept, so the one before it may have to go
        self._rows.append((step, tuple(values.get(n, math.nan) for n in self._names)))
        self.changes += 1
        if len(self._rows) > SERIES_ROWS:
            self._thin()

    def complete(self, step: int, values: Mapping[str, float]) -> None:
        """Give the row of ``step`` what it has not been measured for yet; nothing where that row is gone."""
        at = bisect_left(self._rows, step, key=lambda row: row[0])
        if at == len(self._rows) or self._rows[at][0] != step:
            return
        self._name(values)
        known = dict(zip(self._names, self._whole(at), strict=True))
        row = tuple(values.get(n, math.nan) if math.isnan(v) else v for n, v in known.items())
        self._rows[at] = (step, row)
        self.changes += 1

    def _name(self, values: Mapping[str, float]) -> None:
        self._names += tuple(n for n in values if n not in self._names)

    def _thin(self) -> None:
        while len(self._rows) > SERIES_ROWS // 2 + 1:
            self._gap *= 2
            kept, last = [self._rows[0]], self._rows[-1]
            for row in self._rows[1:-1]:
                if row[0] - kept[-1][0] >= self._gap:
                    kept.append(row)
            self._rows = [*kept, last]

    def until(self, step: int) -> Series:
        """A series of its own with the rows up to ``step``."""
        found = Series()
        found._names, found._gap, found.changes = self._names, self._gap, self.changes
        found._rows = [row for row in self._rows if row[0] <= step]
        return found

    def around(self, name: str, step: int) -> tuple[float, float]:
        """A measure in the last row up to ``step``, and in the first from it on; without one, 0 and infinity."""
        if name not in self._names:
            return 0.0, float("inf")
        place = self._names.index(name)
        before = bisect_right(self._rows, step, key=lambda row: row[0])
        after = bisect_left(self._rows, step, key=lambda row: row[0])
        return (
            self._whole(before - 1)[place] if before else 0.0,
            self._whole(after)[place] if after < len(self._rows) else float("inf"),
        )

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray]) -> Series:
        """The series with these columns, as :meth:`columns` gives them."""
        found = cls()
        found._names = tuple(n for n in columns if n != "step")
        values = np.stack([columns[n] for n in found._names], axis=1).tolist() if found._names else []
        found._rows = [(int(s), tuple(v)) for s, v in zip(columns["step"], values, strict=True)]
        while len(found._rows) > SERIES_ROWS:
            found._thin()
        return found

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The measures that any row has."""
        return self._names

    @property
    def last_step(self) -> int:
        """Step of the newest row, -1 when there is none."""
        return self._rows[-1][0] if self._rows else -1

    def _whole(self, index: int) -> tuple[float, ...]:
        """A row with all that has been measured: one that is older than a measure has no number there."""
        row = self._rows[index][1]
        return row + (math.nan,) * (len(self._names) - len(row))

    def columns(self) -> dict[str, np.ndarray]:
        """``step`` (int64) and one float64 array for every measure, all of the same length."""
        steps = np.array([s for s, _ in self._rows], dtype=np.int64)
        values = self._values()
        return {"step": steps} | {n: values[:, i] for i, n in enumerate(self._names)}

    def _values(self) -> np.ndarray:
        """The measures as float64 [rows, names]; rows that are as they were are not converted again."""
        names, rows, made = self._made
        same = 0
        if names == self._names:
            pairs = zip(rows, self._rows, strict=False)
            same = next((k for k, (a, b) in enumerate(pairs) if a is not b), min(len(rows), len(self._rows)))
        width, rest = len(self._names), range(same, len(self._rows))
        new = np.array([self._whole(k) for k in rest], dtype=np.float64).reshape(len(rest), width)
        values = np.concatenate([made[:same].reshape(same, width), new])
        self._made = (self._names, list(self._rows), values)
        return values
