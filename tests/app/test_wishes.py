"""What the workers are to be told, as pure functions of the state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thalweg.app.intents import (
    AskedForMap,
    Edit,
    LayPlane,
    LookAt,
    NewSeed,
    Reset,
    SetPlaying,
    SetSettings,
    StepOn,
    WholePlane,
    Zoom,
)
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.wishes import landscape_commands, map_key, map_request, session_commands, wants_parameters
from thalweg.core.messages import Advance, Cancel, Died, PlaneLaid, Play, Ready, Share, Show, Start, Tune

from .rig import a_map, frame, laid, path, started, state_of, tiny_scene


def at_zero(**settings: object) -> AppState:
    """A run at step 0, both workers ready, the parameters there."""
    state = state_of(**settings)
    for message in (Ready("training"), Ready("landscape"), started(), frame(parameters=True)):
        state = reduce(message, state)
    return state


def asked(state: AppState) -> AppState:
    """The same with its map asked for."""
    found = map_request(state)
    assert found is not None
    return reduce(AskedForMap(found[1], found[0].number), state)


# --- commands to the session -----------------------------------------------------------------------------------------


def test_nothing_changes_nothing_is_said() -> None:
    """Also when the same plane is still laid and the same scene shown."""
    state = reduce(laid(0), at_zero())
    assert session_commands(state, state) == []
    assert session_commands(state, reduce(Edit("view.log_loss", True), state)) == []


@pytest.mark.parametrize("play", [False, True])
def test_ready_begins_the_run_and_plays_it_if_wanted(play: bool) -> None:
    """Start first, then Play or pause with the scene's pace, which a single step needs to know too."""
    before = state_of(tiny_scene(pace__play=play, pace__speed=5.0))
    now = reduce(Ready("training"), before)
    runs, pace, memory = before.scene.runs(), before.scene.pace, before.settings.memory_bytes
    assert session_commands(before, now) == [Start(1, runs, memory), Play(1, play, pace)]


@pytest.mark.parametrize("message", [NewSeed(3), Reset()])
def test_a_new_generation_begins_a_run(message: object) -> None:
    """With the run of the scene as it is now, and its pace."""
    before = reduce(SetPlaying(True), at_zero())
    now = reduce(message, before)
    first, *rest = session_commands(before, now)
    assert first == Start(before.generation + 1, now.scene.runs(), now.settings.memory_bytes)
    assert rest == [Play(now.generation, now.playing, now.scene.pace)]


@pytest.mark.parametrize(
    "message", [SetPlaying(True), StepOn(), NewSeed(3), Reset(), Edit("run.optimiser.momentum", 0.5)]
)
def test_a_worker_that_is_not_ready_is_told_nothing(message: object) -> None:
    """Neither before it has loaded nor after it has died."""
    for before in (state_of(), reduce(Died("training", "Gone."), at_zero())):
        assert session_commands(before, reduce(message, before)) == []


def test_each_intent_has_its_command() -> None:
    """One command for one change, with what has changed."""
    state = at_zero()
    pace = state.scene.pace
    assert session_commands(state, reduce(SetPlaying(True), state)) == [Play(1, True, pace)]
    assert session_commands(state, reduce(StepOn(), state)) == [Advance(1, 1)]
    slower = reduce(Edit("pace.speed", 2.0), state)
    assert session_commands(state, slower) == [Play(1, False, slower.scene.pace)]
    tuned = reduce(Edit("run.optimiser.learning_rate", 0.125), state)
    run = tuned.scene.run
    assert session_commands(state, tuned) == [Tune(1, tuned.tunes, run.optimiser, run.stop, 0)]
    now = reduce(laid(0), state)
    (told,) = session_commands(state, now)
    assert isinstance(told, PlaneLaid)
    assert told.plane == 0


def test_a_step_while_playing_pauses_first() -> None:
    """Pausing gives up a step in progress, so it has to come before the new one."""
    before = reduce(SetPlaying(True), at_zero())
    commands = session_commands(before, reduce(StepOn(), before))
    assert commands == [Play(1, False, before.scene.pace), Advance(1, 1)]


def test_what_is_told_at_once_is_told_in_an_order_that_makes_sense() -> None:
    """A pause before the way to a step, that before steps from there, those before a change, the plane at the end."""
    before = reduce(SetPlaying(True), at_zero())
    now = reduce(frame(step=9), before)
    for message in (LookAt(3), StepOn(), Edit("run.optimiser.learning_rate", 0.125), laid(0)):
        now = reduce(message, now)
    found = session_commands(before, now)
    assert [type(c) for c in found] == [Play, Show, Advance, Tune, PlaneLaid]
    assert session_commands(now, now) == []


