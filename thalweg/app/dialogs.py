"""The window's dialogs: open, save, export, settings, keys, about. They end in an intent, or in nothing."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QMessageBox

import thalweg
from thalweg import assets
from thalweg.app import settings_file
from thalweg.app.actions import keys_page
from thalweg.app.controller import Controller
from thalweg.app.export.figure import export
from thalweg.app.intents import Change, OpenScene, Report, SceneSaved, SetSettings
from thalweg.app.main_window import MainWindow
from thalweg.app.panels.export_dialog import ExportDialog
from thalweg.app.panels.settings_dialog import SettingsDialog
from thalweg.app.settings import Settings
from thalweg.app.state import AppState
from thalweg.app.tables import table_of
from thalweg.core.scene import SpecError, save

_SCENE_FILTER = "Scenes (*.toml);;All files (*)"


class Dialogs:
    """The dialogs of one window."""

    def __init__(self, window: MainWindow, controller: Controller) -> None:
        self._window, self._controller = window, controller

    @property
    def _state(self) -> AppState:
        return self._controller.state

    def open(self, name: str) -> None:
        """Open a shipped scene or a file; when that fails, say why and leave the scene on screen."""
        try:
            scene = assets.find_scene(name)
        except SpecError as e:
            self._controller.dispatch(Report(str(e)))
        else:
            self._controller.dispatch(OpenScene(scene, name))

    def ask_and_open(self) -> None:
        """Open a scene file that the person chooses."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open scene", _folder(self._state), _SCENE_FILTER)
        if name:
            self.open(name)

    def open_last(self) -> None:
        """Open the scene as it was when the program was last closed."""
        self.open(str(last_scene()))

    def save(self) -> None:
        """Write the scene to its file; one that ships with the program is saved elsewhere."""
        path = Path(self._state.name)
        if path.suffix:
            self._write(path)
        else:
            self.save_as()

    def save_as(self) -> None:
        """Write the scene to a file that the person chooses."""
        start = str(Path(_folder(self._state)) / (Path(self._state.name).stem + ".toml"))
        name, _ = QFileDialog.getSaveFileName(self._window, "Save scene", start, _SCENE_FILTER)
        if name:
            self._write(Path(name) if Path(name).suffix else Path(name).with_suffix(".toml"))

    def _write(self, path: Path) -> None:
        try:
            save(self._state.scene, path)
        except OSError as e:
            self._controller.dispatch(Report(f"{path}: cannot be written: {e.strerror or e}"))
        else:
            self._controller.dispatch(SceneSaved(str(path)))

    def export(self) -> None:
        """Write a figure, as it is at the moment of writing."""
        panels, step = self._state.scene.view.panels, self._state.frame.step if self._state.frame else 0
        path = Path(_folder(self._state)) / f"{Path(self._state.name).stem or 'figure'}-step-{step}"
        ExportDialog(panels[0] if panels else "landscape", path, self.export_to, self._window).exec()

    def export_to(self, panel: str, path: Path, dpi: float) -> None:
        """Write the figure of a panel; raises ExportError."""
        figure = self._window.figures[panel]
        with figure.whole_caption():
            export(figure, path, dpi, table_of(figure, self._state))
        if (bar := self._window.statusBar()) is not None:
            bar.showMessage(f"Written: {path}", 6000)

    def change_settings(self) -> None:
        """Change settings, each as it is touched."""
        dialog = SettingsDialog(self._state.settings, self._window)
        dialog.changed.connect(self.keep)
        dialog.exec()

    def keep(self, wanted: Settings) -> None:
        """Take up settings and keep them for the next start."""
        before = self._state.settings
        settings_file.save(wanted)
        self._controller.dispatch(SetSettings(wanted))
        if wanted.device != before.device:
            self._controller.restart_workers(wanted.device)

    def keys(self) -> None:
        """All keys on one page."""
        QMessageBox(QMessageBox.Icon.NoIcon, "Keys", keys_page(), parent=self._window).exec()

    def about(self) -> None:
        """Version and licence."""
        QMessageBox.about(
            self._window,
            "About Thalweg",
            f"<b>Thalweg {thalweg.__version__}</b><p>Trains small neural networks live and shows how they learn.</p>"
            "<p>Free software under the GNU General Public License, version 3 or later. "
            "It sends nothing anywhere; it downloads a data set only when you ask for it.</p>",
        )

    def choose_data_folder(self) -> None:
        """Start the run on data from a folder that the person chooses."""
        folder = QFileDialog.getExistingDirectory(self._window, "Folder with the IDX files")
        if folder:
            self._controller.dispatch(Change({"run.data.folder": folder}))


def _folder(state: AppState) -> str:
    path = Path(state.name)
    return str(path.parent) if path.suffix else str(Path.home())


def last_scene() -> Path:
    """Where the scene is kept when the program is closed."""
    folder = settings_file.home()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "last-scene.toml"
