"""Which figure is written where, and how large. Must not change state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from thalweg.app.export.errors import ExportError
from thalweg.app.views.gallery import FIGURES

_FILTER = (
    "PNG (*.png);;SVG (*.svg);;PDF (*.pdf);;Numbers as CSV (*.csv)"
    ";;Surface as HDF5 (*.h5);;Surface for numpy (*.npz);;Surface for ParaView (*.vts)"
)


class ExportDialog(QDialog):
    """Figure, file and resolution; the suffix of the file decides the format.

    ``paths`` proposes a file for each figure, without panel and ending. ``write(panel, path, dpi)`` writes the figure
    and raises ExportError, which is then shown here, and nothing that was chosen is lost.
    """

    def __init__(
        self,
        panel: str,
        paths: Mapping[str, Path],
        write: Callable[[str, Path, float], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export figure")
        self._write, self._paths = write, paths
        self.figure = QComboBox()
        for name, figure in FIGURES.items():
            if name in paths:
                self.figure.addItem(figure.title, name)
        self.figure.setCurrentIndex(max(0, self.figure.findData(panel)))
        self.file = QLineEdit(str(self._proposed(paths[self.panel].parent, ".png")))
        self.file.setToolTip(
            "The ending decides the format: .png, .svg, .pdf, or .csv for the numbers; a landscape's grid also as "
            ".h5 (HDF5), .npz (numpy) or .vts (ParaView)"
        )
        self._dpi = QSpinBox()
        self._dpi.setRange(48, 1200)
        self._dpi.setValue(300)
        self._dpi.setSuffix(" dpi")
        self._dpi.setToolTip("Resolution of a PNG; SVG and PDF have none")
        self._error = QLabel()
        self._error.setWordWrap(True)
        self._error.setProperty("role", "error")
        self._error.hide()
        browse = QPushButton("Browse…")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.addWidget(self.file, 1)
        row.addWidget(browse)
        form = QFormLayout()
        form.addRow("Figure", self.figure)
        form.addRow("File", row)
        form.addRow("Resolution", self._dpi)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self._error)
        column.addWidget(buttons)
        self.figure.currentIndexChanged.connect(self._rename)
        self.file.setFocus()
        self.file.selectAll()
        self.resize(560, self.sizeHint().height())

    @property
    def panel(self) -> str:
        """The panel's name of the chosen figure."""
        return str(self.figure.currentData())

    @property
    def path(self) -> Path:
        """The chosen file."""
        return Path(self.file.text()).expanduser()

    def accept(self) -> None:
        """Write the figure and close; stay open, with the reason, when it cannot be written."""
        if self.path.is_file() and not self._may_replace():
            return
        try:
            self._write(self.panel, self.path, self._dpi.value())
        except ExportError as e:
            self._error.setText(str(e))
            self._error.show()
        else:
            super().accept()

    def _may_replace(self) -> bool:
        answer = QMessageBox.question(self, "Export figure", f"{self.path.name} is there already. Replace it?")
        return answer == QMessageBox.StandardButton.Yes

    def _browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Export figure", self.file.text(), _FILTER, options=QFileDialog.Option.DontConfirmOverwrite
        )
        if name:
            self.file.setText(name)

    def _rename(self) -> None:
        self.file.setText(str(self._proposed(self.path.parent, self.path.suffix)))

    def _proposed(self, folder: Path, suffix: str) -> Path:
        stem = self._paths[self.panel].name  # which has no ending: a dot in it is the scene's
        return folder / f"{stem}-{self.panel}{suffix}"
