"""What each strip's measure costs beside a bare step of training, and which share of the time it gets.

    python tests/bench/strip_costs.py

The built-in digits, on one thread. A measure's cost is the median time that it takes, over the median time of a step,
both in turn. Its share is what it gets while training runs flat out as the session worker does it, with a frame thirty
times a second: all the time it took over all the time there was; first for the measures of every row together, then for
each of those that are made only while they are looked at. The program means to give at most 4 % to the measures of
every row, and as much to one that is looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from statistics import median

import torch
from tables import machine, show

from thalweg.core import data as datasets
from thalweg.core.heap import keep_freed_memory
from thalweg.core.messages import MEASURE_SHARE, Acknowledge, MeasureAlso, Play, Start
from thalweg.core.scene import PaceSpec, RunSpec
from thalweg.core.training.costs import Costs
from thalweg.core.training.run import Run
from thalweg.core.training.service import TrainingService

IN_EVERY_ROW = ("curves", "gradient", "sizes", "activations")
LOOKED_AT = ("noise", "curvature", "chain-rule")
"""Of a fully connected network; an LSTM has others."""

NETWORKS = (((30, 30, 30), 10), ((30, 30, 30), 100), ((30,) * 50, 10))
"""Hidden layers and batch size."""

STEPS, TURNS = 30, 5
"""Steps between two measurements whose times are taken, and how many those are."""

SLICE, FRAME = 0.004, 1 / 30
"""Seconds that the worker trains between two looks at its pipe; seconds between two frames."""


class Tally(Costs):
    """Every time that was noted, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.all: dict[str, list[float]] = {}

    def note(self, name: str, seconds: float) -> None:
        """Once more, this took so long."""
        super().note(name, seconds)
        self.all.setdefault(name, []).append(seconds)


def tallied(run: RunSpec, costly: tuple[str, ...], seconds: float) -> dict[str, list[float]]:
    """The times of steps and measures while it trains flat out for so long, after a tenth of it to warm up."""
    service, tally = TrainingService(), Tally()
    flat_out = PaceSpec(speed=float("inf"))
    for command in (Start(1, (run,)), MeasureAlso(1, costly), Play(1, True, flat_out)):
        list(service.handle(command))
    assert service.runs is not None
    next_frame, warm = 0.0, time.perf_counter() + seconds / 10
    until = warm + seconds
    while (now := time.perf_counter()) < until:
        if now >= warm and service.runs.front.costs is not tally:
            service.runs.front.costs = tally
        service.work(SLICE)
        if now >= next_frame:
            list(service.handle(Acknowledge(1, parameters=False)))
            service.frame()
            next_frame = now + FRAME
    return tally.all


def costs(run: RunSpec) -> dict[str, float]:
    """The median seconds of a step and of each measure, in turn, each measure several times."""
    trained, tally = Run(1, run, datasets.load(run.data), "cpu"), Tally()
    for turn in range(1 + TURNS):
        if turn == 1:
            trained.costs = tally  # the first of all take longer than any other
        for _ in range(STEPS):
            trained.step()
        trained.measure()
        for _ in trained.measuring(LOOKED_AT):
            pass
    return {name: median(seconds) for name, seconds in tally.all.items()}


def rows(seconds: float) -> Iterator[tuple[str, ...]]:
    """A row for each network and measure, and one for the measures of every row together."""
    for hidden, batch in NETWORKS:
        layers = "-".join(map(str, hidden)) if len(hidden) < 9 else f"{len(hidden)} layers of {hidden[0]}"
        run = RunSpec.model_validate({"network": {"hidden": hidden}, "optimiser": {"batch_size": batch}})
        found = costs(run)
        step, together = found["step"], sum(found[name] for name in IN_EVERY_ROW)
        yield (f"784-{layers}-10", f"{batch}", "a bare step", _digits(1e3 * step), "1", "", "")
        for name in IN_EVERY_ROW:
            yield ("", "", name, _digits(1e3 * found[name]), _digits(found[name] / step), "", "")
        yield _row("these together", together, step, tallied(run, (), seconds), IN_EVERY_ROW, seconds)
        for name in LOOKED_AT:
            yield _row(name, found[name], step, tallied(run, (name,), seconds), (name,), seconds)


def _digits(value: float) -> str:
    """Three digits: 0.656, 42.2, 5,810."""
    return f"{float(f'{value:.3g}'):,g}"


def _row(
    title: str, took: float, step: float, found: dict[str, list[float]], names: tuple[str, ...], seconds: float
) -> tuple[str, ...]:
    """What measures cost that are made together, and what of the time they got in ``seconds`` of training."""
    times = len(found.get(names[0], []))
    share = sum(sum(found.get(name, [])) for name in names) / seconds
    said = f"{100 * share:.1f} %" if times else f"not through in {seconds:g} s"
    every = f"{len(found['step']) / times:,.0f}" if times else "-"
    return ("", "", title, _digits(1e3 * took), _digits(took / step), said, every)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of training for each row that is looked at")
    parser.add_argument("--markdown", action="store_true", help="print the table as it stands in docs/benchmarks.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    print(machine())
    show(
        f"Measures beside training; at most {100 * MEASURE_SHARE:.0f} % of the time are meant to go to them",
        ("network", "batch", "measure", "ms", "in steps", "share of the time", "once in so many steps"),
        rows(options.seconds),
        options.markdown,
    )


if __name__ == "__main__":
    main()
