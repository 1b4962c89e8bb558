from __future__ import annotations

import errno
import gzip
import hashlib
import importlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from thalweg.core.data import DataError, DownloadCancelled, is_downloaded, load
from thalweg.core.scene import DataSpec

module = importlib.import_module("thalweg.core.data.download")  # the package's attribute is the function
ADVICE = "; name a folder that holds its four files, or use the built-in digits."
FIRST = "train-labels-idx1-ubyte"


class Server(ThreadingHTTPServer):
    """Serves ``files`` from memory over loopback and notes what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.headers: dict[str, str | None] = {}  # in place of the true ones; None: not sent
        self.stop_after: int | None = None  # bytes of a body
        self.pause = threading.Event()  # unset: wait at stop_after rather than hang up
        self.pause.set()

    @property
    def url(self) -> str:
        """The address below which the files are."""
        return f"http://127.0.0.1:{self.server_port}/data"


class Handler(BaseHTTPRequestHandler):
    """Answers one request as its server says."""

    server: Server

    def do_GET(self) -> None:
        """Send a file, or its beginning."""
        name = self.path.removeprefix("/data/")
        self.server.asked.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        self.send_response(200)
        for key, value in ({"Content-Length": str(len(body))} | self.server.headers).items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[: self.server.stop_after])
        self.server.pause.wait(30)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server, which is shut down afterwards."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.pause.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def small(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four small files in place of the published ones, served compressed; their unpacked content."""
    content = {stem: os.urandom(9000) for stem in module.PUBLISHED["mnist"]}
    published = {stem: hashlib.sha256(data).hexdigest() for stem, data in content.items()}
    monkeypatch.setitem(module.PUBLISHED, "mnist", published)
    monkeypatch.setattr(module, "CHUNK", 1000)
    server.files = {f"{stem}.gz": gzip.compress(data) for stem, data in content.items()}
    return content


def files_in(folder: Path) -> set[str]:
    """Names of all files below a folder."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def failure(cache: Path, url: str) -> str:
    """The error's sentence; it says what to do instead, and no partial file is left."""
    before = files_in(cache) if cache.is_dir() else set()
    with pytest.raises(DataError) as caught:
        module.download("mnist", cache, url)
    message = str(caught.value)
    assert message.startswith("MNIST could not be downloaded: ") and message.endswith(ADVICE)
    assert "\n" not in message
    if cache.is_dir():
        assert files_in(cache) - before <= set(module.PUBLISHED["mnist"])
    return message


@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_published_files(name: str, server: Server, real_data: Callable[[str], Path], tmp_path: Path) -> None:
    """The published files arrive whole and are read; progress never falls and ends full; once is enough."""
    server.files = {path.name: path.read_bytes() for path in real_data(name).glob("*.gz")}
    seen: dict[str, list[tuple[int, int]]] = {}
    folder = module.download(
        name, tmp_path, server.url, lambda file, done, total: seen.setdefault(file, []).append((done, total))
    )
    assert folder == tmp_path / name and is_downloaded(name, tmp_path)
    assert files_in(tmp_path) == set(module.PUBLISHED[name])
    assert set(seen) == set(server.files) == set(server.asked)
    for file, steps in seen.items():
        size = len(server.files[file])
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
        assert steps[-1] == (size, size) and {total for _, total in steps} == {size}
    data = load(DataSpec(name=name, train=5), tmp_path)
    assert data.test_images.shape == (10000, 784) and "published" not in data.description
    assert module.download(name, tmp_path, server.url) == folder
    assert len(server.asked) == 4


