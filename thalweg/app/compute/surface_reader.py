"""Reads a surface file in a process of its own: a foreign file can make the HDF5 library crash, and not the window."""

from __future__ import annotations

import contextlib
import multiprocessing as mp
from multiprocessing.connection import Connection
from pathlib import Path

from thalweg.core.store.surfaces import Surface, SurfaceFileError, read_surface


class SurfaceReader:
    """One file being read; poll it until there is a surface or a sentence."""

    def __init__(self, path: Path) -> None:
        context = mp.get_context("spawn")
        self._path = path
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_read, args=(theirs, path), daemon=True, name="thalweg-surface")
        self._process.start()
        theirs.close()

    def poll(self) -> Surface | str | None:
        """The surface, a sentence that says why there is none, or None while it is being read."""
        found: Surface | str | None = None
        try:
            if self._pipe.poll(0):
                found = self._pipe.recv()
        except (EOFError, OSError):
            found = f"{self._path}: cannot be read: the file made its reader fail"
        if found is not None:
            self.close()
        return found

    def close(self) -> None:
        """Stop reading."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join(1)
        self._pipe.close()


def _read(pipe: Connection, path: Path) -> None:
    try:
        found: Surface | str = read_surface(path)
    except SurfaceFileError as e:
        found = str(e)
    with contextlib.suppress(OSError):
        pipe.send(found)
