"""Fetches MNIST and Fashion-MNIST into the cache. Nothing else in the program uses the network.

What is checked is the unpacked content, not the compressed file, since mirrors compress it differently; so it
is unpacked while it arrives and kept unpacked (55 million bytes a set).
"""

from __future__ import annotations

import errno
import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import platformdirs

from thalweg.core.data.dataset import DataError
from thalweg.core.data.mnist import PUBLISHED, TITLES, file_size, find_file

BASE_URLS = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    # Without https: website endpoints of Amazon S3 do not offer it. The checksum decides what is accepted.
    "fashion": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
"""Where each set's four .gz files are."""

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a connection, and for the next bytes."""

CHUNK = 1 << 14
"""Bytes between two looks at ``cancelled``."""

ADVICE = "name a folder that holds its four files, or use the built-in digits"

Progress = Callable[[str, int, int], None]
"""Takes a file's name, the bytes that have arrived and the bytes in all (0: the server does not say)."""


class DownloadCancelled(DataError):
    """The download was cancelled, as ``cancelled`` asked."""


def cache_folder(name: str, cache: Path | None = None) -> Path:
    """The folder for a data set's downloaded files, in ``cache`` (None: the person's); it may not exist."""
    return (cache or platformdirs.user_cache_path("thalweg")) / name


def is_downloaded(name: str, cache: Path | None = None) -> bool:
    """Whether all files that a data set needs are in the cache; the built-in digits need none."""
    folder = cache_folder(name, cache)
    try:
        return all(find_file(folder, stem) for stem in PUBLISHED.get(name, ()))
    except OSError:
        return False


def download(
    name: str,
    cache: Path | None = None,
    base_url: str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Fetch "mnist" or "fashion" and return the folder of its four unpacked files.

    Files that are there and have the published content are kept and not asked for again; a file takes its
    place only once it is whole and its content is the published one. ``progress`` and ``cancelled`` are
    called between pieces, from the calling thread.

    Raises :class:`DataError`, saying what to do instead, if a file cannot be had or stored, and
    :class:`DownloadCancelled` if ``cancelled`` returned true.
    """
    if name not in BASE_URLS:
        raise DataError(f"{name}: is not a data set to download; expected one of {', '.join(BASE_URLS)}")
    folder = cache_folder(name, cache)
    base_url = (base_url or BASE_URLS[name]).rstrip("/") + "/"
    for stem, sha256 in PUBLISHED[name].items():
        fetch = _Fetch(name, stem, progress or _silent, cancelled or _never)
        url = f"{base_url}{stem}.gz"
        with _plain_errors(TITLES[name], url, folder):
            fetch.raise_if_cancelled()
            _retrieve(url, stem, sha256, folder, fetch)
    return folder


def _retrieve(url: str, stem: str, sha256: str, folder: Path, fetch: _Fetch) -> None:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    pooch.retrieve(url, known_hash=f"sha256:{sha256}", fname=stem, path=folder, downloader=fetch)


class _Fetch:
    """A downloader as pooch calls it, and the progress bar that pooch's own downloader calls."""

    def __init__(self, name: str, stem: str, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self.total = 0  # set by pooch from the Content-Length
        self._title, self._file, self._limit = TITLES[name], f"{stem}.gz", file_size(name, stem)
        self._done = 0
        self._progress, self._cancelled = progress, cancelled

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        import pooch

        answers = ExitStack()  # pooch leaves the connection open when it fails

        def note(answer: Any, **_: object) -> None:
            answers.callback(answer.close)

        get = pooch.HTTPDownloader(progressbar=self, chunk_size=CHUNK, timeout=TIMEOUT, hooks={"response": note})
        with Path(output_file).open("wb") as out, answers:
            get(url, _Unpacking(out, self._limit), None)

    def raise_if_cancelled(self) -> None:
        if self._cancelled():
            raise DownloadCancelled(f"The download of {self._title} was cancelled; start it again, {ADVICE}.")

    def update(self, count: int) -> None:
        self.raise_if_cancelled()
        self._done += count
        if self.total:  # pooch counts the last piece as a full one
            self._done = min(self._done, self.total)
        self._progress(self._file, self._done, self.total)

    def reset(self) -> None:
        """Keep the count: pooch starts it again only to end with a full bar."""

    def close(self) -> None:
        self._progress(self._file, self._done, self.total or self._done)


class _Unpacking:
    """A file to write to that unpacks what it is given, and refuses more than the published file holds."""

    def __init__(self, out: IO[bytes], limit: int) -> None:
        self._out, self._room = out, limit
        self._inflate: Any = None
        self._started = False

    def write(self, piece: bytes) -> int:
        if not self._started:  # a server that declares the compression has it undone on the way
            self._inflate = zlib.decompressobj(wbits=31) if piece[:2] == b"\x1f\x8b" else None
            self._started = True
        beyond = self._inflate is not None and self._inflate.eof
        try:
            unpacked = self._inflate.decompress(piece, self._room + 1) if self._inflate else piece
        except zlib.error as error:
            raise ValueError(f"damaged gzip data: {error}") from error
        self._room -= len(unpacked)
        if beyond or self._room < 0:
            raise ValueError("more data than the published file holds")
        self._out.write(unpacked)
        return len(piece)

    def flush(self) -> None:
        self._out.flush()


@contextmanager
def _plain_errors(title: str, url: str, folder: Path) -> Iterator[None]:
    import requests

    def sentence(reason: str) -> DataError:
        return DataError(f"{title} could not be downloaded: {reason}; {ADVICE}.")

    try:
        yield
    except requests.HTTPError as error:
        status = "an error" if error.response is None else error.response.status_code
        raise sentence(f"the server answered {status} for {url}") from error
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
        raise sentence(f"the transfer of {url} broke off or was damaged") from error
    except requests.Timeout as error:
        raise sentence(f"no answer in time for {url}") from error
    except requests.ConnectionError as error:
        raise sentence(f"no connection to the server of {url}, or it was lost") from error
    except requests.RequestException as error:
        raise sentence(f"{url} cannot be asked for ({error})") from error
    except ValueError as error:  # from pooch for another checksum, from zlib, from a malformed answer
        raise sentence(f"what came from {url} is not the published file (its checksum differs)") from error
    except OSError as error:
        raise sentence(f"the cache {folder} cannot be written ({_reason(error)})") from error


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "its disk is full"
    if isinstance(error, PermissionError):  # pooch raises it anew, in several sentences
        return "no permission"
    return error.strerror or str(error)


def _silent(_file: str, _done: int, _total: int) -> None:
    pass


def _never() -> bool:
    return False
