"""Looking at earlier steps, and changing the optimiser there: the state, and what the training worker is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.app.intents import (
    Edit,
    ForgetLine,
    LookAt,
    PutAhead,
    Redo,
    Rescue,
    Reset,
    SetPlaying,
    ShowLine,
    StepBack,
    StepOn,
    Undo,
)
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.wishes import session_commands
from thalweg.core.messages import Advance, Focus, Forget, LineNow, Move, Play, Show, Stopped, Tune
from thalweg.core.scene import OptimiserSpec

from .rig import frame, line, tiny_scene
from .test_state import after, changed, running, told

RATE = "run.optimiser.learning_rate"


def optimiser(rate: float) -> OptimiserSpec:
    """The tiny scene's with another learning rate."""
    return tiny_scene().run.optimiser.model_copy(update={"learning_rate": rate})


def seen(state: AppState, step: int, head: int, *changes: tuple[int, float], focus: int = 0) -> AppState:
    """The state when ``step`` of a line is looked at, on which the learning rate was changed there and then."""
    made = tuple((at, optimiser(rate)) for at, rate in changes) or ((0, optimiser(0.5)),)
    now = line(focus, step, head=head, changes=made)
    at = (focus, made[-1][0])
    moment = frame(state.generation, step, lines=(now,), focus=focus, tuned=state.tunes, tuned_at=at)
    return reduce(replace(moment, following=step == head, apart=step != head), state)


# --- the look --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [1, 10])
def test_stepping_back_pauses_a_player_whose_newest_step_is_looked_at(by: int) -> None:
    """The pause is told before the way back, so that training does not run ahead of it."""
    before = seen(reduce(SetPlaying(True), running()), 40, 40)
    now = reduce(StepBack(by), before)
    assert not now.playing
    assert session_commands(before, now) == [Play(1, False, now.scene.pace), Move(1, -by)]


@pytest.mark.parametrize("message", [StepBack(), StepOn()])
def test_only_the_look_moves_while_training_goes_on_behind_it(message: StepBack | StepOn) -> None:
    """An earlier step is looked at: the player plays on, in both directions."""
    before = seen(reduce(SetPlaying(True), running()), 20, 40)
    now = reduce(message, before)
    assert changed(before, now) == {"orders", "order"}
    by = message.by if isinstance(message, StepOn) else -message.by
    assert session_commands(before, now) == [Move(1, by)]


def test_at_rest_a_step_on_trains_or_repeats_and_a_step_back_only_looks() -> None:
    """Whether the step on is recorded is the worker's to know."""
    before = seen(running(), 20, 40)
    assert told(before, StepOn()) == [Advance(1, 1)]
    assert told(before, StepOn(10)) == [Advance(1, 10)]
    assert told(before, StepBack(10)) == [Move(1, -10)]
    assert told(before, StepBack(), StepBack()) == [Move(1, -1), Move(1, -1)]


@pytest.mark.parametrize("step", [0, 17, None])
def test_looking_at_a_step_changes_nothing_else(step: int | None) -> None:
    """Neither the player nor the scene; the picture follows when the worker shows it."""
    before = seen(reduce(SetPlaying(True), running()), 40, 40)
    now = reduce(LookAt(step), before)
    assert changed(before, now) == {"orders", "order"}
    assert session_commands(before, now) == [Show(1, step)]


def test_before_a_run_has_begun_stepping_back_does_not_stop_what_was_pressed() -> None:
    """A frame of the run before is still on screen: it says nothing about what is looked at in the next."""
    old = seen(reduce(SetPlaying(True), running()), 20, 40)
    loading = reduce(SetPlaying(True), reduce(Reset(), old))
    assert loading.current is None
    assert not reduce(StepBack(), loading).playing  # as at the newest step


# --- lines -----------------------------------------------------------------------------------------------------------


def two_lines(state: AppState | None = None, **second: object) -> AppState:
    """A run that went on from step 10 along a second line, which is in front; both stand at step 20."""
    state = state or running()
    first, other = line(0, 20, live=False), line(1, 20, start=10, parent=0, **second)
    return reduce(frame(1, 20, lines=(first, other), focus=1), state)


