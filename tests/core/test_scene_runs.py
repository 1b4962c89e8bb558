"""Scenes of several runs: seeds and variants, in a value and in a file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.scene import RunSpec, Scene, SpecError, dumps, loads
from thalweg.core.scene.scene import MOST_RUNS

EDITS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["", "slow", "fast", "ä 'n\" b\n"]),
    "seed": st.integers(0, 9),
    "seeds": st.integers(1, 4),
    "steps": st.integers(1, 900),
    "optimiser.name": st.sampled_from(["sgd", "adam"]),
    "optimiser.learning_rate": st.sampled_from([0.5, 0.1, 1e-300]),
    "optimiser.batch_size": st.integers(1, 40),
    "network.hidden": st.lists(st.integers(1, 9), min_size=3, max_size=5).map(tuple),
    "network.activation": st.sampled_from(["relu", "sigmoid"]),
    "stop.loss": st.sampled_from([0.0, 0.25]),
    "stop.flat": st.integers(0, 3),
}
"""Fields of a run that its variants may have otherwise, with a few values each: equal ones are likely."""

CHANGES = st.fixed_dictionaries({}, optional=EDITS)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A first run with a few variants, which share some of their fields."""
    changes = draw(CHANGES)
    scene = Scene().edited({f"run.{path}": value for path, value in changes.items()})
    trees = [scene.run.model_dump() for _ in range(draw(st.integers(0, 3)))]
    scene = scene.edited({"variants": trees})
    for k in range(len(trees)):
        scene = scene.edited({f"variants.{k}.{path}": value for path, value in draw(CHANGES).items()})
    return scene


@given(scenes())
def test_several_runs_come_back_from_toml(scene: Scene) -> None:
    """Whatever they have in common, names too."""
    assert loads(dumps(scene)) == scene


@given(scenes())
def test_a_variant_says_what_sets_it_apart(scene: Scene) -> None:
    """In the file the first run is whole, and each further one has the fields alone that are not the first's."""
    tree = tomllib.loads(dumps(scene))
    first, *others = tree["run"] if scene.variants else [tree["run"]]
    assert RunSpec.model_validate_json(scene.run.model_dump_json()) == scene.run
    assert set(first) == set(RunSpec.model_fields)
    for variant, table in zip(scene.variants, others, strict=True):
        said = {path for path in EDITS if _says(table, path.split("."))}
        apart = {path for path in EDITS if _of(variant, path) != _of(scene.run, path)}
        assert apart <= said <= apart | {"name"}
        assert "data" not in table


def _says(table: dict[str, Any], names: list[str]) -> bool:
    node: Any = table
    for name in names:
        if name not in node:
            return False
        node = node[name]
    return True


def _of(run: RunSpec, path: str) -> Any:
    return Scene(run=run).value(f"run.{path}")


@given(scenes())
def test_seeds_expand_to_runs(scene: Scene) -> None:
    """Each run so many times, each time with the next seed and as a run of its own; variants after the first."""
    found, owners = scene.runs(), [scene.run, *scene.variants]
    assert len(found) == sum(run.seeds for run in owners)
    at = 0
    for number, owner in enumerate(owners):
        for k in range(owner.seeds):
            assert found[at] == owner.model_copy(update={"seed": owner.seed + k, "seeds": 1})
            assert scene.spec_of(at) == number
            at += 1
    for number, owner in enumerate(owners):
        assert scene.seen(number).runs() == Scene(run=owner).runs()


@given(scenes(), st.data())
def test_a_variant_is_edited_at_its_place(scene: Scene, data: st.DataObject) -> None:
    """A dotted path with its number changes that field of that run, and ``value`` reads it."""
    number = data.draw(st.integers(0, 3))
    path = data.draw(st.sampled_from(sorted(EDITS)))
    value, full = data.draw(EDITS[path]), f"variants.{number}.{path}"
    if number >= len(scene.variants):
        with pytest.raises(SpecError, match=rf"^{full}: unknown field"):
            scene.edited({full: value})
        return
    edited = scene.edited({full: value})
    assert edited.value(full) == value
    assert edited.edited({full: scene.value(full)}) == scene
    assert edited.run == scene.run
    for k, (before, after) in enumerate(zip(scene.variants, edited.variants, strict=True)):
        if k != number:
            assert before == after


