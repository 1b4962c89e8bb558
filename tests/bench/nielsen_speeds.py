"""How fast each layer of a textbook's networks learns, epoch by epoch, beside what the textbook measured.

    python tests/bench/nielsen_speeds.py FOLDER             # the four IDX files of MNIST
    python tests/bench/nielsen_speeds.py FOLDER CURVES      # and norms_during_training_{2,3,4}_layers.json

The setting is that of Nielsen 2015, chapter 5 (fig/generate_gradient.py in his repository
neural-networks-and-deep-learning, where the stored curves are too): the first 1,000 training images of MNIST, sigmoids
everywhere and cross-entropy summed over the outputs, weights N(0, 1/fan-in), biases N(0, 1), 500 steps on the whole
batch, learning rate 0.1, lambda 5. A layer's speed is the norm of the gradient of its biases, measured before each
epoch. "stored" bands are those of 200 seeds of other code in the same setting.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tables import machine, show

from thalweg.core.data import Dataset, load
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.nielsen import SPEEDS
from thalweg.core.problem import build
from thalweg.core.scene import DataSpec, RunSpec
from thalweg.core.training.session import Session

EXAMPLES, EPOCHS, RATE, LAMBDA = 1000, 500, 0.1, 5.0
SHOWN = (0, 1, 5, 10, 20, 50, 100, 200, 499)
BELOW, ABOVE = 0.7, 1.3
"""What the least and the greatest of our seeds are multiplied by, for the band in which a stored curve is to lie."""

THEORY, TOLERANCE = 4.882, 0.05
"""The speed of a layer over that of the one before it: one over the root mean square of a sigmoid's slope."""


@dataclass(frozen=True)
class Stored:
    """What was measured of a network: bands of 2.5 to 97.5 % of the speeds, medians of the ratios, final accuracy."""

    bands: tuple[tuple[float, float], ...]
    ratios: tuple[float, ...]
    accuracy: str


STORED = {
    2: Stored(((0.033, 0.096), (0.178, 0.417)), (4.90,), "0.31 to 0.46"),
    3: Stored(((0.0063, 0.0200), (0.0346, 0.0996), (0.177, 0.446)), (4.89, 4.95), "0.117 in 8 of 10"),
    4: Stored(
        ((0.0012, 0.0045), (0.0067, 0.0211), (0.035, 0.092), (0.183, 0.404)), (4.85, 4.94, 5.01), "0.117 in 8 of 10"
    ),
}
"""By the number of hidden layers."""


def thousand(folder: Path) -> DataSpec:
    """The first images of MNIST from a folder with its four IDX files, as the textbook has them."""
    return DataSpec(name="mnist", folder=str(folder), train=EXAMPLES, test=1, measured=EXAMPLES)


def spec(depth: int, seed: int, data: DataSpec) -> RunSpec:
    """His network of so many hidden layers."""
    return RunSpec.model_validate(
        {
            "data": data.model_dump(),
            "network": {"hidden": (30,) * depth, "activation": "sigmoid", "initialisation": "fan-in"},
            "objective": {"loss": "sigmoid-cross-entropy"},
            "optimiser": {"learning_rate": RATE, "l2": LAMBDA / EXAMPLES, "batch_size": EXAMPLES},
            "seed": seed,
        }
    )


def speeds(session: Session, depth: int) -> list[float]:
    """Of the hidden layers, where the session stands."""
    found = gradient_norms(session.problem, session.parameters.detach(), EXAMPLES)
    return [found[f"speed_{i}"] for i in range(1, depth + 1)]


def starts(depth: int, seeds: int, data: DataSpec, dataset: Dataset) -> np.ndarray:
    """The speeds before the first epoch, [seeds, depth]."""
    runs = (spec(depth, seed, data) for seed in range(seeds))
    return np.array([speeds(Session(run, build(run, dataset)), depth) for run in runs])


def trained(depth: int, seed: int, data: DataSpec, dataset: Dataset) -> tuple[np.ndarray, float]:
    """The speeds before each epoch, [epochs, depth], and the training accuracy after the last."""
    run = spec(depth, seed, data)
    session, found = Session(run, build(run, dataset)), []
    for _ in range(EPOCHS):
        found.append(speeds(session, depth))
        session.step()
    return np.array(found), loss_and_accuracy(session.problem, session.parameters.detach(), session.problem.train)[1]


def number(value: float) -> str:
    """Three digits, small ones as powers of ten."""
    return f"{value:.3g}"


def band(low: float, high: float) -> str:
    """From one number to another."""
    return f"{number(low)} to {number(high)}"


def start_rows(depth: int, found: np.ndarray) -> Iterator[tuple[str, ...]]:
    """Median and band of each layer beside the stored ones, and the textbook's own value."""
    his = SPEEDS[784, *(30,) * depth, 10]
    lows, highs = np.percentile(found, (2.5, 97.5), axis=0)
    for k in range(depth):
        inside = "yes" if lows[k] <= his[k] <= highs[k] else "no"
        yield (
            f"{depth}",
            f"{k + 1}",
            number(float(np.median(found[:, k]))),
            band(lows[k], highs[k]),
            band(*STORED[depth].bands[k]),
            number(his[k]),
            inside,
        )