def test_a_draft_is_not_told() -> None:
    """It waits for the person."""
    state = at_zero()
    assert session_commands(state, reduce(Edit("run.seed", 8), state)) == []


def test_every_pause_is_told() -> None:
    """Also when nothing plays: a long step of the player is given up by it."""
    state = reduce(StepOn(), at_zero())
    now = reduce(SetPlaying(False), state)
    assert session_commands(state, now) == [Play(1, False, state.scene.pace)]


def test_a_worker_that_is_back_is_told_the_run_from_the_start() -> None:
    """Of the new generation; what the old process was told is forgotten with it."""
    dead = reduce(Died("training", "Gone."), reduce(SetPlaying(True), at_zero()))
    now = reduce(Ready("training"), dead)
    start = Start(2, now.scene.runs(), now.settings.memory_bytes)
    assert session_commands(dead, now) == [start, Play(2, False, now.scene.pace)]


# --- commands to the landscape worker --------------------------------------------------------------------------------


def with_share(state: AppState, share: float) -> AppState:
    """The same with another share of the time for landscapes."""
    return reduce(SetSettings(state.settings.model_copy(update={"landscape_share": share})), state)


def test_the_share_is_told_when_the_worker_is_ready_and_when_it_changes() -> None:
    """Nothing is told to a worker that is not there, nor twice."""
    before = state_of(landscape_share=0.3)
    assert landscape_commands(before, with_share(before, 0.5)) == []
    now = reduce(Ready("landscape"), before)
    assert landscape_commands(before, now) == [Share(0.3)]
    assert landscape_commands(now, now) == []
    assert landscape_commands(now, with_share(now, 0.6)) == [Share(0.6)]
    dead = reduce(Died("landscape", "Gone."), now)
    assert landscape_commands(now, dead) == []
    assert landscape_commands(dead, reduce(Ready("landscape"), dead)) == [Share(0.3)]


def test_a_map_that_nobody_can_see_is_cancelled() -> None:
    """The panel is closed, or landscapes are switched off, while it is computed; not when there is none."""
    for state, owed in ((asked(at_zero()), [Cancel(1)]), (at_zero(), [])):
        closed = reduce(Edit("view.panels", ("curves",)), state)
        assert landscape_commands(state, closed) == owed
        assert landscape_commands(closed, closed) == []
        assert landscape_commands(state, with_share(state, 0.0)) == [Share(0.0), *owed]


def test_the_surface_alone_is_reason_enough_for_a_map() -> None:
    """It shows the same map; only when the last of the two is closed is there nobody to see it."""
    state = reduce(Edit("view.panels", ("landscape", "surface")), asked(at_zero()))
    alone = reduce(Edit("view.panels", ("surface",)), state)
    assert landscape_commands(state, alone) == []
    assert landscape_commands(alone, reduce(Edit("view.panels", ("curves",)), alone)) == [Cancel(1)]
    assert map_request(reduce(Edit("view.panels", ("surface",)), at_zero())) is not None


# --- parameters and maps ---------------------------------------------------------------------------------------------


def test_parameters_are_wanted_only_for_a_map() -> None:
    """There is none while the panel is closed, the share is zero, the worker away, or one is being computed."""
    state = reduce(frame(step=3), at_zero())
    assert wants_parameters(state)
    assert not wants_parameters(reduce(Edit("view.panels", ("curves",)), state))
    off = state.settings.model_copy(update={"landscape_share": 0.0})
    assert not wants_parameters(reduce(SetSettings(off), state))
    assert not wants_parameters(reduce(Died("landscape", "Gone."), state))
    assert not wants_parameters(replace(state, started=None))
    assert not wants_parameters(asked(state))


