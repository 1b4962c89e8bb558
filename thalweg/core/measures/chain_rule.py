"""The chain rule taken apart: by which factors the backward signal shrinks or grows from layer to layer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from thalweg.core.measures.activations import slope, steepest
from thalweg.core.problem import Problem

EXAMPLES = 128
"""Examples that the factors are the mean over, from the first."""

SAMPLE = 8
"""Of these, examples whose Jacobians are taken apart."""

WIDEST = 512
"""Units of a layer up to which its Jacobians are taken apart: their singular values take the cube of that."""


@dataclass(frozen=True)
class Link:
    """A linear map, by the names of its weight and bias, and the activation that follows it; the last has none."""

    weight: str
    bias: str
    activation: nn.Module | None


def chain_of(module: nn.Module) -> tuple[Link, ...] | None:
    """The links of a network that is linear maps with activations between them, and nothing else; None for others."""
    if not isinstance(module, nn.Sequential):
        return None
    parts = list(module.named_children())
    found: list[Link] = []
    for (name, part), (_, follows) in zip(parts[::2], [*parts[1::2], ("", None)], strict=False):
        plain = follows is None or (isinstance(follows, nn.Module) and not list(follows.parameters()))
        if not isinstance(part, nn.Linear) or not plain or isinstance(follows, nn.Linear):
            return None
        found.append(Link(f"{name}.weight", f"{name}.bias", follows))
    ends = bool(found) and found[-1].activation is None
    return tuple(found) if ends and all(link.activation is not None for link in found[:-1]) else None


def chain_rule(problem: Problem, vector: Tensor) -> dict[str, float]:
    """The backward signal of each layer and its factors, by name and number of the layer; empty for no plain chain.

    With z the inputs of the activations and d = dC/dz of an example's loss C (Rumelhart et al. 1986),

        d_l = f'(z_l) * (W_{l+1}^T d_{l+1}),

    and for layer l, from 1 to the last, over the first :data:`EXAMPLES` training examples

    - ``signal_l``: root mean square of ``|d_l|``, as this product gives it, in float64;
    - ``measured_l``: the same, as automatic differentiation of the network gives it.

    For all but the last, so that ``signal_l`` = ``gain_l`` * ``slope_l`` * ``signal_{l+1}``:

    - ``gain_l``: what W_{l+1}^T makes of the signal's size; at most ``spectral_l``, the largest singular value of
      W_{l+1}, and ``frobenius_l`` = ``|W_{l+1}|_F / sqrt(rows)`` for a signal in no special direction;
    - ``slope_l``: what the activation's derivative makes of it then; at most ``bound_l``, the largest derivative that
      the activation has anywhere (1/4 for a sigmoid); ``mean_slope_l`` is the mean of ``|f'(z_l)|``;
    - ``stretch_l``, ``middle_l``, ``squeeze_l``: largest, median and smallest singular value of the Jacobian
      dz_{l+1}/dz_l, each the mean over :data:`SAMPLE` examples; NaN for layers wider than :data:`WIDEST`.
    """
    links = chain_of(problem.module)
    if links is None:
        return {}
    inputs, labels = problem.first(EXAMPLES)
    parameters = {name: p.double() for name, p in problem.layout.views(vector.detach()).items()}
    slopes: list[Tensor] = []
    at = inputs.double()
    with torch.no_grad():
        for link in links:
            z = at @ parameters[link.weight].T + parameters[link.bias]
            at = z
            if link.activation is not None:
                at = link.activation(z)
                slopes.append(slope(link.activation, z))
    signal = _output_signal(problem, at, labels)
    measured = _measured(problem, links, vector, (inputs, labels))
    found = {f"signal_{len(links)}": _size(signal), f"measured_{len(links)}": measured[-1]}
    for number in range(len(links) - 1, 0, -1):
        weights, steep = parameters[links[number].weight], slopes[number - 1]
        activation = links[number - 1].activation
        assert activation is not None, "the last has none alone"
        passed = signal @ weights
        before, between = _size(signal), _size(passed)
        signal = passed * steep
        found |= {
            f"signal_{number}": _size(signal),
            f"measured_{number}": measured[number - 1],
            f"gain_{number}": _ratio(between, before),
            f"slope_{number}": _ratio(_size(signal), between),
            f"mean_slope_{number}": steep.abs().mean().item(),
            f"bound_{number}": round(steepest(activation), 4),
            f"spectral_{number}": _spectral(weights),
            f"frobenius_{number}": (weights.norm() / len(weights) ** 0.5).item(),
        }
        found |= _jacobian(weights, steep[:SAMPLE], number)
    return found


def chain_rule_steps(problem: Problem, vector: Tensor, measured: int) -> Generator[None, None, dict[str, float]]:
    """As :func:`chain_rule`, which is made in one go, as a generator that may be left before it begins."""
    yield
    return chain_rule(problem, vector)


def _output_signal(problem: Problem, scores: Tensor, labels: Tensor) -> Tensor:
    """The derivative of each example's loss by its scores; [n, classes]."""
    with torch.enable_grad():
        at = scores.detach().requires_grad_(True)
        return torch.autograd.grad(problem.objective.per_example(at, labels, 1).sum(), at)[0]


def _measured(problem: Problem, links: tuple[Link, ...], vector: Tensor, batch: tuple[Tensor, Tensor]) -> list[float]:
    """The size of the signal at each linear map's output, by automatic differentiation of the network itself."""
    outputs: list[Tensor] = []

    def keep(part: nn.Module, given: object, output: Tensor) -> None:
        outputs.append(output)

    parts = dict(problem.module.named_modules())
    hooks = [parts[link.weight.removesuffix(".weight")].register_forward_hook(keep) for link in links]
    try:
        with torch.enable_grad():
            at = {n: p.detach().requires_grad_(True) for n, p in problem.layout.views(vector.detach()).items()}
            scores = functional_call(problem.module, at, (batch[0],))
            loss = problem.objective.per_example(scores, batch[1], 1).sum()
            found = torch.autograd.grad(loss, outputs)
    finally:
        for hook in hooks:
            hook.remove()
    return [_size(g.double()) for g in found]


def _size(signal: Tensor) -> float:
    """Root of the mean over the examples of the squared norm; of [n, units]."""
    return (signal.square().sum(1).mean() ** 0.5).item()


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _spectral(weights: Tensor) -> float:
    return torch.linalg.matrix_norm(weights, 2).item() if weights.isfinite().all() else float("nan")


def _jacobian(weights: Tensor, slope: Tensor, number: int) -> dict[str, float]:
    """Singular values of W diag(f'(z)) for the z of each example, where that takes no long time."""
    names = (f"stretch_{number}", f"middle_{number}", f"squeeze_{number}")
    jacobians = weights * slope[:, None, :]
    if max(weights.shape) > WIDEST or not jacobians.isfinite().all():
        return dict.fromkeys(names, float("nan"))
    values = torch.linalg.svdvals(jacobians).mean(0)  # descending
    found = (values[0], values[len(values) // 2], values[-1])
    return {name: value.item() for name, value in zip(names, found, strict=True)}
