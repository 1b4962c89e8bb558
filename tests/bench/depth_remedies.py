"""What each remedy makes of a deep sigmoid network that does not learn, beside stored values.

    python tests/bench/depth_remedies.py FOLDER             # the four IDX files of MNIST

The textbook's setting (see nielsen_speeds.py) and one change each: the share of the first 1,000 training images of
MNIST that is classified rightly after 500 steps on all of them. "stored" was measured by other code, of which it is not
known which remedies it had beside the L2 penalty and which without: ours are shown with both.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from nielsen_speeds import EPOCHS, EXAMPLES, LAMBDA, spec, thousand
from tables import machine, show

from thalweg.core.data import Dataset, load
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.problem import build
from thalweg.core.scene import DataSpec, RunSpec
from thalweg.core.training.session import Session


@dataclass(frozen=True)
class Remedy:
    """Changes of optimiser and network; the stored accuracies by the number of hidden layers, one for each seed."""

    title: str
    optimiser: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    stored: dict[int, str] = field(default_factory=dict)


REMEDIES = (
    Remedy("none: learning rate 0.1", stored={3: "0.117, 0.117 (without penalty 0.215, 0.129)", 2: "0.334, 0.332"}),
    Remedy("learning rate 1", {"learning_rate": 1.0}, stored={3: "0.905, 0.905", 2: "0.993"}),
    Remedy("learning rate 3", {"learning_rate": 3.0}, stored={3: "0.980, 0.989"}),
    Remedy(
        "LARS, 0.01",
        {"name": "lars", "learning_rate": 0.01},
        stored={3: "0.71, 0.85", 2: "0.997, 0.986"},
    ),
    Remedy("Adam, 0.01", {"name": "adam", "learning_rate": 0.01}, stored={3: "0.997, 0.996", 2: "1.0, 0.99"}),
    Remedy("weights × 4, biases 0", network={"initialisation": "lecun", "gain": 4.0}, stored={3: "0.885, 0.865"}),
    Remedy("ReLU, He weights", network={"activation": "relu", "initialisation": "he"}, stored={3: "0.999, 0.999"}),
)


def remedied(remedy: Remedy, depth: int, seed: int, penalty: float, data: DataSpec) -> RunSpec:
    """The textbook's run with a remedy."""
    tree = spec(depth, seed, data).model_dump()
    tree["optimiser"] |= remedy.optimiser | {"l2": penalty}
    tree["network"] |= remedy.network
    return RunSpec.model_validate(tree)


def accuracy(run: RunSpec, dataset: Dataset) -> float:
    """On the training images, after all epochs."""
    session = Session(run, build(run, dataset))
    for _ in range(EPOCHS):
        session.step()
    return loss_and_accuracy(session.problem, session.parameters.detach(), session.problem.train)[1]


def rows(seeds: int, data: DataSpec, dataset: Dataset) -> Iterator[tuple[str, ...]]:
    """A row for each depth and remedy."""
    for depth in (3, 2):
        for remedy in REMEDIES:
            found = [
                ", ".join(
                    f"{accuracy(remedied(remedy, depth, seed, penalty, data), dataset):.3f}" for seed in range(seeds)
                )
                for penalty in (LAMBDA / EXAMPLES, 0.0)
            ]
            yield (f"{depth}", remedy.title, *found, remedy.stored.get(depth, "-"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="where the four IDX files of MNIST are")
    parser.add_argument("--seeds", type=int, default=2, help="seeds of each")
    parser.add_argument("--markdown", action="store_true", help="print the table as it stands in docs/benchmarks.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = thousand(options.folder)
    print(machine())
    show(
        f"Accuracy on the training images after {EPOCHS} epochs, {options.seeds} seeds",
        ("hidden layers", "remedy", "ours, with the penalty", "ours, without", "stored"),
        rows(options.seeds, data, load(data)),
        options.markdown,
    )


if __name__ == "__main__":
    main()
