"""What a change of a scene means for the run and for the plane that is looked at. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.app.intents import Range
from thalweg.core.scene import PlaneSpec, Scene, Spec
from thalweg.core.scene.spec import extra_of


def ranges_of(plane: PlaneSpec) -> tuple[Range, Range]:
    """The axes' ranges before they have grown."""
    return (plane.x.low, plane.x.high), (plane.y.low, plane.y.high)


def differences(a: Spec, b: Spec, prefix: str = "") -> list[str]:
    """The dotted paths of the fields in which two specs of the same kind differ."""
    found: list[str] = []
    for name in type(a).model_fields:
        left, right, path = getattr(a, name), getattr(b, name), f"{prefix}{name}"
        if isinstance(left, Spec):
            found += differences(left, right, f"{path}.")
        elif left != right:
            found.append(path)
    return found


def needs_restart(path: str) -> bool:
    """Whether a change of this field starts training again."""
    if not path.startswith("run."):
        return False
    spec: Any = Scene
    for name in path.split("."):
        field = spec.model_fields[name]
        spec = field.annotation
    return not extra_of(field).get("live", False)


def directions_of(plane: PlaneSpec) -> tuple[object, ...]:
    """What the directions of a plane depend on."""
    return *((a.layers, a.kind, a.source, a.target, a.seed) for a in (plane.x, plane.y)), plane.examples


def grown(span: Range, values: np.ndarray, margin: float = 0.08, room: float = 0.25) -> Range:
    """A range that holds the finite values with a margin; when it must widen, it takes room for what follows."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return span
    low, high = span
    width = high - low
    least, most = float(finite.min()), float(finite.max())
    if least < low + margin * width:
        low = least - room * max(width, high - least)
    if most > high - margin * width:
        high = most + room * max(width, most - low)
    return low, high
