"""The loss landscape of any torch module, in one call from Python.

    found = loss_landscape(module, (inputs, labels), torch.nn.functional.cross_entropy)

Everything is computed on a copy: parameters, buffers, gradients, ``requires_grad`` flags and modes of the module, and
torch's random state, are left as they were, also when the call is interrupted or raises.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from tqdm import tqdm

from thalweg.core.landscape.evaluators import fastest
from thalweg.core.landscape.grid import Landscape, axis
from thalweg.core.landscape.sample import (
    Block,
    GivenScore,
    ObjectiveScore,
    Sample,
    Score,
    randomness,
)
from thalweg.core.landscape.slices import differentiable
from thalweg.core.parameters import Layer, Layout
from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words
from thalweg.core.plane.lay import perpendicular_by_filters
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.random import random_direction
from thalweg.core.problem import Problem
from thalweg.core.training.objectives import OBJECTIVES

Loss = Callable[[Any, Any], Any]
"""From a batch's outputs and targets to its mean loss (a scalar), or to the losses of its examples (a tensor)."""

Data = tuple[Any, Any] | Iterable[Any]
"""One pair (inputs, targets), which is one batch, or an iterable of such pairs, as a DataLoader is.

Inputs are a tensor, or a tuple, list or dict of the module's arguments; targets are what the loss takes."""

Directions = str | Mapping[str, Tensor] | Sequence[Tensor] | Tensor
"""How one axis moves: "random", "gradient", or tensors; see :func:`loss_landscape`."""

Layers = int | str | Sequence[int | str]
"""Layers by number (from 1) or by the name of a submodule, which stands for what lies inside it too; () is all."""

Mode = Literal["eval", "train", "as found"]


def loss_landscape(
    module: nn.Module,
    data: Data,
    loss: Loss,
    *,
    x: Directions = "random",
    y: Directions = "random",
    layers: Layers = (),
    x_layers: Layers | None = None,
    y_layers: Layers | None = None,
    x_range: tuple[float, float] = (-1.0, 1.0),
    y_range: tuple[float, float] = (-1.0, 1.0),
    points: int | tuple[int, int] = 51,
    mode: Mode = "eval",
    accuracy: Loss | None = None,
    seed: int = 1,
    device: torch.device | str | None = None,
    progress: bool | Callable[[int, int], object] = False,
) -> Landscape:
    """The mean loss over the data on a grid in a plane through the module's parameters.

    Returns a complete :class:`Landscape`: ``x`` [nx], ``y`` [ny]; ``loss`` [ny, nx], the mean over all examples in the
    unit of ``loss``, accumulated in float64, non-finite values as they are; ``accuracy`` [ny, nx] from 0 to 1.
    With an odd number of points on symmetrical ranges the module itself is the grid's middle point, exactly.

    data: read once, to the end, and kept on the device, so that every point sees the same examples (a shuffling or
    augmenting loader included). A loader's batches count by their number of examples.
    x, y: "random" is Gaussian, every filter scaled to the norm of the module's filter, biases and other vectors at rest
    (Li et al. 2018); of two such axes the second is perpendicular to the first. "gradient" is the unit vector along
    which the loss falls most steeply. Or directions of one's own, taken as they are: a dict of tensors by parameter
    name (absent ones rest), a list of tensors in the order of ``module.parameters()``, or one flat vector.
    layers: what moves: numbers from 1 or names of submodules, one or several, see :func:`layer_names`; none means all.
    ``x_layers`` and ``y_layers`` say it for one axis. Whether a parameter is frozen makes no difference.
    points: along each axis, or (nx, ny).
    mode: "eval" as a trained network is used (BatchNorm with its stored statistics, no Dropout); "train" with BatchNorm
    on each batch's own statistics, and with Dropout, its masks the same at every point; "as found" takes each
    submodule as it stands.
    accuracy: (outputs, targets) to the share that is right. None: class scores [n, classes, ...] against integer labels
    [n, ...] are compared by the highest score, NaN where a score is; everything else has NaN.
    seed: of the random directions (x takes ``seed``, y ``seed + 1``), of a shuffling loader and of Dropout.
    device: where to compute; None: where the module is.
    progress: True shows a bar; a function is called with (points done, all points) after each.

    Raises DirectionError for axes that span no plane, ValueError for other arguments that do not fit, and whatever the
    module or the loss raises.
    """
    nx, ny = (points, points) if isinstance(points, int) else points
    for name, (low, high), count in (("x", x_range, nx), ("y", y_range, ny)):
        if not low < high or count < 2:
            raise ValueError(f"{name}: {count} points from {low:g} to {high:g}; expected 2 or more, from low to high")
    subject = Subject.of(module, data, loss, mode=mode, accuracy=accuracy, seed=seed, device=device)
    plane = subject.plane(x, y, layers if x_layers is None else x_layers, layers if y_layers is None else y_layers)
    return _on_grid(subject, plane, axis(*x_range, nx), axis(*y_range, ny), progress)


