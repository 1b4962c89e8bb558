"""The window's dialogs: open, save, export, settings, keys, about. They end in an intent, or in nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QMessageBox

import thalweg
from thalweg import assets
from thalweg.app import settings_file
from thalweg.app.actions import keys_page
from thalweg.app.controller import Controller
from thalweg.app.export.figure import export
from thalweg.app.intents import Change, OpenRun, OpenScene, Report, SceneSaved, SetSettings
from thalweg.app.main_window import MainWindow
from thalweg.app.panels.export_dialog import ExportDialog
from thalweg.app.panels.settings_dialog import SettingsDialog
from thalweg.app.settings import Settings
from thalweg.app.state import AppState
from thalweg.app.surface_files import surface_of
from thalweg.app.surface_window import SurfaceWindow
from thalweg.app.tables import table_of
from thalweg.app.theme import THEMES
from thalweg.app.views.gallery import FIGURES
from thalweg.core.messages import Frame, Map, Save, SaveParameters, SlicesDrawn
from thalweg.core.scene import SpecError, save
from thalweg.core.scene.view import MAP_PANELS
from thalweg.core.store.surfaces import SUFFIXES as SURFACES

_OPEN_FILTER = "Scenes and runs (*.toml *.h5 *.hdf5);;All files (*)"
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
        if Path(name).suffix.lower() in assets.RUN_SUFFIXES and Path(name).is_file():
            self._controller.dispatch(OpenRun(name))  # the worker looks whether it is a run: no file of a stranger here
            return
        if Path(name).suffix.lower() in SURFACES and Path(name).is_file():
            self.show_surface(Path(name))
            return
        try:
            scene = assets.find_scene(name)
        except SpecError as e:
            self._controller.dispatch(Report(str(e)))
        else:
            self._controller.dispatch(OpenScene(scene, name))

    def ask_and_open(self) -> None:
        """Open a scene or a run file that the person chooses."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open", _folder(self._state), _OPEN_FILTER)
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

    def save_run(self) -> None:
        """Write everything that was recorded to a file that the person chooses."""
        name = self._file_for("Save run", ".h5", "Runs (*.h5)")
        if name:
            state = self._state
            landscapes = (surface_of(state),) if state.map is not None and state.map.complete else ()
            self._controller.tell_session(Save(state.generation, name, state.scene, landscapes))

    def save_parameters(self) -> None:
        """Write the parameters of the step on screen to a file that the person chooses."""
        kinds = "safetensors (*.safetensors);;PyTorch state dict (*.pt)"
        name = self._file_for("Export parameters", ".safetensors", kinds)
        if name:
            self._controller.tell_session(SaveParameters(self._state.generation, name))

    def _file_for(self, title: str, suffix: str, kinds: str) -> str:
        """The name of a file to write, which has an ending; empty when the person thought better of it."""
        state = self._state
        step = state.frame.step if state.frame else 0
        start = Path(_folder(state)) / f"{Path(state.name).stem or 'run'}-step-{step}{suffix}"
        name, chosen = QFileDialog.getSaveFileName(self._window, title, str(start), kinds)
        if name and not Path(name).suffix:
            name += ".pt" if "(*.pt)" in chosen else suffix
        return name

    def _write(self, path: Path) -> None:
        try:
            save(self._state.scene, path)
        except OSError as e:
            self._controller.dispatch(Report(f"{path}: cannot be written: {e.strerror or e}"))
        else:
            self._controller.dispatch(SceneSaved(str(path)))

    def export(self) -> None:
        """Write a figure, as it is at the moment of writing."""
        panels = self._state.scene.view.panels
        folder, stem = Path(_folder(self._state)), Path(self._state.name).stem or "figure"
        paths = {panel: folder / f"{stem}-step-{self._step_of(panel)}" for panel in FIGURES}
        ExportDialog(panels[0] if panels else "landscape", paths, self.export_to, self._window).exec()

    def _step_of(self, panel: str) -> int:
        """The step that a figure shows, which may be behind that of the run."""
        state = self._state
        shown: SlicesDrawn | Map | Frame | None = state.map if panel in MAP_PANELS else state.frame
        if panel == "slices":
            shown = state.slicing.shown
        return shown.step if shown is not None else 0

    def export_to(self, panel: str, path: Path, dpi: float) -> None:
        """Write the figure of a panel; raises ExportError."""
        figure = self._window.figures[panel]
        surface = partial(surface_of, self._state) if panel in MAP_PANELS else None
        with figure.whole_caption():
            export(figure, path, dpi, table_of(figure, self._state), surface)
        self._window.say(f"Written: {path}")

    def open_surface(self) -> None:
        """Show the landscape of a surface file that the person chooses, in a window of its own."""
        endings = " ".join(f"*{s}" for s in SURFACES)
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Open surface", _folder(self._state), f"Surfaces ({endings});;All files (*)"
        )
        if name:
            self.show_surface(Path(name))

    def show_surface(self, path: Path) -> SurfaceWindow:
        """A window with the landscape of a surface file."""
        window = SurfaceWindow(path, THEMES[self._state.settings.theme], self._window)
        window.show()
        return window

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
