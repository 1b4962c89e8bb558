"""The state of the window and how it changes: a pure function, tried without Qt, workers or time."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.app.changes import grown, needs_restart, ranges_of, zoomed
from thalweg.app.intents import (
    ApplyDraft,
    AskedForMap,
    DiscardDraft,
    Dismiss,
    Edit,
    LayPlane,
    MapArrived,
    MapKey,
    NewSeed,
    OpenScene,
    Redo,
    Report,
    Reset,
    SceneSaved,
    SetPlaying,
    SetSettings,
    StepOn,
    Undo,
    WholePlane,
    Zoom,
)
from thalweg.app.reduce import reduce
from thalweg.app.settings import Settings
from thalweg.app.state import AppState
from thalweg.app.wishes import session_commands
from thalweg.core.messages import (
    DataMissing,
    Died,
    Dissected,
    Downloaded,
    Failed,
    Judged,
    LandscapeEvent,
    MapProgress,
    NotOpened,
    Opened,
    Progress,
    Ready,
    Saved,
    SessionEvent,
    Stopped,
)
from thalweg.core.scene import OptimiserSpec, Scene, Spec

from .rig import a_map, frame, laid, path, slices_drawn, started, state_of, tiny_scene

LIVE = {"run.optimiser.learning_rate": 0.25, "run.optimiser.momentum": 0.5, "run.optimiser.batch_size": 7,
        "run.steps": 99, "run.name": "mine", "run.stop.steps": 800, "run.stop.epochs": 9, "run.stop.loss": 0.5,
        "run.stop.flat": 3, "run.optimiser.layer_rates": (0.5, 2.0), "run.optimiser.decay": 0.5,
        "run.optimiser.damping": 0.5, "run.optimiser.clip": 0.5, "run.optimiser.l2": 0.5,
        "run.optimiser.schedule": "cosine",
        "run.optimiser.schedule_steps": 50, "run.optimiser.schedule_share": 0.5}  # fmt: skip
"""What a run in progress takes up, and another value for each."""

RESTARTING = {
    "run.data.name": "fashion",
    "run.data.folder": "/somewhere",
    "run.data.train": 90,
    "run.data.test": 19,
    "run.data.measured": 40,
    "run.network.kind": "cnn",
    "run.network.hidden": (9, 9),
    "run.network.hidden_norm": "layer",
    "run.network.hidden_skips": True,
    "run.network.auxiliary": 0.5,
    "run.network.channels": (3,),
    "run.network.width": 7,
    "run.network.blocks": 3,
    "run.network.skips": False,
    "run.network.batch_norm": False,
    "run.network.units": 9,
    "run.network.activation": "tanh",
    "run.network.initialisation": "he",
    "run.network.constant": 0.5,
    "run.network.gain": 3.0,
    "run.network.surface": "booth",
    "run.network.formula": "x*y",
    "run.network.a": 3.0,
    "run.network.b": 3.0,
    "run.network.noise": 3.0,
    "run.network.x_start": 0.25,
    "run.network.y_start": 0.25,
    "run.network.x_name": "left",
    "run.network.y_name": "right",
    "run.objective.loss": "squared-error",
    "run.optimiser.name": "adam",
    "run.seed": 17,
    "run.seeds": 3,
}
"""What starts a run again, and another value for each."""

VIEWED = {"view.log_loss": True, "view.plane.colour": "log", "view.example": 3, "pace.speed": 5.0, "title": "Other"}


def after(state: AppState, *messages: object) -> AppState:
    """The state after these messages."""
    for message in messages:
        state = reduce(message, state)
    return state


def told(before: AppState, *messages: object) -> list[object]:
    """What the training worker is told by these messages, one after another."""
    found: list[object] = []
    for message in messages:
        now = reduce(message, before)
        found += session_commands(before, now)
        before = now
    return found


def running(scene: Scene | None = None) -> AppState:
    """A run at step 0 with its map and path on screen."""
    state = after(state_of(scene), Ready("training"), Ready("landscape"), started(), frame(parameters=True))
    return after(asked(state), laid(state.plane), a_map(state.plane), frame(on=path(state.plane), parameters=True))


def asked(state: AppState) -> AppState:
    """The state with a request for its map on the way."""
    assert state.parameters is not None
    view = state.scene.view.plane
    key = MapKey(state.generation, state.plane, state.parameters[0], *state.ranges, view.resolution, view.mode)
    return reduce(AskedForMap(key, state.map_number + 1), state)


def leaves(spec: type[Spec], at: str = "") -> list[str]:
    """The dotted paths of all plain fields of a spec."""
    found: list[str] = []
    for name, field in spec.model_fields.items():
        kind = field.annotation
        inner = isinstance(kind, type) and issubclass(kind, Spec)
        found += leaves(kind, f"{at}{name}.") if inner else [f"{at}{name}"]
    return found


def changed(before: AppState, now: AppState) -> set[str]:
    """Names of the fields that are another object now."""
    return {f.name for f in fields(AppState) if getattr(before, f.name) is not getattr(now, f.name)}


# --- edits -----------------------------------------------------------------------------------------------------------


def test_every_field_of_a_run_is_tried_below() -> None:
    """A field added to a run has to say whether it is live, and be tried as such."""
    assert {p for p in leaves(Scene) if p.startswith("run.")} == set(LIVE) | set(RESTARTING)


@pytest.mark.parametrize(("where", "value"), (LIVE | VIEWED).items())
def test_a_live_edit_is_taken_up_at_once(where: str, value: Any) -> None:
    """The scene has it, undo can take it back, and training goes on: same generation, no draft."""
    before = running()
    now = reduce(Edit(where, value), before)
    assert not needs_restart(where)
    assert now.scene.value(where) == value
    assert now.draft is None
    assert now.generation == before.generation
    assert now.past[-1].scene == before.scene
    assert now.modified


@pytest.mark.parametrize(("where", "value"), RESTARTING.items())
def test_an_edit_that_restarts_waits_in_the_draft(where: str, value: Any) -> None:
    """The scene on screen is untouched until the draft is applied, which starts a new generation at step 0."""
    before = running()
    if where == "run.data.folder":
        before = running(tiny_scene(run__data__name="mnist"))
    waiting = reduce(Edit(where, value), before)
    assert needs_restart(where)
    assert changed(before, waiting) <= {"draft"}
    assert waiting.draft is not None
    assert waiting.draft.value(where) == value
    now = reduce(ApplyDraft(), waiting)
    assert now.scene == waiting.draft
    assert now.draft is None
    assert now.generation == before.generation + 1
    assert (now.parameters, now.laid, now.busy, now.arriving) == (None, None, False, None)
    assert now.past[-1].scene == before.scene


def test_a_draft_edited_back_is_no_draft() -> None:
    """Typing the old value again leaves nothing to apply."""
    before = running()
    assert after(before, Edit("run.seed", 4), Edit("run.seed", 0)).draft is None


def test_a_live_edit_beside_a_draft_changes_both() -> None:
    """Applying the draft later must not take the learning rate back."""
    now = after(running(), Edit("run.seed", 4), Edit("run.optimiser.learning_rate", 0.125))
    assert now.draft is not None
    assert (now.scene.run.seed, now.draft.run.seed) == (0, 4)
    assert now.scene.run.optimiser.learning_rate == now.draft.run.optimiser.learning_rate == 0.125
    assert reduce(ApplyDraft(), now).scene.run.optimiser.learning_rate == 0.125


def test_discarding_forgets_the_draft_alone() -> None:
    """Scene, generation and history are as before the draft."""
    before = running()
    now = after(before, Edit("run.seed", 4), DiscardDraft())
    assert changed(before, now) <= {"draft", "field_error"}
    assert now.draft is None
    assert after(before, DiscardDraft(), ApplyDraft()).generation == before.generation


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("run.optimiser.learning_rate", -1.0),
        ("run.optimiser.batch_size", 101),
        ("run.optimiser.batch_size", "many"),
        ("run.network.hidden", (0,)),
        ("view.plane.x.layers", (3,)),
        ("view.plane.x.low", 4.0),
        ("view.example", 100),
        ("pace.speed", float("nan")),
        ("title", 3),
    ],
)
def test_what_a_spec_refuses_leaves_the_scene(where: str, value: Any) -> None:
    """The error names the field and nothing else changes; the next accepted edit clears it."""
    before = running()
    now = reduce(Edit(where, value), before)
    assert changed(before, now) == {"field_error"}
    assert now.field_error is not None
    assert now.field_error[0] == where
    assert where.rpartition(".")[2] in now.field_error[1] or "low" in now.field_error[1]
    assert reduce(Edit("view.log_steps", True), now).field_error is None


def test_the_value_that_is_there_is_no_edit() -> None:
    """It clears an error, but is nothing that undo could take back."""
    before = reduce(Edit("run.seed", -1), running())
    now = reduce(Edit("view.log_loss", False), before)
    assert changed(before, now) == {"field_error"}
    assert now.field_error is None


def test_true_is_not_one() -> None:
    """A value of another type that compares equal is an edit, which the strict spec refuses."""
    now = reduce(Edit("view.example", True), after(running(), Edit("view.example", 1)))
    assert now.field_error is not None
    assert now.field_error[0] == "view.example"


# --- undo and redo ---------------------------------------------------------------------------------------------------

EDITS = st.sampled_from([*LIVE.items(), *VIEWED.items(), ("view.plane.x.high", 6.0), ("view.plane.mode", "fixed")])


@given(st.lists(st.one_of(EDITS.map(lambda e: Edit(*e)), st.just(NewSeed(5)), st.just(OpenScene(Scene(), "b")))))
def test_undo_and_redo_are_inverse(messages: list[object]) -> None:
    """Undoing everything gives the first scene with its name and file, redoing everything the last."""
    first = running()
    states = [first]
    for message in messages:
        now = reduce(message, states[-1])
        if len(now.past) > len(states[-1].past):
            states.append(now)
    last = after(first, *messages)
    for expected in states[-2::-1]:
        last = reduce(Undo(), last)
        assert (last.scene, last.name, last.saved) == (expected.scene, expected.name, expected.saved)
    assert not last.past
    for expected in states[1:]:
        last = reduce(Redo(), last)
        assert (last.scene, last.name, last.saved) == (expected.scene, expected.name, expected.saved)
    assert not last.future


def test_undo_of_a_live_edit_does_not_restart() -> None:
    """The learning rate goes back, the run goes on."""
    before = running()
    now = after(before, Edit("run.optimiser.learning_rate", 0.25), Undo())
    assert now.scene == before.scene
    assert now.generation == before.generation


@pytest.mark.parametrize("message", [NewSeed(5), OpenScene(Scene(), "other")])
def test_undo_of_what_restarted_restarts(message: object) -> None:
    """Another run needs a new generation, in both directions."""
    there = reduce(message, running())
    back = reduce(Undo(), there)
    assert back.generation > there.generation
    assert reduce(Redo(), back).generation > back.generation


def test_undo_across_a_scene_brings_its_name_and_file_back() -> None:
    """Saving after undo writes to the file that the scene came from, and the mark for changes is right."""
    edited = reduce(Edit("view.log_loss", True), running())
    other = reduce(OpenScene(Scene(title="Other"), "other.toml"), edited)
    assert (other.name, other.modified) == ("other.toml", False)
    back = reduce(Undo(), other)
    assert (back.scene, back.name, back.modified) == (edited.scene, "tiny.toml", True)
    again = reduce(Redo(), back)
    assert (again.name, again.modified) == ("other.toml", False)


def test_an_edit_forgets_what_could_be_redone() -> None:
    """There is one line of history."""
    now = after(running(), Edit("view.log_loss", True), Undo(), Edit("view.log_steps", True))
    assert now.future == ()
    assert reduce(Redo(), now) is now


def test_undo_with_a_draft_forgets_the_draft_first() -> None:
    """The draft is the last thing that was done; what was wrong in it goes with it."""
    before = after(running(), Edit("view.log_loss", True))
    now = after(before, Edit("run.seed", 3), Edit("run.network.hidden", (0,)), Undo())
    assert now.draft is None
    assert now.scene == before.scene
    assert now.past == before.past
    assert now.field_error is None


def test_history_is_bounded() -> None:
    """A slider that is dragged for an hour does not fill the memory."""
    state = running()
    for k in range(300):
        state = reduce(Edit("view.example", k % 2), state)
    assert len(state.past) == 100


def test_undo_with_no_past_changes_nothing() -> None:
    """Nor does redo without a future."""
    state = running()
    assert reduce(Undo(), state) is state
    assert reduce(Redo(), state) is state


# --- playing ---------------------------------------------------------------------------------------------------------


def test_playing_stepping_and_resetting() -> None:
    """A step pauses; a reset pauses and keeps the scene; play and pause keep everything else."""
    before = running()
    played = reduce(SetPlaying(True), before)
    assert played.playing
    assert played.scene is before.scene
    stepped = reduce(StepOn(), played)
    assert (stepped.playing, stepped.advances) == (False, before.advances + 1)
    reset = reduce(Reset(), played)
    assert (reset.scene, reset.playing, reset.generation) == (before.scene, False, before.generation + 1)
    assert reset.past == before.past


@pytest.mark.parametrize("play", [True, False])
def test_an_opened_scene_plays_if_it_says_so(play: bool) -> None:
    """Both at start-up and when opened later."""
    scene = tiny_scene(pace__play=play)
    assert state_of(scene).playing is play
    assert reduce(OpenScene(scene, "x"), running()).playing is play


def test_a_new_seed_changes_the_seed_alone() -> None:
    """The rest of the scene is as it was; another run begins."""
    before = running()
    now = reduce(NewSeed(321), before)
    assert now.scene == before.scene.edited({"run.seed": 321})
    assert now.generation == before.generation + 1
    assert 1 <= NewSeed().seed < 100_000


def test_saving_clears_the_mark_for_changes() -> None:
    """And takes the new name."""
    now = after(running(), Edit("view.log_loss", True), SceneSaved("new.toml"))
    assert (now.name, now.modified) == ("new.toml", False)


# --- settings and sentences ------------------------------------------------------------------------------------------


def test_another_device_starts_again_other_settings_do_not() -> None:
    """The workers are new then: nobody is ready."""
    before = running()
    assert reduce(SetSettings(Settings(theme="dark")), before).generation == before.generation
    now = reduce(SetSettings(Settings(device="cuda")), before)
    assert now.generation == before.generation + 1
    assert now.ready == frozenset()
    assert now.scene is before.scene


def test_a_sentence_stays_until_it_is_read() -> None:
    """Or until training is started again."""
    told = reduce(Report("It is full."), running())
    assert told.sentence == "It is full."
    assert reduce(Dismiss(), told).sentence == ""
    assert reduce(Reset(), told).sentence == ""
    assert after(told, frame(step=1)).sentence == "It is full."


# --- events ----------------------------------------------------------------------------------------------------------


def events(generation: int) -> list[Any]:
    """One event of each kind that belongs to a run."""
    return [
        started(generation),
        frame(generation, 1, parameters=True),
        laid(0, generation),
        a_map(0, 1, generation),
        MapProgress(generation, 1, 300, 1681, 2.0),
        Stopped(generation, "It stopped."),
        DataMissing(generation, "mnist", "It is missing."),
        Failed(generation, "It failed."),
        Failed(generation, "No landscape.", "landscape"),
        slices_drawn(generation),
        Progress(generation, "Downloading", 1, 2, "bytes"),
        Downloaded(generation, "mnist"),
        Dissected(generation, 0, 0, 0, OptimiserSpec(), 0.5, (0, 0), (0, 0), (0, 0), (0, 0), {}, 0.0, (1, 1), (1, 1)),
        Judged(generation, 0, 0, 1.0, 0.1, 2.0, -1.0, 0.1, 0.1, True, 10, 100),
    ]


BY_FILE = (Opened, NotOpened, Saved)
"""Events about a file; they are tried beside the run files, in test_run_files_in_the_state.py."""


def test_every_event_of_a_run_is_tried_below() -> None:
    """An event added to the messages has to be tried for its generation."""
    assert {type(e) for e in events(1)} == {*get_args(SessionEvent), *get_args(LandscapeEvent)} - {*BY_FILE}


@pytest.mark.parametrize("number", range(14))
def test_an_event_of_another_generation_changes_nothing(number: int) -> None:
    """Older or newer; of the run's own generation it does."""
    state = running()
    for other in (state.generation - 1, state.generation + 1):
        assert reduce(events(other)[number], state) is state
    assert reduce(events(state.generation)[number], state) is not state


