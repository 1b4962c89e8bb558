"""Is the loss flat along an early layer, or flat only here? And what do the other layers do without it?

    python tests/bench/flat_here.py FOLDER                  # the four IDX files of MNIST
    python tests/bench/flat_here.py FOLDER --skip-frozen    # without the last part

[784, 30, 30, 30, 10], sigmoid, weights N(0, 1/fan-in), biases N(0, 1), trained on the first 1,000 images of MNIST by
400 steps of Adam (0.01) on all of them. Then one layer alone is moved from where it began to where training has led it,
with the others where they began or where they ended; and one layer alone is put back. "stored" are the values of one
seed of other code: ours are those of several seeds, with the two losses that may have been meant.

Last, the first layer is left as it was drawn, and the others learn all 60,000 images.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from nielsen_speeds import EXAMPLES, thousand
from tables import machine, show
from torch import Tensor

from thalweg.core.data import Dataset, load
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.problem import Problem, build
from thalweg.core.scene import DataSpec, RunSpec
from thalweg.core.training.session import Session

STEPS, LAYERS = 400, 4

STORED = {
    "loss, nothing moved": 9.506,
    "loss, layer 1 moved, others not": 9.389,
    "loss, layer 4 moved, others not": 4.015,
    "loss, layer 1 not moved, others moved": 6.257,
    "loss, all moved": 0.471,
    "accuracy, all moved": 0.989,
    "accuracy, layer 1 put back": 0.092,
    "accuracy, layer 2 put back": 0.092,
    "accuracy, layer 3 put back": 0.384,
    "accuracy, layer 4 put back": 0.323,
}

LOSSES = {"sigmoid-cross-entropy": "sigmoids", "cross-entropy": "softmax"}

FROZEN = {
    # activation: initial weights, gain, stored test accuracy with the first layer frozen, and with all trained
    "relu": ("he", 1.0, "0.786, 0.755", "0.967, 0.961"),
    "tanh": ("xavier", 1.0, "0.857, 0.826", "0.964, 0.957"),
    "sigmoid": ("lecun", 4.0, "0.778, 0.751", "0.949, 0.944"),
}

BATCH, PASSES = 64, 8


def trained(loss: str, seed: int, data: DataSpec, dataset: Dataset) -> tuple[Problem, Tensor]:
    """The problem, with its start, and the parameters after training, [size]."""
    tree = {
        "data": data.model_dump(),
        "network": {"hidden": (30, 30, 30), "activation": "sigmoid", "initialisation": "fan-in"},
        "objective": {"loss": loss},
        "optimiser": {"name": "adam", "learning_rate": 0.01, "batch_size": EXAMPLES},
        "seed": seed,
    }
    run = RunSpec.model_validate(tree)
    session = Session(run, build(run, dataset))
    for _ in range(STEPS):
        session.step()
    return session.problem, session.snapshot()


def measured(problem: Problem, end: Tensor) -> list[float]:
    """The quantities of :data:`STORED`, in their order."""
    start = problem.start

    def at(others: Tensor, layer: int, own: Tensor) -> tuple[float, float]:
        """Loss and accuracy with one layer here and the others there."""
        vector, span = others.clone(), problem.layout.layers[layer - 1].span
        vector[span] = own[span]
        return loss_and_accuracy(problem, vector, problem.train)

    moved, back = (at(start, layer, end)[0] for layer in (1, 4)), [at(end, layer, start) for layer in range(1, 5)]
    whole = at(end, 1, end)
    return [at(start, 1, start)[0], *moved, back[0][0], *whole, *(accuracy for _, accuracy in back)]


def rows(found: dict[str, np.ndarray]) -> Iterator[tuple[str, ...]]:
    """Median and range of each quantity for each loss, the stored value, and whether it lies in the range."""
    for k, (name, stored) in enumerate(STORED.items()):
        cells: list[str] = []
        for values in found.values():
            low, middle, high = (float(f(values[:, k])) for f in (np.min, np.median, np.max))
            cells += [f"{middle:.3f} ({low:.3f} to {high:.3f})", "yes" if low <= stored <= high else "no"]
        yield (name, f"{stored:.3f}", *cells)


def frozen_rows(seeds: int, folder: Path) -> Iterator[tuple[str, ...]]:
    """Test accuracy with a first layer as it was drawn, and with all layers trained."""
    data = DataSpec(name="mnist", folder=str(folder), measured=1)
    dataset = load(data)
    for activation, (weights, gain, stored, stored_all) in FROZEN.items():
        found = []
        for rates in ((0.0, 1.0, 1.0, 1.0), ()):
            accuracies = []
            for seed in range(seeds):
                tree = {
                    "data": data.model_dump(),
                    "network": {
                        "hidden": (30, 30, 30),
                        "activation": activation,
                        "initialisation": weights,
                        "gain": gain,
                    },
                    "optimiser": {"learning_rate": 0.1, "batch_size": BATCH, "layer_rates": rates},
                    "seed": seed,
                }
                run = RunSpec.model_validate(tree)
                session = Session(run, build(run, dataset))
                while session.epoch < PASSES:
                    session.step()
                problem = session.problem
                accuracies.append(loss_and_accuracy(problem, session.parameters.detach(), problem.test)[1])
            found.append(", ".join(f"{a:.3f}" for a in accuracies))
        yield (f"{activation}, {weights} × {gain:g}", found[0], stored, found[1], stored_all)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="where the four IDX files of MNIST are")
    parser.add_argument("--seeds", type=int, default=20, help="seeds of the first table")
    parser.add_argument("--frozen-seeds", type=int, default=2, help="seeds of the last table")
    parser.add_argument("--skip-frozen", action="store_true", help="leave out the last part")
    parser.add_argument("--markdown", action="store_true", help="print the tables as they stand in docs/benchmarks.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = thousand(options.folder)
    dataset = load(data)
    print(machine())
    found = {
        loss: np.array([measured(*trained(loss, seed, data, dataset)) for seed in range(options.seeds)])
        for loss in LOSSES
    }
    met = {loss: sum(row[3 + 2 * k] == "yes" for row in rows(found)) for k, loss in enumerate(LOSSES)}
    fits = max(met, key=lambda loss: met[loss])
    headings = [cell for name in LOSSES.values() for cell in (f"{name}, ours", "stored inside")]
    show(
        f"Median (range) of {options.seeds} seeds; {met[fits]} of {len(STORED)} stored values lie in the range of the "
        f"cross-entropy with {LOSSES[fits]} at the outputs, which fits best",
        ("quantity", "stored", *headings),
        rows(found),
        options.markdown,
    )
    if not options.skip_frozen:
        show(
            f"Test accuracy after {PASSES} passes through 60,000 images, SGD 0.1, batches of {BATCH}",
            ("network", "first layer frozen", "stored", "all layers trained", "stored"),
            frozen_rows(options.frozen_seeds, options.folder),
            options.markdown,
        )


if __name__ == "__main__":
    main()
