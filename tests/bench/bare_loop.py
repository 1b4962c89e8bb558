"""The plain training loop that the window's speed is compared with: no history, no measures, no window.

Prints the steps per second of so many seconds: ``python tests/bench/bare_loop.py 3``.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise

import torch
from torch import nn

from thalweg.assets import DEFAULT, shipped_scene
from thalweg.core.data import load


def main(seconds: float) -> None:
    """Train the network of the default scene as anybody would write it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    run = shipped_scene(DEFAULT).run
    data = load(run.data)
    inputs, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    sizes = run.network.sizes
    parts: list[nn.Module] = []
    for i, o in pairwise(sizes):
        parts += [nn.Linear(i, o), nn.Sigmoid()]
    network = nn.Sequential(*parts[:-1])
    optimiser = torch.optim.SGD(network.parameters(), lr=run.optimiser.learning_rate)
    size, steps = run.optimiser.batch_size, 0
    until = time.perf_counter() + 0.5  # warm up
    began = 0.0
    while not began or time.perf_counter() < until:
        for batch in torch.randperm(len(labels)).split(size):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
            optimiser.step()
            steps += 1
        if not began and time.perf_counter() >= until:
            began, steps = time.perf_counter(), 0
            until = began + seconds
    print(steps / (time.perf_counter() - began))


if __name__ == "__main__":
    main(float(sys.argv[1]))
