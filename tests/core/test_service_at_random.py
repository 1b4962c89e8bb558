"""Any sequence of commands to the training service: what is shown of a step is what an uninterrupted run has there."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Focus,
    Forget,
    Frame,
    Limit,
    Move,
    PlaneLaid,
    Play,
    PutBack,
    SessionCommand,
    Show,
    Start,
    Tune,
)
from thalweg.core.scene import OptimiserSpec, PaceSpec
from thalweg.core.training.service import TrainingService

from .toys import OPTIMISERS, Uninterrupted, tiny_run

RUN = tiny_run(optimiser=OPTIMISERS["sgd with momentum"].model_dump())
PLAIN = {k: Uninterrupted(run) for k, run in enumerate((RUN, tiny_run(seed=6)))}
SHARES = st.floats(0, 1)
RATES = st.sampled_from([0.1, 0.02, 0.3])


class Ticking:
    """A clock on which every look takes a millisecond."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        self.time += 1e-3
        return self.time


class Commands(RuleBasedStateMachine):
    """A service, and beside it what was asked for: of each line its run, head and changes; the step that is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.service: TrainingService | None = None

    @initialize(count=st.integers(1, 2), memory=st.sampled_from([1, 400_000, 512 * 2**20]))
    def begin(self, count: int, memory: int) -> None:
        """One run, or two."""
        self.service, self.tuned, self.seen = TrainingService(now=Ticking()), 0, None
        runs = tuple(PLAIN[k].run for k in range(count))
        *_, self.seen = self.service.handle(Start(1, runs, memory))
        self.lines = {k: (k, 0, [(0, run.optimiser)]) for k, run in enumerate(runs)}
        self.puts = {k: [] for k in self.lines}
        self.goes_on = dict.fromkeys(range(count))
        self.goes_on.update({k: k for k in range(count)})
        self.focus = self.at = 0

    def say(self, command: SessionCommand) -> None:
        """A command, and all of the way that it asks for."""
        assert list(self.service.handle(command)) == []
        while self.service.wait() == 0.0 and self.service.work(0.01) is None:
            pass

    def took(self) -> None:
        """What the runs have come to, where they went on by themselves."""
        for k, run in enumerate(self.service.runs.all):
            number = self.goes_on[k]
            assert run.line.number == number
            owner, head, made = self.lines[number]
            self.lines[number] = owner, max(head, run.step_count), made
        self.at = self.service.runs.front.step_count

    @rule(steps=st.integers(1, 12))
    def advance(self, steps: int) -> None:
        """From the step that is seen on."""
        before = self.at
        self.say(Advance(1, steps))
        self.took()
        assert self.at == before + steps

    @rule(seconds=st.floats(0.001, 0.05), rate=st.none() | RATES, looks=st.none() | SHARES)
    def play(self, seconds: float, rate: float | None, looks: float | None) -> None:
        """For a while, perhaps with a change in the middle, perhaps looking back meanwhile."""
        before = self.at
        list(self.service.handle(Play(1, True, PaceSpec())))
        assert self.service.runs.front.step_count == before
        self.service.work(seconds)
        self.took()
        if looks is not None:
            list(self.service.handle(Show(1, round(looks * self.head))))
            self.look()
        if rate is not None:
            self.tune_here(rate)
            self.service.work(seconds)
            self.took()
        self.say(Play(1, False, PaceSpec()))
        self.settle()

    def settle(self) -> None:
        """Ask for the step that is seen, as what was looked at may have been thinned away."""
        self.at = self.look().step
        self.say(Show(1, self.at))

    @property
    def head(self) -> int:
        """The newest step of the line in front."""
        return self.lines[self.focus][1]

    def tune_here(self, rate: float) -> None:
        """A change of learning rate: at the head on the line, before it on a branch."""
        self.tuned += 1
        run, head, made = self.lines[self.focus]
        before = next(o for s, o in reversed(made) if s <= self.at)
        after = before.model_copy(update={"learning_rate": rate})
        list(self.service.handle(Tune(1, self.tuned, after, run=run)))
        if before == after:
            return
        kept = [c for c in made if c[0] < self.at]
        if self.at < head:
            puts = [p for p in self.puts[self.focus] if p[0] <= self.at]
            self.focus = self.goes_on[run] = max(line.number for _, _, line in self.service.runs.lines)
            assert self.focus not in self.lines
            self.puts[self.focus] = puts
        self.lines[self.focus] = run, self.at, [*kept, (self.at, after)]

    @rule(rate=RATES)
    def tune(self, rate: float) -> None:
        """While it stands."""
        self.tune_here(rate)

    @precondition(lambda self: self.at > 0)
    @rule(layer=st.integers(1, 2), share=st.none() | SHARES)
    def put_back(self, layer: int, share: float | None) -> None:
        """A layer, at the step that is seen or at another one of the line in front: a branch begins there."""
        run, head, made = self.lines[self.focus]
        step = None if share is None else max(1, round(share * head))
        at = self.at if step is None else step
        self.say(PutBack(1, layer, None if step is None else self.focus, step))
        puts = [*(p for p in self.puts[self.focus] if p[0] <= at), (at, layer)]
        self.focus = self.goes_on[run] = max(line.number for _, _, line in self.service.runs.lines)
        assert self.focus not in self.lines
        self.lines[self.focus] = run, at, [c for c in made if c[0] <= at]
        self.puts[self.focus], self.at = puts, at

    @rule(share=SHARES)
    def show(self, share: float) -> None:
        """A step of the line in front."""
        self.at = round(share * self.head)
        self.say(Show(1, self.at))

    @rule()
    def show_newest(self) -> None:
        """The head."""
        self.at = self.head
        self.say(Show(1, None))

    @rule(by=st.integers(-15, 15))
    def move(self, by: int) -> None:
        """So many steps back or on."""
        self.at = min(max(self.at + by, 0), self.head)
        self.say(Move(1, by))

    @rule(which=st.integers(0, 9), share=st.none() | SHARES)
    def put_in_front(self, which: int, share: float | None) -> None:
        """Any line, and perhaps a step of it."""
        number = sorted(self.lines)[which % len(self.lines)]
        run, head, _ = self.lines[number]
        stays = min(self.at, head) if self.goes_on[run] == number and share is None else None
        self.say(Focus(1, number, None if share is None else round(share * head)))
        self.focus = self.goes_on[run] = number
        self.at = stays if stays is not None else head if share is None else round(share * head)

    @precondition(lambda self: len(self.lines) > 2)
    @rule(which=st.integers(0, 9))
    def forget(self, which: int) -> None:
        """A line that its run does not go on along."""
        number = sorted(self.lines)[which % len(self.lines)]
        self.say(Forget(1, number))
        if number not in self.goes_on.values():
            del self.lines[number]

    @rule(memory=st.sampled_from([1, 300_000, 512 * 2**20]))
    def limit(self, memory: int) -> None:
        """Less memory, or more; where the step that is seen is thinned away, one that is recorded is seen."""
        self.say(Limit(1, memory))
        self.settle()

    @rule(seed=st.integers(0, 9))
    def lay(self, seed: int) -> None:
        """A plane at the point that is seen."""
        origin = self.look().parameters
        x, y = np.random.default_rng(seed).standard_normal((2, len(origin)), dtype=np.float32)
        self.say(PlaneLaid(1, seed, self.at, origin, x, y, ("", ""), ("", ""), 0.0))

    def look(self) -> Frame:
        """The next frame, checked: its parameters are those of its step."""
        list(self.service.handle(Acknowledge(1, True)))
        frame = self.service.frame()
        assert frame is not None
        self.seen = frame.after(self.seen)
        run, _, made = self.lines[self.focus]
        assert frame.focus == self.focus
        assert frame.tuned == self.tuned
        there = PLAIN[run].at(frame.step, made, self.puts[self.focus])
        assert np.array_equal(frame.parameters, there.parameters.numpy())
        return self.seen

    @invariant()
    def what_is_seen_is_what_was(self) -> None:
        """Step, parameters, epoch, lines with their heads and changes, and measures that ascend."""
        if self.service is None:
            return
        frame = self.look()
        run, head, made = self.lines[self.focus]
        there = PLAIN[run].at(self.at, made, self.puts[self.focus])
        assert (frame.step, frame.following) == (self.at, self.at == head)
        assert abs(frame.epoch - (there.epoch - 1 + there.at / 100 if there.epoch else 0)) < 1e-12
        assert [line.number for line in frame.lines] == sorted(self.lines)
        for line in frame.lines:
            owner, newest, changes = self.lines[line.number]
            assert (line.run, line.head) == (owner, newest)
            assert line.live == (self.goes_on[owner] == line.number)
            assert real(line.changes) == real(changes)
            assert (np.diff(line.recorded) > 0).all()
            assert (line.recorded[0], line.recorded[-1]) == (0, newest)
            assert line.series is not None
            assert (np.diff(line.series["step"]) > 0).all()
            if line.path is not None:
                assert line.path.steps[-1] == line.step
                assert (np.diff(line.path.steps) > 0).all()
                assert np.isfinite(line.path.alpha).all()


def real(made: object) -> list[tuple[int, OptimiserSpec]]:
    """Those changes that change something."""
    entries = list(made)
    return [c for k, c in enumerate(entries) if not k or c[1] != entries[k - 1][1]]


TestCommands = Commands.TestCase
TestCommands.settings = settings(max_examples=40, stateful_step_count=20)
