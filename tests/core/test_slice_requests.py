"""The landscape service's answers to requests for slices."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import torch

from thalweg.core import buffers
from thalweg.core import data as datasets
from thalweg.core.landscape import service as services
from thalweg.core.landscape.service import LandscapeService
from thalweg.core.landscape.slices import Slice, _direction, slices
from thalweg.core.messages import Failed, MapRequest, SliceRequest, SlicesDrawn
from thalweg.core.problem import Problem, build
from thalweg.core.scene import AxisSpec, PlaneSpec, RunSpec, SlicesSpec
from thalweg.core.training.session import Session

from .toys import plain, tiny_run

VIEW = SlicesSpec(points=7, examples=40, distance=2.0, norms=0.5, seed=3, others="both")


@pytest.fixture(scope="module")
def trained() -> tuple[Problem, np.ndarray]:
    """A problem and its parameters after 15 steps."""
    run = tiny_run()
    session = Session(run, build(run, datasets.load(run.data)))
    for _ in range(15):
        session.step()
    return session.problem, session.snapshot().numpy()


def request(trained, view: SlicesSpec = VIEW, **changes: object) -> SliceRequest:
    """The slices at step 15."""
    return dataclasses.replace(SliceRequest(4, 2, tiny_run(), view, 15, trained[1]), **changes)


def answered(wanted: SliceRequest, service: LandscapeService | None = None) -> list[SlicesDrawn | Failed]:
    """All events but the pauses."""
    return [e for e in (service or LandscapeService()).slices(wanted) if e is not None]


def test_every_layer_direction_and_setting_of_the_others_comes_once(trained) -> None:
    """In the order of the layers, all with the request's numbers; nothing of torch crosses the process boundary."""
    *_, drawn = answered(request(trained))
    assert (drawn.generation, drawn.number, drawn.step, drawn.view, drawn.examples) == (4, 2, 15, VIEW, 40)
    layers = range(1, len(trained[0].layout.layers) + 1)
    assert drawn.layers == len(layers)
    wanted = [(n, k, o) for n in layers for k in ("gradient", "random") for o in ("now", "start")]
    assert [(c.layer, c.kind, c.others) for c in drawn.curves] == wanted
    assert drawn.complete
    assert b"torch" not in pickle.dumps(drawn)
    for c in drawn.curves:
        half = 2.0 if c.kind == "gradient" else 0.5
        assert (c.t[0], c.t[3], c.t[-1], len(c.t)) == (-half, 0.0, half, 7)
        assert c.unit == ("distance" if c.kind == "gradient" else "filter norms")
        assert c.value == c.loss[3]


def test_the_numbers_are_those_of_the_slices_themselves(trained) -> None:
    """Loss, accuracy, slope and curvature, with the others as now and as at the start of this run."""
    problem, point = trained
    *_, drawn = answered(request(trained))
    for kind, half in (("gradient", 2.0), ("random", 0.5)):
        vectors = {"now": torch.from_numpy(point), "start": problem.start}
        expected = [
            s
            for s in slices(problem, vectors["now"], np.linspace(-half, half, 7), examples=40, kinds=(kind,), seed=3,
                            others=vectors)
            if isinstance(s, Slice)
        ]  # fmt: skip
        mine = [c for c in drawn.curves if c.kind == kind]
        assert len(mine) == len(expected)
        for c, s in zip(mine, expected, strict=True):
            assert (c.layer, c.others, c.label) == (s.layer, s.others, s.label)
            np.testing.assert_allclose(c.loss, s.loss, rtol=1e-6)
            np.testing.assert_array_equal(c.accuracy, s.accuracy)
            assert (c.slope, c.curvature) == pytest.approx((s.slope, s.curvature), rel=1e-5, abs=1e-9)


def test_the_point_has_the_plain_loss_of_its_mixture(trained) -> None:
    """The layer as now and the others as at the start: the loss at t = 0, computed by a plain float64 copy."""
    problem, point = trained
    *_, drawn = answered(request(trained))
    for c in drawn.curves:
        vector = torch.from_numpy(point).clone() if c.others == "now" else problem.start.clone()
        span = problem.layout.layers[c.layer - 1].span
        vector[span] = torch.from_numpy(point)[span]
        assert c.value == pytest.approx(plain(problem, vector, problem.first(40))[0], rel=1e-5)


def test_the_start_is_that_of_the_runs_own_seed(trained) -> None:
    """A problem that was built for another seed serves too, but its start does not."""
    service, other = LandscapeService(), tiny_run(seed=77)
    answered(request(trained), service)
    *_, drawn = answered(request(trained, run=other), service)
    (fresh,) = answered(request(trained, run=other))
    for a, b in zip(drawn.curves, fresh.curves, strict=True):
        np.testing.assert_array_equal(a.loss, b.loss)
    start = build(other, datasets.load(other.data)).start
    first = next(c for c in drawn.curves if c.others == "start")
    span = trained[0].layout.layers[0].span
    start[span] = torch.from_numpy(trained[1])[span]
    assert first.value == pytest.approx(plain(trained[0], start, trained[0].first(40))[0], rel=1e-5)


