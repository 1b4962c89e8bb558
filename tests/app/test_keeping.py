"""When the run is written by itself, and once more at the end: between engines that only write down what they hear."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.app.intents import Edit, OpenRun, OpenScene, Reset
from thalweg.app.keeping import Keeping, answered, asked, due
from thalweg.app.wishes import keep_key, keep_request
from thalweg.core.messages import DataMissing, Died, LineNow, NotOpened, Opened, Ready, Save, Saved

from .rig import Rig, frame, line, started, tiny_scene

KEPT = "/kept/session.h5"


def keeper(every: int = 10) -> Rig:
    """A run at step 0 that is kept at most so often, and was written just now."""
    rig = Rig(autosave=every)
    rig.controller.state = replace(rig.state, keeping=Keeping(path=KEPT))
    rig.stand_at_zero()
    if every:
        assert len(saves(rig)) == 1, "the first time at once"
        rig.hear(Saved(1, KEPT, True, 0))
    rig.session.told()
    return rig


def saves(rig: Rig) -> list[Save]:
    """The saves asked for since the last time, by themselves."""
    return [c for c in rig.session.told(Save) if c.kept]


def trained(rig: Rig, step: int, seconds: float = 11.0) -> list[Save]:
    """The saves asked for when the run has come to a step, and some time has passed."""
    rig.clock.time += seconds
    rig.hear(frame(rig.state.generation, step))
    rig.controller.tick()
    return saves(rig)


def written(rig: Rig, sentence: str = "") -> None:
    """What was asked for is there, or is not."""
    assert rig.state.frame is not None
    rig.hear(Saved(rig.state.generation, KEPT, True, rig.state.frame.step, sentence))


# --- when ------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from(["train", "wait", "answer", "fail"]), st.floats(0.01, 15)), max_size=30),
    st.integers(1, 12),
)
def test_a_run_that_changes_is_written_as_often_as_was_said(words: list[tuple[str, float]], every: int) -> None:
    """Never sooner, never two at a time, never the same again; and always once it is due."""
    keeping, now, head, done, last = Keeping(path=KEPT, at=0.0), 100.0, 0, -1, 0.0
    for word, seconds in words:
        now += seconds
        if word == "train":
            head += 1
        elif word in ("answer", "fail") and keeping.busy:
            keeping = answered(keeping, Saved(1, KEPT, True, head, "It is full." if word == "fail" else ""))
        wanted = not keeping.busy and head != done and now - last >= every
        assert due(keeping, head, now, every) == wanted
        if wanted:
            keeping, last, done = asked(keeping, head, now), now, head


@pytest.mark.parametrize(("path", "every"), [("", 10), (KEPT, 0)])
def test_nowhere_to_write_or_never_asked_to(path: str, every: int) -> None:
    """A folder that cannot be written in, or the setting at 0."""
    assert not due(Keeping(path=path), "key", 1e9, every)


def test_the_run_is_written_to_the_file_of_this_session() -> None:
    """The scene with it, and as it is now; what was asked for and is not answered yet is not asked for again."""
    rig = keeper()
    rig.controller.dispatch(Edit("view.log_loss", True))
    (found,) = trained(rig, 5)
    assert found == Save(1, KEPT, rig.state.scene, kept=True)
    assert trained(rig, 50) == []
    written(rig)
    assert rig.state.keeping.done is not None
    assert len(trained(rig, 60)) == 1


def test_a_run_at_rest_is_written_once() -> None:
    """Nothing changes, so nothing is written, however long it stands."""
    rig = keeper()
    assert len(trained(rig, 5)) == 1
    written(rig)
    assert [trained(rig, 5) for _ in range(5)] == [[]] * 5


def test_changes_that_are_closer_than_the_interval_wait_for_it() -> None:
    """It counts from when the last was asked for."""
    rig = keeper(every=10)
    assert len(trained(rig, 5)) == 1
    written(rig)
    found = [bool(trained(rig, 5 + k, seconds=1.0)) for k in range(1, 12)]
    assert found.index(True) == 9
    assert sum(found) == 1


def test_what_could_not_be_written_is_tried_again_when_something_has_changed() -> None:
    """Not in a row: a full disk is not asked sixty times a second."""
    rig = keeper()
    assert len(trained(rig, 5)) == 1
    written(rig, "It is full.")
    assert trained(rig, 5, seconds=1.0) == []
    assert len(trained(rig, 9)) == 1


TWICE = ((0, tiny_scene().run.optimiser), (8, tiny_scene().run.optimiser))


@pytest.mark.parametrize(
    "lines", [(line(0, 9),), (line(0, 8, changes=TWICE),), (line(0, 8), line(1, 8, start=8, parent=0))]
)
def test_all_that_the_file_depends_on_is_a_change(lines: tuple[LineNow, ...]) -> None:
    """Another step, a change of the optimiser, a branch; a look back is none."""
    rig = keeper()
    rig.hear(frame(1, 8))
    before = keep_key(rig.state)
    rig.hear(replace(frame(1, 2, head=8), following=False))
    assert keep_key(rig.state) == before
    rig.hear(frame(1, 8, lines=lines))
    assert keep_key(rig.state) != before


def test_another_line_in_front_is_a_change() -> None:
    """The file opens as it was left."""
    rig = keeper()
    keys = set()
    for focus in (0, 1):
        rig.hear(frame(1, 8, lines=(line(0, 8), line(1, 8, parent=0)), focus=focus))
        keys.add(keep_key(rig.state))
    assert len(keys) == 2


def test_without_a_run_there_is_nothing_to_write() -> None:
    """Before the first frame, without data, and while a worker has come back empty-handed."""
    rig = Rig(autosave=1)
    rig.controller.state = replace(rig.state, keeping=Keeping(path=KEPT))
    assert keep_request(rig.state, 1e9) is None
    rig = keeper()
    rig.hear(frame(1, 5))
    assert keep_request(rig.state, 1e9) is not None
    rig.hear(DataMissing(1, "mnist", "Not here."))
    assert keep_request(rig.state, 1e9) is None
    rig = keeper()
    trained(rig, 5)
    written(rig)
    rig.hear(Died("training", "Gone."))
    rig.hear(Ready("training"))
    assert rig.state.bare
    assert keep_request(rig.state, 1e9) is None


# --- answers that never come -----------------------------------------------------------------------------------------


def test_a_save_that_died_with_its_worker_is_not_waited_for() -> None:
    """The run goes on from the file, and is written again."""
    rig = keeper()
    trained(rig, 5)
    written(rig)
    assert len(trained(rig, 9)) == 1
    rig.hear(Died("training", "Gone."))
    rig.hear(Ready("training"))
    rig.hear(Opened(rig.state.reserved, KEPT, rig.state.scene))
    rig.hear(started(rig.state.generation), frame(rig.state.generation, 5))
    saves(rig)
    assert len(trained(rig, 20)) == 1


def test_a_save_that_another_run_overtook_is_not_waited_for() -> None:
    """The worker drops what is of no run any more, so that no answer comes."""
    rig = keeper()
    assert len(trained(rig, 5)) == 1
    rig.controller.dispatch(Reset())
    g = rig.state.generation
    rig.hear(started(g), frame(g, 0))
    saves(rig)
    assert len(trained(rig, 20)) == 1


def test_a_save_that_a_file_overtook_is_not_waited_for() -> None:
    """The same where the run of a file has taken the place."""
    rig = keeper()
    rig.controller.dispatch(OpenRun("/a.h5"))
    trained(rig, 5)  # on its way to a worker that is reading the file
    g = rig.state.reserved
    rig.hear(Opened(g, "/a.h5", rig.state.scene))
    rig.hear(started(g), frame(g, 40))
    saves(rig)
    assert len(trained(rig, 60)) == 1


def test_a_file_that_is_not_opened_does_not_stop_the_keeping() -> None:
    """The run is the same as before."""
    rig = keeper()
    rig.controller.dispatch(OpenRun("/a.h5"))
    rig.hear(NotOpened(rig.state.reserved, "/a.h5", "No."))
    saves(rig)
    assert len(trained(rig, 5)) == 1


# --- once more at the end --------------------------------------------------------------------------------------------


class Answering:
    """Lets a rig's training engine answer each save after so many looks, with this sentence."""

    def __init__(self, rig: Rig, looks: int = 1, sentence: str = "") -> None:
        self.rig, self.looks, self.sentence, self.left = rig, looks, sentence, 0
        self.poll = rig.session.poll
        rig.session.poll = self

    def __call__(self) -> list[object]:
        """What it says at this look."""
        self.left += 1
        if self.left < self.looks or not any(isinstance(c, Save) for c in self.rig.session.sent):
            return self.poll()
        return [*self.poll(), Saved(1, KEPT, True, 9, self.sentence)]


