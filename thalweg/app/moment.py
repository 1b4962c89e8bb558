"""One moment of a run as a state, computed here and now without a window: what ``thalweg render`` draws."""

from __future__ import annotations

from dataclasses import replace

from thalweg.app.compute.inline import InlineLandscapes, InlineSession
from thalweg.app.controller import Controller
from thalweg.app.settings import Settings
from thalweg.app.state import AppState, opened
from thalweg.core.store.replay import Replay
from thalweg.core.store.run_file import Recording


class MomentError(Exception):
    """A moment that cannot be shown; the sentence says why."""


def moment(recording: Recording, step: int | None, settings: Settings, with_map: bool) -> AppState:
    """The state of a window that shows this recording at ``step`` (the nearest recorded one; None: the last).

    The plane is laid at the first recorded step; ``with_map``: with the landscape, complete.
    """
    replay = Replay(recording, step)
    scene = recording.scene
    if with_map and "landscape" not in scene.view.panels:
        scene = scene.edited({"view.panels": ("landscape", *scene.view.panels)})
    share = 1.0 if with_map else 0.0
    state = replace(opened(scene, "", settings.model_copy(update={"landscape_share": share})), playing=False)
    controller = Controller(state, InlineSession(replay), InlineLandscapes())
    for _ in range(50):
        controller.tick()
        now = controller.state
        if now.sentence or now.map_error or now.missing:
            raise MomentError(now.sentence or now.map_error or now.missing.sentence)  # type: ignore[union-attr]
        if now.frame and now.frame.step == replay.step and (not with_map or _complete(now)):
            return now
    raise MomentError("the landscape did not come to an end")


def _complete(state: AppState) -> bool:
    m, path = state.map, state.path
    return bool(
        m
        and m.complete
        and state.frame
        and m.step == state.frame.step
        and path
        and path.plane == m.plane
        and path.steps[-1] == m.step
        and state.asked
        and (m.x[0], m.x[-1]) == state.ranges[0]
        and (m.y[0], m.y[-1]) == state.ranges[1]
    )
