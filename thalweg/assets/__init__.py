"""What ships with the program: scenes. Found in a checkout and in an installed wheel alike."""

from __future__ import annotations

from importlib.resources import files

from thalweg.core.scene import Scene, SpecError, loads

DEFAULT = "first-light"
"""The scene that opens when none is named."""


def scene_names() -> list[str]:
    """The names of the scenes that ship, the default first, the others by name."""
    folder = files("thalweg.assets") / "scenes"
    names = sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
    return [DEFAULT, *(n for n in names if n != DEFAULT)]


def shipped_scene(name: str) -> Scene:
    """The shipped scene of this name; raises SpecError when there is none."""
    if name not in scene_names():
        raise SpecError(f"{name}: there is no such scene or file; shipped scenes are {', '.join(scene_names())}")
    return loads((files("thalweg.assets") / "scenes" / f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml")
