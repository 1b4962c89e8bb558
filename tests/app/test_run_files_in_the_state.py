"""Run files as the state knows them: opened or not, kept by themselves, and what is left when a worker has died."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thalweg.app import notices
from thalweg.app.binding import Binding
from thalweg.app.intents import Dismiss, Edit, Keep, LeftBehind, OpenRun, OpenScene, Reset, SetPlaying, Undo
from thalweg.app.keeping import Keeping
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.wishes import session_commands
from thalweg.core.messages import Died, NotOpened, Open, Opened, Play, Ready, Saved, Start

from .rig import frame, started, state_of, tiny_scene
from .test_state import after, changed, running, told

MEMORY = state_of().settings.memory_bytes
KEPT = "/kept/session.h5"
SCENE = tiny_scene(title="Of the file", run__seed=5)


def opening(state: AppState | None = None, path: str = "/a.h5") -> AppState:
    """A run that goes on while a file is being opened."""
    return reduce(OpenRun(path), state or running())


def kept(step: int = 30, generation: int = 1) -> AppState:
    """A run that plays and was written to this session's file at a step."""
    state = reduce(SetPlaying(True), replace(running(), keeping=Keeping(path=KEPT)))
    state = reduce(frame(1, step), state)
    return after(state, Keep("key", 100.0), Saved(generation, KEPT, True, step))


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_file_is_asked_for_and_everything_stays_until_it_is_there() -> None:
    """Under a generation of its own; the run on screen plays on."""
    before = reduce(SetPlaying(True), running())
    now = opening(before)
    assert changed(before, now) <= {"opening", "reserved", "sentence", "keeping", "foreign"}
    assert now.reserved > before.generation
    assert session_commands(before, now) == [Open(now.reserved, "/a.h5", MEMORY)]


def test_a_file_that_was_opened_is_the_scene_on_screen() -> None:
    """At rest, without another start; a frame brings its line to the front; undo leads to the scene before."""
    before = opening(reduce(SetPlaying(True), running()))
    now = reduce(Opened(before.reserved, "/a.h5", SCENE), before)
    assert (now.scene, now.generation, now.opening, now.playing) == (SCENE, before.reserved, "", False)
    assert (now.name, now.modified, now.draft) == ("", False, None)
    assert session_commands(before, now) == [Play(now.generation, False, SCENE.pace)]
    there = after(now, started(now.generation), frame(now.generation, 77))
    assert there.current is not None
    assert there.current.step == 77
    back = reduce(Undo(), there)
    assert (back.scene, back.name) == (before.scene, before.name)
    assert [type(c) for c in session_commands(there, back)] == [Start, Play]


def test_a_file_that_cannot_be_opened_changes_nothing() -> None:
    """One sentence; the run on screen plays on."""
    before = reduce(SetPlaying(True), running())
    now = after(before, OpenRun("/a.h5"), NotOpened(2, "/a.h5", "It is cut short."))
    assert now.sentence == "It is cut short."
    assert changed(before, now) <= {"sentence", "reserved", "keeping"}
    assert told(before, OpenRun("/a.h5"), NotOpened(2, "/a.h5", "It is cut short."))[1:] == []


@pytest.mark.parametrize("foreign", [False, True])
def test_where_there_was_no_run_yet_the_scene_begins_instead(foreign: bool) -> None:
    """``thalweg a.h5``: a file that is no run must not leave a window without one."""
    first = opening(state_of())
    ready = reduce(Ready("training"), first)
    assert session_commands(first, ready) == [Open(2, "/a.h5", MEMORY)]
    now = reduce(NotOpened(2, "/a.h5", "It is none.", foreign), ready)
    (start, play) = session_commands(ready, now)
    assert isinstance(start, Start)
    assert isinstance(play, Play)
    assert start.generation == now.generation
    assert foreign or now.sentence == "It is none."


