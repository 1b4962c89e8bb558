"""Every shipped scene is good: it parses, says what it shows, and comes to its picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import QLocale  # noqa: F401  Qt before torch, as in the app

from thalweg import assets
from thalweg.app.compute.inline import InlineLandscapes, InlineSession
from thalweg.app.controller import Controller
from thalweg.app.intents import StepOn
from thalweg.app.settings import Settings
from thalweg.app.state import NOT_YET, opened
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
    assert scene.view.middle in scene.view.panels
    assert loads(dumps(scene)) == scene
    assert scene.run.data.name in CLASS_NAMES


@pytest.mark.parametrize("name", OF_DIGITS)
def test_a_scene_comes_to_its_landscape(name: str) -> None:
    """On a coarse grid it gives a complete map with the path on it, without a sentence of complaint.

    A plane of the path's own directions needs a path first, and says so until there is one.
    """
    scene = assets.shipped_scene(name).edited({"pace.play": False, "view.plane.resolution": 17})
    if "landscape" not in scene.view.panels:  # it may be opened at any time
        scene = scene.edited({"view.panels": (*scene.view.panels, "landscape")})
    controller = Controller(opened(scene, name, Settings()), InlineSession(), InlineLandscapes())
    for _ in range(20):
        controller.tick()
        state = controller.state
        if state.map_error.startswith(NOT_YET):
            controller.dispatch(StepOn())
            continue
        if state.map and state.map.complete and state.path:
            break
    assert (state.sentence, state.map_error, state.missing) == ("", "", None)
    assert state.map is not None
    assert state.path is not None
    assert state.map.plane == state.path.plane
    assert state.map.loss.shape == (scene.view.plane.resolution,) * 2
    assert state.map.loss.max() > state.map.loss.min()
    assert state.map.surface or state.map.loss.min() > 0


def test_the_two_residual_scenes_differ_in_the_skip_connections_alone() -> None:
    """So that what differs in their pictures is due to them."""
    with_skips, plain = (assets.shipped_scene(n) for n in ("residual", "residual-plain"))
    assert with_skips.run == plain.edited({"run.network.skips": True}).run
    assert with_skips.view == plain.view
    assert with_skips.run != plain.run


def test_the_readme_names_every_scene() -> None:
    """In the table of scenes."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| scene | what it shows |") : text.index("## Command line")]
    assert [n for n in NAMES if f"`{n}`" not in table] == []
