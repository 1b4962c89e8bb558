"""What is done with a run whose loss is not finite any more: back to its last finite step, and why."""

from __future__ import annotations

import math
import time

from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.sharpness import Sharpness, sharpness_steps, stable_learning_rate
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.scene import OptimiserSpec
from thalweg.core.training.line import Ended
from thalweg.core.training.run import Run

BACK = 10
"""Steps before the last finite one to which it is offered to go back."""

GENTLER = 3
"""The learning rate is then divided by this."""

EXAMPLES = 1000
"""Examples that the sharpness is found on."""

PATIENCE = 2.0
"""Seconds that finding it may take."""


def settle(run: Run, loss: float) -> Ended:
    """Put a run whose last step saw the batch loss ``loss``, which is not finite, to its last finite step.

    The line ends there; its series has the row of that step and the row that is not finite. Why: for gradient descent,
    the largest curvature a few steps earlier is compared with the learning rate (LeCun et al. 1998; Cohen et al. 2021).
    """
    bad = run.step_count - 1
    run.go_to(bad)
    run.line.cut(bad)
    lost = run.measures()
    last = bad
    while last > run.line.start:
        last -= 1
        run.go_to(last)
        if _finite(run):
            break
    run.line.cut(last)
    run.measure()
    run.line.series.add(bad, lost)
    back = max(run.line.start, last - BACK)
    found, limit = _sharpness(run, back)
    run.go_to(last)
    words = _sentence(bad, last, back, loss, run.session.optimiser_spec, found, limit)
    run.line.ended = Ended(bad, words, back, found, limit)
    return run.line.ended


def _finite(run: Run) -> bool:
    vector = run.session.parameters.detach()
    if not vector.isfinite().all():
        return False
    return math.isfinite(loss_and_accuracy(run.problem, vector, run.problem.first(run.spec.data.measured_count))[0])


def _sharpness(run: Run, step: int) -> tuple[float, float]:
    """The sharpness at a step, and the learning rate that it allows; NaN where there is none, or no rule for it."""
    optimiser = run.line.optimiser_at(step)
    if optimiser.name != "sgd":
        return math.nan, math.nan
    run.go_to(step)
    began, batch = time.perf_counter(), run.problem.first(EXAMPLES)
    steps = sharpness_steps(run.problem, run.session.snapshot(), batch)
    value = math.nan
    try:
        while time.perf_counter() - began < PATIENCE:
            estimate = next(steps)
            if len(estimate.values):
                value = float(estimate.values[0])  # a lower bound, which is what is needed
    except StopIteration as end:
        found: Sharpness = end.value
        value = found.value
    except (CurvatureError, RuntimeError):
        return math.nan, math.nan
    return value, stable_learning_rate(value, optimiser.momentum)


def _sentence(
    bad: int, last: int, back: int, loss: float, optimiser: OptimiserSpec, sharpness: float, limit: float
) -> str:
    what = f"Training stands at step {last:,}, the last that is finite: at step {bad:,} the loss is {loss}."
    if last == bad:
        return f"The loss is {loss} from the start, at step {bad:,}: there is no way on from there."
    rate = optimiser.rate_at(back)
    if rate > limit:
        rule = "2/sharpness" if not optimiser.momentum else "(2 + 2 momentum)/sharpness"
        return (
            f"{what} The learning rate {rate:g} is above {rule} = {limit:.3g} (largest curvature {sharpness:.3g} at "
            f"step {back:,}): along the sharpest direction each step overshoots the last."
        )
    return f"{what} A smaller learning rate than {rate:g} may help."