def test_an_unknown_message_is_an_error() -> None:
    """Not silently ignored."""
    with pytest.raises(TypeError, match="object"):
        reduce(object(), running())


def test_started_clears_the_pictures_of_the_run_before() -> None:
    """Until then they stay on screen."""
    before = running()
    reset = reduce(Reset(), before)
    assert (reset.map, reset.frame, reset.path) == (before.map, before.frame, before.path)
    now = reduce(started(reset.generation), reset)
    assert (now.map, now.frame, now.path) == (None, None, None)


def test_a_run_that_stops_says_why_and_pauses() -> None:
    """So do one that fails and one without data; the scene stays."""
    before = reduce(SetPlaying(True), running())
    stopped = reduce(Stopped(1, "The loss became inf."), before)
    assert (stopped.playing, stopped.sentence) == (False, "The loss became inf.")
    failed = reduce(Failed(1, "No memory."), before)
    assert (failed.playing, failed.sentence) == (False, "No memory.")
    missing = reduce(DataMissing(1, "mnist", "Not here."), before)
    assert not missing.playing
    assert missing.missing is not None
    assert missing.missing.name == "mnist"
    assert stopped.scene is failed.scene is missing.scene is before.scene


def test_a_landscape_that_fails_is_no_failure_of_training() -> None:
    """Its sentence stands where the landscape would be, until a map comes."""
    before = asked(reduce(SetPlaying(True), running()))
    now = reduce(Failed(1, "The axes are parallel.", "landscape"), before)
    assert (now.playing, now.sentence, now.map_error, now.busy) == (True, "", "The axes are parallel.", False)
    assert reduce(a_map(now.plane, now.map_number), now).map_error == ""


