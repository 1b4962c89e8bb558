"""The landscape service: requests in, planes and maps out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from thalweg.core import data as datasets
from thalweg.core.curvature.steps import finish
from thalweg.core.landscape import evaluators
from thalweg.core.landscape import service as services
from thalweg.core.landscape.service import LandscapeService
from thalweg.core.messages import Failed, Map, MapProgress, MapRequest, PlaneLaid
from thalweg.core.plane.lay import lay
from thalweg.core.problem import Problem, build
from thalweg.core.scene import AxisSpec, PlaneSpec, RunSpec
from thalweg.core.training.session import Session

from .toys import plain, tiny_run

VIEW = PlaneSpec(
    x=AxisSpec(layers=(1,), low=-1.0, high=2.0),
    y=AxisSpec(layers=(2,), low=-1.0, high=1.0),
    mode="fixed",
    resolution=9,
    examples=40,
)


@pytest.fixture(scope="module")
def trained() -> tuple[Problem, np.ndarray, np.ndarray]:
    """A problem, its start, and its parameters after 15 steps."""
    run = tiny_run()
    session = Session(run, build(run, datasets.load(run.data)))
    for _ in range(15):
        session.step()
    return session.problem, session.problem.start.numpy(), session.snapshot().numpy()


def request(trained, view: PlaneSpec = VIEW, **changes: object) -> MapRequest:
    """The first map of a run: laid at step 0, the current point at step 15."""
    _, start, point = trained
    wanted = MapRequest(
        generation=4,
        number=1,
        run=tiny_run(),
        view=view,
        plane=2,
        laid_step=0,
        laid=start,
        step=15,
        point=point,
        x_range=(view.x.low, view.x.high),
        y_range=(view.y.low, view.y.high),
    )
    return dataclasses.replace(wanted, **changes)


def answered(service: LandscapeService, wanted: MapRequest) -> list[PlaneLaid | Map | Failed]:
    """All events but the pauses."""
    return [e for e in service.answer(wanted) if e is not None]


@pytest.mark.parametrize("kind", ["gradient", "random", "weight", "hessian"])
def test_a_plane_on_layers_that_the_network_does_not_have_is_a_failure(trained, kind: str) -> None:
    """As may be of a scene's other runs, whose networks have fewer: a sentence, and the next request is answered."""
    service = LandscapeService()
    view = VIEW.model_copy(update={"x": AxisSpec(kind=kind, layers=(3,))})
    (failed,) = answered(service, request(trained, view))
    assert isinstance(failed, Failed)
    assert (failed.generation, failed.number) == (4, 1)
    assert "layer" in failed.sentence
    assert isinstance(answered(service, request(trained, number=2))[-1], Map)


@pytest.mark.parametrize("line", [0, 7])
def test_a_map_says_which_line_its_point_is_on(trained, line: int) -> None:
    """Every pass of it, that of the request."""
    maps = [e for e in answered(LandscapeService(), request(trained, line=line)) if isinstance(e, Map)]
    assert {m.line for m in maps} == {line}


def test_a_plane_is_laid_and_then_mapped_coarse_to_fine(trained) -> None:
    """PlaneLaid first, then a map after each pass, the last complete; all with the request's numbers."""
    laid, *maps = answered(LandscapeService(), request(trained))
    assert isinstance(laid, PlaneLaid)
    assert (laid.generation, laid.plane, laid.step) == (4, 2, 0)
    problem, start, _ = trained
    plane = finish(lay(problem, torch.from_numpy(start), VIEW))
    assert np.array_equal(laid.origin, start)
    np.testing.assert_allclose(laid.x, plane.x.vector.numpy(), atol=1e-7)
    np.testing.assert_allclose(laid.y, plane.y.vector.numpy(), atol=1e-7)
    assert laid.labels == (plane.x.label, plane.y.label)
    assert laid.cosine == pytest.approx(plane.cosine, abs=1e-6)
    assert [m.evaluated for m in maps] == [25, 81]
    assert [m.complete for m in maps] == [False, True]
    for found in maps:
        assert isinstance(found, Map)
        assert (found.generation, found.number, found.plane) == (4, 1, 2)
        assert (found.step, found.laid_step, found.examples) == (15, 0, 40)
        assert (found.view, found.labels) == (VIEW, laid.labels)


