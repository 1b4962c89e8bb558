"""What all figures share: a title, a caption that says what is shown, a theme, and the numbers behind the picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF, QSizeF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QResizeEvent
from PyQt6.QtWidgets import QGraphicsTextItem, QSizePolicy

from thalweg.app.theme import LIGHT, Theme
from thalweg.app.views.axes import FittingAxis

pg.setConfigOptions(imageAxisOrder="row-major", antialias=True)


CAPTION_SHARE = 0.25
"""Share of a figure's height that its caption takes at most."""


class TextBlock(pg.GraphicsWidget):
    """Text that wraps to the width it is given and takes the height it needs."""

    def __init__(self, scale: float = 1.0, bold: bool = False, quiet: bool = False) -> None:
        super().__init__()
        self._item = QGraphicsTextItem(self)
        self._scale, self._bold, self._quiet, self._text = scale, bold, quiet, ""
        self._room = float("inf")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._theme = LIGHT

    @property
    def text(self) -> str:
        """The text as it was set."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show this text; line breaks are kept."""
        if text != self._text:
            self._text = text
            self._render()

    def set_room(self, height: float) -> None:
        """Show no more lines than fit this height (at least one); the whole text is in the tooltip."""
        if height != self._room:
            self._room = height
            self._fit()

    def set_theme(self, theme: Theme) -> None:
        """Dress in a theme."""
        self._theme = theme
        self._render()

    def _render(self) -> None:
        font = self._theme.font(self._scale)
        font.setBold(self._bold)
        self._item.setFont(font)
        self._item.setDefaultTextColor(QColor(self._theme.quiet if self._quiet else self._theme.text))
        self._fit()

    def _fit(self) -> None:
        self._item.setTextWidth(max(50.0, self.size().width()))
        self._write(self._text)
        line = QFontMetricsF(self._item.font()).lineSpacing()
        room = max(self._room, 1.5 * line)
        if self._item.boundingRect().height() > room:
            self._write(self._shortened(room))
            self.setToolTip(self._text)
        else:
            self.setToolTip("")
        height = self._item.boundingRect().height() if self._text else 0.0
        if abs(height - self.preferredHeight()) > 0.5:
            self.setMinimumHeight(height)
            self.setPreferredHeight(height)
            self.setMaximumHeight(height)

    def _shortened(self, room: float) -> str:
        """As many of the text's words as fit the height, and an ellipsis."""
        words = self._text.split(" ")
        few, many = 0, len(words)
        while few + 1 < many:
            middle = (few + many) // 2
            self._write(" ".join(words[:middle]) + " …")
            if self._item.boundingRect().height() > room:
                many = middle
            else:
                few = middle
        return " ".join(words[:few]) + " …"

    def _write(self, text: str) -> None:
        self._item.setHtml("<br>".join(escape(line) for line in text.split("\n")))

    def resizeEvent(self, event: object) -> None:
        """Wrap to the new width."""
        self._fit()

    def sizeHint(self, which: Qt.SizeHint, constraint: QSizeF = QSizeF()) -> QSizeF:  # noqa: B008
        """As high as the text, as wide as there is room."""
        height = self._item.boundingRect().height() if self._text else 0.0
        return QSizeF({Qt.SizeHint.MinimumSize: 50.0, Qt.SizeHint.PreferredSize: 200.0}.get(which, 1e6), height)

    def boundingRect(self) -> QRectF:
        """The area of the widget."""
        return QRectF(self.rect())