@pytest.mark.parametrize(("worker", "plays"), [("training", False), ("landscape", True)])
def test_a_dead_worker_is_no_longer_ready(worker: str, plays: bool) -> None:
    """Training stops with its own worker only; the scene and the pictures stay; nothing is waited for."""
    before = asked(reduce(SetPlaying(True), running()))
    now = reduce(Died(worker, "Gone."), before)
    assert now.ready == before.ready - {worker}
    assert now.playing is plays
    assert (now.dead is not None) == (worker == "training")
    assert not now.busy
    assert worker == "training" or now.asked is None  # what was asked of the one that is gone is asked again
    assert (now.scene, now.map, now.frame) == (before.scene, before.map, before.frame)
    assert reduce(Ready(worker), now).dead is None


@pytest.mark.parametrize("play", [False, True])
def test_data_that_has_been_downloaded_starts_the_run(play: bool) -> None:
    """As the scene says, played or not; nobody has to find out which button does it."""
    before = reduce(DataMissing(1, "mnist", "Not here."), state_of(tiny_scene(pace__play=play)))
    loading = reduce(Progress(1, "Downloading", 5, 10, "bytes"), before)
    assert loading.progress is not None
    now = reduce(Downloaded(1, "mnist"), loading)
    assert (now.progress, now.missing, now.playing) == (None, None, play)
    assert now.generation == before.generation + 1


