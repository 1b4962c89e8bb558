"""What is measured: networks, examples, planes. Torch alone, so that it serves in the packages' environment too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3x3 convolutions with BatchNorm, and a way past them (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of ``x``."""
        inner: Tensor = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        return (x + inner).relu()


class RowLSTM(nn.Module):
    """Reads an image row by row; the last state gives the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, 32, batch_first=True)
        self.fc = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [n, 10] of images [n, 784]."""
        scores: Tensor = self.fc(self.lstm(x.view(-1, 28, 28))[0][:, -1])
        return scores


class Refine(nn.Module):
    """Adds the same correction to its state until the correction is small: how often depends on the numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.step, self.score = nn.Linear(784, 64), nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [n, 10] of images [n, 784]."""
        h = self.read(x).tanh()
        for _ in range(4):
            change = self.step(h).tanh()
            h = h + change / 2
            if float(change.abs().mean()) < 0.02:
                break
        scores: Tensor = self.score(h)
        return scores


def mlp() -> nn.Module:
    """784-30-30-30-10 with sigmoids."""
    parts: list[nn.Module] = []
    for i, o in ((784, 30), (30, 30), (30, 30)):
        parts += [nn.Linear(i, o), nn.Sigmoid()]
    return nn.Sequential(*parts, nn.Linear(30, 10))


def cnn() -> nn.Module:
    """Eight and sixteen 3x3 filters, each with ReLU and 2x2 maxima, then a dense layer."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 10)),
    )


def residual() -> nn.Module:
    """A stem and two blocks of sixteen channels on 14x14 pixels; BatchNorm with statistics of its own."""
    module = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        *(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(Block(16), Block(16)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)),
    )
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):  # as after training: fresh ones would be the identity
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.1)
            nn.init.uniform_(part.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return module


ALL, LAST = {"all layers": ()}, {"last layer": (-1,)}


@dataclass(frozen=True)
class Subject:
    """A network, and on what it is measured."""

    title: str
    make: Callable[[], nn.Module]
    targets: Mapping[str, float]
    """How many times faster than the plain loop is aimed at, by plane; planes without one are absent."""
    planes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: ALL | LAST)
    """Layers that move, counted from 1, or from -1 at the end; () is all."""
    examples: tuple[int, ...] = (1000,)
    sides: tuple[int, ...] = (21,)
    """Grid points along each axis: odd numbers, so that the network itself is one of them."""
    chunk: int = 2
    """Grid points that vmap takes together."""


MLP_PLANES = {"first layer": (1,), "layer 2": (2,), "layers 2-4": (2, 3, 4)}

SUBJECTS = {
    "mlp": Subject(
        title="[784, 30, 30, 30, 10] sigmoid",
        make=mlp,
        targets={"all layers": 12, "layers 2-4": 20, "last layer": 120},
        planes=ALL | MLP_PLANES | LAST,
        examples=(1000, 10_000),
        sides=(21, 51, 101),
        chunk=8,
    ),
    "cnn": Subject("CNN 8x3x3, 16x3x3", cnn, {"all layers": 5, "last layer": 30}),
    "residual": Subject("residual, 16 channels, 2 blocks", residual, {"all layers": 1, "last layer": 30}),
    "lstm": Subject("LSTM(28, 32) over rows", RowLSTM, {"all layers": 1, "last layer": 30}),
    "other": Subject("a loop that depends on the numbers", Refine, {"all layers": 0.9, "last layer": 0.9}, chunk=8),
}


@dataclass(frozen=True)
class Job:
    """One network with its examples and a plane: x and y hold a tensor for each parameter, in their order."""

    module: nn.Module
    inputs: Tensor
    labels: Tensor
    x: tuple[Tensor, ...]
    y: tuple[Tensor, ...]
    owners: tuple[str, ...]
    """Names of the submodules that move."""
    chunk: int

    @property
    def examples(self) -> int:
        """How many."""
        return len(self.labels)


def job(name: str, plane: str, examples: int) -> Job:
    """The job of a subject; the same names give the same numbers in every process."""
    subject = SUBJECTS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = subject.make().eval()
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(examples, 784, generator=generator)
    labels = torch.randint(10, (examples,), generator=generator)
    names = owners(module)
    numbers = subject.planes[plane] or range(1, len(names) + 1)
    moving = tuple(names[n - 1 if n > 0 else n] for n in numbers)
    x, y = (direction(module, moving, seed) for seed in (2, 3))
    return Job(module, inputs, labels, x, y, moving, subject.chunk)


def owners(module: nn.Module) -> list[str]:
    """The submodules that own parameters, in order: layer 1 is the first."""
    return [n for n, part in module.named_modules() if any(True for _ in part.parameters(recurse=False))]


def direction(module: nn.Module, moving: tuple[str, ...], seed: int) -> tuple[Tensor, ...]:
    """A Gaussian direction, each filter of the norm of the module's, vectors at rest (Li et al. 2018)."""
    generator, parts = torch.Generator().manual_seed(seed), []
    for name, p in module.named_parameters():
        drawn = torch.randn(p.shape, generator=generator)
        if p.dim() < 2 or name.rpartition(".")[0] not in moving:
            parts.append(torch.zeros_like(drawn))
        else:
            rows, like = drawn.flatten(1), p.detach().flatten(1)
            parts.append((rows * (like.norm(dim=1) / rows.norm(dim=1))[:, None]).view_as(p))
    return tuple(parts)
