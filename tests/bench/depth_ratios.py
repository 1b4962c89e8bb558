"""How much longer the backward signal is in each layer than in the one before it, at the start, beside known values.

    python tests/bench/depth_ratios.py FOLDER                   # the four IDX files of MNIST
    python tests/bench/depth_ratios.py FOLDER --plain-pixels    # from 0 to 1, as the app trains

Six hidden layers of 300 units, softmax and cross-entropy, the first 1,000 training images with mean 0 and standard
deviation 1 over all pixels of the training set, five seeds. The backward signal of a layer is dC/dz for each of its
units and each example; a ratio is that of the standard deviations in two neighbouring layers, the later over the
earlier. "all" is the mean over the five ratios between hidden layers and over the seeds; "last" that of the two last
hidden layers alone, where units that shrink from layer to layer come closest to their asymptote.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thalweg.core.data import load
from thalweg.core.problem import initial_network
from thalweg.core.scene import DataSpec, NetworkSpec, RunSpec

EXAMPLES, SEEDS = 1000, 5
MEAN, DEVIATION = 0.1307, 0.3081
"""Of all pixels of MNIST's training images."""


@dataclass(frozen=True)
class Known:
    """A pair of activation and initial weights, what its ratio was measured to be, and what theory says.

    ``stored`` was measured with the same network by other code; ``where``: which of our ratios is to be compared.
    """

    activation: str
    initialisation: str
    stored: float
    where: str
    theory: str
    tolerance: float


KNOWN = (
    Known("relu", "he-uniform", 1.000, "all", "1", 0.03),
    Known("relu", "xavier-uniform", 1.418, "all", "√2 = 1.414", 0.03),
    Known("relu", "torch-uniform", 2.457, "all", "√6 = 2.449", 0.03),
    Known("tanh", "torch-uniform", 1.740, "last", "√3 = 1.732, from above", 0.08),
    Known("tanh", "xavier-uniform", 1.56, "first", "1, from above", 0.08),
    Known("tanh", "xavier-uniform", 1.12, "last", "1, from above", 0.08),
    Known("sigmoid", "torch-uniform", 7.08, "all", "4√3 = 6.93", 0.08),
    Known("sigmoid", "xavier-uniform", 4.24, "all", "4", 0.08),
    Known("sigmoid", "he-uniform", 3.15, "all", "2√2 = 2.83", 0.08),
)


@dataclass(frozen=True)
class Depth:
    """What was measured in every seed: ratios between hidden layers [seeds, 5], and the spread of each hidden layer's
    weight gradients [seeds, 6].
    """

    ratios: np.ndarray
    spreads: np.ndarray

    def at(self, where: str) -> tuple[float, float]:
        """Mean of the ratios at a place, and its standard deviation over the seeds."""
        chosen = {"all": self.ratios, "first": self.ratios[:, :1], "last": self.ratios[:, -1:]}[where].mean(axis=1)
        return float(chosen.mean()), float(chosen.std(ddof=1))


def measured(activation: str, initialisation: str, inputs: Tensor, labels: Tensor) -> Depth:
    """The depth of this pair."""
    ratios, spreads = [], []
    for seed in range(SEEDS):
        network = NetworkSpec(hidden=(300,) * 6, activation=activation, initialisation=initialisation)
        module = initial_network(RunSpec(network=network, seed=seed), inputs)
        signals: list[Tensor] = []
        for part in module:
            if isinstance(part, nn.Linear):
                part.register_forward_hook(_keeping(signals))
        F.cross_entropy(module(inputs), labels).backward()
        hidden = [p for p in module if isinstance(p, nn.Linear)][:-1]
        deviations = np.array([float(s.grad.double().std()) for s in signals[:-1] if s.grad is not None])
        ratios.append(deviations[1:] / deviations[:-1])
        spreads.append([float(p.weight.grad.double().std()) for p in hidden if p.weight.grad is not None])
    return Depth(np.array(ratios), np.array(spreads))


def _keeping(signals: list[Tensor]) -> Callable[[nn.Module, object, Tensor], None]:
    """A hook that keeps what a layer puts out, with its gradient."""

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        output.retain_grad()
        signals.append(output)

    return keep


def rows(inputs: Tensor, labels: Tensor) -> Iterator[tuple[str, ...]]:
    """The table, one row for each known value, and one for the spreads that are to be equal."""
    found: dict[tuple[str, str], Depth] = {}
    for known in KNOWN:
        pair = known.activation, known.initialisation
        found[pair] = depth = found.get(pair) or measured(*pair, inputs, labels)
        ours, deviation = depth.at(known.where)
        apart = ours / known.stored - 1
        yield (
            known.activation,
            known.initialisation,
            known.where,
            f"{ours:.3f} ± {deviation:.3f}",
            f"{known.stored:.3f}",
            f"{100 * apart:+.1f} %",
            f"{100 * known.tolerance:.0f} %",
            "yes" if abs(apart) <= known.tolerance else "no",
            known.theory,
        )
    spread = found["tanh", "torch-uniform"].spreads[:, 1:].mean(axis=0)
    apart = float(spread.max() / spread.min() - 1)
    yield (
        "tanh",
        "torch-uniform",
        "weights",
        f"{1 + apart:.3f}",
        "1.000",
        f"{100 * apart:+.1f} %",
        "8 %",
        "yes" if apart <= 0.08 else "no",
        "1: largest over smallest spread of the gradients of a layer's weights, layers 2 to 6",
    )


HEADINGS = ("activation", "weights", "where", "ours", "stored", "apart", "accepted", "met", "in theory")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="where the four IDX files of MNIST are")
    parser.add_argument("--markdown", action="store_true", help="print the table as it stands in docs/benchmarks.md")
    parser.add_argument("--plain-pixels", action="store_true", help="leave the pixels from 0 to 1")
    options = parser.parse_args()
    data = load(DataSpec(name="mnist", folder=str(options.folder), train=EXAMPLES))
    inputs, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    inputs = inputs if options.plain_pixels else (inputs - MEAN) / DEVIATION
    table = [HEADINGS, *rows(inputs, labels)]
    print(f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}\n")
    widths = [max(len(row[k]) for row in table) for k in range(len(HEADINGS))]
    for number, row in enumerate(table):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print(f"| {' | '.join(row)} |" if options.markdown else "  ".join(cells).rstrip())
        if options.markdown and not number:
            print(f"|{' --- |' * len(HEADINGS)}")


if __name__ == "__main__":
    main()
