"""One row of the table: every method on the same network, examples and plane, interleaved."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from . import ours
from .checking import WrongLossError, check, in_one_line
from .flop import calls_of, needed
from .packages import PACKAGES, Peers
from .plain import Exact, Values, plain_loop, vmapped
from .subjects import SUBJECTS, Job, job
from .timing import peak, side_within, timed

LOOP, VMAP, EVALUATOR, LANDSCAPE, PYTHON = "loop", "vmap", "evaluator", "landscape", "loss_landscape"

METHODS: dict[str, tuple[Callable[[Job, int], Values], float]] = {
    LOOP: (plain_loop, 1),
    VMAP: (vmapped, 1),
    EVALUATOR: (ours.evaluator, 10),
    LANDSCAPE: (ours.whole, 10),
    PYTHON: (ours.from_python, 2),
}
"""The methods of this process, and the share of the time that each may take in a round."""


@dataclass(frozen=True)
class Cell:
    """What one row is about."""

    subject: str
    plane: str
    examples: int
    side: int


@dataclass(frozen=True)
class Sample:
    """One timed run: seconds of processor and wall time, points, and how many of them were checked."""

    cpu: float
    wall: float
    points: int
    checked: int


@dataclass(frozen=True)
class Result:
    """A method in a row: medians of the rounds. ``error`` is what it raised instead, or where its loss was wrong."""

    method: str
    side: int = 0
    """Of the grid that was timed; smaller than the row's where that would take too long."""
    checked: int = 0
    cpu_ratio: float = float("nan")
    """How many times faster than the plain loop of the same round and process, by processor time for each point."""
    wall_ratio: float = float("nan")
    cpu_ms: float = float("nan")
    """Milliseconds for each point."""
    wall_ms: float = float("nan")
    error: str = ""
    wrong: bool = False


@dataclass(frozen=True)
class Row:
    """All methods in one cell."""

    cell: Cell
    results: tuple[Result, ...]
    flop: int
    """Operations that the cell's grid needs."""
    peak: float
    """Operations per second of a large product in the same rounds."""

    def result(self, method: str) -> Result | None:
        """That of one method; None when it was not measured."""
        return next((r for r in self.results if r.method == method), None)

    @property
    def share(self) -> float:
        """Share of the peak that the evaluator reaches with the operations that are needed."""
        found = self.result(EVALUATOR)
        return self.flop / (found.cpu_ms / 1000 * self.cell.side**2) / self.peak if found else float("nan")


Run = Callable[[int], Sample]


class RefusedError(Exception):
    """A package could not do it; the text is what it raised."""


def cells(name: str, quick: bool) -> list[Cell]:
    """The rows of a subject; ``quick``: the same planes with few examples on a small grid."""
    subject = SUBJECTS[name]
    examples, sides = ((200,), (9,)) if quick else (subject.examples, subject.sides)
    return [Cell(name, plane, m, side) for m in examples for side in sides for plane in subject.planes]


def measure(cell: Cell, repeats: int, budget: float, peers: Peers | None) -> Row:
    """Warm every method up, choose its grid, then run all of them in each round, in shuffled order."""
    wanted = job(cell.subject, cell.plane, cell.examples)
    exact = Exact(wanted)
    runs = {name: (_here(method, wanted, exact), budget * share) for name, (method, share) in METHODS.items()}
    if peers is not None:
        runs |= {name: (_there(peers, name, cell), budget) for name in (_peers_loop, *(p.title for p in PACKAGES))}
    failed, sides = dict[str, Result](), dict[str, int]()
    for name, (run, seconds) in runs.items():
        try:
            run(3)  # libraries load, buffers are made
            sides[name] = side_within(seconds, cell.side, lambda side, run=run: run(side).cpu)  # type: ignore[misc]
        except Exception as e:  # what vmap or a package raises on a network that it cannot take
            failed[name] = Result(
                name, error=str(e) if isinstance(e, RefusedError) else in_one_line(e), wrong=_is_wrong(e)
            )
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    peaks, order = [], random.Random(0)
    for _ in range(repeats):
        peaks.append(peak())
        for name in order.sample(list(sides), len(sides)):
            samples[name].append(runs[name][0](sides[name]))
    results = [failed.get(n) or _summary(n, sides[n], samples[n], samples[_base(n)]) for n in runs if n != _peers_loop]
    flop = needed(calls_of(wanted.module, wanted.inputs), wanted.owners, cell.side**2)
    return Row(cell, tuple(results), flop, median(peaks))


_peers_loop = "loop of the packages' process"


def _base(method: str) -> str:
    return LOOP if method in METHODS else _peers_loop


def _here(method: Callable[[Job, int], Values], wanted: Job, exact: Exact) -> Run:
    def run(side: int) -> Sample:
        values, cpu, wall = timed(lambda: method(wanted, side))
        return Sample(cpu, wall, len(values.losses), check(values, exact))

    return run


def _there(peers: Peers, name: str, cell: Cell) -> Run:
    method = "loop" if name == _peers_loop else name

    def run(side: int) -> Sample:
        answer = peers.ask(method=method, subject=cell.subject, plane=cell.plane, examples=cell.examples, side=side)
        if "error" in answer:
            raise RefusedError(answer["error"])
        return Sample(**answer)

    return run


def _summary(name: str, side: int, own: list[Sample], loop: list[Sample]) -> Result:
    """Medians over the rounds; a ratio is taken within each round, so that a slower clock slows both sides."""
    return Result(
        method=name,
        side=side,
        checked=min(s.checked for s in own),
        cpu_ratio=median((b.cpu / b.points) / (s.cpu / s.points) for s, b in zip(own, loop, strict=True)),
        wall_ratio=median((b.wall / b.points) / (s.wall / s.points) for s, b in zip(own, loop, strict=True)),
        cpu_ms=median(1000 * s.cpu / s.points for s in own),
        wall_ms=median(1000 * s.wall / s.points for s in own),
    )


def _is_wrong(error: Exception) -> bool:
    return isinstance(error, WrongLossError) or (isinstance(error, RefusedError) and "WrongLossError" in str(error))
