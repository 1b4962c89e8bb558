"""A program cut by what moves: what stands still, what is affine in the coordinates, and the rest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import torch

from thalweg.core.landscape.affine import AFFINE, MOVING, STILL, Slot, added
from thalweg.core.landscape.in_place import out_of_place
from thalweg.core.landscape.program import Node, NotStaticError, Program, Ref, argument, leaves


@dataclass(frozen=True)
class Stages:
    """The calls of a program in three stages, each in order, and what the last one takes from the others.

    ``kinds[n]`` says how value n depends on the coordinates. ``still`` and ``affine`` calls are made once for a block
    of examples; ``terms`` are the arguments of an affine call that stand still and are added. ``kept`` are the values
    that the calls of ``moving``, and the output, read from there; ``parameters`` the moving ones that they read.
    ``cloned`` are leaves that a call changes in place.
    """

    program: Program
    kinds: tuple[int, ...]
    still: tuple[Node, ...]
    affine: tuple[tuple[Node, tuple[Slot, ...]], ...]
    moving: tuple[Node, ...]
    kept: tuple[int, ...]
    parameters: tuple[int, ...]
    cloned: frozenset[int]

    @property
    def random(self) -> bool:
        """Whether a call draws random numbers."""
        return any(n.random for n in self.moving)


def cut(program: Program, moves: Collection[str]) -> Stages:
    """The stages of a program where the parameters of these names move.

    Raises NotStaticError where the program depends on values that move, or that belong to the examples.
    """
    parameters = {program.parameters[n] for n in moves}
    if program.looked & _dependent(program, {*parameters, *program.inputs}):
        raise NotStaticError("the forward pass looks at values that move, or that belong to the examples")
    program = pooled_first(_needed(out_of_place(program)))
    own = (*program.inputs, *program.parameters.values(), *program.buffers.values(), *program.constants)
    written = {program.storages[n] for node in program.nodes for n in node.writes}
    forced: set[int] = set()
    while True:
        kinds, stages, terms = _kinds(program, parameters, forced)
        more = {s for s in written - forced if not _stands(program, stages, s)}
        if not more:
            break
        forced |= more
    cloned = frozenset(n for n in own if program.storages[n] in written)
    if cloned & {*program.buffers.values(), *program.constants}:
        raise NotStaticError("the forward pass changes what the module holds, and then uses it")
    still = tuple(n for n, kind in zip(program.nodes, stages, strict=True) if kind == STILL)
    affine = tuple((n, terms[k]) for k, n in enumerate(program.nodes) if stages[k] == AFFINE)
    moving = tuple(n for n, kind in zip(program.nodes, stages, strict=True) if kind == MOVING)
    read = dict.fromkeys(n for node in moving for n in node.reads)
    read |= dict.fromkeys(r.number for r in leaves(program.output) if isinstance(r, Ref))
    made = {n for node in moving for n in node.outputs}
    return Stages(
        program=program,
        kinds=tuple(kinds),
        still=still,
        affine=affine,
        moving=moving,
        kept=tuple(n for n in read if n not in made and n not in parameters),
        parameters=tuple(n for n in read if n in parameters),
        cloned=cloned,
    )


def _kinds(
    program: Program, parameters: set[int], forced: set[int]
) -> tuple[list[int], list[int], dict[int, tuple[Slot, ...]]]:
    """The kinds of values and of nodes, and the terms of affine nodes; ``forced`` memory is not kept."""
    kinds = [AFFINE if n in parameters else STILL for n in range(program.size)]

    def worst(value: Any) -> int:
        return max((kinds[r.number] for r in leaves(value) if isinstance(r, Ref)), default=STILL)

    stages: list[int] = []
    terms: dict[int, tuple[Slot, ...]] = {}
    for k, node in enumerate(program.nodes):
        kind = worst((node.args, node.kwargs))
        if node.random or forced & {program.storages[n] for n in (*node.writes, *node.outputs)}:
            kind = MOVING
        elif kind == AFFINE:
            found = added(node, worst)
            kind = MOVING if found is None else AFFINE
            terms[k] = found or ()
        stages.append(kind)
        for n in node.outputs:
            kinds[n] = kind
    return kinds, stages, terms


def _stands(program: Program, stages: list[int], storage: int) -> bool:
    """Whether memory that is changed in place may be kept: nobody who changes it, or looks before, moves."""
    touching = [
        (k, storage in {program.storages[n] for n in node.writes})
        for k, node in enumerate(program.nodes)
        if storage in {program.storages[n] for n in (*node.reads, *node.outputs)}
    ]
    last = max(k for k, writes in touching if writes)
    return all(stages[k] == STILL for k, _ in touching if k <= last)


def _needed(program: Program) -> Program:
    """The program without calls that the output does not depend on; those that draw random numbers stay."""
    needed = {r.number for r in leaves(program.output) if isinstance(r, Ref)}
    memory = {program.storages[n] for n in needed}
    nodes: list[Node] = []
    for node in reversed(program.nodes):
        writes = memory & {program.storages[n] for n in node.writes}
        if node.random or writes or needed & set(node.outputs):
            nodes.append(node)
            needed |= set(node.reads)
            memory |= {program.storages[n] for n in node.reads}
    return replace(program, nodes=tuple(reversed(nodes)))


def _dependent(program: Program, sources: set[int]) -> set[int]:
    """The values that depend on these, and those in memory that was changed by a call that does."""
    found, memory = set(sources), set[int]()
    for node in program.nodes:
        if found & set(node.reads) or memory & {program.storages[n] for n in node.reads} or node.random:
            found |= set(node.outputs)
            memory |= {program.storages[n] for n in node.writes}
    return found | {n for n in range(program.size) if program.storages[n] in memory}


_MONOTONE = {"relu", "sigmoid", "tanh", "relu6", "hardtanh", "hardsigmoid", "softsign"}


def pooled_first(program: Program) -> Program:
    """Maximum pooling before an activation that never falls, instead of after it: the same with less to do."""
    nodes, shapes = list(program.nodes), list(program.shapes)
    readers: dict[int, list[int]] = {}
    for k, node in enumerate(nodes):
        for n in node.reads:
            readers.setdefault(n, []).append(k)
    ends = {r.number for r in leaves(program.output) if isinstance(r, Ref)}
    for k, node in enumerate(nodes):
        if node.name not in _MONOTONE or node.writes or len(node.reads) != 1 or node.outputs[0] in ends:
            continue
        after = readers.get(node.outputs[0], [])
        if len(after) != 1 or not _pools(nodes[after[0]]) or node.args[0] != Ref(node.reads[0]):
            continue
        pool = nodes[after[0]]
        middle, out = node.outputs[0], pool.outputs[0]
        nodes[k] = replace(pool, args=(node.args[0], *pool.args[1:]), outputs=(middle,))
        nodes[after[0]] = replace(node, args=(Ref(middle), *node.args[1:]), outputs=(out,))
        shapes[middle] = shapes[out]
    return replace(program, nodes=tuple(nodes), shapes=tuple(shapes))


def _pools(node: Node) -> bool:
    return node.name == "max_pool2d" and node.alone and bool(node.args) and isinstance(node.args[0], Ref)


def window(node: Node) -> tuple[int, int] | None:
    """Height and width of a maximum pooling's windows, where they lie side by side; None where they do not."""
    if not _pools(node):
        return None
    size, stride, padding, dilation = (
        _pair(argument(node.args, node.kwargs, k, n, d))
        for k, (n, d) in enumerate((("kernel_size", 1), ("stride", None), ("padding", 0), ("dilation", 1)), start=1)
    )
    plain = stride in (None, size) and padding == (0, 0) and dilation == (1, 1)
    return size if plain and not argument(node.args, node.kwargs, 5, "ceil_mode", False) else None


def _pair(value: Any) -> Any:
    if value is None or value == []:
        return None
    return (value, value) if isinstance(value, int) else tuple(value)


def convolves(nodes: Collection[Node]) -> bool:
    """Whether there is a two-dimensional convolution among the calls."""
    return any(n.function is torch.conv2d for n in nodes)
