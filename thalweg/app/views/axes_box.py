"""The box around a surface: floor, back walls, ticks and labels, arranged so that no text touches another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.app.theme import LIGHT, Theme
from thalweg.app.views.camera import Placing

HEIGHT = 0.75
"""Height of the box, whose floor is one by one."""

TICK, GAP = 5.0, 3.0
"""Length of a tick and the gap to its text, in logical pixels."""


@dataclass(frozen=True)
class Axis:
    """What an axis says: where its ticks are, from 0 at one end to 1 at the other, their texts, and a label."""

    ticks: tuple[tuple[float, str], ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Text:
    """A text, line by line, and where it stands; ``steep`` ones are turned to be read upwards."""

    lines: tuple[str, ...]
    rect: QRectF
    steep: bool = False


@dataclass
class _Arranged:
    texts: list[Text] = field(default_factory=list)
    ticks: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    grid: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def free(self, rect: QRectF, area: QRectF) -> bool:
        return area.contains(rect) and not any(rect.intersects(t.rect.adjusted(-2, 0, 2, 0)) for t in self.texts)


class AxesBox(pg.GraphicsObject):
    """Axes in space; must not be asked to draw what is in the box."""

    def __init__(self) -> None:
        super().__init__()
        self._axes = (Axis(), Axis(), Axis())
        self._placing: Placing | None = None
        self._rect = QRectF()
        self._theme = LIGHT
        self._arranged = _Arranged()

    @property
    def texts(self) -> list[Text]:
        """All texts on screen."""
        return self._arranged.texts

    def set_theme(self, theme: Theme) -> None:
        """Dress in a theme."""
        self._theme = theme
        self._arrange()

    def set_axes(self, x: Axis, y: Axis, z: Axis) -> None:
        """What the axes say."""
        self._axes = (x, y, z)
        self._arrange()

    def set_placing(self, placing: Placing, area: QRectF) -> None:
        """Look from here, within this area."""
        if area != self._rect:
            self.prepareGeometryChange()
        self._placing, self._rect = placing, area
        self._arrange()

    def margins(self) -> tuple[float, float, float, float]:
        """Room for texts that the box leaves free: left, top, right, bottom, in logical pixels."""
        metrics = QFontMetricsF(self._theme.font(0.92))
        widths = [max((metrics.horizontalAdvance(t) for _, t in a.ticks), default=0.0) for a in self._axes]
        line = metrics.height()
        return widths[2] + line + TICK + 4 * GAP, 0.6 * line, max(widths[:2]) / 2 + TICK, 2.6 * line + TICK

    def boundingRect(self) -> QRectF:
        return self._rect

    # --- arranging ---------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self._arranged = _Arranged()
        if self._placing is None:
            return
        right, away = self._front()
        back_x, back_y = -right, -away
        floor_x = [np.array([s, away / 2, 0.0]) for s in (-0.5, 0.5)]
        floor_y = [np.array([right / 2, s, 0.0]) for s in (-0.5, 0.5)]
        corners = [np.array([a / 2, b / 2, 0.0]) for a, b in ((right, back_y), (back_x, away))]
        left = min(corners, key=lambda c: float(self._pixels(c)[0]))
        self._place_steep(left)
        self._place_level(0, floor_x)
        self._place_level(1, floor_y)
        self._place_label(0, floor_x)
        self._place_label(1, floor_y)
        self._grid(back_x / 2, back_y / 2)
        self.update()

    def _front(self) -> tuple[int, int]:
        """On which side of the box the viewer is, along x and y: -1 or 1."""
        assert self._placing is not None
        a = np.radians(self._placing.camera.azimuth)  # not where it looks to, which from straight above is no side
        return (-1 if np.sin(a) < -1e-9 else 1), (1 if np.cos(a) < -1e-9 else -1)

    def _pixels(self, point: np.ndarray) -> np.ndarray:
        assert self._placing is not None
        return self._placing.pixels(point)

    def _outward(self, ends: list[np.ndarray]) -> np.ndarray:
        """The direction on the screen at right angles to an edge of the floor, away from the floor's middle."""
        a, b = (self._pixels(e) for e in ends)
        across = np.array([a[1] - b[1], b[0] - a[0]]) / max(float(np.hypot(*(b - a))), 1e-9)
        away = (a + b) / 2 - self._pixels(np.zeros(3))
        return across if across @ away > 0 else -across

    def _place_level(self, number: int, ends: list[np.ndarray]) -> None:
        """The ticks along an edge of the floor: as many as have room for their texts."""
        out = self._outward(ends)
        axis = self._axes[number]
        for every in range(1, len(axis.ticks) + 1):
            chosen = [t for k, t in enumerate(axis.ticks) if k % every == (len(axis.ticks) - 1) // 2 % every]
            places = [self._pixels(ends[0] + share * (ends[1] - ends[0])) for share, _ in chosen]
            texts = [self._text((text,), p, out) for p, (_, text) in zip(places, chosen, strict=True)]
            if not any(a.rect.adjusted(-3, 0, 3, 0).intersects(b.rect) for a, b in pairwise(texts)):
                break
        else:
            return
        for place, text in zip(places, texts, strict=True):
            if self._arranged.free(text.rect, self._rect):
                self._arranged.texts.append(text)
                self._arranged.ticks.append((place, place + TICK * out))

    def _place_steep(self, foot: np.ndarray) -> None:
        """The loss axis: ticks on the left of a vertical edge, the label beside them, read upwards."""
        axis, out = self._axes[2], np.array([-1.0, 0.0])
        head = foot + np.array([0.0, 0.0, HEIGHT])
        low, high = self._pixels(foot), self._pixels(head)
        if low[1] - high[1] < 3 * self._metrics().height():
            return  # looked at from so far above that heights cannot be read
        last = np.inf
        for share, tick in axis.ticks:
            place = low + share * (high - low)
            text = self._text((tick,), place, out)
            if text.rect.bottom() < last and self._arranged.free(text.rect, self._rect):
                self._arranged.texts.append(text)
                self._arranged.ticks.append((place, place + TICK * out))
                last = text.rect.top()
        metrics, most = self._metrics(), min((t.rect.left() for t in self._arranged.texts), default=low[0] - TICK)
        for label in _shorter(axis.label):
            length = metrics.horizontalAdvance(label)
            middle = (low[1] + high[1]) / 2
            rect = QRectF(most - 2 * GAP - metrics.height(), middle - length / 2, metrics.height(), length)
            if length <= low[1] - high[1] + 2 * metrics.height() and self._arranged.free(rect, self._rect):
                self._arranged.texts.append(Text((label,), rect, steep=True))
                return

    def _place_label(self, number: int, ends: list[np.ndarray]) -> None:
        """An axis' label beyond its ticks: the first of the candidates that has room."""
        for text in self._candidates(number, ends):
            if self._arranged.free(text.rect, self._rect):
                self._arranged.texts.append(text)
                return

    @property
    def named(self) -> bool:
        """Whether both axes of the floor have found room for their labels, shortened or not."""
        placed = [" ".join(t.lines) for t in self._arranged.texts]
        return all(any(label in placed for label in _shorter(axis.label)) for axis in self._axes[:2] if axis.label)

    def _candidates(self, number: int, ends: list[np.ndarray]) -> Iterator[Text]:
        """Places for a label: near the middle and level, in few lines; further out; sideways; upwards; shortened."""
        out, metrics = self._outward(ends), self._metrics()
        widest = max((metrics.horizontalAdvance(t) for _, t in self._axes[number].ticks), default=0.0)
        beyond = TICK + GAP + abs(out[0]) * widest + abs(out[1]) * metrics.height()
        side = np.array([1.0 if out[0] > 0 else -1.0, 0.0])
        for label in _shorter(self._axes[number].label):
            wrapped = list(filter(None, (_wrapped(label, count) for count in (1, 2, 3, 4))))
            for push in (0.0, 1.2, 2.4):
                for lines in wrapped:
                    for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8):
                        at = self._pixels(ends[0] + share * (ends[1] - ends[0]))
                        yield self._text(lines, at + (beyond + push * metrics.height()) * out, out, tick=0.0)
            for lines in wrapped:
                yield self._text(lines, self._pixels((ends[0] + ends[1]) / 2) + beyond * out, side, tick=0.0)
            if abs(out[0]) > abs(out[1]):
                yield self._beside(label, self._pixels((ends[0] + ends[1]) / 2) + beyond * out, out)

    def _beside(self, label: str, at: np.ndarray, out: np.ndarray) -> Text:
        """A label to be read upwards, moved along as far as it takes to stay in the area."""
        metrics = self._metrics()
        long, thick = metrics.horizontalAdvance(label), metrics.height()
        top = min(max(at[1] - long / 2, self._rect.top()), self._rect.bottom() - long)
        middle = at[0] + (GAP + thick / 2) * (1 if out[0] > 0 else -1)
        return Text((label,), QRectF(middle - thick / 2, top, thick, long), steep=True)

    def _text(self, lines: tuple[str, ...], at: np.ndarray, out: np.ndarray, tick: float = TICK) -> Text:
        """A text whose nearest corner or side is a gap away from the end of a tick at this place."""
        metrics = self._metrics()
        width = max(metrics.horizontalAdvance(t) for t in lines) + 1
        height = metrics.height() * len(lines)
        reach = tick + GAP + abs(out[0]) * width / 2 + abs(out[1]) * height / 2
        middle = at + reach * out
        return Text(lines, QRectF(middle[0] - width / 2, middle[1] - height / 2, width, height))

    def _grid(self, wall_x: float, wall_y: float) -> None:
        """Lines through the ticks over the floor and up the two walls at the back."""
        x, y, z = (tuple(share for share, _ in axis.ticks) for axis in self._axes)
        lines: list[tuple[tuple[float, float, float], tuple[float, float, float]]] = []
        for s in x:
            t = s - 0.5
            lines += [((t, -0.5, 0.0), (t, 0.5, 0.0)), ((t, wall_y, 0.0), (t, wall_y, HEIGHT))]
        for s in y:
            t = s - 0.5
            lines += [((-0.5, t, 0.0), (0.5, t, 0.0)), ((wall_x, t, 0.0), (wall_x, t, HEIGHT))]
        for s in z:
            h = s * HEIGHT
            lines += [((-0.5, wall_y, h), (0.5, wall_y, h)), ((wall_x, -0.5, h), (wall_x, 0.5, h))]
        self._arranged.grid = [(self._pixels(np.array(a)), self._pixels(np.array(b))) for a, b in lines]

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self._theme.font(0.92))

    # --- painting ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self._placing is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_walls(painter)
        painter.setPen(QPen(QColor(self._theme.text), 1.0))
        for a, b in self._arranged.ticks:
            painter.drawLine(QPointF(*a.tolist()), QPointF(*b.tolist()))
        painter.setFont(self._theme.font(0.92))
        for text in self._arranged.texts:
            self._paint_text(painter, text)

    def _paint_walls(self, painter: QPainter) -> None:
        right, away = self._front()
        x, y, h = -right / 2, -away / 2, HEIGHT
        faces = (
            [(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)],
            [(x, -0.5, 0), (x, 0.5, 0), (x, 0.5, h), (x, -0.5, h)],
            [(-0.5, y, 0), (0.5, y, 0), (0.5, y, h), (-0.5, y, h)],
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(self._theme.grid), 1.0))
        for a, b in self._arranged.grid:
            painter.drawLine(QPointF(*a.tolist()), QPointF(*b.tolist()))
        painter.setPen(QPen(QColor(self._theme.quiet), 1.0))
        for face in faces:
            painter.drawPolygon(QPolygonF([QPointF(*self._pixels(np.array(p)).tolist()) for p in face]))

    def _paint_text(self, painter: QPainter, text: Text) -> None:
        metrics, rect = self._metrics(), text.rect
        if text.steep:
            painter.save()
            painter.translate(rect.left() + metrics.ascent(), rect.bottom())
            painter.rotate(-90)
            painter.drawText(QPointF(0, 0), text.lines[0])
            painter.restore()
            return
        for k, line in enumerate(text.lines):
            left = rect.center().x() - metrics.horizontalAdvance(line) / 2
            painter.drawText(QPointF(left, rect.top() + k * metrics.height() + metrics.ascent()), line)


def _shorter(label: str) -> Iterator[str]:
    """The label, then without its unit."""
    yield label
    if " (" in label:
        yield label.partition(" (")[0]


def _wrapped(label: str, count: int) -> tuple[str, ...] | None:
    """The label in exactly this many lines of about equal length, parted at spaces; None where it has too few."""
    words = label.split(" ")
    if len(words) < count or not label:
        return None
    lines: list[str] = []
    left = label
    for remaining in range(count, 1, -1):
        cuts = [k for k, letter in enumerate(left) if letter == " "]
        best = min(cuts, key=lambda k: abs(k - len(left) / remaining), default=None)
        if best is None:
            return None
        lines.append(left[:best])
        left = left[best + 1 :]
    return (*lines, left)
