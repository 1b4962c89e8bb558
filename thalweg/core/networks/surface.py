"""A surface C(x, y) as a module of two parameters, its two layers: descent on it is training like any other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from thalweg.core.scene.expression import Call, Name, Node, Number

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "neg": torch.neg,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "abs": torch.abs,
}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "+": torch.add,
    "-": torch.sub,
    "*": torch.mul,
    "/": torch.div,
    "**": torch.pow,
    "min": torch.minimum,
    "max": torch.maximum,
}


class Coordinate(nn.Module):
    """One parameter, a layer of its own: ``weight`` [1, 1]."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[value]]))


class Surface(nn.Module):
    """C(x, y) of a formula. Each example is a push (u, v): with it the surface is C + noise (u x + v y).

    So the gradient of one example is that of the surface plus noise (u, v), and that of all of them the surface's own.
    """

    def __init__(self, formula: Node, start: tuple[float, float], noise: float = 0.0) -> None:
        super().__init__()
        self.formula, self.noise = formula, noise
        self.x, self.y = Coordinate(start[0]), Coordinate(start[1])

    def forward(self, pushes: Tensor) -> Tensor:
        """The value for each of the ``pushes`` [n, 2], as scores [n, 1]."""
        x, y = self.x.weight, self.y.weight
        return value(self.formula, x, y) + self.noise * (pushes[:, :1] * x + pushes[:, 1:] * y)


def value(formula: Node, x: Tensor, y: Tensor) -> Tensor:
    """The formula at points x and y of one shape; what is not defined there is not a number, or infinite."""
    match formula:
        case Number(number):
            return torch.full_like(x, number if number <= torch.finfo(x.dtype).max else torch.inf)
        case Name(name):
            return x if name == "x" else y
        case Call(name, (one,)):
            return UNARY[name](value(one, x, y))
        case Call("**", (base, Number(power))):
            return torch.pow(value(base, x, y), power)  # of a constant power there is a gradient at 0, too
        case Call(name, (first, *others)):
            found = value(first, x, y)
            for other in others:
                found = BINARY[name](found, value(other, x, y))
            return found
    raise TypeError(f"formula: {formula!r} is not accepted; expected a tree of Number, Name and Call")
