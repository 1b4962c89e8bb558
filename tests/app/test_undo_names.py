"""What a change is called: readable for every field that there is, in the menu and wherever else it is named."""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from thalweg.app.actions import BY_ID
from thalweg.app.changes import described, value_shown, worded
from thalweg.app.intents import AddVariant, ApplyDraft, Change, Edit, NewSeed, OpenScene, Redo, RemoveVariant, Undo
from thalweg.app.panels.described import field_at
from thalweg.app.reduce import reduce
from thalweg.core.scene import Scene, SpecError

from .rig import tiny_scene
from .test_state import LIVE, RESTARTING, VIEWED, after, leaves, running

FIELDS = [p for p in leaves(Scene) if p != "variants"]


def others(field: FieldInfo, now: Any) -> list[Any]:
    """Other values that a field of this kind may have; not all of them are accepted."""
    if isinstance(now, bool):
        return [not now]
    if isinstance(now, int | float):
        return [type(now)(v) for v in (now + 1, now / 2, now * 2, 2, 3, 0.5)]
    if isinstance(now, str):
        return [*get_args(field.annotation), "abc"]
    entries = get_args(get_args(field.annotation)[0]) if get_origin(field.annotation) is tuple else ()
    return [entries[:1], entries[:2], (1,), (2,), (3, 2), ()]


def edits(path: str) -> list[Scene]:
    """The scene with each other value of a field that is accepted."""
    scene, found = Scene(), []
    for value in others(field_at(path).field, scene.value(path)):
        try:
            edited = scene.edited({path: value})
        except SpecError:
            continue
        if edited.value(path) != scene.value(path):
            found.append(edited)
    return found


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_has_a_name_that_can_be_read(path: str) -> None:
    """In words, with what it was and what it is: no code of ours, no brackets, nothing empty."""
    name = worded(path)
    assert re.fullmatch(r"[^\W_][\w ,.:%/'’()-]*", name)
    assert "_" not in name
    for edited in edits(path):
        said = described(Scene(), edited)
        assert said
        assert not re.search(r"[\[\]{}<>_\"]|='|None|True|False|Spec\(|\(\)", said), said
        if "…" not in said and " to " in said:
            was, _, now = said.removeprefix(name).partition(" to ")
            assert was.strip()
            assert now.strip()
            assert was.strip() != now.strip(), said


@pytest.mark.parametrize("path", FIELDS)
def test_a_change_taken_back_is_the_change_read_backwards(path: str) -> None:
    """The same words with the two values exchanged, where it is one field."""
    for edited in edits(path):
        there, back = described(Scene(), edited), described(edited, Scene())
        name = worded(path)
        if there.startswith(name) and " to " in there and "," not in there:
            was, _, now = there.removeprefix(f"{name} ").partition(" to ")
            assert back == f"{name} {now} to {was}"


def test_a_choice_is_told_as_the_forms_show_it() -> None:
    """Not by the word that stands in the file."""
    edited = Scene().edited({"run.optimiser.name": "adagrad"})
    assert described(Scene(), edited) == "optimiser SGD to AdaGrad"
    for path in FIELDS:
        field = field_at(path)
        labels = field.choices if field.kind == "choice" else {}
        for value in labels:
            try:
                edited = Scene().edited({path: value})
            except SpecError:
                continue
            said = described(Scene(), edited)
            if value != Scene().value(path) and said.startswith(worded(path)) and "," not in said:
                assert labels[value].lower() in said.lower()


@given(st.floats(1e-6, 1000))
def test_numbers_are_told_so_that_they_can_be_compared(rate: float) -> None:
    """Six digits at most, and two values that differ in the form differ in the name."""
    text = value_shown(rate)
    assert float(text) == pytest.approx(rate, rel=1e-5)
    assert len(text) <= 12


def test_switches_lists_and_empty_texts_have_words() -> None:
    """A person reads them."""
    assert [value_shown(v) for v in (True, False, (), (8, 8), "", "abc", 3)] == [
        "on", "off", "none", "8, 8", "nothing", "abc", "3",
    ]  # fmt: skip


@pytest.mark.parametrize("changes", [LIVE, RESTARTING, VIEWED])
def test_many_changes_at_once_stay_short(changes: dict[str, Any]) -> None:
    """A menu has no room for a list."""
    some = dict(list(changes.items())[:1] if changes is RESTARTING else changes.items())
    some |= {"run.seed": 99, "run.network.hidden": (7,), "run.network.activation": "tanh"}
    said = described(Scene(), Scene().edited(some))
    assert len(said) < 80
    assert said.endswith("…")


def test_nothing_is_nothing() -> None:
    """Two scenes that are the same."""
    assert described(Scene(), Scene()) == "nothing"


# --- what the menu says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Edit("run.optimiser.learning_rate", 0.25), "learning rate 0.5 to 0.25"),
        (Edit("view.log_loss", True), "logarithmic loss off to on"),
        (NewSeed(5), "seed 0 to 5"),
        (OpenScene(Scene(title="Other"), "other"), "the scene Other"),
        (Change({"run.seed": 8}), "seed 0 to 8"),
    ],
)
def test_undo_and_redo_say_what_they_would_do(message: object, words: str) -> None:
    """Each what it is about; with nothing to do, nothing."""
    undo, redo = BY_ID["undo"], BY_ID["redo"]
    before = running()
    assert (undo.names(before), redo.names(before)) == ("", "")
    now = reduce(message, before)
    assert undo.names(now) == words
    back = reduce(Undo(), now)
    assert (undo.names(back), redo.names(back)) == ("", words)
    assert undo.names(reduce(Redo(), back)) == words


def test_of_several_changes_the_last_is_told_first() -> None:
    """Each keeps its own name on the way back and forth."""
    state = after(running(), Edit("view.log_loss", True), NewSeed(5), Edit("view.log_steps", True))
    told = []
    for _ in range(3):
        told.append(BY_ID["undo"].names(state))
        state = reduce(Undo(), state)
    back = []
    for _ in range(3):
        back.append(BY_ID["redo"].names(state))
        state = reduce(Redo(), state)
    assert told == back[::-1]
    assert len(set(told)) == 3


def test_edits_that_wait_and_variants_have_names_too() -> None:
    """A draft is taken back as one."""
    state = reduce(Edit("run.seed", 3), running())
    assert BY_ID["undo"].names(state) == "edits that were not applied"
    applied = after(running(), AddVariant(), ApplyDraft())
    assert BY_ID["undo"].names(applied) == "one more variant"
    gone = reduce(RemoveVariant(), applied)
    assert BY_ID["undo"].names(gone) == "a variant less"
    scene = tiny_scene()
    twice = scene.edited({"variants": [scene.run.model_dump()]})
    changed = twice.edited({"variants.0.optimiser.learning_rate": 0.25})
    assert described(twice, changed) == "learning rate 0.5 to 0.25"
