"""Several runs in one scene: variants added, changed and taken out, seeds, and which of them the forms show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thalweg.app.actions import BY_ID
from thalweg.app.desk import in_forms
from thalweg.app.intents import (
    AddVariant,
    ApplyDraft,
    CureWith,
    DiscardDraft,
    Edit,
    NewSeed,
    RemoveVariant,
    Reset,
    ShowControls,
    Undo,
)
from thalweg.app.reduce import reduce
from thalweg.app.settings import Settings
from thalweg.app.state import AppState, opened
from thalweg.app.wishes import run_of, session_commands
from thalweg.core.messages import Start, Tune
from thalweg.core.scene import Scene
from thalweg.core.scene.scene import MOST_RUNS, MOST_VARIANTS

from .rig import frame, line, started, tiny_scene
from .test_state import after, running

RATE = "run.optimiser.learning_rate"


def with_variants(*rates: float, **changes: object) -> Scene:
    """A tiny scene with a variant for each of these learning rates."""
    scene = tiny_scene(**changes)
    others = [scene.edited({RATE: rate}).run.model_dump() for rate in rates]
    return scene.edited({"variants": others})


def trained(scene: Scene, front: int = 0, step: int = 5) -> AppState:
    """The scene's runs at a step, one line each, with one of them in front."""
    lines = tuple(line(n, step, run=n, changes=((0, run.optimiser),)) for n, run in enumerate(scene.runs()))
    state = replace(running(scene), started=replace(started(), runs=scene.runs()))
    return reduce(frame(1, step, lines=lines, focus=front), state)


# --- what they have in common ----------------------------------------------------------------------------------------


def test_a_change_of_the_first_run_is_one_of_those_that_were_as_it_was() -> None:
    """So that a variant differs in what it was made to; what sets it apart stays; a live change is of one run."""
    scene = with_variants(0.125)
    drafted = reduce(Edit("run.network.hidden", (9,)), trained(scene))
    assert drafted.draft is not None
    assert [run.network.hidden for run in drafted.draft.runs()] == [(9,), (9,)]
    other = scene.edited({"variants.0.network.hidden": (5,)})
    drafted = reduce(Edit("run.network.hidden", (9,)), trained(other))
    assert drafted.draft is not None
    assert [run.network.hidden for run in drafted.draft.runs()] == [(9,), (5,)]
    fresh = reduce(NewSeed(77), trained(scene))
    assert [run.seed for run in fresh.scene.runs()] == [77, 77]
    tuned = reduce(Edit("run.optimiser.batch_size", 7), trained(scene))
    assert [run.optimiser.batch_size for run in tuned.scene.runs()] == [7, 10]


# --- adding ----------------------------------------------------------------------------------------------------------


def test_a_variant_is_a_copy_that_waits_to_be_changed_and_applied() -> None:
    """The forms come up with it; what trains is not touched; its name is its own to give."""
    before = reduce(ShowControls(False), running(tiny_scene(run__name="first")))
    now = reduce(AddVariant(), before)
    assert now.scene == before.scene
    assert now.generation == before.generation
    assert now.draft is not None
    assert now.draft.variants == (before.scene.run.model_copy(update={"name": ""}),)
    assert (now.form, now.controls) == (1, True)
    shown, draft = in_forms(now.scene, now.draft, now.form)
    assert draft is not None
    assert draft.run == now.draft.variants[0]
    assert shown.run == before.scene.run


def test_what_is_edited_while_a_variant_is_added_is_of_the_variant_alone() -> None:
    """Also what a run in progress would take up at once: there is no such run yet."""
    now = after(running(), AddVariant(), Edit(RATE, 0.125), Edit("run.seed", 9))
    assert now.draft is not None
    assert (now.draft.run, now.scene) == (now.scene.run, running().scene)
    assert (now.draft.variants[0].optimiser.learning_rate, now.draft.variants[0].seed) == (0.125, 9)
    assert now.tunes == 0
    begun = reduce(ApplyDraft(), now)
    assert begun.scene == now.draft
    assert begun.form == 1
    assert begun.generation == now.generation + 1
    (start, _) = session_commands(now, begun)
    assert isinstance(start, Start)
    assert start.runs == begun.scene.runs()
    assert len(start.runs) == 2


@pytest.mark.parametrize("message", [Undo(), DiscardDraft()])
def test_a_variant_that_is_not_wanted_after_all_leaves_nothing(message: object) -> None:
    """The forms show the run again."""
    before = running()
    now = after(before, AddVariant(), Edit(RATE, 0.125), message)
    assert (now.draft, now.form, now.scene, now.past) == (None, 0, before.scene, before.past)


def test_a_variant_is_a_copy_of_the_one_in_front() -> None:
    """Change one thing of what is looked at."""
    state = trained(with_variants(0.25), front=1)
    assert state.form == 1
    now = reduce(AddVariant(), state)
    assert now.draft is not None
    assert now.draft.variants[1].optimiser.learning_rate == 0.25
    assert now.form == 2


