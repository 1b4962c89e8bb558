"""Writing files so that a half-written one never stands where a whole one was."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary neighbour to write to, which takes the place of ``path`` when the block ends without an error.

    On any error it is removed and ``path`` is as it was. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _settle(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp's files are the owner's alone
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file, or leave the old one as it was. Raises OSError."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _settle(path: Path) -> None:
    """Have all of a file on the disk: its new name must not be there before what is in it."""
    with path.open("rb+") as f:
        os.fsync(f.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
