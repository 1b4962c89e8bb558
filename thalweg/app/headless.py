"""Figures without a window: the same figures, bindings and export as on screen."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtWidgets import QApplication

from thalweg.app import theme
from thalweg.app.bindings import bindings
from thalweg.app.export.data import FigureTable
from thalweg.app.export.figure import export
from thalweg.app.moment import moment
from thalweg.app.settings import Settings
from thalweg.app.surface_files import shown, surface_of
from thalweg.app.tables import table_of
from thalweg.app.views.gallery import FIGURES
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.core.scene import PlaneSpec
from thalweg.core.scene.view import MAP_PANELS
from thalweg.core.store.recording import Recording
from thalweg.core.store.surfaces import Surface


def draw(
    recording: Recording,
    path: Path,
    view: str,
    step: int | None,
    size: tuple[int, int],
    dpi: float,
    theme_name: str,
) -> int:
    """Draw a view of a recording to a file; the step that it shows. Raises ExportError and MomentError."""
    app = _dressed(theme_name)
    settings = Settings(theme=theme_name)  # type: ignore[arg-type]
    state = moment(
        recording,
        step,
        settings,
        with_map=view in MAP_PANELS,
        with_slices=view == "slices",
        with_factors=view == "chain-rule",
    )
    figure = FIGURES[view]()
    figure.resize(*size)
    figure.show()
    for binding in bindings({view: figure}):
        binding.show(state, 0.0)
    surface = partial(surface_of, state) if view in MAP_PANELS else None
    with figure.whole_caption():
        _settle(app)
        export(figure, path, dpi, table_of(figure, state), surface)
    assert state.frame is not None
    return state.frame.step


def draw_surface(surface: Surface, name: str, path: Path, size: tuple[int, int], dpi: float, theme_name: str) -> None:
    """Draw the landscape that a surface file of this name holds, or write it in another format.

    Raises ExportError.
    """
    app = _dressed(theme_name)
    found = shown(surface, name)
    figure = LandscapeFigure()
    figure.resize(*size)
    figure.show()
    figure.set_theme(theme.THEMES[theme_name])
    figure.set_map(found.map, False, PlaneSpec().levels, found.unit)
    figure.set_heading(found.heading)
    figure.set_caption(found.caption)
    with figure.whole_caption():
        _settle(app)
        table = FigureTable((found.heading, *found.caption.split("\n")), figure.table())
        export(figure, path, dpi, table, lambda: surface)


def _dressed(theme_name: str) -> QApplication:
    app = QApplication.instance() or QApplication(["thalweg"])
    assert isinstance(app, QApplication)
    theme.apply(theme.THEMES[theme_name], app)
    return app


def _settle(app: QApplication) -> None:
    for _ in range(3):  # layouts settle in a few rounds: captions wrap, axes take their width
        app.processEvents()
