"""Between window and workers: intents become commands, events become state, state goes to the views. No Qt."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from thalweg.app.binding import Binding
from thalweg.app.intents import AskedForMap, AskedForSlices, MapArrived, MapCancelled, SlicesCancelled
from thalweg.app.state import LANDSCAPE_DEATHS, AppState, reduce
from thalweg.app.wishes import (
    landscape_commands,
    map_request,
    session_commands,
    slice_request,
    wanted_axes,
    wants_parameters,
)
from thalweg.core.messages import Acknowledge, Cancel, CancelSlices, Died, Frame, Map, SessionCommand


class Engine(Protocol):
    """A worker, in a process of its own or not."""

    name: str

    def send(self, command: Any) -> None:
        """Tell it to do something."""

    def poll(self) -> list[object]:
        """What it has said since."""

    def restart(self, device: str | None = None) -> None:
        """Begin anew, on another device if one is named."""

    def close(self) -> None:
        """End it."""


class Controller:
    """Owns the state and the workers; the window owns the timer that calls :meth:`tick`."""

    def __init__(
        self,
        state: AppState,
        session: Engine,
        landscapes: Engine,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.state = state
        self.bindings: list[Binding] = []
        self._session, self._landscapes, self._now = session, landscapes, now
        self._events: deque[object] = deque()
        self._acknowledged = self._asked_parameters = self._landscapes_down = False

    def bind(self, bindings: Iterable[Binding]) -> None:
        """Show the state in these setters from now on."""
        self.bindings.extend(bindings)
        self._show()

    def dispatch(self, message: object) -> None:
        """Change the state, tell the workers, and update the views."""
        self._take(message)
        self._ask()
        self._show()

    def tick(self) -> None:
        """Take in what the workers have said; to be called at 30 to 60 Hz."""
        self._events.extend((*self._session.poll(), *self._landscapes.poll()))
        while self._events:  # one by one: what comes after an event that fails is not lost with it
            self._take(self._events.popleft())
        if self._landscapes_down and self.state.landscape_deaths < LANDSCAPE_DEATHS:
            self._landscapes_down = False
            self._landscapes.restart()  # it keeps nothing that is not sent to it again
        self._ask()
        self._show()

    def restart_session(self) -> None:
        """Start the training process again after it has ended; the run begins at step 0."""
        self._session.restart()

    def restart_workers(self, device: str) -> None:
        """Start both workers again on another device."""
        self._session.restart(device)
        self._landscapes.restart(device)

    def tell_session(self, command: SessionCommand) -> None:
        """Send a command that changes nothing in the state: a download, or its end."""
        self._session.send(command)

    def close(self) -> None:
        """End the workers."""
        self._session.close()
        self._landscapes.close()

    def _take(self, message: object) -> None:
        if isinstance(message, Frame):
            self._acknowledged = self._asked_parameters = False
        if isinstance(message, Died) and message.worker == self._landscapes.name:
            self._landscapes_down = True
        before, self.state = self.state, reduce(message, self.state)
        for command in session_commands(before, self.state):
            self._session.send(command)
        for told in landscape_commands(before, self.state):
            self._landscapes.send(told)
            if isinstance(told, Cancel):
                self.state = reduce(MapCancelled(), self.state)
            if isinstance(told, CancelSlices):
                self.state = reduce(SlicesCancelled(), self.state)
        if (
            isinstance(message, Map)
            and message.complete
            and any(message is m for m in (self.state.map, self.state.arriving))
        ):
            self.state = reduce(MapArrived(self._now()), self.state)

    def _ask(self) -> None:
        """Ask for map and slices, and for the next frame, with parameters when those of another step are wanted."""
        if (found := map_request(self.state)) is not None:
            request, key = found
            self._landscapes.send(request)
            self.state = reduce(AskedForMap(key, request.number), self.state)
        if (wanted_slices := slice_request(self.state)) is not None:
            slices, slice_key = wanted_slices
            self._landscapes.send(slices)
            self.state = reduce(AskedForSlices(slice_key, slices.number), self.state)
        state = self.state
        wanted = wants_parameters(state)
        if (
            state.started
            and "training" in state.ready
            and (not self._acknowledged or (wanted and not self._asked_parameters))
        ):
            self._session.send(Acknowledge(state.generation, wanted, wanted_axes(state) if wanted else ()))
            self._acknowledged, self._asked_parameters = True, wanted

    def _show(self) -> None:
        now = self._now()
        for binding in self.bindings:
            binding.show(self.state, now)
