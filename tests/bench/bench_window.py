"""The real window on a virtual display: how smooth it is, and what it costs the training.

Needs Xvfb (Debian: ``apt-get install xvfb``). Prints

- how long the window takes to be there;
- the interval between two ticks of the window while training runs flat out and landscapes are drawn;
- steps per second with the window open and landscapes off, against a bare loop, interleaved in the same run;
- landscapes per second, and how long one takes, at the default share.

Run it with nothing else to do for the machine: ``python tests/bench/bench_window.py``.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from display import virtual_display

ROUNDS, SECONDS = 4, 4.0


def main() -> None:
    """Start a virtual display and measure on it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        with virtual_display():
            measure()


def measure() -> None:
    """All measurements, in one window."""
    print(f"time from the command to the window: {time_to_window():.2f} s (median of 3)")
    from PyQt6.QtWidgets import QApplication

    from thalweg.app import theme
    from thalweg.app.compute.process import landscape_worker, session_worker
    from thalweg.app.controller import Controller
    from thalweg.app.desk import Desk
    from thalweg.app.intents import Edit, Reset, SetPlaying, SetSettings
    from thalweg.app.main_window import MainWindow
    from thalweg.app.settings import Settings
    from thalweg.app.state import opened
    from thalweg.assets import DEFAULT, shipped_scene
    from thalweg.core.messages import Map

    app = QApplication([])
    kept = Settings()
    scene = shipped_scene(DEFAULT).edited({"pace.play": False, "pace.speed": float("inf")})
    share = kept.landscape_share
    controller = Controller(opened(scene, DEFAULT, kept), session_worker("cpu"), landscape_worker("cpu", share))
    theme.apply(theme.THEMES[kept.theme], app)
    window = MainWindow([])
    desk = Desk(window, controller)
    window.show()
    ticks, maps = Ticks(), []
    take = controller._take

    def watched_take(message: object) -> None:
        take(message)
        if isinstance(message, Map) and message.complete:
            maps.append((time.perf_counter(), message.seconds))

    controller._take = watched_take  # type: ignore[method-assign]
    tick = controller.tick

    def watched_tick() -> None:
        ticks.mark()
        tick()

    desk._timer.timeout.disconnect()
    desk._timer.timeout.connect(watched_tick)

    def spin(seconds: float) -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            app.processEvents()
            time.sleep(0.0002)

    spin(5.0)
    ratios, rates, bare = [], [], []
    for _ in range(ROUNDS):
        controller.dispatch(SetPlaying(False))
        controller.dispatch(SetSettings(kept.model_copy(update={"landscape_share": 0.0})))
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("bare_loop.py")), str(SECONDS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None:
            spin(0.1)
        assert process.stdout is not None
        bare.append(float(process.stdout.read()))
        controller.dispatch(SetPlaying(True))
        spin(1.0)
        first, began = controller.state.frame.step, time.perf_counter()
        spin(SECONDS)
        rates.append((controller.state.frame.step - first) / (time.perf_counter() - began))
        ratios.append(rates[-1] / bare[-1])
    print(f"bare loop: {' '.join(f'{b:.0f}' for b in bare)} steps/s")
    print(f"window open, landscapes off: {' '.join(f'{r:.0f}' for r in rates)} steps/s")
    middle = statistics.median(ratios)
    print(f"share of the bare loop's speed: {' '.join(f'{r:.0%}' for r in ratios)}, median {middle:.0%}")
    controller.dispatch(SetSettings(kept))
    for speed, name in ((float("inf"), "flat out"), (100.0, "at 100 steps/s, the default scene's pace")):
        controller.dispatch(Edit("pace.speed", speed))
        controller.dispatch(Reset())
        controller.dispatch(SetPlaying(True))
        spin(3.0)
        ticks.clear()
        maps.clear()
        first, began = controller.state.frame.step, time.perf_counter()
        spin(15.0)
        took = time.perf_counter() - began
        rate = (controller.state.frame.step - first) / took
        print(f"training {name}, with landscapes at a share of {share:.0%}:")
        print(f"  tick interval: {ticks.summary()}")
        print(f"  {rate:.0f} steps/s; {len(maps) / took:.1f} complete landscapes/s")
        if maps:
            print(f"  a landscape of 41x41 points takes {1000 * statistics.median(s for _, s in maps):.0f} ms (median)")
    with contextlib.suppress(RuntimeError):
        window.close()
    controller.close()


class Ticks:
    """Intervals between the ticks of the window's timer."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def mark(self) -> None:
        """A tick begins."""
        self._times.append(time.perf_counter())

    def clear(self) -> None:
        """Forget those so far."""
        self._times.clear()

    def summary(self) -> str:
        """Median, 95th and 99th percentile and maximum, in milliseconds."""
        spans = sorted(1000 * (b - a) for a, b in pairwise(self._times))
        at = [spans[min(len(spans) - 1, int(q * len(spans)))] for q in (0.5, 0.95, 0.99)]
        return f"median {at[0]:.1f} ms, p95 {at[1]:.1f} ms, p99 {at[2]:.1f} ms, max {spans[-1]:.1f} ms, n {len(spans)}"


def time_to_window() -> float:
    """Seconds from starting the program to its window being shown; the median of three."""
    code = (
        "import sys; sys.argv=['thalweg','open','first-light'];"
        "from PyQt6.QtCore import QTimer; from PyQt6.QtWidgets import QMainWindow, QApplication; import time, os;"
        "show=QMainWindow.showEvent;"
        "\ndef shown(self, e):\n"
        "    show(self, e)\n"
        "    print(time.time(), flush=True)\n"
        "    QTimer.singleShot(0, QApplication.instance().closeAllWindows)\n"
        "QMainWindow.showEvent=shown\n"
        "from thalweg.app.cli import main; main()"
    )
    spans = []
    for _ in range(3):
        began = time.time()
        output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout
        spans.append(float(output.split()[0]) - began)
    return statistics.median(spans)


if __name__ == "__main__":
    main()
