"""The parameters of a network as one flat vector, cut into named layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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

    def moving(self, layers: tuple[int, ...] = (), vectors: bool = True) -> tuple[str, ...]:
        """Names of the parameters of the layers of these numbers (from 1; none means all), in order.

        ``vectors``: with biases, normalisation parameters and all else that is no weight matrix or filter.
        """
        chosen = [self.layers[n - 1] for n in sorted(layers)] if layers else self.layers
        names = {n for layer in chosen for n in layer.parameters}
        return tuple(n for n, s in zip(self.names, self.shapes, strict=True) if n in names and (vectors or len(s) > 1))

    def spans(self, names: tuple[str, ...]) -> list[slice]:
        """Where these parameters stand in the flat vector; those side by side as one span."""
        found: list[slice] = []
        at = 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            stop = at + shape.numel()
            if name in names:
                joined = found and found[-1].stop == at
                found.append(slice(found.pop().start if joined else at, stop))
            at = stop
        return found

    def mask(self, layers: tuple[int, ...] = (), vectors: bool = True) -> Tensor:
        """1 for every parameter that :meth:`moving` names, 0 elsewhere; [size]."""
        chosen = torch.zeros(self.size)
        for span in self.spans(self.moving(layers, vectors)):
            chosen[span] = 1
        return chosen


def layout_of(module: nn.Module, layer_names: Sequence[str] = ()) -> Layout:
    """The layout of a module: one layer for each submodule that owns parameters, in order.

    A submodule whose ``part_of_layer_before`` is true adds its own to the layer before it.

    ``layer_names`` are the names of all layers; none given: layer 1, layer 2 ... Raises ValueError where their number
    is not that of the layers.
    """
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
        if own and layers and getattr(part, "part_of_layer_before", False):
            before = layers.pop()
            layers.append(Layer(before.name, (*before.parameters, *names[-len(own) :]), before.start, at))
        elif own:
            layers.append(Layer(f"layer {len(layers) + 1}", tuple(names[-len(own) :]), start, at))
    if layer_names:
        if len(layer_names) != len(layers):
            raise ValueError(f"layer_names: {len(layer_names)} names, expected {len(layers)}")
        layers = [replace(layer, name=name) for layer, name in zip(layers, layer_names, strict=True)]
    if not layers:
        raise ValueError(f"{type(module).__name__} has no parameters; expected a module with at least one")
    return Layout(tuple(names), tuple(shapes), tuple(layers))
