"""A quantity of several lines of training in one plot: a curve of each, or median and band of a fan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF

from thalweg.app.overlay import DrawnLine, fans_of
from thalweg.app.theme import Theme
from thalweg.app.views.curve import Curve
from thalweg.app.views.fan_curve import FanCurve, Member, fan_name
from thalweg.app.views.markers import marker

EMPTY = np.empty(0)


class Overlaid:
    """The curves of lines by number, and those of fans by theirs, in a plot.

    ``upright``: values go across and what they are of goes down, with a dot at each; else the last has a dot alone.
    """

    def __init__(self, plot: pg.PlotItem, upright: bool = False) -> None:
        self._plot, self._upright = plot, upright
        self.curves: dict[int, Curve] = {}
        self.fans: dict[int, FanCurve] = {}
        self._points: list[tuple[Curve, pg.ScatterPlotItem]] = []

    def rebuild(self, lines: Sequence[DrawnLine], theme: Theme) -> None:
        """Have a curve for each of these lines, and one for each fan of which several members are among them."""
        for curve in self._all():
            curve.remove()
        for _, points in self._points:
            self._plot.removeItem(points)
        self._points = []
        fans = fans_of(lines)
        self.curves = {m.number: Curve(self._plot, m.style, m.name, pale=m.past) for m in lines if m.fan not in fans}
        self.fans = {
            fan: FanCurve(self._plot, members[0].style, members[0].style, fan_name(len(members)), upright=self._upright)
            for fan, members in fans.items()
        }
        if self._upright:
            for curve in (*self.curves.values(), *(fan.median for fan in self.fans.values())):
                points = pg.ScatterPlotItem(size=6, pen=None, symbol=marker(curve.number))
                self._plot.addItem(points)
                self._points.append((curve, points))
        self.dress(theme)

    def dress(self, theme: Theme) -> None:
        """Take the theme's colours."""
        for each in self._all():
            each.dress(theme)
        for curve, points in self._points:
            points.setBrush(pg.mkBrush(curve.item.opts["pen"].color()))

    def _all(self) -> list[Curve | FanCurve]:
        return [*self.curves.values(), *self.fans.values()]

    def item(self, line: DrawnLine) -> pg.PlotCurveItem:
        """What the legend shows for a line, or for the fan that it is of."""
        return self.fans[line.fan].item if line.fan in self.fans else self.curves[line.number].item

    def name(self, line: DrawnLine) -> str:
        """What the legend calls it."""
        return self.fans[line.fan].median.name if line.fan in self.fans else line.name

    def set_line(self, number: int, places: np.ndarray, values: np.ndarray, mark: float = np.inf) -> None:
        """Draw a line's ``values`` at ``places``."""
        curve = self.curves[number]
        if self._upright:
            curve.set(values, places, -np.inf)
            self._mark_points(curve, places, values)
        else:
            curve.set(places, values, mark)

    def set_fan(
        self,
        fan: int,
        places: np.ndarray,
        band: tuple[np.ndarray, np.ndarray, np.ndarray],
        members: Sequence[Member],
        mark: float = np.inf,
    ) -> None:
        """Draw least, median and greatest values of a fan at ``places``; ``members`` are found by the pointer."""
        low, median, high = band
        self.fans[fan].set(places, low, median, high, members, -np.inf if self._upright else mark)
        if self._upright:
            self._mark_points(self.fans[fan].median, places, median)

    def show_points(self, shown: bool) -> None:
        """Whether there are dots at the values."""
        for _, points in self._points:
            points.setVisible(shown)

    def _mark_points(self, curve: Curve, places: np.ndarray, values: np.ndarray) -> None:
        kept = np.isfinite(values)
        points = next(points for own, points in self._points if own is curve)
        points.setData(x=values[kept], y=places[kept])

    def point_at(self, where: QPointF) -> None:
        """Show the member of a fan that the pointer is at, one at a time."""
        found = not self._plot.getViewBox().sceneBoundingRect().contains(where)
        for fan in self.fans.values():
            if found:
                fan.leave()
            else:
                found = fan.point_at(where)
