"""A scene: everything needed to reproduce a picture, in one frozen value and one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, ValidationError, model_validator

from thalweg.core.files import write_atomically
from thalweg.core.scene.spec import Spec, SpecError, explain, spec_field
from thalweg.core.scene.training import RunSpec
from thalweg.core.scene.view import PaceSpec, ViewSpec

CENTRE = 406
"""The pixel in the middle of an image, (14, 14)."""


class Scene(Spec):
    """A run, how it is played and how it is looked at."""

    title: str = spec_field("Untitled", "Title", "Name of the scene, as the figures show it.", max_length=80)
    description: str = spec_field("", "Description", "One sentence on what the scene shows.", max_length=400)
    run: RunSpec = Field(RunSpec(), title="Run")
    pace: PaceSpec = Field(PaceSpec(), title="Pace")
    view: ViewSpec = Field(ViewSpec(), title="View")

    @model_validator(mode="after")
    def _axes_name_layers_that_exist(self) -> Scene:
        sizes = self.run.network.sizes
        for name in ("x", "y"):
            axis = getattr(self.view.plane, name)
            for layer in axis.layers:
                if layer >= len(sizes):
                    raise SpecError(
                        f"view.plane.{name}.layers: {layer} is not accepted; expected a whole number from 1 to "
                        f"{len(sizes) - 1} (the layers of the network)"
                    )
            if axis.kind == "weight":
                ends = (("source", sizes[axis.layers[0] - 1]), ("target", sizes[axis.layers[0]]))
                for field, count in ends:
                    if getattr(axis, field) >= count:
                        raise SpecError(
                            f"view.plane.{name}.{field}: {getattr(axis, field)} is not accepted; expected a whole "
                            f"number from 0 to {count - 1} (layer {axis.layers[0]} is {ends[0][1]} x {ends[1][1]})"
                        )
        if self.view.example >= self.run.data.train_count:
            raise SpecError(
                f"view.example: {self.view.example} is not accepted; expected a whole number from 0 to "
                f"{self.run.data.train_count - 1} (the training examples)"
            )
        return self

    def edited(self, changes: Mapping[str, Any]) -> Scene:
        """The scene with the fields at the dotted paths replaced; raises SpecError, and leaves this one as it is.

        When the number of layers changes, an axis on the last layer stays on the last layer; when an axis becomes a
        single weight, it keeps the first of its layers.

        >>> Scene().edited({"run.seed": 3}).run.seed
        3
        """
        tree = self.model_dump()
        for path, value in changes.items():
            *parents, leaf = path.split(".")
            node = tree
            for p in parents:
                if not isinstance(node, dict) or p not in node:
                    raise SpecError(f"{path}: unknown field")
                node = node[p]
            if not isinstance(node, dict) or leaf not in node:
                raise SpecError(f"{path}: unknown field; accepted here: {', '.join(node)}")
            node[leaf] = value
        for name in ("x", "y"):
            axis, path = tree["view"]["plane"][name], f"view.plane.{name}"
            if changes.get(f"{path}.kind") == "weight" and f"{path}.layers" not in changes:
                axis["layers"] = axis["layers"][:1] or (1,)
                if axis["layers"] == (1,) and axis["source"] == 0:
                    axis["source"] = CENTRE  # the corner, pixel 0, is black in all data
        before, after = len(self.run.network.hidden) + 1, _layer_count(tree)
        if before != after:
            for name in {"x", "y"} - {
                p.split(".")[2] for p in changes if p.startswith("view.plane.") and "layers" in p
            }:
                axis = tree["view"]["plane"][name]
                kept = (after if n == before else min(n, after) for n in axis["layers"])
                axis["layers"] = tuple(dict.fromkeys(kept))
        return parse(tree)

    def value(self, path: str) -> Any:
        """The value at a dotted path."""
        node: Any = self
        for name in path.split("."):
            node = getattr(node, name)
        return node


def _layer_count(tree: Mapping[str, Any]) -> int:
    hidden = tree["run"]["network"]["hidden"]
    return len(hidden) + 1 if isinstance(hidden, tuple | list) else 1


def parse(tree: Mapping[str, Any], where: str = "") -> Scene:
    """The scene that a nested mapping describes; raises SpecError with one sentence for each fault."""
    try:
        return Scene.model_validate(tree)
    except ValidationError as e:
        raise SpecError(explain(e, Scene, where)) from None


def loads(text: str, where: str = "scene") -> Scene:
    """The scene in a TOML text; ``where`` names it in error messages."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise SpecError(f"{where}: not a TOML file: {e}") from None
    except (ValueError, RecursionError) as e:
        raise SpecError(f"{where}: cannot be read: {e}") from None
    return parse(tree, where)


def dumps(scene: Scene) -> str:
    """The scene as TOML, every field written out."""
    return tomli_w.dumps(scene.model_dump(mode="python"))


def load(path: Path) -> Scene:
    """Read a scene file; raises SpecError, whatever is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: not a text file; a scene is a TOML file in UTF-8") from None
    except (OSError, ValueError) as e:  # ValueError: a name that no file can have
        raise SpecError(f"{path}: cannot be read: {getattr(e, 'strerror', None) or e}") from None
    return loads(text, path.name)


def save(scene: Scene, path: Path) -> None:
    """Write a scene file; on any failure the old file is intact. Raises OSError."""
    write_atomically(path, dumps(scene).encode())
