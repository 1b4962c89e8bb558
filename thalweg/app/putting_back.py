"""A layer put back to its start: which layers can be, and how the state changes by it, and by undo. No Qt."""

from __future__ import annotations

from dataclasses import replace

from thalweg.app.state import AppState, Kept, ordered
from thalweg.core.messages import Focus, PutBack
from thalweg.core.scene.layers import layer_names

GONE = "The line on which a layer was put back is not there any more."


def layers(state: AppState) -> tuple[str, ...]:
    """The names of the layers that can be put back at the step that is looked at, the first layer first.

    None at step 0, which is the start, and none of a network of one layer: that would be the start again.
    """
    frame = state.current
    if frame is None or state.started is None or state.dead is not None or not frame.step:
        return ()
    names = layer_names(state.spec.network)
    return names if len(names) > 1 else ()


def put_back(state: AppState, layer: int) -> AppState:
    """Paused, and a branch is to begin at the step that is looked at, with this layer (from 1) as at step 0."""
    frame, names = state.current, layers(state)
    if frame is None or not 1 <= layer <= len(names):
        return state
    at = state.generation, frame.focus, frame.step
    what = f"{names[layer - 1]} put back to its start"
    kept = Kept(state.seen_scene, state.name, state.saved, what, at, put_back=layer)
    state = replace(state, past=(*state.past[-99:], kept), future=())
    return ordered(_paused(state), PutBack(state.generation, layer, frame.focus, frame.step))


def taken_back(state: AppState, kept: Kept) -> AppState:
    """After undo: the line that was left is in front again, at the step at which the layer was put back."""
    if kept.at is None or not _is_there(state, kept):
        return replace(state, sentence=GONE)
    return ordered(_paused(state), Focus(state.generation, *kept.at[1:]))


def done_again(state: AppState, kept: Kept) -> AppState:
    """After redo: the branch that began so is in front again, at its beginning; one is begun where it was forgotten."""
    if kept.at is None or not _is_there(state, kept) or state.current is None:
        return replace(state, sentence=GONE)
    _, left, step = kept.at
    key = left, step, ((step, kept.put_back),)
    found = [n for n in state.current.lines if (n.parent, n.start, n.put_back[-1:]) == key]
    if found:
        return ordered(_paused(state), Focus(state.generation, found[-1].number, step))
    return ordered(_paused(state), PutBack(state.generation, kept.put_back, left, step))


def _is_there(state: AppState, kept: Kept) -> bool:
    """Whether the line that was left is one of the runs on screen."""
    lines = state.current.lines if state.current is not None else ()
    return kept.at is not None and kept.at[0] == state.generation and any(n.number == kept.at[1] for n in lines)


def _paused(state: AppState) -> AppState:
    pauses = state.pauses + (state.playing or state.stepping)
    return replace(state, playing=False, pauses=pauses, sentence="", stopped=None, inside=None)
