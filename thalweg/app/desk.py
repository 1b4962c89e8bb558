"""What connects one window with one controller: signals to intents, actions to what they do, state to setters."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from thalweg.app import captions, marks, notices, theme
from thalweg.app.actions import ACTIONS
from thalweg.app.binding import Binding
from thalweg.app.bindings import bindings
from thalweg.app.controller import Controller
from thalweg.app.dialogs import Dialogs, last_scene
from thalweg.app.intents import (
    AddVariant,
    ApplyDraft,
    AskWhetherMinimum,
    Change,
    CureWith,
    DiscardDraft,
    Dismiss,
    Edit,
    ForgetLine,
    LayPlane,
    LookAt,
    LookInside,
    LookOutside,
    NewSeed,
    OpenRun,
    PutAhead,
    PutLayerBack,
    Redo,
    RemoveVariant,
    Report,
    Rescue,
    Reset,
    SetPlaying,
    ShowControls,
    ShowLine,
    StartAt,
    StepBack,
    StepOn,
    Undo,
    WholePlane,
    Zoom,
)
from thalweg.app.kept_runs import KeptRuns
from thalweg.app.main_window import MainWindow
from thalweg.app.seen import alone, tiles_of
from thalweg.app.state import AppState
from thalweg.core.messages import Cancel, Download, Saved
from thalweg.core.scene import Scene, save
from thalweg.core.scene.view import CameraSpec

CLOSING = 2.0
"""Seconds that closing waits at most for the run to be written once more."""

TICK = 16
"""Milliseconds between two looks at the workers."""

INTENTS: dict[str, Callable[[AppState], object]] = {
    "undo": lambda s: Undo(),
    "redo": lambda s: Redo(),
    "play": lambda s: SetPlaying(not (s.playing or s.stepping)),
    "step": lambda s: StepOn(),
    "on-ten": lambda s: StepOn(10),
    "back": lambda s: StepBack(),
    "back-ten": lambda s: StepBack(10),
    "judge": lambda s: AskWhetherMinimum(),
    "inside": lambda s: LookInside(),
    "inside-back": lambda s: LookInside(-1),
    "outside": lambda s: LookOutside(),
    "first": lambda s: LookAt(0),
    "follow": lambda s: LookAt(None),
    "add-variant": lambda s: AddVariant(),
    "remove-variant": lambda s: RemoveVariant(),
    "reset": lambda s: Reset(),
    "new-seed": lambda s: NewSeed(),
    "lay": lambda s: LayPlane(),
    "whole": lambda s: WholePlane(),
    "log-loss": lambda s: Edit("view.log_loss", not s.scene.view.log_loss),
    "log-steps": lambda s: Edit("view.log_steps", not s.scene.view.log_steps),
    "controls": lambda s: ShowControls(not s.controls),
}
"""The actions that are an intent and nothing else."""

CHOSEN: dict[str, Callable[[str], object]] = {
    "cure": CureWith,
    "put-back": lambda layer: PutLayerBack(int(layer)),
}
"""The actions with choices: the intent of a choice, by its id."""


class Desk:
    """One window at work."""

    def __init__(self, window: MainWindow, controller: Controller, kept_runs: KeptRuns | None = None) -> None:
        self.window, self.controller, self.dialogs = window, controller, Dialogs(window, controller)
        self.kept_runs = kept_runs or KeptRuns()
        self._timer = QTimer(window)
        self._timer.timeout.connect(controller.tick)
        self._connect()
        controller.bind([*self._window_bindings(), *bindings(window.figures)])
        for tiles in window.tiles.values():
            tiles.made.connect(self._bind_tiles)
        self._timer.start(TICK)

    def close(self) -> None:
        """Stop looking at the workers and end them; the scene is kept for the next session."""
        self._timer.stop()
        self.controller.keep_now(CLOSING)
        self.kept_runs.leave(self.controller.state.keeping.spare)
        self.controller.close()
        with contextlib.suppress(OSError):  # nothing to be done about it while closing; the scene's file is untouched
            save(self.controller.state.scene, last_scene())

    def _connect(self) -> None:
        window, dispatch = self.window, self.controller.dispatch
        window.triggered.connect(self._act)
        window.chosen.connect(lambda action, choice: dispatch(CHOSEN[action](choice)))
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
        landscape.start_requested.connect(lambda x, y, done: dispatch(StartAt(x, y, done)))
        window.figures["surface"].turned.connect(self._look)
        depth = window.figures["depth"]
        depth.layer_requested.connect(lambda layer: dispatch(Edit("view.depth.layer", layer)))
        depth.step_requested.connect(lambda step: dispatch(LookAt(step)))
        window.timeline.moved.connect(lambda step: dispatch(LookAt(step)))
        window.line_bar.front_requested.connect(lambda line: dispatch(PutAhead(line)))
        window.line_bar.forget_requested.connect(lambda line: dispatch(ForgetLine(line)))
        window.line_bar.show_requested.connect(self._show_lines)

    def _window_bindings(self) -> list[Binding]:
        w = self.window
        return [
            Binding(lambda s: (s.settings.theme,), self._dress),
            Binding(lambda s: (s.controls,), w.set_controls),
            Binding(lambda s: (s.scene.view.panels, s.scene.view.in_the_middle, s.scenes_opened), w.set_panels),
            Binding(lambda s: (s.name, s.scene.title, s.modified), w.set_title),
            Binding(captions.status, w.set_status, 0.1),
            Binding(lambda s: (tuple(a.enabled(s) for a in ACTIONS),), w.set_enabled),
            Binding(_checked, w.set_checked),
            Binding(lambda s: (tuple(a.choices(s) for a in ACTIONS if a.choices),), w.set_choices, 0.2),
            Binding(lambda s: (tuple(a.names(s) for a in ACTIONS),), w.set_names),
            Binding(lambda s: (*marks.steps(s), marks.marks(s)), w.timeline.set_steps),
            Binding(lambda s: (marks.entries(s),), w.line_bar.set_entries, 0.1),
            Binding(lambda s: (tiles_of(s),), self._tile),
            Binding(lambda s: (s.foreign,), self._show_foreign),
            Binding(lambda s: (s.written,), self._say_written),
            Binding(lambda s: (notices.is_trouble(s),), w.banner.set_trouble),
            Binding(notices.banner, w.set_message),
            Binding(lambda s: (s.seen_scene, s.draft, s.form), self._show_in_forms),
            Binding(lambda s: (s.scene,), w.view_panel.set_scene),
            Binding(lambda s: (s.scene.pace,), w.pace_bar.set_pace),
            Binding(lambda s: (s.field_error,), self._show_field_error),
        ]

    def _dress(self, name: str) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(theme.THEMES[name], app)
        self.window.set_hall(name == "projector")
        self.window.banner.fit()
        self.window.line_bar.set_theme(theme.THEMES[name])
        for tiles in self.window.tiles.values():
            tiles.set_theme(theme.THEMES[name])

    def _show_field_error(self, error: tuple[str, str] | None) -> None:
        panels = (self.window.run_panel, self.window.view_panel, self.window.pace_bar)
        for panel in panels:
            panel.clear_errors()
        if error is not None:
            path, sentence = error
            sentence = re.sub(rf"^{re.escape(path)}(\.\d+)?: ", "", sentence)  # the field says which it is
            if sum(panel.set_error(path, sentence) for panel in panels) == 0 or path.startswith("pace."):
                self.controller.dispatch(Report(error[1]))

    def _show_in_forms(self, scene: Scene, draft: Scene | None, form: int) -> None:
        self.window.run_panel.set_scene(*in_forms(scene, draft, form))

    def _tile(self, lines: tuple[tuple[int, str], ...]) -> None:
        for tiles in self.window.tiles.values():
            tiles.set_lines(lines)

    def _bind_tiles(self) -> None:
        """Show in each tile the state as its line is seen alone."""
        self.controller.tiles = [
            alone(number, binding)
            for name, tiles in self.window.tiles.items()
            for number, figure in tiles.figures.items()
            for binding in bindings({name: figure})
        ]

    def _show_lines(self, lines: tuple[int, ...], shown: bool) -> None:
        for line in lines:
            self.controller.dispatch(ShowLine(line, shown))

    def _show_foreign(self, path: str) -> None:
        if path:
            self.dialogs.show_surface(Path(path))

    def _say_written(self, saved: Saved | None) -> None:
        if saved is not None and not saved.sentence:
            self.window.say(f"Written: {saved.path}")

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
            "save-run": self.dialogs.save_run,
            "save-parameters": self.dialogs.save_parameters,
            "last-run": self._open_last_run,
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
            "rescue": partial(dispatch, Rescue()),
            "resume": self._resume,
            "discard": self._discard,
            "restart": self.controller.restart_session,
            "download": self._download,
            "folder": self.dialogs.choose_data_folder,
            "digits": partial(dispatch, Change({"run.data.name": "digits", "run.data.folder": ""})),
            "cancel": partial(self.controller.tell_session, Cancel(generation)),
        }
        answers[name]()

    def _open_last_run(self) -> None:
        path = self.kept_runs.last
        if path.is_file():
            self.controller.dispatch(OpenRun(str(path)))
        else:
            self.controller.dispatch(Report("There is no run of the last session."))

    def _resume(self) -> None:
        left = self.controller.state.keeping.left
        if left is not None:
            self.controller.dispatch(OpenRun(left[0]))

    def _discard(self) -> None:
        left = self.controller.state.keeping.left
        if left is not None:
            self.kept_runs.discard(left[0])
        self.controller.dispatch(Dismiss())

    def _download(self) -> None:
        state = self.controller.state
        if state.missing is not None:
            self.controller.tell_session(Download(state.generation, state.missing.name))


def in_forms(scene: Scene, draft: Scene | None, form: int) -> tuple[Scene, Scene | None]:
    """The scene and its draft, each with the run alone that the forms are about."""
    shown = scene.seen(min(form, len(scene.variants)))
    return shown, draft.seen(min(form, len(draft.variants))) if draft else None


def _checked(state: AppState) -> tuple[tuple[bool | None, ...]]:
    return (tuple(a.checked(state) if a.checked else None for a in ACTIONS),)


def _toggled(panels: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(p for p in panels if p != name) if name in panels else (*panels, name)
