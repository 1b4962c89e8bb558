"""Between window and workers: intents become commands, events become state, state goes to the views. No Qt."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from thalweg.app.binding import Binding
from thalweg.app.intents import AskedForMap, AskedForSlices, Keep, MapArrived, MapCancelled, SlicesCancelled
from thalweg.app.reduce import reduce
from thalweg.app.state import LANDSCAPE_DEATHS, AppState
from thalweg.app.wishes import (
    acknowledgement,
    keep_key,
    keep_request,
    landscape_commands,
    map_request,
    session_commands,
    slice_request,
    wants_parameters,
)
from thalweg.core.messages import Cancel, CancelSlices, Died, Frame, Map, Save, Saved, SaveParameters, SessionCommand

WRITING = 60.0
"""Seconds that a file which the person has asked for is waited for when the window is closed."""


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
        self.tiles: list[Binding] = []
        """Those of the figures that come and go with the lines of training."""
        self._session, self._landscapes, self._now = session, landscapes, now
        self._events: deque[object] = deque()
        self._acknowledged = self._asked_parameters = self._landscapes_down = False
        self._writing = 0  # files that the person wants, and that are not written yet

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
        if (found := keep_request(self.state, self._now())) is not None:
            self._keep(*found)
        self._show()

    def _keep(self, save: Save, key: object) -> None:
        self._session.send(save)
        self.state = reduce(Keep(key, self._now()), self.state)

    def keep_now(self, patience: float) -> bool:
        """Have the run written as it is, and wait for that at most so many seconds; whether the file is of now.

        A file that the person has asked for is waited for longer.
        """
        key, state = keep_key(self.state), self.state
        begun = time.perf_counter()
        kept = key is not None and state.keeping.path and state.settings.autosave and "training" in state.ready
        if kept and key != state.keeping.key:
            self._keep(Save(state.generation, state.keeping.path, state.scene, kept=True), key)
        while (self._writing and time.perf_counter() < begun + WRITING) or (
            kept and self.state.keeping.busy and time.perf_counter() < begun + patience
        ):
            for event in self._session.poll():
                if isinstance(event, Saved | Died):
                    self._take(event)
            time.sleep(0.005)
        return bool(kept) and not self.state.keeping.busy and not self.state.keeping.failed

    def restart_session(self) -> None:
        """Start the training process again after it has ended; the run goes on from where it was last kept."""
        self._session.restart()

    def restart_workers(self, device: str) -> None:
        """Start both workers again on another device."""
        self._session.restart(device)
        self._landscapes.restart(device)

    def tell_session(self, command: SessionCommand) -> None:
        """Send a command that changes nothing in the state: a download, or its end."""
        self._writing += isinstance(command, Save | SaveParameters)
        self._session.send(command)

    def close(self) -> None:
        """End the workers."""
        self._session.close()
        self._landscapes.close()

    def _take(self, message: object) -> None:
        if isinstance(message, Frame):
            self._acknowledged = self._asked_parameters = False
        if isinstance(message, Saved) and not message.kept:
            self._writing -= 1
        if isinstance(message, Died) and message.worker == self._session.name:
            self._writing = 0
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
            self._session.send(acknowledgement(state, wanted))
            self._acknowledged, self._asked_parameters = True, wanted

    def _show(self) -> None:
        now, frame = self._now(), self.state.current
        # what a person asks to see is drawn at once; what goes on by itself, calmly
        at_once = frame is not None and not (frame.following and frame.stepping)
        for binding in self.bindings:
            binding.show(self.state, now, at_once)
        for binding in self.tiles:  # looked up after the others, one of which may have closed them
            binding.show(self.state, now, at_once)
