"""Slices between window and worker: when they are asked for, which are shown, what ends them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thalweg.app import slices_captions
from thalweg.app.intents import AskedForMap, AskedForSlices, Edit, NewSeed, SetSettings
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.wishes import landscape_commands, map_request, slice_request, wants_parameters
from thalweg.core.messages import Cancel, CancelSlices, Died, Failed, MapRequest, Ready, SliceRequest

from .inline_desk import Inline
from .rig import Rig, a_map, frame, no_slice, slices_drawn, started, state_of, tiny_scene

BOTH, ALONE = ("landscape", "slices"), ("slices", "curves")


def standing(panels: tuple[str, ...] = ALONE, **changes: object) -> AppState:
    """A run at step 0, both workers ready, the parameters there."""
    state = state_of(tiny_scene(view__panels=panels, **changes))
    for message in (Ready("training"), Ready("landscape"), started(), frame(parameters=True)):
        state = reduce(message, state)
    return state


def asked(state: AppState) -> AppState:
    """The same with its slices asked for."""
    found = slice_request(state)
    assert found is not None
    return reduce(AskedForSlices(found[1], found[0].number), state)


def shown(state: AppState, **view: object) -> AppState:
    """The same with its slices on screen."""
    state = asked(state)
    assert state.slicing.asked is not None
    return reduce(slices_drawn(number=state.slicing.number, step=state.slicing.asked.step, **view), state)


# --- asking ----------------------------------------------------------------------------------------------------------


def test_slices_are_asked_for_only_when_they_can_be_seen() -> None:
    """The panel open, the worker there, a share of the time, parameters at hand."""
    state = standing()
    assert slice_request(state) is not None
    assert slice_request(reduce(Edit("view.panels", ("curves",)), state)) is None
    off = state.settings.model_copy(update={"landscape_share": 0.0})
    assert slice_request(reduce(SetSettings(off), state)) is None
    assert slice_request(reduce(Died("landscape", "Gone."), state)) is None
    assert slice_request(replace(state, parameters=None)) is None


def test_a_request_carries_all_that_the_slices_depend_on() -> None:
    """The point now, the run, the spec."""
    state = reduce(frame(step=5, parameters=True), standing(view__slices__points=11))
    found = slice_request(state)
    assert found is not None
    request, key = found
    assert (request.generation, request.number, request.step, request.point[0]) == (1, 1, 5, 5.0)
    assert (request.run, request.view) == (state.scene.run, state.scene.view.slices)
    assert (key.generation, key.step, key.view) == (1, 5, state.scene.view.slices.computed())


def test_the_map_comes_first() -> None:
    """Slices wait until the map of the moment is complete, or cannot be made."""
    state = standing(BOTH)
    assert slice_request(state) is None
    found = map_request(state)
    assert found is not None
    state = reduce(AskedForMap(found[1], found[0].number), state)
    assert slice_request(state) is None
    assert slice_request(reduce(a_map(0, 1, complete=False), state)) is None
    assert slice_request(reduce(a_map(0, 1), state)) is not None
    assert slice_request(reduce(Failed(1, "No landscape: parallel.", "landscape", 1), state)) is not None


def test_the_same_slices_are_not_asked_for_twice() -> None:
    """Neither while they are computed nor when they are there; what only changes the drawing asks for none."""
    state = asked(standing())
    assert slice_request(state) is None
    state = shown(standing())
    assert slice_request(state) is None
    for path, value in (("scale", "own"), ("tangent", False), ("parabola", False)):
        assert slice_request(reduce(Edit(f"view.slices.{path}", value), state)) is None
    assert slice_request(reduce(Edit("view.slices.seed", 4), state)) is not None


def test_slices_under_way_are_finished_though_training_moves_on() -> None:
    """Another spec does not wait: nobody wants those under way any more."""
    state = reduce(frame(step=9, parameters=True), asked(standing()))
    assert slice_request(state) is None
    found = slice_request(reduce(Edit("view.slices.others", "both"), state))
    assert found is not None
    assert (found[0].number, found[0].step) == (2, 9)
    done = reduce(slices_drawn(number=1), state)
    assert slice_request(done) is not None


def test_parameters_are_wanted_for_slices_alone_and_not_while_they_are_computed() -> None:
    """A moment is finished before the next begins, so that neither map nor slices go without."""
    state = reduce(frame(step=3), standing())
    assert wants_parameters(state)
    assert not wants_parameters(asked(state))
    assert not wants_parameters(reduce(Edit("view.panels", ("curves",)), state))
    both = reduce(frame(step=3), standing(BOTH))
    assert not wants_parameters(replace(both, slicing=replace(both.slicing, busy=True)))


def test_closing_the_panel_takes_the_request_back() -> None:
    """Without touching the map, and the other way round."""
    for state, owed in ((asked(standing()), [CancelSlices(1)]), (shown(standing()), [])):
        closed = reduce(Edit("view.panels", ("curves",)), state)
        assert landscape_commands(state, closed) == owed
    mapping = reduce(AskedForMap(map_request(standing(BOTH))[1], 1), standing(BOTH))  # type: ignore[index]
    closed = reduce(Edit("view.panels", ("slices",)), mapping)
    assert landscape_commands(mapping, closed) == [Cancel(1)]


# --- answers ---------------------------------------------------------------------------------------------------------


def test_complete_slices_are_shown() -> None:
    """And nothing is under way then."""
    state = asked(standing())
    drawn = slices_drawn(number=1)
    now = reduce(drawn, state)
    assert now.slicing.shown is drawn
    assert not now.slicing.busy


def test_slices_that_take_long_say_how_far_they_are() -> None:
    """Shown as far as they are where there are none before, else the complete ones stay."""
    state = reduce(slices_drawn(number=1, count=3), asked(standing()))
    assert state.slicing.shown is not None
    assert len(state.slicing.shown.curves) == 3
    assert slices_captions.caption(state).startswith("Step 0: 3 of 4 slices so far.")
    before = reduce(frame(step=2, parameters=True), shown(standing()))
    state = reduce(slices_drawn(number=2, step=2, count=1), asked(before))
    assert state.slicing.shown is before.slicing.shown
    assert slices_captions.caption(state).startswith("Step 2: 1 of 4 slices so far.")
    assert slices_captions.heading(state) == "Layer slices at step 0"
    done = reduce(slices_drawn(number=2, step=2), state)
    assert slices_captions.heading(done) == "Layer slices at step 2"
    assert "so far" not in slices_captions.caption(done)


@pytest.mark.parametrize("number", [0, 1])
def test_slices_that_were_replaced_change_nothing(number: int) -> None:
    """Answers of a request that is not the newest."""
    state = asked(reduce(Edit("view.slices.seed", 4), asked(standing())))
    assert state.slicing.number == 2
    assert reduce(slices_drawn(number=number), state).slicing == state.slicing
    assert reduce(Failed(1, "No slices.", "slices", number), state).slicing == state.slicing


def test_a_failure_is_told_and_not_tried_again_at_every_step() -> None:
    """Other settings, or a run from the start, are tried; the map knows nothing of it."""
    state = reduce(Failed(1, "No slices: no memory.", "slices", 1), asked(standing()))
    assert "no memory" in slices_captions.caption(state)
    assert (state.map_error, state.sentence, state.slicing.busy) == ("", "", False)
    later = reduce(frame(step=8, parameters=True), state)
    assert slice_request(later) is None
    assert slice_request(reduce(Edit("view.slices.examples", 5), later)) is not None
    anew = reduce(NewSeed(3), later)
    for message in (started(2), frame(2, parameters=True)):
        anew = reduce(message, anew)
    assert slice_request(anew) is not None


def test_a_worker_that_dies_of_slices_is_not_killed_again() -> None:
    """Whatever ends it between two maps; a death during a map is the map's, and the slices are asked for anew."""
    dead = reduce(Died("landscape", "It has ended."), asked(standing()))
    back = reduce(frame(step=4, parameters=True), reduce(Ready("landscape"), dead))
    assert slice_request(back) is None
    assert "It has ended." in slices_captions.caption(back)
    mapping = replace(asked(standing()), busy=True)
    assert slice_request(reduce(Ready("landscape"), reduce(Died("landscape", "Gone."), mapping))) is not None