def test_a_download_that_fails_says_so_and_still_offers_the_ways_out() -> None:
    """Cancelled or cut off."""
    before = reduce(DataMissing(1, "mnist", "Not here."), state_of())
    now = after(before, Progress(1, "Downloading", 5, 10, "bytes"), Failed(1, "No network."))
    assert now.progress is None
    assert now.sentence == "No network."
    assert now.missing is not None
    assert now.generation == before.generation


def test_progress_is_shown_until_the_job_says_that_it_is_over() -> None:
    """A job of several files reaches the total of each file and goes on."""
    state = running()
    for done, total in ((0, 0), (5, 10), (10, 10), (3, 0)):
        state = reduce(Progress(1, "Downloading a file", done, total, "bytes"), state)
        assert state.progress is not None
        assert state.progress.done == done


# --- the plane and its map -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "value", "anew"),
    [
        ("view.plane.x.layers", (2,), True),
        ("view.plane.y.kind", "random", True),
        ("view.plane.examples", 20, True),
        ("view.plane.x.high", 8.0, False),
        ("view.plane.resolution", 11, False),
        ("view.plane.colour", "log", False),
        ("view.plane.levels", 5, False),
        ("view.plane.mode", "fixed", False),
        ("view.log_loss", True, False),
    ],
)
def test_a_plane_is_laid_anew_when_its_directions_change(where: str, value: Any, anew: bool) -> None:
    """And stays where it is when only the picture of it does."""
    before = running()
    now = reduce(Edit(where, value), before)
    assert now.field_error is None
    assert (now.plane > before.plane) is anew
    assert (now.laid is None) is anew
    if anew:
        assert now.ranges == ranges_of(now.scene.view.plane)
        there = reduce(frame(step=4, parameters=True), now)
        assert there.laid is not None
        assert there.laid[0] == 4


