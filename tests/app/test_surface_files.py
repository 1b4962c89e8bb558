"""Landscapes as files from the window and the command line, and files shown again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtPdf import QPdfDocument

from thalweg.app import captions, theme
from thalweg.app.export.errors import ExportError
from thalweg.app.export.figure import SURFACES
from thalweg.app.headless import draw_surface
from thalweg.app.state import AppState
from thalweg.app.surface_files import shown, surface_of
from thalweg.app.surface_window import SurfaceWindow
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.core.store.surfaces import Surface, read_surface, write_surface

from .rig import a_map, frame, started, state_of


def state(complete: bool = True) -> AppState:
    """A state with a landscape on screen."""
    return replace(state_of(), started=started(), frame=frame(), map=replace(a_map(1), complete=complete))


@pytest.mark.parametrize("suffix", SURFACES)
def test_a_landscape_comes_back_from_its_file_as_it_was(tmp_path: Path, suffix: str) -> None:
    """Numbers bit for bit, labels, heading and caption."""
    now = state()
    assert now.map is not None
    path = tmp_path / f"map{suffix}"
    write_surface(path, surface_of(now))
    again = shown(read_surface(path), path.name)
    assert np.array_equal(again.map.loss, now.map.loss)
    assert np.array_equal(again.map.accuracy, now.map.accuracy, equal_nan=True)
    assert (again.map.labels, again.map.units, again.unit) == (now.map.labels, now.map.units, "nats")
    assert captions.landscape_heading(now) in again.heading
    assert again.caption.startswith(captions.landscape(now))
    assert f"Read from map{suffix}" in again.caption


def test_an_incomplete_landscape_is_not_written() -> None:
    """Its interpolated values would pass for computed ones."""
    for now in (state(complete=False), state_of()):
        with pytest.raises(ExportError, match="not complete yet"):
            surface_of(now)


def bare(evaluated: int = 12) -> Surface:
    """A surface as another tool writes it: no words."""
    x, y = np.linspace(-1, 1, 4), np.linspace(0, 2, 3)
    done = np.arange(12).reshape(3, 4) < evaluated
    return Surface(x, y, x[None] ** 2 + y[:, None], np.full((3, 4), np.nan), done)


def test_what_a_file_does_not_say_is_not_made_up() -> None:
    """Plain names for the axes, no unit, and how many points there are."""
    found = shown(bare(7), "theirs.h5")
    assert found.map.labels == ("x coordinate", "y coordinate")
    assert found.caption == "Read from theirs.h5: 4×3 points, 7 of them computed."
    assert found.heading == "Loss landscape theirs.h5"


def test_a_surface_file_is_drawn_without_a_window(tmp_path: Path, qapp: object) -> None:
    """As a PDF whose text is text, and as another format."""
    draw_surface(bare(), "theirs.npz", tmp_path / "a.pdf", (700, 560), 96, "light")
    document = QPdfDocument(None)
    document.load(str(tmp_path / "a.pdf"))
    assert "4×3points" in "".join(document.getAllText(0).text().split())
    document.close()
    draw_surface(bare(), "theirs.npz", tmp_path / "a.vts", (700, 560), 96, "light")
    assert np.array_equal(read_surface(tmp_path / "a.vts").loss, bare().loss)


def test_the_window_of_a_surface_file(tmp_path: Path, qtbot) -> None:
    """It reads beside the window, shows the landscape, and exports it."""
    path = tmp_path / "theirs.npz"
    write_surface(path, bare())
    window = SurfaceWindow(path, theme.THEMES["dark"])
    window.show()
    assert window.message.isVisible()
    qtbot.waitUntil(lambda: window.surface is not None, timeout=20_000)
    assert window.figure.isVisible()
    window.log.click()
    assert "log levels" in window.figure.bar.getAxis("right").labelText
    window.export_to("landscape", tmp_path / "again.h5", 96)
    assert np.array_equal(read_surface(tmp_path / "again.h5").loss, bare().loss)
    window.close()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", None])
def test_a_file_that_is_no_surface_is_answered_in_a_sentence(tmp_path: Path, qtbot, content: bytes | None) -> None:
    """The window stays and says which file and why."""
    path = tmp_path / "bad.npz"
    if content is not None:
        path.write_bytes(content)
    window = SurfaceWindow(path, theme.THEMES["light"])
    window.show()
    qtbot.waitUntil(lambda: "bad.npz:" in window.message.text(), timeout=20_000)
    assert not window.save.isEnabled()
    window.close()


def test_closing_gives_up_reading(tmp_path: Path, qtbot) -> None:
    """No process is left."""
    window = SurfaceWindow(tmp_path / "a.npz", theme.THEMES["light"])
    reader = window._reader
    assert reader is not None
    window.show()
    window.close()
    assert not reader._process.is_alive()


@pytest.mark.parametrize("changes", [{"map_error": "No landscape: the axes are parallel."}, {"generation": 2}])
def test_a_landscape_of_something_else_is_not_written(changes: dict[str, object]) -> None:
    """While the map on screen is not that of the scene and axes on screen."""
    with pytest.raises(ExportError):
        surface_of(replace(state(), **changes))


def test_words_in_a_file_are_shown_as_they_are(qapp: object) -> None:
    """A label is not read as rich text."""
    about = {"x axis": "<img src='/etc/hostname'>", "y axis": "a<b>", "loss unit": "<u>"}
    found = shown(replace(bare(), about=about), "theirs.h5")
    figure = LandscapeFigure()
    figure.set_theme(theme.THEMES["light"])
    figure.set_map(found.map, False, 8, found.unit)
    labels = [figure.plot.getAxis(side) for side in ("bottom", "left")] + [figure.bar.getAxis("right")]
    plain = [axis.label.toPlainText() for axis in labels]
    assert plain[0].startswith("<img src")
    assert plain[1].startswith("a<b>")
    assert "<u>" in plain[2]
    figure.close()