def test_a_new_run_begins_without_the_slices_of_the_old_one() -> None:
    """They stay on screen until it has started."""
    before = shown(standing())
    reset = reduce(NewSeed(5), before)
    assert reset.slicing.shown is before.slicing.shown
    assert not reset.slicing.busy
    assert reduce(started(2), reset).slicing.shown is None
    assert reduce(slices_drawn(1, 1), reset).slicing == reset.slicing


# --- the controller --------------------------------------------------------------------------------------------------


def test_the_controller_asks_for_map_then_slices_of_the_same_moment() -> None:
    """And for the next moment only when both are there."""
    rig = Rig(tiny_scene(view__panels=BOTH))
    rig.stand_at_zero()
    assert [type(c) for c in rig.landscapes.told((MapRequest, SliceRequest))] == [MapRequest]
    rig.hear(a_map(0, 1))
    (request,) = rig.landscapes.told((MapRequest, SliceRequest))
    assert isinstance(request, SliceRequest)
    assert request.step == 0
    rig.hear(frame(step=7))
    assert not any(a.parameters for a in rig.acknowledgements())
    rig.hear(slices_drawn(number=1))
    assert any(a.parameters for a in rig.acknowledgements())


def test_a_request_that_was_taken_back_is_made_again_when_the_panel_opens() -> None:
    """Closed in the middle, opened again at the same step."""
    rig = Rig(tiny_scene(view__panels=ALONE))
    rig.stand_at_zero()
    assert len(rig.landscapes.told(SliceRequest)) == 1
    rig.controller.dispatch(Edit("view.panels", ("curves",)))
    assert rig.landscapes.told(CancelSlices) == [CancelSlices(1)]
    rig.controller.dispatch(Edit("view.panels", ALONE))
    (again,) = rig.landscapes.told(SliceRequest)
    assert again.number == 2


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("panels", [BOTH, ALONE])
def test_a_scene_comes_to_its_slices(panels: tuple[str, ...]) -> None:
    """With the real services: at step 0 now and start are the same, some steps later they are not."""
    one = Inline(tiny_scene(view__panels=panels, view__slices__others="both", view__slices__points=9))
    state = one.until(lambda s: s.slicing.shown and s.slicing.shown.complete)
    drawn = state.slicing.shown
    assert drawn is not None
    assert (drawn.step, drawn.total, drawn.examples) == (0, 8, 100)
    for now, start in zip(drawn.curves[::2], drawn.curves[1::2], strict=True):
        assert now.loss == pytest.approx(start.loss)
    one.controller.dispatch(Edit("pace.step", "batches"))
    from thalweg.app.intents import StepOn

    one.controller.dispatch(StepOn())
    state = one.until(lambda s: s.slicing.shown and s.slicing.shown.complete and s.slicing.shown.step == 10)
    assert state.slicing.shown is not None
    now, start = state.slicing.shown.curves[:2]
    assert now.loss != pytest.approx(start.loss)