@pytest.mark.parametrize("kind", ["random", "weight"])
def test_every_input_of_a_direction_lays_the_plane_anew(kind: str) -> None:
    """Seeds of random directions, ends of single weights."""
    scene = tiny_scene(**{"view__plane__x__kind": kind, "view__plane__y__kind": "random"})
    state = running(scene)
    inputs = {"random": {"seed": 9}, "weight": {"source": 400, "target": 3}}[kind]
    for name, value in inputs.items():
        now = reduce(Edit(f"view.plane.x.{name}", value), state)
        assert (now.plane, now.laid) == (state.plane + 1, None)


def test_laying_the_plane_here_waits_for_the_next_parameters() -> None:
    """The ones on hand may be old."""
    before = reduce(frame(step=9), running())
    now = reduce(LayPlane(), before)
    assert (now.plane, now.laid) == (before.plane + 1, None)
    assert after(now, frame(step=9)).laid is None
    there = after(now, frame(step=12, parameters=True))
    assert there.laid is not None
    assert there.laid[0] == 12
    assert there.plane == now.plane


def test_the_first_parameters_lay_the_plane_and_later_ones_do_not() -> None:
    """Except in the mode that aims anew, where every new point does."""
    state = running()
    assert state.laid is not None
    later = reduce(frame(step=3, parameters=True), state)
    assert (later.laid, later.plane) == (state.laid, state.plane)
    aiming = running(tiny_scene(view__plane__mode="re-aim"))
    again = reduce(frame(step=3, parameters=True), aiming)
    assert again.plane == aiming.plane + 1
    assert again.laid is not None
    assert again.laid[0] == 3
    assert reduce(frame(step=3, parameters=True), again).plane == again.plane


