"""The steps of a run on a line: which one is looked at, what was changed where, and how far back it goes."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRect, QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QStyle, QStyleOptionSlider, QToolTip, QWidget

from thalweg.app.marks import Mark
from thalweg.app.panels.calm import calm
from thalweg.app.panels.tab_focus import tab_focus
from thalweg.app.theme import MARK_COLOURS

REACH = 8
"""Pixels from a mark within which the pointer is at it."""


class ScrubSlider(QSlider):
    """A slider that goes to where it is pressed, with marks above its groove."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.marks: tuple[Mark, ...] = ()
        self.setRange(0, 1)
        self.setTracking(True)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        """With room for the marks above the groove."""
        hint = super().sizeHint()
        return QSize(hint.width(), hint.height() + 8)

    def set_marks(self, marks: tuple[Mark, ...]) -> None:
        """Draw these marks."""
        if marks != self.marks:
            self.marks = marks
            self.update()

    def _groove(self) -> QRect:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        groove, handle = (
            style.subControlRect(QStyle.ComplexControl.CC_Slider, option, part, self)
            for part in (QStyle.SubControl.SC_SliderGroove, QStyle.SubControl.SC_SliderHandle)
        )
        return groove.adjusted(handle.width() // 2, 0, -handle.width() // 2, 0)

    def place_of(self, step: int) -> float:
        """Where a step is, in pixels from the left."""
        groove = self._groove()
        return groove.left() + groove.width() * (step - self.minimum()) / max(1, self.maximum() - self.minimum())

    def step_at(self, x: float) -> int:
        """Which step is at this place."""
        groove = self._groove()
        share = (x - groove.left()) / max(1, groove.width())
        return round(self.minimum() + min(1.0, max(0.0, share)) * (self.maximum() - self.minimum()))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go where it is pressed, and be dragged from there."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setSliderPosition(self.step_at(event.position().x()))
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow the pointer while it is pressed."""
        if event is not None and self.isSliderDown():
            self.setSliderPosition(self.step_at(event.position().x()))
            event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Stay where it was let go."""
        self.setSliderDown(False)

    def event(self, event: QEvent | None) -> bool:
        """The words of a mark under the pointer."""
        if isinstance(event, QHelpEvent):
            near = [m for m in self.marks if abs(self.place_of(m.step) - event.pos().x()) <= REACH]
            if near:
                QToolTip.showText(event.globalPos(), "\n".join(m.words for m in near), self)
                return True
        return bool(super().event(event))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The slider, and a small triangle above the groove for each mark."""
        super().paintEvent(event)
        if not self.marks:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(self.palette().base().color()))
        for mark in self.marks:
            x = self.place_of(mark.step)
            painter.setBrush(QColor(MARK_COLOURS[mark.kind]))
            painter.drawPolygon(QPolygonF([QPointF(x - 4.5, 0.5), QPointF(x + 4.5, 0.5), QPointF(x, 8.5)]))


class Timeline(QWidget):
    """The scrubber with the step that is looked at, and the way back to the newest; must not change state."""

    moved = pyqtSignal(object)
    """The person wants to look at this step; None: at the newest, and at what follows."""

    def __init__(self) -> None:
        super().__init__()
        self.slider = ScrubSlider()
        self.slider.setAccessibleName("Step")
        self.slider.setToolTip("Drag to look at an earlier step; training goes on, or stays, as it is")
        calm(self.slider)
        self.label = QLabel()
        self.follow = QPushButton("Follow")
        self.follow.setCheckable(True)
        self.follow.setToolTip("Look at the newest step and at all that follow (End)")
        self.follow.clicked.connect(self._follow)
        tab_focus(self.follow)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(8)
        row.addWidget(QLabel("Step"))
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        row.addWidget(self.follow)
        self._recorded = np.zeros(1, dtype=np.int64)
        self._head, self._step = 0, 0
        self.slider.valueChanged.connect(self._move)
        self.setEnabled(False)

    def set_steps(
        self, head: int, step: int, following: bool, recorded: np.ndarray | None, marks: tuple[Mark, ...]
    ) -> None:
        """The newest step, the one that is looked at, the steps that can be dragged to, and what happened where."""
        self.setEnabled(recorded is not None)
        self._recorded = np.zeros(1, dtype=np.int64) if recorded is None else recorded
        self._head, self._step = head, step
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, max(1, head))
            if not self.slider.isSliderDown():
                self.slider.setValue(step)
        self.slider.set_marks(marks)
        self.label.setText(f"{step:,} of {head:,}")
        widest = self.fontMetrics().horizontalAdvance(f"{max(head, 1000):,} of {max(head, 1000):,}  ")
        if widest > self.label.minimumWidth():
            self.label.setMinimumWidth(widest)
        self.follow.setChecked(following)

    def _follow(self) -> None:
        self.follow.setChecked(True)  # also where it is already: the state does not change, and so is not shown again
        self.moved.emit(None)

    def _move(self, value: int) -> None:
        if value >= self._head:
            self.moved.emit(None)
            return
        near = int(self._recorded[np.abs(self._recorded - value).argmin()])
        if near == self._step and not self.slider.isSliderDown():  # a key: on to the next one, however far it is
            near = self._beside(value > self._step)
        self.moved.emit(near if near < self._head else None)

    def _beside(self, after: bool) -> int:
        """The next step that can be looked at on this side; the same at the end."""
        there = self._recorded[self._recorded > self._step if after else self._recorded < self._step]
        return int(there[0 if after else -1]) if len(there) else self._step
