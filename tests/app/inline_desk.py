"""A controller over the real services, in this process, with a clock that is turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from thalweg.app.compute.inline import InlineLandscapes, InlineSession
from thalweg.app.controller import Controller
from thalweg.app.state import AppState
from thalweg.core.scene import Scene
from thalweg.core.training.service import TrainingService

from .rig import FakeClock, state_of


class Watched:
    """What a test reads of a controller over a service in this process."""

    controller: Controller
    service: TrainingService

    @property
    def state(self) -> AppState:
        """The controller's."""
        return self.controller.state

    @property
    def step(self) -> int:
        """Steps trained so far."""
        assert self.service.runs is not None
        return self.service.runs.front.step_count

    @property
    def parameters(self) -> np.ndarray:
        """A copy of the parameters now."""
        assert self.service.runs is not None
        return self.service.runs.front.session.snapshot().numpy()


class Inline(Watched):
    """Trains exactly the steps that are due on its clock."""

    def __init__(self, scene: Scene | None = None, **settings: Any) -> None:
        self.clock = FakeClock()
        self.service = TrainingService(now=self.clock)
        self.controller = Controller(
            state_of(scene, **settings), InlineSession(self.service), InlineLandscapes(), self.clock
        )

    def until(self, done: Callable[[AppState], object], ticks: int = 60, seconds: float = 0.0) -> AppState:
        """Look at the workers until it is so; ``seconds`` pass between two looks."""
        for _ in range(ticks):
            self.controller.tick()
            if done(self.state):
                return self.state
            self.clock.time += seconds
        raise AssertionError(f"not after {ticks} looks {self.state.sentence} {self.state.map_error}")


def settled(state: AppState) -> bool:
    """Whether the map is complete, of the newest frame, and the path is on its plane."""
    m, path = state.map, state.path
    return bool(
        m
        and m.complete
        and not state.busy
        and state.frame
        and m.step == state.frame.step
        and path
        and path.plane == m.plane == state.plane
        and path.steps[-1] == m.step
    )
