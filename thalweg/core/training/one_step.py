"""What one step of training is made of, as it is seen on a plane."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.messages import Dissected, Part
from thalweg.core.networks.surface import Surface
from thalweg.core.plane.plane import Plane
from thalweg.core.scene import OptimiserSpec
from thalweg.core.scene.training import NESTEROV, WITH_LINE_SEARCH
from thalweg.core.training.layerwise import BETAS
from thalweg.core.training.layerwise import EPSILON as LAMB_EPSILON
from thalweg.core.training.quasi_hyperbolic import NU, QUASI_BETAS
from thalweg.core.training.run import Run
from thalweg.core.training.session import Trial
from thalweg.core.training.sharpness_aware import RHO

Parts = dict[str, Tensor]

EPSILONS = {"adagrad": 1e-10, "lamb": LAMB_EPSILON}
"""What is added to the root of the squares, where it is not 1e-8."""

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
    parts = parts_of(trial, step, rate)
    # a surface with noise is itself only over all of its pushes
    batch = run.problem.train if isinstance(run.problem.module, Surface) else run.problem.first(examples)
    drawn = run.problem.gradient(trial.start, batch).double()
    losses = [loss_and_accuracy(run.problem, at, batch)[0] for at in (trial.start, trial.end)]
    length = parts["direction"].norm()
    if trial.optimiser.name in WITH_LINE_SEARCH:
        rate = float(parts["plain"].norm() / length) if length > 0 else 0.0
    return Dissected(
        generation=run.generation,
        line=run.line.number,
        step=step,
        plane=number,
        optimiser=trial.optimiser,
        rate=rate,
        start=_place(plane, trial.start),
        end=_place(plane, trial.end),
        slope=_slope(plane, parts["gradient"]),
        drawn_slope=_slope(plane, drawn),
        parts={name: Part(_along(plane, v), _slope(plane, v), float(v.norm())) for name, v in parts.items()},
        promise=float(parts["gradient"] @ parts["step"]),
        loss=trial.loss,
        drawn_loss=(losses[0], losses[1]),
    )


def parts_of(trial: Trial, step: int, rate: float) -> Parts:
    """The vectors [size], float64, that a tried step is made of, by the names of :class:`Dissected`.

    ``rate`` is its learning rate. But for rounding ``plain`` is ``rate`` (of a line search: the length that was found)
    times ``direction``, and ``step`` is ``plain`` with each layer's part multiplied by its rate.
    """
    o, g, weights = trial.optimiser, trial.gradient.double(), trial.start.double()
    plain = trial.plain.double() - weights
    found: Parts = {"gradient": g}
    if o.l2 and trial.penalty.any():
        found["penalty"] = trial.penalty.double()
        g = found["penalised"] = g + found["penalty"]
    if o.clip and g.norm() > o.clip and o.name != "sam":  # which clips the gradient that it finds uphill
        g = found["clipped"] = g * (o.clip / g.norm())
    before, after = ({n: v.double() for n, v in kept.items()} for kept in (trial.before, trial.after))
    found |= _means(o, g, after)
    momentum = o.momentum or (NESTEROV if o.name == "nesterov" else 0.0)
    if momentum and "momentum_buffer" in after:
        found["kept"] = momentum * before.get("momentum_buffer", torch.zeros_like(g))
        found["velocity"] = after["momentum_buffer"]
    if o.name == "sam" and g.norm() > 0:
        found["uphill"] = RHO * g / g.norm()
    if o.name == "adamw":
        found["decayed"] = -o.decay * weights
    found["direction"] = _direction(o, g, found, plain, after, rate)
    return found | {"plain": plain, "step": trial.end.double() - weights}


def _means(o: OptimiserSpec, g: Tensor, after: Parts) -> Parts:
    """Running means, what a method blends of them, and what is divided by the root of the squares."""
    found: Parts = {}
    above = g
    mean = after.get("exp_avg", after.get("mean"))
    first, second = _corrections(o.name, after)
    if mean is not None:
        above = found["mean"] = mean / first
    if o.name in ("qhm", "qhadam"):
        above = found["blend"] = (1 - NU) * g + NU * found["mean"]
    squares = after.get("sum", after.get("square_avg", after.get("exp_avg_sq")))
    if squares is None or (o.name == "radam" and _rectified(float(after["step"])) == 0):
        return found
    found["root"] = (squares / (second if "exp_avg_sq" in after else 1.0)).sqrt()
    return found | {"scaled": -above / (found["root"] + (EPSILONS.get(o.name, 1e-8)))}


def _direction(o: OptimiserSpec, g: Tensor, found: Parts, plain: Tensor, after: Parts, rate: float) -> Tensor:
    """What the step is a multiple of; of a line search, the way that it looks along."""
    scaled = found.get("scaled")
    match o.name:
        case "steepest":
            return -g
        case "conjugate":
            return after["direction"]
        case "lbfgs":
            return after.get("d", -g)
        case "sgd" | "rmsprop" if "velocity" in found:
            return -found["velocity"]
        case "sgd":
            return -g
        case "nesterov":
            return -(g + (o.momentum or NESTEROV) * found["velocity"])
        case "qhm":
            return -found["blend"]
        case "adamw" if scaled is not None:
            return scaled + found["decayed"]
        case "radam":
            return -found["mean"] if scaled is None else scaled * _rectified(float(after["step"]))
        case "adagrad" | "rmsprop" | "adam" | "adam-uncorrected" | "qhadam" if scaled is not None:
            return scaled
        case _:
            return plain / rate if rate else torch.zeros_like(plain)


def _corrections(name: str, after: dict[str, Tensor]) -> tuple[float, float]:
    """What Adam's means are divided by for having begun at 0."""
    if name in ("adam-uncorrected", "qhm") or "step" not in after:
        return 1.0, 1.0
    count = float(after["step"])
    first, second = QUASI_BETAS if name == "qhadam" else BETAS
    return 1 - first**count, 1 - second**count


def _rectified(count: float) -> float:
    """RAdam's factor for a mean of squares over so few steps; 0 where that is too short to be divided by.

    Liu et al. 2020, algorithm 2.
    """
    longest, left = 2 / (1 - BETAS[1]) - 1, BETAS[1] ** count
    length = longest - 2 * count * left / (1 - left)
    if length <= RECTIFIED:
        return 0.0
    share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return float(share**0.5)


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
