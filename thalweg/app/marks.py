"""What the timeline and the legend of lines show: pure functions of the state, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from thalweg.app.changes import differences, value_shown, worded
from thalweg.app.overlay import DrawnLine, drawn_lines, put_back
from thalweg.app.state import AppState
from thalweg.core.scene.layers import layer_names


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step, in a few words."""

    step: int
    words: str
    kind: Literal["change", "branch", "end"]


@dataclass(frozen=True)
class Entry:
    """One entry of the legend: the lines that it stands for, more than one for runs that differ in the seed alone."""

    lines: tuple[int, ...]
    name: str
    style: int
    front: bool
    shown: bool
    past: bool
    """Whether it can be forgotten: its run went on along another line."""
    next: int
    """The line to put in front: of several, the one after that which is there."""


def steps(state: AppState) -> tuple[int, int, bool, np.ndarray | None]:
    """The newest step, the one that is looked at, whether what follows is looked at too, and the recorded steps."""
    frame = state.current
    if frame is None:
        return 0, 0, True, None
    return frame.line.head, frame.step, frame.following, frame.line.recorded


def marks(state: AppState) -> tuple[Mark, ...]:
    """Where the optimiser of the line in front was changed, where it left another, and where it ended."""
    frame = state.current
    if frame is None:
        return ()
    line = frame.line
    found = [
        Mark(step, f"From step {step:,}: {_change(path, before, now)}", "change")
        for (_, before), (step, now) in pairwise(line.changes)
        for path in differences(before, now)
    ]
    if line.parent is not None:
        back = put_back(line, layer_names(state.spec.network))
        found.append(Mark(line.start, f"Step {line.start:,}: this line leaves another here{back}", "branch"))
    for other in frame.lines:
        if other.parent == line.number:
            found.append(Mark(other.start, f"Step {other.start:,}: another line leaves this one here", "branch"))
    if line.ended:
        found.append(Mark(line.head, line.ended, "end"))
    return tuple(found)


def _change(path: str, before: object, now: object) -> str:
    words = worded(f"run.optimiser.{path}")
    return f"{words} {value_shown(getattr(before, path))} to {value_shown(getattr(now, path))}"


def entries(state: AppState) -> tuple[Entry, ...]:
    """The legend of all lines, hidden ones too; runs of a fan share an entry."""
    specs = state.started.runs if state.started else ()
    lines = drawn_lines(state.current, specs, state.scene, frozenset())
    groups: dict[object, list[DrawnLine]] = {}
    for line in lines:
        groups.setdefault(("fan", line.fan) if line.fan >= 0 else line.number, []).append(line)
    return tuple(
        Entry(
            lines=tuple(m.number for m in group),
            name=group[0].name if len(group) == 1 else _common(group),
            style=group[0].style,
            front=any(m.front for m in group),
            shown=any((m.front and len(group) == 1) or m.number not in state.hidden for m in group),
            past=all(m.past for m in group),
            next=_next(group),
        )
        for group in groups.values()
    )


def _next(group: list[DrawnLine]) -> int:
    at = next((k for k, m in enumerate(group) if m.front), -1)
    return group[(at + 1) % len(group)].number


def _common(group: list[DrawnLine]) -> str:
    """The first and the last name of a group, and which of it is in front."""
    front = next((m.name for m in group if m.front), "")
    return f"{group[0].name} … {group[-1].name}" + (f" (in front: {front})" if front else "")