def test_a_line_is_put_in_front_if_there_is_such_a_line_and_it_is_not_in_front() -> None:
    """Otherwise nothing is told: no order for nothing."""
    state = two_lines()
    assert told(state, PutAhead(0)) == [Focus(1, 0, None)]
    assert reduce(PutAhead(1), state) is state
    assert reduce(PutAhead(7), state) is state
    assert reduce(PutAhead(0), reduce(Reset(), state)).order is None, "its run is gone"


def test_a_line_that_is_forgotten_is_not_hidden_any_more() -> None:
    """Its number may mean nothing from then on."""
    state = reduce(ShowLine(0, False), two_lines())
    now = reduce(ForgetLine(0), state)
    assert now.hidden == frozenset()
    assert session_commands(state, now) == [Forget(1, 0)]


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans())))
def test_a_line_is_drawn_as_it_was_last_wished(wishes: list[tuple[int, bool]]) -> None:
    """Whatever came before; the worker is not concerned."""
    state = two_lines()
    assert told(state, *(ShowLine(*w) for w in wishes)) == []
    now = after(state, *(ShowLine(*w) for w in wishes))
    assert now.hidden == {number for number, shown in dict(wishes).items() if not shown}


def test_another_run_has_nothing_hidden() -> None:
    """Lines are numbered anew."""
    assert reduce(Reset(), reduce(ShowLine(0, False), two_lines())).hidden == frozenset()


# --- a live change in the past ---------------------------------------------------------------------------------------


def test_a_live_change_in_the_past_is_told_as_a_change_of_its_run() -> None:
    """The worker stands where the person looks, and begins a branch there."""
    before = seen(running(), 20, 40)
    assert told(before, Edit(RATE, 0.125)) == [Tune(1, 1, optimiser(0.125), before.scene.run.stop, 0)]
    assert reduce(Edit(RATE, 0.125), before).past[-1].at == (1, 0, 20)


def test_a_change_at_a_step_that_is_looked_at_while_training_goes_on_begins_a_branch_there() -> None:
    """Training pauses there; a change while the newest step is looked at is one of the line as it goes on."""
    playing = reduce(SetPlaying(True), seen(running(), 40, 40))
    looking = seen(playing, 20, 60)
    now = reduce(Edit(RATE, 0.125), looking)
    assert session_commands(looking, now) == [
        Play(1, False, now.scene.pace),
        Focus(1, 0, 20),
        Tune(1, 1, optimiser(0.125), now.scene.run.stop, 0),
    ]
    assert not now.playing
    assert told(seen(playing, 60, 60), Edit(RATE, 0.125)) == [Tune(1, 1, optimiser(0.125), now.scene.run.stop, 0)]


def test_an_order_and_a_change_at_once_are_told_in_this_order() -> None:
    """First to the step, then the change there."""
    before = seen(running(), 20, 40)
    changing = reduce(Edit(RATE, 0.125), reduce(LookAt(7), before))
    assert session_commands(before, changing) == [
        Show(1, 7),
        Tune(1, 1, optimiser(0.125), before.scene.run.stop, 0),
    ]


def test_undo_of_a_live_change_goes_back_to_where_it_was_made_with_what_there_was_before() -> None:
    """Redo goes there with the new optimiser; both pause a player, before the way there."""
    tuned = reduce(Edit(RATE, 0.125), seen(running(), 40, 40))
    played = seen(reduce(SetPlaying(True), tuned), 60, 60, (0, 0.5), (40, 0.125))
    stop = played.scene.run.stop
    back = reduce(Undo(), played)
    assert back.scene.run.optimiser == optimiser(0.5)
    assert session_commands(played, back) == [
        Play(1, False, played.scene.pace),
        Focus(1, 0, 40),
        Tune(1, 2, optimiser(0.5), stop, 0),
    ]
    there = seen(back, 40, 40, (0, 0.5), focus=1)
    assert there.frame is not None
    there = replace(there, frame=replace(there.frame, lines=(line(0, 60), there.frame.line)))
    again = reduce(Redo(), there)
    assert again.scene.run.optimiser == optimiser(0.125)
    assert session_commands(there, again) == [Focus(1, 0, 40), Tune(1, 3, optimiser(0.125), stop, 0)]


