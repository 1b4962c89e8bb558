"""What of the state a setter of a view shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from thalweg.app.state import AppState


@dataclass
class Binding:
    """A setter of a view, and what of the state it shows; at most once in ``interval`` seconds."""

    select: Callable[[AppState], tuple[Any, ...]]
    apply: Callable[..., None]
    interval: float = 0.0
    shown: tuple[Any, ...] | None = None
    due: float = 0.0

    def show(self, state: AppState, now: float, at_once: bool = False) -> None:
        """Call the setter if what it shows has changed since the last time; ``at_once``: however lately that was."""
        if now < self.due and not at_once:
            return
        chosen = self.select(state)
        if self.shown is not None and all(a is b or _equal(a, b) for a, b in zip(chosen, self.shown, strict=True)):
            return
        self.shown, self.due = chosen, now + self.interval
        self.apply(*chosen)


def _equal(a: Any, b: Any) -> bool:
    """Equality of small values; large ones (frames, maps) count as changed when they are other objects."""
    return isinstance(a, str | int | float | bool | tuple) and type(a) is type(b) and bool(a == b)
