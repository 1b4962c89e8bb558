"""The run files that the program keeps by itself: one of each session, and what sessions that ended badly have left."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

from PyQt6.QtCore import QLockFile

from thalweg.app import settings_file


class KeptRuns:
    """The folder with these files. A session locks its own; a file that nobody locks was left by one that is gone."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings_file.home() / "runs"
        self.path = ""
        self._lock: QLockFile | None = None

    @property
    def last(self) -> Path:
        """The run as it was when the program was last closed."""
        return self.folder / "last-run.h5"

    def begin(self) -> str:
        """Lock a file for this session; its path, empty where the folder cannot be written in."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return ""
        path = self.folder / f"session-{os.getpid()}-{datetime.now():%Y%m%d-%H%M%S}.h5"
        lock = QLockFile(f"{path}.lock")
        lock.setStaleLockTime(0)
        if not lock.tryLock(0):
            return ""
        self._lock, self.path = lock, str(path)
        return self.path

    def left(self) -> list[tuple[str, str]]:
        """The files that sessions have left which are gone: path, and when it was written; the newest first."""
        found = []
        for path in self.folder.glob("session-*.h5"):
            if str(path) != self.path and self._is_free(path):
                found.append((path.stat().st_mtime, path))
        self._tidy()
        return [(str(path), _when(time)) for time, path in sorted(found, reverse=True)]

    def _is_free(self, path: Path) -> bool:
        lock = QLockFile(f"{path}.lock")
        lock.setStaleLockTime(0)
        if not lock.tryLock(0):
            return False
        lock.unlock()
        return True

    def _tidy(self) -> None:
        """Remove what was half written when its program was killed, and locks without a file."""
        for path in (*self.folder.glob(".session-*"), *self.folder.glob("session-*.lock")):
            owner = Path(str(path).removesuffix(".lock")) if path.suffix == ".lock" else path
            half = path.name.startswith(".")
            name = path.name.lstrip(".").partition(".h5")[0]
            if not half and owner.exists():
                continue
            if f"{name}.h5" != Path(self.path).name and self._is_free(self.folder / f"{name}.h5"):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def discard(self, path: str) -> None:
        """Delete a file that was left."""
        with contextlib.suppress(OSError):
            Path(path).unlink()

    def leave(self, spare: str = "") -> None:
        """At the end of the session: its file is the last run, if it is there; ``spare`` is a file that it replaces."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            if Path(self.path).is_file():
                Path(self.path).replace(self.last)
        if spare:
            self.discard(spare)
        self._lock.unlock()
        self._lock = None


def _when(time: float) -> str:
    then = datetime.fromtimestamp(time)
    day = "today" if then.date() == datetime.now().date() else f"on {then:%d %B %Y}"
    return f"{day} at {then:%H:%M:%S}"