def layer_names(module: nn.Module) -> tuple[str, ...]:
    """The submodules that own parameters, in order: layer 1 is the first. A shared parameter belongs to the first.

    Raises ValueError for a module without parameters, or with parameters that have no shape yet or no real numbers.
    """
    return tuple(layer.name for layer in _layout(module).layers)


@dataclass(frozen=True)
class Subject:
    """A copy of a module with examples and a loss: what a landscape is made of. Its parts are not to be changed."""

    module: nn.Module
    layout: Layout
    origin: Tensor
    """The parameters as found; float64 [size] (on the CPU for devices without float64)."""
    batches: tuple[tuple[Any, Any, int], ...]
    """Inputs, targets, number of examples."""
    loss: Loss
    accuracy: Loss
    seed: int
    device: torch.device
    cuttable: bool
    """Whether batches may be cut, where the loss turns out to be the same: in evaluation mode only."""

    @classmethod
    @torch.inference_mode(False)
    def of(
        cls,
        module: nn.Module,
        data: Data,
        loss: Loss,
        *,
        mode: Mode = "eval",
        accuracy: Loss | None = None,
        seed: int = 1,
        device: torch.device | str | None = None,
    ) -> Subject:
        """Copy the module and read the data; the arguments are those of :func:`loss_landscape`."""
        if getattr(loss, "reduction", "mean") == "sum":
            raise ValueError("loss: its reduction is 'sum'; expected 'mean' or 'none', so that batches can be averaged")
        if mode not in ("eval", "train", "as found"):
            raise ValueError(f"mode: {mode!r} is not 'eval', 'train' or 'as found'")
        with torch.no_grad():
            own = _copied(module, mode)
            layout = _layout(own)
            if device is not None:
                own.to(device)
            where = next(own.parameters()).device
            home = torch.device("cpu") if where.type == "mps" else where
            origin = torch.cat([p.detach().to(home, torch.float64).reshape(-1) for p in own.parameters()])
            with randomness(where, seed):
                batches = tuple(_read(data, where))
        return cls(own, layout, origin, batches, loss, accuracy or _share_right, seed, where, mode == "eval")

    @property
    def examples(self) -> int:
        """How many examples the loss is the mean of."""
        return sum(count for *_, count in self.batches)

    def sample(self) -> Sample:
        """What the fast evaluators ask for."""
        blocks = []
        for inputs, targets, count in self.batches:
            named = isinstance(inputs, Mapping)
            args = () if named else tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
            blocks.append(Block(args, inputs if named else {}, targets, count))
        return Sample(self.module, self.layout, tuple(blocks), self._score(), self.seed, self.cuttable)

    def _score(self) -> Score:
        """Torch's plain cross-entropy of class labels is the app's objective; it has a faster way."""
        plain = self.loss is F.cross_entropy or (
            type(self.loss) is nn.CrossEntropyLoss
            and (self.loss.weight, self.loss.label_smoothing, self.loss.reduction) == (None, 0.0, "mean")
            and self.loss.ignore_index < 0
        )
        labels = [t for _, t, _ in self.batches]
        classes = all(
            isinstance(t, Tensor) and t.dtype == torch.int64 and t.dim() == 1 and t.min() >= 0 for t in labels
        )
        if plain and classes and self.accuracy is _share_right:
            return ObjectiveScore(OBJECTIVES["cross-entropy"])
        return GivenScore(self.loss, self.accuracy)

    def loss_and_accuracy(self, vector: Tensor) -> tuple[float, float]:
        """Mean loss and share of right answers at the parameters ``vector`` [size]."""
        with torch.inference_mode(False), torch.no_grad():
            return self.sample().at(vector)

    @torch.inference_mode(False)
    def gradient(self, vector: Tensor) -> Tensor:
        """The gradient of the mean loss at ``vector`` [size]; float64 [size], 0 for what the loss does not depend on.

        Raises DirectionError where the loss cannot be differentiated.
        """
        total = torch.zeros_like(self.origin)
        with differentiable(), self._at(vector):
            own = [p.requires_grad_(True) for p in self.module.parameters()]
            for inputs, targets, count in self.batches:
                loss = self.loss(_called(self.module, inputs), targets)
                if not isinstance(loss, Tensor) or not loss.requires_grad:
                    raise DirectionError("the loss does not depend on the parameters by operations with a gradient")
                parts = torch.autograd.grad(loss.mean(), own, allow_unused=True)
                flat = [(torch.zeros_like(p) if g is None else g).reshape(-1) for p, g in zip(own, parts, strict=True)]
                total += torch.cat([g.to(total) for g in flat]) * (count / self.examples)
        return total

    @torch.inference_mode(False)
    def plane(self, x: Directions, y: Directions, x_layers: Layers = (), y_layers: Layers = ()) -> Plane:
        """The plane through the module's parameters along these directions; see :func:`loss_landscape`."""
        first, second = _numbers(self.layout, x_layers), _numbers(self.layout, y_layers)
        along_x = self._direction(x, first, self.seed)
        along_y = self._direction(y, second, self.seed + 1)
        if isinstance(x, str) and isinstance(y, str) and x == y == "random":
            along_y = perpendicular_by_filters(along_y, along_x, self.layout)
        return Plane(self.origin, along_x, along_y)

    @contextmanager
    def _at(self, vector: Tensor) -> Iterator[None]:
        """The copy with these parameters; buffers and random state are the same each time, whatever a forward did."""
        with torch.no_grad():
            parts = vector.split([s.numel() for s in self.layout.shapes])
            for parameter, part in zip(self.module.parameters(), parts, strict=True):
                parameter.copy_(part.view_as(parameter))
        saved = [(owner, n, b.clone()) for owner in self.module.modules() for n, b in _buffers(owner)]
        try:
            with randomness(self.device, self.seed):
                yield
        finally:
            for owner, name, value in saved:
                setattr(owner, name, value)

    def _direction(self, kind: Directions, layers: tuple[int, ...], seed: int) -> Direction:
        words = layers_in_words(layers, len(self.layout.layers))
        match kind:
            case "random":
                return random_direction(self._as_problem(), self.origin, layers, seed)
            case "gradient":
                vector, label, unit = -self.gradient(self.origin), f"negative gradient of {words}", "distance"
            case str():
                raise ValueError(f"a direction is 'random', 'gradient', or tensors; {kind!r} is none of them")
            case _:
                vector, label, unit = self._given(kind), f"given direction of {words}", "1"
        vector = vector * self.layout.mask(layers).to(vector)
        norm = vector.norm()
        if not norm > 0 or not norm.isfinite():
            raise DirectionError(f"the {label} has norm {norm.item():g}, so it gives no direction")
        return Direction(vector / norm if unit == "distance" else vector, label, unit)

    def _given(self, tensors: Mapping[str, Tensor] | Sequence[Tensor] | Tensor) -> Tensor:
        """A person's own direction as a vector [size]."""
        layout = self.layout
        if isinstance(tensors, Tensor):
            if tensors.shape != (layout.size,):
                raise DirectionError(f"a direction of shape {tuple(tensors.shape)}; expected ({layout.size},)")
            return tensors.detach().to(self.origin)
        if not isinstance(tensors, Mapping):
            if len(tensors) != len(layout.names):
                raise DirectionError(f"a direction of {len(tensors)} tensors; the module has {len(layout.names)}")
            tensors = dict(zip(layout.names, tensors, strict=True))
        if unknown := sorted(tensors.keys() - set(layout.names)):
            raise DirectionError(f"a direction of {unknown[0]!r}, which is no parameter of the module")
        vector = torch.zeros_like(self.origin)
        for name, part in layout.views(vector).items():
            if name in tensors:
                if tensors[name].shape != part.shape:
                    shapes = f"{tuple(tensors[name].shape)}; expected {tuple(part.shape)}"
                    raise DirectionError(f"the direction of {name!r} has the shape {shapes}")
                part.copy_(tensors[name].detach())
        return vector

    def _as_problem(self) -> Problem:
        """What :func:`random_direction` asks for; it looks at the layout only."""
        none = (torch.empty(0), torch.empty(0))
        return Problem(self.module, self.layout, OBJECTIVES["cross-entropy"], none, none, self.origin)


