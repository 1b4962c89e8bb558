"""Loss at points of a plane by making a program's calls again, those alone that depend on the point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from thalweg.core.landscape.affine import AFFINE, Slot
from thalweg.core.landscape.program import Node, NotStaticError, Program, Ref, leaves
from thalweg.core.landscape.replay import Values, filled, run, schedule, zeroed
from thalweg.core.landscape.sample import Block, Sample, typed
from thalweg.core.landscape.stages import Stages, convolves, window
from thalweg.core.plane.plane import Plane

Triple = tuple[Tensor, Tensor, Tensor]
"""The parts v0, v1, v2 of a value v0 + a v1 + b v2."""


@dataclass
class Kept:
    """What of one block does not depend on the point: values that stand still, and the parts of affine ones.

    ``row`` holds v0 + b v2 for the last b, which the points of a grid's row share.
    """

    still: dict[int, Tensor]
    affine: dict[int, Triple]
    pooled: frozenset[int]
    nbytes: int
    row: tuple[float, dict[int, Tensor]] | None = field(default=None)

    def at(self, a: float, b: float) -> dict[int, Tensor]:
        """The affine values at a point, those of pooled windows with the largest taken."""
        if self.row is None or self.row[0] != b:
            self.row = (b, {n: torch.add(z[0], z[2], alpha=b) for n, z in self.affine.items()})
        found = {}
        for n, base in self.row[1].items():
            slope = self.affine[n][1]
            found[n] = _largest(base, slope, a) if n in self.pooled else torch.add(base, slope, alpha=a)
        return found


def _largest(base: Tensor, slope: Tensor, a: float) -> Tensor:
    """The largest over the first axis of base + a slope, without all of it being there at once."""
    found = torch.add(base[0], slope[0], alpha=a)
    for p in range(1, len(base)):
        torch.maximum(found, torch.add(base[p], slope[p], alpha=a), out=found)
    return found


class Steps:
    """The stages of a program made ready to run, for blocks of one shape."""

    def __init__(self, stages: Stages, channels_last: bool) -> None:
        self.stages = stages
        self._last = channels_last and convolves(stages.moving)
        self._pools = self._pooled(stages)
        moving = [_viewable(n) if self._last else n for n in stages.moving if n not in self._pools.values()]
        kept = set(stages.kept)
        self._affine_needed = (kept & {n for n, k in enumerate(stages.kinds) if k == AFFINE}) - set(self._pools)
        ends = {r.number for r in leaves(stages.program.output) if isinstance(r, Ref)}
        wanted = kept | {n for node, _ in stages.affine for n in node.reads} | set(self._pools)
        self._still = schedule(stages.still, wanted)
        self._moving = schedule(moving, ends)

    @staticmethod
    def _pooled(stages: Stages) -> dict[int, Node]:
        """Affine values that only a maximum over windows reads, and those calls."""
        found: dict[int, Node] = {}
        ends = {r.number for r in leaves(stages.program.output) if isinstance(r, Ref)}
        for node in stages.moving:
            if not window(node):
                continue
            n = node.args[0].number
            readers = [m for m in stages.moving if n in m.reads]
            if stages.kinds[n] == AFFINE and n in stages.kept and len(readers) == 1 and n not in ends:
                found[n] = node
        return found

    def prepare(self, leaves_of: Callable[[], Values], parts: Sequence[dict[int, Tensor]]) -> Kept:
        """Run what does not depend on the point; ``parts`` are the parameters at the origin and along the axes."""
        stages, values = self.stages, leaves_of()
        parts = [{n: p for n, p in given.items() if stages.kinds[n] == AFFINE} for given in parts]
        for n in stages.cloned:
            values[n] = values[n].clone() if values[n] is not None else None
        given = {values[n].untyped_storage().data_ptr() for n in stages.program.inputs}  # their views cost nothing
        run(self._still, values)
        triples = self._triples(values, parts)
        affine: dict[int, Triple] = {}
        for n in sorted(self._affine_needed):
            a, b, c = triples[n]
            affine[n] = (self._laid(a), self._laid(b), self._laid(c))
        for n, node in self._pools.items():
            affine[node.outputs[0]] = self._phases(triples[n], node)
        program = stages.program
        held = {*program.parameters.values(), *program.buffers.values(), *program.constants}
        own = {n: self._laid(values[n]) for n in stages.kept if stages.kinds[n] != AFFINE and n not in held}
        still = {**own, **{n: values[n] for n in stages.kept if n in held}}
        rows = [t[0] for t in affine.values()]
        new = [t for t in own.values() if t.untyped_storage().data_ptr() not in given]
        memory = sum(t.numel() * t.element_size() for t in (*new, *rows, *(p for t in affine.values() for p in t)))
        return Kept(still, affine, frozenset(n.outputs[0] for n in self._pools.values()), memory)

    def _triples(self, values: Values, parts: Sequence[dict[int, Tensor]]) -> dict[int, Triple]:
        runs: list[dict[int, Tensor]] = [dict(p) for p in parts]
        last: dict[int, int] = {}
        for k, (node, _) in enumerate(self.stages.affine):
            last.update(dict.fromkeys(node.reads, k))
        needed = self._affine_needed | set(self._pools)
        for k, (node, terms) in enumerate(self.stages.affine):
            for part, given in enumerate(runs):
                chosen = _zeros(node, terms, values) if part and terms else node
                known = _Over(values, given)
                args, kwargs = filled((chosen.args, chosen.kwargs), known)  # type: ignore[arg-type]
                results = [t for t in leaves(chosen.function(*args, **kwargs)) if isinstance(t, Tensor)]
                given.update(zip(node.outputs, results, strict=True))
            for n in node.reads:
                if last[n] == k and n not in needed:
                    for given in runs:
                        given.pop(n, None)
        return {n: (runs[0][n], runs[1][n], runs[2][n]) for n in needed}

    def _laid(self, tensor: Tensor) -> Tensor:
        """Channels last where convolutions follow: they, and the pooling, are several times faster."""
        if self._last and tensor.dim() == 4 and tensor.is_floating_point():
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _phases(self, triple: Triple, node: Node) -> Triple:
        """The parts with the places of a window as first axis [p, n, channels, h, w]: a maximum over it is pooling."""
        size = window(node)
        assert size is not None
        high, wide = size
        h, w = triple[0].shape[2] // high * high, triple[0].shape[3] // wide * wide
        return tuple(  # type: ignore[return-value]
            torch.stack(
                [t[:, :, i:h:high, j:w:wide].permute(0, 2, 3, 1) for i in range(high) for j in range(wide)]
            ).permute(0, 1, 4, 2, 3)
            for t in triple
        )

    def outputs(self, values: Values) -> Any:
        """Run what depends on the point; the module's output."""
        run(self._moving, values)
        return filled(self.stages.program.output, values)


