"""The figures under test, drawn offscreen."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator

import pyqtgraph as pg
import pytest

from .sample_figure import sample_figure

MakeFigure = Callable[..., pg.GraphicsLayoutWidget]


@pytest.fixture
def antialiased() -> Iterator[None]:
    """As the app draws, and as it was before afterwards."""
    before = pg.getConfigOption("antialias")
    pg.setConfigOption("antialias", True)
    yield
    pg.setConfigOption("antialias", before)


@pytest.fixture
def kept(qtbot) -> Iterator[list[pg.GraphicsLayoutWidget]]:
    """Views that are closed at the end of the test and live until then.

    pyqtgraph crashes when the garbage collector finds a view that was never closed; an error that is caught
    by a test can keep one in such a cycle.
    """
    views: list[pg.GraphicsLayoutWidget] = []
    yield views
    for view in views:
        view.close()
        view.deleteLater()


@pytest.fixture
def make_figure(qtbot, kept, antialiased) -> MakeFigure:
    """Sample figures."""

    def make(*args, shown: bool = True, **kwargs) -> pg.GraphicsLayoutWidget:
        view = sample_figure(*args, **kwargs)
        kept.append(view)
        if shown:
            view.show()
            qtbot.waitExposed(view)
        return view

    return make


@pytest.fixture
def bare_view(kept) -> pg.GraphicsLayoutWidget:
    """A view with nothing in it yet, 400 x 300."""
    view = pg.GraphicsLayoutWidget()
    view.setBackground("w")
    view.resize(400, 300)
    kept.append(view)
    return view