def test_undo_leads_to_the_step_at_which_the_worker_took_the_change_up() -> None:
    """Which is a later one than that of the frame on screen while training goes on."""
    playing = reduce(SetPlaying(True), seen(running(), 40, 40))
    tuned = reduce(Edit(RATE, 0.125), playing)
    assert tuned.past[-1].at == (1, 0, 40)
    heard = seen(tuned, 60, 60, (0, 0.5), (45, 0.125))
    assert heard.past[-1].at == (1, 0, 45)
    assert Focus(1, 0, 45) in session_commands(heard, reduce(Undo(), heard))


def test_undo_works_from_wherever_it_is_looked_at() -> None:
    """Before the change its optimiser is that of the forms already; undo leads there and is told all the same."""
    tuned = reduce(Edit(RATE, 0.125), seen(running(), 20, 20))
    looking = seen(tuned, 5, 60, (0, 0.5), (20, 0.125))
    assert looking.seen_scene.run.optimiser == optimiser(0.5)
    back = reduce(Undo(), looking)
    stop = back.scene.run.stop
    assert session_commands(looking, back) == [Focus(1, 0, 20), Tune(1, 2, optimiser(0.5), stop, 0)]
    assert back.scene.run.optimiser == optimiser(0.5)


def test_a_change_of_the_view_in_the_past_is_none_of_the_optimiser() -> None:
    """Nor is its undo."""
    looking = seen(running(), 5, 60, (0, 0.5), (20, 0.125))
    viewed = reduce(Edit("view.log_loss", True), looking)
    assert viewed.scene.run.optimiser == optimiser(0.125)
    assert viewed.seen_scene.run.optimiser == optimiser(0.5)
    assert viewed.seen_scene.view.log_loss
    back = reduce(Undo(), viewed)
    assert back.scene == looking.scene
    assert told(looking, Edit("view.log_loss", True), Undo()) == []


def test_undo_of_a_change_in_a_run_that_is_gone_does_not_go_anywhere() -> None:
    """The step belonged to that run; the optimiser is changed all the same."""
    tuned = reduce(Edit(RATE, 0.125), seen(running(), 40, 40))
    fresh = seen(reduce(Reset(), tuned), 3, 3, (0, 0.125))
    back = reduce(Undo(), fresh)
    assert session_commands(fresh, back) == [Tune(2, back.tunes, optimiser(0.5), back.scene.run.stop, 0)]


def test_undo_of_the_view_leaves_the_run_where_it_stands() -> None:
    """It is no change of the optimiser."""
    state = seen(reduce(Edit("view.log_loss", True), seen(running(), 40, 40)), 60, 60)
    assert told(state, Undo(), Redo()) == []


def test_stop_rules_are_live_too() -> None:
    """They are told like the optimiser."""
    state = seen(running(), 40, 40)
    (found,) = told(state, Edit("run.stop.steps", 100))
    assert isinstance(found, Tune)
    assert (found.optimiser, found.stop.steps) == (optimiser(0.5), 100)


def test_a_name_is_live_and_nothing_to_the_worker() -> None:
    """What the legend calls a run changes nothing in it."""
    state = seen(running(), 40, 40)
    assert told(state, Edit("run.name", "mine")) == []
    assert reduce(Edit("run.name", "mine"), state).generation == state.generation


# --- the scene follows the step --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "rate"), [(0, 0.5), (19, 0.5), (20, 0.25), (39, 0.25), (40, 0.125), (60, 0.125)])
def test_the_forms_show_the_optimiser_of_the_step_that_is_looked_at(step: int, rate: float) -> None:
    """Looking is no change: nothing is told, nothing can be undone, and the rest of the scene is as it was."""
    before = running()
    now = seen(before, step, 60, (0, 0.5), (20, 0.25), (40, 0.125))
    assert now.seen_scene == before.scene.edited({RATE: rate})
    assert now.scene == before.scene.edited({RATE: 0.125}), "what is saved is the line as it goes on"
    assert now.past == before.past
    assert session_commands(before, now) == []


def test_a_change_that_was_not_taken_up_yet_is_not_taken_back_by_an_older_frame() -> None:
    """The frame was on its way when the person turned the wheel; the next one has the change in it."""
    state = seen(running(), 40, 40)
    turned = reduce(Edit(RATE, 0.125), state)
    older = reduce(frame(1, 41, tuned=state.tunes), turned)
    assert older.scene.run.optimiser == optimiser(0.125)
    newer = seen(older, 42, 42, (0, 0.5), (41, 0.125))
    assert newer.scene.run.optimiser == optimiser(0.125)
    assert seen(newer, 30, 42, (0, 0.5), (41, 0.125)).seen_scene.run.optimiser == optimiser(0.5)


