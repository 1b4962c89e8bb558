"""Start-up of the window."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from thalweg import assets
from thalweg.app import settings_file, theme
from thalweg.app.compute.process import landscape_worker, session_worker
from thalweg.app.controller import Controller
from thalweg.app.desk import Desk
from thalweg.app.intents import LeftBehind, OpenRun, Report
from thalweg.app.kept_runs import KeptRuns
from thalweg.app.main_window import MainWindow
from thalweg.app.reduce import reduce
from thalweg.app.state import opened
from thalweg.core.scene import Scene


def open_window(scene: Scene, name: str, device: str | None = None, run: str = "") -> int:
    """Open the window on a scene, or on the ``run`` of a file, and stay until it is closed; the exit code."""
    kept = settings_file.load()
    if device:
        kept = kept.model_copy(update={"device": device})
    # the workers load torch while the window builds itself
    kept_runs = KeptRuns()
    state = opened(scene, name, kept)
    if run:
        state = reduce(OpenRun(run), state)
    state = replace(state, keeping=replace(state.keeping, path=kept_runs.begin()))
    controller = Controller(
        state,
        session_worker(kept.device),
        landscape_worker(kept.device, kept.landscape_share),
    )
    try:
        app = QApplication.instance() or QApplication(sys.argv[:1])
        assert isinstance(app, QApplication)
        app.setApplicationName("Thalweg")
        theme.apply(theme.THEMES[kept.theme], app)
        window = MainWindow([(n, assets.shipped_scene(n).title) for n in assets.scene_names()])
        window.restore_kept_geometry()  # before the panels are shown or hidden as the scene says
        desk = Desk(window, controller, kept_runs)
        if kept.autosave and not kept_runs.path:
            sentence = f"Nothing is kept in case of a crash: {kept_runs.folder} cannot be written in."
            controller.dispatch(Report(sentence))
        for left in kept_runs.left()[:1]:
            controller.dispatch(LeftBehind(*left))
        heartbeat = _answer_interrupts(app)
        sys.excepthook = _report_to(controller)
        window.show()
        code = app.exec()
        heartbeat.stop()
        del desk
        return code
    finally:
        controller.close()


def _answer_interrupts(app: QApplication) -> QTimer:
    """Ctrl-C closes the window: Python looks at signals only while it runs, so a timer lets it."""
    signal.signal(signal.SIGINT, lambda *_: QTimer.singleShot(0, app.closeAllWindows))
    signal.signal(signal.SIGTERM, lambda *_: QTimer.singleShot(0, app.closeAllWindows))
    heartbeat = QTimer()
    heartbeat.timeout.connect(lambda: None)
    heartbeat.start(200)
    return heartbeat


def _report_to(controller: Controller) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """An error in the window is said in the window; Qt would end the program otherwise."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        controller.dispatch(Report(f"Something went wrong in the window ({kind.__name__}: {error})."))

    return hook
