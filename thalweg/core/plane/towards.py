"""Towards another point: a checkpoint, another run's end, a loaded file."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.parameters import Layout
from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words


def towards(
    origin: Tensor, other: Tensor, layers: tuple[int, ...], layout: Layout, name: str, vectors: bool = True
) -> Direction:
    """From ``origin`` to ``other`` (both [parameters]) in these layers (from 1; none means all): 0 is here, 1 is there.

    Two of them span the plane through three points (Garipov et al. 2018); one alone is linear interpolation (Goodfellow
    et al. 2015). ``name`` says what the other point is. Raises DirectionError when it has another number of
    parameters, is not finite, or coincides with the origin in these layers.
    """
    words = layers_in_words(layers, len(layout.layers), vectors)
    if other.shape != origin.shape:
        raise DirectionError(f"{name} has {other.numel()} parameters, this network has {origin.numel()}")
    mask = layout.mask(layers, vectors).to(origin.device)
    moved = ((other.to(origin.device).double() - origin.double()) * mask).to(origin)
    if not moved.isfinite().all():
        raise DirectionError(f"the way to {name} is not finite in {words}")
    if not moved.any():
        raise DirectionError(f"{name} is where the plane is laid, in {words}, so it gives no direction")
    return Direction(moved, f"towards {name} in {words}", "of the way")
