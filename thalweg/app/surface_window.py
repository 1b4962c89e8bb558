"""A window with the landscape of a surface file."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from thalweg.app.compute.surface_reader import SurfaceReader
from thalweg.app.export.data import FigureTable
from thalweg.app.export.figure import export
from thalweg.app.panels.export_dialog import ExportDialog
from thalweg.app.surface_files import Shown, shown
from thalweg.app.theme import Theme
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.core.scene import PlaneSpec
from thalweg.core.store.surfaces import Surface

LOOK = 30
"""Milliseconds between two looks at the reader."""


class SurfaceWindow(QDialog):
    """Reads the file beside the window, then shows it, or says why it cannot; closing gives up reading."""

    def __init__(self, path: Path, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"{path.name} – Thalweg")
        self._path = path
        self.surface: Surface | None = None
        self._shown: Shown | None = None
        self.message = QLabel(f"Reading {path.name} …")
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.figure = LandscapeFigure()
        self.figure.set_theme(theme)
        self._pages = QStackedWidget()
        for page in (self.message, self.figure):
            self._pages.addWidget(page)
        self.log = QCheckBox("Logarithmic colours")
        self.log.toggled.connect(self._draw)
        self.save = QPushButton("Export…")
        self.save.setToolTip("Write the picture, or the numbers in another format")
        self.save.setAutoDefault(False)
        self.save.clicked.connect(self._export)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addWidget(self.log)
        row.addStretch(1)
        row.addWidget(self.save)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.addWidget(self._pages, 1)
        column.addLayout(row)
        for widget in (self.log, self.save):
            widget.setEnabled(False)
        close.setAutoDefault(False)
        self.resize(900, 720)
        self._reader: SurfaceReader | None = SurfaceReader(path)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._timer.start(LOOK)

    def _look(self) -> None:
        found = self._reader.poll() if self._reader else None
        if found is None:
            return
        self._timer.stop()
        self._reader = None
        if isinstance(found, str):
            self.message.setText(found)
            return
        self.surface, self._shown = found, shown(found, self._path.name)
        for widget in (self.log, self.save):
            widget.setEnabled(True)
        self.figure.set_heading(self._shown.heading)
        self.figure.set_caption(self._shown.caption)
        self._pages.setCurrentWidget(self.figure)
        self._draw()

    def _draw(self) -> None:
        if self._shown is not None:
            self.figure.set_map(self._shown.map, self.log.isChecked(), PlaneSpec().levels, self._shown.unit)

    def _export(self) -> None:
        ExportDialog("landscape", {"landscape": self._path.with_suffix("")}, self.export_to, self).exec()

    def export_to(self, panel: str, path: Path, dpi: float) -> None:
        """Write the picture or the numbers; raises ExportError."""
        assert self.surface is not None
        assert self._shown is not None
        surface = self.surface
        table = FigureTable((self._shown.heading, *self._shown.caption.split("\n")), self.figure.table())
        with self.figure.whole_caption():
            export(self.figure, path, dpi, table, lambda: surface)

    def done(self, result: int) -> None:
        """Give up reading; Esc, the button and the window's own ways of closing all come here."""
        self._timer.stop()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        super().done(result)
