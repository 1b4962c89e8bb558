"""The export dialog: what it proposes, what it writes, and that it loses nothing when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QMessageBox

from thalweg.app.export.errors import ExportError
from thalweg.app.panels.export_dialog import ExportDialog
from thalweg.app.views.gallery import FIGURES

Make = Callable[..., ExportDialog]


@pytest.fixture
def written() -> list[tuple[str, Path, float]]:
    """What was written."""
    return []


@pytest.fixture
def make(qtbot, tmp_path: Path, written: list[tuple[str, Path, float]]) -> Make:
    """Dialogs for a figure of a folder, which write down what they would write."""

    def dialog(panel: str = "curves", name: str = "tiny-step-40", fail: str = "") -> ExportDialog:
        def write(panel: str, path: Path, dpi: float) -> None:
            if fail:
                raise ExportError(fail)
            written.append((panel, path, dpi))

        made = ExportDialog(panel, dict.fromkeys(FIGURES, tmp_path / name), write)
        qtbot.addWidget(made)
        made.show()
        return made

    return dialog


def test_it_proposes_a_name_for_each_figure(make: Make, tmp_path: Path) -> None:
    """Scene, step and figure; the ending that was chosen stays."""
    dialog = make("curves")
    assert (dialog.panel, dialog.path) == ("curves", tmp_path / "tiny-step-40-curves.png")
    dialog.file.setText(str(tmp_path / "tiny-step-40-curves.svg"))
    for name in FIGURES:
        dialog.figure.setCurrentIndex(dialog.figure.findData(name))
        assert (dialog.panel, dialog.path) == (name, tmp_path / f"tiny-step-40-{name}.svg")


@pytest.mark.parametrize("name", ["rate-0.5-step-40", "a.b.c-step-0", "plain"])
def test_a_dot_in_a_scenes_name_is_no_ending(make: Make, tmp_path: Path, name: str) -> None:
    """Scenes are often named after a number."""
    assert make("curves", name).path == tmp_path / f"{name}-curves.png"


def test_it_writes_and_closes(make: Make, tmp_path: Path, written: list[tuple[str, Path, float]]) -> None:
    """What was chosen."""
    dialog = make()
    dialog.accept()
    assert written == [("curves", tmp_path / "tiny-step-40-curves.png", 300)]
    assert dialog.result() == ExportDialog.DialogCode.Accepted
    assert not dialog.isVisible()


def test_it_stays_open_with_the_reason_when_it_cannot_write(make: Make, tmp_path: Path) -> None:
    """Nothing that was chosen is lost."""
    dialog = make(fail="No room on the disk.")
    dialog.file.setText(str(tmp_path / "mine.pdf"))
    dialog.accept()
    assert dialog.isVisible()
    assert dialog.result() == ExportDialog.DialogCode.Rejected
    assert dialog.path == tmp_path / "mine.pdf"
    assert any("No room" in label.text() and label.isVisible() for label in [dialog._error])


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_that_is_there_is_replaced_only_when_the_person_says_so(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: list[tuple[str, Path, float]], replace: bool
) -> None:
    """It is named in the question."""
    asked: list[str] = []
    answer = QMessageBox.StandardButton.Yes if replace else QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda parent, title, text: asked.append(text) or answer)
    (tmp_path / "there.png").write_text("old")
    dialog = make()
    dialog.file.setText(str(tmp_path / "there.png"))
    dialog.accept()
    assert len(asked) == 1
    assert "there.png" in asked[0]
    assert bool(written) is replace
    assert dialog.isVisible() is not replace
