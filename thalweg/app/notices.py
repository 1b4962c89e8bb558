"""Which sentence the banner shows, and which answers it offers: pure functions of the state."""

from __future__ import annotations

from thalweg.app.state import AppState
from thalweg.core.messages import Progress

Answers = tuple[tuple[str, str], ...]


def banner(state: AppState) -> tuple[str, Answers, Progress | None]:
    """The sentence, the answers as (name, title), and the progress of a long job; the most urgent first."""
    if state.dead is not None:
        kept = state.keeping.done
        back = f" The run was last kept at step {kept.step:,}." if kept and kept.generation == state.generation else ""
        return (
            f"{state.dead[1]} The window and the scene are as they were.{back}",
            (("restart", "Go on from there" if back else "Start again"),),
            None,
        )
    if state.progress is not None:
        p = state.progress
        if p.unit == "steps":
            return f"{p.job}: at step {p.done:,}", (), p
        if p.unit != "bytes":
            return f"{p.job} {p.done:,} of at most {p.total:,} {p.unit}", (("cancel", "Cancel"),), p
        size = f"{p.done / 1e6:.1f} of {p.total / 1e6:.1f} MB" if p.total else f"{p.done / 1e6:.1f} MB"
        return f"{p.job}: {size}", (("cancel", "Cancel"),), p
    if state.missing is not None:
        answers = (
            ("download", "Download it"),
            ("folder", "Choose its folder…"),
            ("digits", "Use the built-in digits"),
        )
        return state.sentence or state.missing.sentence, answers, None
    if state.stopped is not None and state.stopped.rescue is not None:
        step, rate = state.stopped.rescue
        way = f"Back to step {step:,} with learning rate {rate:.3g}"
        return state.stopped.sentence, (("rescue", way), ("dismiss", "Close")), None
    if state.keeping.left is not None and not state.sentence:
        _, when = state.keeping.left
        sentence = f"Thalweg did not end well last time. Its run was kept {when}."
        return sentence, (("resume", "Open it"), ("discard", "Discard it"), ("dismiss", "Later")), None
    if state.sentence:
        return state.sentence, (("dismiss", "Close"),), None
    return "", (), None


def is_trouble(state: AppState) -> bool:
    """Whether the banner tells of something that went wrong."""
    if state.dead is not None or state.missing is not None:
        return True
    return bool(state.sentence) and state.sentence != state.news
