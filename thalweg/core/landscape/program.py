"""A module's forward pass as a list of torch calls: what it does, whatever it is.

One forward pass is recorded as a static program: nodes are torch functions with their arguments, leaves are the
inputs, the parameters, the buffers, and other tensors that the module holds. The program is that of inputs of the same
shapes, for the shapes stand in it as numbers. Where the pass reads a tensor's values into Python (``item()``, ``if``,
shapes that depend on values), the program says which: it holds while these do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode


class NotStaticError(Exception):
    """The pass cannot be written as a program; the text says why."""


@dataclass(frozen=True)
class Ref:
    """Stands for a tensor in the arguments of a node: that with this number."""

    number: int


@dataclass(frozen=True)
class Node:
    """One call. ``outputs`` are the numbers of the tensors in its result, in order; ``alone``: it is one tensor.

    ``writes`` are the arguments that it changes in place; ``random`` says that it draws random numbers.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[int, ...]
    alone: bool
    writes: tuple[int, ...]
    random: bool

    @property
    def name(self) -> str:
        """The function's name, as ``conv2d`` or ``add_``; of a property, as ``T``, the property's."""
        return name_of(self.function)

    @cached_property  # asked for again and again, which in a network of fifty layers was most of the planning
    def reads(self) -> tuple[int, ...]:
        """The numbers of the tensors among its arguments."""
        return tuple(r.number for r in leaves((self.args, self.kwargs)) if isinstance(r, Ref))


@dataclass(frozen=True)
class Program:
    """The calls of one forward pass, in order, and the numbers of its leaves.

    ``looked`` are the values that were read into Python, or that shapes depend on; ``storages[n]`` names the memory
    that value n is a view of, ``shapes[n]`` is its shape.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    parameters: Mapping[str, int]
    buffers: Mapping[str, int]
    constants: Mapping[int, Tensor]
    output: Any
    looked: frozenset[int]
    storages: tuple[int, ...]
    shapes: tuple[torch.Size, ...]

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.storages)


def name_of(function: Callable[..., Any]) -> str:
    """The function's name; of a property's getter, the property's."""
    name = getattr(function, "__name__", "")
    return getattr(getattr(function, "__self__", None), "__name__", name) if name == "__get__" else name


def argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str, default: Any = None) -> Any:
    """An argument by place or by name."""
    return args[place] if place < len(args) else kwargs.get(name, default)


def leaves(value: Any) -> Iterator[Any]:
    """What stands in nested tuples, lists, dicts and slices, in order."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from leaves(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, slice):
        yield from (value.start, value.stop, value.step)
    else:
        yield value


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting with other leaves."""
    if isinstance(value, tuple | list):
        parts = [mapped(part, change) for part in value]
        if isinstance(value, list):
            return parts
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, Mapping):
        return {k: mapped(part, change) for k, part in value.items()}
    if isinstance(value, slice):
        return slice(change(value.start), change(value.stop), change(value.step))
    return change(value)


def copied(value: Any) -> Any:
    """The same nesting with clones of its tensors; one that stands in several places has one clone."""
    clones: dict[int, Tensor] = {}
    return mapped(value, lambda v: clones.setdefault(id(v), v.clone()) if isinstance(v, Tensor) else v)


METADATA = {
    "size", "dim", "ndimension", "numel", "nelement", "__len__", "stride", "storage_offset", "is_contiguous", "type",
    "is_floating_point", "is_complex", "is_signed", "element_size", "get_device", "is_tensor", "is_same_size",
    "is_inference", "is_conj", "is_neg", "is_pinned", "is_nonzero_static", "has_names", "result_type", "__hash__",
    "__format__", "__repr__",
}  # fmt: skip
"""Functions whose answers depend on shapes and types only."""

_SHAPED_BY_VALUES = {
    "nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "bincount", "repeat_interleave",
    "combinations", "histc", "one_hot", "pack_padded_sequence", "_pack_padded_sequence",
}  # fmt: skip
"""Functions whose results' shapes depend on the values."""


