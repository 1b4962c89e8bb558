"""The one table of actions: unique, handled, and all on the page of keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
from PyQt6.QtGui import QKeySequence

from thalweg.app import desk, dialogs
from thalweg.app.actions import ACTIONS, BY_ID, keys_page
from thalweg.app.settings import Settings
from thalweg.app.state import opened
from thalweg.app.theme import THEMES
from thalweg.app.views.gallery import FIGURES
from thalweg.core.scene import Scene


def test_ids_are_unique() -> None:
    """Each names one action."""
    assert len(BY_ID) == len(ACTIONS)


def test_shortcuts_are_unique_and_understood() -> None:
    """Qt reads every one of them, and no two as the same keys."""
    keys = [QKeySequence(a.shortcut) for a in ACTIONS if a.shortcut]
    assert all(not k.isEmpty() for k in keys)
    texts = [k.toString() for k in keys]
    assert len(set(texts)) == len(texts)


def test_titles_are_unique_and_every_action_says_what_it_does() -> None:
    """In its menu nothing stands twice, and no two access keys of a menu are the same."""
    for menu in {a.menu for a in ACTIONS}:
        titles = [a.title for a in ACTIONS if a.menu == menu]
        assert len(set(titles)) == len(titles)
        letters = [m[1].lower() for t in titles if (m := re.search("&(.)", t))]
        assert len(set(letters)) == len(letters), (menu, letters)
    assert all(a.tip for a in ACTIONS)


def test_every_panel_and_theme_has_its_action() -> None:
    """And there is none for a panel or theme that does not exist."""
    assert {a.id.removeprefix("panel-") for a in ACTIONS if a.id.startswith("panel-")} == set(FIGURES)
    assert {a.id.removeprefix("theme-") for a in ACTIONS if a.id.startswith("theme-")} == set(THEMES)


def test_the_page_of_keys_lists_every_shortcut() -> None:
    """With title and meaning, under its menu, and without the marks of access keys."""
    page = keys_page()
    for action in ACTIONS:
        if action.shortcut:
            row = f"<td>{action.title.replace('&', '')}&nbsp;&nbsp;</td><td><b>{action.shortcut}</b>"
            assert row in page
            assert action.tip in page
    assert not re.search(r"&(?!nbsp;|amp;|lt;|gt;)", page)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.id)
def test_switches_and_conditions_can_be_asked_in_any_state(action: Any) -> None:
    """Also before anything has loaded."""
    state = opened(Scene(), "", Settings())
    assert isinstance(action.enabled(state), bool)
    assert action.checked is None or isinstance(action.checked(state), bool)


class Recorder:
    """Stands for a window, a controller or a dialog: any attribute is there, any call is written down."""

    def __init__(self, calls: list[str], name: str = "") -> None:
        self._calls, self._name = calls, name

    def __getattr__(self, name: str) -> Recorder:
        return Recorder(self._calls, name)

    def __call__(self, *args: object, **kwargs: object) -> Recorder:
        self._calls.append(self._name)
        return self

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Any:
        return iter(("", ""))


def test_every_choice_leads_to_an_intent() -> None:
    """Of the actions with choices, and of no other."""
    assert {a.id for a in ACTIONS if a.choices} == set(desk.CHOSEN)


@pytest.mark.parametrize("action", [a for a in ACTIONS if not a.choices], ids=lambda a: a.id)
def test_every_action_is_handled(action: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk does something for each of them, and nothing for a name that is not in the table."""
    calls: list[str] = []
    for name in ("ExportDialog", "SettingsDialog", "QMessageBox", "QFileDialog"):
        monkeypatch.setattr(dialogs, name, Recorder(calls, name))
    handler = desk.Desk.__new__(desk.Desk)
    handler.window = Recorder(calls)
    controller = Recorder(calls)
    controller.state = opened(Scene(), "", Settings())
    handler.controller = controller
    handler.dialogs = dialogs.Dialogs(handler.window, controller)
    handler.kept_runs = Recorder(calls)
    handler._act("no such action")
    idle = len(calls)
    calls.clear()
    handler._act(action.id)
    assert len(calls) > idle
