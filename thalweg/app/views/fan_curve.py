"""A fan of runs in a plot: their median as a curve, their range as a band, and each of them under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF
from PyQt6.QtGui import QColor

from thalweg.app.theme import Theme
from thalweg.app.views.curve import Curve

REACH = 12.0
"""Pixels from a member's curve within which the pointer finds it."""


@dataclass(frozen=True, eq=False)
class Member:
    """One run of a fan: its name and its points, as they are drawn."""

    name: str
    x: np.ndarray
    y: np.ndarray


class FanCurve:
    """Median, band, and the member that the pointer is at; ``upright``: the values go across, their places down."""

    def __init__(self, plot: pg.PlotItem, colour: int, style: int, name: str, upright: bool = False) -> None:
        self._plot, self._upright = plot, upright
        self.median = Curve(plot, colour, name, style=style)
        self._low, self._high = (pg.PlotCurveItem(connect="finite", skipFiniteCheck=False) for _ in range(2))
        self.band = pg.FillBetweenItem(self._low, self._high)
        self.band.setZValue(-5)
        plot.addItem(self.band)
        self._member = Curve(plot, colour, "", style=style)
        self.label = pg.TextItem(anchor=(0, 1))
        self.label.setZValue(20)
        plot.addItem(self.label, ignoreBounds=True)
        self._members: tuple[Member, ...] = ()
        self._pen = self._low.opts["pen"]
        self.leave()

    @property
    def item(self) -> pg.PlotCurveItem:
        """The median's, for the legend."""
        return self.median.item

    def remove(self) -> None:
        """Take it out of the plot."""
        self.median.remove()
        self._member.remove()
        self._plot.removeItem(self.band)
        self._plot.removeItem(self.label)

    def dress(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self.median.dress(theme)
        self._member.dress(theme)
        band = QColor(theme.series[self.median.number % len(theme.series)])
        band.setAlpha(60)
        self.band.setBrush(pg.mkBrush(band))
        self.label.setColor(theme.text)
        self.label.setFont(theme.font(0.9))
        self.label.fill = pg.mkBrush(QColor(theme.base))

    def set(
        self,
        x: np.ndarray,
        low: np.ndarray,
        median: np.ndarray,
        high: np.ndarray,
        members: Sequence[Member],
        mark: float = np.inf,
    ) -> None:
        """Draw the range between ``low`` and ``high`` and the median at ``x``; ``members`` are shown when asked for.

        The median has a dot at the last point at or before ``mark``.
        """
        self.median.set(*self._turned(x, median), mark)
        kept = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
        self._low.setData(*self._turned(x[kept], low[kept]))
        self._high.setData(*self._turned(x[kept], high[kept]))
        self._members = tuple(members)

    def _turned(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (y, x) if self._upright else (x, y)

    def point_at(self, where: QPointF) -> bool:
        """Show the member whose curve is at this place of the scene; whether there is one."""
        box = self._plot.getViewBox()
        pixel = box.viewPixelSize()
        at = box.mapSceneToView(where)
        best, found = REACH, None
        x, y, pixel = (at.y(), at.x(), pixel[::-1]) if self._upright else (at.x(), at.y(), pixel)
        for member in self._members:
            distance = _distance(member, (x, y), pixel)
            if distance < best:
                best, found = distance, member
        if found is None:
            self.leave()
            return False
        self._member.set(*self._turned(found.x, found.y))
        self.label.setText(found.name)
        self.label.setPos(at)
        for item in (self._member.item, self.label):
            item.show()
        return True

    def leave(self) -> None:
        """Show no member."""
        for item in (self._member.item, self.label):
            item.hide()
        self._member.set(np.empty(0), np.empty(0))


def fan_name(count: int) -> str:
    """What the curve and the band of so many members are called."""
    return f"{count} seeds: median, range"


def _distance(member: Member, at: tuple[float, float], pixel: tuple[float, float]) -> float:
    """How far a point is above or below a curve, in pixels; infinite beside it."""
    kept = np.isfinite(member.x) & np.isfinite(member.y)
    x, y = member.x[kept], member.y[kept]
    if not len(x) or not x[0] <= at[0] <= x[-1] or not pixel[1]:
        return float("inf")
    return abs(float(np.interp(at[0], x, y)) - at[1]) / abs(pixel[1])
