"""The figures beside the middle of the window: one below the other, and as tabs where there is no room for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDockWidget, QFrame, QMainWindow, QWidget

RIGHT = Qt.DockWidgetArea.RightDockWidgetArea

LEAST_HEIGHT, LEAST_IN_HALL = 240, 265
"""Pixels that a figure's place is to be high at least; for the large texts of a hall."""

BARS = 145
"""Pixels of the window's height that menus, tool bars, timeline and status take."""

MOST_PLACES = 3
"""Places below one another at most."""

WIDTH = 420
"""Pixels that the figures beside the middle are wide at first."""


class Grip(QFrame):
    """A narrow title bar for a dock whose figure has a title of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(7)
        self.setFrameShape(QFrame.Shape.HLine)
        self.setToolTip("Drag to move this panel; double-click to float it")


def dock(window: QMainWindow, name: str, title: str) -> QDockWidget:
    """A dock that can be moved and floated, not closed: that is the menu's."""
    found = QDockWidget(title, window)
    found.setObjectName(f"dock-{name}")
    found.setTitleBarWidget(Grip())
    feature = QDockWidget.DockWidgetFeature
    found.setFeatures(feature.DockWidgetMovable | feature.DockWidgetFloatable)
    return found


class Docks:
    """A dock for each figure. Where each stands is the person's, until another scene or a hall."""

    def __init__(self, window: QMainWindow, figures: Mapping[str, QWidget], titles: Mapping[str, str]) -> None:
        self._window, self._figures = window, figures
        self.all = {name: dock(window, name, titles[name]) for name in figures}
        for name, each in self.all.items():
            each.setWidget(figures[name])  # so that all have an owner, and go when the window goes
            window.addDockWidget(RIGHT, each)
            each.hide()
        self._hall = False
        self._names: tuple[str, ...] = ()
        """Those that are shown, in the order that was asked for."""
        self._scene: int | None = None
        self.restored = False
        """Whether places and sizes are those of an earlier session."""

    @property
    def shown(self) -> list[str]:
        """The figures that are beside the middle."""
        return [name for name, each in self.all.items() if not each.isHidden()]

    def show(self, names: Sequence[str], scene: int) -> None:
        """Have these beside the middle: all arranged anew for another ``scene``, else what is new beside the others."""
        kept = self.restored and set(self.shown) == set(names)
        fresh = scene != self._scene and not kept
        new = [name for name in names if name not in self.shown]
        self._scene, self.restored, self._names = scene, False, tuple(names)
        for name, each in self.all.items():
            if name in names and each.widget() is not self._figures[name]:
                each.setWidget(self._figures[name])
                self._figures[name].show()
            each.setVisible(name in names)
        if fresh:
            self._arrange(list(names))
        else:
            for name in new:
                self._add(name)

    def set_hall(self, hall: bool) -> None:
        """Fewer places in a hall, whose texts are large."""
        changed, self._hall = hall != self._hall, hall
        if changed and self._scene is not None:
            self._arrange(list(self._names))

    @property
    def _room(self) -> int:
        least = LEAST_IN_HALL if self._hall else LEAST_HEIGHT
        return max(1, min(MOST_PLACES, (self._window.height() - BARS) // least))

    def _arrange(self, names: list[str]) -> None:
        """One below the other in this order; those for whom there is no room share the last place."""
        docks = [self.all[name] for name in names if not self.all[name].isFloating()]
        for each in docks:
            self._window.removeDockWidget(each)
        for place, each in enumerate(docks):
            if place < self._room:
                self._window.addDockWidget(RIGHT, each)
            else:
                self._window.tabifyDockWidget(docks[self._room - 1], each)
            each.show()
        places = docks[: self._room]
        if places:
            places[-1].raise_()
            self._window.resizeDocks(places, [1000] * len(places), Qt.Orientation.Vertical)
            self._window.resizeDocks(places[:1], [WIDTH], Qt.Orientation.Horizontal)

    def _add(self, name: str) -> None:
        """A place of its own while there is room, else that of the last; in front there."""
        others = [n for n in self.shown if n != name and not self.all[n].isFloating()]
        together: list[set[QDockWidget]] = []
        for each in (self.all[n] for n in others):
            if not any(each in place for place in together):
                together.append({each, *self._window.tabifiedDockWidgets(each)})
        if len(together) < self._room:
            self._window.addDockWidget(RIGHT, self.all[name])
        else:
            last = max(
                (self.all[n] for n in others), key=lambda each: each.mapTo(self._window, each.rect().center()).y()
            )
            self._window.tabifyDockWidget(last, self.all[name])
        self.all[name].show()
        self.all[name].raise_()
