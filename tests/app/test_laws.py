"""What a review of the window made law: restarts, drafts, deaths, data that is missing, and who may still speak."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thalweg.app.changes import differences, ranges_of
from thalweg.app.intents import (
    ApplyDraft,
    Change,
    DiscardDraft,
    Edit,
    LayPlane,
    NewSeed,
    OpenScene,
    Reset,
    SetPlaying,
    SetSettings,
    ShowControls,
    StepOn,
    Undo,
)
from thalweg.app.reduce import reduce
from thalweg.app.settings import Settings
from thalweg.app.state import LANDSCAPE_DEATHS, AppState
from thalweg.core.messages import DataMissing, Died, Downloaded, Failed, Ready
from thalweg.core.scene import Scene

from .rig import a_map, frame, path, state_of, tiny_scene
from .test_state import after, asked, running


def played(state: AppState, step: int = 5) -> AppState:
    """The same run some steps later."""
    return reduce(frame(state.generation, step, path(state.plane, range(step + 1))), state)


# --- changes that are no edit ----------------------------------------------------------------------------------------


def test_a_change_starts_again_and_is_one_step_of_undo() -> None:
    """All fields at once; the scene's file is what it was, so that the mark for changes is right."""
    before = running(tiny_scene(run__data__name="mnist"))
    now = reduce(Change({"run.data.name": "digits", "run.data.folder": ""}), before)
    assert now.scene.run.data.name == "digits"
    assert now.generation == before.generation + 1
    assert (now.saved, now.name, now.modified) == (before.saved, before.name, True)
    back = reduce(Undo(), now)
    assert (back.scene, back.saved, back.modified) == (before.scene, before.saved, False)


def test_a_change_that_is_refused_says_why_and_changes_nothing() -> None:
    """No field of a form is to blame, so the sentence stands above the figures."""
    before = running()
    now = reduce(Change({"run.seed": -1}), before)
    assert "run.seed" in now.sentence
    assert (now.scene, now.generation) == (before.scene, before.generation)


@pytest.mark.parametrize("play", [False, True])
def test_a_change_plays_if_the_scene_says_so(play: bool) -> None:
    """As when it was opened."""
    assert reduce(Change({"run.seed": 4}), running(tiny_scene(pace__play=play))).playing is play


# --- drafts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [Reset(), NewSeed(77)])
def test_starting_again_keeps_the_draft(message: object) -> None:
    """The person has not said what is to become of it; applied, it has the seed that is on screen."""
    before = reduce(Edit("run.network.hidden", (9,)), running())
    now = reduce(message, before)
    assert now.generation == before.generation + 1
    assert now.scene.run.network == before.scene.run.network
    assert now.draft == now.scene.edited({"run.network.hidden": (9,)})
    assert reduce(DiscardDraft(), now).scene == now.scene
    assert reduce(ApplyDraft(), now).scene.run.seed == now.scene.run.seed


def test_a_download_keeps_the_draft() -> None:
    """It may take minutes, in which a person goes on."""
    scene = tiny_scene(run__data__name="mnist")
    before = after(running(scene), DataMissing(1, "mnist", "Not here."), Edit("run.network.hidden", (9,)))
    now = reduce(Downloaded(1, "mnist"), before)
    assert now.generation == before.generation + 1
    assert now.draft is not None
    assert now.draft.run.network.hidden == (9,)


def test_a_worker_that_is_back_has_not_lost_the_draft() -> None:
    """What was typed has nothing to do with the process that ended."""
    before = after(running(), Edit("run.network.hidden", (9,)), Died("training", "Gone."))
    assert before.draft is not None
    assert reduce(Ready("training"), before).draft == before.draft


# --- undo decides by what differs ------------------------------------------------------------------------------------


def test_differences_are_the_fields_that_differ() -> None:
    """By dotted path, specs inside specs too."""
    a = Scene()
    b = a.edited({"run.seed": 3, "view.plane.x.low": -7.0, "title": "b"})
    assert sorted(differences(a, b)) == ["run.seed", "title", "view.plane.x.low"]
    assert differences(a, a) == []


