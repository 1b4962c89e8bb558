"""What the hidden layers give: mean and spread of their outputs, and how many of their units are saturated or dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from thalweg.core.problem import Problem
from thalweg.core.scene.depth import ACTIVATION_EXAMPLES, FLAT

Collector = Callable[[int, nn.Module, Tensor, Tensor], None]
"""Takes the number of a layer, the module whose output is the layer's, its input and its output."""


def activations(problem: Problem, vector: Tensor, measured: int) -> dict[str, float]:
    """``mean_i``, ``spread_i``, ``saturated_i`` and ``dead_i`` of each hidden layer; nothing for a surface.

    The output of layer i is what comes out of the nonlinearity that follows it, over all units (of a convolution: all
    channels and places) and the first ``measured`` examples, :data:`ACTIVATION_EXAMPLES` at most. ``spread_i`` is its
    standard deviation about ``mean_i`` (Glorot & Bengio 2010, figure 2); ``saturated_i`` the share of units and
    examples where the nonlinearity's slope is below :data:`FLAT` times its greatest; ``dead_i`` the share of units (of
    a convolution: channels) that are 0 for all the examples. A layer without a nonlinearity of its own, as the last,
    has none.

    Of a recurrent layer the output is its state after each of its time steps. It has several nonlinearities, so that
    mean and spread alone are given.
    """
    found: dict[str, float] = {}

    def collect(number: int, module: nn.Module, given: Tensor, output: Tensor) -> None:
        values = output.double()
        found[f"mean_{number}"] = values.mean().item()
        found[f"spread_{number}"] = values.std(correction=0).item()
        if isinstance(module, nn.RNNBase):
            return
        flat = slope(module, given).abs() < FLAT * steepest(module)
        found[f"saturated_{number}"] = flat.double().mean().item()
        found[f"dead_{number}"] = (output == 0).transpose(0, 1).flatten(1).all(dim=1).double().mean().item()

    batch = problem.first(min(measured, ACTIVATION_EXAMPLES))
    with torch.no_grad(), listening(problem, collect):
        functional_call(problem.module, problem.layout.views(vector.detach()), (batch[0],))
    names = ("mean", "spread", "saturated", "dead")
    every = (f"{name}_{i}" for name in names for i in range(1, len(problem.layout.layers) + 1))
    return {name: found[name] for name in every if name in found}


@contextmanager
def listening(problem: Problem, collect: Collector) -> Iterator[None]:
    """Meanwhile each pass through the module tells ``collect`` what comes out of its hidden layers.

    They are found by what the module's parts do: whatever acts on each number alone, and not linearly, is the
    nonlinearity of the layer that the pass went through last. The hooks are gone after.
    """
    numbers = {name.rpartition(".")[0]: i for i, la in enumerate(problem.layout.layers, 1) for name in la.parameters}
    last = 0

    def hook(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def after(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            nonlocal last
            last = numbers.get(name, last)
            if isinstance(module, nn.RNNBase):
                collect(last, module, given[0], output[0])
            elif last and name not in numbers and is_nonlinearity(module, given[0], output):
                collect(last, module, given[0], output)

        return after

    with ExitStack() as stack:
        for name, part in problem.module.named_modules():
            if not any(True for _ in part.children()):
                stack.enter_context(_removed(part.register_forward_hook(hook(name))))
        yield


@contextmanager
def _removed(handle: torch.utils.hooks.RemovableHandle) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def is_nonlinearity(module: nn.Module, given: Tensor, output: Tensor) -> bool:
    """Whether a module acts on each number alone, and not linearly.

    Seen by trying it: where half of the numbers of an example are changed, what becomes of the others stays the same.
    """
    if output.shape != given.shape or any(True for _ in (*module.parameters(), *module.buffers())):
        return False
    one = given[:1]
    moved = torch.rand(one.shape, generator=torch.Generator().manual_seed(0)).to(given.device) < 0.5
    before, after = module.forward(one)[~moved], module.forward(torch.where(moved, one + 1, one))[~moved]
    if not torch.allclose(before, after, equal_nan=True):
        return False
    slopes = slope(module, _probe(given.dim()).to(given))
    return bool((slopes - slopes[0]).abs().max() > 1e-6)


def slope(module: nn.Module, given: Tensor) -> Tensor:
    """The derivative of a module that acts on each number alone, at each entry of ``given``; of the same shape."""
    with torch.enable_grad():
        at = given.detach().clone().requires_grad_(True)
        return torch.autograd.grad(module.forward(at).sum(), at)[0]


def steepest(module: nn.Module) -> float:
    """The greatest size of the derivative of a module that acts on each number alone: 1/4 of a sigmoid, 1 of a ReLU.

    Looked for between -10 and 10.
    """
    return slope(module, _probe(2)).abs().max().item()


def _probe(dimensions: int) -> Tensor:
    """Numbers from -10 to 10, each an example of its own."""
    return torch.linspace(-10, 10, 2001).view(-1, *[1] * (dimensions - 1))
