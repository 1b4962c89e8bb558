"""The landscape engine beside the plain loop, torch.func.vmap and the public packages; its memory; the live picture.

    python tests/bench/bench_landscape.py --quick --only mlp       some small rows, in seconds
    python tests/bench/bench_landscape.py --peers --markdown FILE  everything, in an hour or more

Every method computes the same plane of the same network on the same examples, one torch thread, interleaved; every
timed result is compared with float64 at some of its points, and one that differs is named and not counted. Nothing
is asserted about time. ``--peers`` installs the packages into an environment of their own in the cache folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from landscape import report
from landscape.checking import TOLERANCE
from landscape.limit import POINTS, Limit, limit
from landscape.live import Live, live
from landscape.measuring import LANDSCAPE, PYTHON, Row, cells, measure
from landscape.memory import Extra, extra
from landscape.packages import Peers, environment
from landscape.subjects import SUBJECTS

PARTS = (*SUBJECTS, "limit", "memory", "live")

BUDGET = 1.0
"""Seconds of a round for a slow method; ours may take more, so that they compute the whole grid."""


def main() -> None:
    """Measure what was asked for, print it, write it to files."""
    wanted = arguments()
    torch.set_num_threads(1)
    parts = wanted.only or PARTS
    print(report.machine(), flush=True)
    rows = networks([p for p in parts if p in SUBJECTS], wanted)
    limits = the_limits(wanted) if "limit" in parts else []
    memory = memories(wanted.quick) if "memory" in parts else []
    pictures = live_pictures(wanted.quick) if "live" in parts else []
    text = page(rows, limits, memory, pictures)
    print(f"\n{text}")
    if wanted.markdown:
        wanted.markdown.write_text(text + "\n", encoding="utf-8")
    if wanted.json:
        found = {"machine": report.machine(), "rows": report.data(rows)}
        found |= {"limits": [vars(a) for a in limits]}
        found |= {"memory": [vars(e) for e in memory], "live": [vars(a) for a in pictures]}
        wanted.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    if wrong(rows):
        sys.exit("bench_landscape: not all methods give the same loss, see above")


def arguments() -> Any:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few examples, small grids, one round")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given several times")
    parser.add_argument("--peers", action="store_true", help="the public packages too; installs them the first time")
    parser.add_argument("--repeats", type=int, default=0, help="rounds (5, or 1 with --quick)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    return parser.parse_args()


def networks(names: list[str], wanted: Any) -> list[Row]:
    """The rows of these subjects, each printed when it is done."""
    peers = Peers(environment(torch.__version__)) if wanted.peers and names else None
    repeats = wanted.repeats or (1 if wanted.quick else 5)
    rows = []
    try:
        for name in names:
            for cell in cells(name, wanted.quick):
                rows.append(measure(cell, repeats, BUDGET / 5 if wanted.quick else BUDGET, peers))
                print(report.line(rows[-1]), flush=True)
    finally:
        if peers is not None:
            peers.close()
    return rows


def the_limits(wanted: Any) -> list[Limit]:
    """What the dense network's planes cost at least, with the calls that they need."""
    examples = (200,) if wanted.quick else (1000, 10_000)
    return [limit(plane, m, wanted.repeats or (1 if wanted.quick else 5)) for m in examples for plane in POINTS]


def memories(quick: bool) -> list[Extra]:
    """The peak memory of ours on each network, at the largest number of examples."""
    found = []
    for name, subject in SUBJECTS.items():
        for plane in ("all layers", "last layer"):
            for method in (LANDSCAPE, PYTHON):
                examples, side = (200, 5) if quick else (max(subject.examples), 11)
                found.append(extra(name, plane, examples, method, side))
                print(f"memory of {method}, {name}, {plane}: {found[-1].bytes / 2**20:.0f} MB", flush=True)
    return found


def live_pictures(quick: bool) -> list[Live]:
    """The default scene, at the share of a core that the app gives landscapes, and at the whole of it."""
    seconds, examples = (3.0, 200) if quick else (15.0, 1000)
    return [live(seconds, examples, share) for share in (None, 1.0)]


def wrong(rows: list[Row]) -> bool:
    """Whether a method gave a loss that is not the network's."""
    return any(r.wrong for row in rows for r in row.results)


def page(rows: list[Row], limits: list[Limit], memory: list[Extra], pictures: list[Live]) -> str:
    """Everything that was measured, as Markdown."""
    parts = [report.machine()]
    if rows:
        checked = sum(r.checked for row in rows for r in row.results)
        parts += [report.LEGEND, report.tables(rows)]
        verdict = "not all are equal, see above" if wrong(rows) else "all equal"
        parts.append(f"Compared with float64 in the same runs, {TOLERANCE:g} relative: {checked} points, {verdict}.")
    if limits:
        parts += ["### What the dense network's planes cost at least", report.LIMITS, report.limit_table(limits)]
    if memory:
        parts += ["### Memory", report.memory_table(memory)]
    if pictures:
        parts += ["### The live picture", report.live_table(pictures)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
