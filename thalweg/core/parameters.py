"""The parameters of a network as one flat vector, cut into named layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """A named group of parameters that stand side by side in the flat vector."""

    name: str
    parameters: tuple[str, ...]
    start: int
    stop: int

    @property
    def span(self) -> slice:
        """Where the layer stands in the flat vector."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Layout:
    """Names, shapes and places of all parameters in a flat vector of ``size`` entries."""

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.layers[-1].stop

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """Each parameter as a view of ``vector`` (shape [size]); nothing is copied."""
        parts = torch.split(vector, [s.numel() for s in self.shapes])
        return {n: p.view(s) for n, s, p in zip(self.names, self.shapes, parts, strict=True)}

    def flatten(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """The parameters as one new vector of shape [size]."""
        return torch.cat([parameters[n].detach().reshape(-1) for n in self.names])

    def mask(self, layers: tuple[int, ...]) -> Tensor:
        """1 for every parameter of the layers of these numbers (from 1; none means all), 0 elsewhere; [size]."""
        chosen = torch.zeros(self.size)
        for number in layers or range(1, len(self.layers) + 1):
            chosen[self.layers[number - 1].span] = 1
        return chosen


def layout_of(module: nn.Module) -> Layout:
    """The layout of a module: one layer for each submodule that owns parameters, in order."""
    names: list[str] = []
    shapes: list[torch.Size] = []
    layers: list[Layer] = []
    at = 0
    for module_name, part in module.named_modules():
        own = list(part.named_parameters(recurse=False))
        start = at
        for name, p in own:
            names.append(f"{module_name}.{name}" if module_name else name)
            shapes.append(p.shape)
            at += p.numel()
        if own:
            layers.append(Layer(f"layer {len(layers) + 1}", tuple(names[-len(own) :]), start, at))
    if not layers:
        raise ValueError(f"{type(module).__name__} has no parameters; expected a module with at least one")
    return Layout(tuple(names), tuple(shapes), tuple(layers))
