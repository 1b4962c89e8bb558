"""ONE table of actions: menus, tool bar, shortcuts and the help overlay are made from it. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from thalweg.app import putting_back
from thalweg.app.captions import begun
from thalweg.app.state import AppState
from thalweg.core.scene.cures import cures_of


def _always(state: AppState) -> bool:
    return True


def _runs(state: AppState) -> bool:
    return state.started is not None and state.dead is None


def _has_map(state: AppState) -> bool:
    there = _runs(state) and state.map is not None and not state.map_error
    return there and "landscape" in state.scene.view.panels


@dataclass(frozen=True)
class Choice:
    """One of the things that an action can be done with; those of one ``group`` share a menu of that name."""

    id: str
    title: str
    group: str = ""
    tip: str = ""


@dataclass(frozen=True)
class Action:
    """Something a person can do: where it stands, its key, and when it can be done.

    An action with ``choices`` is a menu of them, as the state has them; its key opens it.
    """

    id: str
    title: str
    menu: str
    tip: str
    shortcut: str = ""
    enabled: Callable[[AppState], bool] = _always
    checked: Callable[[AppState], bool] | None = None
    tool_bar: bool = False
    names: Callable[[AppState], str] = lambda state: ""
    """What it would do now, in a few words that follow the title."""
    choices: Callable[[AppState], tuple[Choice, ...]] | None = None


def _can_play(state: AppState) -> bool:
    return state.dead is None and state.missing is None and not (state.started is None and state.sentence)


def _cures(state: AppState) -> tuple[Choice, ...]:
    """The cures of the run in front."""
    scene = state.draft or state.scene
    run = (scene.run, *scene.variants)[state.front_form]
    return tuple(Choice(cure.id, begun(cure.title), cure.group, cure.why) for cure in cures_of(run))


def _layers(state: AppState) -> tuple[Choice, ...]:
    """The layers that can be put back to their start."""
    return tuple(Choice(str(n), begun(name)) for n, name in enumerate(putting_back.layers(state), start=1))


def _theme(name: str) -> Callable[[AppState], bool]:
    return lambda state: state.settings.theme == name


def _shown(panel: str) -> Callable[[AppState], bool]:
    return lambda state: panel in state.scene.view.panels


ACTIONS: tuple[Action, ...] = (
    Action("open", "&Open…", "&File", "Open a scene (.toml), or a run to look at and to go on with (.h5)", "Ctrl+O"),
    Action("last-run", "R&un of the last session", "&File", "Open the run as it was when the program was last closed"),
    Action("last", "Scene of the &last session", "&File", "Open the scene as it was when the program was last closed"),
    Action("save", "&Save scene", "&File", "Write the scene on screen to its file", "Ctrl+S"),
    Action("save-as", "Save scene &as…", "&File", "Write the scene on screen to another file", "Ctrl+Shift+S"),
    Action("save-run", "Save &run…", "&File", "Write all that was recorded to a run file", "Ctrl+Alt+S", _runs),
    Action(
        "save-parameters", "Export &parameters…", "&File",
        "Write the parameters of this step as safetensors or as a PyTorch state dict", "", _runs,
    ),
    Action("export", "&Export figure…", "&File", "Write a figure as PNG, SVG, PDF, or its numbers as CSV", "Ctrl+E"),
    Action(
        "open-surface", "Open sur&face…", "&File", "Show a landscape from an HDF5, NPZ, VTK or CSV file",
        "Ctrl+Shift+O",
    ),
    Action("quit", "&Quit", "&File", "Close the program", "Ctrl+Q"),
    Action("undo", "&Undo", "&Edit", "Take the last change back", "Ctrl+Z", lambda s: bool(s.past or s.draft),
        names=lambda s: "edits that were not applied" if s.draft else s.past[-1].what if s.past else "",
    ),
    Action("redo", "&Redo", "&Edit", "Do again what was taken back", "Ctrl+Shift+Z", lambda s: bool(s.future),
        names=lambda s: s.future[0].what if s.future else "",
    ),
    Action(
        "play", "&Play", "&Run", "Play or pause training", "Space", _can_play, lambda s: s.playing or s.stepping,
        tool_bar=True,
    ),
    Action("back", "Step &back", "&Run", "Go back one step of the player, exactly", "Left", _runs, tool_bar=True),
    Action("step", "One &step", "&Run", "Go on one step of the player, then pause", "Right", _runs, tool_bar=True),
    Action("reset", "&Reset", "&Run", "Back to step 0 and the same initial weights", "R", _runs, tool_bar=True),
    Action("new-seed", "&New seed", "&Run", "Start again from other initial weights", "N", _runs, tool_bar=True),
    Action(
        "inside", "&Inside one step", "&Run",
        "Take the next step apart on the map, one phase for each press; the last press takes it", "I", _has_map,
    ),
    Action(
        "inside-back", "Inside one step: b&efore", "&Run", "Go back to the phase before", "Shift+I",
        lambda s: s.inside is not None,
    ),
    Action(
        "outside", "O&ut of the step", "&Run", "Look at the whole way again", "Backspace",
        lambda s: s.inside is not None,
    ),
    Action(
        "judge", "Is this a minimum?", "&Run",
        "Gradient and curvature here, and whether the loss climbs on the way to where other runs went", "M", _runs,
    ),
    Action(
        "put-back", "Put a la&yer back to its start", "&Run",
        "Go on from this step on a branch with one layer as it was at step 0, the others as they are: its curves begin "
        "with what the network can do without what the layer has learnt", "B", lambda s: bool(_layers(s)),
        choices=_layers,
    ),
    Action("on-ten", "Ten steps on", "&Run", "Go on ten steps of the player", "Shift+Right", _runs),
    Action("back-ten", "Ten steps back", "&Run", "Go back ten steps of the player", "Shift+Left", _runs),
    Action("first", "&First step", "&Run", "Look at step 0", "Home", _runs),
    Action("follow", "Newest step: f&ollow", "&Run", "Look at the newest step and at all that follow", "End", _runs),
    Action(
        "add-variant", "Add a &variant", "&Run",
        "Train another run beside this one from the same start: change one thing of it and apply", "V", _runs,
    ),
    Action(
        "cure", "&Cure it with", "&Run",
        "Train another run beside the one in front, with what is to let its early layers learn; all begin at step 0",
        "C", lambda s: bool(_cures(s)), choices=_cures, tool_bar=True,
    ),
    Action(
        "remove-variant", "Re&move this variant", "&Run", "Take the variant that the forms show out of the scene", "",
        lambda s: s.form > 0,
    ),
    Action("lay", "&Lay the plane here", "&View", "Lay the plane anew at the current point", "L", _runs),
    Action(
        "whole", "W&hole plane", "&View", "Show the whole plane again after zooming in", "Esc",
        lambda s: s.zoom is not None,
    ),
    Action(
        "log-loss", "Logarithmic l&oss", "&View", "Loss curves on a logarithmic axis", "G",
        checked=lambda s: s.scene.view.log_loss,
    ),
    Action(
        "log-steps", "Logarithmic ste&ps", "&View", "Steps on a logarithmic axis", "Shift+G",
        checked=lambda s: s.scene.view.log_steps,
    ),
    Action("panel-landscape", "Panel: lan&dscape", "&View", "Show the landscape", "F2", checked=_shown("landscape")),
    Action("panel-curves", "Panel: c&urves", "&View", "Show loss and accuracy", "F3", checked=_shown("curves")),
    Action(
        "panel-gradient-norms", "Panel: &gradient norms", "&View", "Show the gradient norm of each layer", "F4",
        checked=_shown("gradient-norms"),
    ),
    Action(
        "panel-weight-map", "Panel: input-&weight map", "&View", "Show the input-weight map and an example", "F5",
        checked=_shown("weight-map"),
    ),
    Action(
        "panel-surface", "Panel: &3-D surface", "&View", "Show the landscape as a surface to be turned", "Shift+F2",
        checked=_shown("surface"),
    ),
    Action(
        "panel-slices", "Panel: la&yer slices", "&View", "Show the loss along one direction of each layer", "F6",
        checked=_shown("slices"),
    ),
    Action(
        "panel-chain-rule", "Panel: chain &rule", "&View",
        "Show by which factors the gradient shrinks from layer to layer", "F8", checked=_shown("chain-rule"),
    ),
    Action(
        "panel-depth", "Panel: layers over ti&me", "&View", "Show a quantity of each layer over all steps", "F7",
        checked=_shown("depth"),
    ),
    Action("controls", "&Controls", "&View", "Show or hide the forms", "F9", checked=lambda s: s.controls),
    Action("full-screen", "&Full screen", "&View", "Fill the screen", "F11"),
    Action("theme-light", "Light", "&Theme", "Dark text on a light ground", "Ctrl+1", checked=_theme("light")),
    Action("theme-dark", "Dark", "&Theme", "Light text on a dark ground", "Ctrl+2", checked=_theme("dark")),
    Action(
        "theme-projector", "Projector", "&Theme", "Large text and thick lines for the last row", "Ctrl+3",
        checked=_theme("projector"),
    ),
    Action("settings", "&Settings…", "&Edit", "Memory, autosave, the landscape's share, the device", "Ctrl+,"),
    Action("keys", "&Keys", "&Help", "All keys on one page", "F1"),
    Action("about", "&About Thalweg", "&Help", "Version and licence"),
)  # fmt: skip

MOUSE = (
    "On the landscape: drag a rectangle or turn the wheel to zoom, drag with the right or middle button to move, "
    "double-click for the whole plane. The values under the pointer are shown in a corner. "
    "On the strip of layers over time: click for the step and the layer there, on a layer's name or the profile for "
    "the layer alone, on the curve below for the step alone."
)
"""What the mouse does that no action of the table says."""

BY_ID = {a.id: a for a in ACTIONS}


def keys_page() -> str:
    """All shortcuts as an HTML table, menu by menu."""
    rows = []
    for menu in dict.fromkeys(a.menu for a in ACTIONS):
        rows.append(f'<tr><td colspan="3"><b>{_plain(menu)}</b></td></tr>')
        rows += [
            f"<tr><td>{_plain(a.title)}&nbsp;&nbsp;</td><td><b>{a.shortcut}</b>&nbsp;&nbsp;</td><td>{a.tip}</td></tr>"
            for a in ACTIONS
            if a.menu == menu and a.shortcut
        ]
    return f"<table>{''.join(rows)}</table><p>{MOUSE}</p>"


def _plain(text: str) -> str:
    return text.replace("&", "")