def test_the_map_of_a_fixed_plane_is_the_plain_loss_on_it(trained) -> None:
    """loss[j, i] at origin + x[i] u + y[j] v, over the first examples; the point's own losses beside it."""
    problem, start, point = trained
    laid, *_, found = answered(LandscapeService(), request(trained))
    batch = problem.first(40)
    origin, u, v = (torch.from_numpy(a).double() for a in (laid.origin, laid.x, laid.y))
    even = np.linspace(-1, 2, 9)
    assert found.x.tolist() == [*even[:3].tolist(), 0.0, *even[4:].tolist()]  # through the point where it was laid
    assert found.y.tolist() == np.linspace(-1, 1, 9).tolist()
    for j, i in ((0, 0), (8, 3), (2, 7)):
        loss, accuracy, _ = plain(problem, origin + found.x[i] * u + found.y[j] * v, batch)
        assert found.loss[j, i] == pytest.approx(loss, rel=1e-5)
        assert found.accuracy[j, i] == pytest.approx(accuracy)
    assert found.loss_at_point == pytest.approx(plain(problem, torch.from_numpy(point), batch)[0], rel=1e-5)
    a, b = found.point
    assert found.loss_at_projection == pytest.approx(plain(problem, origin + a * u + b * v, batch)[0], rel=1e-5)
    assert abs(found.loss_at_point - found.loss_at_projection) > 1e-3, "the path has left the plane"
    basis = np.stack([laid.x, laid.y], axis=1).astype(np.float64)
    np.testing.assert_allclose((a, b), np.linalg.lstsq(basis, (point - start).astype(float), rcond=None)[0], atol=1e-6)


@pytest.mark.parametrize("mode", ["follow", "re-aim"])
def test_a_plane_through_the_point_has_the_points_loss(trained, mode: str) -> None:
    """Where the plane goes through the current point, the loss at its projection is the loss at the point."""
    view = VIEW.model_copy(update={"mode": mode})
    wanted = request(trained, view)
    if mode == "re-aim":
        wanted = dataclasses.replace(wanted, laid=wanted.point, laid_step=15)
    *_, found = answered(LandscapeService(), wanted)
    assert found.loss_at_projection == pytest.approx(found.loss_at_point, rel=1e-5)


def test_follow_maps_the_parallel_plane_with_agreeing_coordinates(trained) -> None:
    """The loss around the current point: the same axes, the coordinates of the fixed plane, another map."""
    problem, _, point = trained
    fixed = answered(LandscapeService(), request(trained))
    laid, *_, found = answered(LandscapeService(), request(trained, VIEW.model_copy(update={"mode": "follow"})))
    assert np.array_equal(laid.x, fixed[0].x)
    assert found.point == pytest.approx(fixed[-1].point, abs=1e-5)
    u, v = (torch.from_numpy(a).double() for a in (laid.x, laid.y))
    a, b = found.point
    for j, i in ((0, 0), (5, 6)):
        vector = torch.from_numpy(point).double() + (found.x[i] - a) * u + (found.y[j] - b) * v
        assert found.loss[j, i] == pytest.approx(plain(problem, vector, problem.first(40))[0], rel=1e-5)


def test_a_plane_that_was_laid_is_not_laid_again(trained) -> None:
    """The next request of the same plane is answered with maps only, on the same directions."""
    service = LandscapeService()
    view = VIEW.model_copy(update={"mode": "follow"})
    first = answered(service, request(trained, view))
    again = answered(service, request(trained, view, number=2, laid=trained[2]))
    assert isinstance(first[0], PlaneLaid)
    assert all(isinstance(e, Map) for e in again)
    assert np.array_equal(again[-1].loss, first[-1].loss)
    other = answered(service, request(trained, view, number=3, plane=3))
    assert isinstance(other[0], PlaneLaid)
    newer = answered(service, request(trained, view, number=4, plane=3, generation=5))
    assert isinstance(newer[0], PlaneLaid)


def test_a_fixed_map_is_computed_once(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """While only the point moves, the finished map is sent again; new ranges or another plane are computed."""
    service, calls = LandscapeService(), []
    computed = services.landscape

    def counted(*args: object, **options: object):
        calls.append(args)
        return computed(*args, **options)

    monkeypatch.setattr(services, "landscape", counted)
    *_, first = answered(service, request(trained))
    (again,) = answered(service, request(trained, number=2, step=16, point=trained[1] + 0.01))
    assert len(calls) == 1
    assert (again.number, again.step, again.complete) == (2, 16, True)
    assert np.array_equal(again.loss, first.loss)
    assert again.point != first.point
    assert again.loss_at_point != first.loss_at_point
    for n, change in enumerate(
        (
            {"x_range": (-1.0, 5.0)},
            {"plane": 9},
            {"view": VIEW.model_copy(update={"resolution": 5})},
            {"view": VIEW.model_copy(update={"examples": 10})},
        )
    ):
        answered(service, request(trained, **change))
        assert len(calls) == 2 + n


def test_a_map_that_was_left_is_not_taken_for_a_finished_one(trained) -> None:
    """A request that is left after its first pass leaves the service as good as new."""
    service = LandscapeService()
    for event in service.answer(request(trained)):
        if isinstance(event, Map):
            break
    found = answered(service, request(trained, number=2))
    assert found[-1].complete
    *_, fresh = answered(LandscapeService(), request(trained))
    assert np.array_equal(found[-1].loss, fresh.loss)


def test_another_run_is_another_problem(trained) -> None:
    """Another loss or other data are taken up, whatever was remembered."""
    service = LandscapeService()
    *_, one = answered(service, request(trained))
    other = request(trained, run=tiny_run(objective__loss="squared-error"), generation=5)
    *_, two = answered(service, other)
    *_, fresh = answered(LandscapeService(), other)
    assert np.array_equal(two.loss, fresh.loss)
    assert not np.allclose(one.loss, two.loss)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (AxisSpec(layers=(1,)), AxisSpec(layers=(1,)), "the two axes are parallel"),
        (AxisSpec(layers=(2,), kind="random"), AxisSpec(layers=(2,), kind="random"), "another seed"),
    ],
)
def test_axes_that_span_no_plane_fail_with_a_sentence(trained, x: AxisSpec, y: AxisSpec, words: str) -> None:
    """One Failed, no map; and the next request is answered."""
    service = LandscapeService()
    (found,) = answered(service, request(trained, VIEW.model_copy(update={"x": x, "y": y})))
    assert isinstance(found, Failed)
    assert found.generation == 4
    assert found.sentence.startswith("No landscape: ")
    assert words in found.sentence
    assert isinstance(answered(service, request(trained))[-1], Map)


