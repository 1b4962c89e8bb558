"""What is said of a surface C(x, y): where the descent is, and what theory knows of it on a ravine. No Qt."""

from __future__ import annotations

import math

import numpy as np

from thalweg.app import theory
from thalweg.app.state import AppState
from thalweg.core.measures.quadratic_descent import METHODS, factors, growth, limit, momentum, rates, steepness
from thalweg.core.messages import Map
from thalweg.core.scene import OptimiserSpec

CAVEAT = "A surface of two variables is no basis for choosing an optimiser."

Two = tuple[float, float]


def is_surface(state: AppState) -> bool:
    """Whether a surface stands in the place of the network."""
    return state.spec.network.kind == "surface"


def is_noisy(state: AppState) -> bool:
    """Whether a step depends on the batch."""
    return not is_surface(state) or state.spec.network.surface == "noisy-ravine"


def heading(state: AppState) -> str:
    """The line above a surface's map: how many steps the path on screen has."""
    count = int(state.path.steps[-1]) if state.path is not None else 0
    return f"C(x, y), and the way down after {count:,} step{'s' if count != 1 else ''}"


def way(state: AppState, m: Map, optimiser: str) -> str:
    """Where the descent has come to by this optimiser, and what is known of it."""
    path, known = state.path, stability(state)
    if path is None or path.plane != m.plane:
        return f"{optimiser}.{known}"
    return (
        f"{optimiser}.{known} □ step {path.steps[0]:,}: ({path.alpha[0]:.4g}, {path.beta[0]:.4g}); "
        f"● step {path.steps[-1]:,}: ({path.alpha[-1]:.6g}, {path.beta[-1]:.6g})."
    )


def rings(state: AppState, m: Map) -> str:
    """What the rings on the map are, where there are any."""
    there = m.surface and state.path is not None and state.path.plane == m.plane
    return " ○: closed form." if there and theory.known(state.frame, state.started, state.scene) else ""


def dots(state: AppState) -> str:
    """What the dots over the curve of the line in front are, where there are any."""
    return " Heavy dots: closed form." if theory.known(state.frame, state.started, state.scene) else ""


def stability(state: AppState) -> str:
    """What a ravine makes of each step, and whether that is stable; as of the step that is looked at.

    Of other surfaces and optimisers, and of steps that depend on the batch, nothing.
    """
    steep, o = steepness(state.spec.network), _optimiser_now(state)
    if steep is None or o.name not in METHODS or o.clip:
        return ""
    return f" {_verdict(o, steep)} {_in_the_long_run(o, steep) if momentum(o) else _each_step(o, steep)}"


def _optimiser_now(state: AppState) -> OptimiserSpec:
    """The optimiser in force, with the learning rate that its schedule has come to."""
    o = state.optimiser_now
    rate = o.rate_at(state.line.step if state.line else 0)
    return o.model_copy(update={"learning_rate": rate, "schedule": "constant"})


def _verdict(o: OptimiserSpec, steep: Two) -> str:
    """Whether the learning rate is stable, beside the limits that decide it."""
    if min(steep) < 0:
        return "C falls without end."
    if min(steep) == 0:
        return "C is flat along a line: each of its points is lowest."
    if o.layer_rates:
        x, y = rates(o) * 2 * np.array(steep)
        kept = max(x, y) < limit(o)
        return (
            f"With the layer rates η·λ is {x:.4g} in x and {y:.4g} in y, {'' if kept else 'not '}below {limit(o):.4g}: "
            f"{'stable' if kept else 'not stable'}."
        )
    eta, largest = o.learning_rate, 2 * max(steep)
    limits = {"1/λmax": 1 / largest} if not momentum(o) else {}
    limits[_limit_written(o)] = limit(o) / largest
    said = [f"{name} = {value:.4g}" for name, value in limits.items()]
    for value, text in zip(limits.values(), said, strict=True):
        if math.isclose(eta, value, rel_tol=1e-9):
            return f"η = {text}: {'the edge of stability' if text == said[-1] else 'stable'}."
    passed = sum(eta > value for value in limits.values())
    if passed == len(limits):
        return f"η = {eta:.4g} is above {said[-1]}: not stable."
    return f"η = {eta:.4g} is {f'between {said[0]} and {said[1]}' if passed else f'below {said[0]}'}: stable."


def _limit_written(o: OptimiserSpec) -> str:
    if not momentum(o):
        return "2/λmax"
    return "(2 + 2m)/λmax" if o.name == "sgd" else "(2 + 2m)/((1 + 2m) λmax)"


def _each_step(o: OptimiserSpec, steep: Two) -> str:
    x, y = (f"{_signed(factor)} ({_course(factor)})" for factor in factors(o, steep).tolist())
    return f"Each step multiplies x by 1 − 2aη = {x}, y by 1 − 2bη = {y}."


def _in_the_long_run(o: OptimiserSpec, steep: Two) -> str:
    x, y = growth(o, steep).tolist()
    return f"Largest root: each step multiplies x by {x:.4g} in size in the long run, and y by {y:.4g}."


def _signed(value: float) -> str:
    return f"{round(value, 12) + 0.0:.4g}".replace("-", "−")


def _course(factor: float) -> str:
    """What repeated multiplication with a factor looks like.

    >>> [_course(f) for f in (-1.04, -1.0, -0.8, 0.0, 0.5, 0.98, 1.0, 1.1)]
    ['grows', 'jumps to and fro', 'zigzags', 'is there at once', 'shrinks', 'creeps', 'stays', 'grows']
    """
    if math.isclose(abs(factor), 1, rel_tol=1e-12):
        return "stays" if factor > 0 else "jumps to and fro"
    if abs(factor) > 1:
        return "grows"
    if abs(factor) < 1e-12:
        return "is there at once"
    return "zigzags" if factor < 0 else "creeps" if factor > 0.9 else "shrinks"
