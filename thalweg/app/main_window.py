"""The window: docks, menus, tool bar, geometry. No logic: signals go up, setters come down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QByteArray, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QLabel,
    QMainWindow,
    QMenu,
    QPushButton,
    QSlider,
    QTabWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from thalweg.app import settings_file
from thalweg.app.actions import ACTIONS, Action, Choice
from thalweg.app.panels.banner import Banner
from thalweg.app.panels.centre import Centre
from thalweg.app.panels.choice_menu import ChoiceMenu
from thalweg.app.panels.docks import Docks, dock
from thalweg.app.panels.line_bar import LineBar
from thalweg.app.panels.pace_bar import PaceBar
from thalweg.app.panels.run_panel import RunPanel
from thalweg.app.panels.tab_focus import tab_focus
from thalweg.app.panels.tiles import Tiles
from thalweg.app.panels.timeline import Timeline
from thalweg.app.panels.view_panel import ViewPanel
from thalweg.app.views.figure import Figure
from thalweg.app.views.gallery import FIGURES
from thalweg.core.messages import Progress

LAYOUT_VERSION = 5


class MainWindow(QMainWindow):
    """Landscape in the middle, forms on the left, the other figures on the right."""

    triggered = pyqtSignal(str)
    """The id of the action that the person chose."""
    chosen = pyqtSignal(str, str)
    """The id of an action with choices, and that of the choice."""
    file_dropped = pyqtSignal(str)
    scene_chosen = pyqtSignal(str)
    closing = pyqtSignal()

    def __init__(self, shipped: Sequence[tuple[str, str]]) -> None:
        """``shipped``: (name, title) of the scenes for the menu."""
        super().__init__()
        self.setObjectName("thalweg")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.figures: dict[str, Figure] = {name: figure() for name, figure in FIGURES.items()}
        for figure in self.figures.values():
            figure.setAcceptDrops(False)  # so that a dropped file reaches the window
            figure.viewport().setAcceptDrops(False)
        self.banner = Banner()
        self.run_panel, self.view_panel, self.pace_bar = RunPanel(), ViewPanel(), PaceBar()
        self.timeline, self.line_bar = Timeline(), LineBar()
        self.tiles = {name: Tiles(self.figures[name], FIGURES[name]) for name in FIGURES if name != "slices"}
        self.places: dict[str, QWidget] = {name: self.tiles.get(name) or self.figures[name] for name in FIGURES}
        """What is put into the middle or beside it: each figure, or its tiles."""
        self.centre = Centre()
        self.setCentralWidget(self.centre)
        self.docks = Docks(self, self.places, {name: figure.title for name, figure in self.figures.items()})
        self.controls = self._controls()
        self.choice_menus: dict[str, ChoiceMenu] = {}
        self.actions_by_id = {a.id: self._action(a) for a in ACTIONS}
        self._menus(shipped)
        self._tool_bar()
        self._time_bar()
        self._status = [QLabel() for _ in range(5)]
        bar = self.statusBar()
        assert bar is not None
        for label in self._status:
            label.setContentsMargins(6, 0, 10, 0)
            bar.addWidget(label)
        screen = self.screen()
        room = screen.availableSize() if screen else QSize(1280, 720)
        self.resize(
            min(1440, room.width() - 8), min(900, room.height() - 36)
        )  # 36: the title bar that the desktop adds
        self._default_layout()
        for control in self.findChildren((QCheckBox, QComboBox, QPushButton, QSlider, QToolButton)):
            tab_focus(control)

    # --- setters -----------------------------------------------------------------------------------------------------

    def set_status(self, *texts: str) -> None:
        """Step, epoch, steps per second, landscapes per second, device."""
        for label, text in zip(self._status, texts, strict=True):
            label.setText(text)

    def say(self, words: str) -> None:
        """A word in passing, in the status bar."""
        if (bar := self.statusBar()) is not None:
            bar.showMessage(words, 6000)

    def set_enabled(self, enabled: tuple[bool, ...]) -> None:
        """Which actions can be chosen, in the table's order."""
        for action, on in zip(ACTIONS, enabled, strict=True):
            self.actions_by_id[action.id].setEnabled(on)

    def set_checked(self, checked: tuple[bool | None, ...]) -> None:
        """Which actions are switched on, in the table's order; None for those that are not switches."""
        for action, on in zip(ACTIONS, checked, strict=True):
            if on is not None:
                self.actions_by_id[action.id].setChecked(on)
        self.actions_by_id["play"].setText("&Pause" if self.actions_by_id["play"].isChecked() else "&Play")

    def set_choices(self, choices: tuple[tuple[Choice, ...], ...]) -> None:
        """What there is to choose from for each action that has choices, in the table's order."""
        for menu, found in zip(self.choice_menus.values(), choices, strict=True):
            menu.set_choices(found)

    def set_panels(self, panels: tuple[str, ...], middle: tuple[str, ...], scene: int) -> None:
        """Which figures are open, and which of them stand in the middle.

        Those beside it are arranged anew with another ``scene``; with the same, what is opened comes to the others.
        """
        self.centre.set_figures({self.figures[name].title: self.places[name] for name in middle})
        self.docks.show([name for name in panels if name not in middle], scene)

    def set_controls(self, shown: bool) -> None:
        """Show the forms, or give their room to the figures."""
        self.controls.setVisible(shown)
        self.resizeDocks([self.controls], [285], Qt.Orientation.Horizontal)

    def set_hall(self, hall: bool) -> None:
        """Fewer figures beside the middle have a place of their own in a hall, whose texts are large."""
        self.docks.set_hall(hall)

    def set_title(self, name: str, title: str, modified: bool) -> None:
        """The scene's name in the title bar, with the platform's mark for changes."""
        self.setWindowTitle(f"{title} ({name})[*] – Thalweg" if name else f"{title}[*] – Thalweg")
        self.setWindowModified(modified)

    # --- geometry ----------------------------------------------------------------------------------------------------

    def keep_geometry(self) -> None:
        """Remember places and sizes for the next start."""
        store = settings_file.store()
        store.setValue("window/geometry", self.saveGeometry())
        store.setValue("window/state", self.saveState(LAYOUT_VERSION))

    def restore_kept_geometry(self) -> None:
        """Places and sizes as they were left, where they were kept and still fit."""
        store = settings_file.store()
        geometry, state = store.value("window/geometry"), store.value("window/state")
        if isinstance(geometry, QByteArray) and isinstance(state, QByteArray):
            self.restoreGeometry(geometry)
            self.docks.restored = self.restoreState(state, LAYOUT_VERSION)

    def _default_layout(self) -> None:
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self.controls)
        self.resizeDocks([self.controls], [285], Qt.Orientation.Horizontal)

    # --- parts -------------------------------------------------------------------------------------------------------

    def _controls(self) -> QDockWidget:
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(self.run_panel, "Run")
        tabs.addTab(self.view_panel, "View")
        found = dock(self, "controls", "Controls")
        found.setWidget(tabs)
        return found

    def _action(self, spec: Action) -> QAction:
        action = QAction(spec.title, self)
        action.setObjectName(spec.id)
        key = f" ({QKeySequence(spec.shortcut).toString(QKeySequence.SequenceFormat.NativeText)})" * bool(spec.shortcut)
        action.setToolTip(spec.tip + key)
        action.setStatusTip("")
        if spec.shortcut:
            action.setShortcut(QKeySequence(spec.shortcut))
        action.setCheckable(spec.checked is not None)
        if spec.choices is None:
            action.triggered.connect(lambda _=False, name=spec.id: self.triggered.emit(name))
        else:
            menu = self.choice_menus[spec.id] = ChoiceMenu(self)
            menu.chosen.connect(lambda choice, name=spec.id: self.chosen.emit(name, choice))
            action.setMenu(menu)
            action.triggered.connect(lambda _=False, menu=menu: menu.open_in(self))
        self.addAction(action)
        return action

    def _menus(self, shipped: Sequence[tuple[str, str]]) -> None:
        bar = self.menuBar()
        assert bar is not None
        menus: dict[str, QMenu] = {}
        for spec in ACTIONS:
            if spec.menu not in menus:
                menu = bar.addMenu(spec.menu)
                assert menu is not None
                menus[spec.menu] = menu
            menus[spec.menu].addAction(self.actions_by_id[spec.id])
        scenes = QMenu("S&cenes", self)
        for name, title in shipped:
            action = QAction(f"{title}  ({name})", self)
            action.triggered.connect(lambda _=False, n=name: self.scene_chosen.emit(n))
            scenes.addAction(action)
        bar.insertMenu(menus["&Edit"].menuAction(), scenes)

    def _tool_bar(self) -> None:
        bar = QToolBar("Player")
        bar.setObjectName("tool-bar")
        bar.setMovable(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        for spec in ACTIONS:
            if spec.tool_bar:
                bar.addAction(self.actions_by_id[spec.id])
                button = bar.widgetForAction(self.actions_by_id[spec.id])
                if spec.choices is not None and isinstance(button, QToolButton):
                    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        bar.addSeparator()
        bar.addWidget(self.pace_bar)
        self.addToolBar(bar)
        self.addToolBarBreak()
        messages = QToolBar("Messages")
        messages.setObjectName("messages")
        messages.setMovable(False)
        self._message = messages.addWidget(self.banner)  # a tool bar shows a widget as its action says
        messages.hide()
        self.addToolBar(messages)
        self._messages = messages

    def _time_bar(self) -> None:
        """Below the figures: the lines of training, and the steps of the one in front."""
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.line_bar)
        column.addWidget(self.timeline)
        bar = QToolBar("Timeline")
        bar.setObjectName("timeline")
        bar.setMovable(False)
        bar.addWidget(page)
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, bar)

    def set_names(self, names: tuple[str, ...]) -> None:
        """What each action would do now, after its title, in the table's order."""
        for action, words in zip(ACTIONS, names, strict=True):
            if words or self.actions_by_id[action.id].property("named"):
                self.actions_by_id[action.id].setProperty("named", bool(words))
                self.actions_by_id[action.id].setText(f"{action.title}: {words}" if words else action.title)

    def set_message(self, sentence: str, answers: tuple[tuple[str, str], ...], progress: Progress | None) -> None:
        """The sentence under the tool bar, with its answers; an empty one hides it."""
        self.banner.set_message(sentence, answers, progress)
        if self._message is not None:
            self._message.setVisible(bool(sentence))
        self._messages.setVisible(bool(sentence))

    # --- events ------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept a file."""
        mime = event.mimeData() if event else None
        if event and mime and any(u.isLocalFile() for u in mime.urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Pass the first file on."""
        mime = event.mimeData() if event else None
        for url in mime.urls() if mime else []:
            if url.isLocalFile():
                self.file_dropped.emit(str(Path(url.toLocalFile())))
                return

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Remember the geometry and say so; closing is never refused."""
        self.keep_geometry()
        self.closing.emit()
        super().closeEvent(event)
