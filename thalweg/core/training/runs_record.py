"""Runs in training as a recording, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from thalweg.core.data import Dataset
from thalweg.core.history import Series
from thalweg.core.scene import Scene
from thalweg.core.store.recording import NO_BUFFERS, LineRecord, Recording, Remembered
from thalweg.core.training import optimisers
from thalweg.core.training.line import Change, Ended, Line
from thalweg.core.training.moment import Moment
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Runs


def recording_of(scene: Scene, runs: Runs) -> Recording:
    """What the runs have recorded so far; nothing is copied that is never written to."""
    every = [(number, run, line) for number, run in enumerate(runs.all) for line in run.all_lines]
    lines = tuple(_line_of(*entry) for entry in sorted(every, key=lambda entry: entry[2].number))
    return Recording(scene, lines, runs.front.line.number)


def _line_of(number: int, run: Run, line: Line) -> LineRecord:
    tip = line.tip or (run.session.moment() if run.step_count == line.head and run.line is line else None)
    assert tip is not None, "a line that was left has a tip"
    found = {m.step: m for m in (*line.trajectory.moments, tip)}
    moments = [found[step] for step in sorted(found)]
    whole = [i for i, m in enumerate(moments) if m.whole]
    names = sorted({name for m in moments for name in m.memory or {}})
    series = line.series.columns()
    counted = moments if "evaluations" in series else []  # not where the file that it began in had no counts
    return LineRecord(
        steps=np.array([m.step for m in moments], dtype=np.int64),
        parameters=[_numpy(m.parameters) for m in moments],
        series=series,
        buffers=[_numpy(m.buffers) for m in moments] if len(run.session.buffers) else NO_BUFFERS,
        epochs=np.array([m.epoch for m in moments], dtype=np.int64),
        at=np.array([m.at for m in moments], dtype=np.int64),
        evaluations=np.array([m.evaluations for m in counted], dtype=np.int64),
        seconds=np.array([m.seconds for m in counted], dtype=np.float64),
        whole=np.array(whole, dtype=np.int64),
        memory={name: _remembered(moments, name) for name in names},
        streams={m.epoch: m.stream.numpy() for m in (moments[i] for i in whole)},
        changes=tuple((c.step, c.optimiser) for c in line.changes),
        passes=np.array(line.epochs, dtype=np.int64),
        number=line.number,
        run=number,
        parent=line.parent.number if line.parent else None,
        start=line.start,
        head=line.head,
        stride=line.trajectory.stride,
        live=line is run.line,
        forgotten=line.number not in run.lines,
        ended=(line.ended.step, line.ended.sentence, line.ended.back) if line.ended else None,
        put_back=line.put_back,
    )


def _remembered(moments: list[Moment], name: str) -> Remembered:
    rows = [i for i, m in enumerate(moments) if m.memory and name in m.memory]
    return Remembered(np.array(rows, dtype=np.int64), [_numpy((moments[i].memory or {})[name]) for i in rows])


def runs_of(recording: Recording, generation: int, dataset: Dataset, device: str, memory: int) -> Runs:
    """The runs of a recording, each at the head of the line that it went on along; the line in front is in front.

    Raises ValueError where training could not go on from what is in it; that the lines go together was seen before.
    """
    specs = recording.scene.runs()
    runs = Runs(generation, specs, dataset, device, memory)
    made: dict[int, Line] = {}
    for record in recording.lines:
        parent = None if record.parent is None else made[record.parent]
        made[record.number] = _made(record, runs.all[record.run], parent, device)
    for number, run in enumerate(runs.all):
        own = [made[r.number] for r in recording.lines if r.run == number and not r.forgotten]
        live = [made[r.number] for r in recording.lines if r.run == number and r.live]
        run.take_up(own, live[-1] if live else own[-1])
    runs.continue_numbers(max(made) + 1)
    for _ in runs.going_on(recording.focus):
        pass
    runs.restrict(memory)
    return runs


def _made(record: LineRecord, run: Run, parent: Line | None, device: str) -> Line:
    streams = {epoch: _stream(values, record.number) for epoch, values in record.streams.items()}
    memories: dict[int, dict[str, np.ndarray]] = {row: {} for row in record.whole.tolist()}
    for name, kept in record.memory.items():
        for row, values in zip(kept.rows.tolist(), kept.values, strict=True):
            if row in memories:
                memories[row][name] = values
    changes = [Change(step, optimiser) for step, optimiser in record.changes]
    moments = []
    for i, step in enumerate(record.steps.tolist()):
        remembered, epoch = memories.get(i), int(record.epochs[i])
        moments.append(
            Moment(
                step=step,
                epoch=epoch,
                at=int(record.at[i]),
                stream=streams.get(epoch, next(iter(streams.values()))),
                parameters=_tensor(record.parameters[i], device),
                buffers=_tensor(record.buffers_at(i), device),
                memory=None if remembered is None else {n: _memory(v, device) for n, v in remembered.items()},
                optimiser=next(c.optimiser for c in reversed(changes) if c.step <= step),
                evaluations=int(record.evaluations[i]) if len(record.evaluations) else 0,
                seconds=float(record.seconds[i]) if len(record.seconds) else 0.0,
            )
        )
    by_step = {m.step: m for m in moments}
    line = Line(record.number, by_step[record.start], parent, put_back=record.put_back)
    line.series, line.epochs, line.changes = Series.of(record.series), record.passes.tolist(), changes
    line.head, line.tip = record.head, by_step[record.head]
    line.ended = Ended(*record.ended) if record.ended else None
    line.trajectory.fill(
        record.stride,
        [m for m in moments if (m.step - record.start) % record.stride == 0],
    )
    if (size := len(moments[0].parameters)) != len(run.session.parameters):
        raise ValueError(f"line {record.number}: {size} parameters do not fit the network of its run")
    _check_memory(moments, run.session.parameters)
    return line


def _check_memory(moments: list[Moment], like: Tensor) -> None:
    """Raise ValueError unless each optimiser can go on with what it remembered."""
    for begun in (False, True):
        own = [m for m in moments if m.memory is not None and bool(m.step) == begun]
        for m in own:
            if wrong := optimisers.fault(m.optimiser, m.memory or {}, like, begun):
                raise ValueError(f"memory: at step {m.step} {wrong}")


def _stream(values: np.ndarray, number: int) -> Tensor:
    """A generator's state; ValueError for bytes that are none."""
    found = torch.from_numpy(np.array(values, dtype=np.uint8))
    try:
        torch.Generator().set_state(found)
    except RuntimeError as e:
        raise ValueError(f"line {number}: the order of the examples cannot be drawn again ({e})") from None
    return found


def _memory(values: np.ndarray, device: str) -> Tensor:
    found = _tensor(values, device)
    return found.cpu() if found.dim() == 0 else found  # torch keeps the count of steps beside the processor


def _tensor(values: Sequence[float] | np.ndarray, device: str) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float32)).to(device)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
