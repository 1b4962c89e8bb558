"""Which torch calls are affine in what they are given, and what they give then.

A value that is affine in the coordinates, ``v(a, b) = v0 + a v1 + b v2``, is kept as its three parts. A call that is
affine in some of its arguments, the others standing still, gives such a value: its parts are the same call on the
parts, where what is added and stands still counts once, for ``v0``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from thalweg.core.landscape.program import Node, Ref, argument, leaves

STILL, AFFINE, MOVING = 0, 1, 2
"""How a value depends on the coordinates: not at all, affinely, in any other way."""

Slot = int | str
"""One argument of a call: its place, or its name."""

Kinds = Callable[[Any], int]
"""From an argument to the worst of STILL, AFFINE and MOVING among its tensors."""


def added(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """The arguments that stand still and are added; None where the call is not known to be affine.

    Some of its arguments are AFFINE, none is MOVING.
    """
    if node.writes or node.random or any(isinstance(v, torch.dtype) for v in leaves((node.args, node.kwargs))):
        return None
    rule = _RULES.get(node.name)
    return rule(node, kinds) if rule else None


def _first(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """Linear in the first argument, no other one moves."""
    return () if kinds((node.args[1:], node.kwargs)) == STILL else None


def _unless(name: str, place: int, accepted: tuple[Any, ...]) -> Callable[[Node, Kinds], tuple[Slot, ...] | None]:
    """As :func:`_first`, where this argument has one of these values."""
    return lambda node, kinds: (
        _first(node, kinds) if argument(node.args, node.kwargs, place, name, accepted[0]) in accepted else None
    )


def _layer(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """Linear in the input or in the weight, and in the bias: ``linear``, ``conv``."""
    one, other = (kinds(argument(node.args, node.kwargs, k, n)) for k, n in enumerate(("input", "weight")))
    if kinds(node.args[3:]) > STILL or (one and other):
        return None
    return _standing(node, kinds, (_slot(node, 2, "bias"),)) if one or other else None


def _product(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """Linear in one factor, the others stand still."""
    moving = [v for v in leaves((node.args, node.kwargs)) if isinstance(v, Ref) and kinds(v) > STILL]
    return () if len(moving) == 1 else None


def _quotient(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    return _first(node, kinds) if "rounding_mode" not in node.kwargs else None


def _sum(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """Of two terms; what stands still is added once."""
    if len(node.args) != 2 or set(node.kwargs) - {"alpha"}:
        return None
    return tuple(k for k in (0, 1) if kinds(node.args[k]) == STILL)


def _joined(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """``cat`` and ``stack`` of what is affine only."""
    return () if all(kinds(v) == AFFINE for v in leaves(node.args[0]) if isinstance(v, Ref)) else None


def _embedding(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    plain = argument(node.args, node.kwargs, 3, "max_norm") is None
    return () if plain and kinds(argument(node.args, node.kwargs, 0, "input")) == STILL else None


def _batch_norm(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """With stored statistics: ``(x - mean) / sqrt(var + eps) * weight + bias``."""
    if argument(node.args, node.kwargs, 5, "training"):
        return None
    x, mean, variance, weight = (
        kinds(argument(node.args, node.kwargs, k, n))
        for k, n in enumerate(("input", "running_mean", "running_var", "weight"))
    )
    if mean or variance or (x and weight):
        return None
    if not x and not weight:
        return None  # as for a layer: what is normalised would have to count once
    means = (_slot(node, 1, "running_mean"),) if x else ()
    return _standing(node, kinds, (*means, _slot(node, 4, "bias")))


def _normalised(node: Node, kinds: Kinds) -> tuple[Slot, ...] | None:
    """Layer and group norm of what stands still are affine in weight and bias."""
    if kinds(argument(node.args, node.kwargs, 0, "input")) or not kinds(argument(node.args, node.kwargs, 2, "weight")):
        return None  # without a moving weight the normalised input itself would have to count once
    return _standing(node, kinds, (_slot(node, 3, "bias"),))


def _standing(node: Node, kinds: Kinds, slots: tuple[tuple[Slot, bool], ...]) -> tuple[Slot, ...]:
    """Those of the arguments that were given and stand still."""
    return tuple(s for s, there in slots if there and _value(node, s) is not None and kinds(_value(node, s)) == STILL)


def _slot(node: Node, place: int, name: str) -> tuple[Slot, bool]:
    """Where an argument is, and whether it was given."""
    return (place, True) if place < len(node.args) else (name, name in node.kwargs)


def _value(node: Node, slot: Slot) -> Any:
    return node.args[slot] if isinstance(slot, int) else node.kwargs[slot]


_FIRST = {
    "view", "reshape", "flatten", "unflatten", "transpose", "permute", "squeeze", "unsqueeze", "t", "T", "mT",
    "movedim", "swapaxes", "contiguous", "__getitem__", "neg", "sum", "mean", "narrow", "select", "chunk", "split",
    "unbind", "clone", "detach", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "unfold",
    "index_select", "gather", "flip", "roll",
}  # fmt: skip

_RULES: dict[str, Callable[[Node, Kinds], tuple[Slot, ...] | None]] = {
    **dict.fromkeys(_FIRST, _first),
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), _layer),
    **dict.fromkeys(("matmul", "mm", "bmm", "__matmul__", "__rmatmul__", "einsum"), _product),
    **dict.fromkeys(("mul", "__mul__", "__rmul__"), _product),
    **dict.fromkeys(("div", "true_divide", "__truediv__"), _quotient),
    **dict.fromkeys(("add", "sub", "__add__", "__radd__", "__sub__"), _sum),
    **dict.fromkeys(("cat", "concat", "stack"), _joined),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "alpha_dropout"), _unless("training", 2, (False,))),
    "embedding": _embedding,
    "batch_norm": _batch_norm,
    "layer_norm": _normalised,
}  # fmt: skip
