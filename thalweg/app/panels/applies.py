"""Which fields have a meaning beside the other ones of a scene."""

from __future__ import annotations

from thalweg.core.scene import Scene
from thalweg.core.scene.layers import buffer_count

_AXIS = {
    "biases": frozenset({"gradient", "random", "principal", "hessian", "towards", "update"}),
    "normalisation": frozenset({"random"}),
    "seed": frozenset({"random"}),
    "source": frozenset({"weight"}),
    "target": frozenset({"weight"}),
    "rank": frozenset({"principal", "hessian"}),
    "end": frozenset({"hessian"}),
    "centre": frozenset({"principal"}),
    "towards": frozenset({"towards"}),
}

_NEEDS: dict[tuple[str, str], tuple[str, frozenset[str]]] = {
    ("data", "folder"): ("name", frozenset({"mnist", "fashion"})),
    ("network", "hidden"): ("kind", frozenset({"mlp"})),
    ("network", "channels"): ("kind", frozenset({"cnn"})),
    ("network", "width"): ("kind", frozenset({"residual"})),
    ("network", "blocks"): ("kind", frozenset({"residual"})),
    ("network", "skips"): ("kind", frozenset({"residual"})),
    ("network", "batch_norm"): ("kind", frozenset({"residual"})),
    ("network", "units"): ("kind", frozenset({"lstm"})),
    ("network", "activation"): ("kind", frozenset({"mlp", "cnn", "residual"})),
    ("optimiser", "momentum"): ("name", frozenset({"sgd", "rmsprop"})),
    ("slices", "distance"): ("kinds", frozenset({"both", "gradient"})),
    ("slices", "norms"): ("kinds", frozenset({"both", "random"})),
    ("slices", "ways"): ("kinds", frozenset({"way"})),
    ("slices", "seed"): ("kinds", frozenset({"both", "random"})),
    ("pace", "batches"): ("step", frozenset({"batches"})),
    **{(axis, field): ("kind", kinds) for axis in ("x", "y") for field, kinds in _AXIS.items()},
}
"""(spec, field): the sibling that decides, and its values with which the field counts."""


def applies(path: str, scene: Scene) -> bool:
    """Whether the field at a dotted path changes anything in this scene.

    >>> applies("run.optimiser.momentum", Scene())
    True
    >>> applies("view.plane.x.source", Scene())
    False
    """
    if path == "view.plane.statistics":
        return buffer_count(scene.run.network) > 0
    parent, _, name = path.rpartition(".")
    needed = _NEEDS.get((parent.rpartition(".")[2], name))
    return needed is None or scene.value(f"{parent}.{needed[0]}") in needed[1]


def shown(path: str, scene: Scene) -> bool:
    """Whether the field at a dotted path is shown: those of axes and networks are when they count, others always."""
    return path.rpartition(".")[0] not in _CHANGING or applies(path, scene)


_CHANGING = ("run.network", "view.plane.x", "view.plane.y")
"""Specs of several kinds, with fields of their own for each."""
