"""What connects one window with one controller: signals to intents, actions to what they do, state to setters."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from functools import partial

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from thalweg.app import captions, notices, theme
from thalweg.app.actions import ACTIONS
from thalweg.app.binding import Binding
from thalweg.app.bindings import bindings
from thalweg.app.controller import Controller
from thalweg.app.dialogs import Dialogs, last_scene
from thalweg.app.intents import (
    ApplyDraft,
    Change,
    DiscardDraft,
    Dismiss,
    Edit,
    LayPlane,
    NewSeed,
    Redo,
    Report,
    Reset,
    SetPlaying,
    ShowControls,
    StepOnce,
    Undo,
    WholePlane,
    Zoom,
)
from thalweg.app.main_window import MainWindow
from thalweg.app.state import AppState
from thalweg.core.messages import Cancel, Download
from thalweg.core.scene import save
from thalweg.core.scene.view import CameraSpec

TICK = 16
"""Milliseconds between two looks at the workers."""

INTENTS: dict[str, Callable[[AppState], object]] = {
    "undo": lambda s: Undo(),
    "redo": lambda s: Redo(),
    "play": lambda s: SetPlaying(not (s.playing or s.stepping)),
    "step": lambda s: StepOnce(),
    "reset": lambda s: Reset(),
    "new-seed": lambda s: NewSeed(),
    "lay": lambda s: LayPlane(),
    "whole": lambda s: WholePlane(),
    "log-loss": lambda s: Edit("view.log_loss", not s.scene.view.log_loss),
    "log-steps": lambda s: Edit("view.log_steps", not s.scene.view.log_steps),
    "controls": lambda s: ShowControls(not s.controls),
}
"""The actions that are an intent and nothing else."""


class Desk:
    """One window at work."""

    def __init__(self, window: MainWindow, controller: Controller) -> None:
        self.window, self.controller, self.dialogs = window, controller, Dialogs(window, controller)
        self._timer = QTimer(window)
        self._timer.timeout.connect(controller.tick)
        self._connect()
        controller.bind([*self._window_bindings(), *bindings(window.figures)])
        self._timer.start(TICK)

    def close(self) -> None:
        """Stop looking at the workers and end them; the scene is kept for the next session."""
        self._timer.stop()
        self.controller.close()
        with contextlib.suppress(OSError):  # nothing to be done about it while closing; the scene's file is untouched
            save(self.controller.state.scene, last_scene())

    def _connect(self) -> None:
        window, dispatch = self.window, self.controller.dispatch
        window.triggered.connect(self._act)
        window.scene_chosen.connect(self.dialogs.open)
        window.file_dropped.connect(self.dialogs.open)
        window.closing.connect(self.close)
        for panel in (window.run_panel, window.view_panel, window.pace_bar):
            panel.edited.connect(lambda path, value: dispatch(Edit(path, value)))
        window.run_panel.apply_requested.connect(lambda: dispatch(ApplyDraft()))
        window.run_panel.discard_requested.connect(lambda: dispatch(DiscardDraft()))
        window.view_panel.lay_requested.connect(lambda: dispatch(LayPlane()))
        window.banner.chosen.connect(self._answer)
        window.figures["weight-map"].example_clicked.connect(self._next_example)
        landscape = window.figures["landscape"]
        landscape.zoom_requested.connect(lambda x, y: dispatch(Zoom(x, y)))
        landscape.whole_requested.connect(lambda: dispatch(WholePlane()))
        window.figures["surface"].turned.connect(self._look)

    def _window_bindings(self) -> list[Binding]:
        w = self.window
        return [
            Binding(lambda s: (s.settings.theme,), self._dress),
            Binding(lambda s: (s.controls,), w.set_controls),
            Binding(lambda s: (s.scene.view.panels,), w.set_panels),
            Binding(lambda s: (s.name, s.scene.title, s.modified), w.set_title),
            Binding(captions.status, w.set_status, 0.1),
            Binding(lambda s: (tuple(a.enabled(s) for a in ACTIONS),), w.set_enabled),
            Binding(_checked, w.set_checked),
            Binding(notices.banner, w.set_message),
            Binding(lambda s: (s.scene, s.draft), w.run_panel.set_scene),
            Binding(lambda s: (s.scene,), w.view_panel.set_scene),
            Binding(lambda s: (s.scene.pace,), w.pace_bar.set_pace),
            Binding(lambda s: (s.field_error,), self._show_field_error),
        ]

    def _dress(self, name: str) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(theme.THEMES[name], app)
        self.window.set_hall(name == "projector")

    def _show_field_error(self, error: tuple[str, str] | None) -> None:
        panels = (self.window.run_panel, self.window.view_panel, self.window.pace_bar)
        for panel in panels:
            panel.clear_errors()
        if error is not None:
            path, sentence = error
            sentence = re.sub(rf"^{re.escape(path)}(\.\d+)?: ", "", sentence)  # the field says which it is
            if sum(panel.set_error(path, sentence) for panel in panels) == 0 or path.startswith("pace."):
                self.controller.dispatch(Report(error[1]))

    def _next_example(self, by: int) -> None:
        view, started = self.controller.state.scene.view, self.controller.state.started
        if started is not None:
            self.controller.dispatch(Edit("view.example", (view.example + by) % len(started.examples)))

    def _look(self, azimuth: float, elevation: float, zoom: float) -> None:
        camera = CameraSpec(azimuth=azimuth, elevation=elevation, zoom=zoom)
        self.controller.dispatch(Edit("view.camera", camera))

    def _act(self, name: str) -> None:
        state = self.controller.state
        dialogs: dict[str, Callable[[], object]] = {
            "open": self.dialogs.ask_and_open,
            "last": self.dialogs.open_last,
            "save": self.dialogs.save,
            "save-as": self.dialogs.save_as,
            "export": self.dialogs.export,
            "open-surface": self.dialogs.open_surface,
            "quit": self.window.close,
            "full-screen": self._full_screen,
            "settings": self.dialogs.change_settings,
            "keys": self.dialogs.keys,
            "about": self.dialogs.about,
        }
        if name in INTENTS:
            self.controller.dispatch(INTENTS[name](state))
        elif name in dialogs:
            dialogs[name]()
        elif name.startswith("theme-"):
            self.dialogs.keep(state.settings.model_copy(update={"theme": name.removeprefix("theme-")}))
        elif name.startswith("panel-"):
            panels = _toggled(state.scene.view.panels, name.removeprefix("panel-"))
            self.controller.dispatch(Edit("view.panels", panels))
        self.window.set_checked(*_checked(self.controller.state))  # a switch shows the state, not the click

    def _full_screen(self) -> None:
        if self.window.isFullScreen():
            self.window.showNormal()
        else:
            self.window.showFullScreen()

    def _answer(self, name: str) -> None:
        dispatch, generation = self.controller.dispatch, self.controller.state.generation
        answers: dict[str, Callable[[], object]] = {
            "dismiss": partial(dispatch, Dismiss()),
            "restart": self.controller.restart_session,
            "download": self._download,
            "folder": self.dialogs.choose_data_folder,
            "digits": partial(dispatch, Change({"run.data.name": "digits", "run.data.folder": ""})),
            "cancel": partial(self.controller.tell_session, Cancel(generation)),
        }
        answers[name]()

    def _download(self) -> None:
        state = self.controller.state
        if state.missing is not None:
            self.controller.tell_session(Download(state.generation, state.missing.name))


def _checked(state: AppState) -> tuple[tuple[bool | None, ...]]:
    return (tuple(a.checked(state) if a.checked else None for a in ACTIONS),)


def _toggled(panels: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(p for p in panels if p != name) if name in panels else (*panels, name)
