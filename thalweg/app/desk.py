"""What the window's actions do: dialogs on one side, intents to the controller on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QFileDialog, QMessageBox

import thalweg
from thalweg import assets
from thalweg.app import captions, notices, settings, theme
from thalweg.app.actions import ACTIONS, keys_page
from thalweg.app.bindings import bindings
from thalweg.app.controller import Binding, Controller
from thalweg.app.export.figure import ExportError
from thalweg.app.main_window import MainWindow
from thalweg.app.panels.export_dialog import ExportDialog
from thalweg.app.panels.pace_bar import PaceBar
from thalweg.app.panels.run_panel import RunPanel
from thalweg.app.panels.settings_dialog import SettingsDialog
from thalweg.app.panels.view_panel import ViewPanel
from thalweg.app.state import (
    ApplyDraft,
    AppState,
    DiscardDraft,
    Dismiss,
    Edit,
    LayPlane,
    NewSeed,
    OpenScene,
    Redo,
    Report,
    Reset,
    SceneSaved,
    SetPlaying,
    SetSettings,
    StepOnce,
    Undo,
)
from thalweg.app.tables import table_of
from thalweg.core.messages import Cancel, Download
from thalweg.core.scene import Scene, SpecError, load, save

TICK = 16
"""Milliseconds between two looks at the workers."""


def scene_of(name: str) -> tuple[Scene, str]:
    """The scene of a shipped name or a file, and what to call it; raises SpecError."""
    path = Path(name)
    if path.suffix.lower() in (".h5", ".hdf5"):
        raise SpecError(f"{name}: a run, not a scene; draw it with `thalweg render {name} -o FIGURE.png`")
    if path.suffix or path.exists():
        return load(path), str(path)
    return assets.shipped_scene(name), name


class Desk:
    """Connects one window with one controller."""

    def __init__(self, window: MainWindow, controller: Controller) -> None:
        self.window, self.controller = window, controller
        self._timer = QTimer(window)
        self._timer.timeout.connect(controller.tick)
        self._connect()
        controller.bind([*self._window_bindings(), *bindings(window.figures)])
        self._timer.start(TICK)

    def close(self) -> None:
        """Stop looking at the workers and end them; the scene is kept for the next session."""
        self._timer.stop()
        self.controller.close()
        try:
            save(self.controller.state.scene, _last_scene())
        except OSError:
            return  # nothing to be done about it while closing; the scene's own file is untouched

    def open(self, name: str) -> None:
        """Open a shipped scene or a file; when that fails, say why and leave the scene on screen."""
        try:
            scene, shown = scene_of(name)
        except SpecError as e:
            self.controller.dispatch(Report(str(e)))
        else:
            self.controller.dispatch(OpenScene(scene, shown))

    # --- connections -------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        window, dispatch = self.window, self.controller.dispatch
        window.triggered.connect(self._act)
        window.scene_chosen.connect(self.open)
        window.file_dropped.connect(self.open)
        window.closing.connect(self.close)
        for panel in (window.run_panel, window.view_panel, window.pace_bar):
            panel.edited.connect(lambda path, value: dispatch(Edit(path, value)))
        window.run_panel.apply_requested.connect(lambda: dispatch(ApplyDraft()))
        window.run_panel.discard_requested.connect(lambda: dispatch(DiscardDraft()))
        window.view_panel.lay_requested.connect(lambda: dispatch(LayPlane()))
        window.banner.chosen.connect(self._answer)
        window.figures["weight-map"].example_clicked.connect(self._next_example)

    def _window_bindings(self) -> list[Binding]:
        w = self.window
        return [
            Binding(lambda s: (s.settings.theme,), self._dress),
            Binding(lambda s: (s.scene.view.panels,), w.set_panels),
            Binding(lambda s: (s.name, s.scene.title, s.modified), w.set_title),
            Binding(lambda s: captions.status(s), w.set_status, 0.1),
            Binding(lambda s: (tuple(a.enabled(s) for a in ACTIONS),), w.set_enabled),
            Binding(lambda s: (tuple(a.checked(s) if a.checked else None for a in ACTIONS),), w.set_checked),
            Binding(lambda s: notices.banner(s), w.banner.set_message),
            Binding(lambda s: (s.scene, s.draft), w.run_panel.set_scene),
            Binding(lambda s: (s.scene,), w.view_panel.set_scene),
            Binding(lambda s: (s.scene.pace,), w.pace_bar.set_pace),
            Binding(lambda s: (s.field_error,), self._show_field_error),
        ]

    def _dress(self, name: str) -> None:
        theme.apply(theme.THEMES[name], QApplication.instance())  # type: ignore[arg-type]
        self.window.set_hall(name == "projector")

    def _show_field_error(self, error: tuple[str, str] | None) -> None:
        panels = (self.window.run_panel, self.window.view_panel, self.window.pace_bar)
        for panel in panels:
            panel.clear_errors()
        if error is not None and not _shown_in(panels, *error):
            self.controller.dispatch(Report(error[1]))

    def _next_example(self, by: int) -> None:
        view, started = self.controller.state.scene.view, self.controller.state.started
        if started is not None:
            self.controller.dispatch(Edit("view.example", (view.example + by) % len(started.examples)))

    # --- actions -----------------------------------------------------------------------------------------------------

    def _act(self, name: str) -> None:
        dispatch, state = self.controller.dispatch, self.controller.state
        simple: dict[str, Callable[[AppState], object]] = {
            "undo": lambda s: Undo(),
            "redo": lambda s: Redo(),
            "play": lambda s: SetPlaying(not s.playing),
            "step": lambda s: StepOnce(),
            "reset": lambda s: Reset(),
            "new-seed": lambda s: NewSeed(),
            "lay": lambda s: LayPlane(),
            "log-loss": lambda s: Edit("view.log_loss", not s.scene.view.log_loss),
            "log-steps": lambda s: Edit("view.log_steps", not s.scene.view.log_steps),
        }
        dialogs: dict[str, Callable[[], None]] = {
            "open": self._open,
            "last": lambda: self.open(str(_last_scene())),
            "save": self._save,
            "save-as": self._save_as,
            "export": self._export,
            "quit": lambda: (self.window.close(), None)[1],
            "controls": lambda: self.window.controls.setVisible(not self.window.controls.isVisible()),
            "full-screen": self._full_screen,
            "settings": self._settings,
            "keys": self._keys,
            "about": self._about,
        }
        if name in simple:
            dispatch(simple[name](state))
        elif name in dialogs:
            dialogs[name]()
        elif name.startswith("theme-"):
            self._keep(state.settings.model_copy(update={"theme": name.removeprefix("theme-")}))
        elif name.startswith("panel-"):
            dispatch(Edit("view.panels", _toggled(state.scene.view.panels, name.removeprefix("panel-"))))
        # a switch shows what the state says, not what was clicked
        now = self.controller.state
        self.window.set_checked(tuple(a.checked(now) if a.checked else None for a in ACTIONS))

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self.window, "Open scene", _folder(self.controller.state), _SCENE_FILTER)
        if name:
            self.open(name)

    def _save(self) -> None:
        path = Path(self.controller.state.name)
        if path.suffix:
            self._write(path)
        else:
            self._save_as()

    def _save_as(self) -> None:
        state = self.controller.state
        start = str(Path(_folder(state)) / (Path(state.name).stem + ".toml"))
        name, _ = QFileDialog.getSaveFileName(self.window, "Save scene", start, _SCENE_FILTER)
        if name:
            self._write(Path(name) if Path(name).suffix else Path(name).with_suffix(".toml"))

    def _write(self, path: Path) -> None:
        try:
            save(self.controller.state.scene, path)
        except OSError as e:
            self.controller.dispatch(Report(f"{path}: cannot be written: {e.strerror or e}"))
        else:
            self.controller.dispatch(SceneSaved(str(path)))

    def _export(self) -> None:
        state = self.controller.state
        dialog = ExportDialog(state.scene.view.panels, Path(_folder(state)), Path(state.name).stem, self.window)
        if not dialog.exec():
            return
        figure = self.window.figures[dialog.view]
        try:
            dialog.write(figure, table_of(figure, state))
        except ExportError as e:
            self.controller.dispatch(Report(str(e)))
        else:
            bar = self.window.statusBar()
            assert bar is not None
            bar.showMessage(f"Written: {dialog.path}", 6000)

    def _full_screen(self) -> None:
        if self.window.isFullScreen():
            self.window.showNormal()
        else:
            self.window.showFullScreen()

    def _settings(self) -> None:
        dialog = SettingsDialog(self.controller.state.settings, self.window)
        dialog.changed.connect(self._keep)
        dialog.exec()

    def _keep(self, wanted: settings.Settings) -> None:
        before = self.controller.state.settings
        settings.save(wanted)
        self.controller.dispatch(SetSettings(wanted))
        if wanted.device != before.device:
            self.controller.restart_workers(wanted.device)

    def _keys(self) -> None:
        box = QMessageBox(QMessageBox.Icon.NoIcon, "Keys", keys_page(), parent=self.window)
        box.exec()

    def _about(self) -> None:
        QMessageBox.about(
            self.window,
            "About Thalweg",
            f"<b>Thalweg {thalweg.__version__}</b><p>Trains small neural networks live and shows how they learn.</p>"
            "<p>Free software under the GNU General Public License, version 3 or later. "
            "It sends nothing anywhere; it downloads a data set only when you ask for it.</p>",
        )

    # --- answers to the banner ---------------------------------------------------------------------------------------

    def _answer(self, name: str) -> None:
        answers: dict[str, Callable[[], None]] = {
            "dismiss": partial(self.controller.dispatch, Dismiss()),
            "restart": self.controller.restart_session,
            "download": self._download,
            "folder": self._choose_folder,
            "digits": partial(self._use_data, {"run.data.name": "digits", "run.data.folder": ""}),
            "cancel": lambda: self.controller.tell_session(Cancel(self.controller.state.generation)),
        }
        answers[name]()

    def _download(self) -> None:
        state = self.controller.state
        if state.missing is not None:
            self.controller.tell_session(Download(state.generation, state.missing.name))

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.window, "Folder with the IDX files")
        if folder:
            self._use_data({"run.data.folder": folder})

    def _use_data(self, changes: dict[str, object]) -> None:
        try:
            scene = self.controller.state.scene.edited(changes)
        except SpecError as e:
            self.controller.dispatch(Report(str(e)))
        else:
            self.controller.dispatch(OpenScene(scene, self.controller.state.name))


def _shown_in(panels: Sequence[RunPanel | ViewPanel | PaceBar], path: str, sentence: str) -> bool:
    """Show an error in every panel that has the field; whether there was one."""
    return sum(panel.set_error(path, sentence) for panel in panels) > 0


_SCENE_FILTER = "Scenes (*.toml);;All files (*)"


def _toggled(panels: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(p for p in panels if p != name) if name in panels else (*panels, name)


def _folder(state: AppState) -> str:
    path = Path(state.name)
    return str(path.parent) if path.suffix else str(Path.home())


def _last_scene() -> Path:
    folder = settings.home()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "last-scene.toml"
