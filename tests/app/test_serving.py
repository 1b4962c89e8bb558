"""The workers' loops without processes: which commands are carried out, and which have been overtaken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from thalweg.app.compute.process import _serve_landscapes, _serve_session
from thalweg.core.messages import (
    Advance,
    Cancel,
    CancelSlices,
    Download,
    Failed,
    Frame,
    MapRequest,
    PlaneLaid,
    Play,
    Save,
    SaveParameters,
    Share,
    SliceRequest,
    Start,
)
from thalweg.core.scene import PaceSpec, SlicesSpec

from .rig import a_map, laid, slices_drawn, tiny_scene

RUN = tiny_scene().run


class Pipe:
    """Keeps what the worker says."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def send(self, event: Any) -> None:
        """Keep it."""
        self.said.append(event)


class Inbox:
    """Gives out what the window has sent, one list at each look; then the window is gone."""

    def __init__(self, *looks: list[Any]) -> None:
        self._looks = iter(looks)

    def take(self, seconds: float | None) -> list[Any]:
        """The next list."""
        for found in self._looks:
            return found
        raise EOFError


class Training:
    """A service that writes down what it is told; a download looks three times whether it is to end."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def handle(self, command: Any, cancelled: Callable[[], bool]) -> Iterator[Any]:
        """Write it down."""
        self.told.append(command)
        if isinstance(command, Download) and any(cancelled() for _ in range(3)):
            yield Failed(command.generation, "Cancelled.")

    def work(self, seconds: float) -> None:
        """Nothing is trained."""

    def wait(self) -> float:
        """Until something is sent."""
        return np.inf

    urgent = False

    def news(self) -> list[Any]:
        """Nothing was written."""
        return []

    def frame(self) -> Frame | None:
        """Nothing is new."""
        return None


def served(*looks: list[Any]) -> tuple[list[Any], list[Any]]:
    """What the session was told, and what it said."""
    pipe, service = Pipe(), Training()
    with pytest.raises(EOFError):
        _serve_session(pipe, Inbox(*looks), service)  # type: ignore[arg-type]
    return service.told, pipe.said


# --- the session -----------------------------------------------------------------------------------------------------


def test_commands_are_carried_out_in_their_order() -> None:
    """Also those that come together."""
    sent = [Start(1, (RUN,)), Play(1, True, PaceSpec()), Advance(1, 2), Advance(1, 1)]
    assert served(sent[:1], sent[1:3], [], sent[3:])[0] == sent


def test_the_newest_start_drops_what_came_before_it() -> None:
    """Each would read data and build a network, for nothing."""
    old = [Start(1, (RUN,)), Play(1, True, PaceSpec()), Start(2, (RUN,)), Play(2, True, PaceSpec())]
    new = [Start(3, (RUN,)), Play(3, False, PaceSpec())]
    assert served([*old, *new])[0] == new


def test_what_was_to_be_written_is_written_though_another_run_begins() -> None:
    """The person has asked for it, and the run is gone after that; an answer is waited for."""
    scene = tiny_scene()
    saves = [Save(1, "/a.h5", scene), SaveParameters(1, "/a.safetensors"), Save(1, "/kept.h5", scene, kept=True)]
    told, _ = served([Play(1, False, PaceSpec()), *saves, Start(2, (RUN,)), Play(2, True, PaceSpec())])
    assert [c for c in told if isinstance(c, Save | SaveParameters)] == saves
    assert told.index(saves[-1]) < told.index(Start(2, (RUN,)))


@pytest.mark.parametrize("end", [Cancel(1), Start(2, (RUN,))])
def test_a_download_is_ended_by_cancel_and_by_start(end: object) -> None:
    """Which are then carried out; other commands wait for its end."""
    pause = Play(1, False, PaceSpec())
    told, said = served([Download(1, "mnist")], [pause], [end])
    assert said == [Failed(1, "Cancelled.")]
    assert told[0] == Download(1, "mnist")
    assert end in told[1:]
    told, said = served([Download(1, "mnist")], [pause], [], [])
    assert said == []
    assert told == [Download(1, "mnist"), pause]


def test_what_a_download_has_read_meanwhile_is_overtaken_too() -> None:
    """Starts that came while it ran: only the newest is begun."""
    starts = [Start(g, (RUN,)) for g in range(2, 7)]
    told, _ = served([Download(1, "mnist")], starts[:2], starts[2:], [])
    assert told[0] == Download(1, "mnist")
    assert told[-1] == starts[-1]
    assert set(told[1:]) <= {starts[1], starts[-1]}


# --- the landscapes --------------------------------------------------------------------------------------------------


def asked(number: int) -> MapRequest:
    """A request for a map."""
    point = np.zeros(3, dtype=np.float32)
    view = tiny_scene().view.plane
    return MapRequest(1, number, RUN, view, 0, 0, point, 0, point, (-1.0, 1.0), (-1.0, 1.0))


class Landscapes:
    """A service whose maps have a plane, two passes, and rests in between."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def answer(self, request: MapRequest) -> Iterator[Any]:
        """Four events, with looks between them."""
        self.begun.append(request.number)
        yield laid(0)
        yield None
        yield a_map(0, request.number, complete=False)
        yield None
        yield a_map(0, request.number)

    def slices(self, request: SliceRequest) -> Iterator[Any]:
        """Three events and rests between them."""
        self.begun.append(-request.number)
        yield None
        yield slices_drawn(1, request.number, count=1)
        yield None
        yield slices_drawn(1, request.number)


