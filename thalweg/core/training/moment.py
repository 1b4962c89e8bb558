"""One moment of a run: everything that training needs to go on from there exactly as it did."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from thalweg.core.scene import OptimiserSpec


@dataclass(frozen=True)
class Moment:
    """A session as it stands after ``step`` steps. Its tensors are its own and are never written to.

    ``parameters`` [size] and ``buffers`` [count] as in :class:`Session`; ``epoch`` passes were begun, and of this one
    ``at`` examples were used; ``stream`` is the state of the generator from which the order of this pass was drawn (of
    the first, before any was begun), so that it can be drawn again. ``memory`` holds the optimiser's tensors by name
    (momentum, Adam's moments), or None where they were not kept: then the moment can be looked at, but not trained
    from. ``evaluations`` and ``seconds`` are what the session had counted by then.
    """

    step: int
    epoch: int
    at: int
    stream: Tensor
    parameters: Tensor
    buffers: Tensor
    memory: dict[str, Tensor] | None
    optimiser: OptimiserSpec
    evaluations: int = 0
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether training can go on from here."""
        return self.memory is not None

    @property
    def nbytes(self) -> int:
        """Memory that is this moment's alone; the generator's state is shared by all moments of a pass."""
        own = (self.parameters, self.buffers, *(self.memory or {}).values())
        return sum(t.numel() * t.element_size() for t in own)

    def to_look_at(self) -> Moment:
        """The same without the optimiser's memory, unless that takes no room."""
        return replace(self, memory=None) if self.memory else self
