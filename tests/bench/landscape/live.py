"""The live picture: training flat out and landscapes, each in its process as in the app, without a window."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from thalweg.app.compute.process import Worker, landscape_worker, session_worker
from thalweg.app.controller import Controller
from thalweg.app.settings import Settings
from thalweg.app.state import opened
from thalweg.assets import DEFAULT, shipped_scene
from thalweg.core.messages import Map, MapRequest

TICK = 0.016
"""Seconds between two looks at the workers, as the window's timer has it."""

START_LIMIT = 120.0
"""Seconds after which a first map is given up."""


@dataclass(frozen=True)
class Live:
    """Times in seconds from the request to its arrival, medians; rates per second."""

    share: float
    first_coarse: float
    """From the very first request: the worker still loads its libraries and data."""
    coarse: float
    whole: float
    maps: float
    steps: float


class Watched:
    """A landscape worker that notes when a map is asked for and when it arrives."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self.name = worker, worker.name
        self._asked: dict[int, float] = {}
        self.coarse: dict[int, float] = {}
        self.whole: dict[int, float] = {}

    def send(self, command: Any) -> None:
        """Pass it on."""
        if isinstance(command, MapRequest):
            self._asked[command.number] = time.perf_counter()
        self._worker.send(command)

    def poll(self) -> list[object]:
        """What has arrived."""
        events = self._worker.poll()
        for event in events:
            if isinstance(event, Map):
                took = time.perf_counter() - self._asked[event.number]
                self.coarse.setdefault(event.number, took)
                if event.complete:
                    self.whole[event.number] = took
        return events

    def restart(self, device: str | None = None) -> None:
        """Pass it on."""
        self._worker.restart(device)

    def close(self) -> None:
        """Pass it on."""
        self._worker.close()


def live(seconds: float, examples: int, share: float | None = None) -> Live:
    """Measure for so many seconds, after a map has come and three more seconds have passed."""
    share = Settings().landscape_share if share is None else share
    scene = shipped_scene(DEFAULT).edited(
        {"pace.play": True, "pace.speed": float("inf"), "view.plane.examples": examples}
    )
    watched = Watched(landscape_worker("cpu", share))
    settings = Settings(landscape_share=share)
    controller = Controller(opened(scene, DEFAULT, settings), session_worker("cpu"), watched)

    def spin(until: float, enough: dict[int, float] | None = None) -> None:
        while time.perf_counter() < until and not enough:
            controller.tick()
            time.sleep(TICK)

    try:
        spin(time.perf_counter() + START_LIMIT, watched.whole)
        if not watched.whole:
            raise RuntimeError(f"no map arrived within {START_LIMIT:g} s")
        first = next(iter(watched.coarse.values()))
        spin(time.perf_counter() + 3)
        watched.coarse.clear()
        watched.whole.clear()
        steps, began = _step(controller), time.perf_counter()
        spin(began + seconds)
        took = time.perf_counter() - began
        return Live(
            share=share,
            first_coarse=first,
            coarse=median(watched.coarse.values()),
            whole=median(watched.whole.values()),
            maps=len(watched.whole) / took,
            steps=(_step(controller) - steps) / took,
        )
    finally:
        controller.close()


def _step(controller: Controller) -> int:
    frame = controller.state.frame
    return frame.step if frame else 0
