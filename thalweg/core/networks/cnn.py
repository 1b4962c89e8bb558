"""Convolutional networks."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from thalweg.core.networks.activations import ACTIVATIONS


def cnn(channels: tuple[int, ...], activation: str, shape: tuple[int, int], classes: int) -> nn.Sequential:
    """3x3 convolutions, each with the activation and 2x2 max pooling after it, and a linear layer; outputs raw scores.

    Inputs are flat images [n, rows * columns] of one channel; ``channels`` are the filters of each convolution. This
    is the plan of LeCun et al. 1998 with one linear layer at its end.
    """
    parts: list[nn.Module] = [nn.Unflatten(1, (1, *shape))]
    rows, columns = shape
    for channels_in, channels_out in pairwise((1, *channels)):
        parts += [nn.Conv2d(channels_in, channels_out, 3, padding=1), ACTIVATIONS[activation](), nn.MaxPool2d(2)]
        rows, columns = rows // 2, columns // 2
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(channels[-1] * rows * columns, classes))
