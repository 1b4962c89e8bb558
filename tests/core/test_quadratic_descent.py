"""The closed form of descent on a ravine: as it is step by step, as the known numbers are, and as training goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.measures.quadratic_descent import factors, growth, limit, positions, products, steepness
from thalweg.core.scene import NetworkSpec, OptimiserSpec
from thalweg.core.scene.schedule import SCHEDULES

from .test_surfaces import AFTER_FOUR, CROSSED, run_of, spec

RAVINE = (100.0, 1.0)
START = (-1.0, 1.0)
Changes = list[tuple[int, OptimiserSpec]]


def rule(rate: float, momentum: float = 0.0, name: str = "sgd", layer_rates: tuple[float, ...] = ()) -> OptimiserSpec:
    """An optimiser that has a closed form."""
    given: dict[str, Any] = {"learning_rate": rate, "momentum": momentum, "name": name, "layer_rates": layer_rates}
    return OptimiserSpec(**given)


def by_steps(steep: tuple[float, float], changes: Changes, count: int) -> np.ndarray:
    """Step by step in float64, as torch has it; [count + 1, 2]."""
    x, v, found = np.array(START), np.zeros(2), [np.array(START)]
    for step in range(count):
        o = next(o for first, o in reversed(changes) if first <= step)
        m = o.momentum or 0.9 * (o.name == "nesterov")
        gradient = 2 * np.array(steep) * x
        v = m * v + gradient if m else v
        move = gradient if not m else gradient + m * v if o.name == "nesterov" else v
        x = x - o.rate_at(step) * np.array([*o.layer_rates, 1.0, 1.0][:2]) * move
        found.append(x)
    return np.array(found)


SCHEDULED = st.builds(
    lambda rate, schedule, length: OptimiserSpec(learning_rate=rate, schedule=schedule, schedule_steps=length),
    st.floats(1e-4, 0.012),
    st.sampled_from(list(SCHEDULES)),
    st.integers(1, 80),
)
UNSCHEDULED = st.builds(
    rule,
    st.floats(1e-4, 0.012),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.sampled_from(["sgd", "sgd", "nesterov"]),
    st.sampled_from([(), (0.5,), (0.5, 50.0), (1.0, 0.0)]),
)
RULES = st.one_of(UNSCHEDULED, SCHEDULED)


@given(
    st.lists(RULES, min_size=1, max_size=4),
    st.lists(st.integers(1, 50), min_size=3, max_size=3, unique=True),
    st.sampled_from([RAVINE, (1.0, 1.0), (3.0, -2.0), (20.0, 0.0)]),
)
def test_powers_are_what_the_steps_come_to(
    rules: list[OptimiserSpec], at: list[int], steep: tuple[float, float]
) -> None:
    """With and without momentum, with layer rates and schedules, and with changes on the way."""
    changes = list(zip([0, *sorted(at)], rules, strict=False))
    expected = by_steps(steep, changes, 60)
    found = positions(steep, START, changes, np.arange(61))
    assert found is not None
    scale = np.maximum.accumulate(np.abs(expected), axis=0)
    assert (np.abs(found - expected) <= 1e-9 * scale + 1e-300).all()


def test_only_the_steps_that_are_asked_for() -> None:
    """However far apart they are, and between which changes they lie."""
    changes = [(0, rule(0.009, 0.9)), (7, rule(0.004, 0.9)), (20, rule(0.001))]
    every = positions(RAVINE, START, changes, np.arange(1001))
    some = np.array([0, 6, 7, 8, 21, 1000])
    found = positions(RAVINE, START, changes, some)
    assert every is not None
    assert found is not None
    assert found == pytest.approx(every[some], rel=1e-12)
    assert positions(RAVINE, START, changes, np.empty(0, dtype=np.int64)) == pytest.approx(np.empty((0, 2)))


@pytest.mark.parametrize(("rate", "x", "y"), AFTER_FOUR)
def test_four_steps(rate: float, x: float, y: float) -> None:
    """The known places, to their last digit."""
    found = positions(RAVINE, START, [(0, rule(rate))], np.array([4]))
    assert found is not None
    assert found[0] == pytest.approx((x, y), abs=5e-7)


@pytest.mark.parametrize(("rate", "momentum", "steps"), CROSSED)
def test_steps_until_the_ravine_is_crossed(rate: float, momentum: float, steps: int) -> None:
    """The first step with C below 1e-6."""
    found = positions(RAVINE, START, [(0, rule(rate, momentum))], np.arange(4000))
    assert found is not None
    assert int(np.flatnonzero(found**2 @ RAVINE < 1e-6)[0]) == steps


@pytest.mark.parametrize(
    "optimiser",
    [
        rule(0.009),
        rule(0.0105),
        rule(0.0165289, (9 / 11) ** 2),
        rule(0.005, name="nesterov"),
        rule(0.01, layer_rates=(0.5, 40.0)),
        OptimiserSpec(learning_rate=0.009, schedule="cosine", schedule_steps=40),
    ],
)
@pytest.mark.parametrize("changed", [False, True])
def test_training_goes_where_the_closed_form_says(optimiser: OptimiserSpec, changed: bool) -> None:
    """At every one of 60 steps, to the precision of its numbers; with another rate from step 23 on, too."""
    run = run_of(spec(optimiser=optimiser.model_dump()))
    changes, later = [(0, optimiser)], 0.5 if optimiser.schedule == "constant" else 0.0
    if changed:
        changes.append((23, optimiser.model_copy(update={"learning_rate": 0.003, "momentum": later})))
    expected = positions(RAVINE, START, changes, np.arange(61))
    assert expected is not None
    trained = [run.session.parameters.tolist()]
    for step in range(60):
        if changed and step == 23:
            run.tune(changes[1][1])
        run.step()
        trained.append(run.session.parameters.tolist())
    assert tuple((c.step, c.optimiser) for c in run.line.changes) == tuple(changes)
    scale = np.maximum.accumulate(np.abs(expected), axis=0)
    assert (np.abs(np.array(trained) - expected) <= 1e-5 * scale).all()


def test_too_large_is_infinite_and_says_nothing(recwarn: pytest.WarningsRecorder) -> None:
    """With momentum too; a coordinate that begins at its minimum stays there."""
    steps = np.array([0, 10, 10**6, 10**9])
    for momentum in (0.0, 0.9):
        found = positions(RAVINE, (1.0, 0.0), [(0, rule(1.0, momentum))], steps)
        assert found is not None
        assert np.isfinite(found[:2]).all()
        assert np.isinf(found[2:, 0]).all()
        assert (found[:, 1] == 0).all()
    assert not len(recwarn)


def test_where_there_is_no_closed_form() -> None:
    """Of other optimisers, other surfaces, and steps that depend on the batch."""
    assert positions(RAVINE, START, [(0, rule(0.1, name="adam"))], np.arange(3)) is None
    assert steepness(NetworkSpec()) is None
    assert steepness(spec("rosenbrock").network) is None
    assert steepness(spec("noisy-ravine").network) is None
    assert steepness(spec("noisy-ravine", noise=0.0).network) == RAVINE
    assert steepness(spec("ravine", a=3.0).network) == (3, 1)


def test_products_of_one_factor_for_each_step() -> None:
    """A factor that stays is a power."""
    counts = np.array([0, 1, 3])
    assert products(np.array([-2.0, 0.5]), counts) == pytest.approx(np.array([[1, 1], [-2, 0.5], [-8, 0.125]]))
    each = np.array([[2.0, 1.0], [3.0, 0.0], [-1.0, 5.0]])
    assert products(each, counts) == pytest.approx(np.array([[1, 1], [2, 1], [-6, 0]]))


@pytest.mark.parametrize(("name", "momentum"), [("sgd", 0.0), ("sgd", 0.9), ("nesterov", 0.5), ("nesterov", 0.0)])
def test_the_limit_is_where_the_largest_root_leaves_the_circle(name: str, momentum: float) -> None:
    """Just below it descent shrinks, just above it grows; so do the places themselves."""
    edge = limit(rule(1.0, momentum, name)) / 200
    for rate, grows in ((0.999 * edge, False), (1.001 * edge, True)):
        optimiser = rule(rate, momentum, name)
        assert (growth(optimiser, RAVINE)[0] > 1) == grows
        found = positions(RAVINE, START, [(0, optimiser)], np.array([0, 100_000]))
        assert found is not None
        assert (abs(found[1, 0]) > 1) == grows


def test_the_largest_root_is_the_growth_in_the_long_run() -> None:
    """Of plain descent the factor's size; heavy ball at its best rate has √m in both coordinates."""
    assert growth(rule(0.009), RAVINE) == pytest.approx(np.abs(factors(rule(0.009), RAVINE)))
    assert factors(rule(0.009, layer_rates=(1.0, 2.0)), RAVINE) == pytest.approx([-0.8, 0.964])
    assert growth(rule(2 / 121, (9 / 11) ** 2), RAVINE) == pytest.approx([9 / 11] * 2, rel=1e-6)
    optimiser = rule(0.016, 0.3)
    found = positions(RAVINE, START, [(0, optimiser)], np.array([400, 401]))
    assert found is not None
    assert found[1, 1] / found[0, 1] == pytest.approx(growth(optimiser, RAVINE)[1])


def test_momentum_with_a_schedule_has_none() -> None:
    """Its matrices differ from step to step."""
    scheduled = OptimiserSpec(momentum=0.9, schedule="cosine")
    assert positions(RAVINE, START, [(0, scheduled)], np.arange(3)) is None