def test_the_next_point_is_asked_for_while_the_last_pass_is_computed() -> None:
    """Once, when a quarter is there; not with slices beside it, nor where every point has a plane of its own."""
    state = asked(at_zero())
    drawn = a_map(0)
    size = drawn.loss.size
    first, second, whole = (
        reduce(replace(drawn, evaluated=n, complete=n == size), state) for n in (size // 16, size // 4, size)
    )
    assert not wants_parameters(reduce(frame(step=3), first))
    assert not wants_parameters(second)
    near = reduce(frame(step=3), second)
    assert wants_parameters(near)
    assert not wants_parameters(replace(near, scene=near.scene.edited({"view.plane.mode": "re-aim"})))
    panels = (*near.scene.view.panels, "slices")
    assert not wants_parameters(replace(near, scene=near.scene.edited({"view.panels": panels})))
    there = reduce(frame(step=4, parameters=True), near)
    assert not wants_parameters(reduce(frame(step=5), there))
    assert map_request(there) is None
    assert map_request(reduce(drawn, there)) is not None
    assert wants_parameters(reduce(frame(step=5), whole))


def test_parameters_on_hand_are_not_wanted_again() -> None:
    """A resting run sends them once; a new plane asks for them even while a map is under way."""
    state = at_zero()
    assert not wants_parameters(state)
    assert wants_parameters(reduce(LayPlane(), asked(state)))


def test_no_map_without_parameters_or_plane() -> None:
    """The first ones lay the plane."""
    before = reduce(started(), reduce(Ready("landscape"), state_of()))
    assert map_key(before) is None
    assert map_request(before) is None
    assert map_request(reduce(LayPlane(), at_zero())) is None


def test_a_request_carries_all_that_the_map_depends_on() -> None:
    """The point now, the point where the plane is laid, the ranges as they have grown."""
    state = reduce(frame(step=5, on=path(0, (0.0, 90.0)), parameters=True), at_zero())
    found = map_request(state)
    assert found is not None
    request, key = found
    assert (request.generation, request.plane, request.number) == (1, 0, 1)
    assert (request.laid_step, request.step) == (0, 5)
    assert (request.laid[0], request.point[0]) == (0.0, 5.0)
    assert request.x_range == state.ranges[0]
    assert request.x_range[1] > 90
    assert request.run == state.scene.run
    assert request.view == state.scene.view.plane
    assert key == map_key(state)


def test_a_request_carries_the_running_statistics_of_both_points() -> None:
    """Those of the current point, and those of the point where the plane is laid."""
    first, later = (replace(frame(step=s, parameters=True), buffers=np.full(2, float(s))) for s in (0, 5))
    state = reduce(started(), reduce(Ready("landscape"), state_of()))
    found = map_request(reduce(later, reduce(first, state)))
    assert found is not None
    assert (found[0].laid_buffers.tolist(), found[0].buffers.tolist()) == ([0, 0], [5, 5])


def test_the_same_map_is_not_asked_for_twice() -> None:
    """Neither while it is computed nor when it is there."""
    state = asked(at_zero())
    assert map_request(state) is None
    assert map_request(reduce(a_map(0, state.map_number), state)) is None


def test_a_map_under_way_is_finished_though_training_moves_on() -> None:
    """Training moves faster than maps are made."""
    state = reduce(frame(step=9, parameters=True), asked(at_zero()))
    assert state.busy
    assert map_request(state) is None
    done = reduce(a_map(0, state.map_number), state)
    found = map_request(done)
    assert found is not None
    assert found[0].step == 9


@pytest.mark.parametrize(
    "message",
    [
        Edit("view.plane.resolution", 11),
        Edit("view.plane.x.high", 9.0),
        Edit("view.plane.mode", "fixed"),
        Zoom((0.5, 1.5), (0.0, 1.0)),
        frame(step=1, on=path(0, (0.0, 500.0)), parameters=True),
    ],
)
def test_a_map_of_another_geometry_does_not_wait(message: object) -> None:
    """Nobody wants the one under way any more."""
    state = asked(at_zero())
    found = map_request(reduce(message, state))
    assert found is not None
    assert found[0].number == state.map_number + 1


def test_zoomed_in_the_map_is_asked_for_there() -> None:
    """At the resolution of the whole plane."""
    zoomed = reduce(Zoom((0.5, 1.5), (0.0, 0.25)), asked(at_zero()))
    found = map_request(zoomed)
    assert found is not None
    assert (found[0].x_range, found[0].y_range) == ((0.5, 1.5), (0.0, 0.25))
    assert found[1].resolution == zoomed.scene.view.plane.resolution
    back = map_request(reduce(WholePlane(), zoomed))
    assert back is None, "it is on its way"


DRAWN = {"view.plane.colour": "log", "view.plane.levels": 5, "view.log_loss": True, "title": "x",
         "view.panels": ("landscape",), "view.plane.quantity": "accuracy", "view.plane.labels": False,
         "view.plane.arrows": True}  # fmt: skip


@pytest.mark.parametrize("where", DRAWN)
def test_what_only_changes_the_drawing_asks_for_no_map(where: str) -> None:
    """The numbers are the same."""
    assert map_request(reduce(Edit(where, DRAWN[where]), asked(at_zero()))) is None
