"""Several lines of training in one picture: what each is called, how it is drawn, what a fan shows, and the marks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.app import marks
from thalweg.app.intents import Reset, ShowLine
from thalweg.app.overlay import MOST_NAMED, DrawnLine, drawn_lines, fan_of, line_names, lines_of, run_names
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.core.messages import LineNow
from thalweg.core.scene import RunSpec, Scene

from .rig import drawn_line, frame, line, started, state_of, tiny_scene
from .test_state import after, running

FIELDS = {"seed": 3, "optimiser.learning_rate": 0.125, "optimiser.momentum": 0.5, "network.activation": "tanh"}


def edited(spec: RunSpec, **changes: object) -> RunSpec:
    """A run with other values at dotted paths, ``__`` for a dot."""
    found = Scene(run=spec).edited({f"run.{k.replace('__', '.')}": v for k, v in changes.items()})
    return found.run


def state_with(scene: Scene, lines: tuple[LineNow, ...], focus: int = 0, step: int = 8) -> AppState:
    """The scene's runs with these lines on screen."""
    state = replace(running(scene), started=replace(started(), runs=scene.runs()))
    return reduce(frame(1, step, lines=lines, focus=focus), state)


# --- names -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=MOST_NAMED, unique=True), st.booleans())
def test_runs_are_called_by_what_sets_them_apart(paths: list[str], reverse: bool) -> None:
    """Each name has its own value of each field in which they differ, and of no other."""
    first = RunSpec()
    other = edited(first, **{p.replace(".", "__"): FIELDS[p] for p in paths})
    runs = [other, first] if reverse else [first, other]
    found = run_names(runs)
    assert len(set(found)) == 2
    for name in found:
        assert name.count(",") == len(paths) - 1
        assert "…" not in name
    for path in FIELDS:
        words = {"seed": "seed", "optimiser.learning_rate": "learning rate"}.get(path, path.rpartition(".")[2])
        assert all((words in name) is (path in paths) for name in found)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.5, 0.25]), st.sampled_from(["relu", "tanh"])),
                min_size=2, max_size=6, unique=True))  # fmt: skip
def test_runs_that_differ_have_names_that_differ(values: list[tuple[int, float, str]]) -> None:
    """However many fields they differ in: a legend, and the column of a table, must tell them apart."""
    runs = [edited(RunSpec(), seed=s, optimiser__learning_rate=r, network__activation=a) for s, r, a in values]
    found = run_names(runs)
    assert len(set(found)) == len(runs), found


def test_a_name_that_was_given_is_the_name() -> None:
    """Of the one that has it alone; what is no part of training sets nothing apart."""
    runs = [RunSpec(name="slow"), RunSpec(seed=2), RunSpec(seed=3, steps=7)]
    assert run_names(runs) == ["slow", "seed 2", "seed 3"]
    assert run_names([RunSpec(), RunSpec(steps=9)]) == ["run 1", "run 2"]
    assert run_names([RunSpec()]) == ["run 1"]


def test_a_branch_is_called_by_where_it_left_and_with_what() -> None:
    """Of one run alone the first line is the original; of several each name begins with its run's."""
    first = tiny_scene().run.optimiser
    slower = first.model_copy(update={"learning_rate": 0.125})
    lines = [line(0, 2000), line(1, 2000, start=1400, parent=0, changes=((0, first), (1400, slower)))]
    assert line_names(lines, tiny_scene().runs()) == {0: "original", 1: "from 1,400, learning rate 0.125"}
    again = replace(lines[1], changes=((0, first),))
    assert line_names([again], tiny_scene().runs())[1] == "from 1,400"
    runs = (RunSpec(), RunSpec(seed=3))
    assert line_names([*lines, line(2, 9, run=1)], runs) == {
        0: "seed 0",
        1: "seed 0: from 1,400, learning rate 0.125",
        2: "seed 3",
    }


