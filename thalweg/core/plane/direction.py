"""A direction in the space of the parameters."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


class DirectionError(ValueError):
    """A direction or a plane that cannot be made; the text says why."""


@dataclass(frozen=True)
class Direction:
    """One tangent vector [size], what it is, and what one unit of its axis means."""

    vector: Tensor
    label: str
    unit: str


def check_layers(layers: tuple[int, ...], count: int) -> None:
    """Raise DirectionError for layers (from 1) that a network of so many has not."""
    if layers and max(layers) > count:
        raise DirectionError(f"layer {max(layers)} is not there: the network has layers 1 to {count}")


def layers_in_words(layers: tuple[int, ...], count: int, vectors: bool = True) -> str:
    """``all layers``, ``layer 2`` or ``layers 1, 3``; ``the weights of`` them when biases and other vectors rest."""
    words = f"layer{'s' if len(layers) > 1 else ''} {', '.join(map(str, sorted(layers)))}"
    if not layers or len(layers) == count:
        words = "all layers"
    return words if vectors else f"the weights of {words}"
