"""The lines of training that the figures show together: their names, styles and numbers. Pure functions, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.app.changes import differences, value_shown, worded
from thalweg.app.state import AppState
from thalweg.core.messages import Frame, LineNow, Path
from thalweg.core.scene import RunSpec, Scene
from thalweg.core.scene.layers import layer_names

MOST_NAMED = 2
"""Differences that a name says; of more, an ellipsis, unless names would be the same."""


@dataclass(frozen=True, eq=False)
class DrawnLine:
    """One line of training as the figures draw it.

    ``style`` numbers its colour and line style; ``fan`` the runs that differ from it in their seed alone (-1: none);
    ``past`` says that its run went on along another line. ``step`` is where it is looked at.
    """

    number: int
    name: str
    style: int
    front: bool
    past: bool
    fan: int
    step: int
    series: dict[str, np.ndarray]
    path: Path | None
    layers: tuple[str, ...]


def drawn_lines(
    frame: Frame | None, specs: Sequence[RunSpec], scene: Scene, hidden: frozenset[int]
) -> tuple[DrawnLine, ...]:
    """All lines that are not hidden, in the order in which they began; the one in front always."""
    if frame is None:
        return ()
    names = line_names(frame.lines, specs)
    styles = _styles(frame.lines, scene)
    return tuple(
        DrawnLine(
            number=line.number,
            name=names[line.number],
            style=styles[line.number],
            front=line.number == frame.focus,
            past=not line.live,
            fan=_fan(line, scene),
            step=line.step,
            series=line.series or {},
            path=line.path,
            layers=layer_names(specs[line.run].network) if line.run < len(specs) else (),
        )
        for line in frame.lines
        if line.number not in hidden or line.number == frame.focus
    )


def lines_of(state: AppState) -> tuple[DrawnLine, ...]:
    """The lines that a state shows."""
    specs = state.started.runs if state.started else ()
    return drawn_lines(state.frame, specs, state.scene, state.hidden)


def _fan(line: LineNow, scene: Scene) -> int:
    if line.run >= len(scene.runs()) or line.parent is not None:
        return -1
    owner = scene.spec_of(line.run)
    return owner if (scene.run, *scene.variants)[owner].seeds > 1 else -1


def _styles(lines: Sequence[LineNow], scene: Scene) -> dict[int, int]:
    """The style of each line: runs of one fan share theirs, all others have their own."""
    found: dict[int, int] = {}
    taken: dict[object, int] = {}
    for line in lines:
        fan = _fan(line, scene)
        key: object = ("fan", fan) if fan >= 0 else line.number
        found[line.number] = taken.setdefault(key, len(taken))
    return found


def line_names(lines: Sequence[LineNow], specs: Sequence[RunSpec]) -> dict[int, str]:
    """What each line is called: its run's name, or what sets that apart; of a branch, from where on and with what."""
    found: dict[int, str] = {}
    own = run_names(specs)
    for line in lines:
        name = own[line.run] if line.run < len(own) else f"run {line.run + 1}"
        if line.parent is not None:
            name = f"{name + ': ' if len(specs) > 1 else ''}from {line.start:,}{_changed(line, lines)}"
        elif len(specs) == 1:
            name = "original"
        found[line.number] = name
    return found


def _changed(line: LineNow, lines: Sequence[LineNow]) -> str:
    """What a branch began with that its parent did not have there."""
    new = next((o for step, o in line.changes if step == line.start), None)
    above = next((other.changes for other in lines if other.number == line.parent), line.changes)
    before = next((o for step, o in reversed(above) if step <= line.start and o != new), None)
    if new is None or before is None:
        return ""
    paths = differences(before, new)
    return "".join(f", {worded(f'run.optimiser.{p}')} {value_shown(getattr(new, p))}" for p in paths[:MOST_NAMED])


def run_names(specs: Sequence[RunSpec]) -> list[str]:
    """What each run is called: its own name, or the fields in which the runs differ.

    >>> run_names([RunSpec(), RunSpec(seed=3)])
    ['seed 0', 'seed 3']
    """
    paths = list(dict.fromkeys(p for other in specs[1:] for p in differences(specs[0], other)))
    paths = [p for p in paths if p not in ("name", "seeds", "steps") and not p.startswith("stop.")]
    said = [tuple(f"{worded(f'run.{p}')} {value_shown(_value(spec, p))}" for p in paths) for spec in specs]
    most = next((k for k in range(MOST_NAMED, len(paths)) if len({s[:k] for s in said}) == len(set(said))), len(paths))
    more = " …" if len(paths) > most else ""
    words = [", ".join(s[:most]) + more for s in said]
    return [spec.name or words[k] or f"run {k + 1}" for k, spec in enumerate(specs)]


def _value(spec: RunSpec, path: str) -> object:
    node: object = spec
    for name in path.split("."):
        node = getattr(node, name)
    return node


@dataclass(frozen=True)
class Fan:
    """Runs that differ in their seed alone, at the steps that all of them have: least, median, greatest value."""

    steps: np.ndarray
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray


def fan_of(members: Sequence[DrawnLine], name: str) -> Fan:
    """Median and range of one measure over the members of a fan; not a number where a member is none."""
    steps = members[0].series["step"]
    for member in members[1:]:
        steps = np.intersect1d(steps, member.series["step"])
    rows = np.array([m.series[name][np.isin(m.series["step"], steps)] for m in members]).reshape(len(members), -1)
    return Fan(steps, rows.min(axis=0), np.median(rows, axis=0), rows.max(axis=0))
