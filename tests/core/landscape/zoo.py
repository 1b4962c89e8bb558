"""Small networks of every kind, inputs [n, 24] each, three classes."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEATURES = 24
"""Of every network's input; an image of 4 by 6 for convolutions, six steps of four for recurrences."""


class Function(nn.Module):
    """A forward pass given as a function of the module's parts and the input."""

    def __init__(self, run: Callable[[Function, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        """What the function gives."""
        return self.run(self, x)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu in place": lambda: nn.ReLU(inplace=True),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "hardtanh": nn.Hardtanh,
    "sin": lambda: Function(lambda _, x: torch.sin(x)),
    "twice, then one": lambda: Function(lambda _, x: 1 - 2 * torch.relu(x)),
}


def dense(activation: str, bias: bool = True) -> nn.Module:
    """Three dense layers."""
    act = ACTIVATIONS[activation]
    return nn.Sequential(
        nn.Linear(FEATURES, 5, bias), act(), nn.Dropout(0.3), nn.Linear(5, 4), act(), nn.Identity(),
        nn.Linear(4, 3, bias),
    )  # fmt: skip


def _batchnorm(layer: nn.Module) -> nn.Module:
    """The layer with statistics that are not the initial ones."""
    for n, b in layer.named_buffers():
        if n.endswith("running_mean"):
            b.copy_(torch.linspace(-0.2, 0.3, len(b)))
        if n.endswith("running_var"):
            b.copy_(torch.linspace(0.5, 1.5, len(b)))
    return layer


def convolutional(pool: nn.Module, in_place: bool = False, norm: bool = False) -> nn.Module:
    """Two convolutions with pooling and a readout."""
    parts = [
        nn.Unflatten(1, (1, 4, 6)), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(in_place), pool, nn.Conv2d(4, 3, (1, 2), bias=False), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3),
    ]  # fmt: skip
    found = _batchnorm(nn.Sequential(*parts))
    found(torch.zeros(2, FEATURES))
    return found.eval()


def _residual() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x.view(-1, 1, 4, 6)))
        out = m.norm(m.one(x))
        out += x
        out.relu_()
        out = m.two(out)
        out += x
        return m.out(F.adaptive_avg_pool2d(out, 1).flatten(1))

    parts = {"stem": nn.Conv2d(1, 4, 3, padding=1), "one": nn.Conv2d(4, 4, 3, padding=1), "norm": nn.BatchNorm2d(4)}
    return _batchnorm(Function(run, **parts, two=nn.Conv2d(4, 4, 1), out=nn.Linear(4, 3))).eval()


def _shortcut_that_moves() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        h = m.body(x)
        before = h * 1
        h += m.short(x)
        h[:, 0] = 0.5
        return m.out(h.relu_() + before)

    return Function(run, body=nn.Linear(FEATURES, 4), short=nn.Linear(FEATURES, 4), out=nn.Linear(4, 3))


def _written_views() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        h = torch.tanh(m.first(x))
        view = h[:, :2]
        late = m.second(h)
        view.mul_(2)  # seen by the sum, not by the layer above
        view.add_(m.third(x)[:, :2])
        return m.out(late + h)

    return Function(run, **{n: nn.Linear(FEATURES if n in ("first", "third") else 4, 4) for n in ("first", "second",
                    "third")}, out=nn.Linear(4, 3))  # fmt: skip


def _recurrent(kind: type[nn.Module]) -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        y: Tensor = m.out(m.body(x.view(-1, 6, 4))[0][:, -1])
        return y

    return Function(run, body=kind(4, 3, batch_first=True), out=nn.Linear(3, 3))


def _embedded() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        y: Tensor = m.out(torch.tanh(m.mix(m.table((x * 5).long().clamp(0, 6)).mean(1))))
        return y

    return Function(run, table=nn.Embedding(7, 4), mix=nn.Linear(4, 4), out=nn.Linear(4, 3))


def _attentive() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        y: Tensor = m.out(m.body(m.norm(x.view(-1, 6, 4))).flatten(1))
        return y

    body = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    return Function(run, norm=nn.LayerNorm(4), body=body, out=nn.Linear(24, 3)).eval()


def _on_shapes() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        h = m.first(x)
        h = h.relu() if h.shape[-1] > 3 else h
        return m.out(torch.cat([h, h.new_ones(len(h), 1), x[:, : h.size(1)]], dim=1))

    return Function(run, first=nn.Linear(FEATURES, 4), out=nn.Linear(9, 3))


def _on_values() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        h = m.first(x)
        h = torch.where(h.mean(1, keepdim=True) > 0, h, -h)
        for _ in range(1 + int(m.first.weight.abs().sum() > 20)):
            h = torch.tanh(m.second(h))
        return m.out(h)

    return Function(run, first=nn.Linear(FEATURES, 4), second=nn.Linear(4, 4), out=nn.Linear(4, 3))


def _matrices() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        h = torch.sigmoid(x @ m.first.weight.T + m.first.bias)
        return torch.addmm(m.out.bias, h, m.out.weight.t()) * 0.5 - 0.25

    return Function(run, first=nn.Linear(FEATURES, 4), out=nn.Linear(4, 3))


def _view_of_the_input() -> nn.Module:
    def run(m: Function, x: Tensor) -> Tensor:
        return x[:, :3] if m.training else x[:, :3].mul(m.out.weight.sum())

    return Function(run, out=nn.Linear(2, 2)).eval()


def _passes_the_input_on() -> nn.Module:
    return Function(lambda m, x: x[:, :3], out=nn.Linear(2, 2))


def _changes_the_input() -> nn.Module:
    return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(FEATURES, 4), nn.ReLU(inplace=True), nn.Linear(4, 3))


def _layer_normed() -> nn.Module:
    return nn.Sequential(
        nn.Linear(FEATURES, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 4), nn.GroupNorm(2, 4), nn.SiLU(),
        nn.Linear(4, 3),
    )  # fmt: skip


def _batch_normed() -> nn.Module:
    net = nn.Sequential(
        nn.Linear(FEATURES, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)
    )
    return _batchnorm(net).eval()


ZOO: dict[str, Callable[[], nn.Module]] = {
    **{f"dense {name}": (lambda name=name: dense(name)) for name in ACTIVATIONS},  # type: ignore[misc]
    "dense without bias": lambda: dense("tanh", bias=False),
    "max pooling": lambda: convolutional(nn.MaxPool2d(2)),
    "max pooling, in place": lambda: convolutional(nn.MaxPool2d(2), in_place=True),
    "max pooling, normed": lambda: convolutional(nn.MaxPool2d(2), norm=True),
    "max pooling, windows that overlap": lambda: convolutional(nn.MaxPool2d(3, 1, 1)),
    "max pooling, a rest": lambda: convolutional(nn.MaxPool2d((3, 2))),
    "average pooling": lambda: convolutional(nn.AvgPool2d(2)),
    "batch norm": _batch_normed,
    "residual": _residual,
    "shortcut that moves": _shortcut_that_moves,
    "written views": _written_views,
    "LSTM": lambda: _recurrent(nn.LSTM),
    "GRU": lambda: _recurrent(nn.GRU),
    "embedding": _embedded,
    "attention": _attentive,
    "layer norm": _layer_normed,
    "flow on shapes": _on_shapes,
    "flow on values": _on_values,
    "matrices": _matrices,
    "view of the input": _view_of_the_input,
    "the input passed on": _passes_the_input_on,
    "the input changed": _changes_the_input,
}
