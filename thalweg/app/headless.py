"""Figures without a window: the same figures, bindings and export as on screen."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QApplication

from thalweg.app import theme
from thalweg.app.bindings import bindings
from thalweg.app.export.figure import export
from thalweg.app.moment import moment
from thalweg.app.settings import Settings
from thalweg.app.tables import table_of
from thalweg.app.views.gallery import FIGURES
from thalweg.core.store.run_file import Recording


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
    app = QApplication.instance() or QApplication(["thalweg"])
    assert isinstance(app, QApplication)
    state = moment(recording, step, Settings(theme=theme_name), with_map=view == "landscape")  # type: ignore[arg-type]
    theme.apply(theme.THEMES[theme_name], app)
    figure = FIGURES[view]()
    figure.resize(*size)
    figure.show()
    for binding in bindings({view: figure}):
        binding.show(state, 0.0)
    with figure.whole_caption():
        for _ in range(3):  # layouts settle in a few rounds: captions wrap, axes take their width
            app.processEvents()
        export(figure, path, dpi, table_of(figure, state))
    assert state.frame is not None
    return state.frame.step
