"""What the forms know of the specs, and the pure functions behind the editors."""

import doctest
import math

import pytest

from thalweg.app.panels import applies as applies_module
from thalweg.app.panels import described, pace_bar, reading
from thalweg.app.panels.applies import applies
from thalweg.app.panels.described import field_at, fields_at, specs_in
from thalweg.app.panels.row import breakable
from thalweg.core.scene import Scene

SPECS = (
    "",
    "run",
    "run.data",
    "run.network",
    "run.objective",
    "run.optimiser",
    "run.stop",
    "pace",
    "view",
    "view.plane",
    "view.plane.x",
    "view.plane.y",
    "view.camera",
    "view.slices",
    "view.depth",
)


@pytest.mark.parametrize("module", [described, reading, applies_module, pace_bar])
def test_examples_in_the_docstrings(module):
    """The examples are true."""
    assert doctest.testmod(module).failed == 0


def test_every_spec_of_a_scene_is_known():
    """The list that these tests walk is complete."""
    found, todo = [], [""]
    while todo:
        path = todo.pop()
        found.append(path)
        todo += specs_in(path)
    assert sorted(found) == sorted(SPECS)


@pytest.mark.parametrize("spec", SPECS)
def test_every_field_has_a_title_and_help(spec):
    """Forms have no texts of their own."""
    for field in fields_at(spec):
        assert field.title and field.help, field.path


def test_fields_in_the_order_of_the_spec():
    """Inner specs are left out, not flattened."""
    assert [f.path for f in fields_at("run")] == ["run.name", "run.seed", "run.seeds", "run.steps"]


def test_only_runs_restart():
    """A live field and a field of the view leave the run alone."""
    assert field_at("run.network.hidden").restarts
    assert not field_at("run.optimiser.learning_rate").restarts
    assert not field_at("view.plane.resolution").restarts


def test_a_spec_is_not_a_field():
    """A path into a plain field names no spec."""
    with pytest.raises(KeyError):
        fields_at("run.seed")


@pytest.mark.parametrize(
    ("changes", "path", "expected"),
    [
        ({}, "run.optimiser.momentum", True),
        ({"run.optimiser.name": "rmsprop"}, "run.optimiser.momentum", True),
        ({"run.optimiser.name": "adam"}, "run.optimiser.momentum", False),
        ({"run.optimiser.name": "adagrad"}, "run.optimiser.momentum", False),
        ({}, "run.data.folder", False),
        ({"run.data.name": "mnist"}, "run.data.folder", True),
        ({}, "view.plane.x.seed", False),
        ({"view.plane.x.kind": "random"}, "view.plane.x.seed", True),
        ({"view.plane.x.kind": "random"}, "view.plane.y.seed", False),
        ({"view.plane.y.kind": "weight"}, "view.plane.y.source", True),
        ({"view.plane.y.kind": "weight"}, "view.plane.y.target", True),
        ({"view.plane.y.kind": "weight"}, "view.plane.y.seed", False),
        ({}, "pace.batches", False),
        ({"pace.step": "batches"}, "pace.batches", True),
        ({}, "run.seed", True),
        ({}, "view.log_loss", True),
    ],
)
def test_applies(changes, path, expected):
    """A field counts when its sibling says so."""
    assert applies(path, Scene().edited(changes)) is expected


def test_numbers_read_back():
    """What is shown reads as what it was."""
    for value in (0.5, 1e-3, 1e-10, 1 / 3, 12345678.9, -2.0, 1e22, math.inf):
        assert reading.read_number(reading.show_number(value)) == value


def test_odd_numbers_do_not_crash():
    """Texts that Python's own readers stumble over."""
    for text in ("", "9" * 5000, "1e999", "nan", "-", "0x10", "½", "1,5", "inf"):
        reading.read_whole(text)
        reading.read_number(text)
        reading.read_wholes(text)
    assert reading.read_whole("1e999") == "1e999"
    assert reading.read_whole("1.5") == "1.5"
    assert reading.read_wholes("(30; 20)") == (30, 20)


def test_factor_steps_come_back():
    """Up and down again is the same rung, over many decades."""
    value = 1e-6
    for _ in range(27):
        up = reading.step_by_factor(value, 1)
        assert up > value
        assert reading.step_by_factor(up, -1) == pytest.approx(value)
        value = up
    assert value == pytest.approx(1000)


def test_words_can_be_broken_only_when_long():
    """A dotted path may end a line after a dot; a short word is left alone."""
    assert breakable("view.plane.x.source: no") == "view.\u200bplane.\u200bx.\u200bsource: no"
    assert breakable("0.5 is") == "0.5 is"
