"""Loss at points of a plane with BatchNorm's statistics estimated anew at each point.

The stored statistics belong to the trained point; elsewhere the activations have others. Here each BatchNorm layer
takes the mean and the variance of what it is given over the whole batch, as in training, however many blocks it is cut
into: one pass over the blocks for each layer, up to it, and a last one for the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from thalweg.core.landscape.program import argument, own_buffers
from thalweg.core.landscape.sample import Sample, randomness, typed
from thalweg.core.landscape.tiled import Part
from thalweg.core.plane.plane import Plane

Statistics = Literal["stored", "re-estimated"]
"""What BatchNorm normalises by: its running statistics, or those of the batch at each point."""

Moments = tuple[Tensor, Tensor]
"""Mean and (biased) variance of each channel."""


class _ReachedError(Exception):
    """A pass has come to the layer whose statistics are sought."""


class _Running(TorchFunctionMode):
    """Gives BatchNorm layers known statistics in the order they are called; takes in what the first other one gets."""

    def __init__(self, known: list[Moments], sought: _Sums) -> None:
        super().__init__()
        self._known, self._sought, self._calls = known, sought, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.batch_norm:
            return func(*args, **kwargs)
        x = argument(args, kwargs, 0, "input")
        if self._calls == len(self._known):
            self._sought.add(x)
            raise _ReachedError
        mean, variance = self._known[self._calls]
        self._calls += 1
        weight, bias = argument(args, kwargs, 3, "weight"), argument(args, kwargs, 4, "bias")
        eps = argument(args, kwargs, 7, "eps", 1e-5)
        return F.batch_norm(x, mean.to(x), variance.to(x), weight, bias, training=False, eps=eps)


class _Sums:
    """Mean and variance of each channel over several blocks; float64 (Chan, Golub & LeVeque 1979)."""

    def __init__(self) -> None:
        self.count, self._mean, self._squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, x: Tensor) -> None:
        """Take in a block [n, channels, ...]."""
        flat = x.double().transpose(0, 1).flatten(1)
        mean, squares = flat.mean(1), flat.var(1, correction=0) * flat.shape[1]
        if self.count == 0:
            self._mean, self._squares = torch.zeros_like(mean), torch.zeros_like(mean)
        total = self.count + flat.shape[1]
        gap = mean - self._mean
        self._mean = self._mean + gap * (flat.shape[1] / total)
        self._squares = self._squares + squares + gap**2 * (self.count * flat.shape[1] / total)
        self.count = total

    def moments(self) -> Moments:
        """Mean and variance, biased as BatchNorm normalises by them."""
        return self._mean, self._squares / self.count


class ReEstimated:
    """The plain loop with BatchNorm on the whole batch's statistics; everything else as in evaluation."""

    def __init__(self, sample: Sample, plane: Plane) -> None:
        self._sample, self._plane = sample, plane

    @torch.inference_mode(False)
    @torch.no_grad()
    def evaluate(self, points: np.ndarray) -> Iterator[Part]:
        """Loss and accuracy at the coordinates ``points`` [n, 2]; between two points there are empty parts."""
        count = self._sample.count
        for k, (alpha, beta) in enumerate(points.tolist()):
            parameters = typed(self._sample, self._plane.at(alpha, beta))
            known: list[Moments] = []
            while True:
                sought, loss, right = _Sums(), 0.0, 0.0
                for number in range(len(self._sample.blocks)):
                    losses, answers = self._passed(parameters, number, known, sought)
                    loss, right = loss + losses, right + answers
                    yield slice(k, k), np.empty(0), np.empty(0)
                if not sought.count:
                    break
                known.append(sought.moments())
            yield slice(k, k + 1), np.array([loss / count]), np.array([right / count])

    def _passed(
        self, parameters: dict[str, Tensor], number: int, known: list[Moments], sought: _Sums
    ) -> tuple[float, float]:
        """The sums of loss and right answers of a block, or zeros where a layer without statistics was reached."""
        block = self._sample.blocks[number]
        with own_buffers(self._sample.module), randomness(self._plane.origin.device, self._sample.seed):
            try:
                with _Running(known, sought):
                    outputs = functional_call(self._sample.module, parameters, block.args, dict(block.kwargs))
            except _ReachedError:
                return 0.0, 0.0
            loss, right = self._sample.score.one(outputs, block)
        return loss.item(), right.item()
