"""Which panels stand in the middle, and what a choice of another does."""

from __future__ import annotations

from thalweg.app.intents import Edit, Undo
from thalweg.app.reduce import reduce
from thalweg.core.scene import Scene

from .rig import tiny_scene
from .test_state import running


def of(panels: tuple[str, ...], middle: str) -> tuple[str, ...]:
    """What stands in the middle of a scene with these panels."""
    return Scene().edited({"view.panels": panels, "view.middle": middle}).view.in_the_middle


def test_the_middle_is_never_empty_while_a_panel_is_open() -> None:
    """The one that was asked for; else the maps, which share it; else the first."""
    assert of(("curves", "depth", "landscape"), "depth") == ("depth",)
    assert of(("curves", "surface", "landscape"), "depth") == ("landscape", "surface")
    assert of(("curves", "surface", "landscape"), "surface") == ("landscape", "surface")
    assert of(("curves", "depth"), "landscape") == ("curves",)
    assert of((), "depth") == ()


def test_a_panel_that_is_wanted_in_the_middle_is_opened() -> None:
    """In one change, which undo takes back."""
    state = running(tiny_scene(view__panels=("landscape", "curves")))
    chosen = reduce(Edit("view.middle", "chain-rule"), state)
    assert chosen.scene.view.panels == ("landscape", "curves", "chain-rule")
    assert chosen.scene.view.in_the_middle == ("chain-rule",)
    assert reduce(Undo(), chosen).scene.view == state.scene.view
