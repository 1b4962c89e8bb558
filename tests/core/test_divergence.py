"""A run whose loss is not finite any more: back to the last step where it was, and why."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.scene import OptimiserSpec, RunSpec, StopSpec
from thalweg.core.training.divergence import BACK, GENTLER
from thalweg.core.training.line import Line
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Halt, Runs

from .toys import Uninterrupted, changes_of, dataset, in_lock_step, plain, same_moment, tiny_run


def linear(rate: float, momentum: float = 0.0) -> RunSpec:
    """One linear layer and the squared error, on all examples at once: the loss is a quadratic form."""
    optimiser = OptimiserSpec(learning_rate=rate, momentum=momentum, batch_size=100)
    return tiny_run(
        network__hidden=(), objective__loss="squared-error", optimiser=optimiser.model_dump(), data__measured=100
    )


FAST = {"network__activation": "relu", "objective__loss": "squared-error", "optimiser__learning_rate": 1000.0}
DEEP = {"network__hidden": (6,) * 13, "network__activation": "relu", "network__initialisation": "he"}
NEARLY = float(torch.finfo(torch.float32).max) / 200
"""The sum of the losses of a batch overflows before their mean does."""

KINDS = {
    "sgd": tiny_run(**FAST),
    "sgd, slowly": linear(0.1),
    "sgd with momentum": tiny_run(**FAST, optimiser__momentum=0.9),
    "adam": tiny_run(**FAST | DEEP, optimiser__name="adam"),
    "rmsprop": tiny_run(**FAST | DEEP, optimiser__name="rmsprop"),
    "cnn": tiny_run(**FAST, network__kind="cnn", network__channels=(2,)),
}


def halted(runs: Runs, most: int = 600, measuring: bool = True) -> Halt:
    """Why they were halted, measured at every step as far as they came."""
    for _ in range(most):
        halt = runs.step()
        if measuring:
            runs.measure()
        if halt is not None:
            return halt
    raise AssertionError("not halted")


def loss_at(run: Run) -> float:
    """The mean loss of the examples that are measured where the run stands, by a copy of the module in float64."""
    return plain(run.problem, run.session.snapshot(), run.problem.first(run.spec.data.measured_count))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_it_stands_at_the_last_step_that_is_finite(kind: str) -> None:
    """Loss and parameters are finite there; going on, the next step that is taken is not. The record ends there.

    The measures have the row that is not finite; parameters and changes are those of a run that was never put back.
    """
    runs = in_lock_step(KINDS[kind])
    halt, run = halted(runs), runs.front
    line, ended = run.line, run.line.ended
    assert ended is not None
    last, bad = run.step_count, ended.step
    assert line.head == last < bad
    assert run.session.parameters.isfinite().all()
    assert math.isfinite(loss_at(run))
    assert line.recorded().tolist() == list(range(last + 1))
    exact = Uninterrupted(run.spec)
    assert same_moment(run.session.moment(), exact.at(last))
    columns = line.series.columns()
    assert columns["step"][-1] == bad
    assert not columns["train_loss"][-1] < NEARLY
    assert np.isfinite(columns["train_loss"][columns["step"] <= last]).all()
    beyond = exact.at(bad).parameters
    assert not plain(run.problem, beyond, run.problem.train)[0] < NEARLY
    assert (halt.sentence, halt.line) == (ended.sentence, line.number)
    assert ended.back == max(0, last - BACK)
    gentler = run.spec.optimiser.learning_rate / GENTLER
    assert halt.rescue == (ended.back, min(gentler, ended.limit / 2) if ended.limit > 0 else gentler)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sentence_says_where_and_what(kind: str) -> None:
    """Both steps and the loss; one line. A sharpness is claimed for gradient descent alone."""
    runs = in_lock_step(KINDS[kind])
    halt, run = halted(runs), runs.front
    ended, rate = run.line.ended, run.spec.optimiser.learning_rate
    assert ended is not None
    assert re.match(
        rf"Training stands at step {run.step_count}, the last that is finite: at step {ended.step} the loss is "
        rf"(inf|nan)\. ",
        halt.sentence,
    )
    assert "\n" not in halt.sentence
    assert f"{rate:g}" in halt.sentence
    if "sgd" in kind or kind == "cnn":
        assert ended.sharpness > 0
        assert (f"= {ended.limit:.3g} " in halt.sentence) == (rate > ended.limit)
    else:
        assert math.isnan(ended.sharpness)
        assert math.isnan(ended.limit)
        assert halt.sentence.endswith(f"A smaller learning rate than {rate:g} may help.")
        assert "sharpness" not in halt.sentence


# --- where the sharpness is known ------------------------------------------------------------------------------------


def sharpness() -> float:
    """The largest eigenvalue of its Hessian: of the second moments of the inputs and a one, in float64."""
    inputs = dataset(linear(1.0).data).train_images.astype(np.float64)
    with_one = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    return float(np.linalg.eigvalsh(with_one.T @ with_one / len(inputs))[-1])


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("times", [1.2, 1.5, 2.5])
def test_both_numbers_are_in_the_sentence(momentum: float, times: float) -> None:
    """The learning rate, and the largest that is stable, of the true curvature: (2 + 2 momentum) / sharpness."""
    curvature = sharpness()
    limit = (2 + 2 * momentum) / curvature
    runs = in_lock_step(linear(times * limit, momentum))
    halt, ended = halted(runs, measuring=False), runs.front.line.ended
    assert ended is not None
    assert ended.sharpness == pytest.approx(curvature, rel=1e-3)
    assert ended.limit == pytest.approx(limit, rel=1e-3)
    rule = "(2 + 2 momentum)/sharpness" if momentum else "2/sharpness"
    words = (
        f"The learning rate {times * limit:g} is above {rule} = {ended.limit:.3g} (largest curvature "
        f"{ended.sharpness:.3g} at step {ended.back})"
    )
    assert words in halt.sentence


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_below_the_limit_nothing_is_halted(momentum: float) -> None:
    """At nine tenths of the stable learning rate the loss of the quadratic form falls."""
    runs = in_lock_step(linear(0.9 * (2 + 2 * momentum) / sharpness(), momentum))
    before = loss_at(runs.front)
    assert [runs.step() for _ in range(300)] == [None] * 300
    assert loss_at(runs.front) < before


@pytest.mark.parametrize("times", [1.2, 2.0, 2.9])
def test_what_is_offered_helps(times: float) -> None:
    """Back to the step and with the learning rate of the rescue, a branch goes on finitely; the line itself stays."""
    runs = in_lock_step(linear(times * 2 / sharpness()))
    halt, run = halted(runs, measuring=False), runs.front
    assert halt.rescue is not None
    ended, (step, rate) = run.line, halt.rescue
    head = run.session.moment()
    for _ in runs.going_on(ended.number, step):
        pass
    assert run.step_count == step == max(0, ended.head - BACK)
    runs.tune(0, run.line.optimiser_at(step).model_copy(update={"learning_rate": rate}), StopSpec())
    assert run.line.parent is ended
    before = loss_at(run)
    for _ in range(40):
        assert runs.step() is None
        assert run.session.parameters.isfinite().all()
    assert loss_at(run) < before
    assert same_moment(run.session.moment(), Uninterrupted(run.spec).at(step + 40, changes_of(run.line)))
    assert ended.ended is not None
    run.go_to(ended.head, ended)
    assert same_moment(run.session.moment(), head)


@pytest.mark.parametrize("measuring", [True, False])
def test_the_curve_reaches_the_last_finite_step_and_the_one_that_is_not(measuring: bool) -> None:
    """However seldom the run was measured on its way."""
    runs = in_lock_step(KINDS["sgd"])
    halted(runs, measuring=measuring)
    line = runs.front.line
    assert line.ended is not None
    columns = line.series.columns()
    assert columns["step"].tolist()[-2:] == [line.head, line.ended.step]
    assert np.isfinite(columns["train_loss"]).tolist()[-2:] == [True, False]


# --- again, aside, and from the start --------------------------------------------------------------------------------


def test_going_on_without_a_change_ends_at_the_same_step() -> None:
    """As often as it is tried, with the same sentence; nothing of the record changes."""
    runs = in_lock_step(KINDS["sgd"])
    halt, run = halted(runs), runs.front
    head, columns = run.session.moment(), run.line.series.columns()
    for _ in range(3):
        assert runs.step() is None, "it rests"
        runs.again()
        assert halted(runs) == halt
        assert same_moment(run.session.moment(), head)
        found = run.line.series.columns()
        assert all(found[n].tobytes() == columns[n].tobytes() for n in columns)


def test_measures_are_those_of_the_line_as_it_went_on() -> None:
    """A gentler learning rate from the end on: every row is what is measured at its step, nothing of the failure."""
    runs = in_lock_step(linear(1.5 * 2 / sharpness()))
    halted(runs)
    run = runs.front
    runs.tune(0, run.spec.optimiser.model_copy(update={"learning_rate": 0.5 / sharpness()}), StopSpec())
    assert len(run.lines) == 1
    for _ in range(12):
        assert runs.step() is None
        runs.measure()
    columns = run.line.series.columns()
    exact = Uninterrupted(run.spec)
    assert columns["step"].tolist() == list(range(run.line.head + 1))
    for step, found in zip(columns["step"].tolist(), columns["train_loss"], strict=True):
        there = exact.at(step, changes_of(run.line)).parameters
        assert found == pytest.approx(plain(run.problem, there, run.problem.train)[0], rel=1e-4), f"at step {step}"


def test_the_path_is_that_of_the_line_as_it_went_on() -> None:
    """Drawn at every step, also at the one that it was put back from: each point is where the line is now."""
    runs = in_lock_step(linear(1.5 * 2 / sharpness()))
    run = runs.front
    x, y = torch.randn(2, len(run.session.parameters), generator=torch.Generator().manual_seed(0))
    plane = Plane(run.session.snapshot(), Direction(x, "x", ""), Direction(y, "y", ""))
    runs.project(1, plane)
    while runs.step() is None:
        run.path(run.line, run.step_count, run.session.parameters.detach())
    runs.tune(0, run.spec.optimiser.model_copy(update={"learning_rate": 0.5 / sharpness()}), StopSpec())
    for _ in range(4):
        assert runs.step() is None
    path = run.path(run.line, run.step_count, run.session.parameters.detach())
    assert path is not None
    exact = Uninterrupted(run.spec)
    for step, alpha, beta in zip(path.steps.tolist(), path.alpha, path.beta, strict=True):
        there = plane.project(exact.at(step, changes_of(run.line)).parameters[None])[0]
        assert (alpha, beta) == pytest.approx((there[0], there[1]), rel=1e-6), f"at step {step}"


def test_a_branch_that_diverges_leaves_its_parent() -> None:
    """It ends after where it began; the line that it left goes on."""
    runs = in_lock_step(tiny_run(network__activation="relu", objective__loss="squared-error"))
    run, first = runs.front, runs.front.line
    for _ in range(20):
        assert runs.step() is None
    for _ in runs.going_to(12):
        pass
    runs.tune(0, OptimiserSpec(learning_rate=1000.0), StopSpec())
    halt, branch = halted(runs), run.line
    assert branch.parent is first
    assert halt.line == branch.number
    assert 12 <= branch.head == run.step_count
    assert halt.rescue is not None
    assert halt.rescue[0] >= 12
    assert run.session.parameters.isfinite().all()
    for _ in runs.going_on(first.number):
        pass
    assert first.ended is None
    for step in range(21, 26):
        assert runs.step() is None
        assert same_moment(run.session.moment(), Uninterrupted(run.spec).at(step))


def test_a_loss_that_is_never_finite() -> None:
    """It stands at the start and says so."""
    runs = in_lock_step(tiny_run(**FAST))
    run = runs.front
    with torch.no_grad():
        run.session.parameters.fill_(1e30)
    run.line = Line(0, run.session.moment())
    run.lines = {0: run.line}
    halt = halted(runs)
    assert halt.sentence.startswith(("The loss is nan from the start, at step 0.", "The loss is inf from the start"))
    assert (run.step_count, run.line.head) == (0, 0)
    assert halt.rescue is not None
    assert halt.rescue[0] == 0
