"""Which figure is written where, and how large. Must not change state."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from thalweg.app.bindings import FIGURES
from thalweg.app.export.data import FigureTable
from thalweg.app.export.figure import export
from thalweg.app.views.figure import Figure

_FILTER = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf);;Numbers as CSV (*.csv)"


class ExportDialog(QDialog):
    """Figure, file and resolution; the suffix of the file decides the format."""

    def __init__(self, panels: tuple[str, ...], folder: Path, stem: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export figure")
        self._folder, self._stem = folder, stem or "figure"
        self._figure = QComboBox()
        for name in panels:
            self._figure.addItem(FIGURES[name].title, name)
        self._path = QLineEdit(str(folder / f"{self._stem}-{panels[0]}.png") if panels else "")
        self._path.setToolTip("The ending decides the format: .png, .svg, .pdf, or .csv for the numbers")
        self._dpi = QSpinBox()
        self._dpi.setRange(48, 1200)
        self._dpi.setValue(300)
        self._dpi.setSuffix(" dpi")
        self._dpi.setToolTip("Resolution of a PNG; SVG and PDF have none")
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.addWidget(self._path, 1)
        row.addWidget(browse)
        form = QFormLayout()
        form.addRow("Figure", self._figure)
        form.addRow("File", row)
        form.addRow("Resolution", self._dpi)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(buttons)
        self._figure.currentIndexChanged.connect(self._rename)
        self.resize(560, self.sizeHint().height())

    @property
    def view(self) -> str:
        """The panel's name of the chosen figure."""
        return str(self._figure.currentData())

    @property
    def path(self) -> Path:
        """The chosen file."""
        return Path(self._path.text()).expanduser()

    def write(self, figure: Figure, table: FigureTable) -> None:
        """Write the figure to the chosen file; raises ExportError."""
        export(figure, self.path, self._dpi.value(), table)

    def _browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Export figure", self._path.text(), _FILTER)
        if name:
            self._path.setText(name)

    def _rename(self) -> None:
        path = self.path
        self._path.setText(str(path.with_name(f"{self._stem}-{self.view}{path.suffix}")))