def test_too_many_runs_are_refused_in_a_sentence() -> None:
    """By the number of all runs, and by that of variants; nothing changes."""
    for scene in (tiny_scene(run__seeds=MOST_RUNS), with_variants(*(0.01 * k for k in range(1, 16)))):
        before = running(scene)
        now = reduce(AddVariant(), before)
        assert now.sentence
        assert (now.draft, now.scene, now.form) == (None, before.scene, before.form)


def test_two_variants_can_be_added_before_they_are_applied() -> None:
    """Each begins as a copy of the last; undo and discarding take both away."""
    state = after(running(), AddVariant(), Edit(RATE, 0.25))
    now = after(state, AddVariant(), Edit(RATE, 0.125))
    assert now.draft is not None
    assert [v.optimiser.learning_rate for v in now.draft.variants] == [0.25, 0.125]
    assert now.form == 2
    assert reduce(DiscardDraft(), now).form == 0


# --- taking out ------------------------------------------------------------------------------------------------------


def test_a_variant_is_taken_out_and_the_others_stay() -> None:
    """The runs begin anew, and undo brings it back."""
    before = trained(with_variants(0.25, 0.125), front=1)
    now = reduce(RemoveVariant(), before)
    assert [v.optimiser.learning_rate for v in now.scene.variants] == [0.125]
    assert (now.form, now.generation) == (0, before.generation + 1)
    back = reduce(Undo(), now)
    assert back.scene == before.scene
    assert back.generation == now.generation + 1


def test_taking_out_one_that_was_only_being_added_discards_it() -> None:
    """And the first run cannot be taken out."""
    before = running()
    now = after(before, AddVariant(), RemoveVariant())
    assert (now.draft, now.form, now.scene, now.generation) == (None, 0, before.scene, before.generation)
    assert reduce(RemoveVariant(), before) is before


@pytest.mark.parametrize("message", [Reset(), NewSeed(7)])
def test_starting_again_keeps_the_form_where_it_is(message: object) -> None:
    """Also that of a variant which is being added."""
    state = trained(with_variants(0.25), front=1)
    assert reduce(message, state).form == 1
    adding = after(running(), AddVariant())
    now = reduce(message, adding)
    assert now.form == 1
    assert now.draft is not None
    assert len(now.draft.variants) == 1


# --- the forms follow the line in front ------------------------------------------------------------------------------


def test_the_forms_show_the_run_that_comes_to_the_front() -> None:
    """And an edit there is of this run; a line of the same run, or the same line again, moves nothing."""
    scene = with_variants(0.25)
    state = trained(scene, front=1)
    assert state.form == 1
    assert in_forms(state.scene, state.draft, state.form)[0].run == scene.variants[0]
    tuned = reduce(Edit(RATE, 0.0625), state)
    assert (tuned.scene.run, tuned.scene.variants[0].optimiser.learning_rate) == (scene.run, 0.0625)
    (found,) = session_commands(state, tuned)
    assert isinstance(found, Tune)
    assert (found.run, found.optimiser.learning_rate) == (1, 0.0625)
    back = reduce(frame(1, 6, lines=state.frame.lines, focus=0, tuned=1), tuned)
    assert back.form == 0


def test_the_forms_stay_while_a_draft_is_in_them() -> None:
    """What is being typed does not go to another run."""
    state = trained(with_variants(0.25), front=1)
    drafted = reduce(Edit("run.seed", 3), state)
    assert drafted.draft is not None
    assert drafted.draft.variants[0].seed == 3
    assert drafted.frame is not None
    now = reduce(replace(drafted.frame, focus=0), drafted)
    assert now.form == 1


def test_an_edit_of_the_data_is_one_for_all_runs() -> None:
    """They have the same data."""
    state = trained(with_variants(0.25), front=0)
    drafted = reduce(Edit("run.data.train", 90), state)
    assert drafted.draft is not None
    assert {r.data.train for r in drafted.draft.runs()} == {90}
    of_variant = reduce(Edit("run.data.train", 90), trained(with_variants(0.25), front=1))
    assert of_variant.draft is None
    assert of_variant.field_error is not None
    assert of_variant.field_error[0] == "run.data.train"


def test_every_seed_of_a_fan_is_told_a_live_change() -> None:
    """They differ in their seed alone; the other runs are told nothing."""
    scene = with_variants(0.25, run__seeds=3)
    state = trained(scene)
    commands = session_commands(state, reduce(Edit(RATE, 0.0625), state))
    assert [(c.run, c.optimiser.learning_rate) for c in commands if isinstance(c, Tune)] == [
        (n, 0.0625) for n in range(3)
    ]