# --- what is drawn ---------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 4)), st.integers(0, 4))
def test_what_is_hidden_is_not_drawn_but_the_one_in_front_always_is(hidden: set[int], front: int) -> None:
    """In the order in which they began; hiding changes no other line's name or style."""
    scene = tiny_scene()
    lines = tuple(line(n, 8, start=n, parent=n - 1 if n else None, live=n == front) for n in range(5))
    moment = frame(1, 8, lines=lines, focus=front)
    found = drawn_lines(moment, scene.runs(), scene, frozenset(hidden))
    assert [m.number for m in found] == [n for n in range(5) if n not in hidden or n == front]
    whole = {m.number: m for m in drawn_lines(moment, scene.runs(), scene, frozenset())}
    assert all((m.name, m.style) == (whole[m.number].name, whole[m.number].style) for m in found)
    assert [m.number for m in found if m.front] == [front]
    assert {m.number for m in found if m.past} == {m.number for m in found} - {front}


def test_every_line_has_a_style_of_its_own_and_a_fan_shares_one() -> None:
    """A branch of a fan's member is a line by itself."""
    scene = tiny_scene(run__seeds=3)
    scene = scene.edited({"variants": [scene.run.model_copy(update={"seed": 50, "seeds": 2}).model_dump()]})
    lines = (*(line(n, 8, run=n) for n in range(5)), line(5, 8, run=1, start=4, parent=1))
    found = drawn_lines(frame(1, 8, lines=lines), scene.runs(), scene, frozenset())
    assert [m.fan for m in found] == [0, 0, 0, 1, 1, -1]
    styles = [m.style for m in found]
    assert styles[:3] == [styles[0]] * 3
    assert styles[3] == styles[4]
    assert len({styles[0], styles[3], styles[5]}) == 3
    names = [m.name for m in found]
    assert len(set(names)) == 6


def test_branches_that_the_seeds_of_a_fan_began_together_are_a_fan() -> None:
    """They are drawn as their parents are; a second such fan is another one."""
    scene = tiny_scene(run__seeds=3)
    first = [line(n, 8, run=n) for n in range(3)]
    second = [line(3 + n, 8, run=n, start=4, parent=n) for n in range(3)]
    third = [line(6 + n, 8, run=n, start=2, parent=3 + n) for n in range(3)]
    found = drawn_lines(frame(1, 8, lines=(*first, *second, *third)), scene.runs(), scene, frozenset())
    assert [m.fan for m in found] == [0] * 3 + [1] * 3 + [2] * 3
    assert len({m.style for m in found}) == 3


@pytest.mark.parametrize("name", ["train_loss", "gradient_1"])
def test_a_fan_goes_on_without_a_member_that_has_ended(name: str) -> None:
    """Up to there it counts, what is not finite of it does not; what is not finite of one that goes on does."""
    steps = np.arange(9)
    values = [np.full(9, float(k + 1)) for k in range(3)]
    members = [drawn_line({"step": steps, name: v}, k) for k, v in enumerate(values)]
    short = np.array([9.0, 9.0, 9.0, np.nan])
    members.append(drawn_line({"step": steps[:4], name: short}, 3, ended=True))
    found = fan_of(members, name)
    assert found.steps.tolist() == steps.tolist()
    assert found.median.tolist() == [2.5] * 3 + [2.0] * 6
    assert found.high.tolist() == [9.0] * 3 + [3.0] * 6
    values[1][7] = np.nan
    assert np.isnan(fan_of(members, name).median).tolist() == [k == 7 for k in range(9)]


def test_lines_that_the_scene_knows_nothing_of_are_drawn_all_the_same() -> None:
    """The scene is ahead of the pictures while its runs are loaded."""
    state = state_with(tiny_scene(run__seeds=3), tuple(line(n, 8, run=n) for n in range(3)))
    ahead = replace(state, scene=tiny_scene())
    assert len(lines_of(ahead)) == 3
    assert lines_of(state_of()) == ()
    assert marks.entries(ahead)


# --- fans ------------------------------------------------------------------------------------------------------------

VALUES = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf])


