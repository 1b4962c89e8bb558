"""The workers: spawned processes that train and compute landscapes, and the window's end of their pipes.

Nothing here imports torch in the window's process; the workers import it after they have been spawned.
"""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from thalweg.core.messages import (
    Cancel,
    Died,
    Failed,
    LandscapeCommand,
    MapRequest,
    Ready,
    SessionCommand,
    Share,
)

if TYPE_CHECKING:
    from thalweg.core.landscape.service import LandscapeService
    from thalweg.core.training.service import TrainingService

SLICE = 0.004
"""Seconds of training between two looks at the pipe."""

FRAME_INTERVAL = 1 / 30
"""Seconds between two frames at least."""


class Worker:
    """A worker process as the window sees it: send commands, poll events; its death is an event like another."""

    def __init__(self, name: str, target: Callable[..., None], device: str, *arguments: object) -> None:
        self.name = name
        self._target, self._device, self._arguments = target, device, arguments
        self._spawn()

    def _spawn(self) -> None:
        context = mp.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=self._target,
            args=(theirs, self._device, *self._arguments),
            daemon=True,
            name=f"thalweg-{self.name}",
        )
        self._process.start()
        theirs.close()
        self._alive = True

    @property
    def alive(self) -> bool:
        """Whether its process was there when last spoken to."""
        return self._alive

    @property
    def pid(self) -> int | None:
        """The process's number."""
        return self._process.pid

    def send(self, command: SessionCommand | LandscapeCommand) -> None:
        """Send a command; to a dead worker it is dropped."""
        with contextlib.suppress(OSError, ValueError):
            self._pipe.send(command)

    def poll(self) -> list[object]:
        """The events that have arrived, oldest first; Died as the last of them when the process is gone."""
        events: list[object] = []
        if not self._alive:
            return events
        try:
            while self._pipe.poll(0):
                events.append(self._pipe.recv())
        except (EOFError, OSError):
            self._alive = False
            self._process.join(1)
            code = self._process.exitcode
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            events.append(Died(self.name, f"The {self.name} process has ended ({how})."))
        return events

    def restart(self, device: str | None = None) -> None:
        """End what is left of it and begin anew, on another device if one is named."""
        self.close()
        self._device = device or self._device
        self._spawn()

    def close(self, patience: float = 0.5) -> None:
        """End the process, whatever it is doing; what it still wants to say is drained, so that it cannot hang."""
        self._alive = False
        self._process.terminate()
        until = time.monotonic() + patience
        while self._process.is_alive() and time.monotonic() < until:
            with contextlib.suppress(EOFError, OSError):
                while self._pipe.poll(0):
                    self._pipe.recv_bytes()
            self._process.join(0.01)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(1)
        self._pipe.close()


def session_worker(device: str, cache: Path | None = None) -> Worker:
    """A process that trains."""
    return Worker("training", _run_session, device, cache)


def landscape_worker(device: str, share: float, cache: Path | None = None) -> Worker:
    """A process that computes landscapes."""
    return Worker("landscape", _run_landscapes, device, share, cache)


def _enter(nice: int) -> None:
    """Set up a worker; ``nice``: how far it stands back behind the window, which is to answer first."""
    if hasattr(os, "nice"):
        os.nice(nice)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the window's to answer
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)


def _leave(pipe: Connection) -> None:
    with contextlib.suppress(OSError):
        pipe.close()
    os._exit(0)  # torch's own teardown takes a second


def _run_session(pipe: Connection, device: str, cache: Path | None) -> None:
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        _enter(nice=3)
        from thalweg.core.training.service import TrainingService

        service = TrainingService(device, cache)
        service.report = pipe.send
        pipe.send(Ready("training"))
        _serve_session(pipe, service)
    _leave(pipe)


def _serve_session(pipe: Connection, service: TrainingService) -> None:
    waiting: list[SessionCommand] = []

    def cancelled() -> bool:
        while pipe.poll(0):
            waiting.append(pipe.recv())
        return any(isinstance(c, Cancel) for c in waiting)

    next_frame = 0.0
    while True:
        until_frame = max(0.0, next_frame - time.perf_counter())
        idle = min(service.wait(), until_frame or 0.02)
        while waiting or pipe.poll(idle):
            command = waiting.pop(0) if waiting else pipe.recv()
            idle = 0.0
            for event in service.handle(command, cancelled):
                pipe.send(event)
        stopped = service.work(SLICE)
        if time.perf_counter() >= next_frame and (frame := service.frame()) is not None:
            next_frame = time.perf_counter() + FRAME_INTERVAL
            pipe.send(frame)
        if stopped:
            pipe.send(stopped)


def _run_landscapes(pipe: Connection, device: str, share: float, cache: Path | None) -> None:
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        _enter(nice=8)
        from thalweg.core.landscape.service import LandscapeService

        pipe.send(Ready("landscape"))
        _serve_landscapes(pipe, LandscapeService(device, cache), share)
    _leave(pipe)


class _Inbox:
    """What the window has asked of the landscape worker: the newest request, and its share of the time."""

    def __init__(self, pipe: Connection, share: float) -> None:
        self._pipe, self.share = pipe, share
        self.request: MapRequest | None = None
        self.cancelled = False

    def read(self, wait: bool) -> None:
        """Take in what has arrived; ``wait`` for it when there is nothing."""
        while wait or self._pipe.poll(0):
            command = self._pipe.recv()
            wait = False
            if isinstance(command, Share):
                self.share = command.share
            elif isinstance(command, MapRequest):
                self.request = command
            else:
                self.cancelled = True

    def take(self) -> MapRequest | None:
        """The newest request, which is then no longer waiting."""
        taken, self.request, self.cancelled = self.request, None, False
        return taken


def _serve_landscapes(pipe: Connection, service: LandscapeService, share: float) -> None:
    inbox = _Inbox(pipe, share)
    while True:
        inbox.read(wait=inbox.request is None)
        if (request := inbox.take()) is None:
            continue
        began, rested = time.perf_counter(), 0.0
        try:
            for event in service.answer(request):
                if event is not None:
                    pipe.send(event)
                inbox.read(wait=False)
                if inbox.request or inbox.cancelled:
                    break
                rested += _rest(time.perf_counter() - began - rested, rested, inbox.share)
        except (
            RuntimeError,
            ArithmeticError,
            ValueError,
        ) as e:  # torch: out of memory, a shape that cannot be
            pipe.send(Failed(request.generation, f"No landscape: {e}", "landscape"))


def _rest(worked: float, rested: float, share: float) -> float:
    """Sleep until work has taken only ``share`` of the time; returns the seconds slept."""
    owed = worked * (1 / max(share, 0.05) - 1) - rested
    if owed < 0.002:
        return 0.0
    before = time.perf_counter()
    time.sleep(min(owed, 0.05))
    return time.perf_counter() - before
