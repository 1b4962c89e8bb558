"""Which sentence the banner shows, and which answers it offers: pure functions of the state."""

from __future__ import annotations

from thalweg.app.state import AppState
from thalweg.core.messages import Progress

Answers = tuple[tuple[str, str], ...]


def banner(state: AppState) -> tuple[str, Answers, Progress | None]:
    """The sentence, the answers as (name, title), and the progress of a long job; the most urgent first."""
    if state.dead is not None:
        return (
            f"{state.dead[1]} The window and the scene are as they were.",
            (("restart", "Start again"),),
            None,
        )
    if state.progress is not None:
        p = state.progress
        size = f"{p.done / 1e6:.1f} of {p.total / 1e6:.1f} MB" if p.total else f"{p.done / 1e6:.1f} MB"
        return f"{p.job}: {size}", (("cancel", "Cancel"),), p
    if state.missing is not None:
        answers = (
            ("download", "Download it"),
            ("folder", "Choose its folder…"),
            ("digits", "Use the built-in digits"),
        )
        return state.sentence or state.missing.sentence, answers, None
    if state.sentence:
        return state.sentence, (("dismiss", "Close"),), None
    return "", (), None
