"""The layers of a network as its spec alone gives them, without building it: names, shapes, counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from math import prod
from typing import Literal

from thalweg.core.scene.data import CLASSES, SHAPE
from thalweg.core.scene.network import NetworkSpec

Kind = Literal["linear", "conv", "batch norm", "lstm", "auxiliary"]

KERNEL = (3, 3)
"""Rows and columns of every filter."""


@dataclass(frozen=True)
class LayerShape:
    """A layer's name, what it is, and the shapes of its parameters, the weights first."""

    name: str
    kind: Kind
    shapes: tuple[tuple[int, ...], ...]


def layer_shapes(network: NetworkSpec) -> tuple[LayerShape, ...]:
    """Every layer in its order, which is that of the built module.

    >>> [layer.name for layer in layer_shapes(NetworkSpec(kind="cnn"))]
    ['1 conv', '2 conv', '3 linear']
    """
    match network.kind:
        case "mlp":
            # its layers are all alike, so that their numbers say all
            names = (f"layer {n}" for n in count(1))
            plain = tuple(
                LayerShape(name, "linear", shapes) for name, shapes in zip(names, _mlp(network), strict=False)
            )
            return (*plain, *_auxiliary(network))
        case "cnn":
            found = list(_cnn(network))
        case "residual":
            found = list(_residual(network))
        case "surface":
            return tuple(LayerShape(name, "linear", ((1, 1),)) for name in (network.x_name, network.y_name))
        case "lstm":
            gates = 4 * network.units
            weights = ((gates, SHAPE[1]), (gates, network.units))
            found = [("LSTM", "lstm", (*weights, (gates,), (gates,))), _linear(network.units, CLASSES)]
    return tuple(LayerShape(f"{n} {words}", kind, shapes) for n, (words, kind, shapes) in enumerate(found, start=1))


def layer_names(network: NetworkSpec) -> tuple[str, ...]:
    """The name of every layer, its number (from 1) included."""
    return tuple(layer.name for layer in layer_shapes(network))


def time_steps(network: NetworkSpec) -> int:
    """How many steps the network takes over one input: the rows of the image, where it reads them in turn, or none.

    >>> time_steps(NetworkSpec(kind="lstm")), time_steps(NetworkSpec())
    (28, 0)
    """
    return SHAPE[0] if network.kind == "lstm" else 0


def parameter_count(network: NetworkSpec) -> int:
    """How many parameters the network has."""
    return sum(prod(shape) for layer in layer_shapes(network) for shape in layer.shapes)


def buffer_count(network: NetworkSpec) -> int:
    """How many running statistics the network has: mean and variance of each channel or unit of batch norm."""
    of_layers = sum(2 * layer.shapes[0][0] for layer in layer_shapes(network) if layer.kind == "batch norm")
    return of_layers + (2 * sum(network.hidden) if over_batches(network) else 0)


def over_batches(network: NetworkSpec) -> bool:
    """Whether units are normalised over the examples of a batch alone, so that one example is too few."""
    return network.kind == "mlp" and network.hidden_norm == "batch" and bool(network.hidden)


def pooled(network: NetworkSpec) -> tuple[int, int]:
    """Rows and columns that are left of an image after all poolings of the convolutional network."""
    halved = 2 ** len(network.channels)
    return SHAPE[0] // halved, SHAPE[1] // halved


_Found = tuple[str, Kind, tuple[tuple[int, ...], ...]]


def _linear(fan_in: int, fan_out: int) -> _Found:
    return "linear", "linear", ((fan_out, fan_in), (fan_out,))


def _conv(channels_in: int, channels_out: int, where: str = "", bias: bool = True) -> _Found:
    weights = (channels_out, channels_in, *KERNEL)
    return f"conv{where}", "conv", (weights, (channels_out,)) if bias else (weights,)


def _mlp(network: NetworkSpec) -> Iterator[tuple[tuple[int, ...], ...]]:
    """The shapes of every layer; a hidden layer's normalisation is part of it, so that one depth has one number."""
    vectors = {"none": 1, "batch": 2, "layer": 3}[network.hidden_norm]  # biases, but with batch norm; scales, shifts
    for fan_in, units in pairwise(network.sizes[:-1]):
        yield ((units, fan_in), *([(units,)] * vectors))
    yield _linear(network.sizes[-2], network.sizes[-1])[2]


def _auxiliary(network: NetworkSpec) -> Iterator[LayerShape]:
    """The outputs that the hidden layers have of their own, all together one layer."""
    if network.supervised:
        shapes = (((CLASSES, units), (CLASSES,)) for units in network.hidden)
        yield LayerShape(
            f"{len(network.hidden) + 2} auxiliary outputs",
            "auxiliary",
            tuple(shape for pair in shapes for shape in pair),
        )


def _cnn(network: NetworkSpec) -> Iterator[_Found]:
    for channels_in, channels_out in pairwise((1, *network.channels)):
        yield _conv(channels_in, channels_out)
    yield _linear(network.channels[-1] * prod(pooled(network)), CLASSES)


def _residual(network: NetworkSpec) -> Iterator[_Found]:
    width = network.width
    places = [", stem", *(f", block {n}" for n in range(1, network.blocks + 1) for _ in "12")]
    for k, where in enumerate(places):
        yield _conv(width if k else 1, width, where, bias=not network.batch_norm)
        if network.batch_norm:
            yield f"norm{where}", "batch norm", ((width,), (width,))
    yield _linear(width, CLASSES)
