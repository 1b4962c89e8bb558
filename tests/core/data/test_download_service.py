"""A download as the window asks for it: through the training service, from a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from thalweg.core.messages import (
    Cancel,
    Download,
    Downloaded,
    Failed,
    Frame,
    Progress,
    SessionCommand,
    SessionEvent,
    Start,
    Started,
)
from thalweg.core.training.service import TrainingService

from ..toys import tiny_run

module = importlib.import_module("thalweg.core.data.download")  # the package's attribute is the function


class Handler(BaseHTTPRequestHandler):
    """Sends the files of its server; the body of each only once the server lets it."""

    def do_GET(self) -> None:
        """Answer one request."""
        server = self.server
        assert isinstance(server, Server)
        body = server.files.get(self.path.rpartition("/")[2])
        server.asked += 1
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:3000])
        self.wfile.flush()
        server.go_on.wait(30)
        self.wfile.write(body[3000:])

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Four small files in place of the published ones."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.go_on = files, 0, threading.Event()
        self.go_on.set()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serves what the program takes for MNIST, under the address that it knows."""
    content = {stem: os.urandom(9000) for stem in module.PUBLISHED["mnist"]}
    published = {stem: hashlib.sha256(data).hexdigest() for stem, data in content.items()}
    monkeypatch.setitem(module.PUBLISHED, "mnist", published)
    monkeypatch.setattr(module, "CHUNK", 1000)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    found = Server({f"{stem}.gz": gzip.compress(data) for stem, data in content.items()})
    monkeypatch.setattr(module, "BASE_URLS", {"mnist": f"http://127.0.0.1:{found.server_port}/data"})
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.go_on.set()
    found.shutdown()
    thread.join()
    found.server_close()


