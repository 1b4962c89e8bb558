"""Writing run files beside training: in a thread, one after another."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from pathlib import Path

from thalweg.core.messages import Save, Saved
from thalweg.core.store.recording import Recording
from thalweg.core.store.run_file import RunFileError, write
from thalweg.core.training.runs import Runs
from thalweg.core.training.runs_record import recording_of

KEPT_STEPS = 128
"""Steps of all lines together that a file has which is written by itself every few seconds, and at least eight of each.

Those between are trained again when they are looked at."""


class Keeper:
    """Writes what runs have recorded. What it is told is said by whoever owns it: :meth:`news`, in its own thread."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[Save, Recording]] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[Saved] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._under_way = 0

    def save(self, command: Save, runs: Runs) -> None:
        """Write the runs as they are now; moments are never written to, so that nothing need be copied."""
        found = recording_of(command.scene, runs)
        if command.kept:
            most = max(8, KEPT_STEPS // len(found.lines))
            found = replace(found, lines=tuple(line.thinned(most) for line in found.lines))
        self._under_way += 1
        self._orders.put((command, found))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="keeper")
            self._thread.start()

    def news(self) -> list[Saved]:
        """What was written since the last time."""
        found = []
        while not self._news.empty():
            found.append(self._news.get())
            self._under_way -= 1
        return found

    @property
    def busy(self) -> bool:
        """Whether something is being written, or its news was not taken yet."""
        return self._under_way > 0

    def _work(self) -> None:
        while True:
            command, recording = self._orders.get()
            self._news.put(_written(command, recording))


def _written(command: Save, recording: Recording) -> Saved:
    try:
        write(Path(command.path), recording, command.landscapes)
    except RunFileError as e:
        return Saved(command.generation, command.path, command.kept, sentence=str(e))
    except Exception as e:  # whatever it is, training goes on and the person is told
        return Saved(
            command.generation, command.path, command.kept, sentence=f"{command.path}: {type(e).__name__}: {e}"
        )
    return Saved(command.generation, command.path, command.kept, recording.front.head)
