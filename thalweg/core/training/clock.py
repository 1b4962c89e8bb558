"""When the player's next step is due, and how many batches it has."""

from __future__ import annotations

import math
from collections.abc import Callable

from thalweg.core.scene import PaceSpec
from thalweg.core.training.session import Session


class Clock:
    """When the player's next step is due, and how many batches it has."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.pace, self.playing, self.pending, self._due = PaceSpec(), False, 0, 0.0
        self.owed = 0

    def set(self, playing: bool, pace: PaceSpec) -> None:
        """Play or pause at a pace; a step that was begun is given up when pausing."""
        if not playing:
            self.pending = self.owed = 0
        if (playing and not self.playing) or pace != self.pace:
            self._due = self._now()
        self.playing, self.pace = playing, pace

    def batches(self, session: Session) -> int:
        """Batches of one step of the player."""
        match self.pace.step:
            case "batch":
                return 1
            case "epoch":
                return session.batches_left
            case "batches":
                return self.pace.batches

    def tick(self, session: Session) -> None:
        """Begin the next step if it is due."""
        if self.pending and self.pace.step == "epoch":
            self.pending = min(self.pending, self.batches(session))
        if not self.pending and self.owed:
            self.owed -= 1
            self.pending = self.batches(session)
        if self.playing and not self.pending and self.wait() <= 0:
            self.pending = self.batches(session)
            self._due = max(self._due + 1 / self.pace.speed, self._now() - 0.1)  # late steps are not all made up for

    @property
    def busy(self) -> bool:
        """Whether it plays, or a step is still being taken."""
        return bool(self.playing or self.pending or self.owed)

    def wait(self) -> float:
        """Seconds until there is something to do; infinite when paused."""
        if self.pending or self.owed:
            return 0.0
        return max(0.0, self._due - self._now()) if self.playing else math.inf
