"""The workers: spawned processes that train and compute landscapes, and the window's end of their pipes.

Nothing here imports torch in the window's process; the workers import it after they have been spawned.
"""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thalweg.core.messages import (
    Cancel,
    CancelSlices,
    Died,
    Failed,
    LandscapeCommand,
    Map,
    MapRequest,
    Ready,
    Save,
    SaveParameters,
    SessionCommand,
    Share,
    SliceRequest,
    Start,
)

if TYPE_CHECKING:
    from thalweg.core.landscape.service import LandscapeService
    from thalweg.core.training.service import TrainingService

SLICE = 0.004
"""Seconds of training between two looks at the pipe."""

FRAME_INTERVAL = 1 / 30
"""Seconds between two frames at least."""

_GONE = object()
"""Stands for the end: of the pipe, or of a map's events."""


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

    from thalweg.core.heap import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()


def _leave(pipe: Connection) -> None:
    with contextlib.suppress(OSError):
        pipe.close()
    os._exit(0)  # torch's own teardown takes a second


class Inbox:
    """What the window has sent to a worker, taken from the pipe by a thread of its own.

    The worker sends while it does not read; without the thread, a window that sends meanwhile would wait for a worker
    that waits for the window.
    """

    def __init__(self, pipe: Connection) -> None:
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._queue.put(pipe.recv())
        self._queue.put(_GONE)

    def take(self, seconds: float | None) -> list[Any]:
        """All commands that are there, waiting at most so long (None: for ever) for the first; raises EOFError."""
        found: list[Any] = []
        with contextlib.suppress(queue.Empty):
            found.append(self._queue.get(timeout=seconds) if seconds != 0 else self._queue.get_nowait())
            while True:
                found.append(self._queue.get_nowait())
        if any(c is _GONE for c in found):
            raise EOFError
        return found


def _run_session(pipe: Connection, device: str, cache: Path | None) -> None:
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        _enter(nice=3)
        inbox = Inbox(pipe)
        from thalweg.core.training.service import TrainingService

        service = TrainingService(device, cache)
        service.report = pipe.send
        pipe.send(Ready("training"))
        _serve_session(pipe, inbox, service)
    _leave(pipe)


def _serve_session(pipe: Connection, inbox: Inbox, service: TrainingService) -> None:
    waiting: list[SessionCommand] = []

    def cancelled() -> bool:
        waiting.extend(inbox.take(0))
        return any(isinstance(c, Cancel | Start) for c in waiting)

    next_frame = 0.0
    while True:
        until_frame = max(0.0, next_frame - time.perf_counter())
        waiting.extend(inbox.take(0 if waiting else min(service.wait(), until_frame or 0.02)))
        while waiting:
            last = max((i for i, c in enumerate(waiting) if isinstance(c, Start)), default=0)
            # what came before the newest start is of no run any more, but what was to be written is written
            waiting[:last] = [c for c in waiting[:last] if isinstance(c, Save | SaveParameters)]
            for event in service.handle(waiting.pop(0), cancelled):
                pipe.send(event)
        stopped = service.work(SLICE)
        for saved in service.news():
            pipe.send(saved)
        if (service.urgent or time.perf_counter() >= next_frame) and (frame := service.frame()) is not None:
            next_frame = time.perf_counter() + FRAME_INTERVAL
            pipe.send(frame)
        if stopped:
            pipe.send(stopped)


def _run_landscapes(pipe: Connection, device: str, share: float, cache: Path | None) -> None:
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        _enter(nice=8)
        inbox = Inbox(pipe)
        from thalweg.core.landscape.service import LandscapeService

        pipe.send(Ready("landscape"))
        _serve_landscapes(pipe, inbox, LandscapeService(device, cache), share)
    _leave(pipe)


@dataclass
class _Job:
    """A request that is being answered, and how long it has taken."""

    request: MapRequest | SliceRequest
    events: Iterator[object]
    worked: float = 0.0
    rested: float = 0.0
    coarse: bool = False
    """Whether a first picture of it is out."""

    def advance(self) -> object:
        """The next event, None where it may be left, _GONE at the end; an error is an event like another."""
        began = time.perf_counter()
        try:
            return next(self.events, _GONE)
        except Exception as e:  # whatever it is, the person is told and the worker stays
            sliced = isinstance(self.request, SliceRequest)
            what, worker = ("slices", "slices") if sliced else ("landscape", "landscape")
            sentence = f"No {what}: {type(e).__name__}: {e}"
            return Failed(self.request.generation, sentence, worker, self.request.number)
        finally:
            self.worked += time.perf_counter() - began


def _serve_landscapes(pipe: Connection, inbox: Inbox, service: LandscapeService, share: float) -> None:
    waiting: MapRequest | None = None
    mapping: _Job | None = None
    slicing: _Job | None = None
    while True:
        for command in inbox.take(None if mapping is None and slicing is None else 0):
            match command:
                case Share():
                    share = command.share
                case MapRequest():
                    waiting = command
                case SliceRequest():
                    slicing = _Job(command, service.slices(command))
                case Cancel():
                    waiting = mapping = None
                case CancelSlices():
                    slicing = None
        # a map that is replaced by one on the same plane is dropped after its coarse pass, others at once
        if waiting and (mapping is None or mapping.coarse or _planes(mapping.request) != _planes(waiting)):
            mapping, waiting = _Job(waiting, service.answer(waiting)), None
        job = mapping or slicing  # the map comes first; slices that it interrupts go on after it
        if job is None:
            continue
        event = job.advance()
        if event is not _GONE and event is not None:
            pipe.send(event)
            job.coarse = job.coarse or isinstance(event, Map)
        if event is _GONE or isinstance(event, Failed):
            mapping, slicing = (None, slicing) if job is mapping else (mapping, None)
        job.rested += _rest(job.worked, job.rested, share)


def _planes(request: MapRequest | SliceRequest) -> tuple[int, int | None]:
    return request.generation, request.plane if isinstance(request, MapRequest) else None


def _rest(worked: float, rested: float, share: float) -> float:
    """Sleep until work has taken only ``share`` of the time; returns the seconds slept."""
    owed = worked * (1 / max(share, 0.05) - 1) - rested
    if owed < 0.002:
        return 0.0
    before = time.perf_counter()
    time.sleep(min(owed, 0.05))
    return time.perf_counter() - before
