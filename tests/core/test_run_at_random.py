"""Any sequence of steps, ways back, changes, branches, layers put back, lines forgotten: every line stays as it was."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from thalweg.core.history import MEMORY
from thalweg.core.scene import OptimiserSpec
from thalweg.core.training.moment import Moment
from thalweg.core.training.run import Run

from .toys import OPTIMISERS, Uninterrupted, changes_of, same_moment, tiny_run, training

CHANGES = {
    "learning_rate": st.sampled_from([0.02, 0.3]),
    "momentum": st.sampled_from([0.0, 0.6]),
    "batch_size": st.sampled_from([10, 33]),
}
Made = list[tuple[int, OptimiserSpec]]


def real(made: Made) -> Made:
    """Those changes that change something."""
    return [c for k, c in enumerate(made) if not k or c[1] != made[k - 1][1]]


class Travels(RuleBasedStateMachine):
    """A run, and beside it for each of its lines what was asked for: its head, and from which step which optimiser."""

    def __init__(self) -> None:
        super().__init__()
        self.run: Run | None = None

    @initialize(optimiser=st.sampled_from(sorted(OPTIMISERS)), memory=st.sampled_from([1, 300_000, MEMORY]))
    def begin(self, optimiser: str, memory: int) -> None:
        """A run with one of the optimisers, at step 0."""
        spec = tiny_run(optimiser=OPTIMISERS[optimiser].model_dump())
        self.run, self.plain = training(spec, memory), Uninterrupted(spec)
        self.asked: dict[int, tuple[int, Made]] = {0: (0, [(0, spec.optimiser)])}
        self.puts: dict[int, list[tuple[int, int]]] = {0: []}
        self.at = self.line = 0

    def there(self, step: int, line: int) -> Moment:
        """The moment of a step of a line, as a run has it that only ever went forward."""
        return self.plain.at(step, self.asked[line][1], self.puts[line])

    def optimiser(self) -> OptimiserSpec:
        """The optimiser that was asked for here."""
        return next(o for s, o in reversed(self.asked[self.line][1]) if s <= self.at)

    @rule(steps=st.integers(1, 14))
    def step(self, steps: int) -> None:
        """On along the line."""
        for _ in range(steps):
            self.run.step()
        head, made = self.asked[self.line]
        self.at += steps
        self.asked[self.line] = (max(head, self.at), made)

    @rule(share=st.floats(0, 1))
    def go(self, share: float) -> None:
        """To a step of the same line."""
        self.at = round(share * self.asked[self.line][0])
        self.run.go_to(self.at)

    @precondition(lambda self: len(self.asked) > 1)
    @rule(which=st.integers(0, 9), share=st.floats(0, 1))
    def go_over(self, which: int, share: float) -> None:
        """To a step of any line."""
        self.line = sorted(self.asked)[which % len(self.asked)]
        self.at = round(share * self.asked[self.line][0])
        self.run.go_to(self.at, self.run.lines[self.line])

    @rule(share=st.floats(0, 1), taken=st.integers(0, 5))
    def set_out(self, share: float, taken: int) -> None:
        """Towards a step, and leave the way."""
        way = self.run.going_to(round(share * self.asked[self.line][0]))
        for _ in range(taken):
            next(way, None)
        way.close()
        self.at = self.run.step_count

    @rule(change=st.fixed_dictionaries({}, optional=CHANGES))
    def tune(self, change: dict[str, float]) -> None:
        """Take up another optimiser: at the head on the line, before it on a branch, unless it is what it was."""
        before, after = self.optimiser(), self.optimiser().model_copy(update=change)
        self.run.tune(after)
        head, made = self.asked[self.line]
        if self.at < head and before != after:
            made, puts = [c for c in made if c[0] <= self.at], self.puts[self.line]
            self.line, head = self.run.line.number, self.at
            self.puts[self.line] = [p for p in puts if p[0] <= self.at]
            assert self.line == max(self.run.lines)
        if before != after:
            self.asked[self.line] = (head, [*(c for c in made if c[0] < self.at), (self.at, after)])

    @precondition(lambda self: self.at > 0)
    @rule(layer=st.integers(1, 2))
    def put_back(self, layer: int) -> None:
        """A layer as it was at the start, on a branch that begins here, at the head too."""
        made, puts = self.asked[self.line][1], self.puts[self.line]
        self.line = self.run.put_back(layer).number
        assert self.line == self.run.line.number == max(self.run.lines)
        self.asked[self.line] = (self.at, [c for c in made if c[0] <= self.at])
        self.puts[self.line] = [*(p for p in puts if p[0] <= self.at), (self.at, layer)]

    @precondition(lambda self: len(self.asked) > 1)
    @rule(which=st.integers(0, 9))
    def forget(self, which: int) -> None:
        """Drop a line that it does not stand at."""
        number = sorted(self.asked)[which % len(self.asked)]
        self.run.forget(number)
        if number != self.line:
            del self.asked[number]

    @rule(memory=st.sampled_from([1, 100_000, 300_000, MEMORY]))
    def restrict(self, memory: int) -> None:
        """Have less memory, or more."""
        self.run.restrict(memory)

    @rule()
    def measure(self) -> None:
        """Look at it."""
        self.run.measure()

    @invariant()
    def stands_where_it_should(self) -> None:
        """Bit for bit."""
        if self.run is None:
            return
        assert (self.run.step_count, self.run.line.number) == (self.at, self.line)
        assert {n: line.head for n, line in self.run.lines.items()} == {n: h for n, (h, _) in self.asked.items()}
        assert same_moment(self.run.session.moment(), self.there(self.at, self.line))

    @invariant()
    def what_is_recorded_is_what_was(self) -> None:
        """Of every line, the moment at some of its recorded steps; changes are those that were asked for."""
        if self.run is None:
            return
        for number, line in self.run.lines.items():
            made = self.asked[number][1]
            plain = [o for s, o in made if o != next((b for t, b in reversed(made) if t < s), None)]
            found = [
                o for s, o in changes_of(line) if o != next((b for t, b in reversed(changes_of(line)) if t < s), 0)
            ]
            assert found == plain
            recorded = line.recorded()
            for step in recorded[:: -max(1, len(recorded) // 3)].tolist():
                m, there = line.at(step), self.there(step, number)
                if m is not None:
                    assert m.step == step
                    assert m.parameters.equal(there.parameters)

    def teardown(self) -> None:
        """In the end every line is gone through once more, and goes on as it would have."""
        if self.run is None:
            return
        for number, (head, _) in self.asked.items():
            for step in {head, head // 2}:
                self.run.go_to(step, self.run.lines[number])
                assert same_moment(self.run.session.moment(), self.there(step, number))
            self.run.go_to(head, self.run.lines[number])
            for step in range(head + 1, head + 4):
                self.run.step()
                assert same_moment(self.run.session.moment(), self.there(step, number))


TestTravels = Travels.TestCase
TestTravels.settings = settings(max_examples=60, stateful_step_count=25)
