"""What a change of a scene means for the run and for the plane that is looked at. No Qt."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from pydantic.fields import FieldInfo

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
        elif name == "variants" and len(left) == len(right):
            for number, (one, other) in enumerate(zip(left, right, strict=True)):
                found += differences(one, other, f"{path}.{number}.")
        elif left != right:
            found.append(path)
    return found


def _field_at(path: str) -> FieldInfo | None:
    """The field of a scene at a dotted path; None for the list of variants itself."""
    names = [n for n in re.sub(r"^variants\.\d+\.", "run.", path).split(".") if n]
    spec: Any = Scene
    field: FieldInfo | None = None
    for name in names:
        field = spec.model_fields[name]
        spec = field.annotation
    return None if path == "variants" else field


def needs_restart(path: str) -> bool:
    """Whether a change of this field starts training again.

    >>> [needs_restart(path) for path in ("run.seed", "variants.0.optimiser.learning_rate", "view.log_loss")]
    [True, False, False]
    """
    if not path.startswith(("run.", "variants")):
        return False
    field = _field_at(path)
    return field is None or not extra_of(field).get("live", False)


def tuned(before: Scene, after: Scene) -> list[int]:
    """The runs (0: the first) whose optimiser or stop rules differ, of scenes with equally many."""
    pairs = zip((before.run, *before.variants), (after.run, *after.variants), strict=False)
    return [k for k, (a, b) in enumerate(pairs) if (a.optimiser, a.stop) != (b.optimiser, b.stop)]


def described(before: Scene, after: Scene) -> str:
    """What lies between two scenes in a few words, for undo.

    >>> described(Scene(), Scene().edited({"run.optimiser.learning_rate": 0.1}))
    'learning rate 0.5 to 0.1'
    """
    paths = differences(before, after)
    if not paths:
        return "nothing"
    if len(paths) > 1:
        titles = [worded(p) for p in paths[:2]]
        return f"{titles[0]}, {titles[1]}{' …' if len(paths) > 2 else ''}"
    path = paths[0]
    if path == "variants":
        return "a variant less" if len(after.variants) < len(before.variants) else "one more variant"
    return f"{worded(path)} {_shown(path, before.value(path))} to {_shown(path, after.value(path))}"


def worded(path: str) -> str:
    """A field's title as it stands within a sentence.

    >>> worded("run.optimiser.learning_rate")
    'learning rate'
    """
    field = _field_at(path)
    title = (field.title if field else None) or path.rpartition(".")[2].replace("_", " ")
    return title[:1].lower() + title[1:] if not title[1:2].isupper() else title


def _shown(path: str, value: Any) -> str:
    field = _field_at(path)
    labels = extra_of(field).get("labels", {}) if field else {}
    return value_shown(labels.get(value, value) if isinstance(value, str) else value)


def value_shown(value: Any) -> str:
    """A value as it stands within a sentence."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) or "nothing"


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
