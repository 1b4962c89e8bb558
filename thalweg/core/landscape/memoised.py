"""Loss at points of a plane for a module whose flow depends on values: its own forward pass, with a memory.

The pass runs as it is, so that it takes the way that the values at the point ask for; a call whose tensors are all the
same as at an earlier point is not made again. What is remembered is never written into: where a pass would do that, it
is run without the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from thalweg.core.landscape import tiled
from thalweg.core.landscape.program import METADATA, leaves, name_of, own_buffers, random_state
from thalweg.core.landscape.sample import Block, Sample, typed
from thalweg.core.plane.plane import Plane


class WritesError(Exception):
    """A call would change, or has changed, what is remembered."""


class Memory:
    """The results of calls on tensors that stand still, for one block; at most ``limit`` bytes."""

    def __init__(self, still: list[Tensor], buffers: list[Tensor], limit: int) -> None:
        self.nbytes = limit  # taken as spent from the beginning, so that the budget holds
        self.stored = 0
        self.buffers, still = buffers, [*still, *buffers]
        self._held = still  # alive, so that their ids stay theirs
        self.still = {id(t) for t in still}
        self._results: dict[Any, Any] = {}
        self._limit = limit

    def get(self, key: Any) -> Any:
        """The result of a call, or None."""
        return self._results.get(key)

    def put(self, key: Any, result: Any, given: list[Tensor]) -> None:
        """Remember a result of tensors, if there is room; memory that it shares with what was given costs nothing."""
        tensors = [t for t in leaves(result) if isinstance(t, Tensor)]
        shared = {t.untyped_storage().data_ptr() for t in given}
        size = sum(t.untyped_storage().nbytes() for t in tensors if t.untyped_storage().data_ptr() not in shared)
        if self.stored + size <= self._limit:
            self.stored += size
            self._results[key] = result
            self._held += [*tensors, *given]
            self.still |= {id(t) for t in tensors}


class _Remembering(TorchFunctionMode):
    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        parts = list(leaves((args, tuple(kwargs.items()))))
        given = [t for t in parts if isinstance(t, Tensor)]
        still = self._memory.still
        if name_of(func) in METADATA or getattr(func, "__name__", "") == "__get__":
            return func(*args, **kwargs)
        if given and all(id(t) in still for t in given):
            return self._still(func, args, kwargs, parts, given)
        if _in_place(func, kwargs) and any(id(t) in still for t in given[:1]):
            raise WritesError
        return func(*args, **kwargs)

    def _still(
        self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], parts: list[Any], given: list[Tensor]
    ) -> Any:
        if _in_place(func, kwargs):
            raise WritesError
        try:
            shape = _shape((args, kwargs))
            key = (func, shape, tuple((Tensor, id(v)) if isinstance(v, Tensor) else (type(v), v) for v in parts))
            hash(key)
        except TypeError:
            return func(*args, **kwargs)
        if (known := self._memory.get(key)) is not None:
            return list(known) if isinstance(known, list) else known
        versions, state = [t._version for t in given], random_state(given)
        result = func(*args, **kwargs)
        if versions != [t._version for t in given]:
            raise WritesError
        found = list(leaves(result))
        if found and all(isinstance(t, Tensor) for t in found) and torch.equal(state, random_state(given)):
            self._memory.put(key, result, given)
        return result


def _shape(value: Any) -> Any:
    """The nesting alone."""
    if isinstance(value, dict):
        return (dict, tuple((k, _shape(v)) for k, v in value.items()))
    return (type(value), tuple(_shape(v) for v in value)) if isinstance(value, tuple | list) else None


def _in_place(func: Callable[..., Any], kwargs: dict[str, Any]) -> bool:
    name = name_of(func)
    special = name == "__setitem__" or (name.startswith("__i") and name not in ("__index__", "__invert__", "__int__"))
    written = name.endswith("_") and not name.endswith("__")
    return special or written or kwargs.get("inplace") is True or kwargs.get("out") is not None


class Memoised:
    """A plan that runs the module itself at each point, with a memory for each block."""

    chunk = 1
    tile = 16
    random = True  # as far as is known: so torch's random numbers are the same at each point

    def __init__(self, sample: Sample, plane: Plane) -> None:
        if sample.guarded:
            raise WritesError
        self._sample, self._plane = sample, plane
        vectors = [sample.layout.views(v) for v in (plane.x.vector, plane.y.vector)]
        moves = {n for n in sample.layout.names if any(v[n].any() for v in vectors)}
        self._still = {n: p for n, p in typed(sample, plane.origin).items() if n not in moves}
        self._writes = False
        self._limit = tiled.STORE_BYTES // len(sample.blocks)

    def prepare(self, k: int) -> Memory:
        """An empty memory for block ``k``."""
        block = self._sample.blocks[k]
        inputs = [t for t in leaves((block.args, block.kwargs)) if isinstance(t, Tensor)]
        buffers = [b.clone() for m in self._sample.module.modules() for _, b in m.named_buffers(recurse=False)]
        return Memory([*inputs, *self._still.values()], buffers, self._limit)

    def measure(self, prepared: Memory, k: int, where: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and right answers of block ``k`` at each of ``where`` [g, 2]."""
        block, found = self._sample.blocks[k], []
        for a, b in where.tolist():
            parameters = typed(self._sample, self._plane.at(a, b)) | self._still
            found.append(self._sample.score.one(self._outputs(parameters, prepared, block), block))
        return torch.stack([f[0] for f in found]), torch.stack([f[1] for f in found])

    def _outputs(self, parameters: dict[str, Tensor], memory: Memory, block: Block) -> Any:
        module = self._sample.module
        if not self._writes:
            try:
                with own_buffers(module, memory.buffers), _Remembering(memory):
                    return functional_call(module, parameters, block.args, dict(block.kwargs))
            except WritesError:
                self._writes = True  # from now on without a memory
        with own_buffers(module):
            return self._sample.outputs(parameters, block)
