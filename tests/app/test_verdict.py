"""What is said of a step that was judged, and how it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from thalweg.app import notices
from thalweg.app.intents import AskWhetherMinimum, SetPlaying
from thalweg.app.reduce import reduce
from thalweg.app.verdict import verdict
from thalweg.core.messages import Judge, Judged, Progress, WayOut
from thalweg.core.scene import Scene

from .inline_desk import Inline
from .test_state import running

FOUND = Judged(1, 0, 120, 2.3, 0.02, 37.2, -0.41, 0.003, 5.4e-6, True, 1000, 500)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "No minimum: there is a direction in which the loss curves downwards."),
        (
            {"curves_down": False, "gain": 0.5},
            "No minimum yet: nothing curves downwards, but one step down the gradient",
        ),
        ({"curves_down": False}, "a minimum, or too flat to tell."),
    ],
)
def test_each_case_has_its_sentence(changes: dict[str, Any], words: str) -> None:
    """With the numbers that it stands on."""
    said = verdict(running(), replace(FOUND, **changes))
    assert words in said
    assert "Step 120: loss 2.3, gradient 0.02, curvature from −0.41 to 37.2 (± 0.003), on the first 1,000" in said


def test_what_training_minimises_beside_it_is_named() -> None:
    """A penalty and auxiliary outputs are not in the loss that is judged."""
    state = running()
    assert "without" not in verdict(state, FOUND)
    assert state.started is not None and state.frame is not None
    optimiser = state.optimiser_now.model_copy(update={"l2": 0.01})
    lines = (replace(state.frame.line, changes=((0, optimiser),)),)
    penalised = replace(state, frame=replace(state.frame, lines=lines))
    assert "on the first 1,000 examples, without the L2 penalty." in verdict(penalised, FOUND)
    run = state.scene.run
    network = run.network.model_copy(update={"auxiliary": 0.3})
    runs = (run.model_copy(update={"network": network}),)
    both = replace(penalised, started=replace(state.started, runs=runs))
    assert "examples, without the L2 penalty and the auxiliary loss." in verdict(both, FOUND)


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ((2.3, 1.0, 0.1), "came to 0.1 at step 80, and the straight way there climbs nowhere."),
        ((2.3, 4.0, 0.1), "came to 0.1 at step 80; the straight way there climbs to 4 first."),
        ((2.3, 3.0, 2.4), "is at step 80 no lower: 2.4."),
        ((2.3, np.inf, 0.1), "the loss is not finite."),
    ],
)
def test_the_ways_out(losses: tuple[float, ...], words: str) -> None:
    """To where another run went."""
    assert words in verdict(running(), replace(FOUND, ways=(WayOut(3, 80, np.array(losses)),)))


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (
            120,
            " Measured on its own way from here, on 1,500 examples: 2.5 at most, and 0.12 at step 78.",
        ),
        (
            30,
            " Measured on its own way from step 30, on 1,500 examples: 2.5 at most, and 0.12 at step 78.",
        ),
    ],
)
def test_what_the_loss_did_on_the_other_lines_own_way(since: int, words: str) -> None:
    """From where it was here, too, or from where it parted; nothing where too little was measured."""
    out = WayOut(3, 80, np.array((2.3, 1.0, 0.1)), since, 2.5, 0.12, 78, 1500)
    assert verdict(running(), replace(FOUND, ways=(out,))).endswith(words)
    nothing = replace(out, highest=float("nan"))
    assert "own way" not in verdict(running(), replace(FOUND, ways=(nothing,)))


def test_asking_pauses_and_is_answered_in_the_banner() -> None:
    """A saddle is told as one; while it is looked for, how far that is, with a way to give it up."""
    scene = Scene().edited({"run.network.kind": "surface"}).edited({"run.network.surface": "saddle"})
    scene = scene.edited({"run.network.x_start": 0.0, "run.network.y_start": 0.0})
    desk = Inline(scene)
    desk.until(lambda s: s.frame is not None)
    desk.controller.dispatch(SetPlaying(True))
    desk.controller.dispatch(AskWhetherMinimum())
    assert not desk.state.playing
    state = desk.until(lambda s: s.sentence)
    assert state.sentence.startswith("No minimum: there is a direction")
    assert state.progress is None
    assert not notices.is_trouble(state)
    asked = reduce(AskWhetherMinimum(), running())
    assert isinstance(asked.order, Judge)
    waiting = replace(running(), progress=Progress(1, "Is this a minimum?", 12, 300, "products"))
    sentence, answers, _ = notices.banner(waiting)
    assert sentence == "Is this a minimum? 12 of at most 300 products"
    assert answers == (("cancel", "Cancel"),)
