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


def layers_in_words(layers: tuple[int, ...], count: int) -> str:
    """``all layers``, ``layer 2`` or ``layers 1, 3``."""
    if not layers or len(layers) == count:
        return "all layers"
    return f"layer{'s' if len(layers) > 1 else ''} {', '.join(map(str, sorted(layers)))}"
