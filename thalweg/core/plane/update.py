"""The optimiser's own last update."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.parameters import Layout
from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words


def last_update(
    before: Tensor, after: Tensor, layers: tuple[int, ...], layout: Layout, vectors: bool = True
) -> Direction:
    """The unit vector of the step from ``before`` to ``after`` (both [parameters]) in these layers (none means all).

    With momentum or rates of its own for each coordinate, an optimiser does not go along the gradient: beside the
    negative gradient this shows where it goes instead. Raises DirectionError when it is zero or not finite, or the two
    differ in shape.
    """
    words = layers_in_words(layers, len(layout.layers), vectors)
    if before.shape != after.shape:
        raise DirectionError(
            f"the points before and after the update have {before.numel()} and {after.numel()} entries"
        )
    step = (after.double() - before.to(after.device).double()) * layout.mask(layers, vectors).to(after.device)
    length = step.norm()
    if not length > 0 or not length.isfinite():
        raise DirectionError(f"the last update of {words} has length {length.item():g}, so it gives no direction")
    return Direction((step / length).to(after), f"last update of {words} (length {length.item():.3g})", "distance")
