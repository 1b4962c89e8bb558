"""How much memory a landscape takes beyond the network and its examples: measured in a process of its own.

``python -m landscape.memory mlp "all layers" 10000 landscape 21`` prints bytes.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

BOUND = 256 * 2**20
"""Bytes that a landscape may take."""

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Extra:
    """Bytes that a method took at its peak."""

    subject: str
    plane: str
    examples: int
    method: str
    bytes: int


def extra(subject: str, plane: str, examples: int, method: str, side: int) -> Extra:
    """Measured in a fresh process; it does not depend on the grid once the grid is larger than a few points."""
    command = [sys.executable, "-m", f"{__package__.rpartition('.')[2]}.memory"]
    command += [subject, plane, str(examples), method, str(side)]
    folder = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return Extra(subject, plane, examples, method, int(done.stdout))


def high_water() -> int:
    """The largest resident set of this process so far, in bytes.

    Linux says it for the program that runs now; getrusage there still counts the parent that started it.
    """
    with suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # not there on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(subject: str, plane: str, examples: str, method: str, side: str) -> None:
    """Print the bytes that a method adds to the high-water mark, after one plain forward of a few examples."""
    from .measuring import METHODS
    from .subjects import job

    torch.set_num_threads(1)
    wanted = job(subject, plane, int(examples))
    with torch.no_grad():
        wanted.module(wanted.inputs[:8])
    with suppress(OSError):
        CLEAR.write_text("5")  # Linux: the mark falls to what is resident now
    before = high_water()
    METHODS[method][0](wanted, int(side))
    print(high_water() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
