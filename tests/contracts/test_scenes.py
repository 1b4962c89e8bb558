"""Every shipped scene is good: it parses, says what it shows, and comes to its picture."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import QLocale  # noqa: F401  Qt before torch, as in the app

from thalweg import assets
from thalweg.app.compute.inline import InlineLandscapes, InlineSession
from thalweg.app.controller import Controller
from thalweg.app.settings import Settings
from thalweg.app.state import opened
from thalweg.core.data import CLASS_NAMES
from thalweg.core.scene import Scene, dumps, loads

NAMES = assets.scene_names()
OF_DIGITS = [n for n in NAMES if assets.shipped_scene(n).run.data.name == "digits"]


def test_the_default_comes_first_and_the_rest_in_order() -> None:
    """``thalweg`` alone opens it."""
    assert NAMES[0] == assets.DEFAULT == "first-light"
    assert NAMES[1:] == sorted(NAMES[1:])
    assert len(set(NAMES)) == len(NAMES)
    assert set(NAMES) - set(OF_DIGITS) == {"mnist"}


@pytest.mark.parametrize("name", NAMES)
def test_a_scene_says_what_it_is(name: str) -> None:
    """A title of its own, a description that is a sentence, and nothing lost in the file format."""
    scene = assets.shipped_scene(name)
    titles = [assets.shipped_scene(n).title for n in NAMES]
    assert scene.title != Scene().title
    assert titles.count(scene.title) == 1
    assert len(scene.description.split()) > 5
    assert "landscape" in scene.view.panels
    assert loads(dumps(scene)) == scene
    assert scene.run.data.name in CLASS_NAMES


@pytest.mark.parametrize("name", OF_DIGITS)
def test_a_scene_comes_to_its_landscape(name: str) -> None:
    """Started as it is, it gives a complete map with the path on it, without a sentence of complaint."""
    scene = assets.shipped_scene(name).edited({"pace.play": False})
    controller = Controller(opened(scene, name, Settings()), InlineSession(), InlineLandscapes())
    for _ in range(20):
        controller.tick()
        state = controller.state
        if state.map and state.map.complete and state.path:
            break
    assert (state.sentence, state.map_error, state.missing) == ("", "", None)
    assert state.map is not None
    assert state.path is not None
    assert state.map.plane == state.path.plane
    assert state.map.loss.shape == (scene.view.plane.resolution,) * 2
    assert state.map.loss.max() > state.map.loss.min() > 0
