"""The run file of this session: when it is written by itself, and what became of it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from thalweg.core.messages import Saved


@dataclass(frozen=True)
class Keeping:
    """The file that the run is kept in while the program runs, so that no crash loses more than a few seconds."""

    path: str = ""
    """Where; empty: nowhere."""
    key: object = None
    """What the run was when it was last asked to be written."""
    at: float = 0.0
    """When that was, in seconds."""
    waiting: int = 0
    """How often it was asked for, and not answered yet."""
    done: Saved | None = None
    """The last time that it was written."""
    failed: str = ""
    """Why it could not be written the last time."""
    left: tuple[str, str] | None = None
    """The file of a session that did not end well, and when it was written."""
    resumed: str = ""
    """Such a file that is opened, or was."""
    resumed_as: int = 0
    """The generation that its run has here."""
    spare: str = ""
    """The same while its run is what the file of this session has: it is not needed any more."""

    @property
    def busy(self) -> bool:
        """Whether an answer is waited for."""
        return self.waiting > 0


def asked(keeping: Keeping, key: object, at: float) -> Keeping:
    """After the run was asked to be written."""
    return replace(keeping, key=key, at=at, waiting=keeping.waiting + 1)


def answered(keeping: Keeping, saved: Saved) -> Keeping:
    """After it was written, or could not be."""
    keeping = replace(keeping, waiting=max(0, keeping.waiting - 1))
    if saved.sentence:
        return replace(keeping, failed=saved.sentence)
    spare = keeping.resumed if keeping.resumed_as == saved.generation else ""
    return replace(keeping, done=saved, failed="", spare=spare)


def begun_again(keeping: Keeping) -> Keeping:
    """After another run has begun, or the worker with it has ended: what was asked for is not answered any more."""
    return replace(keeping, key=None, waiting=0)


def due(keeping: Keeping, key: object, now: float, every: float) -> bool:
    """Whether it is time to write it again: it has changed, and ``every`` seconds have passed (0: never)."""
    return bool(keeping.path and every and not keeping.busy and key != keeping.key and now - keeping.at >= every)
