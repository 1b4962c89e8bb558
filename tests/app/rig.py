"""Made-up messages, engines that only write down what they are told, and a clock that is turned by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from thalweg.app.binding import Binding
from thalweg.app.controller import Controller
from thalweg.app.overlay import DrawnLine
from thalweg.app.settings import Settings
from thalweg.app.state import AppState, opened
from thalweg.core.messages import (
    Acknowledge,
    Frame,
    LineNow,
    Map,
    MapRequest,
    Path,
    PlaneLaid,
    Ready,
    SliceCurve,
    SlicesDrawn,
    Started,
)
from thalweg.core.scene import Scene, SlicesSpec

SIZE = 784 * 8 + 8 + 8 * 10 + 10


def tiny_scene(**changes: Any) -> Scene:
    """A hundred built-in digits, a hidden layer of eight, a small map; changed at dotted paths, ``__`` for a dot."""
    tree = {
        "run.data.train": 100,
        "run.data.test": 20,
        "run.data.measured": 50,
        "run.network.hidden": (8,),
        "run.optimiser.learning_rate": 0.5,
        "view.plane.resolution": 9,
        "view.plane.examples": 50,
    }
    return Scene().edited(tree | {k.replace("__", "."): v for k, v in changes.items()})


def state_of(scene: Scene | None = None, **settings: Any) -> AppState:
    """The state of a window that has just opened this scene, or a tiny one."""
    return opened(scene or tiny_scene(), "tiny.toml", Settings(**settings))


def started(generation: int = 1) -> Started:
    """A run that stands at step 0."""
    return Started(
        generation=generation,
        runs=tiny_scene().runs(),
        data="made up",
        measured=50,
        train_count=100,
        test_count=20,
        objective="cross-entropy",
        unit="nats",
        device="cpu",
        examples=np.arange(100 * 784, dtype=np.uint32).astype(np.uint8).reshape(100, 28, 28),
        labels=tuple(str(k % 10) for k in range(100)),
    )


def path(plane: int, alpha: Any = (0.0,), beta: Any = None) -> Path:
    """A path on a plane, steps 0, 1, 2 ..."""
    a = np.asarray(alpha, dtype=float)
    b = np.zeros(len(a)) if beta is None else np.asarray(beta, dtype=float)
    return Path(plane, np.arange(len(a)), a, b, 0.5)


def line(number: int = 0, step: int = 0, on: Path | None = None, head: int | None = None, **changes: Any) -> LineNow:
    """A line of training that stands at ``step``; its measures are 1, 1/2, 1/3, ..."""
    head = step if head is None else head
    steps = np.arange(head + 1)
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "gradient_1", "gradient_2")
    made = LineNow(
        number=number,
        run=0,
        start=0,
        head=head,
        step=step,
        live=True,
        recorded=steps,
        changes=((0, tiny_scene().run.optimiser),),
        series={"step": steps} | dict.fromkeys(names, 1.0 / (1 + steps)),
        weight_map=np.full((28, 28), 1.0 + step, dtype=np.float32),
        path=on,
    )
    return replace(made, **changes)


def drawn_line(series: dict[str, np.ndarray] | None = None, number: int = 0, **changes: Any) -> DrawnLine:
    """A line of training as the figures draw it: with these measures, or those of a :func:`line` at step 40."""
    found = (line(number, 40).series or {}) if series is None else series
    step = int(found["step"][-1])
    made = DrawnLine(number, f"line {number}", number, number == 0, False, False, -1, step, found, None, ())
    return replace(made, **changes)


def frame(
    generation: int = 1,
    step: int = 0,
    on: Path | None = None,
    parameters: bool = False,
    stepping: bool = False,
    lines: tuple[LineNow, ...] = (),
    focus: int = 0,
    head: int | None = None,
    tuned: int = 0,
    tuned_at: tuple[int, int] | None = None,
    newest: int = -1,
) -> Frame:
    """A moment of a run, of one line unless others are given; the parameters are all equal to the step.

    ``newest``: with those of that step, the newest.
    """
    lines = lines or (line(0, step, on, head),)
    return Frame(
        generation=generation,
        step=step,
        epoch=step / 10,
        stepping=stepping,
        steps_per_second=12.0,
        lines=lines,
        focus=focus,
        following=head is None or head == step,
        apart=head is not None and head != step,
        tuned=tuned,
        tuned_at=(focus, step) if tuned_at is None else tuned_at,
        parameters=np.full(SIZE, float(step), dtype=np.float32) if parameters else None,
        of=(focus, step),
        newest=np.full(SIZE, float(newest), dtype=np.float32) if newest >= 0 and newest != step else None,
        newest_step=newest,
    )


def laid(plane: int, generation: int = 1, step: int = 0) -> PlaneLaid:
    """A plane that was laid."""
    x, y = np.eye(2, SIZE, dtype=np.float32)
    labels, units = ("layer 1", "layer 2"), ("distance", "distance")
    return PlaneLaid(generation, plane, step, np.zeros(SIZE, np.float32), x, y, labels, units, 0.0)


def bowl(points: int = 9, low: float = -2.0, high: float = 4.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid and the loss on it: a bowl with its floor at (1, 0.5)."""
    x = y = np.linspace(low, high, points)
    return x, y, 0.3 + (x[None, :] - 1) ** 2 + 2 * (y[:, None] - 0.5) ** 2