class _Over:
    """Values by number, some of them replaced."""

    def __init__(self, values: Values, other: dict[int, Tensor]) -> None:
        self._values, self._other = values, other

    def __getitem__(self, n: int) -> Any:
        return self._other[n] if n in self._other else self._values[n]


def _zeros(node: Node, terms: tuple[Slot, ...], values: Values) -> Node:
    """The call with zeros for what is added and stands still."""
    args = [zeroed(filled(v, values)) if k in terms else v for k, v in enumerate(node.args)]
    kwargs = {k: zeroed(filled(v, values)) if k in terms else v for k, v in node.kwargs.items()}
    return replace(node, args=tuple(args), kwargs=kwargs)


def _viewable(node: Node) -> Node:
    """``view`` as ``reshape``, which serves other memory layouts too."""
    if node.name == "view" and not node.writes:
        return replace(node, function=Tensor.reshape)
    return node


class Replayed:
    """A plan for any recorded program: at each point, the calls that depend on it."""

    chunk = 1
    tile = 32

    def __init__(self, sample: Sample, plane: Plane, stages: Sequence[Stages], channels_last: bool = True) -> None:
        """``stages[k]`` are those of block k; blocks of one shape share theirs."""
        self._blocks, self._score = sample.blocks, sample.score
        ready = {id(s): Steps(s, channels_last) for s in stages}
        self._steps = [ready[id(s)] for s in stages]
        self.random = any(s.random for s in stages)
        self._buffers = dict(sample.module.named_buffers())
        self._vectors = tuple(typed(sample, v) for v in (plane.origin, plane.x.vector, plane.y.vector))
        if len({v.dtype for v in self._vectors[0].values()}) > 1:
            raise NotStaticError("the parameters are of several types")
        names = [n for n in sample.layout.names if any(stages[0].program.parameters[n] in s.parameters for s in stages)]
        self._names, self._shapes = names, [self._vectors[0][n].shape for n in names]
        self._flat = [torch.cat([v[n].reshape(-1) for n in names]) for v in self._vectors] if names else []
        self._named = {n: name for name, n in stages[0].program.parameters.items()}
        self._row: tuple[float, Tensor] | None = None

    def prepare(self, k: int) -> Kept:
        """What of block ``k`` stands still, or is affine."""
        program = self._steps[k].stages.program
        parts = [{program.parameters[n]: v for n, v in vector.items()} for vector in self._vectors]
        return self._steps[k].prepare(lambda: self._leaves(program, self._blocks[k], parts[0]), parts)

    def _leaves(self, program: Program, block: Block, parameters: dict[int, Tensor]) -> Values:
        values: Values = [None] * program.size
        given = [t for t in leaves((block.args, block.kwargs)) if isinstance(t, Tensor)]
        for n, t in zip(program.inputs, given, strict=True):
            values[n] = t
        for name, n in program.buffers.items():
            values[n] = self._buffers[name]
        for n, t in (*program.constants.items(), *parameters.items()):
            values[n] = t
        return values

    def triple(self, number: int, transposed: bool = False) -> Tensor:
        """The parts [3, ...] of a value that stands still or is affine, as a parameter; of a matrix the transpose."""
        name = self._named.get(number)
        if name is not None:
            parts = torch.stack([v[name] for v in self._vectors])
        elif number in (kept := self.prepare(0)).affine:
            parts = torch.stack(kept.affine[number])
        else:
            still = kept.still[number]
            parts = torch.stack([still, torch.zeros_like(still), torch.zeros_like(still)])
        return parts.mT.contiguous() if transposed else parts

    def measure(self, prepared: Kept, k: int, where: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and right answers of block ``k`` at each of ``where`` [g, 2]."""
        found = [self._measured(prepared, k, a, b) for a, b in where.tolist()]
        return torch.stack([f[0] for f in found]), torch.stack([f[1] for f in found])

    def _measured(self, prepared: Kept, k: int, a: float, b: float) -> tuple[Tensor, Tensor]:
        steps = self._steps[k]
        program, cloned = steps.stages.program, steps.stages.cloned
        values: Values = [None] * program.size
        for n, t in (*prepared.still.items(), *prepared.at(a, b).items()):
            values[n] = t.clone() if n in cloned else t
        for name, t in self._parameters(a, b).items():
            values[program.parameters[name]] = t
        return self._score.one(steps.outputs(values), self._blocks[k])

    def _parameters(self, a: float, b: float) -> dict[str, Tensor]:
        """The moving parameters at a point, each a view of one vector."""
        if not self._names:
            return {}
        if self._row is None or self._row[0] != b:
            self._row = (b, torch.add(self._flat[0], self._flat[2], alpha=b))
        vector = torch.add(self._row[1], self._flat[1], alpha=a)
        parts = vector.split([s.numel() for s in self._shapes])
        return {n: p.view(s) for n, p, s in zip(self._names, parts, self._shapes, strict=True)}
