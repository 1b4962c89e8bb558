"""Slices between window and worker: when they are asked for, which are shown, what ends them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thalweg.app import slices_captions
from thalweg.app.intents import AskedForMap, AskedForSlices, Edit, LookAt, NewSeed, SetSettings, StepOn
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.wishes import acknowledgement, landscape_commands, map_request, slice_request, wants_parameters
from thalweg.core.messages import Cancel, CancelSlices, Died, Failed, MapRequest, Ready, SliceCurve, SliceRequest

from .inline_desk import Inline
from .rig import Rig, a_map, frame, line, no_slice, slices_drawn, started, state_of, tiny_scene

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


@pytest.mark.parametrize("others", ["end", "all"])
def test_the_newest_step_is_asked_for_where_the_others_are_as_there(others: str) -> None:
    """Before it is known no slices are asked for; once it moves on, it is wanted again."""
    state = standing(view__slices__others=others)
    assert wants_parameters(state) and acknowledgement(state, True).newest
    assert slice_request(state) is None
    there = line(0, 5, head=40)
    state = reduce(frame(step=5, parameters=True, lines=(there,), newest=40), state)
    assert not wants_parameters(state)
    found = slice_request(state)
    assert found is not None
    request, key = found
    assert (request.newest_step, key.newest, key.step) == (40, 40, 5)
    assert request.newest is not None and (request.newest == 40).all() and (request.point == 5).all()
    state = shown(state, others=others, newest=40)
    assert slice_request(state) is None and not wants_parameters(state)
    moved = reduce(frame(step=5, lines=(line(0, 5, head=41),)), state)
    assert wants_parameters(moved) and slice_request(moved) is None
    moved = reduce(frame(step=5, parameters=True, lines=(line(0, 5, head=41),), newest=41), moved)
    found = slice_request(moved)
    assert found is not None and found[0].newest_step == 41


def test_at_the_newest_step_the_request_says_that_it_is_this_one() -> None:
    """So that nothing is computed twice, and no second set of parameters is sent."""
    state = reduce(frame(step=8, parameters=True, newest=8), standing(view__slices__others="all"))
    found = slice_request(state)
    assert found is not None
    assert (found[0].newest, found[0].newest_step) == (None, 8)


@pytest.mark.parametrize("others", ["now", "start", "both"])
def test_nobody_asks_for_the_newest_step_without_need(others: str) -> None:
    """It would be one more copy of all parameters in each frame."""
    state = standing(view__slices__others=others)
    assert not acknowledgement(state, True).newest
    found = slice_request(state)
    assert found is not None and (found[0].newest, found[1].newest) == (None, None)
    closed = reduce(Edit("view.panels", ("landscape",)), standing(view__slices__others="all"))
    assert not acknowledgement(closed, True).newest


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


@pytest.mark.parametrize("panels", [BOTH, ALONE])
def test_dragged_back_the_slices_have_the_others_as_trained(panels: tuple[str, ...]) -> None:
    """At the newest step there is nothing to tell apart; of an earlier one there are three of each."""
    one = Inline(tiny_scene(view__panels=panels, view__slices__others="all", view__slices__points=9))
    one.until(lambda s: s.frame is not None)
    one.controller.dispatch(StepOn(20))
    state = one.until(lambda s: s.slicing.shown and s.slicing.shown.complete and s.slicing.shown.step == 20)
    assert state.slicing.shown is not None and state.slicing.shown.settings_of_others == ("now", "start")
    one.controller.dispatch(LookAt(7))
    state = one.until(lambda s: s.slicing.shown and s.slicing.shown.complete and s.slicing.shown.step == 7)
    assert state.slicing.shown is not None
    assert (state.slicing.shown.newest, len(state.slicing.shown.curves)) == (20, 2 * 2 * 3)
    for _ in range(5):
        one.controller.tick()
    assert not one.state.slicing.busy and one.state.slicing.shown is state.slicing.shown, "they are not asked for again"


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
    state = shown(standing())
    for others, newest, words in (
        ("end", 900, "All other layers are as at the newest step, 900."),
        ("end", None, "All other layers are as at the newest step, which is this one."),
        ("all", 900, "as at step 0 (start), which is the same here, or as at the newest step, 900 (end)."),
        ("all", None, "(start), which is the same here; this step is the newest (end)."),
    ):
        assert words in slices_captions.caption(shown(standing(), others=others, newest=newest)), others
    assert "newest" not in slices_captions.caption(state)


def way(layer: int, others: str, losses: tuple[float, ...], right: tuple[float, ...], half: float = 1.0) -> SliceCurve:
    """A layer's way from the start with these losses, and shares classified right, at even points."""
    t = np.linspace(-half, half, len(losses))
    return SliceCurve(layer, "way", others, "", "of the way", t, np.array(losses), np.array(right), 0.0, 0.0)