def ratio_rows(depth: int, found: np.ndarray) -> Iterator[tuple[str, ...]]:
    """How many times as fast each layer is as the one before it."""
    ratios = np.median(found[:, 1:] / found[:, :-1], axis=0)
    grows = int((np.diff(found, axis=1) > 0).all(axis=1).sum())
    for k, ratio in enumerate(ratios):
        apart = ratio / THEORY - 1
        yield (
            f"{depth}",
            f"{k + 2} over {k + 1}",
            f"{ratio:.2f}",
            f"{STORED[depth].ratios[k]:.2f}",
            f"{100 * apart:+.1f} %",
            "yes" if abs(apart) <= TOLERANCE else "no",
            f"{grows} of {len(found)}",
        )


def epoch_rows(depth: int, ours: np.ndarray, his: np.ndarray | None) -> Iterator[tuple[str, ...]]:
    """Least and greatest of our seeds at some epochs, and the stored curve's value; ``ours`` [seeds, epochs, depth]."""
    for k in range(depth):
        for epoch in SHOWN:
            low, high = float(ours[:, epoch, k].min()), float(ours[:, epoch, k].max())
            cells = ("", "", "")
            if his is not None:
                value = float(his[epoch, k])
                wide = BELOW * low <= value <= ABOVE * high
                cells = (number(value), "yes" if low <= value <= high else "no", "yes" if wide else "no")
            yield (f"{depth}", f"{k + 1}", f"{epoch}", band(low, high), *cells)


def curve_rows(depth: int, ours: np.ndarray, his: np.ndarray) -> Iterator[tuple[str, ...]]:
    """Whether all of a stored curve is in the band of our seeds; ``his`` [epochs, depth]."""
    for k in range(depth):
        low, high, value = ours[:, :, k].min(axis=0), ours[:, :, k].max(axis=0), his[:, k]
        inside = (value >= low) & (value <= high)
        wide = (value >= BELOW * low) & (value <= ABOVE * high)
        beyond = np.maximum(low / value, value / high)
        worst = int(beyond.argmax())
        said = f"epoch {worst}: {value[worst] / (low if value[worst] < low[worst] else high)[worst]:.2f} times the "
        said += "least" if value[worst] < low[worst] else "greatest"
        yield (
            f"{depth}",
            f"{k + 1}",
            f"{100 * inside.mean():.1f} %",
            f"{100 * wide.mean():.1f} %",
            "yes" if wide.all() else "no",
            "-" if inside.all() else said,
        )


def accuracy_row(depth: int, found: list[float]) -> tuple[str, ...]:
    """Final accuracy on the training examples, and how many have not left the largest class."""
    majority = 0.117
    stay = sum(abs(a - majority) < 5e-4 for a in found)
    return (f"{depth}", band(min(found), max(found)), f"{stay} of {len(found)}", STORED[depth].accuracy)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="where the four IDX files of MNIST are")
    parser.add_argument("curves", type=Path, nargs="?", help="where the three stored curves are")
    parser.add_argument("--starts", type=int, default=200, help="seeds that are looked at before the first epoch")
    parser.add_argument("--seeds", type=int, default=10, help="seeds that are trained")
    parser.add_argument("--markdown", action="store_true", help="print the tables as they stand in docs/benchmarks.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = thousand(options.folder)
    dataset = load(data)
    print(machine())
    first = {depth: starts(depth, options.starts, data, dataset) for depth in STORED}
    show(
        f"Speeds before the first epoch, {options.starts} seeds; bands are those of 95 % of them",
        ("hidden layers", "layer", "ours", "our band", "stored band", "Nielsen's", "in our band"),
        (row for depth, found in first.items() for row in start_rows(depth, found)),
        options.markdown,
    )
    show(
        f"Median of a layer's speed over that of the layer before it; in theory {THEORY}, "
        f"{100 * TOLERANCE:.0f} % apart accepted",
        ("hidden layers", "layers", "ours", "stored", "apart from theory", "met", "faster in every layer"),
        (row for depth, found in first.items() for row in ratio_rows(depth, found)),
        options.markdown,
    )
    runs = {depth: [trained(depth, seed, data, dataset) for seed in range(options.seeds)] for depth in STORED}
    ours = {depth: np.array([curve for curve, _ in found]) for depth, found in runs.items()}
    his: dict[int, np.ndarray] = {}
    if options.curves:
        files = {depth: options.curves / f"norms_during_training_{depth}_layers.json" for depth in STORED}
        his = {depth: np.array(json.loads(file.read_text())) for depth, file in files.items()}
        show(
            f"Stored curves over {EPOCHS} epochs beside {options.seeds} seeds: inside their least and greatest, and "
            f"inside {BELOW:g} times the least to {ABOVE:g} times the greatest",
            ("hidden layers", "layer", "epochs inside", "of the wider band", "all of them", "furthest outside"),
            (row for depth in STORED for row in curve_rows(depth, ours[depth], his[depth])),
            options.markdown,
        )
    show(
        f"Least and greatest of {options.seeds} seeds",
        ("hidden layers", "layer", "epoch", "ours", "Nielsen's", "inside", "in the wider band"),
        (row for depth in STORED for row in epoch_rows(depth, ours[depth], his.get(depth))),
        options.markdown,
    )
    show(
        f"Accuracy on the training images after {EPOCHS} epochs; 0.117 of them are of the largest class",
        ("hidden layers", "ours", "at 0.117", "stored"),
        (accuracy_row(depth, [accuracy for _, accuracy in found]) for depth, found in runs.items()),
        options.markdown,
    )


if __name__ == "__main__":
    main()