def test_the_end_waits_for_the_run_to_be_written() -> None:
    """As it is now, whenever it was written last."""
    rig = keeper()
    rig.hear(frame(1, 9))
    Answering(rig, looks=3)
    assert rig.controller.keep_now(60.0)
    assert [c.kept for c in rig.session.told(Save)] == [True]
    assert rig.state.keeping.done is not None
    assert rig.state.keeping.done.step == 9
    assert rig.controller.keep_now(60.0)
    assert rig.session.told(Save) == [], "it is there already"


def test_the_end_waits_for_a_save_that_is_on_its_way() -> None:
    """It is not asked for twice."""
    rig = keeper()
    rig.clock.time += 11
    rig.hear(frame(1, 9))
    Answering(rig)
    assert rig.state.keeping.busy
    assert rig.controller.keep_now(60.0)
    assert len(rig.session.told(Save)) == 1


def test_the_end_waits_for_the_newest_save_not_for_one_before_it() -> None:
    """An older one is on its way when the person closes: its answer says nothing of the run as it is now."""
    rig = keeper()
    assert len(trained(rig, 5)) == 1
    rig.hear(frame(1, 9))
    answers = iter([[], [Saved(1, KEPT, True, 5)], [], [Saved(1, KEPT, True, 9)]])
    rig.session.poll = lambda: next(answers, [])
    assert rig.controller.keep_now(60.0)
    assert rig.state.keeping.done is not None
    assert rig.state.keeping.done.step == 9