def test_another_hdf5_file_is_handed_on() -> None:
    """To the window of surfaces; each time that it is opened."""
    before = running()
    now = after(before, OpenRun("/s.h5"), NotOpened(2, "/s.h5", "It is none.", True))
    assert (now.foreign, now.sentence, now.scene, now.generation) == ("/s.h5", "", before.scene, before.generation)
    shown: list[str] = []
    binding = Binding(lambda s: (s.foreign,), shown.append)
    state = now
    for message in (OpenRun("/s.h5"), NotOpened(3, "/s.h5", "It is none.", True)):
        binding.show(state, 0.0)
        state = reduce(message, state)
    binding.show(state, 0.0)
    assert shown.count("/s.h5") == 2


@pytest.mark.parametrize("message", [OpenScene(tiny_scene(title="Later"), "later"), Reset()])
def test_what_was_asked_for_later_is_not_replaced_by_a_file_that_comes_late(message: object) -> None:
    """The worker begins the newer run after it, so the older one's scene must not take its place."""
    asked = after(running(), OpenRun("/a.h5"), message)
    late = after(asked, Opened(2, "/a.h5", SCENE), started(2), frame(2, 9))
    assert (late.scene, late.generation) == (asked.scene, asked.generation)
    there = after(late, started(asked.generation), frame(asked.generation, 0))
    assert there.current is not None


def test_of_two_files_asked_for_the_second_is_shown() -> None:
    """Whatever comes of the first."""
    asked = after(running(), OpenRun("/a.h5"), OpenRun("/b.h5"))
    for first in (Opened(2, "/a.h5", SCENE), NotOpened(2, "/a.h5", "No.")):
        late = reduce(first, asked)
        assert late is asked
        now = reduce(Opened(3, "/b.h5", SCENE), late)
        assert (now.scene, now.generation) == (SCENE, 3)


# --- a training worker that has died ---------------------------------------------------------------------------------


def test_a_worker_that_is_back_goes_on_from_what_was_kept() -> None:
    """It is told the file, and nothing else until that is there; scene, name and undo stay."""
    before = reduce(Edit("view.log_loss", True), kept())
    dead = reduce(Died("training", "Gone."), before)
    assert "last kept at step 30" in notices.banner(dead)[0]
    ready = reduce(Ready("training"), dead)
    (open_,) = session_commands(dead, ready)
    assert open_ == Open(ready.reserved, KEPT, MEMORY)
    assert ready.reserved > before.generation
    assert told(ready, SetPlaying(True), Edit("run.optimiser.learning_rate", 0.25)) == []
    now = reduce(Opened(ready.reserved, KEPT, before.scene), ready)
    assert (now.name, now.saved, now.past, now.dead) == (before.name, before.saved, before.past, None)
    assert now.generation == ready.reserved
    assert session_commands(ready, now) == [Play(now.generation, False, now.scene.pace)]
    assert now.playing is False


def test_without_a_kept_run_it_begins_anew() -> None:
    """And says so before the person chooses."""
    dead = reduce(Died("training", "Gone."), running())
    assert notices.banner(dead)[1] == (("restart", "Start again"),)
    assert isinstance(told(dead, Ready("training"))[0], Start)


def test_a_run_kept_of_an_earlier_generation_is_not_this_run() -> None:
    """After a reset nothing of the new run is in the file yet."""
    state = after(kept(), Reset(), Died("training", "Gone."))
    assert "kept" not in notices.banner(state)[0]
    assert isinstance(told(state, Ready("training"))[0], Start)


def test_a_kept_run_that_cannot_be_opened_any_more_begins_anew_with_a_sentence() -> None:
    """There is nothing to stay with."""
    ready = after(kept(), Died("training", "Gone."), Ready("training"))
    now = reduce(NotOpened(ready.reserved, KEPT, "It is cut short."), ready)
    assert now.sentence == "It is cut short."
    start, _ = session_commands(ready, now)
    assert isinstance(start, Start)
    assert start.generation == now.generation


