"""The state as one line of training alone is seen in it: what a tile shows. No Qt."""

from __future__ import annotations

from dataclasses import replace

from thalweg.app.binding import Binding
from thalweg.app.overlay import lines_of
from thalweg.app.state import AppState
from thalweg.app.wishes import tile_lines, tiled
from thalweg.core.messages import Frame


def tiles_of(state: AppState) -> tuple[tuple[int, str], ...]:
    """Numbers and names of the lines that are drawn side by side; nothing where they are drawn over one another."""
    if not tiled(state):
        return ()
    numbers = {line.number for line in tile_lines(state)}
    return tuple((line.number, line.name) for line in lines_of(state) if line.number in numbers)


class Alone:
    """Gives the state with one line in front and all others hidden; the same frame for the same frame."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._frame: Frame | None = None
        self._own: Frame | None = None
        self._others: frozenset[int] = frozenset()

    def __call__(self, state: AppState) -> AppState:
        """The state as this line is seen in it; the state itself where it has no such line."""
        frame = state.frame
        if frame is None or all(line.number != self.number for line in frame.lines):
            return state
        if frame is not self._frame or self._own is None:
            line = next(line for line in frame.lines if line.number == self.number)
            self._frame, self._own = frame, replace(frame, focus=self.number, step=line.step)
            self._others = frozenset(other.number for other in frame.lines if other.number != self.number)
        if self.number == frame.focus:
            return replace(state, frame=self._own, hidden=self._others)
        found, path = state.maps.get(self.number), self._own.path
        shown = path if found is not None and path is not None and path.plane == found.plane else None
        return replace(state, frame=self._own, hidden=self._others, map=found, path=shown)


def alone(number: int, binding: Binding) -> Binding:
    """The same setter, shown the state as one line alone is seen in it."""
    seen, select = Alone(number), binding.select
    return replace(binding, select=lambda state: select(seen(state)))
