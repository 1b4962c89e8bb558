"""Which fields have a meaning beside the other ones of a scene."""

from __future__ import annotations

from thalweg.core.measures.quadratic_descent import steepness
from thalweg.core.scene import Scene
from thalweg.core.scene.layers import buffer_count
from thalweg.core.scene.network import RAVINES
from thalweg.core.scene.schedule import SCHEDULES
from thalweg.core.scene.training import OPTIMISERS, UNCLIPPED, WITH_LINE_SEARCH

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

_OF_SURFACES = ("formula", "a", "b", "noise", "x_start", "y_start", "x_name", "y_name")

_OF_SURFACE = {
    "formula": frozenset({"formula"}),
    "a": frozenset(RAVINES),
    "b": frozenset(RAVINES),
    "noise": frozenset({"noisy-ravine"}),
}
"""Fields of a surface that count for some of the surfaces alone."""

_OF_EXAMPLES = frozenset({"view.plane.quantity", "view.plane.examples", "view.measured_on", "view.example"})
"""Of the view what is about examples, which a surface has not."""

_OF_NETWORKS = ("run.data.", "run.objective.")
"""Where there is a surface in the place of a network, these have no meaning."""

_NEEDS: dict[tuple[str, str], tuple[str, frozenset[str]]] = {
    ("data", "folder"): ("name", frozenset({"mnist", "fashion"})),
    ("network", "hidden"): ("kind", frozenset({"mlp"})),
    ("network", "hidden_norm"): ("kind", frozenset({"mlp"})),
    ("network", "hidden_skips"): ("kind", frozenset({"mlp"})),
    ("network", "auxiliary"): ("kind", frozenset({"mlp"})),
    ("network", "channels"): ("kind", frozenset({"cnn"})),
    ("network", "width"): ("kind", frozenset({"residual"})),
    ("network", "blocks"): ("kind", frozenset({"residual"})),
    ("network", "skips"): ("kind", frozenset({"residual"})),
    ("network", "batch_norm"): ("kind", frozenset({"residual"})),
    ("network", "units"): ("kind", frozenset({"lstm"})),
    ("network", "activation"): ("kind", frozenset({"mlp", "cnn", "residual"})),
    ("network", "initialisation"): ("kind", frozenset({"mlp", "cnn", "residual", "lstm"})),
    ("network", "gain"): ("kind", frozenset({"mlp", "cnn", "residual", "lstm"})),
    **{("network", field): ("kind", frozenset({"surface"})) for field in ("surface", *_OF_SURFACES)},
    ("optimiser", "momentum"): ("name", frozenset({"sgd", "nesterov", "rmsprop"})),
    ("optimiser", "clip"): ("name", frozenset(OPTIMISERS) - set(UNCLIPPED)),
    ("optimiser", "l2"): ("name", frozenset(OPTIMISERS) - set(UNCLIPPED)),
    ("optimiser", "decay"): ("name", frozenset({"adamw"})),
    ("optimiser", "damping"): ("name", frozenset({"newton", "gauss-newton"})),
    ("optimiser", "layer_rates"): ("name", frozenset(OPTIMISERS) - set(WITH_LINE_SEARCH)),
    ("optimiser", "schedule_steps"): ("schedule", frozenset(SCHEDULES) - {"constant"}),
    ("optimiser", "schedule_share"): ("schedule", frozenset({"step", "exponential", "cosine", "warm-up"})),
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
    network = scene.run.network
    if network.kind == "surface" and path.startswith(_OF_NETWORKS):
        return False
    parent, _, name = path.rpartition(".")
    if parent == "run.network" and name in _OF_SURFACE and network.surface not in _OF_SURFACE[name]:
        return False
    if path == "run.network.constant":
        return network.kind != "surface" and network.initialisation == "constant"
    if path == "run.optimiser.l2" and network.kind == "surface":
        return False
    if path == "run.optimiser.batch_size" and network.kind == "surface":
        return network.surface == "noisy-ravine"
    if network.kind == "surface" and path in _OF_EXAMPLES:
        return False
    if path in ("view.depth.low", "view.depth.high"):
        return scene.view.depth.lock
    if path == "view.instant":
        return network.kind == "surface"
    if path == "view.theory":
        return steepness(network) is not None
    if path == "view.plane.counted":
        return "weight" in (scene.view.plane.x.kind, scene.view.plane.y.kind)
    needed = _NEEDS.get((parent.rpartition(".")[2], name))
    return needed is None or scene.value(f"{parent}.{needed[0]}") in needed[1]


def shown(path: str, scene: Scene) -> bool:
    """Whether the field at a dotted path is shown: those of axes and networks are when they count, others always."""
    return (path.rpartition(".")[0] not in _CHANGING and not path.startswith(_OF_NETWORKS)) or applies(path, scene)


_CHANGING = ("run.network", "run.optimiser", "view.plane.x", "view.plane.y")
"""Specs of several kinds, with fields of their own for each."""