def test_a_worker_that_dies_again_before_the_next_save_loses_nothing_more() -> None:
    """The file still has the run."""
    state = after(kept(), Died("training", "Gone."), Ready("training"))
    g = state.reserved
    state = after(state, Opened(g, KEPT, state.scene), started(g), frame(g, 30))
    state = reduce(Died("training", "Gone again."), state)
    assert "last kept at step 30" in notices.banner(state)[0]
    (first, *_) = told(state, Ready("training"))
    assert isinstance(first, Open)
    assert first.path == KEPT


@pytest.mark.parametrize("have_kept", [False, True])
def test_a_file_that_kills_its_reader_is_not_read_again_and_again(have_kept: bool) -> None:
    """When the worker is back there is a run: the one that was kept, or the scene's from the start."""
    state = opening(kept() if have_kept else running(), "/poison.h5")
    dead = reduce(Died("training", "Gone."), state)
    (first, *rest) = told(dead, Ready("training"))
    if have_kept:
        assert isinstance(first, Open)
        assert first.path == KEPT
    else:
        assert isinstance(first, Start)
        assert [type(c) for c in rest] == [Play]
    assert reduce(Ready("training"), dead).opening != "/poison.h5"


# --- what was written ------------------------------------------------------------------------------------------------


def test_a_file_that_the_person_asked_for() -> None:
    """Written: a word in passing; not written: a sentence. What is kept by itself is another file."""
    before = running()
    done = reduce(Saved(1, "/mine.h5", False, 30), before)
    assert changed(before, done) == {"written"}
    assert done.written is not None
    assert done.written.path == "/mine.h5"
    failed = reduce(Saved(1, "/mine.h5", False, sentence="/mine.h5: cannot be written: it is full"), before)
    assert "it is full" in failed.sentence
    assert failed.keeping == before.keeping


def test_what_is_kept_by_itself_is_said_only_where_it_fails() -> None:
    """Once for each reason, however often it is tried; after a success it is news again."""
    state = replace(running(), keeping=Keeping(path=KEPT))
    full = Saved(1, KEPT, True, sentence="the disk is full")
    first = after(state, Keep("a", 1.0), full)
    assert "the disk is full" in first.sentence
    assert not first.keeping.busy
    read = reduce(Dismiss(), first)
    assert after(read, Keep("b", 2.0), full).sentence == ""
    other = after(read, Keep("b", 2.0), replace(full, sentence="it is read-only"))
    assert "read-only" in other.sentence
    well = after(read, Keep("c", 3.0), Saved(1, KEPT, True, 9))
    assert (well.sentence, well.keeping.done) == ("", Saved(1, KEPT, True, 9))
    assert "the disk is full" in after(well, Keep("d", 4.0), full).sentence


def test_a_failure_leaves_what_was_written_before() -> None:
    """It can still be gone on from."""
    state = after(kept(), Keep("b", 2.0), Saved(1, KEPT, True, sentence="the disk is full"))
    assert state.keeping.done is not None
    assert state.keeping.done.step == 30


# --- what a session has left -----------------------------------------------------------------------------------------


def test_a_run_that_was_left_is_offered_until_it_is_answered() -> None:
    """Opened, or closed; a sentence of now comes first, and the offer after it."""
    state = reduce(LeftBehind("/left.h5", "today at 12:00:00"), running())
    sentence, answers, _ = notices.banner(state)
    assert "today at 12:00:00" in sentence
    assert [name for name, _ in answers] == ["resume", "discard", "dismiss"]
    assert reduce(OpenRun("/left.h5"), state).keeping.left is None
    assert reduce(Dismiss(), state).keeping.left is None
    busy = replace(state, sentence="It is full.")
    assert notices.banner(busy)[0] == "It is full."


def test_closing_a_sentence_that_stood_before_an_offer_leaves_the_offer() -> None:
    """The person has read the one, and has not seen the other."""
    state = reduce(LeftBehind("/left.h5", "today at 12:00:00"), running())
    said = reduce(Dismiss(), replace(state, sentence="It is full."))
    assert said.sentence == ""
    assert said.keeping.left == ("/left.h5", "today at 12:00:00")
