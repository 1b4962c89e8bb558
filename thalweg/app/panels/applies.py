"""Which fields have a meaning beside the other ones of a scene."""

from __future__ import annotations

from thalweg.core.scene import Scene

_NEEDS: dict[tuple[str, str], tuple[str, frozenset[str]]] = {
    ("data", "folder"): ("name", frozenset({"mnist", "fashion"})),
    ("optimiser", "momentum"): ("name", frozenset({"sgd", "rmsprop"})),
    ("x", "source"): ("kind", frozenset({"weight"})),
    ("x", "target"): ("kind", frozenset({"weight"})),
    ("x", "seed"): ("kind", frozenset({"random"})),
    ("y", "source"): ("kind", frozenset({"weight"})),
    ("y", "target"): ("kind", frozenset({"weight"})),
    ("y", "seed"): ("kind", frozenset({"random"})),
    ("pace", "batches"): ("step", frozenset({"batches"})),
}
"""(spec, field): the sibling that decides, and its values with which the field counts."""


def applies(path: str, scene: Scene) -> bool:
    """Whether the field at a dotted path changes anything in this scene.

    >>> applies("run.optimiser.momentum", Scene())
    True
    >>> applies("view.plane.x.source", Scene())
    False
    """
    parent, _, name = path.rpartition(".")
    needed = _NEEDS.get((parent.rpartition(".")[2], name))
    return needed is None or scene.value(f"{parent}.{needed[0]}") in needed[1]
