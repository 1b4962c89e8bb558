"""One layer put back to its start, the others staying: how much does the network need what the layer has learnt?

Zhang, Bengio & Singer 2022, "Are all layers created equal?" (re-initialisation robustness).
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from thalweg.core.training.moment import Moment

OF_ALL_TOGETHER = ("lbfgs", "conjugate")
"""Methods that remember differences between two points, in which the layers cannot be told apart: they begin anew."""


def put_back(moment: Moment, start: Tensor, span: slice) -> Moment:
    """The moment at which the parameters of ``span`` are as in ``start`` [size]; the order of examples is as it was.

    A layer at its start has no history: what the optimiser remembers of each of its parameters (momentum, running
    means) is zero. Counts of steps are common to all layers and stay, so that the running means of Adam and its kin are
    not corrected for this layer's having begun at 0: its next steps are up to some six learning rates long. Running
    statistics are no parameters, and stay as they were. Raises ValueError for a moment without the optimiser's memory.
    """
    if moment.memory is None:
        raise ValueError(f"moment: step {moment.step} was kept without the optimiser's memory")
    parameters = moment.parameters.clone()
    parameters[span] = start[span]
    return replace(moment, parameters=parameters, memory=_without(moment, span))


def _without(moment: Moment, span: slice) -> dict[str, Tensor]:
    if moment.optimiser.name in OF_ALL_TOGETHER:
        return {}
    found = {name: kept.clone() for name, kept in (moment.memory or {}).items()}
    for kept in found.values():
        if kept.shape == moment.parameters.shape:
            kept[span] = 0
    return found
