"""Calls in place turned into calls that give a new tensor, so that their results can be kept."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from thalweg.core.landscape.program import Node, Program, Ref, leaves


def out_of_place(program: Program) -> Program:
    """The program with calls in place, as ``add_`` or ``relu(inplace=True)``, turned into ones that give a new tensor.

    Only where nothing else that is read later is a view of the same memory; the others stay as they are.
    """
    nodes = list(program.nodes)
    ends = tuple(r.number for r in leaves(program.output) if isinstance(r, Ref))
    for k, node in enumerate(nodes):
        changed = _given_anew(node)
        if changed is None:
            continue
        memory, later = program.storages[node.writes[0]], {n for after in nodes[k + 1 :] for n in after.reads}
        views = {n for n in later | set(ends) if program.storages[n] == memory and n not in _after(nodes, node, k)}
        if not views:
            nodes[k] = changed
    fresh = {n.outputs[0]: -1 - program.size - k for k, n in enumerate(nodes) if n is not program.nodes[k]}
    if not fresh:
        return program
    # the memory of a value given anew is its own, and so is that of its views
    storages = list(program.storages)
    for node in nodes:
        for out in node.outputs:
            sources = [r for r in node.reads if program.storages[r] == program.storages[out]]
            if out in fresh:
                storages[out] = fresh[out]
            elif sources:
                storages[out] = storages[sources[-1]]
    return replace(program, nodes=tuple(nodes), storages=tuple(storages))


def _after(nodes: list[Node], node: Node, k: int) -> set[int]:
    """The values that come from this node's output by later calls."""
    found = set(node.outputs)
    for later in nodes[k + 1 :]:
        if found & set(later.reads):
            found.update(later.outputs)
    return found


def _given_anew(node: Node) -> Node | None:
    """The same call out of place; None where there is none, or none is needed."""
    if len(node.writes) != 1 or not node.alone or not node.args or node.args[0] != Ref(node.writes[0]):
        return None
    if node.kwargs.get("inplace") is True:
        return replace(node, kwargs={**node.kwargs, "inplace": False}, writes=())
    name = node.name
    plain = name[:-1] if name.endswith("_") and not name.startswith("_") else ""
    function = getattr(Tensor, plain, None) or getattr(torch, plain, None)
    return replace(node, function=function, writes=()) if plain in _PLAIN and function is not None else None


_PLAIN = {
    "add", "sub", "mul", "div", "neg", "relu", "sigmoid", "tanh", "clamp", "clamp_min", "clamp_max", "exp", "log",
    "sqrt", "pow", "abs", "addcmul", "addcdiv", "square", "sin", "cos", "masked_fill",
}  # fmt: skip
"""Names without their underscore: these give what the call in place leaves behind."""
