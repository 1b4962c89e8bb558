"""Frames: everything that moves in the runs, at one moment, as the window is told it."""

from __future__ import annotations

import numpy as np
import torch

from thalweg.core.measures.weight_map import weight_map
from thalweg.core.messages import NO_BUFFERS, Frame, LineNow
from thalweg.core.scene import AxisSpec
from thalweg.core.training.line import Line
from thalweg.core.training.looking import Looking, Sight
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Runs


class Frames:
    """Makes frames; a series that is as in the frame before is left out."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[int, int, int]] = {}

    def make(
        self,
        runs: Runs,
        looking: Looking,
        *,
        stepping: bool,
        steps_per_second: float,
        parameters: bool,
        axes: tuple[AxisSpec, ...],
        tuned: int = 0,
        tuned_at: tuple[int, int] = (0, 0),
        of: int | None = None,
        newest: bool = False,
    ) -> Frame:
        """The moment that is looked at; with ``parameters``, and the directions of ``axes`` that the past gives.

        ``newest``: also with the parameters at the newest step of the line that the parameters are of.
        """
        front = runs.front
        seen = looking.sight(front)
        sights = {k: looking.sight(run) for k, run in enumerate(runs.all)}
        asked = next(((k, run, line) for k, run, line in runs.lines if line.number == of), None)
        own = _seen(sights[asked[0]], *asked[1:]) if asked else seen
        run, line = asked[1:] if asked else (front, front.line)
        end = _newest(run, line) if parameters and newest else None
        return Frame(
            generation=runs.generation,
            step=seen.step,
            epoch=seen.epoch,
            stepping=stepping,
            steps_per_second=steps_per_second,
            lines=tuple(self._line(k, run, line, sights[k]) for k, run, line in runs.lines),
            focus=front.line.number,
            following=seen.step == front.line.head,
            apart=looking.at is not None,
            tuned=tuned,
            tuned_at=tuned_at,
            parameters=_numpy(own.parameters) if parameters else None,
            of=(line.number, own.step),
            buffers=_numpy(own.buffers) if parameters else NO_BUFFERS,
            newest=_numpy(end[1]) if end and end[0] != own.step else None,
            newest_step=end[0] if end else -1,
            axes=axes,
            given=front.given(axes, seen.step, seen.parameters),
            costs=front.costs.medians(),
        )

    def _line(self, number: int, run: Run, line: Line, seen: Sight) -> LineNow:
        live, seen = line is run.line, _seen(seen, run, line)
        key = (line.series.last_step, len(line.series), line.series.changes)
        known, self._sent[line.number] = self._sent.get(line.number) == key, key
        return LineNow(
            number=line.number,
            run=number,
            start=line.start,
            head=line.head,
            step=seen.step,
            live=live,
            recorded=line.recorded(),
            changes=tuple((c.step, c.optimiser) for c in line.changes),
            series=None if known else line.series.columns(),
            weight_map=weight_map(run.problem, seen.parameters, run.dataset.shape),
            path=run.path(line, seen.step, seen.parameters),
            parent=line.parent.number if line.parent else None,
            ended=line.ended.sentence if line.ended else "",
            put_back=line.layers_put_back,
        )


def _seen(seen: Sight, run: Run, line: Line) -> Sight:
    """What is seen of a line: of one that its run does not go on along, its head."""
    if line is run.line:
        return seen
    tip = line.tip
    assert tip is not None, "a line that was left has a tip"
    return Sight(tip.step, 0.0, tip.parameters, tip.buffers)


def _newest(run: Run, line: Line) -> tuple[int, torch.Tensor]:
    """The newest step of a line, and the parameters [size] there: of one at whose head its run stands, those of now."""
    if line.tip is not None:
        return line.tip.step, line.tip.parameters
    return run.session.step_count, run.session.parameters


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
