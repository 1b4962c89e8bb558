"""Is the step that is looked at a minimum? The verdict, and the ways to where other lines of training went."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np

from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.lanczos import PRODUCTS
from thalweg.core.measures.stall import verdict_steps, way
from thalweg.core.messages import Failed, Judged, Progress, WayOut
from thalweg.core.training.line import Line
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Runs

MOST_WAYS = 4
"""Lines to which the way is looked at, the newest first."""


def judging(runs: Runs, examples: int) -> Generator[int, None, Judged]:
    """Judge where the run in front stands; a generator that yields after each product, with their number.

    Raises CurvatureError where something is not finite.
    """
    run = runs.front
    here, batch = run.session.snapshot(), run.problem.first(examples)
    steps = verdict_steps(run.problem, here, batch)
    while True:
        try:
            yield next(steps).products
        except StopIteration as end:
            verdict = end.value
            break
    return Judged(
        generation=runs.generation,
        line=run.line.number,
        step=run.step_count,
        loss=verdict.loss,
        gradient=verdict.gradient,
        largest=verdict.largest,
        smallest=verdict.smallest,
        error=verdict.error,
        gain=verdict.gain,
        curves_down=verdict.curves_down,
        examples=verdict.examples,
        size=verdict.size,
        ways=_ways(runs, run, examples),
    )


def judged(
    runs: Runs, examples: int, report: Callable[[Progress], None], cancelled: Callable[[], bool]
) -> Judged | Failed:
    """As :func:`judging`, in one go that tells how far it is and may be cancelled between two products."""
    steps, generation = judging(runs, examples), runs.generation
    try:
        while True:
            done = next(steps)
            if cancelled():
                return Failed(generation, "Whether this is a minimum was not found out: it was cancelled.")
            report(Progress(generation, "Is this a minimum?", done, PRODUCTS, "products"))
    except StopIteration as end:
        found: Judged = end.value
        return found
    except CurvatureError as e:
        return Failed(generation, f"Whether this is a minimum is not known: {e}.")


def _ways(runs: Runs, run: Run, examples: int) -> tuple[WayOut, ...]:
    """To the newest steps of other lines of the same network from the same start: they show what was in reach."""
    start, batch, here = run.problem.start, run.problem.first(examples), run.session.snapshot()
    found = []
    for _, other, line in reversed(list(runs.lines)):
        same = other.problem.start.shape == start.shape and bool((other.problem.start == start).all())
        tip = line.tip or (other.session.moment() if line is other.line else None)
        if line is run.line or not same or tip is None or other.spec.network != run.spec.network:
            continue
        since = min(line.parted_from(run.line), run.step_count)
        straight = way(run.problem, here, tip.parameters, batch)
        jumped = run.line.jump_at(since) is not None or line.jump_at(since) is not None
        own = (float("nan"), float("nan"), 0) if jumped else own_way(line, since)
        found.append(WayOut(line.number, tip.step, straight, since, *own, run.spec.data.measured_count))
        if len(found) == MOST_WAYS:
            break
    return tuple(found)


def own_way(line: Line, since: int) -> tuple[float, float, int]:
    """The greatest and the newest loss that was measured on a line from a step on, and the newest measured step.

    Not numbers where less than two were measured.
    """
    series = line.series.columns()
    losses = series["train_loss"][series["step"] >= since] if "train_loss" in series else series["step"][:0]
    if len(losses) < 2 or not np.isfinite(losses).all():
        return float("nan"), float("nan"), 0
    return float(losses.max()), float(losses[-1]), int(series["step"][-1])
