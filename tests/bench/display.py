"""A virtual display for the benchmarks of the window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def virtual_display() -> Iterator[None]:
    """An Xvfb of 1280x720 that Qt draws on meanwhile; the script ends with a sentence where there is none."""
    if shutil.which("Xvfb") is None:
        sys.exit("Xvfb is missing; on Debian: apt-get install xvfb")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x720x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    try:
        os.environ["DISPLAY"] = ":" + os.read(read, 16).decode().strip()
        os.environ.pop("QT_QPA_PLATFORM", None)
        yield
    finally:
        server.terminate()
        server.wait()
