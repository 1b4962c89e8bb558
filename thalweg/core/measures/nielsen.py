"""The speeds of learning that a textbook measured, to be held against one's own. No torch."""

from __future__ import annotations

from thalweg.core.scene import NetworkSpec

SPEEDS: dict[tuple[int, ...], tuple[float, ...]] = {
    (784, 30, 30, 10): (0.06574, 0.30922),
    (784, 30, 30, 30, 10): (0.01184, 0.05997, 0.28314),
    (784, 30, 30, 30, 30, 10): (0.00298, 0.01708, 0.06954, 0.28514),
}
"""Norm of the mean error in each hidden layer before the first step, by the sizes of the network.

Nielsen 2015, chapter 5; the numbers are those of fig/norms_during_training_*_layers.json in his repository
(neural-networks-and-deep-learning). There the network has sigmoids at its outputs too, the loss is the cross-entropy
summed over them, and the data are the first 1,000 digits of MNIST.
"""


def speeds(network: NetworkSpec) -> tuple[float, ...]:
    """Nielsen's speeds of the hidden layers of a network of these sizes; none for others than he measured."""
    if (network.kind, network.activation, network.initialisation) != ("mlp", "sigmoid", "fan-in"):
        return ()
    return SPEEDS.get(network.sizes, ())
