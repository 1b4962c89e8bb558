"""The calls of a program made again, with other tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from thalweg.core.landscape.program import Node, Ref, leaves, mapped

Values = list[Any]
"""The tensors of a program by number; None for what is not there yet, or no more."""

Call = Callable[[Values], None]


def call_of(node: Node) -> Call:
    """The node as a function that reads the values of its arguments and puts its results among the values."""
    arguments = _arguments(node)
    function, outputs = node.function, node.outputs
    if node.alone:
        (out,) = outputs

        def call(values: Values) -> None:
            args, kwargs = arguments(values)
            values[out] = function(*args, **kwargs)
    else:

        def call(values: Values) -> None:
            args, kwargs = arguments(values)
            found = [t for t in leaves(function(*args, **kwargs)) if isinstance(t, Tensor)]
            for n, t in zip(outputs, found, strict=True):
                values[n] = t

    return call


def _arguments(node: Node) -> Callable[[Values], tuple[Sequence[Any], dict[str, Any]]]:
    args, kwargs = node.args, node.kwargs
    if any(isinstance(v, tuple | list | dict | slice) for v in (*args, *kwargs.values())) and _nested(node):
        return lambda values: filled((args, kwargs), values)
    places = [(k, v.number) for k, v in enumerate(args) if isinstance(v, Ref)]
    names = [(k, v.number) for k, v in kwargs.items() if isinstance(v, Ref)]

    def flat(values: Values) -> tuple[Sequence[Any], dict[str, Any]]:
        given = list(args)
        for k, n in places:
            given[k] = values[n]
        return given, {**kwargs, **{k: values[n] for k, n in names}} if names else kwargs

    return flat


def _nested(node: Node) -> bool:
    flat = [v for v in (*node.args, *node.kwargs.values()) if isinstance(v, Ref)]
    return len(flat) < len(node.reads)


def filled(value: Any, values: Values) -> Any:
    """A nesting with tensors in the places of their numbers."""
    return mapped(value, lambda v: values[v.number] if isinstance(v, Ref) else v)


def schedule(nodes: Sequence[Node], keep: set[int]) -> tuple[tuple[Call, tuple[int, ...]], ...]:
    """The calls, and after each the numbers of the values that nobody reads any more and that are not to be kept."""
    last: dict[int, int] = {}
    for k, node in enumerate(nodes):
        for n in (*node.reads, *node.outputs):
            last[n] = k
    gone: list[list[int]] = [[] for _ in nodes]
    for n, k in last.items():
        if n not in keep:
            gone[k].append(n)
    return tuple((call_of(node), tuple(g)) for node, g in zip(nodes, gone, strict=True))


def run(calls: tuple[tuple[Call, tuple[int, ...]], ...], values: Values) -> None:
    """Make the calls; values that nobody needs any more are dropped."""
    for call, gone in calls:
        call(values)
        for n in gone:
            values[n] = None


def zeroed(value: Any) -> Any:
    """Zeros in the place of a tensor or of a number."""
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    return None if value is None else 0
