"""The loss along one direction of each layer, the others standing still: one small plot for each layer."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent

from thalweg.app.theme import Theme
from thalweg.app.views.figure import Figure, dress_legend, fit_legend
from thalweg.app.views.slice_grid import SliceGrid
from thalweg.app.views.slice_plot import Guides, Key, SlicePlot, guide_pen, loss_span, slice_pen
from thalweg.core.messages import SlicesDrawn
from thalweg.core.scene import SlicesSpec

Entry = Key | str
"""What a line of the legend stands for: a sort of slice, or a guide."""


class SlicesFigure(Figure):
    """All layers in one view, the first layer first."""

    title = "Layer slices"

    def __init__(self) -> None:
        super().__init__()
        self.legend = pg.LegendItem(verSpacing=-4)
        self.legend.layout.setContentsMargins(0, 0, 0, 0)
        self.top.layout.setSpacing(0)
        self.top.addItem(self.legend, row=1, col=0)
        self.grid = SliceGrid()
        self.body.addItem(self.grid, row=0, col=0)
        self._drawn: SlicesDrawn | None = None
        self._view = SlicesSpec()
        self._named: tuple[object, ...] = ()

    @property
    def plots(self) -> list[SlicePlot]:
        """The plots of the layers, the first layer first."""
        return self.grid.plots

    def set_theme(self, theme: Theme) -> None:
        """Dress plots and legend."""
        super().set_theme(theme)
        self.grid.set_theme(theme)
        self._name_lines()

    def set_slices(self, drawn: SlicesDrawn | None, view: SlicesSpec, unit: str) -> None:
        """Draw slices with the scale and the guides that ``view`` says; None clears the picture."""
        self._drawn, self._view = drawn, view
        self.set_empty(drawn is None)
        self._name_lines()
        if drawn is None:
            return
        self.grid.set_layers(drawn.view.numbers(drawn.layers))
        kinds = drawn.view.directions
        half = drawn.view.half_width(kinds[0])
        whole = loss_span(drawn.curves) or (0.0, 1.0)
        stretch: dict[str, float] = {kind: half / drawn.view.half_width(kind) for kind in kinds}
        for plot in self.plots:
            mine = [c for c in drawn.curves if c.layer == plot.layer]
            y = whole if view.scale == "same" else loss_span(mine) or whole
            plot.set(mine, stretch, y, Guides(view.tangent, view.parabola))
        loss = f"loss ({unit})" if unit != "1" else "loss"
        self.grid.set_axes(half, view.scale == "own", loss, x_label(drawn.view))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Write the legend in as many rows as the new width takes."""
        if hasattr(self, "grid") and not self.closed:
            self._name_lines()  # before the layout takes its width, which a long legend would hold open
            for layout in (self.top.layout, self.ci.layout):
                layout.invalidate()
        super().resizeEvent(event)

    def _name_lines(self) -> None:
        """The legend in one row where there is room: the sorts of slices, and the guides that are drawn."""
        room = self.width() - 12
        shown = self._drawn.view if self._drawn else None
        ways = self._drawn.settings_of_others if self._drawn else ()
        named = (shown, ways, self._view.tangent, self._view.parabola, self.theme, room)
        if named == self._named:
            return
        self._named = named
        self.legend.clear()
        if shown is None:
            return
        sorts: list[list[Entry]] = [[(kind, way) for way in ways] for kind in shown.directions]
        guides: list[Entry] = [*(["tangent"] * self._view.tangent), *(["parabola"] * self._view.parabola)]
        whole = [entry for row in sorts for entry in row] + guides
        last = len(sorts) - 1
        beside = [row + (guides[n:] if n == last else guides[n : n + 1]) for n, row in enumerate(sorts)]
        for rows in ([whole], beside, [*sorts, guides]):
            self._write_legend(rows, len(ways) > 1)
            if self.legend.layout.effectiveSizeHint(Qt.SizeHint.MinimumSize).width() <= room:
                return

    def _write_legend(self, rows: list[list[Entry]], several: bool) -> None:
        self.legend.clear()
        self.legend.setColumnCount(max(map(len, rows)))
        for entry in (e for row in rows for e in row):
            if isinstance(entry, str):
                pen, name = guide_pen(self.theme, entry, self.theme.text), entry
            else:
                pen = slice_pen(self.theme, entry)
                name = f"{entry[0]} ({entry[1]})" if several else entry[0]
            self.legend.addItem(pg.PlotCurveItem(pen=pen), name)
        dress_legend(self.legend, self.theme)
        fit_legend(self.legend)

    def table(self) -> dict[str, np.ndarray]:
        """One row for each point of each slice: t in the unit of its kind, loss, accuracy, and slope and curvature."""
        curves = self._drawn.curves if self._drawn else ()
        if not curves:
            return {}

        def column(name: str) -> np.ndarray:
            return np.concatenate([np.broadcast_to(getattr(c, name), c.t.shape) for c in curves])

        names = ("layer", "kind", "others", "unit", "t", "loss", "accuracy", "slope", "curvature")
        return {name: column(name) for name in names}


def x_label(view: SlicesSpec) -> str:
    """The unit of the horizontal axis; where two kinds of direction share it, what it is for the second."""
    if view.kinds == "random":
        return "filter norms"
    if view.kinds == "gradient":
        return "distance"
    if view.kinds == "way":
        return "share of the way (-1: start, 0: now)"
    norms = "filter norm" if view.norms == 1 else "filter norms"
    return f"distance (random: {view.distance:g} = {view.norms:g} {norms})"
