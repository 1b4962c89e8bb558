"""What importing a room brings with it, seen in a fresh interpreter; `lint-imports` checks the arrows themselves."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import thalweg.core

QT = {"PyQt6", "PyQt5", "PySide6", "pyqtgraph"}


def loaded_by(*modules: str) -> set[str]:
    """Top-level packages in memory after importing these modules in a new process."""
    code = (
        f"import json, sys, {', '.join(modules)}; print(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_scenes_and_messages_need_no_torch() -> None:
    """They cross the process boundary to a window that is up before torch has loaded."""
    found = loaded_by("thalweg.core.scene", "thalweg.core.messages")
    assert {"pydantic", "numpy"} <= found
    assert not found & (QT | {"torch", "scipy", "sklearn"})


def test_data_sets_need_no_torch() -> None:
    """Data is numpy; scikit-learn is imported when its digits are loaded."""
    assert not loaded_by("thalweg.core.data") & (QT | {"torch", "sklearn"})


def test_no_room_of_the_core_imports_qt_or_the_app() -> None:
    """All of the core in one interpreter: usable from a notebook without the app."""
    rooms = [m.name for m in pkgutil.walk_packages(thalweg.core.__path__, "thalweg.core.")]
    assert len(rooms) > 25
    assert "thalweg.core.training.service" in rooms
    code = f"import sys, {', '.join(rooms)}; print([n for n in sys.modules if n.startswith('thalweg.app')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not loaded_by(*rooms) & QT


@pytest.mark.parametrize("module", ["thalweg", "thalweg.core", "thalweg.core.landscape.contours"])
def test_what_the_window_needs_at_once_loads_no_torch(module: str) -> None:
    """Neither the packages themselves nor the contour lines, which the window draws."""
    assert "torch" not in loaded_by(module)
