"""Several figures of one kind side by side, or one alone; must not change state."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from thalweg.app.theme import LIGHT, Theme
from thalweg.app.views.figure import Figure
from thalweg.app.views.slice_grid import columns_for


class Tiles(QStackedWidget):
    """The figure of all lines, or a figure for each line under its name."""

    made = pyqtSignal()
    """The tiles are other ones now."""

    def __init__(self, single: Figure, make: Callable[[], Figure]) -> None:
        super().__init__()
        self.single, self._make, self.title = single, make, single.title
        self.figures: dict[int, Figure] = {}
        self._names: dict[int, QLabel] = {}
        self._theme = LIGHT
        self.addWidget(single)
        self._page = QWidget()
        self._grid = QGridLayout(self._page)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.addWidget(self._page)

    def set_theme(self, theme: Theme) -> None:
        """Dress the tiles; the figure of all lines is dressed by the window."""
        self._theme = theme
        for figure in self.figures.values():
            figure.set_theme(theme)

    def set_lines(self, named: tuple[tuple[int, str], ...]) -> None:
        """A tile for each of these lines (number, name); none: the figure of all lines."""
        lines = tuple(number for number, _ in named)
        if lines == tuple(self.figures):
            self._write(dict(named))
            return
        for figure in self.figures.values():
            cell = figure.parentWidget()
            figure.close()
            if cell is not None:
                self._grid.removeWidget(cell)
                cell.deleteLater()
        self.figures, self._names = {}, {}
        columns = columns_for(len(lines), max(1, self.width()), max(1, self.height())) if lines else 1
        for place, number in enumerate(lines):
            figure, name = self._make(), QLabel()
            figure.set_theme(self._theme)
            figure.set_compact(True)
            name.setAlignment(Qt.AlignmentFlag.AlignCenter)
            cell = QWidget()
            column = QVBoxLayout(cell)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(0)
            column.addWidget(name)
            column.addWidget(figure, 1)
            self._grid.addWidget(cell, *divmod(place, columns))
            self.figures[number], self._names[number] = figure, name
        self._write(dict(named))
        self.setCurrentWidget(self._page if lines else self.single)
        self.made.emit()

    def _write(self, names: dict[int, str]) -> None:
        for number, label in self._names.items():
            label.setText(names.get(number, ""))