def a_map(
    plane: int,
    number: int = 1,
    generation: int = 1,
    step: int = 0,
    complete: bool = True,
    loss: np.ndarray | None = None,
    scene: Scene | None = None,
) -> Map:
    """A landscape: a bowl, unless another loss [n, n] is given."""
    x, y, made = bowl(9 if loss is None else len(loss))
    z = made if loss is None else loss
    return Map(
        generation=generation,
        number=number,
        plane=plane,
        step=step,
        laid_step=0,
        view=(scene or tiny_scene()).view.plane,
        x=x,
        y=y,
        loss=z,
        accuracy=np.full(z.shape, 0.5),
        evaluated=z.size,
        complete=complete,
        examples=50,
        point=(0.0, 0.0),
        loss_at_point=1.5,
        loss_at_projection=1.6,
        labels=("negative gradient, layer 1", "negative gradient, layer 2"),
        units=("distance", "distance"),
        cosine=0.0,
    )


def a_slice(layer: int, kind: str = "gradient", others: str = "now", points: int = 9) -> SliceCurve:
    """A slice: a parabola of its own for each layer and kind, with its floor at t = 1."""
    unit, half = ("distance", 5.0) if kind == "gradient" else ("filter norms", 1.0)
    t, bend = np.linspace(-half, half, points), float(layer) / (1 if kind == "gradient" else 2)
    loss = 0.5 + {"now": 0, "start": 1, "end": 2}[others] + bend * (t - 1) ** 2
    return SliceCurve(layer, kind, others, f"{kind} of layer {layer}", unit, t, loss, t * 0 + 0.5, -2 * bend, 2 * bend)


def no_slice(layer: int, kind: str = "gradient", others: str = "now") -> SliceCurve:
    """A layer without a direction."""
    empty = np.empty(0)
    reason = f"the gradient of layer {layer} has norm 0 here, so it gives no direction"
    return SliceCurve(layer, kind, others, "", "", empty, empty, empty, np.nan, np.nan, reason)


def slices_drawn(
    generation: int = 1,
    number: int = 0,
    step: int = 0,
    layers: int = 2,
    count: int | None = None,
    newest: int | None = None,
    **view: Any,
) -> SlicesDrawn:
    """All slices of so many layers, or the first ``count`` of them; ``view`` changes the spec."""
    spec = SlicesSpec(**view)
    ways = spec.settings_at(newest is None)
    numbers = spec.numbers(layers)
    curves = [a_slice(n, k, o) for n in numbers for k in spec.directions for o in (ways if n else ("now",))]
    return SlicesDrawn(generation, number, step, spec, layers, tuple(curves[:count]), len(curves), 50, newest)


class FakeClock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class FakeEngine:
    """A worker that only writes down what it is told, and says what the test gives it to say."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: list[Any] = []
        self.events: list[object] = []
        self.restarts: list[str | None] = []
        self.closed = 0

    def send(self, command: Any) -> None:
        """Write it down."""
        self.sent.append(command)

    def poll(self) -> list[object]:
        """What the test has put here."""
        events, self.events = self.events, []
        return events

    def restart(self, device: str | None = None) -> None:
        """Write it down."""
        self.restarts.append(device)

    def close(self) -> None:
        """Count."""
        self.closed += 1

    def told(self, kind: type | tuple[type, ...] = object) -> list[Any]:
        """The commands of a kind since the last time, which are then forgotten with all others."""
        found = [c for c in self.sent if isinstance(c, kind)]
        self.sent = []
        return found


class Rig:
    """A controller between two such engines."""

    def __init__(self, scene: Scene | None = None, bindings: list[Binding] | None = None, **settings: Any) -> None:
        self.clock = FakeClock()
        self.session, self.landscapes = FakeEngine("training"), FakeEngine("landscape")
        self.controller = Controller(state_of(scene, **settings), self.session, self.landscapes, self.clock)
        self.controller.bind(bindings or [])

    @property
    def state(self) -> AppState:
        """The controller's."""
        return self.controller.state

    def hear(self, *events: object) -> None:
        """The workers say something, and the controller looks."""
        for event in events:
            worker = self.landscapes if isinstance(event, Map | PlaneLaid | SlicesDrawn) else self.session
            worker.events.append(event)
        self.controller.tick()

    def ready(self) -> None:
        """Both workers have loaded."""
        self.landscapes.events.append(Ready("landscape"))
        self.hear(Ready("training"))

    def stand_at_zero(self) -> None:
        """The run stands at step 0, and a map has been asked for."""
        self.ready()
        g = self.state.generation
        self.hear(started(g), frame(g, 0, parameters=True))

    def requests(self) -> list[MapRequest]:
        """The maps asked for since the last time."""
        return self.landscapes.told(MapRequest)

    def acknowledgements(self) -> list[Acknowledge]:
        """The acknowledgements since the last time."""
        return self.session.told(Acknowledge)