def test_leaving_the_mode_that_aims_anew_lays_the_plane_once_more() -> None:
    """The plane of some step in between is nobody's choice."""
    aiming = after(running(tiny_scene(view__plane__mode="re-aim")), frame(step=3, parameters=True))
    now = reduce(Edit("view.plane.mode", "follow"), aiming)
    assert (now.plane, now.laid) == (aiming.plane + 1, None)


def test_a_map_on_the_same_plane_is_shown_at_once() -> None:
    """Coarse ones too; busy ends with the complete one."""
    state = asked(running())
    coarse = a_map(state.plane, state.map_number, complete=False)
    now = reduce(coarse, state)
    assert now.map is coarse
    assert now.busy
    fine = a_map(state.plane, state.map_number)
    now = reduce(fine, now)
    assert now.map is fine
    assert not now.busy


def test_a_map_on_a_new_plane_waits_for_the_path_on_it() -> None:
    """Map and path change together: never a path of one plane on the map of another."""
    before = asked(after(running(), LayPlane(), frame(step=5, on=path(0), parameters=True)))
    new = a_map(before.plane, before.map_number)
    waiting = reduce(new, before)
    assert waiting.arriving is new
    assert waiting.map is before.map
    assert waiting.path is before.path
    still = reduce(frame(step=6, on=path(0, (0.0, 0.1))), waiting)
    assert still.map is before.map
    on_it = path(before.plane, (0.0, 0.2))
    now = reduce(frame(step=7, on=on_it), still)
    assert (now.map, now.arriving, now.path) == (new, None, on_it)


def test_a_path_that_is_there_first_brings_the_map_on_screen() -> None:
    """The other order of the same two."""
    before = asked(after(running(), LayPlane(), frame(step=5, on=path(0), parameters=True)))
    on_it = path(before.plane, (0.0, 0.2))
    early = reduce(frame(step=6, on=on_it), before)
    assert early.path is before.path
    new = a_map(before.plane, before.map_number)
    now = reduce(new, early)
    assert (now.map, now.arriving, now.path) == (new, None, on_it)