@given(st.lists(st.sampled_from(["turn", "hear", "look"]), max_size=12))
def test_what_the_person_turned_last_is_never_overwritten(words: list[str]) -> None:
    """Whatever the worker still says of before; and once it has all of it, the forms follow the step again."""
    state, rate, taken = seen(running(), 40, 40), 0.5, 0
    for number, word in enumerate(words, start=1):
        if word == "turn":
            rate = number / 64
            state = reduce(Edit(RATE, rate), state)
        elif word == "hear":  # a frame of before the last change, whatever it says
            behind = frame(1, 40 + number, tuned=taken)
            state = reduce(replace(behind, lines=(line(0, 40, changes=((0, optimiser(0.75)),)),)), state)
            if taken == state.tunes:
                rate = 0.75
        else:
            taken = state.tunes
            state = seen(state, 40, 40, (0, rate))
        assert state.scene.run.optimiser.learning_rate == rate


def test_the_scene_of_a_draft_is_followed_too_and_the_draft_stays() -> None:
    """What waits for a restart has not been decided on."""
    drafted = reduce(Edit("run.seed", 9), running())
    now = seen(drafted, 10, 60, (0, 0.5), (20, 0.25))
    assert now.draft is not None
    assert now.draft.run.seed == 9
    assert now.scene.run.seed == 0


# --- a loss that is not finite any more ------------------------------------------------------------------------------


def lost(state: AppState | None = None, number: int = 0, which: int = 0) -> AppState:
    """A run that stands at its last finite step, with the offer to go back to step 30 with a third of the rate."""
    lines: tuple[LineNow, ...] = tuple(line(n, 40, run=n) for n in range(which + 1))
    state = reduce(frame(1, 40, lines=lines, focus=number), reduce(SetPlaying(True), state or running()))
    return reduce(Stopped(1, "It is not finite.", number, (30, 0.5 / 3)), state)


def test_the_rescue_goes_back_with_a_smaller_rate_and_waits_there() -> None:
    """The sentence has been answered; undo gives the old rate back, at the same place."""
    before = lost()
    now = reduce(Rescue(), before)
    assert (now.playing, now.sentence, now.stopped) == (False, "", None)
    assert now.scene.run.optimiser.learning_rate == pytest.approx(0.5 / 3, rel=5e-3)
    assert session_commands(before, now) == [
        Focus(1, 0, 30),
        Tune(1, 1, now.scene.run.optimiser, now.scene.run.stop, 0),
    ]
    assert now.past[-1].what == "learning rate 0.5 to 0.167"
    back = reduce(Undo(), now)
    assert back.scene.run.optimiser == before.scene.run.optimiser
    assert back.order == Focus(1, 0, 30)


def test_the_rescue_is_of_the_run_that_was_lost() -> None:
    """Whatever the forms show: the first is left alone."""
    scene = tiny_scene().edited({"variants": [tiny_scene(run__optimiser__learning_rate=4.0).run.model_dump()]})
    before = lost(running(scene), number=1, which=1)
    now = reduce(Rescue(), before)
    assert now.scene.run == before.scene.run
    assert now.scene.variants[0].optimiser.learning_rate == pytest.approx(0.5 / 3, rel=5e-3)
    assert [c for c in session_commands(before, now) if isinstance(c, Tune)] == [
        Tune(1, 1, now.scene.variants[0].optimiser, now.scene.variants[0].stop, 1)
    ]
    assert now.form == 1


@pytest.mark.parametrize("message", [SetPlaying(True), StepOn(), Reset()])
def test_going_on_otherwise_answers_the_offer(message: object) -> None:
    """Nothing is offered any more about a moment that has passed."""
    now = reduce(message, lost())
    assert now.stopped is None
    assert reduce(Rescue(), now) is now


def test_without_an_offer_there_is_no_rescue() -> None:
    """A stop rule that was met is no loss."""
    state = reduce(Stopped(1, "Stopped at step 40."), running())
    assert reduce(Rescue(), state) is state