@pytest.mark.parametrize(
    ("edits", "train"),
    [
        ({"run.data.train": 300}, 300),
        ({"run.data": {"name": "digits", "folder": "", "train": 300, "test": 9, "measured": 9}}, 300),
    ],
)
def test_all_runs_have_the_data_of_the_first(edits: dict[str, Any], train: int) -> None:
    """An edit of the first run's data is one of all, field by field or whole; data of its own is refused."""
    scene = Scene().edited({"variants": [RunSpec().model_dump()] * 2})
    edited = scene.edited(edits)
    assert [run.data.train for run in edited.runs()] == [train] * 3
    with pytest.raises(SpecError, match=r"^variants\.1\.data: not that of the first run"):
        scene.edited({"variants.1.data.train": 300})
    with pytest.raises(SpecError, match=r"^demo: variants\.0\.data: not that of the first run"):
        loads("[[run]]\n[[run]]\ndata.train = 200", "demo")


def test_a_further_run_has_what_it_does_not_say_from_the_first() -> None:
    """Field by field, tables within tables too; the name alone is the first's own."""
    scene = loads(
        """
        [[run]]
        name = "first"
        seed = 4
        [run.optimiser]
        name = "rmsprop"
        learning_rate = 0.25
        momentum = 0.5
        [run.stop]
        epochs = 3
        [[run]]
        [run.optimiser]
        momentum = 0.75
        [[run]]
        name = "third"
        seeds = 2
        [run.stop]
        epochs = 0
        """
    )
    assert [run.name for run in scene.runs()] == ["first", "", "third", "third"]
    assert [run.seed for run in scene.runs()] == [4, 4, 4, 5]
    assert [run.optimiser.momentum for run in scene.runs()] == [0.5, 0.75, 0.5, 0.5]
    assert {run.optimiser.learning_rate for run in scene.runs()} == {0.25}
    assert {run.optimiser.name for run in scene.runs()} == {"rmsprop"}
    assert [run.stop.epochs for run in scene.runs()] == [3, 3, 0, 0]


def test_one_table_of_runs_is_one_run() -> None:
    """``[run]`` and a single ``[[run]]`` mean the same."""
    assert loads("[[run]]\nseed = 3") == loads("[run]\nseed = 3")


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("optimiser.learning_rate = 0.0", "optimiser.learning_rate"),
        ("optimiser.name = 'lion'", "optimiser.name"),
        ("optimiser.batch_size = 1501", "optimiser.batch_size"),
        ("network.hidden = [3, 0]", "network.hidden.1"),
        ("seed = 'one'", "seed"),
        ("sed = 3", "sed"),
        ("network.hiden = [3]", "network.hiden"),
        ("optimiser = 3", "optimiser"),
    ],
)
def test_a_fault_of_a_variant_is_told_as_one_of_the_first(table: str, field: str) -> None:
    """The same value is refused with the same words, at the place where it stands."""
    with pytest.raises(SpecError) as first:
        loads(f"[run]\n{table}", "demo")
    with pytest.raises(SpecError) as further:
        loads(f"[[run]]\n[[run]]\n{table}", "demo")
    assert str(first.value).startswith(f"demo: run.{field}: ")
    assert str(further.value) == str(first.value).replace("demo: run.", "demo: variants.0.")


@pytest.mark.parametrize("text", ["run = [3]", "run = [{}, 3]", "run = [[]]", "[[run]]\n[[run.optimiser]]"])
def test_what_is_no_table_of_runs_is_refused(text: str) -> None:
    """With one sentence that says where."""
    with pytest.raises(SpecError, match=r"^demo: run"):
        loads(text, "demo")


def test_no_more_runs_than_can_be_told_apart() -> None:
    """Seeds and variants together; the sentence has the number."""
    most = Scene().edited({"run.seeds": MOST_RUNS - 1, "variants": [RunSpec().model_dump()]})
    assert len(most.runs()) == MOST_RUNS
    with pytest.raises(SpecError, match=f"{MOST_RUNS + 1} runs in all .* at most {MOST_RUNS}"):
        most.edited({"variants.0.seeds": 2})
    with pytest.raises(SpecError, match="variants"):
        Scene().edited({"variants": [RunSpec().model_dump()] * 16})
    assert most.variants[0].seeds == 1


def test_the_last_seed_there_is_has_no_next() -> None:
    """Every run of a scene is one that a scene may have."""
    for run in Scene(run=RunSpec(seed=2**31 - 3, seeds=2)).runs():
        assert RunSpec.model_validate(run.model_dump()) == run
    with pytest.raises(SpecError, match="seed"):
        Scene().edited({"run.seed": 2**31 - 1, "run.seeds": 2})