# --- captions --------------------------------------------------------------------------------------------------------


def test_the_caption_says_what_moves_how_far_and_what_stands_still() -> None:
    """Directions with units and seed, the other layers, data, and what tangent and parabola are."""
    text = slices_captions.caption(shown(standing(), seed=7, distance=3.0, norms=0.5))
    for words in (
        "±3 in Euclidean distance along its own negative gradient",
        "±0.5 in norms of each unit's weights along a random direction (seed 7)",
        "other layers stay as they are at this step",
        "Cross-entropy of 784-8-10 sigmoid, seed 0",
        "first 50 of 100 training examples",
        "tangent and parabola: exact slope and curvature there",
    ):
        assert words in text, (words, text)
    assert "random" not in slices_captions.caption(shown(standing(), kinds="gradient"))
    assert "as at step 0" in slices_captions.caption(shown(standing(), others="start"))
    assert "the same here" in slices_captions.caption(shown(standing(), others="both"))


def test_the_caption_names_the_guides_that_are_drawn() -> None:
    """Not those that are switched off."""
    state = reduce(Edit("view.slices.parabola", False), shown(standing()))
    assert "tangent: exact slope there." in slices_captions.caption(state)
    state = reduce(Edit("view.slices.tangent", False), state)
    assert "tangent" not in slices_captions.caption(state)


def test_the_caption_tells_of_gaps_and_of_layers_without_a_slice() -> None:
    """Which, and why."""
    state = shown(standing())
    drawn = state.slicing.shown
    assert drawn is not None
    hole = replace(drawn.curves[2], loss=drawn.curves[2].loss * float("inf"))
    state = replace(state, slicing=replace(state.slicing, shown=replace(drawn, curves=(no_slice(1), hole))))
    text = slices_captions.caption(state)
    assert "Layer 1 has no gradient slice: the gradient of layer 1 has norm 0 here" in text
    assert "Gaps in layer 2: the loss is not finite there." in text


def test_a_closed_panel_does_not_claim_to_compute() -> None:
    """It can be exported all the same."""
    assert slices_captions.caption(standing()) == "The slices are being computed."
    closed = reduce(Edit("view.panels", ("curves",)), standing())
    assert slices_captions.caption(closed) == "The slices are computed when their panel is open."
