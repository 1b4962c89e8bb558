"""Scenes: what they accept, what they say when they do not, and their way through a file."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from thalweg.core.files import write_atomically
from thalweg.core.scene import AxisSpec, NetworkSpec, RunSpec, Scene, Spec, SpecError, dumps, load, loads, parse, save
from thalweg.core.scene.data import SIZES
from thalweg.core.scene.depth import BY_TIME
from thalweg.core.scene.layers import buffer_count, layer_shapes, over_batches
from thalweg.core.scene.scene import MOST_RUNS
from thalweg.core.scene.training import LAST_SEED, SECOND_ORDER, UNCLIPPED, WITH_LINE_SEARCH, WITHOUT_STATISTICS

# --- scenes of every kind --------------------------------------------------------------------------------------------


@cache
def values(spec: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Trees that respect each field's own type and bounds, as its JSON schema states them."""
    properties = spec.model_json_schema()["properties"]
    return st.fixed_dictionaries(
        {name: _value(field.annotation, properties[name]) for name, field in spec.model_fields.items()}
    )


def _value(annotation: Any, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return values(annotation)
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        entry = get_args(annotation)[0]
        inner = get_args(entry)[0] if hasattr(entry, "__metadata__") else entry
        least, most = schema.get("minItems", 0), min(6, schema.get("maxItems", 6))
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            most = 1  # whole tables: one says as much as many
        return st.lists(_value(inner, schema["items"]), min_size=least, max_size=most).map(tuple)
    assert not isinstance(annotation, UnionType), "a kind of field that this strategy does not know yet"
    low, high = schema.get("minimum"), schema.get("maximum")
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(low, high if high is not None else 10**6)
    if annotation is float:
        low = schema.get("exclusiveMinimum", low)
        high = schema.get("exclusiveMaximum", high)
        excluded = {"exclude_min": "exclusiveMinimum" in schema, "exclude_max": "exclusiveMaximum" in schema}
        return st.floats(low, high, allow_nan=False, allow_infinity=False, **excluded)
    assert annotation is str
    return st.text(max_size=schema.get("maxLength", 200))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Scenes whose fields also agree with one another."""
    tree = draw(values(Scene))
    data, run, view = tree["run"]["data"], tree["run"], tree["view"]
    runs = (run, *tree["variants"])
    for part, available in zip(("train", "test"), SIZES[data["name"]], strict=True):
        data[part] %= available + 1
    count = data["train"] or SIZES[data["name"]][0]
    for each in runs:
        each["data"], each["seeds"] = data, 1 + each["seeds"] % (MOST_RUNS // len(runs))
        each["seed"] = min(each["seed"], 2**31 - each["seeds"])
        each["optimiser"]["batch_size"] = 1 + each["optimiser"]["batch_size"] % count
        each["name"] = draw(st.sampled_from([each["name"], run["name"]]))
        each["network"]["formula"] = draw(st.sampled_from(["x*y", "100*x**2 + y**2", "sin(x) - y^3"]))
    for each in runs:
        if "surface" in (each["network"]["kind"], run["network"]["kind"]):
            each["network"] = dict(run["network"])
        network = NetworkSpec.model_validate(each["network"])
        each["optimiser"]["layer_rates"] = each["optimiser"]["layer_rates"][: len(layer_shapes(network))]
        name = each["optimiser"]["name"]
        impossible = (
            (buffer_count(network) and name in WITHOUT_STATISTICS)
            or (network.kind == "surface" and name == "gauss-newton")
            or (network.supervised and name in SECOND_ORDER)
        )
        if impossible or (name in WITH_LINE_SEARCH and each["optimiser"]["layer_rates"]):
            each["optimiser"]["name"] = "adam"
        if each["optimiser"]["name"] in UNCLIPPED:
            each["optimiser"]["clip"] = each["optimiser"]["l2"] = 0.0
        if each["optimiser"]["batch_size"] == 1 and over_batches(network):
            each["network"]["hidden_norm"] = "layer"
    view["example"] %= count
    view["depth"] |= {"layer": 1, "low": 0.25, "high": 0.5}
    layers = layer_shapes(NetworkSpec.model_validate(run["network"]))
    for name in ("x", "y"):
        axis = view["plane"][name]
        axis["layers"] = tuple(dict.fromkeys(1 + n % len(layers) for n in axis["layers"]))
        if axis["kind"] == "weight":
            layer = (axis["layers"] or (1,))[0]
            linear = [n for n, shape in enumerate(layers, start=1) if shape.kind == "linear"]
            layer = layer if layer in linear else linear[-1]
            units, inputs = layers[layer - 1].shapes[0]
            axis["layers"] = (layer,)
            axis["source"] %= inputs
            axis["target"] %= units
        axis["towards"] = draw(st.sampled_from(["start", "400", "runs/other.h5", "other.h5#400"]))
        ends = sorted({axis["low"], axis["high"]})
        axis["low"], axis["high"] = ends if len(ends) == 2 else (-1.0, 1.0)
    if draw(st.booleans()):
        tree["pace"]["speed"] = float("inf")
    return Scene.model_validate(tree)


@given(scenes())
def test_a_scene_comes_back_from_toml_as_it_was(scene: Scene) -> None:
    """Dumps and loads are inverse to each other, for every field of every spec."""
    assert loads(dumps(scene)) == scene


@given(scenes())
def test_the_toml_of_a_scene_names_every_field(scene: Scene) -> None:
    """What is written is complete: a later change of a default does not change an old picture."""

    def leaves(spec: type[BaseModel], tree: dict[str, Any]) -> Iterator[str]:
        assert set(tree) == set(spec.model_fields) - {"variants"}
        for name, field in spec.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Spec):
                yield from leaves(field.annotation, tree[name])
            elif name != "variants":
                yield name

    tree = tomllib.loads(dumps(scene))
    if scene.variants:
        first, *others = tree["run"]
        assert len(others) == len(scene.variants)
        tree["run"] = first
    assert len(list(leaves(Scene, tree))) > 30


@given(scenes())
def test_a_scene_comes_back_from_its_file(tmp_path_factory: pytest.TempPathFactory, scene: Scene) -> None:
    """Save and load are inverse to each other, line ends and odd characters included."""
    path = tmp_path_factory.getbasetemp() / "round-trip.toml"
    save(scene, path)
    assert load(path) == scene


def test_an_empty_file_is_the_default_scene() -> None:
    """Every field has a default, so nothing has to be said."""
    assert loads("") == Scene()


def test_specs_are_frozen() -> None:
    """A scene cannot be changed, only replaced."""
    with pytest.raises(ValidationError):
        Scene().run.seed = 1  # type: ignore[misc]


# --- faults ----------------------------------------------------------------------------------------------------------

FAULTS = [
    # (toml, field, value as shown, what the sentence says is accepted)
    ("[run.optimiser]\nbatch_size = 0", "run.optimiser.batch_size", "0", "a whole number at least 1"),
    ("[run.optimiser]\nbatch_size = 'ten'", "run.optimiser.batch_size", "'ten'", "a whole number at least 1"),
    ("[run.optimiser]\nbatch_size = 2.0", "run.optimiser.batch_size", "2.0", "a whole number at least 1"),
    ("[run.optimiser]\nbatch_size = true", "run.optimiser.batch_size", "True", "a whole number at least 1"),
    ("[run.optimiser]\nbatch_size = 1501", "run.optimiser.batch_size", "1501", "between 1 and 1500"),
    ("[run.optimiser]\nlearning_rate = 0.0", "run.optimiser.learning_rate", "0.0", "above 0 and at most 1000"),
    ("[run.optimiser]\nlearning_rate = nan", "run.optimiser.learning_rate", "nan", "above 0 and at most 1000"),
    ("[run.optimiser]\nlearning_rate = inf", "run.optimiser.learning_rate", "inf", "above 0 and at most 1000"),
    ("[run.optimiser]\nlearning_rate = 1000.5", "run.optimiser.learning_rate", "1000.5", "at most 1000"),
    ("[run.optimiser]\nmomentum = 1.0", "run.optimiser.momentum", "1.0", "at least 0 and below 1"),
    ("[run.optimiser]\nname = 'lion'", "run.optimiser.name", "'lion'", "one of sgd, nesterov, adagrad, rmsprop, adam"),
    ("[run.network]\nactivation = 'swish'", "run.network.activation", "'swish'", "one of sigmoid, tanh, relu"),
    ("[run.network]\nhidden = 30", "run.network.hidden", "30", "a list of 0 to 50 entries"),
    ("[run.network]\nhidden = [3, 0]", "run.network.hidden.1", "0", "each a whole number from 1 to 4096"),
    ("[run.network]\nhidden = [4097]", "run.network.hidden.0", "4097", "each a whole number from 1 to 4096"),
    ("[run.network]\nhidden = [30.0]", "run.network.hidden.0", "30.0", "each a whole number from 1 to 4096"),
    (f"[run.network]\nhidden = {[1] * 51}", "run.network.hidden", "[1, 1", "a list of 0 to 50 entries"),
    ("[run]\nseeds = 33", "run.seeds", "33", "a whole number from 1 to 32"),
    (f"[run]\nname = '{'x' * 41}'", "run.name", "'xxx", "text"),
    ("[run.stop]\nloss = -0.5", "run.stop.loss", "-0.5", "a number at least 0"),
    ("run = []", "run", "[]", "a table with the fields name, data, network"),
    ("[run]\nseed = -1", "run.seed", "-1", "a whole number from 0 to 2147483647"),
    ("[run.data]\ntrain = 1501", "run.data.train", "1501", "to 1500 (what digits has)"),
    ("[run.data]\ntest = 298", "run.data.test", "298", "to 297 (what digits has)"),
    ("[run.data]\nfolder = 3", "run.data.folder", "3", "text"),
    ("run = 3", "run", "3", "a table with the fields name, data, network"),
    (f"title = '{'x' * 81}'", "title", "'xxx", "text"),
    ("title = 2020-01-01", "title", "datetime.date(2020, 1, 1)", "text"),
    ("[pace]\nspeed = 0.4", "pace.speed", "0.4", "a number at least 0.5"),
    ("[pace]\nplay = 1", "pace.play", "1", "true or false"),
    ("[view]\npanels = ['map']", "view.panels.0", "'map'", "one of landscape, weight-map"),
    ("[view]\nexample = 1500", "view.example", "1500", "from 0 to 199"),
    ("[view.plane]\nresolution = 4", "view.plane.resolution", "4", "a whole number from 5 to 201"),
    ("[view.depth]\nlayer = 5", "view.depth.layer", "5", "from 1 to 4 (the layers of the deepest network)"),
    ("[view.depth]\nlock = true", "view.depth.low", "0", "a number above 0"),
    ("[view.depth]\nquantity = 'mean'\nlock = true\nlow = 1", "view.depth.low", "1", "below 1 (high)"),
    ("[view.plane.x]\nlayers = [5]", "view.plane.x.layers", "5", "from 1 to 4 (the layers of the network)"),
    ("[view.plane.y]\nlayers = [0]", "view.plane.y.layers.0", "0", "each a whole number at least 1"),
    ("[view.plane.x]\nlayers = [2, 2]", "view.plane.x.layers", "[2, 2]", "each layer once"),
    ("[view.plane.x]\nlow = 2\nhigh = 2", "view.plane.x.low", "2", "below high (2)"),
    ("[view.plane.x]\nhigh = inf", "view.plane.x.high", "inf", "a number"),
    ("[view.plane.x]\nkind = 'weight'\nlayers = [1, 2]", "view.plane.x.layers", "[1, 2]", "exactly one layer"),
    (
        "[view.plane.x]\nkind = 'weight'\nlayers = [1]\nsource = 784",
        "view.plane.x.source",
        "784",
        "from 0 to 783 (layer 1 is 784 x 30)",
    ),
    (
        "[view.plane.y]\nkind = 'weight'\nlayers = [4]\ntarget = 10",
        "view.plane.y.target",
        "10",
        "from 0 to 9 (layer 4 is 30 x 10)",
    ),
]


@pytest.mark.parametrize(("text", "field", "value", "accepted"), FAULTS, ids=[f"{f}={v}" for _, f, v, _ in FAULTS])
def test_a_fault_names_file_field_value_and_what_is_accepted(text: str, field: str, value: str, accepted: str) -> None:
    """Every kind of fault gives one sentence that starts with file and field, with the value and what would do."""
    with pytest.raises(SpecError) as caught:
        loads(text, "demo.toml")
    sentence = str(caught.value)
    assert sentence.startswith(f"demo.toml: {field}: {value}")
    assert accepted in sentence
    assert "\n" not in sentence


def number_fields(spec: type[BaseModel], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Dotted path and JSON schema of every numeric field."""
    properties = spec.model_json_schema()["properties"]
    for name, field in spec.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from number_fields(field.annotation, f"{path}{name}.")
        elif field.annotation in (int, float):
            yield path + name, properties[name]


@pytest.mark.parametrize(("path", "schema"), [pytest.param(p, s, id=p) for p, s in number_fields(Scene)])
def test_every_bound_is_enforced_and_named(path: str, schema: dict[str, Any]) -> None:
    """A value beyond a bound is refused with the field, the value and the bound; text is refused too."""
    beyond: list[tuple[Any, str]] = [("much", "number")]
    if "minimum" in schema:
        beyond.append((schema["minimum"] - 1, f"{schema['minimum']:.10g}"))
    if "exclusiveMinimum" in schema:
        beyond.append((schema["exclusiveMinimum"], f"{schema['exclusiveMinimum']:g}"))
    if "maximum" in schema:
        beyond.append((schema["maximum"] + 1, f"{schema['maximum']:.10g}"))
    if "exclusiveMaximum" in schema:
        beyond.append((schema["exclusiveMaximum"], f"{schema['exclusiveMaximum']:g}"))
    for value, bound in beyond:
        with pytest.raises(SpecError) as caught:
            Scene().edited({path: value})
        assert str(caught.value).startswith(f"{path}: {value!r} is not accepted; expected ")
        assert bound in str(caught.value).split("expected")[1]


@pytest.mark.parametrize(
    ("text", "unknown", "near"),
    [
        ("[run.optimiser]\nlearning_rte = 1.0", "run.optimiser.learning_rte", "learning_rate"),
        ("titel = 'x'", "titel", "title"),
        ("[view.plane.x]\nlayer = [1]", "view.plane.x.layer", "layers"),
        ("[vew]", "vew", "view"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(text: str, unknown: str, near: str) -> None:
    """A misspelt key is refused, never ignored, and the sentence says what was probably meant."""
    with pytest.raises(SpecError, match=f"^scene: {unknown}: unknown field; did you mean {near}") as caught:
        loads(text)
    assert "accepted here: " in str(caught.value)


def test_a_key_like_no_other_is_answered_with_all_that_are_known() -> None:
    """Without a near name there is no guess, but the list."""
    with pytest.raises(SpecError) as caught:
        loads("zzzz = 1")
    assert "did you mean" not in str(caught.value)
    assert str(caught.value).endswith("accepted here: " + ", ".join(Scene.model_fields))


def test_each_fault_has_a_line() -> None:
    """Several faults are all told at once, each line with the file's name."""
    with pytest.raises(SpecError) as caught:
        loads("extra = 1\n[run]\nseed = -1\n[pace]\nspeed = 0.0", "demo.toml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("demo.toml: ") for line in lines)


@pytest.mark.parametrize("text", ["title = ", "= 1", "[run", "title = 'a'\ntitle = 'b'", "\x00"])
def test_text_that_is_not_toml_is_said_to_be_so(text: str) -> None:
    """A syntax error names the file and says what the text is not."""
    with pytest.raises(SpecError, match="demo: not a TOML file"):
        loads(text, "demo")


def only_spec_errors(read: Callable[[], Scene]) -> None:
    """Read; a SpecError with a text is an answer, any other error is not."""
    try:
        assert isinstance(read(), Scene)
    except SpecError as e:
        assert str(e)


KEYS = st.sampled_from(["title", "run", "view", "plane", "x", "layers", "low", "hidden", "network", "seed", "pace"])
LEAVES = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=5), st.dates(), st.lists(st.integers(), max_size=3)
)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree_is_a_scene_or_a_spec_error(tree: dict[str, Any]) -> None:
    """Nothing but SpecError comes out of parse, whatever stands at the right places."""
    only_spec_errors(lambda: parse(tree, "demo"))


@given(st.text(max_size=200))
@example("[view.plane.x]\nlow = 1" + "0" * 400)
@example("run = 1e400")
def test_any_text_is_a_scene_or_a_spec_error(text: str) -> None:
    """Nothing but SpecError comes out of loads, whatever the text."""
    only_spec_errors(lambda: loads(text))


@pytest.mark.parametrize("name", ["number of 5000 digits", "3000 nested lists"])
def test_text_beyond_the_limits_of_the_reader_is_a_spec_error(name: str) -> None:
    """What makes Python's own TOML reader give up is a fault of the file like another."""
    text = "[run]\nseed = " + "1" * 5000 if name.startswith("number") else "run = " + "[" * 3000
    caught = None
    try:
        loads(text, "demo.toml")
    except Exception as e:
        caught = type(e).__name__, str(e)[:200]
    assert caught
    assert caught[0] == "SpecError"
    assert caught[1].startswith("demo.toml: ")


@given(st.binary(max_size=200))
@example("title = 'ä'".encode("latin-1"))
@example(b"\xef\xbb\xbftitle = 'x'")
@example(b"")
def test_any_bytes_are_a_scene_or_a_spec_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Nothing but SpecError comes out of load, whatever the file."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    only_spec_errors(lambda: load(path))


def test_a_path_without_a_scene_is_a_spec_error(tmp_path: Path) -> None:
    """No file, a folder and a binary file are each told apart, by name."""
    with pytest.raises(SpecError, match=r"none\.toml: there is no such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(SpecError, match=f"{tmp_path.name}: cannot be read"):
        load(tmp_path)
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\xff")
    with pytest.raises(SpecError, match=r"picture\.toml: not a text file"):
        load(tmp_path / "picture.toml")


# --- edits -----------------------------------------------------------------------------------------------------------


@given(scenes(), scenes())
def test_an_edit_changes_its_field_and_nothing_else(scene: Scene, other: Scene) -> None:
    """The edited scene differs in the given fields only, and the original is as it was."""
    before = dumps(scene)
    seed = min(other.run.seed, LAST_SEED + 1 - scene.run.seeds)
    edited = scene.edited({"run.seed": seed, "title": other.title, "pace": other.pace.model_dump()})
    assert (edited.run.seed, edited.title, edited.pace) == (seed, other.title, other.pace)
    assert dumps(scene) == before
    restored = edited.edited({"run.seed": scene.run.seed, "title": scene.title, "pace": scene.pace.model_dump()})
    assert restored == scene


def test_a_refused_edit_leaves_the_scene_as_it_was() -> None:
    """An edit that is not accepted raises, and changes nothing."""
    scene = Scene()
    with pytest.raises(SpecError, match=r"run\.network\.hidden\.0: 0 is not accepted"):
        scene.edited({"title": "new", "run.network.hidden": (0,)})
    assert scene == Scene()


@pytest.mark.parametrize("path", ["nosuch", "run.nosuch", "run.nosuch.deeper", "nosuch.deeper", "title.deeper", ""])
def test_an_edit_of_an_unknown_field_is_a_spec_error(path: str) -> None:
    """Whatever part of a path is unknown, the sentence names the path and calls it unknown."""
    with pytest.raises(SpecError, match=f"^{path}: unknown field"):
        Scene().edited({path: 1})


@given(st.lists(st.integers(1, 5), max_size=7), st.integers(1, 7), st.integers(1, 7), st.data())
def test_axes_follow_a_change_of_depth(hidden: list[int], one: int, another: int, data: st.DataObject) -> None:
    """An axis on the last layer stays on the last; others stay, or move to the last there is; no layer twice."""
    before, after = sorted({one, another})[0], len(hidden) + 1
    layers = tuple(data.draw(st.sets(st.integers(1, before), min_size=1)))
    scene = Scene().edited(
        {"run.network.hidden": (3,) * (before - 1), "view.plane.x.layers": layers, "view.plane.y.layers": (before,)}
    )
    edited = scene.edited({"run.network.hidden": tuple(hidden)})
    assert edited.view.plane.y.layers == (after,)
    found = edited.view.plane.x.layers
    if before == after:
        assert found == layers
    else:
        assert set(found) == {after if n == before or n > after else n for n in layers}
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("layers", "source", "becomes"),
    [((1,), 0, 406), ((), 0, 406), ((1, 3), 0, 406), ((1,), 17, 17), ((2,), 0, 0), ((4,), 0, 0)],
)
def test_an_axis_that_becomes_a_single_weight_starts_where_data_is(
    layers: tuple[int, ...], source: int, becomes: int
) -> None:
    """At the centre of the image, as its corner is black in all data; a source that was chosen, and others, stay."""
    before = Scene().edited({"view.plane.x.layers": layers, "view.plane.x.source": source})
    now = before.edited({"view.plane.x.kind": "weight"})
    assert now.view.plane.x.source == becomes
    assert now.view.plane.x.layers == (layers[:1] or (1,))
    assert now.view.plane.y == before.view.plane.y
    again = now.edited({"view.plane.x.source": 0})
    assert again.view.plane.x.source == 0, "the corner can still be chosen"
    row, column = divmod(406, 28)
    assert abs(row - 14) <= 1 >= abs(column - 14)


@pytest.mark.parametrize(("train", "highest"), [(0, 199), (1500, 199), (200, 199), (100, 99), (1, 0)])
def test_an_example_is_one_of_those_that_are_sent(train: int, highest: int) -> None:
    """The first 200, or as many as there are; the sentence says how many."""
    scene = Scene().edited({"run.data.train": train, "run.optimiser.batch_size": 1})
    assert scene.edited({"view.example": highest}).view.example == highest
    with pytest.raises(SpecError, match=rf"view\.example: {highest + 1} .* 0 to {highest}\b"):
        scene.edited({"view.example": highest + 1})


def test_an_axis_that_is_edited_with_the_depth_is_taken_as_given() -> None:
    """Layers that the same edit names are not moved."""
    edited = Scene().edited({"run.network.hidden": (3,) * 5, "view.plane.y.layers": (4,)})
    assert edited.view.plane.y.layers == (4,)


# --- architectures ---------------------------------------------------------------------------------------------------


def test_a_scene_without_an_architecture_is_a_fully_connected_one() -> None:
    """As all scenes were before there was a choice."""
    old = loads("[run.network]\nhidden = [9, 8, 7]\nactivation = 'tanh'")
    assert old.run.network == NetworkSpec(kind="mlp", hidden=(9, 8, 7), activation="tanh")


@given(st.sampled_from(["cnn", "residual", "lstm"]), st.booleans())
def test_axes_on_the_first_and_last_layer_stay_there(kind: str, batch_norm: bool) -> None:
    """Whatever the architecture is changed to, and back."""
    there = Scene().edited({"run.network.kind": kind, "run.network.batch_norm": batch_norm})
    last = len(layer_shapes(there.run.network))
    assert (there.view.plane.x.layers, there.view.plane.y.layers) == ((1,), (last,))
    assert there.edited({"run.network.kind": "mlp", "run.network.batch_norm": True}) == Scene()


@given(scenes(), st.sampled_from(["mlp", "cnn", "residual", "lstm", "surface"]))
def test_the_architecture_of_any_scene_can_be_changed(scene: Scene, kind: str) -> None:
    """Whatever its axes are, they find layers and weights that exist; a surface and a network have each their own."""
    there = scene.edited({"run.network.kind": kind})
    assert there.run.network.kind == kind
    if (kind == "surface") != (scene.run.network.kind == "surface"):
        return
    for name in ("x", "y"):
        assert getattr(there.view.plane, name).kind == getattr(scene.view.plane, name).kind


def test_on_a_surface_gauss_newton_is_newton() -> None:
    """Of the first run and of variants, which have no outputs any more; other methods stay."""
    scene = Scene().edited({"run.optimiser.name": "gauss-newton"})
    others = [scene.edited({"run.optimiser.name": name}).run.model_dump() for name in ("gauss-newton", "adam")]
    there = scene.edited({"variants": others}).edited({"run.network.kind": "surface"})
    assert [run.optimiser.name for run in (there.run, *there.variants)] == ["newton", "newton", "adam"]


@pytest.mark.parametrize(("kind", "layer"), [("cnn", 3), ("residual", 11), ("lstm", 2), ("mlp", 1)])
def test_a_single_weight_lies_in_a_linear_layer(kind: str, layer: int) -> None:
    """The axis goes there by itself; another layer is refused with the one that there is."""
    scene = Scene().edited({"run.network.kind": kind}).edited({"view.plane.x.kind": "weight"})
    assert scene.view.plane.x.layers == (layer,)
    if kind != "mlp":
        with pytest.raises(SpecError, match=rf"view\.plane\.x\.layers: 1 is not accepted.*layer {layer}$"):
            scene.edited({"view.plane.x.layers": (1,)})


@given(scenes())
def test_value_reads_what_edited_writes(scene: Scene) -> None:
    """A dotted path means the same to both, for every number of a scene."""
    for path, _ in number_fields(Scene):
        assert scene.edited({path: scene.value(path)}) == scene


# --- files -----------------------------------------------------------------------------------------------------------


def test_saving_leaves_one_file_that_others_can_read(tmp_path: Path) -> None:
    """The file has the rights of any new file, and no temporary file stays beside it."""
    save(Scene(), tmp_path / "a.toml")
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a.toml").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.toml", "b"]


@pytest.mark.parametrize("fails", ["write_bytes", "chmod", "replace"])
def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """Whatever step of writing fails, the old content stands and nothing else is left in the folder."""
    path = tmp_path / "scene.toml"
    save(Scene(title="old"), path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, fails, full)
    with pytest.raises(OSError):
        save(Scene(title="new"), path)
    monkeypatch.undo()
    assert load(path).title == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_interrupting_a_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle is no different from a full disk."""
    path = tmp_path / "scene.toml"
    save(Scene(title="old"), path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(Scene(title="new"), path)
    monkeypatch.undo()
    assert load(path).title == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    """No folder, a file in its place, and a read-only folder each raise OSError and leave what is there."""
    (tmp_path / "file").write_text("content")
    with pytest.raises(OSError):
        save(Scene(), tmp_path / "none" / "scene.toml")
    with pytest.raises(OSError):
        save(Scene(), tmp_path / "file" / "scene.toml")
    assert (tmp_path / "file").read_text() == "content"
    folder = tmp_path / "read-only"
    folder.mkdir()
    save(Scene(title="old"), folder / "scene.toml")
    with read_only(folder), pytest.raises(OSError):
        save(Scene(title="new"), folder / "scene.toml")
    assert load(folder / "scene.toml").title == "old"
    assert [p.name for p in folder.iterdir()] == ["scene.toml"]


class read_only:
    """A folder that this process cannot write to; root gives up its rights meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, os.geteuid() == 0
        self.opened: list[tuple[Path, int]] = []

    def __enter__(self) -> None:
        self.folder.chmod(0o555)
        if self.root:  # nobody has to be able to come as far as the folder
            for parent in self.folder.parents:
                mode = stat.S_IMODE(parent.stat().st_mode)
                if not mode & 0o001:
                    self.opened.append((parent, mode))
                    parent.chmod(mode | 0o001)
            os.seteuid(65534)

    def __exit__(self, *_: object) -> None:
        if self.root:
            os.seteuid(0)
            for parent, mode in self.opened:
                parent.chmod(mode)
        self.folder.chmod(0o755)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_write_atomically_writes_exactly_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes
) -> None:
    """The file is the content, byte for byte, whatever stood there."""
    path = tmp_path_factory.getbasetemp() / "exact"
    write_atomically(path, old)
    write_atomically(path, new)
    assert path.read_bytes() == new


# --- small derived values --------------------------------------------------------------------------------------------


@given(scenes())
def test_counts_are_within_the_data_set(scene: Scene) -> None:
    """0 means all; measured examples are never more than there are."""
    data = scene.run.data
    available = SIZES[data.name]
    assert data.train_count == (data.train if data.train else available[0])
    assert data.test_count == (data.test if data.test else available[1])
    assert 1 <= data.measured_count <= data.train_count
    assert data.measured_count in (data.measured, data.train_count)


def test_axes_of_other_specs_are_checked_too() -> None:
    """A spec on its own is as strict as within a scene."""
    for spec, tree in ((AxisSpec, {"low": 1.0, "high": 0.0}), (RunSpec, {"seed": 1.0}), (RunSpec, {"sed": 1})):
        with pytest.raises(ValidationError):
            spec.model_validate(tree)


def test_the_layer_of_the_strip_follows_the_depth() -> None:
    """The last stays the last, another goes no deeper than there are layers; of variants the deepest counts."""
    scene = Scene().edited({"view.depth.layer": 4})
    assert scene.edited({"run.network.hidden": (30,) * 6}).view.depth.layer == 7
    inner = scene.edited({"view.depth.layer": 2})
    assert inner.edited({"run.network.hidden": (30,) * 6}).view.depth.layer == 2
    assert inner.edited({"run.network.hidden": ()}).view.depth.layer == 1
    network = inner.run.network.model_copy(update={"hidden": (30,) * 8})
    variant = inner.run.model_copy(update={"network": network}).model_dump()
    assert inner.edited({"variants": [variant], "view.depth.layer": 9}).view.depth.layer == 9


def test_the_time_step_of_the_strip_is_one_that_an_lstm_has() -> None:
    """One of its 28 rows, where the quantity has them; with another quantity or network it is one of the layers."""
    lstm = Scene().edited({"run.network.kind": "lstm", "view.depth.layer": 1})
    with pytest.raises(SpecError, match=r"view\.depth\.layer: 28 .* from 1 to 2 \(the layers"):
        lstm.edited({"view.depth.layer": 28})
    for quantity in BY_TIME:
        timed = lstm.edited({"view.depth.quantity": quantity})
        assert timed.view.depth.layer == 1
        last = timed.edited({"view.depth.layer": 28})
        assert last.edited({"view.depth.quantity": "gradient"}).view.depth.layer == 2
        assert last.edited({"view.depth.quantity": "gradient"}).edited({"view.depth.quantity": quantity}) == last
        assert timed.edited({"view.depth.layer": 7, "run.network.units": 8}).view.depth.layer == 7
        assert timed.edited({"view.depth.layer": 7}).edited({"run.network.kind": "cnn"}).view.depth.layer == 3
        with pytest.raises(SpecError, match=r"view\.depth\.layer: 29 .* from 1 to 28 \(the time steps\)"):
            timed.edited({"view.depth.layer": 29})
        with pytest.raises(SpecError, match=r"from 1 to 4 \(the layers"):
            Scene().edited({"view.depth.quantity": quantity, "view.depth.layer": 5})


def test_a_locked_range_is_of_one_quantity() -> None:
    """Another one has another range."""
    locked = Scene().edited({"view.depth.lock": True, "view.depth.low": 0.1, "view.depth.high": 2.0})
    assert locked.edited({"run.seed": 4}).view.depth.lock
    assert not locked.edited({"view.depth.quantity": "noise"}).view.depth.lock


def test_what_takes_long_is_what_an_open_panel_shows() -> None:
    """Of a closed one nothing is measured."""
    scene = Scene().edited({"view.depth.quantity": "curvature"})
    assert scene.view.costly == ()
    assert scene.edited({"view.panels": ("depth",)}).view.costly == ("curvature",)
    assert scene.edited({"view.panels": ("depth",), "view.depth.quantity": "mean"}).view.costly == ()
