"""The lines of training as a legend: shown or hidden, put in front, forgotten."""

from __future__ import annotations

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QIcon, QPainter, QPixmap, QResizeEvent
from PyQt6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QScrollArea, QToolButton, QWidget

from thalweg.app.marks import Entry
from thalweg.app.panels.tab_focus import tab_focus
from thalweg.app.theme import LIGHT, LINE_STYLES, Theme
from thalweg.app.views.markers import marker_path

SAMPLE = (30, 10)
"""Width and height of a sample of a line, in pixels."""


class _Chip(QFrame):
    def __init__(self, entry: Entry, bar: LineBar) -> None:
        super().__init__()
        self.box = QCheckBox()
        self.box.setToolTip("Draw this line")
        self.box.toggled.connect(lambda on: bar.show_requested.emit(self.entry.lines, on))
        self.name = QToolButton()
        self.name.setAutoRaise(True)
        self.name.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.name.setToolTip("Put this line, or the next of these, in front: its landscape, weights and settings")
        self.name.clicked.connect(lambda: bar.front_requested.emit(self.entry.next))
        self.drop = QToolButton()
        self.drop.setAutoRaise(True)
        self.drop.setText("✕")
        self.drop.setToolTip("Forget this line")
        self.drop.clicked.connect(lambda: bar.forget_requested.emit(self.entry.lines[0]))
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(0)
        for widget in (self.box, self.name, self.drop):
            row.addWidget(widget)
            tab_focus(widget)
        self.entry = entry

    def set(self, entry: Entry, theme: Theme) -> None:
        """Show an entry."""
        self.entry = entry
        with QSignalBlocker(self.box):
            self.box.setChecked(entry.shown)
        self.box.setEnabled(not entry.front or len(entry.lines) > 1)
        self.name.setText(entry.name)
        self.name.setAccessibleName(f"Put {entry.name} in front")
        self.box.setAccessibleName(f"Draw {entry.name}")
        self.drop.setAccessibleName(f"Forget {entry.name}")
        self.name.setIcon(_sample(theme, entry.style))
        font = self.name.font()
        font.setBold(entry.front)
        self.name.setFont(font)
        self.drop.setVisible(entry.past and not entry.front)


class LineBar(QScrollArea):
    """Hidden while there is one line only; must not change state."""

    show_requested = pyqtSignal(object, bool)
    """These lines are to be drawn, or not."""
    front_requested = pyqtSignal(int)
    forget_requested = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget()
        self._row = QHBoxLayout(page)
        self._row.setContentsMargins(6, 0, 6, 0)
        self._row.setSpacing(6)
        self._row.addStretch(1)
        self.setWidget(page)
        self.chips: list[_Chip] = []
        self._entries: tuple[Entry, ...] = ()
        self._theme = LIGHT
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Draw the samples in a theme."""
        self._theme = theme
        self.set_entries(self._entries)

    def set_entries(self, entries: tuple[Entry, ...]) -> None:
        """Show these entries; nothing for one alone."""
        self._entries = entries
        while len(self.chips) > len(entries):
            chip = self.chips.pop()
            self._row.removeWidget(chip)
            chip.deleteLater()
        while len(self.chips) < len(entries):
            chip = _Chip(entries[len(self.chips)], self)
            self._row.insertWidget(len(self.chips), chip)
            self.chips.append(chip)
        for chip, entry in zip(self.chips, entries, strict=True):
            chip.set(entry, self._theme)
        self._fit()
        self.setVisible(sum(len(entry.lines) for entry in entries) > 1)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Make room for the scroll bar where the lines find none."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = max((chip.sizeHint().height() for chip in self.chips), default=20)
        page, bar = self.widget(), self.horizontalScrollBar()
        wide = page is not None and page.minimumSizeHint().width() > self.width()
        self.setFixedHeight(height + 4 + (bar.sizeHint().height() if wide and bar is not None else 0))


def _sample(theme: Theme, style: int) -> QIcon:
    pixmap = QPixmap(*SAMPLE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    pen = theme.pen(
        theme.series[style % len(theme.series)], 2.0 / theme.line_width, LINE_STYLES[style % len(LINE_STYLES)]
    )
    painter.setPen(pen)
    painter.drawLine(1, SAMPLE[1] // 2, SAMPLE[0] - 1, SAMPLE[1] // 2)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillPath(marker_path(style, SAMPLE[0] / 2, SAMPLE[1] / 2, SAMPLE[1] / 3), pen.color())
    painter.end()
    return QIcon(pixmap)