def told(*curves: SliceCurve, layers: int = 2, **view: object) -> str:
    """The caption of these slices."""
    state = shown(standing(), kinds="way", layers=layers, **view)
    assert state.slicing.shown is not None
    drawn = replace(state.slicing.shown, curves=curves, total=len(curves))
    return slices_captions.caption(replace(state, slicing=replace(state.slicing, shown=drawn)))


WAYS = (
    way(1, "now", (4.1, 6.0, 0.2, 0.1, 0.9), (0.09, 0.2, 0.9, 0.99, 0.8)),
    way(1, "start", (2.42, 2.35, 2.30, 2.2, 9.0), (0.1, 0.1, 0.1, 0.1, 0.1)),
    way(1, "end", (7.0, 3.0, 0.0, 0.1, 9.0), (0.1, 0.1, 0.1, 0.1, 0.1)),
    way(2, "now", (2.2, 1.0, 0.2, 0.1, 0.9), (0.321, 0.5, 0.9, 0.99, 0.8)),
)


def test_the_first_sentence_says_whether_it_is_flat_or_flat_only_here() -> None:
    """The span of the loss from the start (-1) to now (0), not beyond, with each of the values of the others."""
    text = told(*WAYS, others="all", newest=9)
    assert text.startswith(
        "With the others as at the start, layer 1's way changes the loss by 0.12; as now, by 5.8; as at the newest "
        "step, by 7. Put back to its start, the others as now, layer 1 leaves 9 % right (loss 4.1), layer 2 32 % right "
        "(loss 2.2); now 90 % right (loss 0.2).\n"
    ), text
    assert told(WAYS[0]).startswith("With the others as now, layer 1's way changes the loss by 5.8. Put back")
    assert told(WAYS[1], others="start").startswith("With the others as at the start, layer 1's way changes")
    assert "Put back" not in told(WAYS[1], others="start")
    assert "way changes" not in slices_captions.caption(shown(standing()))


def test_of_many_layers_a_few_are_told() -> None:
    """The first and the last among them."""
    text = told(*(way(n, "now", (n, 1.0, 0.5), (0.1, 0.5, 0.9)) for n in range(1, 31)), layers=30)
    assert "layer 1 leaves 10 % right (loss 1), layer 11 10 % right (loss 11), layer 20 10" in text
    assert ", layer 30 10 % right (loss 30); now 50 % right (loss 1)." in text


def test_where_the_start_is_not_on_the_way_nothing_is_claimed() -> None:
    """Nor where the loss is not finite on it, or a layer has no way; the next numbers are told then."""
    short = way(1, "now", (4.0, 2.0, 1.0), (0.1, 0.5, 0.9), half=0.5)
    assert told(short).startswith("Each layer moves alone")
    broken = way(1, "now", (np.inf, 2.0, 1.0), (0.1, 0.5, 0.9))
    assert told(broken).startswith("Put back to its start, the others as now, layer 1 leaves 10 % right (loss inf)")
    assert told(no_slice(1, "way")).startswith("Each layer moves alone")
    assert "layer 2 leaves 32 % right" in told(no_slice(1, "way"), WAYS[3])


def test_of_a_surface_the_loss_alone_is_told() -> None:
    """Nothing is classified there."""
    scene = tiny_scene(view__panels=ALONE).edited({"run.network.kind": "surface"})
    state = shown(standing(), kinds="way")
    assert state.slicing.shown is not None and state.started is not None
    drawn = replace(state.slicing.shown, curves=WAYS[:1], total=1)
    state = replace(state, scene=scene, started=replace(state.started, runs=scene.runs()))
    text = slices_captions.caption(replace(state, slicing=replace(state.slicing, shown=drawn)))
    assert "layer 1 leaves loss 4.1; now loss 0.2." in text
    assert "right" not in text


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
