"""Torch's optimisers, made and retuned from their spec."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn, optim

from thalweg.core.scene import OptimiserSpec
from thalweg.core.scene.training import NESTEROV
from thalweg.core.training import lbfgs
from thalweg.core.training.layerwise import Layerwise
from thalweg.core.training.lbfgs import LBFGS
from thalweg.core.training.line_search import LineSearch
from thalweg.core.training.newton import Newton, Product
from thalweg.core.training.putting_back import OF_ALL_TOGETHER
from thalweg.core.training.quasi_hyperbolic import QHM, QHAdam
from thalweg.core.training.sharpness_aware import SAM

Curvature = Callable[[], tuple[Tensor, Product]]
"""The gradient of the batch's loss, and the product of its curvature with a vector; float64 [size]."""


def build(
    spec: OptimiserSpec, parameter: nn.Parameter, spans: Sequence[slice] = (), curvature: Curvature | None = None
) -> optim.Optimizer:
    """The optimiser of this spec for one flat parameter. Torch's own, where torch has it.

    ``spans`` are the places of the tensors, for methods with a step width for each; ``curvature`` is for those of
    second order.
    """
    rate, momentum = spec.learning_rate, spec.momentum
    match spec.name:
        case "nesterov":
            return optim.SGD([parameter], lr=rate, momentum=momentum or NESTEROV, nesterov=True)
        case "adamw":
            return optim.AdamW([parameter], lr=rate, weight_decay=spec.decay)
        case "radam":
            return optim.RAdam([parameter], lr=rate)
        case "adam-uncorrected":
            return QHAdam([parameter], rate, betas=(0.9, 0.999), nus=(1.0, 1.0), corrected=False)
        case "qhm":
            return QHM([parameter], rate)
        case "qhadam":
            return QHAdam([parameter], rate)
        case "lars" | "lamb":
            return Layerwise(parameter, spans or [slice(0, len(parameter))], rate, adam=spec.name == "lamb")
        case "sam":
            return SAM([parameter], rate)
        case "steepest" | "conjugate":
            return LineSearch(parameter, rate, conjugate=spec.name == "conjugate")
        case "lbfgs":
            return LBFGS(parameter, rate)
        case "newton" | "gauss-newton":
            return Newton(parameter, rate, spec.damping, curvature or _none)
        case "sgd":
            return optim.SGD([parameter], lr=rate, momentum=momentum)
        case "adagrad":
            return optim.Adagrad([parameter], lr=rate)
        case "rmsprop":
            return optim.RMSprop([parameter], lr=rate, momentum=momentum)
        case "adam":
            return optim.Adam([parameter], lr=rate)


def _none() -> tuple[Tensor, Product]:
    raise ValueError("curvature: missing; a method of second order needs it")


def retune(optimiser: optim.Optimizer, spec: OptimiserSpec) -> None:
    """Take up the learning rate and momentum of ``spec``; the optimiser's memory stays."""
    for group in optimiser.param_groups:
        group["lr"] = spec.learning_rate  # until a schedule says otherwise, see set_rate
        if "damping" in group:
            group["damping"] = spec.damping
        if "weight_decay" in group and isinstance(optimiser, optim.AdamW):
            group["weight_decay"] = spec.decay
        if "momentum" in group:
            group["momentum"] = spec.momentum or (NESTEROV if group.get("nesterov") else 0.0)
            if isinstance(optimiser, optim.RMSprop) and spec.momentum:
                for p in group["params"]:
                    if optimiser.state[p]:
                        optimiser.state[p].setdefault("momentum_buffer", torch.zeros_like(p))


def set_rate(optimiser: optim.Optimizer, rate: float) -> None:
    """Take the next step with this learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def memory(optimiser: optim.Optimizer, copied: bool = True) -> dict[str, Tensor] | None:
    """Copies of what the optimiser remembers of earlier steps, by name; empty where it remembers nothing.

    Not ``copied``: None, unless there is nothing to copy.
    """
    if isinstance(optimiser, LBFGS):
        kept = optimiser.memory()
        return kept if copied or not kept else None
    kept = {n: v for n, v in optimiser.state[_parameter(optimiser)].items() if isinstance(v, Tensor)}
    return {n: v.clone() for n, v in kept.items()} if copied or not kept else None


def memory_bytes(optimiser: optim.Optimizer) -> int:
    """The memory that :func:`memory` takes."""
    held = (memory(optimiser) or {}) if isinstance(optimiser, LBFGS) else optimiser.state[_parameter(optimiser)]
    return sum(v.numel() * v.element_size() for v in held.values() if isinstance(v, Tensor))


def fault(spec: OptimiserSpec, kept: dict[str, Tensor], like: Tensor, begun: bool) -> str:
    """What is wrong with this memory of a parameter as ``like``, of an optimiser that has ``begun`` or not; or nothing.

    What is there with momentum may be missing without, or be left from before it was taken away.
    """
    found = {name: v.shape for name, v in kept.items()}
    wanted = _shapes(spec, like, begun, sum(name.startswith("rho_") for name in kept))
    anew: list[dict[str, torch.Size]] = [{}] if spec.name in OF_ALL_TOGETHER else []
    options = (wanted, wanted | {"momentum_buffer": like.shape}, *anew)
    return "" if found in options else f"{found} does not fit; expected {wanted}"


def _shapes(spec: OptimiserSpec, like: Tensor, begun: bool, pairs: int) -> dict[str, torch.Size]:
    """What an optimiser of this spec remembers, without momentum."""
    if spec.name in ("sam", "newton", "gauss-newton", "steepest"):  # they remember nothing
        return {}
    if spec.name == "lbfgs":
        return lbfgs.shapes(like, min(pairs, lbfgs.HISTORY)) if begun else {}
    if spec.name == "conjugate":
        return {"gradient": like.shape, "direction": like.shape} if begun else {}
    parameter = nn.Parameter(torch.zeros_like(like))
    parameter.grad = torch.zeros_like(like)
    trial = build(spec.model_copy(update={"momentum": 0.0}), parameter)
    if begun:
        trial.step()
    return {name: v.shape for name, v in (memory(trial) or {}).items()}


def remember(optimiser: optim.Optimizer, kept: dict[str, Tensor]) -> None:
    """Take up what :func:`memory` gave, in place of what there is."""
    if isinstance(optimiser, LBFGS):
        optimiser.remember(kept)
        return
    parameter = _parameter(optimiser)
    optimiser.state.pop(parameter, None)
    if kept:
        optimiser.state[parameter] = {n: v.clone() for n, v in kept.items()}


def _parameter(optimiser: optim.Optimizer) -> Tensor:
    parameter: Tensor = optimiser.param_groups[0]["params"][0]
    return parameter
