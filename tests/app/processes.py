"""What the kernel knows of processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 90.0
"""Seconds that something may take on a very busy machine before a test gives it up."""


def running(pid: int) -> bool:
    """Whether there is such a process, and not just its unread exit code."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(parent: int | None = None) -> set[int]:
    """The running child processes of a process (of this one), Python's own resource tracker left out."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == (parent or os.getpid()) and fields[0] != "Z" and b"resource_tracker" not in command:
            found.add(int(entry.name))
    return found


def wait(done: Callable[[], object], what: str) -> None:
    """Wait until it is so."""
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, f"still not: {what}"
        time.sleep(0.01)


def none_left(pids: set[int]) -> bool:
    """Whether none of these processes runs; those that have ended are reaped."""
    multiprocessing.active_children()
    return not any(running(p) for p in pids)