def _on_grid(
    subject: Subject, plane: Plane, x: np.ndarray, y: np.ndarray, progress: bool | Callable[[int, int], object]
) -> Landscape:
    shape = (len(y), len(x))
    loss, accuracy = np.full(shape, np.nan), np.full(shape, np.nan)
    points = np.stack([grid.ravel() for grid in np.meshgrid(x, y)], axis=1)
    with tqdm(total=loss.size, unit="point", disable=progress is not True) as bar:
        for part, losses, right in fastest(subject.sample(), plane).evaluate(points):
            loss.flat[part], accuracy.flat[part] = losses, right
            bar.update(part.stop - part.start)
            if not isinstance(progress, bool):
                for k in range(part.start, part.stop):
                    progress(k + 1, loss.size)
    return Landscape(x, y, loss, accuracy, np.ones(shape, dtype=bool))


def _copied(module: nn.Module, mode: Mode) -> nn.Module:
    """A copy that can be changed at will, in this mode; tensors that a forward left behind become plain values."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        for value in _tensors(vars(part)):
            if not value.is_leaf:  # torch refuses to copy these
                memo[id(value)] = value.detach().clone()
    try:
        own = copy.deepcopy(module, memo)
    except Exception as e:  # whatever a person's own module raises
        raise ValueError(f"{type(module).__name__} cannot be copied ({type(e).__name__}: {e})") from e
    for parameter in own.parameters():
        parameter.grad = None
    if mode != "as found":
        own.train(mode == "train")
    return own


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(part)


def _layout(module: nn.Module) -> Layout:
    """As :func:`layout_of`, but a shared parameter stands once, and layers have the names of their submodules."""
    named = list(module.named_parameters())
    if not named:
        raise ValueError(f"{type(module).__name__} has no parameters; expected a module with at least one")
    if lazy := [n for n, p in named if is_lazy(p)]:
        raise ValueError(f"{type(module).__name__}: {lazy[0]!r} has no shape yet; call the module on a batch first")
    if odd := [f"{n!r} holds {p.dtype}" for n, p in named if not p.is_floating_point()]:
        raise ValueError(f"{type(module).__name__}: {odd[0]}; expected floating-point parameters")
    layers: list[Layer] = []
    at = 0
    for owner, group in groupby(named, key=lambda item: _owner(item[0])):
        own = list(group)
        size = sum(p.numel() for _, p in own)
        layers.append(Layer(owner or type(module).__name__, tuple(n for n, _ in own), at, at + size))
        at += size
    return Layout(tuple(n for n, _ in named), tuple(p.shape for _, p in named), tuple(layers))


def _owner(name: str) -> str:
    """The submodule that a parameter belongs to; one that stands behind a parametrised weight, to the weight's."""
    before, parametrised, _ = name.partition("parametrizations.")
    return before.removesuffix(".") if parametrised else name.rpartition(".")[0]


