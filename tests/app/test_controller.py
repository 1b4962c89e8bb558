"""The controller between engines that only write down what they are told: no Qt, no process, no real time."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.app import captions
from thalweg.app.binding import Binding
from thalweg.app.intents import Edit, LayPlane, NewSeed, OpenScene, Redo, Reset, SetPlaying, SetSettings, StepOn, Undo
from thalweg.app.state import LANDSCAPE_DEATHS, AppState
from thalweg.app.wishes import map_key
from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Cancel,
    Died,
    Download,
    Failed,
    MapRequest,
    PlaneLaid,
    Play,
    Ready,
    Share,
    SliceRequest,
    Start,
)
from thalweg.core.scene import Scene

from .rig import FakeEngine, Rig, a_map, frame, laid, path, started, tiny_scene


@pytest.fixture
def rig() -> Rig:
    """A run that stands at step 0, with its map asked for; nothing told so far is remembered."""
    made = Rig()
    made.stand_at_zero()
    made.session.told()
    made.landscapes.told()
    return made


# --- start-up --------------------------------------------------------------------------------------------------------


def test_start_up() -> None:
    """Nothing before Ready; then Start and Play; the map as soon as the first parameters are there."""
    rig = Rig(tiny_scene(pace__play=True))
    rig.controller.tick()
    assert rig.session.sent == rig.landscapes.sent == []
    rig.hear(Ready("training"))
    assert [type(c) for c in rig.session.told()] == [Start, Play]
    rig.landscapes.events.append(Ready("landscape"))
    rig.hear(started())
    assert rig.acknowledgements() == [Acknowledge(1, True)]
    assert rig.requests() == []
    rig.hear(frame(0, 0))
    rig.hear(frame(1, 0, parameters=True))
    (request,) = rig.requests()
    assert (request.step, request.laid_step, request.number) == (0, 0, 1)


def test_the_order_in_which_the_workers_load_does_not_matter() -> None:
    """The landscape worker may be much later."""
    rig = Rig()
    rig.hear(Ready("training"))
    rig.hear(started(), frame(1, 0))
    assert rig.acknowledgements() == [Acknowledge(1, False)]
    assert rig.requests() == []
    rig.landscapes.events.append(Ready("landscape"))
    rig.controller.tick()
    assert rig.acknowledgements() == [Acknowledge(1, True)]
    rig.hear(frame(1, 0, parameters=True))
    assert len(rig.requests()) == 1


def test_what_was_pressed_before_the_worker_was_there_is_not_lost() -> None:
    """Play pressed while torch is loading plays when it has."""
    rig = Rig()
    rig.controller.dispatch(SetPlaying(True))
    rig.controller.dispatch(NewSeed(77))
    assert rig.session.sent == []
    rig.hear(Ready("training"))
    start, play = rig.session.told((Start, Play))
    assert start.run.seed == 77
    assert play.playing
    assert start.generation == play.generation == rig.state.generation


# --- frames and parameters -------------------------------------------------------------------------------------------


def test_one_acknowledgement_for_each_frame(rig: Rig) -> None:
    """However often the controller looks; without one the worker keeps its next frame."""
    for _ in range(5):
        rig.controller.tick()
    assert rig.acknowledgements() == []
    for step in range(1, 6):
        rig.hear(frame(1, step))
        rig.controller.tick()
        assert len(rig.acknowledgements()) == 1


def test_several_frames_at_one_look_are_acknowledged_once(rig: Rig) -> None:
    """The newest wins."""
    rig.hear(*(frame(1, s) for s in range(1, 9)))
    assert len(rig.acknowledgements()) == 1
    assert rig.state.frame is not None
    assert rig.state.frame.step == 8


def test_parameters_are_asked_for_only_when_a_map_is_wanted(rig: Rig) -> None:
    """They are large: not while a map is computed, again when it is done, not when landscapes are off."""
    rig.hear(frame(1, 1))
    assert rig.acknowledgements() == [Acknowledge(1, False)]
    rig.hear(a_map(0, 1))
    assert rig.acknowledgements() == [Acknowledge(1, True)]
    rig.hear(frame(1, 2, parameters=True))
    assert rig.acknowledgements() == [Acknowledge(1, False)]
    assert len(rig.requests()) == 1
    rig.controller.dispatch(Edit("view.panels", ("curves",)))
    rig.hear(a_map(0, 2), frame(1, 3))
    assert rig.acknowledgements() == [Acknowledge(1, False)]
    rig.controller.dispatch(Edit("view.panels", ("landscape",)))
    (again,) = rig.requests()  # of the parameters at hand
    assert again.step == 2
    rig.hear(a_map(0, again.number, step=2))
    assert rig.acknowledgements() == [Acknowledge(1, True)]


def test_map_and_slices_are_of_one_moment(rig: Rig) -> None:
    """While the slices of a step are on their way, no parameters of a later one are asked for."""
    rig.controller.dispatch(Edit("view.panels", ("landscape", "slices")))
    rig.landscapes.told()
    rig.hear(frame(1, 7), a_map(0, 1))
    asked = [c for c in rig.landscapes.told() if isinstance(c, SliceRequest)]
    assert [c.step for c in asked] == [0]
    assert Acknowledge(1, True) not in rig.acknowledgements()
    rig.hear(frame(1, 9))
    assert rig.requests() == []


def test_a_frame_without_the_parameters_asked_for_is_followed_by_asking_again(rig: Rig) -> None:
    """The frame may have been on its way already."""
    rig.hear(a_map(0, 1), frame(1, 1))
    assert rig.acknowledgements() == [Acknowledge(1, True)]
    rig.hear(frame(1, 2))
    assert rig.acknowledgements() == [Acknowledge(1, True)]


# --- maps ------------------------------------------------------------------------------------------------------------


def test_one_map_at_a_time(rig: Rig) -> None:
    """The next is asked for when the last pass of this one is there, with the newest parameters."""
    for step in (1, 2, 3):
        rig.hear(frame(1, step, parameters=True))
    rig.hear(a_map(0, 1, complete=False))
    assert rig.requests() == []
    rig.hear(a_map(0, 1))
    (request,) = rig.requests()
    assert (request.step, request.number) == (3, 2)


def test_a_change_of_geometry_does_not_wait_for_the_old_map(rig: Rig) -> None:
    """Though its last passes still come in, and serve until the new one does."""
    rig.controller.dispatch(Edit("view.plane.resolution", 11))
    (request,) = rig.requests()
    assert (request.number, request.view.resolution) == (2, 11)
    rig.hear(a_map(0, 1))
    assert rig.state.map is not None
    assert rig.state.map.number == 1
    assert rig.state.busy
    rig.hear(a_map(0, 2))
    assert rig.state.map.number == 2
    assert not rig.state.busy


def test_a_map_whose_panel_was_closed_is_asked_for_again(rig: Rig) -> None:
    """The worker has dropped it: when the panel is open again, also of a resting run, it will not come by itself."""
    rig.controller.dispatch(Edit("view.panels", ("curves",)))
    assert rig.landscapes.told(Cancel) == [Cancel(1)]
    rig.controller.dispatch(Edit("view.panels", ("landscape",)))
    (request,) = rig.requests()
    assert request.number == 2
    rig.hear(frame(1, 1))
    assert not rig.acknowledgements()[-1].parameters, "a map is under way"


def test_a_map_that_the_settings_cancelled_is_asked_for_again(rig: Rig) -> None:
    """The same with the share of the time."""
    before = rig.state.settings
    rig.controller.dispatch(SetSettings(before.model_copy(update={"landscape_share": 0.0})))
    assert rig.landscapes.told(Cancel) == [Cancel(1)]
    rig.controller.dispatch(SetSettings(before))
    assert len(rig.requests()) == 1


def test_a_plane_that_was_laid_is_told_to_the_session_once(rig: Rig) -> None:
    """It projects the path on it from then on."""
    rig.hear(laid(0))
    (told,) = rig.session.told(PlaneLaid)
    assert told.plane == 0
    rig.hear(frame(1, 1, path(0)))
    assert rig.session.told(PlaneLaid) == []


def test_a_plane_of_an_earlier_time_is_not_told(rig: Rig) -> None:
    """The person has laid another one meanwhile."""
    rig.controller.dispatch(LayPlane())
    rig.hear(laid(0))
    assert rig.session.told(PlaneLaid) == []


def test_a_failed_landscape_is_not_asked_for_again_and_again(rig: Rig) -> None:
    """Not before something that it depends on has changed."""
    rig.landscapes.events.append(Failed(1, "No landscape: the axes are parallel.", "landscape"))
    for _ in range(5):
        rig.controller.tick()
    assert rig.requests() == []
    assert "parallel" in captions.landscape(rig.state)
    rig.controller.dispatch(Edit("view.plane.x.high", 7.0))
    assert len(rig.requests()) == 1


@pytest.mark.parametrize("mode", ["fixed", "follow", "re-aim"])
def test_landscapes_per_second_count_in_every_mode(mode: str) -> None:
    """Ten maps, one each tenth of a second, are ten a second, also when each lies on a plane of its own."""
    rig = Rig(tiny_scene(view__plane__mode=mode))
    rig.stand_at_zero()
    rig.controller.dispatch(SetPlaying(True))
    for step in range(1, 12):
        rig.clock.time += 0.1
        plane, number = rig.state.plane, rig.state.map_number
        rig.hear(laid(plane), a_map(plane, number))
        rig.hear(frame(1, step, path(plane), parameters=True, stepping=True))
        assert rig.state.map is not None
        assert rig.state.map.number == number
    assert captions.maps_per_second(rig.state) == pytest.approx(10)


# --- deaths ----------------------------------------------------------------------------------------------------------


def test_a_dead_landscape_worker_is_replaced_and_asked_again(rig: Rig) -> None:
    """It keeps nothing that is not sent to it again."""
    rig.landscapes.events.append(Died("landscape", "Gone."))
    rig.controller.tick()
    assert rig.landscapes.restarts == [None]
    assert rig.requests() == []
    rig.landscapes.events.append(Ready("landscape"))
    rig.controller.tick()
    (request,) = rig.requests()
    assert request.number == 2
    assert rig.state.dead is None


def test_a_new_landscape_worker_knows_its_share(rig: Rig) -> None:
    """The person may have changed it since the first one was started."""
    rig.controller.dispatch(SetSettings(rig.state.settings.model_copy(update={"landscape_share": 0.2})))
    assert rig.landscapes.told(Share) == [Share(0.2)]
    rig.landscapes.events.append(Died("landscape", "Gone."))
    rig.controller.tick()
    rig.landscapes.events.append(Ready("landscape"))
    rig.controller.tick()
    assert rig.landscapes.told(Share) == [Share(0.2)]


def die(rig: Rig) -> None:
    """The landscape worker ends, and the controller looks."""
    rig.landscapes.events.append(Died("landscape", "The landscape process has ended (signal 9)."))
    rig.controller.tick()


def be_ready(rig: Rig) -> None:
    """The new landscape worker has loaded."""
    rig.landscapes.events.append(Ready("landscape"))
    rig.controller.tick()


def test_a_landscape_worker_that_dies_again_and_again_stays_off(rig: Rig) -> None:
    """After some ends without a map it is told where the landscape would be, and laying the plane tries again."""
    for count in range(1, LANDSCAPE_DEATHS):
        die(rig)
        assert rig.landscapes.restarts == [None] * count
        assert rig.state.map_error == ""
        be_ready(rig)
        assert len(rig.requests()) == 1
    die(rig)
    for _ in range(5):
        rig.controller.tick()
    assert rig.landscapes.restarts == [None] * (LANDSCAPE_DEATHS - 1)
    assert "signal 9" in captions.landscape(rig.state)
    assert "L tries again" in captions.landscape(rig.state)
    assert rig.requests() == []
    rig.controller.dispatch(LayPlane())
    rig.controller.tick()
    assert rig.landscapes.restarts == [None] * LANDSCAPE_DEATHS
    assert rig.state.map_error == ""
    be_ready(rig)
    rig.hear(frame(1, 3, parameters=True))
    assert len(rig.requests()) == 1


def test_a_map_between_two_deaths_forgives_them(rig: Rig) -> None:
    """Only ends without a map count: what kills it now and then must not take the landscape away for good."""
    for _ in range(3 * LANDSCAPE_DEATHS):
        die(rig)
        be_ready(rig)
        rig.hear(a_map(rig.state.plane, rig.state.map_number))
    assert len(rig.landscapes.restarts) == 3 * LANDSCAPE_DEATHS
    assert rig.state.map_error == ""


@pytest.mark.parametrize("message", [Reset(), NewSeed(7)])
def test_a_landscape_worker_that_stays_off_still_says_so_in_another_run(rig: Rig, message: object) -> None:
    """Nothing is being computed."""
    for _ in range(LANDSCAPE_DEATHS):
        die(rig)
    rig.controller.dispatch(message)
    rig.hear(started(2), frame(2, 0, parameters=True))
    assert "tries again" in captions.landscape(rig.state)


def test_a_dead_session_is_told_nothing_until_it_is_started_again(rig: Rig) -> None:
    """Then the run begins at step 0, paused."""
    rig.controller.dispatch(SetPlaying(True))
    rig.session.told()
    rig.hear(Died("training", "The training process has ended (signal 9)."))
    for message in (SetPlaying(True), StepOn(), Reset(), Edit("run.optimiser.momentum", 0.5)):
        rig.controller.dispatch(message)
        rig.controller.tick()
    assert rig.session.sent == []
    assert rig.session.restarts == []
    before = rig.state
    rig.controller.restart_session()
    assert rig.session.restarts == [None]
    rig.hear(Ready("training"))
    start, play = rig.session.told((Start, Play))
    assert isinstance(start, Start)
    assert (play.playing, rig.state.playing, rig.state.dead) == (False, False, None)
    assert start.generation == play.generation == rig.state.generation == before.generation + 1
    assert start.run == before.scene.run


def test_a_run_started_again_has_a_path_again(rig: Rig) -> None:
    """The new session has never heard of the old plane: another one is laid for it, and told."""
    rig.hear(laid(0), a_map(0, 1), frame(1, 7, path(0), parameters=True))
    rig.landscapes.told()
    rig.hear(Died("training", "Gone."))
    rig.controller.restart_session()
    rig.session.told()
    rig.hear(Ready("training"))
    g = rig.state.generation
    rig.hear(started(g), frame(g, 0, parameters=True))
    (request,) = rig.requests()
    assert (request.generation, request.plane, request.laid_step) == (g, rig.state.plane, 0)
    assert rig.state.plane > 0
    rig.hear(laid(rig.state.plane, g))
    (told,) = rig.session.told(PlaneLaid)
    assert (told.generation, told.plane) == (g, rig.state.plane)
    rig.hear(a_map(rig.state.plane, request.number, g), frame(g, 0, path(rig.state.plane)))
    assert rig.state.path is not None
    assert rig.state.map is not None
    assert rig.state.path.plane == rig.state.map.plane == rig.state.plane


def test_closing_ends_both_workers(rig: Rig) -> None:
    """Each is closed."""
    rig.controller.close()
    assert rig.session.closed == rig.landscapes.closed == 1


def test_another_device_restarts_both_workers_with_it(rig: Rig) -> None:
    """And the run begins anew when they are ready."""
    before = rig.state.generation
    rig.controller.dispatch(SetSettings(rig.state.settings.model_copy(update={"device": "cuda"})))
    assert [type(c) for c in rig.session.told((Start, Play, Advance))] == []
    rig.controller.restart_workers("cuda")
    assert rig.session.restarts == rig.landscapes.restarts == ["cuda"]
    rig.ready()
    (start,) = rig.session.told(Start)
    assert start.generation == before + 1


def test_a_command_that_changes_nothing_is_passed_on(rig: Rig) -> None:
    """Downloads."""
    rig.controller.tell_session(Download(1, "mnist"))
    assert rig.session.told(Download) == [Download(1, "mnist")]


# --- bindings --------------------------------------------------------------------------------------------------------


def test_a_setter_is_called_only_when_what_it_shows_has_changed() -> None:
    """And with exactly what it shows."""
    seen: list[tuple[Any, ...]] = []
    rig = Rig(bindings=[Binding(lambda s: (s.playing, s.scene.view.log_loss), lambda *a: seen.append(a))])
    assert seen == [(False, False)]
    rig.controller.dispatch(Edit("view.log_steps", True))
    rig.controller.tick()
    assert len(seen) == 1
    rig.controller.dispatch(SetPlaying(True))
    rig.controller.dispatch(Edit("view.log_loss", True))
    assert seen[1:] == [(True, False), (True, True)]


def test_a_value_of_another_type_is_another_value() -> None:
    """1, 1.0 and True are equal in Python, not on screen; an array is compared by identity, without raising."""
    shown: list[object] = []
    binding = Binding(lambda s: (s.sentence,), shown.append)
    values = [1, 1.0, True, True, np.arange(3), np.arange(3), None, (1,), (1,)]
    for value in values:
        state: Any = type("S", (), {"sentence": value})
        binding.show(state, 0.0)
    assert [type(v) for v in shown] == [int, float, bool, np.ndarray, np.ndarray, type(None), tuple]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.3)), min_size=1), st.floats(0.01, 0.2))
def test_an_interval_holds_back_but_never_loses_the_last_value(steps: list[tuple[int, float]], interval: float) -> None:
    """Never twice within the interval; once things are quiet, the last value is shown."""
    shown: list[tuple[float, int]] = []
    now = 0.0
    binding = Binding(lambda s: (s.value,), lambda v: shown.append((now, v)), interval)  # type: ignore[attr-defined]
    value = 0
    for value, wait in steps:
        now += wait
        binding.show(type("S", (), {"value": value}), now)  # type: ignore[arg-type]
    now += interval
    binding.show(type("S", (), {"value": value}), now)  # type: ignore[arg-type]
    assert shown[-1][1] == value
    times = [t for t, _ in shown]
    assert all(b - a >= interval * (1 - 1e-9) for a, b in itertools.pairwise(times))
    values = [v for _, v in shown]
    assert all(a != b for a, b in itertools.pairwise(values))


def test_views_see_the_state_of_the_moment_though_they_answer_back() -> None:
    """A setter may dispatch (an error with no field to stand at is reported); nothing is shown late."""
    seen: list[str] = []

    def answer(error: tuple[str, str] | None) -> None:
        if error:
            rig.controller.dispatch(SetPlaying(True))

    rig = Rig(bindings=[Binding(lambda s: (s.field_error,), answer), Binding(lambda s: (s.playing,), seen.append)])
    rig.controller.dispatch(Edit("view.example", -1))
    assert seen == [False, True]


# --- anything in any order -------------------------------------------------------------------------------------------

INTENTS = st.sampled_from(
    [
        SetPlaying(True),
        SetPlaying(False),
        StepOn(),
        Reset(),
        NewSeed(4),
        LayPlane(),
        Undo(),
        Redo(),
        Edit("run.optimiser.momentum", 0.25),
        Edit("view.plane.mode", "re-aim"),
        Edit("view.plane.mode", "fixed"),
        Edit("view.plane.resolution", 7),
        Edit("view.panels", ("curves",)),
        OpenScene(Scene(title="b"), "b"),
    ]
)
WORDS = st.sampled_from(["started", "frame", "parameters", "old", "laid", "map", "coarse", "kill", "kill map", "ready"])


class Obedient(FakeEngine):
    """An engine that checks each command at the moment when it is sent."""

    rig: Rig
    alive = True

    def send(self, command: Any) -> None:
        """Every command is of the run that is on screen."""
        state = self.rig.controller.state
        if hasattr(command, "generation"):
            assert command.generation == state.generation
        if isinstance(command, MapRequest):
            assert command.number == max([c.number for c in self.sent if isinstance(c, MapRequest)], default=0) + 1
            assert self.alive
            assert state.laid is not None
            assert np.array_equal(command.laid, state.laid[1])
        if isinstance(command, Start | Play | Advance):
            assert self.alive
        super().send(command)


def speak(rig: Rig, word: str, step: int) -> None:
    """Let the workers say something that fits the state, or does not."""
    state, g = rig.state, rig.state.generation
    match word:
        case "started":
            rig.hear(started(g))
        case "frame" | "parameters":
            rig.hear(frame(g, step, path(max(0, state.plane - step % 2)), parameters=word == "parameters"))
        case "old":
            rig.hear(frame(g - 1, step, parameters=True), started(g - 1), a_map(0, 1, g - 1), laid(0, g - 1))
        case "laid":
            rig.hear(laid(state.plane, g))
        case "map" | "coarse":
            rig.hear(a_map(state.plane, state.map_number, g, complete=word == "map"))
        case "kill" | "kill map":
            engine: Any = rig.session if word == "kill" else rig.landscapes
            if engine.alive:
                engine.alive = False
                engine.events.append(Died(engine.name, "Gone."))
                rig.controller.tick()
        case "ready":
            for engine in (rig.session, rig.landscapes):
                engine.alive = True  # type: ignore[attr-defined]
            rig.ready()


@given(st.lists(st.one_of(INTENTS, WORDS), max_size=40))
def test_any_order_of_intents_and_events(words: list[object]) -> None:
    """Commands are always of the run on screen, maps are numbered, and what is bound is what is shown."""
    rig, shown = Rig(), {}
    for engine in (rig.session, rig.landscapes):
        engine.__class__ = Obedient
        engine.rig = rig  # type: ignore[attr-defined]
        engine.alive = False  # type: ignore[attr-defined]
    rig.controller.bind([Binding(lambda s: (s.scene, s.frame, s.map), lambda *a: shown.update(now=a))])
    for step, word in enumerate(words, start=1):
        if isinstance(word, str):
            speak(rig, word, step)
        else:
            rig.controller.dispatch(word)
        state: AppState = rig.state
        assert shown["now"] == (state.scene, state.frame, state.map)
        if state.busy and state.asked and map_key(state):
            assert state.asked.generation == state.generation
        if state.map and state.path:
            assert state.map.plane == state.path.plane
