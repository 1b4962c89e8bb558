"""The public packages that draw loss landscapes, and the environment of their own that they are installed in."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Package:
    """A package on PyPI, the function in peers.py that calls it, and whether its own pins are to be overlooked."""

    name: str
    version: str
    adapter: str
    alone: bool = False

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


PACKAGES = (
    Package("loss-landscapes", "3.0.6", "loss_landscapes"),
    Package("landscaper", "1.3.1", "landscaper"),
    Package("losscape", "1.5.10", "losscape"),
    Package("loss-landscape-anim", "0.1.10", "loss_landscape_anim", alone=True),
)


def environment(torch_version: str) -> Path:
    """The Python of an environment with the packages and this torch, made in the cache folder the first time."""
    from platformdirs import user_cache_path

    torch_version = torch_version.partition("+")[0]
    named = f"bench-peers-py{sys.version_info.major}.{sys.version_info.minor}-torch{torch_version}"
    folder = user_cache_path("thalweg") / named
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = [f"{p.name}=={p.version}" for p in PACKAGES if not p.alone]
    alone = [f"{p.name}=={p.version}" for p in PACKAGES if p.alone]
    stamp, content = folder / "installed", "\n".join([*wanted, *alone])
    if not stamp.exists() or stamp.read_text() != content:
        print(f"Installing {', '.join([*wanted, *alone])} and torch {torch_version} into {folder}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", *shlex.split(os.environ.get("PIP_ARGS", ""))]
        for what in ([f"torch=={torch_version}", *wanted], ["--no-deps", *alone]):  # its pins want a torch of 2023
            if subprocess.run([*install, *what]).returncode:
                sys.exit(
                    "bench_landscape: pip could not install the packages, see above; without --peers all else runs"
                )
        stamp.write_text(content)
    return python


class Peers:
    """The packages, in a process of their own that waits while others compute."""

    def __init__(self, python: Path) -> None:
        command = [str(python), "-m", f"{__package__.rpartition('.')[2]}.peers"]
        self._process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request: object) -> dict[str, Any]:
        """The answer of peers.py to one request."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the packages' process has ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