@pytest.mark.parametrize(
    ("kinds", "others", "count"), [("gradient", "now", 1), ("random", "start", 1), ("both", "start", 2)]
)
def test_only_what_is_asked_for_is_computed(trained, kinds: str, others: str, count: int) -> None:
    """Kinds of direction and settings of the others."""
    *_, drawn = answered(request(trained, VIEW.model_copy(update={"kinds": kinds, "others": others})))
    assert drawn.total == len(drawn.curves) == count * drawn.layers
    assert {c.others for c in drawn.curves} == {others}
    assert {c.kind for c in drawn.curves} == ({"gradient", "random"} if kinds == "both" else {kinds})


def test_a_layer_without_a_direction_says_why(trained) -> None:
    """Where training has diverged there is none; all is told, nothing raised."""
    *_, drawn = answered(request(trained, point=np.full_like(trained[1], np.nan)))
    assert drawn.complete
    assert all(c.reason and len(c.t) == 0 and np.isnan(c.value) for c in drawn.curves)


def test_what_there_is_so_far_is_told_when_it_takes_long(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time with one slice more; the last is complete, and is not told twice."""
    monkeypatch.setattr(services, "PATIENCE", 0.0)
    told = answered(request(trained))
    assert [len(d.curves) for d in told] == list(range(1, told[-1].total + 1))
    assert [d.complete for d in told] == [False] * (len(told) - 1) + [True]


def test_a_request_can_be_left_at_any_pause(trained) -> None:
    """And the service is then as good as new."""
    service = LandscapeService()
    events = service.slices(request(trained))
    assert next(events) is None
    assert next(events) is None
    events.close()
    *_, drawn = answered(request(trained), service)
    (fresh,) = answered(request(trained))
    for a, b in zip(drawn.curves, fresh.curves, strict=True):
        np.testing.assert_array_equal(a.loss, b.loss)


def test_data_that_is_missing_fails_with_a_sentence(trained, tmp_path) -> None:
    """Not with an exception."""
    wanted = request(trained, run=RunSpec(data={"name": "mnist"}))
    *_, found = answered(wanted, LandscapeService(cache=tmp_path))
    assert isinstance(found, Failed)
    assert (found.worker, found.number, found.generation) == ("slices", 2, 4)
    assert found.sentence.startswith("No slices: ")


def test_what_only_changes_the_drawing_is_not_computed_anew() -> None:
    """Two specs that differ in nothing else have equal keys; any other field makes them differ."""
    base = SlicesSpec()
    drawing = {"scale": "own", "tangent": False, "parabola": False}
    numbers = {
        "kinds": "random",
        "others": "both",
        "distance": 3.0,
        "norms": 2.0,
        "ways": 0.5,
        "seed": 9,
        "points": 11,
        "examples": 5,
    }
    assert set(drawing) | set(numbers) == set(SlicesSpec.model_fields)
    for name, value in drawing.items():
        assert base.model_copy(update={name: value}).computed() == base.computed()
    for name, value in numbers.items():
        assert base.model_copy(update={name: value}).computed() != base.computed()


def test_a_map_of_another_step_in_between_changes_nothing() -> None:
    """Its running statistics are those of its own step, and the slices keep theirs."""
    run = RunSpec.model_validate(
        {
            "data": {"train": 60, "test": 10, "measured": 30},
            "network": {"kind": "residual", "width": 4, "blocks": 1, "activation": "relu", "initialisation": "he"},
        }
    )
    problem = build(run, datasets.load(run.data))
    count = len(buffers.flatten(problem.module))
    own, other = (np.full(count, value, dtype=np.float32) for value in (0.7, 3.0))
    point = problem.start.numpy()
    view = SlicesSpec(points=5, examples=20, kinds="gradient", others="now")
    wanted = SliceRequest(4, 2, run, view, 15, point, own)
    *_, expected = answered(wanted)  # after what is told of the way, where that takes long
    random = AxisSpec(kind="random")
    plane = PlaneSpec(x=random, y=random.model_copy(update={"seed": 2}), resolution=5, examples=20)
    mapped = MapRequest(4, 3, run, plane, 1, 16, point, 16, point, (-1.0, 1.0), (-1.0, 1.0), 0, (), other, other)
    service = LandscapeService()
    found = []
    for k, event in enumerate(service.slices(wanted)):
        if k == 3:
            list(service.answer(mapped))
        if event is not None:
            found.append(event)
    assert [c.loss.tolist() for c in found[-1].curves] == [c.loss.tolist() for c in expected.curves]


def test_the_way_from_the_start_ends_where_the_run_started(trained) -> None:
    """-1 is the start, 0 is here; of all layers together first, then of each alone with both settings of the others."""
    view = VIEW.model_copy(update={"kinds": "way", "ways": 1.0})
    *_, drawn = answered(request(trained, view))
    count = len(trained[0].layout.layers)
    assert [(c.layer, c.others) for c in drawn.curves] == [
        (0, "now"), *((n, o) for n in range(1, count + 1) for o in ("now", "start")),
    ]  # fmt: skip
    assert drawn.complete and {c.unit for c in drawn.curves} == {"of the way"}
    problem, here = trained[0], torch.from_numpy(trained[1])
    batch = problem.first(40)
    ends = [plain(problem, v, batch)[0] for v in (problem.start, here)]
    whole = drawn.curves[0]
    assert (whole.t[0], whole.t[3]) == (-1.0, 0.0)
    assert [whole.loss[0], whole.loss[3]] == pytest.approx(ends, rel=1e-5)
    for c in drawn.curves[1:]:
        at = (here if c.others == "now" else problem.start).clone()
        span = problem.layout.layers[c.layer - 1].span
        at[span] = problem.start[span]
        assert c.loss[0] == pytest.approx(plain(problem, at, batch)[0], rel=1e-5)


def test_at_the_start_there_is_no_way_from_it(trained) -> None:
    """Each layer says so."""
    view = VIEW.model_copy(update={"kinds": "way", "others": "now"})
    *_, drawn = answered(request(trained, view, step=0, point=trained[0].start.numpy()))
    assert drawn.complete and all("no direction" in c.reason for c in drawn.curves)


# --- with the other layers as at the newest step ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def later(trained) -> np.ndarray:
    """The parameters after 40 steps."""
    run = tiny_run()
    session = Session(run, build(run, datasets.load(run.data)))
    for _ in range(40):
        session.step()
    return session.snapshot().numpy()


@pytest.mark.parametrize("kinds", ["gradient", "random", "way"])
def test_the_others_as_trained_against_a_plain_loop(trained, later, kinds: str) -> None:
    """The layer where it is at step 15, the others where they are at step 40: point by point, in float64."""
    view = VIEW.model_copy(update={"kinds": kinds, "others": "all"})
    *_, drawn = answered(request(trained, view, newest=later, newest_step=40))
    problem, here = trained[0], torch.from_numpy(trained[1])
    count, batch = len(problem.layout.layers), problem.first(40)
    assert drawn.newest == 40
    assert drawn.settings_of_others == ("now", "start", "end")
    assert drawn.complete and drawn.total == 3 * count + (kinds == "way")
    for layer in range(1, count + 1):
        span = problem.layout.layers[layer - 1].span
        directions = {c.label: c for c in drawn.curves if c.layer == layer}
        assert len(directions) == 1, "one direction, whatever the others are"
        c = next(c for c in drawn.curves if (c.layer, c.others) == (layer, "end"))
        way = _direction(problem, here, layer, kinds, 40, VIEW.seed, problem.start).vector
        for k, t in enumerate(c.t):
            vector = torch.from_numpy(later).clone()
            vector[span] = (here + float(t) * way)[span]
            loss, right, _ = plain(problem, vector, batch)
            assert (c.loss[k], c.accuracy[k]) == pytest.approx((loss, right), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(("others", "ways"), [("end", ("now",)), ("all", ("now", "start"))])
def test_at_the_newest_step_nothing_is_computed_twice(trained, others: str, ways: tuple[str, ...]) -> None:
    """The end is now; that is told."""
    *_, drawn = answered(request(trained, VIEW.model_copy(update={"others": others})))
    assert drawn.newest is None
    assert drawn.settings_of_others == ways
    assert drawn.complete and len(drawn.curves) == len(ways) * 2 * drawn.layers
    assert {c.others for c in drawn.curves} == set(ways)


@pytest.mark.parametrize(("half", "points"), [(1.0, 81), (1.0, 6), (3.0, 10), (1.7, 33), (0.5, 9)])
def test_the_start_itself_is_a_point_of_the_way(trained, half: float, points: int) -> None:
    """Wherever the even points fall, as long as the way reaches so far back; each point is there once."""
    view = SlicesSpec(kinds="way", ways=half, points=points, examples=5)
    *_, drawn = answered(request(trained, view))
    for c in drawn.curves:
        assert (-1.0 in c.t) == (half >= 1)
        assert np.diff(c.t).min() > 1e-6
        assert (c.t[0], c.t[-1]) == (-half, half)