class _Recorder(TorchFunctionMode):
    def __init__(self, known: Mapping[int, int], held: list[Tensor]) -> None:
        super().__init__()
        self.numbers, self.held = dict(known), held
        self.constants: dict[int, Tensor] = {}
        self.nodes: list[Node] = []
        self.looked: set[int] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if name_of(func) == "batch_norm" and argument(args, kwargs, 5, "training"):
            # the result does not depend on the running statistics, and they are not to be changed
            args = (args[0], None, None, *args[3:])
            kwargs = {k: v for k, v in kwargs.items() if k not in ("running_mean", "running_var")}
        given = [t for t in leaves((args, kwargs)) if isinstance(t, Tensor)]
        if any(isinstance(v, torch.Generator) for v in leaves((args, kwargs))):
            raise NotStaticError(f"{name_of(func)} has a random generator of its own")
        versions, state = [t._version for t in given], random_state(given)
        result = func(*args, **kwargs)
        written = [t for t, v in zip(given, versions, strict=True) if t._version != v]
        self._note(func, args, kwargs, given, written, not torch.equal(state, random_state(given)), result)
        return result

    def _note(
        self,
        func: Callable[..., Any],
        args: Any,
        kwargs: dict[str, Any],
        given: list[Tensor],
        written: list[Tensor],
        random: bool,
        result: Any,
    ) -> None:
        name = name_of(func)
        results = [t for t in leaves(result) if isinstance(t, Tensor)]
        if not results and not written:
            if random:
                raise NotStaticError(f"{name} sets random numbers")
            if name not in METADATA and getattr(func, "__name__", "") != "__get__":
                self.looked.update(self._number(t) for t in given)
            return
        reads = tuple(mapped((args, kwargs), lambda v: Ref(self._number(v)) if isinstance(v, Tensor) else v))
        writes = tuple(dict.fromkeys(self._number(t) for t in written))
        if name in _SHAPED_BY_VALUES or (name == "where" and len(given) == 1):
            self.looked.update(self._number(t) for t in given)
        if name == "__getitem__":
            masks = [t for t in leaves(args[1]) if isinstance(t, Tensor) and t.dtype in (torch.bool, torch.uint8)]
            self.looked.update(self._number(t) for t in masks)
        outputs = tuple(self._new(t) for t in results)
        node = Node(func, reads[0], reads[1], outputs, isinstance(result, Tensor), writes, random)
        self.nodes.append(node)

    def _number(self, tensor: Tensor) -> int:
        """Its number; a tensor that no recorded call has given is one that the module holds."""
        if id(tensor) not in self.numbers:
            self.constants[self._new(tensor)] = tensor
        return self.numbers[id(tensor)]

    def _new(self, tensor: Tensor) -> int:
        self.numbers[id(tensor)] = len(self.held)
        self.held.append(tensor)  # kept alive, so that its id stays its own
        return len(self.held) - 1


def random_state(given: list[Tensor]) -> Tensor:
    """The state of torch's random numbers on the CPU and on the device of these tensors."""
    states = [torch.default_generator.get_state()]
    devices = {t.device for t in given if t.device.type == "cuda"}
    states += [torch.cuda.get_rng_state(d) for d in devices]
    return states[0] if len(states) == 1 else torch.cat(states)


@torch.no_grad()
def record(
    module: nn.Module, parameters: Mapping[str, Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Program:
    """The program of ``module(*args, **kwargs)`` with these parameters.

    The module is called once, and is to be a copy: a forward pass may change its buffers and attributes. Raises
    NotStaticError, and whatever the module raises.
    """
    parameters = {n: p.detach().clone() for n, p in parameters.items()}  # no two in one memory
    args, kwargs = copied((args, kwargs))  # a forward pass may write into its input
    inputs = [t for t in leaves((args, kwargs)) if isinstance(t, Tensor)]
    with own_buffers(module):
        buffers = dict(module.named_buffers())
        held = [*inputs, *parameters.values(), *buffers.values()]
        recorder = _Recorder({id(t): k for k, t in reversed(list(enumerate(held)))}, list(held))
        with recorder:
            output = functional_call(module, parameters, args, dict(kwargs))
        if any(b is not buffers.get(n) for n, b in module.named_buffers()):
            raise NotStaticError("a buffer is replaced, so that the next pass is another one")
    found = [t for t in leaves(output) if isinstance(t, Tensor)]
    if not found or any(id(t) not in recorder.numbers for t in found):
        raise NotStaticError("the output comes from no recorded call")
    n, m = len(inputs), len(inputs) + len(parameters)
    return Program(
        nodes=tuple(recorder.nodes),
        inputs=tuple(range(n)),
        parameters={name: n + k for k, name in enumerate(parameters)},
        buffers={name: m + k for k, name in enumerate(buffers)},
        constants=recorder.constants,
        output=mapped(output, lambda v: Ref(recorder.numbers[id(v)]) if isinstance(v, Tensor) else v),
        looked=frozenset(recorder.looked),
        storages=tuple(t.untyped_storage().data_ptr() or -1 - k for k, t in enumerate(recorder.held)),
        shapes=tuple(t.shape for t in recorder.held),
    )


@contextmanager
def own_buffers(module: nn.Module, copies: Sequence[Tensor] | None = None) -> Iterator[None]:
    """The module with copies of its buffers inside; outside, whatever a pass did, they are as they were."""
    found = [(m, n, b) for m in module.modules() for n, b in m.named_buffers(recurse=False) if b is not None]
    copies = [b.clone() for *_, b in found] if copies is None else copies
    try:
        for (owner, name, _), buffer in zip(found, copies, strict=True):
            setattr(owner, name, buffer)
        yield
    finally:
        for owner, name, buffer in found:
            setattr(owner, name, buffer)


def same(one: Program, other: Program) -> bool:
    """Whether two programs are one up to numbers in their arguments; a tensor that the module holds is one object.

    A constant that differs was computed by something that was not recorded.
    """
    if len(one.nodes) != len(other.nodes) or one.constants.keys() != other.constants.keys():
        return False
    if any(t is not other.constants[n] for n, t in one.constants.items()):
        return False
    return all(
        a.function == b.function and a.reads == b.reads and a.outputs == b.outputs
        for a, b in zip(one.nodes, other.nodes, strict=True)
    )