def test_undo_of_several_live_changes_at_once_does_not_restart() -> None:
    """A scene that differs from the one before only in what is live goes on."""
    before = running()
    live = before.scene.edited({"run.optimiser.learning_rate": 0.25, "run.optimiser.batch_size": 7, "run.steps": 9})
    now = replace(before, scene=live, past=(*before.past, replace_kept(before)))
    assert reduce(Undo(), now).generation == before.generation
    other = before.scene.edited({"run.optimiser.learning_rate": 0.25, "run.optimiser.name": "adam"})
    now = replace(before, scene=other, past=(*before.past, replace_kept(before)))
    assert reduce(Undo(), now).generation == before.generation + 1


def replace_kept(state: AppState) -> object:
    """What undo returns to: the scene of this state."""
    return reduce(Edit("title", "x"), state).past[-1]


# --- playing ---------------------------------------------------------------------------------------------------------


def test_every_pause_counts() -> None:
    """A long step is ended by it, though nothing plays."""
    state = running()
    assert reduce(SetPlaying(False), state).pauses == state.pauses + 1
    assert reduce(SetPlaying(True), state).pauses == state.pauses
    assert reduce(StepOn(), state).pauses == state.pauses


def test_a_long_step_is_neither_rest_nor_play() -> None:
    """The player's button pauses it."""
    state = reduce(StepOn(), running())
    assert not state.stepping
    under_way = reduce(frame(step=3, stepping=True), state)
    assert under_way.stepping
    assert not under_way.playing
    assert not reduce(frame(step=9), under_way).stepping
    assert not reduce(SetPlaying(True), under_way).stepping, "then it plays"


# --- live changes of the optimiser -----------------------------------------------------------------------------------


def test_a_live_change_of_the_optimiser_is_counted_and_undo_knows_where_it_was_made() -> None:
    """Nothing else is: neither a change of the view, nor what was refused, nor a value that is there already."""
    later = played(running(), 1234)
    now = reduce(Edit("run.optimiser.learning_rate", 0.25), later)
    assert now.tunes == later.tunes + 1
    assert now.past[-1].at == (later.generation, 0, 1234)
    assert now.past[-1].what == "learning rate 0.5 to 0.25"
    for message in (Edit("view.log_loss", True), Edit("run.optimiser.learning_rate", -1.0)):
        other = reduce(message, later)
        assert other.tunes == later.tunes
        assert not other.past or other.past[-1].at is None
    assert reduce(Edit("run.optimiser.learning_rate", 0.25), now).tunes == now.tunes, "no edit"


def test_a_live_change_before_there_is_a_run_has_no_step_to_go_back_to() -> None:
    """Also while another run is being loaded, though the frame of the one before is still on screen."""
    for state in (state_of(), reduce(NewSeed(4), played(running(), 20))):
        now = reduce(Edit("run.optimiser.learning_rate", 0.25), state)
        assert now.past[-1].at is None
        assert reduce(Undo(), now).orders == state.orders


def test_undoing_a_live_change_is_one_too() -> None:
    """The worker must be told the rate that is in use again, in the same run."""
    now = reduce(Edit("run.optimiser.learning_rate", 0.25), played(running(), 20))
    back = reduce(Undo(), played(now, 30))
    assert back.generation == now.generation
    assert back.scene.run.optimiser.learning_rate == 0.5
    assert back.tunes == now.tunes + 1


# --- no data, no start -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [DataMissing(2, "mnist", "Not here."), Failed(2, "No memory.")])
def test_a_start_that_fails_takes_the_pictures_of_the_run_before(message: object) -> None:
    """They are of another scene than the one whose name stands above them."""
    before = after(running(), OpenScene(tiny_scene(run__seed=8), "other"))
    assert before.map is not None
    now = reduce(message, before)
    assert (now.started, now.frame, now.map, now.arriving, now.path) == (None,) * 5
    assert not now.playing


def test_a_failure_in_a_run_leaves_its_pictures() -> None:
    """They are of the run on screen."""
    before = running()
    now = reduce(Failed(1, "The download was cancelled."), before)
    assert (now.started, now.frame, now.map) == (before.started, before.frame, before.map)