def mapped(*looks: list[Any], service: Any = None) -> tuple[list[Any], Any]:
    """What the landscape worker said, and its service."""
    pipe, service = Pipe(), service or Landscapes()
    with pytest.raises(EOFError):
        _serve_landscapes(pipe, Inbox(*looks), service, 1.0)  # type: ignore[arg-type]
    return [(e.number, e.complete) if not isinstance(e, PlaneLaid | Failed) else e for e in pipe.said], service


def maps(said: list[Any]) -> list[tuple[int, bool]]:
    """The maps among what was said: number, and whether complete."""
    return [e for e in said if isinstance(e, tuple)]


def test_a_map_is_finished_when_nothing_replaces_it() -> None:
    """Coarse, then complete; then it waits."""
    said, _ = mapped([asked(1)], *[[]] * 7)
    assert maps(said) == [(1, False), (1, True)]


@pytest.mark.parametrize("when", range(6))
def test_a_replaced_map_is_dropped_once_its_coarse_pass_is_out(when: int) -> None:
    """So that a steady stream of requests still shows pictures; the newest is always finished."""
    looks: list[list[Any]] = [[] for _ in range(14)]
    looks[when].append(asked(2))
    said, _ = mapped([asked(1)], *looks)
    shown = maps(said)
    assert shown[-2:] == [(2, False), (2, True)]
    assert (1, False) in shown
    assert ((1, True) in shown) is (when > 3)  # then it was complete already


def test_a_stream_of_requests_shows_a_picture_of_each_that_is_begun() -> None:
    """One comes at every look: each map that is begun brings its coarse pass, and those between are never begun."""
    said, service = mapped([asked(1)], *([asked(n)] for n in range(2, 40)))
    shown = maps(said)
    assert len(shown) >= 8
    assert shown == [(n, False) for n in service.begun[: len(shown)]]
    assert service.begun == sorted(service.begun)


@pytest.mark.parametrize("when", range(5))
def test_a_cancelled_map_is_dropped_at_once(when: int) -> None:
    """Nobody sees it; the next request is answered."""
    looks: list[list[Any]] = [[] for _ in range(16)]
    looks[when].append(Cancel(1))
    looks[when + 3].append(asked(2))
    said, _ = mapped([asked(1)], *looks)
    assert ((1, False) in maps(said)) is (when > 1)
    assert ((1, True) in maps(said)) is (when > 3)
    assert maps(said)[-2:] == [(2, False), (2, True)]


def test_a_share_does_not_disturb_a_map() -> None:
    """It is taken up on the way."""
    said, _ = mapped([Share(0.5)], [asked(1)], [Share(1.0)], *[[]] * 8)
    assert maps(said) == [(1, False), (1, True)]