@st.composite
def fans(draw: st.DrawFn) -> list[DrawnLine]:
    """Members with steps of their own, step 0 among them, and values that may not be numbers."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        steps = np.array(sorted({0, *draw(st.lists(st.integers(0, 12), max_size=9))}), dtype=np.int64)
        values = draw(hnp.arrays(float, len(steps), elements=VALUES))
        found.append(drawn_line({"step": steps, "train_loss": values}, number, fan=0))
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the infinite ones, in the oracle too
@given(fans())
def test_a_fan_is_the_least_the_median_and_the_greatest_of_its_members(members: list[DrawnLine]) -> None:
    """At each step that all of them have, taken one by one; where one is not a number there is none."""
    found = fan_of(members, "train_loss")
    common = [s for s in range(13) if all(s in m.series["step"].tolist() for m in members)]
    assert found.steps.tolist() == common
    for at, step in enumerate(common):
        here = [float(m.series["train_loss"][m.series["step"].tolist().index(step)]) for m in members]
        expected = (np.min(here), np.median(here), np.max(here))
        got = (found.low[at], found.median[at], found.high[at])
        assert np.array_equal(got, expected, equal_nan=True)


def test_the_order_of_its_members_is_nothing_to_a_fan() -> None:
    """It is a statistic."""
    steps = np.arange(6)
    members = [drawn_line({"step": steps, "train_loss": np.sin(steps + n)}, n) for n in range(4)]
    one, other = fan_of(members, "train_loss"), fan_of(members[::-1], "train_loss")
    for name in ("steps", "low", "median", "high"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


# --- the legend ------------------------------------------------------------------------------------------------------


def test_the_legend_has_an_entry_for_each_line_and_one_for_a_fan() -> None:
    """Hidden ones too, so that they can be shown again; the one in front is always shown."""
    scene = tiny_scene(run__seeds=3)
    state = state_with(scene, (*(line(n, 8, run=n) for n in range(3)), line(3, 8, start=4, parent=0)), focus=3)
    fan, branch = marks.entries(state)
    assert (fan.lines, branch.lines) == ((0, 1, 2), (3,))
    assert "seed 0" in fan.name
    assert "seed 2" in fan.name
    assert (fan.front, branch.front) == (False, True)
    hidden = after(state, *(ShowLine(n, False) for n in range(4)))
    fan, branch = marks.entries(hidden)
    assert (fan.shown, branch.shown) == (False, True)
    assert marks.entries(reduce(ShowLine(1, True), hidden))[0].shown


def test_what_is_past_can_be_forgotten() -> None:
    """A line whose run went on along another; not one that goes on."""
    lines = (line(0, 8, live=False), line(1, 8, start=4, parent=0))
    assert [e.past for e in marks.entries(state_with(tiny_scene(), lines, focus=1))] == [True, False]


# --- the timeline ----------------------------------------------------------------------------------------------------


def test_steps_are_those_of_the_line_in_front() -> None:
    """None before there is a run, also while the frame of the last one is still on screen."""
    lines = (line(0, 8, head=40), line(1, 5, head=9, start=5, parent=0))
    state = state_with(tiny_scene(), lines, focus=1, step=5)
    head, step, _, recorded = marks.steps(state)
    assert (head, step) == (9, 5)
    assert recorded is not None
    assert recorded.tolist() == list(range(10))
    for nothing in (state_of(), reduce(Reset(), state)):
        assert marks.steps(nothing)[:2] == (0, 0)
        assert marks.steps(nothing)[3] is None
        assert marks.marks(nothing) == ()


def test_every_change_has_a_mark_that_says_what_was_what_and_is() -> None:
    """Several at one step are several marks; what a run began with is no change."""
    first = tiny_scene().run.optimiser
    second = first.model_copy(update={"learning_rate": 0.125, "batch_size": 7})
    changes = ((0, first), (1200, second), (1500, first))
    found = marks.marks(state_with(tiny_scene(), (line(0, 8, head=2000, changes=changes),)))
    assert [(m.step, m.kind) for m in found] == [(1200, "change")] * 2 + [(1500, "change")] * 2
    assert found[0].words == "From step 1,200: learning rate 0.5 to 0.125"
    assert found[1].words == "From step 1,200: batch size 10 to 7"
    assert found[2].words == "From step 1,500: learning rate 0.125 to 0.5"


def test_branches_are_marked_on_both_lines_and_the_end_where_it_is() -> None:
    """Where this line left another, where others leave it, and why it goes on no further."""
    lines = (line(0, 40), line(1, 30, start=10, parent=0), line(2, 25, start=20, parent=1, ended="It is not finite."))
    for front, expected in (
        (0, [(10, "branch")]),
        (1, [(10, "branch"), (20, "branch")]),
        (2, [(20, "branch"), (25, "end")]),
    ):
        found = marks.marks(state_with(tiny_scene(), lines, focus=front))
        assert [(m.step, m.kind) for m in found] == expected
    assert found[-1].words == "It is not finite."