def test_the_end_waits_for_what_the_person_has_asked_for() -> None:
    """Longer than for the program's own file, which may be there already; not for a worker that has ended."""
    rig = keeper()
    answers = iter([[], [], [Saved(1, "mine.h5", False, 9)]])
    rig.session.poll = lambda: next(answers, [])
    rig.controller.tell_session(Save(1, "mine.h5", rig.state.scene))
    rig.controller.keep_now(0.0)
    assert rig.state.written == Saved(1, "mine.h5", False, 9)
    rig.controller.tell_session(Save(1, "mine.h5", rig.state.scene))
    answers = iter([[], [Died("training", "It has ended.")]])
    rig.controller.keep_now(0.0)
    assert rig.state.dead is not None


def test_the_end_does_not_wait_for_ever() -> None:
    """A worker that says nothing any more, or says that it cannot: then the file is not of now."""
    rig = keeper()
    rig.hear(frame(1, 9))
    assert not rig.controller.keep_now(0.02)
    rig = keeper()
    rig.hear(frame(1, 9))
    Answering(rig, sentence="It is full.")
    assert not rig.controller.keep_now(60.0)


def test_at_the_end_nothing_is_written_that_was_never_to_be() -> None:
    """The setting at 0, no folder, no run, no worker."""
    rigs = [keeper(every=0), Rig(autosave=10), keeper(), keeper()]
    rigs[1].stand_at_zero()
    rigs[2].hear(Died("training", "Gone."))
    rigs[3].controller.dispatch(OpenScene(tiny_scene(run__seed=3), "other"))
    for rig in rigs:
        rig.session.told()
        assert not rig.controller.keep_now(5.0)
        assert rig.session.told(Save) == []