def test_a_map_is_of_the_run_that_its_line_is_of() -> None:
    """Another network, other directions."""
    scene = with_variants(0.25)
    state = trained(scene, front=1)
    assert run_of(state, 1) == scene.runs()[1]
    assert run_of(state, 0) == run_of(state, 7) == scene.runs()[0]


def test_a_field_that_is_wrong_is_told_at_the_field_of_the_form() -> None:
    """The forms know nothing of where a variant stands in the scene."""
    state = trained(with_variants(0.25), front=1)
    now = reduce(Edit(RATE, -1.0), state)
    assert now.field_error is not None
    assert now.field_error[0] == RATE
    assert "variants" not in now.field_error[1]
    batch = reduce(Edit("run.optimiser.batch_size", 101), state)
    assert batch.field_error is not None
    assert "variants" not in batch.field_error[1]


# --- cures -----------------------------------------------------------------------------------------------------------


def test_a_cure_is_a_variant_of_the_run_in_front_that_is_trained_at_once() -> None:
    """From the same start, named for it, after one click; undo takes it out again."""
    scene = with_variants(0.125)
    state = reduce(CureWith("batch-norm"), trained(scene, front=1))
    assert state.generation == 2
    assert state.playing
    *before, new = state.scene.runs()
    assert before == list(scene.runs())
    assert (new.name, new.network.hidden_norm, new.optimiser.learning_rate) == ("batch norm", "batch", 0.125)
    assert new.seed == scene.run.seed
    assert state.form == 2
    assert reduce(Undo(), state).scene == scene


def test_a_cure_takes_edits_that_are_not_applied_with_it() -> None:
    """They would be lost else."""
    drafted = reduce(Edit("run.network.hidden", (9,)), trained(tiny_scene()))
    state = reduce(CureWith("adam"), drafted)
    assert [run.network.hidden for run in state.scene.runs()] == [(9,), (9,)]
    assert state.draft is None


def test_a_rate_for_each_layer_is_that_of_the_norms_at_the_start() -> None:
    """Of the run in front, as they were measured first; two layers here."""
    state = trained(tiny_scene())
    assert state.frame is not None
    series = {"step": np.array([0, 5]), "gradient_1": np.array([0.01, 3.0]), "gradient_2": np.array([0.2, 3.0])}
    measured = replace(state.frame, lines=(replace(state.frame.line, series=series),))
    cured = reduce(CureWith("layer-rates"), replace(state, frame=measured))
    assert cured.scene.variants[0].optimiser.layer_rates == (20.0, 1.0)
    unmeasured = reduce(CureWith("layer-rates"), state)
    assert len(unmeasured.scene.variants[0].optimiser.layer_rates) == 2


def test_a_cure_that_is_not_accepted_is_said_and_changes_nothing() -> None:
    """Too many runs, or a run that does not take it: the state stays, with a sentence."""
    scene = tiny_scene(run__seeds=MOST_RUNS)
    state = reduce(CureWith("adam"), running(scene))
    assert state.scene == scene
    assert state.sentence.startswith("Not added: ")
    batch_of_one = trained(tiny_scene(run__optimiser__batch_size=1))
    assert "no spread" in reduce(CureWith("batch-norm"), batch_of_one).sentence


def test_what_is_there_already_is_not_added_again() -> None:
    """Under whatever name it is there: two equal curves would say nothing."""
    once = reduce(CureWith("adam"), trained(tiny_scene()))
    again = reduce(CureWith("adam"), once)
    assert again.scene == once.scene
    assert again.sentence == "Not added: there is a run with Adam already."
    drafted = reduce(Edit("run.network.activation", "tanh"), trained(tiny_scene()))
    offered = BY_ID["cure"].choices
    assert offered is not None
    assert "activation-tanh" not in {c.id for c in offered(drafted)}, "the menu is made from what is not applied too"


def test_there_is_a_last_variant() -> None:
    """One more is refused in a sentence, by either way."""
    scene = with_variants(*(0.01 * k for k in range(1, MOST_VARIANTS + 1)))
    for wanted in (CureWith("adam"), AddVariant()):
        refused = reduce(wanted, trained(scene))
        assert refused.scene == scene
        assert refused.draft is None
        assert refused.sentence == "Not added: 16 variants are not accepted; expected at most 15"


def test_the_menu_of_cures_is_that_of_the_run_in_front() -> None:
    """Each with its group and its reason; none for a surface."""
    action = BY_ID["cure"]
    assert action.choices is not None
    state = trained(with_variants(0.125).edited({"variants.0.network.activation": "relu"}), front=1)
    offered = action.choices(state)
    assert "activation-sigmoid" in {c.id for c in offered}
    assert all(c.group and c.tip for c in offered)
    surface = opened(Scene().edited({"run.network.kind": "surface"}), "", Settings())
    assert action.choices(surface) == ()
    assert not action.enabled(surface)
