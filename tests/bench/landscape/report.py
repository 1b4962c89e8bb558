"""What is printed: the machine, the tables, what a method could not do."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from .limit import Limit
from .live import Live
from .measuring import LOOP, Result, Row
from .memory import BOUND, Extra
from .subjects import SUBJECTS

LEGEND = """\
Ratios are to the plain loop (set the parameters, one forward of all examples, mean loss): by processor time for each
point, wall time in brackets; one torch thread, medians of interleaved rounds. \\*: timed on a smaller grid of the same
plane and taken for each point. "evaluator" is the losses alone; "landscape" is what the app calls, with the coarse
pictures; "loss_landscape" is the call from Python. "map" is the wall time of the whole grid by "landscape". "peak" is
the share of a 1024x1024 float32 product's speed in the same rounds that "evaluator" reaches, counting only the
products that the grid needs."""


LIMITS = """\
The calls that remain at every point, each alone, in microseconds of processor time for each point: the affine
combination of the first layer that moves, the products and sigmoids after it, the softmax, the score of each label and
the count of right answers. Their sum is the least that a grid computed with torch's calls takes; "at most" is the plain
loop of the same rounds over that sum."""


def machine() -> str:
    """Processor, cores, versions and load in one line."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, {versions}{load}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.processor() or platform.machine())


def line(row: Row) -> str:
    """A row as it is printed when it is done."""
    cell = row.cell
    parts = [f"{cell.subject}, {cell.plane}, {cell.examples} examples, {cell.side}x{cell.side}:"]
    parts += [f"{r.method} {_ratio(r, cell.side)}" for r in row.results if r.method != LOOP]
    target = SUBJECTS[cell.subject].targets.get(cell.plane)
    return "  ".join([*parts, f"target {target:g}" if target else "", f"peak {100 * row.share:.2g} %"])


def tables(rows: Sequence[Row]) -> str:
    """A Markdown table for each subject, and below it what could not be done."""
    found = []
    for name in dict.fromkeys(r.cell.subject for r in rows):
        own = [r for r in rows if r.cell.subject == name]
        found.append(f"### {SUBJECTS[name].title}\n\n{_table(own)}")
        if reasons := _reasons(own):
            found.append("\n".join(f"- {reason}" for reason in reasons))
    return "\n\n".join(found)


def _table(rows: Sequence[Row]) -> str:
    others = [r.method for r in rows[0].results if r.method != LOOP]
    head = ["examples", "grid", "plane", "loop, ms/point", *others, "target", "map", "peak"]
    body = []
    for row in rows:
        cell, loop, whole = row.cell, row.result(LOOP), row.result("landscape")
        ratios = [_ratio(row.result(m) or Result(m), cell.side) for m in others]
        target = SUBJECTS[cell.subject].targets.get(cell.plane)
        body.append(
            [
                f"{cell.examples:,}",
                f"{cell.side}x{cell.side}",
                cell.plane,
                _marked(f"{loop.cpu_ms:.3g}", loop, cell.side) if loop else "",
                *ratios,
                f"{target:g}" if target else "",
                _time(whole.wall_ms / 1000 * cell.side**2) if whole and not whole.error else "",
                f"{100 * row.share:.2g} %" if math.isfinite(row.share) else "",
            ]
        )
    return markdown(head, body)


def _reasons(rows: Iterable[Row]) -> list[str]:
    """What could not be done, each once with the planes where it could not."""
    planes: dict[str, list[str]] = {}
    for row in rows:
        for r in row.results:
            if r.error:
                reason = f"{r.method}: {'wrong loss' if r.wrong else 'not possible'}: {r.error}"
                planes.setdefault(reason, []).append(row.cell.plane)
    return [f"{reason} ({', '.join(dict.fromkeys(where))})" for reason, where in planes.items()]


def _ratio(result: Result, side: int) -> str:
    if result.error:
        return "wrong" if result.wrong else "-"
    return _marked(f"{result.cpu_ratio:.3g} ({result.wall_ratio:.3g})", result, side)


def _marked(text: str, result: Result, side: int) -> str:
    return text + "*" if result.side < side else text


def _time(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def limit_table(found: Sequence[Limit]) -> str:
    """The remaining calls of each plane, and the ratio that they allow."""
    names = list(dict.fromkeys(name for a in found for name in a.calls))
    head = ["examples", "plane", "loop", *names, "sum", "at most", "target"]
    body = [
        [
            f"{a.examples:,}",
            a.plane,
            f"{1000 * a.loop:.0f}",
            *(f"{1000 * a.calls[n]:.3g}" if n in a.calls else "" for n in names),
            f"{1000 * sum(a.calls.values()):.3g}",
            f"{a.ratio:.3g}",
            f"{SUBJECTS['mlp'].targets[a.plane]:g}",
        ]
        for a in found
    ]
    return markdown(head, body)


def memory_table(found: Sequence[Extra]) -> str:
    """Peak memory beside its bound."""
    body = [
        [e.subject, e.plane, f"{e.examples:,}", e.method, f"{e.bytes / 2**20:.0f} MB", f"{BOUND / 2**20:.0f} MB"]
        for e in found
    ]
    return markdown(["network", "plane", "examples", "method", "peak beyond network and data", "bound"], body)


def live_table(found: Sequence[Live]) -> str:
    """The live picture, one line for each share of the landscape worker's time."""
    head = [
        "share",
        "first picture after start",
        "coarse picture",
        "whole 41x41",
        "maps per second",
        "steps per second",
    ]
    body = [
        [
            f"{a.share:.0%}",
            *(_time(t) for t in (a.first_coarse, a.coarse, a.whole)),
            f"{a.maps:.2g}",
            f"{a.steps:.0f}",
        ]
        for a in found
    ]
    return markdown(head, body)


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("*", "\\*")


def data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as JSON takes them; what was not measured is null."""
    found = []
    for row in rows:
        results = [{k: _plain(v) for k, v in vars(r).items()} for r in row.results]
        found.append(
            {
                **vars(row.cell),
                "target": SUBJECTS[row.cell.subject].targets.get(row.cell.plane),
                "flop": row.flop,
                "peak": row.peak,
                "share_of_peak": _plain(row.share),
                "results": results,
            }
        )
    return found


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
