"""Torch's optimisers, made and retuned from their spec."""

from __future__ import annotations

import torch
from torch import Tensor, nn, optim

from thalweg.core.scene import OptimiserSpec


def build(spec: OptimiserSpec, parameter: nn.Parameter) -> optim.Optimizer:
    """The optimiser of this spec for one flat parameter; all four work coordinate by coordinate."""
    rate, momentum = spec.learning_rate, spec.momentum
    match spec.name:
        case "sgd":
            return optim.SGD([parameter], lr=rate, momentum=momentum)
        case "adagrad":
            return optim.Adagrad([parameter], lr=rate)
        case "rmsprop":
            return optim.RMSprop([parameter], lr=rate, momentum=momentum)
        case "adam":
            return optim.Adam([parameter], lr=rate)


def retune(optimiser: optim.Optimizer, spec: OptimiserSpec) -> None:
    """Take up the learning rate and momentum of ``spec``; the optimiser's memory stays."""
    for group in optimiser.param_groups:
        group["lr"] = spec.learning_rate
        if "momentum" in group:
            group["momentum"] = spec.momentum
            if isinstance(optimiser, optim.RMSprop) and spec.momentum:
                for p in group["params"]:
                    if optimiser.state[p]:
                        optimiser.state[p].setdefault("momentum_buffer", torch.zeros_like(p))


def memory(optimiser: optim.Optimizer, copied: bool = True) -> dict[str, Tensor] | None:
    """Copies of what the optimiser remembers of earlier steps, by name; empty where it remembers nothing.

    Not ``copied``: None, unless there is nothing to copy.
    """
    kept = {n: v for n, v in optimiser.state[_parameter(optimiser)].items() if isinstance(v, Tensor)}
    return {n: v.clone() for n, v in kept.items()} if copied or not kept else None


def memory_bytes(optimiser: optim.Optimizer) -> int:
    """The memory that :func:`memory` takes."""
    kept = optimiser.state[_parameter(optimiser)].values()
    return sum(v.numel() * v.element_size() for v in kept if isinstance(v, Tensor))


def shapes(spec: OptimiserSpec, like: Tensor, begun: bool) -> dict[str, torch.Size]:
    """What an optimiser of this spec remembers of a parameter as ``like``, once it has ``begun`` or before.

    Without momentum; with it there is ``momentum_buffer`` too.
    """
    parameter = nn.Parameter(torch.zeros_like(like))
    parameter.grad = torch.zeros_like(like)
    trial = build(spec.model_copy(update={"momentum": 0.0}), parameter)
    if begun:
        trial.step()
    return {name: kept.shape for name, kept in (memory(trial) or {}).items()}


def remember(optimiser: optim.Optimizer, kept: dict[str, Tensor]) -> None:
    """Take up what :func:`memory` gave, in place of what there is."""
    parameter = _parameter(optimiser)
    optimiser.state.pop(parameter, None)
    if kept:
        optimiser.state[parameter] = {n: v.clone() for n, v in kept.items()}


def _parameter(optimiser: optim.Optimizer) -> Tensor:
    parameter: Tensor = optimiser.param_groups[0]["params"][0]
    return parameter