def test_content_is_kept_unpacked(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """Each file in the cache is the unpacked content; an address may end with a slash or not."""
    folder = module.download("mnist", tmp_path, server.url + "/")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == small


def test_other_compression(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """The same content compressed in another way is the published content."""
    server.files = {f"{stem}.gz": gzip.compress(data, 1, mtime=7) for stem, data in small.items()}
    assert files_in(module.download("mnist", tmp_path, server.url)) == set(small)


def test_declared_compression(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A server that declares the compression, so that it is undone on the way, is understood."""
    server.headers = {"Content-Encoding": "gzip"}
    assert files_in(module.download("mnist", tmp_path, server.url)) == set(small)


def test_unknown_length(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """Without a Content-Length the total is 0 until the end, and then what arrived."""
    server.headers = {"Content-Length": None}
    steps: list[tuple[int, int]] = []
    module.download("mnist", tmp_path, server.url, lambda _file, done, total: steps.append((done, total)))
    assert files_in(tmp_path) == set(small)
    assert steps[0] == (1000, 0)
    assert all(total in (0, done) for done, total in steps)
    assert steps[-1][0] == steps[-1][1] > 0


def test_malformed_length(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A Content-Length that is no number is an error in words."""
    server.headers = {"Content-Length": "many"}
    failure(tmp_path, server.url)


def test_damaged_declared_compression(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A body that cannot be unpacked as declared is not kept."""
    server.headers = {"Content-Encoding": "gzip"}
    server.files[f"{FIRST}.gz"] = b"not compressed at all"
    assert "broke off or was damaged" in failure(tmp_path, server.url)
    assert not files_in(tmp_path)


def test_truncated(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A body shorter than its Content-Length is not kept."""
    server.stop_after = 3000
    assert "broke off" in failure(tmp_path, server.url)
    assert not files_in(tmp_path)


def test_whole_transfer_of_half_a_file(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A compressed file that was already cut at the server is not kept."""
    server.files[f"{FIRST}.gz"] = server.files[f"{FIRST}.gz"][:-100]
    assert "is not the published file (its checksum differs)" in failure(tmp_path, server.url)
    assert not files_in(tmp_path)


@pytest.mark.parametrize("where", [500, -5])
def test_flipped_byte(where: int, server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """One changed byte, in the data or in the checksum of the compression, is noticed."""
    body = bytearray(server.files[f"{FIRST}.gz"])
    body[where] ^= 0x10
    server.files[f"{FIRST}.gz"] = bytes(body)
    assert "is not the published file" in failure(tmp_path, server.url)
    assert not files_in(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Please sign in to the network</html>",
        b"",
        gzip.compress(b"other data"),
        gzip.compress(bytes(10**7)),
    ],
    ids=["sign-in page", "nothing", "other content", "unpacks to too much"],
)
def test_something_else(body: bytes, server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever else a server sends is refused by its content."""
    server.files[f"{FIRST}.gz"] = body
    assert "is not the published file" in failure(tmp_path, server.url)
    assert not files_in(tmp_path)


def test_endless_tail(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """Data after the end of the compressed file is refused rather than collected."""
    server.files[f"{FIRST}.gz"] += bytes(5000)
    assert "is not the published file" in failure(tmp_path, server.url)


def test_refused(small: dict[str, bytes], tmp_path: Path) -> None:
    """A port where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = taken.getsockname()[1]
        assert "no connection to the server" in failure(tmp_path, f"http://127.0.0.1:{port}/")


def test_not_found(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A server without the file; files before it are kept, later ones are not asked for."""
    missing = [*server.files][1]
    del server.files[missing]
    assert f"the server answered 404 for {server.url}/{missing}" in failure(tmp_path, server.url)
    assert files_in(tmp_path) == {FIRST}
    assert len(server.asked) == 2


@pytest.mark.parametrize("sent", [0, 3000])
def test_silence(
    sent: int,
    server: Server,
    small: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that falls silent, at once or midway, is given up after the time limit."""
    monkeypatch.setattr(module, "TIMEOUT", (5.0, 0.1))
    server.stop_after = sent
    server.pause.clear()
    failure(tmp_path, server.url)
    assert not files_in(tmp_path)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "no-address", "http://[::1"])
def test_unusable_address(url: str, small: dict[str, bytes], tmp_path: Path) -> None:
    """An address that cannot be asked is an error in words as well."""
    failure(tmp_path, url)


def test_cancelled_midway(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """Cancelling while a file arrives keeps the files before it only; starting again completes."""
    done: list[str] = []
    with pytest.raises(DownloadCancelled, match="was cancelled; start it again, name a folder"):
        module.download(
            "mnist",
            tmp_path,
            server.url,
            lambda file, _done, _total: done.append(file),
            lambda: len(set(done)) > 1,
        )
    assert files_in(tmp_path) == {FIRST}
    assert not is_downloaded("mnist", tmp_path)
    assert files_in(module.download("mnist", tmp_path, server.url)) == set(small)
    assert server.asked.count(f"{FIRST}.gz") == 1


def test_cancelled_before(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """Cancelling before the start asks for nothing."""
    with pytest.raises(DownloadCancelled):
        module.download("mnist", tmp_path, server.url, cancelled=lambda: True)
    assert not server.asked and not files_in(tmp_path)


def test_good_files_stay(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A failed download harms nothing that is there; a damaged file is replaced once the server is well."""
    folder = module.download("mnist", tmp_path, server.url)
    (folder / FIRST).write_bytes(b"damaged")
    good, server.files = server.files, {}
    assert "404" in failure(tmp_path, server.url)
    assert files_in(tmp_path) == set(small) and (folder / FIRST).read_bytes() == b"damaged"
    server.files, server.asked = good, []
    module.download("mnist", tmp_path, server.url)
    assert (folder / FIRST).read_bytes() == small[FIRST]
    assert server.asked == [f"{FIRST}.gz"]


def test_cache_is_a_file(server: Server, small: dict[str, bytes], tmp_path: Path) -> None:
    """A file where the cache should be."""
    (tmp_path / "cache").write_text("in the way")
    assert "cannot be written" in failure(tmp_path / "cache", server.url)
    assert (tmp_path / "cache").read_text() == "in the way"


def test_cache_not_writable(server: Server, small: dict[str, bytes], read_only_folder: Path) -> None:
    """A cache without permission to write."""
    assert "cannot be written (no permission)" in failure(read_only_folder / "cache", server.url)
    assert "cannot be written (no permission)" in failure(read_only_folder, server.url)


def test_disk_full(server: Server, small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while a file is written."""

    def write(self: object, piece: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module._Unpacking, "write", write)
    assert "cannot be written (its disk is full)" in failure(tmp_path, server.url)
    assert not files_in(tmp_path)


def test_unknown_name(tmp_path: Path) -> None:
    """Only the two published sets can be downloaded; the built-in digits need nothing."""
    with pytest.raises(DataError, match="digits: is not a data set to download; expected one of mnist, fashion"):
        module.download("digits", tmp_path)
    assert is_downloaded("digits", tmp_path)


def test_quiet(server: Server, small: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed."""
    module.download("mnist", tmp_path, server.url)
    assert capfd.readouterr() == ("", "")


def test_default_addresses_cover_every_set() -> None:
    """Every set with published checksums has an address to fetch it from, and the other way round."""
    assert set(module.BASE_URLS) == set(module.PUBLISHED)
    assert all(url.endswith("/") for url in module.BASE_URLS.values())