def test_an_error_in_a_map_is_told_with_its_number_and_the_worker_stays() -> None:
    """Whatever it is."""

    class Broken(Landscapes):
        def answer(self, request: MapRequest) -> Iterator[Any]:
            if request.number == 1:
                raise ZeroDivisionError("seven")
            yield from super().answer(request)

    said, _ = mapped([asked(1)], [], [asked(2)], *[[]] * 8, service=Broken())
    assert isinstance(said[0], Failed)
    assert (said[0].number, said[0].worker) == (1, "landscape")
    assert "seven" in said[0].sentence
    assert maps(said) == [(2, False), (2, True)]


# --- the slices ------------------------------------------------------------------------------------------------------


def sliced(number: int) -> SliceRequest:
    """A request for slices, told from maps by a negative number."""
    return SliceRequest(1, number, RUN, SlicesSpec(), 0, np.zeros(3, dtype=np.float32))


def sequence(*looks: list[Any], service: Any = None) -> list[tuple[str, int, bool]]:
    """What was said, in order: map or slices, number, whether complete."""
    pipe = Pipe()
    with pytest.raises(EOFError):
        _serve_landscapes(pipe, Inbox(*looks), service or Landscapes(), 1.0)  # type: ignore[arg-type]
    found = [e for e in pipe.said if not isinstance(e, PlaneLaid)]
    return [("slices" if type(e).__name__ == "SlicesDrawn" else "map", e.number, e.complete) for e in found]


SLICES = [("slices", 7, False), ("slices", 7, True)]
MAPS = [("map", 1, False), ("map", 1, True)]


def test_slices_are_finished_when_nothing_replaces_them() -> None:
    """As far as they are, then complete; then the worker waits."""
    assert sequence([sliced(7)], *[[]] * 7) == SLICES


@pytest.mark.parametrize("when", range(5))
def test_a_map_interrupts_slices_which_go_on_after_it(when: int) -> None:
    """Nothing of them is lost, nothing computed twice."""
    looks: list[list[Any]] = [[] for _ in range(16)]
    looks[when].append(asked(1))
    service = Landscapes()
    said = sequence([sliced(7)], *looks, service=service)
    assert [e for e in said if e[0] == "slices"] == SLICES
    assert [e for e in said if e[0] == "map"] == MAPS
    first = said.index(MAPS[0])
    assert said[first + 1] == MAPS[1], "the map is finished before the slices go on"
    assert service.begun.count(-7) == 1


def test_slices_wait_for_the_map() -> None:
    """That is under way, or comes together with them."""
    for looks in ([[sliced(7), asked(1)]], [[asked(1)], [sliced(7)]]):
        assert sequence(*looks, *[[]] * 14) == MAPS + SLICES


@pytest.mark.parametrize("when", range(3))
def test_newer_slices_replace_older_ones_at_once(when: int) -> None:
    """Newest wins."""
    looks: list[list[Any]] = [[] for _ in range(14)]
    looks[when].append(sliced(8))
    assert sequence([sliced(7)], *looks)[-2:] == [("slices", 8, False), ("slices", 8, True)]
    assert ("slices", 7, True) not in sequence([sliced(7)], *looks)


def test_each_is_cancelled_alone() -> None:
    """Slices without the map, the map without the slices."""
    assert sequence([asked(1), sliced(7)], [], [CancelSlices(1)], *[[]] * 14) == MAPS
    assert sequence([asked(1), sliced(7)], [Cancel(1)], *[[]] * 14) == SLICES


def test_an_error_in_slices_is_told_and_the_map_goes_on() -> None:
    """With their number, so that the window knows whose it is."""

    class Broken(Landscapes):
        def slices(self, request: SliceRequest) -> Iterator[Any]:
            raise ZeroDivisionError("seven")
            yield

    pipe = Pipe()
    with pytest.raises(EOFError):
        _serve_landscapes(pipe, Inbox([sliced(7)], [], [asked(1)], *[[]] * 8), Broken(), 1.0)  # type: ignore[arg-type]
    failed = pipe.said[0]
    assert isinstance(failed, Failed)
    assert (failed.worker, failed.number) == ("slices", 7)
    assert "seven" in failed.sentence
    assert pipe.said[-1].complete
