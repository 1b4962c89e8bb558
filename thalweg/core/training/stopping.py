"""When training stops by itself because the scene says so."""

from __future__ import annotations

import math

from thalweg.core.scene import StopSpec

LESS = 0.99
"""A loss is lower than the lowest before it when it is below this part of it."""


class Watch:
    """Looks at every new step of a line, and says when a rule is met; each once, when it comes to be so.

    The loss is the mean of the batches' losses over a whole epoch: it needs no further pass through the network, and
    does not depend on when something is measured. ``midway``: the first step is not the first of its epoch, of which
    the loss is then not known.
    """

    def __init__(self, midway: bool = False) -> None:
        self._midway = midway
        self._sum = self._batches = 0.0
        self._lowest, self._flat, self._below = math.inf, 0, False

    def after(self, rules: StopSpec, step: int, epochs: int, over: bool, loss: float) -> str:
        """The sentence that says why to stop after ``step``, or nothing.

        ``over``: whether the step was the last of its epoch, the ``epochs``-th; ``loss``: of its batch.
        """
        self._sum, self._batches = self._sum + loss, self._batches + 1
        found = [f"Stopped at step {step:,}, as the run's stop rule says."] if step == rules.steps else []
        if over:
            mean, self._sum, self._batches = self._sum / self._batches, 0.0, 0.0
            found += (
                [f"Stopped after {_epochs(epochs)}, as the run's stop rule says."] if epochs == rules.epochs else []
            )
            found += [] if self._midway else self._judge(rules, epochs, mean)
            self._midway = False
        return found[0] if found else ""

    def _judge(self, rules: StopSpec, epochs: int, mean: float) -> list[str]:
        found = []
        below = bool(rules.loss) and mean < rules.loss
        if below and not self._below:
            found.append(f"Stopped: the loss over epoch {epochs:,} is {mean:.4g}, below {rules.loss:g}.")
        self._below = below
        if mean < self._lowest - (1 - LESS) * abs(self._lowest) or (self._lowest == math.inf > mean):
            self._lowest, self._flat = mean, 0
        else:
            self._flat += 1
        if rules.flat and self._flat >= rules.flat:
            found.append(
                f"Stopped: the loss has been flat for {_epochs(self._flat)}; its lowest over an epoch is "
                f"{self._lowest:.4g}."
            )
            self._flat = 0
        return found


def _epochs(count: int) -> str:
    return f"{count:,} epoch{'s' if count != 1 else ''}"