class Figure(pg.GraphicsLayoutWidget):
    """A picture for screen and file. Must not change state: setters come down, signals go up."""

    title = "Figure"

    def __init__(self) -> None:
        super().__init__()
        self.theme, self._compact = LIGHT, False
        self.heading = TextBlock(1.1, bold=True)
        self.caption = TextBlock(0.88, quiet=True)
        self.top: pg.GraphicsLayout = self.addLayout(row=0, col=0)
        self.top.layout.setContentsMargins(0, 0, 0, 0)
        self.top.addItem(self.heading, row=0, col=0)
        self.body: pg.GraphicsLayout = self.addLayout(row=1, col=0)
        self.addItem(self.caption, row=2, col=0)
        self.body.layout.setContentsMargins(0, 0, 0, 0)
        self.ci.layout.setContentsMargins(6, 4, 6, 2)
        self.ci.layout.setRowStretchFactor(1, 1)
        self.ci.layout.setSpacing(0)
        self.set_empty(True)

    def set_empty(self, empty: bool) -> None:
        """Whether there is nothing to draw yet: then there are no axes either, which would show made-up numbers."""
        self.body.setOpacity(0.0 if empty else 1.0)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave the picture most of the height."""
        super().resizeEvent(event)
        if hasattr(self, "caption"):
            self.caption.set_room(CAPTION_SHARE * self.height())

    def set_theme(self, theme: Theme) -> None:
        """Dress the whole figure in a theme."""
        self.theme = theme
        self.setBackground(theme.base)
        for block in (self.heading, self.caption):
            block.set_theme(theme)

    def set_heading(self, text: str) -> None:
        """The line above the picture."""
        self.heading.set_text(text)

    def set_caption(self, text: str) -> None:
        """The lines below the picture: what it shows, of which data, and how far it can be trusted."""
        self.caption.set_text(text)
        self.setToolTip(text if self._compact else "")

    def set_compact(self, compact: bool) -> None:
        """Leave heading and caption out, as in a small picture beside others; the caption is in the tooltip."""
        self.heading.setVisible(not compact)
        self.caption.setVisible(not compact)
        self._compact = compact

    @contextmanager
    def whole_caption(self) -> Iterator[None]:
        """Show all of the caption meanwhile, however much of the height it takes: for a file."""
        self.caption.set_room(float("inf"))
        try:
            yield
        finally:
            self.caption.set_room(CAPTION_SHARE * self.height())

    def table(self) -> dict[str, np.ndarray]:
        """The numbers behind the picture: named columns of equal length."""
        return {}


def dress_axes(plot: pg.PlotItem, theme: Theme) -> None:
    """Colours and fonts of a plot's axes and grid."""
    for name in ("left", "bottom", "right", "top"):
        axis = plot.getAxis(name)
        axis.setPen(pg.mkPen(theme.text, width=1))
        axis.setTextPen(theme.text)
        axis.setTickFont(theme.font(0.92))
        axis.label.setFont(theme.font())
        axis.enableAutoSIPrefix(False)
        if isinstance(axis, FittingAxis):
            axis.fit_label()
    plot.getViewBox().setBorder(pg.mkPen(theme.grid, width=1))


def axis_text(label: str, unit: str) -> str:
    """A direction's label with the axis's unit, in one pair of brackets."""
    if unit == "1":
        return label
    return f"{label[:-1]}; {unit})" if label.endswith(")") else f"{label} ({unit})"


def label_axis(plot: pg.PlotItem, name: str, text: str) -> None:
    """Label an axis; the text carries its own unit."""
    axis = plot.getAxis(name)
    text = escape(text, quote=False)  # it is shown as rich text, and may come from a file
    if axis.labelText != text:
        axis.setLabel(text)


def dress_legend(legend: pg.LegendItem, theme: Theme) -> None:
    """Colours and size of a legend's texts; its ground hides the curves behind it."""
    legend.setBrush(pg.mkBrush(theme.base))
    legend.setLabelTextColor(theme.text)
    legend.setLabelTextSize(f"{theme.font_size}pt")
    for _, label in legend.items:
        label.setText(label.text, color=theme.text, size=f"{theme.font_size}pt")


def legend_columns(legend: pg.LegendItem, room: float) -> None:
    """As many columns as the legend's texts fit in so many pixels."""
    count = len(legend.items)
    for columns in range(count, 0, -1):
        legend.setColumnCount(columns)
        legend.layout.activate()
        if legend.layout.effectiveSizeHint(Qt.SizeHint.MinimumSize).width() <= room or columns == 1:
            return


def fit_legend(legend: pg.LegendItem) -> None:
    """Take no more width and height than the legend's texts need."""
    legend.layout.activate()
    size = legend.layout.effectiveSizeHint(Qt.SizeHint.MinimumSize)
    legend.setFixedWidth(size.width())
    legend.setMaximumHeight(size.height())
