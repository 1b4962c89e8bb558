"""What the calls that remain at every point cost alone: no grid of this network can be faster with them.

Products, sigmoids and softmax of so many points at a time, in memory that stays in the cache, nothing between them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
import torch.nn.functional as F

from .plain import plain_loop
from .subjects import job
from .timing import timed

POINTS = {"all layers": 16, "layers 2-4": 16, "last layer": 32}
"""Points at a time."""


@dataclass(frozen=True)
class Limit:
    """Milliseconds for each point, medians of interleaved rounds: the plain loop, and the remaining calls by name."""

    plane: str
    examples: int
    loop: float
    calls: dict[str, float]

    @property
    def ratio(self) -> float:
        """How many times faster than the plain loop the remaining calls alone are."""
        return self.loop / sum(self.calls.values())


def limit(plane: str, examples: int, repeats: int) -> Limit:
    """Of [784, 30, 30, 30, 10] with sigmoids; the first layer that moves is affine in the plane's coordinates."""
    wanted, work = job("mlp", plane, examples), remaining(plane, min(examples, 1024))
    spans: dict[str, list[float]] = {name: [] for name in ("loop", *work)}
    scale = 1000 * examples / min(examples, 1024) / POINTS[plane]  # blocks of examples
    order = random.Random(0)
    for _ in range(repeats):
        for name in order.sample(list(spans), len(spans)):
            if name == "loop":
                spans[name].append(1000 * timed(lambda: plain_loop(wanted, 5))[1] / 25)
            else:
                work[name]()
                spans[name].append(scale * timed(lambda call=work[name]: [call() for _ in range(20)])[1] / 20)
    loop = median(spans.pop("loop"))
    return Limit(plane, examples, loop, {name: median(found) for name, found in spans.items()})


def remaining(plane: str, examples: int) -> dict[str, Callable[[], object]]:
    """The calls for some points of a plane on one block of examples, features-major, by name."""
    points, generator = POINTS[plane], torch.Generator().manual_seed(0)
    hidden = {"all layers": 2, "layers 2-4": 1, "last layer": 0}[plane]
    width = 10 if plane == "last layer" else 30

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    place, parts, first = drawn(points, 3), drawn(3, width * examples), drawn(points, width * examples)
    weights, h, room = drawn(points, 30, 30), drawn(points, 30, examples), drawn(points, 30, examples)
    last, scores = drawn(points, 10, 30), drawn(points, 10, examples)
    labels = torch.randint(10, (examples,), generator=generator)
    spare = drawn(points, 10, examples)
    places, marks = labels * examples + torch.arange(examples), F.one_hot(labels, 10).T.float().reshape(-1)
    calls: dict[str, Callable[[], object]] = {"affine layer": lambda: torch.mm(place, parts, out=first)}
    if plane != "last layer":
        calls["products"] = lambda: [torch.bmm(weights, h, out=room) for _ in range(hidden)]
        calls["last product"] = lambda: torch.bmm(last, h, out=scores)
        calls["sigmoids"] = lambda: [torch.sigmoid(h, out=room) for _ in range(hidden + 1)]
    calls["softmax"] = lambda: torch.log_softmax(scores, 1, out=spare)
    calls["label's score"] = lambda: scores.flatten(1).index_select(1, places).sum(1, dtype=torch.float64)
    calls["right answers"] = lambda: torch.eq(scores, scores.amax(1, keepdim=True), out=spare).flatten(1) @ marks
    return calls