@given(st.lists(st.sampled_from(["lay", "frame", "parameters", "laid", "map", "edit", "reset"]), max_size=25))
def test_map_and_path_are_always_of_one_plane(words: list[str]) -> None:
    """Whatever comes in whatever order."""
    state, told = running(), 0
    for step, word in enumerate(words, start=1):
        if word == "lay":
            state = reduce(LayPlane(), state)
        elif word == "frame":
            state = reduce(frame(state.generation, step, path(told)), state)
        elif word == "parameters":
            state = reduce(frame(state.generation, step, path(told), parameters=True), state)
        elif word == "laid" and state.laid:
            state, told = reduce(laid(state.plane, state.generation), state), state.plane
        elif word == "map" and state.parameters and state.laid:
            state = asked(state)
            state = reduce(a_map(state.plane, state.map_number, state.generation), state)
        elif word == "edit":
            state = reduce(Edit("view.plane.x.seed", step), state)
        elif word == "reset":
            state = reduce(Reset(), state)
            state = reduce(started(state.generation), state)
        if state.map and state.path:
            assert state.map.plane == state.path.plane


def test_a_map_of_an_earlier_request_serves_until_a_newer_one_is_there() -> None:
    """A steady stream of changes still shows pictures; numbers decide, not the order of arrival."""
    state = asked(asked(running()))
    late = a_map(state.plane, state.map_number - 1)
    shown = reduce(late, state)
    assert shown.map is late
    assert shown.busy
    newest = reduce(a_map(state.plane, state.map_number), shown)
    assert not newest.busy
    assert reduce(late, newest) is newest


def test_maps_per_second_counts_the_last_two_seconds() -> None:
    """Older arrivals are forgotten."""
    state = running()
    for t in (1.0, 1.5, 2.0, 4.5):
        state = reduce(MapArrived(t), state)
    assert state.drawn == (4.5,)


# --- ranges ----------------------------------------------------------------------------------------------------------

ENDS = st.floats(-1e30, 1e30)
VALUES = st.lists(st.floats(width=64, allow_nan=True, allow_infinity=True).map(lambda v: v if abs(v) < 1e40 else v * 0),
                  max_size=20)  # fmt: skip


@given(ENDS, st.floats(1e-3, 1e30), VALUES)
def test_a_grown_range_holds_all_finite_values_and_never_shrinks(low: float, width: float, values: list[float]) -> None:
    """Whatever the values are; the ends stay finite."""
    high = low + width
    if not low < high:
        high = np.nextafter(low, np.inf)
    now = grown((low, high), np.array(values))
    finite = [v for v in values if np.isfinite(v)]
    assert now[0] <= low
    assert now[1] >= high
    assert np.isfinite(now).all()
    assert all(now[0] <= v <= now[1] for v in finite)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_range_comes_to_rest(values: list[float]) -> None:
    """The same path stops widening it after a few looks, so that a resting run has a resting map."""
    span = (-2.0, 4.0)
    for _ in range(3):
        span = grown(span, np.array(values))
    assert grown(span, np.array(values)) == span


def test_ranges_grow_with_the_path_on_their_own_plane() -> None:
    """Not with a path on another plane, not when switched off, not when the plane aims anew at every point."""
    state = running()
    far = (0.0, 50.0)
    now = reduce(frame(step=1, on=path(state.plane, far)), state)
    assert now.ranges[0][1] > 50
    assert now.ranges[0][0] <= state.ranges[0][0]
    assert reduce(frame(step=1, on=path(state.plane + 1, far)), state).ranges == state.ranges
    still = running(tiny_scene(view__plane__auto_range=False))
    assert reduce(frame(step=1, on=path(still.plane, far)), still).ranges == still.ranges
    aiming = running(tiny_scene(view__plane__mode="re-aim"))
    assert reduce(frame(step=1, on=path(aiming.plane, far)), aiming).ranges == aiming.ranges


@pytest.mark.parametrize(("where", "value"), [("view.plane.x.high", 5.0), ("view.plane.auto_range", False)])
def test_setting_a_range_drops_what_has_grown(where: str, value: Any) -> None:
    """The person's numbers count."""
    state = reduce(frame(step=1, on=path(0, (0.0, 50.0))), running())
    now = reduce(Edit(where, value), state)
    assert now.ranges == ranges_of(now.scene.view.plane) != state.ranges


def test_a_new_run_begins_with_the_ranges_of_its_scene() -> None:
    """What has grown belonged to the old path."""
    state = reduce(frame(step=1, on=path(0, (0.0, 50.0))), running())
    assert reduce(Reset(), state).ranges == ranges_of(state.scene.view.plane)


