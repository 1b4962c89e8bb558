"""The workers' interface without processes: for tests, and for figures drawn on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from thalweg.core.landscape.service import LandscapeService
from thalweg.core.messages import (
    CancelSlices,
    Failed,
    LandscapeCommand,
    MapRequest,
    PlaneLaid,
    Ready,
    SessionCommand,
    SliceRequest,
)
from thalweg.core.training.service import TrainingService


class Service(Protocol):
    """Something that answers a session's commands."""

    def handle(self, command: SessionCommand) -> Iterable[object]:
        """Carry out a command."""


class InlineSession:
    """A session, or a replay of one, that trains when polled."""

    name = "training"

    def __init__(self, service: Service | None = None) -> None:
        self._service = service or TrainingService()
        self._events: list[object] = [Ready(self.name)]
        if isinstance(self._service, TrainingService):
            self._service.report = lambda event: self._events.append(event)

    def send(self, command: SessionCommand) -> None:
        """Carry out a command at once; its events are there at the next poll."""
        self._events.extend(self._service.handle(command))

    def poll(self, seconds: float = 0.05) -> list[object]:
        """Train for a slice of time; the events since the last poll."""
        events, self._events = self._events, []
        if isinstance(self._service, TrainingService):
            stopped, frame = self._service.work(seconds), self._service.frame()
            events += [e for e in (frame, stopped, *self._service.news()) if e is not None]
        return events

    def restart(self, device: str | None = None) -> None:
        """Begin anew."""
        self._service, self._events = TrainingService(), [Ready(self.name)]

    def close(self) -> None:
        """Nothing is left behind."""


class InlineLandscapes:
    """Computes the newest requested map, and the newest slices, when polled."""

    name = "landscape"

    def __init__(
        self,
        device: str = "cpu",
        cache: Path | None = None,
        only: Callable[[MapRequest], bool] = lambda request: True,
    ) -> None:
        """``only`` says which maps are computed; of the others the plane is laid, and nothing more."""
        self._service, self._only = LandscapeService(device, cache), only
        self._events: list[object] = [Ready(self.name)]
        self._request: MapRequest | None = None
        self._slices: SliceRequest | None = None

    def send(self, command: LandscapeCommand) -> None:
        """Take a request; a newer one replaces it."""
        if isinstance(command, MapRequest):
            self._request = command
        elif isinstance(command, SliceRequest):
            self._slices = command
        elif isinstance(command, CancelSlices):
            self._slices = None

    def poll(self) -> list[object]:
        """All events of the waiting requests, the map's before the slices'."""
        events, self._events = self._events, []
        if self._request is not None:
            request, self._request = self._request, None
            events += self._answered(request)
        if self._slices is not None:
            wanted, self._slices = self._slices, None
            events += [e for e in self._service.slices(wanted) if e is not None]
        return events

    def _answered(self, request: MapRequest) -> list[object]:
        answers = (e for e in self._service.answer(request) if e is not None)
        if self._only(request):
            return list(answers)
        return [next(e for e in answers if isinstance(e, PlaneLaid | Failed))]

    def restart(self, device: str | None = None) -> None:
        """Begin anew."""
        self._events = [Ready(self.name)]

    def close(self) -> None:
        """Nothing is left behind."""