@pytest.mark.parametrize("kind", ["gradient", "random"])
def test_a_plane_laid_where_training_diverged_fails_with_a_sentence(trained, kind: str) -> None:
    """Parameters that are not numbers give no direction, of any kind."""
    view = VIEW.model_copy(update={"x": AxisSpec(layers=(1,), kind=kind), "y": AxisSpec(layers=(2,), kind=kind)})
    nowhere = np.full_like(trained[1], np.nan)
    found = answered(LandscapeService(), request(trained, view, laid=nowhere, point=nowhere))
    assert [type(e) for e in found] == [Failed]


def test_data_that_is_missing_fails_with_a_sentence(trained, tmp_path) -> None:
    """A landscape of data that is not on this machine is a Failed, not an exception."""
    run = RunSpec(data={"name": "mnist"})
    (found,) = answered(LandscapeService(cache=tmp_path), request(trained, run=run))
    assert isinstance(found, Failed)
    assert "MNIST" in found.sentence


def test_a_request_can_be_left_between_grid_points(trained) -> None:
    """There is a pause before the first map, so that a newer request need not wait."""
    events = LandscapeService().answer(request(trained))
    assert isinstance(next(e for e in events if e is not None), PlaneLaid)
    assert next(events) is None
    events.close()


def test_a_map_that_takes_long_tells_how_far_it_is(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever more points of all, and how long the others will take at that speed."""
    monkeypatch.setattr(services, "PATIENCE", 0.0)
    told = [e for e in answered(LandscapeService(), request(trained)) if isinstance(e, MapProgress)]
    assert all((e.generation, e.number, e.total) == (4, 1, VIEW.resolution**2) for e in told)
    done = [e.done for e in told]
    assert done == sorted(done)
    assert done[-1] == VIEW.resolution**2
    assert MapProgress(1, 1, 300, 900, 2.0).seconds_left == pytest.approx(4.0)
    assert MapProgress(1, 1, 0, 900, 2.0).seconds_left == float("inf")


def test_a_network_is_known_again(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second map of a run takes the way of the first untried, to the same values; another network is tried."""
    tried = []
    original = evaluators._agree
    monkeypatch.setattr(evaluators, "_agree", lambda *a: tried.append(original(*a)))
    service, follows = LandscapeService(), VIEW.model_copy(update={"mode": "follow"})
    first = answered(service, request(trained, follows))[-1]
    again = answered(service, request(trained, follows, number=2, step=16))[-1]
    assert len(tried) == 1
    assert np.array_equal(first.loss, again.loss)
    other = tiny_run(network__activation="tanh")
    answered(service, request(trained, follows, number=3, run=other))
    assert len(tried) == 2


@pytest.mark.parametrize("mode", ["fixed", "follow", "re-aim"])
@pytest.mark.parametrize("x_range", [(-2.0, 4.0), (-0.3, 0.9), (0.5, 1.0)])
def test_the_trained_point_is_on_the_grid(trained, mode: str, x_range: tuple[float, float]) -> None:
    """Exactly, wherever it lies between the ends, which stay: there the map has the loss of the point itself."""
    problem, start, point = trained
    laid_at = point if mode == "re-aim" else start
    view = VIEW.model_copy(update={"mode": mode})
    m = answered(LandscapeService(), request(trained, view, x_range=x_range, laid=laid_at))[-1]
    place = (0.0, 0.0) if mode == "fixed" else m.point
    assert (m.x[0], m.x[-1]) == x_range
    assert (np.diff(m.x) > 0).all()
    if not x_range[0] < place[0] < x_range[1]:
        assert m.x == pytest.approx(np.linspace(*x_range, len(m.x)))
        return
    (i,), (j,) = np.flatnonzero(m.x == place[0]), np.flatnonzero(m.y == place[1])
    here = torch.from_numpy(start if mode == "fixed" else point)
    expected, accuracy, _ = plain(problem, here, problem.first(VIEW.examples))
    assert m.loss[j, i] == pytest.approx(expected, rel=1e-6)
    assert m.accuracy[j, i] == accuracy
