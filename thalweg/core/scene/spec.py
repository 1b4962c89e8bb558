"""What every spec of a scene shares: frozen, strict, and able to say what it accepts."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo


class SpecError(ValueError):
    """A scene, or one field of it, that is not accepted; the text names the field, the value and what is."""


class Spec(BaseModel):
    """Base of all specs: immutable, unknown keys refused, no silent conversion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


def spec_field(
    default: Any,
    title: str,
    help: str,
    *,
    live: bool = False,
    unit: str = "",
    labels: dict[str, str] | None = None,
    **bounds: Any,
) -> Any:
    """A field with all that a form needs: title, help text, unit, bounds, readable names of its choices.

    ``live`` says that a change is taken up by a run in progress; any other change of a run starts it again.
    """
    extra: dict[str, Any] = {"live": live, "unit": unit, "labels": labels or {}}
    return Field(default, title=title, description=help, json_schema_extra=extra, **bounds)


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """The ``live``, ``unit`` and ``labels`` entries of a field made by :func:`spec_field`."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def bounds_of(field: FieldInfo) -> tuple[float | None, float | None]:
    """The (lowest, highest) value of a numeric field, None where it has no bound."""
    low = high = None
    for m in field.metadata:
        if isinstance(m, Ge | Gt):
            low = float(m.ge if isinstance(m, Ge) else m.gt)  # type: ignore[arg-type]
        if isinstance(m, Le | Lt):
            high = float(m.le if isinstance(m, Le) else m.lt)  # type: ignore[arg-type]
    return low, high


def accepts(annotation: Any, field: FieldInfo | None = None) -> str:
    """In words, what a field of this type and these bounds takes."""
    origin = get_origin(annotation)
    if origin is Literal:
        return "one of " + ", ".join(str(a) for a in get_args(annotation))
    if origin in (Union, types.UnionType):
        return " or ".join(accepts(a, field) for a in get_args(annotation) if a is not type(None))
    if origin is tuple:
        n = next((m.min_length for m in field.metadata if isinstance(m, MinLen)), 0) if field else 0
        m = next((m.max_length for m in field.metadata if isinstance(m, MaxLen)), None) if field else None
        size = f" of {n} to {m} entries" if m else f" of at least {n} entries" if n else ""
        return f"a list{size}, each {accepts(get_args(annotation)[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a table with the fields " + ", ".join(annotation.model_fields)
    if hasattr(annotation, "__metadata__"):
        inner = get_args(annotation)[0]
        limits = [m for a in annotation.__metadata__ for m in getattr(a, "metadata", [a])]
        return accepts(inner, FieldInfo(annotation=inner)) + _limits(limits)
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(annotation, str(annotation)) + (_limits(field.metadata) if field else "")


def _limits(metadata: list[Any]) -> str:
    words = {
        Ge: "at least {0.ge:.10g}",
        Gt: "above {0.gt:.10g}",
        Le: "at most {0.le:.10g}",
        Lt: "below {0.lt:.10g}",
    }
    low = next((m.ge for m in metadata if isinstance(m, Ge)), None)
    high = next((m.le for m in metadata if isinstance(m, Le)), None)
    if low is not None and high is not None:
        return f" from {low:.10g} to {high:.10g}"
    found = [words[type(m)].format(m) for m in metadata if type(m) in words]
    return " " + " and ".join(found) if found else ""


def explain(error: ValidationError, spec: type[BaseModel], where: str = "") -> str:
    """The errors of a validation as sentences, one a line: field, value, and what is accepted."""
    prefix = f"{where}: " if where else ""
    return "\n".join(prefix + line for line in _sentences(error, spec))


def _sentences(error: ValidationError, spec: type[BaseModel]) -> Iterator[str]:
    for e in error.errors():
        names = [str(p) for p in e["loc"]]
        path = ".".join(names) or "scene"
        owner, field = _locate(spec, names)
        if e["type"] == "extra_forbidden":
            known = list(owner.model_fields)
            near = difflib.get_close_matches(names[-1], known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            yield f"{path}: unknown field; {hint}accepted here: {', '.join(known)}"
        elif e["type"] == "missing":
            yield f"{path}: missing; expected {accepts(field.annotation, field) if field else 'a value'}"
        elif e["type"] == "value_error":
            yield ".".join([*names, str(e["ctx"]["error"])])  # validators name their field relative to their spec
        else:
            wanted = accepts(field.annotation, field) if field else e["msg"]
            yield f"{path}: {_shown(e['input'])} is not accepted; expected {wanted}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _locate(spec: type[BaseModel], names: list[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    owner: type[BaseModel] = spec
    field: FieldInfo | None = None
    for name in names:
        if field is not None and name.isdigit() and get_origin(field.annotation) is tuple:
            element = get_args(field.annotation)[0]
            if isinstance(element, type) and issubclass(element, BaseModel):
                owner, field = element, FieldInfo(annotation=element)
            continue
        if name not in owner.model_fields:
            return owner, None
        field = owner.model_fields[name]
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            owner = annotation
    return owner, field
