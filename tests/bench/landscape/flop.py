"""How many floating-point operations a grid needs, however it is computed.

Counted are the multiplications and additions of dense, convolutional and recurrent products, two for each pair of
numbers; activations, normalisation, pooling and the softmax are not. A layer before the first that moves is needed
once. The first that moves is affine in (a, b): three products for the whole grid, and z0 + a z1 + b z2, four
operations for each of its outputs, at each point. Everything after it is needed at each point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Call:
    """The operations of one call of a layer: with its inputs, with its own state; and the former's outputs."""

    owner: str
    inputs: int
    state: int
    outputs: int


def needed(calls: Iterable[Call], moving: Iterable[str], points: int) -> int:
    """Operations for a grid of so many points when these layers move."""
    chosen, total, moved = set(moving), 0, False
    for call in calls:
        if moved:
            total += points * (call.inputs + call.state)
        elif call.owner in chosen:
            moved = True
            total += 3 * call.inputs + points * (4 * call.outputs + call.state)
        else:
            total += call.inputs + call.state
    return total


@torch.no_grad()
def calls_of(module: nn.Module, inputs: Tensor) -> list[Call]:
    """The products of one forward, in the order in which they are made; TypeError for a layer that is not known."""
    found: list[Call] = []
    handles = []

    def counting(name: str) -> Any:
        def hook(layer: nn.Module, given: tuple[Tensor, ...], output: Any) -> None:
            found.append(_call(name, layer, given[0], output))

        return hook

    for name, part in module.named_modules():
        if any(p.dim() > 1 for p in part.parameters(recurse=False)):
            handles.append(part.register_forward_hook(counting(name)))
    try:
        module(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _call(name: str, layer: nn.Module, given: Tensor, output: Any) -> Call:
    match layer:
        case nn.Linear():
            return Call(name, 2 * layer.in_features * output.numel(), 0, output.numel())
        case nn.Conv2d():
            return Call(name, 2 * layer.weight[0].numel() * output.numel(), 0, output.numel())
        case nn.LSTM(num_layers=1, bidirectional=False, proj_size=0):
            gates = given.numel() // layer.input_size * 4 * layer.hidden_size
            return Call(name, 2 * layer.input_size * gates, 2 * layer.hidden_size * gates, gates)
        case _:
            raise TypeError(f"{name}: the operations of {layer} are not known")
