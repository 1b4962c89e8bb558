"""Torch's optimisers, made and retuned from their spec."""

from __future__ import annotations

import torch
from torch import nn, optim

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
