"""The default scene as the session worker trains it, without a window: recorded, and kept in a file if one is named.

Prints the steps per second of so many seconds: ``python tests/bench/recorded_loop.py 3 [FILE.h5]``.
"""

from __future__ import annotations

import sys
import time

import torch

from thalweg.assets import DEFAULT, shipped_scene
from thalweg.core.heap import keep_freed_memory
from thalweg.core.messages import Acknowledge, Play, Save, Start
from thalweg.core.scene import PaceSpec
from thalweg.core.training.service import TrainingService


def main(seconds: float, path: str = "") -> None:
    """Train flat out, with a frame thirty times a second, and the file written every second."""
    torch.set_num_threads(1)
    keep_freed_memory()
    scene = shipped_scene(DEFAULT)
    service = TrainingService()
    for _ in service.handle(Start(1, scene.runs())):
        pass
    for _ in service.handle(Play(1, True, PaceSpec(speed=float("inf")))):
        pass

    def train(span: float) -> int:
        assert service.runs is not None
        first, until = service.runs.front.step_count, time.perf_counter() + span
        next_frame = next_save = 0.0
        while (now := time.perf_counter()) < until:
            service.work(0.004)
            if now >= next_frame:
                next_frame = now + 1 / 30
                list(service.handle(Acknowledge(1, False)))
                service.frame()
            if path and now >= next_save:
                next_save = now + 1.0
                list(service.handle(Save(1, path, scene, kept=True)))
            service.news()
        return service.runs.front.step_count - first

    train(0.5)
    began = time.perf_counter()
    print(train(seconds) / (time.perf_counter() - began))


if __name__ == "__main__":
    main(float(sys.argv[1]), *sys.argv[2:3])
