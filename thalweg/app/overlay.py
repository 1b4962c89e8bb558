"""The lines of training that the figures show together: their names, styles and numbers. Pure functions, no Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.app.changes import differences, value_shown, worded
from thalweg.app.state import AppState
from thalweg.core.messages import Frame, LineNow, Path
from thalweg.core.scene import RunSpec, Scene
from thalweg.core.scene.layers import layer_names

AGAINST = {"steps": "step", "evaluations": "evaluations", "seconds": "seconds"}
"""The series that says where a curve's points stand, by the view's choice; a file may lack all but the first."""

MOST_NAMED = 2
"""Differences that a name says; of more, an ellipsis, unless names would be the same."""


@dataclass(frozen=True, eq=False)
class DrawnLine:
    """One line of training as the figures draw it.

    ``style`` numbers its colour and line style; ``fan`` the runs that differ from it in their seed alone (-1: none);
    ``past`` says that its run went on along another line, ``ended`` that its loss is not finite any more. ``step`` is
    where it is looked at.
    """

    number: int
    name: str
    style: int
    front: bool
    past: bool
    ended: bool
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
    names, fans = line_names(frame.lines, specs), _fans(frame.lines, scene)
    styles = _styles(fans)
    return tuple(
        DrawnLine(
            number=line.number,
            name=names[line.number],
            style=styles[line.number],
            front=line.number == frame.focus,
            past=not line.live,
            ended=bool(line.ended),
            fan=fans[line.number],
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


def last_measured(steps: np.ndarray, step: int) -> int:
    """Index of the last of the ascending measured ``steps`` that is not after ``step``; of the first where all are."""
    return max(0, int(np.searchsorted(steps, step, side="right")) - 1)


def _fans(lines: Sequence[LineNow], scene: Scene) -> dict[int, int]:
    """The fan of each line, -1 for none: seeds of one run, or branches that seeds of one run began together."""
    keys: dict[int, tuple[object, ...]] = {}
    for line in lines:
        above = keys.get(line.parent, ()) if line.parent is not None else ()
        if line.run < len(scene.runs()):
            owner = scene.spec_of(line.run)
            seeds = (scene.run, *scene.variants)[owner].seeds > 1
            keys[line.number] = (owner, *above, line.start, line.put_back) if seeds else ()
        else:
            keys[line.number] = ()
    counts = Counter(keys.values())
    numbers: dict[tuple[object, ...], int] = {}
    return {
        number: numbers.setdefault(key, len(numbers)) if key and counts[key] > 1 else -1 for number, key in keys.items()
    }


def _styles(fans: dict[int, int]) -> dict[int, int]:
    """The style of each line: those of one fan share theirs, all others have their own."""
    taken: dict[object, int] = {}
    return {n: taken.setdefault(("fan", fan) if fan >= 0 else n, len(taken)) for n, fan in fans.items()}


def line_names(lines: Sequence[LineNow], specs: Sequence[RunSpec]) -> dict[int, str]:
    """What each line is called: its run's name, or what sets that apart; of a branch, from where on and with what."""
    found: dict[int, str] = {}
    own = run_names(specs)
    for line in lines:
        name = own[line.run] if line.run < len(own) else f"run {line.run + 1}"
        if line.parent is not None:
            names = layer_names(specs[line.run].network) if line.run < len(specs) else ()
            back = put_back(line, names)
            name = f"{name + ': ' if len(specs) > 1 else ''}from {line.start:,}{back}{_changed(line, lines)}"
        elif len(specs) == 1:
            name = "original"
        found[line.number] = name
    return found


def put_back(line: LineNow, names: Sequence[str]) -> str:
    """Which of the layers of these names are as at the start where a branch begins."""
    found = {layer for step, layer in line.put_back if step == line.start}
    said = [names[n - 1] if n <= len(names) else f"layer {n}" for n in sorted(found)]
    return f", {' and '.join(said)} as at the start" if said else ""


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
    """Runs that differ in their seed alone, at the steps that those have which go on: least, median, greatest value."""

    steps: np.ndarray
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray


def fans_of(lines: Sequence[DrawnLine]) -> dict[int, list[DrawnLine]]:
    """The members of each fan of which more than one are among these lines, by the fan's number."""
    found: dict[int, list[DrawnLine]] = {}
    for line in lines:
        found.setdefault(line.fan, []).append(line)
    return {fan: found[fan] for fan in sorted(found) if fan >= 0 and len(found[fan]) > 1}


def fan_of(members: Sequence[DrawnLine], name: str) -> Fan:
    """Median and range of one measure over the members of a fan; not a number where a member is none.

    One that has ended counts as long as its values are finite.
    """
    going = [m for m in members if not m.ended] or list(members)
    steps = going[0].series["step"]
    for member in going[1:]:
        steps = np.intersect1d(steps, member.series["step"])
    rows = np.array([_at(m, name, steps) for m in members]).reshape(len(members), -1)
    low, median, high = rows.min(axis=0), np.median(rows, axis=0), rows.max(axis=0)
    ended = np.array([m not in going for m in members])
    fewer = np.flatnonzero((ended[:, None] & ~np.isfinite(rows)).any(axis=0))  # columns with one that is out
    for k in fewer:
        left = rows[~ended | np.isfinite(rows[:, k]), k]
        low[k], median[k], high[k] = left.min(), np.median(left), left.max()
    return Fan(steps, low, median, high)


def _at(member: DrawnLine, name: str, steps: np.ndarray) -> np.ndarray:
    """A measure of a member at these steps, infinite where it has none."""
    own = member.series["step"]
    found = np.full(len(steps), np.inf)
    there = np.isin(steps, own)
    found[there] = member.series[name][np.isin(own, steps)]
    return found
