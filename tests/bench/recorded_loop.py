"""What recording costs the default scene's training: a bare loop, the same recorded, and as the session worker does it.

They train in turn, for a moment each, so that a machine whose speed changes changes all of them alike. Prints, of each,
the steps per second (median) and their share of the bare loop's (median over the turns):
``python tests/bench/recorded_loop.py TURNS FILE.h5``.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch

from thalweg.assets import DEFAULT, shipped_scene
from thalweg.core import data as datasets
from thalweg.core.heap import keep_freed_memory
from thalweg.core.messages import Acknowledge, Play, Save, Start
from thalweg.core.problem import build
from thalweg.core.scene import PaceSpec
from thalweg.core.training.runs import Runs
from thalweg.core.training.service import TrainingService
from thalweg.core.training.session import Session

SPAN = 0.1
"""Seconds of one turn."""


def main(turns: int, path: str) -> None:
    """Train flat out in all four ways; the worker makes a frame thirty times a second, and a file every second."""
    torch.set_num_threads(1)
    keep_freed_memory()
    scene = shipped_scene(DEFAULT)
    dataset = datasets.load(scene.run.data)
    session = Session(scene.run, build(scene.run, dataset))
    runs = Runs(1, scene.runs(), dataset, "cpu")
    ways: dict[str, Callable[[], float]] = {
        "bare loop": lambda: _rate(session.step),
        "recorded": lambda: _rate(runs.step),
        "recorded, measured and framed": Worker().rate,
        "the same, kept in a file every second": Worker(path).rate,
    }
    for way in ways.values():
        way()
    found = {name: [0.0] * turns for name in ways}
    for turn in range(turns):
        for name, way in ways.items():
            found[name][turn] = way()
    for name, rates in found.items():
        shares = [rate / bare for rate, bare in zip(rates, found["bare loop"], strict=True)]
        print(f"{name}: {statistics.median(rates):.0f} steps/s; share {100 * statistics.median(shares):.1f} %")


def _rate(step: Callable[[], object]) -> float:
    began, count = time.perf_counter(), 0
    while time.perf_counter() < began + SPAN:
        step()
        count += 1
    return count / (time.perf_counter() - began)


class Worker:
    """The session worker's loop, without a process of its own."""

    def __init__(self, path: str = "") -> None:
        self.scene, self.service, self.path = shipped_scene(DEFAULT), TrainingService(), path
        self.next_frame = self.next_save = 0.0
        for command in (Start(1, self.scene.runs()), Play(1, True, PaceSpec(speed=float("inf")))):
            list(self.service.handle(command))

    def rate(self) -> float:
        """Steps per second over one turn."""
        runs = self.service.runs
        assert runs is not None
        first, began = runs.front.step_count, time.perf_counter()
        while (now := time.perf_counter()) < began + SPAN:
            self.service.work(0.004)
            if now >= self.next_frame:
                self.next_frame = now + 1 / 30
                list(self.service.handle(Acknowledge(1, False)))
                self.service.frame()
            if self.path and now >= self.next_save:
                self.next_save = now + 1.0
                list(self.service.handle(Save(1, self.path, self.scene, kept=True)))
            self.service.news()
        return (runs.front.step_count - first) / (time.perf_counter() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
