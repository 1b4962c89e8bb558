"""Residual networks, and the same networks without their skip connections."""

from __future__ import annotations

from torch import Tensor, nn

from thalweg.core.networks.activations import ACTIVATIONS


class Block(nn.Module):
    """Two 3x3 convolutions of equal width; with ``skip`` the block's input is added to what comes out of them.

    The activation follows the sum, as in He et al. 2016, figure 2.
    """

    def __init__(self, width: int, activation: str, skip: bool, batch_norm: bool) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        first, second = (_convolution(width, width, batch_norm) for _ in "12")
        self.body = nn.Sequential(*first, act(), *second)
        self.skip = skip
        self.activation = act()

    def forward(self, x: Tensor) -> Tensor:
        """Features [n, width, rows, columns] to features of the same shape."""
        y = self.body(x)
        out: Tensor = self.activation(x + y if self.skip else y)
        return out


def residual(
    width: int,
    blocks: int,
    activation: str,
    *,
    skips: bool,
    batch_norm: bool,
    shape: tuple[int, int],
    classes: int,
) -> nn.Sequential:
    """A stem, blocks of equal width, the mean over all places, a linear layer; outputs are raw scores.

    Inputs are flat images [n, rows * columns] of one channel. The stem (a convolution of stride 2 and 2x2 max pooling,
    as in He et al. 2016 for large images) leaves a quarter of the rows and columns: the blocks see 7x7 places, so
    that twelve of them train live on one core, and a batch of one still has 49 values in each channel to normalise.
    """
    return nn.Sequential(
        nn.Unflatten(1, (1, *shape)),
        *_convolution(1, width, batch_norm, stride=2),
        ACTIVATIONS[activation](),
        nn.MaxPool2d(2),
        *(Block(width, activation, skips, batch_norm) for _ in range(blocks)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, classes),
    )


def _convolution(channels_in: int, channels_out: int, batch_norm: bool, stride: int = 1) -> list[nn.Module]:
    """A 3x3 convolution, normalised or not; the norm's shift takes the place of a bias."""
    conv = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=not batch_norm)
    return [conv, nn.BatchNorm2d(channels_out)] if batch_norm else [conv]
