"""What one step of training is made of, as it is seen on a plane."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.messages import Dissected, Part
from thalweg.core.plane.plane import Plane
from thalweg.core.scene.training import NESTEROV
from thalweg.core.training.layerwise import BETAS
from thalweg.core.training.run import Run
from thalweg.core.training.session import Trial

Parts = dict[str, Tensor]

QUASI_BETAS = (0.995, 0.999)
"""QHAdam's."""

RECTIFIED = 5
"""RAdam divides by the root of the squares where the length of their mean is above this (Liu et al. 2020)."""


def dissected(run: Run, examples: int) -> Dissected | None:
    """The next step of a run taken apart, on the plane that its path is drawn on; None without one.

    The map's loss is the mean over the first ``examples`` training examples. The run is as before.
    """
    found = run.projections[run.line.number].plane
    if found is None:
        return None
    number, plane = found
    trial, session = run.session.trial(), run.session
    step, rate = session.step_count, session.optimiser_spec.rate_at(session.step_count)
    parts = {name: v.double() for name, v in parts_of(trial, step, rate).items()}
    batch = run.problem.first(examples)
    drawn = run.problem.gradient(trial.start, batch).double()
    losses = [loss_and_accuracy(run.problem, at, batch)[0] for at in (trial.start, trial.end)]
    direction = parts["direction"]
    found_length = float(parts["plain"].norm() / direction.norm()) if direction.norm() > 0 else 0.0
    return Dissected(
        generation=run.generation,
        line=run.line.number,
        step=step,
        plane=number,
        optimiser=trial.optimiser,
        rate=found_length,
        start=_place(plane, trial.start),
        end=_place(plane, trial.end),
        slope=_slope(plane, parts["gradient"]),
        drawn_slope=_slope(plane, drawn),
        parts={name: Part(_along(plane, v), float(v.norm())) for name, v in parts.items()},
        promise=float(parts["gradient"] @ parts["step"]),
        loss=trial.loss,
        drawn_loss=(losses[0], losses[1]),
    )


def parts_of(trial: Trial, step: int, rate: float) -> Parts:
    """The vectors [size] that a tried step is made of, by the names of :class:`Dissected`; ``rate``: its learning rate.

    Whatever the method, ``plain`` is a positive multiple of ``direction``, and ``step`` is ``plain`` with each layer's
    part multiplied by its rate.
    """
    o, g, plain = trial.optimiser, trial.gradient, trial.plain - trial.start
    found: Parts = {"gradient": g}
    if o.clip and g.norm() > o.clip and o.name != "sam":  # which clips the gradient that it finds uphill
        found["clipped"] = g * (o.clip / g.norm())
    before, after = trial.before, trial.after
    momentum = o.momentum or (NESTEROV if o.name == "nesterov" else 0.0)
    if momentum and "momentum_buffer" in after:
        found["kept"] = momentum * before.get("momentum_buffer", torch.zeros_like(g))
        found["velocity"] = after["momentum_buffer"]
    mean = after.get("exp_avg", after.get("mean"))
    if mean is not None:
        first, second = _corrections(o.name, after)
        found["mean"] = mean / first
        if "exp_avg_sq" in after and not (o.name == "radam" and _short(float(after["step"]))):
            found["root"] = (after["exp_avg_sq"] / second).sqrt()
    squares = after.get("sum", after.get("square_avg"))
    if squares is not None:
        found["root"] = squares.sqrt()
    if o.name == "sam" and g.norm() > 0:
        found["uphill"] = 0.05 * g / g.norm()
    found["direction"] = _direction(o.name, g, plain, after, rate)
    return found | {"plain": plain, "step": trial.end - trial.start}


def _direction(name: str, g: Tensor, plain: Tensor, after: dict[str, Tensor], rate: float) -> Tensor:
    """What the step is a multiple of; of a line search, the way that it looks along."""
    match name:
        case "steepest":
            return -g
        case "conjugate":
            return after["direction"]
        case "lbfgs":
            return after.get("d", -g)
        case _:
            return plain / rate if rate else torch.zeros_like(plain)


def _corrections(name: str, after: dict[str, Tensor]) -> tuple[float, float]:
    """What Adam's means are divided by for having begun at 0."""
    if name in ("adam-uncorrected", "qhm") or "step" not in after:
        return 1.0, 1.0
    count = float(after["step"])
    first, second = QUASI_BETAS if name == "qhadam" else BETAS
    return 1 - first**count, 1 - second**count


def _short(count: float) -> bool:
    """Whether RAdam's mean of squares is too short to be divided by."""
    longest, left = 2 / (1 - BETAS[1]) - 1, BETAS[1] ** count
    return bool(longest - 2 * count * left / (1 - left) <= RECTIFIED)


def _place(plane: Plane, at: Tensor) -> tuple[float, float]:
    alpha, beta, _ = plane.project(at[None])[0]
    return float(alpha), float(beta)


def _along(plane: Plane, vector: Tensor) -> tuple[float, float]:
    """Coordinates of a vector, float64 [size], on the plane, by least squares."""
    basis = torch.stack([plane.x.vector, plane.y.vector]).double()
    alpha, beta = torch.linalg.solve(basis @ basis.T, basis @ vector).tolist()
    return alpha, beta


def _slope(plane: Plane, gradient: Tensor) -> tuple[float, float]:
    """Partial derivatives along the axes, of a gradient in float64 [size]."""
    return float(gradient @ plane.x.vector.double()), float(gradient @ plane.y.vector.double())
