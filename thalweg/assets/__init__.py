"""What ships with the program: scenes. Found in a checkout and in an installed wheel alike."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from thalweg.core.scene import Scene, SpecError, load, loads

RUN_SUFFIXES = (".h5", ".hdf5")
"""The endings of run files."""

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


def find_scene(name: str) -> Scene:
    """The scene in a file, or the shipped one of this name; raises SpecError with one sentence."""
    path = Path(name)
    if path.suffix.lower() in RUN_SUFFIXES:
        raise SpecError(f"{name}: a run, not a scene; draw it with `thalweg render {name} -o FIGURE.png`")
    if path.suffix:
        return load(path)
    try:
        return load(path) if path.is_file() else shipped_scene(name)
    except OSError as e:  # a name too long to ask for
        raise SpecError(f"{name[:60]}: there is no such scene or file ({e.strerror})") from None