def _numbers(layout: Layout, layers: Layers) -> tuple[int, ...]:
    """Layers given by numbers or names as numbers, each once."""
    found: set[int] = set()
    names = [layer.name for layer in layout.layers]
    for wanted in (layers,) if isinstance(layers, int | str) else layers:
        if isinstance(wanted, str):
            inside = {k for k, n in enumerate(names, start=1) if n == wanted or n.startswith(f"{wanted}.")}
        else:
            inside = {wanted} & set(range(1, len(names) + 1))
        if not inside:
            raise ValueError(f"layers: {wanted!r} is neither a number from 1 to {len(names)} nor one of {names}")
        found |= inside
    return tuple(sorted(found))


def _read(data: Data, device: torch.device) -> Iterator[tuple[Any, Any, int]]:
    """The batches on the device with their numbers of examples; empty ones are left out."""
    some = False
    for batch in [data] if isinstance(data, tuple) and len(data) == 2 else data:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ValueError(f"data: {type(batch).__name__} is no pair; expected (inputs, targets), or pairs of them")
        inputs, targets = (_moved(part, device) for part in batch)
        sizes = [len(t) for t in (*_tensors(targets), *_tensors(inputs)) if t.dim()]
        if sizes and sizes[0] == 0:
            continue
        some = True
        yield inputs, targets, sizes[0] if sizes else 1
    if not some:
        raise ValueError("data: there are no examples in it")


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return (value.clone() if value.is_inference() else value.detach()).to(device)
    if isinstance(value, Mapping):
        return {k: _moved(v, device) for k, v in value.items()}
    if isinstance(value, tuple | list):
        parts = [_moved(v, device) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else parts
    return value


def _called(module: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return module(**inputs)
    return module(*inputs) if isinstance(inputs, list | tuple) else module(inputs)


def _share_right(outputs: Any, targets: Any) -> Tensor:
    """Share of integer labels [n, ...] with the highest of the scores [n, classes, ...]; NaN for everything else."""
    none = torch.tensor(torch.nan)
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor) or targets.is_floating_point():
        return none
    if outputs.dim() < 2 or targets.shape != (outputs.shape[0], *outputs.shape[2:]) or outputs.isnan().any():
        return none
    return (outputs.argmax(1) == targets).float()


def _buffers(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [(n, b) for n, b in module.named_buffers(recurse=False) if b is not None]