def test_a_failure_of_an_old_map_is_no_news() -> None:
    """The request that replaced it is under way."""
    state = asked(asked(running()))
    assert reduce(Failed(1, "No landscape.", "landscape", state.map_number - 1), state) is state
    now = reduce(Failed(1, "No landscape.", "landscape", state.map_number), state)
    assert (now.map_error, now.busy) == ("No landscape.", False)


# --- deaths ----------------------------------------------------------------------------------------------------------


def test_ready_of_the_landscape_worker_does_not_forget_a_dead_session() -> None:
    """The sentence about it, and the way out, stay."""
    dead = reduce(Died("training", "Gone."), running())
    assert reduce(Ready("landscape"), dead).dead == ("training", "Gone.")


def test_ready_after_death_is_a_new_run_at_rest() -> None:
    """At step 0, whatever was playing; what the old process still sends is of an older generation."""
    before = reduce(Died("training", "Gone."), reduce(SetPlaying(True), played(running())))
    now = reduce(Ready("training"), before)
    assert now.generation == before.generation + 1
    assert (now.playing, now.dead, now.parameters, now.laid) == (False, None, None, None)
    assert now.plane > before.plane
    assert now.scene is before.scene
    assert reduce(frame(before.generation, 99, parameters=True), now) is now


def test_the_first_ready_is_no_restart() -> None:
    """Nobody has died."""
    state = running()
    assert reduce(Ready("training"), state).generation == state.generation


def test_landscape_deaths_are_counted_until_a_map_comes() -> None:
    """At the limit there is a sentence; laying the plane, or a map, begins the count anew."""
    state = running()
    for count in range(1, LANDSCAPE_DEATHS):
        state = after(state, Died("landscape", "Gone."), Ready("landscape"))
        assert (state.landscape_deaths, state.map_error) == (count, "")
    last = reduce(Died("landscape", "Gone."), state)
    assert "Gone." in last.map_error
    assert str(LANDSCAPE_DEATHS) in last.map_error
    assert (reduce(LayPlane(), last).landscape_deaths, reduce(LayPlane(), last).map_error) == (0, "")
    mapped = reduce(a_map(state.plane, state.map_number + 1), state)
    assert mapped.landscape_deaths == 0


# --- planes, maps, windows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["fixed", "follow", "re-aim"])
@pytest.mark.parametrize("second", ["fixed", "follow", "re-aim"])
def test_the_plane_is_laid_anew_when_re_aim_begins_or_ends(first: str, second: str) -> None:
    """Between the other two it stays where it was laid."""
    before = running(tiny_scene(view__plane__mode=first))
    now = reduce(Edit("view.plane.mode", second), before)
    anew = first != second and "re-aim" in (first, second)
    assert (now.plane > before.plane) is anew
    assert (now.laid is None) is anew


@pytest.mark.parametrize("auto", [False, True])
def test_a_change_of_mode_begins_with_the_ranges_of_the_scene(auto: bool) -> None:
    """What had grown in one mode is nothing to another."""
    state = played(running(tiny_scene(view__plane__auto_range=auto)), 50)
    now = reduce(Edit("view.plane.mode", "fixed"), state)
    assert now.ranges == ranges_of(now.scene.view.plane)


def test_a_waiting_map_is_not_replaced_by_an_older_one() -> None:
    """It waits for its path; the map on screen stays."""
    before = asked(after(running(), LayPlane(), frame(step=5, on=path(0), parameters=True)))
    waiting = reduce(a_map(before.plane, before.map_number), before)
    assert waiting.arriving is not None
    assert reduce(a_map(0, 1), waiting) is waiting


def test_controls_are_shown_or_not() -> None:
    """As the switch says; a hall needs the room, other themes and settings leave them alone."""
    state = running()
    assert state.controls
    hidden = reduce(ShowControls(False), state)
    assert not hidden.controls
    assert reduce(ShowControls(True), hidden).controls
    hall = reduce(SetSettings(Settings(theme="projector")), state)
    assert not hall.controls
    assert reduce(SetSettings(Settings(theme="light")), hall).controls
    shown = reduce(ShowControls(True), hall)
    assert reduce(SetSettings(Settings(theme="projector", landscape_share=0.2)), shown).controls
    assert not reduce(SetSettings(Settings(theme="dark")), hidden).controls
