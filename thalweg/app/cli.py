"""The command line: ``thalweg [SCENE]``, ``thalweg scenes``, ``run``, ``render``, ``download``."""

from __future__ import annotations

import os
import re
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from thalweg.core.scene import Scene, SpecError

if TYPE_CHECKING:
    from thalweg.core.store.recording import Recording
    from thalweg.core.training.runs import Halt

app = typer.Typer(
    add_completion=False,
    help="Thalweg trains small neural networks live and shows how they learn. "
    "`thalweg [SCENE]` opens the window on a scene: a name from `thalweg scenes`, or a TOML file.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

COMMANDS = ("open", "scenes", "run", "render", "download")


class View(StrEnum):
    """A figure."""

    landscape = "landscape"
    weight_map = "weight-map"
    chain_rule = "chain-rule"
    curves = "curves"
    gradient_norms = "gradient-norms"
    surface = "surface"
    slices = "slices"
    depth = "depth"


class ThemeChoice(StrEnum):
    """A theme."""

    light = "light"
    dark = "dark"
    projector = "projector"


class Device(StrEnum):
    """Where torch computes."""

    cpu = "cpu"
    cuda = "cuda"


class DataChoice(StrEnum):
    """A data set that can be downloaded."""

    mnist = "mnist"
    fashion = "fashion"


def main() -> None:
    """Entry point: a first word that is no command is the scene to open."""
    words = sys.argv[1:]
    if not words or (words[0] not in COMMANDS and words[0] not in ("--help", "-h")):
        words = ["open", *words]
    app(args=words, prog_name="thalweg")


@app.command("open")
def open_scene(
    scene: Annotated[
        str, typer.Argument(metavar="[SCENE|RUN.h5]", help="Name of a shipped scene, a TOML file, or a run file.")
    ] = "first-light",
    device: Annotated[Device | None, typer.Option(help="Where to train; default: as in the settings.")] = None,
) -> None:
    """Open the window on a scene."""
    from thalweg.assets import RUN_SUFFIXES

    is_run = Path(scene).suffix.lower() in RUN_SUFFIXES
    if is_run and not Path(scene).is_file():
        _stop(f"{scene}: there is no such file")
    found = _scene("first-light" if is_run else scene)
    if not _has_display():
        _stop(
            "There is no display to open a window on. `thalweg render SCENE -o FIGURE.png` draws a figure without one."
        )
    from thalweg.app.window import open_window

    device_name = device.value if device else None
    name = "first-light" if is_run else scene
    raise typer.Exit(open_window(found, name, device_name, str(Path(scene).absolute()) if is_run else ""))


@app.command()
def scenes() -> None:
    """List the shipped scenes, the default first: name, then description."""
    from thalweg import assets

    for name in assets.scene_names():
        typer.echo(f"{name:<14} {assets.shipped_scene(name).description}")


@app.command()
def run(
    source: Annotated[
        str,
        typer.Argument(metavar="SCENE|RUN.h5", help="Name of a shipped scene, a TOML file, or a run to go on with."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run file to write (.h5).")],
    steps: Annotated[int | None, typer.Option(help="Steps to train; default: the scene's own length.", min=1)] = None,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.cpu,
) -> None:
    """Train without a display, and keep what happened in a run file; Ctrl-C ends it early and keeps it too."""
    from thalweg.assets import RUN_SUFFIXES

    begun = _run_file(Path(source)) if Path(source).suffix.lower() in RUN_SUFFIXES else None
    found = begun.scene if begun else _scene(source)
    _writable(output, RUN_SUFFIXES)
    from thalweg.core.store.run_file import RunFileError, write

    wanted = steps or found.run.steps
    recording, halt = _record(begun or found, wanted, device.value)
    try:
        write(output, recording)
    except RunFileError as e:
        _stop(str(e))
    line = recording.front
    at = int((line.series["step"] <= line.head).sum()) - 1
    last = {name: values[at] for name, values in line.series.items()}
    if recording.scene.run.network.kind == "surface":
        typer.echo(f"{output}: {line.head} steps; C(x, y) = {last['train_loss']:.4g}")
    else:
        typer.echo(
            f"{output}: {line.head} steps; training loss {last['train_loss']:.4g}, "
            f"test accuracy {100 * last['test_accuracy']:.1f} %"
        )
    if halt is not None and halt.rescue is None:
        typer.echo(halt.sentence)
    elif halt is not None:
        _stop(f"{source}: {halt.sentence} The run file ends there.")
    elif line.head < wanted + (begun.front.head if begun else 0):
        _stop(f"{source}: it was interrupted at step {line.head:,}; the run file ends there")


def _run_file(path: Path) -> Recording:
    from thalweg.core.store.run_file import RunFileError, read

    try:
        return read(path)
    except RunFileError as e:
        _stop(str(e))


@app.command()
def render(
    source: Annotated[
        str, typer.Argument(metavar="SCENE|RUN.h5|SURFACE", help="A scene, a run file, or a landscape's surface file.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Figure to write: .png, .svg, .pdf, .csv; a landscape also as .h5, .npz, .vts."
        ),
    ],
    view: Annotated[View, typer.Option(help="Which figure.")] = View.landscape,
    step: Annotated[int | None, typer.Option(help="Which step; default: the last.", min=0)] = None,
    size: Annotated[str, typer.Option(help="Width x height in pixels at 96 dpi.")] = "",
    dpi: Annotated[float, typer.Option(help="Resolution of a PNG.", min=24, max=2400)] = 96.0,
    theme: Annotated[ThemeChoice, typer.Option(help="Colours and sizes.")] = ThemeChoice.light,
) -> None:
    """Draw a figure without a display: the picture that the window shows."""
    from thalweg.assets import RUN_SUFFIXES

    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")
    width, height = _size(size, view)
    from thalweg.core.store.surfaces import SUFFIXES as SURFACES

    suffix = Path(source).suffix.lower()
    is_run = suffix in RUN_SUFFIXES
    is_surface = suffix in SURFACES and not (is_run and _holds_run(Path(source)))
    found = None if is_run or is_surface else _scene(source)
    from thalweg.app.export.figure import SUFFIXES, ExportError
    from thalweg.app.export.figure import SURFACES as GRIDS
    from thalweg.core.scene.view import MAP_PANELS

    _writable(output, tuple(s for s in SUFFIXES if view in MAP_PANELS or s not in GRIDS))
    if is_surface:
        _render_surface(Path(source), output, (width, height), dpi, theme.value)
        return
    _one_thread()
    from thalweg.app.headless import draw
    from thalweg.app.moment import MomentError
    from thalweg.core.store.run_file import RunFileError, read

    try:
        steps = found.run.steps if found and step is None else step
        recording = _record(found, steps or 0)[0] if found else read(Path(source))
        shown = draw(recording, output, view.value, step, (width, height), dpi, theme.value)
    except (ExportError, MomentError, RunFileError) as e:
        _stop(str(e))
    if step is not None and shown != step:
        typer.echo(f"the run ends before step {step:,}; the figure shows step {shown:,}", err=True)
    typer.echo(f"{output}: {view.value} at step {shown}")


def _holds_run(path: Path) -> bool:
    """Whether an HDF5 file is one of ours and holds a run; a file that cannot be read is for the reader of runs."""
    from thalweg.core.store.run_file import RunFileError, holds_run

    try:
        return holds_run(path)
    except RunFileError as e:
        _stop(str(e))


def _render_surface(source: Path, output: Path, size: tuple[int, int], dpi: float, theme: str) -> None:
    from thalweg.app.export.errors import ExportError
    from thalweg.app.headless import draw_surface
    from thalweg.core.store.surfaces import SurfaceFileError, read_surface

    try:
        draw_surface(read_surface(source), source.name, output, size, dpi, theme)
    except (ExportError, SurfaceFileError) as e:
        _stop(str(e))
    typer.echo(f"{output}: landscape of {source}")


@app.command()
def download(name: Annotated[DataChoice, typer.Argument(help="mnist or fashion.")]) -> None:
    """Download a data set to the cache."""
    from tqdm import tqdm

    from thalweg.core.data import DataError
    from thalweg.core.data import download as fetch

    with tqdm(unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def progress(file: str, done: int, total: int) -> None:
            bar.set_description(file)
            bar.total = total or None
            bar.n = done
            bar.refresh()

        try:
            folder = fetch(name.value, progress=progress)
        except DataError as e:
            bar.close()
            _stop(str(e))
    typer.echo(f"{name.value}: in {folder}")


def _record(source: Scene | Recording, steps: int, device: str = "cpu") -> tuple[Recording, Halt | None]:
    from tqdm import tqdm

    from thalweg.core.data import DataError
    from thalweg.core.training.recorder import record

    _one_thread()
    interrupted: list[int] = []
    halts: list[Halt] = []
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.append(1))
    with tqdm(total=steps, unit=" steps", desc="Training", disable=None) as bar:

        def progress(step: int) -> bool:
            if step % 20 == 0 or step == steps:
                bar.update(step - bar.n)
            return not interrupted

        try:
            found = record(source, steps, progress, device, halted=halts.append)
        except (DataError, RuntimeError) as e:
            bar.close()
            _stop(str(e))
        finally:
            signal.signal(signal.SIGINT, before)
    return found, halts[0] if halts else None


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)  # for networks this small, more threads only wait for each other


def _scene(name: str) -> Scene:
    from thalweg.assets import find_scene

    try:
        return find_scene(name)
    except SpecError as e:
        _stop(str(e))


def _writable(path: Path, accepted: tuple[str, ...]) -> None:
    """Refuse a path that cannot be written before time is spent on what would be written there."""
    if path.suffix.lower() not in accepted:
        _stop(f"{path}: the ending does not say what to write; accepted are {', '.join(accepted)}")
    if path.is_dir():
        _stop(f"{path}: cannot be written: this is a folder")
    if not path.parent.is_dir():
        _stop(f"{path}: cannot be written: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        _stop(f"{path}: cannot be written: no permission to write in {path.parent}")


def _size(text: str, view: View) -> tuple[int, int]:
    if not text:
        return {View.landscape: (900, 720), View.weight_map: (800, 420), View.surface: (900, 720)}.get(view, (800, 560))
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text)
    if not match or not all(200 <= int(n) <= 8000 for n in match.groups()):
        _stop(f"--size: {text!r} is not accepted; expected WIDTHxHEIGHT in pixels, each 200 to 8000, such as 900x720")
    return int(match[1]), int(match[2])


def _has_display() -> bool:
    """Whether a window can be opened; on X by asking the server, as Qt would end the program."""
    if os.environ.get("QT_QPA_PLATFORM") or not sys.platform.startswith("linux"):
        return True
    if os.environ.get("WAYLAND_DISPLAY"):
        return True
    if not os.environ.get("DISPLAY"):
        return False
    import ctypes

    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    broken = bool(xcb.xcb_connection_has_error(connection))
    xcb.xcb_disconnect(connection)
    return not broken


def _stop(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