class Session:
    """A service, and what it has said: answers, and what it reports meanwhile."""

    def __init__(self, cache: Path) -> None:
        self.service = TrainingService(cache=cache)
        self.reported: list[SessionEvent] = []
        self.service.report = self.reported.append

    def say(self, command: SessionCommand, cancelled: Callable[[], bool] = lambda: False) -> list[SessionEvent]:
        """The answers to a command."""
        return list(self.service.handle(command, cancelled))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A service with an empty cache."""
    return Session(tmp_path)


def files_in(folder: Path) -> set[str]:
    """Names of all files below a folder."""
    return {p.name for p in folder.rglob("*") if p.is_file()}


def test_a_download_reports_its_progress_and_ends_in_the_cache(
    session: Session, server: Server, tmp_path: Path
) -> None:
    """File by file, of the generation that asked; asked for again, nothing is fetched a second time."""
    assert session.say(Download(7, "mnist")) == [Downloaded(7, "mnist")]
    assert files_in(tmp_path) == set(module.PUBLISHED["mnist"])
    told = session.reported
    assert len(told) > 8
    assert all(isinstance(e, Progress) and (e.generation, e.unit) == (7, "bytes") for e in told)
    jobs = list(dict.fromkeys(e.job for e in told if isinstance(e, Progress)))
    assert jobs == [f"Downloading {stem}.gz" for stem in module.PUBLISHED["mnist"]]
    for job in jobs:
        done = [e.done for e in told if isinstance(e, Progress) and e.job == job]
        assert done == sorted(done)
        last = next(e for e in reversed(told) if isinstance(e, Progress) and e.job == job)
        assert last.done == last.total == len(server.files[job.split()[1]])
    asked = server.asked
    assert session.say(Download(7, "mnist")) == [Downloaded(7, "mnist")]
    assert server.asked == asked == 4


def test_a_download_needs_no_run_and_leaves_one_alone(session: Session, server: Server) -> None:
    """It is asked for when there is none; where there is, it trains on as before."""
    session.say(Start(1, (tiny_run(),)))
    assert session.service.runs is not None
    before = session.service.runs.front.session.snapshot()
    assert session.say(Download(1, "mnist")) == [Downloaded(1, "mnist")]
    assert (session.service.runs.front.session.snapshot() == before).all()


@pytest.mark.parametrize("after", [0, 1, 3, 30])
def test_a_download_that_is_cancelled_fails_with_a_sentence(
    session: Session, server: Server, tmp_path: Path, after: int
) -> None:
    """Wherever it is; whole files may stay, pieces may not; it can be begun again."""
    looks = iter(range(10**6))
    (failed,) = session.say(Download(3, "mnist"), lambda: next(looks) >= after)
    assert isinstance(failed, Failed)
    assert failed.generation == 3
    assert "cancelled" in failed.sentence
    assert files_in(tmp_path) < set(module.PUBLISHED["mnist"])
    assert session.say(Download(3, "mnist")) == [Downloaded(3, "mnist")]


def test_a_server_that_says_no_is_a_failure_with_a_sentence(session: Session, server: Server) -> None:
    """And the service goes on."""
    server.files = {}
    (failed,) = session.say(Download(1, "mnist"))
    assert isinstance(failed, Failed)
    assert "404" in failed.sentence
    assert isinstance(session.say(Start(2, (tiny_run(),)))[0], Started)


# --- behind the worker's loop ----------------------------------------------------------------------------------------


class Worker:
    """The worker's loop in a thread, between two queues: no process, so that it sees this test's server."""

    def __init__(self, cache: Path) -> None:
        import multiprocessing as mp

        from thalweg.app.compute.process import Inbox, _serve_session

        self.pipe, theirs = mp.Pipe()
        service = TrainingService(cache=cache)
        service.report = theirs.send

        def work() -> None:
            try:
                _serve_session(theirs, Inbox(theirs), service)
            except (EOFError, OSError):
                theirs.close()

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()
        self.heard: list[object] = []

    def until(self, kind: type) -> object:
        """The next event of a kind."""
        while True:
            assert self.pipe.poll(30), f"no {kind.__name__} but {self.heard}"
            event = self.pipe.recv()
            self.heard.append(event)
            if isinstance(event, kind):
                return event


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """The loop, which ends when its pipe is closed."""
    made = Worker(tmp_path)
    yield made
    made.pipe.close()
    made.thread.join(30)
    assert not made.thread.is_alive()


def test_a_download_behind_the_loop(worker: Worker, server: Server) -> None:
    """Progress comes while it runs."""
    worker.pipe.send(Download(1, "mnist"))
    assert worker.until(Downloaded) == Downloaded(1, "mnist")
    assert sum(isinstance(e, Progress) for e in worker.heard) > 8


def test_cancel_ends_a_download_while_it_runs(worker: Worker, server: Server, tmp_path: Path) -> None:
    """The loop listens in the middle of it, and takes the next command as if nothing had been."""
    server.go_on.clear()
    worker.pipe.send(Download(1, "mnist"))
    worker.until(Progress)
    worker.pipe.send(Cancel(1))
    server.go_on.set()
    failed = worker.until(Failed)
    assert isinstance(failed, Failed)
    assert "cancelled" in failed.sentence
    assert not any(isinstance(e, Downloaded) for e in worker.heard)
    assert len(files_in(tmp_path)) < 4
    worker.pipe.send(Download(1, "mnist"))
    assert worker.until(Downloaded) == Downloaded(1, "mnist")


def test_a_start_during_a_download_ends_it_and_begins(worker: Worker, server: Server) -> None:
    """Nobody waits for data of a scene that is no longer on screen."""
    server.go_on.clear()
    worker.pipe.send(Download(1, "mnist"))
    worker.until(Progress)
    worker.pipe.send(Start(2, (tiny_run(),)))
    server.go_on.set()
    failed = worker.until(Failed)
    assert isinstance(failed, Failed)
    assert failed.generation == 1
    found = worker.until(Started)
    assert isinstance(found, Started)
    assert found.generation == 2
    assert isinstance(worker.until(Frame), Frame)
