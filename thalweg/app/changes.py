"""What a change of a scene means for the run and for the plane that is looked at. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.app.intents import Range
from thalweg.core.scene import AxisSpec, PlaneSpec, Scene, Spec
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
    ends = {"low": 0.0, "high": 1.0}  # ranges, not directions
    return plane.x.model_copy(update=ends), plane.y.model_copy(update=ends), plane.examples


def history_axes(plane: PlaneSpec) -> tuple[AxisSpec, ...]:
    """Both axes when one of them is read off the run's history, so that its session has to be asked; else none."""
    axes = (plane.x, plane.y)
    return axes if any(axis.from_history for axis in axes) else ()


LEAST_ZOOM = 1e-4
"""The narrowest range that can be zoomed into, in shares of the whole axis: below it the single precision of the
parameters would be drawn, not the loss."""


class ZoomError(ValueError):
    """Ranges that cannot be looked at; the text is a sentence for the person."""


def zoomed(wanted: tuple[Range, Range], whole: tuple[Range, Range]) -> tuple[Range, Range] | None:
    """The ranges to look at for those wanted: None where they hold the whole plane. Raises ZoomError."""
    if not np.isfinite(wanted).all():
        raise ZoomError("Not zoomed: the range is not finite.")
    for (low, high), (first, last) in zip(wanted, whole, strict=True):
        if not high - low >= LEAST_ZOOM * max(last - first, abs(low), abs(high)):
            raise ZoomError(f"Not zoomed: an axis can show no less than {LEAST_ZOOM:g} of its whole length.")
    inside = all(low <= first and last <= high for (low, high), (first, last) in zip(wanted, whole, strict=True))
    return None if inside else wanted


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