# --- zoom ------------------------------------------------------------------------------------------------------------


PART = ((0.5, 1.5), (-0.25, 0.25))


def test_zooming_in_and_out_again() -> None:
    """The whole plane's ranges are kept meanwhile."""
    now = running()
    there = reduce(Zoom(*PART), now)
    assert there.shown_ranges == PART
    assert there.ranges == now.ranges
    assert changed(now, there) == {"zoom"}
    assert reduce(WholePlane(), there).shown_ranges == now.ranges
    further = ((1.0, 1.1), (0.0, 0.1))
    assert after(there, Zoom(*further)).shown_ranges == further


def test_ranges_that_hold_the_whole_plane_are_no_zoom() -> None:
    """Turning the wheel back ends where it began."""
    now = running()
    (x0, x1), (y0, y1) = now.ranges
    there = reduce(Zoom(*PART), now)
    assert after(there, Zoom((x0 - 1, x1), (y0, y1 + 2))).zoom is None
    assert after(there, Zoom((x0 - 1, x1), (y0, y1 - 0.1))).zoom is not None


@pytest.mark.parametrize(
    "wanted",
    [
        ((0.0, 1e-9), (0.0, 1.0)),
        ((0.0, 1.0), (0.3, 0.3)),
        ((1.0, 0.0), (0.0, 1.0)),
        ((0.0, float("inf")), (0.0, 1.0)),
        ((0.0, float("nan")), (0.0, 1.0)),
        ((1e6, 1e6 + 1e-7), (0.0, 1.0)),
    ],
)
def test_what_cannot_be_zoomed_into_is_refused_with_a_sentence(wanted: Any) -> None:
    """And what is looked at stays."""
    there = reduce(Zoom(*PART), running())
    now = reduce(Zoom(*wanted), there)
    assert now.zoom == PART
    assert now.sentence.startswith("Not zoomed")
    assert reduce(Zoom(*PART), now).sentence == ""


@given(st.floats(-2, 4), st.floats(2e-3, 6), st.floats(-2, 4), st.floats(2e-3, 6))
def test_any_part_of_the_plane_that_is_not_too_narrow_can_be_zoomed_into(
    x: float, width: float, y: float, height: float
) -> None:
    """Exactly it, unless it holds the whole."""
    whole = ((-2.0, 4.0), (-2.0, 4.0))
    wanted = ((x, x + width), (y, y + height))
    assert zoomed(wanted, whole) in (wanted, None)


def test_while_zoomed_in_nothing_grows_on_screen_but_the_whole_plane_does() -> None:
    """So that it is right when it is shown again."""
    there = reduce(Zoom(*PART), running())
    far = reduce(frame(step=3, on=path(there.plane, (0.0, 9.0))), there)
    assert far.shown_ranges == PART
    assert reduce(WholePlane(), far).shown_ranges[0][1] > 9


@pytest.mark.parametrize(
    "message",
    [
        Reset(),
        NewSeed(7),
        LayPlane(),
        Edit("view.plane.x.kind", "random"),
        Edit("view.plane.y.seed", 5),
        Edit("view.plane.mode", "fixed"),
        Edit("view.plane.x.high", 3.0),
        OpenScene(tiny_scene(), "other"),
    ],
    ids=lambda m: type(m).__name__ + getattr(m, "path", ""),
)
def test_another_plane_or_other_ranges_end_the_zoom(message: object) -> None:
    """The coordinates mean something else then."""
    scene = tiny_scene(view__plane__y__kind="random")
    there = reduce(Zoom(*PART), running(scene))
    assert there.zoom == PART
    assert reduce(message, there).zoom is None


@pytest.mark.parametrize("message", [Edit("view.plane.colour", "log"), Edit("view.plane.arrows", True), StepOn()])
def test_what_leaves_the_plane_as_it_is_leaves_the_zoom(message: object) -> None:
    """One can play while zoomed in."""
    assert reduce(message, reduce(Zoom(*PART), running())).zoom == PART


def test_reduce_never_changes_the_state_it_is_given() -> None:
    """Undo depends on it: all values are as before, whatever is reduced from it."""
    state = asked(running())
    kept = replace(state)
    for message in (*events(1), Edit("view.log_loss", True), Reset(), LayPlane(), Died("training", "Gone.")):
        reduce(message, state)
    assert changed(kept, state) == set()
