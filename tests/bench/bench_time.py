"""What recording costs the training, and how soon a step of the past is on screen.

Needs Xvfb (Debian: ``apt-get install xvfb``). Prints

- steps per second of a bare loop, of the same loop recorded, and as the session worker does it: measured, framed, and
  kept in a file every second; in turn, a tenth of a second each;
- the time from dragging the timeline to a recorded step until every view shows it, in the real window: paused, and
  while training goes on;
- the time to an exact step between recorded ones; how long a run file takes to be written and opened.

Run it with nothing else to do for the machine: ``python tests/bench/bench_time.py``.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from display import virtual_display

TURNS = 200
DRAGS = 200


def main() -> None:
    """Measure the recording, then the window on a virtual display."""
    quick = "--quick" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        recording(10 if quick else TURNS, Path(folder))
        with virtual_display():
            scrubbing(20 if quick else DRAGS)


def recording(turns: int, folder: Path) -> None:
    """Steps per second, recorded and not, in turn; in a process of its own."""
    script = Path(__file__).with_name("recorded_loop.py")
    subprocess.run([sys.executable, str(script), str(turns), str(folder / "run.h5")], check=True)


def scrubbing(drags: int) -> None:
    """Latencies in the real window on the default scene."""
    from PyQt6.QtCore import QEvent
    from PyQt6.QtWidgets import QApplication

    from thalweg.app import theme
    from thalweg.app.compute.process import landscape_worker, session_worker
    from thalweg.app.controller import Controller
    from thalweg.app.desk import Desk
    from thalweg.app.intents import LookAt, SetPlaying
    from thalweg.app.main_window import MainWindow
    from thalweg.app.settings import Settings
    from thalweg.app.state import opened
    from thalweg.assets import DEFAULT, shipped_scene

    app = QApplication([])
    kept = Settings()
    scene = shipped_scene(DEFAULT).edited({"pace.play": True, "pace.speed": float("inf")})
    share = kept.landscape_share
    controller = Controller(opened(scene, DEFAULT, kept), session_worker("cpu"), landscape_worker("cpu", share))
    theme.apply(theme.THEMES[kept.theme], app)
    window = MainWindow([])
    desk = Desk(window, controller)
    window.show()

    def spin(done: Any, limit: float = 60.0) -> float:
        began = time.perf_counter()
        while not done() and time.perf_counter() - began < limit:
            app.processEvents()
            time.sleep(0.0002)
        return time.perf_counter() - began

    def drag_to(step: int) -> tuple[float, float]:
        """Seconds until every view shows the step, and until the first picture of the landscape there."""
        began = time.perf_counter()
        controller.dispatch(LookAt(step))
        spin(lambda: controller.state.frame.step == step)
        for figure in window.figures.values():
            figure.viewport().repaint()
        shown = time.perf_counter() - began
        spin(lambda: controller.state.map is not None and controller.state.map.step == step, 10.0)
        return shown, time.perf_counter() - began

    def report(words: str, found: list[tuple[float, float]]) -> None:
        for name, spans in (
            ("every view", [a for a, _ in found]),
            ("first picture of the landscape", [b for _, b in found]),
        ):
            at = sorted(1000 * s for s in spans)
            q95 = at[min(len(at) - 1, int(0.95 * len(at)))]
            print(f"{words}, {name}: median {statistics.median(at):.0f} ms, p95 {q95:.0f} ms, n {len(at)}", flush=True)

    spin(lambda: controller.state.frame is not None and controller.state.frame.step > 4000)
    rng = random.Random(0)
    controller.dispatch(SetPlaying(False))
    spin(lambda: not controller.state.busy and not controller.state.playing, 5.0)
    spin(lambda: False, 1.0)
    recorded = controller.state.frame.line.recorded.tolist()
    report("dragged while paused", [drag_to(rng.choice(recorded[:-1])) for _ in range(drags)])
    head = controller.state.frame.line.head
    report("to an exact step", [drag_to(rng.randrange(head)) for _ in range(drags // 2)])
    controller.dispatch(LookAt(None))
    spin(lambda: controller.state.frame.following, 10.0)
    controller.dispatch(SetPlaying(True))
    spin(lambda: False, 1.0)
    spans = []
    for _ in range(drags):
        recorded = controller.state.frame.line.recorded.tolist()
        began, wanted = time.perf_counter(), rng.choice(recorded[:-2])
        controller.dispatch(LookAt(wanted))
        spin(
            lambda step=wanted: abs(controller.state.frame.step - step) <= controller.state.frame.line.head // 128, 5.0
        )
        for figure in window.figures.values():
            figure.viewport().repaint()
        spans.append((time.perf_counter() - began, float("nan")))
    at = sorted(1000 * a for a, _ in spans)
    q95 = at[int(0.95 * len(at)) - 1]
    print(f"dragged while training goes on, every view: median {statistics.median(at):.0f} ms, p95 {q95:.0f} ms")
    window.close()
    controller.close()
    del desk
    window.deleteLater()
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    app.processEvents()


if __name__ == "__main__":
    main()
