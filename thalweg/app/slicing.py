"""The layer slices as the window knows them: what was asked for, what is there, and how that changes. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from thalweg.core.messages import Failed, SlicesDrawn
from thalweg.core.scene import SlicesSpec


@dataclass(frozen=True)
class SliceKey:
    """Everything that the slices depend on; equal keys mean equal slices."""

    generation: int
    step: int
    view: SlicesSpec
    """As :meth:`SlicesSpec.computed` has it."""
    line: int = 0
    newest: int | None = None
    """The newest step of the line, where the other layers are drawn as there."""


@dataclass(frozen=True)
class Slicing:
    """The slices: asked for, arriving, on screen."""

    asked: SliceKey | None = None
    number: int = 0
    busy: bool = False
    shown: SlicesDrawn | None = None
    done: tuple[int, int] | None = None
    """How many slices of how many there are, of those that take long."""
    error: str = ""
    """Why there are no slices; the same ones are not asked for again, at whatever step."""


def asked_for(slicing: Slicing, key: SliceKey, number: int) -> Slicing:
    """After a request was sent."""
    return replace(slicing, asked=key, number=number, busy=True, done=None, error="")


def cancelled(slicing: Slicing) -> Slicing:
    """After the request under way was taken back."""
    return replace(slicing, asked=None, busy=False, done=None)


def arrived(slicing: Slicing, drawn: SlicesDrawn) -> Slicing:
    """After slices have come; what is replaced already changes nothing.

    Slices that are not complete are shown only where no complete ones of the same kind are on screen.
    """
    if drawn.number != slicing.number or not slicing.busy:
        return slicing
    if drawn.complete:
        return replace(slicing, shown=drawn, busy=False, done=None)
    shown, done = slicing.shown, (len(drawn.curves), drawn.total)
    keep = shown is not None and shown.complete and shown.view.computed() == drawn.view.computed()
    return replace(slicing, shown=shown if keep else drawn, done=done)


def failed(slicing: Slicing, message: Failed) -> Slicing:
    """After a request could not be answered; an older one's failure changes nothing."""
    if message.number != slicing.number:
        return slicing
    return replace(slicing, busy=False, done=None, error=message.sentence)


def worker_died(slicing: Slicing, sentence: str, mapping: bool) -> Slicing:
    """After the worker has ended; while it was at the slices, and not ``mapping``, they are to blame and stay off."""
    if slicing.busy and not mapping:
        return replace(slicing, busy=False, done=None, error=f"No slices: {sentence}")
    return cancelled(slicing)


def refused(slicing: Slicing, key: SliceKey) -> bool:
    """Whether slices like these could not be computed in this run, so that asking again would be in vain."""
    asked = slicing.asked
    return bool(slicing.error) and asked is not None and (asked.generation, asked.view) == (key.generation, key.view)
