"""One moment of a run as a state, computed here and now without a window: what ``thalweg render`` draws."""

from __future__ import annotations

from dataclasses import replace

from thalweg.app.compute.inline import InlineLandscapes, InlineSession
from thalweg.app.controller import Controller
from thalweg.app.intents import MapCancelled
from thalweg.app.settings import Settings
from thalweg.app.state import AppState, opened
from thalweg.core.scene.view import MAP_PANELS
from thalweg.core.store.recording import Recording
from thalweg.core.training.replay import Replay


class MomentError(Exception):
    """A moment that cannot be shown; the sentence says why."""


def moment(
    recording: Recording,
    step: int | None,
    settings: Settings,
    with_map: bool,
    with_slices: bool = False,
    with_factors: bool = False,
) -> AppState:
    """The state of a window that shows this recording at ``step``; None: the last.

    A step that is not recorded is trained again. The plane is laid at the first recorded step; ``with_map``: with the
    landscape, complete; ``with_slices``: with the layer slices; ``with_factors``: with those of the chain rule.
    """
    replay = Replay(recording, step)
    scene = recording.scene
    # nothing is computed that is not drawn
    wanted = {"landscape": with_map, "slices": with_slices, "chain-rule": with_factors}
    others = tuple(p for p in scene.view.panels if p not in wanted and p not in MAP_PANELS)
    scene = scene.edited({"view.panels": (*(p for p, on in wanted.items() if on), *others)})
    share = 1.0 if with_map or with_slices else 0.0
    state = replace(opened(scene, "", settings.model_copy(update={"landscape_share": share})), playing=False)
    landscapes = InlineLandscapes(only=lambda request: request.step == replay.step)
    controller = Controller(state, InlineSession(replay), landscapes)
    for _ in range(50):
        controller.tick()
        now = controller.state
        if now.busy and now.asked and now.asked.step != replay.step:
            controller.dispatch(MapCancelled())  # its plane is laid, and that is all there is to it
        if failure := now.sentence or now.map_error or now.slicing.error or now.missing:
            raise MomentError(failure if isinstance(failure, str) else failure.sentence)
        if (
            now.frame
            and now.frame.step == replay.step
            and (not with_map or _complete(now))
            and (not with_slices or _sliced(now))
        ):
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


def _sliced(state: AppState) -> bool:
    drawn = state.slicing.shown
    return bool(drawn and drawn.complete and state.frame and drawn.step == state.frame.step)
