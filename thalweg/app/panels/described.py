"""What the specs say about their fields, by dotted path: the forms are made from this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from annotated_types import Gt, Lt
from pydantic.fields import FieldInfo

from thalweg.app.changes import needs_restart
from thalweg.core.scene import Scene, Spec
from thalweg.core.scene.spec import bounds_of, extra_of

Kind = Literal["choice", "switch", "whole", "number", "folder", "text", "wholes", "layers", "choices"]


@dataclass(frozen=True)
class Described:
    """One field of a scene: where it is and what its spec says about it."""

    path: str
    field: FieldInfo

    @property
    def title(self) -> str:
        """Its label."""
        return self.field.title or self.path.rpartition(".")[2].replace("_", " ").capitalize()

    @property
    def help(self) -> str:
        """Its tooltip."""
        return self.field.description or ""

    @property
    def unit(self) -> str:
        """What it counts, or nothing."""
        return str(extra_of(self.field).get("unit", ""))

    @property
    def restarts(self) -> bool:
        """Whether a change of it starts training again."""
        return needs_restart(self.path)

    @property
    def choices(self) -> dict[str, str]:
        """The accepted values and their readable names; empty unless it is a choice."""
        if self.kind != "choice":
            return {}
        labels = extra_of(self.field).get("labels", {})
        return {value: labels.get(value, value.capitalize()) for value in get_args(self.field.annotation)}

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The lowest and highest value, None where there is no bound."""
        return bounds_of(self.field)

    @property
    def open_ends(self) -> tuple[bool, bool]:
        """Whether the lower and the upper bound themselves are refused."""
        return any(isinstance(m, Gt) for m in self.field.metadata), any(isinstance(m, Lt) for m in self.field.metadata)

    @cached_property
    def kind(self) -> Kind:
        """Which sort of editor it takes; a type that is not known is edited as text."""
        annotation, name = self.field.annotation, self.path.rpartition(".")[2]
        if get_origin(annotation) is Literal:
            return "choice"
        if get_origin(annotation) is tuple:
            entry = get_args(annotation)[0]
            if get_origin(entry) is Literal:
                return "choices"
            return "layers" if name == "layers" else "wholes"
        if annotation is str:
            return "folder" if name == "folder" else "text"
        simple: dict[Any, Kind] = {bool: "switch", int: "whole", float: "number"}
        return simple.get(annotation, "text")


def spec_at(path: str) -> type[Spec]:
    """The class of the spec at a dotted path; the empty path is the scene itself.

    >>> spec_at("view.plane.x").__name__
    'AxisSpec'
    """
    spec: type[Spec] = Scene
    for name in filter(None, path.split(".")):
        inner = _spec_of(spec.model_fields[name])
        if inner is None:
            raise KeyError(f"{path}: {name} is a field, not a spec")
        spec = inner
    return spec


def fields_at(path: str) -> tuple[Described, ...]:
    """The plain fields of the spec at a dotted path, in their order; specs inside it are left out."""
    fields = spec_at(path).model_fields.items()
    return tuple(Described(f"{path}.{n}".lstrip("."), f) for n, f in fields if _spec_of(f) is None)


def field_at(path: str) -> Described:
    """The field at a dotted path."""
    parent, _, name = path.rpartition(".")
    return Described(path, spec_at(parent).model_fields[name])


def specs_in(path: str) -> dict[str, str]:
    """The path and title of each spec directly inside the one at ``path``, in their order."""
    fields = spec_at(path).model_fields.items()
    return {f"{path}.{n}".lstrip("."): f.title or n.capitalize() for n, f in fields if _spec_of(f) is not None}


def _spec_of(field: FieldInfo) -> type[Spec] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Spec) else None
